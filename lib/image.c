/* SPDX-License-Identifier: MIT */
/* Pictures of the caller: their size, pitch and place in memory. */
#include "internal.h"

fmgcam_status fmgcam_check_size(fmgcam_context *context, const char *name,
                                uint32_t height, uint32_t width)
{
    if (height >= 1 && width >= 1 && height <= INT32_MAX && width <= INT32_MAX)
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "%s: height %u, width %u, expected 1 to %d", name,
                       height, width, INT32_MAX);
}

uint8_t *fmgcam_image_row(const fmgcam_image *image, size_t y)
{
    return (uint8_t *)image->data +
           (ptrdiff_t)y * (ptrdiff_t)image->row_stride_bytes;
}

fmgcam_status fmgcam_check_image(fmgcam_context *context, const char *name,
                                 const fmgcam_image *image)
{
    if (!image || !image->data)
        return fmgcam_fail(
            context, FMGCAM_STATUS_ARGUMENT, "%s%s: NULL, expected %s", name,
            image ? ".data" : "", image ? "its pixels" : "an image");
    if (image->format > FMGCAM_PIXEL_RGB8)
        return fmgcam_fail(context, FMGCAM_STATUS_UNSUPPORTED,
                           "%s.format: %u, expected FMGCAM_PIXEL_RGB8 (1)",
                           name, image->format);
    if (image->flags)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s.flags: 0x%x, expected 0", name, image->flags);
    fmgcam_status status =
        fmgcam_check_size(context, name, image->height, image->width);
    if (status)
        return status;

    int64_t pitch = image->row_stride_bytes;
    int64_t needed = 3 * (int64_t)image->width;
    if (image->height > 1 && pitch < needed && pitch > -needed)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s.row_stride_bytes: %lld, expected at least %lld "
                           "(or as much downwards)",
                           name, (long long)pitch, (long long)needed);
    int64_t steps = (int64_t)image->height - 1;
    int64_t limit = PTRDIFF_MAX - needed;
    uintptr_t begin = (uintptr_t)image->data;
    int fits =
        limit > 0 &&
        (steps == 0 || (pitch <= limit / steps && pitch >= -(limit / steps)));
    if (fits) {
        int64_t reach = steps * pitch;
        int64_t above = reach > 0 ? reach : 0, below = reach < 0 ? -reach : 0;
        fits = (uintptr_t)below <= begin &&
               (uintptr_t)(above + needed) <= UINTPTR_MAX - begin;
    }
    if (!fits)
        return fmgcam_fail(context, FMGCAM_STATUS_STRIDE,
                           "%s.row_stride_bytes: %lld, rows beyond the address "
                           "space",
                           name, (long long)pitch);
    return FMGCAM_STATUS_OK;
}

struct fmgcam_span fmgcam_image_span(const fmgcam_image *image)
{
    uintptr_t first = (uintptr_t)fmgcam_image_row(image, 0);
    uintptr_t last = (uintptr_t)fmgcam_image_row(image, image->height - 1u);
    struct fmgcam_span span = {first < last ? first : last,
                               first < last ? last : first};
    span.last += 3 * (uintptr_t)image->width - 1;
    return span;
}

/* Two windows side by side in one frame share a span, but no pixel. */
static int windows_are_apart(const fmgcam_image *a, const fmgcam_image *b)
{
    if (a->row_stride_bytes != b->row_stride_bytes || a->row_stride_bytes == 0)
        return 0;
    int64_t step = a->row_stride_bytes;
    uintptr_t pitch = (uintptr_t)(step < 0 ? -step : step);
    uintptr_t first = (uintptr_t)a->data, second = (uintptr_t)b->data;
    uintptr_t row = 3 * (uintptr_t)a->width;
    uintptr_t shift =
        (first < second ? second - first : first - second) % pitch;
    return shift >= row && pitch - shift >= row;
}

fmgcam_status fmgcam_check_pictures(fmgcam_context *context,
                                    const fmgcam_image *picture,
                                    const fmgcam_image *overlay)
{
    if (picture->width != overlay->width || picture->height != overlay->height)
        return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                           "overlay: %u x %u, expected the picture's %u x %u",
                           overlay->width, overlay->height, picture->width,
                           picture->height);
    int same = picture->data == overlay->data &&
               (picture->row_stride_bytes == overlay->row_stride_bytes ||
                picture->height == 1);
    if (same || windows_are_apart(picture, overlay))
        return FMGCAM_STATUS_OK;
    return fmgcam_check_apart(context, "overlay", fmgcam_image_span(overlay),
                              "picture", fmgcam_image_span(picture));
}
