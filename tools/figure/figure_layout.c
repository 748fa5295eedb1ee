/* SPDX-License-Identifier: MIT */
/*
 * From top to bottom: the title; the large pictures, with the legend beside or
 * under them, whichever leaves more of the page to the pictures; the small
 * panels in a grid, with their scale; the caption.
 */
#include "figure/figure_layout.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "figure/figure_builder.h"

const double figure_style_sizes[FIGURE_STYLE_COUNT] = {
    [FIGURE_STYLE_TITLE] = 21,
    [FIGURE_STYLE_HEADING] = 15.5,
    [FIGURE_STYLE_TEXT] = 14,
    [FIGURE_STYLE_STRONG] = 12.5,
    [FIGURE_STYLE_SMALL] = 12.5};

/* From here on an enlarged picture shows its pixels as squares, all of one
 * size; it is not enlarged more than to the second. */
#define SQUARES_FROM     4.0
#define MOST_ENLARGEMENT 12.0

/* ---- The builder --------------------------------------------------------- */

int32_t figure_pixels(const figure_builder *b, double length)
{
    return (int32_t)lround(length * b->page->unit);
}

figure_size figure_measure(const figure_builder *b, const char *text,
                           figure_style style, int32_t width)
{
    if (!text || !*text)
        return (figure_size){0, 0, 0};
    return b->ruler->measure(b->ruler->opaque, text, style, b->page->unit,
                             width);
}

static void put(figure_builder *b, figure_item item)
{
    b->page->items[b->page->count++] = item;
}

void figure_put(figure_builder *b, figure_item_kind kind, uint32_t index,
                figure_rect at)
{
    put(b, (figure_item){.kind = kind, .index = index, .at = at});
}

figure_size figure_put_text(figure_builder *b, const char *text,
                            figure_style style, int32_t left, int32_t top,
                            int32_t width)
{
    figure_size size = figure_measure(b, text, style, width);
    if (size.height > 0)
        put(b, (figure_item){.kind = FIGURE_ITEM_TEXT,
                             .at = {left, top, size.width, size.height},
                             .text = text,
                             .style = style,
                             .lines_width = width});
    return size;
}

/* Wide enough for the highest number. */
figure_size figure_badge_size(const figure_builder *b)
{
    static const char *const widest[] = {"8", "88", "888", "8888", "88888"};
    uint32_t digits = 0, limit = 10, highest = 0;
    for (uint32_t i = 0; i < b->content->class_count; i++)
        if (b->content->classes[i].number > highest)
            highest = b->content->classes[i].number;
    while (digits < 4 && highest >= limit) {
        digits++;
        limit *= 10;
    }
    int32_t width =
        figure_measure(b, widest[digits], FIGURE_STYLE_STRONG, 0).width +
        figure_pixels(b, 10);
    int32_t least = figure_pixels(b, 28);
    return (figure_size){width > least ? width : least, figure_pixels(b, 20),
                         figure_pixels(b, 15)};
}

/* ---- Sizes of pictures --------------------------------------------------- */

bool figure_shows_pixels(uint32_t from, int32_t to)
{
    return (double)to >= SQUARES_FROM * from;
}

static int32_t scaled(uint32_t pixels, double scale)
{
    int32_t size = (int32_t)lround((double)pixels * scale);
    return size > 1 ? size : 1;
}

/* How large the picture is in a box. */
static figure_size fit(const figure_builder *b, int32_t width, int32_t height)
{
    const figure_content *content = b->content;
    double scale =
        fmin((double)width / content->width, (double)height / content->height);
    if (scale >= SQUARES_FROM)
        scale = floor(fmin(scale, MOST_ENLARGEMENT * b->page->unit));
    return (figure_size){scaled(content->width, scale),
                         scaled(content->height, scale), 0};
}

/* ---- Panels -------------------------------------------------------------- */

static bool has_badge(const figure_panel *panel)
{
    return panel->class_index != FIGURE_NO_CLASS;
}

static int32_t badge_room(const figure_builder *b, const figure_panel *panel)
{
    return has_badge(panel) ? figure_badge_size(b).width + figure_pixels(b, 8)
                            : 0;
}

