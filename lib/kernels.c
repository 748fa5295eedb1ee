/* SPDX-License-Identifier: MIT */
/* The C reference of the hot loops, and the choice of the table.
 *
 * Order is part of the contract: it fixes the bits (docs/numerics.md). */
#include "kernels.h"

#include <float.h>

#include <string.h>

#if FLT_EVAL_METHOD != 0
# error float arithmetic must round to float: use -msse2 -mfpmath=sse
#endif

/* Four floats in a register of any machine; gcc and clang lower it. */
typedef float vec4 __attribute__((vector_size(16)));

static inline vec4 load4(const float *from)
{
    vec4 value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* ---- Stages 1 and 2 ------------------------------------------------------ */

static void sum_lanes(const float *rows, ptrdiff_t rows_stride, size_t channels,
                      size_t cells, float (*lanes)[FMGCAM_LANES])
{
    for (size_t c = 0; c < channels; c++) {
        const float *row = rows + (ptrdiff_t)c * rows_stride;
        vec4 sums[4];
        memcpy(sums, lanes[c], sizeof sums);
        size_t s = 0;
        for (; s + FMGCAM_LANES <= cells; s += FMGCAM_LANES)
            for (size_t i = 0; i < 4; i++)
                sums[i] += load4(row + s + 4 * i);
        memcpy(lanes[c], sums, sizeof sums);
        for (size_t lane = 0; s + lane < cells; lane++)
            lanes[c][lane] += row[s + lane];
    }
}

/* Blocks of cells and classes whose sums fit the registers. */
enum { BLOCK_CELLS = 16, BLOCK_CLASSES = 2 };

/* Add to @p classes (a constant, at most BLOCK_CLASSES) x 16 sums, and keep
 * those from cell @p kept on. */
static inline void combine_block(const float *weights, size_t weights_stride,
                                 size_t classes, const float *rows,
                                 ptrdiff_t rows_stride, size_t channels,
                                 float *maps, size_t maps_stride, size_t kept)
{
    vec4 sums[BLOCK_CLASSES][4];
    for (size_t k = 0; k < classes; k++)
        memcpy(sums[k], maps + k * maps_stride, sizeof sums[k]);
    for (size_t c = 0; c < channels; c++) {
        const float *row = rows + (ptrdiff_t)c * rows_stride;
        for (size_t k = 0; k < classes; k++) {
            float weight = weights[k * weights_stride + c];
            for (size_t i = 0; i < 4; i++)
                sums[k][i] += weight * load4(row + 4 * i);
        }
    }
    for (size_t k = 0; k < classes; k++)
        memcpy(maps + k * maps_stride + kept, (float *)sums[k] + kept,
               (BLOCK_CELLS - kept) * sizeof *maps);
}

/* All cells of @p classes: first what is left over at the end, as the last
 * part of a whole block, then whole blocks, which do not disturb it. */
static inline void combine_classes(const float *weights, size_t weights_stride,
                                   size_t classes, const float *rows,
                                   ptrdiff_t rows_stride, size_t channels,
                                   size_t cells, float *maps,
                                   size_t maps_stride)
{
    size_t rest = cells % BLOCK_CELLS;
    if (rest) {
        size_t last = cells - BLOCK_CELLS;
        combine_block(weights, weights_stride, classes, rows + last,
                      rows_stride, channels, maps + last, maps_stride,
                      BLOCK_CELLS - rest);
    }
    for (size_t s = 0; s + BLOCK_CELLS <= cells; s += BLOCK_CELLS)
        combine_block(weights, weights_stride, classes, rows + s, rows_stride,
                      channels, maps + s, maps_stride, 0);
}

/* Fewer cells than a block has. */
static void combine_few_cells(const float *weights, size_t weights_stride,
                              size_t classes, const float *rows,
                              ptrdiff_t rows_stride, size_t channels,
                              size_t cells, float *maps, size_t maps_stride)
{
    for (size_t k = 0; k < classes; k++)
        for (size_t s = 0; s < cells; s++) {
            float sum = maps[k * maps_stride + s];
            for (size_t c = 0; c < channels; c++)
                sum += weights[k * weights_stride + c] *
                       rows[(ptrdiff_t)c * rows_stride + (ptrdiff_t)s];
            maps[k * maps_stride + s] = sum;
        }
}

static void combine(const float *weights, size_t weights_stride, size_t classes,
                    const float *rows, ptrdiff_t rows_stride, size_t channels,
                    size_t cells, float *maps, size_t maps_stride)
{
    if (cells < BLOCK_CELLS) {
        combine_few_cells(weights, weights_stride, classes, rows, rows_stride,
                          channels, cells, maps, maps_stride);
        return;
    }
    size_t k = 0;
    for (; k + BLOCK_CLASSES <= classes; k += BLOCK_CLASSES)
        combine_classes(weights + k * weights_stride, weights_stride,
                        BLOCK_CLASSES, rows, rows_stride, channels, cells,
                        maps + k * maps_stride, maps_stride);
    if (k < classes)
        combine_classes(weights + k * weights_stride, weights_stride, 1, rows,
                        rows_stride, channels, cells, maps + k * maps_stride,
                        maps_stride);
}

/* ---- Stage 7 ------------------------------------------------------------- */

static inline float clamp(float value, float low, float high)
{
    return value > low ? (value < high ? value : high) : low;
}

static inline uint8_t round_to_byte(float value)
{
    return (uint8_t)(int)(clamp(value, 0.0f, 255.0f) + 0.5f);
}

/* One pixel: colour C (0...255 a channel) of evidence e over the picture. */
static inline void shade_pixel(const struct fmgcam_row *row, size_t x,
                               const float color[3], float evidence)
{
    uint8_t *out = row->out + 3 * x;
    if (!row->picture) {
        for (size_t i = 0; i < 3; i++)
            out[i] = round_to_byte(color[i]);
        return;
    }
    const uint8_t *under = row->picture + 3 * x;
    float e = row->constant ? 1.0f : clamp(evidence, 0.0f, 1.0f);
    float keep = 1.0f - row->alpha * e;
    float mixed[3];
    for (size_t i = 0; i < 3; i++)
        mixed[i] = keep * (float)under[i] + row->alpha * color[i];
    for (size_t i = 0; i < 3; i++)
        out[i] = round_to_byte(mixed[i]);
}

static void shade_mixed(const struct fmgcam_row *given, const float *mixed)
{
    const struct fmgcam_row row = *given; /* which no store to out can change */
    for (size_t x = 0; x < row.width; x++) {
        const float *weights = row.weights + x * row.taps;
        const float *from = mixed + 4 * (size_t)row.starts[x];
        vec4 sums = {0};
        for (size_t j = 0; j < row.taps; j++)
            sums += weights[j] * load4(from + 4 * j);
        shade_pixel(&row, x, (const float *)&sums, sums[3]);
    }
}

static void shade_contest(const struct fmgcam_row *given,
                          const struct fmgcam_contest *contest)
{
    const struct fmgcam_row row = *given;
    const size_t classes = contest->classes;
    const size_t stride = contest->map_width;
    for (size_t x = 0; x < row.width; x++) {
        const float *weights = row.weights + x * row.taps;
        const float *from = contest->rows + row.starts[x];
        float best = 0.0f;
        size_t winner = 0;
        for (size_t k = 0; k < classes; k++, from += stride) {
            float value = 0.0f;
            for (size_t j = 0; j < row.taps; j++)
                value += weights[j] * from[j];
            if (value > best) {
                best = value;
                winner = k;
            }
        }
        float evidence =
            clamp((float)((double)best * contest->scales[winner]), 0.0f, 1.0f);
        const uint8_t *rgb = contest->colors + 3 * winner;
        const float color[3] = {evidence * (float)rgb[0],
                                evidence * (float)rgb[1],
                                evidence * (float)rgb[2]};
        shade_pixel(&row, x, color, evidence);
    }
}

static const struct fmgcam_kernels c_kernels = {
    .name = "c",
    .sum_lanes = sum_lanes,
    .combine = combine,
    .shade_mixed = shade_mixed,
    .shade_contest = shade_contest,
};

const struct fmgcam_kernels *fmgcam_select_kernels(void)
{
    return &c_kernels;
}
