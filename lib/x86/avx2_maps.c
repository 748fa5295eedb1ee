/* SPDX-License-Identifier: MIT */
/* The hot loops of stages 1 and 2 for AVX2, and the table. */
#include "avx2.h"

/* ---- Stage 1: rows ------------------------------------------------------- */

/* The row's 16 lanes, of which the first and the second half are added at once:
 * lane i takes lane i + 8. @p low and @p high: the lanes of the @p cells mod 16
 * that are left over. */
KERNEL_INLINE __m256 sum_row(const float *row, size_t cells, __m256i low,
                             __m256i high)
{
    __m256 first = _mm256_setzero_ps(), second = first;
    size_t s = 0;
    for (; s + FMGCAM_LANES <= cells; s += FMGCAM_LANES) {
        prefetch(row + s, AHEAD_BYTES);
        first = _mm256_add_ps(first, _mm256_loadu_ps(row + s));
        second = _mm256_add_ps(second, _mm256_loadu_ps(row + s + WIDTH));
    }
    if (s < cells)
        first = _mm256_add_ps(first, _mm256_maskload_ps(row + s, low));
    if (s + WIDTH < cells)
        second =
            _mm256_add_ps(second, _mm256_maskload_ps(row + s + WIDTH, high));
    return _mm256_add_ps(first, second);
}

/* The tree for two vectors at a time, whose results share one: from 8 lanes
 * each to 4, from 4 to 2, from 2 to 1. */
KERNEL_INLINE __m256 fold_halves(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20),
                         _mm256_permute2f128_ps(a, b, 0x31));
}

KERNEL_INLINE __m256 fold_quarters(__m256 a, __m256 b)
{
    __m256d x = _mm256_castps_pd(a), y = _mm256_castps_pd(b);
    return _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(x, y)),
                         _mm256_castpd_ps(_mm256_unpackhi_pd(x, y)));
}

KERNEL_INLINE __m256 fold_pairs(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x88),
                         _mm256_shuffle_ps(a, b, 0xdd));
}

/* The means of 8 rows. */
KERNEL_INLINE __m256 fold_rows(const __m256 rows[8], __m256 cells)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256 sums = fold_pairs(fold_quarters(fold_halves(rows[0], rows[1]),
                                           fold_halves(rows[2], rows[3])),
                             fold_quarters(fold_halves(rows[4], rows[5]),
                                           fold_halves(rows[6], rows[7])));
    return _mm256_div_ps(_mm256_permutevar8x32_ps(sums, order), cells);
}

/* Up to 8 channels of a group. Constant: @p cells. */
KERNEL_INLINE void pool_group(const struct fmgcam_rows *rows, size_t cells,
                              float *weights, size_t weights_stride)
{
    size_t rest = cells % FMGCAM_LANES;
    const __m256i low = first_lanes(smaller(rest, WIDTH));
    const __m256i high = first_lanes(rest < WIDTH ? 0 : rest - WIDTH);
    __m256 sums[FMGCAM_POOL_CLASSES][WIDTH];
    for (size_t i = 0; i < rows->channels; i++) {
        const float *row = rows->data + (ptrdiff_t)i * rows->stride_c;
        if (rows->soon)
            prefetch_row(rows->soon + (ptrdiff_t)i * rows->soon_stride, cells,
                         0);
        for (size_t k = 0; k < rows->classes; k++, row += rows->stride_k)
            sums[k][i] = sum_row(row, cells, low, high);
    }
    for (size_t k = 0; k < rows->classes; k++) {
        for (size_t i = rows->channels; i < WIDTH; i++)
            sums[k][i] = _mm256_setzero_ps();
        _mm256_maskstore_ps(weights + k * weights_stride,
                            first_lanes(rows->channels),
                            fold_rows(sums[k], _mm256_set1_ps((float)cells)));
    }
}

KERNEL static void pool_any_group(const struct fmgcam_rows *rows,
                                  float *weights, size_t weights_stride)
{
    if (rows->cells == FMGCAM_FUSED_CELLS)
        pool_group(rows, FMGCAM_FUSED_CELLS, weights, weights_stride);
    else
        pool_group(rows, rows->cells, weights, weights_stride);
}

KERNEL static void pool_rows(const struct fmgcam_rows *rows, float *weights,
                             size_t weights_stride)
{
    fmgcam_pool_groups(rows, WIDTH, pool_any_group, weights, weights_stride);
}

/* ---- Copies --------------------------------------------------------------- */

KERNEL static void widen_halves(const uint16_t *from, size_t count, float *to)
{
    size_t i = 0;
    for (; i + WIDTH <= count; i += WIDTH) {
        __m128i halves =
            _mm_loadu_si128((const __m128i *)(const void *)(from + i));
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(halves));
    }
    for (; i < count; i++)
        to[i] = _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(from[i])));
}

/* ---- Transposing --------------------------------------------------------- */

/* 8 x 8 in registers: pairs, fours, then halves. */
KERNEL_INLINE void transpose_block(__m256 rows[8])
{
    __m256 pairs[8], fours[8];
    EACH (i, 4) {
        pairs[2 * i] = _mm256_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm256_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
    }
    EACH (i, 2)
        EACH (j, 2) {
            __m256d a = _mm256_castps_pd(pairs[4 * i + j]);
            __m256d b = _mm256_castps_pd(pairs[4 * i + j + 2]);
            fours[4 * i + 2 * j] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
            fours[4 * i + 2 * j + 1] =
                _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
        }
    EACH (j, 4) {
        rows[j] = _mm256_permute2f128_ps(fours[j], fours[j + 4], 0x20);
        rows[j + 4] = _mm256_permute2f128_ps(fours[j], fours[j + 4], 0x31);
    }
}

/* ---- The loops for vectors of any width ---------------------------------- */

enum { TILE_SUMS = 12, BLOCK_VECTORS = 8 };

#include "maps.h"

/* ---- The table ----------------------------------------------------------- */

void fmgcam_use_avx2_kernels(struct fmgcam_kernels *kernels)
{
    kernels->pool_rows = pool_rows;
    kernels->pool_columns = pool_columns;
    kernels->widen_halves = widen_halves;
    kernels->transpose = transpose;
    kernels->combine = combine;
    kernels->add_products = add_products;
    kernels->stretch = fmgcam_avx2_stretch;
    kernels->shade_mixed = fmgcam_avx2_shade_mixed;
    kernels->shade_contest = fmgcam_avx2_shade_contest;
    kernels->shade_ramp = fmgcam_avx2_shade_ramp;
}
