/* SPDX-License-Identifier: MIT */
/* What the functions of fmgcam.h are given, made of the bytes of an input: most
 * of it fits together, some of it does not. All memory is that of arena.h, and
 * as large as the views say, so that the library has no excuse. */
#ifndef FMGCAM_TESTS_FUZZ_SCENE_H
#define FMGCAM_TESTS_FUZZ_SCENE_H

#include <fmgcam/fmgcam.h>

#include "../support.h"
#include "arena.h"
#include "fuzz.h"

enum { SCENE_TENSORS = 64, SCENE_BUFFERS = 48 };

typedef struct scene {
    input in;
    fmgcam_context *context;
    strict_heap heap;
    runner_log runner;
    fmgcam_options options; /* in force */

    uint32_t classes, scores, channels;
    uint32_t map[3]; /* depth, height, width */

    /* Of the call that is being made. */
    bool is_wild;  /* something has other extents than are expected */
    bool is_batch; /* so that it is not checked what overlaps */
    fmgcam_tensor tensors[SCENE_TENSORS];
    fmgcam_quantization quantizations[SCENE_TENSORS];
    size_t tensor_count;
    fmgcam_buffer buffers[SCENE_BUFFERS];
    size_t needed[SCENE_BUFFERS]; /* bytes that are written; 0: not known */
    size_t buffer_count;

    uint64_t digest; /* of what all calls gave back */
} scene;

/* Begin a call. */
void scene_begin(scene *s);

/* Read new sizes for the calls that follow. */
void scene_resize(scene *s);

size_t scene_cells(const scene *s);

/* A tensor of these extents, in any layout and of any dtype, or, seldom, quite
 * another one; NULL too. */
const fmgcam_tensor *scene_tensor(scene *s, uint32_t rank,
                                  const int64_t *shape);

/* The same of [first, map], and with @p lead of [1, first, map]. */
const fmgcam_tensor *scene_maps(scene *s, uint32_t first, bool lead);
/* Of [first, second, map]. */
const fmgcam_tensor *scene_stack(scene *s, uint32_t first, uint32_t second);
const fmgcam_tensor *scene_matrix(scene *s, uint32_t rows, uint32_t columns);
/* Of [count] or [1, count]. */
const fmgcam_tensor *scene_vector(scene *s, uint32_t count);
/* Of [classes, height, width]. */
const fmgcam_tensor *scene_picture_maps(scene *s);

/* What the integers of @p tensor mean; mostly NULL where it has none. */
const fmgcam_quantization *scene_quantization(scene *s,
                                              const fmgcam_tensor *tensor);

/* @p count numbers, mostly below @p end; NULL too. */
const uint32_t *scene_indices(scene *s, uint32_t count, uint32_t end);

/* Room for @p count elements of @p size bytes: as much, more, less, none, or at
 * an input. Of @p count 0, it is not known how many there will be. */
const fmgcam_buffer *scene_buffer(scene *s, size_t count, size_t size);
/* The memory of @p tensor, where that is contiguous. */
const fmgcam_buffer *scene_buffer_at(scene *s, const fmgcam_tensor *tensor);

/* Pixels. @p format is left as it is if it is not 0. */
fmgcam_image scene_image(scene *s, uint32_t width, uint32_t height);

/* After a call: what the header promises of all of them. @return @p status. */
fmgcam_status scene_end(scene *s, fmgcam_status status);

/* Are the bits the same on all machines, and in each repetition? */
bool scene_is_reproducible(const scene *s);

#endif
