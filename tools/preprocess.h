/* SPDX-License-Identifier: MIT */
/* What was done to the picture before the network saw it, in words. */
#ifndef FMGCAM_TOOLS_PREPROCESS_H
#define FMGCAM_TOOLS_PREPROCESS_H

#include <stdint.h>

#include <fmgcam/fmgcam.h>

enum { PREPROCESS_MOST_STEPS = 16 };

typedef struct preprocess {
    fmgcam_step steps[PREPROCESS_MOST_STEPS];
    uint32_t count;
    const char *text; /* as given; NULL: the map covers the picture */
} preprocess;

/* Parse steps with commas between them:
 *
 *   resize:N         stretch:WxH     fit:WxH      letterbox:WxH
 *   crop:N           crop:WxH        crop:WxH+X+Y
 *   pad:N            pad:WxH         pad:WxH+X+Y
 *   flip:horizontal  flip:vertical
 *
 * @p text is kept. @return 0, or the exit status. */
int preprocess_parse(const char *text, preprocess *chain);

/* Follow the steps from a picture of this size. @return 0, or the exit
 * status. */
int preprocess_locate(const preprocess *chain, fmgcam_context *context,
                      uint32_t width, uint32_t height,
                      fmgcam_geometry *geometry);

#endif
