/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <errno.h>
#include <string.h>

#include "open_file.h"

int fmgcam_imageio_source_open(fmgcam_imageio_source *source, const char *path)
{
    source->next = source->buffer;
    source->ready = 0;
    source->read_error = 0;
    source->file = fmgcam_open_file(path);
    return source->file ? 0 : errno;
}

void fmgcam_imageio_source_memory(fmgcam_imageio_source *source,
                                  const void *data, size_t size)
{
    source->file = NULL;
    source->next = data;
    source->ready = size;
    source->read_error = 0;
}

/* One buffer from the file; fewer bytes only at its end. */
static size_t read_buffer(fmgcam_imageio_source *source)
{
    size_t count = 0;
    while (count < sizeof source->buffer) {
        errno = 0;
        const size_t got = fread(source->buffer + count, 1,
                                 sizeof source->buffer - count, source->file);
        count += got;
        if (count == sizeof source->buffer || !ferror(source->file))
            break;
        if (errno != EINTR) {
            source->read_error = errno ? errno : EIO;
            break;
        }
        clearerr(source->file); /* a signal came; nothing is lost */
    }
    return count;
}

size_t fmgcam_imageio_source_fill(fmgcam_imageio_source *source)
{
    if (source->ready > 0 || !source->file || source->read_error)
        return source->ready;
    source->ready = read_buffer(source);
    source->next = source->buffer;
    return source->ready;
}

size_t fmgcam_imageio_source_read(fmgcam_imageio_source *source, void *data,
                                  size_t size)
{
    uint8_t *out = data;
    size_t count = 0;
    while (count < size && fmgcam_imageio_source_fill(source) > 0) {
        const size_t left = size - count;
        const size_t piece = source->ready < left ? source->ready : left;
        memcpy(out + count, source->next, piece);
        source->next += piece;
        source->ready -= piece;
        count += piece;
    }
    return count;
}

void fmgcam_imageio_source_close(fmgcam_imageio_source *source)
{
    if (source->file)
        fclose(source->file); /* read only: there is nothing to lose */
    source->file = NULL;
    source->ready = 0;
}
