/* SPDX-License-Identifier: MIT */
/*
 * Comma-separated values as RFC 4180 has them, strictly: what looks like a
 * slip, such as a quote in the middle of a field, is an error and not a guess.
 * Lines may end in LF or CR LF, and empty ones are skipped.
 */
#ifndef FMGCAM_TOOLS_CSV_H
#define FMGCAM_TOOLS_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "batch/row_text.h"

/* Zero before the first record. */
typedef struct csv_record {
    size_t line; /* at which it begins, from 1 */
    row_text text;
    size_t *starts; /* of each field in text; each ends in a terminator */
    size_t count, capacity;
    size_t next_line; /* at which the reader is */
} csv_record;

/* Read the next record of @p file, called @p name in messages.
 * @return 0, or the exit status; *got tells whether there was one. */
int csv_read(FILE *file, const char *name, csv_record *record, bool *got);

const char *csv_field(const csv_record *record, size_t field);

/* As before the first record. */
void csv_restart(csv_record *record);
void csv_release(csv_record *record);

/* Write @p text as a field: in quotes where it needs them, and with ' before
 * what a spreadsheet would take for a formula. */
void csv_write_text(FILE *to, const char *text);

#endif
