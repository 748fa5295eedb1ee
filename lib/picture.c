/* SPDX-License-Identifier: MIT */
/* What one picture brings, and what is wanted of it. */
#include "internal.h"

/* ---- Inputs -------------------------------------------------------------- */

static fmgcam_status import_inputs(fmgcam_context *context,
                                   const fmgcam_inputs *inputs,
                                   fmgcam_inputs *ours)
{
    fmgcam_status status = fmgcam_import(
        context, "inputs", inputs, ours,
        FMGCAM_SIZE_THROUGH(fmgcam_inputs, scores_quantization), sizeof *ours);
    if (status)
        return status;
    if (ours->flags)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "inputs.flags: 0x%x, expected 0", ours->flags);
    return FMGCAM_STATUS_OK;
}

/* The one of gradients, weights and classifier that is given. */
static fmgcam_status find_source(fmgcam_context *context,
                                 const fmgcam_inputs *inputs,
                                 struct fmgcam_source *source)
{
    const struct fmgcam_source possible[] = {
        {.kind = FMGCAM_SOURCE_GRADIENTS,
         .name = "gradients",
         .form = FMGCAM_FORM_GRADIENTS,
         .tensor = inputs->gradients,
         .quantization = inputs->gradients_quantization},
        {.kind = FMGCAM_SOURCE_WEIGHTS,
         .name = "weights",
         .form = FMGCAM_FORM_MATRIX,
         .tensor = inputs->weights,
         .quantization = inputs->weights_quantization},
        {.kind = FMGCAM_SOURCE_CLASSIFIER,
         .name = "classifier",
         .form = FMGCAM_FORM_MATRIX,
         .tensor = inputs->classifier,
         .quantization = inputs->classifier_quantization},
    };
    size_t given = 0;
    *source = (struct fmgcam_source){.kind = FMGCAM_SOURCE_NONE};
    for (size_t i = 0; i < sizeof possible / sizeof *possible; i++)
        if (possible[i].tensor) {
            *source = possible[i];
            given++;
        }
    uint32_t method = context->options.method;
    if (given == 1 || (given == 0 && fmgcam_is_class_agnostic(method)))
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(
        context, FMGCAM_STATUS_ARGUMENT,
        "inputs: %zu of gradients, weights and classifier are "
        "given, expected %s one",
        given, fmgcam_is_class_agnostic(method) ? "at most" : "exactly");
}

static fmgcam_status view_source(fmgcam_context *context,
                                 const fmgcam_inputs *inputs,
                                 struct fmgcam_picture *picture)
{
    struct fmgcam_source *source = &picture->source;
    const struct fmgcam_view *activations = &picture->activations;
    fmgcam_status status = find_source(context, inputs, source);
    if (status || source->kind == FMGCAM_SOURCE_NONE)
        return status;
    status = fmgcam_view_quantized(context, source->name, source->form,
                                   source->tensor, source->quantization,
                                   &source->view);
    if (status)
        return status;

    const struct fmgcam_view *view = &source->view;
    int same_cells = source->form == FMGCAM_FORM_MATRIX ||
                     (view->depth == activations->depth &&
                      view->height == activations->height &&
                      view->width == activations->width);
    if (view->channels != activations->channels || !same_cells)
        return fmgcam_fail_mismatch(context, source->name, source->tensor,
                                    "activations", inputs->activations);
    return FMGCAM_STATUS_OK;
}

/* K, and which classes they are. */
static fmgcam_status find_classes(fmgcam_context *context,
                                  const fmgcam_inputs *inputs,
                                  struct fmgcam_picture *picture)
{
    const struct fmgcam_source *source = &picture->source;
    size_t rows = source->kind == FMGCAM_SOURCE_NONE ? 1 : source->view.n;
    picture->indices = inputs->classes;
    picture->classes = rows;
    if (!inputs->classes) {
        if (inputs->class_count)
            return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                               "inputs.class_count: %u, expected 0 where "
                               "classes is NULL",
                               inputs->class_count);
        return FMGCAM_STATUS_OK;
    }
    int chooses = source->kind == FMGCAM_SOURCE_CLASSIFIER;
    if (inputs->class_count == 0 || (!chooses && inputs->class_count != rows))
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "inputs.class_count: %u, expected %s%zu",
                           inputs->class_count, chooses ? "1 to " : "",
                           chooses ? (size_t)INT32_MAX : rows);
    picture->classes = inputs->class_count;
    for (size_t k = 0; chooses && k < picture->classes; k++)
        if (inputs->classes[k] >= rows)
            return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                               "inputs.classes[%zu]: %u, expected below the "
                               "%zu rows of classifier",
                               k, inputs->classes[k], rows);
    return FMGCAM_STATUS_OK;
}

