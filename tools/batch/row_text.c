/* SPDX-License-Identifier: MIT */
#include "batch/row_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "grow.h"

int row_text_add(row_text *text, int byte, const char *where)
{
    if (text->size == ROW_TEXT_MAX)
        return fail_usage(where, "is longer than %zu bytes", ROW_TEXT_MAX);
    char *bytes = grow(text->bytes, text->size, &text->capacity, 1);
    if (!bytes)
        return STATUS_FAILED;
    text->bytes = bytes;
    bytes[text->size++] = (char)byte;
    return 0;
}

void row_text_release(row_text *text)
{
    free(text->bytes);
    memset(text, 0, sizeof *text);
}

/* rewind() does not tell whether it could. */
int row_text_rewind(FILE *file, const char *name)
{
    char mark[3];
    clearerr(file);
    int bad = fseek(file, 0, SEEK_SET);
    if (!bad &&
        (fread(mark, 1, 3, file) < 3 || memcmp(mark, "\xef\xbb\xbf", 3) != 0))
        bad = ferror(file) || fseek(file, 0, SEEK_SET);
    return bad ? fail_system(name, errno) : 0;
}
