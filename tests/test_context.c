/* SPDX-License-Identifier: MIT */
/* Lifetime, options, growing structs, workspace and limits, hooks, error
 * text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* A struct that ends in padding could hold garbage that a newer library
 * reads as members. */
#define NO_TAIL_PADDING(type, last)                                            \
 _Static_assert(sizeof(type) ==                                                \
                    offsetof(type, last) + sizeof(((type *)0)->last),          \
                #type " ends in padding")
NO_TAIL_PADDING(fmgcam_options, color_map);
NO_TAIL_PADDING(fmgcam_limits, smoothed_classes);
NO_TAIL_PADDING(fmgcam_inputs, scores_quantization);
NO_TAIL_PADDING(fmgcam_outputs, non_finite);
NO_TAIL_PADDING(fmgcam_layers, geometry);
NO_TAIL_PADDING(fmgcam_geometry, input_height);
NO_TAIL_PADDING(fmgcam_quantization, axis);
NO_TAIL_PADDING(fmgcam_choice, scores_quantization);
NO_TAIL_PADDING(fmgcam_tracking, scores_quantization);
NO_TAIL_PADDING(fmgcam_head_check, given);
NO_TAIL_PADDING(fmgcam_class_measures, positive_share);

/* ---- A small task that uses every function ------------------------------ */

enum { K = 3, C = 16, H = 7, W = 9, S = H * W, HEIGHT = 48, WIDTH = 64 };

typedef struct task {
    float a[C * S], g[K * C * S], w[K * C], scores[20];
    float weights[K * C], signed_maps[K * S], class_maps[K * S];
    float filtered[K * S], normalized[K * S], maps[K * S];
    float smoothed[(K + 1) * (H + 1) * (W + 1)];
    float resampled[(K + 1) * HEIGHT * WIDTH];
    int32_t winner[S];
    uint8_t picture[HEIGHT * WIDTH * 3], overlay[HEIGHT * WIDTH * 3];
    fmgcam_tensor at, gt, wt, mt, nt;
    fmgcam_inputs in;
    fmgcam_outputs out;
    fmgcam_layers layers;
    fmgcam_image from, to;
} task;

static void task_init(task *t)
{
    rng r;

    memset(t, 0, sizeof *t);
    rng_init(&r, 4000);
    rng_fill(&r, t->a, COUNT_OF(t->a), -1, 1);
    rng_fill(&r, t->g, COUNT_OF(t->g), -1, 1);
    rng_fill(&r, t->w, COUNT_OF(t->w), -1, 1);
    rng_fill(&r, t->scores, COUNT_OF(t->scores), -1, 1);
    fmgcam_tensor_nchw(&t->at, t->a, FMGCAM_DTYPE_FLOAT32, 1, C, H, W);
    fmgcam_tensor_nhwc(&t->gt, t->g, FMGCAM_DTYPE_FLOAT32, K, C, H, W);
    fmgcam_tensor_matrix(&t->wt, t->w, FMGCAM_DTYPE_FLOAT32, K, C);
    fmgcam_tensor_maps(&t->mt, t->signed_maps, K, H, W);
    fmgcam_tensor_maps(&t->nt, t->maps, K, H, W);
    t->in = (fmgcam_inputs){.struct_size = sizeof t->in,
                            .activations = &t->at,
                            .gradients = &t->gt};
    t->out = (fmgcam_outputs){
        .struct_size = sizeof t->out,
        .weights = {t->weights, sizeof t->weights},
        .signed_maps = {t->signed_maps, sizeof t->signed_maps},
        .class_maps = {t->class_maps, sizeof t->class_maps},
        .winner = {t->winner, sizeof t->winner},
        .filtered_maps = {t->filtered, sizeof t->filtered},
        .normalized_maps = {t->normalized, sizeof t->normalized},
        .maps = {t->maps, sizeof t->maps}};
    t->layers = (fmgcam_layers){
        .struct_size = sizeof t->layers, .maps = &t->nt, .signed_maps = &t->mt};
    t->from = (fmgcam_image){.data = t->picture,
                             .row_stride_bytes = WIDTH * 3,
                             .width = WIDTH,
                             .height = HEIGHT};
    t->to = t->from;
    t->to.data = t->overlay;
}

/* The public functions, each called once on the task. explain comes first, the
 * others use its results. */
typedef fmgcam_status step(fmgcam_context *context, task *t);

static fmgcam_status step_explain(fmgcam_context *context, task *t)
{
    return fmgcam_explain(context, &t->in, &t->out);
}

static fmgcam_status step_pool(fmgcam_context *context, task *t)
{
    return fmgcam_pool_gradients(context, &t->gt, &t->out.weights);
}

static fmgcam_status step_combine(fmgcam_context *context, task *t)
{
    return fmgcam_combine_channels(context, &t->wt, &t->at,
                                   &t->out.signed_maps);
}

static fmgcam_status step_activate(fmgcam_context *context, task *t)
{
    return fmgcam_activate_maps(context, &t->mt, &t->out.class_maps);
}

static fmgcam_status step_filter(fmgcam_context *context, task *t)
{
    return fmgcam_filter_maps(context, &t->mt, &t->mt, &t->out.filtered_maps,
                              &t->out.winner);
}

static fmgcam_status step_normalize(fmgcam_context *context, task *t)
{
    return fmgcam_normalize_maps(context, &t->mt, NULL,
                                 &t->out.normalized_maps);
}

static fmgcam_status step_rescale(fmgcam_context *context, task *t)
{
    return fmgcam_rescale_maps(context, &t->mt, &t->out.maps, NULL);
}

static fmgcam_status step_heatmap(fmgcam_context *context, task *t)
{
    return fmgcam_draw_heatmap(context, &t->layers, &t->to);
}

static fmgcam_status step_overlay(fmgcam_context *context, task *t)
{
    return fmgcam_draw_overlay(context, &t->layers, &t->from, &t->to);
}

static fmgcam_status step_resample(fmgcam_context *context, task *t)
{
    fmgcam_buffer out = {t->resampled, sizeof t->resampled};
    return fmgcam_resample_maps(context, &t->mt, HEIGHT, WIDTH, &out);
}

static fmgcam_status step_choose(fmgcam_context *context, task *t)
{
    uint32_t indices[5], count;
    fmgcam_tensor scores;
    fmgcam_buffer classes = buffer_of(indices, 5, sizeof *indices);

    fmgcam_tensor_vector(&scores, t->scores, FMGCAM_DTYPE_FLOAT32,
                         COUNT_OF(t->scores));
    return fmgcam_choose_classes(context, NULL, &scores, &classes, NULL,
                                 &count);
}

static fmgcam_status step_track(fmgcam_context *context, task *t)
{
    uint32_t indices[5], slot_numbers[5], count;
    fmgcam_tensor scores;
    fmgcam_buffer classes = buffer_of(indices, 5, sizeof *indices);
    fmgcam_buffer slots = buffer_of(slot_numbers, 5, sizeof *slot_numbers);

    fmgcam_tensor_vector(&scores, t->scores, FMGCAM_DTYPE_FLOAT32,
                         COUNT_OF(t->scores));
    return fmgcam_track_classes(context, NULL, &scores, &classes, NULL, &slots,
                                &count);
}

static fmgcam_status step_smooth(fmgcam_context *context, task *t)
{
    const uint32_t classes[K + 1] = {3, 1, 4, 2};
    fmgcam_buffer smoothed = {t->smoothed, sizeof t->smoothed};

    return fmgcam_smooth_maps(context, NULL, &t->mt, classes, &smoothed);
}

static const struct {
    const char *name;
    step *run;
} steps[] = {{"explain", step_explain}, {"pool", step_pool},
             {"combine", step_combine}, {"activate", step_activate},
             {"filter", step_filter},   {"normalize", step_normalize},
             {"rescale", step_rescale}, {"heatmap", step_heatmap},
             {"overlay", step_overlay}, {"resample", step_resample},
             {"choose", step_choose},   {"track", step_track},
             {"smooth", step_smooth}};

/* Every step under every way to compute it. */
static void run_all_steps(fmgcam_context *context, task *t)
{
    for (uint32_t option = 0; option < 3 * 2 * 2; option++) {
        fmgcam_options options = {.struct_size = sizeof options,
                                  .profile = 1 + option % 2,
                                  .fuse_at = 1 + option / 2 % 2,
                                  .arithmetic = 1 + option / 4,
                                  .resample = 1 + option % 3};
        fmgcam_status status = fmgcam_set_options(context, &options);
        if (status == FMGCAM_STATUS_UNSUPPORTED)
            continue; /* no BLAS */
        expect_ok(context, status);
        for (size_t i = 0; i < COUNT_OF(steps); i++) {
            status = steps[i].run(context, t);
            if (status)
                print_error("%s\n", steps[i].name);
            expect_ok(context, status);
        }
    }
}

static fmgcam_limits task_limits(void)
{
    return (fmgcam_limits){.struct_size = sizeof(fmgcam_limits),
                           .classes = K,
                           .channels = C,
                           .map_height = H,
                           .map_width = W,
                           .picture_height = HEIGHT,
                           .picture_width = WIDTH,
                           .tracked_scores = 20,
                           .smoothed_classes = K};
}

static void reserve(fmgcam_context *context, fmgcam_limits limits)
{
    expect_ok(context, fmgcam_reserve(context, &limits));
}

/* ---- Creating ----------------------------------------------------------- */

static void test_create_without_an_allocator(void **state)
{
    fmgcam_context *context = NULL;
    char error[10] = "unset";
    static task t;

    (void)state;
    assert_int_equal(fmgcam_create(NULL, &context, error, sizeof error),
                     FMGCAM_STATUS_OK);
    assert_non_null(context);
    assert_string_equal(error, "");
    assert_string_equal(fmgcam_error_detail(context), "");
    task_init(&t);
    run_all_steps(context, &t);
    fmgcam_destroy(context);
    fmgcam_destroy(NULL);
}

static void test_create_copies_the_allocator(void **state)
{
    strict_heap heap = {0};
    fmgcam_allocator allocator = strict_allocator(&heap);
    fmgcam_context *context;
    static task t;

    (void)state;
    assert_int_equal(fmgcam_create(&allocator, &context, NULL, 0), 0);
    memset(&allocator, 0, sizeof allocator);
    assert_true(heap.live > 0);
    task_init(&t);
    run_all_steps(context, &t);
    fmgcam_destroy(context);
    assert_int_equal(heap.live, 0);
}

static void test_create_wants_both_functions_or_neither(void **state)
{
    strict_heap heap = {0};
    fmgcam_context *context;
    char error[100];

    (void)state;
    for (int half = 0; half < 2; half++) {
        fmgcam_allocator allocator = strict_allocator(&heap);
        if (half)
            allocator.allocate = NULL;
        else
            allocator.release = NULL;
        context = (fmgcam_context *)&heap;
        error[0] = 0;
        assert_int_equal(
            fmgcam_create(&allocator, &context, error, sizeof error),
            FMGCAM_STATUS_ARGUMENT);
        assert_null(context);
        assert_non_null(strstr(error, "allocator"));
    }
    fmgcam_allocator none = {&heap, NULL, NULL};
    assert_int_equal(fmgcam_create(&none, &context, NULL, 0), 0);
    fmgcam_destroy(context);
    assert_int_equal(heap.requests, 0);
    assert_int_equal(fmgcam_create(NULL, NULL, error, sizeof error),
                     FMGCAM_STATUS_ARGUMENT);
    assert_non_null(strstr(error, "context"));
}

/* The buffer for create's own error: any size, always terminated. */
static void test_create_shortens_its_error(void **state)
{
    fmgcam_allocator half = strict_allocator(NULL);
    fmgcam_context *context;
    char whole[200], part[200];

    (void)state;
    half.release = NULL;
    assert_int_equal(fmgcam_create(&half, &context, whole, sizeof whole),
                     FMGCAM_STATUS_ARGUMENT);
    size_t length = strlen(whole);
    assert_true(length > 0 && length < sizeof whole);
    for (size_t size = 0; size <= length + 1; size++) {
        memset(part, '#', sizeof part);
        assert_int_equal(fmgcam_create(&half, &context, part, size),
                         FMGCAM_STATUS_ARGUMENT);
        if (size > 0) {
            assert_int_equal(strlen(part), size - 1);
            assert_memory_equal(part, whole, size - 1);
        }
        assert_int_equal(part[size], '#');
    }
    assert_int_equal(fmgcam_create(&half, &context, NULL, 0),
                     FMGCAM_STATUS_ARGUMENT);
}

static void test_create_survives_each_failing_allocation(void **state)
{
    size_t n = 0;
    fmgcam_status status;

    (void)state;
    do {
        strict_heap heap = {.fail_at = ++n};
        fmgcam_allocator allocator = strict_allocator(&heap);
        fmgcam_context *context = (fmgcam_context *)&heap;
        char error[100] = "";

        status = fmgcam_create(&allocator, &context, error, sizeof error);
        if (status == FMGCAM_STATUS_OK) {
            assert_string_equal(error, "");
            fmgcam_destroy(context);
        } else {
            assert_int_equal(status, FMGCAM_STATUS_NO_MEMORY);
            assert_null(context);
            assert_string_not_equal(error, "");
        }
        assert_int_equal(heap.live, 0);
    } while (status && n < 100);
    assert_in_range(n, 2, 99);
}

/* ---- Version and names -------------------------------------------------- */

static void test_every_status_has_a_name_of_its_own(void **state)
{
    const int32_t others[] = {-1, 11, 12, 1000, INT32_MAX, INT32_MIN};

    (void)state;
    for (int32_t i = FMGCAM_STATUS_OK; i <= FMGCAM_STATUS_RUNNER; i++) {
        const char *name = fmgcam_status_string(i);
        assert_non_null(name);
        assert_string_not_equal(name, "");
        assert_string_not_equal(name, "unknown status");
        for (int32_t j = 0; j < i; j++)
            assert_string_not_equal(name, fmgcam_status_string(j));
    }
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_string_equal(fmgcam_status_string(others[i]), "unknown status");
}

static void test_build_info_tells_the_version_in_one_line(void **state)
{
    const char *info = fmgcam_build_info();
    char version[40];

    (void)state;
    snprintf(version, sizeof version, "%d.%d.%d", FMGCAM_VERSION_MAJOR,
             FMGCAM_VERSION_MINOR, FMGCAM_VERSION_PATCH);
    assert_non_null(info);
    assert_non_null(strstr(info, version));
    assert_null(strchr(info, '\n'));
    assert_ptr_equal(info, fmgcam_build_info());
    assert_int_equal(fmgcam_version(), FMGCAM_VERSION);
}

/* ---- Options ------------------------------------------------------------ */

static void test_init_fills_options_with_zeros(void **state)
{
    fmgcam_options options, zero = {.struct_size = sizeof zero};
    uint8_t newer[sizeof options + 16];
    size_t size = sizeof newer - 8;

    (void)state;
    memset(&options, 0x77, sizeof options);
    assert_int_equal(fmgcam_options_init(&options, sizeof options), 0);
    assert_memory_equal(&options, &zero, sizeof options);

    /* A caller from the future has a larger struct. */
    memset(newer, 0x77, sizeof newer);
    assert_int_equal(fmgcam_options_init((fmgcam_options *)(void *)newer, size),
                     0);
    memcpy(&options, newer, sizeof options);
    zero.struct_size = size;
    assert_memory_equal(&options, &zero, sizeof options);
    for (size_t i = sizeof options; i < sizeof newer; i++)
        assert_int_equal(newer[i], i < size ? 0 : 0x77);

    assert_int_equal(fmgcam_options_init(NULL, sizeof options),
                     FMGCAM_STATUS_ARGUMENT);
    assert_int_equal(fmgcam_options_init(&options, sizeof options - 1),
                     FMGCAM_STATUS_ARGUMENT);
    assert_int_equal(fmgcam_options_init(&options, 0), FMGCAM_STATUS_ARGUMENT);
    assert_int_equal(fmgcam_options_init(&options, 4097),
                     FMGCAM_STATUS_ARGUMENT);
}

static fmgcam_options current_options(fmgcam_context *context)
{
    fmgcam_options options;

    memset(&options, 0x77, sizeof options);
    options.struct_size = sizeof options;
    expect_ok(context, fmgcam_get_options(context, &options));
    return options;
}

static const fmgcam_options standard = {.struct_size = sizeof(fmgcam_options),
                                        .flags = FMGCAM_OPTION_ALPHA_SET,
                                        .profile = FMGCAM_PROFILE_STANDARD,
                                        .method = FMGCAM_METHOD_GRAD_CAM,
                                        .activation = FMGCAM_ACTIVATION_RELU,
                                        .filter = FMGCAM_FILTER_ARGMAX,
                                        .normalize = FMGCAM_NORMALIZE_L2,
                                        .rescale = FMGCAM_RESCALE_STACK,
                                        .arithmetic = FMGCAM_ARITHMETIC_AUTO,
                                        .fuse_at = FMGCAM_FUSE_AT_MAP,
                                        .resample = FMGCAM_RESAMPLE_BICUBIC,
                                        .blend = FMGCAM_BLEND_EVIDENCE,
                                        .alpha = 0.6f,
                                        .target = FMGCAM_TARGET_LOGIT,
                                        .non_finite = FMGCAM_NON_FINITE_ERROR,
                                        .layer_fusion =
                                            FMGCAM_LAYER_FUSION_MEAN,
                                        .spatial_axes = 2,
                                        .palette = FMGCAM_PALETTE_OKABE_ITO,
                                        .color_map = FMGCAM_COLOR_MAP_CLASS};

static void test_defaults_are_filled_in(void **state)
{
    fixture *f = *state;
    fmgcam_options got = current_options(f->context), want = standard;

    assert_memory_equal(&got, &want, sizeof got);
    use_options(f->context,
                (fmgcam_options){.profile = FMGCAM_PROFILE_RELEASED});
    got = current_options(f->context);
    want.profile = FMGCAM_PROFILE_RELEASED;
    want.normalize = FMGCAM_NORMALIZE_L2_COLUMNS;
    assert_memory_equal(&got, &want, sizeof got);

    /* An explicit option overrides the profile. */
    use_options(f->context, (fmgcam_options){.profile = FMGCAM_PROFILE_RELEASED,
                                             .normalize = FMGCAM_NORMALIZE_L2});
    got = current_options(f->context);
    want.normalize = FMGCAM_NORMALIZE_L2;
    assert_memory_equal(&got, &want, sizeof got);

    expect_ok(f->context, fmgcam_set_options(f->context, NULL));
    got = current_options(f->context);
    assert_memory_equal(&got, &standard, sizeof got);
}

static void test_alpha_of_zero_needs_its_flag(void **state)
{
    fixture *f = *state;
    static const struct {
        uint32_t flags;
        float alpha, want;
    } rows[] = {{0, 0, .6f},
                {FMGCAM_OPTION_ALPHA_SET, 0, 0},
                {0, .25f, .25f},
                {FMGCAM_OPTION_ALPHA_SET, .25f, .25f},
                {0, 1, 1}};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        use_options(f->context, (fmgcam_options){.flags = rows[i].flags,
                                                 .alpha = rows[i].alpha});
        fmgcam_options got = current_options(f->context);
        expect_same_bits("alpha", &got.alpha, &rows[i].want, 1);
        assert_int_equal(got.flags, FMGCAM_OPTION_ALPHA_SET);
    }
}

