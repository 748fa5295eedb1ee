/* SPDX-License-Identifier: MIT */
/* What must hold of fmgcam_explain() whatever the numbers are. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"
#include "support.h"

/* ---- Everything that explain can tell ----------------------------------- */

typedef struct answer {
    problem *of;
    float *weights, *signed_maps, *class_maps, *filtered, *normalized, *maps;
    int32_t *winner;
    uint32_t result;
} answer;

static void answer_init(answer *a, problem *p)
{
    a->of = p;
    a->weights = make_floats((size_t)p->size.classes * p->size.channels);
    a->signed_maps = make_floats(p->stack);
    a->class_maps = make_floats(p->stack);
    a->filtered = make_floats(p->stack);
    a->normalized = make_floats(p->stack);
    a->maps = make_floats(p->stack);
    a->winner = make_array(p->cells, sizeof *a->winner);
}

static void answer_free(answer *a)
{
    free(a->weights);
    free(a->signed_maps);
    free(a->class_maps);
    free(a->filtered);
    free(a->normalized);
    free(a->maps);
    free(a->winner);
}

static fmgcam_outputs answer_outputs(const answer *a)
{
    const problem *p = a->of;

    return (fmgcam_outputs){
        .struct_size = sizeof(fmgcam_outputs),
        .weights = float_buffer(a->weights,
                                (size_t)p->size.classes * p->size.channels),
        .signed_maps = float_buffer(a->signed_maps, p->stack),
        .class_maps = float_buffer(a->class_maps, p->stack),
        .winner = buffer_of(a->winner, p->cells, sizeof *a->winner),
        .filtered_maps = float_buffer(a->filtered, p->stack),
        .normalized_maps = float_buffer(a->normalized, p->stack),
        .maps = float_buffer(a->maps, p->stack)};
}

static fmgcam_status explain_status(fmgcam_context *context,
                                    const fmgcam_tensor *activations,
                                    const fmgcam_tensor *gradients, answer *a)
{
    fmgcam_inputs in = {.struct_size = sizeof in,
                        .activations = activations,
                        .gradients = gradients};
    fmgcam_outputs out = answer_outputs(a);
    fmgcam_status status;

    out.result = 99;
    status = fmgcam_explain(context, &in, &out);
    a->result = out.result;
    return status;
}

static void explain_stored(fmgcam_context *context, uint32_t dtype,
                           tensor_layout layout, answer *a)
{
    stored activations, gradients;

    store_activations(&activations, a->of, dtype, layout);
    store_gradients(&gradients, a->of, dtype, layout);
    expect_ok(context, explain_status(context, &activations.tensor,
                                      &gradients.tensor, a));
    store_free(&activations);
    store_free(&gradients);
}

static void explain(fmgcam_context *context, answer *a)
{
    explain_stored(context, FMGCAM_DTYPE_FLOAT32, LAYOUT_PLAIN, a);
}

static void expect_same_answer(const answer *got, const answer *want)
{
    const problem *p = want->of;

    expect_same_bits("weights", got->weights, want->weights,
                     (size_t)p->size.classes * p->size.channels);
    expect_same_bits("signed maps", got->signed_maps, want->signed_maps,
                     p->stack);
    expect_same_bits("class maps", got->class_maps, want->class_maps, p->stack);
    assert_memory_equal(got->winner, want->winner, p->cells * 4);
    expect_same_bits("filtered", got->filtered, want->filtered, p->stack);
    expect_same_bits("normalized", got->normalized, want->normalized, p->stack);
    expect_same_bits("maps", got->maps, want->maps, p->stack);
    assert_int_equal(got->result, want->result);
}

static void use_reproducible(fmgcam_context *context, fmgcam_options options)
{
    options.arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE;
    use_options(context, options);
}

static void random_problem(problem *p, uint64_t stream, sizes size,
                           bool in_half)
{
    rng r;

    rng_init(&r, stream);
    problem_init(p, &r, size, in_half);
    problem_add_gradients(p, &r, in_half);
}

static const sizes some_sizes[] = {
    {1, 1, 1, 1}, {1, 64, 7, 7},  {3, 17, 1, 9},    {5, 100, 7, 7},
    {2, 3, 9, 1}, {16, 15, 7, 9}, {17, 33, 14, 14}, {33, 2, 17, 3},
    {5, 1, 4, 4}, {3, 5, 33, 31}};

/* ---- One call or seven -------------------------------------------------- */

