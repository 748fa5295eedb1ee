/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <malloc.h>

size_t allocated_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* Setting either threshold keeps glibc from moving both. */
void keep_memory_tight(void)
{
    mallopt(M_TRIM_THRESHOLD, 64 * 1024);
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}
