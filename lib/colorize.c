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
 * the signed maps are resampled instead, and compete for each pixel. A single
 * map may be coloured by its resampled values. */
#include "internal.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* What is drawn: which of the layers depends on the options. */
struct subject {
    const char *name;
    struct fmgcam_view view;
    struct fmgcam_view probabilities; /* where they are needed */
    const uint8_t *colors;            /* or NULL */
    const uint32_t *classes;          /* or NULL */
    const fmgcam_geometry *geometry;  /* or NULL */
};

/* How values become colours. */
enum manner { MANNER_MIX, MANNER_CONTEST, MANNER_RAMP };

struct painting {
    const struct fmgcam_kernels *kernels;
    enum manner manner;
    const fmgcam_image *picture; /* NULL for a heatmap */
    const fmgcam_image *out;
    /* In which is drawn: that of out, but for grey RGBA, which is the fastest
     * to make grey of. */
    uint32_t format;
    struct fmgcam_pixels pixels; /* but for their place */
    struct fmgcam_contest contest;
    struct fmgcam_ramp ramp;
};

/* ---- Colours of the classes ---------------------------------------------- */

static void color_of_class(const fmgcam_options *options,
                           const struct subject *subject, size_t k,
                           uint8_t rgb[3])
{
    if (subject->colors)
        memcpy(rgb, subject->colors + 3 * k, 3);
    else
        fmgcam_palette_color(
            options->palette,
            subject->classes ? subject->classes[k] : (uint32_t)k, rgb);
}

/* In the order of the result's channels. */
static void choose_colors(const fmgcam_options *options,
                          const struct subject *subject, int is_blue_first,
                          uint32_t *colors)
{
    for (size_t k = 0; k < subject->view.channels; k++) {
        uint8_t rgb[3];
        color_of_class(options, subject, k, rgb);
        uint32_t first = rgb[is_blue_first ? 2 : 0];
        uint32_t third = rgb[is_blue_first ? 0 : 2];
        colors[k] = first | (uint32_t)rgb[1] << 8 | third << 16;
    }
}

/* The channels of a class are its colour's bytes; evidence is 1. */
static float level_of(uint32_t color, size_t plane)
{
    return plane < 3 ? (float)(color >> (8 * plane) & 255u) : 1.0f;
}

/* ---- Planes of the map --------------------------------------------------- */

/* How many planes the mix has: without a picture, or where e = 1, nobody looks
 * at the evidence. */
static size_t count_mixed(const struct painting *painting)
{
    return painting->picture && !painting->pixels.constant ? 4 : 3;
}

