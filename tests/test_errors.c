/* SPDX-License-Identifier: MIT */
/* Every way to call every function wrongly: the status, and a text that
 * names the argument. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* ---- Arguments that are right, to be broken one at a time --------------- */

enum { K = 2, C = 3, H = 4, W = 5, S = H * W, HEIGHT = 6, WIDTH = 8 };

typedef struct arguments {
    /* One array, so that overlaps can be made. Outputs begin in the middle. */
    float memory[4000];
    uint8_t pixels[2][HEIGHT * WIDTH * 3 + 64];
    fmgcam_tensor activations, gradients, weights, classifier;
    fmgcam_tensor maps, signed_maps, class_maps;
    /* What is passed, so that NULL can be. */
    const fmgcam_tensor *activations_p, *gradients_p, *weights_p, *classifier_p;
    const fmgcam_tensor *maps_p, *signed_maps_p, *class_maps_p;
    fmgcam_inputs in;
    fmgcam_outputs out;
    fmgcam_layers layers;
    const fmgcam_buffer *buffer_p; /* of a stage's own output */
    fmgcam_buffer buffer, winner;
    fmgcam_image picture, drawn;
    const fmgcam_image *picture_p, *drawn_p;
    uint32_t height, width;
} arguments;

static fmgcam_tensor tensor_at(arguments *a, size_t at, int64_t k, int64_t c,
                               int64_t h, int64_t w)
{
    fmgcam_tensor tensor;

    fmgcam_tensor_nchw(&tensor, a->memory + at, FMGCAM_DTYPE_FLOAT32, k, c, h,
                       w);
    return tensor;
}

static void arguments_init(arguments *a)
{
    rng r;

    memset(a, 0, sizeof *a);
    rng_init(&r, 5000);
    rng_fill(&r, a->memory, COUNT_OF(a->memory), 0.25f, 1);
    /* Rank 3, so that a cell is named [c,h,w]. */
    a->activations =
        maps_view(a->memory, (sizes){.classes = C, .height = H, .width = W});
    a->gradients = tensor_at(a, 200, K, C, H, W);
    fmgcam_tensor_matrix(&a->weights, a->memory + 400, FMGCAM_DTYPE_FLOAT32, K,
                         C);
    fmgcam_tensor_matrix(&a->classifier, a->memory + 450, FMGCAM_DTYPE_FLOAT32,
                         K, C);
    const sizes size = {.classes = K, .height = H, .width = W};
    a->maps = maps_view(a->memory + 500, size);
    a->signed_maps = maps_view(a->memory + 600, size);
    a->class_maps = maps_view(a->memory + 700, size);
    a->activations_p = &a->activations;
    a->gradients_p = &a->gradients;
    a->weights_p = &a->weights;
    a->classifier_p = &a->classifier;
    a->maps_p = &a->maps;
    a->signed_maps_p = &a->signed_maps;
    a->class_maps_p = &a->class_maps;

    a->in.struct_size = sizeof a->in;
    a->out.struct_size = sizeof a->out;
    a->out.weights = float_buffer(a->memory + 2000, K * C);
    a->out.signed_maps = float_buffer(a->memory + 2100, K * S);
    a->out.class_maps = float_buffer(a->memory + 2200, K * S);
    a->out.winner = buffer_of(a->memory + 2300, S, 4);
    a->out.filtered_maps = float_buffer(a->memory + 2400, K * S);
    a->out.normalized_maps = float_buffer(a->memory + 2500, K * S);
    a->out.maps = float_buffer(a->memory + 2600, K * S);
    a->layers.struct_size = sizeof a->layers;
    a->buffer = float_buffer(a->memory + 3000, K * HEIGHT * WIDTH);
    a->buffer_p = &a->buffer;
    a->winner = buffer_of(a->memory + 2300, S, 4);
    a->picture = (fmgcam_image){a->pixels[0], WIDTH * 3, WIDTH, HEIGHT, 0, 0};
    a->drawn = (fmgcam_image){a->pixels[1], WIDTH * 3, WIDTH, HEIGHT, 0, 0};
    a->picture_p = &a->picture;
    a->drawn_p = &a->drawn;
    a->height = HEIGHT;
    a->width = WIDTH;
}

/* ---- The calls ---------------------------------------------------------- */

typedef fmgcam_status call(fmgcam_context *context, arguments *a);

static fmgcam_status call_explain(fmgcam_context *context, arguments *a)
{
    a->in.activations = a->activations_p;
    a->in.gradients = a->gradients_p;
    return fmgcam_explain(context, &a->in, &a->out);
}

static fmgcam_status call_explain_weights(fmgcam_context *context, arguments *a)
{
    a->in.activations = a->activations_p;
    a->in.weights = a->weights_p;
    return fmgcam_explain(context, &a->in, &a->out);
}

static fmgcam_status call_explain_rows(fmgcam_context *context, arguments *a)
{
    a->in.activations = a->activations_p;
    a->in.classifier = a->classifier_p;
    return fmgcam_explain(context, &a->in, &a->out);
}

static fmgcam_status call_pool(fmgcam_context *context, arguments *a)
{
    return fmgcam_pool_gradients(context, a->gradients_p, a->buffer_p);
}

static fmgcam_status call_combine(fmgcam_context *context, arguments *a)
{
    return fmgcam_combine_channels(context, a->weights_p, a->activations_p,
                                   a->buffer_p);
}

static fmgcam_status call_activate(fmgcam_context *context, arguments *a)
{
    return fmgcam_activate_maps(context, a->maps_p, a->buffer_p);
}

static fmgcam_status call_filter(fmgcam_context *context, arguments *a)
{
    return fmgcam_filter_maps(context, a->signed_maps_p, a->class_maps_p,
                              a->buffer_p, &a->winner);
}

static fmgcam_status call_normalize(fmgcam_context *context, arguments *a)
{
    return fmgcam_normalize_maps(context, a->maps_p, NULL, a->buffer_p);
}

static fmgcam_status call_rescale(fmgcam_context *context, arguments *a)
{
    return fmgcam_rescale_maps(context, a->maps_p, a->buffer_p, NULL);
}

static fmgcam_status call_resample(fmgcam_context *context, arguments *a)
{
    return fmgcam_resample_maps(context, a->maps_p, a->height, a->width,
                                a->buffer_p);
}

static fmgcam_status call_heatmap(fmgcam_context *context, arguments *a)
{
    use_options(context, (fmgcam_options){.fuse_at = FMGCAM_FUSE_AT_MAP});
    a->layers.maps = a->maps_p;
    return fmgcam_draw_heatmap(context, &a->layers, a->drawn_p);
}

static fmgcam_status call_heatmap_image(fmgcam_context *context, arguments *a)
{
    use_options(context, (fmgcam_options){.fuse_at = FMGCAM_FUSE_AT_IMAGE});
    a->layers.signed_maps = a->signed_maps_p;
    return fmgcam_draw_heatmap(context, &a->layers, a->drawn_p);
}

static fmgcam_status call_overlay(fmgcam_context *context, arguments *a)
{
    use_options(context, (fmgcam_options){.fuse_at = FMGCAM_FUSE_AT_MAP});
    a->layers.maps = a->maps_p;
    return fmgcam_draw_overlay(context, &a->layers, a->picture_p, a->drawn_p);
}

static fmgcam_status call_overlay_image(fmgcam_context *context, arguments *a)
{
    use_options(context, (fmgcam_options){.fuse_at = FMGCAM_FUSE_AT_IMAGE});
    a->layers.signed_maps = a->signed_maps_p;
    return fmgcam_draw_overlay(context, &a->layers, a->picture_p, a->drawn_p);
}

