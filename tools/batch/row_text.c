/* SPDX-License-Identifier: MIT */
/* Memory doubles up to the limit. */
#include "batch/row_text.h"

#include <stdlib.h>
#include <string.h>

#include "diagnose.h"

int row_text_add(row_text *text, int byte, const char *where)
{
    if (text->size == ROW_TEXT_MAX)
        return fail_usage(where, "is longer than %zu bytes", ROW_TEXT_MAX);
    if (text->size == text->capacity) {
        size_t capacity = text->capacity ? 2 * text->capacity : 1024;
        char *moved = realloc(text->bytes, capacity);
        if (!moved)
            return fail_memory();
        text->bytes = moved;
        text->capacity = capacity;
    }
    text->bytes[text->size++] = (char)byte;
    return 0;
}

void row_text_release(row_text *text)
{
    free(text->bytes);
    memset(text, 0, sizeof *text);
}

void row_text_rewind(FILE *file)
{
    char mark[3];
    rewind(file);
    if (fread(mark, 1, 3, file) < 3 || memcmp(mark, "\xef\xbb\xbf", 3) != 0)
        rewind(file);
}
