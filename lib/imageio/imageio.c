/* SPDX-License-Identifier: MIT */
/* The public functions: check what the caller gives, find out what kind of file
 * it is, and let png.c or jpeg_*.c do the work. */
#include "fmgcam/imageio.h"

#include <errno.h>
#include <string.h>

#include "atomic_file.h"
#include "internal.h"

const char *fmgcam_imageio_status_string(fmgcam_imageio_status status)
{
    switch (status) {
    case FMGCAM_IMAGEIO_OK: return "ok";
    case FMGCAM_IMAGEIO_ARGUMENT: return "invalid argument";
    case FMGCAM_IMAGEIO_FILE: return "file error";
    case FMGCAM_IMAGEIO_FORMAT: return "invalid or damaged file";
    case FMGCAM_IMAGEIO_UNSUPPORTED: return "not supported";
    case FMGCAM_IMAGEIO_LIMIT: return "beyond the limits";
    case FMGCAM_IMAGEIO_NO_MEMORY: return "out of memory";
    case FMGCAM_IMAGEIO_BUFFER_SIZE: return "buffer too small";
    default: return "unknown status";
    }
}

uint32_t fmgcam_imageio_version(void)
{
    return FMGCAM_VERSION;
}

/* Take the caller's buffer for the sentence, and empty it. */
static fmgcam_imageio_status take_error(fmgcam_imageio_error *error, char *text,
                                        size_t size)
{
    error->text = text;
    error->size = text ? size : 0;
    fmgcam_imageio_clear_error(error);
    return !text && size ? FMGCAM_IMAGEIO_ARGUMENT : FMGCAM_IMAGEIO_OK;
}

static fmgcam_imageio_status missing(const fmgcam_imageio_error *error,
                                     const char *what)
{
    return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_ARGUMENT, "%s is NULL",
                               what);
}

/* ---- Reading ------------------------------------------------------------- */

/* Everything that reading and probing, of files and memory, have in common. */
typedef struct read_request {
    fmgcam_imageio_limits limits;
    fmgcam_imageio_target target; /* rgb NULL: probe */
    fmgcam_imageio_info *info;    /* may be NULL */
    fmgcam_imageio_error error;
} read_request;

static int starts_with(const fmgcam_imageio_source *source,
                       const char *signature, size_t size)
{
    return source->ready >= size && memcmp(source->next, signature, size) == 0;
}

static fmgcam_imageio_status read_kind(const read_request *request,
                                       fmgcam_imageio_source *source,
                                       fmgcam_imageio_info *found)
{
    const fmgcam_imageio_error *error = &request->error;
    const fmgcam_imageio_target *target =
        request->target.rgb ? &request->target : NULL;

    if (fmgcam_imageio_source_fill(source) == 0 && !source->read_error)
        return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_FORMAT,
                                   "the file is empty");
    if (starts_with(source, "\x89PNG\r\n\x1A\n", 8))
        return fmgcam_imageio_read_png(source, &request->limits, target, found,
                                       error);
    if (starts_with(source, "\xFF\xD8\xFF", 3))
        return fmgcam_imageio_read_jpeg(source, &request->limits, target, found,
                                        error);
    if (source->read_error)
        return fmgcam_imageio_fail_ended(error, source);
    return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_FORMAT,
                               "neither PNG nor JPEG");
}

/* With BUFFER_SIZE the info is what the caller needs to try again. */
static fmgcam_imageio_status read_source(const read_request *request,
                                         fmgcam_imageio_source *source)
{
    fmgcam_imageio_info found = {.struct_size = sizeof found};
    const fmgcam_imageio_status status = read_kind(request, source, &found);
    if (request->info &&
        (status == FMGCAM_IMAGEIO_OK || status == FMGCAM_IMAGEIO_BUFFER_SIZE))
        fmgcam_imageio_export_info(&found, request->info);
    return status;
}

