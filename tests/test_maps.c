/* SPDX-License-Identifier: MIT */
/* Stages 3 to 6: activation, filter, normalisation, rescaling. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"
#include "support.h"

/* Scales that maps come in: of logits, of probabilities, near float's ends. */
static const float scales[] = {1, 1e-12f, 1e-30f, 1e-42f, 1e37f};

static const sizes map_sizes[] = {{1, 0, 1, 1},    {3, 0, 1, 1},   {1, 0, 1, 9},
                                  {2, 0, 9, 1},    {5, 0, 7, 7},   {3, 0, 7, 9},
                                  {17, 0, 14, 14}, {16, 0, 17, 3}, {2, 0, 4, 4},
                                  {33, 0, 33, 31}};

static size_t stack_of(sizes size)
{
    return (size_t)size.classes * size.height * size.width;
}

static float *random_maps(rng *r, sizes size, float scale)
{
    float *maps = make_floats(stack_of(size));

    for (size_t i = 0; i < stack_of(size); i++)
        maps[i] = rng_uniform(r, -1, 1) * scale;
    return maps;
}

/* ---- Stage 3 ------------------------------------------------------------ */

static void activate(fmgcam_context *context, uint32_t activation,
                     const fmgcam_tensor *maps, float *out, size_t count)
{
    fmgcam_buffer buffer = float_buffer(out, count);

    use_options(context, (fmgcam_options){.activation = activation});
    expect_ok(context, fmgcam_activate_maps(context, maps, &buffer));
}

static void check_activation(fmgcam_context *context, uint32_t activation,
                             const float *x, size_t count)
{
    double *want = make_doubles(count), *bound = make_doubles(count);
    float *got = make_floats(count);
    fmgcam_tensor view = maps_view(
        x, (sizes){.classes = 1, .height = 1, .width = (uint32_t)count});

    for (size_t i = 0; i < count; i++) {
        want[i] = oracle_activate(activation, (double)x[i]);
        bound[i] = oracle_activate_bound(activation, (double)x[i]);
    }
    activate(context, activation, &view, got, count);
    expect_within("activated", got, want, bound, count);
    free(want);
    free(bound);
    free(got);
}

static void test_activations_follow_their_formulas(void **state)
{
    fixture *f = *state;
    const float special[] = {
        0,       -0.0f,     1,          -1,      1e-12f,   -1e-12f, 1e-30f,
        -1e-30f, 0x1p-149f, -0x1p-149f, FLT_MIN, -FLT_MIN, 0.5f,    -0.5f,
        5,       -5,        20,         -20,     88,       -88,     104,
        -104,    1e10f,     -1e10f,     FLT_MAX, -FLT_MAX};
    float x[2000];
    rng r;

    rng_init(&r, 10);
    for (uint32_t phi = FMGCAM_ACTIVATION_RELU; phi <= FMGCAM_ACTIVATION_NONE;
         phi++) {
        check_activation(f->context, phi, special, COUNT_OF(special));
        rng_fill(&r, x, COUNT_OF(x), -12, 12);
        check_activation(f->context, phi, x, COUNT_OF(x));
        for (size_t i = 0; i < COUNT_OF(x); i++)
            x[i] *= 1e-12f;
        check_activation(f->context, phi, x, COUNT_OF(x));
    }
}

/* Lengths around the width of a vector. */
static void test_relu_of_every_length_within_its_pages(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 11);
    for (uint32_t n = 1; n <= 67; n++)
        for (int side = GUARD_AT_START; side <= GUARD_AT_END; side++) {
            guard in, out;
            guard_init(&in, n * sizeof(float), (guard_side)side);
            guard_init(&out, n * sizeof(float), (guard_side)side);
            float *x = in.data, *y = out.data;
            rng_fill(&r, x, n, -1, 1);
            fmgcam_tensor view =
                maps_view(x, (sizes){.classes = 1, .height = 1, .width = n});
            activate(f->context, FMGCAM_ACTIVATION_RELU, &view, y, n);
            for (uint32_t i = 0; i < n; i++)
                assert_true(y[i] >= (x[i] > 0 ? x[i] : 0) &&
                            y[i] <= (x[i] > 0 ? x[i] : 0));
            assert_true(guard_intact(&out));
            guard_free(&in);
            guard_free(&out);
        }
}

