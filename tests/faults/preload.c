/* SPDX-License-Identifier: MIT */
/*
 * To be preloaded: from the first line of main() on, the program is watched as
 * the plan says that lies in the file named by FMGCAM_TEST_FAULTS.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "allocations.h"
#include "calls.h"

static fault_plan *plan;
static int (*real_main)(int, char **, char **);

static uint32_t count_descriptors(void)
{
    uint32_t count = 0;
    for (int i = 0; i < 256; i++)
        count += fcntl(i, F_GETFD) != -1;
    return count;
}

static void take_stock(void)
{
    if (getpid() != plan->first_process)
        return;
    calls_watch(NULL);
    allocations_watch(NULL);
    plan->live = allocations_live();
    plan->descriptors = count_descriptors() - plan->descriptors;
}

static void fail(const char *what)
{
    fprintf(stderr, "preload: %s\n", what);
    _exit(99);
}

static void map_plan(const char *path)
{
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor < 0)
        fail("the plan cannot be opened");
    plan = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED,
                descriptor, 0);
    close(descriptor);
    if (plan == MAP_FAILED)
        fail("the plan cannot be mapped");
}

/* Libraries have threads, which take signals that the first one holds back. */
static void *idle(void *nothing)
{
    for (;;)
        pause();
    return nothing;
}

static void start_idle_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, idle, NULL))
        fail("no thread to be had");
}

static int watched_main(int argc, char **argv, char **environment)
{
    const char *path = getenv("FMGCAM_TEST_FAULTS");
    if (!path)
        return real_main(argc, argv, environment);
    map_plan(path);
    start_idle_thread();
    if (!calls_trap())
        fail("no seccomp");
    plan->first_process = getpid();
    plan->descriptors = count_descriptors();
    atexit(take_stock);
    calls_watch(plan);
    allocations_watch(plan);
    return real_main(argc, argv, environment);
}

typedef int start_function(int (*program)(int, char **, char **), int argc,
                           char **argv, void (*init)(void), void (*fini)(void),
                           void (*loader_fini)(void), void *stack_end);

start_function __libc_start_main;

__attribute__((visibility("default"))) int
__libc_start_main(int (*program)(int, char **, char **), int argc, char **argv,
                  void (*init)(void), void (*fini)(void),
                  void (*loader_fini)(void), void *stack_end)
{
    start_function *start;
    void *found = dlsym(RTLD_NEXT, "__libc_start_main");
    *(void **)&start = found;
    real_main = program;
    return start(watched_main, argc, argv, init, fini, loader_fini, stack_end);
}
