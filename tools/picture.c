/* SPDX-License-Identifier: MIT */
/* The program's side of libfmgcam-imageio. */
#include "picture.h"

#include <stdlib.h>
#include <string.h>

#include <fmgcam/imageio.h>

#include "diagnose.h"
#include "read_file.h"

/* Of an encoded picture; what it decodes to has the limits of imageio. */
#define MAX_FILE_SIZE ((size_t)1 << 30)

#define ERROR_SIZE 256

static int fail_imageio(const char *path, fmgcam_imageio_status status,
                        const char *error)
{
    if (status == FMGCAM_IMAGEIO_NO_MEMORY)
        return fail_memory();
    return fail(path, "%s",
                *error ? error : fmgcam_imageio_status_string(status));
}

/* ---- Memory -------------------------------------------------------------- */

/* @return 0 where it cannot be in memory. */
static size_t byte_count(const picture *image)
{
    uint64_t pixels = (uint64_t)image->width * image->height;
    return pixels > SIZE_MAX / 3 ? 0 : (size_t)pixels * 3;
}

/* The limits that imageio has for reading by default. */
bool picture_is_too_large(uint32_t width, uint32_t height)
{
    const uint32_t side = 65500;
    const uint64_t bytes = UINT64_C(1) << 30;
    return width > side || height > side ||
           (uint64_t)width * height > bytes / 3;
}

int picture_allocate(uint32_t width, uint32_t height, picture *image)
{
    image->width = width;
    image->height = height;
    size_t size = byte_count(image);
    image->rgb = size ? malloc(size) : NULL;
    return image->rgb ? 0 : fail_memory();
}

int picture_copy(const picture *from, picture *to)
{
    int status = picture_allocate(from->width, from->height, to);
    if (!status)
        memcpy(to->rgb, from->rgb, byte_count(from));
    return status;
}

int picture_begin(const picture *ground, uint32_t width, uint32_t height,
                  picture *to)
{
    return ground->rgb ? picture_copy(ground, to)
                       : picture_allocate(width, height, to);
}

void picture_release(picture *image)
{
    free(image->rgb);
    memset(image, 0, sizeof *image);
}

fmgcam_image picture_view(const picture *image)
{
    fmgcam_image view = {0};
    view.data = image->rgb;
    view.row_stride_bytes = (int64_t)image->width * 3;
    view.width = image->width;
    view.height = image->height;
    view.format = FMGCAM_PIXEL_RGB8;
    return view;
}

/* ---- Reading ------------------------------------------------------------- */

static int decode_bytes(const char *path, const char *bytes, size_t size,
                        picture *image)
{
    char error[ERROR_SIZE] = "";
    int status = picture_allocate(image->width, image->height, image);
    if (status)
        return status;
    fmgcam_imageio_status result = fmgcam_imageio_read_memory(
        bytes, size, NULL, image->rgb, byte_count(image),
        (size_t)image->width * 3, NULL, error, sizeof error);
    if (result == FMGCAM_IMAGEIO_OK)
        return 0;
    picture_release(image);
    return fail_imageio(path, result, error);
}

/* The file is read once, into memory, so that a pipe will do as well. */
int picture_read(const char *path, bool decode, picture *image)
{
    char *bytes, error[ERROR_SIZE] = "";
    size_t size;
    memset(image, 0, sizeof *image);
    int status = read_file(path, MAX_FILE_SIZE, &bytes, &size);
    if (status)
        return status;
    fmgcam_imageio_info info = {.struct_size = sizeof info};
    fmgcam_imageio_status result = fmgcam_imageio_probe_memory(
        bytes, size, NULL, &info, error, sizeof error);
    if (result == FMGCAM_IMAGEIO_OK) {
        image->width = info.width;
        image->height = info.height;
        if (decode)
            status = decode_bytes(path, bytes, size, image);
    } else {
        status = fail_imageio(path, result, error);
    }
    free(bytes);
    return status;
}

/* ---- Writing ------------------------------------------------------------- */

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

bool picture_has_suffix(const char *path, const char *suffix)
{
    size_t length = strlen(path), tail = strlen(suffix);
    if (length <= tail)
        return false;
    for (size_t i = 0; i < tail; i++) {
        if (lower(path[length - tail + i]) != suffix[i])
            return false;
    }
    return true;
}

/* FMGCAM_IMAGEIO_PNG or _JPEG, or 0 */
static uint32_t kind_of(const char *path)
{
    if (picture_has_suffix(path, ".png"))
        return FMGCAM_IMAGEIO_PNG;
    if (picture_has_suffix(path, ".jpg") || picture_has_suffix(path, ".jpeg"))
        return FMGCAM_IMAGEIO_JPEG;
    return 0;
}

bool picture_has_kind(const char *path)
{
    return kind_of(path) != 0;
}

static int32_t put_bytes(void *opaque, const void *data, size_t size)
{
    return output_put(opaque, data, size);
}

int picture_write(const picture *image, output *to)
{
    char error[ERROR_SIZE] = "";
    fmgcam_imageio_write_options options = {.struct_size = sizeof options};
    options.kind = kind_of(to->path);
    fmgcam_imageio_status result = fmgcam_imageio_write_stream(
        put_bytes, to, &options, image->rgb, image->width, image->height,
        (size_t)image->width * 3, error, sizeof error);
    if (result == FMGCAM_IMAGEIO_OK)
        return 0;
    if (to->status) /* it was the output that failed, and said so */
        return to->status;
    return fail_imageio(to->path, result, error);
}
