/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <math.h>
#include <string.h>

/* The most that a tensor has: of any dtype it fits into a block. */
enum { MOST_ELEMENTS = 24576 };

void scene_begin(scene *s)
{
    arena_reset();
    s->tensor_count = s->buffer_count = 0;
    s->is_wild = s->is_batch = false;
}

/* ---- Sizes --------------------------------------------------------------- */

/* 1 and more: mostly few, else up to @p most. */
static uint32_t take_size(input *in, uint32_t few, uint32_t most)
{
    uint32_t byte = take8(in);

    return 1 + (byte < 224 ? byte % few : take16(in) % most);
}

/* So that no tensor of those sizes is beyond MOST_ELEMENTS. */
static void shrink(uint32_t *size, size_t others)
{
    while (*size > 1 && *size * others > MOST_ELEMENTS)
        *size = (*size + 1) / 2;
}

void scene_resize(scene *s)
{
    input *in = &s->in;

    s->classes = take_size(in, 5, 40);
    s->scores = s->classes + take_below(in, 8);
    s->channels = take_size(in, 9, 150);
    s->map[0] = take_size(in, 3, 5);
    s->map[1] = take_size(in, 9, 140);
    s->map[2] = take_size(in, 9, 140);
    size_t first = (size_t)s->classes * s->channels;
    shrink(&s->map[0], first);
    shrink(&s->map[1], first * s->map[0]);
    shrink(&s->map[2], first * s->map[0] * s->map[1]);
}

/* [D, H, W], [H, W] or [L], by the options. */
static uint32_t map_axes(const scene *s)
{
    return s->options.spatial_axes;
}

size_t scene_cells(const scene *s)
{
    size_t cells = 1;

    for (uint32_t i = 3 - map_axes(s); i < 3; i++)
        cells *= s->map[i];
    return cells;
}

/* ---- Where the elements of a tensor lie ---------------------------------- */

/* Elements from the one with all indices zero, and how many there are; as
 * double, for some are beyond any integer. */
typedef struct extent {
    double low, high, count;
} extent;

static bool is_shaped(const fmgcam_tensor *t)
{
    if (t->rank > FMGCAM_MAX_RANK || t->dtype < 1 || t->dtype > 6)
        return false;
    for (uint32_t i = 0; i < t->rank; i++)
        if (t->shape[i] < 1 || t->shape[i] > INT32_MAX)
            return false;
    return true;
}

static extent measure(const fmgcam_tensor *t)
{
    extent e = {0, 0, 1};

    for (uint32_t i = 0; i < t->rank; i++) {
        double reach = ((double)t->shape[i] - 1) * (double)t->strides[i];
        *(reach > 0 ? &e.high : &e.low) += reach;
        e.count *= (double)t->shape[i];
    }
    return e;
}

/* Strides for the axes from the innermost in @p order on. */
static void lay_out(scene *s, fmgcam_tensor *t, const uint32_t *order,
                    bool gaps, bool signs)
{
    int64_t pitch = 1;

    for (uint32_t i = 0; i < t->rank; i++) {
        uint32_t axis = order[i];
        uint32_t byte = gaps || signs ? take8(&s->in) : 0;
        t->strides[axis] = signs && byte & 1 ? -pitch : pitch;
        pitch = pitch * t->shape[axis] + (gaps ? byte >> 5 : 0);
    }
}

static void order_axes(uint32_t rank, uint32_t first, bool forward,
                       uint32_t *order)
{
    for (uint32_t i = 0; i < rank; i++) {
        uint32_t from_last = forward ? i : rank - 1 - i;
        order[i] = (from_last + first) % rank;
    }
}

static void any_strides(scene *s, fmgcam_tensor *t)
{
    for (uint32_t i = 0; i < t->rank; i++) {
        uint32_t byte = take8(&s->in);
        t->strides[i] =
            byte < 0xF0 ? (int64_t)byte % 21 - 10 : (int64_t)take64(&s->in);
    }
}

/* One extent is another one. */
static void other_extent(scene *s, fmgcam_tensor *t)
{
    uint32_t byte = take8(&s->in);

    s->is_wild = true;
    t->shape[byte % t->rank] = 1 + byte / 16;
}

