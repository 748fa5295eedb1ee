/* SPDX-License-Identifier: MIT */
/*
 * Frames of every format, palettes, classes that keep their colour, and colour
 * maps of a single map. Formats are compared with RGB, which the oracle of
 * test_draw.c knows; colour maps with straight lines drawn here.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"
#include "support.h"

/* ---- Formats ------------------------------------------------------------ */

enum { K = 4, H = 5, W = 6, WIDTH = 61, HEIGHT = 23, PITCH = 4 * WIDTH + 13 };

/* Which byte of a pixel is which. */
typedef struct format {
    uint32_t format, bytes;
    int red, green, blue, alpha; /* -1: none */
} format;

static const format formats[] = {
    {FMGCAM_PIXEL_RGB8, 3, 0, 1, 2, -1},  {FMGCAM_PIXEL_BGR8, 3, 2, 1, 0, -1},
    {FMGCAM_PIXEL_RGBA8, 4, 0, 1, 2, 3},  {FMGCAM_PIXEL_BGRA8, 4, 2, 1, 0, 3},
    {FMGCAM_PIXEL_GREY8, 1, 0, 0, 0, -1},
};

typedef struct frame {
    guard memory;
    const format *format;
    fmgcam_image image;
} frame;

/* Flush with the end of its memory, so that no byte behind it is touched. */
static void frame_init(frame *f, const format *kind)
{
    size_t size = (size_t)PITCH * (HEIGHT - 1) + kind->bytes * WIDTH;

    guard_init(&f->memory, size, GUARD_AT_END);
    memset(f->memory.data, 0x5A, size);
    f->format = kind;
    f->image =
        (fmgcam_image){f->memory.data, PITCH, WIDTH, HEIGHT, kind->format, 0};
}

static uint8_t *pixel_at(const frame *f, size_t x, size_t y)
{
    return (uint8_t *)f->memory.data + y * PITCH + x * f->format->bytes;
}

/* Random; alpha too. @p grey makes the three channels equal. */
static void frame_fill(const frame *f, uint64_t stream, bool grey)
{
    rng r;

    rng_init(&r, stream);
    for (size_t y = 0; y < HEIGHT; y++)
        for (size_t x = 0; x < WIDTH; x++) {
            uint8_t *pixel = pixel_at(f, x, y);
            uint8_t red = (uint8_t)rng_next(&r), green = (uint8_t)rng_next(&r);
            uint8_t blue = (uint8_t)rng_next(&r), alpha = (uint8_t)rng_next(&r);
            pixel[f->format->blue] = grey ? red : blue;
            pixel[f->format->green] = grey ? red : green;
            pixel[f->format->red] = red;
            if (f->format->alpha >= 0)
                pixel[f->format->alpha] = alpha;
        }
}

/* Between the rows nothing was written. */
static void check_gaps(const frame *f)
{
    for (size_t y = 0; y + 1 < HEIGHT; y++)
        for (size_t x = f->format->bytes * WIDTH; x < PITCH; x++)
            assert_int_equal(((uint8_t *)f->memory.data)[y * PITCH + x], 0x5A);
    assert_true(guard_intact(&f->memory));
}

typedef struct scene {
    float maps[K * H * W];
    fmgcam_tensor tensor;
    fmgcam_layers layers;
    fmgcam_geometry geometry;
} scene;

/* A crop, so that pixels that are not seen are drawn too. */
static void scene_init(scene *s, fmgcam_context *context)
{
    const fmgcam_step crop = {.kind = FMGCAM_STEP_CROP,
                              .flags = FMGCAM_STEP_PLACED,
                              .width = 47,
                              .height = 17,
                              .left = 3,
                              .top = 2};
    rng r;

    rng_init(&r, 5101);
    rng_fill(&r, s->maps, K * H * W, 0, 0.25f);
    s->geometry = (fmgcam_geometry){.struct_size = sizeof s->geometry};
    expect_ok(context, fmgcam_find_geometry(context, WIDTH, HEIGHT, &crop, 1,
                                            &s->geometry));
    s->tensor = maps_view(s->maps, (sizes){K, 1, H, W});
    s->layers = (fmgcam_layers){.struct_size = sizeof s->layers,
                                .maps = &s->tensor,
                                .signed_maps = &s->tensor,
                                .geometry = &s->geometry};
}

