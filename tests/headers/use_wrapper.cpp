// SPDX-License-Identifier: MIT
// Uses every template of fmgcam.hpp, so that compilers look into them; nobody
// runs it. check_headers.py compiles it under two names and links both.
#include <fmgcam/dlpack.h>
#include <fmgcam/fmgcam.hpp>
#include <fmgcam/imageio.h>

#include <array>

std::size_t FMGCAM_TEST_NAME(const DLTensor &theirs);

std::size_t FMGCAM_TEST_NAME(const DLTensor &theirs)
{
    fmgcam::Status status;
    fmgcam::Context context(status);
    fmgcam::Tensor activations, gradients;
    const float scores[1][5] = {{1.0f, 2.0f, 3.0f, 4.0f, 5.0f}};
    std::vector<std::uint16_t> halves(24);
    std::array<double, 24> doubles = {};
    std::vector<std::uint8_t> pixels(12);

    fmgcam_tensor_dlpack(&activations, &theirs, nullptr, 0);
    gradients = fmgcam::Tensor(fmgcam::float16(halves), {2, 3, 4}, status);
    gradients = fmgcam::Tensor(fmgcam::bfloat16(halves.data()), {2, 3, 4});
    gradients = fmgcam::Tensor({doubles.data(), doubles.size()}, {24});
    gradients = fmgcam::Tensor::tokens(doubles, 2, 4, 3, 0, {2, 2}).slice(1);
    gradients = fmgcam::Tensor::nhwc(doubles, 2, 3, 2, 2, status);

    fmgcam_inputs inputs = fmgcam::make<fmgcam_inputs>();
    inputs.activations = &activations;
    inputs.gradients = &gradients;
    fmgcam::Explanation made = context.explain(
        inputs, fmgcam::Want::maps | fmgcam::Want::winner, status);
    context.explain(inputs, fmgcam::Want::maps, made, status);
    context.explain_batch({inputs, inputs}, fmgcam::Want::maps, status);
    const fmgcam::Tensor maps = made.view(made.maps, status);

    fmgcam_layers layers = fmgcam::make<fmgcam_layers>();
    layers.maps = &maps;
    const fmgcam_image picture = fmgcam::image(pixels, 2, 2);
    context.draw_overlay(layers, picture, picture, status);
    context.set_options(context.options(status), status);
    context.reserve(fmgcam::make<fmgcam_limits>(), status);
    context.set_log([](std::uint32_t, const char *) {}, status);
    context.set_runner(
        [](const fmgcam::Task &task, std::uint32_t count) {
            for (std::uint32_t i = 0; i < count; i++)
                task(i, 0);
            return true;
        },
        1, status);
    context = fmgcam::Context(context.release());

    const fmgcam_buffer buffer = fmgcam::buffer(pixels);
    const fmgcam::Tensor y(scores, {5});
    return buffer.size_bytes + context.choose_classes(y).classes.size() +
           context.track_classes(y).slots.size() +
           context.smooth_maps(maps, {0, 1}).size() +
           context.measure_region(maps, maps).size() +
           context.measure_overlap(maps).size() +
           context.measure_margin(maps).size() +
           context.resample_maps(maps, 3, 3).size() +
           context.draw_heatmap(layers, 2, 2).size() +
           context.draw_overlay(layers, picture).size() +
           context.find_geometry(2, 2, {}).input_width +
           context.measure_class(made, 0).cells +
           context.check_head(inputs).index;
}
