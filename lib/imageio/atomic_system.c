/* SPDX-License-Identifier: MIT */
/* POSIX. */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif

#include "atomic_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "posix_file.h"

enum {
    MOST_LINKS = 40, /* as many as Linux follows */
    MOST_LOOKS = 100 /* at a file that others replace meanwhile */
};

/* ---- Links --------------------------------------------------------------- */

/* What is written in a symbolic link; NULL with errno set. */
static char *read_link(const char *path)
{
    for (size_t size = 256;; size *= 2) {
        char *text = malloc(size);
        if (!text)
            return NULL;
        const ssize_t length = readlink(path, text, size);
        if (length >= 0 && (size_t)length < size) {
            text[length] = '\0';
            return text;
        }
        const int number = errno;
        free(text);
        errno = number;
        if (length < 0)
            return NULL;
    }
}

/* The path with the links of its last part followed, whether or not there is a
 * file at the end: rename would replace the link itself. realpath cannot do it,
 * for it needs the file. NULL with errno set. */
static char *follow_links(const char *path)
{
    char *target = strdup(path);
    for (int i = 0; target && i <= MOST_LINKS; i++) {
        struct stat status;
        if (lstat(target, &status) != 0 || !S_ISLNK(status.st_mode))
            return target;
        char *link = read_link(target);
        char *next = NULL;
        if (link)
            next = link[0] == '/' ? strdup(link)
                                  : fmgcam_atomic_beside(target, link);
        const int number = errno; /* an older free may change it */
        free(link);
        free(target);
        errno = number;
        target = next;
    }
    if (target) {
        free(target);
        errno = ELOOP;
    }
    return NULL;
}

/* ---- Opening ------------------------------------------------------------- */

static FILE *create(const char *path, unsigned mode)
{
    return fmgcam_posix_open(path, O_WRONLY | O_CREAT | O_EXCL, (mode_t)mode,
                             "wb");
}

/* A file that is not there yet. The kernel applies the umask, which a program
 * cannot read without changing it for a moment. */
static FILE *open_new(fmgcam_atomic_file *file)
{
    return fmgcam_atomic_create(file, create, 0666);
}

/* One that will replace @p earlier, with its mode. Nobody else can open it
 * before it has that mode. */
static FILE *open_replacing(fmgcam_atomic_file *file,
                            const struct stat *earlier)
{
    /* rename would replace a file that is meant to be read only. */
    if (faccessat(AT_FDCWD, file->target, W_OK, AT_EACCESS) != 0)
        return NULL;
    FILE *stream = fmgcam_atomic_create(file, create, 0600);
    if (stream && fchmod(fileno(stream), earlier->st_mode & 0777) != 0) {
        const int number = errno;
        fclose(stream);
        errno = number;
        return NULL;
    }
    return stream;
}

/* Is there at file->target what the path leads to? Not so for the links under
 * /proc/self/fd when the file was deleted or is in another namespace; and for a
 * moment, when another process or thread has just put a new file there, so that
 * one has to look again. @p earlier is what the path led to at last. */
static int target_is_there(const fmgcam_atomic_file *file, const char *path,
                           struct stat *earlier)
{
    for (int look = 0; look < MOST_LOOKS; look++) {
        struct stat status;
        if (lstat(file->target, &status) == 0 &&
            status.st_dev == earlier->st_dev &&
            status.st_ino == earlier->st_ino)
            return 1;
        if (stat(path, earlier) != 0)
            return 0;
    }
    return 0;
}

FILE *fmgcam_atomic_open(fmgcam_atomic_file *file, const char *path)
{
    struct stat earlier;
    const int exists = stat(path, &earlier) == 0;
    if (!exists && (errno != ENOENT || !path[0]))
        return NULL;
    if (exists && S_ISDIR(earlier.st_mode)) {
        errno = EISDIR;
        return NULL;
    }
    file->target = follow_links(path);
    if (!file->target)
        return NULL;
    if (!exists)
        return open_new(file);
    if (S_ISREG(earlier.st_mode) && target_is_there(file, path, &earlier))
        return open_replacing(file, &earlier);
    return fmgcam_posix_open(path, O_WRONLY | O_TRUNC, 0, "wb");
}

/* ---- The rest ------------------------------------------------------------ */

int fmgcam_atomic_sync(FILE *stream)
{
    int result;
    do {
        result = fsync(fileno(stream));
    } while (result != 0 && errno == EINTR);
    /* Some file systems have no fsync; that is no failure. */
    if (result != 0 && errno != EINVAL && errno != ENOSYS && errno != ENOTSUP)
        return errno;
    return 0;
}

int fmgcam_atomic_rename(const char *from, const char *to)
{
    return rename(from, to);
}

void fmgcam_atomic_remove(const char *path)
{
    unlink(path);
}

uint64_t fmgcam_atomic_number(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t number = (uint64_t)now.tv_sec * UINT64_C(1000000000);
    number += (uint64_t)now.tv_nsec;
    return number ^ (uint64_t)getpid() << 40;
}
