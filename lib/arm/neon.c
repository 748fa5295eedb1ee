/* SPDX-License-Identifier: MIT */
/* The hot loops for NEON, as every AArch64 has it. Those that are not here are
 * as good in C, whose four floats are one register. */
#include "../kernels.h"
#include "../unroll.h"

#include <arm_neon.h>

/* Inlined where some arguments are constants, so that loops over EACH of a
 * constant number unroll, and arrays of registers stay in registers. */
#define NEON_INLINE static inline __attribute__((always_inline))

enum { WIDTH = 4 };

/* ---- Stage 1 ------------------------------------------------------------- */

/* The row's 16 lanes, folded to 4. */
NEON_INLINE float32x4_t sum_row(const float *row, size_t cells)
{
    float32x4_t lanes[4];
    EACH (i, 4)
        lanes[i] = vdupq_n_f32(0.0f);
    size_t s = 0;
    for (; s + FMGCAM_LANES <= cells; s += FMGCAM_LANES)
        EACH (i, 4)
            lanes[i] = vaddq_f32(lanes[i], vld1q_f32(row + s + i * WIDTH));
    if (s < cells) {
        float rest[FMGCAM_LANES] = {0};
        memcpy(rest, row + s, (cells - s) * sizeof *rest);
        EACH (i, 4)
            lanes[i] = vaddq_f32(lanes[i], vld1q_f32(rest + i * WIDTH));
    }
    return vaddq_f32(vaddq_f32(lanes[0], lanes[2]),
                     vaddq_f32(lanes[1], lanes[3]));
}

/* Of two rows, from 4 lanes each to 2. */
NEON_INLINE float32x4_t fold_halves(float32x4_t a, float32x4_t b)
{
    float64x2_t x = vreinterpretq_f64_f32(a), y = vreinterpretq_f64_f32(b);
    return vaddq_f32(vreinterpretq_f32_f64(vzip1q_f64(x, y)),
                     vreinterpretq_f32_f64(vzip2q_f64(x, y)));
}

/* The sums of four rows. */
NEON_INLINE float32x4_t fold_rows(const float32x4_t rows[4])
{
    float32x4_t ab = fold_halves(rows[0], rows[1]);
    float32x4_t cd = fold_halves(rows[2], rows[3]);
    return vaddq_f32(vuzp1q_f32(ab, cd), vuzp2q_f32(ab, cd));
}

static void pool_class(const struct fmgcam_rows *rows, const float *data,
                       float *weights)
{
    const float32x4_t divisor = vdupq_n_f32((float)rows->cells);
    for (size_t c = 0; c < rows->channels; c += WIDTH) {
        size_t count = smaller(rows->channels - c, WIDTH);
        float32x4_t sums[WIDTH];
        float means[WIDTH];
        for (size_t i = 0; i < WIDTH; i++)
            sums[i] = i < count
                          ? sum_row(data + (ptrdiff_t)(c + i) * rows->stride_c,
                                    rows->cells)
                          : vdupq_n_f32(0.0f);
        vst1q_f32(means, vdivq_f32(fold_rows(sums), divisor));
        memcpy(weights + c, means, count * sizeof *means);
    }
}

static void pool_rows(const struct fmgcam_rows *rows, float *weights,
                      size_t weights_stride)
{
    for (size_t k = 0; k < rows->classes; k++)
        pool_class(rows, rows->data + (ptrdiff_t)k * rows->stride_k,
                   weights + k * weights_stride);
}

/* ---- Copies -------------------------------------------------------------- */

static void widen_halves(const uint16_t *from, size_t count, float *to)
{
    size_t i = 0;
    for (; i + WIDTH <= count; i += WIDTH)
        vst1q_f32(to + i,
                  vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from + i))));
    for (; i < count; i++)
        to[i] = fmgcam_widen_half(from[i]);
}

/* 4 x 4 in registers. */
NEON_INLINE void transpose_block(const float *from, ptrdiff_t from_stride,
                                 float *to, size_t to_stride)
{
    float32x4_t a = vld1q_f32(from), b = vld1q_f32(from + from_stride);
    float32x4_t c = vld1q_f32(from + 2 * from_stride);
    float32x4_t d = vld1q_f32(from + 3 * from_stride);
    float32x4_t ac = vzip1q_f32(a, c), bd = vzip1q_f32(b, d);
    vst1q_f32(to, vzip1q_f32(ac, bd));
    vst1q_f32(to + to_stride, vzip2q_f32(ac, bd));
    ac = vzip2q_f32(a, c);
    bd = vzip2q_f32(b, d);
    vst1q_f32(to + 2 * to_stride, vzip1q_f32(ac, bd));
    vst1q_f32(to + 3 * to_stride, vzip2q_f32(ac, bd));
}

