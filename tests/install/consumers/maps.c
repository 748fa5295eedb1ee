/* SPDX-License-Identifier: MIT */
/* Explain the sample, and compare with what a float64 program made of it:
 *
 *   maps FOLDER    (that of the sample, examples/data) */
#include <fmgcam/fmgcam.h>
#include <stdint.h>
#include <stdio.h>

#include "loaded.h"

enum { K = 5, C = 1280, H = 7, W = 7 };
static uint16_t activations[C * H * W], gradients[K * C * H * W];
static float maps[K * H * W], expected[K * H * W];

/* The numbers of these .npy files begin after 128 bytes. */
static int read_numbers(const char *folder, const char *name, void *to,
                        size_t size, size_t count)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return perror(path), 0;
    int ok = fseek(file, 128, SEEK_SET) == 0 &&
             fread(to, size, count, file) == count;
    fclose(file);
    return ok;
}

static fmgcam_status explain(fmgcam_context *context)
{
    fmgcam_tensor a, g;
    fmgcam_tensor_nchw(&a, activations, FMGCAM_DTYPE_FLOAT16, 1, C, H, W);
    fmgcam_tensor_nchw(&g, gradients, FMGCAM_DTYPE_FLOAT16, K, C, H, W);
    fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .gradients = &g};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .maps = {maps, sizeof maps}};
    return fmgcam_explain(context, &in, &out);
}

/* Rounding the tensors to float16 moved the maps by up to 4.3e-5. */
static int is_expected(void)
{
    for (int i = 0; i < K * H * W; i++) {
        double error = (double)maps[i] - (double)expected[i];
        if (!(error < 5e-5 && error > -5e-5)) {
            printf("value %d: %.6f, expected %.6f\n", i, (double)maps[i],
                   (double)expected[i]);
            return 0;
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 2 ||
        !read_numbers(argv[1], "activations.npy", activations, 2, C * H * W) ||
        !read_numbers(argv[1], "gradients.npy", gradients, 2, K * C * H * W) ||
        !read_numbers(argv[1], "expected_maps.npy", expected, 4, K * H * W))
        return 2;
    if (fmgcam_version() != FMGCAM_VERSION)
        return printf("the library is of another version\n"), 1;

    fmgcam_context *context;
    if (fmgcam_create(NULL, &context, NULL, 0))
        return 1;
    fmgcam_status status = explain(context);
    if (status)
        printf("%s\n", fmgcam_error_detail(context));
    fmgcam_destroy(context);
    print_loaded();
    return status || !is_expected();
}
