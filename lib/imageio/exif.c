/* SPDX-License-Identifier: MIT */
/* One number out of EXIF: how the camera was held. EXIF is a TIFF structure: a
 * byte order, the offset of a directory, and in it entries of 12 bytes. */
#include <string.h>

#include "internal.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_SIZE = 12 };

static uint32_t get16(const uint8_t *bytes, int big_endian)
{
    return big_endian ? (uint32_t)bytes[0] << 8 | bytes[1]
                      : (uint32_t)bytes[1] << 8 | bytes[0];
}

static uint32_t get32(const uint8_t *bytes, int big_endian)
{
    const uint32_t first = get16(bytes, big_endian);
    const uint32_t second = get16(bytes + 2, big_endian);
    return big_endian ? first << 16 | second : second << 16 | first;
}

/* The orientation that one entry holds, or 0 if it is another entry. */
static uint32_t orientation_of(const uint8_t *entry, int big_endian)
{
    if (get16(entry, big_endian) != TAG_ORIENTATION ||
        get16(entry + 2, big_endian) != TYPE_SHORT ||
        get32(entry + 4, big_endian) != 1)
        return 0;
    const uint32_t value = get16(entry + 8, big_endian);
    return value >= 1 && value <= 8 ? value : 0;
}

uint32_t fmgcam_imageio_exif_orientation(const uint8_t *tiff, size_t size)
{
    if (size < 8)
        return 1;
    const int big_endian = memcmp(tiff, "MM\0*", 4) == 0;
    if (!big_endian && memcmp(tiff, "II*\0", 4) != 0)
        return 1;

    const uint32_t directory = get32(tiff + 4, big_endian);
    if (directory > size - 2)
        return 1;
    const uint32_t count = get16(tiff + directory, big_endian);
    size_t position = (size_t)directory + 2;
    for (uint32_t i = 0; i < count && size - position >= ENTRY_SIZE; i++) {
        const uint32_t found = orientation_of(tiff + position, big_endian);
        if (found)
            return found;
        position += ENTRY_SIZE;
    }
    return 1;
}
