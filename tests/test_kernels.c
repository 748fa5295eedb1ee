/* SPDX-License-Identifier: MIT */
/* The hot loops of every instruction set that this CPU has, bit for bit against
 * the C ones, which the other tests hold to the oracle. What is not to be read
 * is NaN or lies behind a guard page; what is not to be written is watched by
 * canaries. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "internal.h"
#include "support.h"

/* ---- Tables ------------------------------------------------------------- */

#define MOST_TABLES 8

static struct fmgcam_kernels c_kernels;
static struct {
    struct fmgcam_kernels kernels;
    uint32_t flags;
} tables[MOST_TABLES];
static size_t table_count;

static const char *flags_text(uint32_t flags)
{
    static char text[40];

    snprintf(text, sizeof text, "%s%s%s",
             flags & FMGCAM_CPU_AVX2 ? "avx2 " : "",
             flags & FMGCAM_CPU_AVX512 ? "avx512 " : "",
             flags & FMGCAM_CPU_NEON ? "neon " : "");
    return text;
}

/* One for each set of flags that masking leaves, C alone being the reference. */
static int make_tables(void **state)
{
    (void)state;
    uint32_t all = fmgcam_cpu_flags();

    fmgcam_mask_cpu_flags(0);
    fmgcam_init_kernels(&c_kernels);
    for (uint32_t mask = 1; mask <= all; mask++) {
        if ((mask & all) != mask)
            continue;
        fmgcam_mask_cpu_flags(mask);
        assert_true(table_count < MOST_TABLES);
        fmgcam_init_kernels(&tables[table_count].kernels);
        tables[table_count++].flags = mask;
        printf("against C: %s\n", flags_text(mask));
    }
    fmgcam_mask_cpu_flags(UINT32_MAX);
    if (!table_count)
        printf("this CPU has nothing but the C kernels\n");
    return 0;
}

static void test_masked_kernels_are_not_used(void **state)
{
    static struct fmgcam_kernels plain;

    (void)state;
    fmgcam_use_c_kernels(&plain);
    assert_memory_equal(&c_kernels, &plain, sizeof plain);
}

#if defined(__x86_64__)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}
#else
static bool has_avx2(void)
{
    return false;
}
#endif

/* Every CPU with AVX2 has the other things that its kernels need. */
static void test_the_kernels_of_the_cpu_are_found(void **state)
{
    (void)state;
    assert_int_equal((fmgcam_cpu_flags() & FMGCAM_CPU_AVX2) != 0, has_avx2());
}

static void test_the_build_info_names_the_best_kernels(void **state)
{
    static const struct {
        uint32_t flags;
        const char *text;
    } rows[] = {{0, "kernels: c"},
                {FMGCAM_CPU_AVX2, "kernels: avx2"},
                {FMGCAM_CPU_AVX2 | FMGCAM_CPU_AVX512, "kernels: avx512"},
                {FMGCAM_CPU_NEON, "kernels: neon"}};
    uint32_t all = fmgcam_cpu_flags();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if ((all & rows[i].flags) != rows[i].flags)
            continue;
        fmgcam_mask_cpu_flags(rows[i].flags);
        assert_int_equal(fmgcam_cpu_flags(), rows[i].flags);
        const char *found = strstr(fmgcam_build_info(), "kernels: ");
        assert_non_null(found);
        assert_string_equal(found, rows[i].text);
    }
    fmgcam_mask_cpu_flags(UINT32_MAX);
}

/* ---- Memory ------------------------------------------------------------- */

/* Floats behind a guard page: flush with its end, or at its start but for
 * @p shift floats that hold NaN. */
static float *place(guard *g, size_t count, size_t shift, guard_side side)
{
    size_t before = side == GUARD_AT_START ? shift : 0;

    guard_init(g, (before + count) * sizeof(float), side);
    float *data = g->data;
    for (size_t i = 0; i < before; i++)
        data[i] = NAN;
    return data + before;
}

/* Ordinary numbers, and now and then zeros of both signs and subnormals. */
static void fill(rng *r, float *x, size_t count)
{
    static const float odd[] = {0.0f, -0.0f, 0x1p-149f, -0x1p-140f, 0x1p60f};

    for (size_t i = 0; i < count; i++)
        x[i] = rng_below(r, 16) ? rng_uniform(r, -1, 1)
                                : odd[rng_below(r, COUNT_OF(odd))];
}

/* Rows with gaps of NaN; the last row has none behind it. */
static float *place_rows(guard *g, rng *r, size_t rows, size_t columns,
                         size_t gap, size_t shift, guard_side side)
{
    size_t stride = columns + gap;
    size_t count = rows ? (rows - 1) * stride + columns : 0;
    float *data = place(g, count, shift, side);

    fill(r, data, count);
    for (size_t i = 0; i + 1 < rows; i++)
        for (size_t j = columns; j < stride; j++)
            data[i * stride + j] = NAN;
    return data;
}

