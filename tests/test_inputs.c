/* SPDX-License-Identifier: MIT */
/*
 * The same numbers in every dtype, layout and number of axes, alone and in a
 * batch, give the same maps: bit for bit by the kernels of the library, within
 * the derived bound by BLAS.
 */
#include "oracle.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Numbers that every dtype holds ------------------------------------- */

enum { CLASSES = 3, CHANNELS = 35, CELLS = 60 };

/* Integers q, for uint8 from 0 on, and what they mean: (q - zero) / 16. All of
 * it is exact in 8 bits of fraction, which bfloat16 has. */
typedef struct numbers {
    size_t count;
    float *q; /* in -127...127 */
} numbers;

static const float scale = 1.0f / 16;
static const int32_t zero_of_uint8 = 128;

static numbers random_numbers(rng *r, size_t count)
{
    numbers made = {count, make_floats(count)};

    for (size_t i = 0; i < count; i++)
        made.q[i] = (float)rng_below(r, 255) - 127;
    return made;
}

static float *values_of(const numbers *n)
{
    float *values = make_floats(n->count);

    for (size_t i = 0; i < n->count; i++)
        values[i] = n->q[i] * scale;
    return values;
}

/* What is stored for @p dtype. */
static float *stored_of(const numbers *n, uint32_t dtype)
{
    float *values = values_of(n);

    for (size_t i = 0; i < n->count; i++)
        if (dtype == FMGCAM_DTYPE_INT8)
            values[i] = n->q[i];
        else if (dtype == FMGCAM_DTYPE_UINT8)
            values[i] = n->q[i] + (float)zero_of_uint8;
    return values;
}

static const fmgcam_quantization of_int8 = {
    .struct_size = sizeof(fmgcam_quantization), .scales = &scale, .count = 1};
static const fmgcam_quantization of_uint8 = {.struct_size =
                                                 sizeof(fmgcam_quantization),
                                             .scales = &scale,
                                             .zero_points = &zero_of_uint8,
                                             .count = 1};

static const fmgcam_quantization *quantization_of(uint32_t dtype)
{
    return dtype == FMGCAM_DTYPE_INT8    ? &of_int8
           : dtype == FMGCAM_DTYPE_UINT8 ? &of_uint8
                                         : NULL;
}

/* ---- One picture --------------------------------------------------------- */

typedef enum source_kind {
    GRADIENTS,
    WEIGHTS,
    CLASSIFIER,
    SOURCES
} source_kind;

typedef struct scene {
    numbers activations; /* [C, cells] */
    numbers gradients;   /* [K, C, cells] */
    numbers matrix;      /* [K, C] */
} scene;

static scene scene_init(rng *r)
{
    return (scene){random_numbers(r, CHANNELS * CELLS),
                   random_numbers(r, CLASSES * CHANNELS * CELLS),
                   random_numbers(r, CLASSES * CHANNELS)};
}

static void scene_free(scene *s)
{
    free(s->activations.q);
    free(s->gradients.q);
    free(s->matrix.q);
}

/* How a scene is given. */
typedef struct form {
    uint32_t dtype;
    tensor_layout layout;
    uint32_t axes; /* of a map */
    bool batched;  /* activations [1, C, ...] */
    source_kind source;
} form;

static const form plain = {.dtype = FMGCAM_DTYPE_FLOAT32, .axes = 2};

typedef struct given {
    stored activations, source;
    fmgcam_inputs inputs;
} given;

/* The 60 cells as a signal, a map of 5 x 12, or a volume of 3 x 4 x 5. */
static uint32_t append_cells(int64_t *shape, uint32_t at, uint32_t axes)
{
    static const int64_t cells[4][3] = {{0}, {60}, {5, 12}, {3, 4, 5}};

    for (uint32_t i = 0; i < axes; i++)
        shape[at++] = cells[axes][i];
    return at;
}

static void store(stored *out, const numbers *n, const form *f, uint32_t rank,
                  const int64_t *shape)
{
    float *values = stored_of(n, f->dtype);

    store_init(out, values, rank, shape, f->dtype, f->layout);
    free(values);
}

static void give_source(given *g, const scene *s, const form *f)
{
    const fmgcam_quantization *quantization = quantization_of(f->dtype);
    int64_t shape[5] = {CLASSES, CHANNELS};

    if (f->source == GRADIENTS) {
        store(&g->source, &s->gradients, f, append_cells(shape, 2, f->axes),
              shape);
        g->inputs.gradients = &g->source.tensor;
        g->inputs.gradients_quantization = quantization;
        return;
    }
    store(&g->source, &s->matrix, f, 2, shape);
    if (f->source == WEIGHTS) {
        g->inputs.weights = &g->source.tensor;
        g->inputs.weights_quantization = quantization;
    } else {
        g->inputs.classifier = &g->source.tensor;
        g->inputs.classifier_quantization = quantization;
    }
}

static void give(given *g, const scene *s, const form *f)
{
    int64_t shape[5] = {1, CHANNELS};
    uint32_t rank = append_cells(shape, 2, f->axes);

    memset(g, 0, sizeof *g);
    g->inputs.struct_size = sizeof g->inputs;
    store(&g->activations, &s->activations, f, f->batched ? rank : rank - 1,
          f->batched ? shape : shape + 1);
    g->inputs.activations = &g->activations.tensor;
    g->inputs.activations_quantization = quantization_of(f->dtype);
    give_source(g, s, f);
}

static void take_back(given *g)
{
    store_free(&g->activations);
    store_free(&g->source);
}

typedef struct result {
    float signed_maps[CLASSES * CELLS], maps[CLASSES * CELLS], margin[CELLS];
    int32_t winner[CELLS];
    fmgcam_outputs outputs;
} result;

static void result_init(result *r)
{
    memset(r, 0x55, sizeof *r);
    r->outputs = (fmgcam_outputs){
        .struct_size = sizeof r->outputs,
        .signed_maps = float_buffer(r->signed_maps, CLASSES * CELLS),
        .maps = float_buffer(r->maps, CLASSES * CELLS),
        .margin = float_buffer(r->margin, CELLS),
        .winner = buffer_of(r->winner, CELLS, 4)};
}

static void expect_same_result(const char *what, const result *got,
                               const result *want)
{
    expect_same_bits(what, got->signed_maps, want->signed_maps,
                     CLASSES * CELLS);
    expect_same_bits(what, got->maps, want->maps, CLASSES * CELLS);
    expect_same_bits(what, got->margin, want->margin, CELLS);
    assert_memory_equal(got->winner, want->winner, sizeof want->winner);
    assert_int_equal(got->outputs.guarded, want->outputs.guarded);
}

