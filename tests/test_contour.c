/* SPDX-License-Identifier: MIT */
/* Contour lines against what the bilinear surface says: each vertex lies on the
 * level or on the border, and on the lines of the grid, where the surface is
 * straight, inside the lines is where it is at least the level. */
#include "support.h"

#include <math.h>
#include <stdlib.h>

#include "../tools/figure/contour.h"

typedef struct surface {
    const float *map;
    uint32_t width, height;
} surface;

/* ---- The surface --------------------------------------------------------- */

static double sample(const surface *s, double column, double row)
{
    double x = fmin(fmax(column, 0), (double)s->width - 1);
    double y = fmin(fmax(row, 0), (double)s->height - 1);
    return (double)s->map[(size_t)y * s->width + (size_t)x];
}

static double height_at(const surface *s, double x, double y)
{
    double column = floor(x - 0.5), row = floor(y - 0.5);
    double u = x - 0.5 - column, v = y - 0.5 - row;
    return (1 - v) * ((1 - u) * sample(s, column, row) +
                      u * sample(s, column + 1, row)) +
           v * ((1 - u) * sample(s, column, row + 1) +
                u * sample(s, column + 1, row + 1));
}

/* ---- The lines ----------------------------------------------------------- */

static size_t first_of(const contour_set *lines, size_t line)
{
    return line ? lines->ends[line - 1] : 0;
}

/* By the number of edges that a ray to the right crosses. */
static int is_enclosed(const contour_set *lines, double x, double y)
{
    int inside = 0;
    for (size_t line = 0; line < lines->count; line++) {
        size_t first = first_of(lines, line), end = lines->ends[line];
        for (size_t i = first; i < end; i++) {
            contour_point a = lines->points[i];
            contour_point b = lines->points[i + 1 < end ? i + 1 : first];
            if ((a.y <= y) != (b.y <= y) &&
                x < a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x))
                inside = !inside;
        }
    }
    return inside;
}

/* Positive where the inside is on the left, y pointing down. */
static double area_of(const contour_set *lines, size_t line)
{
    double sum = 0;
    size_t first = first_of(lines, line), end = lines->ends[line];
    for (size_t i = first; i < end; i++) {
        contour_point a = lines->points[i];
        contour_point b = lines->points[i + 1 < end ? i + 1 : first];
        sum += b.x * a.y - a.x * b.y;
    }
    return sum / 2;
}

static void trace(const surface *s, double level, contour_set *lines)
{
    *lines = (contour_set){0};
    assert_int_equal(contour_trace(s->map, s->width, s->height, level, lines),
                     0);
}

/* ---- Tests --------------------------------------------------------------- */

/* A vertex is a x + b y of coordinates up to w and h with roundings of 2^-53;
 * the surface's slope is at most its range, 2, along each axis. */
static void check_vertices(const surface *s, double level,
                           const contour_set *lines)
{
    double bound = 16 * 0x1p-53 * 2 * (s->width + s->height);
    for (size_t i = 0; i < lines->point_count; i++) {
        contour_point p = lines->points[i];
        double off = height_at(s, p.x, p.y) - level;
        bool at_border =
            p.x == 0 || p.y == 0 || p.x == s->width || p.y == s->height;
        assert_true(p.x >= 0 && p.x <= s->width);
        assert_true(p.y >= 0 && p.y <= s->height);
        if (!(fabs(off) <= bound || (at_border && off > 0))) {
            print_error("(%.17g, %.17g): off by %g\n", p.x, p.y, off);
            fail();
        }
    }
}

static void check_point(const surface *s, double level,
                        const contour_set *lines, double x, double y)
{
    double off = height_at(s, x, y) - level;
    if (fabs(off) < 1e-9 || is_enclosed(lines, x, y) == (off > 0))
        return;
    print_error("(%.17g, %.17g) of %u x %u: %g above the level\n", x, y,
                s->width, s->height, off);
    fail();
}

/* Along the rows and columns of samples, up to the border. */
static void check_inside(rng *r, const surface *s, double level,
                         const contour_set *lines)
{
    for (int i = 0; i < 200; i++) {
        double along = (double)rng_uniform(r, 0, 1);
        double row = rng_below(r, s->height) + 0.5;
        double column = rng_below(r, s->width) + 0.5;
        check_point(s, level, lines, along * s->width, row);
        check_point(s, level, lines, column, along * s->height);
        check_point(s, level, lines, column, row);
    }
}

