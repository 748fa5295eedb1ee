/* SPDX-License-Identifier: MIT */
/* Words to steps. */
#include "preprocess.h"

#include <stdbool.h>
#include <string.h>

#include "diagnose.h"
#include "options.h"

/* What follows the name of a step. */
enum form { FORM_SIDE, FORM_SIZE, FORM_SQUARE, FORM_DIRECTION };

static const struct {
    const char *name;
    uint32_t kind;
    enum form form; /* SQUARE: N is short for NxN */
    bool can_be_placed;
} words[] = {
    {"resize", FMGCAM_STEP_RESIZE, FORM_SIDE, false},
    {"stretch", FMGCAM_STEP_STRETCH, FORM_SIZE, false},
    {"fit", FMGCAM_STEP_FIT, FORM_SIZE, false},
    {"letterbox", FMGCAM_STEP_LETTERBOX, FORM_SIZE, false},
    {"crop", FMGCAM_STEP_CROP, FORM_SQUARE, true},
    {"pad", FMGCAM_STEP_PAD, FORM_SQUARE, true},
    {"flip", FMGCAM_STEP_FLIP_HORIZONTAL, FORM_DIRECTION, false},
};

enum { WORD_COUNT = sizeof words / sizeof *words };

/* Move *at behind @p word, if that is what is there. */
static bool take_word(const char **at, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*at, word, length) != 0)
        return false;
    *at += length;
    return true;
}

static bool take_direction(const char **at, fmgcam_step *step)
{
    if (take_word(at, "horizontal"))
        return true;
    step->kind = FMGCAM_STEP_FLIP_VERTICAL;
    return take_word(at, "vertical");
}

/* "+X+Y", or nothing */
static bool take_place(const char **at, fmgcam_step *step)
{
    if (**at != '+')
        return true;
    step->flags = FMGCAM_STEP_PLACED;
    return take_word(at, "+") && options_take_count(at, true, &step->left) &&
           take_word(at, "+") && options_take_count(at, true, &step->top);
}

static bool take_size(const char **at, enum form form, fmgcam_step *step)
{
    if (!options_take_count(at, false, &step->width))
        return false;
    if (form == FORM_SIDE)
        return true;
    if (take_word(at, "x"))
        return options_take_count(at, false, &step->height);
    step->height = step->width;
    return form == FORM_SQUARE;
}

static bool take_step(const char **at, fmgcam_step *step)
{
    for (int i = 0; i < WORD_COUNT; i++) {
        if (!take_word(at, words[i].name))
            continue;
        step->kind = words[i].kind;
        if (!take_word(at, ":"))
            return false;
        if (words[i].form == FORM_DIRECTION)
            return take_direction(at, step);
        return take_size(at, words[i].form, step) &&
               (!words[i].can_be_placed || take_place(at, step));
    }
    return false;
}

/* A number that could not be taken is one that is out of range. */
static bool is_number_of_step(const char *step, const char *at)
{
    return at > step && *at >= '0' && *at <= '9' && strchr(":x+", at[-1]) &&
           !take_word(&step, "flip");
}

/* @p at is what could not be read of it. */
static int refuse(const char *step, const char *at)
{
    if (is_number_of_step(step, at))
        return fail_usage("--preprocess", "'%.*s': the %s %.*s is out of range",
                          (int)strcspn(step, ","), step,
                          at[-1] == '+' ? "place" : "size",
                          (int)strspn(at, "0123456789"), at);
    return fail_usage("--preprocess",
                      "'%.*s' is not a step; there is: resize:N, stretch:WxH, "
                      "fit:WxH, letterbox:WxH, crop:WxH or crop:WxH+X+Y, "
                      "pad:WxH or pad:WxH+X+Y, flip:horizontal, flip:vertical",
                      (int)strcspn(step, ","), step);
}

int preprocess_parse(const char *text, preprocess *chain)
{
    const char *at = text;
    *chain = (preprocess){.text = text};
    do {
        const char *step = at;
        if (chain->count == PREPROCESS_MOST_STEPS)
            return fail_usage("--preprocess", "has more than %d steps",
                              PREPROCESS_MOST_STEPS);
        if (!take_step(&at, &chain->steps[chain->count++]) ||
            (*at != ',' && *at != '\0'))
            return refuse(step, at);
    } while (*at++ == ',');
    return 0;
}

/* The step that the library's text is about, as it was given. */
static const char *find_step(const char *text, const char *detail, int *length)
{
    uint32_t number = 0;
    if (take_word(&detail, "steps[") &&
        options_take_count(&detail, true, &number))
        for (; number > 0; number--)
            text += strcspn(text, ",") + 1;
    *length = (int)strcspn(text, ",");
    return text;
}

int preprocess_locate(const preprocess *chain, fmgcam_context *context,
                      uint32_t width, uint32_t height,
                      fmgcam_geometry *geometry)
{
    *geometry = (fmgcam_geometry){.struct_size = sizeof *geometry};
    if (fmgcam_find_geometry(context, width, height, chain->steps, chain->count,
                             geometry) == FMGCAM_STATUS_OK)
        return 0;
    const char *detail = fmgcam_error_detail(context);
    const char *reason = strstr(detail, ": ");
    int length;
    const char *step = find_step(chain->text, detail, &length);
    return fail("--preprocess", "%.*s, of a picture of %u x %u: %s", length,
                step, width, height, reason ? reason + 2 : detail);
}
