/* SPDX-License-Identifier: MIT */
/* Numbers and text as the reports have them, in jansson's trees. */
#ifndef FMGCAM_TOOLS_JSON_VALUES_H
#define FMGCAM_TOOLS_JSON_VALUES_H

#include <stdbool.h>

#include <jansson.h>

#include "output.h"

/* Call it before anything of jansson: its memory is watched from then on. */
void json_begin(void);

/* Parse @p size bytes, without keys that are there twice. @return NULL, what is
 * wrong being in @p error, but for lack of memory: see below. */
json_t *json_read(const char *text, size_t size, json_error_t *error);

/* The same of a file. @return NULL whatever is wrong. */
json_t *json_read_file(const char *path);

/* Did the last one of these fail because memory ran out? */
bool json_ran_out(void);

/* Text that may not be UTF-8, which JSON must be: then @p otherwise is called.
 * @return NULL where memory ran out. */
json_t *json_of_text(const char *text, json_t *(*otherwise)(const char *text));

/* JSON has no NaN and no infinity: null. @return NULL where memory ran out. */
json_t *json_of_real(double value);

/* The decimal number with the fewest digits that is @p value in float32; null
 * where that is not finite. @return NULL where memory ran out. */
json_t *json_of_float(float value);

/* Write @p tree, NULL where memory ran out, as text with a newline.
 * @return 0, or the exit status. */
int json_write(const json_t *tree, output *to);

#endif
