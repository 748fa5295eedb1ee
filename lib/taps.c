/* SPDX-License-Identifier: MIT */
/* Stage 7, along one axis: from map cells to picture pixels.
 *
 * Half-pixel centres: pixel x lies at (x + 0.5 - edge) cells / span - 0.5 of the
 * map, which covers span pixels from edge on. A kernel that reaches over the
 * border is cut there and its taps are renormalised; where pixels are larger
 * than cells the kernel is widened by the scale. Both as Pillow does it. Bicubic
 * is Keys' kernel (1981) with a = -0.5. */
#include "internal.h"

#include <math.h>

/* Keys' a. */
static const double a = -0.5;

static double radius_of(uint32_t resample)
{
    return resample == FMGCAM_RESAMPLE_BICUBIC ? 2.0 : 1.0;
}

/* Keys' kernel at a distance of 0 to 1, and of 1 to 2. */
static inline double bicubic_near(double x)
{
    return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
}

static inline double bicubic_far(double x)
{
    return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
}

static double bicubic(double x)
{
    x = fabs(x);
    return x < 1.0 ? bicubic_near(x) : x < 2.0 ? bicubic_far(x) : 0.0;
}

static double kernel_at(uint32_t resample, double x)
{
    if (resample == FMGCAM_RESAMPLE_BICUBIC)
        return bicubic(x);
    return fabs(x) < 1.0 ? 1.0 - fabs(x) : 0.0;
}

/* How far the kernel is widened to take in all cells of larger pixels. */
static double widening(const struct fmgcam_reach *reach)
{
    return fmax((double)reach->cells / reach->span, 1.0);
}

/* Cells whose centres lie within the kernel, of which those on its very edge
 * weigh nothing: 2 r, or where r is no whole number perhaps one more. */
size_t fmgcam_tap_count(uint32_t resample, const struct fmgcam_reach *reach)
{
    if (resample == FMGCAM_RESAMPLE_NEAREST)
        return 1;
    double wide = widening(reach);
    double count = floor(2.0 * radius_of(resample) * wide) + (wide > 1.0);
    return count < (double)reach->cells ? (size_t)count : reach->cells;
}

/* With a radius of 2, count <= 4 wide + 1, or 4 where wide is 1. One pixel has
 * at most all cells; where there are more, span is over their number less 1. */
size_t fmgcam_tap_space(size_t cells, size_t pixels)
{
    if (cells > SIZE_MAX / 32 || pixels > SIZE_MAX / 16)
        return 0;
    return 8 * cells + 4 * pixels;
}

static double center_of(const struct fmgcam_reach *reach, size_t i)
{
    return (double)(reach->begin + i) + 0.5 - reach->edge;
}

static void place_nearest(const struct fmgcam_reach *reach,
                          const struct fmgcam_taps *taps)
{
    for (size_t i = 0; i < reach->count; i++) {
        double cell = center_of(reach, i) * (double)reach->cells / reach->span;
        taps->starts[i] = (uint32_t)smaller((size_t)cell, reach->cells - 1);
        taps->weights[i] = 1.0f;
    }
}

/* A kernel that is not widened and not cut, which begins @p ahead before its
 * centre: its weights add up to 1 as they are. */
static inline void weigh_whole(uint32_t resample, double ahead, size_t stride,
                               float *weights)
{
    if (resample == FMGCAM_RESAMPLE_BICUBIC) {
        weights[0] = (float)bicubic_far(ahead);
        weights[stride] = (float)bicubic_near(ahead - 1.0);
        weights[2 * stride] = (float)bicubic_near(2.0 - ahead);
        weights[3 * stride] = (float)bicubic_far(3.0 - ahead);
    } else {
        weights[0] = (float)(1.0 - ahead);
        weights[stride] = (float)ahead;
    }
}

/* Any other: cells first to last, of which begin on count are weighed. */
static void weigh_part(uint32_t resample, double center, double wide,
                       size_t first, size_t last, size_t begin, size_t count,
                       size_t stride, float *weights)
{
    double sum = 0.0;
    for (size_t cell = first; cell < last; cell++)
        sum += kernel_at(resample, ((double)cell + 0.5 - center) / wide);
    for (size_t j = 0; j < count; j++) {
        size_t cell = begin + j;
        double weight =
            kernel_at(resample, ((double)cell + 0.5 - center) / wide) / sum;
        weights[j * stride] =
            cell >= first && cell < last ? (float)weight : 0.0f;
    }
}

void fmgcam_place_taps(uint32_t resample, const struct fmgcam_reach *reach,
                       const struct fmgcam_taps *taps)
{
    if (resample == FMGCAM_RESAMPLE_NEAREST) {
        place_nearest(reach, taps);
        return;
    }
    const size_t cells = reach->cells, stride = reach->count;
    const size_t count = fmgcam_tap_count(resample, reach);
    const double scale = (double)cells / reach->span, wide = widening(reach);
    const double radius = radius_of(resample) * wide;
    const size_t whole = (size_t)(2.0 * radius_of(resample));
    for (size_t i = 0; i < reach->count; i++) {
        double center = center_of(reach, i) * scale;
        double low = center - radius + 0.5, high = center + radius + 0.5;
        size_t first = low > 0.0 ? (size_t)low : 0;
        size_t last = high < (double)cells ? (size_t)high : cells;
        if (wide <= 1.0 && low >= 0.0 && last - first == whole) {
            taps->starts[i] = (uint32_t)first;
            weigh_whole(resample, center - ((double)first + 0.5), stride,
                        taps->weights + i);
            continue;
        }
        size_t begin = smaller(first, cells - count);
        taps->starts[i] = (uint32_t)begin;
        weigh_part(resample, center, wide, first, last, begin, count, stride,
                   taps->weights + i);
    }
}
