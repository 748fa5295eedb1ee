/* SPDX-License-Identifier: MIT */
/*
 * fmgcam-dlpack: tensors of PyTorch, JAX, TensorFlow, CuPy, ONNX Runtime and
 * others, as DLPack hands them over, become inputs and outputs of fmgcam
 * without a copy.
 *
 * C99 and C++11, in this header alone: there is no library to link. It needs
 * dlpack/dlpack.h of DLPack 0.6 or newer, which is included unless it was
 * before.
 *
 *   DLManagedTensorVersioned *theirs = ...;
 *   fmgcam_tensor activations;
 *   if (fmgcam_tensor_dlpack_versioned(&activations, theirs, error,
 *                                      sizeof error))
 *       puts(error);
 *
 *  - Nothing is owned or released: the DLTensor, its memory and its deleter
 *    stay with the caller, and must outlive the use of the view.
 *  - Memory must be that of the CPU, kDLCPU. Pinned memory (kDLCUDAHost,
 *    kDLROCMHost) is refused too, because a copy by the device may still be
 *    under way in it: wait for the device, then set device_type to kDLCPU in a
 *    copy of the DLTensor.
 *  - There are 1 to 8 axes. fmgcam has no scalars and no empty tensors:
 *    reshape, or leave out.
 *  - What is not known here, e.g. which rank activations have or how data is
 *    aligned, the function that takes the tensor checks.
 *  - error is optional (NULL with error_size 0): it receives a terminated,
 *    possibly shortened sentence on failure, "" on success.
 *  - Every function may be called from any thread.
 */
#ifndef FMGCAM_DLPACK_H
#define FMGCAM_DLPACK_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h> /* vsnprintf only */
#include <string.h>

#ifndef DLPACK_DLPACK_H_
# include <dlpack/dlpack.h>
#endif

#include "fmgcam.h"

#ifdef __cplusplus
# define FMGCAM_DLPACK_CAST(type, value) static_cast<type>(value)
# define FMGCAM_DLPACK_ADDRESS(pointer)  reinterpret_cast<uintptr_t>(pointer)
#else
# define FMGCAM_DLPACK_CAST(type, value) ((type)(value))
# define FMGCAM_DLPACK_ADDRESS(pointer)  ((uintptr_t)(pointer))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- What the functions below are made of -------------------------------- */

#ifdef __GNUC__
__attribute__((format(__printf__, 3, 4)))
#endif
static inline void
fmgcam_dlpack_say(char *error, size_t error_size, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    if (error && error_size > 0)
        vsnprintf(error, error_size, format, values);
    va_end(values);
}

/* Memory of the CPU, and 1 to 8 axes of as many indices as fmgcam takes. */
static inline fmgcam_status fmgcam_dlpack_check(const DLTensor *source,
                                                char *error, size_t error_size)
{
    int i;
    fmgcam_dlpack_say(error, error_size, "%s", "");
    if (!source) {
        fmgcam_dlpack_say(error, error_size,
                          "source: NULL, expected a DLTensor");
        return FMGCAM_STATUS_ARGUMENT;
    }
    if (source->device.device_type != kDLCPU) {
        fmgcam_dlpack_say(error, error_size,
                          "source.device.device_type: %d, expected kDLCPU (1): "
                          "copy it there, or, if it is pinned (3, 11), wait for "
                          "the device and say so",
                          FMGCAM_DLPACK_CAST(int, source->device.device_type));
        return FMGCAM_STATUS_UNSUPPORTED;
    }
    if (source->ndim < 1 || source->ndim > FMGCAM_MAX_RANK) {
        fmgcam_dlpack_say(
            error, error_size, "source.ndim: %d, expected 1 to %d",
            FMGCAM_DLPACK_CAST(int, source->ndim), FMGCAM_MAX_RANK);
        return FMGCAM_STATUS_SHAPE;
    }
    if (!source->shape) {
        fmgcam_dlpack_say(error, error_size,
                          "source.shape: NULL, expected %d extents",
                          FMGCAM_DLPACK_CAST(int, source->ndim));
        return FMGCAM_STATUS_ARGUMENT;
    }
    for (i = 0; i < source->ndim; i++)
        if (source->shape[i] < 1 || source->shape[i] > INT32_MAX) {
            fmgcam_dlpack_say(error, error_size,
                              "source.shape[%d]: %" PRId64 ", expected 1 to %d",
                              i, source->shape[i], INT32_MAX);
            return FMGCAM_STATUS_SHAPE;
        }
    if (!source->data) {
        fmgcam_dlpack_say(error, error_size,
                          "source.data: NULL, expected elements");
        return FMGCAM_STATUS_ARGUMENT;
    }
    if (source->byte_offset > PTRDIFF_MAX ||
        source->byte_offset >
            UINTPTR_MAX - FMGCAM_DLPACK_ADDRESS(source->data)) {
        fmgcam_dlpack_say(error, error_size,
                          "source.byte_offset: %" PRIu64
                          " leaves the address space",
                          source->byte_offset);
        return FMGCAM_STATUS_STRIDE;
    }
    return FMGCAM_STATUS_OK;
}

