/* SPDX-License-Identifier: MIT */
/*
 * The core library: an input is a series of calls on one context, with all that
 * they are given. It is followed once with the C kernels, and once with those
 * of this CPU; what comes back must be the same, and hold what the header
 * promises.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "scene.h"

enum { MOST_CALLS = 10, MOST_PICTURES = 4, MOST_LAYERS = 4, MOST_STEPS = 6 };

/* ---- Memory -------------------------------------------------------------- */

enum { LARGEST_REQUEST = 4 << 20 };

/* The strict one, but what is large is not to be had. */
typedef struct small_heap {
    fmgcam_allocator strict;
} small_heap;

static void *allocate(void *opaque, size_t size)
{
    const small_heap *heap = opaque;

    if (size > LARGEST_REQUEST)
        return NULL;
    return heap->strict.allocate(heap->strict.opaque, size);
}

static void release(void *opaque, void *memory)
{
    const small_heap *heap = opaque;

    heap->strict.release(heap->strict.opaque, memory);
}

/* ---- Options and hooks --------------------------------------------------- */

static void note_options(scene *s)
{
    s->options.struct_size = sizeof s->options;
    require(fmgcam_get_options(s->context, &s->options) == FMGCAM_STATUS_OK,
            "options cannot be read");
}

static const struct {
    size_t offset;
    uint32_t most;
} choices[] = {
    {offsetof(fmgcam_options, method), FMGCAM_METHOD_FEM},
    {offsetof(fmgcam_options, flags), 3},
    {offsetof(fmgcam_options, profile), FMGCAM_PROFILE_RELEASED},
    {offsetof(fmgcam_options, activation), FMGCAM_ACTIVATION_NONE},
    {offsetof(fmgcam_options, filter), FMGCAM_FILTER_NONE},
    {offsetof(fmgcam_options, normalize), FMGCAM_NORMALIZE_PROBABILITY},
    {offsetof(fmgcam_options, rescale), FMGCAM_RESCALE_NONE},
    {offsetof(fmgcam_options, arithmetic), FMGCAM_ARITHMETIC_REPRODUCIBLE},
    {offsetof(fmgcam_options, fuse_at), FMGCAM_FUSE_AT_IMAGE},
    {offsetof(fmgcam_options, resample), FMGCAM_RESAMPLE_BICUBIC},
    {offsetof(fmgcam_options, blend), FMGCAM_BLEND_CONSTANT},
    {offsetof(fmgcam_options, target), FMGCAM_TARGET_SIGMOID},
    {offsetof(fmgcam_options, non_finite), FMGCAM_NON_FINITE_PROPAGATE},
    {offsetof(fmgcam_options, layer_fusion), FMGCAM_LAYER_FUSION_PRODUCT},
    {offsetof(fmgcam_options, spatial_axes), 3},
    {offsetof(fmgcam_options, palette), FMGCAM_PALETTE_RELEASED},
    {offsetof(fmgcam_options, color_map), FMGCAM_COLOR_MAP_DIVERGING},
};

static void set_options(scene *s)
{
    fmgcam_options o = {.struct_size = sizeof o};

    for (size_t i = 0; i < COUNT_OF(choices); i++) {
        uint32_t value = take_option(&s->in, choices[i].most);
        memcpy((char *)&o + choices[i].offset, &value, sizeof value);
    }
    o.alpha = take_float(&s->in);
    if (!(o.alpha >= 0 && o.alpha <= 1) && !take_rare(&s->in))
        o.alpha = 0;
    bool defaults = take_rare(&s->in);
    scene_end(s, fmgcam_set_options(s->context, defaults ? NULL : &o));
    note_options(s);
}

static void read_options(scene *s)
{
    fmgcam_options o = {.struct_size =
                            take_rare(&s->in) ? take16(&s->in) % 76 : sizeof o};

    scene_end(s, fmgcam_get_options(s->context, &o));
}

static void set_runner(scene *s)
{
    static const struct {
        runner *run;
        bool works;
    } runners[] = {{run_serially, true},       {run_backwards, true},
                   {run_shuffled, true},       {run_failing, false},
                   {run_failing_late, false},  {run_foreign_worker, false},
                   {run_foreign_index, false}, {run_all_but_one, false}};
    uint32_t byte = take8(&s->in);
    uint32_t which = byte < 200 ? byte % 3 : byte % COUNT_OF(runners);

    s->runner = (runner_log){.workers = 1 + take_below(&s->in, 5)};
    bool alone = take_below(&s->in, 4) == 3;
    uint32_t workers = take_rare(&s->in) ? take32(&s->in) : s->runner.workers;
    if (!alone && workers > s->runner.workers)
        workers = s->runner.workers;
    scene_end(s,
              fmgcam_set_runner(s->context, alone ? NULL : runners[which].run,
                                &s->runner, alone ? 0 : workers));
}

