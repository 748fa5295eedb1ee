/* SPDX-License-Identifier: MIT */
/*
 * The core library and hooks that fail: every public function with a context, as
 * every method and option has it do its work, with each of its allocations
 * failing in turn, and under every kind of broken runner. What fails says so,
 * leaves the context usable, and the same call then gives the same bits.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

enum {
    K = 3,
    C = 64,
    SIDE = 14,
    CELLS = SIDE * SIDE,
    STACK = K * CELLS,
    SCORES = 20,
    WIDTH = 150,
    HEIGHT = 130,
    WORKERS = 3,
    PICTURES = 4
};

/* ---- What is worked on --------------------------------------------------- */

typedef struct scene {
    float activations[C * CELLS], gradients[K * C * CELLS];
    uint16_t halves[K * C * CELLS];
    float classifier[SCORES * C], scores[SCORES], probabilities[K];
    float maps[STACK];
    uint8_t picture[WIDTH * HEIGHT * 3];
    fmgcam_tensor a, g, g_half, w, y, p, m;
    fmgcam_inputs by_gradients, by_halves, by_weights, by_classifier,
        by_nothing;
} scene;

/* All that a call may write. */
typedef struct results {
    float weights[K * C], signed_maps[STACK], class_maps[STACK];
    float filtered[STACK], normalized[STACK], maps[STACK], margin[CELLS];
    int32_t winner[CELLS];
    uint32_t flat;
    float batch[PICTURES][STACK];
    float read[K * C * CELLS], resampled[K * WIDTH * HEIGHT];
    uint8_t pixels[WIDTH * HEIGHT * 3];
    uint32_t classes[SCORES], slots[SCORES], count;
    float likely[SCORES], overlap[K * K];
    double contributions[K];
    fmgcam_geometry geometry;
    fmgcam_head_check head;
    fmgcam_class_measures measures;
    fmgcam_options options;
    size_t bytes;
} results;

static scene *the_scene(void)
{
    static scene s;
    static bool is_made;
    rng r;

    if (is_made)
        return &s;
    is_made = true;
    rng_init(&r, 9000);
    rng_fill(&r, s.activations, COUNT_OF(s.activations), -1, 1);
    rng_fill(&r, s.gradients, COUNT_OF(s.gradients), -1, 1);
    rng_fill(&r, s.classifier, COUNT_OF(s.classifier), -1, 1);
    rng_fill(&r, s.scores, COUNT_OF(s.scores), -3, 3);
    rng_fill(&r, s.probabilities, COUNT_OF(s.probabilities), 0, 1);
    rng_fill(&r, s.maps, COUNT_OF(s.maps), -1, 1);
    for (size_t i = 0; i < COUNT_OF(s.halves); i++)
        s.halves[i] = half_from_float(s.gradients[i]);
    for (size_t i = 0; i < COUNT_OF(s.picture); i++)
        s.picture[i] = (uint8_t)rng_below(&r, 256);
    fmgcam_tensor_nchw(&s.a, s.activations, FMGCAM_DTYPE_FLOAT32, 1, C, SIDE,
                       SIDE);
    fmgcam_tensor_nchw(&s.g, s.gradients, FMGCAM_DTYPE_FLOAT32, K, C, SIDE,
                       SIDE);
    fmgcam_tensor_nhwc(&s.g_half, s.halves, FMGCAM_DTYPE_FLOAT16, K, C, SIDE,
                       SIDE);
    fmgcam_tensor_matrix(&s.w, s.classifier, FMGCAM_DTYPE_FLOAT32, SCORES, C);
    fmgcam_tensor_vector(&s.y, s.scores, FMGCAM_DTYPE_FLOAT32, SCORES);
    fmgcam_tensor_vector(&s.p, s.probabilities, FMGCAM_DTYPE_FLOAT32, K);
    fmgcam_tensor_maps(&s.m, s.maps, K, SIDE, SIDE);
    static fmgcam_tensor few;
    static const uint32_t classes[K] = {7, 0, 19};
    fmgcam_tensor_matrix(&few, s.classifier, FMGCAM_DTYPE_FLOAT32, K, C);
    s.by_nothing = (fmgcam_inputs){.struct_size = sizeof s.by_nothing,
                                   .activations = &s.a};
    s.by_gradients = s.by_halves = s.by_weights = s.by_classifier =
        s.by_nothing;
    s.by_gradients.gradients = &s.g;
    s.by_halves.gradients = &s.g_half;
    s.by_weights.weights = &few;
    s.by_classifier.classifier = &s.w;
    s.by_classifier.scores = &s.y;
    s.by_classifier.classes = classes;
    s.by_classifier.class_count = K;
    return &s;
}

