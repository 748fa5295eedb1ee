/* SPDX-License-Identifier: MIT */
/* Over time: which classes are shown and in which slots, against challenges
 * carried out one by one; smoothing, against sums over all frames; and what is
 * kept, forgotten and refused. */
#include "support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The oracle of probabilities ----------------------------------------- */

static double link_of(const fmgcam_tracking *o, const float *scores, size_t n,
                      size_t i)
{
    double t = o->temperature > 0 ? (double)o->temperature : 1;
    double y = (double)scores[i], sum = 0;

    if (o->link == FMGCAM_LINK_NONE)
        return y;
    if (o->link == FMGCAM_LINK_SIGMOID)
        return (double)(1 / (1 + expl(-(long double)(y / t))));
    for (size_t j = 0; j < n; j++)
        sum += exp(((double)scores[j] - y) / t);
    return 1 / sum;
}

/* All frames so far, each with its weight: no recursion. @p frames [count, n]
 * of probabilities, under the one @p smoothing. */
static double smoothed_sum(const double *frames, size_t count, size_t n,
                           size_t i, double smoothing)
{
    long double sum = 0;

    for (size_t t = 0; t < count; t++) {
        long double age = (long double)(count - 1 - t);
        long double weight = powl((long double)smoothing, age);
        if (t > 0)
            weight *= 1 - (long double)smoothing;
        sum += weight * (long double)frames[t * n + i];
    }
    return (double)sum;
}

/* ---- The oracle of the class set ----------------------------------------- */

enum { MOST_CLASSES = 12 };

typedef struct watcher {
    double q[MOST_CLASSES];
    bool shown[MOST_CLASSES];
    uint32_t slot[MOST_CLASSES];
    uint32_t queue[MOST_CLASSES]; /* free slots, the longest free first */
    size_t queued;
    bool safe; /* no decision hung on rounding */
} watcher;

static double standing(const watcher *w, size_t i, double margin)
{
    return w->q[i] + margin * fabs(w->q[i]);
}

static bool close_to(double a, double b)
{
    return fabs(a - b) < 1e-12 * (fabs(a) + fabs(b)) + 1e-300;
}

/* Index of the weakest that is shown, or -1. */
static int weakest(const watcher *w, size_t n, double margin)
{
    int at = -1;

    for (size_t i = 0; i < n; i++)
        if (w->shown[i] && (at < 0 || standing(w, i, margin) <
                                          standing(w, (size_t)at, margin)))
            at = (int)i;
    return at;
}

/* Index of the best that is not shown and may enter, or -1. */
static int challenger(const watcher *w, size_t n, double enter,
                      const bool *left)
{
    int at = -1;

    for (size_t i = 0; i < n; i++)
        if (!w->shown[i] && !left[i] && (enter <= 0 || w->q[i] >= enter) &&
            (at < 0 || w->q[i] > w->q[at]))
            at = (int)i;
    return at;
}

static void note_close_calls(watcher *w, size_t n, double margin, double enter,
                             double leave)
{
    for (size_t i = 0; i < n; i++) {
        if (close_to(w->q[i], enter) || close_to(w->q[i], leave))
            w->safe = false;
        for (size_t j = 0; j < n; j++)
            if (i != j &&
                (close_to(w->q[i], w->q[j]) ||
                 close_to(standing(w, i, margin), w->q[j]) ||
                 close_to(standing(w, i, margin), standing(w, j, margin))))
                w->safe = false;
    }
}

/* The next frame, w->q being its probabilities: first those go that are below
 * leave, then empty places are filled, then the best outside challenges the
 * weakest inside, until it loses. */
static void watch(watcher *w, const fmgcam_tracking *o, size_t n, size_t most)
{
    double margin = (double)o->hysteresis, enter = (double)o->enter;
    double leave = o->leave > 0 ? (double)o->leave : enter / (1 + margin);
    bool before[MOST_CLASSES], left[MOST_CLASSES] = {false};
    bool newcomer[MOST_CLASSES] = {false};
    size_t count = 0;
    int in, out;

    note_close_calls(w, n, margin, enter, leave);
    memcpy(before, w->shown, sizeof before);
    for (size_t i = 0; i < n; i++) {
        if (w->shown[i] && enter > 0 && w->q[i] < leave) {
            w->shown[i] = false;
            left[i] = w->q[i] < enter;
        }
        count += w->shown[i];
    }
    while (count < most && (in = challenger(w, n, enter, left)) >= 0) {
        w->shown[in] = newcomer[in] = true;
        count++;
    }
    while ((in = challenger(w, n, enter, left)) >= 0) {
        /* Those that came in this frame have no margin yet, but they were the
         * best outside: none of them is worse than the challenger. */
        watcher old = *w;
        for (size_t i = 0; i < n; i++)
            old.shown[i] = w->shown[i] && !newcomer[i];
        out = weakest(&old, n, margin);
        if (out < 0 || !(w->q[in] > standing(w, (size_t)out, margin)))
            break;
        w->shown[out] = false;
        left[out] = true;
        w->shown[in] = newcomer[in] = true;
    }

    bool freed[MOST_CLASSES] = {false};
    for (size_t i = 0; i < n; i++)
        if (before[i] && !w->shown[i])
            freed[w->slot[i]] = true;
    for (uint32_t s = 0; s < most; s++)
        if (freed[s])
            w->queue[w->queued++] = s;
}

/* Shown classes, best first; newcomers take slots from the queue. */
static size_t list_shown(watcher *w, const bool *before, size_t n,
                         uint32_t *classes)
{
    size_t size = 0;

    for (size_t i = 0; i < n; i++) {
        size_t at = size;
        if (!w->shown[i])
            continue;
        for (; at > 0 && w->q[classes[at - 1]] < w->q[i]; at--)
            classes[at] = classes[at - 1];
        classes[at] = (uint32_t)i;
        size++;
    }
    for (size_t k = 0; k < size; k++)
        if (!before[classes[k]]) {
            w->slot[classes[k]] = w->queue[0];
            memmove(w->queue, w->queue + 1, --w->queued * sizeof *w->queue);
        }
    return size;
}

/* ---- A film of scores ---------------------------------------------------- */

typedef struct shot {
    uint32_t classes[MOST_CLASSES], slots[MOST_CLASSES], count;
    float probabilities[MOST_CLASSES];
} shot;

static fmgcam_status track(fmgcam_context *context, const fmgcam_tracking *o,
                           const float *scores, size_t n, shot *s)
{
    fmgcam_tensor y;
    fmgcam_buffer classes = buffer_of(s->classes, MOST_CLASSES, 4);
    fmgcam_buffer p = float_buffer(s->probabilities, MOST_CLASSES);
    fmgcam_buffer slots = buffer_of(s->slots, MOST_CLASSES, 4);

    fmgcam_tensor_vector(&y, scores, FMGCAM_DTYPE_FLOAT32, (int64_t)n);
    return fmgcam_track_classes(context, o, &y, &classes, &p, &slots,
                                &s->count);
}

