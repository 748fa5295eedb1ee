/* SPDX-License-Identifier: MIT */
/* Which map of A and which of B are of the same class. */
#ifndef FMGCAM_TOOLS_COMPARE_CLASSES_H
#define FMGCAM_TOOLS_COMPARE_CLASSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "compare/compare_measure.h"

typedef struct class_identity {
    json_int_t index;  /* where the list has indices */
    const char *label; /* UTF-8; NULL: not known */
} class_identity;

/* The classes of a report of `fmgcam explain`, in rank order. */
typedef struct class_list {
    const char *path; /* the caller's; NULL: there is no report */
    class_identity *classes;
    uint32_t count;
    bool has_indices, has_labels; /* all of them */
    json_t *report;               /* holds the labels */
} class_list;

/* Read the report @p path, which must have @p count classes.
 * @return 0, or the exit status; release in either case. */
int class_list_read(const char *path, uint32_t count, class_list *list);
void class_list_release(class_list *list);

enum { MATCHED_BY_RANK, MATCHED_BY_INDEX, MATCHED_BY_LABEL };

typedef struct class_pairing {
    const class_list *lists[2];
    int by;            /* MATCHED_BY_* */
    class_pair *pairs; /* in the order of A */
    uint32_t count;
    bool *is_paired[2]; /* each rank of each side */
    uint32_t classes[2];
} class_pairing;

/* Match the classes of A and B, of which there are @p counts.
 * @return 0, or the exit status; release in either case. */
int class_pairing_make(const class_list *a, const class_list *b,
                       const uint32_t counts[2], class_pairing *pairing);
void class_pairing_release(class_pairing *pairing);

/* What is known of a class: its index where @p has_index, its name or NULL. */
typedef struct class_name {
    bool has_index;
    json_int_t index;
    const char *label;
} class_name;

class_name class_name_of(const class_pairing *pairing, int side, uint32_t rank);

/* Of pair @p pair; B's label where A has none. */
class_name class_name_of_pair(const class_pairing *pairing, uint32_t pair);

/* "index", "label" or "rank" */
const char *class_pairing_by(const class_pairing *pairing);

#endif
