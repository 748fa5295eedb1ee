/* SPDX-License-Identifier: MIT */
/*
 * libfmgcam-imageio through its public header. Files to read are made here by
 * libpng and libjpeg, or byte by byte; what they must look like is computed from
 * the samples that went in, without the library.
 */
#ifndef _XOPEN_SOURCE
# define _XOPEN_SOURCE 700
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jpeglib.h>
#include <png.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmgcam/imageio.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
# define SANITIZED 1
#elif defined(__has_feature)
# if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||    \
     __has_feature(thread_sanitizer)
#  define SANITIZED 1
# endif
#endif
#ifndef SANITIZED
# define SANITIZED 0
#endif

#define OK          FMGCAM_IMAGEIO_OK
#define ARGUMENT    FMGCAM_IMAGEIO_ARGUMENT
#define FILE_ERROR  FMGCAM_IMAGEIO_FILE
#define FORMAT      FMGCAM_IMAGEIO_FORMAT
#define UNSUPPORTED FMGCAM_IMAGEIO_UNSUPPORTED
#define LIMIT       FMGCAM_IMAGEIO_LIMIT
#define NO_MEMORY   FMGCAM_IMAGEIO_NO_MEMORY
#define BUFFER_SIZE FMGCAM_IMAGEIO_BUFFER_SIZE

typedef fmgcam_imageio_read_options read_options;
typedef fmgcam_imageio_write_options write_options;
typedef fmgcam_imageio_info image_info;

static char folder[256]; /* for temporary files; removed at the end */
static char error_text[256];

#define TEXT error_text, sizeof error_text

/* ---- Bytes and files ----------------------------------------------------- */

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

static void append(bytes *b, const void *data, size_t size)
{
    b->data = realloc(b->data, b->size + size + 1);
    assert_non_null(b->data);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void insert(bytes *b, size_t at, const void *data, size_t size)
{
    bytes whole = {NULL, 0};
    append(&whole, b->data, at);
    append(&whole, data, size);
    append(&whole, b->data + at, b->size - at);
    free(b->data);
    *b = whole;
}

static void drop(bytes *b)
{
    free(b->data);
    *b = (bytes){NULL, 0};
}

static void *new_bytes(size_t size)
{
    void *memory = malloc(size ? size : 1);
    assert_non_null(memory);
    return memory;
}

/* A path in the temporary folder; four may be in use at a time. */
static const char *at(const char *name)
{
    static char paths[4][1024];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    const int length = snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    assert_true(length > 0 && (size_t)length < sizeof paths[0]);
    return path;
}

static bytes load(const char *path)
{
    bytes b = {NULL, 0};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t piece[4096];
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, file)) > 0)
        append(&b, piece, got);
    fclose(file);
    return b;
}

static void store(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static int count_files(void)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    int count = 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static void empty_folder(void)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        const char *path = at(entry->d_name);
        if (unlink(path) != 0)
            rmdir(path);
    }
    closedir(dir);
}

static uint32_t random_state;

static uint32_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

/* ---- Making PNG ---------------------------------------------------------- */

typedef struct png_spec {
    uint32_t width, height;
    int color_type, bit_depth, interlaced;
    const uint8_t *raw; /* rows of packed samples, 16 bits big-endian */
    int palette_size;
    png_color palette[256];
    int alpha_size;
    uint8_t alpha[256];
    int has_key;
    png_color_16 key; /* the transparent colour */
} png_spec;

static int channels_of(int color_type)
{
    switch (color_type) {
    case PNG_COLOR_TYPE_RGB: return 3;
    case PNG_COLOR_TYPE_RGBA: return 4;
    case PNG_COLOR_TYPE_GRAY_ALPHA: return 2;
    default: return 1;
    }
}

static size_t raw_stride(const png_spec *s)
{
    const size_t bits = (size_t)s->width * (size_t)s->bit_depth *
                        (size_t)channels_of(s->color_type);
    return (bits + 7) / 8;
}

static uint8_t *random_raw(const png_spec *s)
{
    const size_t size = raw_stride(s) * s->height;
    uint8_t *raw = new_bytes(size);
    for (size_t i = 0; i < size; i++)
        raw[i] = (uint8_t)(next_random() >> 11);
    return raw;
}

static uint32_t raw_sample(const png_spec *s, uint32_t x, uint32_t y, int c)
{
    const uint8_t *row = s->raw + y * raw_stride(s);
    const size_t i = (size_t)x * (size_t)channels_of(s->color_type) + (size_t)c;
    if (s->bit_depth == 16)
        return (uint32_t)row[2 * i] << 8 | row[2 * i + 1];
    const size_t bit = i * (size_t)s->bit_depth;
    const unsigned shift = 8 - (unsigned)(bit % 8) - (unsigned)s->bit_depth;
    return (uint32_t)row[bit / 8] >> shift & ((1U << s->bit_depth) - 1);
}

static void take_png_bytes(png_structp png, png_bytep data, size_t size)
{
    append(png_get_io_ptr(png), data, size);
}

static void flush_png_bytes(png_structp png)
{
    (void)png;
}

static bytes make_png(const png_spec *s)
{
    bytes out = {NULL, 0};
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    assert_non_null(info);
    png_set_write_fn(png, &out, take_png_bytes, flush_png_bytes);
    png_set_IHDR(png, info, s->width, s->height, s->bit_depth, s->color_type,
                 s->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (s->palette_size)
        png_set_PLTE(png, info, s->palette, s->palette_size);
    if (s->alpha_size)
        png_set_tRNS(png, info, s->alpha, s->alpha_size, NULL);
    if (s->has_key)
        png_set_tRNS(png, info, NULL, 1, &s->key);
    png_set_check_for_invalid_index(png, -1); /* some are wanted */
    png_write_info(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < s->height; y++)
            png_write_row(png, s->raw + y * raw_stride(s));
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return out;
}

static uint32_t crc_of(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xFFFFFFFFU;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320U : 0);
    }
    return ~crc;
}

static void put32(uint8_t *at_byte, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at_byte[i] = (uint8_t)(value >> (24 - 8 * i));
}

enum { AFTER_IHDR = 33 };

/* Right behind the header, with a right CRC. */
static void insert_chunk(bytes *png, const char *type, const void *data,
                         size_t size)
{
    bytes chunk = {NULL, 0};
    uint8_t number[4];
    put32(number, (uint32_t)size);
    append(&chunk, number, 4);
    append(&chunk, type, 4);
    append(&chunk, data, size);
    put32(number, crc_of(chunk.data + 4, size + 4));
    append(&chunk, number, 4);
    insert(png, AFTER_IHDR, chunk.data, chunk.size);
    drop(&chunk);
}

static void set_png_size(bytes *png, uint32_t width, uint32_t height)
{
    put32(png->data + 16, width);
    put32(png->data + 20, height);
    put32(png->data + 29, crc_of(png->data + 12, 17));
}

/* One sample as 8 bits, to nearest. */
static uint32_t to_8_bits(uint32_t value, int depth)
{
    const uint32_t most = (1U << depth) - 1;
    return (value * 255 + most / 2) / most;
}

/* R, G, B and alpha of a pixel of what make_png wrote, from first principles. */
static void png_pixel(const png_spec *s, uint32_t x, uint32_t y,
                      uint32_t rgba[4])
{
    const uint32_t first = raw_sample(s, x, y, 0);
    rgba[3] = 255;
    if (s->color_type == PNG_COLOR_TYPE_PALETTE) {
        rgba[0] = s->palette[first].red;
        rgba[1] = s->palette[first].green;
        rgba[2] = s->palette[first].blue;
        if ((int)first < s->alpha_size)
            rgba[3] = s->alpha[first];
        return;
    }
    const int color = (s->color_type & PNG_COLOR_MASK_COLOR) != 0;
    for (int c = 0; c < 3; c++)
        rgba[c] = to_8_bits(raw_sample(s, x, y, color ? c : 0), s->bit_depth);
    if (s->color_type & PNG_COLOR_MASK_ALPHA)
        rgba[3] = to_8_bits(raw_sample(s, x, y, color ? 3 : 1), s->bit_depth);
    else if (s->has_key && color)
        rgba[3] = first == s->key.red &&
                          raw_sample(s, x, y, 1) == s->key.green &&
                          raw_sample(s, x, y, 2) == s->key.blue
                      ? 0
                      : 255;
    else if (s->has_key)
        rgba[3] = first == s->key.gray ? 0 : 255;
}

/* ---- Making JPEG --------------------------------------------------------- */

typedef struct jpeg_spec {
    uint32_t width, height;
    int components;
    J_COLOR_SPACE in, stored;
    void (*pixel)(uint32_t x, uint32_t y, uint8_t *samples);
    int progressive, restart, luma_h, luma_v, no_adobe;
    int quality;         /* 0: 100 */
    const uint8_t *app1; /* payload */
    size_t app1_size;
    const uint8_t *app2;
    size_t app2_size;
    const jpeg_scan_info *scans;
    int scan_count;
} jpeg_spec;

static bytes make_jpeg(const jpeg_spec *s)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &data, &size);
    c.image_width = s->width;
    c.image_height = s->height;
    c.input_components = s->components;
    c.in_color_space = s->in;
    jpeg_set_defaults(&c);
    if (s->stored != JCS_UNKNOWN)
        jpeg_set_colorspace(&c, s->stored);
    jpeg_set_quality(&c, s->quality ? s->quality : 100, TRUE);
    for (int i = 0; i < c.num_components; i++)
        c.comp_info[i].h_samp_factor = c.comp_info[i].v_samp_factor = 1;
    if (s->luma_h)
        c.comp_info[0].h_samp_factor = s->luma_h;
    if (s->luma_v)
        c.comp_info[0].v_samp_factor = s->luma_v;
    if (s->progressive)
        jpeg_simple_progression(&c);
    if (s->scans) {
        c.scan_info = s->scans;
        c.num_scans = s->scan_count;
    }
    c.restart_interval = (unsigned)s->restart;
    if (s->no_adobe)
        c.write_Adobe_marker = FALSE;
    jpeg_start_compress(&c, TRUE);
    if (s->app1)
        jpeg_write_marker(&c, JPEG_APP0 + 1, s->app1, (unsigned)s->app1_size);
    if (s->app2)
        jpeg_write_marker(&c, JPEG_APP0 + 2, s->app2, (unsigned)s->app2_size);
    JSAMPLE *row = new_bytes((size_t)s->width * (size_t)s->components);
    for (uint32_t y = 0; y < s->height; y++) {
        for (uint32_t x = 0; x < s->width; x++)
            s->pixel(x, y, row + (size_t)x * (size_t)s->components);
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    free(row);
    bytes out = {NULL, 0};
    append(&out, data, size);
    free(data);
    return out;
}

/* One colour for every block of 8 x 8, so that quality 100 keeps it. */
static void block_pixel(uint32_t x, uint32_t y, uint8_t *samples)
{
    for (uint32_t c = 0; c < 4; c++) {
        const uint32_t mixed =
            (x / 8 + 1) * 2654435761U ^ (y / 8 + 3) * 40503U ^ c * 97003U;
        if (c < 3)
            samples[c] = (uint8_t)(mixed >> 7);
    }
}

static void block_pixel_4(uint32_t x, uint32_t y, uint8_t *samples)
{
    block_pixel(x, y, samples);
    samples[3] = (uint8_t)(100 + x / 8 * 31 + y / 8 * 17);
}

static void block_pixel_1(uint32_t x, uint32_t y, uint8_t *samples)
{
    uint8_t three[3];
    block_pixel(x, y, three);
    samples[0] = three[0];
}

static void block_pixel_2(uint32_t x, uint32_t y, uint8_t *samples)
{
    uint8_t three[3];
    block_pixel(x, y, three);
    memcpy(samples, three, 2);
}

