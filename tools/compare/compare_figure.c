/* SPDX-License-Identifier: MIT */
/* The pictures of the figure: A and B on one scale, and all differences on one
 * of their own, so that small ones are seen too. */
#include "compare/compare_figure.h"

#include <math.h>
#include <stdlib.h>

#include "diagnose.h"
#include "figure/figure_write.h"

static const fmgcam_geometry *if_placed(const compare_figure *f,
                                        const fmgcam_geometry *place)
{
    return f->asked->preprocess.count > 0 ? place : NULL;
}

/* ---- Where the maps lie -------------------------------------------------- */

static int locate(compare_figure *f, fmgcam_context *context)
{
    figure_content *content = &f->content;
    compare_picture_size(f->asked, f->inputs, &content->width,
                         &content->height);
    if (picture_is_too_large(content->width, content->height))
        return fail("--figure",
                    "%ux%u is more than 65500 pixels a side, or 2^30 bytes in "
                    "all",
                    content->width, content->height);
    return figure_locate(&f->asked->preprocess, context, content, &f->geometry);
}

/* ---- The classes --------------------------------------------------------- */

static int make_classes(compare_figure *f)
{
    const class_pairing *pairing = &f->inputs->pairing;
    f->classes = calloc(pairing->count, sizeof *f->classes);
    f->panels = calloc(pairing->count, sizeof *f->panels);
    f->words = calloc(pairing->count, sizeof *f->words);
    if (!f->classes || !f->panels || !f->words)
        return fail_memory();
    for (uint32_t pair = 0; pair < pairing->count; pair++) {
        f->classes[pair].number = pairing->pairs[pair].ranks[0] + 1;
        compare_color(&f->tiles, pair, f->classes[pair].color);
    }
    f->content.classes = f->classes;
    f->content.class_count = pairing->count;
    return 0;
}

/* ---- A and B ------------------------------------------------------------- */

static int draw_side(compare_figure *f, int side)
{
    figure_panel *panel = &f->main[side];
    panel->kind = FIGURE_FUSED;
    panel->class_index = FIGURE_NO_CLASS;
    int status = picture_begin(&f->inputs->image, f->content.width,
                               f->content.height, &panel->pixels);
    if (status)
        return status;
    fmgcam_image target = picture_view(&panel->pixels);
    return compare_draw_winners(&f->tiles, side, if_placed(f, &f->geometry),
                                &target);
}

static int make_main(compare_figure *f)
{
    f->content.main = f->main;
    f->content.main_count = 2;
    int status = draw_side(f, 0);
    return status ? status : draw_side(f, 1);
}

/* ---- A less B ------------------------------------------------------------ */

static int draw_difference(compare_figure *f, const figure_ground *ground,
                           uint32_t pair)
{
    figure_panel *panel = &f->panels[pair];
    panel->kind = FIGURE_SINGLE;
    panel->class_index = pair;
    int status = figure_ground_copy(ground, &panel->pixels);
    if (status)
        return status;
    fmgcam_image target = picture_view(&panel->pixels);
    return compare_draw_tile(&f->tiles, TILE_DIFFERENCE, pair,
                             if_placed(f, &ground->geometry), &target);
}

static int make_differences(compare_figure *f)
{
    figure_content *content = &f->content;
    figure_ground ground;
    int status = figure_ground_make(content, &f->inputs->image, &f->geometry,
                                    content->class_count, &ground);
    for (uint32_t pair = 0; pair < content->class_count && !status; pair++)
        status = draw_difference(f, &ground, pair);
    content->panels = f->panels;
    content->panel_count = content->class_count;
    figure_fill_ramp(FMGCAM_COLOR_MAP_DIVERGING, f->ramp, &content->ramp);
    figure_ground_release(&ground);
    return status;
}

/* ---- The whole ----------------------------------------------------------- */

static int make(compare_figure *f, fmgcam_context *context)
{
    figure_begin(&f->asked->figure, &f->content);
    int status = figure_check_classes("--figure", f->inputs->pairing.count);
    if (!status)
        status = compare_tiles_open("--figure", context, f->inputs, f->found,
                                    &f->tiles);
    if (!status)
        compare_scale_apart(&f->tiles);
    if (!status)
        status = locate(f, context);
    if (!status)
        status = make_classes(f);
    if (!status)
        status = make_main(f);
    if (!status)
        status = make_differences(f);
    return status ? status : compare_make_words(f);
}

static void release(compare_figure *f)
{
    for (uint32_t i = 0; i < f->content.panel_count; i++)
        picture_release(&f->panels[i].pixels);
    for (int side = 0; side < 2; side++) {
        picture_release(&f->main[side].pixels);
        figure_caption_release(&f->names[side]);
    }
    figure_caption_release(&f->caption);
    compare_tiles_close(&f->tiles);
    free(f->panels);
    free(f->classes);
    free(f->words);
}

int compare_write_figure(const compare_options *options,
                         fmgcam_context *context, const compare_inputs *inputs,
                         const comparison *found, output *to)
{
    compare_figure f = {.asked = options, .inputs = inputs, .found = found};
    int status = make(&f, context);
    if (!status)
        status = figure_write(&f.content, to);
    release(&f);
    return status;
}