static void transpose(const float *from, ptrdiff_t from_stride, size_t channels,
                      size_t cells, float *to, size_t to_stride)
{
    for (size_t s = 0; s < cells; s += WIDTH)
        for (size_t c = 0; c < channels; c += WIDTH) {
            const float *block = from + (ptrdiff_t)s * from_stride + c;
            float *out = to + c * to_stride + s;
            size_t across = smaller(channels - c, WIDTH);
            size_t down = smaller(cells - s, WIDTH);
            if (across == WIDTH && down == WIDTH)
                transpose_block(block, from_stride, out, to_stride);
            else
                for (size_t i = 0; i < down; i++)
                    for (size_t j = 0; j < across; j++)
                        out[j * to_stride + i] =
                            block[(ptrdiff_t)i * from_stride + (ptrdiff_t)j];
        }
}

/* ---- Stage 2 ------------------------------------------------------------- */

/* Classes and vectors of cells whose sums stay in registers. */
enum { TILE_CLASSES = 5, TILE_VECTORS = 4 };

/* Constants: @p classes, @p vectors. */
NEON_INLINE void add_tile(const struct fmgcam_products *p, size_t classes,
                          size_t vectors)
{
    float32x4_t sums[TILE_CLASSES][TILE_VECTORS], row[TILE_VECTORS];
    EACH (k, classes)
        EACH (v, vectors)
            sums[k][v] = vld1q_f32(p->maps + k * p->maps_stride + v * WIDTH);
    for (size_t c = 0; c < p->channels; c++) {
        const float *at = p->rows + (ptrdiff_t)c * p->rows_stride;
        EACH (v, vectors)
            row[v] = vld1q_f32(at + v * WIDTH);
        EACH (k, classes) {
            float weight = p->weights[k * p->weights_stride + c];
            EACH (v, vectors)
                sums[k][v] = vaddq_f32(sums[k][v], vmulq_n_f32(row[v], weight));
        }
    }
    EACH (k, classes)
        EACH (v, vectors)
            vst1q_f32(p->maps + k * p->maps_stride + v * WIDTH, sums[k][v]);
}

/* Less than a vector. */
static void add_cells(const struct fmgcam_products *p, size_t classes,
                      size_t cells)
{
    for (size_t k = 0; k < classes; k++)
        for (size_t s = 0; s < cells; s++) {
            float sum = p->maps[k * p->maps_stride + s];
            for (size_t c = 0; c < p->channels; c++)
                sum += p->weights[k * p->weights_stride + c] *
                       p->rows[(ptrdiff_t)c * p->rows_stride + (ptrdiff_t)s];
            p->maps[k * p->maps_stride + s] = sum;
        }
}

/* Constant: @p classes. */
NEON_INLINE void add_tiles_of(const struct fmgcam_products *given,
                              size_t classes, size_t cells)
{
    struct fmgcam_products p = *given;
    while (cells >= WIDTH) {
        size_t step =
            cells >= TILE_VECTORS * WIDTH ? TILE_VECTORS * WIDTH : WIDTH;
        if (step == WIDTH)
            add_tile(&p, classes, 1);
        else
            add_tile(&p, classes, TILE_VECTORS);
        p.rows += step;
        p.maps += step;
        cells -= step;
    }
    add_cells(&p, classes, cells);
}

static void add_tiles(const struct fmgcam_products *p, size_t classes,
                      size_t cells)
{
    switch (classes) {
    case 5: add_tiles_of(p, 5, cells); break;
    case 4: add_tiles_of(p, 4, cells); break;
    case 3: add_tiles_of(p, 3, cells); break;
    case 2: add_tiles_of(p, 2, cells); break;
    default: add_tiles_of(p, 1, cells); break;
    }
}

static void combine(const struct fmgcam_products *p, size_t classes,
                    size_t cells)
{
    fmgcam_combine_groups(p, classes, cells, TILE_CLASSES, add_tiles);
}

/* ---- Stage 7 ------------------------------------------------------------- */

/* 8 pixels at a time, in two registers. */
enum { PIXELS = 8 };

