/* SPDX-License-Identifier: MIT */
/* Plain characters, carriage returns and blanks: any terminal has them. */
#ifndef _DEFAULT_SOURCE
# define _DEFAULT_SOURCE /* TIOCGWINSZ */
#endif

#include "batch/batch_progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "batch/batch_clock.h"

enum { LINE_SIZE = 256, LEAST_BAR = 10, MOST_BAR = 60, USUAL_WIDTH = 80 };

/* Seconds. */
static const double redraw_after = 0.1;
static const double line_after = 1;   /* at a tenth of the work */
static const double line_anyway = 60; /* where tenths take long */

double progress_seconds(const progress *bar)
{
    return clock_seconds() - bar->start;
}

void progress_begin(progress *bar)
{
    memset(bar, 0, sizeof *bar);
    bar->is_terminal = isatty(STDERR_FILENO) == 1;
    bar->last = -redraw_after;
    bar->start = clock_seconds();
}

/* ---- Texts --------------------------------------------------------------- */

static size_t count_over(const batch_counts *counts)
{
    return counts->done + counts->complete + counts->failed;
}

/* "0:07", "1:02:03" */
static void print_time(double seconds, char *text, size_t size)
{
    unsigned long whole = (unsigned long)(seconds + 0.5);
    unsigned long hours = whole / 3600, minutes = whole / 60 % 60;
    if (hours)
        snprintf(text, size, "%lu:%02lu:%02lu", hours, minutes, whole % 60);
    else
        snprintf(text, size, "%lu:%02lu", minutes, whole % 60);
}

/* Rate and time left, by what was done now: what was complete cost nothing. */
static void print_speed(const batch_counts *counts, double seconds, char *text,
                        size_t size)
{
    size_t worked = counts->done + counts->failed;
    size_t left = counts->total - count_over(counts);
    char time[32];
    *text = '\0';
    if (worked == 0 || seconds <= 0)
        return;
    double rate = (double)worked / seconds;
    print_time((double)left / rate, time, sizeof time);
    snprintf(text, size, rate < 10 ? ", %.2g/s, %s left" : ", %.0f/s, %s left",
             rate, time);
}

static void print_counts(const batch_counts *counts, double seconds, char *text,
                         size_t size)
{
    char failed[48] = "", speed[80];
    if (counts->failed)
        snprintf(failed, sizeof failed, ", %zu failed", counts->failed);
    print_speed(counts, seconds, speed, sizeof speed);
    snprintf(text, size, "%zu/%zu%s%s", count_over(counts), counts->total,
             failed, speed);
}

/* ---- Bar ----------------------------------------------------------------- */

static size_t screen_width(void)
{
    struct winsize window;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
        return window.ws_col;
    return USUAL_WIDTH;
}

/* "[####------] " of what is left beside @p text, or nothing. */
static void print_bar(const batch_counts *counts, size_t room, char *line)
{
    size_t width = room > MOST_BAR + 3 ? MOST_BAR : room - 3;
    *line = '\0';
    if (room < LEAST_BAR + 3)
        return;
    size_t full = (size_t)((double)count_over(counts) / (double)counts->total *
                           (double)width);
    line[0] = '[';
    memset(line + 1, '#', full);
    memset(line + 1 + full, '-', width - full);
    memcpy(line + 1 + width, "] ", sizeof "] ");
}

void progress_clear(progress *bar)
{
    if (bar->drawn)
        fprintf(stderr, "\r%*s\r", (int)bar->drawn, "");
    bar->drawn = 0;
}

/* One write, so that it does not flicker. The last column stays free: a cursor
 * there may go to the next line. */
static void draw(progress *bar, const batch_counts *counts, double seconds)
{
    char text[LINE_SIZE], blocks[MOST_BAR + 4], line[2 * LINE_SIZE];
    size_t width = screen_width() - 1;
    print_counts(counts, seconds, text, sizeof text);
    size_t room = width > strlen(text) ? width - strlen(text) : 0;
    print_bar(counts, room, blocks);
    if (width >= LINE_SIZE)
        width = LINE_SIZE - 1;
    int size = snprintf(line + 1, sizeof line - 1, "%s%.*s", blocks,
                        (int)(width - strlen(blocks)), text);
    size_t length = (size_t)size;
    line[0] = '\r';
    while (length < bar->drawn && length < width)
        line[1 + length++] = ' ';
    fwrite(line, 1, 1 + length, stderr);
    bar->drawn = (size_t)size;
}

/* ---- When ---------------------------------------------------------------- */

static void print_line(const batch_counts *counts, double seconds)
{
    char text[LINE_SIZE];
    print_counts(counts, seconds, text, sizeof text);
    fprintf(stderr, "fmgcam: %s\n", text);
}

void progress_show(progress *bar, const batch_counts *counts)
{
    double seconds = progress_seconds(bar);
    size_t tenth = count_over(counts) * 10 / counts->total;
    bool is_due;
    if (bar->is_terminal)
        is_due = seconds - bar->last >= redraw_after;
    else
        is_due =
            (tenth > bar->last_tenth && seconds - bar->last >= line_after) ||
            seconds - bar->last >= line_anyway;
    if (!is_due)
        return;
    bar->last = seconds;
    bar->last_tenth = tenth;
    if (bar->is_terminal)
        draw(bar, counts, seconds);
    else
        print_line(counts, seconds);
}
