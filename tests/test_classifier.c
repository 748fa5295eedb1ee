/* SPDX-License-Identifier: MIT */
/*
 * Weights from the matrix of the classifier, for each target; contrasts; the
 * scales of stage 5 that go by class. Networks here end in global average
 * pooling and one linear layer, y = W mean(A) + b, and the oracle differentiates
 * them by hand, in double.
 */
#include "oracle.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- A head -------------------------------------------------------------- */

enum { N = 23, C = 19, H = 4, W = 6, S = H * W, K = 4 };

typedef struct head {
    float activations[C * S], matrix[N * C], bias[N], scores[N];
    fmgcam_tensor a, w, b, y;
} head;

static void head_init(head *h, rng *r)
{
    rng_fill(r, h->activations, C * S, -1, 3);
    rng_fill(r, h->matrix, N * C, -1, 1);
    rng_fill(r, h->bias, N, -0.2f, 0.2f);
    for (size_t i = 0; i < N; i++) {
        double y = (double)h->bias[i];
        for (size_t c = 0; c < C; c++)
            for (size_t s = 0; s < S; s++)
                y += (double)h->matrix[i * C + c] *
                     (double)h->activations[c * S + s] / S;
        h->scores[i] = (float)y;
    }
    fmgcam_tensor_nchw(&h->a, h->activations, FMGCAM_DTYPE_FLOAT32, 1, C, H, W);
    fmgcam_tensor_matrix(&h->w, h->matrix, FMGCAM_DTYPE_FLOAT32, N, C);
    fmgcam_tensor_vector(&h->b, h->bias, FMGCAM_DTYPE_FLOAT32, N);
    fmgcam_tensor_vector(&h->y, h->scores, FMGCAM_DTYPE_FLOAT32, N);
}

static fmgcam_inputs inputs_of(const head *h, const uint32_t *classes)
{
    return (fmgcam_inputs){.struct_size = sizeof(fmgcam_inputs),
                           .activations = &h->a,
                           .classifier = &h->w,
                           .bias = &h->b,
                           .scores = &h->y,
                           .classes = classes,
                           .class_count = classes ? K : 0};
}

static const uint32_t some[K] = {7, 0, 22, 7};

/* ---- Targets ------------------------------------------------------------- */

static double probability(const head *h, uint32_t target, size_t class)
{
    if (target == FMGCAM_TARGET_SIGMOID)
        return 1 / (1 + exp(-(double)h->scores[class]));
    double sum = 0, own = (double)h->scores[class];
    for (size_t j = 0; j < N; j++)
        sum += exp((double)h->scores[j] - own);
    return 1 / sum;
}

/* d t / d A[c, any cell] for the target t of a class, by the chain rule:
 * sum over j of dt/dy_j W[j,c] / S. */
static double gradient(const head *h, uint32_t target, size_t class, size_t c)
{
    double sum = 0, p = probability(h, target, class);

    for (size_t j = 0; j < N; j++) {
        double own = j == class, slope = own;
        if (target == FMGCAM_TARGET_SOFTMAX)
            slope = p * (own - probability(h, target, j));
        else if (target == FMGCAM_TARGET_SIGMOID)
            slope = own * p * (1 - p);
        sum += slope * (double)h->matrix[j * C + c];
    }
    return sum / S;
}

/* The sizes of what is added up in gradient(), in which errors are measured. */
static double gradient_size(const head *h, uint32_t target, size_t class,
                            size_t c)
{
    double sum = 0;

    if (target == FMGCAM_TARGET_LOGIT)
        return fabs((double)h->matrix[class * C + c]) / S;
    for (size_t j = 0; j < N; j++)
        sum += (j == class ? 1 : probability(h, target, j)) *
               fabs((double)h->matrix[j * C + c]);
    return probability(h, target, class) * sum / S;
}

