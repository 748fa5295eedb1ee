/* SPDX-License-Identifier: MIT */
/* Files of POSIX, as streams that no child process inherits. */
#ifndef FMGCAM_POSIX_FILE_H
#define FMGCAM_POSIX_FILE_H

#include <stdio.h>
#include <sys/types.h>

/* open() with @p flags and @p mode, again where a signal interrupts it, as a
 * stream of the kind @p kind, e.g. "rb". @return NULL with errno set; a file that
 * O_EXCL has created is gone then. */
FILE *fmgcam_posix_open(const char *path, int flags, mode_t mode,
                        const char *kind);

#endif
