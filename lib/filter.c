/* SPDX-License-Identifier: MIT */
/* Stage 4: each cell goes to the class with the strongest evidence there.
 *
 *   best(s) = argmax over k of M[k,s], ties to the lowest rank
 *   win(s)  = best(s) where M is > 0 there, else -1
 *   F[k,s]  = R[k,s] if k = win(s), else 0 */
#include "internal.h"

void fmgcam_choose_winner(const float *signed_maps,
                          struct fmgcam_map_shape shape, int keep_negative,
                          int32_t *winner)
{
    for (size_t s = 0; s < shape.cells; s++) {
        float best = signed_maps[s];
        int32_t rank = 0;
        int is_number = best == best;
        for (size_t k = 1; k < shape.classes; k++) {
            float value = signed_maps[k * shape.cells + s];
            is_number &= value == value;
            if (value > best) {
                best = value;
                rank = (int32_t)k;
            }
        }
        int has_winner = is_number && (best > 0.0f || keep_negative);
        winner[s] = has_winner ? rank : -1;
    }
}

void fmgcam_filter(const fmgcam_options *options, const float *signed_maps,
                   struct fmgcam_map_shape shape, int32_t *scratch, float *maps)
{
    if (options->filter != FMGCAM_FILTER_ARGMAX)
        return;
    int keep_negative = options->profile == FMGCAM_PROFILE_RELEASED;
    fmgcam_choose_winner(signed_maps, shape, keep_negative, scratch);
    for (size_t k = 0; k < shape.classes; k++)
        for (size_t s = 0; s < shape.cells; s++) {
            float *value = &maps[k * shape.cells + s];
            if (scratch[s] != (int32_t)k && *value == *value) /* no NaN */
                *value = 0.0f;
        }
}

/* The two inputs, of one shape; class_maps only where filtered is wanted. */
static fmgcam_status view_inputs(fmgcam_context *context,
                                 const fmgcam_tensor *signed_maps,
                                 const fmgcam_tensor *class_maps,
                                 struct fmgcam_view *m, struct fmgcam_view *r)
{
    fmgcam_status status = fmgcam_view_tensor(context, "signed_maps",
                                              FMGCAM_FORM_MAPS, signed_maps, m);
    if (status || !r)
        return status;
    status = fmgcam_view_tensor(context, "class_maps", FMGCAM_FORM_MAPS,
                                class_maps, r);
    if (status)
        return status;
    if (r->channels != m->channels || r->rank != m->rank ||
        r->depth != m->depth || r->height != m->height || r->width != m->width)
        return fmgcam_fail_mismatch(context, "class_maps", class_maps,
                                    "signed_maps", signed_maps);
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_filter_maps(fmgcam_context *context,
                                 const fmgcam_tensor *signed_maps,
                                 const fmgcam_tensor *class_maps,
                                 const fmgcam_buffer *filtered,
                                 const fmgcam_buffer *winner)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    int wants_filtered = filtered && filtered->data;
    int wants_winner = winner && winner->data;
    if (!wants_filtered && !wants_winner)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "filtered, winner: neither is wanted");

    struct fmgcam_view m, r;
    struct fmgcam_regions regions = {.count = 0};
    fmgcam_status status = view_inputs(context, signed_maps, class_maps, &m,
                                       wants_filtered ? &r : NULL);
    if (status)
        return status;
    fmgcam_add_input(&regions, "signed_maps", &m);
    if (wants_filtered) {
        fmgcam_add_input(&regions, "class_maps", &r);
        status = fmgcam_add_output(context, &regions, "filtered", filtered,
                                   m.channels, m.cells);
    }
    if (!status && wants_winner)
        status =
            fmgcam_add_output(context, &regions, "winner", winner, 1, m.cells);
    if (status)
        return status;

    struct fmgcam_scratch scratch;
    struct fmgcam_map_shape shape = fmgcam_shape_of(&m);
    struct fmgcam_extents extents = {.classes = shape.classes,
                                     .map_depth = shape.depth,
                                     .map_height = shape.height,
                                     .map_width = shape.width};
    status = fmgcam_claim(context, &extents, &scratch);
    if (!status)
        status =
            fmgcam_check_finite(context, "signed_maps", FMGCAM_FORM_MAPS, &m);
    if (!status && wants_filtered)
        status =
            fmgcam_check_finite(context, "class_maps", FMGCAM_FORM_MAPS, &r);
    if (status)
        return status;
    fmgcam_apply_policy(context, &m);
    if (wants_filtered)
        fmgcam_apply_policy(context, &r);
    fmgcam_view_copy(&m, 0, 0, shape.classes, 0, shape.cells,
                     scratch.signed_maps);
    if (wants_winner)
        fmgcam_choose_winner(scratch.signed_maps, shape, 0, winner->data);
    if (wants_filtered) {
        fmgcam_view_copy(&r, 0, 0, shape.classes, 0, shape.cells,
                         filtered->data);
        fmgcam_filter(&context->options, scratch.signed_maps, shape,
                      scratch.winner, filtered->data);
    }
    return FMGCAM_STATUS_OK;
}
