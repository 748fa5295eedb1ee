/* SPDX-License-Identifier: MIT */
/* Names <-> constants. */
#include "choices.h"

#include <stdio.h>
#include <string.h>

#include "diagnose.h"

static const choice profiles[] = {
    {"standard", FMGCAM_PROFILE_STANDARD},
    {"released", FMGCAM_PROFILE_RELEASED},
    {NULL, 0},
};

static const choice methods[] = {
    {"grad-cam", FMGCAM_METHOD_GRAD_CAM},
    {"grad-cam++", FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS},
    {"grad-cam++-stable", FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE},
    {"xgrad-cam", FMGCAM_METHOD_XGRAD_CAM},
    {"layer-cam", FMGCAM_METHOD_LAYER_CAM},
    {"hires-cam", FMGCAM_METHOD_HIRES_CAM},
    {"element-wise", FMGCAM_METHOD_ELEMENT_WISE},
    {"contrastive", FMGCAM_METHOD_CONTRASTIVE},
    {"eigen-cam", FMGCAM_METHOD_EIGEN_CAM},
    {"eigen-grad-cam", FMGCAM_METHOD_EIGEN_GRAD_CAM},
    {"fem", FMGCAM_METHOD_FEM},
    {NULL, 0},
};

static const choice activations[] = {
    {"relu", FMGCAM_ACTIVATION_RELU},
    {"gelu", FMGCAM_ACTIVATION_GELU},
    {"elu", FMGCAM_ACTIVATION_ELU},
    {"none", FMGCAM_ACTIVATION_NONE},
    {NULL, 0},
};

static const choice filters[] = {
    {"argmax", FMGCAM_FILTER_ARGMAX},
    {"none", FMGCAM_FILTER_NONE},
    {NULL, 0},
};

static const choice norms[] = {
    {"l2", FMGCAM_NORMALIZE_L2},
    {"l2-columns", FMGCAM_NORMALIZE_L2_COLUMNS},
    {"none", FMGCAM_NORMALIZE_NONE},
    {"max", FMGCAM_NORMALIZE_MAX},
    {"probability", FMGCAM_NORMALIZE_PROBABILITY},
    {NULL, 0},
};

static const choice rescalings[] = {
    {"stack", FMGCAM_RESCALE_STACK},
    {"class", FMGCAM_RESCALE_CLASS},
    {"none", FMGCAM_RESCALE_NONE},
    {NULL, 0},
};

static const choice fusions[] = {
    {"map", FMGCAM_FUSE_AT_MAP},
    {"image", FMGCAM_FUSE_AT_IMAGE},
    {NULL, 0},
};

static const choice resamplings[] = {
    {"nearest", FMGCAM_RESAMPLE_NEAREST},
    {"bilinear", FMGCAM_RESAMPLE_BILINEAR},
    {"bicubic", FMGCAM_RESAMPLE_BICUBIC},
    {NULL, 0},
};

static const choice blends[] = {
    {"evidence", FMGCAM_BLEND_EVIDENCE},
    {"constant", FMGCAM_BLEND_CONSTANT},
    {NULL, 0},
};

static const choice targets[] = {
    {"logit", FMGCAM_TARGET_LOGIT},
    {"softmax", FMGCAM_TARGET_SOFTMAX},
    {"sigmoid", FMGCAM_TARGET_SIGMOID},
    {NULL, 0},
};

static const choice policies[] = {
    {"error", FMGCAM_NON_FINITE_ERROR},
    {"skip", FMGCAM_NON_FINITE_SKIP},
    {"propagate", FMGCAM_NON_FINITE_PROPAGATE},
    {NULL, 0},
};

static const choice layer_fusions[] = {
    {"mean", FMGCAM_LAYER_FUSION_MEAN},
    {"maximum", FMGCAM_LAYER_FUSION_MAXIMUM},
    {"product", FMGCAM_LAYER_FUSION_PRODUCT},
    {NULL, 0},
};

static const choice palettes[] = {
    {"okabe-ito", FMGCAM_PALETTE_OKABE_ITO},
    {"tol", FMGCAM_PALETTE_TOL},
    {"released", FMGCAM_PALETTE_RELEASED},
    {NULL, 0},
};

static const choice color_maps[] = {
    {"class", FMGCAM_COLOR_MAP_CLASS},
    {"viridis", FMGCAM_COLOR_MAP_VIRIDIS},
    {"magma", FMGCAM_COLOR_MAP_MAGMA},
    {"turbo", FMGCAM_COLOR_MAP_TURBO},
    {"jet", FMGCAM_COLOR_MAP_JET},
    {"grey", FMGCAM_COLOR_MAP_GREY},
    {"diverging", FMGCAM_COLOR_MAP_DIVERGING},
    {NULL, 0},
};

const choice_option choice_options[CHOICE_OPTION_COUNT] = {
    {"profile", "profile", offsetof(fmgcam_options, profile), profiles},
    {"method", "method", offsetof(fmgcam_options, method), methods},
    {"activation", "activation", offsetof(fmgcam_options, activation),
     activations},
    {"filter", "filter", offsetof(fmgcam_options, filter), filters},
    {"normalize", "normalize", offsetof(fmgcam_options, normalize), norms},
    {"rescale", "rescale", offsetof(fmgcam_options, rescale), rescalings},
    {"fuse-at", "fuse_at", offsetof(fmgcam_options, fuse_at), fusions},
    {"resample", "resample", offsetof(fmgcam_options, resample), resamplings},
    {"blend", "blend", offsetof(fmgcam_options, blend), blends},
    {"target", "target", offsetof(fmgcam_options, target), targets},
    {"non-finite", "non_finite", offsetof(fmgcam_options, non_finite),
     policies},
    {"fuse-layers", "fuse_layers", offsetof(fmgcam_options, layer_fusion),
     layer_fusions},
    {"palette", "palette", offsetof(fmgcam_options, palette), palettes},
    {"color-map", "color_map", offsetof(fmgcam_options, color_map), color_maps},
};

const choice_option *choice_option_named(const char *name)
{
    for (size_t i = 0; i < CHOICE_OPTION_COUNT; i++)
        if (strcmp(choice_options[i].name, name) == 0)
            return &choice_options[i];
    return NULL;
}

/* "relu, gelu, elu, none" */
static void list_names(const choice *choices, char *text, size_t size)
{
    size_t used = 0;
    for (const choice *c = choices; c->name && used < size; c++)
        used += (size_t)snprintf(text + used, size - used, "%s%s",
                                 c == choices ? "" : ", ", c->name);
}

int choice_find(const char *option, const choice *choices, const char *name,
                uint32_t *value)
{
    for (const choice *c = choices; c->name; c++) {
        if (strcmp(c->name, name) == 0) {
            *value = c->value;
            return 0;
        }
    }
    char subject[64], names[256];
    snprintf(subject, sizeof subject, "--%s", option);
    list_names(choices, names, sizeof names);
    return fail_usage(subject, "'%s' is not available; there is: %s", name,
                      names);
}

int choice_parse(const choice_option *option, const char *name,
                 fmgcam_options *options)
{
    uint32_t value = 0;
    int status = choice_find(option->name, option->choices, name, &value);
    if (!status)
        memcpy((char *)options + option->offset, &value, sizeof value);
    return status;
}

const char *choice_name(const choice_option *option,
                        const fmgcam_options *options)
{
    uint32_t value;
    memcpy(&value, (const char *)options + option->offset, sizeof value);
    const choice *c = option->choices;
    while (c->name && c->value != value)
        c++;
    return c->name;
}
