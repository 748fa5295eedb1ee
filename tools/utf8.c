/* SPDX-License-Identifier: MIT */
#include "utf8.h"

#include <string.h>

size_t utf8_size(const char *text, size_t left)
{
    const unsigned char *s = (const unsigned char *)text;
    unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
    size_t size;
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        size = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        size = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        size = 4;
    else
        return 0;
    if (size > left)
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    }
    return size;
}

static int is_control(const char *text, size_t size)
{
    unsigned char first = (unsigned char)text[0];
    unsigned char last = (unsigned char)text[size - 1];
    if (size == 1)
        return first < 0x20 || first == 0x7f;
    if (size == 2)
        return first == 0xc2 && last < 0xa0;
    /* U+2028 to U+202E, U+2066 to U+2069 */
    return (strncmp(text, "\xe2\x80", 2) == 0 && last >= 0xa8 &&
            last <= 0xae) ||
           (strncmp(text, "\xe2\x81", 2) == 0 && last >= 0xa6 && last <= 0xa9);
}

size_t utf8_printable_size(const char *text)
{
    /* The NUL is part of none, so that nothing beyond it is looked at. */
    size_t size = utf8_size(text, 4);
    return size && is_control(text, size) ? 0 : size;
}
