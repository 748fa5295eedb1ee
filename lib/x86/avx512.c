/* SPDX-License-Identifier: MIT */
/* The hot loops for AVX-512 as Ice Lake and Zen 4 have it. */
#include "../kernels.h"

#if defined(__x86_64__)

# include <immintrin.h>

# define AVX512                                                                \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")))
/* Inlined where some arguments are constants, so that loops over EACH of a
 * constant number unroll, and arrays of registers stay in registers. */
# define AVX512_INLINE AVX512 static inline __attribute__((always_inline))
# if defined(__clang__)
#  define UNROLL _Pragma("clang loop unroll(full)")
# else
#  define UNROLL _Pragma("GCC unroll 16")
# endif
# define EACH(i, count) UNROLL for (size_t i = 0; i < (count); i++)

enum {
    WIDTH = 16,
    LINE_BYTES = 64,
    /* Whole vectors of a map of the usual size. Its last cell is left over. */
    FUSED_VECTORS = FMGCAM_FUSED_CELLS / WIDTH
};

static inline size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The first @p count lanes, 0 to 16. */
AVX512_INLINE __mmask16 first_lanes(size_t count)
{
    return (__mmask16)((1u << count) - 1u);
}

/* ---- Stage 1: rows ------------------------------------------------------- */

/* A row in aligned vectors: the first and the last one may be in part those of
 * other rows. So lane i of the sums is lane i + shift of the memory; the tree
 * below treats all lanes alike, and pairs of numbers can be added either way
 * round, so that a rotation changes no bit. It saves loads that cross a line. */
struct row_lanes {
    size_t shift, vectors;
    __mmask16 first, last; /* the lanes that are the row's */
};

AVX512_INLINE struct row_lanes find_lanes(const float *row, size_t cells)
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
AVX512_INLINE __m512 add_masked(__m512 sum, __mmask16 mask, const float *from)
{
    __asm__("vaddps %2, %0, %0%{%1%}"
            : "+v"(sum)
            : "Yk"(mask), "m"(*(const __m512 *)(const void *)from));
    return sum;
}

/* Ask for a line that will be needed. Never faults. */
AVX512_INLINE void prefetch(const void *from, size_t offset)
{
    _mm_prefetch((const char *)((uintptr_t)from + offset), _MM_HINT_T0);
}

/* How far ahead a stream of rows is asked for: the CPU alone does not see that
 * the rows of several classes, read in turn, go on and on. */
enum { AHEAD_BYTES = 1024 };

AVX512_INLINE void prefetch_row(const float *row, size_t cells, size_t offset)
{
    for (size_t i = 0; i + LINE_BYTES <= cells * sizeof *row; i += LINE_BYTES)
        prefetch(row, offset + i);
}

/* The row's 16 lanes. @p vectors are those of @p lanes, possibly a constant. */
AVX512_INLINE __m512 sum_row(const float *row, struct row_lanes lanes,
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
    for (at += 2 * WIDTH; at < last; at += WIDTH) {
        prefetch(at, AHEAD_BYTES);
        sum = _mm512_add_ps(sum, _mm512_load_ps(at));
    }
    return add_masked(sum, lanes.last, last);
}

/* The tree for two vectors at a time, whose results share one: from 16 lanes
 * each to 8, from 8 to 4, from 4 to 2, from 2 to 1. */
AVX512_INLINE __m512 fold_halves(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44),
                         _mm512_shuffle_f32x4(a, b, 0xee));
}

AVX512_INLINE __m512 fold_quarters(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88),
                         _mm512_shuffle_f32x4(a, b, 0xdd));
}

AVX512_INLINE __m512 fold_eighths(__m512 a, __m512 b)
{
    __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
    return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)),
                         _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
}

AVX512_INLINE __m512 fold_pairs(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x88),
                         _mm512_shuffle_ps(a, b, 0xdd));
}

AVX512_INLINE __m512 fold_four(const __m512 rows[4])
{
    return fold_quarters(fold_halves(rows[0], rows[1]),
                         fold_halves(rows[2], rows[3]));
}

