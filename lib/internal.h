/* SPDX-License-Identifier: MIT */
/* What the files of the core share. Nothing here is exported. */
#ifndef FMGCAM_INTERNAL_H
#define FMGCAM_INTERNAL_H

#include "fmgcam/fmgcam.h"
#include "kernels.h"

#if defined(__MINGW32__) && !defined(__clang__)
/* printf there means that of Microsoft; this one is called in C11. */
# define FMGCAM_PRINTF(text, values)                                           \
  __attribute__((format(gnu_printf, text, values)))
#elif defined(__GNUC__)
# define FMGCAM_PRINTF(text, values)                                           \
  __attribute__((format(printf, text, values)))
#else
# define FMGCAM_PRINTF(text, values)
#endif

/* ---- method.c: what the methods are -------------------------------------- */

/* How a method comes to its maps. */
enum fmgcam_way {
    FMGCAM_BY_POOLING,  /* weights are means of gradients; then stage 2 */
    FMGCAM_BY_WEIGHING, /* weights by weigh.c; then stage 2 */
    FMGCAM_BY_PRODUCTS, /* of gradients and activations, cell by cell */
    FMGCAM_BY_PROJECTION
};

/* The method's name as in the program, for error texts. */
const char *fmgcam_method_name(uint32_t method);
enum fmgcam_way fmgcam_method_way(uint32_t method);
int fmgcam_is_class_agnostic(uint32_t method);
int fmgcam_has_weights(uint32_t method);

/* ---- Sizes --------------------------------------------------------------- */

/* *product = a * b; 0 if that does not fit. */
static inline int fmgcam_multiply(size_t a, size_t b, size_t *product)
{
    if (b != 0 && a > SIZE_MAX / b)
        return 0;
    *product = a * b;
    return 1;
}

/* ---- context.c: lifetime, options, hooks --------------------------------- */

enum { FMGCAM_DETAIL_SIZE = 256 };

struct fmgcam_runner {
    fmgcam_run_fn run;
    void *opaque;
    uint32_t workers; /* 1 without a runner */
};

struct fmgcam_log {
    fmgcam_log_fn write;
    void *opaque;
};

struct fmgcam_workspace {
    void *block;          /* as allocated; NULL if none */
    unsigned char *base;  /* the aligned beginning inside it */
    size_t size;          /* bytes asked of the allocator */
    fmgcam_limits limits; /* all 0 where nothing is reserved */
};

struct fmgcam_memory {
    void *block; /* NULL if none */
    size_t size; /* bytes */
};

/* What is kept from frame to frame. */
struct fmgcam_history {
    struct fmgcam_memory score_memory; /* of track.c */
    size_t scores;                     /* n; 0 before the first frame */
    uint64_t frames;                   /* with scores */
    struct fmgcam_memory map_memory;   /* of smooth.c */
    size_t classes; /* K of the maps of the frame before; 0: forgotten */
    size_t depth, height, width; /* of a map; 0 before the first frame */
};

struct fmgcam_context {
    fmgcam_allocator allocator;
    fmgcam_options options; /* without zeros: all resolved */
    struct fmgcam_runner runner;
    struct fmgcam_log log;
    struct fmgcam_workspace workspace;
    struct fmgcam_history history;
    struct fmgcam_kernels kernels;
    char detail[FMGCAM_DETAIL_SIZE];
};

/* ---- error.c: the text of the last failure ------------------------------- */

/* Begin a public call: forget the last error. */
void fmgcam_begin(fmgcam_context *context);

/* Keep the text of a failure, log it, and return @p status. */
fmgcam_status fmgcam_fail(fmgcam_context *context, fmgcam_status status,
                          const char *format, ...) FMGCAM_PRINTF(3, 4);

void fmgcam_log_info(fmgcam_context *context, const char *format, ...)
    FMGCAM_PRINTF(2, 3);

/* Copy @p text to @p buffer (NULL: nowhere), shortened to fit; its length. */
size_t fmgcam_copy_text(const char *text, char *buffer, size_t size);

/* ---- tensor.c: descriptions of tensors ----------------------------------- */

/* Bytes of an element; 0 of an unknown dtype. */
size_t fmgcam_element_size(uint32_t dtype);

/* ---- view.c: reading tensors --------------------------------------------- */

/* What a quantised view's scales and zero points are counted by. */
enum fmgcam_scale_axis {
    FMGCAM_SCALE_NONE, /* the values are as they are */
    FMGCAM_SCALE_TENSOR,
    FMGCAM_SCALE_N,
    FMGCAM_SCALE_CHANNELS
};

