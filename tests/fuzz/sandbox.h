/* SPDX-License-Identifier: MIT */
/*
 * What the program asks of the system, held back: the linker puts functions of
 * sandbox.c in the place of those that open, make and remove files (--wrap), and
 * of those that allocate much.
 *
 *  - There is one folder, a temporary one; only relative paths without ".." lead
 *    anywhere. Descriptors are not inherited: outputs to them go to /dev/null.
 *  - No request for memory is above SANDBOX_MOST_BYTES; more is not to be had.
 */
#ifndef FMGCAM_TESTS_FUZZ_SANDBOX_H
#define FMGCAM_TESTS_FUZZ_SANDBOX_H

#include "fuzz.h"

#define SANDBOX_MOST_BYTES ((size_t)8 << 20)

/* Go into an empty folder; from now on all of this holds. */
void sandbox_enter(void);

/* Make a file in it. */
void sandbox_write(const char *name, const void *data, size_t size);

/* Whether so much is to be had; if not, errno says so. */
bool sandbox_has_memory(size_t size);

/* A program has ended: give up what it keeps until then, and see that it has left
 * no file that was to be there for a while. */
void sandbox_end(void);

/* Remove all that is in the folder, and go back to where it was. */
void sandbox_leave(void);

#endif
