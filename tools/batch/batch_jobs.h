/* SPDX-License-Identifier: MIT */
/*
 * Cases at work, each in a process of its own: so memory is given back whole, a
 * crash ends that case alone, and files are handled as `fmgcam explain` does.
 */
#ifndef FMGCAM_TOOLS_BATCH_JOBS_H
#define FMGCAM_TOOLS_BATCH_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "batch/batch_case.h"

typedef struct job_pool job_pool;

/* How a case ended. */
typedef struct job_end {
    const batch_case *item;
    const char *error; /* what was wrong, of some length; NULL: it is done */
    bool was_ended;    /* by one of the signals that ask to stop */
    double seconds;
} job_end;

/* For @p most at once. @p kept is a descriptor that they do not take over.
 * @return NULL: out of memory, which was said. */
job_pool *jobs_create(uint32_t most, int kept);
/* None may be running. */
void jobs_destroy(job_pool *pool);

uint32_t jobs_running(const job_pool *pool);
bool jobs_are_full(const job_pool *pool);

/* Start @p item, which is taken over. @return 0, or an errno, and then the item
 * is still the caller's. */
int jobs_start(job_pool *pool, batch_case *item);

/* Wait until one or more have ended, but at most @p milliseconds or until a
 * signal; tell @p ended of each. */
void jobs_wait(job_pool *pool, int milliseconds,
               void (*ended)(void *opaque, const job_end *end), void *opaque);

/* Ask those that run to end at once, and wait until they have. */
void jobs_end(job_pool *pool);

#endif
