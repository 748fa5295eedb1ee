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
 * stage is also a function of its own. docs/algorithm.md has the equations,
 * docs/methods.md those of the methods that make signed maps otherwise.
 *
 * Letters used below: n classes of the network; K classes that are explained,
 * in rank order (rank 0 has the highest score); C channels; H x W the size of
 * the map; S = H * W its cells. Signals have maps of one axis, [L] in place of
 * [H, W], and volumes of three, [D, H, W]: see fmgcam_options.spatial_axes.
 *
 * Conventions that hold for every function:
 *  - Memory belongs to the caller. The library keeps no pointer that it is
 *    given beyond the call, except the hooks (allocator, runner, log), which it
 *    copies.
 *  - A context serves one thread at a time; contexts are independent of each
 *    other. Functions without a context may be called from any thread.
 *    docs/threading.md goes through them one by one.
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
 *    outputs depend on is FMGCAM_STATUS_NON_FINITE, unless
 *    fmgcam_options.non_finite says otherwise.
 *
 * The library opens no file, writes to no stream, reads no environment
 * variable, starts no thread and has no mutable global state but what it found
 * out about the CPU. (OpenBLAS, if linked, starts a thread pool of its own.)
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
    FMGCAM_STATUS_STRIDE      = 3, /* strides leave the address space, or (in
                                      dlpack.h) are not those of an output */
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
    FMGCAM_DTYPE_FLOAT32  = 1,
    FMGCAM_DTYPE_FLOAT16  = 2, /* IEEE 754 binary16 */
    FMGCAM_DTYPE_FLOAT64  = 3, /* rounded to float32 as it is read */
    FMGCAM_DTYPE_BFLOAT16 = 4, /* the upper half of a float32 */
    FMGCAM_DTYPE_INT8     = 5, /* see fmgcam_quantization */
    FMGCAM_DTYPE_UINT8    = 6
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

/* Make @p tensor a view [n, channels, grid] of the tokens of a transformer,
 * contiguous memory [n, tokens, channels]: the first @p prefix tokens (a class
 * token, registers) are skipped, and the others are the cells of a grid with
 * @p axes (1 to 3) extents @p grid, last axis fastest, e.g. {14, 14}.
 * Any thread. @return OK; ARGUMENT if a pointer is NULL, dtype unknown, axes
 * out of range, an extent below 1, or tokens not prefix plus the cells of the
 * grid. On failure @p tensor (if given) is all zero. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_tensor_tokens(fmgcam_tensor *tensor,
                                              const void *data, uint32_t dtype,
                                              int64_t n, int64_t tokens,
                                              int64_t channels, int64_t prefix,
                                              const int64_t *grid,
                                              uint32_t axes);

/* Make @p slice the view of @p tensor at @p index of its first axis, which it
 * loses: picture i of a batch. slice may be tensor itself. Any thread.
 * @return OK; ARGUMENT if a pointer is NULL, dtype unknown, rank 0 or beyond
 * FMGCAM_MAX_RANK, or index out of range; then @p slice is untouched.
 * @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_tensor_slice(fmgcam_tensor       *slice,
                                             const fmgcam_tensor *tensor,
                                             int64_t              index);

/* Make @p tensor a view [rows, columns] of a contiguous row-major matrix, for
 * weights and classifiers. NULL does nothing. Any thread. @since 0.1 */
FMGCAM_API void fmgcam_tensor_matrix(fmgcam_tensor *tensor, const void *data,
                                     uint32_t dtype, int64_t rows,
                                     int64_t columns);

/* Make @p tensor a view [count] of contiguous numbers, for scores, biases and
 * probabilities. NULL does nothing. Any thread. @since 0.1 */
FMGCAM_API void fmgcam_tensor_vector(fmgcam_tensor *tensor, const void *data,
                                     uint32_t dtype, int64_t count);

/* Make @p tensor a view [classes, height, width] of contiguous float32 maps, as
 * the library writes them. NULL does nothing. Any thread. @since 0.1 */
FMGCAM_API void fmgcam_tensor_maps(fmgcam_tensor *tensor, const float *data,
                                   int64_t classes, int64_t height,
                                   int64_t width);

/* What the integers of a quantised tensor mean:
 *
 *   value = scale * (q - zero_point), rounded to float32 once,
 *
 * with one scale for the whole tensor, or one for each index of an axis. */
typedef struct fmgcam_quantization {
    size_t         struct_size;
    const float   *scales;      /* [count], each finite and > 0 */
    const int32_t *zero_points; /* [count], in the dtype's range; NULL: 0 */
    uint32_t       count;       /* 1, or the extent of axis */
    uint32_t       axis;        /* of the tensor, its first being 0: classes or
                                   channels; of no meaning where count is 1 */
} fmgcam_quantization;

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

/* How stages 1 and 2 make signed maps, G being gradients, A activations, w
 * weights and s_c = sum over the cells of A[c]. docs/methods.md has the
 * sources, and says what others compute under the same names.
 *
 * All but the class-agnostic ones take gradients; where weights or a classifier
 * are given, G is that weight at every cell. The class-agnostic ones look at
 * the activations alone and have no class to fuse: they take no other input, or
 * one of a single class, which is not looked at, and make one map. */
