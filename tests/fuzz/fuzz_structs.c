/* SPDX-License-Identifier: MIT */
/*
 * Structs that grow: each of them, as large as an input says and no larger, with
 * members changed and whatever tail the input has. Those of a size that cannot
 * be, and those with a tail that is not zero, must be refused; no byte beyond
 * may be read or written.
 */
#include <stdio.h>
#include <string.h>

#include <fmgcam/imageio.h>

#include "../support.h"
#include "arena.h"
#include "fuzz.h"

enum { LARGEST = 4096, CLASSES = 3, CHANNELS = 4, SIDE = 3, PIXELS = 8 };

/* ---- Kinds of structs ---------------------------------------------------- */

typedef enum member_type { U32, U64, F32, F64, POINTER } member_type;

typedef struct member {
    size_t offset;
    member_type type;
} member;

typedef struct kind {
    const char *name;
    size_t size, first_size;
    const member *members;
    size_t count;
} kind;

#define M(type, name, how)                                                     \
 {                                                                             \
  offsetof(type, name), how                                                    \
 }
#define KIND(type, last, members)                                              \
 {                                                                             \
#  type, sizeof(type), offsetof(type, last) + sizeof(((type *)0)->last),       \
      members, COUNT_OF(members)                                               \
 }

static const member options_members[] = {
    M(fmgcam_options, flags, U32),        M(fmgcam_options, profile, U32),
    M(fmgcam_options, method, U32),       M(fmgcam_options, activation, U32),
    M(fmgcam_options, filter, U32),       M(fmgcam_options, normalize, U32),
    M(fmgcam_options, rescale, U32),      M(fmgcam_options, arithmetic, U32),
    M(fmgcam_options, fuse_at, U32),      M(fmgcam_options, resample, U32),
    M(fmgcam_options, blend, U32),        M(fmgcam_options, alpha, F32),
    M(fmgcam_options, target, U32),       M(fmgcam_options, non_finite, U32),
    M(fmgcam_options, layer_fusion, U32), M(fmgcam_options, spatial_axes, U32),
    M(fmgcam_options, palette, U32),      M(fmgcam_options, color_map, U32)};
static const kind options_kind =
    KIND(fmgcam_options, color_map, options_members);

static const member limits_members[] = {
    M(fmgcam_limits, classes, U32),
    M(fmgcam_limits, channels, U32),
    M(fmgcam_limits, map_height, U32),
    M(fmgcam_limits, map_width, U32),
    M(fmgcam_limits, picture_height, U32),
    M(fmgcam_limits, picture_width, U32),
    M(fmgcam_limits, workers, U32),
    M(fmgcam_limits, flags, U32),
    M(fmgcam_limits, map_depth, U32),
    M(fmgcam_limits, batch, U32),
    M(fmgcam_limits, tracked_scores, U32),
    M(fmgcam_limits, smoothed_classes, U32)};
static const kind limits_kind =
    KIND(fmgcam_limits, smoothed_classes, limits_members);

static const member inputs_members[] = {
    M(fmgcam_inputs, activations, POINTER),
    M(fmgcam_inputs, gradients, POINTER),
    M(fmgcam_inputs, weights, POINTER),
    M(fmgcam_inputs, classifier, POINTER),
    M(fmgcam_inputs, bias, POINTER),
    M(fmgcam_inputs, scores, POINTER),
    M(fmgcam_inputs, classes, POINTER),
    M(fmgcam_inputs, flags, U32),
    M(fmgcam_inputs, activations_quantization, POINTER),
    M(fmgcam_inputs, weights_quantization, POINTER)};
static const kind inputs_kind =
    KIND(fmgcam_inputs, scores_quantization, inputs_members);

static const member outputs_members[] = {
    M(fmgcam_outputs, weights.data, POINTER),
    M(fmgcam_outputs, winner.data, POINTER),
    M(fmgcam_outputs, maps.data, POINTER),
    M(fmgcam_outputs, margin.data, POINTER),
    M(fmgcam_outputs, flags, U32),
    M(fmgcam_outputs, result, U32),
    M(fmgcam_outputs, guarded, U64),
    M(fmgcam_outputs, non_finite, U64)};
static const kind outputs_kind =
    KIND(fmgcam_outputs, non_finite, outputs_members);

static const member quantization_members[] = {
    M(fmgcam_quantization, scales, POINTER),
    M(fmgcam_quantization, zero_points, POINTER),
    M(fmgcam_quantization, axis, U32)};
