/* SPDX-License-Identifier: MIT */
/* fork() without exec: a child has the case at hand, and takes nothing over but
 * memory that it only reads. What it says comes through a pipe, whose end tells
 * that it is over. */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif

#include "batch/batch_jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "batch/batch_clock.h"
#include "batch/batch_signals.h"
#include "diagnose.h"

enum { SAID_SIZE = 8192 + 1 }; /* diagnose.c has no longer line */

typedef struct job {
    pid_t process; /* 0: none */
    int pipe;      /* what it says */
    char said[SAID_SIZE];
    size_t said_size;
    double start; /* by clock_seconds() */
    batch_case item;
} job;

struct job_pool {
    uint32_t most, running;
    int kept;             /* the parent's alone */
    job *jobs;            /* most of them */
    struct pollfd *polls; /* of those that run */
};

job_pool *jobs_create(uint32_t most, int kept)
{
    job_pool *pool = calloc(1, sizeof *pool);
    if (pool) {
        pool->most = most;
        pool->kept = kept;
        pool->jobs = calloc(most, sizeof *pool->jobs);
        pool->polls = calloc(most, sizeof *pool->polls);
    }
    if (pool && pool->jobs && pool->polls)
        return pool;
    jobs_destroy(pool);
    fail_memory();
    return NULL;
}

void jobs_destroy(job_pool *pool)
{
    if (!pool)
        return;
    free(pool->jobs);
    free(pool->polls);
    free(pool);
}

uint32_t jobs_running(const job_pool *pool)
{
    return pool->running;
}

bool jobs_are_full(const job_pool *pool)
{
    return pool->running == pool->most;
}

/* ---- The child ----------------------------------------------------------- */

static void close_others(const job_pool *pool)
{
    for (uint32_t i = 0; i < pool->most; i++)
        if (pool->jobs[i].process)
            close(pool->jobs[i].pipe);
}

/* Standard input may be the manifest; standard output is nobody's. _exit() does
 * not touch the parent's streams. */
static _Noreturn void be_child(const job_pool *pool, const batch_case *item,
                               int said)
{
    close(pool->kept);
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing > 0) {
        dup2(nothing, STDIN_FILENO);
        close(nothing);
    }
    dup2(said, STDERR_FILENO);
    if (said != STDERR_FILENO)
        close(said);
    close_others(pool);
    _exit(batch_case_run(item));
}

/* ---- Starting ------------------------------------------------------------ */

static job *free_slot(job_pool *pool)
{
    job *slot = pool->jobs;
    while (slot->process)
        slot++;
    return slot;
}

/* @return the child, or -1 with errno set; *from is where what it says comes
 * from. */
static pid_t start(const job_pool *pool, const batch_case *item, int *from)
{
    int ends[2];
    if (pipe(ends) != 0)
        return -1;
    pid_t process = signals_fork();
    int number = errno;
    if (process == 0) {
        close(ends[0]);
        be_child(pool, item, ends[1]);
    }
    close(ends[1]);
    if (process < 0)
        close(ends[0]);
    *from = ends[0];
    errno = number;
    return process;
}

int jobs_start(job_pool *pool, batch_case *item)
{
    job *slot = free_slot(pool);
    pid_t process = start(pool, item, &slot->pipe);
    if (process < 0)
        return errno;
    slot->process = process;
    slot->said_size = 0;
    slot->item = *item;
    memset(item, 0, sizeof *item);
    slot->start = clock_seconds();
    pool->running++;
    return 0;
}

/* ---- Ending -------------------------------------------------------------- */

/* @return whether it was seen how it ended. */
static bool wait_for(pid_t process, int *how)
{
    pid_t got;
    while ((got = waitpid(process, how, 0)) < 0 && errno == EINTR)
        continue;
    return got == process;
}

static bool asks_to_stop(int number)
{
    return number == SIGINT || number == SIGTERM || number == SIGHUP;
}

/* "fmgcam: a.npy: no such file" without the name of the program and what comes
 * before that line or behind it. */
static const char *error_in(char *said)
{
    static const char lead[] = "fmgcam: ";
    char *line = strstr(said, lead);
    char *text = line ? line + sizeof lead - 1 : said;
    text[strcspn(text, "\n")] = '\0';
    return *text ? text : "failed without saying why";
}

static void finish(job_pool *pool, job *slot,
                   void (*ended)(void *opaque, const job_end *end),
                   void *opaque)
{
    char text[64];
    job_end end = {.item = &slot->item,
                   .seconds = clock_seconds() - slot->start};
    close(slot->pipe);
    int how = 0;
    bool known = wait_for(slot->process, &how);
    slot->said[slot->said_size] = '\0';
    if (!known) {
        end.error = "nobody knows how it ended";
    } else if (WIFSIGNALED(how)) {
        snprintf(text, sizeof text, "was ended by signal %d (%s)",
                 WTERMSIG(how), strsignal(WTERMSIG(how)));
        end.error = text;
        end.was_ended = asks_to_stop(WTERMSIG(how));
    } else if (WEXITSTATUS(how) != 0) {
        end.error = error_in(slot->said);
    }
    slot->process = 0;
    pool->running--;
    ended(opaque, &end);
    batch_case_release(&slot->item);
}

/* More than fits is read and dropped, so that the child can go on.
 * @return false: it has ended. */
static bool listen_to(job *slot)
{
    char dropped[512];
    size_t room = SAID_SIZE - 1 - slot->said_size;
    ssize_t size = room ? read(slot->pipe, slot->said + slot->said_size, room)
                        : read(slot->pipe, dropped, sizeof dropped);
    if (size > 0 && room)
        slot->said_size += (size_t)size;
    return size > 0 || (size < 0 && errno == EINTR);
}

/* Those that run, in the order of their slots. @return how many. */
static nfds_t list_polls(const job_pool *pool)
{
    nfds_t count = 0;
    for (uint32_t i = 0; i < pool->most; i++)
        if (pool->jobs[i].process)
            pool->polls[count++] =
                (struct pollfd){.fd = pool->jobs[i].pipe, .events = POLLIN};
    return count;
}

/* Where it cannot be told who has something to say, the first one is waited
 * for. */
void jobs_wait(job_pool *pool, int milliseconds,
               void (*ended)(void *opaque, const job_end *end), void *opaque)
{
    nfds_t count = list_polls(pool), at = 0;
    int ready = poll(pool->polls, count, milliseconds);
    if (ready == 0 || (ready < 0 && errno == EINTR))
        return;
    if (ready < 0 && count > 0)
        pool->polls[0].revents = POLLIN;
    for (uint32_t i = 0; i < pool->most && at < count; i++) {
        job *slot = &pool->jobs[i];
        if (slot->process && pool->polls[at++].revents && !listen_to(slot))
            finish(pool, slot, ended, opaque);
    }
}

void jobs_end(job_pool *pool)
{
    for (uint32_t i = 0; i < pool->most; i++)
        if (pool->jobs[i].process)
            kill(pool->jobs[i].process, SIGTERM);
    for (uint32_t i = 0; i < pool->most; i++) {
        job *slot = &pool->jobs[i];
        int how;
        if (!slot->process)
            continue;
        wait_for(slot->process, &how);
        close(slot->pipe);
        batch_case_release(&slot->item);
        slot->process = 0;
    }
    pool->running = 0;
}
