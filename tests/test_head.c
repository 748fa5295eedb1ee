/* SPDX-License-Identifier: MIT */
/* Heads that fit, and heads that do not, for every cause that is named. */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- A network ----------------------------------------------------------- */

enum { MOST_N = 40, MOST_C = 40, H = 3, W = 5, S = H * W };

typedef struct network {
    uint32_t n, channels;
    float activations[MOST_C * S], matrix[MOST_N * MOST_C], bias[MOST_N];
    float scores[MOST_N];
} network;

typedef double pooling(const float *cells);

static double mean(const float *cells)
{
    double sum = 0;
    for (size_t s = 0; s < S; s++)
        sum += (double)cells[s];
    return sum / S;
}

static double mean_of_relu(const float *cells)
{
    double sum = 0;
    for (size_t s = 0; s < S; s++)
        sum += cells[s] > 0 ? (double)cells[s] : 0;
    return sum / S;
}

static double mean_of_relu6(const float *cells)
{
    double sum = 0;
    for (size_t s = 0; s < S; s++)
        sum += cells[s] > 0 ? cells[s] < 6 ? (double)cells[s] : 6 : 0;
    return sum / S;
}

static double sum_of(const float *cells)
{
    return mean(cells) * S;
}

static double largest(const float *cells)
{
    double best = (double)cells[0];
    for (size_t s = 1; s < S; s++)
        best = fmax(best, (double)cells[s]);
    return best;
}

static void run(network *net, pooling *pool)
{
    for (uint32_t i = 0; i < net->n; i++) {
        double y = (double)net->bias[i];
        for (uint32_t c = 0; c < net->channels; c++)
            y += (double)net->matrix[i * net->channels + c] *
                 pool(net->activations + c * S);
        net->scores[i] = (float)y;
    }
}

static void network_init(network *net, rng *r, uint32_t n, uint32_t channels)
{
    net->n = n;
    net->channels = channels;
    for (uint32_t c = 0; c < channels; c++) { /* about a mean of its own */
        float middle = rng_uniform(r, -6, 8);
        rng_fill(r, net->activations + c * S, S, middle - 5, middle + 5);
    }
    rng_fill(r, net->matrix, (size_t)n * channels, -1, 1);
    rng_fill(r, net->bias, n, -0.5f, 0.5f);
    run(net, mean);
}

typedef struct given {
    fmgcam_tensor a, w, b, y;
    fmgcam_inputs inputs;
} given;

static void give(given *g, const network *net)
{
    fmgcam_tensor_nchw(&g->a, net->activations, FMGCAM_DTYPE_FLOAT32, 1,
                       net->channels, H, W);
    fmgcam_tensor_matrix(&g->w, net->matrix, FMGCAM_DTYPE_FLOAT32, net->n,
                         net->channels);
    fmgcam_tensor_vector(&g->b, net->bias, FMGCAM_DTYPE_FLOAT32, net->n);
    fmgcam_tensor_vector(&g->y, net->scores, FMGCAM_DTYPE_FLOAT32, net->n);
    g->inputs = (fmgcam_inputs){.struct_size = sizeof g->inputs,
                                .activations = &g->a,
                                .classifier = &g->w,
                                .bias = &g->b,
                                .scores = &g->y};
}

static void expect_cause(fmgcam_context *context, const fmgcam_inputs *inputs,
                         uint32_t cause)
{
    fmgcam_head_check check = {.struct_size = sizeof check};

    expect_ok(context, fmgcam_check_head(context, inputs, 0, &check));
    if (check.cause != cause) {
        print_error("cause %u, not %u; error %g, bound %g at %u\n", check.cause,
                    cause, check.error, check.bound, check.index);
        fail();
    }
    assert_true(isfinite(check.error) && isfinite(check.bound));
    if (cause == FMGCAM_HEAD_FITS)
        assert_true(check.error <= check.bound);
}

/* ---- Causes -------------------------------------------------------------- */

