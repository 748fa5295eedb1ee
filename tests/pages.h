/* SPDX-License-Identifier: MIT */
/* Pages of memory that can be accessed or not: pages.c for POSIX,
 * pages_windows.c for Windows. */
#ifndef FMGCAM_TESTS_PAGES_H
#define FMGCAM_TESTS_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of one. */
size_t page_size(void);

/* Whole pages that cannot be accessed, or NULL. */
void *pages_reserve(size_t bytes);

/* From now on these can be read and written. */
bool pages_open(void *pages, size_t bytes);

/* Give back all that was reserved. */
void pages_release(void *pages, size_t bytes);

#endif
