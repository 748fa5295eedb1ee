/* SPDX-License-Identifier: MIT */
/* Weights without gradients: the matrix of a network that ends in global average
 * pooling and one linear layer, y = W mean(A) + b. The chain rule gives
 *
 *   logit:    w_k = W_k / S
 *   softmax:  w_k = p_k (W_k - sum_j p_j W_j) / S
 *   sigmoid:  w_k = p_k (1 - p_k) W_k / S
 *
 * (Zhou et al., Learning deep features for discriminative localization, 2016;
 * docs/methods.md.) */
#include "internal.h"

#include <math.h>

/* ---- Softmax ------------------------------------------------------------- */

/* The scores, relative to the largest, so that no exponential is too large. */
struct softmax {
    double highest, sum;
};

static double power(const struct softmax *softmax,
                    const struct fmgcam_view *scores, size_t class)
{
    return exp((double)fmgcam_view_at(scores, class, 0, 0) - softmax->highest);
}

static struct softmax prepare_softmax(const struct fmgcam_view *scores)
{
    struct softmax softmax = {(double)fmgcam_view_at(scores, 0, 0, 0), 0.0};
    for (size_t j = 1; j < scores->n; j++)
        softmax.highest =
            fmax(softmax.highest, (double)fmgcam_view_at(scores, j, 0, 0));
    for (size_t j = 0; j < scores->n; j++)
        softmax.sum += power(&softmax, scores, j);
    return softmax;
}

/* row += p W_j. */
static void add_row(const struct fmgcam_view *matrix, size_t j, double p,
                    const struct fmgcam_scratch *scratch)
{
    float *copy = fmgcam_worker_scratch(scratch, 0);
    for (size_t c = 0; c < matrix->channels; c += scratch->worker_floats) {
        size_t count = smaller(scratch->worker_floats, matrix->channels - c);
        fmgcam_view_copy(matrix, j, c, count, 0, 1, copy);
        for (size_t i = 0; i < count; i++)
            scratch->row[c + i] += p * (double)copy[i];
    }
}

/* row = sum over all classes of p_j W_j. */
static void mean_row(const struct softmax *softmax,
                     const struct fmgcam_view *scores,
                     const struct fmgcam_view *matrix,
                     const struct fmgcam_scratch *scratch)
{
    for (size_t c = 0; c < matrix->channels; c++)
        scratch->row[c] = 0.0;
    for (size_t j = 0; j < matrix->n; j++)
        add_row(matrix, j, power(softmax, scores, j) / softmax->sum, scratch);
}

static void scale_for_softmax(const struct fmgcam_picture *picture,
                              const struct fmgcam_scratch *scratch)
{
    const struct fmgcam_view *matrix = &picture->source.view;
    struct softmax softmax = prepare_softmax(&picture->scores);
    mean_row(&softmax, &picture->scores, matrix, scratch);
    for (size_t k = 0; k < picture->classes; k++) {
        double p =
            power(&softmax, &picture->scores, fmgcam_class_index(picture, k)) /
            softmax.sum;
        float *weights = scratch->weights + k * matrix->channels;
        for (size_t c = 0; c < matrix->channels; c++)
            weights[c] = (float)(p * ((double)weights[c] - scratch->row[c]) /
                                 (double)picture->activations.cells);
    }
}

/* ---- Sigmoid and logit --------------------------------------------------- */

/* The derivative p (1 - p) of the sigmoid; its exponent is never positive. */
static double sigmoid_slope(double score)
{
    double e = exp(-fabs(score));
    return e / ((1.0 + e) * (1.0 + e));
}

static void scale_for_sigmoid(const struct fmgcam_picture *picture,
                              const struct fmgcam_scratch *scratch)
{
    size_t channels = picture->activations.channels;
    for (size_t k = 0; k < picture->classes; k++) {
        double score = (double)fmgcam_view_at(
            &picture->scores, fmgcam_class_index(picture, k), 0, 0);
        double factor =
            sigmoid_slope(score) / (double)picture->activations.cells;
        for (size_t i = k * channels; i < (k + 1) * channels; i++)
            scratch->weights[i] = (float)((double)scratch->weights[i] * factor);
    }
}

static void scale_for_logit(const struct fmgcam_picture *picture,
                            const struct fmgcam_scratch *scratch)
{
    size_t count = picture->classes * picture->activations.channels;
    for (size_t i = 0; i < count; i++)
        scratch->weights[i] /= (float)picture->activations.cells;
}

/* ---- Rows ---------------------------------------------------------------- */

static void copy_rows(const struct fmgcam_picture *picture, float *rows)
{
    const struct fmgcam_view *matrix = &picture->source.view;
    for (size_t k = 0; k < picture->classes; k++)
        fmgcam_view_copy(matrix, fmgcam_class_index(picture, k), 0,
                         matrix->channels, 0, 1, rows + k * matrix->channels);
}

fmgcam_status fmgcam_take_rows(fmgcam_context *context,
                               const struct fmgcam_picture *picture,
                               const struct fmgcam_scratch *scratch)
{
    const struct fmgcam_source *source = &picture->source;
    copy_rows(picture, scratch->weights);
    switch (context->options.target) {
    case FMGCAM_TARGET_SOFTMAX: scale_for_softmax(picture, scratch); break;
    case FMGCAM_TARGET_SIGMOID: scale_for_sigmoid(picture, scratch); break;
    default: scale_for_logit(picture, scratch); break;
    }
    return fmgcam_judge_weights(context, source->name, source->form,
                                &source->view, scratch->weights,
                                picture->classes);
}
