/* SPDX-License-Identifier: MIT */
/* What the files of the benchmark share. */
#ifndef FMGCAM_BENCH_H
#define FMGCAM_BENCH_H

#include <fmgcam/fmgcam.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct bench {
    bool json;
    size_t runs;     /* of each work, 30 or more */
    json_t *results; /* an array */
    float *numbers;  /* noise in (-1, 1) that all works read */
    size_t count;    /* of them */
    size_t cache;    /* bytes of the last-level cache */
};

/* ---- main.c -------------------------------------------------------------- */

/* Ends the program with a line on stderr. */
void die(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));
void must(fmgcam_context *context, fmgcam_status status);

/* Add @p row to the results, and print the line for people. Takes @p row. */
void report(struct bench *bench, json_t *row, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A line for people alone. */
void headline(const struct bench *bench, const char *text);

/* A context with these options; NULL where this build has no BLAS and the
 * options ask for it. */
fmgcam_context *make_context(fmgcam_options options);

/* ---- timing.c ------------------------------------------------------------ */

enum { MOST_RIVALS = 4 };

/* A work, and what it took. */
struct rival {
    void (*work)(void *job);
    void *job;
    double ns;     /* median of the runs */
    double *taken; /* [runs], ns */
};

/* Warm up, then run the works in turn, so that a noisy machine disturbs all of
 * them alike. One call of a work is @p units of what ns counts. */
void time_rivals(const struct bench *bench, struct rival *rivals, size_t count,
                 double units);
/* Median of the ratios of runs that were made one after the other. */
double paired_ratio(const struct bench *bench, const struct rival *a,
                    const struct rival *b);
void free_rivals(struct rival *rivals, size_t count);

/* ---- floors.c ------------------------------------------------------------ */

/* Add up all numbers with the widest vectors that the library's kernels may
 * use: what it takes to read them. */
float read_all(const float *numbers, size_t count);
/* Keeps compilers from leaving out what nobody looks at. */
extern volatile float sink;

/* ---- The works ----------------------------------------------------------- */

void bench_weighting(struct bench *bench);
void bench_arithmetic(struct bench *bench);
void bench_overlay(struct bench *bench);
void bench_explain(struct bench *bench);
void bench_batch(struct bench *bench);
void bench_methods(struct bench *bench);
void bench_layouts(struct bench *bench);
void bench_frames(struct bench *bench);

/* ---- picture.c: one picture to explain ----------------------------------- */

struct shape {
    uint32_t channels, height, width;
};

static inline size_t cells_of(struct shape shape)
{
    return (size_t)shape.height * shape.width;
}

/* Activations and gradients of picture @p index in bench->numbers. */
struct picture {
    const float *gradients, *activations;
    fmgcam_tensor gradients_tensor, activations_tensor;
    fmgcam_inputs inputs;
};

size_t picture_floats(struct shape shape, uint32_t classes);
void picture_init(const struct bench *bench, struct picture *picture,
                  struct shape shape, uint32_t classes, size_t index);
/* How many pictures are walked over: 64 and more than the last-level cache
 * holds, as far as there are numbers. */
size_t count_streamed(const struct bench *bench, struct shape shape,
                      uint32_t classes);
/* "2048x7x7" */
const char *shape_text(struct shape shape);

/* Die where @p maps are not the signed maps of Grad-CAM: not the very bits of
 * the reproducible path, or with BLAS not within its bound. */
void check_grad_cam(const struct picture *picture, struct shape shape,
                    uint32_t classes, const float *maps, bool by_blas);
/* Die where weights and maps are not those of stages 1 and 2, to within what
 * sums in any order can differ by. */
void check_pair(const struct picture *picture, struct shape shape,
                uint32_t classes, const float *weights, const float *maps);

/* ---- opencv.cpp, where there is OpenCV ----------------------------------- */

#ifdef FMGCAM_HAVE_OPENCV
/* The fastest way with OpenCV: the maps' colours, mixed at map size [height,
 * width, 3], are resized, converted and blended in three calls. */
void *opencv_begin(const float *colors, int map_height, int map_width,
                   const uint8_t *picture, int height, int width, float alpha,
                   int bicubic);
void opencv_overlay(void *job);
/* What was drawn last: RGB [height, width], without gaps. */
const uint8_t *opencv_result(const void *job);
void opencv_end(void *job);
#endif

#endif