/* Class-agnostic maps cannot compete with each other. */
static fmgcam_status check_fusible(fmgcam_context *context,
                                   const struct fmgcam_picture *picture)
{
    uint32_t method = context->options.method;
    if (picture->classes == 1 || !fmgcam_is_class_agnostic(method))
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "%s: %zu classes, expected at most 1, since method %s "
                       "makes one map of the activations alone, the same for "
                       "every class, and there is nothing to fuse",
                       picture->source.name, picture->classes,
                       fmgcam_method_name(method));
}

static fmgcam_status check_target(fmgcam_context *context,
                                  const struct fmgcam_picture *picture)
{
    uint32_t target = context->options.target;
    if (target == FMGCAM_TARGET_LOGIT)
        return FMGCAM_STATUS_OK;
    if (picture->source.kind != FMGCAM_SOURCE_CLASSIFIER)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "options.target: %u, expected FMGCAM_TARGET_LOGIT "
                           "(1) where inputs.classifier is not given",
                           target);
    if (!picture->has_scores)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "inputs.scores: NULL, expected a tensor, since "
                           "options.target is %s",
                           target == FMGCAM_TARGET_SOFTMAX ? "softmax"
                                                           : "sigmoid");
    return FMGCAM_STATUS_OK;
}

/* Scores are looked at where the target or the method needs them. */
static int wants_scores(const fmgcam_options *options)
{
    return options->target != FMGCAM_TARGET_LOGIT ||
           options->method == FMGCAM_METHOD_CONTRASTIVE;
}

static fmgcam_status view_scores(fmgcam_context *context,
                                 const fmgcam_inputs *inputs,
                                 struct fmgcam_picture *picture)
{
    struct fmgcam_view *scores = &picture->scores;
    picture->has_scores = inputs->scores && wants_scores(&context->options);
    if (!picture->has_scores)
        return FMGCAM_STATUS_OK;
    fmgcam_status status = fmgcam_view_quantized(
        context, "scores", FMGCAM_FORM_VECTOR, inputs->scores,
        inputs->scores_quantization, scores);
    if (status)
        return status;

    if (picture->source.kind == FMGCAM_SOURCE_CLASSIFIER &&
        scores->n != picture->source.view.n)
        return fmgcam_fail_mismatch(context, "scores", inputs->scores,
                                    "classifier", inputs->classifier);
    for (size_t k = 0; k < picture->classes; k++)
        if (fmgcam_class_index(picture, k) >= scores->n)
            return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                               "scores: %zu of them, expected one for class "
                               "%u of rank %zu",
                               scores->n, fmgcam_class_index(picture, k), k);
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_view_probabilities(fmgcam_context *context,
                                        const char *name,
                                        const fmgcam_tensor *tensor,
                                        size_t classes,
                                        struct fmgcam_view *view)
{
    fmgcam_status status =
        fmgcam_view_tensor(context, name, FMGCAM_FORM_VECTOR, tensor, view);
    if (status)
        return status;
    if (view->n != classes)
        return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                           "%s: %zu of them, expected one for each of the %zu "
                           "classes",
                           name, view->n, classes);
    for (size_t k = 0; k < classes; k++) {
        float p = fmgcam_view_at(view, k, 0, 0);
        if (!(p >= 0.0f && p <= 1.0f))
            return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                               "%s[%zu]: %g, expected 0 to 1", name, k,
                               (double)p);
    }
    return FMGCAM_STATUS_OK;
}

static int wants_from_normalize_on(const fmgcam_outputs *wanted)
{
    return wanted->normalized_maps.data || wanted->maps.data;
}

static fmgcam_status view_probabilities(fmgcam_context *context,
                                        const fmgcam_inputs *inputs,
                                        struct fmgcam_picture *picture)
{
    picture->has_probabilities =
        context->options.normalize == FMGCAM_NORMALIZE_PROBABILITY &&
        wants_from_normalize_on(&picture->wanted);
    if (!picture->has_probabilities)
        return FMGCAM_STATUS_OK;
    return fmgcam_view_probabilities(context, "probabilities",
                                     inputs->probabilities, picture->classes,
                                     &picture->probabilities);
}

/* ---- Outputs ------------------------------------------------------------- */