static const struct {
    const char *name;
    call *run;
} calls[] = {{"explain", call_explain},
             {"explain, weights", call_explain_weights},
             {"explain, classifier", call_explain_rows},
             {"pool", call_pool},
             {"combine", call_combine},
             {"activate", call_activate},
             {"filter", call_filter},
             {"normalize", call_normalize},
             {"rescale", call_rescale},
             {"resample", call_resample},
             {"heatmap", call_heatmap},
             {"heatmap at image", call_heatmap_image},
             {"overlay", call_overlay},
             {"overlay at image", call_overlay_image}};

/* ---- Checking ----------------------------------------------------------- */

#define ONE(status) (1u << FMGCAM_STATUS_##status)

/* Statuses is a set: where the header leaves open which of two fits better,
 * both are in it. The text begins with an argument's name and has @p name
 * and @p more in it. */
static void check_refused(fmgcam_context *context, const char *what,
                          fmgcam_status got, unsigned statuses,
                          const char *name, const char *more)
{
    const char *text = fmgcam_error_detail(context);
    bool right = got > 0 && got < 32 && (statuses >> got & 1) &&
                 begins_with_name(text) && strstr(text, name) &&
                 strstr(text, more);

    if (!right) {
        print_error("%s: %s (%s), want one of %#x, \"%s\" and \"%s\"\n", what,
                    fmgcam_status_string(got), text, statuses, name, more);
        fail();
    }
}

/* A context stays usable: the same call with right arguments works. */
static void check_usable(fmgcam_context *context, call *run)
{
    arguments *a = make_array(1, sizeof *a);

    arguments_init(a);
    expect_ok(context, run(context, a));
    free(a);
}

static void test_right_arguments_are_accepted(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(calls); i++)
        check_usable(f->context, calls[i].run);
}

static void test_no_context_is_an_argument_error(void **state)
{
    static arguments a;
    fmgcam_options options = {.struct_size = sizeof options};
    fmgcam_limits limits = {.struct_size = sizeof limits,
                            .classes = 1,
                            .channels = 1,
                            .map_height = 1,
                            .map_width = 1};
    fmgcam_head_check check = {.struct_size = sizeof check};
    fmgcam_class_measures measures = {.struct_size = sizeof measures};
    double contribution;
    const uint32_t classes[K] = {0, 1};
    uint32_t count;
    size_t size;

    (void)state;
    arguments_init(&a);
    a.in.activations = &a.activations;
    a.in.gradients = &a.gradients;
    a.layers.maps = &a.maps;
    const fmgcam_status got[] = {
        fmgcam_explain(NULL, &a.in, &a.out),
        fmgcam_pool_gradients(NULL, &a.gradients, &a.buffer),
        fmgcam_combine_channels(NULL, &a.weights, &a.activations, &a.buffer),
        fmgcam_activate_maps(NULL, &a.maps, &a.buffer),
        fmgcam_filter_maps(NULL, &a.signed_maps, &a.class_maps, &a.buffer,
                           &a.winner),
        fmgcam_normalize_maps(NULL, &a.maps, NULL, &a.buffer),
        fmgcam_rescale_maps(NULL, &a.maps, &a.buffer, NULL),
        fmgcam_resample_maps(NULL, &a.maps, 2, 2, &a.buffer),
        fmgcam_draw_heatmap(NULL, &a.layers, &a.drawn),
        fmgcam_draw_overlay(NULL, &a.layers, &a.picture, &a.drawn),
        fmgcam_explain_batch(NULL, NULL, NULL, 1, NULL),
        fmgcam_read_tensor(NULL, &a.maps, NULL, &a.buffer),
        fmgcam_fuse_layers(NULL, NULL, 1, 1, 1, &a.buffer),
        fmgcam_choose_classes(NULL, NULL, &a.maps, &a.buffer, NULL, &count),
        fmgcam_track_classes(NULL, NULL, &a.maps, &a.buffer, NULL, NULL,
                             &count),
        fmgcam_smooth_maps(NULL, NULL, &a.maps, classes, &a.buffer),
        fmgcam_restart(NULL),
        fmgcam_check_head(NULL, &a.in, 0, &check),
        fmgcam_measure_class(NULL, &a.maps, NULL, NULL, 0, 0, &measures),
        fmgcam_measure_overlap(NULL, &a.maps, &a.buffer),
        fmgcam_measure_margin(NULL, &a.maps, &a.buffer),
        fmgcam_measure_region(NULL, &a.maps, &a.weights, &contribution),
        fmgcam_set_options(NULL, &options),
        fmgcam_get_options(NULL, &options),
        fmgcam_set_log(NULL, NULL, NULL),
        fmgcam_set_runner(NULL, NULL, NULL, 0),
        fmgcam_reserve(NULL, &limits),
        fmgcam_workspace_size(NULL, &limits, &size)};
    for (size_t i = 0; i < COUNT_OF(got); i++)
        assert_int_equal(got[i], FMGCAM_STATUS_ARGUMENT);
}

static void test_tensor_constructors_ignore_null(void **state)
{
    (void)state;
    fmgcam_tensor_nchw(NULL, NULL, FMGCAM_DTYPE_FLOAT32, 1, 1, 1, 1);
    fmgcam_tensor_nhwc(NULL, NULL, FMGCAM_DTYPE_FLOAT32, 1, 1, 1, 1);
    fmgcam_tensor_matrix(NULL, NULL, FMGCAM_DTYPE_FLOAT32, 1, 1);
    fmgcam_tensor_maps(NULL, NULL, 1, 1, 1);
    fmgcam_tensor_vector(NULL, NULL, FMGCAM_DTYPE_FLOAT32, 1);
}

static void test_tensor_constructors_lay_out_memory(void **state)
{
    const float data[1] = {0};
    const fmgcam_tensor want[] = {{data, 1, 4, {2, 3, 4, 5}, {60, 20, 5, 1}},
                                  {data, 2, 4, {2, 3, 4, 5}, {60, 1, 15, 3}},
                                  {data, 1, 2, {6, 7}, {7, 1}},
                                  {data, 1, 3, {2, 4, 5}, {20, 5, 1}}};
    fmgcam_tensor got[4];

    (void)state;
    memset(got, 0x77, sizeof got);
    fmgcam_tensor_nchw(&got[0], data, FMGCAM_DTYPE_FLOAT32, 2, 3, 4, 5);
    fmgcam_tensor_nhwc(&got[1], data, FMGCAM_DTYPE_FLOAT16, 2, 3, 4, 5);
    fmgcam_tensor_matrix(&got[2], data, FMGCAM_DTYPE_FLOAT32, 6, 7);
    fmgcam_tensor_maps(&got[3], data, 2, 4, 5);
    for (size_t i = 0; i < 4; i++) {
        assert_ptr_equal(got[i].data, want[i].data);
        assert_int_equal(got[i].dtype, want[i].dtype);
        assert_int_equal(got[i].rank, want[i].rank);
        assert_memory_equal(got[i].shape, want[i].shape, 8 * want[i].rank);
        assert_memory_equal(got[i].strides, want[i].strides, 8 * want[i].rank);
    }
}

/* ---- Tensors ------------------------------------------------------------ */

/* Each tensor of each call. */
static const struct {
    size_t call; /* in calls */
    const char *name;
    size_t tensor, pointer; /* in arguments */
} tensor_arguments[] = {
#define TENSOR(index, member)                                                  \
 {                                                                             \
  index, #member, offsetof(arguments, member), offsetof(arguments, member##_p) \
 }
    TENSOR(0, activations),  TENSOR(0, gradients),    TENSOR(1, activations),
    TENSOR(1, weights),      TENSOR(2, activations),  TENSOR(2, classifier),
    TENSOR(3, gradients),    TENSOR(4, weights),      TENSOR(4, activations),
    TENSOR(5, maps),         TENSOR(6, signed_maps),  TENSOR(6, class_maps),
    TENSOR(7, maps),         TENSOR(8, maps),         TENSOR(9, maps),
    TENSOR(10, maps),        TENSOR(11, signed_maps), TENSOR(12, maps),
    TENSOR(13, signed_maps),
};

