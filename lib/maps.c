/* SPDX-License-Identifier: MIT */
/* The frame of the stages that change maps: an input, and an output that may be
 * the same memory. */
#include "internal.h"

static int is_same_memory(const struct fmgcam_view *view, const void *data)
{
    ptrdiff_t stride;
    const float *rows = fmgcam_view_rows(view, 0, 0, 0, &stride);
    return rows && (const void *)rows == data &&
           (view->channels == 1 || stride == (ptrdiff_t)view->cells);
}

fmgcam_status fmgcam_load_maps(fmgcam_context *context, const char *name,
                               const fmgcam_tensor *maps,
                               const char *output_name,
                               const fmgcam_buffer *output,
                               struct fmgcam_view *view)
{
    struct fmgcam_span span;
    fmgcam_status status =
        fmgcam_view_tensor(context, name, FMGCAM_FORM_MAPS, maps, view);
    if (!status)
        status = fmgcam_check_buffer(context, output_name, output,
                                     view->channels, view->cells, &span);
    if (status)
        return status;
    int in_place = is_same_memory(view, output->data);
    if (!in_place)
        status = fmgcam_check_apart(context, output_name, span, name,
                                    fmgcam_view_span(view));
    struct fmgcam_extents extents = {.classes = view->channels,
                                     .map_depth = view->depth,
                                     .map_height = view->height,
                                     .map_width = view->width};
    if (!status)
        status = fmgcam_check_limits(context, &extents);
    if (!status)
        status = fmgcam_check_finite(context, name, FMGCAM_FORM_MAPS, view);
    if (status)
        return status;
    fmgcam_apply_policy(context, view);
    if (!in_place || view->skips_non_finite)
        fmgcam_view_copy(view, 0, 0, view->channels, 0, view->cells,
                         output->data);
    return FMGCAM_STATUS_OK;
}
