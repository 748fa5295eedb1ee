/* SPDX-License-Identifier: MIT */
/* The hot loops of stages 1 and 2 for AVX-512, and the table. */
#include "avx512.h"

#include <string.h>

/* Whole vectors of a map of the usual size. Its last cell is left over. */
enum { FUSED_VECTORS = FMGCAM_FUSED_CELLS / WIDTH };

/* ---- Stage 1: rows ------------------------------------------------------- */

/* A row in aligned vectors: the first and the last one may be in part those of
 * other rows. So lane i of the sums is lane i + shift of the memory; the tree
 * below treats all lanes alike, and pairs of numbers can be added either way
 * round, so that a rotation changes no bit. It saves loads that cross a line. */
struct row_lanes {
    size_t shift, vectors;
    __mmask16 first, last; /* the lanes that are the row's */
};

KERNEL_INLINE struct row_lanes find_lanes(const float *row, size_t cells)
{
    size_t shift = (uintptr_t)row / sizeof *row % WIDTH;
    size_t end = shift + cells;
    return (struct row_lanes){
        .shift = shift,
        .vectors = (end + WIDTH - 1) / WIDTH,
        .first = (__mmask16)~first_lanes(shift),
        .last = first_lanes((end - 1) % WIDTH + 1),
    };
}

/* sum += *from where the mask says so; nothing else is read. What compilers make
 * of intrinsics for it takes an instruction more. */
KERNEL_INLINE __m512 add_masked(__m512 sum, __mmask16 mask, const float *from)
{
    __asm__("vaddps %2, %0, %0%{%1%}"
            : "+v"(sum)
            : "Yk"(mask), "m"(*(const __m512 *)(const void *)from));
    return sum;
}

/* The row's 16 lanes. @p vectors are those of @p lanes, possibly a constant. */
KERNEL_INLINE __m512 sum_row(const float *row, struct row_lanes lanes,
                             size_t vectors)
{
    const float *at = row - lanes.shift, *last = at + (vectors - 1) * WIDTH;
    prefetch(at, AHEAD_BYTES);
    if (vectors == 1)
        return _mm512_maskz_load_ps((__mmask16)(lanes.first & lanes.last), at);
    prefetch(at + WIDTH, AHEAD_BYTES);
    if (vectors == 2)
        return add_masked(_mm512_maskz_load_ps(lanes.first, at), lanes.last,
                          last);
    __m512 sum = add_masked(_mm512_load_ps(at + WIDTH), lanes.first, at);
    for (at += (ptrdiff_t)2 * WIDTH; at < last; at += WIDTH) {
        prefetch(at, AHEAD_BYTES);
        sum = _mm512_add_ps(sum, _mm512_load_ps(at));
    }
    return add_masked(sum, lanes.last, last);
}

/* The tree for two vectors at a time, whose results share one: from 16 lanes
 * each to 8, from 8 to 4, from 4 to 2, from 2 to 1. */
KERNEL_INLINE __m512 fold_halves(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44),
                         _mm512_shuffle_f32x4(a, b, 0xee));
}

KERNEL_INLINE __m512 fold_quarters(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88),
                         _mm512_shuffle_f32x4(a, b, 0xdd));
}

KERNEL_INLINE __m512 fold_eighths(__m512 a, __m512 b)
{
    __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
    return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)),
                         _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
}

KERNEL_INLINE __m512 fold_pairs(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88),
                         _mm512_shuffle_ps(a, b, 0xdd));
}

/* The means of 16 rows, of which two by two went through fold_halves(). A lane
 * that nothing was added to is +0 in the C kernel, and may be -0 here where all
 * cells are: adding +0 makes up for that. */
KERNEL_INLINE __m512 fold_rows(const __m512 halves[8], __m512 cells)
{
    const __m512i order =
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512 sums = fold_pairs(fold_eighths(fold_quarters(halves[0], halves[1]),
                                          fold_quarters(halves[2], halves[3])),
                             fold_eighths(fold_quarters(halves[4], halves[5]),
                                          fold_quarters(halves[6], halves[7])));
    sums = _mm512_permutexvar_ps(order, sums);
    return _mm512_div_ps(_mm512_add_ps(sums, _mm512_setzero_ps()), cells);
}

