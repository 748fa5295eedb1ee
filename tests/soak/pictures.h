/* SPDX-License-Identifier: MIT */
/* Pictures as files in memory: pictures.c by libfmgcam-imageio, where it is
 * built; pictures_none.c does nothing. */
#ifndef FMGCAM_TESTS_SOAK_PICTURES_H
#define FMGCAM_TESTS_SOAK_PICTURES_H

#include <stdint.h>

/* Write @p rgb as PNG and as JPEG and read it back, and continue @p digest by
 * all that comes out. */
void add_pictures(uint64_t *digest, const uint8_t *rgb, uint32_t width,
                  uint32_t height);

#endif
