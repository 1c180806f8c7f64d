/* SPDX-License-Identifier: MIT */
/* The parser follows the algorithms of RFC 9651, section 4.2, step by step. sf_write.c holds the
 * writers. */
#include "fields/sf.h"

#include "base/assert.h"
#include "base/base64.h"
#include "fields/sf_chars.h"

enum kind { KIND_NONE, KIND_ITEM, KIND_LIST, KIND_DICT };
enum place { OUTSIDE, INSIDE };

void rh_sf_init(struct rh_sf *sf, struct rh_bytes text)
{
    *sf = (struct rh_sf){.text = text, .error = RH_OK, .kind = KIND_NONE, .place = OUTSIDE};
}

static bool fail(struct rh_sf *sf)
{
    sf->error = RH_ERR_SYNTAX;
    return false;
}

static bool at_end(const struct rh_sf *sf)
{
    return sf->at == sf->text.size;
}

/* The next character, or 0, which no structured field may hold. */
static uint8_t peek(const struct rh_sf *sf)
{
    return at_end(sf) ? 0 : sf->text.data[sf->at];
}

static bool take(struct rh_sf *sf, uint8_t c)
{
    if (peek(sf) != c)
        return false;
    sf->at++;
    return true;
}

static void skip_spaces(struct rh_sf *sf)
{
    while (take(sf, ' '))
        ;
}

static void skip_blanks(struct rh_sf *sf)
{
    while (take(sf, ' ') || take(sf, '\t'))
        ;
}

static struct rh_bytes since(const struct rh_sf *sf, size_t start)
{
    return (struct rh_bytes){sf->text.data + start, sf->at - start};
}

static bool parse_key(struct rh_sf *sf, struct rh_bytes *key)
{
    size_t start = sf->at;

    if (!rh_sf_is_lower(peek(sf)) && peek(sf) != '*')
        return fail(sf);
    while (rh_sf_is_key_char(peek(sf)))
        sf->at++;
    *key = since(sf, start);
    return true;
}

static bool parse_number(struct rh_sf *sf, struct rh_sf_value *value)
{
    bool negative = take(sf, '-');
    int64_t number = 0;
    size_t start = sf->at;
    size_t digits;

    for (; rh_sf_is_digit(peek(sf)) && sf->at - start < 16; sf->at++)
        number = number * 10 + (peek(sf) - '0');
    digits = sf->at - start;
    value->type = RH_SF_INTEGER;
    if (digits == 0 || digits > 15)
        return fail(sf);
    if (take(sf, '.')) {
        size_t places = 0;

        value->type = RH_SF_DECIMAL;
        if (digits > 12)
            return fail(sf);
        for (; rh_sf_is_digit(peek(sf)) && places < 4; sf->at++, places++)
            number = places < 3 ? number * 10 + (peek(sf) - '0') : number;
        if (places == 0 || places > 3)
            return fail(sf);
        for (; places < 3; places++)
            number *= 10;
    }
    value->integer = negative ? -number : number;
    return true;
}

static bool parse_string(struct rh_sf *sf, struct rh_sf_value *value)
{
    size_t start = ++sf->at; /* past the quote */

    for (;; sf->at++) {
        uint8_t c = peek(sf);

        if (c < 0x20 || c > 0x7e)
            return fail(sf);
        if (c == '"')
            break;
        if (c != '\\')
            continue;
        sf->at++;
        if (peek(sf) != '"' && peek(sf) != '\\')
            return fail(sf);
    }
    value->type = RH_SF_STRING;
    value->text = since(sf, start);
    sf->at++;
    return true;
}

static bool parse_bytes(struct rh_sf *sf, struct rh_sf_value *value)
{
    size_t start = ++sf->at; /* past the colon */

    while (rh_sf_is_base64_char(peek(sf)))
        sf->at++;
    for (unsigned padding = 0; padding < 2 && peek(sf) == '='; padding++)
        sf->at++;
    value->type = RH_SF_BYTES;
    value->text = since(sf, start);
    return take(sf, ':') ? true : fail(sf);
}

