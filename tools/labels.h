/* SPDX-License-Identifier: MIT */
/* The names of the classes: UTF-8 text, one name a line. */
#ifndef FMGCAM_TOOLS_LABELS_H
#define FMGCAM_TOOLS_LABELS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct label_list {
    const char **names; /* count of them, in @p text */
    size_t count;
    char *text;
} label_list;

/* Read @p path. A byte order mark is skipped, lines may end in CR LF, and empty
 * lines at the end are not names. @return 0, or the exit status, and then
 * @p labels is empty. */
int labels_read(const char *path, label_list *labels);

/* Is it well-formed UTF-8 without NUL? */
bool labels_is_text(const char *text, size_t size);

/* Is there nothing to be seen of @p text, which is well-formed: blanks of any
 * script alone? So is NULL. */
bool labels_is_blank(const char *text);

void labels_release(label_list *labels);

#endif
