/* SPDX-License-Identifier: MIT */
/* Stages 1 and 2 in one pass: a block of channels of all gradients is pooled,
 * then combined, while the next one comes from memory. */
#include "internal.h"

#include <string.h>

/* The CPU sees by itself how one class's rows of more cells go on. */
enum { SHORT_CELLS = 256 };

struct pass {
    struct fmgcam_pooling pooling;
    struct fmgcam_combining combining;
};

/* The kernel for the usual maps, if it can read both tensors in place. Returns
 * how many channels are done. */
static size_t fuse(const struct fmgcam_kernels *kernels,
                   const struct fmgcam_view *gradients,
                   const struct fmgcam_view *activations, float *weights,
                   float *maps)
{
    struct fmgcam_fusing fusing = {
        .gradients_stride_k = gradients->stride_n,
        .classes = gradients->n,
        .channels = gradients->channels,
        .weights = weights,
        .maps = maps,
    };
    fusing.gradients =
        fmgcam_view_rows(gradients, 0, 0, 0, &fusing.gradients_stride_c);
    fusing.activations =
        fmgcam_view_rows(activations, 0, 0, 0, &fusing.activations_stride);
    int fits = fusing.gradients && fusing.activations &&
               gradients->cells == FMGCAM_FUSED_CELLS &&
               gradients->n <= FMGCAM_FUSED_CLASSES;
    return fits && kernels->fuse ? kernels->fuse(&fusing) : 0;
}

static const float *find_soon(const struct pass *pass, size_t first,
                              ptrdiff_t *stride)
{
    const struct fmgcam_view *activations = pass->combining.activations;
    if (activations->cells > SHORT_CELLS && pass->combining.classes == 1)
        return NULL;
    return fmgcam_view_rows(activations, 0, first, 0, stride);
}

static void add_block(const struct pass *pass, size_t first, size_t channels)
{
    size_t cells = pass->combining.activations->cells;
    for (size_t s = 0; s < cells; s += FMGCAM_TILE_CELLS)
        fmgcam_add_channels(&pass->combining, s,
                            smaller(FMGCAM_TILE_CELLS, cells - s), first,
                            channels, 0);
}

static void pass_block(const struct pass *pass, size_t first, size_t channels)
{
    ptrdiff_t stride = 0;
    const float *soon = find_soon(pass, first, &stride);
    fmgcam_pool_block(&pass->pooling, 0, pass->combining.classes, first,
                      channels, soon, stride, 0);
    for (size_t c = 0; c < channels; c += FMGCAM_TILE_CHANNELS)
        add_block(pass, first + c, smaller(FMGCAM_TILE_CHANNELS, channels - c));
}

int fmgcam_pool_and_combine(const fmgcam_context *context,
                            const struct fmgcam_view *gradients,
                            const struct fmgcam_view *activations,
                            const struct fmgcam_scratch *scratch,
                            float *weights, float *maps)
{
    size_t classes = gradients->n, channels = gradients->channels;
    size_t count = classes * activations->cells;
    float *pooled = weights ? weights : scratch->weights;
    const struct pass pass = {
        .pooling = {.kernels = &context->kernels,
                    .gradients = gradients,
                    .scratch = scratch,
                    .weights = pooled},
        .combining = {.combine = context->kernels.combine,
                      .weights = pooled,
                      .classes = classes,
                      .activations = activations,
                      .scratch = scratch,
                      .maps = maps},
    };
    size_t done =
        fuse(&context->kernels, gradients, activations, weights, maps);
    if (done == 0)
        memset(maps, 0, count * sizeof *maps);
    const size_t block = fmgcam_pool_channels(gradients);
    for (size_t c = done; c < channels; c += block)
        pass_block(&pass, c, smaller(block, channels - c));
    return context->options.non_finite == FMGCAM_NON_FINITE_PROPAGATE ||
           fmgcam_are_finite(maps, count);
}