static void explain(fmgcam_context *context, const scene *s, const form *f,
                    fmgcam_options options, result *r)
{
    given g;

    options.spatial_axes = f->axes;
    use_options(context, options);
    give(&g, s, f);
    result_init(r);
    expect_ok(context, fmgcam_explain(context, &g.inputs, &r->outputs));
    take_back(&g);
}

/* Calls @p visit for every dtype, layout, number of axes, with and without an
 * axis of pictures. */
typedef void visitor(void *opaque, const char *what, const form *f);

static void visit_forms(source_kind source, visitor *visit, void *opaque)
{
    for (uint32_t dtype = 1; dtype <= 6; dtype++)
        for (int layout = 0; layout < LAYOUT_COUNT; layout++)
            for (uint32_t axes = 1; axes <= 3; axes++)
                for (int batched = 0; batched < 2; batched++) {
                    char what[80];
                    form f = {dtype, (tensor_layout)layout, axes, batched,
                              source};

                    snprintf(what, sizeof what,
                             "dtype %u, layout %d, %u axes%s, source %d", dtype,
                             layout, axes, batched ? " of 1" : "", (int)source);
                    visit(opaque, what, &f);
                }
}

/* ---- Alone --------------------------------------------------------------- */

typedef struct comparison {
    fmgcam_context *context;
    scene scene;
    fmgcam_options options;
    result want;
    double *oracle, *bound; /* of the signed maps, for BLAS */
} comparison;

static void compare_bits(void *opaque, const char *what, const form *f)
{
    comparison *c = opaque;
    result got;

    explain(c->context, &c->scene, f, c->options, &got);
    expect_same_result(what, &got, &c->want);
}

static void test_every_form_has_the_same_bits(void **state)
{
    fixture *f = *state;
    rng r;
    comparison c = {.context = f->context,
                    .options = {.arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE}};

    rng_init(&r, 301);
    c.scene = scene_init(&r);
    for (int source = 0; source < SOURCES; source++) {
        form reference = plain;
        reference.source = (source_kind)source;
        explain(f->context, &c.scene, &reference, c.options, &c.want);
        visit_forms((source_kind)source, compare_bits, &c);
    }
    scene_free(&c.scene);
}

/* The methods read tensors in other ways than Grad-CAM; one scene each. */
static void test_every_method_has_the_same_bits_in_every_form(void **state)
{
    fixture *f = *state;
    rng r;
    comparison c = {.context = f->context};

    rng_init(&r, 302);
    c.scene = scene_init(&r);
    for (uint32_t method = FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS;
         method <= FMGCAM_METHOD_FEM; method++) {
        if (method == FMGCAM_METHOD_EIGEN_CAM || method == FMGCAM_METHOD_FEM)
            continue; /* no class: below */
        c.options = (fmgcam_options){
            .method = method, .arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE};
        explain(f->context, &c.scene, &plain, c.options, &c.want);
        visit_forms(GRADIENTS, compare_bits, &c);
    }
    scene_free(&c.scene);
}

static void compare_agnostic(void *opaque, const char *what, const form *f)
{
    comparison *c = opaque;
    given g;
    result got;

    c->options.spatial_axes = f->axes;
    use_options(c->context, c->options);
    give(&g, &c->scene, f);
    g.inputs.gradients = NULL;
    g.inputs.gradients_quantization = NULL;
    result_init(&got);
    expect_ok(c->context, fmgcam_explain(c->context, &g.inputs, &got.outputs));
    if (c->want.outputs.struct_size == 0)
        c->want = got; /* plain comes first */
    expect_same_bits(what, got.signed_maps, c->want.signed_maps, CELLS);
    expect_same_bits(what, got.maps, c->want.maps, CELLS);
    take_back(&g);
}

static void test_class_agnostic_methods_as_well(void **state)
{
    fixture *f = *state;
    rng r;
    comparison c = {.context = f->context};

    rng_init(&r, 303);
    c.scene = scene_init(&r);
    c.options.method = FMGCAM_METHOD_EIGEN_CAM;
    visit_forms(GRADIENTS, compare_agnostic, &c);
    c.options.method = FMGCAM_METHOD_FEM;
    c.want.outputs.struct_size = 0;
    visit_forms(GRADIENTS, compare_agnostic, &c);
    scene_free(&c.scene);
}

static void compare_bound(void *opaque, const char *what, const form *f)
{
    comparison *c = opaque;
    result got;

    explain(c->context, &c->scene, f, c->options, &got);
    expect_within(what, got.signed_maps, c->oracle, c->bound, CLASSES * CELLS);
}

/* Each weight is given and exact here, so that the bound is that of stage 2. */
static void test_every_form_is_within_the_bound_by_blas(void **state)
{
    fixture *f = *state;
    rng r;

    if (!use_arithmetic(f->context, 0, FMGCAM_ARITHMETIC_BLAS))
        skip();
    comparison c = {.context = f->context,
                    .options = {.arithmetic = FMGCAM_ARITHMETIC_BLAS},
                    .oracle = make_doubles(CLASSES * CELLS),
                    .bound = make_doubles(CLASSES * CELLS)};

    rng_init(&r, 304);
    c.scene = scene_init(&r);
    float *a = values_of(&c.scene.activations);
    float *w = values_of(&c.scene.matrix);
    oracle_combine(w, a, CLASSES, CHANNELS, CELLS, false, c.oracle, c.bound);
    visit_forms(WEIGHTS, compare_bound, &c);
    free(a);
    free(w);
    free(c.oracle);
    free(c.bound);
    scene_free(&c.scene);
}

/* ---- In a batch ---------------------------------------------------------- */

enum { PICTURES = 3 };

typedef struct batch_check {
    fmgcam_context *context;
    scene scenes[PICTURES];
    result want[PICTURES];
    fmgcam_options options;
    runner *run;
} batch_check;

/* The form that is visited, between pictures of other forms. */
static void compare_batch(void *opaque, const char *what, const form *f)
{
    batch_check *b = opaque;
    given g[PICTURES];
    result got[PICTURES];
    const fmgcam_inputs *inputs[PICTURES];
    fmgcam_outputs *outputs[PICTURES];
    fmgcam_status statuses[PICTURES];
    form others = {FMGCAM_DTYPE_FLOAT64, LAYOUT_MIXED, f->axes, false,
                   f->source};

    b->options.spatial_axes = f->axes;
    use_options(b->context, b->options);
    for (size_t i = 0; i < PICTURES; i++) {
        give(&g[i], &b->scenes[i], i == 1 ? f : &others);
        result_init(&got[i]);
        inputs[i] = &g[i].inputs;
        outputs[i] = &got[i].outputs;
        statuses[i] = 77;
    }
    expect_ok(b->context, fmgcam_explain_batch(b->context, inputs, outputs,
                                               PICTURES, statuses));
    for (size_t i = 0; i < PICTURES; i++) {
        assert_int_equal(statuses[i], FMGCAM_STATUS_OK);
        expect_same_result(what, &got[i], &b->want[i]);
        take_back(&g[i]);
    }
}

