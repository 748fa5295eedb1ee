/* Draw the evidence for five classes over a decoded picture:
 *
 *   overlay activations.npy gradients.npy picture.png overlay.png */
#include <fmgcam/fmgcam.h>
#include <fmgcam/imageio.h>
#include <stdlib.h>

#include "sample.h"

enum { K = 5, C = 1280, H = 7, W = 7 };
static uint16_t activations[C * H * W], gradients[K * C * H * W];
static float maps[K * H * W];

int main(int argc, char **argv)
{
    if (argc != 5 || !read_sample(argv[1], activations, 2, C * H * W) ||
        !read_sample(argv[2], gradients, 2, K * C * H * W))
        return 2;

    char error[200] = "";
    fmgcam_imageio_info info = {.struct_size = sizeof info};
    if (fmgcam_imageio_probe_file(argv[3], NULL, &info, error, sizeof error))
        return fprintf(stderr, "%s: %s\n", argv[3], error), 1;
    size_t row = 3 * (size_t)info.width, size = row * info.height;
    uint8_t *rgb = malloc(size);
    if (!rgb || fmgcam_imageio_read_file(argv[3], NULL, rgb, size, row, NULL,
                                         error, sizeof error))
        return fprintf(stderr, "%s: %s\n", argv[3], error), 1;

    fmgcam_tensor a, g, m;
    fmgcam_tensor_nchw(&a, activations, FMGCAM_DTYPE_FLOAT16, 1, C, H, W);
    fmgcam_tensor_nchw(&g, gradients, FMGCAM_DTYPE_FLOAT16, K, C, H, W);
    fmgcam_tensor_maps(&m, maps, K, H, W);
    fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .gradients = &g};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .maps = {maps, sizeof maps}};
    fmgcam_layers layers = {.struct_size = sizeof layers, .maps = &m};
    fmgcam_image picture = {.data = rgb,
                            .row_stride_bytes = (int64_t)row,
                            .width = info.width,
                            .height = info.height};

    fmgcam_context *context;
    if (fmgcam_create(NULL, &context, error, sizeof error))
        return fprintf(stderr, "%s\n", error), 1;
    fmgcam_status status = fmgcam_explain(context, &in, &out);
    if (!status) /* in place: over the picture itself */
        status = fmgcam_draw_overlay(context, &layers, &picture, &picture);
    if (status)
        fprintf(stderr, "%s\n", fmgcam_error_detail(context));
    fmgcam_destroy(context);

    fmgcam_imageio_write_options png = {.struct_size = sizeof png,
                                        .kind = FMGCAM_IMAGEIO_PNG};
    if (!status &&
        fmgcam_imageio_write_file(argv[4], &png, rgb, info.width, info.height,
                                  row, error, sizeof error)) {
        fprintf(stderr, "%s: %s\n", argv[4], error);
        status = 1;
    }
    free(rgb);
    return status != 0;
}
