/* SPDX-License-Identifier: MIT */
/* From words to explain_options: getopt_long takes them apart, the rest is in
 * tables. */
#include "explain_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "choices.h"
#include "diagnose.h"
#include "output.h"
#include "picture.h"

static const char *const file_names[FILE_COUNT] = {
    [FILE_ACTIVATIONS] = "activations", [FILE_GRADIENTS] = "gradients",
    [FILE_WEIGHTS] = "weights",         [FILE_IMAGE] = "image",
    [FILE_LABELS] = "labels",           [FILE_OVERLAY] = "overlay",
    [FILE_HEATMAP] = "heatmap",         [FILE_MAPS] = "maps",
    [FILE_CLASS_MAPS] = "class-maps",   [FILE_WINNER] = "winner",
    [FILE_REPORT] = "report",
};

/* What getopt_long returns; above any character, so that an unknown short
 * option is told apart. */
enum {
    FIRST_FILE = 256,
    FIRST_CHOICE = FIRST_FILE + FILE_COUNT,
    OPTION_LAYOUT = FIRST_CHOICE + CHOICE_OPTION_COUNT,
    OPTION_TOP,
    OPTION_ALPHA,
    OPTION_SIZE,
    OPTION_HELP,
    OPTION_END
};

#define TABLE_SIZE (OPTION_END - FIRST_FILE + 1)

static void fill_table(struct option table[TABLE_SIZE])
{
    memset(table, 0, TABLE_SIZE * sizeof *table);
    for (int i = 0; i < TABLE_SIZE - 1; i++) {
        table[i].has_arg = required_argument;
        table[i].val = FIRST_FILE + i;
    }
    for (int i = 0; i < FILE_COUNT; i++)
        table[i].name = file_names[i];
    for (int i = 0; i < CHOICE_OPTION_COUNT; i++)
        table[FIRST_CHOICE - FIRST_FILE + i].name = choice_options[i].name;
    table[OPTION_LAYOUT - FIRST_FILE].name = "layout";
    table[OPTION_TOP - FIRST_FILE].name = "top";
    table[OPTION_ALPHA - FIRST_FILE].name = "alpha";
    table[OPTION_SIZE - FIRST_FILE].name = "size";
    table[OPTION_HELP - FIRST_FILE].name = "help";
    table[OPTION_HELP - FIRST_FILE].has_arg = no_argument;
}

/* ---- Values -------------------------------------------------------------- */

/* Digits only, 1...2^32-1, from @p *text on, which is moved behind them. */
static bool take_count(const char **text, uint32_t *count)
{
    uint64_t value = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9' && value <= UINT32_MAX; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    if (value == 0 || value > UINT32_MAX)
        return false;
    *text = at;
    *count = (uint32_t)value;
    return true;
}

static int parse_top(const char *text, explain_options *options)
{
    const char *rest = text;
    if (take_count(&rest, &options->top) && *rest == '\0')
        return 0;
    return fail_usage("--top", "'%s' is not a number of classes, 1 or more",
                      text);
}

static int parse_size(const char *text, explain_options *options)
{
    const char *rest = text;
    if (!take_count(&rest, &options->width) || *rest++ != 'x' ||
        !take_count(&rest, &options->height) || *rest != '\0')
        return fail_usage("--size",
                          "'%s' is not WIDTHxHEIGHT in pixels, "
                          "1 or more each",
                          text);
    if (picture_is_too_large(options->width, options->height))
        return fail_usage("--size",
                          "'%s' is more than 65500 pixels a side, "
                          "or 2^30 bytes in all",
                          text);
    return 0;
}

/* strtod() alone would also take blanks, hexadecimal, "nan" and "inf". */
static int parse_alpha(const char *text, explain_options *options)
{
    char *end = NULL;
    double value = strtod(text, &end);
    bool plain = strspn(text, "0123456789+-.eE") == strlen(text);
    if (!plain || end == text || *end != '\0' || !(value >= 0 && value <= 1))
        return fail_usage("--alpha", "'%s' is not a number from 0 to 1", text);
    options->settings.alpha = (float)value + 0.0f; /* no -0 */
    options->settings.flags |= FMGCAM_OPTION_ALPHA_SET;
    return 0;
}

static int parse_layout(const char *text, explain_options *options)
{
    options->channels_last = strcmp(text, "nhwc") == 0;
    if (options->channels_last || strcmp(text, "nchw") == 0)
        return 0;
    return fail_usage("--layout", "'%s' is not available; there is: nchw, nhwc",
                      text);
}