static jpeg_spec rgb_spec(uint32_t width, uint32_t height)
{
    return (jpeg_spec){.width = width,
                       .height = height,
                       .components = 3,
                       .in = JCS_RGB,
                       .stored = JCS_YCbCr,
                       .pixel = block_pixel};
}

/* ---- Reading and comparing ----------------------------------------------- */

/* Wider rows than needed, and bytes behind the last one. */
typedef struct canvas {
    uint8_t *rgb;
    size_t size; /* what the library is told */
    size_t stride;
    uint32_t width, height;
} canvas;

enum { PADDING = 7, BEHIND = 32, CANARY = 0xC3 };

static canvas new_canvas(uint32_t width, uint32_t height)
{
    canvas v = {NULL, 0, (size_t)3 * width + PADDING, width, height};
    v.size = v.stride * (height - 1) + (size_t)3 * width;
    v.rgb = new_bytes(v.size + BEHIND);
    memset(v.rgb, CANARY, v.size + BEHIND);
    return v;
}

static void check_canaries(const canvas *v)
{
    for (uint32_t y = 0; y + 1 < v->height; y++)
        for (size_t i = 0; i < PADDING; i++)
            assert_int_equal(v->rgb[y * v->stride + (size_t)3 * v->width + i],
                             CANARY);
    for (size_t i = 0; i < BEHIND; i++)
        assert_int_equal(v->rgb[v->size + i], CANARY);
}

static const uint8_t *pixel_at(const canvas *v, uint32_t x, uint32_t y)
{
    return v->rgb + y * v->stride + (size_t)3 * x;
}

static fmgcam_imageio_status probe(const bytes *b, image_info *info)
{
    *info = (image_info){.struct_size = sizeof *info};
    return fmgcam_imageio_probe_memory(b->data, b->size, NULL, info, TEXT);
}

/* Probe and read; both must succeed and say the same. */
static canvas must_read(const bytes *b, const read_options *options,
                        image_info *info)
{
    *info = (image_info){.struct_size = sizeof *info};
    image_info second = *info;
    strcpy(error_text, "not empty");
    const fmgcam_imageio_status probed =
        fmgcam_imageio_probe_memory(b->data, b->size, options, info, TEXT);
    assert_string_equal(error_text, "");
    assert_int_equal(probed, OK);
    canvas v = new_canvas(info->width, info->height);
    strcpy(error_text, "not empty");
    const fmgcam_imageio_status status = fmgcam_imageio_read_memory(
        b->data, b->size, options, v.rgb, v.size, v.stride, &second, TEXT);
    assert_string_equal(error_text, "");
    assert_int_equal(status, OK);
    assert_memory_equal(info, &second, sizeof second);
    check_canaries(&v);
    return v;
}

/* Read into room for @p pixels with an outcome that may be an error. */
static fmgcam_imageio_status try_read(const bytes *b,
                                      const read_options *options)
{
    uint8_t rgb[3 * 4096];
    image_info info = {.struct_size = sizeof info};
    fmgcam_imageio_status status =
        fmgcam_imageio_probe_memory(b->data, b->size, options, &info, TEXT);
    if (!status)
        status = fmgcam_imageio_read_memory(b->data, b->size, options, rgb,
                                            sizeof rgb, (size_t)3 * info.width,
                                            NULL, TEXT);
    assert_int_equal(status == OK, error_text[0] == '\0');
    return status;
}

static void assert_text(const char *part)
{
    if (!strstr(error_text, part))
        fail_msg("\"%s\" does not say \"%s\"", error_text, part);
}

static void check_png(const png_spec *s, const bytes *b,
                      const read_options *options, const uint32_t ground[3],
                      uint32_t notes)
{
    image_info info;
    canvas v = must_read(b, options, &info);
    assert_int_equal(info.kind, FMGCAM_IMAGEIO_PNG);
    assert_int_equal(info.width, s->width);
    assert_int_equal(info.height, s->height);
    assert_int_equal(info.notes, notes);
    for (uint32_t y = 0; y < s->height; y++) {
        for (uint32_t x = 0; x < s->width; x++) {
            uint32_t rgba[4];
            png_pixel(s, x, y, rgba);
            for (int c = 0; c < 3; c++) {
                const uint32_t want =
                    (rgba[3] * rgba[c] + (255 - rgba[3]) * ground[c] + 127) /
                    255;
                if (pixel_at(&v, x, y)[c] != want)
                    fail_msg("type %d depth %d interlaced %d: (%u, %u)[%d] is "
                             "%u, not %u",
                             s->color_type, s->bit_depth, s->interlaced, x, y,
                             c, pixel_at(&v, x, y)[c], want);
            }
        }
    }
    free(v.rgb);
}

static const uint32_t white[3] = {255, 255, 255};

static uint32_t notes_of(const png_spec *s)
{
    uint32_t notes = 0;
    if (s->bit_depth == 16)
        notes |= FMGCAM_IMAGEIO_DEPTH_REDUCED;
    if ((s->color_type & PNG_COLOR_MASK_ALPHA) || s->alpha_size || s->has_key)
        notes |= FMGCAM_IMAGEIO_HAS_ALPHA;
    return notes;
}

static void check_spec(png_spec *s)
{
    uint8_t *raw = random_raw(s);
    s->raw = raw;
    bytes b = make_png(s);
    check_png(s, &b, NULL, white, notes_of(s));
    drop(&b);
    free(raw);
}

/* ---- PNG: what is read --------------------------------------------------- */

/* Every type and depth, plain and interlaced, in sizes of which some leave
 * passes of the interlacing empty. */
static void test_png_kinds(void **state)
{
    (void)state;
    static const int kinds[][2] = {
        {PNG_COLOR_TYPE_GRAY, 1},        {PNG_COLOR_TYPE_GRAY, 2},
        {PNG_COLOR_TYPE_GRAY, 4},        {PNG_COLOR_TYPE_GRAY, 8},
        {PNG_COLOR_TYPE_GRAY, 16},       {PNG_COLOR_TYPE_GRAY_ALPHA, 8},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 16}, {PNG_COLOR_TYPE_RGB, 8},
        {PNG_COLOR_TYPE_RGB, 16},        {PNG_COLOR_TYPE_RGBA, 8},
        {PNG_COLOR_TYPE_RGBA, 16}};
    static const uint32_t sizes[][2] = {{1, 1},  {2, 3},  {4, 5},  {5, 4},
                                        {33, 1}, {1, 17}, {37, 29}};
    random_state = 20240601;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            for (int interlaced = 0; interlaced < 2; interlaced++) {
                png_spec s = {.width = sizes[i][0],
                              .height = sizes[i][1],
                              .color_type = kinds[k][0],
                              .bit_depth = kinds[k][1],
                              .interlaced = interlaced};
                check_spec(&s);
            }
}

static void test_png_palette(void **state)
{
    (void)state;
    random_state = 7;
    for (int depth = 1; depth <= 8; depth *= 2)
        for (int alpha = 0; alpha < 2; alpha++)
            for (int interlaced = 0; interlaced < 2; interlaced++) {
                png_spec s = {.width = 23,
                              .height = 11,
                              .color_type = PNG_COLOR_TYPE_PALETTE,
                              .bit_depth = depth,
                              .interlaced = interlaced,
                              .palette_size = 1 << depth};
                for (int i = 0; i < s.palette_size; i++) {
                    s.palette[i].red = (uint8_t)(next_random() >> 8);
                    s.palette[i].green = (uint8_t)(next_random() >> 8);
                    s.palette[i].blue = (uint8_t)(next_random() >> 8);
                    s.alpha[i] = (uint8_t)(next_random() >> 8);
                }
                /* The last entries have no alpha of their own: opaque. */
                s.alpha_size = alpha ? (s.palette_size + 1) / 2 : 0;
                check_spec(&s);
            }
}

static void test_png_transparent_color(void **state)
{
    (void)state;
    random_state = 99;
    for (int depth = 1; depth <= 16; depth *= 2) {
        png_spec s = {.width = 40,
                      .height = 40,
                      .color_type = PNG_COLOR_TYPE_GRAY,
                      .bit_depth = depth,
                      .has_key = 1,
                      .key = {.gray = 1}};
        uint8_t *raw = random_raw(&s);
        if (depth == 16) {
            memcpy(raw + 10, "\x00\x01", 2); /* the key */
            memcpy(raw + 20, "\x00\x02", 2); /* the same in 8 bits */
        }
        s.raw = raw;
        bytes b = make_png(&s);
        check_png(&s, &b, NULL, white, notes_of(&s));
        drop(&b);
        free(raw);
    }
    png_spec s = {.width = 2,
                  .height = 1,
                  .color_type = PNG_COLOR_TYPE_RGB,
                  .bit_depth = 8,
                  .raw = (const uint8_t *)"\x10\x20\x30\x10\x20\x31",
                  .has_key = 1,
                  .key = {.red = 0x10, .green = 0x20, .blue = 0x30}};
    bytes b = make_png(&s);
    check_png(&s, &b, NULL, white, FMGCAM_IMAGEIO_HAS_ALPHA);
    drop(&b);
}

/* All alphas over all values of one channel, and backgrounds. */
static void test_png_background(void **state)
{
    (void)state;
    uint8_t *raw = new_bytes(256 * 256 * 2);
    for (size_t i = 0; i < 256 * 256; i++) {
        raw[2 * i] = (uint8_t)(i % 256);
        raw[2 * i + 1] = (uint8_t)(i / 256);
    }
    png_spec s = {.width = 256,
                  .height = 256,
                  .color_type = PNG_COLOR_TYPE_GRAY_ALPHA,
                  .bit_depth = 8,
                  .raw = raw};
    bytes b = make_png(&s);
    read_options options = {.struct_size = sizeof options};
    check_png(&s, &b, &options, white, FMGCAM_IMAGEIO_HAS_ALPHA);
    options.background = 0x40C007;
    check_png(&s, &b, &options, (const uint32_t[]){0x40, 0xC0, 7},
              FMGCAM_IMAGEIO_HAS_ALPHA);
    options.background = 0;
    options.flags = FMGCAM_IMAGEIO_BACKGROUND_SET;
    check_png(&s, &b, &options, (const uint32_t[]){0, 0, 0},
              FMGCAM_IMAGEIO_HAS_ALPHA);
    drop(&b);
    free(raw);
}

/* Gamma and profiles do not change a pixel; a profile is noted, even one that
 * libpng would refuse. Text that unpacks to much, and chunks larger than the
 * limit of bytes, cost nothing. */
static void test_png_chunks(void **state)
{
    (void)state;
    random_state = 5;
    png_spec s = {.width = 9,
                  .height = 9,
                  .color_type = PNG_COLOR_TYPE_RGB,
                  .bit_depth = 8};
    uint8_t *raw = random_raw(&s);
    s.raw = raw;
    bytes b = make_png(&s);
    insert_chunk(&b, "gAMA", "\x00\x01\x86\xA0", 4); /* linear light */
    check_png(&s, &b, NULL, white, 0);
    insert_chunk(&b, "iCCP", "x\0\0no profile at all", 20);
    check_png(&s, &b, NULL, white, FMGCAM_IMAGEIO_ICC_IGNORED);
    insert_chunk(&b, "iCCP", "", 0); /* a second, and empty */
    check_png(&s, &b, NULL, white, FMGCAM_IMAGEIO_ICC_IGNORED);
    uint8_t *much = calloc(1, 300000);
    assert_non_null(much);
    insert_chunk(&b, "teSt", much, 300000);
    const read_options options = {.struct_size = sizeof options,
                                  .max_bytes = 3 * 9 * 9};
    check_png(&s, &b, &options, white, FMGCAM_IMAGEIO_ICC_IGNORED);

    /* A chunk that must be understood is not passed over. */
    insert_chunk(&b, "CgBI", "\0\0\0\0", 4);
    assert_int_equal(try_read(&b, NULL), FORMAT);
    assert_text("CgBI");
    free(much);
    free(raw);
    drop(&b);
}

