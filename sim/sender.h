/* SPDX-License-Identifier: MIT */
#ifndef SIM_SENDER_H
#define SIM_SENDER_H
/* A device's parts among themselves. Sender-side headers only. */
#include "attempts.h"
#include "device.h"
#include "reelhaul/wire.h"
#include "spool.h"

#define SIM_TABS        2
#define SIM_ABILITIES   (RH_WIRE_CAN_DEFER | RH_WIRE_CAN_DELETE | RH_WIRE_CAN_CRC64)
#define SIM_WRITERS_MAX 256 /* numbers of a lease that are told apart */

/* What a tab shows of an upload. */
struct sim_shown {
    bool known;
    enum rh_upload_state state;
    enum rh_reason reason;
    bool elsewhere; /* another method sends it */
};

struct sim_tab {
    struct sim *sim;
    struct sim_device *device;
    uint64_t life; /* 0: not running */
    uint64_t lease_number;
    void *memory;
    struct rh_engine *engine;
    rh_ms started_ms;
    uint64_t wake_serial;
    bool metered;   /* as it was told */
    int64_t budget; /* of actions; events from outside and time add to it */
    rh_ms budget_ms;
    struct sim_attempts attempts;
    struct sim_shown shown[SIM_UPLOADS_MAX];
};

struct sim_device {
    struct sim *sim;
    size_t index;
    char session[40];
    bool makes_sessions; /* form: the engine makes one for each upload */
    const struct rh_wire_dialect *dialect;
    struct rh_policy policy;
    struct rh_limits limits;
    struct sim_spool spool;
    uint64_t lives; /* of tabs, and of the device: what died has a number that is past */
    uint64_t life;
    char generation[RH_GENERATION_MAX + 1]; /* of the receiver, as an answer said last */
    rh_ms generation_ms;                    /* when it was first heard of */
    uint64_t writers[SIM_WRITERS_MAX];      /* life of the tab that used this number of the lease */
    uint64_t fence;                         /* of the tab that has the lock */
    uint32_t crash_in;                      /* actions; 0: never */
    rh_ms asleep_until_ms;                  /* its processes get no time before */
    rh_ms away_until_ms;                    /* it has no network before */
    int64_t wall_skew_ms;
    struct sim_tab tabs[SIM_TABS];
    char finishes[SIM_UPLOADS_MAX][1024]; /* the last finish request of each upload */
};

/* ---- device.c ---- */
/* An event of the device comes while it sleeps: it will happen later; true. */
bool sim_device_put_off(struct sim *, struct sim_device *, sim_handler *, void *context,
                        uint64_t life);

bool sim_device_is_asleep(const struct sim *, const struct sim_device *);

/* ---- user.c ---- */
/* How the simulator's senders send; SIM_METHOD_OTHER is nobody's. */
#define SIM_METHOD       "chunks"
#define SIM_METHOD_OTHER "tus"
/* Whatever the user did is undone. */
void sim_device_undo(struct sim *, struct sim_device *);

/* ---- tab.c ---- */
void sim_tab_start(struct sim *, struct sim_tab *);
void sim_tab_stop(struct sim *, struct sim_tab *);
bool sim_tab_tell(struct sim *, struct sim_tab *, struct rh_event *);
rh_ms sim_tab_mono_ms(const struct sim_tab *);
void sim_tab_lead(struct sim *, struct sim_tab *);
struct sim_tab *sim_device_leader(struct sim_device *);
/* An event of that kind about an upload, or about none (NULL). */
void sim_about(struct rh_event *, enum rh_event_kind, const struct sim_upload *);
/* To every tab that runs. */
void sim_device_tell(struct sim *, struct sim_device *, struct rh_event *);
void sim_device_tell_about(struct sim *, struct sim_device *, enum rh_event_kind,
                           const struct sim_upload *);
/* Does it speak a dialect whose uploads have no names, but addresses and one cursor each? */
bool sim_device_has_cursor(const struct sim_device *);
bool sim_device_is_sequential(const struct sim_device *);

/* ---- send.c ---- */
void sim_tab_send(struct sim *, struct sim_tab *, const struct rh_action *);
void sim_tab_abort(struct sim *, struct sim_tab *, uint32_t token);
void sim_device_make_session(struct sim *, struct sim_device *);

#endif
