/* SPDX-License-Identifier: MIT */
#ifndef TEST_STORE_CONFORMANCE_H
#define TEST_STORE_CONFORMANCE_H
/*
 * The rules that every backend of the store keeps (vault/store.h). A backend's test describes how
 * to open it and runs them all; see catalog_conformance.h.
 */
#include "vault/store.h"

struct store_factory {
    void *context;
    struct rh_store *(*fresh)(void *context); /* an empty one */
    /* Closes it and opens the same one again, as after a restart of the server. */
    struct rh_store *(*again)(void *context, struct rh_store *);
    void (*done)(void *context, struct rh_store *);
    /* Reads a file at a path relative to the data directory into out (at most cap): its size, or
     * SIZE_MAX where there is none. */
    size_t (*load)(void *context, struct rh_store *, const char *path, void *out, size_t cap);
    bool asserts_names; /* a name that leads out of its folder is a broken invariant there */
};

int store_conformance(const struct store_factory *);

#endif
