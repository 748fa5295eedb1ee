/* SPDX-License-Identifier: MIT */
/* The C reference of the hot loops of stage 7 that put colour on pixels.
 *
 * Order is part of the contract: it fixes the bits (docs/numerics.md). */
#include "kernels.h"

#include "vec4.h"

enum { WIDTH = 4, MOST_BYTES = 4 /* of a pixel */ };

typedef int32_t int4 __attribute__((vector_size(16)));

static inline vec4 spread(float value)
{
    return (vec4){value, value, value, value};
}

/* yes where the mask is all ones, no where it is 0. */
static inline vec4 choose(int4 mask, vec4 yes, vec4 no)
{
    return (vec4)(((int4)yes & mask) | ((int4)no & ~mask));
}

static inline vec4 clamp(vec4 value, float low, float high)
{
    value = choose(value > low, value, spread(low));
    return choose(value < high, value, spread(high));
}

static inline vec4 sum_lines(const struct fmgcam_strip *strip, size_t plane,
                             size_t x)
{
    size_t at = plane * strip->plane_stride + x;
    vec4 sum = strip->weights[0] * load4(strip->lines[0] + at);
    for (size_t j = 1; j < strip->taps; j++)
        sum += strip->weights[j] * load4(strip->lines[j] + at);
    return sum;
}

/* ---- Pixels -------------------------------------------------------------- */

/* To nearest, ties to even: the last 8 bits are the level, since those of 2^23 +
 * a number are the number. */
static inline int4 round_levels(vec4 values)
{
    return (int4)(clamp(values, 0.0f, 255.0f) + 0x1p23f);
}

static inline vec4 load_channel(const uint8_t *under, size_t bytes)
{
    int4 level = {under[0], under[bytes], under[2 * bytes], under[3 * bytes]};
    return __builtin_convertvector(level, vec4);
}

/* keep * under + colour, or the colour alone, of whole vectors. */
static inline void blend_pixels(const uint8_t *under, uint8_t *out,
                                size_t bytes, vec4 keep, const vec4 colors[3])
{
    int4 levels[3];
    for (size_t c = 0; c < 3; c++) {
        vec4 value = colors[c];
        if (under)
            value += keep * load_channel(under + c, bytes);
        levels[c] = round_levels(value);
    }
    for (size_t i = 0; i < WIDTH; i++) {
        for (size_t c = 0; c < 3; c++)
            out[bytes * i + c] = (uint8_t)levels[c][i];
        if (bytes == 4)
            out[4 * i + 3] = under ? under[4 * i + 3] : 255;
    }
}

static inline void store_pixels(const struct fmgcam_pixels *pixels, size_t x,
                                size_t width, vec4 keep, const vec4 colors[3])
{
    const size_t bytes = pixels->bytes == 4 ? 4 : 3;
    const uint8_t *under = pixels->under ? pixels->under + bytes * x : NULL;
    uint8_t *out = pixels->out + bytes * x, copy[MOST_BYTES * WIDTH];
    if (width - x >= WIDTH) {
        blend_pixels(under, out, bytes, keep, colors);
        return;
    }
    size_t used = bytes * (width - x);
    if (under)
        under = memcpy(copy, under, used);
    blend_pixels(under, copy, bytes, keep, colors);
    memcpy(out, copy, used);
}

/* ---- Mixed colours ------------------------------------------------------- */

static void shade_mixed(const struct fmgcam_strip *given,
                        const struct fmgcam_pixels *given_pixels)
{
    /* Copies, which no store to the picture can change. */
    const struct fmgcam_strip strip = *given;
    const struct fmgcam_pixels pixels = *given_pixels;
    vec4 keep = spread(1.0f - pixels.alpha), colors[3];
    for (size_t x = 0; x < strip.width; x += WIDTH) {
        if (pixels.under && !pixels.constant)
            keep = 1.0f - clamp(sum_lines(&strip, 3, x), 0.0f, pixels.alpha);
        for (size_t c = 0; c < 3; c++)
            colors[c] = sum_lines(&strip, c, x);
        store_pixels(&pixels, x, strip.width, keep, colors);
    }
}