static void check_message(void *opaque, uint32_t level, const char *message)
{
    (void)opaque;
    require(level == FMGCAM_LOG_ERROR || level == FMGCAM_LOG_INFO, "level %u",
            (unsigned)level);
    require(*message && !strchr(message, '\n'), "message '%s'", message);
}

static void set_log(scene *s)
{
    bool silent = take8(&s->in) & 1;

    scene_end(s, fmgcam_set_log(s->context, silent ? NULL : check_message, s));
}

/* Around the sizes in use: enough, and now and then not. */
static uint32_t take_limit(scene *s, uint32_t size)
{
    uint32_t byte = take8(&s->in);

    return byte < 200 ? size : byte < 240 ? size + byte - 220 : take32(&s->in);
}

static fmgcam_limits take_limits(scene *s)
{
    uint32_t most[] = {s->classes,    s->channels, s->map[0], s->map[1],
                       s->map[2],     40,          40,        5,
                       MOST_PICTURES, s->scores,   s->classes};

    for (size_t i = 0; i < COUNT_OF(most); i++)
        most[i] = take_limit(s, most[i]);
    return (fmgcam_limits){.struct_size = sizeof(fmgcam_limits),
                           .classes = most[0],
                           .channels = most[1],
                           .map_depth = most[2],
                           .map_height = most[3],
                           .map_width = most[4],
                           .picture_height = most[5],
                           .picture_width = most[6],
                           .workers = most[7],
                           .batch = most[8],
                           .tracked_scores = most[9],
                           .smoothed_classes = most[10],
                           .flags = take_option(&s->in, FMGCAM_LIMIT_EIGEN)};
}

static void reserve(scene *s)
{
    fmgcam_limits limits = take_limits(s);
    size_t bytes = 0;
    size_t *told = take_rare(&s->in) ? NULL : &bytes;
    fmgcam_status status =
        scene_end(s, fmgcam_workspace_size(s->context, &limits, told));

    require(status || bytes > 0, "a workspace of nothing");
    scene_end(s, fmgcam_reserve(s->context, &limits));
}

/* ---- Stages 1 to 6 ------------------------------------------------------- */

static bool is_class_agnostic(const scene *s)
{
    return s->options.method == FMGCAM_METHOD_EIGEN_CAM ||
           s->options.method == FMGCAM_METHOD_FEM;
}

enum { BY_GRADIENTS, BY_WEIGHTS, BY_CLASSIFIER, BY_NOTHING, BY_COUNT };

static void take_source(scene *s, fmgcam_inputs *i)
{
    uint32_t by = take_option(&s->in, BY_COUNT - 1);

    if (is_class_agnostic(s) && by != BY_NOTHING)
        by = take_rare(&s->in) ? by : BY_NOTHING;
    if (by == BY_GRADIENTS || by >= BY_COUNT)
        i->gradients = scene_stack(s, s->classes, s->channels);
    if (by == BY_WEIGHTS || by > BY_COUNT)
        i->weights = scene_matrix(s, s->classes, s->channels);
    if (by == BY_CLASSIFIER)
        i->classifier = scene_matrix(s, s->scores, s->channels);
    i->gradients_quantization = scene_quantization(s, i->gradients);
    i->weights_quantization = scene_quantization(s, i->weights);
    i->classifier_quantization = scene_quantization(s, i->classifier);
}

static fmgcam_inputs take_inputs(scene *s)
{
    fmgcam_inputs i = {.struct_size = sizeof i};
    uint32_t also = take8(&s->in);

    i.activations = scene_maps(s, s->channels, also & 1);
    i.activations_quantization = scene_quantization(s, i.activations);
    take_source(s, &i);
    if (also & 2)
        i.scores = scene_vector(s, s->scores);
    i.scores_quantization = scene_quantization(s, i.scores);
    if (also & 4)
        i.probabilities = scene_vector(s, s->classes);
    if (also & 8)
        i.bias = scene_vector(s, s->scores);
    i.bias_quantization = scene_quantization(s, i.bias);
    if (also & 16 || i.classifier)
        i.classes = scene_indices(s, s->classes, s->scores);
    i.class_count = i.classes ? s->classes : 0;
    i.flags = take_rare(&s->in);
    return i;
}

static fmgcam_buffer take_wanted(scene *s, size_t count)
{
    const fmgcam_buffer *b = scene_buffer(s, count, 4);

    return b ? *b : (fmgcam_buffer){NULL, 0};
}

/* How many classes are explained. */
static size_t count_classes(const scene *s, const fmgcam_inputs *i)
{
    if (is_class_agnostic(s))
        return 1;
    return i->classifier && !i->classes ? s->scores : s->classes;
}