/* @p got against an RGB overlay @p want of the same pixels. */
static void check_pixel(const frame *under, const frame *got, const frame *want,
                        size_t x, size_t y)
{
    const uint8_t *a = pixel_at(got, x, y), *b = pixel_at(want, x, y);
    const format *f = got->format;

    if (f->bytes == 1) { /* weights are rounded to 2^-16: 255 * 3 * 2^-17 */
        double luma = 0.299 * b[0] + 0.587 * b[1] + 0.114 * b[2];
        assert_true(fabs(a[0] - luma) <= 0.5 + 0.006);
        return;
    }
    if (a[f->red] != b[0] || a[f->green] != b[1] || a[f->blue] != b[2])
        fail_msg("formats %u and %u, pixel %zu, %zu: %u %u %u, want %u %u %u",
                 under ? under->format->format : 0, f->format, x, y, a[f->red],
                 a[f->green], a[f->blue], b[0], b[1], b[2]);
    if (f->alpha < 0)
        return;
    bool has_alpha = under && under->format->alpha >= 0;
    assert_int_equal(a[f->alpha],
                     has_alpha ? pixel_at(under, x, y)[under->format->alpha]
                               : 255);
}

static void check_frame(const frame *under, const frame *got, const frame *want)
{
    for (size_t y = 0; y < HEIGHT; y++)
        for (size_t x = 0; x < WIDTH; x++)
            check_pixel(under, got, want, x, y);
    check_gaps(got);
}

/* The same picture in @p format and as RGB. */
static void check_overlay(fmgcam_context *context, const scene *s,
                          const format *from, const format *to)
{
    frame rgb, want, under, got;
    bool grey = from->bytes == 1;

    frame_init(&rgb, &formats[0]);
    frame_init(&want, &formats[0]);
    frame_init(&under, from);
    frame_init(&got, to);
    frame_fill(&rgb, 5102, grey);
    frame_fill(&under, 5102, grey);
    expect_ok(context, fmgcam_draw_overlay(context, &s->layers, &rgb.image,
                                           &want.image));
    expect_ok(context, fmgcam_draw_overlay(context, &s->layers, &under.image,
                                           &got.image));
    check_frame(&under, &got, &want);
    if (from == to) { /* once more, in place */
        frame copy;
        frame_init(&copy, to);
        frame_fill(&copy, 5102, grey);
        expect_ok(context, fmgcam_draw_overlay(context, &s->layers, &copy.image,
                                               &copy.image));
        assert_memory_equal(copy.memory.data, got.memory.data,
                            copy.memory.bytes);
        guard_free(&copy.memory);
    }
    guard_free(&rgb.memory);
    guard_free(&want.memory);
    guard_free(&under.memory);
    guard_free(&got.memory);
}

static void check_heatmap(fmgcam_context *context, const scene *s,
                          const format *to)
{
    frame want, got;

    frame_init(&want, &formats[0]);
    frame_init(&got, to);
    expect_ok(context, fmgcam_draw_heatmap(context, &s->layers, &want.image));
    expect_ok(context, fmgcam_draw_heatmap(context, &s->layers, &got.image));
    check_frame(NULL, &got, &want);
    guard_free(&want.memory);
    guard_free(&got.memory);
}

static void test_every_format_shows_what_rgb_shows(void **state)
{
    fixture *f = *state;
    scene s;

    scene_init(&s, f->context);
    for (uint32_t fuse_at = 1; fuse_at <= 2; fuse_at++)
        for (uint32_t blend = 1; blend <= 2; blend++)
            for (size_t to = 0; to < COUNT_OF(formats); to++) {
                /* Without overshoot, which luma would feel and levels not. */
                use_options(
                    f->context,
                    (fmgcam_options){.fuse_at = fuse_at,
                                     .blend = blend,
                                     .resample = FMGCAM_RESAMPLE_BILINEAR});
                check_heatmap(f->context, &s, &formats[to]);
                for (size_t from = 0; from < COUNT_OF(formats); from++)
                    check_overlay(f->context, &s, &formats[from], &formats[to]);
            }
}

