/* SPDX-License-Identifier: MIT */
/* A whole file, or what comes out of a pipe, in memory. */
#ifndef FMGCAM_TOOLS_READ_FILE_H
#define FMGCAM_TOOLS_READ_FILE_H

#include <stddef.h>

/* Read @p path to its end. @p bytes receives memory to free(), never NULL on
 * success, with a terminator after its @p size bytes. More than @p limit bytes
 * are an error. @return 0, or the exit status. */
int read_file(const char *path, size_t limit, char **bytes, size_t *size);

#endif
