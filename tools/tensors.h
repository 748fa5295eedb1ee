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

/* How activations and gradients lie in their files. */
enum { LAYOUT_NCHW, LAYOUT_NHWC, LAYOUT_TOKENS };

typedef struct tensor_layout {
    int kind;          /* LAYOUT_* */
    uint32_t map_axes; /* 1 to 3; of tokens, those of the grid */
    uint32_t prefix;   /* tokens before the grid */
    uint32_t grid[3];
} tensor_layout;

/* Set the layout that is called @p name. @return whether there is one. */
bool tensor_find_layout(const char *name, tensor_layout *layout);

/* Each reads @p path and returns 0 or the exit status; a file that failed needs
 * no release.
 *
 * The views have as many axes as the files (tokens: as [C, H, W] files would):
 * activations [C, H, W] or [N, C, H, W] (the library wants N to be 1),
 * gradients [C, H, W] of one class or [K, C, H, W], matrices [K, C], vectors
 * [n] or [1, n]. @p expected is for messages. With map_axes other than 2, [L] or [D, H, W] for [H, W]. */
int tensor_read_activations(const char *path, const tensor_layout *layout,
                            tensor_file *tensor);
int tensor_read_gradients(const char *path, const tensor_layout *layout,
                          tensor_file *tensor);
int tensor_read_matrix(const char *path, const char *expected,
                       tensor_file *tensor);
int tensor_read_vector(const char *path, tensor_file *tensor);

/* n of a vector, and one of its elements. */
int64_t tensor_length(const tensor_file *vector);
float tensor_element(const tensor_file *vector, int64_t i);

/* K of gradients ([K, C, ...], or [C, ...] of one class, with @p map_axes axes
 * of a map) or of a matrix (@p map_axes 0). */
int64_t tensor_rows(const tensor_file *tensor, uint32_t map_axes);

/* Keep @p count of these rows, in the order of @p rows.
 * @return 0, or the exit status. */
int tensor_take_rows(tensor_file *tensor, uint32_t map_axes,
                     const uint32_t *rows, uint32_t count);

void tensor_release(tensor_file *tensor);

#endif
