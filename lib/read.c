/* SPDX-License-Identifier: MIT */
/* Any tensor as contiguous float32, for the stages that take no integers. */
#include "internal.h"

#include <math.h>

/* A finite float64 that is infinite in float32, which values are not. */
static fmgcam_status check_beyond(fmgcam_context *context,
                                  const struct fmgcam_view *view,
                                  const float *values)
{
    for (size_t i = 0; i < view->n * view->channels * view->cells; i++) {
        size_t row = i / view->cells, cell = i % view->cells;
        size_t n = row / view->channels, c = row % view->channels;
        if (!isinf(values[i]) || isinf(fmgcam_view_stored(view, n, c, cell)))
            continue;
        char index[FMGCAM_SHAPE_TEXT_SIZE];
        fmgcam_print_index(context, FMGCAM_FORM_ANY, view, n, c, cell, index);
        return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                           "tensor: value at %s is %g, beyond the range of "
                           "float32",
                           index, fmgcam_view_stored(view, n, c, cell));
    }
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_read_tensor(fmgcam_context *context,
                                 const fmgcam_tensor *tensor,
                                 const fmgcam_quantization *quantization,
                                 const fmgcam_buffer *values)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    struct fmgcam_view view;
    struct fmgcam_regions regions = {.count = 0};
    fmgcam_status status =
        quantization ? fmgcam_view_quantized(context, "tensor", FMGCAM_FORM_ANY,
                                             tensor, quantization, &view)
                     : fmgcam_view_numbers(context, "tensor", FMGCAM_FORM_ANY,
                                           tensor, &view);
    size_t columns;
    if (!status && !fmgcam_multiply(view.channels, view.cells, &columns))
        columns = SIZE_MAX;
    if (status)
        return status;
    fmgcam_add_input(&regions, "tensor", &view);
    status =
        fmgcam_add_output(context, &regions, "values", values, view.n, columns);
    if (status)
        return status;
    for (size_t n = 0; n < view.n; n++)
        fmgcam_view_copy(&view, n, 0, view.channels, 0, view.cells,
                         (float *)values->data + n * columns);
    return check_beyond(context, &view, values->data);
}
