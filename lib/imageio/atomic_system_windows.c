/* SPDX-License-Identifier: MIT */
#include "atomic_system.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdlib.h>

#include "windows_file.h"

/* ---- Opening ------------------------------------------------------------- */

/* Where the file of @p handle is, links followed, as UTF-8; NULL if it cannot be
 * told. */
static char *final_path(HANDLE handle)
{
    const DWORD size = GetFinalPathNameByHandleW(handle, NULL, 0, 0);
    wchar_t *path = size ? malloc((size + 1) * sizeof *path) : NULL;
    char *narrow = NULL;
    const DWORD length =
        path ? GetFinalPathNameByHandleW(handle, path, size + 1, 0) : 0;
    if (length > 0 && length <= size)
        narrow = fmgcam_windows_utf8(path);
    free(path);
    return narrow;
}

static char *full_path(const char *path)
{
    wchar_t *full = fmgcam_windows_path(path);
    char *narrow = full ? fmgcam_windows_utf8(full) : NULL;
    free(full);
    return narrow;
}

/* Here the folder says who may do what with a new file, not a mode. */
static FILE *create(const char *path, unsigned mode)
{
    (void)mode;
    const HANDLE handle = fmgcam_windows_open(path, GENERIC_WRITE, CREATE_NEW);
    if (handle == INVALID_HANDLE_VALUE)
        return NULL;
    return fmgcam_windows_stream(handle, _O_WRONLY, "wb");
}

/* @p earlier could be opened for writing, so that it may be replaced. Some
 * drives do not tell final paths; there the name will have to do. */
static FILE *open_replacing(fmgcam_atomic_file *file, const char *path,
                            HANDLE earlier)
{
    file->target = final_path(earlier);
    CloseHandle(earlier);
    if (!file->target)
        file->target = full_path(path);
    return file->target ? fmgcam_atomic_create(file, create, 0) : NULL;
}

/* A link that leads nowhere would be replaced itself. */
static FILE *open_new(fmgcam_atomic_file *file, const char *path)
{
    wchar_t *name = fmgcam_windows_path(path);
    const int is_link =
        name && GetFileAttributesW(name) != INVALID_FILE_ATTRIBUTES;
    free(name);
    if (is_link) {
        errno = ENOENT;
        return NULL;
    }
    file->target = full_path(path);
    return file->target ? fmgcam_atomic_create(file, create, 0) : NULL;
}

FILE *fmgcam_atomic_open(fmgcam_atomic_file *file, const char *path)
{
    const HANDLE earlier =
        fmgcam_windows_open(path, GENERIC_WRITE, OPEN_EXISTING);
    if (earlier == INVALID_HANDLE_VALUE)
        return errno == ENOENT && path[0] ? open_new(file, path) : NULL;
    if (GetFileType(earlier) == FILE_TYPE_DISK)
        return open_replacing(file, path, earlier);
    file->target = full_path(path);
    if (!file->target) {
        CloseHandle(earlier);
        return NULL;
    }
    return fmgcam_windows_stream(earlier, _O_WRONLY, "wb");
}

/* ---- The rest ------------------------------------------------------------ */

int fmgcam_atomic_sync(FILE *stream)
{
    return _commit(_fileno(stream)) == 0 ? 0 : errno;
}

int fmgcam_atomic_rename(const char *from, const char *to)
{
    wchar_t *old = fmgcam_windows_path(from);
    wchar_t *new = old ? fmgcam_windows_path(to) : NULL;
    int number = 0;
    if (!new)
        number = errno;
    else if (!MoveFileExW(old, new,
                          MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
        number = fmgcam_windows_errno();
    free(old);
    free(new);
    errno = number ? number : errno;
    return number ? -1 : 0;
}

void fmgcam_atomic_remove(const char *path)
{
    wchar_t *name = fmgcam_windows_path(path);
    if (name)
        DeleteFileW(name);
    free(name);
}

uint64_t fmgcam_atomic_number(void)
{
    LARGE_INTEGER now = {.QuadPart = 0};
    QueryPerformanceCounter(&now);
    return (uint64_t)now.QuadPart ^ (uint64_t)GetCurrentProcessId() << 32;
}
