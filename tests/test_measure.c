/* SPDX-License-Identifier: MIT */
/* What the maps say as numbers, and maps of several layers, against loops in
 * double. */
#include "oracle.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *random_stack(rng *r, sizes size, float low)
{
    size_t count = (size_t)size.classes * size.height * size.width;
    float *maps = make_floats(count);

    rng_fill(r, maps, count, low, 1);
    for (size_t i = 0; i < count; i++)
        if (rng_below(r, 4) == 0)
            maps[i] = 0;
    return maps;
}

static sizes random_size(rng *r)
{
    return (sizes){1 + rng_below(r, 5), 1, 1 + rng_below(r, 9),
                   1 + rng_below(r, 9)};
}

static size_t cells_of(sizes size)
{
    return (size_t)size.height * size.width;
}

/* Sums of n doubles are off by n 2^-53 of their size. */
static void expect_close(double got, double want, double size, size_t n)
{
    double bound = (double)(n + 4) * 0x1p-53 * size;
    if (!(fabs(got - want) <= bound)) {
        print_error("%.17g, not %.17g: allowed %g\n", got, want, bound);
        fail();
    }
}

/* ---- One class ----------------------------------------------------------- */

static void check_class(const float *r, const float *m, const int32_t *winner,
                        sizes size, uint32_t rank, float threshold,
                        const fmgcam_class_measures *got)
{
    size_t cells = cells_of(size), won = 0;
    const float *map = r + rank * cells;
    double mass = 0, x = 0, y = 0, peak = 0, positive = 0, all = 0;
    uint32_t box[4] = {UINT32_MAX, UINT32_MAX, 0, 0};

    for (size_t s = 0; s < cells; s++) {
        if (winner ? winner[s] != (int32_t)rank : !(map[s] > 0))
            continue;
        peak = won++ ? fmax(peak, (double)map[s]) : (double)map[s];
        mass += (double)map[s];
        x += (double)map[s] * ((double)(s % size.width) + 0.5);
        y += (double)map[s] * ((double)(s / size.width) + 0.5);
    }
    for (size_t s = 0; s < cells; s++) {
        uint32_t column = (uint32_t)(s % size.width);
        uint32_t row = (uint32_t)(s / size.width);
        bool is_won = winner ? winner[s] == (int32_t)rank : map[s] > 0;
        if (!is_won ||
            (threshold > 0 && (double)map[s] < (double)threshold * peak))
            continue;
        box[0] = column < box[0] ? column : box[0];
        box[1] = row < box[1] ? row : box[1];
        box[2] = column + 1 > box[2] ? column + 1 : box[2];
        box[3] = row + 1 > box[3] ? row + 1 : box[3];
    }
    for (size_t s = 0; m && s < cells; s++) {
        positive += fmax((double)m[rank * cells + s], 0);
        all += fabs((double)m[rank * cells + s]);
    }
    assert_int_equal(got->cells, won);
    expect_close(got->area, (double)won / (double)cells, 1, 1);
    expect_close(got->mass, mass, fabs(mass) + (double)won, won);
    assert_int_equal((got->flags & FMGCAM_MEASURE_CELLS) != 0, won > 0);
    assert_true(got->peak == peak);
    if (box[2] == 0) /* a peak below 0 can leave no cell */
        memset(box, 0, sizeof box);
    if (won) {
        const uint32_t drawn[4] = {got->left, got->top, got->right,
                                   got->bottom};
        assert_memory_equal(drawn, box, sizeof box);
    }
    bool centred = (got->flags & FMGCAM_MEASURE_CENTROID) != 0;
    if (mass > 1e-9)
        assert_true(centred);
    if (won == 0)
        assert_false(centred);
    if (centred && mass > 1e-3) {
        expect_close(got->centroid_x, x / mass, 100 / mass, 4 * won + 4);
        expect_close(got->centroid_y, y / mass, 100 / mass, 4 * won + 4);
    }
    assert_int_equal((got->flags & FMGCAM_MEASURE_POSITIVE_SHARE) != 0,
                     m && all > 0);
    if (m && all > 0)
        expect_close(got->positive_share, positive / all, 1, 2 * cells);
}

