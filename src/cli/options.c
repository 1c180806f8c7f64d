/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/id.h"
#include "reelhaul/wire.h"

#define DEFAULT_TO      "http://127.0.0.1:8080"
#define PARALLEL_MAX    32
#define FLIGHT_BYTES    (128u << 20)
#define SPOOL_BYTES_MIN ((uint64_t)1 << 20)

const char rh_push_help[] =
    "Usage: reelhaul push [flags] FILE… | -\n"
    "       reelhaul push [flags]\n"
    "\n"
    "Sends files, or standard input (-) while it still grows, and ends when the server has "
    "vouched\n"
    "for all of it. What is queued survives a kill, a crash and a reboot: `reelhaul push` without\n"
    "files goes on with what waits, from the last byte that the server has.\n"
    "\n"
    "Files stay where they are and must not change until they are sent. Standard input is kept in\n"
    "the spool until the server has all of it, so that nothing is lost while the server is away:\n"
    "  ffmpeg … -f webm - | reelhaul push --to https://rec.example.org --name lecture -\n"
    "\n"
    "  --to URL             the server (environment REELHAUL_URL, or http://127.0.0.1:8080); of\n"
    "                       others the place where uploads are made, as in "
    "https://tus.example/files/\n"
    "  --protocol NAME      auto asks the server (the default); videos (Reelhaul's own), tus,\n"
    "                       resumable (the IETF's draft, version 8; resumable6: version 6), "
    "chunks\n"
    "                       (PUT with Content-Range: Google Cloud Storage, Mux)\n"
    "  --trust-server       let go of standard input when a server that cannot prove what it has\n"
    "                       (that is any but Reelhaul) says that it has all of it\n"
    "  --cacert FILE        the authorities to trust for https (environment REELHAUL_CACERT, or "
    "the\n"
    "                       system's)\n"
    "  --session ID         the session that the uploads belong to; `new` makes one\n"
    "  --name NAME          the name on the server (the file's name without its ending)\n"
    "  --type MIME          the type (by the file's ending, or application/octet-stream)\n"
    "  --token-file FILE    the token, on one line (or environment REELHAUL_TOKEN); read again\n"
    "                       when the server refuses it\n"
    "  --parallel N         requests at a time (4)\n"
    "  --limit RATE         bytes a second at most: 500k, 2M, 2MiB\n"
    "  --cancel ID          give the upload up: its bytes go from the spool and from the server\n"
    "\n"
    "  --spool DIR          where uploads wait ($XDG_STATE_HOME/reelhaul)\n"
    "  --spool-max SIZE     room for standard input there; it is made to wait beyond (the disk)\n"
    "  --policy NAME        never-give-up, sequential, live, patient … (never-give-up)\n"
    "  --set FIELD=NUMBER   a field of the policy, as in --set parts_parallel=4; may be repeated\n"
    "\n"
    "  --json               one JSON object a line instead of text\n"
    "  --quiet              only failures\n"
    "  --help               this text\n"
    "\n"
    "Ctrl-C, or SIGTERM, ends it: standard input is read to its end (for ten seconds at most; at\n"
    "once with a second signal), and what was not sent waits for the next `reelhaul push`.\n"
    "\n"
    "Exit status: 0 all is sent and proven; 1 some uploads failed; 2 the command line makes no\n"
    "sense, or a file cannot be read; 3 stopped by a signal, the rest waits; 4 the server wants a\n"
    "(new) token, the rest waits; 5 the spool cannot be used; 6 all is sent, but not all is "
    "proven:\n"
    "the server cannot say what it has in a way that could be compared with what was sent.\n";

const char rh_watch_help[] =
    "Usage: reelhaul watch [flags] DIR\n"
    "\n"
    "Sends what is in the folder and what appears in it, in the order of its times: each file when "
    "it\n"
    "has not changed for a second and nobody has it open for writing. Goes on until it is stopped; "
    "what\n"
    "was sent is not sent again after a restart, unless it changed. Hidden files, folders, links, "
    "and\n"
    "names that end in .part, .tmp, .temp, .partial, .crdownload or ~ are passed over.\n"
    "\n"
    "  --remove             delete each file when the server has proven that it holds all of it; "
    "what\n"
    "                       a server only claims to have stays, with --trust-server too\n"
    "\n"
    "All flags of `reelhaul push` but --name and --cancel; see there, and for the exit status.\n"
    "Ctrl-C, or SIGTERM, ends it: 0 if nothing waits, else 3.\n";

