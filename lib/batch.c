/* SPDX-License-Identifier: MIT */
/* Many pictures in one call, spread over the caller's runner. */
#include "internal.h"

#include <stdatomic.h>

struct batch {
    const fmgcam_context *context;
    const fmgcam_inputs *const *inputs;
    fmgcam_outputs *const *outputs;
    fmgcam_status *statuses; /* NULL: not wanted */
    const struct fmgcam_scratch *scratch;
    size_t count;
    atomic_size_t first_failed; /* count: none so far */
};

/* A context for one picture: it works alone, and its error text is its own.
 * With a runner AUTO leaves BLAS out, so that it must here too. */
static fmgcam_context isolate(const fmgcam_context *context)
{
    fmgcam_context alone = *context;
    alone.log = (struct fmgcam_log){0};
    alone.runner = (struct fmgcam_runner){.workers = 1};
    if (context->runner.run &&
        context->options.arithmetic == FMGCAM_ARITHMETIC_AUTO)
        alone.options.arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE;
    fmgcam_begin(&alone);
    return alone;
}

/* A slot that no other picture has at the same time. There are as many as
 * workers, or as pictures where these are fewer. */
static uint32_t find_slot(const struct batch *batch, size_t index,
                          uint32_t worker)
{
    return batch->count < batch->context->runner.workers ? (uint32_t)index
                                                         : worker;
}

static fmgcam_status explain_one(fmgcam_context *alone,
                                 const struct batch *batch, size_t index,
                                 uint32_t slot)
{
    struct fmgcam_picture picture = {0};
    struct fmgcam_extents extents;
    struct fmgcam_scratch scratch = fmgcam_slot_scratch(batch->scratch, slot);
    fmgcam_status status = fmgcam_accept_picture(
        alone, batch->inputs[index], batch->outputs[index], &picture, &extents);
    return status ? status : fmgcam_explain_picture(alone, &picture, &scratch);
}

static void note_failure(struct batch *batch, size_t index)
{
    size_t first =
        atomic_load_explicit(&batch->first_failed, memory_order_relaxed);
    while (index < first && !atomic_compare_exchange_weak_explicit(
                                &batch->first_failed, &first, index,
                                memory_order_relaxed, memory_order_relaxed))
        continue;
}

static void explain_item(void *job, size_t index, uint32_t worker)
{
    struct batch *batch = job;
    fmgcam_context alone = isolate(batch->context);
    fmgcam_status status =
        explain_one(&alone, batch, index, find_slot(batch, index, worker));
    if (batch->statuses)
        batch->statuses[index] = status;
    if (status)
        note_failure(batch, index);
}

/* The largest of each extent, of the pictures that can be explained at all. */
static struct fmgcam_extents measure(const struct batch *batch, size_t count)
{
    struct fmgcam_extents most = {.pictures = count};
    for (size_t i = 0; i < count; i++) {
        fmgcam_context alone = isolate(batch->context);
        struct fmgcam_picture picture = {0};
        struct fmgcam_extents one;
        if (fmgcam_accept_picture(&alone, batch->inputs[i], batch->outputs[i],
                                  &picture, &one))
            continue;
        most.classes = larger(most.classes, one.classes);
        most.channels = larger(most.channels, one.channels);
        most.map_depth = larger(most.map_depth, one.map_depth);
        most.map_height = larger(most.map_height, one.map_height);
        most.map_width = larger(most.map_width, one.map_width);
        most.eigen = most.eigen || one.eigen;
    }
    return most;
}

/* The first picture that failed is tried again for the text of its error. */
static fmgcam_status fail_as(fmgcam_context *context, const struct batch *batch,
                             size_t index)
{
    fmgcam_context alone = isolate(context);
    fmgcam_status status = explain_one(&alone, batch, index, 0);
    return fmgcam_fail(context, status, "pictures[%zu].%s", index,
                       alone.detail);
}

/* After a failure of the call as a whole no picture can be relied on. */
static fmgcam_status fail_all(fmgcam_status *statuses, uint32_t count,
                              fmgcam_status status)
{
    for (uint32_t i = 0; statuses && i < count; i++)
        statuses[i] = status;
    return status;
}

fmgcam_status fmgcam_explain_batch(fmgcam_context *context,
                                   const fmgcam_inputs *const *inputs,
                                   fmgcam_outputs *const *outputs,
                                   uint32_t count, fmgcam_status *statuses)
{
    if (!context)
        return fail_all(statuses, count, FMGCAM_STATUS_ARGUMENT);
    fmgcam_begin(context);
    if (!inputs || !outputs)
        return fail_all(statuses, count,
                        fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                                    "%s: NULL, expected an array",
                                    inputs ? "outputs" : "inputs"));
    if (count == 0)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "count: 0, expected 1 or more");

    struct fmgcam_scratch scratch;
    struct batch batch = {.context = context,
                          .inputs = inputs,
                          .outputs = outputs,
                          .statuses = statuses,
                          .scratch = &scratch,
                          .count = count};
    atomic_init(&batch.first_failed, count);
    struct fmgcam_extents extents = measure(&batch, count);
    fmgcam_status status = fmgcam_claim(context, &extents, &scratch);
    if (!status)
        status = fmgcam_run_items(context, explain_item, &batch, count);
    if (status)
        return fail_all(statuses, count, status);
    size_t failed =
        atomic_load_explicit(&batch.first_failed, memory_order_relaxed);
    return failed < count ? fail_as(context, &batch, failed) : FMGCAM_STATUS_OK;
}
