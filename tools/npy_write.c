/* SPDX-License-Identifier: MIT */
/* From memory to a .npy file, version 1, as numpy.save() lays it out. */
#include "npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The data begins at a multiple of this. */
#define ALIGNMENT     64
#define PREAMBLE_SIZE 10

/* One length has at most 19 digits and ", "; the rest takes less than 64. */
#define MAX_HEADER_SIZE (PREAMBLE_SIZE + 64 + 21 * NPY_MAX_RANK + ALIGNMENT)

/* "(5, 7, 7)", "(5,)" */
static void format_tuple(const int64_t *shape, uint32_t rank, char *text,
                         size_t size)
{
    size_t used = (size_t)snprintf(text, size, "(");
    for (uint32_t i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64,
                                 i ? ", " : "", shape[i]);
    snprintf(text + used, size - used, rank == 1 ? ",)" : ")");
}

static int write_header(output *to, const char *descr, const int64_t *shape,
                        uint32_t rank)
{
    static const unsigned char magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
    char header[MAX_HEADER_SIZE + 1], tuple[21 * NPY_MAX_RANK + 4];
    format_tuple(shape, rank, tuple, sizeof tuple);
    memcpy(header, magic, sizeof magic);
    size_t used = PREAMBLE_SIZE;
    used += (size_t)snprintf(header + used, sizeof header - used,
                             "{'descr': '%s', 'fortran_order': False, "
                             "'shape': %s, }",
                             descr, tuple);
    size_t whole = (used + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    memset(header + used, ' ', whole - used - 1);
    header[whole - 1] = '\n';
    header[8] = (char)((whole - PREAMBLE_SIZE) & 255);
    header[9] = (char)((whole - PREAMBLE_SIZE) >> 8);
    return output_put(to, header, whole);
}

/* @p values: elements of four bytes in the order of the host. */
static int write_data(output *to, const void *values, size_t count)
{
    unsigned char bytes[4096];
    const unsigned char *from = values;
    for (size_t done = 0; done < count;) {
        size_t now = count - done;
        if (now > sizeof bytes / 4)
            now = sizeof bytes / 4;
        for (size_t i = 0; i < now; i++) {
            uint32_t bits;
            memcpy(&bits, from + (done + i) * 4, 4);
            for (size_t b = 0; b < 4; b++)
                bytes[i * 4 + b] = (unsigned char)(bits >> (8 * b) & 255);
        }
        int status = output_put(to, bytes, now * 4);
        if (status)
            return status;
        done += now;
    }
    return 0;
}

static int write_array(output *to, const char *descr, const void *values,
                       const int64_t *shape, uint32_t rank)
{
    size_t count = 1;
    for (uint32_t i = 0; i < rank; i++)
        count *= (size_t)shape[i];
    int status = write_header(to, descr, shape, rank);
    return status ? status : write_data(to, values, count);
}

int npy_write_float32(output *to, const float *values, const int64_t *shape,
                      uint32_t rank)
{
    return write_array(to, "<f4", values, shape, rank);
}

int npy_write_int32(output *to, const int32_t *values, const int64_t *shape,
                    uint32_t rank)
{
    return write_array(to, "<i4", values, shape, rank);
}
