/* SPDX-License-Identifier: MIT */
/*
 * malloc and its kin of the whole program, C library included: counted, failing
 * as planned, and with an account of what was not freed. Linking it is enough.
 */
#ifndef FMGCAM_TESTS_FAULTS_ALLOCATIONS_H
#define FMGCAM_TESTS_FAULTS_ALLOCATIONS_H

#include <stdint.h>

#include "plan.h"

/* From now on count in @p plan, and fail as it says; NULL: no more. */
void allocations_watch(fault_plan *plan);

/* Blocks that were allocated under watch and are not freed. */
uint32_t allocations_live(void);

/* Forget them. */
void allocations_forget(void);

#endif
