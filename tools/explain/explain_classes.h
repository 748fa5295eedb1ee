/* SPDX-License-Identifier: MIT */
/* Which classes `fmgcam explain` explains. */
#ifndef FMGCAM_TOOLS_EXPLAIN_CLASSES_H
#define FMGCAM_TOOLS_EXPLAIN_CLASSES_H

#include <fmgcam/fmgcam.h>

#include "explain/explain_inputs.h"

/* Fill inputs->classes as the options and the logits say, and keep only their
 * rows of gradients and weights. @return 0, or the exit status. */
int choose_classes(const explain_options *options, fmgcam_context *context,
                   explain_inputs *inputs);

#endif
