/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pictures.h"

/* ---- Digests ------------------------------------------------------------- */

/* FNV's step, by words of eight bytes; the high half is folded in, which it
 * would never reach otherwise. */
static void add_word(uint64_t *digest, uint64_t word)
{
    uint64_t mixed = (*digest ^ word) * 0x100000001B3u;

    *digest = mixed ^ (mixed >> 32);
}

void add_bytes(uint64_t *digest, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    uint64_t word;

    for (; bytes >= sizeof word; at += sizeof word, bytes -= sizeof word) {
        memcpy(&word, at, sizeof word);
        add_word(digest, word);
    }
    word = 0;
    memcpy(&word, at, bytes);
    add_word(digest, word + bytes);
}

/* ---- Scenes -------------------------------------------------------------- */

typedef enum source { GRADIENTS, WEIGHTS, CLASSIFIER, SOURCES } source;

static uint32_t choose(rng *r, uint32_t last)
{
    return 1 + rng_below(r, last);
}

/* One in @p n. */
static bool happens(rng *r, uint32_t n)
{
    return rng_below(r, n) == 0;
}

/* Values of options mostly work together; where they do not, the error is the
 * result. */
static fmgcam_options choose_options(rng *r)
{
    return (fmgcam_options){
        .struct_size = sizeof(fmgcam_options),
        .profile = happens(r, 8) ? FMGCAM_PROFILE_RELEASED : 0,
        .method = happens(r, 3) ? 0 : choose(r, FMGCAM_METHOD_FEM),
        .activation = choose(r, FMGCAM_ACTIVATION_NONE),
        .filter = choose(r, FMGCAM_FILTER_NONE),
        .normalize = choose(r, FMGCAM_NORMALIZE_PROBABILITY),
        .rescale = choose(r, FMGCAM_RESCALE_NONE),
        .arithmetic = choose(r, FMGCAM_ARITHMETIC_REPRODUCIBLE),
        .fuse_at = choose(r, FMGCAM_FUSE_AT_IMAGE),
        .resample = choose(r, FMGCAM_RESAMPLE_BICUBIC),
        .blend = choose(r, FMGCAM_BLEND_CONSTANT),
        .alpha = rng_uniform(r, 0.1f, 1),
        .target = happens(r, 4) ? choose(r, FMGCAM_TARGET_SIGMOID) : 0,
        .non_finite = choose(r, FMGCAM_NON_FINITE_PROPAGATE),
        .layer_fusion = choose(r, FMGCAM_LAYER_FUSION_PRODUCT),
        .spatial_axes = happens(r, 4) ? choose(r, 3) : 2,
        .palette = choose(r, FMGCAM_PALETTE_RELEASED),
        .color_map = happens(r, 4) ? choose(r, FMGCAM_COLOR_MAP_DIVERGING) : 0};
}

/* Maps of the options' axes into shape[at] and what follows; how many cells. */
static size_t choose_map(rng *r, uint32_t axes, int64_t *shape)
{
    const uint32_t longest = axes == 1 ? MOST_CELLS : axes == 2 ? MOST_SIDE : 3;
    size_t cells = 1;

    for (uint32_t i = 0; i < axes; i++) {
        shape[i] = choose(r, longest);
        cells *= (size_t)shape[i];
    }
    return cells;
}

static const float scales[1] = {0.0625f};

/* Numbers that the dtype holds; one of some tensors is not finite. */
static void store_numbers(stored *out, rng *r, uint32_t rank,
                          const int64_t *shape, size_t count, bool may_be_whole,
                          fmgcam_quantization *scale)
{
    uint32_t dtype =
        choose(r, may_be_whole ? FMGCAM_DTYPE_UINT8 : FMGCAM_DTYPE_BFLOAT16);
    bool is_whole = dtype == FMGCAM_DTYPE_INT8 || dtype == FMGCAM_DTYPE_UINT8;
    float *values = make_floats(count);

    rng_fill(r, values, count, -1, 1);
    for (size_t i = 0; is_whole && i < count; i++)
        values[i] = (float)rng_below(r, 100);
    if (!is_whole && happens(r, 10))
        values[rng_below(r, (uint32_t)count)] = (float)NAN;
    store_init(out, values, rank, shape, dtype,
               (tensor_layout)rng_below(r, LAYOUT_COUNT));
    free(values);
    if (is_whole)
        *scale = (fmgcam_quantization){
            .struct_size = sizeof *scale, .scales = scales, .count = 1};
}

