/* SPDX-License-Identifier: MIT */
/* From words to explain_options: getopt_long takes them apart, the rest is in
 * tables. */
#include "explain/explain_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "choices.h"
#include "diagnose.h"
#include "options.h"
#include "output.h"
#include "picture.h"

const char *const explain_file_names[FILE_COUNT] = {
    [FILE_ACTIVATIONS] = "activations",
    [FILE_GRADIENTS] = "gradients",
    [FILE_WEIGHTS] = "weights",
    [FILE_CLASSIFIER] = "classifier",
    [FILE_BIAS] = "bias",
    [FILE_LOGITS] = "logits",
    [FILE_THRESHOLDS] = "thresholds",
    [FILE_IMAGE] = "image",
    [FILE_LABELS] = "labels",
    [FILE_OVERLAY] = "overlay",
    [FILE_HEATMAP] = "heatmap",
    [FILE_FIGURE] = "figure",
    [FILE_MAPS] = "maps",
    [FILE_CLASS_MAPS] = "class-maps",
    [FILE_SIGNED_MAPS] = "signed-maps",
    [FILE_WINNER] = "winner",
    [FILE_MARGIN] = "margin",
    [FILE_REPORT] = "report",
};

/* ---- Values -------------------------------------------------------------- */

typedef int (*value_parser)(const char *text, explain_options *options);

static int parse_layout(const char *text, explain_options *options)
{
    if (tensor_find_layout(text, &options->layout))
        return 0;
    return fail_usage("--layout",
                      "'%s' is not available; there is: nchw, nhwc, tokens",
                      text);
}

static int parse_prefix(const char *text, explain_options *options)
{
    if (options_parse_count(text, true, &options->layout.prefix))
        return 0;
    return fail_usage("--prefix-tokens", "'%s' is not a number of tokens",
                      text);
}

static int parse_grid(const char *text, explain_options *options)
{
    for (uint32_t axes = 1; axes <= 3; axes++)
        if (options_parse_counts(text, 'x', false, options->layout.grid,
                                 axes)) {
            options->layout.map_axes = axes;
            return 0;
        }
    return fail_usage("--grid",
                      "'%s' is not LENGTH, HEIGHTxWIDTH or "
                      "DEPTHxHEIGHTxWIDTH, 1 or more each",
                      text);
}

static int parse_axes(const char *text, explain_options *options)
{
    if (options_parse_count(text, false, &options->settings.spatial_axes) &&
        options->settings.spatial_axes <= 3)
        return 0;
    return fail_usage("--spatial-axes", "'%s' is not 1, 2 or 3", text);
}

static int parse_top(const char *text, explain_options *options)
{
    if (options_parse_count(text, false, &options->classes.top))
        return 0;
    return fail_usage("--top", "'%s' is not a number of classes, 1 or more",
                      text);
}

static int compare_counts(const void *one, const void *other)
{
    uint32_t a, b;
    memcpy(&a, one, sizeof a);
    memcpy(&b, other, sizeof b);
    return (a > b) - (a < b);
}

/* Sorts @p indices. */
static int check_distinct(uint32_t *indices, size_t count)
{
    qsort(indices, count, sizeof *indices, compare_counts);
    for (size_t i = 1; i < count; i++)
        if (indices[i] == indices[i - 1])
            return fail_usage("--classes", "%" PRIu32 " is there twice",
                              indices[i]);
    return 0;
}

/* Of a list that can be read. Nothing could tell the two maps of a class apart,
 * and the second would win no cell. */
static int refuse_repeated(const char *list)
{
    size_t count = 0, length = strlen(list);
    uint32_t *indices = malloc((length / 2 + 1) * sizeof *indices);
    if (!indices)
        return fail_memory();
    for (; *list; list += *list == ',')
        options_take_count(&list, true, &indices[count++]);
    int status = check_distinct(indices, count);
    free(indices);
    return status;
}

static int parse_list(const char *text, explain_options *options)
{
    uint32_t index;
    const char *at = text;
    bool good = options_take_count(&at, true, &index);
    while (good && *at == ',') {
        at++;
        good = options_take_count(&at, true, &index);
    }
    options->classes.list = text;
    if (good && *at == '\0')
        return refuse_repeated(text);
    return fail_usage("--classes",
                      "'%s' is not a list of class indices, as in "
                      "281,282,5",
                      text);
}

/* Of the options that say how many classes, only one can be meant. */
static int set_rule(explain_options *options, uint32_t rule, const char *by)
{
    class_options *classes = &options->classes;
    if (classes->rule.rule && classes->rule.rule != rule)
        return fail_usage(by, "excludes %s", classes->by);
    classes->rule.rule = rule;
    classes->by = by;
    return 0;
}

static int parse_mass(const char *text, explain_options *options)
{
    double value;
    if (!options_parse_number(text, &value) || !(value > 0 && value <= 1))
        return fail_usage("--mass", "'%s' is not a number above 0, up to 1",
                          text);
    options->classes.rule.threshold = (float)value;
    return set_rule(options, FMGCAM_CHOICE_MASS, "--mass");
}

