/* SPDX-License-Identifier: MIT */
/* Stage 7: resampling, colours, blending, fusing at the map and at the
 * picture. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"
#include "support.h"

#define GAP 0xEE /* what bytes between rows hold */

static const uint32_t all_methods[] = {
    FMGCAM_RESAMPLE_NEAREST, FMGCAM_RESAMPLE_BILINEAR, FMGCAM_RESAMPLE_BICUBIC};

static size_t stack_of(sizes size)
{
    return (size_t)size.classes * size.height * size.width;
}

/* ---- Pictures ----------------------------------------------------------- */

typedef enum pitch { PITCH_TIGHT, PITCH_WIDE, PITCH_UPWARD, PITCH_COUNT } pitch;

typedef struct picture {
    guard memory;
    fmgcam_image image;
    int64_t row_bytes; /* distance of rows, positive */
} picture;

static uint8_t *pixel_row(const picture *p, uint32_t y)
{
    return (uint8_t *)p->image.data + (int64_t)y * p->image.row_stride_bytes;
}

static void picture_init(picture *p, uint32_t height, uint32_t width,
                         pitch kind, guard_side side)
{
    int64_t tight = (int64_t)width * 3;

    p->row_bytes = kind == PITCH_TIGHT ? tight : tight + 13;
    size_t bytes = (size_t)(p->row_bytes * (height - 1) + tight);
    guard_init(&p->memory, bytes, side);
    memset(p->memory.data, GAP, bytes);
    p->image = (fmgcam_image){.data = p->memory.data,
                              .row_stride_bytes = p->row_bytes,
                              .width = width,
                              .height = height};
    if (kind == PITCH_UPWARD) {
        p->image.data = (uint8_t *)p->memory.data + p->row_bytes * (height - 1);
        p->image.row_stride_bytes = -p->row_bytes;
    }
}

static void picture_fill(const picture *p, rng *r)
{
    for (uint32_t y = 0; y < p->image.height; y++)
        for (uint32_t i = 0; i < 3 * p->image.width; i++)
            pixel_row(p, y)[i] = (uint8_t)rng_next(r);
}

static void picture_copy(const picture *to, const picture *from)
{
    for (uint32_t y = 0; y < from->image.height; y++)
        memcpy(pixel_row(to, y), pixel_row(from, y), 3u * from->image.width);
}

static bool picture_equal(const picture *a, const picture *b)
{
    for (uint32_t y = 0; y < a->image.height; y++)
        if (memcmp(pixel_row(a, y), pixel_row(b, y), 3u * a->image.width))
            return false;
    return true;
}

/* Nothing but pixels was written. */
static bool picture_intact(const picture *p)
{
    const uint8_t *byte = p->memory.data;
    int64_t tight = 3 * (int64_t)p->image.width;

    for (size_t i = 0; i < p->memory.bytes; i++)
        if ((int64_t)i % p->row_bytes >= tight && byte[i] != GAP)
            return false;
    return guard_intact(&p->memory);
}

static void picture_free(picture *p)
{
    guard_free(&p->memory);
}

/* ---- Resampling --------------------------------------------------------- */

static void resample(fmgcam_context *context, const fmgcam_tensor *maps,
                     uint32_t height, uint32_t width, float *out)
{
    fmgcam_buffer buffer =
        float_buffer(out, (size_t)maps->shape[0] * height * width);

    expect_ok(context,
              fmgcam_resample_maps(context, maps, height, width, &buffer));
}

/* from and to: up, down, both, neither, to one cell and from one. */
static const uint32_t resizes[][4] = {
    {7, 7, 56, 56},   {7, 7, 224, 160}, {7, 9, 100, 75}, {14, 14, 15, 13},
    {33, 31, 8, 5},   {33, 31, 64, 5},  {17, 3, 1, 1},   {1, 1, 9, 17},
    {1, 9, 31, 40},   {9, 1, 2, 50},    {2, 2, 3, 3},    {7, 7, 7, 7},
    {224, 200, 7, 9}, {7, 7, 1, 640},   {7, 7, 1, 67},   {3, 5, 300, 2}};

static void check_resample(fmgcam_context *context, const uint32_t *resize,
                           uint32_t method, float scale)
{
    const sizes size = {.classes = 2, .height = resize[0], .width = resize[1]};
    uint32_t height = resize[2], width = resize[3];
    size_t cells = stack_of(size) / 2, pixels = (size_t)height * width;
    float *maps = make_floats(stack_of(size)), *got = make_floats(2 * pixels);
    double *want = make_doubles(pixels), *bound = make_doubles(pixels);
    fmgcam_tensor view = maps_view(maps, size);
    rng r;

    rng_init(&r, 30 + resize[0] * resize[3]);
    for (size_t i = 0; i < stack_of(size); i++)
        maps[i] = rng_uniform(&r, -1, 1) * scale;
    use_options(context, (fmgcam_options){.resample = method});
    resample(context, &view, height, width, got);
    for (size_t k = 0; k < 2; k++) {
        double *map = widen(maps + k * cells, cells);
        double n = oracle_resample(map, size.height, size.width, height, width,
                                   method, want, bound);
        for (size_t i = 0; i < pixels; i++)
            bound[i] = float_gamma(n) * bound[i] + (n > 0 ? n * FLOAT_TINY : 0);
        expect_within("resampled", got + k * pixels, want, bound, pixels);
        free(map);
    }
    free(maps);
    free(got);
    free(want);
    free(bound);
}

