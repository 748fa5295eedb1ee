/* SPDX-License-Identifier: MIT */
/* The hot loops for AVX2. */
#include "../kernels.h"

#if defined(__x86_64__)

# include <immintrin.h>
# include <string.h>

# define AVX2 __attribute__((target("avx2,f16c")))
/* Inlined where some arguments are constants, so that loops over EACH of a
 * constant number unroll, and arrays of registers stay in registers. */
# define AVX2_INLINE AVX2 static inline __attribute__((always_inline))
# if defined(__clang__)
#  define UNROLL _Pragma("clang loop unroll(full)")
# else
#  define UNROLL _Pragma("GCC unroll 16")
# endif
# define EACH(i, count) UNROLL for (size_t i = 0; i < (count); i++)

enum { WIDTH = 8, LINE_BYTES = 64 };

static inline size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The first @p count lanes, 0 to 8, as masked loads and stores want them. */
AVX2_INLINE __m256i first_lanes(size_t count)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lanes);
}

/* ---- Stage 1: rows ------------------------------------------------------- */

/* Ask for a line that will be needed. Never faults. */
AVX2_INLINE void prefetch(const void *from, size_t offset)
{
    _mm_prefetch((const char *)((uintptr_t)from + offset), _MM_HINT_T0);
}

/* How far ahead a stream of rows is asked for: the CPU alone does not see that
 * the rows of several classes, read in turn, go on and on. */
enum { AHEAD_BYTES = 1024 };

AVX2_INLINE void prefetch_row(const float *row, size_t cells)
{
    for (size_t i = 0; i + LINE_BYTES <= cells * sizeof *row; i += LINE_BYTES)
        prefetch(row, i);
}

/* The row's 16 lanes, of which the first and the second half are added at once:
 * lane i takes lane i + 8. @p low and @p high: the lanes of the @p cells mod 16
 * that are left over. */
AVX2_INLINE __m256 sum_row(const float *row, size_t cells, __m256i low,
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
AVX2_INLINE __m256 fold_halves(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20),
                         _mm256_permute2f128_ps(a, b, 0x31));
}

AVX2_INLINE __m256 fold_quarters(__m256 a, __m256 b)
{
    __m256d x = _mm256_castps_pd(a), y = _mm256_castps_pd(b);
    return _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(x, y)),
                         _mm256_castpd_ps(_mm256_unpackhi_pd(x, y)));
}

AVX2_INLINE __m256 fold_pairs(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x88),
                         _mm256_shuffle_ps(a, b, 0xdd));
}

/* The means of 8 rows. */
AVX2_INLINE __m256 fold_rows(const __m256 rows[8], __m256 cells)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256 sums = fold_pairs(fold_quarters(fold_halves(rows[0], rows[1]),
                                           fold_halves(rows[2], rows[3])),
                             fold_quarters(fold_halves(rows[4], rows[5]),
                                           fold_halves(rows[6], rows[7])));
    return _mm256_div_ps(_mm256_permutevar8x32_ps(sums, order), cells);
}

/* Classes whose rows are read in turn, channel by channel. */
enum { GROUP_CLASSES = 8 };

