/* SPDX-License-Identifier: MIT */
#include "http/target.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_host_byte(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static bool is_port(struct rh_bytes text)
{
    uint64_t port;
    if (text.size == 0) {
        return true; /* RFC 3986 allows "host:" */
    }
    return text.size <= 5 && rh_bytes_parse_u64(text, &port) == RH_OK && port <= 65535;
}

/* Size of the host within brackets at the start of an authority, or 0. */
static size_t ipv6_literal(struct rh_bytes authority)
{
    size_t end = rh_bytes_find(authority, ']');
    if (end == authority.size || end < 3) {
        return 0;
    }
    for (size_t i = 1; i < end; i++) {
        uint8_t c = authority.data[i];
        bool hex = is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (!hex && c != ':' && c != '.') {
            return 0;
        }
    }
    return end - 1;
}

bool rh_http_set_authority(struct rh_request *request, struct rh_bytes authority)
{
    struct rh_bytes host;
    size_t end;
    if (authority.size > 0 && authority.data[0] == '[') {
        host = (struct rh_bytes){authority.data + 1, ipv6_literal(authority)};
        end = host.size + 2;
    } else {
        host = (struct rh_bytes){authority.data, rh_bytes_find(authority, ':')};
        end = host.size;
        for (size_t i = 0; i < host.size; i++) {
            if (!is_host_byte(host.data[i])) {
                return false;
            }
        }
    }
    if (host.size == 0) {
        return false;
    }
    struct rh_bytes rest = {authority.data + end, authority.size - end};
    if (rest.size > 0 &&
        (rest.data[0] != ':' || !is_port((struct rh_bytes){rest.data + 1, rest.size - 1}))) {
        return false;
    }
    request->authority = authority;
    request->host = host;
    return true;
}

/* Size of "http://" or "https://" at the start, in any case, or 0. */
static size_t scheme_size(struct rh_bytes target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        struct rh_bytes scheme = rh_bytes_of(schemes[i]);
        struct rh_bytes start = {target.data, scheme.size};
        if (target.size >= scheme.size && rh_bytes_equal_nocase(start, scheme)) {
            return scheme.size;
        }
    }
    return 0;
}

/* Splits what follows the authority; an empty path of an absolute target is "/". */
static void split_path(struct rh_request *request, struct rh_bytes rest)
{
    size_t path_size = rh_bytes_find(rest, '?');
    request->path = (struct rh_bytes){rest.data, path_size};
    request->query = (struct rh_bytes){0};
    if (path_size < rest.size) {
        request->query = (struct rh_bytes){rest.data + path_size + 1, rest.size - path_size - 1};
    }
    if (path_size == 0) {
        request->path = rh_bytes_of("/");
    }
}

const char *rh_http_set_target(struct rh_request *request, struct rh_bytes target)
{
    for (size_t i = 0; i < target.size; i++) {
        uint8_t c = target.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '#') {
            return "The target holds a byte that is not allowed there.";
        }
    }
    request->target = target;
    if (target.size > 0 && target.data[0] == '/') {
        split_path(request, target);
        return NULL;
    }
    if (rh_bytes_equal_str(target, "*") && request->method_id == RH_METHOD_OPTIONS) {
        request->path = target;
        return NULL;
    }
    size_t scheme = scheme_size(target);
    if (scheme == 0) {
        return "The target is neither a path nor an address.";
    }
    struct rh_bytes rest = {target.data + scheme, target.size - scheme};
    size_t end = 0;
    while (end < rest.size && rest.data[end] != '/' && rest.data[end] != '?') {
        end++;
    }
    if (!rh_http_set_authority(request, (struct rh_bytes){rest.data, end})) {
        return "The host in the target is not valid.";
    }
    split_path(request, (struct rh_bytes){rest.data + end, rest.size - end});
    return NULL;
}
