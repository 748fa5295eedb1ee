/* SPDX-License-Identifier: MIT */
/* Vectors of AVX2. */
#ifndef FMGCAM_X86_AVX2_H
#define FMGCAM_X86_AVX2_H

#include "../kernels.h"
#include "../unroll.h"
#include "prefetch.h"

#include <immintrin.h>

#define KERNEL __attribute__((target("avx2,f16c")))
/* Inlined where some arguments are constants, so that loops over EACH of a
 * constant number unroll, and arrays of registers stay in registers. */
#define KERNEL_INLINE KERNEL static inline __attribute__((always_inline))

enum { WIDTH = 8 };

typedef __m256 vec;
/* Lanes of a vector, for loads and stores of a part of it. */
typedef __m256i vec_part;
/* What a comparison yields. */
typedef __m256 vec_mask;

/* The first @p count lanes, 0 to WIDTH. */
KERNEL_INLINE vec_part first_lanes(size_t count)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lanes);
}

KERNEL_INLINE vec vec_of(float value)
{
    return _mm256_set1_ps(value);
}

KERNEL_INLINE vec vec_load(const float *from)
{
    return _mm256_loadu_ps(from);
}

/* The part, or all of it where @p whole, a constant, says so. The other lanes are
 * 0, and their memory is not touched. */
KERNEL_INLINE vec vec_load_part(const float *from, int whole, vec_part part)
{
    return whole ? _mm256_loadu_ps(from) : _mm256_maskload_ps(from, part);
}

KERNEL_INLINE void vec_store_part(float *to, int whole, vec_part part,
                                  vec values)
{
    if (whole)
        _mm256_storeu_ps(to, values);
    else
        _mm256_maskstore_ps(to, part, values);
}

KERNEL_INLINE vec vec_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}

KERNEL_INLINE vec vec_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}

KERNEL_INLINE vec vec_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}

KERNEL_INLINE vec vec_div(vec a, vec b)
{
    return _mm256_div_ps(a, b);
}

/* The larger one; b where one is NaN or both are 0. */
KERNEL_INLINE vec vec_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

/* Of numbers, not NaN. */
KERNEL_INLINE vec vec_clamp(vec value, vec low, vec high)
{
    return _mm256_min_ps(_mm256_max_ps(value, low), high);
}

KERNEL_INLINE vec_mask vec_greater(vec a, vec b)
{
    return _mm256_cmp_ps(a, b, _CMP_GT_OQ);
}

KERNEL_INLINE vec vec_choose(vec_mask mask, vec yes, vec no)
{
    return _mm256_blendv_ps(no, yes, mask);
}

/* The index, larger than all before, where the mask says so. */
KERNEL_INLINE vec vec_raise(vec indices, vec_mask mask, uint32_t index)
{
    __m256i given = _mm256_and_si256(_mm256_castps_si256(mask),
                                     _mm256_set1_epi32((int)index));
    return _mm256_castsi256_ps(
        _mm256_max_epi32(_mm256_castps_si256(indices), given));
}

/* Lane indices[i] of the table in lane i. */
KERNEL_INLINE vec vec_pick(vec table, vec indices)
{
    return _mm256_permutevar8x32_ps(table, _mm256_castps_si256(indices));
}

/* max(x, 0) that keeps NaN. */
KERNEL_INLINE vec vec_relu(vec x)
{
    return _mm256_and_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_NLE_UQ), x);
}

/* Whole numbers, rounded towards 0. */
KERNEL_INLINE vec vec_whole(vec x)
{
    return _mm256_cvtepi32_ps(_mm256_cvttps_epi32(x));
}

/* table[4 * indices[i]] in lane i; indices are whole numbers. */
KERNEL_INLINE vec vec_gather4(const float *table, vec indices)
{
    __m256i at = _mm256_slli_epi32(_mm256_cvttps_epi32(indices), 2);
    return _mm256_i32gather_ps(table, at, sizeof *table);
}

/* Byte @p index of each lane's 4, as a number. */
KERNEL_INLINE vec vec_byte(vec bits, size_t index)
{
    __m256i down = _mm256_srli_epi32(_mm256_castps_si256(bits), 8 * (int)index);
    return _mm256_cvtepi32_ps(_mm256_and_si256(down, _mm256_set1_epi32(255)));
}

/* The kernels of avx2_draw.c. */
void fmgcam_avx2_stretch(const struct fmgcam_stretch *stretch);
void fmgcam_avx2_shade_mixed(const struct fmgcam_strip *strip,
                             const struct fmgcam_pixels *pixels);
void fmgcam_avx2_shade_contest(const struct fmgcam_strip *strip,
                               const struct fmgcam_pixels *pixels,
                               const struct fmgcam_contest *contest);
void fmgcam_avx2_shade_ramp(const struct fmgcam_strip *strip,
                            const struct fmgcam_pixels *given,
                            const struct fmgcam_ramp *ramp);

#endif
