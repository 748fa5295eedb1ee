/* SPDX-License-Identifier: MIT */
/* Statuses, the text of the last failure, and the log. */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h> /* vsnprintf only */
#include <string.h>

const char *fmgcam_status_string(fmgcam_status status)
{
    switch (status) {
    case FMGCAM_STATUS_OK: return "ok";
    case FMGCAM_STATUS_ARGUMENT: return "invalid argument";
    case FMGCAM_STATUS_SHAPE: return "shape does not fit";
    case FMGCAM_STATUS_STRIDE: return "strides do not fit";
    case FMGCAM_STATUS_UNSUPPORTED: return "not supported";
    case FMGCAM_STATUS_NON_FINITE: return "input is not finite";
    case FMGCAM_STATUS_OVERFLOW: return "out of numeric range";
    case FMGCAM_STATUS_NO_MEMORY: return "out of memory";
    case FMGCAM_STATUS_BUFFER_SIZE: return "buffer too small";
    case FMGCAM_STATUS_LIMIT: return "beyond the reserved limit";
    case FMGCAM_STATUS_RUNNER: return "runner failed";
    default: return "unknown status";
    }
}

void fmgcam_begin(fmgcam_context *context)
{
    context->detail[0] = '\0';
}

static void write_log(fmgcam_context *context, uint32_t level,
                      const char *message)
{
    if (context->log.write)
        context->log.write(context->log.opaque, level, message);
}

fmgcam_status fmgcam_fail(fmgcam_context *context, fmgcam_status status,
                          const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(context->detail, sizeof context->detail, format, values);
    va_end(values);
    write_log(context, FMGCAM_LOG_ERROR, context->detail);
    return status;
}

void fmgcam_log_info(fmgcam_context *context, const char *format, ...)
{
    if (!context->log.write)
        return;
    char message[FMGCAM_DETAIL_SIZE];
    va_list values;
    va_start(values, format);
    vsnprintf(message, sizeof message, format, values);
    va_end(values);
    write_log(context, FMGCAM_LOG_INFO, message);
}

const char *fmgcam_error_detail(const fmgcam_context *context)
{
    return context ? context->detail : "context: NULL";
}

size_t fmgcam_copy_text(const char *text, char *buffer, size_t size)
{
    size_t length = strlen(text);
    if (buffer && size > 0) {
        size_t kept = length < size ? length : size - 1;
        memcpy(buffer, text, kept);
        buffer[kept] = '\0';
    }
    return length;
}

size_t fmgcam_copy_error_detail(const fmgcam_context *context, char *buffer,
                                size_t size)
{
    return fmgcam_copy_text(fmgcam_error_detail(context), buffer, size);
}