static void break_data(fmgcam_tensor *t)
{
    t->data = NULL;
}

static void break_alignment(fmgcam_tensor *t)
{
    t->data = (const char *)t->data + 2;
}

static void break_half_alignment(fmgcam_tensor *t)
{
    t->dtype = FMGCAM_DTYPE_FLOAT16;
    t->data = (const char *)t->data + 1;
}

static void break_dtype(fmgcam_tensor *t)
{
    t->dtype = 7;
}

static void break_dtype_zero(fmgcam_tensor *t)
{
    t->dtype = 0;
}

static void break_rank_zero(fmgcam_tensor *t)
{
    t->rank = 0;
}

static void break_rank_one(fmgcam_tensor *t)
{
    t->rank = 1;
}

static void break_rank_five(fmgcam_tensor *t)
{
    t->rank = 5;
    t->shape[4] = t->strides[4] = 1;
}

static void break_rank_nine(fmgcam_tensor *t)
{
    t->rank = FMGCAM_MAX_RANK + 1;
}

static void break_rank_huge(fmgcam_tensor *t)
{
    t->rank = UINT32_MAX;
}

static void break_first_extent(fmgcam_tensor *t)
{
    t->shape[0] = 0;
}

static void break_last_extent(fmgcam_tensor *t)
{
    t->shape[t->rank - 1] = -1;
}

static void break_size(fmgcam_tensor *t)
{
    for (uint32_t i = 0; i < t->rank; i++)
        t->shape[i] = INT64_MAX;
}

static void break_stride_up(fmgcam_tensor *t)
{
    t->strides[0] = INT64_MAX;
}

static void break_stride_down(fmgcam_tensor *t)
{
    t->strides[t->rank - 1] = INT64_MIN;
}

/* Bytes fit 64 bits, addresses do not. */
static void break_stride_bytes(fmgcam_tensor *t)
{
    t->strides[0] = INT64_MAX / 4 - 1;
}

static const struct {
    const char *name;
    void (*apply)(fmgcam_tensor *t);
    unsigned statuses;
} tensor_breaks[] = {
    {"data NULL", break_data, ONE(ARGUMENT)},
    {"misaligned", break_alignment, ONE(ARGUMENT)},
    {"misaligned half", break_half_alignment, ONE(ARGUMENT)},
    {"dtype 7", break_dtype, ONE(UNSUPPORTED)},
    {"dtype 0", break_dtype_zero, ONE(UNSUPPORTED) | ONE(ARGUMENT)},
    {"rank 0", break_rank_zero, ONE(SHAPE)},
    {"rank 1", break_rank_one, ONE(SHAPE)},
    {"rank 5", break_rank_five, ONE(SHAPE)},
    {"rank 9", break_rank_nine, ONE(SHAPE)},
    {"rank huge", break_rank_huge, ONE(SHAPE)},
    {"extent 0", break_first_extent, ONE(SHAPE)},
    {"extent -1", break_last_extent, ONE(SHAPE)},
    {"size", break_size, ONE(SHAPE) | ONE(OVERFLOW) | ONE(STRIDE)},
    {"stride up", break_stride_up, ONE(STRIDE)},
    {"stride down", break_stride_down, ONE(STRIDE)},
    {"stride bytes", break_stride_bytes, ONE(STRIDE)},
};

static fmgcam_tensor *tensor_of(arguments *a, size_t i)
{
    return (fmgcam_tensor *)(void *)((char *)a + tensor_arguments[i].tensor);
}

static void test_broken_tensors_are_named(void **state)
{
    fixture *f = *state;
    static arguments a;

    for (size_t i = 0; i < COUNT_OF(tensor_arguments); i++) {
        call *run = calls[tensor_arguments[i].call].run;
        for (size_t b = 0; b < COUNT_OF(tensor_breaks); b++) {
            char what[100];
            snprintf(what, sizeof what, "%s: %s",
                     calls[tensor_arguments[i].call].name,
                     tensor_breaks[b].name);
            arguments_init(&a);
            tensor_breaks[b].apply(tensor_of(&a, i));
            check_refused(f->context, what, run(f->context, &a),
                          tensor_breaks[b].statuses, tensor_arguments[i].name,
                          "");
            check_usable(f->context, run);
        }
    }
}

/* Each axis alone stays within memory, and not all of them together. */
static void test_strides_are_added_up(void **state)
{
    fixture *f = *state;
    const int8_t data = 0;
    const float scale = 1;
    const fmgcam_quantization by = {
        .struct_size = sizeof by, .scales = &scale, .count = 1};
    float values[32];
    fmgcam_buffer out = float_buffer(values, 32);
    fmgcam_tensor t = {&data, FMGCAM_DTYPE_INT8, 0, {0}, {0}};

    for (t.rank = 2; t.rank <= 5; t.rank++)
        for (int sign = -1; sign <= 1; sign += 2) {
            for (uint32_t i = 0; i < t.rank; i++) {
                t.shape[i] = 2;
                t.strides[i] = sign * (INT64_MAX / 2);
            }
            check_refused(f->context, "strides",
                          fmgcam_read_tensor(f->context, &t, &by, &out),
                          ONE(STRIDE), "tensor.strides", "address space");
        }
}

static void test_missing_tensors_are_named(void **state)
{
    fixture *f = *state;
    static arguments a;

    for (size_t i = 0; i < COUNT_OF(tensor_arguments); i++) {
        /* Without all of gradients, weights and classifier nobody knows
         * which. */
        size_t which = tensor_arguments[i].call;
        const char *name = tensor_arguments[i].name;
        if (which < 3 && strcmp(name, "activations"))
            name = "gradients";
        arguments_init(&a);
        memset((char *)&a + tensor_arguments[i].pointer, 0, sizeof(void *));
        check_refused(f->context, calls[which].name,
                      calls[which].run(f->context, &a), ONE(ARGUMENT), name,
                      "");
    }
}

/* Stages that have no scales to read integers by. */
static void test_integers_where_floats_are_wanted_are_named(void **state)
{
    fixture *f = *state;
    static arguments a;

    arguments_init(&a);
    a.maps.dtype = FMGCAM_DTYPE_INT8;
    check_refused(f->context, "maps of integers", call_rescale(f->context, &a),
                  ONE(UNSUPPORTED), "maps.dtype", "integers");
}

/* [H,W] alone could be anything. */
static void test_a_map_alone_has_no_channels(void **state)
{
    fixture *f = *state;
    static arguments a;

    arguments_init(&a);
    fmgcam_tensor_matrix(&a.gradients, a.memory, FMGCAM_DTYPE_FLOAT32, H, W);
    check_refused(f->context, "gradients of one map", call_pool(f->context, &a),
                  ONE(SHAPE), "gradients: rank 2", "[K,C,H,W] or [C,H,W]");
    arguments_init(&a);
    fmgcam_tensor_matrix(&a.activations, a.memory, FMGCAM_DTYPE_FLOAT32, H, W);
    check_refused(f->context, "activations of one map",
                  call_explain(f->context, &a), ONE(SHAPE),
                  "activations: rank 2", "[C,H,W] or [1,C,H,W]");
}

static void test_columns_need_maps_with_rows(void **state)
{
    fixture *f = *state;
    static arguments a;

    use_options(f->context,
                (fmgcam_options){.normalize = FMGCAM_NORMALIZE_L2_COLUMNS});
    arguments_init(&a);
    fmgcam_tensor_matrix(&a.maps, a.memory + 500, FMGCAM_DTYPE_FLOAT32, K, S);
    check_refused(f->context, "maps along a line",
                  call_normalize(f->context, &a), ONE(SHAPE), "maps: rank 2",
                  "[K,H,W]");
}