static const kind quantization_kind =
    KIND(fmgcam_quantization, axis, quantization_members);

static const member choice_members[] = {
    M(fmgcam_choice, rule, U32),          M(fmgcam_choice, link, U32),
    M(fmgcam_choice, count, U32),         M(fmgcam_choice, threshold, F32),
    M(fmgcam_choice, temperature, F32),   M(fmgcam_choice, flags, U32),
    M(fmgcam_choice, thresholds, POINTER)};
static const kind choice_kind =
    KIND(fmgcam_choice, scores_quantization, choice_members);

static const member tracking_members[] = {
    M(fmgcam_tracking, flags, U32),     M(fmgcam_tracking, count, U32),
    M(fmgcam_tracking, link, U32),      M(fmgcam_tracking, temperature, F32),
    M(fmgcam_tracking, smoothing, F32), M(fmgcam_tracking, hysteresis, F32),
    M(fmgcam_tracking, enter, F32),     M(fmgcam_tracking, leave, F32)};
static const kind tracking_kind =
    KIND(fmgcam_tracking, scores_quantization, tracking_members);

static const member geometry_members[] = {
    M(fmgcam_geometry, left, F64),
    M(fmgcam_geometry, top, F64),
    M(fmgcam_geometry, right, F64),
    M(fmgcam_geometry, bottom, F64),
    M(fmgcam_geometry, seen_left, F64),
    M(fmgcam_geometry, seen_top, F64),
    M(fmgcam_geometry, seen_right, F64),
    M(fmgcam_geometry, seen_bottom, F64),
    M(fmgcam_geometry, input_width, U32),
    M(fmgcam_geometry, input_height, U32)};
static const kind geometry_kind =
    KIND(fmgcam_geometry, input_height, geometry_members);

static const member layers_members[] = {
    M(fmgcam_layers, maps, POINTER),
    M(fmgcam_layers, signed_maps, POINTER),
    M(fmgcam_layers, colors, POINTER),
    M(fmgcam_layers, probabilities, POINTER),
    M(fmgcam_layers, classes, POINTER),
    M(fmgcam_layers, geometry, POINTER)};
static const kind layers_kind = KIND(fmgcam_layers, geometry, layers_members);

static const member check_members[] = {M(fmgcam_head_check, cause, U32),
                                       M(fmgcam_head_check, given, F64)};
static const kind check_kind = KIND(fmgcam_head_check, given, check_members);

static const member measures_members[] = {
    M(fmgcam_class_measures, flags, U32),
    M(fmgcam_class_measures, positive_share, F64)};
static const kind measures_kind =
    KIND(fmgcam_class_measures, positive_share, measures_members);

static const member read_members[] = {
    M(fmgcam_imageio_read_options, max_width, U32),
    M(fmgcam_imageio_read_options, max_height, U32),
    M(fmgcam_imageio_read_options, max_bytes, U64),
    M(fmgcam_imageio_read_options, background, U32),
    M(fmgcam_imageio_read_options, flags, U32)};
static const kind read_kind =
    KIND(fmgcam_imageio_read_options, flags, read_members);

static const member info_members[] = {M(fmgcam_imageio_info, kind, U32),
                                      M(fmgcam_imageio_info, notes, U32)};
static const kind info_kind = KIND(fmgcam_imageio_info, notes, info_members);

static const member write_members[] = {
    M(fmgcam_imageio_write_options, kind, U32),
    M(fmgcam_imageio_write_options, jpeg_quality, U32),
    M(fmgcam_imageio_write_options, jpeg_subsampling, U32),
    M(fmgcam_imageio_write_options, png_compression, U32)};
static const kind write_kind =
    KIND(fmgcam_imageio_write_options, png_compression, write_members);

/* ---- A struct out of bytes ----------------------------------------------- */

typedef struct given {
    void *data;  /* as many bytes as struct_size says, where that can be */
    bool fits;   /* the size can be */
    bool is_new; /* its tail asks for what nobody knows */
} given;

static size_t take_struct_size(input *in, const kind *k)
{
    uint32_t byte = take8(in);

    if (byte < 128)
        return k->size;
    if (byte < 160)
        return k->size + byte - 144;
    return byte < 250 ? take16(in) % (LARGEST + 64) : (size_t)take64(in);
}