/* What get gives can be set again, and comes out the same. */
static void test_options_make_the_round_trip(void **state)
{
    fixture *f = *state;
    fmgcam_options set = {.struct_size = sizeof set,
                          .flags = FMGCAM_OPTION_ALPHA_SET,
                          .profile = 1,
                          .method = 7,
                          .activation = 3,
                          .filter = 2,
                          .normalize = 3,
                          .rescale = 2,
                          .arithmetic = 3,
                          .fuse_at = 2,
                          .resample = 1,
                          .blend = 2,
                          .alpha = 0,
                          .target = 3,
                          .non_finite = 2,
                          .layer_fusion = 3,
                          .spatial_axes = 1,
                          .palette = 3,
                          .color_map = 7};

    use_options(f->context, set);
    fmgcam_options got = current_options(f->context);
    assert_memory_equal(&got, &set, sizeof got);
    use_options(f->context, got);
    got = current_options(f->context);
    assert_memory_equal(&got, &set, sizeof got);
}

typedef struct bad_option {
    const char *name;
    size_t offset;
    uint32_t largest;
} bad_option;

#define OPTION(member, largest)                                                \
 {                                                                             \
#  member, offsetof(fmgcam_options, member), largest                           \
 }
static const bad_option bad_options[] = {
    OPTION(flags, 3),      OPTION(profile, 2),      OPTION(method, 11),
    OPTION(activation, 4), OPTION(filter, 2),       OPTION(normalize, 5),
    OPTION(rescale, 3),    OPTION(arithmetic, 3),   OPTION(fuse_at, 2),
    OPTION(resample, 3),   OPTION(blend, 2),        OPTION(target, 3),
    OPTION(non_finite, 3), OPTION(layer_fusion, 3), OPTION(spatial_axes, 3),
    OPTION(palette, 3),    OPTION(color_map, 7)};

