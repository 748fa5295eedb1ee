/* SPDX-License-Identifier: MIT */
/* Lifetime, options and hooks. */
#include "internal.h"

#include "cpu.h"

#include <stdlib.h>
#include <string.h>

static const float default_alpha = 0.6f;

uint32_t fmgcam_version(void)
{
    return FMGCAM_VERSION;
}

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)
#define VERSION_TEXT                                                           \
 TEXT(FMGCAM_VERSION_MAJOR)                                                    \
 "." TEXT(FMGCAM_VERSION_MINOR) "." TEXT(FMGCAM_VERSION_PATCH)

#define BUILD_INFO(kernels)                                                    \
 "fmgcam " VERSION_TEXT "; BLAS: " FMGCAM_BLAS_NAME "; kernels: " kernels

const char *fmgcam_build_info(void)
{
    uint32_t flags = fmgcam_cpu_flags();
    return flags & FMGCAM_CPU_AVX512 ? BUILD_INFO("avx512")
           : flags & FMGCAM_CPU_AVX2 ? BUILD_INFO("avx2")
           : flags & FMGCAM_CPU_NEON ? BUILD_INFO("neon")
                                     : BUILD_INFO("c");
}

/* ---- Options ------------------------------------------------------------- */

static const size_t options_first_size =
    FMGCAM_SIZE_THROUGH(fmgcam_options, color_map);

/* The members that choose one of 1...last; first is the default. */
static const struct {
    const char *name;
    size_t offset;
    uint32_t last;
    uint32_t standard, released; /* the profile's defaults */
} choices[] = {
    {"method", offsetof(fmgcam_options, method), FMGCAM_METHOD_FEM,
     FMGCAM_METHOD_GRAD_CAM, FMGCAM_METHOD_GRAD_CAM},
    {"activation", offsetof(fmgcam_options, activation), FMGCAM_ACTIVATION_NONE,
     FMGCAM_ACTIVATION_RELU, FMGCAM_ACTIVATION_RELU},
    {"filter", offsetof(fmgcam_options, filter), FMGCAM_FILTER_NONE,
     FMGCAM_FILTER_ARGMAX, FMGCAM_FILTER_ARGMAX},
    {"normalize", offsetof(fmgcam_options, normalize),
     FMGCAM_NORMALIZE_PROBABILITY, FMGCAM_NORMALIZE_L2,
     FMGCAM_NORMALIZE_L2_COLUMNS},
    {"rescale", offsetof(fmgcam_options, rescale), FMGCAM_RESCALE_NONE,
     FMGCAM_RESCALE_STACK, FMGCAM_RESCALE_STACK},
    {"arithmetic", offsetof(fmgcam_options, arithmetic),
     FMGCAM_ARITHMETIC_REPRODUCIBLE, FMGCAM_ARITHMETIC_AUTO,
     FMGCAM_ARITHMETIC_AUTO},
    {"fuse_at", offsetof(fmgcam_options, fuse_at), FMGCAM_FUSE_AT_IMAGE,
     FMGCAM_FUSE_AT_MAP, FMGCAM_FUSE_AT_MAP},
    {"resample", offsetof(fmgcam_options, resample), FMGCAM_RESAMPLE_BICUBIC,
     FMGCAM_RESAMPLE_BICUBIC, FMGCAM_RESAMPLE_BICUBIC},
    {"blend", offsetof(fmgcam_options, blend), FMGCAM_BLEND_CONSTANT,
     FMGCAM_BLEND_EVIDENCE, FMGCAM_BLEND_EVIDENCE},
    {"target", offsetof(fmgcam_options, target), FMGCAM_TARGET_SIGMOID,
     FMGCAM_TARGET_LOGIT, FMGCAM_TARGET_LOGIT},
    {"non_finite", offsetof(fmgcam_options, non_finite),
     FMGCAM_NON_FINITE_PROPAGATE, FMGCAM_NON_FINITE_ERROR,
     FMGCAM_NON_FINITE_ERROR},
    {"layer_fusion", offsetof(fmgcam_options, layer_fusion),
     FMGCAM_LAYER_FUSION_PRODUCT, FMGCAM_LAYER_FUSION_MEAN,
     FMGCAM_LAYER_FUSION_MEAN},
    {"spatial_axes", offsetof(fmgcam_options, spatial_axes), 3, 2, 2},
    {"palette", offsetof(fmgcam_options, palette), FMGCAM_PALETTE_RELEASED,
     FMGCAM_PALETTE_OKABE_ITO, FMGCAM_PALETTE_OKABE_ITO},
    {"color_map", offsetof(fmgcam_options, color_map),
     FMGCAM_COLOR_MAP_DIVERGING, FMGCAM_COLOR_MAP_CLASS,
     FMGCAM_COLOR_MAP_CLASS},
};

