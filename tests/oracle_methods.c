/* SPDX-License-Identifier: MIT */
#include "oracle_methods.h"

#include <fmgcam/fmgcam.h>
#include <math.h>
#include <stdlib.h>

/* Double has 2^-53; sums of n terms in it are off by n 2^-53 of their size,
 * which is added where terms cancel. */
static const double double_roundoff = 0x1p-53;

void expected_init(expected *e, const problem *p, size_t classes)
{
    *e = (expected){make_doubles(classes * p->cells),
                    make_doubles(classes * p->cells), 0, false};
}

void expected_free(expected *e)
{
    free(e->maps);
    free(e->bounds);
}

/* Maps of weights [K, C] in double, each with its own error: rounded to float
 * they are off by u more, and stage 2 rounds C + 1 times. */
static void combine(const problem *p, const double *weights,
                    const double *errors, size_t classes, expected *e)
{
    size_t channels = p->size.channels;

    for (size_t k = 0; k < classes; k++)
        for (size_t s = 0; s < p->cells; s++) {
            double sum = 0, size = 0, carried = 0;
            for (size_t c = 0; c < channels; c++) {
                double a = (double)p->activations[c * p->cells + s];
                double w = weights[k * channels + c];
                sum += w * a;
                size += fabs(w * a);
                carried += (errors[k * channels + c] +
                            FLOAT_ROUNDOFF * fabs(w) + FLOAT_TINY) *
                           fabs(a);
            }
            e->maps[k * p->cells + s] = sum;
            e->bounds[k * p->cells + s] =
                float_gamma((double)channels + 1) * (size + carried) + carried +
                (double)channels * FLOAT_TINY;
        }
}

static double sum_of(const float *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)x[i];
    return sum;
}

static double size_of(const float *x, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += fabs((double)x[i]);
    return sum;
}

/* One cell's term of grad-cam++ in either form, and how far an error of the
 * sum s, relative to what it was added up of, moves it. */
static double plus_plus_term(uint32_t method, double g, double s, double s_size,
                             double cells, double *error, expected *e)
{
    bool stable = method == FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE;
    double relu = g > 0 ? g : 0;
    double below = stable ? 2 + s * g : 2 * g * g + s * g * g * g + 1e-6;
    double above = stable ? relu : relu * g * g;
    double size =
        stable ? 2 + s_size * relu : 2 * g * g + s_size * relu * g * g + 1e-6;

    *error = 0;
    if (relu == 0)
        return 0;
    double below_error = (cells + 8) * double_roundoff * size;
    if (stable && fabs(below - 1e-3) <= below_error)
        e->vague = true;
    if (stable && below <= 1e-3) {
        e->guarded++;
        return 0;
    }
    if (fabs(below) <= 4 * below_error)
        e->vague = true;
    *error =
        fabs(above / below) * (below_error / fabs(below) + 8 * double_roundoff);
    return above / below;
}

static void expect_plus_plus(uint32_t method, const problem *p, expected *e)
{
    size_t channels = p->size.channels, classes = p->size.classes;
    double *weights = make_doubles(classes * channels);
    double *errors = make_doubles(classes * channels);

    for (size_t i = 0; i < classes * channels; i++) {
        const float *a = p->activations + i % channels * p->cells;
        double s = sum_of(a, p->cells), s_size = size_of(a, p->cells);
        double size = 0;
        for (size_t cell = 0; cell < p->cells; cell++) {
            double error, term = plus_plus_term(
                              method, (double)p->gradients[i * p->cells + cell],
                              s, s_size, (double)p->cells, &error, e);
            weights[i] += term;
            errors[i] += error;
            size += fabs(term);
        }
        errors[i] += (double)p->cells * double_roundoff * size;
    }
    combine(p, weights, errors, classes, e);
    free(weights);
    free(errors);
}

