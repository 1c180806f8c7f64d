/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_ENGINE_STATE_H
#define REELHAUL_ENGINE_STATE_H
/* The engine's whole state. Private to src/engine/. */
#include "base/rng.h"
#include "engine/counters.h"
#include "engine/ledger.h"
#include "engine/meter.h"
#include "engine/pace.h"
#include "engine/patience.h"
#include "engine/segments.h"
#include "reelhaul/engine.h"

/* Longest Retry-After that is believed, so that a slip of the server does not park an upload. */
#define RH_RETRY_AFTER_CAP_MS ((rh_ms)24 * 3600 * 1000)
#define RH_NOTIFY_MS          250u  /* progress is told at most this often */
#define RH_PERSIST_MS         1000u /* acknowledgements are persisted at most this often */
#define RH_POLL_MS            1000u /* while the server finishes */
#define RH_RESTARTS_FREE      1u    /* starts from zero after a 410 that are not counted */
#define RH_CANCEL_TRIES       5u
#define RH_REFUSALS_MAX       32u /* of damaged parts, with none taken between: no retry helps */
#define RH_CURSOR_REFUSALS    8u  /* the same where one cursor stands at that part */
#define RH_DAMAGED_MAX        3u /* then a part whose bytes never fit their checksum is set aside */
#define RH_FUTILE_MAX         3u /* starts from zero after such refusals, with no part taken between */
#define RH_COUNTERS_MS        30000u /* counters are persisted at most this often, and at each end */
#define RH_BARE_GONE_MAX      3u /* a 404 that may be anybody's, before the create is repeated */
#define RH_GROW_AFTER         4u /* full parts in a row before parts grow again */

/* A request: in flight, waiting for its retry, or set aside. */
enum rh_request_phase {
    RH_REQUEST_FREE = 0,
    RH_REQUEST_FLYING,
    RH_REQUEST_WAITING,
    RH_REQUEST_ASIDE,
};

struct rh_request {
    enum rh_request_phase phase;
    enum rh_send_kind kind;
    uint32_t upload; /* index */
    uint32_t token;
    uint32_t abort_token; /* an abort that next() still owes; the slot is not free before */
    uint32_t attempts;    /* failed tries, with retry_parts */
    uint32_t refusals; /* in a row, for a checksum that does not fit, where retries have no end */
    struct rh_range range;
    uint64_t crc64;
    bool crc_known;
    uint64_t sent_bytes;
    enum rh_coding coding;
    enum rh_outcome waits_for; /* what it failed with, where it waits */
    rh_ms retry_at_ms;
    rh_ms started_ms;
    rh_ms progress_ms;
};

struct rh_upload {
    bool used;
    char id[RH_UPLOAD_ID_MAX + 1];
    char remote[RH_REMOTE_MAX + 1];
    char generation[RH_GENERATION_MAX + 1];
    uint64_t sequence;

    uint64_t size;         /* RH_SIZE_UNKNOWN while it grows */
    uint64_t crc64;        /* of the whole, once sealed */
    uint64_t spooled_seen; /* from the record, until the segments were told again */
    bool sealed;
    bool source_complete; /* every segment that exists was told in this life */
    bool source_lost;
    struct rh_segment_list segments;
    struct rh_interval_list acks;

    enum rh_upload_state end; /* COMPLETED, FAILED, CANCELLED; else PENDING */
    enum rh_reason end_reason;
    enum rh_remote_state remote_state;
    bool user_paused;
    bool active;      /* holds one of the policy's slots */
    bool doubt;       /* what the server has must be asked before more is sent */
    bool distrust;    /* promised by another server generation: asked before it counts */
    bool final_round; /* parts set aside had their last chance */
    bool conflict;    /* different bytes were reported once, and asked about */
    bool resumed;
    bool proven;
    bool server_done;   /* done there; the dialect wants its finish all the same */
    bool cancel_wanted; /* the server shall delete it; one that is not over starts anew then */
    bool remove_wanted;
    bool need_token;
    bool token_asked;
    rh_ms token_at_ms;

