/* SPDX-License-Identifier: MIT */
/* What atomic_file.c asks of the system: atomic_system.c for POSIX,
 * atomic_system_windows.c for Windows. */
#ifndef FMGCAM_ATOMIC_SYSTEM_H
#define FMGCAM_ATOMIC_SYSTEM_H

#include <stdint.h>
#include <stdio.h>

#include "atomic_file.h"

#ifdef _WIN32
# define FMGCAM_ATOMIC_SEPARATOR '\\'
#else
# define FMGCAM_ATOMIC_SEPARATOR '/'
#endif

/* Open what stands for @p path, setting file->target and, unless it is written
 * straight, file->temporary.
 * @return the stream; NULL with errno set, for the caller to abandon the file. */
FILE *fmgcam_atomic_open(fmgcam_atomic_file *file, const char *path);

/* Bring to the disk what was flushed. @return 0, or an errno. */
int fmgcam_atomic_sync(FILE *stream);

/* Put one file in the place of the other. @return 0; -1 with errno set. */
int fmgcam_atomic_rename(const char *from, const char *to);

void fmgcam_atomic_remove(const char *path);

/* One that another process will hardly have at the same time. */
uint64_t fmgcam_atomic_number(void);

/* ---- For the above, from atomic_file.c ----------------------------------- */

/* The folder of @p path, then @p name; NULL with errno set. */
char *fmgcam_atomic_beside(const char *path, const char *name);

/* Opens a file that is not there yet. @return NULL with errno set, EEXIST if it
 * is there. */
typedef FILE *(*fmgcam_atomic_creator)(const char *path, unsigned mode);

/* Create a file beside file->target by @p create, under a name of its own.
 * @return the stream, its name in file->temporary; NULL with errno set. */
FILE *fmgcam_atomic_create(fmgcam_atomic_file *file,
                           fmgcam_atomic_creator create, unsigned mode);

#endif
