/* SPDX-License-Identifier: MIT */
/* Choosing the classes to explain: the k best scores. */
#include "internal.h"

#include <math.h>

/* Worse: a lower score, or the same score at a higher index. */
static int is_worse(const float *scores, uint32_t a, uint32_t b)
{
    return scores[a] < scores[b] || (scores[a] == scores[b] && a > b);
}

/* Let heap[at] sink to its place; heap[0] is the worst of the heap. */
static void sink(const float *scores, uint32_t *heap, size_t count, size_t at)
{
    uint32_t moving = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && is_worse(scores, heap[child + 1], heap[child]))
            child++;
        if (!is_worse(scores, heap[child], moving))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

static void select_best(const float *scores, size_t count, size_t k,
                        uint32_t *heap)
{
    for (size_t i = 0; i < k; i++)
        heap[i] = (uint32_t)i;
    for (size_t i = k / 2; i-- > 0;)
        sink(scores, heap, k, i);
    for (size_t i = k; i < count; i++)
        if (is_worse(scores, heap[0], (uint32_t)i)) {
            heap[0] = (uint32_t)i;
            sink(scores, heap, k, 0);
        }
    for (size_t left = k; left > 1; left--) { /* the worst to the end */
        uint32_t worst = heap[0];
        heap[0] = heap[left - 1];
        sink(scores, heap, left - 1, 0);
        heap[left - 1] = worst;
    }
}

static struct fmgcam_span span_of(const void *array, size_t count)
{
    return (struct fmgcam_span){(uintptr_t)array,
                                (uintptr_t)array + count * 4 - 1};
}

static fmgcam_status check_overlap(fmgcam_context *context, const float *scores,
                                   size_t count, size_t k,
                                   const uint32_t *indices, const float *values)
{
    struct fmgcam_span best = span_of(indices, k);
    fmgcam_status status = fmgcam_check_apart(context, "indices", best,
                                              "scores", span_of(scores, count));
    if (status || !values)
        return status;
    status = fmgcam_check_apart(context, "values", span_of(values, k), "scores",
                                span_of(scores, count));
    if (status)
        return status;
    return fmgcam_check_apart(context, "values", span_of(values, k), "indices",
                              best);
}

fmgcam_status fmgcam_topk(fmgcam_context *context, const float *scores,
                          size_t count, size_t k, uint32_t *indices,
                          float *values)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    if (!scores || !indices)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s: NULL, expected an array",
                           scores ? "indices" : "scores");
    if (count == 0 || count > UINT32_MAX)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "count: %zu, expected 1 to %u", count, UINT32_MAX);
    if (k == 0 || k > count)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "k: %zu, expected 1 to the %zu scores given", k,
                           count);
    fmgcam_status status =
        check_overlap(context, scores, count, k, indices, values);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(scores[i]))
            return fmgcam_fail(
                context, FMGCAM_STATUS_NON_FINITE,
                "scores: value at [%zu] is %g, expected a finite "
                "number",
                i, (double)scores[i]);

    select_best(scores, count, k, indices);
    if (values)
        for (size_t i = 0; i < k; i++)
            values[i] = scores[indices[i]];
    return FMGCAM_STATUS_OK;
}
