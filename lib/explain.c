/* SPDX-License-Identifier: MIT */
/* Stages 1 to 6 in one call. */
#include "internal.h"

#include <string.h>

/* ---- Inputs -------------------------------------------------------------- */

/* Where the class weights come from: one of the three inputs. */
struct source {
    const char *name;
    enum fmgcam_form form;
    const fmgcam_tensor *tensor;
    struct fmgcam_view view;
    int pooled;  /* gradients: stage 1 makes the weights */
    int divided; /* classifier: w = row / S */
};

static fmgcam_status find_source(fmgcam_context *context,
                                 const fmgcam_inputs *inputs,
                                 struct source *source)
{
    const struct source possible[] = {
        {.name = "gradients",
         .form = FMGCAM_FORM_GRADIENTS,
         .tensor = inputs->gradients,
         .pooled = 1},
        {.name = "weights",
         .form = FMGCAM_FORM_MATRIX,
         .tensor = inputs->weights},
        {.name = "classifier",
         .form = FMGCAM_FORM_MATRIX,
         .tensor = inputs->classifier,
         .divided = 1},
    };
    size_t given = 0;
    for (size_t i = 0; i < sizeof possible / sizeof *possible; i++)
        if (possible[i].tensor) {
            *source = possible[i];
            given++;
        }
    if (given == 1)
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "inputs: %zu of gradients, weights and classifier are "
                       "given, expected exactly one",
                       given);
}

static fmgcam_status view_inputs(fmgcam_context *context,
                                 const fmgcam_inputs *inputs,
                                 struct fmgcam_view *activations,
                                 struct source *source)
{
    fmgcam_inputs ours;
    fmgcam_status status = fmgcam_import(
        context, "inputs", inputs, &ours,
        FMGCAM_SIZE_THROUGH(fmgcam_inputs, classifier), sizeof ours);
    if (!status)
        status = find_source(context, &ours, source);
    if (!status)
        status =
            fmgcam_view_tensor(context, "activations", FMGCAM_FORM_ACTIVATIONS,
                               ours.activations, activations);
    if (!status)
        status = fmgcam_view_tensor(context, source->name, source->form,
                                    source->tensor, &source->view);
    if (status)
        return status;

    int same_cells = source->form == FMGCAM_FORM_MATRIX ||
                     (source->view.height == activations->height &&
                      source->view.width == activations->width);
    if (source->view.channels != activations->channels || !same_cells)
        return fmgcam_fail_mismatch(context, source->name, source->tensor,
                                    "activations", ours.activations);
    return FMGCAM_STATUS_OK;
}

/* ---- Outputs ------------------------------------------------------------- */

static fmgcam_status view_outputs(fmgcam_context *context,
                                  fmgcam_outputs *outputs,
                                  const struct fmgcam_view *activations,
                                  const struct source *source,
                                  fmgcam_outputs *ours)
{
    fmgcam_status status = fmgcam_import(
        context, "outputs", outputs, ours,
        FMGCAM_SIZE_THROUGH(fmgcam_outputs, result), sizeof *ours);
    if (status)
        return status;
    if (ours->flags)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "outputs.flags: 0x%x, expected 0", ours->flags);

    size_t classes = source->view.n, cells = activations->cells;
    const struct {
        const char *name;
        fmgcam_buffer *buffer;
        size_t rows, columns;
    } wanted[] = {
        {"weights", &ours->weights, classes, activations->channels},
        {"signed_maps", &ours->signed_maps, classes, cells},
        {"class_maps", &ours->class_maps, classes, cells},
        {"winner", &ours->winner, 1, cells},
        {"filtered_maps", &ours->filtered_maps, classes, cells},
        {"normalized_maps", &ours->normalized_maps, classes, cells},
        {"maps", &ours->maps, classes, cells},
    };
    struct fmgcam_regions regions = {.count = 0};
    fmgcam_add_input(&regions, "activations", activations);
    fmgcam_add_input(&regions, source->name, &source->view);
    size_t inputs = regions.count;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (!wanted[i].buffer->data)
            continue;
        status = fmgcam_add_output(context, &regions, wanted[i].name,
                                   wanted[i].buffer, wanted[i].rows,
                                   wanted[i].columns);
        if (status)
            return status;
    }
    if (regions.count == inputs)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "outputs: none is wanted");
    return FMGCAM_STATUS_OK;
}

/* ---- The stages ---------------------------------------------------------- */

