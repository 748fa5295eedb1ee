/* SPDX-License-Identifier: MIT */
/* fmgcam compare: two explanations in, how far they agree out. */
#ifndef FMGCAM_TOOLS_COMPARE_H
#define FMGCAM_TOOLS_COMPARE_H

/* argv[0] is the name of the command. @return the exit status. */
int compare_main(int argc, char **argv);

#endif