/* Up to 16 channels of a group. Constant: @p vectors of a row, or 0 where they
 * must be found. */
KERNEL_INLINE void pool_group(const struct fmgcam_rows *rows, size_t vectors,
                              float *weights, size_t weights_stride)
{
    __m512 sums[FMGCAM_POOL_CLASSES][WIDTH];
    for (size_t i = 0; i < rows->channels; i++) {
        const float *row = rows->data + (ptrdiff_t)i * rows->stride_c;
        if (rows->soon)
            prefetch_row(rows->soon + (ptrdiff_t)i * rows->soon_stride,
                         rows->cells, 0);
        for (size_t k = 0; k < rows->classes; k++, row += rows->stride_k) {
            struct row_lanes lanes = find_lanes(row, rows->cells);
            sums[k][i] = sum_row(row, lanes, vectors ? vectors : lanes.vectors);
        }
    }
    for (size_t k = 0; k < rows->classes; k++) {
        for (size_t i = rows->channels; i < WIDTH; i++)
            sums[k][i] = _mm512_setzero_ps();
        __m512 halves[8];
        EACH (i, 8)
            halves[i] = fold_halves(sums[k][2 * i], sums[k][2 * i + 1]);
        _mm512_mask_storeu_ps(
            weights + k * weights_stride, first_lanes(rows->channels),
            fold_rows(halves, _mm512_set1_ps((float)rows->cells)));
    }
}

/* Rows of 16 n + 1 cells, as of 7 x 7 and 9 x 9, have n + 1 vectors wherever they
 * begin. */
KERNEL static void pool_any_group(const struct fmgcam_rows *rows,
                                  float *weights, size_t weights_stride)
{
    switch (rows->cells) {
    case 49: pool_group(rows, 4, weights, weights_stride); break;
    case 81: pool_group(rows, 6, weights, weights_stride); break;
    default: pool_group(rows, 0, weights, weights_stride); break;
    }
}

KERNEL static void pool_rows(const struct fmgcam_rows *rows, float *weights,
                             size_t weights_stride)
{
    fmgcam_pool_groups(rows, WIDTH, pool_any_group, weights, weights_stride);
}

/* ---- Transposing --------------------------------------------------------- */

