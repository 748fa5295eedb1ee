/* SPDX-License-Identifier: MIT */
/* JSON by jansson. What is compared is all there in plain words, not a hash:
 * so the record also tells people how a case was made. */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif

#include "batch/batch_record.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <fmgcam/fmgcam.h>

#include "diagnose.h"
#include "explain/explain_options.h"
#include "json_values.h"
#include "output.h"

/* ---- Parts --------------------------------------------------------------- */

static json_t *plain_tree(const char *text)
{
    char *plain = strdup(text);
    for (char *at = plain; at && *at; at++)
        if ((unsigned char)*at > 0x7e)
            *at = '?';
    json_t *tree = plain ? json_string(plain) : NULL;
    free(plain);
    return tree;
}

/* Text that came from file names and messages may not be UTF-8. */
static json_t *text_tree(const char *text)
{
    return json_of_text(text, plain_tree);
}

static json_t *version_tree(void)
{
    return json_sprintf("%d.%d.%d", FMGCAM_VERSION_MAJOR, FMGCAM_VERSION_MINOR,
                        FMGCAM_VERSION_PATCH);
}

static json_t *options_tree(const setting_list *settings)
{
    json_t *array = json_array();
    int bad = 0;
    for (size_t i = 0; i < settings->count; i++) {
        json_t *pair = json_array();
        bad |= json_array_append_new(pair, text_tree(settings->items[i].name));
        bad |= json_array_append_new(pair, text_tree(settings->items[i].text));
        bad |= json_array_append_new(array, pair);
    }
    if (!bad)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *outputs_tree(const char *const *outputs, size_t count)
{
    json_t *array = json_array();
    int bad = 0;
    for (size_t i = 0; i < count; i++)
        bad |= json_array_append_new(array, json_string(outputs[i]));
    if (!bad)
        return array;
    json_decref(array);
    return NULL;
}

/* ---- Inputs -------------------------------------------------------------- */

/* Size and time of change; null for what is not there. */
static json_t *input_tree(const char *path)
{
    struct stat found;
    if (stat(path, &found) != 0)
        return json_null();
    return json_pack(
        "{s:I, s:I}", "size", (json_int_t)found.st_size, "modified_ns",
        (json_int_t)found.st_mtim.tv_sec * 1000000000 + found.st_mtim.tv_nsec);
}

static json_t *inputs_tree(const setting_list *settings)
{
    json_t *array = json_array();
    int bad = 0;
    for (size_t i = 0; i < settings->count; i++)
        if (explain_is_input(settings->items[i].name))
            bad |= json_array_append_new(
                array, input_tree(setting_value(&settings->items[i])));
    if (!bad)
        return array;
    json_decref(array);
    return NULL;
}

/* ---- The whole ----------------------------------------------------------- */

json_t *record_made_of(const setting_list *settings, const char *const *outputs,
                       size_t count)
{
    json_t *tree = json_object();
    int bad = json_object_set_new(tree, "program", version_tree());
    bad |= json_object_set_new(tree, "options", options_tree(settings));
    bad |= json_object_set_new(tree, "inputs", inputs_tree(settings));
    bad |= json_object_set_new(tree, "outputs", outputs_tree(outputs, count));
    if (!bad)
        return tree;
    json_decref(tree);
    return NULL;
}

static bool is_same(const json_t *one, const json_t *other, const char *key)
{
    return json_equal(json_object_get(one, key), json_object_get(other, key));
}

static bool has_same_inputs(const json_t *record, const json_t *now)
{
    const json_t *before = json_object_get(record, "inputs");
    const json_t *after = json_object_get(now, "inputs");
    if (json_array_size(before) != json_array_size(after))
        return false;
    for (size_t i = 0; i < json_array_size(after); i++) {
        const json_t *found = json_array_get(after, i);
        if (!json_is_null(found) &&
            !json_equal(json_array_get(before, i), found))
            return false;
    }
    return true;
}

bool record_is_current(const char *path, const json_t *made_of)
{
    json_t *record = record_read(path);
    const char *status = json_string_value(json_object_get(record, "status"));
    bool current = status && strcmp(status, "done") == 0 &&
                   is_same(record, made_of, "program") &&
                   is_same(record, made_of, "options") &&
                   is_same(record, made_of, "outputs") &&
                   has_same_inputs(record, made_of);
    json_decref(record);
    return current;
}

/* ---- Files --------------------------------------------------------------- */

/* Not what has nothing to say until someone writes to it. */
json_t *record_read(const char *path)
{
    struct stat found;
    if (stat(path, &found) != 0 || !S_ISREG(found.st_mode))
        return NULL;
    return json_read_file(path);
}

static json_t *record_tree(const char *id, json_t *made_of, const char *error,
                           double seconds)
{
    json_t *tree = json_object();
    int bad = json_object_set_new(tree, "version", json_integer(1));
    bad |= json_object_set_new(tree, "id", json_string(id));
    bad |= json_object_set_new(tree, "status",
                               json_string(error ? "failed" : "done"));
    bad |= json_object_set_new(tree, "error",
                               error ? text_tree(error) : json_null());
    bad |= json_object_set_new(tree, "seconds", json_of_float((float)seconds));
    bad |= json_object_update(tree, made_of);
    if (!bad)
        return tree;
    json_decref(tree);
    return NULL;
}

static int write_tree(const char *path, const json_t *tree, output_set *set)
{
    output *to;
    int status = output_begin(set, path, &to);
    if (!status)
        status = json_write(tree, to);
    if (!status)
        status = output_finish(to);
    return status ? status : output_set_commit(set);
}

int record_write(const char *path, const char *id, json_t *made_of,
                 const char *error, double seconds)
{
    json_t *tree = record_tree(id, made_of, error, seconds);
    output_set set = {.count = 0};
    int status = write_tree(path, tree, &set);
    output_set_abandon(&set);
    json_decref(tree);
    return status;
}
