/* SPDX-License-Identifier: MIT */
/* Which classes are shown in the next frame, and in which slots.
 *
 *   q <- smoothing q + (1 - smoothing) p       each class's probability
 *   standing = q + hysteresis |q|, where it was shown in the frame before,
 *              q                   else
 *
 * The best by standing are shown, in the order of q. So one that is not shown
 * takes the place of one that is only where it exceeds it by the margin. */
#include "internal.h"

#include <float.h>
#include <math.h>

/* ---- Options ------------------------------------------------------------- */

static fmgcam_status check_range(fmgcam_context *context, const char *name,
                                 float value)
{
    if (value >= 0.0f && value <= FLT_MAX)
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "tracking.%s: %g, expected a finite number, 0 or more",
                       name, (double)value);
}

static fmgcam_status check_tracking(fmgcam_context *context,
                                    const fmgcam_tracking *tracking)
{
    const uint32_t known =
        FMGCAM_TRACKING_SMOOTHING_SET | FMGCAM_TRACKING_HYSTERESIS_SET;
    if (tracking->flags & ~known)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "tracking.flags: 0x%x, expected no bits but 0x%x",
                           tracking->flags, known);
    if (!(tracking->smoothing >= 0.0f && tracking->smoothing < 1.0f))
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "tracking.smoothing: %g, expected 0 or more and "
                           "below 1",
                           (double)tracking->smoothing);
    fmgcam_status status =
        check_range(context, "hysteresis", tracking->hysteresis);
    if (!status)
        status = check_range(context, "enter", tracking->enter);
    if (!status)
        status = check_range(context, "leave", tracking->leave);
    if (!status && tracking->leave > tracking->enter)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "tracking.leave: %g, expected at most "
                           "tracking.enter, %g",
                           (double)tracking->leave, (double)tracking->enter);
    return status;
}

fmgcam_status fmgcam_import_tracking(fmgcam_context *context,
                                     const fmgcam_tracking *theirs,
                                     fmgcam_tracking *ours)
{
    const float usual_smoothing = 0.8f, usual_hysteresis = 0.25f;
    fmgcam_status status = FMGCAM_STATUS_OK;
    *ours = (fmgcam_tracking){.struct_size = sizeof *ours};
    if (theirs)
        status = fmgcam_import(
            context, "tracking", theirs, ours,
            FMGCAM_SIZE_THROUGH(fmgcam_tracking, scores_quantization),
            sizeof *ours);
    if (!status)
        status = check_tracking(context, ours);
    if (status)
        return status;
    if (ours->smoothing == 0.0f &&
        !(ours->flags & FMGCAM_TRACKING_SMOOTHING_SET))
        ours->smoothing = usual_smoothing;
    if (ours->hysteresis == 0.0f &&
        !(ours->flags & FMGCAM_TRACKING_HYSTERESIS_SET))
        ours->hysteresis = usual_hysteresis;
    return fmgcam_resolve_link(context, "tracking", &ours->link,
                               &ours->temperature);
}

/* ---- What is kept -------------------------------------------------------- */

static const uint32_t no_slot = UINT32_MAX;
static const uint64_t taken = UINT64_MAX;

struct record {
    double *smoothed; /* q [n] */
    uint64_t *freed;  /* [n]: frame in which a slot became free; or taken */
    uint32_t *slots;  /* [n]: of a class that is shown; or no_slot */
    uint32_t *order;  /* [n]: scratch of one frame */
};

static const size_t score_bytes =
    sizeof(double) + sizeof(uint64_t) + 2 * sizeof(uint32_t);

size_t fmgcam_track_space(size_t n)
{
    return n <= PTRDIFF_MAX / score_bytes ? n * score_bytes : 0;
}

static struct record open_record(void *block, size_t n)
{
    double *smoothed = block;
    uint64_t *freed = (uint64_t *)(void *)(smoothed + n);
    uint32_t *slots = (uint32_t *)(void *)(freed + n);
    return (struct record){smoothed, freed, slots, slots + n};
}

/* ---- One frame ----------------------------------------------------------- */

struct frame {
    fmgcam_tracking tracking; /* without zeros but enter and leave */
    struct fmgcam_view scores;
    size_t most; /* classes */
    double hysteresis, enter, leave;
    struct record record;
    uint64_t number; /* from 1 on */
};

static int is_shown(const struct frame *frame, size_t i)
{
    return frame->record.slots[i] != no_slot;
}