/* Damage beside the pixels is damage. */
static void test_png_damage(void **state)
{
    (void)state;
    png_spec s = {.width = 4,
                  .height = 1,
                  .color_type = PNG_COLOR_TYPE_PALETTE,
                  .bit_depth = 8,
                  .raw = (const uint8_t *)"\0\1\0\1",
                  .palette_size = 2,
                  .palette = {{1, 2, 3}, {4, 5, 6}}};
    bytes b = make_png(&s);
    insert_chunk(&b, "tEXt", "a\0b", 3);
    assert_int_equal(try_read(&b, NULL), OK);
    b.data[AFTER_IHDR + 8] ^= 1; /* the text, not its CRC */
    assert_int_equal(try_read(&b, NULL), FORMAT);
    assert_text("CRC");
    drop(&b);

    for (s.interlaced = 0; s.interlaced < 2; s.interlaced++) {
        s.raw = (const uint8_t *)"\0\1\2\1"; /* a colour that is not there */
        b = make_png(&s);
        assert_int_equal(try_read(&b, NULL), FORMAT);
        assert_text("palette");
        drop(&b);
    }
    s.raw = (const uint8_t *)"\0\1\0\1";
    s.interlaced = 0;

    b = make_png(&s);
    append(&b, "behind the end", 14); /* not part of the picture */
    assert_int_equal(try_read(&b, NULL), OK);
    set_png_size(&b, 4, 2); /* more rows than there are */
    assert_int_equal(try_read(&b, NULL), FORMAT);
    set_png_size(&b, 0, 1);
    assert_int_equal(try_read(&b, NULL), FORMAT);
    assert_text("width");
    set_png_size(&b, 1, 0);
    assert_int_equal(try_read(&b, NULL), FORMAT);
    set_png_size(&b, 0x80000000U, 1);
    assert_int_equal(try_read(&b, NULL), FORMAT);
    set_png_size(&b, 0x7FFFFFFF, 0x7FFFFFFF);
    assert_int_equal(try_read(&b, NULL), LIMIT);
    drop(&b);

    /* Transparency that cannot be made sense of is not passed over. */
    s = (png_spec){.width = 1,
                   .height = 1,
                   .color_type = PNG_COLOR_TYPE_RGB,
                   .bit_depth = 8,
                   .raw = (const uint8_t *)"abc"};
    b = make_png(&s);
    insert_chunk(&b, "tRNS", "\0\0", 2);
    assert_int_equal(try_read(&b, NULL), FORMAT);
    assert_text("tRNS");
    drop(&b);
}

/* ---- JPEG: what is read -------------------------------------------------- */

static int near_to(int a, int b, int most)
{
    return abs(a - b) <= most;
}

/* Compare with @p want, which gets the samples that went in. */
static void check_jpeg(const jpeg_spec *s, const bytes *b, uint32_t notes,
                       void (*want)(const uint8_t *in, int rgb[3]))
{
    image_info info;
    canvas v = must_read(b, NULL, &info);
    assert_int_equal(info.kind, FMGCAM_IMAGEIO_JPEG);
    assert_int_equal(info.width, s->width);
    assert_int_equal(info.height, s->height);
    assert_int_equal(info.notes, notes);
    for (uint32_t y = 0; y < s->height; y++)
        for (uint32_t x = 0; x < s->width; x++) {
            uint8_t in[4];
            int rgb[3];
            s->pixel(x, y, in);
            want(in, rgb);
            for (int c = 0; c < 3; c++)
                if (!near_to(pixel_at(&v, x, y)[c], rgb[c], 3))
                    fail_msg("(%u, %u)[%d] is %u, not %d", x, y, c,
                             pixel_at(&v, x, y)[c], rgb[c]);
        }
    free(v.rgb);
}

static void want_rgb(const uint8_t *in, int rgb[3])
{
    for (int c = 0; c < 3; c++)
        rgb[c] = in[c];
}

static void want_grey(const uint8_t *in, int rgb[3])
{
    rgb[0] = rgb[1] = rgb[2] = in[0];
}

static void want_ink(const uint8_t *in, int rgb[3]) /* 255: full of ink */
{
    for (int c = 0; c < 3; c++)
        rgb[c] = (255 - in[c]) * (255 - in[3]) / 255;
}

static void want_light(const uint8_t *in, int rgb[3]) /* 255: none */
{
    for (int c = 0; c < 3; c++)
        rgb[c] = in[c] * in[3] / 255;
}

static void check_made(const jpeg_spec *s, uint32_t notes,
                       void (*want)(const uint8_t *in, int rgb[3]))
{
    bytes b = make_jpeg(s);
    check_jpeg(s, &b, notes, want);
    drop(&b);
}

static void test_jpeg_kinds(void **state)
{
    (void)state;
    const uint32_t cmyk = FMGCAM_IMAGEIO_CMYK_CONVERTED;
    for (int progressive = 0; progressive < 2; progressive++) {
        jpeg_spec s = rgb_spec(43, 29);
        s.progressive = progressive;
        check_made(&s, 0, want_rgb);
        s.restart = 2;
        check_made(&s, 0, want_rgb);
        s.stored = JCS_RGB;
        check_made(&s, 0, want_rgb);
        s.stored = JCS_GRAYSCALE;
        s.in = JCS_GRAYSCALE;
        s.components = 1;
        s.pixel = block_pixel_1;
        check_made(&s, 0, want_grey);

        s.components = 4;
        s.pixel = block_pixel_4;
        s.in = s.stored = JCS_CMYK;
        check_made(&s, cmyk, want_light);
        s.no_adobe = 1;
        check_made(&s, cmyk, want_ink);
        s.no_adobe = 0;
        s.stored = JCS_YCCK;
        check_made(&s, cmyk, want_light);
    }
}

/* What libjpeg itself decodes must arrive unchanged, with any subsampling, and
 * CMYK must be converted to the bit. */
static void check_against_libjpeg(const bytes *b)
{
    image_info info;
    canvas v = must_read(b, NULL, &info);
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr errors;
    d.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, b->data, (unsigned long)b->size);
    jpeg_read_header(&d, TRUE);
    jpeg_start_decompress(&d);
    const size_t channels = (size_t)d.output_components;
    JSAMPLE *row = new_bytes(channels * d.output_width);
    for (uint32_t y = 0; y < d.output_height; y++) {
        jpeg_read_scanlines(&d, &row, 1);
        for (size_t i = 0; i < (size_t)3 * d.output_width; i++) {
            const uint8_t *in = row + i / 3 * channels;
            /* Adobe's CMYK: light through ink, through black ink. */
            const int want =
                channels == 3 ? in[i % 3] : (in[i % 3] * in[3] + 127) / 255;
            assert_int_equal(pixel_at(&v, 0, y)[i], want);
        }
    }
    jpeg_finish_decompress(&d);
    jpeg_destroy_decompress(&d);
    free(row);
    free(v.rgb);
}

static void test_jpeg_exact(void **state)
{
    (void)state;
    for (int h = 1; h <= 2; h++)
        for (int w = 1; w <= 2; w++)
            for (uint32_t width = 17; width < 50; width += 15) {
                jpeg_spec s = rgb_spec(width, 37);
                s.luma_h = h;
                s.luma_v = w;
                s.quality = 60;
                bytes b = make_jpeg(&s);
                check_against_libjpeg(&b);
                drop(&b);
            }
    jpeg_spec ink = rgb_spec(70, 70);
    ink.components = 4;
    ink.in = ink.stored = JCS_CMYK;
    ink.pixel = block_pixel_4;
    ink.quality = 60;
    bytes b = make_jpeg(&ink);
    check_against_libjpeg(&b);
    drop(&b);
}

static void test_jpeg_profile(void **state)
{
    (void)state;
    jpeg_spec s = rgb_spec(8, 8);
    s.app2 = (const uint8_t *)"ICC_PROFILE\0\1\1no profile";
    s.app2_size = 24;
    check_made(&s, FMGCAM_IMAGEIO_ICC_IGNORED, want_rgb);
    s.app2 = (const uint8_t *)"ICC"; /* another use of the marker */
    s.app2_size = 3;
    check_made(&s, 0, want_rgb);
    s.app2 = (const uint8_t *)"MPF\0 and more than twelve";
    s.app2_size = 24;
    check_made(&s, 0, want_rgb);
}

/* "Exif\0\0", a TIFF header, a directory of two entries. */
static size_t make_exif(uint8_t *out, int big, uint32_t orientation,
                        uint32_t directory)
{
    size_t n = 0;
    const uint32_t words[][2] = {
        /* size in bytes, value */
        {2, 42},          {4, directory}, {2, 2},      {2, 0x010F}, {2, 2},
        {4, 1},           {4, 0},         {2, 0x0112}, {2, 3},      {4, 1},
        {2, orientation}, {2, 0},         {4, 0}};
    memcpy(out, "Exif\0", 6);
    memcpy(out + 6, big ? "MM" : "II", 2);
    n = 8;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const uint32_t size = words[i][0];
        for (uint32_t k = 0; k < size; k++) {
            const uint32_t shift = 8 * (big ? size - 1 - k : k);
            out[n++] = (uint8_t)(words[i][1] >> shift);
        }
    }
    return n;
}

/* Which sides of the scene row 0 and column 0 of the file are; EXIF 2.3, tag
 * 274. */
static const char *const sides[9] = {NULL, "TL", "TR", "BR", "BL",
                                     "LT", "RT", "RB", "LB"};
enum { SCENE_WIDTH = 40, SCENE_HEIGHT = 24 };
static const char *current_sides;

static void place_side(char side, uint32_t n, uint32_t *x, uint32_t *y)
{
    switch (side) {
    case 'L': *x = n; break;
    case 'R': *x = SCENE_WIDTH - 1 - n; break;
    case 'T': *y = n; break;
    default: *y = SCENE_HEIGHT - 1 - n; break;
    }
}

/* A pixel of the file that shows the scene of block_pixel. */
static void turned_pixel(uint32_t column, uint32_t row, uint8_t *samples)
{
    uint32_t x = 0;
    uint32_t y = 0;
    place_side(current_sides[0], row, &x, &y);
    place_side(current_sides[1], column, &x, &y);
    block_pixel(x, y, samples);
}

static void turned_pixel_4(uint32_t column, uint32_t row, uint8_t *samples)
{
    turned_pixel(column, row, samples);
    samples[3] = 255; /* no black in Adobe's way */
}

static void check_orientation(uint32_t orientation, int big, int cmyk)
{
    uint8_t exif[64];
    const int turned = orientation >= 5;
    jpeg_spec s = rgb_spec(turned ? SCENE_HEIGHT : SCENE_WIDTH,
                           turned ? SCENE_WIDTH : SCENE_HEIGHT);
    s.pixel = turned_pixel;
    if (cmyk) {
        s.components = 4;
        s.in = s.stored = JCS_CMYK;
        s.pixel = turned_pixel_4;
    }
    s.app1 = exif;
    s.app1_size = make_exif(exif, big, orientation, 8);
    current_sides = sides[orientation];
    bytes b = make_jpeg(&s);

    jpeg_spec scene = rgb_spec(SCENE_WIDTH, SCENE_HEIGHT);
    uint32_t notes = cmyk ? FMGCAM_IMAGEIO_CMYK_CONVERTED : 0;
    if (orientation != 1)
        notes |= FMGCAM_IMAGEIO_WAS_REORIENTED;
    check_jpeg(&scene, &b, notes, want_rgb);
    drop(&b);
}

static void test_jpeg_orientation(void **state)
{
    (void)state;
    for (uint32_t orientation = 1; orientation <= 8; orientation++)
        for (int big = 0; big < 2; big++)
            for (int cmyk = 0; cmyk < 2; cmyk++)
                check_orientation(orientation, big, cmyk);
}

