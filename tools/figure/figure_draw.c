/* SPDX-License-Identifier: MIT */
/* Item by item; what an item looks like depends on nothing but itself. */
#include "figure/figure_draw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"

typedef struct theme_colors {
    uint8_t paper[3], text[3], dim[3], frame[3];
} theme_colors;

static const theme_colors themes[] = {
    [FIGURE_LIGHT] = {{255, 255, 255},
                      {26, 26, 28},
                      {84, 87, 92},
                      {184, 186, 191}},
    [FIGURE_DARK] = {
        {20, 22, 24}, {237, 237, 240}, {179, 181, 189}, {82, 84, 92}}};

typedef struct painter {
    cairo_t *cr;
    const figure_content *content;
    const figure_page *page;
    const figure_fonts *fonts;
    const theme_colors *colors;
    bool by_pixels;
} painter;

static void set_color(const painter *p, const uint8_t rgb[3])
{
    cairo_set_source_rgb(p->cr, rgb[0] / 255.0, rgb[1] / 255.0, rgb[2] / 255.0);
}

static void add_rect(const painter *p, figure_rect at)
{
    cairo_rectangle(p->cr, at.left, at.top, at.width, at.height);
}

/* A line around, outside. */
static void frame(const painter *p, figure_rect at)
{
    double width = fmax(1, floor(p->page->unit));
    cairo_rectangle(p->cr, at.left - width / 2, at.top - width / 2,
                    at.width + width, at.height + width);
    cairo_set_line_width(p->cr, width);
    set_color(p, p->colors->frame);
    cairo_stroke(p->cr);
}

/* ---- Pixels -------------------------------------------------------------- */

