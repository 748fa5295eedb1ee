/* SPDX-License-Identifier: MIT */
/* Arrays that grow as they are filled. */
#ifndef FMGCAM_TOOLS_GROW_H
#define FMGCAM_TOOLS_GROW_H

#include <stddef.h>

/* @p items, or where they went, with room for one more than the @p count that
 * are there, each of @p size bytes; *room is how many fit. NULL after saying
 * that memory ran out: then the items are where they were. */
void *grow(void *items, size_t count, size_t *room, size_t size);

#endif