/* The element with all indices zero. */
static inline char *fmgcam_dlpack_data(const DLTensor *source)
{
    return FMGCAM_DLPACK_CAST(char *, source->data) + source->byte_offset;
}

/* The strides that @p source has where it is contiguous, row-major, with
 * elements of @p element_size bytes, and @p bytes that it takes then. */
static inline fmgcam_status fmgcam_dlpack_pack(const DLTensor *source,
                                               int64_t element_size,
                                               int64_t *strides, int64_t *bytes,
                                               char *error, size_t error_size)
{
    int i;
    int64_t count = 1;
    for (i = source->ndim - 1; i >= 0; i--) {
        strides[i] = count;
        if (source->shape[i] > PTRDIFF_MAX / element_size / count) {
            fmgcam_dlpack_say(error, error_size,
                              "source.shape[%d]: %" PRId64 " times %" PRId64
                              " elements leave the address space",
                              i, source->shape[i], count);
            return FMGCAM_STATUS_STRIDE;
        }
        count *= source->shape[i];
    }
    *bytes = count * element_size;
    return FMGCAM_STATUS_OK;
}

/* FMGCAM_DTYPE_*, or 0 where fmgcam has none. */
static inline uint32_t fmgcam_dlpack_dtype(DLDataType dtype)
{
    static const struct {
        uint8_t code, bits;
        uint32_t dtype;
    } known[] = {
        {kDLFloat, 32, FMGCAM_DTYPE_FLOAT32},
        {kDLFloat, 16, FMGCAM_DTYPE_FLOAT16},
        {kDLFloat, 64, FMGCAM_DTYPE_FLOAT64},
        {kDLBfloat, 16, FMGCAM_DTYPE_BFLOAT16},
        {kDLInt, 8, FMGCAM_DTYPE_INT8},
        {kDLUInt, 8, FMGCAM_DTYPE_UINT8},
    };
    size_t i;
    for (i = 0; i < sizeof known / sizeof *known; i++)
        if (dtype.code == known[i].code && dtype.bits == known[i].bits &&
            dtype.lanes == 1)
            return known[i].dtype;
    return 0;
}

/* ---- Inputs -------------------------------------------------------------- */

/* Make @p tensor a view of @p source, with its dtype, shape and strides (NULL:
 * contiguous, row-major).
 * @return OK; ARGUMENT (NULL: a pointer, data, shape), SHAPE (no or more than
 * 8 axes, an extent that is not from 1 to 2^31 - 1), STRIDE (it leaves the
 * address space), UNSUPPORTED (a device other than kDLCPU; a dtype other than
 * float16, float32, float64, bfloat16, int8 and uint8, or with lanes). On
 * failure @p tensor (if given) is all zero. @since 0.1 */
static inline fmgcam_status fmgcam_tensor_dlpack(fmgcam_tensor *tensor,
                                                 const DLTensor *source,
                                                 char *error, size_t error_size)
{
    fmgcam_tensor view;
    int64_t bytes;
    fmgcam_status status = fmgcam_dlpack_check(source, error, error_size);

    if (!tensor) {
        fmgcam_dlpack_say(error, error_size,
                          "tensor: NULL, expected a fmgcam_tensor");
        return FMGCAM_STATUS_ARGUMENT;
    }
    memset(tensor, 0, sizeof *tensor);
    memset(&view, 0, sizeof view);
    if (status)
        return status;

    view.data = fmgcam_dlpack_data(source);
    view.dtype = fmgcam_dlpack_dtype(source->dtype);
    view.rank = FMGCAM_DLPACK_CAST(uint32_t, source->ndim);
    memcpy(view.shape, source->shape, view.rank * sizeof *view.shape);
    if (!view.dtype) {
        fmgcam_dlpack_say(
            error, error_size,
            "source.dtype: code %d, %d bits, %d lanes, expected float (2) of "
            "16, 32 or 64 bits, bfloat (4) of 16, int (0) or uint (1) of 8, in "
            "1 lane",
            source->dtype.code, source->dtype.bits, source->dtype.lanes);
        return FMGCAM_STATUS_UNSUPPORTED;
    }
    if (source->strides)
        memcpy(view.strides, source->strides, view.rank * sizeof *view.strides);
    else
        status = fmgcam_dlpack_pack(source, source->dtype.bits / 8,
                                    view.strides, &bytes, error, error_size);
    if (!status)
        *tensor = view;
    return status;
}

/* ---- Outputs ------------------------------------------------------------- */

/* Make @p buffer the memory of @p source, which the library then writes: it
 * must be contiguous, row-major, and yours to write. Its elements must have 32
 * bits and the type @p code: kDLFloat for maps, weights, margins and
 * probabilities, kDLInt for fmgcam_outputs.winner, kDLUInt (or kDLInt, where
 * your framework has no other) for classes and slots. Its shape is up to you;
 * the function that takes the buffer looks at the size.
 * @return as fmgcam_tensor_dlpack(), and STRIDE where it is not contiguous. On
 * failure @p buffer (if given) is all zero. @since 0.1 */
