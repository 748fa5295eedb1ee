/* SPDX-License-Identifier: MIT */
/*
 * The command in four steps, each of which does only what the outputs that were
 * asked for need: gather the inputs, compute the maps, write each output under
 * a temporary name, put all of them in place.
 */
#include "explain.h"

#include <stdlib.h>
#include <string.h>

#include <fmgcam/fmgcam.h>

#include "diagnose.h"
#include "explain_options.h"
#include "labels.h"
#include "npy.h"
#include "output.h"
#include "picture.h"
#include "report.h"
#include "tensors.h"

typedef struct explain_run {
    const explain_options *asked;

    /* inputs */
    tensor_file activations;
    tensor_file scores; /* gradients or weights */
    label_list labels;
    picture image; /* pixels only for an overlay */

    /* results; NULL where not wanted */
    fmgcam_context *context;
    fmgcam_options options; /* effective */
    int64_t classes, channels, height, width;
    float *maps, *class_maps, *signed_maps;
    int32_t *winner;
    uint32_t result; /* FMGCAM_RESULT_* */

    output_set outputs;
} explain_run;

static bool is_wanted(const explain_run *run, int file)
{
    return run->asked->files[file] != NULL;
}

static bool wants_picture(const explain_run *run)
{
    return is_wanted(run, FILE_OVERLAY) || is_wanted(run, FILE_HEATMAP);
}

/* ---- Inputs -------------------------------------------------------------- */

static int read_scores(explain_run *run)
{
    const explain_options *asked = run->asked;
    int status;
    if (asked->files[FILE_GRADIENTS])
        status = tensor_read_gradients(asked->files[FILE_GRADIENTS],
                                       asked->channels_last, &run->scores);
    else
        status = tensor_read_weights(asked->files[FILE_WEIGHTS], &run->scores);
    if (!status && asked->top)
        status = tensor_take_first(&run->scores, asked->top);
    return status;
}

static int read_tensors(explain_run *run)
{
    int status =
        tensor_read_activations(run->asked->files[FILE_ACTIVATIONS],
                                run->asked->channels_last, &run->activations);
    if (!status)
        status = read_scores(run);
    if (status)
        return status;
    const fmgcam_tensor *view = &run->activations.view;
    run->classes = tensor_classes(&run->scores);
    run->channels = view->shape[view->rank - 3];
    run->height = view->shape[view->rank - 2];
    run->width = view->shape[view->rank - 1];
    return 0;
}

static int read_labels(explain_run *run)
{
    const char *path = run->asked->files[FILE_LABELS];
    if (!path)
        return 0;
    int status = labels_read(path, &run->labels);
    if (!status && (uint64_t)run->classes > run->labels.count)
        status = fail(path, "has %zu label%s for %llu classes",
                      run->labels.count, run->labels.count == 1 ? "" : "s",
                      (unsigned long long)run->classes);
    return status;
}

static int read_image(explain_run *run)
{
    const char *path = run->asked->files[FILE_IMAGE];
    if (!path)
        return 0;
    return picture_read(path, is_wanted(run, FILE_OVERLAY), &run->image);
}

static int gather(explain_run *run)
{
    int status = read_tensors(run);
    if (!status)
        status = read_labels(run);
    if (!status)
        status = read_image(run);
    return status;
}

/* ---- Maps ---------------------------------------------------------------- */

/* The library's text begins with the name of an argument; the user knows the
 * file by its own name. */
static int fail_library(const explain_run *run, fmgcam_status status)
{
    const char *detail = fmgcam_error_detail(run->context);
    const char *path = run->activations.path;
    if (status == FMGCAM_STATUS_NO_MEMORY)
        return fail_memory();
    if (strncmp(detail, "gradients", 9) == 0 ||
        strncmp(detail, "weights", 7) == 0)
        path = run->scores.path;
    return fail(path, "%s", *detail ? detail : fmgcam_status_string(status));
}

