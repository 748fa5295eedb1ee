/* SPDX-License-Identifier: MIT */
/*
 * Reading PNG and JPEG: an input is 16 bytes of how it is read, and a file.
 * Nobody guesses checksums and compressed data, so those of a PNG can be made
 * here, of what the input has in their place.
 */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fmgcam/imageio.h>
#include <zlib.h>

#include "arena.h"
#include "fuzz.h"

enum { HEAD_BYTES = 16, MOST_FILE = 64 << 10, MOST_PICTURE = 3 << 20 };

/* Bits of the first byte. */
enum { MAKE_CHECKSUMS = 1, MAKE_PIXELS = 2, READ_FILE = 4, HAVE_OPTIONS = 8 };

typedef struct file_bytes {
    uint8_t *data;
    size_t size;
} file_bytes;

/* ---- Making files whole -------------------------------------------------- */

static void put32(file_bytes *to, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        to->data[to->size++] = (uint8_t)(value >> shift);
}

static void put_chunk(file_bytes *to, const uint8_t *type, const uint8_t *data,
                      size_t size)
{
    put32(to, (uint32_t)size);
    uint8_t *start = to->data + to->size;
    memcpy(start, type, 4);
    if (size)
        memcpy(start + 4, data, size);
    to->size += size + 4;
    put32(to, (uint32_t)crc32(0, start, (uInt)(size + 4)));
}

static void put_pixels(file_bytes *to, const uint8_t *type, const uint8_t *data,
                       size_t size)
{
    uLongf bound = compressBound((uLong)size);
    uint8_t *packed = malloc(bound);

    require(packed && compress(packed, &bound, data, (uLong)size) == Z_OK,
            "zlib fails");
    put_chunk(to, type, packed, bound);
    free(packed);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
           (uint32_t)at[2] << 8 | at[3];
}

/* The chunks of a PNG with checksums that are right; what is not one stays. */
static void make_whole(uint32_t how, input *in, file_bytes *to)
{
    while (in->end - in->at >= 12 && to->size < 2 * MOST_FILE) {
        const uint8_t *type = in->at + 4;
        size_t left = (size_t)(in->end - in->at) - 12;
        size_t size = get32(in->at) < left ? get32(in->at) : left;
        if (how & MAKE_PIXELS && memcmp(type, "IDAT", 4) == 0)
            put_pixels(to, type, type + 4, size);
        else
            put_chunk(to, type, type + 4, size);
        in->at += 12 + size;
    }
}

/* To be freed; of its own size, so that reading beyond it is noticed. */
static file_bytes take_file(uint32_t how, input *in)
{
    static uint8_t made[4 * MOST_FILE];
    file_bytes file = {made, 0};
    size_t left = (size_t)(in->end - in->at);

    if (how & (MAKE_CHECKSUMS | MAKE_PIXELS) && left >= 8 && left < MOST_FILE) {
        memcpy(made, in->at, 8);
        file.size = 8;
        in->at += 8;
        make_whole(how, in, &file);
        left = (size_t)(in->end - in->at);
    }
    if (left > MOST_FILE)
        left = MOST_FILE;
    memcpy(made + file.size, in->at, left);
    file.size += left;
    file.data = malloc(file.size + 1);
    require(file.data, "no memory");
    memcpy(file.data, made, file.size);
    return file;
}

/* ---- A file on the disk -------------------------------------------------- */

static char path[4096];

static void remove_file(void)
{
    unlink(path);
}

static void make_path(void)
{
    const char *folder = getenv("TMPDIR");

    snprintf(path, sizeof path, "%.4000s/fmgcam-fuzz-XXXXXX",
             folder ? folder : "/tmp");
    int descriptor = mkstemp(path);
    require(descriptor >= 0, "no temporary file");
    close(descriptor);
    atexit(remove_file);
}

static void store(const file_bytes *file)
{
    if (!*path)
        make_path();
    FILE *stream = fopen(path, "wb");
    require(stream && fwrite(file->data, 1, file->size, stream) == file->size &&
                fclose(stream) == 0,
            "the temporary file cannot be written");
}