static const fmgcam_quantization *given(const fmgcam_quantization *scale)
{
    return scale->struct_size ? scale : NULL;
}

static void give_source(scene *s, rng *r, source kind, const int64_t *map)
{
    const uint32_t axes = s->options.spatial_axes;
    const fmgcam_quantization *scale = &s->source_scale;
    int64_t shape[5] = {kind == CLASSIFIER ? SCORES : s->classes, s->channels};
    uint32_t rank = 2;
    size_t count = (size_t)shape[0] * s->channels;

    if (kind == GRADIENTS) {
        memcpy(shape + 2, map, axes * sizeof *map);
        rank += axes;
        count *= s->cells;
    }
    store_numbers(&s->source, r, rank, shape, count, true, &s->source_scale);
    switch (kind) {
    case GRADIENTS:
        s->inputs.gradients = &s->source.tensor;
        s->inputs.gradients_quantization = given(scale);
        break;
    case WEIGHTS:
        s->inputs.weights = &s->source.tensor;
        s->inputs.weights_quantization = given(scale);
        break;
    default:
        s->inputs.classifier = &s->source.tensor;
        s->inputs.classifier_quantization = given(scale);
        break;
    }
}

/* Indices that differ, most likely of the best first. */
static void pick_classes(scene *s, rng *r)
{
    uint32_t first = rng_below(r, SCORES), step = choose(r, 2);

    for (uint32_t k = 0; k < s->classes; k++) {
        s->picks[k] = (first + k * step) % SCORES;
        s->likely[k] = rng_uniform(r, 0, 1);
    }
    s->inputs.classes = s->picks;
    s->inputs.class_count = s->classes;
    fmgcam_tensor_vector(&s->probabilities, s->likely, FMGCAM_DTYPE_FLOAT32,
                         s->classes);
    s->inputs.probabilities = &s->probabilities;
}

void scene_init(scene *s, uint32_t number)
{
    const int64_t scores = SCORES;
    fmgcam_quantization none = {0};
    int64_t shape[4];
    rng r;

    memset(s, 0, sizeof *s);
    rng_init(&r, 90000 + number);
    s->number = number;
    s->options = choose_options(&r);
    s->classes = happens(&r, 3) ? 1 : choose(&r, MOST_CLASSES);
    s->channels = choose(&r, MOST_CHANNELS);
    s->cells = choose_map(&r, s->options.spatial_axes, shape + 1);
    s->is_exact = s->options.arithmetic != FMGCAM_ARITHMETIC_BLAS;
    s->inputs.struct_size = sizeof s->inputs;

    shape[0] = s->channels;
    store_numbers(&s->activations, &r, 1 + s->options.spatial_axes, shape,
                  s->channels * s->cells, true, &s->activations_scale);
    s->inputs.activations = &s->activations.tensor;
    s->inputs.activations_quantization = given(&s->activations_scale);
    give_source(s, &r, (source)rng_below(&r, SOURCES), shape + 1);
    store_numbers(&s->scores, &r, 1, &scores, SCORES, false, &none);
    s->inputs.scores = &s->scores.tensor;
    pick_classes(s, &r);
}

void scene_free(scene *s)
{
    store_free(&s->activations);
    store_free(&s->source);
    store_free(&s->scores);
}

/* ---- One run ------------------------------------------------------------- */

/* What one picture hands out. */
typedef struct maps {
    float weights[MOST_CLASSES * MOST_CHANNELS];
    float signed_maps[MOST_CLASSES * MOST_CELLS];
    float class_maps[MOST_CLASSES * MOST_CELLS];
    float filtered[MOST_CLASSES * MOST_CELLS];
    float normalized[MOST_CLASSES * MOST_CELLS];
    float maps[MOST_CLASSES * MOST_CELLS];
    float margin[MOST_CELLS];
    int32_t winner[MOST_CELLS];
} maps;

