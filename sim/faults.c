/* SPDX-License-Identifier: MIT */
/* All faults in one table: their names and groups; lists of them as text. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum {
    LOSS,
    REPEAT,
    DELAY,
    DAMAGE,
    NETWORK,
    SPACE,
    DISK,
    ROT,
    SERVER,
    CLIENT,
    TABS,
    CLOCK,
    USER,
    AWAY,
    CUTS
};

const char *const sim_groups[SIM_GROUPS] = {
    "loss",    /* requests and answers are lost, cut, stalled */
    "repeat",  /* what was said is said again */
    "delay",   /* late requests and answers */
    "damage",  /* bytes change, are missing or too many */
    "network", /* partitions, storms, portals */
    "space",   /* full disks, pressure */
    "disk",    /* failing and slow disk and catalog */
    "rot",     /* bytes at rest change */
    "server",  /* the receiver dies, or gets another catalog */
    "client",  /* a sender dies */
    "tabs",    /* two tabs fight */
    "clock",   /* clocks jump, processes pause */
    "user",    /* pause, resume, cancel, retry, limits */
    "away",    /* days without the other side */
    "cuts",    /* every connection is cut after a while, for ever */
};

struct fault {
    const char *name;
    uint8_t group;
};

static const struct fault faults[SIM_FAULTS] = {
    [SIM_DROP] = {"drop", LOSS},
    [SIM_CUT] = {"cut", LOSS},
    [SIM_STALL] = {"stall", LOSS},
    [SIM_HALF_CLOSE] = {"half-close", LOSS},
    [SIM_NO_REPLY] = {"no-reply", LOSS},
    [SIM_CUT_REPLY] = {"cut-reply", LOSS},
    [SIM_DUPLICATE] = {"duplicate", REPEAT},
    [SIM_TWIN] = {"twin", REPEAT},
    [SIM_REPLAY] = {"replay", REPEAT},
    [SIM_STALE_REPLY] = {"stale-reply", REPEAT},
    [SIM_SLOW] = {"slow", DELAY},
    [SIM_LATE_REPLY] = {"late-reply", DELAY},
    [SIM_FLIP_REQUEST] = {"flip-request", DAMAGE},
    [SIM_FLIP_REPLY] = {"flip-reply", DAMAGE},
    [SIM_TRUNCATE_REQUEST] = {"truncate-request", DAMAGE},
    [SIM_PAD_REQUEST] = {"pad-request", DAMAGE},
    [SIM_TRUNCATE_REPLY] = {"truncate-reply", DAMAGE},
    [SIM_PAD_REPLY] = {"pad-reply", DAMAGE},
    [SIM_NETWORK_DOWN] = {"network-down", NETWORK},
    [SIM_STORM] = {"storm", NETWORK},
    [SIM_TOO_MANY] = {"too-many", NETWORK},
    [SIM_PORTAL] = {"portal", NETWORK},
    [SIM_REDIRECT] = {"redirect", NETWORK},
    [SIM_LOGIN] = {"login", NETWORK},
    [SIM_DISK_FULL] = {"disk-full", SPACE},
    [SIM_WRITE_FULL] = {"write-full", SPACE},
    [SIM_WRITE_FAILS] = {"write-fails", DISK},
    [SIM_SYNC_FAILS] = {"sync-fails", DISK},
    [SIM_OPEN_FAILS] = {"open-fails", DISK},
    [SIM_READ_FAILS] = {"read-fails", DISK},
    [SIM_DISK_SLOW] = {"disk-slow", DISK},
    [SIM_CATALOG_SLOW] = {"catalog-slow", DISK},
    [SIM_METERED] = {"metered", NETWORK},
    [SIM_PRESSURE] = {"pressure", SPACE},
    [SIM_SPOOL_FULL] = {"spool-full", SPACE},
    [SIM_RECEIVER_CRASH] = {"receiver-crash", SERVER},
    [SIM_RECEIVER_KILL] = {"receiver-kill", SERVER},
    [SIM_RECEIVER_STEP] = {"receiver-step", SERVER},
    [SIM_COMMIT_FAILS] = {"commit-fails", SERVER},
    [SIM_RECEIVER_DRAIN] = {"receiver-drain", SERVER},
    [SIM_RECEIVER_PAUSE] = {"receiver-pause", CLOCK},
    [SIM_RECEIVER_DAYS] = {"receiver-days", AWAY},
    [SIM_CATALOG_RESTORE] = {"catalog-restore", SERVER},
    [SIM_BIT_ROT] = {"bit-rot", ROT},
    [SIM_MISDIRECTED] = {"misdirected", ROT},
    [SIM_SENDER_CRASH] = {"sender-crash", CLIENT},
    [SIM_SENDER_STEP] = {"sender-step", CLIENT},
    [SIM_SENDER_PAUSE] = {"sender-pause", CLOCK},
    [SIM_SENDER_DAYS] = {"sender-days", AWAY},
    [SIM_BOTH_CRASH] = {"both-crash", SERVER},
    [SIM_TAB_FIGHT] = {"tab-fight", TABS},
    [SIM_WALL_JUMP] = {"wall-jump", CLOCK},
    [SIM_USER_PAUSE] = {"user-pause", USER},
    [SIM_USER_RETRY] = {"user-retry", USER},
    [SIM_USER_CANCEL] = {"user-cancel", USER},
    [SIM_USER_LIMIT] = {"user-limit", USER},
    [SIM_USER_SHARE] = {"user-share", USER},
    [SIM_USER_PRIORITY] = {"user-priority", USER},
    [SIM_USER_METHOD] = {"user-method", USER},
    [SIM_USER_HOLD] = {"user-hold", USER},
    [SIM_SPOOL_ROT] = {"spool-rot", ROT},
    [SIM_UNSYNCED_LOST] = {"unsynced-lost", DISK},
    [SIM_NAMES_LOST] = {"names-lost", DISK},
    [SIM_SPOOL_LOST] = {"spool-lost", CLIENT},
    [SIM_LAX_LEDGER] = {"lax-ledger", CLIENT},
    [SIM_EXPIRY] = {"expiry", SERVER},
    [SIM_CUTS] = {"cuts", CUTS},
};

