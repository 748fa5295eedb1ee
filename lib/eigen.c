/* SPDX-License-Identifier: MIT */
/* Maps by the first principal component over the channels. X [S, C] has A (or
 * G A) with each channel less its mean over the cells; with its leading right
 * singular vector v,
 *
 *   M = X v,  the sign being that which makes the sum of v positive,
 *
 * so that M grows where the channels do. (Muhammad and Yeasin, Eigen-CAM, 2020;
 * its sign is arbitrary there.) By the smaller of the Gram matrices X X^T, of
 * which M is sqrt(lambda) u, and X^T X, of which v is the vector: see lanczos.c.
 *
 * All in double, in an order that does not depend on the layout. */
#include "internal.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Vectors whose products are added to the Gram matrix at one go. */
enum { GROUP = 8 };

struct projection {
    const struct fmgcam_view *gradients; /* NULL: eigen-cam */
    const struct fmgcam_view *activations;
    size_t k; /* class */
    size_t cells, channels;
    int by_cells;           /* the Gram matrix is X X^T, [S, S] */
    size_t size;            /* its n */
    float *copy_a, *copy_g; /* [tile] of the worker */
    /* In scratch->eigen: */
    double *matrix;   /* [n, n] */
    double *group;    /* [GROUP, n] */
    double *means;    /* [C] */
    double *floors;   /* [C], below which a deviation is rounding */
    double *row_sums; /* [S], sums of X over the channels */
    double *map;      /* [S] */
    double *krylov;
};

static size_t add(size_t a, size_t b)
{
    return a == 0 || b == 0 || a > SIZE_MAX - b ? 0 : a + b;
}

size_t fmgcam_eigen_space(size_t cells, size_t channels)
{
    size_t n = smaller(cells, channels), square, group;
    if (!fmgcam_multiply(n, n, &square) || !fmgcam_multiply(n, GROUP, &group) ||
        cells > SIZE_MAX / 4 || channels > SIZE_MAX / 4)
        return 0;
    size_t space = add(square, fmgcam_leading_space(n));
    return add(add(space, group), 2 * channels + 2 * cells);
}

static struct projection prepare(const struct fmgcam_view *gradients,
                                 const struct fmgcam_view *activations,
                                 const struct fmgcam_scratch *scratch)
{
    struct projection p = {
        .gradients = gradients,
        .activations = activations,
        .cells = activations->cells,
        .channels = activations->channels,
        .by_cells = activations->cells <= activations->channels,
        .size = smaller(activations->cells, activations->channels),
        .copy_a = fmgcam_worker_scratch(scratch, 0),
        .matrix = scratch->eigen,
    };
    p.copy_g = p.copy_a + FMGCAM_TILE_FLOATS;
    p.group = p.matrix + p.size * p.size;
    p.means = p.group + GROUP * p.size;
    p.floors = p.means + p.channels;
    p.row_sums = p.floors + p.channels;
    p.map = p.row_sums + p.cells;
    p.krylov = p.map + p.cells;
    return p;
}

/* ---- X ------------------------------------------------------------------- */

/* A tile of the values before the means are taken away. */
struct tile {
    const float *a, *g; /* g NULL: ones */
    ptrdiff_t a_stride, g_stride;
};

static struct tile load(const struct projection *p, size_t c, size_t channels,
                        size_t s, size_t cells)
{
    struct tile tile = {0};
    tile.a = fmgcam_view_tile(p->activations, 0, c, channels, s, cells,
                              p->copy_a, &tile.a_stride);
    if (p->gradients)
        tile.g = fmgcam_view_tile(p->gradients, p->k, c, channels, s, cells,
                                  p->copy_g, &tile.g_stride);
    return tile;
}

static double value_of(const struct tile *tile, size_t c, size_t s)
{
    double a = (double)tile->a[(ptrdiff_t)c * tile->a_stride + (ptrdiff_t)s];
    if (!tile->g)
        return a;
    return a * (double)tile->g[(ptrdiff_t)c * tile->g_stride + (ptrdiff_t)s];
}

/* The mean of each channel, and how far rounding alone can take a value from
 * it: (S + 1) half units of the mean magnitude. A constant channel has no
 * deviation, whatever its mean was rounded to. */
static void find_means(const struct projection *p)
{
    for (size_t c = 0; c < p->channels; c++) {
        double sum = 0.0, magnitudes = 0.0;
        for (size_t s = 0; s < p->cells; s += FMGCAM_TILE_CELLS) {
            size_t cells = smaller(FMGCAM_TILE_CELLS, p->cells - s);
            struct tile tile = load(p, c, 1, s, cells);
            for (size_t i = 0; i < cells; i++) {
                double value = value_of(&tile, 0, i);
                sum += value;
                magnitudes += fabs(value);
            }
        }
        p->means[c] = sum / (double)p->cells;
        p->floors[c] = ((double)p->cells + 1.0) * (DBL_EPSILON / 2.0) *
                       (magnitudes / (double)p->cells);
    }
}

static double deviation(const struct projection *p, double value, size_t c)
{
    double x = value - p->means[c];
    return fabs(x) <= p->floors[c] ? 0.0 : x;
}

/* ---- Gram matrix --------------------------------------------------------- */

/* matrix += sum over the group of vector vector^T, upper triangle. */
static void add_group(const struct projection *p)
{
    size_t n = p->size;
    const double *v = p->group;
    for (size_t i = 0; i < n; i++) {
        double *row = p->matrix + i * n;
        double f[GROUP];
        for (size_t j = 0; j < GROUP; j++)
            f[j] = v[j * n + i];
        for (size_t t = i; t < n; t++) {
            double sum = row[t];
            for (size_t j = 0; j < GROUP; j++)
                sum += f[j] * v[j * n + t];
            row[t] = sum;
        }
    }
}

