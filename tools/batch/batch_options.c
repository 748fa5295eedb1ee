/* SPDX-License-Identifier: MIT */
/* The options of the batch itself, and behind them in the same table those of
 * `fmgcam explain`. */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE /* sched_getaffinity */
#endif

#include "batch/batch_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__linux__)
# include <sched.h>
#endif

#include "choices.h"
#include "diagnose.h"
#include "options.h"

/* ---- Values -------------------------------------------------------------- */

static int parse_output(const char *text, batch_options *options)
{
    options->output = text;
    return *text ? 0
                 : fail_usage("--output", "the name of the folder is empty");
}

static int parse_jobs(const char *text, batch_options *options)
{
    if (options_parse_count(text, false, &options->jobs) &&
        options->jobs <= MOST_JOBS)
        return 0;
    return fail_usage("--jobs", "'%s' is not a number of cases, 1 to %d", text,
                      MOST_JOBS);
}

static int parse_format(const char *text, batch_options *options)
{
    static const choice formats[] = {
        {"jsonl", MANIFEST_JSON_LINES}, {"csv", MANIFEST_CSV}, {NULL, 0}};
    uint32_t format = 0;
    int status = choice_find("format", formats, text, &format);
    options->format = format;
    return status;
}

static int refuse_write(const char *name, size_t length)
{
    char names[512] = "";
    for (int i = FILE_FIRST_OUTPUT; i < FILE_COUNT; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "",
                 explain_file_names[i]);
    }
    return fail_usage("--write", "'%.*s' is not available; there is: %s",
                      (int)(length < 70 ? length : 70), name, names);
}

/* "overlay,maps" */
static int parse_write(const char *text, batch_options *options)
{
    options->chooses = true;
    for (;; text++) {
        size_t length = strcspn(text, ",");
        int file = explain_find_file(text, length);
        if (file < FILE_FIRST_OUTPUT)
            return refuse_write(text, length);
        options->writes[file] = true;
        text += length;
        if (!*text)
            return 0;
    }
}

static int ask_resume(const char *text, batch_options *options)
{
    (void)text;
    options->resume = true;
    return 0;
}

static int ask_help(const char *text, batch_options *options)
{
    (void)text;
    options->help = true;
    return 0;
}

static const struct {
    const char *name;
    int argument;
    int (*parse)(const char *text, batch_options *options);
} own[] = {
    {"output", required_argument, parse_output},
    {"jobs", required_argument, parse_jobs},
    {"format", required_argument, parse_format},
    {"write", required_argument, parse_write},
    {"resume", no_argument, ask_resume},
    {"help", no_argument, ask_help},
};

enum { OWN_COUNT = sizeof own / sizeof *own };

/* ---- The options of explain ---------------------------------------------- */

static int add_default(const char *name, const char *text,
                       batch_options *options)
{
    char subject[64];
    snprintf(subject, sizeof subject, "--%s", name);
    if (explain_find_file(name, strlen(name)) >= FILE_FIRST_OUTPUT)
        return fail_usage(subject, "is not for a batch, whose outputs have "
                                   "fixed names; see --write");
    if (strcmp(name, "notice") == 0) {
        options->notice = text;
        return 0;
    }
    return settings_add(&options->defaults, name, text ? text : "", NULL);
}

/* A case without a figure knows no notice. */
static int add_notice(batch_options *options)
{
    explain_options scratch;
    if (!options->notice)
        return 0;
    if (options->writes[FILE_FIGURE])
        return settings_add(&options->defaults, "notice", options->notice,
                            NULL);
    explain_init(&scratch);
    return explain_set("notice", options->notice, &scratch);
}

/* What no case could use is wrong usage. */
static int check_defaults(const batch_options *options)
{
    explain_options scratch;
    int status = 0;
    explain_init(&scratch);
    for (size_t i = 0; i < options->defaults.count && !status; i++)
        status = explain_set(options->defaults.items[i].name,
                             options->defaults.items[i].text, &scratch);
    return status;
}

/* ---- The table ----------------------------------------------------------- */

static int count_options(void)
{
    int count = 0;
    while (explain_option_name(count))
        count++;
    return OWN_COUNT + count;
}

