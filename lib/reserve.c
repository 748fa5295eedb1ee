/* SPDX-License-Identifier: MIT */
/* Allocating all that later calls may need. */
#include "internal.h"

/* Bytes. */
struct needs {
    size_t workspace, scores, maps;
};

/* Of what is kept from frame to frame; 0 where that overflows. */
static int measure_history(const fmgcam_limits *limits, struct needs *needs)
{
    size_t cells, scores = limits->tracked_scores;
    if (!fmgcam_multiply(limits->map_height, limits->map_width, &cells) ||
        !fmgcam_multiply(limits->map_depth, cells, &cells))
        return 0;
    needs->scores = fmgcam_track_space(scores);
    needs->maps = fmgcam_smooth_space(limits->smoothed_classes, cells);
    return (needs->scores || !scores) &&
           (needs->maps || !limits->smoothed_classes) &&
           needs->maps <= SIZE_MAX - needs->scores &&
           needs->workspace <= SIZE_MAX - needs->scores - needs->maps;
}

/* Check @p limits, and find how many bytes they need. */
static fmgcam_status read_limits(fmgcam_context *context,
                                 const fmgcam_limits *limits,
                                 fmgcam_limits *ours, struct needs *needs)
{
    fmgcam_status status = fmgcam_import(
        context, "limits", limits, ours,
        FMGCAM_SIZE_THROUGH(fmgcam_limits, smoothed_classes), sizeof *ours);
    if (status)
        return status;

    const struct {
        const char *name;
        uint32_t value;
    } needed[] = {{"classes", ours->classes},
                  {"channels", ours->channels},
                  {"map_height", ours->map_height},
                  {"map_width", ours->map_width}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (needed[i].value == 0)
            return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                               "limits.%s: 0, expected 1 or more",
                               needed[i].name);
    if ((ours->picture_height == 0) != (ours->picture_width == 0))
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "limits.picture_%s: 0, expected 1 or more, or both "
                           "sides 0",
                           ours->picture_height ? "width" : "height");
    if (ours->flags & ~(uint32_t)FMGCAM_LIMIT_EIGEN)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "limits.flags: 0x%x, expected no bits but 0x%x",
                           ours->flags, (uint32_t)FMGCAM_LIMIT_EIGEN);
    ours->workers += ours->workers == 0;
    ours->map_depth += ours->map_depth == 0;
    ours->batch += ours->batch == 0;

    struct fmgcam_extents extents = {
        .classes = ours->classes,
        .channels = ours->channels,
        .map_depth = ours->map_depth,
        .map_height = ours->map_height,
        .map_width = ours->map_width,
        .picture_height = ours->picture_height,
        .picture_width = ours->picture_width,
        .pictures = ours->batch,
        .eigen = (ours->flags & FMGCAM_LIMIT_EIGEN) != 0,
    };
    if (!fmgcam_measure_workspace(&extents, ours->workers, &needs->workspace) ||
        !measure_history(ours, needs))
        return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                           "limits: a workspace larger than memory can be");
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_workspace_size(fmgcam_context *context,
                                    const fmgcam_limits *limits,
                                    size_t *size_bytes)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    if (!size_bytes)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "size_bytes: NULL, expected where to put it");
    fmgcam_limits ours;
    struct needs needs = {0};
    fmgcam_status status = read_limits(context, limits, &ours, &needs);
    if (!status)
        *size_bytes = needs.workspace + needs.scores + needs.maps;
    return status;
}

fmgcam_status fmgcam_reserve(fmgcam_context *context,
                             const fmgcam_limits *limits)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    fmgcam_limits ours;
    struct needs needs = {0};
    fmgcam_status status = read_limits(context, limits, &ours, &needs);
    if (!status)
        status = fmgcam_check_limit(context, "workers", context->runner.workers,
                                    ours.workers);
    if (!status)
        status = fmgcam_grow_workspace(context, needs.workspace);
    if (!status)
        status = fmgcam_grow_history(context, needs.scores, needs.maps);
    if (status)
        return status;

    context->workspace.limits = ours;
    fmgcam_warm_up_blas();
    fmgcam_log_info(context, "reserved a workspace of %zu bytes; %s",
                    context->workspace.size +
                        context->history.score_memory.size +
                        context->history.map_memory.size,
                    fmgcam_build_info());
    return FMGCAM_STATUS_OK;
}
