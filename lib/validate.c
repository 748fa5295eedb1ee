/* SPDX-License-Identifier: MIT */
/* What the caller gave: structs, shapes, strides, sizes, overlap, NaN. */
#include "internal.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h> /* snprintf only */
#include <string.h>

/* ---- Structs that grow --------------------------------------------------- */

/* No struct will ever be larger: beyond it the size is garbage. */
static const size_t largest_struct = 4096;

int fmgcam_is_struct_size(size_t size, size_t first_size)
{
    return size >= first_size && size <= largest_struct;
}

fmgcam_status fmgcam_check_struct(fmgcam_context *context, const char *name,
                                  size_t size, size_t first_size)
{
    if (fmgcam_is_struct_size(size, first_size))
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "%s.struct_size: %zu, expected %zu to %zu", name, size,
                       first_size, largest_struct);
}

fmgcam_status fmgcam_import(fmgcam_context *context, const char *name,
                            const void *theirs, void *ours, size_t first_size,
                            size_t our_size)
{
    if (!theirs)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s: NULL, expected a struct", name);

    size_t size;
    memcpy(&size, theirs, sizeof size);
    fmgcam_status status = fmgcam_check_struct(context, name, size, first_size);
    if (status)
        return status;
    for (size_t i = our_size; i < size; i++)
        if (((const unsigned char *)theirs)[i] != 0)
            return fmgcam_fail(context, FMGCAM_STATUS_UNSUPPORTED,
                               "%s: byte %zu of %zu is set, which this version "
                               "does not know",
                               name, i, size);

    memset(ours, 0, our_size);
    memcpy(ours, theirs, smaller(size, our_size));
    return FMGCAM_STATUS_OK;
}

/* ---- Tensors ------------------------------------------------------------- */

static const struct form {
    const char *expected;
    uint32_t ranks[2];
} forms[] = {
    [FMGCAM_FORM_ACTIVATIONS] = {"[C,H,W] or [1,C,H,W]", {3, 4}},
    [FMGCAM_FORM_GRADIENTS] = {"[K,C,H,W] or [C,H,W]", {3, 4}},
    [FMGCAM_FORM_MATRIX] = {"[K,C]", {2, 2}},
    [FMGCAM_FORM_MAPS] = {"[K,H,W]", {3, 3}},
};

enum { SHAPE_TEXT_SIZE = 176 };

/* Ranks and cells are int32; kernels and tasks count in 31 bits. */
static const int64_t max_extent = INT32_MAX;

/* "[5,1280,7,7]" */
static void print_extents(const int64_t *extents, uint32_t rank, char *text)
{
    size_t at = 0;
    for (uint32_t i = 0; i < rank; i++)
        at += (size_t)snprintf(text + at, SHAPE_TEXT_SIZE - at, "%s%" PRId64,
                               i == 0 ? "[" : ",", extents[i]);
    snprintf(text + at, SHAPE_TEXT_SIZE - at, rank ? "]" : "[]");
}

static size_t element_size(uint32_t dtype)
{
    switch (dtype) {
    case FMGCAM_DTYPE_FLOAT32: return 4;
    case FMGCAM_DTYPE_FLOAT16: return 2;
    default: return 0;
    }
}

static fmgcam_status check_aligned(fmgcam_context *context, const char *name,
                                   const void *data, size_t size)
{
    if ((uintptr_t)data % size == 0)
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "%s.data: %p, expected a multiple of %zu, the size of "
                       "its elements",
                       name, data, size);
}

static fmgcam_status check_memory(fmgcam_context *context, const char *name,
                                  const fmgcam_tensor *tensor)
{
    if (!tensor)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s: NULL, expected a tensor", name);
    if (!tensor->data)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s.data: NULL, expected its elements", name);
    size_t size = element_size(tensor->dtype);
    if (size == 0)
        return fmgcam_fail(context, FMGCAM_STATUS_UNSUPPORTED,
                           "%s.dtype: %u, expected FMGCAM_DTYPE_FLOAT32 (1) or "
                           "FMGCAM_DTYPE_FLOAT16 (2)",
                           name, tensor->dtype);
    return check_aligned(context, name, tensor->data, size);
}

