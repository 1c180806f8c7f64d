/* SPDX-License-Identifier: MIT */
/*
 * Heads of parts, and the parameters in Content-Type and Content-Disposition. Values are unescaped
 * in place: they only become shorter.
 */
#include "base/mem.h"
#include "http/message.h"
#include "http/multipart_private.h"
#include "http/url.h"

/* ---- parameters: *( OWS ";" OWS name "=" ( token / quoted-string ) ) ---- */

struct parameter {
    struct rh_bytes name;
    struct rh_bytes value; /* of a quoted string: what is between the quotes, still escaped */
    bool quoted;
};

static void skip(struct rh_bytes *rest, size_t count)
{
    rest->data += count;
    rest->size -= count;
}

static void skip_space(struct rh_bytes *rest)
{
    while (rest->size > 0 && (rest->data[0] == ' ' || rest->data[0] == '\t')) {
        skip(rest, 1);
    }
}

/* Takes 1*tchar off `rest`; an empty span if there is none. */
static struct rh_bytes take_token(struct rh_bytes *rest)
{
    size_t size = 0;
    while (size < rest->size && rh_http_is_token((struct rh_bytes){rest->data + size, 1})) {
        size++;
    }
    struct rh_bytes token = {rest->data, size};
    skip(rest, size);
    return token;
}

/*
 * A backslash escapes only '"' and itself: older browsers send Windows paths as they are, and RFC
 * 2616's rule would eat their separators.
 */
static bool is_escape(struct rh_bytes text, size_t at)
{
    return text.data[at] == '\\' && at + 1 < text.size &&
           (text.data[at + 1] == '"' || text.data[at + 1] == '\\');
}

static enum rh_error take_quoted(struct rh_bytes *rest, struct rh_bytes *value)
{
    skip(rest, 1);
    for (size_t i = 0; i < rest->size; i++) {
        if (is_escape(*rest, i)) {
            i++;
        } else if (rest->data[i] == '"') {
            *value = (struct rh_bytes){rest->data, i};
            skip(rest, i + 1);
            return RH_OK;
        }
    }
    return RH_ERR_SYNTAX;
}

/* RH_OK; RH_ERR_UNKNOWN at the end; RH_ERR_SYNTAX. */
static enum rh_error take_parameter(struct rh_bytes *rest, struct parameter *parameter)
{
    skip_space(rest);
    if (rest->size == 0) {
        return RH_ERR_UNKNOWN;
    }
    if (rest->data[0] != ';') {
        return RH_ERR_SYNTAX;
    }
    skip(rest, 1);
    skip_space(rest);
    parameter->name = take_token(rest);
    if (parameter->name.size == 0 || rest->size == 0 || rest->data[0] != '=') {
        return RH_ERR_SYNTAX;
    }
    skip(rest, 1);
    parameter->quoted = rest->size > 0 && rest->data[0] == '"';
    if (parameter->quoted) {
        return take_quoted(rest, &parameter->value);
    }
    parameter->value = take_token(rest);
    return parameter->value.size > 0 ? RH_OK : RH_ERR_SYNTAX;
}

/* ---- Content-Type of the request ---- */

/* bchars of RFC 2046, 5.1.1. */
static bool is_boundary(const uint8_t *text, size_t size)
{
    struct rh_bytes marks = rh_bytes_of("'()+_,-./:=? ");
    for (size_t i = 0; i < size; i++) {
        uint8_t c = text[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alnum && rh_bytes_find(marks, c) == marks.size) {
            return false;
        }
    }
    return size > 0 && size <= RH_MULTIPART_BOUNDARY_MAX && text[size - 1] != ' ';
}

