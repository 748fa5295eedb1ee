/* SPDX-License-Identifier: MIT */
#ifndef _DEFAULT_SOURCE
# define _DEFAULT_SOURCE
#endif
#include "sandbox.h"
#include "wrap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Paths --------------------------------------------------------------- */

static bool has_parent(const char *path)
{
    for (const char *at = path; *at; at += strcspn(at, "/")) {
        at += strspn(at, "/");
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return true;
    }
    return false;
}

/* libFuzzer, which has files of its own, is linked with the same functions. */
static bool is_held;

static bool is_inside(const char *path)
{
    if (!is_held || (*path != '/' && !has_parent(path)))
        return true;
    errno = EACCES;
    return false;
}

/* ---- In the place of the system's functions ------------------------------ */

/* Kept open until the program ends, for their locks. */
enum { MOST_FOLDERS = 64 };
static int folders[MOST_FOLDERS];
static int folder_count;

static int keep_folder(int descriptor, int flags)
{
    if (is_held && descriptor >= 0 && flags & O_DIRECTORY) {
        require(folder_count < MOST_FOLDERS, "too many folders are open");
        folders[folder_count++] = descriptor;
    }
    return descriptor;
}

static mode_t mode_of(int flags, va_list values)
{
    return flags & O_CREAT ? (mode_t)va_arg(values, int) : 0;
}

REAL(int, open, (const char *path, int flags, ...))
{
    va_list values;
    va_start(values, flags);
    mode_t mode = mode_of(flags, values);
    va_end(values);
    return is_inside(path) ? keep_folder(__real_open(path, flags, mode), flags)
                           : -1;
}

REAL(int, open64, (const char *path, int flags, ...))
{
    va_list values;
    va_start(values, flags);
    mode_t mode = mode_of(flags, values);
    va_end(values);
    return is_inside(path)
               ? keep_folder(__real_open64(path, flags, mode), flags)
               : -1;
}

REAL(FILE *, fopen, (const char *path, const char *mode))
{
    return is_inside(path) ? __real_fopen(path, mode) : NULL;
}

REAL(FILE *, fopen64, (const char *path, const char *mode))
{
    return is_inside(path) ? __real_fopen64(path, mode) : NULL;
}

REAL(DIR *, opendir, (const char *path))
{
    return is_inside(path) ? __real_opendir(path) : NULL;
}

REAL(int, mkdir, (const char *path, mode_t mode))
{
    return is_inside(path) ? __real_mkdir(path, mode) : -1;
}

REAL(int, rename, (const char *from, const char *to))
{
    return is_inside(from) && is_inside(to) ? __real_rename(from, to) : -1;
}

REAL(int, unlink, (const char *path))
{
    return is_inside(path) ? __real_unlink(path) : -1;
}

REAL(int, dup, (int descriptor))
{
    if (!is_held)
        return __real_dup(descriptor);
    if (descriptor == STDOUT_FILENO || descriptor == STDERR_FILENO)
        return __real_open("/dev/null", O_WRONLY | O_CLOEXEC);
    errno = EBADF;
    return -1;
}

/* Nothing here has to survive a power cut. */
int __wrap_fsync(int descriptor);
int __wrap_fsync(int descriptor)
{
    (void)descriptor;
    return 0;
}

bool sandbox_has_memory(size_t size)
{
    if (!is_held || size <= SANDBOX_MOST_BYTES)
        return true;
    errno = ENOMEM;
    return false;
}

REAL(void *, malloc, (size_t size))
{
    return sandbox_has_memory(size) ? __real_malloc(size) : NULL;
}

REAL(void *, calloc, (size_t count, size_t size))
{
    bool fits = size == 0 || count <= SIZE_MAX / size;

    return fits && sandbox_has_memory(count * size) ? __real_calloc(count, size)
                                                    : NULL;
}

REAL(void *, realloc, (void *memory, size_t size))
{
    return sandbox_has_memory(size) ? __real_realloc(memory, size) : NULL;
}

/* ---- The folder ---------------------------------------------------------- */

static char home[4096];
static int inside = -1, outside; /* the folder, and where we were */

static void empty(const char *path)
{
    DIR *folder = __real_opendir(path);
    const struct dirent *entry;
    char name[8192];

    require(folder, "%s: %s", path, strerror(errno));
    while ((entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%.4000s/%s", path, entry->d_name);
        if (__real_unlink(name) == 0)
            continue;
        empty(name);
        rmdir(name);
    }
    closedir(folder);
}

static void remove_home(void)
{
    rmdir(home);
}

static void make_home(void)
{
    const char *folder = getenv("TMPDIR");

    snprintf(home, sizeof home, "%.4000s/fmgcam-fuzz-XXXXXX",
             folder ? folder : "/tmp");
    require(mkdtemp(home), "no temporary folder");
    inside = __real_open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    outside = __real_open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    require(inside >= 0 && outside >= 0, "a folder cannot be opened");
    atexit(remove_home);
}

void sandbox_enter(void)
{
    if (inside < 0)
        make_home();
    require(fchdir(inside) == 0, "the folder is gone");
    is_held = true;
}

void sandbox_write(const char *name, const void *data, size_t size)
{
    FILE *file = __wrap_fopen(name, "wb");

    if (file && size > 0)
        fwrite(data, 1, size, file);
    if (file)
        fclose(file);
}

void sandbox_leave(void)
{
    empty(".");
    is_held = false;
    require(fchdir(outside) == 0, "the folder is gone");
}

/* Only what lib/imageio/atomic_file.c calls its temporary files. */
static bool is_temporary(const char *name)
{
    static const char lead[] = ".fmgcam-";
    const size_t length = sizeof lead - 1;

    return strncmp(name, lead, length) == 0 &&
           strspn(name + length, "0123456789abcdef") == 16;
}

static void check_names(const char *path)
{
    DIR *folder = __real_opendir(path);
    const struct dirent *entry;

    require(folder, "%s: %s", path, strerror(errno));
    while ((entry = readdir(folder)))
        require(!is_temporary(entry->d_name), "%s was left behind",
                entry->d_name);
    closedir(folder);
}

void sandbox_end(void)
{
    while (folder_count > 0)
        close(folders[--folder_count]);
    check_names(".");
}