/* The means of 16 rows. A lane that nothing was added to is +0 in the C kernel,
 * and may be -0 here where all cells are: adding +0 makes up for that. */
AVX512_INLINE __m512 fold_rows(const __m512 rows[16], __m512 cells)
{
    const __m512i order =
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512 sums =
        fold_pairs(fold_eighths(fold_four(rows), fold_four(rows + 4)),
                   fold_eighths(fold_four(rows + 8), fold_four(rows + 12)));
    sums = _mm512_permutexvar_ps(order, sums);
    return _mm512_div_ps(_mm512_add_ps(sums, _mm512_setzero_ps()), cells);
}

/* Classes whose rows are read in turn, channel by channel. */
enum { GROUP_CLASSES = 8 };

/* Up to 16 channels of a group. Constant: @p vectors of a row, or 0 where they
 * must be found. */
AVX512_INLINE void pool_group(const struct fmgcam_rows *rows, size_t vectors,
                              float *weights, size_t weights_stride)
{
    __m512 sums[GROUP_CLASSES][WIDTH];
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
        _mm512_mask_storeu_ps(
            weights + k * weights_stride, first_lanes(rows->channels),
            fold_rows(sums[k], _mm512_set1_ps((float)rows->cells)));
    }
}

AVX512 static void pool_rows(const struct fmgcam_rows *all, float *weights,
                             size_t weights_stride)
{
    struct fmgcam_rows rows = *all;
    for (size_t c = 0; c < all->channels; c += WIDTH)
        for (size_t k = 0; k < all->classes; k += GROUP_CLASSES) {
            float *to = weights + k * weights_stride + c;
            rows.data = all->data + (ptrdiff_t)k * all->stride_k +
                        (ptrdiff_t)c * all->stride_c;
            rows.classes = smaller(all->classes - k, GROUP_CLASSES);
            rows.channels = smaller(all->channels - c, WIDTH);
            rows.soon = k == 0 && all->soon
                            ? all->soon + (ptrdiff_t)c * all->soon_stride
                            : NULL;
            if (rows.cells == FMGCAM_FUSED_CELLS)
                pool_group(&rows, FUSED_VECTORS + 1, to, weights_stride);
            else
                pool_group(&rows, 0, to, weights_stride);
        }
}

/* ---- Stage 1: columns ---------------------------------------------------- */

/* Channels of one cell lie side by side, and the next cell is far away: a block
 * is as wide as the registers can hold, and so are the runs that are read. */
enum { BLOCK_VECTORS = 16 };

/* Lane @p lane of a block of @p vectors, constant; @p last: channels of the last
 * vector. */
AVX512_INLINE void sum_lane(const float *cells, ptrdiff_t stride, size_t count,
                            size_t lane, size_t vectors, __mmask16 last,
                            __m512 sums[BLOCK_VECTORS])
{
    EACH (v, vectors)
        sums[v] = _mm512_setzero_ps();
    for (size_t s = lane; s < count; s += FMGCAM_LANES) {
        const float *cell = cells + (ptrdiff_t)s * stride;
        EACH (v, vectors) {
            __mmask16 mask = v + 1 < vectors ? (__mmask16)0xffff : last;
            sums[v] = _mm512_add_ps(
                sums[v], _mm512_maskz_loadu_ps(mask, cell + v * WIDTH));
        }
    }
}

/* One register for each lane of a vector: no tree across registers. */
AVX512_INLINE __m512 fold_columns(const __m512 *lanes, size_t stride)
{
    __m512 sums[8];
    EACH (i, 8)
        sums[i] = _mm512_add_ps(lanes[i * stride], lanes[(i + 8) * stride]);
    EACH (i, 4)
        sums[i] = _mm512_add_ps(sums[i], sums[i + 4]);
    return _mm512_add_ps(_mm512_add_ps(sums[0], sums[2]),
                         _mm512_add_ps(sums[1], sums[3]));
}

