/* SPDX-License-Identifier: MIT */
/* What bounds the library: reading its inputs once. */
#include "bench.h"
#include "cpu.h"

#include <string.h>

volatile float sink;

/* Eight sums of one register each, so that no addition waits for another. */
#define DEFINE_READ(attributes, name, bytes)                                   \
 attributes static float name(const float *numbers, size_t count)              \
 {                                                                             \
  typedef float vector __attribute__((vector_size(bytes)));                    \
  enum { WIDTH = (bytes) / 4, SUMS = 8 };                                      \
  vector sums[SUMS] = {{0}};                                                   \
  float sum = 0;                                                               \
  size_t i = 0;                                                                \
  for (; i + SUMS * WIDTH <= count; i += SUMS * WIDTH)                         \
   for (size_t j = 0; j < SUMS; j++) {                                         \
    vector next;                                                               \
    memcpy(&next, numbers + i + j * WIDTH, sizeof next);                       \
    sums[j] += next;                                                           \
   }                                                                           \
  for (; i < count; i++)                                                       \
   sum += numbers[i];                                                          \
  for (size_t j = 0; j < SUMS; j++)                                            \
   for (size_t k = 0; k < WIDTH; k++)                                          \
    sum += sums[j][k];                                                         \
  return sum;                                                                  \
 }

DEFINE_READ(, read_by_16_bytes, 16)
#if defined(__x86_64__)
DEFINE_READ(__attribute__((target("avx2"))), read_by_32_bytes, 32)
DEFINE_READ(__attribute__((target("avx512f"))), read_by_64_bytes, 64)
#endif

float read_all(const float *numbers, size_t count)
{
#if defined(__x86_64__)
    uint32_t flags = fmgcam_cpu_flags();
    if (flags & FMGCAM_CPU_AVX512)
        return read_by_64_bytes(numbers, count);
    if (flags & FMGCAM_CPU_AVX2)
        return read_by_32_bytes(numbers, count);
#endif
    return read_by_16_bytes(numbers, count);
}
