/* SPDX-License-Identifier: MIT */
/*
 * Long runs: what an application that never ends would see.
 *
 * usage: soak [RUNS]
 *
 * In an emulator, which FMGCAM_TEST_EMULATED=1 tells, what is resident is its own.
 *
 * Some hundred scenes come again and again in random order, in contexts that
 * are made, reserved and destroyed in between, alone and in batches, with and
 * without runners. A scene's digest is what it was in a fresh context, whatever
 * went before; and after the first tenth no memory grows: not the blocks of the
 * allocator hook, not what malloc has handed out, not what is resident.
 */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 199309L /* clock_gettime() */
#endif
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "memory.h"
#include "pages.h"
#include "scene.h"

enum { SCENES = 300, PLACES = 4, WORKERS = 3, USUAL_RUNS = 30000 };

static scene scenes[SCENES];
static uint64_t digests[SCENES];

/* A context, and how it came to be. */
typedef struct place {
    strict_heap heap;
    runner_log log;
    fmgcam_context *context;
} place;

static place places[PLACES];
static size_t most_bytes; /* that all contexts held at once */

static void die(const char *what, const fmgcam_context *context)
{
    printf("soak: %s: %s\n", what, fmgcam_error_detail(context));
    exit(1);
}

/* ---- Contexts that come and go ------------------------------------------- */

static void close_place(place *p)
{
    fmgcam_destroy(p->context);
    p->context = NULL;
    if (p->heap.live || p->heap.live_bytes) {
        printf("soak: %zu blocks leaked by a context\n", p->heap.live);
        exit(1);
    }
}

/* By the strict allocator, or by malloc. */
static void open_place(place *p, bool is_strict)
{
    fmgcam_allocator allocator = strict_allocator(&p->heap);
    char error[200];

    if (fmgcam_create(is_strict ? &allocator : NULL, &p->context, error,
                      sizeof error)) {
        printf("soak: create: %s\n", error);
        exit(1);
    }
}

static const fmgcam_limits all_scenes = {.struct_size = sizeof all_scenes,
                                         .classes = SCORES,
                                         .channels = MOST_CHANNELS,
                                         .map_depth = 3,
                                         .map_height = 9,
                                         .map_width = MOST_CELLS,
                                         .picture_height = HEIGHT,
                                         .picture_width = WIDTH,
                                         .workers = WORKERS,
                                         .batch = MOST_BATCH,
                                         .tracked_scores = SCORES,
                                         .smoothed_classes = MOST_CLASSES,
                                         .flags = FMGCAM_LIMIT_EIGEN};

/* A limit that is more than any scene needs changes no result either. */
static void reserve(place *p, rng *r)
{
    fmgcam_limits limits = all_scenes;
    size_t bytes;

    limits.channels += rng_below(r, 10);
    limits.map_width += rng_below(r, 10);
    if (fmgcam_workspace_size(p->context, &limits, &bytes) ||
        fmgcam_reserve(p->context, &limits))
        die("reserve", p->context);
}

static void set_runner(place *p, runner *chosen)
{
    p->log.workers = WORKERS;
    if (fmgcam_set_runner(p->context, chosen, &p->log, chosen ? WORKERS : 0))
        die("set_runner", p->context);
}

static void change_runner(place *p, rng *r)
{
    /* Threads are dear, and rare. */
    runner *const runners[] = {NULL, run_serially, run_backwards, run_shuffled};
    runner *chosen = rng_below(r, 400) == 0
                         ? run_on_threads
                         : runners[rng_below(r, COUNT_OF(runners))];

    set_runner(p, chosen);
}

static place *choose_place(rng *r)
{
    place *p = &places[rng_below(r, PLACES)];

    if (rng_below(r, 20) == 0) {
        close_place(p);
        open_place(p, rng_below(r, 3) > 0);
    }
    if (rng_below(r, 40) == 0)
        reserve(p, r);
    if (rng_below(r, 4) == 0)
        change_runner(p, r);
    return p;
}

/* ---- Runs ---------------------------------------------------------------- */

static void note_most_bytes(void)
{
    size_t bytes = 0;

    for (size_t i = 0; i < PLACES; i++)
        bytes += places[i].heap.live_bytes;
    if (bytes > most_bytes)
        most_bytes = bytes;
}

static uint64_t run_scene(place *p, rng *r, uint32_t number)
{
    way how = {.batch = 1, .poison = (uint8_t)rng_next(r)};

    if (rng_below(r, 4) == 0) {
        how.batch = 1 + rng_below(r, MOST_BATCH);
        how.position = rng_below(r, how.batch);
    }
    uint64_t digest = scene_digest(p->context, &scenes[number], &how);
    note_most_bytes();
    return digest;
}