AVX512_INLINE void pool_column_block(const float *cells, ptrdiff_t stride,
                                     size_t count, size_t vectors,
                                     __mmask16 last, float *weights)
{
    const __m512 divisor = _mm512_set1_ps((float)count);
    __m512 lanes[FMGCAM_LANES][BLOCK_VECTORS], sums[BLOCK_VECTORS];
    for (size_t i = 0; i < FMGCAM_LANES; i++) {
        sum_lane(cells, stride, count, i, vectors, last, sums);
        EACH (v, vectors)
            lanes[i][v] = sums[v];
    }
    for (size_t v = 0; v < vectors; v++)
        _mm512_mask_storeu_ps(
            weights + v * WIDTH, v + 1 < vectors ? (__mmask16)0xffff : last,
            _mm512_div_ps(fold_columns(&lanes[0][v], BLOCK_VECTORS), divisor));
}

AVX512 static void pool_columns(const float *cells, ptrdiff_t stride,
                                size_t channels, size_t count, float *weights)
{
    const size_t block = BLOCK_VECTORS * WIDTH;
    size_t c = 0;
    for (; c + block <= channels; c += block)
        pool_column_block(cells + c, stride, count, BLOCK_VECTORS, 0xffff,
                          weights + c);
    for (; c < channels; c += WIDTH)
        pool_column_block(cells + c, stride, count, 1,
                          first_lanes(smaller(channels - c, WIDTH)),
                          weights + c);
}

/* ---- Transposing --------------------------------------------------------- */

/* 16 x 16 in registers: pairs, fours, then blocks of four. */
AVX512_INLINE void transpose_block(__m512 rows[16])
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

AVX512 static void transpose(const float *from, ptrdiff_t from_stride,
                             size_t channels, size_t cells, float *to,
                             size_t to_stride)
{
    for (size_t s = 0; s < cells; s += WIDTH)
        for (size_t c = 0; c < channels; c += WIDTH) {
            size_t across = smaller(channels - c, WIDTH);
            size_t down = smaller(cells - s, WIDTH);
            __mmask16 in = first_lanes(across), out = first_lanes(down);
            __m512 block[WIDTH];
            for (size_t i = 0; i < WIDTH; i++)
                block[i] =
                    i < down
                        ? _mm512_maskz_loadu_ps(
                              in, from + c + (ptrdiff_t)(s + i) * from_stride)
                        : _mm512_setzero_ps();
            transpose_block(block);
            for (size_t i = 0; i < across; i++)
                _mm512_mask_storeu_ps(to + (c + i) * to_stride + s, out,
                                      block[i]);
        }
}

/* ---- Stage 2 ------------------------------------------------------------- */

/* Classes and vectors of cells whose sums stay in registers. */
enum { TILE_CLASSES = 6, TILE_VECTORS = 4 };

struct products {
    const float *weights;
    size_t weights_stride;
    const float *rows;
    ptrdiff_t rows_stride;
    size_t channels;
    float *maps;
    size_t maps_stride;
};

AVX512_INLINE __mmask16 lanes_of(size_t vector, size_t vectors, __mmask16 last)
{
    return vector + 1 < vectors ? (__mmask16)0xffff : last;
}

/* Constants: @p classes, @p vectors. @p last: lanes of the last vector. */
AVX512_INLINE void add_tile(const struct products *p, size_t classes,
                            size_t vectors, __mmask16 last)
{
    __m512 sums[TILE_CLASSES][TILE_VECTORS], row[TILE_VECTORS];
    EACH (k, classes)
        EACH (v, vectors)
            sums[k][v] =
                _mm512_maskz_loadu_ps(lanes_of(v, vectors, last),
                                      p->maps + k * p->maps_stride + v * WIDTH);
    for (size_t c = 0; c < p->channels; c++) {
        const float *at = p->rows + (ptrdiff_t)c * p->rows_stride;
        EACH (v, vectors)
            row[v] = _mm512_maskz_loadu_ps(lanes_of(v, vectors, last),
                                           at + v * WIDTH);
        EACH (k, classes) {
            __m512 weight =
                _mm512_set1_ps(p->weights[k * p->weights_stride + c]);
            EACH (v, vectors)
                sums[k][v] =
                    _mm512_add_ps(sums[k][v], _mm512_mul_ps(weight, row[v]));
        }
    }
    EACH (k, classes)
        EACH (v, vectors)
            _mm512_mask_storeu_ps(p->maps + k * p->maps_stride + v * WIDTH,
                                  lanes_of(v, vectors, last), sums[k][v]);
}