static void put_member(uint8_t *at, member_type type, input *in)
{
    uint32_t narrow = take8(in) < 0xF0 ? take8(in) : take32(in);
    uint64_t wide = type == U64 ? take64(in) : 0;
    float real = type == F32 ? take_float(in) : 0;
    double exact = type == F64 ? take_double(in) : 0;
    void *nothing = NULL;

    switch (type) {
    case U32: memcpy(at, &narrow, sizeof narrow); break;
    case U64: memcpy(at, &wide, sizeof wide); break;
    case F32: memcpy(at, &real, sizeof real); break;
    case F64: memcpy(at, &exact, sizeof exact); break;
    case POINTER: memcpy(at, &nothing, sizeof nothing); break;
    }
}

static void change_members(uint8_t *copy, const kind *k, input *in)
{
    uint32_t changes = take8(in) % 5;

    for (uint32_t i = 0; i < changes; i++) {
        const member *m = &k->members[take_below(in, (uint32_t)k->count)];
        put_member(copy + m->offset, m->type, in);
    }
}

/* @return whether any byte of the tail is set. */
static bool fill_tail(uint8_t *tail, size_t size, input *in)
{
    memset(tail, 0, size);
    if (size == 0 || take_below(in, 2))
        return false;
    uint8_t byte = take8(in);
    tail[take16(in) % size] = byte;
    return byte != 0;
}

static given give(input *in, const kind *k, const void *base)
{
    uint8_t copy[512];
    size_t size = take_struct_size(in, k);
    given g = {.fits = size >= k->first_size && size <= LARGEST};
    size_t there =
        size > LARGEST + 64 || size < sizeof size ? sizeof size : size;
    /* Aligned, and where it can be flush with the guard page. */
    uint8_t *data = arena_take(there, there % sizeof(double) != 0);
    size_t known = there < k->size ? there : k->size;

    require(k->size <= sizeof copy, "%s is too large", k->name);
    memcpy(copy, base, k->size);
    memcpy(copy, &size, sizeof size);
    change_members(copy, k, in);
    memcpy(data, copy, known);
    g.is_new = fill_tail(data + known, there - known, in);
    g.data = data;
    return g;
}

/* What must come of the size and the tail of a struct that is read. */
static void expect_read(const kind *k, const given *g, int32_t status,
                        int32_t bad_size, int32_t bad_tail)
{
    require(g->fits || status == bad_size, "%s of a bad size: %d", k->name,
            (int)status);
    require(!g->fits || !g->is_new || status == bad_tail, "%s with a tail: %d",
            k->name, (int)status);
}

static void expect_written(const kind *k, const given *g, int32_t status,
                           int32_t bad_size)
{
    require(g->fits || status == bad_size, "%s of a bad size: %d", k->name,
            (int)status);
}

/* ---- The core ------------------------------------------------------------ */

typedef struct scene {
    input in;
    fmgcam_context *context;
    fmgcam_tensor activations, weights, maps, scores, integers;
    fmgcam_buffer out; /* of many numbers */
} scene;

static const float *take_numbers(size_t count)
{
    uint8_t *data = arena_take(count * sizeof(float), false);

    for (size_t i = 0; i < count; i++) {
        float value = (float)(i * 5 % 7) - 2;
        memcpy(data + i * sizeof value, &value, sizeof value);
    }
    arena_seal(data);
    return (const float *)(void *)data;
}

static void set_scene(scene *s)
{
    require(!fmgcam_set_options(s->context, NULL), "no default options");
    fmgcam_tensor_nchw(&s->activations, take_numbers(CHANNELS * SIDE * SIDE),
                       FMGCAM_DTYPE_FLOAT32, 1, CHANNELS, SIDE, SIDE);
    fmgcam_tensor_matrix(&s->weights, take_numbers(CLASSES * CHANNELS),
                         FMGCAM_DTYPE_FLOAT32, CLASSES, CHANNELS);
    fmgcam_tensor_maps(&s->maps, take_numbers(CLASSES * SIDE * SIDE), CLASSES,
                       SIDE, SIDE);
    fmgcam_tensor_vector(&s->scores, take_numbers(CLASSES),
                         FMGCAM_DTYPE_FLOAT32, CLASSES);
    fmgcam_tensor_vector(&s->integers, take_numbers(CLASSES), FMGCAM_DTYPE_INT8,
                         CLASSES);
    s->out = (fmgcam_buffer){arena_take(1024, false), 1024};
}

static fmgcam_status ended(const scene *s, fmgcam_status status)
{
    const char *detail = fmgcam_error_detail(s->context);

    require(status >= FMGCAM_STATUS_OK && status <= FMGCAM_STATUS_RUNNER,
            "status %d", (int)status);
    require((status == FMGCAM_STATUS_OK) == (*detail == '\0') &&
                (status == FMGCAM_STATUS_OK || begins_with_name(detail)),
            "status %d with the text '%s'", (int)status, detail);
    arena_check();
    return status;
}

