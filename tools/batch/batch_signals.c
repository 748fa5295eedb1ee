/* SPDX-License-Identifier: MIT */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif
/* Handlers that count. */
#include "batch/batch_signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const int watched[] = {SIGINT, SIGTERM, SIGHUP};
#define WATCHED_COUNT (sizeof watched / sizeof *watched)

/* Signals belong to the process, so these cannot belong to anything smaller. */
static volatile sig_atomic_t count, first;

static void notice(int number)
{
    if (!first)
        first = number;
    count = count + 1;
}

static bool has_handler(int number, void (*handler)(int))
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 &&
           action.sa_handler == handler;
}

/* Without SA_RESTART, so that waiting ends. */
static void replace(void (*from)(int), void (*to)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = to;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < WATCHED_COUNT; i++)
        if (has_handler(watched[i], from))
            sigaction(watched[i], &action, NULL);
}

void signals_watch(void)
{
    replace(SIG_DFL, notice);
}

int signals_count(void)
{
    return count;
}

int signals_first(void)
{
    return first;
}

void signals_release(void)
{
    replace(notice, SIG_DFL);
}

void signals_end_by(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

pid_t signals_fork(void)
{
    sigset_t held, before;
    sigemptyset(&held);
    for (size_t i = 0; i < WATCHED_COUNT; i++)
        sigaddset(&held, watched[i]);
    sigprocmask(SIG_BLOCK, &held, &before);
    pid_t process = fork();
    int number = errno;
    if (process == 0) {
        replace(notice, SIG_DFL);
        signal(SIGINT, SIG_IGN);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = number;
    return process;
}
