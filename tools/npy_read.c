/* SPDX-License-Identifier: MIT */
/* From a .npy file to float32 in memory. */
#include "npy.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "open_file.h"

/* Writers pad the header to a few dozen bytes; no honest one comes near. */
#define MAX_HEADER_SIZE 65535

#define CHUNK_SIZE 65536

/* Finite numbers from here on round to infinity: the largest float32 and half
 * of its last place. */
static const double float_limit = 0x1.ffffffp127;

/* ---- Elements ------------------------------------------------------------ */

/* The number in @p size bytes. */
static inline uint64_t load(const unsigned char *bytes, size_t size,
                            bool big_endian)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits = bits << 8 | bytes[big_endian ? i : size - 1 - i];
    return bits;
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float float_of_half(uint32_t bits)
{
    uint32_t sign = (bits & 0x8000u) << 16;
    uint32_t exponent = bits >> 10 & 31;
    uint32_t fraction = bits & 1023;
    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent > 0)
        return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float value = (float)fraction * 0x1p-24f;
    return sign ? -value : value;
}

static double double_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void decode_float16(const unsigned char *bytes, size_t count, bool big,
                           uint16_t *values)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (uint16_t)load(bytes + i * 2, 2, big);
}

static void decode_float32(const unsigned char *bytes, size_t count, bool big,
                           float *values)
{
    for (size_t i = 0; i < count; i++)
        values[i] = float_of_bits((uint32_t)load(bytes + i * 4, 4, big));
}

/* Stops at a finite number beyond float32, which goes to @p beyond.
 * @return how many were decoded. */
static size_t decode_float64(const unsigned char *bytes, size_t count, bool big,
                             float *values, double *beyond)
{
    for (size_t i = 0; i < count; i++) {
        double value = double_of_bits(load(bytes + i * 8, 8, big));
        if (isfinite(value) && fabs(value) >= float_limit) {
            *beyond = value;
            return i;
        }
        values[i] = (float)value;
    }
    return count;
}

/* @p values is where the first of them goes. */
static size_t decode(const npy_header *header, const unsigned char *bytes,
                     size_t count, void *values, double *beyond)
{
    bool big = header->big_endian;
    if (header->item_size == 8)
        return decode_float64(bytes, count, big, values, beyond);
    if (header->item_size == 4)
        decode_float32(bytes, count, big, values);
    else
        decode_float16(bytes, count, big, values);
    return count;
}

float npy_value(const npy_array *array, int64_t at)
{
    if (array->item_size == 2)
        return float_of_half(((const uint16_t *)array->values)[at]);
    return ((const float *)array->values)[at];
}

/* ---- Header -------------------------------------------------------------- */

static int fail_read(FILE *file, const char *path, const char *otherwise)
{
    if (ferror(file))
        return fail_system(path, errno);
    return fail(path, "%s", otherwise);
}

/* The bytes before the header's text: magic, version, length of the text. */
static int read_preamble(FILE *file, const char *path, size_t *text_size)
{
    unsigned char bytes[12];
    if (fread(bytes, 1, 8, file) != 8)
        return fail_read(file, path, "not a .npy file: too short");
    if (memcmp(bytes, "\x93NUMPY", 6) != 0)
        return fail(path, "not a .npy file");
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0)
        return fail(path, ".npy version %u.%u is not known", bytes[6],
                    bytes[7]);
    uint32_t width = bytes[6] == 1 ? 2 : 4;
    if (fread(bytes, 1, width, file) != width)
        return fail_read(file, path, "cut short in the .npy header");
    *text_size = (size_t)load(bytes, width, false);
    if (*text_size > MAX_HEADER_SIZE)
        return fail(path, "the .npy header is too long: %zu bytes", *text_size);
    return 0;
}

static int read_header(FILE *file, const char *path, npy_header *header)
{
    size_t size = 0;
    int status = read_preamble(file, path, &size);
    if (status)
        return status;
    char *text = malloc(size + 1);
    if (!text)
        return fail_memory();
    char error[160];
    if (fread(text, 1, size, file) != size)
        status = fail_read(file, path, "cut short in the .npy header");
    else if (!npy_parse_header(text, size, header, error, sizeof error))
        status = fail(path, "%s", error);
    free(text);
    return status;
}

/* ---- Data ---------------------------------------------------------------- */

