/* SPDX-License-Identifier: MIT */
/*
 * fmgcam: fused multi-class class activation maps (FM-G-CAM, arXiv 2312.05975)
 * from tensors that the application already has, without a framework.
 *
 * One picture goes one way:
 *
 *   gradients -> weights -> signed maps -> class maps -> filtered maps
 *             1          2              3             4
 *             -> normalised maps -> maps -> picture
 *             5                  6       7
 *
 * fmgcam_explain() runs stages 1 to 6, fmgcam_draw_overlay() stage 7; every
 * stage is also a function of its own. docs/algorithm.md has the equations.
 *
 * Letters used below: K classes, explained in rank order (rank 0 has the
 * highest score); C channels; H x W the size of the map; S = H * W its cells.
 *
 * Conventions that hold for every function:
 *  - Memory belongs to the caller. The library keeps no pointer that it is
 *    given beyond the call, except the hooks (allocator, runner, log), which it
 *    copies.
 *  - A context serves one thread at a time; contexts are independent of each
 *    other. Functions without a context may be called from any thread.
 *  - Status: FMGCAM_STATUS_OK, or what went wrong; fmgcam_error_detail()
 *    then says which argument, what it was and what was expected. On failure
 *    the content of the outputs is unspecified, inputs are untouched and the
 *    context stays usable.
 *  - A context of NULL is FMGCAM_STATUS_ARGUMENT. So is any other pointer of
 *    NULL unless it is said to be optional.
 *  - Structs that begin with struct_size may grow. Set it to sizeof the
 *    struct as compiled; zero in any other member means "the default". The
 *    library takes older (smaller) structs, and newer (larger) ones, up to
 *    4096 bytes, as long as the part that it does not know is zero.
 *  - Values out of range are errors; nothing is clamped.
 *  - Finite inputs never yield NaN. NaN or infinity in an input that the wanted
 *    outputs depend on is FMGCAM_STATUS_NON_FINITE.
 *
 * The library opens no file, writes to no stream, reads no environment
 * variable, starts no thread and has no mutable global state. (OpenBLAS, if
 * linked, starts a thread pool of its own.)
 */
#ifndef FMGCAM_FMGCAM_H
#define FMGCAM_FMGCAM_H

#include <stddef.h>
#include <stdint.h>

#include "version.h"

#if defined(_WIN32) && defined(FMGCAM_BUILDING)
# define FMGCAM_API __declspec(dllexport)
#elif defined(_WIN32) && !defined(FMGCAM_STATIC)
# define FMGCAM_API __declspec(dllimport)
#elif defined(__GNUC__)
# define FMGCAM_API __attribute__((visibility("default")))
#else
# define FMGCAM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status -------------------------------------------------------------- */

typedef int32_t fmgcam_status;

enum {
    FMGCAM_STATUS_OK          = 0,
    FMGCAM_STATUS_ARGUMENT    = 1, /* NULL, unknown or out of range, overlap */
    FMGCAM_STATUS_SHAPE       = 2, /* rank or shape does not fit */
    FMGCAM_STATUS_STRIDE      = 3, /* strides leave the address space */
    FMGCAM_STATUS_UNSUPPORTED = 4, /* not in this version or build: a dtype, a
                                      struct of a newer header, a BLAS */
    FMGCAM_STATUS_NON_FINITE  = 5, /* NaN or infinity in an input */
    FMGCAM_STATUS_OVERFLOW    = 6, /* a result or a size leaves its range */
    FMGCAM_STATUS_NO_MEMORY   = 7, /* the allocator returned NULL */
    FMGCAM_STATUS_BUFFER_SIZE = 8, /* an output buffer is too small */
    FMGCAM_STATUS_LIMIT       = 9, /* beyond what fmgcam_reserve() was told */
    FMGCAM_STATUS_RUNNER      = 10 /* the runner failed or broke its contract */
};

/* A short English name of @p status, "unknown status" for other numbers; never
 * NULL, static. Any thread. @since 0.1 */
FMGCAM_API const char *fmgcam_status_string(fmgcam_status status);

/* The version of the library that is running, as FMGCAM_VERSION. Any thread.
 * @since 0.1 */
