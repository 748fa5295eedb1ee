/* SPDX-License-Identifier: MIT */
/* The largest eigenvalue of a symmetric positive semidefinite matrix and its
 * eigenvector, by Lanczos' method with full reorthogonalisation (Golub and Van
 * Loan, Matrix Computations, 10.1 and 8.3).
 *
 * A Krylov basis grows until the residual of its best vector is lost in
 * rounding; when it is full it starts again from that vector. The first vector
 * is fixed noise, which no matrix of the real world is orthogonal to, so that
 * the result depends on the matrix alone. */
#include "internal.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MOST_VECTORS = 64, MOST_RESTARTS = 64 };

/* Relative to the eigenvalue, what rounding leaves of a residual. */
static const double tolerance = 64 * DBL_EPSILON;

struct krylov {
    const double *matrix; /* [n, n] */
    size_t n;
    double *basis;                     /* [MOST_VECTORS + 1, n] */
    double diagonal[MOST_VECTORS];     /* of the matrix in this basis */
    double off_diagonal[MOST_VECTORS]; /* [i] between i and i + 1 */
};

size_t fmgcam_leading_space(size_t n)
{
    if (n > SIZE_MAX / (MOST_VECTORS + 1))
        return 0;
    return (MOST_VECTORS + 1) * n;
}

/* ---- Vectors ------------------------------------------------------------- */

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void add_multiple(double *a, const double *b, double factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a[i] += factor * b[i];
}

static void divide(double *a, double divisor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a[i] /= divisor;
}

static void fill_noise(double *vector, size_t n)
{
    uint64_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        vector[i] = (double)(state >> 33) - 0x1p30;
    }
    divide(vector, sqrt(dot(vector, vector, n)), n);
}

/* ---- The small problem --------------------------------------------------- */

/* Eigenvalues of a symmetric tridiagonal matrix, and their vectors' components,
 * in @p vectors [size][size], by QL steps with implicit shifts. */
struct small {
    size_t size;
    double d[MOST_VECTORS], e[MOST_VECTORS];
    double vectors[MOST_VECTORS][MOST_VECTORS]; /* [eigenvalue][component] */
};

static void rotate_vectors(struct small *small, size_t i, double c, double s)
{
    double *a = small->vectors[i], *b = small->vectors[i + 1];
    for (size_t k = 0; k < small->size; k++) {
        double high = b[k];
        b[k] = s * a[k] + c * high;
        a[k] = c * a[k] - s * high;
    }
}

/* The first index from @p from on whose off-diagonal element is negligible. */
static size_t find_split(const struct small *small, size_t from)
{
    size_t m = from;
    while (m + 1 < small->size) {
        double around = fabs(small->d[m]) + fabs(small->d[m + 1]);
        if (fabs(small->e[m]) <= DBL_EPSILON * around)
            break;
        m++;
    }
    return m;
}

/* Of (a, b). The C library's hypot() is rounded differently on each machine. */
static double length_of(double a, double b)
{
    a = fabs(a), b = fabs(b);
    double large = a > b ? a : b, small = a > b ? b : a;
    if (small == 0.0)
        return large;
    double ratio = small / large;
    return large * sqrt(1.0 + ratio * ratio);
}

