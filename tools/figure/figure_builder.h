/* SPDX-License-Identifier: MIT */
/* What the parts of a figure's layout share: a page that grows. */
#ifndef FMGCAM_TOOLS_FIGURE_BUILDER_H
#define FMGCAM_TOOLS_FIGURE_BUILDER_H

#include "figure/figure_layout.h"

typedef struct figure_builder {
    const figure_content *content;
    const figure_ruler *ruler;
    figure_page *page;
} figure_builder;

static inline int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* @p length of a page of unit 1, in whole pixels of this one. */
int32_t figure_pixels(const figure_builder *b, double length);

/* As the ruler does; no text has no size. */
figure_size figure_measure(const figure_builder *b, const char *text,
                           figure_style style, int32_t width);

void figure_put(figure_builder *b, figure_item_kind kind, uint32_t index,
                figure_rect at);

/* A text in lines of at most @p width, with its upper left corner at @p left
 * and @p top. @return its size. */
figure_size figure_put_text(figure_builder *b, const char *text,
                            figure_style style, int32_t left, int32_t top,
                            int32_t width);

/* The size of the badges of all classes. */
figure_size figure_badge_size(const figure_builder *b);

/* ---- The legend (figure_legend.c) ---------------------------------------- */

/* How wide one column of it is best: each name on one line, if it is not very
 * long. */
int32_t figure_legend_width(const figure_builder *b);

/* What it needs at least, with names on many lines. */
int32_t figure_legend_least_width(const figure_builder *b);

/* Place it in @p columns that are @p width wide together. @return its
 * height. */
int32_t figure_put_legend(figure_builder *b, int32_t left, int32_t top,
                          int32_t width, uint32_t columns);

/* ---- Scales of colours (figure_ramp.c) ----------------------------------- */

/* That of the small panels: low end, colours and high end on one line; what
 * they mean beside them, or under them where there is no room. @return the
 * height. */
int32_t figure_put_ramp(figure_builder *b, int32_t left, int32_t top,
                        int32_t width);

/* That of large picture @p index, if it has one, with its ends under it.
 * @return the height, with the space above it. */
int32_t figure_put_main_ramp(figure_builder *b, uint32_t index, int32_t left,
                             int32_t top, int32_t width);

#endif
