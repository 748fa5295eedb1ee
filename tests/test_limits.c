/* SPDX-License-Identifier: MIT */
/*
 * Sizes at the ends of their types: what cannot be is refused by name, before
 * anything is read or allocated, and what can be comes out right. Nothing here
 * depends on how wide size_t is: what fits is computed, not listed.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* ---- Tensors that are larger than memory ---------------------------------- */

enum { MOST = INT32_MAX };

/* All elements of all tensors here. */
static const float one[1] = {1};

/* Any shape, of one element that repeats. */
static fmgcam_tensor repeat(uint32_t rank, int64_t a, int64_t b, int64_t c,
                            int64_t d)
{
    return (fmgcam_tensor){.data = one,
                           .dtype = FMGCAM_DTYPE_FLOAT32,
                           .rank = rank,
                           .shape = {a, b, c, d}};
}

static fmgcam_tensor maps_of(int64_t k, int64_t h, int64_t w)
{
    return repeat(3, k, h, w, 0);
}

static fmgcam_tensor matrix_of(int64_t rows, int64_t columns)
{
    return repeat(2, rows, columns, 0, 0);
}

static fmgcam_tensor vector_of(int64_t n)
{
    return repeat(1, n, 0, 0, 0);
}

/* Whether a size_t can. */
static bool can_count(double n)
{
    return n <= (double)SIZE_MAX;
}

/* ---- What is refused is not read ------------------------------------------ */

/* Each of these has 2^62 elements and more, and something that is wrong. To
 * look at the elements first would never end. */

enum { ROOM = 64 };
static float room[ROOM];
static const fmgcam_buffer little = {room, sizeof room};

static void test_measures_are_refused_before_elements_are_read(void **state)
{
    fixture *f = *state;
    const fmgcam_tensor many = maps_of(MOST, 1, MOST), wide = maps_of(2, 1, 1);
    const fmgcam_tensor region = matrix_of(1, 1);
    fmgcam_class_measures measures = {.struct_size = sizeof measures};
    double contributions[1];

    expect_status(
        f->context,
        fmgcam_measure_class(f->context, &many, NULL, NULL, MOST, 0, &measures),
        FMGCAM_STATUS_ARGUMENT, "rank: 2147483647");
    expect_status(
        f->context,
        fmgcam_measure_class(f->context, &many, &wide, NULL, 0, 0, &measures),
        FMGCAM_STATUS_SHAPE, "signed_maps");
    expect_status(f->context, fmgcam_measure_margin(f->context, &many, &little),
                  can_count((double)MOST * sizeof(float))
                      ? FMGCAM_STATUS_BUFFER_SIZE
                      : FMGCAM_STATUS_OVERFLOW,
                  "margin");
    expect_status(
        f->context,
        fmgcam_measure_region(f->context, &many, &region, contributions),
        FMGCAM_STATUS_SHAPE, "region");
    fmgcam_status status = fmgcam_measure_overlap(f->context, &many, &little);
    assert_true(status == FMGCAM_STATUS_BUFFER_SIZE ||
                status == FMGCAM_STATUS_OVERFLOW);
}

static void test_heads_are_refused_before_elements_are_read(void **state)
{
    fixture *f = *state;
    const fmgcam_tensor activations = maps_of(MOST, 1, MOST);
    const fmgcam_tensor classifier = matrix_of(MOST, MOST);
    const fmgcam_tensor scores = vector_of(3), bias = vector_of(2);
    fmgcam_inputs in = {.struct_size = sizeof in,
                        .activations = &activations,
                        .classifier = &classifier,
                        .scores = &scores};
    fmgcam_head_check check = {.struct_size = sizeof check};

    expect_status(f->context, fmgcam_check_head(f->context, &in, 0, &check),
                  FMGCAM_STATUS_SHAPE,
                  "classifier: shape [2147483647,2147483647], expected "
                  "[3,2147483647]");
    const fmgcam_tensor rows = matrix_of(3, MOST);
    in.classifier = &rows;
    in.bias = &bias;
    expect_status(f->context, fmgcam_check_head(f->context, &in, 0, &check),
                  FMGCAM_STATUS_SHAPE, "bias: shape [2]");
}

static void test_layers_are_refused_before_elements_are_read(void **state)
{
    fixture *f = *state;
    const fmgcam_tensor many = maps_of(2, MOST, MOST), other = maps_of(3, 1, 1);
    const fmgcam_tensor *const layers[] = {&many, &other};
    const fmgcam_tensor weights = matrix_of(MOST, MOST);
    const fmgcam_tensor activations = maps_of(MOST, 1, 2);

    /* Where 2^62 cells are more than memory, that is said. */
    fmgcam_status status =
        fmgcam_fuse_layers(f->context, layers, 2, 2, 2, &little);
    assert_true(status == FMGCAM_STATUS_SHAPE ||
                status == FMGCAM_STATUS_OVERFLOW);
    assert_true(begins_with_name(fmgcam_error_detail(f->context)));
    status =
        fmgcam_combine_channels(f->context, &weights, &activations, &little);
    assert_true(status == FMGCAM_STATUS_BUFFER_SIZE ||
                status == FMGCAM_STATUS_OVERFLOW);
    assert_non_null(strstr(fmgcam_error_detail(f->context), "signed_maps"));
}

/* Its count of cells is 32 bits wide. */
static void test_more_cells_than_a_class_can_count(void **state)
{
    fixture *f = *state;
    const fmgcam_tensor many = maps_of(1, MOST, 3);
    fmgcam_class_measures measures = {.struct_size = sizeof measures};

    expect_status(
        f->context,
        fmgcam_measure_class(f->context, &many, NULL, NULL, 0, 0, &measures),
        FMGCAM_STATUS_OVERFLOW, "class_maps: ");
}

/* ---- Every function, every product of extents ----------------------------- */

typedef struct shape {
    int64_t k, c, h, w;
} shape;

/* A heap that gives nothing larger than this, and remembers the largest that
 * it was asked for. */
enum { MOST_BYTES = 1 << 26 };

static void *allocate_some(void *opaque, size_t size)
{
    size_t *largest = opaque;

    if (size > *largest)
        *largest = size;
    return size <= MOST_BYTES ? malloc(size) : NULL;
}

