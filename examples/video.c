/* A folder of frames and their tensors becomes a folder of overlays:
 *
 *   video FRAMES classifier.npy OVERLAYS [SMOOTHING [HYSTERESIS]]
 *
 * FRAMES has frame_0001.png, activations_0001.npy and scores_0001.npy, then
 * those of 0002, and so on; the overlays get the names of the frames. With
 * SMOOTHING and HYSTERESIS 0 each frame is explained by itself. */
#include <fmgcam/fmgcam.h>
#include <fmgcam/imageio.h>
#include <stdlib.h>

#include "sample.h"

/* As in the sample: n classes have scores, at most K of them are shown. */
enum { N = 5, K = 3, C = 1280, H = 7, W = 7 };

struct video {
    fmgcam_context *context;
    fmgcam_tracking tracking;
    uint16_t activations[C * H * W], matrix[N * C];
    float scores[N];
    uint32_t classes[K], slots[K], count; /* that are shown */
    float probabilities[K];
    float signed_maps[K * H * W], class_maps[K * H * W], maps[K * H * W];
    uint8_t *rgb;
    uint32_t width, height;
    char error[200];
};

static const char *name_in(const char *folder, const char *kind, int frame,
                           const char *type)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s_%04d.%s", folder, kind, frame, type);
    return path;
}

static int read_frame(struct video *v, const char *folder, int frame)
{
    const char *picture = name_in(folder, "frame", frame, "png");
    fmgcam_imageio_info info = {.struct_size = sizeof info};
    if (fmgcam_imageio_probe_file(picture, NULL, &info, v->error,
                                  sizeof v->error))
        return fprintf(stderr, "%s: %s\n", picture, v->error), 0;
    size_t row = 3 * (size_t)info.width, size = row * info.height;
    free(v->rgb);
    v->rgb = malloc(size);
    v->width = info.width;
    v->height = info.height;
    if (!v->rgb || fmgcam_imageio_read_file(picture, NULL, v->rgb, size, row,
                                            NULL, v->error, sizeof v->error))
        return fprintf(stderr, "%s: %s\n", picture, v->error), 0;
    return read_sample(name_in(folder, "activations", frame, "npy"),
                       v->activations, 2, C * H * W) &&
           read_sample(name_in(folder, "scores", frame, "npy"), v->scores, 4,
                       N);
}

/* Which classes, in which slots. */
static fmgcam_status track(struct video *v)
{
    fmgcam_tensor y;
    fmgcam_buffer classes = {v->classes, sizeof v->classes},
                  probabilities = {v->probabilities, sizeof v->probabilities},
                  slots = {v->slots, sizeof v->slots};
    fmgcam_tensor_vector(&y, v->scores, FMGCAM_DTYPE_FLOAT32, N);
    return fmgcam_track_classes(v->context, &v->tracking, &y, &classes,
                                &probabilities, &slots, &v->count);
}

/* Their maps: of this frame, smoothed over time, then stages 3 to 6. */
static fmgcam_status explain(struct video *v)
{
    fmgcam_context *context = v->context;
    fmgcam_tensor a, w, m, r, f;
    fmgcam_buffer signed_maps = {v->signed_maps, sizeof v->signed_maps},
                  class_maps = {v->class_maps, sizeof v->class_maps},
                  maps = {v->maps, sizeof v->maps};
    fmgcam_tensor_nchw(&a, v->activations, FMGCAM_DTYPE_FLOAT16, 1, C, H, W);
    fmgcam_tensor_matrix(&w, v->matrix, FMGCAM_DTYPE_FLOAT16, N, C);
    fmgcam_tensor_maps(&m, v->signed_maps, v->count, H, W);
    fmgcam_tensor_maps(&r, v->class_maps, v->count, H, W);
    fmgcam_tensor_maps(&f, v->maps, v->count, H, W);
    fmgcam_inputs in = {.struct_size = sizeof in,
                        .activations = &a,
                        .classifier = &w,
                        .classes = v->classes,
                        .class_count = v->count};
    fmgcam_outputs out = {.struct_size = sizeof out,
                          .signed_maps = signed_maps};
    fmgcam_status status = fmgcam_explain(context, &in, &out);
    if (!status)
        status = fmgcam_smooth_maps(context, &v->tracking, &m, v->classes,
                                    &signed_maps);
    if (!status)
        status = fmgcam_activate_maps(context, &m, &class_maps);
    if (!status)
        status = fmgcam_filter_maps(context, &m, &r, &maps, NULL);
    if (!status)
        status = fmgcam_normalize_maps(context, &f, NULL, &maps);
    if (!status)
        status = fmgcam_rescale_maps(context, &f, &maps, NULL);
    return status;
}

/* Over the frame itself; a class keeps the colour of its slot. */
static fmgcam_status draw(struct video *v)
{
    fmgcam_tensor f;
    fmgcam_layers layers = {
        .struct_size = sizeof layers, .maps = &f, .classes = v->slots};
    fmgcam_image picture = {.data = v->rgb,
                            .row_stride_bytes = 3 * (int64_t)v->width,
                            .width = v->width,
                            .height = v->height};
    fmgcam_tensor_maps(&f, v->maps, v->count, H, W);
    return fmgcam_draw_overlay(v->context, &layers, &picture, &picture);
}

static int write_frame(struct video *v, const char *folder, int frame)
{
    const char *path = name_in(folder, "frame", frame, "png");
    fmgcam_imageio_write_options png = {.struct_size = sizeof png,
                                        .kind = FMGCAM_IMAGEIO_PNG};
    if (fmgcam_imageio_write_file(path, &png, v->rgb, v->width, v->height,
                                  3 * (size_t)v->width, v->error,
                                  sizeof v->error))
        return fprintf(stderr, "%s: %s\n", path, v->error), 0;
    printf("%04d:", frame);
    for (uint32_t k = 0; k < v->count; k++)
        printf(" class %u in slot %u (%.3f)", v->classes[k], v->slots[k],
               (double)v->probabilities[k]);
    printf("\n");
    return 1;
}

static int exists(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file)
        fclose(file);
    return file != NULL;
}

int main(int argc, char **argv)
{
    static struct video v = {
        .tracking = {.struct_size = sizeof v.tracking, .count = K}};
    if (argc < 4 || argc > 6 || !read_sample(argv[2], v.matrix, 2, N * C))
        return 2;
    if (argc > 4) {
        v.tracking.smoothing = strtof(argv[4], NULL);
        v.tracking.flags |= FMGCAM_TRACKING_SMOOTHING_SET;
    }
    if (argc > 5) {
        v.tracking.hysteresis = strtof(argv[5], NULL);
        v.tracking.flags |= FMGCAM_TRACKING_HYSTERESIS_SET;
    }
    if (fmgcam_create(NULL, &v.context, v.error, sizeof v.error))
        return fprintf(stderr, "%s\n", v.error), 1;
    int frame = 1, ok = 1;
    for (; ok && exists(name_in(argv[1], "frame", frame, "png")); frame++) {
        fmgcam_status status = FMGCAM_STATUS_OK;
        ok = read_frame(&v, argv[1], frame);
        if (ok)
            status = track(&v);
        if (ok && !status)
            status = explain(&v);
        if (ok && !status)
            status = draw(&v);
        if (status)
            fprintf(stderr, "frame %d: %s\n", frame,
                    fmgcam_error_detail(v.context));
        ok = ok && !status && write_frame(&v, argv[3], frame);
    }
    if (frame == 1)
        fprintf(stderr, "%s: no frame_0001.png\n", argv[1]);
    fmgcam_destroy(v.context);
    free(v.rgb);
    return !ok || frame == 1;
}
