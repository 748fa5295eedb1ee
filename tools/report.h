/* SPDX-License-Identifier: MIT */
/* The report: what was computed, and what each class won, as JSON. */
#ifndef FMGCAM_TOOLS_REPORT_H
#define FMGCAM_TOOLS_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <fmgcam/fmgcam.h>

#include "labels.h"
#include "output.h"

typedef struct report_facts {
    int64_t classes, channels, height, width;
    const fmgcam_options *options; /* effective */
    uint32_t top;                  /* 0: not given */
    const label_list *labels;      /* empty: not given; else K or more */
    const float *class_maps;       /* [K, H, W] */
    const int32_t *winner;         /* [H, W] */
    bool flat;
} report_facts;

/* @return 0, or the exit status. */
int report_write(const report_facts *facts, output *to);

#endif
