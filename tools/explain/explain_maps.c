/* SPDX-License-Identifier: MIT */
/* One layer is one call of the library; several are one call each, and then the
 * stages that follow. */
#include "explain/explain_maps.h"

#include <stdlib.h>
#include <string.h>

#include "choices.h"
#include "diagnose.h"

int explain_fail(const explain_inputs *inputs, fmgcam_context *context,
                 fmgcam_status status)
{
    static const char *const of_source[] = {"gradients", "weights",
                                            "classifier"};
    const char *detail = fmgcam_error_detail(context);
    const layer_tensors *layer = &inputs->layers[0];
    const char *path = layer->activations.path;
    if (status == FMGCAM_STATUS_NO_MEMORY)
        return fail_memory();
    for (size_t i = 0; i < sizeof of_source / sizeof *of_source; i++)
        if (strncmp(detail, of_source[i], strlen(of_source[i])) == 0 &&
            layer->source.path)
            path = layer->source.path;
    if (strncmp(detail, "scores", 6) == 0 && inputs->logits.path)
        path = inputs->logits.path;
    return fail(path, "%s", *detail ? detail : fmgcam_status_string(status));
}

/* ---- Memory -------------------------------------------------------------- */

/* Memory for @p count maps of elements of four bytes. */
static int provide(const explain_maps *maps, uint32_t count, void *pointer)
{
    void *memory = NULL;
    if ((uint64_t)maps->cells <= SIZE_MAX / 4 / count)
        memory = malloc((size_t)maps->cells * count * 4);
    memcpy(pointer, &memory, sizeof memory);
    return memory ? 0 : fail_memory();
}

static fmgcam_buffer buffer_of(const explain_maps *maps, void *memory,
                               uint32_t count)
{
    return (fmgcam_buffer){memory,
                           memory ? (size_t)maps->cells * count * 4 : 0};
}

static int provide_all(const explain_options *options, explain_maps *maps)
{
    const char *const *files = options->files;
    bool report = files[FILE_REPORT] != NULL;
    bool figure = files[FILE_FIGURE] != NULL;
    bool drawn = files[FILE_OVERLAY] || files[FILE_HEATMAP] || figure;
    bool at_image = maps->options.fuse_at == FMGCAM_FUSE_AT_IMAGE ||
                    maps->options.color_map == FMGCAM_COLOR_MAP_DIVERGING;
    bool layered = options->layer_count[FILE_ACTIVATIONS] > 1;
    const struct {
        bool wanted;
        uint32_t count;
        void *pointer;
    } rows[] = {
        /* The report needs the maps to know whether they are flat. */
        {files[FILE_MAPS] || report || (drawn && !at_image), maps->classes,
         &maps->maps},
        {files[FILE_CLASS_MAPS] || report || figure || layered, maps->classes,
         &maps->class_maps},
        {files[FILE_SIGNED_MAPS] || report || (drawn && at_image) ||
             (figure &&
              options->figure.color_map == FMGCAM_COLOR_MAP_DIVERGING),
         maps->classes, &maps->signed_maps},
        {files[FILE_WINNER] || report || figure, 1, &maps->winner},
        {files[FILE_MARGIN] != NULL, 1, &maps->margin},
    };
    int status = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !status; i++)
        if (rows[i].wanted)
            status = provide(maps, rows[i].count, rows[i].pointer);
    return status;
}

/* ---- One layer ----------------------------------------------------------- */

static void set_extents(const fmgcam_tensor *activations, explain_maps *maps)
{
    const int64_t *shape = activations->shape + activations->rank - maps->axes;
    maps->cells = 1;
    for (uint32_t i = 0; i < maps->axes; i++) {
        maps->extents[i] = shape[i];
        maps->cells *= shape[i];
    }
}

