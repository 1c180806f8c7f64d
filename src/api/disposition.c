/* SPDX-License-Identifier: MIT */
/* The file name of a Content-Disposition (RFC 6266), which clients use to name what they send. */
#include <string.h>

#include "api/resumable.h"
#include "base/bytes.h"
#include "http/url.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static void skip_spaces(struct rh_bytes *rest)
{
    while (rest->size > 0 && is_space(rest->data[0])) {
        rest->data++;
        rest->size--;
    }
}

/* Takes a token, or a quoted string without its quotes and escapes, off the text. */
static void take_value(struct rh_bytes *rest, char *out, size_t cap)
{
    size_t at = 0;
    size_t size = 0;
    bool quoted = rest->size > 0 && rest->data[0] == '"';
    for (at = quoted ? 1 : 0; at < rest->size; at++) {
        uint8_t c = rest->data[at];
        if (quoted && c == '"')
            break;
        if (!quoted && (c == ';' || is_space(c)))
            break;
        if (quoted && c == '\\' && at + 1 < rest->size)
            c = rest->data[++at];
        if (size + 1 < cap)
            out[size++] = (char)c;
    }
    out[size] = '\0';
    at += quoted && at < rest->size ? 1 : 0;
    *rest = (struct rh_bytes){rest->data + at, rest->size - at};
}

static int hex_of(char c)
{
    const char *digits = "0123456789abcdef";
    char lower = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    const char *found = c == '\0' ? NULL : strchr(digits, lower);
    return found == NULL ? -1 : (int)(found - digits);
}

/* utf-8'en'a%20b (RFC 8187); false: not in UTF-8, or broken. */
static bool decode_extended(char *text)
{
    char *quote = strchr(text, '\'');
    char *second = quote == NULL ? NULL : strchr(quote + 1, '\'');
    struct rh_bytes charset = {(const uint8_t *)text, quote == NULL ? 0 : (size_t)(quote - text)};
    if (second == NULL || !rh_bytes_equal_nocase(charset, rh_bytes_of("utf-8")))
        return false;
    size_t size = 0;
    for (const char *at = second + 1; *at != '\0'; at++) {
        int high = *at == '%' ? hex_of(at[1]) : -1;
        int low = high >= 0 ? hex_of(at[2]) : -1;
        if (*at == '%' && (low < 0 || high * 16 + low == 0))
            return false;
        text[size++] = *at == '%' ? (char)(high * 16 + low) : *at;
        at += *at == '%' ? 2 : 0;
    }
    text[size] = '\0';
    return rh_utf8_valid(rh_bytes_of(text));
}

void api_disposition_name(struct rh_bytes value, char out[RH_FILE_NAME_MAX])
{
    char text[RH_FILE_NAME_MAX];
    size_t semicolon = rh_bytes_find(value, ';');
    struct rh_bytes rest = {value.data + semicolon, value.size - semicolon};
    out[0] = '\0';
    while (rest.size > 0 && rest.data[0] == ';') {
        rest = (struct rh_bytes){rest.data + 1, rest.size - 1};
        skip_spaces(&rest);
        size_t equal = rh_bytes_find(rest, '=');
        struct rh_bytes name = rh_bytes_trim((struct rh_bytes){rest.data, equal});
        if (equal == rest.size)
            return;
        rest = (struct rh_bytes){rest.data + equal + 1, rest.size - equal - 1};
        skip_spaces(&rest);
        take_value(&rest, text, sizeof text);
        skip_spaces(&rest);
        if (rh_bytes_equal_nocase(name, rh_bytes_of("filename*"))) {
            if (decode_extended(text)) {
                strcpy(out, text);
                return;
            }
        } else if (rh_bytes_equal_nocase(name, rh_bytes_of("filename")) && out[0] == '\0' &&
                   rh_utf8_valid(rh_bytes_of(text))) {
            strcpy(out, text);
        }
    }
}
