/* SPDX-License-Identifier: MIT */
/* Characters of UTF-8. */
#ifndef FMGCAM_TOOLS_UTF8_H
#define FMGCAM_TOOLS_UTF8_H

#include <stddef.h>

/* How many bytes the character at @p text has, of which @p left (1 or more) are
 * there; 0 if it is not well-formed (Unicode 15, table 3-7: neither overlong,
 * nor a surrogate, nor beyond U+10FFFF). */
size_t utf8_size(const char *text, size_t left);

/* The same of text that ends with NUL, and 0 too for what must not reach a
 * terminal: control characters, also those of 128 to 159, which some obey, and
 * those that turn the direction of what follows. */
size_t utf8_printable_size(const char *text);

#endif