/* ---- Stage 4 ------------------------------------------------------------ */

static void filter(fmgcam_context *context, const float *signed_maps,
                   const float *class_maps, sizes size, float *filtered,
                   int32_t *winner)
{
    fmgcam_tensor m = maps_view(signed_maps, size);
    fmgcam_tensor c = maps_view(class_maps, size);
    fmgcam_buffer out = float_buffer(filtered, stack_of(size));
    fmgcam_buffer who =
        buffer_of(winner, stack_of(size) / size.classes, sizeof *winner);

    expect_ok(context, fmgcam_filter_maps(context, &m, &c, &out, &who));
}

static void check_filter(fmgcam_context *context, const float *signed_maps,
                         const float *class_maps, sizes size, uint32_t profile,
                         uint32_t mode)
{
    size_t stack = stack_of(size), cells = stack / size.classes;
    float *want = make_floats(stack), *got = make_floats(stack);
    int32_t *best = make_array(cells, 4), *winner = make_array(cells, 4);
    int32_t *who = make_array(cells, 4);

    use_options(context, (fmgcam_options){.profile = profile, .filter = mode});
    filter(context, signed_maps, class_maps, size, got, who);
    oracle_winner(signed_maps, size.classes, cells, best, winner);
    oracle_filter(class_maps,
                  profile == FMGCAM_PROFILE_RELEASED ? best : winner,
                  size.classes, cells, want);
    expect_same_values("filtered", got,
                       mode == FMGCAM_FILTER_NONE ? class_maps : want, stack);
    assert_memory_equal(who, winner, cells * 4);
    free(want);
    free(got);
    free(best);
    free(winner);
    free(who);
}

static void test_the_winner_keeps_its_value(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 12);
    for (size_t i = 0; i < COUNT_OF(map_sizes); i++)
        for (size_t j = 0; j < COUNT_OF(scales); j++) {
            float *m = random_maps(&r, map_sizes[i], scales[j]);
            float *c = random_maps(&r, map_sizes[i], 1);
            for (uint32_t profile = 1; profile <= 2; profile++)
                for (uint32_t mode = 1; mode <= 2; mode++)
                    check_filter(f->context, m, c, map_sizes[i], profile, mode);
            free(m);
            free(c);
        }
}

/* Few different values, so that ties, zeros and negative winners abound. */
static void test_ties_go_to_the_lowest_rank(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 13);
    for (size_t i = 0; i < COUNT_OF(map_sizes); i++) {
        float *m = random_maps(&r, map_sizes[i], 1);
        float *c = random_maps(&r, map_sizes[i], 1);
        for (size_t s = 0; s < stack_of(map_sizes[i]); s++)
            m[s] = (float)rng_below(&r, 3) - 1;
        for (uint32_t profile = 1; profile <= 2; profile++)
            check_filter(f->context, m, c, map_sizes[i], profile,
                         FMGCAM_FILTER_ARGMAX);
        free(m);
        free(c);
    }
}

static void test_zero_is_no_evidence_of_either_sign(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 2, .height = 1, .width = 5};
    const float m[10] = {0, -0.0f, -0.0f, -1, 0x1p-149f, -0.0f, 0, -2, -1, 0};
    const float ones[10] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const int32_t want_winner[5] = {-1, -1, -1, -1, 0};
    const float want[10] = {[4] = 1};
    float got[10];
    int32_t winner[5];

    filter(f->context, m, ones, size, got, winner);
    assert_memory_equal(winner, want_winner, sizeof winner);
    expect_same_values("filtered", got, want, 10);
}

