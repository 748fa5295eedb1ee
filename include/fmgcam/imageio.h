/* SPDX-License-Identifier: MIT */
/*
 * fmgcam-imageio: PNG and JPEG from and to files and memory, as 8-bit RGB.
 *
 * A helper beside libfmgcam for programs that have no image reader of their
 * own; neither library needs the other. Reading is in two steps: probe, which
 * tells the size, then read into memory of the caller.
 *
 *  - The kind of a file is told by its first bytes, never by its name.
 *  - Grey, palette, 16-bit, and CMYK or YCCK pictures all become RGB. Alpha is
 *    laid over a background colour, in encoded sRGB. EXIF orientation of a JPEG
 *    is applied: width and height are those of the upright picture.
 *  - ICC profiles and gamma are not applied; FMGCAM_IMAGEIO_ICC_IGNORED says
 *    so.
 *  - Damaged and truncated files are errors, whatever could still be decoded: a
 *    JPEG without its end marker, a palette index beyond the palette, a wrong
 *    checksum in any chunk. A JPEG of more than 100 scans is beyond the limits.
 *    After an error the content of the caller's buffer is unspecified.
 *  - Paths are UTF-8.
 *  - There is no state: every function may be called from any thread, at the
 *    same time. Nothing is written to a stream.
 *  - error, where a function has it, is optional (NULL with error_size 0):
 *    it receives a terminated, possibly shortened sentence on failure, "" on
 *    success.
 *  - Structs that begin with struct_size follow the rules of fmgcam.h: set
 *    it to sizeof the struct (at most 4096); zero in other members means the
 *    default.
 */
#ifndef FMGCAM_IMAGEIO_H
#define FMGCAM_IMAGEIO_H

#include <stddef.h>
#include <stdint.h>

#include "version.h"

#if defined(_WIN32) && defined(FMGCAM_IMAGEIO_BUILDING)
# define FMGCAM_IMAGEIO_API __declspec(dllexport)
#elif defined(_WIN32) && !defined(FMGCAM_STATIC)
# define FMGCAM_IMAGEIO_API __declspec(dllimport)
#elif defined(__GNUC__)
# define FMGCAM_IMAGEIO_API __attribute__((visibility("default")))
#else
# define FMGCAM_IMAGEIO_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t fmgcam_imageio_status;

enum {
    FMGCAM_IMAGEIO_OK          = 0,
    FMGCAM_IMAGEIO_ARGUMENT    = 1, /* NULL, unknown or out of range */
    FMGCAM_IMAGEIO_FILE        = 2, /* cannot be opened, read or written */
    FMGCAM_IMAGEIO_FORMAT      = 3, /* not PNG or JPEG, damaged, truncated */
    FMGCAM_IMAGEIO_UNSUPPORTED = 4, /* a variant that is not read */
    FMGCAM_IMAGEIO_LIMIT       = 5, /* larger than the limits allow */
    FMGCAM_IMAGEIO_NO_MEMORY   = 6,
    FMGCAM_IMAGEIO_BUFFER_SIZE = 7 /* the buffer is too small */
};

/* Kinds of file. */
enum {
    FMGCAM_IMAGEIO_PNG  = 1,
    FMGCAM_IMAGEIO_JPEG = 2
};

/* A short English name of @p status; never NULL, static. @since 0.1 */
FMGCAM_IMAGEIO_API const char *
fmgcam_imageio_status_string(fmgcam_imageio_status status);

/* The version of the library that is running, as FMGCAM_VERSION. @since 0.1 */
FMGCAM_IMAGEIO_API uint32_t fmgcam_imageio_version(void);

/* ---- Reading ------------------------------------------------------------- */

/* Bits of fmgcam_imageio_read_options.flags. */
enum {
    /* background is meant as it stands, even if it is 0 (black). */
    FMGCAM_IMAGEIO_BACKGROUND_SET = 1
};

typedef struct fmgcam_imageio_read_options {
    size_t   struct_size;
    uint32_t max_width;  /* pixels; 0 means 65500 */
    uint32_t max_height; /* pixels; 0 means 65500 */
    uint64_t max_bytes;  /* 0 means 2^30. The decoded picture, 3 a pixel, may
                            have as many; and the decoder may take as many, and
                            1 MiB, for itself. (A JPEG of several scans wants up
                            to 8 a pixel.) */
    uint32_t background; /* 0xRRGGBB under alpha; 0 means white, 0xFFFFFF */
    uint32_t flags;      /* FMGCAM_IMAGEIO_BACKGROUND_SET */
} fmgcam_imageio_read_options;

/* Bits of fmgcam_imageio_info.notes. */
enum {
    FMGCAM_IMAGEIO_ICC_IGNORED     = 1, /* the file has a colour profile */
    FMGCAM_IMAGEIO_HAS_ALPHA       = 2, /* laid over the background */
    FMGCAM_IMAGEIO_DEPTH_REDUCED   = 4, /* 16 bits a sample became 8 */
    FMGCAM_IMAGEIO_CMYK_CONVERTED  = 8, /* without a profile: near */
    FMGCAM_IMAGEIO_WAS_REORIENTED = 16  /* EXIF orientation was applied */
};