static fmgcam_imageio_status
take_request(read_request *request, const fmgcam_imageio_read_options *options,
             fmgcam_imageio_info *info, char *error, size_t error_size)
{
    fmgcam_imageio_status status =
        take_error(&request->error, error, error_size);
    if (!status && info)
        status = fmgcam_imageio_check_info(info, &request->error);
    if (!status)
        status = fmgcam_imageio_import_limits(options, &request->limits,
                                              &request->error);
    request->info = info;
    return status;
}

static fmgcam_imageio_status read_path(const read_request *request,
                                       const char *path)
{
    if (!path)
        return missing(&request->error, "path");
    fmgcam_imageio_source source;
    const int number = fmgcam_imageio_source_open(&source, path);
    if (number)
        return fmgcam_imageio_fail_errno(&request->error, "cannot open",
                                         number);
    const fmgcam_imageio_status status = read_source(request, &source);
    fmgcam_imageio_source_close(&source);
    return status;
}

static fmgcam_imageio_status read_bytes(const read_request *request,
                                        const void *data, size_t size)
{
    if (!data)
        return missing(&request->error, "data");
    fmgcam_imageio_source source;
    fmgcam_imageio_source_memory(&source, data, size);
    return read_source(request, &source);
}

fmgcam_imageio_status fmgcam_imageio_probe_file(
    const char *path, const fmgcam_imageio_read_options *options,
    fmgcam_imageio_info *info, char *error, size_t error_size)
{
    read_request request = {.target = {NULL, 0, 0}};
    const fmgcam_imageio_status status =
        take_request(&request, options, info, error, error_size);
    if (status)
        return status;
    if (!info)
        return missing(&request.error, "info");
    return read_path(&request, path);
}

fmgcam_imageio_status fmgcam_imageio_probe_memory(
    const void *data, size_t size, const fmgcam_imageio_read_options *options,
    fmgcam_imageio_info *info, char *error, size_t error_size)
{
    read_request request = {.target = {NULL, 0, 0}};
    const fmgcam_imageio_status status =
        take_request(&request, options, info, error, error_size);
    if (status)
        return status;
    if (!info)
        return missing(&request.error, "info");
    return read_bytes(&request, data, size);
}

fmgcam_imageio_status fmgcam_imageio_read_file(
    const char *path, const fmgcam_imageio_read_options *options, uint8_t *rgb,
    size_t rgb_size, size_t row_stride_bytes, fmgcam_imageio_info *info,
    char *error, size_t error_size)
{
    read_request request = {.target = {rgb, rgb_size, row_stride_bytes}};
    const fmgcam_imageio_status status =
        take_request(&request, options, info, error, error_size);
    if (status)
        return status;
    if (!rgb)
        return missing(&request.error, "rgb");
    return read_path(&request, path);
}

fmgcam_imageio_status fmgcam_imageio_read_memory(
    const void *data, size_t size, const fmgcam_imageio_read_options *options,
    uint8_t *rgb, size_t rgb_size, size_t row_stride_bytes,
    fmgcam_imageio_info *info, char *error, size_t error_size)
{
    read_request request = {.target = {rgb, rgb_size, row_stride_bytes}};
    const fmgcam_imageio_status status =
        take_request(&request, options, info, error, error_size);
    if (status)
        return status;
    if (!rgb)
        return missing(&request.error, "rgb");
    return read_bytes(&request, data, size);
}

/* ---- Writing ------------------------------------------------------------- */

typedef struct write_request {
    fmgcam_imageio_write_options options;
    fmgcam_imageio_picture picture;
    fmgcam_imageio_error error;
} write_request;

static fmgcam_imageio_status
take_picture(write_request *request,
             const fmgcam_imageio_write_options *options, char *error,
             size_t error_size)
{
    fmgcam_imageio_status status =
        take_error(&request->error, error, error_size);
    if (!status)
        status = fmgcam_imageio_import_write_options(options, &request->options,
                                                     &request->error);
    if (!status)
        status =
            fmgcam_imageio_check_picture(&request->picture, &request->error);
    return status;
}

static fmgcam_imageio_status write_kind(const write_request *request,
                                        const fmgcam_imageio_sink *sink)
{
    return request->options.kind == FMGCAM_IMAGEIO_PNG
               ? fmgcam_imageio_write_png(sink, &request->options,
                                          &request->picture, &request->error)
               : fmgcam_imageio_write_jpeg(sink, &request->options,
                                           &request->picture, &request->error);
}