/* Under the policy of the context, in either input. */
static void test_the_filter_skips_what_is_not_finite(void **state)
{
    fixture *f = *state;
    float maps[2 * 4] = {1, NAN, 3, 0, 2, 2, INFINITY, 2};
    float clean[2 * 4] = {1, 0, 3, 0, 2, 2, 0, 2}, got[2][8];
    float *signed_maps[3] = {clean, maps, clean};
    float *class_maps[3] = {clean, clean, maps};
    const sizes size = {.classes = 2, .height = 2, .width = 2};

    use_options(f->context,
                (fmgcam_options){.non_finite = FMGCAM_NON_FINITE_SKIP});
    for (size_t i = 0; i < 3; i++) {
        fmgcam_tensor m = maps_view(signed_maps[i], size);
        fmgcam_tensor c = maps_view(class_maps[i], size);
        fmgcam_buffer out = float_buffer(got[i > 0], 8);
        expect_ok(f->context,
                  fmgcam_filter_maps(f->context, &m, &c, &out, NULL));
        expect_same_bits("skipped", got[i > 0], got[0], 8);
    }
}

static void test_either_output_of_the_filter_may_be_left_out(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 3, .height = 7, .width = 7};
    fmgcam_buffer nothing = {NULL, 0};
    float want[147], got[147];
    int32_t want_winner[49], winner[49];
    rng r;

    rng_init(&r, 14);
    float *m = random_maps(&r, size, 1), *c = random_maps(&r, size, 1);
    fmgcam_tensor mt = maps_view(m, size), ct = maps_view(c, size);
    fmgcam_buffer out = float_buffer(got, 147);
    fmgcam_buffer who = buffer_of(winner, 49, 4);

    filter(f->context, m, c, size, want, want_winner);
    for (int pass = 0; pass < 2; pass++) {
        fmgcam_buffer *none = pass ? &nothing : NULL;
        memset(winner, 0x55, sizeof winner);
        expect_ok(f->context,
                  fmgcam_filter_maps(f->context, &mt, NULL, none, &who));
        assert_memory_equal(winner, want_winner, sizeof winner);
        memset(got, 0x55, sizeof got);
        expect_ok(f->context,
                  fmgcam_filter_maps(f->context, &mt, &ct, &out, none));
        expect_same_bits("filtered", got, want, 147);
    }
    free(m);
    free(c);
}

/* ---- Stage 5 ------------------------------------------------------------ */

static void normalize(fmgcam_context *context, const float *maps, sizes size,
                      float *out)
{
    fmgcam_tensor view = maps_view(maps, size);
    fmgcam_buffer buffer = float_buffer(out, stack_of(size));

    expect_ok(context, fmgcam_normalize_maps(context, &view, NULL, &buffer));
}

static void check_normalize(fmgcam_context *context, const float *maps,
                            sizes size, uint32_t profile, uint32_t mode)
{
    size_t stack = stack_of(size);
    double *x = widen(maps, stack), *want = make_doubles(stack);
    double *bound = make_doubles(stack);
    float *got = make_floats(stack);
    bool floored = profile == FMGCAM_PROFILE_RELEASED &&
                   mode == FMGCAM_NORMALIZE_L2_COLUMNS;

    use_options(context,
                (fmgcam_options){.profile = profile, .normalize = mode});
    normalize(context, maps, size, got);
    oracle_normalize(x, size.classes, size.height, size.width, mode,
                     floored ? 1e-12 : 0, want, bound);
    expect_within("normalized", got, want, bound, stack);
    free(x);
    free(want);
    free(bound);
    free(got);
}

static void test_maps_are_divided_by_their_norms(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 15);
    for (size_t i = 0; i < COUNT_OF(map_sizes); i++)
        for (size_t j = 0; j < COUNT_OF(scales); j++) {
            float *maps = random_maps(&r, map_sizes[i], scales[j]);
            for (uint32_t profile = 1; profile <= 2; profile++)
                for (uint32_t mode = 1; mode <= 3; mode++)
                    check_normalize(f->context, maps, map_sizes[i], profile,
                                    mode);
            free(maps);
        }
}