/* The text has the tensor's name and the index of the element. */
static void test_values_that_are_not_finite_are_named(void **state)
{
    fixture *f = *state;
    const float values[] = {NAN, INFINITY, -INFINITY};
    static arguments a;

    for (size_t i = 0; i < COUNT_OF(tensor_arguments); i++)
        for (size_t v = 0; v < COUNT_OF(values); v++)
            for (int last = 0; last < 2; last++) {
                size_t which = tensor_arguments[i].call;
                char index[100] = "[";
                int64_t at = 0;

                arguments_init(&a);
                fmgcam_tensor *t = tensor_of(&a, i);
                for (uint32_t n = 0; n < t->rank; n++) {
                    /* The very last element, or one before it in each axis. */
                    int64_t x = t->shape[n] - (last ? 1 : 2);
                    size_t used = strlen(index);
                    snprintf(index + used, sizeof index - used, "%s%lld",
                             n ? "," : "", (long long)x);
                    at += x * t->strides[n];
                }
                strcat(index, "]");
                a.memory[((const float *)t->data - a.memory) + at] = values[v];
                check_refused(f->context, calls[which].name,
                              calls[which].run(f->context, &a), ONE(NON_FINITE),
                              tensor_arguments[i].name, index);
                check_usable(f->context, calls[which].run);
            }
}

/* Logical indices, whatever the memory looks like. */
static void test_the_index_does_not_depend_on_the_layout(void **state)
{
    fixture *f = *state;
    sizes size = {.classes = 3, .channels = 430, .height = 4, .width = 5};
    float *maps = make_floats(60);
    problem p;
    rng r;

    rng_init(&r, 5100);
    problem_init(&p, &r, size, true);
    problem_add_gradients(&p, &r, true);
    for (int layout = 0; layout < LAYOUT_COUNT; layout++)
        for (uint32_t dtype = 1; dtype <= 2; dtype++) {
            fmgcam_outputs out = {.struct_size = sizeof out,
                                  .maps = float_buffer(maps, 60)};
            fmgcam_inputs in = {.struct_size = sizeof in};
            stored a, g;

            p.activations[426 * 20 + 3 * 5 + 4] = NAN;
            store_activations(&a, &p, dtype, (tensor_layout)layout);
            store_gradients(&g, &p, dtype, (tensor_layout)layout);
            in.activations = &a.tensor;
            in.gradients = &g.tensor;
            check_refused(f->context, "NaN in activations",
                          fmgcam_explain(f->context, &in, &out),
                          ONE(NON_FINITE), "activations", "[426,3,4]");
            store_free(&a);
            store_free(&g);

            p.activations[426 * 20 + 3 * 5 + 4] = 0;
            p.gradients[(430 + 17) * 20 + 2 * 5 + 1] = -INFINITY;
            store_activations(&a, &p, dtype, (tensor_layout)layout);
            store_gradients(&g, &p, dtype, (tensor_layout)layout);
            in.activations = &a.tensor;
            in.gradients = &g.tensor;
            check_refused(f->context, "-Inf in gradients",
                          fmgcam_explain(f->context, &in, &out),
                          ONE(NON_FINITE), "gradients", "[1,17,2,1]");
            fmgcam_buffer weights = float_buffer(p.weights, 3 * 430);
            check_refused(
                f->context, "-Inf in gradients",
                fmgcam_pool_gradients(f->context, &g.tensor, &weights),
                ONE(NON_FINITE), "gradients", "[1,17,2,1]");
            store_free(&a);
            store_free(&g);
            p.gradients[(430 + 17) * 20 + 2 * 5 + 1] = 0;
        }
    problem_free(&p);
    free(maps);
}

/* With opposite infinities a sum is NaN, and with a weight of 0 a product. */
static void test_infinities_that_hide_are_found(void **state)
{
    fixture *f = *state;
    static arguments a;

    arguments_init(&a);
    a.memory[200] = INFINITY;
    a.memory[201] = -INFINITY;
    check_refused(f->context, "both infinities", call_explain(f->context, &a),
                  ONE(NON_FINITE), "gradients", "[0,0,0,0]");
    arguments_init(&a);
    memset(a.memory + 400, 0, K * C * sizeof(float));
    a.memory[7] = NAN;
    check_refused(f->context, "NaN times 0",
                  call_explain_weights(f->context, &a), ONE(NON_FINITE),
                  "activations", "[0,1,2]");
    /* Activations that no wanted output needs may or may not be looked at. */
}

/* ---- Shapes ------------------------------------------------------------- */

static void test_shapes_that_do_not_match_are_told(void **state)
{
    fixture *f = *state;
    const float zero = 0;
    float *room = make_floats(5 * 1280 * 49);
    fmgcam_tensor a = {&zero, FMGCAM_DTYPE_FLOAT32, 3, {1024, 7, 7}, {0}};
    fmgcam_tensor g = {&zero, FMGCAM_DTYPE_FLOAT32, 4, {5, 1280, 7, 7}, {0}};
    fmgcam_tensor w = {&zero, FMGCAM_DTYPE_FLOAT32, 2, {5, 1280}, {0}};
    fmgcam_buffer buffer = float_buffer(room, 5 * 1280 * 49);
    fmgcam_outputs out = {.struct_size = sizeof out, .maps = buffer};
    fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .gradients = &g};

    check_refused(f->context, "channels", fmgcam_explain(f->context, &in, &out),
                  ONE(SHAPE), "[5,1280,7,7]", "[1024,7,7]");
    in.gradients = NULL;
    in.weights = &w;
    check_refused(f->context, "weights", fmgcam_explain(f->context, &in, &out),
                  ONE(SHAPE), "weights", "[5,1280]");
    in.weights = NULL;
    in.classifier = &w;
    check_refused(f->context, "classifier",
                  fmgcam_explain(f->context, &in, &out), ONE(SHAPE),
                  "classifier", "[5,1280]");
    check_refused(f->context, "combine",
                  fmgcam_combine_channels(f->context, &w, &a, &buffer),
                  ONE(SHAPE), "weights", "[5,1280]");

    /* The map's height, its width, and several pictures at once. */
    in.classifier = NULL;
    in.gradients = &g;
    g.shape[1] = 1024;
    g.shape[2] = 8;
    check_refused(f->context, "height", fmgcam_explain(f->context, &in, &out),
                  ONE(SHAPE), "gradients", "[5,1024,8,7]");
    g.shape[2] = 7;
    g.shape[3] = 6;
    check_refused(f->context, "width", fmgcam_explain(f->context, &in, &out),
                  ONE(SHAPE), "gradients", "[5,1024,7,6]");
    g.shape[3] = 7;
    fmgcam_tensor batch = {
        &zero, FMGCAM_DTYPE_FLOAT32, 4, {2, 1024, 7, 7}, {0}};
    in.activations = &batch;
    check_refused(f->context, "batch", fmgcam_explain(f->context, &in, &out),
                  ONE(SHAPE), "activations", "[2,1024,7,7]");
    w.shape[1] = 1024;
    check_refused(f->context, "batch",
                  fmgcam_combine_channels(f->context, &w, &batch, &buffer),
                  ONE(SHAPE), "activations", "[2,1024,7,7]");

    fmgcam_tensor m = {&zero, FMGCAM_DTYPE_FLOAT32, 3, {3, 4, 5}, {0}};
    for (int axis = 0; axis < 3; axis++) {
        fmgcam_tensor c = m;
        c.shape[axis]++;
        check_refused(f->context, "filter",
                      fmgcam_filter_maps(f->context, &m, &c, &buffer, NULL),
                      ONE(SHAPE), "class_maps", "[3,4,5]");
    }
    free(room);
}

/* Elements that repeat make it possible: 2^93 cells, 2^64 bytes of an output, and
 * more than that of a workspace. */