const char *sim_fault_name(size_t fault)
{
    return fault < SIM_FAULTS ? faults[fault].name : "?";
}

size_t sim_fault_group(size_t fault)
{
    return faults[fault].group;
}

/* ---- lists ---- */

static bool named(size_t fault, const char *name, size_t size)
{
    const char *own = faults[fault].name;
    const char *group = sim_groups[faults[fault].group];
    bool is_all = size == 3 && strncmp(name, "all", 3) == 0;
    return is_all || (strlen(own) == size && strncmp(own, name, size) == 0) ||
           (strlen(group) == size && strncmp(group, name, size) == 0);
}

/* One item of a list: [-]name[=rate]. */
static bool parse_item(const char *item, size_t size, struct sim_plan *plan)
{
    bool out = size > 0 && item[0] == '-';
    bool found = false;
    item += out;
    size -= out;
    const char *equals = memchr(item, '=', size);
    size_t name_size = equals == NULL ? size : (size_t)(equals - item);
    bool is_all = name_size == 3 && strncmp(item, "all", 3) == 0;
    uint32_t rate = 0;
    if (equals != NULL) {
        char *end = NULL;
        rate = (uint32_t)strtoul(equals + 1, &end, 10);
        if (end == equals + 1 || end != item + size)
            return false;
    }
    for (size_t i = 0; i < SIM_FAULTS; i++) {
        if (!named(i, item, name_size))
            continue;
        found = true;
        if (out)
            plan->rates[i] = 0;
        else if (equals != NULL)
            plan->rates[i] = rate;
        else
            plan->rates[i] = is_all ? plan->drawn[i] : plan->rates_on[i];
    }
    return found;
}

bool sim_plan_parse(const char *list, struct sim_plan *plan, char *why, size_t why_size)
{
    if (list[0] != '-')
        memset(plan->rates, 0, sizeof plan->rates);
    while (*list != '\0') {
        size_t size = strcspn(list, ",");
        bool is_none = size == 4 && strncmp(list, "none", 4) == 0;
        if (is_none)
            memset(plan->rates, 0, sizeof plan->rates);
        else if (!parse_item(list, size, plan)) {
            (void)snprintf(why, why_size, "no such fault: %.*s", (int)size, list);
            return false;
        }
        list += size;
        list += *list == ',';
    }
    plan->calm = sim_plan_is_calm(plan);
    return true;
}

bool sim_plan_is_calm(const struct sim_plan *plan)
{
    for (size_t i = 0; i < SIM_FAULTS; i++) {
        if (plan->rates[i] != 0 && (i < SIM_BLOWS || i == SIM_CUTS))
            return false;
    }
    return true;
}

void sim_plan_format(const struct sim *sim, char *out, size_t cap)
{
    size_t used = 0;
    const char *comma = "";
    (void)snprintf(out, cap, "none");
    for (size_t i = 0; i < SIM_FAULTS && used < cap; i++) {
        uint32_t rate = sim->plan.rates[i];
        int size = 0;
        if (rate == 0)
            continue;
        if (i < SIM_FATES || i == SIM_CUTS)
            size = snprintf(out + used, cap - used, "%s%s=%" PRIu32, comma, faults[i].name, rate);
        else
            size = snprintf(out + used, cap - used, "%s%s", comma, faults[i].name);
        used += size > 0 ? (size_t)size : 0;
        comma = ",";
    }
}

void sim_plan_print(const struct sim *sim)
{
    const struct sim_plan *plan = &sim->plan;
    char text[2048];
    sim_plan_format(sim, text, sizeof text);
    printf("  faults: %s\n  storm=%" PRIu64 "ms every=%" PRIu64 "ms latency=%" PRIu64
           "ms rate=%uB/ms\n",
           text, plan->storm_ms, plan->weather_ms, plan->latency_ms, plan->bytes_a_ms);
}

size_t sim_plan_print_fired(const uint64_t fired[SIM_FAULTS])
{
    size_t never = 0;
    for (size_t i = 0; i < SIM_FAULTS; i++) {
        printf("%-18s %10" PRIu64 "%s\n", faults[i].name, fired[i], fired[i] == 0 ? "  NEVER" : "");
        never += fired[i] == 0;
    }
    return never;
}