/* Matrices that are square, tall and wide. */
static const uint32_t shapes[][2] = {{20, 20}, {31, 12}, {10, 37}, {5, 40}};

static void test_a_head_that_fits(void **state)
{
    fixture *f = *state;
    rng r;
    network net;
    given g;

    rng_init(&r, 601);
    for (uint32_t n = 1; n <= 12; n++)
        for (uint32_t channels = 1; channels <= 12; channels++) {
            network_init(&net, &r, n, channels);
            give(&g, &net);
            expect_cause(f->context, &g.inputs, FMGCAM_HEAD_FITS);
            memset(net.bias, 0, sizeof net.bias);
            run(&net, mean);
            g.inputs.bias = NULL;
            expect_cause(f->context, &g.inputs, FMGCAM_HEAD_FITS);
        }
}

static void test_each_cause_is_named(void **state)
{
    static const struct {
        pooling *pool;
        uint32_t cause;
    } rows[] = {{mean_of_relu, FMGCAM_HEAD_BEFORE_RELU},
                {mean_of_relu6, FMGCAM_HEAD_BEFORE_RELU},
                {sum_of, FMGCAM_HEAD_POOLING},
                {largest, FMGCAM_HEAD_POOLING}};
    fixture *f = *state;
    rng r;
    network net, other;
    given g;

    rng_init(&r, 602);
    for (int round = 0; round < 40; round++) {
        const uint32_t *shape = shapes[round % 4];
        network_init(&net, &r, shape[0], shape[1]);
        give(&g, &net);
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            run(&net, rows[i].pool);
            expect_cause(f->context, &g.inputs, rows[i].cause);
        }
        run(&net, mean);

        network_init(&other, &r, shape[0], shape[1]);
        g.a.data = other.activations;
        expect_cause(f->context, &g.inputs, FMGCAM_HEAD_WRONG_LAYER);
        g.inputs.bias = NULL;
        if (net.n >= 10) /* fewer classes can go together by chance */
            expect_cause(f->context, &g.inputs, FMGCAM_HEAD_WRONG_LAYER);
        g.a.data = net.activations;
        expect_cause(f->context, &g.inputs, FMGCAM_HEAD_MISSING_BIAS);

        memset(net.bias, 0, sizeof net.bias);
        run(&net, mean);
        g.inputs.bias = &g.b;
        net.bias[2] = 0.125f;
        expect_cause(f->context, &g.inputs, FMGCAM_HEAD_NEEDLESS_BIAS);
    }
}

/* It is the same whatever the size of the logits is. */
static void test_small_logits_lack_their_bias_too(void **state)
{
    fixture *f = *state;
    rng r;
    network net;
    given g;

    rng_init(&r, 610);
    network_init(&net, &r, 20, 20);
    for (size_t i = 0; i < 20 * 20; i++)
        net.matrix[i] *= 0x1p-8f;
    for (size_t i = 0; i < 20; i++)
        net.bias[i] *= 0x1p-8f;
    run(&net, mean);
    give(&g, &net);
    g.inputs.bias = NULL;
    expect_cause(f->context, &g.inputs, FMGCAM_HEAD_MISSING_BIAS);
}

/* [C, n] in memory, said to be [n, C] where that is possible. */
static void test_a_transposed_matrix_is_named(void **state)
{
    fixture *f = *state;
    rng r;
    network net;
    given g;
    float turned[MOST_N * MOST_C];

    rng_init(&r, 603);
    for (int round = 0; round < 40; round++) {
        const uint32_t *shape = shapes[round % 4];
        network_init(&net, &r, shape[0], shape[1]);
        for (uint32_t i = 0; i < net.n; i++)
            for (uint32_t c = 0; c < net.channels; c++)
                turned[c * net.n + i] = net.matrix[i * net.channels + c];
        give(&g, &net);
        fmgcam_tensor_matrix(&g.w, turned, FMGCAM_DTYPE_FLOAT32, net.channels,
                             net.n);
        expect_cause(f->context, &g.inputs, FMGCAM_HEAD_TRANSPOSED);
        g.inputs.bias = NULL;
        expect_cause(f->context, &g.inputs, FMGCAM_HEAD_TRANSPOSED);
        g.inputs.bias = &g.b;
        run(&net, mean_of_relu);
        expect_cause(f->context, &g.inputs, FMGCAM_HEAD_TRANSPOSED);
        /* By its strides it is what it should be. */
        run(&net, mean);
        g.w = (fmgcam_tensor){.data = turned,
                              .dtype = FMGCAM_DTYPE_FLOAT32,
                              .rank = 2,
                              .shape = {net.n, net.channels},
                              .strides = {1, net.n}};
        expect_cause(f->context, &g.inputs, FMGCAM_HEAD_FITS);
    }
}

