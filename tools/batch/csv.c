/* SPDX-License-Identifier: MIT */
/* Byte by byte, each field by the kind that its first byte tells. */
#include "batch/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "grow.h"

typedef struct csv_reader {
    FILE *file;
    const char *name;
    csv_record *record;
    bool quoted; /* the record has a field in quotes */
    int end;     /* what ended the last field: ',', '\n' or EOF */
} csv_reader;

/* ---- Bytes --------------------------------------------------------------- */

/* A file that cannot be read on ends like one that was cut off. */
static int wrong(const csv_reader *reader, size_t line, const char *what)
{
    char where[4096 + 32];
    if (ferror(reader->file))
        return fail_system(reader->name, errno);
    snprintf(where, sizeof where, "%.4096s:%zu", reader->name, line);
    return fail_usage(where, "%s", what);
}

static int take(csv_reader *reader)
{
    int byte = getc(reader->file);
    reader->record->next_line += byte == '\n';
    return byte;
}

static int append(csv_reader *reader, int byte)
{
    char where[4096 + 32];
    snprintf(where, sizeof where, "%.4096s:%zu", reader->name,
             reader->record->line);
    return row_text_add(&reader->record->text, byte, where);
}

static int add(csv_reader *reader, int byte)
{
    if (byte == '\0')
        return wrong(reader, reader->record->next_line,
                     "has a NUL byte; text in UTF-8 expected");
    return append(reader, byte);
}

/* ---- Fields -------------------------------------------------------------- */

/* @p byte follows a field: does it end it? */
static int end_field(csv_reader *reader, int byte, const char *else_wrong)
{
    size_t line = reader->record->next_line;
    if (byte == '\r' && (byte = take(reader)) != '\n')
        return wrong(reader, line, "has a carriage return that ends no line");
    if (byte != ',' && byte != '\n' && byte != EOF)
        return wrong(reader, line, else_wrong);
    reader->end = byte;
    return 0;
}

static int read_quoted(csv_reader *reader)
{
    int byte;
    reader->quoted = true;
    for (;;) {
        byte = take(reader);
        if (byte == EOF)
            return wrong(reader, reader->record->line,
                         "has a quote that is not closed");
        if (byte == '"' && (byte = take(reader)) != '"')
            break;
        int status = add(reader, byte);
        if (status)
            return status;
    }
    return end_field(reader, byte,
                     "has text after a closing quote; within quotes, a quote "
                     "is written twice");
}

static int read_plain(csv_reader *reader, int byte)
{
    while (byte != ',' && byte != '\n' && byte != '\r' && byte != EOF) {
        if (byte == '"')
            return wrong(reader, reader->record->next_line,
                         "has a quote within a field that does not begin with "
                         "one");
        int status = add(reader, byte);
        if (status)
            return status;
        byte = take(reader);
    }
    return end_field(reader, byte, "");
}

static int begin_field(csv_record *record)
{
    size_t *starts =
        grow(record->starts, record->count, &record->capacity, sizeof *starts);
    if (!starts)
        return STATUS_FAILED;
    record->starts = starts;
    starts[record->count++] = record->text.size;
    return 0;
}

static int read_field(csv_reader *reader, int first)
{
    int status = begin_field(reader->record);
    if (!status)
        status = first == '"' ? read_quoted(reader) : read_plain(reader, first);
    return status ? status : append(reader, '\0');
}

/* ---- Records ------------------------------------------------------------- */

static int read_fields(csv_reader *reader, int first)
{
    int status = read_field(reader, first);
    while (!status && reader->end == ',')
        status = read_field(reader, take(reader));
    return status;
}

static bool is_blank(const csv_reader *reader)
{
    return reader->record->count == 1 && reader->record->text.size == 1 &&
           !reader->quoted;
}

int csv_read(FILE *file, const char *name, csv_record *record, bool *got)
{
    csv_reader reader = {.file = file, .name = name, .record = record};
    int first;
    *got = false;
    if (!record->next_line)
        record->next_line = 1;
    while ((record->line = record->next_line, first = take(&reader)) != EOF) {
        record->text.size = record->count = 0;
        reader.quoted = false;
        int status = read_fields(&reader, first);
        if (!status && ferror(file))
            status = fail_system(name, errno);
        if (status)
            return status;
        if (is_blank(&reader))
            continue;
        *got = true;
        return 0;
    }
    return ferror(file) ? fail_system(name, errno) : 0;
}

const char *csv_field(const csv_record *record, size_t field)
{
    return record->text.bytes + record->starts[field];
}

void csv_restart(csv_record *record)
{
    record->next_line = 0;
}

void csv_release(csv_record *record)
{
    row_text_release(&record->text);
    free(record->starts);
    memset(record, 0, sizeof *record);
}

/* ---- Writing ------------------------------------------------------------- */

void csv_write_text(FILE *to, const char *text)
{
    bool in_quotes = strpbrk(text, ",;\t\"\r\n") != NULL;
    if (in_quotes)
        putc('"', to);
    if (*text && strchr("=+-@\t\r", *text))
        putc('\'', to);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', to);
        putc(*text, to);
    }
    if (in_quotes)
        putc('"', to);
}
