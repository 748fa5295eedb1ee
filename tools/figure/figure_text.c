/* SPDX-License-Identifier: MIT */
/*
 * Glyphs stand where they would in print, without hinting of their widths: so a
 * text has the same lines in a PNG, a PDF and an SVG.
 */
#include "figure/figure_text.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <pango/pangocairo.h>

#include "diagnose.h"

/* ---- Fonts --------------------------------------------------------------- */

/* Pango has names of families even where it has no font. */
static bool has_fonts(const figure_fonts *fonts)
{
    PangoLayout *layout = pango_layout_new(fonts->context);
    pango_layout_set_text(layout, "0", -1);
    bool is_known = pango_layout_get_unknown_glyphs_count(layout) == 0;
    g_object_unref(layout);
    return is_known;
}

int figure_fonts_open(figure_fonts *fonts)
{
    fonts->map = pango_cairo_font_map_new();
    fonts->context = pango_font_map_create_context(fonts->map);
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    pango_cairo_context_set_font_options(fonts->context, options);
    cairo_font_options_destroy(options);
    pango_context_set_round_glyph_positions(fonts->context, FALSE);
    return has_fonts(fonts)
               ? 0
               : fail("figure", "no fonts are installed on this machine");
}

void figure_fonts_close(figure_fonts *fonts)
{
    g_clear_object(&fonts->context);
    g_clear_object(&fonts->map);
}

/* ---- A text in lines ----------------------------------------------------- */

/* NAME:VALUE is one word, such as a step of preprocessing; a line may be broken
 * at a comma between two. Not beyond @p most bytes: it has to fit into a line. */
static void keep_together(PangoAttrList *attributes, const char *text,
                          double most)
{
    for (size_t at = 0, length; text[at]; at += length) {
        length = strcspn(text + at, " ,\n");
        const char *colon = memchr(text + at, ':', length);
        bool is_pair = colon && colon + 1 < text + at + length;
        length += text[at + length] != '\0';
        if (is_pair && (double)length <= most) {
            PangoAttribute *whole = pango_attr_allow_breaks_new(FALSE);
            whole->start_index = (guint)at;
            whole->end_index = (guint)(at + length);
            pango_attr_list_insert(attributes, whole);
        }
    }
}

static PangoLayout *lay_out(const figure_fonts *fonts, const char *text,
                            figure_style style, double unit, int32_t width)
{
    bool bold = style == FIGURE_STYLE_TITLE || style == FIGURE_STYLE_HEADING ||
                style == FIGURE_STYLE_STRONG;
    PangoLayout *layout = pango_layout_new(fonts->context);
    PangoFontDescription *font = pango_font_description_new();
    pango_font_description_set_family_static(font, "Sans");
    pango_font_description_set_weight(font, bold ? PANGO_WEIGHT_BOLD
                                                 : PANGO_WEIGHT_NORMAL);
    pango_font_description_set_absolute_size(font, figure_style_sizes[style] *
                                                       unit * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_width(layout, width > 0 ? width * PANGO_SCALE : -1);
    /* A hyphen that is not in a name is wrong. */
    PangoAttrList *attributes = pango_attr_list_new();
    pango_attr_list_insert(attributes, pango_attr_insert_hyphens_new(FALSE));
    /* Few letters are wider than high. */
    keep_together(attributes, text, width / (figure_style_sizes[style] * unit));
    pango_layout_set_attributes(layout, attributes);
    pango_attr_list_unref(attributes);
    pango_layout_set_text(layout, text, -1);
    return layout;
}

/* What it takes, with glyphs that reach beyond their line, without the blanks
 * at which lines were broken; in pixels. */
typedef struct extents {
    double left, right, top, bottom, baseline;
} extents;

static extents extents_of(PangoLayout *layout)
{
    PangoRectangle ink, logical;
    int width = pango_layout_get_width(layout);
    pango_layout_get_extents(layout, &ink, &logical);
    double left = logical.x, right = logical.x + logical.width;
    if (width >= 0) {
        left = fmax(left, 0);
        right = fmin(right, width);
    }
    extents e;
    e.left = fmin(ink.x, left) / PANGO_SCALE;
    e.right = fmax(ink.x + ink.width, right) / PANGO_SCALE;
    e.top = fmin(ink.y, logical.y) / PANGO_SCALE;
    e.bottom =
        fmax(ink.y + ink.height, logical.y + logical.height) / PANGO_SCALE;
    e.baseline = (double)pango_layout_get_baseline(layout) / PANGO_SCALE;
    return e;
}

static figure_size measure(const void *opaque, const char *text,
                           figure_style style, double unit, int32_t width)
{
    PangoLayout *layout = lay_out(opaque, text, style, unit, width);
    extents e = extents_of(layout);
    g_object_unref(layout);
    int32_t baseline = (int32_t)ceil(e.baseline - e.top);
    return (figure_size){(int32_t)ceil(e.right - e.left),
                         baseline + (int32_t)ceil(e.bottom - e.baseline),
                         baseline};
}

figure_ruler figure_fonts_ruler(const figure_fonts *fonts)
{
    return (figure_ruler){fonts, measure};
}

void figure_draw_text(cairo_t *cr, const figure_fonts *fonts,
                      const figure_item *item, double unit)
{
    PangoLayout *layout =
        lay_out(fonts, item->text, item->style, unit, item->lines_width);
    extents e = extents_of(layout);
    cairo_move_to(cr, item->at.left - e.left,
                  item->at.top + ceil(e.baseline - e.top) - e.baseline);
    pango_cairo_show_layout(cr, layout);
    g_object_unref(layout);
}