enum rh_error rh_multipart_boundary(struct rh_bytes content_type, uint8_t *out, size_t cap,
                                    size_t *size)
{
    if (!rh_media_type_is(content_type, "multipart/form-data")) {
        return RH_ERR_UNKNOWN;
    }
    struct rh_bytes rest = content_type;
    skip(&rest, rh_bytes_find(rest, ';'));
    struct parameter parameter;
    enum rh_error error;
    bool found = false;
    while ((error = take_parameter(&rest, &parameter)) == RH_OK) {
        if (!rh_bytes_equal_nocase(parameter.name, rh_bytes_of("boundary"))) {
            continue;
        }
        /* No bchar needs an escape, so a backslash is refused like any other foreign byte. */
        if (found || parameter.value.size > cap ||
            !is_boundary(parameter.value.data, parameter.value.size)) {
            return RH_ERR_SYNTAX;
        }
        found = true;
        rh_mem_copy(out, parameter.value.data, parameter.value.size);
        *size = parameter.value.size;
    }
    return error == RH_ERR_UNKNOWN && found ? RH_OK : RH_ERR_SYNTAX;
}

/* ---- heads of parts ---- */

void rh_multipart_head_begin(struct rh_multipart *m)
{
    m->head_size = 0;
    m->line_start = 0;
    m->cr = false;
    m->has_disposition = false;
    m->has_type = false;
    m->has_encoding = false;
    m->field = (struct rh_multipart_event){0};
}

/*
 * The byte that `text` has at `*at`, unescaped; moves `*at` beyond it. Browsers send %22, %0D and
 * %0A for '"', CR and LF, and leave every other '%' alone (HTML 4.10.21.8), so nothing else is
 * decoded.
 */
static uint8_t unescape(struct rh_bytes text, size_t *at)
{
    static const struct {
        const char *escape;
        uint8_t byte;
    } escapes[] = {{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}};
    size_t i = *at;
    if (is_escape(text, i)) {
        *at = i + 2;
        return text.data[i + 1];
    }
    for (size_t k = 0; text.size - i >= 3 && k < sizeof escapes / sizeof escapes[0]; k++) {
        struct rh_bytes three = {text.data + i, 3};
        if (rh_bytes_equal_nocase(three, rh_bytes_of(escapes[k].escape))) {
            *at = i + 3;
            return escapes[k].byte;
        }
    }
    *at = i + 1;
    return text.data[i];
}

/* Unescapes a parameter's value where it stands. */
static struct rh_bytes unescape_value(struct rh_multipart *m, const struct parameter *parameter)
{
    struct rh_bytes value = parameter->value;
    if (!parameter->quoted || value.size == 0) {
        return value;
    }
    uint8_t *out = m->head + (value.data - m->head);
    size_t size = 0;
    for (size_t at = 0; at < value.size;) {
        out[size++] = unescape(value, &at);
    }
    return (struct rh_bytes){out, size};
}

static enum rh_error parse_disposition(struct rh_multipart *m, struct rh_bytes value)
{
    struct rh_bytes rest = value;
    struct parameter parameter;
    enum rh_error error;
    bool has_name = false;
    if (m->has_disposition) {
        return rh_multipart_fail(m, RH_ERR_SYNTAX, "A part repeats Content-Disposition.");
    }
    m->has_disposition = true;
    if (!rh_bytes_equal_nocase(take_token(&rest), rh_bytes_of("form-data"))) {
        return rh_multipart_fail(m, RH_ERR_SYNTAX, "A part is not form-data.");
    }
    while ((error = take_parameter(&rest, &parameter)) == RH_OK) {
        bool is_name = rh_bytes_equal_nocase(parameter.name, rh_bytes_of("name"));
        bool is_filename = rh_bytes_equal_nocase(parameter.name, rh_bytes_of("filename"));
        if ((is_name && has_name) || (is_filename && m->field.has_filename)) {
            return rh_multipart_fail(m, RH_ERR_SYNTAX, "A part has two names.");
        }
        if (!is_name && !is_filename) {
            continue; /* also filename*, which RFC 7578 forbids */
        }
        struct rh_bytes text = unescape_value(m, &parameter);
        if (!rh_utf8_valid(text)) {
            return rh_multipart_fail(m, RH_ERR_SYNTAX, "A name is not valid UTF-8.");
        }
        *(is_name ? &m->field.name : &m->field.filename) = text;
        has_name = has_name || is_name;
        m->field.has_filename = m->field.has_filename || is_filename;
    }
    if (error != RH_ERR_UNKNOWN || !has_name) {
        return rh_multipart_fail(m, RH_ERR_SYNTAX, "A part's Content-Disposition is not valid.");
    }
    if (m->field.name.size > RH_MULTIPART_NAME_MAX) {
        return rh_multipart_fail(m, RH_ERR_LIMIT, "A field's name is too long.");
    }
    return RH_OK;
}