static void release_some(void *opaque, void *memory)
{
    (void)opaque;
    free(memory);
}

static fmgcam_context *create_frugal(size_t *largest)
{
    const fmgcam_allocator allocator = {largest, allocate_some, release_some};
    fmgcam_context *context;

    assert_int_equal(fmgcam_create(&allocator, &context, NULL, 0),
                     FMGCAM_STATUS_OK);
    return context;
}

static fmgcam_status probe_pool(fmgcam_context *context, shape s)
{
    const fmgcam_tensor g = repeat(4, s.k, s.c, s.h, s.w);

    return fmgcam_pool_gradients(context, &g, &little);
}

static fmgcam_status probe_combine(fmgcam_context *context, shape s)
{
    const fmgcam_tensor w = matrix_of(s.k, s.c), a = maps_of(s.c, s.h, s.w);

    return fmgcam_combine_channels(context, &w, &a, &little);
}

static fmgcam_status probe_activate(fmgcam_context *context, shape s)
{
    const fmgcam_tensor m = maps_of(s.k, s.h, s.w);

    return fmgcam_activate_maps(context, &m, &little);
}

static fmgcam_status probe_filter(fmgcam_context *context, shape s)
{
    const fmgcam_tensor m = maps_of(s.k, s.h, s.w);

    return fmgcam_filter_maps(context, &m, &m, &little, NULL);
}

static fmgcam_status probe_winner(fmgcam_context *context, shape s)
{
    const fmgcam_tensor m = maps_of(s.k, s.h, s.w);

    return fmgcam_filter_maps(context, &m, NULL, NULL, &little);
}

static fmgcam_status probe_normalize(fmgcam_context *context, shape s)
{
    const fmgcam_tensor m = maps_of(s.k, s.h, s.w);

    return fmgcam_normalize_maps(context, &m, NULL, &little);
}

static fmgcam_status probe_rescale(fmgcam_context *context, shape s)
{
    const fmgcam_tensor m = maps_of(s.k, s.h, s.w);

    return fmgcam_rescale_maps(context, &m, &little, NULL);
}

static fmgcam_status probe_read(fmgcam_context *context, shape s)
{
    const fmgcam_tensor g = repeat(4, s.k, s.c, s.h, s.w);

    return fmgcam_read_tensor(context, &g, NULL, &little);
}

static fmgcam_status probe_margin(fmgcam_context *context, shape s)
{
    const fmgcam_tensor m = maps_of(s.k, s.h, s.w);

    return fmgcam_measure_margin(context, &m, &little);
}

static fmgcam_status probe_resample(fmgcam_context *context, shape s)
{
    const fmgcam_tensor m = maps_of(s.k, 1, 1);

    return fmgcam_resample_maps(context, &m, (uint32_t)s.h, (uint32_t)s.w,
                                &little);
}

static fmgcam_status probe_fuse(fmgcam_context *context, shape s)
{
    const fmgcam_tensor m = maps_of(s.k, 1, 1);
    const fmgcam_tensor *const layers[] = {&m, &m};

    return fmgcam_fuse_layers(context, layers, 2, (uint32_t)s.h, (uint32_t)s.w,
                              &little);
}

static fmgcam_status explain_weights(fmgcam_context *context, shape s,
                                     fmgcam_outputs *out)
{
    const fmgcam_tensor a = maps_of(s.c, s.h, s.w), w = matrix_of(s.k, s.c);
    const fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .weights = &w};

    out->struct_size = sizeof *out;
    return fmgcam_explain(context, &in, out);
}

static fmgcam_status probe_explain(fmgcam_context *context, shape s)
{
    return explain_weights(context, s, &(fmgcam_outputs){.maps = little});
}

static fmgcam_status probe_explain_winner(fmgcam_context *context, shape s)
{
    return explain_weights(context, s, &(fmgcam_outputs){.winner = little});
}

static fmgcam_status probe_explain_batch(fmgcam_context *context, shape s)
{
    const fmgcam_tensor a = maps_of(s.c, s.h, s.w);
    const fmgcam_tensor g = repeat(4, s.k, s.c, s.h, s.w);
    const fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .gradients = &g};
    fmgcam_outputs out = {.struct_size = sizeof out, .maps = little};
    const fmgcam_inputs *const ins[] = {&in};
    fmgcam_outputs *const outs[] = {&out};

    return fmgcam_explain_batch(context, ins, outs, 1, NULL);
}