static void any_shape(scene *s, fmgcam_tensor *t)
{
    s->is_wild = true;
    t->rank = take8(&s->in) % 10;
    for (uint32_t i = 0; i < t->rank && i < FMGCAM_MAX_RANK; i++) {
        uint32_t byte = take8(&s->in);
        t->shape[i] = byte < 0xF0 ? byte % 17 : (int64_t)take64(&s->in);
    }
}

enum {
    LAID_PLAIN,   /* the last axis innermost */
    LAID_BY_TURN, /* another axis innermost, and so on */
    LAID_FORWARD, /* the first axis innermost */
    LAID_GAPS,
    LAID_SIGNS,
    LAID_ANYHOW, /* each stride by itself: overlapping, zero, huge */
    LAID_WILD,   /* and each extent */
    LAID_COUNT
};

static void choose_layout(scene *s, fmgcam_tensor *t)
{
    uint32_t order[FMGCAM_MAX_RANK] = {0};
    uint32_t byte = take8(&s->in), way = byte % 32;
    uint32_t laid = way < 12 ? LAID_PLAIN : way % LAID_COUNT;

    if (laid == LAID_WILD && byte < 192)
        laid = LAID_PLAIN;
    if (laid == LAID_WILD && byte < 224)
        other_extent(s, t);
    else if (laid == LAID_WILD)
        any_shape(s, t);
    if (t->rank == 0 || t->rank > FMGCAM_MAX_RANK)
        return;
    if (laid == LAID_ANYHOW || (laid == LAID_WILD && byte >= 224)) {
        any_strides(s, t);
        return;
    }
    order_axes(t->rank, laid == LAID_BY_TURN ? byte >> 5 : 0,
               laid == LAID_FORWARD, order);
    lay_out(s, t, order, laid >= LAID_GAPS, laid >= LAID_SIGNS);
}

/* ---- Elements ------------------------------------------------------------ */

enum {
    FILL_SMALL,    /* -2...2 */
    FILL_POSITIVE, /* 0...1 */
    FILL_CONSTANT,
    FILL_TINY,
    FILL_HUGE,
    FILL_SPRINKLED, /* some are zero, NaN or infinite */
    FILL_FROM_INPUT,
    FILL_COUNT
};

typedef struct filler {
    input *in;
    uint32_t kind, state;
    float constant;
} filler;

static uint32_t next_random(filler *f)
{
    f->state = f->state * 1664525u + 1013904223u;
    return f->state >> 8;
}

static filler take_filler(input *in)
{
    filler f = {.in = in};
    uint32_t byte = take8(in);

    f.kind = byte < 160 ? byte % 2 : byte % FILL_COUNT;
    f.state = take8(in);
    if (f.kind == FILL_CONSTANT)
        f.constant = take_float(in);
    return f;
}

static float sprinkled(uint32_t random, float otherwise)
{
    switch (random % 32) {
    case 0: return NAN;
    case 1: return INFINITY;
    case 2: return -INFINITY;
    case 3: return 0.0f;
    case 4: return -0.0f;
    default: return otherwise;
    }
}

static float next_value(filler *f)
{
    if (f->kind == FILL_CONSTANT)
        return f->constant;
    if (f->kind == FILL_FROM_INPUT)
        return take_float(f->in);
    uint32_t random = next_random(f);
    float value = (float)(random & 0xffff) / 16384.0f - 2.0f;
    switch (f->kind) {
    case FILL_POSITIVE: return (value + 2) / 4;
    case FILL_TINY: return value * 0x1p-130f;
    case FILL_HUGE: return value * 0x1p126f;
    case FILL_SPRINKLED: return sprinkled(random >> 4, value);
    default: return value;
    }
}

static uint8_t byte_of(float value)
{
    return isfinite(value) ? (uint8_t)(int)(fmod((double)value, 2) * 100) : 0;
}

static void put(uint8_t *to, uint32_t dtype, float value)
{
    double wide = (double)value;
    uint16_t narrow;

    switch (dtype) {
    case FMGCAM_DTYPE_FLOAT32: memcpy(to, &value, 4); return;
    case FMGCAM_DTYPE_FLOAT64: memcpy(to, &wide, 8); return;
    case FMGCAM_DTYPE_FLOAT16: narrow = half_from_float(value); break;
    case FMGCAM_DTYPE_BFLOAT16: narrow = bfloat_from_float(value); break;
    default: *to = byte_of(value); return;
    }
    memcpy(to, &narrow, 2);
}

