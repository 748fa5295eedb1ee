/* SPDX-License-Identifier: MIT */
/* Reads until the end, whatever kind of file it is: memory doubles. */
#include "read_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "diagnose.h"
#include "open_file.h"

static int read_stream(FILE *file, const char *path, size_t limit, char **bytes,
                       size_t *size)
{
    size_t capacity = 0;
    for (;;) {
        if (*size > limit)
            return fail(path, "larger than %zu bytes", limit);
        if (*size == capacity) {
            size_t larger = capacity ? capacity * 2 : 65536;
            char *moved = realloc(*bytes, larger + 1);
            if (!moved)
                return fail_memory();
            *bytes = moved;
            capacity = larger;
        }
        size_t got = fread(*bytes + *size, 1, capacity - *size, file);
        *size += got;
        if (got == 0 && ferror(file))
            return fail_system(path, errno);
        if (got == 0)
            break;
    }
    (*bytes)[*size] = '\0';
    return 0;
}

int read_file(const char *path, size_t limit, char **bytes, size_t *size)
{
    *bytes = NULL;
    *size = 0;
    FILE *file = fmgcam_open_file(path);
    if (!file)
        return fail_system(path, errno);
    int status = read_stream(file, path, limit, bytes, size);
    fclose(file);
    if (status) {
        free(*bytes);
        *bytes = NULL;
    }
    return status;
}
