/* SPDX-License-Identifier: MIT */
/* The C reference of the hot loops, and the choice of the table.
 *
 * Order is part of the contract: it fixes the bits (docs/numerics.md). */
#include "kernels.h"

#include <string.h>

/* ---- Stages 1 and 2 -------------------------------------------------------- */

static void sum_lanes(const float *x, size_t count, float lanes[FMGCAM_LANES])
{
    float sums[FMGCAM_LANES];
    memcpy(sums, lanes, sizeof sums);
    size_t i = 0;
    for (; i + FMGCAM_LANES <= count; i += FMGCAM_LANES)
        for (size_t lane = 0; lane < FMGCAM_LANES; lane++)
            sums[lane] += x[i + lane];
    for (size_t lane = 0; i + lane < count; lane++)
        sums[lane] += x[i + lane];
    memcpy(lanes, sums, sizeof sums);
}

/* Blocks of classes and cells whose accumulators fit the registers. */
enum { BLOCK_CLASSES = 2, BLOCK_CELLS = 16 };

static void combine_block(const float *weights, size_t weights_stride,
                          const float *rows, ptrdiff_t rows_stride,
                          size_t channels, float *maps, size_t maps_stride)
{
    float sums[BLOCK_CLASSES][BLOCK_CELLS];
    for (size_t k = 0; k < BLOCK_CLASSES; k++)
        memcpy(sums[k], maps + k * maps_stride, sizeof sums[k]);
    for (size_t c = 0; c < channels; c++) {
        const float *row = rows + (ptrdiff_t)c * rows_stride;
        for (size_t k = 0; k < BLOCK_CLASSES; k++) {
            float weight = weights[k * weights_stride + c];
            for (size_t s = 0; s < BLOCK_CELLS; s++)
                sums[k][s] += weight * row[s];
        }
    }
    for (size_t k = 0; k < BLOCK_CLASSES; k++)
        memcpy(maps + k * maps_stride, sums[k], sizeof sums[k]);
}

/* Any number of classes and cells: what the blocks leave over. */
static void combine_rest(const float *weights, size_t weights_stride,
                         size_t classes, const float *rows,
                         ptrdiff_t rows_stride, size_t channels, size_t cells,
                         float *maps, size_t maps_stride)
{
    for (size_t k = 0; k < classes; k++)
        for (size_t c = 0; c < channels; c++) {
            const float *row = rows + (ptrdiff_t)c * rows_stride;
            float weight = weights[k * weights_stride + c];
            for (size_t s = 0; s < cells; s++)
                maps[k * maps_stride + s] += weight * row[s];
        }
}

static void combine(const float *weights, size_t weights_stride, size_t classes,
                    const float *rows, ptrdiff_t rows_stride, size_t channels,
                    size_t cells, float *maps, size_t maps_stride)
{
    size_t whole_classes = classes - classes % BLOCK_CLASSES;
    size_t whole_cells = cells - cells % BLOCK_CELLS;
    for (size_t s = 0; s < whole_cells; s += BLOCK_CELLS)
        for (size_t k = 0; k < whole_classes; k += BLOCK_CLASSES)
            combine_block(weights + k * weights_stride, weights_stride,
                          rows + s, rows_stride, channels,
                          maps + k * maps_stride + s, maps_stride);

    if (whole_cells < cells)
        combine_rest(weights, weights_stride, whole_classes, rows + whole_cells,
                     rows_stride, channels, cells - whole_cells,
                     maps + whole_cells, maps_stride);
    combine_rest(weights + whole_classes * weights_stride, weights_stride,
                 classes - whole_classes, rows, rows_stride, channels, cells,
                 maps + whole_classes * maps_stride, maps_stride);
}

/* ---- Stage 7 --------------------------------------------------------------- */

static float clamp(float value, float low, float high)
{
    return value > low ? (value < high ? value : high) : low;
}

/* One pixel: colour C (0...255 a channel) of evidence e over the picture. */
static void shade_pixel(const struct fmgcam_row *row, size_t x,
                        const float color[3], float evidence)
{
    uint8_t *out = row->out + 3 * x;
    if (!row->picture) {
        for (size_t i = 0; i < 3; i++)
            out[i] = (uint8_t)(clamp(color[i], 0.0f, 255.0f) + 0.5f);
        return;
    }
    const uint8_t *under = row->picture + 3 * x;
    float e = row->constant ? 1.0f : clamp(evidence, 0.0f, 1.0f);
    float keep = 1.0f - row->alpha * e;
    for (size_t i = 0; i < 3; i++) {
        float mixed = keep * (float)under[i] + row->alpha * color[i];
        out[i] = (uint8_t)(clamp(mixed, 0.0f, 255.0f) + 0.5f);
    }
}

static void shade_mixed(const struct fmgcam_row *row, const float *mixed)
{
    for (size_t x = 0; x < row->width; x++) {
        const float *weights = row->weights + x * row->taps;
        const float *from = mixed + 4 * (size_t)row->starts[x];
        float sums[4] = {0};
        for (size_t j = 0; j < row->taps; j++)
            for (size_t i = 0; i < 4; i++)
                sums[i] += weights[j] * from[4 * j + i];
        shade_pixel(row, x, sums, sums[3]);
    }
}

static void shade_contest(const struct fmgcam_row *row,
                          const struct fmgcam_contest *contest)
{
    for (size_t x = 0; x < row->width; x++) {
        const float *weights = row->weights + x * row->taps;
        const float *from = contest->rows + row->starts[x];
        float best = 0.0f;
        size_t winner = 0;
        for (size_t k = 0; k < contest->classes; k++) {
            float value = 0.0f;
            for (size_t j = 0; j < row->taps; j++)
                value += weights[j] * from[k * contest->map_width + j];
            if (value > best) {
                best = value;
                winner = k;
            }
        }
        float evidence =
            clamp((float)((double)best * contest->scales[winner]), 0, 1);
        const uint8_t *rgb = contest->colors + 3 * winner;
        const float color[3] = {evidence * (float)rgb[0],
                                evidence * (float)rgb[1],
                                evidence * (float)rgb[2]};
        shade_pixel(row, x, color, evidence);
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
