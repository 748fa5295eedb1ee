/* SPDX-License-Identifier: MIT */
/*
 * Where the map comes to lie on the picture. The oracle goes the other way than
 * the library: it takes the centre of each pixel of the picture through the
 * steps to the network's input, and looks which cell it falls into.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"
#include "support.h"

#define STEP(k, ...)                                                           \
 {                                                                             \
  .kind = FMGCAM_STEP_##k, __VA_ARGS__                                         \
 }
#define PLACED(x, y) .flags = FMGCAM_STEP_PLACED, .left = (x), .top = (y)

enum { MOST_STEPS = 6 };

typedef struct chain {
    fmgcam_step steps[MOST_STEPS];
    uint32_t count;
} chain;

/* ---- The oracle --------------------------------------------------------- */

/* A point of what has been made of the picture so far. */
typedef struct point {
    double x, y;
    double width, height;
    bool seen;
    double margin; /* the least distance to an edge that would hide it */
} point;

static double to_nearest_even(double x)
{
    double low = floor(x), rest = x - low;

    if (rest != 0.5)
        return floor(x + 0.5);
    return fmod(low, 2) == 0 ? low : low + 1;
}

static void resize_point(point *p, double width, double height)
{
    p->x *= width / p->width;
    p->y *= height / p->height;
    p->width = width;
    p->height = height;
}

static void fit_point(point *p, double width, double height)
{
    double scale = fmin(width / p->width, height / p->height);

    resize_point(p, fmax(to_nearest_even(p->width * scale), 1),
                 fmax(to_nearest_even(p->height * scale), 1));
}

static void look_at_edges(point *p)
{
    double inside =
        fmin(fmin(p->x, p->width - p->x), fmin(p->y, p->height - p->y));

    p->margin = fmin(p->margin, fabs(inside));
    p->seen = p->seen && inside >= 0;
}

static void crop_point(point *p, const fmgcam_step *s)
{
    bool placed = s->flags & FMGCAM_STEP_PLACED;

    p->x -= placed ? s->left : to_nearest_even((p->width - s->width) / 2);
    p->y -= placed ? s->top : to_nearest_even((p->height - s->height) / 2);
    p->width = s->width;
    p->height = s->height;
    look_at_edges(p);
}

static void pad_point(point *p, const fmgcam_step *s)
{
    bool placed = s->flags & FMGCAM_STEP_PLACED;

    p->x += placed ? s->left : floor((s->width - p->width) / 2);
    p->y += placed ? s->top : floor((s->height - p->height) / 2);
    p->width = s->width;
    p->height = s->height;
}

static void move_point(point *p, const fmgcam_step *s)
{
    switch (s->kind) {
    case FMGCAM_STEP_STRETCH: resize_point(p, s->width, s->height); break;
    case FMGCAM_STEP_RESIZE:
        if (p->width <= p->height)
            resize_point(p, s->width, floor(s->width * p->height / p->width));
        else
            resize_point(p, floor(s->width * p->width / p->height), s->width);
        break;
    case FMGCAM_STEP_FIT: fit_point(p, s->width, s->height); break;
    case FMGCAM_STEP_CROP: crop_point(p, s); break;
    case FMGCAM_STEP_PAD: pad_point(p, s); break;
    case FMGCAM_STEP_LETTERBOX:
        fit_point(p, s->width, s->height);
        pad_point(p, s);
        break;
    case FMGCAM_STEP_FLIP_HORIZONTAL: p->x = p->width - p->x; break;
    default: p->y = p->height - p->y; break;
    }
}

static point follow_point(const chain *c, uint32_t width, uint32_t height,
                          uint32_t x, uint32_t y)
{
    point p = {x + 0.5, y + 0.5, width, height, true, (double)INFINITY};

    for (uint32_t i = 0; i < c->count; i++)
        move_point(&p, &c->steps[i]);
    return p;
}

/* ---- A picture that tells the cells ------------------------------------- */

static const uint32_t faded = 77; /* 0.6 of 128 on black */

