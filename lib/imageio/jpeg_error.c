/* SPDX-License-Identifier: MIT */
#include "jpeg.h"

#include <jerror.h>

_Noreturn void fmgcam_imageio_jpeg_escape(j_common_ptr cinfo,
                                          fmgcam_imageio_status status)
{
    fmgcam_imageio_jpeg_failure *failure =
        (fmgcam_imageio_jpeg_failure *)cinfo->err;
    failure->status = status;
    longjmp(failure->escape, 1);
}

static fmgcam_imageio_status status_of(int code)
{
    switch (code) {
    case JERR_OUT_OF_MEMORY: return FMGCAM_IMAGEIO_NO_MEMORY;

    case JERR_IMAGE_TOO_BIG:
    case JERR_NO_BACKING_STORE: /* it would exceed max_memory_to_use */
    case JERR_WIDTH_OVERFLOW: return FMGCAM_IMAGEIO_LIMIT;

    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CCIR601_NOTIMPL:
    case JERR_COMPONENT_COUNT:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_NOTIMPL:
    case JERR_SOF_UNSUPPORTED: return FMGCAM_IMAGEIO_UNSUPPORTED;

    default: return FMGCAM_IMAGEIO_FORMAT;
    }
}

static const char *prefix_of(fmgcam_imageio_status status)
{
    switch (status) {
    case FMGCAM_IMAGEIO_NO_MEMORY: return "out of memory";
    case FMGCAM_IMAGEIO_LIMIT: return "too large";
    case FMGCAM_IMAGEIO_UNSUPPORTED: return "not supported";
    default: return "damaged";
    }
}

static void fail_with_message(j_common_ptr cinfo, fmgcam_imageio_status status)
{
    const fmgcam_imageio_jpeg_failure *failure =
        (const fmgcam_imageio_jpeg_failure *)cinfo->err;
    char message[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, message);
    fmgcam_imageio_fail(failure->error, status, "%s: %s", prefix_of(status),
                        message);
    fmgcam_imageio_jpeg_escape(cinfo, status);
}

static void on_error(j_common_ptr cinfo)
{
    fail_with_message(cinfo, status_of(cinfo->err->msg_code));
}

/* After these warnings the picture is what its writer meant. All others mean
 * that pixels were guessed. */
static int is_harmless(int code)
{
    return code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR ||
           code == JWRN_ADOBE_XFORM ||
           code == JWRN_NOT_SEQUENTIAL; /* some writers leave Ss and Se zero */
}

static void on_message(j_common_ptr cinfo, int level)
{
    if (level < 0 && !is_harmless(cinfo->err->msg_code))
        fail_with_message(cinfo, FMGCAM_IMAGEIO_FORMAT);
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo; /* libjpeg would print */
}

struct jpeg_error_mgr *
fmgcam_imageio_jpeg_errors(fmgcam_imageio_jpeg_failure *failure,
                           const fmgcam_imageio_error *error)
{
    jpeg_std_error(&failure->manager);
    failure->manager.error_exit = on_error;
    failure->manager.emit_message = on_message;
    failure->manager.output_message = on_output;
    failure->error = error;
    failure->status = FMGCAM_IMAGEIO_OK;
    return &failure->manager;
}
