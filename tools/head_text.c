/* SPDX-License-Identifier: MIT */
#include "head_text.h"

#include <stddef.h>

#include <fmgcam/fmgcam.h>

static const struct text {
    const char *cause, *advice;
} texts[] = {
    [FMGCAM_HEAD_FITS] = {"fits", ""},
    [FMGCAM_HEAD_TRANSPOSED] = {"matrix transposed",
                                "the matrix is transposed: give it as [n,C], "
                                "one row for each class"},
    [FMGCAM_HEAD_MISSING_BIAS] = {"bias missing",
                                  "the bias is missing: give it by --bias"},
    [FMGCAM_HEAD_NEEDLESS_BIAS] = {"bias not the network's",
                                   "the network does not add this bias: leave "
                                   "--bias out"},
    [FMGCAM_HEAD_BEFORE_RELU] =
        {"activations from before the ReLU",
         "the activations are from before a ReLU that the head sees behind: "
         "take the output of the layer after it"},
    [FMGCAM_HEAD_POOLING] =
        {"pooling other than the mean",
         "the network pools by the sum or the maximum, not by the mean: this "
         "matrix cannot stand in for gradients"},
    [FMGCAM_HEAD_PROBABILITIES] =
        {"probabilities in place of logits",
         "the scores are probabilities or their logarithms: give the logits, "
         "from before softmax or sigmoid"},
    [FMGCAM_HEAD_WRONG_LAYER] =
        {"wrong layer",
         "the activations are those of another layer (or from after a ReLU "
         "that the head does not see, or of another picture), or the matrix is "
         "another one"},
};

static const struct text *find(uint32_t cause)
{
    static const struct text unknown = {"unknown", "unknown"};
    return cause < sizeof texts / sizeof *texts && texts[cause].cause
               ? &texts[cause]
               : &unknown;
}

const char *head_cause(uint32_t cause)
{
    return find(cause)->cause;
}

const char *head_advice(uint32_t cause)
{
    return find(cause)->advice;
}
