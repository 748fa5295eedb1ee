/* SPDX-License-Identifier: MIT */
/* dlpack.h: what becomes a view or an output, what is refused, and with which
 * words. As C and (by test_dlpack.cpp) as C++, with DLPack before 1 and since. */
#include <fmgcam/dlpack.h>

/* cmocka wants these four. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Version 1.1.5 has no extern "C" of its own. */
#ifdef __cplusplus
extern "C" {
#endif
#include <cmocka.h>
#ifdef __cplusplus
}
#endif

enum { K = 2, C = 3, H = 2, W = 2 };

/* The tensor [2, 3, 4] that the tests begin with, of as many floats. */
struct sample {
    float values[24];
    int64_t shape[9], strides[9];
    DLTensor tensor;
};

static DLDataType type_of(unsigned code, unsigned bits, unsigned lanes)
{
    DLDataType type;
    type.code = (uint8_t)code;
    type.bits = (uint8_t)bits;
    type.lanes = (uint16_t)lanes;
    return type;
}

static DLTensor *begin(struct sample *sample)
{
    DLTensor *tensor = &sample->tensor;
    memset(sample, 0, sizeof *sample);
    sample->shape[0] = 2;
    sample->shape[1] = 3;
    sample->shape[2] = 4;
    sample->strides[0] = 12;
    sample->strides[1] = 4;
    sample->strides[2] = 1;
    tensor->data = sample->values;
    tensor->device.device_type = kDLCPU;
    tensor->ndim = 3;
    tensor->dtype = type_of(kDLFloat, 32, 1);
    tensor->shape = sample->shape;
    return tensor;
}

static int is_zero(const void *memory, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)memory;
    size_t i;
    for (i = 0; i < size; i++)
        if (bytes[i])
            return 0;
    return 1;
}

/* As an input @p source is refused with this status and these words. */
static void refuse_input(const DLTensor *source, fmgcam_status status,
                         const char *words)
{
    fmgcam_tensor tensor;
    char error[200] = "as it was";
    memset(&tensor, 1, sizeof tensor);
    assert_int_equal(fmgcam_tensor_dlpack(&tensor, source, error, sizeof error),
                     status);
    assert_string_equal(error, words);
    assert_true(is_zero(&tensor, sizeof tensor));
    assert_int_equal(fmgcam_tensor_dlpack(&tensor, source, NULL, 0), status);
}

static void refuse_output(const DLTensor *source, DLDataTypeCode code,
                          fmgcam_status status, const char *words)
{
    fmgcam_buffer buffer;
    char error[200] = "as it was";
    memset(&buffer, 1, sizeof buffer);
    assert_int_equal(
        fmgcam_buffer_dlpack(&buffer, source, code, error, sizeof error),
        status);
    assert_string_equal(error, words);
    assert_true(is_zero(&buffer, sizeof buffer));
    assert_int_equal(fmgcam_buffer_dlpack(&buffer, source, code, NULL, 0),
                     status);
}

static void test_dtypes(void **state)
{
    static const struct {
        unsigned code, bits;
        uint32_t dtype;
    } known[] = {
        {kDLFloat, 32, FMGCAM_DTYPE_FLOAT32},
        {kDLFloat, 16, FMGCAM_DTYPE_FLOAT16},
        {kDLFloat, 64, FMGCAM_DTYPE_FLOAT64},
        {kDLBfloat, 16, FMGCAM_DTYPE_BFLOAT16},
        {kDLInt, 8, FMGCAM_DTYPE_INT8},
        {kDLUInt, 8, FMGCAM_DTYPE_UINT8},
    };
    struct sample sample;
    DLTensor *source = begin(&sample);
    unsigned code, bits;

    (void)state;
    for (code = 0; code < 256; code++)
        for (bits = 0; bits < 256; bits++) {
            fmgcam_tensor tensor;
            uint32_t expected = 0;
            size_t i;
            for (i = 0; i < sizeof known / sizeof *known; i++)
                if (known[i].code == code && known[i].bits == bits)
                    expected = known[i].dtype;
            source->dtype = type_of(code, bits, 1);
            assert_int_equal(fmgcam_tensor_dlpack(&tensor, source, NULL, 0),
                             expected ? FMGCAM_STATUS_OK
                                      : FMGCAM_STATUS_UNSUPPORTED);
            assert_int_equal(tensor.dtype, expected);
        }
    source->dtype = type_of(6, 8, 1); /* bool */
    refuse_input(source, FMGCAM_STATUS_UNSUPPORTED,
                 "source.dtype: code 6, 8 bits, 1 lanes, expected float (2) of "
                 "16, 32 or 64 bits, bfloat (4) of 16, int (0) or uint (1) of "
                 "8, in 1 lane");
    source->dtype = type_of(kDLFloat, 32, 4);
    refuse_input(source, FMGCAM_STATUS_UNSUPPORTED,
                 "source.dtype: code 2, 32 bits, 4 lanes, expected float (2) "
                 "of 16, 32 or 64 bits, bfloat (4) of 16, int (0) or uint (1) "
                 "of 8, in 1 lane");
}