static void test_sizes_beyond_memory_are_refused(void **state)
{
    fixture *f = *state;
    const int64_t most = INT32_MAX;
    float memory[2] = {0};
    fmgcam_tensor volume = {
        memory, FMGCAM_DTYPE_FLOAT32, 4, {1, most, most, most}, {0}};
    fmgcam_tensor wide = {
        memory, FMGCAM_DTYPE_FLOAT32, 4, {most, most, 2, 2}, {0}};
    fmgcam_tensor large = {
        memory, FMGCAM_DTYPE_FLOAT32, 3, {most / 2, most / 4, 2}, {0}};
    fmgcam_buffer out = {memory + 1, SIZE_MAX};

    check_refused(f->context, "cells",
                  fmgcam_activate_maps(f->context, &volume, &out),
                  ONE(OVERFLOW), "maps", "cells");
    /* Where addresses are low, the output alone would fit. */
    check_refused(f->context, "output",
                  fmgcam_pool_gradients(f->context, &wide, &out), ONE(OVERFLOW),
                  "memory can", "");
    check_refused(f->context, "workspace",
                  fmgcam_filter_maps(f->context, &large, NULL, NULL, &out),
                  ONE(OVERFLOW), sizeof(size_t) > 4 ? "workspace" : "", "");
}

/* ---- Output buffers ----------------------------------------------------- */

static const struct {
    const char *name;
    size_t offset, bytes;
} output_members[] = {
#define OUTPUT(member, count)                                                  \
 {                                                                             \
#  member, offsetof(fmgcam_outputs, member), (count)*4                         \
 }
    OUTPUT(weights, K *C),       OUTPUT(signed_maps, K *S),
    OUTPUT(class_maps, K *S),    OUTPUT(winner, S),
    OUTPUT(filtered_maps, K *S), OUTPUT(normalized_maps, K *S),
    OUTPUT(maps, K *S),
};

static fmgcam_buffer *output_of(arguments *a, size_t i)
{
    return (fmgcam_buffer *)(void *)((char *)&a->out +
                                     output_members[i].offset);
}

static void test_small_outputs_tell_the_size_needed(void **state)
{
    fixture *f = *state;
    static arguments a;
    char needed[24];

    for (size_t i = 0; i < COUNT_OF(output_members); i++)
        for (size_t lack = 1; lack <= output_members[i].bytes;
             lack += output_members[i].bytes - 1) {
            arguments_init(&a);
            output_of(&a, i)->size_bytes = output_members[i].bytes - lack;
            snprintf(needed, sizeof needed, "%zu", output_members[i].bytes);
            check_refused(f->context, "small output",
                          call_explain(f->context, &a), ONE(BUFFER_SIZE),
                          output_members[i].name, needed);
        }
}

static void test_misaligned_outputs_are_named(void **state)
{
    fixture *f = *state;
    static arguments a;

    for (size_t i = 0; i < COUNT_OF(output_members); i++) {
        arguments_init(&a);
        fmgcam_buffer *buffer = output_of(&a, i);
        buffer->data = (char *)buffer->data + 1;
        check_refused(f->context, "misaligned output",
                      call_explain(f->context, &a), ONE(ARGUMENT),
                      output_members[i].name, "");
    }
}

static void test_outputs_over_inputs_are_refused(void **state)
{
    fixture *f = *state;
    static arguments a;
    /* First byte, last byte, and in the middle of activations and gradients. */
    const size_t starts[] = {0, C * S - 1, 30, 200, 200 + K * C * S - 1, 250};

    for (size_t i = 0; i < COUNT_OF(output_members); i++)
        for (size_t s = 0; s < COUNT_OF(starts); s++) {
            arguments_init(&a);
            output_of(&a, i)->data = a.memory + starts[s];
            check_refused(f->context, "output over input",
                          call_explain(f->context, &a), ONE(ARGUMENT),
                          output_members[i].name,
                          starts[s] < 200 ? "activations" : "gradients");
        }
    arguments_init(&a);
    a.out.maps.data = a.memory + 400 + K * C - 1;
    check_refused(f->context, "output over weights",
                  call_explain_weights(f->context, &a), ONE(ARGUMENT), "maps",
                  "weights");
    arguments_init(&a);
    a.out.maps.data = a.memory + 450;
    check_refused(f->context, "output over classifier",
                  call_explain_rows(f->context, &a), ONE(ARGUMENT), "maps",
                  "classifier");
}

/* With strides the input's span counts, also below its data pointer. */
/* The last element of the output is the first of the two of the input. */
static void test_outputs_over_two_elements_are_refused(void **state)
{
    fixture *f = *state;
    float memory[3] = {1, 2, 3};
    fmgcam_tensor in =
        maps_view(memory + 1, (sizes){.classes = 1, .height = 1, .width = 2});
    fmgcam_buffer out = float_buffer(memory, 2);

    check_refused(f->context, "two elements",
                  fmgcam_activate_maps(f->context, &in, &out), ONE(ARGUMENT),
                  "overlaps", "");
}

static void test_outputs_over_reversed_inputs_are_refused(void **state)
{
    fixture *f = *state;
    static arguments a;

    arguments_init(&a);
    a.activations.data = a.memory + 1500;
    a.activations.strides[0] = -S;
    a.out.maps.data = a.memory + 1500 - (C - 1) * S;
    check_refused(f->context, "output under a reversed input",
                  call_explain(f->context, &a), ONE(ARGUMENT), "maps",
                  "activations");
    /* Right beside it is fine. */
    arguments_init(&a);
    a.activations.data = a.memory + 1500;
    a.activations.strides[0] = -S;
    a.out.maps.data = a.memory + 1500 - (C - 1) * S - K * S;
    expect_ok(f->context, call_explain(f->context, &a));
    arguments_init(&a);
    a.out.maps.data = a.memory + C * S;
    expect_ok(f->context, call_explain(f->context, &a));
}

static void test_outputs_over_each_other_are_refused(void **state)
{
    fixture *f = *state;
    static arguments a;

    for (size_t i = 0; i < COUNT_OF(output_members); i++)
        for (size_t j = 0; j < COUNT_OF(output_members); j++) {
            if (i == j)
                continue;
            /* i begins with the last element of j. */
            arguments_init(&a);
            fmgcam_buffer *over = output_of(&a, i), *under = output_of(&a, j);
            over->data = (char *)under->data + output_members[j].bytes - 4;
            check_refused(f->context, "outputs over each other",
                          call_explain(f->context, &a), ONE(ARGUMENT), "", "");
            /* and j begins where i does. */
            over->data = under->data;
            check_refused(f->context, "outputs over each other",
                          call_explain(f->context, &a), ONE(ARGUMENT), "", "");
        }
}

static void test_explain_wants_the_right_inputs_and_some_output(void **state)
{
    fixture *f = *state;
    static arguments a;

    arguments_init(&a);
    check_refused(f->context, "no inputs",
                  fmgcam_explain(f->context, NULL, &a.out), ONE(ARGUMENT),
                  "inputs", "");
    a.in.activations = &a.activations;
    a.in.gradients = &a.gradients;
    check_refused(f->context, "no outputs",
                  fmgcam_explain(f->context, &a.in, NULL), ONE(ARGUMENT),
                  "outputs", "");
    a.in.gradients = NULL;
    check_refused(f->context, "nothing but activations",
                  fmgcam_explain(f->context, &a.in, &a.out), ONE(ARGUMENT),
                  "gradients", "");
    for (int pair = 3; pair < 8; pair++) {
        if (pair == 4)
            continue;
        a.in.gradients = pair & 1 ? &a.gradients : NULL;
        a.in.weights = pair & 2 ? &a.weights : NULL;
        a.in.classifier = pair & 4 ? &a.classifier : NULL;
        check_refused(f->context, "contradiction",
                      fmgcam_explain(f->context, &a.in, &a.out), ONE(ARGUMENT),
                      "", "");
    }

    arguments_init(&a);
    for (size_t i = 0; i < COUNT_OF(output_members); i++)
        *output_of(&a, i) = (fmgcam_buffer){NULL, 0};
    check_refused(f->context, "nothing wanted", call_explain(f->context, &a),
                  ONE(ARGUMENT), "outputs", "");
    arguments_init(&a);
    a.out.flags = 1;
    check_refused(f->context, "flags", call_explain(f->context, &a),
                  ONE(ARGUMENT), "flags", "");
}