static void expect_core(const scene *s, const kind *k, const given *g,
                        fmgcam_status status)
{
    expect_read(k, g, ended(s, status), FMGCAM_STATUS_ARGUMENT,
                FMGCAM_STATUS_UNSUPPORTED);
}

static void set_options(scene *s)
{
    const fmgcam_options base = {.struct_size = sizeof base};
    given g = give(&s->in, &options_kind, &base);

    expect_core(s, &options_kind, &g, fmgcam_set_options(s->context, g.data));
}

static void get_options(scene *s)
{
    const fmgcam_options base = {.struct_size = sizeof base};
    given g = give(&s->in, &options_kind, &base);

    expect_written(&options_kind, &g,
                   ended(s, fmgcam_get_options(s->context, g.data)),
                   FMGCAM_STATUS_ARGUMENT);
    size_t size;
    memcpy(&size, g.data, sizeof size);
    fmgcam_status status = fmgcam_options_init(g.data, size);
    require((status == FMGCAM_STATUS_OK) == g.fits, "options_init: %d",
            (int)status);
}

static void use_limits(scene *s)
{
    const fmgcam_limits base = {.struct_size = sizeof base,
                                .classes = CLASSES,
                                .channels = CHANNELS,
                                .map_height = SIDE,
                                .map_width = SIDE};
    given g = give(&s->in, &limits_kind, &base);
    size_t bytes = 0;
    fmgcam_status status = fmgcam_workspace_size(s->context, g.data, &bytes);

    expect_core(s, &limits_kind, &g, status);
    if (status == FMGCAM_STATUS_OK && bytes < 1 << 20)
        expect_core(s, &limits_kind, &g, fmgcam_reserve(s->context, g.data));
}

static void explain(scene *s)
{
    const fmgcam_inputs inputs = {.struct_size = sizeof inputs,
                                  .activations = &s->activations,
                                  .weights = &s->weights};
    fmgcam_outputs outputs = {.struct_size = sizeof outputs, .maps = s->out};
    bool by_inputs = take_below(&s->in, 2);
    const kind *k = by_inputs ? &inputs_kind : &outputs_kind;
    given g = by_inputs ? give(&s->in, k, &inputs) : give(&s->in, k, &outputs);

    expect_core(s, k, &g,
                fmgcam_explain(s->context, by_inputs ? g.data : &inputs,
                               by_inputs ? &outputs : g.data));
}

static void read_integers(scene *s)
{
    const fmgcam_quantization base = {
        .struct_size = sizeof base, .scales = take_numbers(1), .count = 1};
    given g = give(&s->in, &quantization_kind, &base);

    expect_core(s, &quantization_kind, &g,
                fmgcam_read_tensor(s->context, &s->integers, g.data, &s->out));
}

static void choose(scene *s)
{
    const fmgcam_choice base = {.struct_size = sizeof base};
    given g = give(&s->in, &choice_kind, &base);
    uint32_t count;

    expect_core(s, &choice_kind, &g,
                fmgcam_choose_classes(s->context, g.data, &s->scores, &s->out,
                                      NULL, &count));
}

static void track(scene *s)
{
    const fmgcam_tracking base = {.struct_size = sizeof base};
    given g = give(&s->in, &tracking_kind, &base);
    uint32_t count;

    expect_core(s, &tracking_kind, &g,
                fmgcam_track_classes(s->context, g.data, &s->scores, &s->out,
                                     NULL, NULL, &count));
}

static void draw(scene *s)
{
    const fmgcam_geometry whole = {.struct_size = sizeof whole,
                                   .right = PIXELS,
                                   .bottom = PIXELS,
                                   .seen_right = PIXELS,
                                   .seen_bottom = PIXELS};
    fmgcam_layers base = {
        .struct_size = sizeof base, .maps = &s->maps, .geometry = &whole};
    const fmgcam_image image = {.data = arena_take(3 * PIXELS * PIXELS, false),
                                .row_stride_bytes = 3 * PIXELS,
                                .width = PIXELS,
                                .height = PIXELS};
    bool by_geometry = take_below(&s->in, 2);
    const kind *k = by_geometry ? &geometry_kind : &layers_kind;
    given g = by_geometry ? give(&s->in, k, &whole) : give(&s->in, k, &base);

    if (by_geometry)
        base.geometry = g.data;
    expect_core(
        s, k, &g,
        fmgcam_draw_heatmap(s->context, by_geometry ? &base : g.data, &image));
}

