/* SPDX-License-Identifier: MIT */
#ifndef TEST_CATALOG_CONFORMANCE_H
#define TEST_CATALOG_CONFORMANCE_H
/*
 * The rules that every backend of the catalog keeps (vault/catalog.h). A backend's test describes
 * how to open it and runs them all:
 *
 *     static const struct catalog_factory factory = {.fresh = …, .again = …};
 *     int main(void) { return catalog_conformance(&factory); }
 */
#include "vault/catalog.h"

struct catalog_factory {
    void *context;
    struct rh_catalog *(*fresh)(void *context); /* an empty one, unrelated to those before */
    /* Closes it and opens the same one again, as after a restart of the server. */
    struct rh_catalog *(*again)(void *context, struct rh_catalog *);
    void (*done)(void *context, struct rh_catalog *); /* closes it and cleans up */
};

/* Runs every rule; the number of those that were broken. */
int catalog_conformance(const struct catalog_factory *);

#endif
