/* SPDX-License-Identifier: MIT */
#ifndef SIM_SIM_H
#define SIM_SIM_H
/*
 * The world of one seed: a clock, a heap of events, one source of chance, and what lives in it.
 *
 * The sender's and the receiver's headers name different things alike (struct rh_response, enum
 * rh_upload_state), as the two sides never meet in one program but here. So this header names
 * neither side; device.c and tab.c include the engine's headers, receiver.c, conn.c, work.c,
 * look.c and catalog.c the vault's.
 */
#include "base/rng.h"
#include "check.h"
#include "heap.h"
#include "net.h"
#include "trace.h"

#define SIM_DEVICES_MAX 3
#define SIM_CUT_BYTES   ((uint64_t)64 << 10) /* SIM_CUTS: a connection lasts for so many at least */
#define SIM_SIZE_MAX    ((uint64_t)3 << 20)  /* bytes of an upload */

/*
 * All faults there are; plan.c has their names, groups and kinds in one table. Fates are drawn for
 * each request, weather comes and goes, blows happen, regimes hold for the whole seed.
 */
enum sim_fault {
    /* fates: chances in 1000 */
    SIM_DROP = 0,   /* the request never arrives */
    SIM_CUT,        /* the connection ends within the request */
    SIM_STALL,      /* the request stops arriving, nobody is told */
    SIM_HALF_CLOSE, /* the sender's direction ends within the request, the other one stays */
    SIM_NO_REPLY,   /* the answer is lost */
    SIM_CUT_REPLY,  /* the connection ends within the answer */
    SIM_DUPLICATE,  /* the request arrives again later */
    SIM_TWIN,       /* a part that was acknowledged comes again with other bytes */
    SIM_REPLAY,     /* the request arrives twice, the answer to the second is the one that counts */
    SIM_STALE_REPLY, /* a proxy answers a question from its cache */
    SIM_SLOW,        /* the request takes long, so that others overtake it */
    SIM_LATE_REPLY,
    SIM_FLIP_REQUEST,     /* a bit of the sent bytes changes on the way */
    SIM_FLIP_REPLY,       /* a bit of the answer's body changes on the way */
    SIM_TRUNCATE_REQUEST, /* a proxy passes on less than it got, and says so */
    SIM_PAD_REQUEST,      /* a proxy passes on more than it got, and says so */
    SIM_TRUNCATE_REPLY,   /* the answer's body is shorter */
    SIM_PAD_REPLY,        /* the answer's body is longer */
    /* weather */
    SIM_NETWORK_DOWN,
    SIM_STORM,        /* something on the way answers 500, 502, 503, 504, with Retry-After or not */
    SIM_TOO_MANY,     /* something on the way answers 429 */
    SIM_PORTAL,       /* something on the way answers 200 to everything */
    SIM_REDIRECT,     /* something on the way answers 301, 302, 303, 307, 308 */
    SIM_LOGIN,        /* something on the way answers 401 or 403 */
    SIM_DISK_FULL,    /* the receiver's disk is below its reserve */
    SIM_WRITE_FULL,   /* the receiver's disk is full in the middle of a write, now and then */
    SIM_WRITE_FAILS,  /* EIO on write */
    SIM_SYNC_FAILS,   /* EIO on fsync */
    SIM_OPEN_FAILS,   /* EIO on open */
    SIM_READ_FAILS,   /* EIO on read */
    SIM_DISK_SLOW,    /* jobs take long */
    SIM_CATALOG_SLOW, /* commits take long */
    SIM_METERED,      /* bytes cost money on the senders' network */
    SIM_PRESSURE,     /* the senders' spools are nearly full */
    SIM_SPOOL_FULL,   /* ENOSPC in the senders' spools */
    /* blows */
    SIM_RECEIVER_CRASH,  /* power lost */
    SIM_RECEIVER_KILL,   /* the process alone */
    SIM_RECEIVER_STEP,   /* power lost between two steps of a job */
    SIM_COMMIT_FAILS,    /* a commit that fails ends the process */
    SIM_RECEIVER_DRAIN,  /* a graceful restart */
    SIM_RECEIVER_PAUSE,  /* the process gets no time for a while, then all at once */
    SIM_RECEIVER_DAYS,   /* it is switched off for days */
    SIM_CATALOG_RESTORE, /* a restored catalog, made whole from the files: another generation */
    SIM_BIT_ROT,         /* a bit flips at rest on the receiver's disk */
    SIM_MISDIRECTED,     /* a write lands on another sector */
    SIM_SENDER_CRASH,
    SIM_SENDER_STEP,  /* a crash between two actions */
    SIM_SENDER_PAUSE, /* a suspended laptop: no events for hours, then all at once */
    SIM_SENDER_DAYS,  /* a device is away from the network for days */
    SIM_BOTH_CRASH,   /* every sender and the receiver at the same moment */
    SIM_TAB_FIGHT,    /* a second tab takes the lead while the first goes on */
    SIM_WALL_JUMP,    /* by years */
    SIM_USER_PAUSE,
    SIM_USER_RETRY,
    SIM_USER_CANCEL,
    SIM_USER_LIMIT,    /* of the pace */
    SIM_USER_SHARE,    /* a share of the measured uplink */
    SIM_USER_PRIORITY, /* of an upload, at any moment */
    SIM_USER_METHOD,   /* another method shall send it, and later this one again */
    SIM_USER_HOLD,     /* the shell holds uploading (hybrid mode) */
    SIM_SPOOL_ROT,     /* a bit flips at rest on a sender's disk */
    /* regimes */
    SIM_UNSYNCED_LOST, /* power loss takes unsynced bytes, whole or torn at sectors */
    SIM_NAMES_LOST,    /* power loss takes names and renames that were not synced */
    SIM_SPOOL_LOST,    /* a crash of a device takes segments that were not synced */
    SIM_LAX_LEDGER,    /* a sender's records may be lost with a crash of its device */
    SIM_EXPIRY,        /* the receiver expires what nobody was told of */
    SIM_CUTS,          /* every connection is cut every T seconds, for ever */
    SIM_FAULTS,
};

