/* SPDX-License-Identifier: MIT */
/* Tensors of the caller become views: shapes, strides, quantization. */
#include "internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h> /* snprintf only */

/* ---- The axes of tensors ------------------------------------------------- */

/* The axes of a view, in order. */
enum axis { AXIS_N, AXIS_C, AXIS_D, AXIS_H, AXIS_W, AXIS_COUNT };

static const struct form {
    const char *expected[3]; /* for maps of 1, 2 and 3 axes */
    uint32_t least, most;    /* leading axes, before those of the map */
} forms[] = {
    [FMGCAM_FORM_ACTIVATIONS] = {{"[C,L] or [1,C,L]", "[C,H,W] or [1,C,H,W]",
                                  "[C,D,H,W] or [1,C,D,H,W]"},
                                 1,
                                 2},
    [FMGCAM_FORM_GRADIENTS] = {{"[K,C,L] or [C,L]", "[K,C,H,W] or [C,H,W]",
                                "[K,C,D,H,W] or [C,D,H,W]"},
                               1,
                               2},
    [FMGCAM_FORM_MATRIX] = {{"two axes", "two axes", "two axes"}, 2, 2},
    [FMGCAM_FORM_VECTOR] = {{"[n] or [1,n]", "[n] or [1,n]", "[n] or [1,n]"},
                            1,
                            2},
    [FMGCAM_FORM_MAPS] = {{"[K,L], [K,H,W] or [K,D,H,W]",
                           "[K,L], [K,H,W] or [K,D,H,W]",
                           "[K,L], [K,H,W] or [K,D,H,W]"},
                          1,
                          1},
    [FMGCAM_FORM_PLANE_MAPS] = {{"[K,H,W]", "[K,H,W]", "[K,H,W]"}, 1, 1},
    [FMGCAM_FORM_ANY] = {{"1 to 5", "1 to 5", "1 to 5"}, 1, 2},
};

/* How many of @p rank axes are those of a map. */
static uint32_t count_map_axes(const fmgcam_context *context,
                               enum fmgcam_form form, uint32_t rank)
{
    switch (form) {
    case FMGCAM_FORM_MATRIX:
    case FMGCAM_FORM_VECTOR: return 0;
    case FMGCAM_FORM_PLANE_MAPS: return 2;
    case FMGCAM_FORM_MAPS: return rank < 2 ? 1 : rank > 4 ? 3 : rank - 1;
    case FMGCAM_FORM_ANY: return rank < 2 ? 0 : rank > 5 ? 3 : rank - 2;
    default: return context->options.spatial_axes;
    }
}

/* Which axis of the view the axes of a tensor are. */
static void place_axes(enum fmgcam_form form, uint32_t rank, uint32_t map_axes,
                       enum axis axes[AXIS_COUNT])
{
    uint32_t leading = rank - map_axes;
    if (form == FMGCAM_FORM_VECTOR)
        axes[0] = rank == 1 ? AXIS_N : AXIS_C;
    else if (leading == 1)
        axes[0] = form == FMGCAM_FORM_ANY ? AXIS_N : AXIS_C;
    else
        axes[0] = AXIS_N;
    if (leading == 2)
        axes[1] = form == FMGCAM_FORM_VECTOR ? AXIS_N : AXIS_C;
    for (uint32_t i = 0; i < map_axes; i++)
        axes[leading + i] = (enum axis)(AXIS_COUNT - map_axes + i);
}

/* Ranks and cells are int32; kernels and tasks count in 31 bits. */
static const int64_t max_extent = INT32_MAX;

/* "[5,1280,7,7]" */
static void print_extents(const int64_t *extents, uint32_t rank, char *text)
{
    size_t at = 0;
    for (uint32_t i = 0; i < rank; i++)
        at += (size_t)snprintf(text + at, FMGCAM_SHAPE_TEXT_SIZE - at,
                               "%s%" PRId64, i == 0 ? "[" : ",", extents[i]);
    snprintf(text + at, FMGCAM_SHAPE_TEXT_SIZE - at, rank ? "]" : "[]");
}

/* ---- Tensors ------------------------------------------------------------- */

static fmgcam_status check_memory(fmgcam_context *context, const char *name,
                                  const fmgcam_tensor *tensor)
{
    if (!tensor)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s: NULL, expected a tensor", name);
    if (!tensor->data)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s.data: NULL, expected its elements", name);
    size_t size = fmgcam_element_size(tensor->dtype);
    if (size == 0)
        return fmgcam_fail(context, FMGCAM_STATUS_UNSUPPORTED,
                           "%s.dtype: %u, expected FMGCAM_DTYPE_FLOAT32 (1) to "
                           "FMGCAM_DTYPE_UINT8 (6)",
                           name, tensor->dtype);
    return fmgcam_check_aligned(context, name, tensor->data, size);
}

