/* SPDX-License-Identifier: MIT */
/* What lies under the maps of a figure, and where the maps lie on it. */
#ifndef FMGCAM_TOOLS_FIGURE_GROUND_H
#define FMGCAM_TOOLS_FIGURE_GROUND_H

#include <fmgcam/fmgcam.h>

#include "figure/figure_content.h"
#include "preprocess.h"

/* Follow @p chain from the picture of @p content, whose size is known, and note
 * what the network saw of it. @p geometry is in pixels of it.
 * @return 0, or the exit status. */
int figure_locate(const preprocess *chain, fmgcam_context *context,
                  figure_content *content, fmgcam_geometry *geometry);

/* The picture as it is under small panels. */
typedef struct figure_ground {
    picture image; /* without pixels where there is no image */
    fmgcam_geometry geometry;
} figure_ground;

/* Of @p image, if it has pixels, and of what figure_locate() found: no more
 * pixels than can be seen, where there are @p panels. @return 0, or the exit
 * status; release in either case. */
int figure_ground_make(const figure_content *content, const picture *image,
                       const fmgcam_geometry *geometry, uint32_t panels,
                       figure_ground *ground);
void figure_ground_release(figure_ground *ground);

/* Begin a panel of its size, to draw over: a copy of it, or only room where it
 * has no pixels. @return 0, or the exit status. */
int figure_ground_copy(const figure_ground *ground, picture *panel);

enum { FIGURE_RAMP_COLORS = 256 };

/* All colours of @p color_map, FMGCAM_COLOR_MAP_*, as a scale. */
void figure_fill_ramp(uint32_t color_map,
                      uint8_t colors[3 * FIGURE_RAMP_COLORS],
                      figure_ramp *ramp);

#endif
