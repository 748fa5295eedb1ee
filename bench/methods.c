/* SPDX-License-Identifier: MIT */
/* Signed maps by each method of the family. */
#include "bench.h"

#include "arrays.h"
#include "oracle.h"
#include "oracle_methods.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 5, CHANNELS = 1280, SIDE = 7, CELLS = SIDE * SIDE };

static const struct method {
    const char *name;
    uint32_t method;
    bool agnostic, eigen;
} methods[] = {
    {"grad-cam", FMGCAM_METHOD_GRAD_CAM, false, false},
    {"grad-cam++", FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS, false, false},
    {"grad-cam++-stable", FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE, false,
     false},
    {"xgrad-cam", FMGCAM_METHOD_XGRAD_CAM, false, false},
    {"layer-cam", FMGCAM_METHOD_LAYER_CAM, false, false},
    {"hires-cam", FMGCAM_METHOD_HIRES_CAM, false, false},
    {"element-wise", FMGCAM_METHOD_ELEMENT_WISE, false, false},
    {"contrastive", FMGCAM_METHOD_CONTRASTIVE, false, false},
    {"eigen-cam", FMGCAM_METHOD_EIGEN_CAM, true, true},
    {"eigen-grad-cam", FMGCAM_METHOD_EIGEN_GRAD_CAM, false, true},
    {"fem", FMGCAM_METHOD_FEM, true, false},
};

struct run {
    fmgcam_context *context;
    struct picture picture;
    float maps[CLASSES * CELLS];
    size_t floats; /* that are read */
};

static void make_maps(void *job)
{
    struct run *run = job;
    fmgcam_outputs outputs = {.struct_size = sizeof outputs,
                              .signed_maps = {run->maps, sizeof run->maps}};
    must(run->context,
         fmgcam_explain(run->context, &run->picture.inputs, &outputs));
}

static void read_inputs(void *job)
{
    struct run *run = job;
    sink = read_all(run->picture.activations, CHANNELS * CELLS);
    sink = read_all(run->picture.gradients,
                    run->floats - (size_t)CHANNELS * CELLS);
}

/* ---- Checking ------------------------------------------------------------ */

/* X X^T, X [S, C] being products less each channel's mean. */
static void find_gram(const float *a, const float *g, double gram[CELLS][CELLS])
{
    memset(gram, 0, CELLS * sizeof *gram);
    for (size_t c = 0; c < CHANNELS; c++, a += CELLS, g += g ? CELLS : 0) {
        double x[CELLS], mean = 0;
        for (size_t s = 0; s < CELLS; s++) {
            x[s] = (double)a[s] * (g ? (double)g[s] : 1);
            mean += x[s] / CELLS;
        }
        for (size_t s = 0; s < CELLS; s++)
            for (size_t t = 0; t < CELLS; t++)
                gram[s][t] += (x[s] - mean) * (x[t] - mean);
    }
}

/* Apply the matrix to the vector, and return the length of what comes out,
 * which is brought to 1. */
static double step(double gram[CELLS][CELLS], double vector[CELLS])
{
    double next[CELLS] = {0}, squares = 0;
    for (size_t s = 0; s < CELLS; s++) {
        for (size_t t = 0; t < CELLS; t++)
            next[s] += gram[s][t] * vector[t];
        squares += next[s] * next[s];
    }
    for (size_t s = 0; s < CELLS; s++)
        vector[s] = next[s] / sqrt(squares);
    return sqrt(squares);
}

/* M = sqrt(lambda) u for the largest eigenvalue, by power iteration: the values
 * of noise are far enough apart for 10,000 steps, after which only rounding in
 * double is left. Of either sign. */
static void check_eigen(const struct method *method, const struct run *run,
                        size_t k)
{
    const float *gradients = run->picture.gradients + k * CHANNELS * CELLS;
    const float *got = run->maps + k * CELLS;
    double gram[CELLS][CELLS], vector[CELLS], lambda = 0, sign = 0;
    find_gram(run->picture.activations, method->agnostic ? NULL : gradients,
              gram);
    for (size_t s = 0; s < CELLS; s++)
        vector[s] = (double)(s % 7) - 3 + 0.1 * (double)s;
    for (int i = 0; i < 10000; i++)
        lambda = step(gram, vector);
    for (size_t s = 0; s < CELLS; s++)
        sign += vector[s] * (double)got[s];
    double scale = sqrt(lambda) * (sign < 0 ? -1 : 1);
    for (size_t s = 0; s < CELLS; s++) {
        double want = vector[s] * scale;
        double bound = FLOAT_ROUNDOFF * fabs(want) + 1e-9 * fabs(scale);
        if (!(fabs(want - (double)got[s]) <= bound))
            die("%s: cell %zu of class %zu is %g, not %g", method->name, s, k,
                (double)got[s], want);
    }
}