/* Memory for @p t, as much as its view reaches. @return false where none could
 * be given; a view that nothing can hold gets a few bytes, for it may not be
 * looked into. */
static bool give_memory(scene *s, fmgcam_tensor *t)
{
    uint32_t byte = take8(&s->in);
    bool shaped = is_shaped(t);
    extent e = shaped ? measure(t) : (extent){0, 0, 1};
    size_t size = shaped ? element_bytes(t->dtype) : 8;
    double most = (double)PTRDIFF_MAX / (double)size * 1.01;

    if (!shaped || e.high > most || -e.low > most) {
        s->is_wild = true;
        t->data = arena_take(8, byte & 1);
        return t->data != NULL;
    }
    if (e.count > MOST_ELEMENTS || e.high - e.low >= MOST_ELEMENTS)
        return false;
    size_t count = (size_t)(e.high - e.low) + 1;
    uint8_t *data = arena_take(count * size, byte & 1);
    if (!data)
        return false;
    filler f = take_filler(&s->in);
    for (size_t i = 0; i < count; i++)
        put(data + i * size, t->dtype, next_value(&f));
    arena_seal(data);
    bool misaligned = byte >= 250 && size > 1; /* the library must refuse it */
    t->data = data + (size_t)-e.low * size + misaligned;
    return true;
}

static uint32_t take_dtype(input *in)
{
    uint32_t byte = take8(in);

    if (byte >= 252)
        return byte - 247; /* 5 and 6 are known */
    return byte % 12 < 6 ? FMGCAM_DTYPE_FLOAT32 : byte % 6 + 1;
}

const fmgcam_tensor *scene_tensor(scene *s, uint32_t rank, const int64_t *shape)
{
    if (s->tensor_count == SCENE_TENSORS || take_rare(&s->in))
        return NULL;
    fmgcam_tensor *t = &s->tensors[s->tensor_count];
    memset(t, 0, sizeof *t);
    t->dtype = take_dtype(&s->in);
    t->rank = rank;
    memcpy(t->shape, shape, rank * sizeof *shape);
    choose_layout(s, t);
    if (!give_memory(s, t))
        return NULL;
    s->tensor_count++;
    return t;
}

/* ---- Tensors by what they are -------------------------------------------- */

static uint32_t add_map(const scene *s, uint32_t rank, int64_t *shape)
{
    for (uint32_t i = 3 - map_axes(s); i < 3; i++)
        shape[rank++] = s->map[i];
    return rank;
}

const fmgcam_tensor *scene_maps(scene *s, uint32_t first, bool lead)
{
    int64_t shape[5] = {1, first};

    if (!lead)
        shape[0] = first;
    return scene_tensor(s, add_map(s, lead ? 2 : 1, shape), shape);
}

const fmgcam_tensor *scene_stack(scene *s, uint32_t first, uint32_t second)
{
    int64_t shape[5] = {first, second};

    return scene_tensor(s, add_map(s, 2, shape), shape);
}

const fmgcam_tensor *scene_matrix(scene *s, uint32_t rows, uint32_t columns)
{
    int64_t shape[2] = {rows, columns};

    return scene_tensor(s, 2, shape);
}

const fmgcam_tensor *scene_vector(scene *s, uint32_t count)
{
    int64_t shape[2] = {1, count};

    return take_below(&s->in, 4) == 3 ? scene_tensor(s, 2, shape)
                                      : scene_tensor(s, 1, shape + 1);
}

const fmgcam_tensor *scene_picture_maps(scene *s)
{
    int64_t shape[3] = {s->classes, s->map[1], s->map[2]};

    return scene_tensor(s, 3, shape);
}

/* ---- Quantization -------------------------------------------------------- */

static void fill_scales(scene *s, fmgcam_quantization *q)
{
    uint8_t *scales = arena_take(q->count * sizeof(float), false);
    uint8_t *zeros = arena_take(q->count * sizeof(int32_t), false);
    filler f = take_filler(&s->in);

    for (uint32_t i = 0; scales && zeros && i < q->count; i++) {
        float scale = next_value(&f);
        int32_t zero = (int32_t)(next_random(&f) % 130);
        scale = f.kind < 2 ? fabsf(scale) + 0.01f : scale;
        memcpy(scales + i * sizeof scale, &scale, sizeof scale);
        memcpy(zeros + i * sizeof zero, &zero, sizeof zero);
    }
    q->scales = take_rare(&s->in) ? NULL : (const float *)(void *)scales;
    q->zero_points =
        take_below(&s->in, 2) ? NULL : (const int32_t *)(void *)zeros;
}

