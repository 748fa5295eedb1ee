/* SPDX-License-Identifier: MIT */
/* The .npy reader of the program: an input is a file. What is read is written
 * and read again. */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "memory_file.h"
#include "npy.h"

static size_t check_array(const npy_array *array)
{
    size_t count = 1;
    char text[NPY_TEXT_SIZE];

    require(array->rank <= NPY_MAX_RANK &&
                (array->item_size == 2 || array->item_size == 4),
            "rank %u, items of %u bytes", (unsigned)array->rank,
            (unsigned)array->item_size);
    for (uint32_t i = 0; i < array->rank; i++) {
        require(array->shape[i] >= 1, "an extent of %lld",
                (long long)array->shape[i]);
        count *= (size_t)array->shape[i];
    }
    npy_format_index(array->shape, array->rank, text);
    require(strlen(text) < sizeof text, "the text of the shape has no end");
    return count;
}

static bool is_same(float one, float other)
{
    return memcmp(&one, &other, sizeof one) == 0 ||
           (isnan(one) && isnan(other));
}

/* What @p values became in a file. */
static void read_again(const char *bytes, size_t size, const npy_array *array,
                       const float *values, size_t count)
{
    npy_array again;

    memory_file_set(bytes, size);
    require(npy_read("again.npy", &again) == 0, "what was written is not read");
    require(again.rank == array->rank && again.item_size == 4 &&
                memcmp(again.shape, array->shape, sizeof again.shape) == 0,
            "the shape is another one");
    for (size_t i = 0; i < count; i++)
        require(is_same(npy_value(&again, (int64_t)i), values[i]),
                "element %zu is another one", i);
    npy_release(&again);
}

static void write_again(const npy_array *array, size_t count)
{
    char *bytes = NULL;
    size_t size = 0;
    output to = {.path = "again.npy", .stream = open_memstream(&bytes, &size)};
    float *values = malloc(count * sizeof *values);

    require(to.stream && values, "no memory");
    for (size_t i = 0; i < count; i++)
        values[i] = npy_value(array, (int64_t)i);
    require(npy_write_float32(&to, values, array->shape, array->rank) == 0,
            "it cannot be written");
    require(fclose(to.stream) == 0, "no memory");
    read_again(bytes, size, array, values, count);
    free(values);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    npy_array array;

    memory_file_set(data, size);
    int status = npy_read("input.npy", &array);
    require(status == 0 || (status == 1 && !array.values), "status %d", status);
    if (!status)
        write_again(&array, check_array(&array));
    npy_release(&array);
    return 0;
}
