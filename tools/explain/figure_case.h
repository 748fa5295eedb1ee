/* SPDX-License-Identifier: MIT */
/* The figure of a case: what the maps say becomes what a figure shows. */
#ifndef FMGCAM_TOOLS_FIGURE_CASE_H
#define FMGCAM_TOOLS_FIGURE_CASE_H

#include <fmgcam/fmgcam.h>

#include "explain/explain_inputs.h"
#include "explain/explain_maps.h"
#include "explain/explain_options.h"
#include "figure/figure_caption.h"
#include "figure/figure_content.h"
#include "figure/figure_ground.h"
#include "output.h"

/* Texts of one class, where they are made. */
typedef struct figure_words {
    char name[FIGURE_NAME_SIZE], probability[32], area[32], peak[48];
} figure_words;

typedef struct figure_case {
    const explain_options *asked;
    fmgcam_context *context;
    const explain_inputs *inputs;
    const explain_maps *maps;
    fmgcam_geometry geometry; /* in pixels of the picture */
    figure_content content;
    figure_panel main[2], *panels; /* [K] */
    figure_class *classes;         /* [K] */
    figure_words *words;           /* [K] */
    char panels_title[64], creator[FIGURE_CREATOR_SIZE];
    figure_caption main_caption, caption;
    uint8_t ramp[FIGURE_RAMP_COLORS * 3], main_ramp[FIGURE_RAMP_COLORS * 3];
} figure_case;

/* Draw the figure of a case into @p to. @return 0, or the exit status. */
int figure_write_case(const explain_options *options, fmgcam_context *context,
                      const explain_inputs *inputs, const explain_maps *maps,
                      output *to);

/* ---- The parts ----------------------------------------------------------- */

/* The panels of the classes, and the scale of their colours
 * (figure_panels.c). @return 0, or the exit status. */
int figure_make_panels(figure_case *f);

/* The contours of the classes (figure_lines.c). @return 0, or the exit
 * status. */
int figure_make_lines(figure_case *f);

/* All texts (figure_words.c). @return 0, or the exit status. */
int figure_make_words(figure_case *f);

/* The map of class @p rank [H, W] in @p stack [K, H, W]. */
const float *figure_class_map(const figure_case *f, const float *stack,
                              uint32_t rank);

/* The largest value of it, and at least 0. */
float figure_peak(const figure_case *f, uint32_t rank);

/* Does the method look at no class? Then the one map is that of the activations,
 * whatever class the inputs name. */
bool figure_is_of_no_class(const figure_case *f);

/* Does the overlay have a scale of colours, in place of one a class? */
bool figure_has_color_map(const figure_case *f);

/* That of the overlay, if it has one, unless another was asked for. */
uint32_t figure_panel_color_map(const figure_case *f);

#endif
