/* SPDX-License-Identifier: MIT */
/* What clients may call things. Everything that could become a file name, a header or a row passes
 * here first. */
#include <string.h>

#include "api/internal.h"
#include "base/bytes.h"
#include "base/id.h"
#include "http/url.h"

static void copy_text(char *out, struct rh_bytes text)
{
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
}

bool api_id_session(struct rh_exchange *x, struct rh_bytes text, char out[RH_UUID_TEXT_MAX])
{
    if (rh_uuid_check(text) != RH_OK) {
        /* A harmless name is simply no session of ours (404, as the sessions API has it); anything
         * else is an attempt at something. */
        bool harmless = rh_name_check(text) == RH_OK;
        api_fail(x, harmless ? "unknown_session" : "invalid_id",
                 harmless ? NULL : "session_id is not a session id.");
        return false;
    }
    copy_text(out, text);
    for (char *c = out; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'F')
            *c = (char)(*c - 'A' + 'a');
    }
    return api_auth_session(x, out);
}

bool api_id_session_new(struct rh_exchange *x, struct rh_bytes text, char out[RH_UUID_TEXT_MAX])
{
    bool good = rh_uuid_check(text) == RH_OK && text.data[14] == '4' &&
                strchr("89ab", text.data[19]) != NULL;
    for (size_t i = 0; good && i < text.size; i++)
        good = text.data[i] < 'A' || text.data[i] > 'F';
    if (!good) {
        api_fail(x, "invalid_id", "session_id must be a UUID of version 4 in lower case.");
        return false;
    }
    copy_text(out, text);
    return true;
}

bool api_id_name(struct rh_exchange *x, struct rh_bytes text, char out[RH_NAME_TEXT_MAX])
{
    if (rh_name_check(text) != RH_OK) {
        api_fail(x, "invalid_id", "video_id is not a name.");
        return false;
    }
    copy_text(out, text);
    return true;
}

bool api_id_upload(struct rh_exchange *x, struct rh_bytes text, const char *code,
                   char out[RH_ID_TEXT_MAX])
{
    bool good = text.size == RH_ID_CHARS;
    for (size_t i = 0; good && i < text.size; i++) {
        uint8_t c = text.data[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    }
    if (!good) {
        api_fail(x, code, "The upload id is not one that this server makes.");
        return false;
    }
    copy_text(out, text);
    return true;
}

/* The code point at `at`, which is moved on; the text is well-formed UTF-8. */
static uint32_t utf8_next(struct rh_bytes text, size_t *at)
{
    uint8_t first = text.data[(*at)++];
    unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    uint32_t code = more == 0 ? first : first & (0x3fU >> more);
    while (more-- > 0)
        code = (code << 6) | (text.data[(*at)++] & 0x3fU);
    return code;
}

/* Controls, line separators, and marks that turn or hide text around them. */
static bool code_is_printable(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code < 0xa0))
        return false;
    if ((code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e))
        return false;
    return !(code >= 0x2060 && code <= 0x2069) && code != 0xfeff;
}

bool api_id_participant(struct rh_exchange *x, struct rh_bytes text, char out[RH_NAME_TEXT_MAX])
{
    bool good = text.size < RH_NAME_TEXT_MAX && rh_utf8_valid(text);
    for (size_t at = 0; good && at < text.size;)
        good = code_is_printable(utf8_next(text, &at));
    if (!good) {
        api_fail(x, "invalid_field", "participant_id must be at most 128 bytes of printable text.");
        return false;
    }
    copy_text(out, text);
    return true;
}

struct rh_bytes api_mime_base(const char *mime)
{
    struct rh_bytes text = rh_bytes_of(mime);
    text.size = rh_bytes_find(text, ';');
    return rh_bytes_trim(text);
}

static bool mime_is_allowed(const struct rh_api_config *config, struct rh_bytes base)
{
    if (config->mime_allowed == NULL)
        return rh_bytes_starts_with(base, "video/") || rh_bytes_starts_with(base, "audio/") ||
               rh_bytes_equal_str(base, "application/octet-stream");
    for (const char *const *allowed = config->mime_allowed; *allowed != NULL; allowed++) {
        if (rh_bytes_equal_str(base, *allowed))
            return true;
    }
    return false;
}

/* Copies a media type, its name in lower case; false: it is none. */
static bool mime_copy(struct rh_bytes text, char out[RH_MIME_TEXT_MAX])
{
    struct rh_bytes whole = {text.data, rh_bytes_find(text, ';')};
    whole = rh_bytes_trim(whole);
    size_t slash = rh_bytes_find(whole, '/');
    bool good =
        text.size < RH_MIME_TEXT_MAX && slash < whole.size &&
        rh_http_is_token((struct rh_bytes){whole.data, slash}) &&
        rh_http_is_token((struct rh_bytes){whole.data + slash + 1, whole.size - slash - 1}) &&
        rh_http_is_field_value(text) && rh_utf8_valid(text);
    if (!good)
        return false;
    copy_text(out, text);
    for (size_t i = 0; i < text.size && out[i] != ';'; i++) {
        if (out[i] >= 'A' && out[i] <= 'Z')
            out[i] = (char)(out[i] - 'A' + 'a');
    }
    return true;
}

void api_id_mime_of_file(struct rh_exchange *x, struct rh_bytes text, char out[RH_MIME_TEXT_MAX])
{
    const struct rh_api_config *config = x->api->config;
    if (mime_copy(text, out) && mime_is_allowed(config, api_mime_base(out)))
        return;
    strcpy(out, "application/octet-stream");
    if (!mime_is_allowed(config, rh_bytes_of(out)))
        api_fail(x, "unsupported_type", "Uploads of this media type are not accepted here.");
}

bool api_id_mime(struct rh_exchange *x, struct rh_bytes text, char out[RH_MIME_TEXT_MAX])
{
    if (!mime_copy(text, out)) {
        api_fail(x, "invalid_field", "mime_type is not a media type.");
        return false;
    }
    if (!mime_is_allowed(x->api->config, api_mime_base(out))) {
        api_fail(x, "unsupported_type", "Uploads of this media type are not accepted here.");
        return false;
    }
    return true;
}