    uint32_t attempts; /* counted against retries_max */
    uint32_t failures; /* in a row; the delay grows with it */
    uint32_t auth_failures;
    uint32_t restarts;
    uint32_t incompletes; /* finishes refused in a row */
    uint32_t mismatches;
    uint64_t refused_at;       /* where the last part with other bytes began */
    uint32_t refusals;         /* of such parts, since one (one cursor: that one) was taken */
    uint32_t futile;           /* starts from zero after such refusals, since then */
    rh_ms retry_at_ms;         /* RH_MS_NEVER: not waiting */
    enum rh_outcome waits_for; /* the failure that it waits after */
    enum rh_reason wait_reason;
    rh_ms poll_at_ms;
    rh_ms unsent_since_ms; /* RH_MS_NEVER: nothing new waits */
    enum rh_outcome error;
    uint16_t status;
    enum rh_fault fault;
    uint32_t fault_part;
    uint32_t bare_gones; /* in a row */
    bool recheck;        /* the create is repeated: is the upload still there? */

    char mime[RH_MIME_MAX + 1]; /* of the last sample told */
    uint8_t codings_able;
    uint32_t sample_plain_bytes;
    uint32_t sample_coded_bytes;
    uint64_t coder_bytes_s;
    enum rh_coding coding; /* of the last part sent: what the meter's plain bytes became */

    struct rh_tally tally; /* without what runs since begun_ms */
    rh_ms begun_ms;        /* first request of this life; RH_MS_NEVER: none, or over */
    bool begun;            /* a request left, in whichever life */
    bool troubled;

    enum rh_priority priority;
    uint32_t traits;                /* of its dialect, beside the policy's; not persisted */
    char method[RH_METHOD_MAX + 1]; /* that began it; "" before */
    uint32_t geometry;              /* its largest part, fixed when it begins; 0 before */
    uint32_t part_bytes;            /* the largest on this link; shrinks and grows back */
    uint32_t breaks;
    uint32_t full_parts;

    /* Counted by plan.c at the beginning of each plan. */
    uint32_t flying;       /* requests */
    uint32_t flying_parts; /* among them */
    uint32_t waiting_parts;
    uint32_t aside_parts;

    struct rh_meter meter;
    bool persist_now;
    rh_ms persist_at_ms;
    bool erase_now;
    bool erase_at_leader; /* cancelled in an earlier life: its bytes may be told yet */
    bool erased;          /* no record any more, and none is written again */
    bool forgot_whole;
    uint32_t forgot_changes; /* of the acks, and … */
    uint32_t forgot_count;   /* … segments, when nothing was left to forget */
    bool notify_now;
    rh_ms notify_at_ms;
    rh_ms notified_ms;
    enum rh_upload_state told_state;
    enum rh_reason told_reason;
};

struct rh_engine {
    struct rh_limits limits;
    struct rh_policy policy;
    struct rh_rng rng;
    struct rh_segments segments;
    struct rh_ledger ledger;
    struct rh_upload *uploads;
    uint32_t *order; /* indexes of uploads, by sequence */
    uint32_t count;
    struct rh_request *requests;

    rh_ms now_ms;
    int64_t wall_ms;
    uint64_t sequence_next;
    uint32_t token_next;
    bool online;
    bool metered;
    bool leader;
    bool held;
    enum rh_pressure pressure;
    rh_ms left_until_ms;
    rh_ms gap_until_ms;
    struct rh_pace pace;
    rh_ms pace_at_ms; /* a part waits for its allowance until then; 0: none does */
    uint64_t limit_bytes_s;
    uint32_t limit_percent;
    struct rh_meter uplink;    /* of all uploads, while something flies */
    uint64_t share_live_bytes; /* started while live uploads were behind: theirs … */
    uint64_t share_rest_bytes; /* … and of all others */
    bool outage;               /* the server could not be reached: one request finds out */
    uint32_t outage_failures;
    uint32_t probe_token;
    rh_ms probe_at_ms;
    rh_ms wake_told_ms;
    bool counted;   /* what plan.c counts in the uploads is true */
    bool plan_idle; /* the planner found nothing and nothing happened since */
    char evicted[RH_UPLOAD_ID_MAX + 1];
    struct rh_patience patience;
    uint8_t codings_offered; /* by the server */
    bool coding_refused;     /* it offered one and would not have it */
    char generation[RH_GENERATION_MAX + 1];
    struct rh_counters counters;
    bool counters_told;  /* those of earlier lives are in */
    bool counters_newer; /* they are of a newer build: left alone */
    bool counters_now;
    rh_ms counters_at_ms;
    struct rh_queue told_queue;
    bool queue_dirty;
    uint8_t record[RH_RECORD_MAX];
};