/* EXIF that is cut off, points outside, or holds nonsense is upright. */
static void test_jpeg_damaged_exif(void **state)
{
    (void)state;
    uint8_t exif[64];
    jpeg_spec s = rgb_spec(16, 8);
    s.app1 = exif;
    const size_t whole = make_exif(exif, 1, 6, 8);
    image_info info;
    size_t reoriented = 0;
    for (s.app1_size = 0; s.app1_size <= whole; s.app1_size++) {
        uint8_t *tight = new_bytes(s.app1_size);
        memcpy(tight, exif, s.app1_size);
        s.app1 = tight;
        bytes b = make_jpeg(&s);
        assert_int_equal(probe(&b, &info), OK);
        reoriented += info.notes != 0;
        assert_true(info.notes == 0 || s.app1_size >= whole - 4);
        drop(&b);
        free(tight);
    }
    assert_int_equal(reoriented, 5); /* the last word is not needed */

    static const struct {
        uint32_t orientation, directory;
    } odd[] = {{0, 8},          {9, 8},  {0x0600, 8}, {6, 0}, {6, 0xFFFFFFFF},
               {6, 0x7FFFFFFF}, {6, 37}, {6, 38},     {6, 36}};
    s.app1 = exif;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        for (int big = 0; big < 2; big++) {
            s.app1_size =
                make_exif(exif, big, odd[i].orientation, odd[i].directory);
            check_made(&s, 0, want_rgb);
        }
    s.app1 = (const uint8_t *)"http://ns.adobe.com/xap/1.0/";
    s.app1_size = 28;
    check_made(&s, 0, want_rgb);

    /* One with nothing in it is none, so that the next one counts. */
    s.app1 = exif;
    s.app1_size = make_exif(exif, 0, 6, 8);
    bytes b = make_jpeg(&s);
    insert(&b, 2,
           "\xFF\xE1\0\x08"
           "Exif\0",
           10);
    assert_int_equal(probe(&b, &info), OK);
    assert_int_equal(info.notes, FMGCAM_IMAGEIO_WAS_REORIENTED);
    drop(&b);
}

/* The offset of the first marker FF @p code. */
static size_t find_marker(const bytes *b, uint8_t code)
{
    size_t i = 2;
    while (i + 4 <= b->size && b->data[i + 1] != code)
        i += 2 + ((size_t)b->data[i + 2] << 8 | b->data[i + 3]);
    assert_true(i + 4 <= b->size);
    return i;
}

static void test_jpeg_unsupported(void **state)
{
    (void)state;
    jpeg_spec s = rgb_spec(16, 8);
    bytes b = make_jpeg(&s);
    const size_t frame = find_marker(&b, 0xC0);
    b.data[frame + 4] = 12; /* bits a sample */
    assert_int_equal(try_read(&b, NULL), UNSUPPORTED);
    assert_text("12");
    b.data[frame + 4] = 8;
    b.data[frame + 1] = 0xC5; /* hierarchical */
    assert_int_equal(try_read(&b, NULL), UNSUPPORTED);
    b.data[frame + 1] = 0xC0;
    assert_int_equal(try_read(&b, NULL), OK);
    drop(&b);

    s.components = 2;
    s.in = JCS_UNKNOWN;
    s.stored = JCS_UNKNOWN;
    s.pixel = block_pixel_2;
    b = make_jpeg(&s);
    assert_int_equal(try_read(&b, NULL), UNSUPPORTED);
    assert_text("2 components");
    drop(&b);
}

/* Damage that libjpeg only warns of, and warnings that are none. */
static void test_jpeg_damage(void **state)
{
    (void)state;
    jpeg_spec s = rgb_spec(64, 64);
    s.restart = 4;
    bytes b = make_jpeg(&s);
    size_t restart = find_marker(&b, 0xDA);
    while (b.data[restart] != 0xFF || (b.data[restart + 1] & 0xF8) != 0xD0)
        restart++;
    b.data[restart + 1] ^= 3;
    assert_int_equal(try_read(&b, NULL), FORMAT);
    b.data[restart + 1] = 0xD9; /* the end comes early */
    assert_int_equal(try_read(&b, NULL), FORMAT);
    drop(&b);

    b = make_jpeg(&s);
    append(&b, "behind the end", 14);
    insert(&b, find_marker(&b, 0xC0), "junk", 4);
    assert_int_equal(try_read(&b, NULL), OK); /* "extraneous bytes" */
    b.data[find_marker(&b, 0xE0) + 9] = 3;    /* JFIF 3.01 */
    assert_int_equal(try_read(&b, NULL), OK);
    drop(&b);

    b = make_jpeg(&s);
    const size_t frame = find_marker(&b, 0xC0);
    memset(b.data + frame + 5, 0, 2); /* height */
    assert_int_equal(try_read(&b, NULL), FORMAT);
    memset(b.data + frame + 5, 0xFF, 4); /* more than libjpeg takes */
    assert_int_equal(try_read(&b, NULL), LIMIT);
    drop(&b);
}

