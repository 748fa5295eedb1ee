/* SPDX-License-Identifier: MIT */
/* Gives a target the inputs that are named on the command line: files, and all
 * files of folders, in the order of their names. No libFuzzer is needed. */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

/* ---- Which input it was -------------------------------------------------- */

static const char *replayed; /* NULL: none, at the moment */

/* As a handler of signals may. */
static void say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return; /* there is nobody to tell */
}

static void say_input(void)
{
    if (!replayed)
        return;
    say("fuzz: failed with the input ");
    say(replayed);
    say("\n");
}

static void on_signal(int number)
{
    say_input();
    signal(number, SIG_DFL);
    raise(number);
}

/* The sanitizers, where they are, end the program in their own way. */
#ifdef __ELF__
void __sanitizer_set_death_callback(void (*callback)(void))
    __attribute__((weak));

static void watch_sanitizers(void)
{
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(say_input);
    else
        signal(SIGSEGV, on_signal);
}
#else
static void watch_sanitizers(void)
{
    signal(SIGSEGV, on_signal);
}
#endif

/* ---- Inputs -------------------------------------------------------------- */

static void fail(const char *path)
{
    fprintf(stderr, "fuzz: %s: %s\n", path, strerror(errno));
    exit(1);
}

static void *allocate(size_t size)
{
    void *memory = malloc(size);

    if (!memory)
        fail("memory");
    return memory;
}

/* A copy of its own size, so that reading beyond it is noticed. */
static void replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = allocate(size ? size : 1);

    if (!file || fread(data, 1, size, file) != size)
        fail(path);
    fclose(file);
    replayed = path;
    LLVMFuzzerTestOneInput(data, size);
    replayed = NULL;
    free(data);
}

static size_t replay(const char *path);

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static size_t replay_folder(const char *path)
{
    struct dirent **entries;
    size_t done = 0;
    int count = scandir(path, &entries, is_visible, alphasort);

    if (count < 0)
        fail(path);
    for (int i = 0; i < count; i++) {
        size_t size = strlen(path) + strlen(entries[i]->d_name) + 2;
        char *name = allocate(size);
        snprintf(name, size, "%s/%s", path, entries[i]->d_name);
        done += replay(name);
        free(name);
        free(entries[i]);
    }
    free(entries);
    return done;
}

static size_t replay(const char *path)
{
    struct stat found;

    if (stat(path, &found) != 0)
        fail(path);
    if (S_ISDIR(found.st_mode))
        return replay_folder(path);
    replay_file(path, (size_t)found.st_size);
    return 1;
}

int main(int argc, char **argv)
{
    size_t done = 0;

    signal(SIGABRT, on_signal);
    watch_sanitizers();
    for (int i = 1; i < argc; i++)
        done += replay(argv[i]);
    printf("%zu passed, 0 failed\n", done);
    return done ? 0 : 1;
}