/* How wide its caption is at most, where it has @p width. */
static int32_t caption_width(const figure_builder *b, const figure_panel *panel,
                             int32_t width)
{
    int32_t room = badge_room(b, panel);
    int32_t caption =
        figure_measure(b, panel->caption, FIGURE_STYLE_TEXT, width - room)
            .width;
    int32_t detail =
        figure_measure(b, panel->detail, FIGURE_STYLE_SMALL, width - room)
            .width;
    return room + (caption > detail ? caption : detail);
}

/* @return the height. */
static int32_t put_caption(figure_builder *b, const figure_panel *panel,
                           int32_t left, int32_t top, int32_t width)
{
    int32_t room = badge_room(b, panel), bottom = top;
    figure_size badge = figure_badge_size(b);
    figure_size caption =
        figure_measure(b, panel->caption, FIGURE_STYLE_TEXT, width - room);
    int32_t baseline = top + caption.baseline;
    if (has_badge(panel)) {
        if (badge.baseline > caption.baseline)
            baseline = top + badge.baseline;
        figure_rect at = {left, baseline - badge.baseline, badge.width,
                          badge.height};
        figure_put(b, FIGURE_ITEM_BADGE, panel->class_index, at);
        bottom = at.top + at.height;
    }
    int32_t under = baseline - caption.baseline + caption.height;
    figure_put_text(b, panel->caption, FIGURE_STYLE_TEXT, left + room,
                    baseline - caption.baseline, width - room);
    under += figure_put_text(b, panel->detail, FIGURE_STYLE_SMALL, left + room,
                             under, width - room)
                 .height;
    return (under > bottom ? under : bottom) - top;
}

/* A picture with its caption under it. @return the height of both. */
static int32_t put_panel(figure_builder *b, figure_item_kind kind,
                         uint32_t index, const figure_panel *panel,
                         figure_size size, figure_rect cell)
{
    int32_t gap = figure_pixels(b, 6);
    figure_rect at = {cell.left, cell.top, size.width, size.height};
    figure_put(b, kind, index, at);
    return size.height + gap +
           put_caption(b, panel, cell.left, cell.top + size.height + gap,
                       cell.width);
}

/* ---- The main block ------------------------------------------------------ */

/* One way to arrange the large pictures and the legend. */
typedef struct arrangement {
    bool stacked; /* the pictures under each other */
    bool beside;  /* the legend beside them */
    figure_size picture;
    int32_t height;
    double coverage; /* of the block by the pictures */
} arrangement;

/* The tallest that a large picture may be. */
static int32_t height_limit(int32_t width)
{
    return (int32_t)(0.6 * width);
}

/* Side by side a wide picture would be but a strip, and on a narrow page any
 * would be tiny. */
static bool should_stack(const figure_builder *b, int32_t width)
{
    int32_t half = (width - figure_pixels(b, 20)) / 2;
    figure_size size = fit(b, half, height_limit(width));
    if (b->content->main_count < 2)
        return false;
    if (b->content->width > 2 * b->content->height)
        return size.height < 0.17 * width;
    return half < figure_pixels(b, 150) && size.width >= half;
}

/* How wide what stands under a picture may be, in a cell of @p width: under a
 * narrow one, somewhat wider than that. */
static int32_t under_width(const figure_builder *b, int32_t shown,
                           int32_t width)
{
    return larger(shown, smaller(width, figure_pixels(b, 160)));
}

/* The width of a large panel with all that stands under it. */
static int32_t panel_width(const figure_builder *b, const figure_panel *panel,
                           int32_t shown, int32_t width)
{
    int32_t under = under_width(b, shown, width);
    return larger(
        shown, panel->ramp.count > 0 ? under : caption_width(b, panel, under));
}

/* The pictures from @p left on. @return the width that they take, and their
 * height in @p bottom. */
static int32_t put_pictures(figure_builder *b, arrangement *way, int32_t left,
                            int32_t top, int32_t width, int32_t limit,
                            int32_t *height)
{
    const figure_content *content = b->content;
    int32_t gap = figure_pixels(b, 20), x = left, y = top, right = left;
    int32_t columns = way->stacked ? 1 : (int32_t)content->main_count;
    int32_t cell = (width - (columns - 1) * gap) / columns;
    way->picture = fit(b, cell, limit);
    *height = 0;
    for (uint32_t i = 0; i < content->main_count; i++) {
        const figure_panel *panel = &content->main[i];
        int32_t own = panel_width(b, panel, way->picture.width, cell);
        figure_rect at = {x, y, own, 0};
        int32_t used =
            put_panel(b, FIGURE_ITEM_MAIN, i, panel, way->picture, at);
        used += figure_put_main_ramp(b, i, x, y + used, own);
        *height = larger(*height, y + used - top);
        right = larger(right, x + own);
        if (way->stacked)
            y += used + gap;
        else
            x += own + gap;
    }
    return right - left;
}

