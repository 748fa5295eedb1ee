/* SPDX-License-Identifier: MIT */
/* The figure of a comparison: what each class wins in A and in B, side by side,
 * and A less B class by class. */
#ifndef FMGCAM_TOOLS_COMPARE_FIGURE_H
#define FMGCAM_TOOLS_COMPARE_FIGURE_H

#include <fmgcam/fmgcam.h>

#include "compare/compare_inputs.h"
#include "compare/compare_measure.h"
#include "compare/compare_options.h"
#include "compare/compare_tiles.h"
#include "figure/figure_caption.h"
#include "figure/figure_content.h"
#include "figure/figure_ground.h"
#include "output.h"

/* Texts of one pair, where they are made. */
typedef struct compare_words {
    char name[FIGURE_NAME_SIZE], values[FIGURE_VALUES][32], detail[48];
} compare_words;

typedef struct compare_figure {
    const compare_options *asked;
    const compare_inputs *inputs;
    const comparison *found;
    compare_tiles tiles;
    fmgcam_geometry geometry; /* in pixels of the picture */
    figure_content content;
    figure_panel main[2], *panels; /* [pairs] */
    figure_class *classes;         /* [pairs] */
    compare_words *words;          /* [pairs] */
    figure_caption names[2], caption;
    char details[2][96], ends[2][48], creator[FIGURE_CREATOR_SIZE];
    uint8_t ramp[FIGURE_RAMP_COLORS * 3];
} compare_figure;

/* Draw the figure into @p to. @return 0, or the exit status. */
int compare_write_figure(const compare_options *options,
                         fmgcam_context *context, const compare_inputs *inputs,
                         const comparison *found, output *to);

/* All texts (compare_words.c). @return 0, or the exit status. */
int compare_make_words(compare_figure *f);

#endif
