/* SPDX-License-Identifier: MIT */
/* Stage 7 without colour: planes of the map's size, resampled to a picture.
 *
 * Rows of the map are stretched to the width of the picture once, and blended
 * down the columns for each of its rows. That is done in strips narrow enough
 * for the stretched rows of one strip to stay in the fastest cache, and nothing
 * of the picture's size is ever stored. */
#include "internal.h"

#include <assert.h>
#include <math.h>

/* ---- Strips -------------------------------------------------------------- */

static size_t round_up(size_t value, size_t unit)
{
    return (value + unit - 1) / unit * unit;
}

/* Pixels of a strip, all but the last of which are equally wide. */
static size_t choose_strip(size_t planes, size_t taps, size_t width)
{
    size_t most = FMGCAM_STRIP_FLOATS / (planes * taps) / FMGCAM_STRIP_UNIT;
    most = larger(most, 1) * FMGCAM_STRIP_UNIT;
    size_t strips = (width + most - 1) / most;
    return round_up((width + strips - 1) / strips, FMGCAM_STRIP_UNIT);
}

/* A strip's lines, of which a vertical kernel takes at most @p map_height, and
 * for each of them a weight and a pointer. */
size_t fmgcam_walk_space(size_t planes, size_t map_height)
{
    size_t lines, narrow;
    if (!fmgcam_multiply(planes, map_height, &lines) ||
        !fmgcam_multiply(lines, FMGCAM_STRIP_UNIT, &narrow) ||
        narrow > SIZE_MAX / 8 || map_height > SIZE_MAX / 8)
        return 0;
    return larger(narrow, FMGCAM_STRIP_FLOATS) + 3 * map_height +
           (size_t)2 * FMGCAM_STRIP_UNIT;
}

/* ---- The walk ------------------------------------------------------------ */

struct walking {
    const struct fmgcam_walk *walk;
    const struct fmgcam_scratch *scratch;
    const struct fmgcam_kernels *kernels;
    size_t taps_across, taps_down;
    size_t strip; /* its width */
    size_t bands; /* of rows, which workers take */
};

/* The lines of one strip; that of map row r is in slot r mod taps_down. */
struct lines {
    float *slots;           /* [taps_down, planes, strip] */
    float *weights;         /* [taps_down] */
    const float **pointers; /* [taps_down], in the order of map rows */
    size_t next;            /* the first map row that was not stretched */
    size_t begin;           /* the first one that pointers point to */
};

static struct lines open_lines(const struct walking *w, uint32_t worker)
{
    size_t floats = w->taps_down * w->walk->planes * w->strip;
    float *slots = fmgcam_worker_scratch(w->scratch, worker);
    float *weights = slots + floats;
    float *pointers = weights + round_up(w->taps_down, FMGCAM_STRIP_UNIT);
    return (struct lines){
        .slots = slots,
        .weights = weights,
        .pointers = (const float **)(void *)pointers,
        .begin = SIZE_MAX,
    };
}

/* @p x counts from the first pixel that sees the map. */
static void stretch_planes(const struct walking *w, struct lines *lines,
                           size_t map_row, size_t x, size_t width)
{
    const struct fmgcam_walk *walk = w->walk;
    const size_t columns = walk->across.cells;
    const size_t cells = walk->down.cells * columns;
    size_t line = map_row % w->taps_down * walk->planes;
    struct fmgcam_stretch stretch = {
        .count = columns,
        .starts = w->scratch->across.starts + x,
        .weights = w->scratch->across.weights + x,
        .weights_stride = walk->across.count,
        .taps = w->taps_across,
        .width = width,
    };
    for (size_t k = 0; k < walk->planes; k++) {
        stretch.cells = w->scratch->planes + k * cells + map_row * columns;
        stretch.out = lines->slots + (line + k) * w->strip;
        w->kernels->stretch(&stretch);
    }
}

/* Have the lines that row @p y needs, counted likewise. */
static void move_lines(const struct walking *w, struct lines *lines, size_t y,
                       size_t x, size_t width)
{
    const struct fmgcam_taps *down = &w->scratch->down;
    size_t begin = down->starts[y], end = begin + w->taps_down;
    for (size_t j = 0; j < w->taps_down; j++)
        lines->weights[j] = down->weights[j * w->walk->down.count + y];
    if (begin == lines->begin)
        return;
    for (size_t r = larger(lines->next, begin); r < end; r++)
        stretch_planes(w, lines, r, x, width);
    for (size_t j = 0; j < w->taps_down; j++)
        lines->pointers[j] = lines->slots + (begin + j) % w->taps_down *
                                                w->walk->planes * w->strip;
    lines->next = end;
    lines->begin = begin;
}

static void walk_strip(const struct walking *w, size_t first, size_t end,
                       size_t x, uint32_t worker)
{
    const struct fmgcam_walk *walk = w->walk;
    struct lines lines = open_lines(w, worker);
    const struct fmgcam_strip strip = {
        .lines = lines.pointers,
        .weights = lines.weights,
        .taps = w->taps_down,
        .plane_stride = w->strip,
        .width = smaller(w->strip, walk->across.count - x),
    };
    for (size_t y = first; y < end; y++) {
        move_lines(w, &lines, y, x, strip.width);
        walk->paint(walk->job, &strip, walk->down.begin + y,
                    walk->across.begin + x);
    }
}

static size_t band_begin(const struct walking *w, size_t band)
{
    size_t rows = w->walk->down.count, whole = rows / w->bands;
    return whole * band + smaller(band, rows % w->bands);
}

