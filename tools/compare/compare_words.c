/* SPDX-License-Identifier: MIT */
/* Names, numbers and the caption of the figure of a comparison. */
#include "compare/compare_figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "choices.h"
#include "compare/compare_thresholds.h"
#include "diagnose.h"
#include "labels.h"

/* How many classes of one side alone are named. */
enum { MOST_NAMED = 10 };

/* ---- Names of files ------------------------------------------------------ */

/* Where the last parts of @p path begin that tell it from @p other; the last
 * one where both are equal. */
static const char *last_parts(const char *path, const char *other)
{
    size_t i = strlen(path), j = strlen(other);
    const char *last = strrchr(path, '/');
    if (strcmp(path, other) == 0)
        return last ? last + 1 : path;
    while (i > 0 && j > 0 && path[i - 1] == other[j - 1]) {
        i--;
        j--;
    }
    if (i > 0 && j == 0 && path[i - 1] == '/')
        i--; /* all of the other one is the same */
    while (i > 0 && path[i - 1] != '/')
        i--;
    return path + i;
}

/* How many bytes of @p text the first letter has; 0 where there is none. */
static size_t letter_size(const char *text)
{
    for (size_t size = 1; size <= 4 && text[size - 1]; size++)
        if (labels_is_text(text, size))
            return size;
    return 0;
}

/* File names need not be UTF-8, and may have control characters. */
static void say_path(figure_caption *c, const char *path)
{
    while (*path) {
        size_t size = letter_size(path);
        bool is_shown = size > 0 && (unsigned char)*path >= 0x20 &&
                        (unsigned char)*path != 0x7f;
        figure_say(c, "%.*s", is_shown ? (int)size : 1, is_shown ? path : "?");
        path += size > 0 ? size : 1;
    }
}

/* ---- A and B ------------------------------------------------------------- */

/* In a folder the name of the file tells. */
static const char *kind_of_maps(const compare_figure *f, int side)
{
    static const char *const kinds[][2] = {{"/signed-maps.npy", "signed maps"},
                                           {"/class-maps.npy", "class maps"},
                                           {"/maps.npy", "final maps"}};
    const char *path = f->inputs->sides[side].maps_path;
    const char *name = strrchr(path, '/');
    bool is_in_folder = name && strcmp(path, f->asked->maps[side]) != 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && is_in_folder; i++)
        if (strcmp(name, kinds[i][0]) == 0)
            return kinds[i][1];
    return "maps";
}

static void describe_side(compare_figure *f, int side)
{
    const compare_side *of = &f->inputs->sides[side];
    char *detail = f->details[side];
    size_t size = sizeof f->details[side];
    figure_say(&f->names[side], "%c: ", "AB"[side]);
    say_path(&f->names[side],
             last_parts(of->maps_path, f->inputs->sides[1 - side].maps_path));
    int length = snprintf(detail, size, "%s of %u class%s, %ux%u cells",
                          kind_of_maps(f, side), (unsigned)of->classes,
                          of->classes == 1 ? "" : "es", (unsigned)of->width,
                          (unsigned)of->height);
    if (of->resampled)
        snprintf(detail + length, size - (size_t)length, ", resampled to %ux%u",
                 (unsigned)f->inputs->width, (unsigned)f->inputs->height);
    f->main[side].caption = f->names[side].text;
    f->main[side].detail = detail;
}

/* ---- A class ------------------------------------------------------------- */

static const char *name_class(const class_name *name, uint32_t rank,
                              char text[FIGURE_NAME_SIZE])
{
    int64_t index = name->index;
    return figure_name_class(name->label, name->has_index ? &index : NULL, rank,
                             text);
}

static const char *name_pair(const compare_figure *f, uint32_t pair,
                             char text[FIGURE_NAME_SIZE])
{
    const class_pairing *pairing = &f->inputs->pairing;
    class_name name = class_name_of_pair(pairing, pair);
    return name_class(&name, pairing->pairs[pair].ranks[0], text);
}

static const char *write_value(double value, char text[32])
{
    if (isnan(value))
        return "\xe2\x80\x93"; /* a dash */
    snprintf(text, 32, "%.3f", value);
    return text;
}

/* Why a class is not to be seen in the large pictures. */
static const char *note_missing(const pair_measures *m)
{
    if (m->won[0] == 0 && m->won[1] == 0)
        return "wins no cell";
    if (m->won[0] == 0)
        return "wins no cell in A";
    return m->won[1] == 0 ? "wins no cell in B" : NULL;
}

static void describe_pair(compare_figure *f, uint32_t pair)
{
    const pair_measures *m = &f->found->pairs[pair];
    figure_class *row = &f->classes[pair];
    figure_panel *panel = &f->panels[pair];
    compare_words *words = &f->words[pair];
    row->name = name_pair(f, pair, words->name);
    row->values[0] = write_value(m->correlation, words->values[0]);
    row->values[1] = write_value(m->iou, words->values[1]);
    row->note = note_missing(m);
    panel->caption = row->name;
    panel->detail = words->detail;
    if (m->largest > 0)
        snprintf(words->detail, sizeof words->detail, "largest difference %.3g",
                 m->largest);
    else
        snprintf(words->detail, sizeof words->detail, "no difference");
}

static void describe_ramp(compare_figure *f)
{
    figure_ramp *ramp = &f->content.ramp;
    double unit = f->tiles.units[TILE_DIFFERENCE];
    snprintf(f->ends[0], sizeof f->ends[0], "-%.3g: B is stronger", unit);
    snprintf(f->ends[1], sizeof f->ends[1], "%.3g: A is stronger", unit);
    ramp->low = f->ends[0];
    ramp->high = f->ends[1];
    ramp->meaning = "All panels have the same scale.";
}

