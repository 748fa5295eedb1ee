/* SPDX-License-Identifier: MIT */
/* Options by name, each with its value as text, in the order in which they were
 * given. */
#ifndef FMGCAM_TOOLS_SETTINGS_H
#define FMGCAM_TOOLS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct setting {
    char *name; /* without dashes */
    char *text; /* as it was given */
    char *path; /* what it means here, if it is a relative path given for
                   elsewhere; else NULL */
} setting;

typedef struct setting_list {
    setting *items;
    size_t count, capacity;
} setting_list;

/* Append copies; @p folder, with its slash at the end, is put before a relative
 * path; NULL: @p text is used as it is. @return 0, or the exit status. */
int settings_add(setting_list *list, const char *name, const char *text,
                 const char *folder);

/* Is there one called @p name? */
bool settings_have(const setting_list *list, const char *name);

/* The value to use. */
const char *setting_value(const setting *item);

void settings_release(setting_list *list);

#endif
