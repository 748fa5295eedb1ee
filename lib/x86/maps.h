/* SPDX-License-Identifier: MIT */
/* Hot loops of stages 1 and 2 for vectors of any width. Included by the file of
 * an instruction set after its vectors, transpose_block() and
 *
 *   TILE_SUMS      vectors of sums that stay in registers
 *   BLOCK_VECTORS  of channels that are pooled at a time */

/* ---- Stage 1: columns ---------------------------------------------------- */

/* Channels of one cell lie side by side, and the next cell is far away: a block
 * is as wide as the registers can hold, and so are the runs that are read. */

/* Lane @p lane of a block. Constant, as below: @p vectors, and whether they are
 * @p whole; if not, @p part has the channels of the only one. */
KERNEL_INLINE void sum_lane(const float *cells, ptrdiff_t stride, size_t count,
                            size_t lane, size_t vectors, int whole,
                            vec_part part, vec sums[BLOCK_VECTORS])
{
    EACH (v, vectors)
        sums[v] = vec_of(0.0f);
    for (size_t s = lane; s < count; s += FMGCAM_LANES) {
        const float *cell = cells + (ptrdiff_t)s * stride;
        EACH (v, vectors)
            sums[v] =
                vec_add(sums[v], vec_load_part(cell + v * WIDTH, whole, part));
    }
}

/* One vector for each lane: no tree across vectors. */
KERNEL_INLINE vec fold_columns(const vec *lanes, size_t stride)
{
    vec sums[8];
    EACH (i, 8)
        sums[i] = vec_add(lanes[i * stride], lanes[(i + 8) * stride]);
    EACH (i, 4)
        sums[i] = vec_add(sums[i], sums[i + 4]);
    return vec_add(vec_add(sums[0], sums[2]), vec_add(sums[1], sums[3]));
}

KERNEL_INLINE void pool_column_block(const float *cells, ptrdiff_t stride,
                                     size_t count, size_t vectors, int whole,
                                     vec_part part, float *weights)
{
    const vec divisor = vec_of((float)count);
    vec lanes[FMGCAM_LANES][BLOCK_VECTORS], sums[BLOCK_VECTORS];
    for (size_t i = 0; i < FMGCAM_LANES; i++) {
        sum_lane(cells, stride, count, i, vectors, whole, part, sums);
        EACH (v, vectors)
            lanes[i][v] = sums[v];
    }
    for (size_t v = 0; v < vectors; v++)
        vec_store_part(
            weights + v * WIDTH, whole, part,
            vec_div(fold_columns(&lanes[0][v], BLOCK_VECTORS), divisor));
}

KERNEL static void pool_columns(const float *cells, ptrdiff_t stride,
                                size_t channels, size_t count, float *weights)
{
    const size_t block = (size_t)BLOCK_VECTORS * WIDTH;
    size_t c = 0;
    for (; c + block <= channels; c += block)
        pool_column_block(cells + c, stride, count, BLOCK_VECTORS, 1,
                          first_lanes(WIDTH), weights + c);
    for (; c < channels; c += WIDTH)
        pool_column_block(cells + c, stride, count, 1, 0,
                          first_lanes(smaller(channels - c, WIDTH)),
                          weights + c);
}

/* ---- Transposing --------------------------------------------------------- */

KERNEL static void transpose(const float *from, ptrdiff_t from_stride,
                             size_t channels, size_t cells, float *to,
                             size_t to_stride)
{
    for (size_t s = 0; s < cells; s += WIDTH)
        for (size_t c = 0; c < channels; c += WIDTH) {
            size_t across = smaller(channels - c, WIDTH);
            size_t down = smaller(cells - s, WIDTH);
            vec_part in = first_lanes(across), out = first_lanes(down);
            vec block[WIDTH];
            for (size_t i = 0; i < WIDTH; i++)
                block[i] =
                    i < down ? vec_load_part(
                                   from + c + (ptrdiff_t)(s + i) * from_stride,
                                   0, in)
                             : vec_of(0.0f);
            transpose_block(block);
            for (size_t i = 0; i < across; i++)
                vec_store_part(to + (c + i) * to_stride + s, 0, out, block[i]);
        }
}

/* ---- Stage 2 ------------------------------------------------------------- */

enum { TILE_CLASSES = 6, TILE_VECTORS = 8 };

/* Few classes leave registers for longer runs of cells. */
KERNEL_INLINE size_t tile_vectors(size_t classes)
{
    return classes * 8 <= TILE_SUMS ? 8 : classes * 4 <= TILE_SUMS ? 4 : 2;
}

/* Constants: @p classes, @p vectors, and whether the last vector is @p whole; if
 * not, @p part has its cells. */
