/* SPDX-License-Identifier: MIT */
/* The loop of `reelhaul push`. */
#include "cli/push.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cli/intake.h"
#include "cli/queue.h"
#include "cli/token.h"
#include "cli/watch.h"

#define LOCK_POLL_MS  200
#define TICK_MS       250
#define INPUT_LEFT_MS 10000 /* after the first signal, for standard input to end */

struct push {
    struct rh_options options;
    struct rh_spool spool;
    struct rh_progress progress;
    struct rh_sender sender;
    struct rh_intake intake;
    struct rh_watch watch;
    size_t sent_before; /* uploads that a watch has sent and told of */
    bool told_other;    /* that another process sends */
    bool bad_files;
    bool cancelled; /* --cancel was told */
    unsigned signals;
    rh_ms stop_at_ms;
};

/* ---- signals ---- */

static int signal_pipe[2] = {-1, -1};
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    int why = errno;
    char byte = (char)number;
    interrupted = 1;
    (void)!write(signal_pipe[1], &byte, 1);
    errno = why;
}

static bool catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
    return true;
}

static void read_signals(struct push *p)
{
    char bytes[16];
    ssize_t got = read(signal_pipe[0], bytes, sizeof bytes);
    if (got <= 0)
        return;
    p->signals += (unsigned)got;
    if (p->stop_at_ms == RH_MS_NEVER) {
        p->stop_at_ms = rh_clock_ms() + INPUT_LEFT_MS;
        if (rh_intake_open(&p->intake))
            rh_progress_say(&p->progress, "stopping",
                            "Stopping when standard input ends; once more stops at once.");
    }
}

/* ---- beginning ---- */

static int spool_trouble(const struct push *p, enum rh_error error)
{
    const char *why = strerror(errno);
    if (p->spool.path[0] == '\0') {
        fputs("reelhaul: there is no home directory for the spool: give --spool DIR.\n", stderr);
        return RH_EXIT_SPOOL;
    }
    if (error == RH_ERR_VERSION)
        why = "a newer version of Reelhaul keeps it: use that one";
    if (error == RH_ERR_FULL)
        why = "no space is left: free some, or give --spool DIR";
    if (error == RH_ERR_LIMIT)
        why = "its path, or a name, is too long";
    fprintf(stderr, "reelhaul: the spool %s cannot be used: %s.\n", p->spool.path, why);
    return RH_EXIT_SPOOL;
}

/* Each file under way takes a descriptor or two. */
static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static enum rh_error lead(struct push *p)
{
    long pid;
    char who[40] = "";
    enum rh_error error = rh_spool_lead(&p->spool, &pid);
    if (error == RH_OK)
        return rh_sender_lead(&p->sender);
    if (error != RH_ERR_STATE)
        return error;
    if (pid > 0)
        (void)snprintf(who, sizeof who, " (process %ld)", pid);
    if (!p->told_other)
        rh_progress_say(&p->progress, "waits",
                        "Another reelhaul push%s sends from %s: waiting for it to end. Give "
                        "--spool DIR to send beside it.",
                        who, p->spool.path);
    p->told_other = true;
    return RH_OK;
}

/* ---- ends ---- */

static bool all_over(const struct push *p)
{
    const struct rh_sender *s = &p->sender;
    for (size_t i = 0; i < s->item_count; i++)
        if (!rh_item_over(s->items[i]))
            return false;
    return s->leads && !rh_intake_open(&p->intake);
}

/* Those that are over and done with are told of no more: a watch may go on for months. */
static void tidy(struct push *p)
{
    size_t completed = rh_sender_prune(&p->sender, p->intake.reading);
    p->sent_before += completed;
}

/* Nobody can answer the server's question for a token. */
static bool is_locked_out(const struct push *p)
{
    const struct rh_sender *s = &p->sender;
    if (!s->token_stale || !s->token_wanted || rh_intake_open(&p->intake))
        return false;
    for (size_t i = 0; i < s->item_count; i++)
        if (!rh_item_over(s->items[i]) && s->items[i]->snapshot.reason != RH_REASON_AUTH)
            return false;
    return true;
}

static bool must_stop(const struct push *p)
{
    if (p->signals == 0)
        return false;
    return p->signals > 1 || !rh_intake_open(&p->intake) || rh_clock_ms() >= p->stop_at_ms;
}

struct counts {
    size_t completed, unproven, failed, waiting, cancelled;
};