static void smooth_scores(struct frame *frame)
{
    struct record *record = &frame->record;
    struct fmgcam_link link = fmgcam_link_scores(
        &frame->scores, frame->tracking.link, frame->tracking.temperature);
    double past = (double)frame->tracking.smoothing;
    for (size_t i = 0; i < frame->scores.n; i++) {
        double p = fmgcam_probability(&link, i);
        double *q = &record->smoothed[i];
        if (frame->number == 1) {
            *q = p;
            record->freed[i] = 0;
            record->slots[i] = no_slot;
        } else {
            *q = past * *q + (1.0 - past) * p;
        }
    }
}

static double standing(const struct frame *frame, size_t i)
{
    double q = frame->record.smoothed[i];
    return is_shown(frame, i) ? q + frame->hysteresis * fabs(q) : q;
}

static int qualifies(const void *job, size_t i)
{
    const struct frame *frame = job;
    double least = is_shown(frame, i) ? frame->leave : frame->enter;
    return frame->record.smoothed[i] >= least;
}

static int stands_worse(const void *job, uint32_t a, uint32_t b)
{
    const struct frame *frame = job;
    double x = standing(frame, a), y = standing(frame, b);
    if (x != y)
        return x < y;
    if (is_shown(frame, a) != is_shown(frame, b))
        return is_shown(frame, b);
    return a > b;
}

static int is_less_probable(const void *job, uint32_t a, uint32_t b)
{
    const struct frame *frame = job;
    double x = frame->record.smoothed[a], y = frame->record.smoothed[b];
    return x < y || (x == y && a > b);
}

/* Best first. Returns how many. */
static size_t select_shown(const struct frame *frame, uint32_t *classes)
{
    struct fmgcam_ranking ranking = {.qualifies = qualifies,
                                     .is_worse = stands_worse,
                                     .job = frame,
                                     .n = frame->scores.n,
                                     .most = frame->most};
    size_t size = fmgcam_select_best(&ranking, classes);
    ranking.is_worse = is_less_probable;
    fmgcam_sort_best(&ranking, classes, size);
    return size;
}

/* ---- Slots --------------------------------------------------------------- */

/* Slots are below 2^31, so that the highest bit can say that one stays. */
static const uint32_t staying = UINT32_C(1) << 31;

/* Those of classes that are no longer shown, and those beyond the count. */
static void free_slots(struct frame *frame, const uint32_t *classes,
                       size_t size)
{
    struct record *record = &frame->record;
    for (size_t k = 0; k < size; k++)
        if (record->slots[classes[k]] < frame->most)
            record->slots[classes[k]] |= staying;
    for (size_t i = 0; i < frame->scores.n; i++) {
        uint32_t slot = record->slots[i];
        if (slot == no_slot)
            continue;
        if (slot & staying) {
            record->slots[i] = slot & ~staying;
        } else {
            record->freed[slot] = frame->number;
            record->slots[i] = no_slot;
        }
    }
}

static int is_free(const void *job, size_t slot)
{
    const struct frame *frame = job;
    return frame->record.freed[slot] != taken;
}

/* Worse: free for less long, or for as long and higher. */
static int has_waited_less(const void *job, uint32_t a, uint32_t b)
{
    const uint64_t *freed = ((const struct frame *)job)->record.freed;
    return freed[a] > freed[b] || (freed[a] == freed[b] && a > b);
}

/* Newcomers get the slots that have been free for longest. */
static void give_slots(struct frame *frame, const uint32_t *classes,
                       size_t size)
{
    struct record *record = &frame->record;
    size_t newcomers = 0, given = 0;
    for (size_t k = 0; k < size; k++)
        newcomers += !is_shown(frame, classes[k]);
    const struct fmgcam_ranking ranking = {.qualifies = is_free,
                                           .is_worse = has_waited_less,
                                           .job = frame,
                                           .n = frame->most,
                                           .most = newcomers};
    if (newcomers)
        fmgcam_select_best(&ranking, record->order);
    for (size_t k = 0; k < size; k++) {
        if (is_shown(frame, classes[k]))
            continue;
        uint32_t slot = record->order[given++];
        record->slots[classes[k]] = slot;
        record->freed[slot] = taken;
    }
}

/* ---- The call ------------------------------------------------------------ */

static fmgcam_status accept_scores(fmgcam_context *context,
                                   const fmgcam_tensor *scores,
                                   struct frame *frame)
{
    size_t known = context->history.scores;
    struct fmgcam_view *view = &frame->scores;
    fmgcam_status status =
        fmgcam_view_quantized(context, "scores", FMGCAM_FORM_VECTOR, scores,
                              frame->tracking.scores_quantization, view);
    if (!status && known && view->n != known)
        return fmgcam_fail(context, FMGCAM_STATUS_SHAPE,
                           "scores: %zu classes, expected %zu as in the frames "
                           "before, or fmgcam_restart()",
                           view->n, known);
    if (!status)
        status =
            fmgcam_check_frame_limit(context, "tracked_scores", view->n,
                                     context->workspace.limits.tracked_scores);
    return status;
}

