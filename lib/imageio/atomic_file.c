/* SPDX-License-Identifier: MIT */
/* POSIX. */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif

#include "atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_LINKS = 40,     /* as many as Linux follows */
    MOST_ATTEMPTS = 100, /* to find a temporary name that is free */
    TEMPORARY_SIZE = sizeof ".fmgcam-0123456789abcdef"
};

/* ---- Paths --------------------------------------------------------------- */

/* How many bytes of @p path name the folder, with its slash; 0: this folder. */
static size_t folder_size(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* The folder of @p path, then @p name; NULL with errno set. */
static char *beside(const char *path, const char *name)
{
    const size_t folder = folder_size(path);
    const size_t size = strlen(name) + 1;
    char *joined = malloc(folder + size);
    if (!joined)
        return NULL;
    memcpy(joined, path, folder);
    memcpy(joined + folder, name, size);
    return joined;
}

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
            next = link[0] == '/' ? strdup(link) : beside(target, link);
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

static int open_retrying(const char *path, int flags, mode_t mode)
{
    int descriptor;
    do {
        descriptor = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

/* A name that another process or thread will hardly choose too. It need not be
 * secret, for O_EXCL refuses a file or link that is already there. */
static void make_name(char name[TEMPORARY_SIZE], int attempt)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t number = (uint64_t)now.tv_sec * UINT64_C(1000000000);
    number += (uint64_t)now.tv_nsec + (uint64_t)attempt;
    number ^= (uint64_t)getpid() << 40;
    number ^= (uint64_t)(uintptr_t)name; /* another stack in each thread */
    number *= UINT64_C(0x9E3779B97F4A7C15);
    snprintf(name, TEMPORARY_SIZE, ".fmgcam-%016" PRIx64, number);
}

/* @return a descriptor, and its name in file->temporary; -1 with errno set. */
static int create_temporary(fmgcam_atomic_file *file, mode_t mode)
{
    for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        /* The name is short: that of the target may be as long as a name can
         * be, with nothing left to append. */
        char name[TEMPORARY_SIZE];
        make_name(name, attempt);
        char *path = beside(file->target, name);
        if (!path)
            return -1;
        const int descriptor =
            open_retrying(path, O_WRONLY | O_CREAT | O_EXCL, mode);
        if (descriptor >= 0) {
            file->temporary = path;
            return descriptor;
        }
        const int number = errno;
        free(path);
        errno = number;
        if (number != EEXIST)
            return -1;
    }
    return -1;
}

/* A file that is not there yet. The kernel applies the umask, which a program
 * cannot read without changing it for a moment. */
static int open_new(fmgcam_atomic_file *file)
{
    return create_temporary(file, 0666);
}

/* One that will replace @p earlier, with its mode. Nobody else can open it
 * before it has that mode. */
static int open_replacing(fmgcam_atomic_file *file, const struct stat *earlier)
{
    /* rename would replace a file that is meant to be read only. */
    if (faccessat(AT_FDCWD, file->target, W_OK, AT_EACCESS) != 0)
        return -1;
    const int descriptor = create_temporary(file, 0600);
    if (descriptor < 0)
        return -1;
    if (fchmod(descriptor, earlier->st_mode & 0777) != 0) {
        const int number = errno;
        close(descriptor);
        errno = number;
        return -1;
    }
    return descriptor;
}

/* Is there at file->target what the path leads to? Not so for the links under
 * /proc/self/fd when the file was deleted or is in another namespace; and for a
 * moment, when another process or thread has just put a new file there, so that
 * one has to look again. @p earlier is what the path led to at last. */
static int target_is_there(const fmgcam_atomic_file *file, const char *path,
                           struct stat *earlier)
{
    for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
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

static int open_for(fmgcam_atomic_file *file, const char *path)
{
    struct stat earlier;
    const int exists = stat(path, &earlier) == 0;
    if (!exists && (errno != ENOENT || !path[0]))
        return -1;
    if (exists && S_ISDIR(earlier.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    file->target = follow_links(path);
    if (!file->target)
        return -1;
    if (!exists)
        return open_new(file);
    if (S_ISREG(earlier.st_mode) && target_is_there(file, path, &earlier))
        return open_replacing(file, &earlier);
    return open_retrying(path, O_WRONLY | O_TRUNC, 0);
}

FILE *fmgcam_atomic_begin(fmgcam_atomic_file *file, const char *path)
{
    *file = (fmgcam_atomic_file){NULL, NULL, NULL};
    const int descriptor = open_for(file, path);
    if (descriptor >= 0) {
        file->stream = fdopen(descriptor, "wb");
        if (!file->stream) {
            const int number = errno;
            close(descriptor);
            errno = number;
        }
    }
    if (!file->stream)
        fmgcam_atomic_abandon(file);
    return file->stream;
}

/* ---- Closing ------------------------------------------------------------- */

/* An interrupted write is an error here, not a reason to try again: stdio may
 * have dropped the bytes that it could not write.
 * @return 0, or an errno. */
static int flush(const fmgcam_atomic_file *file)
{
    errno = 0;
    const int failed = ferror(file->stream) != 0;
    if (fflush(file->stream) != 0 || failed)
        return errno ? errno : EIO;
    if (!file->temporary)
        return 0;

    /* Otherwise a crash soon after could leave the new name with no content. */
    int result;
    do {
        result = fsync(fileno(file->stream));
    } while (result != 0 && errno == EINTR);
    /* Some file systems have no fsync; that is no failure. */
    if (result != 0 && errno != EINVAL && errno != ENOSYS && errno != ENOTSUP)
        return errno;
    return 0;
}

/* @return 0, or an errno. */
static int flush_and_close(fmgcam_atomic_file *file)
{
    int number = flush(file);
    errno = 0;
    /* All is written; a signal during close changes nothing of it. */
    if (fclose(file->stream) != 0 && !number && errno != EINTR)
        number = errno ? errno : EIO;
    file->stream = NULL;
    return number;
}

int fmgcam_atomic_close(fmgcam_atomic_file *file)
{
    const int number = file->stream ? flush_and_close(file) : EBADF;
    if (number) {
        fmgcam_atomic_abandon(file);
        errno = number;
        return -1;
    }
    return 0;
}

static void release(fmgcam_atomic_file *file)
{
    free(file->temporary);
    free(file->target);
    *file = (fmgcam_atomic_file){NULL, NULL, NULL};
}

int fmgcam_atomic_commit(fmgcam_atomic_file *file)
{
    if (!file->target) { /* never begun, or abandoned */
        errno = EBADF;
        return -1;
    }
    if (file->stream && fmgcam_atomic_close(file) != 0)
        return -1;
    if (file->temporary && rename(file->temporary, file->target) != 0) {
        fmgcam_atomic_abandon(file);
        return -1;
    }
    release(file);
    return 0;
}

void fmgcam_atomic_abandon(fmgcam_atomic_file *file)
{
    const int number = errno;
    if (file->stream)
        fclose(file->stream);
    if (file->temporary)
        unlink(file->temporary);
    release(file);
    errno = number;
}