static void test_colour_maps_know_every_format(void **state)
{
    fixture *f = *state;
    scene s;

    scene_init(&s, f->context);
    s.tensor = maps_view(s.maps, (sizes){1, 1, H, W});
    for (uint32_t map = FMGCAM_COLOR_MAP_VIRIDIS;
         map <= FMGCAM_COLOR_MAP_DIVERGING; map++)
        for (size_t to = 0; to < COUNT_OF(formats); to++) {
            use_options(f->context,
                        (fmgcam_options){.color_map = map,
                                         .resample = FMGCAM_RESAMPLE_BILINEAR});
            check_heatmap(f->context, &s, &formats[to]);
            for (size_t from = 0; from < COUNT_OF(formats); from++)
                check_overlay(f->context, &s, &formats[from], &formats[to]);
        }
}

static void test_grey_frames_stay_as_they_are_without_evidence(void **state)
{
    fixture *f = *state;
    static const float none[H * W] = {0};
    fmgcam_tensor maps = maps_view(none, (sizes){1, 1, H, W});
    fmgcam_layers layers = {.struct_size = sizeof layers, .maps = &maps};
    uint8_t levels[256], got[256];
    fmgcam_image from = {levels, 256, 256, 1, FMGCAM_PIXEL_GREY8, 0};
    fmgcam_image to = {got, 256, 256, 1, FMGCAM_PIXEL_GREY8, 0};

    for (size_t i = 0; i < 256; i++)
        levels[i] = (uint8_t)i;
    expect_ok(f->context, fmgcam_draw_overlay(f->context, &layers, &from, &to));
    assert_memory_equal(got, levels, 256);
}

static void test_one_memory_in_two_formats_is_refused(void **state)
{
    fixture *f = *state;
    float map[4] = {0, 1, 0, 1};
    uint8_t pixels[8 * 8 * 4] = {0};
    fmgcam_tensor maps = maps_view(map, (sizes){1, 1, 2, 2});
    fmgcam_layers layers = {.struct_size = sizeof layers, .maps = &maps};
    fmgcam_image from = {pixels, 32, 8, 8, FMGCAM_PIXEL_RGBA8, 0}, to = from;

    to.format = FMGCAM_PIXEL_BGRA8;
    expect_status(f->context,
                  fmgcam_draw_overlay(f->context, &layers, &from, &to),
                  FMGCAM_STATUS_ARGUMENT, "overlay");
    to.format = from.format;
    expect_ok(f->context, fmgcam_draw_overlay(f->context, &layers, &from, &to));
    /* Windows side by side in one frame, of different widths in bytes. */
    from = (fmgcam_image){pixels, 32, 4, 8, FMGCAM_PIXEL_RGBA8, 0};
    to = (fmgcam_image){pixels + 16, 32, 4, 8, FMGCAM_PIXEL_GREY8, 0};
    expect_ok(f->context, fmgcam_draw_overlay(f->context, &layers, &from, &to));
    /* The second one's rows reach into the first one's next rows. */
    from = (fmgcam_image){pixels, 32, 4, 7, FMGCAM_PIXEL_GREY8, 0};
    to = (fmgcam_image){pixels + 20, 32, 4, 7, FMGCAM_PIXEL_RGBA8, 0};
    expect_status(f->context,
                  fmgcam_draw_overlay(f->context, &layers, &from, &to),
                  FMGCAM_STATUS_ARGUMENT, "overlay");
    from = (fmgcam_image){pixels, 32, 4, 8, FMGCAM_PIXEL_RGBA8, 0};
    to = (fmgcam_image){pixels + 15, 32, 4, 8, FMGCAM_PIXEL_GREY8, 0};
    expect_status(f->context,
                  fmgcam_draw_overlay(f->context, &layers, &from, &to),
                  FMGCAM_STATUS_ARGUMENT, "overlay");
    /* Of different pitches nothing is known. */
    from = (fmgcam_image){pixels, 32, 4, 5, FMGCAM_PIXEL_RGBA8, 0};
    to = (fmgcam_image){pixels + 16, 48, 4, 5, FMGCAM_PIXEL_RGBA8, 0};
    expect_status(f->context,
                  fmgcam_draw_overlay(f->context, &layers, &from, &to),
                  FMGCAM_STATUS_ARGUMENT, "overlay");
    /* One row has no pitch. */
    from = (fmgcam_image){pixels, INT64_MIN, 4, 1, FMGCAM_PIXEL_RGBA8, 0};
    to = (fmgcam_image){pixels + 16, INT64_MIN, 4, 1, FMGCAM_PIXEL_RGBA8, 0};
    expect_ok(f->context, fmgcam_draw_overlay(f->context, &layers, &from, &to));
    to = (fmgcam_image){pixels + 16, 31, 4, 8, FMGCAM_PIXEL_RGBA8, 0};
    to.row_stride_bytes = 15;
    expect_status(f->context,
                  fmgcam_draw_overlay(f->context, &layers, &from, &to),
                  FMGCAM_STATUS_ARGUMENT, "row_stride_bytes: 15");
}

