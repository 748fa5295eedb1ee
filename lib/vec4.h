/* SPDX-License-Identifier: MIT */
/* Four floats in a register of any machine, for the C kernels; gcc and clang
 * lower it. */
#ifndef FMGCAM_VEC4_H
#define FMGCAM_VEC4_H

#include <float.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
# error float arithmetic must round to float: use -msse2 -mfpmath=sse
#endif

typedef float vec4 __attribute__((vector_size(16)));

static inline vec4 load4(const float *from)
{
    vec4 value;
    memcpy(&value, from, sizeof value);
    return value;
}

#endif
