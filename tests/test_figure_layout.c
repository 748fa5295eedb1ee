/* SPDX-License-Identifier: MIT */
/* Layouts of many figures: all that is to be shown is there, once, on the page,
 * and nothing lies over anything else. Texts are measured by a stand-in for
 * Pango. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tools/figure/figure_layout.h"

/* ---- A stand-in for Pango ------------------------------------------------ */

/* Letters are 0.6 of their height wide; lines are cut anywhere. Texts that
 * begin with '#' are of a script with high letters. */
static figure_size measure(const void *opaque, const char *text,
                           figure_style style, double unit, int32_t width)
{
    (void)opaque;
    double letter = figure_style_sizes[style] * unit;
    double high = text[0] == '#' ? 2.3 : 1.2;
    double advance = 0.6 * letter;
    size_t length = strlen(text), columns = length, lines = 1;
    if (width > 0) {
        columns = (size_t)(width / advance);
        columns = columns < 1 ? 1 : columns > length ? length : columns;
        lines = (length + columns - 1) / columns;
    }
    return (figure_size){(int32_t)ceil((double)columns * advance - 1e-9),
                         (int32_t)ceil((double)lines * high * letter),
                         (int32_t)ceil(0.8 * high * letter)};
}

static const figure_ruler ruler = {NULL, measure};

/* ---- Random figures ------------------------------------------------------ */

enum { MOST_CLASSES = 24, MOST_TEXT = 160 };

typedef struct figure {
    figure_content content;
    figure_panel main[2], panels[MOST_CLASSES];
    figure_class classes[MOST_CLASSES];
    char texts[8 * MOST_CLASSES + 16][MOST_TEXT];
    size_t text_count;
} figure;

static const char *make_text(rng *r, figure *f, uint32_t most)
{
    char *text = f->texts[f->text_count++];
    uint32_t length = 1 + rng_below(r, most);
    for (uint32_t i = 0; i < length; i++)
        text[i] = (char)('a' + rng_below(r, 26));
    if (rng_below(r, 5) == 0)
        text[0] = '#';
    text[length] = '\0';
    return text;
}

static const char *maybe_text(rng *r, figure *f, uint32_t most)
{
    return rng_below(r, 2) ? make_text(r, f, most) : NULL;
}

static void make_classes(rng *r, figure *f, bool has_panels)
{
    figure_content *content = &f->content;
    uint32_t longest = rng_below(r, 3) ? 25 : MOST_TEXT - 1;
    content->class_count = 1 + rng_below(r, MOST_CLASSES);
    content->classes = f->classes;
    content->panels = f->panels;
    content->panel_count = has_panels ? content->class_count : 0;
    for (uint32_t k = 0; k < content->class_count; k++) {
        figure_class *row = &f->classes[k];
        row->number = k ? f->classes[k - 1].number + 1 + rng_below(r, 40) : 1;
        row->name = make_text(r, f, longest);
        for (int i = 0; i < FIGURE_VALUES; i++)
            row->values[i] =
                content->value_names[i] ? make_text(r, f, 8) : NULL;
        row->note = rng_below(r, 6) ? NULL : make_text(r, f, 30);
        f->panels[k] = (figure_panel){.kind = FIGURE_SINGLE,
                                      .class_index = k,
                                      .caption = row->name,
                                      .detail = maybe_text(r, f, 20)};
    }
}

static void make_figure(rng *r, figure *f)
{
    static const uint32_t pictures[][2] = {
        {32, 32},   {48, 600},  {600, 48},  {451, 300}, {7680, 4320},
        {1, 1},     {3, 1},     {1, 65000}, {65000, 1}, {1024, 1024},
        {480, 640}, {224, 224}, {100, 1000}};
    size_t size = rng_below(r, COUNT_OF(pictures));
    memset(f, 0, sizeof *f);
    figure_content *content = &f->content;
    content->width = pictures[size][0];
    content->height = pictures[size][1];
    content->title = maybe_text(r, f, 100);
    content->main = f->main;
    content->main_count = 1 + rng_below(r, 2);
    for (uint32_t i = 0; i < content->main_count; i++)
        f->main[i] = (figure_panel){.class_index = FIGURE_NO_CLASS,
                                    .caption = make_text(r, f, 40),
                                    .ramp = {.count = rng_below(r, 2) ? 256 : 0,
                                             .low = make_text(r, f, 12),
                                             .high = make_text(r, f, 12)}};
    content->name_heading = make_text(r, f, 10);
    for (int i = 0; i < FIGURE_VALUES; i++)
        content->value_names[i] = maybe_text(r, f, 14);
    content->unseen = maybe_text(r, f, 30);
    make_classes(r, f, rng_below(r, 3) > 0);
    content->panels_title = maybe_text(r, f, 60);
    content->ramp = (figure_ramp){.count = rng_below(r, 2) ? 256 : 0,
                                  .low = make_text(r, f, 10),
                                  .high = make_text(r, f, 30),
                                  .meaning = maybe_text(r, f, 100)};
    content->caption = maybe_text(r, f, MOST_TEXT - 1);
    content->notice = maybe_text(r, f, 40);
}

