/* SPDX-License-Identifier: MIT */
/* From the maps of a case to pictures. */
#ifndef FMGCAM_TOOLS_EXPLAIN_DRAW_H
#define FMGCAM_TOOLS_EXPLAIN_DRAW_H

#include <stdbool.h>

#include <fmgcam/fmgcam.h>

#include "explain/explain_inputs.h"
#include "explain/explain_maps.h"
#include "explain/explain_options.h"

/* Draw the maps that the options ask for: over @p target, in place, or as a
 * heatmap that fills it. @return 0, or the exit status. */
int explain_draw_overlay(const explain_options *options,
                         fmgcam_context *context, const explain_inputs *inputs,
                         const explain_maps *maps, const picture *target);
int explain_draw_heatmap(const explain_options *options,
                         fmgcam_context *context, const explain_inputs *inputs,
                         const explain_maps *maps, const picture *target);

/* The colour of the class of @p rank in these pictures. */
void explain_color(const explain_options *options, const explain_inputs *inputs,
                   const explain_maps *maps, uint32_t rank, uint8_t rgb[3]);

/* The size of the picture that the maps lie on: that of the image, or --size.
 * @return whether there is one. */
bool explain_picture_size(const explain_options *options,
                          const explain_inputs *inputs, uint32_t *width,
                          uint32_t *height);

#endif