FMGCAM_API uint32_t fmgcam_version(void);

/* One line for bug reports: version, BLAS, kernels in use; static, never NULL.
 * Any thread. @since 0.1 */
FMGCAM_API const char *fmgcam_build_info(void);

/* ---- Tensors: views of the caller's memory ------------------------------- */

/* Element types. There is no default: 0 is an error. */
enum {
    FMGCAM_DTYPE_FLOAT32 = 1,
    FMGCAM_DTYPE_FLOAT16 = 2 /* IEEE 754 binary16 */
};

#define FMGCAM_MAX_RANK 8

/* A view of numbers in memory, which it does not own. shape and strides have
 * rank entries. Extents are from 1 to 2^31 - 1, as are those of pictures;
 * strides count elements and may be any number, zero and negative ones
 * included (zero repeats). data points to the element with all indices
 * zero and must be aligned to the element's size. The logical order of axes is
 * always that of the documented shape, e.g. [C, H, W], whatever the memory
 * layout. This struct is final: it does not grow. */
typedef struct fmgcam_tensor {
    const void *data;
    uint32_t    dtype; /* FMGCAM_DTYPE_* */
    uint32_t    rank;
    int64_t     shape[FMGCAM_MAX_RANK];
    int64_t     strides[FMGCAM_MAX_RANK];
} fmgcam_tensor;

/* Make @p tensor a view [n, channels, height, width] of contiguous memory in
 * the order NCHW or NHWC. Activations of one picture have n = 1, gradients
 * n = K. Nothing is checked here but @p tensor itself: NULL does nothing; the
 * function that takes the tensor checks the rest. Any thread. @since 0.1 */
FMGCAM_API void fmgcam_tensor_nchw(fmgcam_tensor *tensor, const void *data,
                                   uint32_t dtype, int64_t n, int64_t channels,
                                   int64_t height, int64_t width);
FMGCAM_API void fmgcam_tensor_nhwc(fmgcam_tensor *tensor, const void *data,
                                   uint32_t dtype, int64_t n, int64_t channels,
                                   int64_t height, int64_t width);

/* Make @p tensor a view [rows, columns] of a contiguous row-major matrix, for
 * weights and rows of a classifier. NULL does nothing. Any thread.
 * @since 0.1 */
FMGCAM_API void fmgcam_tensor_matrix(fmgcam_tensor *tensor, const void *data,
                                     uint32_t dtype, int64_t rows,
                                     int64_t columns);

/* Make @p tensor a view [classes, height, width] of contiguous float32 maps, as
 * the library writes them. NULL does nothing. Any thread. @since 0.1 */
FMGCAM_API void fmgcam_tensor_maps(fmgcam_tensor *tensor, const float *data,
                                   int64_t classes, int64_t height,
                                   int64_t width);

/* An output: memory of the caller. data NULL means "not wanted": it is not
 * computed. Written contiguously in the documented shape; size_bytes may be
 * larger than needed, and smaller is FMGCAM_STATUS_BUFFER_SIZE. data must be
 * aligned to the element's size. This struct is final. */
typedef struct fmgcam_buffer {
    void  *data;
    size_t size_bytes;
} fmgcam_buffer;

/* ---- Options ------------------------------------------------------------- */

/* Whose definition of the stages. */
enum {
    FMGCAM_PROFILE_STANDARD = 1, /* default */
    /* The maps of the Python package that the paper's authors published
     * (xai-inference-engine 0.1.4), its bugs included, to compare with results
     * made by it: the weights of rank r are the product of those of ranks 0..r;
     * the mean over channels in place of the sum; negative winners are kept
     * through stage 5, the norm is per column with floor 1e-12, and the
     * activation comes after it. */
    FMGCAM_PROFILE_RELEASED = 2
};

/* How stages 1 and 2 make signed maps. */
enum {
    FMGCAM_METHOD_GRAD_CAM = 1 /* default */
};