static int parse_value(int code, const char *text, explain_options *options)
{
    switch (code) {
    case OPTION_LAYOUT: return parse_layout(text, options);
    case OPTION_TOP: return parse_top(text, options);
    case OPTION_ALPHA: return parse_alpha(text, options);
    case OPTION_SIZE: return parse_size(text, options);
    default: break;
    }
    if (code >= FIRST_CHOICE)
        return choice_parse(&choice_options[code - FIRST_CHOICE], text,
                            &options->settings);
    options->files[code - FIRST_FILE] = text;
    return 0;
}

/* ---- What getopt_long refuses -------------------------------------------- */

/* Is @p given, @p length bytes with its dashes, short for several options? */
static bool is_ambiguous(const struct option *table, const char *given,
                         size_t length)
{
    int matches = 0;
    for (; table->name; table++)
        matches += strncmp(table->name, given + 2, length - 2) == 0;
    return matches > 1;
}

static int refuse(int code, const struct option *table, const char *given)
{
    char subject[80] = "--";
    if (code == ':' || optopt >= FIRST_FILE) { /* known, but misused */
        snprintf(subject, sizeof subject, "--%s",
                 table[optopt - FIRST_FILE].name);
        return fail_usage(subject, "%s a value",
                          code == ':' ? "needs" : "does not take");
    }
    if (optopt != 0) { /* there are no short ones */
        if (optopt > ' ' && optopt < 0x7f)
            snprintf(subject, sizeof subject, "-%c", optopt);
        else
            snprintf(subject, sizeof subject, "-?");
        return fail_usage(subject, "unknown option; "
                                   "see 'fmgcam explain --help'");
    }
    size_t length = strcspn(given, "=");
    bool ambiguous = length > 2 && is_ambiguous(table, given, length);
    snprintf(subject, sizeof subject, "%.*s", (int)(length < 70 ? length : 70),
             given);
    return fail_usage(subject, "%s option; see 'fmgcam explain --help'",
                      ambiguous ? "ambiguous" : "unknown");
}

/* ---- What fits together -------------------------------------------------- */

static int check_inputs(const explain_options *options)
{
    const char *const *files = options->files;
    if (!files[FILE_ACTIVATIONS])
        return fail_usage("--activations", "is missing; "
                                           "see 'fmgcam explain --help'");
    if (!files[FILE_GRADIENTS] && !files[FILE_WEIGHTS])
        return fail_usage("--gradients", "is missing, and so is --weights; "
                                         "one of them is needed");
    if (files[FILE_GRADIENTS] && files[FILE_WEIGHTS])
        return fail_usage("--weights", "excludes --gradients");
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
    for (int i = FILE_OVERLAY; i <= FILE_HEATMAP; i++) {
        if (files[i] && !picture_has_kind(files[i]))
            return fail_usage(files[i], "a picture's name ends in "
                                        ".png, .jpg or .jpeg");
    }
    return 0;
}

/* A tensor that a slip of the hand replaces is gone. */
static int check_replaced(const explain_options *options, int written)
{
    const char *const *files = options->files;
    for (int i = 0; i < FILE_FIRST_OUTPUT; i++) {
        if (files[i] && output_replaces(files[written], files[i]))
            return fail_usage(files[written], "is the file of --%s and of --%s",
                              file_names[i], file_names[written]);
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
                                  file_names[j], file_names[i]);
        }
    }
    if (outputs == 0)
        return fail_usage("explain", "no output is asked for; "
                                     "see 'fmgcam explain --help'");
    return 0;
}

static int check(const explain_options *options)
{
    for (int i = 0; i < FILE_COUNT; i++) {
        char subject[64];
        snprintf(subject, sizeof subject, "--%s", file_names[i]);
        if (options->files[i] && !*options->files[i])
            return fail_usage(subject, "the name of the file is empty");
    }
    int status = check_inputs(options);
    if (!status)
        status = check_pictures(options);
    if (!status)
        status = check_outputs(options);
    return status;
}

int explain_parse(int argc, char **argv, explain_options *options)
{
    struct option table[TABLE_SIZE];
    int code;
    fill_table(table);
    memset(options, 0, sizeof *options);
    fmgcam_options_init(&options->settings, sizeof options->settings);
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (code == '?' || code == ':')
            return refuse(code, table, argv[optind - 1]);
        if (code == OPTION_HELP) {
            options->help = true;
            return 0;
        }
        int status = parse_value(code, optarg, options);
        if (status)
            return status;
    }
    if (optind < argc)
        return fail_usage(argv[optind], "is not an option; "
                                        "see 'fmgcam explain --help'");
    return check(options);
}
