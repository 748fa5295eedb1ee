/* SPDX-License-Identifier: MIT */
/*
 * A program that hands every growing struct of fmgcam.h to the library and prints
 * what comes back. Each struct lies in memory that ends with it, so that a library
 * that takes it for a larger one is caught.
 *
 * Built with -DNEWER against a header in which each struct has one more member,
 * "newer"; with -DNEWER=1 it sets that member of the options.
 */
#include <fmgcam/fmgcam.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 2, C = 3, H = 2, W = 2, SIDE = 4, GUARD = 64, MOST_STRUCTS = 32 };

/* ---- Structs with guards behind them -------------------------------------- */

static unsigned char *guards[MOST_STRUCTS];
static int guard_count;

/* A struct of @p size bytes, zero but for its struct_size. */
static void *new_struct(size_t size)
{
    unsigned char *memory = malloc(size + GUARD);
    if (!memory || guard_count == MOST_STRUCTS)
        abort();
    memset(memory, 0, size);
    memcpy(memory, &size, sizeof size);
    memset(memory + size, 0xA5, GUARD);
    guards[guard_count++] = memory + size;
    return memory;
}

static int guards_are_whole(void)
{
    for (int i = 0; i < guard_count; i++)
        for (int j = 0; j < GUARD; j++)
            if (guards[i][j] != 0xA5)
                return 0;
    return 1;
}

/* ---- What comes back -------------------------------------------------------- */

static fmgcam_context *context;

static void check(const char *name, fmgcam_status status)
{
    printf("%s: %s %s\n", name, fmgcam_status_string(status),
           fmgcam_error_detail(context));
}

static void print(const char *name, const float *values, int count)
{
    printf("%s:", name);
    for (int i = 0; i < count; i++)
        printf(" %.9g", (double)values[i]);
    printf("\n");
}

static const int8_t activations[C][H][W] = {
    {{3, 1}, {0, 2}}, {{0, 0}, {1, 2}}, {{5, -1}, {0, 4}}};
static const float weights[K][C] = {{1, -2, 0.5f}, {-1, 3, 0.25f}};
static const float scale = 0.5f;
static const float scores[K] = {1.5f, 0.25f};

static void use_options(void)
{
    fmgcam_options *options = new_struct(sizeof *options);
    check("options_init", fmgcam_options_init(options, sizeof *options));
    options->palette = FMGCAM_PALETTE_TOL;
#if defined(NEWER) && NEWER
    options->newer = 1;
#endif
    check("set_options", fmgcam_set_options(context, options));
    memset(&options->flags, 0xFF, sizeof *options - sizeof(size_t));
    check("get_options", fmgcam_get_options(context, options));
    printf("palette %u, alpha %g\n", options->palette, (double)options->alpha);

    fmgcam_limits *limits = new_struct(sizeof *limits);
    limits->classes = K;
    limits->channels = C;
    limits->map_height = H;
    limits->map_width = W;
    limits->picture_height = limits->picture_width = SIDE;
    limits->tracked_scores = limits->smoothed_classes = K;
    check("reserve", fmgcam_reserve(context, limits));
}

static void use_explain(float *maps, float *signed_maps)
{
    fmgcam_tensor a, w, y;
    fmgcam_quantization *quantization = new_struct(sizeof *quantization);
    fmgcam_inputs *inputs = new_struct(sizeof *inputs);
    fmgcam_outputs *outputs = new_struct(sizeof *outputs);

    fmgcam_tensor_nchw(&a, activations, FMGCAM_DTYPE_INT8, 1, C, H, W);
    fmgcam_tensor_matrix(&w, weights, FMGCAM_DTYPE_FLOAT32, K, C);
    fmgcam_tensor_vector(&y, scores, FMGCAM_DTYPE_FLOAT32, K);
    quantization->scales = &scale;
    quantization->count = 1;
    inputs->activations = &a;
    inputs->activations_quantization = quantization;
    inputs->weights = &w;
    outputs->maps.data = maps;
    outputs->maps.size_bytes = K * H * W * sizeof(float);
    outputs->signed_maps.data = signed_maps;
    outputs->signed_maps.size_bytes = K * H * W * sizeof(float);
    check("explain", fmgcam_explain(context, inputs, outputs));
    print("maps", maps, K * H * W);
    printf("result %u\n", outputs->result);

    fmgcam_head_check *head = new_struct(sizeof *head);
    inputs->weights = NULL;
    inputs->classifier = &w;
    inputs->scores = &y;
    check("check_head", fmgcam_check_head(context, inputs, 0, head));
    printf("cause %u, recomputed %.9g\n", head->cause, head->recomputed);
}

static void use_choice(void)
{
    fmgcam_tensor y;
    uint32_t classes[K] = {0}, count = 0;
    float probabilities[K] = {0};
    const fmgcam_buffer chosen = {classes, sizeof classes};
    const fmgcam_buffer likely = {probabilities, sizeof probabilities};
    fmgcam_choice *choice = new_struct(sizeof *choice);
    fmgcam_tracking *tracking = new_struct(sizeof *tracking);

    fmgcam_tensor_vector(&y, scores, FMGCAM_DTYPE_FLOAT32, K);
    choice->count = K;
    choice->temperature = 2;
    check("choose",
          fmgcam_choose_classes(context, choice, &y, &chosen, &likely, &count));
    print("probabilities", probabilities, K);
    check("track", fmgcam_track_classes(context, tracking, &y, &chosen, &likely,
                                        NULL, &count));
    printf("%u of %u\n", classes[0], count);
}

static void use_drawing(const float *maps, const float *signed_maps)
{
    static unsigned char pixels[SIDE * SIDE * 3];
    const fmgcam_image picture = {pixels, SIDE * 3, SIDE, SIDE, 0, 0};
    const fmgcam_step step = {FMGCAM_STEP_FLIP_HORIZONTAL, 0, 0, 0, 0, 0};
    fmgcam_tensor m, s;
    fmgcam_geometry *geometry = new_struct(sizeof *geometry);
    fmgcam_layers *layers = new_struct(sizeof *layers);
    fmgcam_class_measures *measures = new_struct(sizeof *measures);

    check("find_geometry",
          fmgcam_find_geometry(context, SIDE, SIDE, &step, 1, geometry));
    fmgcam_tensor_maps(&m, maps, K, H, W);
    fmgcam_tensor_maps(&s, signed_maps, K, H, W);
    layers->maps = &m;
    layers->geometry = geometry;
    memset(pixels, 100, sizeof pixels);
    check("draw", fmgcam_draw_overlay(context, layers, &picture, &picture));
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        printf("%d%c", pixels[i], i % (3 * SIDE) == 3 * SIDE - 1 ? '\n' : ' ');
    check("measure",
          fmgcam_measure_class(context, &m, &s, NULL, 0, 0.5f, measures));
    printf("cells %u, mass %.9g\n", measures->cells, measures->mass);
}

int main(void)
{
    float maps[K * H * W] = {0}, signed_maps[K * H * W] = {0};
    if (fmgcam_create(NULL, &context, NULL, 0))
        return 2;
    use_options();
    use_explain(maps, signed_maps);
    use_choice();
    use_drawing(maps, signed_maps);
    fmgcam_destroy(context);
    if (!guards_are_whole())
        printf("the library wrote behind a struct\n");
    return 0;
}