/* The stages by themselves, in the order of the profile. */
static void explain_in_stages(fmgcam_context *context, uint32_t profile,
                              answer *a)
{
    const problem *p = a->of;
    const sizes size = p->size;
    fmgcam_outputs out = answer_outputs(a);
    fmgcam_tensor g, t, w, m, c, f, n;
    bool released = profile == FMGCAM_PROFILE_RELEASED;

    fmgcam_tensor_nchw(&g, p->gradients, FMGCAM_DTYPE_FLOAT32, size.classes,
                       size.channels, size.height, size.width);
    fmgcam_tensor_nchw(&t, p->activations, FMGCAM_DTYPE_FLOAT32, 1,
                       size.channels, size.height, size.width);
    fmgcam_tensor_matrix(&w, a->weights, FMGCAM_DTYPE_FLOAT32, size.classes,
                         size.channels);
    fmgcam_tensor_maps(&m, a->signed_maps, size.classes, size.height,
                       size.width);
    fmgcam_tensor_maps(&c, a->class_maps, size.classes, size.height,
                       size.width);
    fmgcam_tensor_maps(&f, a->filtered, size.classes, size.height, size.width);
    fmgcam_tensor_maps(&n, a->normalized, size.classes, size.height,
                       size.width);

    expect_ok(context, fmgcam_pool_gradients(context, &g, &out.weights));
    expect_ok(context,
              fmgcam_combine_channels(context, &w, &t, &out.signed_maps));
    expect_ok(context, fmgcam_activate_maps(context, &m, &out.class_maps));
    expect_ok(context, fmgcam_filter_maps(context, &m, released ? &m : &c,
                                          &out.filtered_maps, &out.winner));
    expect_ok(context,
              fmgcam_normalize_maps(context, &f, NULL, &out.normalized_maps));
    if (released) {
        /* The activation comes after stage 5. */
        float *activated = make_floats(p->stack);
        fmgcam_buffer into = float_buffer(activated, p->stack);
        expect_ok(context, fmgcam_activate_maps(context, &n, &into));
        n = maps_view(activated, size);
        expect_ok(context,
                  fmgcam_rescale_maps(context, &n, &out.maps, &a->result));
        free(activated);
    } else {
        expect_ok(context,
                  fmgcam_rescale_maps(context, &n, &out.maps, &a->result));
    }
}

static void check_stages(fmgcam_context *context, uint32_t profile)
{
    for (size_t i = 0; i < COUNT_OF(some_sizes); i++) {
        answer whole, parts;
        problem p;

        random_problem(&p, 1000 + i, some_sizes[i], false);
        answer_init(&whole, &p);
        answer_init(&parts, &p);
        for (uint32_t option = 0; option < 4 * 2 * 3 * 3; option++) {
            use_reproducible(context,
                             (fmgcam_options){.profile = profile,
                                              .activation = 1 + option % 4,
                                              .filter = 1 + option / 4 % 2,
                                              .normalize = 1 + option / 8 % 3,
                                              .rescale = 1 + option / 24 % 3});
            explain(context, &whole);
            explain_in_stages(context, profile, &parts);
            expect_same_answer(&whole, &parts);
        }
        answer_free(&whole);
        answer_free(&parts);
        problem_free(&p);
    }
}

static void test_explain_is_its_stages(void **state)
{
    fixture *f = *state;
    check_stages(f->context, FMGCAM_PROFILE_STANDARD);
}

static void test_explain_is_its_stages_in_profile_released(void **state)
{
    fixture *f = *state;
    check_stages(f->context, FMGCAM_PROFILE_RELEASED);
}

/* Not wanted means not computed; what is wanted comes out the same. */
static void test_each_output_alone_is_the_same(void **state)
{
    fixture *f = *state;
    answer want, got;
    problem p;

    random_problem(&p, 1100, (sizes){5, 20, 7, 9}, false);
    answer_init(&want, &p);
    answer_init(&got, &p);
    for (uint32_t profile = 1; profile <= 2; profile++) {
        use_reproducible(f->context, (fmgcam_options){.profile = profile});
        explain(f->context, &want);
        for (unsigned wanted = 1; wanted < 128; wanted++) {
            fmgcam_tensor a, g;
            fmgcam_tensor_nchw(&a, p.activations, FMGCAM_DTYPE_FLOAT32, 1, 20,
                               7, 9);
            fmgcam_tensor_nchw(&g, p.gradients, FMGCAM_DTYPE_FLOAT32, 5, 20, 7,
                               9);
            fmgcam_inputs in = {
                .struct_size = sizeof in, .activations = &a, .gradients = &g};
            fmgcam_outputs out = answer_outputs(&got);
            const fmgcam_outputs right = answer_outputs(&want);
            fmgcam_buffer *buffers = &out.weights;
            const fmgcam_buffer *expected = &right.weights;

            for (unsigned b = 0; b < 7; b++) {
                memset(buffers[b].data, 0x55, buffers[b].size_bytes);
                if (!(wanted >> b & 1))
                    buffers[b] = (fmgcam_buffer){NULL, 0};
            }
            out.result = 99;
            expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
            assert_int_equal(out.result, out.maps.data ? want.result : 0);
            for (unsigned b = 0; b < 7; b++)
                if (buffers[b].data)
                    assert_memory_equal(buffers[b].data, expected[b].data,
                                        expected[b].size_bytes);
        }
    }
    answer_free(&want);
    answer_free(&got);
    problem_free(&p);
}

/* ---- Against the oracle from one end to the other ----------------------- */

/* Errors of the weights (dw) and of combining give dM for each cell. A norm
 * then moves by at most d_k = ||dM_k||, so N by (dM + N d_k) / (norm - d_k)
 * + 4u with N <= 1; call its largest value eta. Rescaling moves x, min and
 * max by eta each: 4 eta / (range - 2 eta) + gamma(3). Where two classes are
 * closer than their dM the library may choose either, so the oracle goes on
 * with the library's winner, after checking all the others. */