static void test_shape_strides_and_offset(void **state)
{
    static const int64_t packed[] = {12, 4, 1}, odd[] = {-12, 0, 5};
    struct sample sample;
    DLTensor *source = begin(&sample);
    fmgcam_tensor tensor;
    char error[200] = "as it was";

    (void)state;
    assert_int_equal(fmgcam_tensor_dlpack(&tensor, source, error, sizeof error),
                     FMGCAM_STATUS_OK);
    assert_string_equal(error, "");
    assert_ptr_equal(tensor.data, sample.values);
    assert_int_equal(tensor.rank, 3);
    assert_memory_equal(tensor.shape, sample.shape, sizeof packed);
    assert_memory_equal(tensor.strides, packed, sizeof packed);

    source->strides = sample.strides;
    memcpy(sample.strides, odd, sizeof odd);
    source->byte_offset = 12 * sizeof(float);
    assert_int_equal(fmgcam_tensor_dlpack(&tensor, source, NULL, 0),
                     FMGCAM_STATUS_OK);
    assert_ptr_equal(tensor.data, sample.values + 12);
    assert_memory_equal(tensor.strides, odd, sizeof odd);
    assert_true(is_zero(tensor.strides + 3, 5 * sizeof *tensor.strides));
}

static void test_axes(void **state)
{
    struct sample sample;
    DLTensor *source = begin(&sample);
    fmgcam_tensor tensor;
    int i;

    (void)state;
    for (i = 0; i < 9; i++)
        sample.shape[i] = 1;
    for (i = 1; i <= 8; i++) {
        source->ndim = i;
        assert_int_equal(fmgcam_tensor_dlpack(&tensor, source, NULL, 0),
                         FMGCAM_STATUS_OK);
        assert_int_equal(tensor.rank, i);
    }
    source->ndim = 0;
    refuse_input(source, FMGCAM_STATUS_SHAPE,
                 "source.ndim: 0, expected 1 to 8");
    source->ndim = 9;
    refuse_input(source, FMGCAM_STATUS_SHAPE,
                 "source.ndim: 9, expected 1 to 8");
    source->ndim = -1;
    refuse_input(source, FMGCAM_STATUS_SHAPE,
                 "source.ndim: -1, expected 1 to 8");
    source->ndim = 8;
    source->shape = NULL;
    refuse_input(source, FMGCAM_STATUS_ARGUMENT,
                 "source.shape: NULL, expected 8 extents");
}

static void test_extents(void **state)
{
    struct sample sample;
    DLTensor *source = begin(&sample);
    fmgcam_tensor tensor;

    (void)state;
    sample.shape[1] = 0;
    refuse_input(source, FMGCAM_STATUS_SHAPE,
                 "source.shape[1]: 0, expected 1 to 2147483647");
    refuse_output(source, kDLFloat, FMGCAM_STATUS_SHAPE,
                  "source.shape[1]: 0, expected 1 to 2147483647");
    sample.shape[1] = -3;
    refuse_input(source, FMGCAM_STATUS_SHAPE,
                 "source.shape[1]: -3, expected 1 to 2147483647");
    sample.shape[1] = (int64_t)INT32_MAX + 1;
    refuse_input(source, FMGCAM_STATUS_SHAPE,
                 "source.shape[1]: 2147483648, expected 1 to 2147483647");

    /* More than can be addressed, unless the strides say otherwise. */
    sample.shape[0] = sample.shape[1] = sample.shape[2] = INT32_MAX;
    assert_int_equal(fmgcam_tensor_dlpack(&tensor, source, NULL, 0),
                     FMGCAM_STATUS_STRIDE);
    assert_true(is_zero(&tensor, sizeof tensor));
    if (sizeof(size_t) == 8)
        refuse_input(source, FMGCAM_STATUS_STRIDE,
                     "source.shape[1]: 2147483647 times 2147483647 "
                     "elements leave the address space");
    source->strides = sample.strides;
    memset(sample.strides, 0, sizeof sample.strides);
    assert_int_equal(fmgcam_tensor_dlpack(&tensor, source, NULL, 0),
                     FMGCAM_STATUS_OK);
}

