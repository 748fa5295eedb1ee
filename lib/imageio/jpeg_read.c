/* SPDX-License-Identifier: MIT */
/*
 * Reading JPEG. libjpeg's errors are long jumps to read_guarded, which has no
 * variable of its own that changes; what must be freed belongs to libjpeg's pools
 * and goes with jpeg_destroy_decompress.
 */
#include "jpeg.h"

#include <jerror.h>
#include <limits.h>
#include <string.h>

/* A progressive picture has about ten scans; optimizers go up to about sixty. A
 * hostile one has as many as fit in the file, and each takes as long as the
 * whole picture. */
#define MOST_SCANS 100

typedef struct jpeg_reader {
    struct jpeg_decompress_struct cinfo;
    fmgcam_imageio_jpeg_failure failure;
    struct jpeg_source_mgr input;
    struct jpeg_progress_mgr progress;
    fmgcam_imageio_source *source;
    const fmgcam_imageio_limits *limits;
    const fmgcam_imageio_target *target;
    fmgcam_imageio_info *found;
    const fmgcam_imageio_error *error;
    uint32_t orientation; /* 1...8 */
    int has_exif;
    int has_profile;
} jpeg_reader;

static jpeg_reader *reader_of(j_decompress_ptr cinfo)
{
    return cinfo->client_data;
}

/* ---- Bytes for libjpeg --------------------------------------------------- */