static void expect_xgrad(const problem *p, expected *e)
{
    size_t channels = p->size.channels, classes = p->size.classes;
    double *weights = make_doubles(classes * channels);
    double *errors = make_doubles(classes * channels);
    double n = (double)p->cells * double_roundoff;

    for (size_t c = 0; c < channels; c++) {
        const float *a = p->activations + c * p->cells;
        double s = sum_of(a, p->cells), s_size = size_of(a, p->cells);
        bool guarded = fabs(s) <= 1e-6 * s_size;
        if (fabs(fabs(s) - 1e-6 * s_size) <= 2 * n * s_size && s_size > 0)
            e->vague = true;
        e->guarded += guarded;
        for (size_t k = 0; k < classes && !guarded; k++) {
            const float *g = p->gradients + (k * channels + c) * p->cells;
            double sum = 0, size = 0;
            for (size_t i = 0; i < p->cells; i++) {
                sum += (double)g[i] * (double)a[i];
                size += fabs((double)g[i] * (double)a[i]);
            }
            weights[k * channels + c] = sum / s;
            errors[k * channels + c] =
                n * size / fabs(s) +
                fabs(sum / s) * (n * s_size / fabs(s) + 4 * double_roundoff);
        }
    }
    combine(p, weights, errors, classes, e);
    free(weights);
    free(errors);
}

/* Float sums of C products, each rounded twice. */
static void expect_products(uint32_t method, const problem *p, expected *e)
{
    size_t channels = p->size.channels;

    for (size_t k = 0; k < p->size.classes; k++)
        for (size_t s = 0; s < p->cells; s++) {
            double sum = 0, size = 0;
            for (size_t c = 0; c < channels; c++) {
                double a = (double)p->activations[c * p->cells + s];
                double g =
                    (double)p->gradients[(k * channels + c) * p->cells + s];
                double term = method == FMGCAM_METHOD_LAYER_CAM ? fmax(g, 0) * a
                              : method == FMGCAM_METHOD_HIRES_CAM
                                  ? g * a
                                  : fmax(g * a, 0);
                sum += term;
                size += fabs(term);
            }
            e->maps[k * p->cells + s] = sum;
            e->bounds[k * p->cells + s] =
                float_gamma((double)channels + 1) * size +
                (double)channels * FLOAT_TINY;
        }
}

static void expect_fem(const problem *p, expected *e)
{
    size_t channels = p->size.channels;
    double *weights = make_doubles(channels), *errors = make_doubles(channels);

    for (size_t c = 0; c < channels; c++) {
        const float *a = p->activations + c * p->cells;
        double mean = sum_of(a, p->cells) / (double)p->cells, squares = 0;
        for (size_t s = 0; s < p->cells; s++)
            squares += ((double)a[s] - mean) * ((double)a[s] - mean);
        double limit = mean + 2 * sqrt(squares / (double)p->cells);
        double close = 1e-12 * (fabs(limit) + size_of(a, p->cells));
        for (size_t s = 0; s < p->cells; s++) {
            weights[c] += (double)a[s] > limit;
            /* All equal is no close call: nothing lies above the mean. */
            if (fabs((double)a[s] - limit) <= close && squares > close)
                e->vague = true;
        }
        weights[c] /= (double)p->cells;
    }
    combine(p, weights, errors, 1, e);
    free(weights);
    free(errors);
}

/* ---- Eigenvectors, by Jacobi's rotations --------------------------------- */

/* Diagonalise the symmetric matrix a [n, n]; v gets the vectors as columns. */
static void jacobi(double *a, double *v, size_t n)
{
    for (size_t i = 0; i < n * n; i++)
        v[i] = i % (n + 1) == 0;
    for (int sweep = 0; sweep < 60; sweep++) {
        double off = 0, all = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) {
                all += a[i * n + j] * a[i * n + j];
                off += i != j ? a[i * n + j] * a[i * n + j] : 0;
            }
        if (off <= 1e-34 * all)
            return;
        for (size_t i = 0; i < n; i++)
            for (size_t j = i + 1; j < n; j++) {
                double x = a[i * n + j];
                if (x == 0)
                    continue;
                double theta = (a[j * n + j] - a[i * n + i]) / (2 * x);
                double t = (theta >= 0 ? 1 : -1) /
                           (fabs(theta) + sqrt(theta * theta + 1));
                double c = 1 / sqrt(t * t + 1), s = t * c;
                for (size_t k = 0; k < n; k++) {
                    double p = a[k * n + i], q = a[k * n + j];
                    a[k * n + i] = c * p - s * q;
                    a[k * n + j] = s * p + c * q;
                }
                for (size_t k = 0; k < n; k++) {
                    double p = a[i * n + k], q = a[j * n + k];
                    a[i * n + k] = c * p - s * q;
                    a[j * n + k] = s * p + c * q;
                    p = v[k * n + i];
                    q = v[k * n + j];
                    v[k * n + i] = c * p - s * q;
                    v[k * n + j] = s * p + c * q;
                }
            }
    }
}