/* Stage 1, or what stands in for it. */
static fmgcam_status make_weights(fmgcam_context *context,
                                  const struct source *source,
                                  const struct fmgcam_view *activations,
                                  const struct fmgcam_scratch *scratch)
{
    const struct fmgcam_view *view = &source->view;
    if (source->pooled)
        return fmgcam_pool(context, view, scratch, scratch->weights);

    fmgcam_status status =
        fmgcam_check_finite(context, source->name, source->form, view);
    if (status)
        return status;
    fmgcam_view_copy_matrix(view, scratch->weights);
    if (source->divided)
        for (size_t i = 0; i < view->n * view->channels; i++)
            scratch->weights[i] /= (float)activations->cells;
    return FMGCAM_STATUS_OK;
}

static void hand_out(const fmgcam_buffer *wanted, const float *made,
                     size_t count)
{
    if (wanted->data)
        memcpy(wanted->data, made, count * sizeof *made);
}

static int wants_from_filter_on(const fmgcam_outputs *outputs)
{
    return outputs->filtered_maps.data || outputs->normalized_maps.data ||
           outputs->maps.data;
}

static int wants_maps(const fmgcam_outputs *outputs)
{
    return outputs->class_maps.data || wants_from_filter_on(outputs);
}

/* Stages 3 to 6 from the signed maps on. Profile released filters and
 * normalises the signed maps, and activates last. */
static uint32_t finish_maps(const fmgcam_options *options,
                            const float *signed_maps,
                            struct fmgcam_map_shape shape,
                            const struct fmgcam_scratch *scratch,
                            const fmgcam_outputs *outputs)
{
    size_t count = shape.classes * shape.cells;
    float *maps = outputs->maps.data ? outputs->maps.data : scratch->maps;
    int released = options->profile == FMGCAM_PROFILE_RELEASED;

    memcpy(maps, signed_maps, count * sizeof *maps);
    if (!released || outputs->class_maps.data) {
        fmgcam_activate(options->activation, maps, count);
        hand_out(&outputs->class_maps, maps, count);
    }
    if (!wants_from_filter_on(outputs))
        return 0;

    if (released)
        memcpy(maps, signed_maps, count * sizeof *maps);
    fmgcam_filter(options, signed_maps, shape, scratch->winner, maps);
    hand_out(&outputs->filtered_maps, maps, count);
    if (!outputs->normalized_maps.data && !outputs->maps.data)
        return 0;

    fmgcam_normalize(options, maps, shape);
    hand_out(&outputs->normalized_maps, maps, count);
    if (!outputs->maps.data)
        return 0;

    if (released)
        fmgcam_activate(options->activation, maps, count);
    return fmgcam_rescale(options->rescale, maps, shape);
}

static fmgcam_status run_stages(fmgcam_context *context,
                                const struct fmgcam_view *activations,
                                const struct source *source,
                                const struct fmgcam_scratch *scratch,
                                const fmgcam_outputs *outputs, uint32_t *result)
{
    struct fmgcam_map_shape shape = {source->view.n, activations->height,
                                     activations->width, activations->cells};
    float *signed_maps = outputs->signed_maps.data ? outputs->signed_maps.data
                                                   : scratch->signed_maps;

    fmgcam_status status = make_weights(context, source, activations, scratch);
    if (status)
        return status;
    hand_out(&outputs->weights, scratch->weights,
             shape.classes * activations->channels);
    if (!outputs->signed_maps.data && !outputs->winner.data &&
        !wants_maps(outputs))
        return FMGCAM_STATUS_OK;

    status = fmgcam_combine(context, shape.classes, scratch->weights,
                            activations, scratch, signed_maps);
    if (status)
        return status;
    if (outputs->winner.data)
        fmgcam_choose_winner(signed_maps, shape, 0, outputs->winner.data);
    if (wants_maps(outputs))
        *result = finish_maps(&context->options, signed_maps, shape, scratch,
                              outputs);
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_explain(fmgcam_context *context,
                             const fmgcam_inputs *inputs,
                             fmgcam_outputs *outputs)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    struct fmgcam_view activations;
    struct source source;
    struct fmgcam_scratch scratch;
    fmgcam_outputs ours;
    fmgcam_status status = view_inputs(context, inputs, &activations, &source);
    if (!status)
        status = view_outputs(context, outputs, &activations, &source, &ours);
    if (status)
        return status;

    struct fmgcam_extents extents = {.classes = source.view.n,
                                     .channels = activations.channels,
                                     .map_height = activations.height,
                                     .map_width = activations.width};
    status = fmgcam_claim(context, &extents, &scratch);
    if (status)
        return status;
    outputs->result = 0;
    return run_stages(context, &activations, &source, &scratch, &ours,
                      &outputs->result);
}