static void test_probabilities_are_named(void **state)
{
    fixture *f = *state;
    rng r;
    network net;
    given g;

    rng_init(&r, 604);
    for (int round = 0; round < 20; round++) {
        float logits[MOST_N];
        double sum = 0;

        network_init(&net, &r, 17, 23);
        give(&g, &net);
        memcpy(logits, net.scores, sizeof logits);
        for (uint32_t i = 0; i < net.n; i++)
            sum += exp((double)logits[i]);
        for (int kind = 0; kind < 3; kind++) {
            for (uint32_t i = 0; i < net.n; i++) {
                double y = (double)logits[i];
                net.scores[i] = (float)(kind == 0   ? exp(y) / sum
                                        : kind == 1 ? y - log(sum)
                                                    : 1 / (1 + exp(-y)));
            }
            expect_cause(f->context, &g.inputs, FMGCAM_HEAD_PROBABILITIES);
        }
    }
}

/* ---- Dtypes -------------------------------------------------------------- */

static void quantise(const float *x, size_t count, float scale, float *q)
{
    for (size_t i = 0; i < count; i++)
        q[i] = fminf(fmaxf(roundf(x[i] / scale), -127), 127);
}

/* A tensor with less than float32, where @p dtype says so. */
static void store_rounded(stored *out, const float *values, uint32_t rank,
                          const int64_t *shape, uint32_t dtype, float scale)
{
    float q[MOST_C * S + MOST_N * MOST_C];
    size_t count = 1;

    for (uint32_t i = 0; i < rank; i++)
        count *= (size_t)shape[i];
    if (dtype == FMGCAM_DTYPE_INT8)
        quantise(values, count, scale, q);
    else
        memcpy(q, values, count * sizeof *q);
    store_init(out, q, rank, shape, dtype, LAYOUT_MIXED);
}

/* The network had float32; the files have less, one or several of them. The
 * bound allows for that, and a bias still shows. */
static void check_rounded(fmgcam_context *context, const network *net,
                          uint32_t dtype, unsigned which)
{
    static const float scales[3] = {14.0f / 127, 1.0f / 127, 1};
    const float *values[3] = {net->activations, net->matrix, net->scores};
    const int64_t extents[3][3] = {
        {net->channels, H, W}, {net->n, net->channels}, {net->n}};
    static const uint32_t ranks[3] = {3, 2, 1};
    fmgcam_quantization by[3];
    stored t[3];
    given g;

    give(&g, net);
    for (uint32_t i = 0; i < 3; i++) {
        store_rounded(&t[i], values[i], ranks[i], extents[i],
                      which >> i & 1 ? dtype : FMGCAM_DTYPE_FLOAT32, scales[i]);
        by[i] = (fmgcam_quantization){
            .struct_size = sizeof by[i], .scales = &scales[i], .count = 1};
    }
    g.inputs.activations = &t[0].tensor;
    g.inputs.classifier = &t[1].tensor;
    g.inputs.scores = &t[2].tensor;
    if (dtype == FMGCAM_DTYPE_INT8) {
        g.inputs.activations_quantization = which & 1 ? &by[0] : NULL;
        g.inputs.classifier_quantization = which & 2 ? &by[1] : NULL;
        g.inputs.scores_quantization = which & 4 ? &by[2] : NULL;
    }
    expect_cause(context, &g.inputs, FMGCAM_HEAD_FITS);
    fmgcam_head_check check = {.struct_size = sizeof check};
    g.inputs.bias = NULL;
    expect_ok(context, fmgcam_check_head(context, &g.inputs, 0, &check));
    assert_int_not_equal(check.cause, FMGCAM_HEAD_FITS);
    for (size_t i = 0; i < 3; i++)
        store_free(&t[i]);
}

