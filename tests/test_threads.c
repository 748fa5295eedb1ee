/* SPDX-License-Identifier: MIT */
/*
 * Many threads: every public function at the same time, each thread with a context
 * of its own, and runners under them. What comes out must have the bits of one
 * thread alone. Built with ThreadSanitizer too, which sees what no result shows.
 *
 * cmocka's assertions are for the main thread: others only keep what they got.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

enum {
    K = 3,
    C = 24,
    MOST_SIDE = 9,
    MOST_CELLS = MOST_SIDE * MOST_SIDE,
    SCORES = 20,
    WIDTH = 50,
    HEIGHT = 40,
    THREADS = 8,
    WORKERS = 3
};

/* ---- A scene, and all that the library says of it ------------------------- */

/* What a thread works on; different in each. */
typedef struct scene {
    uint32_t number, height, width;
    float activations[C * MOST_CELLS], gradients[K * C * MOST_CELLS];
    float classifier[SCORES * C], scores[SCORES];
} scene;

typedef struct results {
    fmgcam_status first_failure;
    int failed_line;
    char failure[200];
    float weights[K * C], signed_maps[K * MOST_CELLS];
    float class_maps[K * MOST_CELLS], filtered[K * MOST_CELLS];
    float normalized[K * MOST_CELLS], maps[K * MOST_CELLS];
    float batch_maps[2][K * MOST_CELLS], smoothed[K * MOST_CELLS];
    float fused[K * MOST_CELLS], read[K * C * MOST_CELLS];
    float resampled[K * WIDTH * HEIGHT];
    float overlap[K * K], margin[MOST_CELLS], probabilities[K];
    double contributions[K];
    int32_t winner[MOST_CELLS];
    uint32_t classes[K], slots[K], count;
    uint8_t heatmap[WIDTH * HEIGHT * 3], overlay[WIDTH * HEIGHT * 3];
    uint8_t colors[2][3];
    fmgcam_geometry geometry;
    fmgcam_head_check head;
    fmgcam_class_measures measures;
} results;

static void scene_init(scene *s, uint32_t number)
{
    rng r;

    memset(s, 0, sizeof *s);
    s->number = number;
    s->height = 4 + number % 6;
    s->width = 9 - number % 5;
    rng_init(&r, 7000 + number);
    rng_fill(&r, s->activations, COUNT_OF(s->activations), -1, 1);
    rng_fill(&r, s->gradients, COUNT_OF(s->gradients), -1, 1);
    rng_fill(&r, s->classifier, COUNT_OF(s->classifier), -1, 1);
    rng_fill(&r, s->scores, COUNT_OF(s->scores), -3, 3);
}

/* Go on with this part only if @p call is right. */
#define TRY(call)                                                              \
 do {                                                                          \
  if (!keep_status(out, context, (call), __LINE__))                            \
   return;                                                                     \
 } while (0)

static bool keep_status(results *out, const fmgcam_context *context,
                        fmgcam_status status, int line)
{
    if (!status)
        return true;
    out->first_failure = status;
    out->failed_line = line;
    fmgcam_copy_error_detail(context, out->failure, sizeof out->failure);
    return false;
}

