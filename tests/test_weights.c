/* SPDX-License-Identifier: MIT */
/* Stages 1 and 2: gradients to weights, weights to signed maps. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"
#include "support.h"

static const uint32_t all_dtypes[] = {FMGCAM_DTYPE_FLOAT32,
                                      FMGCAM_DTYPE_FLOAT16};
static const uint32_t all_profiles[] = {FMGCAM_PROFILE_STANDARD,
                                        FMGCAM_PROFILE_RELEASED};

static size_t weight_count(const problem *p)
{
    return (size_t)p->size.classes * p->size.channels;
}

static void pool(fmgcam_context *context, const fmgcam_tensor *gradients,
                 float *weights, size_t count)
{
    fmgcam_buffer out = float_buffer(weights, count);
    expect_ok(context, fmgcam_pool_gradients(context, gradients, &out));
}

static void combine(fmgcam_context *context, const fmgcam_tensor *weights,
                    const fmgcam_tensor *activations, float *maps, size_t count)
{
    fmgcam_buffer out = float_buffer(maps, count);
    expect_ok(context,
              fmgcam_combine_channels(context, weights, activations, &out));
}

/* ---- Stage 1 ------------------------------------------------------------ */

static void check_pool_at(fmgcam_context *context, size_t index, uint32_t dtype,
                          tensor_layout layout)
{
    problem p;
    stored g;
    rng r;

    rng_init(&r, 100 + index);
    problem_init(&p, &r, sizes_at(index), dtype == FMGCAM_DTYPE_FLOAT16);
    problem_add_gradients(&p, &r, dtype == FMGCAM_DTYPE_FLOAT16);
    size_t count = weight_count(&p);
    double *want = make_doubles(count), *bound = make_doubles(count);
    float *got = make_floats(count);

    store_gradients(&g, &p, dtype, layout);
    pool(context, &g.tensor, got, count);
    oracle_pool(p.gradients, count, p.cells, want, bound);
    expect_within("weights", got, want, bound, count);
    store_free(&g);
    problem_free(&p);
    free(want);
    free(bound);
    free(got);
}

static void test_pooling_is_the_mean_within_its_bound(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < ALL_SIZES; i++)
        for (size_t d = 0; d < 2; d++)
            check_pool_at(f->context, i, all_dtypes[d],
                          (tensor_layout)((i + d) % LAYOUT_COUNT));
}

static void test_pooling_follows_the_documented_lanes(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 1);
    for (uint32_t cells = 1; cells <= 67; cells++) {
        sizes size = {.classes = 2, .channels = 3, .height = 1, .width = cells};
        problem p;
        float want[6], got[6];

        problem_init(&p, &r, size, false);
        problem_add_gradients(&p, &r, false);
        oracle_pool_in_lanes(p.gradients, 6, cells, want);
        for (size_t a = 0; a < COUNT_OF(all_arithmetics); a++) {
            if (!use_arithmetic(f->context, 0, all_arithmetics[a]))
                continue;
            fmgcam_tensor g;
            fmgcam_tensor_nchw(&g, p.gradients, FMGCAM_DTYPE_FLOAT32, 2, 3, 1,
                               cells);
            pool(f->context, &g, got, 6);
            expect_same_values("weights", got, want, 6);
        }
        problem_free(&p);
    }
}

/* Many channels as well, so that kernels for blocks of rows are reached. */
static void test_pooling_has_the_same_bits_in_any_layout(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < ALL_SIZES; i++) {
        problem p;
        rng r;

        rng_init(&r, 200 + i);
        problem_init(&p, &r, sizes_at(i), true);
        problem_add_gradients(&p, &r, true);
        size_t count = weight_count(&p);
        float *want = make_floats(count), *got = make_floats(count);
        oracle_pool_in_lanes(p.gradients, count, p.cells, want);
        bool large = p.stack * p.size.channels > 100000;
        for (int layout = 0; layout < LAYOUT_COUNT; layout++)
            for (size_t d = 0; d < 2; d++) {
                stored g;
                if (large && layout != (int)(i % LAYOUT_COUNT))
                    continue;
                store_gradients(&g, &p, all_dtypes[d], (tensor_layout)layout);
                pool(f->context, &g.tensor, got, count);
                expect_same_values("weights", got, want, count);
                store_free(&g);
            }
        problem_free(&p);
        free(want);
        free(got);
    }
}