/* Constant: @p classes. */
AVX512_INLINE void add_tiles_of(const struct products *given, size_t classes,
                                size_t cells)
{
    struct products p = *given;
    for (; cells >= TILE_VECTORS * WIDTH; cells -= TILE_VECTORS * WIDTH) {
        add_tile(&p, classes, TILE_VECTORS, 0xffff);
        p.rows += TILE_VECTORS * WIDTH;
        p.maps += TILE_VECTORS * WIDTH;
    }
    __mmask16 last = first_lanes((cells + WIDTH - 1) % WIDTH + 1);
    switch ((cells + WIDTH - 1) / WIDTH) {
    case 4: add_tile(&p, classes, 4, last); break;
    case 3: add_tile(&p, classes, 3, last); break;
    case 2: add_tile(&p, classes, 2, last); break;
    case 1: add_tile(&p, classes, 1, last); break;
    default: break;
    }
}

AVX512 static void add_tiles(const struct products *p, size_t classes,
                             size_t cells)
{
    switch (classes) {
    case 6: add_tiles_of(p, 6, cells); break;
    case 5: add_tiles_of(p, 5, cells); break;
    case 4: add_tiles_of(p, 4, cells); break;
    case 3: add_tiles_of(p, 3, cells); break;
    case 2: add_tiles_of(p, 2, cells); break;
    default: add_tiles_of(p, 1, cells); break;
    }
}

AVX512 static void combine(const float *weights, size_t weights_stride,
                           size_t classes, const float *rows,
                           ptrdiff_t rows_stride, size_t channels, size_t cells,
                           float *maps, size_t maps_stride)
{
    /* Groups of classes of about the same size. */
    size_t groups = (classes + TILE_CLASSES - 1) / TILE_CLASSES;
    for (size_t k = 0; groups > 0; groups--) {
        size_t count = (classes - k + groups - 1) / groups;
        const struct products p = {
            .weights = weights + k * weights_stride,
            .weights_stride = weights_stride,
            .rows = rows,
            .rows_stride = rows_stride,
            .channels = channels,
            .maps = maps + k * maps_stride,
            .maps_stride = maps_stride,
        };
        add_tiles(&p, count, cells);
        k += count;
    }
}

/* ---- Products ------------------------------------------------------------ */

enum { PRODUCT_VECTORS = 4 };

struct factors {
    const float *g, *a;
    ptrdiff_t g_stride, a_stride;
    size_t channels;
    float *map;
};

/* max(x, 0) that keeps NaN. */
AVX512_INLINE __m512 relu(__m512 x)
{
    return _mm512_maskz_mov_ps(
        _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NLE_UQ), x);
}

/* Constants: all but @p f. */
AVX512_INLINE void multiply_tile(enum fmgcam_product product,
                                 const struct factors *f, size_t vectors,
                                 __mmask16 last)
{
    __m512 sums[PRODUCT_VECTORS];
    float *map = f->map;
    EACH (v, vectors)
        sums[v] =
            _mm512_maskz_loadu_ps(lanes_of(v, vectors, last), map + v * WIDTH);
    for (size_t c = 0; c < f->channels; c++) {
        const float *g = f->g + (ptrdiff_t)c * f->g_stride;
        const float *a = f->a + (ptrdiff_t)c * f->a_stride;
        EACH (v, vectors) {
            prefetch(g + v * WIDTH, AHEAD_BYTES);
            __m512 first = _mm512_maskz_loadu_ps(lanes_of(v, vectors, last),
                                                 g + v * WIDTH);
            __m512 second = _mm512_maskz_loadu_ps(lanes_of(v, vectors, last),
                                                  a + v * WIDTH);
            if (product == FMGCAM_PRODUCT_OF_RELU)
                first = relu(first);
            __m512 term = _mm512_mul_ps(first, second);
            if (product == FMGCAM_RELU_OF_PRODUCT)
                term = relu(term);
            sums[v] = _mm512_add_ps(sums[v], term);
        }
    }
    EACH (v, vectors)
        _mm512_mask_storeu_ps(map + v * WIDTH, lanes_of(v, vectors, last),
                              sums[v]);
}