const char rh_status_help[] =
    "Usage: reelhaul status [--spool DIR] [--json]\n"
    "\n"
    "Lists the uploads that wait in the spool, or failed.\n"
    "\n"
    "  --spool DIR          where uploads wait ($XDG_STATE_HOME/reelhaul)\n"
    "  --json               one JSON object a line\n"
    "  --help               this text\n";

/* ---- values ---- */

struct reading {
    struct rh_options *options;
    const char *flag;
    const char *value;
    const char *policy;
    uint64_t parallel; /* 0: not said */
    const char *sets[RH_SETS_MAX];
    int set_count;
    char *complaint;
    size_t complaint_size;
};

static bool complain(struct reading *r, const char *what)
{
    (void)snprintf(r->complaint, r->complaint_size, "%s %s: %s", r->flag,
                   r->value == NULL ? "" : r->value, what);
    return false;
}

/* "500k", "2MiB", "2M", "123". */
static bool read_size(struct reading *r, uint64_t *out)
{
    static const char letters[] = "kMGT";
    size_t digits = strspn(r->value, "0123456789");
    const char *unit = r->value + digits;
    uint64_t number;
    uint64_t factor = 1;
    struct rh_bytes text = {(const uint8_t *)r->value, digits};
    bool fine = rh_bytes_parse_u64(text, &number) == RH_OK;
    if (fine && *unit != '\0' && *unit != 'B') {
        const char *letter = *unit == 'K' ? letters : strchr(letters, *unit);
        fine = letter != NULL;
        bool binary = fine && unit[1] == 'i';
        for (long i = 0; fine && i <= letter - letters; i++)
            factor *= binary ? 1024 : 1000;
        unit += binary ? 2 : 1;
    }
    if (*unit == 'B')
        unit++;
    if (!fine || *unit != '\0' || number == 0 || number > UINT64_MAX / 2 / factor)
        return complain(r, "not a size. Give bytes or a unit, as in 500k, 2M, 64MiB, 1GiB.");
    *out = number * factor;
    return true;
}

static bool read_to(struct reading *r)
{
    const char *host = strstr(r->value, "://");
    bool http = strncmp(r->value, "http://", 7) == 0 || strncmp(r->value, "https://", 8) == 0;
    size_t origin = host == NULL ? 0 : (size_t)(host - r->value) + 3 + strcspn(host + 3, "/?");
    if (host == NULL || !http || host[3] == '\0' || host[3] == '/' ||
        strpbrk(r->value, " \t\r\n#") != NULL || memchr(r->value, '@', origin) != NULL ||
        r->value[origin] == '?')
        return complain(r, "not an address. Give http:// or https://, a host, and no user name, as "
                           "in https://rec.example.org.");
    if (strlen(r->value) > 2000)
        return complain(r, "too long.");
    r->options->to = r->value;
    return true;
}

static bool read_session(struct reading *r)
{
    if (strcmp(r->value, "new") != 0 && rh_uuid_check(rh_bytes_of(r->value)) != RH_OK)
        return complain(r, "not a session. Give its id, or `new` to make one.");
    r->options->session = r->value;
    return true;
}

static bool read_name(struct reading *r)
{
    if (rh_name_check(rh_bytes_of(r->value)) != RH_OK)
        return complain(r, "not a name. Give 1 to 128 of letters, digits, '.', '_' and '-', not "
                           "beginning with '.' or '-'.");
    r->options->name = r->value;
    return true;
}

static bool read_mime(struct reading *r)
{
    const char *slash = strchr(r->value, '/');
    if (slash == NULL || slash == r->value || slash[1] == '\0' || strlen(r->value) > 100)
        return complain(r, "not a type. Give one as in video/webm.");
    r->options->mime = r->value;
    return true;
}

static bool read_set(struct reading *r)
{
    if (r->set_count == RH_SETS_MAX)
        return complain(r, "too many of them.");
    r->sets[r->set_count++] = r->value;
    return true;
}

static bool read_protocol(struct reading *r)
{
    const struct rh_wire_dialect *dialect = rh_wire_find(rh_bytes_of(r->value));
    if (strcmp(r->value, "auto") != 0 && (dialect == NULL || dialect == &rh_wire_form))
        return complain(r, "no such protocol. Give auto, videos, tus, resumable, resumable6 or "
                           "chunks.");
    r->options->protocol = r->value;
    return true;
}