static fmgcam_status check_shape(fmgcam_context *context, const char *name,
                                 enum fmgcam_form form,
                                 const fmgcam_tensor *tensor)
{
    const struct form *allowed = &forms[form];
    if (tensor->rank != allowed->ranks[0] && tensor->rank != allowed->ranks[1])
        return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                           "%s: rank %u, expected %s", name, tensor->rank,
                           allowed->expected);

    char shape[SHAPE_TEXT_SIZE];
    print_extents(tensor->shape, tensor->rank, shape);
    for (uint32_t i = 0; i < tensor->rank; i++)
        if (tensor->shape[i] < 1 || tensor->shape[i] > max_extent)
            return fmgcam_fail(
                context, FMGCAM_STATUS_SHAPE,
                "%s: shape %s, expected extents from 1 to %" PRId64, name,
                shape, max_extent);
    if (form == FMGCAM_FORM_ACTIVATIONS && tensor->rank == 4 &&
        tensor->shape[0] != 1)
        return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                           "%s: shape %s, expected %s", name, shape,
                           allowed->expected);
    return FMGCAM_STATUS_OK;
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
    int64_t size = (int64_t)element_size(tensor->dtype);
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
    char shape[SHAPE_TEXT_SIZE], strides[SHAPE_TEXT_SIZE];
    print_extents(tensor->shape, tensor->rank, shape);
    print_extents(tensor->strides, tensor->rank, strides);
    return fmgcam_fail(context, FMGCAM_STATUS_STRIDE,
                       "%s.strides: %s with shape %s leave the address space",
                       name, strides, shape);
}

/* The axes of @p tensor as those of a view. Strides of axes with one index are
 * of no use and may hold anything. */
static void fill_view(enum fmgcam_form form, const fmgcam_tensor *tensor,
                      struct fmgcam_view *view)
{
    int64_t shape[4] = {1, 1, 1, 1};
    int64_t strides[4] = {0, 0, 0, 0};
    uint32_t first = form == FMGCAM_FORM_MATRIX ? 0 : 4 - tensor->rank;
    for (uint32_t i = 0; i < tensor->rank; i++) {
        shape[first + i] = tensor->shape[i];
        strides[first + i] = tensor->shape[i] == 1 ? 0 : tensor->strides[i];
    }
    *view = (struct fmgcam_view){
        .data = tensor->data,
        .dtype = tensor->dtype,
        .rank = tensor->rank,
        .n = (size_t)shape[0],
        .channels = (size_t)shape[1],
        .height = (size_t)shape[2],
        .width = (size_t)shape[3],
        .stride_n = (ptrdiff_t)strides[0],
        .stride_c = (ptrdiff_t)strides[1],
        .stride_h = (ptrdiff_t)strides[2],
        .stride_w = (ptrdiff_t)strides[3],
    };
    if (view->width == 1) /* then the rows are the cells */
        view->stride_w = view->stride_h;
}

fmgcam_status fmgcam_view_tensor(fmgcam_context *context, const char *name,
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

    fill_view(form, tensor, view);
    if (!fmgcam_multiply(view->height, view->width, &view->cells))
        return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                           "%s: %zu x %zu cells are more than memory can hold",
                           name, view->height, view->width);
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_fail_mismatch(fmgcam_context *context, const char *name,
                                   const fmgcam_tensor *tensor,
                                   const char *other_name,
                                   const fmgcam_tensor *other)
{
    char given[SHAPE_TEXT_SIZE], expected[SHAPE_TEXT_SIZE];
    print_extents(tensor->shape, tensor->rank, given);
    print_extents(other->shape, other->rank, expected);
    return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                       "%s: shape %s does not match %s %s", name, given,
                       other_name, expected);
}

struct fmgcam_span fmgcam_view_span(const struct fmgcam_view *view)
{
    int64_t low = 0, high = 0;
    int64_t size = (int64_t)element_size(view->dtype);
    widen((int64_t)view->n, view->stride_n, &low, &high);
    widen((int64_t)view->channels, view->stride_c, &low, &high);
    widen((int64_t)view->height, view->stride_h, &low, &high);
    if (view->width > 1)
        widen((int64_t)view->width, view->stride_w, &low, &high);
    return (struct fmgcam_span){
        (uintptr_t)view->data - (uintptr_t)(-low * size),
        (uintptr_t)view->data + (uintptr_t)((high + 1) * size - 1)};
}