static void test_classes_are_measured(void **state)
{
    static const float thresholds[] = {0, 0.5f, 1, 0.3f};
    fixture *f = *state;
    rng r;

    rng_init(&r, 801);
    for (int pass = 0; pass < 600; pass++) {
        sizes size = random_size(&r);
        size_t cells = cells_of(size);
        float *maps = random_stack(&r, size, pass % 3 ? 0 : -1);
        float *signed_maps = random_stack(&r, size, pass % 5 ? -1 : 0);
        int32_t *winner = make_array(cells, sizeof *winner);
        stored rt, mt;

        for (size_t s = 0; s < cells; s++)
            winner[s] = (int32_t)rng_below(&r, size.classes + 1) - 1;
        store_maps(&rt, size, maps, FMGCAM_DTYPE_FLOAT32,
                   (tensor_layout)(pass % LAYOUT_COUNT));
        store_maps(&mt, size, signed_maps, FMGCAM_DTYPE_FLOAT32,
                   (tensor_layout)(pass / 2 % LAYOUT_COUNT));
        const int32_t *w = pass % 5 < 3 ? winner : NULL;
        bool with_signed = pass % 7 != 0;
        for (uint32_t k = 0; k < size.classes; k++) {
            float threshold = thresholds[pass % 4];
            fmgcam_class_measures got = {.struct_size = sizeof got};
            expect_ok(f->context,
                      fmgcam_measure_class(f->context, &rt.tensor,
                                           with_signed ? &mt.tensor : NULL, w,
                                           k, threshold, &got));
            check_class(maps, with_signed ? signed_maps : NULL, w, size, k,
                        threshold, &got);
        }
        store_free(&rt);
        store_free(&mt);
        free(maps);
        free(signed_maps);
        free(winner);
    }
}

/* ---- Overlap ------------------------------------------------------------- */

static double mass_of(const float *map, size_t cells)
{
    double mass = 0;
    for (size_t s = 0; s < cells; s++)
        mass += fmax((double)map[s], 0);
    return mass;
}

static void test_overlap_is_that_of_shapes(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 802);
    for (int pass = 0; pass < 200; pass++) {
        sizes size = random_size(&r);
        size_t cells = cells_of(size), n = size.classes;
        float *maps = random_stack(&r, size, -0.5f);
        float *got = make_floats(n * n);
        fmgcam_buffer buffer = float_buffer(got, n * n);
        stored t;

        if (n > 1) /* of one shape and another scale */
            for (size_t s = 0; s < cells; s++)
                maps[cells + s] = maps[s] * 1e-20f;
        store_maps(&t, size, maps, FMGCAM_DTYPE_FLOAT32,
                   (tensor_layout)(pass % LAYOUT_COUNT));
        expect_ok(f->context,
                  fmgcam_measure_overlap(f->context, &t.tensor, &buffer));
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) {
                double a = mass_of(maps + i * cells, cells);
                double b = mass_of(maps + j * cells, cells), want = 0;
                for (size_t s = 0; a > 0 && b > 0 && s < cells; s++)
                    want += fmin(fmax((double)maps[i * cells + s], 0) / a,
                                 fmax((double)maps[j * cells + s], 0) / b);
                double bound = FLOAT_ROUNDOFF + 1e-14;
                expect_within("overlap", &got[i * n + j], &want, &bound, 1);
                assert_true(got[i * n + j] == got[j * n + i]);
                if (i == j)
                    assert_true(got[i * n + j] == (a > 0 ? 1 : 0));
            }
        store_free(&t);
        free(maps);
        free(got);
    }
}

/* ---- Margin and regions -------------------------------------------------- */

static int descending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x > y ? -1 : x < y;
}