/* Up to 8 channels of a group. Constant: @p cells. */
AVX2_INLINE void pool_group(const struct fmgcam_rows *rows, size_t cells,
                            float *weights, size_t weights_stride)
{
    size_t rest = cells % FMGCAM_LANES;
    const __m256i low = first_lanes(smaller(rest, WIDTH));
    const __m256i high = first_lanes(rest < WIDTH ? 0 : rest - WIDTH);
    __m256 sums[GROUP_CLASSES][WIDTH];
    for (size_t i = 0; i < rows->channels; i++) {
        const float *row = rows->data + (ptrdiff_t)i * rows->stride_c;
        if (rows->soon)
            prefetch_row(rows->soon + (ptrdiff_t)i * rows->soon_stride, cells);
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

AVX2 static void pool_rows(const struct fmgcam_rows *all, float *weights,
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
                pool_group(&rows, FMGCAM_FUSED_CELLS, to, weights_stride);
            else
                pool_group(&rows, rows.cells, to, weights_stride);
        }
}

/* ---- Stage 1: columns ---------------------------------------------------- */

/* Channels of one cell lie side by side, and the next cell is far away: a block
 * is as wide as the registers can hold, and so are the runs that are read. */
enum { BLOCK_VECTORS = 8 };

AVX2_INLINE __m256 load_lanes(const float *from, int whole, __m256i mask)
{
    return whole ? _mm256_loadu_ps(from) : _mm256_maskload_ps(from, mask);
}

/* Lane @p lane of a block. Constant, as below: @p vectors, and whether they are
 * @p whole; if not, @p mask has the channels of the only one. */
AVX2_INLINE void sum_lane(const float *cells, ptrdiff_t stride, size_t count,
                          size_t lane, size_t vectors, int whole, __m256i mask,
                          __m256 sums[BLOCK_VECTORS])
{
    EACH (v, vectors)
        sums[v] = _mm256_setzero_ps();
    for (size_t s = lane; s < count; s += FMGCAM_LANES) {
        const float *cell = cells + (ptrdiff_t)s * stride;
        EACH (v, vectors)
            sums[v] = _mm256_add_ps(sums[v],
                                    load_lanes(cell + v * WIDTH, whole, mask));
    }
}

/* One register for each lane of a vector: no tree across registers. */
AVX2_INLINE __m256 fold_columns(const __m256 *lanes, size_t stride)
{
    __m256 sums[8];
    EACH (i, 8)
        sums[i] = _mm256_add_ps(lanes[i * stride], lanes[(i + 8) * stride]);
    EACH (i, 4)
        sums[i] = _mm256_add_ps(sums[i], sums[i + 4]);
    return _mm256_add_ps(_mm256_add_ps(sums[0], sums[2]),
                         _mm256_add_ps(sums[1], sums[3]));
}

AVX2_INLINE void pool_column_block(const float *cells, ptrdiff_t stride,
                                   size_t count, size_t vectors, int whole,
                                   __m256i mask, float *weights)
{
    const __m256 divisor = _mm256_set1_ps((float)count);
    __m256 lanes[FMGCAM_LANES][BLOCK_VECTORS], sums[BLOCK_VECTORS];
    for (size_t i = 0; i < FMGCAM_LANES; i++) {
        sum_lane(cells, stride, count, i, vectors, whole, mask, sums);
        EACH (v, vectors)
            lanes[i][v] = sums[v];
    }
    for (size_t v = 0; v < vectors; v++) {
        __m256 mean =
            _mm256_div_ps(fold_columns(&lanes[0][v], BLOCK_VECTORS), divisor);
        if (whole)
            _mm256_storeu_ps(weights + v * WIDTH, mean);
        else
            _mm256_maskstore_ps(weights + v * WIDTH, mask, mean);
    }
}

AVX2 static void pool_columns(const float *cells, ptrdiff_t stride,
                              size_t channels, size_t count, float *weights)
{
    const size_t block = BLOCK_VECTORS * WIDTH;
    size_t c = 0;
    for (; c + block <= channels; c += block)
        pool_column_block(cells + c, stride, count, BLOCK_VECTORS, 1,
                          first_lanes(WIDTH), weights + c);
    for (; c < channels; c += WIDTH)
        pool_column_block(cells + c, stride, count, 1, 0,
                          first_lanes(smaller(channels - c, WIDTH)),
                          weights + c);
}

/* ---- Copies --------------------------------------------------------------- */

AVX2 static void widen_halves(const uint16_t *from, size_t count, float *to)
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
AVX2_INLINE void transpose_block(__m256 rows[8])
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

AVX2 static void transpose(const float *from, ptrdiff_t from_stride,
                           size_t channels, size_t cells, float *to,
                           size_t to_stride)
{
    for (size_t s = 0; s < cells; s += WIDTH)
        for (size_t c = 0; c < channels; c += WIDTH) {
            size_t across = smaller(channels - c, WIDTH);
            size_t down = smaller(cells - s, WIDTH);
            __m256i in = first_lanes(across), out = first_lanes(down);
            __m256 block[WIDTH];
            for (size_t i = 0; i < WIDTH; i++)
                block[i] =
                    i < down
                        ? _mm256_maskload_ps(
                              from + c + (ptrdiff_t)(s + i) * from_stride, in)
                        : _mm256_setzero_ps();
            transpose_block(block);
            for (size_t i = 0; i < across; i++)
                _mm256_maskstore_ps(to + (c + i) * to_stride + s, out,
                                    block[i]);
        }
}

/* ---- Stage 2 ------------------------------------------------------------- */

/* Classes and vectors of cells whose sums stay in registers. */
enum { TILE_CLASSES = 6, TILE_VECTORS = 2 };

struct products {
    const float *weights;
    size_t weights_stride;
    const float *rows;
    ptrdiff_t rows_stride;
    size_t channels;
    float *maps;
    size_t maps_stride;
};

/* Constants: @p classes, @p vectors, and whether the last vector is @p whole; if
 * not, @p last has its lanes. */
AVX2_INLINE void add_tile(const struct products *p, size_t classes,
                          size_t vectors, int whole, __m256i last)
{
    __m256 sums[TILE_CLASSES][TILE_VECTORS], row[TILE_VECTORS];
    EACH (k, classes)
        EACH (v, vectors) {
            const float *map = p->maps + k * p->maps_stride + v * WIDTH;
            sums[k][v] = whole || v + 1 < vectors
                             ? _mm256_loadu_ps(map)
                             : _mm256_maskload_ps(map, last);
        }
    for (size_t c = 0; c < p->channels; c++) {
        const float *at = p->rows + (ptrdiff_t)c * p->rows_stride;
        EACH (v, vectors)
            row[v] = whole || v + 1 < vectors
                         ? _mm256_loadu_ps(at + v * WIDTH)
                         : _mm256_maskload_ps(at + v * WIDTH, last);
        EACH (k, classes) {
            __m256 weight =
                _mm256_broadcast_ss(&p->weights[k * p->weights_stride + c]);
            EACH (v, vectors)
                sums[k][v] =
                    _mm256_add_ps(sums[k][v], _mm256_mul_ps(weight, row[v]));
        }
    }
    EACH (k, classes)
        EACH (v, vectors) {
            float *map = p->maps + k * p->maps_stride + v * WIDTH;
            if (whole || v + 1 < vectors)
                _mm256_storeu_ps(map, sums[k][v]);
            else
                _mm256_maskstore_ps(map, last, sums[k][v]);
        }
}

/* Constant: @p classes. */
AVX2_INLINE void add_tiles_of(const struct products *given, size_t classes,
                              size_t cells)
{
    struct products p = *given;
    const __m256i all = _mm256_set1_epi32(-1);
    for (; cells >= TILE_VECTORS * WIDTH; cells -= TILE_VECTORS * WIDTH) {
        add_tile(&p, classes, TILE_VECTORS, 1, all);
        p.rows += TILE_VECTORS * WIDTH;
        p.maps += TILE_VECTORS * WIDTH;
    }
    if (cells > WIDTH)
        add_tile(&p, classes, 2, 0, first_lanes(cells - WIDTH));
    else if (cells > 0)
        add_tile(&p, classes, 1, 0, first_lanes(cells));
}

AVX2 static void add_tiles(const struct products *p, size_t classes,
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

AVX2 static void combine(const float *weights, size_t weights_stride,
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
AVX2_INLINE __m256 relu(__m256 x)
{
    return _mm256_and_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_NLE_UQ), x);
}

/* Constants: all but @p f. */
AVX2_INLINE void multiply_tile(enum fmgcam_product product,
                               const struct factors *f, size_t vectors,
                               int whole, __m256i last)
{
    __m256 sums[PRODUCT_VECTORS];
    float *map = f->map;
    EACH (v, vectors)
        sums[v] = load_lanes(map + v * WIDTH, whole || v + 1 < vectors, last);
    for (size_t c = 0; c < f->channels; c++) {
        const float *g = f->g + (ptrdiff_t)c * f->g_stride;
        const float *a = f->a + (ptrdiff_t)c * f->a_stride;
        EACH (v, vectors) {
            prefetch(g + v * WIDTH, AHEAD_BYTES);
            __m256 first =
                load_lanes(g + v * WIDTH, whole || v + 1 < vectors, last);
            __m256 second =
                load_lanes(a + v * WIDTH, whole || v + 1 < vectors, last);
            if (product == FMGCAM_PRODUCT_OF_RELU)
                first = relu(first);
            __m256 term = _mm256_mul_ps(first, second);
            if (product == FMGCAM_RELU_OF_PRODUCT)
                term = relu(term);
            sums[v] = _mm256_add_ps(sums[v], term);
        }
    }
    EACH (v, vectors) {
        if (whole || v + 1 < vectors)
            _mm256_storeu_ps(map + v * WIDTH, sums[v]);
        else
            _mm256_maskstore_ps(map + v * WIDTH, last, sums[v]);
    }
}

/* Constant: @p product. */
AVX2_INLINE void multiply(enum fmgcam_product product,
                          const struct factors *all, size_t cells)
{
    const size_t step = PRODUCT_VECTORS * WIDTH;
    struct factors p = *all;
    for (; cells >= step; cells -= step) {
        multiply_tile(product, &p, PRODUCT_VECTORS, 1, first_lanes(WIDTH));
        p.g += step;
        p.a += step;
        p.map += step;
    }
    __m256i last = first_lanes((cells + WIDTH - 1) % WIDTH + 1);
    switch ((cells + WIDTH - 1) / WIDTH) {
    case 4: multiply_tile(product, &p, 4, 0, last); break;
    case 3: multiply_tile(product, &p, 3, 0, last); break;
    case 2: multiply_tile(product, &p, 2, 0, last); break;
    case 1: multiply_tile(product, &p, 1, 0, last); break;
    default: break;
    }
}

AVX2 static void add_products(enum fmgcam_product product, const float *g,
                              ptrdiff_t g_stride, const float *a,
                              ptrdiff_t a_stride, size_t channels, size_t cells,
                              float *map)
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

/* ---- Stage 7 ------------------------------------------------------------- */

/* Cells that are read by 8 pixels are taken from one register, if they all
 * fit. */
AVX2 static void stretch(const struct fmgcam_stretch *s)
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
AVX2_INLINE __m256i load_pixels(const uint8_t *from)
{
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)from);
    __m128i high =
        _mm_loadu_si128((const __m128i *)(const void *)(from + HALF_BYTES));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/* The channel's bytes of 8 pixels, as floats. */