static void expect_same_shot(const shot *a, const shot *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->classes, b->classes, a->count * 4);
    assert_memory_equal(a->slots, b->slots, a->count * 4);
    expect_same_bits("probabilities", a->probabilities, b->probabilities,
                     a->count);
}

static const uint32_t all_set =
    FMGCAM_TRACKING_SMOOTHING_SET | FMGCAM_TRACKING_HYSTERESIS_SET;

static fmgcam_tracking random_tracking(rng *r, size_t n)
{
    fmgcam_tracking o = {.struct_size = sizeof o,
                         .flags = all_set,
                         .count = 1 + rng_below(r, (uint32_t)n),
                         .link = 1 + rng_below(r, 3),
                         .temperature = rng_uniform(r, 0.5f, 3)};

    if (rng_below(r, 4))
        o.smoothing = rng_uniform(r, 0, 0.95f);
    if (rng_below(r, 4))
        o.hysteresis = rng_uniform(r, 0, 1.5f);
    if (rng_below(r, 3) == 0)
        o.enter = rng_uniform(r, 0.01f, 0.6f);
    if (rng_below(r, 2))
        o.leave = o.enter * rng_uniform(r, 0.1f, 1);
    return o;
}

/* A frame's scores near those of the last. */
static void walk(rng *r, float *scores, size_t n, bool jump)
{
    for (size_t i = 0; i < n; i++) {
        scores[i] += rng_uniform(r, -0.4f, 0.4f);
        if (jump)
            scores[i] = rng_uniform(r, -2, 2);
    }
}

/* Returns how many frames were safe to compare. */
static size_t check_film(fmgcam_context *context, rng *r)
{
    enum { FRAMES = 40 };
    size_t n = 1 + rng_below(r, MOST_CLASSES), t = 0;
    fmgcam_tracking o = random_tracking(r, n);
    static double history[FRAMES * MOST_CLASSES];
    float scores[MOST_CLASSES] = {0};
    watcher w = {.queued = o.count, .safe = true};

    for (uint32_t s = 0; s < o.count; s++)
        w.queue[s] = s;
    expect_ok(context, fmgcam_restart(context));
    for (; t < FRAMES; t++) {
        uint32_t want[MOST_CLASSES];
        bool before[MOST_CLASSES];
        shot got;

        walk(r, scores, n, t == 0 || rng_below(r, 20) == 0);
        for (size_t i = 0; i < n; i++)
            history[t * n + i] = link_of(&o, scores, n, i);
        for (size_t i = 0; i < n; i++)
            w.q[i] = smoothed_sum(history, t + 1, n, i, (double)o.smoothing);
        expect_ok(context, track(context, &o, scores, n, &got));
        memcpy(before, w.shown, sizeof before);
        watch(&w, &o, n, o.count);
        if (!w.safe)
            break;
        size_t size = list_shown(&w, before, n, want);
        assert_int_equal(got.count, size);
        assert_memory_equal(got.classes, want, size * 4);
        for (size_t k = 0; k < size; k++) {
            /* One rounding to float; those in double add up to a few times
             * 2^-53 / (1 - smoothing), below 1e-14 of the largest value. */
            double q = w.q[want[k]];
            double bound = FLOAT_ROUNDOFF * fabs(q) + 1e-13 + FLOAT_TINY;
            expect_within("probability", &got.probabilities[k], &q, &bound, 1);
            assert_int_equal(got.slots[k], w.slot[want[k]]);
        }
    }
    return t;
}

static void test_tracking_is_what_challenges_give(void **state)
{
    enum { FILMS = 600 };
    fixture *f = *state;
    size_t compared = 0;
    rng r;

    rng_init(&r, 5101);
    for (int film = 0; film < FILMS; film++)
        compared += check_film(f->context, &r);
    assert_true(compared > FILMS * 40 * 9 / 10);
}

/* ---- What it is for ------------------------------------------------------ */

/* How often the set of classes changes. */
static size_t count_changes(fmgcam_context *context, const fmgcam_tracking *o,
                            size_t frames, size_t n,
                            void (*film)(size_t frame, float *scores),
                            shot *last)
{
    bool before[MOST_CLASSES] = {false};
    size_t changes = 0;

    expect_ok(context, fmgcam_restart(context));
    for (size_t t = 0; t < frames; t++) {
        float scores[MOST_CLASSES];
        bool now[MOST_CLASSES] = {false};

        film(t, scores);
        expect_ok(context, track(context, o, scores, n, last));
        for (uint32_t k = 0; k < last->count; k++)
            now[last->classes[k]] = true;
        changes += t > 0 && memcmp(before, now, sizeof now) != 0;
        memcpy(before, now, sizeof now);
    }
    return changes;
}

/* Class 0 is sure; 1 and 2 are a little better in turn. */
static void alternating(size_t frame, float *scores)
{
    scores[0] = 3;
    scores[1] = frame % 2 ? 1.0f : 1.1f;
    scores[2] = frame % 2 ? 1.1f : 1.0f;
    scores[3] = -2;
}

/* From frame 10 on class 3 is there, and 1 and 2 are not. */
static void changing(size_t frame, float *scores)
{
    alternating(frame, scores);
    if (frame >= 10) {
        scores[1] = scores[2] = -2;
        scores[3] = 2;
    }
}

static void test_hysteresis_keeps_two_that_alternate_apart(void **state)
{
    enum { FRAMES = 60 };
    fixture *f = *state;
    const fmgcam_tracking plain = {.struct_size = sizeof plain,
                                   .flags = all_set,
                                   .count = 2},
                          kept = {.struct_size = sizeof kept,
                                  .flags = FMGCAM_TRACKING_SMOOTHING_SET,
                                  .count = 2},
                          usual = {.struct_size = sizeof usual, .count = 2};
    shot last;

    assert_int_equal(
        count_changes(f->context, &plain, FRAMES, 4, alternating, &last),
        FRAMES - 1);
    assert_int_equal(
        count_changes(f->context, &kept, FRAMES, 4, alternating, &last), 0);
    assert_int_equal(
        count_changes(f->context, &usual, FRAMES, 4, alternating, &last), 0);

    /* A real change goes through, once. */
    assert_int_equal(
        count_changes(f->context, &usual, FRAMES, 4, changing, &last), 1);
    assert_int_equal(last.classes[0], 0);
    assert_int_equal(last.classes[1], 3);
    assert_int_equal(last.slots[0], 0);
    assert_int_equal(last.slots[1], 1); /* which class 1 had */
}

static void expect_shown(fmgcam_context *context, const fmgcam_tracking *o,
                         const float *scores, size_t n, uint32_t count,
                         uint32_t first)
{
    shot s;

    expect_ok(context, track(context, o, scores, n, &s));
    assert_int_equal(s.count, count);
    if (count > 0)
        assert_int_equal(s.classes[0], first);
}

