/* SPDX-License-Identifier: MIT */
/* A case with one more name for its figure. */
#include "explain/figure.h"

#include <stdio.h>

#include "diagnose.h"
#include "explain/explain.h"
#include "explain/explain_options.h"

static const char *const help =
    "Usage: fmgcam figure --output FILE --activations A.npy\n"
    "           (--gradients G.npy | --weights W.npy | --classifier W.npy)\n"
    "           (--image FILE | --size WxH) [inputs] [options]\n"
    "Draw a figure that says what it shows: the image, the fused maps over "
    "it,\n"
    "a legend, each class by itself, a scale of colours and a caption.\n"
    "\n"
    "  --output FILE           .png, .pdf or .svg\n"
    "  --width N               pixels of the figure, 320 to 16384; default "
    "1200\n"
    "  --theme NAME            light or dark; default light\n"
    "  --title TEXT            default none\n"
    "  --notice TEXT           in bold letters at the end; default none\n"
    "  --caption TEXT          in place of the one that names method and "
    "options;\n"
    "                          '' for none\n"
    "  --contours LEVELS       shares of the peak of each class, as 0.25,0.5, "
    "or\n"
    "                          none; default 0.5\n"
    "  --panels NAME           class-maps or none: one panel a class; default\n"
    "                          class-maps\n"
    "  --panel-color-map NAME  viridis, magma, turbo, jet, grey, or diverging\n"
    "                          (signed maps); default that of --color-map, "
    "or\n"
    "                          viridis where that is class\n"
    "  --help                  print this text and exit\n"
    "\n"
    "Inputs, options and further outputs are those of 'fmgcam explain', where\n"
    "--figure FILE is what --output FILE is here.\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage.\n";

int figure_main(int argc, char **argv)
{
    explain_options options;
    int status = explain_parse(argc, argv, &options);
    if (status)
        return status;
    if (options.help) {
        fputs(help, stdout);
        return STATUS_DONE;
    }
    return explain_run_case(&options);
}