static int set_up(explain_run *run)
{
    fmgcam_status status = fmgcam_create(NULL, &run->context, NULL, 0);
    if (status != FMGCAM_STATUS_OK)
        return fail_memory();
    status = fmgcam_set_options(run->context, &run->asked->settings);
    if (status == FMGCAM_STATUS_OK) {
        run->options.struct_size = sizeof run->options;
        status = fmgcam_get_options(run->context, &run->options);
    }
    return status == FMGCAM_STATUS_OK
               ? 0
               : fail("explain", "%s", fmgcam_error_detail(run->context));
}

/* Memory for @p count x H x W elements of four bytes. */
static int provide(const explain_run *run, int64_t count, fmgcam_buffer *buffer)
{
    uint64_t cells = (uint64_t)run->height * (uint64_t)run->width;
    if (cells > SIZE_MAX / 4 / (uint64_t)count)
        return fail_memory();
    buffer->size_bytes = (size_t)cells * (size_t)count * 4;
    buffer->data = malloc(buffer->size_bytes);
    return buffer->data ? 0 : fail_memory();
}

static int provide_outputs(const explain_run *run, fmgcam_outputs *outputs)
{
    bool at_image = run->options.fuse_at == FMGCAM_FUSE_AT_IMAGE;
    bool report = is_wanted(run, FILE_REPORT);
    int status = 0;
    /* The report needs the maps to know whether they are flat. */
    if (is_wanted(run, FILE_MAPS) || report ||
        (wants_picture(run) && !at_image))
        status = provide(run, run->classes, &outputs->maps);
    if (!status && (is_wanted(run, FILE_CLASS_MAPS) || report))
        status = provide(run, run->classes, &outputs->class_maps);
    if (!status && (is_wanted(run, FILE_WINNER) || report))
        status = provide(run, 1, &outputs->winner);
    if (!status && wants_picture(run) && at_image)
        status = provide(run, run->classes, &outputs->signed_maps);
    return status;
}

static int compute(explain_run *run)
{
    int status = set_up(run);
    if (status)
        return status;
    fmgcam_inputs inputs = {.struct_size = sizeof inputs};
    fmgcam_outputs outputs = {.struct_size = sizeof outputs};
    inputs.activations = &run->activations.view;
    if (is_wanted(run, FILE_GRADIENTS))
        inputs.gradients = &run->scores.view;
    else
        inputs.weights = &run->scores.view;
    status = provide_outputs(run, &outputs);
    run->maps = outputs.maps.data;
    run->class_maps = outputs.class_maps.data;
    run->signed_maps = outputs.signed_maps.data;
    run->winner = outputs.winner.data;
    if (status)
        return status;
    fmgcam_status result = fmgcam_explain(run->context, &inputs, &outputs);
    run->result = outputs.result;
    return result == FMGCAM_STATUS_OK ? 0 : fail_library(run, result);
}

/* ---- Outputs ------------------------------------------------------------- */

static int draw(const explain_run *run, bool over, const picture *target)
{
    fmgcam_tensor maps, signed_maps;
    fmgcam_tensor_maps(&maps, run->maps, run->classes, run->height, run->width);
    fmgcam_tensor_maps(&signed_maps, run->signed_maps, run->classes,
                       run->height, run->width);
    fmgcam_layers layers = {.struct_size = sizeof layers};
    if (run->signed_maps)
        layers.signed_maps = &signed_maps;
    else
        layers.maps = &maps;
    fmgcam_image view = picture_view(target);
    fmgcam_status status =
        over ? fmgcam_draw_overlay(run->context, &layers, &view, &view)
             : fmgcam_draw_heatmap(run->context, &layers, &view);
    return status == FMGCAM_STATUS_OK ? 0 : fail_library(run, status);
}

