/* SPDX-License-Identifier: MIT */
/*
 * The bits of the reproducible path, which are part of what a version promises:
 * digests of results of fixed inputs, as they were when tests/abi/bits.h was
 * written, the same on every machine. What calls the C library's erfc(), expm1()
 * or exp() is in tests/abi/near.h, and may be the next float.
 *
 * With the argument "print" it prints what belongs into these files.
 */
#include <stdio.h>
#include <string.h>

#include "support.h"

enum { K = 4, C = 43, H = 7, W = 9, S = H * W, WIDTH = 61, HEIGHT = 37 };

static const struct {
    const char *name;
    uint64_t digest;
} known[] = {
#include "abi/bits.h"
};

enum { NEAR = 24 };

static const struct {
    const char *name;
    uint32_t bits[NEAR];
} near[] = {
#include "abi/near.h"
};

static bool printing;
static size_t known_count = sizeof known / sizeof *known;
static size_t compared;

/* ---- Inputs that are the same everywhere and for ever ---------------------- */

static float activations[C * S], gradients[K * C * S], classifier[K * C];

/* In -1...1, by the generator of MINSTD; with as many digits as float has, so that
 * sums are rounded. */
static void fill(float *values, size_t count, uint32_t seed)
{
    uint64_t state = seed;
    for (size_t i = 0; i < count; i++) {
        state = state * 48271 % 2147483647;
        values[i] = (float)((double)state / 2147483647.0 * 2.0 - 1.0);
    }
}

static uint64_t digest(uint64_t so_far, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        so_far = (so_far ^ bytes[i]) * UINT64_C(0x100000001b3);
    return so_far;
}

/* Of numbers of four bytes, the lowest first on any machine. */
static uint64_t digest_numbers(uint64_t so_far, const void *numbers,
                               size_t size)
{
    for (size_t i = 0; i < size / 4; i++) {
        uint32_t bits;
        memcpy(&bits, (const uint8_t *)numbers + 4 * i, 4);
        const uint8_t bytes[4] = {(uint8_t)bits, (uint8_t)(bits >> 8),
                                  (uint8_t)(bits >> 16), (uint8_t)(bits >> 24)};
        so_far = digest(so_far, bytes, 4);
    }
    return so_far;
}

static const uint64_t nothing = UINT64_C(0xcbf29ce484222325);

static void expect_known(const char *name, uint64_t got)
{
    if (printing) {
        printf("{\"%s\", UINT64_C(0x%016llx)},\n", name,
               (unsigned long long)got);
        return;
    }
    for (size_t i = 0; i < known_count; i++)
        if (strcmp(known[i].name, name) == 0) {
            compared++;
            if (known[i].digest != got)
                fail_msg("%s: %016llx, but its bits have been %016llx", name,
                         (unsigned long long)got,
                         (unsigned long long)known[i].digest);
            return;
        }
    fail_msg("%s: not in tests/abi/bits.h", name);
}

/* ---- What is computed ------------------------------------------------------- */

typedef struct maps {
    float weights[K * C], signed_maps[K * S], class_maps[K * S];
    float filtered[K * S], normalized[K * S], maps[K * S], margin[S];
    int32_t winner[S];
} maps;

static void explain(fmgcam_context *context, const fmgcam_inputs *inputs,
                    bool weights, maps *out)
{
    fmgcam_outputs outputs = {
        .struct_size = sizeof outputs,
        .signed_maps = {out->signed_maps, sizeof out->signed_maps},
        .class_maps = {out->class_maps, sizeof out->class_maps},
        .winner = {out->winner, sizeof out->winner},
        .filtered_maps = {out->filtered, sizeof out->filtered},
        .normalized_maps = {out->normalized, sizeof out->normalized},
        .maps = {out->maps, sizeof out->maps},
        .margin = {out->margin, sizeof out->margin}};

    memset(out, 0, sizeof *out);
    if (weights)
        outputs.weights = (fmgcam_buffer){out->weights, sizeof out->weights};
    expect_ok(context, fmgcam_explain(context, inputs, &outputs));
}

static uint64_t digest_maps(const maps *m)
{
    uint64_t all = digest_numbers(nothing, m->weights, sizeof m->weights);
    all = digest_numbers(all, m->signed_maps, sizeof m->signed_maps);
    all = digest_numbers(all, m->class_maps, sizeof m->class_maps);
    all = digest_numbers(all, m->winner, sizeof m->winner);
    all = digest_numbers(all, m->filtered, sizeof m->filtered);
    all = digest_numbers(all, m->normalized, sizeof m->normalized);
    all = digest_numbers(all, m->maps, sizeof m->maps);
    return digest_numbers(all, m->margin, sizeof m->margin);
}

