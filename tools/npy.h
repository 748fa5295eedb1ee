/* SPDX-License-Identifier: MIT */
/*
 * NumPy's .npy files: one array each.
 *
 * Read: format versions 1 to 3; float16, float32 and float64 in either byte
 * order; C or Fortran order. Written: version 1, little-endian, C order.
 */
#ifndef FMGCAM_TOOLS_NPY_H
#define FMGCAM_TOOLS_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "output.h"

#define NPY_MAX_RANK 8

/* What the header of a file says. */
typedef struct npy_header {
    uint32_t item_size; /* bytes: 2, 4 or 8, an IEEE 754 binary number */
    bool big_endian;    /* of the items */
    bool fortran;       /* the first axis is contiguous, else the last */
    uint32_t rank;
    int64_t shape[NPY_MAX_RANK];
} npy_header;

/* Parse @p text, the dictionary of a header, @p size bytes.
 * @return whether it is one that can be read; if not, @p error says why. */
bool npy_parse_header(const char *text, size_t size, npy_header *header,
                      char *error, size_t error_size);

/* An array in memory, in the order of the file. */
typedef struct npy_array {
    void *values;       /* binary16 or float32, of this machine */
    uint32_t item_size; /* 2 or 4 */
    uint32_t rank;
    int64_t shape[NPY_MAX_RANK];   /* 1 or more each */
    int64_t strides[NPY_MAX_RANK]; /* elements */
} npy_array;

/* Read the file or pipe @p path, to its end. float16 stays as it is; float64 is
 * rounded to float32, and a finite number beyond that is an error; NaN and infinity
 * are kept. Memory grows with the data that arrives, not with what the header
 * promises. @return 0, or the exit status, and then @p array is empty. */
int npy_read(const char *path, npy_array *array);

void npy_release(npy_array *array);

/* The element @p at elements from the first, as float; exact. */
float npy_value(const npy_array *array, int64_t at);

/* Room for the text of any shape or index. */
#define NPY_TEXT_SIZE (NPY_MAX_RANK * 21 + 3)

/* "[5,7,7]" */
void npy_format_index(const int64_t *index, uint32_t rank,
                      char text[NPY_TEXT_SIZE]);

/* Write an array of @p shape in C order. @return 0, or the exit status. */
int npy_write_float32(output *to, const float *values, const int64_t *shape,
                      uint32_t rank);
int npy_write_int32(output *to, const int32_t *values, const int64_t *shape,
                    uint32_t rank);

#endif