static void same(const void *got, const void *want, size_t bytes,
                 const char *kernel, size_t table, const char *format, ...)
{
    if (memcmp(got, want, bytes) == 0)
        return;
    char text[160];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    size_t at = 0;
    while (((const uint8_t *)got)[at] == ((const uint8_t *)want)[at])
        at++;
    fail_msg("%s of %sdiffers from C in byte %zu of %zu: %s", kernel,
             flags_text(tables[table].flags), at, bytes, text);
}

/* 0 to 67, and some larger ones. */
static const size_t larger_sizes[] = {81, 100, 128, 129, 196, 255, 784};

static size_t size_at(size_t i)
{
    return i < 68 ? i : larger_sizes[i - 68];
}
#define SIZE_COUNT (68 + COUNT_OF(larger_sizes))

/* ---- Stages 1 and 2 ----------------------------------------------------- */

/* Classes one after the other, and their channels mixed with each other; both
 * ways round. */
static void check_pool_rows(rng *r, size_t cells, size_t classes,
                            size_t channels, size_t gap, size_t shift,
                            guard_side side)
{
    guard in, out;
    size_t count = classes * channels, bytes = count * sizeof(float);
    float *want = make_floats(count);
    float *data = place_rows(&in, r, count, cells, gap, shift, side);
    float *got = place(&out, count, shift, side);
    ptrdiff_t stride = (ptrdiff_t)(cells + gap);

    for (int way = 0; way < 4; way++) {
        struct fmgcam_rows rows = {
            .data = data,
            .stride_k = way % 2 ? stride : stride * (ptrdiff_t)channels,
            .stride_c = way % 2 ? stride * (ptrdiff_t)classes : stride,
            .classes = classes,
            .channels = channels,
            .cells = cells,
            .soon = way % 2 ? data : NULL,
            .soon_stride = stride,
        };
        if (way / 2 && count) {
            rows.data += ((ptrdiff_t)count - 1) * stride;
            rows.stride_k = -rows.stride_k;
            rows.stride_c = -rows.stride_c;
        }
        c_kernels.pool_rows(&rows, want, channels);
        for (size_t t = 0; t < table_count; t++) {
            memset(got, 0xC3, bytes);
            tables[t].kernels.pool_rows(&rows, got, channels);
            same(got, want, bytes, "pool_rows", t,
                 "%zu cells, %zu classes, %zu channels, gap %zu, shift %zu, "
                 "side %d",
                 cells, classes, channels, gap, shift, (int)side);
            assert_true(guard_intact(&out));
        }
    }
    guard_free(&in);
    guard_free(&out);
    free(want);
}

static void test_rows_are_pooled_alike(void **state)
{
    static const size_t channels[] = {0, 1, 2, 15, 16, 17, 33};
    rng r;

    (void)state;
    rng_init(&r, 9000);
    for (size_t i = 1; i < SIZE_COUNT; i++)
        for (size_t shift = 0; shift < 16; shift++) {
            size_t some = channels[(i + shift) % COUNT_OF(channels)];
            size_t classes = 1 + rng_below(&r, size_at(i) < 68 ? 10 : 2);
            check_pool_rows(&r, size_at(i), 1, some, 0, shift, GUARD_AT_START);
            check_pool_rows(&r, size_at(i), classes, some, 0, 0, GUARD_AT_END);
            check_pool_rows(&r, size_at(i), classes, some, 1 + shift, shift,
                            shift % 2 ? GUARD_AT_START : GUARD_AT_END);
        }
}

/* All lanes -0: the sum of lanes begins with +0. */
static void test_zeros_of_both_signs_are_pooled_alike(void **state)
{
    float rows[16 * 67], want[16], got[16];

    (void)state;
    for (size_t cells = 1; cells <= 67; cells++) {
        for (size_t i = 0; i < 16 * cells; i++)
            rows[i] = i / cells % 3 ? -0.0f : i % 2 ? 0.0f : -0.0f;
        const struct fmgcam_rows all = {.data = rows,
                                        .stride_c = (ptrdiff_t)cells,
                                        .classes = 1,
                                        .channels = 16,
                                        .cells = cells};
        c_kernels.pool_rows(&all, want, 16);
        for (size_t t = 0; t < table_count; t++) {
            tables[t].kernels.pool_rows(&all, got, 16);
            same(got, want, sizeof want, "pool_rows", t, "%zu cells", cells);
        }
    }
}

