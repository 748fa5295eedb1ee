/* SPDX-License-Identifier: MIT */
/* Write a grey picture as PNG and as JPEG, and read it back. */
#include <fmgcam/imageio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loaded.h"

enum { WIDTH = 16, HEIGHT = 16, GREY = 100 };

/* One grey is exact in PNG; conversion and quantisation of JPEG may move it by
 * one each. */
static int round_trip(uint32_t kind, int tolerance)
{
    uint8_t rgb[3 * WIDTH * HEIGHT], file[4096];
    size_t size = 0;
    char error[200] = "";
    fmgcam_imageio_write_options options = {.struct_size = sizeof options,
                                            .kind = kind};
    memset(rgb, GREY, sizeof rgb);
    if (fmgcam_imageio_write_memory(file, sizeof file, &size, &options, rgb,
                                    WIDTH, HEIGHT, 3 * WIDTH, error,
                                    sizeof error))
        return printf("writing: %s\n", error), 0;

    memset(rgb, 0, sizeof rgb);
    if (fmgcam_imageio_read_memory(file, size, NULL, rgb, sizeof rgb, 3 * WIDTH,
                                   NULL, error, sizeof error))
        return printf("reading: %s\n", error), 0;
    for (size_t i = 0; i < sizeof rgb; i++)
        if (abs(rgb[i] - GREY) > tolerance)
            return printf("byte %zu is %d\n", i, rgb[i]), 0;
    return 1;
}

int main(void)
{
    if (fmgcam_imageio_version() != FMGCAM_VERSION)
        return printf("the library is of another version\n"), 1;
    int ok =
        round_trip(FMGCAM_IMAGEIO_PNG, 0) && round_trip(FMGCAM_IMAGEIO_JPEG, 2);
    print_loaded();
    return !ok;
}
