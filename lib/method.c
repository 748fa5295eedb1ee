/* SPDX-License-Identifier: MIT */
/* What the methods are. docs/methods.md has their formulas. */
#include "internal.h"

static const struct method {
    const char *name;
    enum fmgcam_way way;
    int agnostic; /* looks at no class */
} methods[] = {
    [FMGCAM_METHOD_GRAD_CAM] = {"grad-cam", FMGCAM_BY_POOLING, 0},
    [FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS] = {"grad-cam++", FMGCAM_BY_WEIGHING, 0},
    [FMGCAM_METHOD_GRAD_CAM_PLUS_PLUS_STABLE] = {"grad-cam++-stable",
                                                 FMGCAM_BY_WEIGHING, 0},
    [FMGCAM_METHOD_XGRAD_CAM] = {"xgrad-cam", FMGCAM_BY_WEIGHING, 0},
    [FMGCAM_METHOD_LAYER_CAM] = {"layer-cam", FMGCAM_BY_PRODUCTS, 0},
    [FMGCAM_METHOD_HIRES_CAM] = {"hires-cam", FMGCAM_BY_PRODUCTS, 0},
    [FMGCAM_METHOD_ELEMENT_WISE] = {"element-wise", FMGCAM_BY_PRODUCTS, 0},
    [FMGCAM_METHOD_CONTRASTIVE] = {"contrastive", FMGCAM_BY_POOLING, 0},
    [FMGCAM_METHOD_EIGEN_CAM] = {"eigen-cam", FMGCAM_BY_PROJECTION, 1},
    [FMGCAM_METHOD_EIGEN_GRAD_CAM] = {"eigen-grad-cam", FMGCAM_BY_PROJECTION,
                                      0},
    [FMGCAM_METHOD_FEM] = {"fem", FMGCAM_BY_WEIGHING, 1},
};

const char *fmgcam_method_name(uint32_t method)
{
    return methods[method].name;
}

int fmgcam_is_class_agnostic(uint32_t method)
{
    return methods[method].agnostic;
}

enum fmgcam_way fmgcam_method_way(uint32_t method)
{
    return methods[method].way;
}

int fmgcam_has_weights(uint32_t method)
{
    return methods[method].way == FMGCAM_BY_POOLING ||
           methods[method].way == FMGCAM_BY_WEIGHING;
}
