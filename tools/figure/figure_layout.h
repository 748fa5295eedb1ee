/* SPDX-License-Identifier: MIT */
/*
 * Where everything stands on the page of a figure. Texts are measured first and
 * placed then, and the page is as high as that takes: so nothing overlaps and
 * nothing is cut off. Arithmetic alone; all lengths are in whole pixels.
 */
#ifndef FMGCAM_TOOLS_FIGURE_LAYOUT_H
#define FMGCAM_TOOLS_FIGURE_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "figure/figure_content.h"

typedef enum figure_style {
    FIGURE_STYLE_TITLE,
    FIGURE_STYLE_HEADING,
    FIGURE_STYLE_TEXT,
    FIGURE_STYLE_STRONG,
    FIGURE_STYLE_SMALL, /* and dim */
    FIGURE_STYLE_COUNT
} figure_style;

/* The height of the letters of each style, in pixels of a page of unit 1. */
extern const double figure_style_sizes[FIGURE_STYLE_COUNT];

typedef struct figure_size {
    int32_t width, height;
    int32_t baseline; /* of the first line of a text, from its top */
} figure_size;

typedef struct figure_rect {
    int32_t left, top, width, height;
} figure_rect;

/* Something that measures texts: in lines of at most @p width pixels, or in as
 * few as the text has where it is 0. @p unit multiplies the size of the
 * letters. */
typedef struct figure_ruler {
    const void *opaque;
    figure_size (*measure)(const void *opaque, const char *text,
                           figure_style style, double unit, int32_t width);
} figure_ruler;

typedef enum figure_item_kind {
    FIGURE_ITEM_TEXT,
    FIGURE_ITEM_MAIN,   /* index of figure_content.main */
    FIGURE_ITEM_PANEL,  /* index of figure_content.panels */
    FIGURE_ITEM_BADGE,  /* index of figure_content.classes */
    FIGURE_ITEM_UNSEEN, /* the hatching, in the legend */
    FIGURE_ITEM_RAMP,
    FIGURE_ITEM_MAIN_RAMP /* index of figure_content.main */
} figure_item_kind;

typedef struct figure_item {
    figure_item_kind kind;
    figure_rect at;
    uint32_t index;
    const char *text; /* TEXT alone, as the rest; the content's */
    figure_style style;
    int32_t lines_width; /* with which it was measured */
} figure_item;

typedef struct figure_page {
    int32_t width, height;
    double
        unit; /* 1 up to the width that is the default, then growing with it */
    figure_item *items;
    size_t count;
} figure_page;

#define FIGURE_WIDTH_DEFAULT 1200
#define FIGURE_WIDTH_LEAST   320
#define FIGURE_WIDTH_MOST    16384

/* Lay @p content out on a page. @return 0, or the exit status; release in
 * either case. */
int figure_lay_out(const figure_content *content, const figure_ruler *ruler,
                   figure_page *page);

void figure_page_release(figure_page *page);

/* Is a picture of @p from pixels, shown @p to pixels wide, so much enlarged
 * that its pixels are to be seen as squares? */
bool figure_shows_pixels(uint32_t from, int32_t to);

#endif