/* ---- The calls ----------------------------------------------------------- */

typedef fmgcam_status call(fmgcam_context *context, scene *s, results *out);

static fmgcam_outputs all_outputs(results *out)
{
    return (fmgcam_outputs){
        .struct_size = sizeof(fmgcam_outputs),
        .weights = {out->weights, sizeof out->weights},
        .signed_maps = {out->signed_maps, sizeof out->signed_maps},
        .class_maps = {out->class_maps, sizeof out->class_maps},
        .winner = {out->winner, sizeof out->winner},
        .filtered_maps = {out->filtered, sizeof out->filtered},
        .normalized_maps = {out->normalized, sizeof out->normalized},
        .maps = {out->maps, sizeof out->maps},
        .margin = {out->margin, sizeof out->margin}};
}

/* Methods that need no weights have none. */
static fmgcam_status explain(fmgcam_context *context,
                             const fmgcam_inputs *inputs, results *out)
{
    fmgcam_options options = {.struct_size = sizeof options};
    fmgcam_outputs outputs = all_outputs(out);
    fmgcam_status status = fmgcam_get_options(context, &options);

    if (status)
        return status;
    if (options.method != FMGCAM_METHOD_GRAD_CAM)
        outputs.weights.data = NULL;
    return fmgcam_explain(context, inputs, &outputs);
}

static fmgcam_status by_gradients(fmgcam_context *context, scene *s,
                                  results *out)
{
    return explain(context, &s->by_gradients, out);
}

static fmgcam_status by_halves(fmgcam_context *context, scene *s, results *out)
{
    return explain(context, &s->by_halves, out);
}

static fmgcam_status by_weights(fmgcam_context *context, scene *s, results *out)
{
    return explain(context, &s->by_weights, out);
}

static fmgcam_status by_classifier(fmgcam_context *context, scene *s,
                                   results *out)
{
    return explain(context, &s->by_classifier, out);
}

static fmgcam_status by_nothing(fmgcam_context *context, scene *s, results *out)
{
    return explain(context, &s->by_nothing, out);
}

static fmgcam_status only_maps(fmgcam_context *context, scene *s, results *out)
{
    fmgcam_outputs outputs = {.struct_size = sizeof outputs,
                              .maps = {out->maps, sizeof out->maps}};

    return fmgcam_explain(context, &s->by_gradients, &outputs);
}

static fmgcam_status batch(fmgcam_context *context, scene *s, results *out)
{
    fmgcam_outputs outputs[PICTURES];
    const fmgcam_inputs *ins[PICTURES];
    fmgcam_outputs *outs[PICTURES];
    fmgcam_status statuses[PICTURES];

    for (int i = 0; i < PICTURES; i++) {
        outputs[i] =
            (fmgcam_outputs){.struct_size = sizeof *outputs,
                             .maps = {out->batch[i], sizeof out->batch[i]}};
        ins[i] = i % 2 ? &s->by_halves : &s->by_gradients;
        outs[i] = &outputs[i];
    }
    fmgcam_status status =
        fmgcam_explain_batch(context, ins, outs, PICTURES, statuses);
    for (int i = 0; i < PICTURES; i++)
        assert_int_equal(statuses[i], status);
    return status;
}

