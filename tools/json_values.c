/* SPDX-License-Identifier: MIT */
/* Numbers are printed and read in the C locale, which the program never
 * leaves. */
#include "json_values.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "labels.h"

/* ---- Memory -------------------------------------------------------------- */

/* Where a parser of jansson's goes on without memory, it leaves digits out, says
 * that the text is wrong, or ends the program by an assertion. So it does not
 * get to go on: allocating jumps out of it, and what it had is released here.
 * Jansson's allocator belongs to the process, so this cannot belong to anything
 * smaller. */
typedef struct block {
    _Alignas(max_align_t) struct block *before;
    struct block *after;
} block;

static block blocks = {&blocks, &blocks}; /* the latest one comes after it */
static jmp_buf escape;
static bool is_parsing, ran_out;

static void *allocate(size_t size)
{
    block *added =
        size <= SIZE_MAX - sizeof *added ? malloc(sizeof *added + size) : NULL;
    if (!added && is_parsing)
        longjmp(escape, 1);
    if (!added)
        return NULL;
    added->before = &blocks;
    added->after = blocks.after;
    blocks.after->before = added;
    blocks.after = added;
    return added + 1;
}

static void release(void *memory)
{
    block *gone = memory;
    if (!gone--)
        return;
    gone->before->after = gone->after;
    gone->after->before = gone->before;
    free(gone);
}

void json_begin(void)
{
    json_set_alloc_funcs(allocate, release);
}

/* ---- Reading ------------------------------------------------------------- */

typedef struct source {
    FILE *file; /* NULL: text */
    const char *text;
    size_t size;
    block *earlier; /* the latest before it */
} source;

static json_t *load(const source *from, json_error_t *error)
{
    return from->file ? json_loadf(from->file, JSON_REJECT_DUPLICATES, error)
                      : json_loadb(from->text, from->size,
                                   JSON_REJECT_DUPLICATES, error);
}

static json_t *load_or_escape(const source *from, json_error_t *error)
{
    if (setjmp(escape) == 0)
        return load(from, error);
    while (blocks.after != from->earlier)
        release(blocks.after + 1);
    ran_out = true;
    return NULL;
}

static json_t *parse(source *from, json_error_t *error)
{
    from->earlier = blocks.after;
    ran_out = false;
    is_parsing = true;
    json_t *tree = load_or_escape(from, error);
    is_parsing = false;
    return tree;
}

json_t *json_read(const char *text, size_t size, json_error_t *error)
{
    source from = {.text = text, .size = size};
    return parse(&from, error);
}

json_t *json_read_file(const char *path)
{
    source from = {.file = fopen(path, "rb")};
    ran_out = !from.file && errno == ENOMEM;
    if (!from.file)
        return NULL;
    json_t *tree = parse(&from, NULL);
    fclose(from.file);
    return tree;
}

bool json_ran_out(void)
{
    return ran_out;
}

/* ---- Values -------------------------------------------------------------- */

json_t *json_of_text(const char *text, json_t *(*otherwise)(const char *text))
{
    return labels_is_text(text, strlen(text)) ? json_string(text)
                                              : otherwise(text);
}

/* Enough for any sum that was made of float32 values; with 17 digits, 0.6 would
 * come out as 0.59999999999999998. */
#define REAL_DIGITS 15

json_t *json_of_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_of_float(float value)
{
    char text[32];
    int digits = 1;
    if (!isfinite(value))
        return json_null();
    do
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
    while (strtof(text, NULL) != value && digits++ < 9);
    return json_real(strtod(text, NULL));
}

/* ---- Writing ------------------------------------------------------------- */

static int put_text(const char *text, size_t size, void *to)
{
    return output_put(to, text, size);
}

int json_write(const json_t *tree, output *to)
{
    if (!tree ||
        json_dump_callback(tree, put_text, to,
                           JSON_INDENT(2) | JSON_REAL_PRECISION(REAL_DIGITS)))
        return to->status ? to->status : fail_memory();
    return output_put(to, "\n", 1);
}