static void make_maps(fmgcam_context *context, const scene *s, results *out)
{
    const size_t stack = (size_t)K * s->height * s->width;
    const fmgcam_buffer weights = float_buffer(out->weights, K * C);
    const fmgcam_buffer signed_maps = float_buffer(out->signed_maps, stack);
    const fmgcam_buffer class_maps = float_buffer(out->class_maps, stack);
    const fmgcam_buffer filtered = float_buffer(out->filtered, stack);
    const fmgcam_buffer normalized = float_buffer(out->normalized, stack);
    const fmgcam_buffer maps = float_buffer(out->maps, stack);
    const fmgcam_buffer winner = {out->winner, sizeof out->winner};
    const fmgcam_buffer read = {out->read, sizeof out->read};
    fmgcam_tensor a, g, w, m, r, f, n;

    fmgcam_tensor_nchw(&a, s->activations, FMGCAM_DTYPE_FLOAT32, 1, C,
                       s->height, s->width);
    fmgcam_tensor_nhwc(&g, s->gradients, FMGCAM_DTYPE_FLOAT32, K, C, s->height,
                       s->width);
    fmgcam_tensor_matrix(&w, out->weights, FMGCAM_DTYPE_FLOAT32, K, C);
    fmgcam_tensor_maps(&m, out->signed_maps, K, s->height, s->width);
    fmgcam_tensor_maps(&r, out->class_maps, K, s->height, s->width);
    fmgcam_tensor_maps(&f, out->filtered, K, s->height, s->width);
    fmgcam_tensor_maps(&n, out->normalized, K, s->height, s->width);
    TRY(fmgcam_read_tensor(context, &g, NULL, &read));
    TRY(fmgcam_pool_gradients(context, &g, &weights));
    TRY(fmgcam_combine_channels(context, &w, &a, &signed_maps));
    TRY(fmgcam_activate_maps(context, &m, &class_maps));
    TRY(fmgcam_filter_maps(context, &m, &r, &filtered, &winner));
    TRY(fmgcam_normalize_maps(context, &f, NULL, &normalized));
    TRY(fmgcam_rescale_maps(context, &n, &maps, NULL));
}

static void explain_batch(fmgcam_context *context, const scene *s,
                          const fmgcam_inputs *in, results *out)
{
    const size_t stack = (size_t)K * s->height * s->width;
    fmgcam_outputs outs[2] = {
        {.struct_size = sizeof *outs,
         .maps = float_buffer(out->batch_maps[0], stack)},
        {.struct_size = sizeof *outs,
         .maps = float_buffer(out->batch_maps[1], stack)},
    };
    const fmgcam_inputs *const ins[2] = {in, in};
    fmgcam_outputs *const wanted[2] = {&outs[0], &outs[1]};

    TRY(fmgcam_explain_batch(context, ins, wanted, 2, NULL));
}

/* From right to left. */
static void reverse_rows(fmgcam_tensor *tensor)
{
    const uint32_t last = tensor->rank - 1;

    tensor->data = (const float *)tensor->data +
                   (tensor->shape[last] - 1) * tensor->strides[last];
    tensor->strides[last] = -tensor->strides[last];
}

static void explain(fmgcam_context *context, const scene *s, results *out)
{
    const size_t stack = (size_t)K * s->height * s->width;
    fmgcam_tensor a, g, classifier, scores;
    fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .gradients = &g};
    fmgcam_outputs wanted = {.struct_size = sizeof wanted,
                             .signed_maps =
                                 float_buffer(out->signed_maps, stack),
                             .class_maps = float_buffer(out->class_maps, stack),
                             .winner = {out->winner, sizeof out->winner},
                             .maps = float_buffer(out->maps, stack)};

    fmgcam_tensor_nchw(&a, s->activations, FMGCAM_DTYPE_FLOAT32, 1, C,
                       s->height, s->width);
    fmgcam_tensor_nchw(&g, s->gradients, FMGCAM_DTYPE_FLOAT32, K, C, s->height,
                       s->width);
    fmgcam_tensor_matrix(&classifier, s->classifier, FMGCAM_DTYPE_FLOAT32,
                         SCORES, C);
    if (s->number % 2)
        reverse_rows(&g);
    fmgcam_tensor_vector(&scores, s->scores, FMGCAM_DTYPE_FLOAT32, SCORES);
    TRY(fmgcam_explain(context, &in, &wanted));
    explain_batch(context, s, &in, out);

    const fmgcam_inputs head = {.struct_size = sizeof head,
                                .activations = &a,
                                .classifier = &classifier,
                                .scores = &scores};
    out->head.struct_size = sizeof out->head;
    TRY(fmgcam_check_head(context, &head, 0, &out->head));
}

