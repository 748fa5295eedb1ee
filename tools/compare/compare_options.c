/* SPDX-License-Identifier: MIT */
/* From words to compare_options, and which of them go together. */
#include "compare/compare_options.h"

#include <stdio.h>
#include <string.h>

#include "choices.h"
#include "diagnose.h"
#include "figure/figure_write.h"
#include "options.h"
#include "output.h"
#include "picture.h"

const char *const compare_output_names[COMPARE_OUTPUT_COUNT] = {
    [COMPARE_REPORT] = "report",
    [COMPARE_PICTURE] = "picture",
    [COMPARE_FIGURE] = "figure",
};

/* What getopt_long returns; thresholds come first, then what figures take. */
enum {
    FIRST_FIGURE = OPTIONS_FIRST + THRESHOLD_COUNT,
    OPTION_REPORT_A = FIRST_FIGURE + FIGURE_PAGE_OPTION_COUNT,
    OPTION_REPORT_B,
    OPTION_IMAGE,
    OPTION_REPORT,
    OPTION_PICTURE,
    OPTION_FIGURE,
    OPTION_SCALE,
    OPTION_SIZE,
    OPTION_PREPROCESS,
    OPTION_RESAMPLE,
    OPTION_HELP,
    OPTION_END
};

enum { OPTION_COUNT = OPTION_END - OPTIONS_FIRST };

/* ---- Values -------------------------------------------------------------- */

static int parse_threshold(int which, const char *text,
                           compare_options *options)
{
    const threshold_kind *kind = &threshold_kinds[which];
    threshold *limit = &options->thresholds[which];
    char subject[40];
    limit->given = true;
    if (options_parse_number(text, &limit->value) &&
        limit->value >= kind->low && limit->value <= kind->high)
        return 0;
    snprintf(subject, sizeof subject, "--%s", kind->name);
    if (kind->is_most)
        return fail_usage(subject, "'%s' is not a number from 0 on", text);
    return fail_usage(subject, "'%s' is not a number from %g to %g", text,
                      kind->low, kind->high);
}

static int parse_scale(const char *text, compare_options *options)
{
    static const choice scales[] = {{"max", 0}, {"none", 1}, {NULL, 0}};
    uint32_t unscaled = 0;
    int status = choice_find("scale", scales, text, &unscaled);
    options->unscaled = unscaled != 0;
    return status;
}

static int parse_value(int code, const char *text, compare_options *options)
{
    switch (code) {
    case OPTION_REPORT_A: options->reports[0] = text; return 0;
    case OPTION_REPORT_B: options->reports[1] = text; return 0;
    case OPTION_IMAGE: options->image = text; return 0;
    case OPTION_REPORT: options->outputs[COMPARE_REPORT] = text; return 0;
    case OPTION_PICTURE: options->outputs[COMPARE_PICTURE] = text; return 0;
    case OPTION_FIGURE: options->outputs[COMPARE_FIGURE] = text; return 0;
    case OPTION_SCALE: return parse_scale(text, options);
    case OPTION_PREPROCESS: return preprocess_parse(text, &options->preprocess);
    case OPTION_SIZE:
        return options_parse_size(text, &options->width, &options->height);
    case OPTION_RESAMPLE:
        return choice_parse(choice_option_named("resample"), text,
                            &options->settings);
    case OPTION_HELP: options->help = true; return 0;
    default: break;
    }
    if (code >= FIRST_FIGURE)
        return figure_set_option(code - FIRST_FIGURE, text, &options->figure);
    return parse_threshold(code - OPTIONS_FIRST, text, options);
}