/* In place: the image as it was is of no more use. */
static int write_overlay(const explain_run *run, output *to)
{
    int status = draw(run, true, &run->image);
    return status ? status : picture_write(&run->image, to);
}

static int write_heatmap(const explain_run *run, output *to)
{
    bool sized = run->asked->width > 0;
    uint32_t width = sized ? run->asked->width : run->image.width;
    uint32_t height = sized ? run->asked->height : run->image.height;
    picture heatmap;
    int status = picture_allocate(width, height, &heatmap);
    if (!status)
        status = draw(run, false, &heatmap);
    if (!status)
        status = picture_write(&heatmap, to);
    picture_release(&heatmap);
    return status;
}

static int write_maps(const explain_run *run, output *to)
{
    const int64_t shape[] = {run->classes, run->height, run->width};
    return npy_write_float32(to, run->maps, shape, 3);
}

static int write_class_maps(const explain_run *run, output *to)
{
    const int64_t shape[] = {run->classes, run->height, run->width};
    return npy_write_float32(to, run->class_maps, shape, 3);
}

static int write_winner(const explain_run *run, output *to)
{
    const int64_t shape[] = {run->height, run->width};
    return npy_write_int32(to, run->winner, shape, 2);
}

static int write_report(const explain_run *run, output *to)
{
    report_facts facts = {0};
    facts.classes = run->classes;
    facts.channels = run->channels;
    facts.height = run->height;
    facts.width = run->width;
    facts.options = &run->options;
    facts.top = run->asked->top;
    facts.labels = &run->labels;
    facts.class_maps = run->class_maps;
    facts.winner = run->winner;
    facts.flat = (run->result & FMGCAM_RESULT_FLAT) != 0;
    return report_write(&facts, to);
}

typedef int (*output_writer)(const explain_run *run, output *to);

static const output_writer writers[FILE_COUNT] = {
    [FILE_OVERLAY] = write_overlay, [FILE_HEATMAP] = write_heatmap,
    [FILE_MAPS] = write_maps,       [FILE_CLASS_MAPS] = write_class_maps,
    [FILE_WINNER] = write_winner,   [FILE_REPORT] = write_report,
};

static int write_one(explain_run *run, int file)
{
    output *to;
    int status = output_begin(&run->outputs, run->asked->files[file], &to);
    if (!status)
        status = writers[file](run, to);
    if (!status)
        status = output_finish(to);
    return status;
}

/* What went into a pipe or device cannot be taken back, so these come last. */
static int write_outputs(explain_run *run)
{
    bool is_last[FILE_COUNT] = {false};
    for (int i = FILE_FIRST_OUTPUT; i < FILE_COUNT; i++)
        is_last[i] =
            is_wanted(run, i) && output_is_straight(run->asked->files[i]);
    for (int last = 0; last < 2; last++) {
        for (int i = FILE_FIRST_OUTPUT; i < FILE_COUNT; i++) {
            if (!is_wanted(run, i) || is_last[i] != (last == 1))
                continue;
            int status = write_one(run, i);
            if (status)
                return status;
        }
    }
    return output_set_commit(&run->outputs);
}

/* ---- The command --------------------------------------------------------- */

static void release(explain_run *run)
{
    output_set_abandon(&run->outputs);
    fmgcam_destroy(run->context);
    free(run->maps);
    free(run->class_maps);
    free(run->signed_maps);
    free(run->winner);
    picture_release(&run->image);
    labels_release(&run->labels);
    tensor_release(&run->scores);
    tensor_release(&run->activations);
}

int explain_main(int argc, char **argv)
{
    explain_options asked;
    int status = explain_parse(argc, argv, &asked);
    if (status)
        return status;
    if (asked.help) {
        explain_print_help();
        return STATUS_DONE;
    }
    explain_run run = {.asked = &asked};
    status = gather(&run);
    if (!status)
        status = compute(&run);
    if (!status)
        status = write_outputs(&run);
    release(&run);
    return status;
}
