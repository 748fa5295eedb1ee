/* SPDX-License-Identifier: MIT */
/* The report as a tree of jansson's, then as text. */
#include "explain/report.h"

#include <math.h>
#include <stdlib.h>

#include <jansson.h>

#include "choices.h"
#include "diagnose.h"
#include "explain/explain_draw.h"
#include "head_text.h"
#include "json_values.h"

typedef struct report {
    const explain_options *asked;
    fmgcam_context *context;
    const explain_inputs *inputs;
    const explain_maps *maps;
    fmgcam_geometry geometry; /* if it is placed on a picture */
    uint32_t width, height;   /* of that */
    bool is_placed;
    double *contributions; /* [K]; NULL: no region */
    float *overlap;        /* [K, K], or NULL */
    int bad;               /* memory ran out */
} report;

/* ---- JSON ---------------------------------------------------------------- */

/* The json_*_set_new() and _append_new() functions take their value over even
 * when they fail, and fail when it is NULL: so a tree can be built without
 * looking at each step, which only leaves a mark in report->bad. */
static void set(report *r, json_t *object, const char *key, json_t *value)
{
    r->bad |= json_object_set_new(object, key, value);
}

static void append(report *r, json_t *array, json_t *value)
{
    r->bad |= json_array_append_new(array, value);
}

static json_t *integers(report *r, const int64_t *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        append(r, array, json_integer(values[i]));
    return array;
}

/* ---- The parts ----------------------------------------------------------- */

static json_t *shape_tree(report *r)
{
    json_t *array = json_array();
    append(r, array, json_integer(r->maps->channels));
    for (uint32_t i = 0; i < r->maps->axes; i++)
        append(r, array, json_integer(r->maps->extents[i]));
    return array;
}

static json_t *options_tree(report *r)
{
    const fmgcam_options *options = &r->maps->options;
    uint32_t top = r->asked->classes.top;
    json_t *tree = json_object();
    for (size_t i = 0; i < CHOICE_OPTION_COUNT; i++)
        set(r, tree, choice_options[i].key,
            json_string(choice_name(&choice_options[i], options)));
    set(r, tree, "alpha", json_of_float(options->alpha));
    set(r, tree, "top", top ? json_integer(top) : json_null());
    set(r, tree, "color_by",
        json_string(r->asked->color_by_class ? "class" : "rank"));
    set(r, tree, "unseen",
        json_string(options->flags & FMGCAM_OPTION_UNSEEN_KEPT ? "keep"
                                                               : "fade"));
    set(r, tree, "preprocess",
        r->asked->preprocess.text ? json_string(r->asked->preprocess.text)
                                  : json_null());
    return tree;
}

static json_t *head_tree(report *r)
{
    fmgcam_head_check check = {.struct_size = sizeof check};
    const explain_inputs *inputs = r->inputs;
    if (!r->asked->files[FILE_CLASSIFIER] || !inputs->logits.view.rank)
        return json_null();
    fmgcam_inputs given = explain_library_inputs(r->asked, inputs, 0, NULL);
    if (fmgcam_check_head(r->context, &given, 0, &check))
        return json_null(); /* activations that are not finite */
    json_t *tree = json_object();
    set(r, tree, "fits", json_boolean(check.cause == FMGCAM_HEAD_FITS));
    set(r, tree, "error", json_of_real(check.error));
    set(r, tree, "bound", json_of_real(check.bound));
    set(r, tree, "cause",
        check.cause == FMGCAM_HEAD_FITS ? json_null()
                                        : json_string(head_cause(check.cause)));
    return tree;
}

static json_t *overlap_tree(report *r)
{
    if (!r->overlap)
        return json_null();
    json_t *rows = json_array();
    for (uint32_t i = 0; i < r->maps->classes; i++) {
        json_t *row = json_array();
        for (uint32_t j = 0; j < r->maps->classes; j++)
            append(r, row, json_of_float(r->overlap[i * r->maps->classes + j]));
        append(r, rows, row);
    }
    return rows;
}

static json_t *region_tree(report *r)
{
    const uint32_t *region = r->asked->region;
    const int64_t box[] = {region[0], region[1], region[2], region[3]};
    return r->asked->has_region ? integers(r, box, 4) : json_null();
}

/* ---- Where it is on the picture ------------------------------------------ */

static json_t *numbers(report *r, const double *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        append(r, array, json_of_real(values[i]));
    return array;
}