fmgcam_status fmgcam_options_init(fmgcam_options *options, size_t struct_size)
{
    if (!options || !fmgcam_is_struct_size(struct_size, options_first_size))
        return FMGCAM_STATUS_ARGUMENT;
    memset(options, 0, struct_size);
    options->struct_size = struct_size;
    return FMGCAM_STATUS_OK;
}

static uint32_t *choice_in(fmgcam_options *options, size_t i)
{
    return (uint32_t *)(void *)((char *)options + choices[i].offset);
}

static fmgcam_status check_range(fmgcam_context *context, const char *name,
                                 uint32_t value, uint32_t last)
{
    if (value <= last)
        return FMGCAM_STATUS_OK;
    return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                       "options.%s: %u, expected 0 to %u", name, value, last);
}

/* What does not go together, of options without zeros. */
static fmgcam_status check_together(fmgcam_context *context,
                                    const fmgcam_options *options)
{
    if (options->profile == FMGCAM_PROFILE_RELEASED &&
        options->method != FMGCAM_METHOD_GRAD_CAM)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "options.method: %s, expected grad-cam, the only "
                           "one of profile released",
                           fmgcam_method_name(options->method));
    if (options->normalize == FMGCAM_NORMALIZE_L2_COLUMNS &&
        options->spatial_axes != 2)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "options.normalize: l2-columns, expected another "
                           "one for maps of %u axes",
                           options->spatial_axes);
    if (options->method == FMGCAM_METHOD_CONTRASTIVE &&
        options->target != FMGCAM_TARGET_LOGIT)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "options.target: %u, expected FMGCAM_TARGET_LOGIT "
                           "(1) for method contrastive",
                           options->target);
#ifndef FMGCAM_HAVE_CBLAS
    if (options->arithmetic == FMGCAM_ARITHMETIC_BLAS)
        return fmgcam_fail(context, FMGCAM_STATUS_UNSUPPORTED,
                           "options.arithmetic: blas, but this library was "
                           "built without one");
#endif
    return FMGCAM_STATUS_OK;
}

/* Check @p options and replace what is 0 by its default. */
static fmgcam_status resolve(fmgcam_context *context, fmgcam_options *options)
{
    const uint32_t known = FMGCAM_OPTION_ALPHA_SET | FMGCAM_OPTION_UNSEEN_KEPT;
    if (options->flags & ~known)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "options.flags: 0x%x, expected no bits but 0x%x",
                           options->flags, known);

    fmgcam_status status = check_range(context, "profile", options->profile,
                                       FMGCAM_PROFILE_RELEASED);
    if (status)
        return status;
    if (options->profile == 0)
        options->profile = FMGCAM_PROFILE_STANDARD;

    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        uint32_t *choice = choice_in(options, i);
        status =
            check_range(context, choices[i].name, *choice, choices[i].last);
        if (status)
            return status;
        if (*choice == 0)
            *choice = options->profile == FMGCAM_PROFILE_RELEASED
                          ? choices[i].released
                          : choices[i].standard;
    }

    if (!(options->alpha >= 0.0f && options->alpha <= 1.0f))
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "options.alpha: %g, expected 0 to 1",
                           (double)options->alpha);
    if (options->alpha == 0.0f && !(options->flags & FMGCAM_OPTION_ALPHA_SET))
        options->alpha = default_alpha;
    options->flags |= FMGCAM_OPTION_ALPHA_SET;
    return check_together(context, options);
}

