/* SPDX-License-Identifier: MIT */
/* Which files they are, then what is in them. */
#include "compare/compare_inputs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "npy.h"
#include "output.h"
#include "system.h"

/* ---- Which files --------------------------------------------------------- */

/* FOLDER/NAME, or with NAME NULL a copy. @return 0 or the exit status. */
static int join(const char *folder, const char *name, char **path)
{
    size_t size = strlen(folder) + (name ? strlen(name) : 0) + 2;
    bool slash = name && folder[strlen(folder) - 1] != '/';
    free(*path);
    *path = malloc(size);
    if (!*path)
        return fail_memory();
    snprintf(*path, size, "%s%s%s", folder, slash ? "/" : "", name ? name : "");
    return 0;
}

/* The most telling maps that both have. */
static int find_maps(const compare_options *options, compare_inputs *inputs)
{
    static const char *const names[] = {"signed-maps.npy", "class-maps.npy",
                                        "maps.npy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int there = 0;
        for (int side = 0; side < 2; side++) {
            char **path = &inputs->sides[side].maps_path;
            int status = join(options->maps[side], names[i], path);
            if (status)
                return status;
            there += system_kind(*path) != SYSTEM_NOTHING;
        }
        if (there == 2)
            return 0;
    }
    return fail(options->maps[0],
                "has none of signed-maps.npy, class-maps.npy and maps.npy "
                "that %s has too",
                options->maps[1]);
}

static int find_folders(const compare_options *options, compare_inputs *inputs)
{
    int status = find_maps(options, inputs);
    for (int side = 0; side < 2 && !status; side++)
        if (!options->reports[side])
            status = join(options->maps[side], "report.json",
                          &inputs->sides[side].report_path);
    return status;
}

/* A folder has a report of its own, a file has none. */
static int check_reports(const compare_options *options)
{
    const char *const *reports = options->reports;
    if (!reports[0] == !reports[1])
        return 0;
    return fail_usage(reports[0] ? "--report-a" : "--report-b",
                      "goes together with %s",
                      reports[0] ? "--report-b" : "--report-a");
}

static int find_files(const compare_options *options, compare_inputs *inputs)
{
    bool folders[2] = {system_kind(options->maps[0]) == SYSTEM_FOLDER,
                       system_kind(options->maps[1]) == SYSTEM_FOLDER};
    int status = 0;
    if (folders[0] != folders[1])
        return fail_usage(options->maps[folders[0] ? 0 : 1],
                          "is a folder, and %s is not; name the file in it",
                          options->maps[folders[0] ? 1 : 0]);
    status =
        folders[0] ? find_folders(options, inputs) : check_reports(options);
    for (int side = 0; side < 2 && !status; side++) {
        compare_side *found = &inputs->sides[side];
        if (!folders[0])
            status = join(options->maps[side], NULL, &found->maps_path);
        if (!status && options->reports[side])
            status = join(options->reports[side], NULL, &found->report_path);
    }
    return status;
}

/* An explanation that a slip of the hand replaces is gone. */
static int check_replaced(const compare_options *options,
                          const compare_inputs *inputs)
{
    const char *const read[] = {inputs->sides[0].maps_path,
                                inputs->sides[1].maps_path,
                                inputs->sides[0].report_path,
                                inputs->sides[1].report_path, options->image};
    for (int i = 0; i < COMPARE_OUTPUT_COUNT; i++)
        for (size_t j = 0; j < sizeof read / sizeof *read; j++)
            if (options->outputs[i] && read[j] &&
                output_replaces(options->outputs[i], read[j]))
                return fail_usage(options->outputs[i],
                                  "is an input and the file of --%s",
                                  compare_output_names[i]);
    return 0;
}

/* ---- Maps ---------------------------------------------------------------- */

static int check_shape(const npy_array *array, const char *path)
{
    char text[NPY_TEXT_SIZE];
    npy_format_index(array->shape, array->rank, text);
    if (array->rank != 3)
        return fail(path, "shape %s; [K,H,W] expected", text);
    for (uint32_t i = 0; i < 3; i++)
        if (array->shape[i] > INT32_MAX)
            return fail(path, "shape %s is too large", text);
    return 0;
}

static int fail_value(const char *path, const int64_t index[3], float value)
{
    char text[NPY_TEXT_SIZE];
    npy_format_index(index, 3, text);
    return fail(path, "the element at %s is %s", text,
                isnan(value) ? "NaN" : "infinite");
}

