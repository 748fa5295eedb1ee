/* SPDX-License-Identifier: MIT */
/*
 * The picture as it is, and with the fused maps as an overlay has them, drawn
 * at the picture's own size; then the classes, one by one.
 */
#include "explain/figure_case.h"

#include <stdlib.h>

#include "diagnose.h"
#include "explain/explain_draw.h"
#include "figure/figure_write.h"

const float *figure_class_map(const figure_case *f, const float *stack,
                              uint32_t rank)
{
    return stack + (size_t)rank * (size_t)f->maps->cells;
}

float figure_peak(const figure_case *f, uint32_t rank)
{
    const float *map = figure_class_map(f, f->maps->class_maps, rank);
    float peak = 0;
    for (int64_t s = 0; s < f->maps->cells; s++)
        if (map[s] > peak)
            peak = map[s];
    return peak;
}

bool figure_is_of_no_class(const figure_case *f)
{
    return explain_is_class_agnostic(&f->maps->options);
}

bool figure_has_color_map(const figure_case *f)
{
    return f->maps->options.color_map != FMGCAM_COLOR_MAP_CLASS;
}

uint32_t figure_panel_color_map(const figure_case *f)
{
    uint32_t asked = f->asked->figure.color_map;
    if (asked)
        return asked;
    return figure_has_color_map(f) ? f->maps->options.color_map
                                   : FMGCAM_COLOR_MAP_VIRIDIS;
}

/* ---- Where the map lies -------------------------------------------------- */

static int locate(figure_case *f)
{
    figure_content *content = &f->content;
    explain_picture_size(f->asked, f->inputs, &content->width,
                         &content->height);
    return figure_locate(&f->asked->preprocess, f->context, content,
                         &f->geometry);
}

/* ---- The large pictures -------------------------------------------------- */

/* The heatmap where there is no image. */
static int draw_fused(figure_case *f, picture *fused)
{
    const picture *image = &f->inputs->image;
    int status =
        picture_begin(image, f->content.width, f->content.height, fused);
    if (status)
        return status;
    return image->rgb ? explain_draw_overlay(f->asked, f->context, f->inputs,
                                             f->maps, fused)
                      : explain_draw_heatmap(f->asked, f->context, f->inputs,
                                             f->maps, fused);
}

static int make_main(figure_case *f)
{
    figure_content *content = &f->content;
    figure_panel *fused = f->main;
    if (f->inputs->image.rgb)
        *fused++ = (figure_panel){.kind = FIGURE_PLAIN,
                                  .class_index = FIGURE_NO_CLASS,
                                  .caption = "Picture",
                                  .pixels = f->inputs->image};
    content->main = f->main;
    content->main_count = (uint32_t)(fused - f->main) + 1;
    fused->kind = FIGURE_FUSED;
    fused->class_index = FIGURE_NO_CLASS;
    if (figure_has_color_map(f))
        figure_fill_ramp(f->maps->options.color_map, f->main_ramp,
                         &fused->ramp);
    return draw_fused(f, &fused->pixels);
}

/* ---- The whole ----------------------------------------------------------- */

static int make_classes(figure_case *f)
{
    uint32_t count = f->maps->classes;
    f->classes = calloc(count, sizeof *f->classes);
    f->panels = calloc(count, sizeof *f->panels);
    f->words = calloc(count, sizeof *f->words);
    if (!f->classes || !f->panels || !f->words)
        return fail_memory();
    f->content.classes = f->classes;
    f->content.class_count = count;
    for (uint32_t rank = 0; rank < count; rank++) {
        f->classes[rank].number = rank + 1;
        explain_color(f->asked, f->inputs, f->maps, rank,
                      f->classes[rank].color);
    }
    return 0;
}

static int make(figure_case *f)
{
    const figure_options *asked = &f->asked->figure;
    figure_begin(asked, &f->content);
    int status = figure_check_classes("--figure", f->maps->classes);
    if (!status)
        status = locate(f);
    if (!status)
        status = make_classes(f);
    if (!status)
        status = make_main(f);
    if (!status && !asked->has_no_panels && !figure_is_of_no_class(f))
        status = figure_make_panels(f);
    if (!status && !asked->has_no_contours)
        status = figure_make_lines(f);
    if (!status)
        status = figure_make_words(f);
    return status;
}

static void release(figure_case *f)
{
    uint32_t count = f->content.class_count;
    for (uint32_t i = 0; i < count; i++) {
        picture_release(&f->panels[i].pixels);
        contour_release(&f->classes[i].won);
        contour_release(&f->classes[i].alone);
    }
    if (f->content.main_count > 0)
        picture_release(&f->main[f->content.main_count - 1].pixels);
    free(f->panels);
    free(f->classes);
    free(f->words);
    figure_caption_release(&f->main_caption);
    figure_caption_release(&f->caption);
}

int figure_write_case(const explain_options *options, fmgcam_context *context,
                      const explain_inputs *inputs, const explain_maps *maps,
                      output *to)
{
    figure_case f = {
        .asked = options, .context = context, .inputs = inputs, .maps = maps};
    int status = make(&f);
    if (!status)
        status = figure_write(&f.content, to);
    release(&f);
    return status;
}
