/* SPDX-License-Identifier: MIT */
/* Stage 7 without colour: maps resampled to any size. */
#include "internal.h"

#include <math.h>

struct resampling {
    const struct fmgcam_scratch *scratch;
    struct fmgcam_map_shape shape;
    uint32_t resample;
    size_t height, width;
    size_t row_taps;    /* horizontal */
    size_t column_taps; /* vertical */
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

/* One output row of one class: down the columns, then along the row. */
static void resample_row(void *job, size_t index, uint32_t worker)
{
    const struct resampling *r = job;
    const struct fmgcam_scratch *scratch = r->scratch;
    size_t k = index / r->height, y = index % r->height;
    float *weights = fmgcam_worker_scratch(scratch, worker);
    float *row = weights + r->column_taps;
    const float *map = scratch->planes + k * r->shape.cells;
    uint32_t start;

    fmgcam_place_taps(r->resample, r->shape.height, r->height, y,
                      r->column_taps, &start, weights);
    fmgcam_blend_rows(map + start * r->shape.width, r->shape.width, weights,
                      r->column_taps, row);

    float *out = r->out + index * r->width;
    for (size_t x = 0; x < r->width; x++) {
        const float *taps = scratch->tap_weights + x * r->row_taps;
        const float *from = row + scratch->tap_starts[x];
        float sum = 0.0f;
        for (size_t j = 0; j < r->row_taps; j++)
            sum += taps[j] * from[j];
        out[x] = join(r->join, out[x], sum);
    }
}

static fmgcam_status check_range(fmgcam_context *context,
                                 const struct resampling *r)
{
    for (size_t i = 0; i < r->shape.classes * r->height * r->width; i++)
        if (!isfinite(r->out[i]))
            return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                               "resampled: class %zu, pixel [%zu,%zu] leaves "
                               "the range of float32",
                               i / r->width / r->height,
                               i / r->width % r->height, i % r->width);
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_resample_planes(fmgcam_context *context,
                                     const struct fmgcam_scratch *scratch,
                                     struct fmgcam_map_shape shape,
                                     size_t height, size_t width,
                                     enum fmgcam_join join, float *out)
{
    uint32_t resample = context->options.resample;
    struct resampling job = {
        .scratch = scratch,
        .shape = shape,
        .resample = resample,
        .height = height,
        .width = width,
        .row_taps = fmgcam_tap_count(resample, shape.width, width),
        .column_taps = fmgcam_tap_count(resample, shape.height, height),
        .join = join,
        .out = out,
    };
    fmgcam_place_row_taps(resample, shape.width, width, scratch);
    fmgcam_status status =
        fmgcam_run_items(context, resample_row, &job, shape.classes * height);
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
