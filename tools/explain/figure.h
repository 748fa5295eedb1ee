/* SPDX-License-Identifier: MIT */
/* fmgcam figure: `explain`, but for the figure alone. */
#ifndef FMGCAM_TOOLS_FIGURE_H
#define FMGCAM_TOOLS_FIGURE_H

/* argv[0] is the name of the command. @return the exit status. */
int figure_main(int argc, char **argv);

#endif
