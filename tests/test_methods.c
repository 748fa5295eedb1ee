/* SPDX-License-Identifier: MIT */
/*
 * Every method against its formula in docs/methods.md, in double, on problems of
 * every size and on inputs that have nothing to say.
 */
#include "oracle.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The oracle ---------------------------------------------------------- */

/* Double has 2^-53; sums of n terms in it are off by n 2^-53 of their size,
 * which is added where terms cancel. */
static const double double_roundoff = 0x1p-53;

typedef struct expected {
    double *maps, *bounds; /* [K, S] */
    uint64_t guarded;
    bool vague; /* a guard or a denominator is too close to call */
} expected;

static void expected_init(expected *e, const problem *p, size_t classes)
{
    *e = (expected){make_doubles(classes * p->cells),
                    make_doubles(classes * p->cells), 0, false};
}

static void expected_free(expected *e)
{
    free(e->maps);
    free(e->bounds);
}

/* Maps of weights [K, C] in double, each with its own error: rounded to float
 * they are off by u more, and stage 2 rounds C + 1 times. */
static void combine(const problem *p, const double *weights,
                    const double *errors, size_t classes, expected *e)
{
    size_t channels = p->size.channels;

    for (size_t k = 0; k < classes; k++)
        for (size_t s = 0; s < p->cells; s++) {
            double sum = 0, size = 0, carried = 0;
            for (size_t c = 0; c < channels; c++) {
                double a = (double)p->activations[c * p->cells + s];
                double w = weights[k * channels + c];
                sum += w * a;
                size += fabs(w * a);
                carried += (errors[k * channels + c] +
                            FLOAT_ROUNDOFF * fabs(w) + FLOAT_TINY) *
                           fabs(a);
            }
            e->maps[k * p->cells + s] = sum;
            e->bounds[k * p->cells + s] =
                float_gamma((double)channels + 1) * (size + carried) + carried +
                (double)channels * FLOAT_TINY;
        }
}

static double sum_of(const float *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)x[i];
    return sum;
}

static double size_of(const float *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += fabs((double)x[i]);
    return sum;
}

/* One cell's term of grad-cam++ in either form, and how far an error of the
 * sum s, relative to what it was added up of, moves it. */
static double plus_plus_term(uint32_t method, double g, double s, double s_size,
                             double cells, double *error, expected *e)
{
    bool stable = method == FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE;
    double relu = g > 0 ? g : 0;
    double below = stable ? 2 + s * g : 2 * g * g + s * g * g * g + 1e-6;
    double above = stable ? relu : relu * g * g;
    double size =
        stable ? 2 + s_size * relu : 2 * g * g + s_size * relu * g * g + 1e-6;

    *error = 0;
    if (relu == 0)
        return 0;
    double below_error = (cells + 8) * double_roundoff * size;
    if (stable && fabs(below - 1e-3) <= below_error)
        e->vague = true;
    if (stable && below <= 1e-3) {
        e->guarded++;
        return 0;
    }
    if (fabs(below) <= 4 * below_error)
        e->vague = true;
    *error =
        fabs(above / below) * (below_error / fabs(below) + 8 * double_roundoff);
    return above / below;
}

static void expect_plus_plus(uint32_t method, const problem *p, expected *e)
{
    size_t channels = p->size.channels, classes = p->size.classes;
    double *weights = make_doubles(classes * channels);
    double *errors = make_doubles(classes * channels);

    for (size_t i = 0; i < classes * channels; i++) {
        const float *a = p->activations + i % channels * p->cells;
        double s = sum_of(a, p->cells), s_size = size_of(a, p->cells);
        double size = 0;
        for (size_t cell = 0; cell < p->cells; cell++) {
            double error, term = plus_plus_term(
                              method, (double)p->gradients[i * p->cells + cell],
                              s, s_size, (double)p->cells, &error, e);
            weights[i] += term;
            errors[i] += error;
            size += fabs(term);
        }
        errors[i] += (double)p->cells * double_roundoff * size;
    }
    combine(p, weights, errors, classes, e);
    free(weights);
    free(errors);
}