/* Any tensor, as [n, channels, depth, height, width]; maps have their classes
 * on the axis of channels, matrices have one cell, vectors are matrices of one
 * column. Strides count elements. */
struct fmgcam_view {
    const void *data;
    uint32_t dtype;
    uint32_t rank; /* as the caller gave it, for error texts */
    size_t n, channels, depth, height, width;
    size_t cells;         /* depth * height * width */
    size_t first_channel; /* of the tensor, for error texts */
    ptrdiff_t stride_n, stride_c, stride_d, stride_h, stride_w;
    enum fmgcam_scale_axis scaled;
    const float *scales;
    const int32_t *zero_points; /* NULL: all 0 */
    int skips_non_finite;       /* NaN and infinity are read as 0 */
    const struct fmgcam_kernels *kernels;
};

/* Contiguous float weights [n, channels] as gradients that are the same at
 * every cell of @p like. */
struct fmgcam_view fmgcam_view_broadcast(const float *weights, size_t n,
                                         const struct fmgcam_view *like);

/* The element at the indices (n, c, cell), as float. */
float fmgcam_view_at(const struct fmgcam_view *view, size_t n, size_t c,
                     size_t cell);

/* The same as it is stored, for error texts: neither rounded to float nor
 * scaled. */
double fmgcam_view_stored(const struct fmgcam_view *view, size_t n, size_t c,
                          size_t cell);

/* Rows of cells as they lie in memory: channel c + i at the returned pointer
 * plus i * *stride, beginning at @p cell; NULL where the view is not float32
 * with contiguous cells. */
const float *fmgcam_view_rows(const struct fmgcam_view *view, size_t n,
                              size_t c, size_t cell, ptrdiff_t *stride);

/* Cells of contiguous channels as they lie in memory: cell s at the returned
 * pointer plus s * *stride, beginning at channel @p c; NULL where the view is
 * not that, or not float32. */
const float *fmgcam_view_columns(const struct fmgcam_view *view, size_t n,
                                 size_t c, ptrdiff_t *stride);

/* Copy @p channels x @p cells from (n, c, cell) on to a contiguous @p to. */
void fmgcam_view_copy(const struct fmgcam_view *view, size_t n, size_t c,
                      size_t channels, size_t cell, size_t cells, float *to);

/* Copy a matrix, whose cells are 1 x 1, to a contiguous [n, channels]. */
void fmgcam_view_copy_matrix(const struct fmgcam_view *view, float *to);

/* As fmgcam_view_copy(), copying only where fmgcam_view_rows() is NULL. */
const float *fmgcam_view_tile(const struct fmgcam_view *view, size_t n,
                              size_t c, size_t channels, size_t cell,
                              size_t cells, float *scratch, ptrdiff_t *stride);

/* Bytes of memory from the first to the last one that may be touched. */
struct fmgcam_span {
    uintptr_t first, last;
};
struct fmgcam_span fmgcam_view_span(const struct fmgcam_view *view);

/* ---- validate.c: what the caller gave ------------------------------------ */

/* Whether a struct_size can be true, of a struct that had @p first_size bytes
 * in version 0.1. */
int fmgcam_is_struct_size(size_t size, size_t first_size);
fmgcam_status fmgcam_check_struct(fmgcam_context *context, const char *name,
                                  size_t size, size_t first_size);

/* Copy a struct of the caller to @p ours by the growth rule: @p first_size is
 * its size in version 0.1, @p our_size its size now. */
fmgcam_status fmgcam_import(fmgcam_context *context, const char *name,
                            const void *theirs, void *ours, size_t first_size,
                            size_t our_size);
#define FMGCAM_SIZE_THROUGH(type, member)                                      \
 (offsetof(type, member) + sizeof(((type *)0)->member))

fmgcam_status fmgcam_check_aligned(fmgcam_context *context, const char *name,
                                   const void *data, size_t size);

/* Check that @p buffer holds rows x columns elements of 4 bytes; its span. */
fmgcam_status fmgcam_check_buffer(fmgcam_context *context, const char *name,
                                  const fmgcam_buffer *buffer, size_t rows,
                                  size_t columns, struct fmgcam_span *span);

/* The span of an array of @p count elements, above 0, of @p size bytes. */
fmgcam_status fmgcam_span_array(fmgcam_context *context, const char *name,
                                const void *array, size_t count, size_t size,
                                struct fmgcam_span *span);

