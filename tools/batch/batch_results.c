/* SPDX-License-Identifier: MIT */
/* One pass over the manifest, with what is in the folder of each case. */
#include "batch/batch_results.h"

#include <stdlib.h>

#include "batch/batch_case.h"
#include "batch/batch_record.h"
#include "diagnose.h"

static json_t *read_from(const batch_results *results, const batch_row *row,
                         const char *name)
{
    char *path = batch_path(results->asked->output, row->id, name);
    json_t *tree = path ? record_read(path) : NULL;
    free(path);
    return tree;
}

static void mark_failed(batch_results *results, const batch_row *row)
{
    fail(row->id, "the report or the record cannot be read");
    results->states[row->number] = CASE_FAILED;
    results->done--;
    results->failed++;
}

static int visit_one(batch_results *results, const batch_row *row,
                     result_visitor visit, void *opaque)
{
    case_result result = {.row = row, .state = results->states[row->number]};
    json_t *record = NULL, *report = NULL;
    if (result.state != CASE_LEFT)
        record = read_from(results, row, BATCH_RECORD_NAME);
    if (result.state == CASE_DONE)
        report = read_from(results, row, BATCH_REPORT_NAME);
    if (result.state == CASE_DONE && (!record || !report)) {
        mark_failed(results, row);
        result.state = CASE_FAILED;
    }
    if (result.state == CASE_FAILED) {
        result.error = json_string_value(json_object_get(record, "error"));
        if (!result.error)
            result.error = "there is no record of what was wrong";
    }
    result.record = record;
    result.report = result.state == CASE_DONE ? report : NULL;
    int status = visit(opaque, &result);
    json_decref(record);
    json_decref(report);
    return status;
}

static int visit_all(batch_results *results, bool only_failed,
                     result_visitor visit, void *opaque)
{
    bool got = true;
    int status = manifest_restart(results->cases);
    while (!status && got) {
        batch_row row;
        status = manifest_next(results->cases, &row, &got);
        if (!status && got &&
            (!only_failed || results->states[row.number] == CASE_FAILED))
            status = visit_one(results, &row, visit, opaque);
        batch_row_release(&row);
    }
    return status;
}

int results_each(batch_results *results, result_visitor visit, void *opaque)
{
    return visit_all(results, false, visit, opaque);
}

int results_each_failed(batch_results *results, result_visitor visit,
                        void *opaque)
{
    return visit_all(results, true, visit, opaque);
}
