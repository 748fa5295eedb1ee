/* SPDX-License-Identifier: MIT */
/*
 * The command in four steps: read the whole manifest once, so that a slip in it
 * is noticed before any work; run the cases that are not complete; then, in the
 * order of the manifest, write the summary and the index. Of a case the parent
 * remembers one byte.
 */
#include "batch/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch/batch_case.h"
#include "batch/batch_folder.h"
#include "batch/batch_jobs.h"
#include "batch/batch_options.h"
#include "batch/batch_progress.h"
#include "batch/batch_results.h"
#include "batch/batch_signals.h"
#include "diagnose.h"
#include "output.h"

enum { WAIT_MILLISECONDS = 100 }; /* between looks at the clock */

typedef struct batch_run {
    const batch_options *asked;
    batch_results results;
    batch_counts counts;
    progress bar;
    job_pool *pool;
} batch_run;

/* ---- Cases --------------------------------------------------------------- */

/* "fmgcam: ID (MANIFEST:LINE): what is wrong" */
static void say_failure(batch_run *run, const batch_row *row, const char *error)
{
    char where[4096];
    snprintf(where, sizeof where, "%s (%.3900s:%zu)", row->id,
             manifest_name(run->results.cases), row->line);
    progress_clear(&run->bar);
    fail(where, "%s", error);
}

static void fail_case(batch_run *run, const batch_case *item, const char *error,
                      double seconds)
{
    say_failure(run, &item->row, error);
    batch_case_record_failure(item, error, seconds);
    run->results.states[item->row.number] = CASE_FAILED;
    run->counts.failed++;
}

/* One that was ended when all were asked to is as if it had not begun. */
static void end_case(void *opaque, const job_end *end)
{
    batch_run *run = opaque;
    if (end->was_ended && signals_count())
        return;
    if (end->error) {
        fail_case(run, end->item, end->error, end->seconds);
        return;
    }
    run->results.states[end->item->row.number] = CASE_DONE;
    run->counts.done++;
}

static void wait_for_cases(batch_run *run)
{
    jobs_wait(run->pool, WAIT_MILLISECONDS, end_case, run);
    progress_show(&run->bar, &run->counts);
}

/* The system is out of what those that run will give back. */
static bool is_passing(const batch_run *run, int number)
{
    return jobs_running(run->pool) > 0 &&
           (number == EAGAIN || number == EMFILE || number == ENFILE ||
            number == ENOMEM);
}

/* Start it as soon as there is room, unless that takes a signal to come. */
static void wait_and_start(batch_run *run, batch_case *item)
{
    int number = EAGAIN;
    while (number && !signals_count()) {
        if (!jobs_are_full(run->pool))
            number = jobs_start(run->pool, item);
        if (number && !jobs_are_full(run->pool) && !is_passing(run, number)) {
            fail_case(run, item, strerror(number), 0);
            return;
        }
        if (number)
            wait_for_cases(run);
    }
}

/* Leave it out if it is complete. @p row is taken over. @return 0, or the exit
 * status. */
static int take_case(batch_run *run, batch_row *row)
{
    batch_case item;
    int status = batch_case_begin(run->asked, row, &item);
    if (!status && run->asked->resume && batch_case_is_complete(&item)) {
        run->results.states[item.row.number] = CASE_DONE;
        run->counts.complete++;
        progress_show(&run->bar, &run->counts);
    } else if (!status) {
        wait_and_start(run, &item);
    }
    batch_case_release(&item);
    return status;
}

/* ---- The work ------------------------------------------------------------ */

/* After a signal none is started, but those that are complete from before still
 * belong into the results. */
static bool goes_on(const batch_run *run)
{
    return signals_count() < (run->asked->resume ? 2 : 1);
}

/* @return 0, or the exit status of what ends the batch. */
static int start_all(batch_run *run)
{
    bool got = true;
    int status = manifest_restart(run->results.cases);
    while (!status && got && goes_on(run)) {
        batch_row row;
        status = manifest_next(run->results.cases, &row, &got);
        if (!status && got)
            status = take_case(run, &row);
        batch_row_release(&row);
    }
    return status;
}