static void test_every_form_in_a_batch(void **state)
{
    static runner *const runners[] = {NULL, run_serially, run_backwards,
                                      run_shuffled, run_on_threads};
    fixture *f = *state;
    rng r;
    batch_check b = {.context = f->context,
                     .options = {.arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE}};
    form reference = plain;

    rng_init(&r, 305);
    for (size_t i = 0; i < PICTURES; i++) {
        b.scenes[i] = scene_init(&r);
        explain(f->context, &b.scenes[i], &reference, b.options, &b.want[i]);
    }
    for (size_t i = 0; i < COUNT_OF(runners); i++) {
        runner_log log = {.workers = 3};
        expect_ok(f->context, fmgcam_set_runner(f->context, runners[i], &log,
                                                runners[i] ? 3 : 0));
        visit_forms(GRADIENTS, compare_batch, &b);
    }
    for (size_t i = 0; i < PICTURES; i++)
        scene_free(&b.scenes[i]);
}

static void
test_a_batch_of_every_method_does_not_depend_on_the_split(void **state)
{
    fixture *f = *state;
    rng r;
    batch_check b = {.context = f->context};

    rng_init(&r, 306);
    for (size_t i = 0; i < PICTURES; i++)
        b.scenes[i] = scene_init(&r);
    for (uint32_t method = 1; method <= FMGCAM_METHOD_FEM; method++) {
        if (method == FMGCAM_METHOD_EIGEN_CAM || method == FMGCAM_METHOD_FEM)
            continue;
        b.options = (fmgcam_options){
            .method = method, .arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE};
        expect_ok(f->context, fmgcam_set_runner(f->context, NULL, NULL, 0));
        for (size_t i = 0; i < PICTURES; i++)
            explain(f->context, &b.scenes[i], &plain, b.options, &b.want[i]);
        runner_log log = {.workers = 2};
        expect_ok(f->context,
                  fmgcam_set_runner(f->context, run_on_threads, &log, 2));
        compare_batch(&b, "method in a batch", &plain);
    }
    for (size_t i = 0; i < PICTURES; i++)
        scene_free(&b.scenes[i]);
}

/* A pool whose last threads take all tasks. */
static int32_t run_by_the_last(void *opaque, fmgcam_task_fn task, void *job,
                               uint32_t count)
{
    const runner_log *log = opaque;

    for (uint32_t i = 0; i < count; i++)
        task(job, i, log->workers - 1 - i % 2);
    return 0;
}

/* The last workers had no room to work in. */
static void test_a_batch_may_have_fewer_pictures_than_workers(void **state)
{
    fixture *f = *state;
    rng r;
    batch_check b = {.context = f->context,
                     .options = {.arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE}};
    runner_log log = {.workers = PICTURES + 5};

    rng_init(&r, 309);
    for (size_t i = 0; i < PICTURES; i++) {
        b.scenes[i] = scene_init(&r);
        explain(f->context, &b.scenes[i], &plain, b.options, &b.want[i]);
    }
    expect_ok(f->context, fmgcam_set_runner(f->context, run_by_the_last, &log,
                                            log.workers));
    compare_batch(&b, "few pictures", &plain);
    for (size_t i = 0; i < PICTURES; i++)
        scene_free(&b.scenes[i]);
}

/* One of the pictures explained alone, and all in a batch on a heap of its own,
 * which sees whether the memory was enough for @p largest. */
static void check_batch_of_sizes(fmgcam_context *alone, rng *r, size_t largest)
{
    strict_heap heap = {0};
    const fmgcam_allocator allocator = strict_allocator(&heap);
    const fmgcam_options options = {.struct_size = sizeof options,
                                    .arithmetic =
                                        FMGCAM_ARITHMETIC_REPRODUCIBLE};
    problem p[PICTURES];
    fmgcam_tensor a[PICTURES], g[PICTURES];
    fmgcam_inputs in[PICTURES];
    fmgcam_outputs out[PICTURES];
    const fmgcam_inputs *inputs[PICTURES];
    fmgcam_outputs *outputs[PICTURES];
    float *got[PICTURES], *want[PICTURES];
    fmgcam_context *context;

    use_options(alone, options);
    for (size_t i = 0; i < PICTURES; i++) {
        const sizes size =
            i == largest
                ? (sizes){.classes = 5,
                          .channels = 40,
                          .height = 17,
                          .width = 9}
                : (sizes){.classes = 2, .channels = 3, .height = 2, .width = 2};
        problem_init(&p[i], r, size, false);
        problem_add_gradients(&p[i], r, false);
        fmgcam_tensor_nchw(&a[i], p[i].activations, FMGCAM_DTYPE_FLOAT32, 1,
                           size.channels, size.height, size.width);
        fmgcam_tensor_nchw(&g[i], p[i].gradients, FMGCAM_DTYPE_FLOAT32,
                           size.classes, size.channels, size.height,
                           size.width);
        got[i] = make_floats(size.classes * p[i].cells);
        want[i] = make_floats(size.classes * p[i].cells);
        in[i] = (fmgcam_inputs){.struct_size = sizeof in[i],
                                .activations = &a[i],
                                .gradients = &g[i]};
        out[i] = (fmgcam_outputs){
            .struct_size = sizeof out[i],
            .maps = float_buffer(want[i], size.classes * p[i].cells)};
        expect_ok(alone, fmgcam_explain(alone, &in[i], &out[i]));
        out[i].maps.data = got[i];
        inputs[i] = &in[i];
        outputs[i] = &out[i];
    }
    assert_int_equal(fmgcam_create(&allocator, &context, NULL, 0), 0);
    expect_ok(context, fmgcam_set_options(context, &options));
    expect_ok(context,
              fmgcam_explain_batch(context, inputs, outputs, PICTURES, NULL));
    fmgcam_destroy(context);
    for (size_t i = 0; i < PICTURES; i++) {
        expect_same_bits("maps", got[i], want[i],
                         p[i].size.classes * p[i].cells);
        free(got[i]);
        free(want[i]);
        problem_free(&p[i]);
    }
}

static void test_the_largest_picture_of_a_batch_may_be_anywhere(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 314);
    for (size_t largest = 0; largest < PICTURES; largest++)
        check_batch_of_sizes(f->context, &r, largest);
}

/* The others are complete, and the first that failed is named, whoever came
 * to it first. */
