/* Without gradients: for a network that ends in global average pooling and one
 * linear layer, the rows of that layer's matrix give exactly Grad-CAM's maps.
 *
 *   classifier activations.npy classifier.npy */
#include <fmgcam/fmgcam.h>

#include "sample.h"

enum { K = 5, C = 1280, H = 7, W = 7 };
static uint16_t activations[C * H * W], rows[K * C];
static int32_t winner[H][W];

int main(int argc, char **argv)
{
    if (argc != 3 || !read_sample(argv[1], activations, C * H * W) ||
        !read_sample(argv[2], rows, K * C))
        return 2;

    fmgcam_tensor a, w;
    fmgcam_tensor_nchw(&a, activations, FMGCAM_DTYPE_FLOAT16, 1, C, H, W);
    fmgcam_tensor_matrix(&w, rows, FMGCAM_DTYPE_FLOAT16, K, C);
    fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .classifier = &w};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .winner = {winner, sizeof winner}};

    fmgcam_context *context;
    if (fmgcam_create(NULL, &context, NULL, 0))
        return 1;
    fmgcam_status status = fmgcam_explain(context, &in, &out);
    if (status)
        fprintf(stderr, "%s\n", fmgcam_error_detail(context));
    for (int y = 0; y < H && !status; y++)
        for (int x = 0; x < W; x++)
            printf("%2d%c", (int)winner[y][x], x + 1 < W ? ' ' : '\n');
    fmgcam_destroy(context);
    return status != FMGCAM_STATUS_OK;
}
