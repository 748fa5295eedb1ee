/* SPDX-License-Identifier: MIT */
/*
 * PNG by libpng. Its errors are long jumps: each function with setjmp has no
 * variable of its own that changes afterwards; what must be freed is in a struct
 * that the caller of that function owns.
 */
#include <inttypes.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define CHUNK_ICCP   UINT32_C(0x69434350)
#define CHUNK_IHDR   UINT32_C(0x49484452)
#define HEADER_BYTES 13

/* ---- Errors and memory, for both ways ------------------------------------ */

typedef struct png_failure {
    const fmgcam_imageio_error *error;
    fmgcam_imageio_status status;
    int no_memory;    /* malloc has failed */
    char warning[96]; /* the first; it often is the cause */
} png_failure;

static void on_error(png_structp png, png_const_charp message)
{
    png_failure *failure = png_get_error_ptr(png);
    if (failure->no_memory)
        failure->status = fmgcam_imageio_fail(
            failure->error, FMGCAM_IMAGEIO_NO_MEMORY, "out of memory");
    else if (!failure->status && failure->warning[0])
        failure->status =
            fmgcam_imageio_fail(failure->error, FMGCAM_IMAGEIO_FORMAT,
                                "damaged: %s (%s)", message, failure->warning);
    else if (!failure->status)
        failure->status = fmgcam_imageio_fail(
            failure->error, FMGCAM_IMAGEIO_FORMAT, "damaged: %s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    png_failure *failure = png_get_error_ptr(png);
    if (failure->warning[0])
        return;
    const size_t length = strlen(message);
    const size_t most = sizeof failure->warning - 1;
    memcpy(failure->warning, message, length < most ? length : most);
}

/* libpng reports a failed malloc like any other error; this tells it apart. */
static png_voidp allocate(png_structp png, png_alloc_size_t size)
{
    png_failure *failure = png_get_mem_ptr(png);
    void *memory = malloc(size);
    if (!memory)
        failure->no_memory = 1;
    return memory;
}

static void release(png_structp png, png_voidp memory)
{
    (void)png;
    free(memory);
}

/* ---- Reading ------------------------------------------------------------- */

typedef struct png_reader {
    png_failure failure;
    png_structp png;
    png_infop info;
    fmgcam_imageio_source *source;
    const fmgcam_imageio_limits *limits;
    const fmgcam_imageio_target *target;
    fmgcam_imageio_info *found;
    int has_profile;
    uint8_t *row;            /* one, unless rows go straight to the caller */
    uint8_t palette[256][3]; /* over the background */
    uint32_t palette_size;   /* 0: row is RGBA; else row is indices */
} png_reader;

/* What is too wide for libpng on a machine of 32 bits it calls damaged. */
static void check_width(png_reader *reader, const uint8_t *header)
{
    const uint64_t widest = SIZE_MAX / 8 - 64;
    const uint32_t width = png_get_uint_32(header);
    if (width <= widest || width > PNG_UINT_31_MAX)
        return;
    reader->failure.status = fmgcam_imageio_check_limits(
        reader->limits, width, 1, reader->failure.error);
    if (!reader->failure.status)
        reader->failure.status = fmgcam_imageio_fail(
            reader->failure.error, FMGCAM_IMAGEIO_LIMIT,
            "width %" PRIu32 " is beyond what libpng reads on this machine",
            width);
    png_error(reader->png, "too wide");
}

static void read_bytes(png_structp png, png_bytep data, size_t size)
{
    png_reader *reader = png_get_io_ptr(png);
    /* Chunks besides the picture are skipped unseen, but we are asked for their
     * bytes. So no profile, however odd, escapes the note, or costs memory. */
    if (png_get_io_chunk_type(png) == CHUNK_ICCP)
        reader->has_profile = 1;
    if (fmgcam_imageio_source_read(reader->source, data, size) != size) {
        reader->failure.status =
            fmgcam_imageio_fail_ended(reader->failure.error, reader->source);
        png_error(png, "truncated");
    }
    if (png_get_io_chunk_type(png) == CHUNK_IHDR && size == HEADER_BYTES)
        check_width(reader, data);
}

static void set_policy(const png_reader *reader)
{
    png_struct *const png = reader->png;
    const uint64_t budget = fmgcam_imageio_decoder_budget(reader->limits);
    /* Our own check comes before anything is allocated and tells figures. */
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(png, budget < PNG_UINT_31_MAX ? (size_t)budget
                                                           : PNG_UINT_31_MAX);
    png_set_chunk_cache_max(png, 1);
    /* All that is neither pixels, palette nor transparency: no gamma, and no
     * text that unpacks to gigabytes. */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    /* Damage is an error everywhere, not only where it spoils the pixels. */
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_benign_errors(png, 0);
}

static int has_alpha(const png_reader *reader)
{
    return (png_get_color_type(reader->png, reader->info) &
            PNG_COLOR_MASK_ALPHA) != 0 ||
           png_get_valid(reader->png, reader->info, PNG_INFO_tRNS) != 0;
}

static fmgcam_imageio_status read_header(png_reader *reader)
{
    png_read_info(reader->png, reader->info);

    fmgcam_imageio_info *found = reader->found;
    found->kind = FMGCAM_IMAGEIO_PNG;
    found->width = png_get_image_width(reader->png, reader->info);
    found->height = png_get_image_height(reader->png, reader->info);
    found->notes = 0;
    if (reader->has_profile)
        found->notes |= FMGCAM_IMAGEIO_ICC_IGNORED;
    if (has_alpha(reader))
        found->notes |= FMGCAM_IMAGEIO_HAS_ALPHA;
    if (png_get_bit_depth(reader->png, reader->info) == 16)
        found->notes |= FMGCAM_IMAGEIO_DEPTH_REDUCED;
    return fmgcam_imageio_check_limits(reader->limits, found->width,
                                       found->height, reader->failure.error);
}

static void blend(const png_reader *reader, const uint8_t *color,
                  uint32_t alpha, uint8_t *rgb)
{
    const uint8_t *background = reader->limits->background;
    for (size_t c = 0; c < 3; c++)
        rgb[c] =
            (uint8_t)((alpha * color[c] + (255 - alpha) * background[c] + 127) /
                      255);
}

static void load_palette(png_reader *reader)
{
    png_colorp colors = NULL;
    png_bytep alphas = NULL;
    int size = 0;
    int alpha_size = 0;
    png_get_PLTE(reader->png, reader->info, &colors, &size);
    png_get_tRNS(reader->png, reader->info, &alphas, &alpha_size, NULL);
    for (int i = 0; i < size; i++) {
        const uint8_t color[3] = {colors[i].red, colors[i].green,
                                  colors[i].blue};
        blend(reader, color, i < alpha_size ? alphas[i] : 255,
              reader->palette[i]);
    }
    reader->palette_size = (uint32_t)size;
}

static void put_color(const png_reader *reader, uint32_t index, uint8_t *rgb)
{
    if (index >= reader->palette_size)
        png_error(reader->png, "pixel beyond the palette");
    memcpy(rgb, reader->palette[index], 3);
}

/* Put every @p step-th pixel of the row, from @p first on, into the picture. */
static void put_row(const png_reader *reader, uint8_t *rgb, uint32_t first,
                    uint32_t step)
{
    for (size_t x = first; x < reader->found->width; x += step) {
        if (reader->palette_size)
            put_color(reader, reader->row[x], rgb + 3 * x);
        else
            blend(reader, reader->row + 4 * x, reader->row[4 * x + 3],
                  rgb + 3 * x);
    }
}

/* One row of one pass. libpng writes the pixels of the pass, and no others, so
 * that no second picture is needed; what goes by our own row does the same. */
static void read_row(const png_reader *reader, uint32_t y, int pass, int passes)
{
    uint8_t *rgb = reader->target->rgb + y * reader->target->row_stride_bytes;
    if (!reader->row) {
        png_read_row(reader->png, rgb, NULL);
        return;
    }
    png_read_row(reader->png, reader->row, NULL);
    if (passes == 1)
        put_row(reader, rgb, 0, 1);
    else if (PNG_ROW_IN_INTERLACE_PASS(y, pass))
        put_row(reader, rgb, PNG_PASS_START_COL(pass),
                UINT32_C(1) << PNG_PASS_COL_SHIFT(pass));
}

/* Choose what libpng makes of the samples: RGB, RGBA, or indices. Those are
 * looked up here, because libpng lets pass indices beyond the palette. */
static void choose_transforms(png_reader *reader)
{
    png_struct *const png = reader->png;
    if (png_get_color_type(png, reader->info) == PNG_COLOR_TYPE_PALETTE) {
        load_palette(reader);
        png_set_packing(png);
        return;
    }
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
}

static fmgcam_imageio_status allocate_row(png_reader *reader)
{
    const uint64_t size = png_get_rowbytes(reader->png, reader->info);
    if (size > fmgcam_imageio_decoder_budget(reader->limits))
        return fmgcam_imageio_fail(
            reader->failure.error, FMGCAM_IMAGEIO_LIMIT,
            "a row of %llu bytes is beyond the limit of %llu",
            (unsigned long long)size,
            (unsigned long long)reader->limits->max_bytes);
    reader->row = malloc((size_t)size);
    if (!reader->row)
        return fmgcam_imageio_fail(reader->failure.error,
                                   FMGCAM_IMAGEIO_NO_MEMORY, "out of memory");
    return FMGCAM_IMAGEIO_OK;
}

static fmgcam_imageio_status read_pixels(png_reader *reader)
{
    png_struct *const png = reader->png;
    choose_transforms(reader);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, reader->info);
    if (png_get_channels(png, reader->info) != 3) {
        const fmgcam_imageio_status status = allocate_row(reader);
        if (status)
            return status;
    }
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < reader->found->height; y++)
            read_row(reader, y, pass, passes);
    /* To the last byte: a file cut off behind its pixels is cut off. */
    png_read_end(png, NULL);
    return FMGCAM_IMAGEIO_OK;
}