/* ---- Scans --------------------------------------------------------------- */

enum { MOST_SCANS = 100, SCAN = 0xDA, RESTART = 0xD0 };

/* Behind the pixels from @p at on, at the next marker. */
static size_t skip_pixels(const file_bytes *file, size_t at)
{
    const uint8_t *data = file->data;

    while (at + 1 < file->size &&
           (data[at] != 0xFF || data[at + 1] == 0 || data[at + 1] == 0xFF ||
            (data[at + 1] & 0xF8) == RESTART))
        at++;
    return at;
}

/* How many a JPEG has, as long as one marker follows the other. */
static int count_scans(const file_bytes *file)
{
    const uint8_t *data = file->data;
    size_t at = 2;
    int scans = 0;

    while (at + 3 < file->size && data[at] == 0xFF) {
        bool is_scan = data[at + 1] == SCAN;
        at += 2 + ((size_t)data[at + 2] << 8 | data[at + 3]);
        scans += is_scan;
        if (is_scan)
            at = skip_pixels(file, at);
    }
    return scans;
}

/* ---- Reading ------------------------------------------------------------- */

typedef struct reading {
    fmgcam_imageio_status status;
    fmgcam_imageio_info info;
    char error[120];
    uint8_t *rgb;
    size_t size, stride;
    bool is_own; /* rgb, and not of the arena */
} reading;

static void check_reading(const reading *r)
{
    require(r->status >= FMGCAM_IMAGEIO_OK &&
                r->status <= FMGCAM_IMAGEIO_BUFFER_SIZE &&
                r->status != FMGCAM_IMAGEIO_FILE,
            "status %d", (int)r->status);
    require((r->status == FMGCAM_IMAGEIO_OK) == (*r->error == '\0'),
            "status %d with the text '%s'", (int)r->status, r->error);
    require(strlen(r->error) < sizeof r->error, "the text has no end");
}

static void check_info(const reading *r, const fmgcam_imageio_read_options *o)
{
    uint32_t width = o && o->max_width ? o->max_width : 65500;
    uint32_t height = o && o->max_height ? o->max_height : 65500;

    require(r->info.kind == FMGCAM_IMAGEIO_PNG ||
                r->info.kind == FMGCAM_IMAGEIO_JPEG,
            "kind %u", (unsigned)r->info.kind);
    require(r->info.width >= 1 && r->info.width <= width &&
                r->info.height >= 1 && r->info.height <= height,
            "%u x %u, allowed %u x %u", (unsigned)r->info.width,
            (unsigned)r->info.height, (unsigned)width, (unsigned)height);
    require(r->info.notes <= 31, "notes 0x%x", (unsigned)r->info.notes);
}

static void require_same(const reading *one, const reading *other)
{
    require(one->status == other->status &&
                strcmp(one->error, other->error) == 0,
            "%d '%s' from memory, %d '%s' from the file", (int)one->status,
            one->error, (int)other->status, other->error);
    require(one->info.kind == other->info.kind &&
                one->info.width == other->info.width &&
                one->info.height == other->info.height &&
                one->info.notes == other->info.notes,
            "the file is another picture");
}

/* Room for the picture, rows @p gap bytes apart; beyond MOST_PICTURE too
 * little. */
static void make_room(reading *r, size_t gap, bool at_start)
{
    double bytes =
        3.0 * r->info.width * r->info.height + (double)gap * r->info.height;

    r->stride = (size_t)3 * r->info.width + gap;
    r->size = 1;
    if (bytes <= MOST_PICTURE)
        r->size = r->stride * (r->info.height - 1) + (size_t)3 * r->info.width;
    r->rgb = arena_take(r->size, at_start);
    r->is_own = !r->rgb;
    if (r->is_own)
        r->rgb = malloc(r->size);
    require(r->rgb, "no memory");
    memset(r->rgb, ARENA_FILL, r->size);
}

static void free_room(reading *r)
{
    if (r->is_own)
        free(r->rgb);
}

