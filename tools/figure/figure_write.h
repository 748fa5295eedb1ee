/* SPDX-License-Identifier: MIT */
/* A figure as a file. */
#ifndef FMGCAM_TOOLS_FIGURE_WRITE_H
#define FMGCAM_TOOLS_FIGURE_WRITE_H

#include <stdbool.h>

#include "figure/figure_content.h"
#include "output.h"

/* Can this build make figures? @return 0, or the exit status. */
int figure_require(void);

/* Draw @p content as the suffix of to->path says. @return 0, or the exit
 * status. */
int figure_write(const figure_content *content, output *to);

#endif
