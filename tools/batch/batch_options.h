/* SPDX-License-Identifier: MIT */
/* The command line of `fmgcam batch`. */
#ifndef FMGCAM_TOOLS_BATCH_OPTIONS_H
#define FMGCAM_TOOLS_BATCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "batch/batch_manifest.h"
#include "batch/settings.h"
#include "explain/explain_options.h"

enum { MOST_JOBS = 1024 };

typedef struct batch_options {
    const char *manifest, *output; /* argv's */
    manifest_format format;
    uint32_t jobs; /* cases at once */
    bool resume;
    bool chooses;            /* --write was given */
    bool writes[FILE_COUNT]; /* then these */
    setting_list defaults;   /* explain's options, for every case */
    const char *notice;      /* of pages, and of figures by default; or NULL */
    bool help;               /* then nothing else was looked at */
} batch_options;

/* Parse and check; argv[0] is the name of the command. Release in either case.
 * @return 0, or the exit status. */
int batch_parse(int argc, char **argv, batch_options *options);
void batch_options_release(batch_options *options);

/* Print the text of --help on stdout. */
void batch_print_help(void);

#endif
