/* SPDX-License-Identifier: MIT */
#include "pictures.h"

#include <fmgcam/imageio.h>

#include "scene.h"

enum { FILE_BYTES = 4 * WIDTH * HEIGHT + 4096 };

static uint8_t file[FILE_BYTES], back[WIDTH * HEIGHT * 3];

static size_t add_written(uint64_t *digest, uint32_t kind, const uint8_t *rgb,
                          uint32_t width, uint32_t height)
{
    const fmgcam_imageio_write_options options = {.struct_size = sizeof options,
                                                  .kind = kind};
    size_t size = 0;
    fmgcam_imageio_status status =
        fmgcam_imageio_write_memory(file, sizeof file, &size, &options, rgb,
                                    width, height, (size_t)width * 3, NULL, 0);

    add_bytes(digest, &status, sizeof status);
    add_bytes(digest, file, status ? 0 : size);
    return size;
}

static void add_read(uint64_t *digest, size_t size, uint32_t width,
                     uint32_t height)
{
    fmgcam_imageio_info info = {.struct_size = sizeof info};
    const size_t pitch = (size_t)width * 3;
    fmgcam_imageio_status status = fmgcam_imageio_read_memory(
        file, size, NULL, back, sizeof back, pitch, &info, NULL, 0);

    add_bytes(digest, &status, sizeof status);
    add_bytes(digest, back, status ? 0 : pitch * height);
}

/* Whole, and cut short, which is an error in the middle of decoding. */
void add_pictures(uint64_t *digest, const uint8_t *rgb, uint32_t width,
                  uint32_t height)
{
    const uint32_t kinds[] = {FMGCAM_IMAGEIO_PNG, FMGCAM_IMAGEIO_JPEG};

    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        size_t size = add_written(digest, kinds[i], rgb, width, height);
        add_read(digest, size, width, height);
        add_read(digest, size / 2, width, height);
    }
}
