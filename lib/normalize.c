/* SPDX-License-Identifier: MIT */
/* Stages 5 and 6: maps of different classes brought to one scale.
 *
 *   N[k] = F[k] / ||F[k]||_2           over the map, or per column
 *   (N - min) / (max - min)            over the stack, or per class
 *
 * Norms are summed in double: squares of 1e-12 and of 1e38 keep all their
 * digits there, so that no epsilon is needed. */
#include "internal.h"

#include <math.h>

/* A class's map, or one column of it. */
struct part {
    float *first;
    size_t count, stride;
};

static void normalize_part(struct part part, double floor)
{
    double squares = 0.0;
    for (size_t i = 0; i < part.count; i++) {
        double value = (double)part.first[i * part.stride];
        squares += value * value;
    }
    double norm = sqrt(squares);
    if (norm < floor)
        norm = floor;
    if (norm > 0.0) /* else all are 0 already */
        for (size_t i = 0; i < part.count; i++) {
            float *value = &part.first[i * part.stride];
            *value = (float)((double)*value / norm);
        }
}

void fmgcam_normalize(const fmgcam_options *options, float *maps,
                      struct fmgcam_map_shape shape)
{
    /* The package that profile released follows divides by max(norm, 1e-12). */
    const double released_floor = 1e-12;
    double floor =
        options->profile == FMGCAM_PROFILE_RELEASED ? released_floor : 0.0;

    for (size_t k = 0; k < shape.classes; k++) {
        float *map = maps + k * shape.cells;
        if (options->normalize == FMGCAM_NORMALIZE_L2)
            normalize_part((struct part){map, shape.cells, 1}, 0.0);
        else if (options->normalize == FMGCAM_NORMALIZE_L2_COLUMNS)
            for (size_t x = 0; x < shape.width; x++)
                normalize_part(
                    (struct part){map + x, shape.height, shape.width}, floor);
    }
}

struct range {
    float low, high;
};

static struct range find_range(const float *values, size_t count)
{
    struct range range = {values[0], values[0]};
    for (size_t i = 1; i < count; i++) {
        if (values[i] < range.low)
            range.low = values[i];
        if (values[i] > range.high)
            range.high = values[i];
    }
    return range;
}

static void rescale_group(float *values, size_t count, struct range range)
{
    double low = (double)range.low, width = (double)range.high - low;
    for (size_t i = 0; i < count; i++)
        values[i] =
            width > 0.0 ? (float)(((double)values[i] - low) / width) : 0.0f;
}

uint32_t fmgcam_rescale(uint32_t rescale, float *maps,
                        struct fmgcam_map_shape shape)
{
    size_t total = shape.classes * shape.cells;
    size_t group = rescale == FMGCAM_RESCALE_CLASS ? shape.cells : total;
    int flat = 1;
    for (size_t i = 0; i < total; i += group) {
        struct range range = find_range(maps + i, group);
        flat = flat && !(range.high > range.low);
        if (rescale != FMGCAM_RESCALE_NONE)
            rescale_group(maps + i, group, range);
    }
    return flat ? FMGCAM_RESULT_FLAT : 0;
}

fmgcam_status fmgcam_normalize_maps(fmgcam_context *context,
                                    const fmgcam_tensor *maps,
                                    const fmgcam_buffer *normalized)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    struct fmgcam_view view;
    fmgcam_status status = fmgcam_load_maps(context, "maps", maps, "normalized",
                                            normalized, &view);
    if (!status)
        fmgcam_normalize(&context->options, normalized->data,
                         fmgcam_shape_of(&view));
    return status;
}

fmgcam_status fmgcam_rescale_maps(fmgcam_context *context,
                                  const fmgcam_tensor *maps,
                                  const fmgcam_buffer *rescaled,
                                  uint32_t *result)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    struct fmgcam_view view;
    fmgcam_status status =
        fmgcam_load_maps(context, "maps", maps, "rescaled", rescaled, &view);
    if (status)
        return status;
    uint32_t bits = fmgcam_rescale(context->options.rescale, rescaled->data,
                                   fmgcam_shape_of(&view));
    if (result)
        *result = bits;
    return FMGCAM_STATUS_OK;
}