static bool read_parallel(struct reading *r)
{
    bool fine = rh_bytes_parse_u64(rh_bytes_of(r->value), &r->parallel) == RH_OK;
    return (fine && r->parallel >= 1 && r->parallel <= PARALLEL_MAX) ||
           complain(r, "give a number from 1 to 32.");
}

static bool read_text(struct reading *r)
{
    struct rh_options *o = r->options;
    if (r->value[0] == '\0')
        return complain(r, "is empty.");
    if (strcmp(r->flag, "--spool") == 0)
        o->spool = r->value;
    else if (strcmp(r->flag, "--token-file") == 0)
        o->token_file = r->value;
    else if (strcmp(r->flag, "--cacert") == 0)
        o->cacert = r->value;
    else if (strcmp(r->flag, "--cancel") == 0)
        o->cancel = r->value;
    else
        r->policy = r->value;
    return true;
}

static bool read_limit(struct reading *r)
{
    return read_size(r, &r->options->limit_bytes_s);
}

static bool read_spool_max(struct reading *r)
{
    if (!read_size(r, &r->options->spool_bytes_max))
        return false;
    return r->options->spool_bytes_max >= SPOOL_BYTES_MIN || complain(r, "give at least 1MiB.");
}

static bool set_json(struct reading *r)
{
    r->options->json = true;
    return true;
}

static bool set_trust(struct reading *r)
{
    r->options->trust_server = true;
    return true;
}

static bool set_remove(struct reading *r)
{
    r->options->remove = true;
    return true;
}

static bool set_quiet(struct reading *r)
{
    r->options->quiet = true;
    return true;
}

/* ---- flags ---- */

static const struct flag {
    const char *name;
    bool (*read)(struct reading *);
    bool takes_value;
    bool of_status;
    bool of_watch_only;
} flags[] = {
    {"--remove", set_remove, false, false, true},
    {"--to", read_to, true, false, false},
    {"--spool", read_text, true, true, false},
    {"--session", read_session, true, false, false},
    {"--name", read_name, true, false, false},
    {"--type", read_mime, true, false, false},
    {"--token-file", read_text, true, false, false},
    {"--protocol", read_protocol, true, false, false},
    {"--trust-server", set_trust, false, false, false},
    {"--cacert", read_text, true, false, false},
    {"--parallel", read_parallel, true, false, false},
    {"--cancel", read_text, true, false, false},
    {"--limit", read_limit, true, false, false},
    {"--spool-max", read_spool_max, true, false, false},
    {"--policy", read_text, true, false, false},
    {"--set", read_set, true, false, false},
    {"--json", set_json, false, true, false},
    {"--quiet", set_quiet, false, false, false},
};

static const struct flag *find_flag(const char *name, size_t size, enum rh_command command)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (strlen(flags[i].name) == size && strncmp(flags[i].name, name, size) == 0 &&
            (flags[i].of_status || command != RH_COMMAND_STATUS) &&
            (!flags[i].of_watch_only || command == RH_COMMAND_WATCH))
            return &flags[i];
    return NULL;
}

/* One flag, at argv[*at]; moves on. */
static bool read_flag(struct reading *r, char **argv, int argc, int *at, enum rh_command command)
{
    char *text = argv[*at];
    char *equals = strchr(text, '=');
    size_t size = equals == NULL ? strlen(text) : (size_t)(equals - text);
    const struct flag *flag = find_flag(text, size, command);
    r->flag = text;
    r->value = NULL;
    if (flag == NULL)
        return complain(r, "no such flag. See --help.");
    r->flag = flag->name;
    if (!flag->takes_value && equals != NULL)
        return complain(r, "takes no value.");
    if (flag->takes_value) {
        r->value = equals != NULL ? equals + 1 : *at + 1 < argc ? argv[++*at] : NULL;
        if (r->value == NULL)
            return complain(r, "needs a value.");
    }
    return flag->read(r);
}