AVX2_INLINE __m256 take_channel(__m256i bytes, size_t channel)
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
AVX2_INLINE __m256i round_levels(__m256 values)
{
    return _mm256_cvtps_epi32(_mm256_min_ps(values, _mm256_set1_ps(255.0f)));
}

AVX2_INLINE void put_pixels(uint8_t *to, const __m256i levels[3])
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

/* A copy of the strip, which no store to the picture can change. Up to
 * MOST_TAPS weights are kept in registers; constant: @p taps, or 0 for any
 * number. */
enum { MOST_TAPS = 4 };

struct reader {
    struct fmgcam_strip strip;
    const float *lines[MOST_TAPS];
    __m256 weights[MOST_TAPS];
};

AVX2_INLINE struct reader open_reader(const struct fmgcam_strip *strip,
                                      size_t taps)
{
    struct reader reader = {.strip = *strip};
    EACH (j, taps) {
        reader.lines[j] = strip->lines[j];
        reader.weights[j] = _mm256_set1_ps(strip->weights[j]);
    }
    return reader;
}

AVX2_INLINE __m256 sum_lines(const struct reader *reader, size_t taps,
                             size_t plane, size_t x)
{
    const struct fmgcam_strip *strip = &reader->strip;
    size_t at = plane * strip->plane_stride + x;
    if (taps == 0) {
        __m256 sum = _mm256_mul_ps(_mm256_set1_ps(strip->weights[0]),
                                   _mm256_loadu_ps(strip->lines[0] + at));
        for (size_t j = 1; j < strip->taps; j++)
            sum = _mm256_add_ps(
                sum, _mm256_mul_ps(_mm256_set1_ps(strip->weights[j]),
                                   _mm256_loadu_ps(strip->lines[j] + at)));
        return sum;
    }
    __m256 sum = _mm256_mul_ps(reader->weights[0],
                               _mm256_loadu_ps(reader->lines[0] + at));
    EACH (j, taps - 1)
        sum = _mm256_add_ps(
            sum, _mm256_mul_ps(reader->weights[j + 1],
                               _mm256_loadu_ps(reader->lines[j + 1] + at)));
    return sum;
}