typedef struct fmgcam_imageio_info {
    size_t   struct_size;
    uint32_t kind;   /* FMGCAM_IMAGEIO_PNG or _JPEG */
    uint32_t width;  /* pixels, upright */
    uint32_t height; /* pixels, upright */
    uint32_t notes;  /* bits: what reading does to the picture */
} fmgcam_imageio_info;

/* What is in the file or in @p size bytes at @p data, without decoding it. A
 * picture beyond the limits of @p options (optional) is an error.
 * @p info->struct_size must be set.
 * @return OK, ARGUMENT, FILE, FORMAT, UNSUPPORTED, LIMIT, NO_MEMORY.
 * @since 0.1 */
FMGCAM_IMAGEIO_API fmgcam_imageio_status fmgcam_imageio_probe_file(
    const char *path, const fmgcam_imageio_read_options *options,
    fmgcam_imageio_info *info, char *error, size_t error_size);
FMGCAM_IMAGEIO_API fmgcam_imageio_status fmgcam_imageio_probe_memory(
    const void *data, size_t size, const fmgcam_imageio_read_options *options,
    fmgcam_imageio_info *info, char *error, size_t error_size);

/* Decode into @p rgb: row y at rgb + y * row_stride_bytes, R, G, B a pixel, 8
 * bits each. row_stride_bytes is at least 3 * width; rgb has rgb_size bytes,
 * at least (height - 1) * row_stride_bytes + 3 * width; less of either is
 * BUFFER_SIZE, as where the file became larger since it was probed. Bytes
 * between rows are left alone. @p info is optional and receives what probing
 * would tell, also with BUFFER_SIZE.
 * @return OK, ARGUMENT, FILE, FORMAT, UNSUPPORTED, LIMIT, NO_MEMORY,
 * BUFFER_SIZE. @since 0.1 */
FMGCAM_IMAGEIO_API fmgcam_imageio_status fmgcam_imageio_read_file(
    const char *path, const fmgcam_imageio_read_options *options, uint8_t *rgb,
    size_t rgb_size, size_t row_stride_bytes, fmgcam_imageio_info *info,
    char *error, size_t error_size);
FMGCAM_IMAGEIO_API fmgcam_imageio_status fmgcam_imageio_read_memory(
    const void *data, size_t size, const fmgcam_imageio_read_options *options,
    uint8_t *rgb, size_t rgb_size, size_t row_stride_bytes,
    fmgcam_imageio_info *info, char *error, size_t error_size);

/* ---- Writing ------------------------------------------------------------- */

/* JPEG chroma subsampling. */
enum {
    FMGCAM_IMAGEIO_SUBSAMPLING_444 = 1, /* default */
    FMGCAM_IMAGEIO_SUBSAMPLING_422 = 2,
    FMGCAM_IMAGEIO_SUBSAMPLING_420 = 3
};

typedef struct fmgcam_imageio_write_options {
    size_t   struct_size;
    uint32_t kind;             /* FMGCAM_IMAGEIO_PNG or _JPEG; no default */
    uint32_t jpeg_quality;     /* 1...100; 0 means 95 */
    uint32_t jpeg_subsampling; /* FMGCAM_IMAGEIO_SUBSAMPLING_* */
    uint32_t png_compression;  /* zlib level 1...9; 0 means 6 */
} fmgcam_imageio_write_options;

/* Encode width x height pixels of @p rgb (row y at rgb + y * row_stride_bytes,
 * R, G, B) and hand the bytes to @p write, in order and in pieces. write
 * returns 0, or non-zero to stop, which becomes FMGCAM_IMAGEIO_FILE.
 * @return OK, ARGUMENT, FILE, UNSUPPORTED (larger than the format can hold),
 * NO_MEMORY. @since 0.1 */
FMGCAM_IMAGEIO_API fmgcam_imageio_status fmgcam_imageio_write_stream(
    int32_t (*write)(void *opaque, const void *data, size_t size), void *opaque,
    const fmgcam_imageio_write_options *options, const uint8_t *rgb,
    uint32_t width, uint32_t height, size_t row_stride_bytes, char *error,
    size_t error_size);

/* The same into @p data, which has @p capacity bytes. @p size receives the
 * number of bytes of the whole file, also with BUFFER_SIZE; data NULL with
 * capacity 0 asks for it.
 * @return as write_stream, and BUFFER_SIZE. @since 0.1 */
FMGCAM_IMAGEIO_API fmgcam_imageio_status fmgcam_imageio_write_memory(
    void *data, size_t capacity, size_t *size,
    const fmgcam_imageio_write_options *options, const uint8_t *rgb,
    uint32_t width, uint32_t height, size_t row_stride_bytes, char *error,
    size_t error_size);

/* The same into a file. A regular file is written under a temporary name in
 * the same folder and renamed when it is whole, so that an earlier file
 * survives a failure and no half-written one is left; it keeps the earlier
 * file's mode, not its owner and other hard links. A file that may not be
 * written is not replaced. Symbolic links are followed. A pipe or device is
 * written straight. (On Windows the file has the permissions that its folder
 * gives to new ones, and a link that leads nowhere is an error.)
 * @return as write_stream. @since 0.1 */
FMGCAM_IMAGEIO_API fmgcam_imageio_status fmgcam_imageio_write_file(
    const char *path, const fmgcam_imageio_write_options *options,
    const uint8_t *rgb, uint32_t width, uint32_t height,
    size_t row_stride_bytes, char *error, size_t error_size);

#ifdef __cplusplus
}
#endif

#endif