static void check_columns(rng *r, size_t cells, size_t channels, size_t gap,
                          size_t shift, guard_side side)
{
    guard in, out;
    float *want = make_floats(channels * (cells + 1));
    float *from = place_rows(&in, r, cells, channels, gap, shift, side);
    float *got = place(&out, channels * cells, shift, side);
    ptrdiff_t stride = (ptrdiff_t)(channels + gap);

    for (size_t t = 0; t < table_count; t++) {
        c_kernels.transpose(from, stride, channels, cells, want, cells);
        memset(got, 0xC3, channels * cells * sizeof *got);
        tables[t].kernels.transpose(from, stride, channels, cells, got, cells);
        same(got, want, channels * cells * sizeof *got, "transpose", t,
             "%zu cells, %zu channels, gap %zu, shift %zu", cells, channels,
             gap, shift);
        if (!cells)
            continue;
        c_kernels.pool_columns(from, stride, channels, cells, want);
        memset(got, 0xC3, channels * cells * sizeof *got);
        tables[t].kernels.pool_columns(from, stride, channels, cells, got);
        same(got, want, channels * sizeof *got, "pool_columns", t,
             "%zu cells, %zu channels, gap %zu, shift %zu", cells, channels,
             gap, shift);
        assert_true(guard_intact(&out));
    }
    guard_free(&in);
    guard_free(&out);
    free(want);
}

static void test_columns_are_pooled_and_transposed_alike(void **state)
{
    rng r;

    (void)state;
    rng_init(&r, 9001);
    for (size_t i = 0; i < SIZE_COUNT; i++)
        for (size_t shift = 0; shift < 16; shift++) {
            size_t other = rng_below(&r, 68);
            check_columns(&r, other, size_at(i), shift % 3, shift,
                          GUARD_AT_START);
            check_columns(&r, size_at(i), other, shift % 5, 0, GUARD_AT_END);
            if (i < 20)
                check_columns(&r, size_at(i), 250 + 16 * shift, shift % 2,
                              shift, GUARD_AT_END);
        }
}

/* All of them; NaN is NaN. */
static void test_halves_are_widened_alike(void **state)
{
    enum { ALL = 1 << 16 };
    uint16_t *halves = make_array(ALL, sizeof *halves);
    float *got = make_floats(ALL);

    (void)state;
    for (size_t i = 0; i < ALL; i++)
        halves[i] = (uint16_t)i;
    for (size_t t = 0; t <= table_count; t++) {
        const struct fmgcam_kernels *kernels =
            t < table_count ? &tables[t].kernels : &c_kernels;
        kernels->widen_halves(halves, ALL, got);
        for (size_t i = 0; i < ALL; i++) {
            float want = float_from_half(halves[i]);
            if (isnan(want) ? !isnan(got[i])
                            : memcmp(&got[i], &want, sizeof want) != 0)
                fail_msg("half 0x%04zx is %a, not %a", i, (double)got[i],
                         (double)want);
        }
        for (size_t count = 0; count < 68; count++) {
            guard in, out;
            guard_init(&in, count * sizeof *halves, GUARD_AT_END);
            guard_init(&out, count * sizeof *got, GUARD_AT_END);
            memcpy(in.data, halves + 0x3000, count * sizeof *halves);
            kernels->widen_halves(in.data, count, out.data);
            assert_memory_equal(out.data, got + 0x3000, count * sizeof *got);
            assert_true(guard_intact(&out));
            guard_free(&in);
            guard_free(&out);
        }
    }
    free(halves);
    free(got);
}

static void check_combine(rng *r, size_t cells, size_t classes, size_t channels,
                          size_t gap, size_t shift, guard_side side)
{
    guard in, weights_in, out;
    size_t stride = cells + gap;
    size_t count = classes ? (classes - 1) * stride + cells : 0;
    float *rows = place_rows(&in, r, channels, cells, gap, shift, side);
    float *weights =
        place_rows(&weights_in, r, classes, channels, gap, shift, side);
    float *got = place(&out, count, shift, side);
    float *begin = make_floats(count + 1), *want = make_floats(count + 1);

    fill(r, begin, count);
    struct fmgcam_products products = {
        .weights = weights,
        .weights_stride = channels + gap,
        .rows = rows,
        .rows_stride = (ptrdiff_t)stride,
        .channels = channels,
        .maps = want,
        .maps_stride = stride,
    };
    memcpy(want, begin, count * sizeof *want);
    c_kernels.combine(&products, classes, cells);
    products.maps = got;
    for (size_t t = 0; t < table_count; t++) {
        memcpy(got, begin, count * sizeof *got);
        tables[t].kernels.combine(&products, classes, cells);
        same(got, want, count * sizeof *got, "combine", t,
             "%zu cells, %zu classes, %zu channels, gap %zu, shift %zu", cells,
             classes, channels, gap, shift);
        assert_true(guard_intact(&out));
    }
    guard_free(&in);
    guard_free(&weights_in);
    guard_free(&out);
    free(begin);
    free(want);
}

static void test_channels_are_combined_alike(void **state)
{
    static const size_t channels[] = {0, 1, 5, 16, 33};
    rng r;

    (void)state;
    rng_init(&r, 9002);
    for (size_t i = 0; i < SIZE_COUNT; i++)
        for (size_t shift = 0; shift < 16; shift++) {
            size_t some = channels[(i + shift) % COUNT_OF(channels)];
            check_combine(&r, size_at(i), shift + 1, some, 0, shift,
                          GUARD_AT_START);
            check_combine(&r, size_at(i), rng_below(&r, 20), some, shift % 4, 0,
                          GUARD_AT_END);
        }
}

