/* SPDX-License-Identifier: MIT */
#ifndef _DEFAULT_SOURCE
# define _DEFAULT_SOURCE /* flock */
#endif
/* Made, locked, looked into. */
#include "batch/batch_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diagnose.h"

static bool is_empty(DIR *folder)
{
    const struct dirent *entry;
    while ((entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return false;
    return true;
}

static int check_empty(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return fail_system(path, errno);
    bool empty = is_empty(folder);
    closedir(folder);
    return empty ? 0
                 : fail_usage(path, "is not empty; with --resume the batch "
                                    "goes on with what is there");
}

/* The descriptor stays open, in children too: the folder is in use for as long
 * as any of them writes there. Not every file system has locks. */
static int lock(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return fail_system(path, errno);
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return fail(path, "is in use by another batch");
    return 0;
}

/* Only what lib/imageio/atomic_file.c calls its temporary files. */
static bool is_temporary(const char *name)
{
    static const char lead[] = ".fmgcam-";
    const size_t length = sizeof lead - 1;
    return strncmp(name, lead, length) == 0 &&
           strspn(name + length, "0123456789abcdef") == 16 &&
           name[length + 16] == '\0';
}

void folder_remove_leftovers(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        if (is_temporary(entry->d_name))
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
}

int folder_claim(const char *path, bool resume)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return fail_system(path, errno);
    int status = lock(path);
    return status || resume ? status : check_empty(path);
}