/* Each cell has a grey level of its own; unseen pixels are faded. */
static uint8_t *draw_cells(fmgcam_context *context, uint32_t resample,
                           const float *values, sizes size, const chain *c,
                           uint32_t width, uint32_t height)
{
    static const uint8_t white[3] = {255, 255, 255};
    uint8_t *pixels = make_array((size_t)width * height, 3);
    fmgcam_geometry geometry = {.struct_size = sizeof geometry};
    fmgcam_tensor maps = maps_view(values, size);
    fmgcam_layers layers = {.struct_size = sizeof layers,
                            .maps = &maps,
                            .colors = white,
                            .geometry = &geometry};
    fmgcam_image image = {.data = pixels,
                          .row_stride_bytes = 3 * (int64_t)width,
                          .width = width,
                          .height = height};

    use_options(context, (fmgcam_options){.resample = resample});
    expect_ok(context, fmgcam_find_geometry(context, width, height, c->steps,
                                            c->count, &geometry));
    expect_ok(context, fmgcam_draw_heatmap(context, &layers, &image));
    return pixels;
}

static float *number_cells(sizes size)
{
    float *values = make_floats(size.height * size.width);

    for (size_t s = 0; s < size.height * size.width; s++)
        values[s] = (float)(s + 100) / 255.0f;
    return values;
}

/* Nobody can tell where a centre on the very border of two cells belongs. */
static bool is_on_border(double cell)
{
    return fabs(cell - floor(cell + 0.5)) < 1e-9;
}

/* @return how many pixels were seen. */
static size_t check_cells(fmgcam_context *context, const chain *c, sizes size,
                          uint32_t width, uint32_t height)
{
    float *values = number_cells(size);
    uint8_t *got = draw_cells(context, FMGCAM_RESAMPLE_NEAREST, values, size, c,
                              width, height);
    size_t seen = 0;

    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            point p = follow_point(c, width, height, x, y);
            double column = p.x / p.width * (double)size.width;
            double row = p.y / p.height * (double)size.height;
            const uint8_t *pixel = got + 3 * ((size_t)y * width + x);
            size_t want = faded;

            if (p.margin < 1e-9 ||
                (p.seen && (is_on_border(column) || is_on_border(row))))
                continue;
            if (p.seen) {
                want = (size_t)row * size.width + (size_t)column + 100;
                seen++;
            }
            if (pixel[0] != want || pixel[1] != want || pixel[2] != want)
                fail_msg("pixel %u, %u of %u x %u: %u, want %zu", x, y, width,
                         height, pixel[0], want);
        }
    free(values);
    free(got);
    return seen;
}

/* ---- Chains ------------------------------------------------------------- */

static const chain usual[] = {
    {{{0}}, 0},
    {{STEP(STRETCH, .width = 224, .height = 224)}, 1},
    {{STEP(RESIZE, .width = 256), STEP(CROP, .width = 224, .height = 224)}, 2},
    {{STEP(RESIZE, .width = 33), STEP(CROP, .width = 28, .height = 29)}, 2},
    {{STEP(LETTERBOX, .width = 640, .height = 640)}, 1},
    {{STEP(FIT, .width = 100, .height = 100),
      STEP(PAD, .width = 128, .height = 112, PLACED(0, 0))},
     2},
    {{STEP(FLIP_HORIZONTAL, .flags = 0)}, 1},
    {{STEP(FLIP_VERTICAL, .flags = 0)}, 1},
    {{STEP(RESIZE, .width = 40), STEP(FLIP_HORIZONTAL, .flags = 0),
      STEP(CROP, .width = 20, .height = 30, PLACED(3, 7))},
     3},
    {{STEP(CROP, .width = 20, .height = 20),
      STEP(PAD, .width = 50, .height = 41), STEP(FLIP_VERTICAL, .flags = 0),
      STEP(STRETCH, .width = 32, .height = 64)},
     4},
    /* What was cut off stays unseen where it is padded again. */
    {{STEP(CROP, .width = 10, .height = 25),
      STEP(PAD, .width = 90, .height = 90),
      STEP(CROP, .width = 60, .height = 60)},
     3},
    /* The padding alone is left: nothing of the picture is seen. */
    {{STEP(LETTERBOX, .width = 200, .height = 1000),
      STEP(CROP, .width = 200, .height = 100, PLACED(0, 0))},
     2},
};