static void choose(fmgcam_context *context, const scene *s, results *out)
{
    const size_t stack = (size_t)K * s->height * s->width;
    const fmgcam_buffer classes = {out->classes, sizeof out->classes};
    const fmgcam_buffer likely = {out->probabilities,
                                  sizeof out->probabilities};
    const fmgcam_buffer slots = {out->slots, sizeof out->slots};
    const fmgcam_buffer smoothed = float_buffer(out->smoothed, stack);
    const fmgcam_choice choice = {.struct_size = sizeof choice, .count = K};
    const fmgcam_tracking tracking = {.struct_size = sizeof tracking,
                                      .count = K};
    fmgcam_tensor scores, m;

    fmgcam_tensor_vector(&scores, s->scores, FMGCAM_DTYPE_FLOAT32, SCORES);
    fmgcam_tensor_maps(&m, out->signed_maps, K, s->height, s->width);
    TRY(fmgcam_restart(context));
    TRY(fmgcam_choose_classes(context, &choice, &scores, &classes, &likely,
                              &out->count));
    for (int frame = 0; frame < 2; frame++) {
        TRY(fmgcam_track_classes(context, &tracking, &scores, &classes, &likely,
                                 &slots, &out->count));
        TRY(fmgcam_smooth_maps(context, &tracking, &m, out->classes,
                               &smoothed));
    }
}

static void measure(fmgcam_context *context, const scene *s, results *out)
{
    const size_t cells = (size_t)s->height * s->width;
    const fmgcam_buffer overlap = {out->overlap, sizeof out->overlap};
    const fmgcam_buffer margin = float_buffer(out->margin, cells);
    const fmgcam_buffer fused = float_buffer(out->fused, K * cells);
    fmgcam_tensor m, r, region;
    const fmgcam_tensor *const layers[2] = {&r, &r};

    fmgcam_tensor_maps(&m, out->signed_maps, K, s->height, s->width);
    fmgcam_tensor_maps(&r, out->class_maps, K, s->height, s->width);
    fmgcam_tensor_matrix(&region, s->activations, FMGCAM_DTYPE_FLOAT32,
                         s->height, s->width);
    out->measures.struct_size = sizeof out->measures;
    TRY(fmgcam_measure_class(context, &r, &m, out->winner, 0, 0.5f,
                             &out->measures));
    TRY(fmgcam_measure_overlap(context, &r, &overlap));
    TRY(fmgcam_measure_margin(context, &m, &margin));
    TRY(fmgcam_measure_region(context, &m, &region, out->contributions));
    TRY(fmgcam_fuse_layers(context, layers, 2, s->height, s->width, &fused));
}

static void draw(fmgcam_context *context, const scene *s, results *out)
{
    const fmgcam_step step = {FMGCAM_STEP_RESIZE, 0, 32, 0, 0, 0};
    const fmgcam_buffer resampled = {out->resampled, sizeof out->resampled};
    const fmgcam_image heatmap = {out->heatmap, WIDTH * 3, WIDTH, HEIGHT, 0, 0};
    const fmgcam_image overlay = {out->overlay, WIDTH * 3, WIDTH, HEIGHT, 0, 0};
    fmgcam_tensor n, m;
    const fmgcam_layers layers = {.struct_size = sizeof layers,
                                  .maps = &n,
                                  .signed_maps = &m,
                                  .geometry = &out->geometry};

    fmgcam_tensor_maps(&n, out->maps, K, s->height, s->width);
    fmgcam_tensor_maps(&m, out->signed_maps, K, s->height, s->width);
    out->geometry.struct_size = sizeof out->geometry;
    TRY(fmgcam_find_geometry(context, WIDTH, HEIGHT, &step, 1, &out->geometry));
    memset(out->overlay, 120, sizeof out->overlay);
    TRY(fmgcam_draw_heatmap(context, &layers, &heatmap));
    TRY(fmgcam_draw_overlay(context, &layers, &overlay, &overlay));
    TRY(fmgcam_resample_maps(context, &m, HEIGHT, WIDTH, &resampled));
}