static void test_weights_are_the_gradients_of_the_target(void **state)
{
    fixture *f = *state;
    rng r;
    head h;

    rng_init(&r, 401);
    for (int round = 0; round < 20; round++)
        for (uint32_t target = 1; target <= 3; target++) {
            float got[K * C];
            head_init(&h, &r);
            use_options(f->context, (fmgcam_options){.target = target});
            fmgcam_inputs in = inputs_of(&h, some);
            fmgcam_outputs out = {.struct_size = sizeof out,
                                  .weights = float_buffer(got, K * C)};
            expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
            for (size_t i = 0; i < K * C; i++) {
                size_t class = some[i / C], c = i % C;
                double want = gradient(&h, target, class, c);
                /* One rounding of the weight to float; what double adds is
                 * far below, but not where terms cancel. */
                double bound = FLOAT_ROUNDOFF * fabs(want) +
                               1e-14 * gradient_size(&h, target, class, c) +
                               FLOAT_TINY;
                expect_within("weight", &got[i], &want, &bound, 1);
            }
        }
}

/* Scores so large that exponentials overflow, and a sure network. */
static void test_targets_survive_any_score(void **state)
{
    fixture *f = *state;
    rng r;
    head h;

    rng_init(&r, 402);
    head_init(&h, &r);
    const float extremes[] = {3e38f, -3e38f, 1e4f, 0, -1e4f, 88, -104};
    for (size_t i = 0; i < N; i++)
        h.scores[i] = extremes[i % COUNT_OF(extremes)];
    for (uint32_t target = 2; target <= 3; target++) {
        float maps[N * S];
        use_options(f->context, (fmgcam_options){.target = target});
        fmgcam_inputs in = inputs_of(&h, NULL);
        fmgcam_outputs out = {.struct_size = sizeof out,
                              .maps = float_buffer(maps, N * S)};
        expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
        for (size_t i = 0; i < N * S; i++)
            assert_true(isfinite(maps[i]));
    }
}

/* methods.md's identities: the maps are those of the gradients, and with the
 * bias their cells add up to the score. */
static void test_the_signed_maps_and_the_bias_are_the_scores(void **state)
{
    fixture *f = *state;
    rng r;
    head h;
    float from_matrix[N * S], from_gradients[N * S];
    float *gradients = make_floats((size_t)N * C * S);

    rng_init(&r, 403);
    head_init(&h, &r);
    for (size_t i = 0; i < N * C; i++)
        for (size_t s = 0; s < S; s++)
            gradients[i * S + s] = h.matrix[i] / S;
    use_options(f->context,
                (fmgcam_options){.arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE});
    fmgcam_tensor g;
    fmgcam_tensor_nchw(&g, gradients, FMGCAM_DTYPE_FLOAT32, N, C, H, W);
    fmgcam_inputs in = inputs_of(&h, NULL);
    fmgcam_inputs by_gradients = {.struct_size = sizeof by_gradients,
                                  .activations = &h.a,
                                  .gradients = &g};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .signed_maps = float_buffer(from_matrix, N * S)};
    expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
    out.signed_maps = float_buffer(from_gradients, N * S);
    expect_ok(f->context, fmgcam_explain(f->context, &by_gradients, &out));

    for (size_t i = 0; i < N; i++) {
        double sum = (double)h.bias[i], size = fabs(sum);
        for (size_t s = 0; s < S; s++) {
            double cell = 0;
            for (size_t c = 0; c < C; c++)
                cell += fabs((double)h.matrix[i * C + c] / S *
                             (double)h.activations[c * S + s]);
            sum += (double)from_matrix[i * S + s];
            size += cell;
            /* Both weights are off by at most a division and ceil(24/16) + 4
             * additions, both maps by C + 1 operations. */
            double want = (double)from_gradients[i * S + s];
            double bound = float_gamma(8 + 2 * (C + 1)) * cell;
            expect_within("cell", &from_matrix[i * S + s], &want, &bound, 1);
        }
        double bound = float_gamma(C + 4) * size;
        expect_within("score", &h.scores[i], &sum, &bound, 1);
    }
    free(gradients);
}