static void find_geometry(scene *s)
{
    const fmgcam_geometry base = {.struct_size = sizeof base};
    given g = give(&s->in, &geometry_kind, &base);

    expect_written(
        &geometry_kind, &g,
        ended(s, fmgcam_find_geometry(s->context, 4, 3, NULL, 0, g.data)),
        FMGCAM_STATUS_ARGUMENT);
}

static void check_head(scene *s)
{
    const fmgcam_inputs inputs = {.struct_size = sizeof inputs,
                                  .activations = &s->activations,
                                  .classifier = &s->weights,
                                  .scores = &s->scores};
    const fmgcam_head_check base = {.struct_size = sizeof base};
    given g = give(&s->in, &check_kind, &base);

    expect_written(&check_kind, &g,
                   ended(s, fmgcam_check_head(s->context, &inputs, 0, g.data)),
                   FMGCAM_STATUS_ARGUMENT);
}

static void measure(scene *s)
{
    const fmgcam_class_measures base = {.struct_size = sizeof base};
    given g = give(&s->in, &measures_kind, &base);

    expect_written(&measures_kind, &g,
                   ended(s, fmgcam_measure_class(s->context, &s->maps, NULL,
                                                 NULL, 0, 0.5f, g.data)),
                   FMGCAM_STATUS_ARGUMENT);
}

/* ---- Pictures ------------------------------------------------------------ */

static const uint8_t pixels[3 * 2 * 2];

static size_t write_png(uint8_t *file, size_t size)
{
    const fmgcam_imageio_write_options options = {.struct_size = sizeof options,
                                                  .kind = FMGCAM_IMAGEIO_PNG};
    char error[80];

    require(!fmgcam_imageio_write_memory(file, size, &size, &options, pixels, 2,
                                         2, 6, error, sizeof error),
            "%s", error);
    return size;
}

static void read_picture(scene *s)
{
    const fmgcam_imageio_read_options options = {.struct_size = sizeof options};
    const fmgcam_imageio_info info = {.struct_size = sizeof info};
    uint8_t file[512];
    size_t size = write_png(file, sizeof file);
    given o = give(&s->in, &read_kind, &options);
    given i = give(&s->in, &info_kind, &info);
    char error[80];
    fmgcam_imageio_status status = fmgcam_imageio_probe_memory(
        file, size, o.data, i.data, error, sizeof error);

    arena_check();
    require((status == FMGCAM_IMAGEIO_OK) == (*error == '\0'), "%d '%s'",
            (int)status, error);
    expect_written(&info_kind, &i, status, FMGCAM_IMAGEIO_ARGUMENT);
    if (i.fits)
        expect_read(&read_kind, &o, status, FMGCAM_IMAGEIO_ARGUMENT,
                    FMGCAM_IMAGEIO_UNSUPPORTED);
}

static void write_picture(scene *s)
{
    const fmgcam_imageio_write_options options = {.struct_size = sizeof options,
                                                  .kind = FMGCAM_IMAGEIO_JPEG};
    given g = give(&s->in, &write_kind, &options);
    uint8_t *file = arena_take(4096, false);
    size_t size = 0;
    char error[80];
    fmgcam_imageio_status status = fmgcam_imageio_write_memory(
        file, 4096, &size, g.data, pixels, 2, 2, 6, error, sizeof error);

    arena_check();
    require((status == FMGCAM_IMAGEIO_OK) == (*error == '\0'), "%d '%s'",
            (int)status, error);
    expect_read(&write_kind, &g, status, FMGCAM_IMAGEIO_ARGUMENT,
                FMGCAM_IMAGEIO_UNSUPPORTED);
}

/* ---- Which --------------------------------------------------------------- */

static void (*const calls[])(scene *s) = {
    set_options, get_options,  use_limits,   explain,       read_integers,
    choose,      track,        draw,         find_geometry, check_head,
    measure,     read_picture, write_picture};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scene s = {.in = {data, data + size}};
    char error[80];

    require(!fmgcam_create(NULL, &s.context, error, sizeof error), "%s", error);
    for (int i = 0; i < 6 && s.in.at < s.in.end; i++) {
        arena_reset();
        set_scene(&s);
        calls[take_below(&s.in, COUNT_OF(calls))](&s);
    }
    fmgcam_destroy(s.context);
    return 0;
}
