/* SPDX-License-Identifier: MIT */
/* What the maps say, as numbers (docs/algorithm.md). Sums are in double, cells
 * row by row. */
#include "internal.h"

#include <math.h>
#include <string.h>

/* ---- One class ----------------------------------------------------------- */

struct class_maps {
    struct fmgcam_view r; /* the map of the class */
    struct fmgcam_view m; /* its signed map */
    int has_signed;
    const int32_t *winner; /* NULL: where R > 0 */
    size_t rank;
};

static int is_won(const struct class_maps *maps, size_t s)
{
    if (maps->winner)
        return maps->winner[s] == (int32_t)maps->rank;
    return fmgcam_view_at(&maps->r, 0, 0, s) > 0.0f;
}

static void measure_cells(const struct class_maps *maps,
                          fmgcam_class_measures *measures)
{
    double x = 0.0, y = 0.0;
    for (size_t s = 0; s < maps->r.cells; s++) {
        if (!is_won(maps, s))
            continue;
        double value = (double)fmgcam_view_at(&maps->r, 0, 0, s);
        if (measures->cells == 0 || value > measures->peak)
            measures->peak = value;
        measures->cells++;
        measures->mass += value;
        const size_t row = s / maps->r.width, column = s % maps->r.width;
        x += value * ((double)column + 0.5);
        y += value * ((double)row + 0.5);
    }
    measures->area = (double)measures->cells / (double)maps->r.cells;
    if (measures->cells)
        measures->flags |= FMGCAM_MEASURE_CELLS;
    if (measures->mass > 0.0) {
        measures->flags |= FMGCAM_MEASURE_CENTROID;
        measures->centroid_x = x / measures->mass;
        measures->centroid_y = y / measures->mass;
    }
}

/* Of the won cells that reach @p share of the peak; a share of 0 takes all. */
static void measure_box(const struct class_maps *maps, double share,
                        fmgcam_class_measures *measures)
{
    double least = share > 0.0 ? share * measures->peak : -HUGE_VAL;
    int is_empty = 1;
    for (size_t s = 0; s < maps->r.cells; s++) {
        double value = (double)fmgcam_view_at(&maps->r, 0, 0, s);
        if (!is_won(maps, s) || value < least)
            continue;
        uint32_t x = (uint32_t)(s % maps->r.width);
        uint32_t y = (uint32_t)(s / maps->r.width);
        if (is_empty || x < measures->left)
            measures->left = x;
        if (is_empty || x >= measures->right)
            measures->right = x + 1;
        if (is_empty)
            measures->top = y;
        measures->bottom = y + 1; /* rows come in order */
        is_empty = 0;
    }
}

static void measure_signs(const struct class_maps *maps,
                          fmgcam_class_measures *measures)
{
    double positive = 0.0, all = 0.0;
    for (size_t s = 0; s < maps->m.cells; s++) {
        double value = (double)fmgcam_view_at(&maps->m, 0, 0, s);
        positive += fmax(value, 0.0);
        all += fabs(value);
    }
    if (all > 0.0) {
        measures->flags |= FMGCAM_MEASURE_POSITIVE_SHARE;
        measures->positive_share = positive / all;
    }
}

/* The elements, once all else is known to be right. */
static fmgcam_status read_values(fmgcam_context *context, const char *name,
                                 enum fmgcam_form form,
                                 struct fmgcam_view *view)
{
    fmgcam_status status = fmgcam_check_finite(context, name, form, view);
    if (!status)
        fmgcam_apply_policy(context, view);
    return status;
}

/* That of one class, which alone is looked at. */
static void narrow(struct fmgcam_view *maps, size_t rank)
{
    ptrdiff_t offset = (ptrdiff_t)rank * maps->stride_c *
                       (ptrdiff_t)fmgcam_element_size(maps->dtype);
    maps->data = (const char *)maps->data + offset;
    maps->first_channel = rank;
    maps->channels = 1;
}

