/* SPDX-License-Identifier: MIT */
/* fmgcam explain: tensors in, maps, pictures and a report out. */
#ifndef FMGCAM_TOOLS_EXPLAIN_H
#define FMGCAM_TOOLS_EXPLAIN_H

/* argv[0] is the name of the command. @return the exit status. */
int explain_main(int argc, char **argv);

#endif