static fmgcam_options reproducible(void)
{
    return (fmgcam_options){.arithmetic = FMGCAM_ARITHMETIC_REPRODUCIBLE};
}

static bool has_weights(uint32_t method)
{
    return method <= FMGCAM_METHOD_XGRAD_CAM ||
           method == FMGCAM_METHOD_CONTRASTIVE;
}

static bool has_classes(uint32_t method)
{
    return method <= FMGCAM_METHOD_CONTRASTIVE ||
           method == FMGCAM_METHOD_EIGEN_GRAD_CAM;
}

static void test_methods(void **state)
{
    fixture *f = *state;
    fmgcam_tensor a, rows, columns;
    static maps out;

    fmgcam_tensor_nchw(&a, activations, FMGCAM_DTYPE_FLOAT32, 1, C, H, W);
    fmgcam_tensor_nchw(&rows, gradients, FMGCAM_DTYPE_FLOAT32, K, C, H, W);
    fmgcam_tensor_nhwc(&columns, gradients, FMGCAM_DTYPE_FLOAT32, K, C, H, W);
    for (uint32_t i = 2; i < 2 + 2 * FMGCAM_METHOD_FEM; i++) {
        const uint32_t method = i / 2;
        const fmgcam_tensor *g = i % 2 ? &columns : &rows;
        const fmgcam_inputs inputs = {.struct_size = sizeof inputs,
                                      .activations = &a,
                                      .gradients =
                                          has_classes(method) ? g : NULL};
        fmgcam_options options = reproducible();
        char name[40];

        options.method = method;
        use_options(f->context, options);
        explain(f->context, &inputs, has_weights(method), &out);
        snprintf(name, sizeof name, "method %u, %s", method,
                 i % 2 ? "NHWC" : "NCHW");
        expect_known(name, digest_maps(&out));
    }
}

static void test_stages(void **state)
{
    fixture *f = *state;
    fmgcam_tensor a, w;
    static maps out;

    fmgcam_tensor_nhwc(&a, activations, FMGCAM_DTYPE_FLOAT32, 1, C, H, W);
    fmgcam_tensor_matrix(&w, classifier, FMGCAM_DTYPE_FLOAT32, K, C);
    const fmgcam_inputs inputs = {
        .struct_size = sizeof inputs, .activations = &a, .classifier = &w};
    for (uint32_t profile = 1; profile <= 2; profile++)
        for (uint32_t normalize = 1; normalize <= 4; normalize++)
            for (uint32_t rescale = 1; rescale <= 3; rescale++) {
                fmgcam_options options = reproducible();
                char name[60];

                options.profile = profile;
                options.normalize = normalize;
                options.rescale = rescale;
                options.filter = 1 + rescale % 2;
                use_options(f->context, options);
                explain(f->context, &inputs, true, &out);
                snprintf(name, sizeof name,
                         "profile %u, normalize %u, rescale %u", profile,
                         normalize, rescale);
                expect_known(name, digest_maps(&out));
            }
}

static void draw(fmgcam_context *context, const maps *m, uint32_t classes,
                 uint32_t format, const char *name)
{
    static uint8_t pixels[HEIGHT * WIDTH * 4];
    const fmgcam_image image = {pixels, WIDTH * 4, WIDTH, HEIGHT, format, 0};
    fmgcam_tensor n, s;
    const fmgcam_layers layers = {
        .struct_size = sizeof layers, .maps = &n, .signed_maps = &s};

    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i >> 3);
    fmgcam_tensor_maps(&n, m->maps, classes, H, W);
    fmgcam_tensor_maps(&s, m->signed_maps, classes, H, W);
    expect_ok(context, fmgcam_draw_overlay(context, &layers, &image, &image));
    expect_known(name, digest(nothing, pixels, sizeof pixels));
}

static void test_pictures(void **state)
{
    fixture *f = *state;
    fmgcam_tensor a, g;
    static maps out;
    char name[60];

    fmgcam_tensor_nchw(&a, activations, FMGCAM_DTYPE_FLOAT32, 1, C, H, W);
    fmgcam_tensor_nchw(&g, gradients, FMGCAM_DTYPE_FLOAT32, K, C, H, W);
    const fmgcam_inputs inputs = {
        .struct_size = sizeof inputs, .activations = &a, .gradients = &g};
    fmgcam_options options = reproducible();
    use_options(f->context, options);
    explain(f->context, &inputs, true, &out);
    for (uint32_t resample = 1; resample <= 3; resample++)
        for (uint32_t fuse_at = 1; fuse_at <= 2; fuse_at++)
            for (uint32_t blend = 1; blend <= 2; blend++) {
                options.resample = resample;
                options.fuse_at = fuse_at;
                options.blend = blend;
                options.palette = 1 + resample % 3;
                use_options(f->context, options);
                snprintf(name, sizeof name, "resample %u, fuse_at %u, blend %u",
                         resample, fuse_at, blend);
                draw(f->context, &out, K, 1 + (resample + fuse_at) % 5, name);
            }
    options = reproducible();
    for (uint32_t map = 1; map <= FMGCAM_COLOR_MAP_DIVERGING; map++) {
        options.color_map = map;
        use_options(f->context, options);
        snprintf(name, sizeof name, "color_map %u", map);
        draw(f->context, &out, 1, FMGCAM_PIXEL_RGBA8, name);
    }
}

