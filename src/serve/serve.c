/* SPDX-License-Identifier: MIT */
#include "serve/serve.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "serve/acceptor.h"
#include "serve/hosts.h"
#include "serve/hub.h"
#include "serve/log.h"
#include "serve/places.h"
#include "vault/generation.h"

#define EXIT_FAILED   1
#define EXIT_USAGE    2
#define DRAIN_POLL_MS 10
#define CUT_MS_MAX    ((rh_ms)5000) /* for what was cut off to become durable */
#define SPARE_FILES   64            /* listening sockets, catalog, pages, and some air */

/* A server. Large, so it lives in static memory: there is one a process. */
struct server {
    struct rh_config config;
    char complaint[RH_COMPLAINT_BYTES];
    struct rh_shell shell;
    struct rh_hosts hosts;
    struct rh_acceptor acceptor;
    struct rh_tls_door door;
    struct rh_store *store;
    struct rh_catalog *catalog;
    int lock;
    struct rh_hub hub;
    struct rh_workers workers;
    struct rh_loop loops[RH_LOOPS_MAX];
    unsigned loops_started;
};

static int fail(const struct server *s, int status)
{
    fflush(stdout);
    fprintf(stderr, "reelhaul serve: %s\n", s->complaint);
    return status;
}

/* ---- starting ---- */

static int check_doors(struct server *s)
{
    struct rh_api_config *api = &s->shell.api;

    if (rh_config_check_doors(&s->config, s->complaint) != RH_OK)
        return EXIT_USAGE;
    rh_api_config_default(api);
    api->auth = s->config.auth;
    api->enrol_open = s->config.enrol_open;
    api->body_bytes_max = s->config.part_bytes_max;
    api->upload_bytes_max = s->config.upload_bytes_max;
    api->behind_proxy = s->config.behind_proxy;
    api->no_informational = s->config.no_informational;
    api->origins = s->config.origins;
    api->hosts = s->hosts.values;
    if (api->auth == RH_AUTH_TOKEN && rh_config_token(&s->config, getenv("REELHAUL_TOKEN"),
                                                      api->token_hash, s->complaint) != RH_OK)
        return EXIT_USAGE;
    unsetenv("REELHAUL_TOKEN");
    return 0;
}

static int open_door(struct server *s)
{
    const char *certificate = s->config.tls_certificate_file;

    if (certificate == NULL)
        return 0;
    if (rh_tls_door_open(&s->door, certificate, s->config.tls_key_file, s->complaint) != RH_OK)
        return EXIT_USAGE;
    if (s->complaint[0] != '\0')
        rh_serve_say(RH_LOG_WARN, s->complaint);
    s->shell.door = s->acceptor.door = &s->door;
    return 0;
}

static void log_finding(void *context, const struct rh_finding *finding)
{
    const struct rh_log_value values[] = {RH_LOG_TEXT("kind", finding->kind),
                                          RH_LOG_TEXT("upload", finding->upload)};

    (void)context;
    rh_serve_log(finding->weight == RH_FOUND_NOTE ? RH_LOG_INFO : RH_LOG_WARN, finding->text,
                 values, sizeof values / sizeof values[0]);
}

static void log_opening(const struct rh_opening *opening)
{
    static const char *const texts[] = {
        [RH_OPENED_OLDER] = "the catalog is older than what was acknowledged: it was brought up to "
                            "the files; a new server generation begins",
        [RH_OPENED_COPIED] = "the data directory is a copy: a new server generation begins",
        [RH_OPENED_UNWITNESSED] = "the catalog came without its witness: it was checked against "
                                  "the files; a new server generation begins",
    };
    const struct rh_log_value values[] = {
        RH_LOG_NUMBER("corrections", opening->totals.repaired),
        RH_LOG_NUMBER("problems", opening->totals.problems + opening->early_problems)};

    if (opening->opened != RH_OPENED_NEW && opening->opened != RH_OPENED_SAME)
        rh_serve_log(RH_LOG_WARN, texts[opening->opened], values, 2);
    if (opening->swept > 0)
        rh_serve_log(RH_LOG_INFO, "waiting bytes that belonged to no upload were removed",
                     &RH_LOG_NUMBER("files", opening->swept), 1);
}

