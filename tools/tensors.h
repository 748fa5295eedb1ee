/* SPDX-License-Identifier: MIT */
/* From .npy files to the tensors of the library, in its order of axes. */
#ifndef FMGCAM_TOOLS_TENSORS_H
#define FMGCAM_TOOLS_TENSORS_H

#include <stdbool.h>
#include <stdint.h>

#include <fmgcam/fmgcam.h>

#include "npy.h"

typedef struct tensor_file {
    const char *path;   /* the caller's */
    npy_array array;    /* memory */
    fmgcam_tensor view; /* of that memory */
} tensor_file;

/* Each reads @p path and returns 0 or the exit status; a file that failed needs
 * no release. channels_last: the file has [H, W, C] in place of [C, H, W].
 *
 * The views have as many axes as the files: activations [C, H, W] or
 * [N, C, H, W] (the library wants N to be 1), gradients [C, H, W] of one class
 * or [K, C, H, W], weights [K, C]. */
int tensor_read_activations(const char *path, bool channels_last,
                            tensor_file *tensor);
int tensor_read_gradients(const char *path, bool channels_last,
                          tensor_file *tensor);
int tensor_read_weights(const char *path, tensor_file *tensor);

/* K of gradients or weights. */
int64_t tensor_classes(const tensor_file *tensor);

/* Keep the first @p count classes of gradients or weights.
 * @return 0, or the exit status where there are fewer. */
int tensor_take_first(tensor_file *tensor, uint32_t count);

void tensor_release(tensor_file *tensor);

#endif
