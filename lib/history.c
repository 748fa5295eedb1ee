/* SPDX-License-Identifier: MIT */
/* What a context keeps from one frame of a video to the next: its memory, and
 * forgetting it. What is in it is up to track.c and smooth.c. */
#include "internal.h"

fmgcam_status fmgcam_prepare_memory(fmgcam_context *context,
                                    const struct fmgcam_memory *memory,
                                    size_t bytes, struct fmgcam_memory *fresh)
{
    const fmgcam_allocator *allocator = &context->allocator;
    *fresh = *memory;
    if (bytes <= memory->size)
        return FMGCAM_STATUS_OK;
    void *block = allocator->allocate(allocator->opaque, bytes);
    if (!block)
        return fmgcam_fail(context, FMGCAM_STATUS_NO_MEMORY,
                           "frames: the allocator returned NULL for %zu bytes",
                           bytes);
    *fresh = (struct fmgcam_memory){block, bytes};
    return FMGCAM_STATUS_OK;
}

void fmgcam_replace_memory(fmgcam_context *context,
                           struct fmgcam_memory *memory,
                           struct fmgcam_memory fresh)
{
    const fmgcam_allocator *allocator = &context->allocator;
    if (memory->block && memory->block != fresh.block)
        allocator->release(allocator->opaque, memory->block);
    *memory = fresh;
}

static void forget(struct fmgcam_history *history)
{
    *history = (struct fmgcam_history){.score_memory = history->score_memory,
                                       .map_memory = history->map_memory};
}

fmgcam_status fmgcam_grow_history(fmgcam_context *context, size_t score_bytes,
                                  size_t map_bytes)
{
    struct fmgcam_history *history = &context->history;
    struct fmgcam_memory scores, maps;
    fmgcam_status status = fmgcam_prepare_memory(
        context, &history->score_memory, score_bytes, &scores);
    if (status)
        return status;
    status =
        fmgcam_prepare_memory(context, &history->map_memory, map_bytes, &maps);
    if (status) {
        fmgcam_replace_memory(context, &scores, history->score_memory);
        return status;
    }
    fmgcam_replace_memory(context, &history->score_memory, scores);
    fmgcam_replace_memory(context, &history->map_memory, maps);
    forget(history);
    return FMGCAM_STATUS_OK;
}

void fmgcam_release_history(fmgcam_context *context)
{
    const struct fmgcam_memory none = {0};
    fmgcam_replace_memory(context, &context->history.score_memory, none);
    fmgcam_replace_memory(context, &context->history.map_memory, none);
}

fmgcam_status fmgcam_check_frame_limit(fmgcam_context *context,
                                       const char *name, size_t value,
                                       uint32_t limit)
{
    if (!context->workspace.limits.workers) /* nothing is reserved */
        return FMGCAM_STATUS_OK;
    return fmgcam_check_limit(context, name, value, limit);
}

fmgcam_status fmgcam_restart(fmgcam_context *context)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    forget(&context->history);
    return FMGCAM_STATUS_OK;
}
