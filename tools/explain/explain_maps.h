/* SPDX-License-Identifier: MIT */
/* From the inputs of `fmgcam explain` to maps. */
#ifndef FMGCAM_TOOLS_EXPLAIN_MAPS_H
#define FMGCAM_TOOLS_EXPLAIN_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include <fmgcam/fmgcam.h>

#include "explain/explain_inputs.h"
#include "explain/explain_options.h"

/* Arrays are NULL where nothing needs them. */
typedef struct explain_maps {
    fmgcam_options options;     /* effective */
    uint32_t classes, channels; /* channels of the first layer */
    uint32_t axes;
    int64_t extents[3]; /* of a map, axes of them */
    int64_t cells;
    float *maps, *class_maps, *signed_maps; /* [K, map] */
    float *margin;                          /* [map] */
    int32_t *winner;                        /* [map] */
    bool flat;
    uint64_t guarded, non_finite;
} explain_maps;

/* Compute what the outputs of @p options need.
 * @return 0, or the exit status; release in either case. */
int explain_compute(const explain_options *options, fmgcam_context *context,
                    const explain_inputs *inputs, explain_maps *maps);
void explain_maps_release(explain_maps *maps);

/* Maps of @p values as a tensor [K, rows, columns]; volumes have their planes
 * under each other. */
fmgcam_tensor explain_flat_view(const explain_maps *maps, const float *values);

/* The library's text begins with the name of an argument; the user knows the
 * file by its own name. @return the exit status. */
int explain_fail(const explain_inputs *inputs, fmgcam_context *context,
                 fmgcam_status status);

#endif