static void walk_band(void *job, size_t index, uint32_t worker)
{
    const struct walking *w = job;
    for (size_t x = 0; x < w->walk->across.count; x += w->strip)
        walk_strip(w, band_begin(w, index), band_begin(w, index + 1), x,
                   worker);
}

fmgcam_status fmgcam_walk_picture(fmgcam_context *context,
                                  const struct fmgcam_scratch *scratch,
                                  const struct fmgcam_walk *walk)
{
    uint32_t resample = context->options.resample;
    if (walk->across.count == 0 || walk->down.count == 0)
        return FMGCAM_STATUS_OK;
    struct walking walking = {
        .walk = walk,
        .scratch = scratch,
        .kernels = &context->kernels,
        .taps_across = fmgcam_tap_count(resample, &walk->across),
        .taps_down = fmgcam_tap_count(resample, &walk->down),
        .bands = smaller(walk->down.count, fmgcam_count_shares(context)),
    };
    walking.strip =
        choose_strip(walk->planes, walking.taps_down, walk->across.count);
    fmgcam_place_taps(resample, &walk->across, &scratch->across);
    fmgcam_place_taps(resample, &walk->down, &scratch->down);
    return fmgcam_run_items(context, walk_band, &walking, walking.bands);
}

/* ---- Maps to maps -------------------------------------------------------- */

struct resampling {
    struct fmgcam_map_shape shape;
    size_t height, width;
    enum fmgcam_join join;
    float *out; /* [classes, height, width] */
};

static float join(enum fmgcam_join how, float there, float value)
{
    switch (how) {
    case FMGCAM_JOIN_SUM: return there + value;
    case FMGCAM_JOIN_MAXIMUM: return value > there ? value : there;
    case FMGCAM_JOIN_POSITIVE: return fmaxf(value, 0.0f);
    case FMGCAM_JOIN_PRODUCT: return there * fmaxf(value, 0.0f);
    default: return value;
    }
}

static void resample_strip(const void *job, const struct fmgcam_strip *strip,
                           size_t y, size_t x)
{
    const struct resampling *r = job;
    for (size_t k = 0; k < r->shape.classes; k++) {
        float *out = r->out + (k * r->height + y) * r->width + x;
        size_t plane = k * strip->plane_stride;
        for (size_t i = 0; i < strip->width; i++) {
            float sum = strip->weights[0] * strip->lines[0][plane + i];
            for (size_t j = 1; j < strip->taps; j++)
                sum += strip->weights[j] * strip->lines[j][plane + i];
            out[i] = join(r->join, out[i], sum);
        }
    }
}

static fmgcam_status check_range(fmgcam_context *context,
                                 const struct resampling *r)
{
    assert(r->height > 0 && r->width > 0);
    size_t plane = r->height * r->width, count = r->shape.classes * plane;
    if (fmgcam_are_finite(r->out, count))
        return FMGCAM_STATUS_OK;
    size_t i = 0;
    while (isfinite(r->out[i]))
        i++;
    return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                       "resampled: class %zu, pixel [%zu,%zu] leaves the range "
                       "of float32",
                       i / plane, i % plane / r->width, i % r->width);
}

fmgcam_status fmgcam_resample_planes(fmgcam_context *context,
                                     const struct fmgcam_scratch *scratch,
                                     struct fmgcam_map_shape shape,
                                     size_t height, size_t width,
                                     enum fmgcam_join join, float *out)
{
    const struct resampling job = {shape, height, width, join, out};
    const fmgcam_geometry whole =
        fmgcam_whole_picture((uint32_t)width, (uint32_t)height);
    const struct fmgcam_walk walk = {
        .planes = shape.classes,
        .across = fmgcam_reach_across(&whole, (uint32_t)width, shape.width),
        .down = fmgcam_reach_down(&whole, (uint32_t)height, shape.height),
        .paint = resample_strip,
        .job = &job,
    };
    fmgcam_status status = fmgcam_walk_picture(context, scratch, &walk);
    return status ? status : check_range(context, &job);
}

fmgcam_status fmgcam_resample_maps(fmgcam_context *context,
                                   const fmgcam_tensor *maps, uint32_t height,
                                   uint32_t width,
                                   const fmgcam_buffer *resampled)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    fmgcam_status status =
        fmgcam_check_size(context, "resampled", height, width);
    struct fmgcam_view view;
    struct fmgcam_regions regions = {.count = 0};
    if (!status)
        status = fmgcam_view_tensor(context, "maps", FMGCAM_FORM_PLANE_MAPS,
                                    maps, &view);
    if (status)
        return status;
    fmgcam_add_input(&regions, "maps", &view);
    size_t columns;
    if (!fmgcam_multiply(view.channels, height, &columns))
        columns = SIZE_MAX;
    status = fmgcam_add_output(context, &regions, "resampled", resampled,
                               columns, width);
    struct fmgcam_scratch scratch;
    struct fmgcam_extents extents = {.classes = view.channels,
                                     .map_height = view.height,
                                     .map_width = view.width,
                                     .picture_height = height,
                                     .picture_width = width};
    if (!status)
        status = fmgcam_claim(context, &extents, &scratch);
    if (!status)
        status = fmgcam_require_finite(context, "maps", FMGCAM_FORM_PLANE_MAPS,
                                       &view);
    if (status)
        return status;

    fmgcam_view_copy(&view, 0, 0, view.channels, 0, view.cells, scratch.planes);
    return fmgcam_resample_planes(context, &scratch, fmgcam_shape_of(&view),
                                  height, width, FMGCAM_JOIN_STORE,
                                  resampled->data);
}
