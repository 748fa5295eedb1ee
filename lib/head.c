/* SPDX-License-Identifier: MIT */
/* Is it the right head? Scores are computed anew,
 *
 *   y_i = sum over c of W[i,c] f[c] + b_i,   f[c] = mean over the cells of A[c],
 *
 * and compared with those of the network. Where they differ, other readings of
 * the same tensors are tried, and the first one that fits names the likely
 * cause. Everything is in double; the bound is in docs/numerics.md. */
#include "internal.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- What is compared ---------------------------------------------------- */

/* What becomes of a channel before the matrix. */
enum pooling { MEAN, MEAN_OF_RELU, MEAN_OF_RELU6, SUM, MAXIMUM };

/* What the given scores are of the recomputed ones. */
enum meaning { LOGIT, SOFTMAX, LOG_SOFTMAX, SIGMOID };

struct reading {
    uint32_t cause;
    enum pooling pooling;
    enum meaning meaning;
    int transposed, biased;
};

struct head {
    struct fmgcam_view activations, bias, scores;
    struct fmgcam_view matrix; /* its rows are classes, unless transposed */
    int fits_as_given, fits_transposed, has_bias;
    double tolerance; /* 0: by the bound */
    /* Of the reading at hand: */
    double *features;   /* [C] */
    double *magnitudes; /* [C], mean |A| */
};

/* ---- Features ------------------------------------------------------------ */

static double take(enum pooling pooling, double so_far, double x)
{
    switch (pooling) {
    case MEAN_OF_RELU: return so_far + fmax(x, 0.0);
    case MEAN_OF_RELU6: return so_far + fmin(fmax(x, 0.0), 6.0);
    case MAXIMUM: return fmax(so_far, x);
    default: return so_far + x;
    }
}

static void pool_channel(const struct head *head, enum pooling pooling,
                         size_t c)
{
    enum { CHUNK = 256 };
    const struct fmgcam_view *a = &head->activations;
    float copy[CHUNK];
    double pooled = pooling == MAXIMUM ? -DBL_MAX : 0.0, magnitude = 0.0;
    for (size_t s = 0; s < a->cells; s += CHUNK) {
        size_t cells = smaller(CHUNK, a->cells - s);
        ptrdiff_t stride;
        const float *row =
            fmgcam_view_tile(a, 0, c, 1, s, cells, copy, &stride);
        for (size_t i = 0; i < cells; i++) {
            pooled = take(pooling, pooled, (double)row[i]);
            magnitude += fabs((double)row[i]);
        }
    }
    int is_mean = pooling != SUM && pooling != MAXIMUM;
    head->features[c] = is_mean ? pooled / (double)a->cells : pooled;
    /* A maximum is not larger than the sum. */
    head->magnitudes[c] = is_mean ? magnitude / (double)a->cells : magnitude;
}

/* ---- One class ----------------------------------------------------------- */

/* A recomputed score, and how far rounding may take the network's from it. */
struct score {
    double value, bound;
};

/* Half a unit of a stored number: relative to it, or (integers) of the scale. */
static double relative_rounding(uint32_t dtype)
{
    switch (dtype) {
    case FMGCAM_DTYPE_FLOAT16: return 0x1p-11;
    case FMGCAM_DTYPE_BFLOAT16: return 0x1p-8;
    default: return 0.0; /* as the network had it */
    }
}

static double half_step(const struct fmgcam_view *view, size_t n, size_t c)
{
    switch (view->scaled) {
    case FMGCAM_SCALE_TENSOR: return (double)view->scales[0] / 2.0;
    case FMGCAM_SCALE_N: return (double)view->scales[n] / 2.0;
    case FMGCAM_SCALE_CHANNELS: return (double)view->scales[c] / 2.0;
    default: return 0.0;
    }
}

/* n u / (1 - n u), u = 2^-24: what n roundings to float32 can add up to. */
static double gamma_of(double n)
{
    double nu = n * 0x1p-24;
    return nu < 0.5 ? nu / (1.0 - nu) : 1.0;
}

static double rounding_of(const struct fmgcam_view *vector, size_t i)
{
    return relative_rounding(vector->dtype) *
               fabs((double)fmgcam_view_at(vector, i, 0, 0)) +
           half_step(vector, i, 0);
}