static void test_each_pixel_shows_the_cell_that_it_fell_into(void **state)
{
    fixture *f = *state;
    static const uint32_t pictures[][2] = {
        {45, 31}, {31, 45}, {33, 33}, {224, 224}, {300, 211}};
    static const sizes maps[] = {
        {1, 1, 7, 7}, {1, 1, 3, 11}, {1, 1, 1, 1}, {1, 1, 10, 5}};
    size_t hidden = 0;

    for (size_t c = 0; c < COUNT_OF(usual); c++)
        for (size_t p = 0; p < COUNT_OF(pictures); p++)
            for (size_t m = 0; m < COUNT_OF(maps); m++)
                if (check_cells(f->context, &usual[c], maps[m], pictures[p][0],
                                pictures[p][1]) == 0)
                    hidden++;
    assert_int_equal(hidden, COUNT_OF(pictures) * COUNT_OF(maps));
}

/* A step that fits what has been made of a picture so far. */
static fmgcam_step random_step(rng *r, uint32_t width, uint32_t height)
{
    uint32_t a = 1 + rng_below(r, 90), b = 1 + rng_below(r, 90);
    uint32_t flags = rng_below(r, 2) ? FMGCAM_STEP_PLACED : 0;
    fmgcam_step s = {.kind = 1 + rng_below(r, 8), .width = a, .height = b};

    if (s.kind >= FMGCAM_STEP_FLIP_HORIZONTAL)
        s.width = s.height = 0;
    if (s.kind == FMGCAM_STEP_RESIZE)
        s.height = 0;
    if (s.kind != FMGCAM_STEP_CROP && s.kind != FMGCAM_STEP_PAD)
        return s;
    s.flags = flags;
    if (s.kind == FMGCAM_STEP_CROP) {
        s.width = 1 + rng_below(r, width);
        s.height = 1 + rng_below(r, height);
        s.left = flags ? rng_below(r, width - s.width + 1) : 0;
        s.top = flags ? rng_below(r, height - s.height + 1) : 0;
    } else {
        s.width = width + a;
        s.height = height + b;
        s.left = flags ? rng_below(r, a + 1) : 0;
        s.top = flags ? rng_below(r, b + 1) : 0;
    }
    return s;
}

static chain random_chain(rng *r, uint32_t width, uint32_t height)
{
    chain c = {.count = rng_below(r, MOST_STEPS + 1)};
    point p = {.width = width, .height = height};

    for (uint32_t i = 0; i < c.count; i++) {
        if (p.width > 400 || p.height > 400)
            c.steps[i] = (fmgcam_step)STEP(STRETCH, .width = 50, .height = 60);
        else
            c.steps[i] = random_step(r, (uint32_t)p.width, (uint32_t)p.height);
        move_point(&p, &c.steps[i]);
    }
    return c;
}

static void test_any_chain_of_steps(void **state)
{
    fixture *f = *state;
    size_t seen = 0;
    rng r;

    rng_init(&r, 5001);
    for (int i = 0; i < 600; i++) {
        uint32_t width = 1 + rng_below(&r, 70), height = 1 + rng_below(&r, 70);
        sizes size = {1, 1, 1 + rng_below(&r, 12), 1 + rng_below(&r, 12)};
        chain c = random_chain(&r, width, height);

        seen += check_cells(f->context, &c, size, width, height) > 0;
    }
    assert_true(seen > 300);
}

/* ---- Between the cells -------------------------------------------------- */

static double kernel(uint32_t resample, double x)
{
    x = fabs(x);
    if (resample == FMGCAM_RESAMPLE_BILINEAR)
        return x < 1 ? 1 - x : 0;
    if (x < 1)
        return 1.5 * x * x * x - 2.5 * x * x + 1;
    return x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0;
}

/* Sum of the cells' values, weighed by their distance from @p at (in cells),
 * along one axis. */
static double weigh(uint32_t resample, double at, double wide, size_t cells,
                    size_t stride, const double *values)
{
    double sum = 0, weights = 0;

    for (size_t i = 0; i < cells; i++) {
        double weight = kernel(resample, ((double)i + 0.5 - at) / wide);
        sum += weight * values[i * stride];
        weights += weight;
    }
    return sum / weights;
}

