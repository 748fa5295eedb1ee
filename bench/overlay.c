/* SPDX-License-Identifier: MIT */
/* Stage 7 beside copying the picture; and all stages beside both floors. */
#include "bench.h"

#include "arrays.h"
#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 5, SIDE = 7, CELLS = SIDE * SIDE };
static const float alpha = 0.6f;

struct overlay {
    uint32_t width, height;
    uint32_t resample, fuse_at, blend;
    fmgcam_context *context;
    float maps[CLASSES * CELLS]; /* final ones, or signed */
    uint8_t colors[CLASSES][3];
    fmgcam_tensor tensor;
    fmgcam_layers layers;
    fmgcam_image picture, out;
    size_t bytes;
};

static const char *resample_name(const struct overlay *o)
{
    return o->resample == FMGCAM_RESAMPLE_BICUBIC ? "bicubic" : "bilinear";
}

static const char *place_name(const struct overlay *o)
{
    return o->fuse_at == FMGCAM_FUSE_AT_MAP ? "map" : "image";
}

static const char *blend_name(const struct overlay *o)
{
    return o->blend == FMGCAM_BLEND_EVIDENCE ? "evidence" : "constant";
}

static void draw(void *job)
{
    struct overlay *o = job;
    must(o->context,
         fmgcam_draw_overlay(o->context, &o->layers, &o->picture, &o->out));
}

static void copy_picture(void *job)
{
    struct overlay *o = job;
    memcpy(o->out.data, o->picture.data, o->bytes);
    sink = (float)((uint8_t *)o->out.data)[o->bytes - 1];
}

/* Maps as they come: one class a cell. Signed ones have no such cells. */
static void fill_maps(const struct bench *bench, struct overlay *o)
{
    bool at_map = o->fuse_at == FMGCAM_FUSE_AT_MAP;
    memset(o->maps, 0, sizeof o->maps);
    for (size_t i = 0; i < CLASSES * CELLS; i++)
        if (!at_map || i / CELLS == i % CLASSES)
            o->maps[i] =
                at_map ? (bench->numbers[i] + 1) / 2 : bench->numbers[i];
}

/* All but the pictures. */
static void prepare(const struct bench *bench, struct overlay *o)
{
    fill_maps(bench, o);
    for (uint32_t k = 0; k < CLASSES; k++)
        fmgcam_palette_color(0, k, o->colors[k]);
    fmgcam_tensor_maps(&o->tensor, o->maps, CLASSES, SIDE, SIDE);
    o->layers = (fmgcam_layers){.struct_size = sizeof o->layers,
                                .maps = &o->tensor,
                                .signed_maps = &o->tensor};
    o->context = make_context((fmgcam_options){.resample = o->resample,
                                               .fuse_at = o->fuse_at,
                                               .blend = o->blend,
                                               .alpha = alpha});
}

static void overlay_init(const struct bench *bench, struct overlay *o)
{
    prepare(bench, o);
    o->bytes = (size_t)3 * o->width * o->height;
    o->picture = (fmgcam_image){.data = make_array(o->bytes, 1),
                                .row_stride_bytes = 3 * (int64_t)o->width,
                                .width = o->width,
                                .height = o->height};
    o->out = o->picture;
    o->out.data = make_array(o->bytes, 1);
    for (size_t i = 0; i < o->bytes; i++)
        ((uint8_t *)o->picture.data)[i] = (uint8_t)(i * 2654435761u >> 24);
}

static void overlay_free(struct overlay *o)
{
    fmgcam_destroy(o->context);
    free(o->picture.data);
    free(o->out.data);
}

/* ---- Checking ------------------------------------------------------------ */

/* An odd number of rows has one in its middle, whose centre is that of a row of
 * the picture that is smaller by that number. So a small picture is an oracle
 * for some pixels of a large one. */
static size_t odd_divisor(size_t size)
{
    size_t divisor = size;
    while (divisor % 2 == 0)
        divisor /= 2;
    return divisor;
}

static bool is_right(const struct overlay *o, const oracle_canvas *canvas,
                     size_t y, size_t x)
{
    size_t down = o->height / canvas->height, across = o->width / canvas->width;
    size_t at = y * canvas->width + x;
    size_t pixel = ((y * down + down / 2) * o->width + x * across + across / 2);
    const uint8_t *under = (const uint8_t *)o->picture.data + 3 * pixel;
    const uint8_t *drawn = (const uint8_t *)o->out.data + 3 * pixel;
    for (size_t i = 0; i < canvas->count[at]; i++) {
        const oracle_paint *paint = &canvas->paints[at * canvas->choices + i];
        bool right = true;
        for (int c = 0; c < 3; c++)
            right = right && oracle_accepts(paint, c, o->blend, (double)alpha,
                                            under[c], drawn[c]);
        if (right)
            return true;
    }
    return false;
}

