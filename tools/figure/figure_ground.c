/* SPDX-License-Identifier: MIT */
/* Pictures are filtered where they get smaller; the geometry follows them. */
#include "figure/figure_ground.h"

#include <math.h>

/* ---- Where the maps lie -------------------------------------------------- */

int figure_locate(const preprocess *chain, fmgcam_context *context,
                  figure_content *content, fmgcam_geometry *geometry)
{
    int status = preprocess_locate(chain, context, content->width,
                                   content->height, geometry);
    if (status)
        return status;
    content->seen_left = geometry->seen_left;
    content->seen_top = geometry->seen_top;
    content->seen_right = geometry->seen_right;
    content->seen_bottom = geometry->seen_bottom;
    if (content->seen_left > 0 || content->seen_top > 0 ||
        content->seen_right < content->width ||
        content->seen_bottom < content->height)
        content->unseen = "not seen by the network";
    return 0;
}

/* ---- The ground of small panels ------------------------------------------ */

/* A panel is never wider than the figure, and among many never wider than half
 * of it. */
static double find_scale(const figure_content *content, uint32_t panels)
{
    double most = content->page_width;
    if (panels > 3)
        most /= 2;
    return fmin(1, most / fmax(content->width, content->height));
}

static uint32_t scaled_size(uint32_t size, double scale)
{
    double scaled = round(size * scale);
    return scaled > 1 ? (uint32_t)scaled : 1;
}

static void scale_edges(double scale, double *low, double *high,
                        double *seen_low, double *seen_high)
{
    *low *= scale;
    *high *= scale;
    *seen_low *= scale;
    *seen_high *= scale;
}

int figure_ground_make(const figure_content *content, const picture *image,
                       const fmgcam_geometry *geometry, uint32_t panels,
                       figure_ground *ground)
{
    double scale = find_scale(content, panels);
    uint32_t width = scaled_size(content->width, scale);
    uint32_t height = scaled_size(content->height, scale);
    fmgcam_geometry *g = &ground->geometry;
    *g = *geometry;
    scale_edges((double)width / content->width, &g->left, &g->right,
                &g->seen_left, &g->seen_right);
    scale_edges((double)height / content->height, &g->top, &g->bottom,
                &g->seen_top, &g->seen_bottom);
    ground->image = (picture){.width = width, .height = height};
    return image->rgb ? picture_resize(image, width, height,
                                       FMGCAM_RESAMPLE_BICUBIC, &ground->image)
                      : 0;
}

void figure_ground_release(figure_ground *ground)
{
    picture_release(&ground->image);
}

int figure_ground_copy(const figure_ground *ground, picture *panel)
{
    return picture_begin(&ground->image, ground->image.width,
                         ground->image.height, panel);
}

/* ---- Scales of colours --------------------------------------------------- */

void figure_fill_ramp(uint32_t color_map,
                      uint8_t colors[3 * FIGURE_RAMP_COLORS], figure_ramp *ramp)
{
    float low = color_map == FMGCAM_COLOR_MAP_DIVERGING ? -1 : 0;
    for (size_t i = 0; i < FIGURE_RAMP_COLORS; i++) {
        float share = (float)i / (FIGURE_RAMP_COLORS - 1);
        fmgcam_map_color(color_map, low + (1 - low) * share, &colors[3 * i]);
    }
    ramp->colors = colors;
    ramp->count = FIGURE_RAMP_COLORS;
}