static void test_a_batch_names_the_first_picture_that_failed(void **state)
{
    static runner *const runners[] = {NULL, run_backwards, run_shuffled,
                                      run_on_threads};
    enum { COUNT = 9 };
    fixture *f = *state;
    rng r;
    result want;

    rng_init(&r, 307);
    scene s = scene_init(&r);
    fmgcam_options options = {.arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE};
    explain(f->context, &s, &plain, options, &want);
    for (size_t i = 0; i < COUNT_OF(runners); i++) {
        given g[COUNT];
        static result got[COUNT];
        const fmgcam_inputs *inputs[COUNT];
        fmgcam_outputs *outputs[COUNT];
        fmgcam_status statuses[COUNT];
        runner_log log = {.workers = 4};

        for (size_t j = 0; j < COUNT; j++) {
            give(&g[j], &s, &plain);
            result_init(&got[j]);
            inputs[j] = &g[j].inputs;
            outputs[j] = &got[j].outputs;
        }
        ((float *)g[7].activations.memory.data)[5] = NAN;
        g[4].inputs.gradients = NULL;
        inputs[8] = NULL;
        expect_ok(f->context, fmgcam_set_runner(f->context, runners[i], &log,
                                                runners[i] ? 4 : 0));
        expect_status(
            f->context,
            fmgcam_explain_batch(f->context, inputs, outputs, COUNT, statuses),
            FMGCAM_STATUS_ARGUMENT, "pictures[4].");
        for (size_t j = 0; j < COUNT; j++) {
            fmgcam_status status = j == 4 || j == 8 ? FMGCAM_STATUS_ARGUMENT
                                   : j == 7         ? FMGCAM_STATUS_NON_FINITE
                                                    : FMGCAM_STATUS_OK;
            assert_int_equal(statuses[j], status);
            if (!status)
                expect_same_result("the others", &got[j], &want);
            take_back(&g[j]);
        }
        expect_status(
            f->context,
            fmgcam_explain_batch(f->context, inputs + 8, outputs + 8, 1, NULL),
            FMGCAM_STATUS_ARGUMENT, "pictures[0].inputs: NULL");
    }
    scene_free(&s);
}

static void test_a_batch_checks_its_own_arguments(void **state)
{
    fixture *f = *state;
    const fmgcam_inputs *inputs[1] = {NULL};
    fmgcam_outputs *outputs[1] = {NULL};

    assert_int_equal(fmgcam_explain_batch(NULL, inputs, outputs, 1, NULL),
                     FMGCAM_STATUS_ARGUMENT);
    expect_status(f->context,
                  fmgcam_explain_batch(f->context, NULL, outputs, 1, NULL),
                  FMGCAM_STATUS_ARGUMENT, "inputs");
    expect_status(f->context,
                  fmgcam_explain_batch(f->context, inputs, NULL, 1, NULL),
                  FMGCAM_STATUS_ARGUMENT, "outputs");
    expect_status(f->context,
                  fmgcam_explain_batch(f->context, inputs, outputs, 0, NULL),
                  FMGCAM_STATUS_ARGUMENT, "count");
}

/* However it fails, no picture looks as if it had come out. */
static void test_a_batch_that_fails_as_a_whole_fails_each_picture(void **state)
{
    enum { COUNT = 3 };
    fixture *f = *state;
    const fmgcam_inputs *inputs[COUNT] = {NULL};
    fmgcam_outputs *outputs[COUNT] = {NULL};
    fmgcam_limits limits = {.struct_size = sizeof limits,
                            .classes = 1,
                            .channels = 1,
                            .map_height = 1,
                            .map_width = 1,
                            .batch = COUNT - 1};
    runner_log log = {.workers = 2};
    fmgcam_status statuses[4][COUNT] = {{0}}, got[4];

    got[0] = fmgcam_explain_batch(NULL, inputs, outputs, COUNT, statuses[0]);
    got[1] =
        fmgcam_explain_batch(f->context, NULL, outputs, COUNT, statuses[1]);
    expect_ok(f->context, fmgcam_reserve(f->context, &limits));
    got[2] =
        fmgcam_explain_batch(f->context, inputs, outputs, COUNT, statuses[2]);
    limits.batch = COUNT;
    limits.workers = 2;
    expect_ok(f->context, fmgcam_reserve(f->context, &limits));
    expect_ok(f->context, fmgcam_set_runner(f->context, run_failing, &log, 2));
    got[3] =
        fmgcam_explain_batch(f->context, inputs, outputs, COUNT, statuses[3]);

    const fmgcam_status want[] = {FMGCAM_STATUS_ARGUMENT,
                                  FMGCAM_STATUS_ARGUMENT, FMGCAM_STATUS_LIMIT,
                                  FMGCAM_STATUS_RUNNER};
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        assert_int_equal(got[i], want[i]);
        for (size_t j = 0; j < COUNT; j++)
            assert_int_equal(statuses[i][j], want[i]);
    }
}

/* One picture of a batch, of its own size and number of classes. */
typedef struct odd_picture {
    problem p;
    fmgcam_tensor a, w;
    fmgcam_inputs inputs;
    fmgcam_outputs outputs;
    float *got, *want;
} odd_picture;

static void odd_init(odd_picture *o, rng *r, sizes size)
{
    problem_init(&o->p, r, size, false);
    o->got = make_floats(o->p.stack);
    o->want = make_floats(o->p.stack);
    fmgcam_tensor_nchw(&o->a, o->p.activations, FMGCAM_DTYPE_FLOAT32, 1,
                       size.channels, size.height, size.width);
    fmgcam_tensor_matrix(&o->w, o->p.weights, FMGCAM_DTYPE_FLOAT32,
                         size.classes, size.channels);
    o->inputs = (fmgcam_inputs){.struct_size = sizeof o->inputs,
                                .activations = &o->a,
                                .weights = &o->w};
    o->outputs = (fmgcam_outputs){.struct_size = sizeof o->outputs,
                                  .maps = float_buffer(o->want, o->p.stack)};
}

