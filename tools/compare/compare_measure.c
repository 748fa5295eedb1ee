/* SPDX-License-Identifier: MIT */
/* Sums are in double. Ranks are kept as integers, so that maps in the same order
 * have a correlation of exactly 1. */
#include "compare/compare_measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double undefined = (double)NAN;

/* ---- Maps ---------------------------------------------------------------- */

static const float *map_of(const comparison_input *input, int side,
                           uint32_t pair)
{
    return input->maps[side] + input->pairs[pair].ranks[side] * input->cells;
}

static double largest_magnitude(const comparison_input *input, int side)
{
    double largest = 0;
    for (uint32_t p = 0; p < input->pair_count; p++) {
        const float *map = map_of(input, side, p);
        for (size_t s = 0; s < input->cells; s++)
            largest = fmax(largest, fabs((double)map[s]));
    }
    return largest;
}

double comparison_scaled(const comparison *result, int side, float value)
{
    return (double)value / result->divisors[side];
}

/* ---- Correlation of ranks ------------------------------------------------ */

typedef struct ranked_value {
    float value;
    size_t at;
} ranked_value;

typedef struct ranking {
    ranked_value *order;
    double *ranks[2]; /* of each side */
} ranking;

static int by_value(const void *one, const void *other)
{
    float a = ((const ranked_value *)one)->value;
    float b = ((const ranked_value *)other)->value;
    return (a > b) - (a < b);
}

/* ranks[i] = 2 r - (n + 1), r being the rank of the i-th of @p n values from 1
 * on, the average one among equals: an integer, and zero on average. */
static void rank_values(ranked_value *order, size_t n, double *ranks)
{
    qsort(order, n, sizeof *order, by_value);
    for (size_t first = 0, next; first < n; first = next) {
        for (next = first + 1; next < n; next++)
            if (order[next].value > order[first].value)
                break;
        for (size_t i = first; i < next; i++) /* ranks first + 1 to next */
            ranks[order[i].at] = (double)(first + next) - (double)n;
    }
}

static double correlate(const double *a, const double *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : undefined;
}

/* Of @p count pairs from @p first on, taken as one map. */
static double rank_correlation(const comparison_input *input, ranking *work,
                               uint32_t first, uint32_t count)
{
    size_t n = count * input->cells;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++) {
            uint32_t pair = first + (uint32_t)(i / input->cells);
            work->order[i].value = map_of(input, side, pair)[i % input->cells];
            work->order[i].at = i;
        }
        rank_values(work->order, n, work->ranks[side]);
    }
    return correlate(work->ranks[0], work->ranks[1], n);
}

static void *allocate(size_t count, size_t size)
{
    return count > SIZE_MAX / size ? NULL : malloc(count * size);
}

static bool correlate_all(const comparison_input *input, comparison *result)
{
    ranking work;
    if (input->pair_count > SIZE_MAX / input->cells)
        return false;
    size_t n = input->pair_count * input->cells;
    work.order = allocate(n, sizeof *work.order);
    work.ranks[0] = allocate(n, sizeof *work.ranks[0]);
    work.ranks[1] = allocate(n, sizeof *work.ranks[1]);
    bool good = work.order && work.ranks[0] && work.ranks[1];
    if (good) {
        for (uint32_t p = 0; p < input->pair_count; p++)
            result->pairs[p].correlation = rank_correlation(input, &work, p, 1);
        result->whole.correlation =
            rank_correlation(input, &work, 0, input->pair_count);
    }
    free(work.order);
    free(work.ranks[0]);
    free(work.ranks[1]);
    return good;
}

/* ---- Differences --------------------------------------------------------- */

/* Sums over the cells of a pair; they add up over pairs. */
typedef struct pair_sums {
    double ab, aa, bb, difference;
} pair_sums;

static void find_differences(const comparison_input *input, uint32_t pair,
                             comparison *result, pair_sums *sums)
{
    const float *a = map_of(input, 0, pair), *b = map_of(input, 1, pair);
    pair_measures *found = &result->pairs[pair];
    memset(sums, 0, sizeof *sums);
    for (size_t s = 0; s < input->cells; s++) {
        double x = comparison_scaled(result, 0, a[s]);
        double y = comparison_scaled(result, 1, b[s]);
        double difference = fabs(x - y);
        sums->difference += difference;
        sums->ab += x * y;
        sums->aa += x * x;
        sums->bb += y * y;
        if (difference > found->largest) {
            found->largest = difference;
            found->cell = s;
        }
    }
}

static void finish_sums(const pair_sums *sums, size_t cells,
                        pair_measures *found)
{
    bool is_angle = sums->aa > 0 && sums->bb > 0;
    found->cosine = is_angle ? sums->ab / sqrt(sums->aa * sums->bb) : undefined;
    found->mean = sums->difference / (double)cells;
}

