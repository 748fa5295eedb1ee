/* SPDX-License-Identifier: MIT */
/* Choosing the classes to explain, by their scores. */
#include "internal.h"

#include <math.h>

/* ---- The choice ---------------------------------------------------------- */

struct choosing {
    fmgcam_choice choice; /* without zeros */
    struct fmgcam_view scores;
    struct fmgcam_link link;
    size_t most; /* classes */
};

static float score_of(const struct choosing *choosing, size_t i)
{
    return fmgcam_view_at(&choosing->scores, i, 0, 0);
}

static double value_of(const struct choosing *choosing, size_t i)
{
    return fmgcam_probability(&choosing->link, i);
}

/* ---- The best ones ------------------------------------------------------- */

/* Worse: a lower score, or the same score at a higher index. */
static int is_worse(const void *job, uint32_t a, uint32_t b)
{
    const struct choosing *choosing = job;
    float x = score_of(choosing, a), y = score_of(choosing, b);
    return x < y || (x == y && a > b);
}

static int qualifies(const void *job, size_t i)
{
    const struct choosing *choosing = job;
    return choosing->choice.rule != FMGCAM_CHOICE_THRESHOLDS ||
           value_of(choosing, i) >= (double)choosing->choice.thresholds[i];
}

/* Best first. Returns how many. */
static size_t select_best(const struct choosing *choosing, uint32_t *chosen)
{
    struct fmgcam_ranking ranking = {.qualifies = qualifies,
                                     .is_worse = is_worse,
                                     .job = choosing,
                                     .n = choosing->scores.n,
                                     .most = choosing->most};
    return fmgcam_select_best(&ranking, chosen);
}

/* ---- How many of them ---------------------------------------------------- */

static size_t count_mass(const struct choosing *choosing,
                         const uint32_t *classes, size_t size)
{
    double mass = 0.0;
    for (size_t k = 0; k < size; k++) {
        mass += value_of(choosing, classes[k]);
        if (mass >= (double)choosing->choice.threshold)
            return k + 1;
    }
    return size;
}

static size_t count_probable(const struct choosing *choosing,
                             const uint32_t *classes, size_t size)
{
    size_t k = 0;
    while (k < size &&
           value_of(choosing, classes[k]) >= (double)choosing->choice.threshold)
        k++;
    return k;
}

/* The value of the best class after @p last. */
static double value_after(const struct choosing *choosing, uint32_t last)
{
    uint32_t best = last;
    for (size_t i = 0; i < choosing->scores.n; i++)
        if (is_worse(choosing, (uint32_t)i, last) &&
            (best == last || is_worse(choosing, best, (uint32_t)i)))
            best = (uint32_t)i;
    return value_of(choosing, best);
}

static size_t count_before_gap(const struct choosing *choosing,
                               const uint32_t *classes, size_t size)
{
    double widest = -1.0;
    size_t count = 1;
    for (size_t k = 1; k <= size && k < choosing->scores.n; k++) {
        double next = k < size ? value_of(choosing, classes[k])
                               : value_after(choosing, classes[k - 1]);
        double gap = value_of(choosing, classes[k - 1]) - next;
        if (gap > widest) {
            widest = gap;
            count = k;
        }
    }
    return count;
}

static size_t count_chosen(const struct choosing *choosing,
                           const uint32_t *classes, size_t size)
{
    switch (choosing->choice.rule) {
    case FMGCAM_CHOICE_MASS: return count_mass(choosing, classes, size);
    case FMGCAM_CHOICE_PROBABILITY:
        return count_probable(choosing, classes, size);
    case FMGCAM_CHOICE_GAP: return count_before_gap(choosing, classes, size);
    default: return size;
    }
}

/* ---- Arguments ----------------------------------------------------------- */

static fmgcam_status import_choice(fmgcam_context *context,
                                   const fmgcam_choice *theirs,
                                   fmgcam_choice *ours)
{
    *ours = (fmgcam_choice){.struct_size = sizeof *ours};
    if (theirs) {
        fmgcam_status status = fmgcam_import(
            context, "choice", theirs, ours,
            FMGCAM_SIZE_THROUGH(fmgcam_choice, scores_quantization),
            sizeof *ours);
        if (status)
            return status;
    }
    if (ours->rule > FMGCAM_CHOICE_GAP)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "choice.rule: %u, expected 0 to %u", ours->rule,
                           (uint32_t)FMGCAM_CHOICE_GAP);
    if (ours->flags)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "choice.flags: 0x%x, expected 0", ours->flags);
    ours->rule += ours->rule == 0;
    return fmgcam_resolve_link(context, "choice", &ours->link,
                               &ours->temperature);
}

