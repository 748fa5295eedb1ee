/* SPDX-License-Identifier: MIT */
/* The command in steps: read both sides, measure, write the files, print the
 * table, hold the measures against the thresholds. */
#include "compare/compare.h"

#include <string.h>

#include <fmgcam/fmgcam.h>

#include "compare/compare_figure.h"
#include "compare/compare_inputs.h"
#include "compare/compare_measure.h"
#include "compare/compare_options.h"
#include "compare/compare_picture.h"
#include "compare/compare_report.h"
#include "diagnose.h"
#include "output.h"

typedef struct compare_run {
    const compare_options *options;
    fmgcam_context *context;
    compare_inputs inputs;
    comparison found;
    output_set outputs;
} compare_run;

static int set_up(compare_run *run)
{
    if (fmgcam_create(NULL, &run->context, NULL, 0))
        return fail_memory();
    if (fmgcam_set_options(run->context, &run->options->settings))
        return fail_usage("compare", "%s", fmgcam_error_detail(run->context));
    return 0;
}

static int measure(compare_run *run)
{
    const compare_inputs *inputs = &run->inputs;
    comparison_input input = {
        .maps = {inputs->sides[0].maps, inputs->sides[1].maps},
        .classes = {inputs->sides[0].classes, inputs->sides[1].classes},
        .cells = (size_t)inputs->height * inputs->width,
        .pairs = inputs->pairing.pairs,
        .pair_count = inputs->pairing.count,
        .scaled = !run->options->unscaled,
    };
    return comparison_measure(&input, &run->found) ? 0 : fail_memory();
}

static int write_one(const void *of, int which, output *to)
{
    const compare_run *run = of;
    if (which == COMPARE_PICTURE)
        return compare_write_picture(run->options, run->context, &run->inputs,
                                     &run->found, to);
    if (which == COMPARE_FIGURE)
        return compare_write_figure(run->options, run->context, &run->inputs,
                                    &run->found, to);
    return compare_write_report(run->options, &run->inputs, &run->found, to);
}

/* A file that goes to standard output takes the place of the table. */
static bool has_table(const compare_options *options)
{
    for (int i = 0; i < COMPARE_OUTPUT_COUNT; i++)
        if (options->outputs[i] && output_is_stdout(options->outputs[i]))
            return false;
    return true;
}

static int run_steps(compare_run *run)
{
    int status = set_up(run);
    if (!status)
        status = compare_read(run->options, run->context, &run->inputs);
    if (!status)
        status = measure(run);
    if (!status)
        status = output_set_write(&run->outputs, run->options->outputs,
                                  COMPARE_OUTPUT_COUNT, write_one, run);
    if (status)
        return status;
    if (has_table(run->options))
        compare_print_table(&run->inputs, &run->found);
    return threshold_say(run->options->thresholds, &run->found,
                         &run->inputs.pairing);
}

int compare_main(int argc, char **argv)
{
    compare_options options;
    int status = compare_parse(argc, argv, &options);
    if (status)
        return status;
    if (options.help) {
        compare_print_help();
        return STATUS_DONE;
    }
    compare_run run = {.options = &options};
    status = run_steps(&run);
    output_set_abandon(&run.outputs);
    comparison_release(&run.found);
    compare_inputs_release(&run.inputs);
    fmgcam_destroy(run.context);
    return status;
}