static fmgcam_status signal_of_cells(fmgcam_context *context, scene *s,
                                     results *out)
{
    fmgcam_inputs inputs = s->by_gradients;
    fmgcam_tensor a = s->a, g = s->g;

    a.rank = 3;
    a.shape[2] = CELLS;
    a.strides[2] = 1;
    g.rank = 3;
    g.shape[2] = CELLS;
    g.strides[2] = 1;
    inputs.activations = &a;
    inputs.gradients = &g;
    return explain(context, &inputs, out);
}

static fmgcam_status volume_of_cells(fmgcam_context *context, scene *s,
                                     results *out)
{
    fmgcam_inputs inputs = s->by_gradients;
    fmgcam_tensor a = s->a, g = s->g;

    for (fmgcam_tensor *t = &a; t; t = t == &a ? &g : NULL) {
        t->rank = 5;
        t->shape[4] = SIDE;
        t->strides[4] = 1;
        t->shape[3] = SIDE / 2;
        t->strides[3] = SIDE;
        t->shape[2] = 2;
        t->strides[2] = CELLS / 2;
    }
    inputs.activations = &a;
    inputs.gradients = &g;
    return explain(context, &inputs, out);
}

static fmgcam_status pool(fmgcam_context *context, scene *s, results *out)
{
    const fmgcam_buffer weights = {out->weights, sizeof out->weights};
    return fmgcam_pool_gradients(context, &s->g_half, &weights);
}

static fmgcam_status combine(fmgcam_context *context, scene *s, results *out)
{
    const fmgcam_buffer maps = {out->signed_maps, sizeof out->signed_maps};
    return fmgcam_combine_channels(context, s->by_weights.weights, &s->a,
                                   &maps);
}

static fmgcam_status activate(fmgcam_context *context, scene *s, results *out)
{
    const fmgcam_buffer maps = {out->class_maps, sizeof out->class_maps};
    return fmgcam_activate_maps(context, &s->m, &maps);
}

static fmgcam_status filter(fmgcam_context *context, scene *s, results *out)
{
    const fmgcam_buffer maps = {out->filtered, sizeof out->filtered};
    const fmgcam_buffer winner = {out->winner, sizeof out->winner};
    return fmgcam_filter_maps(context, &s->m, &s->m, &maps, &winner);
}

static fmgcam_status normalize(fmgcam_context *context, scene *s, results *out)
{
    const fmgcam_buffer maps = {out->normalized, sizeof out->normalized};
    return fmgcam_normalize_maps(context, &s->m, &s->p, &maps);
}

static fmgcam_status rescale(fmgcam_context *context, scene *s, results *out)
{
    const fmgcam_buffer maps = {out->maps, sizeof out->maps};
    return fmgcam_rescale_maps(context, &s->m, &maps, &out->flat);
}

static fmgcam_status read_tensor(fmgcam_context *context, scene *s,
                                 results *out)
{
    const fmgcam_buffer values = {out->read, sizeof out->read};
    return fmgcam_read_tensor(context, &s->g_half, NULL, &values);
}

static fmgcam_status fuse_layers(fmgcam_context *context, scene *s,
                                 results *out)
{
    const fmgcam_buffer fused = {out->resampled, sizeof out->resampled};
    fmgcam_tensor half = s->m;
    const fmgcam_tensor *const layers[2] = {&s->m, &half};

    half.shape[2] /= 2;
    return fmgcam_fuse_layers(context, layers, 2, SIDE, SIDE, &fused);
}

static fmgcam_status find_geometry(fmgcam_context *context, scene *s,
                                   results *out)
{
    const fmgcam_step step = {FMGCAM_STEP_RESIZE, 0, 32, 0, 0, 0};

    (void)s;
    out->geometry.struct_size = sizeof out->geometry;
    return fmgcam_find_geometry(context, WIDTH, HEIGHT, &step, 1,
                                &out->geometry);
}

static fmgcam_layers layers_of(scene *s, results *out)
{
    return (fmgcam_layers){
        .struct_size = sizeof(fmgcam_layers),
        .maps = &s->m,
        .signed_maps = &s->m,
        .probabilities = &s->p,
        .geometry = out->geometry.struct_size ? &out->geometry : NULL};
}