/* Three channels and evidence, times alpha. */
static void mix_planes(const struct fmgcam_view *maps,
                       const struct painting *painting,
                       const struct fmgcam_scratch *scratch)
{
    float *copy = fmgcam_worker_scratch(scratch, 0);
    size_t planes = count_mixed(painting);
    memset(scratch->planes, 0, planes * maps->cells * sizeof *scratch->planes);
    for (size_t k = 0; k < maps->channels; k++)
        for (size_t s = 0; s < maps->cells; s += FMGCAM_TILE_CELLS) {
            size_t count = smaller(FMGCAM_TILE_CELLS, maps->cells - s);
            ptrdiff_t stride;
            const float *values =
                fmgcam_view_tile(maps, 0, k, 1, s, count, copy, &stride);
            for (size_t p = 0; p < planes; p++) {
                float *plane = scratch->planes + p * maps->cells + s;
                float color =
                    painting->pixels.alpha * level_of(scratch->colors[k], p);
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
                "layers.maps: what is drawn of cell [%zu,%zu] is %g, expected "
                "at most %g",
                i % maps->cells / maps->width, i % maps->width,
                (double)planes[i], (double)largest_to_resample);
    return FMGCAM_STATUS_OK;
}

/* The planes that @p painting takes its colours from. */
static fmgcam_status prepare_planes(fmgcam_context *context,
                                    const struct subject *subject,
                                    const struct fmgcam_scratch *scratch,
                                    struct painting *painting, size_t *planes)
{
    const fmgcam_options *options = &context->options;
    const struct fmgcam_view *view = &subject->view;
    *planes = view->channels;
    if (painting->manner == MANNER_MIX) {
        *planes = count_mixed(painting);
        mix_planes(view, painting, scratch);
        return check_planes(context, view, scratch->planes, *planes);
    }
    fmgcam_view_copy(view, 0, 0, view->channels, 0, view->cells,
                     scratch->planes);
    if (painting->manner == MANNER_RAMP && painting->ramp.is_signed)
        painting->ramp.scale =
            fmgcam_scale_signed(options, scratch->planes, view->cells);
    else if (options->fuse_at == FMGCAM_FUSE_AT_IMAGE)
        fmgcam_scale_contest(options, &subject->probabilities, scratch->planes,
                             view->channels, view->cells, scratch->scales);
    else
        return check_planes(context, view, scratch->planes, *planes);
    if (painting->manner == MANNER_RAMP && !painting->ramp.is_signed)
        painting->ramp.scale = scratch->scales[0];
    return FMGCAM_STATUS_OK;
}

/* ---- Flipped maps -------------------------------------------------------- */

static void reverse_columns(float *plane, size_t height, size_t width)
{
    for (float *row = plane; row < plane + height * width; row += width)
        for (size_t x = 0; x < width / 2; x++) {
            float value = row[x];
            row[x] = row[width - 1 - x];
            row[width - 1 - x] = value;
        }
}

static void reverse_rows(float *plane, size_t height, size_t width)
{
    for (size_t y = 0; y < height / 2; y++)
        for (size_t x = 0; x < width; x++) {
            float *above = plane + y * width + x;
            float *below = plane + (height - 1 - y) * width + x;
            float value = *above;
            *above = *below;
            *below = value;
        }
}

static void put_straight(const fmgcam_geometry *geometry,
                         const struct fmgcam_view *view, float *planes,
                         size_t count)
{
    for (size_t p = 0; p < count; p++) {
        float *plane = planes + p * view->cells;
        if (geometry->left > geometry->right)
            reverse_columns(plane, view->height, view->width);
        if (geometry->top > geometry->bottom)
            reverse_rows(plane, view->height, view->width);
    }
}

/* ---- Strips -------------------------------------------------------------- */

static uint8_t *pixel_of(const fmgcam_image *image, size_t y, size_t x)
{
    return fmgcam_image_row(image, y) + fmgcam_pixel_bytes(image->format) * x;
}

static void shade(const struct painting *painting,
                  const struct fmgcam_strip *strip,
                  const struct fmgcam_pixels *pixels)
{
    const struct fmgcam_kernels *kernels = painting->kernels;
    switch (painting->manner) {
    case MANNER_MIX: kernels->shade_mixed(strip, pixels); break;
    case MANNER_CONTEST:
        kernels->shade_contest(strip, pixels, &painting->contest);
        break;
    default: kernels->shade_ramp(strip, pixels, &painting->ramp); break;
    }
}

/* Where picture or result has another format than the one in which is drawn, a
 * copy of the strip takes its place. */
static void shade_copy(const struct painting *painting,
                       const struct fmgcam_strip *strip,
                       struct fmgcam_pixels pixels)
{
    const fmgcam_image *picture = painting->picture, *out = painting->out;
    uint8_t copy[4 * FMGCAM_STRIP_FLOATS], *to = pixels.out;
    if (picture && picture->format != painting->format) {
        fmgcam_convert_pixels(picture->format, pixels.under, painting->format,
                              copy, strip->width);
        pixels.under = copy;
    }
    if (out->format != painting->format)
        pixels.out = copy;
    shade(painting, strip, &pixels);
    if (out->format != painting->format)
        fmgcam_convert_pixels(painting->format, copy, out->format, to,
                              strip->width);
}

/* Draw a strip that begins at pixel (x, y). */
static void place_strip(const struct painting *painting,
                        const struct fmgcam_strip *strip, size_t y, size_t x)
{
    const fmgcam_image *picture = painting->picture, *out = painting->out;
    struct fmgcam_pixels pixels = painting->pixels;
    pixels.out = pixel_of(out, y, x);
    if (picture)
        pixels.under = pixel_of(picture, y, x);
    if (out->format != painting->format ||
        (picture && picture->format != painting->format))
        shade_copy(painting, strip, pixels);
    else
        shade(painting, strip, &pixels);
}

static void paint_strip(const void *job, const struct fmgcam_strip *strip,
                        size_t y, size_t x)
{
    place_strip(job, strip, y, x);
}

static struct painting begin_painting(const fmgcam_context *context,
                                      const struct subject *subject,
                                      const fmgcam_image *picture,
                                      const fmgcam_image *out,
                                      const struct fmgcam_scratch *scratch)
{
    const fmgcam_options *options = &context->options;
    int is_grey = out->format == FMGCAM_PIXEL_GREY8;
    struct painting painting = {
        .kernels = &context->kernels,
        .picture = picture,
        .out = out,
        .format = is_grey ? FMGCAM_PIXEL_RGBA8 : out->format,
        .contest = {.classes = subject->view.channels,
                    .scales = scratch->scales,
                    .colors = scratch->colors},
    };
    painting.pixels = (struct fmgcam_pixels){
        .bytes = fmgcam_pixel_bytes(painting.format),
        .alpha = picture ? options->alpha : 1.0f,
        .constant = options->blend == FMGCAM_BLEND_CONSTANT,
        .under_pitch = picture ? (ptrdiff_t)picture->row_stride_bytes : 0,
        .out_pitch = (ptrdiff_t)out->row_stride_bytes,
    };
    if (options->color_map != FMGCAM_COLOR_MAP_CLASS) {
        painting.manner = MANNER_RAMP;
        painting.ramp = fmgcam_ramp_of(options->color_map,
                                       fmgcam_is_blue_first(out->format));
    } else if (options->fuse_at == FMGCAM_FUSE_AT_IMAGE) {
        painting.manner = MANNER_CONTEST;
    }
    return painting;
}

/* ---- What the network did not see ---------------------------------------- */

/* A share of grey over the picture. */
static const float fading = 0.6f, faded_level = 128.0f;

enum { FADED_PIXELS = 256 };

/* Strips of nothing but grey. */
struct fade {
    struct painting painting;
    float levels[3 * FADED_PIXELS];
};

static void fade_run(const struct fade *fade, size_t y, size_t begin,
                     size_t end)
{
    const float *line = fade->levels, weight = 1.0f;
    struct fmgcam_strip strip = {
        .lines = &line,
        .weights = &weight,
        .taps = 1,
        .plane_stride = FADED_PIXELS,
    };
    for (size_t x = begin; x < end; x += strip.width) {
        strip.width = smaller(end - x, FADED_PIXELS);
        place_strip(&fade->painting, &strip, y, x);
    }
}

/* All pixels beside those of @p walk. */
static void fade_unseen(const fmgcam_options *options,
                        const struct painting *painting,
                        const struct fmgcam_walk *walk)
{
    const struct fmgcam_reach *across = &walk->across, *down = &walk->down;
    const fmgcam_image *out = painting->out;
    int is_kept = (options->flags & FMGCAM_OPTION_UNSEEN_KEPT) != 0;
    struct fade fade = {.painting = *painting};
    fade.painting.manner = MANNER_MIX;
    fade.painting.pixels.alpha = is_kept ? 0.0f : fading;
    fade.painting.pixels.constant = 1;
    for (size_t i = 0; i < sizeof fade.levels / sizeof *fade.levels; i++)
        fade.levels[i] = fade.painting.pixels.alpha * faded_level;
    for (size_t y = 0; y < out->height; y++) {
        int is_seen = y >= down->begin && y - down->begin < down->count;
        size_t begin = is_seen ? across->begin : out->width;
        size_t end = is_seen ? across->begin + across->count : out->width;
        fade_run(&fade, y, 0, begin);
        fade_run(&fade, y, end, out->width);
    }
}

/* ---- Drawing ------------------------------------------------------------- */

static fmgcam_status choose_tensor(fmgcam_context *context,
                                   const fmgcam_layers *layers,
                                   struct subject *subject,
                                   const fmgcam_tensor **tensor)
{
    const fmgcam_options *options = &context->options;
    int is_signed = options->color_map == FMGCAM_COLOR_MAP_DIVERGING;
    int at_image = options->fuse_at == FMGCAM_FUSE_AT_IMAGE;
    int wants_signed = is_signed || at_image;
    subject->name = wants_signed ? "layers.signed_maps" : "layers.maps";
    *tensor = wants_signed ? layers->signed_maps : layers->maps;
    if (*tensor)
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "%s: NULL, expected a tensor, since options.%s",
                       subject->name,
                       is_signed  ? "color_map is diverging"
                       : at_image ? "fuse_at is image"
                                  : "fuse_at is map");
}