static enum rh_error parse_encoding(struct rh_multipart *m, struct rh_bytes value)
{
    static const char *const plain[] = {"binary", "8bit", "7bit"};
    if (m->has_encoding) {
        return rh_multipart_fail(m, RH_ERR_SYNTAX, "A part repeats Content-Transfer-Encoding.");
    }
    m->has_encoding = true;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (rh_bytes_equal_nocase(value, rh_bytes_of(plain[i]))) {
            return RH_OK;
        }
    }
    return rh_multipart_fail(m, RH_ERR_SYNTAX, "A part is encoded, which RFC 7578 forbids.");
}

static enum rh_error parse_line(struct rh_multipart *m, struct rh_bytes line)
{
    size_t colon = rh_bytes_find(line, ':');
    struct rh_bytes name = {line.data, colon};
    /* A folded line starts with white space, which no token has. */
    if (colon == line.size || !rh_http_is_token(name)) {
        return rh_multipart_fail(m, RH_ERR_SYNTAX, "A header of a part has no valid name.");
    }
    struct rh_bytes value =
        rh_bytes_trim((struct rh_bytes){line.data + colon + 1, line.size - colon - 1});
    if (rh_bytes_equal_nocase(name, rh_bytes_of("Content-Disposition"))) {
        return parse_disposition(m, value);
    }
    if (rh_bytes_equal_nocase(name, rh_bytes_of("Content-Type"))) {
        if (m->has_type) {
            return rh_multipart_fail(m, RH_ERR_SYNTAX, "A part repeats Content-Type.");
        }
        m->has_type = true;
        m->field.content_type = value;
        return RH_OK;
    }
    if (rh_bytes_equal_nocase(name, rh_bytes_of("Content-Transfer-Encoding"))) {
        return parse_encoding(m, value);
    }
    return RH_OK;
}

static enum rh_error end_line(struct rh_multipart *m)
{
    struct rh_bytes line = {m->head + m->line_start, m->head_size - m->line_start};
    m->line_start = m->head_size;
    if (line.size > 0) {
        enum rh_error error = parse_line(m, line);
        return error == RH_OK ? RH_ERR_AGAIN : error;
    }
    if (!m->has_disposition) {
        return rh_multipart_fail(m, RH_ERR_SYNTAX, "A part has no Content-Disposition.");
    }
    return RH_OK;
}

enum rh_error rh_multipart_head_byte(struct rh_multipart *m, uint8_t c)
{
    if (m->cr != (c == '\n')) {
        return rh_multipart_fail(m, RH_ERR_SYNTAX, "A part's head holds a lone CR or LF.");
    }
    if (c == '\n') {
        m->cr = false;
        return end_line(m);
    }
    if (c == '\r') {
        m->cr = true;
        return RH_ERR_AGAIN;
    }
    if ((c < 0x20 && c != '\t') || c == 0x7f) {
        return rh_multipart_fail(m, RH_ERR_SYNTAX, "A part's head holds a control byte.");
    }
    if (m->head_size == m->head_cap) {
        return rh_multipart_fail(m, RH_ERR_LIMIT, "The head of a part is too large.");
    }
    m->head[m->head_size++] = c;
    return RH_ERR_AGAIN;
}
