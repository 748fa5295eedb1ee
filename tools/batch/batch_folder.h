/* SPDX-License-Identifier: MIT */
/* The folder that a batch writes to. */
#ifndef FMGCAM_TOOLS_BATCH_FOLDER_H
#define FMGCAM_TOOLS_BATCH_FOLDER_H

#include <stdbool.h>

/* Make @p path if it is not there, and keep other batches out of it until the
 * program ends. Without @p resume it must be empty.
 * @return 0, or the exit status. */
int folder_claim(const char *path, bool resume);

#endif
