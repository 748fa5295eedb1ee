/* SPDX-License-Identifier: MIT */
/* Stage 1: one weight per class and channel, the mean of its gradients.
 *
 *   w[k,c] = (1/S) sum over s of G[k,c,s]
 *
 * (Selvaraju et al., Grad-CAM, 2017.) */
#include "internal.h"

/* lanes[c][s mod LANES] += rows[c][s], of a tile that begins with lane 0. */
static void add_to_lanes(const float *rows, size_t channels, size_t cells,
                         float (*lanes)[FMGCAM_LANES])
{
    for (size_t c = 0; c < channels; c++)
        for (size_t s = 0; s < cells; s++)
            lanes[c][s % FMGCAM_LANES] += rows[c * cells + s];
}

/* Tensors that cannot be read in place. */
static void pool_copies(const struct fmgcam_pooling *pooling, size_t n,
                        size_t first, size_t channels, uint32_t worker,
                        float *weights)
{
    const struct fmgcam_view *gradients = pooling->gradients;
    float *tile = fmgcam_worker_scratch(pooling->scratch, worker);
    float lanes[FMGCAM_TILE_CHANNELS][FMGCAM_LANES] = {{0}};
    for (size_t s = 0; s < gradients->cells; s += FMGCAM_TILE_CELLS) {
        size_t cells = smaller(FMGCAM_TILE_CELLS, gradients->cells - s);
        fmgcam_view_copy(gradients, n, first, channels, s, cells, tile);
        add_to_lanes(tile, channels, cells, lanes);
    }
    for (size_t c = 0; c < channels; c++)
        weights[c] = fmgcam_fold_lanes(lanes[c]) / (float)gradients->cells;
}

void fmgcam_pool_channels(const struct fmgcam_pooling *pooling, size_t n,
                          size_t first, size_t channels, uint32_t worker)
{
    const struct fmgcam_view *gradients = pooling->gradients;
    const struct fmgcam_kernels *kernels = pooling->kernels;
    float *weights = pooling->weights + n * gradients->channels + first;
    size_t cells = gradients->cells;
    ptrdiff_t stride;
    const float *rows = fmgcam_view_rows(gradients, n, first, 0, &stride);
    if (rows) {
        kernels->pool_rows(rows, stride, channels, cells, weights);
        return;
    }
    const float *columns = fmgcam_view_columns(gradients, n, first, &stride);
    if (columns)
        kernels->pool_columns(columns, stride, channels, cells, weights);
    else
        pool_copies(pooling, n, first, channels, worker, weights);
}

/* ---- The stage ----------------------------------------------------------- */

static size_t count_blocks(const struct fmgcam_view *gradients)
{
    return (gradients->channels + FMGCAM_TILE_CHANNELS - 1) /
           FMGCAM_TILE_CHANNELS;
}

static void pool_block(void *job, size_t index, uint32_t worker)
{
    const struct fmgcam_pooling *pooling = job;
    size_t blocks = count_blocks(pooling->gradients);
    size_t first = index % blocks * FMGCAM_TILE_CHANNELS;
    size_t channels =
        smaller(FMGCAM_TILE_CHANNELS, pooling->gradients->channels - first);
    fmgcam_pool_channels(pooling, index / blocks, first, channels, worker);
}

fmgcam_status fmgcam_pool(fmgcam_context *context,
                          const struct fmgcam_view *gradients,
                          const struct fmgcam_scratch *scratch, float *weights)
{
    struct fmgcam_pooling pooling = {
        .kernels = &context->kernels,
        .gradients = gradients,
        .scratch = scratch,
        .weights = weights,
    };
    fmgcam_status status = fmgcam_run_items(
        context, pool_block, &pooling, gradients->n * count_blocks(gradients));
    return status ? status
                  : fmgcam_judge_weights(context, "gradients",
                                         FMGCAM_FORM_GRADIENTS, gradients,
                                         weights, gradients->n);
}

fmgcam_status fmgcam_pool_gradients(fmgcam_context *context,
                                    const fmgcam_tensor *gradients,
                                    const fmgcam_buffer *weights)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    struct fmgcam_view view;
    struct fmgcam_regions regions = {.count = 0};
    fmgcam_status status = fmgcam_view_tensor(
        context, "gradients", FMGCAM_FORM_GRADIENTS, gradients, &view);
    if (status)
        return status;
    fmgcam_add_input(&regions, "gradients", &view);
    status = fmgcam_add_output(context, &regions, "weights", weights, view.n,
                               view.channels);
    if (status)
        return status;

    struct fmgcam_scratch scratch;
    struct fmgcam_extents extents = {.classes = view.n,
                                     .channels = view.channels,
                                     .map_depth = view.depth,
                                     .map_height = view.height,
                                     .map_width = view.width};
    status = fmgcam_claim(context, &extents, &scratch);
    if (status)
        return status;
    fmgcam_apply_policy(context, &view);
    return fmgcam_pool(context, &view, &scratch, weights->data);
}
