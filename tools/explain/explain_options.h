/* SPDX-License-Identifier: MIT */
/* The command line of `fmgcam explain`. */
#ifndef FMGCAM_TOOLS_EXPLAIN_OPTIONS_H
#define FMGCAM_TOOLS_EXPLAIN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fmgcam/fmgcam.h>

#include "figure/figure_options.h"
#include "preprocess.h"
#include "tensors.h"

/* The options that name a file. */
enum {
    FILE_ACTIVATIONS, /* the first three once for each layer */
    FILE_GRADIENTS,
    FILE_WEIGHTS,
    FILE_CLASSIFIER,
    FILE_BIAS,
    FILE_LOGITS,
    FILE_THRESHOLDS,
    FILE_IMAGE,
    FILE_LABELS,
    FILE_OVERLAY,
    FILE_HEATMAP,
    FILE_FIGURE,
    FILE_MAPS,
    FILE_CLASS_MAPS,
    FILE_SIGNED_MAPS,
    FILE_WINNER,
    FILE_MARGIN,
    FILE_REPORT,
    FILE_COUNT,
    FILE_LAYERED = FILE_WEIGHTS + 1, /* how many can be repeated */
    FILE_FIRST_OUTPUT = FILE_OVERLAY
};

enum { MOST_LAYERS = 32 };

/* Which classes, as far as the command line says. */
typedef struct class_options {
    uint32_t top;       /* 0: not given */
    const char *list;   /* --classes; NULL: not given */
    fmgcam_choice rule; /* of the other rules; rule 0: none of them */
    const char *by;     /* the option that gave the rule, for messages */
} class_options;

typedef struct explain_options {
    const char *command; /* "explain", or "figure", which has --output */
    const char *files[FILE_COUNT]; /* argv's; NULL: not given */
    const char *layers[FILE_LAYERED][MOST_LAYERS];
    uint32_t layer_count[FILE_LAYERED];
    tensor_layout layout;
    class_options classes;
    uint32_t region[4]; /* left, top, right, bottom in cells */
    bool has_region;
    float box_threshold;
    uint32_t width, height; /* --size; 0: not given */
    preprocess preprocess;
    bool color_by_class; /* else by rank */
    figure_options figure;
    fmgcam_options settings; /* 0: the default of the profile */
    bool help;               /* then nothing else was looked at */
} explain_options;

/* No option given. */
void explain_init(explain_options *options);

/* Is there an option called @p name, without its dashes? */
bool explain_knows(const char *name, bool *with_value);

/* The name of option number @p option, from 0 on; NULL beyond the last. */
const char *explain_option_name(int option);

/* As --NAME TEXT on the command line does; @p text is kept, not copied, and is
 * not looked at where the option takes none. @return 0, or the exit status. */
int explain_set(const char *name, const char *text, explain_options *options);

/* Parse and check; argv[0] is the name of the command.
 * @return 0, or the exit status. */
int explain_parse(int argc, char **argv, explain_options *options);

/* The option of each file, without its dashes. */
extern const char *const explain_file_names[FILE_COUNT];

/* The one whose option is the @p length bytes @p name; -1 if there is none. */
int explain_find_file(const char *name, size_t length);

/* Is option @p name that of an input? */
bool explain_is_input(const char *name);

/* The same in the command of @p options. */
const char *explain_file_name(const explain_options *options, int file);

/* Check what was parsed, and fill in what follows from it.
 * @return 0, or the exit status. */
int explain_check(explain_options *options);

/* Does the method look at the activations alone, and at no class? */
bool explain_is_class_agnostic(const fmgcam_options *settings);

/* Print the text of --help on stdout. */
void explain_print_help(void);

#endif