const fmgcam_quantization *scene_quantization(scene *s,
                                              const fmgcam_tensor *tensor)
{
    if (!tensor || (tensor->dtype >= FMGCAM_DTYPE_INT8) == take_rare(&s->in))
        return NULL;
    fmgcam_quantization *q = &s->quantizations[tensor - s->tensors];
    q->struct_size = sizeof *q;
    q->axis = take_below(&s->in, 3);
    q->count = 1;
    if (take_below(&s->in, 2) && q->axis < tensor->rank && is_shaped(tensor) &&
        tensor->shape[q->axis] < MOST_ELEMENTS)
        q->count = (uint32_t)tensor->shape[q->axis];
    if (take_rare(&s->in))
        q->count = take_below(&s->in, 5);
    fill_scales(s, q);
    return q;
}

/* ---- Other memory -------------------------------------------------------- */

const uint32_t *scene_indices(scene *s, uint32_t count, uint32_t end)
{
    uint32_t way = take_below(&s->in, 4);
    uint8_t *data = arena_take(count * sizeof(uint32_t), false);

    if (way == 0 || !data)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = way == 1 ? (i + end / 2) % end : take8(&s->in) % end;
        if (way == 3 && take_rare(&s->in))
            index = take32(&s->in);
        memcpy(data + i * sizeof index, &index, sizeof index);
    }
    arena_seal(data);
    return (const uint32_t *)(void *)data;
}

enum {
    ROOM_AS_NEEDED, /* and up to 192: more or less of it */
    ROOM_NONE = 200,
    ROOM_OF_TENSOR = 244,
    ROOM_MISALIGNED = 250
};

const fmgcam_buffer *scene_buffer(scene *s, size_t count, size_t size)
{
    if (s->buffer_count == SCENE_BUFFERS)
        return NULL;
    uint32_t byte = take8(&s->in);
    fmgcam_buffer *b = &s->buffers[s->buffer_count];
    size_t bytes = count * size;

    s->needed[s->buffer_count++] = bytes;
    *b = (fmgcam_buffer){NULL, bytes};
    if (byte >= ROOM_NONE && byte < ROOM_OF_TENSOR)
        return byte & 1 ? NULL : b;
    bool is_shared = byte >= ROOM_OF_TENSOR && byte < ROOM_MISALIGNED;
    if (is_shared && s->tensor_count && !s->is_batch)
        return scene_buffer_at(s, &s->tensors[byte % s->tensor_count]);
    if (byte > 160 && byte < ROOM_NONE)
        bytes = bytes + byte > 180 ? bytes + byte - 180 : 0;
    if (byte >= ROOM_MISALIGNED)
        bytes += 2;
    b->data = arena_take(bytes, byte & 1);
    if (b->data && byte >= ROOM_MISALIGNED)
        b->data = (uint8_t *)b->data + 1;
    b->size_bytes = b->data ? bytes - (byte >= ROOM_MISALIGNED) : 0;
    return b;
}

const fmgcam_buffer *scene_buffer_at(scene *s, const fmgcam_tensor *tensor)
{
    if (s->buffer_count == SCENE_BUFFERS || !tensor || !is_shaped(tensor))
        return NULL;
    extent e = measure(tensor);
    size_t size = element_bytes(tensor->dtype);
    fmgcam_buffer *b = &s->buffers[s->buffer_count];
    s->needed[s->buffer_count++] = 0;
    arena_unseal(tensor->data);
    *b = (fmgcam_buffer){(void *)(uintptr_t)tensor->data, 8};
    if (e.high - e.low < MOST_ELEMENTS)
        b->size_bytes =
            ((size_t)e.high + 1) * size - (uintptr_t)tensor->data % size;
    return b;
}

static uint32_t pixel_bytes(uint32_t format)
{
    return format == FMGCAM_PIXEL_GREY8                                   ? 1
           : format == FMGCAM_PIXEL_RGBA8 || format == FMGCAM_PIXEL_BGRA8 ? 4
                                                                          : 3;
}

/* One that nothing can hold. */
static fmgcam_image endless_image(scene *s)
{
    fmgcam_image image = {.data = arena_take(8, false)};

    s->is_wild = true;
    image.width = UINT32_MAX - take_below(&s->in, 2);
    image.height = take32(&s->in);
    image.row_stride_bytes = (int64_t)take64(&s->in);
    image.format = take_option(&s->in, 5);
    return image;
}