static bool parse_display(struct rh_sf *sf, struct rh_sf_value *value)
{
    size_t start;

    sf->at++; /* past the percent sign */
    if (!take(sf, '"'))
        return fail(sf);
    start = sf->at;
    for (; peek(sf) != '"'; sf->at++) {
        uint8_t c = peek(sf);

        if (c < 0x20 || c > 0x7e)
            return fail(sf);
        if (c != '%')
            continue;
        for (unsigned i = 0; i < 2; i++) {
            sf->at++;
            if (!rh_sf_is_lower_hex(peek(sf)))
                return fail(sf);
        }
    }
    value->type = RH_SF_DISPLAY;
    value->text = since(sf, start);
    sf->at++;
    return true;
}

static bool parse_boolean(struct rh_sf *sf, struct rh_sf_value *value)
{
    sf->at++; /* past the question mark */
    value->type = RH_SF_BOOLEAN;
    value->boolean = peek(sf) == '1';
    return take(sf, '1') || take(sf, '0') ? true : fail(sf);
}

static bool parse_date(struct rh_sf *sf, struct rh_sf_value *value)
{
    sf->at++; /* past the at sign */
    if (!parse_number(sf, value) || value->type != RH_SF_INTEGER)
        return fail(sf);
    value->type = RH_SF_DATE;
    return true;
}

static bool parse_token(struct rh_sf *sf, struct rh_sf_value *value)
{
    size_t start = sf->at;

    while (rh_sf_is_token_char(peek(sf)))
        sf->at++;
    value->type = RH_SF_TOKEN;
    value->text = since(sf, start);
    return true;
}

static bool parse_bare(struct rh_sf *sf, struct rh_sf_value *value)
{
    uint8_t c = peek(sf);

    *value = (struct rh_sf_value){.type = RH_SF_BOOLEAN};
    if (c == '-' || rh_sf_is_digit(c))
        return parse_number(sf, value);
    if (c == '"')
        return parse_string(sf, value);
    if (c == ':')
        return parse_bytes(sf, value);
    if (c == '?')
        return parse_boolean(sf, value);
    if (c == '@')
        return parse_date(sf, value);
    if (c == '%')
        return parse_display(sf, value);
    if (c == '*' || rh_sf_is_alpha(c))
        return parse_token(sf, value);
    return fail(sf);
}

static bool parse_member(struct rh_sf *sf, struct rh_sf_value *value)
{
    if (!take(sf, '('))
        return parse_bare(sf, value);
    *value = (struct rh_sf_value){.type = RH_SF_INNER_LIST};
    sf->place = INSIDE;
    return true;
}

bool rh_sf_param_next(struct rh_sf *sf, struct rh_bytes *key, struct rh_sf_value *value)
{
    if (sf->error != RH_OK || !take(sf, ';'))
        return false;
    skip_spaces(sf);
    if (!parse_key(sf, key))
        return false;
    if (take(sf, '='))
        return parse_bare(sf, value);
    *value = (struct rh_sf_value){.type = RH_SF_BOOLEAN, .boolean = true};
    return true;
}

static void skip_params(struct rh_sf *sf)
{
    struct rh_bytes key;
    struct rh_sf_value value;

    while (rh_sf_param_next(sf, &key, &value))
        ;
}

bool rh_sf_inner_next(struct rh_sf *sf, struct rh_sf_value *value)
{
    if (sf->error != RH_OK || sf->place != INSIDE)
        return false;
    skip_params(sf);
    if (sf->error != RH_OK)
        return false;
    /* Items are parted by spaces; only after '(' may the first follow at once. */
    if (sf->text.data[sf->at - 1] != '(' && peek(sf) != ' ' && peek(sf) != ')')
        return fail(sf);
    skip_spaces(sf);
    if (take(sf, ')')) {
        sf->place = OUTSIDE;
        return false;
    }
    return parse_bare(sf, value);
}

/* Passes over what the caller did not pull of the member before. */
static void skip_member(struct rh_sf *sf)
{
    struct rh_sf_value value;

    while (rh_sf_inner_next(sf, &value))
        ;
    skip_params(sf);
}

