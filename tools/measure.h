/* SPDX-License-Identifier: MIT */
/* What a class won: how much, how strongly, and where. */
#ifndef FMGCAM_TOOLS_MEASURE_H
#define FMGCAM_TOOLS_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct class_measure {
    int64_t cells;     /* won */
    float peak;        /* largest class map value of them; 0 without cells */
    double mass;       /* sum of the class map over them */
    int64_t left, top; /* the cells around them all, half-open; */
    int64_t right, bottom; /* meaningless without cells */
    bool has_centroid;     /* false without mass */
    double x, y;           /* mean of cell centres, weighted by the class map */
} class_measure;

/* Measure the class of @p rank. @p class_map [H, W], its values in stage 3;
 * @p winner [H, W], ranks. */
void measure_class(const float *class_map, const int32_t *winner,
                   int64_t height, int64_t width, int32_t rank,
                   class_measure *measure);

#endif