static fmgcam_status check_shape(fmgcam_context *context, const char *name,
                                 enum fmgcam_form form,
                                 const fmgcam_tensor *tensor)
{
    uint32_t rank = tensor->rank;
    uint32_t map_axes = count_map_axes(context, form, rank);
    const char *expected = forms[form].expected[map_axes ? map_axes - 1 : 0];
    if (rank < forms[form].least + map_axes ||
        rank > forms[form].most + map_axes)
        return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                           "%s: rank %u, expected %s", name, rank, expected);

    int in_range = 1;
    for (uint32_t i = 0; i < rank; i++)
        in_range &= tensor->shape[i] >= 1 && tensor->shape[i] <= max_extent;
    int is_single =
        form == FMGCAM_FORM_ACTIVATIONS || form == FMGCAM_FORM_VECTOR;
    int is_many = is_single && rank == map_axes + 2 && tensor->shape[0] != 1;
    if (in_range && !is_many)
        return FMGCAM_STATUS_OK;

    char shape[FMGCAM_SHAPE_TEXT_SIZE];
    print_extents(tensor->shape, rank, shape);
    if (in_range)
        return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                           "%s: shape %s, expected %s", name, shape, expected);
    return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                       "%s: shape %s, expected extents from 1 to %" PRId64,
                       name, shape, max_extent);
}

/* Widen [*low, *high] by the offsets of an axis; 0 if they leave 62 bits. */
static int widen(int64_t extent, int64_t stride, int64_t *low, int64_t *high)
{
    const int64_t limit = INT64_MAX / 2;
    int64_t steps = extent - 1;
    if (steps == 0 || stride == 0)
        return 1;
    if (stride > limit / steps || stride < -(limit / steps))
        return 0;
    int64_t reach = steps * stride;
    int64_t *end = reach > 0 ? high : low;
    if (*end > limit - reach || *end < -limit - reach)
        return 0;
    *end += reach;
    return 1;
}

/* Every element must lie inside the address space, at an offset in bytes that
 * fits ptrdiff_t. */
static fmgcam_status check_strides(fmgcam_context *context, const char *name,
                                   const fmgcam_tensor *tensor)
{
    int64_t low = 0, high = 0;
    int64_t size = (int64_t)fmgcam_element_size(tensor->dtype);
    int fits = 1;
    for (uint32_t i = 0; i < tensor->rank && fits; i++)
        fits = widen(tensor->shape[i], tensor->strides[i], &low, &high);

    const int64_t limit = PTRDIFF_MAX;
    fits = fits && high < limit / size && low > -(limit / size);
    if (fits) {
        uintptr_t begin = (uintptr_t)tensor->data;
        fits = (uintptr_t)(-low * size) <= begin &&
               (uintptr_t)((high + 1) * size - 1) <= UINTPTR_MAX - begin;
    }
    if (fits)
        return FMGCAM_STATUS_OK;
    char shape[FMGCAM_SHAPE_TEXT_SIZE], strides[FMGCAM_SHAPE_TEXT_SIZE];
    print_extents(tensor->shape, tensor->rank, shape);
    print_extents(tensor->strides, tensor->rank, strides);
    return fmgcam_fail(context, FMGCAM_STATUS_STRIDE,
                       "%s.strides: %s with shape %s leave the address space",
                       name, strides, shape);
}

/* The axes of @p tensor as those of a view. Strides of axes with one index are
 * of no use and may hold anything. */