static void test_the_margin_is_first_less_second(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 803);
    for (int pass = 0; pass < 200; pass++) {
        sizes size = random_size(&r);
        size_t cells = cells_of(size), n = size.classes;
        float *maps = random_stack(&r, size, -1), *got = make_floats(cells);
        fmgcam_buffer buffer = float_buffer(got, cells);
        stored t;

        store_maps(&t, size, maps, FMGCAM_DTYPE_FLOAT32,
                   (tensor_layout)(pass % LAYOUT_COUNT));
        expect_ok(f->context,
                  fmgcam_measure_margin(f->context, &t.tensor, &buffer));
        for (size_t s = 0; s < cells; s++) {
            float column[8];
            for (size_t k = 0; k < n; k++)
                column[k] = maps[k * cells + s];
            qsort(column, n, sizeof *column, descending);
            float want = n > 1 ? column[0] - column[1] : column[0];
            expect_same_values("margin", &got[s], &want, 1);
        }
        store_free(&t);
        free(maps);
        free(got);
    }
}

/* Masks of every dtype; the parts of a partition add up to the whole. */
static void test_regions_add_up(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 804);
    for (uint32_t pass = 0; pass < 300; pass++) {
        sizes size = random_size(&r);
        size_t cells = cells_of(size);
        uint32_t dtype = 1 + pass % 6;
        float *maps = random_stack(&r, size, -1);
        float *parts[3] = {make_floats(cells), make_floats(cells),
                           make_floats(cells)};
        double got[3][5], size_sum[5] = {0};
        stored t;

        store_maps(&t, size, maps, FMGCAM_DTYPE_FLOAT32,
                   (tensor_layout)(pass % LAYOUT_COUNT));
        for (size_t s = 0; s < cells; s++) {
            parts[0][s] = (float)rng_below(&r, 2);
            if (dtype <= FMGCAM_DTYPE_BFLOAT16)
                parts[0][s] *= 0.25f; /* soft masks */
            parts[2][s] = 1;
            parts[1][s] = 1 - parts[0][s];
        }
        for (size_t i = 0; i < 3; i++) {
            stored mask;
            store_init(&mask, parts[i], 2, (int64_t[]){size.height, size.width},
                       dtype, (tensor_layout)((pass + i) % LAYOUT_COUNT));
            expect_ok(f->context, fmgcam_measure_region(f->context, &t.tensor,
                                                        &mask.tensor, got[i]));
            store_free(&mask);
        }
        for (size_t k = 0; k < size.classes; k++) {
            double want = 0;
            for (size_t s = 0; s < cells; s++) {
                want += (double)parts[0][s] * (double)maps[k * cells + s];
                size_sum[k] += fabs((double)maps[k * cells + s]);
            }
            expect_close(got[0][k], want, size_sum[k], 2 * cells);
            expect_close(got[0][k] + got[1][k], got[2][k], size_sum[k],
                         6 * cells);
        }
        store_free(&t);
        free(maps);
        for (size_t i = 0; i < 3; i++)
            free(parts[i]);
    }
}

/* Under the policy of the context, what is NaN counts as 0. */
static void test_skipped_cells_count_as_zero(void **state)
{
    fixture *f = *state;
    float maps[2 * 4] = {1, NAN, 3, 0, 2, 2, INFINITY, 2};
    float clean[2 * 4] = {1, 0, 3, 0, 2, 2, 0, 2}, one[4] = {1, 1, 1, 1};
    float table[2][4], margins[2][4];
    double parts[2][2];
    fmgcam_tensor region;

    use_options(f->context,
                (fmgcam_options){.non_finite = FMGCAM_NON_FINITE_SKIP});
    fmgcam_tensor_matrix(&region, one, FMGCAM_DTYPE_FLOAT32, 2, 2);
    fmgcam_class_measures m[2] = {{.struct_size = sizeof *m},
                                  {.struct_size = sizeof *m}};
    for (size_t i = 0; i < 2; i++) {
        fmgcam_tensor t;
        fmgcam_buffer overlap = float_buffer(table[i], 4);
        fmgcam_buffer margin = float_buffer(margins[i], 4);
        fmgcam_tensor_maps(&t, i ? clean : maps, 2, 2, 2);
        expect_ok(f->context,
                  fmgcam_measure_class(f->context, &t, &t, NULL, 0, 0, &m[i]));
        expect_ok(f->context, fmgcam_measure_overlap(f->context, &t, &overlap));
        expect_ok(f->context, fmgcam_measure_margin(f->context, &t, &margin));
        expect_ok(f->context,
                  fmgcam_measure_region(f->context, &t, &region, parts[i]));
    }
    assert_memory_equal(&m[0], &m[1], sizeof m[0]);
    assert_memory_equal(table[0], table[1], sizeof table[0]);
    assert_memory_equal(margins[0], margins[1], sizeof margins[0]);
    assert_memory_equal(parts[0], parts[1], sizeof parts[0]);
}

