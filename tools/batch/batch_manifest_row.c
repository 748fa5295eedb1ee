/* SPDX-License-Identifier: MIT */
/* A key that is wrong is a slip in the manifest and ends the batch before it
 * begins. Whether a value is one that the option takes is not looked at here:
 * that is the case's own affair. */
#include "batch/batch_manifest_row.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "batch/batch_id.h"
#include "diagnose.h"
#include "explain/explain_options.h"
#include "json_values.h"
#include "labels.h"

/* ---- Keys ---------------------------------------------------------------- */

static bool may_repeat(const char *name)
{
    int file = explain_find_file(name, strlen(name));
    return file >= 0 && file < FILE_LAYERED;
}

/* Options whose value is a list, so that an array makes sense. */
static bool is_list(const char *name)
{
    return strcmp(name, "classes") == 0 || strcmp(name, "region") == 0;
}

static int check_key(const char *name, const row_place *place)
{
    bool with_value;
    if (strcmp(name, "id") == 0)
        return 0;
    if (explain_find_file(name, strlen(name)) >= FILE_FIRST_OUTPUT)
        return fail_usage(place->where,
                          "'%s' is an output, and where those of a case go is "
                          "not for its row to say; see --write",
                          name);
    if (strcmp(name, "help") == 0 || !explain_knows(name, &with_value))
        return fail_usage(place->where,
                          "'%s' is neither 'id' nor an option of "
                          "'fmgcam explain', without its dashes",
                          name);
    return 0;
}

/* ---- Values -------------------------------------------------------------- */

static int set_id(const char *text, const row_place *place, batch_row *row)
{
    int status = batch_id_check(text, place->where);
    if (!status)
        snprintf(row->id, sizeof row->id, "%s", text);
    return status;
}

static int add(const char *name, const char *text, const row_place *place,
               batch_row *row)
{
    return settings_add(&row->settings, name, text,
                        explain_is_input(name) ? place->folder : NULL);
}

static int refuse_value(const char *name, const char *expected,
                        const row_place *place)
{
    return fail_usage(place->where, "the value of '%s' is not %s", name,
                      expected);
}

/* ---- JSON ---------------------------------------------------------------- */

enum { NUMBER_SIZE = 40 };

/* The fewest digits that are the number. */
static void print_real(double value, char text[NUMBER_SIZE])
{
    int digits = 1;
    do
        snprintf(text, NUMBER_SIZE, "%.*g", digits, value);
    while (strtod(text, NULL) != value && digits++ < 17);
}

/* @return the text of a string or number; NULL for anything else. */
static const char *text_of(const json_t *value, char number[NUMBER_SIZE])
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value))
        snprintf(number, NUMBER_SIZE, "%lld",
                 (long long)json_integer_value(value));
    else if (json_is_real(value))
        print_real(json_real_value(value), number);
    else
        return NULL;
    return number;
}

static int add_each(const char *name, const json_t *array,
                    const row_place *place, batch_row *row)
{
    char number[NUMBER_SIZE];
    int status = 0;
    for (size_t i = 0; i < json_array_size(array) && !status; i++) {
        const char *text = text_of(json_array_get(array, i), number);
        status = text ? add(name, text, place, row)
                      : refuse_value(name, "an array of strings", place);
    }
    return status;
}

/* [281, 282] is "281,282". */
static int add_joined(const char *name, const json_t *array,
                      const row_place *place, batch_row *row)
{
    char number[NUMBER_SIZE];
    row_text joined = {NULL, 0, 0};
    int status = 0;
    for (size_t i = 0; i < json_array_size(array) && !status; i++) {
        const char *text = text_of(json_array_get(array, i), number);
        if (!text)
            status = refuse_value(name, "an array of numbers", place);
        if (i > 0 && !status)
            status = row_text_add(&joined, ',', place->where);
        for (; text && *text && !status; text++)
            status = row_text_add(&joined, *text, place->where);
    }
    if (!status)
        status = row_text_add(&joined, '\0', place->where);
    if (!status)
        status = add(name, joined.bytes, place, row);
    row_text_release(&joined);
    return status;
}

static int add_flag(const char *name, const json_t *value,
                    const row_place *place, batch_row *row)
{
    if (json_is_true(value))
        return add(name, "", place, row);
    return json_is_false(value) ? 0
                                : refuse_value(name, "true or false", place);
}

static int add_value(const char *name, const json_t *value,
                     const row_place *place, batch_row *row)
{
    char number[NUMBER_SIZE];
    bool with_value = true;
    if (json_is_null(value))
        return 0;
    if (explain_knows(name, &with_value) && !with_value)
        return add_flag(name, value, place, row);
    if (json_is_array(value) && may_repeat(name))
        return add_each(name, value, place, row);
    if (json_is_array(value) && is_list(name))
        return add_joined(name, value, place, row);
    const char *text = text_of(value, number);
    if (!text)
        return refuse_value(name, "a string or number", place);
    return strcmp(name, "id") == 0 ? set_id(text, place, row)
                                   : add(name, text, place, row);
}

static int add_members(json_t *object, const row_place *place, batch_row *row)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        int status = check_key(name, place);
        if (!status)
            status = add_value(name, value, place, row);
        if (status)
            return status;
    }
    return 0;
}

int row_from_json(const char *text, size_t size, const row_place *place,
                  batch_row *row)
{
    json_error_t error;
    json_t *object = json_read(text, size, &error);
    int status;
    if (!object && json_ran_out())
        status = fail_memory();
    else if (!object)
        status = fail_usage(place->where, "is not JSON: %s", error.text);
    else if (!json_is_object(object))
        status = fail_usage(place->where,
                            "is not an object; JSON lines expected, one "
                            "object a line");
    else
        status = add_members(object, place, row);
    json_decref(object);
    return status;
}

/* ---- CSV ----------------------------------------------------------------- */

int row_check_header(const csv_record *header, const row_place *place)
{
    for (size_t i = 0; i < header->count; i++) {
        const char *name = csv_field(header, i);
        int status = check_key(name, place);
        for (size_t j = 0; j < i && !status; j++)
            if (strcmp(csv_field(header, j), name) == 0 && !may_repeat(name))
                status = fail_usage(place->where,
                                    "'%s' is the name of two columns", name);
        if (status)
            return status;
    }
    return 0;
}

static int add_field(const char *name, const char *text, const row_place *place,
                     batch_row *row)
{
    bool with_value = true;
    if (!*text)
        return 0;
    if (!labels_is_text(text, strlen(text)))
        return refuse_value(name, "text in UTF-8", place);
    if (strcmp(name, "id") == 0)
        return set_id(text, place, row);
    if (!explain_knows(name, &with_value) || with_value)
        return add(name, text, place, row);
    if (strcmp(text, "true") == 0)
        return add(name, "", place, row);
    return strcmp(text, "false") == 0
               ? 0
               : refuse_value(name, "true, false or empty", place);
}

int row_from_csv(const csv_record *header, const csv_record *record,
                 const row_place *place, batch_row *row)
{
    if (record->count != header->count)
        return fail_usage(place->where, "has %zu fields, and the header %zu",
                          record->count, header->count);
    for (size_t i = 0; i < record->count; i++) {
        int status =
            add_field(csv_field(header, i), csv_field(record, i), place, row);
        if (status)
            return status;
    }
    return 0;
}
