/* SPDX-License-Identifier: MIT */
/* What the command lines of all commands share. */
#ifndef FMGCAM_TOOLS_OPTIONS_H
#define FMGCAM_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <getopt.h>

/* What getopt_long() returns for the first option of a table; above any character,
 * those of Unicode too, so that an unknown short option is told apart. */
enum { OPTIONS_FIRST = 0x110000 };

/* Say what is wrong with the option that getopt_long() returned @p code ('?' or
 * ':') for: @p table has the options, whose codes count up from OPTIONS_FIRST, and
 * @p given is the word of the command line. @return the exit status. */
int options_refuse(int code, const struct option *table, const char *given,
                   const char *command);

/* Digits only, 1...2^32-1 (with @p zero also 0), from *text on, which is moved
 * behind them. */
bool options_take_count(const char **text, bool zero, uint32_t *count);

/* The whole of @p text as such a number. */
bool options_parse_count(const char *text, bool zero, uint32_t *count);

/* The whole of @p text as a decimal number; strtod() alone would also take
 * blanks, hexadecimal, "nan" and "inf". */
bool options_parse_number(const char *text, double *value);

/* WIDTHxHEIGHT, 1 pixel or more each, for --size. @return 0, or the exit
 * status. */
int options_parse_size(const char *text, uint32_t *width, uint32_t *height);

/* @p count numbers, separated by @p separator. */
bool options_parse_counts(const char *text, char separator, bool zero,
                          uint32_t *values, uint32_t count);

#endif
