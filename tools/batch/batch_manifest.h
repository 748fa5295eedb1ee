/* SPDX-License-Identifier: MIT */
/*
 * The manifest of `fmgcam batch`: one case a row, in JSON lines or CSV. It is
 * read several times, row by row, and never held in memory.
 */
#ifndef FMGCAM_TOOLS_BATCH_MANIFEST_H
#define FMGCAM_TOOLS_BATCH_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "batch/settings.h"

enum { BATCH_ID_MAX = 100 };

typedef struct batch_row {
    size_t number; /* of the case, from 0 */
    size_t line;   /* of the manifest, from 1 */
    char id[BATCH_ID_MAX + 1];
    setting_list settings; /* without the id */
} batch_row;

typedef enum manifest_format {
    MANIFEST_BY_SUFFIX,
    MANIFEST_JSON_LINES,
    MANIFEST_CSV
} manifest_format;

typedef struct manifest manifest;

/* @p path may be - for standard input, and then @p format must be told. What
 * cannot be read twice is copied to a temporary file first.
 * @return 0, or the exit status. */
int manifest_open(const char *path, manifest_format format, manifest **opened);
void manifest_close(manifest *m);

/* What it is read from. A process that was forked shares its position, and must
 * not move it. */
int manifest_descriptor(const manifest *m);

/* What it is called in messages. */
const char *manifest_name(const manifest *m);

/* Go back before the first row. @return 0, or the exit status. */
int manifest_restart(manifest *m);

/* The next row; *got tells whether there was one. Release @p row in either
 * case. @return 0, or the exit status. */
int manifest_next(manifest *m, batch_row *row, bool *got);
void batch_row_release(batch_row *row);

/* Read all rows, count them, and look for ids that come twice.
 * @return 0, or the exit status. */
int manifest_check(manifest *m, size_t *cases);

#endif
