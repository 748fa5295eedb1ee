/* SPDX-License-Identifier: MIT */
/* How far a batch has come: a bar on a terminal, now and then a line elsewhere,
 * on standard error. */
#ifndef FMGCAM_TOOLS_BATCH_PROGRESS_H
#define FMGCAM_TOOLS_BATCH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct batch_counts {
    size_t total;
    size_t done;     /* now */
    size_t complete; /* from before */
    size_t failed;
} batch_counts;

typedef struct progress {
    bool is_terminal;
    size_t drawn;      /* characters of the bar on the screen */
    double start;      /* by clock_seconds() */
    double last;       /* when something was shown, in seconds since then */
    size_t last_tenth; /* of the work */
} progress;

void progress_begin(progress *bar);

/* Show @p counts, if it is time for that. */
void progress_show(progress *bar, const batch_counts *counts);

/* Remove the bar, before anything else is printed. */
void progress_clear(progress *bar);

/* Since it began. */
double progress_seconds(const progress *bar);

#endif
