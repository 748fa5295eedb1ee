/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_fail(const char *file, int line, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    abort();
}

/* ---- Numbers ------------------------------------------------------------- */

static uint64_t take_bytes(input *in, int count)
{
    uint64_t value = 0;

    for (int i = 0; i < count && in->at < in->end; i++)
        value |= (uint64_t)*in->at++ << (8 * i);
    return value;
}

uint8_t take8(input *in)
{
    return (uint8_t)take_bytes(in, 1);
}

uint16_t take16(input *in)
{
    return (uint16_t)take_bytes(in, 2);
}

uint32_t take32(input *in)
{
    return (uint32_t)take_bytes(in, 4);
}

uint64_t take64(input *in)
{
    return take_bytes(in, 8);
}

uint32_t take_below(input *in, uint32_t end)
{
    return take8(in) % end;
}

bool take_rare(input *in)
{
    return take8(in) >= 250;
}

uint32_t take_option(input *in, uint32_t most)
{
    uint32_t byte = take8(in);

    return byte < 250 ? byte % (most + 1) : most + (byte - 249);
}

/* Of float32. */
#define MOST 0x1.fffffep127

/* Half of all bytes stand for numbers of their own. */
double take_double(input *in)
{
    static const double worth[] = {
        0,   1,   -1,   0.5,  0.25,     2,    3,     -0.0,    0.8,  1e-3,
        1e3, 1e9, 1e30, -1e9, 0x1p-126, MOST, -MOST, DBL_MAX, 1e12, 1e-30};
    enum { WORTH = sizeof worth / sizeof *worth };
    uint32_t byte = take8(in);
    uint64_t bits;
    double value;

    if (byte < WORTH)
        return worth[byte];
    if (byte < 0xF0)
        return ((double)byte - 128) / 16;
    if (byte < 0xF4)
        return (double)NAN;
    if (byte < 0xF8)
        return byte & 1 ? (double)INFINITY : -(double)INFINITY;
    bits = take64(in);
    memcpy(&value, &bits, sizeof value);
    return value;
}

float take_float(input *in)
{
    double value = take_double(in);

    if (fabs(value) > MOST)
        return value > 0 ? INFINITY : -INFINITY;
    return (float)value;
}

/* It sees all bytes of each call, and nothing can go wrong with them. */
#ifdef __clang__
# define QUICKLY                                                               \
  __attribute__((no_sanitize("address", "undefined", "coverage")))
#else
# define QUICKLY
#endif

/* FNV-1a */
QUICKLY uint64_t fuzz_hash(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    hash ^= 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}
