/* SPDX-License-Identifier: MIT */
#include "catalog_conformance.h"

static struct rh_catalog *fresh(void *context)
{
    (void)context;
    return rh_catalog_model_open();
}

static struct rh_catalog *again(void *context, struct rh_catalog *catalog)
{
    (void)context;
    return catalog; /* it outlives servers */
}

static void done(void *context, struct rh_catalog *catalog)
{
    (void)context;
    catalog->ops->close(catalog);
}

int main(void)
{
    static const struct catalog_factory factory = {.fresh = fresh, .again = again, .done = done};
    return catalog_conformance(&factory);
}