static void check_products(rng *r, enum fmgcam_product product, size_t cells,
                           size_t channels, size_t gap, size_t shift,
                           guard_side side)
{
    guard g_in, a_in, out;
    float *g = place_rows(&g_in, r, channels, cells, gap, shift, side);
    float *a = place_rows(&a_in, r, channels, cells, 0, 15 - shift, side);
    float *got = place(&out, cells, shift, side);
    float *begin = make_floats(cells + 1), *want = make_floats(cells + 1);

    if (channels > 0 && cells > 0) /* ReLU must let it through */
        g[rng_below(r, (uint32_t)channels) * (cells + gap)] = NAN;
    fill(r, begin, cells);
    memcpy(want, begin, cells * sizeof *want);
    c_kernels.add_products(product, g, (ptrdiff_t)(cells + gap), a,
                           (ptrdiff_t)cells, channels, cells, want);
    for (size_t t = 0; t < table_count; t++) {
        memcpy(got, begin, cells * sizeof *got);
        tables[t].kernels.add_products(product, g, (ptrdiff_t)(cells + gap), a,
                                       (ptrdiff_t)cells, channels, cells, got);
        same(got, want, cells * sizeof *got, "add_products", t,
             "product %d, %zu cells, %zu channels, gap %zu, shift %zu",
             (int)product, cells, channels, gap, shift);
        assert_true(guard_intact(&out));
    }
    guard_free(&g_in);
    guard_free(&a_in);
    guard_free(&out);
    free(begin);
    free(want);
}

static void test_products_are_added_alike(void **state)
{
    static const size_t channels[] = {0, 1, 5, 32};
    rng r;

    (void)state;
    rng_init(&r, 9007);
    for (size_t i = 0; i < SIZE_COUNT; i++)
        for (size_t shift = 0; shift < 16; shift++) {
            size_t some = channels[(i + shift) % COUNT_OF(channels)];
            enum fmgcam_product product = (enum fmgcam_product)(shift % 3);
            check_products(&r, product, size_at(i), some, 0, shift,
                           GUARD_AT_START);
            check_products(&r, product, size_at(i), some, shift % 4, 0,
                           GUARD_AT_END);
        }
}

/* ---- Both stages at once ------------------------------------------------ */

static void check_fuse(rng *r, size_t classes, size_t channels, size_t gap_c,
                       size_t gap_k, size_t shift, guard_side side)
{
    enum { CELLS = FMGCAM_FUSED_CELLS };
    guard gradients_in, activations_in, weights_out, maps_out;
    size_t stride = CELLS + gap_c, stride_k = channels * stride + gap_k;
    float *gradients =
        place(&gradients_in,
              (classes - 1) * stride_k + (channels - 1) * stride + CELLS, shift,
              side);
    float *activations =
        place_rows(&activations_in, r, channels, CELLS, gap_c, shift, side);
    float *weights = place(&weights_out, classes * channels, shift, side);
    float *maps = place(&maps_out, classes * CELLS, shift, side);
    float *want_weights = make_floats(classes * channels);
    float *want = make_floats(classes * CELLS);

    fill(r, gradients,
         (classes - 1) * stride_k + (channels - 1) * stride + CELLS);
    const struct fmgcam_rows rows = {.data = gradients,
                                     .stride_k = (ptrdiff_t)stride_k,
                                     .stride_c = (ptrdiff_t)stride,
                                     .classes = classes,
                                     .channels = channels,
                                     .cells = CELLS};
    c_kernels.pool_rows(&rows, want_weights, channels);
    for (size_t t = 0; t < table_count; t++) {
        if (!tables[t].kernels.fuse)
            continue;
        struct fmgcam_fusing fusing = {
            .gradients = gradients,
            .gradients_stride_k = (ptrdiff_t)stride_k,
            .gradients_stride_c = (ptrdiff_t)stride,
            .activations = activations,
            .activations_stride = (ptrdiff_t)stride,
            .classes = classes,
            .channels = channels,
            .weights = weights,
            .maps = maps,
        };
        size_t done = tables[t].kernels.fuse(&fusing);
        assert_true(done <= channels && done % FMGCAM_LANES == 0);
        memset(want, 0, classes * CELLS * sizeof *want);
        const struct fmgcam_products products = {
            .weights = want_weights,
            .weights_stride = channels,
            .rows = activations,
            .rows_stride = (ptrdiff_t)stride,
            .channels = done,
            .maps = want,
            .maps_stride = CELLS,
        };
        c_kernels.combine(&products, classes, CELLS);
        if (done == 0)
            continue;
        same(maps, want, classes * CELLS * sizeof *want, "fuse", t,
             "%zu classes, %zu channels, gaps %zu and %zu, shift %zu", classes,
             channels, gap_c, gap_k, shift);
        for (size_t k = 0; k < classes; k++)
            same(weights + k * channels, want_weights + k * channels,
                 done * sizeof *want, "weights by fuse", t,
                 "%zu classes, %zu channels", classes, channels);
        fusing.weights = NULL;
        memset(maps, 0xC3, classes * CELLS * sizeof *maps);
        tables[t].kernels.fuse(&fusing);
        same(maps, want, classes * CELLS * sizeof *want, "fuse", t,
             "without weights");
        assert_true(guard_intact(&weights_out) && guard_intact(&maps_out));
    }
    guard_free(&gradients_in);
    guard_free(&activations_in);
    guard_free(&weights_out);
    guard_free(&maps_out);
    free(want_weights);
    free(want);
}

