/* SPDX-License-Identifier: MIT */
/* Pictures to explain, and whether they were explained rightly. */
#include "bench.h"

#include "arrays.h"
#include "oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t picture_floats(struct shape shape, uint32_t classes)
{
    return ((size_t)classes + 1) * shape.channels * cells_of(shape);
}

void picture_init(const struct bench *bench, struct picture *picture,
                  struct shape shape, uint32_t classes, size_t index)
{
    size_t floats = picture_floats(shape, classes);
    if ((index + 1) * floats > bench->count)
        die("%s, %u classes: %zu pictures are more than --memory holds",
            shape_text(shape), classes, index + 1);
    const float *gradients = bench->numbers + index * floats;
    picture->gradients = gradients;
    picture->activations =
        gradients + (size_t)classes * shape.channels * cells_of(shape);
    fmgcam_tensor_nchw(&picture->gradients_tensor, gradients,
                       FMGCAM_DTYPE_FLOAT32, classes, shape.channels,
                       shape.height, shape.width);
    fmgcam_tensor_nchw(&picture->activations_tensor, picture->activations,
                       FMGCAM_DTYPE_FLOAT32, 1, shape.channels, shape.height,
                       shape.width);
    picture->inputs = (fmgcam_inputs){
        .struct_size = sizeof picture->inputs,
        .activations = &picture->activations_tensor,
        .gradients = &picture->gradients_tensor,
    };
}

size_t count_streamed(const struct bench *bench, struct shape shape,
                      uint32_t classes)
{
    size_t floats = picture_floats(shape, classes);
    size_t wanted = bench->cache / sizeof(float) / floats * 5 / 4 + 1;
    size_t most = bench->count / floats;
    wanted = wanted > 64 ? wanted : 64;
    return wanted < most ? wanted : most;
}

const char *shape_text(struct shape shape)
{
    static char text[40];
    snprintf(text, sizeof text, "%ux%ux%u", shape.channels, shape.height,
             shape.width);
    return text;
}

/* ---- Checking ------------------------------------------------------------ */

static void check_bits(const struct picture *picture, struct shape shape,
                       uint32_t classes, const float *weights,
                       const float *maps)
{
    size_t cells = cells_of(shape), count = classes * cells;
    float *want = make_floats(count);
    oracle_combine_in_order(weights, picture->activations, classes,
                            shape.channels, cells, want);
    if (memcmp(maps, want, count * sizeof *maps) != 0)
        die("%s, %u classes: not the bits of the documented order",
            shape_text(shape), classes);
    free(want);
}

static void check_bounds(const struct picture *picture, struct shape shape,
                         uint32_t classes, const float *weights,
                         const float *maps)
{
    size_t cells = cells_of(shape), count = classes * cells;
    double *want = make_doubles(count), *bound = make_doubles(count);
    oracle_combine(weights, picture->activations, classes, shape.channels,
                   cells, false, want, bound);
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)maps[i] - want[i]) <= bound[i]))
            die("%s, %u classes: map value %zu is %g, not %g",
                shape_text(shape), classes, i, (double)maps[i], want[i]);
    free(want);
    free(bound);
}

void check_grad_cam(const struct picture *picture, struct shape shape,
                    uint32_t classes, const float *maps, bool by_blas)
{
    size_t rows = (size_t)classes * shape.channels;
    float *weights = make_floats(rows);
    oracle_pool_in_lanes(picture->gradients, rows, cells_of(shape), weights);
    if (by_blas)
        check_bounds(picture, shape, classes, weights, maps);
    else
        check_bits(picture, shape, classes, weights, maps);
    free(weights);
}

/* cells products and sums, and the rounding of 1 / cells. */
static void check_mean(const float *row, size_t cells, float weight)
{
    double sum = 0, size = 0;
    for (size_t s = 0; s < cells; s++) {
        sum += (double)row[s];
        size += fabs((double)row[s]);
    }
    double n = (double)cells;
    if (!(fabs((double)weight - sum / n) <= float_gamma(n + 2) * size / n))
        die("a weight is %g, not %g", (double)weight, sum / n);
}

void check_pair(const struct picture *picture, struct shape shape,
                uint32_t classes, const float *weights, const float *maps)
{
    size_t cells = cells_of(shape), rows = (size_t)classes * shape.channels;
    for (size_t i = 0; i < rows; i++)
        check_mean(picture->gradients + i * cells, cells, weights[i]);
    check_bounds(picture, shape, classes, weights, maps);
}