static void expect_xgrad(const problem *p, expected *e)
{
    size_t channels = p->size.channels, classes = p->size.classes;
    double *weights = make_doubles(classes * channels);
    double *errors = make_doubles(classes * channels);
    double n = (double)p->cells * double_roundoff;

    for (size_t c = 0; c < channels; c++) {
        const float *a = p->activations + c * p->cells;
        double s = sum_of(a, p->cells), s_size = size_of(a, p->cells);
        bool guarded = fabs(s) <= 1e-6 * s_size;
        if (fabs(fabs(s) - 1e-6 * s_size) <= 2 * n * s_size && s_size > 0)
            e->vague = true;
        e->guarded += guarded;
        for (size_t k = 0; k < classes && !guarded; k++) {
            const float *g = p->gradients + (k * channels + c) * p->cells;
            double sum = 0, size = 0;
            for (size_t i = 0; i < p->cells; i++) {
                sum += (double)g[i] * (double)a[i];
                size += fabs((double)g[i] * (double)a[i]);
            }
            weights[k * channels + c] = sum / s;
            errors[k * channels + c] =
                n * size / fabs(s) +
                fabs(sum / s) * (n * s_size / fabs(s) + 4 * double_roundoff);
        }
    }
    combine(p, weights, errors, classes, e);
    free(weights);
    free(errors);
}

/* Float sums of C products, each rounded twice. */
static void expect_products(uint32_t method, const problem *p, expected *e)
{
    size_t channels = p->size.channels;

    for (size_t k = 0; k < p->size.classes; k++)
        for (size_t s = 0; s < p->cells; s++) {
            double sum = 0, size = 0;
            for (size_t c = 0; c < channels; c++) {
                double a = (double)p->activations[c * p->cells + s];
                double g =
                    (double)p->gradients[(k * channels + c) * p->cells + s];
                double term = method == FMGCAM_METHOD_LAYER_CAM ? fmax(g, 0) * a
                              : method == FMGCAM_METHOD_HIRES_CAM
                                  ? g * a
                                  : fmax(g * a, 0);
                sum += term;
                size += fabs(term);
            }
            e->maps[k * p->cells + s] = sum;
            e->bounds[k * p->cells + s] =
                float_gamma((double)channels + 1) * size +
                (double)channels * FLOAT_TINY;
        }
}

static void expect_fem(const problem *p, expected *e)
{
    size_t channels = p->size.channels;
    double *weights = make_doubles(channels), *errors = make_doubles(channels);

    for (size_t c = 0; c < channels; c++) {
        const float *a = p->activations + c * p->cells;
        double mean = sum_of(a, p->cells) / (double)p->cells, squares = 0;
        for (size_t s = 0; s < p->cells; s++)
            squares += ((double)a[s] - mean) * ((double)a[s] - mean);
        double limit = mean + 2 * sqrt(squares / (double)p->cells);
        double close = 1e-12 * (fabs(limit) + size_of(a, p->cells));
        for (size_t s = 0; s < p->cells; s++) {
            weights[c] += (double)a[s] > limit;
            /* All equal is no close call: nothing lies above the mean. */
            if (fabs((double)a[s] - limit) <= close && squares > close)
                e->vague = true;
        }
        weights[c] /= (double)p->cells;
    }
    combine(p, weights, errors, 1, e);
    free(weights);
    free(errors);
}

/* ---- Eigenvectors, by Jacobi's rotations --------------------------------- */