/* More cells than are copied at a time, and more than one channel of them. */
static void test_long_rows_are_pooled_channel_by_channel(void **state)
{
    fixture *f = *state;
    const sizes size = {
        .classes = 2, .channels = 3, .height = 50, .width = 101};
    float want[6], got[6];
    problem p;
    rng r;

    rng_init(&r, 2);
    problem_init(&p, &r, size, true);
    problem_add_gradients(&p, &r, true);
    oracle_pool_in_lanes(p.gradients, 6, p.cells, want);
    for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
        stored g;
        store_gradients(&g, &p, FMGCAM_DTYPE_FLOAT16, (tensor_layout)layout);
        pool(f->context, &g.tensor, got, 6);
        expect_same_values("weights", got, want, 6);
        store_free(&g);
    }
    problem_free(&p);
}

static void test_gradients_of_one_class_may_have_three_axes(void **state)
{
    fixture *f = *state;
    float gradients[3 * 20], want[3], got[3];
    fmgcam_tensor g;
    rng r;

    rng_init(&r, 2);
    rng_fill(&r, gradients, 60, -1, 1);
    fmgcam_tensor_nchw(&g, gradients, FMGCAM_DTYPE_FLOAT32, 1, 3, 4, 5);
    pool(f->context, &g, want, 3);
    g = maps_view(gradients, (sizes){.classes = 3, .height = 4, .width = 5});
    pool(f->context, &g, got, 3);
    expect_same_bits("weights", got, want, 3);
}

/* A gradient that global average pooling passes back, given as one number. */
static void test_zero_strides_repeat_a_gradient(void **state)
{
    fixture *f = *state;
    const float rows[6] = {.5f, -3, .1f, 7e-8f, 0, 1e20f};
    float constant[6 * 49], want[6], got[6];
    fmgcam_tensor g = {.data = rows,
                       .dtype = FMGCAM_DTYPE_FLOAT32,
                       .rank = 4,
                       .shape = {2, 3, 7, 7},
                       .strides = {3, 1, 0, 0}};

    for (size_t i = 0; i < COUNT_OF(constant); i++)
        constant[i] = rows[i / 49];
    oracle_pool_in_lanes(constant, 6, 49, want);
    pool(f->context, &g, got, 6);
    expect_same_values("weights", got, want, 6);
}

static void test_zero_gradients_give_zero_weights_and_maps(void **state)
{
    fixture *f = *state;
    float gradients[2 * 3 * 49] = {0}, weights[6], maps[98], a[3 * 49];
    const float zero[98] = {0};
    fmgcam_tensor g, w, t;
    rng r;

    rng_init(&r, 3);
    rng_fill(&r, a, COUNT_OF(a), -6, 6);
    fmgcam_tensor_nchw(&g, gradients, FMGCAM_DTYPE_FLOAT32, 2, 3, 7, 7);
    pool(f->context, &g, weights, 6);
    expect_same_values("weights", weights, zero, 6);
    fmgcam_tensor_matrix(&w, weights, FMGCAM_DTYPE_FLOAT32, 2, 3);
    fmgcam_tensor_nchw(&t, a, FMGCAM_DTYPE_FLOAT32, 1, 3, 7, 7);
    combine(f->context, &w, &t, maps, 98);
    expect_same_values("maps", maps, zero, 98);
}

static void test_denormal_gradients_are_not_flushed(void **state)
{
    fixture *f = *state;
    float gradients[4] = {8 * 0x1p-149f, 4 * 0x1p-149f, 0, 0}, weight;
    const float want = 3 * 0x1p-149f;
    fmgcam_tensor g;

    fmgcam_tensor_nchw(&g, gradients, FMGCAM_DTYPE_FLOAT32, 1, 1, 2, 2);
    pool(f->context, &g, &weight, 1);
    expect_same_bits("weight", &weight, &want, 1);
}

/* Xplique's test vector: means 1, 1/2, 3/8 and 1/8. */
static void test_weights_of_xplique(void **state)
{
    fixture *f = *state;
    const float gradients[16] = {1, 1,    1, 1, 1,    1, 0, 0,
                                 1, 0.5f, 0, 0, 0.5f, 0, 0, 0};
    const float want[4] = {1, .5f, .375f, .125f};
    float got[4];
    fmgcam_tensor g;

    fmgcam_tensor_nchw(&g, gradients, FMGCAM_DTYPE_FLOAT32, 1, 4, 2, 2);
    pool(f->context, &g, got, 4);
    expect_same_bits("weights", got, want, 4);
}