/* ---- Layers -------------------------------------------------------------- */

typedef struct layer {
    sizes size;
    float *maps;
    stored tensor;
} layer;

enum { LAYERS = 3 };

/* One class of one layer at the size of the result, with its bound. Dividing by
 * the peak rounds once, resampling as the oracle says. */
static void oracle_layer(const layer *l, size_t k, size_t height, size_t width,
                         uint32_t resample, double *out, double *bound)
{
    size_t cells = cells_of(l->size);
    double *map = make_doubles(cells), *size = make_doubles(height * width);
    double peak = 0;

    for (size_t i = 0; i < cells * l->size.classes; i++)
        peak = fmax(peak, (double)l->maps[i]);
    for (size_t s = 0; s < cells; s++)
        map[s] = peak > 0 ? (double)l->maps[k * cells + s] / peak : 0;
    double roundings = oracle_resample(map, l->size.height, l->size.width,
                                       height, width, resample, out, size);
    for (size_t i = 0; i < height * width; i++)
        bound[i] = float_gamma(roundings + 1) * size[i] + FLOAT_TINY;
    free(map);
    free(size);
}

static void join(uint32_t fusion, size_t number, double value, double error,
                 double *sum, double *bound)
{
    double positive = fmax(value, 0);

    if (fusion == FMGCAM_LAYER_FUSION_MEAN) {
        *sum += value;
        *bound += error + FLOAT_ROUNDOFF * (fabs(*sum) + *bound + error);
    } else if (fusion == FMGCAM_LAYER_FUSION_MAXIMUM) {
        *sum = number ? fmax(*sum, value) : value;
        *bound = fmax(*bound, error);
    } else {
        double before = number ? *sum : 1;
        *bound =
            number ? *bound * (positive + error) + before * error +
                         FLOAT_ROUNDOFF * (before + *bound) * (positive + error)
                   : error;
        *sum = before * positive;
    }
}

static void check_layers(fmgcam_context *context, const layer *layers,
                         uint32_t fusion, uint32_t resample, uint32_t height,
                         uint32_t width)
{
    size_t classes = layers[0].size.classes;
    size_t count = (size_t)height * width;
    float *got = make_floats(classes * count);
    double *value = make_doubles(count), *error = make_doubles(count);
    double *want = make_doubles(classes * count);
    double *bound = make_doubles(classes * count);
    fmgcam_buffer fused = float_buffer(got, classes * count);
    const fmgcam_tensor *tensors[LAYERS];

    for (size_t i = 0; i < LAYERS; i++)
        tensors[i] = &layers[i].tensor.tensor;
    use_options(context,
                (fmgcam_options){.layer_fusion = fusion, .resample = resample});
    expect_ok(context, fmgcam_fuse_layers(context, tensors, LAYERS, height,
                                          width, &fused));
    for (size_t k = 0; k < classes; k++)
        for (size_t i = 0; i < LAYERS; i++) {
            oracle_layer(&layers[i], k, height, width, resample, value, error);
            for (size_t s = 0; s < count; s++)
                join(fusion, i, value[s], error[s], &want[k * count + s],
                     &bound[k * count + s]);
        }
    for (size_t i = 0;
         fusion == FMGCAM_LAYER_FUSION_MEAN && i < classes * count; i++) {
        want[i] /= LAYERS;
        bound[i] =
            bound[i] / LAYERS + FLOAT_ROUNDOFF * fabs(want[i]) + FLOAT_TINY;
    }
    expect_within("fused", got, want, bound, classes * count);
    free(got);
    free(value);
    free(error);
    free(want);
    free(bound);
}