static void test_memory(void **state)
{
    static const DLDeviceType elsewhere[] = {kDLCUDA, kDLCUDAHost, kDLROCMHost,
                                             kDLCUDAManaged};
    struct sample sample;
    DLTensor *source = begin(&sample);
    char words[200];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        source->device.device_type = elsewhere[i];
        snprintf(words, sizeof words,
                 "source.device.device_type: %d, expected kDLCPU (1): copy it "
                 "there, or, if it is pinned (3, 11), wait for the device and "
                 "say so",
                 (int)elsewhere[i]);
        refuse_input(source, FMGCAM_STATUS_UNSUPPORTED, words);
        refuse_output(source, kDLFloat, FMGCAM_STATUS_UNSUPPORTED, words);
    }
    source = begin(&sample);
    source->data = NULL;
    refuse_input(source, FMGCAM_STATUS_ARGUMENT,
                 "source.data: NULL, expected elements");
    source = begin(&sample);
    source->byte_offset = (uint64_t)PTRDIFF_MAX + 1;
    snprintf(words, sizeof words,
             "source.byte_offset: %" PRIu64 " leaves the address space",
             source->byte_offset);
    refuse_input(source, FMGCAM_STATUS_STRIDE, words);
    /* It would come out at the other end of memory. */
    source->data = (void *)(UINTPTR_MAX - 15);
    source->byte_offset = 16;
    refuse_input(source, FMGCAM_STATUS_STRIDE,
                 "source.byte_offset: 16 leaves the address space");
    refuse_output(source, kDLFloat, FMGCAM_STATUS_STRIDE,
                  "source.byte_offset: 16 leaves the address space");
    refuse_input(NULL, FMGCAM_STATUS_ARGUMENT,
                 "source: NULL, expected a DLTensor");
}

static void test_nowhere_to_put_it(void **state)
{
    struct sample sample;
    DLTensor *source = begin(&sample);
    char error[200], little[8];

    (void)state;
    assert_int_equal(fmgcam_tensor_dlpack(NULL, source, error, sizeof error),
                     FMGCAM_STATUS_ARGUMENT);
    assert_string_equal(error, "tensor: NULL, expected a fmgcam_tensor");
    assert_int_equal(
        fmgcam_buffer_dlpack(NULL, source, kDLFloat, little, sizeof little),
        FMGCAM_STATUS_ARGUMENT);
    assert_string_equal(little, "buffer:");
}

static void test_outputs(void **state)
{
    struct sample sample;
    DLTensor *source = begin(&sample);
    fmgcam_buffer buffer;

    (void)state;
    assert_int_equal(fmgcam_buffer_dlpack(&buffer, source, kDLFloat, NULL, 0),
                     FMGCAM_STATUS_OK);
    assert_ptr_equal(buffer.data, sample.values);
    assert_int_equal(buffer.size_bytes, sizeof sample.values);

    /* Strides of axes with one index may be any. */
    source->strides = sample.strides;
    sample.shape[0] = 1;
    sample.strides[0] = 77;
    source->byte_offset = sizeof(float);
    source->dtype.code = kDLInt;
    assert_int_equal(fmgcam_buffer_dlpack(&buffer, source, kDLInt, NULL, 0),
                     FMGCAM_STATUS_OK);
    assert_ptr_equal(buffer.data, sample.values + 1);
    assert_int_equal(buffer.size_bytes, 12 * sizeof(float));

    refuse_output(source, kDLFloat, FMGCAM_STATUS_UNSUPPORTED,
                  "source.dtype: code 0, 32 bits, 1 lanes, expected code 2, 32 "
                  "bits, 1 lane");
    source->dtype.bits = 64;
    refuse_output(source, kDLInt, FMGCAM_STATUS_UNSUPPORTED,
                  "source.dtype: code 0, 64 bits, 1 lanes, expected code 0, 32 "
                  "bits, 1 lane");
    source->dtype = type_of(kDLUInt, 32, 2);
    refuse_output(source, kDLUInt, FMGCAM_STATUS_UNSUPPORTED,
                  "source.dtype: code 1, 32 bits, 2 lanes, expected code 1, 32 "
                  "bits, 1 lane");
    source->dtype.lanes = 1;
    sample.strides[2] = 3;
    refuse_output(source, kDLUInt, FMGCAM_STATUS_STRIDE,
                  "source.strides[2]: 3, expected 1 (contiguous, row-major)");
    source->strides = NULL;
    sample.shape[0] = sample.shape[1] = sample.shape[2] = INT32_MAX;
    assert_int_equal(fmgcam_buffer_dlpack(&buffer, source, kDLUInt, NULL, 0),
                     FMGCAM_STATUS_STRIDE);
}

