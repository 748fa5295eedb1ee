/* SPDX-License-Identifier: MIT */
/* Vectors of AVX-512, as Ice Lake and Zen 4 have it. */
#ifndef FMGCAM_X86_AVX512_H
#define FMGCAM_X86_AVX512_H

#include "../kernels.h"
#include "../unroll.h"
#include "prefetch.h"

#include <immintrin.h>

#define KERNEL                                                                 \
 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")))
/* Inlined where some arguments are constants, so that loops over EACH of a
 * constant number unroll, and arrays of registers stay in registers. */
#define KERNEL_INLINE KERNEL static inline __attribute__((always_inline))

enum { WIDTH = 16 };

typedef __m512 vec;
/* Lanes of a vector, for loads and stores of a part of it. */
typedef __mmask16 vec_part;
/* What a comparison yields. */
typedef __mmask16 vec_mask;

/* The first @p count lanes, 0 to WIDTH. */
KERNEL_INLINE vec_part first_lanes(size_t count)
{
    return (__mmask16)((1u << count) - 1u);
}

KERNEL_INLINE vec vec_of(float value)
{
    return _mm512_set1_ps(value);
}

KERNEL_INLINE vec vec_load(const float *from)
{
    return _mm512_loadu_ps(from);
}

/* The part, or all of it where @p whole, a constant, says so. The other lanes are
 * 0, and their memory is not touched. */
KERNEL_INLINE vec vec_load_part(const float *from, int whole, vec_part part)
{
    return whole ? _mm512_loadu_ps(from) : _mm512_maskz_loadu_ps(part, from);
}

KERNEL_INLINE void vec_store_part(float *to, int whole, vec_part part,
                                  vec values)
{
    if (whole)
        _mm512_storeu_ps(to, values);
    else
        _mm512_mask_storeu_ps(to, part, values);
}

KERNEL_INLINE vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

KERNEL_INLINE vec vec_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}

KERNEL_INLINE vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}

KERNEL_INLINE vec vec_div(vec a, vec b)
{
    return _mm512_div_ps(a, b);
}

/* The larger one; b where one is NaN or both are 0. */
KERNEL_INLINE vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

/* Of numbers, not NaN. */
KERNEL_INLINE vec vec_clamp(vec value, vec low, vec high)
{
    return _mm512_min_ps(_mm512_max_ps(value, low), high);
}

KERNEL_INLINE vec_mask vec_greater(vec a, vec b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}

KERNEL_INLINE vec vec_choose(vec_mask mask, vec yes, vec no)
{
    return _mm512_mask_mov_ps(no, mask, yes);
}

/* The index, larger than all before, where the mask says so. */
KERNEL_INLINE vec vec_raise(vec indices, vec_mask mask, uint32_t index)
{
    return _mm512_castsi512_ps(
        _mm512_mask_set1_epi32(_mm512_castps_si512(indices), mask, (int)index));
}

/* Lane indices[i] of the table in lane i. */
KERNEL_INLINE vec vec_pick(vec table, vec indices)
{
    return _mm512_permutexvar_ps(_mm512_castps_si512(indices), table);
}

/* max(x, 0) that keeps NaN. */
KERNEL_INLINE vec vec_relu(vec x)
{
    return _mm512_maskz_mov_ps(
        _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NLE_UQ), x);
}

/* Whole numbers, rounded towards 0. */
KERNEL_INLINE vec vec_whole(vec x)
{
    return _mm512_cvtepi32_ps(_mm512_cvttps_epi32(x));
}

/* Without optimisation GCC's gathers are macros, which turn masks into short. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"

/* table[at[i]] in lane i, where it is of the @p part; else 0. */
KERNEL_INLINE vec gather(const float *table, __m512i at, vec_part part)
{
    return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), part, at, table,
                                    sizeof *table);
}

#pragma GCC diagnostic pop

/* table[4 * indices[i]] in lane i; indices are whole numbers. */
KERNEL_INLINE vec vec_gather4(const float *table, vec indices)
{
    __m512i at = _mm512_slli_epi32(_mm512_cvttps_epi32(indices), 2);
    return gather(table, at, first_lanes(WIDTH));
}

/* Byte @p index of each lane's 4, as a number. */
KERNEL_INLINE vec vec_byte(vec bits, size_t index)
{
    __m512i down =
        _mm512_srli_epi32(_mm512_castps_si512(bits), 8 * (unsigned)index);
    return _mm512_cvtepi32_ps(_mm512_and_epi32(down, _mm512_set1_epi32(255)));
}

/* The kernels of avx512_draw.c. */
void fmgcam_avx512_stretch(const struct fmgcam_stretch *stretch);
void fmgcam_avx512_shade_mixed(const struct fmgcam_strip *strip,
                               const struct fmgcam_pixels *pixels);
void fmgcam_avx512_shade_contest(const struct fmgcam_strip *strip,
                                 const struct fmgcam_pixels *pixels,
                                 const struct fmgcam_contest *contest);
void fmgcam_avx512_shade_ramp(const struct fmgcam_strip *strip,
                              const struct fmgcam_pixels *given,
                              const struct fmgcam_ramp *ramp);

#endif
