/* SPDX-License-Identifier: MIT */
/*
 * Gives every file of a folder to a fuzz target, for builds without libFuzzer; and mutants of each
 * (one byte changed, one cut, two joined), so that an hour of fuzzing is not needed to find what a
 * few thousand tries find. Fails if there is no file: an empty corpus proves nothing.
 *
 *   replay FOLDER [MUTANTS]     so many of each file; the same ones every time
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define INPUT_MAX ((size_t)64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t kept[INPUT_MAX]; /* of the file before */
static size_t kept_size;

/* In a block of the right size, so that ASan sees a read beyond it. */
static void give(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size + (size == 0));
    if (exact == NULL)
        abort();
    if (size > 0)
        memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void mutate(const uint8_t *data, size_t size, struct rh_rng *rng)
{
    static uint8_t mutant[INPUT_MAX];
    static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff, '\n', '\r', '"', '0', '9', '/', '.'};
    size_t at = size > 0 ? (size_t)rh_rng_below(rng, size) : 0;
    memcpy(mutant, data, size);
    switch (rh_rng_below(rng, 4)) {
    case 0:
        if (size > 0)
            mutant[at] = (uint8_t)rh_rng_next(rng);
        break;
    case 1:
        if (size > 0)
            mutant[at] = edges[rh_rng_below(rng, sizeof edges)];
        break;
    case 2:
        size = at;
        break;
    default: { /* this one's start, the end of the one before */
        size_t from = kept_size > 0 ? (size_t)rh_rng_below(rng, kept_size) : 0;
        size_t more = kept_size - from;
        if (more > INPUT_MAX - at)
            more = INPUT_MAX - at;
        memcpy(mutant + at, kept + from, more);
        size = at + more;
    }
    }
    give(mutant, size);
}

static int run(const char *folder, const char *name, unsigned mutants, struct rh_rng *rng)
{
    static uint8_t data[INPUT_MAX];
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = length < (int)sizeof path ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    give(data, size);
    for (unsigned i = 0; i < mutants; i++)
        mutate(data, size, rng);
    memcpy(kept, data, size);
    kept_size = size;
    return 0;
}

int main(int argc, char **argv)
{
    struct dirent **names = NULL;
    int count = argc >= 2 ? scandir(argv[1], &names, NULL, alphasort) : -1;
    unsigned mutants = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
    unsigned inputs = 0;
    struct rh_rng rng;
    int failed = 0;
    if (count < 0) {
        fprintf(stderr, "usage: replay FOLDER [MUTANTS]\n");
        return 2;
    }
    rh_rng_init(&rng, 1);
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') {
            failed |= run(argv[1], names[i]->d_name, mutants, &rng);
            inputs++;
        }
        free(names[i]);
    }
    free(names);
    printf("%u inputs, each with %u mutants\n", inputs, mutants);
    return failed != 0 || inputs == 0;
}