/* ---- Stage 2 ------------------------------------------------------------ */

static void check_combine_at(fmgcam_context *context, size_t index,
                             uint32_t profile, uint32_t arithmetic,
                             uint32_t dtype, tensor_layout layout)
{
    problem p;
    stored a, w;
    rng r;

    if (!use_arithmetic(context, profile, arithmetic))
        return;
    rng_init(&r, 300 + index);
    problem_init(&p, &r, sizes_at(index), dtype == FMGCAM_DTYPE_FLOAT16);
    double *want = make_doubles(p.stack), *bound = make_doubles(p.stack);
    float *got = make_floats(p.stack);

    store_activations(&a, &p, dtype, layout);
    store_matrix(&w, &p, p.weights, dtype, layout);
    combine(context, &w.tensor, &a.tensor, got, p.stack);
    oracle_combine(p.weights, p.activations, p.size.classes, p.size.channels,
                   p.cells, profile == FMGCAM_PROFILE_RELEASED, want, bound);
    expect_within("signed maps", got, want, bound, p.stack);
    store_free(&a);
    store_free(&w);
    problem_free(&p);
    free(want);
    free(bound);
    free(got);
}

static void test_combining_is_the_sum_within_its_bound(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < ALL_SIZES; i++)
        for (size_t d = 0; d < 2; d++)
            for (size_t n = 0; n < 2; n++)
                for (size_t a = 0; a < COUNT_OF(all_arithmetics); a++)
                    check_combine_at(f->context, i, all_profiles[n],
                                     all_arithmetics[a], all_dtypes[d],
                                     (tensor_layout)((i + d) % LAYOUT_COUNT));
}

static void check_order(fmgcam_context *context, const problem *p,
                        const float *want, float *got, uint32_t dtype)
{
    for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
        stored a, w;

        store_activations(&a, p, dtype, (tensor_layout)layout);
        store_matrix(&w, p, p->weights, dtype, (tensor_layout)layout);
        combine(context, &w.tensor, &a.tensor, got, p->stack);
        expect_same_values("signed maps", got, want, p->stack);
        store_free(&a);
        store_free(&w);
    }
}

/* Products of two numbers that fit binary16 are exact in float, so that fusing
 * would not show: both kinds are needed. */
static void test_combining_follows_the_documented_order(void **state)
{
    fixture *f = *state;

    assert_true(use_arithmetic(f->context, 0, FMGCAM_ARITHMETIC_REPRODUCIBLE));
    for (size_t i = 0; i < ALL_SIZES; i++)
        for (int in_half = 0; in_half < 2; in_half++) {
            problem p;
            rng r;

            rng_init(&r, 400 + i);
            problem_init(&p, &r, sizes_at(i), in_half);
            float *want = make_floats(p.stack), *got = make_floats(p.stack);
            oracle_combine_in_order(p.weights, p.activations, p.size.classes,
                                    p.size.channels, p.cells, want);
            check_order(f->context, &p, want, got, FMGCAM_DTYPE_FLOAT32);
            if (in_half)
                check_order(f->context, &p, want, got, FMGCAM_DTYPE_FLOAT16);
            problem_free(&p);
            free(want);
            free(got);
        }
}

/* Same values, other layouts: also where no order is documented. */
static void
test_released_combining_has_the_same_bits_in_any_layout(void **state)
{
    fixture *f = *state;

    assert_true(use_arithmetic(f->context, FMGCAM_PROFILE_RELEASED,
                               FMGCAM_ARITHMETIC_REPRODUCIBLE));
    for (size_t i = 0; i < ALL_SIZES; i++) {
        problem p;
        stored a, w;
        rng r;

        rng_init(&r, 500 + i);
        problem_init(&p, &r, sizes_at(i), true);
        float *want = make_floats(p.stack), *got = make_floats(p.stack);
        for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
            store_activations(&a, &p, all_dtypes[layout % 2],
                              (tensor_layout)layout);
            store_matrix(&w, &p, p.weights, all_dtypes[layout / 2 % 2],
                         (tensor_layout)layout);
            combine(f->context, &w.tensor, &a.tensor, layout ? got : want,
                    p.stack);
            if (layout)
                expect_same_bits("signed maps", got, want, p.stack);
            store_free(&a);
            store_free(&w);
        }
        problem_free(&p);
        free(want);
        free(got);
    }
}

