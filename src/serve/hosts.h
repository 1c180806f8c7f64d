/* SPDX-License-Identifier: MIT */
#ifndef SERVE_HOSTS_H
#define SERVE_HOSTS_H
/* The values of Host that a server answers to. */
#include "serve/config.h"

/* Each name said, and each of the loopback names, with each port. */
#define RH_HOST_VALUES_MAX (RH_LISTENS_MAX * (RH_HOSTS_MAX + 4) * 2)
#define RH_HOST_TEXT       280

struct rh_hosts {
    char texts[RH_HOST_VALUES_MAX][RH_HOST_TEXT];
    const char *values[RH_HOST_VALUES_MAX + 1]; /* lower case; NULL-ended */
    size_t count;
};

/* Ports of the listens must be the real ones by now. */
void rh_hosts_fill(struct rh_hosts *hosts, const struct rh_config *config);

#endif
