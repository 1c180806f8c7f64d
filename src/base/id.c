/* SPDX-License-Identifier: MIT */
#include "base/id.h"

#include "base/base64.h"
#include "base/bytes.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/siphash.h"

void rh_id_make(char out[RH_ID_TEXT], const uint8_t random[16], const uint8_t key[RH_ID_KEY])
{
    uint8_t raw[24];

    rh_mem_copy(raw, random, 16);
    rh_le64_put(raw + 16, rh_siphash(key, raw, 16));
    rh_base64url_encode(out, RH_ID_CHARS, raw, sizeof raw);
    out[RH_ID_CHARS] = '\0';
}

enum rh_error rh_id_check(struct rh_bytes text, const uint8_t key[RH_ID_KEY])
{
    uint8_t raw[24];
    uint8_t mac[8];

    if (text.size != RH_ID_CHARS)
        return RH_ERR_SYNTAX;
    if (rh_base64url_decode(raw, sizeof raw, (const char *)text.data, text.size) != sizeof raw)
        return RH_ERR_SYNTAX;
    rh_le64_put(mac, rh_siphash(key, raw, 16));
    return rh_mem_equal_secret(mac, raw + 16, sizeof mac) ? RH_OK : RH_ERR_SYNTAX;
}

/* Where a UUID has its hyphens. */
static bool is_hyphen_place(size_t index)
{
    return index == 8 || index == 13 || index == 18 || index == 23;
}

void rh_uuid_format(char out[RH_UUID_TEXT], const uint8_t random[16])
{
    uint8_t raw[16];
    char digits[32];
    size_t from = 0;

    rh_mem_copy(raw, random, 16);
    raw[6] = (uint8_t)((raw[6] & 0x0f) | 0x40); /* version 4 */
    raw[8] = (uint8_t)((raw[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    rh_hex_encode(digits, sizeof digits, raw, sizeof raw);
    for (size_t i = 0; i < RH_UUID_CHARS; i++)
        out[i] = is_hyphen_place(i) ? '-' : digits[from++];
    out[RH_UUID_CHARS] = '\0';
}

enum rh_error rh_uuid_check(struct rh_bytes text)
{
    if (text.size != RH_UUID_CHARS)
        return RH_ERR_SYNTAX;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

        if (is_hyphen_place(i) ? c != '-' : !digit)
            return RH_ERR_SYNTAX;
    }
    return RH_OK;
}

void rh_named_session(char out[RH_UUID_TEXT], struct rh_bytes name)
{
    static const uint8_t keys[2][RH_SIPHASH_KEY] = {"named session 1", "named session 2"};
    uint8_t bytes[16];
    for (int i = 0; i < 2; i++)
        rh_le64_put(bytes + 8 * i, rh_siphash(keys[i], name.data, name.size));
    rh_uuid_format(out, bytes);
}

bool rh_named_session_is(const char *session, const char *name)
{
    char expected[RH_UUID_TEXT];
    struct rh_bytes text = rh_bytes_of(name);
    if (rh_uuid_check(text) == RH_OK)
        return false;
    rh_named_session(expected, text);
    return rh_bytes_equal_str(rh_bytes_of(session), expected);
}

enum rh_error rh_name_check(struct rh_bytes text)
{
    if (text.size == 0 || text.size > RH_NAME_MAX)
        return RH_ERR_SYNTAX;
    /* A leading '.' hides a file or climbs out of a folder, a leading '-' reads as an option. */
    if (text.data[0] == '.' || text.data[0] == '-')
        return RH_ERR_SYNTAX;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     c == '.' || c == '_' || c == '-';

        if (!plain)
            return RH_ERR_SYNTAX;
        if (c == '.' && text.data[i - 1] == '.')
            return RH_ERR_SYNTAX;
    }
    return RH_OK;
}