enum {
    /* M = sum_c w A, w = mean over cells of G. Default. */
    FMGCAM_METHOD_GRAD_CAM = 1,
    /* w = sum over cells of relu(G) G^2 / (2 G^2 + s_c G^3 + 1e-6), the form of
     * pytorch-grad-cam. */
    FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS = 2,
    /* w = sum over cells of relu(G) / (2 + s_c G), without a scale of its own;
     * a term with a denominator <= 1e-3 is 0, and counted. */
    FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE = 3,
    /* w = sum over cells of G A, divided by s_c; 0 for a channel with |s_c| <=
     * 1e-6 sum |A[c]|, which is counted. */
    FMGCAM_METHOD_XGRAD_CAM    = 4,
    FMGCAM_METHOD_LAYER_CAM    = 5, /* M = sum_c relu(G) A */
    FMGCAM_METHOD_HIRES_CAM    = 6, /* M = sum_c G A */
    FMGCAM_METHOD_ELEMENT_WISE = 7, /* M = sum_c relu(G A) */
    /* w_k = v_k - 0.6 mean of v_t, v being Grad-CAM's w (the linear form of
     * Finer-CAM): what speaks for class k and not for the classes t, the (at
     * most 3) others with the nearest scores, or the nearest ranks where no
     * scores are given; ties to the lower index. t is one of the K classes, or
     * with classifier and scores one of all n. It needs one. */
    FMGCAM_METHOD_CONTRASTIVE = 8,
    /* The first principal component of A over the channels, each channel less
     * its mean: M = X v. Its sign makes the loadings v sum to > 0. No class. */
    FMGCAM_METHOD_EIGEN_CAM = 9,
    /* The same of G A. */
    FMGCAM_METHOD_EIGEN_GRAD_CAM = 10,
    /* w = share of the cells with A > mean + 2 standard deviations of the
     * channel. No class. */
    FMGCAM_METHOD_FEM = 11
};

/* Which number the classifier's maps explain: y = score, p = probability. With
 * gradients or weights it is what they were made of, and this must be LOGIT. */
enum {
    FMGCAM_TARGET_LOGIT   = 1, /* w_k = W_k / S; default */
    FMGCAM_TARGET_SOFTMAX = 2, /* w_k = p_k (W_k - sum_j p_j W_j) / S */
    FMGCAM_TARGET_SIGMOID = 3  /* w_k = p_k (1 - p_k) W_k / S */
};

/* NaN and infinity in an input. */
enum {
    FMGCAM_NON_FINITE_ERROR     = 1, /* FMGCAM_STATUS_NON_FINITE; default */
    FMGCAM_NON_FINITE_SKIP      = 2, /* counts as 0, divisors unchanged */
    /* As IEEE arithmetic has it. A cell at which a signed map is NaN has no
     * winner, and is NaN after the filter; a norm or a range that NaN enters
     * makes NaN of all that it scales. Nothing is then found to leave float32's
     * range either. */
    FMGCAM_NON_FINITE_PROPAGATE = 3
};

/* How fmgcam_fuse_layers() makes one map of several. */
enum {
    FMGCAM_LAYER_FUSION_MEAN    = 1, /* default */
    FMGCAM_LAYER_FUSION_MAXIMUM = 2,
    FMGCAM_LAYER_FUSION_PRODUCT = 3 /* of what is > 0, else 0 */
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
    FMGCAM_NORMALIZE_NONE       = 3,
    FMGCAM_NORMALIZE_MAX        = 4, /* by the largest magnitude of the map */
    /* Times the probability of the class, which must be given. */
    FMGCAM_NORMALIZE_PROBABILITY = 5
};

/* Stage 6: (x - min) / (max - min). */
enum {
    FMGCAM_RESCALE_STACK = 1, /* over all K maps together; default */
    FMGCAM_RESCALE_CLASS = 2, /* each map by itself */
    FMGCAM_RESCALE_NONE  = 3
};

