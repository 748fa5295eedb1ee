/* SPDX-License-Identifier: MIT */
/* One row a class, in three tiles: A, B, and A less B. */
#include "compare/compare_picture.h"

#include <string.h>

#include "compare/compare_tiles.h"
#include "diagnose.h"
#include "picture.h"

/* Pixels between tiles, which are white. */
enum { GAP = 4 };

typedef struct sheet {
    compare_tiles tiles;
    uint32_t width, height; /* of a tile */
    fmgcam_geometry place;
    bool is_placed; /* else the map covers the tile */
    picture pixels;
} sheet;

/* ---- Tiles --------------------------------------------------------------- */

static fmgcam_image tile_of(const sheet *s, uint32_t row, uint32_t column)
{
    fmgcam_image view = picture_view(&s->pixels);
    size_t x = (size_t)column * (s->width + GAP);
    size_t y = (size_t)row * (s->height + GAP);
    view.data = s->pixels.rgb + (y * s->pixels.width + x) * 3;
    view.width = s->width;
    view.height = s->height;
    return view;
}

static void copy_image(const picture *image, const fmgcam_image *tile)
{
    uint8_t *to = tile->data;
    for (uint32_t y = 0; y < tile->height && image->rgb; y++)
        memcpy(to + y * tile->row_stride_bytes,
               image->rgb + (size_t)y * tile->width * 3,
               (size_t)tile->width * 3);
}

static int draw_all(const sheet *s)
{
    const compare_inputs *inputs = s->tiles.inputs;
    int status = 0;
    for (uint32_t pair = 0; pair < inputs->pairing.count; pair++)
        for (int tile = 0; tile < TILE_COUNT && !status; tile++) {
            fmgcam_image target = tile_of(s, pair, (uint32_t)tile);
            copy_image(&inputs->image, &target);
            status =
                compare_draw_tile(&s->tiles, tile, pair,
                                  s->is_placed ? &s->place : NULL, &target);
        }
    return status;
}

/* ---- The sheet ----------------------------------------------------------- */

/* @p count tiles of @p size pixels, and what is between them. */
static uint64_t extent(uint64_t count, uint64_t size)
{
    return count * size + (count - 1) * GAP;
}

static int make_sheet(sheet *s)
{
    uint32_t rows = s->tiles.inputs->pairing.count;
    uint64_t width = extent(TILE_COUNT, s->width);
    uint64_t height = extent(rows, s->height);
    if (width > UINT32_MAX || height > UINT32_MAX ||
        picture_is_too_large((uint32_t)width, (uint32_t)height))
        return fail("--picture",
                    "%u rows of tiles of %ux%u are more than 65500 pixels a "
                    "side, or 2^30 bytes in all",
                    rows, s->width, s->height);
    int status =
        picture_allocate((uint32_t)width, (uint32_t)height, &s->pixels);
    if (!status)
        memset(s->pixels.rgb, 255, (size_t)(width * height) * 3);
    return status;
}

int compare_write_picture(const compare_options *options,
                          fmgcam_context *context, const compare_inputs *inputs,
                          const comparison *found, output *to)
{
    sheet s = {.is_placed = options->preprocess.count > 0};
    compare_picture_size(options, inputs, &s.width, &s.height);
    int status =
        compare_tiles_open("--picture", context, inputs, found, &s.tiles);
    if (!status)
        status = make_sheet(&s);
    if (!status && s.is_placed)
        status = preprocess_locate(&options->preprocess, context, s.width,
                                   s.height, &s.place);
    if (!status)
        status = draw_all(&s);
    if (!status)
        status = picture_write(&s.pixels, to);
    compare_tiles_close(&s.tiles);
    picture_release(&s.pixels);
    return status;
}
