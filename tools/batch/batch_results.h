/* SPDX-License-Identifier: MIT */
/* What became of each case, in the order of the manifest. Records and reports
 * are read from the folder one at a time. */
#ifndef FMGCAM_TOOLS_BATCH_RESULTS_H
#define FMGCAM_TOOLS_BATCH_RESULTS_H

#include <jansson.h>

#include "batch/batch_manifest.h"
#include "batch/batch_options.h"

typedef enum case_state {
    CASE_LEFT, /* not run yet */
    CASE_DONE,
    CASE_FAILED
} case_state;

typedef struct batch_results {
    const batch_options *asked;
    manifest *cases;
    unsigned char *states; /* a case_state each */
    size_t total, done, failed;
} batch_results;

typedef struct case_result {
    const batch_row *row;
    case_state state;
    const char *error;             /* of a failed one */
    const json_t *record, *report; /* of a done one */
} case_result;

typedef int (*result_visitor)(void *opaque, const case_result *result);

/* @p visit each case; a done one whose report cannot be read is said to have
 * failed, and counts so from then on. @return 0, or the exit status. */
int results_each(batch_results *results, result_visitor visit, void *opaque);

/* Visit only those that failed. */
int results_each_failed(batch_results *results, result_visitor visit,
                        void *opaque);

/* Write FOLDER/summary.csv. @return 0, or the exit status. */
int summary_write(batch_results *results);

/* Write FOLDER/index.html, and as many more pages as it takes.
 * @return 0, or the exit status. */
int index_write(batch_results *results);

#endif
