/* SPDX-License-Identifier: MIT */
/* mmap's MAP_ANONYMOUS is in no C standard. */
#define _DEFAULT_SOURCE

#include "pages.h"

#include <sys/mman.h>
#include <unistd.h>

size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void *pages_reserve(size_t bytes)
{
    void *pages =
        mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

bool pages_open(void *pages, size_t bytes)
{
    return mprotect(pages, bytes, PROT_READ | PROT_WRITE) == 0;
}

void pages_release(void *pages, size_t bytes)
{
    munmap(pages, bytes);
}