/* Sizes may fall and rise; and with a runner AUTO leaves BLAS out, here too. */
static void test_pictures_of_a_batch_may_differ_in_size(void **state)
{
    static const sizes table[] = {{20, 40, 9, 3},
                                  {4, 3, 20, 40},
                                  {3, 90, 5, 5},
                                  {24, 2, 30, 1},
                                  {2, 64, 1, 1}};
    static runner *const runners[] = {run_serially, run_on_threads, NULL};
    enum { COUNT = COUNT_OF(table) };
    fixture *f = *state;
    rng r;
    odd_picture o[COUNT];
    const fmgcam_inputs *inputs[COUNT];
    fmgcam_outputs *outputs[COUNT];

    rng_init(&r, 320);
    use_options(f->context,
                (fmgcam_options){.arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE});
    for (size_t i = 0; i < COUNT; i++) {
        odd_init(&o[i], &r, table[i]);
        inputs[i] = &o[i].inputs;
        outputs[i] = &o[i].outputs;
        expect_ok(f->context,
                  fmgcam_explain(f->context, inputs[i], outputs[i]));
        o[i].outputs.maps = float_buffer(o[i].got, o[i].p.stack);
    }
    for (size_t i = 0; i < COUNT_OF(runners); i++) {
        runner_log log = {.workers = 3};
        uint32_t arithmetic = runners[i] ? FMGCAM_ARITHMETIC_AUTO
                                         : FMGCAM_ARITHMETIC_REPRODUCIBLE;
        use_options(f->context, (fmgcam_options){.arithmetic = arithmetic});
        expect_ok(f->context, fmgcam_set_runner(f->context, runners[i], &log,
                                                runners[i] ? 3 : 0));
        expect_ok(f->context, fmgcam_explain_batch(f->context, inputs, outputs,
                                                   COUNT, NULL));
        for (size_t j = 0; j < COUNT; j++) {
            expect_same_bits("odd", o[j].got, o[j].want, o[j].p.stack);
            memset(o[j].got, 0, o[j].p.stack * sizeof(float));
        }
    }
    for (size_t i = 0; i < COUNT; i++) {
        problem_free(&o[i].p);
        free(o[i].got);
        free(o[i].want);
    }
}

/* Room for the workers of a batch is reserved, and no more is asked for. */
static void test_nothing_is_allocated_for_a_reserved_batch(void **state)
{
    fixture *f = *state;
    rng r;
    batch_check b = {.context = f->context,
                     .options = {.method = FMGCAM_METHOD_EIGEN_GRAD_CAM}};
    runner_log log = {.workers = 2};
    fmgcam_limits limits = {.struct_size = sizeof limits,
                            .classes = CLASSES,
                            .channels = CHANNELS,
                            .map_height = 5,
                            .map_width = 12,
                            .workers = 2,
                            .flags = FMGCAM_LIMIT_EIGEN,
                            .batch = PICTURES};

    rng_init(&r, 308);
    for (size_t i = 0; i < PICTURES; i++) {
        b.scenes[i] = scene_init(&r);
        explain(f->context, &b.scenes[i], &plain, b.options, &b.want[i]);
    }
    expect_ok(f->context,
              fmgcam_set_runner(f->context, run_on_threads, &log, 2));
    expect_ok(f->context, fmgcam_reserve(f->context, &limits));
    size_t requests = f->heap.requests;
    compare_batch(&b, "reserved", &plain);
    assert_int_equal(f->heap.requests, requests);

    limits.batch = PICTURES - 1;
    expect_ok(f->context, fmgcam_reserve(f->context, &limits));
    const fmgcam_inputs *inputs[PICTURES] = {NULL};
    fmgcam_outputs *outputs[PICTURES] = {NULL};
    expect_status(
        f->context,
        fmgcam_explain_batch(f->context, inputs, outputs, PICTURES, NULL),
        FMGCAM_STATUS_LIMIT, "batch");
    limits.flags = 0;
    expect_ok(f->context, fmgcam_reserve(f->context, &limits));
    given g;
    result got;
    give(&g, &b.scenes[0], &plain);
    result_init(&got);
    expect_status(f->context,
                  fmgcam_explain(f->context, &g.inputs, &got.outputs),
                  FMGCAM_STATUS_LIMIT, "FMGCAM_LIMIT_EIGEN");
    take_back(&g);
    for (size_t i = 0; i < PICTURES; i++)
        scene_free(&b.scenes[i]);
}

/* ---- Quantization -------------------------------------------------------- */

/* Scales by class and by channel. The product is rounded once, as here. */
static void test_scales_of_an_axis_are_applied_to_it(void **state)
{
    fixture *f = *state;
    rng r;
    numbers n;

    rng_init(&r, 309);
    n = random_numbers(&r, CLASSES * CHANNELS * CELLS);
    for (uint32_t axis = 0; axis < 2; axis++)
        for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
            float scales[CHANNELS];
            int32_t zeros[CHANNELS];
            uint32_t count = axis == 0 ? CLASSES : CHANNELS;
            stored t;
            float *want = make_floats(n.count), *got = make_floats(n.count);

            rng_fill(&r, scales, count, 0.01f, 3);
            for (size_t i = 0; i < count; i++)
                zeros[i] = (int32_t)rng_below(&r, 256) - 128;
            store_init(&t, n.q, 4, (int64_t[]){CLASSES, CHANNELS, 5, 12},
                       FMGCAM_DTYPE_INT8, (tensor_layout)layout);
            for (size_t i = 0; i < n.count; i++) {
                size_t c = i / CELLS % CHANNELS, k = i / CELLS / CHANNELS;
                size_t at = axis == 0 ? k : c;
                want[i] = scales[at] * (n.q[i] - (float)zeros[at]);
            }
            fmgcam_quantization q = {.struct_size = sizeof q,
                                     .scales = scales,
                                     .zero_points = zeros,
                                     .count = count,
                                     .axis = axis};
            fmgcam_buffer values = float_buffer(got, n.count);
            expect_ok(f->context,
                      fmgcam_read_tensor(f->context, &t.tensor, &q, &values));
            expect_same_bits("read", got, want, n.count);
            store_free(&t);
            free(want);
            free(got);
        }
    free(n.q);
}

static void test_bad_quantization_is_named(void **state)
{
    static const float good[CLASSES] = {1, 1, 1}, bad_scale[1] = {0},
                       nan_scale[1] = {NAN};
    static const int32_t low_zero[1] = {-129}, uint_zero[1] = {-1};
    static const int32_t high_zero[1] = {128}, high_uint[1] = {256};
    static const struct {
        const char *text;
        uint32_t dtype;
        fmgcam_quantization q;
        int given;
    } rows[] = {
        {"activations_quantization", FMGCAM_DTYPE_INT8, {0}, 0},
        {"activations_quantization",
         FMGCAM_DTYPE_FLOAT16,
         {.scales = good, .count = 1},
         1},
        {"scales: NULL", FMGCAM_DTYPE_INT8, {.count = 1}, 1},
        {"scales[0]: 0",
         FMGCAM_DTYPE_INT8,
         {.scales = bad_scale, .count = 1},
         1},
        {"scales[0]: nan",
         FMGCAM_DTYPE_INT8,
         {.scales = nan_scale, .count = 1},
         1},
        {"zero_points[0]: -129",
         FMGCAM_DTYPE_INT8,
         {.scales = good, .zero_points = low_zero, .count = 1},
         1},
        {"zero_points[0]: -1",
         FMGCAM_DTYPE_UINT8,
         {.scales = good, .zero_points = uint_zero, .count = 1},
         1},
        {"zero_points[0]: 128",
         FMGCAM_DTYPE_INT8,
         {.scales = good, .zero_points = high_zero, .count = 1},
         1},
        {"zero_points[0]: 256",
         FMGCAM_DTYPE_UINT8,
         {.scales = good, .zero_points = high_uint, .count = 1},
         1},
        {"count: 3", FMGCAM_DTYPE_INT8, {.scales = good, .count = 3}, 1},
        {"count: 0", FMGCAM_DTYPE_INT8, {.scales = good}, 1},
        {"axis: 1",
         FMGCAM_DTYPE_INT8,
         {.scales = good, .count = 3, .axis = 1},
         1},
    };
    fixture *f = *state;
    rng r;

    rng_init(&r, 310);
    scene s = scene_init(&r);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        form shown = plain;
        given g;
        result got;
        fmgcam_quantization q = rows[i].q;

        shown.dtype = rows[i].dtype;
        q.struct_size = sizeof q;
        give(&g, &s, &shown);
        g.inputs.activations_quantization = rows[i].given ? &q : NULL;
        result_init(&got);
        expect_status(f->context,
                      fmgcam_explain(f->context, &g.inputs, &got.outputs),
                      FMGCAM_STATUS_ARGUMENT, rows[i].text);
        assert_non_null(strstr(fmgcam_error_detail(f->context),
                               "activations_quantization"));
        take_back(&g);
    }
    scene_free(&s);
}