/* The memory that one call reads and writes, to find what overlaps. */
struct fmgcam_regions {
    struct {
        const char *name;
        struct fmgcam_span span;
    } entries[16];
    size_t count;
};
fmgcam_status fmgcam_check_apart(fmgcam_context *context, const char *output,
                                 struct fmgcam_span span, const char *other,
                                 struct fmgcam_span other_span);
void fmgcam_add_input(struct fmgcam_regions *regions, const char *name,
                      const struct fmgcam_view *view);

/* Add an output of rows x columns elements of 4 bytes: it must be large enough
 * and apart from all that was added before. */
fmgcam_status fmgcam_add_output(fmgcam_context *context,
                                struct fmgcam_regions *regions,
                                const char *name, const fmgcam_buffer *buffer,
                                size_t rows, size_t columns);

/* ---- accept.c: tensors of the caller ------------------------------------- */

/* The shapes that a tensor may have. */
enum fmgcam_form {
    /* With options.spatial_axes 1 or 3, [L] or [D, H, W] for [H, W]. */
    FMGCAM_FORM_ACTIVATIONS, /* [C, H, W] or [1, C, H, W] */
    FMGCAM_FORM_GRADIENTS,   /* [K, C, H, W] or [C, H, W] */
    FMGCAM_FORM_MATRIX,      /* [K, C] */
    FMGCAM_FORM_VECTOR,      /* [n] or [1, n]; a view with n rows */
    FMGCAM_FORM_MAPS,        /* [K, L], [K, H, W] or [K, D, H, W] */
    FMGCAM_FORM_PLANE_MAPS,  /* [K, H, W] */
    FMGCAM_FORM_ANY          /* 1 to 5 axes: n, channels, then space */
};

/* A tensor of floats. */
fmgcam_status fmgcam_view_tensor(fmgcam_context *context, const char *name,
                                 enum fmgcam_form form,
                                 const fmgcam_tensor *tensor,
                                 struct fmgcam_view *view);
/* A tensor of floats, or of integers with their quantization, which is called
 * by the tensor's name and "_quantization". */
fmgcam_status fmgcam_view_quantized(fmgcam_context *context, const char *name,
                                    enum fmgcam_form form,
                                    const fmgcam_tensor *tensor,
                                    const fmgcam_quantization *quantization,
                                    struct fmgcam_view *view);
/* A tensor of floats, or of integers that are the values themselves. */
fmgcam_status fmgcam_view_numbers(fmgcam_context *context, const char *name,
                                  enum fmgcam_form form,
                                  const fmgcam_tensor *tensor,
                                  struct fmgcam_view *view);

/* SHAPE, with both shapes. */
fmgcam_status fmgcam_fail_mismatch(fmgcam_context *context, const char *name,
                                   const fmgcam_tensor *tensor,
                                   const char *other_name,
                                   const fmgcam_tensor *other);

enum { FMGCAM_SHAPE_TEXT_SIZE = 176 };

/* "[0,17,3,3]": the index of an element in the caller's order. */
void fmgcam_print_index(const fmgcam_context *context, enum fmgcam_form form,
                        const struct fmgcam_view *view, size_t n, size_t c,
                        size_t cell, char text[FMGCAM_SHAPE_TEXT_SIZE]);

/* "maps[2]" */
void fmgcam_name_element(const char *array, size_t index, char name[32]);

/* "[3,3]": a cell of its map. */
void fmgcam_print_cell(const fmgcam_context *context,
                       const struct fmgcam_view *view, size_t cell,
                       char text[FMGCAM_SHAPE_TEXT_SIZE]);

/* ---- finite.c: NaN and infinity ------------------------------------------ */

/* NON_FINITE with tensor, index and value if there is one, else OK. */
fmgcam_status fmgcam_require_finite(fmgcam_context *context, const char *name,
                                    enum fmgcam_form form,
                                    const struct fmgcam_view *view);
/* The same, where options.non_finite is to see it as an error. */
fmgcam_status fmgcam_check_finite(fmgcam_context *context, const char *name,
                                  enum fmgcam_form form,
                                  const struct fmgcam_view *view);

/* Under NON_FINITE_SKIP and _PROPAGATE: how many elements of @p view are NaN or
 * infinite, which are skipped from then on, or propagate. Else 0. */
size_t fmgcam_apply_policy(const fmgcam_context *context,
                           struct fmgcam_view *view);

int fmgcam_are_finite(const float *values, size_t count);