static fmgcam_imageio_status read_guarded(png_reader *reader)
{
    if (setjmp(png_jmpbuf(reader->png)))
        return reader->failure.status;
    png_set_read_fn(reader->png, reader, read_bytes);
    set_policy(reader);

    fmgcam_imageio_status status = read_header(reader);
    if (status || !reader->target)
        return status;
    status = fmgcam_imageio_check_target(reader->target, reader->found->width,
                                         reader->found->height,
                                         reader->failure.error);
    return status ? status : read_pixels(reader);
}

fmgcam_imageio_status fmgcam_imageio_read_png(
    fmgcam_imageio_source *source, const fmgcam_imageio_limits *limits,
    const fmgcam_imageio_target *target, fmgcam_imageio_info *found,
    const fmgcam_imageio_error *error)
{
    png_reader reader = {.failure = {.error = error},
                         .source = source,
                         .limits = limits,
                         .target = target,
                         .found = found};
    reader.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING,
                                          &reader.failure, on_error, on_warning,
                                          &reader.failure, allocate, release);
    if (reader.png)
        reader.info = png_create_info_struct(reader.png);
    const fmgcam_imageio_status status =
        reader.info ? read_guarded(&reader)
                    : fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_NO_MEMORY,
                                          "out of memory");
    png_destroy_read_struct(&reader.png, &reader.info, NULL);
    free(reader.row);
    return status;
}