/* ---- The stages' own outputs -------------------------------------------- */

static const struct {
    size_t call;
    const char *output;
    size_t bytes;
    size_t input; /* where in memory an input begins */
    bool in_place;
} stage_outputs[] = {
    {3, "weights", K *C * 4, 200, false},
    {4, "signed_maps", K *S * 4, 0, false},
    {4, "signed_maps", K *S * 4, 400, false},
    {5, "activated", K *S * 4, 500, true},
    {6, "filtered", K *S * 4, 600, false},
    {6, "filtered", K *S * 4, 700, false},
    {7, "normalized", K *S * 4, 500, true},
    {8, "rescaled", K *S * 4, 500, true},
    {9, "resampled", K *HEIGHT *WIDTH * 4, 500, false},
};

static void test_outputs_of_stages_are_checked(void **state)
{
    fixture *f = *state;
    static arguments a;
    char needed[24];

    for (size_t i = 0; i < COUNT_OF(stage_outputs); i++) {
        call *run = calls[stage_outputs[i].call].run;
        const char *what = calls[stage_outputs[i].call].name;
        const char *name = stage_outputs[i].output;

        snprintf(needed, sizeof needed, "%zu", stage_outputs[i].bytes);
        arguments_init(&a);
        a.buffer.size_bytes = stage_outputs[i].bytes - 1;
        check_refused(f->context, what, run(f->context, &a), ONE(BUFFER_SIZE),
                      name, needed);
        a.buffer.size_bytes = stage_outputs[i].bytes;
        expect_ok(f->context, run(f->context, &a));
        a.buffer.data = (char *)a.buffer.data + 2;
        check_refused(f->context, what, run(f->context, &a), ONE(ARGUMENT),
                      name, "");
        if (strcmp(name, "filtered") == 0)
            continue; /* may be left out */
        a.buffer.data = NULL;
        check_refused(f->context, what, run(f->context, &a), ONE(ARGUMENT),
                      name, "");
        a.buffer_p = NULL;
        check_refused(f->context, what, run(f->context, &a), ONE(ARGUMENT),
                      name, "");
    }
}

static void test_outputs_of_stages_may_not_overlap(void **state)
{
    fixture *f = *state;
    const int offsets[] = {0, 1, 5, -1, -3};
    static arguments a;

    for (size_t i = 0; i < COUNT_OF(stage_outputs); i++)
        for (size_t o = 0; o < COUNT_OF(offsets); o++) {
            size_t which = stage_outputs[i].call;
            fmgcam_status status;

            arguments_init(&a);
            /* Inputs away from the beginning of the memory. */
            a.activations.data = a.memory + 1000;
            size_t input =
                stage_outputs[i].input ? stage_outputs[i].input : 1000;
            a.buffer.data = a.memory + input + offsets[o];
            a.buffer.size_bytes = stage_outputs[i].bytes;
            status = calls[which].run(f->context, &a);
            if (stage_outputs[i].in_place && offsets[o] == 0)
                expect_ok(f->context, status);
            else
                check_refused(f->context, calls[which].name, status,
                              ONE(ARGUMENT), stage_outputs[i].output, "");
        }
}

/* In place needs contiguous float32: anything else would be read after it was
 * written. */
static void test_in_place_needs_contiguous_float32(void **state)
{
    fixture *f = *state;
    static arguments a;
    const size_t in_place[] = {5, 7, 8};

    for (size_t i = 0; i < COUNT_OF(in_place); i++) {
        call *run = calls[in_place[i]].run;

        arguments_init(&a);
        a.buffer.data = a.memory + 500;
        a.maps.strides[1] = 1;
        a.maps.strides[2] = H;
        check_refused(f->context, calls[in_place[i]].name, run(f->context, &a),
                      ONE(ARGUMENT), "", "");
        arguments_init(&a);
        a.buffer.data = a.memory + 500;
        memset(a.memory + 500, 0, K * S * 2);
        a.maps.dtype = FMGCAM_DTYPE_FLOAT16;
        check_refused(f->context, calls[in_place[i]].name, run(f->context, &a),
                      ONE(ARGUMENT), "", "");
    }
}

static void test_the_filter_checks_its_two_outputs(void **state)
{
    fixture *f = *state;
    static arguments a;
    fmgcam_buffer nothing = {NULL, 0};

    arguments_init(&a);
    check_refused(f->context, "neither",
                  fmgcam_filter_maps(f->context, &a.signed_maps, &a.class_maps,
                                     NULL, NULL),
                  ONE(ARGUMENT), "", "");
    check_refused(f->context, "neither",
                  fmgcam_filter_maps(f->context, &a.signed_maps, &a.class_maps,
                                     &nothing, &nothing),
                  ONE(ARGUMENT), "", "");
    check_refused(
        f->context, "no class maps",
        fmgcam_filter_maps(f->context, &a.signed_maps, NULL, &a.buffer, NULL),
        ONE(ARGUMENT), "class_maps", "");
    a.winner.size_bytes--;
    check_refused(f->context, "small winner", call_filter(f->context, &a),
                  ONE(BUFFER_SIZE), "winner", "80");
    a.winner.size_bytes++;
    a.winner.data = (char *)a.winner.data + 2;
    check_refused(f->context, "misaligned winner", call_filter(f->context, &a),
                  ONE(ARGUMENT), "winner", "");
    a.winner.data = a.buffer.data;
    check_refused(f->context, "winner over filtered",
                  call_filter(f->context, &a), ONE(ARGUMENT), "", "");
    a.winner.data = a.memory + 600 + K * S - 1;
    check_refused(f->context, "winner over signed maps",
                  call_filter(f->context, &a), ONE(ARGUMENT), "winner", "");
    a.winner.data = a.memory + 700;
    check_refused(f->context, "winner over class maps",
                  call_filter(f->context, &a), ONE(ARGUMENT), "winner", "");
}

/* ---- Pictures ----------------------------------------------------------- */

static void break_image_data(fmgcam_image *i)
{
    i->data = NULL;
}

static void break_width(fmgcam_image *i)
{
    i->width = 0;
}

static void break_height(fmgcam_image *i)
{
    i->height = 0;
}

static void break_format(fmgcam_image *i)
{
    i->format = 6;
}

static void break_flags(fmgcam_image *i)
{
    i->flags = 1;
}

static void break_pitch(fmgcam_image *i)
{
    i->row_stride_bytes = WIDTH * 3 - 1;
}

static void break_pitch_zero(fmgcam_image *i)
{
    i->row_stride_bytes = 0;
}

static void break_pitch_upward(fmgcam_image *i)
{
    i->row_stride_bytes = -(WIDTH * 3 - 1);
}

static void break_pitch_far(fmgcam_image *i)
{
    i->row_stride_bytes = INT64_MAX;
}

static void break_pitch_far_up(fmgcam_image *i)
{
    i->row_stride_bytes = INT64_MIN;
}

static const struct {
    const char *name;
    void (*apply)(fmgcam_image *i);
    unsigned statuses;
} image_breaks[] = {
    {"data NULL", break_image_data, ONE(ARGUMENT)},
    {"width 0", break_width, ONE(ARGUMENT) | ONE(SHAPE)},
    {"height 0", break_height, ONE(ARGUMENT) | ONE(SHAPE)},
    {"format 6", break_format, ONE(ARGUMENT) | ONE(UNSUPPORTED)},
    {"flags 1", break_flags, ONE(ARGUMENT)},
    {"pitch short", break_pitch, ONE(ARGUMENT) | ONE(STRIDE)},
    {"pitch 0", break_pitch_zero, ONE(ARGUMENT) | ONE(STRIDE)},
    {"pitch short upward", break_pitch_upward, ONE(ARGUMENT) | ONE(STRIDE)},
    {"pitch far", break_pitch_far, ONE(STRIDE)},
    {"pitch far upward", break_pitch_far_up, ONE(STRIDE)},
};

