/* SPDX-License-Identifier: MIT */
/*
 * What every test program uses: seeded random numbers, an allocator that
 * forgives nothing, memory between guard pages, tensors in awkward layouts,
 * runners, and assertions that say what differed.
 *
 * Nothing here calls the computing part of the library, so that the oracle and
 * the data stay independent of it.
 */
#ifndef FMGCAM_TESTS_SUPPORT_H
#define FMGCAM_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fmgcam/fmgcam.h>

#include "arrays.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Random numbers ----------------------------------------------------- */

typedef struct rng {
    uint64_t state;
} rng;

/* FMGCAM_TEST_SEED from the environment, else a constant; printed once. */
uint64_t test_seed(void);
/* Start @p r from the seed; @p stream keeps tests independent of each other. */
void rng_init(rng *r, uint64_t stream);
uint64_t rng_next(rng *r);
uint32_t rng_below(rng *r, uint32_t end);
float rng_uniform(rng *r, float low, float high);
void rng_fill(rng *r, float *x, size_t count, float low, float high);

/* ---- binary16, by arithmetic -------------------------------------------- */

float float_from_half(uint16_t half);
/* To nearest, ties to even. */
uint16_t half_from_float(float x);
/* To bfloat16, to nearest, ties to even. */
uint16_t bfloat_from_float(float x);
/* Make each value one that binary16 holds. */
void round_to_half(float *x, size_t count);

/* ---- The strict allocator ----------------------------------------------- */

/* Ends the program on size 0, on release of NULL or of a foreign or damaged
 * block. Fresh memory is filled with 0xA5 and no better aligned than
 * promised. */
typedef struct strict_heap {
    struct strict_block *blocks;
    size_t live;            /* blocks */
    size_t live_bytes;      /* in them */
    size_t requests;        /* calls of allocate() */
    size_t requested_bytes; /* in successful calls */
    size_t fail_at;         /* allocate() number that returns NULL; 0: none */
} strict_heap;

fmgcam_allocator strict_allocator(strict_heap *heap);

/* ---- Memory between guard pages ----------------------------------------- */

typedef enum guard_side { GUARD_AT_START, GUARD_AT_END } guard_side;

/* data is flush with the start or the end of its pages, and the pages around
 * them cannot be accessed. What is left of its own pages holds canaries. */
typedef struct guard {
    uint8_t *map;
    size_t map_bytes;
    uint8_t *page;
    size_t page_bytes;
    void *data;
    size_t bytes;
} guard;

void guard_init(guard *g, size_t bytes, guard_side side);
/* The rest of data's pages has not been written. */
bool guard_intact(const guard *g);
void guard_free(guard *g);

/* ---- Problems of every size --------------------------------------------- */

/* 64 sizes in which every two of the shapes, channel counts and class counts
 * that are worth testing meet. */
#define ALL_SIZES 64
sizes sizes_at(size_t index);

/* Random values in -1...1; with @p in_half all of them fit binary16. The many
 * numbers of the gradients are made only where they are asked for. */
void problem_init(problem *p, rng *r, sizes size, bool in_half);
void problem_add_gradients(problem *p, rng *r, bool in_half);
void problem_free(problem *p);

/* ---- Tensors in awkward layouts ----------------------------------------- */

typedef enum tensor_layout {
    LAYOUT_PLAIN,    /* contiguous, last axis innermost */
    LAYOUT_CHANNELS, /* channels innermost; a matrix transposed */
    LAYOUT_PADDED,   /* rows, planes and stacks with gaps */
    LAYOUT_REVERSED, /* all strides negative */
    LAYOUT_MIXED,    /* channels innermost, gaps, every second axis reversed */
    LAYOUT_COUNT
} tensor_layout;

size_t element_bytes(uint32_t dtype);

/* A tensor in memory of its own, flush with a guard page; gaps hold NaN. Values
 * for integer dtypes are those that are stored, whole numbers in their range. */
typedef struct stored {
    guard memory;
    fmgcam_tensor tensor;
} stored;