fmgcam_image scene_image(scene *s, uint32_t width, uint32_t height)
{
    uint32_t byte = take8(&s->in);
    fmgcam_image image = {.width = width, .height = height};

    if (byte >= 254)
        return endless_image(s);
    image.format = take_option(&s->in, 5);
    image.flags = take_rare(&s->in);
    size_t row = (size_t)width * pixel_bytes(image.format);
    size_t pitch = row + (byte & 8 ? byte >> 4 : 0);
    size_t bytes = height ? (height - 1) * pitch + row : 0;
    uint8_t *data = arena_take(bytes, byte & 1);
    for (size_t i = 0; data && i < bytes; i++)
        data[i] = (uint8_t)(i * (byte | 1) >> 2);
    if (data && byte & 2 && height)
        image.data = data + (height - 1) * pitch; /* bottom up */
    else
        image.data = data;
    image.row_stride_bytes = byte & 2 ? -(int64_t)pitch : (int64_t)pitch;
    if (take_rare(&s->in))
        image.row_stride_bytes = (int64_t)(byte & 4 ? row - 1 : 0);
    return image;
}

/* ---- What holds after every call ----------------------------------------- */

bool scene_is_reproducible(const scene *s)
{
    return s->options.arithmetic == FMGCAM_ARITHMETIC_REPRODUCIBLE ||
           (s->options.arithmetic == FMGCAM_ARITHMETIC_AUTO && !s->is_wild &&
            s->scores <= 16); /* of which there are more than classes */
}

static void check_detail(const scene *s, fmgcam_status status)
{
    const char *detail = fmgcam_error_detail(s->context);
    char copy[32];
    size_t length = fmgcam_copy_error_detail(s->context, copy, sizeof copy);

    require(status >= FMGCAM_STATUS_OK && status <= FMGCAM_STATUS_RUNNER,
            "unknown status %d", (int)status);
    require(strcmp(fmgcam_status_string(status), "unknown status") != 0,
            "status %d has no name", (int)status);
    require((status == FMGCAM_STATUS_OK) == (*detail == '\0'),
            "status %d with the text '%s'", (int)status, detail);
    require(status == FMGCAM_STATUS_OK || begins_with_name(detail),
            "'%s' has no name", detail);
    require(length == strlen(detail) && strlen(copy) < sizeof copy &&
                strncmp(copy, detail, sizeof copy - 1) == 0,
            "'%s' is copied as '%s'", detail, copy);
}

/* What a buffer has beyond what is written stays as it was. */
static void check_tails(const scene *s)
{
    for (size_t i = 0; i < s->buffer_count && !s->is_wild; i++) {
        const uint8_t *data = s->buffers[i].data;
        for (size_t at = s->needed[i];
             data && s->needed[i] && at < s->buffers[i].size_bytes; at++)
            require(data[at] == ARENA_FILL, "buffer %zu: byte %zu of %zu", i,
                    at, s->needed[i]);
    }
}

/* One NaN is as good as another: sign and payload are nobody's promise. */
static void add_words(scene *s, const fmgcam_buffer *b)
{
    for (size_t at = 0; at + 4 <= b->size_bytes; at += 4) {
        uint32_t word;
        memcpy(&word, (const uint8_t *)b->data + at, sizeof word);
        if ((word & 0x7fffffff) > 0x7f800000)
            word = 0x7fc00000;
        s->digest = fuzz_hash(s->digest, &word, sizeof word);
    }
}

/* BLAS may also find another one of several errors. */
static void add_digest(scene *s, fmgcam_status status)
{
    const char *detail = fmgcam_error_detail(s->context);

    if (!scene_is_reproducible(s))
        return;
    s->digest = fuzz_hash(s->digest, &status, sizeof status);
    s->digest = fuzz_hash(s->digest, detail, strlen(detail));
    for (size_t i = 0; i < s->buffer_count && !status; i++)
        if (s->buffers[i].data)
            add_words(s, &s->buffers[i]);
}

fmgcam_status scene_end(scene *s, fmgcam_status status)
{
    check_detail(s, status);
    arena_check();
    if (status == FMGCAM_STATUS_OK)
        check_tails(s);
    add_digest(s, status);
    return status;
}
