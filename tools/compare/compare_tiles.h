/* SPDX-License-Identifier: MIT */
/*
 * The maps of a comparison as pictures: of a class A, B, or A less B; or all
 * classes of a side in one. All are on one scale, unless it is changed: the
 * largest magnitude of all, differences too, is drawn as 1.
 */
#ifndef FMGCAM_TOOLS_COMPARE_TILES_H
#define FMGCAM_TOOLS_COMPARE_TILES_H

#include <fmgcam/fmgcam.h>

#include "compare/compare_inputs.h"
#include "compare/compare_measure.h"

enum { TILE_A, TILE_B, TILE_DIFFERENCE, TILE_COUNT };

typedef struct compare_tiles {
    const char *option; /* that asked for them, for messages */
    fmgcam_context *context;
    const compare_inputs *inputs;
    const comparison *found;
    double units[TILE_COUNT]; /* are drawn as 1 */
    float *maps;              /* [pairs, cells], of the tile at work */
    uint32_t *colors; /* [pairs], numbers in the palette: the ranks in A */
} compare_tiles;

/* There must be a class in both. All tiles have one scale, up to the largest
 * value in any of them. @return 0, or the exit status; close in either
 * case. */
int compare_tiles_open(const char *option, fmgcam_context *context,
                       const compare_inputs *inputs, const comparison *found,
                       compare_tiles *tiles);
void compare_tiles_close(compare_tiles *tiles);

/* Give A and B a scale without regard to differences, and these one of their
 * own, so that both have full colours. */
void compare_scale_apart(compare_tiles *tiles);

/* Of pair @p pair: in its colour what is above zero of A or B, or in diverging
 * colours A less B. Where there is an image it is in @p target already, and is
 * drawn over. @p place is NULL where the map covers all. @return 0, or the exit
 * status. */
int compare_draw_tile(const compare_tiles *tiles, int tile, uint32_t pair,
                      const fmgcam_geometry *place, const fmgcam_image *target);

/* Likewise, in each cell the class that wins it on @p side. Nothing is drawn
 * where that is none, or a class of this side alone. */
int compare_draw_winners(const compare_tiles *tiles, int side,
                         const fmgcam_geometry *place,
                         const fmgcam_image *target);

/* The colour of pair @p pair. */
void compare_color(const compare_tiles *tiles, uint32_t pair, uint8_t rgb[3]);

#endif
