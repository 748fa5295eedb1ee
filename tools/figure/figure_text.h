/* SPDX-License-Identifier: MIT */
/* The texts of a figure, by Pango: any script that a font is installed for. */
#ifndef FMGCAM_TOOLS_FIGURE_TEXT_H
#define FMGCAM_TOOLS_FIGURE_TEXT_H

#include <cairo.h>
#include <pango/pango.h>

#include "figure/figure_layout.h"

typedef struct figure_fonts {
    PangoFontMap *map;
    PangoContext *context;
} figure_fonts;

/* @return 0, or the exit status: there is no font at all; close in either
 * case. */
int figure_fonts_open(figure_fonts *fonts);
void figure_fonts_close(figure_fonts *fonts);

/* Measures what figure_draw_text() draws. */
figure_ruler figure_fonts_ruler(const figure_fonts *fonts);

/* Draw the text of @p item, all of it inside its rectangle, in the colour that
 * @p cr has. */
void figure_draw_text(cairo_t *cr, const figure_fonts *fonts,
                      const figure_item *item, double unit);

#endif
