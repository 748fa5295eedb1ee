/* SPDX-License-Identifier: MIT */
/*
 * Every method against its formula in docs/methods.md, in double, on problems of
 * every size and on inputs that have nothing to say.
 */
#include "oracle_methods.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    /* All but cancel: the sum is 0.95e-6 of the magnitudes, then twice that. */
    a[1] = -1 + 0x1p-19f;
    assert_int_equal(run_method(f->context, FMGCAM_METHOD_XGRAD_CAM, &p, maps),
                     2);
    a[1] = -1 + 0x1p-18f;
    assert_int_equal(run_method(f->context, FMGCAM_METHOD_XGRAD_CAM, &p, maps),
                     1);
    a[1] = -1;
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

/* Where the channels cancel, the cell of largest magnitude is positive. */
static void test_eigen_cam_breaks_a_tie_by_the_largest_cell(void **state)
{
    fixture *f = *state;
    float a[2 * 4] = {0, 1, -4, 3, 0, -1, 4, -3}, map[4];
    problem p = {
        .size = {1, 2, 2, 2}, .cells = 4, .stack = 4, .activations = a};

    run_method(f->context, FMGCAM_METHOD_EIGEN_CAM, &p, map);
    for (size_t s = 0; s < 4; s++)
        assert_true(fabs((double)map[s] + sqrt(2) * (double)a[s]) < 1e-6);
}

/* Fewer cells than channels, and yet more of both than one tile has. */
static void test_eigen_cam_takes_all_tiles(void **state)
{
    enum { CHANNELS = 150, CELLS = 144 };
    fixture *f = *state;
    rng r;
    problem p;

    rng_init(&r, 707);
    problem_init(&p, &r, (sizes){1, CHANNELS, 12, 12}, false);
    for (size_t i = 0; i < CHANNELS * CELLS; i++) /* a slope in each channel */
        p.activations[i] += 0.05f * (float)(i % CELLS);
    assert_true(compare(f->context, FMGCAM_METHOD_EIGEN_CAM, &p));
    problem_free(&p);
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
        fixture_test(test_eigen_cam_breaks_a_tie_by_the_largest_cell),
        fixture_test(test_eigen_cam_takes_all_tiles),
        fixture_test(test_equal_leading_values_have_a_result),
        fixture_test(test_a_crowd_of_leading_values_is_told_apart),
    };
    return cmocka_run_group_tests_name("methods", tests, NULL, NULL);
}
