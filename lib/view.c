/* SPDX-License-Identifier: MIT */
/* Reading tensors of any layout and dtype as contiguous float32. */
#include "internal.h"

#include <string.h>

void fmgcam_tensor_nchw(fmgcam_tensor *tensor, const void *data, uint32_t dtype,
                        int64_t n, int64_t channels, int64_t height,
                        int64_t width)
{
    if (!tensor)
        return;
    /* Strides may wrap for absurd extents, which is for the taker to refuse. */
    uint64_t row = (uint64_t)width, plane = row * (uint64_t)height;
    uint64_t picture = plane * (uint64_t)channels;
    *tensor = (fmgcam_tensor){
        .data = data,
        .dtype = dtype,
        .rank = 4,
        .shape = {n, channels, height, width},
        .strides = {(int64_t)picture, (int64_t)plane, (int64_t)row, 1},
    };
}

void fmgcam_tensor_nhwc(fmgcam_tensor *tensor, const void *data, uint32_t dtype,
                        int64_t n, int64_t channels, int64_t height,
                        int64_t width)
{
    if (!tensor)
        return;
    uint64_t cell = (uint64_t)channels, row = cell * (uint64_t)width;
    uint64_t picture = row * (uint64_t)height;
    *tensor = (fmgcam_tensor){
        .data = data,
        .dtype = dtype,
        .rank = 4,
        .shape = {n, channels, height, width},
        .strides = {(int64_t)picture, 1, (int64_t)row, (int64_t)cell},
    };
}

void fmgcam_tensor_matrix(fmgcam_tensor *tensor, const void *data,
                          uint32_t dtype, int64_t rows, int64_t columns)
{
    if (!tensor)
        return;
    *tensor = (fmgcam_tensor){
        .data = data,
        .dtype = dtype,
        .rank = 2,
        .shape = {rows, columns},
        .strides = {columns, 1},
    };
}

void fmgcam_tensor_maps(fmgcam_tensor *tensor, const float *data,
                        int64_t classes, int64_t height, int64_t width)
{
    fmgcam_tensor_nchw(tensor, data, FMGCAM_DTYPE_FLOAT32, 1, classes, height,
                       width);
    if (!tensor)
        return;
    tensor->rank = 3;
    memmove(tensor->shape, tensor->shape + 1, 3 * sizeof *tensor->shape);
    memmove(tensor->strides, tensor->strides + 1, 3 * sizeof *tensor->strides);
    tensor->shape[3] = tensor->strides[3] = 0;
}

/* ---- Elements ------------------------------------------------------------ */

static float float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16 to binary32, exact. */
static float float_from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 0x1fu;
    uint32_t fraction = half & 0x3ffu;

    if (exponent == 0x1f) /* infinity or NaN */
        return float_from_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent != 0) /* 112 = 127 - 15, the biases */
        return float_from_bits(sign | (exponent + 112) << 23 | fraction << 13);

    float magnitude = (float)fraction * 0x1p-24f; /* subnormal or zero */
    return sign ? -magnitude : magnitude;
}

static float element_at(const struct fmgcam_view *view, ptrdiff_t offset)
{
    if (view->dtype == FMGCAM_DTYPE_FLOAT16)
        return float_from_half(((const uint16_t *)view->data)[offset]);
    return ((const float *)view->data)[offset];
}

static ptrdiff_t offset_of(const struct fmgcam_view *view, size_t n, size_t c,
                           size_t cell)
{
    return (ptrdiff_t)n * view->stride_n + (ptrdiff_t)c * view->stride_c +
           (ptrdiff_t)(cell / view->width) * view->stride_h +
           (ptrdiff_t)(cell % view->width) * view->stride_w;
}

float fmgcam_view_at(const struct fmgcam_view *view, size_t n, size_t c,
                     size_t cell)
{
    return element_at(view, offset_of(view, n, c, cell));
}

/* ---- Rows and tiles ------------------------------------------------------ */

/* Cell s lies at s * stride_w: there is no gap between the rows of the map. */
static int cells_are_even(const struct fmgcam_view *view)
{
    return view->height == 1 ||
           view->stride_h == (ptrdiff_t)view->width * view->stride_w;
}

const float *fmgcam_view_rows(const struct fmgcam_view *view, size_t n,
                              size_t c, size_t cell, ptrdiff_t *stride)
{
    if (view->dtype != FMGCAM_DTYPE_FLOAT32 || !cells_are_even(view) ||
        (view->stride_w != 1 && view->cells != 1))
        return NULL;
    *stride = view->stride_c;
    return (const float *)view->data + offset_of(view, n, c, cell);
}

/* Copy runs of evenly spaced cells. The inner loop follows the smaller stride,
 * so that NHWC is read in the order of its memory. */
static void copy_run(const struct fmgcam_view *view, ptrdiff_t from,
                     size_t channels, size_t cells, float *to, size_t to_stride)
{
    if (view->stride_c == 1) {
        for (size_t s = 0; s < cells; s++) {
            ptrdiff_t at = from + (ptrdiff_t)s * view->stride_w;
            for (size_t c = 0; c < channels; c++)
                to[c * to_stride + s] = element_at(view, at + (ptrdiff_t)c);
        }
        return;
    }
    for (size_t c = 0; c < channels; c++) {
        ptrdiff_t at = from + (ptrdiff_t)c * view->stride_c;
        for (size_t s = 0; s < cells; s++)
            to[c * to_stride + s] =
                element_at(view, at + (ptrdiff_t)s * view->stride_w);
    }
}

void fmgcam_view_copy(const struct fmgcam_view *view, size_t n, size_t c,
                      size_t channels, size_t cell, size_t cells, float *to)
{
    size_t done = 0;
    while (done < cells) {
        size_t run = cells - done;
        if (!cells_are_even(view)) {
            run = smaller(run, view->width - (cell + done) % view->width);
        }
        copy_run(view, offset_of(view, n, c, cell + done), channels, run,
                 to + done, cells);
        done += run;
    }
}

void fmgcam_view_copy_matrix(const struct fmgcam_view *view, float *to)
{
    for (size_t n = 0; n < view->n; n++)
        fmgcam_view_copy(view, n, 0, view->channels, 0, 1,
                         to + n * view->channels);
}

const float *fmgcam_view_tile(const struct fmgcam_view *view, size_t n,
                              size_t c, size_t channels, size_t cell,
                              size_t cells, float *scratch, ptrdiff_t *stride)
{
    const float *rows = fmgcam_view_rows(view, n, c, cell, stride);
    if (rows)
        return rows;
    fmgcam_view_copy(view, n, c, channels, cell, cells, scratch);
    *stride = (ptrdiff_t)cells;
    return scratch;
}
