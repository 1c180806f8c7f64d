/* SPDX-License-Identifier: MIT */
/* Reading JSON bodies: capped in size and depth, without duplicate keys, and with an answer that
 * names the field that is wrong. */
#include <string.h>

#include "api/internal.h"
#include "base/bytes.h"

/* jansson parses recursively; its own limit is far beyond what anything here needs. */
static bool depth_is_fine(const uint8_t *text, size_t size)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '{' || text[i] == '[') {
            if (++depth > API_JSON_DEPTH_MAX)
                return false;
        } else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

bool api_json_parse(struct rh_exchange *x, json_t **out)
{
    *out = NULL;
    if (x->held_size == 0)
        return true;
    if (!depth_is_fine(x->held, x->held_size)) {
        api_fail(x, "bad_json", "The JSON is nested deeper than %d.", API_JSON_DEPTH_MAX);
        return false;
    }
    json_error_t error;
    /* Good JSON must not be refused as bad, which no sender tries again. */
    if (!rh_json_read((const char *)x->held, x->held_size, out, &error)) {
        api_fail(x, "overloaded", NULL);
        return false;
    }
    if (*out != NULL)
        return true;
    /* jansson's text quotes the input, which is not ours to repeat. */
    if (json_error_code(&error) == json_error_duplicate_key)
        api_fail(x, "bad_json", "A key comes twice in the JSON, near line %d.", error.line);
    else
        api_fail(x, "bad_json", "The JSON is malformed near line %d, column %d.", error.line,
                 error.column);
    return false;
}

bool api_json_object(struct rh_exchange *x, json_t *body)
{
    if (json_is_object(body))
        return true;
    api_fail(x, "bad_json",
             body == NULL ? "The body is empty; a JSON object is needed."
                          : "The body must be a JSON object.");
    return false;
}

json_t *api_json_get(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

bool api_json_u64(struct rh_exchange *x, json_t *object, const char *name, uint64_t *out)
{
    json_t *value = api_json_get(object, name);
    if (value == NULL)
        return true;
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *out = (uint64_t)json_integer_value(value);
        return true;
    }
    /* 1.5e7 is how some write a whole number; up to 2^53 it is exact. */
    double real = json_is_real(value) ? json_real_value(value) : -1;
    if (real >= 0 && real <= 9007199254740992.0 && real == (double)(uint64_t)real) {
        *out = (uint64_t)real;
        return true;
    }
    api_fail(x, "invalid_field", "%s must be a whole number that is not negative.", name);
    return false;
}

bool api_json_number_check(struct rh_exchange *x, json_t *object, const char *name)
{
    json_t *value = api_json_get(object, name);
    if (value == NULL || (json_is_number(value) && json_number_value(value) >= 0))
        return true;
    api_fail(x, "invalid_field", "%s must be a number that is not negative.", name);
    return false;
}

bool api_json_bool(struct rh_exchange *x, json_t *object, const char *name, bool *out)
{
    json_t *value = api_json_get(object, name);
    if (value == NULL)
        return true;
    if (!json_is_boolean(value)) {
        api_fail(x, "invalid_field", "%s must be true or false.", name);
        return false;
    }
    *out = json_is_true(value);
    return true;
}

const char *api_json_text(struct rh_exchange *x, json_t *object, const char *name, bool required)
{
    json_t *value = api_json_get(object, name);
    if (value == NULL) {
        if (required)
            api_fail(x, "missing_field", "%s is missing.", name);
        return NULL;
    }
    if (!json_is_string(value))
        api_fail(x, "invalid_field", "%s must be a string.", name);
    return json_string_value(value);
}

void api_json_set(json_t **object, const char *name, json_t *value)
{
    if (*object == NULL) {
        json_decref(value);
    } else if (json_object_set_new(*object, name, value) != 0) {
        json_decref(*object);
        *object = NULL;
    }
}

void api_json_append(json_t **list, json_t *value)
{
    if (*list == NULL) {
        json_decref(value);
    } else if (json_array_append_new(*list, value) != 0) {
        json_decref(*list);
        *list = NULL;
    }
}

bool api_json_load(const char *text, json_t **out)
{
    *out = NULL;
    return text == NULL || rh_json_read(text, strlen(text), out, NULL);
}