static const struct {
    size_t call;
    const char *name;
    size_t image, pointer;
} image_arguments[] = {
    {10, "heatmap", offsetof(arguments, drawn), offsetof(arguments, drawn_p)},
    {11, "heatmap", offsetof(arguments, drawn), offsetof(arguments, drawn_p)},
    {12, "overlay", offsetof(arguments, drawn), offsetof(arguments, drawn_p)},
    {12, "picture", offsetof(arguments, picture),
     offsetof(arguments, picture_p)},
    {13, "overlay", offsetof(arguments, drawn), offsetof(arguments, drawn_p)},
    {13, "picture", offsetof(arguments, picture),
     offsetof(arguments, picture_p)},
};

static void test_broken_pictures_are_named(void **state)
{
    fixture *f = *state;
    static arguments a;

    for (size_t i = 0; i < COUNT_OF(image_arguments); i++) {
        size_t which = image_arguments[i].call;
        for (size_t b = 0; b < COUNT_OF(image_breaks); b++) {
            arguments_init(&a);
            image_breaks[b].apply((
                fmgcam_image *)(void *)((char *)&a + image_arguments[i].image));
            check_refused(f->context, image_breaks[b].name,
                          calls[which].run(f->context, &a),
                          image_breaks[b].statuses, image_arguments[i].name,
                          "");
            check_usable(f->context, calls[which].run);
        }
        arguments_init(&a);
        memset((char *)&a + image_arguments[i].pointer, 0, sizeof(void *));
        check_refused(f->context, "NULL", calls[which].run(f->context, &a),
                      ONE(ARGUMENT), image_arguments[i].name, "");
    }
}

/* Rows that go down below address 0, or up beyond the last one. */
static void test_pictures_stay_within_the_address_space(void **state)
{
    static const int64_t pitches[] = {INT64_MIN / 2, INT64_MAX / 2, INT64_MIN,
                                      INT64_MAX};
    fixture *f = *state;
    static arguments a;

    for (size_t i = 0; i < COUNT_OF(pitches); i++) {
        arguments_init(&a);
        a.drawn.height = a.picture.height = HEIGHT;
        a.drawn.row_stride_bytes = pitches[i];
        check_refused(f->context, "far rows", call_heatmap(f->context, &a),
                      ONE(STRIDE), "heatmap.row_stride_bytes", "address space");
        a.drawn.height = 2;
        if (pitches[i] > 0)
            continue;
        check_refused(f->context, "two far rows", call_heatmap(f->context, &a),
                      ONE(STRIDE), "heatmap.row_stride_bytes", "address space");
    }
}

/* It is never used. */
static void test_a_single_row_may_have_any_pitch(void **state)
{
    static const int64_t pitches[] = {
        0, 1, -1, 3 * WIDTH, -3 * WIDTH, INT64_MIN, INT64_MAX};
    fixture *f = *state;
    static arguments a;

    arguments_init(&a);
    a.picture.height = a.drawn.height = 1;
    for (size_t i = 0; i < COUNT_OF(pitches); i++) {
        a.picture.row_stride_bytes = pitches[i];
        a.drawn.row_stride_bytes = pitches[COUNT_OF(pitches) - 1 - i];
        expect_ok(f->context, call_overlay(f->context, &a));
    }
}

static void test_pictures_of_different_size_are_refused(void **state)
{
    fixture *f = *state;
    static arguments a;

    for (int axis = 0; axis < 2; axis++) {
        arguments_init(&a);
        if (axis)
            a.drawn.width--;
        else
            a.drawn.height--;
        check_refused(f->context, "size", call_overlay(f->context, &a),
                      ONE(SHAPE) | ONE(ARGUMENT), "overlay", "");
    }
}

static void test_pictures_may_not_overlap_by_halves(void **state)
{
    fixture *f = *state;
    static arguments a;

    for (int offset = -1; offset <= 1; offset++)
        for (int pitch = 0; pitch < 2; pitch++) {
            arguments_init(&a);
            a.picture.data = a.pixels[0] + 32;
            a.drawn.data = a.pixels[0] + 32 + offset;
            a.drawn.row_stride_bytes += pitch;
            if (offset == 0 && pitch == 0)
                expect_ok(f->context, call_overlay(f->context, &a));
            else
                check_refused(f->context, "overlap",
                              call_overlay(f->context, &a), ONE(ARGUMENT),
                              "overlay", "");
        }
    /* The same rows, upside down. */
    arguments_init(&a);
    a.drawn.data = a.pixels[0] + (HEIGHT - 1) * WIDTH * 3;
    a.drawn.row_stride_bytes = -WIDTH * 3;
    check_refused(f->context, "mirrored", call_overlay(f->context, &a),
                  ONE(ARGUMENT), "overlay", "");
    /* The last byte of the one is the first of the other. */
    arguments_init(&a);
    a.drawn.data = a.pixels[0] + HEIGHT * WIDTH * 3 - 1;
    check_refused(f->context, "last byte", call_overlay(f->context, &a),
                  ONE(ARGUMENT), "overlay", "");
}

static void test_pictures_may_not_overlap_maps(void **state)
{
    fixture *f = *state;
    static arguments a;

    arguments_init(&a);
    a.drawn.data = a.memory + 500 + K * S - 1;
    check_refused(f->context, "over maps", call_heatmap(f->context, &a),
                  ONE(ARGUMENT), "heatmap", "");
    check_refused(f->context, "over maps", call_overlay(f->context, &a),
                  ONE(ARGUMENT), "overlay", "");
    arguments_init(&a);
    a.drawn.data = a.memory + 600;
    check_refused(f->context, "over signed maps",
                  call_heatmap_image(f->context, &a), ONE(ARGUMENT), "heatmap",
                  "");
}

/* Drawing must not read colours that it has drawn over. */
static void test_colours_within_the_picture_are_refused_or_kept(void **state)
{
    fixture *f = *state;
    static arguments a;
    static uint8_t want[sizeof a.pixels[1]];
    const uint8_t colors[3 * K] = {1, 100, 200, 250, 150, 50};
    const size_t inside = 7;

    arguments_init(&a);
    a.layers.colors = colors;
    expect_ok(f->context, call_heatmap(f->context, &a));
    memcpy(want, a.pixels[1], sizeof want);
    memcpy(a.pixels[1] + inside, colors, sizeof colors);
    a.layers.colors = a.pixels[1] + inside;
    fmgcam_status status = call_heatmap(f->context, &a);
    if (status)
        check_refused(f->context, "over colours", status, ONE(ARGUMENT), "",
                      "");
    else
        assert_memory_equal(a.pixels[1], want, sizeof want);
}

static void test_layers_need_the_maps_of_their_mode(void **state)
{
    fixture *f = *state;
    static arguments a;

    arguments_init(&a);
    check_refused(f->context, "no layers",
                  fmgcam_draw_heatmap(f->context, NULL, &a.drawn),
                  ONE(ARGUMENT), "layers", "");
    check_refused(f->context, "no layers",
                  fmgcam_draw_overlay(f->context, NULL, &a.picture, &a.drawn),
                  ONE(ARGUMENT), "layers", "");
    /* The other maps are there, but not those that are needed. */
    a.layers.signed_maps = &a.signed_maps;
    a.maps_p = NULL;
    check_refused(f->context, "at map", call_heatmap(f->context, &a),
                  ONE(ARGUMENT), "maps", "");
    arguments_init(&a);
    a.layers.maps = &a.maps;
    a.signed_maps_p = NULL;
    check_refused(f->context, "at image", call_heatmap_image(f->context, &a),
                  ONE(ARGUMENT), "signed_maps", "");
}

