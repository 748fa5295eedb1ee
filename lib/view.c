/* SPDX-License-Identifier: MIT */
/* Reading tensors of any layout and dtype as contiguous float32. */
#include "internal.h"

#include <math.h>
#include <string.h>

/* ---- Parts --------------------------------------------------------------- */

struct fmgcam_view fmgcam_view_broadcast(const float *weights, size_t n,
                                         const struct fmgcam_view *like)
{
    struct fmgcam_view view = {
        .data = weights,
        .dtype = FMGCAM_DTYPE_FLOAT32,
        .rank = like->rank,
        .n = n,
        .channels = like->channels,
        .depth = like->depth,
        .height = like->height,
        .width = like->width,
        .cells = like->cells,
        .stride_n = (ptrdiff_t)like->channels,
        .stride_c = 1,
        .kernels = like->kernels,
    };
    return view;
}

/* Lengthen the reach of offsets by an axis. */
static void widen(size_t extent, ptrdiff_t stride, ptrdiff_t *low,
                  ptrdiff_t *high)
{
    ptrdiff_t reach = (ptrdiff_t)(extent - 1) * stride;
    *(reach > 0 ? high : low) += reach;
}

struct fmgcam_span fmgcam_view_span(const struct fmgcam_view *view)
{
    ptrdiff_t low = 0, high = 0;
    ptrdiff_t size = (ptrdiff_t)fmgcam_element_size(view->dtype);
    widen(view->n, view->stride_n, &low, &high);
    widen(view->channels, view->stride_c, &low, &high);
    widen(view->depth, view->stride_d, &low, &high);
    widen(view->height, view->stride_h, &low, &high);
    widen(view->width, view->stride_w, &low, &high);
    return (struct fmgcam_span){
        (uintptr_t)view->data - (uintptr_t)(-low * size),
        (uintptr_t)view->data + (uintptr_t)((high + 1) * size - 1)};
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

/* The number that is stored; of integers, before their quantization. With a
 * dtype known to the compiler, one load. */
static inline float load(const void *data, uint32_t dtype, ptrdiff_t offset)
{
    switch (dtype) {
    case FMGCAM_DTYPE_FLOAT16:
        return float_from_half(((const uint16_t *)data)[offset]);
    case FMGCAM_DTYPE_BFLOAT16:
        return float_from_bits((uint32_t)((const uint16_t *)data)[offset]
                               << 16);
    case FMGCAM_DTYPE_FLOAT64: return (float)((const double *)data)[offset];
    case FMGCAM_DTYPE_INT8: return (float)((const int8_t *)data)[offset];
    case FMGCAM_DTYPE_UINT8: return (float)((const uint8_t *)data)[offset];
    default: return ((const float *)data)[offset];
    }
}

/* scale * (q - zero_point): the difference is exact, the product is rounded. */
static float dequantize(const struct fmgcam_view *view, size_t n, size_t c,
                        float value)
{
    size_t i = view->scaled == FMGCAM_SCALE_N          ? n
               : view->scaled == FMGCAM_SCALE_CHANNELS ? c
                                                       : 0;
    float zero = view->zero_points ? (float)view->zero_points[i] : 0.0f;
    return view->scales[i] * (value - zero);
}

static ptrdiff_t offset_of(const struct fmgcam_view *view, size_t n, size_t c,
                           size_t cell)
{
    size_t x = cell % view->width, row = cell / view->width;
    size_t y = row % view->height, z = row / view->height;
    return (ptrdiff_t)n * view->stride_n + (ptrdiff_t)c * view->stride_c +
           (ptrdiff_t)z * view->stride_d + (ptrdiff_t)y * view->stride_h +
           (ptrdiff_t)x * view->stride_w;
}

double fmgcam_view_stored(const struct fmgcam_view *view, size_t n, size_t c,
                          size_t cell)
{
    ptrdiff_t offset = offset_of(view, n, c, cell);
    if (view->dtype == FMGCAM_DTYPE_FLOAT64)
        return ((const double *)view->data)[offset];
    return (double)load(view->data, view->dtype, offset);
}

float fmgcam_view_at(const struct fmgcam_view *view, size_t n, size_t c,
                     size_t cell)
{
    float value = load(view->data, view->dtype, offset_of(view, n, c, cell));
    if (view->scaled)
        value = dequantize(view, n, c, value);
    return view->skips_non_finite && !isfinite(value) ? 0.0f : value;
}

/* ---- Rows and tiles ------------------------------------------------------ */

/* How many cells from @p cell on lie evenly, stride_w apart. */
static size_t count_even_cells(const struct fmgcam_view *view, size_t cell)
{
    int even_rows = view->height == 1 ||
                    view->stride_h == (ptrdiff_t)view->width * view->stride_w;
    if (!even_rows)
        return view->width - cell % view->width;
    size_t plane = view->height * view->width;
    int even_planes =
        view->depth == 1 || view->stride_d == (ptrdiff_t)plane * view->stride_w;
    return even_planes ? view->cells - cell : plane - cell % plane;
}

const float *fmgcam_view_rows(const struct fmgcam_view *view, size_t n,
                              size_t c, size_t cell, ptrdiff_t *stride)
{
    if (view->dtype != FMGCAM_DTYPE_FLOAT32 || view->skips_non_finite ||
        count_even_cells(view, 0) != view->cells ||
        (view->stride_w != 1 && view->cells != 1))
        return NULL;
    *stride = view->stride_c;
    return (const float *)view->data + offset_of(view, n, c, cell);
}

const float *fmgcam_view_columns(const struct fmgcam_view *view, size_t n,
                                 size_t c, ptrdiff_t *stride)
{
    if (view->dtype != FMGCAM_DTYPE_FLOAT32 || view->skips_non_finite ||
        view->stride_c != 1 || count_even_cells(view, 0) != view->cells)
        return NULL;
    *stride = view->stride_w;
    return (const float *)view->data + offset_of(view, n, c, 0);
}

/* Copy runs of evenly spaced cells. The inner loop follows the smaller stride,
 * so that NHWC is read in the order of its memory. */
static inline void copy_run_of(const struct fmgcam_view *view, uint32_t dtype,
                               ptrdiff_t from, size_t channels, size_t cells,
                               float *to, size_t to_stride)
{
    const ptrdiff_t stride_c = view->stride_c, stride_w = view->stride_w;
    if (stride_c == 1) {
        for (size_t s = 0; s < cells; s++) {
            ptrdiff_t at = from + (ptrdiff_t)s * stride_w;
            for (size_t c = 0; c < channels; c++)
                to[c * to_stride + s] =
                    load(view->data, dtype, at + (ptrdiff_t)c);
        }
        return;
    }
    for (size_t c = 0; c < channels; c++) {
        ptrdiff_t at = from + (ptrdiff_t)c * stride_c;
        for (size_t s = 0; s < cells; s++)
            to[c * to_stride + s] =
                load(view->data, dtype, at + (ptrdiff_t)s * stride_w);
    }
}

/* One loop for each dtype, without a choice inside it. */
static void copy_run(const struct fmgcam_view *view, ptrdiff_t from,
                     size_t channels, size_t cells, float *to, size_t stride)
{
    if (view->dtype == FMGCAM_DTYPE_FLOAT32 && view->stride_c == 1) {
        view->kernels->transpose((const float *)view->data + from,
                                 view->stride_w, channels, cells, to, stride);
        return;
    }
    switch (view->dtype) {
    case FMGCAM_DTYPE_FLOAT16:
        copy_run_of(view, FMGCAM_DTYPE_FLOAT16, from, channels, cells, to,
                    stride);
        break;
    case FMGCAM_DTYPE_FLOAT64:
        copy_run_of(view, FMGCAM_DTYPE_FLOAT64, from, channels, cells, to,
                    stride);
        break;
    case FMGCAM_DTYPE_BFLOAT16:
        copy_run_of(view, FMGCAM_DTYPE_BFLOAT16, from, channels, cells, to,
                    stride);
        break;
    case FMGCAM_DTYPE_INT8:
        copy_run_of(view, FMGCAM_DTYPE_INT8, from, channels, cells, to, stride);
        break;
    case FMGCAM_DTYPE_UINT8:
        copy_run_of(view, FMGCAM_DTYPE_UINT8, from, channels, cells, to,
                    stride);
        break;
    default:
        copy_run_of(view, FMGCAM_DTYPE_FLOAT32, from, channels, cells, to,
                    stride);
        break;
    }
}

/* What is done to a copy that is in place. */
static void finish_copy(const struct fmgcam_view *view, size_t n, size_t c,
                        size_t channels, size_t cells, float *to)
{
    if (view->scaled)
        for (size_t i = 0; i < channels; i++)
            for (size_t s = 0; s < cells; s++)
                to[i * cells + s] =
                    dequantize(view, n, c + i, to[i * cells + s]);
    if (view->skips_non_finite)
        for (size_t i = 0; i < channels * cells; i++)
            to[i] = isfinite(to[i]) ? to[i] : 0.0f;
}

void fmgcam_view_copy(const struct fmgcam_view *view, size_t n, size_t c,
                      size_t channels, size_t cell, size_t cells, float *to)
{
    for (size_t done = 0; done < cells;) {
        size_t run = smaller(cells - done, count_even_cells(view, cell + done));
        copy_run(view, offset_of(view, n, c, cell + done), channels, run,
                 to + done, cells);
        done += run;
    }
    finish_copy(view, n, c, channels, cells, to);
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