static void check_end_to_end(const answer *a)
{
    const problem *p = a->of;
    size_t rows = (size_t)p->size.classes * p->size.channels;
    size_t classes = p->size.classes, channels = p->size.channels;
    double *w = make_doubles(rows), *dw = make_doubles(rows);
    double *m = make_doubles(p->stack), *dm = make_doubles(p->stack);
    double *bound = make_doubles(p->stack), *maps = make_doubles(p->stack);

    oracle_pool(p->gradients, rows, p->cells, w, dw);
    expect_within("weights", a->weights, w, dw, rows);
    for (size_t k = 0; k < classes; k++)
        for (size_t s = 0; s < p->cells; s++) {
            double moved = 0, size = 0;
            for (size_t c = 0; c < channels; c++) {
                double x = (double)p->activations[c * p->cells + s];
                m[k * p->cells + s] += w[k * channels + c] * x;
                size += (fabs(w[k * channels + c]) + dw[k * channels + c]) *
                        fabs(x);
                moved += dw[k * channels + c] * fabs(x) + FLOAT_TINY;
            }
            dm[k * p->cells + s] = moved + float_gamma((double)channels) * size;
        }
    expect_within("signed maps", a->signed_maps, m, dm, p->stack);

    for (size_t s = 0; s < p->cells; s++) {
        double sure = 0;
        for (size_t k = 0; k < classes; k++)
            sure = fmax(sure, m[k * p->cells + s] - dm[k * p->cells + s]);
        if (a->winner[s] < 0) {
            assert_true(sure <= 0);
            continue;
        }
        size_t won = (size_t)a->winner[s] * p->cells + s;
        assert_true(m[won] + dm[won] >= sure && m[won] + dm[won] > 0);
    }

    double eta = 0, low = DBL_MAX, high = -DBL_MAX;
    for (size_t k = 0; k < classes; k++) {
        double norm = 0, d = 0, most = 0;
        for (size_t s = 0; s < p->cells; s++) {
            size_t at = k * p->cells + s;
            if (a->winner[s] != (int32_t)k)
                continue;
            maps[at] = fmax(m[at], 0);
            norm += maps[at] * maps[at];
            d += dm[at] * dm[at];
            most = fmax(most, dm[at]);
        }
        norm = sqrt(norm);
        d = sqrt(d);
        if (norm > 0)
            eta = fmax(eta, (most + d) / (norm - d) + 4 * FLOAT_ROUNDOFF);
        for (size_t s = 0; s < p->cells; s++) {
            if (norm > 0)
                maps[k * p->cells + s] /= norm;
            low = fmin(low, maps[k * p->cells + s]);
            high = fmax(high, maps[k * p->cells + s]);
        }
    }
    double range = high - low;
    for (size_t i = 0; i < p->stack; i++) {
        maps[i] = range > 0 ? (maps[i] - low) / range : 0;
        bound[i] =
            range > 2 * eta ? 4 * eta / (range - 2 * eta) + float_gamma(3) : 1;
    }
    expect_within("maps", a->maps, maps, bound, p->stack);
    free(w);
    free(dw);
    free(m);
    free(dm);
    free(bound);
    free(maps);
}

static void test_explain_is_the_oracle_within_its_bound(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < ALL_SIZES; i++) {
        answer a;
        problem p;

        random_problem(&p, 1200 + i, sizes_at(i), false);
        answer_init(&a, &p);
        for (size_t j = 0; j < COUNT_OF(all_arithmetics); j++)
            if (use_arithmetic(f->context, 0, all_arithmetics[j])) {
                explain(f->context, &a);
                check_end_to_end(&a);
            }
        answer_free(&a);
        problem_free(&p);
    }
}

/* Real networks give all these magnitudes; only proportions may matter. */
static void test_tiny_and_huge_gradients_are_the_oracle_too(void **state)
{
    fixture *f = *state;
    const float scales[] = {1e-12f, 1e-30f, 1e30f};

    for (size_t i = 0; i < COUNT_OF(scales); i++) {
        answer a;
        problem p;

        random_problem(&p, 1300, (sizes){5, 64, 7, 7}, false);
        answer_init(&a, &p);
        for (size_t j = 0; j < p.stack * 64; j++)
            p.gradients[j] *= scales[i];
        for (size_t j = 0; j < COUNT_OF(all_arithmetics); j++)
            if (use_arithmetic(f->context, 0, all_arithmetics[j])) {
                explain(f->context, &a);
                check_end_to_end(&a);
                assert_int_equal(a.result, 0);
            }
        answer_free(&a);
        problem_free(&p);
    }
}

/* ---- The same bits ------------------------------------------------------ */

static void check_layouts(fmgcam_context *context, uint32_t profile)
{
    for (size_t i = 0; i < COUNT_OF(some_sizes); i++) {
        answer want, got;
        problem p;

        random_problem(&p, 1400 + i, some_sizes[i], true);
        answer_init(&want, &p);
        answer_init(&got, &p);
        use_reproducible(context, (fmgcam_options){.profile = profile});
        explain(context, &want);
        for (int layout = 0; layout < LAYOUT_COUNT; layout++)
            for (uint32_t dtype = 1; dtype <= 2; dtype++) {
                explain_stored(context, dtype, (tensor_layout)layout, &got);
                expect_same_answer(&got, &want);
            }
        answer_free(&want);
        answer_free(&got);
        problem_free(&p);
    }
}