void store_init(stored *out, const float *values, uint32_t rank,
                const int64_t *shape, uint32_t dtype, tensor_layout layout);
void store_free(stored *out);
void store_activations(stored *out, const problem *p, uint32_t dtype,
                       tensor_layout layout);
void store_gradients(stored *out, const problem *p, uint32_t dtype,
                     tensor_layout layout);
void store_matrix(stored *out, const problem *p, const float *values,
                  uint32_t dtype, tensor_layout layout);
void store_maps(stored *out, sizes size, const float *values, uint32_t dtype,
                tensor_layout layout);

/* A contiguous view of maps [K,H,W] of @p size. */
fmgcam_tensor maps_view(const float *maps, sizes size);
fmgcam_buffer buffer_of(void *data, size_t count, size_t element_bytes);
fmgcam_buffer float_buffer(float *data, size_t count);

/* ---- Contexts ----------------------------------------------------------- */

typedef struct fixture {
    strict_heap heap;
    fmgcam_context *context;
} fixture;

/* A context on a strict heap with default options, as cmocka's state. Teardown
 * checks that nothing is left. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
#define fixture_test(test)                                                     \
 cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

/* Set @p options, of which struct_size need not be set. */
void use_options(fmgcam_context *context, fmgcam_options options);
/* false where this build has no BLAS and one is asked for. */
bool use_arithmetic(fmgcam_context *context, uint32_t profile,
                    uint32_t arithmetic);
extern const uint32_t all_arithmetics[3];

/* ---- Runners ------------------------------------------------------------ */

typedef int32_t runner(void *opaque, fmgcam_task_fn task, void *job,
                       uint32_t count);

/* Opaque of all runners: how many workers to use, and what they saw. */
typedef struct runner_log {
    uint32_t workers;
    uint32_t calls;
    uint32_t largest_count;
} runner_log;

runner run_serially;
runner run_backwards; /* rotates through the workers */
runner run_shuffled;
runner run_on_threads;
runner run_failing;        /* does nothing and returns 7 */
runner run_failing_late;   /* does all of it and returns 7 */
runner run_foreign_worker; /* passes worker == workers */
runner run_foreign_index;  /* passes index == count in place of the last */
runner run_all_but_one;    /* leaves the last task out and returns 0 */
runner run_one_twice;      /* the first one also in place of the last */

/* ---- Assertions --------------------------------------------------------- */

#define expect_ok(context, call)                                               \
 expect_status_at((context), (call), FMGCAM_STATUS_OK, "", #call, __FILE__,    \
                  __LINE__)
/* The call must return @p status with a detail text that begins with a name and
 * has @p text in it. */
#define expect_status(context, call, status, text)                             \
 expect_status_at((context), (call), (status), (text), #call, __FILE__,        \
                  __LINE__)
/* "name: what is wrong", name an argument or one of its members. */
bool begins_with_name(const char *detail);
void expect_status_at(const fmgcam_context *context, fmgcam_status got,
                      fmgcam_status want, const char *text, const char *call,
                      const char *file, int line);

/* The same bits; -0 differs from 0. */
#define expect_same_bits(what, got, want, count)                               \
 expect_same_bits_at((what), (got), (want), (count), __FILE__, __LINE__)
void expect_same_bits_at(const char *what, const float *got, const float *want,
                         size_t count, const char *file, int line);

/* The same numbers; -0 is 0, NaN is nothing. */
#define expect_same_values(what, got, want, count)                             \
 expect_same_values_at((what), (got), (want), (count), __FILE__, __LINE__)
void expect_same_values_at(const char *what, const float *got,
                           const float *want, size_t count, const char *file,
                           int line);

/* |got - want| <= bound, each with its own bound. */
#define expect_within(what, got, want, bound, count)                           \
 expect_within_at((what), (got), (want), (bound), (count), __FILE__, __LINE__)
void expect_within_at(const char *what, const float *got, const double *want,
                      const double *bound, size_t count, const char *file,
                      int line);

#endif
