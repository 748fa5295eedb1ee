/* SPDX-License-Identifier: MIT */
/*
 * What the library should compute, written from the equations in
 * docs/algorithm.md as plain loops in double. Shares no code with lib/.
 *
 * Errors of double (2^-53) are 2^29 times smaller than those of float and left
 * out of the bounds; wherever they could matter, each bound has room to spare.
 *
 * Functions that round in the library also give, for every value, a bound on
 * how far the library's float may be from it. Derivations stand with them in
 * oracle.c. u is 2^-24, gamma(n) = n u / (1 - n u).
 */
#ifndef FMGCAM_TESTS_ORACLE_H
#define FMGCAM_TESTS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Stage 1: rows x S -> rows. */
void oracle_pool(const float *gradients, size_t rows, size_t cells,
                 double *weights, double *bound);
/* Stage 1 in the documented order of float operations. */
void oracle_pool_in_lanes(const float *gradients, size_t rows, size_t cells,
                          float *weights);

/* Stage 2: [K,C] and [C,S] -> [K,S]. */
void oracle_combine(const float *weights, const float *activations,
                    size_t classes, size_t channels, size_t cells,
                    bool released, double *maps, double *bound);
/* Stage 2 in the documented order of float operations; standard only. */
void oracle_combine_in_order(const float *weights, const float *activations,
                             size_t classes, size_t channels, size_t cells,
                             float *maps);

/* Stage 3. activation is FMGCAM_ACTIVATION_*. */
double oracle_activate(uint32_t activation, double x);
double oracle_activate_bound(uint32_t activation, double x);

/* Stage 4. best is the arg-max; winner is best or -1. */
void oracle_winner(const float *signed_maps, size_t classes, size_t cells,
                   int32_t *best, int32_t *winner);
/* keep is best or winner: F[k,s] = R[k,s] where k = keep[s], else 0. */
void oracle_filter(const float *class_maps, const int32_t *keep, size_t classes,
                   size_t cells, float *filtered);

/* Stage 5. normalize is FMGCAM_NORMALIZE_*. */
void oracle_normalize(const double *maps, size_t classes, size_t height,
                      size_t width, uint32_t normalize, double floor,
                      double *normalized, double *bound);

/* Stage 6. rescale is FMGCAM_RESCALE_*. @return whether all was flat. */
bool oracle_rescale(const double *maps, size_t classes, size_t cells,
                    uint32_t rescale, double *rescaled, double *bound);

/* One map [h,w] to [height,width]; method is FMGCAM_RESAMPLE_*. size receives
 * sum |tap x tap x value|, in which errors are measured (optional). @return how
 * many roundings a value of the result goes through. */
double oracle_resample(const double *map, size_t h, size_t w, size_t height,
                       size_t width, uint32_t method, double *resampled,
                       double *size);

/* What a pixel may be drawn with: evidence and colour, and their bounds. With
 * fusing at the picture a pixel whose two best classes are too close to call
 * has more than one. */
typedef struct oracle_paint {
    double color[3], color_bound[3];
    double evidence, evidence_bound;
} oracle_paint;

typedef struct oracle_canvas {
    size_t height, width;
    size_t choices;       /* paints a pixel at most */
    oracle_paint *paints; /* [height,width,choices] */
    uint8_t *count;       /* [height,width], how many of them */
} oracle_canvas;

/* Stage 7 up to blending, from maps [K,h,w] and K colours. */
void oracle_paint_at_map(oracle_canvas *canvas, const float *maps,
                         size_t classes, size_t h, size_t w, size_t height,
                         size_t width, uint32_t method, const uint8_t *colors);
/* scales, of each class, make evidence of a signed value. */
void oracle_paint_at_image(oracle_canvas *canvas, const float *signed_maps,
                           const double *scales, size_t classes, size_t h,
                           size_t w, size_t height, size_t width,
                           uint32_t method, const uint8_t *colors);
/* q_k / m for fusing at the picture, by the options normalize and rescale. */
void oracle_image_scales(const float *signed_maps, size_t classes, size_t cells,
                         uint32_t normalize, uint32_t rescale, double *scales);
void oracle_canvas_free(oracle_canvas *canvas);

/* Whether @p drawn is right for channel @p channel of the paint: over @p under
 * with @p alpha (blend is FMGCAM_BLEND_*), or alone where blend is 0. */
bool oracle_accepts(const oracle_paint *paint, int channel, uint32_t blend,
                    double alpha, uint8_t under, uint8_t drawn);

#endif
