/* SPDX-License-Identifier: MIT */
#include "sandbox.h"
#include "wrap.h"

/* Cairo asks for the memory of a surface by itself; one of a negative size it
 * takes for an error. */
typedef struct surface surface;
REAL(surface *, cairo_image_surface_create, (int format, int width, int height))
{
    bool fits =
        width <= 0 || height <= 0 ||
        ((size_t)height <= SIZE_MAX / 4 / (size_t)width &&
         sandbox_has_memory((size_t)4 * (size_t)width * (size_t)height));

    return __real_cairo_image_surface_create(format, fits ? width : -1, height);
}
