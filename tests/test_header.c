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
#define CONSTANT(name, number) assert_int_equal(name, number);
#include "abi/fmgcam_constants.h"
#undef CONSTANT
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
