/* SPDX-License-Identifier: MIT */
/* What getopt_long() refuses, and numbers. */
#include "options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose.h"

/* ---- What getopt_long() refuses ------------------------------------------ */

/* Is @p given, @p length bytes with its dashes, short for several options? */
static bool is_ambiguous(const struct option *table, const char *given,
                         size_t length)
{
    int matches = 0;
    for (; table->name; table++)
        matches += strncmp(table->name, given + 2, length - 2) == 0;
    return matches > 1;
}

static int refuse_short(const char *command)
{
    char subject[8];
    if (optopt > ' ' && optopt < 0x7f)
        snprintf(subject, sizeof subject, "-%c", optopt);
    else
        snprintf(subject, sizeof subject, "-?");
    return fail_usage(subject, "unknown option; see 'fmgcam %s --help'",
                      command);
}

int options_refuse(int code, const struct option *table, const char *given,
                   const char *command)
{
    char subject[80] = "--";
    if (code == ':' || optopt >= OPTIONS_FIRST) { /* known, but misused */
        const struct option *known = &table[optopt - OPTIONS_FIRST];
        snprintf(subject, sizeof subject, "--%s", known->name);
        return fail_usage(subject, "%s a value",
                          known->has_arg ? "needs" : "does not take");
    }
    if (optopt != 0) /* there are no short ones */
        return refuse_short(command);
    size_t length = strcspn(given, "=");
    bool ambiguous = length > 2 && is_ambiguous(table, given, length);
    snprintf(subject, sizeof subject, "%.*s", (int)(length < 70 ? length : 70),
             given);
    return fail_usage(subject, "%s option; see 'fmgcam %s --help'",
                      ambiguous ? "ambiguous" : "unknown", command);
}

/* ---- Numbers ------------------------------------------------------------- */

bool options_take_count(const char **text, bool zero, uint32_t *count)
{
    uint64_t value = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9' && value <= UINT32_MAX; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    if (at == *text || (value == 0 && !zero) || value > UINT32_MAX)
        return false;
    *text = at;
    *count = (uint32_t)value;
    return true;
}

bool options_parse_count(const char *text, bool zero, uint32_t *count)
{
    return options_take_count(&text, zero, count) && *text == '\0';
}

bool options_parse_number(const char *text, double *value)
{
    char *end = NULL;
    bool plain = strspn(text, "0123456789+-.eE") == strlen(text);
    *value = strtod(text, &end);
    return plain && end != text && *end == '\0' && isfinite(*value);
}

int options_parse_size(const char *text, uint32_t *width, uint32_t *height)
{
    uint32_t size[2];
    if (!options_parse_counts(text, 'x', false, size, 2))
        return fail_usage("--size",
                          "'%s' is not WIDTHxHEIGHT in pixels, "
                          "1 or more each",
                          text);
    *width = size[0];
    *height = size[1];
    return 0;
}

bool options_parse_counts(const char *text, char separator, bool zero,
                          uint32_t *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if ((i > 0 && *text++ != separator) ||
            !options_take_count(&text, zero, &values[i]))
            return false;
    return *text == '\0';
}
