/* SPDX-License-Identifier: MIT */
/* The hot loops of stage 7 for AVX2. */
#include "avx2.h"

#include <string.h>

/* ---- Stage 7 ------------------------------------------------------------- */

/* Cells that are read by 8 pixels are taken from one register, if they all
 * fit. */
KERNEL void fmgcam_avx2_stretch(const struct fmgcam_stretch *s)
{
    const __m256i one = _mm256_set1_epi32(1);
    for (size_t x = 0; x < s->width; x += WIDTH) {
        size_t width = smaller(s->width - x, WIDTH);
        __m256i mask = first_lanes(width);
        uint32_t start = s->starts[x];
        size_t reach = s->starts[x + width - 1] - start + s->taps;
        const float *cells = s->cells + start;
        __m256i at = _mm256_maskload_epi32((const int *)(s->starts + x), mask);
        at = _mm256_and_si256(
            _mm256_sub_epi32(at, _mm256_set1_epi32((int)start)), mask);
        __m256 together = _mm256_maskload_ps(
            cells, first_lanes(smaller(s->count - start, WIDTH)));
        __m256 sum = _mm256_setzero_ps();
        for (size_t j = 0; j < s->taps; j++) {
            __m256 cell = reach <= WIDTH
                              ? _mm256_permutevar8x32_ps(together, at)
                              : _mm256_mask_i32gather_ps(
                                    _mm256_setzero_ps(), cells, at,
                                    _mm256_castsi256_ps(mask), sizeof *cells);
            __m256 weight = _mm256_maskload_ps(
                s->weights + j * s->weights_stride + x, mask);
            __m256 term = _mm256_mul_ps(weight, cell);
            sum = j == 0 ? term : _mm256_add_ps(sum, term);
            at = _mm256_add_epi32(at, one);
        }
        _mm256_storeu_ps(s->out + x, sum);
    }
    for (size_t x = (s->width + WIDTH - 1) / WIDTH * WIDTH;
         x % FMGCAM_STRIP_UNIT != 0; x++)
        s->out[x] = 0.0f;
}

/* 8 pixels are 24 bytes, 12 in each half of a register; red, green and blue
 * have one each. */
enum { PIXELS_BYTES = 24, HALF_BYTES = 12, READ_BYTES = HALF_BYTES + 16 };

/* Reads READ_BYTES. */
KERNEL_INLINE __m256i load_pixels(const uint8_t *from)
{
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)from);
    __m128i high =
        _mm_loadu_si128((const __m128i *)(const void *)(from + HALF_BYTES));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/* The channel's bytes of 8 pixels, as floats. */
KERNEL_INLINE __m256 take_channel(__m256i bytes, size_t channel)
{
    /* Of each half bytes 0, 3, 6, 9; the rest of each four becomes 0. */
    const __m256i first = _mm256_setr_epi32(
        (int)0x80808000, (int)0x80808003, (int)0x80808006, (int)0x80808009,
        (int)0x80808000, (int)0x80808003, (int)0x80808006, (int)0x80808009);
    __m256i at = _mm256_add_epi32(first, _mm256_set1_epi32((int)channel));
    return _mm256_cvtepi32_ps(_mm256_shuffle_epi8(bytes, at));
}

/* Numbers from INT_MIN on, to nearest, ties to even. Packing clamps to 0...255,
 * but what is beyond INT_MAX must not get there. */
KERNEL_INLINE __m256i round_levels(__m256 values)
{
    return _mm256_cvtps_epi32(_mm256_min_ps(values, _mm256_set1_ps(255.0f)));
}