/* A tensor [a, b, c, d] of floats of the CPU. */
static DLTensor dl_of(void *data, int64_t *shape, int ndim, unsigned code)
{
    DLTensor tensor;
    memset(&tensor, 0, sizeof tensor);
    tensor.data = data;
    tensor.device.device_type = kDLCPU;
    tensor.ndim = ndim;
    tensor.dtype = type_of(code, 32, 1);
    tensor.shape = shape;
    return tensor;
}

/* The activations lie in memory as NHWC, behind two other numbers. */
static void test_explain_through_dlpack(void **state)
{
    float activations[C * H * W], shuffled[2 + C * H * W];
    float gradients[K * C * H * W], maps[K * H * W], expected[K * H * W];
    int32_t winner[H * W], expected_winner[H * W];
    int64_t a_shape[] = {1, C, H, W}, a_strides[] = {1, 1, C * W, C};
    int64_t g_shape[] = {K, C, H, W}, m_shape[] = {K, H, W}, w_shape[] = {H, W};
    DLTensor dl_a = dl_of(shuffled, a_shape, 4, kDLFloat);
    DLTensor dl_g = dl_of(gradients, g_shape, 4, kDLFloat);
    DLTensor dl_m = dl_of(maps, m_shape, 3, kDLFloat);
    DLTensor dl_w = dl_of(winner, w_shape, 2, kDLInt);
    fmgcam_context *context = NULL;
    fmgcam_inputs inputs;
    fmgcam_outputs outputs;
    fmgcam_tensor a, g;
    int i;

    (void)state;
    for (i = 0; i < C * H * W; i++) {
        activations[i] = (float)((7 * i) % 11) - 3.0f;
        shuffled[2 + i % (H * W) * C + i / (H * W)] = activations[i];
    }
    for (i = 0; i < K * C * H * W; i++)
        gradients[i] = (float)((5 * i) % 13) - 6.0f;
    memset(&inputs, 0, sizeof inputs);
    memset(&outputs, 0, sizeof outputs);
    inputs.struct_size = sizeof inputs;
    inputs.activations = &a;
    inputs.gradients = &g;
    outputs.struct_size = sizeof outputs;
    assert_int_equal(fmgcam_create(NULL, &context, NULL, 0), FMGCAM_STATUS_OK);

    fmgcam_tensor_nchw(&a, activations, FMGCAM_DTYPE_FLOAT32, 1, C, H, W);
    fmgcam_tensor_nchw(&g, gradients, FMGCAM_DTYPE_FLOAT32, K, C, H, W);
    outputs.maps.data = expected;
    outputs.maps.size_bytes = sizeof expected;
    outputs.winner.data = expected_winner;
    outputs.winner.size_bytes = sizeof expected_winner;
    assert_int_equal(fmgcam_explain(context, &inputs, &outputs),
                     FMGCAM_STATUS_OK);

    dl_a.strides = a_strides;
    dl_a.byte_offset = 2 * sizeof(float);
    assert_int_equal(fmgcam_tensor_dlpack(&a, &dl_a, NULL, 0),
                     FMGCAM_STATUS_OK);
    assert_int_equal(fmgcam_tensor_dlpack(&g, &dl_g, NULL, 0),
                     FMGCAM_STATUS_OK);
    assert_int_equal(
        fmgcam_buffer_dlpack(&outputs.maps, &dl_m, kDLFloat, NULL, 0),
        FMGCAM_STATUS_OK);
    assert_int_equal(
        fmgcam_buffer_dlpack(&outputs.winner, &dl_w, kDLInt, NULL, 0),
        FMGCAM_STATUS_OK);
    assert_int_equal(fmgcam_explain(context, &inputs, &outputs),
                     FMGCAM_STATUS_OK);
    assert_memory_equal(maps, expected, sizeof maps);
    assert_memory_equal(winner, expected_winner, sizeof winner);
    fmgcam_destroy(context);
}