static void test_resampling_matches_pillow_in_double(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(resizes); i++)
        for (size_t m = 0; m < COUNT_OF(all_methods); m++) {
            check_resample(f->context, resizes[i], all_methods[m], 1);
            check_resample(f->context, resizes[i], all_methods[m], 1e-30f);
        }
}

static void test_resampling_of_numbers_worked_out_by_hand(void **state)
{
    fixture *f = *state;
    const float x[2] = {0, 1};
    fmgcam_tensor view =
        maps_view(x, (sizes){.classes = 1, .height = 1, .width = 2});
    /* Two cells to four: centres at -1/4, 1/4, 3/4, 5/4 cells from the first.
     * The cubic's values at 1/4, 3/4 and 5/4 are 111/128, 29/128 and -9/128;
     * what falls off the border is made up by dividing by the rest. */
    const float nearest[4] = {0, 0, 1, 1}, bilinear[4] = {0, .25f, .75f, 1};
    const double cubic[4] = {-9. / 102, 29. / 140, 111. / 140, 111. / 102};
    /* 3 taps in both axes together: 9 roundings of at most 120/102 < 2. */
    const double bound[4] = {18 * FLOAT_ROUNDOFF, 18 * FLOAT_ROUNDOFF,
                             18 * FLOAT_ROUNDOFF, 18 * FLOAT_ROUNDOFF};
    float got[4];

    use_options(f->context,
                (fmgcam_options){.resample = FMGCAM_RESAMPLE_NEAREST});
    resample(f->context, &view, 1, 4, got);
    expect_same_values("nearest", got, nearest, 4);
    use_options(f->context,
                (fmgcam_options){.resample = FMGCAM_RESAMPLE_BILINEAR});
    resample(f->context, &view, 1, 4, got);
    expect_same_values("bilinear", got, bilinear, 4);
    use_options(f->context,
                (fmgcam_options){.resample = FMGCAM_RESAMPLE_BICUBIC});
    resample(f->context, &view, 1, 4, got);
    expect_within("bicubic", got, cubic, bound, 4);
}

static void test_nearest_takes_the_cell_under_the_centre(void **state)
{
    fixture *f = *state;
    float x[40], got[120];

    use_options(f->context,
                (fmgcam_options){.resample = FMGCAM_RESAMPLE_NEAREST});
    for (uint32_t from = 1; from <= 40; from++)
        for (uint32_t to = 1; to <= 120; to++) {
            fmgcam_tensor view =
                maps_view(x, (sizes){.classes = 1, .height = 1, .width = from});
            for (uint32_t i = 0; i < from; i++)
                x[i] = (float)i;
            resample(f->context, &view, 1, to, got);
            for (uint32_t i = 0; i < to; i++)
                assert_int_equal((uint32_t)got[i],
                                 (2 * i + 1) * from / (2 * to));
        }
}

static void test_resampling_to_the_same_size_changes_no_bit(void **state)
{
    fixture *f = *state;
    const sizes all[] = {{1, 0, 1, 1},   {3, 0, 1, 9},  {2, 0, 9, 1},
                         {5, 0, 7, 7},   {2, 0, 7, 9},  {3, 0, 14, 14},
                         {2, 0, 33, 31}, {1, 0, 67, 51}};
    rng r;

    rng_init(&r, 31);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        for (size_t m = 0; m < COUNT_OF(all_methods); m++) {
            size_t count = stack_of(all[i]);
            float *maps = make_floats(count), *got = make_floats(count);
            fmgcam_tensor view = maps_view(maps, all[i]);
            rng_fill(&r, maps, count, -1, 1);
            use_options(f->context,
                        (fmgcam_options){.resample = all_methods[m]});
            resample(f->context, &view, all[i].height, all[i].width, got);
            expect_same_bits("resampled", got, maps, count);
            free(maps);
            free(got);
        }
}

/* All taps of a pixel add up to 1 within (t + 2) u per axis, times the bound of
 * adding them up: what oracle_resample() counts, for sum |tap|. */
static void test_a_constant_map_stays_constant(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < COUNT_OF(resizes); i++)
        for (size_t m = 0; m < COUNT_OF(all_methods); m++) {
            uint32_t h = resizes[i][0], w = resizes[i][1];
            size_t cells = (size_t)h * w;
            size_t pixels = (size_t)resizes[i][2] * resizes[i][3];
            float *x = make_floats(cells), *got = make_floats(pixels);
            double *want = make_doubles(pixels), *bound = make_doubles(pixels);
            fmgcam_tensor view =
                maps_view(x, (sizes){.classes = 1, .height = h, .width = w});

            for (size_t s = 0; s < cells; s++)
                x[s] = 0.7f;
            use_options(f->context,
                        (fmgcam_options){.resample = all_methods[m]});
            resample(f->context, &view, resizes[i][2], resizes[i][3], got);
            double *map = widen(x, cells);
            double n = oracle_resample(map, h, w, resizes[i][2], resizes[i][3],
                                       all_methods[m], want, bound);
            for (size_t s = 0; s < pixels; s++) {
                want[s] = (double)0.7f;
                bound[s] = float_gamma(n + 1) * bound[s];
            }
            expect_within("constant", got, want, bound, pixels);
            free(map);
            free(x);
            free(got);
            free(want);
            free(bound);
        }
}