/* Who multiplies in stage 2. */
enum {
    /* The library's own kernels, and BLAS where it is measurably faster: many
     * classes (never up to 16; docs/performance.md) and no runner. Default. */
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

/* Stage 7: the colours of the classes, as many as the palette has, then
 * generated ones. */
enum {
    /* Okabe and Ito's without black, and a grey: eight that people whose colour
     * vision differs tell apart; default. */
    FMGCAM_PALETTE_OKABE_ITO = 1,
    FMGCAM_PALETTE_TOL = 2, /* Paul Tol's bright scheme: seven, likewise */
    /* Red, green, blue, yellow, cyan: those of the package that profile
     * released is about. */
    FMGCAM_PALETTE_RELEASED = 3
};

/* Stage 7: how the map of a single class (K = 1) is coloured: by its value v,
 * clamped to 0...1. With BLEND_EVIDENCE v takes the place of e, and v colour(v)
 * that of C; with BLEND_CONSTANT and in a heatmap C is colour(v). */
enum {
    FMGCAM_COLOR_MAP_CLASS   = 1, /* v times the class's colour; default */
    FMGCAM_COLOR_MAP_VIRIDIS = 2, /* even in brightness, as is magma */
    FMGCAM_COLOR_MAP_MAGMA   = 3,
    FMGCAM_COLOR_MAP_TURBO   = 4,
    FMGCAM_COLOR_MAP_JET     = 5,
    FMGCAM_COLOR_MAP_GREY    = 6,
    /* Of the signed map, v being M / max |M| in -1...1 (M itself with
     * RESCALE_NONE) and e = |v|: blue below 0, white, red above. */
    FMGCAM_COLOR_MAP_DIVERGING = 7
};

/* Bits of fmgcam_options.flags. */
enum {
    /* alpha is meant as it stands, even if it is 0. */
    FMGCAM_OPTION_ALPHA_SET = 1,
    /* Pixels that the network did not see (fmgcam_geometry) are left as they
     * are; without it they fade into grey. */
    FMGCAM_OPTION_UNSEEN_KEPT = 2
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
    uint32_t target;      /* FMGCAM_TARGET_* */
    uint32_t non_finite;  /* FMGCAM_NON_FINITE_* */
    uint32_t layer_fusion; /* FMGCAM_LAYER_FUSION_* */
    /* Axes of a map: 1 (signals [L]), 2 (default: [H, W]) or 3 (volumes
     * [D, H, W]). Stage 7 and fmgcam_fuse_layers() take maps of two axes: give
     * signals as [K, 1, L], and volumes slice by slice. */
    uint32_t spatial_axes;
    uint32_t palette;   /* FMGCAM_PALETTE_* */
    uint32_t color_map; /* FMGCAM_COLOR_MAP_* */
} fmgcam_options;

/* Fill @p options with defaults: all zero but struct_size. @p struct_size is
 * sizeof *options as the caller was compiled; that many bytes are written.
 * Equivalent to {.struct_size = sizeof *options}. Any thread. @return OK;
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

/* Text of the last failure on @p context, "" after a success; never NULL, not
 * even for a context of NULL, whose text says so.
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
 * not. A task needs up to 64 KiB of stack. */
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

/* Bits of fmgcam_limits.flags. */
enum {
    /* Room for the matrix of eigen-cam and eigen-grad-cam too: min(S, C)^2
     * doubles, for each worker that a batch can keep busy. */
    FMGCAM_LIMIT_EIGEN = 1
};

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
    uint32_t flags;          /* FMGCAM_LIMIT_* bits */
    uint32_t map_depth;      /* D of volumes; 0 means 1 */
    uint32_t batch;          /* pictures of fmgcam_explain_batch(); 0 means 1 */
    uint32_t tracked_scores; /* n of fmgcam_track_classes(); 0: not called */
    /* K of fmgcam_smooth_maps(), which classes bounds too; 0: not called. */
    uint32_t smoothed_classes;
} fmgcam_limits;

/* Allocate all that calls within @p limits need, and warm up the BLAS. After it
 * no call on this context allocates, and a call beyond the limits is
 * FMGCAM_STATUS_LIMIT. Without it (it is optional) each call allocates what it
 * lacks, and keeps it. May be called again with other limits; on failure what
 * was reserved before stays, so that for a moment there may be both. On success
 * the frames of a video are forgotten, as by fmgcam_restart().
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

/* What is known about one picture: the activations, and (but for class-agnostic
 * methods) exactly one of gradients, weights and classifier. Tensors may have
 * any strides and any dtype; integers need their quantization. Shapes are for
 * maps of two axes; with options.spatial_axes 1, [L] takes the place of [H, W],
 * with 3 [D, H, W]. */