static int parse_least(const char *text, explain_options *options)
{
    double value;
    if (!options_parse_number(text, &value) ||
        !(value >= -1e38 && value <= 1e38))
        return fail_usage("--min-probability", "'%s' is not a number", text);
    options->classes.rule.threshold = (float)value;
    return set_rule(options, FMGCAM_CHOICE_PROBABILITY, "--min-probability");
}

static int parse_gap(const char *text, explain_options *options)
{
    (void)text;
    return set_rule(options, FMGCAM_CHOICE_GAP, "--largest-gap");
}

static int parse_cap(const char *text, explain_options *options)
{
    if (options_parse_count(text, false, &options->classes.rule.count))
        return 0;
    return fail_usage("--max-classes",
                      "'%s' is not a number of classes, 1 or more", text);
}

static int parse_link(const char *text, explain_options *options)
{
    static const choice links[] = {{"softmax", FMGCAM_LINK_SOFTMAX},
                                   {"sigmoid", FMGCAM_LINK_SIGMOID},
                                   {"none", FMGCAM_LINK_NONE},
                                   {NULL, 0}};
    return choice_find("link", links, text, &options->classes.rule.link);
}

static int parse_temperature(const char *text, explain_options *options)
{
    double value;
    if (!options_parse_number(text, &value) || !(value >= 1e-6 && value <= 1e6))
        return fail_usage("--temperature",
                          "'%s' is not a number from 1e-6 to 1e6", text);
    options->classes.rule.temperature = (float)value;
    return 0;
}

static int parse_alpha(const char *text, explain_options *options)
{
    double value;
    if (!options_parse_number(text, &value) || !(value >= 0 && value <= 1))
        return fail_usage("--alpha", "'%s' is not a number from 0 to 1", text);
    options->settings.alpha = (float)value + 0.0f; /* no -0 */
    options->settings.flags |= FMGCAM_OPTION_ALPHA_SET;
    return 0;
}

static int parse_size(const char *text, explain_options *options)
{
    int status = options_parse_size(text, &options->width, &options->height);
    if (status)
        return status;
    if (picture_is_too_large(options->width, options->height))
        return fail_usage("--size",
                          "'%s' is more than 65500 pixels a side, "
                          "or 2^30 bytes in all",
                          text);
    return 0;
}

static int parse_preprocess(const char *text, explain_options *options)
{
    return preprocess_parse(text, &options->preprocess);
}

static int parse_color_by(const char *text, explain_options *options)
{
    static const choice keys[] = {{"rank", false}, {"class", true}, {NULL, 0}};
    uint32_t by_class = false;
    int status = choice_find("color-by", keys, text, &by_class);
    options->color_by_class = by_class;
    return status;
}

static int parse_unseen(const char *text, explain_options *options)
{
    static const choice ways[] = {
        {"fade", 0}, {"keep", FMGCAM_OPTION_UNSEEN_KEPT}, {NULL, 0}};
    uint32_t flag = 0;
    int status = choice_find("unseen", ways, text, &flag);
    options->settings.flags &= ~(uint32_t)FMGCAM_OPTION_UNSEEN_KEPT;
    options->settings.flags |= flag;
    return status;
}

static int parse_region(const char *text, explain_options *options)
{
    const uint32_t *r = options->region;
    options->has_region = true;
    if (options_parse_counts(text, ',', true, options->region, 4) &&
        r[0] < r[2] && r[1] < r[3])
        return 0;
    return fail_usage("--region",
                      "'%s' is not LEFT,TOP,RIGHT,BOTTOM in cells of the map, "
                      "right and bottom not included",
                      text);
}

static int parse_box_threshold(const char *text, explain_options *options)
{
    double value;
    if (!options_parse_number(text, &value) || !(value >= 0 && value <= 1))
        return fail_usage("--box-threshold", "'%s' is not a number from 0 to 1",
                          text);
    options->box_threshold = (float)value;
    return 0;
}

static int ask_help(const char *text, explain_options *options)
{
    (void)text;
    options->help = true;
    return 0;
}

static const struct {
    const char *name;
    int argument;
    value_parser parse;
} values[] = {
    {"layout", required_argument, parse_layout},
    {"prefix-tokens", required_argument, parse_prefix},
    {"grid", required_argument, parse_grid},
    {"spatial-axes", required_argument, parse_axes},
    {"top", required_argument, parse_top},
    {"classes", required_argument, parse_list},
    {"mass", required_argument, parse_mass},
    {"min-probability", required_argument, parse_least},
    {"largest-gap", no_argument, parse_gap},
    {"max-classes", required_argument, parse_cap},
    {"link", required_argument, parse_link},
    {"temperature", required_argument, parse_temperature},
    {"alpha", required_argument, parse_alpha},
    {"size", required_argument, parse_size},
    {"preprocess", required_argument, parse_preprocess},
    {"color-by", required_argument, parse_color_by},
    {"unseen", required_argument, parse_unseen},
    {"region", required_argument, parse_region},
    {"box-threshold", required_argument, parse_box_threshold},
    {"help", no_argument, ask_help},
};

