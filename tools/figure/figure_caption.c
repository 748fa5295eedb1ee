/* SPDX-License-Identifier: MIT */
/* A phrase is measured first, and written then. */
#include "figure/figure_caption.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fmgcam/version.h>

#include "labels.h"

/* Room for @p more letters and the end. */
static bool make_room(figure_caption *c, size_t more)
{
    size_t least = c->length + more + 1, room = 2 * c->room + 256;
    if (least <= c->room)
        return true;
    if (room < least)
        room = least;
    char *text = realloc(c->text, room);
    if (!text)
        return false;
    c->text = text;
    c->room = room;
    return true;
}

void figure_say(figure_caption *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !make_room(c, (size_t)length)) {
        c->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(c->text + c->length, c->room - c->length, format, arguments);
    va_end(arguments);
    c->length += (size_t)length;
}

void figure_caption_release(figure_caption *c)
{
    free(c->text);
    memset(c, 0, sizeof *c);
}

void figure_write_creator(char text[FIGURE_CREATOR_SIZE])
{
    snprintf(text, FIGURE_CREATOR_SIZE, "fmgcam %d.%d.%d", FMGCAM_VERSION_MAJOR,
             FMGCAM_VERSION_MINOR, FMGCAM_VERSION_PATCH);
}

const char *figure_name_class(const char *label, const int64_t *index,
                              uint32_t rank, char text[FIGURE_NAME_SIZE])
{
    if (!labels_is_blank(label))
        return label;
    if (index)
        snprintf(text, FIGURE_NAME_SIZE, "class %" PRId64, *index);
    else
        snprintf(text, FIGURE_NAME_SIZE, "rank %" PRIu32, rank + 1);
    return text;
}
