/* SPDX-License-Identifier: MIT */
/* The command line of `fmgcam explain`. */
#ifndef FMGCAM_TOOLS_EXPLAIN_OPTIONS_H
#define FMGCAM_TOOLS_EXPLAIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <fmgcam/fmgcam.h>

/* The options that name a file. */
enum {
    FILE_ACTIVATIONS,
    FILE_GRADIENTS,
    FILE_WEIGHTS,
    FILE_IMAGE,
    FILE_LABELS,
    FILE_OVERLAY,
    FILE_HEATMAP,
    FILE_MAPS,
    FILE_CLASS_MAPS,
    FILE_WINNER,
    FILE_REPORT,
    FILE_COUNT,
    FILE_FIRST_OUTPUT = FILE_OVERLAY
};

typedef struct explain_options {
    const char *files[FILE_COUNT]; /* argv's; NULL: not given */
    bool channels_last;            /* --layout nhwc */
    uint32_t top;                  /* 0: all classes */
    uint32_t width, height;        /* --size; 0: not given */
    fmgcam_options settings;       /* 0: the default of the profile */
    bool help;                     /* then nothing else was looked at */
} explain_options;

/* Parse and check; argv[0] is the name of the command.
 * @return 0, or the exit status. */
int explain_parse(int argc, char **argv, explain_options *options);

/* Print the text of --help on stdout. */
void explain_print_help(void);

#endif
