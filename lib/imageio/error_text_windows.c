/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "internal.h"

void fmgcam_imageio_error_text(int number, char *text, size_t size)
{
    if (strerror_s(text, size, number) != 0)
        snprintf(text, size, "error %d", number);
}