static void test_both_stages_at_once_are_alike(void **state)
{
    static const size_t channels[] = {1, 15, 16, 17, 32, 48, 100, 160};
    rng r;

    (void)state;
    rng_init(&r, 9003);
    for (size_t k = 1; k <= FMGCAM_FUSED_CLASSES; k++)
        for (size_t i = 0; i < COUNT_OF(channels); i++)
            for (size_t shift = 0; shift < 16; shift++) {
                check_fuse(&r, k, channels[i], 0, 0, shift, GUARD_AT_START);
                check_fuse(&r, k, channels[i], shift, 16 * shift, 0,
                           GUARD_AT_END);
            }
}

/* The kernel that the benchmark's shapes depend on must be used for them. */
static void test_the_usual_maps_are_done_at_once(void **state)
{
    enum { K = 2, C = 64 };
    float *gradients = make_floats(K * C * FMGCAM_FUSED_CELLS);
    float *activations = make_floats(C * FMGCAM_FUSED_CELLS);
    float maps[K * FMGCAM_FUSED_CELLS];

    (void)state;
    for (size_t t = 0; t < table_count; t++) {
        struct fmgcam_fusing fusing = {
            .gradients = gradients,
            .gradients_stride_k = C * FMGCAM_FUSED_CELLS,
            .gradients_stride_c = FMGCAM_FUSED_CELLS,
            .activations = activations,
            .activations_stride = FMGCAM_FUSED_CELLS,
            .classes = K,
            .channels = C,
            .maps = maps,
        };
        if (tables[t].flags & FMGCAM_CPU_AVX512)
            assert_int_equal(tables[t].kernels.fuse(&fusing), C);
    }
    free(gradients);
    free(activations);
}

/* ---- Stage 7 ------------------------------------------------------------ */

static void check_stretch(rng *r, uint32_t resample, size_t cells, size_t width,
                          size_t first, size_t end)
{
    guard in, out;
    size_t padded = (end - first + FMGCAM_STRIP_UNIT - 1) / FMGCAM_STRIP_UNIT *
                    FMGCAM_STRIP_UNIT;
    const struct fmgcam_geometry whole =
        fmgcam_whole_picture((uint32_t)width, 1);
    const struct fmgcam_reach reach =
        fmgcam_reach_across(&whole, (uint32_t)width, cells);
    struct fmgcam_taps taps = {
        .starts = make_array(width, sizeof(uint32_t)),
        .weights = make_floats(fmgcam_tap_space(cells, width)),
    };
    float *want = make_floats(padded);
    struct fmgcam_stretch stretch = {
        .cells = place(&in, cells, 0, GUARD_AT_END),
        .count = cells,
        .starts = taps.starts + first,
        .weights = taps.weights + first,
        .weights_stride = width,
        .taps = fmgcam_tap_count(resample, &reach),
        .width = end - first,
    };

    fill(r, in.data, cells);
    fmgcam_place_taps(resample, &reach, &taps);
    stretch.out = want;
    c_kernels.stretch(&stretch);
    stretch.out = place(&out, padded, 0, GUARD_AT_START);
    for (size_t t = 0; t < table_count; t++) {
        memset(stretch.out, 0xC3, padded * sizeof *want);
        tables[t].kernels.stretch(&stretch);
        for (size_t i = 0; i < padded; i++) /* -0 is 0 */
            if (!(stretch.out[i] == want[i]))
                fail_msg("stretch of %sdiffers at %zu: %zu cells to %zu, from "
                         "%zu, kernel %u",
                         flags_text(tables[t].flags), i, cells, width, first,
                         resample);
        assert_true(guard_intact(&out));
    }
    guard_free(&in);
    guard_free(&out);
    free(taps.starts);
    free(taps.weights);
    free(want);
}

static void test_rows_are_stretched_alike(void **state)
{
    rng r;

    (void)state;
    rng_init(&r, 9004);
    for (size_t cells = 1; cells < 70; cells += cells < 40 ? 1 : 7)
        for (size_t i = 1; i < SIZE_COUNT; i += 1 + cells % 3)
            for (uint32_t resample = 1; resample <= 3; resample++) {
                size_t width = size_at(i),
                       first = rng_below(&r, (uint32_t)width);
                check_stretch(&r, resample, cells, width, 0, width);
                check_stretch(&r, resample, cells, width, first,
                              first + 1 +
                                  rng_below(&r, (uint32_t)(width - first)));
            }
}