/* The library's own kernels up to 16 classes, unless BLAS is asked for. */
static void test_few_classes_are_combined_by_the_own_kernels(void **state)
{
    fixture *f = *state;
    sizes size = {.classes = 16, .channels = 300, .height = 7, .width = 7};
    problem p;
    fmgcam_tensor a, w;
    rng r;

    rng_init(&r, 4);
    problem_init(&p, &r, size, false);
    float *want = make_floats(p.stack), *got = make_floats(p.stack);
    fmgcam_tensor_nchw(&a, p.activations, FMGCAM_DTYPE_FLOAT32, 1, 300, 7, 7);
    fmgcam_tensor_matrix(&w, p.weights, FMGCAM_DTYPE_FLOAT32, 16, 300);
    oracle_combine_in_order(p.weights, p.activations, 16, 300, 49, want);
    combine(f->context, &w, &a, got, p.stack);
    expect_same_values("signed maps", got, want, p.stack);
    problem_free(&p);
    free(want);
    free(got);
}

/* Cancelling products: a fused multiply-add would leave 2^-48 behind. */
static void test_combining_never_fuses(void **state)
{
    fixture *f = *state;
    const float x = 1 + 0x1p-12f;
    float a[2 * 17];
    float rounded = x * x;
    const float weights[2] = {-rounded, x};
    float got[17];
    fmgcam_tensor t, w;

    for (size_t i = 0; i < COUNT_OF(a); i++)
        a[i] = i < 17 ? 1 : x;
    assert_true(use_arithmetic(f->context, 0, FMGCAM_ARITHMETIC_REPRODUCIBLE));
    fmgcam_tensor_nchw(&t, a, FMGCAM_DTYPE_FLOAT32, 1, 2, 1, 17);
    fmgcam_tensor_matrix(&w, weights, FMGCAM_DTYPE_FLOAT32, 1, 2);
    combine(f->context, &w, &t, got, 17);
    for (size_t i = 0; i < 17; i++)
        assert_true(got[i] >= 0 && got[i] <= 0);
}

static void test_activations_may_have_an_axis_of_one_picture(void **state)
{
    fixture *f = *state;
    float a[3 * 20], w[6], want[40], got[40];
    fmgcam_tensor t, m;
    rng r;

    rng_init(&r, 5);
    rng_fill(&r, a, 60, -1, 1);
    rng_fill(&r, w, 6, -1, 1);
    fmgcam_tensor_matrix(&m, w, FMGCAM_DTYPE_FLOAT32, 2, 3);
    fmgcam_tensor_nchw(&t, a, FMGCAM_DTYPE_FLOAT32, 1, 3, 4, 5);
    combine(f->context, &m, &t, want, 40);
    t = maps_view(a, (sizes){.classes = 3, .height = 4, .width = 5});
    combine(f->context, &m, &t, got, 40);
    expect_same_bits("signed maps", got, want, 40);
}

/* ---- Both stages, with known results ------------------------------------ */

typedef struct small_case {
    const char *name;
    float a[8], g[8], map[4];
} small_case;

/* Captum's network has a 3x3 convolution of ones with biases -50 and -75 over
 * the picture 0..15, a ReLU, and a linear layer that adds cells 0 to 4 of the
 * eight and subtracts 5 to 7. A and G follow from that. */
static const small_case captum[] = {
    {"convolution",
     {-5, 4, 31, 40, -30, -21, 6, 15},
     {0, 1, 1, 1, 0, 0, -1, -1},
     {11.25f, 13.5f, 20.25f, 22.5f}},
    {"convolution, first channel",
     {-5, 4, 31, 40},
     {0, 1, 1, 1},
     {-3.75f, 3, 23.25f, 30}},
    {"convolution, second channel",
     {-30, -21, 6, 15},
     {0, 0, -1, -1},
     {15, 10.5f, -3, -7.5f}},
    {"relu", /* A and G after the ReLU */
     {0, 4, 31, 40, 0, 0, 6, 15},
     {1, 1, 1, 1, 1, -1, -1, -1},
     {0, 4, 28, 32.5f}},
    {"two inputs", /* the picture plus one: 9 more in each cell */
     {4, 13, 40, 49, -21, -12, 15, 24},
     {1, 1, 1, 1, 0, 0, -1, -1},
     {14.5f, 19, 32.5f, 37}},
};