#define SIM_FATES    (SIM_PAD_REPLY + 1) /* fates come first */
#define SIM_WEATHERS SIM_RECEIVER_CRASH  /* one after the last of the weather */
#define SIM_BLOWS    SIM_UNSYNCED_LOST   /* one after the last blow */

/*
 * What a seed is made of. Rates are chances in 1000 for fates, milliseconds for SIM_CUTS (every
 * connection is cut after so long), 0 or 1 for all others.
 */
struct sim_plan {
    uint32_t rates[SIM_FAULTS];
    uint32_t drawn[SIM_FAULTS];    /* what the seed drew, before --faults */
    uint32_t rates_on[SIM_FAULTS]; /* what each has when it is on */
    bool calm;                     /* no faults at all */
    rh_ms storm_ms;                /* then everything heals */
    rh_ms weather_ms;              /* mean time between two changes */
    rh_ms latency_ms;              /* at most, one way */
    uint32_t bytes_a_ms;           /* of a connection */
};

struct sim_device;
struct sim_receiver;

struct sim {
    uint64_t seed;
    struct rh_rng rng;      /* the world: sizes, latencies, slices */
    struct rh_rng fate_rng; /* fates; faults of the disk */
    struct rh_rng plan_rng; /* which weather and blows, and when */
    struct sim_heap heap;
    struct sim_trace trace;
    struct sim_plan plan;
    bool weather[SIM_WEATHERS]; /* what holds just now */
    uint64_t fired[SIM_FAULTS]; /* how often each fault happened */
    uint32_t strike_count;      /* faults that would have struck so far, see fired.c */
    const struct sim_options *options;
    rh_ms quiet_until_ms; /* no other faults before: somebody is away for long */
    rh_ms healing_at_ms;  /* not before: somebody sleeps or is away */
    bool days_over;       /* days away happen once a seed */
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
    uint32_t rests;   /* seconds that were waited in the end for everything to be at rest */
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
    uint64_t fired[SIM_FAULTS]; /* how often each fault happened */
    uint64_t trace_lines;
    uint64_t report_lines; /* of them, those that a report of the failure prints, if it has room */
    uint32_t strikes;      /* faults that struck, or would have, but for the options */
    char faults[1536];     /* the list that gives the same plan */
    uint32_t devices;
    rh_ms storm_ms;
};

