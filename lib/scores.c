/* SPDX-License-Identifier: MIT */
/* Scores of classes: what they mean as probabilities, and the best ones. */
#include "internal.h"

#include <math.h>

/* ---- Probabilities ------------------------------------------------------- */

fmgcam_status fmgcam_resolve_link(fmgcam_context *context, const char *name,
                                  uint32_t *link, float *temperature)
{
    if (*link > FMGCAM_LINK_NONE)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s.link: %u, expected 0 to %u", name, *link,
                           (uint32_t)FMGCAM_LINK_NONE);
    if (!(*temperature >= 0.0f && isfinite(*temperature)))
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s.temperature: %g, expected a finite number "
                           "above 0",
                           name, (double)*temperature);
    *link += *link == 0;
    if (*temperature == 0.0f)
        *temperature = 1.0f;
    return FMGCAM_STATUS_OK;
}

static double score_of(const struct fmgcam_link *link, size_t i)
{
    return (double)fmgcam_view_at(link->scores, i, 0, 0);
}

struct fmgcam_link fmgcam_link_scores(const struct fmgcam_view *scores,
                                      uint32_t kind, float temperature)
{
    struct fmgcam_link link = {
        .scores = scores, .kind = kind, .temperature = (double)temperature};
    link.highest = score_of(&link, 0);
    for (size_t i = 1; i < scores->n; i++)
        link.highest = fmax(link.highest, score_of(&link, i));
    for (size_t i = 0; i < scores->n; i++)
        link.sum += exp((score_of(&link, i) - link.highest) / link.temperature);
    return link;
}

double fmgcam_probability(const struct fmgcam_link *link, size_t i)
{
    double score = score_of(link, i), x = score / link->temperature;
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

/* ---- The best ones ------------------------------------------------------- */

fmgcam_status fmgcam_resolve_count(fmgcam_context *context, const char *name,
                                   uint32_t count, size_t usual, size_t n,
                                   size_t *most)
{
    if (count > n)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s.count: %u, expected at most the %zu classes "
                           "that have scores",
                           name, count, n);
    *most = count ? count : smaller(usual, n);
    return FMGCAM_STATUS_OK;
}

/* Let heap[at] sink to its place; heap[0] is the worst of the heap. */
static void sink(const struct fmgcam_ranking *ranking, uint32_t *heap,
                 size_t count, size_t at)
{
    const void *job = ranking->job;
    uint32_t moving = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count &&
            ranking->is_worse(job, heap[child + 1], heap[child]))
            child++;
        if (!ranking->is_worse(job, heap[child], moving))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

void fmgcam_sort_best(const struct fmgcam_ranking *ranking, uint32_t *classes,
                      size_t size)
{
    for (size_t at = size / 2; at-- > 0;)
        sink(ranking, classes, size, at);
    for (size_t left = size; left > 1; left--) { /* the worst to the end */
        uint32_t worst = classes[0];
        classes[0] = classes[left - 1];
        sink(ranking, classes, left - 1, 0);
        classes[left - 1] = worst;
    }
}

size_t fmgcam_select_best(const struct fmgcam_ranking *ranking,
                          uint32_t *classes)
{
    const void *job = ranking->job;
    size_t size = 0, i = 0;
    for (; i < ranking->n && size < ranking->most; i++)
        if (ranking->qualifies(job, i))
            classes[size++] = (uint32_t)i;
    for (size_t at = size / 2; at-- > 0;)
        sink(ranking, classes, size, at);
    for (; i < ranking->n; i++)
        if (ranking->qualifies(job, i) &&
            ranking->is_worse(job, classes[0], (uint32_t)i)) {
            classes[0] = (uint32_t)i;
            sink(ranking, classes, size, 0);
        }
    fmgcam_sort_best(ranking, classes, size);
    return size;
}
