/* SPDX-License-Identifier: MIT */
/* The library's layers, put together from options and maps. */
#include "explain/explain_draw.h"

#include "diagnose.h"

/* By class where that is wanted, so that a class has one colour in all
 * pictures. */
static const uint32_t *color_numbers(const explain_options *options,
                                     const explain_inputs *inputs)
{
    return options->color_by_class ? inputs->classes.indices : NULL;
}

void explain_color(const explain_options *options, const explain_inputs *inputs,
                   const explain_maps *maps, uint32_t rank, uint8_t rgb[3])
{
    const uint32_t *numbers = color_numbers(options, inputs);
    fmgcam_palette_color(maps->options.palette, numbers ? numbers[rank] : rank,
                         rgb);
}

bool explain_picture_size(const explain_options *options,
                          const explain_inputs *inputs, uint32_t *width,
                          uint32_t *height)
{
    *width = options->width ? options->width : inputs->image.width;
    *height = options->width ? options->height : inputs->image.height;
    return *width > 0;
}

static int draw(const explain_options *options, fmgcam_context *context,
                const explain_inputs *inputs, const explain_maps *maps,
                bool over, const picture *target)
{
    const explained_classes *classes = &inputs->classes;
    fmgcam_tensor final = explain_flat_view(maps, maps->maps);
    fmgcam_tensor signed_maps = explain_flat_view(maps, maps->signed_maps);
    fmgcam_tensor probabilities;
    fmgcam_geometry geometry;
    fmgcam_layers layers = {.struct_size = sizeof layers,
                            .classes = color_numbers(options, inputs)};
    fmgcam_tensor_vector(&probabilities, classes->probabilities,
                         FMGCAM_DTYPE_FLOAT32, classes->count);
    if (maps->maps)
        layers.maps = &final;
    if (maps->signed_maps)
        layers.signed_maps = &signed_maps;
    if (classes->probabilities)
        layers.probabilities = &probabilities;
    if (options->preprocess.count > 0) {
        int status =
            preprocess_locate(&options->preprocess, context, target->width,
                              target->height, &geometry);
        if (status)
            return status;
        layers.geometry = &geometry;
    }
    fmgcam_image view = picture_view(target);
    fmgcam_status status =
        over ? fmgcam_draw_overlay(context, &layers, &view, &view)
             : fmgcam_draw_heatmap(context, &layers, &view);
    return status ? explain_fail(inputs, context, status) : 0;
}

int explain_draw_overlay(const explain_options *options,
                         fmgcam_context *context, const explain_inputs *inputs,
                         const explain_maps *maps, const picture *target)
{
    return draw(options, context, inputs, maps, true, target);
}

int explain_draw_heatmap(const explain_options *options,
                         fmgcam_context *context, const explain_inputs *inputs,
                         const explain_maps *maps, const picture *target)
{
    return draw(options, context, inputs, maps, false, target);
}
