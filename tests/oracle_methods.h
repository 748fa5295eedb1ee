/* SPDX-License-Identifier: MIT */
/* The formulas of docs/methods.md as plain loops in double, with bounds on how
 * far the library's floats may be from them. Shares no code with lib/. */
#ifndef FMGCAM_TESTS_ORACLE_METHODS_H
#define FMGCAM_TESTS_ORACLE_METHODS_H

#include <stdbool.h>

#include "arrays.h"

/* Signed maps. */
typedef struct expected {
    double *maps, *bounds; /* [K, S] */
    uint64_t guarded;
    bool vague; /* a guard or a denominator is too close to call */
} expected;

void expected_init(expected *e, const problem *p, size_t classes);
void expected_free(expected *e);

/* @p method is FMGCAM_METHOD_*, but for grad-cam and contrastive. Eigenvectors
 * take time that grows with the third power of the channels. */
void expect_method(uint32_t method, const problem *p, expected *e);

#endif
