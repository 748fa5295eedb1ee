/* SPDX-License-Identifier: MIT */
/*
 * One panel a class: its class map, before any filter, in a scale of colours
 * over the picture, or alone where there is no image. Each has a scale of its
 * own, from 0 to its peak, since the maps of classes can differ by orders of
 * magnitude.
 */
#include "explain/figure_case.h"

#include <stdlib.h>

#include "diagnose.h"

typedef struct panel_painter {
    figure_case *f;
    fmgcam_context *context; /* with the options of panels */
    figure_ground ground;
    float *scaled; /* [H, W] */
} panel_painter;

/* ---- One panel ----------------------------------------------------------- */

/* N of a single class: in shares of its peak. */
static fmgcam_tensor scaled_map(panel_painter *p, uint32_t rank)
{
    const explain_maps *maps = p->f->maps;
    const float *map = figure_class_map(p->f, maps->class_maps, rank);
    float peak = figure_peak(p->f, rank);
    fmgcam_tensor view = explain_flat_view(maps, p->scaled);
    for (int64_t s = 0; s < maps->cells; s++)
        p->scaled[s] = peak > 0 ? map[s] / peak : 0;
    view.shape[0] = 1;
    return view;
}

static fmgcam_tensor signed_map(const panel_painter *p, uint32_t rank)
{
    const explain_maps *maps = p->f->maps;
    fmgcam_tensor view = explain_flat_view(
        maps, figure_class_map(p->f, maps->signed_maps, rank));
    view.shape[0] = 1;
    return view;
}

static int draw_panel(panel_painter *p, uint32_t rank, picture *panel)
{
    fmgcam_tensor map;
    fmgcam_layers layers = {.struct_size = sizeof layers};
    if (p->f->asked->preprocess.count > 0)
        layers.geometry = &p->ground.geometry;
    if (figure_panel_color_map(p->f) == FMGCAM_COLOR_MAP_DIVERGING) {
        map = signed_map(p, rank);
        layers.signed_maps = &map;
    } else {
        map = scaled_map(p, rank);
        layers.maps = &map;
    }
    int status = figure_ground_copy(&p->ground, panel);
    if (status)
        return status;
    fmgcam_image view = picture_view(panel);
    fmgcam_status drawn =
        p->ground.image.rgb
            ? fmgcam_draw_overlay(p->context, &layers, &view, &view)
            : fmgcam_draw_heatmap(p->context, &layers, &view);
    return drawn ? explain_fail(p->f->inputs, p->context, drawn) : 0;
}

/* ---- All of them --------------------------------------------------------- */

static int prepare(panel_painter *p)
{
    const fmgcam_options *used = &p->f->maps->options;
    fmgcam_options options = {.struct_size = sizeof options,
                              .resample = used->resample,
                              .blend = used->blend,
                              .alpha = used->alpha,
                              .flags = used->flags | FMGCAM_OPTION_ALPHA_SET,
                              .color_map = figure_panel_color_map(p->f)};
    size_t cells = (size_t)p->f->maps->cells;
    p->scaled = malloc(cells * sizeof *p->scaled);
    if (!p->scaled || fmgcam_create(NULL, &p->context, NULL, 0))
        return fail_memory();
    fmgcam_status set = fmgcam_set_options(p->context, &options);
    return set ? explain_fail(p->f->inputs, p->context, set)
               : figure_ground_make(&p->f->content, &p->f->inputs->image,
                                    &p->f->geometry, p->f->maps->classes,
                                    &p->ground);
}

int figure_make_panels(figure_case *f)
{
    panel_painter p = {.f = f};
    int status = prepare(&p);
    for (uint32_t rank = 0; rank < f->maps->classes && !status; rank++) {
        f->panels[rank].kind = FIGURE_SINGLE;
        f->panels[rank].class_index = rank;
        status = draw_panel(&p, rank, &f->panels[rank].pixels);
    }
    f->content.panels = f->panels;
    f->content.panel_count = f->maps->classes;
    figure_fill_ramp(figure_panel_color_map(f), f->ramp, &f->content.ramp);
    figure_ground_release(&p.ground);
    free(p.scaled);
    fmgcam_destroy(p.context);
    return status;
}