/* ---- Palettes ----------------------------------------------------------- */

static void test_palettes_have_names(void **state)
{
    static const struct {
        uint32_t palette, index;
        uint8_t rgb[3];
    } rows[] = {
        {0, 0, {213, 94, 0}},
        {FMGCAM_PALETTE_OKABE_ITO, 0, {213, 94, 0}},
        {FMGCAM_PALETTE_OKABE_ITO, 7, {153, 153, 153}},
        {FMGCAM_PALETTE_TOL, 0, {0x44, 0x77, 0xAA}},
        {FMGCAM_PALETTE_TOL, 1, {0xEE, 0x66, 0x77}},
        {FMGCAM_PALETTE_TOL, 2, {0x22, 0x88, 0x33}},
        {FMGCAM_PALETTE_TOL, 3, {0xCC, 0xBB, 0x44}},
        {FMGCAM_PALETTE_TOL, 4, {0x66, 0xCC, 0xEE}},
        {FMGCAM_PALETTE_TOL, 5, {0xAA, 0x33, 0x77}},
        {FMGCAM_PALETTE_TOL, 6, {0xBB, 0xBB, 0xBB}},
        {FMGCAM_PALETTE_RELEASED, 0, {255, 0, 0}},
        {FMGCAM_PALETTE_RELEASED, 1, {0, 255, 0}},
        {FMGCAM_PALETTE_RELEASED, 2, {0, 0, 255}},
        {FMGCAM_PALETTE_RELEASED, 3, {255, 255, 0}},
        {FMGCAM_PALETTE_RELEASED, 4, {0, 255, 255}},
    };
    uint8_t got[3];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(
            fmgcam_palette_color(rows[i].palette, rows[i].index, got), 0);
        assert_memory_equal(got, rows[i].rgb, 3);
    }
    assert_int_equal(fmgcam_palette_color(4, 0, got), FMGCAM_STATUS_ARGUMENT);
    assert_int_equal(fmgcam_palette_color(1, 0, NULL), FMGCAM_STATUS_ARGUMENT);
}

/* After those with names every palette goes on the same way. */
static void test_palettes_never_end(void **state)
{
    static const uint32_t named[] = {0, 8, 7, 5};
    uint8_t one[3], other[3];

    (void)state;
    for (uint32_t i = 0; i < 300; i++) {
        fmgcam_palette_color(1, named[1] + i, one);
        for (uint32_t palette = 2; palette <= 3; palette++) {
            fmgcam_palette_color(palette, named[palette] + i, other);
            assert_memory_equal(one, other, 3);
        }
    }
}

/* One full cell for each class, side by side. */
static void draw_full_cells(fmgcam_context *context, const uint32_t *classes,
                            const uint8_t *colors, uint8_t rgb[3 * K])
{
    float maps[K * K] = {0};
    fmgcam_tensor tensor = maps_view(maps, (sizes){K, 1, 1, K});
    fmgcam_layers layers = {.struct_size = sizeof layers,
                            .maps = &tensor,
                            .signed_maps = &tensor,
                            .classes = classes,
                            .colors = colors};
    fmgcam_image image = {rgb, 3 * K, K, 1, 0, 0};

    for (size_t k = 0; k < K; k++)
        maps[k * K + k] = 1;
    expect_ok(context, fmgcam_draw_heatmap(context, &layers, &image));
}