static int open_catalog(struct server *s)
{
    struct rh_opening opening = {.found = log_finding};
    enum rh_error error = rh_generation_open(&s->catalog, s->config.data_directory, &opening);

    if (error == RH_OK) {
        log_opening(&opening);
        return 0;
    }
    snprintf(s->complaint, sizeof s->complaint, "The catalog in %.300s cannot be opened: %s.",
             s->config.data_directory, opening.why);
    return EXIT_FAILED;
}

static int open_places(struct server *s)
{
    const char *directory = s->config.data_directory;
    enum rh_error error;

    if (rh_places_data(directory, &s->shell.data, &s->lock, s->complaint) != RH_OK)
        return EXIT_FAILED;
    error = rh_places_pages(s->config.web_directory, &s->shell.pages, s->complaint);
    if (error == RH_ERR_IO)
        return EXIT_FAILED;
    if (error != RH_OK)
        rh_serve_say(RH_LOG_WARN, s->complaint);
    if (s->config.prompts_file != NULL && access(s->config.prompts_file, R_OK) != 0) {
        snprintf(s->complaint, sizeof s->complaint, "--prompts %.300s cannot be read: %m.",
                 s->config.prompts_file);
        return EXIT_FAILED;
    }
    if (rh_store_files_open(&s->store, directory) != RH_OK) {
        snprintf(s->complaint, sizeof s->complaint, "The store in %.300s cannot be opened: %m.",
                 directory);
        return EXIT_FAILED;
    }
    return open_catalog(s);
}

static int open_listens(struct server *s)
{
    struct rh_acceptor *acceptor = &s->acceptor;

    for (size_t i = 0; i < s->config.listen_count; i++) {
        char text[RH_ADDRESS_TEXT];
        int fd = rh_listen_open(&s->config.listens[i]);

        if (fd < 0) {
            rh_listen_text(&s->config.listens[i], text);
            snprintf(s->complaint, sizeof s->complaint,
                     "Cannot listen on %s: %s. Choose another address with --listen, or port 0 "
                     "for any that is free.",
                     text, strerror(-fd));
            return EXIT_FAILED;
        }
        acceptor->sockets[acceptor->socket_count++] = fd;
    }
    rh_hosts_fill(&s->hosts, &s->config);
    return 0;
}

/* Connections and open extents must fit into the descriptors that the system gives. */
static void fit_descriptors(struct server *s, struct rh_vault_limits *limits)
{
    struct rlimit files;
    size_t all;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
        return;
    all = (size_t)files.rlim_cur;
    all = all > SPARE_FILES * 2 ? all - SPARE_FILES : SPARE_FILES;
    if (limits->extents_open_max > all / 2)
        limits->extents_open_max = all / 2;
    if (s->config.connections_max > all - limits->extents_open_max)
        s->config.connections_max = all - limits->extents_open_max;
}

static int start_threads(struct server *s)
{
    struct rh_vault_limits limits;

    rh_vault_limits_default(&limits);
    limits.reserve_bytes = s->config.reserve_bytes;
    /* Each connection may hold an upload that is slow. */
    if (limits.extents_open_max < s->config.connections_max)
        limits.extents_open_max = s->config.connections_max;
    limits.upload_bytes_max = s->config.upload_bytes_max;
    limits.expire_after_ticks = s->config.expire_s;
    fit_descriptors(s, &limits);
    /* Each connection has one request under way. */
    limits.ops_max = s->config.connections_max + RH_LOOPS_MAX;
    snprintf(s->complaint, sizeof s->complaint, "Not enough memory, threads or descriptors.");
    if (rh_hub_init(&s->hub, &limits) != RH_OK)
        return EXIT_FAILED;
    s->shell.config = &s->config;
    s->shell.store = s->store;
    s->shell.vault = &s->hub.inbox;
    if (rh_workers_start(&s->workers, s->store, s->catalog, &s->hub.inbox) != RH_OK)
        return EXIT_FAILED;
    for (unsigned i = 0; i < s->config.loop_count; i++) {
        if (rh_loop_start(&s->loops[i], &s->shell, (uint8_t)i) != RH_OK)
            return EXIT_FAILED;
        s->loops_started++;
    }
    s->acceptor.loops = s->loops;
    s->acceptor.loop_count = s->loops_started;
    s->acceptor.connections_max = s->config.connections_max;
    return rh_hub_start(&s->hub, &s->workers, s->loops, s->loops_started) == RH_OK ? 0
                                                                                   : EXIT_FAILED;
}

