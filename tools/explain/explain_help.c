/* SPDX-License-Identifier: MIT */
/* The text of `fmgcam explain --help`; fmgcam.1 says more. */
#include "explain/explain_options.h"

#include <stdio.h>

static const char *const usage =
    "Usage: fmgcam explain --activations A.npy\n"
    "           (--gradients G.npy | --weights W.npy | --classifier W.npy)\n"
    "           [inputs] [options] outputs\n"
    "Explain which parts of a picture speak for which class (FM-G-CAM).\n"
    "\n";

static const char *const inputs =
    "Inputs\n"
    "  --activations FILE   .npy, [C,H,W] or [1,C,H,W]: output of a layer; "
    "once\n"
    "                       for each of several layers\n"
    "  --gradients FILE     .npy, [K,C,H,W], of one class also [C,H,W]:\n"
    "                       gradients of the scores, highest score first;\n"
    "                       once for each layer\n"
    "  --weights FILE       .npy, [K,C]: class weights, in place of gradients\n"
    "  --classifier FILE    .npy, [n,C]: matrix of the last linear layer "
    "behind\n"
    "                       global average pooling, in place of gradients\n"
    "  --bias FILE          .npy, [n]: its bias, for the report\n"
    "  --logits FILE        .npy, [n] or [1,n]: scores of all classes, before\n"
    "                       softmax or sigmoid\n"
    "  --image FILE         PNG or JPEG drawn under the map\n"
    "  --labels FILE        names of the classes, UTF-8, one a line: by rank,\n"
    "                       or by class index where that is known\n"
    "  --layout LAYOUT      nchw, nhwc or tokens ([L,C] of a transformer): "
    "axes\n"
    "                       of activations and gradients; default nchw\n"
    "  --prefix-tokens N    tokens before those of the grid; default 0\n"
    "  --grid HxW           what the other tokens are\n"
    "  --spatial-axes N     1, 2 or 3: axes of a map; default 2\n"
    "\n";

static const char *const classes =
    "Classes\n"
    "  --top K              explain the first K classes; default all, with\n"
    "                       --classifier the best 5\n"
    "  --classes LIST       explain these, by index: 281,282,5\n"
    "  --mass P             the fewest that reach the probability P together\n"
    "  --min-probability P  those with at least the probability P\n"
    "  --thresholds FILE    .npy, [n]: those with at least their own\n"
    "  --largest-gap        those before the largest drop\n"
    "  --max-classes N      at most N of the last four; default all\n"
    "  --link NAME          softmax, sigmoid or none: how probabilities are\n"
    "                       made of logits; default softmax\n"
    "  --temperature T      divides the logits before that; default 1\n"
    "\n";

static const char *const options =
    "Options\n"
    "  --profile NAME       standard, or released: as the package that the\n"
    "                       paper's authors published; default standard\n"
    "  --method NAME        grad-cam, grad-cam++, grad-cam++-stable, "
    "xgrad-cam,\n"
    "                       layer-cam, hires-cam, element-wise, contrastive,\n"
    "                       eigen-cam, eigen-grad-cam or fem; default "
    "grad-cam\n"
    "  --target NAME        logit, softmax or sigmoid: what a classifier's "
    "maps\n"
    "                       explain; default logit\n"
    "  --activation NAME    relu, gelu, elu or none; default relu\n"
    "  --filter NAME        argmax or none; default argmax\n"
    "  --normalize NAME     l2, l2-columns, none, max or probability; default\n"
    "                       l2, in profile released l2-columns\n"
    "  --rescale NAME       stack, class or none; default stack\n"
    "  --non-finite NAME    error, skip or propagate: NaN and infinity in the\n"
    "                       inputs; default error\n"
    "  --fuse-layers NAME   mean, maximum or product of several layers;\n"
    "                       default mean\n"
    "  --fuse-at NAME       map or image: where the winner is chosen;\n"
    "                       default map\n"
    "  --resample NAME      nearest, bilinear or bicubic; default bicubic\n"
    "  --alpha X            0 to 1: strength of the colours; default 0.6\n"
    "  --blend NAME         evidence or constant; default evidence\n"
    "  --palette NAME       okabe-ito, tol or released: colours of the "
    "classes;\n"
    "                       default okabe-ito\n"
    "  --color-by NAME      rank, or class: a class has one colour in all\n"
    "                       pictures; default rank\n"
    "  --color-map NAME     class, or of a single class viridis, magma, "
    "turbo,\n"
    "                       jet, grey, or diverging (signed); default class\n"
    "  --preprocess STEPS   what was done to the image before the network saw\n"
    "                       it, as resize:256,crop:224 or letterbox:640x640;\n"
    "                       default stretched\n"
    "  --unseen NAME        fade or keep: what the network did not see;\n"
    "                       default fade\n"
    "  --size WxH           pixels of the heatmap where there is no image;\n"
    "                       default the size of the image\n"
    "  --region L,T,R,B     cells whose share of the scores is reported\n"
    "  --box-threshold X    0 to 1: boxes hold the cells from X times the "
    "peak\n"
    "                       on; default 0\n"
    "  --help               print this text and exit\n"
    "\n";

static const char *const outputs =
    "Outputs, one or more; default none\n"
    "  --overlay FILE       .png or .jpg: the image with the map over it\n"
    "  --heatmap FILE       .png or .jpg: the coloured map alone\n"
    "  --figure FILE        .png, .pdf or .svg: pictures, legend and caption; "
    "its\n"
    "                       options are those of 'fmgcam figure'\n"
    "  --maps FILE          .npy, float32 [K,H,W]: the final maps\n"
    "  --class-maps FILE    .npy, float32 [K,H,W]: one map a class, "
    "unfiltered\n"
    "  --signed-maps FILE   .npy, float32 [K,H,W]: the same with its sign\n"
    "  --winner FILE        .npy, int32 [H,W]: class of each cell, -1: none\n"
    "  --margin FILE        .npy, float32 [H,W]: by how much it won\n"
    "  --report FILE        .json: options used, and what each class won\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage.\n";

void explain_print_help(void)
{
    const char *const parts[] = {usage, inputs, classes, options, outputs};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        fputs(parts[i], stdout);
}
