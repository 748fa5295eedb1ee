/* SPDX-License-Identifier: MIT */
/* The public header by itself, first, as strict C99 and (by test_header.cpp) as
 * C++11; then the promises it makes about numbers. */
#include <fmgcam/fmgcam.h>

/* cmocka wants these four. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Version 1.1.5 has no extern "C" of its own. */
#ifdef __cplusplus
extern "C" {
#endif
#include <cmocka.h>
#ifdef __cplusplus
}
#endif

/* Bindings are written by reading the header: no number may ever change. */
static void test_constants_keep_their_numbers(void **state)
{
    (void)state;
    assert_int_equal(FMGCAM_STATUS_OK, 0);
    assert_int_equal(FMGCAM_STATUS_ARGUMENT, 1);
    assert_int_equal(FMGCAM_STATUS_SHAPE, 2);
    assert_int_equal(FMGCAM_STATUS_STRIDE, 3);
    assert_int_equal(FMGCAM_STATUS_UNSUPPORTED, 4);
    assert_int_equal(FMGCAM_STATUS_NON_FINITE, 5);
    assert_int_equal(FMGCAM_STATUS_OVERFLOW, 6);
    assert_int_equal(FMGCAM_STATUS_NO_MEMORY, 7);
    assert_int_equal(FMGCAM_STATUS_BUFFER_SIZE, 8);
    assert_int_equal(FMGCAM_STATUS_LIMIT, 9);
    assert_int_equal(FMGCAM_STATUS_RUNNER, 10);
    assert_int_equal(FMGCAM_DTYPE_FLOAT32, 1);
    assert_int_equal(FMGCAM_DTYPE_FLOAT16, 2);
    assert_int_equal(FMGCAM_MAX_RANK, 8);
    assert_int_equal(FMGCAM_PROFILE_STANDARD, 1);
    assert_int_equal(FMGCAM_PROFILE_RELEASED, 2);
    assert_int_equal(FMGCAM_METHOD_GRAD_CAM, 1);
    assert_int_equal(FMGCAM_ACTIVATION_RELU, 1);
    assert_int_equal(FMGCAM_ACTIVATION_GELU, 2);
    assert_int_equal(FMGCAM_ACTIVATION_ELU, 3);
    assert_int_equal(FMGCAM_ACTIVATION_NONE, 4);
    assert_int_equal(FMGCAM_FILTER_ARGMAX, 1);
    assert_int_equal(FMGCAM_FILTER_NONE, 2);
    assert_int_equal(FMGCAM_NORMALIZE_L2, 1);
    assert_int_equal(FMGCAM_NORMALIZE_L2_COLUMNS, 2);
    assert_int_equal(FMGCAM_NORMALIZE_NONE, 3);
    assert_int_equal(FMGCAM_RESCALE_STACK, 1);
    assert_int_equal(FMGCAM_RESCALE_CLASS, 2);
    assert_int_equal(FMGCAM_RESCALE_NONE, 3);
    assert_int_equal(FMGCAM_ARITHMETIC_AUTO, 1);
    assert_int_equal(FMGCAM_ARITHMETIC_BLAS, 2);
    assert_int_equal(FMGCAM_ARITHMETIC_REPRODUCIBLE, 3);
    assert_int_equal(FMGCAM_FUSE_AT_MAP, 1);
    assert_int_equal(FMGCAM_FUSE_AT_IMAGE, 2);
    assert_int_equal(FMGCAM_RESAMPLE_NEAREST, 1);
    assert_int_equal(FMGCAM_RESAMPLE_BILINEAR, 2);
    assert_int_equal(FMGCAM_RESAMPLE_BICUBIC, 3);
    assert_int_equal(FMGCAM_BLEND_EVIDENCE, 1);
    assert_int_equal(FMGCAM_BLEND_CONSTANT, 2);
    assert_int_equal(FMGCAM_OPTION_ALPHA_SET, 1);
    assert_int_equal(FMGCAM_LOG_ERROR, 1);
    assert_int_equal(FMGCAM_LOG_INFO, 2);
    assert_int_equal(FMGCAM_RESULT_FLAT, 1);
    assert_int_equal(FMGCAM_PIXEL_RGB8, 1);
}

static void test_the_library_has_the_version_of_its_header(void **state)
{
    (void)state;
    assert_int_equal(fmgcam_version(), FMGCAM_VERSION);
    assert_int_equal(FMGCAM_VERSION, FMGCAM_VERSION_MAJOR * 0x10000 +
                                         FMGCAM_VERSION_MINOR * 0x100 +
                                         FMGCAM_VERSION_PATCH);
    assert_int_equal(sizeof(fmgcam_status), 4);
}

static void test_a_zeroed_struct_is_the_default(void **state)
{
    static fmgcam_options options;
    fmgcam_context *context = NULL;

    (void)state;
    options.struct_size = sizeof options;
    assert_int_equal(fmgcam_create(NULL, &context, NULL, 0), FMGCAM_STATUS_OK);
    assert_int_equal(fmgcam_set_options(context, &options), FMGCAM_STATUS_OK);
    fmgcam_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constants_keep_their_numbers),
        cmocka_unit_test(test_the_library_has_the_version_of_its_header),
        cmocka_unit_test(test_a_zeroed_struct_is_the_default),
    };
    return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