static uint32_t legend_columns(const figure_builder *b, int32_t width)
{
    const figure_content *content = b->content;
    int32_t each = figure_legend_width(b) + figure_pixels(b, 40);
    uint32_t fitting =
        (uint32_t)larger((width + figure_pixels(b, 40)) / each, 1);
    uint32_t useful = (content->class_count + 2) / 3;
    return fitting < useful ? fitting : useful;
}

static void put_beside(figure_builder *b, arrangement *way, int32_t left,
                       int32_t top, int32_t width)
{
    int32_t gap = figure_pixels(b, 28), height;
    int32_t legend =
        smaller(larger(figure_legend_width(b), figure_pixels(b, 200)),
                (int32_t)(0.4 * width));
    int32_t used = put_pictures(b, way, left, top, width - legend - gap,
                                height_limit(width), &height);
    way->height = larger(height, figure_put_legend(b, left + used + gap, top,
                                                   width - used - gap, 1));
}

static void put_under(figure_builder *b, arrangement *way, int32_t left,
                      int32_t top, int32_t width)
{
    int32_t height;
    put_pictures(b, way, left, top, width, height_limit(width), &height);
    height += figure_pixels(b, 20);
    way->height = height + figure_put_legend(b, left, top + height, width,
                                             legend_columns(b, width));
}

static void arrange(figure_builder *b, arrangement *way, int32_t left,
                    int32_t top, int32_t width)
{
    if (way->beside)
        put_beside(b, way, left, top, width);
    else
        put_under(b, way, left, top, width);
    way->coverage = (double)way->picture.width * way->picture.height /
                    ((double)width * way->height);
}

/* @return the better one of the two, which is placed. */
static arrangement put_main(figure_builder *b, int32_t left, int32_t top,
                            int32_t width)
{
    size_t start = b->page->count;
    bool stacked = should_stack(b, width);
    arrangement beside = {.stacked = stacked, .beside = true};
    arrangement under = {.stacked = stacked};
    arrange(b, &under, left, top, width);
    if (0.4 * width >= figure_legend_least_width(b)) {
        b->page->count = start;
        arrange(b, &beside, left, top, width);
        if (beside.coverage >= under.coverage)
            return beside;
    }
    b->page->count = start;
    arrange(b, &under, left, top, width);
    return under;
}

/* ---- The grid of small panels -------------------------------------------- */

typedef struct grid {
    uint32_t columns, rows;
    int32_t cell; /* width */
    figure_size picture;
    double merit;
} grid;

/* A small picture is to be looked at all the same, even one that is but a
 * strip. */
static int32_t least_height(const figure_builder *b)
{
    double height = 24.0 * b->content->height / b->content->width;
    return figure_pixels(b, fmin(fmax(height, 110), 300));
}

/* The pictures of @p columns in a row: as large as they can be where the grid
 * is to be no higher than @p limit, if its captions leave room for that. */
static grid try_grid(const figure_builder *b, uint32_t columns, int32_t width,
                     int32_t limit, figure_size largest)
{
    const figure_content *content = b->content;
    assert(content->panel_count > 0);
    int32_t gap = figure_pixels(b, 16), caption = 0;
    grid g = {.columns = columns,
              .rows = (content->panel_count + columns - 1) / columns};
    g.cell = (width - (int32_t)(columns - 1) * gap) / (int32_t)columns;
    for (uint32_t i = 0; i < content->panel_count; i++) {
        int32_t room = g.cell - badge_room(b, &content->panels[i]);
        int32_t height = figure_measure(b, content->panels[i].caption,
                                        FIGURE_STYLE_TEXT, room)
                             .height +
                         figure_measure(b, content->panels[i].detail,
                                        FIGURE_STYLE_SMALL, room)
                             .height;
        caption = larger(caption, height);
    }
    int32_t around = caption + figure_pixels(b, 6) + gap;
    int32_t each = larger(limit / (int32_t)g.rows - around, least_height(b));
    g.picture =
        fit(b, smaller(g.cell, largest.width), smaller(each, largest.height));
    double filled = (double)content->panel_count / ((double)g.rows * g.columns);
    double total = (double)g.rows * (g.picture.height + around);
    double excess = fmax(total / limit, 1);
    double used = (double)g.picture.width / g.cell;
    g.merit = (double)g.picture.width * g.picture.height * used *
              pow(filled, 4) / (excess * excess);
    return g;
}