/* Set shape and strides, and count the elements. */
static int lay_out(const npy_header *header, const char *path, npy_array *array,
                   size_t *count)
{
    char text[NPY_TEXT_SIZE];
    int64_t step = 1;
    npy_format_index(header->shape, header->rank, text);
    array->rank = header->rank;
    array->item_size = header->item_size == 2 ? 2 : 4;
    for (uint32_t i = 0; i < header->rank; i++) {
        if (header->shape[i] == 0)
            return fail(path, "shape %s has no elements", text);
    }
    for (uint32_t i = 0; i < header->rank; i++) {
        uint32_t axis = header->fortran ? i : header->rank - 1 - i;
        array->shape[axis] = header->shape[axis];
        array->strides[axis] = step;
        if (step > INT64_MAX / (int64_t)sizeof(double) / header->shape[axis])
            return fail(path, "shape %s is too large", text);
        step *= header->shape[axis];
    }
    if ((uint64_t)step > SIZE_MAX / sizeof(double))
        return fail(path, "shape %s is too large", text);
    *count = (size_t)step;
    return 0;
}

static int fail_beyond(const npy_array *array, const char *path,
                       size_t position, double value)
{
    int64_t index[NPY_MAX_RANK];
    char text[NPY_TEXT_SIZE];
    for (uint32_t i = 0; i < array->rank; i++)
        index[i] = (int64_t)position / array->strides[i] % array->shape[i];
    npy_format_index(index, array->rank, text);
    return fail(path, "the element at %s is %g, beyond the range of float32",
                text, value);
}

/* Make room for @p needed elements at least, of @p count in the end. */
static int grow(npy_array *array, size_t *capacity, size_t needed, size_t count)
{
    if (needed <= *capacity)
        return 0;
    size_t larger = *capacity > count / 2 ? count : *capacity * 2;
    if (larger < needed)
        larger = needed;
    void *values = realloc(array->values, larger * array->item_size);
    if (!values)
        return fail_memory();
    array->values = values;
    *capacity = larger;
    return 0;
}

static int read_data(FILE *file, const char *path, const npy_header *header,
                     size_t count, npy_array *array)
{
    unsigned char chunk[CHUNK_SIZE];
    size_t capacity = 0;
    for (size_t done = 0; done < count;) {
        size_t wanted = sizeof chunk / header->item_size;
        if (wanted > count - done)
            wanted = count - done;
        size_t got = fread(chunk, header->item_size, wanted, file);
        if (got < wanted && ferror(file))
            return fail_system(path, errno);
        if (got < wanted)
            return fail(path, "cut short: %zu of %zu elements", done + got,
                        count);
        int status = grow(array, &capacity, done + got, count);
        if (status)
            return status;
        double beyond = 0;
        unsigned char *to =
            (unsigned char *)array->values + done * array->item_size;
        size_t good = decode(header, chunk, got, to, &beyond);
        if (good < got)
            return fail_beyond(array, path, done + good, beyond);
        done += got;
    }
    return 0;
}

static int read_all(FILE *file, const char *path, npy_array *array)
{
    npy_header header = {0};
    size_t count = 0;
    int status = read_header(file, path, &header);
    if (!status)
        status = lay_out(&header, path, array, &count);
    if (!status)
        status = read_data(file, path, &header, count, array);
    if (!status && fgetc(file) != EOF)
        status = fail(path, "there are bytes after the last element");
    if (!status && ferror(file))
        status = fail_system(path, errno);
    return status;
}

int npy_read(const char *path, npy_array *array)
{
    memset(array, 0, sizeof *array);
    FILE *file = fmgcam_open_file(path);
    if (!file)
        return fail_system(path, errno);
    int status = read_all(file, path, array);
    fclose(file);
    if (status)
        npy_release(array);
    return status;
}

void npy_release(npy_array *array)
{
    free(array->values);
    memset(array, 0, sizeof *array);
}

void npy_format_index(const int64_t *index, uint32_t rank,
                      char text[NPY_TEXT_SIZE])
{
    size_t used = 0;
    text[used++] = '[';
    for (uint32_t i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, NPY_TEXT_SIZE - used,
                                 "%s%" PRId64, i ? "," : "", index[i]);
    text[used++] = ']';
    text[used] = '\0';
}