/* UINT64_MAX where it is more. */
static uint64_t times(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static uint64_t of_weights(shape s)
{
    return times((uint64_t)s.k, (uint64_t)s.c);
}

static uint64_t of_map(shape s)
{
    return times((uint64_t)s.h, (uint64_t)s.w);
}

static uint64_t of_stack(shape s)
{
    return times((uint64_t)s.k, of_map(s));
}

static uint64_t of_all(shape s)
{
    return times(of_weights(s), of_map(s));
}

static const struct probe {
    const char *output;
    fmgcam_status (*run)(fmgcam_context *context, shape s);
    uint64_t (*elements)(shape s); /* of the output */
    bool map_is_output;            /* the maps that are given have one cell */
} probes[] = {{"weights", probe_pool, of_weights, false},
              {"signed_maps", probe_combine, of_stack, false},
              {"activated", probe_activate, of_stack, false},
              {"filtered", probe_filter, of_stack, false},
              {"winner", probe_winner, of_map, false},
              {"normalized", probe_normalize, of_stack, false},
              {"rescaled", probe_rescale, of_stack, false},
              {"values", probe_read, of_all, false},
              {"margin", probe_margin, of_map, false},
              {"resampled", probe_resample, of_stack, true},
              {"fused", probe_fuse, of_stack, true},
              {"maps", probe_explain, of_stack, false},
              {"winner", probe_explain_winner, of_map, false},
              {"maps", probe_explain_batch, of_stack, false}};

/* What the text of a refusal must say; NULL where none is to be expected. */
static fmgcam_status expect_of(const struct probe *probe, shape s, char *text,
                               size_t size)
{
    const uintptr_t memory = UINTPTR_MAX - (uintptr_t)room;
    uint64_t bytes = times(4, probe->elements(s));

    snprintf(text, size, "%s", probe->output);
    if (!probe->map_is_output && !can_count((double)of_map(s))) {
        snprintf(text, size, "cells are more than memory can hold");
        return FMGCAM_STATUS_OVERFLOW;
    }
    if (bytes > memory) {
        snprintf(text, size, "%s: ", probe->output);
        return FMGCAM_STATUS_OVERFLOW;
    }
    if (bytes > sizeof room) {
        snprintf(text, size, "%s.size_bytes: %zu, expected at least %" PRIu64,
                 probe->output, sizeof room, bytes);
        return FMGCAM_STATUS_BUFFER_SIZE;
    }
    return FMGCAM_STATUS_OK;
}

/* Where the output fits, so must the workspace; or it is told how much is
 * missing, or that memory cannot be that large. */
static void check_probe(const struct probe *probe, shape s)
{
    size_t largest = 0;
    fmgcam_context *context = create_frugal(&largest);
    char text[160];
    fmgcam_status want = expect_of(probe, s, text, sizeof text);
    fmgcam_status got = probe->run(context, s);
    const char *detail = fmgcam_error_detail(context);
    bool is_right = got == want && strstr(detail, want ? text : "");

    if (want == FMGCAM_STATUS_OK && largest > MOST_BYTES) {
        snprintf(text, sizeof text,
                 "workspace: the allocator returned NULL "
                 "for %zu bytes",
                 largest);
        is_right = got == FMGCAM_STATUS_NO_MEMORY && strstr(detail, text);
    } else if (want == FMGCAM_STATUS_OK && got == FMGCAM_STATUS_OVERFLOW) {
        is_right = strstr(detail, "workspace: ") != NULL;
    }
    if (!is_right)
        fail_msg("%s, K %lld, C %lld, %lld x %lld: %s (%s), not %s (%s)",
                 probe->output, (long long)s.k, (long long)s.c, (long long)s.h,
                 (long long)s.w, fmgcam_status_string(got), detail,
                 fmgcam_status_string(want), text);
    fmgcam_destroy(context);
}

static void test_every_product_of_extents_is_held_against_memory(void **state)
{
    static const int64_t extents[] = {1, 2, 46341, 65536, MOST};
    enum { N = COUNT_OF(extents) };

    (void)state;
    for (size_t p = 0; p < COUNT_OF(probes); p++)
        for (size_t i = 0; i < N * N * N * N; i++)
            check_probe(&probes[p], (shape){extents[i % N], extents[i / N % N],
                                            extents[i / N / N % N],
                                            extents[i / N / N / N]});
}

/* Volumes, whose cells alone are 2^93. */
static void test_volumes_that_are_larger_than_memory(void **state)
{
    fixture *f = *state;
    const fmgcam_tensor m = repeat(4, 1, MOST, MOST, MOST);
    const fmgcam_inputs in = {.struct_size = sizeof in, .activations = &m};
    fmgcam_outputs out = {.struct_size = sizeof out, .maps = little};

    use_options(f->context, (fmgcam_options){.spatial_axes = 3});
    expect_status(f->context, fmgcam_explain(f->context, &in, &out),
                  FMGCAM_STATUS_OVERFLOW, "activations: ");
    expect_status(f->context, fmgcam_activate_maps(f->context, &m, &little),
                  FMGCAM_STATUS_OVERFLOW, "maps: ");
    expect_status(f->context, fmgcam_measure_margin(f->context, &m, &little),
                  FMGCAM_STATUS_OVERFLOW, "signed_maps: ");
    expect_status(f->context, fmgcam_read_tensor(f->context, &m, NULL, &little),
                  FMGCAM_STATUS_OVERFLOW,
                  can_count((double)MOST * MOST) ? "values: " : "tensor: ");
}

/* ---- No extent ------------------------------------------------------------ */

static int64_t *extent_of(shape *s, size_t axis)
{
    int64_t *const extents[] = {&s->k, &s->c, &s->h, &s->w};

    return extents[axis];
}

static void test_no_axis_is_empty_or_longer_than_31_bits(void **state)
{
    static const int64_t bad[] = {0, -1, INT64_MIN, INT64_MAX,
                                  (int64_t)MOST + 1};
    fixture *f = *state;

    for (size_t p = 0; p < COUNT_OF(probes); p++)
        for (size_t axis = 0; axis < 4; axis++)
            for (size_t i = 0; i < COUNT_OF(bad); i++) {
                shape s = {2, 2, 2, 2};
                char number[32];
                if (probes[p].map_is_output && axis >= 2)
                    continue; /* a size, not a tensor: 32 bits, no sign */
                *extent_of(&s, axis) = bad[i];
                snprintf(number, sizeof number, "%lld", (long long)bad[i]);
                fmgcam_status status = probes[p].run(f->context, s);
                if (status == FMGCAM_STATUS_OK)
                    assert_int_equal(axis, 1); /* maps have no channels */
                else
                    expect_status(f->context, status, FMGCAM_STATUS_SHAPE,
                                  number);
            }
}

static void test_no_size_is_zero_or_longer_than_31_bits(void **state)
{
    static const uint32_t bad[] = {0, (uint32_t)MOST + 1, UINT32_MAX};
    fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char number[32];
        snprintf(number, sizeof number, " %u", bad[i]);
        for (size_t side = 0; side < 2; side++) {
            const int64_t h = side ? bad[i] : 1, w = side ? 1 : bad[i];
            expect_status(f->context,
                          probe_resample(f->context, (shape){1, 1, h, w}),
                          FMGCAM_STATUS_ARGUMENT, number);
            expect_status(f->context,
                          probe_fuse(f->context, (shape){1, 1, h, w}),
                          FMGCAM_STATUS_ARGUMENT, number);
        }
    }
}

/* ---- Strides -------------------------------------------------------------- */