/* Constant: @p product. */
AVX512_INLINE void multiply(enum fmgcam_product product,
                            const struct factors *all, size_t cells)
{
    const size_t step = PRODUCT_VECTORS * WIDTH;
    struct factors p = *all;
    for (; cells >= step; cells -= step) {
        multiply_tile(product, &p, PRODUCT_VECTORS, 0xffff);
        p.g += step;
        p.a += step;
        p.map += step;
    }
    __mmask16 last = first_lanes((cells + WIDTH - 1) % WIDTH + 1);
    switch ((cells + WIDTH - 1) / WIDTH) {
    case 4: multiply_tile(product, &p, 4, last); break;
    case 3: multiply_tile(product, &p, 3, last); break;
    case 2: multiply_tile(product, &p, 2, last); break;
    case 1: multiply_tile(product, &p, 1, last); break;
    default: break;
    }
}

AVX512 static void add_products(enum fmgcam_product product, const float *g,
                                ptrdiff_t g_stride, const float *a,
                                ptrdiff_t a_stride, size_t channels,
                                size_t cells, float *map)
{
    const struct factors f = {g, a, g_stride, a_stride, channels, map};
    switch (product) {
    case FMGCAM_PRODUCT_OF_RELU:
        multiply(FMGCAM_PRODUCT_OF_RELU, &f, cells);
        break;
    case FMGCAM_RELU_OF_PRODUCT:
        multiply(FMGCAM_RELU_OF_PRODUCT, &f, cells);
        break;
    default: multiply(FMGCAM_PRODUCT, &f, cells); break;
    }
}

/* ---- Stages 1 and 2 in one pass ------------------------------------------ */

/* While the activations of one block of 16 channels are combined, the gradients
 * of the next are pooled, row by row in turn: adding up waits for memory and
 * multiplying does not, and K + 1 streams go through memory side by side.
 *
 * A map of 49 cells is three vectors and one cell. The last cells of all classes
 * share one more vector: there a weight meets a cell lane by lane, the lanes
 * being classes. So weights are kept as [channels, classes] in the meantime. */
struct block {
    __m512 lanes[WIDTH * FMGCAM_FUSED_CLASSES];  /* [channels, classes] */
    float weights[WIDTH * FMGCAM_FUSED_CLASSES]; /* the same */
    struct row_lanes rows[WIDTH]; /* the same in all blocks and classes */
};

/* Constant: @p classes, as below. Channel @p i of a block. */
AVX512_INLINE void pool_channel(const struct fmgcam_fusing *f, size_t classes,
                                const float *gradients, struct block *block,
                                size_t i)
{
    const struct row_lanes lanes = block->rows[i];
    EACH (k, classes) {
        const float *row = gradients + (ptrdiff_t)k * f->gradients_stride_k;
        block->lanes[i * classes + k] = sum_row(row, lanes, FUSED_VECTORS + 1);
    }
}

AVX512_INLINE void weigh_block(struct block *block, size_t classes)
{
    const __m512 divisor = _mm512_set1_ps(FMGCAM_FUSED_CELLS);
    for (size_t i = 0; i < classes; i++)
        _mm512_storeu_ps(block->weights + i * WIDTH,
                         fold_rows(block->lanes + i * WIDTH, divisor));
}

/* The block's weights as [classes, 16]. */
AVX512_INLINE void turn_weights(const struct block *block, size_t classes,
                                float *turned, size_t stride)
{
    for (size_t k = 0; k < classes; k++)
        for (size_t i = 0; i < WIDTH; i++)
            turned[k * stride + i] = block->weights[i * classes + k];
}

