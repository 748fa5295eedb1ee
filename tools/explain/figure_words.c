/* SPDX-License-Identifier: MIT */
/* Names, numbers and the caption of a figure. */
#include "explain/figure_case.h"

#include <stdio.h>

#include "choices.h"
#include "diagnose.h"
#include "explain/explain_inputs.h"

/* ---- A class ------------------------------------------------------------- */

static const char *name_class(figure_case *f, uint32_t rank)
{
    const uint32_t *indices = f->inputs->classes.indices;
    int64_t index = indices ? indices[rank] : 0;
    if (figure_is_of_no_class(f))
        return "no class";
    return figure_name_class(explain_label(f->inputs, rank),
                             indices ? &index : NULL, rank,
                             f->words[rank].name);
}

static const char *write_probability(figure_case *f, uint32_t rank)
{
    const float *probabilities = f->inputs->classes.probabilities;
    char *text = f->words[rank].probability;
    if (!probabilities || figure_is_of_no_class(f))
        return NULL;
    double p = (double)probabilities[rank];
    if (p < 1 && p >= 0.9995) /* near to certainty is not certainty */
        snprintf(text, sizeof f->words->probability, ">0.999");
    else if (p >= 0.001 || p == 0)
        snprintf(text, sizeof f->words->probability, "%.3f", p);
    else
        snprintf(text, sizeof f->words->probability,
                 p >= 0.0001 ? "%.4f" : "%.1e", p);
    return text;
}

static void describe_class(figure_case *f, uint32_t rank)
{
    fmgcam_class_measures m = {.struct_size = sizeof m};
    fmgcam_tensor maps = explain_flat_view(f->maps, f->maps->class_maps);
    figure_class *row = &f->classes[rank];
    row->name = name_class(f, rank);
    row->values[0] = write_probability(f, rank);
    if (fmgcam_measure_class(f->context, &maps, NULL, f->maps->winner, rank, 0,
                             &m))
        return; /* maps that are not finite */
    char *area = f->words[rank].area;
    snprintf(area, sizeof f->words->area,
             m.area > 0 && m.area < 0.0005 ? "<0.1 %%" : "%.1f %%",
             100 * m.area);
    row->values[1] = area;
}

static void describe_panel(figure_case *f, uint32_t rank)
{
    char *peak = f->words[rank].peak;
    f->panels[rank].caption = f->classes[rank].name;
    f->panels[rank].detail = peak;
    if (figure_peak(f, rank) > 0)
        snprintf(peak, sizeof f->words->peak, "peak %.3g",
                 (double)figure_peak(f, rank));
    else
        snprintf(peak, sizeof f->words->peak, "no positive evidence");
}

/* ---- The caption --------------------------------------------------------- */

static const char *chosen(const figure_case *f, const char *option)
{
    return choice_name(choice_option_named(option), &f->maps->options);
}

static void say_options(const figure_case *f, figure_caption *c)
{
    uint32_t layers = f->inputs->layer_count;
    figure_say(
        c,
        "Method %s, profile %s; activation %s, filter %s, normalization %s, "
        "rescaling %s; ",
        chosen(f, "method"), chosen(f, "profile"), chosen(f, "activation"),
        chosen(f, "filter"), chosen(f, "normalize"), chosen(f, "rescale"));
    if (layers > 1)
        figure_say(c, "%s of %u layers; ", chosen(f, "fuse-layers"),
                   (unsigned)layers);
    figure_say(c, "fused at %s size, resampling %s; alpha %.3g, blend %s",
               chosen(f, "fuse-at"), chosen(f, "resample"),
               (double)f->maps->options.alpha, chosen(f, "blend"));
    if (figure_has_color_map(f))
        figure_say(c, ", colour map %s", chosen(f, "color-map"));
    figure_say(c, ". ");
    if (f->asked->preprocess.text)
        figure_say(c, "Preprocessing %s. ", f->asked->preprocess.text);
}

static void say_lines(const figure_case *f, figure_caption *c)
{
    const figure_options *asked = &f->asked->figure;
    if (asked->has_no_contours)
        return;
    figure_say(c, "Contours: ");
    for (uint32_t i = 0; i < asked->level_count; i++)
        figure_say(c, "%s%.3g", i ? ", " : "", asked->levels[i]);
    figure_say(c, "%s of the peak%s. ", asked->level_count ? "" : "0.5",
               figure_is_of_no_class(f) ? "" : " of each class");
}

static void write_caption(figure_case *f)
{
    figure_caption *c = &f->caption;
    if (f->content.caption)
        return;
    say_options(f, c);
    say_lines(f, c);
    figure_say(c, "Area: share of the cells %s. %s.",
               figure_is_of_no_class(f) ? "above 0" : "that a class wins",
               f->creator);
    f->content.caption = c->text;
}

/* ---- All of them --------------------------------------------------------- */

static void name_columns(figure_content *content)
{
    content->name_heading = "Class";
    content->value_names[0] =
        content->classes[0].values[0] ? "Probability" : NULL;
    content->value_names[1] = content->classes[0].values[1] ? "Area" : NULL;
}

/* What the values are that the overlay has colours for. */
static void describe_scale(const figure_case *f, figure_ramp *ramp)
{
    bool is_signed = f->maps->options.color_map == FMGCAM_COLOR_MAP_DIVERGING;
    ramp->low = is_signed ? "-1: against" : "0";
    ramp->high = is_signed ? "1: for the class" : "1";
    if (is_signed && figure_is_of_no_class(f)) {
        ramp->low = "-1";
        ramp->high = "1";
    }
}

/* A scale of colours is of a single class, whose name no colour tells. */
static void describe_main(figure_case *f)
{
    figure_panel *fused = &f->main[f->content.main_count - 1];
    figure_caption *c = &f->main_caption;
    unsigned count = f->content.class_count;
    if (figure_is_of_no_class(f))
        figure_say(c, "%s (of no class)", chosen(f, "method"));
    else if (figure_has_color_map(f))
        figure_say(c, "%s of %s", chosen(f, "method"), f->classes[0].name);
    else
        figure_say(c, "FM-G-CAM, %u class%s", count, count == 1 ? "" : "es");
    fused->caption = c->text;
    describe_scale(f, &fused->ramp);
}

static void describe_ramp(figure_case *f)
{
    figure_ramp *ramp = &f->content.ramp;
    bool is_signed = figure_panel_color_map(f) == FMGCAM_COLOR_MAP_DIVERGING;
    ramp->low = is_signed ? "against" : "0";
    ramp->high = is_signed ? "for the class" : "peak";
    ramp->meaning = "Each panel has a scale of its own.";
}

int figure_make_words(figure_case *f)
{
    figure_content *content = &f->content;
    unsigned count = content->class_count;
    figure_write_creator(f->creator);
    snprintf(f->panels_title, sizeof f->panels_title,
             "Each class by itself: %s", chosen(f, "method"));
    for (uint32_t rank = 0; rank < count; rank++) {
        describe_class(f, rank);
        if (content->panel_count > 0)
            describe_panel(f, rank);
    }
    name_columns(content);
    describe_main(f);
    describe_ramp(f);
    content->creator = f->creator;
    content->panels_title = f->panels_title;
    write_caption(f);
    return f->main_caption.failed || f->caption.failed ? fail_memory() : 0;
}
