/* SPDX-License-Identifier: MIT */
/* Which options of `fmgcam explain` go together, before any file is touched. */
#include <stdio.h>
#include <string.h>

#include "diagnose.h"
#include "explain/explain_options.h"
#include "figure/figure_write.h"
#include "output.h"
#include "picture.h"

bool explain_is_class_agnostic(const fmgcam_options *settings)
{
    return settings->method == FMGCAM_METHOD_EIGEN_CAM ||
           settings->method == FMGCAM_METHOD_FEM;
}

/* Exactly one of the sources, once for each layer. */
static int check_sources(const explain_options *options)
{
    static const int sources[] = {FILE_GRADIENTS, FILE_WEIGHTS,
                                  FILE_CLASSIFIER};
    uint32_t layers = options->layer_count[FILE_ACTIVATIONS];
    int given = -1;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        char subject[64];
        if (!options->files[sources[i]])
            continue;
        snprintf(subject, sizeof subject, "--%s",
                 explain_file_names[sources[i]]);
        if (given >= 0)
            return fail_usage(subject, "excludes --%s",
                              explain_file_names[given]);
        given = sources[i];
        uint32_t count = given < FILE_LAYERED ? options->layer_count[given] : 1;
        if (count != layers)
            return fail_usage(subject,
                              "is given %u times, and --activations "
                              "%u; they go together by layers",
                              count, layers);
    }
    if (given >= 0 || explain_is_class_agnostic(&options->settings))
        return 0;
    return fail_usage("--gradients", "is missing, and so are --weights and "
                                     "--classifier; one of them is needed");
}

static int check_layers(const explain_options *options)
{
    bool several = options->layer_count[FILE_ACTIVATIONS] > 1;
    if (!several && options->settings.layer_fusion)
        return fail_usage("--fuse-layers", "needs --activations of two layers "
                                           "or more");
    if (several && options->settings.profile == FMGCAM_PROFILE_RELEASED)
        return fail_usage("--activations", "of several layers exclude "
                                           "--profile released");
    return 0;
}

static int check_layout(explain_options *options)
{
    tensor_layout *layout = &options->layout;
    uint32_t axes = options->settings.spatial_axes;
    if (layout->kind == LAYOUT_TOKENS) {
        if (!layout->grid[0])
            return fail_usage("--layout", "tokens needs --grid");
        if (axes && axes != layout->map_axes)
            return fail_usage("--spatial-axes", "contradicts --grid");
        options->settings.spatial_axes = layout->map_axes;
        return 0;
    }
    if (layout->grid[0])
        return fail_usage("--grid", "needs --layout tokens");
    if (layout->prefix)
        return fail_usage("--prefix-tokens", "needs --layout tokens");
    layout->map_axes = axes ? axes : 2;
    return 0;
}

static int check_inputs(explain_options *options)
{
    const char *const *files = options->files;
    if (!files[FILE_ACTIVATIONS])
        return fail_usage("--activations", "is missing; see 'fmgcam %s --help'",
                          options->command);
    int status = check_sources(options);
    if (!status)
        status = check_layers(options);
    if (!status)
        status = check_layout(options);
    if (!status && files[FILE_BIAS] && !files[FILE_CLASSIFIER])
        status = fail_usage("--bias", "needs --classifier");
    return status;
}

static int check_classes(const explain_options *options)
{
    const class_options *classes = &options->classes;
    const char *const *files = options->files;
    const char *first = classes->top ? "--top" : classes->by;
    if (classes->list && first)
        return fail_usage("--classes", "excludes %s", first);
    if (classes->top && classes->by)
        return fail_usage(classes->by, "excludes --top");
    if (classes->rule.count && !classes->by)
        return fail_usage("--max-classes", "needs --mass, --min-probability, "
                                           "--thresholds or --largest-gap");
    if (files[FILE_LOGITS])
        return 0;
    if (classes->by)
        return fail_usage(classes->by, "needs --logits");
    if (classes->rule.link || classes->rule.temperature > 0)
        return fail_usage(classes->rule.link ? "--link" : "--temperature",
                          "needs --logits");
    if (classes->list && !files[FILE_CLASSIFIER])
        return fail_usage("--classes", "needs --logits or --classifier");
    if (files[FILE_CLASSIFIER] && !classes->list)
        return fail_usage("--classifier", "needs --logits to find the best "
                                          "classes, or --classes");
    if (options->settings.normalize == FMGCAM_NORMALIZE_PROBABILITY)
        return fail_usage("--normalize", "probability needs --logits");
    if (options->settings.target > FMGCAM_TARGET_LOGIT)
        return fail_usage("--target", "needs --logits");
    return 0;
}