/* A file with a proper end but without its last component. */
static void test_jpeg_missing_component(void **state)
{
    (void)state;
    const jpeg_scan_info scans[3] = {
        {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    jpeg_spec s = rgb_spec(24, 16);
    s.scans = scans;
    s.scan_count = 3;
    bytes b = make_jpeg(&s);
    check_jpeg(&s, &b, 0, want_rgb);
    size_t last = b.size;
    do {
        last--;
    } while (b.data[last] != 0xFF || b.data[last + 1] != 0xDA);
    b.data[last + 1] = 0xD9;
    b.size = last + 2;
    assert_int_equal(try_read(&b, NULL), FORMAT);
    assert_text("component 3 of 3");
    drop(&b);
}

/* Valid, tiny, and as slow as its writer likes. */
static void test_jpeg_scans(void **state)
{
    (void)state;
    jpeg_scan_info scans[127] = {{1, {0}, 0, 0, 0, 0}};
    for (int k = 1; k < 64; k++) {
        scans[2 * k - 1] = (jpeg_scan_info){1, {0}, k, k, 0, 1};
        scans[2 * k] = (jpeg_scan_info){1, {0}, k, k, 1, 0};
    }
    jpeg_spec s = {.width = 16,
                   .height = 16,
                   .components = 1,
                   .in = JCS_GRAYSCALE,
                   .stored = JCS_GRAYSCALE,
                   .pixel = block_pixel_1,
                   .scans = scans,
                   .scan_count = 127};
    bytes b = make_jpeg(&s);
    assert_int_equal(try_read(&b, NULL), LIMIT);
    assert_text("100 scans");
    drop(&b);
}

/* ---- Damage in general --------------------------------------------------- */

/* One small file of each sort. */
static size_t make_samples(bytes samples[8])
{
    static const int types[][3] = {{PNG_COLOR_TYPE_RGB, 8, 0},
                                   {PNG_COLOR_TYPE_RGBA, 8, 1},
                                   {PNG_COLOR_TYPE_GRAY, 16, 1}};
    uint8_t exif[64];
    size_t n = 0;
    random_state = 4711;
    for (; n < 3; n++) {
        png_spec s = {.width = 13,
                      .height = 9,
                      .color_type = types[n][0],
                      .bit_depth = types[n][1],
                      .interlaced = types[n][2]};
        uint8_t *raw = random_raw(&s);
        s.raw = raw;
        samples[n] = make_png(&s);
        free(raw);
    }
    png_spec p = {.width = 5,
                  .height = 3,
                  .color_type = PNG_COLOR_TYPE_PALETTE,
                  .bit_depth = 2,
                  .raw = (const uint8_t *)"\x1B\0\x1B\0\x1B\0",
                  .palette_size = 4,
                  .palette = {{9, 9, 9}, {1, 2, 3}, {4, 5, 6}, {7, 8, 9}},
                  .alpha_size = 2,
                  .alpha = {0, 128}};
    samples[n++] = make_png(&p);
    jpeg_spec j = rgb_spec(29, 19);
    j.quality = 80;
    j.luma_h = j.luma_v = 2;
    samples[n++] = make_jpeg(&j);
    j.progressive = 1;
    j.app1 = exif;
    j.app1_size = make_exif(exif, 0, 7, 8);
    samples[n++] = make_jpeg(&j);
    j.progressive = 0;
    j.restart = 1;
    j.components = 4;
    j.in = JCS_CMYK;
    j.stored = JCS_YCCK;
    j.pixel = block_pixel_4;
    samples[n++] = make_jpeg(&j);
    j.components = 1;
    j.in = j.stored = JCS_GRAYSCALE;
    j.pixel = block_pixel_1;
    j.luma_h = j.luma_v = 0;
    samples[n] = make_jpeg(&j);
    /* Behind all pixels, where a reader might stop. */
    insert(&samples[n], samples[n].size - 2,
           "\xFF\xFE\0\x0A"
           "a remark",
           12);
    n++;
    return n;
}

/* A copy that ends where its memory ends, for the sanitizers. */
static bytes prefix_of(const bytes *whole, size_t size)
{
    bytes b = {new_bytes(size), size};
    memcpy(b.data, whole->data, size);
    return b;
}

static void test_truncated(void **state)
{
    (void)state;
    bytes samples[8];
    const size_t count = make_samples(samples);
    for (size_t i = 0; i < count; i++) {
        for (size_t size = 0; size < samples[i].size; size++) {
            bytes b = prefix_of(&samples[i], size);
            if (try_read(&b, NULL) != FORMAT)
                fail_msg("file %zu: %zu of %zu bytes are read: %s", i, size,
                         samples[i].size, error_text);
            if (size >= 8)
                assert_text("truncated");
            drop(&b);
        }
        assert_int_equal(try_read(&samples[i], NULL), OK);
        drop(&samples[i]);
    }
}

/* The same from a file, whose pieces end elsewhere. */
static void test_truncated_file(void **state)
{
    (void)state;
    jpeg_spec s = rgb_spec(300, 200);
    bytes b = make_jpeg(&s);
    assert_true(b.size > 5000);
    uint8_t *rgb = new_bytes(300 * 200 * 3);
    for (size_t left = 0; left < 4; left++) {
        store(at("cut.jpg"), b.data, b.size - left);
        assert_int_equal(fmgcam_imageio_read_file(at("cut.jpg"), NULL, rgb,
                                                  300 * 200 * 3, 900, NULL,
                                                  TEXT),
                         left ? FORMAT : OK);
    }
    assert_text("truncated: the file ends inside the picture");
    store(at("cut.jpg"), "", 0);
    assert_int_equal(fmgcam_imageio_read_file(at("cut.jpg"), NULL, rgb,
                                              300 * 200 * 3, 900, NULL, TEXT),
                     FORMAT);
    assert_text("empty");
    free(rgb);
    drop(&b);
}

/* Files are read in pieces of a fixed size; whatever is left for the last one. */
static void test_file_of_any_length(void **state)
{
    (void)state;
    png_spec s = {.width = 9,
                  .height = 9,
                  .color_type = PNG_COLOR_TYPE_RGB,
                  .bit_depth = 8};
    static const uint8_t padding[4110];
    uint8_t *raw = random_raw(&s), rgb[9 * 9 * 3];
    s.raw = raw;
    for (size_t more = 4090 - 9 * 9 * 3; more < sizeof padding; more++) {
        bytes b = make_png(&s);
        insert_chunk(&b, "teSt", padding, more);
        store(at("long.png"), b.data, b.size);
        assert_int_equal(fmgcam_imageio_read_file(at("long.png"), NULL, rgb,
                                                  sizeof rgb, 27, NULL, TEXT),
                         OK);
        drop(&b);
    }
    free(raw);
}

/* Read twice over different rubbish: a success must have set every byte. */
static void check_flipped(const bytes *b)
{
    static const read_options options = {
        .struct_size = sizeof options, .max_width = 256, .max_height = 256};
    image_info info = {.struct_size = sizeof info};
    if (fmgcam_imageio_probe_memory(b->data, b->size, &options, &info, TEXT))
        return;
    const size_t stride = (size_t)3 * info.width;
    const size_t size = stride * info.height;
    uint8_t *rgb[2];
    fmgcam_imageio_status status[2];
    for (int i = 0; i < 2; i++) {
        rgb[i] = new_bytes(size);
        memset(rgb[i], i ? 0xFF : 0, size);
        status[i] = fmgcam_imageio_read_memory(
            b->data, b->size, &options, rgb[i], size, stride, NULL, TEXT);
    }
    assert_int_equal(status[0], status[1]);
    if (status[0] == OK)
        assert_memory_equal(rgb[0], rgb[1], size);
    free(rgb[0]);
    free(rgb[1]);
}

static void test_bit_flips(void **state)
{
    (void)state;
    bytes samples[8];
    const size_t count = make_samples(samples);
    for (int turn = 0; turn < 6000; turn++) {
        bytes *b = &samples[(size_t)turn % count];
        bytes copy = prefix_of(b, b->size);
        const uint32_t flips = 1 + next_random() % 3;
        for (uint32_t i = 0; i < flips; i++) {
            /* NOLINTNEXTLINE(*DivideZero): no sample is empty */
            const uint32_t bit = next_random() % (uint32_t)(8 * copy.size);
            copy.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        if (copy.size > 40 && memcmp(copy.data, "\x89PNG", 4) == 0 &&
            turn % 3 == 0) /* let some get past the CRC of the header */
            put32(copy.data + 29, crc_of(copy.data + 12, 17));
        check_flipped(&copy);
        drop(&copy);
    }
    for (size_t i = 0; i < count; i++)
        drop(&samples[i]);
}

static void test_not_a_picture(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",   "G",    "GIF89a and more",          "\xFF\xD8", "\x89PNG\r\n\x1A",
        "\n", "%PDF", "\x89PNG\n\n\x1A\n........"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bytes b = {NULL, 0};
        append(&b, texts[i], strlen(texts[i]));
        assert_int_equal(try_read(&b, NULL), FORMAT);
        assert_text(b.size ? "neither PNG nor JPEG" : "empty");
        drop(&b);
    }
}

/* ---- Limits and buffers -------------------------------------------------- */

static void test_limits(void **state)
{
    (void)state;
    uint8_t exif[64];
    jpeg_spec j = rgb_spec(20, 30);
    j.app1 = exif;
    j.app1_size = make_exif(exif, 1, 6, 8); /* 30 x 20 when upright */
    png_spec p = {.width = 30,
                  .height = 20,
                  .color_type = PNG_COLOR_TYPE_GRAY,
                  .bit_depth = 8};
    uint8_t *raw = random_raw(&p);
    p.raw = raw;
    bytes files[2] = {make_png(&p), make_jpeg(&j)};
    for (int i = 0; i < 2; i++) {
        read_options options = {.struct_size = sizeof options,
                                .max_width = 30,
                                .max_height = 20,
                                .max_bytes = 1800};
        assert_int_equal(try_read(&files[i], &options), OK);
        options.max_width = 29;
        assert_int_equal(try_read(&files[i], &options), LIMIT);
        assert_string_equal(error_text, "width 30 is beyond the limit 29");
        options.max_width = 30;
        options.max_height = 19;
        assert_int_equal(try_read(&files[i], &options), LIMIT);
        assert_string_equal(error_text, "height 20 is beyond the limit 19");
        options.max_height = 20;
        options.max_bytes = 1799;
        assert_int_equal(try_read(&files[i], &options), LIMIT);
        assert_text("1799 bytes");
        options.max_bytes = UINT64_MAX;
        assert_int_equal(try_read(&files[i], &options), OK);
        drop(&files[i]);
    }

    /* The defaults. */
    bytes b = make_png(&p);
    image_info info;
    set_png_size(&b, 70000, 1);
    assert_int_equal(probe(&b, &info), LIMIT);
    assert_string_equal(error_text, "width 70000 is beyond the limit 65500");
    set_png_size(&b, 65500, 5464); /* 3 * 65500 * 5464 < 2^30 */
    assert_int_equal(probe(&b, &info), OK);
    set_png_size(&b, 65500, 5465);
    assert_int_equal(probe(&b, &info), LIMIT);

    /* The largest size there is, with nothing in its way but the buffer, or what
     * libpng reads where addresses have 32 bits. */
    const read_options all = {.struct_size = sizeof all,
                              .max_width = UINT32_MAX,
                              .max_height = UINT32_MAX,
                              .max_bytes = UINT64_MAX};
    set_png_size(&b, 0x7FFFFFFF, 0x7FFFFFFF);
    const int wide = SIZE_MAX > UINT32_MAX;
    assert_int_equal(
        fmgcam_imageio_probe_memory(b.data, b.size, &all, &info, TEXT),
        wide ? OK : LIMIT);
    uint8_t rgb[3];
    assert_int_equal(fmgcam_imageio_read_memory(b.data, b.size, &all, rgb, 3,
                                                SIZE_MAX, NULL, TEXT),
                     wide ? BUFFER_SIZE : LIMIT);
    drop(&b);
    free(raw);
}

/* The coefficients of all scans are in memory at a time: 6 bytes a pixel. */
static void test_decoder_memory(void **state)
{
    (void)state;
    jpeg_spec s = rgb_spec(800, 800);
    s.progressive = 1;
    bytes b = make_jpeg(&s);
    read_options options = {.struct_size = sizeof options,
                            .max_bytes = 3 * 800 * 800};
    image_info info = {.struct_size = sizeof info};
    assert_int_equal(
        fmgcam_imageio_probe_memory(b.data, b.size, &options, &info, TEXT),
        LIMIT);
    assert_text("3840000");
    options.max_bytes *= 2;
    canvas v = must_read(&b, &options, &info);
    free(v.rgb);
    drop(&b);

    s.progressive = 0;
    b = make_jpeg(&s);
    options.max_bytes /= 2;
    v = must_read(&b, &options, &info);
    free(v.rgb);
    drop(&b);
}

/* A row with alpha is larger than the picture, and counts with the decoder. */
static void test_png_row_memory(void **state)
{
    (void)state;
    enum { WIDE = 1100000 };
    png_spec s = {.width = 2,
                  .height = 1,
                  .color_type = PNG_COLOR_TYPE_RGBA,
                  .bit_depth = 8};
    uint8_t *raw = random_raw(&s), *rgb = malloc(3 * WIDE);
    s.raw = raw;
    bytes b = make_png(&s);
    set_png_size(&b, WIDE, 1);
    const read_options options = {.struct_size = sizeof options,
                                  .max_width = WIDE,
                                  .max_bytes = 3 * WIDE};
    assert_non_null(rgb);
    assert_int_equal(fmgcam_imageio_read_memory(b.data, b.size, &options, rgb,
                                                3 * WIDE, 3 * WIDE, NULL, TEXT),
                     LIMIT);
    assert_string_equal(error_text,
                        "a row of 4400000 bytes is beyond the limit "
                        "of 3300000");
    free(rgb);
    free(raw);
    drop(&b);
}

static void test_read_buffer_size(void **state)
{
    (void)state;
    jpeg_spec j = rgb_spec(20, 10);
    png_spec p = {.width = 20,
                  .height = 10,
                  .color_type = PNG_COLOR_TYPE_RGBA,
                  .bit_depth = 8};
    uint8_t *raw = random_raw(&p);
    p.raw = raw;
    bytes files[2] = {make_png(&p), make_jpeg(&j)};
    for (int i = 0; i < 2; i++) {
        canvas v = new_canvas(20, 10);
        image_info info = {.struct_size = sizeof info};
        store(at("buffer"), files[i].data, files[i].size);
        const fmgcam_imageio_status short_by_one = fmgcam_imageio_read_file(
            at("buffer"), NULL, v.rgb, v.size - 1, v.stride, &info, TEXT);
        assert_int_equal(short_by_one, BUFFER_SIZE);
        assert_text("needs");
        assert_int_equal(info.width, 20); /* enough to try again */
        assert_int_equal(info.height, 10);
        assert_int_equal(fmgcam_imageio_read_memory(files[i].data,
                                                    files[i].size, NULL, v.rgb,
                                                    v.size, 59, NULL, TEXT),
                         BUFFER_SIZE);
        assert_text("row stride 59 is less than the 60");
        assert_int_equal(
            fmgcam_imageio_read_memory(files[i].data, files[i].size, NULL,
                                       v.rgb, v.size, SIZE_MAX, NULL, TEXT),
            BUFFER_SIZE);
        check_canaries(&v);
        assert_int_equal(v.rgb[0], CANARY); /* nothing was written */
        assert_int_equal(fmgcam_imageio_read_file(at("buffer"), NULL, v.rgb,
                                                  v.size, v.stride, NULL, NULL,
                                                  0),
                         OK);
        free(v.rgb);
        drop(&files[i]);
    }
    free(raw);
}

/* ---- Arguments ----------------------------------------------------------- */

static bytes small_png(void)
{
    const png_spec s = {.width = 1,
                        .height = 1,
                        .color_type = PNG_COLOR_TYPE_RGB,
                        .bit_depth = 8,
                        .raw = (const uint8_t *)"abc"};
    return make_png(&s);
}

static void test_read_arguments(void **state)
{
    (void)state;
    bytes b = small_png();
    store(at("small.png"), b.data, b.size);
    const char *path = at("small.png");
    uint8_t rgb[3];
    image_info info = {.struct_size = sizeof info};

    assert_int_equal(fmgcam_imageio_probe_file(NULL, NULL, &info, TEXT),
                     ARGUMENT);
    assert_string_equal(error_text, "path is NULL");
    assert_int_equal(fmgcam_imageio_probe_file(path, NULL, NULL, TEXT),
                     ARGUMENT);
    assert_int_equal(fmgcam_imageio_probe_memory(NULL, 0, NULL, &info, TEXT),
                     ARGUMENT);
    assert_int_equal(
        fmgcam_imageio_probe_memory(b.data, b.size, NULL, NULL, TEXT),
        ARGUMENT);
    assert_int_equal(
        fmgcam_imageio_read_file(NULL, NULL, rgb, 3, 3, NULL, TEXT), ARGUMENT);
    assert_int_equal(
        fmgcam_imageio_read_file(path, NULL, NULL, 3, 3, NULL, TEXT), ARGUMENT);
    assert_int_equal(
        fmgcam_imageio_read_memory(NULL, 9, NULL, rgb, 3, 3, NULL, TEXT),
        ARGUMENT);
    assert_int_equal(fmgcam_imageio_read_memory(b.data, b.size, NULL, NULL, 3,
                                                3, NULL, TEXT),
                     ARGUMENT);
    assert_int_equal(fmgcam_imageio_read_memory(b.data, b.size, NULL, rgb, 3, 3,
                                                NULL, NULL, 9),
                     ARGUMENT); /* size of no buffer */
    char none = 'x';
    assert_int_equal(fmgcam_imageio_read_memory(b.data, b.size, NULL, rgb, 3, 3,
                                                NULL, &none, 0),
                     OK);
    assert_int_equal(none, 'x');
    assert_memory_equal(rgb, "abc", 3);

    read_options options = {.struct_size = sizeof options, .flags = 2};
    assert_int_equal(fmgcam_imageio_probe_file(path, &options, &info, TEXT),
                     ARGUMENT);
    options.flags = 0;
    options.background = 0x1000000;
    assert_int_equal(
        fmgcam_imageio_read_file(path, &options, rgb, 3, 3, NULL, TEXT),
        ARGUMENT);
    drop(&b);
}

/* Sentences are shortened, and always terminated. */
static void test_error_text(void **state)
{
    (void)state;
    image_info info = {.struct_size = sizeof info};
    for (size_t size = 1; size < 8; size++) {
        char text[8];
        memset(text, 'x', sizeof text);
        assert_int_equal(
            fmgcam_imageio_probe_file(NULL, NULL, &info, text, size), ARGUMENT);
        assert_int_equal(strlen(text), size - 1);
        assert_memory_equal(text, "path is NULL", size - 1);
    }
}

/* Structs of callers that are older or newer than the library. */
static void test_struct_sizes(void **state)
{
    (void)state;
    bytes b = small_png();
    uint8_t rgb[3];
    struct {
        read_options known;
        uint8_t later[16];
    } options = {.known = {.struct_size = sizeof options}};
    assert_int_equal(fmgcam_imageio_read_memory(b.data, b.size, &options.known,
                                                rgb, 3, 3, NULL, TEXT),
                     OK);
    options.later[15] = 1;
    assert_int_equal(fmgcam_imageio_read_memory(b.data, b.size, &options.known,
                                                rgb, 3, 3, NULL, TEXT),
                     UNSUPPORTED);
    static const size_t odd[] = {0, 1, sizeof(read_options) - 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        options.known.struct_size = odd[i];
        assert_int_equal(fmgcam_imageio_read_memory(b.data, b.size,
                                                    &options.known, rgb, 3, 3,
                                                    NULL, TEXT),
                         ARGUMENT);
    }

    struct {
        image_info known;
        uint8_t later[8];
        uint8_t behind[8];
    } info;
    memset(&info, 0xAA, sizeof info);
    info.known.struct_size = sizeof info.known + sizeof info.later;
    assert_int_equal(
        fmgcam_imageio_probe_memory(b.data, b.size, NULL, &info.known, TEXT),
        OK);
    assert_int_equal(info.known.struct_size,
                     sizeof info.known + sizeof info.later);
    assert_int_equal(info.known.kind, FMGCAM_IMAGEIO_PNG);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(info.later[i], 0); /* unknown is nothing */
        assert_int_equal(info.behind[i], 0xAA);
    }
    info.known.struct_size = sizeof info.known - 1;
    info.known.kind = 77;
    assert_int_equal(
        fmgcam_imageio_probe_memory(b.data, b.size, NULL, &info.known, TEXT),
        ARGUMENT);
    assert_int_equal(info.known.kind, 77);

    struct {
        write_options known;
        uint8_t later[8];
    } write = {
        .known = {.struct_size = sizeof write, .kind = FMGCAM_IMAGEIO_PNG}};
    uint8_t out[200];
    size_t size;
    assert_int_equal(fmgcam_imageio_write_memory(out, sizeof out, &size,
                                                 &write.known, rgb, 1, 1, 3,
                                                 TEXT),
                     OK);
    write.later[0] = 1;
    assert_int_equal(fmgcam_imageio_write_memory(out, sizeof out, &size,
                                                 &write.known, rgb, 1, 1, 3,
                                                 TEXT),
                     UNSUPPORTED);
    write.known.struct_size = sizeof write.known - 1;
    assert_int_equal(fmgcam_imageio_write_memory(out, sizeof out, &size,
                                                 &write.known, rgb, 1, 1, 3,
                                                 TEXT),
                     ARGUMENT);
    drop(&b);
}

static int32_t take_all(void *opaque, const void *data, size_t size)
{
    append(opaque, data, size);
    return 0;
}

static const write_options as_png = {.struct_size = sizeof as_png,
                                     .kind = FMGCAM_IMAGEIO_PNG};
static const write_options as_jpeg = {.struct_size = sizeof as_jpeg,
                                      .kind = FMGCAM_IMAGEIO_JPEG};

static fmgcam_imageio_status stream_with(const write_options *options,
                                         const uint8_t *rgb, uint32_t width,
                                         uint32_t height, size_t stride)
{
    bytes out = {NULL, 0};
    const fmgcam_imageio_status status = fmgcam_imageio_write_stream(
        take_all, &out, options, rgb, width, height, stride, TEXT);
    assert_int_equal(status == OK, out.size > 0);
    assert_int_equal(status == OK, error_text[0] == '\0');
    drop(&out);
    return status;
}

static void test_write_arguments(void **state)
{
    (void)state;
    const uint8_t rgb[3] = {1, 2, 3};
    uint8_t out[1000];
    size_t size = 0;
    assert_int_equal(stream_with(&as_png, rgb, 1, 1, 3), OK);
    assert_int_equal(stream_with(NULL, rgb, 1, 1, 3), ARGUMENT);
    assert_int_equal(stream_with(&as_png, NULL, 1, 1, 3), ARGUMENT);
    assert_int_equal(stream_with(&as_png, rgb, 0, 1, 3), ARGUMENT);
    assert_int_equal(stream_with(&as_png, rgb, 1, 0, 3), ARGUMENT);
    assert_int_equal(stream_with(&as_png, rgb, 1, 1, 2), ARGUMENT);
    assert_int_equal(stream_with(&as_png, rgb, 1, 3, SIZE_MAX / 2), ARGUMENT);
    write_options odd = {.struct_size = sizeof odd};
    assert_int_equal(stream_with(&odd, rgb, 1, 1, 3), ARGUMENT); /* no kind */
    odd.kind = 3;
    assert_int_equal(stream_with(&odd, rgb, 1, 1, 3), ARGUMENT);
    odd = as_jpeg;
    odd.jpeg_quality = 101;
    assert_int_equal(stream_with(&odd, rgb, 1, 1, 3), ARGUMENT);
    odd.jpeg_quality = 100;
    odd.jpeg_subsampling = 4;
    assert_int_equal(stream_with(&odd, rgb, 1, 1, 3), ARGUMENT);
    odd.jpeg_subsampling = FMGCAM_IMAGEIO_SUBSAMPLING_420;
    odd.png_compression = 10;
    assert_int_equal(stream_with(&odd, rgb, 1, 1, 3), ARGUMENT);
    odd.png_compression = 9;
    assert_int_equal(stream_with(&odd, rgb, 1, 1, 3), OK);

    /* More than the format can hold; the pixels are not looked at. */
    assert_int_equal(stream_with(&as_jpeg, rgb, 65501, 1, 65501 * 3),
                     UNSUPPORTED);
    assert_text("65501");
    assert_int_equal(stream_with(&as_jpeg, rgb, 1, 65501, 3), UNSUPPORTED);
    if (SIZE_MAX > UINT32_MAX) {
        const size_t stride = (size_t)UINT32_MAX * 3;
        assert_int_equal(stream_with(&as_png, rgb, 0x80000000U, 1, stride),
                         UNSUPPORTED);
        assert_int_equal(stream_with(&as_png, rgb, 1, 0x80000000U, 3),
                         UNSUPPORTED);
    }

    assert_int_equal(
        fmgcam_imageio_write_stream(NULL, NULL, &as_png, rgb, 1, 1, 3, TEXT),
        ARGUMENT);
    assert_int_equal(fmgcam_imageio_write_memory(out, sizeof out, NULL, &as_png,
                                                 rgb, 1, 1, 3, TEXT),
                     ARGUMENT);
    assert_int_equal(fmgcam_imageio_write_memory(NULL, 1, &size, &as_png, rgb,
                                                 1, 1, 3, TEXT),
                     ARGUMENT);
    assert_int_equal(fmgcam_imageio_write_memory(out, sizeof out, &size,
                                                 &as_jpeg, rgb, 65501, 1,
                                                 65501 * 3, TEXT),
                     UNSUPPORTED);
    assert_int_equal(
        fmgcam_imageio_write_file(NULL, &as_png, rgb, 1, 1, 3, TEXT), ARGUMENT);
    const int before = count_files();
    assert_int_equal(fmgcam_imageio_write_file(at("never"), &as_jpeg, rgb,
                                               65501, 1, 65501 * 3, TEXT),
                     UNSUPPORTED);
    assert_int_equal(
        fmgcam_imageio_write_file(at("never"), NULL, rgb, 1, 1, 3, TEXT),
        ARGUMENT);
    assert_int_equal(count_files(), before);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(fmgcam_imageio_version(), FMGCAM_VERSION);
    for (fmgcam_imageio_status a = 0; a <= BUFFER_SIZE; a++)
        for (fmgcam_imageio_status b = 0; b < a; b++)
            assert_string_not_equal(fmgcam_imageio_status_string(a),
                                    fmgcam_imageio_status_string(b));
    assert_string_equal(fmgcam_imageio_status_string(0), "ok");
    assert_string_equal(fmgcam_imageio_status_string(-1),
                        fmgcam_imageio_status_string(8));
}

/* ---- Writing: what is in the file ---------------------------------------- */

/* A picture with padding between its rows that must not be written. */
static canvas new_picture(uint32_t width, uint32_t height)
{
    canvas v = new_canvas(width, height);
    random_state = width * 31 + height;
    for (uint32_t y = 0; y < height; y++)
        for (size_t i = 0; i < (size_t)3 * width; i++)
            v.rgb[y * v.stride + i] =
                (uint8_t)((next_random() >> 9 & 15) + 200 * y / height);
    return v;
}

static bytes write_bytes(const canvas *v, const write_options *options)
{
    bytes out = {NULL, 0};
    const fmgcam_imageio_status status = fmgcam_imageio_write_stream(
        take_all, &out, options, v->rgb, v->width, v->height, v->stride, TEXT);
    assert_string_equal(error_text, "");
    assert_int_equal(status, OK);
    return out;
}

static void assert_same_picture(const canvas *a, const canvas *b, int most)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    for (uint32_t y = 0; y < a->height; y++)
        for (size_t i = 0; i < (size_t)3 * a->width; i++)
            if (!near_to(a->rgb[y * a->stride + i], b->rgb[y * b->stride + i],
                         most))
                fail_msg("row %u byte %zu: %u and %u", y, i,
                         a->rgb[y * a->stride + i], b->rgb[y * b->stride + i]);
}