/* ---- A contest ----------------------------------------------------------- */

/* The winners' colours, and alpha times their evidence. */
static inline int4 hold_contest(const struct fmgcam_strip *strip,
                                const struct fmgcam_contest *contest, size_t x,
                                float alpha, vec4 *strength)
{
    vec4 best = {0}, scale = {0}, winner = {0};
    for (size_t k = 0; k < contest->classes; k++) {
        int32_t color = (int32_t)contest->colors[k];
        vec4 value = sum_lines(strip, k, x);
        int4 wins = value > best;
        best = choose(wins, value, best);
        scale = choose(wins, spread(contest->scales[k]), scale);
        winner = choose(wins, (vec4)(int4){color, color, color, color}, winner);
    }
    *strength = alpha * clamp(best * scale, 0.0f, 1.0f);
    return (int4)winner;
}

static void shade_contest(const struct fmgcam_strip *given,
                          const struct fmgcam_pixels *given_pixels,
                          const struct fmgcam_contest *contest)
{
    const struct fmgcam_strip strip = *given;
    const struct fmgcam_pixels pixels = *given_pixels;
    vec4 colors[3], strength;
    for (size_t x = 0; x < strip.width; x += WIDTH) {
        int4 winner = hold_contest(&strip, contest, x, pixels.alpha, &strength);
        vec4 keep = 1.0f - (pixels.constant ? spread(pixels.alpha) : strength);
        for (int c = 0; c < 3; c++)
            colors[c] = strength *
                        __builtin_convertvector(winner >> (8 * c) & 255, vec4);
        store_pixels(&pixels, x, strip.width, keep, colors);
    }
}

/* ---- A colour map -------------------------------------------------------- */

/* The channels of one value, side by side. */
static inline vec4 color_of(const struct fmgcam_ramp *ramp, float value)
{
    float share = ramp->is_signed ? 0.5f + 0.5f * value : value;
    float at = share * (float)(ramp->count - 1);
    size_t below = smaller((size_t)at, ramp->count - 2);
    return load4(ramp->colors[below]) +
           (at - (float)below) * load4(ramp->rises[below]);
}

/* strength * color over (1 - strength) * under. */
static inline void put_pixel(const struct fmgcam_pixels *pixels, size_t x,
                             float strength, vec4 color)
{
    const size_t bytes = pixels->bytes == 4 ? 4 : 3;
    uint8_t *out = pixels->out + bytes * x, alpha = 255;
    vec4 value = strength * color;
    if (pixels->under) {
        const uint8_t *under = pixels->under + bytes * x;
        int4 level = {under[0], under[1], under[2], 0};
        value += (1.0f - strength) * __builtin_convertvector(level, vec4);
        alpha = bytes == 4 ? under[3] : alpha;
    }
    int4 levels = round_levels(value);
    for (size_t c = 0; c < 3; c++)
        out[c] = (uint8_t)levels[c];
    if (bytes == 4)
        out[3] = alpha;
}

static void shade_ramp(const struct fmgcam_strip *given,
                       const struct fmgcam_pixels *given_pixels,
                       const struct fmgcam_ramp *ramp)
{
    const struct fmgcam_strip strip = *given;
    const struct fmgcam_pixels pixels = *given_pixels;
    const int even = !pixels.under || pixels.constant;
    const vec4 none = {0};
    for (size_t x = 0; x < strip.width; x += WIDTH) {
        vec4 value = clamp(ramp->scale * sum_lines(&strip, 0, x),
                           ramp->is_signed ? -1.0f : 0.0f, 1.0f);
        vec4 evidence = choose(value > 0.0f, value, none - value);
        vec4 strength = even ? spread(pixels.alpha) : pixels.alpha * evidence;
        for (size_t i = 0; i < smaller(WIDTH, strip.width - x); i++)
            put_pixel(&pixels, x + i, strength[i], color_of(ramp, value[i]));
    }
}

void fmgcam_use_c_shading(struct fmgcam_kernels *kernels)
{
    kernels->shade_mixed = shade_mixed;
    kernels->shade_contest = shade_contest;
    kernels->shade_ramp = shade_ramp;
}