KERNEL_INLINE void add_tile(const struct fmgcam_products *p, size_t classes,
                            size_t vectors, int whole, vec_part part)
{
    if (vectors > tile_vectors(classes))
        return; /* not asked for: no code */
    vec sums[TILE_CLASSES][TILE_VECTORS], row[TILE_VECTORS];
    EACH (k, classes)
        EACH (v, vectors)
            sums[k][v] = vec_load_part(p->maps + k * p->maps_stride + v * WIDTH,
                                       whole || v + 1 < vectors, part);
    for (size_t c = 0; c < p->channels; c++) {
        const float *at = p->rows + (ptrdiff_t)c * p->rows_stride;
        EACH (v, vectors)
            row[v] =
                vec_load_part(at + v * WIDTH, whole || v + 1 < vectors, part);
        /* Of one class, adding is done before the next tile is there. */
        if (whole && classes == 1)
            EACH (v, vectors)
                prefetch(at + v * WIDTH, vectors * sizeof(vec));
        EACH (k, classes) {
            vec weight = vec_of(p->weights[k * p->weights_stride + c]);
            EACH (v, vectors)
                sums[k][v] = vec_add(sums[k][v], vec_mul(weight, row[v]));
        }
    }
    EACH (k, classes)
        EACH (v, vectors)
            vec_store_part(p->maps + k * p->maps_stride + v * WIDTH,
                           whole || v + 1 < vectors, part, sums[k][v]);
}

/* Constant: @p classes. */
KERNEL_INLINE void add_tiles_of(const struct fmgcam_products *given,
                                size_t classes, size_t cells)
{
    const size_t most = tile_vectors(classes), step = most * WIDTH;
    struct fmgcam_products p = *given;
    for (; cells >= step; cells -= step) {
        add_tile(&p, classes, most, 1, first_lanes(WIDTH));
        p.rows += step;
        p.maps += step;
    }
    vec_part part = first_lanes((cells + WIDTH - 1) % WIDTH + 1);
    switch ((cells + WIDTH - 1) / WIDTH) {
    case 1: add_tile(&p, classes, 1, 0, part); break;
    case 2: add_tile(&p, classes, 2, 0, part); break;
    case 3: add_tile(&p, classes, 3, 0, part); break;
    case 4: add_tile(&p, classes, 4, 0, part); break;
    case 5: add_tile(&p, classes, 5, 0, part); break;
    case 6: add_tile(&p, classes, 6, 0, part); break;
    case 7: add_tile(&p, classes, 7, 0, part); break;
    case 8: add_tile(&p, classes, 8, 0, part); break;
    default: break;
    }
}

KERNEL static void add_tiles(const struct fmgcam_products *p, size_t classes,
                             size_t cells)
{
    switch (classes) {
    case 1: add_tiles_of(p, 1, cells); break;
    case 2: add_tiles_of(p, 2, cells); break;
    case 3: add_tiles_of(p, 3, cells); break;
    case 4: add_tiles_of(p, 4, cells); break;
    case 5: add_tiles_of(p, 5, cells); break;
    default: add_tiles_of(p, 6, cells); break;
    }
}

KERNEL static void combine(const struct fmgcam_products *p, size_t classes,
                           size_t cells)
{
    fmgcam_combine_groups(p, classes, cells, TILE_CLASSES, add_tiles);
}

/* ---- Products ------------------------------------------------------------ */

enum { PRODUCT_VECTORS = 4 };

struct factors {
    const float *g, *a;
    ptrdiff_t g_stride, a_stride;
    size_t channels;
    float *map;
};

/* Constants: all but @p f and @p part, as in add_tile(). */
KERNEL_INLINE void multiply_tile(enum fmgcam_product product,
                                 const struct factors *f, size_t vectors,
                                 int whole, vec_part part)
{
    vec sums[PRODUCT_VECTORS];
    EACH (v, vectors)
        sums[v] =
            vec_load_part(f->map + v * WIDTH, whole || v + 1 < vectors, part);
    for (size_t c = 0; c < f->channels; c++) {
        const float *g = f->g + (ptrdiff_t)c * f->g_stride;
        const float *a = f->a + (ptrdiff_t)c * f->a_stride;
        EACH (v, vectors) {
            int all = whole || v + 1 < vectors;
            vec first = vec_load_part(g + v * WIDTH, all, part);
            vec second = vec_load_part(a + v * WIDTH, all, part);
            prefetch(g + v * WIDTH, AHEAD_BYTES);
            if (product == FMGCAM_PRODUCT_OF_RELU)
                first = vec_relu(first);
            vec term = vec_mul(first, second);
            if (product == FMGCAM_RELU_OF_PRODUCT)
                term = vec_relu(term);
            sums[v] = vec_add(sums[v], term);
        }
    }
    EACH (v, vectors)
        vec_store_part(f->map + v * WIDTH, whole || v + 1 < vectors, part,
                       sums[v]);
}

/* Constant: @p product. */
KERNEL_INLINE void multiply(enum fmgcam_product product,
                            const struct factors *given, size_t cells)
{
    const size_t step = (size_t)PRODUCT_VECTORS * WIDTH;
    struct factors f = *given;
    for (; cells >= step; cells -= step) {
        multiply_tile(product, &f, PRODUCT_VECTORS, 1, first_lanes(WIDTH));
        f.g += step;
        f.a += step;
        f.map += step;
    }
    vec_part part = first_lanes((cells + WIDTH - 1) % WIDTH + 1);
    switch ((cells + WIDTH - 1) / WIDTH) {
    case 1: multiply_tile(product, &f, 1, 0, part); break;
    case 2: multiply_tile(product, &f, 2, 0, part); break;
    case 3: multiply_tile(product, &f, 3, 0, part); break;
    case 4: multiply_tile(product, &f, 4, 0, part); break;
    default: break;
    }
}

KERNEL static void add_products(enum fmgcam_product product, const float *g,
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