static void test_png_round_trip(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {3, 50}, {257, 66}};
    for (size_t i = 0; i < 3; i++) {
        canvas v = new_picture(sizes[i][0], sizes[i][1]);
        bytes b = write_bytes(&v, &as_png);
        image_info info;
        canvas back = must_read(&b, NULL, &info);
        assert_same_picture(&v, &back, 0);
        assert_int_equal(info.notes, 0);
        free(back.rgb);

        assert_int_equal(fmgcam_imageio_write_file(at("trip.png"), &as_png,
                                                   v.rgb, v.width, v.height,
                                                   v.stride, TEXT),
                         OK);
        bytes file = load(at("trip.png"));
        assert_int_equal(file.size, b.size);
        assert_memory_equal(file.data, b.data, b.size);
        back = new_canvas(v.width, v.height);
        info = (image_info){.struct_size = sizeof info};
        assert_int_equal(
            fmgcam_imageio_probe_file(at("trip.png"), NULL, &info, TEXT), OK);
        assert_int_equal(info.width, v.width);
        assert_int_equal(info.height, v.height);
        assert_int_equal(fmgcam_imageio_read_file(at("trip.png"), NULL,
                                                  back.rgb, back.size,
                                                  back.stride, NULL, TEXT),
                         OK);
        assert_same_picture(&v, &back, 0);
        check_canaries(&back);
        check_canaries(&v);
        free(back.rgb);
        drop(&file);
        drop(&b);
        free(v.rgb);
    }
}

static void test_png_compression(void **state)
{
    (void)state;
    canvas v = new_picture(200, 200);
    size_t sizes[10] = {0};
    for (uint32_t level = 0; level <= 9; level++) {
        write_options options = as_png;
        options.png_compression = level;
        bytes b = write_bytes(&v, &options);
        sizes[level] = b.size;
        drop(&b);
    }
    assert_int_equal(sizes[0], sizes[6]);
    assert_true(sizes[9] < sizes[1]);
    free(v.rgb);
}

