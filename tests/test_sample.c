/* SPDX-License-Identifier: MIT */
/*
 * The real tensors of examples/data against what a float64 program made of
 * them. The only argument is that folder; its README.md says what is in it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static const char *sample_dir;

/* ---- Reading .npy ------------------------------------------------------- */

typedef struct npy {
    fmgcam_tensor tensor; /* contiguous */
    void *data;
    size_t count;
} npy;

static void bad_file(const char *name, const char *why)
{
    fprintf(stderr, "%s/%s: %s\n", sample_dir, name, why);
    exit(1);
}

/* From the lowest byte first to the order of this machine. */
static void to_host_order(void *data, size_t count, size_t element)
{
    unsigned char *bytes = data;

    for (size_t i = 0; i < count; i++, bytes += element) {
        uint32_t bits = 0;
        for (size_t b = element; b-- > 0;)
            bits = bits << 8 | bytes[b];
        if (element == 2)
            memcpy(bytes, &(uint16_t){(uint16_t)bits}, 2);
        else
            memcpy(bytes, &bits, 4);
    }
}

/* Version 1 to 3, little-endian float16 or float32, C order. */
static npy npy_read(const char *name)
{
    npy n = {.count = 1};
    char path[4096], header[4096];
    unsigned char lead[12];

    snprintf(path, sizeof path, "%s/%s", sample_dir, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        bad_file(name, "cannot be opened");
    if (fread(lead, 1, 10, file) != 10 || memcmp(lead, "\x93NUMPY", 6))
        bad_file(name, "is no .npy file");
    size_t length = lead[8] + 256u * lead[9];
    if (lead[6] > 1) {
        if (fread(lead + 10, 1, 2, file) != 2 || lead[10] || lead[11])
            bad_file(name, "has too long a header");
    }
    if (length >= sizeof header || fread(header, 1, length, file) != length)
        bad_file(name, "has too long a header");
    header[length] = 0;

    n.tensor.dtype = strstr(header, "'<f2'")   ? FMGCAM_DTYPE_FLOAT16
                     : strstr(header, "'<f4'") ? FMGCAM_DTYPE_FLOAT32
                                               : 0;
    char *shape = strstr(header, "'shape': (");
    if (!n.tensor.dtype || !shape || !strstr(header, "'fortran_order': False"))
        bad_file(name, "is of another kind");
    shape += strlen("'shape': (");
    while (*shape >= '0' && *shape <= '9') {
        int64_t extent = strtoll(shape, &shape, 10);
        n.tensor.shape[n.tensor.rank++] = extent;
        n.count *= (size_t)extent;
        shape += strspn(shape, ", ");
    }
    int64_t stride = 1;
    for (uint32_t i = n.tensor.rank; i-- > 0;) {
        n.tensor.strides[i] = stride;
        stride *= n.tensor.shape[i];
    }

    size_t element = n.tensor.dtype == FMGCAM_DTYPE_FLOAT16 ? 2 : 4;
    n.data = make_array(n.count, element);
    if (fread(n.data, element, n.count, file) != n.count || fgetc(file) != EOF)
        bad_file(name, "is not as long as its shape says");
    fclose(file);
    to_host_order(n.data, n.count, element);
    n.tensor.data = n.data;
    return n;
}

static double npy_at(const npy *n, size_t i)
{
    if (n->tensor.dtype == FMGCAM_DTYPE_FLOAT16)
        return (double)float_from_half(((const uint16_t *)n->data)[i]);
    return (double)((const float *)n->data)[i];
}

/* ---- The sample --------------------------------------------------------- */

enum { K = 5, C = 1280, H = 7, W = 7, S = H * W };

typedef struct sample {
    fixture fixture;
    npy activations, gradients, classifier, bias, scores;
    npy class_maps, maps; /* expected */
} sample;

static int sample_setup(void **state)
{
    sample *s = make_array(1, sizeof *s);
    fmgcam_allocator allocator = strict_allocator(&s->fixture.heap);

    s->activations = npy_read("activations.npy");
    s->gradients = npy_read("gradients.npy");
    s->classifier = npy_read("classifier.npy");
    s->bias = npy_read("bias.npy");
    s->scores = npy_read("scores.npy");
    s->class_maps = npy_read("expected_class_maps.npy");
    s->maps = npy_read("expected_maps.npy");
    *state = s;
    return (int)fmgcam_create(&allocator, &s->fixture.context, NULL, 0);
}

static int sample_teardown(void **state)
{
    sample *s = *state;
    npy *all[] = {&s->activations, &s->gradients,  &s->classifier, &s->bias,
                  &s->scores,      &s->class_maps, &s->maps};

    fmgcam_destroy(s->fixture.context);
    size_t live = s->fixture.heap.live;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        free(all[i]->data);
    free(s);
    return live ? -1 : 0;
}

typedef struct results {
    float signed_maps[K * S], class_maps[K * S], maps[K * S];
    int32_t winner[S];
    uint32_t result;
} results;

static void explain(sample *s, bool by_classifier, results *r)
{
    fmgcam_inputs in = {.struct_size = sizeof in,
                        .activations = &s->activations.tensor};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .signed_maps = float_buffer(r->signed_maps, K * S),
                          .class_maps = float_buffer(r->class_maps, K * S),
                          .winner = buffer_of(r->winner, S, 4),
                          .maps = float_buffer(r->maps, K * S)};

    if (by_classifier)
        in.classifier = &s->classifier.tensor;
    else
        in.gradients = &s->gradients.tensor;
    expect_ok(s->fixture.context,
              fmgcam_explain(s->fixture.context, &in, &out));
    r->result = out.result;
}

