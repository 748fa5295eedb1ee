/* SPDX-License-Identifier: MIT */
/* Axes: the memory stays as it was in the file, the view is turned. */
#include "tensors.h"

#include <inttypes.h>
#include <string.h>

#include "diagnose.h"

static void set_axis(tensor_file *tensor, uint32_t axis, uint32_t of_file)
{
    tensor->view.shape[axis] = tensor->array.shape[of_file];
    tensor->view.strides[axis] = tensor->array.strides[of_file];
}

static void start_view(tensor_file *tensor, uint32_t rank)
{
    memset(&tensor->view, 0, sizeof tensor->view);
    tensor->view.data = tensor->array.values;
    tensor->view.dtype = FMGCAM_DTYPE_FLOAT32;
    tensor->view.rank = rank;
}

/* View a file of three or four axes with C, H, W as the last three. */
static void view_maps(tensor_file *tensor, bool channels_last)
{
    uint32_t lead = tensor->array.rank - 3;
    start_view(tensor, tensor->array.rank);
    if (lead == 1)
        set_axis(tensor, 0, 0);
    set_axis(tensor, lead, lead + (channels_last ? 2 : 0));
    set_axis(tensor, lead + 1, lead + (channels_last ? 0 : 1));
    set_axis(tensor, lead + 2, lead + (channels_last ? 1 : 2));
}

static int fail_shape(tensor_file *tensor, const char *expected)
{
    char text[NPY_TEXT_SIZE];
    npy_format_index(tensor->array.shape, tensor->array.rank, text);
    int status = fail(tensor->path, "shape %s; %s expected", text, expected);
    tensor_release(tensor);
    return status;
}

static int read_maps(const char *path, bool channels_last, const char *expected,
                     tensor_file *tensor)
{
    memset(tensor, 0, sizeof *tensor);
    tensor->path = path;
    int status = npy_read(path, &tensor->array);
    if (status)
        return status;
    if (tensor->array.rank != 3 && tensor->array.rank != 4)
        return fail_shape(tensor, expected);
    view_maps(tensor, channels_last);
    return 0;
}

int tensor_read_activations(const char *path, bool channels_last,
                            tensor_file *tensor)
{
    return read_maps(path, channels_last,
                     channels_last ? "[H,W,C] or [1,H,W,C]"
                                   : "[C,H,W] or [1,C,H,W]",
                     tensor);
}

int tensor_read_gradients(const char *path, bool channels_last,
                          tensor_file *tensor)
{
    return read_maps(path, channels_last,
                     channels_last ? "[K,H,W,C], or [H,W,C] of one class,"
                                   : "[K,C,H,W], or [C,H,W] of one class,",
                     tensor);
}

int tensor_read_weights(const char *path, tensor_file *tensor)
{
    memset(tensor, 0, sizeof *tensor);
    tensor->path = path;
    int status = npy_read(path, &tensor->array);
    if (status)
        return status;
    if (tensor->array.rank != 2)
        return fail_shape(tensor, "[K,C]");
    start_view(tensor, 2);
    set_axis(tensor, 0, 0);
    set_axis(tensor, 1, 1);
    return 0;
}

int64_t tensor_classes(const tensor_file *tensor)
{
    return tensor->view.rank == 3 ? 1 : tensor->view.shape[0];
}

int tensor_take_first(tensor_file *tensor, uint32_t count)
{
    int64_t present = tensor_classes(tensor);
    if (count > present)
        return fail(tensor->path,
                    "has %" PRId64 " class%s, and --top asks for %" PRIu32,
                    present, present == 1 ? "" : "es", count);
    if (tensor->view.rank != 3)
        tensor->view.shape[0] = count;
    return 0;
}

void tensor_release(tensor_file *tensor)
{
    npy_release(&tensor->array);
}
