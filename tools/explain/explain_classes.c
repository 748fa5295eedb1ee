/* SPDX-License-Identifier: MIT */
/*
 * From the command line, the logits and what there are rows for, to the classes
 * that are explained. The rows of gradients and weights are those of the best
 * classes, best first, so that the logits say which classes they belong to.
 */
#include "explain/explain_classes.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"

/* All classes by their logits. */
typedef struct ranking {
    uint32_t count; /* n; 0: there are no logits */
    uint32_t *indices;
    float *probabilities; /* of these */
    uint32_t *ranks;      /* [count], of each index */
} ranking;

typedef struct chooser {
    const explain_options *options;
    fmgcam_context *context;
    explain_inputs *inputs;
    ranking all;
    uint32_t rows;  /* of the source */
    uint32_t *kept; /* [classes.count], which of the rows */
} chooser;

static bool has_classifier(const chooser *c)
{
    return c->options->files[FILE_CLASSIFIER] != NULL;
}

/* ---- Ranking ------------------------------------------------------------- */

static int fail_choice(const chooser *c)
{
    return fail(c->inputs->logits.path, "%s", fmgcam_error_detail(c->context));
}

static int rank_all(chooser *c)
{
    const tensor_file *logits = &c->inputs->logits;
    if (!logits->view.rank)
        return 0;
    uint32_t n = (uint32_t)tensor_length(logits);
    fmgcam_choice choice = c->options->classes.rule;
    choice.rule = FMGCAM_CHOICE_TOP;
    choice.count = n;
    c->all.indices = malloc(n * sizeof *c->all.indices);
    c->all.probabilities = malloc(n * sizeof *c->all.probabilities);
    c->all.ranks = malloc(n * sizeof *c->all.ranks);
    if (!c->all.indices || !c->all.probabilities || !c->all.ranks)
        return fail_memory();
    fmgcam_buffer indices = {c->all.indices, n * sizeof *c->all.indices};
    fmgcam_buffer probabilities = {c->all.probabilities,
                                   n * sizeof *c->all.probabilities};
    if (fmgcam_choose_classes(c->context, &choice, &logits->view, &indices,
                              &probabilities, &c->all.count))
        return fail_choice(c);
    for (uint32_t rank = 0; rank < c->all.count; rank++)
        c->all.ranks[c->all.indices[rank]] = rank;
    return 0;
}

/* Rank of a class; count if it has none. */
static uint32_t rank_of(const ranking *all, uint32_t index)
{
    return index < all->count ? all->ranks[index] : all->count;
}

/* ---- Choosing ------------------------------------------------------------ */

static int provide(explained_classes *classes, uint32_t count)
{
    classes->indices = malloc((count ? count : 1) * sizeof *classes->indices);
    return classes->indices ? 0 : fail_memory();
}

/* --classes */
static int take_list(chooser *c)
{
    const char *at = c->options->classes.list;
    explained_classes *classes = &c->inputs->classes;
    uint32_t count = 1;
    for (const char *p = at; *p; p++)
        count += *p == ',';
    int status = provide(classes, count);
    for (uint32_t k = 0; k < count && !status; k++) {
        classes->indices[k] = (uint32_t)strtoul(at, NULL, 10);
        at = strchr(at, ',') ? strchr(at, ',') + 1 : at;
        uint32_t n = c->all.count ? c->all.count : c->rows;
        if (classes->indices[k] >= n)
            status =
                fail("--classes",
                     "there is no class %" PRIu32 "; the highest is %" PRIu32,
                     classes->indices[k], n - 1);
    }
    classes->count = count;
    return status;
}

/* --top, or what it is by default. */
static int take_top(chooser *c)
{
    const uint32_t usual = 5;
    uint32_t top = c->options->classes.top, rows = c->rows;
    uint32_t n = has_classifier(c) ? c->all.count : rows;
    explained_classes *classes = &c->inputs->classes;
    if (top > n)
        return fail(c->inputs->layers[0].source.path,
                    "has %" PRIu32 " class%s, and --top asks for %" PRIu32, n,
                    n == 1 ? "" : "es", top);
    if (!top)
        top = has_classifier(c) && n > usual ? usual : n;
    classes->count = top;
    if (!c->all.count)
        return 0;
    if (top > c->all.count)
        return fail(c->inputs->logits.path,
                    "has %" PRIu32 " logits for %" PRIu32 " classes",
                    c->all.count, top);
    int status = provide(classes, top);
    if (!status)
        memcpy(classes->indices, c->all.indices, top * sizeof *c->all.indices);
    return status;
}

/* Into *thresholds, NULL where there are none. */
static int read_thresholds(const chooser *c, float **thresholds)
{
    const char *path = c->options->files[FILE_THRESHOLDS];
    tensor_file file;
    if (!path)
        return 0;
    int status = tensor_read_vector(path, &file);
    if (status)
        return status;
    *thresholds = malloc(c->all.count * sizeof **thresholds);
    if (!*thresholds)
        status = fail_memory();
    else if (tensor_length(&file) != (int64_t)c->all.count)
        status =
            fail(path, "has %" PRId64 " thresholds for %" PRIu32 " classes",
                 tensor_length(&file), c->all.count);
    for (uint32_t i = 0; i < c->all.count && !status; i++)
        (*thresholds)[i] = tensor_element(&file, i);
    tensor_release(&file);
    return status;
}