static json_t *geometry_tree(report *r)
{
    const fmgcam_geometry *g = &r->geometry;
    if (!r->is_placed)
        return json_null();
    const double map[] = {g->left, g->top, g->right, g->bottom};
    const double seen[] = {g->seen_left, g->seen_top, g->seen_right,
                           g->seen_bottom};
    const int64_t size[] = {r->width, r->height};
    const int64_t input[] = {g->input_width, g->input_height};
    json_t *tree = json_object();
    set(r, tree, "picture", integers(r, size, 2));
    set(r, tree, "input", integers(r, input, 2));
    set(r, tree, "map", numbers(r, map, 4));
    set(r, tree, "seen", numbers(r, seen, 4));
    return tree;
}

/* From cells to pixels along one axis. */
static double place(double first, double last, int64_t cells, double at)
{
    return first + (last - first) * at / (double)cells;
}

/* A flipped map has its edges exchanged. */
static json_t *picture_box(report *r, const fmgcam_class_measures *m)
{
    const fmgcam_geometry *g = &r->geometry;
    const int64_t *extents = r->maps->extents;
    if (!r->is_placed || !(m->flags & FMGCAM_MEASURE_CELLS))
        return json_null();
    double left = place(g->left, g->right, extents[1], m->left);
    double right = place(g->left, g->right, extents[1], m->right);
    double top = place(g->top, g->bottom, extents[0], m->top);
    double bottom = place(g->top, g->bottom, extents[0], m->bottom);
    const double box[] = {fmin(left, right), fmin(top, bottom),
                          fmax(left, right), fmax(top, bottom)};
    return numbers(r, box, 4);
}

static json_t *picture_centroid(report *r, const fmgcam_class_measures *m)
{
    const fmgcam_geometry *g = &r->geometry;
    const int64_t *extents = r->maps->extents;
    if (!r->is_placed || !(m->flags & FMGCAM_MEASURE_CENTROID))
        return json_null();
    const double at[] = {place(g->left, g->right, extents[1], m->centroid_x),
                         place(g->top, g->bottom, extents[0], m->centroid_y)};
    return numbers(r, at, 2);
}

/* ---- A class ------------------------------------------------------------- */

static void set_measures(report *r, json_t *tree,
                         const fmgcam_class_measures *m)
{
    const int64_t box[] = {m->left, m->top, m->right, m->bottom};
    bool is_plane = r->maps->axes < 3;
    bool has_box = is_plane && (m->flags & FMGCAM_MEASURE_CELLS);
    bool has_centroid = is_plane && (m->flags & FMGCAM_MEASURE_CENTROID);
    const double centroid[] = {m->centroid_x, m->centroid_y};
    set(r, tree, "area", json_of_real(m->area));
    set(r, tree, "peak", json_of_float((float)m->peak));
    set(r, tree, "mass", json_of_real(m->mass));
    set(r, tree, "box", has_box ? integers(r, box, 4) : json_null());
    set(r, tree, "centroid",
        has_centroid ? numbers(r, centroid, 2) : json_null());
    set(r, tree, "picture_box", picture_box(r, m));
    set(r, tree, "picture_centroid", picture_centroid(r, m));
    set(r, tree, "positive_share",
        m->flags & FMGCAM_MEASURE_POSITIVE_SHARE
            ? json_of_real(m->positive_share)
            : json_null());
}

static json_t *class_tree(report *r, uint32_t rank)
{
    const explained_classes *classes = &r->inputs->classes;
    const char *label = explain_label(r->inputs, rank);
    fmgcam_class_measures m = {.struct_size = sizeof m};
    fmgcam_tensor maps = explain_flat_view(r->maps, r->maps->class_maps);
    fmgcam_tensor signed_maps =
        explain_flat_view(r->maps, r->maps->signed_maps);
    r->bad |=
        fmgcam_measure_class(r->context, &maps, &signed_maps, r->maps->winner,
                             rank, r->asked->box_threshold, &m) != 0;

    json_t *tree = json_object();
    set(r, tree, "rank", json_integer(rank));
    set(r, tree, "index",
        classes->indices ? json_integer(classes->indices[rank]) : json_null());
    set(r, tree, "label", label ? json_string(label) : json_null());
    set(r, tree, "score",
        classes->scores ? json_of_float(classes->scores[rank]) : json_null());
    set(r, tree, "probability",
        classes->probabilities ? json_of_float(classes->probabilities[rank])
                               : json_null());
    set_measures(r, tree, &m);
    set(r, tree, "contribution",
        r->contributions ? json_of_real(r->contributions[rank]) : json_null());
    return tree;
}