/* ---- engine.c ---- */
struct rh_upload *rh_engine_find(const struct rh_engine *engine, struct rh_bytes id);
uint32_t rh_engine_index(const struct rh_engine *engine, const struct rh_upload *upload);
/* A fresh slot in order of `sequence`. RH_ERR_LIMIT. */
enum rh_error rh_engine_slot(struct rh_engine *engine, struct rh_bytes id, uint64_t sequence,
                             struct rh_upload **out);
void rh_engine_drop(struct rh_engine *engine, struct rh_upload *upload);
/* The earliest time after now at which something becomes due, or RH_MS_NEVER. */
rh_ms rh_engine_deadline(const struct rh_engine *engine);

/* ---- upload.c ---- */
/* Does the upload's dialect need this? */
static inline bool rh_upload_has(const struct rh_engine *engine, const struct rh_upload *upload,
                                 uint32_t trait)
{
    return ((engine->policy.traits | upload->traits) & trait) != 0;
}
struct rh_books rh_upload_books(struct rh_engine *engine, struct rh_upload *upload);
bool rh_upload_over(const struct rh_upload *upload);
uint64_t rh_upload_spooled(const struct rh_engine *engine, const struct rh_upload *upload);
/* Are all its bytes so far still held, so that it could go from the start? */
bool rh_upload_held(const struct rh_engine *engine, const struct rh_upload *upload);
bool rh_upload_flying(const struct rh_engine *engine, const struct rh_upload *upload);
void rh_upload_shown(const struct rh_engine *engine, const struct rh_upload *upload, bool flying,
                     enum rh_upload_state *state, enum rh_reason *reason);
void rh_upload_snapshot(const struct rh_engine *engine, const struct rh_upload *upload,
                        struct rh_snapshot *out);
/* Marks: persist and tell at once; or soon, for progress. */
void rh_upload_changed(struct rh_upload *upload);
void rh_upload_progressed(struct rh_engine *engine, struct rh_upload *upload);
void rh_upload_fail(struct rh_engine *engine, struct rh_upload *upload, enum rh_reason reason);
/* Given up by the user. */
void rh_upload_cancel(struct rh_engine *engine, struct rh_upload *upload);
/* Stops everything in flight, without counting it against anybody. */
void rh_upload_stop(struct rh_engine *engine, struct rh_upload *upload);
/* A failed upload, or its parts set aside, gets a new chance. */
void rh_upload_revive(struct rh_engine *engine, struct rh_upload *upload);
/* As if it had never begun on a server: nothing flies, waits or is vouched for. */
void rh_upload_anew(struct rh_engine *engine, struct rh_upload *upload);
void rh_upload_inactive(struct rh_engine *engine, struct rh_upload *upload);

/* ---- success.c ---- */
void rh_outcome_response(struct rh_engine *engine, const struct rh_response *response);

/* ---- outcome.c ---- */
void rh_outcome_failed(struct rh_engine *engine, struct rh_request *request,
                       enum rh_outcome outcome, const struct rh_response *response);
struct rh_request *rh_request_of(const struct rh_engine *engine, uint32_t token);
/* The coding for the next part of this upload. */
enum rh_coding rh_outcome_coding(const struct rh_engine *engine, const struct rh_upload *upload);

/* The upload waits; where `counted`, it has one try less. */
void rh_outcome_retry(struct rh_engine *engine, struct rh_upload *upload, bool counted,
                      enum rh_reason reason, rh_ms retry_after_ms);
