/* SPDX-License-Identifier: MIT */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif

#include "posix_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* fopen's own flags are not in the standard. */
FILE *fmgcam_posix_open(const char *path, int flags, mode_t mode,
                        const char *kind)
{
    int descriptor;
    do {
        descriptor = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0)
        return NULL;

    FILE *stream = fdopen(descriptor, kind);
    if (!stream) {
        const int number = errno;
        close(descriptor);
        if (flags & O_EXCL)
            unlink(path);
        errno = number;
    }
    return stream;
}