/* ---- float64 ------------------------------------------------------------- */

static void test_float64_is_rounded_once_and_checked(void **state)
{
    fixture *f = *state;
    double values_64[4] = {0.1, -1e-50, 3.4e38, 1.0 / 3};
    float got[4];
    fmgcam_tensor t;
    fmgcam_buffer values = float_buffer(got, 4);

    fmgcam_tensor_vector(&t, values_64, FMGCAM_DTYPE_FLOAT64, 4);
    expect_ok(f->context, fmgcam_read_tensor(f->context, &t, NULL, &values));
    for (size_t i = 0; i < 4; i++)
        assert_true((double)got[i] == (double)(float)values_64[i]);
    for (uint32_t rank = 0; rank <= 6; rank += 6) {
        t.rank = rank;
        expect_status(f->context,
                      fmgcam_read_tensor(f->context, &t, NULL, &values),
                      FMGCAM_STATUS_SHAPE, "expected 1 to 5");
    }
    t.rank = 1;
    values_64[2] = -1e39;
    expect_status(f->context, fmgcam_read_tensor(f->context, &t, NULL, &values),
                  FMGCAM_STATUS_OVERFLOW, "[2] is -1e+39");
    fmgcam_tensor square;
    fmgcam_tensor_matrix(&square, values_64, FMGCAM_DTYPE_FLOAT64, 2, 2);
    expect_status(f->context,
                  fmgcam_read_tensor(f->context, &square, NULL, &values),
                  FMGCAM_STATUS_OVERFLOW, "[1,0] is -1e+39");
    values_64[2] = HUGE_VAL;
    expect_ok(f->context, fmgcam_read_tensor(f->context, &t, NULL, &values));
    assert_true(isinf((double)got[2]));

    double a[2] = {1, 1e39};
    float w[1] = {1}, map[2];
    fmgcam_tensor activations, weights;
    fmgcam_tensor_nchw(&activations, a, FMGCAM_DTYPE_FLOAT64, 1, 1, 1, 2);
    fmgcam_tensor_matrix(&weights, w, FMGCAM_DTYPE_FLOAT32, 1, 1);
    fmgcam_inputs in = {.struct_size = sizeof in,
                        .activations = &activations,
                        .weights = &weights};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .maps = float_buffer(map, 2)};
    expect_status(f->context, fmgcam_explain(f->context, &in, &out),
                  FMGCAM_STATUS_NON_FINITE, "[0,0,0,1] is 1e+39");
}

/* ---- Axes with one index -------------------------------------------------- */

/* Their strides are of no use and may hold anything; what is left is as a map
 * with fewer axes. */
static void test_axes_with_one_index_do_not_count(void **state)
{
    static const int64_t shapes[][3] = {{12, 1, 1}, {1, 12, 1}, {1, 1, 12},
                                        {3, 4, 1},  {3, 1, 4},  {1, 3, 4}};
    fixture *f = *state;
    rng r;

    rng_init(&r, 321);
    numbers n = random_numbers(&r, 5 * 12);
    float *values = values_of(&n);
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
            int64_t shape[4] = {5};
            float signed_maps[12], got[5 * 12], want[12] = {0};
            const float ones[5] = {1, 1, 1, 1, 1};
            stored t;
            fmgcam_tensor w;

            memcpy(shape + 1, shapes[i], sizeof shapes[i]);
            store_init(&t, values, 4, shape, FMGCAM_DTYPE_FLOAT32,
                       (tensor_layout)layout);
            for (uint32_t axis = 0; axis < 4; axis++)
                if (shape[axis] == 1)
                    t.tensor.strides[axis] = axis % 2 ? INT64_MAX : INT64_MIN;
            fmgcam_buffer all = float_buffer(got, 5 * 12);
            expect_ok(f->context,
                      fmgcam_read_tensor(f->context, &t.tensor, NULL, &all));
            expect_same_bits("read", got, values, 5 * 12);

            use_options(
                f->context,
                (fmgcam_options){.spatial_axes = 3,
                                 .arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE});
            fmgcam_tensor_matrix(&w, ones, FMGCAM_DTYPE_FLOAT32, 1, 5);
            fmgcam_buffer maps = float_buffer(signed_maps, 12);
            expect_ok(f->context, fmgcam_combine_channels(f->context, &w,
                                                          &t.tensor, &maps));
            for (size_t s = 0; s < 12; s++)
                for (size_t c = 0; c < 5; c++)
                    want[s] += values[c * 12 + s];
            expect_same_bits("combined", signed_maps, want, 12);
            store_free(&t);
        }
    free(n.q);
    free(values);
}

/* ---- Tokens and slices --------------------------------------------------- */