static void test_unknown_options_are_refused_and_change_nothing(void **state)
{
    fixture *f = *state;
    fmgcam_options before = {.profile = FMGCAM_PROFILE_RELEASED,
                             .alpha = 0.125f};

    use_options(f->context, before);
    before = current_options(f->context);
    for (size_t i = 0; i < COUNT_OF(bad_options); i++)
        for (int high = 0; high < 2; high++) {
            fmgcam_options options = {.struct_size = sizeof options};
            uint32_t value = high ? UINT32_MAX : bad_options[i].largest + 1;

            memcpy((char *)&options + bad_options[i].offset, &value, 4);
            expect_status(f->context, fmgcam_set_options(f->context, &options),
                          FMGCAM_STATUS_ARGUMENT, bad_options[i].name);
            fmgcam_options got = current_options(f->context);
            assert_memory_equal(&got, &before, sizeof got);
        }
}

/* Options that are right by themselves and wrong together. */
static void test_options_that_exclude_each_other_are_refused(void **state)
{
    fixture *f = *state;
    const struct {
        const char *name;
        fmgcam_options options;
    } rows[] = {
        {"method",
         {.profile = FMGCAM_PROFILE_RELEASED,
          .method = FMGCAM_METHOD_LAYER_CAM}},
        {"normalize",
         {.normalize = FMGCAM_NORMALIZE_L2_COLUMNS, .spatial_axes = 3}},
        {"normalize", {.profile = FMGCAM_PROFILE_RELEASED, .spatial_axes = 1}},
        {"target",
         {.method = FMGCAM_METHOD_CONTRASTIVE,
          .target = FMGCAM_TARGET_SIGMOID}},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        fmgcam_options options = rows[i].options;
        options.struct_size = sizeof options;
        expect_status(f->context, fmgcam_set_options(f->context, &options),
                      FMGCAM_STATUS_ARGUMENT, rows[i].name);
        fmgcam_options got = current_options(f->context);
        assert_memory_equal(&got, &standard, sizeof got);
    }
}

