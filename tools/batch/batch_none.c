/* SPDX-License-Identifier: MIT */
/* What stands for batches in a build for Windows, which has no fork(). */
#include "batch/batch.h"
#include "diagnose.h"

int batch_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return fail("batch", "this build of fmgcam makes no batches: a case is a "
                         "process of its own, which Windows cannot fork; "
                         "'fmgcam explain' does one case");
}
