/* SPDX-License-Identifier: MIT */
/* Pages of HTML to look through the results: they need no server, no script and
 * nothing from elsewhere. */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fmgcam/fmgcam.h>

#include "batch/batch_case.h"
#include "batch/batch_index_page.h"
#include "batch/batch_results.h"
#include "batch/html.h"
#include "choices.h"
#include "diagnose.h"
#include "output.h"

enum {
    CASES_ON_PAGE = 200,
    MOST_CLASSES = 8,   /* of a case; the report has all */
    MOST_OPEN = 10,     /* failures that are listed without being asked */
    MOST_FAILURES = 200 /* in the list; the summary has all */
};

/* The page that is being written. */
typedef struct index_writer {
    batch_results *results;
    size_t page; /* from 0 */
    char *path;  /* of its file */
    output_set set;
    output *output;
    FILE *to;               /* its stream */
    size_t failures;        /* in the list */
    size_t cases, by_class; /* done up to here; of these by --color-by class */
} index_writer;

static size_t page_of(const batch_row *row)
{
    return row->number / CASES_ON_PAGE;
}

/* ---- Classes ------------------------------------------------------------- */

/* "" where there is none. */
static const char *string_in(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Ranks count from 1, as in figures. */
static void put_name(FILE *to, const json_t *class)
{
    const json_t *rank = json_object_get(class, "rank");
    const json_t *label = json_object_get(class, "label");
    const json_t *index = json_object_get(class, "index");
    if (json_is_string(label) && *json_string_value(label))
        html_put_text(to, json_string_value(label));
    else if (json_is_integer(index))
        fprintf(to, "class %lld", (long long)json_integer_value(index));
    else
        fprintf(to, "rank %lld", (long long)json_integer_value(rank) + 1);
}

/* "80.3 %"; nothing if it is not known. */
static void put_share(FILE *to, const char *what, const json_t *class,
                      const char *key)
{
    const json_t *value = json_object_get(class, key);
    double share = 100 * json_number_value(value);
    if (!json_is_number(value))
        return;
    fprintf(to, " <span class=\"n\">%s ", what);
    fprintf(to, share >= 0.1 ? "%.1f" : "%.2g", share);
    fputs("&nbsp;%</span>", to);
}

static bool is_by_class(const json_t *report)
{
    const json_t *options = json_object_get(report, "options");
    return strcmp(string_in(options, "color_by"), "class") == 0;
}

/* Of the pictures, by the options in the report. With a colour map, a class has
 * none of its own. */
static bool find_color(const json_t *report, const json_t *class,
                       uint8_t rgb[3])
{
    const json_t *options = json_object_get(report, "options");
    const char *palette = string_in(options, "palette");
    const json_t *number =
        json_object_get(class, is_by_class(report) ? "index" : "rank");
    const choice *c = choice_option_named("palette")->choices;
    while (c->name && strcmp(c->name, palette) != 0)
        c++;
    return strcmp(string_in(options, "color_map"), "class") == 0 &&
           json_is_integer(number) &&
           fmgcam_palette_color(c->value, (uint32_t)json_integer_value(number),
                                rgb) == FMGCAM_STATUS_OK;
}

static void put_class(FILE *to, const json_t *report, const json_t *class)
{
    uint8_t rgb[3];
    fputs("<li>", to);
    if (find_color(report, class, rgb))
        fprintf(to, "<i style=\"background:#%02x%02x%02x\"></i>", rgb[0],
                rgb[1], rgb[2]);
    fputs("<span><bdi>", to);
    put_name(to, class);
    fputs("</bdi>", to);
    put_share(to, "p", class, "probability");
    put_share(to, "area", class, "area");
    fputs("</span></li>\n", to);
}

static void put_classes(FILE *to, const json_t *report)
{
    const json_t *classes = json_object_get(report, "classes");
    size_t count = json_array_size(classes);
    fputs("<ul>\n", to);
    for (size_t i = 0; i < count && i < MOST_CLASSES; i++)
        put_class(to, report, json_array_get(classes, i));
    fputs("</ul>\n", to);
    if (count > MOST_CLASSES)
        fprintf(to, "<p>and %zu more, in the report</p>\n",
                count - MOST_CLASSES);
    if (json_is_true(json_object_get(report, "flat")))
        fputs("<p>The maps are flat: there is nothing to see.</p>\n", to);
}

/* ---- A case -------------------------------------------------------------- */

static bool is_picture(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".png") == 0;
}

/* Of a file of case @p id. */
static void put_path(FILE *to, const char *id, const char *name)
{
    html_put_path(to, id);
    putc('/', to);
    html_put_path(to, name);
}

static void put_link(FILE *to, const char *id, const char *name)
{
    fputs("<a href=\"", to);
    put_path(to, id, name);
    fputs("\">", to);
}

/* The first picture of the case, if it has one. */
static void put_picture(FILE *to, const char *id, const json_t *outputs)
{
    for (size_t i = 0; i < json_array_size(outputs); i++) {
        const char *name = json_string_value(json_array_get(outputs, i));
        if (!name || !is_picture(name))
            continue;
        put_link(to, id, name);
        fputs("<img loading=\"lazy\" src=\"", to);
        put_path(to, id, name);
        fprintf(to, "\" alt=\"%.*s of ", (int)strcspn(name, "."), name);
        html_put_text(to, id);
        fputs("\"></a>\n", to);
        return;
    }
}