static struct score recompute(const struct head *head,
                              const struct reading *reading, size_t i)
{
    const struct fmgcam_view *a = &head->activations, *w = &head->matrix;
    double sum = 0.0, size = 0.0, steps = 0.0;
    for (size_t c = 0; c < a->channels; c++) {
        size_t row = reading->transposed ? c : i;
        size_t column = reading->transposed ? i : c;
        double weight = (double)fmgcam_view_at(w, row, column, 0);
        double step_a = half_step(a, 0, c), step_w = half_step(w, row, column);
        sum += weight * head->features[c];
        size += fabs(weight) * head->magnitudes[c];
        steps +=
            (fabs(weight) + step_w) * step_a + step_w * head->magnitudes[c];
    }
    double additions = (double)a->cells + (double)a->channels + 2.0;
    double bias = 0.0, stored = 0.0;
    if (reading->biased) {
        bias = (double)fmgcam_view_at(&head->bias, i, 0, 0);
        stored = rounding_of(&head->bias, i);
    }
    double both = relative_rounding(a->dtype) + relative_rounding(w->dtype);
    return (struct score){
        sum + bias, gamma_of(additions) * (size + fabs(bias)) + both * size +
                        steps + stored + rounding_of(&head->scores, i)};
}

/* ---- All classes --------------------------------------------------------- */

/* The softmax of the recomputed scores. */
struct total {
    double highest, sum; /* of the exponentials, relative to highest */
    double bound;        /* the largest */
};

static struct total add_up(const struct head *head,
                           const struct reading *reading)
{
    struct total total = {.highest = -DBL_MAX};
    for (size_t i = 0; i < head->scores.n; i++) {
        struct score score = recompute(head, reading, i);
        double highest = fmax(total.highest, score.value);
        total.sum = total.sum * exp(total.highest - highest) +
                    exp(score.value - highest);
        total.highest = highest;
        total.bound = fmax(total.bound, score.bound);
    }
    return total;
}

/* The score in the meaning of the reading. An error of B in every logit is one
 * of at most 2 B in a logarithm of softmax, and a factor of exp(2 B) in it; the
 * slope of the sigmoid is at most 1/4. The exponentials of float32 are taken to
 * be good to 8 roundings, their sum to n more. */
static struct score transform(const struct head *head,
                              const struct reading *reading,
                              const struct total *total, struct score score)
{
    double n = (double)head->scores.n;
    double log = score.value - total->highest - log1p(total->sum - 1.0);
    double p, e;
    switch (reading->meaning) {
    case SOFTMAX:
        p = exp(log);
        return (struct score){
            p, p * (expm1(2.0 * total->bound) + gamma_of(n + 8.0)) +
                   (double)FLT_MIN};
    case LOG_SOFTMAX:
        return (struct score){log, 2.0 * total->bound +
                                       gamma_of(n + 8.0) * (1.0 + fabs(log))};
    case SIGMOID:
        e = exp(-fabs(score.value));
        p = (score.value >= 0.0 ? 1.0 : e) / (1.0 + e);
        return (struct score){p, score.bound / 4.0 + gamma_of(8.0) * p +
                                     (double)FLT_MIN};
    default: return score;
    }
}

/* How far a reading is from the given scores. */
struct distance {
    int fits;
    size_t index; /* where error / bound is largest */
    double error, bound, recomputed, given;
    double correlation, slope; /* of given to recomputed */
};

static double worse(double error, double bound)
{
    return bound > 0.0 ? error / bound : error > 0.0 ? HUGE_VAL : 0.0;
}

/* Sums for a correlation. */
struct moments {
    double n, x, y, xx, xy, yy;
};

static void add_moment(struct moments *m, double x, double y)
{
    double dx, dy;
    m->n += 1.0;
    dx = x - m->x;
    dy = y - m->y;
    m->x += dx / m->n;
    m->y += dy / m->n;
    m->xx += dx * (x - m->x);
    m->xy += dx * (y - m->y);
    m->yy += dy * (y - m->y);
}

static struct distance measure(const struct head *head,
                               const struct reading *reading)
{
    struct distance d = {.fits = 1};
    struct moments moments = {0};
    struct total total = {0};
    for (size_t c = 0; c < head->activations.channels; c++)
        pool_channel(head, reading->pooling, c);
    if (reading->meaning == SOFTMAX || reading->meaning == LOG_SOFTMAX)
        total = add_up(head, reading);
    for (size_t i = 0; i < head->scores.n; i++) {
        struct score score =
            transform(head, reading, &total, recompute(head, reading, i));
        double given = (double)fmgcam_view_at(&head->scores, i, 0, 0);
        double error = fabs(score.value - given);
        double bound = head->tolerance > 0.0 ? head->tolerance : score.bound;
        add_moment(&moments, score.value, given);
        d.fits = d.fits && error <= bound;
        if (i == 0 || worse(error, bound) > worse(d.error, d.bound)) {
            d.index = i;
            d.error = error;
            d.bound = bound;
            d.recomputed = score.value;
            d.given = given;
        }
    }
    double scale = sqrt(moments.xx * moments.yy);
    d.correlation = scale > 0.0 ? moments.xy / scale : 0.0;
    d.slope = moments.xx > 0.0 ? moments.xy / moments.xx : 0.0;
    return d;
}

