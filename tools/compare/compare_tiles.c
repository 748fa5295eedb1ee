/* SPDX-License-Identifier: MIT */
/* Values first, then the library draws them. */
#include "compare/compare_tiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"

/* ---- Values -------------------------------------------------------------- */

static double scaled_at(const compare_tiles *t, int side, uint32_t pair,
                        size_t cell)
{
    uint32_t rank = t->inputs->pairing.pairs[pair].ranks[side];
    const float *maps = t->inputs->sides[side].maps;
    return comparison_scaled(t->found, side,
                             maps[rank * t->found->cells + cell]);
}

/* The largest magnitude of both maps. */
static double find_largest(const compare_tiles *t)
{
    double largest = 0;
    for (uint32_t pair = 0; pair < t->inputs->pairing.count; pair++)
        for (size_t s = 0; s < t->found->cells; s++)
            for (int side = 0; side < 2; side++)
                largest = fmax(largest, fabs(scaled_at(t, side, pair, s)));
    return largest;
}

static double unit_of(double largest)
{
    return largest > 0 ? largest : 1;
}

/* What is nothing beside the maps must not look like much. */
void compare_scale_apart(compare_tiles *t)
{
    static const double least_share = 0.05;
    double unit = unit_of(find_largest(t));
    t->units[TILE_A] = t->units[TILE_B] = unit;
    t->units[TILE_DIFFERENCE] =
        fmax(t->found->whole.largest, least_share * unit);
}

static void fill_map(const compare_tiles *t, int tile, uint32_t pair)
{
    for (size_t s = 0; s < t->found->cells; s++) {
        double value = scaled_at(t, tile == TILE_B ? 1 : 0, pair, s);
        if (tile == TILE_DIFFERENCE)
            value -= scaled_at(t, 1, pair, s);
        else
            value = fmax(value, 0);
        t->maps[s] = (float)(value / t->units[tile]);
    }
}

static void fill_winners(const compare_tiles *t, int side)
{
    const compare_side *of = &t->inputs->sides[side];
    const class_pairing *pairing = &t->inputs->pairing;
    size_t cells = t->found->cells;
    for (size_t s = 0; s < cells; s++) {
        uint32_t winner = comparison_winner(of->maps + s, of->classes, cells);
        for (uint32_t pair = 0; pair < pairing->count; pair++)
            t->maps[pair * cells + s] =
                pairing->pairs[pair].ranks[side] == winner
                    ? (float)(scaled_at(t, side, pair, s) / t->units[side])
                    : 0;
    }
}

/* ---- Drawing ------------------------------------------------------------- */

static int check(const compare_tiles *t, fmgcam_status status)
{
    if (status == FMGCAM_STATUS_NO_MEMORY)
        return fail_memory();
    return status ? fail(t->option, "%s", fmgcam_error_detail(t->context)) : 0;
}

/* The diverging colours take the values as they are, -1...1. */
static fmgcam_status choose_colors(const compare_tiles *t, bool diverging)
{
    fmgcam_options options = t->inputs->settings;
    if (diverging) {
        options.color_map = FMGCAM_COLOR_MAP_DIVERGING;
        options.rescale = FMGCAM_RESCALE_NONE;
    }
    return fmgcam_set_options(t->context, &options);
}

/* The first @p count maps, whose colours are from that of @p pair on. */
static int draw(const compare_tiles *t, uint32_t pair, uint32_t count,
                bool diverging, const fmgcam_geometry *place,
                const fmgcam_image *target)
{
    fmgcam_tensor maps;
    fmgcam_layers layers = {.struct_size = sizeof layers,
                            .maps = &maps,
                            .signed_maps = &maps,
                            .classes = t->colors + pair,
                            .geometry = place};
    fmgcam_tensor_maps(&maps, t->maps, count, t->inputs->height,
                       t->inputs->width);
    int status = check(t, choose_colors(t, diverging));
    if (status)
        return status;
    return check(t,
                 t->inputs->image.rgb
                     ? fmgcam_draw_overlay(t->context, &layers, target, target)
                     : fmgcam_draw_heatmap(t->context, &layers, target));
}

int compare_draw_tile(const compare_tiles *t, int tile, uint32_t pair,
                      const fmgcam_geometry *place, const fmgcam_image *target)
{
    fill_map(t, tile, pair);
    return draw(t, pair, 1, tile == TILE_DIFFERENCE, place, target);
}

int compare_draw_winners(const compare_tiles *t, int side,
                         const fmgcam_geometry *place,
                         const fmgcam_image *target)
{
    fill_winners(t, side);
    return draw(t, 0, t->inputs->pairing.count, false, place, target);
}

void compare_color(const compare_tiles *t, uint32_t pair, uint8_t rgb[3])
{
    fmgcam_palette_color(t->inputs->settings.palette, t->colors[pair], rgb);
}

/* ---- All of them --------------------------------------------------------- */

int compare_tiles_open(const char *option, fmgcam_context *context,
                       const compare_inputs *inputs, const comparison *found,
                       compare_tiles *tiles)
{
    uint32_t count = inputs->pairing.count;
    *tiles = (compare_tiles){
        .option = option, .context = context, .inputs = inputs, .found = found};
    if (count == 0)
        return fail(option, "there is no class in both to draw");
    /* As large as the maps of A at most, which are in memory. */
    tiles->maps = malloc(count * found->cells * sizeof *tiles->maps);
    tiles->colors = malloc(count * sizeof *tiles->colors);
    if (!tiles->maps || !tiles->colors)
        return fail_memory();
    for (uint32_t pair = 0; pair < count; pair++)
        tiles->colors[pair] = inputs->pairing.pairs[pair].ranks[0];
    double unit = unit_of(fmax(find_largest(tiles), found->whole.largest));
    for (int tile = 0; tile < TILE_COUNT; tile++)
        tiles->units[tile] = unit;
    return 0;
}

void compare_tiles_close(compare_tiles *tiles)
{
    free(tiles->maps);
    free(tiles->colors);
    memset(tiles, 0, sizeof *tiles);
}