static void test_layout_and_dtype_change_no_bit(void **state)
{
    fixture *f = *state;
    check_layouts(f->context, FMGCAM_PROFILE_STANDARD);
    check_layouts(f->context, FMGCAM_PROFILE_RELEASED);
}

static void test_a_power_of_two_in_the_gradients_changes_no_bit(void **state)
{
    fixture *f = *state;
    const int powers[] = {-90, -40, -1, 1, 60};

    for (size_t i = 0; i < COUNT_OF(some_sizes); i++) {
        answer want, got;
        problem p;

        random_problem(&p, 1500 + i, some_sizes[i], false);
        answer_init(&want, &p);
        answer_init(&got, &p);
        use_reproducible(f->context, (fmgcam_options){0});
        explain(f->context, &want);
        for (size_t j = 0; j < COUNT_OF(powers); j++) {
            size_t count = p.stack * p.size.channels;
            for (size_t n = 0; n < count; n++)
                p.gradients[n] = ldexpf(p.gradients[n], powers[j]);
            explain(f->context, &got);
            expect_same_bits("maps", got.maps, want.maps, p.stack);
            assert_memory_equal(got.winner, want.winner, p.cells * 4);
            for (size_t n = 0; n < count; n++)
                p.gradients[n] = ldexpf(p.gradients[n], -powers[j]);
        }
        answer_free(&want);
        answer_free(&got);
        problem_free(&p);
    }
}

/* Class k of the second problem is class (k + 2) mod K of the first. */
static void test_permuting_classes_permutes_maps(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(some_sizes); i++) {
        answer want, got;
        problem p, q;
        size_t classes = some_sizes[i].classes;

        random_problem(&p, 1600 + i, some_sizes[i], false);
        random_problem(&q, 1600 + i, some_sizes[i], false);
        size_t plane = p.cells * p.size.channels;
        for (size_t k = 0; k < classes; k++)
            memcpy(q.gradients + k * plane,
                   p.gradients + (k + 2) % classes * plane,
                   plane * sizeof(float));
        answer_init(&want, &p);
        answer_init(&got, &q);
        use_reproducible(f->context, (fmgcam_options){0});
        explain(f->context, &want);
        explain(f->context, &got);
        for (size_t k = 0; k < classes; k++) {
            size_t from = (k + 2) % classes * p.cells;
            expect_same_bits("signed maps", got.signed_maps + k * p.cells,
                             want.signed_maps + from, p.cells);
            expect_same_bits("maps", got.maps + k * p.cells, want.maps + from,
                             p.cells);
        }
        for (size_t s = 0; s < p.cells; s++) {
            int32_t won = got.winner[s];
            if (won >= 0)
                /* NOLINTNEXTLINE(*DivideZero): there is a class that won */
                won = (int32_t)(((size_t)won + 2) % classes);
            assert_int_equal(won, want.winner[s]);
        }
        answer_free(&want);
        answer_free(&got);
        problem_free(&p);
        problem_free(&q);
    }
}

static void test_equal_classes_tie_to_the_lowest_rank(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(some_sizes); i++) {
        answer a;
        problem p;

        random_problem(&p, 1700 + i, some_sizes[i], false);
        size_t plane = p.cells * p.size.channels;
        for (size_t k = 1; k < p.size.classes; k++)
            memcpy(p.gradients + k * plane, p.gradients, plane * sizeof(float));
        answer_init(&a, &p);
        use_reproducible(f->context, (fmgcam_options){0});
        explain(f->context, &a);
        for (size_t s = 0; s < p.cells; s++)
            assert_true(a.winner[s] <= 0);
        for (size_t k = 1; k < p.size.classes; k++)
            expect_same_bits("signed maps", a.signed_maps + k * p.cells,
                             a.signed_maps, p.cells);
        answer_free(&a);
        problem_free(&p);
    }
}

/* Pooling adds in another order then, so weights are given. The norm is
 * summed in another order too: its error of S 2^-53 can move the rounding of
 * a value by one step, 2u, at the division and again at the rescaling. */