static fmgcam_outputs take_outputs(scene *s, const fmgcam_inputs *inputs)
{
    fmgcam_outputs o = {.struct_size = sizeof o};
    size_t cells = scene_cells(s);
    size_t classes = count_classes(s, inputs);
    size_t stack = classes * cells;
    uint32_t wanted = take8(&s->in);

    if (wanted & 1)
        o.weights = take_wanted(s, classes * s->channels);
    if (wanted & 2)
        o.signed_maps = take_wanted(s, stack);
    if (wanted & 4)
        o.class_maps = take_wanted(s, stack);
    if (wanted & 8)
        o.winner = take_wanted(s, cells);
    if (wanted & 16)
        o.filtered_maps = take_wanted(s, stack);
    if (wanted & 32)
        o.normalized_maps = take_wanted(s, stack);
    if (wanted & 64)
        o.margin = take_wanted(s, cells);
    if (!(wanted & 128))
        o.maps = take_wanted(s, stack);
    o.flags = take_rare(&s->in);
    return o;
}

static float float_at(const fmgcam_buffer *b, size_t index)
{
    float value;

    memcpy(&value, (const uint8_t *)b->data + index * sizeof value,
           sizeof value);
    return value;
}

static void check_finite(const char *what, const fmgcam_buffer *b, size_t count,
                         float low, float high)
{
    for (size_t i = 0; b->data && i < count; i++) {
        float value = float_at(b, i);
        require(value >= low && value <= high, "%s[%zu]: %g", what, i,
                (double)value);
    }
}

static void check_winner(const fmgcam_buffer *b, size_t cells, size_t classes)
{
    for (size_t i = 0; b->data && i < cells; i++) {
        int32_t winner;
        memcpy(&winner, (const uint8_t *)b->data + i * sizeof winner,
               sizeof winner);
        require(winner >= -1 && winner < (int32_t)classes, "winner[%zu]: %d", i,
                (int)winner);
    }
}

static void check_outputs(const scene *s, const fmgcam_inputs *inputs,
                          const fmgcam_outputs *o)
{
    size_t cells = scene_cells(s);
    size_t classes = count_classes(s, inputs);
    size_t stack = classes * cells;
    bool rescaled = s->options.rescale != FMGCAM_RESCALE_NONE;
    const float most = HUGE_VALF, end = 0x1.fffffep127f;

    if (s->is_wild)
        return;
    check_winner(&o->winner, cells, classes);
    if (s->options.non_finite == FMGCAM_NON_FINITE_PROPAGATE)
        return;
    check_finite("weights", &o->weights, classes * s->channels, -end, end);
    check_finite("signed_maps", &o->signed_maps, stack, -end, end);
    check_finite("class_maps", &o->class_maps, stack, -end, end);
    check_finite("filtered_maps", &o->filtered_maps, stack, -end, end);
    check_finite("normalized_maps", &o->normalized_maps, stack, -end, end);
    check_finite("margin", &o->margin, cells, -end, most);
    check_finite("maps", &o->maps, stack, rescaled ? 0 : -end,
                 rescaled ? 1 : end);
}

/* Again, what else happened on the context must not matter. */
static void explain_again(scene *s, const fmgcam_inputs *inputs,
                          fmgcam_outputs *outputs)
{
    uint64_t before = s->digest, once;

    s->digest = 0;
    scene_end(s, FMGCAM_STATUS_OK);
    once = s->digest;
    s->digest = 0;
    scene_end(s, fmgcam_explain(s->context, inputs, outputs));
    require(s->digest == once, "the same call gives something else");
    s->digest = before;
}

static void note_results(scene *s, const fmgcam_outputs *o)
{
    require(o->result <= FMGCAM_RESULT_FLAT, "result 0x%x",
            (unsigned)o->result);
    if (!scene_is_reproducible(s))
        return;
    s->digest = fuzz_hash(s->digest, &o->result, sizeof o->result);
    s->digest = fuzz_hash(s->digest, &o->guarded, sizeof o->guarded);
    s->digest = fuzz_hash(s->digest, &o->non_finite, sizeof o->non_finite);
}

static void explain(scene *s)
{
    fmgcam_inputs inputs = take_inputs(s);
    fmgcam_outputs outputs = take_outputs(s, &inputs);

    if (scene_end(s, fmgcam_explain(s->context, &inputs, &outputs)))
        return;
    note_results(s, &outputs);
    check_outputs(s, &inputs, &outputs);
    if (!s->heap.fail_at && s->runner.workers == 0)
        explain_again(s, &inputs, &outputs);
}

static void explain_batch(scene *s)
{
    fmgcam_inputs inputs[MOST_PICTURES];
    fmgcam_outputs outputs[MOST_PICTURES];
    const fmgcam_inputs *in[MOST_PICTURES];
    fmgcam_outputs *out[MOST_PICTURES];
    fmgcam_status statuses[MOST_PICTURES] = {0};
    uint32_t count = take_below(&s->in, MOST_PICTURES + 1);

    s->is_batch = true;
    for (uint32_t i = 0; i < count; i++) {
        inputs[i] = take_inputs(s);
        outputs[i] = take_outputs(s, &inputs[i]);
        in[i] = take_rare(&s->in) ? NULL : &inputs[i];
        out[i] = take_rare(&s->in) ? NULL : &outputs[i];
    }
    bool told = !take_rare(&s->in);
    fmgcam_status status =
        scene_end(s, fmgcam_explain_batch(s->context, in, out, count,
                                          told ? statuses : NULL));
    for (uint32_t i = 0; told && i < count; i++) {
        require(status || !statuses[i], "picture %u failed alone", i);
        if (!statuses[i])
            note_results(s, &outputs[i]);
        if (!statuses[i])
            check_outputs(s, &inputs[i], &outputs[i]);
    }
}

