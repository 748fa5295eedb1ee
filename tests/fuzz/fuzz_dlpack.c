/* SPDX-License-Identifier: MIT */
/* dlpack.h: tensors of others become views and buffers, which the library then
 * reads and writes. What is refused is not looked into. */
#include <string.h>

#include <fmgcam/dlpack.h>

#include "../support.h"
#include "arena.h"
#include "fuzz.h"

enum { MOST_BYTES = 4096 };

typedef struct foreign {
    DLManagedTensorVersioned managed;
    int64_t shape[12], strides[12];
    char error[160];
} foreign;

/* ---- Made of bytes ------------------------------------------------------- */

static int64_t take_number(input *in, int64_t few)
{
    uint32_t byte = take8(in);

    return byte < 0xF0 ? (int64_t)byte % few : (int64_t)take64(in);
}

static void take_axes(input *in, DLTensor *t, foreign *f)
{
    int64_t *const shapes[] = {f->shape, NULL};
    uint32_t byte = take8(in);

    t->ndim = byte < 0xF0 ? 1 + (int32_t)(byte % 5) : (int32_t)(byte - 0xF3);
    for (int32_t i = 0; i < t->ndim && i < 12; i++) {
        f->shape[i] = take_number(in, 7);
        f->strides[i] = take_number(in, 13);
        if (take_below(in, 4) == 3)
            f->strides[i] = f->strides[i] / -2;
    }
    t->shape = shapes[take_rare(in)];
    t->strides = take_below(in, 3) ? NULL : f->strides;
}

static DLDataType take_type(input *in)
{
    static const DLDataType known[] = {{kDLFloat, 32, 1}, {kDLFloat, 16, 1},
                                       {kDLFloat, 64, 1}, {kDLBfloat, 16, 1},
                                       {kDLInt, 8, 1},    {kDLUInt, 8, 1},
                                       {kDLInt, 32, 1},   {kDLUInt, 32, 1}};

    if (!take_rare(in))
        return known[take_below(in, COUNT_OF(known))];
    DLDataType type = {.code = take8(in)};
    type.bits = take8(in);
    type.lanes = take16(in);
    return type;
}

static void take_foreign(input *in, foreign *f)
{
    DLTensor *t = &f->managed.dl_tensor;

    memset(f, 0, sizeof *f);
    f->managed.version.major = DLPACK_MAJOR_VERSION + take_rare(in);
    f->managed.flags = take_below(in, 2) * DLPACK_FLAG_BITMASK_READ_ONLY;
    t->device.device_type = take_rare(in) ? kDLCUDA : kDLCPU;
    t->dtype = take_type(in);
    take_axes(in, t, f);
    uint32_t byte = take8(in);
    t->byte_offset = byte < 0xF0 ? byte % 16 * 8 : take64(in);
    t->data = take_rare(in) ? NULL : arena_take(MOST_BYTES, byte & 1);
}

/* ---- What came of it ----------------------------------------------------- */

static void check_text(const foreign *f, fmgcam_status status)
{
    require(status >= FMGCAM_STATUS_OK && status <= FMGCAM_STATUS_UNSUPPORTED,
            "status %d", (int)status);
    require((status == FMGCAM_STATUS_OK) == (*f->error == '\0') &&
                (status == FMGCAM_STATUS_OK || begins_with_name(f->error)),
            "status %d with the text '%s'", (int)status, f->error);
}

/* All elements lie in the memory that was given. */
static bool is_within(const fmgcam_tensor *t, const uint8_t *memory)
{
    double low = (double)((const uint8_t *)t->data - memory), high = low;
    double size = (double)element_bytes(t->dtype);

    for (uint32_t i = 0; i < t->rank; i++) {
        double reach = ((double)t->shape[i] - 1) * (double)t->strides[i] * size;
        *(reach > 0 ? &high : &low) += reach;
    }
    return low >= 0 && high + size <= MOST_BYTES;
}

static size_t count_elements(const fmgcam_tensor *t)
{
    double count = 1;

    for (uint32_t i = 0; i < t->rank; i++)
        count *= (double)t->shape[i];
    return count <= MOST_BYTES ? (size_t)count : 0;
}

static void read_view(const fmgcam_tensor *view)
{
    fmgcam_context *context = NULL;
    char error[80];
    size_t count = count_elements(view);
    fmgcam_buffer values = {arena_take(4 * count, false), 4 * count};

    if (count == 0)
        return;
    require(!fmgcam_create(NULL, &context, error, sizeof error), "%s", error);
    fmgcam_status status = fmgcam_read_tensor(context, view, NULL, &values);
    require(status == FMGCAM_STATUS_OK || view->rank > 5 ||
                (uintptr_t)view->data % element_bytes(view->dtype) != 0,
            "%s", fmgcam_error_detail(context));
    fmgcam_destroy(context);
}

static void make_tensor(foreign *f)
{
    static const fmgcam_tensor nothing;
    fmgcam_tensor view = {.rank = 7};
    const uint8_t *memory = f->managed.dl_tensor.data;
    fmgcam_status status = fmgcam_tensor_dlpack_versioned(
        &view, &f->managed, f->error, sizeof f->error);

    check_text(f, status);
    require(!status || memcmp(&view, &nothing, sizeof view) == 0,
            "the view of what was refused is not empty");
    if (status == FMGCAM_STATUS_OK && is_within(&view, memory))
        read_view(&view);
}

static void make_buffer(foreign *f, DLDataTypeCode code)
{
    fmgcam_buffer buffer = {f, 7};
    fmgcam_status status = fmgcam_buffer_dlpack_versioned(
        &buffer, &f->managed, code, f->error, sizeof f->error);

    check_text(f, status);
    require(!status || (!buffer.data && !buffer.size_bytes),
            "the buffer of what was refused is not empty");
    if (!status && f->managed.dl_tensor.byte_offset < MOST_BYTES &&
        buffer.size_bytes <= MOST_BYTES - f->managed.dl_tensor.byte_offset)
        memset(buffer.data, 1, buffer.size_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const DLDataTypeCode codes[] = {kDLFloat, kDLInt, kDLUInt};
    input in = {data, data + size};
    foreign f;

    arena_reset();
    take_foreign(&in, &f);
    make_tensor(&f);
    make_buffer(&f, codes[take_below(&in, COUNT_OF(codes))]);
    arena_check();
    return 0;
}
