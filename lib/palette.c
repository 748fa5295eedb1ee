/* SPDX-License-Identifier: MIT */
/* Colours of classes, and of the values of a single map. */
#include "internal.h"

/* ---- Palettes ------------------------------------------------------------ */

/* Okabe and Ito's colours, without black, and a grey. */
static const uint8_t okabe_ito[][3] = {
    {213, 94, 0},    {86, 180, 233}, {240, 228, 66}, {0, 158, 115},
    {204, 121, 167}, {0, 114, 178},  {230, 159, 0},  {153, 153, 153},
};

/* Paul Tol's bright scheme. */
static const uint8_t tol[][3] = {
    {68, 119, 170},  {238, 102, 119}, {34, 136, 51},   {204, 187, 68},
    {102, 204, 238}, {170, 51, 119},  {187, 187, 187},
};

/* Those of the published package, by rank. */
static const uint8_t released[][3] = {
    {255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 0}, {0, 255, 255},
};

#define LIST(colors)                                                           \
 {                                                                             \
  colors, sizeof(colors) / sizeof *(colors)                                    \
 }

static const struct {
    const uint8_t (*colors)[3];
    uint32_t count;
} palettes[] = {
    [FMGCAM_PALETTE_OKABE_ITO] = LIST(okabe_ito),
    [FMGCAM_PALETTE_TOL] = LIST(tol),
    [FMGCAM_PALETTE_RELEASED] = LIST(released),
};

/* Hues by steps of the golden section of the circle, which never fall close to
 * each other, in three brightnesses. */
static void generate_color(uint32_t number, uint8_t rgb[3])
{
    static const uint32_t brightness[3] = {255, 190, 225};
    static const uint32_t darkness[3] = {40, 20, 110};
    const uint32_t golden = 2654435769u; /* 2^32 / ((1 + sqrt 5) / 2) */
    uint32_t turn = (uint32_t)(((uint64_t)(uint32_t)(number * golden) * 1536) >>
                               32); /* six edges of 256 steps */
    uint32_t edge = turn / 256, rise = turn % 256;
    uint32_t high = brightness[number % 3], low = darkness[number % 3];
    uint32_t up = low + (high - low) * rise / 255;
    uint32_t down = high + low - up;
    const uint32_t edges[6][3] = {{high, up, low}, {down, high, low},
                                  {low, high, up}, {low, down, high},
                                  {up, low, high}, {high, low, down}};
    for (size_t i = 0; i < 3; i++)
        rgb[i] = (uint8_t)edges[edge][i];
}

fmgcam_status fmgcam_palette_color(uint32_t palette, uint32_t index,
                                   uint8_t rgb[3])
{
    uint32_t which = palette ? palette : FMGCAM_PALETTE_OKABE_ITO;
    if (!rgb || which > FMGCAM_PALETTE_RELEASED)
        return FMGCAM_STATUS_ARGUMENT;
    if (index < palettes[which].count)
        memcpy(rgb, palettes[which].colors[index], 3);
    else
        generate_color(index - palettes[which].count, rgb);
    return FMGCAM_STATUS_OK;
}

/* ---- Colour maps --------------------------------------------------------- */

/* Colours at even steps, straight lines between them. Of viridis, magma (Smith,
 * van der Walt and Firing) and turbo (Mikhailov) every fifth of the 256 that
 * they are published as, which is within one level of the others. */
static const uint8_t viridis[][3] = {
    {68, 1, 84},    {70, 8, 92},    {71, 16, 99},   {72, 23, 105},
    {72, 29, 111},  {72, 36, 117},  {71, 42, 122},  {70, 48, 126},
    {69, 55, 129},  {67, 61, 132},  {65, 66, 135},  {63, 72, 137},
    {61, 78, 138},  {58, 83, 139},  {56, 89, 140},  {53, 94, 141},
    {51, 99, 141},  {49, 104, 142}, {46, 109, 142}, {44, 113, 142},
    {42, 118, 142}, {41, 123, 142}, {39, 128, 142}, {37, 132, 142},
    {35, 137, 142}, {33, 142, 141}, {32, 146, 140}, {31, 151, 139},
    {30, 156, 137}, {31, 161, 136}, {33, 165, 133}, {36, 170, 131},
    {40, 174, 128}, {46, 179, 124}, {53, 183, 121}, {61, 188, 116},
    {70, 192, 111}, {80, 196, 106}, {90, 200, 100}, {101, 203, 94},
    {112, 207, 87}, {124, 210, 80}, {137, 213, 72}, {149, 216, 64},
    {162, 218, 55}, {176, 221, 47}, {189, 223, 38}, {202, 225, 31},
    {216, 226, 25}, {229, 228, 25}, {241, 229, 29}, {253, 231, 37},
};

static const uint8_t magma[][3] = {
    {0, 0, 4},       {2, 2, 11},      {5, 4, 22},      {9, 7, 32},
    {14, 11, 43},    {20, 14, 54},    {26, 16, 66},    {33, 17, 78},
    {41, 17, 90},    {49, 17, 101},   {57, 15, 110},   {66, 15, 117},
    {74, 16, 121},   {82, 19, 124},   {90, 22, 126},   {98, 25, 128},
    {106, 28, 129},  {114, 31, 129},  {121, 34, 130},  {129, 37, 129},
    {137, 40, 129},  {145, 43, 129},  {153, 45, 128},  {161, 48, 126},
    {170, 51, 125},  {178, 53, 123},  {186, 56, 120},  {194, 59, 117},
    {202, 62, 114},  {210, 66, 111},  {217, 70, 107},  {224, 76, 103},
    {231, 82, 99},   {236, 88, 96},   {241, 96, 93},   {244, 105, 92},
    {247, 114, 92},  {249, 123, 93},  {251, 133, 96},  {252, 142, 100},
    {253, 152, 105}, {254, 161, 110}, {254, 170, 116}, {254, 180, 123},
    {254, 189, 130}, {254, 198, 138}, {254, 207, 146}, {254, 216, 154},
    {253, 226, 163}, {253, 235, 172}, {252, 244, 182}, {252, 253, 191},
};