/* ---- The stages, one by one ---------------------------------------------- */

static void pool_gradients(scene *s)
{
    const fmgcam_tensor *g = scene_stack(s, s->classes, s->channels);
    const fmgcam_buffer *w =
        scene_buffer(s, (size_t)s->classes * s->channels, 4);

    scene_end(s, fmgcam_pool_gradients(s->context, g, w));
}

static void combine_channels(scene *s)
{
    const fmgcam_tensor *w = scene_matrix(s, s->classes, s->channels);
    const fmgcam_tensor *a = scene_maps(s, s->channels, take_below(&s->in, 2));
    const fmgcam_buffer *m = scene_buffer(s, s->classes * scene_cells(s), 4);

    scene_end(s, fmgcam_combine_channels(s->context, w, a, m));
}

/* Room of its own, or that of @p maps. */
static const fmgcam_buffer *take_result(scene *s, const fmgcam_tensor *maps)
{
    if (take_below(&s->in, 3) == 2)
        return scene_buffer_at(s, maps);
    return scene_buffer(s, s->classes * scene_cells(s), 4);
}

static void activate_maps(scene *s)
{
    const fmgcam_tensor *maps = scene_maps(s, s->classes, false);

    scene_end(s, fmgcam_activate_maps(s->context, maps, take_result(s, maps)));
}

static void filter_maps(scene *s)
{
    const fmgcam_tensor *m = scene_maps(s, s->classes, false);
    const fmgcam_tensor *r = scene_maps(s, s->classes, false);
    const fmgcam_buffer *f = scene_buffer(s, s->classes * scene_cells(s), 4);
    const fmgcam_buffer *w = scene_buffer(s, scene_cells(s), 4);

    if (!scene_end(s, fmgcam_filter_maps(s->context, m, r, f, w)) && w &&
        !s->is_wild)
        check_winner(w, scene_cells(s), s->classes);
}

static void normalize_maps(scene *s)
{
    const fmgcam_tensor *maps = scene_maps(s, s->classes, false);
    const fmgcam_tensor *p = scene_vector(s, s->classes);

    scene_end(s,
              fmgcam_normalize_maps(s->context, maps, p, take_result(s, maps)));
}

static void rescale_maps(scene *s)
{
    const fmgcam_tensor *maps = scene_maps(s, s->classes, false);
    const fmgcam_buffer *to = take_result(s, maps);
    uint32_t result = 0;

    if (scene_end(s, fmgcam_rescale_maps(s->context, maps, to,
                                         take_rare(&s->in) ? NULL : &result)))
        return;
    require(result <= FMGCAM_RESULT_FLAT, "result 0x%x", (unsigned)result);
    if (!s->is_wild && s->options.rescale != FMGCAM_RESCALE_NONE &&
        s->options.non_finite != FMGCAM_NON_FINITE_PROPAGATE)
        check_finite("rescaled", to, s->classes * scene_cells(s), 0, 1);
}

static void read_tensor(scene *s)
{
    int64_t shape[5];
    uint32_t rank = 1 + take_below(&s->in, 6);
    size_t count = 1;

    for (uint32_t i = 0; i < 5; i++) {
        shape[i] = i < rank ? 1 + take_below(&s->in, 6) : 1;
        count *= (size_t)shape[i];
    }
    const fmgcam_tensor *t = scene_tensor(s, rank < 6 ? rank : 5, shape);
    const fmgcam_quantization *q = scene_quantization(s, t);
    const fmgcam_buffer *to = scene_buffer(s, count, 4);
    scene_end(s, fmgcam_read_tensor(s->context, t, q, to));
}

static void fuse_layers(scene *s)
{
    const fmgcam_tensor *maps[MOST_LAYERS];
    uint32_t count = take_below(&s->in, MOST_LAYERS + 1);
    uint32_t height = 1 + take_below(&s->in, 24);
    uint32_t width = 1 + take_below(&s->in, 24);

    for (uint32_t i = 0; i < count; i++) {
        int64_t shape[3] = {s->classes};
        shape[1] = 1 + take_below(&s->in, 9);
        shape[2] = 1 + take_below(&s->in, 9);
        maps[i] = scene_tensor(s, 3, shape);
    }
    const fmgcam_buffer *to =
        scene_buffer(s, (size_t)s->classes * height * width, 4);
    scene_end(s,
              fmgcam_fuse_layers(s->context, maps, count, height, width, to));
}

