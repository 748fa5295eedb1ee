/* SPDX-License-Identifier: MIT */
/* The same numbers in other layouts and dtypes. */
#include "bench.h"

#include "arrays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 5 };

static const struct shape shape = {2048, 7, 7};

static const struct form {
    const char *name;
    uint32_t dtype;
    bool channels_last;
} forms[] = {
    {"NCHW float32", FMGCAM_DTYPE_FLOAT32, false},
    {"NHWC float32", FMGCAM_DTYPE_FLOAT32, true},
    {"NCHW float16", FMGCAM_DTYPE_FLOAT16, false},
    {"NHWC float16", FMGCAM_DTYPE_FLOAT16, true},
    {"NCHW bfloat16", FMGCAM_DTYPE_BFLOAT16, false},
    {"NCHW float64", FMGCAM_DTYPE_FLOAT64, false},
    {"NCHW int8", FMGCAM_DTYPE_INT8, false},
    {"NHWC int8", FMGCAM_DTYPE_INT8, true},
};

/* Numbers that each dtype holds exactly, int8 by this scale. */
static const float scale = 1.0f / 128;
static const fmgcam_quantization quantization = {
    .struct_size = sizeof quantization, .scales = &scale, .count = 1};

static void put(void *data, uint32_t dtype, size_t index, int8_t value)
{
    const float number = (float)value * scale;
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    switch (dtype) {
    case FMGCAM_DTYPE_FLOAT32: ((float *)data)[index] = number; break;
    case FMGCAM_DTYPE_FLOAT64: ((double *)data)[index] = (double)number; break;
    case FMGCAM_DTYPE_INT8: ((int8_t *)data)[index] = value; break;
    case FMGCAM_DTYPE_BFLOAT16:
        ((uint16_t *)data)[index] = (uint16_t)(bits >> 16);
        break;
    default: /* float16, whose exponent of 1 is 15, not 127 */
        bits = value ? (bits >> 16 & 0x8000) |
                           ((bits & 0x7fffffff) - (112u << 23)) >> 13
                     : 0;
        ((uint16_t *)data)[index] = (uint16_t)bits;
    }
}

struct tensors {
    void *gradients, *activations;
    fmgcam_tensor gradients_tensor, activations_tensor;
    fmgcam_inputs inputs;
};

/* @p from [n, C, S] in the form. */
static void *make_tensor(const struct form *form, const int8_t *from,
                         uint32_t n, fmgcam_tensor *tensor)
{
    const size_t channels = shape.channels, cells = cells_of(shape);
    void *data = make_array((size_t)n * channels * cells, sizeof(double));
    for (size_t i = 0; i < n * channels * cells; i++) {
        size_t k = i / cells / channels, c = i / cells % channels;
        size_t at =
            form->channels_last ? (k * cells + i % cells) * channels + c : i;
        put(data, form->dtype, at, from[i]);
    }
    (form->channels_last ? fmgcam_tensor_nhwc : fmgcam_tensor_nchw)(
        tensor, data, form->dtype, n, shape.channels, shape.height,
        shape.width);
    return data;
}

static void tensors_init(struct tensors *tensors, const struct form *form,
                         const int8_t *numbers)
{
    const size_t volume = shape.channels * cells_of(shape);
    tensors->gradients =
        make_tensor(form, numbers, CLASSES, &tensors->gradients_tensor);
    tensors->activations = make_tensor(form, numbers + CLASSES * volume, 1,
                                       &tensors->activations_tensor);
    tensors->inputs = (fmgcam_inputs){
        .struct_size = sizeof tensors->inputs,
        .activations = &tensors->activations_tensor,
        .gradients = &tensors->gradients_tensor,
    };
    if (form->dtype == FMGCAM_DTYPE_INT8) {
        tensors->inputs.activations_quantization = &quantization;
        tensors->inputs.gradients_quantization = &quantization;
    }
}

static void tensors_free(struct tensors *tensors)
{
    free(tensors->gradients);
    free(tensors->activations);
}

struct run {
    fmgcam_context *context;
    struct tensors tensors;
    float *maps;
    size_t maps_bytes;
};

static void make_maps(void *job)
{
    struct run *run = job;
    fmgcam_outputs outputs = {.struct_size = sizeof outputs,
                              .signed_maps = {run->maps, run->maps_bytes}};
    must(run->context,
         fmgcam_explain(run->context, &run->tensors.inputs, &outputs));
}

static void run_init(struct run *run, const struct form *form,
                     const int8_t *numbers)
{
    const size_t floats = CLASSES * cells_of(shape);
    *run = (struct run){
        .context = make_context((fmgcam_options){0}),
        .maps = make_floats(floats),
        .maps_bytes = floats * sizeof *run->maps,
    };
    tensors_init(&run->tensors, form, numbers);
    make_maps(run);
}

static void run_free(struct run *run)
{
    fmgcam_destroy(run->context);
    tensors_free(&run->tensors);
    free(run->maps);
}

static void time_form(struct bench *bench, const struct form *form,
                      struct run *plain, const int8_t *numbers)
{
    struct run run;
    run_init(&run, form, numbers);
    if (memcmp(run.maps, plain->maps, run.maps_bytes) != 0)
        die("%s: not the bits of NCHW float32", form->name);
    struct rival rivals[] = {{.work = make_maps, .job = &run},
                             {.work = make_maps, .job = plain}};
    time_rivals(bench, rivals, 2, 1);
    double ratio = paired_ratio(bench, &rivals[0], &rivals[1]);
    report(bench,
           json_pack("{s:s, s:s, s:s, s:i, s:f, s:f, s:f}", "name", "layout",
                     "layout", form->name, "shape", shape_text(shape),
                     "classes", CLASSES, "ns", rivals[0].ns, "plain_ns",
                     rivals[1].ns, "plain_ratio", ratio),
           "%-14s %8.1f us  NCHW float32 %8.1f us  %5.2f x", form->name,
           rivals[0].ns / 1e3, rivals[1].ns / 1e3, ratio);
    free_rivals(rivals, 2);
    run_free(&run);
}

/* The plain form is checked as the others are timed: by the oracle. */
static void check_plain(const struct run *plain)
{
    const struct picture picture = {
        .gradients = plain->tensors.gradients,
        .activations = plain->tensors.activations,
    };
    check_grad_cam(&picture, shape, CLASSES, plain->maps, false);
}

void bench_layouts(struct bench *bench)
{
    const size_t count = picture_floats(shape, CLASSES);
    int8_t *numbers = make_array(count, sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = (int8_t)(bench->numbers[i % bench->count] * 127);
    struct run plain;
    run_init(&plain, &forms[0], numbers);
    check_plain(&plain);

    headline(bench, "Stages 1 and 2 from other layouts and dtypes, 2048x7x7, "
                    "5 classes, cached, one thread");
    for (size_t i = 0; i < COUNT_OF(forms); i++)
        time_form(bench, &forms[i], &plain, numbers);
    run_free(&plain);
    free(numbers);
}
