/* Explain two classes from two float arrays. */
#include <fmgcam/fmgcam.h>
#include <stdio.h>

int main(void)
{
    enum { K = 2, C = 2, H = 2, W = 2 };
    const float activations[C][H][W] = {{{3, 1}, {0, 0}}, {{0, 0}, {1, 2}}};
    const float gradients[K][C][H][W] = {{{{1, 1}, {1, 1}}},
                                         {{{0}}, {{2, 2}, {2, 2}}}};
    float maps[K][H][W];

    fmgcam_tensor a, g;
    fmgcam_tensor_nchw(&a, activations, FMGCAM_DTYPE_FLOAT32, 1, C, H, W);
    fmgcam_tensor_nchw(&g, gradients, FMGCAM_DTYPE_FLOAT32, K, C, H, W);
    fmgcam_inputs in = {
        .struct_size = sizeof in, .activations = &a, .gradients = &g};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .maps = {maps, sizeof maps}};

    fmgcam_context *context;
    if (fmgcam_create(NULL, &context, NULL, 0))
        return 1;
    fmgcam_status status = fmgcam_explain(context, &in, &out);
    if (status)
        fprintf(stderr, "fmgcam: %s\n", fmgcam_error_detail(context));
    for (int i = 0; i < H * W && !status; i++)
        printf("cell %d: class 0 %.3f, class 1 %.3f\n", i,
               (double)maps[0][i / W][i % W], (double)maps[1][i / W][i % W]);
    fmgcam_destroy(context);
    return status != FMGCAM_STATUS_OK;
}
