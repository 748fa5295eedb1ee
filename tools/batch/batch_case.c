/* SPDX-License-Identifier: MIT */
/* From a row and the defaults to a run of `fmgcam explain`. */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif

#include "batch/batch_case.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch/batch_clock.h"
#include "batch/batch_folder.h"
#include "batch/batch_record.h"
#include "diagnose.h"
#include "explain/explain.h"
#include "output.h"

/* ---- Outputs ------------------------------------------------------------- */

enum { OUTPUT_NAME_SIZE = 40 };

static const char *suffix_of(const char *name)
{
    static const char *const pictures[] = {"overlay", "heatmap", "figure"};
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        if (strcmp(name, pictures[i]) == 0)
            return ".png";
    return strcmp(name, "report") == 0 ? ".json" : ".npy";
}

static void name_output(int file, char name[OUTPUT_NAME_SIZE])
{
    snprintf(name, OUTPUT_NAME_SIZE, "%s%s", explain_file_names[file],
             suffix_of(explain_file_names[file]));
}

/* Without --write, the picture that can be made. */
static bool is_wanted(const batch_case *item, int file)
{
    bool has_image = settings_have(&item->settings, "image");
    if (item->asked->chooses || file == FILE_REPORT)
        return item->asked->writes[file];
    if (file == FILE_OVERLAY)
        return has_image;
    return file == FILE_HEATMAP && !has_image &&
           settings_have(&item->settings, "size");
}

static json_t *tree_of(const batch_case *item)
{
    char texts[FILE_COUNT][OUTPUT_NAME_SIZE];
    const char *names[FILE_COUNT];
    size_t count = 0;
    for (int i = FILE_FIRST_OUTPUT; i < FILE_COUNT; i++) {
        if (!is_wanted(item, i))
            continue;
        name_output(i, texts[count]);
        names[count] = texts[count];
        count++;
    }
    return record_made_of(&item->settings, names, count);
}

/* ---- Beginning ----------------------------------------------------------- */

char *batch_path(const char *folder, const char *id, const char *name)
{
    size_t size = strlen(folder) + strlen(id) + strlen(name) + 3;
    char *path = malloc(size);
    if (!path)
        fail_memory();
    else
        snprintf(path, size, "%s/%s%s%s", folder, id, *name ? "/" : "", name);
    return path;
}

static int add_all(setting_list *to, const setting_list *from,
                   const setting_list *except)
{
    for (size_t i = 0; i < from->count; i++) {
        const setting *item = &from->items[i];
        if (except && settings_have(except, item->name))
            continue;
        int status = settings_add(to, item->name, item->text, NULL);
        if (status)
            return status;
        if (item->path && !(to->items[to->count - 1].path = strdup(item->path)))
            return fail_memory();
    }
    return 0;
}

int batch_case_begin(const batch_options *asked, batch_row *row,
                     batch_case *item)
{
    memset(item, 0, sizeof *item);
    item->asked = asked;
    item->row = *row;
    memset(row, 0, sizeof *row);
    const setting_list *own = &item->row.settings;
    int status = add_all(&item->settings, &asked->defaults, own);
    if (!status)
        status = add_all(&item->settings, own, NULL);
    if (status)
        return status;
    item->folder = batch_path(asked->output, item->row.id, "");
    if (!item->folder)
        return STATUS_FAILED;
    item->made_of = tree_of(item);
    return item->made_of ? 0 : fail_memory();
}

void batch_case_release(batch_case *item)
{
    batch_row_release(&item->row);
    settings_release(&item->settings);
    free(item->folder);
    json_decref(item->made_of);
    memset(item, 0, sizeof *item);
}

/* ---- Complete? ----------------------------------------------------------- */

static bool is_whole(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISREG(found.st_mode) &&
           found.st_size > 0;
}

/* The report can be read, since the table and the pages are made of it. */
static bool is_report_readable(const char *path)
{
    json_t *report = record_read(path);
    json_decref(report);
    return report != NULL;
}

