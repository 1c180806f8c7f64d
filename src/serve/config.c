/* SPDX-License-Identifier: MIT */
#include "serve/config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

#define KIB             ((uint64_t)1024)
#define PART_BYTES_MAX  (5 * KIB * KIB * KIB)
#define HEAD_BYTES_MAX  (256 * KIB)
#define DURATION_MS_MAX ((rh_ms)24 * 60 * 60 * 1000)
#define EXPIRE_MS_MAX   (DURATION_MS_MAX * 3660)

const char rh_config_help[] =
    "Usage: reelhaul serve [flags]\n"
    "\n"
    "Receives recordings, keeps them, and serves the recorder's pages.\n"
    "\n"
    "Where\n"
    "  --listen HOST:PORT      where to listen; may be repeated; port 0 picks a free one\n"
    "                          (127.0.0.1:8080)\n"
    "  --data DIR              where recordings and the catalog are kept (./data)\n"
    "  --web DIR               the pages (./web, or share/reelhaul/web beside the binary)\n"
    "  --prompts FILE          what participants are asked to record (prompts.json of the pages)\n"
    "\n"
    "Doors\n"
    "  --auth open|token       who may come in: everybody, or who holds a token (open)\n"
    "  --token-file FILE       the operator's token, on one line (or environment REELHAUL_TOKEN)\n"
    "  --enrol open|operator   with --auth token: who may begin a session and so gets a token\n"
    "                          for it alone (operator)\n"
    "  --tls-cert FILE         certificate, then its chain, in PEM format: speak TLS (https)\n"
    "  --tls-key FILE          its private key; SIGHUP reads both files anew\n"
    "  --behind-proxy          a proxy in front speaks TLS; with --auth token this, or\n"
    "                          --tls-cert, allows listening beyond loopback\n"
    "  --no-informational      never answer 104 while an upload is under way: for proxies that\n"
    "                          take any 1xx for the final answer, as nginx 1.22 does\n"
    "  --host NAME[:PORT]      a name by which clients call this server; may be repeated\n"
    "  --origin URL            a foreign page that may upload here; may be repeated\n"
    "\n"
    "Limits (sizes: 500000, 64KiB, 64MiB, 1GiB; times: 500ms, 30s, 2m, 1h)\n"
    "  --reserve SIZE          disk space to leave free; below it new bytes are refused with 507\n"
    "                          (2 % of the disk, at least 1GiB)\n"
    "  --max-part SIZE         body of one request (5GiB)\n"
    "  --max-upload SIZE       an upload below /files/ as a whole (16TiB)\n"
    "  --expire TIME           after which an unfinished upload that nobody was promised goes, by\n"
    "                          the server's own time of running; 0: never (168h)\n"
    "  --max-header-bytes SIZE head of one request (16KiB)\n"
    "  --max-connections N     connections at once; one more gets 503 (4096)\n"
    "  --header-timeout TIME   for a handshake, or the head of a request, to arrive whole (15s)\n"
    "  --read-timeout TIME     without a byte of progress in a body or an answer (60s)\n"
    "  --idle-timeout TIME     between two requests of a connection (75s)\n"
    "  --drain-seconds N       after SIGTERM, for requests under way to end (30)\n"
    "  --loops N               threads that serve connections (one a core, at most 8)\n"
    "\n"
    "Log, on standard error\n"
    "  --log-level LEVEL       debug, info, warn or error (info)\n"
    "  --log text|json         (text)\n"
    "\n"
    "  --help                  this text\n";

/* ---- values ---- */

struct unit {
    const char *name;
    uint64_t factor;
};

/* Splits "64MiB" into digits and unit, and multiplies. */
static enum rh_error parse_with_unit(const char *text, const struct unit *units, size_t unit_count,
                                     uint64_t *out)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t number;
    enum rh_error error;

    error = rh_bytes_parse_u64((struct rh_bytes){(const uint8_t *)text, digits}, &number);
    if (error != RH_OK)
        return error;
    for (size_t i = 0; i < unit_count; i++) {
        if (strcmp(text + digits, units[i].name) != 0)
            continue;
        if (number > UINT64_MAX / units[i].factor)
            return RH_ERR_RANGE;
        *out = number * units[i].factor;
        return RH_OK;
    }
    return RH_ERR_SYNTAX;
}

enum rh_error rh_config_size(const char *text, uint64_t *bytes)
{
    static const struct unit units[] = {
        {"", 1},
        {"B", 1},
        {"KiB", KIB},
        {"MiB", KIB * KIB},
        {"GiB", KIB * KIB * KIB},
        {"TiB", KIB * KIB * KIB * KIB},
        {"kB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", 1000000000000},
    };
    uint64_t value;
    enum rh_error error = parse_with_unit(text, units, sizeof units / sizeof *units, &value);

