/* SPDX-License-Identifier: MIT */
/* A function in the place of another, which the linker then calls __real_NAME:
 * --wrap=NAME. */
#ifndef FMGCAM_TESTS_FUZZ_WRAP_H
#define FMGCAM_TESTS_FUZZ_WRAP_H

#define REAL(type, name, arguments)                                            \
 type __real_##name arguments;                                                 \
 type __wrap_##name arguments;                                                 \
 type __wrap_##name arguments

#endif