/* How far rounding to binary16 and computing in float can move a signed map:
 * a rounded number is off by 2^-11 of itself, or by 2^-25 where it is
 * subnormal; float_gamma() as in oracle.c, pooling and combining together. A
 * row of the classifier is S times the gradient, so the gradients' bound
 * holds for it too. */
static void map_bounds(const sample *s, double *bound)
{
    double rounding = 0x1p-11 + 0x1p-22;
    double gamma = float_gamma(C + 4 + 5 + 1);

    for (size_t k = 0; k < K; k++)
        for (size_t i = 0; i < S; i++) {
            bound[k * S + i] = 0;
            for (size_t c = 0; c < C; c++) {
                double a = fabs(npy_at(&s->activations, c * S + i));
                double g = fabs(npy_at(&s->gradients, (k * C + c) * S));
                double da = rounding * a + 0x1p-25;
                double dg = rounding * g + 0x1p-25;
                bound[k * S + i] +=
                    da * g + dg * a + da * dg + gamma * (a + da) * (g + dg);
            }
        }
}

static void test_the_sample_is_what_its_readme_says(void **state)
{
    sample *s = *state;
    const struct {
        const npy *file;
        uint32_t rank;
        int64_t shape[4];
    } rows[] = {{&s->activations, 3, {C, H, W}},
                {&s->gradients, 4, {K, C, H, W}},
                {&s->classifier, 2, {K, C}},
                {&s->bias, 1, {K}},
                {&s->scores, 1, {K}},
                {&s->class_maps, 3, {K, H, W}},
                {&s->maps, 3, {K, H, W}}};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(rows[i].file->tensor.rank, rows[i].rank);
        assert_memory_equal(rows[i].file->tensor.shape, rows[i].shape,
                            rows[i].rank * sizeof(int64_t));
    }
    /* Each gradient map is constant, which map_bounds() relies on. */
    for (size_t i = 0; i < s->gradients.count; i++)
        assert_true(fabs(npy_at(&s->gradients, i) -
                         npy_at(&s->gradients, i / S * S)) <= 0);
}

/* How far computing in float can move the final maps, as derived in
 * test_properties.c: with dM the error of the signed maps, N moves by at most
 * (dM + ||dM||) / (||R|| - ||dM||) + 4u, and rescaling by four times that. The
 * maps span 0 to 1 before and after, so the range of N is its largest value. */
static double final_bound(const sample *s, const int32_t *winner)
{
    double gamma = float_gamma(C + 4 + 5 + 1), eta = 0, range = 0;

    for (size_t k = 0; k < K; k++) {
        double norm = 0, d = 0, most = 0, peak = 0;
        for (size_t i = 0; i < S; i++) {
            double r = npy_at(&s->class_maps, k * S + i), dm = 0;
            if (winner[i] != (int32_t)k)
                continue;
            for (size_t c = 0; c < C; c++)
                dm += gamma * fabs(npy_at(&s->gradients, (k * C + c) * S) *
                                   npy_at(&s->activations, c * S + i));
            norm += r * r;
            d += dm * dm;
            most = fmax(most, dm);
            peak = fmax(peak, r);
        }
        if (norm <= 0)
            continue;
        norm = sqrt(norm);
        d = sqrt(d);
        eta = fmax(eta, (most + d) / (norm - d) + 4 * FLOAT_ROUNDOFF);
        range = fmax(range, peak / norm);
    }
    return 4 * eta / (range - 2 * eta) + float_gamma(3);
}

