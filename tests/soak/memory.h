/* SPDX-License-Identifier: MIT */
/* Memory of this process, as far as the system tells. */
#ifndef FMGCAM_TESTS_SOAK_MEMORY_H
#define FMGCAM_TESTS_SOAK_MEMORY_H

#include <stddef.h>

/* Bytes that are resident, by /proc/self/statm; 0 where there is none. */
size_t resident_bytes(void);

/* Bytes that malloc has handed out and not got back: memory_glibc.c; elsewhere
 * 0. */
size_t allocated_bytes(void);

/* Let malloc return what is free, at once and always by the same rule, so that
 * these figures mean something. */
void keep_memory_tight(void);

#endif
