/* SPDX-License-Identifier: MIT */
/* The C reference of the hot loops.
 *
 * Order is part of the contract: it fixes the bits (docs/numerics.md). */
#include "kernels.h"

#include "vec4.h"

/* ---- Stage 1 ------------------------------------------------------------- */

static float pool_row(const float *row, size_t cells)
{
    vec4 sums[4] = {{0}};
    float lanes[FMGCAM_LANES];
    size_t s = 0;
    for (; s + FMGCAM_LANES <= cells; s += FMGCAM_LANES)
        for (size_t i = 0; i < 4; i++)
            sums[i] += load4(row + s + 4 * i);
    memcpy(lanes, sums, sizeof lanes);
    for (size_t lane = 0; s + lane < cells; lane++)
        lanes[lane] += row[s + lane];
    return fmgcam_fold_lanes(lanes) / (float)cells;
}

static void pool_rows(const struct fmgcam_rows *rows, float *weights,
                      size_t weights_stride)
{
    for (size_t k = 0; k < rows->classes; k++)
        for (size_t c = 0; c < rows->channels; c++)
            weights[k * weights_stride + c] =
                pool_row(rows->data + (ptrdiff_t)k * rows->stride_k +
                             (ptrdiff_t)c * rows->stride_c,
                         rows->cells);
}

/* Channels side by side, each in its own lanes. */
enum { COLUMNS = 8 };

