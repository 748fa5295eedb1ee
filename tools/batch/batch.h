/* SPDX-License-Identifier: MIT */
/* fmgcam batch: many cases by a manifest, and a summary of all of them. */
#ifndef FMGCAM_TOOLS_BATCH_H
#define FMGCAM_TOOLS_BATCH_H

/* argv[0] is the name of the command. @return the exit status. */
int batch_main(int argc, char **argv);

#endif
