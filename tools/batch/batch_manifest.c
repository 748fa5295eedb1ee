/* SPDX-License-Identifier: MIT */
/* Opening, rewinding, and rows by the format. */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif

#include "batch/batch_manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "batch/batch_id.h"
#include "batch/batch_manifest_row.h"
#include "batch/csv.h"
#include "batch/row_text.h"
#include "diagnose.h"

struct manifest {
    const char *name; /* the caller's path */
    manifest_format format;
    FILE *file;
    struct stat opened; /* to notice a change */
    char *folder;       /* with its slash; "": the current one */
    size_t number;      /* of the next row */
    size_t cases;       /* 0: not counted yet */
    row_text text;      /* JSON lines */
    size_t line;
    csv_record header, record; /* CSV */
};

/* ---- Opening ------------------------------------------------------------- */

static bool is_standard_input(const manifest *m)
{
    return strcmp(m->name, "-") == 0;
}

int manifest_descriptor(const manifest *m)
{
    return fileno(m->file);
}

const char *manifest_name(const manifest *m)
{
    return is_standard_input(m) ? "standard input" : m->name;
}

static int choose_format(manifest *m, manifest_format format)
{
    static const struct {
        const char *suffix;
        manifest_format format;
    } known[] = {{".jsonl", MANIFEST_JSON_LINES},
                 {".ndjson", MANIFEST_JSON_LINES},
                 {".json", MANIFEST_JSON_LINES},
                 {".csv", MANIFEST_CSV}};
    const char *suffix = strrchr(m->name, '.');
    m->format = format;
    for (size_t i = 0; i < sizeof known / sizeof *known && !m->format; i++)
        if (suffix && strcasecmp(suffix, known[i].suffix) == 0)
            m->format = known[i].format;
    if (m->format)
        return 0;
    return fail_usage(manifest_name(m), "--format jsonl or csv is needed where "
                                        "no suffix .jsonl or .csv tells");
}

static int keep_folder(manifest *m)
{
    const char *slash = is_standard_input(m) ? NULL : strrchr(m->name, '/');
    size_t length = slash ? (size_t)(slash - m->name) + 1 : 0;
    m->folder = strndup(m->name, length);
    return m->folder ? 0 : fail_memory();
}

/* @return 0, or an errno. */
static int copy(FILE *from, FILE *to)
{
    char bytes[16384];
    size_t size;
    errno = 0;
    while ((size = fread(bytes, 1, sizeof bytes, from)) > 0)
        if (fwrite(bytes, 1, size, to) != size)
            return errno ? errno : EIO;
    if (ferror(from) || fflush(to) != 0)
        return errno ? errno : EIO;
    return 0;
}

/* A pipe, or what is left of standard input, is read to its end before anything
 * is done. */
static int copy_pipe(manifest *m)
{
    FILE *pipe = m->file;
    m->file = tmpfile();
    int number = m->file ? copy(pipe, m->file) : errno;
    if (pipe != stdin)
        fclose(pipe);
    return number ? fail_system(manifest_name(m), number) : 0;
}

static int open_file(manifest *m)
{
    m->file = is_standard_input(m) ? stdin : fopen(m->name, "rb");
    if (!m->file || fstat(fileno(m->file), &m->opened) != 0)
        return fail_system(manifest_name(m), errno);
    if (S_ISDIR(m->opened.st_mode))
        return fail_system(manifest_name(m), EISDIR);
    if (S_ISREG(m->opened.st_mode) && !is_standard_input(m))
        return 0;
    int status = copy_pipe(m);
    if (!status && fstat(fileno(m->file), &m->opened) != 0)
        status = fail_system(manifest_name(m), errno);
    return status;
}

int manifest_open(const char *path, manifest_format format, manifest **opened)
{
    manifest *m = calloc(1, sizeof *m);
    *opened = m;
    if (!m)
        return fail_memory();
    m->name = path;
    int status = choose_format(m, format);
    if (!status)
        status = keep_folder(m);
    return status ? status : open_file(m);
}

void manifest_close(manifest *m)
{
    if (!m)
        return;
    if (m->file && m->file != stdin)
        fclose(m->file);
    free(m->folder);
    row_text_release(&m->text);
    csv_release(&m->header);
    csv_release(&m->record);
    free(m);
}

/* ---- Rows ---------------------------------------------------------------- */

