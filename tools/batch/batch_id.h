/* SPDX-License-Identifier: MIT */
/* The names of cases, each of which is that of a folder. */
#ifndef FMGCAM_TOOLS_BATCH_ID_H
#define FMGCAM_TOOLS_BATCH_ID_H

#include <stddef.h>

/* Check that @p id can be a folder's name on any system, beside the files of
 * the batch. @p where is the row. @return 0, or the exit status. */
int batch_id_check(const char *id, const char *where);

/* The ids seen so far, to find those that are the same. */
typedef struct id_list {
    struct seen_id {
        char *id;
        size_t line;
    } * items;
    size_t count, capacity;
} id_list;

int id_list_add(id_list *list, const char *id, size_t line);

/* Sorts. @p name is the manifest's. @return 0, or the exit status after saying
 * which two lines have the same one. */
int id_list_check(id_list *list, const char *name);
void id_list_release(id_list *list);

#endif
