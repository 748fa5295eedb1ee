/* SPDX-License-Identifier: MIT */
/* POSIX. */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif

#include "open_file.h"

#include <fcntl.h>

#include "posix_file.h"

FILE *fmgcam_open_file(const char *path)
{
    return fmgcam_posix_open(path, O_RDONLY, 0, "rb");
}
