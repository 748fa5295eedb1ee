/* SPDX-License-Identifier: MIT */
/* Axes: the memory stays as it was in the file, the view is turned. */
#include "tensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"

bool tensor_find_layout(const char *name, tensor_layout *layout)
{
    static const char *const names[] = {[LAYOUT_NCHW] = "nchw",
                                        [LAYOUT_NHWC] = "nhwc",
                                        [LAYOUT_TOKENS] = "tokens"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(name, names[i]) == 0) {
            layout->kind = i;
            return true;
        }
    return false;
}

/* ---- Axes ---------------------------------------------------------------- */

static void set_axis(tensor_file *tensor, uint32_t axis, uint32_t of_file)
{
    tensor->view.shape[axis] = tensor->array.shape[of_file];
    tensor->view.strides[axis] = tensor->array.strides[of_file];
}

static void start_view(tensor_file *tensor, uint32_t rank)
{
    memset(&tensor->view, 0, sizeof tensor->view);
    tensor->view.data = tensor->array.values;
    tensor->view.dtype = tensor->array.item_size == 2 ? FMGCAM_DTYPE_FLOAT16
                                                      : FMGCAM_DTYPE_FLOAT32;
    tensor->view.rank = rank;
}

/* [.., C, H, W] or [.., H, W, C] in the file. */
static void view_maps(tensor_file *tensor, const tensor_layout *layout)
{
    uint32_t rank = tensor->array.rank, axes = layout->map_axes;
    uint32_t lead = rank - 1 - axes;
    bool last = layout->kind == LAYOUT_NHWC;
    start_view(tensor, rank);
    if (lead == 1)
        set_axis(tensor, 0, 0);
    set_axis(tensor, lead, last ? rank - 1 : lead);
    for (uint32_t i = 0; i < axes; i++)
        set_axis(tensor, lead + 1 + i, lead + i + (last ? 0 : 1));
}

/* [.., L, C] in the file: the tokens behind the prefix are cells of a grid. */
static void view_tokens(tensor_file *tensor, const tensor_layout *layout)
{
    uint32_t lead = tensor->array.rank - 2, axes = layout->map_axes;
    int64_t step = tensor->array.strides[lead];
    start_view(tensor, lead + 1 + axes);
    if (lead == 1)
        set_axis(tensor, 0, 0);
    set_axis(tensor, lead, lead + 1);
    tensor->view.data = (const char *)tensor->array.values +
                        layout->prefix * step * tensor->array.item_size;
    for (uint32_t i = axes; i-- > 0;) {
        tensor->view.shape[lead + 1 + i] = layout->grid[i];
        tensor->view.strides[lead + 1 + i] = step;
        step *= layout->grid[i];
    }
}

static int fail_shape(tensor_file *tensor, const char *expected)
{
    char text[NPY_TEXT_SIZE];
    npy_format_index(tensor->array.shape, tensor->array.rank, text);
    int status = fail(tensor->path, "shape %s; %s expected", text, expected);
    tensor_release(tensor);
    return status;
}

/* The tokens must be the prefix and the cells of the grid. */
static int check_tokens(tensor_file *tensor, const tensor_layout *layout)
{
    int64_t tokens = tensor->array.shape[tensor->array.rank - 2];
    uint64_t cells = 1;
    for (uint32_t i = 0;
         i < layout->map_axes && cells <= INT64_MAX / UINT32_MAX; i++)
        cells *= layout->grid[i];
    if (cells + layout->prefix == (uint64_t)tokens)
        return 0;
    int status = fail(tensor->path,
                      "%" PRId64 " tokens; %" PRIu32
                      " of the prefix and %" PRIu64 " of the grid expected",
                      tokens, layout->prefix, cells);
    tensor_release(tensor);
    return status;
}

static int read_file(const char *path, tensor_file *tensor)
{
    memset(tensor, 0, sizeof *tensor);
    tensor->path = path;
    return npy_read(path, &tensor->array);
}

/* What may be expected, by kind and axes; the second one has the leading axis
 * in it. */
static const char *const expected_activations[3][3] = {
    {"[C,L] or [1,C,L]", "[C,H,W] or [1,C,H,W]", "[C,D,H,W] or [1,C,D,H,W]"},
    {"[L,C] or [1,L,C]", "[H,W,C] or [1,H,W,C]", "[D,H,W,C] or [1,D,H,W,C]"},
    {"[L,C] or [1,L,C]", "[L,C] or [1,L,C]", "[L,C] or [1,L,C]"}};