static fmgcam_status accept(fmgcam_context *context,
                            const fmgcam_tracking *theirs,
                            const fmgcam_tensor *scores, struct frame *frame)
{
    const fmgcam_tracking *tracking = &frame->tracking;
    fmgcam_status status =
        fmgcam_import_tracking(context, theirs, &frame->tracking);
    if (!status)
        status = accept_scores(context, scores, frame);
    if (!status)
        status = fmgcam_resolve_count(context, "tracking", tracking->count,
                                      FMGCAM_USUAL_COUNT, frame->scores.n,
                                      &frame->most);
    if (status)
        return status;
    frame->hysteresis = (double)tracking->hysteresis;
    frame->enter =
        tracking->enter > 0.0f ? (double)tracking->enter : -(double)INFINITY;
    frame->leave = tracking->leave > 0.0f
                       ? (double)tracking->leave
                       : frame->enter / (1.0 + frame->hysteresis);
    return FMGCAM_STATUS_OK;
}

struct wanted {
    const fmgcam_buffer *classes, *probabilities, *slots;
};

static int is_wanted(const fmgcam_buffer *buffer)
{
    return buffer && buffer->data;
}

static fmgcam_status check_outputs(fmgcam_context *context,
                                   const struct frame *frame,
                                   const struct wanted *wanted)
{
    struct fmgcam_regions regions = {.count = 0};
    fmgcam_add_input(&regions, "scores", &frame->scores);
    fmgcam_status status = fmgcam_add_output(context, &regions, "classes",
                                             wanted->classes, 1, frame->most);
    if (!status && is_wanted(wanted->probabilities))
        status = fmgcam_add_output(context, &regions, "probabilities",
                                   wanted->probabilities, 1, frame->most);
    if (!status && is_wanted(wanted->slots))
        status = fmgcam_add_output(context, &regions, "slots", wanted->slots, 1,
                                   frame->most);
    return status;
}

/* Nothing can fail from here on. */
static uint32_t run_frame(struct frame *frame, const struct wanted *wanted)
{
    uint32_t *classes = wanted->classes->data;
    smooth_scores(frame);
    size_t size = select_shown(frame, classes);
    free_slots(frame, classes, size);
    give_slots(frame, classes, size);
    for (size_t k = 0; is_wanted(wanted->probabilities) && k < size; k++)
        ((float *)wanted->probabilities->data)[k] =
            (float)frame->record.smoothed[classes[k]];
    for (size_t k = 0; is_wanted(wanted->slots) && k < size; k++)
        ((uint32_t *)wanted->slots->data)[k] = frame->record.slots[classes[k]];
    return (uint32_t)size;
}

fmgcam_status fmgcam_track_classes(fmgcam_context *context,
                                   const fmgcam_tracking *tracking,
                                   const fmgcam_tensor *scores,
                                   const fmgcam_buffer *classes,
                                   const fmgcam_buffer *probabilities,
                                   const fmgcam_buffer *slots, uint32_t *count)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    if (!count)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "count: NULL, expected where to put it");
    struct fmgcam_history *history = &context->history;
    struct frame frame;
    struct wanted wanted = {classes, probabilities, slots};
    struct fmgcam_memory fresh;
    fmgcam_status status = accept(context, tracking, scores, &frame);
    if (!status)
        status = check_outputs(context, &frame, &wanted);
    if (!status)
        status = fmgcam_require_finite(context, "scores", FMGCAM_FORM_VECTOR,
                                       &frame.scores);
    size_t n = status ? 0 : frame.scores.n, bytes = fmgcam_track_space(n);
    if (!status && bytes == 0)
        return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                           "scores: %zu are more than memory can hold", n);
    if (!status)
        status = fmgcam_prepare_memory(context, &history->score_memory, bytes,
                                       &fresh);
    if (status)
        return status;

    fmgcam_replace_memory(context, &history->score_memory, fresh);
    history->scores = n;
    frame.number = ++history->frames;
    frame.record = open_record(fresh.block, n);
    *count = run_frame(&frame, &wanted);
    if (*count == 0) /* then there is nothing to smooth in this frame */
        history->classes = 0;
    return FMGCAM_STATUS_OK;
}
