/* SPDX-License-Identifier: MIT */
/* Scratch memory: how it is laid out, and claiming it. */
#include "internal.h"

#include <string.h>

enum { ALIGNMENT = 64 };

/* ---- Layout -------------------------------------------------------------- */

struct cursor {
    size_t at;
    int overflow;
};

/* No object is larger than half the address space. */
static const size_t largest = PTRDIFF_MAX - (ptrdiff_t)2 * ALIGNMENT;

/* Where @p count elements of @p size bytes go. */
static size_t place(struct cursor *cursor, size_t count, size_t size)
{
    size_t bytes, begin = cursor->at;
    if (!fmgcam_multiply(count, size, &bytes) || begin > largest ||
        bytes > largest - begin) {
        cursor->overflow = 1;
        return 0;
    }
    cursor->at = (begin + bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return begin;
}

static size_t product(struct cursor *cursor, size_t a, size_t b)
{
    size_t result = 0;
    if (!fmgcam_multiply(a, b, &result))
        cursor->overflow = 1;
    return result;
}

struct layout {
    /* Of a slot, in which one picture is explained. */
    size_t weights, signed_maps, maps, winner, references, row, eigen;
    size_t slot_bytes;
    /* Of stage 7, from the first slot on. */
    size_t planes, scales, colors;
    struct {
        size_t starts, weights;
    } across, down;
    size_t worker_scratch, worker_floats;
    size_t bytes;
};

/* A worker of stages 1 and 2 copies tiles of activations and gradients; one of
 * stage 7 stretches rows of each class, or of red, green, blue and evidence. */
static size_t count_worker_floats(struct cursor *cursor,
                                  const struct fmgcam_extents *extents)
{
    size_t tiles = (size_t)2 * FMGCAM_TILE_FLOATS;
    if (extents->picture_width == 0)
        return tiles;
    size_t lines =
        fmgcam_walk_space(larger(extents->classes, 4), extents->map_height);
    if (lines == 0)
        cursor->overflow = 1;
    return larger(tiles, lines);
}

static size_t count_cells(struct cursor *cursor,
                          const struct fmgcam_extents *extents)
{
    size_t plane = product(cursor, extents->map_height, extents->map_width);
    return product(cursor, larger(extents->map_depth, 1), plane);
}

static size_t place_eigen(struct cursor *cursor,
                          const struct fmgcam_extents *extents, size_t cells)
{
    if (!extents->eigen)
        return cursor->at;
    size_t doubles = fmgcam_eigen_space(cells, extents->channels);
    if (doubles == 0)
        cursor->overflow = 1;
    return place(cursor, doubles, sizeof(double));
}

/* The slots, one after the other from @p cursor on. */
static void place_slots(struct cursor *cursor,
                        const struct fmgcam_extents *extents, uint32_t workers,
                        struct layout *layout)
{
    size_t begin = cursor->at;
    size_t cells = count_cells(cursor, extents);
    size_t stack = product(cursor, extents->classes, cells);
    size_t weights = product(cursor, extents->classes, extents->channels);

    layout->weights = place(cursor, weights, sizeof(float));
    layout->signed_maps = place(cursor, stack, sizeof(float));
    layout->maps = place(cursor, stack, sizeof(float));
    layout->winner = place(cursor, cells, sizeof(int32_t));
    layout->references =
        place(cursor, product(cursor, extents->classes, 3), sizeof(uint32_t));
    size_t longest = larger(extents->classes, extents->channels);
    layout->row = place(cursor, product(cursor, longest, 2), sizeof(double));
    layout->eigen = place_eigen(cursor, extents, cells);
    layout->slot_bytes = cursor->at - begin;
    if (extents->pictures > 1)
        place(cursor, smaller(workers, extents->pictures) - 1,
              layout->slot_bytes);
}

static size_t place_tap_weights(struct cursor *cursor, size_t in, size_t out)
{
    size_t floats = fmgcam_tap_space(in, out);
    if (floats == 0)
        cursor->overflow = 1;
    return place(cursor, floats, sizeof(float));
}

static void place_drawing(struct cursor *cursor,
                          const struct fmgcam_extents *extents,
                          struct layout *layout)
{
    size_t planes = larger(extents->classes, 4);
    size_t width = extents->picture_width, height = extents->picture_height;
    layout->planes =
        place(cursor, product(cursor, planes, count_cells(cursor, extents)),
              sizeof(float));
    layout->across.starts = place(cursor, width, sizeof(uint32_t));
    layout->across.weights =
        place_tap_weights(cursor, extents->map_width, width);
    layout->down.starts = place(cursor, height, sizeof(uint32_t));
    layout->down.weights =
        place_tap_weights(cursor, extents->map_height, height);
    layout->scales = place(cursor, extents->classes, sizeof(float));
    layout->colors = place(cursor, extents->classes, sizeof(uint32_t));
}

/* Offsets for @p extents. Grows with each extent, so that what is reserved for
 * the largest serves the smaller. Returns 0 if memory cannot hold it. */
static int lay_out(const struct fmgcam_extents *extents, uint32_t workers,
                   struct layout *layout)
{
    struct cursor top = {0, 0};
    size_t worker_floats = count_worker_floats(&top, extents);
    /* Rounded up so that no two workers write to one cache line. */
    const size_t line = ALIGNMENT / sizeof(float);
    if (worker_floats > SIZE_MAX - line)
        return 0;
    layout->worker_floats = (worker_floats + line - 1) / line * line;
    layout->worker_scratch = place(
        &top, product(&top, layout->worker_floats, workers), sizeof(float));

    struct cursor slots = top, drawing = top;
    place_slots(&slots, extents, workers, layout);
    if (extents->picture_width > 0)
        place_drawing(&drawing, extents, layout);
    layout->bytes = larger(slots.at, drawing.at) + ALIGNMENT - 1;
    return !(top.overflow || slots.overflow || drawing.overflow);
}

int fmgcam_measure_workspace(const struct fmgcam_extents *extents,
                             uint32_t workers, size_t *bytes)
{
    struct layout layout = {0};
    int fits = lay_out(extents, workers, &layout);
    *bytes = layout.bytes;
    return fits;
}

/* ---- Memory -------------------------------------------------------------- */

void fmgcam_release_workspace(fmgcam_context *context)
{
    const fmgcam_allocator *allocator = &context->allocator;
    struct fmgcam_workspace *workspace = &context->workspace;
    if (workspace->block)
        allocator->release(allocator->opaque, workspace->block);
    workspace->block = NULL;
    workspace->base = NULL;
    workspace->size = 0;
}

fmgcam_status fmgcam_grow_workspace(fmgcam_context *context, size_t bytes)
{
    const fmgcam_allocator *allocator = &context->allocator;
    struct fmgcam_workspace *workspace = &context->workspace;
    if (bytes <= workspace->size)
        return FMGCAM_STATUS_OK;

    void *block = allocator->allocate(allocator->opaque, bytes);
    if (!block)
        return fmgcam_fail(context, FMGCAM_STATUS_NO_MEMORY,
                           "workspace: the allocator returned NULL for %zu "
                           "bytes",
                           bytes);
    fmgcam_release_workspace(context);
    size_t skip = (ALIGNMENT - (uintptr_t)block % ALIGNMENT) % ALIGNMENT;
    workspace->block = block;
    workspace->base = (unsigned char *)block + skip;
    workspace->size = bytes;
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_check_limit(fmgcam_context *context, const char *name,
                                 size_t value, uint32_t limit)
{
    if (value <= limit)
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_LIMIT,
                       "%s: %zu is beyond the reserved limit %u", name, value,
                       limit);
}

fmgcam_status fmgcam_check_limits(fmgcam_context *context,
                                  const struct fmgcam_extents *extents)
{
    const fmgcam_limits *limits = &context->workspace.limits;
    if (!limits->workers) /* nothing is reserved */
        return FMGCAM_STATUS_OK;
    const struct {
        const char *name;
        size_t value;
        uint32_t limit;
    } rows[] = {
        {"classes", extents->classes, limits->classes},
        {"channels", extents->channels, limits->channels},
        {"map_height", extents->map_height, limits->map_height},
        {"map_width", extents->map_width, limits->map_width},
        {"picture_height", extents->picture_height, limits->picture_height},
        {"picture_width", extents->picture_width, limits->picture_width},
        {"map_depth", extents->map_depth, limits->map_depth},
        {"batch", extents->pictures, limits->batch},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fmgcam_status status = fmgcam_check_limit(context, rows[i].name,
                                                  rows[i].value, rows[i].limit);
        if (status)
            return status;
    }
    if (extents->eigen && !(limits->flags & FMGCAM_LIMIT_EIGEN))
        return fmgcam_fail(context, FMGCAM_STATUS_LIMIT,
                           "options.method: %s, but the room for its matrix "
                           "was not reserved: expected FMGCAM_LIMIT_EIGEN",
                           fmgcam_method_name(context->options.method));
    return FMGCAM_STATUS_OK;
}

static void *shift(void *memory, size_t bytes)
{
    return (char *)memory + bytes;
}

fmgcam_status fmgcam_claim(fmgcam_context *context,
                           const struct fmgcam_extents *extents,
                           struct fmgcam_scratch *scratch)
{
    fmgcam_status status = fmgcam_check_limits(context, extents);
    if (status)
        return status;
    struct layout layout = {0};
    if (!lay_out(extents, context->runner.workers, &layout))
        return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                           "workspace: larger than memory can be");
    if (!context->workspace.limits.workers &&
        layout.bytes > context->workspace.size)
        fmgcam_release_workspace(context); /* its content is of no use */
    status = fmgcam_grow_workspace(context, layout.bytes);
    if (status)
        return status;

    void *base = context->workspace.base;
    *scratch = (struct fmgcam_scratch){
        .weights = shift(base, layout.weights),
        .signed_maps = shift(base, layout.signed_maps),
        .maps = shift(base, layout.maps),
        .winner = shift(base, layout.winner),
        .references = shift(base, layout.references),
        .row = shift(base, layout.row),
        .eigen = shift(base, layout.eigen),
        .planes = shift(base, layout.planes),
        .across = {.starts = shift(base, layout.across.starts),
                   .weights = shift(base, layout.across.weights)},
        .down = {.starts = shift(base, layout.down.starts),
                 .weights = shift(base, layout.down.weights)},
        .scales = shift(base, layout.scales),
        .colors = shift(base, layout.colors),
        .worker_scratch = shift(base, layout.worker_scratch),
        .worker_floats = layout.worker_floats,
        .slot_bytes = layout.slot_bytes,
    };
    return FMGCAM_STATUS_OK;
}

struct fmgcam_scratch fmgcam_slot_scratch(const struct fmgcam_scratch *scratch,
                                          uint32_t slot)
{
    size_t bytes = slot * scratch->slot_bytes;
    return (struct fmgcam_scratch){
        .weights = shift(scratch->weights, bytes),
        .signed_maps = shift(scratch->signed_maps, bytes),
        .maps = shift(scratch->maps, bytes),
        .winner = shift(scratch->winner, bytes),
        .references = shift(scratch->references, bytes),
        .row = shift(scratch->row, bytes),
        .eigen = shift(scratch->eigen, bytes),
        .worker_scratch = fmgcam_worker_scratch(scratch, slot),
        .worker_floats = scratch->worker_floats,
    };
}