static void fill_view(const fmgcam_context *context, enum fmgcam_form form,
                      const fmgcam_tensor *tensor, struct fmgcam_view *view)
{
    int64_t shape[AXIS_COUNT] = {1, 1, 1, 1, 1};
    int64_t strides[AXIS_COUNT] = {0};
    enum axis axes[AXIS_COUNT];
    place_axes(form, tensor->rank, count_map_axes(context, form, tensor->rank),
               axes);
    for (uint32_t i = 0; i < tensor->rank; i++) {
        shape[axes[i]] = tensor->shape[i];
        strides[axes[i]] = tensor->shape[i] == 1 ? 0 : tensor->strides[i];
    }
    *view = (struct fmgcam_view){
        .data = tensor->data,
        .dtype = tensor->dtype,
        .rank = tensor->rank,
        .n = (size_t)shape[AXIS_N],
        .channels = (size_t)shape[AXIS_C],
        .depth = (size_t)shape[AXIS_D],
        .height = (size_t)shape[AXIS_H],
        .width = (size_t)shape[AXIS_W],
        .stride_n = (ptrdiff_t)strides[AXIS_N],
        .stride_c = (ptrdiff_t)strides[AXIS_C],
        .stride_d = (ptrdiff_t)strides[AXIS_D],
        .stride_h = (ptrdiff_t)strides[AXIS_H],
        .stride_w = (ptrdiff_t)strides[AXIS_W],
        .kernels = &context->kernels,
    };
    if (view->width == 1) /* then the rows are the cells, or the planes are */
        view->stride_w = view->height == 1 ? view->stride_d : view->stride_h;
}

static int has_integers(uint32_t dtype)
{
    return dtype == FMGCAM_DTYPE_INT8 || dtype == FMGCAM_DTYPE_UINT8;
}

fmgcam_status fmgcam_view_numbers(fmgcam_context *context, const char *name,
                                  enum fmgcam_form form,
                                  const fmgcam_tensor *tensor,
                                  struct fmgcam_view *view)
{
    fmgcam_status status = check_memory(context, name, tensor);
    if (!status)
        status = check_shape(context, name, form, tensor);
    if (!status)
        status = check_strides(context, name, tensor);
    if (status)
        return status;

    fill_view(context, form, tensor, view);
    if (!fmgcam_multiply(view->height, view->width, &view->cells) ||
        !fmgcam_multiply(view->depth, view->cells, &view->cells))
        return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                           "%s: %zu x %zu x %zu cells are more than memory can "
                           "hold",
                           name, view->depth, view->height, view->width);
    return FMGCAM_STATUS_OK;
}

/* ---- Quantization -------------------------------------------------------- */

static fmgcam_status check_scales(fmgcam_context *context, const char *name,
                                  const fmgcam_quantization *quantization,
                                  uint32_t dtype)
{
    int32_t low = dtype == FMGCAM_DTYPE_INT8 ? INT8_MIN : 0;
    int32_t high = dtype == FMGCAM_DTYPE_INT8 ? INT8_MAX : UINT8_MAX;
    for (uint32_t i = 0; i < quantization->count; i++) {
        float scale = quantization->scales[i];
        if (!(scale > 0.0f && isfinite(scale)))
            return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                               "%s_quantization.scales[%u]: %g, expected a "
                               "finite number above 0",
                               name, i, (double)scale);
        int32_t zero =
            quantization->zero_points ? quantization->zero_points[i] : low;
        if (zero < low || zero > high)
            return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                               "%s_quantization.zero_points[%u]: %d, expected "
                               "%d to %d",
                               name, i, (int)zero, (int)low, (int)high);
    }
    return FMGCAM_STATUS_OK;
}

/* What the axis that @p quantization goes by is in the view. */
static fmgcam_status find_scale_axis(fmgcam_context *context, const char *name,
                                     enum fmgcam_form form,
                                     const fmgcam_tensor *tensor,
                                     const fmgcam_quantization *quantization,
                                     enum fmgcam_scale_axis *scaled)
{
    *scaled = FMGCAM_SCALE_TENSOR;
    if (quantization->count == 1)
        return FMGCAM_STATUS_OK;
    enum axis axes[AXIS_COUNT];
    uint32_t axis = quantization->axis;
    uint32_t map_axes = count_map_axes(context, form, tensor->rank);
    place_axes(form, tensor->rank, map_axes, axes);
    if (axis >= tensor->rank - map_axes)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s_quantization.axis: %u, expected that of the "
                           "classes or channels, below %u",
                           name, axis, tensor->rank - map_axes);
    if ((int64_t)quantization->count != tensor->shape[axis])
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s_quantization.count: %u, expected 1 or the "
                           "%" PRId64 " indices of axis %u",
                           name, quantization->count, tensor->shape[axis],
                           axis);
    *scaled = axes[axis] == AXIS_N ? FMGCAM_SCALE_N : FMGCAM_SCALE_CHANNELS;
    return FMGCAM_STATUS_OK;
}