static void test_flipping_space_flips_the_maps(void **state)
{
    fixture *f = *state;
    answer want, got;
    problem p;

    random_problem(&p, 1800, (sizes){4, 30, 7, 9}, false);
    answer_init(&want, &p);
    answer_init(&got, &p);
    use_reproducible(f->context, (fmgcam_options){0});
    for (int axis = 1; axis <= 2; axis++) {
        fmgcam_tensor a, w;
        fmgcam_tensor_matrix(&w, p.weights, FMGCAM_DTYPE_FLOAT32, 4, 30);
        a = maps_view(p.activations, (sizes){30, 0, 7, 9});
        fmgcam_inputs in = {
            .struct_size = sizeof in, .activations = &a, .weights = &w};
        fmgcam_outputs out = answer_outputs(&want);
        expect_ok(f->context, fmgcam_explain(f->context, &in, &out));

        a.data = p.activations + (a.shape[axis] - 1) * a.strides[axis];
        a.strides[axis] = -a.strides[axis];
        out = answer_outputs(&got);
        expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
        for (size_t k = 0; k < 4; k++)
            for (size_t s = 0; s < 63; s++) {
                size_t y = s / 9, x = s % 9;
                size_t t = axis == 1 ? (6 - y) * 9 + x : y * 9 + 8 - x;
                const double bound = 4 * FLOAT_ROUNDOFF;
                double other = (double)want.maps[k * 63 + t];

                expect_same_bits("filtered", &got.filtered[k * 63 + s],
                                 &want.filtered[k * 63 + t], 1);
                assert_int_equal(got.winner[s], want.winner[t]);
                expect_within("maps", &got.maps[k * 63 + s], &other, &bound, 1);
            }
    }
    answer_free(&want);
    answer_free(&got);
    problem_free(&p);
}

/* ---- Runners ------------------------------------------------------------ */

static void check_runner(fmgcam_context *context, runner *run, uint32_t workers,
                         const answer *want)
{
    runner_log log = {.workers = workers};
    answer got;

    answer_init(&got, want->of);
    expect_ok(context, fmgcam_set_runner(context, run, &log, workers));
    explain(context, &got);
    expect_same_answer(&got, want);
    expect_ok(context, fmgcam_set_runner(context, NULL, NULL, 0));
    answer_free(&got);
}

static void test_the_runner_changes_no_bit(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(some_sizes); i++)
        for (uint32_t profile = 1; profile <= 2; profile++) {
            answer want;
            problem p;

            random_problem(&p, 1900 + i, some_sizes[i], false);
            answer_init(&want, &p);
            use_reproducible(f->context, (fmgcam_options){.profile = profile});
            explain(f->context, &want);
            check_runner(f->context, run_serially, 1, &want);
            for (uint32_t workers = 1; workers <= 4; workers++) {
                check_runner(f->context, run_backwards, workers, &want);
                check_runner(f->context, run_shuffled, workers, &want);
                check_runner(f->context, run_on_threads, workers, &want);
            }
            answer_free(&want);
            problem_free(&p);
        }
}

/* A sizeable problem is really shared out. */
static void test_work_is_spread_over_the_runner(void **state)
{
    fixture *f = *state;
    runner_log log = {.workers = 4};
    answer want, got;
    problem p;

    random_problem(&p, 2000, (sizes){5, 1280, 14, 14}, false);
    answer_init(&want, &p);
    answer_init(&got, &p);
    use_reproducible(f->context, (fmgcam_options){0});
    explain(f->context, &want);
    expect_ok(f->context,
              fmgcam_set_runner(f->context, run_on_threads, &log, 4));
    explain(f->context, &got);
    expect_same_answer(&got, &want);
    assert_true(log.calls >= 1 && log.largest_count >= 2);
    answer_free(&want);
    answer_free(&got);
    problem_free(&p);
}

static void test_the_runner_changes_no_pixel(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 3, .height = 7, .width = 7};
    const fmgcam_image image = {
        .row_stride_bytes = 3 * 200, .width = 200, .height = 150};
    size_t bytes = 3 * 200 * 150, floats = 3 * 200 * 150;
    uint8_t *under = make_array(bytes, 1), *want = make_array(bytes, 1);
    uint8_t *got = make_array(bytes, 1);
    float *resampled = make_floats(floats), *again = make_floats(floats);
    float maps[147];
    runner *const runners[] = {run_backwards, run_shuffled, run_on_threads};
    rng r;

    rng_init(&r, 2100);
    rng_fill(&r, maps, 147, -0.5f, 1);
    for (size_t i = 0; i < bytes; i++)
        under[i] = (uint8_t)rng_next(&r);
    fmgcam_tensor view = maps_view(maps, size);
    fmgcam_layers layers = {
        .struct_size = sizeof layers, .maps = &view, .signed_maps = &view};
    fmgcam_image from = image, to = image;
    from.data = under;
    for (uint32_t option = 0; option < 2 * 3; option++)
        for (size_t i = 0; i < COUNT_OF(runners); i++) {
            runner_log log = {.workers = 3};
            fmgcam_buffer plain = float_buffer(resampled, floats);
            fmgcam_buffer spread = float_buffer(again, floats);

            use_options(f->context,
                        (fmgcam_options){.fuse_at = 1 + option % 2,
                                         .resample = 1 + option / 2});
            expect_ok(f->context, fmgcam_set_runner(f->context, NULL, NULL, 0));
            to.data = want;
            expect_ok(f->context,
                      fmgcam_draw_overlay(f->context, &layers, &from, &to));
            expect_ok(f->context, fmgcam_resample_maps(f->context, &view, 150,
                                                       200, &plain));
            expect_ok(f->context,
                      fmgcam_set_runner(f->context, runners[i], &log, 3));
            to.data = got;
            expect_ok(f->context,
                      fmgcam_draw_overlay(f->context, &layers, &from, &to));
            expect_ok(f->context, fmgcam_resample_maps(f->context, &view, 150,
                                                       200, &spread));
            assert_memory_equal(got, want, bytes);
            expect_same_bits("resampled", again, resampled, floats);
            assert_true(log.calls >= 1 && log.largest_count >= 2);
        }
    free(under);
    free(want);
    free(got);
    free(resampled);
    free(again);
}

