/* SPDX-License-Identifier: MIT */
/* Stage 2: class maps as weighted sums of the activations.
 *
 *   M[k,s] = sum over c of w[k,c] A[c,s]
 *
 * By the kernels of the library, in a fixed order, or by BLAS. The only file
 * that knows the BLAS. */
#include "cpu.h"
#include "internal.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#ifdef FMGCAM_HAVE_CBLAS
# include <cblas.h>
#endif

/* Rows of a matrix that needs no copy, for a kernel as for BLAS. */
static const float *direct_rows(const struct fmgcam_view *view, size_t channel,
                                size_t cell, size_t cells, ptrdiff_t *stride)
{
    const float *rows = fmgcam_view_rows(view, 0, channel, cell, stride);
    if (view->channels == 1)
        *stride = (ptrdiff_t)cells;
    return *stride >= (ptrdiff_t)cells && *stride <= INT_MAX ? rows : NULL;
}

void fmgcam_add_channels(const struct fmgcam_combining *combining, size_t first,
                         size_t cells, size_t c, size_t channels,
                         uint32_t worker)
{
    const struct fmgcam_view *activations = combining->activations;
    ptrdiff_t stride = 0;
    const float *tile = direct_rows(activations, c, first, cells, &stride);
    if (!tile) {
        float *copy = fmgcam_worker_scratch(combining->scratch, worker);
        fmgcam_view_copy(activations, 0, c, channels, first, cells, copy);
        stride = (ptrdiff_t)cells;
        tile = copy;
    }
    const struct fmgcam_products products = {
        .weights = combining->weights + c,
        .weights_stride = activations->channels,
        .rows = tile,
        .rows_stride = stride,
        .channels = channels,
        .maps = combining->maps + first,
        .maps_stride = activations->cells,
    };
    combining->combine(&products, combining->classes, cells);
}

static void clear_maps(const struct fmgcam_combining *combining)
{
    size_t count = combining->classes * combining->activations->cells;
    memset(combining->maps, 0, count * sizeof *combining->maps);
}

/* A strip of cells, over all channels in ascending order. Strips are
 * independent of each other. */
static void combine_strip(void *job, size_t index, uint32_t worker)
{
    const struct fmgcam_combining *combining = job;
    const struct fmgcam_view *activations = combining->activations;
    size_t first = index * FMGCAM_TILE_CELLS;
    size_t cells = smaller(FMGCAM_TILE_CELLS, activations->cells - first);
    for (size_t c = 0; c < activations->channels; c += FMGCAM_TILE_CHANNELS)
        fmgcam_add_channels(
            combining, first, cells, c,
            smaller(FMGCAM_TILE_CHANNELS, activations->channels - c), worker);
}

static size_t count_strips(const struct fmgcam_view *activations)
{
    return (activations->cells + FMGCAM_TILE_CELLS - 1) / FMGCAM_TILE_CELLS;
}

/* ---- BLAS ---------------------------------------------------------------- */

#ifdef FMGCAM_HAVE_CBLAS

/* From how many classes on sgemm is measurably faster than the kernels:
 * docs/performance.md has the measurements. */
static size_t blas_from_classes(const struct fmgcam_kernels *kernels)
{
    return (kernels->flags & (FMGCAM_CPU_AVX2 | FMGCAM_CPU_AVX512)) ? 32 : 17;
}

static void combine_by_blas(const struct fmgcam_products *p, size_t classes,
                            size_t cells)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)classes,
                (int)cells, (int)p->channels, 1.0f, p->weights,
                (int)p->weights_stride, p->rows, (int)p->rows_stride, 1.0f,
                p->maps, (int)p->maps_stride);
}

/* A runner's threads and those of BLAS would fight for the cores. */
int fmgcam_uses_blas(const fmgcam_context *context, size_t classes,
                     size_t cells)
{
    switch (context->options.arithmetic) {
    case FMGCAM_ARITHMETIC_BLAS: return 1;
    case FMGCAM_ARITHMETIC_REPRODUCIBLE: return 0;
    default:
        return classes >= blas_from_classes(&context->kernels) &&
               !context->runner.run && cells <= INT_MAX;
    }
}

/* BLAS may skip products with a weight of 0 and so miss a NaN: look before. */
static fmgcam_status run_blas(fmgcam_context *context,
                              struct fmgcam_combining *combining)
{
    const struct fmgcam_view *activations = combining->activations;
    if (activations->cells > INT_MAX)
        return fmgcam_fail(context, FMGCAM_STATUS_UNSUPPORTED,
                           "activations: %zu cells are more than BLAS takes",
                           activations->cells);
    fmgcam_status status = fmgcam_check_finite(
        context, "activations", FMGCAM_FORM_ACTIVATIONS, activations);
    if (status)
        return status;

