/* SPDX-License-Identifier: MIT */
/* Byte by byte: those above 127 are parts of characters, and stay. */
#include "batch/html.h"

#include <string.h>

/* Control characters but for blanks are none of HTML's. */
void html_put_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        switch (byte) {
        case '&': fputs("&amp;", to); break;
        case '<': fputs("&lt;", to); break;
        case '>': fputs("&gt;", to); break;
        case '"': fputs("&quot;", to); break;
        case '\'': fputs("&#39;", to); break;
        default:
            if (byte >= 0x20 && byte != 0x7f)
                putc(byte, to);
            else
                fputs(byte == '\t' ? " " : "\xef\xbf\xbd", to); /* U+FFFD */
        }
    }
}

void html_put_path(FILE *to, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._~/";
    for (; *path; path++) {
        if (strchr(plain, *path))
            putc(*path, to);
        else
            fprintf(to, "%%%02X", (unsigned)(unsigned char)*path);
    }
}