static fmgcam_status draw_heatmap(fmgcam_context *context, scene *s,
                                  results *out)
{
    const fmgcam_image to = {out->pixels, WIDTH * 3, WIDTH, HEIGHT, 0, 0};
    const fmgcam_layers layers = layers_of(s, out);

    return fmgcam_draw_heatmap(context, &layers, &to);
}

static fmgcam_status draw_overlay(fmgcam_context *context, scene *s,
                                  results *out)
{
    const fmgcam_image from = {s->picture, WIDTH * 3, WIDTH, HEIGHT, 0, 0};
    fmgcam_image to = from;

    to.data = out->pixels;
    fmgcam_status status = find_geometry(context, s, out);
    if (status)
        return status;
    const fmgcam_layers layers = layers_of(s, out);
    return fmgcam_draw_overlay(context, &layers, &from, &to);
}

static fmgcam_status resample(fmgcam_context *context, scene *s, results *out)
{
    const fmgcam_buffer maps = {out->resampled, sizeof out->resampled};
    return fmgcam_resample_maps(context, &s->m, HEIGHT, WIDTH, &maps);
}

static fmgcam_status choose(fmgcam_context *context, scene *s, results *out)
{
    const fmgcam_buffer classes = {out->classes, sizeof out->classes};
    const fmgcam_buffer likely = {out->likely, sizeof out->likely};
    const fmgcam_choice choice = {.struct_size = sizeof choice,
                                  .rule = FMGCAM_CHOICE_MASS,
                                  .threshold = 0.9f};

    return fmgcam_choose_classes(context, &choice, &s->y, &classes, &likely,
                                 &out->count);
}

static fmgcam_status track(fmgcam_context *context, scene *s, results *out)
{
    const fmgcam_buffer classes = {out->classes, sizeof out->classes};
    const fmgcam_buffer likely = {out->likely, sizeof out->likely};
    const fmgcam_buffer slots = {out->slots, sizeof out->slots};

    return fmgcam_track_classes(context, NULL, &s->y, &classes, &likely, &slots,
                                &out->count);
}

static fmgcam_status smooth(fmgcam_context *context, scene *s, results *out)
{
    static const uint32_t classes[K] = {4, 1, 9};
    const fmgcam_buffer maps = {out->maps, sizeof out->maps};

    return fmgcam_smooth_maps(context, NULL, &s->m, classes, &maps);
}

static fmgcam_status check_head(fmgcam_context *context, scene *s, results *out)
{
    out->head.struct_size = sizeof out->head;
    return fmgcam_check_head(context, &s->by_classifier, 0, &out->head);
}

static fmgcam_status measure_class(fmgcam_context *context, scene *s,
                                   results *out)
{
    out->measures.struct_size = sizeof out->measures;
    return fmgcam_measure_class(context, &s->m, &s->m, NULL, 1, 0.5f,
                                &out->measures);
}

static fmgcam_status measure_overlap(fmgcam_context *context, scene *s,
                                     results *out)
{
    const fmgcam_buffer overlap = {out->overlap, sizeof out->overlap};
    return fmgcam_measure_overlap(context, &s->m, &overlap);
}

static fmgcam_status measure_margin(fmgcam_context *context, scene *s,
                                    results *out)
{
    const fmgcam_buffer margin = {out->margin, sizeof out->margin};
    return fmgcam_measure_margin(context, &s->m, &margin);
}

static fmgcam_status measure_region(fmgcam_context *context, scene *s,
                                    results *out)
{
    fmgcam_tensor region;

    fmgcam_tensor_matrix(&region, s->maps, FMGCAM_DTYPE_FLOAT32, SIDE, SIDE);
    return fmgcam_measure_region(context, &s->m, &region, out->contributions);
}

static fmgcam_limits largest(void)
{
    return (fmgcam_limits){.struct_size = sizeof(fmgcam_limits),
                           .classes = SCORES,
                           .channels = C,
                           .map_height = SIDE,
                           .map_width = SIDE,
                           .picture_height = HEIGHT,
                           .picture_width = WIDTH,
                           .workers = WORKERS,
                           .flags = FMGCAM_LIMIT_EIGEN,
                           .map_depth = 2,
                           .batch = PICTURES,
                           .tracked_scores = SCORES,
                           .smoothed_classes = K};
}