static void fill_table(struct option table[OPTION_COUNT + 1])
{
    static const struct option others[] = {
        {"report-a", required_argument, NULL, OPTION_REPORT_A},
        {"report-b", required_argument, NULL, OPTION_REPORT_B},
        {"image", required_argument, NULL, OPTION_IMAGE},
        {"report", required_argument, NULL, OPTION_REPORT},
        {"picture", required_argument, NULL, OPTION_PICTURE},
        {"figure", required_argument, NULL, OPTION_FIGURE},
        {"scale", required_argument, NULL, OPTION_SCALE},
        {"preprocess", required_argument, NULL, OPTION_PREPROCESS},
        {"size", required_argument, NULL, OPTION_SIZE},
        {"resample", required_argument, NULL, OPTION_RESAMPLE},
        {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0},
    };
    for (int i = 0; i < THRESHOLD_COUNT; i++)
        table[i] = (struct option){threshold_kinds[i].name, required_argument,
                                   NULL, OPTIONS_FIRST + i};
    table += THRESHOLD_COUNT;
    for (int i = 0; i < FIGURE_PAGE_OPTION_COUNT; i++)
        table[i] = (struct option){figure_option_table[i].name,
                                   required_argument, NULL, FIRST_FIGURE + i};
    memcpy(table + FIGURE_PAGE_OPTION_COUNT, others, sizeof others);
}

/* ---- What goes together -------------------------------------------------- */

/* What a picture or a figure lies on. */
static int check_ground(const compare_options *options)
{
    const char *sheet = options->outputs[COMPARE_PICTURE];
    const char *figure = options->outputs[COMPARE_FIGURE];
    const char *given = options->image              ? "--image"
                        : options->width            ? "--size"
                        : options->preprocess.count ? "--preprocess"
                                                    : NULL;
    if (given && !sheet && !figure)
        return fail_usage(given, "needs --picture or --figure");
    if (options->image && options->width)
        return fail_usage("--size", "excludes --image, which has a size");
    if ((sheet || figure) && !options->image && !options->width)
        return fail_usage(sheet ? "--picture" : "--figure",
                          "needs --image or --size");
    return 0;
}

static int check_pictures(const compare_options *options)
{
    const char *sheet = options->outputs[COMPARE_PICTURE];
    const char *figure = options->outputs[COMPARE_FIGURE];
    int status = check_ground(options);
    if (!status && sheet && !picture_has_kind(sheet))
        status = fail_usage(sheet, "a picture's name ends in "
                                   ".png, .jpg or .jpeg");
    if (!status)
        status = figure_check_file(&options->figure, "--figure", figure);
    if (!status && figure)
        status = figure_require();
    return status;
}

static int check_outputs(const compare_options *options)
{
    const char *const *outputs = options->outputs;
    for (int i = 0; i < COMPARE_OUTPUT_COUNT; i++)
        for (int j = 0; j < i; j++)
            if (outputs[i] && outputs[j] &&
                output_is_same(outputs[j], outputs[i]))
                return fail_usage(outputs[j], "is the file of --%s and of --%s",
                                  compare_output_names[j],
                                  compare_output_names[i]);
    return 0;
}

static int check_names(const compare_options *options)
{
    const struct {
        const char *option, *path;
    } files[] = {{"A", options->maps[0]},
                 {"B", options->maps[1]},
                 {"--report-a", options->reports[0]},
                 {"--report-b", options->reports[1]},
                 {"--image", options->image},
                 {"--report", options->outputs[COMPARE_REPORT]},
                 {"--picture", options->outputs[COMPARE_PICTURE]},
                 {"--figure", options->outputs[COMPARE_FIGURE]}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i].path && !*files[i].path)
            return fail_usage(files[i].option, "the name of the file is empty");
    return 0;
}

static int check(const compare_options *options)
{
    int status = check_names(options);
    if (!status)
        status = check_outputs(options);
    return status ? status : check_pictures(options);
}

int compare_parse(int argc, char **argv, compare_options *options)
{
    struct option table[OPTION_COUNT + 1];
    int code;
    fill_table(table);
    memset(options, 0, sizeof *options);
    fmgcam_options_init(&options->settings, sizeof options->settings);
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (code == '?' || code == ':')
            return options_refuse(code, table, argv[optind - 1], "compare");
        int status = parse_value(code, optarg, options);
        if (status || options->help)
            return status;
    }
    if (argc - optind > 2)
        return fail_usage(argv[optind + 2], "there are two to compare; "
                                            "see 'fmgcam compare --help'");
    if (argc - optind < 2)
        return fail_usage("compare", "%s missing; see 'fmgcam compare --help'",
                          argc > optind ? "B is" : "A and B are");
    options->maps[0] = argv[optind];
    options->maps[1] = argv[optind + 1];
    return check(options);
}