static void test_resampled_maps_of_any_layout_have_the_same_bits(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 3, .height = 7, .width = 9};
    float maps[189], want[3 * 20 * 30], got[3 * 20 * 30];
    rng r;

    rng_init(&r, 32);
    rng_fill(&r, maps, 189, -1, 1);
    round_to_half(maps, 189);
    fmgcam_tensor view = maps_view(maps, size);
    resample(f->context, &view, 20, 30, want);
    for (int layout = 0; layout < LAYOUT_COUNT; layout++)
        for (uint32_t dtype = 1; dtype <= 2; dtype++) {
            stored s;
            store_maps(&s, size, maps, dtype, (tensor_layout)layout);
            resample(f->context, &s.tensor, 20, 30, got);
            expect_same_bits("resampled", got, want, COUNT_OF(want));
            store_free(&s);
        }
}

/* ---- Colours ------------------------------------------------------------ */

static void test_the_first_colours_are_documented(void **state)
{
    static const uint8_t want[8][3] = {
        {213, 94, 0},    {86, 180, 233}, {240, 228, 66}, {0, 158, 115},
        {204, 121, 167}, {0, 114, 178},  {230, 159, 0},  {153, 153, 153}};
    uint8_t got[3];

    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        fmgcam_palette_color(0, i, got);
        assert_memory_equal(got, want[i], 3);
    }
    assert_int_equal(fmgcam_palette_color(0, 0, NULL), FMGCAM_STATUS_ARGUMENT);
}

static void test_the_first_256_colours_all_differ(void **state)
{
    uint8_t colors[256][3];

    (void)state;
    for (uint32_t i = 0; i < 256; i++) {
        fmgcam_palette_color(0, i, colors[i]);
        for (uint32_t j = 0; j < i; j++)
            assert_memory_not_equal(colors[i], colors[j], 3);
    }
}

static void test_any_index_has_a_colour_and_keeps_it(void **state)
{
    const uint32_t indices[] = {8, 255, 256, 1000, 65536, UINT32_MAX};
    uint8_t first[3], again[3];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(indices); i++) {
        memset(first, 1, 3);
        memset(again, 2, 3);
        fmgcam_palette_color(0, indices[i], first);
        fmgcam_palette_color(0, 7, again);
        fmgcam_palette_color(0, indices[i], again);
        assert_memory_equal(first, again, 3);
    }
}

static uint8_t *palette(uint32_t classes)
{
    uint8_t *colors = make_array(classes, 3);

    for (uint32_t k = 0; k < classes; k++)
        fmgcam_palette_color(0, k, colors + 3 * k);
    return colors;
}

/* ---- Drawing against the oracle ----------------------------------------- */

typedef struct scene {
    sizes size;
    uint32_t height, width;
    float *maps; /* N in 0...1, at most one class a cell */
    float *signed_maps;
    uint8_t *colors; /* the palette */
} scene;

static void scene_init(scene *s, rng *r, sizes size, uint32_t height,
                       uint32_t width)
{
    size_t cells = (size_t)size.height * size.width;

    s->size = size;
    s->height = height;
    s->width = width;
    s->maps = make_floats(stack_of(size));
    s->signed_maps = make_floats(stack_of(size));
    s->colors = palette(size.classes);
    rng_fill(r, s->signed_maps, stack_of(size), -1, 0.5f);
    for (size_t i = 0; i < cells; i++) {
        uint32_t k = rng_below(r, size.classes + 1);
        if (k < size.classes)
            s->maps[k * cells + i] = rng_uniform(r, 0, 1);
    }
}

static void scene_free(scene *s)
{
    free(s->maps);
    free(s->signed_maps);
    free(s->colors);
}

static void scene_paint(const scene *s, uint32_t fuse_at, uint32_t method,
                        const uint8_t *colors, oracle_canvas *canvas)
{
    double *scales = make_doubles(s->size.classes);

    if (fuse_at == FMGCAM_FUSE_AT_IMAGE) {
        oracle_image_scales(s->signed_maps, s->size.classes,
                            (size_t)s->size.height * s->size.width,
                            FMGCAM_NORMALIZE_L2, FMGCAM_RESCALE_STACK, scales);
        oracle_paint_at_image(canvas, s->signed_maps, scales, s->size.classes,
                              s->size.height, s->size.width, s->height,
                              s->width, method, colors);
    } else {
        oracle_paint_at_map(canvas, s->maps, s->size.classes, s->size.height,
                            s->size.width, s->height, s->width, method, colors);
    }
    free(scales);
}

