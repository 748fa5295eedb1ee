/* SPDX-License-Identifier: MIT */
/*
 * libfmgcam-imageio from many threads: pictures written and read in memory, and
 * all threads writing the same file, which must be one of theirs, whole, whenever
 * it is read.
 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fmgcam/imageio.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 20, WIDTH = 40, HEIGHT = 30 };

typedef struct worker {
    pthread_t id;
    uint8_t color; /* all bytes of its pictures */
    const char *path;
    char failure[200]; /* "" where all was right */
} worker;

typedef struct picture {
    uint8_t rgb[HEIGHT * WIDTH * 3];
} picture;

static bool is_plain(const picture *p, uint8_t *color)
{
    *color = p->rgb[0];
    for (size_t i = 0; i < sizeof p->rgb; i++)
        if (p->rgb[i] != *color)
            return false;
    return true;
}

static int32_t count_bytes(void *opaque, const void *data, size_t size)
{
    (void)data;
    *(size_t *)opaque += size;
    return 0;
}

static bool use_memory(worker *w, const picture *own, uint32_t kind)
{
    const fmgcam_imageio_write_options options = {.struct_size = sizeof options,
                                                  .kind = kind};
    uint8_t file[8192], color;
    fmgcam_imageio_info info = {.struct_size = sizeof info};
    size_t size = 0, streamed = 0;
    picture back;

    if (fmgcam_imageio_write_stream(count_bytes, &streamed, &options, own->rgb,
                                    WIDTH, HEIGHT, WIDTH * 3, w->failure,
                                    sizeof w->failure) ||
        fmgcam_imageio_write_memory(file, sizeof file, &size, &options,
                                    own->rgb, WIDTH, HEIGHT, WIDTH * 3,
                                    w->failure, sizeof w->failure) ||
        fmgcam_imageio_probe_memory(file, size, NULL, &info, w->failure,
                                    sizeof w->failure) ||
        fmgcam_imageio_read_memory(file, size, NULL, back.rgb, sizeof back.rgb,
                                   WIDTH * 3, NULL, w->failure,
                                   sizeof w->failure))
        return false;
    if (!is_plain(&back, &color) || color != w->color || streamed != size ||
        info.kind != kind || fmgcam_imageio_version() != FMGCAM_VERSION ||
        !fmgcam_imageio_status_string(FMGCAM_IMAGEIO_FILE)[0])
        snprintf(w->failure, sizeof w->failure, "another picture came back");
    return !w->failure[0];
}

static bool use_file(worker *w, const picture *own)
{
    const fmgcam_imageio_write_options options = {.struct_size = sizeof options,
                                                  .kind = FMGCAM_IMAGEIO_PNG};
    fmgcam_imageio_info info = {.struct_size = sizeof info};
    uint8_t color;
    picture back;

    if (fmgcam_imageio_write_file(w->path, &options, own->rgb, WIDTH, HEIGHT,
                                  WIDTH * 3, w->failure, sizeof w->failure) ||
        fmgcam_imageio_probe_file(w->path, NULL, &info, w->failure,
                                  sizeof w->failure) ||
        fmgcam_imageio_read_file(w->path, NULL, back.rgb, sizeof back.rgb,
                                 WIDTH * 3, &info, w->failure,
                                 sizeof w->failure))
        return false;
    if (info.width != WIDTH || !is_plain(&back, &color))
        snprintf(w->failure, sizeof w->failure, "the file is of two threads");
    return !w->failure[0];
}

static void *run_worker(void *opaque)
{
    worker *w = opaque;
    picture own;

    memset(own.rgb, w->color, sizeof own.rgb);
    for (int round = 0; round < ROUNDS; round++)
        if (!use_memory(w, &own, FMGCAM_IMAGEIO_PNG) ||
            !use_memory(w, &own, FMGCAM_IMAGEIO_JPEG) || !use_file(w, &own))
            break;
    return NULL;
}

static void test_all_functions_in_all_threads(void **state)
{
    char folder[] = "/tmp/fmgcam-threads-XXXXXX", path[sizeof folder + 20];
    worker workers[THREADS];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/shared.png", folder);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.color = (uint8_t)(20 * i), .path = path};
        assert_int_equal(
            pthread_create(&workers[i].id, NULL, run_worker, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(workers[i].id, NULL);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* no temporary file is left */
    for (int i = 0; i < THREADS; i++)
        assert_string_equal(workers[i].failure, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_functions_in_all_threads),
    };
    return cmocka_run_group_tests_name("imageio_threads", tests, NULL, NULL);
}
