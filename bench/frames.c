/* SPDX-License-Identifier: MIT */
/* Stage 7 on frames of other formats, in a single map's colours, and around a
 * crop, beside the overlay of RGB by RGB. */
#include "bench.h"

#include "arrays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLASSES = 5,
    SIDE = 7,
    CELLS = SIDE * SIDE,
    WIDTH = 1920,
    HEIGHT = 1080
};

/* Bytes of a pixel, and which of them are red, green and blue. */
static const struct layout {
    const char *name;
    uint32_t bytes, channels[3];
} layouts[] = {
    [FMGCAM_PIXEL_RGB8] = {"RGB", 3, {0, 1, 2}},
    [FMGCAM_PIXEL_BGR8] = {"BGR", 3, {2, 1, 0}},
    [FMGCAM_PIXEL_RGBA8] = {"RGBA", 4, {0, 1, 2}},
    [FMGCAM_PIXEL_BGRA8] = {"BGRA", 4, {2, 1, 0}},
    [FMGCAM_PIXEL_GREY8] = {"grey", 1, {0, 0, 0}},
};

static const struct kind {
    uint32_t from, to, color_map;
    bool cropped;
} kinds[] = {
    {FMGCAM_PIXEL_BGR8, FMGCAM_PIXEL_BGR8, 0, false},
    {FMGCAM_PIXEL_RGBA8, FMGCAM_PIXEL_RGBA8, 0, false},
    {FMGCAM_PIXEL_BGRA8, FMGCAM_PIXEL_BGRA8, 0, false},
    {FMGCAM_PIXEL_GREY8, FMGCAM_PIXEL_GREY8, 0, false},
    {FMGCAM_PIXEL_GREY8, FMGCAM_PIXEL_RGB8, 0, false},
    {FMGCAM_PIXEL_BGRA8, FMGCAM_PIXEL_RGB8, 0, false},
    {FMGCAM_PIXEL_RGB8, FMGCAM_PIXEL_RGB8, FMGCAM_COLOR_MAP_VIRIDIS, false},
    {FMGCAM_PIXEL_RGB8, FMGCAM_PIXEL_RGB8, 0, true},
};

struct frame {
    fmgcam_context *context;
    fmgcam_tensor maps;
    fmgcam_geometry geometry;
    fmgcam_layers layers;
    fmgcam_image picture, out;
};

static void draw(void *job)
{
    struct frame *f = job;
    must(f->context,
         fmgcam_draw_overlay(f->context, &f->layers, &f->picture, &f->out));
}

/* The same grey picture, whatever the format. */
static fmgcam_image make_image(uint32_t format)
{
    const size_t bytes = layouts[format].bytes, pixels = WIDTH * HEIGHT;
    uint8_t *data = make_array(pixels * bytes, 1);
    for (size_t i = 0; i < pixels; i++)
        memset(data + i * bytes, (uint8_t)(i * 2654435761u >> 24), bytes);
    return (fmgcam_image){.data = data,
                          .row_stride_bytes = (int64_t)(WIDTH * bytes),
                          .width = WIDTH,
                          .height = HEIGHT,
                          .format = format};
}

static void frame_init(struct frame *f, const struct kind *kind,
                       const float *maps)
{
    const fmgcam_step steps[] = {
        {.kind = FMGCAM_STEP_RESIZE, .width = 256},
        {.kind = FMGCAM_STEP_CROP, .width = 224, .height = 224}};
    f->context = make_context((fmgcam_options){.color_map = kind->color_map});
    f->geometry = (fmgcam_geometry){.struct_size = sizeof f->geometry};
    must(f->context, fmgcam_find_geometry(f->context, WIDTH, HEIGHT, steps,
                                          kind->cropped ? 2 : 0, &f->geometry));
    fmgcam_tensor_maps(&f->maps, maps, kind->color_map ? 1 : CLASSES, SIDE,
                       SIDE);
    f->layers = (fmgcam_layers){.struct_size = sizeof f->layers,
                                .maps = &f->maps,
                                .geometry = &f->geometry};
    f->picture = make_image(kind->from);
    f->out = make_image(kind->to);
    draw(f);
}

static void frame_free(struct frame *f)
{
    fmgcam_destroy(f->context);
    free(f->picture.data);
    free(f->out.data);
}

/* Die where a colour differs from that of RGB by RGB. */
static void check(const struct frame *f, const struct frame *plain)
{
    const struct layout *layout = &layouts[f->out.format];
    const uint8_t *got = f->out.data, *want = plain->out.data;
    if (layout->bytes == 1 || f->maps.shape[0] == 1 || f->geometry.left > 0)
        return; /* other pictures, which the suite checks */
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        for (size_t c = 0; c < 3; c++)
            if (got[i * layout->bytes + layout->channels[c]] != want[3 * i + c])
                die("%s: pixel %zu differs from that of RGB", layout->name, i);
}

static void name_kind(const struct kind *kind, char *text, size_t size)
{
    snprintf(text, size, "%s to %s%s%s", layouts[kind->from].name,
             layouts[kind->to].name, kind->color_map ? ", viridis" : "",
             kind->cropped ? ", cropped" : "");
}

static void time_kind(struct bench *bench, const struct kind *kind,
                      const float *maps, struct frame *plain)
{
    struct frame frame;
    char name[40];
    name_kind(kind, name, sizeof name);
    frame_init(&frame, kind, maps);
    check(&frame, plain);
    struct rival rivals[] = {{.work = draw, .job = &frame},
                             {.work = draw, .job = plain}};
    time_rivals(bench, rivals, 2, 1);
    double ratio = paired_ratio(bench, &rivals[0], &rivals[1]);
    report(bench,
           json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:f}", "name", "frame",
                     "frame", name, "width", WIDTH, "height", HEIGHT, "ns",
                     rivals[0].ns, "plain_ns", rivals[1].ns, "plain_ratio",
                     ratio),
           "%-20s %9.1f us  RGB to RGB %9.1f us  %5.2f x", name,
           rivals[0].ns / 1e3, rivals[1].ns / 1e3, ratio);
    free_rivals(rivals, 2);
    frame_free(&frame);
}

void bench_frames(struct bench *bench)
{
    const struct kind rgb = {FMGCAM_PIXEL_RGB8, FMGCAM_PIXEL_RGB8, 0, false};
    float maps[CLASSES * CELLS] = {0};
    struct frame plain;
    for (size_t i = 0; i < CLASSES * CELLS; i++)
        if (i / CELLS == i % CLASSES)
            maps[i] = (bench->numbers[i] + 1) / 2;
    frame_init(&plain, &rgb, maps);
    headline(bench, "Stage 7 on other frames, 1920x1080, bicubic at map, "
                    "evidence, one thread");
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        time_kind(bench, &kinds[i], maps, &plain);
    frame_free(&plain);
}