static fmgcam_status import_quantization(fmgcam_context *context,
                                         const char *name,
                                         const fmgcam_quantization *theirs,
                                         fmgcam_quantization *ours)
{
    char text[64];
    snprintf(text, sizeof text, "%s_quantization", name);
    fmgcam_status status = fmgcam_import(
        context, text, theirs, ours,
        FMGCAM_SIZE_THROUGH(fmgcam_quantization, axis), sizeof *ours);
    if (status)
        return status;
    if (!ours->scales)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s.scales: NULL, expected an array", text);
    return FMGCAM_STATUS_OK;
}

static fmgcam_status quantize_view(fmgcam_context *context, const char *name,
                                   enum fmgcam_form form,
                                   const fmgcam_tensor *tensor,
                                   const fmgcam_quantization *quantization,
                                   struct fmgcam_view *view)
{
    fmgcam_quantization ours;
    enum fmgcam_scale_axis scaled;
    fmgcam_status status =
        import_quantization(context, name, quantization, &ours);
    if (!status)
        status = find_scale_axis(context, name, form, tensor, &ours, &scaled);
    if (!status)
        status = check_scales(context, name, &ours, tensor->dtype);
    if (status)
        return status;
    view->scaled = scaled;
    view->scales = ours.scales;
    view->zero_points = ours.zero_points;
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_view_quantized(fmgcam_context *context, const char *name,
                                    enum fmgcam_form form,
                                    const fmgcam_tensor *tensor,
                                    const fmgcam_quantization *quantization,
                                    struct fmgcam_view *view)
{
    fmgcam_status status =
        fmgcam_view_numbers(context, name, form, tensor, view);
    if (status)
        return status;
    if (has_integers(tensor->dtype))
        return quantize_view(context, name, form, tensor, quantization, view);
    if (quantization)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s_quantization: given, expected NULL for "
                           "elements that are no integers",
                           name);
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_view_tensor(fmgcam_context *context, const char *name,
                                 enum fmgcam_form form,
                                 const fmgcam_tensor *tensor,
                                 struct fmgcam_view *view)
{
    fmgcam_status status =
        fmgcam_view_numbers(context, name, form, tensor, view);
    if (!status && has_integers(tensor->dtype))
        return fmgcam_fail(context, FMGCAM_STATUS_UNSUPPORTED,
                           "%s.dtype: integers, expected floats, such as "
                           "fmgcam_read_tensor() makes",
                           name);
    return status;
}

fmgcam_status fmgcam_fail_mismatch(fmgcam_context *context, const char *name,
                                   const fmgcam_tensor *tensor,
                                   const char *other_name,
                                   const fmgcam_tensor *other)
{
    char given[FMGCAM_SHAPE_TEXT_SIZE], expected[FMGCAM_SHAPE_TEXT_SIZE];
    print_extents(tensor->shape, tensor->rank, given);
    print_extents(other->shape, other->rank, expected);
    return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                       "%s: shape %s does not match %s %s", name, given,
                       other_name, expected);
}

static void fill_index(const struct fmgcam_view *view, size_t n, size_t c,
                       size_t cell, int64_t index[AXIS_COUNT])
{
    index[AXIS_N] = (int64_t)n;
    index[AXIS_C] = (int64_t)(view->first_channel + c);
    index[AXIS_D] = (int64_t)(cell / view->width / view->height);
    index[AXIS_H] = (int64_t)(cell / view->width % view->height);
    index[AXIS_W] = (int64_t)(cell % view->width);
}

void fmgcam_print_index(const fmgcam_context *context, enum fmgcam_form form,
                        const struct fmgcam_view *view, size_t n, size_t c,
                        size_t cell, char text[FMGCAM_SHAPE_TEXT_SIZE])
{
    int64_t index[AXIS_COUNT], theirs[AXIS_COUNT];
    enum axis axes[AXIS_COUNT] = {AXIS_N};
    fill_index(view, n, c, cell, index);
    place_axes(form, view->rank, count_map_axes(context, form, view->rank),
               axes);
    for (uint32_t i = 0; i < view->rank; i++)
        theirs[i] = index[axes[i]];
    print_extents(theirs, view->rank, text);
}

void fmgcam_print_cell(const fmgcam_context *context,
                       const struct fmgcam_view *view, size_t cell,
                       char text[FMGCAM_SHAPE_TEXT_SIZE])
{
    int64_t index[AXIS_COUNT];
    uint32_t map_axes = context->options.spatial_axes;
    fill_index(view, 0, 0, cell, index);
    print_extents(index + AXIS_COUNT - map_axes, map_axes, text);
}

void fmgcam_name_element(const char *array, size_t index, char name[32])
{
    snprintf(name, 32, "%s[%zu]", array, index);
}
