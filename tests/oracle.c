/* SPDX-License-Identifier: MIT */
#include "oracle.h"

#include <fmgcam/fmgcam.h>
#include <math.h>
#include <stdlib.h>

#include "arrays.h"

/* ---- Stage 1 ---------------------------------------------------------------
 *
 * Sixteen lanes: the longest adds ceil(S/16) values, folding adds 4 more times,
 * and there is one division. A value therefore goes through at most
 * n = ceil(S/16) + 5 roundings, each by a factor 1 + d with |d| <= u, so the
 * error is at most gamma(n) (1/S) sum |g|. Sums do not underflow; the quotient
 * may, by half of FLOAT_TINY. */
void oracle_pool(const float *gradients, size_t rows, size_t cells,
                 double *weights, double *bound)
{
    double gamma = float_gamma((double)((cells + 15) / 16) + 5);

    for (size_t r = 0; r < rows; r++) {
        double sum = 0, size = 0;
        for (size_t s = 0; s < cells; s++) {
            sum += (double)gradients[r * cells + s];
            size += fabs((double)gradients[r * cells + s]);
        }
        weights[r] = sum / (double)cells;
        bound[r] = gamma * size / (double)cells + FLOAT_TINY;
    }
}

void oracle_pool_in_lanes(const float *gradients, size_t rows, size_t cells,
                          float *weights)
{
    for (size_t r = 0; r < rows; r++) {
        float lane[16] = {0};
        for (size_t s = 0; s < cells; s++)
            lane[s % 16] += gradients[r * cells + s];
        for (size_t half = 8; half > 0; half /= 2)
            for (size_t i = 0; i < half; i++)
                lane[i] += lane[i + half];
        weights[r] = lane[0] / (float)cells;
    }
}

/* ---- Stage 2 ---------------------------------------------------------------
 *
 * A product is rounded once and goes through at most C - 1 additions, in any
 * order, fused or not: n = C. In profile released a term of rank r has r + 1
 * multiplications and one division by C more: n = C + r + 1. Each
 * multiplication may underflow by FLOAT_TINY / 2, which later factors, all at
 * most 1 in these tests or multiplied up in spread, scale. */
void oracle_combine(const float *weights, const float *activations,
                    size_t classes, size_t channels, size_t cells,
                    bool released, double *maps, double *bound)
{
    double *weight = make_doubles(channels);
    double *spread = make_doubles(channels);

    for (size_t k = 0; k < classes; k++) {
        for (size_t c = 0; c < channels; c++) {
            double own = (double)weights[k * channels + c];
            bool first = !released || k == 0;
            weight[c] = first ? own : weight[c] * own;
            spread[c] = first ? 1 : spread[c] * fmax(fabs(own), 1) + 1;
        }
        double roundings = (double)channels + (released ? (double)k + 1 : 0);
        double divisor = released ? (double)channels : 1;
        for (size_t s = 0; s < cells; s++) {
            double sum = 0, size = 0, tiny = 0;
            for (size_t c = 0; c < channels; c++) {
                double a = (double)activations[c * cells + s];
                sum += weight[c] * a;
                size += fabs(weight[c] * a);
                tiny += spread[c] * fmax(fabs(a), 1) * FLOAT_TINY;
            }
            maps[k * cells + s] = sum / divisor;
            bound[k * cells + s] =
                float_gamma(roundings) * size / divisor + tiny;
        }
    }
    free(weight);
    free(spread);
}

void oracle_combine_in_order(const float *weights, const float *activations,
                             size_t classes, size_t channels, size_t cells,
                             float *maps)
{
    for (size_t k = 0; k < classes; k++)
        for (size_t s = 0; s < cells; s++) {
            float sum = 0;
            for (size_t c = 0; c < channels; c++) {
                float product =
                    weights[k * channels + c] * activations[c * cells + s];
                sum = sum + product;
            }
            maps[k * cells + s] = sum;
        }
}

/* ---- Stage 3 ------------------------------------------------------------ */

double oracle_activate(uint32_t activation, double x)
{
    switch (activation) {
    case FMGCAM_ACTIVATION_RELU: return x > 0 ? x : 0;
    case FMGCAM_ACTIVATION_GELU: return x * erfc(-x / sqrt(2)) / 2;
    case FMGCAM_ACTIVATION_ELU: return x > 0 ? x : expm1(x);
    default: return x;
    }
}

