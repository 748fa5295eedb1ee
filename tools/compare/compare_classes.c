/* SPDX-License-Identifier: MIT */
/* Class lists are short: matching looks at each with each. */
#include "compare/compare_classes.h"

#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "json_values.h"
#include "read_file.h"

#define MAX_REPORT_SIZE ((size_t)1 << 28)

/* ---- Reading a report ---------------------------------------------------- */

static int parse(const char *path, json_t **tree)
{
    char *bytes;
    size_t size;
    json_error_t error;
    int status = read_file(path, MAX_REPORT_SIZE, &bytes, &size);
    if (status)
        return status;
    *tree = json_read(bytes, size, &error);
    free(bytes);
    if (*tree)
        return 0;
    if (json_ran_out())
        return fail_memory();
    return fail(path, "not JSON: line %d: %s", error.line, error.text);
}

static int take_class(const json_t *tree, uint32_t rank, class_list *list)
{
    const json_t *index = json_object_get(tree, "index");
    const json_t *label = json_object_get(tree, "label");
    const json_t *given = json_object_get(tree, "rank");
    class_identity *identity = &list->classes[rank];
    if (!json_is_integer(given) || json_integer_value(given) != rank)
        return fail(list->path, "classes[%u]: \"rank\" is not %u", rank, rank);
    if (index && !json_is_null(index) &&
        !(json_is_integer(index) && json_integer_value(index) >= 0))
        return fail(list->path, "classes[%u]: \"index\" is no index", rank);
    if (label && !json_is_null(label) && !json_is_string(label))
        return fail(list->path, "classes[%u]: \"label\" is no text", rank);
    identity->index = json_integer_value(index);
    identity->label = json_string_value(label);
    list->has_indices = list->has_indices && json_is_integer(index);
    list->has_labels = list->has_labels && identity->label;
    return 0;
}

static int take_classes(class_list *list)
{
    const json_t *version = json_object_get(list->report, "version");
    const json_t *classes = json_object_get(list->report, "classes");
    if (!json_is_integer(version) || json_integer_value(version) != 1)
        return fail(list->path, "not a report: \"version\" is not 1");
    if (!json_is_array(classes))
        return fail(list->path, "not a report: \"classes\" is no array");
    if (json_array_size(classes) != list->count)
        return fail(list->path, "%zu classes; %u maps are given",
                    json_array_size(classes), list->count);
    list->classes = calloc(list->count, sizeof *list->classes);
    if (!list->classes)
        return fail_memory();
    list->has_indices = list->has_labels = true;
    int status = 0;
    for (uint32_t k = 0; k < list->count && !status; k++)
        status = take_class(json_array_get(classes, k), k, list);
    return status;
}

int class_list_read(const char *path, uint32_t count, class_list *list)
{
    memset(list, 0, sizeof *list);
    list->path = path;
    list->count = count;
    int status = parse(path, &list->report);
    return status ? status : take_classes(list);
}

void class_list_release(class_list *list)
{
    free(list->classes);
    json_decref(list->report);
    memset(list, 0, sizeof *list);
}

/* ---- Matching ------------------------------------------------------------ */

static bool is_same(int by, const class_list *a, uint32_t i,
                    const class_list *b, uint32_t j)
{
    const class_identity *one = &a->classes[i], *other = &b->classes[j];
    return by == MATCHED_BY_INDEX ? one->index == other->index
                                  : strcmp(one->label, other->label) == 0;
}

/* Would it be clear what is meant? */
static int check_unique(int by, const class_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        for (uint32_t j = 0; j < i; j++) {
            if (!is_same(by, list, i, list, j))
                continue;
            return fail(list->path,
                        "classes[%u] and classes[%u] have the same %s", j, i,
                        by == MATCHED_BY_INDEX ? "index" : "label");
        }
    return 0;
}

/* @return 0, or the exit status where one side knows its classes and the other
 * does not know them likewise. */
static int choose_match(const class_list *a, const class_list *b, int *by)
{
    *by = MATCHED_BY_RANK;
    if (a->has_indices && b->has_indices)
        *by = MATCHED_BY_INDEX;
    else if (a->has_labels && b->has_labels)
        *by = MATCHED_BY_LABEL;
    else if (a->has_indices || a->has_labels || b->has_indices || b->has_labels)
        return fail(b->path,
                    "cannot be matched with %s: classes have neither indices "
                    "nor labels in both",
                    a->path);
    return 0;
}

static void add_pair(class_pairing *pairing, uint32_t i, uint32_t j)
{
    pairing->pairs[pairing->count++] = (class_pair){{i, j}};
    pairing->is_paired[0][i] = true;
    pairing->is_paired[1][j] = true;
}

static int match(class_pairing *pairing)
{
    const class_list *a = pairing->lists[0], *b = pairing->lists[1];
    int status = check_unique(pairing->by, a);
    if (!status)
        status = check_unique(pairing->by, b);
    for (uint32_t i = 0; i < a->count && !status; i++)
        for (uint32_t j = 0; j < b->count; j++)
            if (is_same(pairing->by, a, i, b, j))
                add_pair(pairing, i, j);
    return status;
}

int class_pairing_make(const class_list *a, const class_list *b,
                       const uint32_t counts[2], class_pairing *pairing)
{
    uint32_t fewest = counts[0] < counts[1] ? counts[0] : counts[1];
    memset(pairing, 0, sizeof *pairing);
    pairing->lists[0] = a;
    pairing->lists[1] = b;
    pairing->pairs = calloc(fewest, sizeof *pairing->pairs);
    for (int side = 0; side < 2; side++) {
        pairing->classes[side] = counts[side];
        pairing->is_paired[side] =
            calloc(counts[side], sizeof *pairing->is_paired[side]);
    }
    if (!pairing->pairs || !pairing->is_paired[0] || !pairing->is_paired[1])
        return fail_memory();
    int status = choose_match(a, b, &pairing->by);
    if (status || pairing->by != MATCHED_BY_RANK)
        return status ? status : match(pairing);
    for (uint32_t k = 0; k < fewest; k++)
        add_pair(pairing, k, k);
    return 0;
}

void class_pairing_release(class_pairing *pairing)
{
    free(pairing->pairs);
    free(pairing->is_paired[0]);
    free(pairing->is_paired[1]);
    memset(pairing, 0, sizeof *pairing);
}

/* ---- Names --------------------------------------------------------------- */

class_name class_name_of(const class_pairing *pairing, int side, uint32_t rank)
{
    const class_list *list = pairing->lists[side];
    class_name name = {0};
    if (list->classes) {
        name.has_index = list->has_indices;
        name.index = list->classes[rank].index;
        name.label = list->classes[rank].label;
    }
    return name;
}

class_name class_name_of_pair(const class_pairing *pairing, uint32_t pair)
{
    const class_pair *of = &pairing->pairs[pair];
    class_name a = class_name_of(pairing, 0, of->ranks[0]);
    class_name b = class_name_of(pairing, 1, of->ranks[1]);
    if (pairing->by == MATCHED_BY_LABEL) /* indices of other networks */
        a.has_index = false;
    else if (!a.label)
        a.label = b.label;
    return a;
}

const char *class_pairing_by(const class_pairing *pairing)
{
    static const char *const names[] = {[MATCHED_BY_RANK] = "rank",
                                        [MATCHED_BY_INDEX] = "index",
                                        [MATCHED_BY_LABEL] = "label"};
    return names[pairing->by];
}
