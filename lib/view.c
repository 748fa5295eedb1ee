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

/* The number that is stored; of integers, before their quantization. With a
 * dtype known to the compiler, one load. */
static inline float load(const void *data, uint32_t dtype, ptrdiff_t offset)
{
    switch (dtype) {
    case FMGCAM_DTYPE_FLOAT16:
        return fmgcam_widen_half(((const uint16_t *)data)[offset]);
    case FMGCAM_DTYPE_BFLOAT16:
        return fmgcam_float_of((uint32_t)((const uint16_t *)data)[offset]
                               << 16);
    case FMGCAM_DTYPE_FLOAT64: return (float)((const double *)data)[offset];
    case FMGCAM_DTYPE_INT8: return (float)((const int8_t *)data)[offset];
    case FMGCAM_DTYPE_UINT8: return (float)((const uint8_t *)data)[offset];
    default: return ((const float *)data)[offset];
    }
}

/* What an element's integers are counted by. */
struct step {
    float scale, zero;
};

static struct step find_step(const struct fmgcam_view *view, size_t n, size_t c)
{
    size_t i = view->scaled == FMGCAM_SCALE_N          ? n
               : view->scaled == FMGCAM_SCALE_CHANNELS ? c
                                                       : 0;
    return (struct step){view->scales[i], view->zero_points
                                              ? (float)view->zero_points[i]
                                              : 0.0f};
}

/* The difference is exact, the product is rounded. */
static inline float dequantize(struct step step, float value)
{
    return step.scale * (value - step.zero);
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
        value = dequantize(find_step(view, n, c), value);
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

/* Elements that lie @p step apart. One loop for each dtype, without a choice
 * inside it; those of neighbours vectorise. */
static inline void read_of(const void *data, uint32_t dtype, ptrdiff_t at,
                           ptrdiff_t step, size_t count, float *to)
{
    if (step == 1)
        for (size_t i = 0; i < count; i++)
            to[i] = load(data, dtype, at + (ptrdiff_t)i);
    else
        for (size_t i = 0; i < count; i++)
            to[i] = load(data, dtype, at + (ptrdiff_t)i * step);
}

static void read_run(const struct fmgcam_view *view, ptrdiff_t at,
                     ptrdiff_t step, size_t count, float *to)
{
    const void *data = view->data;
    switch (view->dtype) {
    case FMGCAM_DTYPE_FLOAT16:
        if (step == 1)
            view->kernels->widen_halves((const uint16_t *)data + at, count, to);
        else
            read_of(data, FMGCAM_DTYPE_FLOAT16, at, step, count, to);
        break;
    case FMGCAM_DTYPE_FLOAT64:
        read_of(data, FMGCAM_DTYPE_FLOAT64, at, step, count, to);
        break;
    case FMGCAM_DTYPE_BFLOAT16:
        read_of(data, FMGCAM_DTYPE_BFLOAT16, at, step, count, to);
        break;
    case FMGCAM_DTYPE_INT8:
        read_of(data, FMGCAM_DTYPE_INT8, at, step, count, to);
        break;
    case FMGCAM_DTYPE_UINT8:
        read_of(data, FMGCAM_DTYPE_UINT8, at, step, count, to);
        break;
    default: read_of(data, FMGCAM_DTYPE_FLOAT32, at, step, count, to); break;
    }
}

/* Contiguous channels: cells are read one by one, in the order of their memory,
 * and turned into rows in blocks. */
static void turn_run(const struct fmgcam_view *view, ptrdiff_t from,
                     size_t channels, size_t cells, float *to, size_t stride)
{
    enum { CHANNELS = 64, CELLS = 16 };
    float block[CELLS][CHANNELS];
    for (size_t s = 0; s < cells; s += CELLS)
        for (size_t c = 0; c < channels; c += CHANNELS) {
            size_t across = smaller(channels - c, CHANNELS);
            size_t down = smaller(cells - s, CELLS);
            ptrdiff_t at = from + (ptrdiff_t)s * view->stride_w + (ptrdiff_t)c;
            for (size_t i = 0; i < down; i++)
                read_run(view, at + (ptrdiff_t)i * view->stride_w, 1, across,
                         block[i]);
            view->kernels->transpose(block[0], CHANNELS, across, down,
                                     to + c * stride + s, stride);
        }
}

/* Copy runs of evenly spaced cells. */
static void copy_run(const struct fmgcam_view *view, ptrdiff_t from,
                     size_t channels, size_t cells, float *to, size_t stride)
{
    if (view->stride_c != 1)
        for (size_t c = 0; c < channels; c++)
            read_run(view, from + (ptrdiff_t)c * view->stride_c, view->stride_w,
                     cells, to + c * stride);
    else if (view->dtype == FMGCAM_DTYPE_FLOAT32)
        view->kernels->transpose((const float *)view->data + from,
                                 view->stride_w, channels, cells, to, stride);
    else
        turn_run(view, from, channels, cells, to, stride);
}

/* What is done to a copy that is in place. */
static void finish_copy(const struct fmgcam_view *view, size_t n, size_t c,
                        size_t channels, size_t cells, float *to)
{
    for (size_t i = 0; view->scaled && i < channels; i++) {
        struct step step = find_step(view, n, c + i);
        for (size_t s = 0; s < cells; s++)
            to[i * cells + s] = dequantize(step, to[i * cells + s]);
    }
    for (size_t i = 0; view->skips_non_finite && i < channels * cells; i++)
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
