/* SPDX-License-Identifier: MIT */
/* Writing PNG and JPEG: what is written must be read again, a PNG bit for bit,
 * a JPEG of the best quality nearly so. */
#include <stdlib.h>
#include <string.h>

#include <fmgcam/imageio.h>

#include "arena.h"
#include "fuzz.h"

enum { MOST_SIDE = 64 };

/* At quality 100 each of the 64 numbers of a block is off by 0.5, each weighing
 * 1/4 at most, and so is each of Y, Cb and Cr by 8; blue is Y + 1.772 Cb. The
 * rest is for rounding. */
enum { MOST_ERROR = 24 };

/* ---- A picture, and how it is written ------------------------------------ */

typedef struct picture {
    uint32_t width, height;
    size_t stride;
    const uint8_t *rgb;
} picture;

static picture take_picture(input *in)
{
    picture p;

    p.width = take8(in) % MOST_SIDE + 1;
    p.height = take8(in) % MOST_SIDE + 1;
    uint32_t how = take8(in);
    size_t row = (size_t)3 * p.width;

    p.stride = row + (how >> 4);
    size_t size = p.stride * (p.height - 1) + row;
    uint8_t *rgb = arena_take(size, how & 1);
    uint8_t last = take8(in);
    for (size_t i = 0; i < size; i++) {
        if (in->at < in->end)
            last = take8(in);
        if (how & 4)
            last = (uint8_t)(last * 109 + i / 7 * 31 + 57); /* noise */
        rgb[i] = how & 2 ? (uint8_t)(last + i / 3) : last;
    }
    arena_seal(rgb);
    p.rgb = rgb;
    return p;
}

static fmgcam_imageio_write_options take_options(input *in)
{
    fmgcam_imageio_write_options o = {.struct_size = sizeof o};

    o.kind = take_option(in, FMGCAM_IMAGEIO_JPEG);
    o.jpeg_quality = take_rare(in) ? 100 : take8(in) % 103;
    o.jpeg_subsampling = take_option(in, FMGCAM_IMAGEIO_SUBSAMPLING_420);
    o.png_compression = take_option(in, 9);
    return o;
}

/* ---- Taking the bytes in pieces ------------------------------------------ */

typedef struct sink {
    const uint8_t *expected;
    size_t size, stop; /* stop: after so many bytes; 0: never */
} sink;

static int32_t take_piece(void *opaque, const void *data, size_t size)
{
    sink *to = opaque;

    require(memcmp(to->expected + to->size, data, size) == 0,
            "the stream has other bytes");
    to->size += size;
    return to->stop && to->size >= to->stop ? 5 : 0;
}

static void stream(const picture *p, const fmgcam_imageio_write_options *o,
                   const uint8_t *file, size_t size, size_t stop)
{
    sink to = {file, 0, stop};
    char error[80];
    fmgcam_imageio_status status =
        fmgcam_imageio_write_stream(take_piece, &to, o, p->rgb, p->width,
                                    p->height, p->stride, error, sizeof error);

    if (stop && stop <= size)
        require(status == FMGCAM_IMAGEIO_FILE, "stopped, but %d '%s'",
                (int)status, error);
    else
        require(status == FMGCAM_IMAGEIO_OK && to.size == size,
                "%d '%s', %zu of %zu bytes", (int)status, error, to.size, size);
}

/* ---- Reading it again ---------------------------------------------------- */

static int allowed_error(const fmgcam_imageio_write_options *o)
{
    bool is_fine = o->jpeg_quality == 100 &&
                   o->jpeg_subsampling <= FMGCAM_IMAGEIO_SUBSAMPLING_444;

    return o->kind == FMGCAM_IMAGEIO_PNG ? 0 : is_fine ? MOST_ERROR : 255;
}

static void compare(const picture *p, const uint8_t *rgb, int allowed)
{
    for (size_t y = 0; y < p->height; y++)
        for (size_t x = 0; x < (size_t)3 * p->width; x++) {
            int error = rgb[y * 3 * p->width + x] - p->rgb[y * p->stride + x];
            require(abs(error) <= allowed, "byte %zu of row %zu is off by %d",
                    x, y, error);
        }
}

static void read_again(const picture *p, const uint8_t *file, size_t size,
                       int allowed)
{
    fmgcam_imageio_info info = {.struct_size = sizeof info};
    char error[80];
    size_t bytes = (size_t)3 * p->width * p->height;
    uint8_t *rgb = arena_take(bytes, false);
    fmgcam_imageio_status status = fmgcam_imageio_read_memory(
        file, size, NULL, rgb, bytes, (size_t)3 * p->width, &info, error,
        sizeof error);

    require(status == FMGCAM_IMAGEIO_OK, "cannot be read: %s", error);
    require(info.width == p->width && info.height == p->height,
            "%u x %u became %u x %u", (unsigned)p->width, (unsigned)p->height,
            (unsigned)info.width, (unsigned)info.height);
    require(info.notes == 0, "notes 0x%x", (unsigned)info.notes);
    compare(p, rgb, allowed);
}

/* ---- Writing ------------------------------------------------------------- */

/* The size that is asked for first must be enough, and one byte less not. */
static void write_and_read(const picture *p,
                           const fmgcam_imageio_write_options *o, size_t size,
                           uint32_t stop)
{
    size_t again = 0;
    uint8_t *file = arena_take(size, false);
    fmgcam_imageio_status status =
        fmgcam_imageio_write_memory(file, size - 1, &again, o, p->rgb, p->width,
                                    p->height, p->stride, NULL, 0);

    require(status == FMGCAM_IMAGEIO_BUFFER_SIZE && again == size,
            "%d, %zu bytes of %zu", (int)status, again, size);
    status = fmgcam_imageio_write_memory(
        file, size, &again, o, p->rgb, p->width, p->height, p->stride, NULL, 0);
    require(status == FMGCAM_IMAGEIO_OK && again == size,
            "%d, %zu bytes of %zu", (int)status, again, size);
    stream(p, o, file, size, stop);
    read_again(p, file, size, allowed_error(o));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, data + size};
    fmgcam_imageio_write_options options = take_options(&in);
    uint32_t stop = take8(&in);
    char error[100];
    size_t bytes = 0;

    arena_reset();
    picture p = take_picture(&in);
    fmgcam_imageio_status status =
        fmgcam_imageio_write_memory(NULL, 0, &bytes, &options, p.rgb, p.width,
                                    p.height, p.stride, error, sizeof error);
    require(*error, "no text for a size that was asked for");
    require(status == FMGCAM_IMAGEIO_BUFFER_SIZE ||
                status == FMGCAM_IMAGEIO_ARGUMENT,
            "%d '%s'", (int)status, error);
    if (status == FMGCAM_IMAGEIO_BUFFER_SIZE)
        write_and_read(&p, &options, bytes, stop);
    arena_check();
    return 0;
}
