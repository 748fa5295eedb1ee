/* SPDX-License-Identifier: MIT */
/* The drawing of a figure whose layout is known, by Cairo. */
#ifndef FMGCAM_TOOLS_FIGURE_DRAW_H
#define FMGCAM_TOOLS_FIGURE_DRAW_H

#include <stdbool.h>

#include <cairo.h>

#include "figure/figure_layout.h"
#include "figure/figure_text.h"

/* Draw the page with one unit of @p cr a pixel. With @p by_pixels the target is
 * made of these pixels; else pictures keep more of their own. @return 0, or the
 * exit status; errors of Cairo's are left in @p cr. */
int figure_draw(cairo_t *cr, const figure_content *content,
                const figure_page *page, const figure_fonts *fonts,
                bool by_pixels);

#endif
