/* SPDX-License-Identifier: MIT */
/* Where the map lies on the picture, after all that was done to the picture
 * before the network saw it.
 *
 * Steps move edges along one axis, so that each axis is followed by itself: its
 * two edges are where the input's first and last edge lie on the picture, and
 * what was ever cut off stays unseen, even where it is padded again. */
#include "internal.h"

#include <assert.h>
#include <math.h>

/* ---- One axis ------------------------------------------------------------ */

struct axis {
    uint32_t size;      /* pixels of what has been made of the picture */
    double first, last; /* its edges, in pixels of the picture */
    double seen_first, seen_last;
};

static struct axis begin_axis(uint32_t size)
{
    return (struct axis){size, 0.0, size, 0.0, size};
}

static void clip_seen(struct axis *axis)
{
    axis->seen_first = fmax(axis->seen_first, fmin(axis->first, axis->last));
    axis->seen_last = fmin(axis->seen_last, fmax(axis->first, axis->last));
    if (axis->seen_last <= axis->seen_first) /* nothing, for good */
        axis->seen_first = axis->seen_last = 0.0;
}

/* Move the edges to @p from and from + @p size, counted from the first edge. */
static void set_edges(struct axis *axis, int64_t from, uint32_t size)
{
    double pixel = (axis->last - axis->first) / axis->size;
    double origin = axis->first;
    if (from != 0)
        axis->first = origin + (double)from * pixel;
    if (from + size != axis->size)
        axis->last = origin + (double)(from + size) * pixel;
    axis->size = size;
    clip_seen(axis);
}

static void flip(struct axis *axis)
{
    double first = axis->first;
    axis->first = axis->last;
    axis->last = first;
}

/* ---- Sizes --------------------------------------------------------------- */

/* a b / c to nearest, halves to even, at least 1. */
static uint32_t scale_size(uint32_t a, uint32_t b, uint32_t c)
{
    uint64_t whole = (uint64_t)a * b / c, twice = 2 * ((uint64_t)a * b % c);
    if (twice > c || (twice == c && whole % 2 == 1))
        whole++;
    return whole > 1 ? (uint32_t)whole : 1;
}

static fmgcam_status check_largest(fmgcam_context *context, uint32_t i,
                                   uint64_t size)
{
    if (size <= INT32_MAX)
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "steps[%u]: makes a side of %llu pixels, expected at "
                       "most %d",
                       i, (unsigned long long)size, INT32_MAX);
}

/* ---- Steps --------------------------------------------------------------- */

struct chain {
    struct axis across, down;
};

static fmgcam_status resize(fmgcam_context *context, uint32_t i,
                            const fmgcam_step *step, struct chain *chain)
{
    uint32_t *shorter = &chain->across.size, *longer = &chain->down.size;
    if (*shorter > *longer) {
        shorter = &chain->down.size;
        longer = &chain->across.size;
    }
    assert(*shorter > 0);
    uint64_t size = (uint64_t)step->width * *longer / *shorter;
    fmgcam_status status = check_largest(context, i, size);
    if (status)
        return status;
    *longer = (uint32_t)size;
    *shorter = step->width;
    return FMGCAM_STATUS_OK;
}

static void fit(const fmgcam_step *step, struct chain *chain)
{
    uint32_t *width = &chain->across.size, *height = &chain->down.size;
    if ((uint64_t)step->width * *height <= (uint64_t)step->height * *width) {
        *height = scale_size(*height, step->width, *width);
        *width = step->width;
    } else {
        *width = scale_size(*width, step->height, *height);
        *height = step->height;
    }
}

/* Where the middle begins; half a pixel goes to even. */
static int64_t middle_of(uint32_t whole, uint32_t part)
{
    uint32_t rest = whole - part;
    return rest / 2 + (rest % 4 == 3);
}

static fmgcam_status crop(fmgcam_context *context, uint32_t i,
                          const fmgcam_step *step, struct chain *chain)
{
    uint32_t width = chain->across.size, height = chain->down.size;
    if (step->width > width || step->height > height ||
        step->left > width - step->width || step->top > height - step->height)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "steps[%u]: a crop of %u x %u at %u, %u, expected "
                           "one within the %u x %u that are there",
                           i, step->width, step->height, step->left, step->top,
                           width, height);
    int placed = (step->flags & FMGCAM_STEP_PLACED) != 0;
    set_edges(&chain->across,
              placed ? step->left : middle_of(width, step->width), step->width);
    set_edges(&chain->down,
              placed ? step->top : middle_of(height, step->height),
              step->height);
    return FMGCAM_STATUS_OK;
}