static void check(struct overlay *o)
{
    size_t height = o->height / odd_divisor(o->height);
    size_t width = o->width / odd_divisor(o->width);
    oracle_canvas canvas;
    draw(o);
    if (o->fuse_at == FMGCAM_FUSE_AT_MAP) {
        oracle_paint_at_map(&canvas, o->maps, CLASSES, SIDE, SIDE, height,
                            width, o->resample, o->colors[0]);
    } else {
        double scales[CLASSES];
        oracle_image_scales(o->maps, CLASSES, CELLS, FMGCAM_NORMALIZE_L2,
                            FMGCAM_RESCALE_STACK, scales);
        oracle_paint_at_image(&canvas, o->maps, scales, CLASSES, SIDE, SIDE,
                              height, width, o->resample, o->colors[0]);
    }
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            if (!is_right(o, &canvas, y, x))
                die("overlay %ux%u, %s at %s, %s: wrong at [%zu,%zu] of "
                    "%zu x %zu",
                    o->width, o->height, resample_name(o), place_name(o),
                    blend_name(o), y, x, height, width);
    oracle_canvas_free(&canvas);
}

/* ---- Rivals -------------------------------------------------------------- */

/* The plain overlay, which others are compared with. */
static bool is_plain(const struct overlay *o)
{
    return o->fuse_at == FMGCAM_FUSE_AT_MAP &&
           o->blend == FMGCAM_BLEND_CONSTANT;
}

/* Of the same pictures as @p o. */
static void plain_init(const struct bench *bench, const struct overlay *o,
                       struct overlay *plain)
{
    *plain = *o;
    plain->fuse_at = FMGCAM_FUSE_AT_MAP;
    plain->blend = FMGCAM_BLEND_CONSTANT;
    prepare(bench, plain);
}

#ifdef FMGCAM_HAVE_OPENCV
static void *begin_opencv(const struct overlay *o)
{
    float colors[CELLS][3] = {{0}};
    for (size_t k = 0; k < CLASSES; k++)
        for (size_t s = 0; s < CELLS; s++)
            for (size_t c = 0; c < 3; c++)
                colors[s][c] += o->maps[k * CELLS + s] * o->colors[k][c];
    void *opencv = opencv_begin(colors[0], SIDE, SIDE, o->picture.data,
                                (int)o->height, (int)o->width, alpha,
                                o->resample == FMGCAM_RESAMPLE_BICUBIC);
    /* Its kernel is another one (a = -0.75), and it rounds in between. */
    opencv_overlay(opencv);
    const uint8_t *theirs = opencv_result(opencv), *ours = o->out.data;
    double sum = 0;
    for (size_t i = 0; i < o->bytes; i++)
        sum += abs(theirs[i] - ours[i]);
    if (!(sum < 4.0 * (double)o->bytes))
        die("overlay %ux%u: OpenCV draws something else", o->width, o->height);
    return opencv;
}
#endif

/* ---- Overlay ------------------------------------------------------------- */

/* What the third rival took, into the row and for people. */
static void add_rival(const struct bench *bench, const struct overlay *o,
                      const struct rival rivals[3], json_t *row, char text[60])
{
    const char *ns = is_plain(o) ? "opencv_ns" : "plain_ns";
    const char *key = is_plain(o) ? "opencv_ratio" : "plain_ratio";
    double ratio = is_plain(o) ? paired_ratio(bench, &rivals[2], &rivals[0])
                               : paired_ratio(bench, &rivals[0], &rivals[2]);
    json_object_set_new(row, ns, json_real(rivals[2].ns));
    json_object_set_new(row, key, json_real(ratio));
    snprintf(text, 60,
             is_plain(o) ? "  OpenCV %9.1f us, %.1f times that"
                         : "  plain %10.1f us  %5.2f x",
             rivals[2].ns / 1e3, ratio);
}

static void time_overlay(struct bench *bench, struct overlay *o)
{
    struct rival rivals[3] = {{.work = draw, .job = o},
                              {.work = copy_picture, .job = o}};
    size_t count = 2;
    struct overlay plain = {.context = NULL};
    overlay_init(bench, o);
    check(o);
    if (!is_plain(o)) {
        plain_init(bench, o, &plain);
        rivals[count++] = (struct rival){.work = draw, .job = &plain};
    }
#ifdef FMGCAM_HAVE_OPENCV
    void *opencv = is_plain(o) ? begin_opencv(o) : NULL;
    if (opencv)
        rivals[count++] = (struct rival){.work = opencv_overlay, .job = opencv};
#endif
    time_rivals(bench, rivals, count, 1);
    double ratio = paired_ratio(bench, &rivals[0], &rivals[1]);
    json_t *row = json_pack(
        "{s:s, s:i, s:i, s:s, s:s, s:s, s:i, s:f, s:f, s:f}", "name", "overlay",
        "width", (int)o->width, "height", (int)o->height, "resample",
        resample_name(o), "fuse_at", place_name(o), "blend", blend_name(o),
        "classes", CLASSES, "ns", rivals[0].ns, "memcpy_ns", rivals[1].ns,
        "memcpy_ratio", ratio);
    char text[60] = "";
    if (count > 2)
        add_rival(bench, o, rivals, row, text);
    report(bench, row,
           "%4ux%-4u %-8s at %-5s %-8s %9.1f us  memcpy %8.1f us  %5.2f x%s",
           o->width, o->height, resample_name(o), place_name(o), blend_name(o),
           rivals[0].ns / 1e3, rivals[1].ns / 1e3, ratio, text);
#ifdef FMGCAM_HAVE_OPENCV
    if (opencv)
        opencv_end(opencv);
#endif
    free_rivals(rivals, count);
    fmgcam_destroy(plain.context);
    overlay_free(o);
}

