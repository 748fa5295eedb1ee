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
#include <unistd.h>

#include "diagnose.h"
#include "system.h"

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
    return (int)strtol(digits, NULL, 10);
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

/* ---- Being ended --------------------------------------------------------- */

/* What has to be cleaned up if the program is ended from outside. That belongs
 * to the process, so this cannot belong to anything smaller. */
static output_set *volatile guarded;

static void remove_temporaries(void)
{
    output_set *set = guarded;
    for (size_t i = 0; set && i < OUTPUT_SET_MAX; i++)
        fmgcam_atomic_discard(&set->items[i].file);
}

static void guard(output_set *set)
{
    if (guarded == set)
        return;
    guarded = set;
    system_guard(remove_temporaries);
}

/* ---- One file ------------------------------------------------------------ */

/* Opening a pipe may wait for its reader, and being ended must end that. */
static FILE *open_output(output *to)
{
    if (output_is_straight(to->path))
        return fmgcam_atomic_begin(&to->file, to->path);
    system_hold_endings();
    FILE *stream = fmgcam_atomic_begin(&to->file, to->path);
    system_allow_endings();
    return stream;
}

/* As above, bringing the bytes to a pipe may wait. */
static int close_output(output *to)
{
    if (!to->file.temporary)
        return fmgcam_atomic_close(&to->file);
    system_hold_endings();
    int bad = fmgcam_atomic_close(&to->file);
    system_allow_endings();
    return bad;
}

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
    guard(set);
    memset(next, 0, sizeof *next);
    next->path = path;
    next->is_inherited = descriptor >= 0;
    next->stream =
        next->is_inherited ? open_inherited(descriptor) : open_output(next);
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

/* Not every fclose tells of what its flush met: Wine's does not. */
static int close_inherited(output *to)
{
    int bad = fflush(to->stream);
    int number = errno;
    if (fclose(to->stream) != 0 && !bad)
        return EOF;
    errno = number;
    return bad;
}

int output_finish(output *to)
{
    errno = 0;
    int bad = to->is_inherited ? close_inherited(to) : close_output(to);
    to->stream = NULL;
    return bad ? fail_output(to) : 0;
}

/* ---- All of them --------------------------------------------------------- */

int output_set_commit(output_set *set)
{
    system_hold_endings();
    int status = 0;
    for (size_t i = 0; i < set->count && !status; i++) {
        output *item = &set->items[i];
        if (!item->is_inherited && fmgcam_atomic_commit(&item->file))
            status = fail_output(item);
    }
    if (!status)
        set->count = 0;
    system_allow_endings();
    return status;
}

void output_set_abandon(output_set *set)
{
    system_hold_endings();
    for (size_t i = 0; i < set->count; i++)
        abandon(&set->items[i]);
    set->count = 0;
    guarded = NULL;
    system_allow_endings();
}

bool output_is_straight(const char *path)
{
    const int kind = system_kind(path);
    return descriptor_of(path) >= 0 || kind == SYSTEM_FOLDER ||
           kind == SYSTEM_STREAM;
}

static int write_file(output_set *set, const char *path, int which,
                      output_writer write_one, const void *run)
{
    output *to;
    int status = output_begin(set, path, &to);
    if (!status) /* fail() is never 0, and only then is *to not set */
        status = write_one(run, which, to); /* NOLINT(*core.CallAndMessage) */
    if (!status)
        status = output_finish(to);
    return status;
}

int output_set_write(output_set *set, const char *const *paths, int count,
                     output_writer write_one, const void *run)
{
    bool is_last[OUTPUT_SET_MAX] = {false};
    for (int i = 0; i < count; i++)
        is_last[i] = paths[i] && output_is_straight(paths[i]);
    for (int last = 0; last < 2; last++) {
        for (int i = 0; i < count; i++) {
            if (!paths[i] || is_last[i] != (last == 1))
                continue;
            int status = write_file(set, paths[i], i, write_one, run);
            if (status)
                return status;
        }
    }
    return output_set_commit(set);
}

bool output_is_stdout(const char *path)
{
    return descriptor_of(path) == STDOUT_FILENO;
}

/* ---- The same file ------------------------------------------------------- */

bool output_replaces(const char *path, const char *input)
{
    return system_kind(path) == SYSTEM_FILE && system_is_same(path, input);
}

bool output_is_same(const char *one, const char *other)
{
    return strcmp(one, other) == 0 || system_is_same_place(one, other);
}
