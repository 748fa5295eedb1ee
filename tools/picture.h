/* SPDX-License-Identifier: MIT */
/* Pictures in memory, R, G, B a pixel, and their way in and out. */
#ifndef FMGCAM_TOOLS_PICTURE_H
#define FMGCAM_TOOLS_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include <fmgcam/fmgcam.h>

#include "output.h"

typedef struct picture {
    uint32_t width, height; /* pixels; 0 while there is none */
    uint8_t *rgb; /* rows without gaps; NULL: only the size is known */
} picture;

/* Read the PNG or JPEG @p path: its size, and with @p decode its pixels.
 * @return 0, or the exit status. */
int picture_read(const char *path, bool decode, picture *image);

/* Beyond 65500 pixels a side, or 2^30 bytes? So is what picture_read() refuses. */
bool picture_is_too_large(uint32_t width, uint32_t height);

/* Memory for @p width x @p height pixels. @return 0, or the exit status. */
int picture_allocate(uint32_t width, uint32_t height, picture *image);

/* A copy of @p from. @return 0, or the exit status. */
int picture_copy(const picture *from, picture *to);

/* Something to draw on: a copy of @p ground, or where that has no pixels memory
 * for @p width x @p height of them. @return 0, or the exit status. */
int picture_begin(const picture *ground, uint32_t width, uint32_t height,
                  picture *to);

void picture_release(picture *image);

/* The library's view of it. */
fmgcam_image picture_view(const picture *image);

/* Is the suffix of @p path one that names a kind of picture: .png, .jpg, .jpeg,
 * in either case? */
bool picture_has_kind(const char *path);

/* Does @p path end with @p suffix, a dot and small letters, in either case, and
 * have more than that? */
bool picture_has_suffix(const char *path, const char *suffix);

/* Make @p to of @p from, @p width x @p height pixels. A picture that gets smaller
 * is filtered. @p resample: FMGCAM_RESAMPLE_*. @return 0, or the exit status. */
int picture_resize(const picture *from, uint32_t width, uint32_t height,
                   uint32_t resample, picture *to);

/* Encode @p image as the suffix of to->path says. @return 0, or the exit
 * status. */
int picture_write(const picture *image, output *to);

#endif