/* However small a part of however few pixels the map covers. */
static void test_taps_fit_into_their_space(void **state)
{
    rng r;

    (void)state;
    rng_init(&r, 9007);
    for (int i = 0; i < 200000; i++) {
        size_t cells = 1 + rng_below(&r, 40), pixels = 1 + rng_below(&r, 60);
        double span =
            ldexp((double)rng_uniform(&r, 0.5f, 1), (int)rng_below(&r, 12) - 5);
        double from = (double)rng_uniform(&r, 0, 1) * (double)pixels;
        const struct fmgcam_geometry geometry = {
            .left = from - span * (double)rng_uniform(&r, 0, 1),
            .right = from + span,
            .seen_left = from,
            .seen_right = fmin(from + span, (double)pixels),
        };
        const struct fmgcam_reach reach =
            fmgcam_reach_across(&geometry, (uint32_t)pixels, cells);
        for (uint32_t resample = 1; resample <= 3; resample++) {
            size_t taps = fmgcam_tap_count(resample, &reach);
            assert_true(taps >= 1 && taps <= cells);
            assert_true(taps * reach.count <= fmgcam_tap_space(cells, pixels));
        }
    }
}

/* A strip of a picture and all that it is made of. */
typedef struct scene {
    guard lines, under, out;
    const float *pointers[9];
    float weights[9];
    float scales[6];
    uint32_t colors[6];
    uint8_t *under_pixels, *out_pixels, *want;
    struct fmgcam_strip strip;
    struct fmgcam_contest contest;
    uint32_t pixel; /* bytes */
} scene;

enum { PLANES = 6 };

static void scene_init(scene *s, rng *r, uint32_t pixel, size_t width,
                       size_t taps, float scale, size_t shift, guard_side side)
{
    size_t unit = FMGCAM_STRIP_UNIT, stride = (width + unit) / unit * unit;
    size_t bytes = pixel * width, before = side == GUARD_AT_START ? shift : 0;

    float *lines = place(&s->lines, taps * PLANES * stride, 0, GUARD_AT_END);
    for (size_t i = 0; i < taps * PLANES * stride; i++)
        lines[i] = rng_uniform(r, -scale, scale);
    for (size_t j = 0; j < taps; j++) {
        float *planes = lines + j * PLANES * stride;
        memcpy(planes + 3 * stride, planes + stride,
               stride * sizeof *planes); /* two classes that tie */
        s->pointers[j] = planes;
        s->weights[j] = rng_uniform(r, -0.2f, 1);
    }
    for (size_t k = 0; k < PLANES; k++) {
        s->scales[k] = rng_below(r, 5) ? rng_uniform(r, 0, 2 / scale) : 0;
        s->colors[k] = (uint32_t)rng_next(r) & 0xffffffu;
    }
    s->pixel = pixel;
    s->strip =
        (struct fmgcam_strip){s->pointers, s->weights, taps, stride, width};
    s->contest = (struct fmgcam_contest){PLANES, s->scales, s->colors};
    guard_init(&s->under, bytes + before, side);
    guard_init(&s->out, bytes + before, side);
    s->under_pixels = (uint8_t *)s->under.data + before;
    s->out_pixels = (uint8_t *)s->out.data + before;
    s->want = make_array(bytes + 1, 1);
    for (size_t i = 0; i < bytes; i++)
        s->under_pixels[i] = (uint8_t)rng_next(r);
}

static void scene_free(scene *s)
{
    guard_free(&s->lines);
    guard_free(&s->under);
    guard_free(&s->out);
    free(s->want);
}

enum { MIXED, CONTEST, RAMP, SIGNED_RAMP, MANNER_COUNT };
static const char *const manners[] = {"shade_mixed", "shade_contest",
                                      "shade_ramp", "shade_ramp, signed"};

/* As the library has them, and one of two colours. */
static struct fmgcam_ramp make_ramp(const scene *s, int manner)
{
    uint32_t color_map = manner == SIGNED_RAMP ? FMGCAM_COLOR_MAP_DIVERGING
                         : s->strip.width % 2  ? FMGCAM_COLOR_MAP_TURBO
                                               : FMGCAM_COLOR_MAP_GREY;
    struct fmgcam_ramp ramp = fmgcam_ramp_of(color_map, s->strip.taps % 2);

    ramp.scale = s->scales[0];
    return ramp;
}

static void shade(const struct fmgcam_kernels *kernels, const scene *s,
                  int manner, const struct fmgcam_pixels *pixels)
{
    const struct fmgcam_ramp ramp = make_ramp(s, manner);

    if (manner == CONTEST)
        kernels->shade_contest(&s->strip, pixels, &s->contest);
    else if (manner == MIXED)
        kernels->shade_mixed(&s->strip, pixels);
    else
        kernels->shade_ramp(&s->strip, pixels, &ramp);
}