/* To the last bit: what equals the margin does not exceed it. */
static void test_the_margin_is_as_documented(void **state)
{
    fixture *f = *state;
    fmgcam_tracking o = {.struct_size = sizeof o,
                         .flags = all_set,
                         .count = 1,
                         .link = FMGCAM_LINK_NONE,
                         .hysteresis = 0.25f};
    const float above = nextafterf(1.25f, 2);

    expect_shown(f->context, &o, (float[]){1, 0.5f}, 2, 1, 0);
    expect_shown(f->context, &o, (float[]){1, 1.25f}, 2, 1, 0);
    expect_shown(f->context, &o, (float[]){1, above}, 2, 1, 1);
    expect_shown(f->context, &o, (float[]){1.25f, 1}, 2, 1, 1);
    /* Negative ones too: the margin is never in the challenger's favour. */
    expect_shown(f->context, &o, (float[]){-3, -4}, 2, 1, 1);
    expect_shown(f->context, &o, (float[]){-2.5f, -4}, 2, 1, 0);

    /* Without hysteresis a tie still leaves the set as it is. */
    o.hysteresis = 0;
    expect_shown(f->context, &o, (float[]){1, 2}, 2, 1, 1);
    expect_shown(f->context, &o, (float[]){2, 2}, 2, 1, 1);
    expect_ok(f->context, fmgcam_restart(f->context));
    expect_shown(f->context, &o, (float[]){2, 2}, 2, 1, 0);

    /* The defaults: 0.8 and 0.25. q is 1, then 0.8 + 0.2 y. */
    o = (fmgcam_tracking){
        .struct_size = sizeof o, .count = 1, .link = FMGCAM_LINK_NONE};
    for (int step = 0; step < 2; step++) {
        expect_ok(f->context, fmgcam_restart(f->context));
        expect_shown(f->context, &o, (float[]){1, 1}, 2, 1, 0);
        expect_shown(f->context, &o, (float[]){1, step ? 2.26f : 2.24f}, 2, 1,
                     step ? 1 : 0);
    }
}

static void test_classes_enter_and_leave_by_probability(void **state)
{
    fixture *f = *state;
    fmgcam_tracking o = {.struct_size = sizeof o,
                         .flags = all_set,
                         .link = FMGCAM_LINK_NONE,
                         .hysteresis = 0.25f,
                         .enter = 0.5f};

    expect_shown(f->context, &o, (float[]){0.45f, 0.1f}, 2, 0, 0);
    expect_shown(f->context, &o, (float[]){0.5f, 0.1f}, 2, 1, 0);
    expect_shown(f->context, &o, (float[]){0.45f, 0.45f}, 2, 1, 0);
    expect_shown(f->context, &o, (float[]){0.41f, 0.7f}, 2, 2, 1);
    expect_shown(f->context, &o, (float[]){0.39f, 0.7f}, 2, 1, 1);
    expect_shown(f->context, &o, (float[]){0.45f, 0.1f}, 2, 0, 0);
    o.leave = 0.2f;
    expect_shown(f->context, &o, (float[]){0.5f, 0.1f}, 2, 1, 0);
    expect_shown(f->context, &o, (float[]){0.2f, 0.1f}, 2, 1, 0);
    expect_shown(f->context, &o, (float[]){0.19f, 0.1f}, 2, 0, 0);
}

/* Whatever the options, and however the count changes: no two classes share a
 * slot, and none that stays changes it, unless its slot no longer exists. */
static void test_slots_never_change_hands(void **state)
{
    enum { N = MOST_CLASSES };
    fixture *f = *state;
    rng r;

    rng_init(&r, 5102);
    for (int film = 0; film < 200; film++) {
        uint32_t slot_of[N];
        float scores[N] = {0};

        memset(slot_of, 0xff, sizeof slot_of);
        expect_ok(f->context, fmgcam_restart(f->context));
        for (int t = 0; t < 40; t++) {
            fmgcam_tracking o = random_tracking(&r, N);
            bool used[N] = {false};
            uint32_t now[N];
            shot s;

            if (film % 2)
                o.count = 4; /* the same in all frames */
            walk(&r, scores, N, rng_below(&r, 5) == 0);
            expect_ok(f->context, track(f->context, &o, scores, N, &s));
            memset(now, 0xff, sizeof now);
            for (uint32_t k = 0; k < s.count; k++) {
                uint32_t was = slot_of[s.classes[k]], slot = s.slots[k];
                assert_true(slot < o.count);
                assert_false(used[slot]);
                used[slot] = true;
                if (was < o.count)
                    assert_int_equal(slot, was);
                now[s.classes[k]] = slot;
            }
            memcpy(slot_of, now, sizeof now);
        }
    }
}

/* Three slots, one class: each newcomer takes the slot that has been free for
 * longest. */
static void test_the_longest_free_slot_is_given_first(void **state)
{
    fixture *f = *state;
    fmgcam_tracking o = {.struct_size = sizeof o,
                         .flags = all_set,
                         .count = 3,
                         .link = FMGCAM_LINK_NONE,
                         .enter = 0.5f};
    const struct {
        float scores[4];
        uint32_t count, classes[3], slots[3];
    } frames[] = {
        {{1, 0, 0, 0}, 1, {0}, {0}},
        {{0, 1, 0, 0}, 1, {1}, {1}},
        {{0, 0, 1, 0}, 1, {2}, {2}},
        {{0, 0, 0, 1}, 1, {3}, {0}},
        {{2, 1, 0, 3}, 3, {3, 0, 1}, {0, 1, 2}},
        {{3, 1, 0, 2}, 3, {0, 3, 1}, {1, 0, 2}}, /* ranks exchange */
        {{3, 1, 2, 0}, 3, {0, 2, 1}, {1, 0, 2}},
    };

    for (size_t i = 0; i < COUNT_OF(frames); i++) {
        shot s;
        expect_ok(f->context, track(f->context, &o, frames[i].scores, 4, &s));
        assert_int_equal(s.count, frames[i].count);
        assert_memory_equal(s.classes, frames[i].classes, s.count * 4);
        assert_memory_equal(s.slots, frames[i].slots, s.count * 4);
    }
}

/* ---- Maps ---------------------------------------------------------------- */

enum { H = 5, W = 6, S = H * W, MOST_MAPS = 6 };

static fmgcam_status smooth(fmgcam_context *context, const fmgcam_tracking *o,
                            const float *maps, const uint32_t *classes,
                            uint32_t count, float *out)
{
    fmgcam_tensor m;
    fmgcam_buffer to = float_buffer(out, count * S);

    fmgcam_tensor_maps(&m, maps, count, H, W);
    return fmgcam_smooth_maps(context, o, &m, classes, &to);
}