    if (error != RH_OK)
        return error;
    if (value > INT64_MAX)
        return RH_ERR_RANGE;
    *bytes = value;
    return RH_OK;
}

static enum rh_error parse_duration(const char *text, rh_ms most_ms, rh_ms *ms)
{
    static const struct unit units[] = {
        {"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000},
    };
    uint64_t value;
    enum rh_error error = parse_with_unit(text, units, sizeof units / sizeof *units, &value);

    if (error != RH_OK)
        return error;
    if (value > most_ms)
        return RH_ERR_RANGE;
    *ms = value;
    return RH_OK;
}

enum rh_error rh_config_duration(const char *text, rh_ms *ms)
{
    return parse_duration(text, DURATION_MS_MAX, ms);
}

/* ---- flags ---- */

/* What a flag's reader works with. */
struct reading {
    struct rh_config *config;
    const char *flag;
    const char *value;
    char *complaint;
};

static enum rh_error complain(const struct reading *r, const char *why, const char *fix)
{
    snprintf(r->complaint, RH_COMPLAINT_BYTES, "%s %s: %s. %s", r->flag, r->value, why, fix);
    return RH_ERR_SYNTAX;
}

static enum rh_error read_size(const struct reading *r, uint64_t least, uint64_t most,
                               uint64_t *out)
{
    char fix[160];
    enum rh_error error = rh_config_size(r->value, out);

    if (error == RH_ERR_SYNTAX)
        return complain(r, "not a size", "Give bytes or a unit, as in 500000, 64KiB, 64MiB, 1GiB.");
    if (error == RH_OK && *out >= least && *out <= most)
        return RH_OK;
    snprintf(fix, sizeof fix, "Give %llu to %llu bytes.", (unsigned long long)least,
             (unsigned long long)most);
    return complain(r, "out of range", fix);
}

static enum rh_error read_duration(const struct reading *r, rh_ms *out)
{
    if (rh_config_duration(r->value, out) != RH_OK || *out == 0)
        return complain(r, "not a time", "Give a time of at most a day, as in 500ms, 30s, 2m, 1h.");
    return RH_OK;
}

static enum rh_error read_number(const struct reading *r, uint64_t least, uint64_t most,
                                 uint64_t *out)
{
    char fix[80];

    if (rh_bytes_parse_u64(rh_bytes_of(r->value), out) == RH_OK && *out >= least && *out <= most)
        return RH_OK;
    snprintf(fix, sizeof fix, "Give a number from %llu to %llu.", (unsigned long long)least,
             (unsigned long long)most);
    return complain(r, "not possible", fix);
}

static enum rh_error flag_listen(const struct reading *r)
{
    struct rh_config *config = r->config;

    if (config->listen_count == RH_LISTENS_MAX)
        return complain(r, "too many addresses", "At most 8 are possible.");
    if (rh_listen_parse(&config->listens[config->listen_count], r->value) != RH_OK)
        return complain(r, "not an address",
                        "Give an IP address and a port, as in 127.0.0.1:8080 or [::1]:8080.");
    config->listen_count++;
    return RH_OK;
}

static enum rh_error flag_data(const struct reading *r)
{
    r->config->data_directory = r->value;
    return RH_OK;
}

static enum rh_error flag_web(const struct reading *r)
{
    r->config->web_directory = r->value;
    return RH_OK;
}

static enum rh_error flag_prompts(const struct reading *r)
{
    r->config->prompts_file = r->value;
    return RH_OK;
}

static enum rh_error flag_auth(const struct reading *r)
{
    r->config->auth_said = true;
    if (strcmp(r->value, "open") == 0)
        r->config->auth = RH_AUTH_OPEN;
    else if (strcmp(r->value, "token") == 0)
        r->config->auth = RH_AUTH_TOKEN;
    else
        return complain(r, "not known", "Give open or token.");
    return RH_OK;
}

static enum rh_error flag_token_file(const struct reading *r)
{
    r->config->token_file = r->value;
    return RH_OK;
}

static enum rh_error flag_tls_cert(const struct reading *r)
{
    r->config->tls_certificate_file = r->value;
    return RH_OK;
}

static enum rh_error flag_tls_key(const struct reading *r)
{
    r->config->tls_key_file = r->value;
    return RH_OK;
}

static enum rh_error flag_enrol(const struct reading *r)
{
    r->config->enrol_open = strcmp(r->value, "open") == 0;
    if (!r->config->enrol_open && strcmp(r->value, "operator") != 0)
        return complain(r, "not known", "Give open or operator.");
    return RH_OK;
}

static bool is_host_text(const char *text)
{
    size_t size = strlen(text);

    return size > 0 && size < 256 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") ==
               size;
}

static enum rh_error flag_host(const struct reading *r)
{
    struct rh_config *config = r->config;