/* Stage 3, R = phi(M). */
enum {
    FMGCAM_ACTIVATION_RELU = 1, /* max(x, 0); default */
    FMGCAM_ACTIVATION_GELU = 2, /* x (1 + erf(x / sqrt 2)) / 2, exact form */
    FMGCAM_ACTIVATION_ELU  = 3, /* x for x > 0, else exp(x) - 1 */
    FMGCAM_ACTIVATION_NONE = 4
};

/* Stage 4. */
enum {
    FMGCAM_FILTER_ARGMAX = 1, /* a cell keeps its winner's value; default */
    FMGCAM_FILTER_NONE   = 2
};

/* Stage 5. Default: L2, in profile released L2_COLUMNS. */
enum {
    FMGCAM_NORMALIZE_L2         = 1, /* by the norm of a class's whole map */
    FMGCAM_NORMALIZE_L2_COLUMNS = 2, /* by the norm along H, per column */
    FMGCAM_NORMALIZE_NONE       = 3
};

/* Stage 6: (x - min) / (max - min). */
enum {
    FMGCAM_RESCALE_STACK = 1, /* over all K maps together; default */
    FMGCAM_RESCALE_CLASS = 2, /* each map by itself */
    FMGCAM_RESCALE_NONE  = 3
};

/* Who multiplies in stage 2. */
enum {
    /* The library's own kernels, and BLAS where it is measurably faster: more
     * than 16 classes and no runner set. Default. */
    FMGCAM_ARITHMETIC_AUTO = 1,
    /* BLAS always. FMGCAM_STATUS_UNSUPPORTED in a build without one. Its bits
     * depend on the CPU and the number of threads. */
    FMGCAM_ARITHMETIC_BLAS = 2,
    /* Own kernels always: the same bits on every CPU, for every memory layout,
     * for every dtype that holds the values, for every runner. */
    FMGCAM_ARITHMETIC_REPRODUCIBLE = 3
};

/* Stage 7: where the winner is chosen. */
enum {
    FMGCAM_FUSE_AT_MAP   = 1, /* per cell; colours mix at borders; default */
    FMGCAM_FUSE_AT_IMAGE = 2  /* per pixel of the picture; never mixes */
};

/* Stage 7: from map to picture, half-pixel centres. */
enum {
    FMGCAM_RESAMPLE_NEAREST  = 1,
    FMGCAM_RESAMPLE_BILINEAR = 2,
    FMGCAM_RESAMPLE_BICUBIC  = 3 /* a = -0.5, as Pillow does it; default */
};

/* Stage 7: alpha follows the evidence, or is the same everywhere. */
enum {
    FMGCAM_BLEND_EVIDENCE = 1, /* (1 - alpha e) picture + alpha C; default */
    FMGCAM_BLEND_CONSTANT = 2  /* (1 - alpha) picture + alpha C */
};

/* Bits of fmgcam_options.flags. */
enum {
    /* alpha is meant as it stands, even if it is 0. */
    FMGCAM_OPTION_ALPHA_SET = 1
};

typedef struct fmgcam_options {
    size_t   struct_size; /* bytes; set by fmgcam_options_init() */
    uint32_t flags;       /* FMGCAM_OPTION_* bits */
    uint32_t profile;     /* FMGCAM_PROFILE_*; gives the defaults below */
    uint32_t method;      /* FMGCAM_METHOD_* */
    uint32_t activation;  /* FMGCAM_ACTIVATION_* */
    uint32_t filter;      /* FMGCAM_FILTER_* */
    uint32_t normalize;   /* FMGCAM_NORMALIZE_* */
    uint32_t rescale;     /* FMGCAM_RESCALE_* */
    uint32_t arithmetic;  /* FMGCAM_ARITHMETIC_* */
    uint32_t fuse_at;     /* FMGCAM_FUSE_AT_* */
    uint32_t resample;    /* FMGCAM_RESAMPLE_* */
    uint32_t blend;       /* FMGCAM_BLEND_* */
    float    alpha;       /* 0...1; 0 without ALPHA_SET means 0.6 */
} fmgcam_options;

