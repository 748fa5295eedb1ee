/* SPDX-License-Identifier: MIT */
/* Stage 7, colour: maps to a picture, alone or over another.
 *
 *   C = sum over k of N[k] colour[k]       e = clamp(sum over k of N[k], 0, 1)
 *   heatmap:  C
 *   evidence: (1 - alpha e) picture + alpha C
 *   constant: (1 - alpha) picture + alpha C
 *
 * All of it is linear in N, so the K maps are mixed at map size into red,
 * green, blue and evidence before they are resampled. Fused at picture size,
 * the signed maps are resampled instead, and compete for each pixel. */
#include "internal.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- Palette ------------------------------------------------------------- */

/* Okabe and Ito's colours, without black, and a grey. */
static const uint8_t named_colors[][3] = {
    {213, 94, 0},    {86, 180, 233}, {240, 228, 66}, {0, 158, 115},
    {204, 121, 167}, {0, 114, 178},  {230, 159, 0},  {153, 153, 153},
};

/* Hues by steps of the golden section of the circle, which never fall close to
 * each other, in three brightnesses. */
static void generate_color(uint32_t number, uint8_t rgb[3])
{
    static const uint32_t brightness[3] = {255, 190, 225};
    static const uint32_t darkness[3] = {40, 20, 110};
    const uint32_t golden = 2654435769u; /* 2^32 / ((1 + sqrt 5) / 2) */
    uint32_t turn = (uint32_t)(((uint64_t)(uint32_t)(number * golden) * 1536) >>
                               32); /* six edges of 256 steps */
    uint32_t edge = turn / 256, rise = turn % 256;
    uint32_t high = brightness[number % 3], low = darkness[number % 3];
    uint32_t up = low + (high - low) * rise / 255;
    uint32_t down = high + low - up;
    const uint32_t edges[6][3] = {{high, up, low}, {down, high, low},
                                  {low, high, up}, {low, down, high},
                                  {up, low, high}, {high, low, down}};
    for (size_t i = 0; i < 3; i++)
        rgb[i] = (uint8_t)edges[edge][i];
}

void fmgcam_palette_color(uint32_t index, uint8_t rgb[3])
{
    const uint32_t named = sizeof named_colors / sizeof *named_colors;
    if (!rgb)
        return;
    if (index < named)
        memcpy(rgb, named_colors[index], 3);
    else
        generate_color(index - named, rgb);
}

static void choose_colors(const uint8_t *given, size_t classes,
                          uint32_t *colors)
{
    for (size_t k = 0; k < classes; k++) {
        uint8_t rgb[3];
        if (given)
            memcpy(rgb, given + 3 * k, sizeof rgb);
        else
            fmgcam_palette_color((uint32_t)k, rgb);
        colors[k] = rgb[0] | (uint32_t)rgb[1] << 8 | (uint32_t)rgb[2] << 16;
    }
}

/* Red, green and blue of a class are its colour's bytes; evidence is 1. */
static float color_of(uint32_t color, size_t plane)
{
    return plane < 3 ? (float)(color >> (8 * plane) & 255u) : 1.0f;
}

/* ---- Planes of the map --------------------------------------------------- */

/* What is drawn: which of the layers depends on where the fusing is done. */
struct subject {
    const char *name;
    struct fmgcam_view view;
    struct fmgcam_view probabilities; /* where they are needed */
    const uint8_t *colors;
};

struct painting {
    const struct fmgcam_kernels *kernels;
    const fmgcam_image *picture; /* NULL for a heatmap */
    const fmgcam_image *out;
    float alpha; /* 1 for a heatmap */
    int constant;
    struct fmgcam_contest contest; /* 0 classes: colours are mixed */
};

/* How many planes the mix has: without a picture, or where e = 1, nobody looks
 * at the evidence. */
static size_t count_planes(const struct painting *painting)
{
    return painting->picture && !painting->constant ? 4 : 3;
}

/* Red, green, blue and evidence, times alpha. */
static void mix_planes(const struct fmgcam_view *maps,
                       const struct painting *painting,
                       const struct fmgcam_scratch *scratch)
{
    float *copy = fmgcam_worker_scratch(scratch, 0);
    size_t planes = count_planes(painting);
    memset(scratch->planes, 0, planes * maps->cells * sizeof *scratch->planes);
    for (size_t k = 0; k < maps->channels; k++)
        for (size_t s = 0; s < maps->cells; s += FMGCAM_TILE_CELLS) {
            size_t count = smaller(FMGCAM_TILE_CELLS, maps->cells - s);
            ptrdiff_t stride;
            const float *values =
                fmgcam_view_tile(maps, 0, k, 1, s, count, copy, &stride);
            for (size_t p = 0; p < planes; p++) {
                float *plane = scratch->planes + p * maps->cells + s;
                float color = painting->alpha * color_of(scratch->colors[k], p);
                for (size_t i = 0; i < count; i++)
                    plane[i] += values[i] * color;
            }
        }
}

/* Resampling adds up values with weights whose magnitudes sum to at most 1.25
 * in each direction. */
