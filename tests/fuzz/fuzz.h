/* SPDX-License-Identifier: MIT */
/*
 * What every fuzz target shares. A target is one C file with
 * LLVMFuzzerTestOneInput(): libFuzzer calls it with inputs that it makes up,
 * replay.c with those of the corpus. What an input means must not depend on the
 * machine, so numbers are made of its bytes one by one, little-endian.
 */
#ifndef FMGCAM_TESTS_FUZZ_H
#define FMGCAM_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* End the program, saying what was @p wanted, unless @p holds. */
#define require(holds, ...)                                                    \
 ((holds) ? (void)0 : fuzz_fail(__FILE__, __LINE__, __VA_ARGS__))

#ifdef __GNUC__
__attribute__((format(__printf__, 3, 4)))
#endif
_Noreturn void
fuzz_fail(const char *file, int line, const char *format, ...);

/* ---- What is left of an input -------------------------------------------- */

typedef struct input {
    const uint8_t *at, *end;
} input;

/* At the end all of them give 0. */
uint8_t take8(input *in);
uint16_t take16(input *in);
uint32_t take32(input *in);
uint64_t take64(input *in);

/* One byte: below @p end, which is at most 256. */
uint32_t take_below(input *in, uint32_t end);

/* One byte: seldom true, and not of zeros. */
bool take_rare(input *in);

/* One byte: 0...most, seldom a number beyond. */
uint32_t take_option(input *in, uint32_t most);

/* A number that is worth trying, or any bits. */
double take_double(input *in);
float take_float(input *in);

/* A sum over bytes, to tell whether they changed. */
uint64_t fuzz_hash(uint64_t hash, const void *data, size_t size);

#endif
