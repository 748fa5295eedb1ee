/* SPDX-License-Identifier: MIT */
/* Texts as Pango sets them with the fonts that are there: what is drawn is
 * inside what was measured, to the half pixel that smooth edges take. */
#include "support.h"

#include <stdlib.h>

#include <cairo.h>

#include "../tools/figure/figure_text.h"

enum { SIDE = 900, MARGIN = 100 };

static const char *const texts[] = {
    "x",
    "Egyptian cat",
    "fjgpqy|()[]{}",
    "A name with many blanks in it, to be broken into lines, and one more",
    "Averylongnamewithoutanyblanksinitthatcannotbebrokenbetweenwords",
    "trailing blanks at the ends of lines      and      in      between",
    "ÅÄÖ Ţĥé čåţ Ậ̃ a\u0301\u0302\u0323\u0327\u0308",
    "Ελληνική γάτα με μακριά ουρά",
    "Рыжая кошка обыкновенная",
    "قطة مصرية قصيرة الشعر (Felis catus)",
    "חתול מצרי קצר שיער, ועוד",
    "मिस्री बिल्ली, छोटे बाल वाली",
    "埃及貓，短毛，原產於非洲東北部",
    "이집트 고양이 단모종 エジプシャン・マウ",
    "🐱 cat 👩🏽‍🚀 ภาษาไทย",
    "two\nlines\n\nand more",
    "name:value,WWWWW:WWWWW,mm:mmmmmmmm, letterbox:1024x1024,crop:9x9 a:b\nc:d",
};

static const int32_t widths[] = {0, 40, 73, 150, 292, 500};

/* Is anything drawn in a row or column outside? */
static bool is_clean(cairo_surface_t *surface, figure_rect at)
{
    const unsigned char *data = cairo_image_surface_get_data(surface);
    int stride = cairo_image_surface_get_stride(surface);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            bool inside = x >= at.left - 1 && x <= at.left + at.width &&
                          y >= at.top - 1 && y <= at.top + at.height;
            if (!inside && data[y * stride + x] > 0)
                return false;
        }
    return true;
}

static bool is_drawn_inside(const figure_fonts *fonts, figure_item item,
                            double unit)
{
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_A8, SIDE, SIDE);
    cairo_t *cr = cairo_create(surface);
    figure_draw_text(cr, fonts, &item, unit);
    cairo_destroy(cr);
    cairo_surface_flush(surface);
    bool clean = is_clean(surface, item.at);
    cairo_surface_destroy(surface);
    return clean;
}

static void check_text(const figure_fonts *fonts, const char *text,
                       figure_style style, double unit, int32_t width)
{
    figure_ruler ruler = figure_fonts_ruler(fonts);
    figure_size size = ruler.measure(ruler.opaque, text, style, unit, width);
    figure_item item = {.at = {MARGIN, MARGIN, size.width, size.height},
                        .text = text,
                        .style = style,
                        .lines_width = width};
    assert_true(size.width > 0 && size.height > 0);
    assert_true(size.baseline > 0 && size.baseline <= size.height);
    if (size.width > SIDE - 2 * MARGIN || size.height > SIDE - 2 * MARGIN)
        return;
    if (!is_drawn_inside(fonts, item, unit)) {
        print_error("'%s', style %d, unit %g, width %d: not inside %d x %d\n",
                    text, (int)style, unit, (int)width, (int)size.width,
                    (int)size.height);
        fail();
    }
}

static void test_texts_are_inside_what_was_measured(void **state)
{
    (void)state;
    figure_fonts fonts;
    assert_int_equal(figure_fonts_open(&fonts), 0);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        for (size_t j = 0; j < COUNT_OF(widths); j++)
            for (int style = 0; style < FIGURE_STYLE_COUNT; style++)
                check_text(&fonts, texts[i], (figure_style)style, 1, widths[j]);
    check_text(&fonts, texts[3], FIGURE_STYLE_TEXT, 1.37, 300);
    figure_fonts_close(&fonts);
}

/* Only a single letter can be wider than what there is for a line. */
static void test_lines_are_no_wider_than_asked(void **state)
{
    (void)state;
    figure_fonts fonts;
    assert_int_equal(figure_fonts_open(&fonts), 0);
    figure_ruler ruler = figure_fonts_ruler(&fonts);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        for (size_t j = 2; j < COUNT_OF(widths); j++) {
            figure_size size = ruler.measure(ruler.opaque, texts[i],
                                             FIGURE_STYLE_TEXT, 1, widths[j]);
            if (size.width > widths[j] + 2)
                print_error("'%s': %d, not %d\n", texts[i], (int)size.width,
                            (int)widths[j]);
            assert_true(size.width <= widths[j] + 2);
        }
    figure_fonts_close(&fonts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_inside_what_was_measured),
        cmocka_unit_test(test_lines_are_no_wider_than_asked),
    };
    return cmocka_run_group_tests_name("figure-text", tests, NULL, NULL);
}