/* blend 0: no picture below. */
static void check_drawn(const oracle_canvas *canvas, uint32_t blend,
                        double alpha, const picture *under,
                        const picture *drawn)
{
    const uint8_t black[3] = {0};

    for (uint32_t y = 0; y < drawn->image.height; y++)
        for (uint32_t x = 0; x < drawn->image.width; x++) {
            size_t at = (size_t)y * canvas->width + x;
            const oracle_paint *paint = &canvas->paints[at * canvas->choices];
            const uint8_t *below = under ? pixel_row(under, y) + 3 * x : black;
            const uint8_t *got = pixel_row(drawn, y) + 3 * x;
            bool right = false;

            for (size_t i = 0; i < canvas->count[at] && !right; i++)
                right = oracle_accepts(&paint[i], 0, blend, alpha, below[0],
                                       got[0]) &&
                        oracle_accepts(&paint[i], 1, blend, alpha, below[1],
                                       got[1]) &&
                        oracle_accepts(&paint[i], 2, blend, alpha, below[2],
                                       got[2]);
            if (!right)
                fail_msg("pixel [%u,%u] of %zu x %zu is (%d,%d,%d) over "
                         "(%d,%d,%d); C is (%.6f,%.6f,%.6f), e %.6f",
                         y, x, canvas->height, canvas->width, got[0], got[1],
                         got[2], below[0], below[1], below[2], paint->color[0],
                         paint->color[1], paint->color[2], paint->evidence);
        }
}

static void draw_heatmap(fmgcam_context *context, const fmgcam_layers *layers,
                         const picture *out)
{
    expect_ok(context, fmgcam_draw_heatmap(context, layers, &out->image));
}

static void draw_overlay(fmgcam_context *context, const fmgcam_layers *layers,
                         const picture *under, const picture *out)
{
    expect_ok(context,
              fmgcam_draw_overlay(context, layers, &under->image, &out->image));
}

static void check_scene(fmgcam_context *context, const scene *s, rng *r,
                        uint32_t fuse_at, uint32_t method, pitch kind)
{
    fmgcam_tensor maps = maps_view(s->maps, s->size);
    fmgcam_tensor signed_maps = maps_view(s->signed_maps, s->size);
    fmgcam_layers layers = {.struct_size = sizeof layers};
    picture under, out;
    oracle_canvas canvas;

    /* Only what is needed. */
    if (fuse_at == FMGCAM_FUSE_AT_IMAGE)
        layers.signed_maps = &signed_maps;
    else
        layers.maps = &maps;
    picture_init(&under, s->height, s->width, (pitch)((kind + 1) % PITCH_COUNT),
                 GUARD_AT_END);
    picture_init(&out, s->height, s->width, kind, GUARD_AT_END);
    picture_fill(&under, r);
    scene_paint(s, fuse_at, method, s->colors, &canvas);

    use_options(context,
                (fmgcam_options){.fuse_at = fuse_at, .resample = method});
    draw_heatmap(context, &layers, &out);
    check_drawn(&canvas, 0, 1, NULL, &out);
    for (uint32_t blend = 1; blend <= 2; blend++) {
        use_options(context, (fmgcam_options){.fuse_at = fuse_at,
                                              .resample = method,
                                              .blend = blend,
                                              .alpha = 0.35f});
        draw_overlay(context, &layers, &under, &out);
        check_drawn(&canvas, blend, (double)0.35f, &under, &out);
    }
    assert_true(picture_intact(&out));
    assert_true(picture_intact(&under));
    oracle_canvas_free(&canvas);
    picture_free(&under);
    picture_free(&out);
}

static const struct {
    sizes size;
    uint32_t height, width;
} draw_sizes[] = {
    {{1, 0, 7, 7}, 56, 56},    {{5, 0, 7, 7}, 96, 131}, {{3, 0, 7, 9}, 64, 48},
    {{2, 0, 14, 14}, 33, 200}, {{5, 0, 33, 31}, 8, 5},  {{9, 0, 17, 3}, 40, 40},
    {{17, 0, 7, 7}, 30, 31},   {{33, 0, 5, 4}, 24, 19}, {{3, 0, 1, 1}, 5, 7},
    {{3, 0, 7, 7}, 1, 1},      {{2, 0, 1, 9}, 1, 67},   {{2, 0, 9, 1}, 67, 1},
    {{4, 0, 7, 7}, 7, 7},      {{3, 0, 33, 31}, 1, 1}};

static void check_all_scenes(fmgcam_context *context, uint32_t fuse_at)
{
    for (size_t i = 0; i < COUNT_OF(draw_sizes); i++)
        for (size_t m = 0; m < COUNT_OF(all_methods); m++) {
            scene s;
            rng r;

            rng_init(&r, 40 + i);
            scene_init(&s, &r, draw_sizes[i].size, draw_sizes[i].height,
                       draw_sizes[i].width);
            check_scene(context, &s, &r, fuse_at, all_methods[m],
                        (pitch)((i + m) % PITCH_COUNT));
            scene_free(&s);
        }
}

static void test_pictures_fused_at_the_map_match_the_oracle(void **state)
{
    fixture *f = *state;
    check_all_scenes(f->context, FMGCAM_FUSE_AT_MAP);
}

static void test_pictures_fused_at_the_image_match_the_oracle(void **state)
{
    fixture *f = *state;
    check_all_scenes(f->context, FMGCAM_FUSE_AT_IMAGE);
}

