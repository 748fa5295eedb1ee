/* SPDX-License-Identifier: MIT */
/*
 * A file that is written whole or not at all: it is written under a temporary
 * name in the same folder and renamed when it is complete. Self-contained, so
 * that a program can compile it in.
 *
 * Several files that belong together: begin and write all, close all (there a
 * full disk shows), and then commit all, which only renames.
 */
#ifndef FMGCAM_ATOMIC_FILE_H
#define FMGCAM_ATOMIC_FILE_H

#include <stdio.h>

typedef struct fmgcam_atomic_file {
    FILE *stream; /* to write to; NULL when it is closed */
    char *target; /* where the file will be, symbolic links followed */
    char *
        temporary; /* where it is now; NULL: a pipe or device, written straight */
} fmgcam_atomic_file;

/* Open a file for writing. A new file gets the mode that the umask leaves, one
 * that replaces an earlier file gets that one's. A dangling symbolic link gets
 * its target. A folder or a file without permission to write is an error.
 * @return the stream, which must not be fclosed; NULL with errno set. */
FILE *fmgcam_atomic_begin(fmgcam_atomic_file *file, const char *path);

/* Bring all bytes to the disk and close the stream; the earlier file still
 * stands. @return 0; -1 with errno set, and then the file is abandoned. */
int fmgcam_atomic_close(fmgcam_atomic_file *file);

/* Close if that was not done, and put the file in its place.
 * @return 0; -1 with errno set, and then the file is abandoned. */
int fmgcam_atomic_commit(fmgcam_atomic_file *file);

/* Remove what was written; the earlier file, if any, stays. errno is kept. Does
 * nothing after commit, or for a struct of zeros. */
void fmgcam_atomic_abandon(fmgcam_atomic_file *file);

/* Remove what was written so far, for a program that is ending: no more than a
 * handler of signals may do. The file must not be used after it. */
void fmgcam_atomic_discard(const fmgcam_atomic_file *file);

#endif
