/* SPDX-License-Identifier: MIT */
/*
 * The command in four steps, each of which does only what the outputs that were
 * asked for need: gather the inputs, compute the maps, write each output under
 * a temporary name, put all of them in place.
 */
#include "explain/explain.h"

#include <fmgcam/fmgcam.h>

#include "diagnose.h"
#include "explain/explain_draw.h"
#include "explain/explain_inputs.h"
#include "explain/explain_maps.h"
#include "explain/explain_options.h"
#include "explain/figure_case.h"
#include "explain/report.h"
#include "npy.h"
#include "output.h"
#include "picture.h"

typedef struct explain_run {
    const explain_options *asked;
    fmgcam_context *context;
    explain_inputs inputs;
    explain_maps maps;
    output_set outputs;
} explain_run;

static int set_up(explain_run *run)
{
    fmgcam_status status = fmgcam_create(NULL, &run->context, NULL, 0);
    if (status != FMGCAM_STATUS_OK)
        return fail_memory();
    status = fmgcam_set_options(run->context, &run->asked->settings);
    return status == FMGCAM_STATUS_OK
               ? 0
               : fail_usage("explain", "%s", fmgcam_error_detail(run->context));
}

/* ---- Pictures ------------------------------------------------------------ */

static int draw_overlay(const explain_run *run, const picture *over, output *to)
{
    int status = explain_draw_overlay(run->asked, run->context, &run->inputs,
                                      &run->maps, over);
    return status ? status : picture_write(over, to);
}

/* In place, if the image as it was is of no more use. */
static int write_overlay(const explain_run *run, output *to)
{
    picture copy;
    if (!run->asked->files[FILE_FIGURE])
        return draw_overlay(run, &run->inputs.image, to);
    int status = picture_copy(&run->inputs.image, &copy);
    if (!status)
        status = draw_overlay(run, &copy, to);
    picture_release(&copy);
    return status;
}

static int write_heatmap(const explain_run *run, output *to)
{
    uint32_t width, height;
    picture heatmap;
    explain_picture_size(run->asked, &run->inputs, &width, &height);
    int status = picture_allocate(width, height, &heatmap);
    if (!status)
        status = explain_draw_heatmap(run->asked, run->context, &run->inputs,
                                      &run->maps, &heatmap);
    if (!status)
        status = picture_write(&heatmap, to);
    picture_release(&heatmap);
    return status;
}

static int write_figure(const explain_run *run, output *to)
{
    return figure_write_case(run->asked, run->context, &run->inputs, &run->maps,
                             to);
}

/* ---- Tensors ------------------------------------------------------------- */

/* @p values [K, map] */
static int write_stack(const explain_run *run, const float *values, output *to)
{
    const explain_maps *maps = &run->maps;
    int64_t shape[4] = {maps->classes};
    for (uint32_t i = 0; i < maps->axes; i++)
        shape[1 + i] = maps->extents[i];
    return npy_write_float32(to, values, shape, 1 + maps->axes);
}

static int write_maps(const explain_run *run, output *to)
{
    return write_stack(run, run->maps.maps, to);
}

static int write_class_maps(const explain_run *run, output *to)
{
    return write_stack(run, run->maps.class_maps, to);
}

static int write_signed_maps(const explain_run *run, output *to)
{
    return write_stack(run, run->maps.signed_maps, to);
}

static int write_margin(const explain_run *run, output *to)
{
    return npy_write_float32(to, run->maps.margin, run->maps.extents,
                             run->maps.axes);
}

static int write_winner(const explain_run *run, output *to)
{
    return npy_write_int32(to, run->maps.winner, run->maps.extents,
                           run->maps.axes);
}

static int write_report(const explain_run *run, output *to)
{
    return report_write(run->asked, run->context, &run->inputs, &run->maps, to);
}

/* ---- Outputs ------------------------------------------------------------- */

static int (*const writers[FILE_COUNT])(const explain_run *, output *) = {
    [FILE_OVERLAY] = write_overlay,
    [FILE_HEATMAP] = write_heatmap,
    [FILE_FIGURE] = write_figure,
    [FILE_MAPS] = write_maps,
    [FILE_CLASS_MAPS] = write_class_maps,
    [FILE_SIGNED_MAPS] = write_signed_maps,
    [FILE_WINNER] = write_winner,
    [FILE_MARGIN] = write_margin,
    [FILE_REPORT] = write_report,
};

static int write_one(const void *run, int output_number, output *to)
{
    return writers[FILE_FIRST_OUTPUT + output_number](run, to);
}

static int write_outputs(explain_run *run)
{
    return output_set_write(&run->outputs,
                            run->asked->files + FILE_FIRST_OUTPUT,
                            FILE_COUNT - FILE_FIRST_OUTPUT, write_one, run);
}

/* ---- The command --------------------------------------------------------- */

static void release(explain_run *run)
{
    output_set_abandon(&run->outputs);
    fmgcam_destroy(run->context);
    explain_maps_release(&run->maps);
    explain_inputs_release(&run->inputs);
}

int explain_run_case(const explain_options *options)
{
    explain_run run = {.asked = options};
    int status = set_up(&run);
    if (!status)
        status = explain_read(options, run.context, &run.inputs);
    if (!status)
        status = explain_compute(options, run.context, &run.inputs, &run.maps);
    if (!status)
        status = write_outputs(&run);
    release(&run);
    return status;
}

int explain_main(int argc, char **argv)
{
    explain_options options;
    int status = explain_parse(argc, argv, &options);
    if (status)
        return status;
    if (options.help) {
        explain_print_help();
        return STATUS_DONE;
    }
    return explain_run_case(&options);
}