/* Fill @p options with defaults: all zero but struct_size. @p struct_size is
 * sizeof *options as the caller was compiled; that many bytes are written.
 * Equivalent to {.struct_size = sizeof options}. Any thread. @return OK;
 * ARGUMENT if NULL, or no size that it can have. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_options_init(fmgcam_options *options,
                                             size_t          struct_size);

/* ---- Context ------------------------------------------------------------- */

/* Options, workspace and the text of the last error. One thread at a time; any
 * number may exist. */
typedef struct fmgcam_context fmgcam_context;

/* The caller's memory functions: both, or neither for malloc and free.
 * allocate() returns @p size bytes (never 0), aligned for any basic type, or
 * NULL; release() takes what allocate() returned and never NULL. Called from
 * the thread that calls the library, never from a runner's task. This struct
 * is final. */
typedef struct fmgcam_allocator {
    void *opaque;
    void *(*allocate)(void *opaque, size_t size);
    void (*release)(void *opaque, void *memory);
} fmgcam_allocator;

/* Create a context with default options in @p *context.
 * @p allocator is optional: NULL means malloc and free. @p error is optional: a
 * buffer of @p error_size bytes that receives a terminated, possibly shortened
 * text on failure and "" on success, since there is no context to ask then.
 * On failure @p *context is NULL. Any thread.
 * @return OK, ARGUMENT, NO_MEMORY. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_create(const fmgcam_allocator *allocator,
                                       fmgcam_context **context, char *error,
                                       size_t error_size);

/* Release @p context and its workspace. NULL is allowed. @since 0.1 */
FMGCAM_API void fmgcam_destroy(fmgcam_context *context);

/* Text of the last failure on @p context, "" after a success; never NULL, not even
 * for a context of NULL, whose text says so.
 * Begins with the argument's name, e.g. "gradients: shape [5,1280,7,7] does not
 * match activations [1024,7,7]". Valid until the next call on the context.
 * @since 0.1 */
FMGCAM_API const char *fmgcam_error_detail(const fmgcam_context *context);

/* Copy the same text into @p buffer, terminated and shortened to @p size bytes;
 * NULL with size 0 asks for the length. @return the length of the whole text
 * without its terminator. @since 0.1 */
FMGCAM_API size_t fmgcam_copy_error_detail(const fmgcam_context *context,
                                           char *buffer, size_t size);

/* Use @p options (optional: NULL means defaults) from now on. On failure the
 * earlier options stay.
 * @return OK, ARGUMENT, UNSUPPORTED. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_set_options(fmgcam_context       *context,
                                            const fmgcam_options *options);

/* The options in force with every default filled in: no member is 0 but
 * possibly alpha, for which ALPHA_SET is in flags. @p options->struct_size
 * must be set and stays; as many bytes as it says are written.
 * @return OK, ARGUMENT. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_get_options(fmgcam_context *context,
                                            fmgcam_options *options);

/* Levels of the log. */
enum {
    FMGCAM_LOG_ERROR = 1, /* the detail text of every failure */
    FMGCAM_LOG_INFO  = 2  /* what was reserved */
};

/* Receives a message: terminated, without newline, valid during the call.
 * Called from the thread that calls the library. Must not call the library
 * with the same context. */
typedef void (*fmgcam_log_fn)(void *opaque, uint32_t level,
                              const char *message);

/* Send messages to @p log; NULL (the default) is silence.
 * @return OK, ARGUMENT. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_set_log(fmgcam_context *context,
                                        fmgcam_log_fn log, void *opaque);

/* A share of the work, made by the library. It does not allocate or fail. */
typedef void (*fmgcam_task_fn)(void *job, uint32_t index, uint32_t worker);

/* Calls task(job, index, worker) exactly once for each index in 0...count-1,
 * in any order, on any threads. worker is in 0...workers-1 and never in two
 * tasks at the same time. When it returns, all tasks have ended and their
 * writes are visible to the calling thread. Returns 0, or non-zero if it could
 * not. */
typedef int32_t (*fmgcam_run_fn)(void *opaque, fmgcam_task_fn task, void *job,
                                 uint32_t count);

