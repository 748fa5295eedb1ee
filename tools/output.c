/* SPDX-License-Identifier: MIT */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif
/* A set of atomic files. */
#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diagnose.h"

static int fail_output(output *to)
{
    to->status = fail_system(to->path, errno);
    return to->status;
}

/* ---- Inherited descriptors ----------------------------------------------- */

/* Which descriptor @p path stands for, or -1. */
static int descriptor_of(const char *path)
{
    static const char folder[] = "/dev/fd/";
    const size_t length = sizeof folder - 1;
    if (strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    if (strncmp(path, folder, length) != 0)
        return -1;
    const char *digits = path + length;
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > 6 || digits[count] != '\0')
        return -1;
    return atoi(digits);
}

/* @return a stream to close, or NULL with errno set. */
static FILE *open_inherited(int descriptor)
{
    int own = dup(descriptor);
    if (own < 0)
        return NULL;
    FILE *stream = fdopen(own, "wb");
    if (!stream) {
        int number = errno;
        close(own);
        errno = number;
    }
    return stream;
}

/* ---- One file ------------------------------------------------------------ */

static void abandon(output *to)
{
    if (!to->is_inherited)
        fmgcam_atomic_abandon(&to->file);
    else if (to->stream)
        fclose(to->stream);
    to->stream = NULL;
}

int output_begin(output_set *set, const char *path, output **to)
{
    if (set->count == OUTPUT_SET_MAX)
        return fail(path, "too many files at once");
    output *next = &set->items[set->count];
    int descriptor = descriptor_of(path);
    memset(next, 0, sizeof *next);
    next->path = path;
    next->is_inherited = descriptor >= 0;
    next->stream = next->is_inherited ? open_inherited(descriptor)
                                      : fmgcam_atomic_begin(&next->file, path);
    if (!next->stream)
        return fail_output(next);
    set->count++;
    *to = next;
    return 0;
}

int output_put(output *to, const void *data, size_t size)
{
    if (to->status)
        return to->status;
    errno = 0;
    if (size > 0 && fwrite(data, 1, size, to->stream) != size)
        return fail_output(to);
    return 0;
}

int output_finish(output *to)
{
    errno = 0;
    int bad =
        to->is_inherited ? fclose(to->stream) : fmgcam_atomic_close(&to->file);
    to->stream = NULL;
    return bad ? fail_output(to) : 0;
}

/* ---- All of them --------------------------------------------------------- */

int output_set_commit(output_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        output *item = &set->items[i];
        if (!item->is_inherited && fmgcam_atomic_commit(&item->file))
            return fail_output(item);
    }
    set->count = 0;
    return 0;
}

void output_set_abandon(output_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        abandon(&set->items[i]);
    set->count = 0;
}

bool output_is_straight(const char *path)
{
    struct stat found;
    return descriptor_of(path) >= 0 ||
           (stat(path, &found) == 0 && !S_ISREG(found.st_mode));
}

/* ---- The same file ------------------------------------------------------- */

static bool same_inode(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* The last part of @p path, and what is known of the folder it is in. */
static const char *look_at_folder(const char *path, bool *there,
                                  struct stat *folder)
{
    char name[4096];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    *there = false;
    if (length + 2 <= sizeof name) {
        memcpy(name, path, length);
        memcpy(name + length, ".", 2);
        *there = stat(name, folder) == 0;
    }
    return path + length;
}

bool output_replaces(const char *path, const char *input)
{
    struct stat a, b;
    return stat(path, &a) == 0 && stat(input, &b) == 0 && S_ISREG(a.st_mode) &&
           same_inode(&a, &b);
}

bool output_is_same(const char *one, const char *other)
{
    struct stat a, b;
    bool a_there = stat(one, &a) == 0, b_there = stat(other, &b) == 0;
    if (strcmp(one, other) == 0)
        return true;
    if (a_there || b_there)
        return a_there && b_there && same_inode(&a, &b);
    const char *a_name = look_at_folder(one, &a_there, &a);
    const char *b_name = look_at_folder(other, &b_there, &b);
    return a_there && b_there && same_inode(&a, &b) &&
           strcmp(a_name, b_name) == 0;
}
