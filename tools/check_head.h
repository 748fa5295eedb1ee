/* SPDX-License-Identifier: MIT */
/* fmgcam check-head: do activations, classifier and scores belong together? */
#ifndef FMGCAM_TOOLS_CHECK_HEAD_H
#define FMGCAM_TOOLS_CHECK_HEAD_H

/* argv[0] is the name of the command. @return the exit status. */
int check_head_main(int argc, char **argv);

#endif
