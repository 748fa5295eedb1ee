/* SPDX-License-Identifier: MIT */
/* What a case is made of, and the file that says so. */
#ifndef FMGCAM_TOOLS_BATCH_RECORD_H
#define FMGCAM_TOOLS_BATCH_RECORD_H

#include <stdbool.h>

#include <jansson.h>

#include "batch/settings.h"

#define BATCH_RECORD_NAME "case.json"
#define BATCH_REPORT_NAME "report.json"

/* A tree of what decides the result of a case. @p outputs are names of files in
 * its folder, @p count of them. NULL: out of memory. */
json_t *record_made_of(const setting_list *settings, const char *const *outputs,
                       size_t count);

/* Was the case that @p path records done, from the same options, and from
 * inputs that have not changed since? An input that is gone says nothing. */
bool record_is_current(const char *path, const json_t *made_of);

/* @p error NULL: done. @return 0, or the exit status. */
int record_write(const char *path, const char *id, json_t *made_of,
                 const char *error, double seconds);

/* A JSON file, or NULL if there is none that can be read. */
json_t *record_read(const char *path);

#endif
