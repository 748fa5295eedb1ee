/* SPDX-License-Identifier: MIT */
/* Stage 7, the scales of what is drawn from signed maps: by what a resampled
 * value is multiplied to be evidence in 0...1. */
#include "internal.h"

#include <float.h>
#include <math.h>

/* Multiply all values by the power of two that brings the largest magnitude to
 * 2^100 and a little, and return it. It changes no winner. Values of any scale
 * then leave room for sums between the cells, and what makes evidence of them
 * is a float, down to classes that are 2^-227 of the strongest. */
static double scale_in_place(float *planes, size_t count)
{
    float peak = 0.0f;
    for (size_t i = 0; i < count; i++)
        peak = fmaxf(peak, fabsf(planes[i]));
    int exponent;
    frexpf(peak, &exponent);
    double factor = peak > 0.0f ? ldexp(1.0, 101 - exponent) : 1.0;
    for (size_t i = 0; i < count; i++)
        planes[i] = (float)((double)planes[i] * factor);
    return factor;
}

/* Norm and peak of the positive part of a map. */
struct strength {
    double norm, peak;
};

static struct strength measure(const float *map, size_t cells)
{
    double squares = 0.0, peak = 0.0;
    for (size_t s = 0; s < cells; s++) {
        double value = (double)map[s];
        if (value > 0.0) {
            squares += value * value;
            peak = fmax(peak, value);
        }
    }
    return (struct strength){sqrt(squares), peak};
}

static double probability_of(const fmgcam_options *options,
                             const struct fmgcam_view *probabilities, size_t k)
{
    if (options->normalize != FMGCAM_NORMALIZE_PROBABILITY)
        return 1.0;
    return (double)fmgcam_view_at(probabilities, k, 0, 0);
}

/* q_k of a map whose values were multiplied by @p factor, before they are
 * rescaled together. */
static double scale_of(const fmgcam_options *options,
                       const struct fmgcam_view *probabilities, size_t k,
                       struct strength map, double factor)
{
    double probability = probability_of(options, probabilities, k);
    if (map.peak <= 0.0 || probability <= 0.0)
        return 0.0;
    if (options->rescale == FMGCAM_RESCALE_CLASS)
        return 1.0 / map.peak;
    switch (options->normalize) {
    case FMGCAM_NORMALIZE_NONE: return 1.0 / factor;
    case FMGCAM_NORMALIZE_MAX: return 1.0 / map.peak;
    case FMGCAM_NORMALIZE_PROBABILITY: return probability / factor;
    default: return 1.0 / map.norm;
    }
}

/* scales[k] makes evidence of a signed value: q_k / m with
 *   q_k = 1 / ||relu(M_k)||_2, 0 if that is 0   (1 with normalize none, 1 / max
 *                                               M_k with max, p_k with
 *                                               probability)
 *   m   = max over k and s of q_k relu(M_k[s])  (with rescale class that of
 *                                               the class, with none 1) */
void fmgcam_scale_contest(const fmgcam_options *options,
                          const struct fmgcam_view *probabilities,
                          float *planes, size_t classes, size_t cells,
                          float *scales)
{
    double factor = scale_in_place(planes, classes * cells);
    int joint = options->rescale == FMGCAM_RESCALE_STACK;
    double highest = 0.0;
    for (size_t k = 0; k < classes && joint; k++) {
        struct strength map = measure(planes + k * cells, cells);
        highest = fmax(highest, map.peak * scale_of(options, probabilities, k,
                                                    map, factor));
    }
    for (size_t k = 0; k < classes; k++) {
        struct strength map = measure(planes + k * cells, cells);
        double scale = scale_of(options, probabilities, k, map, factor);
        if (joint && highest > 0.0)
            scale /= highest;
        scales[k] = (float)fmin(scale, (double)FLT_MAX);
    }
}

/* 1 / max |M|, or with rescale none 1. */
float fmgcam_scale_signed(const fmgcam_options *options, float *plane,
                          size_t cells)
{
    double factor = scale_in_place(plane, cells);
    float peak = 0.0f;
    for (size_t s = 0; s < cells; s++)
        peak = fmaxf(peak, fabsf(plane[s]));
    if (peak == 0.0f)
        return 0.0f;
    double scale = options->rescale == FMGCAM_RESCALE_NONE ? 1.0 / factor
                                                           : 1.0 / (double)peak;
    return (float)fmin(scale, (double)FLT_MAX);
}