/* A workspace that other sizes have used does not show. */
static void test_a_used_context_gives_the_same_bits(void **state)
{
    fixture *f = *state;

    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < COUNT_OF(some_sizes); i++) {
            fmgcam_context *fresh;
            answer want, got;
            problem p;

            random_problem(&p, 2200 + i, some_sizes[i], false);
            answer_init(&want, &p);
            answer_init(&got, &p);
            assert_int_equal(fmgcam_create(NULL, &fresh, NULL, 0), 0);
            use_reproducible(fresh, (fmgcam_options){0});
            use_reproducible(f->context, (fmgcam_options){0});
            explain(fresh, &want);
            explain(f->context, &got);
            expect_same_answer(&got, &want);
            fmgcam_destroy(fresh);
            answer_free(&want);
            answer_free(&got);
            problem_free(&p);
        }
}

/* ---- Ranges and degenerate inputs --------------------------------------- */

static void check_invariants(const answer *a)
{
    const problem *p = a->of;

    for (size_t s = 0; s < p->cells; s++) {
        size_t evidence = 0, shown = 0;
        for (size_t k = 0; k < p->size.classes; k++) {
            size_t at = k * p->cells + s;
            evidence += a->signed_maps[at] > 0;
            shown += a->filtered[at] > 0;
            assert_true(a->filtered[at] >= 0);
            assert_true(a->maps[at] >= 0 && a->maps[at] <= 1);
            assert_true(a->normalized[at] >= 0 && a->normalized[at] <= 1);
        }
        assert_true(shown <= 1);
        assert_int_equal(a->winner[s] >= 0, evidence > 0);
        assert_true(a->winner[s] < (int32_t)p->size.classes);
        if (a->winner[s] >= 0)
            assert_true(a->filtered[(size_t)a->winner[s] * p->cells + s] > 0);
    }
}

static void test_one_winner_a_cell_and_maps_within_zero_and_one(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < ALL_SIZES; i++) {
        answer a;
        problem p;

        random_problem(&p, 2300 + i, sizes_at(i), false);
        answer_init(&a, &p);
        for (size_t j = 0; j < COUNT_OF(all_arithmetics); j++)
            if (use_arithmetic(f->context, 0, all_arithmetics[j])) {
                explain(f->context, &a);
                check_invariants(&a);
            }
        answer_free(&a);
        problem_free(&p);
    }
}

/* The flag is about the maps after stage 5, whatever else is wanted. */
static void test_the_result_is_of_this_call(void **state)
{
    fixture *f = *state;
    const float a[4] = {1, 2, 3, 4}, w[2] = {-1, 1};
    float maps[4];
    fmgcam_tensor t, m;
    fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &t, .weights = &m};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .maps = float_buffer(maps, 4)};

    fmgcam_tensor_nchw(&t, a, FMGCAM_DTYPE_FLOAT32, 1, 1, 2, 2);
    for (size_t i = 0; i < 2; i++) {
        fmgcam_tensor_matrix(&m, w + i, FMGCAM_DTYPE_FLOAT32, 1, 1);
        expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
        assert_int_equal(out.result, i == 0 ? FMGCAM_RESULT_FLAT : 0);
    }
    fmgcam_tensor_matrix(&m, w, FMGCAM_DTYPE_FLOAT32, 1, 1);
    expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
    assert_int_equal(out.result, FMGCAM_RESULT_FLAT);
    /* No stage 6: not even where the maps would have been flat. */
    out.signed_maps = out.maps;
    out.maps = (fmgcam_buffer){NULL, 0};
    expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
    assert_int_equal(out.result, 0);
}

/* Activations >= 0 and weights < 0: no evidence for anything. */
static void test_all_negative_maps_are_flat(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(some_sizes); i++) {
        answer a;
        problem p;

        random_problem(&p, 2400 + i, some_sizes[i], false);
        for (size_t j = 0; j < p.cells * p.size.channels; j++)
            p.activations[j] = fabsf(p.activations[j]);
        for (size_t j = 0; j < p.stack * p.size.channels; j++)
            p.gradients[j] = -fabsf(p.gradients[j]);
        answer_init(&a, &p);
        explain(f->context, &a);
        for (size_t s = 0; s < p.cells; s++)
            assert_int_equal(a.winner[s], -1);
        for (size_t j = 0; j < p.stack; j++)
            assert_true(a.class_maps[j] >= 0 && a.class_maps[j] <= 0 &&
                        a.maps[j] >= 0 && a.maps[j] <= 0);
        assert_int_equal(a.result, FMGCAM_RESULT_FLAT);
        answer_free(&a);
        problem_free(&p);
    }
}

