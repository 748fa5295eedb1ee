/* SPDX-License-Identifier: MIT */
/* Choosing the classes, against sorting all of them, in double. */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The oracle ---------------------------------------------------------- */

typedef struct item {
    double score;
    uint32_t index;
} item;

static int compare_items(const void *a, const void *b)
{
    const item *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

typedef struct chosen {
    uint32_t count;
    uint32_t *indices;
    double *values; /* of all n, by index */
} chosen;

static double oracle_value(const fmgcam_choice *choice, const float *scores,
                           size_t n, size_t i)
{
    double t = choice->temperature > 0 ? (double)choice->temperature : 1;
    double y = (double)scores[i], sum = 0;

    if (choice->link == FMGCAM_LINK_NONE)
        return y;
    if (choice->link == FMGCAM_LINK_SIGMOID)
        return (double)(1 / (1 + expl(-(long double)(y / t))));
    for (size_t j = 0; j < n; j++)
        sum += exp(((double)scores[j] - y) / t);
    return 1 / sum;
}

/* Rules as the header words them, over the sorted list of those that qualify.
 * @p safe is cleared where rounding could decide otherwise. */
static chosen oracle_choose(const fmgcam_choice *choice, const float *scores,
                            size_t n, bool *safe)
{
    const double close = 1e-12;
    chosen c = {0, make_array(n, sizeof *c.indices), make_doubles(n)};
    item *items = make_array(n, sizeof *items);
    size_t size = 0, most = choice->count ? choice->count : n;
    double mass = 0, widest = -1, t = (double)choice->threshold;

    *safe = true;
    for (uint32_t i = 0; i < n; i++) {
        c.values[i] = oracle_value(choice, scores, n, i);
        bool out = choice->rule == FMGCAM_CHOICE_THRESHOLDS &&
                   c.values[i] < (double)choice->thresholds[i];
        if (choice->rule == FMGCAM_CHOICE_THRESHOLDS &&
            fabs(c.values[i] - (double)choice->thresholds[i]) < close)
            *safe = false;
        if (!out)
            items[size++] = (item){(double)scores[i], i};
    }
    qsort(items, size, sizeof *items, compare_items);
    if (choice->rule <= FMGCAM_CHOICE_TOP && choice->count == 0)
        most = n < 5 ? n : 5;
    if (most > size)
        most = size;
    c.count = (uint32_t)most;
    for (size_t k = 0; k < most; k++)
        c.indices[k] = items[k].index;

    for (size_t k = 0; k < most; k++) {
        double value = c.values[c.indices[k]];
        mass += value;
        if (choice->rule == FMGCAM_CHOICE_MASS) {
            if (fabs(mass - t) < close)
                *safe = false;
            if (mass >= t) {
                c.count = (uint32_t)k + 1;
                break;
            }
        }
        if (choice->rule == FMGCAM_CHOICE_PROBABILITY) {
            if (fabs(value - t) < close)
                *safe = false;
            if (value < t) {
                c.count = (uint32_t)k;
                break;
            }
        }
        if (choice->rule == FMGCAM_CHOICE_GAP && k + 1 < n) {
            double gap = value - c.values[items[k + 1].index];
            if (fabs(gap - widest) < close && gap > 0)
                *safe = false;
            if (gap > widest) {
                widest = gap;
                c.count = (uint32_t)k + 1;
            }
        }
    }
    free(items);
    return c;
}

static void chosen_free(chosen *c)
{
    free(c->indices);
    free(c->values);
}

/* ---- Against the oracle -------------------------------------------------- */

static float random_score(rng *r, int kind)
{
    switch (kind) {
    case 0: return (float)rng_below(r, 5) - 2; /* ties */
    case 1: return rng_uniform(r, -1e4f, 1e4f);
    case 2: return rng_below(r, 3) ? rng_uniform(r, -1, 1) : 3e38f;
    default: return rng_uniform(r, -8, 8);
    }
}

static void check_choice(fmgcam_context *context, const fmgcam_choice *choice,
                         const float *scores, size_t n,
                         const fmgcam_tensor *tensor)
{
    uint32_t *got = make_array(n, sizeof *got), count = 77;
    float *probabilities = make_floats(n);
    fmgcam_buffer classes = buffer_of(got, n, sizeof *got);
    fmgcam_buffer values = float_buffer(probabilities, n);
    bool safe;
    chosen want = oracle_choose(choice, scores, n, &safe);

    expect_ok(context, fmgcam_choose_classes(context, choice, tensor, &classes,
                                             &values, &count));
    if (safe) {
        assert_int_equal(count, want.count);
        assert_memory_equal(got, want.indices, count * sizeof *got);
        for (uint32_t k = 0; k < count; k++) {
            /* One rounding to float; what double adds is far below. */
            double p = want.values[got[k]];
            double bound = 1.001 * FLOAT_ROUNDOFF * fabs(p) + FLOAT_TINY;
            expect_within("probability", &probabilities[k], &p, &bound, 1);
        }
    }
    chosen_free(&want);
    free(got);
    free(probabilities);
}

static void test_every_rule_is_what_sorting_gives(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 501);
    for (int pass = 0; pass < 4000; pass++) {
        uint32_t n = 1 + rng_below(&r, pass % 5 ? 12 : 200);
        float *scores = make_floats(n), *thresholds = make_floats(n);
        fmgcam_choice choice = {
            .struct_size = sizeof choice,
            .rule = rng_below(&r, 6),
            .link = rng_below(&r, 4),
            .count = rng_below(&r, n + 1),
            .threshold = rng_uniform(&r, 0.001f, 1),
            .temperature = rng_below(&r, 2) ? rng_uniform(&r, 0.1f, 10) : 0,
            .thresholds = thresholds};
        fmgcam_tensor tensor;

        for (uint32_t i = 0; i < n; i++)
            scores[i] = random_score(&r, pass % 4);
        rng_fill(&r, thresholds, n, 0, 1);
        fmgcam_tensor_vector(&tensor, scores, FMGCAM_DTYPE_FLOAT32, n);
        check_choice(f->context, &choice, scores, n, &tensor);
        free(scores);
        free(thresholds);
    }
}