static void test_maps_of_captum(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(captum); i++)
        for (size_t j = 0; j < COUNT_OF(all_arithmetics); j++) {
            fmgcam_tensor a, g;
            float got[4];

            if (!use_arithmetic(f->context, 0, all_arithmetics[j]))
                continue;
            fmgcam_tensor_nchw(&a, captum[i].a, FMGCAM_DTYPE_FLOAT32, 1, 2, 2,
                               2);
            fmgcam_tensor_nchw(&g, captum[i].g, FMGCAM_DTYPE_FLOAT32, 1, 2, 2,
                               2);
            fmgcam_inputs in = {
                .struct_size = sizeof in, .activations = &a, .gradients = &g};
            fmgcam_outputs out = {.struct_size = sizeof out,
                                  .signed_maps = float_buffer(got, 4)};
            expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
            expect_same_values(captum[i].name, got, captum[i].map, 4);
        }
}

/* ---- Classifier rows ---------------------------------------------------- */

static void explain_weights(fmgcam_context *context, const problem *p,
                            const fmgcam_inputs *inputs, float *weights,
                            float *maps)
{
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .weights = float_buffer(weights, weight_count(p)),
                          .signed_maps = float_buffer(maps, p->stack)};

    expect_ok(context, fmgcam_explain(context, inputs, &out));
}

static void test_a_classifier_row_is_divided_by_the_cells(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < ALL_SIZES; i++) {
        problem p;
        stored a, rows;
        rng r;

        rng_init(&r, 600 + i);
        problem_init(&p, &r, sizes_at(i), true);
        size_t count = weight_count(&p);
        float *want = make_floats(count), *got = make_floats(count);
        float *maps = make_floats(p.stack);
        for (size_t j = 0; j < count; j++)
            want[j] = p.weights[j] / (float)p.cells;

        store_activations(&a, &p, FMGCAM_DTYPE_FLOAT32, LAYOUT_PLAIN);
        store_matrix(&rows, &p, p.weights, all_dtypes[i % 2],
                     (tensor_layout)(i % LAYOUT_COUNT));
        fmgcam_inputs in = {.struct_size = sizeof in,
                            .activations = &a.tensor,
                            .classifier = &rows.tensor};
        explain_weights(f->context, &p, &in, got, maps);
        expect_same_bits("weights", got, want, count);
        store_free(&a);
        store_free(&rows);
        problem_free(&p);
        free(want);
        free(got);
        free(maps);
    }
}

/* With S a power of two nothing is rounded on the way, so gradients that repeat
 * row / S must give the very maps. */
static void test_a_classifier_is_worth_its_gradients(void **state)
{
    fixture *f = *state;
    sizes size = {.classes = 5, .channels = 33, .height = 4, .width = 8};
    problem p;
    fmgcam_tensor a, g, w;
    rng r;

    assert_true(use_arithmetic(f->context, 0, FMGCAM_ARITHMETIC_REPRODUCIBLE));
    rng_init(&r, 6);
    problem_init(&p, &r, size, false);
    problem_add_gradients(&p, &r, false);
    for (size_t i = 0; i < weight_count(&p) * p.cells; i++)
        p.gradients[i] = p.weights[i / p.cells] / 32;
    fmgcam_tensor_nchw(&a, p.activations, FMGCAM_DTYPE_FLOAT32, 1, 33, 4, 8);
    fmgcam_tensor_nchw(&g, p.gradients, FMGCAM_DTYPE_FLOAT32, 5, 33, 4, 8);
    fmgcam_tensor_matrix(&w, p.weights, FMGCAM_DTYPE_FLOAT32, 5, 33);

    float weights[2][5 * 33], maps[2][5 * 32];
    fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .gradients = &g};
    explain_weights(f->context, &p, &in, weights[0], maps[0]);
    in = (fmgcam_inputs){
        .struct_size = sizeof in, .activations = &a, .classifier = &w};
    explain_weights(f->context, &p, &in, weights[1], maps[1]);
    expect_same_bits("weights", weights[1], weights[0], 5 * 33);
    expect_same_bits("maps", maps[1], maps[0], 5 * 32);
    problem_free(&p);
}

/* score - bias = sum over c of row[c] mean(A[c]) = sum over s of M[s]. The
 * maps' own bound, summed over the cells, is all that the sum can be off by,
 * but for the u |w| |A| of dividing each row by S. */