/* Weights [K, C] or maps [K, cells] that are made of finite inputs and are not
 * finite themselves: OVERFLOW, unless non-finite values may propagate. */
fmgcam_status fmgcam_check_weights(fmgcam_context *context,
                                   const float *weights, size_t classes,
                                   size_t channels);
fmgcam_status fmgcam_check_maps(fmgcam_context *context, const float *maps,
                                size_t classes,
                                const struct fmgcam_view *activations);

/* The same where an input may be to blame, every element of which entered a
 * sum: then NON_FINITE. */
fmgcam_status fmgcam_judge_weights(fmgcam_context *context, const char *name,
                                   enum fmgcam_form form,
                                   const struct fmgcam_view *input,
                                   const float *weights, size_t classes);
fmgcam_status fmgcam_judge_maps(fmgcam_context *context,
                                const struct fmgcam_view *activations,
                                const float *maps, size_t classes);

/* ---- image.c: pictures of the caller ------------------------------------- */

/* Both sides of a picture are from 1 on. */
fmgcam_status fmgcam_check_size(fmgcam_context *context, const char *name,
                                uint32_t height, uint32_t width);
fmgcam_status fmgcam_check_image(fmgcam_context *context, const char *name,
                                 const fmgcam_image *image);
/* Of one size, and the same memory or apart. */
fmgcam_status fmgcam_check_pictures(fmgcam_context *context,
                                    const fmgcam_image *picture,
                                    const fmgcam_image *overlay);
struct fmgcam_span fmgcam_image_span(const fmgcam_image *image);
uint32_t fmgcam_pixel_bytes(uint32_t format);
/* Do blue bytes come before red ones? */
int fmgcam_is_blue_first(uint32_t format);
/* Copy pixels of one format into another. Between colours channels change
 * places, alpha is copied or 255; of three equal channels grey is their value. */
void fmgcam_convert_pixels(uint32_t from_format, const uint8_t *from,
                           uint32_t to_format, uint8_t *to, size_t count);
uint8_t *fmgcam_image_row(const fmgcam_image *image, size_t y);

/* ---- workspace.c: scratch memory ----------------------------------------- */

/* What a call works on; 0 where it has no such axis. */
struct fmgcam_extents {
    size_t classes, channels, map_height, map_width;
    size_t picture_height, picture_width;
    size_t map_depth; /* 0 is 1 */
    size_t pictures;  /* of a batch; 0 is 1 */
    int eigen;        /* with the matrix of eigen.c */
};

/* Tiles, the unit in which tensors that cannot be read in place are copied. */
enum {
    FMGCAM_TILE_CHANNELS = 32,
    FMGCAM_TILE_CELLS = 128,
    FMGCAM_TILE_FLOATS = FMGCAM_TILE_CHANNELS * FMGCAM_TILE_CELLS
};

/* Pixel @p i is the sum over j < taps of weights[j * pixels + i] * cells[starts[i]
 * + j]. starts never fall. */
struct fmgcam_taps {
    uint32_t *starts; /* [pixels] */
    float *weights;   /* [taps, pixels] */
};

struct fmgcam_scratch {
    /* Stages 1 to 6. */
    float *weights;       /* [K, C] */
    float *signed_maps;   /* [K, H, W] */
    float *maps;          /* [K, H, W] */
    int32_t *winner;      /* [H, W] */
    uint32_t *references; /* [K, 3], of contrast.c */
    double *row;          /* [2, max(K, C)] */
    double *eigen;        /* fmgcam_eigen_space() */
    /* Stage 7, in the same memory. */
    float *planes;             /* [max(K, 4), H, W] */
    struct fmgcam_taps across; /* from W to picture_width */
    struct fmgcam_taps down;   /* from H to picture_height */
    float *scales;             /* [K] */
    uint32_t *colors;          /* [K] */
    /* Both: worker_floats floats for each worker. */
    float *worker_scratch;
    size_t worker_floats;
    size_t slot_bytes; /* from that of one picture of a batch to the next */
};

/* Scratch for @p extents: within what is reserved, else allocated. */
fmgcam_status fmgcam_claim(fmgcam_context *context,
                           const struct fmgcam_extents *extents,
                           struct fmgcam_scratch *scratch);

static inline float *fmgcam_worker_scratch(const struct fmgcam_scratch *scratch,
                                           uint32_t worker)
{
    return scratch->worker_scratch + (size_t)worker * scratch->worker_floats;
}

