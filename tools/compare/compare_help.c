/* SPDX-License-Identifier: MIT */
/* The text of `fmgcam compare --help`; fmgcam.1 says more. */
#include "compare/compare_options.h"

#include <stdio.h>

static const char *const usage =
    "Usage: fmgcam compare [options] A B\n"
    "Compare two explanations: how far the maps of the same classes differ, "
    "and\n"
    "whether the same classes win the same cells.\n"
    "\n"
    "Inputs\n"
    "  A and B are each a .npy stack of maps [K,H,W], as explain writes it, "
    "or\n"
    "  both a folder with report.json and signed-maps.npy, class-maps.npy or\n"
    "  maps.npy, of which the first is taken that both have.\n"
    "\n"
    "  --report-a FILE      .json: the report of A; with it classes are "
    "matched\n"
    "  --report-b FILE      by index or label, without it by rank\n"
    "  --image FILE         PNG or JPEG drawn under the maps\n"
    "\n";

static const char *const options =
    "Options\n"
    "  --scale NAME         max or none: divide the maps of A, and those of "
    "B,\n"
    "                       by their largest magnitude; default max\n"
    "  --resample NAME      nearest, bilinear or bicubic: maps of different\n"
    "                       size, and the picture; default bicubic\n"
    "  --preprocess STEPS   what was done to the image, as for explain; "
    "default\n"
    "                       none: the maps cover it\n"
    "  --size WxH           pixels of a map in picture and figure, where there "
    "is\n"
    "                       no image; default the size of the image\n"
    "  --help               print this text and exit\n"
    "\n"
    "Outputs, beside the table on standard output; default none\n"
    "  --report FILE        .json: all measures, and what became of "
    "thresholds\n"
    "  --picture FILE       .png or .jpg: A, B and the difference of each "
    "class\n"
    "  --figure FILE        .png, .pdf or .svg: A beside B, the measures, and "
    "the\n"
    "                       difference of each class; takes --width, --theme,\n"
    "                       --title, --notice and --caption as 'fmgcam figure' "
    "does\n"
    "\n"
    "Thresholds; default none\n"
    "  --min-agreement X      0 to 1: part of the cells with the same winner\n"
    "  --min-common X         0 to 1: part of the classes that are in both\n"
    "  --min-correlation X    -1 to 1: of the ranks of the cells, every class\n"
    "  --min-cosine X         -1 to 1: of the angle between maps, every class\n"
    "  --min-iou X            0 to 1: overlap of the cells won, every class\n"
    "  --max-difference X     0 on: the largest one, every class\n"
    "  --max-mean-difference X  0 on: mean over the cells, every class\n"
    "\n"
    "Exit status: 0 compared, and all thresholds are met; 1 failed; 2 wrong\n"
    "usage; 3 compared, but a threshold is not met.\n";

void compare_print_help(void)
{
    fputs(usage, stdout);
    fputs(options, stdout);
}