/* Each axis, and axes that reach too far only together. */
static void test_strides_that_leave_memory(void **state)
{
    static const int64_t far_strides[] = {INT64_MAX,
                                          INT64_MIN,
                                          INT64_MIN + 1,
                                          INT64_MAX / 2,
                                          INT64_MIN / 2,
                                          (int64_t)(PTRDIFF_MAX / 4),
                                          -(int64_t)(PTRDIFF_MAX / 4) - 1};
    fixture *f = *state;
    fmgcam_tensor g = repeat(4, 2, 2, 2, 2);

    for (uint32_t axis = 0; axis < 4; axis++)
        for (size_t i = 0; i < COUNT_OF(far_strides); i++) {
            char number[32];
            g.strides[axis] = far_strides[i];
            snprintf(number, sizeof number, "%lld", (long long)far_strides[i]);
            expect_status(f->context,
                          fmgcam_read_tensor(f->context, &g, NULL, &little),
                          FMGCAM_STATUS_STRIDE, number);
            g.strides[axis] = 0;
        }
    for (uint32_t axis = 0; axis < 4; axis++)
        g.strides[axis] = (int64_t)(PTRDIFF_MAX / 4 / 4) + 1;
    expect_status(f->context, fmgcam_read_tensor(f->context, &g, NULL, &little),
                  FMGCAM_STATUS_STRIDE, "tensor.strides");
    /* 2 and 4 steps of these come back to 0 where nobody looks. */
    static const struct {
        int64_t extent, stride;
    } rows[] = {{3, INT64_MIN}, {5, INT64_MAX / 2 + 1}, {5, INT64_MIN / 2}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        fmgcam_tensor v = vector_of(rows[i].extent);
        v.strides[0] = rows[i].stride;
        expect_status(f->context,
                      fmgcam_read_tensor(f->context, &v, NULL, &little),
                      FMGCAM_STATUS_STRIDE, "tensor.strides");
    }
    /* Back and forth is near again, but what lies between is not. */
    for (uint32_t axis = 0; axis < 4; axis++)
        g.strides[axis] = (axis % 2 ? -1 : 1) * (int64_t)(PTRDIFF_MAX / 5);
    expect_status(f->context, fmgcam_read_tensor(f->context, &g, NULL, &little),
                  FMGCAM_STATUS_STRIDE, "tensor.strides");
}

/* An input whose elements lie at both ends of memory spans what is between. */
static void test_outputs_between_far_elements_overlap_them(void **state)
{
    fixture *f = *state;
    fmgcam_tensor m = maps_of(1, 2, 2);
    const uintptr_t here = (uintptr_t)room;
    const uintptr_t below = here, above = UINTPTR_MAX - here;
    const uintptr_t reach = (below < above ? below : above) / 8;

    m.strides[1] = (int64_t)(reach / sizeof(float));
    m.strides[2] = -m.strides[1];
    expect_status(f->context, fmgcam_read_tensor(f->context, &m, NULL, &little),
                  FMGCAM_STATUS_ARGUMENT, "values: overlaps tensor");
    expect_status(f->context, fmgcam_measure_margin(f->context, &m, &little),
                  FMGCAM_STATUS_ARGUMENT, "margin: overlaps signed_maps");
}

/* Arrays whose lengths other arguments say. Memory ends with the only element. */
static void test_arrays_that_go_beyond_memory(void **state)
{
    fixture *f = *state;
    const fmgcam_tensor map = maps_of(1, 1, 1), region = matrix_of(1, 1);
    double *contributions = (double *)(UINTPTR_MAX - 7);
    const uint32_t *classes = (const uint32_t *)(UINTPTR_MAX - 3);

    expect_status(
        f->context,
        fmgcam_measure_region(f->context, &map, &region, contributions),
        FMGCAM_STATUS_OVERFLOW,
        "contributions: 1 elements are more than memory can hold");
    expect_status(f->context,
                  fmgcam_smooth_maps(f->context, NULL, &map, classes, &little),
                  FMGCAM_STATUS_OVERFLOW,
                  "classes: 1 elements are more than memory can hold");
}

/* Elements that several indices share, forwards and backwards. */
static void test_overlapping_elements_are_what_their_copies_are(void **state)
{
    enum { K = 3, C = 20, H = 6, W = 7, COUNT = K * C * H * W };
    static const int64_t strides[][4] = {{1, 1, 1, 1},
                                         {7, 0, 1, -1},
                                         {-1, 2, -3, 1},
                                         {0, 0, 0, 1},
                                         {1, 0, 0, 0}};
    fixture *f = *state;
    float *numbers = make_floats(401), *copy = make_floats(COUNT);
    float maps[2][K * H * W];
    rng r;

    rng_init(&r, 6100);
    rng_fill(&r, numbers, 401, -1, 1);
    use_options(f->context,
                (fmgcam_options){.arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE});
    for (size_t i = 0; i < COUNT_OF(strides); i++) {
        fmgcam_tensor g = repeat(4, K, C, H, W), a, dense;
        g.data = numbers + 200;
        memcpy(g.strides, strides[i], sizeof strides[i]);
        const fmgcam_buffer whole = float_buffer(copy, COUNT);
        expect_ok(f->context, fmgcam_read_tensor(f->context, &g, NULL, &whole));
        fmgcam_tensor_nchw(&dense, copy, FMGCAM_DTYPE_FLOAT32, K, C, H, W);
        for (int which = 0; which < 2; which++) {
            const fmgcam_tensor *from = which ? &dense : &g;
            fmgcam_inputs in = {
                .struct_size = sizeof in, .activations = &a, .gradients = from};
            fmgcam_outputs out = {.struct_size = sizeof out,
                                  .signed_maps =
                                      float_buffer(maps[which], K * H * W)};
            assert_int_equal(fmgcam_tensor_slice(&a, from, K - 1),
                             FMGCAM_STATUS_OK);
            expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
        }
        expect_same_bits("overlapping", maps[0], maps[1], K * H * W);
    }
    free(numbers);
    free(copy);
}

/* ---- A million ------------------------------------------------------------ */

enum { MILLION = 1000000 };