/* The functions without a context. */
static void ask(const scene *s, results *out)
{
    const fmgcam_context *context = NULL;
    const int64_t grid[2] = {s->height, s->width};
    fmgcam_options options;
    fmgcam_tensor tokens, slice;

    TRY(fmgcam_options_init(&options, sizeof options));
    TRY(fmgcam_palette_color(FMGCAM_PALETTE_TOL, s->number, out->colors[0]));
    TRY(fmgcam_map_color(FMGCAM_COLOR_MAP_TURBO, 0.3f, out->colors[1]));
    TRY(fmgcam_tensor_tokens(&tokens, s->activations, FMGCAM_DTYPE_FLOAT32, 1,
                             s->height * s->width + 1, 2, 1, grid, 2));
    TRY(fmgcam_tensor_slice(&slice, &tokens, 0));
    if (fmgcam_version() != FMGCAM_VERSION || !fmgcam_build_info()[0] ||
        !fmgcam_status_string(FMGCAM_STATUS_LIMIT)[0] ||
        !fmgcam_error_detail(NULL)[0] || slice.rank != 3)
        TRY(FMGCAM_STATUS_ARGUMENT);
}

static void use_scene(fmgcam_context *context, const scene *s, results *out)
{
    const fmgcam_options options = {
        .struct_size = sizeof options,
        .method = 1 + s->number % FMGCAM_METHOD_CONTRASTIVE,
        .activation = 1 + s->number % 4,
        .arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE,
        .fuse_at = 1 + s->number % 2,
        .resample = 1 + s->number % 3,
        .palette = 1 + s->number % 3};
    fmgcam_options in_force = {.struct_size = sizeof in_force};
    void (*const parts[])(fmgcam_context *, const scene *, results *) = {
        make_maps, explain, choose, measure, draw};

    memset(out, 0, sizeof *out);
    TRY(fmgcam_set_options(context, &options));
    TRY(fmgcam_get_options(context, &in_force));
    for (size_t i = 0; i < COUNT_OF(parts) && !out->first_failure; i++)
        parts[i](context, s, out);
    if (!out->first_failure)
        ask(s, out);
}

static void expect_alone(const scene *s, const results *got)
{
    static results want;
    fmgcam_context *context;

    if (got->first_failure)
        fail_msg("scene %u, line %d: %s", s->number, got->failed_line,
                 got->failure);
    assert_int_equal(fmgcam_create(NULL, &context, NULL, 0), FMGCAM_STATUS_OK);
    use_scene(context, s, &want);
    fmgcam_destroy(context);
    assert_int_equal(want.first_failure, FMGCAM_STATUS_OK);
    assert_memory_equal(got, &want, sizeof want);
}

/* ---- Threads that begin together ------------------------------------------ */

typedef struct worker {
    pthread_t id;
    pthread_barrier_t *start;
    void (*work)(struct worker *);
    scene scene;
    results results;
    fmgcam_status status;
    fmgcam_context *context; /* where they share one */
    uint32_t messages;
    bool right;
} worker;

static worker workers[THREADS];

static void *run_worker(void *opaque)
{
    worker *w = opaque;

    pthread_barrier_wait(w->start);
    w->work(w);
    return NULL;
}