/* Let @p run spread work over the caller's threads; NULL (the default) is the
 * calling thread alone. @p workers, 1 or more, is how many threads it uses;
 * with @p run NULL it must be 0. Calls in which it returns non-zero, leaves
 * tasks out, or passes a worker or index out of range are
 * FMGCAM_STATUS_RUNNER. Results do not depend on how the work was split; with a
 * runner, FMGCAM_ARITHMETIC_AUTO leaves BLAS out.
 * @return OK, ARGUMENT, LIMIT (workers beyond what was reserved). @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_set_runner(fmgcam_context *context,
                                           fmgcam_run_fn run, void *opaque,
                                           uint32_t workers);

/* The largest sizes that will be asked of a context. */
typedef struct fmgcam_limits {
    size_t   struct_size;
    uint32_t classes;        /* K, 1 or more */
    uint32_t channels;       /* C, 1 or more */
    uint32_t map_height;     /* H, 1 or more */
    uint32_t map_width;      /* W, 1 or more */
    uint32_t picture_height; /* pixels; 0 with picture_width 0: no pictures */
    uint32_t picture_width;  /* pixels */
    uint32_t workers;        /* of the runner; 0 means 1 */
    uint32_t flags;          /* no bit is defined yet: 0 */
} fmgcam_limits;

/* Allocate all that calls within @p limits need, and warm up the BLAS. After it
 * no call on this context allocates, and a call beyond the limits is
 * FMGCAM_STATUS_LIMIT. Without it (it is optional) each call allocates what it
 * lacks, and keeps it. May be called again with other limits; on failure what
 * was reserved before stays, so that for a moment there may be both.
 * @return OK, ARGUMENT, UNSUPPORTED, OVERFLOW, NO_MEMORY, LIMIT (fewer workers
 * than the runner that is set). @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_reserve(fmgcam_context      *context,
                                        const fmgcam_limits *limits);

/* How many bytes of the allocator's memory @p limits need: what
 * fmgcam_reserve() asks for where the context does not hold as much already.
 * @return OK, ARGUMENT, UNSUPPORTED, OVERFLOW. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_workspace_size(fmgcam_context      *context,
                                               const fmgcam_limits *limits,
                                               size_t *size_bytes);

/* ---- Stages 1 to 6 in one call ------------------------------------------- */

/* What is known about one picture: the activations, and exactly one of the
 * other three. All may have any strides, and float32 or float16 elements. */
typedef struct fmgcam_inputs {
    size_t struct_size;
    /* A [C, H, W] or [1, C, H, W]: output of the layer that is looked at. */
    const fmgcam_tensor *activations;
    /* G [K, C, H, W]; for one class also [C, H, W]: d score_k / dA. */
    const fmgcam_tensor *gradients;
    /* w [K, C]: class weights, in place of stage 1. */
    const fmgcam_tensor *weights;
    /* [K, C]: the rows of the classes in the matrix of a network that ends in
     * global average pooling and one linear layer. Then w = row / S, exactly
     * the weights that the gradients would give. */
    const fmgcam_tensor *classifier;
} fmgcam_inputs;

/* Bits of fmgcam_outputs.result and of fmgcam_rescale_maps(). */
enum {
    /* The maps before stage 6 were constant (with RESCALE_CLASS: each of them),
     * so there is nothing to see. Rescaling makes zeros of them. */
    FMGCAM_RESULT_FLAT = 1
};

/* What is wanted. Buffers may not overlap an input or each other. */
typedef struct fmgcam_outputs {
    size_t        struct_size;
    fmgcam_buffer weights;         /* float [K, C], stage 1 */
    fmgcam_buffer signed_maps;     /* float [K, H, W], stage 2 */
    fmgcam_buffer class_maps;      /* float [K, H, W], stage 3: Grad-CAM */
    fmgcam_buffer winner;          /* int32 [H, W], stage 4: rank, or -1 */
    fmgcam_buffer filtered_maps;   /* float [K, H, W], stage 4 */
    fmgcam_buffer normalized_maps; /* float [K, H, W], stage 5 */
    fmgcam_buffer maps;            /* float [K, H, W], stage 6: the result */
    uint32_t      flags;           /* what to do; no bit is defined yet: 0 */
    uint32_t      result;          /* written: FMGCAM_RESULT_* bits where stage
                                      6 ran, else 0 */
} fmgcam_outputs;