/* Class k has the evidence k mod 1000, so that 999 is the first of the best. */
static void test_a_million_classes_of_one_cell(void **state)
{
    fixture *f = *state;
    float *weights = make_floats(MILLION), *maps = make_floats(MILLION);
    fmgcam_tensor a = maps_of(1, 1, 1), w;
    int32_t winner;
    const fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .weights = &w};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .maps = float_buffer(maps, MILLION),
                          .winner = {&winner, sizeof winner}};

    for (size_t k = 0; k < MILLION; k++)
        weights[k] = (float)(k % 1000);
    fmgcam_tensor_matrix(&w, weights, FMGCAM_DTYPE_FLOAT32, MILLION, 1);
    expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
    assert_int_equal(winner, 999);
    for (size_t k = 0; k < MILLION; k++)
        if (maps[k] != (k == 999 ? 1.0f : 0.0f))
            fail_msg("class %zu is %g", k, (double)maps[k]);
    free(weights);
    free(maps);
}

/* A sum of so many ones is exact. */
static void test_a_million_channels_of_one_cell(void **state)
{
    static const uint32_t methods[] = {
        FMGCAM_METHOD_GRAD_CAM, FMGCAM_METHOD_XGRAD_CAM,
        FMGCAM_METHOD_LAYER_CAM, FMGCAM_METHOD_HIRES_CAM,
        FMGCAM_METHOD_ELEMENT_WISE};
    fixture *f = *state;
    const fmgcam_tensor a = maps_of(MILLION, 1, 1);
    const fmgcam_tensor g = repeat(4, 2, MILLION, 1, 1);
    const fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .gradients = &g};
    float maps[2];
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .signed_maps = float_buffer(maps, 2)};

    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        use_options(f->context, (fmgcam_options){.method = methods[i]});
        expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
        assert_float_equal(maps[0], MILLION, 0);
        assert_float_equal(maps[1], MILLION, 0);
    }
}

/* One cell has no deviation, whatever there is of it. */
static void test_a_million_channels_have_a_component(void **state)
{
    fixture *f = *state;
    const fmgcam_tensor a = maps_of(MILLION, 1, 1);
    const fmgcam_inputs in = {.struct_size = sizeof in, .activations = &a};
    float map = 7;
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .maps = float_buffer(&map, 1)};

    use_options(f->context,
                (fmgcam_options){.method = FMGCAM_METHOD_EIGEN_CAM});
    expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
    assert_float_equal(map, 0, 0);
    assert_int_equal(out.result, FMGCAM_RESULT_FLAT);
}

static void expect_in_order(const uint32_t *classes, uint32_t count)
{
    assert_int_equal(count, MILLION);
    for (uint32_t i = 0; i < MILLION; i++)
        if (classes[i] != i)
            fail_msg("place %u has class %u", i, classes[i]);
}

/* Of a million ties all are chosen, the lowest index first. */
static void test_a_million_scores(void **state)
{
    fixture *f = *state;
    uint32_t *classes = make_array(MILLION, sizeof *classes), count;
    float *likely = make_floats(MILLION);
    const fmgcam_tensor scores = vector_of(MILLION);
    const fmgcam_buffer chosen = {classes, MILLION * sizeof *classes};
    const fmgcam_buffer p = float_buffer(likely, MILLION);
    fmgcam_choice choice = {.struct_size = sizeof choice, .count = MILLION};

    expect_ok(f->context, fmgcam_choose_classes(f->context, &choice, &scores,
                                                &chosen, &p, &count));
    expect_in_order(classes, count);
    assert_float_equal(likely[MILLION - 1], 1e-6f, 1e-12f);
    choice.rule = FMGCAM_CHOICE_MASS;
    choice.threshold = 0.5f;
    expect_ok(f->context, fmgcam_choose_classes(f->context, &choice, &scores,
                                                &chosen, &p, &count));
    assert_in_range(count, MILLION / 2, MILLION / 2 + 1);
    free(classes);
    free(likely);
}

/* No time may grow with their square: this test would not end. */
static void test_a_million_tracked_classes(void **state)
{
    fixture *f = *state;
    uint32_t *classes = make_array(MILLION, sizeof *classes), count;
    uint32_t *slots = make_array(MILLION, sizeof *slots);
    const fmgcam_tensor scores = vector_of(MILLION);
    const fmgcam_buffer shown = {classes, MILLION * sizeof *classes};
    const fmgcam_buffer colors = {slots, MILLION * sizeof *slots};
    const fmgcam_tracking tracking = {.struct_size = sizeof tracking,
                                      .count = MILLION};

    for (int frame = 0; frame < 2; frame++) {
        expect_ok(f->context,
                  fmgcam_track_classes(f->context, &tracking, &scores, &shown,
                                       NULL, &colors, &count));
        expect_in_order(classes, count);
        expect_in_order(slots, count);
    }
    free(classes);
    free(slots);
}

static void test_a_million_smoothed_maps(void **state)
{
    fixture *f = *state;
    uint32_t *classes = make_array(MILLION, sizeof *classes);
    float *maps = make_floats(MILLION), *smoothed = make_floats(MILLION);
    const fmgcam_buffer out = float_buffer(smoothed, MILLION);
    fmgcam_tensor m;

    for (uint32_t k = 0; k < MILLION; k++) {
        classes[k] = MILLION - k;
        maps[k] = (float)(k % 100);
    }
    fmgcam_tensor_maps(&m, maps, MILLION, 1, 1);
    for (int frame = 0; frame < 2; frame++)
        expect_ok(f->context,
                  fmgcam_smooth_maps(f->context, NULL, &m, classes, &out));
    expect_same_bits("what stays", smoothed, maps, MILLION);
    classes[MILLION - 1] = classes[17];
    expect_status(f->context,
                  fmgcam_smooth_maps(f->context, NULL, &m, classes, &out),
                  FMGCAM_STATUS_ARGUMENT,
                  "classes[999999]: 999983, which "
                  "classes[17] is already");
    free(classes);
    free(maps);
    free(smoothed);
}

