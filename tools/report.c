/* SPDX-License-Identifier: MIT */
/* The report as a tree of jansson's, then as text. Numbers are printed and read
 * in the C locale, which the program never leaves. */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "choices.h"
#include "diagnose.h"
#include "measure.h"

/* Enough for any sum that was made of float32 values; with 17 digits, 0.6 would
 * come out as 0.59999999999999998. */
#define REAL_DIGITS 15

/* The json_*_set_new() and _append_new() functions take their value over even
 * when they fail, and fail when it is NULL: so a tree can be built without
 * looking at each step, which only leaves a mark in @p bad. */
static void set(json_t *object, const char *key, json_t *value, int *bad)
{
    *bad |= json_object_set_new(object, key, value);
}

static void append(json_t *array, json_t *value, int *bad)
{
    *bad |= json_array_append_new(array, value);
}

/* The decimal number with the fewest digits that is @p value in float32. */
static json_t *shortest(float value)
{
    char text[32];
    int digits = 1;
    do
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
    while (strtof(text, NULL) != value && digits++ < 9);
    return json_real(strtod(text, NULL));
}

static json_t *integers(const int64_t *values, size_t count, int *bad)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        append(array, json_integer(values[i]), bad);
    return array;
}

static json_t *options_tree(const report_facts *facts, int *bad)
{
    json_t *tree = json_object();
    for (size_t i = 0; i < CHOICE_OPTION_COUNT; i++)
        set(tree, choice_options[i].key,
            json_string(choice_name(&choice_options[i], facts->options)), bad);
    set(tree, "alpha", shortest(facts->options->alpha), bad);
    set(tree, "top", facts->top ? json_integer(facts->top) : json_null(), bad);
    return tree;
}

static json_t *centroid_tree(const class_measure *m, int *bad)
{
    if (!m->has_centroid)
        return json_null();
    json_t *tree = json_array();
    append(tree, json_real(m->x), bad);
    append(tree, json_real(m->y), bad);
    return tree;
}

static json_t *class_tree(const report_facts *facts, int64_t rank, int *bad)
{
    int64_t cells = facts->height * facts->width;
    class_measure m;
    measure_class(facts->class_maps + rank * cells, facts->winner,
                  facts->height, facts->width, (int32_t)rank, &m);
    const int64_t box[] = {m.left, m.top, m.right, m.bottom};
    bool named = (size_t)rank < facts->labels->count;

    json_t *tree = json_object();
    set(tree, "rank", json_integer(rank), bad);
    set(tree, "index", json_null(), bad);
    set(tree, "label",
        named ? json_string(facts->labels->names[rank]) : json_null(), bad);
    set(tree, "score", json_null(), bad);
    set(tree, "area", json_real((double)m.cells / (double)cells), bad);
    set(tree, "peak", shortest(m.peak), bad);
    set(tree, "mass", json_real(m.mass), bad);
    set(tree, "box", m.cells ? integers(box, 4, bad) : json_null(), bad);
    set(tree, "centroid", centroid_tree(&m, bad), bad);
    return tree;
}

/* @return NULL where memory ran out. */
static json_t *report_tree(const report_facts *facts)
{
    const int64_t shape[] = {facts->channels, facts->height, facts->width};
    int bad = 0;
    json_t *tree = json_object(), *classes = json_array();
    for (int64_t rank = 0; rank < facts->classes; rank++)
        append(classes, class_tree(facts, rank, &bad), &bad);
    set(tree, "version", json_integer(1), &bad);
    set(tree, "shape", integers(shape, 3, &bad), &bad);
    set(tree, "options", options_tree(facts, &bad), &bad);
    set(tree, "flat", json_boolean(facts->flat), &bad);
    set(tree, "classes", classes, &bad);
    if (bad) {
        json_decref(tree);
        return NULL;
    }
    return tree;
}

static int put_text(const char *text, size_t size, void *to)
{
    return output_put(to, text, size);
}

int report_write(const report_facts *facts, output *to)
{
    json_t *tree = report_tree(facts);
    if (!tree)
        return fail_memory();
    int bad = json_dump_callback(
        tree, put_text, to, JSON_INDENT(2) | JSON_REAL_PRECISION(REAL_DIGITS));
    json_decref(tree);
    if (bad)
        return to->status ? to->status : fail_memory();
    return output_put(to, "\n", 1);
}
