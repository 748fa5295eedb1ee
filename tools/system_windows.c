/* SPDX-License-Identifier: MIT */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <wchar.h>

#include "diagnose.h"
#include "windows_file.h"

/* ---- The start ----------------------------------------------------------- */

static CRITICAL_SECTION endings; /* held: they wait */
static UINT console_before;

/* The console belongs to whoever called, too. */
static void restore_console(void)
{
    if (console_before)
        SetConsoleOutputCP(console_before);
}

/* Messages hold names of files, which are UTF-8. */
static void use_utf8_console(void)
{
    console_before = GetConsoleOutputCP();
    if (console_before && SetConsoleOutputCP(CP_UTF8))
        atexit(restore_console);
}

/* What main() would get has lost what the system's code page does not have.
 * @return NULL if there is no memory. */
static char **arguments_as_utf8(int argc, wchar_t **argv)
{
    char **narrow = calloc((size_t)argc + 1, sizeof *narrow);
    for (int i = 0; narrow && i < argc; i++) {
        narrow[i] = fmgcam_windows_utf8(argv[i]);
        if (!narrow[i])
            return NULL;
    }
    return narrow;
}

/* MinGW's start of a program may be made to replace patterns by the files that
 * match; this says no. */
int _dowildcard = 0;

int wmain(int argc, wchar_t **argv);

int wmain(int argc, wchar_t **argv)
{
    InitializeCriticalSection(&endings);
    /* A drive without a disk is an error, not a question. */
    SetErrorMode(SEM_FAILCRITICALERRORS);
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        _setmode(descriptor, _O_BINARY);
    use_utf8_console();
    char **arguments = arguments_as_utf8(argc, argv);
    return arguments ? fmgcam_main(argc, arguments) : fail_memory();
}

/* ---- Files --------------------------------------------------------------- */

/* Pipes and devices are not asked: a pipe would take that for its reader. */
static int kind_of(const wchar_t *name)
{
    if (wcsncmp(name, L"\\\\.\\", 4) == 0)
        return SYSTEM_STREAM;
    const DWORD attributes = GetFileAttributesW(name);
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return SYSTEM_NOTHING;
    return attributes & FILE_ATTRIBUTE_DIRECTORY ? SYSTEM_FOLDER : SYSTEM_FILE;
}

int system_kind(const char *path)
{
    wchar_t *name = fmgcam_windows_path(path);
    const int kind = name ? kind_of(name) : SYSTEM_NOTHING;
    free(name);
    return kind;
}

static bool identify(const char *path, BY_HANDLE_FILE_INFORMATION *file)
{
    if (system_kind(path) != SYSTEM_FILE)
        return false;
    const HANDLE handle =
        fmgcam_windows_open(path, FILE_READ_ATTRIBUTES, OPEN_EXISTING);
    if (handle == INVALID_HANDLE_VALUE)
        return false;
    const bool got = GetFileInformationByHandle(handle, file);
    CloseHandle(handle);
    return got;
}

bool system_is_same(const char *one, const char *other)
{
    BY_HANDLE_FILE_INFORMATION a, b;
    return identify(one, &a) && identify(other, &b) &&
           a.dwVolumeSerialNumber == b.dwVolumeSerialNumber &&
           a.nFileIndexHigh == b.nFileIndexHigh &&
           a.nFileIndexLow == b.nFileIndexLow;
}

static bool is_same_name(const char *one, const char *other)
{
    wchar_t *a = fmgcam_windows_path(one);
    wchar_t *b = fmgcam_windows_path(other);
    const bool same =
        a && b && CompareStringOrdinal(a, -1, b, -1, TRUE) == CSTR_EQUAL;
    free(a);
    free(b);
    return same;
}

bool system_is_same_place(const char *one, const char *other)
{
    return is_same_name(one, other) || system_is_same(one, other);
}

/* ---- Being ended --------------------------------------------------------- */

static void (*to_clean)(void);

/* In a thread of its own, while the others go on: they must not begin or commit
 * a file any more. A usual end could wait for the streams that they hold. */
static BOOL WINAPI clean_and_end(DWORD event)
{
    (void)event;
    EnterCriticalSection(&endings);
    to_clean();
    restore_console();
    TerminateProcess(GetCurrentProcess(), (UINT)STATUS_CONTROL_C_EXIT);
    return TRUE;
}

void system_guard(void (*clean)(void))
{
    if (!to_clean)
        SetConsoleCtrlHandler(clean_and_end, TRUE);
    to_clean = clean;
}

void system_hold_endings(void)
{
    EnterCriticalSection(&endings);
}

void system_allow_endings(void)
{
    LeaveCriticalSection(&endings);
}
