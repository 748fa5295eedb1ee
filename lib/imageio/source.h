/* SPDX-License-Identifier: MIT */
/*
 * A source of bytes: a file or memory. Bytes are offered in pieces and taken by
 * moving next and ready; nothing is ever pushed back, so that a pipe will do.
 */
#ifndef FMGCAM_IMAGEIO_SOURCE_H
#define FMGCAM_IMAGEIO_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct fmgcam_imageio_source {
    FILE *file;          /* NULL: memory */
    const uint8_t *next; /* bytes that are ready to be taken */
    size_t ready;        /* how many */
    int read_error;      /* errno of a failed read, or 0 */
    uint8_t buffer[4096];
} fmgcam_imageio_source;

/* @return 0, or the errno of a file that cannot be opened. */
int fmgcam_imageio_source_open(fmgcam_imageio_source *source, const char *path);

void fmgcam_imageio_source_memory(fmgcam_imageio_source *source,
                                  const void *data, size_t size);

/* If no byte is ready, read more. @return ready: 0 at the end, or if reading
 * failed, which read_error tells. The first piece has at least 8 bytes if there
 * are so many. */
size_t fmgcam_imageio_source_fill(fmgcam_imageio_source *source);

/* Copy up to @p size bytes. @return how many; fewer only at the end. */
size_t fmgcam_imageio_source_read(fmgcam_imageio_source *source, void *data,
                                  size_t size);

void fmgcam_imageio_source_close(fmgcam_imageio_source *source);

#endif
