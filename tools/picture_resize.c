/* SPDX-License-Identifier: MIT */
/* Each colour is a map to the library, which knows how to resample maps. */
#include "picture.h"

#include <stdlib.h>

#include "diagnose.h"

/* One colour of both pictures, with room for the values of each. */
typedef struct plane {
    fmgcam_context *context;
    float *from, *to;
} plane;

static int fail_library(const plane *p, fmgcam_status status)
{
    if (status == FMGCAM_STATUS_NO_MEMORY)
        return fail_memory();
    return fail("picture", "%s", fmgcam_error_detail(p->context));
}

static size_t pixel_count(const picture *image)
{
    return (size_t)image->width * image->height;
}

static void load(const picture *from, size_t channel, float *values)
{
    for (size_t i = 0; i < pixel_count(from); i++)
        values[i] = from->rgb[i * 3 + channel];
}

static void store(const float *values, size_t channel, picture *to)
{
    for (size_t i = 0; i < pixel_count(to); i++) {
        float v = values[i] < 0 ? 0 : values[i] > 255 ? 255 : values[i];
        to->rgb[i * 3 + channel] = (uint8_t)(v + 0.5f);
    }
}

static int resize_channel(const plane *p, const picture *from, size_t channel,
                          picture *to)
{
    fmgcam_tensor map;
    fmgcam_buffer buffer = {p->to, pixel_count(to) * sizeof *p->to};
    load(from, channel, p->from);
    fmgcam_tensor_maps(&map, p->from, 1, from->height, from->width);
    fmgcam_status status =
        fmgcam_resample_maps(p->context, &map, to->height, to->width, &buffer);
    if (status)
        return fail_library(p, status);
    store(p->to, channel, to);
    return 0;
}

static int prepare(const picture *from, uint32_t resample, const picture *to,
                   plane *p)
{
    fmgcam_options options = {.struct_size = sizeof options,
                              .resample = resample};
    p->from = malloc(pixel_count(from) * sizeof *p->from);
    p->to = malloc(pixel_count(to) * sizeof *p->to);
    if (!p->from || !p->to || fmgcam_create(NULL, &p->context, NULL, 0))
        return fail_memory();
    fmgcam_status status = fmgcam_set_options(p->context, &options);
    return status ? fail_library(p, status) : 0;
}

int picture_resize(const picture *from, uint32_t width, uint32_t height,
                   uint32_t resample, picture *to)
{
    plane p = {NULL, NULL, NULL};
    int status = picture_allocate(width, height, to);
    if (!status)
        status = prepare(from, resample, to, &p);
    for (size_t channel = 0; channel < 3 && !status; channel++)
        status = resize_channel(&p, from, channel, to);
    fmgcam_destroy(p.context);
    free(p.from);
    free(p.to);
    if (status)
        picture_release(to);
    return status;
}