static fmgcam_status reserve(fmgcam_context *context, scene *s, results *out)
{
    const fmgcam_limits limits = largest();

    (void)s;
    (void)out;
    return fmgcam_reserve(context, &limits);
}

static fmgcam_status workspace_size(fmgcam_context *context, scene *s,
                                    results *out)
{
    const fmgcam_limits limits = largest();

    (void)s;
    return fmgcam_workspace_size(context, &limits, &out->bytes);
}

static fmgcam_status get_options(fmgcam_context *context, scene *s,
                                 results *out)
{
    (void)s;
    out->options.struct_size = sizeof out->options;
    return fmgcam_get_options(context, &out->options);
}

static fmgcam_status restart(fmgcam_context *context, scene *s, results *out)
{
    (void)s;
    (void)out;
    return fmgcam_restart(context);
}

/* ---- Each with what it allocates and shares out differently for ---------- */

typedef struct variant {
    const char *name;
    call *run;
    fmgcam_options options;
    size_t allocations; /* where nothing is reserved */
    bool is_shared_out; /* large enough for a runner here */
} variant;

#define METHOD(name_)                                                          \
 {                                                                             \
  .method = FMGCAM_METHOD_##name_                                              \
 }

static const variant variants[] = {
    {"grad-cam", by_gradients, {0}, 1, true},
    {"grad-cam++", by_gradients, METHOD(GRAD_CAM_PLUS_PLUS), 1, true},
    {"stable", by_gradients, METHOD(GRAD_CAM_PLUS_PLUS_STABLE), 1, true},
    {"xgrad-cam", by_gradients, METHOD(XGRAD_CAM), 1, true},
    {"layer-cam", by_gradients, METHOD(LAYER_CAM), 1, true},
    {"hires-cam", by_gradients, METHOD(HIRES_CAM), 1, true},
    {"element-wise", by_gradients, METHOD(ELEMENT_WISE), 1, true},
    {"contrastive", by_gradients, METHOD(CONTRASTIVE), 1, true},
    {"eigen-cam", by_nothing, METHOD(EIGEN_CAM), 1, false},
    {"eigen-grad-cam", by_gradients, METHOD(EIGEN_GRAD_CAM), 1, false},
    {"fem", by_nothing, METHOD(FEM), 1, true},
    {"halves", by_halves, {0}, 1, true},
    {"weights", by_weights, {0}, 1, true},
    {"classifier", by_classifier, {.target = FMGCAM_TARGET_SOFTMAX}, 1, true},
    {"released", by_gradients, {.profile = FMGCAM_PROFILE_RELEASED}, 1, true},
    {"skip", by_gradients, {.non_finite = FMGCAM_NON_FINITE_SKIP}, 1, true},
    {"signal", signal_of_cells, {.spatial_axes = 1}, 1, true},
    {"volume", volume_of_cells, {.spatial_axes = 3}, 1, true},
    {"maps alone", only_maps, {0}, 1, true},
    {"batch", batch, {0}, 1, true},
    {"eigen batch", batch, METHOD(EIGEN_GRAD_CAM), 1, true},
    {"pool", pool, {0}, 1, true},
    {"combine", combine, {0}, 1, true},
    {"activate", activate, {0}, 0, false},
    {"filter", filter, {0}, 1, false},
    {"normalize", normalize, {0}, 0, false},
    {"by probability",
     normalize,
     {.normalize = FMGCAM_NORMALIZE_PROBABILITY},
     0,
     false},
    {"rescale", rescale, {0}, 0, false},
    {"read", read_tensor, {0}, 0, false},
    {"fuse layers", fuse_layers, {0}, 1, true},
    {"geometry", find_geometry, {0}, 0, false},
    {"heatmap", draw_heatmap, {0}, 1, true},
    {"heatmap, nearest",
     draw_heatmap,
     {.resample = FMGCAM_RESAMPLE_NEAREST},
     1,
     true},
    {"overlay", draw_overlay, {0}, 1, true},
    {"overlay, fused at the picture",
     draw_overlay,
     {.fuse_at = FMGCAM_FUSE_AT_IMAGE},
     1,
     true},
    {"resample", resample, {0}, 1, true},
    {"choose", choose, {0}, 0, false},
    {"track", track, {0}, 1, false},
    {"smooth", smooth, {0}, 1, false},
    {"head", check_head, {0}, 1, false},
    {"measure", measure_class, {0}, 0, false},
    {"overlap", measure_overlap, {0}, 0, false},
    {"margin", measure_margin, {0}, 1, false},
    {"region", measure_region, {0}, 0, false},
    {"reserve", reserve, {0}, 3, false},
    {"size", workspace_size, {0}, 0, false},
    {"options", get_options, {0}, 0, false},
    {"restart", restart, {0}, 0, false},
};

