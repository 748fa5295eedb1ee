/* SPDX-License-Identifier: MIT */
/* Spreading independent items over the caller's runner. */
#include "internal.h"

#include <stdatomic.h>

/* A few shares a worker even out their different speeds. */
enum { SHARES_PER_WORKER = 4 };

struct spread {
    void (*item)(void *job, size_t index, uint32_t worker);
    void *job;
    size_t count;
    uint32_t shares, workers;
    atomic_int broken;
    atomic_uint done;
    atomic_uint marks; /* of those that were done, added up */
};

static size_t share_begin(const struct spread *spread, uint32_t share)
{
    size_t whole = spread->count / spread->shares;
    size_t left = spread->count % spread->shares;
    return whole * share + (share < left ? share : left);
}

/* No two shares have the same, so that none can have been done twice in place of
 * another. */
static uint32_t mark_of(uint32_t share)
{
    uint32_t mark = (share + 1) * UINT32_C(0x9E3779B9);
    mark = (mark ^ mark >> 16) * UINT32_C(0x85EBCA6B);
    return mark ^ mark >> 13;
}

static uint32_t marks_of_all(uint32_t shares)
{
    uint32_t marks = 0;
    for (uint32_t i = 0; i < shares; i++)
        marks += mark_of(i);
    return marks;
}

static void run_share(void *job, uint32_t index, uint32_t worker)
{
    struct spread *spread = job;
    if (worker >= spread->workers || index >= spread->shares) {
        atomic_store_explicit(&spread->broken, 1, memory_order_relaxed);
        return;
    }
    size_t end = share_begin(spread, index + 1);
    for (size_t i = share_begin(spread, index); i < end; i++)
        spread->item(spread->job, i, worker);
    atomic_fetch_add_explicit(&spread->done, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&spread->marks, mark_of(index),
                              memory_order_relaxed);
}

size_t fmgcam_count_shares(const fmgcam_context *context)
{
    const struct fmgcam_runner *runner = &context->runner;
    if (!runner->run)
        return 1;
    return smaller(runner->workers, INT32_MAX / SHARES_PER_WORKER) *
           SHARES_PER_WORKER;
}

/* Did it keep its contract? */
static fmgcam_status check_run(fmgcam_context *context,
                               const struct spread *spread, int32_t result)
{
    if (result != 0)
        return fmgcam_fail(context, FMGCAM_STATUS_RUNNER,
                           "runner: run returned %d, expected 0", (int)result);
    if (atomic_load_explicit(&spread->broken, memory_order_relaxed))
        return fmgcam_fail(context, FMGCAM_STATUS_RUNNER,
                           "runner: a task was called with a worker beyond the "
                           "%u that were set, or an index beyond %u",
                           spread->workers, spread->shares);
    unsigned done = atomic_load_explicit(&spread->done, memory_order_relaxed);
    if (done != spread->shares)
        return fmgcam_fail(context, FMGCAM_STATUS_RUNNER,
                           "runner: run returned after %u tasks, expected %u",
                           done, spread->shares);
    if (atomic_load_explicit(&spread->marks, memory_order_relaxed) !=
        marks_of_all(spread->shares))
        return fmgcam_fail(context, FMGCAM_STATUS_RUNNER,
                           "runner: run left a task out and called another "
                           "twice, expected each of %u once",
                           spread->shares);
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_run_items(fmgcam_context *context,
                               void (*item)(void *job, size_t index,
                                            uint32_t worker),
                               void *job, size_t count)
{
    const struct fmgcam_runner *runner = &context->runner;
    if (!runner->run || count < 2) {
        for (size_t i = 0; i < count; i++)
            item(job, i, 0);
        return FMGCAM_STATUS_OK;
    }

    struct spread spread = {
        .item = item, .job = job, .count = count, .workers = runner->workers};
    spread.shares = (uint32_t)smaller(count, fmgcam_count_shares(context));

    int32_t result =
        runner->run(runner->opaque, run_share, &spread, spread.shares);
    return check_run(context, &spread, result);
}
