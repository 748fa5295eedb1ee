/* SPDX-License-Identifier: MIT */
/* In place of tools/batch/batch_jobs.c, without processes: a case is run when it
 * is started. */
#include <stdlib.h>
#include <string.h>

#include "batch/batch_jobs.h"
#include "diagnose.h"

struct job_pool {
    bool running;
    batch_case item;
    int status;
};

job_pool *jobs_create(uint32_t most, int kept)
{
    job_pool *pool = calloc(1, sizeof *pool);

    (void)most;
    (void)kept;
    if (!pool)
        fail_memory();
    return pool;
}

void jobs_destroy(job_pool *pool)
{
    free(pool);
}

uint32_t jobs_running(const job_pool *pool)
{
    return pool->running;
}

bool jobs_are_full(const job_pool *pool)
{
    return pool->running;
}

int jobs_start(job_pool *pool, batch_case *item)
{
    pool->status = batch_case_run(item);
    pool->item = *item;
    pool->running = true;
    memset(item, 0, sizeof *item);
    return 0;
}

void jobs_wait(job_pool *pool, int milliseconds,
               void (*ended)(void *opaque, const job_end *end), void *opaque)
{
    job_end end = {.item = &pool->item,
                   .error = pool->status ? "failed" : NULL};

    (void)milliseconds;
    if (!pool->running)
        return;
    pool->running = false;
    ended(opaque, &end);
    batch_case_release(&pool->item);
}

void jobs_end(job_pool *pool)
{
    if (pool->running)
        batch_case_release(&pool->item);
    pool->running = false;
}
