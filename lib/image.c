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

/* ---- Formats ------------------------------------------------------------- */

uint32_t fmgcam_pixel_bytes(uint32_t format)
{
    switch (format) {
    case FMGCAM_PIXEL_RGBA8:
    case FMGCAM_PIXEL_BGRA8: return 4;
    case FMGCAM_PIXEL_GREY8: return 1;
    default: return 3;
    }
}

int fmgcam_is_blue_first(uint32_t format)
{
    return format == FMGCAM_PIXEL_BGR8 || format == FMGCAM_PIXEL_BGRA8;
}

/* 0.299 red + 0.587 green + 0.114 blue, to nearest. */
static inline uint8_t luma(uint8_t red, uint8_t green, uint8_t blue)
{
    return (uint8_t)((19595u * red + 38470u * green + 7471u * blue + 32768u) >>
                     16);
}

static inline void convert_run(const uint8_t *from, size_t from_bytes,
                               int exchanged, uint8_t *to, size_t to_bytes,
                               size_t count)
{
    const size_t first = exchanged ? 2 : 0;
    for (size_t i = 0; i < count; i++, from += from_bytes, to += to_bytes) {
        if (from_bytes == 1) {
            to[0] = to[1] = to[2] = from[0];
        } else if (to_bytes == 1) {
            to[0] = luma(from[first], from[1], from[2 - first]);
            continue;
        } else {
            to[0] = from[first];
            to[1] = from[1];
            to[2] = from[2 - first];
        }
        if (to_bytes == 4)
            to[3] = from_bytes == 4 ? from[3] : 255;
    }
}

/* Constants for the loop, which makes others of it. */
#define RUN(a, b)                                                              \
 case 8 * (a) + (b): convert_run(from, a, exchanged, to, b, count); break

void fmgcam_convert_pixels(uint32_t from_format, const uint8_t *from,
                           uint32_t to_format, uint8_t *to, size_t count)
{
    const uint32_t from_bytes = fmgcam_pixel_bytes(from_format);
    const uint32_t to_bytes = fmgcam_pixel_bytes(to_format);
    const int exchanged =
        fmgcam_is_blue_first(from_format) != fmgcam_is_blue_first(to_format);
    switch (8 * from_bytes + to_bytes) {
        RUN(1, 3);
        RUN(1, 4);
        RUN(3, 1);
        RUN(3, 3);
        RUN(3, 4);
        RUN(4, 1);
        RUN(4, 3);
        RUN(4, 4);
    default: memcpy(to, from, count); break; /* grey to grey */
    }
}

/* ---- Rows ---------------------------------------------------------------- */

static int64_t row_bytes(const fmgcam_image *image)
{
    return (int64_t)image->width * fmgcam_pixel_bytes(image->format);
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
    if (image->format > FMGCAM_PIXEL_GREY8)
        return fmgcam_fail(context, FMGCAM_STATUS_UNSUPPORTED,
                           "%s.format: %u, expected FMGCAM_PIXEL_RGB8 (1) to "
                           "FMGCAM_PIXEL_GREY8 (5)",
                           name, image->format);
    if (image->flags)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s.flags: 0x%x, expected 0", name, image->flags);
    fmgcam_status status =
        fmgcam_check_size(context, name, image->height, image->width);
    if (status)
        return status;

    int64_t pitch = image->row_stride_bytes;
    int64_t needed = row_bytes(image);
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
    span.last += (uintptr_t)row_bytes(image) - 1;
    return span;
}

/* Two windows side by side in one frame share a span, but no pixel. One row has no
 * pitch, and what stands there need not fit in an address. */
static int windows_are_apart(const fmgcam_image *a, const fmgcam_image *b)
{
    if (a->row_stride_bytes != b->row_stride_bytes ||
        a->row_stride_bytes == 0 || a->height == 1)
        return 0;
    int64_t step = a->row_stride_bytes;
    uintptr_t pitch = step < 0 ? 0 - (uintptr_t)step : (uintptr_t)step;
    int in_order = (uintptr_t)a->data < (uintptr_t)b->data;
    const fmgcam_image *low = in_order ? a : b;
    const fmgcam_image *high = in_order ? b : a;
    uintptr_t shift = ((uintptr_t)high->data - (uintptr_t)low->data) % pitch;
    return shift >= (uintptr_t)row_bytes(low) &&
           pitch - shift >= (uintptr_t)row_bytes(high);
}

/* 0 means RGB8. */
static int have_same_format(const fmgcam_image *a, const fmgcam_image *b)
{
    return (a->format ? a->format : FMGCAM_PIXEL_RGB8) ==
           (b->format ? b->format : FMGCAM_PIXEL_RGB8);
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
               have_same_format(picture, overlay) &&
               (picture->row_stride_bytes == overlay->row_stride_bytes ||
                picture->height == 1);
    if (same || windows_are_apart(picture, overlay))
        return FMGCAM_STATUS_OK;
    return fmgcam_check_apart(context, "overlay", fmgcam_image_span(overlay),
                              "picture", fmgcam_image_span(picture));
}