/* One step on the rows from..to, chasing the bulge upwards. */
static void take_ql_step(struct small *small, size_t from, size_t to)
{
    double *d = small->d, *e = small->e;
    double g = (d[from + 1] - d[from]) / (2.0 * e[from]);
    double r = length_of(g, 1.0);
    double s = 1.0, c = 1.0, p = 0.0;
    g = d[to] - d[from] + e[from] / (g + (g >= 0.0 ? r : -r));
    for (size_t i = to; i-- > from;) {
        double f = s * e[i], b = c * e[i];
        r = length_of(f, g);
        e[i + 1] = r;
        if (r == 0.0) { /* the matrix has split */
            d[i + 1] -= p;
            e[to] = 0.0;
            return;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2.0 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        rotate_vectors(small, i, c, s);
    }
    d[from] -= p;
    e[from] = g;
    e[to] = 0.0;
}

/* Returns the index of the largest eigenvalue. */
static size_t solve_small(struct small *small)
{
    enum { MOST_STEPS = 60 }; /* two or three are usual */
    memset(small->vectors, 0, sizeof small->vectors);
    for (size_t i = 0; i < small->size; i++)
        small->vectors[i][i] = 1.0;
    for (size_t from = 0; from < small->size; from++)
        for (int step = 0; step < MOST_STEPS; step++) {
            size_t to = find_split(small, from);
            if (to == from)
                break;
            take_ql_step(small, from, to);
        }
    size_t best = 0;
    for (size_t i = 1; i < small->size; i++)
        if (small->d[i] > small->d[best])
            best = i;
    return best;
}

/* ---- The basis ----------------------------------------------------------- */

static double *vector_of(const struct krylov *krylov, size_t i)
{
    return krylov->basis + i * krylov->n;
}

/* The matrix times vector @p last, less all that the basis has already, which
 * is taken away twice, since once leaves too much. Returns its length. */
static double extend(struct krylov *krylov, size_t last)
{
    size_t n = krylov->n;
    double *next = vector_of(krylov, last + 1);
    const double *from = vector_of(krylov, last);
    for (size_t i = 0; i < n; i++)
        next[i] = dot(krylov->matrix + i * n, from, n);
    krylov->diagonal[last] = dot(next, from, n);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i <= last; i++) {
            const double *known = vector_of(krylov, i);
            add_multiple(next, known, -dot(next, known, n), n);
        }
    double length = sqrt(dot(next, next, n));
    krylov->off_diagonal[last] = length;
    return length;
}

struct pair {
    double value, residual;
    double components[MOST_VECTORS]; /* in the basis */
};

static struct pair best_pair(const struct krylov *krylov, size_t size)
{
    struct small small = {.size = size};
    struct pair pair;
    memcpy(small.d, krylov->diagonal, size * sizeof *small.d);
    memcpy(small.e, krylov->off_diagonal, (size - 1) * sizeof *small.e);
    size_t best = solve_small(&small);
    pair.value = small.d[best];
    pair.residual =
        fabs(krylov->off_diagonal[size - 1] * small.vectors[best][size - 1]);
    memcpy(pair.components, small.vectors[best],
           size * sizeof *pair.components);
    return pair;
}

/* The first basis vector becomes the best one of @p size. */
static void restart(struct krylov *krylov, const struct pair *pair, size_t size)
{
    size_t n = krylov->n;
    double *first = vector_of(krylov, 0), *sum = vector_of(krylov, size);
    memset(sum, 0, n * sizeof *sum);
    for (size_t i = 0; i < size; i++)
        add_multiple(sum, vector_of(krylov, i), pair->components[i], n);
    memcpy(first, sum, n * sizeof *sum);
    divide(first, sqrt(dot(first, first, n)), n);
}

/* Whether to look: looking at every size would cost more than it saves. */
static int is_worth_looking(size_t size, size_t most)
{
    return size == most || (size >= 8 && size % 4 == 0);
}

/* Grow the basis as far as needed. Returns whether the pair is found, which is
 * then the first vector of the basis, with @p value. */
static int grow(struct krylov *krylov, double *value)
{
    size_t most = smaller(krylov->n, MOST_VECTORS);
    for (size_t size = 1; size <= most; size++) {
        double length = extend(krylov, size - 1);
        int is_spent = !(length > DBL_EPSILON * krylov->diagonal[0]);
        if (!is_spent && !is_worth_looking(size, most)) {
            divide(vector_of(krylov, size), length, krylov->n);
            continue;
        }
        struct pair pair = best_pair(krylov, size);
        int is_found = is_spent || size == krylov->n ||
                       pair.residual <= tolerance * pair.value;
        if (is_found || size == most) {
            restart(krylov, &pair, size);
            *value = pair.value;
            return is_found;
        }
        divide(vector_of(krylov, size), length, krylov->n);
    }
    return 1;
}

double fmgcam_leading_pair(const double *matrix, size_t n, double *scratch,
                           const double **vector)
{
    struct krylov krylov = {.matrix = matrix, .n = n, .basis = scratch};
    double value = 0.0;
    fill_noise(krylov.basis, n);
    for (int i = 0; i < MOST_RESTARTS && !grow(&krylov, &value); i++)
        continue;
    *vector = krylov.basis;
    return value;
}