/* Every width around the width of a vector, flush with the pages' ends. */
static void test_every_width_stays_within_its_pages(void **state)
{
    fixture *f = *state;

    for (uint32_t width = 1; width <= 67; width++)
        for (int side = GUARD_AT_START; side <= GUARD_AT_END; side++)
            for (uint32_t fuse = 1; fuse <= 2; fuse++) {
                scene s;
                picture under, out;
                oracle_canvas canvas;
                rng r;

                rng_init(&r, 50 + width);
                scene_init(&s, &r,
                           (sizes){.classes = 3, .height = 2, .width = 3}, 2,
                           width);
                fmgcam_tensor maps = maps_view(s.maps, s.size);
                fmgcam_tensor signed_maps = maps_view(s.signed_maps, s.size);
                fmgcam_layers layers = {.struct_size = sizeof layers,
                                        .maps = &maps,
                                        .signed_maps = &signed_maps};
                picture_init(&under, 2, width, PITCH_TIGHT, (guard_side)side);
                picture_init(&out, 2, width, PITCH_TIGHT, (guard_side)side);
                picture_fill(&under, &r);
                use_options(f->context, (fmgcam_options){.fuse_at = fuse});
                draw_overlay(f->context, &layers, &under, &out);
                scene_paint(&s, fuse, FMGCAM_RESAMPLE_BICUBIC, s.colors,
                            &canvas);
                check_drawn(&canvas, FMGCAM_BLEND_EVIDENCE, (double)0.6f,
                            &under, &out);
                assert_true(picture_intact(&out) && picture_intact(&under));
                oracle_canvas_free(&canvas);
                picture_free(&under);
                picture_free(&out);
                scene_free(&s);
            }
}

/* Maps of any kind, not only of one class a cell: sums beyond 255 are clamped,
 * and e beyond 1. */
static void test_overshoot_is_kept_until_the_clamp(void **state)
{
    fixture *f = *state;
    scene s;
    rng r;

    rng_init(&r, 33);
    for (int pass = 0; pass < 6; pass++) {
        scene_init(&s, &r, (sizes){.classes = 4, .height = 6, .width = 5}, 37,
                   41);
        rng_fill(&r, s.maps, stack_of(s.size), -1, 2);
        check_scene(f->context, &s, &r, FMGCAM_FUSE_AT_MAP,
                    all_methods[pass % 3], PITCH_TIGHT);
        scene_free(&s);
    }
}

/* Class maps of very different sizes, as logits and probabilities give. */
static void test_fusing_at_the_image_scales_each_class(void **state)
{
    fixture *f = *state;
    const float scales[] = {1e-12f, 1e-30f, 1e-42f, 1e30f};

    for (size_t j = 0; j < COUNT_OF(scales); j++)
        for (size_t m = 0; m < 2; m++) {
            scene s;
            rng r;

            rng_init(&r, 34 + j);
            scene_init(&s, &r, (sizes){.classes = 3, .height = 7, .width = 7},
                       50, 60);
            /* Nearest and bilinear: their bound does not count underflow. */
            for (size_t i = 0; i < stack_of(s.size); i++)
                s.signed_maps[i] *= scales[j];
            if (scales[j] > 1e-40f || m == 0)
                check_scene(f->context, &s, &r, FMGCAM_FUSE_AT_IMAGE,
                            all_methods[m], PITCH_TIGHT);
            scene_free(&s);
        }
}

/* Equal maps tie in every pixel: all of it belongs to the first. */
static void test_fusing_at_the_image_ties_to_the_lowest_rank(void **state)
{
    fixture *f = *state;
    const sizes size = {.classes = 3, .height = 5, .width = 5};
    scene s;
    picture out;
    oracle_canvas canvas;
    double scale;
    rng r;

    rng_init(&r, 35);
    scene_init(&s, &r, size, 40, 44);
    for (size_t i = 25; i < 75; i++)
        s.signed_maps[i] = s.signed_maps[i % 25];
    fmgcam_tensor view = maps_view(s.signed_maps, size);
    fmgcam_layers layers = {.struct_size = sizeof layers, .signed_maps = &view};
    picture_init(&out, 40, 44, PITCH_TIGHT, GUARD_AT_END);
    for (size_t m = 0; m < COUNT_OF(all_methods); m++) {
        use_options(f->context,
                    (fmgcam_options){.fuse_at = FMGCAM_FUSE_AT_IMAGE,
                                     .resample = all_methods[m]});
        draw_heatmap(f->context, &layers, &out);
        oracle_image_scales(s.signed_maps, 1, 25, FMGCAM_NORMALIZE_L2,
                            FMGCAM_RESCALE_STACK, &scale);
        oracle_paint_at_image(&canvas, s.signed_maps, &scale, 1, 5, 5, 40, 44,
                              all_methods[m], s.colors);
        check_drawn(&canvas, 0, 1, NULL, &out);
        oracle_canvas_free(&canvas);
    }
    picture_free(&out);
    scene_free(&s);
}

