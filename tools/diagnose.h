/* SPDX-License-Identifier: MIT */
/*
 * Exit statuses, and the one line on stderr that goes with a failure:
 *
 *     fmgcam: FILE or option: what is wrong
 *
 * Each function prints the line and returns the exit status, so that a caller
 * ends with "return fail(path, ...)". Whoever notices a failure says so; those
 * above only pass the status on.
 */
#ifndef FMGCAM_TOOLS_DIAGNOSE_H
#define FMGCAM_TOOLS_DIAGNOSE_H

#if defined(__MINGW32__) && !defined(__clang__)
/* printf there means that of Microsoft; this one is called in C11. */
# define DIAGNOSE_FORMAT __attribute__((format(gnu_printf, 2, 3)))
#elif defined(__GNUC__)
# define DIAGNOSE_FORMAT __attribute__((format(printf, 2, 3)))
#else
# define DIAGNOSE_FORMAT
#endif

#include <stddef.h>

enum {
    STATUS_DONE = 0,
    STATUS_FAILED = 1, /* a file, its content, writing */
    STATUS_USAGE = 2,  /* wrong usage */
    STATUS_UNMET = 3   /* compared, but a threshold is not met */
};

/* @p subject is the file or option; NULL leaves it out. @return FAILED. */
int fail(const char *subject, const char *format, ...) DIAGNOSE_FORMAT;

/* Here, so that analysers see in each caller that it is not 0. @return FAILED. */
static inline int fail_memory(void)
{
    (void)fail(NULL, "out of memory");
    return STATUS_FAILED;
}

/* The text of the system's error number @p code (0: unknown) as what is wrong.
 * @return FAILED. */
int fail_system(const char *subject, int code);

/* As fail(). @return USAGE. */
int fail_usage(const char *subject, const char *format, ...) DIAGNOSE_FORMAT;

/* As fail(). @return UNMET. */
int fail_threshold(const char *subject, const char *format,
                   ...) DIAGNOSE_FORMAT;

#endif
