/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"

#define CANARY 0xC3

static void die(const char *why)
{
    fprintf(stderr, "tests: %s\n", why);
    abort();
}

/* ---- Random numbers ----------------------------------------------------- */

uint64_t test_seed(void)
{
    static bool known;
    static uint64_t seed = 20231209;

    if (!known) {
        const char *text = getenv("FMGCAM_TEST_SEED");
        if (text && *text)
            seed = strtoull(text, NULL, 0);
        known = true;
        printf("FMGCAM_TEST_SEED=%" PRIu64 "\n", seed);
        fflush(stdout);
    }
    return seed;
}

void rng_init(rng *r, uint64_t stream)
{
    r->state = test_seed() * 0x9E3779B97F4A7C15u + stream;
    rng_next(r);
}

/* splitmix64 */
uint64_t rng_next(rng *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint32_t rng_below(rng *r, uint32_t end)
{
    return (uint32_t)(((rng_next(r) >> 32) * end) >> 32);
}

float rng_uniform(rng *r, float low, float high)
{
    double unit = (double)(rng_next(r) >> 11) * 0x1p-53;

    return (float)((double)low + unit * ((double)high - (double)low));
}

void rng_fill(rng *r, float *x, size_t count, float low, float high)
{
    for (size_t i = 0; i < count; i++)
        x[i] = rng_uniform(r, low, high);
}

/* ---- binary16, by arithmetic -------------------------------------------- */

static double power_of_two(int exponent)
{
    uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double power;

    memcpy(&power, &bits, sizeof power);
    return power;
}

float float_from_half(uint16_t half)
{
    int exponent = (half >> 10) & 31;
    int fraction = half & 1023;
    double value;

    if (exponent == 31)
        value = fraction ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        value = fraction * power_of_two(-24);
    else
        value = (1024 + fraction) * power_of_two(exponent - 25);
    return (float)(half & 0x8000 ? -value : value);
}

uint16_t half_from_float(float x)
{
    uint16_t sign = signbit(x) ? 0x8000 : 0;
    double size = fabs((double)x);
    uint64_t bits;

    if (isnan(x))
        return sign | 0x7E00;
    if (size >= 65520)
        return sign | 0x7C00;
    memcpy(&bits, &size, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023; /* size is 1.f * 2^exponent */
    if (exponent < -14)
        exponent = -14; /* subnormal: no leading 1 */
    /* In units of the last place; 2^52 leaves no room for a fraction, so adding
     * it rounds to an integer, to even where tied. A carry, and the leading 1,
     * move on to the exponent by themselves. */
    double units = size * power_of_two(10 - exponent) + 0x1p52 - 0x1p52;
    return (uint16_t)(sign + ((exponent + 14) << 10) + (int)units);
}

uint16_t bfloat_from_float(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    if (isnan(x))
        return (uint16_t)(bits >> 16 | 0x40);
    bits += 0x7fff + (bits >> 16 & 1);
    return (uint16_t)(bits >> 16);
}

void round_to_half(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = float_from_half(half_from_float(x[i]));
}

/* ---- The strict allocator ----------------------------------------------- */

#define BLOCK_MAGIC 0x666D6763616D2121u
#define BLOCK_TAIL  32

typedef struct strict_block {
    struct strict_block *next;
    struct strict_block *previous;
    void *raw;
    strict_heap *heap;
    size_t size;
    uint64_t magic;
} strict_block;

static void *strict_allocate(void *opaque, size_t size)
{
    strict_heap *heap = opaque;

    if (size == 0)
        die("the library allocates 0 bytes");
    heap->requests++;
    if (heap->requests == heap->fail_at)
        return NULL;
    if (size > SIZE_MAX / 2)
        return NULL;

    /* The header ends at a multiple of 64 plus 16: aligned for any basic type
     * and not a bit more. */
    char *raw = malloc(size + sizeof(strict_block) + 128 + BLOCK_TAIL);
    if (!raw)
        die("out of memory");
    uintptr_t at = (uintptr_t)raw + sizeof(strict_block) + 48;
    char *memory = raw + (((at + 63) & ~(uintptr_t)63) - (uintptr_t)raw) + 16;
    strict_block *block = (void *)(memory - sizeof(strict_block));

    *block = (strict_block){.next = heap->blocks,
                            .raw = raw,
                            .heap = heap,
                            .size = size,
                            .magic = BLOCK_MAGIC};
    if (heap->blocks)
        heap->blocks->previous = block;
    heap->blocks = block;
    memset(memory, 0xA5, size);
    memset(memory + size, CANARY, BLOCK_TAIL);
    heap->live++;
    heap->live_bytes += size;
    heap->requested_bytes += size;
    return memory;
}

static void strict_release(void *opaque, void *memory)
{
    strict_heap *heap = opaque;
    strict_block *block = heap->blocks;

    if (!memory)
        die("the library releases NULL");
    while (block && (char *)(block + 1) != memory)
        block = block->next;
    if (!block)
        die("the library releases memory that is not allocated here");
    if (block->magic != BLOCK_MAGIC || block->heap != heap)
        die("the library wrote before a block");
    for (size_t i = 0; i < BLOCK_TAIL; i++)
        if (((uint8_t *)memory)[block->size + i] != CANARY)
            die("the library wrote past the end of a block");
    if (block->previous)
        block->previous->next = block->next;
    else
        heap->blocks = block->next;
    if (block->next)
        block->next->previous = block->previous;
    heap->live--;
    heap->live_bytes -= block->size;
    memset(memory, 0xDD, block->size);
    block->magic = 0;
    free(block->raw);
}

fmgcam_allocator strict_allocator(strict_heap *heap)
{
    return (fmgcam_allocator){heap, strict_allocate, strict_release};
}

/* ---- Memory between guard pages ----------------------------------------- */

void guard_init(guard *g, size_t bytes, guard_side side)
{
    size_t page = page_size();

    g->bytes = bytes;
    g->page_bytes = (bytes + page - 1) / page * page;
    if (g->page_bytes == 0)
        g->page_bytes = page;
    g->map_bytes = g->page_bytes + 2 * page;
    g->map = pages_reserve(g->map_bytes);
    if (!g->map)
        die("no memory for guard pages");
    g->page = g->map + page;
    if (!pages_open(g->page, g->page_bytes))
        die("no memory between guard pages");
    memset(g->page, CANARY, g->page_bytes);
    g->data =
        side == GUARD_AT_START ? g->page : g->page + g->page_bytes - bytes;
}

bool guard_intact(const guard *g)
{
    const uint8_t *data = g->data;

    for (const uint8_t *p = g->page; p < g->page + g->page_bytes; p++)
        if ((p < data || p >= data + g->bytes) && *p != CANARY)
            return false;
    return true;
}

void guard_free(guard *g)
{
    pages_release(g->map, g->map_bytes);
}

/* ---- Problems of every size --------------------------------------------- */

sizes sizes_at(size_t index)
{
    static const uint32_t shapes[8][2] = {{1, 1},   {1, 9},   {9, 1},  {7, 7},
                                          {14, 14}, {33, 31}, {17, 3}, {7, 9}};
    static const uint32_t channels[8] = {1, 2, 3, 15, 16, 17, 64, 1000};
    static const uint32_t classes[7] = {1, 2, 3, 5, 16, 17, 33};
    size_t shape = index % 8, channel = index / 8 % 8;

    return (sizes){.classes = classes[(shape + channel) % 7],
                   .channels = channels[channel],
                   .height = shapes[shape][0],
                   .width = shapes[shape][1]};
}

void problem_init(problem *p, rng *r, sizes size, bool in_half)
{
    p->size = size;
    p->cells = (size_t)size.height * size.width;
    p->stack = p->cells * size.classes;

    p->gradients = NULL;

    size_t a = p->cells * size.channels;
    size_t w = (size_t)size.classes * size.channels;

    p->activations = make_floats(a);
    p->weights = make_floats(w);
    rng_fill(r, p->activations, a, -1, 1);
    rng_fill(r, p->weights, w, -1, 1);
    if (in_half) {
        round_to_half(p->activations, a);
        round_to_half(p->weights, w);
    }
}

void problem_add_gradients(problem *p, rng *r, bool in_half)
{
    size_t g = p->stack * p->size.channels;

    p->gradients = make_floats(g);
    rng_fill(r, p->gradients, g, -1, 1);
    if (in_half)
        round_to_half(p->gradients, g);
}

void problem_free(problem *p)
{
    free(p->activations);
    free(p->gradients);
    free(p->weights);
}

/* ---- Tensors in awkward layouts ----------------------------------------- */

/* The axes of @p rank from the innermost to the outermost. */
static void axis_order(uint32_t rank, bool channels_first, uint32_t *order)
{
    for (uint32_t i = 0; i < rank; i++)
        order[i] = rank - 1 - i;
    if (!channels_first || rank < 2)
        return;
    /* [.., C, H, W] in the order C, W, H, ..; a matrix is turned over. */
    uint32_t channel = rank == 2 ? 0 : rank - 3, at = 0;
    order[at++] = channel;
    for (uint32_t i = rank; i-- > 0;)
        if (i != channel)
            order[at++] = i;
}

size_t element_bytes(uint32_t dtype)
{
    static const size_t bytes[] = {
        [FMGCAM_DTYPE_FLOAT32] = 4, [FMGCAM_DTYPE_FLOAT16] = 2,
        [FMGCAM_DTYPE_FLOAT64] = 8, [FMGCAM_DTYPE_BFLOAT16] = 2,
        [FMGCAM_DTYPE_INT8] = 1,    [FMGCAM_DTYPE_UINT8] = 1};
    return bytes[dtype];
}

/* Integers have no NaN for what must not be read: 85 will do. */
static void put_element(void *data, int64_t at, uint32_t dtype, float value)
{
    float whole = isnan(value) ? 85 : value;

    switch (dtype) {
    case FMGCAM_DTYPE_FLOAT16:
        ((uint16_t *)data)[at] = half_from_float(value);
        break;
    case FMGCAM_DTYPE_BFLOAT16:
        ((uint16_t *)data)[at] = bfloat_from_float(value);
        break;
    case FMGCAM_DTYPE_FLOAT64: ((double *)data)[at] = (double)value; break;
    case FMGCAM_DTYPE_INT8: ((int8_t *)data)[at] = (int8_t)whole; break;
    case FMGCAM_DTYPE_UINT8: ((uint8_t *)data)[at] = (uint8_t)whole; break;
    default: ((float *)data)[at] = value; break;
    }
}

void store_init(stored *out, const float *values, uint32_t rank,
                const int64_t *shape, uint32_t dtype, tensor_layout layout)
{
    bool inner_channels = layout == LAYOUT_CHANNELS || layout == LAYOUT_MIXED;
    bool gaps = layout == LAYOUT_PADDED || layout == LAYOUT_MIXED;
    uint32_t order[FMGCAM_MAX_RANK];
    int64_t strides[FMGCAM_MAX_RANK];
    int64_t pitch = 1, first = 0, last = 0, count = 1;

    axis_order(rank, inner_channels, order);
    for (uint32_t i = 0; i < rank; i++) {
        uint32_t axis = order[i];
        bool reverse =
            layout == LAYOUT_REVERSED || (layout == LAYOUT_MIXED && i % 2 == 1);

        strides[axis] = reverse ? -pitch : pitch;
        if (reverse)
            first += (shape[axis] - 1) * pitch;
        last += (shape[axis] - 1) * pitch;
        pitch = pitch * shape[axis] + (gaps ? 3 + i : 0);
        count *= shape[axis];
    }

    size_t element = element_bytes(dtype);
    guard_init(&out->memory, (size_t)(last + 1) * element, GUARD_AT_END);
    void *data = out->memory.data;
    for (int64_t i = 0; i <= last; i++)
        put_element(data, i, dtype, NAN);

    int64_t index[FMGCAM_MAX_RANK] = {0};
    for (int64_t i = 0; i < count; i++) {
        int64_t at = first;
        for (uint32_t axis = 0; axis < rank; axis++)
            at += index[axis] * strides[axis];
        put_element(data, at, dtype, values[i]);
        for (uint32_t axis = rank; axis-- > 0;) {
            if (++index[axis] < shape[axis])
                break;
            index[axis] = 0;
        }
    }

    out->tensor =
        (fmgcam_tensor){.data = (char *)data + (size_t)first * element,
                        .dtype = dtype,
                        .rank = rank};
    memcpy(out->tensor.shape, shape, rank * sizeof *shape);
    memcpy(out->tensor.strides, strides, rank * sizeof *strides);
}

void store_free(stored *out)
{
    guard_free(&out->memory);
}

void store_activations(stored *out, const problem *p, uint32_t dtype,
                       tensor_layout layout)
{
    store_init(out, p->activations, 3,
               (int64_t[]){p->size.channels, p->size.height, p->size.width},
               dtype, layout);
}

void store_gradients(stored *out, const problem *p, uint32_t dtype,
                     tensor_layout layout)
{
    store_init(out, p->gradients, 4,
               (int64_t[]){p->size.classes, p->size.channels, p->size.height,
                           p->size.width},
               dtype, layout);
}

void store_matrix(stored *out, const problem *p, const float *values,
                  uint32_t dtype, tensor_layout layout)
{
    store_init(out, values, 2, (int64_t[]){p->size.classes, p->size.channels},
               dtype, layout);
}

void store_maps(stored *out, sizes size, const float *values, uint32_t dtype,
                tensor_layout layout)
{
    store_init(out, values, 3,
               (int64_t[]){size.classes, size.height, size.width}, dtype,
               layout);
}

fmgcam_tensor maps_view(const float *maps, sizes size)
{
    return (fmgcam_tensor){
        .data = maps,
        .dtype = FMGCAM_DTYPE_FLOAT32,
        .rank = 3,
        .shape = {size.classes, size.height, size.width},
        .strides = {(int64_t)size.height * size.width, size.width, 1}};
}

fmgcam_buffer buffer_of(void *data, size_t count, size_t element_bytes)
{
    return (fmgcam_buffer){data, count * element_bytes};
}

fmgcam_buffer float_buffer(float *data, size_t count)
{
    return buffer_of(data, count, sizeof *data);
}

/* ---- Contexts ----------------------------------------------------------- */

int fixture_setup(void **state)
{
    fixture *f = make_array(1, sizeof *f);
    fmgcam_allocator allocator = strict_allocator(&f->heap);
    char error[200];

    if (fmgcam_create(&allocator, &f->context, error, sizeof error)) {
        print_error("create: %s\n", error);
        return -1;
    }
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    fixture *f = *state;

    fmgcam_destroy(f->context);
    size_t live = f->heap.live;
    free(f);
    if (live)
        print_error("%zu blocks leaked\n", live);
    return live ? -1 : 0;
}

void use_options(fmgcam_context *context, fmgcam_options options)
{
    options.struct_size = sizeof options;
    expect_ok(context, fmgcam_set_options(context, &options));
}

const uint32_t all_arithmetics[3] = {FMGCAM_ARITHMETIC_REPRODUCIBLE,
                                     FMGCAM_ARITHMETIC_AUTO,
                                     FMGCAM_ARITHMETIC_BLAS};

bool use_arithmetic(fmgcam_context *context, uint32_t profile,
                    uint32_t arithmetic)
{
    fmgcam_options options = {.struct_size = sizeof options,
                              .profile = profile,
                              .arithmetic = arithmetic};
    fmgcam_status status = fmgcam_set_options(context, &options);

    if (arithmetic == FMGCAM_ARITHMETIC_BLAS &&
        status == FMGCAM_STATUS_UNSUPPORTED)
        return false;
    expect_ok(context, status);
    return true;
}

/* ---- Runners ------------------------------------------------------------ */

static runner_log *note_run(void *opaque, uint32_t count)
{
    runner_log *log = opaque;

    log->calls++;
    if (count > log->largest_count)
        log->largest_count = count;
    return log;
}

int32_t run_serially(void *opaque, fmgcam_task_fn task, void *job,
                     uint32_t count)
{
    note_run(opaque, count);
    for (uint32_t i = 0; i < count; i++)
        task(job, i, 0);
    return 0;
}

int32_t run_backwards(void *opaque, fmgcam_task_fn task, void *job,
                      uint32_t count)
{
    runner_log *log = note_run(opaque, count);

    for (uint32_t i = count; i-- > 0;)
        task(job, i, i % log->workers);
    return 0;
}

int32_t run_shuffled(void *opaque, fmgcam_task_fn task, void *job,
                     uint32_t count)
{
    runner_log *log = note_run(opaque, count);
    uint32_t *order = make_array(count, sizeof *order);
    rng r;

    rng_init(&r, 77 + log->calls);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = rng_below(&r, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    for (uint32_t i = 0; i < count; i++)
        task(job, order[i], rng_below(&r, log->workers));
    free(order);
    return 0;
}

#define MOST_THREADS 8

typedef struct thread_share {
    fmgcam_task_fn task;
    void *job;
    uint32_t count, worker, workers;
} thread_share;

static void *run_share(void *opaque)
{
    const thread_share *share = opaque;

    for (uint32_t i = share->worker; i < share->count; i += share->workers)
        share->task(share->job, i, share->worker);
    return NULL;
}

int32_t run_on_threads(void *opaque, fmgcam_task_fn task, void *job,
                       uint32_t count)
{
    runner_log *log = note_run(opaque, count);
    pthread_t threads[MOST_THREADS];
    thread_share shares[MOST_THREADS];

    if (log->workers > MOST_THREADS)
        die("too many threads");
    for (uint32_t i = 0; i < log->workers; i++) {
        shares[i] = (thread_share){task, job, count, i, log->workers};
        if (pthread_create(&threads[i], NULL, run_share, &shares[i]))
            die("no thread to be had");
    }
    for (uint32_t i = 0; i < log->workers; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

int32_t run_failing(void *opaque, fmgcam_task_fn task, void *job,
                    uint32_t count)
{
    (void)task;
    (void)job;
    note_run(opaque, count);
    return 7;
}

int32_t run_failing_late(void *opaque, fmgcam_task_fn task, void *job,
                         uint32_t count)
{
    run_serially(opaque, task, job, count);
    return 7;
}

int32_t run_foreign_worker(void *opaque, fmgcam_task_fn task, void *job,
                           uint32_t count)
{
    runner_log *log = note_run(opaque, count);

    for (uint32_t i = 0; i < count; i++)
        task(job, i, log->workers);
    return 0;
}

int32_t run_foreign_index(void *opaque, fmgcam_task_fn task, void *job,
                          uint32_t count)
{
    note_run(opaque, count);
    for (uint32_t i = 1; i <= count; i++)
        task(job, i, 0);
    return 0;
}

int32_t run_all_but_one(void *opaque, fmgcam_task_fn task, void *job,
                        uint32_t count)
{
    note_run(opaque, count);
    for (uint32_t i = 0; i + 1 < count; i++)
        task(job, i, 0);
    return 0;
}

int32_t run_one_twice(void *opaque, fmgcam_task_fn task, void *job,
                      uint32_t count)
{
    note_run(opaque, count);
    for (uint32_t i = 0; i < count; i++)
        task(job, i + 1 < count ? i : 0, 0);
    return 0;
}

/* ---- Assertions --------------------------------------------------------- */

bool begins_with_name(const char *detail)
{
    size_t name = strspn(detail, "abcdefghijklmnopqrstuvwxyz0123456789_.,[] ");

    return name > 0 && detail[name] == ':';
}

void expect_status_at(const fmgcam_context *context, fmgcam_status got,
                      fmgcam_status want, const char *text, const char *call,
                      const char *file, int line)
{
    const char *detail = fmgcam_error_detail(context);

    if (!detail) {
        print_error("%s: the detail text is NULL\n", call);
        _fail(file, line);
        return;
    }
    if (got != want) {
        print_error("%s: %s (%s), not %s\n", call, fmgcam_status_string(got),
                    detail, fmgcam_status_string(want));
        _fail(file, line);
    }
    if (want == FMGCAM_STATUS_OK && *detail) {
        print_error("%s: text \"%s\" after success\n", call, detail);
        _fail(file, line);
    }
    if (want != FMGCAM_STATUS_OK &&
        (!begins_with_name(detail) || !strstr(detail, text))) {
        print_error("%s: text \"%s\" lacks a name or \"%s\"\n", call, detail,
                    text);
        _fail(file, line);
    }
}

void expect_same_bits_at(const char *what, const float *got, const float *want,
                         size_t count, const char *file, int line)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&got[i], &want[i], sizeof *got)) {
            print_error("%s: [%zu] of %zu is %.9g (%a), not %.9g (%a)\n", what,
                        i, count, (double)got[i], (double)got[i],
                        (double)want[i], (double)want[i]);
            _fail(file, line);
        }
}

void expect_same_values_at(const char *what, const float *got,
                           const float *want, size_t count, const char *file,
                           int line)
{
    for (size_t i = 0; i < count; i++)
        if (!(got[i] >= want[i] && got[i] <= want[i])) {
            print_error("%s: [%zu] of %zu is %.9g (%a), not %.9g (%a)\n", what,
                        i, count, (double)got[i], (double)got[i],
                        (double)want[i], (double)want[i]);
            _fail(file, line);
        }
}

void expect_within_at(const char *what, const float *got, const double *want,
                      const double *bound, size_t count, const char *file,
                      int line)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - want[i]) <= bound[i])) {
            print_error("%s: [%zu] of %zu is %.9g, not %.9g: off by %.3g,"
                        " allowed %.3g\n",
                        what, i, count, (double)got[i], want[i],
                        fabs((double)got[i] - want[i]), bound[i]);
            _fail(file, line);
        }
}