static double value_at(uint32_t resample, const float *map, sizes size,
                       const point *p, double wide_x, double wide_y)
{
    double columns[16];

    for (size_t x = 0; x < size.width; x++) {
        double column[16];
        for (size_t y = 0; y < size.height; y++)
            column[y] = (double)map[y * size.width + x];
        columns[x] = weigh(resample, p->y / p->height * (double)size.height,
                           wide_y, size.height, 1, column);
    }
    return weigh(resample, p->x / p->width * (double)size.width, wide_x,
                 size.width, 1, columns);
}

/* How many cells a pixel covers, at least 1: by following two neighbours. */
static double widening(double a, double b, double extent, size_t cells)
{
    return fmax(fabs(a - b) / extent * (double)cells, 1);
}

static void check_between(fmgcam_context *context, uint32_t resample, rng *r,
                          const chain *c, sizes size, uint32_t width,
                          uint32_t height)
{
    float *map = make_floats(size.height * size.width);
    rng_fill(r, map, size.height * size.width, 0, 1);
    uint8_t *got = draw_cells(context, resample, map, size, c, width, height);
    point first = follow_point(c, width, height, 0, 0);
    point second = follow_point(c, width, height, 1, 1);
    double wide_x = widening(first.x, second.x, first.width, size.width);
    double wide_y = widening(first.y, second.y, first.height, size.height);

    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            point p = follow_point(c, width, height, x, y);
            if (p.margin < 1e-9 || !p.seen)
                continue;
            double want =
                255 * value_at(resample, map, size, &p, wide_x, wide_y);
            want = fmin(fmax(want, 0), 255);
            double level = got[3 * ((size_t)y * width + x)];
            /* Rounding to a level, and floats on the way there. */
            if (fabs(level - want) > 0.5 + 1e-3)
                fail_msg("pixel %u, %u: %g, want %g", x, y, level, want);
        }
    free(map);
    free(got);
}

static void test_values_between_cells_are_where_they_belong(void **state)
{
    fixture *f = *state;
    rng r;

    rng_init(&r, 5002);
    for (int i = 0; i < 200; i++)
        for (uint32_t resample = FMGCAM_RESAMPLE_BILINEAR;
             resample <= FMGCAM_RESAMPLE_BICUBIC; resample++) {
            uint32_t width = 2 + rng_below(&r, 60);
            uint32_t height = 2 + rng_below(&r, 60);
            sizes size = {1, 1, 1 + rng_below(&r, 12), 1 + rng_below(&r, 12)};
            chain c = random_chain(&r, width, height);
            check_between(f->context, resample, &r, &c, size, width, height);
        }
}

/* ---- Numbers worked out by hand ----------------------------------------- */

static fmgcam_geometry find(fmgcam_context *context, uint32_t width,
                            uint32_t height, chain c)
{
    fmgcam_geometry g = {.struct_size = sizeof g};

    expect_ok(context, fmgcam_find_geometry(context, width, height, c.steps,
                                            c.count, &g));
    return g;
}

static void check_edges(const double got[4], double left, double top,
                        double right, double bottom)
{
    const double want[] = {left, top, right, bottom};

    for (size_t i = 0; i < 4; i++)
        if (fabs(got[i] - want[i]) > 1e-9)
            fail_msg("edge %zu: %.12g, want %.12g", i, got[i], want[i]);
}

static void check_map(const fmgcam_geometry *g, double left, double top,
                      double right, double bottom)
{
    const double got[] = {g->left, g->top, g->right, g->bottom};

    check_edges(got, left, top, right, bottom);
}

static void check_seen(const fmgcam_geometry *g, double left, double top,
                       double right, double bottom)
{
    const double got[] = {g->seen_left, g->seen_top, g->seen_right,
                          g->seen_bottom};

    check_edges(got, left, top, right, bottom);
}