/* [C, n] in memory, by its strides; and quantised by rows. */
static void test_the_matrix_may_lie_in_any_way(void **state)
{
    fixture *f = *state;
    rng r;
    head h;

    rng_init(&r, 404);
    head_init(&h, &r);
    for (uint32_t target = 1; target <= 3; target++)
        for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
            float got[K * C], want[K * C];
            stored matrix;

            use_options(f->context, (fmgcam_options){.target = target});
            fmgcam_inputs in = inputs_of(&h, some);
            fmgcam_outputs out = {.struct_size = sizeof out,
                                  .weights = float_buffer(want, K * C)};
            expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
            store_init(&matrix, h.matrix, 2, (int64_t[]){N, C},
                       FMGCAM_DTYPE_FLOAT32, (tensor_layout)layout);
            in.classifier = &matrix.tensor;
            out.weights = float_buffer(got, K * C);
            expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
            expect_same_bits("weights", got, want, K * C);
            store_free(&matrix);
        }
}

static void test_rows_are_taken_by_their_quantization(void **state)
{
    fixture *f = *state;
    rng r;
    head h;
    float q[N * C], scales[N], got[K * C], want[K * C];

    rng_init(&r, 405);
    head_init(&h, &r);
    rng_fill(&r, scales, N, 0.001f, 0.1f);
    for (size_t i = 0; i < N * C; i++) {
        q[i] = (float)rng_below(&r, 255) - 127;
        h.matrix[i] = scales[i / C] * q[i];
    }
    stored matrix;
    store_init(&matrix, q, 2, (int64_t[]){N, C}, FMGCAM_DTYPE_INT8,
               LAYOUT_CHANNELS);
    fmgcam_quantization by_row = {
        .struct_size = sizeof by_row, .scales = scales, .count = N};
    for (uint32_t target = 1; target <= 3; target++) {
        use_options(f->context, (fmgcam_options){.target = target});
        fmgcam_inputs in = inputs_of(&h, some);
        fmgcam_outputs out = {.struct_size = sizeof out,
                              .weights = float_buffer(want, K * C)};
        expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
        in.classifier = &matrix.tensor;
        in.classifier_quantization = &by_row;
        out.weights = float_buffer(got, K * C);
        expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
        expect_same_bits("quantised", got, want, K * C);
    }
    store_free(&matrix);
}

/* ---- Contrasts ----------------------------------------------------------- */

/* The nearest three by sorting all candidates. */
static size_t nearest(const double *scores, size_t count, size_t own,
                      size_t references[3])
{
    size_t found = 0;

    for (size_t round = 0; round < 3; round++) {
        size_t best = count;
        for (size_t t = 0; t < count; t++) {
            bool taken = t == own;
            for (size_t i = 0; i < found; i++)
                taken = taken || references[i] == t;
            if (!taken &&
                (best == count || fabs(scores[t] - scores[own]) <
                                      fabs(scores[best] - scores[own])))
                best = t;
        }
        if (best < count)
            references[found++] = best;
    }
    return found;
}

/* v_k - 0.6 mean v_t, of rows [count, C]. */
static void oracle_contrast(const double *rows, const double *scores,
                            size_t count, size_t own, double want[C],
                            double bound[C])
{
    size_t references[3];
    size_t found = nearest(scores, count, own, references);

    assert_true(found > 0);
    for (size_t c = 0; c < C; c++) {
        double sum = 0, size = fabs(rows[own * C + c]);
        for (size_t i = 0; i < found; i++) {
            sum += rows[references[i] * C + c];
            size += 0.6 * fabs(rows[references[i] * C + c]) / (double)found;
        }
        want[c] = rows[own * C + c] - 0.6 * sum / (double)found;
        /* Rows are rounded to float, and so is the result. */
        bound[c] = 2 * FLOAT_ROUNDOFF * size;
    }
}

static void test_contrasts_on_the_classifier_are_with_all_classes(void **state)
{
    fixture *f = *state;
    rng r;
    head h;

    rng_init(&r, 406);
    use_options(f->context,
                (fmgcam_options){.method = FMGCAM_METHOD_CONTRASTIVE});
    for (int round = 0; round < 30; round++) {
        float got[K * C];
        double rows[N * C], scores[N], want[C], bound[C];

        head_init(&h, &r);
        for (size_t i = 0; i < N; i++) {
            if (round % 2) /* ties */
                h.scores[i] = (float)rng_below(&r, 4);
            scores[i] = (double)h.scores[i];
        }
        for (size_t i = 0; i < N * C; i++)
            rows[i] = (double)h.matrix[i] / S;
        fmgcam_inputs in = inputs_of(&h, some);
        fmgcam_outputs out = {.struct_size = sizeof out,
                              .weights = float_buffer(got, K * C)};
        expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
        for (size_t k = 0; k < K; k++) {
            oracle_contrast(rows, scores, N, some[k], want, bound);
            expect_within("contrast", got + k * C, want, bound, C);
        }
    }
}