static fmgcam_status pad(fmgcam_context *context, uint32_t i,
                         const fmgcam_step *step, struct chain *chain)
{
    uint32_t width = chain->across.size, height = chain->down.size;
    if (step->width < width || step->height < height ||
        step->left > step->width - width || step->top > step->height - height)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "steps[%u]: a pad to %u x %u at %u, %u, expected "
                           "room for the %u x %u that are there",
                           i, step->width, step->height, step->left, step->top,
                           width, height);
    int placed = (step->flags & FMGCAM_STEP_PLACED) != 0;
    int64_t left = placed ? step->left : (step->width - width) / 2;
    int64_t top = placed ? step->top : (step->height - height) / 2;
    set_edges(&chain->across, -left, step->width);
    set_edges(&chain->down, -top, step->height);
    return FMGCAM_STATUS_OK;
}

static fmgcam_status follow(fmgcam_context *context, uint32_t i,
                            const fmgcam_step *step, struct chain *chain)
{
    switch (step->kind) {
    case FMGCAM_STEP_STRETCH:
        chain->across.size = step->width;
        chain->down.size = step->height;
        return FMGCAM_STATUS_OK;
    case FMGCAM_STEP_RESIZE: return resize(context, i, step, chain);
    case FMGCAM_STEP_FIT: fit(step, chain); return FMGCAM_STATUS_OK;
    case FMGCAM_STEP_CROP: return crop(context, i, step, chain);
    case FMGCAM_STEP_LETTERBOX: fit(step, chain); /* fall through */
    case FMGCAM_STEP_PAD: return pad(context, i, step, chain);
    case FMGCAM_STEP_FLIP_HORIZONTAL:
        flip(&chain->across);
        return FMGCAM_STATUS_OK;
    default: flip(&chain->down); return FMGCAM_STATUS_OK;
    }
}

/* ---- What a step may say ------------------------------------------------- */

/* How many sizes a kind has, and whether it can be placed. */
static const struct {
    uint32_t sizes;
    uint32_t flags;
} step_kinds[] = {
    [FMGCAM_STEP_STRETCH] = {2, 0},
    [FMGCAM_STEP_RESIZE] = {1, 0},
    [FMGCAM_STEP_FIT] = {2, 0},
    [FMGCAM_STEP_CROP] = {2, FMGCAM_STEP_PLACED},
    [FMGCAM_STEP_PAD] = {2, FMGCAM_STEP_PLACED},
    [FMGCAM_STEP_LETTERBOX] = {2, 0},
    [FMGCAM_STEP_FLIP_HORIZONTAL] = {0, 0},
    [FMGCAM_STEP_FLIP_VERTICAL] = {0, 0},
};

static fmgcam_status check_extent(fmgcam_context *context, uint32_t i,
                                  const char *name, uint32_t value, int is_used)
{
    if (is_used ? value >= 1 && value <= INT32_MAX : value == 0)
        return FMGCAM_STATUS_OK;
    if (!is_used)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "steps[%u].%s: %u, expected 0 for this kind", i,
                           name, value);
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "steps[%u].%s: %u, expected 1 to %d", i, name, value,
                       INT32_MAX);
}

static fmgcam_status check_step(fmgcam_context *context, uint32_t i,
                                const fmgcam_step *step)
{
    if (step->kind < FMGCAM_STEP_STRETCH ||
        step->kind > FMGCAM_STEP_FLIP_VERTICAL)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "steps[%u].kind: %u, expected 1 to %d", i,
                           step->kind, FMGCAM_STEP_FLIP_VERTICAL);
    uint32_t sizes = step_kinds[step->kind].sizes;
    if (step->flags & ~step_kinds[step->kind].flags)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "steps[%u].flags: 0x%x, expected at most 0x%x for "
                           "this kind",
                           i, step->flags, step_kinds[step->kind].flags);
    if (!step->flags && (step->left || step->top))
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "steps[%u]: left %u, top %u, expected 0 without "
                           "FMGCAM_STEP_PLACED",
                           i, step->left, step->top);
    fmgcam_status status =
        check_extent(context, i, "width", step->width, sizes >= 1);
    if (!status)
        status = check_extent(context, i, "height", step->height, sizes >= 2);
    return status;
}

/* Farther than any picture is wide. */
static const double farthest = 0x1p40;

/* Neither edge is NaN then. */
static int can_be_drawn(double first, double last)
{
    return fabs(first) <= farthest && fabs(last) <= farthest && first != last;
}

/* Chains of large pads, or of tiny crops, leave what can be drawn. */
static fmgcam_status check_axis(fmgcam_context *context, uint32_t i,
                                const struct axis *axis)
{
    if (can_be_drawn(axis->first, axis->last))
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "steps[%u]: edges at %g and %g of the picture, expected "
                       "two that differ, of magnitudes up to %g",
                       i, axis->first, axis->last, farthest);
}

/* ---- From steps to geometry ---------------------------------------------- */

static fmgcam_geometry geometry_of(const struct chain *chain)
{
    const struct axis *across = &chain->across, *down = &chain->down;
    return (fmgcam_geometry){
        .left = across->first,
        .top = down->first,
        .right = across->last,
        .bottom = down->last,
        .seen_left = across->seen_first,
        .seen_top = down->seen_first,
        .seen_right = across->seen_last,
        .seen_bottom = down->seen_last,
        .input_width = across->size,
        .input_height = down->size,
    };
}

