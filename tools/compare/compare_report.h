/* SPDX-License-Identifier: MIT */
/* What was found, for people and for programs. */
#ifndef FMGCAM_TOOLS_COMPARE_REPORT_H
#define FMGCAM_TOOLS_COMPARE_REPORT_H

#include "compare/compare_inputs.h"
#include "compare/compare_measure.h"
#include "compare/compare_options.h"
#include "output.h"

/* All of it as JSON. @return 0, or the exit status. */
int compare_write_report(const compare_options *options,
                         const compare_inputs *inputs, const comparison *found,
                         output *to);

/* A table on stdout. */
void compare_print_table(const compare_inputs *inputs, const comparison *found);

#endif