static void test_zero_gradients_are_flat_in_both_profiles(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(some_sizes); i++)
        for (uint32_t profile = 1; profile <= 2; profile++) {
            answer a;
            problem p;

            random_problem(&p, 2500 + i, some_sizes[i], false);
            memset(p.gradients, 0, p.stack * p.size.channels * sizeof(float));
            answer_init(&a, &p);
            use_options(f->context, (fmgcam_options){.profile = profile});
            explain(f->context, &a);
            for (size_t s = 0; s < p.cells; s++)
                assert_int_equal(a.winner[s], -1);
            for (size_t j = 0; j < p.stack; j++)
                assert_true(a.maps[j] >= 0 && a.maps[j] <= 0);
            assert_int_equal(a.result, FMGCAM_RESULT_FLAT);
            answer_free(&a);
            problem_free(&p);
        }
}

/* One cell and one class: constant by nature. With a second class its zero
 * makes a range. */
static void test_a_single_cell(void **state)
{
    fixture *f = *state;
    float a[1] = {2}, g[2] = {3, 1}, maps[2];
    int32_t winner;
    fmgcam_tensor t, gt;

    fmgcam_tensor_nchw(&t, a, FMGCAM_DTYPE_FLOAT32, 1, 1, 1, 1);
    for (int64_t classes = 1; classes <= 2; classes++) {
        fmgcam_tensor_nchw(&gt, g, FMGCAM_DTYPE_FLOAT32, classes, 1, 1, 1);
        fmgcam_inputs in = {
            .struct_size = sizeof in, .activations = &t, .gradients = &gt};
        fmgcam_outputs out = {.struct_size = sizeof out,
                              .maps = float_buffer(maps, 2),
                              .winner = buffer_of(&winner, 1, 4)};
        const float want[2] = {classes == 2, 0};
        expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
        expect_same_values("maps", maps, want, (size_t)classes);
        assert_int_equal(winner, 0);
        assert_int_equal(out.result, classes == 1 ? FMGCAM_RESULT_FLAT : 0);
    }
}

static void test_class_maps_of_one_class_are_grad_cam(void **state)
{
    fixture *f = *state;
    answer a;
    problem p;

    random_problem(&p, 2600, (sizes){1, 64, 7, 7}, false);
    answer_init(&a, &p);
    use_reproducible(f->context, (fmgcam_options){0});
    explain(f->context, &a);
    float weights[64], signed_maps[49];
    oracle_pool_in_lanes(p.gradients, 64, 49, weights);
    oracle_combine_in_order(weights, p.activations, 1, 64, 49, signed_maps);
    for (size_t s = 0; s < 49; s++)
        signed_maps[s] = fmaxf(signed_maps[s], 0);
    expect_same_values("class maps", a.class_maps, signed_maps, 49);
    answer_free(&a);
    problem_free(&p);
}

/* Any finite input: right, or refused as too large. */
static void test_huge_inputs_overflow_or_work_but_give_no_nan(void **state)
{
    fixture *f = *state;
    const float magnitudes[] = {1e15f, 1e18f, 3e18f, 1e19f, 1e25f, FLT_MAX};
    size_t refused = 0, done = 0;

    for (uint32_t profile = 1; profile <= 2; profile++)
        for (size_t m = 0; m < COUNT_OF(magnitudes); m++)
            for (size_t i = 0; i < COUNT_OF(some_sizes); i++) {
                answer a;
                problem p;
                fmgcam_tensor t, g;
                sizes n = some_sizes[i];

                random_problem(&p, 2700 + i, n, false);
                for (size_t j = 0; j < p.cells * n.channels; j++)
                    p.activations[j] *= magnitudes[m];
                for (size_t j = 0; j < p.stack * n.channels; j++)
                    p.gradients[j] *= magnitudes[m];
                answer_init(&a, &p);
                use_options(f->context, (fmgcam_options){.profile = profile});
                fmgcam_tensor_nchw(&t, p.activations, FMGCAM_DTYPE_FLOAT32, 1,
                                   n.channels, n.height, n.width);
                fmgcam_tensor_nchw(&g, p.gradients, FMGCAM_DTYPE_FLOAT32,
                                   n.classes, n.channels, n.height, n.width);
                fmgcam_status status = explain_status(f->context, &t, &g, &a);
                if (status) {
                    refused++;
                    expect_status(f->context, status, FMGCAM_STATUS_OVERFLOW,
                                  "");
                } else {
                    done++;
                    for (size_t j = 0; j < p.stack; j++)
                        assert_true(a.maps[j] >= 0 && a.maps[j] <= 1 &&
                                    isfinite(a.signed_maps[j]) &&
                                    isfinite(a.normalized[j]));
                }
                answer_free(&a);
                problem_free(&p);
            }
    assert_true(refused > 0 && done > 0);
}

/* ---- Memory ------------------------------------------------------------- */

