/* SPDX-License-Identifier: MIT */
/* NaN and infinity in what the caller gave, and in what was made of it. */
#include "internal.h"

#include <float.h>
#include <math.h>

/* ---- Values --------------------------------------------------------------- */

/* In chunks that compilers vectorise. */
int fmgcam_are_finite(const float *values, size_t count)
{
    enum { CHUNK = 64 };
    for (size_t i = 0; i < count; i += CHUNK) {
        size_t end = smaller(count, i + CHUNK);
        unsigned beyond = 0;
        for (size_t j = i; j < end; j++)
            beyond |= fabsf(values[j]) <= FLT_MAX ? 0u : 1u;
        if (beyond)
            return 0;
    }
    return 1;
}

/* ---- Inputs -------------------------------------------------------------- */

struct place {
    size_t n, c, cell;
};

struct findings {
    size_t count;
    struct place first; /* in the caller's order */
};

static void note(struct findings *findings, struct place at)
{
    const struct place *first = &findings->first;
    int is_earlier =
        at.n == first->n &&
        (at.c < first->c || (at.c == first->c && at.cell < first->cell));
    if (findings->count++ == 0 || is_earlier)
        findings->first = at;
}

static void scan_tile(const float *tile, ptrdiff_t stride, size_t channels,
                      size_t cells, struct place at, struct findings *findings)
{
    if (stride == (ptrdiff_t)cells && fmgcam_are_finite(tile, channels * cells))
        return; /* rows that follow each other are one row */
    for (size_t c = 0; c < channels; c++, tile += stride) {
        if (fmgcam_are_finite(tile, cells))
            continue;
        for (size_t s = 0; s < cells; s++)
            if (!isfinite(tile[s]))
                note(findings, (struct place){at.n, at.c + c, at.cell + s});
    }
}

/* What is NaN or infinite. */
static struct findings scan(const struct fmgcam_view *view)
{
    float copy[FMGCAM_TILE_CHANNELS * FMGCAM_TILE_CELLS];
    struct findings findings = {0};
    for (size_t n = 0; n < view->n; n++)
        for (size_t c = 0; c < view->channels; c += FMGCAM_TILE_CHANNELS)
            for (size_t s = 0; s < view->cells; s += FMGCAM_TILE_CELLS) {
                size_t channels =
                    smaller(FMGCAM_TILE_CHANNELS, view->channels - c);
                size_t cells = smaller(FMGCAM_TILE_CELLS, view->cells - s);
                ptrdiff_t stride;
                const float *tile = fmgcam_view_tile(view, n, c, channels, s,
                                                     cells, copy, &stride);
                scan_tile(tile, stride, channels, cells,
                          (struct place){n, c, s}, &findings);
            }
    return findings;
}

fmgcam_status fmgcam_require_finite(fmgcam_context *context, const char *name,
                                    enum fmgcam_form form,
                                    const struct fmgcam_view *view)
{
    struct findings findings = scan(view);
    if (findings.count == 0)
        return FMGCAM_STATUS_OK;
    struct place at = findings.first;
    char index[FMGCAM_SHAPE_TEXT_SIZE];
    fmgcam_print_index(context, form, view, at.n, at.c, at.cell, index);
    double stored = fmgcam_view_stored(view, at.n, at.c, at.cell);
    return fmgcam_fail(context, FMGCAM_STATUS_NON_FINITE,
                       "%s: value at %s is %g, expected a finite number%s",
                       name, index, stored,
                       isfinite(stored) ? " within float32" : "");
}

fmgcam_status fmgcam_check_finite(fmgcam_context *context, const char *name,
                                  enum fmgcam_form form,
                                  const struct fmgcam_view *view)
{
    if (context->options.non_finite != FMGCAM_NON_FINITE_ERROR)
        return FMGCAM_STATUS_OK;
    return fmgcam_require_finite(context, name, form, view);
}

size_t fmgcam_apply_policy(const fmgcam_context *context,
                           struct fmgcam_view *view)
{
    if (context->options.non_finite == FMGCAM_NON_FINITE_ERROR)
        return 0;
    size_t found = scan(view).count;
    view->skips_non_finite =
        found > 0 && context->options.non_finite == FMGCAM_NON_FINITE_SKIP;
    return found;
}

/* ---- Results ------------------------------------------------------------- */

/* The first value that is not finite and should be; count if there is none. */
static size_t find_beyond(const fmgcam_context *context, const float *values,
                          size_t count)
{
    size_t i = 0;
    if (context->options.non_finite == FMGCAM_NON_FINITE_PROPAGATE)
        return count;
    while (i < count && isfinite(values[i]))
        i++;
    return i;
}

fmgcam_status fmgcam_check_weights(fmgcam_context *context,
                                   const float *weights, size_t classes,
                                   size_t channels)
{
    size_t i = find_beyond(context, weights, classes * channels);
    if (i == classes * channels)
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                       "weights: the sum for class %zu, channel %zu leaves the "
                       "range of float32",
                       i / channels, i % channels);
}

fmgcam_status fmgcam_check_maps(fmgcam_context *context, const float *maps,
                                size_t classes,
                                const struct fmgcam_view *activations)
{
    size_t cells = activations->cells;
    size_t i = find_beyond(context, maps, classes * cells);
    if (i == classes * cells)
        return FMGCAM_STATUS_OK;
    char cell[FMGCAM_SHAPE_TEXT_SIZE];
    fmgcam_print_cell(context, activations, i % cells, cell);
    return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                       "signed_maps: the sum for class %zu, cell %s leaves the "
                       "range of float32",
                       i / cells, cell);
}

fmgcam_status fmgcam_judge_weights(fmgcam_context *context, const char *name,
                                   enum fmgcam_form form,
                                   const struct fmgcam_view *input,
                                   const float *weights, size_t classes)
{
    if (fmgcam_are_finite(weights, classes * input->channels))
        return FMGCAM_STATUS_OK;
    fmgcam_status status = fmgcam_check_finite(context, name, form, input);
    return status ? status
                  : fmgcam_check_weights(context, weights, classes,
                                         input->channels);
}

fmgcam_status fmgcam_judge_maps(fmgcam_context *context,
                                const struct fmgcam_view *activations,
                                const float *maps, size_t classes)
{
    if (fmgcam_are_finite(maps, classes * activations->cells))
        return FMGCAM_STATUS_OK;
    fmgcam_status status = fmgcam_check_finite(
        context, "activations", FMGCAM_FORM_ACTIVATIONS, activations);
    return status ? status
                  : fmgcam_check_maps(context, maps, classes, activations);
}
