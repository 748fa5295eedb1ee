/* SPDX-License-Identifier: MIT */
/* What stands for figures in a build without Cairo and Pango. */
#include "diagnose.h"
#include "figure/figure_write.h"

int figure_require(void)
{
    return fail("figure", "this build of fmgcam makes no figures: it was made "
                          "without Cairo and Pango");
}

int figure_write(const figure_content *content, output *to)
{
    (void)content;
    (void)to;
    return figure_require();
}
