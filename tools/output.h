/* SPDX-License-Identifier: MIT */
/*
 * The files that one run writes: all of them, or none. Each is written under a
 * temporary name beside its place; when all are complete, all are put in place.
 * A pipe or device is written straight, and so is what /dev/stdout, /dev/stderr
 * and /dev/fd/N stand for: with stdout redirected to a file, that file is not
 * the program's to replace.
 */
#ifndef FMGCAM_TOOLS_OUTPUT_H
#define FMGCAM_TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "atomic_file.h"

typedef struct output {
    const char *path;  /* the caller's */
    int status;        /* 0; or the failure of a write, already said */
    bool is_inherited; /* a descriptor that the program was started with */
    FILE *stream;      /* to write to */
    fmgcam_atomic_file file; /* unless it is inherited */
} output;

#define OUTPUT_SET_MAX 12

typedef struct output_set {
    output items[OUTPUT_SET_MAX];
    size_t count; /* begun */
} output_set;

/* Open one more file of the set; zero is the empty set. @return 0 and @p to, or
 * the exit status. */
int output_begin(output_set *set, const char *path, output **to);

/* Append bytes. @return 0, or the exit status. */
int output_put(output *to, const void *data, size_t size);

/* The file is complete: bring it to the disk, still under its temporary name.
 * @return 0, or the exit status. */
int output_finish(output *to);

/* Put all files in place, and forget them. @return 0, or the exit status. */
int output_set_commit(output_set *set);

/* Remove what was not committed. */
void output_set_abandon(output_set *set);

/* Writes the content of file @p which of those that @p run makes.
 * @return 0, or the exit status. */
typedef int (*output_writer)(const void *run, int which, output *to);

/* Write those of @p count (up to OUTPUT_SET_MAX) files whose path is not NULL,
 * @p which being their place in @p paths, and put them in place: all or none.
 * What goes into a pipe or device cannot be taken back, so that comes last.
 * @return 0, or the exit status. */
int output_set_write(output_set *set, const char *const *paths, int count,
                     output_writer write_one, const void *run);

/* Is @p path written straight, so that it cannot be taken back? */
bool output_is_straight(const char *path);

/* Does @p path stand for the standard output? */
bool output_is_stdout(const char *path);

/* Would writing @p path replace the regular file @p input? */
bool output_replaces(const char *path, const char *input);

/* Do both paths lead to the same file, be it there yet or not? */
bool output_is_same(const char *one, const char *other);

#endif
