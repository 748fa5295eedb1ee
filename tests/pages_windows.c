/* SPDX-License-Identifier: MIT */
#include "pages.h"

#include <windows.h>

size_t page_size(void)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return info.dwPageSize;
}

void *pages_reserve(size_t bytes)
{
    return VirtualAlloc(NULL, bytes, MEM_RESERVE, PAGE_NOACCESS);
}

bool pages_open(void *pages, size_t bytes)
{
    return VirtualAlloc(pages, bytes, MEM_COMMIT, PAGE_READWRITE) != NULL;
}

void pages_release(void *pages, size_t bytes)
{
    (void)bytes; /* VirtualFree takes none: it is always the whole */
    VirtualFree(pages, 0, MEM_RELEASE);
}