enum {
    VALUE_COUNT = sizeof values / sizeof *values,
    FIRST_CHOICE = FILE_COUNT,
    FIRST_FIGURE = FIRST_CHOICE + CHOICE_OPTION_COUNT,
    FIRST_VALUE = FIRST_FIGURE + FIGURE_OPTION_COUNT,
    OPTION_COUNT = FIRST_VALUE + VALUE_COUNT
};

/* ---- The table of options ------------------------------------------------ */

int explain_find_file(const char *name, size_t length)
{
    int file = FILE_COUNT - 1;
    while (file >= 0 && (strlen(explain_file_names[file]) != length ||
                         strncmp(explain_file_names[file], name, length) != 0))
        file--;
    return file;
}

bool explain_is_input(const char *name)
{
    int file = explain_find_file(name, strlen(name));
    return file >= 0 && file < FILE_FIRST_OUTPUT;
}

const char *explain_file_name(const explain_options *options, int file)
{
    return file == FILE_FIGURE && strcmp(options->command, "figure") == 0
               ? "output"
               : explain_file_names[file];
}

static const char *name_of(int option)
{
    if (option < FIRST_CHOICE)
        return explain_file_names[option];
    if (option < FIRST_FIGURE)
        return choice_options[option - FIRST_CHOICE].name;
    if (option < FIRST_VALUE)
        return figure_option_table[option - FIRST_FIGURE].name;
    return values[option - FIRST_VALUE].name;
}

static bool takes_value(int option)
{
    return option < FIRST_VALUE ||
           values[option - FIRST_VALUE].argument == required_argument;
}

static void fill_table(const explain_options *options,
                       struct option table[OPTION_COUNT + 1])
{
    memset(table, 0, (OPTION_COUNT + 1) * sizeof *table);
    for (int i = 0; i < OPTION_COUNT; i++) {
        table[i].name = name_of(i);
        table[i].has_arg = takes_value(i) ? required_argument : no_argument;
        table[i].val = OPTIONS_FIRST + i;
    }
    table[FILE_FIGURE].name = explain_file_name(options, FILE_FIGURE);
}

static int add_file(int file, const char *path, explain_options *options)
{
    options->files[file] = path;
    if (file == FILE_THRESHOLDS)
        return set_rule(options, FMGCAM_CHOICE_THRESHOLDS, "--thresholds");
    if (file >= FILE_LAYERED)
        return 0;
    uint32_t *count = &options->layer_count[file];
    if (*count == MOST_LAYERS) {
        char subject[64];
        snprintf(subject, sizeof subject, "--%s", explain_file_names[file]);
        return fail_usage(subject, "is given more than %d times", MOST_LAYERS);
    }
    options->layers[file][(*count)++] = path;
    return 0;
}

static int set_option(int option, const char *text, explain_options *options)
{
    if (option < FIRST_CHOICE)
        return add_file(option, text, options);
    if (option < FIRST_FIGURE)
        return choice_parse(&choice_options[option - FIRST_CHOICE], text,
                            &options->settings);
    if (option < FIRST_VALUE)
        return figure_set_option(option - FIRST_FIGURE, text, &options->figure);
    return values[option - FIRST_VALUE].parse(text, options);
}

/* ---- From words and names ------------------------------------------------ */

void explain_init(explain_options *options)
{
    memset(options, 0, sizeof *options);
    options->command = "explain";
    fmgcam_options_init(&options->settings, sizeof options->settings);
    options->classes.rule.struct_size = sizeof options->classes.rule;
}

bool explain_knows(const char *name, bool *with_value)
{
    for (int i = 0; i < OPTION_COUNT; i++)
        if (strcmp(name_of(i), name) == 0) {
            *with_value = takes_value(i);
            return true;
        }
    return false;
}

const char *explain_option_name(int option)
{
    return option < OPTION_COUNT ? name_of(option) : NULL;
}

int explain_set(const char *name, const char *text, explain_options *options)
{
    for (int i = 0; i < OPTION_COUNT; i++)
        if (strcmp(name_of(i), name) == 0)
            return set_option(i, text, options);
    return fail_usage(name, "unknown option; see 'fmgcam explain --help'");
}

int explain_parse(int argc, char **argv, explain_options *options)
{
    struct option table[OPTION_COUNT + 1];
    int code;
    explain_init(options);
    options->command = argv[0];
    fill_table(options, table);
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (code == '?' || code == ':')
            return options_refuse(code, table, argv[optind - 1],
                                  options->command);
        int status = set_option(code - OPTIONS_FIRST, optarg, options);
        if (status || options->help)
            return status;
    }
    if (optind < argc)
        return fail_usage(argv[optind],
                          "is not an option; see 'fmgcam %s --help'",
                          options->command);
    return explain_check(options);
}