/* The last cell of all classes, lanes being classes. Not in the midst of the
 * other cells: these loads span stores of weigh_block() that are too fresh
 * then. */
AVX512_INLINE __m512 add_last_cells(const struct fmgcam_fusing *f,
                                    size_t classes, const struct block *block,
                                    size_t c, __m512 sums)
{
    const float *cell = f->activations + (ptrdiff_t)c * f->activations_stride +
                        FMGCAM_FUSED_CELLS - 1;
    for (size_t i = 0; i < WIDTH; i++, cell += f->activations_stride) {
        __m512 weights = _mm512_maskz_loadu_ps(first_lanes(classes),
                                               block->weights + i * classes);
        sums =
            _mm512_add_ps(sums, _mm512_mul_ps(weights, _mm512_set1_ps(*cell)));
    }
    return sums;
}

AVX512_INLINE void fuse_classes(const struct fmgcam_fusing *f, size_t classes,
                                size_t channels)
{
    const ptrdiff_t stride = f->gradients_stride_c;
    const float *gradients = f->gradients, *activations = f->activations;
    struct block block;
    __m512 sums[FMGCAM_FUSED_CLASSES][FUSED_VECTORS], row[FUSED_VECTORS];
    __m512 last_cells = _mm512_setzero_ps();
    EACH (k, classes)
        EACH (v, FUSED_VECTORS)
            sums[k][v] = _mm512_setzero_ps();

    for (size_t i = 0; i < WIDTH; i++, gradients += stride) {
        block.rows[i] = find_lanes(gradients, FMGCAM_FUSED_CELLS);
        pool_channel(f, classes, gradients, &block, i);
    }
    weigh_block(&block, classes);
    for (size_t c = 0; c + WIDTH < channels; c += WIDTH) {
        if (f->weights)
            turn_weights(&block, classes, f->weights + c, f->channels);
        for (size_t i = 0; i < WIDTH; i++, gradients += stride) {
            const float *weights = block.weights + i * classes;
            prefetch_row(activations, FMGCAM_FUSED_CELLS, AHEAD_BYTES);
            EACH (v, FUSED_VECTORS)
                row[v] = _mm512_loadu_ps(activations + v * WIDTH);
            EACH (k, classes) {
                __m512 weight = _mm512_set1_ps(weights[k]);
                EACH (v, FUSED_VECTORS)
                    sums[k][v] = _mm512_add_ps(sums[k][v],
                                               _mm512_mul_ps(weight, row[v]));
            }
            pool_channel(f, classes, gradients, &block, i);
            activations += f->activations_stride;
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
    combine(turned[0], WIDTH, classes, activations, f->activations_stride,
            WIDTH, FMGCAM_FUSED_CELLS, f->maps, FMGCAM_FUSED_CELLS);
}

AVX512 static size_t fuse(const struct fmgcam_fusing *f)
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

/* ---- Stage 7 ------------------------------------------------------------- */

/* Cells that are read by 16 pixels are taken from two registers, if they all
 * fit. */
AVX512_INLINE __m512 pick_cells(const float *cells, size_t count, __m512i at)
{
    __m512 low =
        _mm512_maskz_loadu_ps(first_lanes(smaller(count, WIDTH)), cells);
    if (count <= WIDTH)
        return _mm512_permutexvar_ps(at, low);
    __m512 high = _mm512_maskz_loadu_ps(
        first_lanes(smaller(count - WIDTH, WIDTH)), cells + WIDTH);
    return _mm512_permutex2var_ps(low, at, high);
}

AVX512 static void stretch(const struct fmgcam_stretch *s)
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
            __m512 cell =
                reach <= 2 * WIDTH
                    ? pick_cells(cells, s->count - start, at)
                    : _mm512_mask_i32gather_ps(_mm512_setzero_ps(), mask, at,
                                               cells, sizeof *cells);
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

AVX512_INLINE __mmask64 first_bytes(size_t count)
{
    return count < 64 ? ((__mmask64)1 << count) - 1 : ~(__mmask64)0;
}

/* The channel's bytes of 16 pixels, as floats. */
AVX512_INLINE __m512 take_channel(__m512i bytes, size_t channel)
{
    const __m512i first = _mm512_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21, 24, 27,
                                            30, 33, 36, 39, 42, 45);
    const __mmask64 lowest = 0x1111111111111111; /* of four */
    __m512i at = _mm512_add_epi32(first, _mm512_set1_epi32((int)channel));
    return _mm512_cvtepi32_ps(_mm512_maskz_permutexvar_epi8(lowest, at, bytes));
}

/* Numbers from INT_MIN on, to nearest, ties to even. Packing clamps to 0...255,
 * but what is beyond INT_MAX must not get there. */
AVX512_INLINE __m512i round_levels(__m512 values)
{
    return _mm512_cvtps_epi32(_mm512_min_ps(values, _mm512_set1_ps(255.0f)));
}

/* 16 pixels as 48 bytes. */
AVX512_INLINE __m512i pack_pixels(__m512i red, __m512i green, __m512i blue)
{
    /* Four pixels in each 128 bits: rrrr gggg bbbb bbbb. */
    __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(red, green),
                                        _mm512_packs_epi32(blue, blue));
# define FOUR(i)                                                               \
  i, i + 4, i + 8, i + 1, i + 5, i + 9, i + 2, i + 6, i + 10, i + 3, i + 7,    \
      i + 11
    static const uint8_t order[64] = {FOUR(0), FOUR(16), FOUR(32), FOUR(48)};
# undef FOUR
    return _mm512_permutexvar_epi8(_mm512_loadu_si512(order), bytes);
}

