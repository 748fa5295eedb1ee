/* SPDX-License-Identifier: MIT */
/* Reads four files, asks the library, and says in a line what it found. */
#include "check_head.h"

#include <stdio.h>
#include <string.h>

#include <fmgcam/fmgcam.h>

#include "diagnose.h"
#include "head_text.h"
#include "options.h"
#include "tensors.h"

enum { FILE_ACTIVATIONS, FILE_CLASSIFIER, FILE_BIAS, FILE_LOGITS, FILE_COUNT };

typedef struct head_options {
    const char *files[FILE_COUNT];
    tensor_layout layout;
    uint32_t axes; /* 0: not given */
    double tolerance;
    bool help;
} head_options;

/* ---- The command line ---------------------------------------------------- */

enum {
    OPTION_LAYOUT = OPTIONS_FIRST + FILE_COUNT,
    OPTION_PREFIX,
    OPTION_GRID,
    OPTION_AXES,
    OPTION_TOLERANCE,
    OPTION_HELP
};

static const struct option table[] = {
    {"activations", required_argument, NULL, OPTIONS_FIRST + FILE_ACTIVATIONS},
    {"classifier", required_argument, NULL, OPTIONS_FIRST + FILE_CLASSIFIER},
    {"bias", required_argument, NULL, OPTIONS_FIRST + FILE_BIAS},
    {"logits", required_argument, NULL, OPTIONS_FIRST + FILE_LOGITS},
    {"layout", required_argument, NULL, OPTION_LAYOUT},
    {"prefix-tokens", required_argument, NULL, OPTION_PREFIX},
    {"grid", required_argument, NULL, OPTION_GRID},
    {"spatial-axes", required_argument, NULL, OPTION_AXES},
    {"tolerance", required_argument, NULL, OPTION_TOLERANCE},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static const char help[] =
    "Usage: fmgcam check-head --activations A.npy --classifier W.npy\n"
    "                         [--bias B.npy] --logits L.npy [options]\n"
    "Check that a classifier can stand in for gradients: that the logits are\n"
    "W mean(A) + b. If not, the likely cause is named.\n"
    "\n"
    "Inputs\n"
    "  --activations FILE   .npy, [C,H,W] or [1,C,H,W]: output of the layer\n"
    "  --classifier FILE    .npy, [n,C]: matrix of the last linear layer\n"
    "  --bias FILE          .npy, [n]: its bias; default none\n"
    "  --logits FILE        .npy, [n] or [1,n]: scores before the softmax\n"
    "\n"
    "Options\n"
    "  --layout LAYOUT      nchw, nhwc or tokens; default nchw\n"
    "  --prefix-tokens N    tokens before the grid; default 0\n"
    "  --grid HxW           what the other tokens are\n"
    "  --spatial-axes N     1, 2 or 3: axes of a map; default 2\n"
    "  --tolerance X        largest error allowed; default a bound that is\n"
    "                       derived from the type of the tensors\n"
    "  --help               print this text and exit\n"
    "\n"
    "Exit status: 0 the head fits, 1 it does not or a file cannot be read,\n"
    "2 wrong usage.\n";

static int parse_grid(const char *text, tensor_layout *layout)
{
    for (uint32_t axes = 1; axes <= 3; axes++)
        if (options_parse_counts(text, 'x', false, layout->grid, axes)) {
            layout->map_axes = axes;
            return 0;
        }
    return fail_usage("--grid", "'%s' is not a grid such as 14x14", text);
}

static int parse_value(int code, const char *text, head_options *options)
{
    switch (code) {
    case OPTION_LAYOUT:
        if (tensor_find_layout(text, &options->layout))
            return 0;
        return fail_usage("--layout",
                          "'%s' is not available; there is: nchw, "
                          "nhwc, tokens",
                          text);
    case OPTION_PREFIX:
        if (options_parse_count(text, true, &options->layout.prefix))
            return 0;
        return fail_usage("--prefix-tokens", "'%s' is not a number of tokens",
                          text);
    case OPTION_GRID: return parse_grid(text, &options->layout);
    case OPTION_AXES:
        if (options_parse_count(text, false, &options->axes) &&
            options->axes <= 3)
            return 0;
        return fail_usage("--spatial-axes", "'%s' is not 1, 2 or 3", text);
    case OPTION_TOLERANCE:
        if (options_parse_number(text, &options->tolerance) &&
            options->tolerance > 0)
            return 0;
        return fail_usage("--tolerance", "'%s' is not a number above 0", text);
    case OPTION_HELP: options->help = true; return 0;
    default: options->files[code - OPTIONS_FIRST] = text; return 0;
    }
}

static int check(head_options *options)
{
    static const int needed[] = {FILE_ACTIVATIONS, FILE_CLASSIFIER,
                                 FILE_LOGITS};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        char subject[32];
        snprintf(subject, sizeof subject, "--%s", table[needed[i]].name);
        if (!options->files[needed[i]])
            return fail_usage(subject, "is missing; "
                                       "see 'fmgcam check-head --help'");
    }
    bool is_tokens = options->layout.kind == LAYOUT_TOKENS;
    if (is_tokens != (options->layout.grid[0] != 0))
        return fail_usage("--grid", "goes together with --layout tokens");
    if (!is_tokens)
        options->layout.map_axes = options->axes ? options->axes : 2;
    return 0;
}

