/* SPDX-License-Identifier: MIT */
/* One pass over the cells of a class. */
#include "measure.h"

#include <string.h>

static void add_cell(class_measure *m, int64_t x, int64_t y, float value)
{
    if (m->cells == 0 || x < m->left)
        m->left = x;
    if (m->cells == 0 || x >= m->right)
        m->right = x + 1;
    if (m->cells == 0)
        m->top = y;
    m->bottom = y + 1; /* rows come in order */
    if (m->cells == 0 || value > m->peak)
        m->peak = value;
    double weight = (double)value;
    m->cells++;
    m->mass += weight;
    m->x += weight * ((double)x + 0.5);
    m->y += weight * ((double)y + 0.5);
}

void measure_class(const float *class_map, const int32_t *winner,
                   int64_t height, int64_t width, int32_t rank,
                   class_measure *measure)
{
    memset(measure, 0, sizeof *measure);
    for (int64_t y = 0; y < height; y++) {
        for (int64_t x = 0; x < width; x++) {
            int64_t s = y * width + x;
            if (winner[s] == rank)
                add_cell(measure, x, y, class_map[s]);
        }
    }
    measure->has_centroid = measure->mass > 0;
    if (measure->has_centroid) {
        measure->x /= measure->mass;
        measure->y /= measure->mass;
    }
}