/* ReLU and none do not round. GELU in float: z = x / sqrt 2 is off by 2u,
 * which moves erf(z) by at most 2u max|z erf'(z)| < u; erff() by one step,
 * 2u; adding 1 rounds a number up to 2, 2u; the product rounds once more, 2u
 * of it before halving: 7u |x| / 2 < 4u |x|. ELU is held to two steps, 4u,
 * of its value: that is expm1(), since exp(x) - 1 in float would lose small
 * maps altogether. */
double oracle_activate_bound(uint32_t activation, double x)
{
    switch (activation) {
    case FMGCAM_ACTIVATION_GELU:
        return 4 * FLOAT_ROUNDOFF * fabs(x) + FLOAT_TINY;
    case FMGCAM_ACTIVATION_ELU:
        return x > 0 ? 0 : 4 * FLOAT_ROUNDOFF * fabs(expm1(x)) + FLOAT_TINY;
    default: return 0;
    }
}

/* ---- Stage 4 ------------------------------------------------------------ */

void oracle_winner(const float *signed_maps, size_t classes, size_t cells,
                   int32_t *best, int32_t *winner)
{
    for (size_t s = 0; s < cells; s++) {
        size_t top = 0;
        for (size_t k = 1; k < classes; k++)
            if (signed_maps[k * cells + s] > signed_maps[top * cells + s])
                top = k;
        best[s] = (int32_t)top;
        winner[s] = signed_maps[top * cells + s] > 0 ? (int32_t)top : -1;
    }
}

void oracle_filter(const float *class_maps, const int32_t *keep, size_t classes,
                   size_t cells, float *filtered)
{
    for (size_t k = 0; k < classes; k++)
        for (size_t s = 0; s < cells; s++)
            filtered[k * cells + s] =
                keep[s] == (int32_t)k ? class_maps[k * cells + s] : 0;
}

/* ---- Stage 5 ---------------------------------------------------------------
 *
 * The norm is summed in double. Rounding it, or its reciprocal, to float and
 * multiplying or dividing takes at most three roundings, and the floor of 1e-12
 * is one as a float: 4u of the value. */
void oracle_normalize(const double *maps, size_t classes, size_t height,
                      size_t width, uint32_t normalize, double floor,
                      double *normalized, double *bound)
{
    bool columns = normalize == FMGCAM_NORMALIZE_L2_COLUMNS;
    size_t cells = height * width, groups = columns ? width : 1;

    for (size_t k = 0; k < classes; k++)
        for (size_t g = 0; g < groups; g++) {
            double sum = 0;
            for (size_t s = g; s < cells; s += groups)
                sum += maps[k * cells + s] * maps[k * cells + s];
            double norm = fmax(sqrt(sum), floor);
            for (size_t s = g; s < cells; s += groups) {
                double x = maps[k * cells + s];
                bool none = normalize == FMGCAM_NORMALIZE_NONE;
                double n = none ? x : norm > 0 ? x / norm : 0;
                normalized[k * cells + s] = n;
                bound[k * cells + s] =
                    none ? 0 : 4 * FLOAT_ROUNDOFF * fabs(n) + FLOAT_TINY;
            }
        }
}

/* ---- Stage 6 ---------------------------------------------------------------
 *
 * Two subtractions of exact numbers and a division: gamma(3) of the value. */
bool oracle_rescale(const double *maps, size_t classes, size_t cells,
                    uint32_t rescale, double *rescaled, double *bound)
{
    size_t groups = rescale == FMGCAM_RESCALE_CLASS ? classes : 1;
    size_t count = classes * cells / groups;
    bool flat = true;

    for (size_t g = 0; g < groups; g++) {
        const double *x = maps + g * count;
        double low = x[0], high = x[0];
        for (size_t i = 1; i < count; i++) {
            low = fmin(low, x[i]);
            high = fmax(high, x[i]);
        }
        if (high > low)
            flat = false;
        for (size_t i = 0; i < count; i++) {
            double y = high > low ? (x[i] - low) / (high - low) : 0;
            if (rescale == FMGCAM_RESCALE_NONE)
                y = x[i];
            rescaled[g * count + i] = y;
            bound[g * count + i] = rescale == FMGCAM_RESCALE_NONE
                                       ? 0
                                       : float_gamma(3) * y + FLOAT_TINY;
        }
    }
    return flat;
}

/* ---- Resampling --------------------------------------------------------- */

