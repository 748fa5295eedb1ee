/* SPDX-License-Identifier: MIT */
/* Stage 1: one weight per class and channel, the mean of its gradients.
 *
 *   w[k,c] = (1/S) sum over s of G[k,c,s]
 *
 * (Selvaraju et al., Grad-CAM, 2017.) */
#include "internal.h"

struct pooling {
    const struct fmgcam_kernels *kernels;
    const struct fmgcam_view *gradients;
    const struct fmgcam_scratch *scratch;
    float *weights; /* [n, channels] */
    size_t blocks;  /* of channels, for each n */
};

/* The tree: lane i takes lane i + 8, then i + 4, i + 2, i + 1. */
static float fold_lanes(float lanes[FMGCAM_LANES])
{
    for (size_t half = FMGCAM_LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            lanes[i] += lanes[i + half];
    return lanes[0];
}

static void pool_block(void *job, size_t index, uint32_t worker)
{
    const struct pooling *pooling = job;
    const struct fmgcam_view *gradients = pooling->gradients;
    size_t n = index / pooling->blocks;
    size_t first = index % pooling->blocks * FMGCAM_TILE_CHANNELS;
    size_t channels =
        smaller(FMGCAM_TILE_CHANNELS, gradients->channels - first);
    float *scratch = fmgcam_worker_scratch(pooling->scratch, worker);
    float lanes[FMGCAM_TILE_CHANNELS][FMGCAM_LANES] = {{0}};

    for (size_t s = 0; s < gradients->cells; s += FMGCAM_TILE_CELLS) {
        size_t cells = smaller(FMGCAM_TILE_CELLS, gradients->cells - s);
        ptrdiff_t stride;
        const float *tile = fmgcam_view_tile(gradients, n, first, channels, s,
                                             cells, scratch, &stride);
        pooling->kernels->sum_lanes(tile, stride, channels, cells, lanes);
    }
    float *weights = pooling->weights + n * gradients->channels + first;
    for (size_t c = 0; c < channels; c++)
        weights[c] = fold_lanes(lanes[c]) / (float)gradients->cells;
}

fmgcam_status fmgcam_pool(fmgcam_context *context,
                          const struct fmgcam_view *gradients,
                          const struct fmgcam_scratch *scratch, float *weights)
{
    struct pooling pooling = {
        .kernels = context->kernels,
        .gradients = gradients,
        .scratch = scratch,
        .weights = weights,
        .blocks = (gradients->channels + FMGCAM_TILE_CHANNELS - 1) /
                  FMGCAM_TILE_CHANNELS,
    };
    fmgcam_status status = fmgcam_run_items(context, pool_block, &pooling,
                                            gradients->n * pooling.blocks);
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
