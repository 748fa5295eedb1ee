/* SPDX-License-Identifier: MIT */
/* Files of Windows by names in UTF-8, and their errors as errno. */
#ifndef FMGCAM_WINDOWS_FILE_H
#define FMGCAM_WINDOWS_FILE_H

#include <stdio.h>
#include <windows.h>

/* @p path as Windows has it, from the root on, to free(). Longer ones than
 * programs may use without asking get the prefix that asks.
 * @return NULL with errno set. */
wchar_t *fmgcam_windows_path(const char *path);

/* As UTF-8, to free(); NULL with errno set. */
char *fmgcam_windows_utf8(const wchar_t *text);

/* CreateFileW: a file that others may read, write, rename and delete, and that
 * no child process inherits. @return INVALID_HANDLE_VALUE with errno set, EISDIR
 * for a folder. */
HANDLE fmgcam_windows_open(const char *path, DWORD access, DWORD disposition);

/* A stream of bytes that takes @p handle over, also on failure.
 * @p flags are those of _open_osfhandle. @return NULL with errno set. */
FILE *fmgcam_windows_stream(HANDLE handle, int flags, const char *mode);

/* What GetLastError() says, as an errno; never 0. */
int fmgcam_windows_errno(void);

#endif
