/* SPDX-License-Identifier: MIT */
/*
 * The fmgcam program: which command it is.
 *
 * setlocale() is never called: numbers on the command line and in the report
 * have a decimal point wherever the program runs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <fmgcam/fmgcam.h>

#include "batch/batch.h"
#include "check_head.h"
#include "compare/compare.h"
#include "diagnose.h"
#include "explain/explain.h"
#include "explain/figure.h"
#include "json_values.h"
#include "system.h"

typedef struct command {
    const char *name;
    const char *purpose;
    int (*run)(int argc, char **argv); /* argv[0] is the name */
} command;

static const command commands[] = {
    {"explain", "draw which parts of a picture speak for which class",
     explain_main},
    {"figure", "draw a figure with legend, panels and caption", figure_main},
    {"batch", "explain many cases by a manifest, with a table and a page",
     batch_main},
    {"check-head", "check that a classifier can stand in for gradients",
     check_head_main},
    {"compare", "tell how far two explanations agree", compare_main},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

static void print_help(void)
{
    fputs("Usage: fmgcam COMMAND [OPTION]...\n"
          "Class activation maps of several classes, fused (FM-G-CAM).\n"
          "\n"
          "Commands\n",
          stdout);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-11s%s\n", commands[i].name, commands[i].purpose);
    fputs("\n"
          "Options\n"
          "  --help     print this text and exit; with a command, its options\n"
          "  --version  print the version and exit\n"
          "\n"
          "Exit status: 0 done, 1 failed, 2 wrong usage; of compare also 3, a\n"
          "threshold is not met.\n",
          stdout);
}

static void print_version(void)
{
    printf("fmgcam %d.%d.%d\n", FMGCAM_VERSION_MAJOR, FMGCAM_VERSION_MINOR,
           FMGCAM_VERSION_PATCH);
    printf("Library: %s\n", fmgcam_build_info());
    fputs("License: MIT\n"
          "There is NO WARRANTY, to the extent permitted by law.\n",
          stdout);
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2)
        return fail_usage(NULL, "no command given; see 'fmgcam --help'");
    if (strcmp(argv[1], "--help") == 0) {
        print_help();
        return STATUS_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        print_version();
        return STATUS_DONE;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    return fail_usage(argv[1], "unknown %s; see 'fmgcam --help'",
                      argv[1][0] == '-' ? "option" : "command");
}

/* What was printed on stdout, if anything, must have arrived. */
static int check_stdout(int status)
{
    errno = 0;
    int bad = ferror(stdout);
    if (fflush(stdout) != 0 || bad)
        return fail_system("standard output", errno);
    return status;
}

int fmgcam_main(int argc, char **argv)
{
    /* Room for the longest text, so that a failed write is noticed at the end,
     * where its reason is still known. */
    static char buffer[16384];
    json_begin();
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    return check_stdout(dispatch(argc, argv));
}