/* ---- Contexts ------------------------------------------------------------ */

typedef struct log_of_errors {
    uint32_t count;
    char last[600];
} log_of_errors;

static void keep_error(void *opaque, uint32_t level, const char *message)
{
    log_of_errors *log = opaque;

    if (level != FMGCAM_LOG_ERROR)
        return;
    log->count++;
    snprintf(log->last, sizeof log->last, "%s", message);
}

static fmgcam_context *create(strict_heap *heap, const variant *v)
{
    const fmgcam_allocator allocator = strict_allocator(heap);
    fmgcam_options options = v->options;
    fmgcam_context *context;

    assert_int_equal(fmgcam_create(&allocator, &context, NULL, 0), 0);
    use_options(context, options);
    return context;
}

static void destroy(fmgcam_context *context, const strict_heap *heap)
{
    fmgcam_destroy(context);
    assert_int_equal(heap->live, 0);
}

static void use_runner(fmgcam_context *context, runner *run, runner_log *log)
{
    expect_ok(context,
              fmgcam_set_runner(context, run, log, run ? log->workers : 0));
}

static void run_well(fmgcam_context *context, const variant *v, results *out)
{
    memset(out, 0, sizeof *out);
    fmgcam_status status = v->run(context, the_scene(), out);
    if (status)
        print_error("%s\n", v->name);
    expect_ok(context, status);
}

static void expect_results(fmgcam_context *context, const variant *v,
                           const results *want)
{
    static results got;

    run_well(context, v, &got);
    if (memcmp(&got, want, sizeof got))
        fail_msg("%s: other bits than without a failure", v->name);
}

/* ---- Allocations --------------------------------------------------------- */

/* As many as the table says; under a runner the same. */
static void check_count(const variant *v, const strict_heap *heap,
                        size_t before)
{
    if (heap->requests - before != v->allocations)
        fail_msg("%s: %zu allocations", v->name, heap->requests - before);
}

static void fail_one(const variant *v, runner *run, size_t number,
                     const results *want)
{
    strict_heap heap = {0};
    runner_log log = {.workers = WORKERS};
    log_of_errors errors = {0};
    static results broken;
    fmgcam_context *context = create(&heap, v);

    use_runner(context, run, &log);
    expect_ok(context, fmgcam_set_log(context, keep_error, &errors));
    heap.fail_at = heap.requests + number;
    memset(&broken, 0, sizeof broken);
    fmgcam_status status = v->run(context, the_scene(), &broken);
    if (status != FMGCAM_STATUS_NO_MEMORY)
        print_error("%s, allocation %zu\n", v->name, number);
    expect_status(context, status, FMGCAM_STATUS_NO_MEMORY,
                  ": the allocator returned NULL for ");
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.last, fmgcam_error_detail(context));
    expect_results(context, v, want);
    destroy(context, &heap);
}

