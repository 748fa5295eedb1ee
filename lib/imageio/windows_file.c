/* SPDX-License-Identifier: MIT */
#include "windows_file.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <wchar.h>

/* ---- Errors -------------------------------------------------------------- */

static const struct {
    DWORD system;
    int number;
} errors[] = {
    {ERROR_FILE_NOT_FOUND, ENOENT},
    {ERROR_PATH_NOT_FOUND, ENOENT},
    {ERROR_INVALID_NAME, ENOENT},
    {ERROR_BAD_NETPATH, ENOENT},
    {ERROR_BAD_PATHNAME, ENOENT},
    {ERROR_DIRECTORY, ENOTDIR},
    {ERROR_ACCESS_DENIED, EACCES},
    {ERROR_SHARING_VIOLATION, EACCES},
    {ERROR_LOCK_VIOLATION, EACCES},
    {ERROR_WRITE_PROTECT, EROFS},
    {ERROR_FILE_EXISTS, EEXIST},
    {ERROR_ALREADY_EXISTS, EEXIST},
    {ERROR_FILENAME_EXCED_RANGE, ENAMETOOLONG},
    {ERROR_NO_UNICODE_TRANSLATION, EILSEQ},
    {ERROR_TOO_MANY_OPEN_FILES, EMFILE},
    {ERROR_NOT_ENOUGH_MEMORY, ENOMEM},
    {ERROR_OUTOFMEMORY, ENOMEM},
    {ERROR_HANDLE_DISK_FULL, ENOSPC},
    {ERROR_DISK_FULL, ENOSPC},
    {ERROR_BROKEN_PIPE, EPIPE},
    {ERROR_NO_DATA, EPIPE},
    {ERROR_PIPE_BUSY, EBUSY},
    {ERROR_NOT_SAME_DEVICE, EXDEV},
};

int fmgcam_windows_errno(void)
{
    const DWORD system = GetLastError();
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].system == system)
            return errors[i].number;
    return EIO;
}

/* ---- Names --------------------------------------------------------------- */

static wchar_t *widen(const char *text)
{
    const int size =
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    if (size == 0) {
        errno = fmgcam_windows_errno();
        return NULL;
    }
    wchar_t *wide = malloc((size_t)size * sizeof *wide);
    if (wide)
        MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, size);
    return wide;
}

/* @p path from the root on, with room for @p before characters before it, which
 * are not set. */
static wchar_t *make_full(const wchar_t *path, size_t before)
{
    const DWORD size = GetFullPathNameW(path, 0, NULL, NULL);
    if (size == 0) {
        errno = path[0] ? fmgcam_windows_errno() : ENOENT;
        return NULL;
    }
    wchar_t *full = malloc((before + size) * sizeof *full);
    if (full)
        GetFullPathNameW(path, size, full + before, NULL);
    return full;
}

wchar_t *fmgcam_windows_path(const char *path)
{
    static const wchar_t prefix[] = L"\\\\?\\";
    enum { PREFIX = sizeof prefix / sizeof *prefix - 1 };

    wchar_t *given = widen(path);
    wchar_t *full = given ? make_full(given, PREFIX) : NULL;
    free(given);
    if (!full)
        return NULL;
    const wchar_t *name = full + PREFIX;
    if (wcslen(name) >= MAX_PATH && name[0] != L'\\')
        wmemcpy(full, prefix, PREFIX);
    else
        wmemmove(full, name, wcslen(name) + 1);
    return full;
}

char *fmgcam_windows_utf8(const wchar_t *text)
{
    const int size =
        WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *narrow = malloc((size_t)size);
    if (narrow)
        WideCharToMultiByte(CP_UTF8, 0, text, -1, narrow, size, NULL, NULL);
    return narrow;
}

/* ---- Opening ------------------------------------------------------------- */

/* For a folder the system says that access is denied. */
static int errno_of(const wchar_t *path)
{
    const int number = fmgcam_windows_errno();
    if (number != EACCES)
        return number;
    const DWORD attributes = GetFileAttributesW(path);
    return attributes != INVALID_FILE_ATTRIBUTES &&
                   (attributes & FILE_ATTRIBUTE_DIRECTORY)
               ? EISDIR
               : EACCES;
}

HANDLE fmgcam_windows_open(const char *path, DWORD access, DWORD disposition)
{
    wchar_t *name = fmgcam_windows_path(path);
    if (!name)
        return INVALID_HANDLE_VALUE;
    const HANDLE handle = CreateFileW(
        name, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
        NULL, disposition, FILE_ATTRIBUTE_NORMAL, NULL);
    const int number = handle == INVALID_HANDLE_VALUE ? errno_of(name) : errno;
    free(name);
    errno = number;
    return handle;
}

FILE *fmgcam_windows_stream(HANDLE handle, int flags, const char *mode)
{
    const int descriptor =
        _open_osfhandle((intptr_t)handle, flags | _O_BINARY | _O_NOINHERIT);
    if (descriptor < 0) {
        CloseHandle(handle);
        errno = EMFILE;
        return NULL;
    }
    FILE *stream = _fdopen(descriptor, mode);
    if (!stream) {
        const int number = errno;
        _close(descriptor);
        errno = number;
    }
    return stream;
}