/* ---- The likely cause ---------------------------------------------------- */

/* Other readings, in the order in which they are believed. */
static const struct reading others[] = {
    {FMGCAM_HEAD_TRANSPOSED, MEAN, LOGIT, 1, 1},
    {FMGCAM_HEAD_BEFORE_RELU, MEAN_OF_RELU, LOGIT, 0, 1},
    {FMGCAM_HEAD_BEFORE_RELU, MEAN_OF_RELU6, LOGIT, 0, 1},
    {FMGCAM_HEAD_NEEDLESS_BIAS, MEAN, LOGIT, 0, 0},
    {FMGCAM_HEAD_POOLING, SUM, LOGIT, 0, 1},
    {FMGCAM_HEAD_POOLING, MAXIMUM, LOGIT, 0, 1},
    {FMGCAM_HEAD_PROBABILITIES, MEAN, SOFTMAX, 0, 1},
    {FMGCAM_HEAD_PROBABILITIES, MEAN, LOG_SOFTMAX, 0, 1},
    {FMGCAM_HEAD_PROBABILITIES, MEAN, SIGMOID, 0, 1},
    {FMGCAM_HEAD_TRANSPOSED, MEAN_OF_RELU, LOGIT, 1, 1},
    {FMGCAM_HEAD_TRANSPOSED, MEAN_OF_RELU6, LOGIT, 1, 1},
    {FMGCAM_HEAD_TRANSPOSED, MEAN, LOGIT, 1, 0},
    {FMGCAM_HEAD_TRANSPOSED, MEAN, SOFTMAX, 1, 1},
};

/* Without the bias nothing fits exactly, and what is left must show by how much
 * the scores go together. The real networks that were tried have a correlation
 * of 0.98 and more without their bias, and below 0.2 with another layer. One or
 * two classes show nothing: then the bias is the first thing to look for. */
static int could_lack_bias(const struct head *head, const struct distance *d)
{
    const double together = 0.9;
    return !head->has_bias &&
           (head->scores.n < 3 ||
            (d->correlation >= together && d->slope > 0.5 && d->slope < 2.0));
}

static int is_possible(const struct head *head, const struct reading *reading)
{
    return reading->transposed ? head->fits_transposed : head->fits_as_given;
}

static uint32_t find_cause(const struct head *head)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct reading reading = others[i];
        if (!is_possible(head, &reading))
            continue;
        if (!reading.biased && !head->has_bias)
            continue; /* the same as with none */
        reading.biased = reading.biased && head->has_bias;
        if (measure(head, &reading).fits)
            return reading.cause;
    }
    if (!head->fits_as_given)
        return FMGCAM_HEAD_TRANSPOSED;
    static const struct reading inexact[] = {
        {FMGCAM_HEAD_MISSING_BIAS, MEAN, LOGIT, 0, 0},
        {FMGCAM_HEAD_TRANSPOSED, MEAN, LOGIT, 1, 0},
        {FMGCAM_HEAD_BEFORE_RELU, MEAN_OF_RELU, LOGIT, 0, 0},
    };
    for (size_t i = 0; i < sizeof inexact / sizeof *inexact; i++) {
        if (!is_possible(head, &inexact[i]))
            continue;
        struct distance d = measure(head, &inexact[i]);
        if (could_lack_bias(head, &d))
            return inexact[i].cause;
    }
    return FMGCAM_HEAD_WRONG_LAYER;
}

/* ---- Arguments ----------------------------------------------------------- */

static fmgcam_status view_tensors(fmgcam_context *context,
                                  const fmgcam_inputs *inputs,
                                  struct head *head)
{
    fmgcam_status status = fmgcam_view_quantized(
        context, "activations", FMGCAM_FORM_ACTIVATIONS, inputs->activations,
        inputs->activations_quantization, &head->activations);
    if (!status)
        status = fmgcam_view_quantized(
            context, "classifier", FMGCAM_FORM_MATRIX, inputs->classifier,
            inputs->classifier_quantization, &head->matrix);
    if (!status)
        status = fmgcam_view_quantized(
            context, "scores", FMGCAM_FORM_VECTOR, inputs->scores,
            inputs->scores_quantization, &head->scores);
    head->has_bias = inputs->bias != NULL;
    if (!status && head->has_bias)
        status = fmgcam_view_quantized(context, "bias", FMGCAM_FORM_VECTOR,
                                       inputs->bias, inputs->bias_quantization,
                                       &head->bias);
    return status;
}