/* 16 x 16 in registers: pairs, fours, then blocks of four. */
KERNEL_INLINE void transpose_block(__m512 rows[16])
{
    __m512 pairs[16], fours[16];
    EACH (i, 8) {
        pairs[2 * i] = _mm512_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
    }
    EACH (i, 4)
        EACH (j, 2) {
            __m512d a = _mm512_castps_pd(pairs[4 * i + j]);
            __m512d b = _mm512_castps_pd(pairs[4 * i + j + 2]);
            fours[4 * i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            fours[4 * i + 2 * j + 1] =
                _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    EACH (j, 4) {
        __m512 a = _mm512_shuffle_f32x4(fours[j], fours[j + 4], 0x88);
        __m512 b = _mm512_shuffle_f32x4(fours[j], fours[j + 4], 0xdd);
        __m512 c = _mm512_shuffle_f32x4(fours[j + 8], fours[j + 12], 0x88);
        __m512 d = _mm512_shuffle_f32x4(fours[j + 8], fours[j + 12], 0xdd);
        rows[j] = _mm512_shuffle_f32x4(a, c, 0x88);
        rows[j + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
        rows[j + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
        rows[j + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
}

/* ---- The loops for vectors of any width ---------------------------------- */

enum { TILE_SUMS = 24, BLOCK_VECTORS = 16 };

#include "maps.h"

/* ---- Stages 1 and 2 in one pass ------------------------------------------ */

/* While the activations of one block of 16 channels are combined, the gradients
 * of the next are pooled, row by row in turn: adding up waits for memory and
 * multiplying does not, and K + 1 streams go through memory side by side.
 *
 * A map of 49 cells is three vectors and one cell. The last cells of all classes
 * share one more vector: there a weight meets a cell lane by lane, the lanes
 * being classes. So rows and weights are in the order [channels, classes]
 * here. */
struct block {
    __m512 halves[WIDTH / 2 * FMGCAM_FUSED_CLASSES];   /* each of two rows */
    float weights[(WIDTH + 2) * FMGCAM_FUSED_CLASSES]; /* and some zeros */
    struct row_lanes rows[WIDTH]; /* the same in all blocks and classes */
};

/* Constant, as below: @p classes, and @p row of those of channel @p i of the
 * block, where the gradients begin, and of the next. */
KERNEL_INLINE __m512 sum_block_row(const struct fmgcam_fusing *f,
                                   size_t classes, const float *gradients,
                                   const struct block *block, size_t i,
                                   size_t row)
{
    const size_t c = row / classes, k = row % classes;
    return sum_row(gradients + (ptrdiff_t)c * f->gradients_stride_c +
                       (ptrdiff_t)k * f->gradients_stride_k,
                   block->rows[i + c], FUSED_VECTORS + 1);
}

/* Channels @p i, even, and the next. */
KERNEL_INLINE void pool_two(const struct fmgcam_fusing *f, size_t classes,
                            const float *gradients, struct block *block,
                            size_t i)
{
    EACH (k, classes)
        block->halves[i / 2 * classes + k] = fold_halves(
            sum_block_row(f, classes, gradients, block, i, 2 * k),
            sum_block_row(f, classes, gradients, block, i, 2 * k + 1));
}

KERNEL_INLINE void weigh_block(struct block *block, size_t classes)
{
    const __m512 divisor = _mm512_set1_ps(FMGCAM_FUSED_CELLS);
    for (size_t i = 0; i < classes; i++)
        _mm512_storeu_ps(block->weights + i * WIDTH,
                         fold_rows(block->halves + i * WIDTH / 2, divisor));
}

/* The block's weights as [classes, 16]. */
KERNEL_INLINE void turn_weights(const struct block *block, size_t classes,
                                float *turned, size_t stride)
{
    for (size_t k = 0; k < classes; k++)
        for (size_t i = 0; i < WIDTH; i++)
            turned[k * stride + i] = block->weights[i * classes + k];
}

/* The last cell of all classes, lanes being classes; those beyond them are of no
 * use. Not in the midst of the other cells: these loads span stores of
 * weigh_block() that are too fresh then. */
KERNEL_INLINE __m512 add_last_cells(const struct fmgcam_fusing *f,
                                    size_t classes, const struct block *block,
                                    size_t c, __m512 sums)
{
    const float *cell = f->activations + (ptrdiff_t)c * f->activations_stride +
                        FMGCAM_FUSED_CELLS - 1;
    for (size_t i = 0; i < WIDTH; i++, cell += f->activations_stride) {
        __m512 weights = _mm512_loadu_ps(block->weights + i * classes);
        sums =
            _mm512_add_ps(sums, _mm512_mul_ps(weights, _mm512_set1_ps(*cell)));
    }
    return sums;
}

KERNEL_INLINE void fuse_classes(const struct fmgcam_fusing *f, size_t classes,
                                size_t channels)
{
    const ptrdiff_t stride = f->gradients_stride_c;
    const float *gradients = f->gradients, *activations = f->activations;
    struct block block;
    memset(block.weights, 0, sizeof block.weights);
    __m512 sums[FMGCAM_FUSED_CLASSES][FUSED_VECTORS], row[FUSED_VECTORS];
    __m512 last_cells = _mm512_setzero_ps();
    EACH (k, classes)
        EACH (v, FUSED_VECTORS)
            sums[k][v] = _mm512_setzero_ps();

    for (size_t i = 0; i < WIDTH; i++)
        block.rows[i] =
            find_lanes(gradients + (ptrdiff_t)i * stride, FMGCAM_FUSED_CELLS);
    for (size_t i = 0; i < WIDTH; i += 2, gradients += 2 * stride)
        pool_two(f, classes, gradients, &block, i);
    weigh_block(&block, classes);
    for (size_t c = 0; c + WIDTH < channels; c += WIDTH) {
        if (f->weights)
            turn_weights(&block, classes, f->weights + c, f->channels);
        for (size_t i = 0; i < WIDTH; i += 2, gradients += 2 * stride) {
            EACH (next, 2) {
                const float *weights = block.weights + (i + next) * classes;
                prefetch_row(activations, FMGCAM_FUSED_CELLS, AHEAD_BYTES);
                EACH (v, FUSED_VECTORS)
                    row[v] = _mm512_loadu_ps(activations + v * WIDTH);
                EACH (k, classes) {
                    __m512 weight = _mm512_set1_ps(weights[k]);
                    EACH (v, FUSED_VECTORS)
                        sums[k][v] = _mm512_add_ps(
                            sums[k][v], _mm512_mul_ps(weight, row[v]));
                }
                activations += f->activations_stride;
            }
            pool_two(f, classes, gradients, &block, i);
        }
        last_cells = add_last_cells(f, classes, &block, c, last_cells);
        weigh_block(&block, classes);
    }

    float corner[WIDTH], turned[FMGCAM_FUSED_CLASSES][WIDTH];
    _mm512_storeu_ps(corner, last_cells);
    EACH (k, classes) {
        float *map = f->maps + k * FMGCAM_FUSED_CELLS;
        EACH (v, FUSED_VECTORS)
            _mm512_storeu_ps(map + v * WIDTH, sums[k][v]);
        map[FMGCAM_FUSED_CELLS - 1] = corner[k];
    }
    /* The last block, for which there is nothing to pool meanwhile. */
    turn_weights(&block, classes, turned[0], WIDTH);
    if (f->weights)
        turn_weights(&block, classes, f->weights + channels - WIDTH,
                     f->channels);
    const struct fmgcam_products last = {
        .weights = turned[0],
        .weights_stride = WIDTH,
        .rows = activations,
        .rows_stride = f->activations_stride,
        .channels = WIDTH,
        .maps = f->maps,
        .maps_stride = FMGCAM_FUSED_CELLS,
    };
    combine(&last, classes, FMGCAM_FUSED_CELLS);
}

KERNEL static size_t fuse(const struct fmgcam_fusing *f)
{
    size_t channels = f->channels / WIDTH * WIDTH;
    if (channels == 0 || f->gradients_stride_k % WIDTH != 0)
        return 0; /* the classes' rows must be aligned alike */
    switch (f->classes) {
    case 1: fuse_classes(f, 1, channels); break;
    case 2: fuse_classes(f, 2, channels); break;
    case 3: fuse_classes(f, 3, channels); break;
    case 4: fuse_classes(f, 4, channels); break;
    case 5: fuse_classes(f, 5, channels); break;
    case 6: fuse_classes(f, 6, channels); break;
    case 7: fuse_classes(f, 7, channels); break;
    default: fuse_classes(f, 8, channels); break;
    }
    return channels;
}

/* ---- The table ----------------------------------------------------------- */

void fmgcam_use_avx512_kernels(struct fmgcam_kernels *kernels)
{
    kernels->pool_rows = pool_rows;
    kernels->pool_columns = pool_columns;
    kernels->transpose = transpose;
    kernels->combine = combine;
    kernels->add_products = add_products;
    kernels->fuse = fuse;
    kernels->stretch = fmgcam_avx512_stretch;
    kernels->shade_mixed = fmgcam_avx512_shade_mixed;
    kernels->shade_contest = fmgcam_avx512_shade_contest;
    kernels->shade_ramp = fmgcam_avx512_shade_ramp;
}