static void test_stored_tensors_may_be_rounded(void **state)
{
    static const uint32_t dtypes[] = {FMGCAM_DTYPE_FLOAT64,
                                      FMGCAM_DTYPE_FLOAT16,
                                      FMGCAM_DTYPE_BFLOAT16, FMGCAM_DTYPE_INT8};
    fixture *f = *state;
    rng r;
    network net;

    rng_init(&r, 605);
    for (int round = 0; round < 30; round++)
        for (size_t d = 0; d < COUNT_OF(dtypes); d++)
            for (unsigned which = 1; which < 8; which++) {
                network_init(&net, &r, 25, 30);
                for (uint32_t i = 0; i < net.n; i++)
                    net.bias[i] *= 40;
                run(&net, mean);
                check_rounded(f->context, &net, dtypes[d], which);
            }
}

/* ---- The bound ----------------------------------------------------------- */

/* A tensor of whole numbers, which every dtype has, and their scales. */
typedef struct stored_numbers {
    float numbers[MOST_C * S], scales[MOST_C];
    uint32_t axis; /* that the scales are of; beyond the last: there is one */
    stored t;
    fmgcam_quantization by;
} stored_numbers;

static void numbers_init(stored_numbers *n, rng *r, uint32_t dtype,
                         uint32_t rank, const int64_t *shape, uint32_t axis)
{
    const bool has_scales = dtype == FMGCAM_DTYPE_INT8;
    size_t count = 1;

    for (uint32_t i = 0; i < rank; i++)
        count *= (size_t)shape[i];
    for (size_t i = 0; i < count; i++)
        n->numbers[i] = (float)rng_below(r, 201) - 100;
    for (size_t i = 0; i < MOST_C; i++)
        n->scales[i] = has_scales ? rng_uniform(r, 0.01f, 0.1f) : 1;
    store_init(&n->t, n->numbers, rank, shape, dtype, LAYOUT_MIXED);
    n->axis = axis;
    n->by =
        (fmgcam_quantization){.struct_size = sizeof n->by,
                              .scales = n->scales,
                              .count = axis < rank ? (uint32_t)shape[axis] : 1,
                              .axis = axis < rank ? axis : 0};
}

/* Of docs/numerics.md, with the unit of a stored number and half a step of an
 * integer. */
static double gamma_of(double n)
{
    return n * 0x1p-24 / (1 - n * 0x1p-24);
}