static void test_numbers_worked_out_by_hand(void **state)
{
    fixture *f = *state;
    fmgcam_geometry g;

    /* 640 x 480 to 341 x 256, of which the middle 224: from 58.5, which goes to
     * 58, and from 16. */
    g = find(f->context, 640, 480, usual[2]);
    check_map(&g, 58 * 640.0 / 341, 16 * 1.875, 282 * 640.0 / 341, 240 * 1.875);
    check_seen(&g, 58 * 640.0 / 341, 30, 282 * 640.0 / 341, 450);
    assert_int_equal(g.input_width, 224);
    assert_int_equal(g.input_height, 224);

    /* 1920 x 1080 to 640 x 360, and 140 above and below. */
    g = find(f->context, 1920, 1080, usual[4]);
    check_map(&g, 0, -420, 1920, 1500);
    check_seen(&g, 0, 0, 1920, 1080);
    assert_int_equal(g.input_width, 640);
    assert_int_equal(g.input_height, 640);

    /* Nothing is seen: 0 and 0. */
    g = find(f->context, 100, 100,
             (chain){{STEP(PAD, .width = 300, .height = 300, PLACED(100, 100)),
                      STEP(CROP, .width = 50, .height = 200, PLACED(250, 0))},
                     2});
    check_map(&g, 150, -100, 200, 100);
    check_seen(&g, 0, 0, 0, 100);

    g = find(f->context, 30, 20, usual[6]);
    check_map(&g, 30, 0, 0, 20);
    check_seen(&g, 0, 0, 30, 20);
}

/* A newer program's struct, and an older library's part of it. */
static void test_the_struct_may_grow(void **state)
{
    fixture *f = *state;
    struct {
        fmgcam_geometry known;
        uint64_t unknown;
    } newer;

    memset(&newer, 0xAA, sizeof newer);
    newer.known.struct_size = sizeof newer;

    expect_ok(f->context,
              fmgcam_find_geometry(f->context, 8, 8, NULL, 0, &newer.known));
    assert_int_equal(newer.known.struct_size, sizeof newer);
    assert_int_equal(newer.known.input_width, 8);
    assert_true(newer.unknown == 0);
}

/* ---- What is refused ---------------------------------------------------- */