static void test_lines_are_where_the_surface_says(void **state)
{
    (void)state;
    rng r;
    rng_init(&r, 1);
    for (int turn = 0; turn < 400; turn++) {
        uint32_t width = 1 + rng_below(&r, 9), height = 1 + rng_below(&r, 9);
        float *map = make_floats((size_t)width * height);
        rng_fill(&r, map, (size_t)width * height, -1, 1);
        surface s = {map, width, height};
        double level = (double)rng_uniform(&r, -0.8f, 0.8f);
        contour_set lines;
        trace(&s, level, &lines);
        check_vertices(&s, level, &lines);
        check_inside(&r, &s, level, &lines);
        contour_release(&lines);
        free(map);
    }
}

/* All of the map, up to its border, and the inside on the left. */
static void test_lines_are_closed_at_the_border(void **state)
{
    (void)state;
    const float map[6] = {1, 1, 1, 1, 1, 1};
    surface s = {map, 3, 2};
    contour_set lines;
    trace(&s, 0.5, &lines);
    assert_int_equal(lines.count, 1);
    assert_true(area_of(&lines, 0) == 6);
    contour_release(&lines);
    trace(&s, 1, &lines); /* at least the level */
    assert_int_equal(lines.count, 1);
    assert_true(area_of(&lines, 0) == 6);
    contour_release(&lines);
    trace(&s, 1.5, &lines);
    assert_int_equal(lines.count, 0);
    contour_release(&lines);
}

static void test_a_hole_goes_the_other_way_round(void **state)
{
    (void)state;
    float map[25];
    for (int i = 0; i < 25; i++)
        map[i] = i / 5 == 0 || i / 5 == 4 || i % 5 == 0 || i % 5 == 4 ? 1 : 0;
    surface s = {map, 5, 5};
    contour_set lines;
    trace(&s, 0.5, &lines);
    assert_int_equal(lines.count, 2);
    double outer = fmax(area_of(&lines, 0), area_of(&lines, 1));
    double inner = fmin(area_of(&lines, 0), area_of(&lines, 1));
    assert_true(outer == 25);
    /* 3 x 3 cells whose corners, half a cell, are cut off. */
    assert_true(inner == -8.5);
    contour_release(&lines);
}

/* The saddle of 1 0 / 0 1 is at 1/2; that of 1 0 / 0 3 at 3/4. */
static void test_saddles_are_those_of_the_surface(void **state)
{
    (void)state;
    const struct {
        float map[4];
        double level;
        size_t lines;
    } rows[] = {
        {{1, 0, 0, 1}, 0.4, 1},  {{1, 0, 0, 1}, 0.6, 2},
        {{0, 1, 1, 0}, 0.4, 1},  {{0, 1, 1, 0}, 0.6, 2},
        {{1, 0, 0, 3}, 0.74, 1}, {{1, 0, 0, 3}, 0.76, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        surface s = {rows[i].map, 2, 2};
        contour_set lines;
        trace(&s, rows[i].level, &lines);
        assert_int_equal(lines.count, rows[i].lines);
        contour_release(&lines);
    }
}

/* NaN is outside, and breaks nothing. */
static void test_nan_is_outside(void **state)
{
    (void)state;
    const float map[9] = {1, 1, 1, 1, NAN, 1, 1, 1, 1};
    surface s = {map, 3, 3};
    contour_set lines;
    trace(&s, 0.5, &lines);
    assert_int_equal(lines.count, 2);
    assert_false(is_enclosed(&lines, 1.5, 1.5) && area_of(&lines, 0) > 0 &&
                 area_of(&lines, 1) > 0);
    for (size_t i = 0; i < lines.point_count; i++)
        assert_true(isfinite(lines.points[i].x) && isfinite(lines.points[i].y));
    contour_release(&lines);
}

/* Sets add up, and can be moved. */
static void test_sets_add_up_and_move(void **state)
{
    (void)state;
    const float map[1] = {1};
    surface s = {map, 1, 1};
    contour_set lines;
    trace(&s, 0.5, &lines);
    size_t points = lines.point_count;
    assert_int_equal(contour_trace(map, 1, 1, 0.25, &lines), 0);
    assert_int_equal(lines.count, 2);
    assert_int_equal(lines.point_count, 2 * points);
    contour_place(&lines, 10, 4, 20, -2);
    assert_true(fabs(area_of(&lines, 0)) == 8);
    for (size_t i = 0; i < lines.point_count; i++) {
        assert_true(lines.points[i].x >= 10 && lines.points[i].x <= 14);
        assert_true(lines.points[i].y >= 18 && lines.points[i].y <= 20);
    }
    contour_release(&lines);
    assert_int_equal(lines.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_where_the_surface_says),
        cmocka_unit_test(test_lines_are_closed_at_the_border),
        cmocka_unit_test(test_a_hole_goes_the_other_way_round),
        cmocka_unit_test(test_saddles_are_those_of_the_surface),
        cmocka_unit_test(test_nan_is_outside),
        cmocka_unit_test(test_sets_add_up_and_move),
    };
    return cmocka_run_group_tests_name("contour", tests, NULL, NULL);
}