/* Diagonalise the symmetric matrix a [n, n]; v gets the vectors as columns. */
static void jacobi(double *a, double *v, size_t n)
{
    for (size_t i = 0; i < n * n; i++)
        v[i] = i % (n + 1) == 0;
    for (int sweep = 0; sweep < 60; sweep++) {
        double off = 0, all = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) {
                all += a[i * n + j] * a[i * n + j];
                off += i != j ? a[i * n + j] * a[i * n + j] : 0;
            }
        if (off <= 1e-34 * all)
            return;
        for (size_t i = 0; i < n; i++)
            for (size_t j = i + 1; j < n; j++) {
                double x = a[i * n + j];
                if (x == 0)
                    continue;
                double theta = (a[j * n + j] - a[i * n + i]) / (2 * x);
                double t = (theta >= 0 ? 1 : -1) /
                           (fabs(theta) + sqrt(theta * theta + 1));
                double c = 1 / sqrt(t * t + 1), s = t * c;
                for (size_t k = 0; k < n; k++) {
                    double p = a[k * n + i], q = a[k * n + j];
                    a[k * n + i] = c * p - s * q;
                    a[k * n + j] = s * p + c * q;
                }
                for (size_t k = 0; k < n; k++) {
                    double p = a[i * n + k], q = a[j * n + k];
                    a[i * n + k] = c * p - s * q;
                    a[j * n + k] = s * p + c * q;
                    p = v[k * n + i];
                    q = v[k * n + j];
                    v[k * n + i] = c * p - s * q;
                    v[k * n + j] = s * p + c * q;
                }
            }
    }
}

/* X [S, C]: products less each channel's mean. */
static double *centred(const problem *p, const float *gradients)
{
    size_t channels = p->size.channels, cells = p->cells;
    double *x = make_doubles(cells * channels);

    for (size_t c = 0; c < channels; c++) {
        double mean = 0;
        for (size_t s = 0; s < cells; s++) {
            double g = gradients ? (double)gradients[c * cells + s] : 1;
            x[s * channels + c] = g * (double)p->activations[c * cells + s];
            mean += x[s * channels + c] / (double)cells;
        }
        for (size_t s = 0; s < cells; s++)
            x[s * channels + c] -= mean;
    }
    return x;
}

/* By X^T X whatever the sizes, so that the library's other way is checked by
 * another one. The vector is off by rounding over the gap to the next value. */