static size_t fail_each(const variant *v, runner *run)
{
    strict_heap heap = {0};
    runner_log log = {.workers = WORKERS};
    static results want;
    fmgcam_context *context = create(&heap, v);

    use_runner(context, run, &log);
    const size_t before = heap.requests;
    run_well(context, v, &want);
    check_count(v, &heap, before);
    destroy(context, &heap);
    for (size_t i = 1; i <= v->allocations; i++)
        fail_one(v, run, i, &want);
    return v->allocations;
}

static void test_each_allocation_fails(void **state)
{
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(variants); i++) {
        count += fail_each(&variants[i], NULL);
        count += fail_each(&variants[i], run_backwards);
    }
    print_message("%zu allocations failed\n", count);
}

/* From one call to the next: what the context held is lost or kept, as it may
 * be, but neither leaks nor is used. */
static void test_each_call_fails_after_each_other(void **state)
{
    static results want[COUNT_OF(variants)], broken;
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(variants); i++) {
        strict_heap heap = {0};
        fmgcam_context *context = create(&heap, &variants[i]);
        run_well(context, &variants[i], &want[i]);
        destroy(context, &heap);
    }
    for (size_t i = 0; i < COUNT_OF(variants); i++)
        for (size_t j = 0; j < COUNT_OF(variants); j++) {
            const variant *v = &variants[j];
            strict_heap heap = {0};
            if (variants[i].run == reserve || !v->allocations)
                continue;
            fmgcam_context *context = create(&heap, &variants[i]);
            run_well(context, &variants[i], &broken);
            expect_ok(context, fmgcam_restart(context));
            use_options(context, v->options);
            heap.fail_at = heap.requests + 1;
            fmgcam_status status = v->run(context, the_scene(), &broken);
            if (status)
                expect_status(context, status, FMGCAM_STATUS_NO_MEMORY, "");
            count += status != FMGCAM_STATUS_OK;
            if (status)
                expect_results(context, v, &want[j]);
            destroy(context, &heap);
        }
    print_message("%zu allocations failed\n", count);
}

/* ---- Frames -------------------------------------------------------------- */

/* A frame that fails for want of memory is left out: the next is as if it had
 * not been. */
static void test_a_frame_without_memory_is_left_out(void **state)
{
    static const variant plain = {"frames", smooth, {0}, 0, false};
    static results want, got;
    float first[2 * CELLS];
    const uint32_t classes[2] = {4, 1};
    const fmgcam_buffer to = {first, sizeof first};
    scene *s = the_scene();
    fmgcam_tensor two = s->m;

    (void)state;
    two.shape[0] = 2;
    for (int fails = 0; fails < 2; fails++) {
        strict_heap heap = {0};
        results *out = fails ? &got : &want;
        fmgcam_context *context = create(&heap, &plain);
        memset(out, 0, sizeof *out);
        expect_ok(context, track(context, s, out));
        expect_ok(context,
                  fmgcam_smooth_maps(context, NULL, &two, classes, &to));
        heap.fail_at = fails ? heap.requests + 1 : 0;
        if (fails) /* a third class needs room */
            expect_status(context, smooth(context, s, out),
                          FMGCAM_STATUS_NO_MEMORY, "frames");
        expect_ok(context, track(context, s, out));
        expect_ok(context, smooth(context, s, out));
        destroy(context, &heap);
    }
    assert_memory_equal(&got, &want, sizeof got);
}

/* ---- Runners ------------------------------------------------------------- */

static int32_t run_nothing(void *opaque, fmgcam_task_fn task, void *job,
                           uint32_t count)
{
    runner_log *log = opaque;

    (void)task;
    (void)job;
    (void)count;
    log->calls++;
    return 0;
}

static int32_t run_all_twice(void *opaque, fmgcam_task_fn task, void *job,
                             uint32_t count)
{
    run_serially(opaque, task, job, count);
    return run_serially(opaque, task, job, count);
}

static int32_t run_with_largest_worker(void *opaque, fmgcam_task_fn task,
                                       void *job, uint32_t count)
{
    runner_log *log = opaque;

    log->calls++;
    for (uint32_t i = 0; i < count; i++)
        task(job, i, UINT32_MAX);
    return 0;
}