typedef struct pair {
    float32x4_t low, high;
} pair;

NEON_INLINE pair sum_lines(const struct fmgcam_strip *strip, size_t plane,
                           size_t x)
{
    size_t at = plane * strip->plane_stride + x;
    const float *line = strip->lines[0] + at;
    pair sum = {vmulq_n_f32(vld1q_f32(line), strip->weights[0]),
                vmulq_n_f32(vld1q_f32(line + WIDTH), strip->weights[0])};
    for (size_t j = 1; j < strip->taps; j++) {
        float weight = strip->weights[j];
        line = strip->lines[j] + at;
        sum.low = vaddq_f32(sum.low, vmulq_n_f32(vld1q_f32(line), weight));
        sum.high =
            vaddq_f32(sum.high, vmulq_n_f32(vld1q_f32(line + WIDTH), weight));
    }
    return sum;
}

NEON_INLINE float32x4_t clamp(float32x4_t value, float low, float high)
{
    value = vmaxq_f32(value, vdupq_n_f32(low));
    return vminq_f32(value, vdupq_n_f32(high));
}

NEON_INLINE pair widen_bytes(uint8x8_t bytes)
{
    uint16x8_t words = vmovl_u8(bytes);
    return (pair){vcvtq_f32_u32(vmovl_u16(vget_low_u16(words))),
                  vcvtq_f32_u32(vmovl_u16(vget_high_u16(words)))};
}

/* To nearest, ties to even, clamped to 0...255. */
NEON_INLINE uint8x8_t round_levels(pair values)
{
    const float32x4_t most = vdupq_n_f32(255.0f);
    int32x4_t low = vcvtnq_s32_f32(vminq_f32(values.low, most));
    int32x4_t high = vcvtnq_s32_f32(vminq_f32(values.high, most));
    return vqmovn_u16(vcombine_u16(vqmovun_s32(low), vqmovun_s32(high)));
}

/* The levels of one channel: keep * under + colour. */
NEON_INLINE uint8x8_t blend_channel(uint8x8_t under, pair keep, pair color)
{
    pair value = widen_bytes(under);
    value.low = vaddq_f32(vmulq_f32(keep.low, value.low), color.low);
    value.high = vaddq_f32(vmulq_f32(keep.high, value.high), color.high);
    return round_levels(value);
}

/* Of @p width pixels from x on, keep * under + colour, or the colour alone. */
NEON_INLINE void store_triples(const struct fmgcam_pixels *pixels, size_t x,
                               size_t width, pair keep, const pair colors[3])
{
    uint8_t copy[3 * PIXELS], *out = pixels->out + 3 * x;
    size_t used = 3 * smaller(width - x, PIXELS);
    uint8x8x3_t levels;
    if (pixels->under) {
        const uint8_t *from = pixels->under + 3 * x;
        if (used < sizeof copy) {
            memset(copy, 0, sizeof copy);
            from = memcpy(copy, from, used);
        }
        uint8x8x3_t under = vld3_u8(from);
        EACH (i, 3)
            levels.val[i] = blend_channel(under.val[i], keep, colors[i]);
    } else {
        EACH (i, 3)
            levels.val[i] = round_levels(colors[i]);
    }
    if (used == sizeof copy) {
        vst3_u8(out, levels);
    } else {
        vst3_u8(copy, levels);
        memcpy(out, copy, used);
    }
}

/* The same of pixels with an alpha. */
NEON_INLINE void store_quads(const struct fmgcam_pixels *pixels, size_t x,
                             size_t width, pair keep, const pair colors[3])
{
    uint8_t copy[4 * PIXELS], *out = pixels->out + 4 * x;
    size_t used = 4 * smaller(width - x, PIXELS);
    uint8x8x4_t levels;
    if (pixels->under) {
        const uint8_t *from = pixels->under + 4 * x;
        if (used < sizeof copy) {
            memset(copy, 0, sizeof copy);
            from = memcpy(copy, from, used);
        }
        uint8x8x4_t under = vld4_u8(from);
        EACH (i, 3)
            levels.val[i] = blend_channel(under.val[i], keep, colors[i]);
        levels.val[3] = under.val[3];
    } else {
        EACH (i, 3)
            levels.val[i] = round_levels(colors[i]);
        levels.val[3] = vdup_n_u8(255);
    }
    if (used == sizeof copy) {
        vst4_u8(out, levels);
    } else {
        vst4_u8(copy, levels);
        memcpy(out, copy, used);
    }
}