static void expect_projection(const problem *p, const float *gradients,
                              double *map, double *bounds, expected *e)
{
    size_t n = p->size.channels, cells = p->cells, best = 0;
    double *x = centred(p, gradients);
    double *gram = make_doubles(n * n), *v = make_doubles(n * n);
    double next = 0, votes = 0, vote_size = 0, length = 0, largest = 0;

    for (size_t s = 0; s < cells; s++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                gram[i * n + j] += x[s * n + i] * x[s * n + j];
    jacobi(gram, v, n);
    for (size_t i = 1; i < n; i++)
        if (gram[i * n + i] > gram[best * n + best])
            best = i;
    double lambda = gram[best * n + best];
    for (size_t i = 0; i < n; i++)
        if (i != best)
            next = fmax(next, gram[i * n + i]);
    for (size_t i = 0; i < n; i++) {
        votes += v[i * n + best];
        vote_size += fabs(v[i * n + best]);
    }
    double gap = lambda - next;
    double steps = (double)(n + cells + 64);
    double turn = gap > 0 ? 64 * steps * double_roundoff * lambda / gap : 1;
    /* The sign and the direction must be clear to be compared. */
    if (!(turn < 1e-6) || fabs(votes) <= 2 * turn * vote_size + 1e-9)
        e->vague = true;
    for (size_t s = 0; s < cells; s++)
        for (size_t i = 0; i < n; i++)
            map[s] += x[s * n + i] * v[i * n + best] * (votes > 0 ? 1 : -1);
    for (size_t s = 0; s < cells; s++)
        length += map[s] * map[s];
    for (size_t i = 0; i < n * cells; i++) {
        double g = gradients ? (double)gradients[i] : 1;
        largest = fmax(largest, fabs(g * (double)p->activations[i]));
    }
    /* Means are rounded, and so each of the n deviations in a sum is. */
    double rounding = 4 * steps * double_roundoff * largest * sqrt((double)n);
    for (size_t s = 0; s < cells; s++)
        bounds[s] = FLOAT_ROUNDOFF * fabs(map[s]) + FLOAT_TINY +
                    2 * turn * sqrt(length) + rounding;
    free(x);
    free(gram);
    free(v);
}

static void expect_method(uint32_t method, const problem *p, expected *e)
{
    switch (method) {
    case FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS:
    case FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE:
        expect_plus_plus(method, p, e);
        break;
    case FMGCAM_METHOD_XGRAD_CAM: expect_xgrad(p, e); break;
    case FMGCAM_METHOD_LAYER_CAM:
    case FMGCAM_METHOD_HIRES_CAM:
    case FMGCAM_METHOD_ELEMENT_WISE: expect_products(method, p, e); break;
    case FMGCAM_METHOD_EIGEN_CAM:
        expect_projection(p, NULL, e->maps, e->bounds, e);
        break;
    case FMGCAM_METHOD_EIGEN_GRAD_CAM:
        for (size_t k = 0; k < p->size.classes; k++)
            expect_projection(p, p->gradients + k * p->size.channels * p->cells,
                              e->maps + k * p->cells, e->bounds + k * p->cells,
                              e);
        break;
    default: expect_fem(p, e); break;
    }
}

/* ---- The library --------------------------------------------------------- */

static const uint32_t methods[] = {
    FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS,
    FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE,
    FMGCAM_METHOD_XGRAD_CAM,
    FMGCAM_METHOD_LAYER_CAM,
    FMGCAM_METHOD_HIRES_CAM,
    FMGCAM_METHOD_ELEMENT_WISE,
    FMGCAM_METHOD_EIGEN_CAM,
    FMGCAM_METHOD_EIGEN_GRAD_CAM,
    FMGCAM_METHOD_FEM,
};

static bool is_agnostic(uint32_t method)
{
    return method == FMGCAM_METHOD_EIGEN_CAM || method == FMGCAM_METHOD_FEM;
}

static size_t classes_of(uint32_t method, const problem *p)
{
    return is_agnostic(method) ? 1 : p->size.classes;
}

/* Signed maps of @p p by gradients; the number of guarded terms. */
static uint64_t run_method(fmgcam_context *context, uint32_t method,
                           const problem *p, float *maps)
{
    fmgcam_tensor a, g;
    size_t count = classes_of(method, p) * p->cells;
    float *final = make_floats(count);

    fmgcam_tensor_nchw(&a, p->activations, FMGCAM_DTYPE_FLOAT32, 1,
                       p->size.channels, p->size.height, p->size.width);
    fmgcam_tensor_nchw(&g, p->gradients, FMGCAM_DTYPE_FLOAT32, p->size.classes,
                       p->size.channels, p->size.height, p->size.width);
    fmgcam_inputs in = {.struct_size = sizeof in,
                        .activations = &a,
                        .gradients = is_agnostic(method) ? NULL : &g};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .signed_maps = float_buffer(maps, count),
                          .maps = float_buffer(final, count)};
    use_options(context,
                (fmgcam_options){.method = method,
                                 .arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE});
    expect_ok(context, fmgcam_explain(context, &in, &out));
    for (size_t i = 0; i < count; i++)
        assert_true(isfinite(maps[i]) && isfinite(final[i]));
    free(final);
    return out.guarded;
}

static bool compare(fmgcam_context *context, uint32_t method, const problem *p)
{
    size_t classes = classes_of(method, p);
    float *got = make_floats(classes * p->cells);
    expected e;

    expected_init(&e, p, classes);
    expect_method(method, p, &e);
    uint64_t guarded = run_method(context, method, p, got);
    if (!e.vague) {
        char what[40];
        snprintf(what, sizeof what, "method %u", method);
        expect_within(what, got, e.maps, e.bounds, classes * p->cells);
        assert_int_equal(guarded, e.guarded);
    }
    bool vague = e.vague;
    expected_free(&e);
    free(got);
    return !vague;
}

/* Jacobi's rotations are slow. */
static bool is_small(const problem *p)
{
    return p->size.channels <= 40 && p->cells <= 800;
}

