// SPDX-License-Identifier: MIT
// What maps.c does, from C++ by the C header.
#include <cmath>
#include <cstdint>
#include <fmgcam/fmgcam.h>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "loaded.h"

namespace
{

const int K = 5, C = 1280, H = 7, W = 7;

// The numbers of these .npy files begin after 128 bytes.
template <typename T>
std::vector<T> read_numbers(const std::string &path, std::size_t count)
{
    std::vector<T> numbers(count);
    std::ifstream file(path, std::ios::binary);
    file.seekg(128);
    if (!file.read(reinterpret_cast<char *>(numbers.data()),
                   static_cast<std::streamsize>(count * sizeof(T))))
        throw std::runtime_error(path + ": cannot be read");
    return numbers;
}

std::vector<float> explain(const std::vector<std::uint16_t> &activations,
                           const std::vector<std::uint16_t> &gradients)
{
    fmgcam_context *created = nullptr;
    if (fmgcam_create(nullptr, &created, nullptr, 0))
        throw std::runtime_error("no context");
    std::unique_ptr<fmgcam_context, decltype(&fmgcam_destroy)> context(
        created, fmgcam_destroy);

    std::vector<float> maps(K * H * W);
    fmgcam_tensor a, g;
    fmgcam_tensor_nchw(&a, activations.data(), FMGCAM_DTYPE_FLOAT16, 1, C, H,
                       W);
    fmgcam_tensor_nchw(&g, gradients.data(), FMGCAM_DTYPE_FLOAT16, K, C, H, W);
    fmgcam_inputs in = {};
    in.struct_size = sizeof in;
    in.activations = &a;
    in.gradients = &g;
    fmgcam_outputs out = {};
    out.struct_size = sizeof out;
    out.maps = {maps.data(), maps.size() * sizeof(float)};
    if (fmgcam_explain(context.get(), &in, &out))
        throw std::runtime_error(fmgcam_error_detail(context.get()));
    return maps;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    const std::string folder = std::string(argv[1]) + "/";
    try {
        const auto maps = explain(
            read_numbers<std::uint16_t>(folder + "activations.npy", C * H * W),
            read_numbers<std::uint16_t>(folder + "gradients.npy",
                                        K * C * H * W));
        const auto expected =
            read_numbers<float>(folder + "expected_maps.npy", K * H * W);
        for (std::size_t i = 0; i < maps.size(); i++)
            if (!(std::fabs(maps[i] - expected[i]) < 5e-5f))
                throw std::runtime_error("value " + std::to_string(i) +
                                         " is not the expected one");
    } catch (const std::exception &error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
    print_loaded();
}
