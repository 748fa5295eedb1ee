/* SPDX-License-Identifier: MIT */
/* Linked into a program, it makes its library use the kernels that
 * FMGCAM_TEST_KERNELS names: "c", "avx2", "avx512" or "neon". Where the CPU does
 * not have them the program ends with 77, which says that it was skipped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"

static const struct {
    const char *name;
    uint32_t flags;
} sets[] = {
    {"c", 0},
    {"avx2", FMGCAM_CPU_AVX2},
    {"avx512", FMGCAM_CPU_AVX2 | FMGCAM_CPU_AVX512},
    {"neon", FMGCAM_CPU_NEON},
};

static uint32_t flags_of(const char *name)
{
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (strcmp(name, sets[i].name) == 0)
            return sets[i].flags;
    fprintf(stderr, "FMGCAM_TEST_KERNELS: %s is unknown\n", name);
    exit(1);
}

/* Before main(), so that any program can be linked with it. */
__attribute__((constructor)) static void force_kernels(void)
{
    const char *name = getenv("FMGCAM_TEST_KERNELS");
    if (!name || !*name)
        return;
    uint32_t flags = flags_of(name);
    if ((fmgcam_cpu_flags() & flags) != flags) {
        fprintf(stderr, "this CPU has no %s\n", name);
        exit(77);
    }
    fmgcam_mask_cpu_flags(flags);
}