static void start_input(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

static void end_input(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

/* libjpeg has taken the piece before. At the end of the file it is usual to
 * invent an end marker; here that is an error. */
static boolean next_input(j_decompress_ptr cinfo)
{
    jpeg_reader *reader = reader_of(cinfo);
    fmgcam_imageio_source *source = reader->source;
    source->ready = 0;
    if (fmgcam_imageio_source_fill(source) == 0)
        fmgcam_imageio_jpeg_escape(
            (j_common_ptr)cinfo,
            fmgcam_imageio_fail_ended(reader->error, source));
    cinfo->src->next_input_byte = source->next;
    cinfo->src->bytes_in_buffer = source->ready;
    return TRUE;
}

static void skip_input(j_decompress_ptr cinfo, long count)
{
    size_t left = count > 0 ? (size_t)count : 0;
    while (left > cinfo->src->bytes_in_buffer) {
        left -= cinfo->src->bytes_in_buffer;
        next_input(cinfo);
    }
    cinfo->src->next_input_byte += left;
    cinfo->src->bytes_in_buffer -= left;
}

static void set_input(jpeg_reader *reader)
{
    reader->input = (struct jpeg_source_mgr){
        .next_input_byte = reader->source->next,
        .bytes_in_buffer = reader->source->ready,
        .init_source = start_input,
        .fill_input_buffer = next_input,
        .skip_input_data = skip_input,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = end_input,
    };
    reader->cinfo.src = &reader->input;
}

/* ---- Markers: EXIF and colour profile ------------------------------------ */

static void take_input(j_decompress_ptr cinfo, uint8_t *data, size_t size)
{
    struct jpeg_source_mgr *input = cinfo->src;
    while (size > 0) {
        if (input->bytes_in_buffer == 0)
            next_input(cinfo);
        const size_t piece =
            input->bytes_in_buffer < size ? input->bytes_in_buffer : size;
        memcpy(data, input->next_input_byte, piece);
        input->next_input_byte += piece;
        input->bytes_in_buffer -= piece;
        data += piece;
        size -= piece;
    }
}

/* Start an APP marker: take its length and, if it is that long, @p size bytes of
 * its name. @return how many bytes follow; *named tells if it is @p name. */
static size_t take_name(j_decompress_ptr cinfo, const char *name, size_t size,
                        int *named)
{
    uint8_t start[16];
    take_input(cinfo, start, 2);
    size_t left = (size_t)start[0] << 8 | start[1];
    if (left < 2)
        ERREXIT(cinfo, JERR_BAD_LENGTH);
    left -= 2;
    *named = 0;
    if (left < size)
        return left;
    take_input(cinfo, start, size);
    *named = memcmp(start, name, size) == 0;
    return left - size;
}

/* Only the first EXIF counts, and only its bytes are kept: libjpeg's own way of
 * saving markers would keep all that a file has. */
static boolean take_app1(j_decompress_ptr cinfo)
{
    jpeg_reader *reader = reader_of(cinfo);
    int named;
    const size_t size = take_name(cinfo, "Exif\0", 6, &named);
    if (!named || reader->has_exif || size == 0) {
        skip_input(cinfo, (long)size);
        return TRUE;
    }
    uint8_t *tiff =
        cinfo->mem->alloc_large((j_common_ptr)cinfo, JPOOL_PERMANENT, size);
    take_input(cinfo, tiff, size);
    reader->has_exif = 1;
    reader->orientation = fmgcam_imageio_exif_orientation(tiff, size);
    return TRUE;
}

static boolean take_app2(j_decompress_ptr cinfo)
{
    int named;
    const size_t size = take_name(cinfo, "ICC_PROFILE", 12, &named);
    if (named)
        reader_of(cinfo)->has_profile = 1;
    skip_input(cinfo, (long)size);
    return TRUE;
}

/* ---- Limits -------------------------------------------------------------- */

static void count_scans(j_common_ptr common)
{
    struct jpeg_decompress_struct *const cinfo = (j_decompress_ptr)common;
    if (cinfo->input_scan_number <= MOST_SCANS)
        return;
    fmgcam_imageio_jpeg_escape(
        common,
        fmgcam_imageio_fail(reader_of(cinfo)->error, FMGCAM_IMAGEIO_LIMIT,
                            "more than %d scans", MOST_SCANS));
}

/* For more than one scan libjpeg keeps the coefficients of the whole picture:
 * check first what they take, for it allocates and clears them at once. */
static fmgcam_imageio_status check_memory(jpeg_reader *reader)
{
    if (!jpeg_has_multiple_scans(&reader->cinfo))
        return FMGCAM_IMAGEIO_OK;
    uint64_t blocks = 0;
    for (int i = 0; i < reader->cinfo.num_components; i++) {
        const jpeg_component_info *component = &reader->cinfo.comp_info[i];
        blocks +=
            (uint64_t)component->width_in_blocks * component->height_in_blocks;
    }
    const uint64_t needed = blocks * sizeof(JBLOCK);
    if (needed <= fmgcam_imageio_decoder_budget(reader->limits))
        return FMGCAM_IMAGEIO_OK;
    return fmgcam_imageio_fail(
        reader->error, FMGCAM_IMAGEIO_LIMIT,
        "several scans need %llu bytes of memory, the limit is %llu",
        (unsigned long long)needed,
        (unsigned long long)reader->limits->max_bytes);
}

/* The same for libjpeg, which counts also its rows and rounds blocks up. */
static void set_memory_limit(jpeg_reader *reader)
{
    const uint64_t rows = UINT64_C(256) * reader->cinfo.image_width;
    const uint64_t budget = fmgcam_imageio_decoder_budget(reader->limits);
    const uint64_t most = (uint64_t)LONG_MAX - rows;
    reader->cinfo.mem->max_memory_to_use =
        (long)((budget < most ? budget : most) + rows);
}

/* ---- Header -------------------------------------------------------------- */

/* Choose what libjpeg converts to: RGB, or CMYK, which is converted here. */
static fmgcam_imageio_status choose_color(jpeg_reader *reader)
{
    if (reader->cinfo.data_precision != 8)
        return fmgcam_imageio_fail(reader->error, FMGCAM_IMAGEIO_UNSUPPORTED,
                                   "not supported: a JPEG of %d bits a sample",
                                   reader->cinfo.data_precision);
    switch (reader->cinfo.jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_YCbCr:
    case JCS_RGB:
        reader->cinfo.out_color_space = JCS_RGB;
        return FMGCAM_IMAGEIO_OK;
    case JCS_CMYK:
    case JCS_YCCK:
        reader->cinfo.out_color_space = JCS_CMYK;
        return FMGCAM_IMAGEIO_OK;
    default:
        return fmgcam_imageio_fail(reader->error, FMGCAM_IMAGEIO_UNSUPPORTED,
                                   "not supported: a JPEG of %d components",
                                   reader->cinfo.num_components);
    }
}

static int is_cmyk(const jpeg_reader *reader)
{
    return reader->cinfo.out_color_space == JCS_CMYK;
}

/* The file's sides are those of the upright picture or the other way round, so
 * that limits on the one are limits on the other. */
static void fill_info(const jpeg_reader *reader)
{
    fmgcam_imageio_info *found = reader->found;
    const int turned = reader->orientation >= 5;
    found->kind = FMGCAM_IMAGEIO_JPEG;
    found->width =
        turned ? reader->cinfo.image_height : reader->cinfo.image_width;
    found->height =
        turned ? reader->cinfo.image_width : reader->cinfo.image_height;
    found->notes = 0;
    if (reader->has_profile)
        found->notes |= FMGCAM_IMAGEIO_ICC_IGNORED;
    if (is_cmyk(reader))
        found->notes |= FMGCAM_IMAGEIO_CMYK_CONVERTED;
    if (reader->orientation != 1)
        found->notes |= FMGCAM_IMAGEIO_WAS_REORIENTED;
}

static fmgcam_imageio_status read_header(jpeg_reader *reader)
{
    jpeg_set_marker_processor(&reader->cinfo, JPEG_APP0 + 1, take_app1);
    jpeg_set_marker_processor(&reader->cinfo, JPEG_APP0 + 2, take_app2);
    jpeg_read_header(&reader->cinfo, TRUE);

    fmgcam_imageio_status status = choose_color(reader);
    if (status)
        return status;
    fill_info(reader);
    status = fmgcam_imageio_check_limits(reader->limits, reader->found->width,
                                         reader->found->height, reader->error);
    return status ? status : check_memory(reader);
}

/* ---- Pixels -------------------------------------------------------------- */

/* In place; @p inverted as Adobe writes it, with 255 for no ink. Ink takes away
 * light: R = (1 - C) (1 - K). */
static void cmyk_to_rgb(uint8_t *row, size_t width, int inverted)
{
    const uint8_t flip = inverted ? 0 : 255;
    for (size_t x = 0; x < width; x++) {
        const uint32_t light = row[4 * x + 3] ^ flip;
        for (size_t c = 0; c < 3; c++) {
            const uint32_t paper = row[4 * x + c] ^ flip;
            row[3 * x + c] = (uint8_t)((paper * light + 127) / 255);
        }
    }
}

/* Put row y of the file where the upright picture has it. */
static void place_row(const jpeg_reader *reader, const uint8_t *row, size_t y)
{
    const fmgcam_imageio_target *target = reader->target;
    const size_t width = reader->cinfo.image_width;
    const size_t height = reader->cinfo.image_height;
    const uint32_t o = reader->orientation;
    const int mirrored_x = o == 2 || o == 3 || o == 7 || o == 8;
    const int mirrored_y = o == 3 || o == 4 || o == 6 || o == 7;
    const int swapped = o >= 5;

    const size_t to_y = mirrored_y ? height - 1 - y : y;
    for (size_t x = 0; x < width; x++) {
        const size_t to_x = mirrored_x ? width - 1 - x : x;
        const size_t at = swapped ? to_x * target->row_stride_bytes + 3 * to_y
                                  : to_y * target->row_stride_bytes + 3 * to_x;
        memcpy(target->rgb + at, row + 3 * x, 3);
    }
}

/* A file can end properly and lack a component all the same; libjpeg shows it
 * grey then. */
static fmgcam_imageio_status check_components(const jpeg_reader *reader)
{
    for (int i = 0; i < reader->cinfo.num_components; i++) {
        if (!reader->cinfo.comp_info[i].quant_table)
            return fmgcam_imageio_fail(reader->error, FMGCAM_IMAGEIO_FORMAT,
                                       "damaged: component %d of %d is missing",
                                       i + 1, reader->cinfo.num_components);
    }
    return FMGCAM_IMAGEIO_OK;
}

static void read_rows(jpeg_reader *reader)
{
    struct jpeg_decompress_struct *cinfo = &reader->cinfo;
    /* Upright RGB needs no row between libjpeg and the caller. */
    const int direct = reader->orientation == 1 && !is_cmyk(reader);
    JSAMPROW own = NULL;
    if (!direct)
        own = cinfo->mem->alloc_large((j_common_ptr)cinfo, JPOOL_IMAGE,
                                      (size_t)4 * cinfo->image_width);

    while (cinfo->output_scanline < cinfo->output_height) {
        const size_t y = cinfo->output_scanline;
        JSAMPROW row =
            direct ? reader->target->rgb + y * reader->target->row_stride_bytes
                   : own;
        jpeg_read_scanlines(cinfo, &row, 1);
        if (is_cmyk(reader))
            cmyk_to_rgb(row, cinfo->image_width, cinfo->saw_Adobe_marker);
        if (!direct)
            place_row(reader, row, y);
    }
}

static fmgcam_imageio_status read_pixels(jpeg_reader *reader)
{
    struct jpeg_decompress_struct *cinfo = &reader->cinfo;
    reader->progress.progress_monitor = count_scans;
    cinfo->progress = &reader->progress;
    cinfo->dct_method = JDCT_ISLOW;
    cinfo->do_block_smoothing = FALSE; /* show what is there, guess nothing */
    set_memory_limit(reader);

    jpeg_start_decompress(cinfo);
    const fmgcam_imageio_status status = check_components(reader);
    if (status)
        return status;
    read_rows(reader);
    jpeg_finish_decompress(cinfo); /* to the end marker */
    return FMGCAM_IMAGEIO_OK;
}

static fmgcam_imageio_status read_guarded(jpeg_reader *reader)
{
    if (setjmp(reader->failure.escape))
        return reader->failure.status;
    jpeg_create_decompress(&reader->cinfo);
    reader->cinfo.client_data = reader;
    set_input(reader);

    fmgcam_imageio_status status = read_header(reader);
    if (status || !reader->target)
        return status;
    status = fmgcam_imageio_check_target(reader->target, reader->found->width,
                                         reader->found->height, reader->error);
    return status ? status : read_pixels(reader);
}

fmgcam_imageio_status fmgcam_imageio_read_jpeg(
    fmgcam_imageio_source *source, const fmgcam_imageio_limits *limits,
    const fmgcam_imageio_target *target, fmgcam_imageio_info *found,
    const fmgcam_imageio_error *error)
{
    jpeg_reader reader = {.source = source,
                          .limits = limits,
                          .target = target,
                          .found = found,
                          .error = error,
                          .orientation = 1};
    reader.cinfo.err = fmgcam_imageio_jpeg_errors(&reader.failure, error);
    const fmgcam_imageio_status status = read_guarded(&reader);
    jpeg_destroy_decompress(&reader.cinfo);
    return status;
}