static void test_fusing_at_the_image_follows_normalize_and_rescale(void **state)
{
    fixture *f = *state;
    scene s;
    picture out;
    rng r;

    rng_init(&r, 64);
    scene_init(&s, &r, (sizes){.classes = 4, .height = 7, .width = 7}, 51, 46);
    for (size_t i = 0; i < stack_of(s.size); i++) /* of different strength */
        s.signed_maps[i] *= ldexpf(1, 2 - (int)(i / 49));
    fmgcam_tensor view = maps_view(s.signed_maps, s.size);
    fmgcam_layers layers = {.struct_size = sizeof layers, .signed_maps = &view};
    picture_init(&out, 51, 46, PITCH_TIGHT, GUARD_AT_END);
    for (uint32_t option = 0; option < 3 * 3; option++) {
        uint32_t normalize = 1 + option % 3, rescale = 1 + option / 3;
        oracle_canvas canvas;
        double scales[4];

        use_options(f->context,
                    (fmgcam_options){.fuse_at = FMGCAM_FUSE_AT_IMAGE,
                                     .normalize = normalize,
                                     .rescale = rescale});
        draw_heatmap(f->context, &layers, &out);
        oracle_image_scales(s.signed_maps, 4, 49, normalize, rescale, scales);
        oracle_paint_at_image(&canvas, s.signed_maps, scales, 4, 7, 7, 51, 46,
                              FMGCAM_RESAMPLE_BICUBIC, s.colors);
        check_drawn(&canvas, 0, 1, NULL, &out);
        oracle_canvas_free(&canvas);
    }
    picture_free(&out);
    scene_free(&s);
}

/* Each pixel is a multiple of one colour. */
static void test_fusing_at_the_image_never_mixes_colours(void **state)
{
    fixture *f = *state;
    const uint8_t colors[9] = {255, 0, 0, 0, 255, 0, 0, 0, 255};
    scene s;
    picture out;
    rng r;

    rng_init(&r, 36);
    scene_init(&s, &r, (sizes){.classes = 3, .height = 7, .width = 7}, 64, 64);
    fmgcam_tensor view = maps_view(s.signed_maps, s.size);
    fmgcam_layers layers = {
        .struct_size = sizeof layers, .signed_maps = &view, .colors = colors};
    picture_init(&out, 64, 64, PITCH_TIGHT, GUARD_AT_END);
    use_options(f->context, (fmgcam_options){.fuse_at = FMGCAM_FUSE_AT_IMAGE});
    draw_heatmap(f->context, &layers, &out);
    for (uint32_t y = 0; y < 64; y++)
        for (uint32_t x = 0; x < 64; x++) {
            const uint8_t *p = pixel_row(&out, y) + 3 * x;
            assert_true((p[0] > 0) + (p[1] > 0) + (p[2] > 0) <= 1);
        }
    picture_free(&out);
    scene_free(&s);
}

/* ---- What does not change a picture ------------------------------------- */

static void check_unchanged(fmgcam_context *context, const scene *s, rng *r)
{
    fmgcam_tensor maps = maps_view(s->maps, s->size);
    fmgcam_tensor signed_maps = maps_view(s->signed_maps, s->size);
    fmgcam_layers layers = {.struct_size = sizeof layers,
                            .maps = &maps,
                            .signed_maps = &signed_maps};
    picture under, out;

    picture_init(&under, s->height, s->width, PITCH_WIDE, GUARD_AT_START);
    picture_init(&out, s->height, s->width, PITCH_UPWARD, GUARD_AT_START);
    picture_fill(&under, r);
    draw_overlay(context, &layers, &under, &out);
    assert_true(picture_equal(&under, &out));
    assert_true(picture_intact(&out));
    picture_free(&under);
    picture_free(&out);
}

static void test_alpha_zero_leaves_the_picture(void **state)
{
    fixture *f = *state;
    scene s;
    rng r;

    rng_init(&r, 37);
    scene_init(&s, &r, (sizes){.classes = 3, .height = 7, .width = 7}, 50, 61);
    for (uint32_t fuse = 1; fuse <= 2; fuse++)
        for (uint32_t blend = 1; blend <= 2; blend++) {
            use_options(f->context,
                        (fmgcam_options){.flags = FMGCAM_OPTION_ALPHA_SET,
                                         .fuse_at = fuse,
                                         .blend = blend});
            check_unchanged(f->context, &s, &r);
        }
    scene_free(&s);
}

static void test_no_evidence_leaves_the_picture(void **state)
{
    fixture *f = *state;
    scene s;
    rng r;

    rng_init(&r, 38);
    scene_init(&s, &r, (sizes){.classes = 3, .height = 7, .width = 7}, 50, 61);
    for (size_t i = 0; i < stack_of(s.size); i++) {
        s.maps[i] = 0;
        s.signed_maps[i] = -fabsf(s.signed_maps[i]);
    }
    /* Bicubic can overshoot zero between negative cells of different depth, so
     * it is tried only where the maps are all zero. */
    for (uint32_t fuse = 1; fuse <= 2; fuse++)
        for (size_t m = 0; m < COUNT_OF(all_methods); m++) {
            use_options(f->context, (fmgcam_options){.fuse_at = fuse,
                                                     .resample = all_methods[m],
                                                     .alpha = 1});
            if (fuse == FMGCAM_FUSE_AT_MAP ||
                all_methods[m] != FMGCAM_RESAMPLE_BICUBIC)
                check_unchanged(f->context, &s, &r);
        }
    memset(s.signed_maps, 0, stack_of(s.size) * sizeof(float));
    use_options(f->context, (fmgcam_options){.fuse_at = FMGCAM_FUSE_AT_IMAGE});
    check_unchanged(f->context, &s, &r);
    scene_free(&s);
}

