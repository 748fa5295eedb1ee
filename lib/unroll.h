/* SPDX-License-Identifier: MIT */
/* Loops of a constant number of rounds, for files that keep arrays in
 * registers. */
#ifndef FMGCAM_UNROLL_H
#define FMGCAM_UNROLL_H

#if defined(__clang__)
# define UNROLL _Pragma("clang loop unroll(full)")
#else
# define UNROLL _Pragma("GCC unroll 16")
#endif

/* for i in 0...count-1, unrolled before arrays are given memory. */
#define EACH(i, count) UNROLL for (size_t i = 0; (i) < (count); (i)++)

#endif
