/* SPDX-License-Identifier: MIT */
/*
 * Request targets: the first line is a path, the second a query. What is decoded has no dot
 * segments, no NUL and no separators that were not there, and is UTF-8: it becomes a file name.
 */
#include "base/assert.h"
#include "http/url.h"
#include "input.h"

static void check_segment(struct rh_bytes text)
{
    RH_ASSERT(!rh_bytes_equal(text, rh_bytes_of(".")));
    RH_ASSERT(!rh_bytes_equal(text, rh_bytes_of("..")));
    RH_ASSERT(rh_utf8_valid(text));
    RH_ASSERT(text.size == 0 || memchr(text.data, 0, text.size) == NULL);
}

static size_t slashes(struct rh_bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] == '/';
    return count;
}

static void check_path(struct rh_bytes path)
{
    static char memory[512];
    struct rh_bytes rest = path;
    struct rh_bytes raw;
    struct rh_buffer out;
    bool all_good = true;
    size_t count = 0;
    while (rh_url_segment_next(&rest, &raw) == RH_OK) {
        rh_buffer_init(&out, memory, sizeof memory);
        count++;
        if (rh_url_segment_decode(raw, &out) == RH_OK)
            check_segment(rh_buffer_bytes(&out));
        else
            all_good = false;
    }
    rh_buffer_init(&out, memory, sizeof memory);
    if (rh_url_path_decode(path, &out) != RH_OK) {
        RH_ASSERT(out.size == 0);
        return;
    }
    RH_ASSERT(all_good);
    RH_ASSERT(slashes(rh_buffer_bytes(&out)) == slashes(path));
    rest = rh_buffer_bytes(&out);
    RH_ASSERT(rest.size == 0 || memchr(rest.data, '\\', rest.size) == NULL);
    for (; rh_url_segment_next(&rest, &raw) == RH_OK; count--)
        check_segment(raw);
    RH_ASSERT(count == 0);
}

static void check_query(struct rh_bytes query)
{
    static char memory[128];
    static char again[128];
    struct rh_bytes rest = query;
    struct rh_bytes name;
    struct rh_bytes value;
    struct rh_buffer out;
    unsigned found = 0;
    while (rh_url_query_next(&rest, &name, &value) == RH_OK) {
        rh_buffer_init(&out, memory, sizeof memory);
        if (rh_url_query_decode(name, &out) == RH_OK &&
            rh_bytes_equal_str(rh_buffer_bytes(&out), "video"))
            found++;
    }
    rh_buffer_init(&out, again, sizeof again);
    enum rh_error error = rh_url_query_find(query, "video", &out);
    RH_ASSERT(error != RH_OK || found == 1);
    RH_ASSERT(error != RH_ERR_UNKNOWN || found == 0);
    if (error == RH_OK)
        RH_ASSERT(rh_utf8_valid(rh_buffer_bytes(&out)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    check_path(input_line(&in));
    check_query(input_line(&in));
    return 0;
}