static void test_a_class_keeps_its_colour_whatever_its_rank(void **state)
{
    fixture *f = *state;
    static const uint32_t orders[][K] = {{281, 5, 999, 0}, {0, 999, 281, 5}};
    uint8_t got[3 * K], want[3];

    for (uint32_t palette = 0; palette <= 3; palette++)
        for (uint32_t fuse_at = 1; fuse_at <= 2; fuse_at++) {
            use_options(f->context,
                        (fmgcam_options){.palette = palette,
                                         .fuse_at = fuse_at,
                                         .resample = FMGCAM_RESAMPLE_NEAREST});
            for (size_t i = 0; i < COUNT_OF(orders); i++) {
                draw_full_cells(f->context, orders[i], NULL, got);
                for (size_t k = 0; k < K; k++) {
                    fmgcam_palette_color(palette, orders[i][k], want);
                    assert_memory_equal(got + 3 * k, want, 3);
                }
            }
        }
}

static void test_colours_of_the_caller_come_first(void **state)
{
    fixture *f = *state;
    static const uint32_t classes[K] = {9, 8, 7, 6};
    static const uint8_t colors[3 * K] = {1, 2, 3, 4,  5,  6,
                                          7, 8, 9, 10, 11, 12};
    uint8_t got[3 * K];

    use_options(f->context, (fmgcam_options){.resample = 1, .palette = 2});
    draw_full_cells(f->context, classes, colors, got);
    assert_memory_equal(got, colors, sizeof got);
}

/* ---- Colour maps -------------------------------------------------------- */

/* Of the 256 colours that each is published as, some that are stops here and
 * some that lie between stops. */
static const struct anchor {
    uint32_t map;
    int index; /* of 255 */
    int rgb[3];
} anchors[] = {
    {FMGCAM_COLOR_MAP_VIRIDIS, 0, {68, 1, 84}},
    {FMGCAM_COLOR_MAP_VIRIDIS, 64, {58, 82, 139}},
    {FMGCAM_COLOR_MAP_VIRIDIS, 128, {32, 144, 140}},
    {FMGCAM_COLOR_MAP_VIRIDIS, 192, {94, 201, 97}},
    {FMGCAM_COLOR_MAP_VIRIDIS, 255, {253, 231, 36}},
    {FMGCAM_COLOR_MAP_MAGMA, 0, {0, 0, 3}},
    {FMGCAM_COLOR_MAP_MAGMA, 64, {80, 18, 123}},
    {FMGCAM_COLOR_MAP_MAGMA, 128, {182, 54, 121}},
    {FMGCAM_COLOR_MAP_MAGMA, 192, {251, 136, 97}},
    {FMGCAM_COLOR_MAP_MAGMA, 255, {251, 252, 191}},
    {FMGCAM_COLOR_MAP_TURBO, 0, {48, 18, 59}},
    {FMGCAM_COLOR_MAP_TURBO, 128, {164, 252, 60}},
    {FMGCAM_COLOR_MAP_TURBO, 255, {122, 4, 3}},
    {FMGCAM_COLOR_MAP_JET, 0, {0, 0, 127}},
    {FMGCAM_COLOR_MAP_JET, 255, {127, 0, 0}},
    {FMGCAM_COLOR_MAP_GREY, 0, {0, 0, 0}},
    {FMGCAM_COLOR_MAP_GREY, 51, {51, 51, 51}},
    {FMGCAM_COLOR_MAP_GREY, 255, {255, 255, 255}},
};

static void test_colour_maps_are_the_published_ones(void **state)
{
    uint8_t got[3];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(anchors); i++) {
        const struct anchor *a = &anchors[i];
        assert_int_equal(
            fmgcam_map_color(a->map, (float)a->index / 255.0f, got), 0);
        for (size_t c = 0; c < 3; c++)
            if (abs(got[c] - a->rgb[c]) > 1)
                fail_msg("map %u at %d, channel %zu: %u, want %d", a->map,
                         a->index, c, got[c], a->rgb[c]);
    }
}