static void check_formula(const struct method *method, const struct run *run)
{
    const problem p = {
        .size = {CLASSES, CHANNELS, SIDE, SIDE},
        .cells = CELLS,
        .stack = CLASSES * CELLS,
        .activations = (float *)(uintptr_t)run->picture.activations,
        .gradients = (float *)(uintptr_t)run->picture.gradients,
    };
    size_t classes = method->agnostic ? 1 : CLASSES;
    expected e;
    expected_init(&e, &p, classes);
    expect_method(method->method, &p, &e);
    for (size_t i = 0; i < classes * CELLS && !e.vague; i++)
        if (!(fabs((double)run->maps[i] - e.maps[i]) <= e.bounds[i]))
            die("%s: value %zu is %g, not %g", method->name, i,
                (double)run->maps[i], e.maps[i]);
    expected_free(&e);
}

/* w_k = v_k - 0.6 mean of v_t, t being the three nearest ranks. Pooling rounds
 * S / 16 + 5 times, the contrast once, combining C times. */
static void check_contrastive(const struct run *run)
{
    static const size_t nearest[CLASSES][3] = {
        {1, 2, 3}, {0, 2, 3}, {1, 3, 0}, {2, 4, 1}, {3, 2, 1}};
    const size_t count = (size_t)CLASSES * CHANNELS;
    const int roundings = CHANNELS + CELLS / 16 + 8;
    double *v = make_doubles(count), *bound = make_doubles(count);
    oracle_pool(run->picture.gradients, count, CELLS, v, bound);
    for (size_t i = 0; i < CLASSES * CELLS; i++) {
        const size_t k = i / CELLS, *t = nearest[k];
        double sum = 0, size = 0;
        for (size_t c = 0; c < CHANNELS; c++) {
            double a = (double)run->picture.activations[c * CELLS + i % CELLS];
            double x = v[t[0] * CHANNELS + c], y = v[t[1] * CHANNELS + c];
            double z = v[t[2] * CHANNELS + c], own = v[k * CHANNELS + c];
            sum += (own - 0.6 * (x + y + z) / 3) * a;
            size += (fabs(own) + 0.2 * (fabs(x) + fabs(y) + fabs(z))) * fabs(a);
        }
        if (!(fabs(sum - (double)run->maps[i]) <=
              float_gamma(roundings) * size))
            die("contrastive: value %zu is %g, not %g", i, (double)run->maps[i],
                sum);
    }
    free(v);
    free(bound);
}

static void check(const struct method *method, struct run *run)
{
    const struct shape shape = {CHANNELS, SIDE, SIDE};
    make_maps(run);
    if (method->method == FMGCAM_METHOD_GRAD_CAM)
        check_grad_cam(&run->picture, shape, CLASSES, run->maps, false);
    else if (method->method == FMGCAM_METHOD_CONTRASTIVE)
        check_contrastive(run);
    else if (method->eigen)
        for (size_t k = 0; k < (method->agnostic ? 1 : CLASSES); k++)
            check_eigen(method, run, k);
    else
        check_formula(method, run);
}

/* ---- Timing -------------------------------------------------------------- */

static void time_method(struct bench *bench, const struct method *method)
{
    const struct shape shape = {CHANNELS, SIDE, SIDE};
    struct run run = {
        .context = make_context((fmgcam_options){.method = method->method}),
        .floats = picture_floats(shape, method->agnostic ? 0 : CLASSES),
    };
    picture_init(bench, &run.picture, shape, CLASSES, 0);
    if (method->agnostic)
        run.picture.inputs.gradients = NULL;
    check(method, &run);

    struct rival rivals[] = {{.work = make_maps, .job = &run},
                             {.work = read_inputs, .job = &run}};
    time_rivals(bench, rivals, 2, 1);
    double ratio = paired_ratio(bench, &rivals[0], &rivals[1]);
    report(bench,
           json_pack("{s:s, s:s, s:s, s:i, s:f, s:f, s:f}", "name", "method",
                     "method", method->name, "shape", shape_text(shape),
                     "classes", method->agnostic ? 1 : CLASSES, "ns",
                     rivals[0].ns, "floor_ns", rivals[1].ns, "floor_ratio",
                     ratio),
           "%-18s %9.1f us  reading %8.1f us  %6.2f x", method->name,
           rivals[0].ns / 1e3, rivals[1].ns / 1e3, ratio);
    free_rivals(rivals, 2);
    fmgcam_destroy(run.context);
}

void bench_methods(struct bench *bench)
{
    headline(bench, "Signed maps by each method, 1280x7x7, 5 classes (1 where "
                    "it knows none), cached, one thread");
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        time_method(bench, &methods[i]);
}