/* What is known of one class, and how far float may be from it. */
typedef struct track_of_class {
    bool there;
    double q[S], error[S];
} track_of_class;

/* Each frame rounds to float once; what double adds is 4 * 2^-53 of the larger
 * one. Of an earlier error the share smoothing is left. */
static void oracle_smooth(track_of_class *c, const float *map, double smoothing)
{
    for (size_t s = 0; s < S; s++) {
        double q = c->q[s], m = (double)map[s];
        double size = fmax(fabs(q), fabs(m));
        if (!c->there) {
            c->q[s] = m;
            c->error[s] = 0;
            continue;
        }
        c->q[s] =
            (double)((long double)q + (1 - (long double)smoothing) *
                                          ((long double)m - (long double)q));
        c->error[s] = smoothing * c->error[s] + 0x1p-51 * size;
        c->error[s] +=
            FLOAT_ROUNDOFF * (fabs(c->q[s]) + c->error[s]) + FLOAT_TINY;
    }
    c->there = true;
}

/* @p count different ones of MOST_CLASSES classes. */
static void random_classes(rng *r, uint32_t *classes, uint32_t count)
{
    for (uint32_t k = 0; k < count;) {
        uint32_t c = rng_below(r, MOST_CLASSES), j = 0;
        while (j < k && classes[j] != c)
            j++;
        if (j == k)
            classes[k++] = c;
    }
}

static void test_maps_are_smoothed_by_class(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 5103);
    for (int film = 0; film < 100; film++) {
        static track_of_class known[MOST_CLASSES];
        double smoothing = 0.99 * (film % 10) / 9;
        fmgcam_tracking o = {.struct_size = sizeof o,
                             .flags = FMGCAM_TRACKING_SMOOTHING_SET,
                             .smoothing = (float)smoothing};
        float scale = film % 3 ? 1 : FLT_MAX;

        memset(known, 0, sizeof known);
        expect_ok(f->context, fmgcam_restart(f->context));
        for (int t = 0; t < 30; t++) {
            uint32_t classes[MOST_MAPS], count = 1 + rng_below(&r, MOST_MAPS);
            float maps[MOST_MAPS * S], out[MOST_MAPS * S];
            bool now[MOST_CLASSES] = {false};

            random_classes(&r, classes, count);
            rng_fill(&r, maps, count * S, -scale, scale);
            expect_ok(f->context,
                      smooth(f->context, &o, maps, classes, count, out));
            for (uint32_t k = 0; k < count; k++) {
                track_of_class *c = &known[classes[k]];
                oracle_smooth(c, maps + k * S, (double)o.smoothing);
                expect_within("smoothed", out + k * S, c->q, c->error, S);
                now[classes[k]] = true;
            }
            for (size_t i = 0; i < MOST_CLASSES; i++)
                known[i].there = now[i]; /* who is absent is forgotten */
        }
    }
}

static void test_what_does_not_change_keeps_its_bits(void **state)
{
    fixture *f = *state;
    const uint32_t classes[2] = {7, 3};
    float maps[2 * S], out[2 * S], other[2 * S];
    rng r;

    rng_init(&r, 5104);
    rng_fill(&r, maps, COUNT_OF(maps), -1, 1);
    for (int t = 0; t < 50; t++) {
        expect_ok(f->context, smooth(f->context, NULL, maps, classes, 2, out));
        expect_same_bits("smoothed", out, maps, COUNT_OF(out));
    }
    /* Without smoothing the past does not count, however large it was. */
    fmgcam_tracking none = {.struct_size = sizeof none,
                            .flags = FMGCAM_TRACKING_SMOOTHING_SET};
    for (int t = 0; t < 10; t++) {
        rng_fill(&r, other, COUNT_OF(other), -1, 1);
        for (size_t i = 0; i < COUNT_OF(other); i++)
            other[i] *= t % 2 ? 1e-30f : 1e30f;
        expect_ok(f->context,
                  smooth(f->context, &none, other, classes, 2, out));
        expect_same_bits("smoothed", out, other, COUNT_OF(out));
    }
}

/* Each frame has a class more than the one before, which takes more memory. */
static void test_what_is_kept_moves_to_larger_memory(void **state)
{
    fixture *f = *state;
    const fmgcam_tracking o = {.struct_size = sizeof o,
                               .flags = FMGCAM_TRACKING_SMOOTHING_SET,
                               .smoothing = 0.5f};
    const uint32_t classes[MOST_MAPS] = {4, 9, 1, 7, 2, 8};
    float maps[MOST_MAPS * S], want[MOST_MAPS * S], out[MOST_MAPS * S] = {0};
    rng r;

    rng_init(&r, 5109);
    for (uint32_t count = 1; count <= MOST_MAPS; count++) {
        rng_fill(&r, maps, count * S, -1, 1);
        for (size_t s = 0; s < (count - 1) * S; s++)
            want[s] = (float)(0.5 * (double)out[s] + 0.5 * (double)maps[s]);
        memcpy(want + (count - 1) * S, maps + (count - 1) * S,
               S * sizeof *maps);
        expect_ok(f->context,
                  smooth(f->context, &o, maps, classes, count, out));
        expect_same_bits("smoothed", out, want, count * S);
    }
}

/* In place, in any layout and dtype: the same bits. */
static void test_maps_may_be_in_place_and_of_any_kind(void **state)
{
    enum { COUNT = 3 };
    fixture *f = *state;
    const uint32_t classes[2][COUNT] = {{5, 9, 2}, {2, 5, 6}};
    const sizes size = {.classes = COUNT, .height = H, .width = W};
    float maps[COUNT * S], want[2][COUNT * S], got[COUNT * S];
    rng r;

    rng_init(&r, 5105);
    for (int t = 0; t < 2; t++) {
        rng_fill(&r, maps, COUNT_OF(maps), -1, 1);
        round_to_half(maps, COUNT_OF(maps));
        expect_ok(f->context,
                  smooth(f->context, NULL, maps, classes[t], COUNT, want[t]));
    }
    for (uint32_t dtype = 1; dtype <= 3; dtype++)
        for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
            rng_init(&r, 5105);
            expect_ok(f->context, fmgcam_restart(f->context));
            for (int t = 0; t < 2; t++) {
                stored m;
                fmgcam_buffer to = float_buffer(got, COUNT_OF(got));
                rng_fill(&r, maps, COUNT_OF(maps), -1, 1);
                round_to_half(maps, COUNT_OF(maps));
                store_maps(&m, size, maps, dtype, (tensor_layout)layout);
                expect_ok(f->context,
                          fmgcam_smooth_maps(f->context, NULL, &m.tensor,
                                             classes[t], &to));
                expect_same_bits("layout", got, want[t], COUNT_OF(got));
                store_free(&m);
            }
        }
    rng_init(&r, 5105);
    expect_ok(f->context, fmgcam_restart(f->context));
    for (int t = 0; t < 2; t++) {
        rng_fill(&r, maps, COUNT_OF(maps), -1, 1);
        round_to_half(maps, COUNT_OF(maps));
        expect_ok(f->context,
                  smooth(f->context, NULL, maps, classes[t], COUNT, maps));
        expect_same_bits("in place", maps, want[t], COUNT_OF(maps));
    }
}