static const float largest_to_resample = FLT_MAX / 2;

static fmgcam_status check_planes(fmgcam_context *context,
                                  const struct fmgcam_view *maps,
                                  const float *planes, size_t count)
{
    for (size_t i = 0; i < count * maps->cells; i++)
        if (!(fabsf(planes[i]) <= largest_to_resample))
            return fmgcam_fail(
                context, FMGCAM_STATUS_OVERFLOW,
                "layers.maps: the sum of values times colours at "
                "cell [%zu,%zu] is %g, expected at most %g",
                i % maps->cells / maps->width, i % maps->width,
                (double)planes[i], (double)largest_to_resample);
    return FMGCAM_STATUS_OK;
}

/* ---- Contest at picture size --------------------------------------------- */

/* Multiply all values by the power of two that brings the largest magnitude to
 * 2^100 and a little, and return it. It changes no winner. Values of any scale
 * then leave room for sums between the cells, and what makes evidence of them
 * is a float, down to classes that are 2^-227 of the strongest. */
static double level(float *planes, size_t count)
{
    float peak = 0.0f;
    for (size_t i = 0; i < count; i++)
        peak = fmaxf(peak, fabsf(planes[i]));
    int exponent;
    frexpf(peak, &exponent);
    double factor = peak > 0.0f ? ldexp(1.0, 101 - exponent) : 1.0;
    for (size_t i = 0; i < count; i++)
        planes[i] = (float)((double)planes[i] * factor);
    return factor;
}

/* Norm and peak of the positive part of a map. */
struct strength {
    double norm, peak;
};

static struct strength measure(const float *map, size_t cells)
{
    double squares = 0.0, peak = 0.0;
    for (size_t s = 0; s < cells; s++) {
        double value = (double)map[s];
        if (value > 0.0) {
            squares += value * value;
            peak = fmax(peak, value);
        }
    }
    return (struct strength){sqrt(squares), peak};
}

static double probability_of(const fmgcam_options *options,
                             const struct subject *subject, size_t k)
{
    if (options->normalize != FMGCAM_NORMALIZE_PROBABILITY)
        return 1.0;
    return (double)fmgcam_view_at(&subject->probabilities, k, 0, 0);
}

/* q_k of a map whose values were multiplied by @p factor, before they are
 * rescaled together. */
static double scale_of(const fmgcam_options *options,
                       const struct subject *subject, size_t k,
                       struct strength map, double factor)
{
    double probability = probability_of(options, subject, k);
    if (map.peak <= 0.0 || probability <= 0.0)
        return 0.0;
    if (options->rescale == FMGCAM_RESCALE_CLASS)
        return 1.0 / map.peak;
    switch (options->normalize) {
    case FMGCAM_NORMALIZE_NONE: return 1.0 / factor;
    case FMGCAM_NORMALIZE_MAX: return 1.0 / map.peak;
    case FMGCAM_NORMALIZE_PROBABILITY: return probability / factor;
    default: return 1.0 / map.norm;
    }
}

/* scales[k] makes evidence of a signed value: q_k / m with
 *   q_k = 1 / ||relu(M_k)||_2, 0 if that is 0   (1 with normalize none, 1 / max
 *                                               M_k with max, p_k with
 *                                               probability)
 *   m   = max over k and s of q_k relu(M_k[s])  (with rescale class that of
 *                                               the class, with none 1) */
static void find_scales(const fmgcam_options *options,
                        const struct subject *subject, const float *planes,
                        double factor, float *scales)
{
    size_t cells = subject->view.cells, classes = subject->view.channels;
    int joint = options->rescale == FMGCAM_RESCALE_STACK;
    double highest = 0.0;
    for (size_t k = 0; k < classes && joint; k++) {
        struct strength map = measure(planes + k * cells, cells);
        highest = fmax(highest,
                       map.peak * scale_of(options, subject, k, map, factor));
    }
    for (size_t k = 0; k < classes; k++) {
        struct strength map = measure(planes + k * cells, cells);
        double scale = scale_of(options, subject, k, map, factor);
        if (joint && highest > 0.0)
            scale /= highest;
        scales[k] = (float)fmin(scale, (double)FLT_MAX);
    }
}

static void prepare_contest(const fmgcam_options *options,
                            const struct subject *subject,
                            const struct fmgcam_scratch *scratch,
                            struct fmgcam_contest *contest)
{
    const struct fmgcam_view *signed_maps = &subject->view;
    size_t classes = signed_maps->channels, cells = signed_maps->cells;
    fmgcam_view_copy(signed_maps, 0, 0, classes, 0, cells, scratch->planes);
    double factor = level(scratch->planes, classes * cells);
    find_scales(options, subject, scratch->planes, factor, scratch->scales);
    *contest = (struct fmgcam_contest){
        .classes = classes,
        .scales = scratch->scales,
        .colors = scratch->colors,
    };
}

/* ---- Strips -------------------------------------------------------------- */