static void test_scores_may_have_any_layout_and_dtype(void **state)
{
    enum { N = 40 };
    fixture *f = *state;
    rng r;
    float scores[N];
    const float unit = 0.25f;

    rng_init(&r, 502);
    for (size_t i = 0; i < N; i++)
        scores[i] = unit * ((float)rng_below(&r, 40) - 20);
    for (uint32_t dtype = 1; dtype <= 6; dtype++)
        for (int layout = 0; layout < LAYOUT_COUNT; layout++)
            for (uint32_t rank = 1; rank <= 2; rank++) {
                int64_t shape[2] = {1, N};
                float stored_values[N];
                int32_t zero = 100;
                bool is_unsigned = dtype == FMGCAM_DTYPE_UINT8;
                bool is_integer = is_unsigned || dtype == FMGCAM_DTYPE_INT8;
                fmgcam_quantization q = {.struct_size = sizeof q,
                                         .scales = &unit,
                                         .zero_points =
                                             is_unsigned ? &zero : NULL,
                                         .count = 1};
                fmgcam_choice choice = {.struct_size = sizeof choice,
                                        .count = 7,
                                        .scores_quantization =
                                            is_integer ? &q : NULL};
                stored t;

                for (size_t i = 0; i < N; i++)
                    stored_values[i] =
                        is_integer ? scores[i] / unit + (is_unsigned ? 100 : 0)
                                   : scores[i];
                store_init(&t, stored_values, rank, shape + 2 - rank, dtype,
                           (tensor_layout)layout);
                check_choice(f->context, &choice, scores, N, &t.tensor);
                store_free(&t);
            }
}

/* Neither 0 nor -0 is the larger; equal scores have equal probabilities. */
static void test_zeros_tie_by_index(void **state)
{
    fixture *f = *state;
    const float scores[4] = {-0.0f, 0, -1, 0};
    const uint32_t want[4] = {0, 1, 3, 2};
    uint32_t got[4], count;
    float p[4];
    fmgcam_tensor t;
    fmgcam_buffer classes = buffer_of(got, 4, 4), values = float_buffer(p, 4);

    fmgcam_tensor_vector(&t, scores, FMGCAM_DTYPE_FLOAT32, 4);
    expect_ok(f->context, fmgcam_choose_classes(f->context, NULL, &t, &classes,
                                                &values, &count));
    assert_memory_equal(got, want, sizeof got);
    expect_same_bits("ties", &p[0], &p[1], 1);
    expect_same_bits("ties", &p[0], &p[2], 1);
}

/* ---- Arguments ----------------------------------------------------------- */