/* Scratch of stages 1 to 6 in which a picture is explained by itself. */
struct fmgcam_scratch fmgcam_slot_scratch(const struct fmgcam_scratch *scratch,
                                          uint32_t slot);

/* Bytes of a workspace for @p extents; 0 is returned where that overflows. */
int fmgcam_measure_workspace(const struct fmgcam_extents *extents,
                             uint32_t workers, size_t *bytes);
/* Have a workspace of at least @p bytes. On failure the earlier one stays. */
fmgcam_status fmgcam_grow_workspace(fmgcam_context *context, size_t bytes);
void fmgcam_release_workspace(fmgcam_context *context);
/* LIMIT where @p extents are beyond what is reserved. */
fmgcam_status fmgcam_check_limits(fmgcam_context *context,
                                  const struct fmgcam_extents *extents);
fmgcam_status fmgcam_check_limit(fmgcam_context *context, const char *name,
                                 size_t value, uint32_t limit);

/* ---- scores.c: the best classes by their scores -------------------------- */

/* Check FMGCAM_LINK_* and temperature, members of the struct @p name, and
 * replace what is 0 by its default. */
fmgcam_status fmgcam_resolve_link(fmgcam_context *context, const char *name,
                                  uint32_t *link, float *temperature);

/* What is made of scores, relative to the largest one for softmax, so that no
 * exponential is too large. */
struct fmgcam_link {
    const struct fmgcam_view *scores; /* a vector, finite */
    uint32_t kind;                    /* FMGCAM_LINK_* */
    double temperature;
    double highest, sum; /* of softmax */
};
struct fmgcam_link fmgcam_link_scores(const struct fmgcam_view *scores,
                                      uint32_t kind, float temperature);
double fmgcam_probability(const struct fmgcam_link *link, size_t i);

/* How many classes are explained where nobody says it. */
enum { FMGCAM_USUAL_COUNT = 5 };

/* How many there are at most: @p count, a member of the struct @p name, or
 * where it is 0 min(@p usual, @p n). */
fmgcam_status fmgcam_resolve_count(fmgcam_context *context, const char *name,
                                   uint32_t count, size_t usual, size_t n,
                                   size_t *most);

/* Which classes 0...n-1 compete, and for how many places. is_worse() orders
 * them strictly. */
struct fmgcam_ranking {
    int (*qualifies)(const void *job, size_t i);
    int (*is_worse)(const void *job, uint32_t a, uint32_t b);
    const void *job;
    size_t n, most;
};
/* The best that qualify, at most ranking->most, best first. Returns how
 * many. */
size_t fmgcam_select_best(const struct fmgcam_ranking *ranking,
                          uint32_t *classes);
/* Best first. */
void fmgcam_sort_best(const struct fmgcam_ranking *ranking, uint32_t *classes,
                      size_t size);

/* ---- history.c: what is kept from frame to frame ------------------------- */

/* *fresh is @p memory itself where that has so many bytes, else allocated. */
fmgcam_status fmgcam_prepare_memory(fmgcam_context *context,
                                    const struct fmgcam_memory *memory,
                                    size_t bytes, struct fmgcam_memory *fresh);
/* Take @p fresh for *memory, which is released unless it is the same. */
void fmgcam_replace_memory(fmgcam_context *context,
                           struct fmgcam_memory *memory,
                           struct fmgcam_memory fresh);
/* Have so much memory, and forget all frames. On failure nothing changes. */
fmgcam_status fmgcam_grow_history(fmgcam_context *context, size_t score_bytes,
                                  size_t map_bytes);
void fmgcam_release_history(fmgcam_context *context);
/* LIMIT where limits are reserved and @p value is beyond @p limit. */
fmgcam_status fmgcam_check_frame_limit(fmgcam_context *context,
                                       const char *name, size_t value,
                                       uint32_t limit);
/* ---- track.c, smooth.c: over time ----------------------------------------- */

/* Copy the caller's options (NULL: defaults) without zeros, but those that mean
 * what they say, and enter and leave. */
fmgcam_status fmgcam_import_tracking(fmgcam_context *context,
                                     const fmgcam_tracking *theirs,
                                     fmgcam_tracking *ours);
/* Bytes that are kept of @p n scores, and of maps; 0 on overflow. */
size_t fmgcam_track_space(size_t n);
size_t fmgcam_smooth_space(size_t classes, size_t cells);

/* ---- maps.c: the frame of the stages that change maps -------------------- */

