/* SPDX-License-Identifier: MIT */
/* Being asked to stop: once to finish what runs, twice to end at once. */
#ifndef FMGCAM_TOOLS_BATCH_SIGNALS_H
#define FMGCAM_TOOLS_BATCH_SIGNALS_H

#include <sys/types.h>

/* From now on count SIGINT, SIGTERM and SIGHUP, those that are not ignored. */
void signals_watch(void);

/* How many came, and the first; 0: none. */
int signals_count(void);
int signals_first(void);

/* Let them end the program again. */
void signals_release(void);

/* End the program by @p number, as the first one would have done. */
void signals_end_by(int number);

/* fork(), so that no signal finds the child with its parent's handlers. They
 * end the child, but SIGINT does not: a terminal sends it to parent and children
 * alike. */
pid_t signals_fork(void);

#endif