static void test_alpha_out_of_range_is_refused(void **state)
{
    fixture *f = *state;
    const float values[] = {-0.001f, 1.001f, -INFINITY, INFINITY, NAN, -NAN};

    for (size_t i = 0; i < COUNT_OF(values); i++)
        for (uint32_t flags = 0; flags < 2; flags++) {
            fmgcam_options options = {.struct_size = sizeof options,
                                      .flags = flags,
                                      .alpha = values[i]};
            expect_status(f->context, fmgcam_set_options(f->context, &options),
                          FMGCAM_STATUS_ARGUMENT, "alpha");
        }
}

static void test_get_options_wants_a_size(void **state)
{
    fixture *f = *state;
    fmgcam_options options = {.struct_size = 0};
    uint8_t newer[sizeof options + 16];
    size_t size = sizeof newer - 8;

    expect_status(f->context, fmgcam_get_options(f->context, &options),
                  FMGCAM_STATUS_ARGUMENT, "options");
    options.struct_size = sizeof options - 1;
    expect_status(f->context, fmgcam_get_options(f->context, &options),
                  FMGCAM_STATUS_ARGUMENT, "options");
    expect_status(f->context, fmgcam_get_options(f->context, NULL),
                  FMGCAM_STATUS_ARGUMENT, "options");

    memset(newer, 0x77, sizeof newer);
    memcpy(newer, &size, sizeof size);
    expect_ok(f->context,
              fmgcam_get_options(f->context, (fmgcam_options *)(void *)newer));
    memcpy(&options, newer, sizeof options);
    assert_int_equal(options.struct_size, size);
    options.struct_size = sizeof options;
    assert_memory_equal(&options, &standard, sizeof options);
    for (size_t i = sizeof options; i < sizeof newer; i++)
        assert_int_equal(newer[i], i < size ? 0 : 0x77);
}

/* ---- Growing structs ---------------------------------------------------- */

/* Calls the function that takes the struct with a struct of any size. */
typedef fmgcam_status sized_call(fmgcam_context *context, task *t, void *grown);

static fmgcam_status call_options(fmgcam_context *context, task *t, void *grown)
{
    (void)t;
    return fmgcam_set_options(context, grown);
}

static fmgcam_status call_limits(fmgcam_context *context, task *t, void *grown)
{
    (void)t;
    return fmgcam_reserve(context, grown);
}

static fmgcam_status call_size(fmgcam_context *context, task *t, void *grown)
{
    size_t bytes;

    (void)t;
    return fmgcam_workspace_size(context, grown, &bytes);
}

static fmgcam_status call_inputs(fmgcam_context *context, task *t, void *grown)
{
    return fmgcam_explain(context, grown, &t->out);
}

static fmgcam_status call_outputs(fmgcam_context *context, task *t, void *grown)
{
    return fmgcam_explain(context, &t->in, grown);
}

static fmgcam_status call_heatmap(fmgcam_context *context, task *t, void *grown)
{
    return fmgcam_draw_heatmap(context, grown, &t->to);
}

static fmgcam_status call_overlay(fmgcam_context *context, task *t, void *grown)
{
    return fmgcam_draw_overlay(context, grown, &t->from, &t->to);
}

static fmgcam_status call_track(fmgcam_context *context, task *t, void *grown)
{
    uint32_t indices[5], count;
    fmgcam_tensor scores;
    fmgcam_buffer classes = buffer_of(indices, 5, sizeof *indices);

    fmgcam_tensor_vector(&scores, t->scores, FMGCAM_DTYPE_FLOAT32,
                         COUNT_OF(t->scores));
    return fmgcam_track_classes(context, grown, &scores, &classes, NULL, NULL,
                                &count);
}

static fmgcam_status call_smooth(fmgcam_context *context, task *t, void *grown)
{
    const uint32_t classes[K] = {3, 1, 4};
    fmgcam_buffer smoothed = {t->smoothed, sizeof t->smoothed};

    return fmgcam_smooth_maps(context, grown, &t->mt, classes, &smoothed);
}