static void check_shade(scene *s, int manner, bool picture, bool constant,
                        float alpha)
{
    size_t bytes = s->pixel * s->strip.width;
    const char *name = manners[manner];
    struct fmgcam_pixels pixels = {
        .under = picture ? s->under_pixels : NULL,
        .out = s->want,
        .bytes = s->pixel,
        .alpha = picture ? alpha : 1.0f,
        .constant = constant,
    };

    shade(&c_kernels, s, manner, &pixels);
    for (size_t t = 0; t < table_count; t++) {
        pixels.out = s->out_pixels;
        memset(s->out_pixels, 0x5A, bytes);
        shade(&tables[t].kernels, s, manner, &pixels);
        same(s->out_pixels, s->want, bytes, name, t,
             "%zu pixels of %u bytes, %zu taps, picture %d, constant %d",
             s->strip.width, s->pixel, s->strip.taps, picture, constant);
        assert_true(guard_intact(&s->out));
        if (!picture)
            continue;
        memcpy(s->out_pixels, s->under_pixels, bytes);
        pixels.under = s->out_pixels; /* in place */
        shade(&tables[t].kernels, s, manner, &pixels);
        same(s->out_pixels, s->want, bytes, name, t, "%zu pixels in place",
             s->strip.width);
        pixels.under = s->under_pixels;
    }
}

static void check_scene(rng *r, size_t width, size_t taps, float scale,
                        size_t shift, guard_side side)
{
    static const float alphas[] = {0.0f, 0.6f, 0.5f, 1.0f};
    scene s;

    for (uint32_t pixel = 3; pixel <= 4; pixel++) {
        scene_init(&s, r, pixel, width, taps, scale, shift, side);
        for (int manner = 0; manner < MANNER_COUNT; manner++) {
            check_shade(&s, manner, false, false, 1);
            for (int constant = 0; constant < 2; constant++)
                check_shade(&s, manner, true, constant, alphas[shift % 4]);
        }
        scene_free(&s);
    }
}

static void test_strips_are_shaded_alike(void **state)
{
    static const size_t taps[] = {1, 2, 3, 4, 5, 9};
    rng r;

    (void)state;
    rng_init(&r, 9005);
    for (size_t i = 0; i < SIZE_COUNT; i++)
        for (size_t shift = 0; shift < 16; shift++) {
            size_t some = taps[(i + shift) % COUNT_OF(taps)];
            check_scene(&r, size_at(i), some, 200, shift, GUARD_AT_START);
            check_scene(&r, size_at(i), 4, 1, shift, GUARD_AT_END);
            check_scene(&r, size_at(i), 2, 1e-3f, shift, GUARD_AT_END);
        }
}

/* Far beyond what a picture can show, up to what the library lets through. */
static void test_huge_values_are_clamped_alike(void **state)
{
    rng r;

    (void)state;
    rng_init(&r, 9006);
    for (size_t width = 1; width < 40; width++)
        for (int exponent = 20; exponent <= 120; exponent += 10)
            check_scene(&r, width, 4, ldexpf(1, exponent), width, GUARD_AT_END);
}

/* ---- All of it ---------------------------------------------------------- */

/* What the library makes of one problem with the kernels of @p flags. */
typedef struct outcome {
    float *weights, *signed_maps, *maps;
    uint8_t *pixels;
} outcome;

enum { PICTURE_HEIGHT = 45, PICTURE_WIDTH = 83 };
static const size_t picture_bytes = 3 * PICTURE_HEIGHT * PICTURE_WIDTH;

static outcome explain_and_draw(uint32_t flags, const problem *p,
                                const stored *activations,
                                const stored *gradients, uint32_t method,
                                uint32_t fuse_at, uint32_t workers)
{
    outcome o = {.weights = make_floats(p->size.classes * p->size.channels),
                 .signed_maps = make_floats(p->stack),
                 .maps = make_floats(p->stack),
                 .pixels = make_array(picture_bytes, 1)};
    runner_log log = {.workers = workers};
    fmgcam_context *context;
    fmgcam_inputs in = {.struct_size = sizeof in,
                        .activations = &activations->tensor,
                        .gradients = &gradients->tensor};
    fmgcam_outputs out = {
        .struct_size = sizeof out,
        .weights = float_buffer(o.weights, p->size.classes * p->size.channels),
        .signed_maps = float_buffer(o.signed_maps, p->stack),
        .maps = float_buffer(o.maps, p->stack)};

    if (method != FMGCAM_METHOD_GRAD_CAM)
        out.weights = (fmgcam_buffer){0};
    fmgcam_mask_cpu_flags(flags);
    assert_int_equal(fmgcam_create(NULL, &context, NULL, 0), 0);
    fmgcam_mask_cpu_flags(UINT32_MAX);
    use_options(context,
                (fmgcam_options){.arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE,
                                 .method = method,
                                 .fuse_at = fuse_at});
    if (workers)
        expect_ok(context,
                  fmgcam_set_runner(context, run_on_threads, &log, workers));
    expect_ok(context, fmgcam_explain(context, &in, &out));

    fmgcam_tensor maps = maps_view(o.maps, p->size);
    fmgcam_tensor signed_maps = maps_view(o.signed_maps, p->size);
    fmgcam_layers layers = {.struct_size = sizeof layers,
                            .maps = &maps,
                            .signed_maps = &signed_maps};
    fmgcam_image image = {.data = o.pixels,
                          .row_stride_bytes = 3 * PICTURE_WIDTH,
                          .width = PICTURE_WIDTH,
                          .height = PICTURE_HEIGHT};
    for (size_t i = 0; i < picture_bytes; i++)
        o.pixels[i] = (uint8_t)(i * 37);
    expect_ok(context, fmgcam_draw_overlay(context, &layers, &image, &image));
    fmgcam_destroy(context);
    return o;
}