/* ---- Stage 7 ------------------------------------------------------------- */

/* Where small numbers are expected, small ones, but for a few. */
static uint32_t take_pixels(input *in)
{
    uint32_t byte = take8(in);

    return byte < 245 ? byte % 48 : take32(in);
}

static fmgcam_step take_step(input *in)
{
    fmgcam_step step;

    step.kind = take_option(in, FMGCAM_STEP_FLIP_VERTICAL);
    step.flags = take_option(in, 1);
    step.width = take_pixels(in);
    step.height = take_pixels(in);
    step.left = take_pixels(in);
    step.top = take_pixels(in);
    return step;
}

/* Members that a kind has no use for must be 0. */
static void tidy_step(fmgcam_step *step)
{
    bool flips = step->kind >= FMGCAM_STEP_FLIP_HORIZONTAL;
    bool places =
        step->kind == FMGCAM_STEP_CROP || step->kind == FMGCAM_STEP_PAD;

    if (flips)
        step->width = 0;
    if (flips || step->kind == FMGCAM_STEP_RESIZE)
        step->height = 0;
    if (!places)
        step->flags = 0;
    if (!step->flags)
        step->left = step->top = 0;
}

static fmgcam_status find_geometry(scene *s, fmgcam_geometry *g)
{
    fmgcam_step steps[MOST_STEPS];
    uint32_t count = take_below(&s->in, MOST_STEPS + 1);
    uint32_t width = take_pixels(&s->in), height = take_pixels(&s->in);
    bool tidy = !take_rare(&s->in);

    for (uint32_t i = 0; i < count; i++) {
        steps[i] = take_step(&s->in);
        if (tidy)
            tidy_step(&steps[i]);
    }
    g->struct_size = sizeof *g;
    return scene_end(s, fmgcam_find_geometry(s->context, width, height,
                                             count ? steps : NULL, count, g));
}

static void check_geometry(scene *s)
{
    fmgcam_geometry g = {0};

    if (find_geometry(s, &g))
        return;
    require(isfinite(g.left) && isfinite(g.right) && isfinite(g.top) &&
                isfinite(g.bottom) && g.left != g.right && g.top != g.bottom &&
                g.seen_left <= g.seen_right && g.seen_top <= g.seen_bottom,
            "edges %g %g %g %g, seen %g %g %g %g", g.left, g.top, g.right,
            g.bottom, g.seen_left, g.seen_top, g.seen_right, g.seen_bottom);
    s->digest = fuzz_hash(s->digest, &g, sizeof g);
}

enum { GEOMETRY_NONE, GEOMETRY_FOUND, GEOMETRY_ANY, GEOMETRY_COUNT };

static const fmgcam_geometry *take_geometry(scene *s, fmgcam_geometry *g)
{
    uint32_t way = take_below(&s->in, GEOMETRY_COUNT);

    if (way == GEOMETRY_NONE)
        return NULL;
    if (way == GEOMETRY_FOUND)
        return find_geometry(s, g) ? NULL : g;
    double edges[8];
    for (size_t i = 0; i < COUNT_OF(edges); i++)
        edges[i] = take_double(&s->in);
    *g = (fmgcam_geometry){sizeof *g, edges[0], edges[1], edges[2],
                           edges[3],  edges[4], edges[5], edges[6],
                           edges[7],  1,        1};
    return g;
}

static fmgcam_layers take_layers(scene *s, fmgcam_geometry *geometry)
{
    fmgcam_layers l = {.struct_size = sizeof l};
    uint32_t also = take8(&s->in);

    l.geometry = take_geometry(s, geometry);
    if (s->options.fuse_at == FMGCAM_FUSE_AT_MAP || also & 1)
        l.maps = scene_picture_maps(s);
    if (s->options.fuse_at != FMGCAM_FUSE_AT_MAP || also & 2 ||
        s->options.color_map == FMGCAM_COLOR_MAP_DIVERGING)
        l.signed_maps = scene_picture_maps(s);
    if (also & 4 && !s->is_wild) /* nobody tells how many there are */
        l.colors = arena_take((size_t)3 * s->classes, false);
    if (s->options.normalize == FMGCAM_NORMALIZE_PROBABILITY || also & 8)
        l.probabilities = scene_vector(s, s->classes);
    if (also & 16 && !s->is_wild)
        l.classes = scene_indices(s, s->classes, 40);
    return l;
}

static void note_image(scene *s, const fmgcam_image *image,
                       fmgcam_status status)
{
    for (uint32_t y = 0; !status && y < image->height; y++)
        s->digest = fuzz_hash(s->digest,
                              (const uint8_t *)image->data +
                                  (ptrdiff_t)y * image->row_stride_bytes,
                              image->width);
}

static void draw_heatmap(scene *s)
{
    fmgcam_geometry geometry;
    fmgcam_layers layers = take_layers(s, &geometry);
    uint32_t width = take_below(&s->in, 41), height = take_below(&s->in, 41);
    fmgcam_image image = scene_image(s, width, height);

    note_image(s, &image,
               scene_end(s, fmgcam_draw_heatmap(s->context, &layers, &image)));
}