/* All inputs and outputs flush with pages that cannot be touched. */
static void check_guarded(fmgcam_context *context, const problem *p,
                          guard_side side)
{
    const sizes n = p->size;
    size_t rows = (size_t)n.classes * n.channels;
    size_t bytes[9] = {p->cells * n.channels * 4,
                       p->stack * n.channels * 4,
                       rows * 4,
                       p->stack * 4,
                       p->stack * 4,
                       p->cells * 4,
                       p->stack * 4,
                       p->stack * 4,
                       p->stack * 4};
    guard g[9];
    fmgcam_tensor t, gt;

    for (size_t i = 0; i < 9; i++)
        guard_init(&g[i], bytes[i], side);
    memcpy(g[0].data, p->activations, bytes[0]);
    memcpy(g[1].data, p->gradients, bytes[1]);
    fmgcam_tensor_nchw(&t, g[0].data, FMGCAM_DTYPE_FLOAT32, 1, n.channels,
                       n.height, n.width);
    fmgcam_tensor_nchw(&gt, g[1].data, FMGCAM_DTYPE_FLOAT32, n.classes,
                       n.channels, n.height, n.width);
    fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &t, .gradients = &gt};
    fmgcam_outputs out = {.struct_size = sizeof out};
    fmgcam_buffer *buffers = &out.weights;
    for (size_t i = 0; i < 7; i++)
        buffers[i] = (fmgcam_buffer){g[2 + i].data, bytes[2 + i]};
    expect_ok(context, fmgcam_explain(context, &in, &out));
    for (size_t i = 0; i < 9; i++) {
        assert_true(guard_intact(&g[i]));
        guard_free(&g[i]);
    }
}

static void test_explain_stays_within_its_pages(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < ALL_SIZES; i++) {
        problem p;

        random_problem(&p, 2800 + i, sizes_at(i), false);
        for (size_t j = 0; j < COUNT_OF(all_arithmetics); j++)
            if (use_arithmetic(f->context, 0, all_arithmetics[j])) {
                check_guarded(f->context, &p, GUARD_AT_START);
                check_guarded(f->context, &p, GUARD_AT_END);
            }
        problem_free(&p);
    }
}

static void test_inputs_are_only_read(void **state)
{
    fixture *f = *state;
    answer a;
    problem p, q;

    for (uint32_t profile = 1; profile <= 2; profile++) {
        random_problem(&p, 2900, (sizes){5, 17, 7, 9}, false);
        random_problem(&q, 2900, (sizes){5, 17, 7, 9}, false);
        answer_init(&a, &p);
        use_options(f->context, (fmgcam_options){.profile = profile});
        fmgcam_tensor t, g;
        fmgcam_tensor_nchw(&t, p.activations, FMGCAM_DTYPE_FLOAT32, 1, 17, 7,
                           9);
        fmgcam_tensor_nchw(&g, p.gradients, FMGCAM_DTYPE_FLOAT32, 5, 17, 7, 9);
        expect_ok(f->context, explain_status(f->context, &t, &g, &a));
        expect_same_bits("activations", p.activations, q.activations, 17 * 63);
        expect_same_bits("gradients", p.gradients, q.gradients, 5 * 17 * 63);
        answer_free(&a);
        problem_free(&p);
        problem_free(&q);
    }
}

static void test_bytes_beyond_what_is_needed_stay(void **state)
{
    fixture *f = *state;
    const float a[4] = {1, 2, 3, 4}, w[1] = {1};
    uint8_t memory[64];
    fmgcam_tensor t, m;

    fmgcam_tensor_nchw(&t, a, FMGCAM_DTYPE_FLOAT32, 1, 1, 2, 2);
    fmgcam_tensor_matrix(&m, w, FMGCAM_DTYPE_FLOAT32, 1, 1);
    fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &t, .weights = &m};
    _Alignas(float) uint8_t room[64];
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .maps = {room, sizeof room}};
    memset(memory, 0x5A, sizeof memory);
    memset(room, 0x5A, sizeof room);
    expect_ok(f->context, fmgcam_explain(f->context, &in, &out));
    assert_memory_equal(room + 16, memory + 16, 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_explain_is_its_stages),
        fixture_test(test_explain_is_its_stages_in_profile_released),
        fixture_test(test_each_output_alone_is_the_same),
        fixture_test(test_explain_is_the_oracle_within_its_bound),
        fixture_test(test_tiny_and_huge_gradients_are_the_oracle_too),
        fixture_test(test_layout_and_dtype_change_no_bit),
        fixture_test(test_a_power_of_two_in_the_gradients_changes_no_bit),
        fixture_test(test_permuting_classes_permutes_maps),
        fixture_test(test_equal_classes_tie_to_the_lowest_rank),
        fixture_test(test_flipping_space_flips_the_maps),
        fixture_test(test_the_runner_changes_no_bit),
        fixture_test(test_work_is_spread_over_the_runner),
        fixture_test(test_the_runner_changes_no_pixel),
        fixture_test(test_a_used_context_gives_the_same_bits),
        fixture_test(test_one_winner_a_cell_and_maps_within_zero_and_one),
        fixture_test(test_the_result_is_of_this_call),
        fixture_test(test_all_negative_maps_are_flat),
        fixture_test(test_zero_gradients_are_flat_in_both_profiles),
        fixture_test(test_a_single_cell),
        fixture_test(test_class_maps_of_one_class_are_grad_cam),
        fixture_test(test_huge_inputs_overflow_or_work_but_give_no_nan),
        fixture_test(test_explain_stays_within_its_pages),
        fixture_test(test_inputs_are_only_read),
        fixture_test(test_bytes_beyond_what_is_needed_stay),
    };
    return cmocka_run_group_tests_name("properties", tests, NULL, NULL);
}