static void test_steps_that_cannot_be_are_named(void **state)
{
    fixture *f = *state;
    static const struct {
        fmgcam_step step;
        const char *text;
    } rows[] = {
        {{0}, "steps[1].kind: 0, expected 1 to 8"},
        {{.kind = 9}, "steps[1].kind: 9, expected 1 to 8"},
        {{.kind = FMGCAM_STEP_CROP, .width = 21, .height = 5},
         "steps[1]: a crop of 21 x 5 at 0, 0, expected one within the 20 x 10"},
        {{.kind = FMGCAM_STEP_CROP, .width = 5, .height = 5, PLACED(16, 0)},
         "steps[1]: a crop of 5 x 5 at 16, 0"},
        {{.kind = FMGCAM_STEP_CROP, .width = 5, .height = 5, PLACED(0, 6)},
         "steps[1]: a crop of 5 x 5 at 0, 6"},
        {{.kind = FMGCAM_STEP_PAD, .width = 19, .height = 50},
         "steps[1]: a pad to 19 x 50"},
        {{.kind = FMGCAM_STEP_PAD, .width = 25, .height = 50, PLACED(6, 0)},
         "steps[1]: a pad to 25 x 50 at 6, 0"},
        {{.kind = FMGCAM_STEP_CROP, .width = 5, .height = 5, .left = 1},
         "steps[1]: left 1, top 0, expected 0"},
        {{.kind = FMGCAM_STEP_CROP, .width = 5, .height = 5, .flags = 2},
         "steps[1].flags: 0x2"},
        {{.kind = FMGCAM_STEP_FIT, .width = 5, .height = 5, .flags = 1},
         "steps[1].flags: 0x1"},
        {{.kind = FMGCAM_STEP_RESIZE, .width = 5, .height = 5},
         "steps[1].height: 5, expected 0"},
        {{.kind = FMGCAM_STEP_STRETCH, .width = 5}, "steps[1].height: 0"},
        {{.kind = FMGCAM_STEP_STRETCH, .height = 5}, "steps[1].width: 0"},
        {{.kind = FMGCAM_STEP_FLIP_VERTICAL, .width = 5}, "steps[1].width: 5"},
        {{.kind = FMGCAM_STEP_RESIZE, .width = UINT32_MAX}, "steps[1].width"},
        {{.kind = FMGCAM_STEP_RESIZE, .width = INT32_MAX},
         "steps[1]: makes a side of 4294967294 pixels"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        fmgcam_geometry g = {.struct_size = sizeof g, .left = 42};
        const fmgcam_step steps[] = {STEP(STRETCH, .width = 20, .height = 10),
                                     rows[i].step};
        expect_status(f->context,
                      fmgcam_find_geometry(f->context, 30, 40, steps, 2, &g),
                      FMGCAM_STATUS_ARGUMENT, rows[i].text);
        assert_true(g.left == 42);
    }
}

/* Edges that no double tells apart, and edges that no picture reaches. */
static void test_chains_that_end_nowhere_are_refused(void **state)
{
    fixture *f = *state;
    fmgcam_geometry g = {.struct_size = sizeof g};
    fmgcam_step thin[6], wide[80];

    for (size_t i = 0; i < COUNT_OF(thin); i += 2) {
        thin[i] = (fmgcam_step)STEP(STRETCH, .width = 1 << 30, .height = 9);
        thin[i + 1] = (fmgcam_step)STEP(CROP, .width = 1, .height = 9);
    }
    expect_status(f->context,
                  fmgcam_find_geometry(f->context, 8, 8, thin, 6, &g),
                  FMGCAM_STATUS_ARGUMENT, "steps[3]: edges at");
    for (size_t i = 0; i < COUNT_OF(wide); i += 2) {
        wide[i] = (fmgcam_step)STEP(STRETCH, .width = 9, .height = 1);
        wide[i + 1] = (fmgcam_step)STEP(PAD, .width = 9, .height = INT32_MAX);
    }
    expect_status(f->context,
                  fmgcam_find_geometry(f->context, 8, 8, wide, 80, &g),
                  FMGCAM_STATUS_ARGUMENT, "steps[3]: edges at");
}

static void test_arguments_are_checked(void **state)
{
    fixture *f = *state;
    fmgcam_geometry g = {.struct_size = sizeof g};

    assert_int_equal(fmgcam_find_geometry(NULL, 8, 8, NULL, 0, &g),
                     FMGCAM_STATUS_ARGUMENT);
    expect_status(f->context,
                  fmgcam_find_geometry(f->context, 8, 8, NULL, 1, &g),
                  FMGCAM_STATUS_ARGUMENT, "steps: NULL");
    expect_status(f->context,
                  fmgcam_find_geometry(f->context, 8, 8, NULL, 0, NULL),
                  FMGCAM_STATUS_ARGUMENT, "geometry: NULL");
    expect_status(f->context,
                  fmgcam_find_geometry(f->context, 0, 8, NULL, 0, &g),
                  FMGCAM_STATUS_ARGUMENT, "picture: height 8, width 0");
    g.struct_size = sizeof g - 1;
    expect_status(f->context,
                  fmgcam_find_geometry(f->context, 8, 8, NULL, 0, &g),
                  FMGCAM_STATUS_ARGUMENT, "geometry.struct_size");
}

static void test_a_geometry_that_cannot_be_is_named(void **state)
{
    fixture *f = *state;
    static const fmgcam_geometry right = {sizeof right, 0, 0, 16, 12, 1, 1,
                                          15,           9, 1, 1};
    static const struct {
        size_t offset;
        double value;
        const char *text;
    } rows[] = {
        {offsetof(fmgcam_geometry, left), (double)NAN, "left and right nan"},
        {offsetof(fmgcam_geometry, right), (double)INFINITY,
         "left and right 0"},
        {offsetof(fmgcam_geometry, right), 0, "left and right 0 and 0"},
        {offsetof(fmgcam_geometry, bottom), 0, "top and bottom 0 and 0"},
        {offsetof(fmgcam_geometry, top), -0x1p41, "top and bottom"},
        {offsetof(fmgcam_geometry, seen_left), (double)NAN, "seen_left"},
        {offsetof(fmgcam_geometry, seen_left), -1, "seen_left and seen_right"},
        {offsetof(fmgcam_geometry, seen_right), 0.5,
         "seen_left and seen_right"},
        {offsetof(fmgcam_geometry, seen_right), 16.5, "from 0 to 16"},
        {offsetof(fmgcam_geometry, seen_bottom), 12.5, "from 0 to 10"},
        {offsetof(fmgcam_geometry, left), 2, "from 2 to 16"},
        {offsetof(fmgcam_geometry, seen_left), 15.5,
         "seen_left and seen_right"},
    };
    uint8_t pixels[16 * 10 * 3];
    float map[4] = {0, 1, 0, 1};
    fmgcam_geometry g = right;
    fmgcam_tensor maps = maps_view(map, (sizes){1, 1, 2, 2});
    fmgcam_layers layers = {
        .struct_size = sizeof layers, .maps = &maps, .geometry = &g};
    fmgcam_image image = {pixels, 48, 16, 10, 0, 0};

    expect_ok(f->context, fmgcam_draw_heatmap(f->context, &layers, &image));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        g = right;
        memcpy((char *)&g + rows[i].offset, &rows[i].value, sizeof(double));
        expect_status(f->context,
                      fmgcam_draw_heatmap(f->context, &layers, &image),
                      FMGCAM_STATUS_ARGUMENT, rows[i].text);
    }
    g = right;
    g.struct_size--;
    expect_status(f->context, fmgcam_draw_heatmap(f->context, &layers, &image),
                  FMGCAM_STATUS_ARGUMENT, "layers.geometry.struct_size");
}

