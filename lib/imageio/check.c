/* SPDX-License-Identifier: MIT */
/* What is checked before a decoder or encoder runs: structs that grow from
 * version to version, limits, and sizes of buffers. */
#include <inttypes.h>
#include <string.h>

#include "internal.h"

/* Bytes of a struct through its last member in 0.1: no program has a shorter one. */
#define SIZE_THROUGH(type, member)                                             \
 (offsetof(type, member) + sizeof(((type *)0)->member))

static const size_t read_options_first_size =
    SIZE_THROUGH(fmgcam_imageio_read_options, flags);
static const size_t write_options_first_size =
    SIZE_THROUGH(fmgcam_imageio_write_options, png_compression);
static const size_t info_first_size = SIZE_THROUGH(fmgcam_imageio_info, notes);

/* No struct of this interface comes near it; a larger size is a variable that
 * was never set, and following it would run over memory. */
#define LARGEST_STRUCT 4096

/* What the decoders take for tables, windows and a few rows. */
#define DECODER_BASE_BYTES (UINT64_C(1) << 20)

static fmgcam_imageio_status check_size(size_t size, size_t first_size,
                                        const char *name,
                                        const fmgcam_imageio_error *error)
{
    if (size >= first_size && size <= LARGEST_STRUCT)
        return FMGCAM_IMAGEIO_OK;
    return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_ARGUMENT,
                               "%s: struct_size %zu is not between %zu and %d",
                               name, size, first_size, LARGEST_STRUCT);
}

/* Copy the caller's struct into our own. What it lacks stays 0, the default;
 * what it has beyond ours must be 0, or it asks for something unknown. */
static fmgcam_imageio_status import_struct(void *own, size_t own_size,
                                           size_t first_size, const void *given,
                                           const char *name,
                                           const fmgcam_imageio_error *error)
{
    size_t size;
    memcpy(&size, given, sizeof size);
    const fmgcam_imageio_status status =
        check_size(size, first_size, name, error);
    if (status)
        return status;

    memset(own, 0, own_size);
    memcpy(own, given, size < own_size ? size : own_size);
    const uint8_t *bytes = given;
    for (size_t i = own_size; i < size; i++) {
        if (bytes[i])
            return fmgcam_imageio_fail(
                error, FMGCAM_IMAGEIO_UNSUPPORTED,
                "%s: a member that this version does not know is set", name);
    }
    return FMGCAM_IMAGEIO_OK;
}

/* 0 stands for white unless the caller says that it means black. */
static void set_background(fmgcam_imageio_limits *limits,
                           const fmgcam_imageio_read_options *own)
{
    const int is_set = (own->flags & FMGCAM_IMAGEIO_BACKGROUND_SET) != 0;
    const uint32_t color =
        own->background || is_set ? own->background : UINT32_C(0xFFFFFF);
    limits->background[0] = (uint8_t)(color >> 16);
    limits->background[1] = (uint8_t)(color >> 8 & 0xFF);
    limits->background[2] = (uint8_t)(color & 0xFF);
}

fmgcam_imageio_status
fmgcam_imageio_import_limits(const fmgcam_imageio_read_options *options,
                             fmgcam_imageio_limits *limits,
                             const fmgcam_imageio_error *error)
{
    fmgcam_imageio_read_options own = {.struct_size = sizeof own};
    if (options) {
        const fmgcam_imageio_status status =
            import_struct(&own, sizeof own, read_options_first_size, options,
                          "read options", error);
        if (status)
            return status;
    }
    if (own.flags & ~(uint32_t)FMGCAM_IMAGEIO_BACKGROUND_SET)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_ARGUMENT,
                                   "flags 0x%" PRIx32 " has an unknown bit",
                                   own.flags);
    if (own.background > 0xFFFFFF)
        return fmgcam_imageio_fail(
            error, FMGCAM_IMAGEIO_ARGUMENT,
            "background 0x%" PRIx32 " is more than 0xFFFFFF", own.background);

    limits->max_width = own.max_width ? own.max_width : 65500;
    limits->max_height = own.max_height ? own.max_height : 65500;
    limits->max_bytes = own.max_bytes ? own.max_bytes : UINT64_C(1) << 30;
    set_background(limits, &own);
    return FMGCAM_IMAGEIO_OK;
}

fmgcam_imageio_status
fmgcam_imageio_import_write_options(const fmgcam_imageio_write_options *options,
                                    fmgcam_imageio_write_options *own,
                                    const fmgcam_imageio_error *error)
{
    if (!options)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_ARGUMENT,
                                   "options is NULL");
    const fmgcam_imageio_status status =
        import_struct(own, sizeof *own, write_options_first_size, options,
                      "write options", error);
    if (status)
        return status;

    if (own->kind != FMGCAM_IMAGEIO_PNG && own->kind != FMGCAM_IMAGEIO_JPEG)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_ARGUMENT,
                                   "kind %" PRIu32 " is neither PNG nor JPEG",
                                   own->kind);
    if (own->jpeg_quality > 100)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_ARGUMENT,
                                   "quality %" PRIu32 " is more than 100",
                                   own->jpeg_quality);
    if (own->jpeg_subsampling > FMGCAM_IMAGEIO_SUBSAMPLING_420)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_ARGUMENT,
                                   "subsampling %" PRIu32 " is unknown",
                                   own->jpeg_subsampling);
    if (own->png_compression > 9)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_ARGUMENT,
                                   "compression %" PRIu32 " is more than 9",
                                   own->png_compression);

    if (!own->jpeg_quality)
        own->jpeg_quality = 95;
    if (!own->jpeg_subsampling)
        own->jpeg_subsampling = FMGCAM_IMAGEIO_SUBSAMPLING_444;
    if (!own->png_compression)
        own->png_compression = 6;
    return FMGCAM_IMAGEIO_OK;
}