    ptrdiff_t stride = 0;
    combining->combine = combine_by_blas;
    if (direct_rows(activations, 0, 0, activations->cells, &stride))
        fmgcam_add_channels(combining, 0, activations->cells, 0,
                            activations->channels, 0);
    else
        for (size_t i = 0; i < count_strips(activations); i++)
            combine_strip(combining, i, 0);
    return FMGCAM_STATUS_OK;
}

void fmgcam_warm_up_blas(void)
{
    const float one = 1.0f;
    float result = 0.0f;
    const struct fmgcam_products p = {&one, 1, &one, 1, 1, &result, 1};
    combine_by_blas(&p, 1, 1);
}

#else

int fmgcam_uses_blas(const fmgcam_context *context, size_t classes,
                     size_t cells)
{
    (void)context;
    (void)classes;
    (void)cells;
    return 0;
}

void fmgcam_warm_up_blas(void)
{
}

#endif

static fmgcam_status run_products(fmgcam_context *context,
                                  struct fmgcam_combining *combining)
{
    const struct fmgcam_view *activations = combining->activations;
    clear_maps(combining);
#ifdef FMGCAM_HAVE_CBLAS
    if (fmgcam_uses_blas(context, combining->classes, activations->cells))
        return run_blas(context, combining);
#endif
    return fmgcam_run_items(context, combine_strip, combining,
                            count_strips(activations));
}

/* ---- Profile released ---------------------------------------------------- */

/* The package weights one shared tensor in place, class after class, so that
 * the weights of rank r are the product of those of ranks 0...r. */
static fmgcam_status multiply_up(fmgcam_context *context, float *weights,
                                 size_t classes, size_t channels)
{
    for (size_t i = channels; i < classes * channels; i++) {
        weights[i] *= weights[i - channels];
        if (!isfinite(weights[i]) &&
            context->options.non_finite != FMGCAM_NON_FINITE_PROPAGATE)
            return fmgcam_fail(
                context, FMGCAM_STATUS_OVERFLOW,
                "weights: the product of ranks 0 to %zu, channel "
                "%zu, leaves the range of float32",
                i / channels, i % channels);
    }
    return FMGCAM_STATUS_OK;
}

static void divide(float *values, size_t count, float divisor)
{
    for (size_t i = 0; i < count; i++)
        values[i] /= divisor;
}

/* ---- The stage ----------------------------------------------------------- */

fmgcam_status fmgcam_combine(fmgcam_context *context, size_t classes,
                             float *weights,
                             const struct fmgcam_view *activations,
                             const struct fmgcam_scratch *scratch, float *maps)
{
    int released = context->options.profile == FMGCAM_PROFILE_RELEASED;
    struct fmgcam_combining combining = {
        .combine = context->kernels.combine,
        .weights = weights,
        .classes = classes,
        .activations = activations,
        .scratch = scratch,
        .maps = maps,
    };
    fmgcam_status status = FMGCAM_STATUS_OK;
    if (released)
        status = multiply_up(context, weights, classes, activations->channels);
    if (!status)
        status = run_products(context, &combining);
    if (!status)
        status = fmgcam_judge_maps(context, activations, maps, classes);
    if (!status && released)
        divide(maps, classes * activations->cells,
               (float)activations->channels);
    return status;
}

fmgcam_status fmgcam_combine_channels(fmgcam_context *context,
                                      const fmgcam_tensor *weights,
                                      const fmgcam_tensor *activations,
                                      const fmgcam_buffer *signed_maps)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    struct fmgcam_view w, a;
    fmgcam_status status =
        fmgcam_view_tensor(context, "weights", FMGCAM_FORM_MATRIX, weights, &w);
    if (!status)
        status = fmgcam_view_tensor(context, "activations",
                                    FMGCAM_FORM_ACTIVATIONS, activations, &a);
    if (status)
        return status;
    if (w.channels != a.channels)
        return fmgcam_fail_mismatch(context, "weights", weights, "activations",
                                    activations);

    struct fmgcam_regions regions = {.count = 0};
    fmgcam_add_input(&regions, "weights", &w);
    fmgcam_add_input(&regions, "activations", &a);
    status = fmgcam_add_output(context, &regions, "signed_maps", signed_maps,
                               w.n, a.cells);
    if (status)
        return status;

    struct fmgcam_scratch scratch;
    struct fmgcam_extents extents = {.classes = w.n,
                                     .channels = w.channels,
                                     .map_depth = a.depth,
                                     .map_height = a.height,
                                     .map_width = a.width};
    status = fmgcam_claim(context, &extents, &scratch);
    if (!status)
        status =
            fmgcam_check_finite(context, "weights", FMGCAM_FORM_MATRIX, &w);
    if (status)
        return status;
    fmgcam_apply_policy(context, &w);
    fmgcam_apply_policy(context, &a);
    fmgcam_view_copy_matrix(&w, scratch.weights);
    return fmgcam_combine(context, w.n, scratch.weights, &a, &scratch,
                          signed_maps->data);
}