/* The server does not have it any more: it begins anew, or fails. False: it failed. */
bool rh_outcome_forget_remote(struct rh_engine *engine, struct rh_upload *upload);
/* The same; with a delay where that is not the first time. */
void rh_outcome_start_again(struct rh_engine *engine, struct rh_upload *upload);
/* The server deleted it, as it was asked to. */
void rh_outcome_deleted(struct rh_engine *engine, struct rh_upload *upload);
void rh_outcome_complete(struct rh_engine *engine, struct rh_upload *upload);

/* ---- fault.c ---- */
/* A request failed. */
void rh_fault_note(const struct rh_engine *engine, struct rh_upload *upload,
                   const struct rh_request *request, enum rh_outcome outcome);
/* The upload fails for this reason. */
void rh_fault_end(const struct rh_engine *engine, struct rh_upload *upload, enum rh_reason reason);

/* ---- link.c ---- */
/* The largest part of an upload; before it begins, what it would be. */
uint32_t rh_link_geometry(const struct rh_engine *engine, const struct rh_upload *upload);
/* An upload begins: its geometry and its method stand from now on. */
void rh_link_begin(const struct rh_engine *engine, struct rh_upload *upload);
/* A request leaves; `waited`: its upload had nothing on its way, for a reason of its own. */
void rh_link_started(struct rh_engine *engine, struct rh_upload *upload,
                     const struct rh_request *request, bool waited);
/* Body bytes left. After their request was counted: acknowledged, or its sent_bytes raised. */
void rh_link_moved(struct rh_engine *engine, struct rh_upload *upload, uint64_t bytes);
/* The limit, told or measured anew. */
void rh_link_limit(struct rh_engine *engine);
/* The network went, or came back. */
void rh_link_network(struct rh_engine *engine, bool up);
/* How a request ended: the server was heard, or it was not (or is too busy to be). */
void rh_link_answered(struct rh_engine *engine, const struct rh_request *request,
                      const struct rh_response *response);
void rh_link_lost(struct rh_engine *engine, const struct rh_request *request, rh_ms retry_after_ms);
/* After an outage: may this moment's request go? */
bool rh_link_open(const struct rh_engine *engine);
/* Bytes that can still leave in the time that is left to live; UINT64_MAX without such a time. */
uint64_t rh_link_fits(const struct rh_engine *engine);
/* Another method shall send the upload. RH_ERR_STATE. */
enum rh_error rh_link_method(struct rh_engine *engine, struct rh_upload *upload,
                             struct rh_bytes name);

/* ---- plan.c ---- */
/* The next request to send, if there is one. */
bool rh_plan_next(struct rh_engine *engine, struct rh_action *action);
/* Brings the counts in the uploads up to date. */
void rh_plan_count(struct rh_engine *engine);
/* Whose turn comes first: 0 a recording in progress, 1 others, 2 manual ones. */
unsigned rh_plan_rank(const struct rh_upload *upload);
/* Was it begun by another method, which may still send it? */
bool rh_plan_foreign(const struct rh_engine *engine, const struct rh_upload *upload);

/* ---- hole.c ---- */
/* The first bytes that are held, not vouched for, and in no part. */
bool rh_hole_find(struct rh_engine *engine, struct rh_upload *upload, struct rh_range *hole);
/* Is a hole left that nobody can fill? */
bool rh_hole_lost(struct rh_engine *engine, struct rh_upload *upload);
/* The next new part. */
bool rh_hole_next(struct rh_engine *engine, struct rh_upload *upload, struct rh_range *range);
/* The largest part that may begin now; 0: none. */
uint64_t rh_hole_part_max(const struct rh_engine *engine, const struct rh_upload *upload);
/* The largest cut of the hole that fits in a part, on a segment boundary where one lies in it. */
uint64_t rh_hole_cut(const struct rh_engine *engine, const struct rh_upload *upload,
                     struct rh_range hole, uint64_t length_max);

/* ---- record.c ---- */
size_t rh_record_write(struct rh_engine *engine, struct rh_upload *upload);
enum rh_error rh_record_read(struct rh_engine *engine, struct rh_bytes bytes);

#endif
