/* SPDX-License-Identifier: MIT */
/*
 * The extension "concatenation": `Upload-Concat: partial`, or `final;URL URL …` of partials of this
 * server, relative or absolute, complete or not (concatenation-unfinished).
 */
#include <stdlib.h>
#include <string.h>

#include "api/tus.h"
#include "base/bytes.h"

#define FILES "/files/"

static struct rh_bytes after(struct rh_bytes text, size_t size)
{
    return (struct rh_bytes){text.data + size, text.size - size};
}

/* The path of a URL, or the text itself where it is a path. */
static struct rh_bytes path_of(struct rh_bytes url)
{
    size_t scheme = 0;
    if (rh_bytes_starts_with(url, "http://"))
        scheme = 7;
    else if (rh_bytes_starts_with(url, "https://"))
        scheme = 8;
    if (scheme == 0)
        return url;
    url = after(url, scheme);
    return after(url, rh_bytes_find(url, '/'));
}

/*
 * The id in a URL. Its host is not looked at: ids carry a MAC of this server, and behind proxies it
 * may have names that the server never hears of. For the same reason folders may be before /files/.
 */
static bool id_of(struct rh_bytes url, char out[RH_ID_TEXT_MAX])
{
    const size_t id_size = RH_ID_TEXT_MAX - 1;
    const size_t files_size = strlen(FILES);
    struct rh_bytes path = path_of(url);
    if (path.size < files_size + id_size || path.data[0] != '/')
        return false;
    struct rh_bytes before = {path.data, path.size - id_size};
    if (memcmp(before.data + before.size - files_size, FILES, files_size) != 0)
        return false;
    memcpy(out, path.data + before.size, id_size);
    out[id_size] = '\0';
    return true;
}

static size_t count_words(struct rh_bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += text.data[i] != ' ' && (i == 0 || text.data[i - 1] == ' ');
    return count;
}

static bool read_sources(struct rh_exchange *x, struct rh_bytes list,
                         struct rh_vault_request *request)
{
    size_t count = count_words(list);
    if (count == 0) {
        api_fail(x, "invalid_field", "Upload-Concat names no partial upload.");
        return false;
    }
    request->sources = calloc(count, sizeof *request->sources);
    if (request->sources == NULL) {
        api_fail(x, "overloaded", NULL);
        return false;
    }
    while (list.size > 0) {
        size_t end = rh_bytes_find(list, ' ');
        char id[RH_ID_TEXT_MAX] = "";
        if (end > 0 && (!id_of((struct rh_bytes){list.data, end}, id) ||
                        !api_id_upload(x, rh_bytes_of(id), "invalid_field",
                                       request->sources[request->source_count]))) {
            api_fail(x, "invalid_field", "Upload-Concat names something that is no upload here.");
            return false;
        }
        request->source_count += end > 0;
        list = after(list, end < list.size ? end + 1 : end);
    }
    return true;
}

bool api_tus_concat_read(struct rh_exchange *x, struct rh_vault_request *request)
{
    struct rh_bytes value;
    enum rh_error error = api_header_find(x, "Upload-Concat", &value);
    if (error != RH_OK)
        return error == RH_ERR_UNKNOWN;
    if (rh_bytes_equal_str(value, "partial")) {
        request->concat = RH_CONCAT_PARTIAL;
        return true;
    }
    if (rh_bytes_starts_with(value, "final;")) {
        request->concat = RH_CONCAT_FINAL;
        return read_sources(x, after(value, strlen("final;")), request);
    }
    api_fail(x, "invalid_field",
             "Upload-Concat must be partial, or final; and the partials' URLs.");
    return false;
}