#if defined(DLPACK_MAJOR_VERSION) && DLPACK_MAJOR_VERSION >= 1

static void test_versions(void **state)
{
    struct sample sample;
    DLManagedTensorVersioned managed;
    fmgcam_tensor tensor;
    fmgcam_buffer buffer;
    char error[200];

    (void)state;
    memset(&managed, 0, sizeof managed);
    managed.dl_tensor = *begin(&sample);
    managed.version.major = DLPACK_MAJOR_VERSION;
    managed.version.minor = 99;
    assert_int_equal(
        fmgcam_tensor_dlpack_versioned(&tensor, &managed, error, sizeof error),
        FMGCAM_STATUS_OK);
    assert_string_equal(error, "");
    assert_ptr_equal(tensor.data, sample.values);
    assert_int_equal(fmgcam_buffer_dlpack_versioned(&buffer, &managed, kDLFloat,
                                                    error, sizeof error),
                     FMGCAM_STATUS_OK);
    assert_ptr_equal(buffer.data, sample.values);

    managed.version.major = DLPACK_MAJOR_VERSION + 1;
    managed.version.minor = 3;
    managed.dl_tensor.shape = NULL; /* no member is looked at */
    memset(&tensor, 1, sizeof tensor);
    memset(&buffer, 1, sizeof buffer);
    assert_int_equal(
        fmgcam_tensor_dlpack_versioned(&tensor, &managed, error, sizeof error),
        FMGCAM_STATUS_UNSUPPORTED);
    assert_string_equal(error, "managed.version: 2.3, expected 1.x");
    assert_true(is_zero(&tensor, sizeof tensor));
    assert_int_equal(fmgcam_buffer_dlpack_versioned(&buffer, &managed, kDLFloat,
                                                    error, sizeof error),
                     FMGCAM_STATUS_UNSUPPORTED);
    assert_true(is_zero(&buffer, sizeof buffer));

    assert_int_equal(
        fmgcam_tensor_dlpack_versioned(&tensor, NULL, error, sizeof error),
        FMGCAM_STATUS_ARGUMENT);
    assert_string_equal(error,
                        "managed: NULL, expected a DLManagedTensorVersioned");
    managed.version.major = 0;
    assert_int_equal(fmgcam_tensor_dlpack_versioned(NULL, &managed, NULL, 0),
                     FMGCAM_STATUS_UNSUPPORTED);
    assert_int_equal(
        fmgcam_buffer_dlpack_versioned(NULL, &managed, kDLFloat, NULL, 0),
        FMGCAM_STATUS_UNSUPPORTED);
}

static void test_read_only(void **state)
{
    struct sample sample;
    DLManagedTensorVersioned managed;
    fmgcam_tensor tensor;
    fmgcam_buffer buffer;
    char error[200];

    (void)state;
    memset(&managed, 0, sizeof managed);
    managed.dl_tensor = *begin(&sample);
    managed.version.major = DLPACK_MAJOR_VERSION;
    managed.flags =
        DLPACK_FLAG_BITMASK_READ_ONLY | DLPACK_FLAG_BITMASK_IS_COPIED;
    assert_int_equal(fmgcam_tensor_dlpack_versioned(&tensor, &managed, NULL, 0),
                     FMGCAM_STATUS_OK);
    memset(&buffer, 1, sizeof buffer);
    assert_int_equal(fmgcam_buffer_dlpack_versioned(&buffer, &managed, kDLFloat,
                                                    error, sizeof error),
                     FMGCAM_STATUS_ARGUMENT);
    assert_string_equal(
        error, "managed.flags: 0x3, expected a tensor that is not read-only");
    assert_true(is_zero(&buffer, sizeof buffer));
    managed.flags = DLPACK_FLAG_BITMASK_IS_COPIED;
    assert_int_equal(
        fmgcam_buffer_dlpack_versioned(&buffer, &managed, kDLFloat, NULL, 0),
        FMGCAM_STATUS_OK);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_shape_strides_and_offset),
        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_extents),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_nowhere_to_put_it),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_explain_through_dlpack),
#if defined(DLPACK_MAJOR_VERSION) && DLPACK_MAJOR_VERSION >= 1
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_read_only),
#endif
    };
    return cmocka_run_group_tests_name("dlpack", tests, NULL, NULL);
}