/* Columns and classes of very different sizes beside each other, and empty. */
static void test_each_norm_is_its_own(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 3, .height = 7, .width = 9};
    rng r;

    rng_init(&r, 16);
    float *maps = random_maps(&r, size, 1);
    for (size_t i = 0; i < stack_of(size); i++) {
        if (i < 63) /* a class that won nothing */
            maps[i] = 0;
        if (i % 9 == 4)
            maps[i] = 0;
        if (i % 9 == 5)
            maps[i] *= 1e-20f;
    }
    for (uint32_t profile = 1; profile <= 2; profile++)
        for (uint32_t mode = 1; mode <= 3; mode++)
            check_normalize(f->context, maps, size, profile, mode);
    free(maps);
}

static void test_a_norm_beyond_float_is_still_right(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 2, .height = 5, .width = 5};
    float maps[50];

    for (size_t i = 0; i < 50; i++)
        maps[i] = i % 2 ? FLT_MAX : -FLT_MAX;
    for (uint32_t profile = 1; profile <= 2; profile++)
        for (uint32_t mode = 1; mode <= 3; mode++)
            check_normalize(f->context, maps, size, profile, mode);
    for (size_t i = 0; i < 50; i++)
        maps[i] = i == 30 ? 0x1p-149f : 0;
    for (uint32_t profile = 1; profile <= 2; profile++)
        for (uint32_t mode = 1; mode <= 3; mode++)
            check_normalize(f->context, maps, size, profile, mode);
}

/* ---- Stage 6 ------------------------------------------------------------ */

static uint32_t rescale(fmgcam_context *context, const float *maps, sizes size,
                        float *out)
{
    fmgcam_tensor view = maps_view(maps, size);
    fmgcam_buffer buffer = float_buffer(out, stack_of(size));
    uint32_t result = 99;

    expect_ok(context, fmgcam_rescale_maps(context, &view, &buffer, &result));
    return result;
}

static void check_rescale(fmgcam_context *context, const float *maps,
                          sizes size, uint32_t mode)
{
    size_t stack = stack_of(size);
    double *x = widen(maps, stack), *want = make_doubles(stack);
    double *bound = make_doubles(stack);
    float *got = make_floats(stack);

    use_options(context, (fmgcam_options){.rescale = mode});
    uint32_t result = rescale(context, maps, size, got);
    bool flat = oracle_rescale(x, size.classes, stack / size.classes, mode,
                               want, bound);
    expect_within("rescaled", got, want, bound, stack);
    if (mode != FMGCAM_RESCALE_NONE)
        assert_int_equal(result, flat ? FMGCAM_RESULT_FLAT : 0);
    free(x);
    free(want);
    free(bound);
    free(got);
}

static void test_maps_are_rescaled_to_zero_and_one(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 17);
    for (size_t i = 0; i < COUNT_OF(map_sizes); i++)
        for (size_t j = 0; j < COUNT_OF(scales); j++) {
            float *maps = random_maps(&r, map_sizes[i], scales[j]);
            for (uint32_t mode = 1; mode <= 3; mode++)
                check_rescale(f->context, maps, map_sizes[i], mode);
            free(maps);
        }
}

static void test_rescaling_reaches_exactly_zero_and_one(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 3, .height = 7, .width = 7};
    float out[147];
    rng r;

    rng_init(&r, 18);
    for (int pass = 0; pass < 200; pass++) {
        float *maps = random_maps(&r, size, 1);
        rescale(f->context, maps, size, out);
        float low = 2, high = -1;
        for (size_t i = 0; i < 147; i++) {
            low = fminf(low, out[i]);
            high = fmaxf(high, out[i]);
        }
        assert_true(low >= 0 && low <= 0);
        assert_true(high >= 1 && high <= 1);
        free(maps);
    }
}

static void test_flat_maps_become_zeros_and_a_flag(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 2, .height = 3, .width = 3};
    const float values[] = {0, 1, -3, 1e-42f, FLT_MAX};
    float maps[18], out[18];
    const float zero[18] = {0};

    for (size_t v = 0; v < COUNT_OF(values); v++)
        for (uint32_t mode = 1; mode <= 2; mode++) {
            for (size_t i = 0; i < 18; i++)
                maps[i] = values[v];
            use_options(f->context, (fmgcam_options){.rescale = mode});
            assert_int_equal(rescale(f->context, maps, size, out),
                             FMGCAM_RESULT_FLAT);
            expect_same_values("rescaled", out, zero, 18);
        }
}

