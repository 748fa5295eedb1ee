/* SPDX-License-Identifier: MIT */
#include "memory.h"

size_t allocated_bytes(void)
{
    return 0;
}

void keep_memory_tight(void)
{
}