static void test_signed_maps_add_up_to_the_score(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < ALL_SIZES; i++) {
        problem p;
        rng r;

        rng_init(&r, 700 + i);
        problem_init(&p, &r, sizes_at(i), false);
        uint32_t channels = p.size.channels;
        float *maps = make_floats(p.stack);
        fmgcam_tensor a, w;
        fmgcam_tensor_nchw(&a, p.activations, FMGCAM_DTYPE_FLOAT32, 1, channels,
                           p.size.height, p.size.width);
        fmgcam_tensor_matrix(&w, p.weights, FMGCAM_DTYPE_FLOAT32,
                             p.size.classes, channels);
        fmgcam_inputs in = {
            .struct_size = sizeof in, .activations = &a, .classifier = &w};
        fmgcam_outputs out = {.struct_size = sizeof out,
                              .signed_maps = float_buffer(maps, p.stack)};
        expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
        for (size_t k = 0; k < p.size.classes; k++) {
            double sum = 0, score = 0, size = 0;
            for (size_t s = 0; s < p.cells; s++)
                sum += (double)maps[k * p.cells + s];
            for (size_t j = 0; j < channels * p.cells; j++) {
                double term = (double)p.weights[k * channels + j / p.cells] *
                              (double)p.activations[j] / (double)p.cells;
                score += term;
                size += fabs(term);
            }
            assert_true(fabs(sum - score) <=
                        float_gamma(channels + 1) * size +
                            (double)p.cells * channels * FLOAT_TINY);
        }
        problem_free(&p);
        free(maps);
    }
}

static void test_given_weights_come_out_as_they_are(void **state)
{
    fixture *f = *state;
    sizes size = {.classes = 3, .channels = 5, .height = 2, .width = 2};
    problem p;
    stored a, w;
    rng r;
    float got[15], maps[12];

    rng_init(&r, 7);
    problem_init(&p, &r, size, true);
    for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
        store_activations(&a, &p, FMGCAM_DTYPE_FLOAT16, LAYOUT_PLAIN);
        store_matrix(&w, &p, p.weights, all_dtypes[layout % 2],
                     (tensor_layout)layout);
        fmgcam_inputs in = {.struct_size = sizeof in,
                            .activations = &a.tensor,
                            .weights = &w.tensor};
        explain_weights(f->context, &p, &in, got, maps);
        expect_same_bits("weights", got, p.weights, 15);
        store_free(&a);
        store_free(&w);
    }
    problem_free(&p);
}

/* ---- Leaving the range of float ----------------------------------------- */

static void test_a_map_that_overflows_is_named(void **state)
{
    fixture *f = *state;

    for (size_t j = 0; j < COUNT_OF(all_arithmetics); j++) {
        float a[2 * 12], w[6] = {1, 1, 3e38f, 3e38f, 1, 1}, maps[36];
        fmgcam_tensor t, m;

        if (!use_arithmetic(f->context, 0, all_arithmetics[j]))
            continue;
        for (size_t i = 0; i < COUNT_OF(a); i++)
            a[i] = 0x1p-100f;
        a[7] = a[12 + 7] = 1; /* row 1, column 3 */
        fmgcam_tensor_nchw(&t, a, FMGCAM_DTYPE_FLOAT32, 1, 2, 3, 4);
        fmgcam_tensor_matrix(&m, w, FMGCAM_DTYPE_FLOAT32, 3, 2);
        fmgcam_buffer out = float_buffer(maps, 36);
        expect_status(f->context,
                      fmgcam_combine_channels(f->context, &m, &t, &out),
                      FMGCAM_STATUS_OVERFLOW, "class 1");
        assert_non_null(strstr(fmgcam_error_detail(f->context), "[1,3]"));

        fmgcam_inputs in = {
            .struct_size = sizeof in, .activations = &t, .weights = &m};
        fmgcam_outputs all = {.struct_size = sizeof all, .maps = out};
        expect_status(f->context, fmgcam_explain(f->context, &in, &all),
                      FMGCAM_STATUS_OVERFLOW, "class 1");
    }
}