static void paint_strip(const void *job, const struct fmgcam_strip *strip,
                        size_t y, size_t x)
{
    const struct painting *painting = job;
    const fmgcam_image *picture = painting->picture, *out = painting->out;
    struct fmgcam_pixels pixels = {
        .out = fmgcam_image_row(out, y) + 3 * x,
        .out_pitch = (ptrdiff_t)out->row_stride_bytes,
        .alpha = painting->alpha,
        .constant = painting->constant,
    };
    if (picture) {
        pixels.under = fmgcam_image_row(picture, y) + 3 * x;
        pixels.under_pitch = (ptrdiff_t)picture->row_stride_bytes;
    }
    if (painting->contest.classes)
        painting->kernels->shade_contest(strip, &pixels, &painting->contest);
    else
        painting->kernels->shade_mixed(strip, &pixels);
}

/* ---- Drawing ------------------------------------------------------------- */

static fmgcam_status view_layers(fmgcam_context *context,
                                 const fmgcam_layers *layers,
                                 struct subject *subject)
{
    fmgcam_layers ours;
    fmgcam_status status = fmgcam_import(
        context, "layers", layers, &ours,
        FMGCAM_SIZE_THROUGH(fmgcam_layers, probabilities), sizeof ours);
    if (status)
        return status;
    int at_image = context->options.fuse_at == FMGCAM_FUSE_AT_IMAGE;
    const fmgcam_tensor *tensor = at_image ? ours.signed_maps : ours.maps;
    subject->name = at_image ? "layers.signed_maps" : "layers.maps";
    subject->colors = ours.colors;
    if (!tensor)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s: NULL, expected a tensor, since options.fuse_at "
                           "is %s",
                           subject->name, at_image ? "image" : "map");
    status = fmgcam_view_tensor(context, subject->name, FMGCAM_FORM_PLANE_MAPS,
                                tensor, &subject->view);
    if (!status && at_image &&
        context->options.normalize == FMGCAM_NORMALIZE_PROBABILITY)
        status = fmgcam_view_probabilities(
            context, "layers.probabilities", ours.probabilities,
            subject->view.channels, &subject->probabilities);
    return status;
}

static fmgcam_status paint(fmgcam_context *context,
                           const struct subject *subject,
                           const fmgcam_image *picture, const char *name,
                           const fmgcam_image *out)
{
    const struct fmgcam_view *view = &subject->view;
    const fmgcam_options *options = &context->options;
    struct fmgcam_scratch scratch;
    struct fmgcam_extents extents = {.classes = view->channels,
                                     .map_height = view->height,
                                     .map_width = view->width,
                                     .picture_height = out->height,
                                     .picture_width = out->width};
    fmgcam_status status =
        fmgcam_check_apart(context, name, fmgcam_image_span(out), subject->name,
                           fmgcam_view_span(view));
    if (!status)
        status = fmgcam_claim(context, &extents, &scratch);
    if (!status)
        status = fmgcam_require_finite(context, subject->name,
                                       FMGCAM_FORM_PLANE_MAPS, view);
    if (status)
        return status;

    struct painting painting = {
        .kernels = &context->kernels,
        .picture = picture,
        .out = out,
        .alpha = picture ? options->alpha : 1.0f,
        .constant = options->blend == FMGCAM_BLEND_CONSTANT,
    };
    struct fmgcam_walk walk = {
        .shape = fmgcam_shape_of(view),
        .height = out->height,
        .width = out->width,
        .paint = paint_strip,
        .job = &painting,
    };
    choose_colors(subject->colors, view->channels, scratch.colors);
    if (options->fuse_at == FMGCAM_FUSE_AT_IMAGE) {
        prepare_contest(options, subject, &scratch, &painting.contest);
    } else {
        walk.shape.classes = count_planes(&painting);
        mix_planes(view, &painting, &scratch);
        status =
            check_planes(context, view, scratch.planes, walk.shape.classes);
    }
    return status ? status : fmgcam_walk_picture(context, &scratch, &walk);
}

fmgcam_status fmgcam_draw_heatmap(fmgcam_context *context,
                                  const fmgcam_layers *layers,
                                  const fmgcam_image *heatmap)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    struct subject subject;
    fmgcam_status status = view_layers(context, layers, &subject);
    if (!status)
        status = fmgcam_check_image(context, "heatmap", heatmap);
    if (status)
        return status;
    return paint(context, &subject, NULL, "heatmap", heatmap);
}

fmgcam_status fmgcam_draw_overlay(fmgcam_context *context,
                                  const fmgcam_layers *layers,
                                  const fmgcam_image *picture,
                                  const fmgcam_image *overlay)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    struct subject subject;
    fmgcam_status status = view_layers(context, layers, &subject);
    if (!status)
        status = fmgcam_check_image(context, "picture", picture);
    if (!status)
        status = fmgcam_check_image(context, "overlay", overlay);
    if (!status)
        status = fmgcam_check_pictures(context, picture, overlay);
    if (status)
        return status;
    return paint(context, &subject, picture, "overlay", overlay);
}