/* One of two classes is flat: no flag, and zeros where classes stand alone. */
static void test_a_flat_class_among_others(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 2, .height = 2, .width = 2};
    const float maps[2][8] = {{3, 3, 3, 3, 1, 2, 3, 5},
                              {1, 2, 3, 5, 3, 3, 3, 3}};

    for (size_t i = 0; i < 2; i++)
        for (uint32_t mode = 1; mode <= 3; mode++)
            check_rescale(f->context, maps[i], size, mode);
}

static void test_rescaling_works_without_asking_for_the_result(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 1, .height = 1, .width = 3};
    const float maps[3] = {1, 2, 5}, want[3] = {0, .25f, 1};
    fmgcam_tensor view = maps_view(maps, size);
    float out[3];
    fmgcam_buffer buffer = float_buffer(out, 3);

    expect_ok(f->context,
              fmgcam_rescale_maps(f->context, &view, &buffer, NULL));
    expect_same_bits("rescaled", out, want, 3);
}

/* A range wider than float: right, or refused; never NaN. */
static void test_a_range_beyond_float_is_no_nan(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 1, .height = 1, .width = 3};
    const float maps[3] = {-FLT_MAX, 0, FLT_MAX};
    const double want[3] = {0, .5, 1};
    const double bound[3] = {4 * FLOAT_ROUNDOFF, 4 * FLOAT_ROUNDOFF,
                             4 * FLOAT_ROUNDOFF};
    fmgcam_tensor view = maps_view(maps, size);
    float out[3];
    fmgcam_buffer buffer = float_buffer(out, 3);
    uint32_t result;
    fmgcam_status status =
        fmgcam_rescale_maps(f->context, &view, &buffer, &result);

    if (status == FMGCAM_STATUS_OK)
        expect_within("rescaled", out, want, bound, 3);
    else
        expect_status(f->context, status, FMGCAM_STATUS_OVERFLOW, "");
}

/* ---- All of them -------------------------------------------------------- */

typedef fmgcam_status one_to_one(fmgcam_context *context,
                                 const fmgcam_tensor *maps,
                                 const fmgcam_buffer *out);

static fmgcam_status rescale_only(fmgcam_context *context,
                                  const fmgcam_tensor *maps,
                                  const fmgcam_buffer *out)
{
    return fmgcam_rescale_maps(context, maps, out, NULL);
}

static fmgcam_status normalize_only(fmgcam_context *context,
                                    const fmgcam_tensor *maps,
                                    const fmgcam_buffer *out)
{
    return fmgcam_normalize_maps(context, maps, NULL, out);
}

static const struct {
    const char *name;
    one_to_one *run;
} in_place_stages[] = {{"activate", fmgcam_activate_maps},
                       {"normalize", normalize_only},
                       {"rescale", rescale_only}};

static void test_in_place_is_the_same(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 3, .height = 7, .width = 9};
    float out[189];
    rng r;

    rng_init(&r, 19);
    for (size_t i = 0; i < COUNT_OF(in_place_stages); i++)
        for (uint32_t option = 1; option <= 3; option++) {
            float *maps = random_maps(&r, size, 1);
            fmgcam_tensor view = maps_view(maps, size);
            fmgcam_buffer apart = float_buffer(out, 189);
            fmgcam_buffer within = float_buffer(maps, 189);

            use_options(f->context, (fmgcam_options){.activation = option,
                                                     .normalize = option,
                                                     .rescale = option});
            expect_ok(f->context,
                      in_place_stages[i].run(f->context, &view, &apart));
            expect_ok(f->context,
                      in_place_stages[i].run(f->context, &view, &within));
            expect_same_bits(in_place_stages[i].name, maps, out, 189);
            free(maps);
        }
}

