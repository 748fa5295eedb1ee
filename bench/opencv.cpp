// SPDX-License-Identifier: MIT
// The overlay by OpenCV's C++ library.
#include <cstdint>
#include <cstring>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

extern "C" {
void *opencv_begin(const float *colors, int map_height, int map_width,
                   const uint8_t *picture, int height, int width, float alpha,
                   int bicubic);
void opencv_overlay(void *job);
const uint8_t *opencv_result(const void *job);
void opencv_end(void *job);
}

namespace
{

struct overlay {
    cv::Mat colors, picture, large, levels, out;
    double alpha;
    int interpolation;
};

} // namespace

void *opencv_begin(const float *colors, int map_height, int map_width,
                   const uint8_t *picture, int height, int width, float alpha,
                   int bicubic)
{
    cv::setNumThreads(1);
    auto *o = new overlay;
    o->colors = cv::Mat(map_height, map_width, CV_32FC3);
    std::memcpy(o->colors.data, colors,
                sizeof(float) * 3 * size_t(map_height) * size_t(map_width));
    o->picture = cv::Mat(height, width, CV_8UC3);
    std::memcpy(o->picture.data, picture, 3 * size_t(height) * size_t(width));
    o->alpha = double(alpha);
    o->interpolation = bicubic ? cv::INTER_CUBIC : cv::INTER_LINEAR;
    return o;
}

void opencv_overlay(void *job)
{
    auto *o = static_cast<overlay *>(job);
    cv::resize(o->colors, o->large, o->picture.size(), 0, 0, o->interpolation);
    o->large.convertTo(o->levels, CV_8U);
    cv::addWeighted(o->picture, 1 - o->alpha, o->levels, o->alpha, 0, o->out);
}

const uint8_t *opencv_result(const void *job)
{
    return static_cast<const overlay *>(job)->out.data;
}

void opencv_end(void *job)
{
    delete static_cast<overlay *>(job);
}
