/* SPDX-License-Identifier: MIT */
#ifndef SERVE_CONFIG_H
#define SERVE_CONFIG_H
/*
 * The flags of `reelhaul serve`: read, checked, and completed with defaults. Every complaint says
 * what to do about it.
 */
#include "api/api.h"
#include "base/log.h"
#include "serve/listen.h"

#define RH_LISTENS_MAX     8
#define RH_HOSTS_MAX       64
#define RH_ORIGINS_MAX     32
#define RH_LOOPS_MAX       8
#define RH_COMPLAINT_BYTES 512

struct rh_config {
    struct rh_listen listens[RH_LISTENS_MAX];
    size_t listen_count;
    const char *data_directory;
    const char *web_directory; /* NULL: not said */
    const char *prompts_file;  /* NULL: the one of the web directory */
    enum rh_auth_mode auth;
    bool auth_said; /* --auth was given, which is what opens doors beyond loopback */
    const char *token_file;
    bool enrol_open; /* RH_AUTH_TOKEN: anybody may begin a session */
    bool behind_proxy;
    bool no_informational;            /* no 104 */
    const char *tls_certificate_file; /* both, or both NULL: no TLS */
    const char *tls_key_file;
    const char *hosts[RH_HOSTS_MAX]; /* as said */
    size_t host_count;
    const char *origins[RH_ORIGINS_MAX + 1]; /* NULL-ended */
    size_t origin_count;
    uint64_t reserve_bytes; /* 0: max(1 GiB, 2 %) */
    uint64_t part_bytes_max;
    uint64_t upload_bytes_max;
    uint64_t expire_s; /* of the server's life; 0: never */
    size_t head_bytes_max;
    size_t connections_max;
    unsigned loop_count;
    enum rh_log_level log_level;
    bool log_json;
    rh_ms head_timeout_ms; /* from the first byte of a request to the end of its head; handshakes */
    rh_ms read_timeout_ms; /* without a byte of a body, or a byte of an answer taken */
    rh_ms idle_timeout_ms; /* between requests */
    rh_ms drain_ms;
    bool help; /* --help: nothing else counts */
};

/*
 * Reads the arguments after "serve". Strings of argv are kept by pointer. RH_ERR_SYNTAX:
 * `complaint` says what is wrong and how to put it right.
 */
enum rh_error rh_config_parse(struct rh_config *config, int argc, char *const *argv,
                              char complaint[static RH_COMPLAINT_BYTES]);

/*
 * Whether these addresses may be listened on (design, Doors): beyond loopback only with tokens and
 * TLS (ours, or a proxy's in front), or when an operator says --auth open. RH_ERR_DENIED with a
 * complaint.
 */
enum rh_error rh_config_check_doors(const struct rh_config *config,
                                    char complaint[static RH_COMPLAINT_BYTES]);

/*
 * Reads the shared token of --token-file or of the environment (`environment`, may be NULL) and
 * hashes it. RH_ERR_UNKNOWN, RH_ERR_SYNTAX, RH_ERR_IO with a complaint that never quotes it.
 */
enum rh_error rh_config_token(const struct rh_config *config, const char *environment,
                              uint8_t hash[static 32], char complaint[static RH_COMPLAINT_BYTES]);

/* "64MiB", "1.5GiB" is not allowed, "5000000" is: bytes. RH_ERR_SYNTAX, RH_ERR_RANGE. */
enum rh_error rh_config_size(const char *text, uint64_t *bytes);
/* "30", "30s", "500ms", "2m", "1h". RH_ERR_SYNTAX, RH_ERR_RANGE (over a day). */
enum rh_error rh_config_duration(const char *text, rh_ms *ms);

extern const char rh_config_help[];

#endif
