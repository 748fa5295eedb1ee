/* SPDX-License-Identifier: MIT */
/* The hot loops, behind a table: the C ones first, then those that this CPU has
 * better registers for. Every implementation gives the same bits as the C one
 * (docs/numerics.md has the order of the sums), NaN being NaN. */
#ifndef FMGCAM_KERNELS_H
#define FMGCAM_KERNELS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    /* Pooling adds cell s to lane s mod LANES. */
    FMGCAM_LANES = 16,
    /* fmgcam_kernels.fuse is for maps of so many cells and up to so many
     * classes: 7 x 7, the map of most networks for pictures of 224 x 224. */
    FMGCAM_FUSED_CELLS = 49,
    FMGCAM_FUSED_CLASSES = 8,
    /* Lines of a strip may be read up to a multiple of so many floats. */
    FMGCAM_STRIP_UNIT = 16,
    /* No strip is wider. Floats: 24 KiB, of the 32 that the smallest first-level
     * caches have. */
    FMGCAM_STRIP_FLOATS = 6144
};

static inline size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The tree of pooling: lane i takes lane i + 8, then i + 4, i + 2, i + 1. */
static inline float fmgcam_fold_lanes(float lanes[FMGCAM_LANES])
{
    for (size_t half = FMGCAM_LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            lanes[i] += lanes[i + half];
    return lanes[0];
}

static inline float fmgcam_float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16 to binary32, exact. Without branches, so that it
 * vectorises, and without arithmetic on subnormal floats, which is slow. */
static inline float fmgcam_widen_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t magnitude = half & 0x7fffu;
    uint32_t bits = (magnitude << 13) + (112u << 23); /* 127 - 15, the biases */
    bits += magnitude >= 0x7c00u ? 112u << 23 : 0u;   /* infinity or NaN */
    float small = (float)(int32_t)magnitude * 0x1p-24f; /* of subnormals */
    uint32_t small_bits;
    memcpy(&small_bits, &small, sizeof small_bits);
    return fmgcam_float_of(sign | (magnitude < 0x400u ? small_bits : bits));
}

/* What is added up of a gradient and an activation. */
enum fmgcam_product {
    FMGCAM_PRODUCT,         /* g a */
    FMGCAM_PRODUCT_OF_RELU, /* relu(g) a */
    FMGCAM_RELU_OF_PRODUCT  /* relu(g a) */
};

/* Gradients of some classes and channels, rows of contiguous cells. Strides in
 * floats. */
struct fmgcam_rows {
    const float *data;
    ptrdiff_t stride_k, stride_c;
    size_t classes, channels, cells; /* cells: 1 or more */
    /* Rows of as many channels and cells that will be read next, for which the
     * CPU may be told to look meanwhile; or NULL. */
    const float *soon;
    ptrdiff_t soon_stride;
};

/* The gradients and activations of one picture, rows of contiguous cells.
 * Strides in floats. */
struct fmgcam_fusing {
    const float *gradients;
    ptrdiff_t gradients_stride_k, gradients_stride_c;
    const float *activations;
    ptrdiff_t activations_stride;
    size_t classes, channels;
    float *weights; /* [classes, channels]; NULL: not wanted */
    float *maps;    /* [classes, FMGCAM_FUSED_CELLS] */
};

/* A strip of a row of the picture. Its values of a plane are
 *
 *   sum over j < taps of weights[j] * lines[j][plane * plane_stride + x],
 *
 * j ascending, multiply, then add: lines are rows of the maps, stretched to the
 * width of the picture. */
struct fmgcam_strip {
    const float *const *lines;
    const float *weights;
    size_t taps;
    size_t plane_stride; /* a multiple of FMGCAM_STRIP_UNIT */
    size_t width;        /* pixels */
};

/* A row of the map that is stretched to @p width pixels: pixel x is the sum over
 * j < taps of weights[j * weights_stride + x] * cells[starts[x] + j], j
 * ascending, multiply, then add. starts never fall. */
struct fmgcam_stretch {
    const float *cells;
    size_t count; /* of cells */
    const uint32_t *starts;
    const float *weights;
    size_t weights_stride;
    size_t taps;
    size_t width;
    float *out; /* zeros follow up to a multiple of FMGCAM_STRIP_UNIT */
};

/* The pixels of the strip: three channels, and where they have 4 bytes an alpha,
 * which is copied, or 255 where nothing is under it. */
struct fmgcam_pixels {
    const uint8_t *under; /* NULL: black, and the colours as they are */
    uint8_t *out;         /* may be under */
    uint32_t bytes;       /* of a pixel: 3 or 4 */
    float alpha;          /* of the colours, which are given times it */
    int constant;         /* whether e = 1 everywhere */
    /* Bytes to the next row, which the CPU may be told to look for. */
    ptrdiff_t under_pitch, out_pitch;
};