/* Those of explain come last; its --help is not among them. */
static struct option *make_table(void)
{
    struct option *table =
        calloc((size_t)count_options() + 1, sizeof(struct option));
    int used = 0;
    for (; table && used < OWN_COUNT; used++)
        table[used] =
            (struct option){own[used].name, own[used].argument, NULL, 0};
    for (int i = 0; table && explain_option_name(i); i++) {
        const char *name = explain_option_name(i);
        bool with_value = true;
        explain_knows(name, &with_value);
        if (strcmp(name, "help") != 0)
            table[used++] = (struct option){
                name, with_value ? required_argument : no_argument, NULL, 0};
    }
    for (int i = 0; table && i < used; i++)
        table[i].val = OPTIONS_FIRST + i;
    return table;
}

static int set_option(int code, const char *name, batch_options *options)
{
    int option = code - OPTIONS_FIRST;
    return option < OWN_COUNT ? own[option].parse(optarg, options)
                              : add_default(name, optarg, options);
}

static int parse_options(int argc, char **argv, const struct option *table,
                         batch_options *options)
{
    int code;
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        if (code == '?' || code == ':')
            return options_refuse(code, table, argv[optind - 1], "batch");
        int status =
            set_option(code, table[code - OPTIONS_FIRST].name, options);
        if (status || options->help)
            return status;
    }
    return 0;
}

/* ---- All of it ----------------------------------------------------------- */

/* Processors that this process may run on. */
static uint32_t count_processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        count = CPU_COUNT(&set);
#endif
    if (count < 1)
        return 1;
    return count < MOST_JOBS ? (uint32_t)count : MOST_JOBS;
}

static int check(int argc, char **argv, batch_options *options)
{
    if (optind == argc)
        return fail_usage("batch", "the manifest is missing; "
                                   "see 'fmgcam batch --help'");
    options->manifest = argv[optind];
    if (optind + 1 < argc)
        return fail_usage(argv[optind + 1], "is one argument too many; "
                                            "see 'fmgcam batch --help'");
    if (!options->output)
        return fail_usage("--output", "is missing; see 'fmgcam batch --help'");
    if (!options->jobs)
        options->jobs = count_processors();
    options->writes[FILE_REPORT] = true; /* the summary is made of them */
    int status = add_notice(options);
    return status ? status : check_defaults(options);
}

int batch_parse(int argc, char **argv, batch_options *options)
{
    memset(options, 0, sizeof *options);
    struct option *table = make_table();
    if (!table)
        return fail_memory();
    int status = parse_options(argc, argv, table, options);
    free(table);
    return status || options->help ? status : check(argc, argv, options);
}

void batch_options_release(batch_options *options)
{
    settings_release(&options->defaults);
}

/* ---- Help ---------------------------------------------------------------- */

void batch_print_help(void)
{
    fputs(
        "Usage: fmgcam batch MANIFEST --output FOLDER [option]...\n"
        "Explain many cases, and make a table and a page of all of them.\n"
        "\n"
        "The manifest has one case a row: JSON lines, or CSV with the names "
        "of\n"
        "the columns in its first line. Keys are the names of inputs and "
        "options\n"
        "of 'fmgcam explain' without their dashes, and 'id', which names the\n"
        "folder of the case; without it, that is the number of the row. Paths "
        "in\n"
        "the manifest start from the folder that it is in; - is standard "
        "input.\n"
        "\n"
        "Options\n"
        "  --output FOLDER      where the results go: summary.csv, index.html, "
        "and\n"
        "                       a folder for each case\n"
        "  --resume             go on with what is there: leave out complete\n"
        "                       cases, try failed ones again; default: the "
        "folder\n"
        "                       must be empty or not there\n"
        "  --jobs N             cases at once; default: as many as there are\n"
        "                       processors\n"
        "  --format NAME        jsonl or csv; default by the suffix of the\n"
        "                       manifest\n"
        "  --write LIST         outputs of each case, as in overlay,maps; the\n"
        "                       report comes in any case; default the overlay "
        "of\n"
        "                       cases with an image, else the heatmap of "
        "those\n"
        "                       with a size\n"
        "  --help               print this text and exit\n"
        "\n"
        "All inputs and options of 'fmgcam explain' may be given too, and "
        "count\n"
        "for the cases that do not have them. --notice TEXT is also at the top "
        "of\n"
        "each page.\n"
        "\n"
        "Exit status: 0 all done, 1 a case failed, 2 wrong usage or "
        "manifest.\n",
        stdout);
}