static void draw_overlay(scene *s)
{
    fmgcam_geometry geometry;
    fmgcam_layers layers = take_layers(s, &geometry);
    uint32_t width = take_below(&s->in, 41), height = take_below(&s->in, 41);
    bool in_place = take_below(&s->in, 4) == 3;
    fmgcam_image picture = scene_image(s, width, height);
    fmgcam_image overlay = picture;

    if (!in_place)
        overlay = scene_image(s, width + take_rare(&s->in), height);
    if (!in_place && picture.data)
        arena_seal(picture.data);
    note_image(s, &overlay,
               scene_end(s, fmgcam_draw_overlay(s->context, &layers, &picture,
                                                &overlay)));
}

static void resample_maps(scene *s)
{
    uint32_t height = take_below(&s->in, 50), width = take_below(&s->in, 50);
    const fmgcam_tensor *maps = scene_picture_maps(s);
    const fmgcam_buffer *to =
        scene_buffer(s, (size_t)s->classes * height * width, 4);

    scene_end(s, fmgcam_resample_maps(s->context, maps, height, width, to));
}

static void find_colors(scene *s)
{
    uint8_t rgb[3] = {0};
    uint32_t palette = take_option(&s->in, FMGCAM_PALETTE_RELEASED);
    uint32_t index = take_below(&s->in, 2) ? take32(&s->in) : take8(&s->in);
    uint32_t color_map = take_option(&s->in, FMGCAM_COLOR_MAP_DIVERGING);
    float value = take_float(&s->in);
    fmgcam_status one = fmgcam_palette_color(palette, index, rgb);
    s->digest = fuzz_hash(s->digest, rgb, sizeof rgb);
    fmgcam_status other = fmgcam_map_color(color_map, value, rgb);

    s->digest = fuzz_hash(s->digest, rgb, sizeof rgb);
    require(one == FMGCAM_STATUS_OK || palette > FMGCAM_PALETTE_RELEASED,
            "palette %u, colour %u", (unsigned)palette, (unsigned)index);
    require(other == FMGCAM_STATUS_OK || other == FMGCAM_STATUS_ARGUMENT,
            "colour map %u, %g", (unsigned)color_map, (double)value);
}

/* ---- Classes ------------------------------------------------------------- */

static uint32_t take_count(scene *s)
{
    uint32_t byte = take8(&s->in);

    return byte < 240 ? byte % (s->scores + 1) : take32(&s->in);
}

static void check_classes(const scene *s, const fmgcam_buffer *b,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index;
        memcpy(&index, (const uint8_t *)b->data + i * sizeof index,
               sizeof index);
        require(s->is_wild || index < s->scores, "class %u of %u",
                (unsigned)index, (unsigned)s->scores);
    }
}

static const float *take_thresholds(scene *s)
{
    uint8_t *data = arena_take(s->scores * sizeof(float), false);

    for (uint32_t i = 0; data && i < s->scores; i++) {
        float value = take_float(&s->in);
        memcpy(data + i * sizeof value, &value, sizeof value);
    }
    return s->is_wild ? NULL : (const float *)(void *)data;
}

static void choose_classes(scene *s)
{
    const fmgcam_tensor *scores = scene_vector(s, s->scores);
    fmgcam_choice choice = {.struct_size = sizeof choice};
    uint32_t count = 0;

    choice.rule = take_option(&s->in, FMGCAM_CHOICE_GAP);
    choice.link = take_option(&s->in, FMGCAM_LINK_NONE);
    choice.count = take_count(s);
    choice.threshold = take_float(&s->in);
    choice.temperature = take_float(&s->in);
    choice.flags = take_rare(&s->in);
    choice.scores_quantization = scene_quantization(s, scores);
    if (choice.rule == FMGCAM_CHOICE_THRESHOLDS)
        choice.thresholds = take_thresholds(s);
    const fmgcam_buffer *classes = scene_buffer(s, s->scores, 4);
    const fmgcam_buffer *p = scene_buffer(s, s->scores, 4);
    const fmgcam_choice *given = take_rare(&s->in) ? NULL : &choice;
    if (scene_end(s, fmgcam_choose_classes(s->context, given, scores, classes,
                                           p, &count)))
        return;
    s->digest = fuzz_hash(s->digest, &count, sizeof count);
    check_classes(s, classes, count);
}

static fmgcam_tracking take_tracking(scene *s, const fmgcam_tensor *scores)
{
    fmgcam_tracking t = {.struct_size = sizeof t};

    t.flags = take_option(&s->in, 3);
    t.count = take_count(s);
    t.link = take_option(&s->in, FMGCAM_LINK_NONE);
    t.temperature = take_float(&s->in);
    t.smoothing = take_float(&s->in);
    t.hysteresis = take_float(&s->in);
    t.enter = take_float(&s->in);
    t.leave = take_float(&s->in);
    t.scores_quantization = scene_quantization(s, scores);
    return t;
}