/* The classes of a strip that is fused at picture size; its planes are their
 * signed maps. */
struct fmgcam_contest {
    size_t classes;
    const float *scales; /* [classes], from signed value to evidence */
    /* [classes], first + 256 second + 65536 third channel */
    const uint32_t *colors;
};

/* The colours of a single map's values in 0...1, or -1...1: so many at even
 * steps, and straight lines between them. */
enum { FMGCAM_RAMP_MOST = 64 };
struct fmgcam_ramp {
    float scale; /* from the map's values to these */
    int is_signed;
    size_t count; /* 2 or more */
    /* The three channels of each, and what they rise by to the next; the fourth
     * is 0. */
    float colors[FMGCAM_RAMP_MOST][4], rises[FMGCAM_RAMP_MOST][4];
};

/* Weights [classes, channels] and activations for the maps they add to. */
struct fmgcam_products {
    const float *weights;
    size_t weights_stride;
    const float *rows;
    ptrdiff_t rows_stride;
    size_t channels;
    float *maps;
    size_t maps_stride;
};

struct fmgcam_kernels {
    uint32_t flags; /* FMGCAM_CPU_* bits that chose these kernels */

    /* weights[k * weights_stride + c] = mean of the cells of a row. */
    void (*pool_rows)(const struct fmgcam_rows *rows, float *weights,
                      size_t weights_stride);

    /* weights[c] = mean over s of cells[s][c], channels being contiguous. */
    void (*pool_columns)(const float *cells, ptrdiff_t stride, size_t channels,
                         size_t count, float *weights);

    /* binary16 to float. */
    void (*widen_halves)(const uint16_t *from, size_t count, float *to);

    /* to[c][s] = from[s][c]. */
    void (*transpose)(const float *from, ptrdiff_t from_stride, size_t channels,
                      size_t cells, float *to, size_t to_stride);

    /* maps[k][s] += weights[k][c] * rows[c][s], c ascending for each (k, s),
     * multiply, then add. Strides in floats. */
    void (*combine)(const struct fmgcam_products *products, size_t classes,
                    size_t cells);

    /* map[s] += product of g[c][s] and a[c][s], c ascending, multiply, then
     * add. */
    void (*add_products)(enum fmgcam_product product, const float *g,
                         ptrdiff_t g_stride, const float *a, ptrdiff_t a_stride,
                         size_t channels, size_t cells, float *map);

    /* Pooling and combining of whole blocks of channels in one pass over both
     * tensors, beginning with maps of 0. Returns how many channels are done, a
     * multiple of LANES. NULL where there is none. */
    size_t (*fuse)(const struct fmgcam_fusing *fusing);

    void (*stretch)(const struct fmgcam_stretch *stretch);

    /* Planes: the three channels (0...255) and evidence (0...1, clamped here),
     * all times alpha. Without need of the evidence, it is not looked at. */
    void (*shade_mixed)(const struct fmgcam_strip *strip,
                        const struct fmgcam_pixels *pixels);

    /* The class with the largest value > 0, ties to the lowest rank. */
    void (*shade_contest)(const struct fmgcam_strip *strip,
                          const struct fmgcam_pixels *pixels,
                          const struct fmgcam_contest *contest);

    /* One plane, whose values choose the colours. */
    void (*shade_ramp)(const struct fmgcam_strip *strip,
                       const struct fmgcam_pixels *pixels,
                       const struct fmgcam_ramp *ramp);
};

/* The best kernels for this CPU (cpu.c). */
void fmgcam_init_kernels(struct fmgcam_kernels *kernels);

/* Of shading.c. */
void fmgcam_use_c_shading(struct fmgcam_kernels *kernels);

/* Fill @p kernels, then put better ones in where the CPU has them. */
void fmgcam_use_c_kernels(struct fmgcam_kernels *kernels);
void fmgcam_use_avx2_kernels(struct fmgcam_kernels *kernels);
void fmgcam_use_avx512_kernels(struct fmgcam_kernels *kernels);
void fmgcam_use_neon_kernels(struct fmgcam_kernels *kernels);

/* For kernels that keep the sums of a few classes in registers: add(products,
 * count, cells) for groups of up to @p most classes, as even as can be. */
void fmgcam_combine_groups(const struct fmgcam_products *products,
                           size_t classes, size_t cells, size_t most,
                           void (*add)(const struct fmgcam_products *products,
                                       size_t classes, size_t cells));

/* For kernels that pool up to @p width channels of some classes together, so
 * that the classes' rows come from memory side by side. */
enum { FMGCAM_POOL_CLASSES = 8 };
void fmgcam_pool_groups(const struct fmgcam_rows *all, size_t width,
                        void (*pool)(const struct fmgcam_rows *rows,
                                     float *weights, size_t weights_stride),
                        float *weights, size_t weights_stride);

#endif