/* An output of maps [K, H, W] made from one input of that shape: it may be the
 * input itself where that is contiguous float32. Checks both, and copies the
 * input into the output, so that a stage can work in place. */
fmgcam_status fmgcam_load_maps(fmgcam_context *context, const char *name,
                               const fmgcam_tensor *maps,
                               const char *output_name,
                               const fmgcam_buffer *output,
                               struct fmgcam_view *view);

/* ---- parallel.c: the caller's runner ------------------------------------- */

/* Into how many shares work is split at most: 1 without a runner. */
size_t fmgcam_count_shares(const fmgcam_context *context);

/* Call item(job, i, worker) for each i in 0...count-1 by the runner. */
fmgcam_status fmgcam_run_items(fmgcam_context *context,
                               void (*item)(void *job, size_t index,
                                            uint32_t worker),
                               void *job, size_t count);

/* ---- The stages, on checked arguments --------------------------------------
 *
 * Maps are contiguous [K, H, W] and change in place. */

struct fmgcam_map_shape {
    size_t classes, depth, height, width, cells;
};

static inline struct fmgcam_map_shape
fmgcam_shape_of(const struct fmgcam_view *maps)
{
    return (struct fmgcam_map_shape){maps->channels, maps->depth, maps->height,
                                     maps->width, maps->cells};
}

/* pool.c */
struct fmgcam_pooling {
    const struct fmgcam_kernels *kernels;
    const struct fmgcam_view *gradients;
    const struct fmgcam_scratch *scratch;
    float *weights; /* [n, channels] */
};
/* How many channels are pooled at a time: as wide as their layout asks for. */
size_t fmgcam_pool_channels(const struct fmgcam_view *gradients);
/* Channels @p first on (at most fmgcam_pool_channels()) of @p count classes from
 * @p n on. @p soon (optional): see fmgcam_rows. */
void fmgcam_pool_block(const struct fmgcam_pooling *pooling, size_t n,
                       size_t count, size_t first, size_t channels,
                       const float *soon, ptrdiff_t soon_stride,
                       uint32_t worker);
fmgcam_status fmgcam_pool(fmgcam_context *context,
                          const struct fmgcam_view *gradients,
                          const struct fmgcam_scratch *scratch, float *weights);

/* The methods that are not Grad-CAM take inputs that are known to be finite (or
 * may propagate). Gradients are [K, C, cells], activations [1, C, cells]. */

/* weigh.c: weights [K, C] of options.method grad-cam++, grad-cam++-stable and
 * xgrad-cam, and of fem, which has no gradients (NULL) and one class. */
fmgcam_status fmgcam_weigh(fmgcam_context *context,
                           const struct fmgcam_view *gradients,
                           const struct fmgcam_view *activations,
                           const struct fmgcam_scratch *scratch, float *weights,
                           uint64_t *guarded);

/* product.c: signed maps of layer-cam, hires-cam and element-wise. */
fmgcam_status fmgcam_add_products(fmgcam_context *context,
                                  const struct fmgcam_view *gradients,
                                  const struct fmgcam_view *activations,
                                  const struct fmgcam_scratch *scratch,
                                  float *maps);

/* lanczos.c: the largest eigenvalue of a symmetric positive semidefinite matrix
 * [n, n]; *vector, in @p scratch, is its eigenvector, of length 1. 0 for zeros.
 * @p scratch has fmgcam_leading_space() doubles (0 on overflow). */
size_t fmgcam_leading_space(size_t n);
double fmgcam_leading_pair(const double *matrix, size_t n, double *scratch,
                           const double **vector);

/* eigen.c: signed maps of eigen-cam (gradients NULL) and eigen-grad-cam. How
 * many doubles it needs, never less for larger sizes; 0 on overflow. */
size_t fmgcam_eigen_space(size_t cells, size_t channels);
fmgcam_status fmgcam_project(fmgcam_context *context,
                             const struct fmgcam_view *gradients,
                             const struct fmgcam_view *activations,
                             const struct fmgcam_scratch *scratch, float *maps);

/* combine.c */
struct fmgcam_combining {
    /* A kernel, or BLAS in the same role. */
    void (*combine)(const struct fmgcam_products *products, size_t classes,
                    size_t cells);
    const float *weights; /* [classes, channels] */
    size_t classes;
    const struct fmgcam_view *activations;
    const struct fmgcam_scratch *scratch;
    float *maps; /* [classes, cells] */
};
/* Add what @p channels from @p c on give to @p cells from @p first on of all maps:
 * at most FMGCAM_TILE_CHANNELS and FMGCAM_TILE_CELLS where they cannot be read in
 * place. */
