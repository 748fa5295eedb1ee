/* SPDX-License-Identifier: MIT */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif
/* A set of atomic files. */
#include "output.h"

#include <errno.h>
#include <signal.h>
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

/* ---- Signals ------------------------------------------------------------- */

/* What a signal that ends the program has to clean up. Signals belong to the
 * process, so this cannot belong to anything smaller. */
static output_set *volatile guarded;

static const int endings[] = {SIGINT, SIGTERM, SIGHUP};
#define ENDING_COUNT (sizeof endings / sizeof *endings)

static void remove_temporaries(int number)
{
    output_set *set = guarded;
    for (size_t i = 0; set && i < OUTPUT_SET_MAX; i++) {
        if (set->items[i].file.temporary)
            unlink(set->items[i].file.temporary);
    }
    signal(number, SIG_DFL);
    raise(number);
}

/* From now on remove the temporaries of @p set if a signal ends the program, one
 * that it was not told to ignore. */
static void guard(output_set *set)
{
    if (guarded == set)
        return;
    guarded = set;
    for (size_t i = 0; i < ENDING_COUNT; i++) {
        struct sigaction action;
        if (sigaction(endings[i], NULL, &action) == 0 &&
            action.sa_handler == SIG_DFL) {
            action.sa_handler = remove_temporaries;
            sigaction(endings[i], &action, NULL);
        }
    }
}

/* Let signals wait while names and files of @p set change. */
static sigset_t hold_signals(void)
{
    sigset_t held, before;
    sigemptyset(&held);
    for (size_t i = 0; i < ENDING_COUNT; i++)
        sigaddset(&held, endings[i]);
    sigprocmask(SIG_BLOCK, &held, &before);
    return before;
}

static void allow_signals(const sigset_t *before)
{
    sigprocmask(SIG_SETMASK, before, NULL);
}

/* ---- One file ------------------------------------------------------------ */

/* Opening a pipe may wait for its reader, and a signal must end that. */
static FILE *open_output(output *to)
{
    if (output_is_straight(to->path))
        return fmgcam_atomic_begin(&to->file, to->path);
    sigset_t before = hold_signals();
    FILE *stream = fmgcam_atomic_begin(&to->file, to->path);
    allow_signals(&before);
    return stream;
}

/* As above, bringing the bytes to a pipe may wait. */
static int close_output(output *to)
{
    if (!to->file.temporary)
        return fmgcam_atomic_close(&to->file);
    sigset_t before = hold_signals();
    int bad = fmgcam_atomic_close(&to->file);
    allow_signals(&before);
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

int output_finish(output *to)
{
    errno = 0;
    int bad = to->is_inherited ? fclose(to->stream) : close_output(to);
    to->stream = NULL;
    return bad ? fail_output(to) : 0;
}

/* ---- All of them --------------------------------------------------------- */

int output_set_commit(output_set *set)
{
    sigset_t before = hold_signals();
    int status = 0;
    for (size_t i = 0; i < set->count && !status; i++) {
        output *item = &set->items[i];
        if (!item->is_inherited && fmgcam_atomic_commit(&item->file))
            status = fail_output(item);
    }
    if (!status)
        set->count = 0;
    allow_signals(&before);
    return status;
}

void output_set_abandon(output_set *set)
{
    sigset_t before = hold_signals();
    for (size_t i = 0; i < set->count; i++)
        abandon(&set->items[i]);
    set->count = 0;
    guarded = NULL;
    allow_signals(&before);
}

bool output_is_straight(const char *path)
{
    struct stat found;
    return descriptor_of(path) >= 0 ||
           (stat(path, &found) == 0 && !S_ISREG(found.st_mode));
}

static int write_file(output_set *set, const char *path, int which,
                      output_writer write_one, const void *run)
{
    output *to;
    int status = output_begin(set, path, &to);
    if (!status)
        status = write_one(run, which, to);
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