static void track_classes(scene *s)
{
    const fmgcam_tensor *scores = scene_vector(s, s->scores);
    fmgcam_tracking tracking = take_tracking(s, scores);
    const fmgcam_buffer *classes = scene_buffer(s, s->scores, 4);
    const fmgcam_buffer *p = scene_buffer(s, s->scores, 4);
    const fmgcam_buffer *slots = scene_buffer(s, s->scores, 4);
    const fmgcam_tracking *given = take_rare(&s->in) ? NULL : &tracking;
    uint32_t count = 0;

    if (scene_end(s, fmgcam_track_classes(s->context, given, scores, classes, p,
                                          slots, &count)))
        return;
    s->digest = fuzz_hash(s->digest, &count, sizeof count);
    check_classes(s, classes, count);
    if (slots && slots->data)
        check_classes(s, slots, count);
}

static void smooth_maps(scene *s)
{
    fmgcam_tracking tracking = take_tracking(s, NULL);
    const fmgcam_tensor *maps = scene_maps(s, s->classes, false);
    const uint32_t *classes =
        s->is_wild ? NULL : scene_indices(s, s->classes, s->scores);
    const fmgcam_tracking *given = take_below(&s->in, 2) ? NULL : &tracking;

    scene_end(s, fmgcam_smooth_maps(s->context, given, maps, classes,
                                    take_result(s, maps)));
}

static void restart(scene *s)
{
    scene_end(s, fmgcam_restart(s->context));
}

/* ---- Questions ----------------------------------------------------------- */

static void check_head(scene *s)
{
    fmgcam_inputs inputs = take_inputs(s);
    double tolerance = take_double(&s->in);
    fmgcam_head_check check = {.struct_size = sizeof check};

    if (!inputs.classifier)
        inputs.classifier = take_below(&s->in, 2)
                                ? scene_matrix(s, s->scores, s->channels)
                                : scene_matrix(s, s->channels, s->scores);
    if (scene_end(s, fmgcam_check_head(s->context, &inputs, tolerance, &check)))
        return;
    require(check.cause >= FMGCAM_HEAD_FITS &&
                check.cause <= FMGCAM_HEAD_WRONG_LAYER &&
                (s->is_wild || check.index < s->scores),
            "cause %u, index %u", (unsigned)check.cause, (unsigned)check.index);
}

static void check_measures(const scene *s, const fmgcam_class_measures *m)
{
    require(m->flags <= 7 && m->cells <= s->map[1] * s->map[2] &&
                m->left <= m->right && m->right <= s->map[2] &&
                m->top <= m->bottom && m->bottom <= s->map[1],
            "cells %u, box %u %u %u %u", (unsigned)m->cells, (unsigned)m->left,
            (unsigned)m->top, (unsigned)m->right, (unsigned)m->bottom);
}

static void measure_class(scene *s)
{
    const fmgcam_tensor *class_maps = scene_picture_maps(s);
    const fmgcam_tensor *signed_maps =
        take_below(&s->in, 2) ? scene_picture_maps(s) : NULL;
    const int32_t *winner =
        s->is_wild
            ? NULL
            : (const void *)scene_indices(s, s->map[1] * s->map[2], s->classes);
    uint32_t rank = take_count(s);
    float threshold = take_float(&s->in);
    fmgcam_class_measures m = {.struct_size = sizeof m};

    if (!scene_end(s, fmgcam_measure_class(s->context, class_maps, signed_maps,
                                           winner, rank, threshold, &m)) &&
        !s->is_wild)
        check_measures(s, &m);
}

static void measure_overlap(scene *s)
{
    const fmgcam_tensor *maps = scene_picture_maps(s);
    const fmgcam_buffer *to =
        scene_buffer(s, (size_t)s->classes * s->classes, 4);

    scene_end(s, fmgcam_measure_overlap(s->context, maps, to));
}

static void measure_margin(scene *s)
{
    const fmgcam_tensor *maps = scene_maps(s, s->classes, false);
    const fmgcam_buffer *to = scene_buffer(s, scene_cells(s), 4);

    scene_end(s, fmgcam_measure_margin(s->context, maps, to));
}

static void measure_region(scene *s)
{
    const fmgcam_tensor *maps = scene_picture_maps(s);
    int64_t shape[2] = {s->map[1], s->map[2]};
    const fmgcam_tensor *region = scene_tensor(s, 2, shape);
    uint8_t *to = arena_take(s->classes * sizeof(double), false);

    scene_end(s, fmgcam_measure_region(s->context, s->is_wild ? NULL : maps,
                                       region, (double *)(void *)to));
}

/* ---- Descriptions of tensors --------------------------------------------- */

static int64_t take_int64(input *in)
{
    uint32_t byte = take8(in);

    return byte < 0xF0 ? (int64_t)byte - 8 : (int64_t)take64(in);
}