static const uint8_t turbo[][3] = {
    {48, 18, 59},   {54, 33, 95},   {59, 47, 128},   {63, 62, 156},
    {66, 75, 181},  {69, 89, 203},  {70, 102, 221},  {71, 115, 235},
    {70, 128, 246}, {69, 140, 253}, {64, 153, 255},  {56, 165, 251},
    {47, 178, 244}, {39, 190, 233}, {31, 201, 221},  {26, 212, 208},
    {24, 221, 194}, {26, 228, 182}, {34, 235, 170},  {47, 241, 155},
    {63, 246, 138}, {82, 250, 122}, {101, 253, 105}, {121, 254, 89},
    {139, 255, 75}, {156, 254, 64}, {169, 251, 57},  {183, 247, 53},
    {195, 241, 52}, {208, 234, 52}, {219, 226, 54},  {229, 217, 56},
    {238, 207, 58}, {245, 197, 58}, {250, 186, 57},  {253, 174, 53},
    {254, 161, 48}, {254, 147, 42}, {252, 132, 35},  {249, 117, 29},
    {244, 102, 23}, {239, 88, 17},  {232, 75, 12},   {225, 65, 9},
    {216, 55, 6},   {206, 45, 4},   {195, 37, 3},    {183, 29, 2},
    {169, 22, 1},   {155, 15, 1},   {139, 9, 2},     {122, 4, 3},
};

static const uint8_t jet[][3] = {
    {0, 0, 128},   {0, 0, 255},   {0, 128, 255}, {0, 255, 255}, {128, 255, 128},
    {255, 255, 0}, {255, 128, 0}, {255, 0, 0},   {128, 0, 0},
};

static const uint8_t grey[][3] = {{0, 0, 0}, {255, 255, 255}};

/* Brewer's eleven from red to blue, the other way round. */
static const uint8_t diverging[][3] = {
    {5, 48, 97},     {33, 102, 172},  {67, 147, 195},  {146, 197, 222},
    {209, 229, 240}, {247, 247, 247}, {253, 219, 199}, {244, 165, 130},
    {214, 96, 77},   {178, 24, 43},   {103, 0, 31},
};

static const struct {
    const uint8_t (*colors)[3];
    uint32_t count;
} color_maps[] = {
    [FMGCAM_COLOR_MAP_VIRIDIS] = LIST(viridis),
    [FMGCAM_COLOR_MAP_MAGMA] = LIST(magma),
    [FMGCAM_COLOR_MAP_TURBO] = LIST(turbo),
    [FMGCAM_COLOR_MAP_JET] = LIST(jet),
    [FMGCAM_COLOR_MAP_GREY] = LIST(grey),
    [FMGCAM_COLOR_MAP_DIVERGING] = LIST(diverging),
};

struct fmgcam_ramp fmgcam_ramp_of(uint32_t color_map, int is_blue_first)
{
    struct fmgcam_ramp ramp = {
        .scale = 1.0f,
        .is_signed = color_map == FMGCAM_COLOR_MAP_DIVERGING,
        .count = color_maps[color_map].count,
    };
    const uint8_t(*colors)[3] = color_maps[color_map].colors;
    for (size_t i = 0; i < ramp.count; i++)
        for (size_t c = 0; c < 3; c++) {
            size_t byte = is_blue_first ? 2 - c : c;
            ramp.colors[i][c] = colors[i][byte];
            if (i + 1 < ramp.count)
                ramp.rises[i][c] =
                    (float)colors[i + 1][byte] - (float)colors[i][byte];
        }
    return ramp;
}

/* A picture of one pixel, so that it has the very bits of pictures. */
fmgcam_status fmgcam_map_color(uint32_t color_map, float value, uint8_t rgb[3])
{
    if (!rgb || color_map < FMGCAM_COLOR_MAP_VIRIDIS ||
        color_map > FMGCAM_COLOR_MAP_DIVERGING)
        return FMGCAM_STATUS_ARGUMENT;
    const struct fmgcam_ramp ramp = fmgcam_ramp_of(color_map, 0);
    if (!(value >= (ramp.is_signed ? -1.0f : 0.0f) && value <= 1.0f))
        return FMGCAM_STATUS_ARGUMENT;
    const float line[FMGCAM_STRIP_UNIT] = {value}, weight = 1.0f;
    const float *lines = line;
    const struct fmgcam_strip strip = {.lines = &lines,
                                       .weights = &weight,
                                       .taps = 1,
                                       .plane_stride = FMGCAM_STRIP_UNIT,
                                       .width = 1};
    const struct fmgcam_pixels pixel = {.out = rgb, .bytes = 3, .alpha = 1.0f};
    struct fmgcam_kernels kernels;
    fmgcam_use_c_shading(&kernels);
    kernels.shade_ramp(&strip, &pixel, &ramp);
    return FMGCAM_STATUS_OK;
}
