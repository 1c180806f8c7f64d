/* SPDX-License-Identifier: MIT */
/*
 * The HTTP/1.1 parser against itself (any cut of the input says the same) and against
 * libhttp-parser: each request that we take as whole must be one whole request there too, with the
 * same method, target and body. A difference would be a way to smuggle requests past one of the
 * two.
 *
 * Where we are allowed to differ (we accept, it refuses), by name:
 *   - unknown_method: it knows a fixed list, we take every token (and answer 405);
 *   - tab_before_extension: RFC 9112, 7.1.1 allows a tab between chunk size and ';', it does not;
 *   - encoding_prefix: it takes "Transfer-EncodingX" for Transfer-Encoding, and then misses
 * chunked.
 */
#include <http_parser.h>

#include "../test/unit/http/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct other {
    const char *target; /* on_url may come in pieces, but they are adjacent: one input, one call */
    size_t target_size;
    char *body;
    size_t body_size;
    int begun;
    int complete;
};

static int on_begin(http_parser *p)
{
    ((struct other *)p->data)->begun++;
    return 0;
}

static int on_url(http_parser *p, const char *at, size_t length)
{
    struct other *o = p->data;
    if (o->target == NULL) {
        o->target = at;
    }
    o->target_size += length;
    return 0;
}

static int on_body(http_parser *p, const char *at, size_t length)
{
    struct other *o = p->data;
    memcpy(o->body + o->body_size, at, length);
    o->body_size += length;
    return 0;
}

static int on_complete(http_parser *p)
{
    ((struct other *)p->data)->complete++;
    return 0;
}

static bool is_unknown_method(const char *method, size_t size)
{
#define METHOD(number, name, string)                                                               \
    if (strlen(#string) == size && memcmp(method, #string, size) == 0) {                           \
        return false;                                                                              \
    }
    HTTP_METHOD_MAP(METHOD)
#undef METHOD
    return true;
}

static void fail(const char *what, const struct replay *r, http_parser *p)
{
    fprintf(stderr, "fuzz_h1: %s (their error: %s)\nours:\n", what,
            http_errno_name(HTTP_PARSER_ERRNO(p)));
    fwrite(r->text, 1, r->size, stderr);
    abort();
}

static void compare(const struct replay *r, const struct replay_request *ours, const uint8_t *data)
{
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_message_begin = on_begin;
    settings.on_url = on_url;
    settings.on_body = on_body;
    settings.on_message_complete = on_complete;
    http_parser p;
    http_parser_init(&p, HTTP_REQUEST);
    size_t size = ours->end - ours->start;
    struct other other = {.body = malloc(size)};
    p.data = &other;
    const char *bytes = (const char *)data + ours->start;
    size_t used = http_parser_execute(&p, &settings, bytes, size);
    enum http_errno theirs = HTTP_PARSER_ERRNO(&p);
    if (theirs != HPE_OK) {
        bool unknown_method = theirs == HPE_INVALID_METHOD &&
                              is_unknown_method(r->text + ours->method, ours->method_size);
        bool tab_before_extension =
            theirs == HPE_INVALID_CHUNK_SIZE && used < size && bytes[used] == '\t';
        bool encoding_prefix = ours->encoding_prefix && (theirs == HPE_INVALID_TRANSFER_ENCODING ||
                                                         theirs == HPE_UNEXPECTED_CONTENT_LENGTH);
        if (!unknown_method && !tab_before_extension && !encoding_prefix) {
            fail("they refuse what we accept", r, &p);
        }
        free(other.body);
        return;
    }
    if (used != size || other.begun != 1 || other.complete != 1) {
        fail("they end the request elsewhere", r, &p);
    }
    const char *method = http_method_str((enum http_method)p.method);
    if (strlen(method) != ours->method_size ||
        memcmp(method, r->text + ours->method, ours->method_size) != 0) {
        fail("methods differ", r, &p);
    }
    if (other.target_size != ours->target_size ||
        memcmp(other.target, r->text + ours->target, ours->target_size) != 0) {
        fail("targets differ", r, &p);
    }
    if (other.body_size != ours->body_size ||
        memcmp(other.body, r->text + ours->body, ours->body_size) != 0) {
        fail("bodies differ", r, &p);
    }
    free(other.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Small limits, so that the fuzzer reaches them. */
    static const struct replay_h1_limits limits = {
        .head_bytes = 1024, .headers = 12, .target_bytes = 128};
    if (size > 16384) {
        return 0;
    }
    struct replay whole;
    replay_init(&whole);
    replay_h1(&whole, data, size, &limits, (struct replay_cut){0});
    const struct replay_cut cuts[] = {
        {.every = 1}, {.every = 3}, {.first = size / 2}, {.seed = size + 1}};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct replay cut;
        replay_init(&cut);
        replay_h1(&cut, data, size, &limits, cuts[i]);
        if (cut.size != whole.size || memcmp(cut.text, whole.text, whole.size) != 0) {
            fprintf(stderr, "fuzz_h1: cut %zu differs\n%.*s---\n%.*s\n", i, (int)whole.size,
                    whole.text, (int)cut.size, cut.text);
            abort();
        }
        replay_finish(&cut);
    }
    for (size_t i = 0; i < whole.request_count; i++) {
        compare(&whole, &whole.requests[i], data);
    }
    replay_finish(&whole);
    return 0;
}
