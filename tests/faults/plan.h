/* SPDX-License-Identifier: MIT */
/*
 * What is made to fail, and what was seen: a record that the test and the
 * program under test share. It lies in a file that both map, or in a variable
 * where they are one program. Counters go through all processes that the program
 * starts. test_program.py has the same layout in struct's words.
 */
#ifndef FMGCAM_TESTS_FAULTS_PLAN_H
#define FMGCAM_TESTS_FAULTS_PLAN_H

#include <stdint.h>

#define FAULT_CALLS_KEPT 8192

enum fault_kind {
    FAULT_NONE,
    FAULT_ERROR,         /* the call fails with detail as its errno */
    FAULT_SHORT,         /* it moves one byte */
    FAULT_SIGNAL_BEFORE, /* signal detail comes right before it, ... */
    FAULT_SIGNAL_AFTER,  /* ... or when it is done */
};

/* Parent and children run at the same time, so that their calls have numbers
 * that stay the same only apart. */
enum fault_process { CALLS_OF_ALL, CALLS_OF_FIRST, CALLS_OF_CHILDREN };

/* A call of the system that could have failed. */
typedef struct fault_call {
    int32_t number; /* __NR_* */
    int32_t first;  /* argument; of most calls a descriptor */
} fault_call;

typedef struct fault_plan {
    /* From the caller. Numbers count from 1; 0 is none. */
    uint32_t fail_allocation; /* this one fails ... */
    uint32_t and_all_after;   /* ... 1: and all others from there on */
    uint32_t fault_at;        /* this call of the system is disturbed ... */
    uint32_t kind;            /* FAULT_* */
    uint32_t detail;
    uint32_t and_same_after; /* ... 1: and each later one of its number */
    uint32_t whose_calls;    /* are counted and disturbed: CALLS_* */
    char spared[256]; /* "libglib libpango": who allocates without failing */

    /* To the caller. */
    int32_t first_process;
    uint32_t allocations;
    uint32_t allocations_failed;
    uint32_t live; /* blocks at the end of the first process */
    uint32_t calls;
    uint32_t calls_faulted;
    uint32_t descriptors; /* open at its end, less those at its start */
    fault_call seen[FAULT_CALLS_KEPT];
} fault_plan;

#endif
