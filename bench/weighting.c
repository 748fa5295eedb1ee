/* SPDX-License-Identifier: MIT */
/* Stages 1 and 2 beside reading their inputs, and beside a pair of BLAS calls. */
#include "bench.h"

#include "arrays.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef FMGCAM_HAVE_CBLAS
# include <cblas.h>
#endif

struct weighting {
    struct shape shape;
    uint32_t classes;
    struct picture *pictures;
    size_t count; /* of pictures, which one call walks over */
    fmgcam_context *context;
    float *maps;           /* [classes, cells] */
    float *weights, *ones; /* of BLAS */
};

static void weigh(void *job)
{
    struct weighting *w = job;
    size_t bytes = w->classes * cells_of(w->shape) * sizeof *w->maps;
    fmgcam_outputs outputs = {.struct_size = sizeof outputs,
                              .signed_maps = {w->maps, bytes}};
    for (size_t i = 0; i < w->count; i++)
        must(w->context,
             fmgcam_explain(w->context, &w->pictures[i].inputs, &outputs));
}

static void read_inputs(void *job)
{
    struct weighting *w = job;
    size_t floats = picture_floats(w->shape, w->classes);
    for (size_t i = 0; i < w->count; i++)
        sink = read_all(w->pictures[i].gradients, floats);
}

#ifdef FMGCAM_HAVE_CBLAS
static void weigh_by_blas(void *job)
{
    struct weighting *w = job;
    int k = (int)w->classes, c = (int)w->shape.channels;
    int s = (int)cells_of(w->shape);
    for (size_t i = 0; i < w->count; i++) {
        cblas_sgemv(CblasRowMajor, CblasNoTrans, k * c, s, 1.0f / (float)s,
                    w->pictures[i].gradients, s, w->ones, 1, 0.0f, w->weights,
                    1);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, k, s, c, 1.0f,
                    w->weights, c, w->pictures[i].activations, s, 0.0f, w->maps,
                    s);
    }
    sink = w->maps[0];
}
#endif

/* The first picture and the last. */
static void check(struct weighting *w)
{
    size_t all = w->count;
    struct picture *pictures = w->pictures;
    size_t step = all > 1 ? all - 1 : 1;
    for (size_t i = 0; i < all; i += step) {
        w->count = 1;
        w->pictures = pictures + i;
        weigh(w);
        /* Many classes may have been left to BLAS. */
        check_grad_cam(w->pictures, w->shape, w->classes, w->maps,
                       w->classes > 16);
#ifdef FMGCAM_HAVE_CBLAS
        weigh_by_blas(w);
        check_pair(w->pictures, w->shape, w->classes, w->weights, w->maps);
#endif
    }
    w->count = all;
    w->pictures = pictures;
}

static void time_weighting(struct bench *bench, struct weighting *w,
                           const char *mode)
{
    struct rival rivals[] = {
        {.work = weigh, .job = w},
        {.work = read_inputs, .job = w},
#ifdef FMGCAM_HAVE_CBLAS
        {.work = weigh_by_blas, .job = w},
#endif
    };
    size_t count = COUNT_OF(rivals);
    check(w);
    time_rivals(bench, rivals, count, (double)w->count);

    double floor_ratio = paired_ratio(bench, &rivals[0], &rivals[1]);
    json_t *row = json_pack(
        "{s:s, s:s, s:i, s:s, s:i, s:f, s:f, s:f}", "name", "weighting",
        "shape", shape_text(w->shape), "classes", (int)w->classes, "mode", mode,
        "pictures", (int)w->count, "ns", rivals[0].ns, "floor_ns", rivals[1].ns,
        "floor_ratio", floor_ratio);
    char blas[60] = "";
    struct rival *last = &rivals[count - 1]; /* BLAS, where there is one */
    if (count > 2) {
        double blas_ratio = paired_ratio(bench, &rivals[0], last);
        json_object_set_new(row, "blas_ns", json_real(last->ns));
        json_object_set_new(row, "blas_ratio", json_real(blas_ratio));
        snprintf(blas, sizeof blas, "  BLAS pair %10.1f us  %5.2f x",
                 last->ns / 1e3, blas_ratio);
    }
    report(bench, row,
           "%-10s K %4u %-8s %10.1f us  reading %10.1f us  %5.2f x%s",
           shape_text(w->shape), w->classes, mode, rivals[0].ns / 1e3,
           rivals[1].ns / 1e3, floor_ratio, blas);
    free_rivals(rivals, count);
}