static void test_every_method_follows_its_formula(void **state)
{
    fixture *f = *state;
    rng r;
    size_t compared = 0;

    rng_init(&r, 701);
    for (size_t i = 0; i < ALL_SIZES; i++)
        for (int positive = 0; positive < 2; positive++) {
            problem p;
            problem_init(&p, &r, sizes_at(i), false);
            problem_add_gradients(&p, &r, false);
            for (size_t j = 0; positive && j < p.cells * p.size.channels; j++)
                p.activations[j] = fmaxf(p.activations[j], 0); /* as by ReLU */
            for (size_t m = 0; m < COUNT_OF(methods); m++) {
                bool eigen = methods[m] == FMGCAM_METHOD_EIGEN_CAM ||
                             methods[m] == FMGCAM_METHOD_EIGEN_GRAD_CAM;
                if (!eigen || is_small(&p))
                    compared += compare(f->context, methods[m], &p);
            }
            problem_free(&p);
        }
    assert_true(compared > 700); /* of 64 x 2 x 9, less what is vague or slow */
}

/* ---- Inputs that have little to say -------------------------------------- */

typedef void change(problem *p);

static void negate(problem *p)
{
    for (size_t i = 0; i < p->cells * p->size.channels; i++)
        p->activations[i] = -fabsf(p->activations[i]);
}

/* Constant in each channel, with digits enough for means to be rounded. */
static void flatten(problem *p)
{
    for (size_t i = 0; i < p->cells * p->size.channels; i++)
        p->activations[i] = sinf((float)(i / p->cells));
    for (size_t i = 0; i < p->stack * p->size.channels; i++)
        p->gradients[i] = cosf((float)(i / p->cells));
}

static void clear_gradients(problem *p)
{
    memset(p->gradients, 0, p->stack * p->size.channels * sizeof(float));
}

static void clear_activations(problem *p)
{
    memset(p->activations, 0, p->cells * p->size.channels * sizeof(float));
}

static void shrink(problem *p)
{
    for (size_t i = 0; i < p->cells * p->size.channels; i++)
        p->activations[i] *= 1e-15f;
    for (size_t i = 0; i < p->stack * p->size.channels; i++)
        p->gradients[i] *= 1e-15f;
}

static void enlarge(problem *p)
{
    for (size_t i = 0; i < p->cells * p->size.channels; i++)
        p->activations[i] *= 1e12f;
    for (size_t i = 0; i < p->stack * p->size.channels; i++)
        p->gradients[i] *= 1e12f;
}

static void keep(problem *p)
{
    (void)p;
}

static void test_no_input_gives_nan(void **state)
{
    static change *const changes[] = {
        keep,   negate, flatten, clear_gradients, clear_activations,
        shrink, enlarge};
    static const sizes shapes[] = {{1, 1, 1, 1},  {3, 1, 5, 5},
                                   {3, 17, 1, 1}, {1, 17, 4, 4},
                                   {4, 40, 7, 7}, {2, 3, 20, 17}};
    fixture *f = *state;
    rng r;

    rng_init(&r, 702);
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (size_t j = 0; j < COUNT_OF(changes); j++) {
            problem p;
            problem_init(&p, &r, shapes[i], false);
            problem_add_gradients(&p, &r, false);
            changes[j](&p);
            for (size_t m = 0; m < COUNT_OF(methods); m++)
                compare(f->context, methods[m], &p);
            problem_free(&p);
        }
}

/* A channel that is constant has no component, whatever its mean rounds to. */
static void test_flat_maps_have_no_component(void **state)
{
    fixture *f = *state;
    rng r;
    problem p;
    float map[3 * 49];

    rng_init(&r, 703);
    problem_init(&p, &r, (sizes){3, 30, 7, 7}, false);
    problem_add_gradients(&p, &r, false);
    flatten(&p);
    run_method(f->context, FMGCAM_METHOD_EIGEN_CAM, &p, map);
    for (size_t s = 0; s < 49; s++)
        assert_true(map[s] == 0);
    run_method(f->context, FMGCAM_METHOD_EIGEN_GRAD_CAM, &p, map);
    for (size_t s = 0; s < 3 * 49; s++)
        assert_true(map[s] == 0);
    problem_free(&p);
}