/* Without any positive cell q is 0 for every class, so nothing is shown even
 * where the resampled map overshoots zero. */
static void test_no_positive_cell_shows_nothing(void **state)
{
    fixture *f = *state;
    float m[9] = {-9, -9, -9, -9, -1e-3f, -9, -9, -9, -9};
    scene s = {.size = {.classes = 1, .height = 3, .width = 3},
               .height = 40,
               .width = 40,
               .maps = m,
               .signed_maps = m};
    rng r;

    rng_init(&r, 39);
    use_options(f->context, (fmgcam_options){.fuse_at = FMGCAM_FUSE_AT_IMAGE});
    check_unchanged(f->context, &s, &r);
}

static void test_drawing_in_place_is_the_same(void **state)
{
    fixture *f = *state;
    scene s;
    picture under, out;
    rng r;

    rng_init(&r, 60);
    scene_init(&s, &r, (sizes){.classes = 5, .height = 7, .width = 7}, 70, 91);
    fmgcam_tensor maps = maps_view(s.maps, s.size);
    fmgcam_tensor signed_maps = maps_view(s.signed_maps, s.size);
    fmgcam_layers layers = {.struct_size = sizeof layers,
                            .maps = &maps,
                            .signed_maps = &signed_maps};
    for (int kind = 0; kind < PITCH_COUNT; kind++)
        for (uint32_t fuse = 1; fuse <= 2; fuse++)
            for (uint32_t blend = 1; blend <= 2; blend++) {
                picture_init(&under, 70, 91, (pitch)kind, GUARD_AT_END);
                picture_init(&out, 70, 91, PITCH_TIGHT, GUARD_AT_END);
                picture_fill(&under, &r);
                use_options(f->context,
                            (fmgcam_options){.fuse_at = fuse, .blend = blend});
                draw_overlay(f->context, &layers, &under, &out);
                draw_overlay(f->context, &layers, &under, &under);
                assert_true(picture_equal(&under, &out));
                assert_true(picture_intact(&under));
                picture_free(&under);
                picture_free(&out);
            }
    scene_free(&s);
}

static void test_the_pitch_changes_no_pixel(void **state)
{
    fixture *f = *state;
    scene s;
    picture under[PITCH_COUNT], out[PITCH_COUNT];
    rng r;

    rng_init(&r, 61);
    scene_init(&s, &r, (sizes){.classes = 3, .height = 7, .width = 7}, 33, 35);
    fmgcam_tensor maps = maps_view(s.maps, s.size);
    fmgcam_layers layers = {.struct_size = sizeof layers, .maps = &maps};
    for (int kind = 0; kind < PITCH_COUNT; kind++) {
        picture_init(&under[kind], 33, 35, (pitch)kind, GUARD_AT_START);
        picture_init(&out[kind], 33, 35, (pitch)kind, GUARD_AT_START);
        if (kind == 0)
            picture_fill(&under[0], &r);
        else
            picture_copy(&under[kind], &under[0]);
        draw_overlay(f->context, &layers, &under[kind], &out[kind]);
        assert_true(picture_equal(&out[kind], &out[0]));
        assert_true(picture_equal(&under[kind], &under[0]));
    }
    for (int kind = 0; kind < PITCH_COUNT; kind++) {
        picture_free(&under[kind]);
        picture_free(&out[kind]);
    }
    scene_free(&s);
}

/* ---- Colours in pictures ------------------------------------------------ */

/* The same maps with empty classes after them: the picture stays. */
static void test_more_classes_change_no_colour(void **state)
{
    fixture *f = *state;
    scene s;
    picture few, many;
    float maps[12 * 49] = {0};
    rng r;

    rng_init(&r, 62);
    scene_init(&s, &r, (sizes){.classes = 3, .height = 7, .width = 7}, 30, 30);
    memcpy(maps, s.maps, 3 * 49 * sizeof(float));
    fmgcam_tensor view = maps_view(s.maps, s.size);
    fmgcam_layers layers = {.struct_size = sizeof layers, .maps = &view};
    picture_init(&few, 30, 30, PITCH_TIGHT, GUARD_AT_END);
    picture_init(&many, 30, 30, PITCH_TIGHT, GUARD_AT_END);
    draw_heatmap(f->context, &layers, &few);
    for (uint32_t k = 4; k <= 12; k++) {
        view = maps_view(maps, (sizes){.classes = k, .height = 7, .width = 7});
        draw_heatmap(f->context, &layers, &many);
        assert_true(picture_equal(&few, &many));
    }
    picture_free(&few);
    picture_free(&many);
    scene_free(&s);
}