/* ---- What must hold ------------------------------------------------------ */

static bool meet(figure_rect a, figure_rect b)
{
    return a.left < b.left + b.width && b.left < a.left + a.width &&
           a.top < b.top + b.height && b.top < a.top + a.height;
}

static void print_item(const char *what, const figure_page *page,
                       const figure_item *item)
{
    print_error("%s: kind %d '%s' at %d,%d %dx%d of %dx%d\n", what,
                (int)item->kind, item->text ? item->text : "", item->at.left,
                item->at.top, item->at.width, item->at.height, page->width,
                page->height);
}

static void check_places(const figure_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        const figure_item *a = &page->items[i];
        bool on_page = a->at.left >= 8 && a->at.top >= 8 && a->at.width > 0 &&
                       a->at.height > 0 &&
                       a->at.left + a->at.width <= page->width - 8 &&
                       a->at.top + a->at.height <= page->height - 8;
        if (!on_page)
            print_item("not on the page", page, a);
        assert_true(on_page);
        for (size_t j = i + 1; j < page->count; j++) {
            bool over = meet(a->at, page->items[j].at);
            if (over) {
                print_item("this", page, a);
                print_item("meets", page, &page->items[j]);
            }
            assert_false(over);
        }
    }
}

static size_t count_items(const figure_page *page, figure_item_kind kind,
                          uint32_t index)
{
    size_t count = 0;
    for (size_t i = 0; i < page->count; i++)
        count += page->items[i].kind == kind && page->items[i].index == index;
    return count;
}

static size_t count_text(const figure_page *page, const char *text)
{
    size_t count = 0;
    for (size_t i = 0; i < page->count; i++)
        count += page->items[i].text == text;
    return count;
}

static void expect_text(const figure_page *page, const char *text, size_t count)
{
    if (text && count_text(page, text) != count) {
        print_error("'%s' is there %zu times, not %zu\n", text,
                    count_text(page, text), count);
        fail();
    }
}

static void check_panels_are_there(const figure_page *page,
                                   const figure_content *content)
{
    for (uint32_t i = 0; i < content->main_count; i++) {
        assert_int_equal(count_items(page, FIGURE_ITEM_MAIN, i), 1);
        expect_text(page, content->main[i].caption, 1);
        bool has_ramp = content->main[i].ramp.count > 0;
        assert_int_equal(count_items(page, FIGURE_ITEM_MAIN_RAMP, i), has_ramp);
        expect_text(page, content->main[i].ramp.low, has_ramp);
        expect_text(page, content->main[i].ramp.high, has_ramp);
    }
    for (uint32_t i = 0; i < content->panel_count; i++) {
        assert_int_equal(count_items(page, FIGURE_ITEM_PANEL, i), 1);
        expect_text(page, content->panels[i].detail, 1);
    }
    bool has_panel_ramp = content->panel_count > 0 && content->ramp.count > 0;
    assert_int_equal(count_items(page, FIGURE_ITEM_RAMP, 0), has_panel_ramp);
    expect_text(page, content->ramp.low, has_panel_ramp);
    expect_text(page, content->ramp.high, has_panel_ramp);
    expect_text(page, content->ramp.meaning, has_panel_ramp);
    expect_text(page, content->panels_title, content->panel_count > 0);
}

static void check_all_is_there(const figure_page *page,
                               const figure_content *content)
{
    size_t shown = content->panel_count > 0 ? 2 : 1;
    for (uint32_t k = 0; k < content->class_count; k++) {
        const figure_class *row = &content->classes[k];
        assert_int_equal(count_items(page, FIGURE_ITEM_BADGE, k), shown);
        expect_text(page, row->name, shown);
        expect_text(page, row->note, 1);
        for (int i = 0; i < FIGURE_VALUES; i++)
            expect_text(page, row->values[i], 1);
    }
    assert_int_equal(count_items(page, FIGURE_ITEM_UNSEEN, 0),
                     content->unseen != NULL);
    expect_text(page, content->unseen, 1);
    expect_text(page, content->title, 1);
    expect_text(page, content->caption, 1);
    expect_text(page, content->notice, 1);
    check_panels_are_there(page, content);
}

