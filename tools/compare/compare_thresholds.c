/* SPDX-License-Identifier: MIT */
/* What cannot be computed does not meet a threshold. */
#include "compare/compare_thresholds.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "diagnose.h"
#include "labels.h"

const threshold_kind threshold_kinds[THRESHOLD_COUNT] = {
    [THRESHOLD_AGREEMENT] = {"min-agreement", 0, 1, false, false},
    [THRESHOLD_COMMON] = {"min-common", 0, 1, false, false},
    [THRESHOLD_CORRELATION] = {"min-correlation", -1, 1, false, true},
    [THRESHOLD_COSINE] = {"min-cosine", -1, 1, false, true},
    [THRESHOLD_IOU] = {"min-iou", 0, 1, false, true},
    [THRESHOLD_DIFFERENCE] = {"max-difference", 0, DBL_MAX, true, true},
    [THRESHOLD_MEAN_DIFFERENCE] = {"max-mean-difference", 0, DBL_MAX, true,
                                   true},
};

/* ---- Checking ------------------------------------------------------------ */

static double value_of_pair(const pair_measures *found, int kind)
{
    switch (kind) {
    case THRESHOLD_CORRELATION: return found->correlation;
    case THRESHOLD_COSINE: return found->cosine;
    case THRESHOLD_IOU: return found->iou;
    case THRESHOLD_DIFFERENCE: return found->largest;
    default: return found->mean;
    }
}

/* Is @p value worse than @p than? NaN is the worst. */
static bool is_worse(const threshold_kind *kind, double value, double than)
{
    if (isnan(value) || isnan(than))
        return isnan(value) && !isnan(than);
    return kind->is_most ? value > than : value < than;
}

/* The first one of the worst. */
static void find_worst(int kind, const comparison *found, uint32_t pair_count,
                       threshold_result *result)
{
    result->found =
        pair_count ? value_of_pair(&found->pairs[0], kind) : (double)NAN;
    for (uint32_t p = 1; p < pair_count; p++) {
        double value = value_of_pair(&found->pairs[p], kind);
        if (is_worse(&threshold_kinds[kind], value, result->found)) {
            result->found = value;
            result->pair = p;
        }
    }
}

static const char *reason(int kind, uint32_t pair_count)
{
    if (pair_count == 0)
        return "no class is in both";
    return kind == THRESHOLD_COSINE ? "a map is zero everywhere"
                                    : "a map is constant";
}

threshold_result threshold_check(const threshold *thresholds, int kind,
                                 const comparison *found, uint32_t pair_count)
{
    const threshold_kind *what = &threshold_kinds[kind];
    threshold_result result = {0};
    double value = thresholds[kind].value;
    if (kind == THRESHOLD_AGREEMENT)
        result.found = found->agreement;
    else if (kind == THRESHOLD_COMMON)
        result.found = found->common;
    else
        find_worst(kind, found, pair_count, &result);
    if (isnan(result.found))
        result.why = reason(kind, pair_count);
    /* False where it is NaN. */
    result.met = what->is_most ? result.found <= value : result.found >= value;
    return result;
}

/* ---- Saying -------------------------------------------------------------- */

static bool is_on_same_side(double one, double other, double limit)
{
    return (one < limit) == (other < limit) && (one > limit) == (other > limit);
}

threshold_number threshold_format(double value, double limit)
{
    threshold_number number;
    for (int digits = 4; digits <= 17; digits++) {
        snprintf(number.text, sizeof number.text, "%.*g", digits, value);
        if (is_on_same_side(strtod(number.text, NULL), value, limit))
            break;
    }
    return number;
}

/* " for class 286 (Egyptian cat)"; "" where all classes are meant. */
static void format_class(const threshold_kind *kind, uint32_t pair,
                         const class_pairing *pairing, char *text, size_t size)
{
    char number[32] = "";
    if (!kind->of_classes || pairing->count == 0) {
        *text = '\0';
        return;
    }
    class_name name = class_name_of_pair(pairing, pair);
    if (name.has_index)
        snprintf(number, sizeof number, "class %lld", (long long)name.index);
    else
        snprintf(number, sizeof number, "rank %u",
                 pairing->pairs[pair].ranks[0]);
    if (!labels_is_blank(name.label))
        snprintf(text, size, " for %s (%s)", number, name.label);
    else
        snprintf(text, size, " for %s", number);
}

static int say_unmet(int kind, double limit, const threshold_result *result,
                     const class_pairing *pairing)
{
    const threshold_kind *what = &threshold_kinds[kind];
    char subject[40], of[4096];
    const char *side = what->is_most ? "most" : "least";
    snprintf(subject, sizeof subject, "--%s", what->name);
    format_class(what, result->pair, pairing, of, sizeof of);
    if (result->why)
        return fail_threshold(subject,
                              "cannot be computed%s, since %s; "
                              "expected at %s %.15g",
                              of, result->why, side, limit);
    return fail_threshold(subject, "%s%s, expected at %s %.15g",
                          threshold_format(result->found, limit).text, of, side,
                          limit);
}

int threshold_say(const threshold *thresholds, const comparison *found,
                  const class_pairing *pairing)
{
    int status = STATUS_DONE;
    for (int kind = 0; kind < THRESHOLD_COUNT; kind++) {
        if (!thresholds[kind].given)
            continue;
        threshold_result result =
            threshold_check(thresholds, kind, found, pairing->count);
        if (!result.met)
            status = say_unmet(kind, thresholds[kind].value, &result, pairing);
    }
    return status;
}
