/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_FIELDS_SF_CHARS_H
#define REELHAUL_FIELDS_SF_CHARS_H
/* Private to sf.c and sf_write.c: the character classes of RFC 9651. */
#include <reelhaul/types.h>

static inline bool rh_sf_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static inline bool rh_sf_is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static inline bool rh_sf_is_alpha(uint8_t c)
{
    return rh_sf_is_lower(c) || (c >= 'A' && c <= 'Z');
}

static inline bool rh_sf_is_lower_hex(uint8_t c)
{
    return rh_sf_is_digit(c) || (c >= 'a' && c <= 'f');
}

static inline bool rh_sf_is_base64_char(uint8_t c)
{
    return rh_sf_is_alpha(c) || rh_sf_is_digit(c) || c == '+' || c == '/';
}

static inline bool rh_sf_is_key_char(uint8_t c)
{
    return rh_sf_is_lower(c) || rh_sf_is_digit(c) || c == '_' || c == '-' || c == '.' || c == '*';
}

static inline bool rh_sf_is_one_of(uint8_t c, const char *set)
{
    for (; *set != '\0'; set++) {
        if (c == (uint8_t)*set)
            return true;
    }
    return false;
}

/* tchar of RFC 9110, ':' and '/'. */
static inline bool rh_sf_is_token_char(uint8_t c)
{
    return rh_sf_is_alpha(c) || rh_sf_is_digit(c) || rh_sf_is_one_of(c, "!#$%&'*+-.^_`|~:/");
}

#endif
