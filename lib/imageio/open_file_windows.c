/* SPDX-License-Identifier: MIT */
#include "open_file.h"

#include <fcntl.h>

#include "windows_file.h"

/* Whoever wants to may replace the file meanwhile. */
FILE *fmgcam_open_file(const char *path)
{
    const HANDLE handle =
        fmgcam_windows_open(path, GENERIC_READ, OPEN_EXISTING);
    if (handle == INVALID_HANDLE_VALUE)
        return NULL;
    return fmgcam_windows_stream(handle, _O_RDONLY, "rb");
}
