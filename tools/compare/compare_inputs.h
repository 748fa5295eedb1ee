/* SPDX-License-Identifier: MIT */
/* From the files of `fmgcam compare` to two stacks of maps with the same cells. */
#ifndef FMGCAM_TOOLS_COMPARE_INPUTS_H
#define FMGCAM_TOOLS_COMPARE_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include <fmgcam/fmgcam.h>

#include "compare/compare_classes.h"
#include "compare/compare_options.h"
#include "picture.h"

typedef struct compare_side {
    char *maps_path;   /* the file itself, also of a folder */
    char *report_path; /* NULL: there is none */
    uint32_t classes;
    uint32_t height, width; /* of the file */
    bool resampled;
    float *maps; /* [classes, height, width] of compare_inputs */
    class_list list;
} compare_side;

typedef struct compare_inputs {
    compare_side sides[2];
    uint32_t height, width;  /* of maps, as they are compared */
    fmgcam_options settings; /* effective */
    class_pairing pairing;
    picture image; /* empty where none is given */
} compare_inputs;

/* Read all, bring the maps to the same size and match the classes. Zero is the
 * empty inputs; release in either case. @return 0, or the exit status. */
int compare_read(const compare_options *options, fmgcam_context *context,
                 compare_inputs *inputs);

/* The size of the picture that the maps lie on: that of the image, or --size. */
void compare_picture_size(const compare_options *options,
                          const compare_inputs *inputs, uint32_t *width,
                          uint32_t *height);

void compare_inputs_release(compare_inputs *inputs);

#endif