static const char *const expected_gradients[3][3] = {
    {"[K,C,L], or [C,L] of one class,", "[K,C,H,W], or [C,H,W] of one class,",
     "[K,C,D,H,W], or [C,D,H,W] of one class,"},
    {"[K,L,C], or [L,C] of one class,", "[K,H,W,C], or [H,W,C] of one class,",
     "[K,D,H,W,C], or [D,H,W,C] of one class,"},
    {"[K,L,C], or [L,C] of one class,", "[K,L,C], or [L,C] of one class,",
     "[K,L,C], or [L,C] of one class,"}};

static int read_maps(const char *path, const tensor_layout *layout,
                     const char *const expected[3][3], tensor_file *tensor)
{
    uint32_t axes = layout->kind == LAYOUT_TOKENS ? 1 : layout->map_axes;
    int status = read_file(path, tensor);
    if (status)
        return status;
    if (tensor->array.rank != 1 + axes && tensor->array.rank != 2 + axes)
        return fail_shape(tensor, expected[layout->kind][layout->map_axes - 1]);
    if (layout->kind != LAYOUT_TOKENS) {
        view_maps(tensor, layout);
        return 0;
    }
    status = check_tokens(tensor, layout);
    if (!status)
        view_tokens(tensor, layout);
    return status;
}

int tensor_read_activations(const char *path, const tensor_layout *layout,
                            tensor_file *tensor)
{
    return read_maps(path, layout, expected_activations, tensor);
}

int tensor_read_gradients(const char *path, const tensor_layout *layout,
                          tensor_file *tensor)
{
    return read_maps(path, layout, expected_gradients, tensor);
}

static void view_as_it_is(tensor_file *tensor)
{
    start_view(tensor, tensor->array.rank);
    for (uint32_t i = 0; i < tensor->array.rank; i++)
        set_axis(tensor, i, i);
}

int tensor_read_matrix(const char *path, const char *expected,
                       tensor_file *tensor)
{
    int status = read_file(path, tensor);
    if (status)
        return status;
    if (tensor->array.rank != 2)
        return fail_shape(tensor, expected);
    view_as_it_is(tensor);
    return 0;
}

int tensor_read_vector(const char *path, tensor_file *tensor)
{
    int status = read_file(path, tensor);
    if (status)
        return status;
    bool is_row = tensor->array.rank == 2 && tensor->array.shape[0] == 1;
    if (tensor->array.rank != 1 && !is_row)
        return fail_shape(tensor, "[n] or [1,n]");
    view_as_it_is(tensor);
    return 0;
}

/* ---- Rows ---------------------------------------------------------------- */

int64_t tensor_length(const tensor_file *vector)
{
    return vector->view.shape[vector->view.rank - 1];
}

int64_t tensor_rows(const tensor_file *tensor, uint32_t map_axes)
{
    return tensor->view.rank == map_axes + 1 ? 1 : tensor->view.shape[0];
}

static bool is_prefix(const uint32_t *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (rows[i] != i)
            return false;
    return true;
}

/* Copy a row, in the order of its axes. Returns the end of the copy. */
static char *copy_row(const tensor_file *tensor, uint32_t row, char *to)
{
    const fmgcam_tensor *view = &tensor->view;
    size_t size = tensor->array.item_size;
    int64_t index[FMGCAM_MAX_RANK] = {row};
    for (;;) {
        int64_t at = 0;
        for (uint32_t i = 0; i < view->rank; i++)
            at += index[i] * view->strides[i];
        memcpy(to, (const char *)view->data + at * (int64_t)size, size);
        to += size;
        uint32_t axis = view->rank - 1;
        while (axis > 0 && ++index[axis] == view->shape[axis])
            index[axis--] = 0;
        if (axis == 0)
            return to;
    }
}

int tensor_take_rows(tensor_file *tensor, uint32_t map_axes,
                     const uint32_t *rows, uint32_t count)
{
    fmgcam_tensor *view = &tensor->view;
    if (view->rank == map_axes + 1) /* one class without an axis */
        return 0;
    if (is_prefix(rows, count)) {
        view->shape[0] = count;
        return 0;
    }
    size_t size = 1;
    for (uint32_t i = 1; i < view->rank; i++)
        size *= (size_t)view->shape[i];
    char *values = malloc(size * count * tensor->array.item_size);
    if (!values)
        return fail_memory();
    char *end = values;
    for (uint32_t i = 0; i < count; i++)
        end = copy_row(tensor, rows[i], end);
    free(tensor->array.values);
    tensor->array.values = values;
    view->data = values;
    view->shape[0] = count;
    int64_t step = 1;
    for (uint32_t i = view->rank; i-- > 0;) {
        view->strides[i] = step;
        step *= view->shape[i];
    }
    return 0;
}

float tensor_element(const tensor_file *vector, int64_t i)
{
    return npy_value(&vector->array,
                     i * vector->view.strides[vector->view.rank - 1]);
}

void tensor_release(tensor_file *tensor)
{
    npy_release(&tensor->array);
}
