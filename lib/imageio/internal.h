/* SPDX-License-Identifier: MIT */
/*
 * What the files of libfmgcam-imageio share.
 *
 *  imageio.c     the public functions: arguments, kind of file, one call down
 *  check.c       growing structs, limits, sizes of buffers
 *  error.c       the sentence that the caller receives
 *  source.c      bytes from a file or from memory
 *  png.c         PNG both ways, by libpng
 *  jpeg_*.c      JPEG both ways, by libjpeg; exif.c finds the orientation
 *  atomic_file.c a file that appears whole or not at all
 *
 * What depends on the system is in error_text.c, open_file.c and
 * atomic_system.c for POSIX; for Windows each has a twin, *_windows.c, and
 * windows_file.c has what they share.
 */
#ifndef FMGCAM_IMAGEIO_INTERNAL_H
#define FMGCAM_IMAGEIO_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "fmgcam/imageio.h"
#include "source.h"

#if defined(__MINGW32__) && !defined(__clang__)
/* printf there means that of Microsoft; this one is called in C11. */
# define FMGCAM_IMAGEIO_PRINTF __attribute__((format(gnu_printf, 3, 4)))
#elif defined(__GNUC__)
# define FMGCAM_IMAGEIO_PRINTF __attribute__((format(__printf__, 3, 4)))
#else
# define FMGCAM_IMAGEIO_PRINTF
#endif

/* Where the text of an error goes: the caller's buffer, or NULL with 0. */
typedef struct fmgcam_imageio_error {
    char *text;
    size_t size;
} fmgcam_imageio_error;

/* Read options with every default filled in. */
typedef struct fmgcam_imageio_limits {
    uint32_t max_width;
    uint32_t max_height;
    uint64_t max_bytes;
    uint8_t background[3];
} fmgcam_imageio_limits;

/* The caller's memory that a picture is decoded into. */
typedef struct fmgcam_imageio_target {
    uint8_t *rgb;
    size_t size;
    size_t row_stride_bytes;
} fmgcam_imageio_target;

/* The caller's picture that is encoded. */
typedef struct fmgcam_imageio_picture {
    const uint8_t *rgb;
    size_t row_stride_bytes;
    uint32_t width;
    uint32_t height;
} fmgcam_imageio_picture;

/* Who takes the encoded bytes. */
typedef struct fmgcam_imageio_sink {
    int32_t (*write)(void *opaque, const void *data, size_t size);
    void *opaque;
} fmgcam_imageio_sink;

/* ---- error.c ------------------------------------------------------------- */

void fmgcam_imageio_clear_error(const fmgcam_imageio_error *error);

/* Put the sentence into @p error and return @p status. A later call replaces an
 * earlier sentence. */
fmgcam_imageio_status fmgcam_imageio_fail(const fmgcam_imageio_error *error,
                                          fmgcam_imageio_status status,
                                          const char *format,
                                          ...) FMGCAM_IMAGEIO_PRINTF;

/* error_text.c: the system's text of the errno @p number; in any thread. */
void fmgcam_imageio_error_text(int number, char *text, size_t size);

/* "<what>: <text of the errno number>". @return FILE; NO_MEMORY for ENOMEM. */
fmgcam_imageio_status
fmgcam_imageio_fail_errno(const fmgcam_imageio_error *error, const char *what,
                          int number);

/* For a source that had no more bytes: FILE if reading failed, else FORMAT. */
fmgcam_imageio_status
fmgcam_imageio_fail_ended(const fmgcam_imageio_error *error,
                          const fmgcam_imageio_source *source);

/* ---- check.c ------------------------------------------------------------- */

fmgcam_imageio_status
fmgcam_imageio_import_limits(const fmgcam_imageio_read_options *options,
                             fmgcam_imageio_limits *limits,
                             const fmgcam_imageio_error *error);

/* @p own receives the options with every default filled in. */
fmgcam_imageio_status
fmgcam_imageio_import_write_options(const fmgcam_imageio_write_options *options,
                                    fmgcam_imageio_write_options *own,
                                    const fmgcam_imageio_error *error);

fmgcam_imageio_status
fmgcam_imageio_check_info(const fmgcam_imageio_info *info,
                          const fmgcam_imageio_error *error);

/* Write @p found into the caller's struct, as far as its struct_size says. */
void fmgcam_imageio_export_info(const fmgcam_imageio_info *found,
                                fmgcam_imageio_info *info);

/* LIMIT if the upright picture is beyond what the caller allows. */
fmgcam_imageio_status
fmgcam_imageio_check_limits(const fmgcam_imageio_limits *limits, uint32_t width,
                            uint32_t height, const fmgcam_imageio_error *error);

/* Bytes of memory that a decoder may take besides the picture itself. */
uint64_t fmgcam_imageio_decoder_budget(const fmgcam_imageio_limits *limits);

/* BUFFER_SIZE if the picture does not fit. */
fmgcam_imageio_status
fmgcam_imageio_check_target(const fmgcam_imageio_target *target, uint32_t width,
                            uint32_t height, const fmgcam_imageio_error *error);

/* ARGUMENT if there cannot be such a picture in memory. */
fmgcam_imageio_status
fmgcam_imageio_check_picture(const fmgcam_imageio_picture *picture,
                             const fmgcam_imageio_error *error);

/* ---- png.c, jpeg_read.c, jpeg_write.c ------------------------------------ */

/* Fill @p found; if @p target is not NULL, decode into it. */
fmgcam_imageio_status fmgcam_imageio_read_png(
    fmgcam_imageio_source *source, const fmgcam_imageio_limits *limits,
    const fmgcam_imageio_target *target, fmgcam_imageio_info *found,
    const fmgcam_imageio_error *error);
fmgcam_imageio_status fmgcam_imageio_read_jpeg(
    fmgcam_imageio_source *source, const fmgcam_imageio_limits *limits,
    const fmgcam_imageio_target *target, fmgcam_imageio_info *found,
    const fmgcam_imageio_error *error);

fmgcam_imageio_status
fmgcam_imageio_write_png(const fmgcam_imageio_sink *sink,
                         const fmgcam_imageio_write_options *options,
                         const fmgcam_imageio_picture *picture,
                         const fmgcam_imageio_error *error);
fmgcam_imageio_status
fmgcam_imageio_write_jpeg(const fmgcam_imageio_sink *sink,
                          const fmgcam_imageio_write_options *options,
                          const fmgcam_imageio_picture *picture,
                          const fmgcam_imageio_error *error);

/* ---- exif.c -------------------------------------------------------------- */

/* The orientation, 1...8, in the TIFF structure of @p size bytes that follows
 * "Exif\0\0" in a JPEG; 1 (upright) if there is none or it is damaged. */
uint32_t fmgcam_imageio_exif_orientation(const uint8_t *tiff, size_t size);

#endif
