/* SPDX-License-Identifier: MIT */
/* What the system does in its own way: system.c for POSIX, system_windows.c for
 * Windows. Names of files are UTF-8 there. */
#ifndef FMGCAM_TOOLS_SYSTEM_H
#define FMGCAM_TOOLS_SYSTEM_H

#include <stdbool.h>

/* main.c: the program. main() itself is the system's: it makes standard streams
 * and signals what a program expects of them first. @return the exit status. */
int fmgcam_main(int argc, char **argv);

/* ---- Files --------------------------------------------------------------- */

enum {
    SYSTEM_NOTHING, /* or nothing that can be seen */
    SYSTEM_FILE,    /* with content of its own */
    SYSTEM_FOLDER,
    SYSTEM_STREAM /* a pipe or device */
};

/* What is at @p path, links followed. */
int system_kind(const char *path);

/* Do both paths lead to the same file, which is there? */
bool system_is_same(const char *one, const char *other);

/* The same of what may not be there yet. */
bool system_is_same_place(const char *one, const char *other);

/* ---- Being ended --------------------------------------------------------- */

/* From now on call @p clean if the program is ended from outside, by a signal
 * that it was not told to ignore. It must do no more than a handler of signals
 * may. */
void system_guard(void (*clean)(void));

/* Let that wait, and go on. They come in pairs, not within each other. */
void system_hold_endings(void);
void system_allow_endings(void);

#endif