static void check_struct_size(fmgcam_context *context, task *t,
                              sized_call *call, const void *valid, size_t size,
                              const char *name)
{
    /* Room for the struct and 24 bytes that this version does not know. */
    guard g;
    size_t newer = size + 24;
    const size_t too_small[] = {0, 1, sizeof(size_t), size - 4, size - 1};

    guard_init(&g, newer, GUARD_AT_END);
    uint8_t *grown = g.data;
    memcpy(grown, valid, size);
    memset(grown + size, 0, newer - size);
    expect_ok(context, call(context, t, grown));

    for (size_t i = 0; i < COUNT_OF(too_small); i++) {
        memcpy(grown, &too_small[i], sizeof(size_t));
        expect_status(context, call(context, t, grown), FMGCAM_STATUS_ARGUMENT,
                      name);
        assert_non_null(strstr(fmgcam_error_detail(context), "struct_size"));
    }

    for (size_t s = size + 1; s <= newer; s++) {
        memcpy(grown, &s, sizeof s);
        expect_ok(context, call(context, t, grown));
    }
    for (size_t i = size; i < newer; i++) {
        grown[i] = 1;
        expect_status(context, call(context, t, grown),
                      FMGCAM_STATUS_UNSUPPORTED, name);
        /* Beyond struct_size nothing counts. */
        memcpy(grown, &i, sizeof i);
        expect_ok(context, call(context, t, grown));
        memcpy(grown, &newer, sizeof newer);
        grown[i] = 0;
    }

    /* Larger than any struct will ever be: not a size but garbage. */
    const size_t garbage[] = {4097, SIZE_MAX / 2, SIZE_MAX};
    for (size_t i = 0; i < COUNT_OF(garbage); i++) {
        memcpy(grown, &garbage[i], sizeof(size_t));
        expect_status(context, call(context, t, grown), FMGCAM_STATUS_ARGUMENT,
                      name);
    }
    guard_free(&g);
    guard_init(&g, 4096, GUARD_AT_END);
    memset(g.data, 0, 4096);
    memcpy(g.data, valid, size);
    newer = 4096;
    memcpy(g.data, &newer, sizeof newer);
    expect_ok(context, call(context, t, g.data));
    guard_free(&g);

    /* With only the struct itself mapped nothing beyond it is read. */
    guard_init(&g, size, GUARD_AT_END);
    memcpy(g.data, valid, size);
    expect_ok(context, call(context, t, g.data));
    guard_free(&g);
}

static void test_structs_may_grow(void **state)
{
    fixture *f = *state;
    fmgcam_options options = {.struct_size = sizeof options};
    fmgcam_limits limits = task_limits();
    fmgcam_tracking tracking = {.struct_size = sizeof tracking};
    static task t;

    task_init(&t);
    expect_ok(f->context, step_explain(f->context, &t));
    check_struct_size(f->context, &t, call_options, &options, sizeof options,
                      "options");
    check_struct_size(f->context, &t, call_limits, &limits, sizeof limits,
                      "limits");
    check_struct_size(f->context, &t, call_size, &limits, sizeof limits,
                      "limits");
    check_struct_size(f->context, &t, call_inputs, &t.in, sizeof t.in,
                      "inputs");
    check_struct_size(f->context, &t, call_outputs, &t.out, sizeof t.out,
                      "outputs");
    check_struct_size(f->context, &t, call_heatmap, &t.layers, sizeof t.layers,
                      "layers");
    check_struct_size(f->context, &t, call_overlay, &t.layers, sizeof t.layers,
                      "layers");
    check_struct_size(f->context, &t, call_track, &tracking, sizeof tracking,
                      "tracking");
    check_struct_size(f->context, &t, call_smooth, &tracking, sizeof tracking,
                      "tracking");
}

/* ---- Workspace ---------------------------------------------------------- */

static void test_nothing_is_allocated_after_reserve(void **state)
{
    fixture *f = *state;
    static task t;

    task_init(&t);
    reserve(f->context, task_limits());
    size_t requests = f->heap.requests;
    run_all_steps(f->context, &t);
    expect_status(
        f->context,
        fmgcam_choose_classes(f->context, NULL, NULL, NULL, NULL, NULL),
        FMGCAM_STATUS_ARGUMENT, "");
    assert_int_equal(f->heap.requests, requests);
}

/* Awkward layouts and half precision need room for copies, which is
 * reserved. */
static void test_nothing_is_allocated_for_any_layout(void **state)
{
    fixture *f = *state;
    static task t;
    rng r;
    problem p;

    task_init(&t);
    rng_init(&r, 4100);
    problem_init(&p, &r, (sizes){K, C, H, W}, true);
    problem_add_gradients(&p, &r, true);
    reserve(f->context, task_limits());
    size_t requests = f->heap.requests;
    for (int layout = 0; layout < LAYOUT_COUNT; layout++)
        for (uint32_t dtype = 1; dtype <= 2; dtype++) {
            stored a, g, w, m;
            store_activations(&a, &p, dtype, (tensor_layout)layout);
            store_gradients(&g, &p, dtype, (tensor_layout)layout);
            store_matrix(&w, &p, p.weights, dtype, (tensor_layout)layout);
            store_maps(&m, p.size, p.gradients, dtype, (tensor_layout)layout);
            t.at = a.tensor;
            t.gt = g.tensor;
            t.wt = w.tensor;
            t.mt = t.nt = m.tensor;
            run_all_steps(f->context, &t);
            t.in.gradients = NULL;
            t.in.classifier = &t.wt;
            run_all_steps(f->context, &t);
            t.in.classifier = NULL;
            t.in.weights = &t.wt;
            run_all_steps(f->context, &t);
            t.in.weights = NULL;
            t.in.gradients = &t.gt;
            store_free(&a);
            store_free(&g);
            store_free(&w);
            store_free(&m);
        }
    assert_int_equal(f->heap.requests, requests);
    problem_free(&p);
}