static void mirror(const struct projection *p)
{
    for (size_t i = 0; i < p->size; i++)
        for (size_t t = 0; t < i; t++)
            p->matrix[i * p->size + t] = p->matrix[t * p->size + i];
}

/* Rows of X^T, GROUP channels at a time. */
static void add_channels(const struct projection *p, size_t first)
{
    size_t channels = smaller(GROUP, p->channels - first);
    memset(p->group, 0, GROUP * p->size * sizeof *p->group);
    for (size_t s = 0; s < p->cells; s += FMGCAM_TILE_CELLS) {
        size_t cells = smaller(FMGCAM_TILE_CELLS, p->cells - s);
        struct tile tile = load(p, first, channels, s, cells);
        for (size_t c = 0; c < channels; c++)
            for (size_t i = 0; i < cells; i++) {
                double x = deviation(p, value_of(&tile, c, i), first + c);
                p->group[c * p->size + s + i] = x;
                p->row_sums[s + i] += x;
            }
    }
    add_group(p);
}

/* Rows of X, GROUP cells at a time. */
static void add_cells(const struct projection *p, size_t first)
{
    size_t cells = smaller(GROUP, p->cells - first);
    memset(p->group, 0, GROUP * p->size * sizeof *p->group);
    for (size_t c = 0; c < p->channels; c += FMGCAM_TILE_CHANNELS) {
        size_t channels = smaller(FMGCAM_TILE_CHANNELS, p->channels - c);
        struct tile tile = load(p, c, channels, first, cells);
        for (size_t j = 0; j < channels; j++)
            for (size_t i = 0; i < cells; i++)
                p->group[i * p->size + c + j] =
                    deviation(p, value_of(&tile, j, i), c + j);
    }
    add_group(p);
}

static void fill_matrix(const struct projection *p)
{
    memset(p->matrix, 0, p->size * p->size * sizeof *p->matrix);
    memset(p->row_sums, 0, p->cells * sizeof *p->row_sums);
    if (p->by_cells)
        for (size_t c = 0; c < p->channels; c += GROUP)
            add_channels(p, c);
    else
        for (size_t s = 0; s < p->cells; s += GROUP)
            add_cells(p, s);
    mirror(p);
}

/* ---- The map ------------------------------------------------------------- */

/* map = X v. */
static void apply(const struct projection *p, const double *v)
{
    memset(p->map, 0, p->cells * sizeof *p->map);
    for (size_t c = 0; c < p->channels; c++)
        for (size_t s = 0; s < p->cells; s += FMGCAM_TILE_CELLS) {
            size_t cells = smaller(FMGCAM_TILE_CELLS, p->cells - s);
            struct tile tile = load(p, c, 1, s, cells);
            for (size_t i = 0; i < cells; i++)
                p->map[s + i] += deviation(p, value_of(&tile, 0, i), c) * v[c];
        }
}

/* A sum that is 0 to rounding decides nothing. */
struct vote {
    double sum, magnitudes;
    size_t count;
};

static void cast_vote(struct vote *vote, double x)
{
    vote->sum += x;
    vote->magnitudes += fabs(x);
    vote->count++;
}

/* The sign of the sum of v, which on the side of the cells is that of u . (row
 * sums of X); where it is 0, of the map's entry of largest magnitude. */
static double choose_sign(const struct projection *p, const double *vector)
{
    struct vote vote = {0};
    for (size_t i = 0; i < p->size; i++)
        cast_vote(&vote, p->by_cells ? vector[i] * p->row_sums[i] : vector[i]);
    double rounding =
        ((double)vote.count + 64.0) * DBL_EPSILON * vote.magnitudes;
    if (fabs(vote.sum) > rounding)
        return vote.sum > 0.0 ? 1.0 : -1.0;
    size_t largest = 0;
    for (size_t s = 1; s < p->cells; s++)
        if (fabs(p->map[s]) > fabs(p->map[largest]))
            largest = s;
    return p->map[largest] >= 0.0 ? 1.0 : -1.0;
}

/* Without any deviation there is no component: zeros. NaN goes through. */
static void project_class(struct projection *p, float *map)
{
    const double *vector;
    find_means(p);
    fill_matrix(p);
    double lambda = fmgcam_leading_pair(p->matrix, p->size, p->krylov, &vector);
    if (lambda <= 0.0) {
        memset(map, 0, p->cells * sizeof *map);
        return;
    }
    if (p->by_cells)
        for (size_t s = 0; s < p->cells; s++)
            p->map[s] = sqrt(lambda) * vector[s];
    else
        apply(p, vector);
    double sign = choose_sign(p, vector);
    for (size_t s = 0; s < p->cells; s++)
        map[s] = (float)(sign * p->map[s]);
}

fmgcam_status fmgcam_project(fmgcam_context *context,
                             const struct fmgcam_view *gradients,
                             const struct fmgcam_view *activations,
                             const struct fmgcam_scratch *scratch, float *maps)
{
    struct projection p = prepare(gradients, activations, scratch);
    size_t classes = gradients ? gradients->n : 1;
    for (p.k = 0; p.k < classes; p.k++)
        project_class(&p, maps + p.k * p.cells);
    return fmgcam_check_maps(context, maps, classes, activations);
}
