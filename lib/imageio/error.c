/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

void fmgcam_imageio_clear_error(const fmgcam_imageio_error *error)
{
    if (error->text && error->size > 0)
        error->text[0] = '\0';
}

fmgcam_imageio_status fmgcam_imageio_fail(const fmgcam_imageio_error *error,
                                          fmgcam_imageio_status status,
                                          const char *format, ...)
{
    if (error->text && error->size > 0) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->text, error->size, format, arguments);
        va_end(arguments);
    }
    return status;
}

fmgcam_imageio_status
fmgcam_imageio_fail_errno(const fmgcam_imageio_error *error, const char *what,
                          int number)
{
    char text[128];
    fmgcam_imageio_error_text(number, text, sizeof text);
    const fmgcam_imageio_status status =
        number == ENOMEM ? FMGCAM_IMAGEIO_NO_MEMORY : FMGCAM_IMAGEIO_FILE;
    return fmgcam_imageio_fail(error, status, "%s: %s", what, text);
}

fmgcam_imageio_status
fmgcam_imageio_fail_ended(const fmgcam_imageio_error *error,
                          const fmgcam_imageio_source *source)
{
    if (source->read_error)
        return fmgcam_imageio_fail_errno(error, "cannot read",
                                         source->read_error);
    return fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_FORMAT,
                               "truncated: the file ends inside the picture");
}