/* Infinity minus infinity on the way must not come out as NaN either. */
static void test_overflow_that_cancels_is_no_nan(void **state)
{
    fixture *f = *state;

    for (size_t j = 0; j < COUNT_OF(all_arithmetics); j++) {
        const float a[4] = {3e38f, 3e38f, 3e38f, 3e38f};
        const float w[4] = {10, 10, -10, -10};
        fmgcam_tensor t, m;
        float map;

        if (!use_arithmetic(f->context, 0, all_arithmetics[j]))
            continue;
        fmgcam_tensor_nchw(&t, a, FMGCAM_DTYPE_FLOAT32, 1, 4, 1, 1);
        fmgcam_tensor_matrix(&m, w, FMGCAM_DTYPE_FLOAT32, 1, 4);
        fmgcam_buffer out = float_buffer(&map, 1);
        expect_status(f->context,
                      fmgcam_combine_channels(f->context, &m, &t, &out),
                      FMGCAM_STATUS_OVERFLOW, "class 0");
    }
}

static void test_a_weight_that_overflows_is_named(void **state)
{
    fixture *f = *state;
    float g[2 * 3 * 32], weights[6];
    fmgcam_tensor t;

    for (size_t i = 0; i < COUNT_OF(g); i++)
        g[i] = 1;
    /* Cells 0 and 16 share a lane; class 1, channel 2. */
    g[5 * 32] = g[5 * 32 + 16] = 3e38f;
    fmgcam_tensor_nchw(&t, g, FMGCAM_DTYPE_FLOAT32, 2, 3, 4, 8);
    fmgcam_buffer out = float_buffer(weights, 6);
    expect_status(f->context, fmgcam_pool_gradients(f->context, &t, &out),
                  FMGCAM_STATUS_OVERFLOW, "class 1");
    assert_non_null(strstr(fmgcam_error_detail(f->context), "channel 2"));
}

/* Profile released: a product of two ranks' weights leaves the range. */
static void test_released_weights_that_overflow_are_no_nan(void **state)
{
    fixture *f = *state;
    const float w[2] = {1e30f, 1e30f}, a[1] = {0};
    float maps[2];
    fmgcam_tensor t, m;

    for (size_t j = 0; j < COUNT_OF(all_arithmetics); j++) {
        if (!use_arithmetic(f->context, FMGCAM_PROFILE_RELEASED,
                            all_arithmetics[j]))
            continue;
        fmgcam_tensor_nchw(&t, a, FMGCAM_DTYPE_FLOAT32, 1, 1, 1, 1);
        fmgcam_tensor_matrix(&m, w, FMGCAM_DTYPE_FLOAT32, 2, 1);
        fmgcam_buffer out = float_buffer(maps, 2);
        fmgcam_status status =
            fmgcam_combine_channels(f->context, &m, &t, &out);
        if (status == FMGCAM_STATUS_OK) /* 0 times a large number */
            assert_true(maps[1] >= 0 && maps[1] <= 0);
        else
            expect_status(f->context, status, FMGCAM_STATUS_OVERFLOW,
                          "channel 0");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_pooling_is_the_mean_within_its_bound),
        fixture_test(test_pooling_follows_the_documented_lanes),
        fixture_test(test_pooling_has_the_same_bits_in_any_layout),
        fixture_test(test_long_rows_are_pooled_channel_by_channel),
        fixture_test(test_gradients_of_one_class_may_have_three_axes),
        fixture_test(test_zero_strides_repeat_a_gradient),
        fixture_test(test_zero_gradients_give_zero_weights_and_maps),
        fixture_test(test_denormal_gradients_are_not_flushed),
        fixture_test(test_weights_of_xplique),
        fixture_test(test_combining_is_the_sum_within_its_bound),
        fixture_test(test_combining_follows_the_documented_order),
        fixture_test(test_released_combining_has_the_same_bits_in_any_layout),
        fixture_test(test_few_classes_are_combined_by_the_own_kernels),
        fixture_test(test_combining_never_fuses),
        fixture_test(test_activations_may_have_an_axis_of_one_picture),
        fixture_test(test_maps_of_captum),
        fixture_test(test_a_classifier_row_is_divided_by_the_cells),
        fixture_test(test_a_classifier_is_worth_its_gradients),
        fixture_test(test_signed_maps_add_up_to_the_score),
        fixture_test(test_given_weights_come_out_as_they_are),
        fixture_test(test_a_map_that_overflows_is_named),
        fixture_test(test_overflow_that_cancels_is_no_nan),
        fixture_test(test_a_weight_that_overflows_is_named),
        fixture_test(test_released_weights_that_overflow_are_no_nan),
    };
    return cmocka_run_group_tests_name("weights", tests, NULL, NULL);
}
