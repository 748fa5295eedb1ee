/* SPDX-License-Identifier: MIT */
/* Asking for memory before it is needed. Never faults. */
#ifndef FMGCAM_X86_PREFETCH_H
#define FMGCAM_X86_PREFETCH_H

#include <stddef.h>
#include <stdint.h>
#include <xmmintrin.h>

enum {
    LINE_BYTES = 64,
    /* How far ahead a stream of rows is asked for: the CPU alone does not see
     * that the rows of several classes, read in turn, go on and on. */
    AHEAD_BYTES = 1024
};

static inline __attribute__((always_inline)) void prefetch(const void *from,
                                                           size_t offset)
{
    _mm_prefetch((const char *)((uintptr_t)from + offset), _MM_HINT_T0);
}

static inline __attribute__((always_inline)) void
prefetch_row(const float *row, size_t cells, size_t offset)
{
    for (size_t i = 0; i + LINE_BYTES <= cells * sizeof *row; i += LINE_BYTES)
        prefetch(row, offset + i);
}

#endif