/* Proportions are kept to a pixel; squares are all of one size. */
static void check_pictures(const figure_page *page,
                           const figure_content *content)
{
    for (size_t i = 0; i < page->count; i++) {
        const figure_item *item = &page->items[i];
        if (item->kind != FIGURE_ITEM_MAIN && item->kind != FIGURE_ITEM_PANEL)
            continue;
        double x = (double)item->at.width / content->width;
        double y = (double)item->at.height / content->height;
        double scale = content->width > content->height ? x : y;
        assert_true(fabs(item->at.width - scale * content->width) <= 1);
        assert_true(fabs(item->at.height - scale * content->height) <= 1);
        if (figure_shows_pixels(content->width, item->at.width) &&
            figure_shows_pixels(content->height, item->at.height))
            assert_true(x == floor(x) && x == y);
    }
}

/* Each badge is left of the name of its class, on the same lines. */
static void check_badges(const figure_page *page, const figure_content *content)
{
    for (size_t i = 0; i + 1 < page->count; i++) {
        const figure_item *badge = &page->items[i], *name = badge + 1;
        if (badge->kind != FIGURE_ITEM_BADGE)
            continue;
        assert_ptr_equal(name->text, content->classes[badge->index].name);
        assert_true(name->at.left > badge->at.left + badge->at.width);
        assert_true(name->at.top < badge->at.top + badge->at.height);
        assert_true(badge->at.top < name->at.top + name->at.height);
    }
}

/* The scale of a large picture is under it, and its ends under its ends. */
static void check_scales(const figure_page *page)
{
    for (size_t i = 0; i + 2 < page->count; i++) {
        const figure_item *bar = &page->items[i], *low = bar + 1;
        const figure_item *high = bar + 2, *main = bar;
        if (bar->kind != FIGURE_ITEM_MAIN_RAMP)
            continue;
        while (main->kind != FIGURE_ITEM_MAIN)
            main--;
        assert_int_equal(main->index, bar->index);
        assert_int_equal(bar->at.left, main->at.left);
        assert_true(bar->at.width >= main->at.width);
        assert_true(bar->at.top >= main->at.top + main->at.height);
        assert_int_equal(low->at.left, bar->at.left);
        assert_int_equal(high->at.left + high->at.width,
                         bar->at.left + bar->at.width);
        assert_true(low->at.top >= bar->at.top + bar->at.height);
    }
}

/* ---- Tests --------------------------------------------------------------- */

static void lay_out(figure *f, uint32_t width, figure_page *page)
{
    f->content.page_width = width;
    assert_int_equal(figure_lay_out(&f->content, &ruler, page), 0);
}

static void test_nothing_overlaps_and_all_is_there(void **state)
{
    (void)state;
    static const uint32_t widths[] = {
        FIGURE_WIDTH_LEAST, 480, 800, 1200, 1201, 3000, 16384};
    rng r;
    rng_init(&r, 1);
    figure *f = malloc(sizeof *f);
    assert_non_null(f);
    for (int turn = 0; turn < 3000; turn++) {
        figure_page page;
        make_figure(&r, f);
        uint32_t width = widths[rng_below(&r, COUNT_OF(widths))];
        lay_out(f, width, &page);
        assert_int_equal(page.width, width);
        check_places(&page);
        check_all_is_there(&page, &f->content);
        check_pictures(&page, &f->content);
        check_badges(&page, &f->content);
        check_scales(&page);
        figure_page_release(&page);
    }
    free(f);
}

/* A wider page than the default is the same page, enlarged, to half a pixel for
 * each of up to 80 heights and gaps that stand one under another. Texts are short
 * here: one that fits by less than a pixel may take a line more. */
static void test_wide_pages_are_enlarged(void **state)
{
    (void)state;
    rng r;
    rng_init(&r, 2);
    figure *f = malloc(sizeof *f);
    assert_non_null(f);
    for (int turn = 0; turn < 100; turn++) {
        figure_page one, two;
        make_figure(&r, f);
        for (size_t i = 0; i < f->text_count; i++)
            f->texts[i][3] = '\0';
        if (f->content.width < 1000 && f->content.height < 1000)
            continue; /* enlarged by whole numbers */
        lay_out(f, 1200, &one);
        lay_out(f, 2400, &two);
        assert_int_equal(one.count, two.count);
        assert_true(fabs(two.height - 2.0 * one.height) <= 80 * 0.5);
        figure_page_release(&one);
        figure_page_release(&two);
    }
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_overlaps_and_all_is_there),
        cmocka_unit_test(test_wide_pages_are_enlarged),
    };
    return cmocka_run_group_tests_name("figure-layout", tests, NULL, NULL);
}