/* A slip in a table of colours is a kink. The published ones turn by 6 levels at
 * most from stop to stop. */
static void test_colour_maps_have_no_kinks(void **state)
{
    (void)state;
    for (uint32_t map = FMGCAM_COLOR_MAP_VIRIDIS; map <= FMGCAM_COLOR_MAP_TURBO;
         map++)
        for (int i = 1; i < 51; i++) {
            uint8_t before[3], here[3], after[3];
            fmgcam_map_color(map, (float)(i - 1) / 51.0f, before);
            fmgcam_map_color(map, (float)i / 51.0f, here);
            fmgcam_map_color(map, (float)(i + 1) / 51.0f, after);
            for (size_t c = 0; c < 3; c++)
                if (abs(before[c] - 2 * here[c] + after[c]) > 6)
                    fail_msg("map %u, stop %d, channel %zu: %u %u %u", map, i,
                             c, before[c], here[c], after[c]);
        }
}

/* FNV-1a. */
static uint32_t add_to_digest(uint32_t digest, const uint8_t rgb[3])
{
    for (size_t c = 0; c < 3; c++)
        digest = (digest ^ rgb[c]) * 16777619u;
    return digest;
}

/* Pictures of one version are those of the next: no colour of any table, and of
 * those that follow it, is another by a single level. */
static void test_colours_are_those_of_the_first_version(void **state)
{
    static const uint32_t of_palettes[] = {0, 0x26772611, 0xc1c22ebc,
                                           0xe6af37a0};
    static const uint32_t of_maps[] = {0,          0,          0xa391f5bd,
                                       0xd6e04734, 0x12734fe4, 0x8be8b808,
                                       0x9e416810, 0x75fc6d61};
    uint8_t rgb[3];

    (void)state;
    for (uint32_t palette = 1; palette <= FMGCAM_PALETTE_RELEASED; palette++) {
        uint32_t digest = 2166136261u;
        for (uint32_t i = 0; i < 3000; i++) {
            fmgcam_palette_color(palette, i, rgb);
            digest = add_to_digest(digest, rgb);
        }
        assert_int_equal(digest, of_palettes[palette]);
    }
    for (uint32_t map = FMGCAM_COLOR_MAP_VIRIDIS;
         map <= FMGCAM_COLOR_MAP_DIVERGING; map++) {
        uint32_t digest = 2166136261u;
        int low = map == FMGCAM_COLOR_MAP_DIVERGING ? -2040 : 0;
        for (int i = low; i <= 2040; i++) { /* 40 steps between stops or more */
            fmgcam_map_color(map, (float)i / 2040.0f, rgb);
            digest = add_to_digest(digest, rgb);
        }
        assert_int_equal(digest, of_maps[map]);
    }
}

/* jet: each channel climbs, stays and falls along straight lines. */
static void test_jet_is_made_of_straight_lines(void **state)
{
    uint8_t got[3];

    (void)state;
    for (int i = 0; i <= 1000; i++) {
        float value = (float)i / 1000.0f;
        fmgcam_map_color(FMGCAM_COLOR_MAP_JET, value, got);
        for (int c = 0; c < 3; c++) {
            double want =
                fmin(fmax(1.5 - fabs(4 * (double)value - (3 - c)), 0), 1);
            /* Rounding, and the stops at 128 in place of 127.5. */
            assert_true(fabs(got[c] - 255 * want) <= 1 + 1e-3);
        }
    }
}

