/* SPDX-License-Identifier: MIT */
/* The files of a run of `fmgcam explain`, read and made to fit each other. */
#ifndef FMGCAM_TOOLS_EXPLAIN_INPUTS_H
#define FMGCAM_TOOLS_EXPLAIN_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include <fmgcam/fmgcam.h>

#include "explain/explain_options.h"
#include "labels.h"
#include "picture.h"
#include "tensors.h"

/* One layer of the network. */
typedef struct layer_tensors {
    tensor_file activations;
    tensor_file source; /* gradients or weights of the explained classes; the
                           whole classifier; rank 0: none */
} layer_tensors;

/* The classes that are explained, by rank. Arrays are NULL where the command
 * line does not tell. */
typedef struct explained_classes {
    uint32_t count;
    uint32_t *indices;    /* in the logits and the classifier */
    float *scores;        /* their logits */
    float *probabilities; /* by --link */
} explained_classes;

typedef struct explain_inputs {
    layer_tensors layers[MOST_LAYERS];
    uint32_t layer_count;
    tensor_file bias, logits; /* rank 0: not given */
    explained_classes classes;
    label_list labels;
    picture image; /* pixels only for an overlay */
} explain_inputs;

/* Read all that @p options name and choose the classes. @p context is for
 * choosing alone. @return 0, or the exit status; release in either case. */
int explain_read(const explain_options *options, fmgcam_context *context,
                 explain_inputs *inputs);
void explain_inputs_release(explain_inputs *inputs);

/* The name of the class of @p rank; NULL if there are no labels. */
const char *explain_label(const explain_inputs *inputs, uint32_t rank);

/* What the library is told about layer @p layer. */
fmgcam_inputs explain_library_inputs(const explain_options *options,
                                     const explain_inputs *inputs,
                                     uint32_t layer,
                                     const fmgcam_tensor *probabilities);

#endif