/* ---- What the C library has a part in --------------------------------------- */

static void print_near(const char *name, const uint32_t *bits)
{
    printf("{\"%s\",\n {", name);
    for (size_t i = 0; i < NEAR; i++)
        printf("0x%08x,%s", bits[i], i % 6 == 5 && i + 1 < NEAR ? "\n  " : " ");
    printf("}},\n");
}

/*
 * The manual of glibc 2.36 knows of errors of at most 5 units in the last place of a
 * double in erfc, 2 in expm1 and 1 in exp, on every machine. On them follow at most
 * NEAR + 3 roundings to double, of half a unit each, and one to float. So two
 * libraries make doubles that are less than 64 units apart, 2^-46 relatively: not
 * enough for two floats between them, only for one to be rounded either way.
 */
static void expect_near(const char *name, const float *values)
{
    uint32_t bits[NEAR];
    memcpy(bits, values, sizeof bits);
    if (printing) {
        print_near(name, bits);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(near); i++)
        if (strcmp(near[i].name, name) == 0) {
            for (size_t j = 0; j < NEAR; j++) /* 1 to either side */
                if (bits[j] + 1 - near[i].bits[j] > 2)
                    fail_msg("%s, value %zu: 0x%08x, expected 0x%08x or a "
                             "neighbour of it",
                             name, j, bits[j], near[i].bits[j]);
            return;
        }
    fail_msg("%s: not in tests/abi/near.h", name);
}

static void test_activations(void **state)
{
    static const struct {
        const char *name;
        uint32_t number;
    } all[] = {{"gelu", FMGCAM_ACTIVATION_GELU},
               {"elu", FMGCAM_ACTIVATION_ELU}};
    fixture *f = *state;
    float values[NEAR], activated[NEAR];
    const fmgcam_buffer buffer = {activated, sizeof activated};
    fmgcam_tensor x;

    for (size_t i = 0; i < NEAR; i++)
        values[i] = 6.0f * activations[i];
    fmgcam_tensor_maps(&x, values, 1, 4, NEAR / 4);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        fmgcam_options options = reproducible();
        options.activation = all[i].number;
        use_options(f->context, options);
        expect_ok(f->context, fmgcam_activate_maps(f->context, &x, &buffer));
        expect_near(all[i].name, activated);
    }
}

static void test_probabilities(void **state)
{
    static const struct {
        const char *name;
        uint32_t number;
    } all[] = {{"softmax", FMGCAM_LINK_SOFTMAX},
               {"sigmoid", FMGCAM_LINK_SIGMOID}};
    fixture *f = *state;
    float scores[NEAR], probabilities[NEAR];
    uint32_t classes[NEAR], count;
    const fmgcam_buffer to = {classes, sizeof classes};
    const fmgcam_buffer shares = {probabilities, sizeof probabilities};
    fmgcam_tensor y;

    for (size_t i = 0; i < NEAR; i++)
        scores[i] = 6.0f * activations[i];
    fmgcam_tensor_matrix(&y, scores, FMGCAM_DTYPE_FLOAT32, 1, NEAR);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        const fmgcam_choice choice = {
            .struct_size = sizeof choice, .count = NEAR, .link = all[i].number};
        expect_ok(f->context, fmgcam_choose_classes(f->context, &choice, &y,
                                                    &to, &shares, &count));
        assert_int_equal(count, NEAR);
        expect_near(all[i].name, probabilities);
    }
}

static void test_nothing_else_is_known(void **state)
{
    (void)state;
    if (!printing)
        assert_int_equal(compared, known_count);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_methods),
        fixture_test(test_stages),
        fixture_test(test_pictures),
        fixture_test(test_activations),
        fixture_test(test_probabilities),
        cmocka_unit_test(test_nothing_else_is_known),
    };

    printing = argc > 1 && strcmp(argv[1], "print") == 0;
    fill(activations, COUNT_OF(activations), 1);
    fill(gradients, COUNT_OF(gradients), 2);
    fill(classifier, COUNT_OF(classifier), 3);
    return cmocka_run_group_tests_name("bits", tests, NULL, NULL);
}
