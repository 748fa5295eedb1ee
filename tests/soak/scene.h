/* SPDX-License-Identifier: MIT */
/*
 * The scenes of the soak test. A scene is all that decides a result: shapes,
 * dtypes and layouts, numbers, options, and which functions are called. Its
 * digest is made of every byte that they hand out, statuses and texts included,
 * so that it is the same whenever and in whatever context it is run.
 */
#ifndef FMGCAM_TESTS_SOAK_SCENE_H
#define FMGCAM_TESTS_SOAK_SCENE_H

#include "support.h"

enum {
    MOST_CLASSES = 6,
    MOST_CHANNELS = 24,
    MOST_SIDE = 7,
    MOST_CELLS = MOST_SIDE * MOST_SIDE,
    SCORES = 11,
    WIDTH = 40,
    HEIGHT = 30,
    MOST_BATCH = 3
};

typedef struct scene {
    uint32_t number, classes, channels;
    size_t cells;
    fmgcam_options options;
    stored activations, source, scores;
    fmgcam_inputs inputs; /* of the tensors above and the members below */
    fmgcam_tensor probabilities;
    float likely[MOST_CLASSES];
    uint32_t picks[MOST_CLASSES];
    fmgcam_quantization activations_scale, source_scale;
    bool is_exact; /* not multiplied by BLAS, whose bits may vary */
} scene;

/* How it is run, which must not be seen in what comes out. */
typedef struct way {
    uint32_t batch, position; /* which of so many pictures of a batch it is */
    uint8_t poison;           /* in outputs before the calls */
} way;

/* Scene @p number. What is in it stays where it is. */
void scene_init(scene *s, uint32_t number);
void scene_free(scene *s);

uint64_t scene_digest(fmgcam_context *context, const scene *s, const way *how);

/* Continue @p digest by so many bytes. */
void add_bytes(uint64_t *digest, const void *data, size_t bytes);

#endif
