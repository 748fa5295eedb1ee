/* SPDX-License-Identifier: MIT */
/* The POSIX strerror_r, which returns a number, not the one of GNU. */
#undef _GNU_SOURCE
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif

#include <stdio.h>
#include <string.h>

#include "internal.h"

void fmgcam_imageio_error_text(int number, char *text, size_t size)
{
    if (strerror_r(number, text, size) != 0)
        snprintf(text, size, "error %d", number);
}
