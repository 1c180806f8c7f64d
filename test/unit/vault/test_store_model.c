/* SPDX-License-Identifier: MIT */
#include "store_conformance.h"

#include <string.h>

#include "vault/store_model.h"

static struct rh_store *fresh(void *context)
{
    (void)context;
    return rh_store_model_open(1);
}

static struct rh_store *again(void *context, struct rh_store *store)
{
    (void)context;
    rh_store_model_crash(store); /* power lost: only what was synced may be counted on */
    return store;
}

static void done(void *context, struct rh_store *store)
{
    (void)context;
    store->ops->close(store);
}

static size_t load(void *context, struct rh_store *store, const char *path, void *out, size_t cap)
{
    size_t size = 0;
    (void)context;
    const uint8_t *bytes = rh_store_model_load(store, path, &size);
    if (bytes == NULL)
        return SIZE_MAX;
    if (cap > 0)
        memcpy(out, bytes, size < cap ? size : cap);
    return size;
}

int main(void)
{
    static const struct store_factory factory = {
        .asserts_names = true, .fresh = fresh, .again = again, .done = done, .load = load};
    return store_conformance(&factory);
}
