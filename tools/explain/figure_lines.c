/* SPDX-License-Identifier: MIT */
/*
 * Contours of each class at shares of its peak, after its map was resampled as
 * for drawing: where the colours say that the levels are. A class alone has
 * those of its class map; among the others, those of what it wins.
 */
#include "explain/figure_case.h"

#include <stdlib.h>

#include "diagnose.h"
#include "figure/contour.h"

/* Cells of the finer maps along their longer side, or more. */
#define FINE_CELLS 256

static const double half = 0.5;

typedef struct line_maker {
    figure_case *f;
    const double *levels;
    uint32_t level_count;
    uint32_t width, height; /* of the finer maps */
    size_t cells;
    float *fine;  /* [K, height, width] */
    float *plane; /* [height, width] */
    /* Of each cell the two largest values, or 0, and whose the first one is;
     * [height, width]. */
    float *first, *second;
    uint32_t *strongest;
} line_maker;

static int refine(const line_maker *m, const float *stack)
{
    const explain_maps *maps = m->f->maps;
    fmgcam_tensor view = explain_flat_view(maps, stack);
    fmgcam_buffer buffer = {m->fine,
                            m->cells * maps->classes * sizeof *m->fine};
    fmgcam_status status = fmgcam_resample_maps(m->f->context, &view, m->height,
                                                m->width, &buffer);
    return status ? explain_fail(m->f->inputs, m->f->context, status) : 0;
}

/* From cells of a finer map to pixels of the picture. */
static void place(const line_maker *m, contour_set *lines)
{
    const fmgcam_geometry *g = &m->f->geometry;
    contour_place(lines, g->left, (g->right - g->left) / m->width, g->top,
                  (g->bottom - g->top) / m->height);
}

/* Around what is at least the asked shares of @p peak in @p map. */
static int trace(const line_maker *m, const float *map, float peak,
                 contour_set *lines)
{
    int status = 0;
    for (uint32_t i = 0; i < m->level_count && peak > 0 && !status; i++)
        status = contour_trace(map, m->width, m->height,
                               m->levels[i] * (double)peak, lines);
    place(m, lines);
    return status;
}

static int trace_alone(const line_maker *m)
{
    const explain_maps *maps = m->f->maps;
    int status = refine(m, maps->class_maps);
    for (uint32_t k = 0; k < maps->classes && !status; k++)
        status = trace(m, m->fine + k * m->cells, figure_peak(m->f, k),
                       &m->f->classes[k].alone);
    return status;
}

/* ---- Fused at the size of the map ---------------------------------------- */

static int trace_final(const line_maker *m)
{
    const explain_maps *maps = m->f->maps;
    int status = refine(m, maps->maps);
    for (uint32_t k = 0; k < maps->classes && !status; k++) {
        const float *map = figure_class_map(m->f, maps->maps, k);
        float peak = 0;
        for (int64_t s = 0; s < maps->cells; s++)
            if (map[s] > peak)
                peak = map[s];
        status = trace(m, m->fine + k * m->cells, peak, &m->f->classes[k].won);
    }
    return status;
}

/* ---- Fused at the size of the picture ------------------------------------ */

static void rank_cells(const line_maker *m)
{
    uint32_t classes = m->f->maps->classes;
    for (size_t i = 0; i < m->cells; i++) {
        float first = 0, second = 0;
        uint32_t strongest = classes;
        for (uint32_t k = 0; k < classes; k++) {
            float value = m->fine[k * m->cells + i];
            if (value > first) {
                second = first;
                first = value;
                strongest = k;
            } else if (value > second) {
                second = value;
            }
        }
        m->first[i] = first;
        m->second[i] = second;
        m->strongest[i] = strongest;
    }
}

/* The largest value of the other classes, or 0. */
static float strongest_other(const line_maker *m, uint32_t k, size_t cell)
{
    return m->strongest[cell] == k ? m->second[cell] : m->first[cell];
}

/* What a class wins at a level is where it is above both the level and all
 * others: where the smaller one of the two margins is above 0. That goes to 0
 * evenly, so that lines follow the border of what is won. */
static int trace_level(const line_maker *m, uint32_t k, float level)
{
    const float *map = m->fine + k * m->cells;
    for (size_t i = 0; i < m->cells; i++) {
        float above_others = map[i] - strongest_other(m, k, i);
        float above_level = map[i] - level;
        m->plane[i] = above_level < above_others ? above_level : above_others;
    }
    return contour_trace(m->plane, m->width, m->height, 0,
                         &m->f->classes[k].won);
}

static int trace_contest(const line_maker *m)
{
    const explain_maps *maps = m->f->maps;
    int status = refine(m, maps->signed_maps);
    if (!status)
        rank_cells(m);
    for (uint32_t k = 0; k < maps->classes && !status; k++) {
        const float *map = m->fine + k * m->cells;
        float peak = 0;
        for (size_t i = 0; i < m->cells; i++)
            if (map[i] > peak && map[i] >= strongest_other(m, k, i))
                peak = map[i];
        for (uint32_t i = 0; i < m->level_count && peak > 0 && !status; i++)
            status = trace_level(m, k, (float)m->levels[i] * peak);
        place(m, &m->f->classes[k].won);
    }
    return status;
}

/* ---- All of them --------------------------------------------------------- */

static int provide(line_maker *m)
{
    size_t planes = (size_t)m->f->maps->classes + 3;
    if (m->cells <= SIZE_MAX / sizeof *m->fine / planes)
        m->fine = malloc(m->cells * planes * sizeof *m->fine);
    m->strongest = calloc(m->cells, sizeof *m->strongest);
    if (!m->fine || !m->strongest)
        return fail_memory();
    m->plane = m->fine + m->cells * m->f->maps->classes;
    m->first = m->plane + m->cells;
    m->second = m->first + m->cells;
    return 0;
}

int figure_make_lines(figure_case *f)
{
    const figure_options *asked = &f->asked->figure;
    const explain_maps *maps = f->maps;
    uint32_t rows = (uint32_t)maps->extents[0];
    uint32_t columns = (uint32_t)maps->extents[1];
    uint32_t longer = rows > columns ? rows : columns;
    uint32_t factor = (FINE_CELLS + longer - 1) / longer;
    line_maker m = {.f = f,
                    .levels = asked->level_count ? asked->levels : &half,
                    .level_count = asked->level_count ? asked->level_count : 1,
                    .width = columns * factor,
                    .height = rows * factor};
    m.cells = (size_t)m.width * m.height;
    bool at_image =
        maps->options.fuse_at == FMGCAM_FUSE_AT_IMAGE || !maps->maps;
    int status = provide(&m);
    if (!status)
        status = at_image ? trace_contest(&m) : trace_final(&m);
    if (!status)
        status = trace_alone(&m);
    free(m.fine);
    free(m.strongest);
    return status;
}
