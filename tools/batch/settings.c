/* SPDX-License-Identifier: MIT */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif

#include "batch/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "grow.h"

static void release(setting *item)
{
    free(item->name);
    free(item->text);
    free(item->path);
}

static char *join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 1;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s%s", folder, name);
    return path;
}

int settings_add(setting_list *list, const char *name, const char *text,
                 const char *folder)
{
    bool moves = folder && *folder && *text && *text != '/';
    setting *items =
        grow(list->items, list->count, &list->capacity, sizeof *items);
    if (!items)
        return STATUS_FAILED;
    list->items = items;
    setting item = {strdup(name), strdup(text),
                    moves ? join(folder, text) : NULL};
    if (!item.name || !item.text || (moves && !item.path)) {
        release(&item);
        return fail_memory();
    }
    items[list->count++] = item;
    return 0;
}

bool settings_have(const setting_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return true;
    return false;
}

const char *setting_value(const setting *item)
{
    return item->path ? item->path : item->text;
}

void settings_release(setting_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        release(&list->items[i]);
    free(list->items);
    memset(list, 0, sizeof *list);
}
