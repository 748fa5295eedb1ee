/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <string.h>

#include "../support.h"

enum { BLOCKS = 96, MARGIN = 64 };

typedef struct block {
    guard pages;
    uint8_t *data, *margin; /* MARGIN bytes at the end that has no guard page */
    size_t size;
    bool sealed;
    uint64_t hash;
} block;

static block blocks[BLOCKS];
static size_t used;

void arena_reset(void)
{
    used = 0;
}

uint8_t *arena_take(size_t size, bool at_start)
{
    if (used == BLOCKS || size > ARENA_BLOCK_BYTES - MARGIN)
        return NULL;
    block *b = &blocks[used++];
    if (!b->pages.page)
        guard_init(&b->pages, ARENA_BLOCK_BYTES, GUARD_AT_END);
    uint8_t *end = b->pages.page + b->pages.page_bytes;
    b->data = at_start ? b->pages.page : end - size;
    b->margin = at_start ? b->data + size : b->data - MARGIN;
    b->size = size;
    b->sealed = false;
    memset(b->data, ARENA_FILL, size);
    memset(b->margin, ARENA_FILL, MARGIN);
    return b->data;
}

static block *find(const void *data)
{
    for (size_t i = 0; i < used; i++)
        if (blocks[i].pages.page <= (const uint8_t *)data &&
            (const uint8_t *)data <= blocks[i].data + blocks[i].size)
            return &blocks[i];
    fuzz_fail(__FILE__, __LINE__, "memory that is not of the arena");
}

void arena_seal(const void *data)
{
    block *b = find(data);

    b->sealed = true;
    b->hash = fuzz_hash(0, b->data, b->size);
}

void arena_unseal(const void *data)
{
    find(data)->sealed = false;
}

static void check_block(const block *b)
{
    for (size_t i = 0; i < MARGIN; i++)
        require(b->margin[i] == ARENA_FILL, "written beside a block");
    require(!b->sealed || fuzz_hash(0, b->data, b->size) == b->hash,
            "an input was written to");
}

void arena_check(void)
{
    for (size_t i = 0; i < used; i++)
        check_block(&blocks[i]);
}
