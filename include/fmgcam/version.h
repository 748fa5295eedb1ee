/* SPDX-License-Identifier: MIT */
/* The version of fmgcam, stated once: meson reads it from here. */
#ifndef FMGCAM_VERSION_H
#define FMGCAM_VERSION_H

#define FMGCAM_VERSION_MAJOR 0
#define FMGCAM_VERSION_MINOR 1
#define FMGCAM_VERSION_PATCH 0

/* As one number, to compare with fmgcam_version(): 0x00MMmmpp. */
#define FMGCAM_VERSION                                                         \
    (((uint32_t)FMGCAM_VERSION_MAJOR << 16) |                                  \
     ((uint32_t)FMGCAM_VERSION_MINOR << 8) | (uint32_t)FMGCAM_VERSION_PATCH)

#endif