static int32_t run_with_largest_index(void *opaque, fmgcam_task_fn task,
                                      void *job, uint32_t count)
{
    run_serially(opaque, task, job, count);
    task(job, UINT32_MAX, 0);
    return 0;
}

static int32_t run_returning_minimum(void *opaque, fmgcam_task_fn task,
                                     void *job, uint32_t count)
{
    run_serially(opaque, task, job, count);
    return INT32_MIN;
}

typedef struct errand {
    fmgcam_task_fn task;
    void *job;
    uint32_t count;
} errand;

static void *run_errand(void *opaque)
{
    const errand *e = opaque;

    for (uint32_t i = e->count; i-- > 0;)
        e->task(e->job, i, 1);
    return NULL;
}

/* A single thread that the library has never seen, and only worker 1. */
static int32_t run_elsewhere(void *opaque, fmgcam_task_fn task, void *job,
                             uint32_t count)
{
    runner_log *log = opaque;
    errand e = {task, job, count};
    pthread_t thread;

    log->calls++;
    if (pthread_create(&thread, NULL, run_errand, &e))
        return 1;
    return pthread_join(thread, NULL);
}

static const struct {
    const char *name;
    runner *run;
} good_runners[] = {{"serial", run_serially},
                    {"backwards", run_backwards},
                    {"shuffled", run_shuffled},
                    {"threads", run_on_threads},
                    {"elsewhere", run_elsewhere}},
  bad_runners[] = {{"failing", run_failing},
                   {"failing late", run_failing_late},
                   {"returning the least", run_returning_minimum},
                   {"foreign worker", run_foreign_worker},
                   {"largest worker", run_with_largest_worker},
                   {"foreign index", run_foreign_index},
                   {"largest index", run_with_largest_index},
                   {"all but one", run_all_but_one},
                   {"nothing", run_nothing},
                   {"all twice", run_all_twice},
                   {"one twice", run_one_twice}};

static void check_good_runner(const variant *v, size_t which,
                              const results *want)
{
    strict_heap heap = {0};
    runner_log log = {.workers = WORKERS};
    fmgcam_context *context = create(&heap, v);

    use_runner(context, good_runners[which].run, &log);
    expect_results(context, v, want);
    if ((log.calls > 0) != v->is_shared_out)
        fail_msg("%s: %u runs", v->name, log.calls);
    destroy(context, &heap);
}

static void check_bad_runner(const variant *v, size_t which,
                             const results *want)
{
    strict_heap heap = {0};
    runner_log log = {.workers = WORKERS};
    static results broken;
    fmgcam_context *context = create(&heap, v);

    use_runner(context, bad_runners[which].run, &log);
    memset(&broken, 0, sizeof broken);
    fmgcam_status status = v->run(context, the_scene(), &broken);
    if ((status == FMGCAM_STATUS_RUNNER) != v->is_shared_out)
        print_error("%s under the runner %s\n", v->name,
                    bad_runners[which].name);
    if (v->is_shared_out)
        expect_status(context, status, FMGCAM_STATUS_RUNNER, "runner: ");
    else
        expect_ok(context, status);
    expect_ok(context, fmgcam_restart(context));
    use_runner(context, run_backwards, &log);
    expect_results(context, v, want);
    destroy(context, &heap);
}

static void test_every_runner(void **state)
{
    static results want;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(variants); i++) {
        strict_heap heap = {0};
        const variant *v = &variants[i];
        fmgcam_context *context = create(&heap, v);
        run_well(context, v, &want);
        destroy(context, &heap);
        for (size_t j = 0; j < COUNT_OF(good_runners); j++)
            check_good_runner(v, j, &want);
        for (size_t j = 0; j < COUNT_OF(bad_runners); j++)
            check_bad_runner(v, j, &want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_each_call_fails_after_each_other),
        cmocka_unit_test(test_a_frame_without_memory_is_left_out),
        cmocka_unit_test(test_every_runner),
    };
    return cmocka_run_group_tests_name("faults-core", tests, NULL, NULL);
}