void fmgcam_add_channels(const struct fmgcam_combining *combining, size_t first,
                         size_t cells, size_t c, size_t channels,
                         uint32_t worker);
/* Whether options.arithmetic leaves these products to BLAS. */
int fmgcam_uses_blas(const fmgcam_context *context, size_t classes,
                     size_t cells);
/* @p weights is changed by profile released. */
fmgcam_status fmgcam_combine(fmgcam_context *context, size_t classes,
                             float *weights,
                             const struct fmgcam_view *activations,
                             const struct fmgcam_scratch *scratch, float *maps);
void fmgcam_warm_up_blas(void);

/* onepass.c: stages 1 and 2 together, on the calling thread, by the library's
 * kernels; weights of NULL are not wanted. 0 where a map (and so possibly a
 * weight) is not finite and should be: then the stages, one after the other,
 * find what is to blame. */
int fmgcam_pool_and_combine(const fmgcam_context *context,
                            const struct fmgcam_view *gradients,
                            const struct fmgcam_view *activations,
                            const struct fmgcam_scratch *scratch,
                            float *weights, float *maps);

/* ---- picture.c: what one call of fmgcam_explain() is about --------------- */

/* Where weights come from. */
enum fmgcam_source_kind {
    FMGCAM_SOURCE_NONE, /* class-agnostic methods */
    FMGCAM_SOURCE_GRADIENTS,
    FMGCAM_SOURCE_WEIGHTS,
    FMGCAM_SOURCE_CLASSIFIER
};

struct fmgcam_source {
    enum fmgcam_source_kind kind;
    const char *name;
    enum fmgcam_form form;
    const fmgcam_tensor *tensor;
    const fmgcam_quantization *quantization;
    struct fmgcam_view view;
};

struct fmgcam_picture {
    struct fmgcam_view activations;
    struct fmgcam_source source;
    size_t classes;          /* K */
    const uint32_t *indices; /* [K], of the classes; NULL: 0 to K - 1 */
    int has_scores, has_probabilities;
    struct fmgcam_view scores, probabilities;
    fmgcam_outputs wanted;   /* a copy */
    fmgcam_outputs *outputs; /* the caller's, for what is written into it */
};

/* Check all that the caller gave; what scratch it will take. */
fmgcam_status fmgcam_accept_picture(fmgcam_context *context,
                                    const fmgcam_inputs *inputs,
                                    fmgcam_outputs *outputs,
                                    struct fmgcam_picture *picture,
                                    struct fmgcam_extents *extents);

/* Index of the class of rank @p k in the classifier and the scores. */
static inline uint32_t fmgcam_class_index(const struct fmgcam_picture *picture,
                                          size_t k)
{
    return picture->indices ? picture->indices[k] : (uint32_t)k;
}

/* p [n] of one column: how many classes, and each in 0...1. */
fmgcam_status fmgcam_view_probabilities(fmgcam_context *context,
                                        const char *name,
                                        const fmgcam_tensor *tensor,
                                        size_t classes,
                                        struct fmgcam_view *view);

/* classifier.c: the weights that the gradients of options.target would give. */
fmgcam_status fmgcam_take_rows(fmgcam_context *context,
                               const struct fmgcam_picture *picture,
                               const struct fmgcam_scratch *scratch);

/* contrast.c: scratch->weights less those of similar classes. */
fmgcam_status fmgcam_contrast(fmgcam_context *context,
                              const struct fmgcam_picture *picture,
                              const struct fmgcam_scratch *scratch);

/* evidence.c */
/* Stages 1 and 2 by options.method into @p signed_maps (NULL: stage 1 alone),
 * handing out the weights. Writes picture->outputs->guarded. */
fmgcam_status fmgcam_make_signed_maps(fmgcam_context *context,
                                      const struct fmgcam_picture *picture,
                                      const struct fmgcam_scratch *scratch,
                                      float *signed_maps);

/* explain.c: stages 1 to 6 of what was accepted. */
fmgcam_status fmgcam_explain_picture(fmgcam_context *context,
                                     struct fmgcam_picture *picture,
                                     const struct fmgcam_scratch *scratch);

/* activate.c */
void fmgcam_activate(uint32_t activation, float *values, size_t count);

/* filter.c: winner[cell] = the class with the largest value, or -1 where none
 * is > 0, unless @p keep_negative. */
