/* SPDX-License-Identifier: MIT */
#include "pictures.h"

void add_pictures(uint64_t *digest, const uint8_t *rgb, uint32_t width,
                  uint32_t height)
{
    (void)digest;
    (void)rgb;
    (void)width;
    (void)height;
}
