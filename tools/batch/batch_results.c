/* SPDX-License-Identifier: MIT */
/* One pass over the manifest, with what is in the folder of each case. */
#include "batch/batch_results.h"

#include <stdlib.h>

#include "batch/batch_case.h"
#include "batch/batch_record.h"
#include "diagnose.h"
#include "json_values.h"

/* One that is not there, or is damaged, fails its case, not all of them. */
static int read_result(const batch_results *results, const batch_row *row,
                       const char *name, json_t **tree)
{
    char *path = batch_path(results->asked->output, row->id, name);
    if (!path)
        return STATUS_FAILED;
    *tree = record_read(path);
    free(path);
    return !*tree && json_ran_out() ? fail_memory() : 0;
}

/* What the state says there is. */
static int read_results(const batch_results *results, const batch_row *row,
                        case_state state, json_t **record, json_t **report)
{
    int status = 0;
    if (state != CASE_LEFT)
        status = read_result(results, row, BATCH_RECORD_NAME, record);
    if (!status && state == CASE_DONE)
        status = read_result(results, row, BATCH_REPORT_NAME, report);
    return status;
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
    int status = read_results(results, row, result.state, &record, &report);
    if (!status && result.state == CASE_DONE && (!record || !report)) {
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
    if (!status)
        status = visit(opaque, &result);
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
