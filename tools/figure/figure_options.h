/* SPDX-License-Identifier: MIT */
/* What the command line says about a figure. */
#ifndef FMGCAM_TOOLS_FIGURE_OPTIONS_H
#define FMGCAM_TOOLS_FIGURE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "figure/figure_content.h"

enum { FIGURE_MOST_LEVELS = 8, FIGURE_MOST_CLASSES = 256 };

/* 0 and NULL: not given. */
typedef struct figure_options {
    figure_theme theme;
    const char *title;
    const char *notice;                /* what must not be overlooked */
    const char *caption;               /* "": none */
    uint32_t width;                    /* pixels */
    double levels[FIGURE_MOST_LEVELS]; /* of contours, shares of the peak */
    uint32_t level_count;
    bool has_no_contours;
    bool has_no_panels;
    uint32_t color_map; /* of the panels, FMGCAM_COLOR_MAP_* */
    const char *given;  /* one that was given, for messages */
} figure_options;

typedef struct figure_option {
    const char *name;
    int (*parse)(const char *text, figure_options *options);
} figure_option;

#define FIGURE_OPTION_COUNT 8
/* The first of them say nothing about maps: any figure takes them. */
#define FIGURE_PAGE_OPTION_COUNT 5

extern const figure_option figure_option_table[FIGURE_OPTION_COUNT];

/* Take @p text for option @p index, and keep it. @return 0, or the exit
 * status. */
int figure_set_option(int index, const char *text, figure_options *options);

/* Does @p path, NULL where no figure is wanted, go with what was given, and is
 * it a figure's name? @p option is that of the file, with its dashes.
 * @return 0, or the exit status. */
int figure_check_file(const figure_options *options, const char *option,
                      const char *path);

/* Has a figure room for so many classes? @p option is that of the file, with its
 * dashes. @return 0, or the exit status. */
int figure_check_classes(const char *option, uint32_t classes);

/* What every figure takes over: width, theme and words. @p content is zero. */
void figure_begin(const figure_options *options, figure_content *content);

#endif