/* Which catalog the receiver has. */
enum sim_catalog_kind { SIM_CATALOG_DRAWN = 0, SIM_CATALOG_MODEL, SIM_CATALOG_SQLITE };

struct sim_options {
    bool trace;         /* print every line */
    bool report;        /* print the end of the trace of a failure */
    const char *faults; /* a list for sim_plan_parse; NULL: as the seed draws */
    rh_ms storm_ms_max; /* this and the next two: 0 for no limit */
    uint32_t devices_max;
    uint32_t uploads_max;           /* of a device */
    const struct sim_ranges *fired; /* the numbers of the faults that may strike; NULL: all */
    enum sim_catalog_kind catalog;
};

/* Kinds of faults, to name several at once. */
extern const char *const sim_groups[];
#define SIM_GROUPS 15

/*
 * One seed. An assertion of a room is a failure as any other is; what it left is not freed. Needs
 * sim_catch_assertions.
 */
void sim_run_seed(uint64_t seed, const struct sim_options *options, struct sim_result *result);
void sim_catch_assertions(void);

/* ---- world.c ---- */
void sim_fail(struct sim *sim, const struct sim_upload *upload, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sim_note(struct sim *sim, const struct sim_upload *upload, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Of little interest: left out of a failure's report. */
void sim_aside(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_in(struct sim *sim, rh_ms delay_ms, sim_handler *handler, void *context, uint64_t life);
uint64_t sim_below(struct sim *sim, uint64_t limit);         /* [0, limit) */
rh_ms sim_between(struct sim *sim, rh_ms least, rh_ms most); /* both included */
bool sim_chance(struct sim *sim, uint32_t per_mille);        /* drawn always */
/* Whether this fate befalls a request, or whatever else: false once healed. It counts as fired. */
bool sim_fate(struct sim *sim, const struct sim_upload *about, enum sim_fault fate);
/*
 * A fault is about to strike: asked last; false: it must not happen, since the options leave it
 * out. about may be NULL.
 */
bool sim_fires(struct sim *sim, const struct sim_upload *about, enum sim_fault fault);
struct sim_upload *sim_upload_named(struct sim *sim, const char *name); /* or NULL */
int64_t sim_wall_ms(const struct sim *sim);

/* ---- faults.c: the table of all faults, and lists of them ---- */
const char *sim_fault_name(size_t fault); /* of enum sim_fault */
size_t sim_fault_group(size_t fault);     /* index into sim_groups */
/*
 * Changes a plan that sim_plan_make drew. A comma list of names of faults and groups: a name turns
 * on (at the rate the seed has for it, or name=rate), "all" is what the seed drew, "none" nothing,
 * and a leading '-' takes out. It starts from none; from all where the first item takes out
 * ("-damage" is all but damage). false: a name that nobody has, said in `why`.
 */
bool sim_plan_parse(const char *list, struct sim_plan *plan, char *why, size_t why_size);
bool sim_plan_is_calm(const struct sim_plan *plan);
/* The list that gives this seed's plan exactly. */
void sim_plan_format(const struct sim *sim, char *out, size_t cap);
void sim_plan_print(const struct sim *sim);
/* How often each fault fired, over all seeds, as lines; the number of those that never did. */
size_t sim_plan_print_fired(const uint64_t fired[SIM_FAULTS]);

/* ---- plan.c: what a seed is made of, and the weather ---- */
void sim_plan_make(struct sim *sim, const struct sim_options *options);
void sim_plan_start(struct sim *sim);
void sim_plan_heal(struct sim *sim);
/* How long all may take to end, after healing or a retry. */
rh_ms sim_plan_patience_ms(const struct sim *sim);
uint64_t sim_plan_below(struct sim *sim, uint64_t limit); /* chance in what the plan decides */

#endif