/* Memory of all runs: one at a time. */
static struct results {
    maps pictures[MOST_BATCH];
    float planes[MOST_CLASSES * WIDTH * HEIGHT];
    uint8_t drawn[WIDTH * HEIGHT * 4];
    uint32_t classes[SCORES], slots[SCORES];
    float likely[SCORES];
} results;

typedef struct running {
    fmgcam_context *context;
    const scene *scene;
    uint64_t digest;
    maps *made; /* of the scene itself */
} running;

/* Whether the call was right; what it said is part of the digest. */
static bool note(running *run, fmgcam_status status)
{
    const char *text = fmgcam_error_detail(run->context);

    add_bytes(&run->digest, &status, sizeof status);
    if (run->scene->is_exact)
        add_bytes(&run->digest, text, strlen(text));
    return status == FMGCAM_STATUS_OK;
}

/* One NaN is like another: which one it is, nobody promises. */
static void add_floats(running *run, const float *values, size_t count)
{
    for (size_t i = 0; run->scene->is_exact && i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        add_word(&run->digest, isnan(values[i]) ? UINT32_MAX : bits);
    }
}

static bool has_weights(uint32_t method)
{
    return method < FMGCAM_METHOD_LAYER_CAM ||
           method == FMGCAM_METHOD_CONTRASTIVE || method == FMGCAM_METHOD_FEM;
}

static fmgcam_outputs want(const scene *s, maps *m)
{
    const size_t stack = s->classes * s->cells;
    fmgcam_outputs wanted = {
        .struct_size = sizeof wanted,
        .signed_maps = float_buffer(m->signed_maps, stack),
        .class_maps = float_buffer(m->class_maps, stack),
        .winner = buffer_of(m->winner, s->cells, sizeof *m->winner),
        .filtered_maps = float_buffer(m->filtered, stack),
        .normalized_maps = float_buffer(m->normalized, stack),
        .maps = float_buffer(m->maps, stack),
        .margin = float_buffer(m->margin, s->cells)};

    if (has_weights(s->options.method))
        wanted.weights = float_buffer(m->weights, s->classes * s->channels);
    return wanted;
}

static void add_maps(running *run, const fmgcam_outputs *outputs)
{
    const fmgcam_buffer *winner = &outputs->winner,
                        floats[] = {
                            outputs->weights,         outputs->signed_maps,
                            outputs->class_maps,      outputs->filtered_maps,
                            outputs->normalized_maps, outputs->maps,
                            outputs->margin};

    for (size_t i = 0; i < COUNT_OF(floats); i++)
        add_floats(run, floats[i].data, floats[i].size_bytes / sizeof(float));
    if (run->scene->is_exact)
        add_bytes(&run->digest, winner->data, winner->size_bytes);
    add_bytes(&run->digest, &outputs->non_finite, sizeof outputs->non_finite);
}

/* Alone, or as one of several pictures, the others being its like. */
static bool explain(running *run, const way *how)
{
    const scene *s = run->scene;
    fmgcam_outputs outputs[MOST_BATCH], *outs[MOST_BATCH];
    const fmgcam_inputs *ins[MOST_BATCH];
    fmgcam_status statuses[MOST_BATCH];
    fmgcam_outputs *own = &outputs[how->position];

    for (uint32_t i = 0; i < MOST_BATCH; i++) {
        outputs[i] = want(s, &results.pictures[i]);
        outs[i] = &outputs[i];
        ins[i] = &s->inputs;
    }
    fmgcam_status status = how->batch == 1
                               ? fmgcam_explain(run->context, ins[0], own)
                               : fmgcam_explain_batch(run->context, ins, outs,
                                                      how->batch, statuses);
    add_bytes(&run->digest, &status, sizeof status);
    if (status)
        return false;
    add_maps(run, own);
    return true;
}

/* ---- Parts of a run that follow the maps --------------------------------- */

static fmgcam_tensor map_tensor(const scene *s, const float *data)
{
    fmgcam_tensor tensor = {.data = data, .dtype = FMGCAM_DTYPE_FLOAT32};
    const fmgcam_tensor *like = &s->activations.tensor;
    int64_t stride = 1;

    tensor.rank = like->rank;
    memcpy(tensor.shape, like->shape, like->rank * sizeof *like->shape);
    tensor.shape[0] = s->classes;
    for (uint32_t i = tensor.rank; i-- > 0;) {
        tensor.strides[i] = stride;
        stride *= tensor.shape[i];
    }
    return tensor;
}

