/* SPDX-License-Identifier: MIT */
/* Each option of a figure has its parser. */
#include "figure/figure_options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fmgcam/fmgcam.h>

#include "choices.h"
#include "diagnose.h"
#include "figure/figure_layout.h"
#include "labels.h"
#include "options.h"
#include "picture.h"

static int parse_theme(const char *text, figure_options *options)
{
    static const choice themes[] = {
        {"light", FIGURE_LIGHT}, {"dark", FIGURE_DARK}, {NULL, 0}};
    uint32_t theme = FIGURE_LIGHT;
    int status = choice_find("theme", themes, text, &theme);
    options->theme = theme;
    return status;
}

/* Any text of the figure. */
static int keep_text(const char *option, const char *text, const char **kept)
{
    *kept = text;
    return labels_is_text(text, strlen(text))
               ? 0
               : fail_usage(option, "is not UTF-8 text");
}

static int parse_title(const char *text, figure_options *options)
{
    return keep_text("--title", text, &options->title);
}

static int parse_notice(const char *text, figure_options *options)
{
    return keep_text("--notice", text, &options->notice);
}

static int parse_caption(const char *text, figure_options *options)
{
    return keep_text("--caption", text, &options->caption);
}

static int parse_width(const char *text, figure_options *options)
{
    if (options_parse_count(text, false, &options->width) &&
        options->width >= FIGURE_WIDTH_LEAST &&
        options->width <= FIGURE_WIDTH_MOST)
        return 0;
    return fail_usage("--width", "'%s' is not a number of pixels from %d to %d",
                      text, FIGURE_WIDTH_LEAST, FIGURE_WIDTH_MOST);
}

/* One number of a list, up to @p end. */
static bool take_level(const char *text, size_t length, double *level)
{
    char number[32];
    if (length >= sizeof number)
        return false;
    memcpy(number, text, length);
    number[length] = '\0';
    return options_parse_number(number, level) && *level > 0 && *level < 1;
}

static bool take_levels(const char *text, figure_options *options)
{
    options->level_count = 0;
    for (;;) {
        size_t length = strcspn(text, ",");
        if (options->level_count == FIGURE_MOST_LEVELS ||
            !take_level(text, length, &options->levels[options->level_count++]))
            return false;
        if (text[length] == '\0')
            return true;
        text += length + 1;
    }
}

static int parse_contours(const char *text, figure_options *options)
{
    options->has_no_contours = strcmp(text, "none") == 0;
    if (options->has_no_contours || take_levels(text, options))
        return 0;
    return fail_usage("--contours",
                      "'%s' is neither none nor up to %d numbers between 0 and "
                      "1, as in 0.25,0.5",
                      text, FIGURE_MOST_LEVELS);
}

static int parse_panels(const char *text, figure_options *options)
{
    static const choice kinds[] = {{"class-maps", 0}, {"none", 1}, {NULL, 0}};
    uint32_t none = 0;
    int status = choice_find("panels", kinds, text, &none);
    options->has_no_panels = none != 0;
    return status;
}

static int parse_color_map(const char *text, figure_options *options)
{
    static const choice maps[] = {{"viridis", FMGCAM_COLOR_MAP_VIRIDIS},
                                  {"magma", FMGCAM_COLOR_MAP_MAGMA},
                                  {"turbo", FMGCAM_COLOR_MAP_TURBO},
                                  {"jet", FMGCAM_COLOR_MAP_JET},
                                  {"grey", FMGCAM_COLOR_MAP_GREY},
                                  {"diverging", FMGCAM_COLOR_MAP_DIVERGING},
                                  {NULL, 0}};
    return choice_find("panel-color-map", maps, text, &options->color_map);
}

const figure_option figure_option_table[FIGURE_OPTION_COUNT] = {
    {"theme", parse_theme},   {"title", parse_title},
    {"notice", parse_notice}, {"caption", parse_caption},
    {"width", parse_width},   {"contours", parse_contours},
    {"panels", parse_panels}, {"panel-color-map", parse_color_map}};

int figure_check_file(const figure_options *options, const char *option,
                      const char *path)
{
    if (!path && options->given) {
        char given[64];
        snprintf(given, sizeof given, "--%s", options->given);
        return fail_usage(given, "needs %s", option);
    }
    if (!path || picture_has_suffix(path, ".png") ||
        picture_has_suffix(path, ".pdf") || picture_has_suffix(path, ".svg"))
        return 0;
    return fail_usage(path, "a figure's name ends in .png, .pdf or .svg");
}

int figure_check_classes(const char *option, uint32_t classes)
{
    if (classes <= FIGURE_MOST_CLASSES)
        return 0;
    return fail(option, "a figure shows up to %d classes, and there are %u",
                FIGURE_MOST_CLASSES, classes);
}

void figure_begin(const figure_options *options, figure_content *content)
{
    content->page_width =
        options->width ? options->width : FIGURE_WIDTH_DEFAULT;
    content->theme = options->theme;
    content->title = options->title;
    content->notice = options->notice;
    content->caption = options->caption;
}

int figure_set_option(int index, const char *text, figure_options *options)
{
    options->given = figure_option_table[index].name;
    return figure_option_table[index].parse(text, options);
}