static void test_maps_may_have_any_layout_and_dtype(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 5, .height = 9, .width = 17};
    const size_t stack = stack_of(size);
    float *want = make_floats(stack), *got = make_floats(stack);
    rng r;

    rng_init(&r, 20);
    float *maps = random_maps(&r, size, 1);
    round_to_half(maps, stack);
    for (size_t i = 0; i < COUNT_OF(in_place_stages); i++)
        for (uint32_t option = 1; option <= 3; option++)
            for (int layout = 0; layout < LAYOUT_COUNT; layout++)
                for (uint32_t dtype = 1; dtype <= 2; dtype++) {
                    fmgcam_tensor view = maps_view(maps, size);
                    fmgcam_buffer plain = float_buffer(want, stack);
                    fmgcam_buffer out = float_buffer(got, stack);
                    stored s;

                    use_options(f->context,
                                (fmgcam_options){.activation = option,
                                                 .normalize = option,
                                                 .rescale = option});
                    store_maps(&s, size, maps, dtype, (tensor_layout)layout);
                    expect_ok(f->context, in_place_stages[i].run(
                                              f->context, &view, &plain));
                    expect_ok(f->context, in_place_stages[i].run(
                                              f->context, &s.tensor, &out));
                    expect_same_bits(in_place_stages[i].name, got, want, stack);
                    store_free(&s);
                }
    free(maps);
    free(want);
    free(got);
}

static void test_the_filter_takes_any_layout_and_dtype(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 5, .height = 9, .width = 17};
    const size_t stack = stack_of(size);
    float *want = make_floats(stack), *got = make_floats(stack);
    int32_t want_winner[9 * 17], winner[9 * 17];
    rng r;

    rng_init(&r, 21);
    float *m = random_maps(&r, size, 1), *c = random_maps(&r, size, 1);
    round_to_half(m, stack);
    round_to_half(c, stack);
    filter(f->context, m, c, size, want, want_winner);
    for (int layout = 0; layout < LAYOUT_COUNT; layout++)
        for (uint32_t dtype = 1; dtype <= 2; dtype++) {
            fmgcam_buffer out = float_buffer(got, stack);
            fmgcam_buffer who = buffer_of(winner, COUNT_OF(winner), 4);
            stored ms, cs;

            store_maps(&ms, size, m, dtype, (tensor_layout)layout);
            store_maps(&cs, size, c, 3 - dtype,
                       (tensor_layout)((layout + 1) % LAYOUT_COUNT));
            expect_ok(f->context, fmgcam_filter_maps(f->context, &ms.tensor,
                                                     &cs.tensor, &out, &who));
            expect_same_bits("filtered", got, want, stack);
            assert_memory_equal(winner, want_winner, sizeof winner);
            store_free(&ms);
            store_free(&cs);
        }
    free(m);
    free(c);
    free(want);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_activations_follow_their_formulas),
        fixture_test(test_relu_of_every_length_within_its_pages),
        fixture_test(test_the_winner_keeps_its_value),
        fixture_test(test_ties_go_to_the_lowest_rank),
        fixture_test(test_zero_is_no_evidence_of_either_sign),
        fixture_test(test_the_filter_skips_what_is_not_finite),
        fixture_test(test_either_output_of_the_filter_may_be_left_out),
        fixture_test(test_maps_are_divided_by_their_norms),
        fixture_test(test_each_norm_is_its_own),
        fixture_test(test_a_norm_beyond_float_is_still_right),
        fixture_test(test_maps_are_rescaled_to_zero_and_one),
        fixture_test(test_rescaling_reaches_exactly_zero_and_one),
        fixture_test(test_flat_maps_become_zeros_and_a_flag),
        fixture_test(test_a_flat_class_among_others),
        fixture_test(test_rescaling_works_without_asking_for_the_result),
        fixture_test(test_a_range_beyond_float_is_no_nan),
        fixture_test(test_in_place_is_the_same),
        fixture_test(test_maps_may_have_any_layout_and_dtype),
        fixture_test(test_the_filter_takes_any_layout_and_dtype),
    };
    return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