static fmgcam_status view_class(fmgcam_context *context,
                                const fmgcam_tensor *class_maps,
                                const fmgcam_tensor *signed_maps, uint32_t rank,
                                struct class_maps *maps)
{
    const enum fmgcam_form form = FMGCAM_FORM_PLANE_MAPS;
    fmgcam_status status =
        fmgcam_view_tensor(context, "class_maps", form, class_maps, &maps->r);
    if (status)
        return status;
    const uint64_t cells = maps->r.cells;
    if (cells > UINT32_MAX)
        return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                           "class_maps: %zu cells, expected at most %u, which "
                           "measures.cells can count",
                           maps->r.cells, UINT32_MAX);
    if (rank >= maps->r.channels)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "rank: %u, expected below the %zu classes", rank,
                           maps->r.channels);
    maps->rank = rank;
    maps->has_signed = signed_maps != NULL;
    if (signed_maps)
        status = fmgcam_view_tensor(context, "signed_maps", form, signed_maps,
                                    &maps->m);
    if (!status && signed_maps &&
        (maps->m.channels != maps->r.channels ||
         maps->m.height != maps->r.height || maps->m.width != maps->r.width))
        return fmgcam_fail_mismatch(context, "signed_maps", signed_maps,
                                    "class_maps", class_maps);
    if (status)
        return status;
    narrow(&maps->r, rank);
    status = read_values(context, "class_maps", form, &maps->r);
    if (status || !signed_maps)
        return status;
    narrow(&maps->m, rank);
    return read_values(context, "signed_maps", form, &maps->m);
}

fmgcam_status fmgcam_measure_class(fmgcam_context *context,
                                   const fmgcam_tensor *class_maps,
                                   const fmgcam_tensor *signed_maps,
                                   const int32_t *winner, uint32_t rank,
                                   float box_threshold,
                                   fmgcam_class_measures *measures)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    if (!measures)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "measures: NULL, expected a struct");
    if (!(box_threshold >= 0.0f && box_threshold <= 1.0f))
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "box_threshold: %g, expected 0 to 1",
                           (double)box_threshold);
    struct class_maps maps = {.winner = winner};
    size_t size = measures->struct_size;
    fmgcam_status status = fmgcam_check_struct(
        context, "measures", size,
        FMGCAM_SIZE_THROUGH(fmgcam_class_measures, positive_share));
    if (!status)
        status = view_class(context, class_maps, signed_maps, rank, &maps);
    if (status)
        return status;

    fmgcam_class_measures ours = {.struct_size = size};
    measure_cells(&maps, &ours);
    measure_box(&maps, (double)box_threshold, &ours);
    if (maps.has_signed)
        measure_signs(&maps, &ours);
    memset(measures, 0, size);
    memcpy(measures, &ours, smaller(size, sizeof ours));
    return FMGCAM_STATUS_OK;
}

/* ---- Pairs of classes ---------------------------------------------------- */

static double mass_of(const struct fmgcam_view *maps, size_t k)
{
    double mass = 0.0;
    for (size_t s = 0; s < maps->cells; s++)
        mass += fmax((double)fmgcam_view_at(maps, 0, k, s), 0.0);
    return mass;
}

static double overlap_of(const struct fmgcam_view *maps, size_t i, size_t j)
{
    double mass_i = mass_of(maps, i), mass_j = mass_of(maps, j), sum = 0.0;
    if (!(mass_i > 0.0 && mass_j > 0.0))
        return 0.0;
    for (size_t s = 0; s < maps->cells; s++) {
        double a = fmax((double)fmgcam_view_at(maps, 0, i, s), 0.0) / mass_i;
        double b = fmax((double)fmgcam_view_at(maps, 0, j, s), 0.0) / mass_j;
        sum += fmin(a, b);
    }
    return i == j ? 1.0 : fmin(sum, 1.0);
}

fmgcam_status fmgcam_measure_overlap(fmgcam_context *context,
                                     const fmgcam_tensor *class_maps,
                                     const fmgcam_buffer *overlap)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    struct fmgcam_view maps;
    struct fmgcam_regions regions = {.count = 0};
    const enum fmgcam_form form = FMGCAM_FORM_PLANE_MAPS;
    fmgcam_status status =
        fmgcam_view_tensor(context, "class_maps", form, class_maps, &maps);
    if (status)
        return status;
    fmgcam_add_input(&regions, "class_maps", &maps);
    status = fmgcam_add_output(context, &regions, "overlap", overlap,
                               maps.channels, maps.channels);
    if (!status)
        status = read_values(context, "class_maps", form, &maps);
    if (status)
        return status;
    float *table = overlap->data;
    for (size_t i = 0; i < maps.channels; i++)
        for (size_t j = i; j < maps.channels; j++) {
            float value = (float)overlap_of(&maps, i, j);
            table[i * maps.channels + j] = value;
            table[j * maps.channels + i] = value;
        }
    return FMGCAM_STATUS_OK;
}