static void test_workspace_size_is_what_reserve_asks_for(void **state)
{
    static const fmgcam_limits table[] = {
        {0, 3, 16, 7, 9, 48, 64, 0, 0, 0, 0, 0, 0},
        {0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1},
        {0, 5, 2048, 7, 7, 1080, 1920, 4, 0, 0, 0, 1000, 5},
        {0, 33, 1000, 33, 31, 0, 0, 2, 0, 0, 0, 3, 0},
        {0, 2, 3, 200, 300, 7, 5, 1, 0, 0, 0, 0, 4},
        {0, 5, 64, 7, 7, 48, 64, 3, FMGCAM_LIMIT_EIGEN, 9, 64, 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        strict_heap heap = {0};
        fmgcam_allocator allocator = strict_allocator(&heap);
        fmgcam_context *context;
        fmgcam_limits limits = table[i];
        size_t size = 0;

        limits.struct_size = sizeof limits;
        assert_int_equal(fmgcam_create(&allocator, &context, NULL, 0), 0);
        size_t before = heap.requested_bytes, requests = heap.requests;
        expect_ok(context, fmgcam_workspace_size(context, &limits, &size));
        assert_int_equal(heap.requests, requests);
        assert_int_not_equal(size, 0);
        reserve(context, limits);
        assert_int_equal(heap.requested_bytes - before, size);
        fmgcam_destroy(context);
        assert_int_equal(heap.live, 0);
    }
}

static void test_workspace_size_tells_overflow(void **state)
{
    fixture *f = *state;
    fmgcam_limits limits = {.struct_size = sizeof limits,
                            .classes = UINT32_MAX,
                            .channels = UINT32_MAX,
                            .map_height = UINT32_MAX,
                            .map_width = UINT32_MAX,
                            .picture_height = UINT32_MAX,
                            .picture_width = UINT32_MAX,
                            .workers = UINT32_MAX};
    size_t size;

    expect_status(f->context, fmgcam_workspace_size(f->context, &limits, &size),
                  FMGCAM_STATUS_OVERFLOW, "limits");
    size_t live = f->heap.live;
    expect_status(f->context, fmgcam_reserve(f->context, &limits),
                  FMGCAM_STATUS_OVERFLOW, "limits");
    assert_int_equal(f->heap.live, live);
}

static void test_bad_limits_are_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *name;
        size_t offset;
        uint32_t value;
    } rows[] = {
        {"classes", offsetof(fmgcam_limits, classes), 0},
        {"channels", offsetof(fmgcam_limits, channels), 0},
        {"map_height", offsetof(fmgcam_limits, map_height), 0},
        {"map_width", offsetof(fmgcam_limits, map_width), 0},
        {"picture_height", offsetof(fmgcam_limits, picture_height), 0},
        {"picture_width", offsetof(fmgcam_limits, picture_width), 0},
        {"flags", offsetof(fmgcam_limits, flags), 2},
    };
    size_t size;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        fmgcam_limits limits = task_limits();
        memcpy((char *)&limits + rows[i].offset, &rows[i].value, 4);
        expect_status(f->context, fmgcam_reserve(f->context, &limits),
                      FMGCAM_STATUS_ARGUMENT, rows[i].name);
        expect_status(f->context,
                      fmgcam_workspace_size(f->context, &limits, &size),
                      FMGCAM_STATUS_ARGUMENT, rows[i].name);
    }
}

/* One more of anything than was reserved. */
static const struct beyond {
    const char *name;
    int64_t k, c, h, w;
} beyond_limits[] = {{"classes", K + 1, C, H, W},
                     {"channels", K, C + 1, H, W},
                     {"map_height", K, C, H + 1, 1}, /* fewer cells, though */
                     {"map_width", K, C, 1, W + 1}};

/* The step with zeros of the size. */
static void check_limit(fmgcam_context *context, const struct beyond *beyond,
                        size_t index)
{
    static task t;
    static float zeros[(K + 1) * (C + 1) * (H + 1) * (W + 1)];
    static float room[7][K * C + (K + 1) * (H + 1) * (W + 1)];

    task_init(&t);
    fmgcam_tensor_nchw(&t.at, zeros, FMGCAM_DTYPE_FLOAT32, 1, beyond->c,
                       beyond->h, beyond->w);
    fmgcam_tensor_nchw(&t.gt, zeros, FMGCAM_DTYPE_FLOAT32, beyond->k, beyond->c,
                       beyond->h, beyond->w);
    fmgcam_tensor_matrix(&t.wt, zeros, FMGCAM_DTYPE_FLOAT32, beyond->k,
                         beyond->c);
    fmgcam_tensor_maps(&t.mt, zeros, beyond->k, beyond->h, beyond->w);
    t.nt = t.mt;
    fmgcam_buffer *buffers = &t.out.weights;
    for (size_t i = 0; i < COUNT_OF(room); i++)
        buffers[i] = (fmgcam_buffer){room[i], sizeof room[i]};
    fmgcam_status status = steps[index].run(context, &t);
    if (status != FMGCAM_STATUS_LIMIT)
        print_error("%s beyond %s\n", steps[index].name, beyond->name);
    expect_status(context, status, FMGCAM_STATUS_LIMIT, beyond->name);
}

static void check_limits_of(fmgcam_context *context, const char *step_name,
                            bool has_channels)
{
    static task t;

    reserve(context, task_limits());
    for (size_t s = 0; s < COUNT_OF(steps); s++)
        for (size_t i = 0; i < COUNT_OF(beyond_limits); i++)
            if (strcmp(steps[s].name, step_name) == 0 &&
                (has_channels || strcmp(beyond_limits[i].name, "channels")))
                check_limit(context, &beyond_limits[i], s);
    task_init(&t);
    run_all_steps(context, &t);
}

