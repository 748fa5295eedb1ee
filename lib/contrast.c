/* SPDX-License-Identifier: MIT */
/* What speaks for one class and not for those that are like it:
 *
 *   w_k = v_k - gamma mean over t of v_t
 *
 * v being Grad-CAM's weights and t the at most three classes whose scores are
 * nearest to that of k: the linear form of Finer-CAM (Zhang et al., 2025), since
 * gradients of differences are differences of gradients. */
#include "internal.h"

#include <float.h>
#include <math.h>

static const double strength = 0.6;

enum { REFERENCES = 3 };

/* Whom a class is compared with: the explained ones, or all of a classifier. */
struct field {
    const struct fmgcam_picture *picture;
    int all; /* of the classifier, by their scores */
    size_t candidates;
};

static struct field choose_field(const struct fmgcam_picture *picture)
{
    int all =
        picture->source.kind == FMGCAM_SOURCE_CLASSIFIER && picture->has_scores;
    return (struct field){picture, all,
                          all ? picture->source.view.n : picture->classes};
}

static double score_of(const struct field *field, size_t candidate)
{
    const struct fmgcam_picture *picture = field->picture;
    if (!picture->has_scores)
        return (double)candidate; /* its rank */
    size_t index =
        field->all ? candidate : fmgcam_class_index(picture, candidate);
    return (double)fmgcam_view_at(&picture->scores, index, 0, 0);
}

/* The nearest candidates, ties to the lowest one. Returns how many. */
static size_t find_references(const struct field *field, size_t k,
                              uint32_t *references)
{
    double distances[REFERENCES];
    size_t found = 0;
    size_t own = field->all ? fmgcam_class_index(field->picture, k) : k;
    double score = score_of(field, own);
    for (size_t t = 0; t < field->candidates; t++) {
        double distance = fabs(score_of(field, t) - score);
        size_t at = found;
        while (at > 0 && distance < distances[at - 1])
            at--;
        if (t == own || at == REFERENCES)
            continue;
        found = smaller(found + 1, REFERENCES);
        for (size_t i = found - 1; i > at; i--) {
            distances[i] = distances[i - 1];
            references[i] = references[i - 1];
        }
        distances[at] = distance;
        references[at] = (uint32_t)t;
    }
    return found;
}

/* v of a candidate; @p column has those of the explained classes. */
static double value_of(const struct field *field, const double *column,
                       uint32_t candidate, size_t channel)
{
    if (!field->all)
        return column[candidate];
    float value =
        fmgcam_view_at(&field->picture->source.view, candidate, channel, 0);
    return (double)(value / (float)field->picture->activations.cells);
}

static void contrast_channel(const struct field *field, size_t channel,
                             size_t count, const struct fmgcam_scratch *scratch)
{
    size_t channels = field->picture->activations.channels;
    size_t classes = field->picture->classes;
    for (size_t k = 0; k < classes; k++)
        scratch->row[k] = (double)scratch->weights[k * channels + channel];
    for (size_t k = 0; k < classes; k++) {
        const uint32_t *references = scratch->references + k * REFERENCES;
        double sum = 0.0;
        for (size_t i = 0; i < count; i++)
            sum += value_of(field, scratch->row, references[i], channel);
        scratch->weights[k * channels + channel] =
            (float)(scratch->row[k] - strength * sum / (double)count);
    }
}

fmgcam_status fmgcam_contrast(fmgcam_context *context,
                              const struct fmgcam_picture *picture,
                              const struct fmgcam_scratch *scratch)
{
    struct field field = choose_field(picture);
    if (field.candidates < 2)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s: 1 class, expected 2 or more, since method "
                           "contrastive compares a class with others",
                           picture->source.name);
    size_t count = 0; /* the same for every class */
    for (size_t k = 0; k < picture->classes; k++)
        count =
            find_references(&field, k, scratch->references + k * REFERENCES);
    for (size_t c = 0; c < picture->activations.channels; c++)
        contrast_channel(&field, c, count, scratch);
    /* Rows that are only compared with have not been looked at yet. */
    return fmgcam_judge_weights(context, picture->source.name,
                                picture->source.form, &picture->source.view,
                                scratch->weights, picture->classes);
}
