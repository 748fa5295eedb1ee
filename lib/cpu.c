/* SPDX-License-Identifier: MIT */
/* CPU flags, found once and kept: the only mutable state outside contexts. And
 * the kernels for them. */
#include "cpu.h"
#include "kernels.h"

#include <stdatomic.h>

/* ---- Finding them -------------------------------------------------------- */

#if defined(__x86_64__)

# include <cpuid.h>

enum {
    /* cpuid 1, ecx */
    HAS_OSXSAVE = 1 << 27,
    HAS_F16C = 1 << 29,
    /* cpuid 7, ebx and ecx */
    HAS_AVX2 = 1 << 5,
    HAS_AVX512F = 1 << 16,
    HAS_AVX512DQ = 1 << 17,
    HAS_AVX512BW = 1 << 30,
    HAS_VBMI = 1 << 1,
    /* xcr0 */
    SAVES_YMM = 0x06,
    SAVES_ZMM = 0xe6
};
static const unsigned has_avx512vl = 1u << 31;

/* Which registers the operating system saves. */
static uint32_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static int has_all(unsigned flags, unsigned wanted)
{
    return (flags & wanted) == wanted;
}

static uint32_t find_flags(void)
{
    unsigned eax, basic_ebx, basic_ecx, edx, ebx, ecx;
    if (!__get_cpuid(1, &eax, &basic_ebx, &basic_ecx, &edx) ||
        !has_all(basic_ecx, HAS_OSXSAVE | HAS_F16C) ||
        !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        return 0;

    uint32_t saved = read_xcr0(), flags = 0;
    if (!has_all(saved, SAVES_YMM) || !has_all(ebx, HAS_AVX2))
        return 0;
    flags |= FMGCAM_CPU_AVX2;
    unsigned wide = HAS_AVX512F | HAS_AVX512DQ | HAS_AVX512BW | has_avx512vl;
    if (has_all(saved, SAVES_ZMM) && has_all(ebx, wide) &&
        has_all(ecx, HAS_VBMI))
        flags |= FMGCAM_CPU_AVX512;
    return flags;
}

#elif defined(__aarch64__) && defined(__ARM_NEON)

static uint32_t find_flags(void)
{
    return FMGCAM_CPU_NEON; /* every AArch64 has it */
}

#else

static uint32_t find_flags(void)
{
    return 0;
}

#endif

/* ---- Keeping them -------------------------------------------------------- */

static const uint32_t unknown = 1u << 31;
static atomic_uint_least32_t known_flags = 1u << 31;
static atomic_uint_least32_t allowed_flags = UINT32_MAX;

uint32_t fmgcam_cpu_flags(void)
{
    uint32_t flags =
        (uint32_t)atomic_load_explicit(&known_flags, memory_order_relaxed);
    if (flags == unknown) {
        flags = find_flags(); /* the same in every thread */
        atomic_store_explicit(&known_flags, flags, memory_order_relaxed);
    }
    return flags &
           (uint32_t)atomic_load_explicit(&allowed_flags, memory_order_relaxed);
}

void fmgcam_mask_cpu_flags(uint32_t mask)
{
    atomic_store_explicit(&allowed_flags, mask, memory_order_relaxed);
}

/* ---- The kernels for them ------------------------------------------------ */

void fmgcam_init_kernels(struct fmgcam_kernels *kernels)
{
    const uint32_t flags = fmgcam_cpu_flags();
    fmgcam_use_c_kernels(kernels);
#if defined(__x86_64__)
    if (flags & FMGCAM_CPU_AVX2)
        fmgcam_use_avx2_kernels(kernels);
    if (flags & FMGCAM_CPU_AVX512)
        fmgcam_use_avx512_kernels(kernels);
#elif defined(__aarch64__)
    if (flags & FMGCAM_CPU_NEON)
        fmgcam_use_neon_kernels(kernels);
#endif
    kernels->flags = flags;
}