    if (config->host_count == RH_HOSTS_MAX)
        return complain(r, "too many names", "At most 64 are possible.");
    if (!is_host_text(r->value))
        return complain(r, "not a host name",
                        "Give a name without scheme or path, as in "
                        "rec.example.org or rec.example.org:8443.");
    config->hosts[config->host_count++] = r->value;
    return RH_OK;
}

static enum rh_error flag_origin(const struct reading *r)
{
    struct rh_config *config = r->config;
    const char *host = strstr(r->value, "://");

    if (config->origin_count == RH_ORIGINS_MAX)
        return complain(r, "too many origins", "At most 32 are possible.");
    if (host == NULL || !is_host_text(host + 3) ||
        (strncmp(r->value, "https://", 8) != 0 && strncmp(r->value, "http://", 7) != 0))
        return complain(r, "not an origin",
                        "Give scheme and host without a path, as in https://app.example.org.");
    config->origins[config->origin_count++] = r->value;
    return RH_OK;
}

static enum rh_error flag_reserve(const struct reading *r)
{
    /* 0 would mean the default to the vault; 1 byte is what an operator who says 0 wants. */
    enum rh_error error = read_size(r, 0, INT64_MAX, &r->config->reserve_bytes);

    if (error == RH_OK && r->config->reserve_bytes == 0)
        r->config->reserve_bytes = 1;
    return error;
}

static enum rh_error flag_max_part(const struct reading *r)
{
    return read_size(r, 64 * KIB, INT64_MAX, &r->config->part_bytes_max);
}

static enum rh_error flag_max_upload(const struct reading *r)
{
    return read_size(r, 1, (uint64_t)1 << 44, &r->config->upload_bytes_max);
}

static enum rh_error flag_expire(const struct reading *r)
{
    rh_ms ms = 0;

    if (parse_duration(r->value, EXPIRE_MS_MAX, &ms) != RH_OK || ms % 1000 != 0)
        return complain(r, "not a time", "Give whole seconds, minutes or hours, as in 30m, 168h.");
    r->config->expire_s = ms / 1000;
    return RH_OK;
}

static enum rh_error flag_max_header(const struct reading *r)
{
    uint64_t bytes = 0;
    enum rh_error error = read_size(r, KIB, HEAD_BYTES_MAX, &bytes);

    r->config->head_bytes_max = (size_t)bytes;
    return error;
}

static enum rh_error flag_max_connections(const struct reading *r)
{
    uint64_t count = 0;
    enum rh_error error = read_number(r, 1, 1000000, &count);

    r->config->connections_max = (size_t)count;
    return error;
}

static enum rh_error flag_loops(const struct reading *r)
{
    uint64_t count = 0;
    enum rh_error error = read_number(r, 1, RH_LOOPS_MAX, &count);

    r->config->loop_count = (unsigned)count;
    return error;
}

static enum rh_error flag_header_timeout(const struct reading *r)
{
    return read_duration(r, &r->config->head_timeout_ms);
}

static enum rh_error flag_read_timeout(const struct reading *r)
{
    return read_duration(r, &r->config->read_timeout_ms);
}

static enum rh_error flag_idle_timeout(const struct reading *r)
{
    return read_duration(r, &r->config->idle_timeout_ms);
}

static enum rh_error flag_drain(const struct reading *r)
{
    uint64_t seconds = 0;
    enum rh_error error = read_number(r, 0, 3600, &seconds);

    r->config->drain_ms = seconds * 1000;
    return error;
}

static enum rh_error flag_log_level(const struct reading *r)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(r->value, names[i]) == 0) {
            r->config->log_level = (enum rh_log_level)i;
            return RH_OK;
        }
    }
    return complain(r, "not a level", "Give debug, info, warn or error.");
}

static enum rh_error flag_log(const struct reading *r)
{
    r->config->log_json = strcmp(r->value, "json") == 0;
    if (!r->config->log_json && strcmp(r->value, "text") != 0)
        return complain(r, "not a format", "Give text or json.");
    return RH_OK;
}

static const struct flag {
    const char *name;
    enum rh_error (*read)(const struct reading *);
} flags[] = {
    {"--listen", flag_listen},
    {"--data", flag_data},
    {"--web", flag_web},
    {"--prompts", flag_prompts},
    {"--auth", flag_auth},
    {"--token-file", flag_token_file},
    {"--tls-cert", flag_tls_cert},
    {"--tls-key", flag_tls_key},
    {"--enrol", flag_enrol},
    {"--host", flag_host},
    {"--origin", flag_origin},
    {"--reserve", flag_reserve},
    {"--max-part", flag_max_part},
    {"--max-upload", flag_max_upload},
    {"--expire", flag_expire},
    {"--max-header-bytes", flag_max_header},
    {"--max-connections", flag_max_connections},
    {"--loops", flag_loops},
    {"--header-timeout", flag_header_timeout},
    {"--read-timeout", flag_read_timeout},
    {"--idle-timeout", flag_idle_timeout},
    {"--drain-seconds", flag_drain},
    {"--log-level", flag_log_level},
    {"--log", flag_log},
};

