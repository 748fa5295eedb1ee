/* SPDX-License-Identifier: MIT */
/* The text of one row of a manifest, which is read byte by byte. */
#ifndef FMGCAM_TOOLS_ROW_TEXT_H
#define FMGCAM_TOOLS_ROW_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* More is not a row, but a file of another kind. */
#define ROW_TEXT_MAX ((size_t)1 << 20)

/* Zero is empty. */
typedef struct row_text {
    char *bytes;
    size_t size, capacity;
} row_text;

/* Append @p byte. @return 0, or the exit status; beyond ROW_TEXT_MAX @p where
 * is said to be too long. */
int row_text_add(row_text *text, int byte, const char *where);
void row_text_release(row_text *text);

/* Go to the beginning of @p file, behind a byte order mark.
 * @return 0, or the exit status. */
int row_text_rewind(FILE *file, const char *name);

#endif
