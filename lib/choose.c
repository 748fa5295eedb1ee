/* SPDX-License-Identifier: MIT */
/* Choosing the classes to explain, by their scores. */
#include "internal.h"

#include <math.h>

/* ---- Probabilities ------------------------------------------------------- */

/* What is made of scores, relative to the largest one for softmax, so that no
 * exponential is too large. */
struct link {
    uint32_t kind; /* FMGCAM_LINK_* */
    double temperature;
    double highest, sum; /* of softmax */
};

static double link_of(const struct link *link, double score)
{
    double x = score / link->temperature;
    double e;
    switch (link->kind) {
    case FMGCAM_LINK_SOFTMAX:
        return exp((score - link->highest) / link->temperature) / link->sum;
    case FMGCAM_LINK_SIGMOID: /* by the exponent that is not positive */
        e = exp(-fabs(x));
        return (x >= 0.0 ? 1.0 : e) / (1.0 + e);
    default: return score;
    }
}

/* ---- The choice ---------------------------------------------------------- */

struct choosing {
    fmgcam_choice choice; /* without zeros */
    struct fmgcam_view scores;
    struct link link;
    size_t most; /* classes */
};

static float score_of(const struct choosing *choosing, size_t i)
{
    return fmgcam_view_at(&choosing->scores, i, 0, 0);
}

static double value_of(const struct choosing *choosing, size_t i)
{
    return link_of(&choosing->link, (double)score_of(choosing, i));
}

static void prepare_link(struct choosing *choosing)
{
    struct link *link = &choosing->link;
    link->kind = choosing->choice.link;
    link->temperature = (double)choosing->choice.temperature;
    link->highest = (double)score_of(choosing, 0);
    for (size_t i = 1; i < choosing->scores.n; i++)
        link->highest = fmax(link->highest, (double)score_of(choosing, i));
    link->sum = 0.0;
    for (size_t i = 0; i < choosing->scores.n; i++)
        link->sum += exp(((double)score_of(choosing, i) - link->highest) /
                         link->temperature);
}

/* ---- The best ones ------------------------------------------------------- */

/* Worse: a lower score, or the same score at a higher index. */
static int is_worse(const struct choosing *choosing, uint32_t a, uint32_t b)
{
    float x = score_of(choosing, a), y = score_of(choosing, b);
    return x < y || (x == y && a > b);
}

/* Let heap[at] sink to its place; heap[0] is the worst of the heap. */
static void sink(const struct choosing *choosing, uint32_t *heap, size_t count,
                 size_t at)
{
    uint32_t moving = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count &&
            is_worse(choosing, heap[child + 1], heap[child]))
            child++;
        if (!is_worse(choosing, heap[child], moving))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

static int qualifies(const struct choosing *choosing, size_t i)
{
    return choosing->choice.rule != FMGCAM_CHOICE_THRESHOLDS ||
           value_of(choosing, i) >= (double)choosing->choice.thresholds[i];
}

/* The best that qualify, at most choosing->most, best first. Returns how
 * many. */
static size_t select_best(const struct choosing *choosing, uint32_t *heap)
{
    size_t n = choosing->scores.n, size = 0, i = 0;
    for (; i < n && size < choosing->most; i++)
        if (qualifies(choosing, i))
            heap[size++] = (uint32_t)i;
    for (size_t at = size / 2; at-- > 0;)
        sink(choosing, heap, size, at);
    for (; i < n; i++)
        if (qualifies(choosing, i) &&
            is_worse(choosing, heap[0], (uint32_t)i)) {
            heap[0] = (uint32_t)i;
            sink(choosing, heap, size, 0);
        }
    for (size_t left = size; left > 1; left--) { /* the worst to the end */
        uint32_t worst = heap[0];
        heap[0] = heap[left - 1];
        sink(choosing, heap, left - 1, 0);
        heap[left - 1] = worst;
    }
    return size;
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
    if (ours->link > FMGCAM_LINK_NONE)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "choice.link: %u, expected 0 to %u", ours->link,
                           (uint32_t)FMGCAM_LINK_NONE);
    if (ours->flags)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "choice.flags: 0x%x, expected 0", ours->flags);
    if (!(ours->temperature >= 0.0f && isfinite(ours->temperature)))
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "choice.temperature: %g, expected a finite number "
                           "above 0",
                           (double)ours->temperature);
    ours->rule += ours->rule == 0;
    ours->link += ours->link == 0;
    ours->temperature += ours->temperature == 0.0f;
    return FMGCAM_STATUS_OK;
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
    const size_t usual = 5;
    if (choice->count > n)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "choice.count: %u, expected at most the %zu classes "
                           "that have scores",
                           choice->count, n);
    choosing->most = choice->count                       ? choice->count
                     : choice->rule == FMGCAM_CHOICE_TOP ? smaller(usual, n)
                                                         : n;
    return FMGCAM_STATUS_OK;
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
        status =
            fmgcam_require_finite(context, "scores", FMGCAM_FORM_VECTOR, view);
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
    if (status)
        return status;

    uint32_t *chosen = classes->data;
    prepare_link(&choosing);
    size_t size = select_best(&choosing, chosen);
    *count = (uint32_t)count_chosen(&choosing, chosen, size);
    for (size_t k = 0; wants_probabilities && k < *count; k++)
        ((float *)probabilities->data)[k] =
            (float)value_of(&choosing, chosen[k]);
    return FMGCAM_STATUS_OK;
}
