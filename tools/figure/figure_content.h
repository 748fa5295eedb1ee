/* SPDX-License-Identifier: MIT */
/*
 * What a figure shows: pictures, a legend, and words. How it comes about and
 * where it stands on the page are known to others.
 */
#ifndef FMGCAM_TOOLS_FIGURE_CONTENT_H
#define FMGCAM_TOOLS_FIGURE_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "figure/contour.h"
#include "picture.h"

typedef enum figure_theme { FIGURE_LIGHT, FIGURE_DARK } figure_theme;

/* What is drawn over the pixels of a panel. */
typedef enum figure_panel_kind {
    FIGURE_PLAIN,  /* nothing */
    FIGURE_FUSED,  /* contours of what each class wins, and hatching where the
                      network saw nothing */
    FIGURE_SINGLE, /* the same with the contours of its class alone */
} figure_panel_kind;

#define FIGURE_NO_CLASS UINT32_MAX

/* A scale of colours, from its low to its high end. */
typedef struct figure_ramp {
    const uint8_t *colors; /* count x R, G, B */
    uint32_t count;        /* 0: there is none */
    const char *low, *high;
    const char *meaning; /* not for large panels */
} figure_ramp;

/* Texts are UTF-8; NULL is none. */
typedef struct figure_panel {
    figure_panel_kind kind;
    uint32_t class_index; /* of figure_content.classes; FIGURE_NO_CLASS */
    const char *caption;
    const char *detail; /* in smaller letters under it */
    picture pixels;     /* of the whole picture, of any size */
    figure_ramp ramp;   /* of its colours, under it; of large panels alone */
} figure_panel;

enum { FIGURE_VALUES = 2 };

/* A class: a row of the legend. */
typedef struct figure_class {
    uint32_t number; /* of its rank, from 1 on: stands for it on its colour */
    uint8_t color[3];
    const char *name;
    const char *values[FIGURE_VALUES]; /* as figure_content.value_names */
    const char *note;                  /* in smaller letters under the name */
    /* In pixels of the picture: what it wins, and its own map. */
    contour_set won, alone;
} figure_class;

typedef struct figure_content {
    uint32_t page_width; /* of the figure, in pixels */
    figure_theme theme;
    const char *title;
    uint32_t width, height; /* of the picture, in pixels */
    /* What the network saw of it; equal to the whole where it saw all. */
    double seen_left, seen_top, seen_right, seen_bottom;
    const char *unseen; /* the legend's word for the rest; NULL: it saw all */
    figure_panel *main; /* one or two */
    uint32_t main_count;
    const char *name_heading;               /* over the names of the legend */
    const char *value_names[FIGURE_VALUES]; /* NULL: no such column */
    figure_class *classes;                  /* one or more */
    uint32_t class_count;
    const char *panels_title;
    figure_panel *panels; /* small ones */
    uint32_t panel_count;
    figure_ramp ramp; /* of the small panels */
    const char *caption;
    const char *notice;  /* what must not be overlooked */
    const char *creator; /* the program, for the data about the file */
} figure_content;

#endif
