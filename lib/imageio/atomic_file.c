/* SPDX-License-Identifier: MIT */
/* The way of a file from its temporary name to its place, on any system. */
#include "atomic_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "atomic_system.h"

enum {
    MOST_ATTEMPTS = 100, /* to find a temporary name that is free */
    TEMPORARY_SIZE = sizeof ".fmgcam-0123456789abcdef"
};

/* ---- Names --------------------------------------------------------------- */

/* How many bytes of @p path name the folder, with its separator; 0: this
 * folder. */
static size_t folder_size(const char *path)
{
    const char *last = strrchr(path, FMGCAM_ATOMIC_SEPARATOR);
    return last ? (size_t)(last - path) + 1 : 0;
}

char *fmgcam_atomic_beside(const char *path, const char *name)
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

/* A name that another process or thread will hardly choose too. It need not be
 * secret, for a file or link that is already there is refused. */
static void make_name(char name[TEMPORARY_SIZE], int attempt)
{
    uint64_t number = fmgcam_atomic_number() + (uint64_t)attempt;
    number ^= (uint64_t)(uintptr_t)name; /* another stack in each thread */
    number *= UINT64_C(0x9E3779B97F4A7C15);
    snprintf(name, TEMPORARY_SIZE, ".fmgcam-%016" PRIx64, number);
}

FILE *fmgcam_atomic_create(fmgcam_atomic_file *file,
                           fmgcam_atomic_creator create, unsigned mode)
{
    for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        /* The name is short: that of the target may be as long as a name can
         * be, with nothing left to append. */
        char name[TEMPORARY_SIZE];
        make_name(name, attempt);
        char *path = fmgcam_atomic_beside(file->target, name);
        if (!path)
            return NULL;
        FILE *stream = create(path, mode);
        if (stream) {
            file->temporary = path;
            return stream;
        }
        const int number = errno;
        free(path);
        errno = number;
        if (number != EEXIST)
            return NULL;
    }
    return NULL;
}

FILE *fmgcam_atomic_begin(fmgcam_atomic_file *file, const char *path)
{
    *file = (fmgcam_atomic_file){NULL, NULL, NULL};
    file->stream = fmgcam_atomic_open(file, path);
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
    return fmgcam_atomic_sync(file->stream);
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
    if (file->temporary &&
        fmgcam_atomic_rename(file->temporary, file->target) != 0) {
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
        fmgcam_atomic_remove(file->temporary);
    release(file);
    errno = number;
}

void fmgcam_atomic_discard(const fmgcam_atomic_file *file)
{
    if (file->temporary)
        fmgcam_atomic_remove(file->temporary);
}