static void test_a_hundred_thousand_pictures(void **state)
{
    enum { COUNT = 100000 };
    fixture *f = *state;
    const fmgcam_tensor a = maps_of(3, 1, 1), w = matrix_of(1, 3);
    const fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .weights = &w};
    const fmgcam_inputs **ins = make_array(COUNT, sizeof *ins);
    fmgcam_outputs *made = make_array(COUNT, sizeof *made);
    fmgcam_outputs **outs = make_array(COUNT, sizeof *outs);
    float *maps = make_floats(COUNT);

    for (size_t i = 0; i < COUNT; i++) {
        made[i] = (fmgcam_outputs){.struct_size = sizeof *made,
                                   .signed_maps = float_buffer(&maps[i], 1)};
        ins[i] = &in;
        outs[i] = &made[i];
    }
    expect_ok(f->context,
              fmgcam_explain_batch(f->context, ins, outs, COUNT, NULL));
    for (size_t i = 0; i < COUNT; i++)
        assert_float_equal(maps[i], 3, 0);
    free(ins);
    free(made);
    free(outs);
    free(maps);
}

static void test_a_hundred_thousand_layers(void **state)
{
    enum { COUNT = 100000 };
    fixture *f = *state;
    const fmgcam_tensor m = maps_of(2, 1, 1);
    const fmgcam_tensor **layers = make_array(COUNT, sizeof *layers);
    float maps[2 * 3];
    const fmgcam_buffer fused = float_buffer(maps, COUNT_OF(maps));

    for (size_t i = 0; i < COUNT; i++)
        layers[i] = &m;
    expect_ok(f->context,
              fmgcam_fuse_layers(f->context, layers, COUNT, 1, 3, &fused));
    for (size_t i = 0; i < COUNT_OF(maps); i++)
        assert_float_equal(maps[i], 1, 0);
    free(layers);
}

/* All cells of a long row fall into one pixel, and one cell makes a long row. */
static void test_a_million_cells_and_a_million_pixels(void **state)
{
    fixture *f = *state;
    float *row = make_floats(MILLION), pixel;
    const fmgcam_tensor many = maps_of(1, 1, MILLION), few = maps_of(1, 1, 1);
    const fmgcam_buffer one_pixel = float_buffer(&pixel, 1);
    const fmgcam_buffer whole = float_buffer(row, MILLION);

    for (uint32_t resample = 1; resample <= 3; resample++) {
        use_options(f->context, (fmgcam_options){.resample = resample});
        expect_ok(f->context,
                  fmgcam_resample_maps(f->context, &many, 1, 1, &one_pixel));
        /* Weights are rounded to float, and so is each of as many sums. */
        assert_float_equal(pixel, 1, (float)(2 * MILLION * FLOAT_ROUNDOFF));
        expect_ok(f->context,
                  fmgcam_resample_maps(f->context, &few, 1, MILLION, &whole));
        for (size_t i = 0; i < MILLION; i++)
            if (row[i] != 1.0f)
                fail_msg("pixel %zu is %g", i, (double)row[i]);
    }
    free(row);
}

/* ---- Limits of a context -------------------------------------------------- */

static uint32_t *limit_at(fmgcam_limits *limits, size_t index)
{
    uint32_t *const members[] = {
        &limits->classes,         &limits->channels,
        &limits->map_height,      &limits->map_width,
        &limits->picture_height,  &limits->picture_width,
        &limits->workers,         &limits->map_depth,
        &limits->batch,           &limits->tracked_scores,
        &limits->smoothed_classes};

    return index < COUNT_OF(members) ? members[index] : NULL;
}

/* Bytes that cannot be done without: signed and final maps, weights, what is
 * kept of films, a picture's taps. */
static double least_bytes(const fmgcam_limits *l)
{
    double cells = (double)l->map_depth * l->map_height * l->map_width;
    double slots = l->batch < l->workers ? l->batch : l->workers;
    double picture = 4.0 * l->picture_width + 4.0 * l->picture_height;
    double slot = 8.0 * l->classes * cells + 4.0 * l->classes * l->channels;

    if (l->flags & FMGCAM_LIMIT_EIGEN) {
        double n = cells < l->channels ? cells : l->channels;
        slot += 8 * n * n;
    }
    slot *= slots;
    return (slot > picture ? slot : picture) +
           4.0 * l->smoothed_classes * cells + 16.0 * l->tracked_scores;
}

/* The addends of docs/limits.md, and how many there are at most: each may be
 * rounded up to 64 bytes. */
enum { ADDENDS = 20, ROUNDING = 64 };

static double documented_bytes(const fmgcam_limits *l)
{
    const double k = fmax(l->classes, 4), classes = l->classes;
    const double h = l->picture_height, w = l->picture_width;
    const double cells = (double)l->map_depth * l->map_height * l->map_width;
    const double m = fmin(cells, l->channels);
    const double lines = fmax(16 * k * l->map_height, 6144);
    double worker = 8192;
    double drawing = 4 * k * cells + 20 * (w + h) +
                     32.0 * (l->map_width + (double)l->map_height) +
                     8 * classes;
    double slot = 4 * classes * l->channels + 8 * classes * cells + 4 * cells +
                  12 * classes + 16 * fmax(classes, l->channels);

    if (w > 0)
        worker = fmax(worker, lines + 3.0 * l->map_height + 32);
    else
        drawing = 0;
    if (l->flags & FMGCAM_LIMIT_EIGEN)
        slot += 8 * (m * m + 73 * m + 2.0 * l->channels + 2 * cells);
    return l->workers * 4 * worker +
           fmax(fmin(l->workers, l->batch) * slot, drawing) +
           24.0 * l->tracked_scores + l->smoothed_classes * (4 * cells + 8);
}

static void test_the_workspace_is_what_the_documents_say(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 6200);
    for (int i = 0; i < 2000; i++) {
        fmgcam_limits limits = {.struct_size = sizeof limits,
                                .classes = 1 + rng_below(&r, 50),
                                .channels = 1 + rng_below(&r, 3000),
                                .map_height = 1 + rng_below(&r, 60),
                                .map_width = 1 + rng_below(&r, 60),
                                .map_depth = 1 + rng_below(&r, 3),
                                .workers = 1 + rng_below(&r, 9),
                                .batch = 1 + rng_below(&r, 9),
                                .flags = rng_below(&r, 2),
                                .tracked_scores = rng_below(&r, 2000),
                                .smoothed_classes = rng_below(&r, 9)};
        size_t bytes;
        if (rng_below(&r, 2)) {
            limits.picture_height = 1 + rng_below(&r, 3000);
            limits.picture_width = 1 + rng_below(&r, 3000);
        }
        expect_ok(f->context,
                  fmgcam_workspace_size(f->context, &limits, &bytes));
        double least = documented_bytes(&limits);
        double most = least + ROUNDING * ADDENDS * (1.0 + limits.batch);
        if ((double)bytes < least || (double)bytes > most)
            fail_msg("%zu bytes, documented %.0f", bytes, least);
    }
}