static void find_all_differences(const comparison_input *input,
                                 comparison *result)
{
    pair_sums all = {0};
    for (uint32_t p = 0; p < input->pair_count; p++) {
        pair_sums sums;
        pair_measures *found = &result->pairs[p];
        found->pair = p;
        find_differences(input, p, result, &sums);
        finish_sums(&sums, input->cells, found);
        all.ab += sums.ab;
        all.aa += sums.aa;
        all.bb += sums.bb;
        all.difference += sums.difference;
        if (found->largest > result->whole.largest) {
            result->whole.largest = found->largest;
            result->whole.pair = p;
            result->whole.cell = found->cell;
        }
    }
    finish_sums(&all, input->pair_count * input->cells, &result->whole);
}

/* ---- Winners ------------------------------------------------------------- */

/* In place of a pair. */
static const uint32_t nobody = COMPARISON_NOBODY;
static const uint32_t outsider =
    COMPARISON_NOBODY - 1; /* a class of one side only */

/* pair_of[rank] on a side; NULL where memory ran out. */
static uint32_t *invert_pairs(const comparison_input *input, int side)
{
    uint32_t *pair_of = allocate(input->classes[side], sizeof *pair_of);
    for (uint32_t k = 0; pair_of && k < input->classes[side]; k++)
        pair_of[k] = outsider;
    for (uint32_t p = 0; pair_of && p < input->pair_count; p++)
        pair_of[input->pairs[p].ranks[side]] = p;
    return pair_of;
}

uint32_t comparison_winner(const float *at, uint32_t classes, size_t cells)
{
    uint32_t winner = nobody;
    float best = 0;
    for (uint32_t k = 0; k < classes; k++)
        if (at[k * cells] > best) {
            best = at[k * cells];
            winner = k;
        }
    return winner;
}

/* As a pair. */
static uint32_t winner_at(const comparison_input *input, int side, size_t s,
                          const uint32_t *pair_of)
{
    uint32_t winner = comparison_winner(input->maps[side] + s,
                                        input->classes[side], input->cells);
    return winner == nobody ? nobody : pair_of[winner];
}

static void count_winners(uint32_t a, uint32_t b, comparison *result)
{
    bool won = a != nobody || b != nobody, same = a == b && a != outsider;
    result->won += won;
    result->agreed += same;
    result->agreed_won += same && won;
    if (a < outsider)
        result->pairs[a].won[0]++;
    if (b < outsider)
        result->pairs[b].won[1]++;
    if (a < outsider && same)
        result->pairs[a].won_both++;
}

static void finish_won(pair_measures *found)
{
    size_t either = found->won[0] + found->won[1] - found->won_both;
    found->iou = either > 0 ? (double)found->won_both / (double)either : 1;
}

static void finish_winners(const comparison_input *input, comparison *result)
{
    pair_measures *whole = &result->whole;
    for (uint32_t p = 0; p < input->pair_count; p++) {
        pair_measures *found = &result->pairs[p];
        finish_won(found);
        whole->won[0] += found->won[0];
        whole->won[1] += found->won[1];
        whole->won_both += found->won_both;
    }
    finish_won(whole);
    result->agreement = (double)result->agreed / (double)result->cells;
    result->agreement_won =
        result->won ? (double)result->agreed_won / (double)result->won
                    : undefined;
}

static bool compare_winners(const comparison_input *input, comparison *result)
{
    uint32_t *of_a = invert_pairs(input, 0), *of_b = invert_pairs(input, 1);
    bool good = of_a && of_b;
    for (size_t s = 0; good && s < input->cells; s++)
        count_winners(winner_at(input, 0, s, of_a),
                      winner_at(input, 1, s, of_b), result);
    free(of_a);
    free(of_b);
    if (good)
        finish_winners(input, result);
    return good;
}

/* ---- Both ---------------------------------------------------------------- */

static void set_divisors(const comparison_input *input, comparison *result)
{
    for (int side = 0; side < 2; side++) {
        double largest = input->scaled ? largest_magnitude(input, side) : 0;
        result->divisors[side] = largest > 0 ? largest : 1;
    }
}

static void set_undefined(pair_measures *whole)
{
    whole->correlation = whole->cosine = whole->iou = undefined;
    whole->largest = whole->mean = undefined;
}

bool comparison_measure(const comparison_input *input, comparison *result)
{
    double either = (double)input->classes[0] + (double)input->classes[1] -
                    (double)input->pair_count;
    memset(result, 0, sizeof *result);
    result->cells = input->cells;
    result->common = input->pair_count / either;
    set_divisors(input, result);
    result->pairs =
        calloc(input->pair_count + (size_t)1, sizeof *result->pairs);
    bool good = result->pairs && compare_winners(input, result);
    if (good && input->pair_count > 0) {
        find_all_differences(input, result);
        good = correlate_all(input, result);
    }
    if (input->pair_count == 0)
        set_undefined(&result->whole);
    if (!good)
        comparison_release(result);
    return good;
}

void comparison_release(comparison *result)
{
    free(result->pairs);
    memset(result, 0, sizeof *result);
}
