/* SPDX-License-Identifier: MIT */
/*
 * The program: an input is text, of lines that make files in an empty folder or
 * run a command there. Words are separated by blanks; %20 and its like stand
 * for the byte of that number.
 *
 *   npy NAME TYPE SEED EXTENT...    an array of numbers; TYPE is f2, f4 or f8
 *   png NAME WIDTH HEIGHT           a picture
 *   file NAME SIZE                  the SIZE bytes after the line
 *   run WORD...                     fmgcam WORD...
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fmgcam/imageio.h>

#include "../support.h"
#include "fuzz.h"
#include "sandbox.h"
#include "system.h"

enum { MOST_WORDS = 48, MOST_LINE = 4096, MOST_RUNS = 4, MOST_ITEMS = 16384 };

/* ---- Lines and words ----------------------------------------------------- */

typedef struct line {
    char text[MOST_LINE]; /* its words, each terminated */
    char *words[MOST_WORDS + 1];
    int count;
} line;

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* %20 becomes a blank, in place. */
static void decode(char *word)
{
    char *to = word;

    for (; *word; word++) {
        bool coded =
            *word == '%' && digit_of(word[1]) >= 0 && digit_of(word[2]) >= 0;
        *to++ =
            coded ? (char)(digit_of(word[1]) * 16 + digit_of(word[2])) : *word;
        word += coded ? 2 : 0;
    }
    *to = '\0';
}

static void split(line *l)
{
    char *at = l->text;

    l->count = 0;
    while (l->count < MOST_WORDS && (at += strspn(at, " "), *at)) {
        size_t length = strcspn(at, " ");
        bool last = at[length] == '\0';
        l->words[l->count++] = at;
        at[length] = '\0';
        at += last ? length : length + 1;
    }
    for (int i = 0; i < l->count; i++)
        decode(l->words[i]);
    l->words[l->count] = NULL;
}

static void take_line(input *in, line *l)
{
    size_t used = 0;

    while (in->at < in->end) {
        char byte = (char)*in->at++;
        if (byte == '\n')
            break;
        if (used + 1 < sizeof l->text && byte != '\0')
            l->text[used++] = byte;
    }
    l->text[used] = '\0';
    split(l);
}

static uint32_t number(const line *l, int word, uint32_t most)
{
    uint32_t value =
        word < l->count ? (uint32_t)strtoul(l->words[word], NULL, 10) : 0;

    return value < most ? value : most;
}

/* ---- Files --------------------------------------------------------------- */

static void put_number(uint8_t *to, uint32_t bytes, float value)
{
    double wide = (double)value;
    uint64_t bits = 0;
    uint32_t word;

    memcpy(&word, &value, sizeof word);
    memcpy(&bits, &wide, sizeof bits);
    if (bytes == 4)
        bits = word;
    if (bytes == 2)
        bits = half_from_float(value);
    for (uint32_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(bits >> (8 * i));
}

static size_t put_values(uint8_t *to, uint32_t bytes, uint32_t count,
                         uint32_t seed)
{
    for (uint32_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        put_number(to + i * bytes, bytes,
                   (float)(seed >> 16) / 32768.0f - 1.0f);
    }
    return (size_t)count * bytes;
}

/* @return how many elements. */
static uint32_t put_shape(const line *l, char *text, size_t size)
{
    uint32_t count = 1;
    size_t used = 0;

    text[0] = '\0';
    for (int i = 4; i < l->count && i < 14; i++) {
        uint32_t extent = number(l, i, MOST_ITEMS);
        count = count * extent < MOST_ITEMS ? count * extent : MOST_ITEMS;
        used +=
            (size_t)snprintf(text + used, size - used, "%u,", (unsigned)extent);
    }
    return count;
}

static void make_npy(const line *l)
{
    static uint8_t bytes[512 + 8 * MOST_ITEMS];
    char shape[200], *header = (char *)bytes + 10;
    char type = l->words[2][0] ? l->words[2][1] : '\0';
    uint32_t item = type == '2' ? 2 : type == '8' ? 8 : 4;
    uint32_t count = put_shape(l, shape, sizeof shape);
    size_t size = (size_t)snprintf(
        header, 400,
        "{'descr': '<f%u', 'fortran_order': False, 'shape': (%s), }\n",
        (unsigned)item, shape);
    memcpy(bytes, "\x93NUMPY\x01\x00", 8);
    bytes[8] = (uint8_t)size;
    bytes[9] = (uint8_t)(size >> 8);
    size += 10;
    size += put_values(bytes + size, item, count, number(l, 3, UINT32_MAX));
    sandbox_write(l->words[1], bytes, size);
}

static void make_png(const line *l)
{
    static uint8_t rgb[3 * MOST_ITEMS];
    fmgcam_imageio_write_options options = {.struct_size = sizeof options,
                                            .kind = FMGCAM_IMAGEIO_PNG,
                                            .png_compression = 1};
    static uint8_t file[4 * MOST_ITEMS];
    uint32_t width = number(l, 2, 128), height = number(l, 3, 128);
    size_t size = 0;

    for (size_t i = 0; i < (size_t)3 * width * height; i++)
        rgb[i] = (uint8_t)(i * 5 + i / 7);
    if (fmgcam_imageio_write_memory(file, sizeof file, &size, &options, rgb,
                                    width, height, (size_t)3 * width, NULL,
                                    0) == FMGCAM_IMAGEIO_OK)
        sandbox_write(l->words[1], file, size);
}

static void make_file(const line *l, input *in)
{
    size_t left = (size_t)(in->end - in->at);
    size_t size = number(l, 2, UINT32_MAX);

    if (size > left)
        size = left;
    sandbox_write(l->words[1], in->at, size);
    in->at += size;
}

/* ---- Running ------------------------------------------------------------- */

static void run(line *l)
{
    char *words[MOST_WORDS + 1];

    memcpy(words, l->words, sizeof words);
    words[0] = l->text; /* the name of the program */
    optind = 0;         /* getopt() begins anew */
    int status = fmgcam_main(l->count, words);
    require(status >= 0 && status <= 3, "status %d", status);
    sandbox_end();
}

static bool is_word(const line *l, const char *word, int least)
{
    return l->count >= least && strcmp(l->words[0], word) == 0;
}

static int follow(line *l, input *in)
{
    if (is_word(l, "npy", 4))
        make_npy(l);
    else if (is_word(l, "png", 4))
        make_png(l);
    else if (is_word(l, "file", 3))
        make_file(l, in);
    else if (is_word(l, "run", 1))
        run(l);
    return is_word(l, "run", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static line l;
    input in = {data, data + size};
    int runs = 0;

    sandbox_enter();
    while (in.at < in.end && runs < MOST_RUNS) {
        take_line(&in, &l);
        runs += follow(&l, &in);
    }
    sandbox_leave();
    return 0;
}