/* Signals and volumes; a map of other axes is another map. */
static void test_maps_may_have_one_or_three_axes(void **state)
{
    fixture *f = *state;
    const uint32_t classes[1] = {0};
    float maps[24] = {1, 2, 3}, out[24];
    fmgcam_buffer to = float_buffer(out, 24);
    const fmgcam_tensor shapes[] = {
        {maps, FMGCAM_DTYPE_FLOAT32, 2, {1, 24}, {24, 1}},
        {maps, FMGCAM_DTYPE_FLOAT32, 3, {1, 4, 6}, {24, 6, 1}},
        {maps, FMGCAM_DTYPE_FLOAT32, 3, {1, 6, 4}, {24, 4, 1}},
        {maps, FMGCAM_DTYPE_FLOAT32, 3, {1, 3, 6}, {24, 6, 1}},
        {maps, FMGCAM_DTYPE_FLOAT32, 3, {1, 4, 5}, {24, 6, 1}},
        {maps, FMGCAM_DTYPE_FLOAT32, 4, {1, 2, 3, 4}, {24, 12, 4, 1}},
        {maps, FMGCAM_DTYPE_FLOAT32, 4, {1, 1, 3, 4}, {24, 12, 4, 1}},
    };

    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        expect_ok(f->context, fmgcam_restart(f->context));
        expect_ok(f->context, fmgcam_smooth_maps(f->context, NULL, &shapes[i],
                                                 classes, &to));
        for (size_t j = 0; j < COUNT_OF(shapes); j++)
            if (j != i)
                expect_status(f->context,
                              fmgcam_smooth_maps(f->context, NULL, &shapes[j],
                                                 classes, &to),
                              FMGCAM_STATUS_SHAPE, "fmgcam_restart()");
    }
}

static void test_non_finite_maps_follow_the_policy(void **state)
{
    fixture *f = *state;
    const uint32_t classes[1] = {4};
    float good[S], bad[S], out[S], want[S];

    for (size_t s = 0; s < S; s++)
        good[s] = (float)s;
    memcpy(bad, good, sizeof bad);
    bad[W + 2] = NAN;
    bad[W + 3] = INFINITY;

    expect_ok(f->context, smooth(f->context, NULL, good, classes, 1, out));
    expect_status(f->context, smooth(f->context, NULL, bad, classes, 1, out),
                  FMGCAM_STATUS_NON_FINITE, "signed_maps: value at [0,1,2]");
    expect_ok(f->context, smooth(f->context, NULL, good, classes, 1, out));
    expect_same_bits("after an error", out, good, S);

    use_options(f->context,
                (fmgcam_options){.non_finite = FMGCAM_NON_FINITE_SKIP});
    expect_ok(f->context, smooth(f->context, NULL, bad, classes, 1, out));
    memcpy(want, good, sizeof want);
    want[W + 2] = (float)((double)0.8f * (double)good[W + 2]);
    want[W + 3] = (float)((double)0.8f * (double)good[W + 3]);
    expect_same_bits("skipped", out, want, S);

    use_options(f->context,
                (fmgcam_options){.non_finite = FMGCAM_NON_FINITE_PROPAGATE});
    expect_ok(f->context, fmgcam_restart(f->context));
    expect_ok(f->context, smooth(f->context, NULL, good, classes, 1, out));
    expect_ok(f->context, smooth(f->context, NULL, bad, classes, 1, out));
    assert_true(isnan(out[W + 2]) && isinf(out[W + 3]));
    expect_ok(f->context, smooth(f->context, NULL, good, classes, 1, out));
    expect_same_bits("begun anew", out, good, S);
}

/* ---- What is kept and forgotten ------------------------------------------ */

/* Frame @p t of one film: scores and the maps of what is tracked. */
static void play(fmgcam_context *context, size_t t, shot *s, float *maps)
{
    float scores[MOST_CLASSES];
    fmgcam_tracking o = {.struct_size = sizeof o, .count = MOST_MAPS};
    rng r;

    rng_init(&r, 5200 + t);
    rng_fill(&r, scores, MOST_CLASSES, -2, 2);
    rng_fill(&r, maps, MOST_MAPS * S, -1, 1);
    expect_ok(context, track(context, &o, scores, MOST_CLASSES, s));
    assert_int_equal(s->count, MOST_MAPS);
    expect_ok(context, smooth(context, &o, maps, s->classes, MOST_MAPS, maps));
}

static fmgcam_limits film_limits(void)
{
    return (fmgcam_limits){.struct_size = sizeof(fmgcam_limits),
                           .classes = MOST_MAPS + 1,
                           .channels = 1,
                           .map_height = H,
                           .map_width = W,
                           .tracked_scores = MOST_CLASSES,
                           .smoothed_classes = MOST_MAPS};
}

static void test_restart_and_reserve_forget_all(void **state)
{
    fixture *f = *state;
    fmgcam_limits limits = film_limits();
    float scores[3] = {1, 2, 3}, small[2] = {1, 2};
    float map[S] = {0};
    const uint32_t one[1] = {0};
    fmgcam_tensor turned;
    fmgcam_buffer to = float_buffer(map, S);

    fmgcam_tensor_maps(&turned, map, 1, W, H);
    for (int by_reserve = 0; by_reserve < 2; by_reserve++) {
        float maps[MOST_MAPS * S], again[MOST_MAPS * S];
        shot s, t;

        expect_ok(f->context, fmgcam_restart(f->context));
        play(f->context, 0, &s, maps);
        for (size_t i = 1; i < 20; i++)
            play(f->context, i, &t, again);
        expect_ok(f->context, by_reserve ? fmgcam_reserve(f->context, &limits)
                                         : fmgcam_restart(f->context));
        play(f->context, 0, &t, again);
        expect_same_shot(&t, &s);
        expect_same_bits("maps", again, maps, COUNT_OF(maps));
    }
    /* Shapes too. */
    fmgcam_limits larger = film_limits();
    larger.map_height = larger.map_width = W;
    expect_ok(f->context, fmgcam_reserve(f->context, &larger));
    shot s;
    expect_ok(f->context, track(f->context, NULL, scores, 3, &s));
    expect_ok(f->context, smooth(f->context, NULL, map, one, 1, map));
    expect_status(f->context, track(f->context, NULL, small, 2, &s),
                  FMGCAM_STATUS_SHAPE, "scores: 2 classes, expected 3");
    expect_status(f->context,
                  fmgcam_smooth_maps(f->context, NULL, &turned, one, &to),
                  FMGCAM_STATUS_SHAPE, "1 x 6 x 5, expected 1 x 5 x 6");
    expect_ok(f->context, track(f->context, NULL, scores, 3, &s));
    expect_ok(f->context, fmgcam_restart(f->context));
    expect_ok(f->context, track(f->context, NULL, small, 2, &s));
    expect_ok(f->context,
              fmgcam_smooth_maps(f->context, NULL, &turned, one, &to));
}