static bool apply_sets(struct reading *r)
{
    for (int i = 0; i < r->set_count; i++) {
        const char *equals = strchr(r->sets[i], '=');
        uint64_t value;
        r->flag = "--set";
        r->value = r->sets[i];
        if (equals == NULL || rh_bytes_parse_u64(rh_bytes_of(equals + 1), &value) != RH_OK ||
            value > UINT32_MAX)
            return complain(r, "give FIELD=NUMBER, as in parts_parallel=4.");
        struct rh_bytes field = {(const uint8_t *)r->sets[i], (size_t)(equals - r->sets[i])};
        enum rh_error error = rh_policy_set(&r->options->policy, field, (uint32_t)value);
        if (error == RH_ERR_UNKNOWN)
            return complain(r, "the policy has no such field.");
        if (error != RH_OK)
            return complain(r, "that field cannot have this number.");
    }
    return true;
}

static bool make_policy(struct reading *r)
{
    struct rh_options *o = r->options;
    const struct rh_policy *policy = rh_policy_find(rh_bytes_of(r->policy));
    r->flag = "--policy";
    r->value = r->policy;
    if (policy == NULL)
        return complain(r, "there is no such policy.");
    o->policy = *policy;
    /* Bodies are streamed from the disk: it is not memory that bounds what is on its way. */
    if (o->policy.flight_bytes_max > 0 && o->policy.flight_bytes_max < FLIGHT_BYTES)
        o->policy.flight_bytes_max = FLIGHT_BYTES;
    if (r->parallel > 0)
        o->policy.uploads_parallel = o->policy.parts_parallel = o->policy.parts_parallel_all =
            (uint32_t)r->parallel;
    /* By what an upload goes is known of each, from its journal, and told as its traits. */
    return apply_sets(r);
}

static bool check_together(struct reading *r)
{
    struct rh_options *o = r->options;
    int inputs = 0;
    for (int i = 0; i < o->file_count; i++)
        inputs += strcmp(o->files[i], "-") == 0;
    r->flag = "--name";
    r->value = o->name;
    if (o->name != NULL && o->file_count != 1)
        return complain(r, "names one file. Give exactly one.");
    r->flag = "watch";
    r->value = NULL;
    if (o->watch && (o->file_count != 1 || inputs > 0 || o->name != NULL || o->cancel != NULL))
        return complain(r, "watches one folder; --name and --cancel are for push.");
    r->flag = "-";
    r->value = NULL;
    if (inputs > 1)
        return complain(r, "standard input can be sent once.");
    r->flag = "--to";
    r->value = o->to;
    if (strchr(o->to, '?') != NULL && strcmp(o->protocol, "chunks") != 0)
        return complain(r, "has a query. Only --protocol chunks takes one.");
    r->flag = "--cancel";
    r->value = o->cancel;
    if (o->cancel != NULL && o->file_count > 0)
        return complain(r, "cannot be given together with files.");
    return true;
}

enum rh_error rh_options_read(struct rh_options *options, int argc, char **argv,
                              enum rh_command command, char *complaint, size_t complaint_size)
{
    struct reading r = {.options = options,
                        .complaint = complaint,
                        .complaint_size = complaint_size,
                        .policy = "never-give-up"};
    int at = 0;
    bool status = command == RH_COMMAND_STATUS;
    *options = (struct rh_options){.protocol = "auto", .watch = command == RH_COMMAND_WATCH};
    const char *cacert = getenv("REELHAUL_CACERT");
    if (cacert != NULL && cacert[0] != '\0')
        options->cacert = cacert;
    const char *environment = getenv("REELHAUL_URL");
    r.flag = "REELHAUL_URL";
    r.value = environment;
    if (!status && environment != NULL && environment[0] != '\0' && !read_to(&r))
        return RH_ERR_SYNTAX;
    if (options->to == NULL)
        options->to = DEFAULT_TO;
    bool only_files = false;
    options->files = argv; /* flags and files may be mixed: the files move to the front */
    for (; at < argc; at++) {
        bool file = only_files || argv[at][0] != '-' || argv[at][1] == '\0';
        if (file)
            argv[options->file_count++] = argv[at];
        else if (strcmp(argv[at], "--") == 0)
            only_files = true;
        else if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0)
            return RH_ERR_EXISTS;
        else if (!read_flag(&r, argv, argc, &at, command))
            return RH_ERR_SYNTAX;
    }
    r.flag = "status";
    r.value = NULL;
    if (status && options->file_count > 0 && !complain(&r, "takes no file. See --help."))
        return RH_ERR_SYNTAX;
    return make_policy(&r) && check_together(&r) ? RH_OK : RH_ERR_SYNTAX;
}
