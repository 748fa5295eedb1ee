/* SPDX-License-Identifier: MIT */
/* How long things take. */
#ifndef FMGCAM_TOOLS_BATCH_CLOCK_H
#define FMGCAM_TOOLS_BATCH_CLOCK_H

/* In seconds, from some moment on; nobody sets this clock. */
double clock_seconds(void);

#endif
