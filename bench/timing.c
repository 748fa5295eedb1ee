/* SPDX-License-Identifier: MIT */
/* Timing works side by side in one process. Look at the ratios. */
#include "bench.h"

#include <stdlib.h>
#include <time.h>

/* A run is long enough for the clock. */
static const double shortest_run_ns = 1e6;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static double time_calls(const struct rival *rival, size_t calls)
{
    double begin = now_ns();
    for (size_t i = 0; i < calls; i++)
        rival->work(rival->job);
    return (now_ns() - begin) / (double)calls;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, size_t count)
{
    double *sorted = malloc(count * sizeof *sorted);
    if (!sorted)
        die("out of memory");
    for (size_t i = 0; i < count; i++)
        sorted[i] = values[i];
    qsort(sorted, count, sizeof *sorted, compare);
    double middle = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    free(sorted);
    return middle;
}

void time_rivals(const struct bench *bench, struct rival *rivals, size_t count,
                 double units)
{
    size_t calls[MOST_RIVALS];
    for (size_t i = 0; i < count; i++) {
        rivals[i].taken = malloc(bench->runs * sizeof *rivals[i].taken);
        if (!rivals[i].taken)
            die("out of memory");
        time_calls(&rivals[i], 1);
        double once = time_calls(&rivals[i], 2);
        calls[i] = 1 + (size_t)(shortest_run_ns / (once + 1));
    }
    for (size_t run = 0; run < bench->runs; run++)
        for (size_t i = 0; i < count; i++)
            rivals[i].taken[run] = time_calls(&rivals[i], calls[i]) / units;
    for (size_t i = 0; i < count; i++)
        rivals[i].ns = median(rivals[i].taken, bench->runs);
}

double paired_ratio(const struct bench *bench, const struct rival *a,
                    const struct rival *b)
{
    double *ratios = malloc(bench->runs * sizeof *ratios);
    if (!ratios)
        die("out of memory");
    for (size_t run = 0; run < bench->runs; run++)
        ratios[run] = a->taken[run] / b->taken[run];
    double middle = median(ratios, bench->runs);
    free(ratios);
    return middle;
}

void free_rivals(struct rival *rivals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(rivals[i].taken);
}
