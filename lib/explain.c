/* SPDX-License-Identifier: MIT */
/* Stages 1 to 6 in one call. */
#include "internal.h"

#include <string.h>

static void hand_out(const fmgcam_buffer *wanted, const float *made,
                     size_t count)
{
    if (wanted->data)
        memcpy(wanted->data, made, count * sizeof *made);
}

static int wants_from_filter_on(const fmgcam_outputs *outputs)
{
    return outputs->filtered_maps.data || outputs->normalized_maps.data ||
           outputs->maps.data;
}

static int wants_maps(const fmgcam_outputs *outputs)
{
    return outputs->class_maps.data || wants_from_filter_on(outputs);
}

/* Stages 3 to 6 from the signed maps on. Profile released filters and
 * normalises the signed maps, and activates last. */
static uint32_t finish_maps(const fmgcam_options *options,
                            const float *signed_maps,
                            struct fmgcam_map_shape shape,
                            const struct fmgcam_scratch *scratch,
                            const struct fmgcam_picture *picture)
{
    const fmgcam_outputs *outputs = &picture->wanted;
    size_t count = shape.classes * shape.cells;
    float *maps = outputs->maps.data ? outputs->maps.data : scratch->maps;
    int released = options->profile == FMGCAM_PROFILE_RELEASED;

    memcpy(maps, signed_maps, count * sizeof *maps);
    if (!released || outputs->class_maps.data) {
        fmgcam_activate(options->activation, maps, count);
        hand_out(&outputs->class_maps, maps, count);
    }
    if (!wants_from_filter_on(outputs))
        return 0;

    if (released)
        memcpy(maps, signed_maps, count * sizeof *maps);
    fmgcam_filter(options, signed_maps, shape, scratch->winner, maps);
    hand_out(&outputs->filtered_maps, maps, count);
    if (!outputs->normalized_maps.data && !outputs->maps.data)
        return 0;

    fmgcam_normalize(options, &picture->probabilities, maps, shape);
    hand_out(&outputs->normalized_maps, maps, count);
    if (!outputs->maps.data)
        return 0;

    if (released)
        fmgcam_activate(options->activation, maps, count);
    return fmgcam_rescale(options->rescale, maps, shape);
}

/* What is not finite is skipped, or goes on, from here. */
static uint64_t apply_policy(const fmgcam_context *context,
                             struct fmgcam_picture *picture)
{
    uint64_t found = fmgcam_apply_policy(context, &picture->activations);
    if (picture->source.kind != FMGCAM_SOURCE_NONE)
        found += fmgcam_apply_policy(context, &picture->source.view);
    return found;
}

static int wants_signed_maps(const fmgcam_outputs *outputs)
{
    return outputs->signed_maps.data || outputs->winner.data ||
           outputs->margin.data || wants_maps(outputs);
}

fmgcam_status fmgcam_explain_picture(fmgcam_context *context,
                                     struct fmgcam_picture *picture,
                                     const struct fmgcam_scratch *scratch)
{
    const fmgcam_outputs *wanted = &picture->wanted;
    struct fmgcam_map_shape shape = fmgcam_shape_of(&picture->activations);
    shape.classes = picture->classes;
    float *signed_maps = wanted->signed_maps.data ? wanted->signed_maps.data
                                                  : scratch->signed_maps;

    picture->outputs->result = 0;
    picture->outputs->guarded = 0;
    picture->outputs->non_finite = apply_policy(context, picture);
    if (!wants_signed_maps(wanted))
        return fmgcam_make_signed_maps(context, picture, scratch, NULL);

    fmgcam_status status =
        fmgcam_make_signed_maps(context, picture, scratch, signed_maps);
    if (status)
        return status;
    if (wanted->winner.data)
        fmgcam_choose_winner(signed_maps, shape, 0, wanted->winner.data);
    if (wanted->margin.data)
        fmgcam_find_margin(signed_maps, shape, wanted->margin.data);
    if (wants_maps(wanted))
        picture->outputs->result = finish_maps(&context->options, signed_maps,
                                               shape, scratch, picture);
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_explain(fmgcam_context *context,
                             const fmgcam_inputs *inputs,
                             fmgcam_outputs *outputs)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    struct fmgcam_picture picture = {0};
    struct fmgcam_extents extents;
    struct fmgcam_scratch scratch;
    fmgcam_status status =
        fmgcam_accept_picture(context, inputs, outputs, &picture, &extents);
    if (!status)
        status = fmgcam_claim(context, &extents, &scratch);
    if (!status)
        status = fmgcam_explain_picture(context, &picture, &scratch);
    return status;
}