/* ---- The caption --------------------------------------------------------- */

static void say_matching(compare_figure *f)
{
    const class_pairing *pairing = &f->inputs->pairing;
    const compare_side *sides = f->inputs->sides;
    figure_say(&f->caption,
               "Classes matched by %s: %u in both, of %u in A and %u in B. ",
               class_pairing_by(pairing), (unsigned)pairing->count,
               (unsigned)pairing->classes[0], (unsigned)pairing->classes[1]);
    if (sides[0].resampled || sides[1].resampled)
        figure_say(
            &f->caption, "Compared at %ux%u cells, resampling %s. ",
            (unsigned)f->inputs->width, (unsigned)f->inputs->height,
            choice_name(choice_option_named("resample"), &f->inputs->settings));
}

/* Each class that @p side alone has. */
static void say_others(compare_figure *f, int side)
{
    const class_pairing *pairing = &f->inputs->pairing;
    figure_caption *c = &f->caption;
    uint32_t said = 0, others = pairing->classes[side] - pairing->count;
    for (uint32_t rank = 0; rank < pairing->classes[side] && said < MOST_NAMED;
         rank++) {
        char text[FIGURE_NAME_SIZE];
        class_name name = class_name_of(pairing, side, rank);
        if (pairing->is_paired[side][rank])
            continue;
        if (said++ == 0)
            figure_say(c, "Only in %c: ", "AB"[side]);
        else
            figure_say(c, "; ");
        figure_say(c, "%s", name_class(&name, rank, text));
    }
    if (others > said)
        figure_say(c, " and %u more", (unsigned)(others - said));
    if (others > 0)
        figure_say(c, ". Cells that %s are left out. ",
                   others == 1 ? "it wins" : "these win");
}

static void say_scale(compare_figure *f)
{
    const double *divisors = f->found->divisors;
    if (f->asked->unscaled)
        figure_say(&f->caption, "Maps are compared as they are. ");
    else
        figure_say(&f->caption,
                   "Maps are divided by their largest magnitude, %.3g in A and "
                   "%.3g in B. ",
                   divisors[0], divisors[1]);
    figure_say(&f->caption,
               "A and B have the same scale, full colours at "
               "%.3g. ",
               f->tiles.units[TILE_A]);
    if (f->asked->preprocess.text)
        figure_say(&f->caption, "Preprocessing %s. ",
                   f->asked->preprocess.text);
}

static void say_agreement(compare_figure *f)
{
    const comparison *found = f->found;
    figure_say(&f->caption, "Winners agree in %zu of %zu cells (%.4f)",
               found->agreed, found->cells, found->agreement);
    if (found->won > 0)
        figure_say(&f->caption,
                   "; of those with a winner, in %zu of %zu (%.4f)",
                   found->agreed_won, found->won, found->agreement_won);
    figure_say(&f->caption, ". Correlation: of the ranks of the cells. IoU: "
                            "cells won in both over cells won in either. ");
}

static void say_threshold(compare_figure *f, int kind,
                          const threshold_result *result)
{
    const threshold_kind *what = &threshold_kinds[kind];
    uint32_t pairs = f->inputs->pairing.count;
    double limit = f->asked->thresholds[kind].value;
    figure_say(&f->caption, "%s %.15g (%s", what->name, limit,
               result->why ? "cannot be computed"
                           : threshold_format(result->found, limit).text);
    if (what->of_classes && pairs > 0) {
        char name[FIGURE_NAME_SIZE];
        figure_say(&f->caption, " for %s", name_pair(f, result->pair, name));
    }
    if (result->why)
        figure_say(&f->caption, ", since %s", result->why);
    figure_say(&f->caption, ")");
}

/* Those that are met, or those that are not. */
static void say_thresholds(compare_figure *f, bool met)
{
    int said = 0;
    for (int kind = 0; kind < THRESHOLD_COUNT; kind++) {
        if (!f->asked->thresholds[kind].given)
            continue;
        threshold_result result = threshold_check(
            f->asked->thresholds, kind, f->found, f->inputs->pairing.count);
        if (result.met != met)
            continue;
        figure_say(&f->caption, said++ ? ", "
                                : met  ? "Thresholds that are met: "
                                       : "Thresholds that are not met: ");
        say_threshold(f, kind, &result);
    }
    if (said)
        figure_say(&f->caption, ". ");
}

static void write_caption(compare_figure *f)
{
    if (f->content.caption)
        return;
    say_matching(f);
    say_others(f, 0);
    say_others(f, 1);
    say_scale(f);
    say_agreement(f);
    say_thresholds(f, false);
    say_thresholds(f, true);
    figure_say(&f->caption, "%s.", f->creator);
    f->content.caption = f->caption.text;
}

/* ---- All of them --------------------------------------------------------- */

int compare_make_words(compare_figure *f)
{
    figure_content *content = &f->content;
    figure_write_creator(f->creator);
    for (uint32_t pair = 0; pair < content->class_count; pair++)
        describe_pair(f, pair);
    describe_side(f, 0);
    describe_side(f, 1);
    describe_ramp(f);
    write_caption(f);
    content->name_heading = "Class";
    content->value_names[0] = "Correlation";
    content->value_names[1] = "IoU";
    content->panels_title = "A less B";
    content->creator = f->creator;
    bool failed = f->names[0].failed || f->names[1].failed || f->caption.failed;
    return failed ? fail_memory() : 0;
}