/* Nothing is looked at but the numbers: the memory may not be touched. */
static void describe_tensors(scene *s)
{
    fmgcam_tensor t, slice;
    const uint8_t *data = arena_take(0, false);
    uint32_t dtype = take_option(&s->in, FMGCAM_DTYPE_UINT8);
    int64_t n[7] = {0};

    for (size_t i = 0; i < COUNT_OF(n); i++)
        n[i] = take_int64(&s->in);
    fmgcam_tensor_nchw(&t, data, dtype, n[0], n[1], n[2], n[3]);
    fmgcam_tensor_nhwc(&t, data, dtype, n[0], n[1], n[2], n[3]);
    fmgcam_tensor_matrix(&t, data, dtype, n[0], n[1]);
    fmgcam_tensor_vector(&t, data, dtype, n[0]);
    fmgcam_tensor_maps(&t, (const float *)(const void *)data, n[0], n[1], n[2]);
    if (!fmgcam_tensor_slice(&slice, &t, n[3]))
        require(slice.rank == t.rank - 1, "slice of rank %u",
                (unsigned)slice.rank);
    if (!fmgcam_tensor_tokens(&t, data, dtype, n[0], n[1], n[2], n[3], n + 4,
                              take_option(&s->in, 3)))
        require(t.rank >= 3 && t.rank <= 5, "tokens of rank %u",
                (unsigned)t.rank);
}

/* ---- Following an input -------------------------------------------------- */

typedef struct call {
    const char *name;
    void (*make)(scene *s);
} call;

#define CALL(name)                                                             \
 {                                                                             \
#  name, name                                                                  \
 }

static const call calls[] = {
    CALL(explain),          CALL(explain_batch),  CALL(set_options),
    CALL(set_runner),       CALL(scene_resize),   CALL(draw_overlay),
    CALL(draw_heatmap),     CALL(track_classes),  CALL(smooth_maps),
    CALL(choose_classes),   CALL(check_head),     CALL(pool_gradients),
    CALL(combine_channels), CALL(activate_maps),  CALL(filter_maps),
    CALL(normalize_maps),   CALL(rescale_maps),   CALL(read_tensor),
    CALL(fuse_layers),      CALL(check_geometry), CALL(resample_maps),
    CALL(find_colors),      CALL(restart),        CALL(measure_class),
    CALL(measure_overlap),  CALL(measure_margin), CALL(measure_region),
    CALL(describe_tensors), CALL(reserve),        CALL(read_options),
    CALL(set_log),
};

/* What was called, and the digest of all that came back until then. */
typedef struct history {
    const char *names[MOST_CALLS];
    uint64_t digests[MOST_CALLS];
    int count;
} history;

static void make_calls(scene *s, history *h)
{
    while (h->count < MOST_CALLS && s->in.at < s->in.end) {
        const call *next = &calls[take_below(&s->in, COUNT_OF(calls))];
        scene_begin(s);
        next->make(s);
        h->names[h->count] = next->name;
        h->digests[h->count++] = s->digest;
    }
}

static void follow(const uint8_t *data, size_t size, uint32_t cpu_flags,
                   history *h)
{
    scene s = {.in = {data, data + size}};
    small_heap heap = {strict_allocator(&s.heap)};
    fmgcam_allocator allocator = {&heap, allocate, release};
    char error[100];

    h->count = 0;
    fmgcam_mask_cpu_flags(cpu_flags);
    s.heap.fail_at = take_rare(&s.in) ? take_below(&s.in, 32) : 0;
    fmgcam_status status =
        fmgcam_create(&allocator, &s.context, error, sizeof error);
    require((status == FMGCAM_STATUS_OK) == (s.context != NULL) &&
                (status == FMGCAM_STATUS_OK) == (*error == '\0'),
            "create: %d, '%s'", (int)status, error);
    if (s.context) {
        note_options(&s);
        scene_resize(&s);
        make_calls(&s, h);
    }
    fmgcam_destroy(s.context);
    require(s.heap.live == 0, "%zu blocks leaked", s.heap.live);
}

static void compare(const history *by_c, const history *other, uint32_t flags)
{
    require(by_c->count == other->count, "%d calls, then %d", by_c->count,
            other->count);
    for (int i = 0; i < by_c->count; i++)
        require(by_c->digests[i] == other->digests[i],
                "call %d, %s: the kernels 0x%x differ from those in C", i + 1,
                by_c->names[i], (unsigned)flags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    history by_c, other;

    follow(data, size, 0, &by_c);
    fmgcam_mask_cpu_flags(UINT32_MAX);
    uint32_t best = fmgcam_cpu_flags();
    uint32_t flags =
        best & FMGCAM_CPU_AVX512 && size % 2 ? FMGCAM_CPU_AVX2 : best;
    follow(data, size, flags, &other);
    compare(&by_c, &other, flags);
    return 0;
}
