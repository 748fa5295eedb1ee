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

/* At the beginning of the memory, so that it stays where K or the memory grows.
 * At its end is room for the order of as many classes. */
struct record {
    uint32_t *classes; /* [K], ascending */
    float *maps;       /* Q [K, cells] */
};

static const size_t element = 4;

size_t fmgcam_smooth_space(size_t classes, size_t cells)
{
    size_t count;
    if (cells > SIZE_MAX - 2 || !fmgcam_multiply(classes, cells + 2, &count) ||
        count > PTRDIFF_MAX / element)
        return 0;
    return count * element;
}

static struct record open_record(void *block, size_t classes)
{
    uint32_t *first = block;
    return (struct record){first, (float *)(void *)(first + classes)};
}

/* Have room for @p classes, and what is kept in it. */
static fmgcam_status make_room(fmgcam_context *context, size_t classes,
                               size_t cells)
{
    struct fmgcam_history *history = &context->history;
    struct fmgcam_memory *memory = &history->map_memory, fresh;
    size_t bytes = fmgcam_smooth_space(classes, cells);
    if (bytes == 0)
        return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                           "signed_maps: %zu classes of %zu cells are more "
                           "than memory can hold twice",
                           classes, cells);
    fmgcam_status status =
        fmgcam_prepare_memory(context, memory, bytes, &fresh);
    if (status)
        return status;
    if (history->classes && fresh.block != memory->block)
        memcpy(fresh.block, memory->block,
               history->classes * (cells + 1) * element);
    fmgcam_replace_memory(context, memory, fresh);
    return FMGCAM_STATUS_OK;
}

/* ---- One frame ----------------------------------------------------------- */

struct frame {
    const uint32_t *classes; /* [K], as given */
    uint32_t *order;         /* [K], their indices, by class */
    size_t count;            /* K */
};

static int comes_later(const void *job, uint32_t a, uint32_t b)
{
    const uint32_t *classes = job;
    return classes[a] > classes[b] || (classes[a] == classes[b] && a > b);
}

static struct frame open_frame(const struct fmgcam_memory *memory,
                               const uint32_t *classes, size_t count)
{
    const struct fmgcam_ranking ranking = {.is_worse = comes_later,
                                           .job = classes};
    char *end = (char *)memory->block + memory->size;
    uint32_t *order = (uint32_t *)(void *)(end - count * element);
    for (size_t k = 0; k < count; k++)
        order[k] = (uint32_t)k;
    fmgcam_sort_best(&ranking, order, count);
    return (struct frame){classes, order, count};
}

/* The map of class @p number in the frame before; NULL where it was not there. */
static const float *find_map(const struct fmgcam_history *history,
                             uint32_t number, size_t cells)
{
    struct record before =
        open_record(history->map_memory.block, history->classes);
    size_t begin = 0, end = history->classes;
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (before.classes[middle] < number)
            begin = middle + 1;
        else
            end = middle;
    }
    if (begin == history->classes || before.classes[begin] != number)
        return NULL;
    return before.maps + begin * cells;
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

static void keep(struct fmgcam_history *history, const struct frame *frame,
                 const float *maps, const struct fmgcam_view *view)
{
    const size_t cells = view->cells;
    struct record record = open_record(history->map_memory.block, frame->count);
    for (size_t i = 0; i < frame->count; i++) {
        size_t k = frame->order[i];
        record.classes[i] = frame->classes[k];
        memcpy(record.maps + i * cells, maps + k * cells, cells * sizeof *maps);
    }
    history->classes = frame->count;
    history->depth = view->depth;
    history->height = view->height;
    history->width = view->width;
}

/* ---- The call ------------------------------------------------------------ */

static fmgcam_status check_classes(fmgcam_context *context,
                                   const struct frame *frame)
{
    const uint32_t *classes = frame->classes, *order = frame->order;
    for (size_t i = 1; i < frame->count; i++)
        if (classes[order[i]] == classes[order[i - 1]])
            return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                               "classes[%u]: %u, which classes[%u] is already",
                               order[i], classes[order[i]], order[i - 1]);
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
    struct fmgcam_span span, other;
    fmgcam_status status = fmgcam_span_array(
        context, "classes", classes, view->channels, sizeof *classes, &other);
    if (!status)
        status = fmgcam_check_buffer(context, "smoothed", smoothed,
                                     view->channels, view->cells, &span);
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
        status = check_output(context, classes, smoothed, view);
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
    fmgcam_status status = fmgcam_import_tracking(context, tracking, &ours);
    if (!status)
        status = accept(context, signed_maps, classes, smoothed, &view);
    if (!status)
        status = make_room(context, view.channels, view.cells);
    if (status)
        return status;
    struct frame frame =
        open_frame(&history->map_memory, classes, view.channels);
    status = check_classes(context, &frame);
    if (!status)
        status = fmgcam_load_maps(context, "signed_maps", signed_maps,
                                  "smoothed", smoothed, &view);
    if (status)
        return status;

    float *maps = smoothed->data;
    double past = (double)ours.smoothing;
    for (size_t k = 0; k < view.channels; k++) {
        const float *before = find_map(history, classes[k], view.cells);
        if (before)
            blend(before, past, maps + k * view.cells, view.cells);
    }
    keep(history, &frame, maps, &view);
    return FMGCAM_STATUS_OK;
}