/* --mass and its like. */
static int take_by_rule(chooser *c)
{
    explained_classes *classes = &c->inputs->classes;
    assert(c->all.count > 0); /* options that choose need logits */
    fmgcam_choice choice = c->options->classes.rule;
    float *thresholds = NULL;
    fmgcam_buffer indices;
    int status = read_thresholds(c, &thresholds);
    if (!status)
        status = provide(classes, c->all.count);
    indices = (fmgcam_buffer){classes->indices,
                              c->all.count * sizeof *classes->indices};
    choice.thresholds = thresholds;
    if (!status && choice.count > c->all.count)
        status =
            fail("--max-classes", "asks for %" PRIu32 " of %" PRIu32 " classes",
                 choice.count, c->all.count);
    if (!status &&
        fmgcam_choose_classes(c->context, &choice, &c->inputs->logits.view,
                              &indices, NULL, &classes->count))
        status = fail_choice(c);
    if (!status && classes->count == 0)
        status = fail(c->inputs->logits.path,
                      "no class is chosen by %s; the best one has %g",
                      c->options->classes.by, (double)c->all.probabilities[0]);
    free(thresholds);
    return status;
}

/* ---- What belongs to the classes ----------------------------------------- */

/* Row k of gradients and weights is that of the k-th best class. */
static int find_rows(chooser *c)
{
    explained_classes *classes = &c->inputs->classes;
    c->kept = malloc(classes->count * sizeof *c->kept);
    if (!c->kept)
        return fail_memory();
    for (uint32_t k = 0; k < classes->count; k++) {
        uint32_t index = classes->indices ? classes->indices[k] : k;
        c->kept[k] = classes->indices ? rank_of(&c->all, index) : k;
        if (c->kept[k] >= c->rows)
            return fail(c->inputs->layers[0].source.path,
                        "has no row for class %" PRIu32
                        ", which is number %" PRIu32
                        " by its logit; the rows are of the best %" PRIu32,
                        index, c->kept[k] + 1, c->rows);
    }
    return 0;
}

static int keep_rows(chooser *c)
{
    explain_inputs *inputs = c->inputs;
    uint32_t axes =
        c->options->files[FILE_GRADIENTS] ? c->options->layout.map_axes : 0;
    int status = find_rows(c);
    for (uint32_t i = 0; i < inputs->layer_count && !status; i++) {
        tensor_file *source = &inputs->layers[i].source;
        if (source->view.rank)
            status =
                tensor_take_rows(source, axes, c->kept, inputs->classes.count);
    }
    return status;
}

static int fill_scores(chooser *c)
{
    explained_classes *classes = &c->inputs->classes;
    if (!c->all.count)
        return 0;
    classes->scores = malloc(classes->count * sizeof *classes->scores);
    classes->probabilities =
        malloc(classes->count * sizeof *classes->probabilities);
    if (!classes->scores || !classes->probabilities)
        return fail_memory();
    for (uint32_t k = 0; k < classes->count; k++) {
        uint32_t index = classes->indices[k];
        classes->scores[k] = tensor_element(&c->inputs->logits, index);
        classes->probabilities[k] =
            c->all.probabilities[rank_of(&c->all, index)];
    }
    return 0;
}

/* All layers must have the same classes. */
static int count_rows(chooser *c)
{
    const explain_inputs *inputs = c->inputs;
    uint32_t axes =
        c->options->files[FILE_GRADIENTS] ? c->options->layout.map_axes : 0;
    c->rows = 1;
    for (uint32_t i = 0; i < inputs->layer_count; i++) {
        const tensor_file *source = &inputs->layers[i].source;
        if (!source->view.rank)
            return 0;
        uint32_t rows = (uint32_t)tensor_rows(source, axes);
        if (i > 0 && rows != c->rows)
            return fail(source->path,
                        "has %" PRIu32 " class%s, and the first layer %" PRIu32,
                        rows, rows == 1 ? "" : "es", c->rows);
        c->rows = rows;
    }
    if (c->all.count && c->rows > c->all.count && !has_classifier(c))
        return fail(inputs->logits.path,
                    "has %" PRIu32 " logits for the %" PRIu32 " classes of %s",
                    c->all.count, c->rows, inputs->layers[0].source.path);
    return 0;
}

static int choose(chooser *c)
{
    const class_options *classes = &c->options->classes;
    int status = rank_all(c);
    if (!status)
        status = count_rows(c);
    if (status)
        return status;
    if (!c->inputs->layers[0].source.view.rank) { /* class-agnostic */
        c->inputs->classes.count = 1;
        return 0;
    }
    if (classes->list)
        status = take_list(c);
    else if (classes->by)
        status = take_by_rule(c);
    else
        status = take_top(c);
    if (!status && !has_classifier(c))
        status = keep_rows(c);
    return status ? status : fill_scores(c);
}

int choose_classes(const explain_options *options, fmgcam_context *context,
                   explain_inputs *inputs)
{
    chooser c = {.options = options, .context = context, .inputs = inputs};
    int status = choose(&c);
    free(c.all.indices);
    free(c.all.probabilities);
    free(c.all.ranks);
    free(c.kept);
    return status;
}