static fmgcam_status require_finite(fmgcam_context *context,
                                    const struct head *head)
{
    fmgcam_status status = fmgcam_require_finite(
        context, "activations", FMGCAM_FORM_ACTIVATIONS, &head->activations);
    if (!status)
        status = fmgcam_require_finite(context, "classifier",
                                       FMGCAM_FORM_MATRIX, &head->matrix);
    if (!status)
        status = fmgcam_require_finite(context, "scores", FMGCAM_FORM_VECTOR,
                                       &head->scores);
    if (!status && head->has_bias)
        status = fmgcam_require_finite(context, "bias", FMGCAM_FORM_VECTOR,
                                       &head->bias);
    return status;
}

static fmgcam_status check_shapes(fmgcam_context *context,
                                  const fmgcam_inputs *inputs,
                                  struct head *head)
{
    size_t n = head->scores.n, channels = head->activations.channels;
    const struct fmgcam_view *w = &head->matrix;
    head->fits_as_given = w->n == n && w->channels == channels;
    head->fits_transposed = w->n == channels && w->channels == n;
    if (!head->fits_as_given && !head->fits_transposed)
        return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                           "classifier: shape [%zu,%zu], expected [%zu,%zu] "
                           "for %zu scores and activations of %zu channels",
                           w->n, w->channels, n, channels, n, channels);
    if (head->has_bias && head->bias.n != n)
        return fmgcam_fail_mismatch(context, "bias", inputs->bias, "scores",
                                    inputs->scores);
    return FMGCAM_STATUS_OK;
}

static fmgcam_status accept(fmgcam_context *context,
                            const fmgcam_inputs *inputs, double tolerance,
                            struct head *head)
{
    fmgcam_inputs ours;
    fmgcam_status status = fmgcam_import(
        context, "inputs", inputs, &ours,
        FMGCAM_SIZE_THROUGH(fmgcam_inputs, scores_quantization), sizeof ours);
    if (!status && !(tolerance >= 0.0 && isfinite(tolerance)))
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "tolerance: %g, expected a finite number, 0 or more",
                           tolerance);
    head->tolerance = tolerance;
    if (!status)
        status = view_tensors(context, &ours, head);
    if (!status)
        status = check_shapes(context, &ours, head);
    return status;
}

static fmgcam_status claim(fmgcam_context *context, struct head *head)
{
    struct fmgcam_scratch scratch;
    const struct fmgcam_view *a = &head->activations;
    struct fmgcam_extents extents = {.classes = 1,
                                     .channels = a->channels,
                                     .map_depth = a->depth,
                                     .map_height = a->height,
                                     .map_width = a->width};
    fmgcam_status status = fmgcam_claim(context, &extents, &scratch);
    if (status)
        return status;
    head->features = scratch.row;
    head->magnitudes = scratch.row + a->channels;
    return FMGCAM_STATUS_OK;
}

static void report(const struct distance *d, uint32_t cause,
                   fmgcam_head_check *check)
{
    size_t size = check->struct_size;
    const fmgcam_head_check ours = {.struct_size = size,
                                    .cause = cause,
                                    .index = (uint32_t)d->index,
                                    .error = d->error,
                                    .bound = d->bound,
                                    .recomputed = d->recomputed,
                                    .given = d->given};
    memset(check, 0, size);
    memcpy(check, &ours, smaller(size, sizeof ours));
}

fmgcam_status fmgcam_check_head(fmgcam_context *context,
                                const fmgcam_inputs *inputs, double tolerance,
                                fmgcam_head_check *check)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    if (!check)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "check: NULL, expected a struct");
    struct head head = {0};
    fmgcam_status status =
        fmgcam_check_struct(context, "check", check->struct_size,
                            FMGCAM_SIZE_THROUGH(fmgcam_head_check, given));
    if (!status)
        status = accept(context, inputs, tolerance, &head);
    if (!status)
        status = claim(context, &head);
    if (!status)
        status = require_finite(context, &head);
    if (status)
        return status;

    struct reading as_given = {FMGCAM_HEAD_FITS, MEAN, LOGIT,
                               !head.fits_as_given, head.has_bias};
    struct distance d = measure(&head, &as_given);
    int fits = d.fits && head.fits_as_given;
    report(&d, fits ? (uint32_t)FMGCAM_HEAD_FITS : find_cause(&head), check);
    return FMGCAM_STATUS_OK;
}