fmgcam_imageio_status fmgcam_imageio_write_stream(
    int32_t (*write)(void *opaque, const void *data, size_t size), void *opaque,
    const fmgcam_imageio_write_options *options, const uint8_t *rgb,
    uint32_t width, uint32_t height, size_t row_stride_bytes, char *error,
    size_t error_size)
{
    write_request request = {.picture = {rgb, row_stride_bytes, width, height}};
    const fmgcam_imageio_status status =
        take_picture(&request, options, error, error_size);
    if (status)
        return status;
    if (!write)
        return missing(&request.error, "write");
    const fmgcam_imageio_sink sink = {write, opaque};
    return write_kind(&request, &sink);
}

/* The caller's memory, which may be too small: then bytes are only counted. */
typedef struct memory_output {
    uint8_t *data;
    size_t capacity;
    size_t size;
} memory_output;

static int32_t write_to_memory(void *opaque, const void *data, size_t size)
{
    memory_output *output = opaque;
    if (size > SIZE_MAX - output->size)
        return 1;
    if (output->size < output->capacity) {
        const size_t left = output->capacity - output->size;
        memcpy(output->data + output->size, data, size < left ? size : left);
    }
    output->size += size;
    return 0;
}

fmgcam_imageio_status
fmgcam_imageio_write_memory(void *data, size_t capacity, size_t *size,
                            const fmgcam_imageio_write_options *options,
                            const uint8_t *rgb, uint32_t width, uint32_t height,
                            size_t row_stride_bytes, char *error,
                            size_t error_size)
{
    write_request request = {.picture = {rgb, row_stride_bytes, width, height}};
    fmgcam_imageio_status status =
        take_picture(&request, options, error, error_size);
    if (status)
        return status;
    if (!size)
        return missing(&request.error, "size");
    if (!data && capacity > 0)
        return missing(&request.error, "data");

    memory_output output = {data, capacity, 0};
    const fmgcam_imageio_sink sink = {write_to_memory, &output};
    *size = 0;
    status = write_kind(&request, &sink);
    if (status)
        return status;
    *size = output.size;
    if (output.size > capacity)
        return fmgcam_imageio_fail(&request.error, FMGCAM_IMAGEIO_BUFFER_SIZE,
                                   "the buffer has %zu bytes, the file %zu",
                                   capacity, output.size);
    return FMGCAM_IMAGEIO_OK;
}

typedef struct file_output {
    fmgcam_atomic_file file;
    int number; /* errno of a failed write, or 0 */
} file_output;

static int32_t write_to_file(void *opaque, const void *data, size_t size)
{
    file_output *output = opaque;
    errno = 0;
    if (fwrite(data, 1, size, output->file.stream) == size)
        return 0;
    output->number = errno ? errno : EIO;
    return 1;
}

fmgcam_imageio_status fmgcam_imageio_write_file(
    const char *path, const fmgcam_imageio_write_options *options,
    const uint8_t *rgb, uint32_t width, uint32_t height,
    size_t row_stride_bytes, char *error, size_t error_size)
{
    write_request request = {.picture = {rgb, row_stride_bytes, width, height}};
    fmgcam_imageio_status status =
        take_picture(&request, options, error, error_size);
    if (status)
        return status;
    if (!path)
        return missing(&request.error, "path");

    file_output output = {.number = 0};
    if (!fmgcam_atomic_begin(&output.file, path))
        return fmgcam_imageio_fail_errno(&request.error, "cannot open", errno);
    const fmgcam_imageio_sink sink = {write_to_file, &output};
    status = write_kind(&request, &sink);
    if (output.number)
        status = fmgcam_imageio_fail_errno(&request.error, "cannot write",
                                           output.number);
    if (status)
        fmgcam_atomic_abandon(&output.file);
    else if (fmgcam_atomic_commit(&output.file) != 0)
        status =
            fmgcam_imageio_fail_errno(&request.error, "cannot write", errno);
    return status;
}
