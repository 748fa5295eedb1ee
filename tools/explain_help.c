/* SPDX-License-Identifier: MIT */
/* The text of `fmgcam explain --help`; fmgcam.1 says more. */
#include "explain_options.h"

#include <stdio.h>

static const char *const help =
    "Usage: fmgcam explain --activations A.npy (--gradients G.npy | --weights "
    "W.npy)\n"
    "                      [inputs] [options] outputs\n"
    "Explain which parts of a picture speak for which class (FM-G-CAM).\n"
    "\n"
    "Inputs\n"
    "  --activations FILE   .npy, [C,H,W] or [1,C,H,W]: output of a layer\n"
    "  --gradients FILE     .npy, [K,C,H,W], of one class also [C,H,W]:\n"
    "                       gradients of the scores, highest score first\n"
    "  --weights FILE       .npy, [K,C]: class weights, in place of gradients\n"
    "  --image FILE         PNG or JPEG drawn under the map\n"
    "  --labels FILE        names of the classes, UTF-8, one a line\n"
    "  --layout LAYOUT      nchw or nhwc: axes of activations and gradients;\n"
    "                       default nchw\n"
    "\n"
    "Options\n"
    "  --top K              explain the first K classes; default all\n"
    "  --profile NAME       standard, or released: as the package that the\n"
    "                       paper's authors published; default standard\n"
    "  --method NAME        grad-cam; default grad-cam\n"
    "  --activation NAME    relu, gelu, elu or none; default relu\n"
    "  --filter NAME        argmax or none; default argmax\n"
    "  --normalize NAME     l2, l2-columns or none; default l2,\n"
    "                       in profile released l2-columns\n"
    "  --rescale NAME       stack, class or none; default stack\n"
    "  --fuse-at NAME       map or image: where the winner is chosen;\n"
    "                       default map\n"
    "  --resample NAME      nearest, bilinear or bicubic; default bicubic\n"
    "  --alpha X            0 to 1: strength of the colours; default 0.6\n"
    "  --blend NAME         evidence or constant; default evidence\n"
    "  --size WxH           pixels of the heatmap where there is no image;\n"
    "                       default the size of the image\n"
    "  --help               print this text and exit\n"
    "\n"
    "Outputs, one or more; default none\n"
    "  --overlay FILE       .png or .jpg: the image with the map over it\n"
    "  --heatmap FILE       .png or .jpg: the coloured map alone\n"
    "  --maps FILE          .npy, float32 [K,H,W]: the final maps\n"
    "  --class-maps FILE    .npy, float32 [K,H,W]: Grad-CAM of each class\n"
    "  --winner FILE        .npy, int32 [H,W]: class of each cell, -1: none\n"
    "  --report FILE        .json: options used, and what each class won\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage.\n";

void explain_print_help(void)
{
    fputs(help, stdout);
}
