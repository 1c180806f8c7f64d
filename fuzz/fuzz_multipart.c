/* SPDX-License-Identifier: MIT */
/*
 * The form parser: any cut of the input gives the same events, and no input breaks it. The first
 * line of the input, up to LF, is the Content-Type; the rest is the body.
 */
#include "../test/unit/http/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    if (end == NULL || size > 16384) {
        return 0;
    }
    size_t type_size = (size_t)(end - data);
    char *type = malloc(type_size + 1);
    memcpy(type, data, type_size);
    type[type_size] = '\0';
    const uint8_t *body = end + 1;
    size_t body_size = size - type_size - 1;
    struct replay whole;
    replay_init(&whole);
    replay_form(&whole, type, body, body_size, 256, (struct replay_cut){0});
    const struct replay_cut cuts[] = {
        {.every = 1}, {.every = 3}, {.first = body_size / 2}, {.seed = size + 1}};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct replay cut;
        replay_init(&cut);
        replay_form(&cut, type, body, body_size, 256, cuts[i]);
        if (cut.size != whole.size || memcmp(cut.text, whole.text, whole.size) != 0) {
            fprintf(stderr, "fuzz_multipart: cut %zu differs\n%.*s---\n%.*s\n", i, (int)whole.size,
                    whole.text, (int)cut.size, cut.text);
            abort();
        }
        replay_finish(&cut);
    }
    replay_finish(&whole);
    free(type);
    return 0;
}
