/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_FOLDER_H
#define FUZZ_FOLDER_H
/* A folder of small files kept in memory, and put back before each input. In tmpfs where there is
 * one. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

#define FOLDER_FILES 64

struct folder_file {
    char path[512];
    bool is_directory;
    uint8_t *bytes;
    size_t size;
};

static char folder_path[256];
static struct folder_file folder_files[FOLDER_FILES];
static size_t folder_count;

static int folder_remove(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
    (void)status;
    (void)kind;
    return ftw->level == 0 ? 0 : remove(path);
}

static void folder_empty(void)
{
    (void)nftw(folder_path, folder_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void folder_end(void)
{
    folder_empty();
    (void)rmdir(folder_path);
}

static void folder_make(const char *name)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder_path, sizeof folder_path, "%s/reelhaul-%s-XXXXXX", base, name);
    RH_ASSERT(mkdtemp(folder_path) != NULL);
    atexit(folder_end);
}

static int folder_take(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
    struct folder_file *file = &folder_files[folder_count];
    if (ftw->level == 0)
        return 0;
    RH_ASSERT(folder_count < FOLDER_FILES);
    folder_count++;
    snprintf(file->path, sizeof file->path, "%s", path);
    file->is_directory = kind != FTW_F;
    file->size = file->is_directory ? 0 : (size_t)status->st_size;
    file->bytes = malloc(file->size + 1);
    RH_ASSERT(file->bytes != NULL);
    FILE *in = file->is_directory ? NULL : fopen(path, "rb");
    if (in != NULL) {
        RH_ASSERT(fread(file->bytes, 1, file->size, in) == file->size);
        fclose(in);
    }
    return 0;
}

/* What is there now is what folder_restore puts back. */
static void folder_keep(void)
{
    RH_ASSERT(nftw(folder_path, folder_take, 16, FTW_PHYS) == 0);
}

static void folder_write(const struct folder_file *file)
{
    FILE *out = fopen(file->path, "wb");
    RH_ASSERT(out != NULL);
    RH_ASSERT(fwrite(file->bytes, 1, file->size, out) == file->size);
    fclose(out);
}

static void folder_restore(void)
{
    folder_empty();
    for (size_t i = 0; i < folder_count; i++) {
        if (folder_files[i].is_directory)
            (void)mkdir(folder_files[i].path, 0700);
        else
            folder_write(&folder_files[i]);
    }
}

#endif
