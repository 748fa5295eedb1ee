/* SPDX-License-Identifier: MIT */
/* Stages 5 and 6: maps of different classes brought to one scale.
 *
 *   N[k] = F[k] / ||F[k]||_2           over the map, or per column,
 *          F[k] / max |F[k]|, or p[k] F[k]
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
    if (norm != 0.0) /* else all are 0 already */
        for (size_t i = 0; i < part.count; i++) {
            float *value = &part.first[i * part.stride];
            *value = (float)((double)*value / norm);
        }
}

static void normalize_columns(const fmgcam_options *options, float *map,
                              struct fmgcam_map_shape shape)
{
    /* The package that profile released follows divides by max(norm, 1e-12). */
    const double released_floor = 1e-12;
    double floor =
        options->profile == FMGCAM_PROFILE_RELEASED ? released_floor : 0.0;
    for (size_t x = 0; x < shape.width; x++)
        normalize_part((struct part){map + x, shape.height, shape.width},
                       floor);
}

struct range {
    float low, high;
};

/* Both ends are NaN where a value is. */
static struct range find_range(const float *values, size_t count)
{
    struct range range = {values[0], values[0]};
    int are_numbers = values[0] == values[0];
    for (size_t i = 1; i < count; i++) {
        are_numbers &= values[i] == values[i];
        if (values[i] < range.low)
            range.low = values[i];
        if (values[i] > range.high)
            range.high = values[i];
    }
    return are_numbers ? range : (struct range){NAN, NAN};
}

/* By the largest magnitude. */
static void normalize_peak(float *map, size_t cells)
{
    struct range range = find_range(map, cells);
    double peak = (double)fmaxf(-range.low, range.high);
    if (peak != 0.0)
        for (size_t s = 0; s < cells; s++)
            map[s] = (float)((double)map[s] / peak);
}

static void multiply(float *map, size_t cells, double factor)
{
    for (size_t s = 0; s < cells; s++)
        map[s] = (float)((double)map[s] * factor);
}

void fmgcam_normalize(const fmgcam_options *options,
                      const struct fmgcam_view *probabilities, float *maps,
                      struct fmgcam_map_shape shape)
{
    for (size_t k = 0; k < shape.classes; k++) {
        float *map = maps + k * shape.cells;
        switch (options->normalize) {
        case FMGCAM_NORMALIZE_L2:
            normalize_part((struct part){map, shape.cells, 1}, 0.0);
            break;
        case FMGCAM_NORMALIZE_L2_COLUMNS:
            normalize_columns(options, map, shape);
            break;
        case FMGCAM_NORMALIZE_MAX: normalize_peak(map, shape.cells); break;
        case FMGCAM_NORMALIZE_PROBABILITY:
            multiply(map, shape.cells,
                     (double)fmgcam_view_at(probabilities, k, 0, 0));
            break;
        default: break;
        }
    }
}

static void rescale_group(float *values, size_t count, struct range range)
{
    double low = (double)range.low, width = (double)range.high - low;
    for (size_t i = 0; i < count; i++)
        values[i] =
            width == 0.0 ? 0.0f : (float)(((double)values[i] - low) / width);
}

uint32_t fmgcam_rescale(uint32_t rescale, float *maps,
                        struct fmgcam_map_shape shape)
{
    size_t total = shape.classes * shape.cells;
    size_t group = rescale == FMGCAM_RESCALE_CLASS ? shape.cells : total;
    int flat = 1;
    for (size_t i = 0; i < total; i += group) {
        struct range range = find_range(maps + i, group);
        flat = flat && range.high == range.low;
        if (rescale != FMGCAM_RESCALE_NONE)
            rescale_group(maps + i, group, range);
    }
    return flat ? FMGCAM_RESULT_FLAT : 0;
}

/* Whether the options can be followed for maps of @p view. */
static fmgcam_status check_normalize(fmgcam_context *context,
                                     const struct fmgcam_view *view,
                                     const fmgcam_tensor *probabilities,
                                     struct fmgcam_view *values)
{
    uint32_t normalize = context->options.normalize;
    if (normalize == FMGCAM_NORMALIZE_L2_COLUMNS && view->rank != 3)
        return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                           "maps: rank %u, expected [K,H,W] for columns",
                           view->rank);
    if (normalize == FMGCAM_NORMALIZE_PROBABILITY)
        return fmgcam_view_probabilities(context, "probabilities",
                                         probabilities, view->channels, values);
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_normalize_maps(fmgcam_context *context,
                                    const fmgcam_tensor *maps,
                                    const fmgcam_tensor *probabilities,
                                    const fmgcam_buffer *normalized)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    struct fmgcam_view view, values = {0};
    fmgcam_status status =
        fmgcam_view_tensor(context, "maps", FMGCAM_FORM_MAPS, maps, &view);
    if (!status)
        status = check_normalize(context, &view, probabilities, &values);
    if (!status)
        status = fmgcam_load_maps(context, "maps", maps, "normalized",
                                  normalized, &view);
    if (!status)
        fmgcam_normalize(&context->options, &values, normalized->data,
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