static double triangle(double x)
{
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double cubic(double x)
{
    const double a = -0.5;

    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

/* tap[to][from]: the matrix of one axis. @return the most taps in a row. */
static size_t resample_matrix(size_t from, size_t to, uint32_t method,
                              double *tap)
{
    double scale = (double)from / (double)to, stretch = fmax(scale, 1);
    size_t most = 0;

    for (size_t i = 0; i < to; i++) {
        double *row = tap + i * from, centre = ((double)i + 0.5) * scale;
        double total = 0;
        size_t taps = 0;
        for (size_t j = 0; j < from; j++) {
            double x = ((double)j + 0.5 - centre) / stretch;
            if (method == FMGCAM_RESAMPLE_NEAREST)
                row[j] = j == (2 * i + 1) * from / (2 * to);
            else if (method == FMGCAM_RESAMPLE_BILINEAR)
                row[j] = triangle(x);
            else
                row[j] = cubic(x);
            total += row[j];
            taps += row[j] < 0 || row[j] > 0;
        }
        for (size_t j = 0; j < from; j++)
            row[j] /= total;
        if (taps > most)
            most = taps;
    }
    return most;
}

/* Per axis with t taps: a tap is rounded to float twice (once, and once more
 * for its share of the total), multiplied once and added at most t times: t
 * + 3. */
double oracle_resample(const double *map, size_t h, size_t w, size_t height,
                       size_t width, uint32_t method, double *resampled,
                       double *size)
{
    double *across = make_doubles(width * w), *down = make_doubles(height * h);
    double *rows = make_doubles(h * width), *spread = make_doubles(h * width);
    size_t most_across = resample_matrix(w, width, method, across);
    size_t most_down = resample_matrix(h, height, method, down);

    for (size_t y = 0; y < h; y++)
        for (size_t x = 0; x < width; x++)
            for (size_t j = 0; j < w; j++) {
                double term = across[x * w + j] * map[y * w + j];
                rows[y * width + x] += term;
                spread[y * width + x] += fabs(term);
            }
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            double sum = 0, total = 0;
            for (size_t j = 0; j < h; j++) {
                sum += down[y * h + j] * rows[j * width + x];
                total += fabs(down[y * h + j]) * spread[j * width + x];
            }
            resampled[y * width + x] = sum;
            if (size)
                size[y * width + x] = total;
        }
    free(across);
    free(down);
    free(rows);
    free(spread);
    if (method == FMGCAM_RESAMPLE_NEAREST)
        return 0;
    return (double)(most_across + most_down + 6);
}

/* ---- Drawing ------------------------------------------------------------ */

static void canvas_init(oracle_canvas *canvas, size_t height, size_t width,
                        size_t choices)
{
    canvas->height = height;
    canvas->width = width;
    canvas->choices = choices;
    canvas->paints =
        make_array(height * width * choices, sizeof *canvas->paints);
    canvas->count = make_array(height * width, 1);
}

void oracle_canvas_free(oracle_canvas *canvas)
{
    free(canvas->paints);
    free(canvas->count);
}

/* Mixing K planes into one takes a multiplication, K - 1 additions and, where
 * the colour is scaled, two roundings more: K + 2 on top of resampling, before
 * or after it. */
void oracle_paint_at_map(oracle_canvas *canvas, const float *maps,
                         size_t classes, size_t h, size_t w, size_t height,
                         size_t width, uint32_t method, const uint8_t *colors)
{
    size_t pixels = height * width;
    double *plane = make_doubles(pixels), *size = make_doubles(pixels);

    canvas_init(canvas, height, width, 1);
    for (size_t k = 0; k < classes; k++) {
        double *map = widen(maps + k * h * w, h * w);
        double n =
            oracle_resample(map, h, w, height, width, method, plane, size) +
            (double)classes + 2;
        for (size_t i = 0; i < pixels; i++) {
            oracle_paint *paint = &canvas->paints[i];
            canvas->count[i] = 1;
            paint->evidence += plane[i];
            paint->evidence_bound += float_gamma(n) * size[i];
            for (int c = 0; c < 3; c++) {
                double color = colors[3 * k + (size_t)c];
                paint->color[c] += plane[i] * color;
                paint->color_bound[c] += float_gamma(n) * size[i] * color;
            }
        }
        free(map);
    }
    for (size_t i = 0; i < pixels; i++)
        canvas->paints[i].evidence =
            fmin(fmax(canvas->paints[i].evidence, 0), 1);
    free(plane);
    free(size);
}

/* The winner's value goes through resampling, q/m rounded to float and a
 * multiplication (or a division more), its colour through two roundings
 * more. */
static void add_choice(oracle_canvas *canvas, size_t pixel, double value,
                       double value_bound, const uint8_t *color)
{
    oracle_paint *paint =
        &canvas->paints[pixel * canvas->choices + canvas->count[pixel]++];

    paint->evidence = fmin(fmax(value, 0), 1);
    paint->evidence_bound = value_bound + float_gamma(4) * fabs(value);
    for (int c = 0; c < 3; c++) {
        paint->color[c] = paint->evidence * color[c];
        paint->color_bound[c] =
            color[c] * (paint->evidence_bound + float_gamma(2) * value);
    }
}

void oracle_image_scales(const float *signed_maps, size_t classes, size_t cells,
                         uint32_t normalize, uint32_t rescale, double *scales)
{
    double *tops = make_doubles(classes), m = 0;

    for (size_t k = 0; k < classes; k++) {
        double sum = 0;
        for (size_t s = 0; s < cells; s++) {
            double r = fmax((double)signed_maps[k * cells + s], 0);
            sum += r * r;
            tops[k] = fmax(tops[k], r);
        }
        scales[k] = sum > 0 ? 1 / sqrt(sum) : 0;
        if (normalize == FMGCAM_NORMALIZE_NONE)
            scales[k] = 1;
        m = fmax(m, scales[k] * tops[k]);
    }
    for (size_t k = 0; k < classes; k++) {
        double own = rescale == FMGCAM_RESCALE_CLASS ? scales[k] * tops[k] : m;
        if (rescale == FMGCAM_RESCALE_NONE)
            own = 1;
        scales[k] = own > 0 ? scales[k] / own : 0;
    }
    free(tops);
}

void oracle_paint_at_image(oracle_canvas *canvas, const float *signed_maps,
                           const double *scales, size_t classes, size_t h,
                           size_t w, size_t height, size_t width,
                           uint32_t method, const uint8_t *colors)
{
    static const uint8_t black[3];
    size_t pixels = height * width, cells = h * w;
    double *value = make_doubles(classes * pixels);
    double *bound = make_doubles(classes * pixels);

    for (size_t k = 0; k < classes; k++) {
        double *map = widen(signed_maps + k * cells, cells);
        double n = oracle_resample(map, h, w, height, width, method,
                                   value + k * pixels, bound + k * pixels);
        for (size_t i = 0; i < pixels; i++)
            bound[k * pixels + i] *= float_gamma(n);
        free(map);
    }

    canvas_init(canvas, height, width, classes + 1);
    for (size_t i = 0; i < pixels; i++) {
        double sure = 0; /* what the winner's value is at least */
        for (size_t k = 0; k < classes; k++)
            sure = fmax(sure, value[k * pixels + i] - bound[k * pixels + i]);
        if (sure <= 0)
            add_choice(canvas, i, 0, 0, black);
        for (size_t k = 0; k < classes; k++) {
            double v = value[k * pixels + i], b = bound[k * pixels + i];
            if (v + b > 0 && v + b >= sure)
                add_choice(canvas, i, scales[k] * v, scales[k] * b,
                           colors + 3 * k);
        }
    }
    free(value);
    free(bound);
}

/* Blending rounds alpha e, 1 - alpha e, the two products, the sum and
 * perhaps the scale of the colour: gamma(6) of what is added. A result that
 * is no nearer than its bound to the middle between two levels must be
 * exact; otherwise both levels beside the middle are right. */
bool oracle_accepts(const oracle_paint *paint, int channel, uint32_t blend,
                    double alpha, uint8_t under, uint8_t drawn)
{
    double color = paint->color[channel], bound = paint->color_bound[channel];
    double value = color;

    if (blend) {
        bool constant = blend == FMGCAM_BLEND_CONSTANT;
        double e = constant ? 1 : paint->evidence;
        value = (1 - alpha * e) * under + alpha * color;
        bound =
            alpha * bound +
            (constant ? 0 : alpha * under * paint->evidence_bound) +
            float_gamma(6) * ((1 + alpha * e) * under + alpha * fabs(color));
    } else {
        bound += float_gamma(2) * fabs(color);
    }
    double low = floor(fmin(fmax(value - bound, 0), 255) + 0.5);
    double high = floor(fmin(fmax(value + bound, 0), 255) + 0.5);
    return drawn >= low && drawn <= high;
}