static void put_links(FILE *to, const char *id, const json_t *outputs)
{
    fputs("<p>", to);
    for (size_t i = 0; i < json_array_size(outputs); i++) {
        const char *name = json_string_value(json_array_get(outputs, i));
        if (!name)
            continue;
        put_link(to, id, name);
        html_put_text(to, name);
        fputs("</a>\n", to);
    }
    fputs("</p>\n", to);
}

static void put_case(FILE *to, const case_result *result)
{
    static const char *const states[] = {"left", "done", "failed"};
    const char *id = result->row->id;
    const json_t *outputs = json_object_get(result->record, "outputs");
    fprintf(to, "<article class=\"%s\" id=\"case-", states[result->state]);
    html_put_text(to, id);
    fputs("\">\n", to);
    if (result->state == CASE_DONE)
        put_picture(to, id, outputs);
    fputs("<h2>", to);
    html_put_text(to, id);
    fputs("</h2>\n", to);
    if (result->state == CASE_DONE) {
        put_classes(to, result->report);
        put_links(to, id, outputs);
    } else if (result->state == CASE_FAILED) {
        fputs("<p class=\"error\"><bdi>", to);
        html_put_text(to, result->error);
        fputs("</bdi></p>\n", to);
    } else {
        fputs("<p>not run yet</p>\n", to);
    }
    fputs("</article>\n", to);
}

/* ---- The list of failures ------------------------------------------------ */

static int put_failure(void *opaque, const case_result *result)
{
    index_writer *writer = opaque;
    FILE *to = writer->to;
    if (writer->failures++ >= MOST_FAILURES)
        return 0;
    fputs("<li><a href=\"", to);
    if (page_of(result->row) > 0) {
        char page[INDEX_NAME_SIZE];
        index_name_page(page_of(result->row), page);
        html_put_path(to, page);
    }
    fputs("#case-", to);
    html_put_path(to, result->row->id);
    fputs("\">", to);
    html_put_text(to, result->row->id);
    fputs("</a>: <bdi>", to);
    html_put_text(to, result->error);
    fputs("</bdi></li>\n", to);
    return 0;
}

static int put_failures(index_writer *writer)
{
    if (writer->results->failed == 0)
        return 0;
    size_t failed = writer->results->failed;
    fprintf(writer->to,
            "<details class=\"failures\"%s>\n"
            "<summary>%zu failed</summary>\n<ul>\n",
            failed > MOST_OPEN ? "" : " open", failed);
    int status = results_each_failed(writer->results, put_failure, writer);
    fputs("</ul>\n", writer->to);
    if (writer->failures > MOST_FAILURES)
        fprintf(writer->to, "<p>and %zu more, in summary.csv</p>\n",
                writer->failures - MOST_FAILURES);
    fputs("</details>\n", writer->to);
    return status;
}

/* ---- Pages --------------------------------------------------------------- */

static index_page describe_page(const index_writer *writer)
{
    const batch_results *results = writer->results;
    index_page page = {
        .title = manifest_name(results->cases),
        .notice = results->asked->notice,
        .total = results->total,
        .done = results->done,
        .failed = results->failed,
        .by_class = writer->cases && writer->by_class == writer->cases,
        .number = writer->page,
        .pages = (results->total + CASES_ON_PAGE - 1) / CASES_ON_PAGE,
        .first = writer->page * CASES_ON_PAGE,
    };
    page.last = page.first + CASES_ON_PAGE;
    if (page.last > page.total)
        page.last = page.total;
    return page;
}

static char *page_path(const index_writer *writer)
{
    char name[INDEX_NAME_SIZE];
    index_name_page(writer->page, name);
    return batch_path(writer->results->asked->output, name, "");
}

/* Up to where its cases begin. */
static int begin_page(index_writer *writer)
{
    writer->path = page_path(writer);
    if (!writer->path)
        return STATUS_FAILED;
    int status = output_begin(&writer->set, writer->path, &writer->output);
    if (status)
        return status;
    writer->to = writer->output->stream;
    index_page page = describe_page(writer);
    index_put_head(writer->to, &page);
    if (writer->page == 0)
        status = put_failures(writer);
    fputs("<main>\n", writer->to);
    return status;
}

/* Failures to write show here. */
static int end_page(index_writer *writer)
{
    fputs("</main>\n", writer->to);
    index_page page = describe_page(writer);
    index_put_foot(writer->to, &page);
    int status = output_finish(writer->output);
    if (!status)
        status = output_set_commit(&writer->set);
    free(writer->path);
    writer->path = NULL;
    writer->page++;
    return status;
}

static void count_colors(index_writer *writer, const case_result *result)
{
    if (result->state != CASE_DONE)
        return;
    writer->cases++;
    writer->by_class += is_by_class(result->report);
}

static int put_in_page(void *opaque, const case_result *result)
{
    index_writer *writer = opaque;
    int status = 0;
    if (page_of(result->row) != writer->page) {
        status = end_page(writer);
        if (!status)
            status = begin_page(writer);
    }
    if (!status) {
        put_case(writer->to, result);
        count_colors(writer, result);
    }
    return status;
}

/* ---- All of it ----------------------------------------------------------- */

/* Pages of an earlier run with more cases. */
static void remove_other_pages(index_writer *writer)
{
    bool removed = true;
    for (; removed; writer->page++) {
        char *path = page_path(writer);
        removed = path && unlink(path) == 0;
        free(path);
    }
}

int index_write(batch_results *results)
{
    index_writer writer = {.results = results};
    int status = begin_page(&writer);
    if (!status)
        status = results_each(results, put_in_page, &writer);
    if (!status)
        status = end_page(&writer);
    output_set_abandon(&writer.set);
    free(writer.path);
    if (!status)
        remove_other_pages(&writer);
    return status;
}
