/* SPDX-License-Identifier: MIT */
/*
 * The legend: a table with a badge, a name and numbers for each class. Where it
 * is too narrow for columns of numbers, these stand under the name.
 */
#include "figure/figure_builder.h"

#include <stdbool.h>

typedef struct table {
    int32_t badge, name;           /* widths */
    int32_t values[FIGURE_VALUES]; /* 0: no such column */
    int32_t gap, row_gap;
    bool is_compact;
} table;

/* ---- Widths -------------------------------------------------------------- */

static int32_t values_width(const figure_builder *b, int column)
{
    const figure_content *content = b->content;
    const char *heading = content->value_names[column];
    int32_t width = figure_measure(b, heading, FIGURE_STYLE_SMALL, 0).width;
    for (uint32_t i = 0; i < content->class_count && heading; i++)
        width =
            larger(width, figure_measure(b, content->classes[i].values[column],
                                         FIGURE_STYLE_TEXT, 0)
                              .width);
    return width;
}

static int32_t names_width(const figure_builder *b)
{
    const figure_content *content = b->content;
    int32_t width = larger(
        figure_measure(b, content->name_heading, FIGURE_STYLE_SMALL, 0).width,
        figure_measure(b, content->unseen, FIGURE_STYLE_TEXT, 0).width);
    for (uint32_t i = 0; i < content->class_count; i++) {
        const figure_class *row = &content->classes[i];
        width = larger(
            width, figure_measure(b, row->name, FIGURE_STYLE_TEXT, 0).width);
        width = larger(
            width, figure_measure(b, row->note, FIGURE_STYLE_SMALL, 0).width);
    }
    return width;
}

/* With names of any width. */
static table open_table(const figure_builder *b)
{
    table t = {.badge = figure_badge_size(b).width,
               .gap = figure_pixels(b, 10),
               .row_gap = figure_pixels(b, 7)};
    for (int i = 0; i < FIGURE_VALUES; i++)
        t.values[i] = values_width(b, i);
    return t;
}

/* What is beside the name. */
static int32_t other_width(const table *t)
{
    int32_t width = t->badge + t->gap;
    for (int i = 0; i < FIGURE_VALUES && !t->is_compact; i++)
        if (t->values[i])
            width += 2 * t->gap + t->values[i];
    return width;
}

/* Very long names go over several lines, so that numbers are near short
 * ones. */
int32_t figure_legend_width(const figure_builder *b)
{
    table t = open_table(b);
    return other_width(&t) + smaller(names_width(b), figure_pixels(b, 340));
}

int32_t figure_legend_least_width(const figure_builder *b)
{
    const figure_content *content = b->content;
    table t = open_table(b);
    int32_t width = figure_pixels(b, 120);
    for (int i = 0; i < FIGURE_VALUES; i++)
        if (t.values[i])
            width = larger(width, figure_measure(b, content->value_names[i],
                                                 FIGURE_STYLE_SMALL, 0)
                                          .width +
                                      t.gap + t.values[i]);
    return t.badge + t.gap + width;
}

/* Names need room for some letters. */
static void fit_table(const figure_builder *b, int32_t width, table *t)
{
    int32_t wanted = smaller(names_width(b), figure_pixels(b, 120));
    t->is_compact = width - other_width(t) < wanted;
    t->name = width - other_width(t);
}

/* ---- Rows ---------------------------------------------------------------- */

/* A name and numbers in columns, on one baseline. */
typedef struct line {
    const char *name;
    const char *const *values; /* NULL: none */
    figure_style style;
} line;

static figure_size value_size(const figure_builder *b, const table *t,
                              const line *l, int column)
{
    bool is_there = l->values && t->values[column] && !t->is_compact;
    return figure_measure(b, is_there ? l->values[column] : NULL, l->style, 0);
}

/* From the top of the line; fonts of different scripts differ. */
static int32_t baseline_of(const figure_builder *b, const table *t,
                           const line *l)
{
    int32_t baseline = figure_measure(b, l->name, l->style, t->name).baseline;
    for (int i = 0; i < FIGURE_VALUES; i++)
        baseline = larger(baseline, value_size(b, t, l, i).baseline);
    return baseline;
}

/* Numbers end at the right edges of their columns. @return the bottom of the
 * name; @p bottom is moved to that of all, if it is lower. */
static int32_t put_text_line(figure_builder *b, const table *t, const line *l,
                             int32_t left, int32_t baseline, int32_t *bottom)
{
    int32_t right = left + t->badge + t->gap;
    figure_size name = figure_measure(b, l->name, l->style, t->name);
    figure_put_text(b, l->name, l->style, right, baseline - name.baseline,
                    t->name);
    right += t->name;
    for (int i = 0; i < FIGURE_VALUES; i++) {
        figure_size size = value_size(b, t, l, i);
        if (t->values[i])
            right += 2 * t->gap + t->values[i];
        if (l->values && size.height > 0)
            figure_put_text(b, l->values[i], l->style, right - size.width,
                            baseline - size.baseline, 0);
        *bottom = larger(*bottom, baseline - size.baseline + size.height);
    }
    *bottom = larger(*bottom, baseline - name.baseline + name.height);
    return baseline - name.baseline + name.height;
}