/* A copy of the strip, which no store to the picture can change. Up to
 * MOST_TAPS weights are kept in registers; constant: @p taps, or 0 for any
 * number. */
enum { MOST_TAPS = 4 };

struct reader {
    struct fmgcam_strip strip;
    const float *lines[MOST_TAPS];
    __m512 weights[MOST_TAPS];
};

AVX512_INLINE struct reader open_reader(const struct fmgcam_strip *strip,
                                        size_t taps)
{
    struct reader reader = {.strip = *strip};
    EACH (j, taps) {
        reader.lines[j] = strip->lines[j];
        reader.weights[j] = _mm512_set1_ps(strip->weights[j]);
    }
    return reader;
}

AVX512_INLINE __m512 sum_lines(const struct reader *reader, size_t taps,
                               size_t plane, size_t x)
{
    const struct fmgcam_strip *strip = &reader->strip;
    size_t at = plane * strip->plane_stride + x;
    if (taps == 0) {
        __m512 sum = _mm512_mul_ps(_mm512_set1_ps(strip->weights[0]),
                                   _mm512_loadu_ps(strip->lines[0] + at));
        for (size_t j = 1; j < strip->taps; j++)
            sum = _mm512_add_ps(
                sum, _mm512_mul_ps(_mm512_set1_ps(strip->weights[j]),
                                   _mm512_loadu_ps(strip->lines[j] + at)));
        return sum;
    }
    __m512 sum = _mm512_mul_ps(reader->weights[0],
                               _mm512_loadu_ps(reader->lines[0] + at));
    EACH (j, taps - 1)
        sum = _mm512_add_ps(
            sum, _mm512_mul_ps(reader->weights[j + 1],
                               _mm512_loadu_ps(reader->lines[j + 1] + at)));
    return sum;
}