static void test_tokens_are_the_cells_of_a_grid(void **state)
{
    enum { N = 2, PREFIX = 3, TOKENS = PREFIX + 60 };
    fixture *f = *state;
    rng r;
    numbers n;

    rng_init(&r, 311);
    n = random_numbers(&r, (size_t)N * TOKENS * CHANNELS);
    for (uint32_t dtype = 1; dtype <= 6; dtype++)
        for (uint32_t axes = 1; axes <= 3; axes++) {
            int64_t grid[3];
            fmgcam_tensor t;
            float *raw = stored_of(&n, dtype), *got = make_floats(n.count);
            stored memory;

            store_init(&memory, raw, 3, (int64_t[]){N, TOKENS, CHANNELS}, dtype,
                       LAYOUT_PLAIN);
            append_cells(grid, 0, axes);
            assert_int_equal(fmgcam_tensor_tokens(&t, memory.tensor.data, dtype,
                                                  N, TOKENS, CHANNELS, PREFIX,
                                                  grid, axes),
                             FMGCAM_STATUS_OK);
            fmgcam_buffer values = float_buffer(got, n.count);
            expect_ok(f->context,
                      fmgcam_read_tensor(f->context, &t, NULL, &values));
            for (size_t i = 0; i < N; i++)
                for (size_t c = 0; c < CHANNELS; c++)
                    for (size_t s = 0; s < 60; s++)
                        assert_true(
                            got[(i * CHANNELS + c) * 60 + s] ==
                            raw[(i * TOKENS + PREFIX + s) * CHANNELS + c]);
            store_free(&memory);
            free(raw);
            free(got);
        }
    free(n.q);
}

static void test_bad_tokens_are_refused(void **state)
{
    static const float memory[1] = {0};
    static const struct {
        uint32_t dtype;
        int64_t n, tokens, channels, prefix, grid[2];
        uint32_t axes;
    } rows[] = {
        {1, 1, 5, 2, 0, {2, 2}, 2},
        {1, 1, 5, 2, 2, {2, 2}, 2},
        {1, 1, 5, 2, -1, {2, 3}, 2},
        {1, 0, 5, 2, 1, {2, 2}, 2},
        {1, 1, 5, 0, 1, {2, 2}, 2},
        {1, 1, 5, 2, 1, {-2, -2}, 2},
        {0, 1, 5, 2, 1, {2, 2}, 2},
        {7, 1, 5, 2, 1, {2, 2}, 2},
        {1, 1, 5, 2, 4, {1, 1}, 0},
        {1, 1, 5, 2, 1, {2, 2}, 4},
        {1, 1, 5, 2, 1, {0, 0}, 2},
        {1, 1, INT64_MAX, INT64_MAX, 0, {INT64_MAX, 1}, 2},
    };
    int64_t grid[2] = {2, 2};
    fmgcam_tensor t, zero = {0};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        memset(&t, 0x55, sizeof t);
        assert_int_equal(fmgcam_tensor_tokens(&t, memory, rows[i].dtype,
                                              rows[i].n, rows[i].tokens,
                                              rows[i].channels, rows[i].prefix,
                                              rows[i].grid, rows[i].axes),
                         FMGCAM_STATUS_ARGUMENT);
        assert_memory_equal(&t, &zero, sizeof t);
    }
    assert_int_equal(fmgcam_tensor_tokens(NULL, memory, 1, 1, 5, 2, 1, grid, 2),
                     FMGCAM_STATUS_ARGUMENT);
    assert_int_equal(fmgcam_tensor_tokens(&t, NULL, 1, 1, 5, 2, 1, grid, 2),
                     FMGCAM_STATUS_ARGUMENT);
    assert_int_equal(fmgcam_tensor_tokens(&t, memory, 1, 1, 5, 2, 1, NULL, 2),
                     FMGCAM_STATUS_ARGUMENT);
}

static void test_a_slice_is_one_picture_of_a_batch(void **state)
{
    fixture *f = *state;
    rng r;
    numbers n;

    rng_init(&r, 312);
    n = random_numbers(&r, CLASSES * CHANNELS * CELLS);
    for (uint32_t dtype = 1; dtype <= 6; dtype++)
        for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
            float *raw = stored_of(&n, dtype);
            float got[CHANNELS * CELLS];
            fmgcam_buffer values = float_buffer(got, CHANNELS * CELLS);
            stored t;

            store_init(&t, raw, 4, (int64_t[]){CLASSES, CHANNELS, 5, 12}, dtype,
                       (tensor_layout)layout);
            for (int64_t k = 0; k < CLASSES; k++) {
                fmgcam_tensor slice = t.tensor;
                assert_int_equal(fmgcam_tensor_slice(&slice, &slice, k),
                                 FMGCAM_STATUS_OK);
                assert_int_equal(slice.rank, 3);
                expect_ok(f->context, fmgcam_read_tensor(f->context, &slice,
                                                         NULL, &values));
                expect_same_bits("slice", got, raw + k * CHANNELS * CELLS,
                                 CHANNELS * CELLS);
            }
            fmgcam_tensor slice = t.tensor;
            const int64_t bad[] = {-1, CLASSES, INT64_MAX, INT64_MIN};
            for (size_t i = 0; i < COUNT_OF(bad); i++)
                assert_int_equal(fmgcam_tensor_slice(&slice, &slice, bad[i]),
                                 FMGCAM_STATUS_ARGUMENT);
            assert_memory_equal(&slice, &t.tensor, sizeof slice);
            slice.dtype = FMGCAM_DTYPE_UINT8 + 1;
            assert_int_equal(fmgcam_tensor_slice(&slice, &slice, 0),
                             FMGCAM_STATUS_ARGUMENT);
            store_free(&t);
            free(raw);
        }
    free(n.q);
}

/* ---- NaN and infinity ---------------------------------------------------- */

/* Skipped values are zeros: the same as a scene that has zeros there. */
static void test_skipped_values_count_as_zero(void **state)
{
    static const float poisons[] = {NAN, INFINITY, -INFINITY};
    fixture *f = *state;
    rng r;

    rng_init(&r, 313);
    for (uint32_t method = 1; method <= FMGCAM_METHOD_EIGEN_GRAD_CAM;
         method++) {
        if (method == FMGCAM_METHOD_EIGEN_CAM)
            continue;
        fmgcam_options options = {.method = method,
                                  .non_finite = FMGCAM_NON_FINITE_SKIP};
        scene s = scene_init(&r);
        given g;
        result want, got;
        size_t at[4], places = 1 + method % 4; /* one is enough */

        for (size_t i = 0; i < places; i++) {
            at[i] = rng_below(&r, (uint32_t)s.activations.count);
            s.activations.q[at[i]] = 0;
            s.gradients.q[at[i] * CLASSES] = 0;
        }
        explain(f->context, &s, &plain, options, &want);
        assert_int_equal(want.outputs.non_finite, 0);

        give(&g, &s, &plain);
        size_t distinct = 0;
        for (size_t i = 0; i < places; i++) {
            float *a = (float *)g.activations.memory.data + at[i];
            distinct += isfinite(*a) != 0;
            *a = poisons[i % 3];
            ((float *)g.source.memory.data)[at[i] * CLASSES] =
                poisons[(i + 1) % 3];
        }
        result_init(&got);
        expect_ok(f->context,
                  fmgcam_explain(f->context, &g.inputs, &got.outputs));
        assert_int_equal(got.outputs.non_finite, 2 * distinct);
        expect_same_result("skipped", &got, &want);

        use_options(f->context, (fmgcam_options){.method = method});
        expect_status(f->context,
                      fmgcam_explain(f->context, &g.inputs, &got.outputs),
                      FMGCAM_STATUS_NON_FINITE, "value at [");
        take_back(&g);
        scene_free(&s);
    }
}

