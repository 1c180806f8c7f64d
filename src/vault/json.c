/* SPDX-License-Identifier: MIT */
#include "vault/json.h"

#include <stdlib.h>

static _Thread_local bool is_out;

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL)
        is_out = true;
    return memory;
}

/* Before there are threads; everything jansson made before main is free's business all the same. */
__attribute__((constructor)) static void watch_allocations(void)
{
    json_set_alloc_funcs(allocate, free);
}

static bool settle(json_t **out)
{
    if (!is_out)
        return true;
    json_decref(*out);
    *out = NULL;
    return false;
}

bool rh_json_read(const char *text, size_t size, json_t **out, json_error_t *error)
{
    is_out = false;
    *out = json_loadb(text, size, JSON_REJECT_DUPLICATES, error);
    return settle(out);
}

bool rh_json_string(const char *text, json_t **out)
{
    is_out = false;
    *out = json_string(text);
    return settle(out);
}

char *rh_json_write(const json_t *json, size_t flags)
{
    is_out = false;
    char *text = json == NULL ? NULL : json_dumps(json, flags);
    if (!is_out)
        return text;
    free(text);
    return NULL;
}
