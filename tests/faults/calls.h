/* SPDX-License-Identifier: MIT */
/*
 * Calls of the system, those that stdio makes included: counted, and disturbed
 * as planned. A seccomp filter hands each to a handler of SIGSYS in the program
 * itself, which carries it out, or does not.
 */
#ifndef FMGCAM_TESTS_FAULTS_CALLS_H
#define FMGCAM_TESTS_FAULTS_CALLS_H

#include <stdbool.h>

#include "plan.h"

/* Install the filter, for good. @return false where the system forbids it. */
bool calls_trap(void);

/* From now on count in @p plan, and disturb as it says; NULL: no more. */
void calls_watch(fault_plan *plan);

#endif