static void run_workers(void (*work)(worker *))
{
    pthread_barrier_t start;

    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (uint32_t i = 0; i < THREADS; i++) {
        scene_init(&workers[i].scene, i);
        workers[i].start = &start;
        workers[i].work = work;
        workers[i].right = false;
        workers[i].messages = 0;
        assert_int_equal(
            pthread_create(&workers[i].id, NULL, run_worker, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        pthread_join(workers[i].id, NULL);
    pthread_barrier_destroy(&start);
}

static void work_alone(worker *w)
{
    fmgcam_context *context;

    w->results.first_failure = fmgcam_create(NULL, &context, NULL, 0);
    if (w->results.first_failure)
        return;
    use_scene(context, &w->scene, &w->results);
    fmgcam_destroy(context);
}

/* Nothing has been called before: what the library finds out about the CPU it
 * finds out here, in all threads at once. Must be the first test. */
static void test_the_first_calls_of_all_threads(void **state)
{
    (void)state;
    run_workers(work_alone);
    for (uint32_t i = 0; i < THREADS; i++)
        expect_alone(&workers[i].scene, &workers[i].results);
}

/* ---- A context a thread --------------------------------------------------- */

static void count_message(void *opaque, uint32_t level, const char *message)
{
    worker *w = opaque;

    w->messages += level == FMGCAM_LOG_INFO && message[0];
}

/* With memory of its own, reserved, and a log of its own. */
static void work_reserved(worker *w)
{
    const fmgcam_limits limits = {.struct_size = sizeof limits,
                                  .classes = SCORES,
                                  .channels = C,
                                  .map_height = MOST_SIDE,
                                  .map_width = MOST_SIDE,
                                  .picture_height = HEIGHT,
                                  .picture_width = WIDTH,
                                  .batch = 2,
                                  .tracked_scores = SCORES,
                                  .smoothed_classes = K};
    strict_heap heap = {0};
    const fmgcam_allocator allocator = strict_allocator(&heap);
    fmgcam_context *context;
    size_t size = 0;

    w->results.first_failure = fmgcam_create(&allocator, &context, NULL, 0);
    if (w->results.first_failure)
        return;
    results *out = &w->results;
    bool right =
        keep_status(out, context, fmgcam_set_log(context, count_message, w),
                    __LINE__) &&
        keep_status(out, context,
                    fmgcam_workspace_size(context, &limits, &size), __LINE__) &&
        keep_status(out, context, fmgcam_reserve(context, &limits), __LINE__);
    const size_t requests = heap.requests;
    for (int round = 0; round < 5 && right && !out->first_failure; round++)
        use_scene(context, &w->scene, out);
    w->right = heap.requests == requests;
    fmgcam_destroy(context);
    w->right &= heap.live == 0;
}

static void test_a_context_for_each_thread(void **state)
{
    (void)state;
    run_workers(work_reserved);
    for (uint32_t i = 0; i < THREADS; i++) {
        expect_alone(&workers[i].scene, &workers[i].results);
        assert_true(workers[i].right);
        assert_true(workers[i].messages > 0);
    }
}

/* Half of the threads fail, each with a text of its own; it stays so. */
static void work_with_errors(worker *w)
{
    fmgcam_context *context;
    char want[100], got[100];

    w->right = fmgcam_create(NULL, &context, NULL, 0) == FMGCAM_STATUS_OK;
    if (!w->right)
        return;
    snprintf(want, sizeof want, "options.method: %u,", 100 + w->scene.number);
    for (int round = 0; round < 50; round++) {
        const fmgcam_options bad = {.struct_size = sizeof bad,
                                    .method = 100 + w->scene.number};
        const bool fails = w->scene.number % 2 == 0;
        fmgcam_set_options(context, fails ? &bad : NULL);
        fmgcam_copy_error_detail(context, got, sizeof got);
        w->right &= fails ? strncmp(got, want, strlen(want)) == 0 : !got[0];
        w->right &= strcmp(got, fmgcam_error_detail(context)) == 0;
    }
    fmgcam_destroy(context);
}

static void test_each_context_keeps_its_error(void **state)
{
    (void)state;
    run_workers(work_with_errors);
    for (uint32_t i = 0; i < THREADS; i++)
        assert_true(workers[i].right);
}

/* ---- A context that goes from hand to hand -------------------------------- */

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void work_in_turn(worker *w)
{
    pthread_mutex_lock(&turn);
    use_scene(w->context, &w->scene, &w->results);
    pthread_mutex_unlock(&turn);
}

static void test_a_context_may_change_threads(void **state)
{
    fmgcam_context *context;

    (void)state;
    assert_int_equal(fmgcam_create(NULL, &context, NULL, 0), FMGCAM_STATUS_OK);
    for (uint32_t i = 0; i < THREADS; i++)
        workers[i].context = context;
    run_workers(work_in_turn);
    fmgcam_destroy(context);
    for (uint32_t i = 0; i < THREADS; i++)
        expect_alone(&workers[i].scene, &workers[i].results);
}

/* ---- Runners --------------------------------------------------------------- */

static void work_with_runner(worker *w)
{
    runner_log log = {.workers = WORKERS};
    fmgcam_context *context;

    w->results.first_failure = fmgcam_create(NULL, &context, NULL, 0);
    if (w->results.first_failure)
        return;
    if (keep_status(&w->results, context,
                    fmgcam_set_runner(context, run_on_threads, &log, WORKERS),
                    __LINE__))
        use_scene(context, &w->scene, &w->results);
    w->right = log.calls > 0 && log.largest_count > 1;
    fmgcam_destroy(context);
}

static void test_contexts_with_runners_on_threads(void **state)
{
    (void)state;
    run_workers(work_with_runner);
    for (uint32_t i = 0; i < THREADS; i++) {
        expect_alone(&workers[i].scene, &workers[i].results);
        assert_true(workers[i].right);
    }
}

/* ---- BLAS ------------------------------------------------------------------ */

static void work_with_blas(worker *w)
{
    const fmgcam_options options = {.struct_size = sizeof options,
                                    .arithmetic = FMGCAM_ARITHMETIC_BLAS};
    const scene *s = &w->scene;
    fmgcam_tensor a, weights;
    fmgcam_context *context;

    fmgcam_tensor_nchw(&a, s->activations, FMGCAM_DTYPE_FLOAT32, 1, C,
                       s->height, s->width);
    fmgcam_tensor_matrix(&weights, s->classifier, FMGCAM_DTYPE_FLOAT32, K, C);
    const fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .weights = &weights};
    fmgcam_outputs out = {
        .struct_size = sizeof out,
        .signed_maps = {w->results.signed_maps, sizeof w->results.signed_maps}};
    w->status = fmgcam_create(NULL, &context, NULL, 0);
    if (w->status)
        return;
    w->status = fmgcam_set_options(context, &options);
    for (int round = 0; round < 20 && !w->status; round++)
        w->status = fmgcam_explain(context, &in, &out);
    fmgcam_destroy(context);
}

/* Its bits may differ from call to call; its errors are bounded. */
static void expect_products(const scene *s, const float *got)
{
    const size_t cells = (size_t)s->height * s->width;
    double want[K * MOST_CELLS] = {0}, bound[K * MOST_CELLS] = {0};

    for (size_t k = 0; k < K; k++)
        for (size_t c = 0; c < C; c++)
            for (size_t i = 0; i < cells; i++) {
                const double term = (double)s->classifier[k * C + c] *
                                    (double)s->activations[c * cells + i];
                want[k * cells + i] += term;
                bound[k * cells + i] +=
                    float_gamma(C) * (term < 0 ? -term : term);
            }
    expect_within("signed_maps", got, want, bound, K * cells);
}

static void test_blas_in_all_threads(void **state)
{
    (void)state;
    run_workers(work_with_blas);
    if (workers[0].status == FMGCAM_STATUS_UNSUPPORTED)
        skip();
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(workers[i].status, FMGCAM_STATUS_OK);
        expect_products(&workers[i].scene, workers[i].results.signed_maps);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_calls_of_all_threads),
        cmocka_unit_test(test_a_context_for_each_thread),
        cmocka_unit_test(test_each_context_keeps_its_error),
        cmocka_unit_test(test_a_context_may_change_threads),
        cmocka_unit_test(test_contexts_with_runners_on_threads),
        cmocka_unit_test(test_blas_in_all_threads),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
