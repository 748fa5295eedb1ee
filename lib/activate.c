/* SPDX-License-Identifier: MIT */
/* Stage 3: R = phi(M). */
#include "internal.h"

#include <math.h>

/* x Phi(x), by erfc, which keeps its digits for large negative x. */
static float gelu(float x)
{
    const double inverse_sqrt_2 = 0.70710678118654752440;
    double value = (double)x;
    return (float)(0.5 * value * erfc(-value * inverse_sqrt_2));
}

static float elu(float x)
{
    return x > 0.0f ? x : (float)expm1((double)x);
}

void fmgcam_activate(uint32_t activation, float *values, size_t count)
{
    switch (activation) {
    case FMGCAM_ACTIVATION_RELU:
        for (size_t i = 0; i < count; i++)
            values[i] = values[i] <= 0.0f ? 0.0f : values[i]; /* keeps NaN */
        break;
    case FMGCAM_ACTIVATION_GELU:
        for (size_t i = 0; i < count; i++)
            values[i] = gelu(values[i]);
        break;
    case FMGCAM_ACTIVATION_ELU:
        for (size_t i = 0; i < count; i++)
            values[i] = elu(values[i]);
        break;
    default: break;
    }
}

fmgcam_status fmgcam_activate_maps(fmgcam_context *context,
                                   const fmgcam_tensor *maps,
                                   const fmgcam_buffer *activated)
{
    if (!context)
        return FMGCAM_STATUS_ARGUMENT;
    fmgcam_begin(context);

    struct fmgcam_view view;
    fmgcam_status status =
        fmgcam_load_maps(context, "maps", maps, "activated", activated, &view);
    if (!status)
        fmgcam_activate(context->options.activation, activated->data,
                        view.channels * view.cells);
    return status;
}
