/* SPDX-License-Identifier: MIT */
/* Tensors first, then the classes that they allow, then names and picture. */
#include "explain/explain_inputs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "explain/explain_classes.h"

/* ---- Tensors ------------------------------------------------------------- */

static int read_source(const explain_options *options, uint32_t layer,
                       tensor_file *source)
{
    if (options->files[FILE_GRADIENTS])
        return tensor_read_gradients(options->layers[FILE_GRADIENTS][layer],
                                     &options->layout, source);
    if (options->files[FILE_WEIGHTS])
        return tensor_read_matrix(options->layers[FILE_WEIGHTS][layer], "[K,C]",
                                  source);
    if (options->files[FILE_CLASSIFIER])
        return tensor_read_matrix(options->files[FILE_CLASSIFIER], "[n,C]",
                                  source);
    return 0;
}

static int read_layers(const explain_options *options, explain_inputs *inputs)
{
    uint32_t count = options->layer_count[FILE_ACTIVATIONS];
    for (uint32_t i = 0; i < count; i++) {
        layer_tensors *layer = &inputs->layers[i];
        int status =
            tensor_read_activations(options->layers[FILE_ACTIVATIONS][i],
                                    &options->layout, &layer->activations);
        if (status)
            return status;
        inputs->layer_count = i + 1;
        status = read_source(options, i, &layer->source);
        if (status)
            return status;
    }
    return 0;
}

static int read_vector(const char *path, tensor_file *vector)
{
    return path ? tensor_read_vector(path, vector) : 0;
}

/* A matrix [C, n] is a slip that is easily made. */
static int check_classifier(const explain_options *options,
                            const explain_inputs *inputs)
{
    const tensor_file *matrix = &inputs->layers[0].source;
    const fmgcam_tensor *a = &inputs->layers[0].activations.view;
    if (!options->files[FILE_CLASSIFIER])
        return 0;
    int64_t channels = a->shape[a->rank - 1 - options->layout.map_axes];
    if (matrix->view.shape[1] != channels)
        return fail(matrix->path,
                    "shape [%" PRId64 ",%" PRId64 "]; [n,%" PRId64
                    "] expected for activations of %" PRId64
                    " channels; 'fmgcam check-head' looks into it",
                    matrix->view.shape[0], matrix->view.shape[1], channels,
                    channels);
    if (inputs->logits.view.rank &&
        tensor_length(&inputs->logits) != matrix->view.shape[0])
        return fail(inputs->logits.path,
                    "has %" PRId64 " logits, and the classifier %" PRId64
                    " rows",
                    tensor_length(&inputs->logits), matrix->view.shape[0]);
    return 0;
}

/* ---- Names and picture --------------------------------------------------- */

/* By class index where the classes are known, else by rank. */
const char *explain_label(const explain_inputs *inputs, uint32_t rank)
{
    const explained_classes *classes = &inputs->classes;
    if (inputs->labels.count == 0)
        return NULL;
    return inputs->labels
        .names[classes->indices ? classes->indices[rank] : rank];
}

/* One for each rank, or up to the highest index. */
static int check_labels(const char *path, const explain_inputs *inputs)
{
    const explained_classes *classes = &inputs->classes;
    uint64_t needed = classes->count;
    for (uint32_t k = 0; classes->indices && k < classes->count; k++)
        if (classes->indices[k] >= needed)
            needed = (uint64_t)classes->indices[k] + 1;
    if (inputs->labels.count >= needed)
        return 0;
    if (classes->indices)
        return fail(path,
                    "has %zu label%s, and class %" PRIu64
                    " is explained; one for each class expected, by "
                    "class index",
                    inputs->labels.count, inputs->labels.count == 1 ? "" : "s",
                    needed - 1);
    return fail(path, "has %zu label%s for %" PRIu64 " classes",
                inputs->labels.count, inputs->labels.count == 1 ? "" : "s",
                needed);
}

static int read_labels(const explain_options *options, explain_inputs *inputs)
{
    const char *path = options->files[FILE_LABELS];
    if (!path)
        return 0;
    int status = labels_read(path, &inputs->labels);
    return status ? status : check_labels(path, inputs);
}

static int read_image(const explain_options *options, explain_inputs *inputs)
{
    const char *path = options->files[FILE_IMAGE];
    if (!path)
        return 0;
    bool drawn = options->files[FILE_OVERLAY] || options->files[FILE_FIGURE];
    return picture_read(path, drawn, &inputs->image);
}

/* ---- All of it ----------------------------------------------------------- */

int explain_read(const explain_options *options, fmgcam_context *context,
                 explain_inputs *inputs)
{
    int status = read_layers(options, inputs);
    if (!status)
        status = read_vector(options->files[FILE_BIAS], &inputs->bias);
    if (!status)
        status = read_vector(options->files[FILE_LOGITS], &inputs->logits);
    if (!status)
        status = check_classifier(options, inputs);
    if (!status)
        status = choose_classes(options, context, inputs);
    if (!status)
        status = read_labels(options, inputs);
    if (!status)
        status = read_image(options, inputs);
    return status;
}

void explain_inputs_release(explain_inputs *inputs)
{
    for (uint32_t i = 0; i < inputs->layer_count; i++) {
        tensor_release(&inputs->layers[i].activations);
        tensor_release(&inputs->layers[i].source);
    }
    tensor_release(&inputs->bias);
    tensor_release(&inputs->logits);
    free(inputs->classes.indices);
    free(inputs->classes.scores);
    free(inputs->classes.probabilities);
    labels_release(&inputs->labels);
    picture_release(&inputs->image);
}

fmgcam_inputs explain_library_inputs(const explain_options *options,
                                     const explain_inputs *inputs,
                                     uint32_t layer,
                                     const fmgcam_tensor *probabilities)
{
    const layer_tensors *tensors = &inputs->layers[layer];
    fmgcam_inputs given = {.struct_size = sizeof given,
                           .activations = &tensors->activations.view};
    if (options->files[FILE_GRADIENTS])
        given.gradients = &tensors->source.view;
    else if (options->files[FILE_WEIGHTS])
        given.weights = &tensors->source.view;
    else if (options->files[FILE_CLASSIFIER])
        given.classifier = &tensors->source.view;
    if (inputs->bias.view.rank)
        given.bias = &inputs->bias.view;
    if (inputs->logits.view.rank)
        given.scores = &inputs->logits.view;
    if (inputs->classes.probabilities)
        given.probabilities = probabilities;
    if (inputs->classes.indices) {
        given.classes = inputs->classes.indices;
        given.class_count = inputs->classes.count;
    }
    return given;
}
