/* SPDX-License-Identifier: MIT */
/* Memory for what is given to the library: each block ends or begins at a guard
 * page, and has canaries at its other end. The pages are made once and used
 * again for each input. */
#ifndef FMGCAM_TESTS_FUZZ_ARENA_H
#define FMGCAM_TESTS_FUZZ_ARENA_H

#include "fuzz.h"

#define ARENA_BLOCK_BYTES ((size_t)256 << 10)

/* What fresh memory holds. */
#define ARENA_FILL 0xC3

/* No block is in use any more. */
void arena_reset(void);

/* @p size bytes, at most ARENA_BLOCK_BYTES less 64, aligned for elements of
 * @p alignment if their size is a multiple of it. NULL where all are in use. */
uint8_t *arena_take(size_t size, bool at_start);

/* From now on the block with @p data may not change, or again may. */
void arena_seal(const void *data);
void arena_unseal(const void *data);

/* Nothing was written where it may not be. */
void arena_check(void);

#endif
