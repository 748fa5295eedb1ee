/* SPDX-License-Identifier: MIT */
/* The line on stderr. */
#include "diagnose.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

/* File names may hold newlines and escape sequences: the line stays one line,
 * and nobody's terminal is reprogrammed. */
static void make_printable(char *text)
{
    while (*text) {
        size_t size = utf8_printable_size(text);
        if (size == 0)
            *text = '?';
        text += size ? size : 1;
    }
}

static void print_line(const char *subject, const char *format, va_list values)
{
    char line[8192];
    if (subject)
        snprintf(line, sizeof line, "fmgcam: %.4096s: ", subject);
    else
        snprintf(line, sizeof line, "fmgcam: ");
    size_t used = strlen(line);
    vsnprintf(line + used, sizeof line - used - 1, format, values);
    make_printable(line);
    used = strlen(line);
    line[used] = '\n';
    fwrite(line, 1, used + 1, stderr);
}

int fail(const char *subject, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    print_line(subject, format, values);
    va_end(values);
    return STATUS_FAILED;
}

int fail_system(const char *subject, int code)
{
    if (code == ENOMEM)
        return fail_memory();
    return fail(subject, "%s", code ? strerror(code) : "input/output error");
}

int fail_usage(const char *subject, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    print_line(subject, format, values);
    va_end(values);
    return STATUS_USAGE;
}

int fail_threshold(const char *subject, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    print_line(subject, format, values);
    va_end(values);
    return STATUS_UNMET;
}