static void check_gaps(const reading *r)
{
    size_t row = (size_t)3 * r->info.width;

    for (size_t y = 0; y + 1 < r->info.height; y++)
        for (size_t x = row; x < r->stride; x++)
            require(r->rgb[y * r->stride + x] == ARENA_FILL,
                    "written between rows");
}

/* What @p r has room for, again from the file. */
static void read_from_file(const reading *r,
                           const fmgcam_imageio_read_options *options)
{
    reading other = {.info = {.struct_size = sizeof other.info},
                     .size = r->size,
                     .stride = r->stride};

    if (r->status) /* what is in there then stays */
        other.info = r->info;
    other.rgb = malloc(r->size);
    require(other.rgb, "no memory");
    memset(other.rgb, ARENA_FILL, other.size);
    other.status = fmgcam_imageio_read_file(
        path, options, other.rgb, other.size, other.stride, &other.info,
        other.error, sizeof other.error);
    check_reading(&other);
    require_same(r, &other);
    require(r->status || memcmp(r->rgb, other.rgb, r->size) == 0,
            "the file has other pixels");
    free(other.rgb);
}

static void read_picture(const file_bytes *file, input *in,
                         const fmgcam_imageio_read_options *options,
                         const fmgcam_imageio_info *found, bool from_file)
{
    reading r = {.info = *found};
    uint32_t how = take8(in);

    make_room(&r, how >> 4, how & 1);
    bool is_cut = how & 2, is_narrow = how & 4;
    r.size -= is_cut;
    if (is_narrow)
        r.stride = (size_t)3 * found->width - 1;
    r.status = fmgcam_imageio_read_memory(file->data, file->size, options,
                                          r.rgb, r.size, r.stride, &r.info,
                                          r.error, sizeof r.error);
    check_reading(&r);
    arena_check();
    require(r.status || !(is_cut || is_narrow), "read into too little room");
    if (r.status == FMGCAM_IMAGEIO_OK) {
        require(memcmp(&r.info, found, sizeof r.info) == 0,
                "what was probed is not what was read");
        check_gaps(&r);
        require(found->kind == FMGCAM_IMAGEIO_PNG ||
                    count_scans(file) <= MOST_SCANS,
                "more scans than are allowed");
    }
    if (from_file)
        read_from_file(&r, options);
    free_room(&r);
}

static fmgcam_imageio_read_options take_options(input *in)
{
    fmgcam_imageio_read_options o = {.struct_size = sizeof o};

    o.flags = take8(in) & FMGCAM_IMAGEIO_BACKGROUND_SET;
    o.background = take32(in) & 0xFFFFFF;
    o.max_width = take16(in);
    o.max_height = take16(in);
    o.max_bytes = take32(in) % MOST_PICTURE;
    return o;
}

static reading probe(const file_bytes *file,
                     const fmgcam_imageio_read_options *options, bool from_file)
{
    reading r = {.info = {.struct_size = sizeof r.info}}, other = r;

    r.status = fmgcam_imageio_probe_memory(file->data, file->size, options,
                                           &r.info, r.error, sizeof r.error);
    check_reading(&r);
    if (!from_file)
        return r;
    store(file);
    other.status = fmgcam_imageio_probe_file(path, options, &other.info,
                                             other.error, sizeof other.error);
    check_reading(&other);
    require_same(&r, &other);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input head = {data, data + (size < HEAD_BYTES ? size : HEAD_BYTES)};
    input rest = {head.end, data + size};
    uint32_t how = take8(&head);
    bool from_file = how & READ_FILE;
    fmgcam_imageio_read_options options = take_options(&head);
    const fmgcam_imageio_read_options *given =
        how & HAVE_OPTIONS ? &options : NULL;
    file_bytes file = take_file(how, &rest);

    arena_reset();
    reading found = probe(&file, given, from_file);
    if (found.status == FMGCAM_IMAGEIO_OK) {
        check_info(&found, given);
        read_picture(&file, &head, given, &found.info, from_file);
    }
    free(file.data);
    return 0;
}