static void test_layers_are_joined(void **state)
{
    static runner *const runners[] = {NULL, run_shuffled, run_on_threads};
    fixture *f = *state;
    rng r;

    rng_init(&r, 805);
    for (uint32_t pass = 0; pass < 150; pass++) {
        layer layers[LAYERS];
        uint32_t classes = 1 + rng_below(&r, 4);
        runner_log log = {.workers = 3};
        runner *run = runners[pass % 3];

        for (size_t i = 0; i < LAYERS; i++) {
            layers[i].size = random_size(&r);
            layers[i].size.classes = classes;
            layers[i].maps =
                random_stack(&r, layers[i].size, pass % 4 ? 0 : -1);
            if (pass % 10 == 0 && i == 1) /* a layer with nothing to say */
                memset(layers[i].maps, 0,
                       cells_of(layers[i].size) * classes * sizeof(float));
            store_maps(&layers[i].tensor, layers[i].size, layers[i].maps,
                       FMGCAM_DTYPE_FLOAT32,
                       (tensor_layout)((pass + i) % LAYOUT_COUNT));
        }
        expect_ok(f->context,
                  fmgcam_set_runner(f->context, run, &log, run ? 3 : 0));
        check_layers(f->context, layers, 1 + pass % 3, 1 + pass / 3 % 3,
                     1 + rng_below(&r, 30), 1 + rng_below(&r, 30));
        for (size_t i = 0; i < LAYERS; i++) {
            store_free(&layers[i].tensor);
            free(layers[i].maps);
        }
    }
}

/* ---- Arguments ----------------------------------------------------------- */

