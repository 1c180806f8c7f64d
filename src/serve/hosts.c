/* SPDX-License-Identifier: MIT */
#include "serve/hosts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void add(struct rh_hosts *hosts, const char *name, unsigned port)
{
    char *text;

    if (hosts->count == RH_HOST_VALUES_MAX)
        return;
    text = hosts->texts[hosts->count];
    if (port == 0)
        snprintf(text, RH_HOST_TEXT, "%s", name);
    else
        snprintf(text, RH_HOST_TEXT, "%s:%u", name, port);
    for (char *c = text; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    for (size_t i = 0; i < hosts->count; i++)
        if (strcmp(hosts->values[i], text) == 0)
            return;
    hosts->values[hosts->count++] = text;
    hosts->values[hosts->count] = NULL;
}

static void add_with_port(struct rh_hosts *hosts, const char *name, unsigned port)
{
    add(hosts, name, port);
    if (port == 80 || port == 443)
        add(hosts, name, 0); /* browsers leave the default out */
}

static bool has_port(const char *name)
{
    const char *bracket = strrchr(name, ']');

    return strchr(bracket != NULL ? bracket : name, ':') != NULL;
}

static void add_listen(struct rh_hosts *hosts, const struct rh_listen *listen)
{
    unsigned port = rh_listen_port(listen);
    char text[RH_ADDRESS_TEXT];

    if (rh_listen_is_loopback(listen) || rh_listen_is_any(listen)) {
        add_with_port(hosts, "localhost", port);
        add_with_port(hosts, "127.0.0.1", port);
        add_with_port(hosts, "[::1]", port);
    }
    if (rh_listen_is_any(listen))
        return;
    rh_listen_text(listen, text);
    add(hosts, text, 0);
    if (port == 80 || port == 443) {
        *strrchr(text, ':') = '\0';
        add(hosts, text, 0);
    }
}

void rh_hosts_fill(struct rh_hosts *hosts, const struct rh_config *config)
{
    memset(hosts->values, 0, sizeof hosts->values);
    hosts->count = 0;
    for (size_t i = 0; i < config->listen_count; i++)
        add_listen(hosts, &config->listens[i]);
    for (size_t h = 0; h < config->host_count; h++) {
        /* As said; and without a port, at each port that is listened on. */
        add(hosts, config->hosts[h], 0);
        for (size_t i = 0; !has_port(config->hosts[h]) && i < config->listen_count; i++)
            add_with_port(hosts, config->hosts[h], rh_listen_port(&config->listens[i]));
    }
}
