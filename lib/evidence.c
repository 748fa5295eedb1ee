/* SPDX-License-Identifier: MIT */
/* Stages 1 and 2 by the method that was chosen: from what is known to signed
 * maps. */
#include "internal.h"

#include <string.h>

/* ---- Weights ------------------------------------------------------------- */

/* Weights that are given, in place of pooled gradients. */
static fmgcam_status copy_weights(fmgcam_context *context,
                                  const struct fmgcam_source *source,
                                  float *weights)
{
    fmgcam_status status =
        fmgcam_check_finite(context, source->name, source->form, &source->view);
    if (!status)
        fmgcam_view_copy_matrix(&source->view, weights);
    return status;
}

/* Grad-CAM's weights, into scratch->weights. */
static fmgcam_status make_weights(fmgcam_context *context,
                                  const struct fmgcam_picture *picture,
                                  const struct fmgcam_scratch *scratch)
{
    const struct fmgcam_source *source = &picture->source;
    switch (source->kind) {
    case FMGCAM_SOURCE_GRADIENTS:
        return fmgcam_pool(context, &source->view, scratch, scratch->weights);
    case FMGCAM_SOURCE_CLASSIFIER:
        return fmgcam_take_rows(context, picture, scratch);
    default: return copy_weights(context, source, scratch->weights);
    }
}

/* Gradients for the methods that look at each cell: those that are given, or
 * the given weights at every cell. */
static fmgcam_status find_gradients(fmgcam_context *context,
                                    const struct fmgcam_picture *picture,
                                    const struct fmgcam_scratch *scratch,
                                    struct fmgcam_view *gradients)
{
    const struct fmgcam_source *source = &picture->source;
    fmgcam_status status = FMGCAM_STATUS_OK;
    if (source->kind == FMGCAM_SOURCE_GRADIENTS) {
        *gradients = source->view;
        return fmgcam_check_finite(context, source->name, source->form,
                                   gradients);
    }
    status = make_weights(context, picture, scratch);
    *gradients = fmgcam_view_broadcast(scratch->weights, picture->classes,
                                       &picture->activations);
    return status;
}

/* ---- Maps ---------------------------------------------------------------- */

static fmgcam_status combine(fmgcam_context *context,
                             const struct fmgcam_picture *picture,
                             const struct fmgcam_scratch *scratch,
                             float *signed_maps)
{
    const fmgcam_buffer *wanted = &picture->wanted.weights;
    size_t count = picture->classes * picture->activations.channels;
    if (wanted->data)
        memcpy(wanted->data, scratch->weights, count * sizeof(float));
    if (!signed_maps)
        return FMGCAM_STATUS_OK;
    return fmgcam_combine(context, picture->classes, scratch->weights,
                          &picture->activations, scratch, signed_maps);
}

/* Whether both stages can be done in one pass: they have nothing between them,
 * and neither a runner nor BLAS takes a part. */
static int fits_one_pass(const fmgcam_context *context,
                         const struct fmgcam_picture *picture)
{
    return context->options.method == FMGCAM_METHOD_GRAD_CAM &&
           context->options.profile == FMGCAM_PROFILE_STANDARD &&
           picture->source.kind == FMGCAM_SOURCE_GRADIENTS &&
           !context->runner.run &&
           !fmgcam_uses_blas(context, picture->classes,
                             picture->activations.cells);
}

static fmgcam_status pool_and_combine(fmgcam_context *context,
                                      const struct fmgcam_picture *picture,
                                      const struct fmgcam_scratch *scratch,
                                      float *signed_maps)
{
    if (signed_maps && fits_one_pass(context, picture) &&
        fmgcam_pool_and_combine(context, &picture->source.view,
                                &picture->activations, scratch,
                                picture->wanted.weights.data, signed_maps))
        return FMGCAM_STATUS_OK;

    fmgcam_status status = make_weights(context, picture, scratch);
    if (!status && context->options.method == FMGCAM_METHOD_CONTRASTIVE)
        status = fmgcam_contrast(context, picture, scratch);
    if (!status)
        status = combine(context, picture, scratch, signed_maps);
    return status;
}

/* The methods whose sums could hide a NaN look at their inputs first. */
static fmgcam_status look_and_make(fmgcam_context *context,
                                   const struct fmgcam_picture *picture,
                                   const struct fmgcam_scratch *scratch,
                                   float *signed_maps)
{
    uint32_t method = context->options.method;
    const struct fmgcam_view *activations = &picture->activations;
    struct fmgcam_view view = {0};
    struct fmgcam_view *gradients =
        fmgcam_is_class_agnostic(method) ? NULL : &view;
    uint64_t *guarded = &picture->outputs->guarded;

    fmgcam_status status = fmgcam_check_finite(
        context, "activations", FMGCAM_FORM_ACTIVATIONS, activations);
    if (!status && gradients)
        status = find_gradients(context, picture, scratch, gradients);
    if (status)
        return status;
    if (fmgcam_method_way(method) == FMGCAM_BY_PROJECTION)
        return fmgcam_project(context, gradients, activations, scratch,
                              signed_maps);
    if (fmgcam_method_way(method) == FMGCAM_BY_PRODUCTS)
        return fmgcam_add_products(context, gradients, activations, scratch,
                                   signed_maps);
    status = fmgcam_weigh(context, gradients, activations, scratch,
                          scratch->weights, guarded);
    return status ? status : combine(context, picture, scratch, signed_maps);
}

fmgcam_status fmgcam_make_signed_maps(fmgcam_context *context,
                                      const struct fmgcam_picture *picture,
                                      const struct fmgcam_scratch *scratch,
                                      float *signed_maps)
{
    if (fmgcam_method_way(context->options.method) == FMGCAM_BY_POOLING)
        return pool_and_combine(context, picture, scratch, signed_maps);
    return look_and_make(context, picture, scratch, signed_maps);
}