/* Stages 1 to 6 for one picture, as far as the wanted outputs need them. With
 * rescaling, maps are in [0, 1]. winner is the class with the largest signed
 * map where that is > 0, ties to the lowest rank, and -1 where no class has
 * positive evidence. For a single class (K = 1) class_maps is Grad-CAM.
 * @return OK; ARGUMENT (missing or contradicting inputs, overlap, no output
 * wanted), SHAPE, STRIDE, UNSUPPORTED, NON_FINITE (names tensor and index),
 * OVERFLOW (names class and cell, or channel, whose value leaves
 * float32), BUFFER_SIZE (names the size needed), NO_MEMORY, LIMIT, RUNNER.
 * Source: docs/algorithm.md. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_explain(fmgcam_context      *context,
                                        const fmgcam_inputs *inputs,
                                        fmgcam_outputs      *outputs);

/* ---- The stages, one by one ------------------------------------------------
 *
 * Each follows the options of the context and returns the statuses of
 * fmgcam_explain(). Maps are tensors [K, H, W], signed or not as the stage has
 * it. In stages 3, 5 and 6, an output may be the very memory of its input (the
 * same first byte, contiguous float32); any other overlap is an error.
 *
 * Called in this order they give what fmgcam_explain() gives. Profile released
 * has another order: 1, 2, 4 with the signed maps as its class maps too, 5, 3,
 * 6. */

/* Stage 1: weights[k][c] = mean over H x W of gradients[k][c].
 * gradients [K, C, H, W] or [C, H, W]; weights float [K, C]. In 16 float lanes,
 * cell s going to lane s mod 16, which are then added pairwise. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_pool_gradients(fmgcam_context      *context,
                                               const fmgcam_tensor *gradients,
                                               const fmgcam_buffer *weights);

/* Stage 2: M[k][s] = sum over c of weights[k][c] * activations[c][s].
 * weights [K, C]; activations [C, H, W] or [1, C, H, W]; signed_maps float
 * [K, H, W]. Own kernels add c in ascending order, multiply then add. Profile
 * released multiplies the weights up over the ranks and divides by C.
 * @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_combine_channels(
    fmgcam_context *context, const fmgcam_tensor *weights,
    const fmgcam_tensor *activations, const fmgcam_buffer *signed_maps);

/* Stage 3: each value x becomes phi(x), phi by options.activation. maps and
 * activated [K, H, W]. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_activate_maps(fmgcam_context      *context,
                                              const fmgcam_tensor *maps,
                                              const fmgcam_buffer *activated);

/* Stage 4: who wins each cell of signed_maps [K, H, W] goes to winner, int32
 * [H, W]; class_maps [K, H, W] with all but the winner's value of each cell
 * set to 0 goes to filtered, float [K, H, W]. Either output may be not wanted
 * (NULL, or with data NULL), not both; class_maps is optional where filtered
 * is not wanted. With FILTER_NONE filtered is a copy. Profile released keeps
 * negative winners in filtered (not in winner). No output may overlap an
 * input. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_filter_maps(fmgcam_context      *context,
                                            const fmgcam_tensor *signed_maps,
                                            const fmgcam_tensor *class_maps,
                                            const fmgcam_buffer *filtered,
                                            const fmgcam_buffer *winner);

/* Stage 5: each class's map (with L2_COLUMNS: each of its columns) divided by
 * its L2 norm, which is summed in double; zeros where the norm is 0. No
 * absolute epsilon, except that profile released has a floor of 1e-12 under
 * column norms. maps and normalized [K, H, W]. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_normalize_maps(fmgcam_context      *context,
                                               const fmgcam_tensor *maps,
                                               const fmgcam_buffer *normalized);

/* Stage 6: (x - min) / (max - min) over the stack or each class; zeros where
 * that is constant. maps and rescaled [K, H, W]. result is optional and
 * receives FMGCAM_RESULT_* bits. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_rescale_maps(fmgcam_context      *context,
                                             const fmgcam_tensor *maps,
                                             const fmgcam_buffer *rescaled,
                                             uint32_t            *result);

/* ---- Stage 7: the picture ------------------------------------------------ */