static int explain_one(const explain_options *options, fmgcam_context *context,
                       const explain_inputs *inputs, uint32_t layer,
                       fmgcam_outputs *outputs)
{
    fmgcam_tensor probabilities;
    fmgcam_tensor_vector(&probabilities, inputs->classes.probabilities,
                         FMGCAM_DTYPE_FLOAT32, inputs->classes.count);
    fmgcam_inputs given =
        explain_library_inputs(options, inputs, layer, &probabilities);
    fmgcam_status status = fmgcam_explain(context, &given, outputs);
    return status ? explain_fail(inputs, context, status) : 0;
}

static int compute_layer(const explain_options *options,
                         fmgcam_context *context, const explain_inputs *inputs,
                         explain_maps *maps)
{
    fmgcam_outputs outputs = {
        .struct_size = sizeof outputs,
        .maps = buffer_of(maps, maps->maps, maps->classes),
        .class_maps = buffer_of(maps, maps->class_maps, maps->classes),
        .signed_maps = buffer_of(maps, maps->signed_maps, maps->classes),
        .winner = buffer_of(maps, maps->winner, 1),
        .margin = buffer_of(maps, maps->margin, 1),
    };
    int status = explain_one(options, context, inputs, 0, &outputs);
    maps->flat = (outputs.result & FMGCAM_RESULT_FLAT) != 0;
    maps->guarded = outputs.guarded;
    maps->non_finite = outputs.non_finite;
    return status;
}

/* ---- Several layers ------------------------------------------------------ */

/* The class maps of each layer, at its own size. */
typedef struct layer_stack {
    float *values[MOST_LAYERS];
    fmgcam_tensor tensors[MOST_LAYERS];
} layer_stack;

static int compute_stack(const explain_options *options,
                         fmgcam_context *context, const explain_inputs *inputs,
                         explain_maps *maps, layer_stack *stack)
{
    for (uint32_t i = 0; i < inputs->layer_count; i++) {
        explain_maps layer = {.axes = maps->axes, .classes = maps->classes};
        set_extents(&inputs->layers[i].activations.view, &layer);
        int status = provide(&layer, layer.classes, &stack->values[i]);
        fmgcam_outputs outputs = {
            .struct_size = sizeof outputs,
            .class_maps = buffer_of(&layer, stack->values[i], layer.classes)};
        if (!status)
            status = explain_one(options, context, inputs, i, &outputs);
        if (status)
            return status;
        stack->tensors[i] = explain_flat_view(&layer, stack->values[i]);
        maps->guarded += outputs.guarded;
        maps->non_finite += outputs.non_finite;
    }
    return 0;
}

/* Stages 4 to 6 of the fused maps. */
static fmgcam_status finish(fmgcam_context *context,
                            const explain_inputs *inputs, explain_maps *maps)
{
    fmgcam_tensor fused = explain_flat_view(maps, maps->class_maps);
    fmgcam_tensor final = explain_flat_view(maps, maps->maps);
    fmgcam_tensor probabilities;
    fmgcam_buffer final_buffer = buffer_of(maps, maps->maps, maps->classes);
    fmgcam_buffer winner = buffer_of(maps, maps->winner, 1);
    fmgcam_buffer margin = buffer_of(maps, maps->margin, 1);
    fmgcam_status status = FMGCAM_STATUS_OK;
    uint32_t result = 0;
    fmgcam_tensor_vector(&probabilities, inputs->classes.probabilities,
                         FMGCAM_DTYPE_FLOAT32, maps->classes);
    if (maps->maps || maps->winner)
        status =
            fmgcam_filter_maps(context, &fused, &fused, &final_buffer, &winner);
    if (!status && maps->maps)
        status = fmgcam_normalize_maps(context, &final, &probabilities,
                                       &final_buffer);
    if (!status && maps->maps)
        status = fmgcam_rescale_maps(context, &final, &final_buffer, &result);
    if (!status && maps->margin)
        status = fmgcam_measure_margin(context, &fused, &margin);
    maps->flat = (result & FMGCAM_RESULT_FLAT) != 0;
    return status;
}