static struct counts count(const struct push *p)
{
    struct counts c = {.completed = p->sent_before};
    for (size_t i = 0; i < p->sender.item_count; i++) {
        const struct rh_item *item = p->sender.items[i];
        if (item->refused || item->snapshot.state == RH_UPLOAD_FAILED)
            c.failed++;
        else if (item->snapshot.state == RH_UPLOAD_COMPLETED && item->snapshot.proven)
            c.completed++;
        else if (item->snapshot.state == RH_UPLOAD_COMPLETED)
            c.unproven++;
        else if (item->snapshot.state == RH_UPLOAD_CANCELLED)
            c.cancelled++;
        else
            c.waiting++;
    }
    return c;
}

static int say_end(struct push *p, int status)
{
    struct counts c = count(p);
    char rest[200] = "";
    char unproven[24] = "";
    if (c.unproven > 0)
        (void)snprintf(unproven, sizeof unproven, ", %zu", c.unproven);
    if (c.waiting > 0)
        (void)snprintf(rest, sizeof rest,
                       " %zu left for later: `reelhaul push` without files goes on with what "
                       "waits.",
                       c.waiting);
    rh_progress_end(&p->progress);
    if (status == RH_EXIT_TOKEN)
        rh_progress_say(&p->progress, "trouble",
                        "The server wants a %stoken: give --token-file FILE, or set "
                        "REELHAUL_TOKEN.%s",
                        p->sender.token[0] == '\0' ? "" : "new ", rest);
    else if (p->sender.item_count == 0 && p->options.file_count == 0)
        rh_progress_say(&p->progress, "end", "Nothing waits in the spool %s.", p->spool.path);
    else
        rh_progress_say(&p->progress, "end", "%zu sent and proven%s%s%s.%s", c.completed, unproven,
                        c.unproven > 0 ? " sent, not proven" : "",
                        c.failed > 0 ? ", some failed" : "", rest);
    if (status == RH_EXIT_OK && c.failed > 0)
        status = RH_EXIT_FAILED;
    if (status == RH_EXIT_OK && p->bad_files)
        status = RH_EXIT_USAGE;
    if (status == RH_EXIT_OK && c.unproven > 0 && !p->options.trust_server)
        status = RH_EXIT_UNPROVEN;
    return status;
}

static int broken_down(struct push *p, enum rh_error error)
{
    rh_progress_end(&p->progress);
    if (p->sender.fatal != RH_OK)
        fprintf(stderr, "reelhaul: %s. Nothing is lost; see to %s and run `reelhaul push` again.\n",
                p->sender.why, p->spool.path);
    else
        (void)spool_trouble(p, error);
    return RH_EXIT_SPOOL;
}

/* ---- the loop ---- */

static int timeout_of(const struct push *p)
{
    rh_ms due_ms = rh_sender_due_ms(&p->sender);
    rh_ms intake_ms = rh_intake_due_ms(&p->intake);
    rh_ms watch_ms = rh_watch_due_ms(&p->watch, rh_clock_ms());
    due_ms = intake_ms < due_ms ? intake_ms : due_ms;
    due_ms = watch_ms < due_ms ? watch_ms : due_ms;
    if (!p->sender.leads && due_ms > LOCK_POLL_MS)
        due_ms = LOCK_POLL_MS;
    return (int)(due_ms < TICK_MS ? due_ms : TICK_MS);
}

static void cancel(struct push *p)
{
    struct rh_sender *s = &p->sender;
    bool found = false;
    if (p->options.cancel == NULL || p->cancelled || !s->leads)
        return;
    p->cancelled = true;
    for (size_t i = 0; i < s->item_count; i++) {
        struct rh_item *item = s->items[i];
        if (strcmp(item->entry->id, p->options.cancel) != 0)
            continue;
        found = true;
        if (item->added)
            rh_sender_tell_about(s, item, RH_EVENT_CANCEL);
        else if (rh_entry_remove_files(&p->spool, item->entry->id) == RH_OK)
            item->gone = true; /* whatever its journal says */
    }
    if (!found) {
        p->bad_files = true;
        rh_progress_say(&p->progress, "trouble", "%s: no such upload waits. See reelhaul status.",
                        p->options.cancel);
    }
}

static enum rh_error turn(struct push *p)
{
    bool watches = p->watch.inotify >= 0;
    int fds[2] = {signal_pipe[0], watches ? p->watch.inotify : STDIN_FILENO};
    unsigned ready;
    enum rh_error error = RH_OK;
    rh_transport_wait(p->sender.transport, fds,
                      watches || rh_intake_wants_input(&p->intake) ? 2 : 1, timeout_of(p), &ready);
    if ((ready & 1) != 0)
        read_signals(p);
    if (!p->sender.leads) {
        error = lead(p);
        if (error != RH_OK)
            return error;
    }
    cancel(p);
    rh_sender_step(&p->sender);
    if (p->sender.fatal == RH_OK)
        error = rh_intake_step(&p->intake, !watches && (ready & 2) != 0);
    if (p->sender.fatal == RH_OK && error == RH_OK)
        error = rh_watch_step(&p->watch, watches && (ready & 2) != 0);
    rh_progress_tick(&p->progress, p->sender.items, p->sender.item_count, rh_clock_ms());
    return p->sender.fatal != RH_OK ? p->sender.fatal : error;
}