fmgcam_geometry fmgcam_whole_picture(uint32_t width, uint32_t height)
{
    struct chain chain = {begin_axis(width), begin_axis(height)};
    return geometry_of(&chain);
}

fmgcam_status fmgcam_find_geometry(fmgcam_context *context, uint32_t width,
                                   uint32_t height, const fmgcam_step *steps,
                                   uint32_t count, fmgcam_geometry *geometry)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    if (!geometry || (!steps && count > 0))
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s: NULL, expected %s",
                           geometry ? "steps" : "geometry",
                           geometry ? "as many as count says" : "a struct");
    fmgcam_status status =
        fmgcam_check_struct(context, "geometry", geometry->struct_size,
                            FMGCAM_SIZE_THROUGH(fmgcam_geometry, input_height));
    if (!status)
        status = fmgcam_check_size(context, "picture", height, width);
    struct chain chain = {begin_axis(width), begin_axis(height)};
    for (uint32_t i = 0; i < count && !status; i++) {
        status = check_step(context, i, &steps[i]);
        if (!status)
            status = follow(context, i, &steps[i], &chain);
        if (!status)
            status = check_axis(context, i, &chain.across);
        if (!status)
            status = check_axis(context, i, &chain.down);
    }
    if (status)
        return status;
    fmgcam_geometry found = geometry_of(&chain);
    found.struct_size = geometry->struct_size;
    memset(geometry, 0, found.struct_size);
    memcpy(geometry, &found, smaller(found.struct_size, sizeof found));
    return FMGCAM_STATUS_OK;
}

/* ---- Given by the caller ------------------------------------------------- */

static fmgcam_status check_edges(fmgcam_context *context, const char *edges,
                                 double first, double last)
{
    if (can_be_drawn(first, last))
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "layers.geometry: %s %g and %g, expected two numbers "
                       "that differ, of magnitudes up to %g",
                       edges, first, last, farthest);
}

static fmgcam_status check_seen(fmgcam_context *context, const char *edges,
                                double first, double last, double seen_first,
                                double seen_last, uint32_t size)
{
    double low = fmax(fmin(first, last), 0.0);
    double high = fmin(fmax(first, last), size);
    int is_nothing = seen_first == 0.0 && seen_last == 0.0;
    if (is_nothing ||
        (seen_first <= seen_last && seen_first >= low && seen_last <= high))
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "layers.geometry: %s %g and %g, expected them in order "
                       "and from %g to %g, which the map and the picture of %u "
                       "pixels share",
                       edges, seen_first, seen_last, low, high, size);
}

fmgcam_status fmgcam_import_geometry(fmgcam_context *context,
                                     const fmgcam_geometry *theirs,
                                     const fmgcam_image *picture,
                                     fmgcam_geometry *ours)
{
    if (!theirs) {
        *ours = fmgcam_whole_picture(picture->width, picture->height);
        return FMGCAM_STATUS_OK;
    }
    fmgcam_status status = fmgcam_import(
        context, "layers.geometry", theirs, ours,
        FMGCAM_SIZE_THROUGH(fmgcam_geometry, input_height), sizeof *ours);
    if (!status)
        status =
            check_edges(context, "left and right", ours->left, ours->right);
    if (!status)
        status =
            check_edges(context, "top and bottom", ours->top, ours->bottom);
    if (!status)
        status = check_seen(context, "seen_left and seen_right", ours->left,
                            ours->right, ours->seen_left, ours->seen_right,
                            picture->width);
    if (!status)
        status = check_seen(context, "seen_top and seen_bottom", ours->top,
                            ours->bottom, ours->seen_top, ours->seen_bottom,
                            picture->height);
    return status;
}

/* ---- Along one axis ------------------------------------------------------ */

/* The first pixel whose centre is not before @p edge. */
static size_t first_pixel(double edge, uint32_t size)
{
    double pixel = ceil(edge - 0.5);
    return pixel <= 0.0 ? 0 : (size_t)fmin(pixel, size);
}

static struct fmgcam_reach reach_of(double first, double last,
                                    double seen_first, double seen_last,
                                    uint32_t size, size_t cells)
{
    size_t begin = first_pixel(seen_first, size);
    size_t end = first_pixel(seen_last, size);
    return (struct fmgcam_reach){
        .cells = cells,
        .begin = begin,
        .count = end > begin ? end - begin : 0,
        .edge = fmin(first, last),
        .span = fabs(last - first),
    };
}

struct fmgcam_reach fmgcam_reach_across(const fmgcam_geometry *geometry,
                                        uint32_t width, size_t cells)
{
    return reach_of(geometry->left, geometry->right, geometry->seen_left,
                    geometry->seen_right, width, cells);
}

struct fmgcam_reach fmgcam_reach_down(const fmgcam_geometry *geometry,
                                      uint32_t height, size_t cells)
{
    return reach_of(geometry->top, geometry->bottom, geometry->seen_top,
                    geometry->seen_bottom, height, cells);
}
