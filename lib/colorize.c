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

static void choose_colors(const uint8_t *given, size_t classes, uint8_t *colors)
{
    if (given)
        memcpy(colors, given, 3 * classes);
    else
        for (size_t k = 0; k < classes; k++)
            fmgcam_palette_color((uint32_t)k, colors + 3 * k);
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
    const struct fmgcam_scratch *scratch;
    uint32_t resample;
    size_t map_height, map_width;
    size_t column_taps;
    struct fmgcam_row row;       /* of any y: pictures are filled in */
    const fmgcam_image *picture; /* NULL for a heatmap */
    const fmgcam_image *out;
    struct fmgcam_contest contest; /* 0 classes: colours are mixed */
};

/* planes[cell] = red, green, blue, evidence. */
static void mix_planes(const struct fmgcam_view *maps,
                       const struct fmgcam_scratch *scratch)
{
    float *copy = fmgcam_worker_scratch(scratch, 0);
    memset(scratch->planes, 0, 4 * maps->cells * sizeof *scratch->planes);
    for (size_t k = 0; k < maps->channels; k++) {
        const uint8_t *rgb = scratch->colors + 3 * k;
        const float color[4] = {rgb[0], rgb[1], rgb[2], 1.0f};
        for (size_t s = 0; s < maps->cells; s += FMGCAM_TILE_CELLS) {
            size_t count = smaller(FMGCAM_TILE_CELLS, maps->cells - s);
            ptrdiff_t stride;
            const float *values =
                fmgcam_view_tile(maps, 0, k, 1, s, count, copy, &stride);
            for (size_t i = 0; i < count; i++)
                for (size_t j = 0; j < 4; j++)
                    scratch->planes[4 * (s + i) + j] += values[i] * color[j];
        }
    }
}

/* Resampling adds up values with weights whose magnitudes sum to at most 1.25
 * in each direction. */
static const float largest_to_resample = FLT_MAX / 2;

static fmgcam_status check_planes(fmgcam_context *context,
                                  const struct fmgcam_view *maps,
                                  const float *planes)
{
    for (size_t i = 0; i < 4 * maps->cells; i++)
        if (!(fabsf(planes[i]) <= largest_to_resample))
            return fmgcam_fail(
                context, FMGCAM_STATUS_OVERFLOW,
                "layers.maps: the sum of values times colours at "
                "cell [%zu,%zu] is %g, expected at most %g",
                i / 4 / maps->width, i / 4 % maps->width, (double)planes[i],
                (double)largest_to_resample);
    return FMGCAM_STATUS_OK;
}

/* ---- Contest at picture size --------------------------------------------- */

/* Signed values near the end of float32 could leave it between the cells.
 * Halving all of them changes no winner. Returns what they were multiplied
 * by. */