static int parse(int argc, char **argv, head_options *options)
{
    int code;
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (code == '?' || code == ':')
            return options_refuse(code, table, argv[optind - 1], "check-head");
        int status = parse_value(code, optarg, options);
        if (status || options->help)
            return status;
    }
    if (optind < argc)
        return fail_usage(argv[optind], "is not an option; "
                                        "see 'fmgcam check-head --help'");
    return check(options);
}

/* ---- The check ----------------------------------------------------------- */

typedef struct head_tensors {
    tensor_file files[FILE_COUNT];
} head_tensors;

static int read_tensors(const head_options *options, head_tensors *tensors)
{
    const char *const *paths = options->files;
    int status =
        tensor_read_activations(paths[FILE_ACTIVATIONS], &options->layout,
                                &tensors->files[FILE_ACTIVATIONS]);
    if (!status)
        status = tensor_read_matrix(paths[FILE_CLASSIFIER], "[n,C]",
                                    &tensors->files[FILE_CLASSIFIER]);
    if (!status && paths[FILE_BIAS])
        status =
            tensor_read_vector(paths[FILE_BIAS], &tensors->files[FILE_BIAS]);
    if (!status)
        status = tensor_read_vector(paths[FILE_LOGITS],
                                    &tensors->files[FILE_LOGITS]);
    return status;
}

static int say(const fmgcam_head_check *found, bool has_bias)
{
    bool fits = found->cause == FMGCAM_HEAD_FITS;
    printf("the head %s: largest error %.2g at class %u (%g, recomputed %g), "
           "allowed %.2g\n",
           fits ? "fits" : "does not fit", found->error, found->index,
           found->given, found->recomputed, found->bound);
    if (!fits)
        printf("likely cause: %s%s\n", head_advice(found->cause),
               found->cause == FMGCAM_HEAD_WRONG_LAYER && !has_bias
                   ? ", or a large bias is missing"
                   : "");
    return fits ? STATUS_DONE : STATUS_FAILED;
}

static int fail_library(const head_tensors *tensors,
                        const fmgcam_context *context, fmgcam_status status)
{
    if (status == FMGCAM_STATUS_NO_MEMORY)
        return fail_memory();
    const char *detail = fmgcam_error_detail(context);
    const char *path = tensors->files[FILE_ACTIVATIONS].path;
    for (int i = FILE_CLASSIFIER; i < FILE_COUNT; i++) {
        const char *name = i == FILE_LOGITS ? "scores" : table[i].name;
        if (strncmp(detail, name, strlen(name)) == 0)
            path = tensors->files[i].path;
    }
    return fail(path, "%s", detail);
}

static int ask_library(const head_options *options, const head_tensors *tensors)
{
    const tensor_file *files = tensors->files;
    fmgcam_options settings = {.struct_size = sizeof settings,
                               .spatial_axes = options->layout.map_axes};
    fmgcam_inputs inputs = {
        .struct_size = sizeof inputs,
        .activations = &files[FILE_ACTIVATIONS].view,
        .classifier = &files[FILE_CLASSIFIER].view,
        .bias = options->files[FILE_BIAS] ? &files[FILE_BIAS].view : NULL,
        .scores = &files[FILE_LOGITS].view};
    fmgcam_head_check found = {.struct_size = sizeof found};
    fmgcam_context *context;
    if (fmgcam_create(NULL, &context, NULL, 0))
        return fail_memory();
    fmgcam_status status = fmgcam_set_options(context, &settings);
    if (!status)
        status =
            fmgcam_check_head(context, &inputs, options->tolerance, &found);
    int result = status ? fail_library(tensors, context, status)
                        : say(&found, inputs.bias != NULL);
    fmgcam_destroy(context);
    return result;
}

int check_head_main(int argc, char **argv)
{
    head_options options;
    head_tensors tensors;
    memset(&options, 0, sizeof options);
    memset(&tensors, 0, sizeof tensors);
    int status = parse(argc, argv, &options);
    if (status)
        return status;
    if (options.help) {
        fputs(help, stdout);
        return STATUS_DONE;
    }
    status = read_tensors(&options, &tensors);
    if (!status)
        status = ask_library(&options, &tensors);
    for (int i = 0; i < FILE_COUNT; i++)
        tensor_release(&tensors.files[i]);
    return status;
}