static fmgcam_status check_single(fmgcam_context *context,
                                  const struct subject *subject)
{
    uint32_t color_map = context->options.color_map;
    if (color_map == FMGCAM_COLOR_MAP_CLASS || subject->view.channels == 1)
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                       "%s: %zu classes, expected 1, since options.color_map "
                       "is %u",
                       subject->name, subject->view.channels, color_map);
}

static fmgcam_status view_layers(fmgcam_context *context,
                                 const fmgcam_layers *layers,
                                 struct subject *subject)
{
    const fmgcam_options *options = &context->options;
    const fmgcam_tensor *tensor = NULL;
    fmgcam_layers ours;
    fmgcam_status status = fmgcam_import(
        context, "layers", layers, &ours,
        FMGCAM_SIZE_THROUGH(fmgcam_layers, geometry), sizeof ours);
    if (status)
        return status;
    subject->colors = ours.colors;
    subject->classes = ours.classes;
    subject->geometry = ours.geometry;
    status = choose_tensor(context, &ours, subject, &tensor);
    if (!status)
        status =
            fmgcam_view_tensor(context, subject->name, FMGCAM_FORM_PLANE_MAPS,
                               tensor, &subject->view);
    if (!status)
        status = check_single(context, subject);
    if (!status && options->fuse_at == FMGCAM_FUSE_AT_IMAGE &&
        options->normalize == FMGCAM_NORMALIZE_PROBABILITY)
        status = fmgcam_view_probabilities(
            context, "layers.probabilities", ours.probabilities,
            subject->view.channels, &subject->probabilities);
    return status;
}

