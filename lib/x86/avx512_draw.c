/* SPDX-License-Identifier: MIT */
/* The hot loops of stage 7 for AVX-512. */
#include "avx512.h"

/* ---- Stage 7 ------------------------------------------------------------- */

/* Cells that are read by 16 pixels are taken from two registers, if they all
 * fit. */
KERNEL_INLINE __m512 pick_cells(const float *cells, size_t count, __m512i at)
{
    __m512 low =
        _mm512_maskz_loadu_ps(first_lanes(smaller(count, WIDTH)), cells);
    if (count <= WIDTH)
        return _mm512_permutexvar_ps(at, low);
    __m512 high = _mm512_maskz_loadu_ps(
        first_lanes(smaller(count - WIDTH, WIDTH)), cells + WIDTH);
    return _mm512_permutex2var_ps(low, at, high);
}

KERNEL void fmgcam_avx512_stretch(const struct fmgcam_stretch *s)
{
    const __m512i one = _mm512_set1_epi32(1);
    for (size_t x = 0; x < s->width; x += WIDTH) {
        size_t width = smaller(s->width - x, WIDTH);
        __mmask16 mask = first_lanes(width);
        uint32_t start = s->starts[x];
        size_t reach = s->starts[x + width - 1] - start + s->taps;
        const float *cells = s->cells + start;
        __m512i at = _mm512_maskz_sub_epi32(
            mask, _mm512_maskz_loadu_epi32(mask, s->starts + x),
            _mm512_set1_epi32((int)start));
        __m512 sum = _mm512_setzero_ps();
        for (size_t j = 0; j < s->taps; j++) {
            __m512 cell = reach <= (size_t)2 * WIDTH
                              ? pick_cells(cells, s->count - start, at)
                              : gather(cells, at, mask);
            __m512 weight = _mm512_maskz_loadu_ps(
                mask, s->weights + j * s->weights_stride + x);
            __m512 term = _mm512_mul_ps(weight, cell);
            sum = j == 0 ? term : _mm512_add_ps(sum, term);
            at = _mm512_add_epi32(at, one);
        }
        _mm512_storeu_ps(s->out + x, sum);
    }
}

/* 16 pixels are 48 bytes; red, green and blue have a register each. */

KERNEL_INLINE __mmask64 first_bytes(size_t count)
{
    return ((__mmask64)1 << count) - 1;
}

/* The channel's bytes of 16 pixels, as floats. */
KERNEL_INLINE __m512 take_channel(__m512i bytes, size_t channel)
{
    const __m512i first = _mm512_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21, 24, 27,
                                            30, 33, 36, 39, 42, 45);
    const __mmask64 lowest = 0x1111111111111111; /* of four */
    __m512i at = _mm512_add_epi32(first, _mm512_set1_epi32((int)channel));
    return _mm512_cvtepi32_ps(_mm512_maskz_permutexvar_epi8(lowest, at, bytes));
}

/* Numbers from INT_MIN on, to nearest, ties to even. Packing clamps to 0...255,
 * but what is beyond INT_MAX must not get there. */
KERNEL_INLINE __m512i round_levels(__m512 values)
{
    return _mm512_cvtps_epi32(_mm512_min_ps(values, _mm512_set1_ps(255.0f)));
}

/* 16 pixels as 48 bytes. */
KERNEL_INLINE __m512i pack_pixels(__m512i red, __m512i green, __m512i blue)
{
    /* Four pixels in each 128 bits: rrrr gggg bbbb bbbb. */
    __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(red, green),
                                        _mm512_packs_epi32(blue, blue));
#define FOUR(i)                                                                \
 (i), (i) + 4, (i) + 8, (i) + 1, (i) + 5, (i) + 9, (i) + 2, (i) + 6, (i) + 10, \
     (i) + 3, (i) + 7, (i) + 11
    static const uint8_t order[64] = {FOUR(0), FOUR(16), FOUR(32), FOUR(48)};
#undef FOUR
    return _mm512_permutexvar_epi8(_mm512_loadu_si512(order), bytes);
}

/* Of @p width pixels from x on, keep * under + colour, or the colour alone. */
KERNEL_INLINE void store_triples(const struct fmgcam_pixels *pixels, size_t x,
                                 size_t width, __m512 keep,
                                 const __m512 colors[3])
{
    __mmask64 mask = first_bytes(3 * (smaller(width - x, WIDTH)));
    __m512i levels[3];
    prefetch(pixels->out + 3 * x, (size_t)pixels->out_pitch);
    if (pixels->under) {
        prefetch(pixels->under + 3 * x, (size_t)pixels->under_pitch);
        __m512i under = _mm512_maskz_loadu_epi8(mask, pixels->under + 3 * x);
        EACH (i, 3)
            levels[i] = round_levels(_mm512_add_ps(
                _mm512_mul_ps(keep, take_channel(under, i)), colors[i]));
    } else {
        EACH (i, 3)
            levels[i] = round_levels(colors[i]);
    }
    _mm512_mask_storeu_epi8(pixels->out + 3 * x, mask,
                            pack_pixels(levels[0], levels[1], levels[2]));
}

/* The same of pixels with an alpha, each of which is a number of 32 bits. */
KERNEL_INLINE void store_quads(const struct fmgcam_pixels *pixels, size_t x,
                               size_t width, __m512 keep,
                               const __m512 colors[3])
{
    const __m512i opaque = _mm512_set1_epi32((int)0xff000000);
    const __m512i lowest = _mm512_set1_epi32(0xff);
    __mmask16 mask = first_lanes(smaller(width - x, WIDTH));
    __m512i result = opaque, bytes = _mm512_setzero_si512();
    prefetch(pixels->out + 4 * x, (size_t)pixels->out_pitch);
    if (pixels->under) {
        prefetch(pixels->under + 4 * x, (size_t)pixels->under_pitch);
        bytes = _mm512_maskz_loadu_epi32(mask, pixels->under + 4 * x);
        result = _mm512_and_si512(bytes, opaque);
    }
    EACH (i, 3) {
        __m512 value = colors[i];
        if (pixels->under)
            value = _mm512_add_ps(
                _mm512_mul_ps(keep,
                              _mm512_cvtepi32_ps(_mm512_and_si512(
                                  _mm512_srli_epi32(bytes, 8 * (unsigned int)i),
                                  lowest))),
                value);
        __m512i level =
            _mm512_max_epi32(round_levels(value), _mm512_setzero_si512());
        result = _mm512_or_si512(result,
                                 _mm512_slli_epi32(level, 8 * (unsigned int)i));
    }
    _mm512_mask_storeu_epi32(pixels->out + 4 * x, mask, result);
}

KERNEL_INLINE void store_pixels(const struct fmgcam_pixels *pixels, size_t x,
                                size_t width, __m512 keep,
                                const __m512 colors[3])
{
    if (pixels->bytes == 4)
        store_quads(pixels, x, width, keep, colors);
    else
        store_triples(pixels, x, width, keep, colors);
}

#define SHADE_MIXED   fmgcam_avx512_shade_mixed
#define SHADE_CONTEST fmgcam_avx512_shade_contest
#define SHADE_RAMP    fmgcam_avx512_shade_ramp

#include "shading.h"