/* Pixel formats. */
enum {
    FMGCAM_PIXEL_RGB8 = 1 /* R, G, B, 8 bits each, sRGB-encoded; default */
};

/* A view of pixels. Row y begins at data + y * row_stride_bytes; a negative
 * pitch is a picture stored bottom up. A picture that is only read may be
 * const memory: cast it. This struct is final. */
typedef struct fmgcam_image {
    void    *data; /* of the first (topmost) row */
    int64_t  row_stride_bytes;
    uint32_t width;  /* pixels, 1 or more */
    uint32_t height; /* pixels, 1 or more */
    uint32_t format; /* FMGCAM_PIXEL_*; 0 means RGB8 */
    uint32_t flags;  /* no bit is defined yet: 0 */
} fmgcam_image;

/* What is drawn. */
typedef struct fmgcam_layers {
    size_t struct_size;
    /* N [K, H, W], as fmgcam_outputs.maps; needed with FUSE_AT_MAP. */
    const fmgcam_tensor *maps;
    /* M [K, H, W], as fmgcam_outputs.signed_maps; needed with FUSE_AT_IMAGE. */
    const fmgcam_tensor *signed_maps;
    /* R, G, B of each class, K x 3 bytes; NULL means fmgcam_palette_color(). */
    const uint8_t *colors;
} fmgcam_layers;

/* Draw the coloured map alone into @p heatmap, on black: C = sum over k of N_k
 * colour_k, resampled to its size. All arithmetic is in float until one final
 * clamp to 0...255 and rounding to nearest.
 *
 * With FUSE_AT_MAP the K maps are resampled and their colours add up. With
 * FUSE_AT_IMAGE the signed maps are resampled, the class with the largest
 * positive value wins the pixel (ties to the lowest rank), and its value,
 * scaled as docs/algorithm.md says to [0, 1], is shown in its colour.
 * @return OK; ARGUMENT, SHAPE, STRIDE, UNSUPPORTED, NON_FINITE, OVERFLOW,
 * NO_MEMORY, LIMIT, RUNNER. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_draw_heatmap(fmgcam_context      *context,
                                             const fmgcam_layers *layers,
                                             const fmgcam_image  *heatmap);

/* Draw the coloured map over @p picture into @p overlay, which has the same
 * size: (1 - alpha e) picture + alpha C with e = clamp(sum over k of N_k, 0,
 * 1), or e = 1 with BLEND_CONSTANT. overlay may be picture itself (the same
 * data and pitch); any other overlap is an error. @p picture is only read.
 * @return as fmgcam_draw_heatmap(). @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_draw_overlay(fmgcam_context      *context,
                                             const fmgcam_layers *layers,
                                             const fmgcam_image  *picture,
                                             const fmgcam_image  *overlay);

/* Resample each of maps [K, H, W] to height x width as stage 7 does, unclamped,
 * into resampled, float [K, height, width]. No overlap.
 * @return as fmgcam_draw_heatmap(), and BUFFER_SIZE. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_resample_maps(fmgcam_context      *context,
                                              const fmgcam_tensor *maps,
                                              uint32_t height, uint32_t width,
                                              const fmgcam_buffer *resampled);

/* The colour of class @p index: eight that were chosen for people whose colour
 * vision differs, then generated ones. It depends on index alone. @p rgb receives
 * R, G, B; NULL does nothing. Any thread. @since 0.1 */
FMGCAM_API void fmgcam_palette_color(uint32_t index, uint8_t rgb[3]);

/* ---- Choosing the classes ------------------------------------------------ */

/* The @p k best of @p count scores, best first, ties to the lowest index:
 * indices [k], and values [k] (optional: NULL). No overlap. Does not allocate;
 * time O(count log k).
 * @return OK; ARGUMENT (k is 0 or beyond count, overlap), NON_FINITE.
 * @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_topk(fmgcam_context *context,
                                     const float *scores, size_t count,
                                     size_t k, uint32_t *indices,
                                     float *values);

#ifdef __cplusplus
}
#endif

#endif
