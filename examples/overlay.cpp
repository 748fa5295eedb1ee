// Draw the evidence for five classes over a decoded picture, as overlay.c does:
//
//   overlay activations.npy gradients.npy picture.png overlay.png
#include <fmgcam/fmgcam.hpp>
#include <fmgcam/imageio.h>

#include "sample.h"

static const std::int64_t K = 5, C = 1280, H = 7, W = 7;
static std::uint16_t activations[C * H * W], gradients[K * C * H * W];

static void draw(const char *read_from, const char *write_to)
{
    const fmgcam::Tensor a(fmgcam::float16(activations), {1, C, H, W});
    const fmgcam::Tensor g(fmgcam::float16(gradients), {K, C, H, W});
    auto inputs = fmgcam::make<fmgcam_inputs>();
    inputs.activations = &a;
    inputs.gradients = &g;
    fmgcam::Context context;
    const auto result = context.explain(inputs, fmgcam::Want::maps);
    const fmgcam::Tensor maps = result.view(result.maps);
    auto layers = fmgcam::make<fmgcam_layers>();
    layers.maps = &maps;

    char error[200];
    const auto check = [&](fmgcam_imageio_status status) {
        if (status)
            throw std::runtime_error(error);
    };
    auto info = fmgcam::make<fmgcam_imageio_info>();
    check(fmgcam_imageio_probe_file(read_from, nullptr, &info, error,
                                    sizeof error));
    const std::size_t row = 3 * std::size_t{info.width};
    std::vector<std::uint8_t> rgb(row * info.height);
    check(fmgcam_imageio_read_file(read_from, nullptr, rgb.data(), rgb.size(),
                                   row, nullptr, error, sizeof error));
    const fmgcam_image picture = fmgcam::image(rgb, info.width, info.height);
    context.draw_overlay(layers, picture, picture); // over the picture itself
    auto png = fmgcam::make<fmgcam_imageio_write_options>();
    png.kind = FMGCAM_IMAGEIO_PNG;
    check(fmgcam_imageio_write_file(write_to, &png, rgb.data(), info.width,
                                    info.height, row, error, sizeof error));
}

int main(int argc, char **argv)
{
    if (argc != 5 || !read_sample(argv[1], activations, 2, C * H * W) ||
        !read_sample(argv[2], gradients, 2, K * C * H * W))
        return 2;
    try {
        draw(argv[3], argv[4]);
    } catch (const std::exception &failure) {
        std::fprintf(stderr, "%s\n", failure.what());
        return 1;
    }
}