/* ---- Finiteness ---------------------------------------------------------- */

static fmgcam_status fail_non_finite(fmgcam_context *context, const char *name,
                                     enum fmgcam_form form,
                                     const struct fmgcam_view *view, size_t n,
                                     size_t c, size_t cell)
{
    const int64_t index[4] = {(int64_t)n, (int64_t)c,
                              (int64_t)(cell / view->width),
                              (int64_t)(cell % view->width)};
    uint32_t first = form == FMGCAM_FORM_MATRIX ? 0 : 4 - view->rank;
    char text[SHAPE_TEXT_SIZE];
    print_extents(index + first, view->rank, text);
    return fmgcam_fail(context, FMGCAM_STATUS_NON_FINITE,
                       "%s: value at %s is %g, expected a finite number", name,
                       text, (double)fmgcam_view_at(view, n, c, cell));
}

fmgcam_status fmgcam_check_finite(fmgcam_context *context, const char *name,
                                  enum fmgcam_form form,
                                  const struct fmgcam_view *view)
{
    enum { CHUNK = 256 };
    float copy[CHUNK];
    ptrdiff_t stride;
    for (size_t n = 0; n < view->n; n++)
        for (size_t c = 0; c < view->channels; c++)
            for (size_t s = 0; s < view->cells; s += CHUNK) {
                size_t count = smaller(CHUNK, view->cells - s);
                const float *x =
                    fmgcam_view_tile(view, n, c, 1, s, count, copy, &stride);
                for (size_t i = 0; i < count; i++)
                    if (!isfinite(x[i]))
                        return fail_non_finite(context, name, form, view, n, c,
                                               s + i);
            }
    return FMGCAM_STATUS_OK;
}

/* ---- Buffers ------------------------------------------------------------- */

fmgcam_status fmgcam_check_buffer(fmgcam_context *context, const char *name,
                                  const fmgcam_buffer *buffer, size_t rows,
                                  size_t columns, struct fmgcam_span *span)
{
    const size_t size = 4;
    size_t bytes;
    if (!buffer || !buffer->data)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s: NULL, expected a buffer", name);
    fmgcam_status status = check_aligned(context, name, buffer->data, size);
    if (status)
        return status;
    if (!fmgcam_multiply(rows, columns, &bytes) ||
        !fmgcam_multiply(bytes, size, &bytes) ||
        bytes - 1 > UINTPTR_MAX - (uintptr_t)buffer->data)
        return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                           "%s: %zu x %zu elements are more than memory can "
                           "hold",
                           name, rows, columns);
    if (buffer->size_bytes < bytes)
        return fmgcam_fail(context, FMGCAM_STATUS_BUFFER_SIZE,
                           "%s.size_bytes: %zu, expected at least %zu", name,
                           buffer->size_bytes, bytes);
    *span = (struct fmgcam_span){(uintptr_t)buffer->data,
                                 (uintptr_t)buffer->data + bytes - 1};
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_check_apart(fmgcam_context *context, const char *output,
                                 struct fmgcam_span span, const char *other,
                                 struct fmgcam_span other_span)
{
    if (span.last < other_span.first || other_span.last < span.first)
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "%s: overlaps %s in memory", output, other);
}

static void add_region(struct fmgcam_regions *regions, const char *name,
                       struct fmgcam_span span)
{
    assert(regions->count < sizeof regions->entries / sizeof *regions->entries);
    regions->entries[regions->count].name = name;
    regions->entries[regions->count].span = span;
    regions->count++;
}

void fmgcam_add_input(struct fmgcam_regions *regions, const char *name,
                      const struct fmgcam_view *view)
{
    add_region(regions, name, fmgcam_view_span(view));
}

fmgcam_status fmgcam_add_output(fmgcam_context *context,
                                struct fmgcam_regions *regions,
                                const char *name, const fmgcam_buffer *buffer,
                                size_t rows, size_t columns)
{
    struct fmgcam_span span;
    fmgcam_status status =
        fmgcam_check_buffer(context, name, buffer, rows, columns, &span);
    if (status)
        return status;
    for (size_t i = 0; i < regions->count && !status; i++)
        status =
            fmgcam_check_apart(context, name, span, regions->entries[i].name,
                               regions->entries[i].span);
    if (!status)
        add_region(regions, name, span);
    return status;
}