static inline void pool_few_columns(const float *cells, ptrdiff_t stride,
                                    size_t channels, size_t count,
                                    float *weights)
{
    float lanes[FMGCAM_LANES][COLUMNS] = {{0}};
    for (size_t s = 0; s < count; s++)
        for (size_t c = 0; c < channels; c++)
            lanes[s % FMGCAM_LANES][c] +=
                cells[(ptrdiff_t)s * stride + (ptrdiff_t)c];
    for (size_t half = FMGCAM_LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            for (size_t c = 0; c < channels; c++)
                lanes[i][c] += lanes[i + half][c];
    for (size_t c = 0; c < channels; c++)
        weights[c] = lanes[0][c] / (float)count;
}

static void pool_columns(const float *cells, ptrdiff_t stride, size_t channels,
                         size_t count, float *weights)
{
    size_t c = 0;
    for (; c + COLUMNS <= channels; c += COLUMNS)
        pool_few_columns(cells + c, stride, COLUMNS, count, weights + c);
    if (c < channels)
        pool_few_columns(cells + c, stride, channels - c, count, weights + c);
}

static void widen_halves(const uint16_t *from, size_t count, float *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = fmgcam_widen_half(from[i]);
}

static void transpose(const float *from, ptrdiff_t from_stride, size_t channels,
                      size_t cells, float *to, size_t to_stride)
{
    for (size_t s = 0; s < cells; s++)
        for (size_t c = 0; c < channels; c++)
            to[c * to_stride + s] =
                from[(ptrdiff_t)s * from_stride + (ptrdiff_t)c];
}

/* ---- Stage 2 ------------------------------------------------------------- */

/* Blocks of cells and classes whose sums fit the registers. */
enum { BLOCK_CELLS = 16, BLOCK_CLASSES = 2 };

/* Add to @p classes (a constant, at most BLOCK_CLASSES) x 16 sums, and keep
 * those from cell @p kept on. */
static inline void combine_block(const struct fmgcam_products *p,
                                 size_t classes, size_t kept)
{
    vec4 sums[BLOCK_CLASSES][4];
    for (size_t k = 0; k < classes; k++)
        memcpy(sums[k], p->maps + k * p->maps_stride, sizeof sums[k]);
    for (size_t c = 0; c < p->channels; c++) {
        const float *row = p->rows + (ptrdiff_t)c * p->rows_stride;
        for (size_t k = 0; k < classes; k++) {
            float weight = p->weights[k * p->weights_stride + c];
            for (size_t i = 0; i < 4; i++)
                sums[k][i] += weight * load4(row + 4 * i);
        }
    }
    for (size_t k = 0; k < classes; k++)
        memcpy(p->maps + k * p->maps_stride + kept, (float *)sums[k] + kept,
               (BLOCK_CELLS - kept) * sizeof *p->maps);
}

static inline struct fmgcam_products at_cell(const struct fmgcam_products *p,
                                             size_t cell)
{
    struct fmgcam_products moved = *p;
    moved.rows += cell;
    moved.maps += cell;
    return moved;
}

/* All cells of @p classes, a constant: first what is left over at the end, as
 * the last part of a whole block, then whole blocks, which do not disturb it. */
static inline void combine_cells(const struct fmgcam_products *p,
                                 size_t classes, size_t cells)
{
    size_t rest = cells % BLOCK_CELLS;
    if (rest) {
        struct fmgcam_products last = at_cell(p, cells - BLOCK_CELLS);
        combine_block(&last, classes, BLOCK_CELLS - rest);
    }
    for (size_t s = 0; s + BLOCK_CELLS <= cells; s += BLOCK_CELLS) {
        struct fmgcam_products block = at_cell(p, s);
        combine_block(&block, classes, 0);
    }
}

/* Fewer cells than a block has. */
static void combine_few_cells(const struct fmgcam_products *p, size_t classes,
                              size_t cells)
{
    for (size_t k = 0; k < classes; k++)
        for (size_t s = 0; s < cells; s++) {
            float *map = &p->maps[k * p->maps_stride + s];
            for (size_t c = 0; c < p->channels; c++)
                *map += p->weights[k * p->weights_stride + c] *
                        p->rows[(ptrdiff_t)c * p->rows_stride + (ptrdiff_t)s];
        }
}

static void combine_classes(const struct fmgcam_products *p, size_t classes,
                            size_t cells)
{
    if (cells < BLOCK_CELLS)
        combine_few_cells(p, classes, cells);
    else if (classes == BLOCK_CLASSES)
        combine_cells(p, BLOCK_CLASSES, cells);
    else
        combine_cells(p, 1, cells);
}

static void combine(const struct fmgcam_products *p, size_t classes,
                    size_t cells)
{
    fmgcam_combine_groups(p, classes, cells, BLOCK_CLASSES, combine_classes);
}

/* max(x, 0) that keeps NaN. */
static inline float relu(float x)
{
    return x <= 0.0f ? 0.0f : x;
}

static inline void add_products_of(enum fmgcam_product product, const float *g,
                                   ptrdiff_t g_stride, const float *a,
                                   ptrdiff_t a_stride, size_t channels,
                                   size_t cells, float *map)
{
    for (size_t c = 0; c < channels; c++, g += g_stride, a += a_stride)
        for (size_t s = 0; s < cells; s++) {
            float first = product == FMGCAM_PRODUCT_OF_RELU ? relu(g[s]) : g[s];
            float term = first * a[s];
            map[s] += product == FMGCAM_RELU_OF_PRODUCT ? relu(term) : term;
        }
}

static void add_products(enum fmgcam_product product, const float *g,
                         ptrdiff_t g_stride, const float *a, ptrdiff_t a_stride,
                         size_t channels, size_t cells, float *map)
{
    switch (product) {
    case FMGCAM_PRODUCT_OF_RELU:
        add_products_of(FMGCAM_PRODUCT_OF_RELU, g, g_stride, a, a_stride,
                        channels, cells, map);
        break;
    case FMGCAM_RELU_OF_PRODUCT:
        add_products_of(FMGCAM_RELU_OF_PRODUCT, g, g_stride, a, a_stride,
                        channels, cells, map);
        break;
    default:
        add_products_of(FMGCAM_PRODUCT, g, g_stride, a, a_stride, channels,
                        cells, map);
        break;
    }
}

/* ---- Stage 7 ------------------------------------------------------------- */

/* Pixels begin to end, which all read the same cells. */
static inline void stretch_run(const struct fmgcam_stretch *stretch,
                               size_t taps, size_t begin, size_t end)
{
    const float *cells = stretch->cells + stretch->starts[begin];
    const float *weights = stretch->weights;
    const size_t stride = stretch->weights_stride;
    for (size_t x = begin; x < end; x++) {
        float sum = weights[x] * cells[0];
        for (size_t j = 1; j < taps; j++)
            sum += weights[j * stride + x] * cells[j];
        stretch->out[x] = sum;
    }
}

static void stretch(const struct fmgcam_stretch *s)
{
    for (size_t begin = 0, end; begin < s->width; begin = end) {
        end = begin + 1;
        while (end < s->width && s->starts[end] == s->starts[begin])
            end++;
        if (s->taps == 4)
            stretch_run(s, 4, begin, end);
        else
            stretch_run(s, s->taps, begin, end);
    }
    for (size_t x = s->width; x % FMGCAM_STRIP_UNIT != 0; x++)
        s->out[x] = 0.0f;
}

/* Four pixels at a time. */
/* ---- For all kernels ----------------------------------------------------- */

void fmgcam_combine_groups(const struct fmgcam_products *products,
                           size_t classes, size_t cells, size_t most,
                           void (*add)(const struct fmgcam_products *products,
                                       size_t classes, size_t cells))
{
    struct fmgcam_products p = *products;
    for (size_t groups = (classes + most - 1) / most; groups > 0; groups--) {
        size_t count = (classes + groups - 1) / groups;
        add(&p, count, cells);
        p.weights += count * p.weights_stride;
        p.maps += count * p.maps_stride;
        classes -= count;
    }
}

void fmgcam_pool_groups(const struct fmgcam_rows *all, size_t width,
                        void (*pool)(const struct fmgcam_rows *rows,
                                     float *weights, size_t weights_stride),
                        float *weights, size_t weights_stride)
{
    struct fmgcam_rows rows = *all;
    for (size_t c = 0; c < all->channels; c += width)
        for (size_t k = 0; k < all->classes; k += FMGCAM_POOL_CLASSES) {
            rows.data = all->data + (ptrdiff_t)k * all->stride_k +
                        (ptrdiff_t)c * all->stride_c;
            rows.classes = smaller(all->classes - k, FMGCAM_POOL_CLASSES);
            rows.channels = smaller(all->channels - c, width);
            rows.soon = k == 0 && all->soon
                            ? all->soon + (ptrdiff_t)c * all->soon_stride
                            : NULL;
            pool(&rows, weights + k * weights_stride + c, weights_stride);
        }
}

/* ---- The table ----------------------------------------------------------- */

void fmgcam_use_c_kernels(struct fmgcam_kernels *kernels)
{
    *kernels = (struct fmgcam_kernels){
        .pool_rows = pool_rows,
        .pool_columns = pool_columns,
        .widen_halves = widen_halves,
        .transpose = transpose,
        .combine = combine,
        .add_products = add_products,
        .stretch = stretch,
    };
    fmgcam_use_c_shading(kernels);
}