static void test_bad_choices_are_named(void **state)
{
    fixture *f = *state;
    float scores[6] = {1, 2, 3, 4, 5, 6}, nan_scores[6] = {1, 2, NAN, 4, 5, 6};
    float thresholds[6] = {0, 0, 0, INFINITY, 0, 0};
    uint32_t indices[6], count;
    float p[6];
    fmgcam_tensor good, bad, square;
    const fmgcam_buffer classes = buffer_of(indices, 6, 4);
    const fmgcam_buffer few = buffer_of(indices, 5, 4);
    const fmgcam_buffer values = float_buffer(p, 6);
    const fmgcam_buffer over = float_buffer(scores, 6);

    fmgcam_tensor_vector(&good, scores, FMGCAM_DTYPE_FLOAT32, 6);
    fmgcam_tensor_vector(&bad, nan_scores, FMGCAM_DTYPE_FLOAT32, 6);
    fmgcam_tensor_matrix(&square, scores, FMGCAM_DTYPE_FLOAT32, 2, 3);
    const float first_is_nan[6] = {NAN};
    const struct {
        const char *text;
        fmgcam_choice choice;
        const fmgcam_tensor *scores;
        const fmgcam_buffer *classes, *probabilities;
        fmgcam_status status;
    } rows[] = {
        {"rule: 6", {.rule = 6}, &good, &classes, NULL, FMGCAM_STATUS_ARGUMENT},
        {"link: 4", {.link = 4}, &good, &classes, NULL, FMGCAM_STATUS_ARGUMENT},
        {"flags", {.flags = 1}, &good, &classes, NULL, FMGCAM_STATUS_ARGUMENT},
        {"count: 7, expected at most the 6",
         {.count = 7},
         &good,
         &classes,
         NULL,
         FMGCAM_STATUS_ARGUMENT},
        {"temperature: -1",
         {.temperature = -1},
         &good,
         &classes,
         NULL,
         FMGCAM_STATUS_ARGUMENT},
        {"temperature: inf",
         {.temperature = INFINITY},
         &good,
         &classes,
         NULL,
         FMGCAM_STATUS_ARGUMENT},
        {"threshold: 0",
         {.rule = FMGCAM_CHOICE_MASS},
         &good,
         &classes,
         NULL,
         FMGCAM_STATUS_ARGUMENT},
        {"threshold: 1.5",
         {.rule = FMGCAM_CHOICE_MASS, .threshold = 1.5f},
         &good,
         &classes,
         NULL,
         FMGCAM_STATUS_ARGUMENT},
        {"threshold: nan",
         {.rule = FMGCAM_CHOICE_PROBABILITY, .threshold = NAN},
         &good,
         &classes,
         NULL,
         FMGCAM_STATUS_ARGUMENT},
        {"thresholds: NULL",
         {.rule = FMGCAM_CHOICE_THRESHOLDS},
         &good,
         &classes,
         NULL,
         FMGCAM_STATUS_ARGUMENT},
        {"thresholds[3]: inf",
         {.rule = FMGCAM_CHOICE_THRESHOLDS, .thresholds = thresholds},
         &good,
         &classes,
         NULL,
         FMGCAM_STATUS_ARGUMENT},
        {"thresholds[0]: nan",
         {.rule = FMGCAM_CHOICE_THRESHOLDS, .thresholds = first_is_nan},
         &good,
         &classes,
         NULL,
         FMGCAM_STATUS_ARGUMENT},
        {"scores: value at [2] is nan",
         {.count = 1},
         &bad,
         &classes,
         NULL,
         FMGCAM_STATUS_NON_FINITE},
        {"scores", {.count = 1}, NULL, &classes, NULL, FMGCAM_STATUS_ARGUMENT},
        {"scores: shape [2,3]",
         {.count = 1},
         &square,
         &classes,
         NULL,
         FMGCAM_STATUS_SHAPE},
        {"classes: NULL",
         {.count = 1},
         &good,
         NULL,
         NULL,
         FMGCAM_STATUS_ARGUMENT},
        {"at least 24",
         {.count = 6},
         &good,
         &few,
         NULL,
         FMGCAM_STATUS_BUFFER_SIZE},
        {"at least 24",
         {.rule = FMGCAM_CHOICE_GAP},
         &good,
         &few,
         NULL,
         FMGCAM_STATUS_BUFFER_SIZE},
        {"overlaps scores",
         {.count = 6},
         &good,
         &over,
         NULL,
         FMGCAM_STATUS_ARGUMENT},
        {"overlaps scores",
         {.count = 6},
         &good,
         &classes,
         &over,
         FMGCAM_STATUS_ARGUMENT},
        {"overlaps classes",
         {.count = 6},
         &good,
         &classes,
         &classes,
         FMGCAM_STATUS_ARGUMENT},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        fmgcam_choice choice = rows[i].choice;
        choice.struct_size = sizeof choice;
        expect_status(f->context,
                      fmgcam_choose_classes(f->context, &choice, rows[i].scores,
                                            rows[i].classes,
                                            rows[i].probabilities, &count),
                      rows[i].status, rows[i].text);
    }
    expect_status(
        f->context,
        fmgcam_choose_classes(f->context, NULL, &good, &classes, &values, NULL),
        FMGCAM_STATUS_ARGUMENT, "count: NULL");
    /* Five are enough for the default. */
    expect_ok(f->context, fmgcam_choose_classes(f->context, NULL, &good, &few,
                                                &values, &count));
    assert_int_equal(count, 5);
}

static void test_no_class_may_be_good_enough(void **state)
{
    fixture *f = *state;
    const float scores[3] = {-5, -6, -7};
    uint32_t indices[3], count = 9;
    fmgcam_tensor t;
    fmgcam_buffer classes = buffer_of(indices, 3, 4);
    fmgcam_choice choice = {.struct_size = sizeof choice,
                            .rule = FMGCAM_CHOICE_PROBABILITY,
                            .link = FMGCAM_LINK_SIGMOID,
                            .threshold = 0.5f};

    fmgcam_tensor_vector(&t, scores, FMGCAM_DTYPE_FLOAT32, 3);
    expect_ok(f->context, fmgcam_choose_classes(f->context, &choice, &t,
                                                &classes, NULL, &count));
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_every_rule_is_what_sorting_gives),
        fixture_test(test_scores_may_have_any_layout_and_dtype),
        fixture_test(test_zeros_tie_by_index),
        fixture_test(test_bad_choices_are_named),
        fixture_test(test_no_class_may_be_good_enough),
    };
    return cmocka_run_group_tests_name("choose", tests, NULL, NULL);
}
