/* SPDX-License-Identifier: MIT */
/* In place of lib/imageio/open_file.c: all files that are opened have the bytes
 * that are set here. */
#ifndef FMGCAM_TESTS_FUZZ_MEMORY_FILE_H
#define FMGCAM_TESTS_FUZZ_MEMORY_FILE_H

#include <stddef.h>

/* @p data must stay. */
void memory_file_set(const void *data, size_t size);

#endif