static void check_bound(fmgcam_context *context, rng *r, uint32_t dtype,
                        double unit, bool by_columns)
{
    enum { N = 6, C = 9 };
    stored_numbers a, w, b, y;
    const double half = dtype == FMGCAM_DTYPE_INT8 ? 0.5 : 0;

    numbers_init(&a, r, dtype, 3, (int64_t[]){C, H, W}, 0);
    numbers_init(&w, r, dtype, 2, (int64_t[]){N, C}, by_columns ? 1 : 0);
    numbers_init(&b, r, dtype, 1, (int64_t[]){N}, 1);
    numbers_init(&y, r, dtype, 1, (int64_t[]){N}, 1);
    fmgcam_inputs in = {.struct_size = sizeof in,
                        .activations = &a.t.tensor,
                        .classifier = &w.t.tensor,
                        .bias = &b.t.tensor,
                        .scores = &y.t.tensor};
    if (half > 0) {
        in.activations_quantization = &a.by;
        in.classifier_quantization = &w.by;
        in.bias_quantization = &b.by;
        in.scores_quantization = &y.by;
    }
    fmgcam_head_check check = {.struct_size = sizeof check};
    expect_ok(context, fmgcam_check_head(context, &in, 0, &check));

    double size = 0, steps = 0;
    for (size_t c = 0; c < C; c++) {
        double scale_w = (double)w.scales[by_columns ? c : check.index];
        double scale_a = (double)a.scales[c], magnitude = 0;
        double weight = fabs((double)w.numbers[check.index * C + c]) * scale_w;
        for (size_t s = 0; s < S; s++)
            magnitude += fabs((double)a.numbers[c * S + s]) * scale_a / S;
        size += weight * magnitude;
        steps += (weight + half * scale_w) * half * scale_a +
                 half * scale_w * magnitude;
    }
    double bias = fabs((double)b.numbers[check.index]) * (double)b.scales[0];
    double score = fabs((double)y.numbers[check.index]) * (double)y.scales[0];
    double want = gamma_of(S + C + 2) * (size + bias) + 2 * unit * size +
                  steps + unit * (bias + score) +
                  half * ((double)b.scales[0] + (double)y.scales[0]);
    if (fabs(check.bound - want) > 1e-6 * want)
        fail_msg("dtype %u: bound %g, want %g", dtype, check.bound, want);
    store_free(&a.t);
    store_free(&w.t);
    store_free(&b.t);
    store_free(&y.t);
}

static void test_the_bound_is_the_derived_one(void **state)
{
    static const struct {
        uint32_t dtype;
        double unit;
    } kinds[] = {{FMGCAM_DTYPE_FLOAT32, 0},
                 {FMGCAM_DTYPE_FLOAT16, 0x1p-11},
                 {FMGCAM_DTYPE_BFLOAT16, 0x1p-8},
                 {FMGCAM_DTYPE_INT8, 0}};
    fixture *f = *state;
    rng r;

    rng_init(&r, 609);
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < COUNT_OF(kinds); i++)
            check_bound(f->context, &r, kinds[i].dtype, kinds[i].unit,
                        round % 2);
}

/* ---- Arguments ----------------------------------------------------------- */

static void test_the_tolerance_takes_the_place_of_the_bound(void **state)
{
    fixture *f = *state;
    rng r;
    network net;
    given g;
    fmgcam_head_check check = {.struct_size = sizeof check};

    rng_init(&r, 606);
    network_init(&net, &r, 9, 9);
    give(&g, &net);
    net.scores[4] += 0.25f;
    expect_ok(f->context, fmgcam_check_head(f->context, &g.inputs, 0, &check));
    assert_int_equal(check.index, 4);
    assert_int_not_equal(check.cause, FMGCAM_HEAD_FITS);
    assert_true(fabs(check.error - 0.25) < 1e-4);
    assert_true(fabs(check.given - check.recomputed) == check.error);
    expect_ok(f->context,
              fmgcam_check_head(f->context, &g.inputs, 0.5, &check));
    assert_int_equal(check.cause, FMGCAM_HEAD_FITS);
    assert_true(check.bound == 0.5);
    const double bad[] = {-1, -HUGE_VAL, HUGE_VAL, (double)NAN};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_status(f->context,
                      fmgcam_check_head(f->context, &g.inputs, bad[i], &check),
                      FMGCAM_STATUS_ARGUMENT, "tolerance");
}