static void check_jpeg_parameters(const write_options *options, int quality,
                                  int luma_h, int luma_v)
{
    canvas v = new_picture(64, 48);
    bytes b = write_bytes(&v, options);

    struct jpeg_error_mgr errors;
    struct jpeg_compress_struct wanted;
    wanted.err = jpeg_std_error(&errors);
    jpeg_create_compress(&wanted);
    wanted.in_color_space = JCS_RGB;
    wanted.input_components = 3;
    jpeg_set_defaults(&wanted);
    jpeg_set_quality(&wanted, quality, TRUE);

    struct jpeg_decompress_struct d;
    d.err = &errors;
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, b.data, (unsigned long)b.size);
    jpeg_read_header(&d, TRUE);
    assert_int_equal(d.jpeg_color_space, JCS_YCbCr);
    assert_int_equal(d.comp_info[0].h_samp_factor, luma_h);
    assert_int_equal(d.comp_info[0].v_samp_factor, luma_v);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(d.comp_info[i].h_samp_factor, 1);
        assert_int_equal(d.comp_info[i].v_samp_factor, 1);
    }
    for (int i = 0; i < 2; i++)
        assert_memory_equal(d.quant_tbl_ptrs[i]->quantval,
                            wanted.quant_tbl_ptrs[i]->quantval,
                            sizeof wanted.quant_tbl_ptrs[i]->quantval);
    /* Huffman tables of its own are what optimizing means. */
    assert_memory_not_equal(d.ac_huff_tbl_ptrs[0]->bits,
                            wanted.ac_huff_tbl_ptrs[0]->bits, 17);
    jpeg_destroy_decompress(&d);
    jpeg_destroy_compress(&wanted);
    drop(&b);
    free(v.rgb);
}

static void test_jpeg_parameters(void **state)
{
    (void)state;
    write_options options = as_jpeg;
    check_jpeg_parameters(&options, 95, 1, 1);
    options.jpeg_quality = 40;
    options.jpeg_subsampling = FMGCAM_IMAGEIO_SUBSAMPLING_444;
    check_jpeg_parameters(&options, 40, 1, 1);
    options.jpeg_quality = 1;
    options.jpeg_subsampling = FMGCAM_IMAGEIO_SUBSAMPLING_422;
    check_jpeg_parameters(&options, 1, 2, 1);
    options.jpeg_quality = 100;
    options.jpeg_subsampling = FMGCAM_IMAGEIO_SUBSAMPLING_420;
    check_jpeg_parameters(&options, 100, 2, 2);
}

static void test_jpeg_round_trip(void **state)
{
    (void)state;
    canvas v = new_canvas(121, 75);
    for (uint32_t y = 0; y < v.height; y++)
        for (uint32_t x = 0; x < v.width; x++)
            block_pixel(x, y, v.rgb + y * v.stride + (size_t)3 * x);
    bytes b = write_bytes(&v, &as_jpeg);
    image_info info;
    canvas back = must_read(&b, NULL, &info);
    assert_int_equal(info.kind, FMGCAM_IMAGEIO_JPEG);
    assert_same_picture(&v, &back, 6); /* steps of quality 95 are 2 to 10 */
    free(back.rgb);
    free(v.rgb);
    drop(&b);
}

static void test_write_memory(void **state)
{
    (void)state;
    canvas v = new_picture(90, 90);
    const write_options *kinds[2] = {&as_png, &as_jpeg};
    for (int i = 0; i < 2; i++) {
        bytes whole = write_bytes(&v, kinds[i]);
        size_t size = 1;
        assert_int_equal(fmgcam_imageio_write_memory(NULL, 0, &size, kinds[i],
                                                     v.rgb, v.width, v.height,
                                                     v.stride, TEXT),
                         BUFFER_SIZE);
        assert_int_equal(size, whole.size);
        uint8_t *out = new_bytes(size + 1);
        out[size] = CANARY;
        out[size - 1] = CANARY;
        assert_int_equal(fmgcam_imageio_write_memory(out, size - 1, &size,
                                                     kinds[i], v.rgb, v.width,
                                                     v.height, v.stride, TEXT),
                         BUFFER_SIZE);
        assert_int_equal(size, whole.size);
        assert_int_equal(out[size - 1], CANARY);
        assert_int_equal(fmgcam_imageio_write_memory(out, size, &size, kinds[i],
                                                     v.rgb, v.width, v.height,
                                                     v.stride, TEXT),
                         OK);
        assert_string_equal(error_text, "");
        assert_int_equal(size, whole.size);
        assert_int_equal(out[size], CANARY);
        assert_memory_equal(out, whole.data, size);
        free(out);
        drop(&whole);
    }
    free(v.rgb);
}

typedef struct stopper {
    int calls_left;
    int calls_after;
} stopper;

static int32_t stop_later(void *opaque, const void *data, size_t size)
{
    stopper *s = opaque;
    assert_non_null(data);
    assert_true(size > 0);
    if (s->calls_left < 0)
        s->calls_after++;
    return s->calls_left-- > 0 ? 0 : -42;
}

/* A callback that fails is not called again. */
static void test_write_stopped(void **state)
{
    (void)state;
    canvas v = new_picture(120, 120);
    const write_options *kinds[2] = {&as_png, &as_jpeg};
    for (int i = 0; i < 2; i++)
        for (int calls = 0; calls < 100; calls++) {
            stopper s = {calls, 0};
            const fmgcam_imageio_status status =
                fmgcam_imageio_write_stream(stop_later, &s, kinds[i], v.rgb,
                                            v.width, v.height, v.stride, TEXT);
            assert_int_equal(s.calls_after, 0);
            if (s.calls_left >= 0) {
                assert_int_equal(status, OK);
                assert_true(calls > 1);
                break;
            }
            assert_int_equal(status, FILE_ERROR);
            assert_text("-42");
        }
    free(v.rgb);
}

/* ---- Files --------------------------------------------------------------- */

static fmgcam_imageio_status write_small(const char *path, uint8_t value)
{
    uint8_t rgb[3 * 8 * 8];
    memset(rgb, value, sizeof rgb);
    const fmgcam_imageio_status status =
        fmgcam_imageio_write_file(path, &as_png, rgb, 8, 8, 24, TEXT);
    assert_int_equal(status == OK, error_text[0] == '\0');
    return status;
}

static void assert_small(const char *path, uint8_t value)
{
    uint8_t rgb[3 * 8 * 8] = {0};
    assert_int_equal(
        fmgcam_imageio_read_file(path, NULL, rgb, sizeof rgb, 24, NULL, TEXT),
        OK);
    for (size_t i = 0; i < sizeof rgb; i++)
        assert_int_equal(rgb[i], value);
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode;
}

static void test_read_no_file(void **state)
{
    (void)state;
    uint8_t rgb[3];
    image_info info = {.struct_size = sizeof info};
    assert_int_equal(fmgcam_imageio_probe_file(at("absent"), NULL, &info, TEXT),
                     FILE_ERROR);
    assert_text("cannot open: ");
    assert_text(strerror(ENOENT));
    assert_null(strstr(error_text, "absent"));
    assert_int_equal(
        fmgcam_imageio_read_file(folder, NULL, rgb, 3, 3, NULL, TEXT),
        FILE_ERROR);
    assert_text("cannot read: ");
    assert_int_equal(fmgcam_imageio_probe_file("", NULL, &info, TEXT),
                     FILE_ERROR);
}

static void test_write_modes(void **state)
{
    (void)state;
    const mode_t mask = umask(027);
    assert_int_equal(write_small(at("mode.png"), 1), OK);
    assert_int_equal(mode_of(at("mode.png")) & 07777, 0640);
    umask(mask);
    assert_int_equal(chmod(at("mode.png"), 0602), 0);
    assert_int_equal(write_small(at("mode.png"), 2), OK);
    assert_int_equal(mode_of(at("mode.png")) & 07777, 0602);
    assert_small(at("mode.png"), 2);

    if (geteuid() != 0) { /* root may write everything */
        assert_int_equal(chmod(at("mode.png"), 0444), 0);
        assert_int_equal(write_small(at("mode.png"), 3), FILE_ERROR);
        assert_small(at("mode.png"), 2);
    }
    empty_folder();
}

static void test_write_links(void **state)
{
    (void)state;
    assert_int_equal(mkdir(at("sub"), 0700), 0);
    assert_int_equal(write_small(at("sub/real.png"), 1), OK);
    assert_int_equal(symlink("sub/real.png", at("one.png")), 0);
    assert_int_equal(symlink("one.png", at("two.png")), 0);
    assert_int_equal(write_small(at("two.png"), 2), OK);
    assert_true(S_ISLNK(mode_of(at("two.png"))));
    assert_true(S_ISLNK(mode_of(at("one.png"))));
    assert_true(S_ISREG(mode_of(at("sub/real.png"))));
    assert_small(at("sub/real.png"), 2);

    assert_int_equal(symlink("sub/new.png", at("dangling.png")), 0);
    assert_int_equal(write_small(at("dangling.png"), 3), OK);
    assert_true(S_ISLNK(mode_of(at("dangling.png"))));
    assert_true(S_ISREG(mode_of(at("sub/new.png"))));
    assert_small(at("sub/new.png"), 3);

    assert_int_equal(symlink(at("sub/abs.png"), at("absolute.png")), 0);
    assert_int_equal(write_small(at("absolute.png"), 4), OK);
    assert_small(at("sub/abs.png"), 4);

    assert_int_equal(symlink("loop", at("loop")), 0);
    assert_int_equal(write_small(at("loop"), 5), FILE_ERROR);
    assert_text(strerror(ELOOP));

    unlink(at("sub/real.png"));
    unlink(at("sub/new.png"));
    unlink(at("sub/abs.png"));
    assert_int_equal(rmdir(at("sub")), 0); /* no temporary file is in it */
    empty_folder();
}

/* What is written in them is read into memory that grows by doubling. */
static void test_write_links_of_many_lengths(void **state)
{
    (void)state;
    static const size_t lengths[] = {255, 256, 257, 511, 512, 513};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char text[1024] = "";
        const char *name = lengths[i] % 2 ? "a.png" : "ab.png";
        while (strlen(text) + strlen(name) < lengths[i])
            strcat(text, "./");
        strcat(text, name);
        assert_int_equal(strlen(text), lengths[i]);
        assert_int_equal(symlink(text, at("long.png")), 0);
        assert_int_equal(write_small(at("long.png"), (uint8_t)i), OK);
        assert_small(at(name), (uint8_t)i);
        unlink(at("long.png"));
    }
    empty_folder();
}

static void test_write_bad_paths(void **state)
{
    (void)state;
    store(at("file"), "x", 1);
    const int before = count_files();
    assert_int_equal(write_small(folder, 1), FILE_ERROR);
    assert_text(strerror(EISDIR));
    assert_int_equal(write_small(at("file/below.png"), 1), FILE_ERROR);
    assert_text(strerror(ENOTDIR));
    assert_int_equal(write_small(at("none/below.png"), 1), FILE_ERROR);
    assert_text("cannot open: ");
    assert_text(strerror(ENOENT));
    assert_int_equal(write_small("", 1), FILE_ERROR);
    char name[400];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(write_small(at(name), 1), FILE_ERROR);
    /* The longest name that is allowed leaves no room to append to it. */
    name[255] = '\0';
    assert_int_equal(write_small(at(name), 1), OK);
    assert_small(at(name), 1);
    unlink(at(name));
    assert_int_equal(count_files(), before);

    /* Non-ASCII names, and names without a folder. */
    assert_int_equal(write_small(at("Bl\xC3\xA4tter \xE2\x82\xAC.png"), 6), OK);
    assert_small(at("Bl\xC3\xA4tter \xE2\x82\xAC.png"), 6);
    char here[1024];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(write_small("plain.png", 7), OK);
    assert_int_equal(chdir(here), 0);
    assert_small(at("plain.png"), 7);
    empty_folder();
}

/* A device like @p original for the tests to write to. A broken library could
 * put a file in the place of a device; where we have the right to do that in
 * /dev, it must be a device of our own. NULL if there is none. */