/* Drawing, explaining and reserving nothing more do not touch the frames. */
static void test_other_calls_leave_the_frames_alone(void **state)
{
    fixture *f = *state;
    float maps[MOST_MAPS * S], want[MOST_MAPS * S], drawn[MOST_MAPS * 90 * 80];
    fmgcam_buffer to = float_buffer(drawn, COUNT_OF(drawn));
    fmgcam_tensor m;
    shot s, t;

    play(f->context, 0, &s, maps);
    play(f->context, 1, &s, want);
    expect_ok(f->context, fmgcam_restart(f->context));
    play(f->context, 0, &t, maps);
    fmgcam_tensor_maps(&m, maps, MOST_MAPS, H, W);
    expect_ok(f->context, fmgcam_resample_maps(f->context, &m, 90, 80, &to));
    play(f->context, 1, &t, maps);
    expect_same_shot(&t, &s);
    expect_same_bits("maps", maps, want, COUNT_OF(maps));
}

/* A frame that shows no class has no maps: they are forgotten. */
static void test_a_frame_without_classes_forgets_the_maps(void **state)
{
    fixture *f = *state;
    fmgcam_tracking o = {.struct_size = sizeof o,
                         .flags = all_set,
                         .smoothing = 0.5f,
                         .enter = 0.9f,
                         .link = FMGCAM_LINK_NONE};
    const uint32_t one[1] = {0};
    float first[S], second[S], out[S];
    const float none[1] = {0}, some[1] = {4};
    rng r;

    rng_init(&r, 5106);
    rng_fill(&r, first, S, -1, 1);
    rng_fill(&r, second, S, -1, 1);
    expect_shown(f->context, &o, some, 1, 1, 0);
    expect_ok(f->context, smooth(f->context, &o, first, one, 1, out));
    o.smoothing = 0;
    expect_shown(f->context, &o, none, 1, 0, 0);
    expect_shown(f->context, &o, some, 1, 1, 0);
    o.smoothing = 0.5f;
    expect_ok(f->context, smooth(f->context, &o, second, one, 1, out));
    expect_same_bits("after an empty frame", out, second, S);
}

static void test_nothing_is_allocated_after_reserve(void **state)
{
    fixture *f = *state;
    fmgcam_limits limits = film_limits();
    float maps[(MOST_MAPS + 1) * S], scores[MOST_CLASSES + 1] = {0};
    uint32_t classes[MOST_MAPS + 1];
    shot s;
    rng r;

    rng_init(&r, 5107);
    expect_ok(f->context, fmgcam_reserve(f->context, &limits));
    size_t requests = f->heap.requests;
    for (size_t t = 0; t < 50; t++) {
        uint32_t count = 1 + rng_below(&r, MOST_MAPS);
        play(f->context, t, &s, maps);
        random_classes(&r, classes, count);
        expect_ok(f->context,
                  smooth(f->context, NULL, maps, classes, count, maps));
        if (t % 10 == 9)
            expect_ok(f->context, fmgcam_restart(f->context));
    }
    random_classes(&r, classes, MOST_MAPS + 1);
    rng_fill(&r, maps, COUNT_OF(maps), -1, 1);
    expect_status(f->context,
                  smooth(f->context, NULL, maps, classes, MOST_MAPS + 1, maps),
                  FMGCAM_STATUS_LIMIT, "smoothed_classes: 7");
    expect_status(f->context,
                  track(f->context, NULL, scores, MOST_CLASSES + 1, &s),
                  FMGCAM_STATUS_LIMIT, "tracked_scores: 13");
    assert_int_equal(f->heap.requests, requests);

    limits.tracked_scores = limits.smoothed_classes = 0;
    expect_ok(f->context, fmgcam_reserve(f->context, &limits));
    expect_status(f->context, smooth(f->context, NULL, maps, classes, 1, maps),
                  FMGCAM_STATUS_LIMIT, "smoothed_classes: 1");
    expect_status(f->context, track(f->context, NULL, scores, 1, &s),
                  FMGCAM_STATUS_LIMIT, "tracked_scores: 1");
}

/* A frame for which there is no memory is left out; the next goes on from the
 * one before it. */
static void test_a_failed_allocation_leaves_the_frames_alone(void **state)
{
    fixture *f = *state;
    const uint32_t classes[3] = {1, 2, 3};
    float scores[3] = {3, 1, 2}, first[3 * S], second[3 * S];
    float want[3 * S], got[3 * S];
    shot s, t;
    rng r;

    rng_init(&r, 5108);
    rng_fill(&r, first, COUNT_OF(first), -1, 1);
    rng_fill(&r, second, COUNT_OF(second), -1, 1);
    expect_ok(f->context, smooth(f->context, NULL, first, classes, 1, want));
    expect_ok(f->context, smooth(f->context, NULL, second, classes, 3, want));
    expect_ok(f->context, track(f->context, NULL, scores, 3, &s));

    fixture g = {0};
    fmgcam_allocator allocator = strict_allocator(&g.heap);
    assert_int_equal(fmgcam_create(&allocator, &g.context, NULL, 0), 0);
    expect_ok(g.context, smooth(g.context, NULL, first, classes, 1, got));
    g.heap.fail_at = g.heap.requests + 1;
    expect_status(g.context, smooth(g.context, NULL, second, classes, 3, got),
                  FMGCAM_STATUS_NO_MEMORY, "frames: ");
    expect_ok(g.context, smooth(g.context, NULL, second, classes, 3, got));
    expect_same_bits("after no memory", got, want, COUNT_OF(got));

    g.heap.fail_at = g.heap.requests + 1;
    expect_status(g.context, track(g.context, NULL, scores, 3, &t),
                  FMGCAM_STATUS_NO_MEMORY, "frames: ");
    expect_ok(g.context, track(g.context, NULL, scores, 3, &t));
    expect_same_shot(&t, &s);

    /* A reserve that fails at any point keeps the frames. */
    fmgcam_limits limits = film_limits();
    for (size_t n = 1; n <= 3; n++) {
        limits.tracked_scores += 1000;
        limits.smoothed_classes += 10;
        limits.channels += 1000;
        g.heap.fail_at = g.heap.requests + n;
        expect_status(g.context, fmgcam_reserve(g.context, &limits),
                      FMGCAM_STATUS_NO_MEMORY, "");
        expect_ok(f->context,
                  smooth(f->context, NULL, first, classes, 3, want));
        expect_ok(g.context, smooth(g.context, NULL, first, classes, 3, got));
        expect_same_bits("after a failed reserve", got, want, COUNT_OF(got));
        expect_ok(f->context, track(f->context, NULL, scores, 3, &s));
        expect_ok(g.context, track(g.context, NULL, scores, 3, &t));
        expect_same_shot(&t, &s);
    }
    g.heap.fail_at = 0;
    fmgcam_destroy(g.context);
    assert_int_equal(g.heap.live, 0);
}