fmgcam_status fmgcam_set_options(fmgcam_context *context,
                                 const fmgcam_options *options)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    fmgcam_options ours = {.struct_size = sizeof ours};
    fmgcam_status status = FMGCAM_STATUS_OK;
    if (options)
        status = fmgcam_import(context, "options", options, &ours,
                               options_first_size, sizeof ours);
    if (!status)
        status = resolve(context, &ours);
    if (!status)
        context->options = ours;
    return status;
}

fmgcam_status fmgcam_get_options(fmgcam_context *context,
                                 fmgcam_options *options)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    if (!options)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "options: NULL, expected a struct");

    size_t size = options->struct_size;
    fmgcam_status status =
        fmgcam_check_struct(context, "options", size, options_first_size);
    if (status)
        return status;
    size_t known = smaller(size, sizeof *options);
    memcpy(options, &context->options, known);
    memset((char *)options + known, 0, size - known);
    options->struct_size = size;
    return FMGCAM_STATUS_OK;
}

/* ---- Hooks --------------------------------------------------------------- */

fmgcam_status fmgcam_set_log(fmgcam_context *context, fmgcam_log_fn log,
                             void *opaque)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    context->log = (struct fmgcam_log){log, opaque};
    return FMGCAM_STATUS_OK;
}

fmgcam_status fmgcam_set_runner(fmgcam_context *context, fmgcam_run_fn run,
                                void *opaque, uint32_t workers)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);
    if (run && workers == 0)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "workers: 0, expected 1 or more with a runner");
    if (!run && workers != 0)
        return fmgcam_fail(context, FMGCAM_STATUS_ARGUMENT,
                           "workers: %u, expected 0 without a runner", workers);

    fmgcam_limits *limits = &context->workspace.limits;
    if (limits->workers) {
        fmgcam_status status =
            fmgcam_check_limit(context, "workers", workers, limits->workers);
        if (status)
            return status;
    }
    context->runner = (struct fmgcam_runner){run, opaque, run ? workers : 1};
    return FMGCAM_STATUS_OK;
}

/* ---- Lifetime ------------------------------------------------------------ */

static void *allocate_by_malloc(void *opaque, size_t size)
{
    (void)opaque;
    return malloc(size);
}

static void release_by_free(void *opaque, void *memory)
{
    (void)opaque;
    free(memory);
}

static const fmgcam_allocator default_allocator = {NULL, allocate_by_malloc,
                                                   release_by_free};

static fmgcam_status create(const fmgcam_allocator *allocator,
                            fmgcam_context **context, const char **problem)
{
    if (!context) {
        *problem = "context: NULL, expected where to put it";
        return FMGCAM_STATUS_ARGUMENT;
    }
    *context = NULL;
    if (!allocator || (!allocator->allocate && !allocator->release))
        allocator = &default_allocator;
    if (!allocator->allocate || !allocator->release) {
        *problem = "allocator: one of allocate and release is NULL, expected "
                   "both or neither";
        return FMGCAM_STATUS_ARGUMENT;
    }

    fmgcam_context *made = allocator->allocate(allocator->opaque, sizeof *made);
    if (!made) {
        *problem = "context: the allocator returned NULL";
        return FMGCAM_STATUS_NO_MEMORY;
    }
    *made = (fmgcam_context){.allocator = *allocator,
                             .runner = {.workers = 1},
                             .options = {.struct_size = sizeof made->options}};
    fmgcam_init_kernels(&made->kernels);
    *context = made;
    return resolve(made, &made->options);
}

fmgcam_status fmgcam_create(const fmgcam_allocator *allocator,
                            fmgcam_context **context, char *error,
                            size_t error_size)
{
    const char *problem = "";
    fmgcam_status status = create(allocator, context, &problem);
    fmgcam_copy_text(problem, error, error_size);
    return status;
}

void fmgcam_destroy(fmgcam_context *context)
{
    if (!context)
        return;
    fmgcam_allocator allocator = context->allocator;
    fmgcam_release_workspace(context);
    fmgcam_release_history(context);
    allocator.release(allocator.opaque, context);
}