static void set_defaults(struct rh_config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    memset(config, 0, sizeof *config);
    config->data_directory = "data";
    config->auth = RH_AUTH_OPEN;
    config->part_bytes_max = PART_BYTES_MAX;
    config->upload_bytes_max = (uint64_t)1 << 44; /* the largest file of ext4 */
    config->expire_s = (uint64_t)7 * 24 * 3600;
    config->head_bytes_max = 16 * KIB;
    config->connections_max = 4096;
    config->loop_count = cores < 1 ? 1 : cores > RH_LOOPS_MAX ? RH_LOOPS_MAX : (unsigned)cores;
    config->log_level = RH_LOG_INFO;
    config->head_timeout_ms = 15000;
    config->read_timeout_ms = 60000;
    config->idle_timeout_ms = 75000;
    config->drain_ms = 30000;
}

/* "--flag value" and "--flag=value". Advances *at past what was used. */
static enum rh_error read_flag(struct rh_config *config, int argc, char *const *argv, int *at,
                               char *complaint)
{
    const char *word = argv[(*at)++];
    const char *equals = strchr(word, '=');
    size_t name_size = equals != NULL ? (size_t)(equals - word) : strlen(word);

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct reading r = {.config = config, .flag = flags[i].name, .complaint = complaint};

        if (strlen(flags[i].name) != name_size || memcmp(flags[i].name, word, name_size) != 0)
            continue;
        if (equals != NULL)
            r.value = equals + 1;
        else if (*at < argc)
            r.value = argv[(*at)++];
        if (r.value == NULL || r.value[0] == '\0') {
            r.value = "";
            return complain(&r, "the value is missing", "See reelhaul serve --help.");
        }
        return flags[i].read(&r);
    }
    snprintf(complaint, RH_COMPLAINT_BYTES,
             "%.100s is not a flag of serve. See reelhaul serve "
             "--help.",
             word);
    return RH_ERR_SYNTAX;
}

enum rh_error rh_config_parse(struct rh_config *config, int argc, char *const *argv,
                              char complaint[static RH_COMPLAINT_BYTES])
{
    int at = 0;

    set_defaults(config);
    while (at < argc) {
        enum rh_error error;

        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            config->help = true;
            return RH_OK;
        }
        bool *flag = strcmp(argv[at], "--behind-proxy") == 0       ? &config->behind_proxy
                     : strcmp(argv[at], "--no-informational") == 0 ? &config->no_informational
                                                                   : NULL;
        if (flag != NULL) {
            *flag = true;
            at++;
            continue;
        }
        error = read_flag(config, argc, argv, &at, complaint);
        if (error != RH_OK)
            return error;
    }
    if ((config->tls_certificate_file == NULL) != (config->tls_key_file == NULL)) {
        snprintf(complaint, RH_COMPLAINT_BYTES,
                 "%s is missing: TLS needs a certificate and its key. Give --tls-cert FILE and "
                 "--tls-key FILE, or neither.",
                 config->tls_key_file == NULL ? "--tls-key" : "--tls-cert");
        return RH_ERR_SYNTAX;
    }
    if (config->listen_count == 0) {
        enum rh_error error = rh_listen_parse(&config->listens[0], "127.0.0.1:8080");

        config->listen_count = 1;
        return error;
    }
    return RH_OK;
}

enum rh_error rh_config_check_doors(const struct rh_config *config,
                                    char complaint[static RH_COMPLAINT_BYTES])
{
    if (config->auth == RH_AUTH_OPEN && config->auth_said)
        return RH_OK;
    if (config->auth == RH_AUTH_TOKEN &&
        (config->behind_proxy || config->tls_certificate_file != NULL))
        return RH_OK;
    for (size_t i = 0; i < config->listen_count; i++) {
        char text[RH_ADDRESS_TEXT];

        if (rh_listen_is_loopback(&config->listens[i]))
            continue;
        rh_listen_text(&config->listens[i], text);
        snprintf(complaint, RH_COMPLAINT_BYTES,
                 "Refusing to listen on %s, which others can reach: recordings and tokens would "
                 "%s. Say --auth token --tls-cert FILE --tls-key FILE, or put a proxy that speaks "
                 "TLS in front and say --auth token --behind-proxy, or listen on 127.0.0.1, or, on "
                 "a network where everybody may record and read everything, say --auth open.",
                 text,
                 config->tls_certificate_file == NULL ? "cross the network unprotected"
                                                      : "be open to everybody");
        return RH_ERR_DENIED;
    }
    return RH_OK;
}
