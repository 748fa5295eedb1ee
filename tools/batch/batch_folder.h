/* SPDX-License-Identifier: MIT */
/* The folder that a batch writes to. */
#ifndef FMGCAM_TOOLS_BATCH_FOLDER_H
#define FMGCAM_TOOLS_BATCH_FOLDER_H

#include <stdbool.h>

/* Make @p path if it is not there, and keep other batches out of it until the
 * program ends. Without @p resume it must be empty.
 * @return 0, or the exit status. */
int folder_claim(const char *path, bool resume);

/* Remove the temporary files in @p path that a process which was killed had no
 * time to remove, as far as that is possible. Nobody may be writing there. */
void folder_remove_leftovers(const char *path);

#endif
