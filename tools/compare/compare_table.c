/* SPDX-License-Identifier: MIT */
/* Numbers in columns; names, which may be of any width in any script, come
 * last. */
#include "compare/compare_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "labels.h"
#include "utf8.h"

/* Control characters in a name or path do not reach the terminal. */
static void print_text(const char *text)
{
    while (*text) {
        size_t size = utf8_printable_size(text);
        if (size)
            fwrite(text, 1, size, stdout);
        else
            putchar('?');
        text += size ? size : 1;
    }
}

static void print_side(const compare_inputs *inputs, int side, char name)
{
    const compare_side *of = &inputs->sides[side];
    printf("%c: [%" PRIu32 ",%" PRIu32 ",%" PRIu32 "]%s ", name, of->classes,
           of->height, of->width, of->resampled ? ", resampled," : "");
    print_text(of->maps_path);
    putchar('\n');
}

/* ---- Numbers ------------------------------------------------------------- */

static void print_share(double value, int width)
{
    if (isnan(value))
        printf("%*s", width, "-");
    else
        printf("%*.4f", width, value);
}

static void print_size(double value, int width)
{
    if (isnan(value))
        printf("%*s", width, "-");
    else
        printf("%*.4g", width, value);
}

static void print_measures(const compare_inputs *inputs, const pair_measures *m)
{
    char at[32] = "-";
    print_share(m->correlation, 12);
    print_share(m->cosine, 9);
    print_share(m->iou, 8);
    print_size(m->mean, 11);
    print_size(m->largest, 14);
    if (!isnan(m->largest))
        snprintf(at, sizeof at, "%zu,%zu", m->cell % inputs->width,
                 m->cell / inputs->width);
    printf("%9s ", at);
}

/* ---- Rows ---------------------------------------------------------------- */

static void print_name(const class_name *name)
{
    if (name->has_index)
        printf(" %lld", (long long)name->index);
    if (!labels_is_blank(name->label)) {
        putchar(' ');
        print_text(name->label);
    }
}

static void print_pair(const compare_inputs *inputs, const comparison *found,
                       uint32_t pair)
{
    const class_pair *of = &inputs->pairing.pairs[pair];
    class_name name = class_name_of_pair(&inputs->pairing, pair);
    printf("%6" PRIu32 " %6" PRIu32, of->ranks[0], of->ranks[1]);
    print_measures(inputs, &found->pairs[pair]);
    print_name(&name);
    putchar('\n');
}

static void print_only(const compare_inputs *inputs, int side)
{
    const class_pairing *pairing = &inputs->pairing;
    for (uint32_t rank = 0; rank < pairing->classes[side]; rank++) {
        if (pairing->is_paired[side][rank])
            continue;
        class_name name = class_name_of(pairing, side, rank);
        printf(side == 0 ? "%6" PRIu32 "      -  only in A"
                         : "     - %6" PRIu32 "  only in B",
               rank);
        print_name(&name);
        putchar('\n');
    }
}

static void print_agreement(const comparison *found)
{
    printf("Winners agree in %zu of %zu cells (", found->agreed, found->cells);
    print_share(found->agreement, 0);
    printf("); of those with a winner, in %zu of %zu (", found->agreed_won,
           found->won);
    print_share(found->agreement_won, 0);
    printf(").\n");
}

void compare_print_table(const compare_inputs *inputs, const comparison *found)
{
    const class_pairing *pairing = &inputs->pairing;
    print_side(inputs, 0, 'A');
    print_side(inputs, 1, 'B');
    printf("Matched by %s: %" PRIu32 " in both, of %" PRIu32 " and %" PRIu32
           " classes (",
           class_pairing_by(pairing), pairing->count, pairing->classes[0],
           pairing->classes[1]);
    print_share(found->common, 0);
    printf(").\n\n"
           "rank A rank B correlation   cosine     iou mean diff. "
           "largest diff.   at x,y  class\n");
    for (uint32_t p = 0; p < pairing->count; p++)
        print_pair(inputs, found, p);
    printf("%13s", "");
    print_measures(inputs, &found->whole);
    printf(" all\n");
    print_only(inputs, 0);
    print_only(inputs, 1);
    putchar('\n');
    print_agreement(found);
}
