/* SPDX-License-Identifier: MIT */
/* How fast the library is, beside what bounds it, in one process.
 *
 * Every result is checked against a plain loop in double before it is timed. Each
 * figure is the median of RUNS runs that alternate with those of its rivals, so
 * that a noisy machine disturbs all of them alike; look at the ratios. */
#include <fmgcam/fmgcam.h>

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 41, MAX_RIVALS = 4 };

static double now_ns(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    if (!memory)
        die("out of memory");
    return memory;
}

static void must(fmgcam_context *context, fmgcam_status status)
{
    if (status)
        die(fmgcam_error_detail(context));
}

/* Repeatable noise in (-1, 1). */
static float noise(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(state >> 40) / (1 << 23) - 1.0);
}

static float *make_noise(size_t count)
{
    float *values = allocate(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = noise();
    return values;
}

/* ---- Timing -------------------------------------------------------------- */

struct rival {
    const char *name;
    void (*work)(void *job);
    void *job;
    double ns; /* median, the result */
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void time_rivals(struct rival *rivals, size_t count)
{
    double taken[MAX_RIVALS][RUNS];
    int inner[MAX_RIVALS];
    for (size_t i = 0; i < count; i++) { /* warm up; at least 200 us a run */
        double begin = now_ns();
        rivals[i].work(rivals[i].job);
        rivals[i].work(rivals[i].job);
        inner[i] = 1 + (int)(2e5 / ((now_ns() - begin) / 2 + 1));
    }
    for (int run = 0; run < RUNS; run++)
        for (size_t i = 0; i < count; i++) {
            double begin = now_ns();
            for (int j = 0; j < inner[i]; j++)
                rivals[i].work(rivals[i].job);
            taken[i][run] = (now_ns() - begin) / inner[i];
        }
    for (size_t i = 0; i < count; i++) {
        qsort(taken[i], RUNS, sizeof **taken, compare);
        rivals[i].ns = taken[i][RUNS / 2];
    }
}

/* ---- Floors -------------------------------------------------------------- */

struct memory {
    const float *from;
    float *to;
    size_t count;
};

static volatile float sink;

/* Reading: enough independent sums for the compiler to use wide registers. */
static void read_memory(void *job)
{
    const struct memory *memory = job;
    float sums[32] = {0};
    for (size_t i = 0; i + 32 <= memory->count; i += 32)
        for (size_t j = 0; j < 32; j++)
            sums[j] += memory->from[i + j];
    float sum = 0;
    for (size_t j = 0; j < 32; j++)
        sum += sums[j];
    sink = sum;
}

static void copy_memory(void *job)
{
    const struct memory *memory = job;
    memcpy(memory->to, memory->from, memory->count * sizeof(float));
    sink = memory->to[0];
}

/* ---- Stages 1 and 2 ------------------------------------------------------ */

struct weighting {
    fmgcam_context *context;
    fmgcam_inputs inputs;
    fmgcam_outputs outputs;
};

static void weigh(void *job)
{
    struct weighting *weighting = job;
    must(weighting->context,
         fmgcam_explain(weighting->context, &weighting->inputs,
                        &weighting->outputs));
}

static fmgcam_context *make_context(uint32_t arithmetic)
{
    fmgcam_context *context;
    char error[200];
    fmgcam_options options = {.struct_size = sizeof options,
                              .arithmetic = arithmetic};
    if (fmgcam_create(NULL, &context, error, sizeof error))
        die(error);
    if (fmgcam_set_options(context, &options)) {
        fmgcam_destroy(context);
        return NULL; /* built without a BLAS */
    }
    return context;
}

static void check_maps(const float *gradients, const float *activations,
                       size_t k, size_t c, size_t s, const float *maps)
{
    for (size_t cell = 0; cell < s; cell++) {
        double sum = 0, size = 0;
        for (size_t i = 0; i < c; i++) {
            const float *g = gradients + ((k - 1) * c + i) * s;
            double weight = 0;
            for (size_t j = 0; j < s; j++)
                weight += (double)g[j];
            sum += weight / (double)s * (double)activations[i * s + cell];
            size +=
                fabs(weight / (double)s * (double)activations[i * s + cell]);
        }
        double bound = (double)(c + s) * 0x1p-23 * (size + 1);
        if (fabs(sum - (double)maps[(k - 1) * s + cell]) > bound)
            die("the maps are wrong");
    }
}

static void bench_weighting(uint32_t c, uint32_t side, uint32_t k)
{
    size_t s = (size_t)side * side, tensor = (size_t)(k + 1) * c * s;
    float *numbers = make_noise(tensor);
    float *gradients = numbers, *activations = numbers + (size_t)k * c * s;
    float *maps = allocate(k * s * sizeof *maps);

    fmgcam_tensor a, g;
    fmgcam_tensor_nchw(&a, activations, FMGCAM_DTYPE_FLOAT32, 1, c, side, side);
    fmgcam_tensor_nchw(&g, gradients, FMGCAM_DTYPE_FLOAT32, k, c, side, side);
    struct weighting own = {
        make_context(FMGCAM_ARITHMETIC_REPRODUCIBLE),
        {.struct_size = sizeof own.inputs, .activations = &a, .gradients = &g},
        {.struct_size = sizeof own.outputs,
         .signed_maps = {maps, k * s * sizeof *maps}}};
    struct weighting blas = own;
    blas.context = make_context(FMGCAM_ARITHMETIC_BLAS);
    struct memory memory = {numbers, NULL, tensor};

    weigh(&own);
    check_maps(gradients, activations, k, c, s, maps);
    struct rival rivals[] = {{"read", read_memory, &memory, 0},
                             {"own", weigh, &own, 0},
                             {"blas", weigh, &blas, 0}};
    time_rivals(rivals, blas.context ? 3 : 2);
    printf("%5ux%2ux%-2u K %4u  read %9.1f us  own %9.1f us (%.2f x read)", c,
           side, side, k, rivals[0].ns / 1e3, rivals[1].ns / 1e3,
           rivals[1].ns / rivals[0].ns);
    if (blas.context)
        printf("  blas %9.1f us (own / blas %.2f)", rivals[2].ns / 1e3,
               rivals[1].ns / rivals[2].ns);
    printf("\n");
    fmgcam_destroy(own.context);
    fmgcam_destroy(blas.context);
    free(numbers);
    free(maps);
}

/* ---- Stage 7 ------------------------------------------------------------- */

struct drawing {
    fmgcam_context *context;
    fmgcam_layers layers;
    fmgcam_image picture, overlay;
};

static void draw(void *job)
{
    struct drawing *drawing = job;
    must(drawing->context,
         fmgcam_draw_overlay(drawing->context, &drawing->layers,
                             &drawing->picture, &drawing->overlay));
}

static void bench_overlay(uint32_t width, uint32_t height, uint32_t fuse_at)
{
    enum { K = 5, SIDE = 7 };
    size_t pitch = 3 * (size_t)width, size = pitch * height;
    uint8_t *picture = allocate(size + 4), *overlay = allocate(size + 4);
    float *maps = make_noise(K * SIDE * SIDE);
    memset(picture, 100, size);

    fmgcam_tensor tensor;
    fmgcam_tensor_maps(&tensor, maps, K, SIDE, SIDE);
    fmgcam_image image = {.data = picture,
                          .row_stride_bytes = (int64_t)pitch,
                          .width = width,
                          .height = height};
    struct drawing drawing = {
        .context = make_context(0),
        .layers = {.struct_size = sizeof drawing.layers,
                   .maps = &tensor,
                   .signed_maps = &tensor},
        .picture = image,
        .overlay = image,
    };
    drawing.overlay.data = overlay;
    fmgcam_options options = {.struct_size = sizeof options,
                              .fuse_at = fuse_at};
    must(drawing.context, fmgcam_set_options(drawing.context, &options));
    struct memory memory = {(const float *)(const void *)picture,
                            (float *)(void *)overlay, size / 4};
    struct rival rivals[] = {{"memcpy", copy_memory, &memory, 0},
                             {"draw", draw, &drawing, 0}};
    time_rivals(rivals, 2);
    printf("%5ux%-4u fused at %s  memcpy %8.1f us  overlay %9.1f us "
           "(%.1f x memcpy)\n",
           width, height, fuse_at == FMGCAM_FUSE_AT_MAP ? "map  " : "image",
           rivals[0].ns / 1e3, rivals[1].ns / 1e3, rivals[1].ns / rivals[0].ns);
    fmgcam_destroy(drawing.context);
    free(picture);
    free(overlay);
    free(maps);
}

int main(void)
{
    static const uint32_t shapes[][2] = {
        {2048, 7}, {1280, 7}, {1024, 14}, {512, 28}, {1408, 9}};
    static const uint32_t classes[] = {1, 3, 5, 10, 16, 24, 32};
    static const uint32_t pictures[][2] = {
        {224, 224}, {640, 480}, {1920, 1080}};

    puts(fmgcam_build_info());
    puts("\nStages 1 and 2, CxHxW, one picture in cache:");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (size_t j = 0; j < sizeof classes / sizeof *classes; j++)
            bench_weighting(shapes[i][0], shapes[i][1], classes[j]);
    bench_weighting(2048, 7, 100);
    bench_weighting(2048, 7, 1000);

    puts("\nStage 7, five classes, 7x7, bicubic, evidence blend:");
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++)
        for (uint32_t at = FMGCAM_FUSE_AT_MAP; at <= FMGCAM_FUSE_AT_IMAGE; at++)
            bench_overlay(pictures[i][0], pictures[i][1], at);
    return 0;
}
