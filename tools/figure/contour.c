/* SPDX-License-Identifier: MIT */
/*
 * Marching squares. Around the map there is a ring of its own border values, at
 * the border, and around that one of minus infinity, at the same place. So
 * every line is closed, and no square is special.
 *
 * A line enters a square through one side, with the corner on its left inside
 * and that on its right outside, and leaves through another. Each closed line
 * goes down somewhere, so lines are found at the top sides of squares.
 */
#include "figure/contour.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "grow.h"

typedef struct grid {
    const float *map;
    int64_t width, height;
    double level;
} grid;

/* ---- The map with its rings ---------------------------------------------- */

static int64_t clamp(int64_t i, int64_t most)
{
    return i < 0 ? 0 : i > most ? most : i;
}

/* Columns -2...width + 1, and rows likewise. */
static double value_at(const grid *g, int64_t x, int64_t y)
{
    if (x < -1 || x > g->width || y < -1 || y > g->height)
        return -HUGE_VAL;
    return (double)
        g->map[clamp(y, g->height - 1) * g->width + clamp(x, g->width - 1)];
}

static bool is_inside(const grid *g, int64_t x, int64_t y)
{
    return value_at(g, x, y) >= g->level;
}

static double place_of(int64_t i, int64_t count)
{
    return fmin(fmax((double)i + 0.5, 0), (double)count);
}

/* ---- One square ---------------------------------------------------------- */

/* The sides of a square, and its corners: corner i is where side i begins,
 * going round by the right. */
enum { TOP, RIGHT, BOTTOM, LEFT };

static const int corner_x[4] = {0, 1, 1, 0}, corner_y[4] = {0, 0, 1, 1};

typedef struct square {
    int64_t x, y; /* of its corner 0 */
} square;

static double corner_value(const grid *g, square at, int corner)
{
    return value_at(g, at.x + corner_x[corner & 3],
                    at.y + corner_y[corner & 3]);
}

static bool corner_is_inside(const grid *g, square at, int corner)
{
    return is_inside(g, at.x + corner_x[corner & 3],
                     at.y + corner_y[corner & 3]);
}

/* Where two opposite corners are inside and the others are not: are the two
 * joined? They are if the saddle of the bilinear surface is inside. */
static bool is_joined(const grid *g, square at)
{
    double a = corner_value(g, at, 0), b = corner_value(g, at, 1);
    double c = corner_value(g, at, 2), d = corner_value(g, at, 3);
    return (a * c - b * d) / (a + c - b - d) >= g->level;
}

/* Entered through side s, the corner on the left is s + 1, that on the right s.
 * The line keeps what is inside on its left. */
static int leave(const grid *g, square at, int side)
{
    bool far_left = corner_is_inside(g, at, side + 2);
    bool far_right = corner_is_inside(g, at, side + 3);
    if (far_left && far_right)
        return (side + 3) & 3;
    if (far_left)
        return (side + 2) & 3;
    if (far_right && is_joined(g, at))
        return (side + 3) & 3;
    return (side + 1) & 3;
}

static unsigned borders_at(const grid *g, double x, double y)
{
    return (x <= 0 ? CONTOUR_LEFT : 0U) |
           (x >= (double)g->width ? CONTOUR_RIGHT : 0U) |
           (y <= 0 ? CONTOUR_TOP : 0U) |
           (y >= (double)g->height ? CONTOUR_BOTTOM : 0U);
}

/* Where the level is on a side. */
static contour_point cross(const grid *g, square at, int side)
{
    int i = side, j = (side + 1) & 3;
    double from = corner_value(g, at, i), to = corner_value(g, at, j);
    double t = isinf(from) || isinf(to) || isnan(from) || isnan(to)
                   ? (from >= g->level ? 0 : 1)
                   : (g->level - from) / (to - from);
    double x0 = place_of(at.x + corner_x[i], g->width);
    double y0 = place_of(at.y + corner_y[i], g->height);
    double x1 = place_of(at.x + corner_x[j], g->width);
    double y1 = place_of(at.y + corner_y[j], g->height);
    double x = x0 + t * (x1 - x0), y = y0 + t * (y1 - y0);
    return (contour_point){x, y, borders_at(g, x, y)};
}

/* ---- The lines ----------------------------------------------------------- */

/* A level that is met right at a sample is met on several sides there. */
static int add_point(contour_set *lines, contour_point point)
{
    size_t first = lines->count ? lines->ends[lines->count - 1] : 0;
    if (lines->point_count > first) {
        contour_point last = lines->points[lines->point_count - 1];
        if (last.x == point.x && last.y == point.y)
            return 0;
    }
    contour_point *points = grow(lines->points, lines->point_count,
                                 &lines->point_room, sizeof *points);
    if (!points)
        return STATUS_FAILED;
    lines->points = points;
    points[lines->point_count++] = point;
    return 0;
}

/* A line that encloses nothing is dropped. */
static int end_line(contour_set *lines)
{
    size_t first = lines->count ? lines->ends[lines->count - 1] : 0;
    if (lines->point_count < first + 3) {
        lines->point_count = first;
        return 0;
    }
    size_t *ends = grow(lines->ends, lines->count, &lines->room, sizeof *ends);
    if (!ends)
        return STATUS_FAILED;
    lines->ends = ends;
    ends[lines->count++] = lines->point_count;
    return 0;
}

/* Squares that a line has entered from above. */
typedef struct visits {
    unsigned char *seen;
    int64_t columns;
} visits;

static unsigned char *visit(const visits *v, square at)
{
    return &v->seen[(at.y + 2) * v->columns + at.x + 2];
}

static int follow(const grid *g, square at, visits *v, contour_set *lines)
{
    square start = at;
    int side = TOP, status;
    do {
        if (side == TOP)
            *visit(v, at) = 1;
        status = add_point(lines, cross(g, at, side));
        int exit_side = leave(g, at, side);
        at.x += exit_side == RIGHT ? 1 : exit_side == LEFT ? -1 : 0;
        at.y += exit_side == BOTTOM ? 1 : exit_side == TOP ? -1 : 0;
        side = (exit_side + 2) & 3;
    } while (!status && (side != TOP || at.x != start.x || at.y != start.y));
    return status ? status : end_line(lines);
}

int contour_trace(const float *map, uint32_t width, uint32_t height,
                  double level, contour_set *lines)
{
    grid g = {map, width, height, level};
    visits v = {.columns = (int64_t)width + 3};
    v.seen = calloc((size_t)v.columns, (size_t)height + 3);
    if (!v.seen)
        return fail_memory();
    int status = 0;
    square at;
    for (at.y = -2; at.y <= g.height && !status; at.y++)
        for (at.x = -2; at.x <= g.width && !status; at.x++)
            if (!is_inside(&g, at.x, at.y) && is_inside(&g, at.x + 1, at.y) &&
                !*visit(&v, at))
                status = follow(&g, at, &v, lines);
    free(v.seen);
    return status;
}

void contour_place(contour_set *lines, double left, double x_scale, double top,
                   double y_scale)
{
    for (size_t i = 0; i < lines->point_count; i++) {
        contour_point *point = &lines->points[i];
        point->x = left + point->x * x_scale;
        point->y = top + point->y * y_scale;
    }
}

void contour_release(contour_set *lines)
{
    free(lines->points);
    free(lines->ends);
    memset(lines, 0, sizeof *lines);
}
