/* SPDX-License-Identifier: MIT */
/*
 * One panel a class: its class map, before any filter, in a scale of colours
 * over the picture, or alone where there is no image. Each has a scale of its
 * own, from 0 to its peak, since the maps of classes can differ by orders of
 * magnitude.
 */
#include "figure_case.h"

#include <math.h>
#include <stdlib.h>

#include "diagnose.h"
#include "figure_layout.h"

typedef struct panel_painter {
    figure_case *f;
    fmgcam_context *context;  /* with the options of panels */
    fmgcam_geometry geometry; /* in pixels of a panel */
    picture base;             /* what is drawn on; no pixels: nothing */
    float *scaled;            /* [H, W] */
} panel_painter;

/* ---- Sizes --------------------------------------------------------------- */

/* No more pixels than can be seen: a panel is never wider than the figure, and
 * among many never wider than half of it. */
static double find_scale(const figure_case *f)
{
    const figure_content *content = &f->content;
    uint32_t width = f->asked->figure.width;
    double most = width ? width : FIGURE_WIDTH_DEFAULT;
    if (f->maps->classes > 3)
        most /= 2;
    return fmin(1, most / fmax(content->width, content->height));
}

static uint32_t scaled_size(uint32_t size, double scale)
{
    double scaled = round(size * scale);
    return scaled > 1 ? (uint32_t)scaled : 1;
}

static void scale_edges(double scale, double *low, double *high,
                        double *seen_low, double *seen_high)
{
    *low *= scale;
    *high *= scale;
    *seen_low *= scale;
    *seen_high *= scale;
}

static int make_base(panel_painter *p)
{
    const figure_content *content = &p->f->content;
    const picture *image = &p->f->inputs->image;
    fmgcam_geometry *g = &p->geometry;
    double scale = find_scale(p->f);
    p->base.width = scaled_size(content->width, scale);
    p->base.height = scaled_size(content->height, scale);
    *g = p->f->geometry;
    scale_edges((double)p->base.width / content->width, &g->left, &g->right,
                &g->seen_left, &g->seen_right);
    scale_edges((double)p->base.height / content->height, &g->top, &g->bottom,
                &g->seen_top, &g->seen_bottom);
    if (!image->rgb)
        return 0;
    return picture_resize(image, p->base.width, p->base.height,
                          FMGCAM_RESAMPLE_BICUBIC, &p->base);
}

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
        layers.geometry = &p->geometry;
    if (figure_panel_color_map(p->f) == FMGCAM_COLOR_MAP_DIVERGING) {
        map = signed_map(p, rank);
        layers.signed_maps = &map;
    } else {
        map = scaled_map(p, rank);
        layers.maps = &map;
    }
    int status = picture_allocate(p->base.width, p->base.height, panel);
    if (status)
        return status;
    fmgcam_image from = picture_view(&p->base), to = picture_view(panel);
    fmgcam_status drawn =
        p->base.rgb ? fmgcam_draw_overlay(p->context, &layers, &from, &to)
                    : fmgcam_draw_heatmap(p->context, &layers, &to);
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
    return set ? explain_fail(p->f->inputs, p->context, set) : make_base(p);
}

static void make_ramp(figure_case *f)
{
    uint32_t map = figure_panel_color_map(f);
    float low = map == FMGCAM_COLOR_MAP_DIVERGING ? -1 : 0;
    for (int i = 0; i < FIGURE_RAMP_COLORS; i++) {
        float share = (float)i / (FIGURE_RAMP_COLORS - 1);
        fmgcam_map_color(map, low + (1 - low) * share, &f->ramp[3 * i]);
    }
    f->content.ramp.colors = f->ramp;
    f->content.ramp.count = FIGURE_RAMP_COLORS;
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
    make_ramp(f);
    picture_release(&p.base);
    free(p.scaled);
    fmgcam_destroy(p.context);
    return status;
}
