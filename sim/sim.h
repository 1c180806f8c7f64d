/* SPDX-License-Identifier: MIT */
#ifndef SIM_SIM_H
#define SIM_SIM_H
/*
 * The world of one seed: a clock, a heap of events, one source of chance, and what lives in it.
 *
 * The sender's and the receiver's headers name different things alike (struct rh_response, enum
 * rh_upload_state), as the two sides never meet in one program but here. So this header names
 * neither side; device.c and tab.c include the engine's headers, receiver.c, conn.c, work.c and
 * look.c the vault's.
 */
#include "base/rng.h"
#include "check.h"
#include "heap.h"
#include "net.h"
#include "trace.h"

#define SIM_DEVICES_MAX 3
#define SIM_UPLOADS_MAX 16
#define SIM_SIZE_MAX    ((uint64_t)3 << 20) /* bytes of an upload */

/* Faults that come and go. */
enum sim_weather {
    SIM_NETWORK_DOWN = 0,
    SIM_STORM,        /* something on the way answers 502 and 503 */
    SIM_PORTAL,       /* something on the way answers 200 to everything */
    SIM_LOGIN,        /* something on the way answers 401 */
    SIM_DISK_FULL,    /* the receiver's disk is below its reserve */
    SIM_DISK_FAILS,   /* writes and syncs fail now and then */
    SIM_DISK_SLOW,    /* jobs take long */
    SIM_CATALOG_SLOW, /* commits take long */
    SIM_PRESSURE,     /* the senders' spools are nearly full */
    SIM_WEATHERS,
};

/* Faults that happen. */
enum sim_blow {
    SIM_RECEIVER_CRASH = 0, /* power lost */
    SIM_RECEIVER_KILL,      /* the process alone */
    SIM_RECEIVER_STEP,      /* power lost between two steps of a job */
    SIM_COMMIT_FAILS,       /* a commit that fails ends the process */
    SIM_RECEIVER_DRAIN,     /* a graceful restart */
    SIM_SENDER_CRASH,
    SIM_SENDER_STEP, /* a crash between two actions */
    SIM_TAB_FIGHT,   /* a second tab takes the lead while the first goes on */
    SIM_WALL_JUMP,
    SIM_USER, /* pause, resume, cancel, retry */
    SIM_BLOWS,
};

/* Chances in 1000, drawn for each request. */
enum sim_fate {
    SIM_DROP = 0,  /* the request never arrives */
    SIM_CUT,       /* the connection ends within the request */
    SIM_STALL,     /* the request stops arriving, nobody is told */
    SIM_DUPLICATE, /* it arrives again later */
    SIM_TWIN,      /* a part that was acknowledged comes again with other bytes */
    SIM_SLOW,      /* it takes long, so that others overtake it */
    SIM_NO_REPLY,  /* the answer is lost */
    SIM_CUT_REPLY,
    SIM_LATE_REPLY,
    SIM_FATES,
};

/* What a seed is made of. */
struct sim_plan {
    uint32_t fates[SIM_FATES];
    bool weather[SIM_WEATHERS];
    bool blows[SIM_BLOWS];
    bool calm;           /* no faults at all */
    bool lax_ledger;     /* records may be lost with a crash of their device */
    bool expires;        /* the receiver expires what nobody was told of */
    rh_ms storm_ms;      /* then everything heals */
    rh_ms weather_ms;    /* mean time between two changes */
    rh_ms latency_ms;    /* at most, one way */
    uint32_t bytes_a_ms; /* of a connection */
};

struct sim_device;
struct sim_receiver;

struct sim {
    uint64_t seed;
    struct rh_rng rng;
    struct sim_heap heap;
    struct sim_trace trace;
    struct sim_plan plan;
    bool weather[SIM_WEATHERS];
    bool healed;
    bool ending; /* everything is being taken down: handlers free what they own */
    rh_ms now_ms;
    rh_ms healed_ms;
    int64_t wall_skew_ms;
    uint64_t event_count;
    struct sim_upload uploads[SIM_UPLOADS_MAX];
    size_t upload_count;
    size_t completed_count;
    struct sim_device *devices[SIM_DEVICES_MAX];
    size_t device_count;
    struct sim_receiver *receiver;
    struct sim_net net;
    struct sim_check check;
    uint32_t retries; /* rounds of retries by the user after the healing */
    bool done;
    bool failed;
    uint32_t failed_upload;
    char failure[256];
};

/* What one seed came to. */
struct sim_result {
    bool failed;
    char failure[256];
    uint64_t events;
    uint64_t uploads;
    rh_ms virtual_ms;
    uint64_t trace_hash;
};

struct sim_options {
    bool trace;    /* print every line */
    bool quiet;    /* print nothing of a failure */
    uint32_t only; /* bits of the kinds of faults that may be used, see sim_groups */
};

/* Kinds of faults, for finding out which a failure needs. */
extern const char *const sim_groups[];
#define SIM_GROUPS     11
#define SIM_GROUPS_ALL ((1u << SIM_GROUPS) - 1)

void sim_run_seed(uint64_t seed, const struct sim_options *options, struct sim_result *result);

/* ---- world.c ---- */
void sim_fail(struct sim *sim, const struct sim_upload *upload, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sim_note(struct sim *sim, const struct sim_upload *upload, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Of little interest: left out of a failure's report. */
void sim_aside(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_in(struct sim *sim, rh_ms delay_ms, sim_handler *handler, void *context, uint64_t life);
uint64_t sim_below(struct sim *sim, uint64_t limit);                    /* [0, limit) */
rh_ms sim_between(struct sim *sim, rh_ms least, rh_ms most);            /* both included */
bool sim_chance(struct sim *sim, uint32_t per_mille);                   /* drawn always */
bool sim_fate(struct sim *sim, enum sim_fate fate);                     /* false once healed */
struct sim_upload *sim_upload_named(struct sim *sim, const char *name); /* or NULL */
int64_t sim_wall_ms(const struct sim *sim);

/* ---- plan.c: what a seed is made of, and the weather ---- */
void sim_plan_make(struct sim *sim, uint32_t only);
void sim_plan_start(struct sim *sim);
void sim_plan_heal(struct sim *sim);
void sim_plan_print(const struct sim *sim);

#endif
