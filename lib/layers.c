/* SPDX-License-Identifier: MIT */
/* Maps of several layers, of different sizes, as one. Each layer's stack R is
 * brought to the peak 1, so that none drowns the others, and to one size; then
 *
 *   mean     (1 / layers) sum over the layers
 *   maximum  the largest
 *   product  of max(R, 0)
 *
 * The proportions between the classes of a layer stay. */
#include "internal.h"

#include <math.h>

/* Divide by the largest value; zeros where none is above 0. */
static void bring_to_peak(float *maps, size_t count)
{
    float peak = 0.0f;
    for (size_t i = 0; i < count; i++)
        if (maps[i] > peak)
            peak = maps[i];
    for (size_t i = 0; i < count; i++)
        maps[i] = peak > 0.0f ? (float)((double)maps[i] / (double)peak) : 0.0f;
}

static enum fmgcam_join choose_join(uint32_t fusion, size_t layer)
{
    switch (fusion) {
    case FMGCAM_LAYER_FUSION_MAXIMUM:
        return layer ? FMGCAM_JOIN_MAXIMUM : FMGCAM_JOIN_STORE;
    case FMGCAM_LAYER_FUSION_PRODUCT:
        return layer ? FMGCAM_JOIN_PRODUCT : FMGCAM_JOIN_POSITIVE;
    default: return layer ? FMGCAM_JOIN_SUM : FMGCAM_JOIN_STORE;
    }
}

static fmgcam_status view_layer(fmgcam_context *context,
                                const fmgcam_tensor *const *maps, size_t layer,
                                struct fmgcam_view *view)
{
    char name[32];
    fmgcam_name_element("maps", layer, name);
    fmgcam_status status = fmgcam_view_tensor(
        context, name, FMGCAM_FORM_PLANE_MAPS, maps[layer], view);
    if (!status && view->channels != (size_t)maps[0]->shape[0])
        status = fmgcam_fail_mismatch(context, name, maps[layer], "maps[0]",
                                      maps[0]);
    return status;
}

/* Every layer is looked at before the elements of any: @p extents takes the
 * largest of them in. */
static fmgcam_status check_layers(fmgcam_context *context,
                                  const fmgcam_tensor *const *maps,
                                  size_t count, const fmgcam_buffer *fused,
                                  struct fmgcam_extents *extents)
{
    struct fmgcam_span span;
    size_t columns;
    fmgcam_status status = FMGCAM_STATUS_OK;
    for (size_t i = 0; i < count && !status; i++) {
        struct fmgcam_view view;
        status = view_layer(context, maps, i, &view);
        if (status)
            return status;
        if (!fmgcam_multiply(view.channels, extents->picture_height, &columns))
            columns = SIZE_MAX;
        status = fmgcam_check_buffer(context, "fused", fused, columns,
                                     extents->picture_width, &span);
        if (!status)
            status = fmgcam_check_apart(context, "fused", span, "maps",
                                        fmgcam_view_span(&view));
        extents->classes = view.channels;
        extents->map_height = larger(extents->map_height, view.height);
        extents->map_width = larger(extents->map_width, view.width);
    }
    return status;
}

static fmgcam_status require_finite(fmgcam_context *context,
                                    const fmgcam_tensor *const *maps,
                                    size_t layer)
{
    char name[32];
    struct fmgcam_view view;
    fmgcam_name_element("maps", layer, name);
    fmgcam_status status = view_layer(context, maps, layer, &view);
    return status ? status
                  : fmgcam_require_finite(context, name, FMGCAM_FORM_PLANE_MAPS,
                                          &view);
}

static fmgcam_status join_layer(fmgcam_context *context,
                                const fmgcam_tensor *const *maps, size_t layer,
                                const struct fmgcam_extents *extents,
                                const struct fmgcam_scratch *scratch,
                                float *fused)
{
    struct fmgcam_view view;
    fmgcam_status status = view_layer(context, maps, layer, &view);
    if (status)
        return status;
    fmgcam_view_copy(&view, 0, 0, view.channels, 0, view.cells,
                     scratch->planes);
    bring_to_peak(scratch->planes, view.channels * view.cells);
    return fmgcam_resample_planes(
        context, scratch, fmgcam_shape_of(&view), extents->picture_height,
        extents->picture_width,
        choose_join(context->options.layer_fusion, layer), fused);
}

fmgcam_status fmgcam_fuse_layers(fmgcam_context *context,
                                 const fmgcam_tensor *const *maps,
                                 uint32_t count, uint32_t height,
                                 uint32_t width, const fmgcam_buffer *fused)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    if (!maps)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "maps: NULL, expected an array of tensors");
    if (count == 0)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "count: 0, expected 1 or more");
    struct fmgcam_scratch scratch;
    struct fmgcam_extents extents = {.picture_height = height,
                                     .picture_width = width};
    fmgcam_status status = fmgcam_check_size(context, "fused", height, width);
    if (!status)
        status = check_layers(context, maps, count, fused, &extents);
    if (!status)
        status = fmgcam_claim(context, &extents, &scratch);
    for (size_t i = 0; i < count && !status; i++)
        status = require_finite(context, maps, i);
    for (size_t i = 0; i < count && !status; i++)
        status = join_layer(context, maps, i, &extents, &scratch, fused->data);
    if (status || context->options.layer_fusion != FMGCAM_LAYER_FUSION_MEAN)
        return status;
    float *values = fused->data;
    for (size_t i = 0; i < extents.classes * height * width; i++)
        values[i] /= (float)count;
    return status;
}