/* keep * under + colour, or the colour alone. */
AVX2_INLINE void store_pixels(const struct fmgcam_pixels *pixels, size_t x,
                              size_t width, __m256 keep, const __m256 colors[3])
{
    uint8_t copy[READ_BYTES], *out = pixels->out + 3 * x;
    const uint8_t *under = pixels->under + (pixels->under ? 3 * x : 0);
    size_t left = 3 * (width - x), used = smaller(left, PIXELS_BYTES);
    __m256i levels[3];
    prefetch(out, (size_t)pixels->out_pitch);
    if (pixels->under) {
        prefetch(under, (size_t)pixels->under_pitch);
        if (left < READ_BYTES)
            under = memcpy(copy, under, used);
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

/* Constant: @p taps, @p wants_evidence. */
AVX2_INLINE void shade_mixed_of(const struct fmgcam_strip *strip,
                                const struct fmgcam_pixels *given, size_t taps,
                                int wants_evidence)
{
    const struct fmgcam_pixels pixels = *given;
    const struct reader reader = open_reader(strip, taps);
    const size_t width = strip->width;
    const __m256 alpha = _mm256_set1_ps(pixels.alpha);
    const __m256 one = _mm256_set1_ps(1.0f), zero = _mm256_setzero_ps();
    __m256 keep = _mm256_sub_ps(one, alpha);
    for (size_t x = 0; x < width; x += WIDTH) {
        if (wants_evidence) {
            __m256 evidence = sum_lines(&reader, taps, 3, x);
            keep = _mm256_sub_ps(
                one, _mm256_min_ps(_mm256_max_ps(evidence, zero), alpha));
        }
        __m256 colors[3];
        EACH (i, 3)
            colors[i] = sum_lines(&reader, taps, i, x);
        store_pixels(&pixels, x, width, keep, colors);
    }
}

AVX2_INLINE void shade_mixed_by(const struct fmgcam_strip *strip,
                                const struct fmgcam_pixels *pixels, size_t taps)
{
    if (pixels->under && !pixels->constant)
        shade_mixed_of(strip, pixels, taps, 1);
    else
        shade_mixed_of(strip, pixels, taps, 0);
}

AVX2 static void shade_mixed(const struct fmgcam_strip *strip,
                             const struct fmgcam_pixels *pixels)
{
    switch (strip->taps) {
    case 4: shade_mixed_by(strip, pixels, 4); break;
    case 2: shade_mixed_by(strip, pixels, 2); break;
    default: shade_mixed_by(strip, pixels, 0); break;
    }
}

AVX2_INLINE __m256 choose(__m256 mask, __m256 yes, __m256 no)
{
    return _mm256_blendv_ps(no, yes, mask);
}

/* Constant: @p taps. */
AVX2_INLINE void shade_contest_of(const struct fmgcam_strip *strip,
                                  const struct fmgcam_pixels *given,
                                  const struct fmgcam_contest *contest,
                                  size_t taps)
{
    const struct fmgcam_pixels pixels = *given;
    const struct reader reader = open_reader(strip, taps);
    const size_t width = strip->width, classes = contest->classes;
    const __m256 one = _mm256_set1_ps(1.0f), zero = _mm256_setzero_ps();
    const __m256 alpha = _mm256_set1_ps(pixels.alpha);
    const __m256i byte = _mm256_set1_epi32(255);
    for (size_t x = 0; x < width; x += WIDTH) {
        __m256 best = zero, scale = zero, winner = zero;
        for (size_t k = 0; k < classes; k++) {
            __m256 value = sum_lines(&reader, taps, k, x);
            __m256 wins = _mm256_cmp_ps(value, best, _CMP_GT_OQ);
            __m256i color = _mm256_set1_epi32((int)contest->colors[k]);
            best = _mm256_max_ps(best, value);
            scale = choose(wins, _mm256_set1_ps(contest->scales[k]), scale);
            winner = choose(wins, _mm256_castsi256_ps(color), winner);
        }
        __m256 strength = _mm256_mul_ps(best, scale);
        strength = _mm256_min_ps(_mm256_max_ps(strength, zero), one);
        strength = _mm256_mul_ps(alpha, strength);
        __m256 keep = _mm256_sub_ps(one, pixels.constant ? alpha : strength);
        __m256 colors[3];
        EACH (i, 3) {
            __m256i level = _mm256_and_si256(
                _mm256_srli_epi32(_mm256_castps_si256(winner), 8 * (int)i),
                byte);
            colors[i] = _mm256_mul_ps(strength, _mm256_cvtepi32_ps(level));
        }
        store_pixels(&pixels, x, width, keep, colors);
    }
}

AVX2 static void shade_contest(const struct fmgcam_strip *strip,
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

void fmgcam_use_avx2_kernels(struct fmgcam_kernels *kernels)
{
    kernels->pool_rows = pool_rows;
    kernels->pool_columns = pool_columns;
    kernels->widen_halves = widen_halves;
    kernels->transpose = transpose;
    kernels->combine = combine;
    kernels->add_products = add_products;
    kernels->stretch = stretch;
    kernels->shade_mixed = shade_mixed;
    kernels->shade_contest = shade_contest;
}

#endif
