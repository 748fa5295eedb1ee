/* SPDX-License-Identifier: MIT */
/*
 * The header of a .npy file is the text of a Python dictionary with three
 * entries, in any order:
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (3, 7, 7), }
 *
 * padded with spaces to a newline. It comes from anywhere, so nothing in it is
 * believed; whatever is not such a dictionary is refused.
 */
#include "npy.h"

#include <stdio.h>
#include <string.h>

typedef struct cursor {
    const char *at, *end;
    char *error;
    size_t error_size;
} cursor;

static bool refuse(cursor *c, const char *reason)
{
    snprintf(c->error, c->error_size, "%s", reason);
    return false;
}

static bool malformed(cursor *c)
{
    return refuse(c, "the .npy header is malformed");
}

/* ---- Tokens -------------------------------------------------------------- */

static void skip_space(cursor *c)
{
    while (c->at < c->end &&
           (*c->at == ' ' || (*c->at >= '\t' && *c->at <= '\r')))
        c->at++;
}

/* Is @p symbol next? Then step over it. */
static bool accept(cursor *c, char symbol)
{
    skip_space(c);
    if (c->at == c->end || *c->at != symbol)
        return false;
    c->at++;
    return true;
}

static bool accept_word(cursor *c, const char *word)
{
    size_t length = strlen(word);
    skip_space(c);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0)
        return false;
    c->at += length;
    return true;
}

/* A string in either quote, without escapes, into @p text, terminated. */
static bool parse_string(cursor *c, char *text, size_t size)
{
    skip_space(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return malformed(c);
    char quote = *c->at++;
    size_t used = 0;
    for (; c->at < c->end && *c->at != quote; c->at++) {
        if (*c->at == '\\' || *c->at == '\0' || used + 1 >= size)
            return malformed(c);
        text[used++] = *c->at;
    }
    if (c->at == c->end)
        return malformed(c);
    c->at++;
    text[used] = '\0';
    return true;
}

static bool parse_length(cursor *c, int64_t *length)
{
    skip_space(c);
    if (c->at < c->end && *c->at == '-')
        return refuse(c, "the .npy header has a negative length in its shape");
    if (c->at == c->end || *c->at < '0' || *c->at > '9')
        return malformed(c);
    int64_t value = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        int digit = *c->at - '0';
        if (value > (INT64_MAX - digit) / 10)
            return refuse(c, "the shape in the .npy header is too large");
        value = value * 10 + digit;
    }
    if (c->at < c->end && *c->at == 'L') /* as written by Python 2 */
        c->at++;
    *length = value;
    return true;
}

/* ---- Values -------------------------------------------------------------- */

static bool host_is_big_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 0;
}

/* '<f4' and its like */
static bool parse_descr(cursor *c, npy_header *header)
{
    char text[64] = "";
    skip_space(c);
    if (c->at < c->end && *c->at == '[')
        return refuse(c, "elements are structures; "
                         "float16, float32 or float64 expected");
    if (!parse_string(c, text, sizeof text))
        return false;
    bool known = strlen(text) == 3 && strchr("<>=|", text[0]) &&
                 text[1] == 'f' && strchr("248", text[2]);
    if (!known) {
        snprintf(c->error, c->error_size,
                 "elements are '%.20s'; float16, float32 or float64 expected",
                 text);
        return false;
    }
    header->item_size = (uint32_t)(text[2] - '0');
    header->big_endian =
        text[0] == '>' || (text[0] != '<' && host_is_big_endian());
    return true;
}

static bool parse_order(cursor *c, npy_header *header)
{
    header->fortran = accept_word(c, "True");
    return header->fortran || accept_word(c, "False") || malformed(c);
}

/* A tuple: one length needs a comma after it, more may have one. */
static bool parse_shape(cursor *c, npy_header *header)
{
    bool comma = true;
    if (!accept(c, '('))
        return malformed(c);
    header->rank = 0;
    while (!accept(c, ')')) {
        if (!comma)
            return malformed(c);
        if (header->rank == NPY_MAX_RANK)
            return refuse(c, "the array has more than 8 axes");
        if (!parse_length(c, &header->shape[header->rank]))
            return false;
        header->rank++;
        comma = accept(c, ',');
    }
    return header->rank != 1 || comma || malformed(c);
}

/* ---- The dictionary ------------------------------------------------------ */

enum { SEEN_DESCR = 1, SEEN_ORDER = 2, SEEN_SHAPE = 4 };

static bool parse_entry(cursor *c, npy_header *header, unsigned *seen)
{
    char key[32];
    unsigned which = 0;
    bool (*parse)(cursor *, npy_header *) = NULL;
    if (!parse_string(c, key, sizeof key))
        return false;
    if (strcmp(key, "descr") == 0)
        which = SEEN_DESCR, parse = parse_descr;
    else if (strcmp(key, "fortran_order") == 0)
        which = SEEN_ORDER, parse = parse_order;
    else if (strcmp(key, "shape") == 0)
        which = SEEN_SHAPE, parse = parse_shape;
    if (!parse || (*seen & which) || !accept(c, ':'))
        return malformed(c);
    *seen |= which;
    return parse(c, header);
}

bool npy_parse_header(const char *text, size_t size, npy_header *header,
                      char *error, size_t error_size)
{
    cursor c = {text, text + size, error, error_size};
    unsigned seen = 0;
    bool comma = true;
    memset(header, 0, sizeof *header);
    if (!accept(&c, '{'))
        return malformed(&c);
    while (!accept(&c, '}')) {
        if (!comma)
            return malformed(&c);
        if (!parse_entry(&c, header, &seen))
            return false;
        comma = accept(&c, ',');
    }
    skip_space(&c);
    if (c.at != c.end || seen != (SEEN_DESCR | SEEN_ORDER | SEEN_SHAPE))
        return malformed(&c);
    return true;
}