/* ---- Resampling --------------------------------------------------------- */

static void test_resampling_to_no_size_or_too_large_is_refused(void **state)
{
    fixture *f = *state;
    static arguments a;

    arguments_init(&a);
    a.height = 0;
    check_refused(f->context, "height 0", call_resample(f->context, &a),
                  ONE(ARGUMENT), "height", "");
    arguments_init(&a);
    a.width = 0;
    check_refused(f->context, "width 0", call_resample(f->context, &a),
                  ONE(ARGUMENT), "width", "");
    arguments_init(&a);
    a.height = a.width = UINT32_MAX;
    check_refused(f->context, "huge", call_resample(f->context, &a),
                  ONE(OVERFLOW) | ONE(BUFFER_SIZE) | ONE(ARGUMENT), "", "");
}

/* Near the end of float: a finite result, or OVERFLOW. */
static void test_huge_maps_resample_to_finite_values_or_not_at_all(void **state)
{
    fixture *f = *state;
    static arguments a;

    for (uint32_t method = 1; method <= 3; method++) {
        use_options(f->context, (fmgcam_options){.resample = method});
        arguments_init(&a);
        for (size_t i = 0; i < K * S; i++)
            a.memory[500 + i] = i / 3 % 2 ? FLT_MAX : -FLT_MAX;
        fmgcam_status status = call_resample(f->context, &a);
        const float *out = a.buffer.data;
        if (status) {
            check_refused(f->context, "huge maps", status, ONE(OVERFLOW), "",
                          "");
            continue;
        }
        for (size_t i = 0; i < K * HEIGHT * WIDTH; i++)
            assert_true(isfinite(out[i]));
    }
}

/* Maps that are smaller by a power of two have the same bits, and tell which pixel
 * it is. */
static void test_the_first_pixel_that_overflows_is_named(void **state)
{
    enum { CELLS = 4, PIXELS = 13 };
    fixture *f = *state;

    use_options(f->context, (fmgcam_options){0});
    for (size_t peak = 0; peak < 2 * CELLS; peak++) {
        float maps[2 * CELLS] = {0}, small[2 * CELLS], got[2 * PIXELS];
        const fmgcam_buffer out = float_buffer(got, COUNT_OF(got));
        fmgcam_tensor m;
        char text[80];
        size_t first = 0;

        for (size_t i = 0; i < COUNT_OF(maps); i++) {
            if (i / CELLS == peak / CELLS && i + 1 >= peak && i <= peak + 1)
                maps[i] = i == peak ? FLT_MAX : -FLT_MAX;
            small[i] = maps[i] * 0x1p-9f;
        }
        fmgcam_tensor_maps(&m, small, 2, 1, CELLS);
        expect_ok(f->context,
                  fmgcam_resample_maps(f->context, &m, 1, PIXELS, &out));
        while (fabs((double)got[first]) <= (double)FLT_MAX * 0x1p-9)
            assert_true(++first < COUNT_OF(got));
        snprintf(text, sizeof text,
                 "resampled: class %zu, pixel [0,%zu] leaves the range",
                 first / PIXELS, first % PIXELS);
        fmgcam_tensor_maps(&m, maps, 2, 1, CELLS);
        expect_status(f->context,
                      fmgcam_resample_maps(f->context, &m, 1, PIXELS, &out),
                      FMGCAM_STATUS_OVERFLOW, text);
    }
}

static void test_huge_maps_draw_or_overflow(void **state)
{
    fixture *f = *state;
    static arguments a;

    for (size_t which = 10; which < 14; which++) {
        arguments_init(&a);
        for (size_t i = 0; i < 2 * K * S + 60; i++)
            a.memory[500 + i] = i / 3 % 2 ? FLT_MAX : -FLT_MAX;
        fmgcam_status status = calls[which].run(f->context, &a);
        if (status)
            check_refused(f->context, calls[which].name, status, ONE(OVERFLOW),
                          "", "");
    }
}

/* ---- The context's own functions ---------------------------------------- */

static void test_missing_limits_are_named(void **state)
{
    fixture *f = *state;
    fmgcam_limits limits = {.struct_size = sizeof limits,
                            .classes = 1,
                            .channels = 1,
                            .map_height = 1,
                            .map_width = 1};
    size_t size;

    check_refused(f->context, "reserve", fmgcam_reserve(f->context, NULL),
                  ONE(ARGUMENT), "limits", "");
    check_refused(f->context, "workspace size",
                  fmgcam_workspace_size(f->context, NULL, &size), ONE(ARGUMENT),
                  "limits", "");
    check_refused(f->context, "workspace size",
                  fmgcam_workspace_size(f->context, &limits, NULL),
                  ONE(ARGUMENT), "size_bytes", "");
}

static void test_blas_is_there_or_unsupported(void **state)
{
    fixture *f = *state;
    fmgcam_options options = {.struct_size = sizeof options,
                              .arithmetic = FMGCAM_ARITHMETIC_BLAS};
    fmgcam_status status = fmgcam_set_options(f->context, &options);

    if (status == FMGCAM_STATUS_OK)
        check_usable(f->context, call_combine);
    else
        check_refused(f->context, "blas", status, ONE(UNSUPPORTED),
                      "arithmetic", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_right_arguments_are_accepted),
        cmocka_unit_test(test_no_context_is_an_argument_error),
        cmocka_unit_test(test_tensor_constructors_ignore_null),
        cmocka_unit_test(test_tensor_constructors_lay_out_memory),
        fixture_test(test_broken_tensors_are_named),
        fixture_test(test_strides_are_added_up),
        fixture_test(test_missing_tensors_are_named),
        fixture_test(test_integers_where_floats_are_wanted_are_named),
        fixture_test(test_a_map_alone_has_no_channels),
        fixture_test(test_columns_need_maps_with_rows),
        fixture_test(test_values_that_are_not_finite_are_named),
        fixture_test(test_the_index_does_not_depend_on_the_layout),
        fixture_test(test_infinities_that_hide_are_found),
        fixture_test(test_shapes_that_do_not_match_are_told),
        fixture_test(test_sizes_beyond_memory_are_refused),
        fixture_test(test_small_outputs_tell_the_size_needed),
        fixture_test(test_misaligned_outputs_are_named),
        fixture_test(test_outputs_over_inputs_are_refused),
        fixture_test(test_outputs_over_two_elements_are_refused),
        fixture_test(test_outputs_over_reversed_inputs_are_refused),
        fixture_test(test_outputs_over_each_other_are_refused),
        fixture_test(test_explain_wants_the_right_inputs_and_some_output),
        fixture_test(test_outputs_of_stages_are_checked),
        fixture_test(test_outputs_of_stages_may_not_overlap),
        fixture_test(test_in_place_needs_contiguous_float32),
        fixture_test(test_the_filter_checks_its_two_outputs),
        fixture_test(test_broken_pictures_are_named),
        fixture_test(test_pictures_stay_within_the_address_space),
        fixture_test(test_a_single_row_may_have_any_pitch),
        fixture_test(test_pictures_of_different_size_are_refused),
        fixture_test(test_pictures_may_not_overlap_by_halves),
        fixture_test(test_pictures_may_not_overlap_maps),
        fixture_test(test_colours_within_the_picture_are_refused_or_kept),
        fixture_test(test_layers_need_the_maps_of_their_mode),
        fixture_test(test_resampling_to_no_size_or_too_large_is_refused),
        fixture_test(test_huge_maps_resample_to_finite_values_or_not_at_all),
        fixture_test(test_the_first_pixel_that_overflows_is_named),
        fixture_test(test_huge_maps_draw_or_overflow),
        fixture_test(test_missing_limits_are_named),
        fixture_test(test_blas_is_there_or_unsupported),
    };
    return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
