/* SPDX-License-Identifier: MIT */
/*
 * One case of a batch: what it is to be made of, and the record of how it went,
 * FOLDER/ID/case.json. The record is written last, so that a case with one that
 * says "done" is complete.
 */
#ifndef FMGCAM_TOOLS_BATCH_CASE_H
#define FMGCAM_TOOLS_BATCH_CASE_H

#include <stdbool.h>

#include <jansson.h>

#include "batch/batch_manifest.h"
#include "batch/batch_options.h"

typedef struct batch_case {
    const batch_options *asked;
    batch_row row;
    setting_list settings; /* defaults, and the row's in their place */
    char *folder;          /* FOLDER/ID */
    json_t *made_of;       /* program, options, inputs, outputs */
} batch_case;

/* Takes @p row over. Looks at the inputs' sizes and times: later changes are
 * noticed by batch_case_is_complete(). @return 0, or the exit status; release
 * in either case. */
int batch_case_begin(const batch_options *asked, batch_row *row,
                     batch_case *item);
void batch_case_release(batch_case *item);

/* Is it done, from the same options and inputs, with all outputs there? */
bool batch_case_is_complete(const batch_case *item);

/* Explain and record it. @return 0, or the exit status after saying what is
 * wrong; then nothing is recorded. */
int batch_case_run(const batch_case *item);

/* Record that it failed. @return 0, or the exit status. */
int batch_case_record_failure(const batch_case *item, const char *error,
                              double seconds);

/* FOLDER/ID/NAME, or without its end where @p name is "". NULL: out of memory,
 * which was said. */
char *batch_path(const char *folder, const char *id, const char *name);

#endif