NEON_INLINE void store_pixels(const struct fmgcam_pixels *pixels, size_t x,
                              size_t width, pair keep, const pair colors[3])
{
    if (pixels->bytes == 4)
        store_quads(pixels, x, width, keep, colors);
    else
        store_triples(pixels, x, width, keep, colors);
}

static void shade_mixed(const struct fmgcam_strip *given,
                        const struct fmgcam_pixels *given_pixels)
{
    /* Copies, which no store to the picture can change. */
    const struct fmgcam_strip strip = *given;
    const struct fmgcam_pixels pixels = *given_pixels;
    const float32x4_t one = vdupq_n_f32(1.0f);
    float32x4_t rest = vdupq_n_f32(1.0f - pixels.alpha);
    pair keep = {rest, rest}, colors[3];
    for (size_t x = 0; x < strip.width; x += PIXELS) {
        if (pixels.under && !pixels.constant) {
            pair evidence = sum_lines(&strip, 3, x);
            keep.low = vsubq_f32(one, clamp(evidence.low, 0, pixels.alpha));
            keep.high = vsubq_f32(one, clamp(evidence.high, 0, pixels.alpha));
        }
        EACH (i, 3)
            colors[i] = sum_lines(&strip, i, x);
        store_pixels(&pixels, x, strip.width, keep, colors);
    }
}

/* Half of the pixels of a contest, so far. */
struct half {
    float32x4_t best, scale;
    uint32x4_t color;
};

NEON_INLINE void challenge(struct half *half, float32x4_t value, float scale,
                           uint32_t color)
{
    uint32x4_t wins = vcgtq_f32(value, half->best);
    half->best = vbslq_f32(wins, value, half->best);
    half->scale = vbslq_f32(wins, vdupq_n_f32(scale), half->scale);
    half->color = vbslq_u32(wins, vdupq_n_u32(color), half->color);
}

NEON_INLINE float32x4_t strength_of(const struct half *half, float alpha)
{
    return vmulq_n_f32(clamp(vmulq_f32(half->best, half->scale), 0, 1), alpha);
}

NEON_INLINE float32x4_t color_of(const struct half *half, float32x4_t strength,
                                 size_t channel)
{
    int32x4_t down = vdupq_n_s32(-8 * (int32_t)channel);
    uint32x4_t level =
        vandq_u32(vshlq_u32(half->color, down), vdupq_n_u32(255));
    return vmulq_f32(strength, vcvtq_f32_u32(level));
}

static void shade_contest(const struct fmgcam_strip *given,
                          const struct fmgcam_pixels *given_pixels,
                          const struct fmgcam_contest *contest)
{
    const struct fmgcam_strip strip = *given;
    const struct fmgcam_pixels pixels = *given_pixels;
    const float32x4_t one = vdupq_n_f32(1.0f), zero = vdupq_n_f32(0.0f);
    const float32x4_t rest = vdupq_n_f32(1.0f - pixels.alpha);
    pair colors[3];
    for (size_t x = 0; x < strip.width; x += PIXELS) {
        struct half low = {zero, zero, vdupq_n_u32(0)}, high = low;
        for (size_t k = 0; k < contest->classes; k++) {
            pair value = sum_lines(&strip, k, x);
            challenge(&low, value.low, contest->scales[k], contest->colors[k]);
            challenge(&high, value.high, contest->scales[k],
                      contest->colors[k]);
        }
        pair strength = {strength_of(&low, pixels.alpha),
                         strength_of(&high, pixels.alpha)};
        pair keep = {rest, rest};
        if (!pixels.constant)
            keep = (pair){vsubq_f32(one, strength.low),
                          vsubq_f32(one, strength.high)};
        EACH (i, 3)
            colors[i] = (pair){color_of(&low, strength.low, i),
                               color_of(&high, strength.high, i)};
        store_pixels(&pixels, x, strip.width, keep, colors);
    }
}

/* ---- The table ----------------------------------------------------------- */

void fmgcam_use_neon_kernels(struct fmgcam_kernels *kernels)
{
    kernels->pool_rows = pool_rows;
    kernels->widen_halves = widen_halves;
    kernels->transpose = transpose;
    kernels->combine = combine;
    kernels->shade_mixed = shade_mixed;
    kernels->shade_contest = shade_contest;
}