static json_t *report_tree(report *r)
{
    json_t *tree = json_object(), *classes = json_array();
    for (uint32_t rank = 0; rank < r->maps->classes; rank++)
        append(r, classes, class_tree(r, rank));
    set(r, tree, "version", json_integer(1));
    set(r, tree, "shape", shape_tree(r));
    set(r, tree, "options", options_tree(r));
    set(r, tree, "flat", json_boolean(r->maps->flat));
    set(r, tree, "classes", classes);
    set(r, tree, "layers", json_integer(r->inputs->layer_count));
    set(r, tree, "overlap", overlap_tree(r));
    set(r, tree, "region", region_tree(r));
    set(r, tree, "geometry", geometry_tree(r));
    set(r, tree, "head", head_tree(r));
    set(r, tree, "guarded", json_integer((json_int_t)r->maps->guarded));
    set(r, tree, "non_finite", json_integer((json_int_t)r->maps->non_finite));
    return tree;
}

/* ---- Measuring ----------------------------------------------------------- */

/* Pairs grow with the square of the classes, and a file of a few kilobytes has
 * ten thousand of those: beyond these they are not measured. */
enum { MOST_OVERLAPPING = 1000 };

static int measure_overlap(report *r)
{
    if (r->maps->classes > MOST_OVERLAPPING)
        return 0;
    size_t count = (size_t)r->maps->classes * r->maps->classes;
    fmgcam_tensor maps = explain_flat_view(r->maps, r->maps->class_maps);
    r->overlap = malloc(count * sizeof *r->overlap);
    if (!r->overlap)
        return fail_memory();
    fmgcam_buffer overlap = {r->overlap, count * sizeof *r->overlap};
    fmgcam_status status = fmgcam_measure_overlap(r->context, &maps, &overlap);
    return status ? explain_fail(r->inputs, r->context, status) : 0;
}

static int find_place(report *r)
{
    r->is_placed =
        r->maps->axes == 2 &&
        explain_picture_size(r->asked, r->inputs, &r->width, &r->height);
    return r->is_placed ? preprocess_locate(&r->asked->preprocess, r->context,
                                            r->width, r->height, &r->geometry)
                        : 0;
}

/* A mask of the region's cells. */
static uint8_t *make_mask(const report *r)
{
    const uint32_t *region = r->asked->region;
    int64_t columns = r->maps->extents[1];
    uint8_t *mask = calloc((size_t)r->maps->cells, 1);
    for (uint32_t y = region[1]; mask && y < region[3]; y++)
        for (uint32_t x = region[0]; x < region[2]; x++)
            mask[y * columns + x] = 1;
    return mask;
}

static int measure_region(report *r)
{
    const uint32_t *region = r->asked->region;
    const int64_t *extents = r->maps->extents;
    if (!r->asked->has_region)
        return 0;
    if (region[2] > extents[1] || region[3] > extents[0])
        return fail("--region", "reaches beyond the map of %lld x %lld cells",
                    (long long)extents[1], (long long)extents[0]);
    uint8_t *mask = make_mask(r);
    r->contributions = malloc(r->maps->classes * sizeof *r->contributions);
    if (!mask || !r->contributions) {
        free(mask);
        return fail_memory();
    }
    fmgcam_tensor view, maps = explain_flat_view(r->maps, r->maps->signed_maps);
    fmgcam_tensor_matrix(&view, mask, FMGCAM_DTYPE_UINT8, extents[0],
                         extents[1]);
    fmgcam_status status =
        fmgcam_measure_region(r->context, &maps, &view, r->contributions);
    free(mask);
    return status ? explain_fail(r->inputs, r->context, status) : 0;
}

static int write_tree(report *r, output *to)
{
    json_t *tree = report_tree(r);
    int status = json_write(r->bad ? NULL : tree, to);
    json_decref(tree);
    return status;
}

int report_write(const explain_options *options, fmgcam_context *context,
                 const explain_inputs *inputs, const explain_maps *maps,
                 output *to)
{
    report r = {
        .asked = options, .context = context, .inputs = inputs, .maps = maps};
    int status = find_place(&r);
    if (!status)
        status = measure_overlap(&r);
    if (!status)
        status = measure_region(&r);
    if (!status)
        status = write_tree(&r, to);
    free(r.overlap);
    free(r.contributions);
    return status;
}