static void test_the_diverging_map_is_white_in_the_middle(void **state)
{
    uint8_t low[3], middle[3], high[3];

    (void)state;
    fmgcam_map_color(FMGCAM_COLOR_MAP_DIVERGING, -1, low);
    fmgcam_map_color(FMGCAM_COLOR_MAP_DIVERGING, 0, middle);
    fmgcam_map_color(FMGCAM_COLOR_MAP_DIVERGING, 1, high);
    assert_true(low[2] > low[0] && high[0] > high[2]);
    static const uint8_t brewer[11][3] = {
        {5, 48, 97},     {33, 102, 172},  {67, 147, 195},  {146, 197, 222},
        {209, 229, 240}, {247, 247, 247}, {253, 219, 199}, {244, 165, 130},
        {214, 96, 77},   {178, 24, 43},   {103, 0, 31}};
    for (int i = 0; i < 11; i++) {
        uint8_t got[3];
        fmgcam_map_color(FMGCAM_COLOR_MAP_DIVERGING, (float)(i - 5) / 5, got);
        for (size_t c = 0; c < 3; c++)
            assert_true(abs(got[c] - brewer[i][c]) <= 1);
    }
    assert_true(middle[0] == middle[1] && middle[1] == middle[2] &&
                middle[0] > 240);
}

static void test_values_out_of_range_have_no_colour(void **state)
{
    static const float bad[] = {-0.01f, 1.01f, NAN, INFINITY};
    uint8_t rgb[3];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(fmgcam_map_color(FMGCAM_COLOR_MAP_TURBO, bad[i], rgb),
                         FMGCAM_STATUS_ARGUMENT);
    assert_int_equal(fmgcam_map_color(FMGCAM_COLOR_MAP_DIVERGING, -1.01f, rgb),
                     FMGCAM_STATUS_ARGUMENT);
    assert_int_equal(fmgcam_map_color(0, 0, rgb), FMGCAM_STATUS_ARGUMENT);
    assert_int_equal(fmgcam_map_color(1, 0, rgb), FMGCAM_STATUS_ARGUMENT);
    assert_int_equal(fmgcam_map_color(8, 0, rgb), FMGCAM_STATUS_ARGUMENT);
    assert_int_equal(fmgcam_map_color(2, 0, NULL), FMGCAM_STATUS_ARGUMENT);
}

/* A cell for each value; picture 100 everywhere. */
static void check_ramp(fmgcam_context *context, fmgcam_options options,
                       const float *values, const double *shown, size_t count)
{
    uint8_t picture[3 * 16], heatmap[3 * 16];
    fmgcam_tensor tensor = maps_view(values, (sizes){1, 1, 1, (uint32_t)count});
    fmgcam_layers layers = {
        .struct_size = sizeof layers, .maps = &tensor, .signed_maps = &tensor};
    fmgcam_image under = {picture, 48, (uint32_t)count, 1, 0, 0};
    fmgcam_image out = {heatmap, 48, (uint32_t)count, 1, 0, 0};
    bool constant = options.blend == FMGCAM_BLEND_CONSTANT;

    options.resample = FMGCAM_RESAMPLE_NEAREST;
    options.alpha = 0.5f;
    use_options(context, options);
    memset(picture, 100, sizeof picture);
    expect_ok(context, fmgcam_draw_heatmap(context, &layers, &out));
    expect_ok(context, fmgcam_draw_overlay(context, &layers, &under, &under));
    for (size_t i = 0; i < count; i++) {
        uint8_t color[3];
        fmgcam_map_color(options.color_map, (float)shown[i], color);
        for (size_t c = 0; c < 3; c++) {
            double share = 0.5 * (constant ? 1 : fabs(shown[i]));
            double want = (1 - share) * 100 + share * color[c];
            assert_true(abs(heatmap[3 * i + c] - color[c]) <= 1);
            assert_true(fabs(picture[3 * i + c] - want) <= 1);
        }
    }
}

static void test_a_single_map_is_drawn_by_its_values(void **state)
{
    fixture *f = *state;
    static const float values[] = {-0.5f, 0, 0.1f, 0.25f, 0.6f, 1, 1.5f};
    static const double shown[] = {0, 0, 0.1, 0.25, 0.6, 1, 1};

    for (uint32_t map = FMGCAM_COLOR_MAP_VIRIDIS; map <= FMGCAM_COLOR_MAP_GREY;
         map++)
        for (uint32_t blend = 1; blend <= 2; blend++)
            check_ramp(f->context,
                       (fmgcam_options){.color_map = map, .blend = blend},
                       values, shown, COUNT_OF(values));
}