static void bench_shape(struct bench *bench, struct shape shape,
                        uint32_t classes)
{
    size_t streamed = count_streamed(bench, shape, classes);
    size_t cells = cells_of(shape);
    struct weighting w = {
        .shape = shape,
        .classes = classes,
        .pictures = make_array(streamed, sizeof *w.pictures),
        .context = make_context((fmgcam_options){0}),
        .maps = make_floats(classes * cells),
        .weights = make_floats((size_t)classes * shape.channels),
        .ones = make_floats(cells),
    };
    for (size_t i = 0; i < cells; i++)
        w.ones[i] = 1.0f;
    for (size_t i = 0; i < streamed; i++)
        picture_init(bench, &w.pictures[i], shape, classes, i);
    w.count = 1;
    time_weighting(bench, &w, "cached");
    w.count = streamed;
    if (streamed > 1)
        time_weighting(bench, &w, "streamed");

    fmgcam_destroy(w.context);
    free(w.pictures);
    free(w.maps);
    free(w.weights);
    free(w.ones);
}

/* ---- Who multiplies ------------------------------------------------------ */

#ifdef FMGCAM_HAVE_CBLAS
/* The library with its own kernels, and with BLAS in stage 2. */
static void time_arithmetic(struct bench *bench, struct shape shape,
                            uint32_t classes)
{
    struct picture picture;
    picture_init(bench, &picture, shape, classes, 0);
    struct weighting own = {
        .shape = shape,
        .classes = classes,
        .pictures = &picture,
        .count = 1,
        .context = make_context(
            (fmgcam_options){.arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE}),
        .maps = make_floats(classes * cells_of(shape)),
    };
    struct weighting blas = own;
    blas.context =
        make_context((fmgcam_options){.arithmetic = FMGCAM_ARITHMETIC_BLAS});
    weigh(&own);
    check_grad_cam(&picture, shape, classes, own.maps, false);
    weigh(&blas);
    check_grad_cam(&picture, shape, classes, blas.maps, true);

    struct rival rivals[] = {{.work = weigh, .job = &own},
                             {.work = weigh, .job = &blas}};
    time_rivals(bench, rivals, 2, 1);
    double ratio = paired_ratio(bench, &rivals[0], &rivals[1]);
    report(bench,
           json_pack("{s:s, s:s, s:i, s:f, s:f, s:f}", "name", "arithmetic",
                     "shape", shape_text(shape), "classes", (int)classes, "ns",
                     rivals[0].ns, "blas_ns", rivals[1].ns, "blas_ratio",
                     ratio),
           "%-10s K %4u  own %10.1f us  BLAS %10.1f us  %5.2f x",
           shape_text(shape), classes, rivals[0].ns / 1e3, rivals[1].ns / 1e3,
           ratio);
    free_rivals(rivals, 2);
    fmgcam_destroy(own.context);
    fmgcam_destroy(blas.context);
    free(own.maps);
}

void bench_arithmetic(struct bench *bench)
{
    static const struct shape shapes[] = {
        {2048, 7, 7}, {1024, 14, 14}, {512, 28, 28}};
    static const uint32_t classes[] = {8, 16, 24, 32, 40, 48, 64, 100};

    headline(bench, "Stages 1 and 2 by the library's kernels, beside stage 2 "
                    "by BLAS");
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (size_t j = 0; j < COUNT_OF(classes); j++)
            time_arithmetic(bench, shapes[i], classes[j]);
}
#else
void bench_arithmetic(struct bench *bench)
{
    headline(bench, "This build has no BLAS to compare with");
}
#endif

/* ---- The shapes that count ----------------------------------------------- */

void bench_weighting(struct bench *bench)
{
    static const struct shape shapes[] = {{2048, 7, 7},
                                          {1280, 7, 7},
                                          {1024, 14, 14},
                                          {512, 28, 28},
                                          {1408, 9, 9}};
    static const uint32_t classes[] = {1, 3, 5, 10};

    headline(bench, "Stages 1 and 2 for one picture, one thread");
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (size_t j = 0; j < COUNT_OF(classes); j++)
            bench_shape(bench, shapes[i], classes[j]);
    bench_shape(bench, shapes[0], 100);
    bench_shape(bench, shapes[0], 1000);
}
