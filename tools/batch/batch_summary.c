/* SPDX-License-Identifier: MIT */
/* The table of all reports: one row for each class of each case that is done,
 * one for each other case. */
#include <stdio.h>
#include <stdlib.h>

#include "batch/batch_case.h"
#include "batch/batch_results.h"
#include "batch/csv.h"
#include "diagnose.h"
#include "output.h"

static const char header[] =
    "id,status,error,rank,index,label,score,probability,area,peak,mass,left,"
    "top,right,bottom,centroid_x,centroid_y,picture_left,picture_top,"
    "picture_right,picture_bottom,picture_x,picture_y,positive_share,"
    "contribution\r\n";

/* Members of a class in the report; those of arrays by their position. */
static const struct {
    const char *key;
    int position; /* -1: no array */
} columns[] = {
    {"rank", -1},
    {"index", -1},
    {"label", -1},
    {"score", -1},
    {"probability", -1},
    {"area", -1},
    {"peak", -1},
    {"mass", -1},
    {"box", 0},
    {"box", 1},
    {"box", 2},
    {"box", 3},
    {"centroid", 0},
    {"centroid", 1},
    {"picture_box", 0},
    {"picture_box", 1},
    {"picture_box", 2},
    {"picture_box", 3},
    {"picture_centroid", 0},
    {"picture_centroid", 1},
    {"positive_share", -1},
    {"contribution", -1},
};

enum { COLUMN_COUNT = sizeof columns / sizeof *columns, REAL_DIGITS = 15 };

/* Numbers have the digits of the report. What is null is left empty.
 * @return 0; not so where memory ran out. */
static int put_value(FILE *to, const json_t *value)
{
    if (json_is_string(value))
        csv_write_text(to, json_string_value(value));
    else if (json_is_number(value))
        return json_dumpf(value, to,
                          JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS));
    return 0;
}

static void put_lead(FILE *to, const case_result *result)
{
    static const char *const states[] = {"left", "done", "failed"};
    csv_write_text(to, result->row->id);
    fprintf(to, ",%s,", states[result->state]);
    if (result->error)
        csv_write_text(to, result->error);
}

/* @return as put_value(). */
static int put_class(FILE *to, const json_t *class)
{
    int bad = 0;
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        const json_t *value = json_object_get(class, columns[i].key);
        if (columns[i].position >= 0)
            value = json_array_get(value, (size_t)columns[i].position);
        putc(',', to);
        bad |= put_value(to, value);
    }
    fputs("\r\n", to);
    return bad;
}

/* Failures to write show when the file is finished. */
static int put_case(void *opaque, const case_result *result)
{
    FILE *to = opaque;
    const json_t *classes = json_object_get(result->report, "classes");
    int bad = 0;
    for (size_t i = 0; i < json_array_size(classes); i++) {
        put_lead(to, result);
        bad |= put_class(to, json_array_get(classes, i));
    }
    if (json_array_size(classes) == 0) {
        put_lead(to, result);
        bad |= put_class(to, NULL);
    }
    return bad && !ferror(to) ? fail_memory() : 0;
}

static int write_file(batch_results *results, const char *path, output_set *set)
{
    output *to;
    int status = output_begin(set, path, &to);
    if (status)
        return status;
    fputs(header, to->stream);
    status = results_each(results, put_case, to->stream);
    if (!status)
        status = output_finish(to);
    return status ? status : output_set_commit(set);
}

int summary_write(batch_results *results)
{
    output_set set = {.count = 0};
    char *path = batch_path(results->asked->output, "summary.csv", "");
    int status = path ? write_file(results, path, &set) : STATUS_FAILED;
    output_set_abandon(&set);
    free(path);
    return status;
}