/* Of one class alone, too. */
static void test_one_class_of_a_classifier_has_its_contrast(void **state)
{
    fixture *f = *state;
    rng r;
    head h;
    float all[K * C], one[C];

    rng_init(&r, 407);
    head_init(&h, &r);
    use_options(f->context,
                (fmgcam_options){.method = FMGCAM_METHOD_CONTRASTIVE});
    fmgcam_inputs in = inputs_of(&h, some);
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .weights = float_buffer(all, K * C)};
    expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
    in.class_count = 1;
    out.weights = float_buffer(one, C);
    expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
    expect_same_bits("alone", one, all, C);
}

/* With weights the others are those that are given: by score, or by rank. */
static void test_contrasts_of_weights_are_among_them(void **state)
{
    fixture *f = *state;
    rng r;
    head h;

    rng_init(&r, 408);
    use_options(f->context,
                (fmgcam_options){.method = FMGCAM_METHOD_CONTRASTIVE});
    for (uint32_t count = 2; count <= N; count++)
        for (int by_score = 0; by_score < 2; by_score++) {
            float got[N * C];
            double rows[N * C], scores[N], want[C], bound[C];
            uint32_t classes[N];

            head_init(&h, &r);
            fmgcam_tensor_matrix(&h.w, h.matrix, FMGCAM_DTYPE_FLOAT32, count,
                                 C);
            for (size_t k = 0; k < count; k++) {
                classes[k] = (uint32_t)(N - 1 - k);
                scores[k] = by_score ? (double)h.scores[classes[k]] : (double)k;
            }
            for (size_t i = 0; i < count * C; i++)
                rows[i] = (double)h.matrix[i];
            fmgcam_inputs in = {.struct_size = sizeof in,
                                .activations = &h.a,
                                .weights = &h.w,
                                .scores = by_score ? &h.y : NULL,
                                .classes = by_score ? classes : NULL,
                                .class_count = by_score ? count : 0};
            fmgcam_outputs out = {.struct_size = sizeof out,
                                  .weights = float_buffer(got, count * C)};
            expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
            for (size_t k = 0; k < count; k++) {
                oracle_contrast(rows, scores, count, k, want, bound);
                expect_within("contrast", got + k * C, want, bound, C);
            }
        }
}

/* ---- Stage 5 by class ---------------------------------------------------- */

static void test_maps_are_scaled_by_peak_or_probability(void **state)
{
    fixture *f = *state;
    rng r;
    head h;
    float p[K] = {0.5f, 0, 1, 0.0009765625f}, class_maps[K * S];
    fmgcam_tensor probabilities;

    rng_init(&r, 409);
    head_init(&h, &r);
    fmgcam_tensor_vector(&probabilities, p, FMGCAM_DTYPE_FLOAT32, K);
    for (uint32_t activation = 1; activation <= 4; activation++)
        for (uint32_t normalize = FMGCAM_NORMALIZE_MAX;
             normalize <= FMGCAM_NORMALIZE_PROBABILITY; normalize++) {
            float got[K * S], alone[K * S];
            use_options(f->context,
                        (fmgcam_options){.activation = activation,
                                         .filter = FMGCAM_FILTER_NONE,
                                         .normalize = normalize});
            fmgcam_inputs in = inputs_of(&h, some);
            in.probabilities = &probabilities;
            fmgcam_outputs out = {.struct_size = sizeof out,
                                  .class_maps = float_buffer(class_maps, K * S),
                                  .normalized_maps = float_buffer(got, K * S)};
            expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
            for (size_t k = 0; k < K; k++) {
                double peak = 0;
                for (size_t s = 0; s < S; s++)
                    peak = fmax(peak, fabs((double)class_maps[k * S + s]));
                for (size_t s = 0; s < S; s++) {
                    double x = (double)class_maps[k * S + s];
                    double want = normalize == FMGCAM_NORMALIZE_MAX
                                      ? (peak > 0 ? x / peak : 0)
                                      : x * (double)p[k];
                    double bound = FLOAT_ROUNDOFF * fabs(want) + FLOAT_TINY;
                    expect_within("scaled", &got[k * S + s], &want, &bound, 1);
                }
            }
            fmgcam_tensor maps;
            fmgcam_tensor_maps(&maps, class_maps, K, H, W);
            fmgcam_buffer buffer = float_buffer(alone, K * S);
            expect_ok(f->context,
                      fmgcam_normalize_maps(f->context, &maps, &probabilities,
                                            &buffer));
            expect_same_bits("the stage alone", alone, got, K * S);
        }
}

