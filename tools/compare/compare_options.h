/* SPDX-License-Identifier: MIT */
/* The command line of `fmgcam compare`. */
#ifndef FMGCAM_TOOLS_COMPARE_OPTIONS_H
#define FMGCAM_TOOLS_COMPARE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <fmgcam/fmgcam.h>

#include "compare/compare_thresholds.h"
#include "figure/figure_options.h"
#include "preprocess.h"

enum { COMPARE_REPORT, COMPARE_PICTURE, COMPARE_FIGURE, COMPARE_OUTPUT_COUNT };

typedef struct compare_options {
    const char *maps[2];    /* A and B: .npy or folder */
    const char *reports[2]; /* NULL: not given */
    const char *image;
    const char *outputs[COMPARE_OUTPUT_COUNT]; /* NULL: not wanted */
    bool unscaled;                             /* --scale none */
    uint32_t width, height;                    /* --size; 0: not given */
    preprocess preprocess;                     /* of the image */
    figure_options figure;
    fmgcam_options settings; /* resample */
    threshold thresholds[THRESHOLD_COUNT];
    bool help; /* then nothing else was looked at */
} compare_options;

/* The option of each output, without its dashes. */
extern const char *const compare_output_names[COMPARE_OUTPUT_COUNT];

/* Parse and check; argv[0] is the name of the command.
 * @return 0, or the exit status. */
int compare_parse(int argc, char **argv, compare_options *options);

/* Print the text of --help on stdout. */
void compare_print_help(void);

#endif
