/* SPDX-License-Identifier: MIT */
/*
 * libfmgcam-imageio where memory or the system fails: each allocation of it, of
 * libpng and of libjpeg in turn, and each call of the system, for reading every
 * kind of file and for all ways to write one. Afterwards all memory and every
 * descriptor is given back, and a file is what it was, or whole.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jpeglib.h>
#include <png.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmgcam/imageio.h>

#include "allocations.h"
#include "calls.h"

enum {
    WIDTH = 41,
    HEIGHT = 29,
    ROW = 3 * WIDTH,
    MOST = 1 << 16,
    NOT_TRAPPED = 77
};

static uint8_t picture[HEIGHT * ROW];
static char folder[256];
static fault_plan plan;
static bool is_child; /* see in_child() */

/* ---- Files --------------------------------------------------------------- */

typedef struct bytes {
    uint8_t data[MOST];
    size_t size;
} bytes;

static const char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void store(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* @return false where it is not there. */
static bool load(const char *path, bytes *b)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    b->size = fread(b->data, 1, sizeof b->data, file);
    assert_int_equal(fclose(file), 0);
    return true;
}

static int count_files(void)
{
    int count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static int count_descriptors(void)
{
    int count = 0;
    for (int i = 0; i < 256; i++)
        count += fcntl(i, F_GETFD) != -1;
    return count;
}

/* ---- Pictures of every kind ---------------------------------------------- */

static void put_png_bytes(png_structp png, png_bytep data, size_t size)
{
    bytes *b = png_get_io_ptr(png);
    assert_true(b->size + size <= sizeof b->data);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

static void make_png(int color_type, int depth, int interlace, bytes *b)
{
    png_structp png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color colors[256] = {{1, 2, 3}, {200, 100, 50}};
    png_byte row[8 * WIDTH];

    b->size = 0;
    png_set_write_fn(png, b, put_png_bytes, flush_nothing);
    png_set_IHDR(png, info, WIDTH, HEIGHT, depth, color_type, interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (color_type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, colors, 256);
    png_write_info(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < HEIGHT; y++) {
            for (size_t i = 0; i < sizeof row; i++)
                row[i] = picture[((size_t)y * 8 + i) % sizeof picture];
            png_write_row(png, row);
        }
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
}

static void make_jpeg(int components, bool progressive, bool turned, bytes *b)
{
    static const uint8_t exif[] = {
        'E',  'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0,
        0x12, 1,   3,   0,   1, 0, 0,   0,   6,  0, 0, 0, 0, 0, 0, 0};
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long size = 0;
    JSAMPLE row[4 * WIDTH];

    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &out, &size);
    c.image_width = WIDTH;
    c.image_height = HEIGHT;
    c.input_components = components;
    c.in_color_space = components == 1   ? JCS_GRAYSCALE
                       : components == 3 ? JCS_RGB
                                         : JCS_CMYK;
    jpeg_set_defaults(&c);
    if (progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    if (turned)
        jpeg_write_marker(&c, JPEG_APP0 + 1, exif, sizeof exif);
    while (c.next_scanline < HEIGHT) {
        JSAMPROW rows[1] = {row};
        for (size_t i = 0; i < sizeof row; i++)
            row[i] =
                picture[((size_t)c.next_scanline * 5 + i) % sizeof picture];
        jpeg_write_scanlines(&c, rows, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    assert_true(size <= sizeof b->data);
    memcpy(b->data, out, size);
    b->size = size;
    free(out);
}

enum {
    PNG_RGB,
    PNG_GREY_16,
    PNG_ALPHA_INTERLACED,
    PNG_PALETTE,
    PNG_PALETTE_INTERLACED,
    JPEG_BASELINE,
    JPEG_GREY,
    JPEG_PROGRESSIVE,
    JPEG_CMYK,
    JPEG_TURNED,
    FILE_KINDS
};

static bytes files[FILE_KINDS];

static void make_files(void)
{
    for (size_t i = 0; i < sizeof picture; i++)
        picture[i] = (uint8_t)(i * i / 7 + i);
    make_png(PNG_COLOR_TYPE_RGB, 8, 0, &files[PNG_RGB]);
    make_png(PNG_COLOR_TYPE_GRAY, 16, 0, &files[PNG_GREY_16]);
    make_png(PNG_COLOR_TYPE_RGB_ALPHA, 8, 1, &files[PNG_ALPHA_INTERLACED]);
    make_png(PNG_COLOR_TYPE_PALETTE, 8, 0, &files[PNG_PALETTE]);
    make_png(PNG_COLOR_TYPE_PALETTE, 8, 1, &files[PNG_PALETTE_INTERLACED]);
    make_jpeg(3, false, false, &files[JPEG_BASELINE]);
    make_jpeg(1, false, false, &files[JPEG_GREY]);
    make_jpeg(3, true, false, &files[JPEG_PROGRESSIVE]);
    make_jpeg(4, false, false, &files[JPEG_CMYK]);
    make_jpeg(3, false, true, &files[JPEG_TURNED]);
}

/* ---- Calls --------------------------------------------------------------- */

/* All that a call may write, apart from its file. */
typedef struct results {
    fmgcam_imageio_info info;
    uint8_t rgb[HEIGHT * ROW + WIDTH * ROW];
    bytes written;
    char text[256];
} results;

enum {
    PROBE_MEMORY,
    PROBE_FILE,
    READ_MEMORY,
    READ_FILE,
    WRITE_MEMORY,
    WRITE_STREAM,
    WRITE_FILE,
    ACTIONS
};

static const struct {
    const char *name;
    bool reads, is_file;
} actions[ACTIONS] = {
    {"probe_memory", true, false},  {"probe_file", true, true},
    {"read_memory", true, false},   {"read_file", true, true},
    {"write_memory", false, false}, {"write_stream", false, false},
    {"write_file", false, true}};

/* Kinds to write: PNG, and JPEG as it may be subsampled. */
static const fmgcam_imageio_write_options outputs[] = {
    {.struct_size = sizeof outputs[0], .kind = FMGCAM_IMAGEIO_PNG},
    {.struct_size = sizeof outputs[0], .kind = FMGCAM_IMAGEIO_JPEG},
    {.struct_size = sizeof outputs[0],
     .kind = FMGCAM_IMAGEIO_JPEG,
     .jpeg_subsampling = FMGCAM_IMAGEIO_SUBSAMPLING_420}};

enum { OUTPUT_KINDS = sizeof outputs / sizeof *outputs };

static int32_t collect(void *opaque, const void *data, size_t size)
{
    bytes *b = opaque;
    if (b->size + size > sizeof b->data)
        return 1;
    memcpy(b->data + b->size, data, size);
    b->size += size;
    return 0;
}

static fmgcam_imageio_status act(int action, int kind, const char *path,
                                 results *out)
{
    const bytes *b = &files[kind % FILE_KINDS];
    const fmgcam_imageio_write_options *as = &outputs[kind % OUTPUT_KINDS];
    out->info.struct_size = sizeof out->info;
    switch (action) {
    case PROBE_MEMORY:
        return fmgcam_imageio_probe_memory(b->data, b->size, NULL, &out->info,
                                           out->text, sizeof out->text);
    case PROBE_FILE:
        return fmgcam_imageio_probe_file(path, NULL, &out->info, out->text,
                                         sizeof out->text);
    case READ_MEMORY:
        return fmgcam_imageio_read_memory(b->data, b->size, NULL, out->rgb,
                                          sizeof out->rgb, ROW, &out->info,
                                          out->text, sizeof out->text);
    case READ_FILE:
        return fmgcam_imageio_read_file(path, NULL, out->rgb, sizeof out->rgb,
                                        ROW, &out->info, out->text,
                                        sizeof out->text);
    case WRITE_MEMORY:
        return fmgcam_imageio_write_memory(
            out->written.data, sizeof out->written.data, &out->written.size, as,
            picture, WIDTH, HEIGHT, ROW, out->text, sizeof out->text);
    case WRITE_STREAM:
        return fmgcam_imageio_write_stream(collect, &out->written, as, picture,
                                           WIDTH, HEIGHT, ROW, out->text,
                                           sizeof out->text);
    default:
        return fmgcam_imageio_write_file(path, as, picture, WIDTH, HEIGHT, ROW,
                                         out->text, sizeof out->text);
    }
}

/* ---- One of them, disturbed ---------------------------------------------- */

typedef struct scene {
    int action, kind;
    bool earlier; /* a file is there already */
    char path[512];
    results want;
    bytes want_file;
} scene;

static const char earlier_text[] = "an earlier file";

static void prepare(const scene *s)
{
    if (!actions[s->action].is_file)
        return;
    unlink(s->path);
    if (actions[s->action].reads)
        store(s->path, files[s->kind].data, files[s->kind].size);
    else if (s->earlier)
        store(s->path, earlier_text, sizeof earlier_text);
}

static fmgcam_imageio_status run(const scene *s, const fault_plan *faults,
                                 results *out)
{
    prepare(s);
    memset(out, 0, sizeof *out);
    plan = *faults;
    plan.allocations = plan.allocations_failed = plan.calls =
        plan.calls_faulted = 0;
    allocations_forget();
    allocations_watch(&plan);
    calls_watch(&plan);
    const fmgcam_imageio_status status = act(s->action, s->kind, s->path, out);
    calls_watch(NULL);
    allocations_watch(NULL);
    return status;
}

static void scene_init(scene *s, int action, int kind, bool earlier)
{
    const fault_plan nothing = {0};
    memset(s, 0, sizeof *s);
    s->action = action;
    s->kind = kind;
    s->earlier = earlier;
    snprintf(s->path, sizeof s->path, "%s", path_of("file"));
    assert_int_equal(run(s, &nothing, &s->want), FMGCAM_IMAGEIO_OK);
    assert_int_equal(allocations_live(), 0);
    if (action == WRITE_FILE)
        assert_true(load(s->path, &s->want_file));
}

#define fail_scene(s, ...)                                                     \
 do {                                                                          \
  print_error("%s of kind %d: ", actions[(s)->action].name, (s)->kind);        \
  print_error(__VA_ARGS__);                                                    \
  print_error("\n");                                                           \
  if (is_child)                                                                \
   _exit(1);                                                                   \
  fail();                                                                      \
 } while (0)

static bool is_same_file(const bytes *b, const void *data, size_t size)
{
    return b->size == size && memcmp(b->data, data, size) == 0;
}

/* Its file is what it was, or whole; with success it is whole. */
static void check_written(const scene *s, bool success)
{
    static bytes now;
    const bool there = load(s->path, &now);
    const bool whole =
        there && is_same_file(&now, s->want_file.data, s->want_file.size);
    const bool kept = s->earlier ? there && is_same_file(&now, earlier_text,
                                                         sizeof earlier_text)
                                 : !there;
    if (success ? !whole : !kept && !whole)
        fail_scene(s, "the file is %zu bytes long", there ? now.size : 0);
    if (count_files() != (there ? 1 : 0))
        fail_scene(s, "%d files are left", count_files());
}

static void check_scene(const scene *s, fmgcam_imageio_status status,
                        const results *got, int descriptors)
{
    if (allocations_live() != 0)
        fail_scene(s, "%u blocks are not freed", allocations_live());
    if (count_descriptors() != descriptors)
        fail_scene(s, "%d descriptors left open",
                   count_descriptors() - descriptors);
    if (status == FMGCAM_IMAGEIO_OK && memcmp(got, &s->want, sizeof *got) != 0)
        fail_scene(s, "other results than without a failure");
    if (status != FMGCAM_IMAGEIO_OK && !got->text[0])
        fail_scene(s, "nothing says what is wrong");
    if (s->action == WRITE_FILE)
        check_written(s, status == FMGCAM_IMAGEIO_OK);
    if (s->action == WRITE_MEMORY && status && got->written.size != 0)
        fail_scene(s, "a size of %zu with an error", got->written.size);
}

static void for_all_scenes(size_t (*check)(scene *s))
{
    static scene s;
    size_t count = 0;
    for (int action = 0; action < ACTIONS; action++) {
        const int kinds = actions[action].reads ? FILE_KINDS : OUTPUT_KINDS;
        const int places = action == WRITE_FILE ? 2 : 1;
        for (int kind = 0; kind < kinds; kind++)
            for (int earlier = 0; earlier < places; earlier++) {
                scene_init(&s, action, kind, earlier);
                count += check(&s);
            }
    }
    print_message("%zu failures\n", count);
}

/* ---- Memory -------------------------------------------------------------- */

static size_t fail_allocations(scene *s)
{
    static results got;
    const fault_plan nothing = {0};
    run(s, &nothing, &got);
    const uint32_t total = plan.allocations;
    const int descriptors = count_descriptors();
    for (uint32_t n = 1; n <= total; n++)
        for (uint32_t after = 0; after < 2; after++) {
            const fault_plan faults = {.fail_allocation = n,
                                       .and_all_after = after};
            const fmgcam_imageio_status status = run(s, &faults, &got);
            if (status != FMGCAM_IMAGEIO_OK &&
                status != FMGCAM_IMAGEIO_NO_MEMORY)
                fail_scene(s, "allocation %u: %s", n, got.text);
            assert_true(plan.allocations_failed > 0);
            check_scene(s, status, &got, descriptors);
        }
    return (size_t)total * 2;
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    for_all_scenes(fail_allocations);
}

/* ---- The system ---------------------------------------------------------- */

/* EINTR is no reason to give up where nothing is lost. */
static bool may_pass(const scene *s, long number, uint32_t code)
{
    if (code == EINTR || actions[s->action].reads)
        return true;
    return number != __NR_write && number != __NR_fsync;
}

static void fail_call(const scene *s, uint32_t at, uint32_t code, bool after,
                      int descriptors)
{
    static results got;
    const fault_plan faults = {.fault_at = at,
                               .kind = FAULT_ERROR,
                               .detail = code,
                               .and_same_after = after};
    const fmgcam_imageio_status status = run(s, &faults, &got);
    const int32_t number = plan.seen[at - 1].number;
    if (status == FMGCAM_IMAGEIO_OK && !may_pass(s, number, code))
        fail_scene(s, "call %u (number %d): %s has no effect", at, number,
                   strerror((int)code));
    if (status != FMGCAM_IMAGEIO_OK && status != FMGCAM_IMAGEIO_FILE &&
        status != FMGCAM_IMAGEIO_NO_MEMORY)
        fail_scene(s, "call %u (number %d): %s: %s", at, number,
                   strerror((int)code), got.text);
    /* The C library forgets why a write failed if the next one does not. */
    if (status == FMGCAM_IMAGEIO_FILE &&
        !strstr(got.text, strerror((int)code)) &&
        (after || !strstr(got.text, strerror(EIO))))
        fail_scene(s, "call %u: \"%s\" does not say %s", at, got.text,
                   strerror((int)code));
#ifdef __NR_unlink
    if (number == __NR_unlink)
        return; /* then it cannot but stay */
#endif
    if (number != __NR_unlinkat)
        check_scene(s, status, &got, descriptors);
}

static size_t fail_calls(scene *s)
{
    static const uint32_t codes[] = {EIO, ENOSPC, EACCES, EINTR, ENOMEM};
    static results got;
    const fault_plan nothing = {0};
    size_t count = 0;
    run(s, &nothing, &got);
    const uint32_t total = plan.calls;
    const int descriptors = count_descriptors();
    assert_int_equal(total > 0, actions[s->action].is_file);
    for (uint32_t at = 1; at <= total; at++)
        for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
            for (int after = 0; after < (codes[i] == EINTR ? 1 : 2); after++) {
                fail_call(s, at, codes[i], after, descriptors);
                count++;
            }
    return count;
}

#ifdef FMGCAM_COVERAGE
void __gcov_dump(void);
#endif

/* _exit() alone would lose what the child has counted. */
static void leave(void)
{
    fflush(NULL);
#ifdef FMGCAM_COVERAGE
    __gcov_dump();
#endif
    _exit(0);
}

/* cmocka has a handler of its own for the signal that the filter sends, so that
 * the filter must not outlive the test. */
static void in_child(size_t (*check)(scene *s))
{
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        is_child = true;
        if (!calls_trap())
            _exit(NOT_TRAPPED);
        for_all_scenes(check);
        leave();
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_TRAPPED)
        skip(); /* the system forbids filters */
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_each_call_fails(void **state)
{
    (void)state;
    in_child(fail_calls);
}

static size_t shorten_calls(scene *s)
{
    static results got;
    const fault_plan nothing = {0};
    run(s, &nothing, &got);
    const uint32_t total = plan.calls;
    const int descriptors = count_descriptors();
    for (uint32_t at = 1; at <= total; at++) {
        const fault_plan faults = {
            .fault_at = at, .kind = FAULT_SHORT, .and_same_after = 1};
        const fmgcam_imageio_status status = run(s, &faults, &got);
        if (status)
            fail_scene(s, "call %u: %s", at, got.text);
        check_scene(s, status, &got, descriptors);
    }
    return total;
}

static void test_each_transfer_is_short(void **state)
{
    (void)state;
    in_child(shorten_calls);
}

/* ---- Callbacks ----------------------------------------------------------- */

typedef struct refusal {
    int32_t answer;
    uint32_t good_calls, calls;
} refusal;

static int32_t refuse(void *opaque, const void *data, size_t size)
{
    refusal *r = opaque;
    assert_non_null(data);
    assert_true(size > 0);
    return r->calls++ < r->good_calls ? 0 : r->answer;
}

/* Whatever it answers, and whenever: it is not asked again. */
static void test_a_stream_that_refuses(void **state)
{
    static const int32_t answers[] = {1, -1, 7, INT32_MAX, INT32_MIN};
    char text[256], number[16];

    (void)state;
    for (int kind = 0; kind < OUTPUT_KINDS; kind++) {
        refusal never = {0, UINT32_MAX, 0};
        assert_int_equal(
            fmgcam_imageio_write_stream(refuse, &never, &outputs[kind], picture,
                                        WIDTH, HEIGHT, ROW, text, sizeof text),
            FMGCAM_IMAGEIO_OK);
        for (uint32_t good = 0; good < never.calls; good++)
            for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
                refusal r = {answers[i], good, 0};
                allocations_forget();
                allocations_watch(&plan);
                plan = (fault_plan){0};
                const fmgcam_imageio_status status =
                    fmgcam_imageio_write_stream(refuse, &r, &outputs[kind],
                                                picture, WIDTH, HEIGHT, ROW,
                                                text, sizeof text);
                allocations_watch(NULL);
                snprintf(number, sizeof number, "%d", answers[i]);
                assert_int_equal(status, FMGCAM_IMAGEIO_FILE);
                assert_non_null(strstr(text, number));
                assert_int_equal(r.calls, good + 1);
                assert_int_equal(allocations_live(), 0);
            }
    }
}

/* -------------------------------------------------------------------------- */

static int begin(void **state)
{
    const char *parent = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%s/fmgcam-faults-XXXXXX",
             parent && parent[0] ? parent : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    make_files();
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(path_of("file"));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_each_call_fails),
        cmocka_unit_test(test_each_transfer_is_short),
        cmocka_unit_test(test_a_stream_that_refuses),
    };
    return cmocka_run_group_tests_name("faults-imageio", tests, begin, end);
}