static inline fmgcam_status fmgcam_buffer_dlpack(fmgcam_buffer *buffer,
                                                 const DLTensor *source,
                                                 DLDataTypeCode code,
                                                 char *error, size_t error_size)
{
    int64_t strides[FMGCAM_MAX_RANK], bytes = 0;
    int i;
    fmgcam_status status = fmgcam_dlpack_check(source, error, error_size);

    if (!buffer) {
        fmgcam_dlpack_say(error, error_size,
                          "buffer: NULL, expected a fmgcam_buffer");
        return FMGCAM_STATUS_ARGUMENT;
    }
    memset(buffer, 0, sizeof *buffer);
    if (status)
        return status;

    if (source->dtype.code != FMGCAM_DLPACK_CAST(int, code) ||
        source->dtype.bits != 32 || source->dtype.lanes != 1) {
        fmgcam_dlpack_say(
            error, error_size,
            "source.dtype: code %d, %d bits, %d lanes, expected code %d, 32 "
            "bits, 1 lane",
            source->dtype.code, source->dtype.bits, source->dtype.lanes,
            FMGCAM_DLPACK_CAST(int, code));
        return FMGCAM_STATUS_UNSUPPORTED;
    }
    status = fmgcam_dlpack_pack(source, 4, strides, &bytes, error, error_size);
    if (status)
        return status;
    for (i = 0; source->strides && i < source->ndim; i++)
        if (source->shape[i] > 1 && source->strides[i] != strides[i]) {
            fmgcam_dlpack_say(error, error_size,
                              "source.strides[%d]: %" PRId64
                              ", expected %" PRId64 " (contiguous, row-major)",
                              i, source->strides[i], strides[i]);
            return FMGCAM_STATUS_STRIDE;
        }
    buffer->data = fmgcam_dlpack_data(source);
    buffer->size_bytes = FMGCAM_DLPACK_CAST(size_t, bytes);
    return FMGCAM_STATUS_OK;
}

/* ---- DLPack 1 and newer -------------------------------------------------- */

#if defined(DLPACK_MAJOR_VERSION) && DLPACK_MAJOR_VERSION >= 1

/* Of a version that this header knows, else the members mean something else;
 * and if it will be @p written, not read-only. */
static inline fmgcam_status
fmgcam_dlpack_check_version(const DLManagedTensorVersioned *managed,
                            int written, char *error, size_t error_size)
{
    if (!managed) {
        fmgcam_dlpack_say(error, error_size,
                          "managed: NULL, expected a DLManagedTensorVersioned");
        return FMGCAM_STATUS_ARGUMENT;
    }
    if (managed->version.major != DLPACK_MAJOR_VERSION) {
        fmgcam_dlpack_say(error, error_size,
                          "managed.version: %" PRIu32 ".%" PRIu32
                          ", expected %d.x",
                          managed->version.major, managed->version.minor,
                          DLPACK_MAJOR_VERSION);
        return FMGCAM_STATUS_UNSUPPORTED;
    }
    if (written && (managed->flags & DLPACK_FLAG_BITMASK_READ_ONLY)) {
        fmgcam_dlpack_say(error, error_size,
                          "managed.flags: 0x%" PRIx64
                          ", expected a tensor that is not read-only",
                          managed->flags);
        return FMGCAM_STATUS_ARGUMENT;
    }
    return FMGCAM_STATUS_OK;
}

/* fmgcam_tensor_dlpack() of the tensor in @p managed, which may be read-only.
 * @return the same, and UNSUPPORTED where its major version is not that of the
 * DLPack header. @since 0.1 */
static inline fmgcam_status
fmgcam_tensor_dlpack_versioned(fmgcam_tensor *tensor,
                               const DLManagedTensorVersioned *managed,
                               char *error, size_t error_size)
{
    fmgcam_status status =
        fmgcam_dlpack_check_version(managed, 0, error, error_size);
    if (!status)
        return fmgcam_tensor_dlpack(tensor, &managed->dl_tensor, error,
                                    error_size);
    if (tensor)
        memset(tensor, 0, sizeof *tensor);
    return status;
}

/* fmgcam_buffer_dlpack() of the tensor in @p managed.
 * @return the same, ARGUMENT where it is read-only, and UNSUPPORTED where its
 * major version is not that of the DLPack header. @since 0.1 */
static inline fmgcam_status fmgcam_buffer_dlpack_versioned(
    fmgcam_buffer *buffer, const DLManagedTensorVersioned *managed,
    DLDataTypeCode code, char *error, size_t error_size)
{
    fmgcam_status status =
        fmgcam_dlpack_check_version(managed, 1, error, error_size);
    if (!status)
        return fmgcam_buffer_dlpack(buffer, &managed->dl_tensor, code, error,
                                    error_size);
    if (buffer)
        memset(buffer, 0, sizeof *buffer);
    return status;
}

#endif

#ifdef __cplusplus
}
#endif

#undef FMGCAM_DLPACK_ADDRESS
#undef FMGCAM_DLPACK_CAST

#endif
