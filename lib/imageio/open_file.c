/* SPDX-License-Identifier: MIT */
/* POSIX: open and fdopen, for fopen's own flags are not in the standard. */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif

#include "open_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

FILE *fmgcam_open_file(const char *path)
{
    int descriptor;
    do {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0)
        return NULL;

    FILE *file = fdopen(descriptor, "rb");
    if (!file) {
        const int number = errno;
        close(descriptor);
        errno = number;
    }
    return file;
}
