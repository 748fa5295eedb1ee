/* SPDX-License-Identifier: MIT */
/* Signed maps smoothed over the frames of a video, class by class.
 *
 *   Q <- smoothing Q + (1 - smoothing) M
 *
 * in double: what does not change stays the same to the last bit. */
#include "internal.h"

#include <math.h>
#include <string.h>

/* ---- What is kept -------------------------------------------------------- */

struct record {
    uint32_t *classes; /* [K] */
    float *maps;       /* Q [K, cells] */
};

size_t fmgcam_smooth_space(size_t classes, size_t cells)
{
    const size_t element = 4;
    size_t count;
    if (cells == SIZE_MAX || !fmgcam_multiply(classes, cells + 1, &count) ||
        count > PTRDIFF_MAX / element)
        return 0;
    return count * element;
}

static struct record open_record(void *block, size_t classes)
{
    uint32_t *first = block;
    return (struct record){first, (float *)(void *)(first + classes)};
}

/* ---- One frame ----------------------------------------------------------- */

/* The map of class @p number in the frame before; NULL where it was not there. */
static const float *find_map(const struct fmgcam_history *history,
                             uint32_t number, size_t cells)
{
    if (history->classes == 0)
        return NULL;
    struct record before =
        open_record(history->map_memory.block, history->classes);
    for (size_t k = 0; k < history->classes; k++)
        if (before.classes[k] == number)
            return before.maps + k * cells;
    return NULL;
}

/* A cell that is not finite is left out of what follows. */
static void blend(const float *before, double past, float *map, size_t cells)
{
    for (size_t s = 0; s < cells; s++) {
        double q = (double)before[s], m = (double)map[s];
        if (isfinite(before[s]))
            map[s] = (float)(past * q + (1.0 - past) * m);
    }
}

static void keep(struct fmgcam_history *history, const uint32_t *classes,
                 const float *maps, const struct fmgcam_view *view)
{
    struct record record =
        open_record(history->map_memory.block, view->channels);
    memcpy(record.classes, classes, view->channels * sizeof *classes);
    memcpy(record.maps, maps, view->channels * view->cells * sizeof *maps);
    history->classes = view->channels;
    history->depth = view->depth;
    history->height = view->height;
    history->width = view->width;
}

/* ---- The call ------------------------------------------------------------ */

static fmgcam_status check_classes(fmgcam_context *context,
                                   const uint32_t *classes, size_t count)
{
    if (!classes)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "classes: NULL, expected an array");
    for (size_t k = 1; k < count; k++)
        for (size_t j = 0; j < k; j++)
            if (classes[j] == classes[k])
                return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                                   "classes[%zu]: %u, which classes[%zu] is "
                                   "already",
                                   k, classes[k], j);
    return FMGCAM_STATUS_OK;
}

/* Maps of the shape of those before. */
static fmgcam_status check_shape(fmgcam_context *context,
                                 const struct fmgcam_view *view)
{
    const struct fmgcam_history *history = &context->history;
    if (history->width == 0 ||
        (view->depth == history->depth && view->height == history->height &&
         view->width == history->width))
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                       "signed_maps: maps of %zu x %zu x %zu, expected "
                       "%zu x %zu x %zu as in the frames before, or "
                       "fmgcam_restart()",
                       view->depth, view->height, view->width, history->depth,
                       history->height, history->width);
}

static fmgcam_status check_output(fmgcam_context *context,
                                  const uint32_t *classes,
                                  const fmgcam_buffer *smoothed,
                                  const struct fmgcam_view *view)
{
    struct fmgcam_span span,
        other = {(uintptr_t)classes, (uintptr_t)(classes + view->channels) - 1};
    fmgcam_status status = fmgcam_check_buffer(
        context, "smoothed", smoothed, view->channels, view->cells, &span);
    if (!status)
        status =
            fmgcam_check_apart(context, "smoothed", span, "classes", other);
    return status;
}

static fmgcam_status accept(fmgcam_context *context,
                            const fmgcam_tensor *signed_maps,
                            const uint32_t *classes,
                            const fmgcam_buffer *smoothed,
                            struct fmgcam_view *view)
{
    fmgcam_status status = fmgcam_view_tensor(
        context, "signed_maps", FMGCAM_FORM_MAPS, signed_maps, view);
    if (!status)
        status = check_shape(context, view);
    if (!status)
        status = fmgcam_check_frame_limit(
            context, "smoothed_classes", view->channels,
            context->workspace.limits.smoothed_classes);
    if (!status)
        status = check_classes(context, classes, view->channels);
    if (!status)
        status = check_output(context, classes, smoothed, view);
    if (!status)
        status = fmgcam_load_maps(context, "signed_maps", signed_maps,
                                  "smoothed", smoothed, view);
    return status;
}

fmgcam_status fmgcam_smooth_maps(fmgcam_context *context,
                                 const fmgcam_tracking *tracking,
                                 const fmgcam_tensor *signed_maps,
                                 const uint32_t *classes,
                                 const fmgcam_buffer *smoothed)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    fmgcam_tracking ours;
    struct fmgcam_history *history = &context->history;
    struct fmgcam_view view;
    struct fmgcam_memory fresh;
    fmgcam_status status = fmgcam_import_tracking(context, tracking, &ours);
    if (!status)
        status = accept(context, signed_maps, classes, smoothed, &view);
    if (status)
        return status;
    size_t bytes = fmgcam_smooth_space(view.channels, view.cells);
    if (bytes == 0)
        return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                           "signed_maps: more than memory can hold twice");
    status =
        fmgcam_prepare_memory(context, &history->map_memory, bytes, &fresh);
    if (status)
        return status;

    float *maps = smoothed->data;
    double past = (double)ours.smoothing;
    for (size_t k = 0; k < view.channels; k++) {
        const float *before = find_map(history, classes[k], view.cells);
        if (before)
            blend(before, past, maps + k * view.cells, view.cells);
    }
    fmgcam_replace_memory(context, &history->map_memory, fresh);
    keep(history, classes, maps, &view);
    return FMGCAM_STATUS_OK;
}