/* ---- Margin -------------------------------------------------------------- */

static float margin_at(const float *values, size_t classes, size_t stride)
{
    float first = values[0], second = -HUGE_VALF;
    int are_numbers = first == first;
    for (size_t k = 1; k < classes; k++) {
        float value = values[k * stride];
        are_numbers &= value == value;
        if (value > first) {
            second = first;
            first = value;
        } else if (value > second) {
            second = value;
        }
    }
    if (!are_numbers)
        return NAN;
    return classes == 1 ? first : first - second;
}

void fmgcam_find_margin(const float *signed_maps, struct fmgcam_map_shape shape,
                        float *margin)
{
    for (size_t s = 0; s < shape.cells; s++)
        margin[s] = margin_at(signed_maps + s, shape.classes, shape.cells);
}

fmgcam_status fmgcam_measure_margin(fmgcam_context *context,
                                    const fmgcam_tensor *signed_maps,
                                    const fmgcam_buffer *margin)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    struct fmgcam_view maps;
    struct fmgcam_regions regions = {.count = 0};
    struct fmgcam_scratch scratch;
    fmgcam_status status = fmgcam_view_tensor(
        context, "signed_maps", FMGCAM_FORM_MAPS, signed_maps, &maps);
    if (status)
        return status;
    fmgcam_add_input(&regions, "signed_maps", &maps);
    status =
        fmgcam_add_output(context, &regions, "margin", margin, 1, maps.cells);
    struct fmgcam_extents extents = {.classes = maps.channels,
                                     .map_depth = maps.depth,
                                     .map_height = maps.height,
                                     .map_width = maps.width};
    if (!status)
        status = fmgcam_claim(context, &extents, &scratch);
    if (!status)
        status = read_values(context, "signed_maps", FMGCAM_FORM_MAPS, &maps);
    if (status)
        return status;
    fmgcam_view_copy(&maps, 0, 0, maps.channels, 0, maps.cells,
                     scratch.signed_maps);
    fmgcam_find_margin(scratch.signed_maps, fmgcam_shape_of(&maps),
                       margin->data);
    return FMGCAM_STATUS_OK;
}

/* ---- Regions ------------------------------------------------------------- */

static double contribution_of(const struct fmgcam_view *maps, size_t k,
                              const struct fmgcam_view *region)
{
    double sum = 0.0;
    for (size_t s = 0; s < maps->cells; s++)
        sum += (double)fmgcam_view_at(region, s / maps->width, s % maps->width,
                                      0) *
               (double)fmgcam_view_at(maps, 0, k, s);
    return sum;
}

static fmgcam_status view_region(fmgcam_context *context,
                                 const fmgcam_tensor *signed_maps,
                                 const struct fmgcam_view *maps,
                                 const fmgcam_tensor *region,
                                 struct fmgcam_view *view)
{
    fmgcam_status status = fmgcam_view_numbers(
        context, "region", FMGCAM_FORM_MATRIX, region, view);
    if (!status && (view->n != maps->height || view->channels != maps->width))
        return fmgcam_fail_mismatch(context, "region", region, "signed_maps",
                                    signed_maps);
    return status;
}

fmgcam_status fmgcam_measure_region(fmgcam_context *context,
                                    const fmgcam_tensor *signed_maps,
                                    const fmgcam_tensor *region,
                                    double *contributions)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    struct fmgcam_view maps, mask;
    struct fmgcam_span span;
    const enum fmgcam_form form = FMGCAM_FORM_PLANE_MAPS;
    fmgcam_status status =
        fmgcam_view_tensor(context, "signed_maps", form, signed_maps, &maps);
    if (!status)
        status = view_region(context, signed_maps, &maps, region, &mask);
    if (!status)
        status = fmgcam_span_array(context, "contributions", contributions,
                                   maps.channels, sizeof *contributions, &span);
    if (!status)
        status = fmgcam_check_apart(context, "contributions", span,
                                    "signed_maps", fmgcam_view_span(&maps));
    if (!status)
        status = fmgcam_check_apart(context, "contributions", span, "region",
                                    fmgcam_view_span(&mask));
    if (!status)
        status = read_values(context, "signed_maps", form, &maps);
    if (!status)
        status =
            fmgcam_require_finite(context, "region", FMGCAM_FORM_MATRIX, &mask);
    for (size_t k = 0; !status && k < maps.channels; k++)
        contributions[k] = contribution_of(&maps, k, &mask);
    return status;
}
