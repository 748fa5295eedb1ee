/* SPDX-License-Identifier: MIT */
/* Numbers and text as the reports have them, in jansson's trees. */
#ifndef FMGCAM_TOOLS_JSON_VALUES_H
#define FMGCAM_TOOLS_JSON_VALUES_H

#include <jansson.h>

#include "output.h"

/* JSON has no NaN and no infinity: null. @return NULL where memory ran out. */
json_t *json_of_real(double value);

/* The decimal number with the fewest digits that is @p value in float32; null
 * where that is not finite. @return NULL where memory ran out. */
json_t *json_of_float(float value);

/* Write @p tree, NULL where memory ran out, as text with a newline.
 * @return 0, or the exit status. */
int json_write(const json_t *tree, output *to);

#endif
