/* SPDX-License-Identifier: MIT */
/* Stage 7, geometry: from map cells to picture pixels.
 *
 * Half-pixel centres: pixel x lies at (x + 0.5) in / out - 0.5 of the map. A
 * kernel that reaches over the border is cut there and its taps are
 * renormalised; when the target is smaller than the map the kernel is widened
 * by the scale. Both as Pillow does it. Bicubic is Keys' kernel (1981) with a
 * = -0.5. */
#include "internal.h"

#include <math.h>
#include <string.h>

static double radius_of(uint32_t resample)
{
    return resample == FMGCAM_RESAMPLE_BICUBIC ? 2.0 : 1.0;
}

static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0)
        return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

static double kernel_at(uint32_t resample, double x)
{
    if (resample == FMGCAM_RESAMPLE_BICUBIC)
        return bicubic(x);
    return fabs(x) < 1.0 ? 1.0 - fabs(x) : 0.0;
}

/* How far the kernel is widened to take in all cells of a smaller target. */
static double widening(size_t in, size_t out)
{
    return in > out ? (double)in / (double)out : 1.0;
}

size_t fmgcam_tap_count(uint32_t resample, size_t in, size_t out)
{
    if (resample == FMGCAM_RESAMPLE_NEAREST)
        return 1;
    size_t count =
        2 * (size_t)ceil(radius_of(resample) * widening(in, out)) + 1;
    return count < in ? count : in;
}

/* With a radius of 2: count <= 2 (2 max(1, in / out) + 1) + 1. */
size_t fmgcam_tap_space(size_t in, size_t out)
{
    if (in > SIZE_MAX / 16 || out > SIZE_MAX / 16)
        return 0;
    return 4 * in + 7 * out;
}

void fmgcam_place_taps(uint32_t resample, size_t in, size_t out,
                       size_t position, size_t count, uint32_t *start,
                       float *weights)
{
    if (resample == FMGCAM_RESAMPLE_NEAREST) {
        uint64_t twice = (2 * (uint64_t)position + 1) * in;
        *start = (uint32_t)(twice / (2 * (uint64_t)out));
        weights[0] = 1.0f;
        return;
    }
    double scale = (double)in / (double)out;
    double wide = widening(in, out);
    double radius = radius_of(resample) * wide;
    double center = ((double)position + 0.5) * scale;
    double first = fmax(floor(center - radius + 0.5), 0.0);
    double last = fmin(floor(center + radius + 0.5), (double)in);

    size_t begin = (size_t)first;
    if (begin > in - count)
        begin = in - count;
    double sum = 0.0;
    for (double cell = first; cell < last; cell++)
        sum += kernel_at(resample, (cell + 0.5 - center) / wide);
    for (size_t j = 0; j < count; j++) {
        double cell = (double)(begin + j);
        int inside = cell >= first && cell < last;
        weights[j] =
            inside ? (float)(kernel_at(resample, (cell + 0.5 - center) / wide) /
                             sum)
                   : 0.0f;
    }
    *start = (uint32_t)begin;
}

void fmgcam_blend_rows(const float *rows, size_t width, const float *weights,
                       size_t count, float *out)
{
    memset(out, 0, width * sizeof *out);
    for (size_t j = 0; j < count; j++)
        for (size_t x = 0; x < width; x++)
            out[x] += weights[j] * rows[j * width + x];
}

void fmgcam_place_row_taps(uint32_t resample, size_t in, size_t out,
                           const struct fmgcam_scratch *scratch)
{
    size_t count = fmgcam_tap_count(resample, in, out);
    for (size_t x = 0; x < out; x++)
        fmgcam_place_taps(resample, in, out, x, count, &scratch->tap_starts[x],
                          scratch->tap_weights + x * count);
}