static grid choose_grid(const figure_builder *b, int32_t width,
                        figure_size largest)
{
    int32_t limit = figure_pixels(b, 640);
    grid best = try_grid(b, 1, width, limit, largest);
    for (uint32_t columns = 2; columns <= b->content->panel_count; columns++) {
        grid g = try_grid(b, columns, width, limit, largest);
        if (g.cell < figure_pixels(b, 130))
            break;
        if (g.merit >= best.merit)
            best = g;
    }
    return best;
}

static int32_t put_grid(figure_builder *b, const grid *g, int32_t left,
                        int32_t top)
{
    const figure_content *content = b->content;
    int32_t gap = figure_pixels(b, 16), y = top, row = 0;
    for (uint32_t i = 0; i < content->panel_count; i++) {
        uint32_t column = i % g->columns;
        if (column == 0 && i > 0) {
            y += row + gap;
            row = 0;
        }
        figure_rect cell = {left + (int32_t)column * (g->cell + gap), y,
                            g->cell, 0};
        row = larger(row, put_panel(b, FIGURE_ITEM_PANEL, i,
                                    &content->panels[i], g->picture, cell));
    }
    return y + row - top;
}

/* ---- The page ------------------------------------------------------------ */

/* A text under what is there. @return where the next thing may begin. */
static int32_t put_line(figure_builder *b, const char *text, figure_style style,
                        int32_t left, int32_t top, int32_t width, double space)
{
    figure_size size = figure_put_text(b, text, style, left, top, width);
    return size.height ? top + size.height + figure_pixels(b, space) : top;
}

static void put_page(figure_builder *b, int32_t margin)
{
    const figure_content *content = b->content;
    int32_t left = margin, width = b->page->width - 2 * margin;
    int32_t y = put_line(b, content->title, FIGURE_STYLE_TITLE, left, margin,
                         width, 14);
    arrangement way = put_main(b, left, y, width);
    y += way.height + figure_pixels(b, 24);
    if (content->panel_count > 0) {
        y = put_line(b, content->panels_title, FIGURE_STYLE_HEADING, left, y,
                     width, 6);
        if (content->ramp.count > 0)
            y += figure_put_ramp(b, left, y, width) + figure_pixels(b, 12);
        grid g = choose_grid(b, width, way.picture);
        y += put_grid(b, &g, left, y) + figure_pixels(b, 24);
    }
    y = put_line(b, content->notice, FIGURE_STYLE_HEADING, left, y, width, 8);
    y = put_line(b, content->caption, FIGURE_STYLE_SMALL, left, y, width, 0);
    b->page->height = y + margin;
}

/* Each class has a badge, a name, a note, and for each value a heading and a
 * number; each column of the legend has headings, each panel four items and a
 * large one three more. */
static size_t most_items(const figure_content *content)
{
    return 16 +
           (size_t)content->class_count *
               (3 + 2 * FIGURE_VALUES + 1 + FIGURE_VALUES) +
           7 * (size_t)content->main_count + 4 * (size_t)content->panel_count;
}

int figure_lay_out(const figure_content *content, const figure_ruler *ruler,
                   figure_page *page)
{
    int32_t width = (int32_t)content->page_width;
    memset(page, 0, sizeof *page);
    page->width = width;
    page->unit = fmax((double)width / FIGURE_WIDTH_DEFAULT, 1);
    page->items = calloc(most_items(content), sizeof *page->items);
    if (!page->items)
        return fail_memory();
    figure_builder b = {content, ruler, page};
    put_page(&b, figure_pixels(&b, width < 600 ? 14 : 24));
    return 0;
}

void figure_page_release(figure_page *page)
{
    free(page->items);
    memset(page, 0, sizeof *page);
}
