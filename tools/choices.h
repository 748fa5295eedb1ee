/* SPDX-License-Identifier: MIT */
/* The options that are one name out of a few, as tables: the command line is
 * parsed by them, and the report written. */
#ifndef FMGCAM_TOOLS_CHOICES_H
#define FMGCAM_TOOLS_CHOICES_H

#include <stddef.h>
#include <stdint.h>

#include <fmgcam/fmgcam.h>

typedef struct choice {
    const char *name;
    uint32_t value; /* FMGCAM_* */
} choice;

typedef struct choice_option {
    const char *name;      /* on the command line, without the dashes */
    const char *key;       /* in the report */
    size_t offset;         /* of its uint32_t member in fmgcam_options */
    const choice *choices; /* up to one with name NULL */
} choice_option;

#define CHOICE_OPTION_COUNT 14

/* In the order of the report. */
extern const choice_option choice_options[CHOICE_OPTION_COUNT];

/* The one called @p name, without its dashes; NULL where there is none. */
const choice_option *choice_option_named(const char *name);

/* *value = that of the choice called @p name, up to one with name NULL.
 * @return 0, or the exit status after saying which names @p option has. */
int choice_find(const char *option, const choice *choices, const char *name,
                uint32_t *value);

/* Set the member of @p options to the choice called @p name.
 * @return 0, or the exit status after saying which names there are. */
int choice_parse(const choice_option *option, const char *name,
                 fmgcam_options *options);

/* The name of the member's value in @p options, which must be one that exists,
 * as after fmgcam_get_options(). */
const char *choice_name(const choice_option *option,
                        const fmgcam_options *options);

#endif