static bool has_nan(const float *x, size_t count)
{
    size_t i = 0;

    while (i < count && !isnan(x[i]))
        i++;
    return i < count;
}

/* A NaN in one cell of the activations reaches that cell of every class. */
static void
test_propagated_nan_stays_in_its_cell_of_the_signed_maps(void **state)
{
    enum { CELL = 17 };
    fixture *f = *state;
    rng r;

    rng_init(&r, 314);
    for (int arithmetic = 1; arithmetic <= 3; arithmetic++)
        for (uint32_t method = 1; method <= FMGCAM_METHOD_CONTRASTIVE;
             method++) {
            bool is_local = method == FMGCAM_METHOD_GRAD_CAM ||
                            method == FMGCAM_METHOD_CONTRASTIVE ||
                            (method >= FMGCAM_METHOD_LAYER_CAM &&
                             method <= FMGCAM_METHOD_ELEMENT_WISE);
            if (!is_local ||
                !use_arithmetic(f->context, 0, (uint32_t)arithmetic))
                continue;
            scene s = scene_init(&r);
            fmgcam_options options = {.method = method,
                                      .arithmetic = (uint32_t)arithmetic,
                                      .non_finite =
                                          FMGCAM_NON_FINITE_PROPAGATE};
            given g;
            result clean, got;
            float class_maps[CLASSES * CELLS];

            explain(f->context, &s, &plain, options, &clean);
            give(&g, &s, &plain);
            ((float *)g.activations.memory.data)[3 * CELLS + CELL] = NAN;
            result_init(&got);
            got.outputs.class_maps = float_buffer(class_maps, CLASSES * CELLS);
            expect_ok(f->context,
                      fmgcam_explain(f->context, &g.inputs, &got.outputs));
            assert_int_equal(got.outputs.non_finite, 1);
            for (size_t i = 0; i < CLASSES * CELLS; i++) {
                bool here = i % CELLS == CELL;
                assert_int_equal(isnan(got.signed_maps[i]) != 0, here);
                assert_int_equal(isnan(class_maps[i]) != 0, here);
                if (!here && arithmetic == FMGCAM_ARITHMETIC_REPRODUCIBLE)
                    assert_true(got.signed_maps[i] == clean.signed_maps[i]);
            }
            assert_int_equal(got.winner[CELL], -1);
            assert_true(isnan(got.margin[CELL]));
            assert_true(has_nan(got.maps, CLASSES * CELLS));
            assert_int_equal(got.outputs.result, 0);
            take_back(&g);
            scene_free(&s);
        }
}

/* A NaN of one class leaves its cell without a winner, and makes NaN of what is
 * scaled by it: its own map by norm, peak and range, all by the range of all. */
static void test_stages_propagate_nan(void **state)
{
    fixture *f = *state;
    const float maps[8] = {1, 2, 3, 4, 5, NAN, 1, 1};
    const int32_t winner[4] = {1, -1, 0, 0};
    const float filtered[8] = {0, 0, 3, 4, 5, NAN, 0, 0};
    float got[8];
    int32_t won[4];
    uint32_t bits = 7;
    fmgcam_tensor t, kept;
    fmgcam_buffer out = float_buffer(got, 8), winners = buffer_of(won, 4, 4);
    fmgcam_options options = {.non_finite = FMGCAM_NON_FINITE_PROPAGATE,
                              .rescale = FMGCAM_RESCALE_CLASS};

    fmgcam_tensor_maps(&t, maps, 2, 2, 2);
    fmgcam_tensor_maps(&kept, filtered, 2, 2, 2);
    use_options(f->context, options);
    expect_ok(f->context,
              fmgcam_filter_maps(f->context, &t, &t, &out, &winners));
    assert_memory_equal(won, winner, sizeof won);
    expect_same_bits("filtered", got, filtered, 8);

    for (uint32_t normalize = 1; normalize <= FMGCAM_NORMALIZE_MAX;
         normalize += 3) {
        options.normalize = normalize;
        use_options(f->context, options);
        expect_ok(f->context,
                  fmgcam_normalize_maps(f->context, &kept, NULL, &out));
        for (size_t i = 0; i < 8; i++)
            assert_int_equal(isnan((double)got[i]) != 0, i >= 4);
    }
    expect_ok(f->context, fmgcam_rescale_maps(f->context, &kept, &out, &bits));
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(isnan((double)got[i]) != 0, i >= 4);
    assert_int_equal(bits, 0);
    options.rescale = FMGCAM_RESCALE_STACK;
    use_options(f->context, options);
    expect_ok(f->context, fmgcam_rescale_maps(f->context, &kept, &out, &bits));
    for (size_t i = 0; i < 8; i++)
        assert_true(isnan((double)got[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_stages_propagate_nan),
        fixture_test(test_every_form_has_the_same_bits),
        fixture_test(test_every_method_has_the_same_bits_in_every_form),
        fixture_test(test_class_agnostic_methods_as_well),
        fixture_test(test_every_form_is_within_the_bound_by_blas),
        fixture_test(test_every_form_in_a_batch),
        fixture_test(test_a_batch_of_every_method_does_not_depend_on_the_split),
        fixture_test(test_a_batch_may_have_fewer_pictures_than_workers),
        fixture_test(test_the_largest_picture_of_a_batch_may_be_anywhere),
        fixture_test(test_a_batch_names_the_first_picture_that_failed),
        fixture_test(test_a_batch_checks_its_own_arguments),
        fixture_test(test_a_batch_that_fails_as_a_whole_fails_each_picture),
        fixture_test(test_pictures_of_a_batch_may_differ_in_size),
        fixture_test(test_nothing_is_allocated_for_a_reserved_batch),
        fixture_test(test_scales_of_an_axis_are_applied_to_it),
        fixture_test(test_bad_quantization_is_named),
        fixture_test(test_float64_is_rounded_once_and_checked),
        fixture_test(test_axes_with_one_index_do_not_count),
        fixture_test(test_tokens_are_the_cells_of_a_grid),
        cmocka_unit_test(test_bad_tokens_are_refused),
        fixture_test(test_a_slice_is_one_picture_of_a_batch),
        fixture_test(test_skipped_values_count_as_zero),
        fixture_test(test_propagated_nan_stays_in_its_cell_of_the_signed_maps),
    };
    return cmocka_run_group_tests_name("inputs", tests, NULL, NULL);
}
