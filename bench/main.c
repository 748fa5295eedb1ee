/* SPDX-License-Identifier: MIT */
/* How fast the library is, beside what bounds it and beside its rivals, in one
 * process. Every result is checked before it is timed. */
#include "bench.h"
#include "cpu.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- What all works use -------------------------------------------------- */

void die(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    fputs("fmgcam-bench: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    exit(1);
}

void must(fmgcam_context *context, fmgcam_status status)
{
    if (status)
        die("%s", fmgcam_error_detail(context));
}

void headline(const struct bench *bench, const char *text)
{
    if (!bench->json)
        printf("\n%s\n", text);
}

void report(struct bench *bench, json_t *row, const char *format, ...)
{
    if (!row || json_array_append_new(bench->results, row))
        die("out of memory");
    if (bench->json)
        return;
    va_list values;
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
    putchar('\n');
    fflush(stdout);
}

fmgcam_context *make_context(fmgcam_options options)
{
    fmgcam_context *context;
    char error[200];
    options.struct_size = sizeof options;
    if (fmgcam_create(NULL, &context, error, sizeof error))
        die("%s", error);
    must(context, fmgcam_set_options(context, &options));
    return context;
}

/* ---- The machine --------------------------------------------------------- */

/* Its name, or what is known of it. */
static void find_cpu(char *name, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256];
    snprintf(name, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(name, size, "%s", colon + 2);
        break;
    }
    if (file)
        fclose(file);
}

static size_t find_cache(void)
{
    const size_t likely = (size_t)32 << 20;
#ifdef _SC_LEVEL3_CACHE_SIZE
    long size = sysconf(_SC_LEVEL3_CACHE_SIZE);
    if (size > 0)
        return (size_t)size;
#endif
    return likely;
}

/* Repeatable noise in (-1, 1). */
static void make_numbers(struct bench *bench, size_t bytes)
{
    uint64_t state = 1;
    void *memory;
    if (posix_memalign(&memory, 64, bytes))
        die("no memory for %zu MiB of numbers: see --memory", bytes >> 20);
    bench->numbers = memory;
    bench->count = bytes / sizeof *bench->numbers;
    for (size_t i = 0; i < bench->count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        bench->numbers[i] = (float)(int32_t)(state >> 40) * 0x1p-23f - 1.0f;
    }
}

/* ---- The command line ---------------------------------------------------- */

static const struct {
    const char *name;
    uint32_t flags;
    const char *blas; /* OPENBLAS_CORETYPE that has no more than these */
} kernel_sets[] = {
    {"c", 0, "Nehalem"},
    {"avx2", FMGCAM_CPU_AVX2, "Haswell"},
    {"avx512", FMGCAM_CPU_AVX2 | FMGCAM_CPU_AVX512, NULL},
    {"neon", FMGCAM_CPU_NEON, NULL},
};

static const struct {
    const char *name;
    void (*run)(struct bench *bench);
} works[] = {
    {"weighting", bench_weighting}, {"arithmetic", bench_arithmetic},
    {"overlay", bench_overlay},     {"explain", bench_explain},
    {"batch", bench_batch},         {"methods", bench_methods},
    {"layouts", bench_layouts},     {"frames", bench_frames},
};

static void print_help(void)
{
    puts("usage: fmgcam-bench [OPTION...] [WORK...]\n"
         "Time the works (weighting, arithmetic, overlay, explain, batch,\n"
         "methods, layouts, frames; all if none is named) beside what bounds\n"
         "them and beside their rivals.\n"
         "\n"
         "  --json           one JSON object in place of the tables\n"
         "  --kernels SET    c, avx2, avx512 or neon; else the best of this\n"
         "                   CPU. OpenBLAS is held to the same instructions\n"
         "  --runs N         runs of each, 30 or more; default 31\n"
         "  --memory MIB     of numbers to walk over; default 3072\n"
         "  --help           this text");
}

/* BLAS reads its environment when it is loaded: set it, and begin again. */
static void hold_blas(char **arguments, const char *core_type)
{
    if (getenv("FMGCAM_BENCH_BEGAN"))
        return;
    setenv("FMGCAM_BENCH_BEGAN", "1", 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("OMP_NUM_THREADS", "1", 1);
    if (core_type)
        setenv("OPENBLAS_CORETYPE", core_type, 1);
    execv("/proc/self/exe", arguments);
    die("cannot begin again with one thread of BLAS");
}

/* Returns the OPENBLAS_CORETYPE that goes with them, or NULL. */
static const char *choose_kernels(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(kernel_sets); i++) {
        uint32_t flags = kernel_sets[i].flags;
        if (strcmp(name, kernel_sets[i].name) != 0)
            continue;
        if ((fmgcam_cpu_flags() & flags) != flags)
            die("--kernels: this CPU has no %s", name);
        fmgcam_mask_cpu_flags(flags);
        return kernel_sets[i].blas;
    }
    die("--kernels: %s, expected c, avx2, avx512 or neon", name);
}

static unsigned long read_number(const char *option, const char *text,
                                 unsigned long least)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || value < least || value > 1000000)
        die("--%s: %s, expected %lu to 1000000", option, text, least);
    return value;
}

struct arguments {
    bool json;
    const char *core_type;
    size_t runs, memory;
};

static struct arguments read_arguments(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"kernels", required_argument, NULL, 'k'},
        {"runs", required_argument, NULL, 'r'},
        {"memory", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct arguments arguments = {.runs = 31, .memory = 3072};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        switch (option) {
        case 'j': arguments.json = true; break;
        case 'k': arguments.core_type = choose_kernels(optarg); break;
        case 'r': arguments.runs = read_number("runs", optarg, 30); break;
        case 'm': arguments.memory = read_number("memory", optarg, 512); break;
        case 'h': print_help(); exit(0);
        default: exit(2);
        }
    return arguments;
}

static bool is_wanted(const char *work, int argc, char **argv)
{
    for (int i = optind; i < argc; i++)
        if (strcmp(argv[i], work) == 0)
            return true;
    return optind == argc;
}

static void check_works(int argc, char **argv)
{
    for (int i = optind; i < argc; i++) {
        bool known = false;
        for (size_t j = 0; j < COUNT_OF(works); j++)
            known = known || strcmp(argv[i], works[j].name) == 0;
        if (!known)
            die("%s is not a work: see --help", argv[i]);
    }
}

int main(int argc, char **argv)
{
    struct arguments arguments = read_arguments(argc, argv);
    struct bench bench = {.json = arguments.json,
                          .runs = arguments.runs,
                          .results = json_array(),
                          .cache = find_cache()};
    char cpu[200];
    check_works(argc, argv);
    hold_blas(argv, arguments.core_type);
    find_cpu(cpu, sizeof cpu);
    make_numbers(&bench, arguments.memory << 20);
    if (!bench.json)
        printf("%s\n%s; last-level cache %zu MiB; medians of %zu runs\n",
               fmgcam_build_info(), cpu, bench.cache >> 20, bench.runs);
    for (size_t i = 0; i < COUNT_OF(works); i++)
        if (is_wanted(works[i].name, argc, argv))
            works[i].run(&bench);

    json_t *all =
        json_pack("{s:s, s:s, s:i, s:i, s:o}", "cpu", cpu, "library",
                  fmgcam_build_info(), "cache_mib", (int)(bench.cache >> 20),
                  "runs", (int)bench.runs, "results", bench.results);
    if (bench.json && (json_dumpf(all, stdout, JSON_INDENT(1)) ||
                       putchar('\n') == EOF || fflush(stdout)))
        die("stdout: cannot write");
    json_decref(all);
    free(bench.numbers);
    return 0;
}