static void test_bad_arguments_are_named(void **state)
{
    fixture *f = *state;
    float maps[2 * 12], other[3 * 12], memory[64];
    double contributions[2];
    fmgcam_tensor t, wide, more, flat, mask;
    fmgcam_class_measures m = {.struct_size = sizeof m};
    fmgcam_buffer small = float_buffer(memory, 3),
                  good = float_buffer(memory, 24);
    fmgcam_buffer over = float_buffer(maps, 24);
    fmgcam_context *c = f->context;

    for (size_t i = 0; i < 36; i++)
        other[i] = maps[i % 24] = (float)(i % 24);
    fmgcam_tensor_maps(&t, maps, 2, 3, 4);
    fmgcam_tensor_maps(&wide, other, 2, 4, 3);
    fmgcam_tensor_maps(&more, other, 3, 3, 4);
    fmgcam_tensor_matrix(&flat, maps, FMGCAM_DTYPE_FLOAT32, 2, 12);
    fmgcam_tensor_matrix(&mask, other, FMGCAM_DTYPE_FLOAT32, 3, 4);
    const fmgcam_tensor *layers[2] = {&t, &more}, *none[1] = {NULL};

    expect_status(c, fmgcam_measure_class(c, &t, NULL, NULL, 2, 0, &m),
                  FMGCAM_STATUS_ARGUMENT, "rank: 2");
    expect_status(c, fmgcam_measure_class(c, &t, &wide, NULL, 0, 0, &m),
                  FMGCAM_STATUS_SHAPE, "signed_maps");
    expect_status(c, fmgcam_measure_class(c, &flat, NULL, NULL, 0, 0, &m),
                  FMGCAM_STATUS_SHAPE, "class_maps");
    expect_status(c, fmgcam_measure_class(c, &t, NULL, NULL, 0, 0, NULL),
                  FMGCAM_STATUS_ARGUMENT, "measures");
    const float bad[] = {-0.1f, 1.1f, NAN};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_status(c, fmgcam_measure_class(c, &t, NULL, NULL, 0, bad[i], &m),
                      FMGCAM_STATUS_ARGUMENT, "box_threshold");
    m.struct_size = 8;
    expect_status(c, fmgcam_measure_class(c, &t, NULL, NULL, 0, 0, &m),
                  FMGCAM_STATUS_ARGUMENT, "struct_size");
    expect_status(c, fmgcam_measure_overlap(c, &t, &small),
                  FMGCAM_STATUS_BUFFER_SIZE, "16");
    expect_status(c, fmgcam_measure_overlap(c, &t, &over),
                  FMGCAM_STATUS_ARGUMENT, "overlaps");
    expect_status(c, fmgcam_measure_margin(c, &t, &over),
                  FMGCAM_STATUS_ARGUMENT, "overlaps");
    expect_status(c, fmgcam_measure_margin(c, &t, &small),
                  FMGCAM_STATUS_BUFFER_SIZE, "48");
    expect_status(c, fmgcam_measure_region(c, &t, &flat, contributions),
                  FMGCAM_STATUS_SHAPE, "region");
    expect_status(c, fmgcam_measure_region(c, &t, &mask, NULL),
                  FMGCAM_STATUS_ARGUMENT, "contributions");
    double shared[24];
    fmgcam_tensor within;
    fmgcam_tensor_matrix(&within, shared, FMGCAM_DTYPE_FLOAT32, 3, 4);
    memset(shared, 0, sizeof shared);
    expect_status(c, fmgcam_measure_region(c, &t, &within, shared),
                  FMGCAM_STATUS_ARGUMENT, "region");
    fmgcam_tensor_maps(&within, (float *)(void *)shared, 2, 3, 4);
    expect_status(c, fmgcam_measure_region(c, &within, &mask, shared),
                  FMGCAM_STATUS_ARGUMENT, "signed_maps");
    other[6] = INFINITY;
    expect_status(c, fmgcam_measure_region(c, &t, &mask, contributions),
                  FMGCAM_STATUS_NON_FINITE, "region: value at [1,2]");
    other[6] = 1;
    expect_status(c, fmgcam_fuse_layers(c, NULL, 1, 3, 4, &good),
                  FMGCAM_STATUS_ARGUMENT, "maps");
    expect_status(c, fmgcam_fuse_layers(c, none, 1, 3, 4, &good),
                  FMGCAM_STATUS_ARGUMENT, "maps[0]: NULL");
    expect_status(c, fmgcam_fuse_layers(c, layers, 0, 3, 4, &good),
                  FMGCAM_STATUS_ARGUMENT, "count");
    expect_status(c, fmgcam_fuse_layers(c, layers, 1, 0, 4, &good),
                  FMGCAM_STATUS_ARGUMENT, "fused");
    expect_status(c, fmgcam_fuse_layers(c, layers, 2, 3, 4, &good),
                  FMGCAM_STATUS_SHAPE, "maps[1]");
    expect_status(c, fmgcam_fuse_layers(c, layers, 1, 3, 4, &over),
                  FMGCAM_STATUS_ARGUMENT, "overlaps");
    expect_status(c, fmgcam_fuse_layers(c, layers, 1, 3, 4, &small),
                  FMGCAM_STATUS_BUFFER_SIZE, "96");
    maps[7] = NAN;
    expect_status(c, fmgcam_fuse_layers(c, layers, 1, 3, 4, &good),
                  FMGCAM_STATUS_NON_FINITE, "maps[0]: value at [0,1,3]");
    expect_status(c, fmgcam_measure_region(c, &t, &mask, contributions),
                  FMGCAM_STATUS_NON_FINITE, "signed_maps: value at [0,1,3]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_classes_are_measured),
        fixture_test(test_overlap_is_that_of_shapes),
        fixture_test(test_the_margin_is_first_less_second),
        fixture_test(test_regions_add_up),
        fixture_test(test_skipped_cells_count_as_zero),
        fixture_test(test_layers_are_joined),
        fixture_test(test_bad_arguments_are_named),
    };
    return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
