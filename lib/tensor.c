/* SPDX-License-Identifier: MIT */
/* Descriptions of tensors: who fills shape and strides in. */
#include "internal.h"

#include <string.h>

size_t fmgcam_element_size(uint32_t dtype)
{
    switch (dtype) {
    case FMGCAM_DTYPE_FLOAT64: return 8;
    case FMGCAM_DTYPE_FLOAT32: return 4;
    case FMGCAM_DTYPE_FLOAT16:
    case FMGCAM_DTYPE_BFLOAT16: return 2;
    case FMGCAM_DTYPE_INT8:
    case FMGCAM_DTYPE_UINT8: return 1;
    default: return 0;
    }
}

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

void fmgcam_tensor_vector(fmgcam_tensor *tensor, const void *data,
                          uint32_t dtype, int64_t count)
{
    if (!tensor)
        return;
    *tensor = (fmgcam_tensor){.data = data,
                              .dtype = dtype,
                              .rank = 1,
                              .shape = {count},
                              .strides = {1}};
}

/* *product = a * b of numbers from 1 on; 0 if that does not fit. */
static int multiply_extents(int64_t a, int64_t b, int64_t *product)
{
    if (a < 1 || b < 1 || a > INT64_MAX / b)
        return 0;
    *product = a * b;
    return 1;
}

static int count_cells(const int64_t *grid, uint32_t axes, int64_t *cells)
{
    *cells = 1;
    for (uint32_t i = 0; i < axes; i++)
        if (!multiply_extents(*cells, grid[i], cells))
            return 0;
    return 1;
}

/* The address of element @p offset, as a number: it may lie anywhere. */
static const void *move(const void *data, int64_t offset, size_t size)
{
    return (const void *)((uintptr_t)data +
                          (uintptr_t)offset * (uintptr_t)size);
}

fmgcam_status fmgcam_tensor_tokens(fmgcam_tensor *tensor, const void *data,
                                   uint32_t dtype, int64_t n, int64_t tokens,
                                   int64_t channels, int64_t prefix,
                                   const int64_t *grid, uint32_t axes)
{
    int64_t cells, picture;
    size_t size = fmgcam_element_size(dtype);
    if (!tensor)
        return FMGCAM_STATUS_ARGUMENT;
    *tensor = (fmgcam_tensor){0};
    if (!data || !grid || size == 0 || axes < 1 || axes > 3 || n < 1 ||
        prefix < 0 || !count_cells(grid, axes, &cells) ||
        !multiply_extents(tokens, channels, &picture) || prefix > tokens ||
        tokens - prefix != cells)
        return FMGCAM_STATUS_ARGUMENT;

    *tensor = (fmgcam_tensor){
        .data = move(data, prefix * channels, size),
        .dtype = dtype,
        .rank = 2 + axes,
        .shape = {n, channels},
        .strides = {picture, 1},
    };
    int64_t stride = channels;
    for (uint32_t i = axes; i-- > 0;) {
        tensor->shape[2 + i] = grid[i];
        tensor->strides[2 + i] = stride;
        stride *= grid[i];
    }
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_tensor_slice(fmgcam_tensor *slice,
                                  const fmgcam_tensor *tensor, int64_t index)
{
    if (!slice || !tensor || !tensor->data || tensor->rank < 1 ||
        tensor->rank > FMGCAM_MAX_RANK || index < 0 ||
        index >= tensor->shape[0])
        return FMGCAM_STATUS_ARGUMENT;
    size_t size = fmgcam_element_size(tensor->dtype);
    if (size == 0)
        return FMGCAM_STATUS_ARGUMENT;

    fmgcam_tensor made = {
        .data = move(tensor->data,
                     (int64_t)((uint64_t)index * (uint64_t)tensor->strides[0]),
                     size),
        .dtype = tensor->dtype,
        .rank = tensor->rank - 1,
    };
    memcpy(made.shape, tensor->shape + 1, made.rank * sizeof *made.shape);
    memcpy(made.strides, tensor->strides + 1, made.rank * sizeof *made.strides);
    *slice = made;
    return FMGCAM_STATUS_OK;
}
