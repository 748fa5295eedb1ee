/* SPDX-License-Identifier: MIT */
/*
 * The text that the program reads: the first byte of an input says what it is
 * taken for. The rest is the text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch/batch_manifest.h"
#include "batch/batch_record.h"
#include "choices.h"
#include "compare/compare_classes.h"
#include "figure/figure_options.h"
#include "fuzz.h"
#include "labels.h"
#include "npy.h"
#include "options.h"
#include "preprocess.h"
#include "sandbox.h"

typedef void text_reader(const char *text, size_t size);

/* ---- Files --------------------------------------------------------------- */

static void read_labels(const char *text, size_t size)
{
    label_list labels;

    sandbox_write("labels.txt", text, size);
    int status = labels_read("labels.txt", &labels);
    require(status == 0 || (status == 1 && !labels.names && labels.count == 0),
            "status %d, %zu names", status, labels.count);
    if (status)
        return;
    for (size_t i = 0; i < labels.count; i++) {
        require(labels_is_text(labels.names[i], strlen(labels.names[i])),
                "name %zu is not text", i);
        labels_is_blank(labels.names[i]);
    }
    labels_release(&labels);
}

/* Twice: what is counted is what is read. */
static void read_manifest(const char *name, const char *text, size_t size)
{
    manifest *cases = NULL;
    size_t count = 0, rows = 0;
    bool got = true;

    sandbox_write(name, text, size);
    int status = manifest_open(name, MANIFEST_BY_SUFFIX, &cases);
    if (!status)
        status = manifest_check(cases, &count);
    require(status >= 0 && status <= 2, "status %d", status);
    int again = status ? status : manifest_restart(cases);
    while (!again && got) {
        batch_row row;
        again = manifest_next(cases, &row, &got);
        require(!again, "a row that was checked is refused");
        rows += got;
        batch_row_release(&row);
    }
    require(status || rows == count, "%zu rows of %zu", rows, count);
    manifest_close(cases);
}

static void read_json_lines(const char *text, size_t size)
{
    read_manifest("m.jsonl", text, size);
}

static void read_csv(const char *text, size_t size)
{
    read_manifest("m.csv", text, size);
}

static void read_report(const char *text, size_t size)
{
    class_list list;

    sandbox_write("report.json", text, size);
    json_t *report = record_read("report.json");
    json_decref(report);
    for (uint32_t count = 1; count <= 3; count++) {
        memset(&list, 0, sizeof list);
        int status = class_list_read("report.json", count, &list);
        require(status == 0 || status == 1, "status %d", status);
        require(status || (report && list.count == count), "%u classes of %u",
                (unsigned)list.count, (unsigned)count);
        class_list_release(&list);
    }
}

static void read_npy_header(const char *text, size_t size)
{
    npy_header header;
    char error[160] = "";
    bool good = npy_parse_header(text, size, &header, error, sizeof error);

    require(good || *error, "refused without a word");
    require(!good || (header.rank <= NPY_MAX_RANK &&
                      (header.item_size == 2 || header.item_size == 4 ||
                       header.item_size == 8)),
            "rank %u, items of %u bytes", (unsigned)header.rank,
            (unsigned)header.item_size);
}

/* ---- Words --------------------------------------------------------------- */

static void check_steps(const preprocess *chain)
{
    require(chain->count >= 1 && chain->count <= PREPROCESS_MOST_STEPS,
            "%u steps", (unsigned)chain->count);
    for (uint32_t i = 0; i < chain->count; i++)
        require(chain->steps[i].kind >= FMGCAM_STEP_STRETCH &&
                    chain->steps[i].kind <= FMGCAM_STEP_FLIP_VERTICAL,
                "a step of kind %u", (unsigned)chain->steps[i].kind);
}

static void read_preprocess(const char *text, size_t size)
{
    preprocess chain = {.count = 0};

    (void)size;
    if (preprocess_parse(text, &chain) == 0)
        check_steps(&chain);
}

static void read_numbers(const char *text, size_t size)
{
    uint32_t counts[4], width, height;
    double value;

    (void)size;
    options_parse_count(text, false, counts);
    options_parse_count(text, true, counts);
    options_parse_counts(text, ',', true, counts, 4);
    if (options_parse_number(text, &value))
        require(value - value == 0, "%g is not finite", value);
    if (options_parse_size(text, &width, &height) == 0)
        require(width >= 1 && height >= 1, "%u x %u", (unsigned)width,
                (unsigned)height);
}

static void read_choices(const char *text, size_t size)
{
    fmgcam_options options = {.struct_size = sizeof options};
    figure_options figure;

    (void)size;
    memset(&figure, 0, sizeof figure);
    for (int i = 0; i < CHOICE_OPTION_COUNT; i++)
        if (choice_parse(&choice_options[i], text, &options) == 0)
            require(strcmp(choice_name(&choice_options[i], &options), text) ==
                        0,
                    "%s has another name", text);
    for (int i = 0; i < FIGURE_OPTION_COUNT; i++)
        figure_set_option(i, text, &figure);
}

/* ---- Which --------------------------------------------------------------- */

static text_reader *const readers[] = {
    read_labels,     read_json_lines, read_csv,     read_report,
    read_npy_header, read_preprocess, read_numbers, read_choices};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    text_reader *reader = readers[data[0] % (sizeof readers / sizeof *readers)];
    char *text = malloc(size); /* one more than the text has */
    require(text, "no memory");
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    sandbox_enter();
    reader(text, size - 1);
    sandbox_leave();
    free(text);
    return 0;
}