/* ---- Guards -------------------------------------------------------------- */

static void test_guards_are_counted(void **state)
{
    fixture *f = *state;
    float a[3 * 2] = {1, -1, 2, 3, 0, 0}, g[2 * 3 * 2], maps[4];
    problem p = {.size = {2, 3, 1, 2},
                 .cells = 2,
                 .stack = 4,
                 .activations = a,
                 .gradients = g};

    for (size_t i = 0; i < COUNT_OF(g); i++)
        g[i] = 1;
    /* Channels 0 and 2 cancel or are empty. */
    assert_int_equal(run_method(f->context, FMGCAM_METHOD_XGRAD_CAM, &p, maps),
                     2);
    assert_true(maps[0] == 2 && maps[1] == 3); /* channel 1: w = 5 / 5 */
    assert_int_equal(run_method(f->context,
                                FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE, &p,
                                maps),
                     0);
    /* 2 + s g = 2 - 5 in channel 1, at every cell of both classes; once more
     * where it is positive. */
    a[2] = -2;
    a[3] = -3;
    g[3] = 0.25f; /* 2 - 5 / 4 */
    assert_int_equal(run_method(f->context,
                                FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE, &p,
                                maps),
                     3);
    assert_int_equal(run_method(f->context, FMGCAM_METHOD_LAYER_CAM, &p, maps),
                     0);
}

/* ---- Identities ---------------------------------------------------------- */

static void run_weights(fmgcam_context *context, uint32_t method,
                        const problem *p, float *maps)
{
    fmgcam_tensor a, w;

    fmgcam_tensor_nchw(&a, p->activations, FMGCAM_DTYPE_FLOAT32, 1,
                       p->size.channels, p->size.height, p->size.width);
    fmgcam_tensor_matrix(&w, p->weights, FMGCAM_DTYPE_FLOAT32, p->size.classes,
                         p->size.channels);
    fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .weights = &w};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .signed_maps = float_buffer(maps, p->stack)};
    use_options(context,
                (fmgcam_options){.method = method,
                                 .arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE});
    expect_ok(context, fmgcam_explain(context, &in, &out));
}

/* Weights are gradients that are the same at every cell. */
static void test_weights_stand_for_constant_gradients(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 704);
    for (size_t i = 0; i < ALL_SIZES; i++) {
        problem p;
        problem_init(&p, &r, sizes_at(i), false);
        problem_add_gradients(&p, &r, false);
        size_t rows = (size_t)p.size.classes * p.size.channels;
        for (size_t j = 0; j < rows * p.cells; j++)
            p.gradients[j] = p.weights[j / p.cells];
        float *got = make_floats(p.stack), *want = make_floats(p.stack);
        for (size_t m = 0; m < COUNT_OF(methods); m++) {
            if (is_agnostic(methods[m]))
                continue;
            run_method(f->context, methods[m], &p, want);
            run_weights(f->context, methods[m], &p, got);
            expect_same_bits("weights", got, want, p.stack);
        }
        /* And then HiResCAM is Grad-CAM, in the same order. */
        run_weights(f->context, FMGCAM_METHOD_GRAD_CAM, &p, want);
        run_weights(f->context, FMGCAM_METHOD_HIRES_CAM, &p, got);
        expect_same_bits("hires-cam", got, want, p.stack);
        problem_free(&p);
        free(got);
        free(want);
    }
}

