/* SPDX-License-Identifier: MIT */
/* The same as program.c for the structs of imageio.h. */
#include <fmgcam/imageio.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 3, HEIGHT = 2, GUARD = 64 };

/* Structs between guards. */
static struct {
    fmgcam_imageio_write_options write;
    unsigned char after_write[GUARD];
    fmgcam_imageio_read_options read;
    unsigned char after_read[GUARD];
    fmgcam_imageio_info info;
    unsigned char after_info[GUARD];
} all;

static void check(const char *name, fmgcam_imageio_status status,
                  const char *error)
{
    printf("%s: %s %s\n", name, fmgcam_imageio_status_string(status), error);
}

static int is_whole(const unsigned char *guard)
{
    for (int i = 0; i < GUARD; i++)
        if (guard[i] != 0xA5)
            return 0;
    return 1;
}

int main(void)
{
    const unsigned char rgb[HEIGHT][WIDTH][3] = {{{1, 2, 3}, {4, 5, 6}},
                                                 {{0}, {200, 100, 50}}};
    unsigned char file[4096], back[HEIGHT][WIDTH][3];
    size_t size = 0;
    char error[200] = "";

    memset(&all, 0xA5, sizeof all);
    memset(&all.write, 0, sizeof all.write);
    memset(&all.read, 0, sizeof all.read);
    memset(&all.info, 0, sizeof all.info);
    all.write.struct_size = sizeof all.write;
    all.write.kind = FMGCAM_IMAGEIO_PNG;
    all.read.struct_size = sizeof all.read;
    all.read.max_width = 10;
    all.info.struct_size = sizeof all.info;
#if defined(NEWER) && NEWER
    all.read.newer = 1;
#endif
    check("write",
          fmgcam_imageio_write_memory(file, sizeof file, &size, &all.write,
                                      &rgb[0][0][0], WIDTH, HEIGHT, 3 * WIDTH,
                                      error, sizeof error),
          error);
    check("read",
          fmgcam_imageio_read_memory(file, size, &all.read, &back[0][0][0],
                                     sizeof back, 3 * WIDTH, &all.info, error,
                                     sizeof error),
          error);
    printf("%u x %u, kind %u, %s\n", all.info.width, all.info.height,
           all.info.kind, memcmp(rgb, back, sizeof rgb) ? "other" : "the same");
    if (!is_whole(all.after_write) || !is_whole(all.after_read) ||
        !is_whole(all.after_info))
        printf("the library wrote behind a struct\n");
    return 0;
}
