/* SPDX-License-Identifier: MIT */
/* Stage 1: one weight per class and channel, the mean of its gradients.
 *
 *   w[k,c] = (1/S) sum over s of G[k,c,s]
 *
 * (Selvaraju et al., Grad-CAM, 2017.) */
#include "internal.h"

/* Rows that fit a tile. */
static void pool_copied_rows(const struct fmgcam_pooling *pooling, size_t n,
                             size_t first, size_t channels, float *tile,
                             float *weights)
{
    size_t cells = pooling->gradients->cells, most = FMGCAM_TILE_FLOATS / cells;
    for (size_t c = 0; c < channels; c += most) {
        struct fmgcam_rows rows = {.data = tile,
                                   .stride_c = (ptrdiff_t)cells,
                                   .classes = 1,
                                   .channels = smaller(channels - c, most),
                                   .cells = cells};
        fmgcam_view_copy(pooling->gradients, n, first + c, rows.channels, 0,
                         cells, tile);
        pooling->kernels->pool_rows(&rows, weights + c, 0);
    }
}

/* One row that does not. */
static float pool_long_row(const struct fmgcam_pooling *pooling, size_t n,
                           size_t c, float *tile)
{
    const struct fmgcam_view *gradients = pooling->gradients;
    float lanes[FMGCAM_LANES] = {0};
    for (size_t s = 0; s < gradients->cells; s += FMGCAM_TILE_FLOATS) {
        size_t cells = smaller(FMGCAM_TILE_FLOATS, gradients->cells - s);
        fmgcam_view_copy(gradients, n, c, 1, s, cells, tile);
        for (size_t i = 0; i < cells; i++)
            lanes[i % FMGCAM_LANES] += tile[i];
    }
    return fmgcam_fold_lanes(lanes) / (float)gradients->cells;
}

/* Tensors that cannot be read in place. */
static void pool_copies(const struct fmgcam_pooling *pooling, size_t n,
                        size_t first, size_t channels, uint32_t worker,
                        float *weights)
{
    float *tile = fmgcam_worker_scratch(pooling->scratch, worker);
    if (pooling->gradients->cells <= FMGCAM_TILE_FLOATS)
        pool_copied_rows(pooling, n, first, channels, tile, weights);
    else
        for (size_t c = 0; c < channels; c++)
            weights[c] = pool_long_row(pooling, n, first + c, tile);
}

void fmgcam_pool_block(const struct fmgcam_pooling *pooling, size_t n,
                       size_t count, size_t first, size_t channels,
                       const float *soon, ptrdiff_t soon_stride,
                       uint32_t worker)
{
    const struct fmgcam_view *gradients = pooling->gradients;
    const struct fmgcam_kernels *kernels = pooling->kernels;
    size_t stride = gradients->channels;
    float *weights = pooling->weights + n * stride + first;
    struct fmgcam_rows rows = {
        .stride_k = gradients->stride_n,
        .classes = count,
        .channels = channels,
        .cells = gradients->cells,
        .soon = soon,
        .soon_stride = soon_stride,
    };
    rows.data = fmgcam_view_rows(gradients, n, first, 0, &rows.stride_c);
    if (rows.data) {
        kernels->pool_rows(&rows, weights, stride);
        return;
    }
    for (size_t k = 0; k < count; k++, weights += stride) {
        ptrdiff_t step;
        const float *columns =
            fmgcam_view_columns(gradients, n + k, first, &step);
        if (columns)
            kernels->pool_columns(columns, step, channels, gradients->cells,
                                  weights);
        else
            pool_copies(pooling, n + k, first, channels, worker, weights);
    }
}

/* ---- The stage ----------------------------------------------------------- */

size_t fmgcam_pool_channels(const struct fmgcam_view *gradients)
{
    enum { COLUMN_CHANNELS = 256 };
    ptrdiff_t stride;
    int by_columns = !fmgcam_view_rows(gradients, 0, 0, 0, &stride) &&
                     fmgcam_view_columns(gradients, 0, 0, &stride);
    return by_columns ? COLUMN_CHANNELS : FMGCAM_TILE_CHANNELS;
}

/* Classes of one block of work: few enough to spread many of them, and enough
 * for their rows to come from memory side by side. */
enum { BLOCK_CLASSES = FMGCAM_POOL_CLASSES };

static size_t count_blocks(size_t size, size_t block)
{
    return (size + block - 1) / block;
}

static void pool_item(void *job, size_t index, uint32_t worker)
{
    const struct fmgcam_pooling *pooling = job;
    const struct fmgcam_view *gradients = pooling->gradients;
    size_t block = fmgcam_pool_channels(gradients);
    size_t across = count_blocks(gradients->channels, block);
    size_t n = index / across * BLOCK_CLASSES, first = index % across * block;
    fmgcam_pool_block(pooling, n, smaller(BLOCK_CLASSES, gradients->n - n),
                      first, smaller(block, gradients->channels - first), NULL,
                      0, worker);
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
    size_t items =
        count_blocks(gradients->n, BLOCK_CLASSES) *
        count_blocks(gradients->channels, fmgcam_pool_channels(gradients));
    fmgcam_status status =
        fmgcam_run_items(context, pool_item, &pooling, items);
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