/* In Cairo's format. */
static cairo_surface_t *surface_of(const picture *image)
{
    cairo_surface_t *surface = cairo_image_surface_create(
        CAIRO_FORMAT_RGB24, (int)image->width, (int)image->height);
    if (cairo_surface_status(surface))
        return surface;
    unsigned char *data = cairo_image_surface_get_data(surface);
    size_t stride = (size_t)cairo_image_surface_get_stride(surface);
    const uint8_t *rgb = image->rgb;
    for (uint32_t y = 0; y < image->height; y++) {
        for (uint32_t x = 0; x < image->width; x++, rgb += 3) {
            uint32_t pixel =
                (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
            memcpy(data + y * stride + (size_t)x * 4, &pixel, sizeof pixel);
        }
    }
    cairo_surface_mark_dirty(surface);
    return surface;
}

static void paint_surface(const painter *p, cairo_surface_t *surface,
                          figure_rect at, bool squares)
{
    double x = (double)at.width / cairo_image_surface_get_width(surface);
    double y = (double)at.height / cairo_image_surface_get_height(surface);
    cairo_save(p->cr);
    add_rect(p, at);
    cairo_clip(p->cr);
    cairo_translate(p->cr, at.left, at.top);
    cairo_scale(p->cr, x, y);
    cairo_set_source_surface(p->cr, surface, 0, 0);
    cairo_pattern_t *pattern = cairo_get_source(p->cr);
    cairo_pattern_set_filter(pattern, squares || p->by_pixels
                                          ? CAIRO_FILTER_NEAREST
                                          : CAIRO_FILTER_GOOD);
    cairo_pattern_set_extend(pattern, CAIRO_EXTEND_PAD);
    cairo_paint(p->cr);
    cairo_restore(p->cr);
}

/* How many pixels a picture needs, of which it has @p own, to be @p shown wide
 * or high: in print, up to three for one. Squares are drawn here, since viewers
 * blur what they enlarge. */
static uint32_t needed(const painter *p, uint32_t own, int32_t shown,
                       bool squares)
{
    uint32_t most = (uint32_t)shown * 3;
    if (p->by_pixels || squares)
        return (uint32_t)shown;
    return own < most ? own : most;
}

static int paint_picture(const painter *p, const picture *image, figure_rect at)
{
    bool squares = figure_shows_pixels(image->width, at.width) &&
                   figure_shows_pixels(image->height, at.height);
    uint32_t width = needed(p, image->width, at.width, squares);
    uint32_t height = needed(p, image->height, at.height, squares);
    picture resized = {0};
    bool as_it_is = width == image->width && height == image->height;
    int status = as_it_is ? 0
                          : picture_resize(image, width, height,
                                           squares ? FMGCAM_RESAMPLE_NEAREST
                                                   : FMGCAM_RESAMPLE_BICUBIC,
                                           &resized);
    if (status)
        return status;
    cairo_surface_t *surface = surface_of(as_it_is ? image : &resized);
    picture_release(&resized);
    paint_surface(p, surface, at, squares);
    cairo_surface_destroy(surface);
    return 0;
}

/* ---- What the network did not see ---------------------------------------- */

static void hatch_clipped(const painter *p, figure_rect at)
{
    double step = 7 * p->page->unit, width = 1.4 * p->page->unit;
    for (int i = 0; i * step < at.width + at.height; i++) {
        double x = at.left - at.height + i * step;
        cairo_move_to(p->cr, x, at.top + at.height);
        cairo_line_to(p->cr, x + at.height, at.top);
    }
    cairo_set_line_width(p->cr, width);
    cairo_set_source_rgba(p->cr, 1, 1, 1, 0.5);
    cairo_stroke(p->cr);
}

static void hatch_unseen(const painter *p, figure_rect at)
{
    const figure_content *content = p->content;
    double x = (double)at.width / content->width;
    double y = (double)at.height / content->height;
    double left = at.left + content->seen_left * x;
    double top = at.top + content->seen_top * y;
    if (!content->unseen)
        return;
    cairo_save(p->cr);
    add_rect(p, at);
    cairo_rectangle(p->cr, left, top,
                    (content->seen_right - content->seen_left) * x,
                    (content->seen_bottom - content->seen_top) * y);
    cairo_set_fill_rule(p->cr, CAIRO_FILL_RULE_EVEN_ODD);
    cairo_clip(p->cr);
    hatch_clipped(p, at);
    cairo_restore(p->cr);
}

static void draw_unseen(const painter *p, figure_rect at)
{
    cairo_save(p->cr);
    add_rect(p, at);
    cairo_clip(p->cr);
    cairo_set_source_rgb(p->cr, 0.45, 0.45, 0.45);
    cairo_paint(p->cr);
    hatch_clipped(p, at);
    cairo_restore(p->cr);
    frame(p, at);
}

/* ---- Contours ------------------------------------------------------------ */

/* From @p a to @p b, unless that is along the border of the map. */
static void add_segment(const painter *p, const contour_point *a,
                        const contour_point *b, figure_rect at)
{
    double x = (double)at.width / p->content->width;
    double y = (double)at.height / p->content->height;
    if (a->borders & b->borders) {
        cairo_new_sub_path(p->cr);
        return;
    }
    if (!cairo_has_current_point(p->cr))
        cairo_move_to(p->cr, at.left + a->x * x, at.top + a->y * y);
    cairo_line_to(p->cr, at.left + b->x * x, at.top + b->y * y);
}

static void add_lines(const painter *p, const contour_set *lines,
                      figure_rect at)
{
    size_t first = 0;
    for (size_t line = 0; line < lines->count; line++) {
        size_t end = lines->ends[line];
        cairo_new_sub_path(p->cr);
        for (size_t i = first; i < end; i++)
            add_segment(p, &lines->points[i],
                        &lines->points[i + 1 < end ? i + 1 : first], at);
        first = end;
    }
}

/* With a dark line under it, so that it is seen on any ground; thinner in small
 * pictures. */
static void draw_lines(const painter *p, const contour_set *lines,
                       const uint8_t color[3], figure_rect at)
{
    double side = fmin(at.width, at.height) / p->page->unit;
    double width = p->page->unit * fmin(fmax(side / 100, 0.8), 1.8);
    add_lines(p, lines, at);
    cairo_set_line_width(p->cr, 2 * width);
    cairo_set_source_rgba(p->cr, 0, 0, 0, 0.7);
    cairo_stroke_preserve(p->cr);
    cairo_set_line_width(p->cr, width);
    set_color(p, color);
    cairo_stroke(p->cr);
}

static void draw_contours(const painter *p, const figure_panel *panel,
                          figure_rect at)
{
    static const uint8_t white[3] = {255, 255, 255};
    const figure_content *content = p->content;
    cairo_save(p->cr);
    add_rect(p, at);
    cairo_clip(p->cr);
    cairo_set_line_join(p->cr, CAIRO_LINE_JOIN_ROUND);
    if (panel->kind == FIGURE_SINGLE)
        draw_lines(p, &content->classes[panel->class_index].alone, white, at);
    /* The first class is on top. */
    for (uint32_t k = content->class_count;
         k > 0 && panel->kind == FIGURE_FUSED; k--)
        draw_lines(p, &content->classes[k - 1].won,
                   content->classes[k - 1].color, at);
    cairo_restore(p->cr);
}

static int draw_panel(const painter *p, const figure_panel *panel,
                      figure_rect at)
{
    int status = paint_picture(p, &panel->pixels, at);
    if (panel->kind != FIGURE_PLAIN) {
        hatch_unseen(p, at);
        draw_contours(p, panel, at);
    }
    frame(p, at);
    return status;
}

/* ---- The rest ------------------------------------------------------------ */

/* Relative luminance by WCAG 2. */
static double luminance(const uint8_t rgb[3])
{
    static const double shares[3] = {0.2126, 0.7152, 0.0722};
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        double v = rgb[i] / 255.0;
        sum += shares[i] *
               (v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4));
    }
    return sum;
}

