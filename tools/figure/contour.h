/* SPDX-License-Identifier: MIT */
/* Contour lines of a map. */
#ifndef FMGCAM_TOOLS_CONTOUR_H
#define FMGCAM_TOOLS_CONTOUR_H

#include <stddef.h>
#include <stdint.h>

/* Bits of contour_point.borders. */
enum {
    CONTOUR_LEFT = 1,
    CONTOUR_RIGHT = 2,
    CONTOUR_TOP = 4,
    CONTOUR_BOTTOM = 8
};

typedef struct contour_point {
    double x, y;
    unsigned
        borders; /* of the map, that it lies on; two points that have one in
                         common are joined along it */
} contour_point;

/* Closed lines: line i has the points ends[i - 1]...ends[i] - 1, the first from
 * 0 on; its last point is joined to its first. */
typedef struct contour_set {
    contour_point *points;
    size_t point_count, point_room;
    size_t *ends;
    size_t count, room;
} contour_set;

/* Add the lines around all that is at least @p level in @p map, rows of @p
 * width values. The value at column i, row j is that of the point (i + 0.5, j +
 * 0.5); the map is bilinear between these, goes on as it is to its border, and
 * ends there: lines are closed along the border. What is inside is on the left
 * of a line as one walks it, y pointing down. NaN is not inside. Zero is the
 * empty set. @return 0, or the exit status; release in either case. */
int contour_trace(const float *map, uint32_t width, uint32_t height,
                  double level, contour_set *lines);

/* Move and stretch all points: x to left + x * x_scale, y likewise. */
void contour_place(contour_set *lines, double left, double x_scale, double top,
                   double y_scale);

void contour_release(contour_set *lines);

#endif
