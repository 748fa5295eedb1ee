/* SPDX-License-Identifier: MIT */
/* Room doubles. */
#include "grow.h"

#include <stdint.h>
#include <stdlib.h>

#include "diagnose.h"

void *grow(void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return items;
    size_t larger = *room ? 2 * *room : 64;
    void *moved =
        larger <= SIZE_MAX / 2 / size ? realloc(items, larger * size) : NULL;
    if (moved)
        *room = larger;
    else
        fail_memory();
    return moved;
}
