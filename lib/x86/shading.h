/* SPDX-License-Identifier: MIT */
/* Hot loops of stage 7 for vectors of any width. Included by the file of an
 * instruction set after its vectors and
 *
 *   store_pixels(pixels, x, width, keep, colors)
 *                    keep * under + colors, rounded, as WIDTH pixels at x
 *   SHADE_MIXED, SHADE_CONTEST, SHADE_RAMP
 *                    the names of the kernels */

/* A copy of the strip, which no store to the picture can change. Up to
 * MOST_TAPS weights are kept in registers; constant, as below: @p taps, or 0 for
 * any number. */
enum { MOST_TAPS = 4 };

struct reader {
    struct fmgcam_strip strip;
    const float *lines[MOST_TAPS];
    vec weights[MOST_TAPS];
};

KERNEL_INLINE struct reader open_reader(const struct fmgcam_strip *strip,
                                        size_t taps)
{
    struct reader reader = {.strip = *strip};
    EACH (j, taps) {
        reader.lines[j] = strip->lines[j];
        reader.weights[j] = vec_of(strip->weights[j]);
    }
    return reader;
}

KERNEL_INLINE vec sum_lines(const struct reader *reader, size_t taps,
                            size_t plane, size_t x)
{
    const struct fmgcam_strip *strip = &reader->strip;
    size_t at = plane * strip->plane_stride + x;
    if (taps == 0) {
        vec sum =
            vec_mul(vec_of(strip->weights[0]), vec_load(strip->lines[0] + at));
        for (size_t j = 1; j < strip->taps; j++)
            sum = vec_add(sum, vec_mul(vec_of(strip->weights[j]),
                                       vec_load(strip->lines[j] + at)));
        return sum;
    }
    vec sum = vec_mul(reader->weights[0], vec_load(reader->lines[0] + at));
    EACH (j, taps - 1)
        sum = vec_add(sum, vec_mul(reader->weights[j + 1],
                                   vec_load(reader->lines[j + 1] + at)));
    return sum;
}

/* ---- Mixed colours ------------------------------------------------------- */

/* Constant: @p wants_evidence. */
KERNEL_INLINE void shade_mixed_of(const struct fmgcam_strip *strip,
                                  const struct fmgcam_pixels *given,
                                  size_t taps, int wants_evidence)
{
    const struct fmgcam_pixels pixels = *given;
    const struct reader reader = open_reader(strip, taps);
    const size_t width = strip->width;
    const vec alpha = vec_of(pixels.alpha);
    const vec one = vec_of(1.0f), zero = vec_of(0.0f);
    vec keep = vec_sub(one, alpha);
    for (size_t x = 0; x < width; x += WIDTH) {
        if (wants_evidence)
            keep = vec_sub(
                one, vec_clamp(sum_lines(&reader, taps, 3, x), zero, alpha));
        vec colors[3];
        EACH (i, 3)
            colors[i] = sum_lines(&reader, taps, i, x);
        store_pixels(&pixels, x, width, keep, colors);
    }
}

KERNEL_INLINE void shade_mixed_by(const struct fmgcam_strip *strip,
                                  const struct fmgcam_pixels *pixels,
                                  size_t taps)
{
    if (pixels->under && !pixels->constant)
        shade_mixed_of(strip, pixels, taps, 1);
    else
        shade_mixed_of(strip, pixels, taps, 0);
}

KERNEL void SHADE_MIXED(const struct fmgcam_strip *strip,
                        const struct fmgcam_pixels *pixels)
{
    switch (strip->taps) {
    case 4: shade_mixed_by(strip, pixels, 4); break;
    case 2: shade_mixed_by(strip, pixels, 2); break;
    default: shade_mixed_by(strip, pixels, 0); break;
    }
}

/* ---- A contest ----------------------------------------------------------- */

/* The winners' colours as bits, and their evidence. */
struct winners {
    vec colors, evidence;
};

/* Classes in groups of WIDTH, whose scales and colours are taken from one
 * register by the rank of the winner in its group. */
