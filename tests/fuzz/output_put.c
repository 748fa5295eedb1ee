/* SPDX-License-Identifier: MIT */
/* In place of tools/output.c: a stream, and nothing about files. */
#include "output.h"

int output_put(output *to, const void *data, size_t size)
{
    return fwrite(data, 1, size, to->stream) == size ? 0 : 1;
}
