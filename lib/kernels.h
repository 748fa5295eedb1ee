/* SPDX-License-Identifier: MIT */
/* The hot loops, behind a table, so that a CPU with wider registers can bring
 * its own. Every implementation gives the same bits as the C one. */
#ifndef FMGCAM_KERNELS_H
#define FMGCAM_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum { FMGCAM_LANES = 16 };

/* How a row of the picture is made of the map. */
struct fmgcam_row {
    /* Horizontal taps: pixel x reads from map column starts[x] on. */
    const uint32_t *starts;
    const float *weights; /* [width, taps] */
    size_t taps;
    const uint8_t *picture; /* RGB; NULL: black, and C as it is */
    uint8_t *out;           /* RGB; may be picture */
    size_t width;
    float alpha;
    int constant; /* e = 1 everywhere */
};

/* The classes of a row that is fused at picture size. */
struct fmgcam_contest {
    const float *rows; /* [classes, map_width], resampled vertically */
    size_t classes, map_width;
    const double *scales;  /* [classes], from signed value to evidence */
    const uint8_t *colors; /* [classes, 3] */
};

struct fmgcam_kernels {
    const char *name;

    /* lanes[c][s mod 16] += rows[c][s], s ascending. */
    void (*sum_lanes)(const float *rows, ptrdiff_t rows_stride, size_t channels,
                      size_t cells, float (*lanes)[FMGCAM_LANES]);

    /* maps[k][s] += weights[k][c] * rows[c][s], c ascending for each (k, s),
     * multiply, then add. Strides in floats. */
    void (*combine)(const float *weights, size_t weights_stride, size_t classes,
                    const float *rows, ptrdiff_t rows_stride, size_t channels,
                    size_t cells, float *maps, size_t maps_stride);

    /* @p mixed: [map_width, 4] of red, green, blue (0...255) and evidence. */
    void (*shade_mixed)(const struct fmgcam_row *row, const float *mixed);

    void (*shade_contest)(const struct fmgcam_row *row,
                          const struct fmgcam_contest *contest);
};

/* The best table for this CPU. */
const struct fmgcam_kernels *fmgcam_select_kernels(void);

#endif
