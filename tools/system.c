/* SPDX-License-Identifier: MIT */
#ifndef _POSIX_C_SOURCE
# define _POSIX_C_SOURCE 200809L
#endif
#include "system.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- The start ----------------------------------------------------------- */

/* A program may be started with a standard stream closed. The next file opened
 * would get its number, and messages would end up in a result. These stand-ins
 * cannot be used in the direction that counts. */
static void occupy_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            return;
    }
}

int main(int argc, char **argv)
{
    occupy_standard_streams();
    /* Writing to a closed pipe, or beyond the largest size of a file, is an
     * error like any. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    /* Whoever ignored it would never see how a child ends. */
    signal(SIGCHLD, SIG_DFL);
    return fmgcam_main(argc, argv);
}

/* ---- Files --------------------------------------------------------------- */

int system_kind(const char *path)
{
    struct stat found;
    if (stat(path, &found) != 0)
        return SYSTEM_NOTHING;
    if (S_ISREG(found.st_mode))
        return SYSTEM_FILE;
    return S_ISDIR(found.st_mode) ? SYSTEM_FOLDER : SYSTEM_STREAM;
}

static bool same_inode(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

bool system_is_same(const char *one, const char *other)
{
    struct stat a, b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && same_inode(&a, &b);
}

/* The last part of @p path, and what is known of the folder it is in. */
static const char *look_at_folder(const char *path, bool *there,
                                  struct stat *folder)
{
    char name[4096];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    *there = false;
    if (length + 2 <= sizeof name) {
        memcpy(name, path, length);
        memcpy(name + length, ".", 2);
        *there = stat(name, folder) == 0;
    }
    return path + length;
}

bool system_is_same_place(const char *one, const char *other)
{
    struct stat a, b;
    bool a_there = stat(one, &a) == 0, b_there = stat(other, &b) == 0;
    if (a_there || b_there)
        return a_there && b_there && same_inode(&a, &b);
    const char *a_name = look_at_folder(one, &a_there, &a);
    const char *b_name = look_at_folder(other, &b_there, &b);
    return a_there && b_there && same_inode(&a, &b) &&
           strcmp(a_name, b_name) == 0;
}

/* ---- Being ended --------------------------------------------------------- */

static const int endings[] = {SIGINT, SIGTERM, SIGHUP};
#define ENDING_COUNT (sizeof endings / sizeof *endings)

/* Signals belong to the process, so these cannot belong to anything smaller. */
static void (*volatile to_clean)(void);
static sigset_t before_hold;

static pthread_t guarded_thread;

/* A library may have threads of its own, in which nothing is held: the one that
 * opens and renames files has to be asked. */
static void clean_and_end(int number)
{
    if (!pthread_equal(pthread_self(), guarded_thread)) {
        pthread_kill(guarded_thread, number);
        return;
    }
    to_clean();
    signal(number, SIG_DFL);
    raise(number);
}

void system_guard(void (*clean)(void))
{
    to_clean = clean;
    guarded_thread = pthread_self();
    for (size_t i = 0; i < ENDING_COUNT; i++) {
        struct sigaction action;
        if (sigaction(endings[i], NULL, &action) == 0 &&
            action.sa_handler == SIG_DFL) {
            action.sa_handler = clean_and_end;
            sigaction(endings[i], &action, NULL);
        }
    }
}

void system_hold_endings(void)
{
    sigset_t held;
    sigemptyset(&held);
    for (size_t i = 0; i < ENDING_COUNT; i++)
        sigaddset(&held, endings[i]);
    pthread_sigmask(SIG_BLOCK, &held, &before_hold);
}

void system_allow_endings(void)
{
    pthread_sigmask(SIG_SETMASK, &before_hold, NULL);
}