static bool has_outputs(const batch_case *item)
{
    const json_t *outputs = json_object_get(item->made_of, "outputs");
    for (size_t i = 0; i < json_array_size(outputs); i++) {
        const char *name = json_string_value(json_array_get(outputs, i));
        char *path = batch_path(item->folder, name, "");
        bool there = path && is_whole(path);
        if (there && strcmp(name, BATCH_REPORT_NAME) == 0)
            there = is_report_readable(path);
        free(path);
        if (!there)
            return false;
    }
    return true;
}

bool batch_case_is_complete(const batch_case *item)
{
    char *path = batch_path(item->folder, BATCH_RECORD_NAME, "");
    bool complete = path && record_is_current(path, item->made_of);
    free(path);
    return complete && has_outputs(item);
}

/* ---- Running ------------------------------------------------------------- */

/* An earlier run of the case is over, and may have been killed. */
static int make_folder(const batch_case *item)
{
    if (mkdir(item->folder, 0777) == 0)
        return 0;
    if (errno != EEXIST)
        return fail_system(item->folder, errno);
    folder_remove_leftovers(item->folder);
    return 0;
}

/* @p paths receives what options->files will point to. */
static int set_outputs(const batch_case *item, char *paths[FILE_COUNT],
                       explain_options *options)
{
    for (int i = FILE_FIRST_OUTPUT; i < FILE_COUNT; i++) {
        char name[OUTPUT_NAME_SIZE];
        if (!is_wanted(item, i))
            continue;
        name_output(i, name);
        paths[i] = batch_path(item->folder, name, "");
        if (!paths[i])
            return STATUS_FAILED;
        int status = explain_set(explain_file_names[i], paths[i], options);
        if (status)
            return status;
    }
    return 0;
}

static int set_options(const batch_case *item, explain_options *options)
{
    explain_init(options);
    for (size_t i = 0; i < item->settings.count; i++) {
        const setting *given = &item->settings.items[i];
        int status = explain_set(given->name, setting_value(given), options);
        if (status)
            return status;
    }
    return 0;
}

/* No case may read what the batch is about to write. */
static int check_record(const char *record, const explain_options *options)
{
    for (int i = 0; i < FILE_FIRST_OUTPUT; i++) {
        uint32_t layers = i < FILE_LAYERED ? options->layer_count[i] : 1;
        for (uint32_t j = 0; j < layers; j++) {
            const char *input =
                i < FILE_LAYERED ? options->layers[i][j] : options->files[i];
            if (input && output_replaces(record, input))
                return fail(input, "is the record of the case itself");
        }
    }
    return 0;
}

/* From here on an earlier record does not tell the truth. */
static int remove_record(const char *path)
{
    return unlink(path) == 0 || errno == ENOENT ? 0 : fail_system(path, errno);
}

static int run(const batch_case *item, explain_options *options,
               const char *record)
{
    double start = clock_seconds();
    int status = explain_check(options);
    if (!status)
        status = check_record(record, options);
    if (!status)
        status = make_folder(item);
    if (!status)
        status = remove_record(record);
    if (!status)
        status = explain_run_case(options);
    if (!status)
        status = record_write(record, item->row.id, item->made_of, NULL,
                              clock_seconds() - start);
    return status;
}

int batch_case_run(const batch_case *item)
{
    explain_options options;
    char *paths[FILE_COUNT] = {NULL};
    char *record = batch_path(item->folder, BATCH_RECORD_NAME, "");
    int status = record ? set_options(item, &options) : STATUS_FAILED;
    if (!status)
        status = set_outputs(item, paths, &options);
    if (!status)
        status = run(item, &options, record);
    for (int i = 0; i < FILE_COUNT; i++)
        free(paths[i]);
    free(record);
    return status;
}

int batch_case_record_failure(const batch_case *item, const char *error,
                              double seconds)
{
    int status = make_folder(item);
    char *record =
        status ? NULL : batch_path(item->folder, BATCH_RECORD_NAME, "");
    if (record)
        status =
            record_write(record, item->row.id, item->made_of, error, seconds);
    else if (!status)
        status = STATUS_FAILED;
    free(record);
    return status;
}