/* ---- What the network did not see --------------------------------------- */

static void test_unseen_pixels_fade_or_stay(void **state)
{
    fixture *f = *state;
    enum { WIDTH = 40, HEIGHT = 30, BYTES = WIDTH * HEIGHT * 3 };
    static uint8_t picture[BYTES], overlay[BYTES];
    static const float none[4] = {0};
    const chain c = {{STEP(CROP, .width = 20, .height = 10, PLACED(4, 6))}, 1};
    fmgcam_geometry g = find(f->context, WIDTH, HEIGHT, c);
    fmgcam_tensor maps = maps_view(none, (sizes){1, 1, 2, 2});
    fmgcam_layers layers = {
        .struct_size = sizeof layers, .maps = &maps, .geometry = &g};
    fmgcam_image from = {picture, 3 * WIDTH, WIDTH, HEIGHT, 0, 0};
    fmgcam_image to = {overlay, 3 * WIDTH, WIDTH, HEIGHT, 0, 0};
    rng r;

    rng_init(&r, 5003);
    for (size_t i = 0; i < BYTES; i++)
        picture[i] = (uint8_t)rng_next(&r);
    for (uint32_t kept = 0; kept < 2; kept++) {
        use_options(f->context, (fmgcam_options){
                                    .flags = kept * FMGCAM_OPTION_UNSEEN_KEPT});
        expect_ok(f->context,
                  fmgcam_draw_overlay(f->context, &layers, &from, &to));
        for (size_t i = 0; i < BYTES; i++) {
            size_t x = i / 3 % WIDTH, y = i / 3 / WIDTH;
            bool seen = x >= 4 && x < 24 && y >= 6 && y < 16;
            double want = kept || seen ? picture[i] : 0.4 * picture[i] + 76.8;
            assert_true(fabs(overlay[i] - want) <= 0.5 + 1e-4);
        }
        memcpy(overlay, picture, BYTES); /* in place */
        expect_ok(f->context,
                  fmgcam_draw_overlay(f->context, &layers, &to, &to));
        if (kept)
            assert_memory_equal(overlay, picture, BYTES);
    }
}

/* A centre on the left or top edge is seen, one on the right or bottom is not. */
static void test_edges_that_hit_centres(void **state)
{
    fixture *f = *state;
    uint8_t pixels[5 * 5 * 3];
    const float full = 1;
    fmgcam_geometry g = {.struct_size = sizeof g,
                         .right = 5,
                         .bottom = 5,
                         .seen_left = 1.5,
                         .seen_top = 0.5,
                         .seen_right = 3.5,
                         .seen_bottom = 2.5};
    fmgcam_tensor maps = maps_view(&full, (sizes){1, 1, 1, 1});
    fmgcam_layers layers = {
        .struct_size = sizeof layers, .maps = &maps, .geometry = &g};
    fmgcam_image image = {pixels, 15, 5, 5, 0, 0};

    expect_ok(f->context, fmgcam_draw_heatmap(f->context, &layers, &image));
    for (size_t i = 0; i < 25; i++) {
        size_t x = i % 5, y = i / 5;
        bool seen = (x == 1 || x == 2) && (y == 0 || y == 1);
        assert_int_equal(pixels[3 * i], seen ? 213 : faded);
    }
}

/* Five pixels and all cells of a map that lies over little more than four of
 * them need the most taps that there can be. */
