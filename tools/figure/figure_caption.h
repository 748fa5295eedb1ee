/* SPDX-License-Identifier: MIT */
/* The caption of a figure, which grows phrase by phrase. */
#ifndef FMGCAM_TOOLS_FIGURE_CAPTION_H
#define FMGCAM_TOOLS_FIGURE_CAPTION_H

#include <stdbool.h>
#include <stddef.h>

/* Zero is the empty caption. */
typedef struct figure_caption {
    char *text; /* NULL while it is empty */
    size_t length, room;
    bool failed; /* memory ran out: something is missing */
} figure_caption;

#if defined(__GNUC__)
# define FIGURE_CAPTION_FORMAT __attribute__((format(printf, 2, 3)))
#else
# define FIGURE_CAPTION_FORMAT
#endif

/* Add a phrase. */
void figure_say(figure_caption *caption, const char *format,
                ...) FIGURE_CAPTION_FORMAT;

void figure_caption_release(figure_caption *caption);

enum { FIGURE_CREATOR_SIZE = 32 };

/* The name of the program, with its version. */
void figure_write_creator(char text[FIGURE_CREATOR_SIZE]);

#endif
