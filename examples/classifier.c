/* Without gradients: for a network that ends in global average pooling and one
 * linear layer, the matrix of that layer gives exactly Grad-CAM's maps.
 *
 *   classifier activations.npy classifier.npy bias.npy scores.npy */
#include <fmgcam/fmgcam.h>

#include "sample.h"

/* The sample has five rows of the network's 1001; K of them are explained. */
enum { N = 5, K = 3, C = 1280, H = 7, W = 7 };
static uint16_t activations[C * H * W], matrix[N * C];
static float bias[N], scores[N];
static int32_t winner[H][W];

/* Is it the right layer, the right matrix, the right way round? Ask once. */
static fmgcam_status check(fmgcam_context *context, const fmgcam_inputs *in)
{
    fmgcam_head_check head = {.struct_size = sizeof head};
    fmgcam_status status = fmgcam_check_head(context, in, 0, &head);
    if (!status)
        printf("the head %s: scores are off by %.1e, %.1e allowed\n",
               head.cause == FMGCAM_HEAD_FITS ? "fits" : "does not fit",
               head.error, head.bound);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 5 || !read_sample(argv[1], activations, 2, C * H * W) ||
        !read_sample(argv[2], matrix, 2, N * C) ||
        !read_sample(argv[3], bias, 4, N) ||
        !read_sample(argv[4], scores, 4, N))
        return 2;

    fmgcam_tensor a, w, b, y;
    fmgcam_tensor_nchw(&a, activations, FMGCAM_DTYPE_FLOAT16, 1, C, H, W);
    fmgcam_tensor_matrix(&w, matrix, FMGCAM_DTYPE_FLOAT16, N, C);
    fmgcam_tensor_vector(&b, bias, FMGCAM_DTYPE_FLOAT32, N);
    fmgcam_tensor_vector(&y, scores, FMGCAM_DTYPE_FLOAT32, N);
    uint32_t classes[K], count = 0;
    fmgcam_choice best = {.struct_size = sizeof best, .count = K};
    fmgcam_buffer chosen = {classes, sizeof classes};
    fmgcam_inputs in = {.struct_size = sizeof in,
                        .activations = &a,
                        .classifier = &w,
                        .bias = &b,
                        .scores = &y,
                        .classes = classes};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .winner = {winner, sizeof winner}};

    fmgcam_context *context;
    if (fmgcam_create(NULL, &context, NULL, 0))
        return 1;
    fmgcam_status status =
        fmgcam_choose_classes(context, &best, &y, &chosen, NULL, &count);
    in.class_count = count;
    if (!status)
        status = check(context, &in);
    if (!status)
        status = fmgcam_explain(context, &in, &out);
    if (status)
        fprintf(stderr, "%s\n", fmgcam_error_detail(context));
    for (int r = 0; r < H && !status; r++)
        for (int x = 0; x < W; x++)
            printf("%2d%c", (int)winner[r][x], x + 1 < W ? ' ' : '\n');
    fmgcam_destroy(context);
    return status != FMGCAM_STATUS_OK;
}