void bench_overlay(struct bench *bench)
{
    static const uint32_t pictures[][2] = {
        {224, 224}, {640, 480}, {1920, 1080}, {3840, 2160}};

    headline(bench, "Stage 7: maps of 5 classes, 7x7, drawn over a picture of "
                    "8-bit RGB, one thread; plain is at map, constant");
    for (size_t i = 0; i < COUNT_OF(pictures); i++)
        for (uint32_t resample = FMGCAM_RESAMPLE_BILINEAR;
             resample <= FMGCAM_RESAMPLE_BICUBIC; resample++)
            for (uint32_t at = FMGCAM_FUSE_AT_MAP; at <= FMGCAM_FUSE_AT_IMAGE;
                 at++)
                for (uint32_t blend = FMGCAM_BLEND_EVIDENCE;
                     blend <= FMGCAM_BLEND_CONSTANT; blend++) {
                    struct overlay o = {.width = pictures[i][0],
                                        .height = pictures[i][1],
                                        .resample = resample,
                                        .fuse_at = at,
                                        .blend = blend};
                    time_overlay(bench, &o);
                }
}

/* ---- Explain: tensors to overlay ----------------------------------------- */

struct explain {
    struct overlay overlay;
    struct picture picture;
    struct shape shape;
    float final[CLASSES * CELLS];
};

static void explain(void *job)
{
    struct explain *e = job;
    fmgcam_outputs outputs = {
        .struct_size = sizeof outputs,
        .maps = {e->overlay.maps, sizeof e->overlay.maps}};
    must(e->overlay.context,
         fmgcam_explain(e->overlay.context, &e->picture.inputs, &outputs));
    draw(&e->overlay);
}

static void pay_floors(void *job)
{
    struct explain *e = job;
    sink = read_all(e->picture.gradients, picture_floats(e->shape, CLASSES));
    copy_picture(&e->overlay);
}

static void time_explain(struct bench *bench, struct shape shape)
{
    struct explain e = {
        .overlay = {.width = 224,
                    .height = 224,
                    .resample = FMGCAM_RESAMPLE_BICUBIC,
                    .fuse_at = FMGCAM_FUSE_AT_MAP,
                    .blend = FMGCAM_BLEND_EVIDENCE},
        .shape = shape,
    };
    overlay_init(bench, &e.overlay);
    picture_init(bench, &e.picture, shape, CLASSES, 0);
    fmgcam_outputs signed_maps = {.struct_size = sizeof signed_maps,
                                  .signed_maps = {e.final, sizeof e.final}};
    must(e.overlay.context,
         fmgcam_explain(e.overlay.context, &e.picture.inputs, &signed_maps));
    check_grad_cam(&e.picture, shape, CLASSES, e.final, false);
    explain(&e);
    check(&e.overlay);

    struct rival rivals[] = {{.work = explain, .job = &e},
                             {.work = pay_floors, .job = &e}};
    time_rivals(bench, rivals, 2, 1);
    double ratio = paired_ratio(bench, &rivals[0], &rivals[1]);
    report(bench,
           json_pack("{s:s, s:s, s:i, s:i, s:i, s:f, s:f, s:f}", "name",
                     "explain", "shape", shape_text(shape), "classes", CLASSES,
                     "width", 224, "height", 224, "ns", rivals[0].ns,
                     "floor_ns", rivals[1].ns, "floor_ratio", ratio),
           "%-10s K %u to 224x224 %8.1f us  reading and memcpy %8.1f us  "
           "%5.2f x",
           shape_text(shape), CLASSES, rivals[0].ns / 1e3, rivals[1].ns / 1e3,
           ratio);
    free_rivals(rivals, 2);
    overlay_free(&e.overlay);
}

void bench_explain(struct bench *bench)
{
    headline(bench, "All stages, tensors to overlay, one thread");
    time_explain(bench, (struct shape){2048, SIDE, SIDE});
    time_explain(bench, (struct shape){1280, SIDE, SIDE});
}