static void measure(running *run)
{
    const scene *s = run->scene;
    const fmgcam_tensor r = map_tensor(s, run->made->class_maps);
    const fmgcam_tensor m = map_tensor(s, run->made->signed_maps);
    const fmgcam_tensor *const layers[2] = {&r, &m};
    const fmgcam_buffer overlap =
        float_buffer(results.planes, (size_t)s->classes * s->classes);
    const fmgcam_buffer fused =
        float_buffer(results.planes, (size_t)s->classes * 9 * 8);
    fmgcam_class_measures measures = {.struct_size = sizeof measures};
    double contributions[MOST_CLASSES];
    fmgcam_tensor region = map_tensor(s, run->made->margin);

    region.rank--;
    memmove(region.shape, region.shape + 1, region.rank * sizeof *region.shape);
    memmove(region.strides, region.strides + 1,
            region.rank * sizeof *region.strides);
    if (note(run, fmgcam_measure_class(run->context, &r, &m, run->made->winner,
                                       0, 0.5f, &measures)) &&
        s->is_exact)
        add_bytes(&run->digest, &measures, sizeof measures);
    if (note(run, fmgcam_measure_overlap(run->context, &r, &overlap)))
        add_floats(run, results.planes, (size_t)s->classes * s->classes);
    if (note(run,
             fmgcam_measure_region(run->context, &m, &region, contributions)) &&
        s->is_exact)
        add_bytes(&run->digest, contributions,
                  s->classes * sizeof *contributions);
    if (note(run, fmgcam_fuse_layers(run->context, layers, 2, 9, 8, &fused)))
        add_floats(run, results.planes, (size_t)s->classes * 9 * 8);
}

static fmgcam_image frame(uint32_t number)
{
    const uint32_t format = 1 + number % FMGCAM_PIXEL_GREY8;
    static const uint8_t bytes[] = {0, 3, 3, 4, 4, 1};
    const int64_t pitch = (int64_t)WIDTH * bytes[format];

    return (fmgcam_image){results.drawn, pitch, WIDTH, HEIGHT, format, 0};
}

static void draw(running *run)
{
    const scene *s = run->scene;
    const fmgcam_tensor n = map_tensor(s, run->made->maps);
    const fmgcam_tensor m = map_tensor(s, run->made->signed_maps);
    const fmgcam_step steps[] = {
        {.kind = FMGCAM_STEP_RESIZE, .width = 20 + s->number % 9},
        {.kind = FMGCAM_STEP_CROP, .width = 19, .height = 17},
        {.kind = FMGCAM_STEP_FLIP_HORIZONTAL}};
    fmgcam_geometry geometry = {.struct_size = sizeof geometry};
    const fmgcam_image image = frame(s->number);
    const fmgcam_layers layers = {.struct_size = sizeof layers,
                                  .maps = &n,
                                  .signed_maps = &m,
                                  .classes = s->picks,
                                  .probabilities = &s->probabilities,
                                  .geometry = s->number % 3 ? &geometry : NULL};
    const size_t bytes = (size_t)image.row_stride_bytes * HEIGHT;

    note(run, fmgcam_find_geometry(run->context, WIDTH, HEIGHT, steps,
                                   s->number % 4, &geometry));
    memset(results.drawn, 100, bytes);
    if (note(run, s->number % 2
                      ? fmgcam_draw_heatmap(run->context, &layers, &image)
                      : fmgcam_draw_overlay(run->context, &layers, &image,
                                            &image)) &&
        s->is_exact)
        add_bytes(&run->digest, results.drawn, bytes);
    const fmgcam_buffer planes =
        float_buffer(results.planes, (size_t)s->classes * WIDTH * HEIGHT);
    if (s->number % 5 == 0 &&
        note(run,
             fmgcam_resample_maps(run->context, &m, HEIGHT, WIDTH, &planes)))
        add_floats(run, results.planes, (size_t)s->classes * WIDTH * HEIGHT);
    if (s->number % 8 == 3 && image.row_stride_bytes == 3 * WIDTH &&
        s->is_exact)
        add_pictures(&run->digest, results.drawn, WIDTH, HEIGHT);
}