static void test_layer_cam_is_hires_cam_without_negative_gradients(void **state)
{
    fixture *f = *state;
    rng r;
    problem p;

    rng_init(&r, 705);
    problem_init(&p, &r, (sizes){3, 50, 9, 9}, false);
    problem_add_gradients(&p, &r, false);
    for (size_t i = 0; i < p.stack * 50; i++)
        p.gradients[i] = fabsf(p.gradients[i]);
    float *layer = make_floats(p.stack), *hires = make_floats(p.stack);
    run_method(f->context, FMGCAM_METHOD_LAYER_CAM, &p, layer);
    run_method(f->context, FMGCAM_METHOD_HIRES_CAM, &p, hires);
    expect_same_bits("layer-cam", layer, hires, p.stack);
    free(layer);
    free(hires);
    problem_free(&p);
}

/* The sign goes with the activations: negated, the map is negated. */
static void test_eigen_cam_grows_with_the_channels(void **state)
{
    fixture *f = *state;
    rng r;
    float map[64], negative[64];

    rng_init(&r, 706);
    for (uint32_t channels = 3; channels < 130; channels += 41) {
        problem p;
        problem_init(&p, &r, (sizes){1, channels, 8, 8}, false);
        for (size_t i = 0; i < 64 * channels; i++) /* a blob in each channel */
            p.activations[i] += 3 * expf(-0.1f * (float)(i % 64));
        run_method(f->context, FMGCAM_METHOD_EIGEN_CAM, &p, map);
        assert_true(map[0] > 0 && map[63] < 0);
        for (size_t i = 0; i < 64 * channels; i++)
            p.activations[i] = -p.activations[i];
        run_method(f->context, FMGCAM_METHOD_EIGEN_CAM, &p, negative);
        for (size_t s = 0; s < 64; s++)
            assert_true(map[s] == -negative[s]);
        problem_free(&p);
    }
}

/* Leading values that are equal, or nearly so, end in some direction of their
 * space, always the same one. */
static void test_equal_leading_values_have_a_result(void **state)
{
    fixture *f = *state;
    float a[4 * 100] = {0}, first[100], second[100];
    problem p = {
        .size = {1, 4, 10, 10}, .cells = 100, .stack = 100, .activations = a};

    for (size_t nearly = 0; nearly < 2; nearly++) {
        a[0 * 100 + 3] = 1;
        a[1 * 100 + 57] = nearly ? 1.0000001f : 1;
        a[2 * 100 + 71] = 1;
        run_method(f->context, FMGCAM_METHOD_EIGEN_CAM, &p, first);
        run_method(f->context, FMGCAM_METHOD_EIGEN_CAM, &p, second);
        expect_same_bits("again", second, first, 100);
        double length = 0;
        for (size_t s = 0; s < 100; s++)
            length += (double)first[s] * (double)first[s];
        /* ||X v||^2 is the eigenvalue: 1 - 1/100 + 1/100, three directions. */
        assert_true(fabs(length - 1) < 0.02);
    }
}

/* Many values close to the leading one: the basis fills up, and starts again. */
static void test_a_crowd_of_leading_values_is_told_apart(void **state)
{
    enum { CHANNELS = 250, CELLS = 256 };
    fixture *f = *state;
    problem p = {.size = {1, CHANNELS, 16, 16}, .cells = CELLS, .stack = CELLS};

    p.activations = make_floats(CHANNELS * CELLS);
    for (size_t c = 0; c < CHANNELS; c++)
        p.activations[c * CELLS + c] = sqrtf(1 - 1e-3f * (float)c);
    assert_true(compare(f->context, FMGCAM_METHOD_EIGEN_CAM, &p));
    free(p.activations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_every_method_follows_its_formula),
        fixture_test(test_no_input_gives_nan),
        fixture_test(test_flat_maps_have_no_component),
        fixture_test(test_guards_are_counted),
        fixture_test(test_weights_stand_for_constant_gradients),
        fixture_test(test_layer_cam_is_hires_cam_without_negative_gradients),
        fixture_test(test_eigen_cam_grows_with_the_channels),
        fixture_test(test_equal_leading_values_have_a_result),
        fixture_test(test_a_crowd_of_leading_values_is_told_apart),
    };
    return cmocka_run_group_tests_name("methods", tests, NULL, NULL);
}
