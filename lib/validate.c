/* SPDX-License-Identifier: MIT */
/* What the caller gave: structs, buffers, and what overlaps. */
#include "internal.h"

#include <assert.h>
#include <string.h>

/* ---- Structs that grow --------------------------------------------------- */

/* No struct will ever be larger: beyond it the size is garbage. */
static const size_t largest_struct = 4096;

int fmgcam_is_struct_size(size_t size, size_t first_size)
{
    return size >= first_size && size <= largest_struct;
}

fmgcam_status fmgcam_check_struct(fmgcam_context *context, const char *name,
                                  size_t size, size_t first_size)
{
    if (fmgcam_is_struct_size(size, first_size))
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "%s.struct_size: %zu, expected %zu to %zu", name, size,
                       first_size, largest_struct);
}

fmgcam_status fmgcam_import(fmgcam_context *context, const char *name,
                            const void *theirs, void *ours, size_t first_size,
                            size_t our_size)
{
    if (!theirs)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s: NULL, expected a struct", name);

    size_t size;
    memcpy(&size, theirs, sizeof size);
    fmgcam_status status = fmgcam_check_struct(context, name, size, first_size);
    if (status)
        return status;
    for (size_t i = our_size; i < size; i++)
        if (((const unsigned char *)theirs)[i] != 0)
            return fmgcam_fail(context, FMGCAM_STATUS_UNSUPPORTED,
                               "%s: byte %zu of %zu is set, which this version "
                               "does not know",
                               name, i, size);

    memset(ours, 0, our_size);
    memcpy(ours, theirs, smaller(size, our_size));
    return FMGCAM_STATUS_OK;
}

/* ---- Buffers ------------------------------------------------------------- */

fmgcam_status fmgcam_check_aligned(fmgcam_context *context, const char *name,
                                   const void *data, size_t size)
{
    if ((uintptr_t)data % size == 0)
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "%s.data: %p, expected a multiple of %zu, the size of "
                       "its elements",
                       name, data, size);
}

fmgcam_status fmgcam_check_buffer(fmgcam_context *context, const char *name,
                                  const fmgcam_buffer *buffer, size_t rows,
                                  size_t columns, struct fmgcam_span *span)
{
    const size_t size = 4;
    size_t bytes;
    if (!buffer || !buffer->data)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s: NULL, expected a buffer", name);
    fmgcam_status status =
        fmgcam_check_aligned(context, name, buffer->data, size);
    if (status)
        return status;
    if (!fmgcam_multiply(rows, columns, &bytes) ||
        !fmgcam_multiply(bytes, size, &bytes) ||
        bytes - 1 > UINTPTR_MAX - (uintptr_t)buffer->data)
        return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                           "%s: %zu x %zu elements are more than memory can "
                           "hold",
                           name, rows, columns);
    if (buffer->size_bytes < bytes)
        return fmgcam_fail(context, FMGCAM_STATUS_BUFFER_SIZE,
                           "%s.size_bytes: %zu, expected at least %zu", name,
                           buffer->size_bytes, bytes);
    *span = (struct fmgcam_span){(uintptr_t)buffer->data,
                                 (uintptr_t)buffer->data + bytes - 1};
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_span_array(fmgcam_context *context, const char *name,
                                const void *array, size_t count, size_t size,
                                struct fmgcam_span *span)
{
    const uintptr_t first = (uintptr_t)array;
    if (!array)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "%s: NULL, expected an array", name);
    if (count > (UINTPTR_MAX - first) / size)
        return fmgcam_fail(context, FMGCAM_STATUS_OVERFLOW,
                           "%s: %zu elements are more than memory can hold",
                           name, count);
    *span = (struct fmgcam_span){first, first + count * size - 1};
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_check_apart(fmgcam_context *context, const char *output,
                                 struct fmgcam_span span, const char *other,
                                 struct fmgcam_span other_span)
{
    if (span.last < other_span.first || other_span.last < span.first)
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "%s: overlaps %s in memory", output, other);
}

static void add_region(struct fmgcam_regions *regions, const char *name,
                       struct fmgcam_span span)
{
    assert(regions->count < sizeof regions->entries / sizeof *regions->entries);
    regions->entries[regions->count].name = name;
    regions->entries[regions->count].span = span;
    regions->count++;
}

void fmgcam_add_input(struct fmgcam_regions *regions, const char *name,
                      const struct fmgcam_view *view)
{
    add_region(regions, name, fmgcam_view_span(view));
}

fmgcam_status fmgcam_add_output(fmgcam_context *context,
                                struct fmgcam_regions *regions,
                                const char *name, const fmgcam_buffer *buffer,
                                size_t rows, size_t columns)
{
    struct fmgcam_span span = {0};
    fmgcam_status status =
        fmgcam_check_buffer(context, name, buffer, rows, columns, &span);
    if (status)
        return status;
    for (size_t i = 0; i < regions->count && !status; i++)
        status =
            fmgcam_check_apart(context, name, span, regions->entries[i].name,
                               regions->entries[i].span);
    if (!status)
        add_region(regions, name, span);
    return status;
}
