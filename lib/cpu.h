/* SPDX-License-Identifier: MIT */
/* What this CPU can do, as far as the kernels ask. */
#ifndef FMGCAM_CPU_H
#define FMGCAM_CPU_H

#include <stdint.h>

/* Sets of instructions, each with the registers that the operating system has
 * to save. */
enum {
    FMGCAM_CPU_AVX2 = 1,   /* with F16C: from Haswell and Zen on */
    FMGCAM_CPU_AVX512 = 2, /* F, BW, DQ, VL, VBMI: from Ice Lake and Zen 4 on */
    FMGCAM_CPU_NEON = 4
};

/* FMGCAM_CPU_* bits; asked of the CPU once. Any thread. */
uint32_t fmgcam_cpu_flags(void);

/* Report no flags but those in @p mask from now on, to contexts that are made
 * later. For tests and benchmarks. */
void fmgcam_mask_cpu_flags(uint32_t mask);

#endif