fmgcam_imageio_status
fmgcam_imageio_check_info(const fmgcam_imageio_info *info,
                          const fmgcam_imageio_error *error)
{
    return check_size(info->struct_size, info_first_size, "info", error);
}

void fmgcam_imageio_export_info(const fmgcam_imageio_info *found,
                                fmgcam_imageio_info *info)
{
    const size_t size = info->struct_size;
    const size_t known = size < sizeof *found ? size : sizeof *found;
    memcpy(info, found, known);
    memset((uint8_t *)info + known, 0, size - known);
    info->struct_size = size;
}

fmgcam_imageio_status
fmgcam_imageio_check_limits(const fmgcam_imageio_limits *limits, uint32_t width,
                            uint32_t height, const fmgcam_imageio_error *error)
{
    if (width > limits->max_width)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_LIMIT,
                                   "width %" PRIu32
                                   " is beyond the limit %" PRIu32,
                                   width, limits->max_width);
    if (height > limits->max_height)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_LIMIT,
                                   "height %" PRIu32
                                   " is beyond the limit %" PRIu32,
                                   height, limits->max_height);
    /* Divided, not multiplied: 3 (2^32 - 1)^2 has more than 64 bits. */
    if (height > limits->max_bytes / 3 / width)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_LIMIT,
                                   "%" PRIu32 " x %" PRIu32
                                   " pixels are beyond the limit of %" PRIu64
                                   " bytes",
                                   width, height, limits->max_bytes);
    return FMGCAM_IMAGEIO_OK;
}

uint64_t fmgcam_imageio_decoder_budget(const fmgcam_imageio_limits *limits)
{
    return limits->max_bytes > UINT64_MAX - DECODER_BASE_BYTES
               ? UINT64_MAX
               : limits->max_bytes + DECODER_BASE_BYTES;
}

/* (height - 1) * stride + 3 * width, where the stride is no less than a row.
 * @return 0 if that is more than a size_t. */
static int picture_span(uint32_t width, uint32_t height, size_t stride,
                        size_t *span)
{
    const size_t gaps = (size_t)height - 1;
    const size_t row = (size_t)3 * width;
    if (gaps > 0 && stride > (SIZE_MAX - row) / gaps)
        return 0;
    *span = gaps * stride + row;
    return 1;
}

fmgcam_imageio_status
fmgcam_imageio_check_target(const fmgcam_imageio_target *target, uint32_t width,
                            uint32_t height, const fmgcam_imageio_error *error)
{
    const uint64_t row = (uint64_t)3 * width;
    if (target->row_stride_bytes < row)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_BUFFER_SIZE,
                                   "row stride %zu is less than the %" PRIu64
                                   " bytes of a row",
                                   target->row_stride_bytes, row);
    size_t span;
    if (!picture_span(width, height, target->row_stride_bytes, &span))
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_BUFFER_SIZE,
                                   "%" PRIu32 " rows with a stride of %zu bytes"
                                   " do not fit in memory",
                                   height, target->row_stride_bytes);
    if (target->size < span)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_BUFFER_SIZE,
                                   "the buffer has %zu bytes, the picture needs"
                                   " %zu",
                                   target->size, span);
    return FMGCAM_IMAGEIO_OK;
}

fmgcam_imageio_status
fmgcam_imageio_check_picture(const fmgcam_imageio_picture *picture,
                             const fmgcam_imageio_error *error)
{
    if (!picture->rgb)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_ARGUMENT,
                                   "rgb is NULL");
    if (!picture->width || !picture->height)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_ARGUMENT,
                                   "a picture of %" PRIu32 " x %" PRIu32
                                   " pixels has none",
                                   picture->width, picture->height);
    if (picture->row_stride_bytes < (uint64_t)3 * picture->width)
        return fmgcam_imageio_fail(
            error, FMGCAM_IMAGEIO_ARGUMENT,
            "row stride %zu is less than the %" PRIu64 " bytes of a row",
            picture->row_stride_bytes, (uint64_t)3 * picture->width);
    size_t span;
    if (!picture_span(picture->width, picture->height,
                      picture->row_stride_bytes, &span))
        return fmgcam_imageio_fail(
            error, FMGCAM_IMAGEIO_ARGUMENT,
            "%" PRIu32 " rows with a stride of %zu bytes do not fit in memory",
            picture->height, picture->row_stride_bytes);
    return FMGCAM_IMAGEIO_OK;
}