/* keep * under + colour, or the colour alone. */
AVX512_INLINE void store_pixels(const struct fmgcam_pixels *pixels, size_t x,
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

/* Constant: @p taps, @p wants_evidence. */
AVX512_INLINE void shade_mixed_of(const struct fmgcam_strip *strip,
                                  const struct fmgcam_pixels *given,
                                  size_t taps, int wants_evidence)
{
    const struct fmgcam_pixels pixels = *given;
    const struct reader reader = open_reader(strip, taps);
    const size_t width = strip->width;
    const __m512 alpha = _mm512_set1_ps(pixels.alpha);
    const __m512 one = _mm512_set1_ps(1.0f), zero = _mm512_setzero_ps();
    __m512 keep = _mm512_sub_ps(one, alpha);
    for (size_t x = 0; x < width; x += WIDTH) {
        if (wants_evidence) {
            __m512 evidence = sum_lines(&reader, taps, 3, x);
            keep = _mm512_sub_ps(
                one, _mm512_min_ps(_mm512_max_ps(evidence, zero), alpha));
        }
        __m512 colors[3];
        EACH (i, 3)
            colors[i] = sum_lines(&reader, taps, i, x);
        store_pixels(&pixels, x, width, keep, colors);
    }
}

AVX512_INLINE void shade_mixed_by(const struct fmgcam_strip *strip,
                                  const struct fmgcam_pixels *pixels,
                                  size_t taps)
{
    if (pixels->under && !pixels->constant)
        shade_mixed_of(strip, pixels, taps, 1);
    else
        shade_mixed_of(strip, pixels, taps, 0);
}

AVX512 static void shade_mixed(const struct fmgcam_strip *strip,
                               const struct fmgcam_pixels *pixels)
{
    switch (strip->taps) {
    case 4: shade_mixed_by(strip, pixels, 4); break;
    case 2: shade_mixed_by(strip, pixels, 2); break;
    default: shade_mixed_by(strip, pixels, 0); break;
    }
}

/* Constant: @p taps. */
AVX512_INLINE void shade_contest_of(const struct fmgcam_strip *strip,
                                    const struct fmgcam_pixels *given,
                                    const struct fmgcam_contest *contest,
                                    size_t taps)
{
    const struct fmgcam_pixels pixels = *given;
    const struct reader reader = open_reader(strip, taps);
    const size_t width = strip->width, classes = contest->classes;
    const __m512 one = _mm512_set1_ps(1.0f), zero = _mm512_setzero_ps();
    const __m512 alpha = _mm512_set1_ps(pixels.alpha);
    const __m512i byte = _mm512_set1_epi32(255);
    for (size_t x = 0; x < width; x += WIDTH) {
        __m512 best = zero, scale = zero;
        __m512i color = _mm512_setzero_si512();
        for (size_t k = 0; k < classes; k++) {
            __m512 value = sum_lines(&reader, taps, k, x);
            __mmask16 wins = _mm512_cmp_ps_mask(value, best, _CMP_GT_OQ);
            best = _mm512_max_ps(best, value);
            scale = _mm512_mask_mov_ps(scale, wins,
                                       _mm512_set1_ps(contest->scales[k]));
            color = _mm512_mask_mov_epi32(
                color, wins, _mm512_set1_epi32((int)contest->colors[k]));
        }
        __m512 strength = _mm512_mul_ps(best, scale);
        strength = _mm512_min_ps(_mm512_max_ps(strength, zero), one);
        strength = _mm512_mul_ps(alpha, strength);
        __m512 keep = _mm512_sub_ps(one, pixels.constant ? alpha : strength);
        __m512 colors[3];
        EACH (i, 3) {
            __m512i level = _mm512_and_epi32(
                _mm512_srli_epi32(color, 8 * (unsigned)i), byte);
            colors[i] = _mm512_mul_ps(strength, _mm512_cvtepi32_ps(level));
        }
        store_pixels(&pixels, x, width, keep, colors);
    }
}

AVX512 static void shade_contest(const struct fmgcam_strip *strip,
                                 const struct fmgcam_pixels *pixels,
                                 const struct fmgcam_contest *contest)
{
    switch (strip->taps) {
    case 4: shade_contest_of(strip, pixels, contest, 4); break;
    case 2: shade_contest_of(strip, pixels, contest, 2); break;
    default: shade_contest_of(strip, pixels, contest, 0); break;
    }
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
    kernels->stretch = stretch;
    kernels->shade_mixed = shade_mixed;
    kernels->shade_contest = shade_contest;
}

#endif