/* Fused at the picture, its evidence is scaled as that of any class. */
static void test_a_single_map_fused_at_the_picture(void **state)
{
    fixture *f = *state;
    static const float values[] = {-3, 0, 1, 2, 4};
    static const double shown[] = {0, 0, 0.25, 0.5, 1};

    check_ramp(f->context,
               (fmgcam_options){.color_map = FMGCAM_COLOR_MAP_MAGMA,
                                .fuse_at = FMGCAM_FUSE_AT_IMAGE},
               values, shown, COUNT_OF(values));
}

static void test_signed_maps_diverge(void **state)
{
    fixture *f = *state;
    static const float values[] = {-8, -2, 0, 1, 4};
    static const float tiny[] = {-8e-40f, -2e-40f, 0, 1e-40f, 4e-40f};
    static const float huge[] = {-3e38f, -0.75e38f, 0, 0.375e38f, 1.5e38f};
    static const float zeros[5] = {0};
    static const double shown[] = {-1, -0.25, 0, 0.125, 0.5};
    static const double clamped[] = {-1, -1, 0, 1, 1};
    static const double nothing[5] = {0};
    static const float small[] = {-0.5f, -0.125f, 0, 0.0625f, 0.25f};
    static const double as_they_are[] = {-0.5, -0.125, 0, 0.0625, 0.25};
    fmgcam_options options = {.color_map = FMGCAM_COLOR_MAP_DIVERGING};

    for (uint32_t fuse_at = 1; fuse_at <= 2; fuse_at++) {
        options.fuse_at = fuse_at;
        options.rescale = 0;
        check_ramp(f->context, options, values, shown, 5);
        check_ramp(f->context, options, tiny, shown, 5);
        check_ramp(f->context, options, huge, shown, 5);
        check_ramp(f->context, options, zeros, nothing, 5);
        options.rescale = FMGCAM_RESCALE_NONE;
        check_ramp(f->context, options, values, clamped, 5);
        check_ramp(f->context, options, small, as_they_are, 5);
    }
}

static void test_colour_maps_are_for_one_class(void **state)
{
    fixture *f = *state;
    float maps[8] = {0};
    uint8_t pixels[48];
    fmgcam_tensor tensor = maps_view(maps, (sizes){2, 1, 2, 2});
    fmgcam_layers layers = {.struct_size = sizeof layers, .maps = &tensor};
    fmgcam_image image = {pixels, 12, 4, 4, 0, 0};

    use_options(f->context, (fmgcam_options){.color_map = 2});
    expect_status(f->context, fmgcam_draw_heatmap(f->context, &layers, &image),
                  FMGCAM_STATUS_SHAPE, "layers.maps: 2 classes, expected 1");
    use_options(f->context, (fmgcam_options){.color_map = 7});
    expect_status(f->context, fmgcam_draw_heatmap(f->context, &layers, &image),
                  FMGCAM_STATUS_ARGUMENT, "layers.signed_maps: NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_every_format_shows_what_rgb_shows),
        fixture_test(test_colour_maps_know_every_format),
        fixture_test(test_grey_frames_stay_as_they_are_without_evidence),
        fixture_test(test_one_memory_in_two_formats_is_refused),
        cmocka_unit_test(test_palettes_have_names),
        cmocka_unit_test(test_palettes_never_end),
        fixture_test(test_a_class_keeps_its_colour_whatever_its_rank),
        fixture_test(test_colours_of_the_caller_come_first),
        cmocka_unit_test(test_colour_maps_are_the_published_ones),
        cmocka_unit_test(test_colour_maps_have_no_kinks),
        cmocka_unit_test(test_colours_are_those_of_the_first_version),
        cmocka_unit_test(test_jet_is_made_of_straight_lines),
        cmocka_unit_test(test_the_diverging_map_is_white_in_the_middle),
        cmocka_unit_test(test_values_out_of_range_have_no_colour),
        fixture_test(test_a_single_map_is_drawn_by_its_values),
        fixture_test(test_a_single_map_fused_at_the_picture),
        fixture_test(test_signed_maps_diverge),
        fixture_test(test_colour_maps_are_for_one_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
