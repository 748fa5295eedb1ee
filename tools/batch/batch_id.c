/* SPDX-License-Identifier: MIT */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif
/* What may be a name, and which are the same to a system that does not tell
 * capital letters from small ones. */
#include "batch/batch_id.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "batch/batch_manifest.h"
#include "diagnose.h"
#include "grow.h"

/* ---- One id -------------------------------------------------------------- */

static bool has_only_plain_characters(const char *id)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789._-";
    return id[strspn(id, plain)] == '\0';
}

/* Devices of Windows, with or without a suffix. */
static bool is_device(const char *id)
{
    static const char *const names[] = {"con", "prn", "aux", "nul"};
    size_t length = strcspn(id, ".");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (length == 3 && strncasecmp(id, names[i], 3) == 0)
            return true;
    return length == 4 && id[3] >= '0' && id[3] <= '9' &&
           (strncasecmp(id, "com", 3) == 0 || strncasecmp(id, "lpt", 3) == 0);
}

/* summary.csv, index.html, index-2.html and so on. */
static bool is_taken(const char *id)
{
    size_t length = strlen(id);
    return strcasecmp(id, "summary.csv") == 0 ||
           (strncasecmp(id, "index", 5) == 0 && length >= 10 &&
            strcasecmp(id + length - 5, ".html") == 0);
}

int batch_id_check(const char *id, const char *where)
{
    size_t length = strlen(id);
    if (length == 0 || length > BATCH_ID_MAX)
        return fail_usage(where, "the id has %zu characters; 1 to %d expected",
                          length, BATCH_ID_MAX);
    if (!has_only_plain_characters(id))
        return fail_usage(where,
                          "the id '%s' names a folder, and may have the "
                          "letters a to z, digits, '.', '_' and '-' only",
                          id);
    if (*id == '.' || *id == '-' || id[length - 1] == '.')
        return fail_usage(where,
                          "the id '%s' names a folder, and may not begin "
                          "with '.' or '-', nor end with '.'",
                          id);
    if (is_device(id))
        return fail_usage(where,
                          "the id '%s' names a folder, and that name is "
                          "reserved on Windows",
                          id);
    if (is_taken(id))
        return fail_usage(
            where, "the id '%s' names a folder, and that name is taken", id);
    return 0;
}

/* ---- All of them --------------------------------------------------------- */

int id_list_add(id_list *list, const char *id, size_t line)
{
    struct seen_id *items =
        grow(list->items, list->count, &list->capacity, sizeof *items);
    if (!items)
        return STATUS_FAILED;
    list->items = items;
    items[list->count] = (struct seen_id){strdup(id), line};
    if (!items[list->count].id)
        return fail_memory();
    list->count++;
    return 0;
}

static int compare(const void *one, const void *other)
{
    const struct seen_id *a = one, *b = other;
    int order = strcasecmp(a->id, b->id);
    return order ? order : (a->line > b->line) - (a->line < b->line);
}

int id_list_check(id_list *list, const char *name)
{
    if (list->count)
        qsort(list->items, list->count, sizeof *list->items, compare);
    for (size_t i = 1; i < list->count; i++) {
        const struct seen_id *a = &list->items[i - 1], *b = &list->items[i];
        if (strcasecmp(a->id, b->id) == 0)
            return fail_usage(
                name, "lines %zu and %zu have the same id, '%s'%s", a->line,
                b->line, b->id,
                strcmp(a->id, b->id) == 0 ? "" : ", but for capital letters");
    }
    return 0;
}

void id_list_release(id_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].id);
    free(list->items);
    memset(list, 0, sizeof *list);
}