/* A film of three frames; smoothed maps are at the end of the last. */
static void follow(running *run)
{
    const scene *s = run->scene;
    const fmgcam_tensor m = map_tensor(s, run->made->signed_maps);
    const fmgcam_tracking tracking = {.struct_size = sizeof tracking,
                                      .count = s->classes,
                                      .enter = s->number % 2 ? 0.05f : 0,
                                      .link = 1 + s->number % 3};
    const fmgcam_buffer classes = {results.classes, sizeof results.classes};
    const fmgcam_buffer likely = {results.likely, sizeof results.likely};
    const fmgcam_buffer slots = {results.slots, sizeof results.slots};
    const fmgcam_buffer smoothed =
        float_buffer(results.planes, s->classes * s->cells);
    uint32_t count;

    note(run, fmgcam_restart(run->context));
    for (int i = 0; i < 3; i++) {
        count = 0;
        note(run,
             fmgcam_track_classes(run->context, &tracking, &s->scores.tensor,
                                  &classes, &likely, &slots, &count));
        add_bytes(&run->digest, results.classes, count * 4);
        add_bytes(&run->digest, results.likely, count * 4);
        add_bytes(&run->digest, results.slots, count * 4);
        if (note(run, fmgcam_smooth_maps(run->context, &tracking, &m, s->picks,
                                         &smoothed)))
            add_floats(run, results.planes, s->classes * s->cells);
    }
}

static void choose_and_check(running *run)
{
    const scene *s = run->scene;
    const fmgcam_choice choice = {.struct_size = sizeof choice,
                                  .rule = 1 + s->number % 3,
                                  .link = 1 + s->number % 2,
                                  .threshold = 0.3f};
    const fmgcam_buffer classes = {results.classes, sizeof results.classes};
    const fmgcam_buffer likely = {results.likely, sizeof results.likely};
    fmgcam_head_check check = {.struct_size = sizeof check};
    uint32_t count = 0;

    note(run, fmgcam_choose_classes(run->context, &choice, &s->scores.tensor,
                                    &classes, &likely, &count));
    add_bytes(&run->digest, results.classes, count * 4);
    add_bytes(&run->digest, results.likely, count * 4);
    if (s->inputs.classifier &&
        note(run, fmgcam_check_head(run->context, &s->inputs, 0, &check)))
        add_bytes(&run->digest, &check, sizeof check);
}

/* Stages one by one, of tensors that are read as floats before. */
static void use_stages(running *run)
{
    const scene *s = run->scene;
    maps *m = run->made;
    const size_t stack = s->classes * s->cells;
    const fmgcam_buffer read =
        float_buffer(results.planes, s->channels * s->cells);
    const fmgcam_buffer normalized = float_buffer(m->normalized, stack);
    const fmgcam_tensor r = map_tensor(s, m->class_maps);
    const fmgcam_tensor n = map_tensor(s, m->normalized);
    uint32_t result = 0;

    if (note(run,
             fmgcam_read_tensor(run->context, s->inputs.activations,
                                s->inputs.activations_quantization, &read)))
        add_bytes(&run->digest, results.planes, read.size_bytes);
    if (note(run, fmgcam_activate_maps(run->context, &r, &normalized)) &&
        note(run, fmgcam_normalize_maps(run->context, &n, &s->probabilities,
                                        &normalized)) &&
        note(run, fmgcam_rescale_maps(run->context, &n, &normalized, &result)))
        add_floats(run, m->normalized, stack);
}

uint64_t scene_digest(fmgcam_context *context, const scene *s, const way *how)
{
    running run = {.context = context,
                   .scene = s,
                   .digest = s->number,
                   .made = &results.pictures[how->position]};

    memset(&results, how->poison, sizeof results);
    if (!note(&run, fmgcam_set_options(context, &s->options)))
        return run.digest; /* BLAS, in a build without one */
    bool has_maps = explain(&run, how);
    if (has_maps && s->options.non_finite != FMGCAM_NON_FINITE_PROPAGATE)
        switch (s->number % 4) {
        case 0: measure(&run); break;
        case 1: follow(&run); break;
        case 2: use_stages(&run); /* fall through */
        default: draw(&run); break;
        }
    choose_and_check(&run);
    return run.digest;
}
