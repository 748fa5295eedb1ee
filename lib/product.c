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
    uint32_t method;
    const struct fmgcam_view *gradients;   /* [K, C, cells] */
    const struct fmgcam_view *activations; /* [1, C, cells] */
    const struct fmgcam_scratch *scratch;
    float *maps; /* [K, cells] */
};

/* max(x, 0) that keeps NaN. */
static inline float relu(float x)
{
    return x <= 0.0f ? 0.0f : x;
}

static void add_row(uint32_t method, const float *g, const float *a,
                    size_t cells, float *map)
{
    switch (method) {
    case FMGCAM_METHOD_LAYER_CAM:
        for (size_t s = 0; s < cells; s++)
            map[s] += relu(g[s]) * a[s];
        break;
    case FMGCAM_METHOD_HIRES_CAM:
        for (size_t s = 0; s < cells; s++)
            map[s] += g[s] * a[s];
        break;
    default:
        for (size_t s = 0; s < cells; s++)
            map[s] += relu(g[s] * a[s]);
        break;
    }
}

/* A strip of cells of all classes, over all channels. A tile of activations
 * serves all classes before the next one is read. */
static void add_strip(void *job, size_t index, uint32_t worker)
{
    const struct adding *adding = job;
    const struct fmgcam_view *a = adding->activations, *g = adding->gradients;
    size_t first = index * FMGCAM_TILE_CELLS;
    size_t cells = smaller(FMGCAM_TILE_CELLS, a->cells - first);
    float *copy_a = fmgcam_worker_scratch(adding->scratch, worker);
    float *copy_g = copy_a + FMGCAM_TILE_CHANNELS * FMGCAM_TILE_CELLS;
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
            for (size_t i = 0; i < channels; i++)
                add_row(adding->method, rows_g + (ptrdiff_t)i * g_stride,
                        rows_a + (ptrdiff_t)i * a_stride, cells,
                        maps + k * a->cells);
        }
    }
}

fmgcam_status fmgcam_add_products(fmgcam_context *context,
                                  const struct fmgcam_view *gradients,
                                  const struct fmgcam_view *activations,
                                  const struct fmgcam_scratch *scratch,
                                  float *maps)
{
    struct adding adding = {context->options.method, gradients, activations,
                            scratch, maps};
    size_t strips =
        (activations->cells + FMGCAM_TILE_CELLS - 1) / FMGCAM_TILE_CELLS;
    fmgcam_status status =
        fmgcam_run_items(context, add_strip, &adding, strips);
    return status ? status
                  : fmgcam_check_maps(context, maps, gradients->n, activations);
}