/* X [S, C]: products less each channel's mean. */
static double *centred(const problem *p, const float *gradients)
{
    size_t channels = p->size.channels, cells = p->cells;
    double *x = make_doubles(cells * channels);

    for (size_t c = 0; c < channels; c++) {
        double mean = 0;
        for (size_t s = 0; s < cells; s++) {
            double g = gradients ? (double)gradients[c * cells + s] : 1;
            x[s * channels + c] = g * (double)p->activations[c * cells + s];
            mean += x[s * channels + c] / (double)cells;
        }
        for (size_t s = 0; s < cells; s++)
            x[s * channels + c] -= mean;
    }
    return x;
}

/* By X^T X whatever the sizes, so that the library's other way is checked by
 * another one. The vector is off by rounding over the gap to the next value. */
static void expect_projection(const problem *p, const float *gradients,
                              double *map, double *bounds, expected *e)
{
    size_t n = p->size.channels, cells = p->cells, best = 0;
    double *x = centred(p, gradients);
    double *gram = make_doubles(n * n), *v = make_doubles(n * n);
    double next = 0, votes = 0, vote_size = 0, length = 0, largest = 0;

    for (size_t s = 0; s < cells; s++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                gram[i * n + j] += x[s * n + i] * x[s * n + j];
    jacobi(gram, v, n);
    for (size_t i = 1; i < n; i++)
        if (gram[i * n + i] > gram[best * n + best])
            best = i;
    double lambda = gram[best * n + best];
    for (size_t i = 0; i < n; i++)
        if (i != best && gram[i * n + i] > next)
            next = gram[i * n + i];
    for (size_t i = 0; i < n; i++) {
        votes += v[i * n + best];
        vote_size += fabs(v[i * n + best]);
    }
    double gap = lambda - next;
    double steps = (double)(n + cells + 64);
    double turn = gap > 0 ? 64 * steps * double_roundoff * lambda / gap : 1;
    /* The sign and the direction must be clear to be compared. */
    if (!(turn < 1e-6) || fabs(votes) <= 2 * turn * vote_size + 1e-9)
        e->vague = true;
    for (size_t s = 0; s < cells; s++)
        for (size_t i = 0; i < n; i++)
            map[s] += x[s * n + i] * v[i * n + best] * (votes > 0 ? 1 : -1);
    for (size_t s = 0; s < cells; s++)
        length += map[s] * map[s];
    for (size_t i = 0; i < n * cells; i++) {
        double g = gradients ? (double)gradients[i] : 1;
        largest = fmax(largest, fabs(g * (double)p->activations[i]));
    }
    /* Means are rounded, and so each of the n deviations in a sum is. */
    double rounding = 4 * steps * double_roundoff * largest * sqrt((double)n);
    for (size_t s = 0; s < cells; s++)
        bounds[s] = FLOAT_ROUNDOFF * fabs(map[s]) + FLOAT_TINY +
                    2 * turn * sqrt(length) + rounding;
    free(x);
    free(gram);
    free(v);
}

void expect_method(uint32_t method, const problem *p, expected *e)
{
    switch (method) {
    case FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS:
    case FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE:
        expect_plus_plus(method, p, e);
        break;
    case FMGCAM_METHOD_XGRAD_CAM: expect_xgrad(p, e); break;
    case FMGCAM_METHOD_LAYER_CAM:
    case FMGCAM_METHOD_HIRES_CAM:
    case FMGCAM_METHOD_ELEMENT_WISE: expect_products(method, p, e); break;
    case FMGCAM_METHOD_EIGEN_CAM:
        expect_projection(p, NULL, e->maps, e->bounds, e);
        break;
    case FMGCAM_METHOD_EIGEN_GRAD_CAM:
        for (size_t k = 0; k < p->size.classes; k++)
            expect_projection(p, p->gradients + k * p->size.channels * p->cells,
                              e->maps + k * p->cells, e->bounds + k * p->cells,
                              e);
        break;
    default: expect_fem(p, e); break;
    }
}