typedef char place_text[4096 + 32];

static row_place place_of(const manifest *m, size_t line, place_text text)
{
    snprintf(text, sizeof(place_text), "%.4096s:%zu", manifest_name(m), line);
    return (row_place){text, m->folder};
}

/* Into m->text; without its end. */
static int read_line(manifest *m, bool *got)
{
    place_text text;
    row_place place = place_of(m, ++m->line, text);
    int byte, status = 0;
    m->text.size = 0;
    *got = false;
    while (!status && (byte = getc(m->file)) != EOF) {
        *got = true;
        if (byte == '\n')
            break;
        status = row_text_add(&m->text, byte, place.where);
    }
    if (!status && ferror(m->file))
        status = fail_system(manifest_name(m), errno);
    return status;
}

static bool is_blank(const row_text *text)
{
    for (size_t i = 0; i < text->size; i++)
        if (!strchr(" \t\r", text->bytes[i]) || text->bytes[i] == '\0')
            return false;
    return true;
}

static int next_line(manifest *m, batch_row *row, bool *got)
{
    place_text text;
    int status;
    do
        status = read_line(m, got);
    while (!status && *got && is_blank(&m->text));
    if (status || !*got)
        return status;
    row_place place = place_of(m, m->line, text);
    row->line = m->line;
    return row_from_json(m->text.bytes, m->text.size, &place, row);
}

static int read_header(manifest *m)
{
    place_text text;
    bool got;
    int status = csv_read(m->file, manifest_name(m), &m->header, &got);
    if (status)
        return status;
    if (!got)
        return fail_usage(manifest_name(m), "is empty; names of columns "
                                            "expected in its first line");
    row_place place = place_of(m, m->header.line, text);
    m->record.next_line = m->header.next_line;
    return row_check_header(&m->header, &place);
}

static int next_record(manifest *m, batch_row *row, bool *got)
{
    place_text text;
    int status = csv_read(m->file, manifest_name(m), &m->record, got);
    if (status || !*got)
        return status;
    row_place place = place_of(m, m->record.line, text);
    row->line = m->record.line;
    return row_from_csv(&m->header, &m->record, &place, row);
}

/* Others hold an array of as many cases as were counted. */
static int check_unchanged(const manifest *m, bool got)
{
    struct stat now;
    bool fits =
        !m->cases || (got ? m->number < m->cases : m->number == m->cases);
    if (fits && fstat(fileno(m->file), &now) == 0 &&
        now.st_size == m->opened.st_size &&
        now.st_mtim.tv_sec == m->opened.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == m->opened.st_mtim.tv_nsec)
        return 0;
    return fail(manifest_name(m), "has changed since it was first read");
}

int manifest_restart(manifest *m)
{
    m->number = m->line = 0;
    csv_restart(&m->header);
    int status = row_text_rewind(m->file, manifest_name(m));
    return !status && m->format == MANIFEST_CSV ? read_header(m) : status;
}

int manifest_next(manifest *m, batch_row *row, bool *got)
{
    memset(row, 0, sizeof *row);
    int status = m->format == MANIFEST_CSV ? next_record(m, row, got)
                                           : next_line(m, row, got);
    if (!status)
        status = check_unchanged(m, *got);
    if (status || !*got)
        return status;
    if (!*row->id)
        snprintf(row->id, sizeof row->id, "%zu", m->number + 1);
    row->number = m->number++;
    return status;
}

void batch_row_release(batch_row *row)
{
    settings_release(&row->settings);
}

/* ---- All of them --------------------------------------------------------- */

static int collect_ids(manifest *m, id_list *ids)
{
    bool got = true;
    int status = manifest_restart(m);
    while (!status && got) {
        batch_row row;
        status = manifest_next(m, &row, &got);
        if (!status && got)
            status = id_list_add(ids, row.id, row.line);
        batch_row_release(&row);
    }
    return status;
}

int manifest_check(manifest *m, size_t *cases)
{
    id_list ids = {NULL, 0, 0};
    int status = collect_ids(m, &ids);
    *cases = m->cases = ids.count;
    if (!status && ids.count == 0)
        status = fail_usage(manifest_name(m), "has no case");
    if (!status)
        status = id_list_check(&ids, manifest_name(m));
    id_list_release(&ids);
    return status;
}
