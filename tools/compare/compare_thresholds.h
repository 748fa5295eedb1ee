/* SPDX-License-Identifier: MIT */
/* What a comparison must reach, so that a script can rely on it. */
#ifndef FMGCAM_TOOLS_COMPARE_THRESHOLDS_H
#define FMGCAM_TOOLS_COMPARE_THRESHOLDS_H

#include <stdbool.h>

#include "compare/compare_classes.h"
#include "compare/compare_measure.h"

enum {
    THRESHOLD_AGREEMENT,
    THRESHOLD_COMMON,
    THRESHOLD_CORRELATION, /* this one and those below: of every class */
    THRESHOLD_COSINE,
    THRESHOLD_IOU,
    THRESHOLD_DIFFERENCE,
    THRESHOLD_MEAN_DIFFERENCE,
    THRESHOLD_COUNT
};

typedef struct threshold_kind {
    const char *name; /* of the option, without its dashes */
    double low, high; /* what it can be */
    bool is_most;     /* the measure may be at most that, else at least */
    bool of_classes;  /* the worst of the classes counts */
} threshold_kind;

extern const threshold_kind threshold_kinds[THRESHOLD_COUNT];

typedef struct threshold {
    bool given;
    double value;
} threshold;

typedef struct threshold_result {
    double found;    /* NaN: cannot be computed */
    const char *why; /* it cannot; NULL: it can */
    uint32_t pair;   /* the worst, of classes, where there are any */
    bool met;
} threshold_result;

/* Look at threshold @p kind, which is given. */
threshold_result threshold_check(const threshold *thresholds, int kind,
                                 const comparison *found, uint32_t pair_count);

typedef struct threshold_number {
    char text[32];
} threshold_number;

/* @p value with as few digits, from 4 on, as show on which side of @p limit it
 * is. */
threshold_number threshold_format(double value, double limit);

/* A line on stderr for each that is not met.
 * @return DONE, or UNMET if there is one. */
int threshold_say(const threshold *thresholds, const comparison *found,
                  const class_pairing *pairing);

#endif