/* One cell a class, each at full strength: its colour and nothing else. */
static void test_a_full_cell_shows_its_very_colour(void **state)
{
    fixture *f = *state;
    enum { CLASSES = 40 };
    static float maps[CLASSES * CLASSES];
    uint8_t custom[3 * CLASSES];
    uint8_t *colors = palette(CLASSES);
    const sizes size = {.classes = CLASSES, .height = 1, .width = CLASSES};
    picture out;

    for (uint32_t k = 0; k < CLASSES; k++)
        maps[k * CLASSES + k] = 1;
    for (uint32_t i = 0; i < 3 * CLASSES; i++)
        custom[i] = (uint8_t)(i * 37 + 11);
    fmgcam_tensor view = maps_view(maps, size);
    picture_init(&out, 1, CLASSES, PITCH_TIGHT, GUARD_AT_END);
    for (uint32_t fuse = 1; fuse <= 2; fuse++)
        for (int own = 0; own < 2; own++) {
            fmgcam_layers layers = {.struct_size = sizeof layers,
                                    .maps = &view,
                                    .signed_maps = &view,
                                    .colors = own ? custom : NULL};
            use_options(f->context,
                        (fmgcam_options){.fuse_at = fuse,
                                         .resample = FMGCAM_RESAMPLE_NEAREST});
            draw_heatmap(f->context, &layers, &out);
            assert_memory_equal(out.memory.data, own ? custom : colors,
                                3 * CLASSES);
            fmgcam_options full = {.fuse_at = fuse,
                                   .resample = FMGCAM_RESAMPLE_NEAREST,
                                   .alpha = 1};
            use_options(f->context, full);
            memset(out.memory.data, 200, 3 * CLASSES);
            draw_overlay(f->context, &layers, &out, &out);
            assert_memory_equal(out.memory.data, own ? custom : colors,
                                3 * CLASSES);
        }
    picture_free(&out);
    free(colors);
}

static void test_drawn_maps_of_any_layout_give_the_same_picture(void **state)
{
    fixture *f = *state;
    scene s;
    picture want, got;
    rng r;

    rng_init(&r, 63);
    scene_init(&s, &r, (sizes){.classes = 5, .height = 7, .width = 9}, 41, 43);
    round_to_half(s.maps, stack_of(s.size));
    round_to_half(s.signed_maps, stack_of(s.size));
    picture_init(&want, 41, 43, PITCH_TIGHT, GUARD_AT_END);
    picture_init(&got, 41, 43, PITCH_TIGHT, GUARD_AT_END);
    for (uint32_t fuse = 1; fuse <= 2; fuse++) {
        fmgcam_tensor maps = maps_view(s.maps, s.size);
        fmgcam_tensor signed_maps = maps_view(s.signed_maps, s.size);
        fmgcam_layers plain = {.struct_size = sizeof plain,
                               .maps = &maps,
                               .signed_maps = &signed_maps};
        use_options(f->context, (fmgcam_options){.fuse_at = fuse});
        draw_heatmap(f->context, &plain, &want);
        for (int layout = 0; layout < LAYOUT_COUNT; layout++)
            for (uint32_t dtype = 1; dtype <= 2; dtype++) {
                stored n, m;
                store_maps(&n, s.size, s.maps, dtype, (tensor_layout)layout);
                store_maps(&m, s.size, s.signed_maps, dtype,
                           (tensor_layout)layout);
                fmgcam_layers layers = {.struct_size = sizeof layers,
                                        .maps = &n.tensor,
                                        .signed_maps = &m.tensor};
                draw_heatmap(f->context, &layers, &got);
                assert_true(picture_equal(&want, &got));
                store_free(&n);
                store_free(&m);
            }
    }
    picture_free(&want);
    picture_free(&got);
    scene_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_resampling_matches_pillow_in_double),
        fixture_test(test_resampling_of_numbers_worked_out_by_hand),
        fixture_test(test_nearest_takes_the_cell_under_the_centre),
        fixture_test(test_resampling_to_the_same_size_changes_no_bit),
        fixture_test(test_a_constant_map_stays_constant),
        fixture_test(test_resampled_maps_of_any_layout_have_the_same_bits),
        cmocka_unit_test(test_the_first_colours_are_documented),
        cmocka_unit_test(test_the_first_256_colours_all_differ),
        cmocka_unit_test(test_any_index_has_a_colour_and_keeps_it),
        fixture_test(test_pictures_fused_at_the_map_match_the_oracle),
        fixture_test(test_pictures_fused_at_the_image_match_the_oracle),
        fixture_test(test_every_width_stays_within_its_pages),
        fixture_test(test_overshoot_is_kept_until_the_clamp),
        fixture_test(test_fusing_at_the_image_scales_each_class),
        fixture_test(test_fusing_at_the_image_ties_to_the_lowest_rank),
        fixture_test(test_fusing_at_the_image_follows_normalize_and_rescale),
        fixture_test(test_fusing_at_the_image_never_mixes_colours),
        fixture_test(test_alpha_zero_leaves_the_picture),
        fixture_test(test_no_evidence_leaves_the_picture),
        fixture_test(test_no_positive_cell_shows_nothing),
        fixture_test(test_drawing_in_place_is_the_same),
        fixture_test(test_the_pitch_changes_no_pixel),
        fixture_test(test_more_classes_change_no_colour),
        fixture_test(test_a_full_cell_shows_its_very_colour),
        fixture_test(test_drawn_maps_of_any_layout_give_the_same_picture),
    };
    return cmocka_run_group_tests_name("draw", tests, NULL, NULL);
}