/* A refused reservation names the bytes, or that there cannot be so many; one
 * that is granted has asked for just as many. */
static void check_reservation(const fmgcam_limits *limits)
{
    size_t largest = 0, bytes = 0;
    fmgcam_context *context = create_frugal(&largest);
    fmgcam_status measured = fmgcam_workspace_size(context, limits, &bytes);

    if (measured == FMGCAM_STATUS_OK) {
        assert_true((double)bytes >= least_bytes(limits));
    } else {
        assert_int_equal(measured, FMGCAM_STATUS_OVERFLOW);
        assert_non_null(strstr(fmgcam_error_detail(context), "limits: "));
    }
    largest = 0;
    fmgcam_status reserved = fmgcam_reserve(context, limits);
    if (measured)
        assert_int_equal(reserved, FMGCAM_STATUS_OVERFLOW);
    else if (largest > MOST_BYTES)
        assert_int_equal(reserved, FMGCAM_STATUS_NO_MEMORY);
    else
        assert_int_equal(reserved, FMGCAM_STATUS_OK);
    assert_true(largest <= bytes);
    fmgcam_destroy(context);
}

/* All members are small but three. Powers of two have products that come back to
 * 0 where nobody looks. */
static void check_large_limits(uint32_t flags, const uint32_t value[3])
{
    const fmgcam_limits small = {.struct_size = sizeof small,
                                 .flags = flags,
                                 .classes = 1,
                                 .channels = 1,
                                 .map_height = 1,
                                 .map_width = 1,
                                 .workers = 1,
                                 .map_depth = 1,
                                 .batch = 1};

    for (size_t i = 0; limit_at(&(fmgcam_limits){0}, i); i++)
        for (size_t j = 0; j <= i; j++)
            for (size_t k = 0; k <= j; k++) {
                fmgcam_limits limits = small;
                *limit_at(&limits, i) = value[0];
                *limit_at(&limits, j) = value[1];
                *limit_at(&limits, k) = value[2];
                bool draws = limits.picture_height || limits.picture_width;
                limits.picture_height += draws && !limits.picture_height;
                limits.picture_width += draws && !limits.picture_width;
                check_reservation(&limits);
            }
}

static void test_limits_at_their_ends_are_measured_or_refused(void **state)
{
    static const uint32_t large[] = {65536, UINT32_C(1) << 31, UINT32_MAX};
    enum { N = COUNT_OF(large) };

    (void)state;
    for (size_t i = 0; i < N * N * N; i++) {
        const uint32_t value[3] = {large[i % N], large[i / N % N],
                                   large[i / N / N]};
        check_large_limits(0, value);
        check_large_limits(FMGCAM_LIMIT_EIGEN, value);
    }
}

/* The largest value of a member with which @p limits can still be measured. */
static uint32_t largest_limit(fmgcam_context *context, fmgcam_limits limits,
                              size_t index)
{
    uint64_t fits = 1, too_much = (uint64_t)UINT32_MAX + 1;
    size_t bytes;

    while (too_much - fits > 1) {
        uint64_t middle = fits + (too_much - fits) / 2;
        *limit_at(&limits, index) = (uint32_t)middle;
        if (fmgcam_workspace_size(context, &limits, &bytes))
            too_much = middle;
        else
            fits = middle;
    }
    return (uint32_t)fits;
}

/* Three parts that each can be, and together cannot. */
static void test_sums_of_what_is_reserved_are_held_against_memory(void **state)
{
    enum { CLASSES = 0, TRACKED = 9, SMOOTHED = 10 };
    static const size_t parts[] = {CLASSES, TRACKED, SMOOTHED};
    fixture *f = *state;
    /* So many cells that less than 2^32 classes fill memory. */
    const uint32_t cells = SIZE_MAX >> 31 >> 31 ? MOST : 1000;
    const fmgcam_limits small = {.struct_size = sizeof small,
                                 .classes = 1,
                                 .channels = 1,
                                 .map_height = cells,
                                 .map_width = 1};
    fmgcam_limits all = small;
    size_t bytes;

    for (size_t i = 0; i < COUNT_OF(parts); i++)
        *limit_at(&all, parts[i]) = largest_limit(f->context, small, parts[i]);
    expect_status(f->context, fmgcam_workspace_size(f->context, &all, &bytes),
                  FMGCAM_STATUS_OVERFLOW, "limits: ");
    expect_status(f->context, fmgcam_reserve(f->context, &all),
                  FMGCAM_STATUS_OVERFLOW, "limits: ");
}

static int32_t run_none(void *opaque, fmgcam_task_fn task, void *job,
                        uint32_t count)
{
    (void)opaque;
    for (uint32_t i = 0; i < count; i++)
        task(job, i, 0);
    return 0;
}

/* Each has scratch of its own, which is too much of so many. */
static void test_as_many_workers_as_there_are_numbers(void **state)
{
    size_t largest = 0;
    fmgcam_context *context = create_frugal(&largest);

    (void)state;
    expect_ok(context, fmgcam_set_runner(context, run_none, NULL, UINT32_MAX));
    fmgcam_status status = probe_explain(context, (shape){1, 1, 1, 1});
    assert_true(status == FMGCAM_STATUS_NO_MEMORY ||
                status == FMGCAM_STATUS_OVERFLOW);
    assert_non_null(strstr(fmgcam_error_detail(context), "workspace: "));
    expect_ok(context, fmgcam_set_runner(context, run_none, NULL, 4));
    expect_ok(context, probe_explain(context, (shape){1, 1, 1, 1}));
    fmgcam_destroy(context);
}

/* ---- Pictures and steps ---------------------------------------------------- */