/* Numbers on lines of their own. @return the height. */
static int32_t put_values_under(figure_builder *b, const table *t,
                                const figure_class *row, int32_t left,
                                int32_t top)
{
    int32_t height = 0;
    for (int i = 0; i < FIGURE_VALUES; i++) {
        if (!t->values[i] || !row->values[i])
            continue;
        const char *heading = b->content->value_names[i];
        figure_size name = figure_measure(b, heading, FIGURE_STYLE_SMALL, 0);
        figure_size value =
            figure_measure(b, row->values[i], FIGURE_STYLE_SMALL, 0);
        int32_t baseline = top + height + larger(name.baseline, value.baseline);
        figure_put_text(b, heading, FIGURE_STYLE_SMALL, left,
                        baseline - name.baseline, 0);
        figure_put_text(b, row->values[i], FIGURE_STYLE_SMALL,
                        left + name.width + t->gap, baseline - value.baseline,
                        0);
        height += larger(name.height, value.height) + figure_pixels(b, 2);
    }
    return height;
}

/* A badge and what it stands for. @return the bottom of the name. */
static int32_t put_badge_line(figure_builder *b, const table *t,
                              figure_item_kind kind, uint32_t index,
                              const line *l, int32_t left, int32_t top,
                              int32_t *bottom)
{
    figure_size badge = figure_badge_size(b);
    int32_t baseline = top + larger(badge.baseline, baseline_of(b, t, l));
    figure_rect place = {left, baseline - badge.baseline, badge.width,
                         badge.height};
    figure_put(b, kind, index, place);
    *bottom = place.top + place.height;
    return put_text_line(b, t, l, left, baseline, bottom);
}

/* @return the height, as do all of these. */
static int32_t put_class(figure_builder *b, const table *t, uint32_t index,
                         int32_t left, int32_t top)
{
    const figure_class *row = &b->content->classes[index];
    line l = {row->name, row->values, FIGURE_STYLE_TEXT};
    int32_t bottom, name_left = left + t->badge + t->gap;
    int32_t under =
        put_badge_line(b, t, FIGURE_ITEM_BADGE, index, &l, left, top, &bottom);
    if (t->is_compact)
        under += put_values_under(b, t, row, name_left, under);
    under += figure_put_text(b, row->note, FIGURE_STYLE_SMALL, name_left, under,
                             t->name)
                 .height;
    return larger(bottom, under) - top;
}

static int32_t put_unseen(figure_builder *b, const table *t, int32_t left,
                          int32_t top)
{
    line l = {b->content->unseen, NULL, FIGURE_STYLE_TEXT};
    int32_t bottom;
    put_badge_line(b, t, FIGURE_ITEM_UNSEEN, 0, &l, left, top, &bottom);
    return bottom - top;
}

static int32_t put_headings(figure_builder *b, const table *t, int32_t left,
                            int32_t top)
{
    line l = {b->content->name_heading, b->content->value_names,
              FIGURE_STYLE_SMALL};
    int32_t bottom = top;
    if (t->is_compact)
        return 0;
    put_text_line(b, t, &l, left, top + baseline_of(b, t, &l), &bottom);
    return bottom - top + t->row_gap;
}

/* ---- The whole ----------------------------------------------------------- */

/* Rows from @p first to before @p end; the one after the classes is for what
 * was not seen. */
static int32_t put_column(figure_builder *b, const table *t, uint32_t first,
                          uint32_t end, int32_t left, int32_t top)
{
    int32_t at = top + put_headings(b, t, left, top);
    for (uint32_t i = first; i < end; i++) {
        at += i < b->content->class_count ? put_class(b, t, i, left, at)
                                          : put_unseen(b, t, left, at);
        if (i + 1 < end)
            at += t->row_gap;
    }
    return at - top;
}

int32_t figure_put_legend(figure_builder *b, int32_t left, int32_t top,
                          int32_t width, uint32_t columns)
{
    uint32_t rows =
        b->content->class_count + (b->content->unseen != NULL ? 1 : 0);
    uint32_t rows_each = (rows + columns - 1) / columns;
    int32_t space = figure_pixels(b, 40), height = 0;
    int32_t each = (width - (int32_t)(columns - 1) * space) / (int32_t)columns;
    each = smaller(each, figure_legend_width(b));
    table t = open_table(b);
    fit_table(b, each, &t);
    for (uint32_t first = 0; first < rows; first += rows_each) {
        uint32_t end = first + rows_each < rows ? first + rows_each : rows;
        height = larger(height, put_column(b, &t, first, end, left, top));
        left += each + space;
    }
    return height;
}