static void draw_badge(const painter *p, uint32_t index, figure_rect at)
{
    const uint8_t *color = p->content->classes[index].color;
    /* Where black and white differ from the colour by the same factor. */
    bool is_dark =
        (luminance(color) + 0.05) * (luminance(color) + 0.05) < 1.05 * 0.05;
    figure_ruler ruler = figure_fonts_ruler(p->fonts);
    char number[16];
    snprintf(number, sizeof number, "%u",
             (unsigned)p->content->classes[index].number);
    figure_size size = ruler.measure(ruler.opaque, number, FIGURE_STYLE_STRONG,
                                     p->page->unit, 0);
    figure_item item = {.at = {at.left + (at.width - size.width) / 2,
                               at.top + (at.height - size.height) / 2,
                               size.width, size.height},
                        .text = number,
                        .style = FIGURE_STYLE_STRONG};
    add_rect(p, at);
    set_color(p, color);
    cairo_fill(p->cr);
    frame(p, at);
    cairo_set_source_rgb(p->cr, is_dark, is_dark, is_dark);
    figure_draw_text(p->cr, p->fonts, &item, p->page->unit);
}

static int draw_ramp(const painter *p, const figure_ramp *ramp, figure_rect at)
{
    size_t row = (size_t)ramp->count * 3;
    picture colors = {0};
    int status = picture_allocate(ramp->count, 1, &colors);
    if (status)
        return status;
    memcpy(colors.rgb, ramp->colors, row);
    cairo_surface_t *surface = surface_of(&colors);
    picture_release(&colors);
    paint_surface(p, surface, at, true);
    cairo_surface_destroy(surface);
    frame(p, at);
    return 0;
}

static void draw_text(const painter *p, const figure_item *item)
{
    set_color(p, item->style == FIGURE_STYLE_SMALL ? p->colors->dim
                                                   : p->colors->text);
    figure_draw_text(p->cr, p->fonts, item, p->page->unit);
}

static int draw_item(const painter *p, const figure_item *item)
{
    switch (item->kind) {
    case FIGURE_ITEM_TEXT: draw_text(p, item); return 0;
    case FIGURE_ITEM_MAIN:
        return draw_panel(p, &p->content->main[item->index], item->at);
    case FIGURE_ITEM_PANEL:
        return draw_panel(p, &p->content->panels[item->index], item->at);
    case FIGURE_ITEM_BADGE: draw_badge(p, item->index, item->at); return 0;
    case FIGURE_ITEM_UNSEEN: draw_unseen(p, item->at); return 0;
    case FIGURE_ITEM_RAMP: return draw_ramp(p, &p->content->ramp, item->at);
    case FIGURE_ITEM_MAIN_RAMP:
        return draw_ramp(p, &p->content->main[item->index].ramp, item->at);
    }
    return 0;
}

int figure_draw(cairo_t *cr, const figure_content *content,
                const figure_page *page, const figure_fonts *fonts,
                bool by_pixels)
{
    painter p = {.cr = cr,
                 .content = content,
                 .page = page,
                 .fonts = fonts,
                 .colors = &themes[content->theme],
                 .by_pixels = by_pixels};
    int status = 0;
    set_color(&p, p.colors->paper);
    cairo_paint(cr);
    for (size_t i = 0; i < page->count && !status; i++)
        status = draw_item(&p, &page->items[i]);
    return status;
}