static void say_hello(const struct server *s)
{
    char real[PATH_MAX];
    const char *directory = realpath(s->config.data_directory, real);

    for (size_t i = 0; i < s->config.listen_count; i++) {
        char text[RH_ADDRESS_TEXT];

        rh_listen_text(&s->config.listens[i], text);
        printf("Reelhaul listening on %s://%s\n", s->shell.door != NULL ? "https" : "http", text);
    }
    printf("Data directory: %s\n", directory != NULL ? directory : s->config.data_directory);
    fflush(stdout);
}

/* ---- stopping ---- */

static rh_ms now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (rh_ms)now.tv_sec * 1000 + (rh_ms)now.tv_nsec / 1000000;
}

static void tell_loops(struct server *s, enum rh_message_kind kind)
{
    for (unsigned i = 0; i < s->loops_started; i++)
        rh_queue_post(&s->loops[i].inbox, rh_message_new(kind));
}

static bool is_drained(struct server *s)
{
    return atomic_load(&s->hub.drained) && rh_acceptor_connections(&s->acceptor) == 0;
}

/* True when drained; false when the time is over or another signal came. */
static bool wait_drained(struct server *s, rh_ms wait_ms)
{
    rh_ms end_ms = now_ms() + wait_ms;

    while (!is_drained(s)) {
        if (now_ms() >= end_ms || rh_acceptor_signalled(&s->acceptor, DRAIN_POLL_MS))
            return false;
    }
    return true;
}

static void drain(struct server *s)
{
    struct rh_message *message = rh_message_new(RH_MESSAGE_EVENT);

    rh_serve_say(RH_LOG_INFO, "stopping: finishing what is under way");
    rh_acceptor_close(&s->acceptor);
    tell_loops(s, RH_MESSAGE_DRAIN);
    message->u.event.kind = RH_HAS_DRAIN;
    rh_queue_post(&s->hub.inbox, message);
    if (wait_drained(s, s->config.drain_ms))
        return;
    rh_serve_say(RH_LOG_WARN, "stopping: breaking off what is still under way; what came is kept");
    tell_loops(s, RH_MESSAGE_CUT);
    (void)wait_drained(s, CUT_MS_MAX);
}

/* Takes what start left, however far it came. */
static void close_all(struct server *s)
{
    for (unsigned i = 0; i < s->loops_started; i++)
        rh_loop_join(&s->loops[i]);
    if (s->workers.vault != NULL)
        rh_workers_join(&s->workers);
    rh_hub_join(&s->hub);
    for (unsigned i = 0; i < s->loops_started; i++)
        rh_loop_finish(&s->loops[i]);
    if (s->workers.vault != NULL)
        rh_workers_finish(&s->workers);
    rh_hub_finish(&s->hub);
    if (s->catalog != NULL)
        s->catalog->ops->close(s->catalog);
    if (s->store != NULL)
        s->store->ops->close(s->store);
    rh_acceptor_close(&s->acceptor);
    if (s->acceptor.signals >= 0)
        close(s->acceptor.signals);
    if (s->shell.pages >= 0)
        close(s->shell.pages);
    if (s->shell.data >= 0)
        close(s->shell.data);
    if (s->lock >= 0)
        close(s->lock);
    rh_tls_door_close(&s->door);
}

static int start(struct server *s)
{
    int status = check_doors(s);

    if (status == 0)
        status = open_door(s);
    if (status != 0)
        return status;
    if (rh_acceptor_signals(&s->acceptor) != RH_OK) {
        snprintf(s->complaint, sizeof s->complaint, "Signals cannot be waited for: %m.");
        return EXIT_FAILED;
    }
    status = open_places(s);
    if (status != 0)
        return status;
    status = open_listens(s);
    if (status != 0)
        return status;
    return start_threads(s);
}

int rh_serve_main(int argc, char *const *argv)
{
    static struct server server;
    struct server *s = &server;
    int status;

    if (rh_config_parse(&s->config, argc, argv, s->complaint) != RH_OK)
        return fail(s, EXIT_USAGE);
    if (s->config.help) {
        fputs(rh_config_help, stdout);
        return 0;
    }
    rh_serve_log_init(s->config.log_level, s->config.log_json);
    s->shell.pages = s->shell.data = s->lock = s->acceptor.signals = -1;
    status = start(s);
    if (status == 0) {
        say_hello(s);
        rh_acceptor_run(&s->acceptor);
        drain(s);
        rh_serve_say(RH_LOG_INFO, "stopped");
    } else {
        fail(s, status);
    }
    close_all(s);
    return status;
}
