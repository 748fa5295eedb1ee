/* SPDX-License-Identifier: MIT */
/* Words of a figure: its caption, which grows phrase by phrase, and names. */
#ifndef FMGCAM_TOOLS_FIGURE_CAPTION_H
#define FMGCAM_TOOLS_FIGURE_CAPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero is the empty caption. */
typedef struct figure_caption {
    char *text; /* NULL while it is empty */
    size_t length, room;
    bool failed; /* memory ran out: something is missing */
} figure_caption;

#if defined(__MINGW32__) && !defined(__clang__)
/* printf there means that of Microsoft; this one is called in C11. */
# define FIGURE_CAPTION_FORMAT __attribute__((format(gnu_printf, 2, 3)))
#elif defined(__GNUC__)
# define FIGURE_CAPTION_FORMAT __attribute__((format(printf, 2, 3)))
#else
# define FIGURE_CAPTION_FORMAT
#endif

/* Add a phrase. */
void figure_say(figure_caption *caption, const char *format,
                ...) FIGURE_CAPTION_FORMAT;

void figure_caption_release(figure_caption *caption);

enum { FIGURE_CREATOR_SIZE = 32, FIGURE_NAME_SIZE = 32 };

/* The name of the program, with its version. */
void figure_write_creator(char text[FIGURE_CREATOR_SIZE]);

/* The name of a class: @p label, or where that is blank or NULL its index, or
 * where @p index is NULL its rank, counted from 1. @p text has the latter two. */
const char *figure_name_class(const char *label, const int64_t *index,
                              uint32_t rank, char text[FIGURE_NAME_SIZE]);

#endif