static const char *safe_device(const char *original, const char *name)
{
    struct stat status;
    if (stat(original, &status) != 0 || !S_ISCHR(status.st_mode))
        return NULL;
    if (access("/dev", W_OK) != 0)
        return original;
    const char *path = at(name);
    if (mknod(path, S_IFCHR | 0600, status.st_rdev) != 0)
        return NULL;
    const int descriptor = open(path, O_WRONLY); /* no devices in /tmp? */
    if (descriptor < 0)
        return NULL;
    close(descriptor);
    return path;
}

static void test_devices(void **state)
{
    (void)state;
    const char *full = safe_device("/dev/full", "full");
    const char *null = safe_device("/dev/null", "null");
    if (!full || !null) {
        empty_folder();
        skip();
    }
    assert_int_equal(write_small(full, 1), FILE_ERROR);
    assert_text(strerror(ENOSPC));
    canvas v = new_picture(300, 300); /* more than a buffer: fails earlier */
    const write_options *kinds[2] = {&as_png, &as_jpeg};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fmgcam_imageio_write_file(full, kinds[i], v.rgb,
                                                   v.width, v.height, v.stride,
                                                   TEXT),
                         FILE_ERROR);
        assert_text("cannot write: ");
        assert_text(strerror(ENOSPC));
    }
    assert_true(S_ISCHR(mode_of(full)));
    free(v.rgb);
    assert_int_equal(write_small(null, 1), OK);
    assert_true(S_ISCHR(mode_of(null)));
    empty_folder();
}

#ifdef FMGCAM_COVERAGE
/* _exit() alone would lose what the child has counted, and what it may no longer
 * have is needed to write it. */
void __gcov_dump(void);

static void keep_counts(void)
{
    const int limited[] = {RLIMIT_AS, RLIMIT_FSIZE};
    for (size_t i = 0; i < sizeof limited / sizeof *limited; i++) {
        struct rlimit limit;
        getrlimit(limited[i], &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(limited[i], &limit);
    }
    __gcov_dump();
}
#else
static void keep_counts(void)
{
}
#endif

/* Run @p child in a process of its own and return its exit status. */
static int run_child(int (*child)(const void *), const void *argument)
{
    fflush(NULL);
    const pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        const int result = child(argument);
        keep_counts();
        _exit(result);
    }
    int status = 0;
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* The disk is full after 5000 bytes. */
static int write_with_little_space(const void *argument)
{
    const canvas *v = argument;
    const struct rlimit limit = {5000, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    const fmgcam_imageio_status status =
        fmgcam_imageio_write_file(at("earlier.png"), &as_png, v->rgb, v->width,
                                  v->height, v->stride, TEXT);
    return status == FILE_ERROR && strstr(error_text, strerror(EFBIG)) ? 0 : 1;
}

static void test_earlier_file_survives(void **state)
{
    (void)state;
    assert_int_equal(write_small(at("earlier.png"), 9), OK);
    const int before = count_files();
    canvas v = new_picture(200, 200);
    assert_int_equal(run_child(write_with_little_space, &v), 0);
    assert_small(at("earlier.png"), 9);
    assert_int_equal(count_files(), before);
    free(v.rgb);
    empty_folder();
}

static int write_to_pipe(const void *argument)
{
    return write_small(argument, 11);
}

static void test_pipe(void **state)
{
    (void)state;
    const char *path = at("pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    fflush(NULL);
    const pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0)
        _exit(write_to_pipe(path));
    assert_small(path, 11); /* reading needs no seeking either */
    int status = 1;
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_int_equal(status, 0);
    assert_true(S_ISFIFO(mode_of(path)));
    assert_int_equal(count_files(), 1);
    empty_folder();
}

/* ---- Out of memory ------------------------------------------------------- */

/* Use up what malloc has. It may keep small pieces for requests of their very
 * size, so that below 2 KiB every size is asked for. */
static void exhaust_memory(void)
{
    void **last = NULL;
    for (size_t size = 1 << 20; size >= sizeof(void *);
         size = size > 2048 ? size / 2 : size - sizeof(void *)) {
        void **block;
        while ((block = malloc(size))) {
            *block = last; /* keeps the compiler from seeing through it */
            last = block;
        }
    }
}

typedef struct memory_case {
    bytes png, jpeg;
    canvas picture;
} memory_case;

static fmgcam_imageio_status run_without_memory(const memory_case *m, int which)
{
    static uint8_t out[1 << 16];
    image_info info = {.struct_size = sizeof info};
    size_t size;
    const bytes *b = which % 2 ? &m->jpeg : &m->png;
    const write_options *kind = which % 2 ? &as_jpeg : &as_png;
    const canvas *v = &m->picture;
    stopper never = {1000000, 0};
    switch (which / 2) {
    case 0:
        return fmgcam_imageio_probe_memory(b->data, b->size, NULL, &info, TEXT);
    case 1:
        return fmgcam_imageio_read_memory(b->data, b->size, NULL, v->rgb,
                                          v->size, v->stride, NULL, TEXT);
    case 2:
        return fmgcam_imageio_write_memory(out, sizeof out, &size, kind, v->rgb,
                                           v->width, v->height, v->stride,
                                           TEXT);
    case 3:
        return fmgcam_imageio_write_stream(stop_later, &never, kind, v->rgb,
                                           v->width, v->height, v->stride,
                                           TEXT);
    case 4:
        return fmgcam_imageio_write_file(at("m"), kind, v->rgb, v->width,
                                         v->height, v->stride, TEXT);
    case 5:
        return fmgcam_imageio_probe_file(at("memory.png"), NULL, &info, TEXT);
    default:
        return fmgcam_imageio_read_file(at("memory.png"), NULL, v->rgb, v->size,
                                        v->stride, NULL, TEXT);
    }
}

/* As qemu has none. */
enum { NO_SUCH_LIMIT = 101 };

static rlim_t memory_in_use(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* To @p more than the process had when it used @p used. @return whether it holds. */
static int limit_memory(rlim_t used, rlim_t more)
{
    const struct rlimit limit = {used + more, RLIM_INFINITY};
    if (used == 0 || setrlimit(RLIMIT_AS, &limit) != 0)
        return 0;
    void *volatile beyond = malloc(limit.rlim_cur);
    free(beyond);
    return !beyond;
}

/* Sanitizers and valgrind have one of their own, which no limit stops. */
static void skip_with_another_malloc(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    if (SANITIZED || (preloaded && strstr(preloaded, "vgpreload")))
        skip();
}

static void skip_without_limit(int result)
{
    if (result == NO_SUCH_LIMIT && !getenv("FMGCAM_TEST_NO_SKIP"))
        skip();
}

static int call_without_memory(const void *argument)
{
    const memory_case *m = argument;
    volatile uint8_t stack[1 << 16]; /* so that it need not grow later */
    for (size_t i = 0; i < sizeof stack; i += 1024)
        stack[i] = 0;
    if (!limit_memory(memory_in_use(), 1 << 20))
        return NO_SUCH_LIMIT;
    exhaust_memory();
    for (int which = 0; which < 14; which++)
        if (run_without_memory(m, which) != NO_MEMORY)
            return which + 1;
    return 0;
}

enum { WIDE = 25000000 };

typedef struct wide_case {
    bytes png; /* one row of WIDE pixels with alpha, and no data of it */
    uint8_t *rgb;
} wide_case;

/* @return how often there was too little, with more of it each time. */
static int read_a_wide_row(const void *argument)
{
    const wide_case *w = argument;
    const read_options options = {.struct_size = sizeof options,
                                  .max_width = WIDE,
                                  .max_bytes = UINT64_MAX};
    const rlim_t used = memory_in_use();
    int refused = 0;
    for (rlim_t megabytes = 10; megabytes < 1000; megabytes += 50) {
        if (!limit_memory(used, megabytes << 20))
            return NO_SUCH_LIMIT;
        const fmgcam_imageio_status status = fmgcam_imageio_read_memory(
            w->png.data, w->png.size, &options, w->rgb, (size_t)3 * WIDE,
            (size_t)3 * WIDE, NULL, TEXT);
        if (status != NO_MEMORY)
            return status == FORMAT ? refused : 102;
        refused++;
    }
    return 103;
}

/* The rows of libpng do not fit, then that of the library, then all do. */
static void test_no_memory_for_rows(void **state)
{
    (void)state;
    skip_with_another_malloc();
    png_spec s = {.width = 2,
                  .height = 1,
                  .color_type = PNG_COLOR_TYPE_RGBA,
                  .bit_depth = 8};
    uint8_t *raw = random_raw(&s);
    s.raw = raw;
    wide_case w = {make_png(&s), malloc((size_t)3 * WIDE)};
    assert_non_null(w.rgb);
    set_png_size(&w.png, WIDE, 1);
    const int refused = run_child(read_a_wide_row, &w);
    free(w.rgb);
    free(raw);
    drop(&w.png);
    skip_without_limit(refused);
    assert_in_range(refused, 5, 20);
}

static void test_no_memory(void **state)
{
    (void)state;
    skip_with_another_malloc();
    memory_case m;
    m.picture = new_picture(64, 64);
    m.png = write_bytes(&m.picture, &as_png);
    m.jpeg = write_bytes(&m.picture, &as_jpeg);
    store(at("memory.png"), m.png.data, m.png.size);
    const int failed = run_child(call_without_memory, &m);
    free(m.picture.rgb);
    drop(&m.png);
    drop(&m.jpeg);
    empty_folder();
    skip_without_limit(failed);
    assert_int_equal(failed, 0);
}

/* -------------------------------------------------------------------------- */

static int make_folder(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/fmgcam-imageio-XXXXXX",
             parent && parent[0] ? parent : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    empty_folder();
    return rmdir(folder);
}

static void test_constants_keep_their_numbers(void **state)
{
    (void)state;
#define CONSTANT(name, number) assert_int_equal(name, number);
#include "abi/imageio_constants.h"
#undef CONSTANT
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constants_keep_their_numbers),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_png_kinds),
        cmocka_unit_test(test_png_palette),
        cmocka_unit_test(test_png_transparent_color),
        cmocka_unit_test(test_png_background),
        cmocka_unit_test(test_png_chunks),
        cmocka_unit_test(test_png_damage),
        cmocka_unit_test(test_jpeg_kinds),
        cmocka_unit_test(test_jpeg_exact),
        cmocka_unit_test(test_jpeg_profile),
        cmocka_unit_test(test_jpeg_orientation),
        cmocka_unit_test(test_jpeg_damaged_exif),
        cmocka_unit_test(test_jpeg_unsupported),
        cmocka_unit_test(test_jpeg_damage),
        cmocka_unit_test(test_jpeg_missing_component),
        cmocka_unit_test(test_jpeg_scans),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_truncated_file),
        cmocka_unit_test(test_file_of_any_length),
        cmocka_unit_test(test_bit_flips),
        cmocka_unit_test(test_not_a_picture),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_decoder_memory),
        cmocka_unit_test(test_png_row_memory),
        cmocka_unit_test(test_read_buffer_size),
        cmocka_unit_test(test_read_arguments),
        cmocka_unit_test(test_error_text),
        cmocka_unit_test(test_struct_sizes),
        cmocka_unit_test(test_write_arguments),
        cmocka_unit_test(test_png_round_trip),
        cmocka_unit_test(test_png_compression),
        cmocka_unit_test(test_jpeg_parameters),
        cmocka_unit_test(test_jpeg_round_trip),
        cmocka_unit_test(test_write_memory),
        cmocka_unit_test(test_write_stopped),
        cmocka_unit_test(test_read_no_file),
        cmocka_unit_test(test_write_modes),
        cmocka_unit_test(test_write_links),
        cmocka_unit_test(test_write_links_of_many_lengths),
        cmocka_unit_test(test_write_bad_paths),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_earlier_file_survives),
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_no_memory_for_rows),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