/* Sides and pitches that go together, and those that do not. */
static void test_pictures_at_the_ends_of_their_numbers(void **state)
{
    static const struct {
        int64_t pitch;
        uint32_t width, height;
        fmgcam_status status;
        const char *text;
    } rows[] = {
        {0, 0, 1, FMGCAM_STATUS_ARGUMENT, "width 0"},
        {0, 1, 0, FMGCAM_STATUS_ARGUMENT, "height 0"},
        {0, UINT32_MAX, 1, FMGCAM_STATUS_ARGUMENT, "width 4294967295"},
        {0, 1, UINT32_MAX, FMGCAM_STATUS_ARGUMENT, "height 4294967295"},
        {0, 1, MOST, FMGCAM_STATUS_ARGUMENT, "row_stride_bytes: 0, expected"},
        {2, 1, MOST, FMGCAM_STATUS_ARGUMENT, "at least 3"},
        {-2, 1, MOST, FMGCAM_STATUS_ARGUMENT, "at least 3"},
        {INT32_MAX, MOST, 2, FMGCAM_STATUS_ARGUMENT, "at least 6442450941"},
        {INT64_MAX, 1, 2, FMGCAM_STATUS_STRIDE, "9223372036854775807"},
        {INT64_MIN, 1, 2, FMGCAM_STATUS_STRIDE, "-9223372036854775808"},
        {INT64_MAX / (MOST - 1) + 1, 1, MOST, FMGCAM_STATUS_STRIDE, "rows"},
        {INT64_MAX / 2, MOST, MOST, FMGCAM_STATUS_STRIDE, "address space"},
    };
    static uint8_t pixel[4];
    fixture *f = *state;
    const fmgcam_tensor m = maps_of(1, 1, 1);
    const fmgcam_layers layers = {.struct_size = sizeof layers, .maps = &m};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const fmgcam_image image = {.data = pixel,
                                    .row_stride_bytes = rows[i].pitch,
                                    .width = rows[i].width,
                                    .height = rows[i].height};
        expect_status(f->context,
                      fmgcam_draw_heatmap(f->context, &layers, &image),
                      rows[i].status, rows[i].text);
        expect_status(f->context,
                      fmgcam_draw_overlay(f->context, &layers, &image, &image),
                      rows[i].status, rows[i].text);
    }
}

/* A pixel of a picture that is drawn to the end of what its width allows. */
static void test_a_picture_of_a_million_pixels_in_a_row(void **state)
{
    fixture *f = *state;
    uint8_t *pixels = make_array(MILLION, 3);
    const fmgcam_tensor m = maps_of(1, 1, 1);
    const fmgcam_layers layers = {.struct_size = sizeof layers, .maps = &m};
    const fmgcam_image lying = {pixels, INT64_MIN, MILLION, 1, 0, 0};
    const fmgcam_image standing = {pixels, 3, 1, MILLION, 0, 0};
    const uint8_t color[3] = {213, 94, 0};

    for (int turn = 0; turn < 2; turn++) {
        memset(pixels, 0, MILLION * 3);
        expect_ok(f->context, fmgcam_draw_heatmap(f->context, &layers,
                                                  turn ? &standing : &lying));
        for (size_t i = 0; i < MILLION; i++)
            if (memcmp(pixels + 3 * i, color, 3))
                fail_msg("pixel %zu has another colour", i);
    }
    free(pixels);
}

/* An even number of flips changes nothing. */
static void test_a_million_steps(void **state)
{
    fixture *f = *state;
    fmgcam_step *steps = make_array(MILLION, sizeof *steps);
    fmgcam_geometry geometry = {.struct_size = sizeof geometry};

    for (size_t i = 0; i < MILLION; i++)
        steps[i].kind =
            i % 2 ? FMGCAM_STEP_FLIP_HORIZONTAL : FMGCAM_STEP_FLIP_VERTICAL;
    expect_ok(f->context, fmgcam_find_geometry(f->context, MOST, 3, steps,
                                               MILLION, &geometry));
    assert_true(geometry.left == 0 && geometry.right == MOST);
    assert_true(geometry.top == 0 && geometry.bottom == 3);
    steps[MILLION - 1].kind = 9;
    expect_status(
        f->context,
        fmgcam_find_geometry(f->context, MOST, 3, steps, MILLION, &geometry),
        FMGCAM_STATUS_ARGUMENT, "steps[999999].kind: 9");
    free(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_measures_are_refused_before_elements_are_read),
        fixture_test(test_heads_are_refused_before_elements_are_read),
        fixture_test(test_layers_are_refused_before_elements_are_read),
        fixture_test(test_more_cells_than_a_class_can_count),
        cmocka_unit_test(test_every_product_of_extents_is_held_against_memory),
        fixture_test(test_volumes_that_are_larger_than_memory),
        fixture_test(test_no_axis_is_empty_or_longer_than_31_bits),
        fixture_test(test_no_size_is_zero_or_longer_than_31_bits),
        fixture_test(test_strides_that_leave_memory),
        fixture_test(test_outputs_between_far_elements_overlap_them),
        fixture_test(test_arrays_that_go_beyond_memory),
        fixture_test(test_overlapping_elements_are_what_their_copies_are),
        fixture_test(test_a_million_classes_of_one_cell),
        fixture_test(test_a_million_channels_of_one_cell),
        fixture_test(test_a_million_channels_have_a_component),
        fixture_test(test_a_million_scores),
        fixture_test(test_a_million_tracked_classes),
        fixture_test(test_a_million_smoothed_maps),
        fixture_test(test_a_hundred_thousand_pictures),
        fixture_test(test_a_hundred_thousand_layers),
        fixture_test(test_a_million_cells_and_a_million_pixels),
        cmocka_unit_test(test_limits_at_their_ends_are_measured_or_refused),
        fixture_test(test_the_workspace_is_what_the_documents_say),
        fixture_test(test_sums_of_what_is_reserved_are_held_against_memory),
        cmocka_unit_test(test_as_many_workers_as_there_are_numbers),
        fixture_test(test_pictures_at_the_ends_of_their_numbers),
        fixture_test(test_a_picture_of_a_million_pixels_in_a_row),
        fixture_test(test_a_million_steps),
    };

    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
