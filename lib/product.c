/* SPDX-License-Identifier: MIT */
/* Maps in which each cell is weighed by its own gradients, sums over c:
 *
 *   layer-cam     M = sum relu(G) A     (Jiang et al., 2021)
 *   hires-cam     M = sum G A           (Draelos and Carin, 2020)
 *   element-wise  M = sum relu(G A)
 *
 * In float, c ascending, multiply then add, as in stage 2. */
#include "internal.h"

#include <string.h>

struct adding {
    const struct fmgcam_kernels *kernels;
    enum fmgcam_product product;
    const struct fmgcam_view *gradients;   /* [K, C, cells] */
    const struct fmgcam_view *activations; /* [1, C, cells] */
    const struct fmgcam_scratch *scratch;
    float *maps; /* [K, cells] */
};

/* A strip of cells of all classes, over all channels. A tile of activations
 * serves all classes before the next one is read. */
static void add_strip(void *job, size_t index, uint32_t worker)
{
    const struct adding *adding = job;
    const struct fmgcam_view *a = adding->activations, *g = adding->gradients;
    size_t first = index * FMGCAM_TILE_CELLS;
    size_t cells = smaller(FMGCAM_TILE_CELLS, a->cells - first);
    float *copy_a = fmgcam_worker_scratch(adding->scratch, worker);
    float *copy_g = copy_a + FMGCAM_TILE_FLOATS;
    float *maps = adding->maps + first;

    for (size_t k = 0; k < g->n; k++)
        memset(maps + k * a->cells, 0, cells * sizeof *maps);
    for (size_t c = 0; c < a->channels; c += FMGCAM_TILE_CHANNELS) {
        size_t channels = smaller(FMGCAM_TILE_CHANNELS, a->channels - c);
        ptrdiff_t a_stride, g_stride;
        const float *rows_a = fmgcam_view_tile(a, 0, c, channels, first, cells,
                                               copy_a, &a_stride);
        for (size_t k = 0; k < g->n; k++) {
            const float *rows_g = fmgcam_view_tile(g, k, c, channels, first,
                                                   cells, copy_g, &g_stride);
            adding->kernels->add_products(adding->product, rows_g, g_stride,
                                          rows_a, a_stride, channels, cells,
                                          maps + k * a->cells);
        }
    }
}

static enum fmgcam_product product_of(uint32_t method)
{
    switch (method) {
    case FMGCAM_METHOD_LAYER_CAM: return FMGCAM_PRODUCT_OF_RELU;
    case FMGCAM_METHOD_ELEMENT_WISE: return FMGCAM_RELU_OF_PRODUCT;
    default: return FMGCAM_PRODUCT;
    }
}

fmgcam_status fmgcam_add_products(fmgcam_context *context,
                                  const struct fmgcam_view *gradients,
                                  const struct fmgcam_view *activations,
                                  const struct fmgcam_scratch *scratch,
                                  float *maps)
{
    struct adding adding = {
        .kernels = &context->kernels,
        .product = product_of(context->options.method),
        .gradients = gradients,
        .activations = activations,
        .scratch = scratch,
        .maps = maps,
    };
    size_t strips =
        (activations->cells + FMGCAM_TILE_CELLS - 1) / FMGCAM_TILE_CELLS;
    fmgcam_status status =
        fmgcam_run_items(context, add_strip, &adding, strips);
    return status ? status
                  : fmgcam_check_maps(context, maps, gradients->n, activations);
}