static fmgcam_status check_threshold(fmgcam_context *context,
                                     const fmgcam_choice *choice)
{
    float threshold = choice->threshold;
    if (choice->rule == FMGCAM_CHOICE_MASS &&
        !(threshold > 0.0f && threshold <= 1.0f))
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "choice.threshold: %g, expected above 0 and up to 1",
                           (double)threshold);
    if (!isfinite(threshold))
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "choice.threshold: %g, expected a finite number",
                           (double)threshold);
    return FMGCAM_STATUS_OK;
}

static fmgcam_status check_thresholds(fmgcam_context *context,
                                      const fmgcam_choice *choice, size_t n)
{
    if (choice->rule != FMGCAM_CHOICE_THRESHOLDS)
        return FMGCAM_STATUS_OK;
    if (!choice->thresholds)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "choice.thresholds: NULL, expected one for each "
                           "class");
    for (size_t i = 0; i < n; i++)
        if (!isfinite(choice->thresholds[i]))
            return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                               "choice.thresholds[%zu]: %g, expected a finite "
                               "number",
                               i, (double)choice->thresholds[i]);
    return FMGCAM_STATUS_OK;
}

/* At most how many classes there will be. */
static fmgcam_status find_most(fmgcam_context *context,
                               struct choosing *choosing)
{
    const fmgcam_choice *choice = &choosing->choice;
    size_t n = choosing->scores.n;
    size_t usual = choice->rule == FMGCAM_CHOICE_TOP ? FMGCAM_USUAL_COUNT : n;
    return fmgcam_resolve_count(context, "choice", choice->count, usual, n,
                                &choosing->most);
}

static fmgcam_status accept(fmgcam_context *context,
                            const fmgcam_choice *choice,
                            const fmgcam_tensor *scores,
                            struct choosing *choosing)
{
    struct fmgcam_view *view = &choosing->scores;
    fmgcam_status status = import_choice(context, choice, &choosing->choice);
    if (!status)
        status =
            fmgcam_view_quantized(context, "scores", FMGCAM_FORM_VECTOR, scores,
                                  choosing->choice.scores_quantization, view);
    if (!status)
        status = check_threshold(context, &choosing->choice);
    if (!status)
        status = check_thresholds(context, &choosing->choice, view->n);
    if (!status)
        status = find_most(context, choosing);
    return status;
}

fmgcam_status
fmgcam_choose_classes(fmgcam_context *context, const fmgcam_choice *choice,
                      const fmgcam_tensor *scores, const fmgcam_buffer *classes,
                      const fmgcam_buffer *probabilities, uint32_t *count)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    if (!count)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "count: NULL, expected where to put it");
    struct choosing choosing;
    struct fmgcam_regions regions = {.count = 0};
    int wants_probabilities = probabilities && probabilities->data;
    fmgcam_status status = accept(context, choice, scores, &choosing);
    if (status)
        return status;
    fmgcam_add_input(&regions, "scores", &choosing.scores);
    status = fmgcam_add_output(context, &regions, "classes", classes, 1,
                               choosing.most);
    if (!status && wants_probabilities)
        status = fmgcam_add_output(context, &regions, "probabilities",
                                   probabilities, 1, choosing.most);
    if (!status)
        status = fmgcam_require_finite(context, "scores", FMGCAM_FORM_VECTOR,
                                       &choosing.scores);
    if (status)
        return status;

    uint32_t *chosen = classes->data;
    choosing.link = fmgcam_link_scores(&choosing.scores, choosing.choice.link,
                                       choosing.choice.temperature);
    size_t size = select_best(&choosing, chosen);
    *count = (uint32_t)count_chosen(&choosing, chosen, size);
    for (size_t k = 0; wants_probabilities && k < *count; k++)
        ((float *)probabilities->data)[k] =
            (float)value_of(&choosing, chosen[k]);
    return FMGCAM_STATUS_OK;
}