static int check_pictures(const explain_options *options)
{
    const char *const *files = options->files;
    if (options->width && files[FILE_IMAGE])
        return fail_usage("--size", "excludes --image, which has a size");
    if (files[FILE_OVERLAY] && !files[FILE_IMAGE])
        return fail_usage("--overlay", "needs --image");
    if (files[FILE_HEATMAP] && !files[FILE_IMAGE] && !options->width)
        return fail_usage("--heatmap", "needs --image or --size");
    if (options->preprocess.count && !files[FILE_IMAGE] && !options->width)
        return fail_usage("--preprocess", "needs --image or --size");
    for (int i = FILE_OVERLAY; i <= FILE_HEATMAP; i++) {
        if (!files[i])
            continue;
        if (!picture_has_kind(files[i]))
            return fail_usage(files[i], "a picture's name ends in "
                                        ".png, .jpg or .jpeg");
        if (options->layout.map_axes != 2)
            return fail_usage(i == FILE_OVERLAY ? "--overlay" : "--heatmap",
                              "needs maps of two axes");
    }
    return 0;
}

static int check_figure(const explain_options *options)
{
    const char *path = options->files[FILE_FIGURE];
    char subject[64];
    snprintf(subject, sizeof subject, "--%s",
             explain_file_name(options, FILE_FIGURE));
    int status = figure_check_file(&options->figure, subject, path);
    if (status)
        return status;
    if (!path)
        return strcmp(options->command, "figure") == 0
                   ? fail_usage(subject, "is missing; see 'fmgcam %s --help'",
                                options->command)
                   : 0;
    if (!options->files[FILE_IMAGE] && !options->width)
        return fail_usage(subject, "needs --image or --size");
    if (options->layout.map_axes != 2)
        return fail_usage(subject, "needs maps of two axes");
    return figure_require();
}

/* A class has a number of its own where the logits or the list say so. */
static int check_colors(const explain_options *options)
{
    const class_options *classes = &options->classes;
    if (options->color_by_class && !options->files[FILE_LOGITS] &&
        !classes->list)
        return fail_usage("--color-by", "class needs --logits or --classes");
    return 0;
}

static int check_region(const explain_options *options)
{
    if (options->has_region && !options->files[FILE_REPORT])
        return fail_usage("--region", "needs --report");
    if (options->has_region && options->layout.map_axes != 2)
        return fail_usage("--region", "needs maps of two axes");
    return 0;
}

/* A tensor that a slip of the hand replaces is gone. */
static int check_replaced(const explain_options *options, int written)
{
    const char *const *files = options->files;
    for (int i = 0; i < FILE_FIRST_OUTPUT; i++) {
        uint32_t count = i < FILE_LAYERED ? options->layer_count[i] : 1;
        for (uint32_t j = 0; j < count; j++) {
            const char *input =
                i < FILE_LAYERED ? options->layers[i][j] : files[i];
            if (input && output_replaces(files[written], input))
                return fail_usage(files[written],
                                  "is the file of --%s and of --%s",
                                  explain_file_name(options, i),
                                  explain_file_name(options, written));
        }
    }
    return 0;
}

static int check_outputs(const explain_options *options)
{
    const char *const *files = options->files;
    int outputs = 0;
    for (int i = FILE_FIRST_OUTPUT; i < FILE_COUNT; i++) {
        if (!files[i])
            continue;
        outputs++;
        int status = check_replaced(options, i);
        if (status)
            return status;
        for (int j = FILE_FIRST_OUTPUT; j < i; j++) {
            if (files[j] && output_is_same(files[i], files[j]))
                return fail_usage(files[i], "is the file of --%s and of --%s",
                                  explain_file_name(options, j),
                                  explain_file_name(options, i));
        }
    }
    if (outputs == 0)
        return fail_usage(options->command,
                          "no output is asked for; see 'fmgcam %s --help'",
                          options->command);
    return 0;
}

int explain_check(explain_options *options)
{
    for (int i = 0; i < FILE_COUNT; i++) {
        char subject[64];
        snprintf(subject, sizeof subject, "--%s",
                 explain_file_name(options, i));
        if (options->files[i] && !*options->files[i])
            return fail_usage(subject, "the name of the file is empty");
    }
    int status = check_inputs(options);
    if (!status)
        status = check_classes(options);
    if (!status)
        status = check_pictures(options);
    if (!status)
        status = check_figure(options);
    if (!status)
        status = check_colors(options);
    if (!status)
        status = check_region(options);
    if (!status)
        status = check_outputs(options);
    return status;
}