/* ---- Scores of any kind -------------------------------------------------- */

static void test_scores_may_have_any_layout_and_dtype(void **state)
{
    enum { N = 10 };
    fixture *f = *state;
    const float unit = 0.25f;
    const fmgcam_quantization q = {
        .struct_size = sizeof q, .scales = &unit, .count = 1};
    float scores[N], whole[N];
    shot want, got;
    rng r;

    rng_init(&r, 5109);
    for (size_t i = 0; i < N; i++) {
        whole[i] = (float)rng_below(&r, 40) - 20;
        scores[i] = unit * whole[i];
    }
    expect_ok(f->context, track(f->context, NULL, scores, N, &want));
    for (uint32_t dtype = 1; dtype <= 5; dtype++)
        for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
            bool integers = dtype == FMGCAM_DTYPE_INT8;
            fmgcam_tracking o = {.struct_size = sizeof o,
                                 .scores_quantization = integers ? &q : NULL};
            fmgcam_buffer classes = buffer_of(got.classes, MOST_CLASSES, 4);
            fmgcam_buffer p = float_buffer(got.probabilities, MOST_CLASSES);
            fmgcam_buffer slots = buffer_of(got.slots, MOST_CLASSES, 4);
            stored y;

            store_init(&y, integers ? whole : scores, 2, (int64_t[]){1, N},
                       dtype, (tensor_layout)layout);
            expect_ok(f->context, fmgcam_restart(f->context));
            expect_ok(f->context,
                      fmgcam_track_classes(f->context, &o, &y.tensor, &classes,
                                           &p, &slots, &got.count));
            expect_same_shot(&got, &want);
            store_free(&y);
        }
}

/* The first frame is what fmgcam_choose_classes() gives, to the bit. */
static void test_the_first_frame_is_the_choice(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 5110);
    for (int pass = 0; pass < 300; pass++) {
        size_t n = 1 + rng_below(&r, MOST_CLASSES);
        float scores[MOST_CLASSES], p[MOST_CLASSES];
        uint32_t classes[MOST_CLASSES], count;
        fmgcam_tracking o = random_tracking(&r, n);
        fmgcam_choice choice = {.struct_size = sizeof choice,
                                .count = o.count,
                                .link = o.link,
                                .temperature = o.temperature};
        fmgcam_buffer to = buffer_of(classes, MOST_CLASSES, 4);
        fmgcam_buffer values = float_buffer(p, MOST_CLASSES);
        fmgcam_tensor y;
        shot s;

        o.enter = o.leave = 0;
        for (size_t i = 0; i < n; i++) /* with ties */
            scores[i] = (float)rng_below(&r, 8) - 4;
        fmgcam_tensor_vector(&y, scores, FMGCAM_DTYPE_FLOAT32, (int64_t)n);
        expect_ok(f->context, fmgcam_restart(f->context));
        expect_ok(f->context, track(f->context, &o, scores, n, &s));
        expect_ok(f->context, fmgcam_choose_classes(f->context, &choice, &y,
                                                    &to, &values, &count));
        assert_int_equal(s.count, count);
        assert_memory_equal(s.classes, classes, count * 4);
        expect_same_bits("probabilities", s.probabilities, p, count);
        for (uint32_t k = 0; k < count; k++)
            assert_int_equal(s.slots[k], k);
    }
}

/* ---- Arguments ----------------------------------------------------------- */

static void test_bad_tracking_is_named(void **state)
{
    fixture *f = *state;
    float scores[6] = {1, 2, 3, 4, 5, 6}, map[S] = {0};
    const uint32_t one[1] = {0};
    static const struct {
        const char *text;
        fmgcam_tracking tracking;
        bool of_scores; /* only looked at with scores */
    } rows[] = {
        {"tracking.flags: 0x4", {.flags = 4}, false},
        {"tracking.link: 4", {.link = 4}, false},
        {"tracking.count: 7, expected at most the 6", {.count = 7}, true},
        {"tracking.temperature: -1", {.temperature = -1}, false},
        {"tracking.temperature: nan", {.temperature = NAN}, false},
        {"tracking.smoothing: 1", {.smoothing = 1}, false},
        {"tracking.smoothing: -0.5", {.smoothing = -0.5f}, false},
        {"tracking.smoothing: nan", {.smoothing = NAN}, false},
        {"tracking.hysteresis: -1", {.hysteresis = -1}, false},
        {"tracking.hysteresis: inf", {.hysteresis = INFINITY}, false},
        {"tracking.hysteresis: nan", {.hysteresis = NAN}, false},
        {"tracking.enter: -1", {.enter = -1}, false},
        {"tracking.enter: inf", {.enter = INFINITY}, false},
        {"tracking.leave: nan", {.leave = NAN}, false},
        {"tracking.leave: 0.5, expected at most tracking.enter, 0.25",
         {.enter = 0.25f, .leave = 0.5f},
         false},
        {"tracking.leave: 0.5", {.leave = 0.5f}, false},
    };
    shot s;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        fmgcam_tracking o = rows[i].tracking;
        o.struct_size = sizeof o;
        expect_status(f->context, track(f->context, &o, scores, 6, &s),
                      FMGCAM_STATUS_ARGUMENT, rows[i].text);
        if (!rows[i].of_scores)
            expect_status(f->context, smooth(f->context, &o, map, one, 1, map),
                          FMGCAM_STATUS_ARGUMENT, rows[i].text);
    }
}