static void test_many_cells_on_few_pixels(void **state)
{
    fixture *f = *state;
    float map[64] = {0};
    uint8_t pixels[5 * 3];
    fmgcam_geometry g = {.struct_size = sizeof g,
                         .left = 0.5,
                         .right = nextafter(4.5, 5),
                         .bottom = 1,
                         .seen_left = 0.5,
                         .seen_right = nextafter(4.5, 5),
                         .seen_bottom = 1};
    fmgcam_tensor maps = maps_view(map, (sizes){1, 1, 1, 64});
    fmgcam_layers layers = {
        .struct_size = sizeof layers, .maps = &maps, .geometry = &g};
    fmgcam_image image = {pixels, 15, 5, 1, 0, 0};
    rng r;

    rng_init(&r, 5005);
    rng_fill(&r, map, 64, 0, 1);
    expect_ok(f->context, fmgcam_draw_heatmap(f->context, &layers, &image));
    for (size_t x = 0; x < 5; x++) {
        double sum = 0, weights = 0;
        for (size_t i = 0; i < 64; i++) {
            double at = ((double)x + 0.5 - g.left) * 16;
            double weight =
                kernel(FMGCAM_RESAMPLE_BICUBIC, ((double)i + 0.5 - at) / 16);
            sum += weight * (double)map[i];
            weights += weight;
        }
        double want = fmin(fmax(213 * sum / weights, 0), 213);
        assert_true(fabs(pixels[3 * x] - want) <= 0.5 + 1e-3);
    }
}

/* Bits do not depend on who paints which rows. */
static void test_a_runner_paints_the_same(void **state)
{
    fixture *f = *state;
    float *values = number_cells((sizes){1, 1, 7, 7});
    runner_log log = {.workers = 3};

    for (size_t c = 0; c < COUNT_OF(usual); c++) {
        expect_ok(f->context, fmgcam_set_runner(f->context, NULL, NULL, 0));
        uint8_t *alone = draw_cells(f->context, 0, values, (sizes){1, 1, 7, 7},
                                    &usual[c], 91, 57);
        expect_ok(f->context,
                  fmgcam_set_runner(f->context, run_on_threads, &log, 3));
        uint8_t *shared = draw_cells(f->context, 0, values, (sizes){1, 1, 7, 7},
                                     &usual[c], 91, 57);
        assert_memory_equal(alone, shared, 91 * 57 * 3);
        free(alone);
        free(shared);
    }
    free(values);
}

static void test_no_chain_needs_more_than_was_reserved(void **state)
{
    fixture *f = *state;
    const fmgcam_limits limits = {.struct_size = sizeof limits,
                                  .classes = 1,
                                  .channels = 1,
                                  .map_height = 12,
                                  .map_width = 12,
                                  .picture_height = 70,
                                  .picture_width = 70};
    rng r;

    rng_init(&r, 5004);
    expect_ok(f->context, fmgcam_reserve(f->context, &limits));
    size_t before = f->heap.requests;
    for (int i = 0; i < 300; i++) {
        uint32_t width = 1 + rng_below(&r, 70), height = 1 + rng_below(&r, 70);
        sizes size = {1, 1, 1 + rng_below(&r, 12), 1 + rng_below(&r, 12)};
        float *values = number_cells(size);
        chain c = random_chain(&r, width, height);
        free(draw_cells(f->context, 1 + rng_below(&r, 3), values, size, &c,
                        width, height));
        free(values);
    }
    assert_int_equal(f->heap.requests, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_each_pixel_shows_the_cell_that_it_fell_into),
        fixture_test(test_any_chain_of_steps),
        fixture_test(test_values_between_cells_are_where_they_belong),
        fixture_test(test_numbers_worked_out_by_hand),
        fixture_test(test_the_struct_may_grow),
        fixture_test(test_steps_that_cannot_be_are_named),
        fixture_test(test_chains_that_end_nowhere_are_refused),
        fixture_test(test_arguments_are_checked),
        fixture_test(test_a_geometry_that_cannot_be_is_named),
        fixture_test(test_unseen_pixels_fade_or_stay),
        fixture_test(test_edges_that_hit_centres),
        fixture_test(test_many_cells_on_few_pixels),
        fixture_test(test_a_runner_paints_the_same),
        fixture_test(test_no_chain_needs_more_than_was_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