/* In the order of [K,H,W], whatever that of the file. */
static int copy_values(const npy_array *array, const char *path, float *values)
{
    int64_t i[3];
    for (i[0] = 0; i[0] < array->shape[0]; i[0]++)
        for (i[1] = 0; i[1] < array->shape[1]; i[1]++)
            for (i[2] = 0; i[2] < array->shape[2]; i[2]++) {
                int64_t at = 0;
                for (uint32_t axis = 0; axis < 3; axis++)
                    at += i[axis] * array->strides[axis];
                float value = npy_value(array, at);
                if (!isfinite(value))
                    return fail_value(path, i, value);
                *values++ = value;
            }
    return 0;
}

static int take_array(const npy_array *array, compare_side *side)
{
    int status = check_shape(array, side->maps_path);
    if (status)
        return status;
    side->classes = (uint32_t)array->shape[0];
    side->height = (uint32_t)array->shape[1];
    side->width = (uint32_t)array->shape[2];
    side->maps = malloc((size_t)side->classes * side->height * side->width *
                        sizeof *side->maps);
    return side->maps ? copy_values(array, side->maps_path, side->maps)
                      : fail_memory();
}

static int read_maps(compare_side *side)
{
    npy_array array;
    int status = npy_read(side->maps_path, &array);
    if (status)
        return status;
    status = take_array(&array, side);
    npy_release(&array);
    return status;
}

static int resample(fmgcam_context *context, const compare_inputs *inputs,
                    compare_side *side)
{
    uint64_t cells = (uint64_t)inputs->height * inputs->width;
    if (side->height == inputs->height && side->width == inputs->width)
        return 0;
    if (cells > SIZE_MAX / sizeof(float) / side->classes)
        return fail_memory();
    fmgcam_tensor view;
    fmgcam_tensor_maps(&view, side->maps, side->classes, side->height,
                       side->width);
    fmgcam_buffer to = {NULL, (size_t)cells * side->classes * sizeof(float)};
    to.data = malloc(to.size_bytes);
    if (!to.data)
        return fail_memory();
    fmgcam_status status = fmgcam_resample_maps(context, &view, inputs->height,
                                                inputs->width, &to);
    free(side->maps);
    side->maps = to.data;
    side->resampled = true;
    if (status == FMGCAM_STATUS_NO_MEMORY)
        return fail_memory();
    return status ? fail(side->maps_path, "%s", fmgcam_error_detail(context))
                  : 0;
}

/* ---- All of it ----------------------------------------------------------- */

static uint32_t larger(uint32_t one, uint32_t other)
{
    return one > other ? one : other;
}

static int read_all_maps(fmgcam_context *context, compare_inputs *inputs)
{
    compare_side *a = &inputs->sides[0], *b = &inputs->sides[1];
    int status = read_maps(a);
    if (!status)
        status = read_maps(b);
    if (status)
        return status;
    inputs->height = larger(a->height, b->height);
    inputs->width = larger(a->width, b->width);
    status = resample(context, inputs, a);
    return status ? status : resample(context, inputs, b);
}

static int match_classes(compare_inputs *inputs)
{
    uint32_t counts[2];
    int status = 0;
    for (int i = 0; i < 2 && !status; i++) {
        compare_side *side = &inputs->sides[i];
        counts[i] = side->classes;
        if (side->report_path)
            status =
                class_list_read(side->report_path, side->classes, &side->list);
    }
    return status ? status
                  : class_pairing_make(&inputs->sides[0].list,
                                       &inputs->sides[1].list, counts,
                                       &inputs->pairing);
}

int compare_read(const compare_options *options, fmgcam_context *context,
                 compare_inputs *inputs)
{
    inputs->settings.struct_size = sizeof inputs->settings;
    if (fmgcam_get_options(context, &inputs->settings))
        return fail("compare", "%s", fmgcam_error_detail(context));
    int status = find_files(options, inputs);
    if (!status)
        status = check_replaced(options, inputs);
    if (!status)
        status = read_all_maps(context, inputs);
    if (!status)
        status = match_classes(inputs);
    if (!status && options->image)
        status = picture_read(options->image, true, &inputs->image);
    return status;
}

void compare_picture_size(const compare_options *options,
                          const compare_inputs *inputs, uint32_t *width,
                          uint32_t *height)
{
    bool has_image = inputs->image.rgb != NULL;
    *width = has_image ? inputs->image.width : options->width;
    *height = has_image ? inputs->image.height : options->height;
}

void compare_inputs_release(compare_inputs *inputs)
{
    for (int i = 0; i < 2; i++) {
        free(inputs->sides[i].maps_path);
        free(inputs->sides[i].report_path);
        free(inputs->sides[i].maps);
        class_list_release(&inputs->sides[i].list);
    }
    class_pairing_release(&inputs->pairing);
    picture_release(&inputs->image);
    memset(inputs, 0, sizeof *inputs);
}
