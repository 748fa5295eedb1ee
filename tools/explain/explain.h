/* SPDX-License-Identifier: MIT */
/* fmgcam explain: tensors in, maps, pictures and a report out. */
#ifndef FMGCAM_TOOLS_EXPLAIN_H
#define FMGCAM_TOOLS_EXPLAIN_H

#include "explain/explain_options.h"

/* Read the inputs, compute, and write all outputs or none. @p options were
 * checked. @return 0, or the exit status after saying what went wrong. */
int explain_run_case(const explain_options *options);

/* argv[0] is the name of the command. @return the exit status. */
int explain_main(int argc, char **argv);

#endif
