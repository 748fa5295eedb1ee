/* SPDX-License-Identifier: MIT */
/* Weights that take more than the mean of the gradients. With s = sum over the
 * cells of A[c], and sums over the cells:
 *
 *   grad-cam++         sum relu(G) G^2 / (2 G^2 + s G^3 + 1e-6)
 *   grad-cam++-stable  sum relu(G) / (2 + s G)
 *   xgrad-cam          sum G A / s
 *   fem                share of the cells with A > mean + 2 deviations
 *
 * Terms and sums are in double, in the lanes of docs/numerics.md. Sources and
 * other packages' variants: docs/methods.md. */
#include "internal.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

struct weighing {
    uint32_t method;
    const struct fmgcam_view *gradients;   /* NULL: fem */
    const struct fmgcam_view *activations; /* [1, C, cells] */
    const struct fmgcam_scratch *scratch;
    float *weights; /* [K, C] */
    atomic_uint_fast64_t guarded;
};

/* ---- Sums in lanes ------------------------------------------------------- */

struct lanes {
    double sum[FMGCAM_LANES];
};

/* Lane i takes lane i + 8, then i + 4, i + 2, i + 1. */
static double fold(struct lanes *lanes)
{
    for (size_t half = FMGCAM_LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            lanes->sum[i] += lanes->sum[i + half];
    return lanes->sum[0];
}

/* Of a channel's activations. */
struct facts {
    double sum, magnitudes;
};

/* ---- Terms --------------------------------------------------------------- */

/* One cell for each lane: loops without a branch, which compilers vectorise.
 * NaN goes through all of them. */
typedef void add_lanes(const float *g, const float *a, double s,
                       double *restrict sums);

static void add_sums(const float *g, const float *a, double s,
                     double *restrict sums)
{
    (void)g, (void)s;
    for (size_t i = 0; i < FMGCAM_LANES; i++)
        sums[i] += (double)a[i];
}

static void add_magnitudes(const float *g, const float *a, double s,
                           double *restrict sums)
{
    (void)g, (void)s;
    for (size_t i = 0; i < FMGCAM_LANES; i++)
        sums[i] += fabs((double)a[i]);
}

/* The pole of the denominator lies at negative gradients, whose terms are 0
 * whatever is divided there. */
static void add_plus_plus(const float *g, const float *a, double s,
                          double *restrict sums)
{
    const double epsilon = 1e-6; /* of pytorch-grad-cam */
    (void)a;
    for (size_t i = 0; i < FMGCAM_LANES; i++) {
        double x = (double)g[i], square = x * x, cube = square * x;
        double term = cube / (2.0 * square + s * cube + epsilon);
        sums[i] += x <= 0.0 ? 0.0 : term;
    }
}

/* Signed activations can make the denominator 0 or negative. */
static const double smallest_denominator = 1e-3;

static void add_stable(const float *g, const float *a, double s,
                       double *restrict sums)
{
    (void)a;
    for (size_t i = 0; i < FMGCAM_LANES; i++) {
        double x = (double)g[i], denominator = 2.0 + s * x;
        double above = x <= 0.0 ? 0.0 : x;
        sums[i] += above / (denominator <= smallest_denominator ? HUGE_VAL
                                                                : denominator);
    }
}

/* How often it was too small to divide by. */
static void count_stable(const float *g, const float *a, double s,
                         double *restrict sums)
{
    (void)a;
    for (size_t i = 0; i < FMGCAM_LANES; i++) {
        double x = (double)g[i], denominator = 2.0 + s * x;
        int guards = (x > 0.0) & (denominator <= smallest_denominator);
        sums[i] += (double)guards;
    }
}

static void add_products(const float *g, const float *a, double s,
                         double *restrict sums)
{
    (void)s;
    for (size_t i = 0; i < FMGCAM_LANES; i++)
        sums[i] += (double)g[i] * (double)a[i];
}

/* Rows of any length; what is left over is filled up with zeros, which add
 * nothing. Terms that look at one row only are given it as both. */
static void add_row(add_lanes *add, const float *g, const float *a,
                    size_t cells, double s, struct lanes *lanes)
{
    size_t i = 0;
    for (; i + FMGCAM_LANES <= cells; i += FMGCAM_LANES)
        add(g + i, a + i, s, lanes->sum);
    if (i == cells)
        return;
    float rest_g[FMGCAM_LANES] = {0}, rest_a[FMGCAM_LANES] = {0};
    memcpy(rest_g, g + i, (cells - i) * sizeof *g);
    memcpy(rest_a, a + i, (cells - i) * sizeof *a);
    add(rest_g, rest_a, s, lanes->sum);
}

/* ---- A block of channels ------------------------------------------------- */

struct block {
    const struct weighing *weighing;
    size_t first, channels;
    float *activations, *gradients; /* room for a tile each */
    struct facts facts[FMGCAM_TILE_CHANNELS];
    struct lanes sums[FMGCAM_TILE_CHANNELS]; /* of the class at hand */
    struct lanes guarded;
};

/* Cells @p s on of the block's channels, each @p stride after the other. */
static const float *load(const struct block *block,
                         const struct fmgcam_view *view, size_t n, size_t s,
                         float *copy, ptrdiff_t *stride)
{
    size_t cells = smaller(FMGCAM_TILE_CELLS, view->cells - s);
    return fmgcam_view_tile(view, n, block->first, block->channels, s, cells,
                            copy, stride);
}

static void find_facts(struct block *block)
{
    const struct fmgcam_view *a = block->weighing->activations;
    struct lanes sums[FMGCAM_TILE_CHANNELS][2] = {{{{0}}}};
    for (size_t s = 0; s < a->cells; s += FMGCAM_TILE_CELLS) {
        ptrdiff_t stride;
        const float *rows = load(block, a, 0, s, block->activations, &stride);
        size_t cells = smaller(FMGCAM_TILE_CELLS, a->cells - s);
        for (size_t c = 0; c < block->channels; c++) {
            const float *row = rows + (ptrdiff_t)c * stride;
            add_row(add_sums, row, row, cells, 0.0, &sums[c][0]);
            add_row(add_magnitudes, row, row, cells, 0.0, &sums[c][1]);
        }
    }
    for (size_t c = 0; c < block->channels; c++)
        block->facts[c] = (struct facts){fold(&sums[c][0]), fold(&sums[c][1])};
}

static add_lanes *add_of(uint32_t method)
{
    switch (method) {
    case FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS: return add_plus_plus;
    case FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE: return add_stable;
    default: return add_products;
    }
}

static void add_tile(struct block *block, size_t k, size_t s)
{
    const struct weighing *w = block->weighing;
    size_t cells = smaller(FMGCAM_TILE_CELLS, w->activations->cells - s);
    ptrdiff_t g_stride;
    const float *g =
        load(block, w->gradients, k, s, block->gradients, &g_stride);
    ptrdiff_t a_stride = g_stride;
    const float *a = g;
    if (w->method == FMGCAM_METHOD_XGRAD_CAM)
        a = load(block, w->activations, 0, s, block->activations, &a_stride);

    for (size_t c = 0; c < block->channels; c++) {
        const float *row = g + (ptrdiff_t)c * g_stride;
        const float *row_a = a + (ptrdiff_t)c * a_stride;
        double sum = block->facts[c].sum;
        add_row(add_of(w->method), row, row_a, cells, sum, &block->sums[c]);
        if (w->method == FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE)
            add_row(count_stable, row, row, cells, sum, &block->guarded);
    }
}

/* Activations that cancel are nothing to divide by. */
static int is_guarded(const struct block *block, size_t c)
{
    const double share = 1e-6;
    const struct facts *facts = &block->facts[c];
    return block->weighing->method == FMGCAM_METHOD_XGRAD_CAM &&
           fabs(facts->sum) <= share * facts->magnitudes;
}

static void weigh_class(struct block *block, size_t k)
{
    const struct weighing *w = block->weighing;
    size_t channels = w->activations->channels;
    memset(block->sums, 0, sizeof block->sums);
    for (size_t s = 0; s < w->activations->cells; s += FMGCAM_TILE_CELLS)
        add_tile(block, k, s);
    for (size_t c = 0; c < block->channels; c++) {
        double weight = fold(&block->sums[c]);
        if (w->method == FMGCAM_METHOD_XGRAD_CAM)
            weight = is_guarded(block, c) ? 0.0 : weight / block->facts[c].sum;
        w->weights[k * channels + block->first + c] = (float)weight;
    }
}

static struct block begin_block(struct weighing *w, size_t index,
                                uint32_t worker)
{
    size_t first = index * FMGCAM_TILE_CHANNELS;
    float *scratch = fmgcam_worker_scratch(w->scratch, worker);
    return (struct block){
        .weighing = w,
        .first = first,
        .channels =
            smaller(FMGCAM_TILE_CHANNELS, w->activations->channels - first),
        .activations = scratch,
        .gradients = scratch + FMGCAM_TILE_FLOATS,
    };
}

static void weigh_block(void *job, size_t index, uint32_t worker)
{
    struct weighing *w = job;
    struct block block = begin_block(w, index, worker);
    find_facts(&block);
    uint64_t guarded = 0;
    for (size_t c = 0; c < block.channels; c++)
        guarded += (uint64_t)is_guarded(&block, c);
    for (size_t k = 0; k < w->gradients->n; k++)
        weigh_class(&block, k);
    guarded += (uint64_t)fold(&block.guarded);
    atomic_fetch_add_explicit(&w->guarded, guarded, memory_order_relaxed);
}

/* ---- FEM ----------------------------------------------------------------- */

/* Sums of squared deviations from the mean, or counts of what lies more than
 * @p limit above it. */
static double scan_channel(const struct fmgcam_view *a, size_t c, double mean,
                           const double *limit, float *copy)
{
    struct lanes sum = {{0}};
    for (size_t s = 0; s < a->cells; s += FMGCAM_TILE_CELLS) {
        size_t cells = smaller(FMGCAM_TILE_CELLS, a->cells - s);
        ptrdiff_t stride;
        const float *row =
            fmgcam_view_tile(a, 0, c, 1, s, cells, copy, &stride);
        for (size_t i = 0; i < cells; i++) {
            double deviation = (double)row[i] - mean;
            double term =
                limit ? (double)(deviation > *limit) : deviation * deviation;
            sum.sum[i % FMGCAM_LANES] += term;
        }
    }
    return fold(&sum);
}

static void weigh_block_by_share(void *job, size_t index, uint32_t worker)
{
    struct weighing *w = job;
    const struct fmgcam_view *a = w->activations;
    double cells = (double)a->cells;
    struct block block = begin_block(w, index, worker);
    find_facts(&block);
    for (size_t i = 0; i < block.channels; i++) {
        size_t c = block.first + i;
        double mean = block.facts[i].sum / cells;
        double squares = scan_channel(a, c, mean, NULL, block.activations);
        double limit = 2.0 * sqrt(squares / cells);
        w->weights[c] =
            (float)(scan_channel(a, c, mean, &limit, block.activations) /
                    cells);
    }
}

/* ---- The stage ----------------------------------------------------------- */

fmgcam_status fmgcam_weigh(fmgcam_context *context,
                           const struct fmgcam_view *gradients,
                           const struct fmgcam_view *activations,
                           const struct fmgcam_scratch *scratch, float *weights,
                           uint64_t *guarded)
{
    struct weighing weighing = {
        .method = context->options.method,
        .gradients = gradients,
        .activations = activations,
        .scratch = scratch,
        .weights = weights,
    };
    atomic_init(&weighing.guarded, 0);
    size_t blocks = (activations->channels + FMGCAM_TILE_CHANNELS - 1) /
                    FMGCAM_TILE_CHANNELS;
    fmgcam_status status = fmgcam_run_items(
        context, gradients ? weigh_block : weigh_block_by_share, &weighing,
        blocks);
    if (status)
        return status;
    *guarded = atomic_load_explicit(&weighing.guarded, memory_order_relaxed);
    return fmgcam_check_weights(context, weights, gradients ? gradients->n : 1,
                                activations->channels);
}