static float make_room(float *planes, size_t count)
{
    float peak = 0.0f;
    for (size_t i = 0; i < count; i++)
        peak = fmaxf(peak, fabsf(planes[i]));
    if (peak <= largest_to_resample)
        return 1.0f;
    for (size_t i = 0; i < count; i++)
        planes[i] *= 0.5f;
    return 0.5f;
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

/* q_k of a map that has something positive, whose values were multiplied by
 * @p factor. */
static double scale_of(uint32_t normalize, struct strength map,
                       double probability, double factor)
{
    switch (normalize) {
    case FMGCAM_NORMALIZE_NONE: return 1.0 / factor;
    case FMGCAM_NORMALIZE_MAX: return 1.0 / map.peak;
    case FMGCAM_NORMALIZE_PROBABILITY: return probability / factor;
    default: return 1.0 / map.norm;
    }
}

static double probability_of(const fmgcam_options *options,
                             const struct subject *subject, size_t k)
{
    if (options->normalize != FMGCAM_NORMALIZE_PROBABILITY)
        return 1.0;
    return (double)fmgcam_view_at(&subject->probabilities, k, 0, 0);
}

/* scales[k] makes evidence of a signed value: q_k / m with
 *   q_k = 1 / ||relu(M_k)||_2, 0 if that is 0   (1 with normalize none, 1 / max
 *                                               M_k with max, p_k with
 *                                               probability)
 *   m   = max over k and s of q_k relu(M_k[s])  (with rescale class that of
 *                                               the class, with none 1) */
static void find_scales(const fmgcam_options *options,
                        const struct subject *subject, const float *planes,
                        double factor, double *scales)
{
    double highest = 0.0;
    size_t cells = subject->view.cells, classes = subject->view.channels;
    for (size_t k = 0; k < classes; k++) {
        struct strength map = measure(planes + k * cells, cells);
        double p = probability_of(options, subject, k);
        double q = scale_of(options->normalize, map, p, factor);
        if (options->rescale == FMGCAM_RESCALE_CLASS)
            q = p > 0.0 ? 1.0 / map.peak : 0.0;
        scales[k] = map.peak > 0.0 ? q : 0.0;
        highest = fmax(highest, scales[k] * map.peak);
    }
    if (options->rescale == FMGCAM_RESCALE_STACK && highest > 0.0)
        for (size_t k = 0; k < classes; k++)
            scales[k] /= highest;
}

static void prepare_contest(const fmgcam_options *options,
                            const struct subject *subject,
                            const struct fmgcam_scratch *scratch,
                            struct fmgcam_contest *contest)
{
    const struct fmgcam_view *signed_maps = &subject->view;
    size_t classes = signed_maps->channels, cells = signed_maps->cells;
    fmgcam_view_copy(signed_maps, 0, 0, classes, 0, cells, scratch->planes);
    float factor = make_room(scratch->planes, classes * cells);
    find_scales(options, subject, scratch->planes, (double)factor,
                scratch->scales);
    *contest = (struct fmgcam_contest){
        .classes = classes,
        .map_width = signed_maps->width,
        .scales = scratch->scales,
        .colors = scratch->colors,
    };
}

/* ---- Rows ---------------------------------------------------------------- */

static void paint_mixed(const struct painting *painting,
                        const struct fmgcam_row *row, size_t start,
                        const float *weights, float *mixed)
{
    size_t width = 4 * painting->map_width;
    fmgcam_blend_rows(painting->scratch->planes + start * width, width, weights,
                      painting->column_taps, mixed);
    painting->kernels->shade_mixed(row, mixed);
}

static void paint_contest(const struct painting *painting,
                          const struct fmgcam_row *row, size_t start,
                          const float *weights, float *rows)
{
    struct fmgcam_contest contest = painting->contest;
    size_t width = painting->map_width;
    size_t cells = painting->map_height * width;
    for (size_t k = 0; k < contest.classes; k++)
        fmgcam_blend_rows(painting->scratch->planes + k * cells + start * width,
                          width, weights, painting->column_taps,
                          rows + k * width);
    contest.rows = rows;
    painting->kernels->shade_contest(row, &contest);
}

static void paint_row(void *job, size_t y, uint32_t worker)
{
    const struct painting *painting = job;
    float *weights = fmgcam_worker_scratch(painting->scratch, worker);
    float *rows = weights + painting->column_taps;
    uint32_t start;
    fmgcam_place_taps(painting->resample, painting->map_height,
                      painting->out->height, y, painting->column_taps, &start,
                      weights);

    struct fmgcam_row row = painting->row;
    row.out = fmgcam_image_row(painting->out, y);
    row.picture =
        painting->picture ? fmgcam_image_row(painting->picture, y) : NULL;
    if (painting->contest.classes)
        paint_contest(painting, &row, start, weights, rows);
    else
        paint_mixed(painting, &row, start, weights, rows);
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
        .kernels = context->kernels,
        .scratch = &scratch,
        .resample = options->resample,
        .map_height = view->height,
        .map_width = view->width,
        .column_taps =
            fmgcam_tap_count(options->resample, view->height, out->height),
        .row = {.starts = scratch.tap_starts,
                .weights = scratch.tap_weights,
                .taps = fmgcam_tap_count(options->resample, view->width,
                                         out->width),
                .width = out->width,
                .alpha = options->alpha,
                .constant = options->blend == FMGCAM_BLEND_CONSTANT},
        .picture = picture,
        .out = out,
    };
    choose_colors(subject->colors, view->channels, scratch.colors);
    if (options->fuse_at == FMGCAM_FUSE_AT_IMAGE) {
        prepare_contest(options, subject, &scratch, &painting.contest);
    } else {
        mix_planes(view, &scratch);
        status = check_planes(context, view, scratch.planes);
        if (status)
            return status;
    }
    fmgcam_place_row_taps(options->resample, view->width, out->width, &scratch);
    return fmgcam_run_items(context, paint_row, &painting, out->height);
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