void fmgcam_choose_winner(const float *signed_maps,
                          struct fmgcam_map_shape shape, int keep_negative,
                          int32_t *winner);
/* Stage 4 on @p maps by the options; @p scratch is [H, W]. */
void fmgcam_filter(const fmgcam_options *options, const float *signed_maps,
                   struct fmgcam_map_shape shape, int32_t *scratch,
                   float *maps);

/* measure.c */
void fmgcam_find_margin(const float *signed_maps, struct fmgcam_map_shape shape,
                        float *margin);

/* normalize.c */
/* @p probabilities, a vector, is looked at with NORMALIZE_PROBABILITY only. */
void fmgcam_normalize(const fmgcam_options *options,
                      const struct fmgcam_view *probabilities, float *maps,
                      struct fmgcam_map_shape shape);
/* Returns FMGCAM_RESULT_* bits. */
uint32_t fmgcam_rescale(uint32_t rescale, float *maps,
                        struct fmgcam_map_shape shape);

/* contest.c: both scale planes [classes, cells] by a power of two, which changes
 * no winner and leaves room for what resampling adds up.
 *
 * scales[k] makes evidence of a signed value of class k. */
void fmgcam_scale_contest(const fmgcam_options *options,
                          const struct fmgcam_view *probabilities,
                          float *planes, size_t classes, size_t cells,
                          float *scales);
/* @return what makes numbers in -1...1 of a signed map. */
float fmgcam_scale_signed(const fmgcam_options *options, float *plane,
                          size_t cells);

/* palette.c: @p color_map is any but CLASS. */
struct fmgcam_ramp fmgcam_ramp_of(uint32_t color_map, int is_blue_first);

/* geometry.c: the geometry of @p picture, or where @p theirs is NULL that of a
 * map that covers it. */
fmgcam_status fmgcam_import_geometry(fmgcam_context *context,
                                     const fmgcam_geometry *theirs,
                                     const fmgcam_image *picture,
                                     fmgcam_geometry *ours);
fmgcam_geometry fmgcam_whole_picture(uint32_t width, uint32_t height);

/* Along one axis: @p cells of a map, the flipped one put straight, cover span
 * pixels from edge on; pixels begin...begin + count - 1 see it. */
struct fmgcam_reach {
    size_t cells, begin, count;
    double edge, span;
};
struct fmgcam_reach fmgcam_reach_across(const fmgcam_geometry *geometry,
                                        uint32_t width, size_t cells);
struct fmgcam_reach fmgcam_reach_down(const fmgcam_geometry *geometry,
                                      uint32_t height, size_t cells);

/* taps.c */
size_t fmgcam_tap_count(uint32_t resample, const struct fmgcam_reach *reach);
/* Enough for tap_count * count of any reach of so many cells and up to so many
 * pixels, never less for larger sizes; 0 on overflow. */
size_t fmgcam_tap_space(size_t cells, size_t pixels);
void fmgcam_place_taps(uint32_t resample, const struct fmgcam_reach *reach,
                       const struct fmgcam_taps *taps);

/* resample.c: a walk over the pixels of a picture that see a map, onto which
 * scratch->planes [classes, H, W] are resampled, strip by strip of its rows. */
struct fmgcam_walk {
    size_t planes;
    struct fmgcam_reach across, down;
    /* A strip that begins at pixel (x, y). Called by the runner's threads. */
    void (*paint)(const void *job, const struct fmgcam_strip *strip, size_t y,
                  size_t x);
    const void *job;
};
fmgcam_status fmgcam_walk_picture(fmgcam_context *context,
                                  const struct fmgcam_scratch *scratch,
                                  const struct fmgcam_walk *walk);
/* Floats that a worker needs, for any picture and up to so many planes of so
 * many rows; 0 on overflow. */
size_t fmgcam_walk_space(size_t planes, size_t map_height);

/* scratch->planes to @p out [classes, height, width], where a value is joined
 * to what is there. */
enum fmgcam_join {
    FMGCAM_JOIN_STORE,
    FMGCAM_JOIN_SUM,
    FMGCAM_JOIN_MAXIMUM,
    FMGCAM_JOIN_POSITIVE, /* stores max(value, 0) */
    FMGCAM_JOIN_PRODUCT   /* times max(value, 0) */
};
fmgcam_status fmgcam_resample_planes(fmgcam_context *context,
                                     const struct fmgcam_scratch *scratch,
                                     struct fmgcam_map_shape shape,
                                     size_t height, size_t width,
                                     enum fmgcam_join join, float *out);

#endif
