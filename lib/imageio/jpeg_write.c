/* SPDX-License-Identifier: MIT */
/* Writing JPEG, with the same care for long jumps as reading. */
#include "jpeg.h"

enum { BUFFER_SIZE = 4096 };

typedef struct jpeg_writer {
    struct jpeg_compress_struct cinfo;
    fmgcam_imageio_jpeg_failure failure;
    struct jpeg_destination_mgr output;
    const fmgcam_imageio_sink *sink;
    const fmgcam_imageio_write_options *options;
    const fmgcam_imageio_picture *picture;
    uint8_t buffer[BUFFER_SIZE];
} jpeg_writer;

/* ---- Bytes from libjpeg -------------------------------------------------- */

static void send(j_compress_ptr cinfo, size_t size)
{
    jpeg_writer *writer = cinfo->client_data;
    if (size > 0) {
        const int32_t result =
            writer->sink->write(writer->sink->opaque, writer->buffer, size);
        if (result)
            fmgcam_imageio_jpeg_escape(
                (j_common_ptr)cinfo,
                fmgcam_imageio_fail(writer->failure.error, FMGCAM_IMAGEIO_FILE,
                                    "writing was stopped with %ld",
                                    (long)result));
    }
    cinfo->dest->next_output_byte = writer->buffer;
    cinfo->dest->free_in_buffer = sizeof writer->buffer;
}

static void start_output(j_compress_ptr cinfo)
{
    send(cinfo, 0);
}

/* libjpeg calls this when the buffer is full, whatever the counters say. */
static boolean next_output(j_compress_ptr cinfo)
{
    send(cinfo, BUFFER_SIZE);
    return TRUE;
}

static void end_output(j_compress_ptr cinfo)
{
    send(cinfo, BUFFER_SIZE - cinfo->dest->free_in_buffer);
}

static void set_output(jpeg_writer *writer)
{
    writer->output.init_destination = start_output;
    writer->output.empty_output_buffer = next_output;
    writer->output.term_destination = end_output;
    writer->cinfo.dest = &writer->output;
    writer->cinfo.client_data = writer;
}

/* ---- Picture ------------------------------------------------------------- */

/* Chroma has one sample a pixel; luma has as many as there are pixels in one
 * sample of the subsampled chroma. */
static void set_subsampling(struct jpeg_compress_struct *cinfo,
                            uint32_t subsampling)
{
    for (int i = 0; i < cinfo->num_components; i++) {
        cinfo->comp_info[i].h_samp_factor = 1;
        cinfo->comp_info[i].v_samp_factor = 1;
    }
    if (subsampling != FMGCAM_IMAGEIO_SUBSAMPLING_444)
        cinfo->comp_info[0].h_samp_factor = 2;
    if (subsampling == FMGCAM_IMAGEIO_SUBSAMPLING_420)
        cinfo->comp_info[0].v_samp_factor = 2;
}

static void set_parameters(jpeg_writer *writer)
{
    struct jpeg_compress_struct *cinfo = &writer->cinfo;
    cinfo->image_width = writer->picture->width;
    cinfo->image_height = writer->picture->height;
    cinfo->input_components = 3;
    cinfo->in_color_space = JCS_RGB;
    jpeg_set_defaults(cinfo);
    jpeg_set_quality(cinfo, (int)writer->options->jpeg_quality, TRUE);
    set_subsampling(cinfo, writer->options->jpeg_subsampling);
    cinfo->dct_method = JDCT_ISLOW;
    cinfo->optimize_coding = TRUE;
}

static fmgcam_imageio_status write_guarded(jpeg_writer *writer)
{
    if (setjmp(writer->failure.escape))
        return writer->failure.status;
    struct jpeg_compress_struct *cinfo = &writer->cinfo;
    const fmgcam_imageio_picture *picture = writer->picture;

    jpeg_create_compress(cinfo);
    set_output(writer);
    set_parameters(writer);
    jpeg_start_compress(cinfo, TRUE);
    while (cinfo->next_scanline < cinfo->image_height) {
        const uint8_t *in =
            picture->rgb + cinfo->next_scanline * picture->row_stride_bytes;
        JSAMPROW row = (JSAMPROW)(uintptr_t)in; /* libjpeg only reads it */
        jpeg_write_scanlines(cinfo, &row, 1);
    }
    jpeg_finish_compress(cinfo);
    return FMGCAM_IMAGEIO_OK;
}

fmgcam_imageio_status
fmgcam_imageio_write_jpeg(const fmgcam_imageio_sink *sink,
                          const fmgcam_imageio_write_options *options,
                          const fmgcam_imageio_picture *picture,
                          const fmgcam_imageio_error *error)
{
    if (picture->width > JPEG_MAX_DIMENSION ||
        picture->height > JPEG_MAX_DIMENSION)
        return fmgcam_imageio_fail(
            error, FMGCAM_IMAGEIO_UNSUPPORTED,
            "%lu x %lu pixels: a JPEG has at most %ld a side",
            (unsigned long)picture->width, (unsigned long)picture->height,
            (long)JPEG_MAX_DIMENSION);

    jpeg_writer writer = {.sink = sink, .options = options, .picture = picture};
    writer.cinfo.err = fmgcam_imageio_jpeg_errors(&writer.failure, error);
    const fmgcam_imageio_status status = write_guarded(&writer);
    jpeg_destroy_compress(&writer.cinfo);
    return status;
}
