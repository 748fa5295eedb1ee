/* SPDX-License-Identifier: MIT */
/* Lines of UTF-8. */
#include "labels.h"

#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "read_file.h"
#include "utf8.h"

#define MAX_TEXT_SIZE ((size_t)16 << 20)

/* Well-formed, and without the NUL that would end a name early. */
bool labels_is_text(const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t step = utf8_size(text + at, size - at);
        if (step == 0 || text[at] == '\0')
            return false;
        at += step;
    }
    return true;
}

/* How many bytes the blank at the start of @p text has; 0: it is none. */
static size_t blank_size(const char *text)
{
    static const char *const wide[] = {
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80",
        "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
        "\xe2\x81\x9f", "\xe3\x80\x80", "\xef\xbb\xbf"};
    unsigned char first = (unsigned char)*text;
    if (first == ' ' || (first >= '\t' && first <= '\r'))
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (strncmp(text, wide[i], strlen(wide[i])) == 0)
            return strlen(wide[i]);
    /* U+2000 to U+200B, of which the last has no width. */
    bool is_sized = strncmp(text, "\xe2\x80", 2) == 0 &&
                    (unsigned char)text[2] >= 0x80 &&
                    (unsigned char)text[2] <= 0x8b;
    return is_sized ? 3 : 0;
}

bool labels_is_blank(const char *text)
{
    size_t size;
    while (text && (size = blank_size(text)) > 0)
        text += size;
    return !text || !*text;
}

static size_t count_lines(const char *text, size_t size)
{
    size_t lines = 0;
    for (size_t at = 0; at < size; at++)
        lines += text[at] == '\n';
    return lines + 1;
}

/* Cut @p text into lines in place. */
static int split(const char *path, char *text, size_t size, label_list *labels)
{
    char *end = text + size;
    while (text <= end) {
        char *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop)
            stop = end;
        char *next = stop + 1;
        if (stop > text && stop < end && stop[-1] == '\r')
            stop--;
        if (!labels_is_text(text, (size_t)(stop - text)))
            return fail(path, "line %zu is not UTF-8 text", labels->count + 1);
        *stop = '\0';
        labels->names[labels->count++] = text;
        text = next;
    }
    while (labels->count > 0 && *labels->names[labels->count - 1] == '\0')
        labels->count--;
    return 0;
}

int labels_read(const char *path, label_list *labels)
{
    size_t size;
    memset(labels, 0, sizeof *labels);
    int status = read_file(path, MAX_TEXT_SIZE, &labels->text, &size);
    if (status)
        return status;
    size_t mark = 0;
    if (size >= 3 && memcmp(labels->text, "\xef\xbb\xbf", 3) == 0)
        mark = 3;
    labels->names =
        calloc(count_lines(labels->text, size), sizeof *labels->names);
    if (labels->names)
        status = split(path, labels->text + mark, size - mark, labels);
    else
        status = fail_memory();
    if (status)
        labels_release(labels);
    return status;
}

void labels_release(label_list *labels)
{
    free(labels->names);
    free(labels->text);
    memset(labels, 0, sizeof *labels);
}
