/* SPDX-License-Identifier: MIT */
/* What reading and writing JPEG share: libjpeg's errors become long jumps. */
#ifndef FMGCAM_IMAGEIO_JPEG_H
#define FMGCAM_IMAGEIO_JPEG_H

#include <stddef.h>
#include <stdio.h>

#include <jpeglib.h>
#include <setjmp.h>

#include "internal.h"

typedef struct fmgcam_imageio_jpeg_failure {
    struct jpeg_error_mgr manager; /* first: libjpeg hands back its address */
    jmp_buf escape;
    const fmgcam_imageio_error *error;
    fmgcam_imageio_status status;
} fmgcam_imageio_jpeg_failure;

/* Set up @p failure; @return what belongs in cinfo.err. */
struct jpeg_error_mgr *
fmgcam_imageio_jpeg_errors(fmgcam_imageio_jpeg_failure *failure,
                           const fmgcam_imageio_error *error);

/* Leave the library with @p status, whose sentence is written already. */
_Noreturn void fmgcam_imageio_jpeg_escape(j_common_ptr cinfo,
                                          fmgcam_imageio_status status);

#endif
