/* SPDX-License-Identifier: MIT */
/* A file to read: open_file.c for POSIX, open_file_windows.c for Windows.
 * Self-contained, so that a program can compile it in. */
#ifndef FMGCAM_OPEN_FILE_H
#define FMGCAM_OPEN_FILE_H

#include <stdio.h>

/* Open @p path for reading bytes, as a file that a child process does not
 * inherit. @return the stream; NULL with errno set. */
FILE *fmgcam_open_file(const char *path);

#endif