#define LIMIT_TEST(step_name, has_channels)                                    \
 static void test_##step_name##_names_each_limit(void **state)                 \
 {                                                                             \
  fixture *f = *state;                                                         \
  check_limits_of(f->context, #step_name, has_channels);                       \
 }
LIMIT_TEST(explain, true)
LIMIT_TEST(combine, true)
LIMIT_TEST(activate, false)
LIMIT_TEST(filter, false)
LIMIT_TEST(normalize, false)
LIMIT_TEST(rescale, false)
LIMIT_TEST(resample, false)
LIMIT_TEST(heatmap, false)
LIMIT_TEST(overlay, false)
LIMIT_TEST(pool, true)
LIMIT_TEST(smooth, false)

static void check_picture_limit(fmgcam_context *context, uint32_t height,
                                uint32_t width, const char *name)
{
    static task t;
    static uint8_t big[2][(HEIGHT + 1) * (WIDTH + 1) * 3];
    static float room[K * (HEIGHT + 1) * (WIDTH + 1)];
    fmgcam_buffer out = {room, sizeof room};

    task_init(&t);
    t.from = (fmgcam_image){big[0], (int64_t)width * 3, width, height, 0, 0};
    t.to = (fmgcam_image){big[1], (int64_t)width * 3, width, height, 0, 0};
    expect_status(context, step_heatmap(context, &t), FMGCAM_STATUS_LIMIT,
                  name);
    expect_status(context, step_overlay(context, &t), FMGCAM_STATUS_LIMIT,
                  name);
    expect_status(context,
                  fmgcam_resample_maps(context, &t.mt, height, width, &out),
                  FMGCAM_STATUS_LIMIT, name);
}

static void test_each_picture_limit_is_named(void **state)
{
    fixture *f = *state;
    fmgcam_limits limits = task_limits();

    reserve(f->context, limits);
    check_picture_limit(f->context, HEIGHT + 1, 1, "picture_height");
    check_picture_limit(f->context, 1, WIDTH + 1, "picture_width");
    limits.picture_height = limits.picture_width = 0;
    reserve(f->context, limits);
    check_picture_limit(f->context, 1, 1, "picture");
}

static void test_workers_are_limited_too(void **state)
{
    fixture *f = *state;
    runner_log log = {.workers = 3};
    fmgcam_limits limits = task_limits();

    reserve(f->context, limits);
    expect_status(f->context,
                  fmgcam_set_runner(f->context, run_serially, &log, 2),
                  FMGCAM_STATUS_LIMIT, "workers");
    limits.workers = 3;
    reserve(f->context, limits);
    expect_ok(f->context, fmgcam_set_runner(f->context, run_serially, &log, 3));
    limits.workers = 2;
    expect_status(f->context, fmgcam_reserve(f->context, &limits),
                  FMGCAM_STATUS_LIMIT, "workers");
}

/* Within the limits no runner makes a call allocate. */
static void test_nothing_is_allocated_under_a_runner(void **state)
{
    fixture *f = *state;
    runner_log log = {.workers = 3};
    fmgcam_limits limits = task_limits();
    static task t;

    task_init(&t);
    limits.workers = 3;
    reserve(f->context, limits);
    size_t requests = f->heap.requests;
    expect_ok(f->context,
              fmgcam_set_runner(f->context, run_on_threads, &log, 3));
    run_all_steps(f->context, &t);
    assert_int_equal(f->heap.requests, requests);
}

static void test_reserve_may_be_called_again(void **state)
{
    fixture *f = *state;
    fmgcam_limits small = task_limits(), large = task_limits();
    static task t;

    task_init(&t);
    small.classes = 1;
    small.channels = 2;
    large.classes = 40;
    large.channels = 400;
    reserve(f->context, small);
    expect_status(f->context, step_explain(f->context, &t), FMGCAM_STATUS_LIMIT,
                  "classes");
    reserve(f->context, large);
    run_all_steps(f->context, &t);
    size_t requests = f->heap.requests;
    reserve(f->context, task_limits());
    run_all_steps(f->context, &t);
    reserve(f->context, small);
    assert_int_equal(f->heap.requests, requests); /* it holds as much */
    expect_status(f->context, step_explain(f->context, &t), FMGCAM_STATUS_LIMIT,
                  "classes");
}

static void test_without_reserve_only_the_first_call_allocates(void **state)
{
    fixture *f = *state;
    static task t;

    task_init(&t);
    run_all_steps(f->context, &t);
    size_t requests = f->heap.requests;
    run_all_steps(f->context, &t);
    assert_int_equal(f->heap.requests, requests);
}

/* ---- Failing allocations: see also faults/test_core.c -------------------- */

/* What was given back for want of more is not taken for memory at hand. */
static void test_a_small_call_works_after_a_large_one_failed(void **state)
{
    fixture *f = *state;
    static task t;

    task_init(&t);
    expect_ok(f->context, step_activate(f->context, &t));
    expect_ok(f->context, step_filter(f->context, &t));
    f->heap.fail_at = f->heap.requests + 1;
    expect_status(f->context, step_overlay(f->context, &t),
                  FMGCAM_STATUS_NO_MEMORY, "workspace");
    f->heap.fail_at = 0;
    expect_ok(f->context, step_filter(f->context, &t));
    run_all_steps(f->context, &t);
}

static void test_a_failed_reserve_keeps_what_was_reserved(void **state)
{
    fixture *f = *state;
    fmgcam_limits larger = task_limits();
    static task t;
    size_t n = 0;
    fmgcam_status status;

    task_init(&t);
    reserve(f->context, task_limits());
    larger.classes = 50;
    larger.channels = 5000;
    larger.picture_width = 4000;
    larger.tracked_scores = 1000;
    larger.smoothed_classes = 50;
    do {
        f->heap.fail_at = f->heap.requests + ++n;
        status = fmgcam_reserve(f->context, &larger);
        if (status) {
            expect_status(f->context, status, FMGCAM_STATUS_NO_MEMORY, "");
            size_t requests = f->heap.requests;
            run_all_steps(f->context, &t);
            assert_int_equal(f->heap.requests, requests);
            check_picture_limit(f->context, 1, WIDTH + 1, "picture_width");
        }
    } while (status && n < 100);
    assert_in_range(n, 2, 99);
    f->heap.fail_at = 0;
}

/* ---- The runner --------------------------------------------------------- */

static const struct {
    const char *name;
    runner *run;
} bad_runners[] = {{"failing", run_failing},
                   {"failing late", run_failing_late},
                   {"foreign worker", run_foreign_worker},
                   {"foreign index", run_foreign_index},
                   {"all but one", run_all_but_one},
                   {"one twice", run_one_twice}};

static void test_a_broken_runner_is_a_status(void **state)
{
    fixture *f = *state;
    static task t;

    task_init(&t);
    expect_ok(f->context, step_explain(f->context, &t));
    for (size_t b = 0; b < COUNT_OF(bad_runners); b++)
        for (size_t i = 0; i < COUNT_OF(steps); i++) {
            runner_log log = {.workers = 2};

            task_init(&t);
            expect_ok(f->context, fmgcam_set_runner(
                                      f->context, bad_runners[b].run, &log, 2));
            fmgcam_status status = steps[i].run(f->context, &t);
            if (log.calls) /* a stage may be too small to be shared out */
                expect_status(f->context, status, FMGCAM_STATUS_RUNNER,
                              "runner");
            else
                expect_ok(f->context, status);
            expect_ok(f->context, fmgcam_set_runner(f->context, NULL, NULL, 0));
            expect_ok(f->context, steps[i].run(f->context, &t));
        }
}

/* Large enough that explain and draw cannot do without the runner. */
static void test_explain_and_draw_report_a_broken_runner(void **state)
{
    fixture *f = *state;
    static float a[1280 * 196], g[5 * 1280 * 196], maps[5 * 196];
    static uint8_t pixels[512 * 512 * 3];
    const sizes size = {.classes = 5, .height = 14, .width = 14};
    fmgcam_tensor at, gt, mt = maps_view(maps, size);
    fmgcam_image to = {pixels, 512 * 3, 512, 512, 0, 0};

    fmgcam_tensor_nchw(&at, a, FMGCAM_DTYPE_FLOAT32, 1, 1280, 14, 14);
    fmgcam_tensor_nchw(&gt, g, FMGCAM_DTYPE_FLOAT32, 5, 1280, 14, 14);
    fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &at, .gradients = &gt};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .maps = {maps, sizeof maps}};
    fmgcam_layers layers = {.struct_size = sizeof layers, .maps = &mt};
    for (size_t b = 0; b < COUNT_OF(bad_runners); b++) {
        runner_log log = {.workers = 2};
        expect_ok(f->context,
                  fmgcam_set_runner(f->context, bad_runners[b].run, &log, 2));
        expect_status(f->context, fmgcam_explain(f->context, &in, &out),
                      FMGCAM_STATUS_RUNNER, "runner");
        expect_status(f->context, fmgcam_draw_heatmap(f->context, &layers, &to),
                      FMGCAM_STATUS_RUNNER, "runner");
    }
    expect_ok(f->context, fmgcam_set_runner(f->context, NULL, NULL, 0));
    expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
}

static void test_a_runner_and_its_workers_go_together(void **state)
{
    fixture *f = *state;
    runner_log log = {.workers = 1};

    expect_status(f->context,
                  fmgcam_set_runner(f->context, run_serially, &log, 0),
                  FMGCAM_STATUS_ARGUMENT, "workers");
    expect_status(f->context, fmgcam_set_runner(f->context, NULL, &log, 1),
                  FMGCAM_STATUS_ARGUMENT, "workers");
    expect_ok(f->context, fmgcam_set_runner(f->context, NULL, NULL, 0));
    expect_ok(f->context, fmgcam_set_runner(f->context, run_serially, &log, 1));
}