KERNEL_INLINE struct winners hold_contest(const struct reader *reader,
                                          const struct fmgcam_contest *contest,
                                          size_t taps, size_t x)
{
    const float *color_bits = (const float *)(const void *)contest->colors;
    const vec zero = vec_of(0.0f);
    vec best = zero, scale = zero, colors = zero;
    for (size_t first = 0; first < contest->classes; first += WIDTH) {
        const size_t count = smaller(contest->classes - first, WIDTH);
        const vec_part part = first_lanes(count);
        const vec before = best;
        vec rank = zero;
        for (size_t k = 0; k < count; k++) {
            vec value = sum_lines(reader, taps, first + k, x);
            rank = vec_raise(rank, vec_greater(value, best), (uint32_t)k);
            best = vec_max(value, best);
        }
        vec_mask wins = vec_greater(best, before);
        scale = vec_choose(
            wins,
            vec_pick(vec_load_part(contest->scales + first, 0, part), rank),
            scale);
        colors = vec_choose(
            wins, vec_pick(vec_load_part(color_bits + first, 0, part), rank),
            colors);
    }
    return (struct winners){
        colors, vec_clamp(vec_mul(best, scale), zero, vec_of(1.0f))};
}

KERNEL_INLINE void shade_contest_of(const struct fmgcam_strip *strip,
                                    const struct fmgcam_pixels *given,
                                    const struct fmgcam_contest *given_contest,
                                    size_t taps)
{
    const struct fmgcam_pixels pixels = *given;
    const struct fmgcam_contest contest = *given_contest;
    const struct reader reader = open_reader(strip, taps);
    const size_t width = strip->width;
    const vec alpha = vec_of(pixels.alpha), one = vec_of(1.0f);
    for (size_t x = 0; x < width; x += WIDTH) {
        struct winners winners = hold_contest(&reader, &contest, taps, x);
        vec strength = vec_mul(alpha, winners.evidence), colors[3];
        vec keep = vec_sub(one, pixels.constant ? alpha : strength);
        EACH (i, 3)
            colors[i] = vec_mul(strength, vec_byte(winners.colors, i));
        store_pixels(&pixels, x, width, keep, colors);
    }
}

KERNEL void SHADE_CONTEST(const struct fmgcam_strip *strip,
                          const struct fmgcam_pixels *pixels,
                          const struct fmgcam_contest *contest)
{
    switch (strip->taps) {
    case 4: shade_contest_of(strip, pixels, contest, 4); break;
    case 2: shade_contest_of(strip, pixels, contest, 2); break;
    default: shade_contest_of(strip, pixels, contest, 0); break;
    }
}

/* ---- A colour map -------------------------------------------------------- */

/* Channel @p channel of the colours of values in 0...1. */
KERNEL_INLINE vec look_up(const struct fmgcam_ramp *ramp, vec shares,
                          size_t channel)
{
    const float last = (float)(ramp->count - 1);
    vec at = vec_mul(shares, vec_of(last));
    vec below = vec_clamp(vec_whole(at), vec_of(0.0f), vec_of(last - 1.0f));
    return vec_add(vec_gather4(ramp->colors[0] + channel, below),
                   vec_mul(vec_sub(at, below),
                           vec_gather4(ramp->rises[0] + channel, below)));
}

KERNEL void SHADE_RAMP(const struct fmgcam_strip *strip,
                       const struct fmgcam_pixels *given,
                       const struct fmgcam_ramp *ramp)
{
    const struct fmgcam_pixels pixels = *given;
    const struct reader reader = open_reader(strip, 0);
    const size_t width = strip->width;
    const int even = !pixels.under || pixels.constant;
    const vec alpha = vec_of(pixels.alpha), half = vec_of(0.5f);
    const vec one = vec_of(1.0f), zero = vec_of(0.0f);
    const vec low = vec_of(ramp->is_signed ? -1.0f : 0.0f);
    for (size_t x = 0; x < width; x += WIDTH) {
        vec value =
            vec_clamp(vec_mul(vec_of(ramp->scale), sum_lines(&reader, 0, 0, x)),
                      low, one);
        vec evidence = vec_max(value, vec_sub(zero, value));
        vec shares =
            ramp->is_signed ? vec_add(half, vec_mul(half, value)) : value;
        vec strength = even ? alpha : vec_mul(alpha, evidence), colors[3];
        EACH (i, 3)
            colors[i] = vec_mul(strength, look_up(ramp, shares, i));
        store_pixels(&pixels, x, width, vec_sub(one, strength), colors);
    }
}
