/* SPDX-License-Identifier: MIT */
/*
 * One row a class, in three tiles: A and B, where they are above zero, in the
 * colour of the class, and A less B in the library's diverging colours. All tiles
 * have the same scale, in which the largest magnitude of all is 1.
 */
#include "compare_picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "picture.h"

enum { TILE_A, TILE_B, TILE_DIFFERENCE, TILE_COUNT };

/* Pixels between tiles, which are white. */
enum { GAP = 4 };

typedef struct painting {
    fmgcam_context *context;
    const compare_inputs *inputs;
    const comparison *found;
    double unit;            /* is drawn as 1 */
    uint32_t width, height; /* of a tile */
    float *map;             /* [cells], of the tile at work */
    fmgcam_geometry place;
    bool is_placed; /* else the map covers the tile */
    picture sheet;
} painting;

/* ---- Values -------------------------------------------------------------- */

static double scaled_at(const painting *p, int side, uint32_t pair, size_t cell)
{
    uint32_t rank = p->inputs->pairing.pairs[pair].ranks[side];
    const float *maps = p->inputs->sides[side].maps;
    return comparison_scaled(p->found, side,
                             maps[rank * p->found->cells + cell]);
}

static double find_unit(const painting *p)
{
    double unit = 0;
    for (uint32_t pair = 0; pair < p->inputs->pairing.count; pair++)
        for (size_t s = 0; s < p->found->cells; s++)
            for (int side = 0; side < 2; side++)
                unit = fmax(unit, fabs(scaled_at(p, side, pair, s)));
    unit = fmax(unit, p->found->whole.largest);
    return unit > 0 ? unit : 1;
}

static void fill_map(const painting *p, uint32_t pair, int tile)
{
    for (size_t s = 0; s < p->found->cells; s++) {
        double value = scaled_at(p, tile == TILE_B ? 1 : 0, pair, s);
        if (tile == TILE_DIFFERENCE)
            value -= scaled_at(p, 1, pair, s);
        else
            value = fmax(value, 0);
        p->map[s] = (float)(value / p->unit);
    }
}

/* ---- Tiles --------------------------------------------------------------- */

static fmgcam_image tile_of(const painting *p, uint32_t row, uint32_t column)
{
    fmgcam_image view = picture_view(&p->sheet);
    size_t x = (size_t)column * (p->width + GAP);
    size_t y = (size_t)row * (p->height + GAP);
    view.data = p->sheet.rgb + (y * p->sheet.width + x) * 3;
    view.width = p->width;
    view.height = p->height;
    return view;
}

static void copy_image(const painting *p, const fmgcam_image *tile)
{
    const uint8_t *from = p->inputs->image.rgb;
    uint8_t *to = tile->data;
    for (uint32_t y = 0; y < tile->height; y++)
        memcpy(to + y * tile->row_stride_bytes,
               from + (size_t)y * tile->width * 3, (size_t)tile->width * 3);
}

/* The diverging colours take the values as they are, -1...1. */
static fmgcam_status choose_colors(const painting *p, int tile)
{
    fmgcam_options options = p->inputs->settings;
    if (tile == TILE_DIFFERENCE) {
        options.color_map = FMGCAM_COLOR_MAP_DIVERGING;
        options.rescale = FMGCAM_RESCALE_NONE;
    }
    return fmgcam_set_options(p->context, &options);
}

static fmgcam_status draw_tile(const painting *p, uint32_t pair, int column)
{
    fmgcam_tensor map;
    fmgcam_layers layers = {.struct_size = sizeof layers,
                            .maps = &map,
                            .signed_maps = &map,
                            .classes = &p->inputs->pairing.pairs[pair].ranks[0],
                            .geometry = p->is_placed ? &p->place : NULL};
    fmgcam_image tile = tile_of(p, pair, (uint32_t)column);
    fmgcam_status status = choose_colors(p, column);
    if (status)
        return status;
    fmgcam_tensor_maps(&map, p->map, 1, p->inputs->height, p->inputs->width);
    fill_map(p, pair, column);
    if (!p->inputs->image.rgb)
        return fmgcam_draw_heatmap(p->context, &layers, &tile);
    copy_image(p, &tile);
    return fmgcam_draw_overlay(p->context, &layers, &tile, &tile);
}

static int draw_all(const painting *p)
{
    for (uint32_t pair = 0; pair < p->inputs->pairing.count; pair++)
        for (int column = 0; column < TILE_COUNT; column++) {
            fmgcam_status status = draw_tile(p, pair, column);
            if (status == FMGCAM_STATUS_NO_MEMORY)
                return fail_memory();
            if (status)
                return fail("--picture", "%s", fmgcam_error_detail(p->context));
        }
    return 0;
}

/* ---- The sheet ----------------------------------------------------------- */

/* @p count tiles of @p size pixels, and what is between them. */
static uint64_t extent(uint64_t count, uint64_t size)
{
    return count * size + (count - 1) * GAP;
}

static int make_sheet(painting *p)
{
    uint32_t rows = p->inputs->pairing.count;
    if (rows == 0)
        return fail("--picture", "there is no class in both to draw");
    uint64_t width = extent(TILE_COUNT, p->width);
    uint64_t height = extent(rows, p->height);
    if (width > UINT32_MAX || height > UINT32_MAX ||
        picture_is_too_large((uint32_t)width, (uint32_t)height))
        return fail("--picture",
                    "%u rows of tiles of %ux%u are more than 65500 pixels a "
                    "side, or 2^30 bytes in all",
                    rows, p->width, p->height);
    int status = picture_allocate((uint32_t)width, (uint32_t)height, &p->sheet);
    if (!status)
        memset(p->sheet.rgb, 255, (size_t)(width * height) * 3);
    return status;
}

static int paint(painting *p)
{
    p->map = malloc(p->found->cells * sizeof *p->map);
    if (!p->map)
        return fail_memory();
    p->unit = find_unit(p);
    return draw_all(p);
}

int compare_write_picture(const compare_options *options,
                          fmgcam_context *context, const compare_inputs *inputs,
                          const comparison *found, output *to)
{
    bool has_image = inputs->image.rgb != NULL;
    painting p = {.context = context, .inputs = inputs, .found = found};
    p.width = has_image ? inputs->image.width : options->width;
    p.height = has_image ? inputs->image.height : options->height;
    p.is_placed = options->preprocess.count > 0;
    int status = make_sheet(&p);
    if (!status && p.is_placed)
        status = preprocess_locate(&options->preprocess, context, p.width,
                                   p.height, &p.place);
    if (!status)
        status = paint(&p);
    if (!status)
        status = picture_write(&p.sheet, to);
    free(p.map);
    picture_release(&p.sheet);
    return status;
}
