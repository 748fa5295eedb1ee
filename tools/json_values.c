/* SPDX-License-Identifier: MIT */
/* Numbers are printed and read in the C locale, which the program never
 * leaves. */
#include "json_values.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "labels.h"

/* ---- Reading ------------------------------------------------------------- */

/* Jansson's allocator belongs to the process, so this cannot belong to anything
 * smaller. */
static bool ran_out;

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    ran_out |= !memory;
    return memory;
}

static void begin(void)
{
    json_set_alloc_funcs(allocate, free);
    ran_out = false;
    errno = 0;
}

json_t *json_read(const char *text, size_t size, json_error_t *error)
{
    begin();
    return json_loadb(text, size, JSON_REJECT_DUPLICATES, error);
}

json_t *json_read_file(const char *path)
{
    begin();
    json_t *tree = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    ran_out |= !tree && errno == ENOMEM; /* its stream */
    return tree;
}

bool json_ran_out(void)
{
    return ran_out;
}

/* ---- Values -------------------------------------------------------------- */

json_t *json_of_text(const char *text, json_t *(*otherwise)(const char *text))
{
    return labels_is_text(text, strlen(text)) ? json_string(text)
                                              : otherwise(text);
}

/* Enough for any sum that was made of float32 values; with 17 digits, 0.6 would
 * come out as 0.59999999999999998. */
#define REAL_DIGITS 15

json_t *json_of_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_of_float(float value)
{
    char text[32];
    int digits = 1;
    if (!isfinite(value))
        return json_null();
    do
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
    while (strtof(text, NULL) != value && digits++ < 9);
    return json_real(strtod(text, NULL));
}

/* ---- Writing ------------------------------------------------------------- */

static int put_text(const char *text, size_t size, void *to)
{
    return output_put(to, text, size);
}

int json_write(const json_t *tree, output *to)
{
    if (!tree ||
        json_dump_callback(tree, put_text, to,
                           JSON_INDENT(2) | JSON_REAL_PRECISION(REAL_DIGITS)))
        return to->status ? to->status : fail_memory();
    return output_put(to, "\n", 1);
}
