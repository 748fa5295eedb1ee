/* SPDX-License-Identifier: MIT */
/*
 * How far two stacks of maps agree, as numbers: no files, no messages.
 *
 * The two sides are A, 0, and B, 1. Maps of both have the same cells, and only
 * finite values. What is not defined is NaN; fmgcam.1 says when.
 */
#ifndef FMGCAM_TOOLS_COMPARE_MEASURE_H
#define FMGCAM_TOOLS_COMPARE_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two maps of the same class. */
typedef struct class_pair {
    uint32_t ranks[2]; /* of the class on each side */
} class_pair;

typedef struct comparison_input {
    const float *maps[2];    /* [classes, cells] */
    uint32_t classes[2];     /* of each side */
    size_t cells;            /* 1 or more */
    const class_pair *pairs; /* no rank twice on the same side */
    uint32_t pair_count;     /* 0 or more */
    bool scaled;             /* divide each side by its divisor first */
} comparison_input;

typedef struct pair_measures {
    double correlation; /* of ranks, Spearman's; NaN where a map is constant */
    double cosine;      /* NaN where a map is zero everywhere */
    double largest;     /* |a - b| */
    double mean;        /* of |a - b| */
    uint32_t pair;      /* where the largest is, the first one of several */
    size_t cell;
    size_t won[2], won_both; /* cells */
    double iou;              /* won by both over won by either; 1 where the
                                class wins no cell on either side */
} pair_measures;

typedef struct comparison {
    double divisors[2];   /* largest |value| of the maps in pairs; 1 where they
                             are zero or nothing is to be scaled */
    pair_measures *pairs; /* pair_count of them */
    pair_measures whole;  /* all pairs as one map; of none: NaN, iou too */
    size_t cells;
    size_t agreed;        /* cells with the same winner, or with none on both */
    size_t won;           /* cells with a winner on one side at least */
    size_t agreed_won;    /* of these, those with the same winner */
    double agreement;     /* agreed / cells */
    double agreement_won; /* NaN where no cell has a winner */
    double common;        /* classes of both over classes of either */
} comparison;

/* @return whether there was memory; then release @p result. */
bool comparison_measure(const comparison_input *input, comparison *result);
void comparison_release(comparison *result);

#define COMPARISON_NOBODY UINT32_MAX

/* Which of @p classes maps is the largest at a cell, the lowest rank among
 * equals; NOBODY where none is above 0. @p at is that cell of the first map, and
 * maps have @p cells. */
uint32_t comparison_winner(const float *at, uint32_t classes, size_t cells);

/* @p value of side @p side as differences are made of it. */
double comparison_scaled(const comparison *result, int side, float value);

#endif
