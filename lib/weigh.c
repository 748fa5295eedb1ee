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

static void add_facts(const float *a, size_t cells, struct lanes sums[2])
{
    for (size_t i = 0; i < cells; i++) {
        double x = (double)a[i];
        sums[0].sum[i % FMGCAM_LANES] += x;
        sums[1].sum[i % FMGCAM_LANES] += fabs(x);
    }
}

/* ---- Terms --------------------------------------------------------------- */

/* The pole of the denominator lies at negative gradients, whose terms are 0:
 * there is no division there. NaN goes through, here and below. */
static void add_plus_plus(const float *g, size_t cells, double s,
                          struct lanes *sum)
{
    const double epsilon = 1e-6; /* of pytorch-grad-cam */
    for (size_t i = 0; i < cells; i++) {
        double x = (double)g[i], square = x * x;
        if (!(x <= 0.0))
            sum->sum[i % FMGCAM_LANES] +=
                square * x / (2.0 * square + s * (square * x) + epsilon);
    }
}

/* Signed activations can make the denominator 0 or negative. Returns how often
 * it was too small to divide by. */
static uint64_t add_stable(const float *g, size_t cells, double s,
                           struct lanes *sum)
{
    const double smallest = 1e-3;
    uint64_t guarded = 0;
    for (size_t i = 0; i < cells; i++) {
        double x = (double)g[i], denominator = 2.0 + s * x;
        if (x <= 0.0)
            continue;
        if (denominator <= smallest)
            guarded++;
        else
            sum->sum[i % FMGCAM_LANES] += x / denominator;
    }
    return guarded;
}

static void add_products(const float *g, const float *a, size_t cells,
                         struct lanes *sum)
{
    for (size_t i = 0; i < cells; i++)
        sum->sum[i % FMGCAM_LANES] += (double)g[i] * (double)a[i];
}

/* ---- A block of channels ------------------------------------------------- */

struct block {
    const struct weighing *weighing;
    size_t first, channels;
    float *activations, *gradients; /* room for a tile each */
    struct facts facts[FMGCAM_TILE_CHANNELS];
    struct lanes sums[FMGCAM_TILE_CHANNELS]; /* of the class at hand */
    uint64_t guarded;
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
        for (size_t c = 0; c < block->channels; c++)
            add_facts(rows + (ptrdiff_t)c * stride,
                      smaller(FMGCAM_TILE_CELLS, a->cells - s), sums[c]);
    }
    for (size_t c = 0; c < block->channels; c++)
        block->facts[c] = (struct facts){fold(&sums[c][0]), fold(&sums[c][1])};
}

static void add_tile(struct block *block, size_t k, size_t s)
{
    const struct weighing *w = block->weighing;
    size_t cells = smaller(FMGCAM_TILE_CELLS, w->activations->cells - s);
    ptrdiff_t g_stride, a_stride = 0;
    const float *g =
        load(block, w->gradients, k, s, block->gradients, &g_stride);
    const float *a = NULL;
    if (w->method == FMGCAM_METHOD_XGRAD_CAM)
        a = load(block, w->activations, 0, s, block->activations, &a_stride);

    for (size_t c = 0; c < block->channels; c++) {
        const float *row = g + (ptrdiff_t)c * g_stride;
        double sum = block->facts[c].sum;
        if (w->method == FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS)
            add_plus_plus(row, cells, sum, &block->sums[c]);
        else if (w->method == FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE)
            block->guarded += add_stable(row, cells, sum, &block->sums[c]);
        else
            add_products(row, a + (ptrdiff_t)c * a_stride, cells,
                         &block->sums[c]);
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
        .gradients = scratch + FMGCAM_TILE_CHANNELS * FMGCAM_TILE_CELLS,
    };
}

static void weigh_block(void *job, size_t index, uint32_t worker)
{
    struct weighing *w = job;
    struct block block = begin_block(w, index, worker);
    find_facts(&block);
    for (size_t c = 0; c < block.channels; c++)
        block.guarded += (uint64_t)is_guarded(&block, c);
    for (size_t k = 0; k < w->gradients->n; k++)
        weigh_class(&block, k);
    atomic_fetch_add_explicit(&w->guarded, block.guarded, memory_order_relaxed);
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