static void outcome_free(outcome *o)
{
    free(o->weights);
    free(o->signed_maps);
    free(o->maps);
    free(o->pixels);
}

static void check_outcomes(const problem *p, uint32_t dtype,
                           tensor_layout layout, uint32_t method,
                           uint32_t fuse_at)
{
    stored activations, gradients;
    store_activations(&activations, p, dtype, layout);
    store_gradients(&gradients, p, dtype, layout);
    outcome want =
        explain_and_draw(0, p, &activations, &gradients, method, fuse_at, 0);
    for (size_t t = 0; t < table_count; t++)
        for (uint32_t workers = 0; workers < 4; workers += 3) {
            outcome got =
                explain_and_draw(tables[t].flags, p, &activations, &gradients,
                                 method, fuse_at, workers);
            size_t weights = p->size.classes * p->size.channels;
            same(got.weights, want.weights, weights * sizeof(float), "weights",
                 t, "%zu cells", p->cells);
            same(got.signed_maps, want.signed_maps, p->stack * sizeof(float),
                 "signed maps", t, "%zu cells", p->cells);
            same(got.maps, want.maps, p->stack * sizeof(float), "maps", t,
                 "%zu cells", p->cells);
            same(got.pixels, want.pixels, picture_bytes, "pixels", t,
                 "%zu cells", p->cells);
            outcome_free(&got);
        }
    outcome_free(&want);
    store_free(&activations);
    store_free(&gradients);
}

static void test_explanations_and_pictures_have_the_same_bits(void **state)
{
    static const sizes all[] = {{5, 100, 7, 7}, {1, 33, 14, 14},
                                {10, 40, 9, 9}, {3, 7, 28, 28},
                                {18, 64, 7, 7}, {2, 300, 3, 5}};
    static const uint32_t methods[] = {
        FMGCAM_METHOD_GRAD_CAM, FMGCAM_METHOD_LAYER_CAM,
        FMGCAM_METHOD_GRAD_CAM, FMGCAM_METHOD_ELEMENT_WISE,
        FMGCAM_METHOD_GRAD_CAM, FMGCAM_METHOD_XGRAD_CAM};
    rng r;

    (void)state;
    rng_init(&r, 9008);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        problem p;
        problem_init(&p, &r, all[i], true);
        problem_add_gradients(&p, &r, true);
        for (int layout = 0; layout < LAYOUT_COUNT; layout++)
            for (uint32_t dtype = FMGCAM_DTYPE_FLOAT32;
                 dtype <= FMGCAM_DTYPE_FLOAT64; dtype++)
                check_outcomes(&p, dtype, (tensor_layout)layout,
                               methods[(i + dtype) % COUNT_OF(methods)],
                               1 + (i + (uint32_t)layout) % 2);
        problem_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masked_kernels_are_not_used),
        cmocka_unit_test(test_the_kernels_of_the_cpu_are_found),
        cmocka_unit_test(test_the_build_info_names_the_best_kernels),
        cmocka_unit_test(test_rows_are_pooled_alike),
        cmocka_unit_test(test_zeros_of_both_signs_are_pooled_alike),
        cmocka_unit_test(test_columns_are_pooled_and_transposed_alike),
        cmocka_unit_test(test_halves_are_widened_alike),
        cmocka_unit_test(test_channels_are_combined_alike),
        cmocka_unit_test(test_products_are_added_alike),
        cmocka_unit_test(test_both_stages_at_once_are_alike),
        cmocka_unit_test(test_the_usual_maps_are_done_at_once),
        cmocka_unit_test(test_rows_are_stretched_alike),
        cmocka_unit_test(test_taps_fit_into_their_space),
        cmocka_unit_test(test_strips_are_shaded_alike),
        cmocka_unit_test(test_huge_values_are_clamped_alike),
        cmocka_unit_test(test_explanations_and_pictures_have_the_same_bits),
    };

    return cmocka_run_group_tests(tests, make_tables, NULL);
}