static fmgcam_status import_outputs(fmgcam_context *context,
                                    fmgcam_outputs *outputs,
                                    struct fmgcam_picture *picture)
{
    fmgcam_status status =
        fmgcam_import(context, "outputs", outputs, &picture->wanted,
                      FMGCAM_SIZE_THROUGH(fmgcam_outputs, non_finite),
                      sizeof picture->wanted);
    if (status)
        return status;
    picture->outputs = outputs;
    if (picture->wanted.flags)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "outputs.flags: 0x%x, expected 0",
                           picture->wanted.flags);
    uint32_t method = context->options.method;
    if (picture->wanted.weights.data && !fmgcam_has_weights(method))
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "weights: wanted, but method %s has none, since it "
                           "weighs each cell by itself",
                           fmgcam_method_name(method));
    return FMGCAM_STATUS_OK;
}

static fmgcam_status check_outputs(fmgcam_context *context,
                                   const struct fmgcam_picture *picture)
{
    const fmgcam_outputs *wanted = &picture->wanted;
    size_t classes = picture->classes, cells = picture->activations.cells;
    const struct {
        const char *name;
        const fmgcam_buffer *buffer;
        size_t rows, columns;
    } rows[] = {
        {"weights", &wanted->weights, classes, picture->activations.channels},
        {"signed_maps", &wanted->signed_maps, classes, cells},
        {"class_maps", &wanted->class_maps, classes, cells},
        {"winner", &wanted->winner, 1, cells},
        {"filtered_maps", &wanted->filtered_maps, classes, cells},
        {"normalized_maps", &wanted->normalized_maps, classes, cells},
        {"maps", &wanted->maps, classes, cells},
        {"margin", &wanted->margin, 1, cells},
    };
    struct fmgcam_regions regions = {.count = 0};
    fmgcam_add_input(&regions, "activations", &picture->activations);
    if (picture->source.kind != FMGCAM_SOURCE_NONE)
        fmgcam_add_input(&regions, picture->source.name, &picture->source.view);
    if (picture->has_scores)
        fmgcam_add_input(&regions, "scores", &picture->scores);
    if (picture->has_probabilities)
        fmgcam_add_input(&regions, "probabilities", &picture->probabilities);
    size_t inputs = regions.count;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!rows[i].buffer->data)
            continue;
        fmgcam_status status =
            fmgcam_add_output(context, &regions, rows[i].name, rows[i].buffer,
                              rows[i].rows, rows[i].columns);
        if (status)
            return status;
    }
    if (regions.count == inputs)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "outputs: none is wanted");
    return FMGCAM_STATUS_OK;
}

/* ---- Both ---------------------------------------------------------------- */

static fmgcam_status accept_inputs(fmgcam_context *context,
                                   const fmgcam_inputs *inputs,
                                   struct fmgcam_picture *picture)
{
    fmgcam_status status = fmgcam_view_quantized(
        context, "activations", FMGCAM_FORM_ACTIVATIONS, inputs->activations,
        inputs->activations_quantization, &picture->activations);
    if (!status)
        status = view_source(context, inputs, picture);
    if (!status)
        status = find_classes(context, inputs, picture);
    if (!status)
        status = check_fusible(context, picture);
    if (!status)
        status = view_scores(context, inputs, picture);
    if (!status)
        status = check_target(context, picture);
    if (!status)
        status = view_probabilities(context, inputs, picture);
    return status;
}

fmgcam_status fmgcam_accept_picture(fmgcam_context *context,
                                    const fmgcam_inputs *inputs,
                                    fmgcam_outputs *outputs,
                                    struct fmgcam_picture *picture,
                                    struct fmgcam_extents *extents)
{
    fmgcam_inputs ours;
    fmgcam_status status = import_inputs(context, inputs, &ours);
    if (!status)
        status = import_outputs(context, outputs, picture);
    if (!status)
        status = accept_inputs(context, &ours, picture);
    if (!status)
        status = check_outputs(context, picture);
    if (!status && picture->has_scores)
        status = fmgcam_require_finite(context, "scores", FMGCAM_FORM_VECTOR,
                                       &picture->scores);
    *extents = (struct fmgcam_extents){
        .classes = picture->classes,
        .channels = picture->activations.channels,
        .map_depth = picture->activations.depth,
        .map_height = picture->activations.height,
        .map_width = picture->activations.width,
        .eigen =
            fmgcam_method_way(context->options.method) == FMGCAM_BY_PROJECTION,
    };
    return status;
}
