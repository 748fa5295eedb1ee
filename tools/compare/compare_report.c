/* SPDX-License-Identifier: MIT */
/* The comparison as a tree of jansson's, then as text. */
#include "compare/compare_report.h"

#include <math.h>

#include <jansson.h>

#include "choices.h"
#include "diagnose.h"
#include "json_values.h"

typedef struct report {
    const compare_options *options;
    const compare_inputs *inputs;
    const comparison *found;
    int bad; /* memory ran out */
} report;

/* As in report.c, both take the value over, NULL too. */
static void set(report *r, json_t *object, const char *key, json_t *value)
{
    r->bad |= json_object_set_new(object, key, value);
}

static void append(report *r, json_t *array, json_t *value)
{
    r->bad |= json_array_append_new(array, value);
}

static json_t *no_text(const char *text)
{
    (void)text;
    return json_null();
}

/* File names need not be UTF-8. */
static json_t *path_tree(const char *path)
{
    return path ? json_of_text(path, no_text) : json_null();
}

/* ---- What was compared --------------------------------------------------- */

static json_t *side_tree(report *r, int side)
{
    const compare_side *of = &r->inputs->sides[side];
    const int64_t shape[] = {of->classes, of->height, of->width};
    json_t *tree = json_object(), *array = json_array();
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        append(r, array, json_integer(shape[i]));
    set(r, tree, "maps", path_tree(of->maps_path));
    set(r, tree, "report", path_tree(of->report_path));
    set(r, tree, "shape", array);
    set(r, tree, "resampled", json_boolean(of->resampled));
    set(r, tree, "divisor", json_of_real(r->found->divisors[side]));
    return tree;
}

static json_t *options_tree(report *r)
{
    const choice_option *resample = choice_option_named("resample");
    json_t *tree = json_object();
    set(r, tree, "scale", json_string(r->options->unscaled ? "none" : "max"));
    set(r, tree, "resample",
        json_string(choice_name(resample, &r->inputs->settings)));
    return tree;
}

/* ---- Measures ------------------------------------------------------------ */

static void set_name(report *r, json_t *tree, const class_name *name)
{
    set(r, tree, "index",
        name->has_index ? json_integer(name->index) : json_null());
    set(r, tree, "label", name->label ? json_string(name->label) : json_null());
}

static json_t *cell_tree(report *r, const pair_measures *m)
{
    json_t *array = json_array();
    append(r, array, json_integer((json_int_t)(m->cell % r->inputs->width)));
    append(r, array, json_integer((json_int_t)(m->cell / r->inputs->width)));
    return array;
}

static void set_measures(report *r, json_t *tree, const pair_measures *m)
{
    double cells = (double)r->found->cells;
    set(r, tree, "correlation", json_of_real(m->correlation));
    set(r, tree, "cosine", json_of_real(m->cosine));
    set(r, tree, "iou", json_of_real(m->iou));
    set(r, tree, "area_a", json_of_real((double)m->won[0] / cells));
    set(r, tree, "area_b", json_of_real((double)m->won[1] / cells));
    set(r, tree, "difference", json_of_real(m->largest));
    set(r, tree, "difference_at",
        isnan(m->largest) ? json_null() : cell_tree(r, m));
    set(r, tree, "mean_difference", json_of_real(m->mean));
}

static json_t *pair_tree(report *r, uint32_t pair)
{
    const class_pair *of = &r->inputs->pairing.pairs[pair];
    class_name name = class_name_of_pair(&r->inputs->pairing, pair);
    json_t *tree = json_object();
    set(r, tree, "rank_a", json_integer(of->ranks[0]));
    set(r, tree, "rank_b", json_integer(of->ranks[1]));
    set_name(r, tree, &name);
    set_measures(r, tree, &r->found->pairs[pair]);
    return tree;
}

static json_t *only_tree(report *r, int side)
{
    const class_pairing *pairing = &r->inputs->pairing;
    json_t *array = json_array();
    for (uint32_t rank = 0; rank < pairing->classes[side]; rank++) {
        if (pairing->is_paired[side][rank])
            continue;
        class_name name = class_name_of(pairing, side, rank);
        json_t *tree = json_object();
        set(r, tree, "rank", json_integer(rank));
        set_name(r, tree, &name);
        append(r, array, tree);
    }
    return array;
}

/* The rank on side A of the class with the largest difference. */
static json_t *rank_of_largest(report *r)
{
    const pair_measures *whole = &r->found->whole;
    if (isnan(whole->largest))
        return json_null();
    return json_integer(r->inputs->pairing.pairs[whole->pair].ranks[0]);
}

static json_t *whole_tree(report *r)
{
    const comparison *found = r->found;
    json_t *tree = json_object();
    set(r, tree, "agreement", json_of_real(found->agreement));
    set(r, tree, "agreement_won", json_of_real(found->agreement_won));
    set(r, tree, "common", json_of_real(found->common));
    set_measures(r, tree, &found->whole);
    set(r, tree, "difference_rank_a", rank_of_largest(r));
    return tree;
}

/* ---- Thresholds ---------------------------------------------------------- */

static json_t *threshold_tree(report *r, int kind,
                              const threshold_result *result)
{
    const class_pairing *pairing = &r->inputs->pairing;
    bool of_class = threshold_kinds[kind].of_classes && pairing->count > 0;
    json_t *tree = json_object();
    set(r, tree, "threshold", json_of_real(r->options->thresholds[kind].value));
    set(r, tree, "found", json_of_real(result->found));
    set(r, tree, "rank_a",
        of_class ? json_integer(pairing->pairs[result->pair].ranks[0])
                 : json_null());
    set(r, tree, "met", json_boolean(result->met));
    return tree;
}

static void set_thresholds(report *r, json_t *tree)
{
    json_t *thresholds = json_object();
    bool met = true;
    for (int kind = 0; kind < THRESHOLD_COUNT; kind++) {
        if (!r->options->thresholds[kind].given)
            continue;
        threshold_result result = threshold_check(
            r->options->thresholds, kind, r->found, r->inputs->pairing.count);
        set(r, thresholds, threshold_kinds[kind].name,
            threshold_tree(r, kind, &result));
        met = met && result.met;
    }
    set(r, tree, "thresholds", thresholds);
    set(r, tree, "met", json_boolean(met));
}

/* ---- The report ---------------------------------------------------------- */

static json_t *report_tree(report *r)
{
    json_t *tree = json_object(), *size = json_array(), *pairs = json_array();
    append(r, size, json_integer(r->inputs->height));
    append(r, size, json_integer(r->inputs->width));
    for (uint32_t p = 0; p < r->inputs->pairing.count; p++)
        append(r, pairs, pair_tree(r, p));
    set(r, tree, "version", json_integer(1));
    set(r, tree, "a", side_tree(r, 0));
    set(r, tree, "b", side_tree(r, 1));
    set(r, tree, "options", options_tree(r));
    set(r, tree, "size", size);
    set(r, tree, "matched_by",
        json_string(class_pairing_by(&r->inputs->pairing)));
    set(r, tree, "pairs", pairs);
    set(r, tree, "only_a", only_tree(r, 0));
    set(r, tree, "only_b", only_tree(r, 1));
    set(r, tree, "whole", whole_tree(r));
    set_thresholds(r, tree);
    return tree;
}

int compare_write_report(const compare_options *options,
                         const compare_inputs *inputs, const comparison *found,
                         output *to)
{
    report r = {.options = options, .inputs = inputs, .found = found};
    json_t *tree = report_tree(&r);
    int status = json_write(r.bad ? NULL : tree, to);
    json_decref(tree);
    return status;
}
