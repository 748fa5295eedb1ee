/* SPDX-License-Identifier: MIT */
#include "arrays.h"

#include <stdio.h>
#include <stdlib.h>

void *make_array(size_t count, size_t element_bytes)
{
    void *memory = calloc(count ? count : 1, element_bytes);

    if (!memory) {
        fprintf(stderr, "out of memory\n");
        abort();
    }
    return memory;
}

float *make_floats(size_t count)
{
    return make_array(count, sizeof(float));
}

double *make_doubles(size_t count)
{
    return make_array(count, sizeof(double));
}

double *widen(const float *x, size_t count)
{
    double *wide = make_doubles(count);

    for (size_t i = 0; i < count; i++)
        wide[i] = (double)x[i];
    return wide;
}

double float_gamma(double roundings)
{
    return roundings * FLOAT_ROUNDOFF / (1 - roundings * FLOAT_ROUNDOFF);
}
