/* SPDX-License-Identifier: MIT */
/* The report: what was computed, and what each class won, as JSON. */
#ifndef FMGCAM_TOOLS_REPORT_H
#define FMGCAM_TOOLS_REPORT_H

#include <fmgcam/fmgcam.h>

#include "explain/explain_inputs.h"
#include "explain/explain_maps.h"
#include "explain/explain_options.h"
#include "output.h"

/* @return 0, or the exit status. */
int report_write(const explain_options *options, fmgcam_context *context,
                 const explain_inputs *inputs, const explain_maps *maps,
                 output *to);

#endif