/* ---- Bad inputs ---------------------------------------------------------- */

static void test_what_is_missing_or_contradicts_is_named(void **state)
{
    fixture *f = *state;
    rng r;
    head h;
    float maps[N * S], bad[K] = {0, 1.5f, 0, 0};
    uint32_t beyond[K] = {0, 1, N, 2};
    fmgcam_tensor probabilities, few, few_values;

    rng_init(&r, 410);
    head_init(&h, &r);
    fmgcam_tensor_vector(&probabilities, bad, FMGCAM_DTYPE_FLOAT32, K);
    fmgcam_tensor_vector(&few, h.scores, FMGCAM_DTYPE_FLOAT32, N - 1);
    fmgcam_tensor_vector(&few_values, bad, FMGCAM_DTYPE_FLOAT32, K - 1);
    fmgcam_inputs good = inputs_of(&h, some);
    fmgcam_inputs no_scores = good, few_scores = good, no_source = good;
    fmgcam_inputs outside = good, uncounted = good, counted = good;
    fmgcam_inputs probable = good, by_weights = good, flagged = good;
    fmgcam_inputs one = good, uncontested = good, few_probable = good;
    fmgcam_inputs unscored = good;
    no_scores.scores = NULL;
    few_scores.scores = &few;
    no_source.classifier = NULL;
    outside.classes = beyond;
    uncounted.class_count = 0;
    counted.classes = NULL;
    probable.probabilities = &probabilities;
    few_probable.probabilities = &few_values;
    by_weights.weights = by_weights.classifier;
    by_weights.classifier = NULL;
    uncontested.weights = &h.w;
    uncontested.classifier = NULL;
    uncontested.classes = NULL;
    uncontested.class_count = 0;
    unscored = uncontested;
    unscored.scores = &few; /* of N - 1 classes; there are weights of N */
    flagged.flags = 1;
    fmgcam_tensor row = h.w, score = h.y;
    row.shape[0] = score.shape[0] = 1;
    one.classifier = &row;
    one.scores = &score;
    one.classes = NULL;
    one.class_count = 0;

    const fmgcam_options plain = {.profile = FMGCAM_PROFILE_STANDARD};
    const fmgcam_options soft = {.target = FMGCAM_TARGET_SOFTMAX};
    const fmgcam_options by_probability = {.normalize =
                                               FMGCAM_NORMALIZE_PROBABILITY};
    const fmgcam_options eigen = {.method = FMGCAM_METHOD_EIGEN_CAM};
    const fmgcam_options layer = {.method = FMGCAM_METHOD_LAYER_CAM};
    const fmgcam_options contrast = {.method = FMGCAM_METHOD_CONTRASTIVE};
    const struct {
        const char *text;
        const fmgcam_inputs *inputs;
        const fmgcam_options *options;
        fmgcam_status status;
        bool weights;
    } rows[] = {
        {"scores: NULL", &no_scores, &soft, FMGCAM_STATUS_ARGUMENT, false},
        {"scores", &few_scores, &soft, FMGCAM_STATUS_SHAPE, false},
        {"target", &uncontested, &soft, FMGCAM_STATUS_ARGUMENT, false},
        {"0 of gradients", &no_source, &plain, FMGCAM_STATUS_ARGUMENT, false},
        {"classes[2]: 23", &outside, &plain, FMGCAM_STATUS_ARGUMENT, false},
        {"class_count: 0", &uncounted, &plain, FMGCAM_STATUS_ARGUMENT, false},
        {"class_count: 4", &counted, &plain, FMGCAM_STATUS_ARGUMENT, false},
        {"class_count: 4", &by_weights, &plain, FMGCAM_STATUS_ARGUMENT, false},
        {"flags: 0x1", &flagged, &plain, FMGCAM_STATUS_ARGUMENT, false},
        {"probabilities: NULL", &good, &by_probability, FMGCAM_STATUS_ARGUMENT,
         false},
        {"probabilities[1]: 1.5", &probable, &by_probability,
         FMGCAM_STATUS_ARGUMENT, false},
        {"probabilities: 3 of them", &few_probable, &by_probability,
         FMGCAM_STATUS_SHAPE, false},
        {"scores: 22 of them", &unscored, &contrast, FMGCAM_STATUS_ARGUMENT,
         false},
        {"nothing to fuse", &good, &eigen, FMGCAM_STATUS_ARGUMENT, false},
        {"has none", &good, &layer, FMGCAM_STATUS_ARGUMENT, true},
        {"2 or more", &one, &contrast, FMGCAM_STATUS_ARGUMENT, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        fmgcam_outputs out = {.struct_size = sizeof out};
        if (rows[i].weights)
            out.weights = float_buffer(maps, N * S);
        else
            out.maps = float_buffer(maps, N * S);
        use_options(f->context, *rows[i].options);
        expect_status(f->context,
                      fmgcam_explain(f->context, rows[i].inputs, &out),
                      rows[i].status, rows[i].text);
    }
}

/* A NaN matters in the rows that are looked at, and only there. */
static void test_only_the_rows_that_count_must_be_finite(void **state)
{
    fixture *f = *state;
    rng r;
    head h;
    float maps[K * S];

    rng_init(&r, 411);
    head_init(&h, &r);
    h.matrix[5 * C + 3] = NAN; /* class 5 is not explained */
    fmgcam_inputs in = inputs_of(&h, some);
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .maps = float_buffer(maps, K * S)};
    use_options(f->context, (fmgcam_options){.target = FMGCAM_TARGET_LOGIT});
    expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
    use_options(f->context, (fmgcam_options){.target = FMGCAM_TARGET_SOFTMAX});
    expect_status(f->context, fmgcam_explain(f->context, &in, &out),
                  FMGCAM_STATUS_NON_FINITE, "classifier: value at [5,3]");
    use_options(f->context,
                (fmgcam_options){.method = FMGCAM_METHOD_CONTRASTIVE});
    for (size_t i = 0; i < N; i++)
        h.scores[i] = i == 5 ? h.scores[some[0]] : (float)i * 10;
    expect_status(f->context, fmgcam_explain(f->context, &in, &out),
                  FMGCAM_STATUS_NON_FINITE, "classifier: value at [5,3]");
    h.scores[2] = NAN;
    expect_status(f->context, fmgcam_explain(f->context, &in, &out),
                  FMGCAM_STATUS_NON_FINITE, "scores: value at [2]");
    h.matrix[some[1] * C + 2] = NAN;
    use_options(f->context,
                (fmgcam_options){.method = FMGCAM_METHOD_HIRES_CAM});
    expect_status(f->context, fmgcam_explain(f->context, &in, &out),
                  FMGCAM_STATUS_NON_FINITE, "classifier: value at");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_weights_are_the_gradients_of_the_target),
        fixture_test(test_targets_survive_any_score),
        fixture_test(test_the_signed_maps_and_the_bias_are_the_scores),
        fixture_test(test_the_matrix_may_lie_in_any_way),
        fixture_test(test_rows_are_taken_by_their_quantization),
        fixture_test(test_contrasts_on_the_classifier_are_with_all_classes),
        fixture_test(test_one_class_of_a_classifier_has_its_contrast),
        fixture_test(test_contrasts_of_weights_are_among_them),
        fixture_test(test_maps_are_scaled_by_peak_or_probability),
        fixture_test(test_what_is_missing_or_contradicts_is_named),
        fixture_test(test_only_the_rows_that_count_must_be_finite),
    };
    return cmocka_run_group_tests_name("classifier", tests, NULL, NULL);
}