/* Each refused frame is as if it had not been. */
static void test_bad_scores_and_outputs_are_named(void **state)
{
    fixture *f = *state;
    float scores[6] = {1, 2, 3, 4, 5, 6}, bad_scores[6] = {1, 2, NAN, 4, 5, 6};
    float p[6];
    uint32_t indices[6], slot_numbers[6], count;
    fmgcam_tensor good, bad, square;
    const fmgcam_buffer classes = buffer_of(indices, 6, 4);
    const fmgcam_buffer few = buffer_of(indices, 4, 4);
    const fmgcam_buffer over = float_buffer(scores, 6);
    const fmgcam_buffer values = float_buffer(p, 6);
    const fmgcam_buffer slots = buffer_of(slot_numbers, 6, 4);
    const fmgcam_buffer nothing = {NULL, 0};
    shot first, last;

    fmgcam_tensor_vector(&good, scores, FMGCAM_DTYPE_FLOAT32, 6);
    fmgcam_tensor_vector(&bad, bad_scores, FMGCAM_DTYPE_FLOAT32, 6);
    fmgcam_tensor_matrix(&square, scores, FMGCAM_DTYPE_FLOAT32, 2, 3);
    const struct {
        const char *text;
        const fmgcam_tensor *scores;
        const fmgcam_buffer *classes, *probabilities, *slots;
        fmgcam_status status;
    } rows[] = {
        {"scores", NULL, &classes, NULL, NULL, FMGCAM_STATUS_ARGUMENT},
        {"scores: value at [2] is nan", &bad, &classes, NULL, NULL,
         FMGCAM_STATUS_NON_FINITE},
        {"scores: shape [2,3]", &square, &classes, NULL, NULL,
         FMGCAM_STATUS_SHAPE},
        {"classes: NULL", &good, NULL, NULL, NULL, FMGCAM_STATUS_ARGUMENT},
        {"classes: NULL", &good, &nothing, NULL, NULL, FMGCAM_STATUS_ARGUMENT},
        {"classes.size_bytes: 16, expected at least 20", &good, &few, NULL,
         NULL, FMGCAM_STATUS_BUFFER_SIZE},
        {"probabilities.size_bytes: 16, expected at least 20", &good, &slots,
         &few, NULL, FMGCAM_STATUS_BUFFER_SIZE},
        {"slots.size_bytes: 16, expected at least 20", &good, &slots, NULL,
         &few, FMGCAM_STATUS_BUFFER_SIZE},
        {"classes: overlaps scores", &good, &over, NULL, NULL,
         FMGCAM_STATUS_ARGUMENT},
        {"probabilities: overlaps classes", &good, &classes, &classes, NULL,
         FMGCAM_STATUS_ARGUMENT},
        {"slots: overlaps probabilities", &good, &classes, &values, &values,
         FMGCAM_STATUS_ARGUMENT},
    };
    expect_ok(f->context, track(f->context, NULL, scores, 6, &first));
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect_status(f->context,
                      fmgcam_track_classes(
                          f->context, NULL, rows[i].scores, rows[i].classes,
                          rows[i].probabilities, rows[i].slots, &count),
                      rows[i].status, rows[i].text);
    expect_status(f->context,
                  fmgcam_track_classes(f->context, NULL, &good, &classes,
                                       &values, &slots, NULL),
                  FMGCAM_STATUS_ARGUMENT, "count: NULL");
    expect_ok(f->context,
              fmgcam_track_classes(f->context, NULL, &good, &classes, &nothing,
                                   &nothing, &count));
    assert_int_equal(count, 5);
    expect_ok(f->context, track(f->context, NULL, scores, 6, &last));
    expect_same_shot(&last, &first);
}

static void test_bad_maps_are_named(void **state)
{
    fixture *f = *state;
    float memory[4 * S] = {0}, out[2 * S];
    const uint32_t classes[2] = {3, 5}, twice[2] = {5, 5};
    uint8_t odd[2 * S * 4 + 1];
    fmgcam_tensor m, flat;
    const fmgcam_buffer to = float_buffer(out, 2 * S);
    const fmgcam_buffer small = float_buffer(out, 2 * S - 1);
    const fmgcam_buffer shifted = float_buffer(memory + 1, 2 * S);
    const fmgcam_buffer unaligned = {odd + ((uintptr_t)odd % 4 == 0 ? 1 : 0),
                                     2 * S * 4};

    fmgcam_tensor_maps(&m, memory, 2, H, W);
    fmgcam_tensor_vector(&flat, memory, FMGCAM_DTYPE_FLOAT32, S);
    const struct {
        const char *text;
        const fmgcam_tensor *maps;
        const uint32_t *classes;
        const fmgcam_buffer *smoothed;
        fmgcam_status status;
    } rows[] = {
        {"signed_maps", NULL, classes, &to, FMGCAM_STATUS_ARGUMENT},
        {"signed_maps: rank 1", &flat, classes, &to, FMGCAM_STATUS_SHAPE},
        {"classes: NULL", &m, NULL, &to, FMGCAM_STATUS_ARGUMENT},
        {"classes[1]: 5, which classes[0] is", &m, twice, &to,
         FMGCAM_STATUS_ARGUMENT},
        {"smoothed: NULL", &m, classes, NULL, FMGCAM_STATUS_ARGUMENT},
        {"smoothed.size_bytes: 236, expected at least 240", &m, classes, &small,
         FMGCAM_STATUS_BUFFER_SIZE},
        {"smoothed: overlaps signed_maps", &m, classes, &shifted,
         FMGCAM_STATUS_ARGUMENT},
        {"smoothed.data", &m, classes, &unaligned, FMGCAM_STATUS_ARGUMENT},
        {"smoothed: overlaps classes", &m, (const uint32_t *)(void *)out, &to,
         FMGCAM_STATUS_ARGUMENT},
    };
    memcpy(out, classes, sizeof classes);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect_status(f->context,
                      fmgcam_smooth_maps(f->context, NULL, rows[i].maps,
                                         rows[i].classes, rows[i].smoothed),
                      rows[i].status, rows[i].text);
    expect_ok(f->context,
              fmgcam_smooth_maps(f->context, NULL, &m, classes, &to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_tracking_is_what_challenges_give),
        fixture_test(test_hysteresis_keeps_two_that_alternate_apart),
        fixture_test(test_the_margin_is_as_documented),
        fixture_test(test_classes_enter_and_leave_by_probability),
        fixture_test(test_slots_never_change_hands),
        fixture_test(test_the_longest_free_slot_is_given_first),
        fixture_test(test_maps_are_smoothed_by_class),
        fixture_test(test_what_does_not_change_keeps_its_bits),
        fixture_test(test_what_is_kept_moves_to_larger_memory),
        fixture_test(test_maps_may_be_in_place_and_of_any_kind),
        fixture_test(test_maps_may_have_one_or_three_axes),
        fixture_test(test_non_finite_maps_follow_the_policy),
        fixture_test(test_restart_and_reserve_forget_all),
        fixture_test(test_other_calls_leave_the_frames_alone),
        fixture_test(test_a_frame_without_classes_forgets_the_maps),
        fixture_test(test_nothing_is_allocated_after_reserve),
        fixture_test(test_a_failed_allocation_leaves_the_frames_alone),
        fixture_test(test_scores_may_have_any_layout_and_dtype),
        fixture_test(test_the_first_frame_is_the_choice),
        fixture_test(test_bad_tracking_is_named),
        fixture_test(test_bad_scores_and_outputs_are_named),
        fixture_test(test_bad_maps_are_named),
    };
    return cmocka_run_group_tests_name("track", tests, NULL, NULL);
}
