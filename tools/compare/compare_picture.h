/* SPDX-License-Identifier: MIT */
/* A, B and what A has more or less than B, side by side for each class. */
#ifndef FMGCAM_TOOLS_COMPARE_PICTURE_H
#define FMGCAM_TOOLS_COMPARE_PICTURE_H

#include <fmgcam/fmgcam.h>

#include "compare/compare_inputs.h"
#include "compare/compare_measure.h"
#include "compare/compare_options.h"
#include "output.h"

/* @return 0, or the exit status. */
int compare_write_picture(const compare_options *options,
                          fmgcam_context *context, const compare_inputs *inputs,
                          const comparison *found, output *to);

#endif