static fmgcam_status claim(fmgcam_context *context,
                           const struct subject *subject, const char *name,
                           const fmgcam_image *out,
                           struct fmgcam_scratch *scratch)
{
    const struct fmgcam_view *view = &subject->view;
    struct fmgcam_extents extents = {.classes = view->channels,
                                     .map_height = view->height,
                                     .map_width = view->width,
                                     .picture_height = out->height,
                                     .picture_width = out->width};
    fmgcam_status status =
        fmgcam_check_apart(context, name, fmgcam_image_span(out), subject->name,
                           fmgcam_view_span(view));
    if (!status)
        status = fmgcam_claim(context, &extents, scratch);
    if (!status)
        status = fmgcam_require_finite(context, subject->name,
                                       FMGCAM_FORM_PLANE_MAPS, view);
    return status;
}

/* 0 means RGB8. */
static fmgcam_image with_format(const fmgcam_image *image)
{
    fmgcam_image named = *image;
    if (named.format == 0)
        named.format = FMGCAM_PIXEL_RGB8;
    return named;
}

static fmgcam_status paint(fmgcam_context *context,
                           const struct subject *subject,
                           const fmgcam_image *given_picture, const char *name,
                           const fmgcam_image *given_out)
{
    const struct fmgcam_view *view = &subject->view;
    const fmgcam_image named_out = with_format(given_out), *out = &named_out;
    const fmgcam_image named_picture =
        with_format(given_picture ? given_picture : given_out);
    const fmgcam_image *picture = given_picture ? &named_picture : NULL;
    fmgcam_geometry geometry;
    struct fmgcam_scratch scratch;
    fmgcam_status status =
        fmgcam_import_geometry(context, subject->geometry, out, &geometry);
    if (!status)
        status = claim(context, subject, name, out, &scratch);
    if (status)
        return status;

    struct painting painting =
        begin_painting(context, subject, picture, out, &scratch);
    struct fmgcam_walk walk = {
        .across = fmgcam_reach_across(&geometry, out->width, view->width),
        .down = fmgcam_reach_down(&geometry, out->height, view->height),
        .paint = paint_strip,
        .job = &painting,
    };
    choose_colors(&context->options, subject, fmgcam_is_blue_first(out->format),
                  scratch.colors);
    status =
        prepare_planes(context, subject, &scratch, &painting, &walk.planes);
    if (status)
        return status;
    put_straight(&geometry, view, scratch.planes, walk.planes);
    fade_unseen(&context->options, &painting, &walk);
    return fmgcam_walk_picture(context, &scratch, &walk);
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
