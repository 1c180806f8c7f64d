/* SPDX-License-Identifier: MIT */
/* Gives every file of a folder to a fuzz target. Fails if there is none: an empty corpus proves
 * nothing. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run(const char *folder, const char *name)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = length < (int)sizeof path ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        perror(path);
        return 1;
    }
    uint8_t *data = malloc(INPUT_MAX);
    if (data == NULL) {
        abort();
    }
    size_t size = fread(data, 1, INPUT_MAX, file);
    fclose(file);
    uint8_t *exact = malloc(size + 1); /* of the right size, so that ASan sees a read beyond it */
    if (exact == NULL) {
        abort();
    }
    for (size_t i = 0; i < size; i++) {
        exact[i] = data[i];
    }
    free(data);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (folder == NULL) {
        fprintf(stderr, "usage: run_corpus FOLDER\n");
        return 2;
    }
    int failed = 0;
    unsigned count = 0;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            failed |= run(argv[1], entry->d_name);
            count++;
        }
    }
    closedir(folder);
    printf("%u inputs\n", count);
    return failed != 0 || count == 0;
}