/* ---- Writing ------------------------------------------------------------- */

typedef struct png_writer {
    png_failure failure;
    png_structp png;
    png_infop info;
    const fmgcam_imageio_sink *sink;
    const fmgcam_imageio_write_options *options;
    const fmgcam_imageio_picture *picture;
} png_writer;

static void write_bytes(png_structp png, png_bytep data, size_t size)
{
    png_writer *writer = png_get_io_ptr(png);
    const int32_t result =
        writer->sink->write(writer->sink->opaque, data, size);
    if (!result)
        return;
    writer->failure.status =
        fmgcam_imageio_fail(writer->failure.error, FMGCAM_IMAGEIO_FILE,
                            "writing was stopped with %ld", (long)result);
    png_error(png, "stopped");
}

static void flush_bytes(png_structp png)
{
    (void)png; /* who writes to a file flushes it in the end */
}

static fmgcam_imageio_status write_guarded(png_writer *writer)
{
    if (setjmp(png_jmpbuf(writer->png)))
        return writer->failure.status;
    png_struct *const png = writer->png;
    const fmgcam_imageio_picture *picture = writer->picture;

    png_set_write_fn(png, writer, write_bytes, flush_bytes);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_compression_level(png, (int)writer->options->png_compression);
    png_set_IHDR(png, writer->info, picture->width, picture->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, writer->info);
    for (uint32_t y = 0; y < picture->height; y++)
        png_write_row(png, picture->rgb + y * picture->row_stride_bytes);
    png_write_end(png, NULL);
    return FMGCAM_IMAGEIO_OK;
}

fmgcam_imageio_status
fmgcam_imageio_write_png(const fmgcam_imageio_sink *sink,
                         const fmgcam_imageio_write_options *options,
                         const fmgcam_imageio_picture *picture,
                         const fmgcam_imageio_error *error)
{
    if (picture->width > PNG_UINT_31_MAX || picture->height > PNG_UINT_31_MAX)
        return fmgcam_imageio_fail(
            error, FMGCAM_IMAGEIO_UNSUPPORTED,
            "%lu x %lu pixels are more than a PNG can hold",
            (unsigned long)picture->width, (unsigned long)picture->height);

    png_writer writer = {.failure = {.error = error},
                         .sink = sink,
                         .options = options,
                         .picture = picture};
    writer.png = png_create_write_struct_2(
        PNG_LIBPNG_VER_STRING, &writer.failure, on_error, on_warning,
        &writer.failure, allocate, release);
    if (writer.png)
        writer.info = png_create_info_struct(writer.png);
    const fmgcam_imageio_status status =
        writer.info ? write_guarded(&writer)
                    : fmgcam_imageio_fail(error, FMGCAM_IMAGEIO_NO_MEMORY,
                                          "out of memory");
    png_destroy_write_struct(&writer.png, &writer.info);
    return status;
}