static void check_sample(sample *s, bool by_classifier)
{
    double class_bound[K * S], map_bound[K * S], want[K * S];
    results r;

    map_bounds(s, class_bound);
    explain(s, by_classifier, &r);
    for (size_t i = 0; i < K * S; i++)
        want[i] = npy_at(&s->class_maps, i);
    expect_within("class maps", r.class_maps, want, class_bound, K * S);

    for (size_t i = 0; i < S; i++) {
        size_t best = 0;
        for (size_t k = 1; k < K; k++)
            if (want[k * S + i] > want[best * S + i])
                best = k;
        assert_int_equal(r.winner[i],
                         want[best * S + i] > 0 ? (int32_t)best : -1);
    }

    /* README.md: rounding the tensors to float16 moves the maps by at most
     * 4.3e-5. */
    double bound = 4.3e-5 + final_bound(s, r.winner);
    for (size_t i = 0; i < K * S; i++) {
        want[i] = npy_at(&s->maps, i);
        map_bound[i] = bound;
    }
    expect_within("maps", r.maps, want, map_bound, K * S);
    assert_int_equal(r.result, 0);
}

static void test_gradients_give_the_expected_maps(void **state)
{
    sample *s = *state;

    for (size_t a = 0; a < COUNT_OF(all_arithmetics); a++)
        if (use_arithmetic(s->fixture.context, 0, all_arithmetics[a]))
            check_sample(s, false);
}

static void test_the_classifier_gives_them_without_gradients(void **state)
{
    sample *s = *state;

    for (size_t a = 0; a < COUNT_OF(all_arithmetics); a++)
        if (use_arithmetic(s->fixture.context, 0, all_arithmetics[a]))
            check_sample(s, true);
}

/* The sum of the signed map is the score without its bias. The score was
 * computed by the network in float32: gamma(C + S) of the sum of what it
 * adds up covers that and this sum. */
static void test_signed_maps_add_up_to_the_scores(void **state)
{
    sample *s = *state;
    double bound[K * S];
    results r;

    map_bounds(s, bound);
    explain(s, false, &r);
    for (size_t k = 0; k < K; k++) {
        double sum = npy_at(&s->bias, k), allowed = 0, size = fabs(sum);
        for (size_t i = 0; i < S; i++) {
            sum += (double)r.signed_maps[k * S + i];
            allowed += bound[k * S + i];
            for (size_t c = 0; c < C; c++)
                size += fabs(npy_at(&s->gradients, (k * C + c) * S) *
                             npy_at(&s->activations, c * S + i));
        }
        allowed += float_gamma(C + S) * size;
        assert_true(fabs(sum - npy_at(&s->scores, k)) <= allowed);
    }
}

static void test_the_classes_are_in_order(void **state)
{
    sample *s = *state;
    uint32_t ranks[K], count;
    fmgcam_buffer classes = buffer_of(ranks, K, sizeof *ranks);

    expect_ok(s->fixture.context,
              fmgcam_choose_classes(s->fixture.context, NULL, &s->scores.tensor,
                                    &classes, NULL, &count));
    assert_int_equal(count, K);
    for (uint32_t k = 0; k < K; k++)
        assert_int_equal(ranks[k], k);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_sample_is_what_its_readme_says,
                                        sample_setup, sample_teardown),
        cmocka_unit_test_setup_teardown(test_gradients_give_the_expected_maps,
                                        sample_setup, sample_teardown),
        cmocka_unit_test_setup_teardown(
            test_the_classifier_gives_them_without_gradients, sample_setup,
            sample_teardown),
        cmocka_unit_test_setup_teardown(test_signed_maps_add_up_to_the_scores,
                                        sample_setup, sample_teardown),
        cmocka_unit_test_setup_teardown(test_the_classes_are_in_order,
                                        sample_setup, sample_teardown),
    };

    if (argc != 2) {
        fprintf(stderr, "usage: %s examples/data\n", argv[0]);
        return 2;
    }
    sample_dir = argv[1];
    return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