KERNEL_INLINE void put_pixels(uint8_t *to, const __m256i levels[3])
{
    /* Four pixels in each half: rrrr gggg bbbb bbbb. */
    __m256i bytes =
        _mm256_packus_epi16(_mm256_packs_epi32(levels[0], levels[1]),
                            _mm256_packs_epi32(levels[2], levels[2]));
    const __m256i order = _mm256_setr_epi8(
        0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, -1, -1, -1, -1, /* */
        0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, -1, -1, -1, -1);
    const __m256i together = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
    bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(bytes, order),
                                        together);
    _mm_storeu_si128((__m128i *)(void *)to, _mm256_castsi256_si128(bytes));
    _mm_storel_epi64((__m128i *)(void *)(to + 16),
                     _mm256_extracti128_si256(bytes, 1));
}

/* Of @p width pixels from x on, keep * under + colour, or the colour alone. */
KERNEL_INLINE void store_triples(const struct fmgcam_pixels *pixels, size_t x,
                                 size_t width, __m256 keep,
                                 const __m256 colors[3])
{
    uint8_t copy[READ_BYTES], *out = pixels->out + 3 * x;
    size_t left = 3 * (width - x), used = smaller(left, PIXELS_BYTES);
    __m256i levels[3];
    prefetch(out, (size_t)pixels->out_pitch);
    if (pixels->under) {
        const uint8_t *under = pixels->under + 3 * x;
        prefetch(under, (size_t)pixels->under_pitch);
        if (left < READ_BYTES) {
            memset(copy, 0, sizeof copy);
            under = memcpy(copy, under, used);
        }
        __m256i bytes = load_pixels(under);
        EACH (i, 3)
            levels[i] = round_levels(_mm256_add_ps(
                _mm256_mul_ps(keep, take_channel(bytes, i)), colors[i]));
    } else {
        EACH (i, 3)
            levels[i] = round_levels(colors[i]);
    }
    if (used == PIXELS_BYTES) {
        put_pixels(out, levels);
    } else {
        put_pixels(copy, levels);
        memcpy(out, copy, used);
    }
}

/* The same of pixels with an alpha, each of which is a number of 32 bits. */
KERNEL_INLINE void store_quads(const struct fmgcam_pixels *pixels, size_t x,
                               size_t width, __m256 keep,
                               const __m256 colors[3])
{
    const __m256i opaque = _mm256_set1_epi32((int)0xff000000);
    const __m256i lowest = _mm256_set1_epi32(0xff);
    __m256i mask = first_lanes(smaller(width - x, WIDTH)), result = opaque;
    __m256i bytes = _mm256_setzero_si256();
    int *out = (int *)(void *)(pixels->out + 4 * x);
    prefetch(out, (size_t)pixels->out_pitch);
    if (pixels->under) {
        const void *under = pixels->under + 4 * x;
        prefetch(under, (size_t)pixels->under_pitch);
        bytes = _mm256_maskload_epi32(under, mask);
        result = _mm256_and_si256(bytes, opaque);
    }
    EACH (i, 3) {
        __m256 value = colors[i];
        if (pixels->under)
            value = _mm256_add_ps(
                _mm256_mul_ps(
                    keep, _mm256_cvtepi32_ps(_mm256_and_si256(
                              _mm256_srli_epi32(bytes, 8 * (int)i), lowest))),
                value);
        __m256i level =
            _mm256_max_epi32(round_levels(value), _mm256_setzero_si256());
        result = _mm256_or_si256(result, _mm256_slli_epi32(level, 8 * (int)i));
    }
    _mm256_maskstore_epi32(out, mask, result);
}

KERNEL_INLINE void store_pixels(const struct fmgcam_pixels *pixels, size_t x,
                                size_t width, __m256 keep,
                                const __m256 colors[3])
{
    if (pixels->bytes == 4)
        store_quads(pixels, x, width, keep, colors);
    else
        store_triples(pixels, x, width, keep, colors);
}

#define SHADE_MIXED   fmgcam_avx2_shade_mixed
#define SHADE_CONTEST fmgcam_avx2_shade_contest
#define SHADE_RAMP    fmgcam_avx2_shade_ramp

#include "shading.h"