static int loop(struct push *p)
{
    for (;;) {
        enum rh_error error = turn(p);
        if (error != RH_OK) {
            rh_sender_stop(&p->sender);
            return broken_down(p, error);
        }
        if (must_stop(p)) {
            error = rh_intake_stop(&p->intake);
            rh_sender_stop(&p->sender);
            if (error != RH_OK && error != RH_ERR_FULL)
                return broken_down(p, error);
            return say_end(p, p->options.watch && all_over(p) ? RH_EXIT_OK : RH_EXIT_WAITING);
        }
        if (p->sender.fenced) {
            rh_sender_stop(&p->sender);
            rh_progress_say(&p->progress, "trouble",
                            "Somebody else sends what is in this spool: was %s copied?",
                            p->spool.path);
            return RH_EXIT_SPOOL;
        }
        if (is_locked_out(p)) {
            rh_sender_stop(&p->sender);
            return say_end(p, RH_EXIT_TOKEN);
        }
        if (p->options.watch) {
            tidy(p);
            continue;
        }
        if (all_over(p) && rh_sender_rescan(&p->sender) == 0 && p->sender.fatal == RH_OK)
            return say_end(p, RH_EXIT_OK);
    }
}

/* ---- main ---- */

static int run(struct push *p)
{
    enum rh_error error;
    if (rh_sender_init(&p->sender, &p->spool, &p->options, &p->progress) != RH_OK ||
        rh_intake_init(&p->intake, &p->sender) != RH_OK) {
        fputs("reelhaul: there is not enough memory.\n", stderr);
        return RH_EXIT_SPOOL;
    }
    p->sender.interrupted = &interrupted;
    error = rh_token_read(p->options.token_file, p->sender.token, sizeof p->sender.token);
    if (error != RH_OK) {
        fprintf(stderr, "reelhaul: the token cannot be read%s%s: %s.\n",
                p->options.token_file == NULL ? " from REELHAUL_TOKEN" : " from ",
                p->options.token_file == NULL ? "" : p->options.token_file,
                error == RH_ERR_SYNTAX ? "it must be one word of printable ASCII"
                                       : strerror(errno));
        return RH_EXIT_TOKEN;
    }
    error = p->options.watch ? rh_watch_init(&p->watch, &p->sender, &p->intake, p->options.files[0])
                             : rh_queue_all(&p->sender, &p->intake);
    if (p->options.watch && error == RH_ERR_SYNTAX) {
        fprintf(stderr, "reelhaul watch: %s: %s.\n", p->options.files[0], strerror(errno));
        return RH_EXIT_USAGE;
    }
    p->bad_files = error == RH_ERR_SYNTAX;
    if (error != RH_OK && !p->bad_files)
        return spool_trouble(p, error);
    return loop(p);
}

static int push_or_watch(int argc, char **argv, enum rh_command command)
{
    static struct push push;
    struct push *p = &push;
    char complaint[512];
    enum rh_error error =
        rh_options_read(&p->options, argc, argv, command, complaint, sizeof complaint);
    p->watch.dir = p->watch.inotify = -1;
    if (error == RH_ERR_EXISTS) {
        fputs(command == RH_COMMAND_WATCH ? rh_watch_help : rh_push_help, stdout);
        return RH_EXIT_OK;
    }
    if (error != RH_OK) {
        fprintf(stderr, "reelhaul %s: %s\n", command == RH_COMMAND_WATCH ? "watch" : "push",
                complaint);
        return RH_EXIT_USAGE;
    }
    p->stop_at_ms = RH_MS_NEVER;
    rh_progress_init(&p->progress, p->options.json, p->options.quiet);
    raise_limit();
    if (!catch_signals()) {
        fprintf(stderr, "reelhaul push: %s\n", strerror(errno));
        return RH_EXIT_SPOOL;
    }
    error = rh_spool_open(&p->spool, p->options.spool, true);
    if (error != RH_OK)
        return spool_trouble(p, error);
    p->spool.bytes_max = p->options.spool_bytes_max;
    int status = run(p);
    rh_watch_finish(&p->watch);
    rh_intake_finish(&p->intake);
    rh_sender_finish(&p->sender);
    rh_spool_close(&p->spool);
    return status;
}

int rh_push_main(int argc, char **argv)
{
    return push_or_watch(argc, argv, RH_COMMAND_PUSH);
}

int rh_watch_main(int argc, char **argv)
{
    return push_or_watch(argc, argv, RH_COMMAND_WATCH);
}