/* What runs may finish, unless a second signal says otherwise. */
static void finish_all(batch_run *run)
{
    while (jobs_running(run->pool) && signals_count() < 2)
        wait_for_cases(run);
    if (signals_count() < 2)
        return;
    jobs_end(run->pool);
    progress_clear(&run->bar);
    signals_end_by(signals_first());
}

static int work(batch_run *run)
{
    run->pool =
        jobs_create(run->asked->jobs, manifest_descriptor(run->results.cases));
    if (!run->pool)
        return STATUS_FAILED;
    progress_begin(&run->bar);
    signals_watch();
    int status = start_all(run);
    finish_all(run);
    signals_release();
    progress_clear(&run->bar);
    jobs_destroy(run->pool);
    return status;
}

/* ---- Its results --------------------------------------------------------- */

static void say_counts(const batch_run *run)
{
    const batch_counts *counts = &run->counts;
    const batch_results *results = &run->results;
    size_t left = results->total - results->done - results->failed;
    char before[64] = "", rest[64] = "";
    if (counts->complete)
        snprintf(before, sizeof before, ", %zu of them before",
                 counts->complete);
    if (left)
        snprintf(rest, sizeof rest, ", %zu left", left);
    fprintf(stderr, "fmgcam: %zu case%s: %zu done%s, %zu failed%s; %.1f s\n",
            results->total, results->total == 1 ? "" : "s", results->done,
            before, results->failed, rest, progress_seconds(&run->bar));
    if (left)
        fputs("fmgcam: the same command with --resume does what is left\n",
              stderr);
}

static int write_results(batch_run *run)
{
    batch_results *results = &run->results;
    results->done = run->counts.done + run->counts.complete;
    results->failed = run->counts.failed;
    int summary = summary_write(results);
    int index = index_write(results);
    say_counts(run);
    return summary ? summary : index;
}

/* The batch must not write its results over its own list of cases. */
static int check_manifest(const batch_options *asked)
{
    static const char *const results[] = {"summary.csv", "index.html"};
    int status = 0;
    for (size_t i = 0; i < sizeof results / sizeof *results && !status; i++) {
        char *path = batch_path(asked->output, results[i], "");
        if (!path)
            status = STATUS_FAILED;
        else if (output_replaces(path, asked->manifest))
            status = fail_usage(asked->manifest,
                                "is where the batch writes its %s", results[i]);
        free(path);
    }
    return status;
}

static int run_cases(batch_run *run)
{
    int status = check_manifest(run->asked);
    if (!status)
        status = folder_claim(run->asked->output, run->asked->resume);
    if (status)
        return status;
    status = work(run);
    int written = write_results(run);
    if (signals_first())
        signals_end_by(signals_first());
    if (status || written)
        return STATUS_FAILED;
    return run->results.failed ? STATUS_FAILED : STATUS_DONE;
}

/* ---- The command --------------------------------------------------------- */

static int run_batch(const batch_options *options)
{
    batch_run run;
    memset(&run, 0, sizeof run);
    run.asked = run.results.asked = options;
    int status =
        manifest_open(options->manifest, options->format, &run.results.cases);
    if (!status)
        status = manifest_check(run.results.cases, &run.counts.total);
    if (!status) {
        run.results.total = run.counts.total;
        run.results.states = calloc(run.counts.total, 1);
        status = run.results.states ? run_cases(&run) : fail_memory();
    }
    free(run.results.states);
    manifest_close(run.results.cases);
    return status;
}

int batch_main(int argc, char **argv)
{
    batch_options options;
    int status = batch_parse(argc, argv, &options);
    if (!status && options.help)
        batch_print_help();
    else if (!status)
        status = run_batch(&options);
    batch_options_release(&options);
    return status;
}