typedef struct fmgcam_inputs {
    size_t struct_size;
    /* A [C, H, W] or [1, C, H, W]: output of the layer that is looked at. */
    const fmgcam_tensor *activations;
    /* G [K, C, H, W]; for one class also [C, H, W]: d score_k / dA. */
    const fmgcam_tensor *gradients;
    /* w [K, C]: class weights, in place of stage 1. */
    const fmgcam_tensor *weights;
    /* W [n, C]: the matrix of a network that ends in global average pooling and
     * one linear layer, y = W mean(A) + b; a matrix [C, n] in memory is given
     * by its strides. Then w_k = W[k] / S, exactly the weights that the
     * gradients would give. classes says which rows; without it all are
     * explained, in their order, n being K. */
    const fmgcam_tensor *classifier;
    /* b [n]. Only fmgcam_check_head() needs it. Optional. */
    const fmgcam_tensor *bias;
    /* y [n] or [1, n]: the scores of all classes, before softmax or sigmoid.
     * Needed by targets other than LOGIT; used by METHOD_CONTRASTIVE and
     * fmgcam_check_head(); else optional and not looked at. */
    const fmgcam_tensor *scores;
    /* p [K]: the probability of each class that is explained, in 0...1. Needed
     * by NORMALIZE_PROBABILITY; else optional and not looked at. */
    const fmgcam_tensor *probabilities;
    /* [class_count]: for each rank the index of its class in classifier and
     * scores. Optional: then rank k is index k. With gradients or weights
     * class_count must be K. */
    const uint32_t *classes;
    uint32_t        class_count; /* 0 where classes is NULL */
    uint32_t        flags;       /* no bit is defined yet: 0 */
    /* Needed where the tensor has integers, and only there. */
    const fmgcam_quantization *activations_quantization;
    const fmgcam_quantization *gradients_quantization;
    const fmgcam_quantization *weights_quantization;
    const fmgcam_quantization *classifier_quantization;
    const fmgcam_quantization *bias_quantization;
    const fmgcam_quantization *scores_quantization;
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
    fmgcam_buffer margin;          /* float [H, W]: fmgcam_measure_margin() */
    /* Written: how often a guard of the method made 0 of something that cannot
     * be divided. grad-cam++-stable: terms, one for a class, channel and cell;
     * xgrad-cam: channels; else 0. */
    uint64_t guarded;
    /* Written, with NON_FINITE_SKIP and _PROPAGATE: elements of activations and
     * gradients (weights, classifier) that were looked at and are NaN or
     * infinite; else 0. */
    uint64_t non_finite;
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

/* fmgcam_explain() for @p count pictures, each with its own inputs, classes and
 * outputs: inputs[i] and outputs[i] point to those of picture i. A runner works
 * on several pictures at once; each comes out with the same bits however they
 * are spread. No output may overlap an input or output of another picture,
 * which is not checked between pictures. @p statuses [count] (optional)
 * receives that of each picture; those that are OK are complete, whatever
 * became of the others.
 * @return OK; the status of the first picture that failed, whose text begins
 * with "pictures[i].", or that of the call as a whole (ARGUMENT, NO_MEMORY,
 * LIMIT, RUNNER), which then is that of each picture too. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_explain_batch(
    fmgcam_context *context, const fmgcam_inputs *const *inputs,
    fmgcam_outputs *const *outputs, uint32_t count, fmgcam_status *statuses);

/* ---- The stages, one by one ------------------------------------------------
 *
 * Each follows the options of the context and returns the statuses of
 * fmgcam_explain(). Maps are tensors [K, H, W], signed or not as the stage has
 * it; in stages 3 to 6 also [K, L] and [K, D, H, W]. Tensors are of floats: see
 * fmgcam_read_tensor() for integers. Stages 1 and 2 are Grad-CAM's, whatever
 * options.method is. In stages 3, 5 and 6, an output may be the very memory of
 * its input (the same first byte, contiguous float32); any other overlap is an
 * error.
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
 * its L2 norm, which is summed in double, or scaled otherwise by
 * options.normalize; zeros where the norm is 0. No absolute epsilon, except
 * that profile released has a floor of 1e-12 under column norms. maps and
 * normalized [K, H, W]; L2_COLUMNS is for maps of two axes. @p probabilities
 * [K] is needed with NORMALIZE_PROBABILITY, else optional and not looked at.
 * @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_normalize_maps(
    fmgcam_context *context, const fmgcam_tensor *maps,
    const fmgcam_tensor *probabilities, const fmgcam_buffer *normalized);

/* Stage 6: (x - min) / (max - min) over the stack or each class; zeros where
 * that is constant. maps and rescaled [K, H, W]. result is optional and
 * receives FMGCAM_RESULT_* bits. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_rescale_maps(fmgcam_context      *context,
                                             const fmgcam_tensor *maps,
                                             const fmgcam_buffer *rescaled,
                                             uint32_t            *result);

/* Copy any tensor of rank 1 to 5, in its logical order, to @p values,
 * contiguous float of the same shape. @p quantization is for integers: NULL
 * means that they are the values themselves. NaN and infinity are copied as
 * they are; a float64 beyond float32 is OVERFLOW. No overlap. Needs neither
 * options nor workspace.
 * @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_read_tensor(
    fmgcam_context *context, const fmgcam_tensor *tensor,
    const fmgcam_quantization *quantization, const fmgcam_buffer *values);

/* ---- Several layers ------------------------------------------------------ */

/* One stack of maps out of those of @p count layers: the class maps R_l
 * [K, H_l, W_l] of each layer are divided by their own largest value (over
 * classes and cells; zeros where none is > 0), resampled to @p height x
 * @p width by options.resample, and joined by options.layer_fusion into
 * @p fused, float [K, height, width]. All layers have the same K classes. The
 * result serves fmgcam_filter_maps() both as signed and as class maps. No
 * overlap. With one class, MEAN, MAXIMUM and PRODUCT are what pytorch-grad-cam,
 * torch-cam and RefineCAM do, up to their own scaling: docs/methods.md.
 * @return as fmgcam_resample_maps(). @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_fuse_layers(fmgcam_context *context,
                                            const fmgcam_tensor *const *maps,
                                            uint32_t count, uint32_t height,
                                            uint32_t width,
                                            const fmgcam_buffer *fused);

/* ---- Where the map lies on the picture ----------------------------------- */

/* What was done to the picture, one step after the other, to make the network's
 * input of it. */
enum {
    /* Resize to width x height, whatever that does to the proportions. */
    FMGCAM_STEP_STRETCH = 1,
    /* Resize in proportion, the shorter side to width; height is 0. The longer
     * one is rounded down, as torchvision does. */
    FMGCAM_STEP_RESIZE = 2,
    /* Resize in proportion, as large as fits into width x height; the other
     * side is rounded to nearest, halves to even. */
    FMGCAM_STEP_FIT = 3,
    /* Cut out width x height: the middle (a half pixel goes to even, as in
     * torchvision), or with STEP_PLACED the part at left, top. */
    FMGCAM_STEP_CROP = 4,
    /* Put into a larger width x height: in the middle (an odd pixel goes to the
     * right and below), or with STEP_PLACED at left, top of it. */
    FMGCAM_STEP_PAD             = 5,
    FMGCAM_STEP_LETTERBOX       = 6, /* FIT, then PAD, to width x height */
    FMGCAM_STEP_FLIP_HORIZONTAL = 7, /* exchange left and right */
    FMGCAM_STEP_FLIP_VERTICAL   = 8
};

/* Bits of fmgcam_step.flags. */
enum {
    FMGCAM_STEP_PLACED = 1 /* left and top are meant */
};

/* Members that a kind does not name are 0. This struct is final. */
typedef struct fmgcam_step {
    uint32_t kind;          /* FMGCAM_STEP_*; there is no default */
    uint32_t flags;         /* FMGCAM_STEP_PLACED */
    uint32_t width, height; /* pixels, 1 or more */
    uint32_t left, top;     /* pixels */
} fmgcam_step;

/* Two rectangles in pixels of the picture, origin at the top left corner of its
 * top left pixel, whose centre is (0.5, 0.5). */
typedef struct fmgcam_geometry {
    size_t struct_size;
    /* The edges of the whole map. It may reach beyond the picture (padding);
     * left > right is a map that is flipped, top > bottom likewise. */
    double left, top, right, bottom;
    /* What the network saw of the picture, inside map and picture;
     * left <= right, top <= bottom; 0 and 0 where it saw nothing, so that there
     * is no default. A pixel is seen if its centre is, left and top edges
     * included. */
    double seen_left, seen_top, seen_right, seen_bottom;
    /* Of the network's input. For the caller; drawing does not look at it. */
    uint32_t input_width, input_height;
} fmgcam_geometry;

/* Follow @p count (0 or more) @p steps from a picture of @p width x @p height
 * to the network's input, which the map covers from edge to edge, and say in
 * @p geometry where that map lies on the picture. Resizing keeps the edges in
 * place, so that the resampling filter does not matter.
 * @p geometry->struct_size must be set; on failure it is untouched. steps may
 * be NULL with count 0.
 * @return OK; ARGUMENT (names the step: unknown kind or flag, sizes out of
 * range, a crop beyond what is there, a pad below it, edges that coincide or
 * lie farther off than 2^40 pixels). @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_find_geometry(
    fmgcam_context *context, uint32_t width, uint32_t height,
    const fmgcam_step *steps, uint32_t count, fmgcam_geometry *geometry);

/* ---- Stage 7: the picture ------------------------------------------------ */

/* Pixel formats: 8 bits a channel, sRGB-encoded, in the order of memory. Alpha
 * is no part of the arithmetic: it goes from the picture to the overlay, and is
 * 255 where there is none to go. */
enum {
    FMGCAM_PIXEL_RGB8  = 1, /* default */
    FMGCAM_PIXEL_BGR8  = 2,
    FMGCAM_PIXEL_RGBA8 = 3,
    FMGCAM_PIXEL_BGRA8 = 4,
    /* As a picture: red, green and blue are the same. As a result: 0.299 red +
     * 0.587 green + 0.114 blue of what RGB8 would be, rounded once more (with
     * weights rounded to 2^-16). */
    FMGCAM_PIXEL_GREY8 = 5
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
    /* M [K, H, W], as fmgcam_outputs.signed_maps; needed with FUSE_AT_IMAGE and
     * COLOR_MAP_DIVERGING. */
    const fmgcam_tensor *signed_maps;
    /* R, G, B of each class, K x 3 bytes; NULL means those of the palette. */
    const uint8_t *colors;
    /* p [K]; needed with FUSE_AT_IMAGE and NORMALIZE_PROBABILITY. */
    const fmgcam_tensor *probabilities;
    /* [K]: where colors is NULL, class k has the palette's colour of this
     * number, so that a class keeps it whatever its rank; NULL means k. */
    const uint32_t *classes;
    /* NULL: the map covers the picture from edge to edge. */
    const fmgcam_geometry *geometry;
} fmgcam_layers;

/* Draw the coloured map alone into @p heatmap, on black: C = sum over k of N_k
 * colour_k, resampled to its size. All arithmetic is in float until one final
 * clamp to 0...255 and rounding to nearest; no brightness depends on the rest
 * of the picture.
 *
 * With FUSE_AT_MAP the K maps are resampled and their colours add up. With
 * FUSE_AT_IMAGE the signed maps are resampled, the class with the largest
 * positive value wins the pixel (ties to the lowest rank), and its value,
 * scaled as docs/algorithm.md says to [0, 1], is shown in its colour.
 *
 * Pixels that the network did not see become 0.4 of what they were (black here)
 * and 0.6 of the grey 128, unless OPTION_UNSEEN_KEPT is set.
 * @return OK; ARGUMENT, SHAPE (also more classes than one with a color_map that
 * is for one), STRIDE, UNSUPPORTED, NON_FINITE, OVERFLOW, NO_MEMORY, LIMIT,
 * RUNNER. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_draw_heatmap(fmgcam_context      *context,
                                             const fmgcam_layers *layers,
                                             const fmgcam_image  *heatmap);

/* Draw the coloured map over @p picture into @p overlay, which has the same
 * size: (1 - alpha e) picture + alpha C with e = clamp(sum over k of N_k, 0,
 * 1), or e = 1 with BLEND_CONSTANT. Where the map is coloured by a color_map,
 * evidence gives (1 - alpha v) picture + alpha v colour(v), constant
 * (1 - alpha) picture + alpha colour(v). overlay may be picture itself (the
 * same data, pitch and format), else it may have another format; any other
 * overlap is an error. @p picture is only read.
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

/* Colour @p index of @p palette (FMGCAM_PALETTE_*; 0 is the default), which
 * depends on these two alone. @p rgb receives R, G, B. Any thread.
 * @return OK; ARGUMENT if rgb is NULL or there is no such palette.
 * @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_palette_color(uint32_t palette, uint32_t index,
                                              uint8_t rgb[3]);

/* The colour of @p value, 0...1 (with COLOR_MAP_DIVERGING -1...1), for colour
 * bars. @p color_map is one of FMGCAM_COLOR_MAP_* but CLASS. Any thread.
 * @return OK; ARGUMENT if rgb is NULL, color_map another one or value out of
 * range. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_map_color(uint32_t color_map, float value,
                                          uint8_t rgb[3]);

/* ---- Choosing the classes ------------------------------------------------ */

/* Which classes are explained, always best score first, ties to the lowest
 * index. */
enum {
    FMGCAM_CHOICE_TOP = 1, /* the best count; default */
    /* The fewest best ones whose probabilities reach threshold together. */
    FMGCAM_CHOICE_MASS        = 2,
    FMGCAM_CHOICE_PROBABILITY = 3, /* those with at least threshold */
    FMGCAM_CHOICE_THRESHOLDS  = 4, /* those with at least thresholds[i] */
    /* Those before the largest drop between neighbours in rank; the first one
     * on ties. One class where n is 1. */
    FMGCAM_CHOICE_GAP = 5
};

/* What is made of a score y before it is compared with thresholds, and reported
 * as its probability. */
enum {
    FMGCAM_LINK_SOFTMAX = 1, /* exp(y / T) / sum of all exp(y_j / T); default */
    FMGCAM_LINK_SIGMOID = 2, /* 1 / (1 + exp(-y / T)): multi-label heads */
    FMGCAM_LINK_NONE    = 3  /* y itself: y are probabilities already */
};

typedef struct fmgcam_choice {
    size_t   struct_size;
    uint32_t rule;  /* FMGCAM_CHOICE_* */
    uint32_t link;  /* FMGCAM_LINK_* */
    /* TOP: how many, 1 to n; 0 means min(5, n). Other rules: at most so many; 0
     * means all. */
    uint32_t count;
    float    threshold;   /* MASS: in 0...1, > 0. PROBABILITY: any finite one */
    float    temperature; /* T, finite, > 0; 0 means 1 */
    uint32_t flags;       /* no bit is defined yet: 0 */
    const float *thresholds; /* [n], finite, with rule THRESHOLDS */
    /* For scores of integers. */
    const fmgcam_quantization *scores_quantization;
} fmgcam_choice;

/* Choose classes by @p scores, [n] or [1, n], before softmax. @p choice is
 * optional: NULL is the best min(5, n). @p classes receives uint32 indices, and
 * @p probabilities (optional: NULL, or data NULL) as many floats; both need
 * room for choice->count, or where that is 0 for min(5, n) with rule TOP and
 * for n with the others. @p count receives how many are chosen; it can be 0
 * with PROBABILITY and THRESHOLDS. Probabilities are computed in double
 * relative to the largest score, so that no score is too large. Does not
 * allocate; time O(n log K).
 * @return OK; ARGUMENT (count beyond n, thresholds out of range, overlap),
 * SHAPE, STRIDE, UNSUPPORTED, NON_FINITE, BUFFER_SIZE. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_choose_classes(
    fmgcam_context *context, const fmgcam_choice *choice,
    const fmgcam_tensor *scores, const fmgcam_buffer *classes,
    const fmgcam_buffer *probabilities, uint32_t *count);

/* ---- Over time -------------------------------------------------------------
 *
 * For videos: a class set that does not flicker, a colour that each class
 * keeps, and maps that move calmly. What is remembered of earlier frames lives
 * in the context: one context a video, frames in their order. A call that fails
 * changes nothing of it: that frame is left out. fmgcam_restart() and
 * fmgcam_reserve() forget all frames. For each frame:
 *
 *   fmgcam_track_classes()   which classes, and in which colours
 *   fmgcam_explain()         their signed maps
 *   fmgcam_smooth_maps()     the same, smoothed
 *   fmgcam_activate_maps(), fmgcam_filter_maps(), fmgcam_normalize_maps(),
 *   fmgcam_rescale_maps()    stages 3 to 6
 *   fmgcam_draw_overlay()    with the slots as fmgcam_layers.classes */

/* Bits of fmgcam_tracking.flags. */
enum {
    /* smoothing, hysteresis is meant as it stands, even if it is 0. */
    FMGCAM_TRACKING_SMOOTHING_SET  = 1,
    FMGCAM_TRACKING_HYSTERESIS_SET = 2
};

typedef struct fmgcam_tracking {
    size_t   struct_size;
    uint32_t flags;       /* FMGCAM_TRACKING_* bits */
    uint32_t count;       /* classes at most, 1 to n; 0 means min(5, n) */
    uint32_t link;        /* FMGCAM_LINK_* */
    float    temperature; /* as fmgcam_choice.temperature */
    /* Share of the past that stays in each frame, 0 or more and below 1; 0
     * without SMOOTHING_SET means 0.8. */
    float smoothing;
    /* By which share of its probability a class that is shown must be exceeded
     * before another one takes its place, 0 or more; 0 without HYSTERESIS_SET
     * means 0.25. */
    float hysteresis;
    /* A class must reach the probability enter to be shown, and goes when it is
     * below leave. 0 or more, leave <= enter. 0 means: enter, none is needed;
     * leave, enter / (1 + hysteresis). (That none ever goes by itself: a leave
     * so small that no probability is below it.) */
    float enter, leave;
    /* For scores of integers. */
    const fmgcam_quantization *scores_quantization;
} fmgcam_tracking;

/* Choose the classes to explain in the next frame by its @p scores y, [n] or
 * [1, n], before softmax. With p made of y by tracking->link, the smoothed
 * probability q of each class is its p in the first frame, then
 *
 *   q <- smoothing q + (1 - smoothing) p.
 *
 * The best count by q are shown, where a class that was shown in the frame
 * before counts with q + hysteresis |q|, and wins ties; else ties go to the
 * lowest index. So a class that is shown stays until one that is not exceeds it
 * by the margin.
 *
 * @p tracking is optional: NULL means defaults; it may differ from frame to
 * frame. @p classes receives uint32 indices, best q first, @p probabilities
 * (optional: NULL, or data NULL) as many floats q, and @p slots (optional) as
 * many uint32 numbers in 0...count-1, each its class's own for as long as it is
 * shown: the index of its colour. A slot that has become free is given to none
 * but a newcomer, and the one that has been free for longest comes first. (With
 * a smaller count than before, classes in slots beyond it get others.) All
 * three need room for count. @p count receives how many are shown; it can be 0
 * with tracking->enter. All in double, in a fixed order; time O(n log K).
 * @return OK; ARGUMENT, SHAPE (n is not that of the frames before), STRIDE,
 * UNSUPPORTED, NON_FINITE, BUFFER_SIZE, OVERFLOW, NO_MEMORY, LIMIT.
 * @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_track_classes(
    fmgcam_context *context, const fmgcam_tracking *tracking,
    const fmgcam_tensor *scores, const fmgcam_buffer *classes,
    const fmgcam_buffer *probabilities, const fmgcam_buffer *slots,
    uint32_t *count);

/* Smooth the @p signed_maps M [K, H, W] of the next frame, class by class:
 * map k is of the class @p classes[k], as fmgcam_track_classes() gives it, or
 * as you number them; no class may be there twice. With Q its smoothed map of
 * the frame before,
 *
 *   Q <- smoothing Q + (1 - smoothing) M
 *
 * in double, kept and handed out as float. A class that was not in the frame
 * before begins with its own map: what is absent for a frame is forgotten,
 * since its map would show where something was; a frame in which
 * fmgcam_track_classes() shows none forgets all. Also for maps [K, L] and
 * [K, D, H, W]; K may change from frame to frame, the shape of a map may not.
 * @p smoothed, float [K, H, W], may be the very memory of signed_maps, as in
 * stages 3, 5 and 6. Of @p tracking (optional) smoothing counts. With
 * NON_FINITE_PROPAGATE a cell is begun anew after a frame in which it is not
 * finite.
 * @return OK; ARGUMENT (a class twice, overlap), SHAPE (also: not that of the
 * frames before), STRIDE, UNSUPPORTED, NON_FINITE, BUFFER_SIZE, OVERFLOW,
 * NO_MEMORY, LIMIT. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_smooth_maps(fmgcam_context        *context,
                                            const fmgcam_tracking *tracking,
                                            const fmgcam_tensor   *signed_maps,
                                            const uint32_t        *classes,
                                            const fmgcam_buffer   *smoothed);

/* Forget all frames: for another video, and for a cut in this one.
 * @return OK, ARGUMENT. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_restart(fmgcam_context *context);

/* ---- Is it the right head? ----------------------------------------------- */

/* What fmgcam_check_head() found, most likely first. */
enum {
    FMGCAM_HEAD_FITS = 1,
    FMGCAM_HEAD_TRANSPOSED = 2, /* the matrix has its axes exchanged */
    /* It fits but for what could be a bias, and none was given. */
    FMGCAM_HEAD_MISSING_BIAS = 3,
    FMGCAM_HEAD_NEEDLESS_BIAS = 4, /* it fits without the bias */
    /* It fits where a ReLU (or ReLU6) is applied to the activations. */
    FMGCAM_HEAD_BEFORE_RELU = 5,
    /* It fits with the sum or the maximum over the cells in place of the mean:
     * then inputs.classifier is not for this network. */
    FMGCAM_HEAD_POOLING = 6,
    /* The scores are probabilities (of softmax or sigmoid) or their logarithms,
     * not what comes before. */
    FMGCAM_HEAD_PROBABILITIES = 7,
    /* Nothing fits: activations of another layer, after a ReLU that the head
     * does not see, or of another picture; or another matrix. */
    FMGCAM_HEAD_WRONG_LAYER = 8
};

typedef struct fmgcam_head_check {
    size_t   struct_size;
    uint32_t cause; /* FMGCAM_HEAD_* */
    uint32_t index; /* of the class that is furthest off, by error / bound */
    double   error; /* |recomputed - given| there; with the inputs as given,
                       or, where only the transposed matrix has the right
                       shape, with that */
    double   bound; /* what was allowed there */
    double   recomputed, given; /* score of that class */
} fmgcam_head_check;

/* Compute y = W mean(A) + b from inputs->activations, ->classifier and ->bias
 * (optional), in double, and compare with inputs->scores. @p tolerance > 0 is
 * the largest error allowed; 0 means a bound for each class that is derived
 * from the dtypes (docs/numerics.md). inputs->classifier may have its axes
 * exchanged here, even where that does not fit the other shapes.
 * @p check->struct_size must be set. A head that does not fit is no error of
 * the call.
 * @return OK; ARGUMENT, SHAPE, STRIDE, UNSUPPORTED, NON_FINITE, NO_MEMORY,
 * LIMIT. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_check_head(fmgcam_context      *context,
                                           const fmgcam_inputs *inputs,
                                           double               tolerance,
                                           fmgcam_head_check   *check);

/* ---- What the maps say, as numbers ----------------------------------------
 *
 * For maps of two axes; sums are in double. Positions are in cells, origin top
 * left; the first cell reaches from 0 to 1. */

/* Bits of fmgcam_class_measures.flags. */
enum {
    FMGCAM_MEASURE_CELLS          = 1, /* peak and box are there */
    FMGCAM_MEASURE_CENTROID       = 2,
    FMGCAM_MEASURE_POSITIVE_SHARE = 4
};

typedef struct fmgcam_class_measures {
    size_t   struct_size;
    uint32_t flags; /* FMGCAM_MEASURE_* bits; what is not there is 0 */
    uint32_t cells; /* won */
    uint32_t left, top, right, bottom; /* box, half-open */
    double   area;                     /* cells / S */
    double   mass;                     /* sum of R over the won cells */
    double   peak;                     /* largest R of them */
    double   centroid_x, centroid_y;   /* of R over them, where mass > 0 */
    /* Sum of max(M, 0) over sum of |M|, over all cells, where that is > 0 and
     * signed maps are given. */
    double positive_share;
} fmgcam_class_measures;

/* Measure class @p rank of @p class_maps R [K, H, W]. Its won cells are those
 * with winner[s] == rank, or, where @p winner [H, W] is NULL, those with R > 0.
 * The box holds the won cells with R >= @p box_threshold (0...1) times the
 * peak; with 0 all of them. @p signed_maps M [K, H, W] is optional.
 * @p measures->struct_size must be set. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_measure_class(
    fmgcam_context *context, const fmgcam_tensor *class_maps,
    const fmgcam_tensor *signed_maps, const int32_t *winner, uint32_t rank,
    float box_threshold, fmgcam_class_measures *measures);

/* How much each two of @p class_maps R [K, H, W] lie over each other, before
 * any filter: sum over s of min(P_i[s], P_j[s]), P being max(R, 0) divided by
 * its sum. 1 where they have the same shape, 0 where they have no cell in
 * common or one is empty. overlap: float [K, K], symmetric. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_measure_overlap(
    fmgcam_context *context, const fmgcam_tensor *class_maps,
    const fmgcam_buffer *overlap);

/* How clear the winner of each cell is: the largest of signed_maps [K, H, W]
 * less the second largest; with one class, its value. Small where a cell is
 * contested. margin: float [H, W]. Also for maps [K, L] and [K, D, H, W].
 * @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_measure_margin(
    fmgcam_context *context, const fmgcam_tensor *signed_maps,
    const fmgcam_buffer *margin);

/* What a region adds to the score of each class: contributions[k] = sum over s
 * of region[s] M[k][s]. @p region [H, W], of any dtype, is 1 inside and 0
 * outside, or anything between; integers are the values themselves. Where M was
 * made by Grad-CAM from the classifier, all cells together and the bias are the
 * score, so that this is exact; else it is the linear part. @p contributions:
 * double [K], written, no overlap. @since 0.1 */
FMGCAM_API fmgcam_status fmgcam_measure_region(fmgcam_context *context,
                                               const fmgcam_tensor *signed_maps,
                                               const fmgcam_tensor *region,
                                               double *contributions);

#ifdef __cplusplus
}
#endif

#endif
