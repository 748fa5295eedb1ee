/* SPDX-License-Identifier: MIT */
/* Arrays, and the rounding errors of what is in them: what the oracles need. */
#ifndef FMGCAM_TESTS_ARRAYS_H
#define FMGCAM_TESTS_ARRAYS_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed memory for @p count elements; ends the program where there is none. */
void *make_array(size_t count, size_t element_bytes);
float *make_floats(size_t count);
double *make_doubles(size_t count);
double *widen(const float *x, size_t count);

/* One picture to explain. */
typedef struct sizes {
    uint32_t classes, channels, height, width;
} sizes;

typedef struct problem {
    sizes size;
    size_t cells;       /* H W */
    size_t stack;       /* K H W */
    float *activations; /* [C,H,W] */
    float *gradients;   /* [K,C,H,W], or NULL */
    float *weights;     /* [K,C] */
} problem;

/* Unit roundoff of float, and its smallest step. */
#define FLOAT_ROUNDOFF 0x1p-24
#define FLOAT_TINY     0x1p-149

/* gamma_n = n u / (1 - n u): the relative error that n roundings to float can
 * add up to. */
double float_gamma(double roundings);

#endif