/* Comes to the start of the next member. False at the end and when broken. */
static bool next_member(struct rh_sf *sf, enum kind kind)
{
    if (sf->error != RH_OK)
        return false;
    if (sf->kind == KIND_NONE) {
        sf->kind = (uint8_t)kind;
        skip_spaces(sf);
        return !at_end(sf);
    }
    RH_ASSERT(sf->kind == kind);
    skip_member(sf);
    if (sf->error != RH_OK)
        return false;
    skip_blanks(sf);
    if (at_end(sf))
        return false;
    if (!take(sf, ','))
        return fail(sf);
    skip_blanks(sf);
    return at_end(sf) ? fail(sf) : true; /* a comma must be followed by a member */
}

bool rh_sf_item(struct rh_sf *sf, struct rh_sf_value *value)
{
    RH_ASSERT(sf->kind == KIND_NONE);
    sf->kind = KIND_ITEM;
    skip_spaces(sf);
    return parse_bare(sf, value);
}

bool rh_sf_list_next(struct rh_sf *sf, struct rh_sf_value *value)
{
    return next_member(sf, KIND_LIST) && parse_member(sf, value);
}

bool rh_sf_dict_next(struct rh_sf *sf, struct rh_bytes *key, struct rh_sf_value *value)
{
    if (!next_member(sf, KIND_DICT) || !parse_key(sf, key))
        return false;
    if (take(sf, '='))
        return parse_member(sf, value);
    *value = (struct rh_sf_value){.type = RH_SF_BOOLEAN, .boolean = true};
    return true;
}

enum rh_error rh_sf_end(struct rh_sf *sf)
{
    struct rh_bytes key;
    struct rh_sf_value value;

    RH_ASSERT(sf->kind != KIND_NONE);
    if (sf->kind == KIND_LIST) {
        while (rh_sf_list_next(sf, &value))
            ;
    } else if (sf->kind == KIND_DICT) {
        while (rh_sf_dict_next(sf, &key, &value))
            ;
    } else {
        skip_params(sf);
        skip_spaces(sf);
        if (!at_end(sf))
            fail(sf);
    }
    return sf->error;
}

ptrdiff_t rh_sf_string_copy(void *out, size_t cap, const struct rh_sf_value *value)
{
    uint8_t *to = out;
    size_t size = 0;

    if (value->type != RH_SF_STRING)
        return RH_ERR_SYNTAX;
    for (size_t i = 0; i < value->text.size; i++) {
        if (value->text.data[i] == '\\')
            i++;
        if (size == cap)
            return RH_ERR_LIMIT;
        to[size++] = value->text.data[i];
    }
    return (ptrdiff_t)size;
}

ptrdiff_t rh_sf_bytes_copy(void *out, size_t cap, const struct rh_sf_value *value)
{
    if (value->type != RH_SF_BYTES)
        return RH_ERR_SYNTAX;
    return rh_base64_decode_lenient(out, cap, (const char *)value->text.data, value->text.size);
}

/* Parses a field that is one item; RH_ERR_SYNTAX unless it is of this type. */
static enum rh_error parse_one(struct rh_bytes text, enum rh_sf_type type,
                               struct rh_sf_value *value)
{
    struct rh_sf sf;

    rh_sf_init(&sf, text);
    if (!rh_sf_item(&sf, value) || rh_sf_end(&sf) != RH_OK)
        return RH_ERR_SYNTAX;
    return value->type == type ? RH_OK : RH_ERR_SYNTAX;
}

enum rh_error rh_sf_parse_u64(struct rh_bytes text, uint64_t *out)
{
    struct rh_sf_value value;
    enum rh_error error = parse_one(text, RH_SF_INTEGER, &value);

    if (error != RH_OK)
        return error;
    if (value.integer < 0)
        return RH_ERR_RANGE;
    *out = (uint64_t)value.integer;
    return RH_OK;
}

enum rh_error rh_sf_parse_boolean(struct rh_bytes text, bool *out)
{
    struct rh_sf_value value;
    enum rh_error error = parse_one(text, RH_SF_BOOLEAN, &value);

    if (error == RH_OK)
        *out = value.boolean;
    return error;
}

enum rh_error rh_sf_parse_token(struct rh_bytes text, struct rh_bytes *out)
{
    struct rh_sf_value value;
    enum rh_error error = parse_one(text, RH_SF_TOKEN, &value);

    if (error == RH_OK)
        *out = value.text;
    return error;
}