/* What each scene is in a context of its own. Threads are made here for the
 * first time, since glibc keeps some memory for those to come. */
static void learn(void)
{
    for (uint32_t i = 0; i < SCENES; i++) {
        place fresh = {.log = {.workers = WORKERS}};
        const way alone = {.batch = 1};
        scene_init(&scenes[i], i);
        open_place(&fresh, true);
        set_runner(&fresh, i % 10 == 0 ? run_on_threads : NULL);
        digests[i] = scene_digest(fresh.context, &scenes[i], &alone);
        close_place(&fresh);
    }
}

/* How many digests differ. */
static uint64_t run_many(rng *r, uint64_t runs)
{
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < runs; i++) {
        uint32_t number = rng_below(r, SCENES);
        uint64_t digest = run_scene(choose_place(r), r, number);
        if (digest == digests[number])
            continue;
        if (wrong++ < 10)
            printf("soak: run %" PRIu64 ": scene %" PRIu32 " is %016" PRIx64
                   ", not %016" PRIx64 "\n",
                   i, number, digest, digests[number]);
    }
    return wrong;
}

/* ---- Memory -------------------------------------------------------------- */

size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (!file)
        return 0;
    if (fscanf(file, "%*u %zu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * page_size();
}

typedef struct memory {
    size_t hook, allocated, resident;
} memory;

/* With no context left, so that all of it should be as it was. */
static memory look_at_memory(void)
{
    memory m = {0};

    for (size_t i = 0; i < PLACES; i++)
        close_place(&places[i]);
    for (size_t i = 0; i < PLACES; i++)
        m.hook += places[i].heap.live_bytes;
    m.allocated = allocated_bytes();
    m.resident = resident_bytes();
    for (size_t i = 0; i < PLACES; i++)
        open_place(&places[i], true);
    return m;
}

/* "name: before -> after", and whether it grew by no more than @p allowed. */
static bool is_flat(const char *name, size_t before, size_t after,
                    size_t allowed, uint64_t runs)
{
    double growth = (double)after - (double)before;

    printf("soak: %s: %zu bytes after a tenth, %zu at the end, %+.0f"
           " (%+.4f a run; at most %zu)\n",
           name, before, after, growth, growth / (double)runs, allowed);
    return growth <= (double)allowed;
}

/* The heap may end in pieces: as much as all contexts held at once may lie
 * between blocks, and what malloc does not trim at its end. */
static size_t allowed_fragments(void)
{
    const size_t untrimmed = 64 * 1024, mapped = 128 * 1024;

    return most_bytes + untrimmed + mapped;
}

/* ---- The whole ----------------------------------------------------------- */

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    uint64_t runs = argc > 1 ? strtoull(argv[1], NULL, 10) : USUAL_RUNS;
    unsigned checks = 4, failed = 0;
    rng r;

    if (argc > 2 || runs < 10) {
        fprintf(stderr, "usage: soak [RUNS, 10 or more]\n");
        return 2;
    }
    keep_memory_tight();
    rng_init(&r, 1);
    learn();
    for (size_t i = 0; i < PLACES; i++)
        open_place(&places[i], true);

    double begin = now();
    uint64_t wrong = run_many(&r, runs / 10);
    memory warm = look_at_memory();
    wrong += run_many(&r, runs - runs / 10);
    double seconds = now() - begin;
    memory end = look_at_memory();

    printf("soak: %" PRIu64
           " runs of %d scenes in %.1f s, %.0f us each; %" PRIu64
           " digests differ\n",
           runs, SCENES, seconds, seconds * 1e6 / (double)runs, wrong);
    failed += wrong > 0;
    failed += !is_flat("allocator hook", warm.hook, end.hook, 0, runs);
    failed += !is_flat("malloc", warm.allocated, end.allocated, 0, runs);
    /* A sanitizer's or valgrind's malloc tells nothing, and keeps what is
     * freed; and what runs another machine's programs keeps translations. */
    if (warm.allocated > 0 && !getenv("FMGCAM_TEST_EMULATED"))
        failed += !is_flat("resident", warm.resident, end.resident,
                           allowed_fragments(), runs);
    else
        checks--;
    for (size_t i = 0; i < PLACES; i++)
        close_place(&places[i]);
    for (size_t i = 0; i < SCENES; i++)
        scene_free(&scenes[i]);
    printf("%u passed, %u failed\n", checks - failed, failed);
    return failed > 0;
}