static int fuse(fmgcam_context *context, const explain_inputs *inputs,
                const layer_stack *stack, explain_maps *maps)
{
    const fmgcam_tensor *layers[MOST_LAYERS];
    fmgcam_buffer fused = buffer_of(maps, maps->class_maps, maps->classes);
    fmgcam_tensor shape = explain_flat_view(maps, maps->class_maps);
    for (uint32_t i = 0; i < inputs->layer_count; i++)
        layers[i] = &stack->tensors[i];
    fmgcam_status status = fmgcam_fuse_layers(
        context, layers, inputs->layer_count, (uint32_t)shape.shape[1],
        (uint32_t)shape.shape[2], &fused);
    if (!status)
        status = finish(context, inputs, maps);
    if (!status && maps->signed_maps)
        memcpy(maps->signed_maps, maps->class_maps, fused.size_bytes);
    return status ? explain_fail(inputs, context, status) : 0;
}

/* The size of the largest layer. */
static void choose_extents(const explain_inputs *inputs, explain_maps *maps)
{
    explain_maps largest = *maps;
    for (uint32_t i = 0; i < inputs->layer_count; i++) {
        set_extents(&inputs->layers[i].activations.view, maps);
        if (maps->cells > largest.cells)
            largest = *maps;
    }
    *maps = largest;
}

static int compute_layers(const explain_options *options,
                          fmgcam_context *context, const explain_inputs *inputs,
                          explain_maps *maps)
{
    layer_stack stack;
    memset(&stack, 0, sizeof stack);
    int status = compute_stack(options, context, inputs, maps, &stack);
    if (!status)
        status = fuse(context, inputs, &stack, maps);
    for (uint32_t i = 0; i < inputs->layer_count; i++)
        free(stack.values[i]);
    return status;
}

/* ---- Both ---------------------------------------------------------------- */

/* A picture by a colour map has no colours to tell classes apart. */
static int check_color_map(const explain_options *options,
                           const explain_maps *maps)
{
    const char *const *files = options->files;
    bool drawn =
        files[FILE_OVERLAY] || files[FILE_HEATMAP] || files[FILE_FIGURE];
    if (!drawn || maps->classes == 1 ||
        maps->options.color_map == FMGCAM_COLOR_MAP_CLASS)
        return 0;
    return fail("--color-map",
                "%s is for a single class, and %u are explained; see --top",
                choice_name(choice_option_named("color-map"), &maps->options),
                (unsigned)maps->classes);
}

fmgcam_tensor explain_flat_view(const explain_maps *maps, const float *values)
{
    fmgcam_tensor view;
    int64_t columns = maps->extents[maps->axes - 1];
    fmgcam_tensor_maps(&view, values, maps->classes, maps->cells / columns,
                       columns);
    return view;
}

int explain_compute(const explain_options *options, fmgcam_context *context,
                    const explain_inputs *inputs, explain_maps *maps)
{
    const fmgcam_tensor *first = &inputs->layers[0].activations.view;
    maps->options.struct_size = sizeof maps->options;
    fmgcam_status got = fmgcam_get_options(context, &maps->options);
    if (got)
        return explain_fail(inputs, context, got);
    maps->classes = inputs->classes.count;
    maps->axes = maps->options.spatial_axes;
    maps->channels = (uint32_t)first->shape[first->rank - 1 - maps->axes];
    choose_extents(inputs, maps);
    int status = check_color_map(options, maps);
    if (!status)
        status = provide_all(options, maps);
    if (status)
        return status;
    return inputs->layer_count > 1
               ? compute_layers(options, context, inputs, maps)
               : compute_layer(options, context, inputs, maps);
}

void explain_maps_release(explain_maps *maps)
{
    free(maps->maps);
    free(maps->class_maps);
    free(maps->signed_maps);
    free(maps->margin);
    free(maps->winner);
}