/* ---- Log ---------------------------------------------------------------- */

typedef struct heard {
    uint32_t errors, infos, others;
    char last_error[600];
    bool newline;
} heard;

static void hear(void *opaque, uint32_t level, const char *message)
{
    heard *h = opaque;

    if (level == FMGCAM_LOG_ERROR) {
        h->errors++;
        snprintf(h->last_error, sizeof h->last_error, "%s", message);
    } else if (level == FMGCAM_LOG_INFO) {
        h->infos++;
    } else {
        h->others++;
    }
    if (strchr(message, '\n') || !*message)
        h->newline = true;
}

static void test_the_log_hears_every_failure_and_decision(void **state)
{
    fixture *f = *state;
    heard h = {0};
    static task t;
    fmgcam_limits none = {.struct_size = sizeof none};

    task_init(&t);
    expect_ok(f->context, fmgcam_set_log(f->context, hear, &h));
    assert_int_not_equal(fmgcam_reserve(f->context, &none), 0);
    assert_int_equal(h.errors, 1);
    assert_string_equal(h.last_error, fmgcam_error_detail(f->context));
    assert_int_not_equal(fmgcam_explain(f->context, NULL, NULL), 0);
    assert_int_equal(h.errors, 2);
    assert_string_equal(h.last_error, fmgcam_error_detail(f->context));
    reserve(f->context, task_limits());
    assert_true(h.infos > 0);
    expect_ok(f->context, step_explain(f->context, &t));
    expect_ok(f->context, step_overlay(f->context, &t));
    assert_int_equal(h.errors, 2);
    assert_int_equal(h.others, 0);
    assert_false(h.newline);

    heard before = h;
    expect_ok(f->context, fmgcam_set_log(f->context, NULL, NULL));
    assert_int_not_equal(fmgcam_reserve(f->context, &none), 0);
    reserve(f->context, task_limits());
    assert_memory_equal(&h, &before, sizeof h);
}

/* ---- Error text --------------------------------------------------------- */

static void test_the_error_text_goes_with_the_next_success(void **state)
{
    fixture *f = *state;
    static task t;

    task_init(&t);
    assert_string_equal(fmgcam_error_detail(f->context), "");
    expect_status(f->context, fmgcam_explain(f->context, NULL, &t.out),
                  FMGCAM_STATUS_ARGUMENT, "inputs");
    assert_string_not_equal(fmgcam_error_detail(f->context), "");
    expect_ok(f->context, step_explain(f->context, &t));
    assert_string_equal(fmgcam_error_detail(f->context), "");
}

static void test_the_error_text_is_copied_and_shortened(void **state)
{
    fixture *f = *state;
    char part[700];

    expect_status(f->context, fmgcam_set_runner(f->context, NULL, NULL, 5),
                  FMGCAM_STATUS_ARGUMENT, "workers");
    const char *whole = fmgcam_error_detail(f->context);
    size_t length = strlen(whole);
    assert_int_equal(fmgcam_copy_error_detail(f->context, NULL, 0), length);
    for (size_t size = 0; size <= length + 2; size++) {
        memset(part, '#', sizeof part);
        assert_int_equal(fmgcam_copy_error_detail(f->context, part, size),
                         length);
        if (size > 0) {
            size_t want = size - 1 < length ? size - 1 : length;
            assert_int_equal(strlen(part), want);
            assert_memory_equal(part, whole, want);
        }
        assert_int_equal(part[size], '#');
    }
    expect_ok(f->context, fmgcam_set_runner(f->context, NULL, NULL, 0));
    assert_int_equal(fmgcam_copy_error_detail(f->context, part, 1), 0);
    assert_string_equal(part, "");
}

static void test_no_context_has_a_text_as_well(void **state)
{
    char text[8] = "unset";

    (void)state;
    assert_non_null(fmgcam_error_detail(NULL));
    size_t length = fmgcam_copy_error_detail(NULL, text, sizeof text);
    assert_int_equal(length, strlen(fmgcam_error_detail(NULL)));
    assert_true(strlen(text) <= length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_without_an_allocator),
        cmocka_unit_test(test_create_copies_the_allocator),
        cmocka_unit_test(test_create_wants_both_functions_or_neither),
        cmocka_unit_test(test_create_shortens_its_error),
        cmocka_unit_test(test_create_survives_each_failing_allocation),
        cmocka_unit_test(test_every_status_has_a_name_of_its_own),
        cmocka_unit_test(test_build_info_tells_the_version_in_one_line),
        cmocka_unit_test(test_init_fills_options_with_zeros),
        fixture_test(test_defaults_are_filled_in),
        fixture_test(test_alpha_of_zero_needs_its_flag),
        fixture_test(test_options_make_the_round_trip),
        fixture_test(test_unknown_options_are_refused_and_change_nothing),
        fixture_test(test_options_that_exclude_each_other_are_refused),
        fixture_test(test_alpha_out_of_range_is_refused),
        fixture_test(test_get_options_wants_a_size),
        fixture_test(test_structs_may_grow),
        fixture_test(test_nothing_is_allocated_after_reserve),
        fixture_test(test_nothing_is_allocated_for_any_layout),
        cmocka_unit_test(test_workspace_size_is_what_reserve_asks_for),
        fixture_test(test_workspace_size_tells_overflow),
        fixture_test(test_bad_limits_are_refused),
        fixture_test(test_explain_names_each_limit),
        fixture_test(test_pool_names_each_limit),
        fixture_test(test_combine_names_each_limit),
        fixture_test(test_activate_names_each_limit),
        fixture_test(test_filter_names_each_limit),
        fixture_test(test_normalize_names_each_limit),
        fixture_test(test_rescale_names_each_limit),
        fixture_test(test_resample_names_each_limit),
        fixture_test(test_heatmap_names_each_limit),
        fixture_test(test_overlay_names_each_limit),
        fixture_test(test_smooth_names_each_limit),
        fixture_test(test_each_picture_limit_is_named),
        fixture_test(test_workers_are_limited_too),
        fixture_test(test_nothing_is_allocated_under_a_runner),
        fixture_test(test_reserve_may_be_called_again),
        fixture_test(test_without_reserve_only_the_first_call_allocates),
        fixture_test(test_a_small_call_works_after_a_large_one_failed),
        fixture_test(test_a_failed_reserve_keeps_what_was_reserved),
        fixture_test(test_a_broken_runner_is_a_status),
        fixture_test(test_explain_and_draw_report_a_broken_runner),
        fixture_test(test_a_runner_and_its_workers_go_together),
        fixture_test(test_the_log_hears_every_failure_and_decision),
        fixture_test(test_the_error_text_goes_with_the_next_success),
        fixture_test(test_the_error_text_is_copied_and_shortened),
        cmocka_unit_test(test_no_context_has_a_text_as_well),
    };
    return cmocka_run_group_tests_name("context", tests, NULL, NULL);
}
