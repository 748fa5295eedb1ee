/* SPDX-License-Identifier: MIT */
/* One row of a manifest: what its keys and values mean. */
#ifndef FMGCAM_TOOLS_BATCH_MANIFEST_ROW_H
#define FMGCAM_TOOLS_BATCH_MANIFEST_ROW_H

#include <stddef.h>

#include "batch/batch_manifest.h"
#include "batch/csv.h"

/* For messages, and for paths. */
typedef struct row_place {
    const char *where;  /* MANIFEST:LINE */
    const char *folder; /* that the manifest is in, with its slash */
} row_place;

/* Fill the id and settings of @p row. @return 0, or the exit status. */
int row_from_json(const char *text, size_t size, const row_place *place,
                  batch_row *row);

/* @p header has the names of the fields, and was checked. */
int row_from_csv(const csv_record *header, const csv_record *record,
                 const row_place *place, batch_row *row);

/* May this be the header? @return 0, or the exit status. */
int row_check_header(const csv_record *header, const row_place *place);

#endif