static void test_bad_heads_are_refused(void **state)
{
    fixture *f = *state;
    rng r;
    network net;
    given g;
    fmgcam_head_check check = {.struct_size = sizeof check};
    fmgcam_tensor longer;

    rng_init(&r, 607);
    network_init(&net, &r, 9, 11);
    give(&g, &net);
    fmgcam_tensor_vector(&longer, net.activations, FMGCAM_DTYPE_FLOAT32, 10);
    const fmgcam_inputs good = g.inputs;
    fmgcam_inputs rows[7] = {good, good, good, good, good, good, good};
    static const struct {
        const char *text;
        fmgcam_status status;
    } wants[7] = {{"activations: NULL", FMGCAM_STATUS_ARGUMENT},
                  {"classifier: NULL", FMGCAM_STATUS_ARGUMENT},
                  {"scores: NULL", FMGCAM_STATUS_ARGUMENT},
                  {"bias: shape [10]", FMGCAM_STATUS_SHAPE},
                  {"classifier: shape [9,11]", FMGCAM_STATUS_SHAPE},
                  {"classifier", FMGCAM_STATUS_SHAPE},
                  {"classifier: shape [11,8]", FMGCAM_STATUS_SHAPE}};
    rows[0].activations = NULL;
    rows[1].classifier = NULL;
    rows[2].scores = NULL;
    rows[3].bias = &longer;
    rows[4].scores = &longer;
    rows[5].classifier = &g.a;
    fmgcam_tensor too_narrow; /* transposed, and a class less */
    fmgcam_tensor_matrix(&too_narrow, net.matrix, FMGCAM_DTYPE_FLOAT32, 11, 8);
    rows[6].classifier = &too_narrow;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect_status(f->context,
                      fmgcam_check_head(f->context, &rows[i], 0, &check),
                      wants[i].status, wants[i].text);
    expect_status(f->context, fmgcam_check_head(f->context, NULL, 0, &check),
                  FMGCAM_STATUS_ARGUMENT, "inputs");
    expect_status(f->context, fmgcam_check_head(f->context, &good, 0, NULL),
                  FMGCAM_STATUS_ARGUMENT, "check");
    check.struct_size = 3;
    expect_status(f->context, fmgcam_check_head(f->context, &good, 0, &check),
                  FMGCAM_STATUS_ARGUMENT, "check.struct_size: 3");
    check.struct_size = sizeof check;
    net.matrix[5] = INFINITY;
    expect_status(f->context, fmgcam_check_head(f->context, &good, 0, &check),
                  FMGCAM_STATUS_NON_FINITE, "classifier: value at [0,5]");
}

/* The largest numbers of float32 come out finite. */
static void test_no_number_is_too_large(void **state)
{
    fixture *f = *state;
    rng r;
    network net;
    given g;
    fmgcam_head_check check = {.struct_size = sizeof check};

    rng_init(&r, 608);
    network_init(&net, &r, 7, 8);
    give(&g, &net);
    for (size_t i = 0; i < 8 * S; i++)
        net.activations[i] = i % 2 ? 3.4e38f : -3.4e38f;
    for (size_t i = 0; i < 7 * 8; i++)
        net.matrix[i] = i % 3 ? 3.4e38f : -3.4e38f;
    expect_ok(f->context, fmgcam_check_head(f->context, &g.inputs, 0, &check));
    assert_true(isfinite(check.error) && isfinite(check.bound) &&
                isfinite(check.recomputed));
}

static void test_nothing_is_allocated_after_reserve(void **state)
{
    fixture *f = *state;
    rng r;
    network net;
    given g;
    fmgcam_limits limits = {.struct_size = sizeof limits,
                            .classes = 1,
                            .channels = 40,
                            .map_height = H,
                            .map_width = W};

    rng_init(&r, 609);
    network_init(&net, &r, 40, 40);
    give(&g, &net);
    expect_ok(f->context, fmgcam_reserve(f->context, &limits));
    size_t requests = f->heap.requests;
    expect_cause(f->context, &g.inputs, FMGCAM_HEAD_FITS);
    assert_int_equal(f->heap.requests, requests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_a_head_that_fits),
        fixture_test(test_each_cause_is_named),
        fixture_test(test_small_logits_lack_their_bias_too),
        fixture_test(test_a_transposed_matrix_is_named),
        fixture_test(test_probabilities_are_named),
        fixture_test(test_stored_tensors_may_be_rounded),
        fixture_test(test_the_bound_is_the_derived_one),
        fixture_test(test_the_tolerance_takes_the_place_of_the_bound),
        fixture_test(test_bad_heads_are_refused),
        fixture_test(test_no_number_is_too_large),
        fixture_test(test_nothing_is_allocated_after_reserve),
    };
    return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
