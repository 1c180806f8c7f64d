/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_ENGINE_H
#define REELHAUL_ENGINE_H
/*
 * The engine: the sender's brain. It decides what to send, when, and what may be forgotten. It does
 * no I/O, reads no clock, allocates nothing after init, and knows no dialect. A shell (browser,
 * command line, simulator)
 *
 *   1. tells it what happened:      rh_engine_tell(engine, &event)
 *   2. does what it is asked:       while (rh_engine_next(engine, &action)) obey(&action);
 *
 * and decides nothing by itself. The same events give the same actions, natively and in wasm, byte
 * for byte.
 *
 * What a shell owes the engine:
 *   - every event carries the present time (monotonic and wall); monotonic time never falls;
 *   - after a restart: every `record` first, then for each upload that still has bytes `added`, its
 * `spooled` segments in order, and `sealed` if it is. An upload may be `added` although its record
 * was told: that is one upload;
 *   - each RH_ACTION_SEND ends in exactly one `response` or `broken` with its token, unless
 * RH_ACTION_ABORT named it (events for a token that was aborted or never given are ignored);
 *   - it starts with the network up and without leadership: nothing is sent before RH_EVENT_LEADER.
 */
#include "reelhaul/types.h"

/* ---- caps ---- */

#define RH_UPLOAD_ID_MAX   64   /* bytes of a local upload id */
#define RH_REMOTE_MAX      240  /* bytes of the server's name of an upload */
#define RH_GENERATION_MAX  64   /* bytes of a server generation */
#define RH_LEASE_MAX       64   /* bytes of a lease */
#define RH_RANGES_MAX      64   /* ranges that one response can carry */
#define RH_RECORD_MAX      8192 /* bytes of one record */
#define RH_POLICY_NAME_MAX 15
#define RH_METHOD_MAX      15
#define RH_MIME_MAX        63 /* bytes of a media type, as far as it matters here */

/* How much the engine may hold at once. All from the memory given to rh_engine_init. */
struct rh_limits {
    uint32_t
        uploads_max; /* uploads known, completed ones included (the oldest completed gives way) */
    uint32_t segments_max;  /* closed segments remembered, over all uploads; neighbours are merged
                               when short */
    uint32_t intervals_max; /* acknowledged ranges, over all uploads */
    uint32_t parts_max;     /* requests in flight, parts waiting for a retry, parts set aside */
};

/* 64 uploads, 8192 segments, 2048 intervals, 128 parts. */
extern const struct rh_limits rh_limits_default;

/* ---- words ---- */

/* Values are part of the record and trace formats: append, never renumber. */
enum rh_upload_state {
    RH_UPLOAD_PENDING = 0,
    RH_UPLOAD_UPLOADING = 1,
    RH_UPLOAD_PAUSED = 2,
    RH_UPLOAD_COMPLETED = 3,
    RH_UPLOAD_FAILED = 4,
    RH_UPLOAD_CANCELLED = 5,
};

enum rh_reason {
    RH_REASON_NONE = 0,
    RH_REASON_WAITING = 1,       /* pending: its turn has not come, or there are no new bytes yet */
    RH_REASON_OFFLINE = 2,       /* paused: no network */
    RH_REASON_BACKOFF = 3,       /* pending: a retry is scheduled */
    RH_REASON_USER = 4,          /* paused or cancelled by the user */
    RH_REASON_HELD = 5,          /* paused: the shell holds uploading (hybrid mode) */
    RH_REASON_QUOTA = 6,         /* paused: the server has no room (507) */
    RH_REASON_AUTH = 7,          /* paused: a fresh token is needed (401, 403) */
    RH_REASON_BYTES_MISSING = 8, /* failed: bytes are needed that are no longer held */
    RH_REASON_REJECTED = 9,      /* failed: the server refuses it (other 4xx) */
    RH_REASON_ATTEMPTS = 10,     /* failed: the policy's attempts are used up */
    RH_REASON_SET_ASIDE = 11,    /* failed: some parts used up their attempts, all others are up */
    RH_REASON_SUPERSEDED = 12,   /* failed: somebody else ended it */
    RH_REASON_CONFLICT = 13,     /* failed: the server holds other bytes at an acknowledged range */
    RH_REASON_NOT_LEADER = 14,   /* pending: another tab or process sends */
    RH_REASON_EXPIRED = 15, /* failed: the server lost or expired it and it cannot start again */
    RH_REASON_MALFORMED =
        16, /* backoff: an answer is not our server's (captive portal, wrong address) */
    RH_REASON_METERED = 17, /* paused: bytes cost money here, and the policy waits */
    RH_REASON_METHOD = 18,  /* paused: begun by another method, which may still send it */
};

/* What became of a request, as the dialect reads it. */
enum rh_outcome {
    RH_OUTCOME_NONE = 0,
    RH_OUTCOME_OK = 1,
    RH_OUTCOME_DONE = 2,               /* the upload is complete on the server */
    RH_OUTCOME_INCOMPLETE = 3,         /* finish refused: ranges are missing */
    RH_OUTCOME_RETRY = 4,              /* 408, 425, 500, 502, 504 …: try again */
    RH_OUTCOME_TOO_BUSY = 5,           /* 429, 503: try again after retry_after_ms */
    RH_OUTCOME_STORAGE_FULL = 6,       /* 507 */
    RH_OUTCOME_UNAUTHORIZED = 7,       /* 401 */
    RH_OUTCOME_FORBIDDEN = 8,          /* 403 */
    RH_OUTCOME_GONE = 9,               /* 404, 410 */
    RH_OUTCOME_DIFFERENT_BYTES = 10,   /* 409 different_bytes */
    RH_OUTCOME_STALE_WRITER = 11,      /* 409 stale_writer: a newer leader exists */
    RH_OUTCOME_SUPERSEDED = 12,        /* 409 superseded */
    RH_OUTCOME_CHECKSUM_MISMATCH = 13, /* 422: bytes were damaged on the way */
    RH_OUTCOME_REJECTED = 14,          /* other 4xx: fatal */
    RH_OUTCOME_MALFORMED = 15,         /* 2xx or 3xx without what it must have */
    RH_OUTCOME_NETWORK = 16,           /* no answer: from RH_EVENT_BROKEN */
    RH_OUTCOME_TIMEOUT = 17,           /* no progress in time */
    RH_OUTCOME_GONE_BARE = 18,         /* 404, 410 that does not say it is our server's */
};

/* What went wrong, in the words that faces show (mission 4.7). Only VALIDATION is not retryable. */
enum rh_fault {
    RH_FAULT_NONE = 0,
    RH_FAULT_NETWORK = 1,         /* NETWORK_ERROR: no answer, or one that is not our server's */
    RH_FAULT_CHUNK_UPLOAD = 2,    /* CHUNK_UPLOAD_FAILED */
    RH_FAULT_UPLOAD_INIT = 3,     /* UPLOAD_INIT_FAILED: create, or asking for what is there */
    RH_FAULT_UPLOAD_COMPLETE = 4, /* UPLOAD_COMPLETE_FAILED */
    RH_FAULT_VALIDATION = 5,      /* VALIDATION_ERROR: trying again cannot help */
};
/* "NETWORK_ERROR" …; "" for none and for unknown ones. */
const char *rh_fault_name(enum rh_fault fault);

/* Content codings of a part's body: Content-Encoding. As bits (1 << coding) where they are a set.
 */
enum rh_coding {
    RH_CODING_IDENTITY = 0,
    RH_CODING_GZIP = 1,
    RH_CODING_ZSTD = 2,
};

/* The receiver's word about an upload. */
enum rh_remote_state {
    RH_REMOTE_UNSAID = 0,
    RH_REMOTE_OPEN = 1,
    RH_REMOTE_FINISHING = 2,
    RH_REMOTE_DONE = 3,
    RH_REMOTE_EXPIRED = 4,
    RH_REMOTE_LOST = 5,
};

/* ---- policies are data ---- */

enum rh_backoff {
    RH_BACKOFF_TABLE = 0, /* delays_ms[i]; the last one repeats */
    RH_BACKOFF_FULL_JITTER =
        1, /* retry n: uniform in [delay_ms, min(delay_ms_max, delay_ms << n)] */
    RH_BACKOFF_POWER =
        2, /* retry n (from 1): min(delay_ms_max, delay_ms << n) + uniform [0, jitter_ms] */
};

enum rh_keep {
    RH_KEEP_UNTIL_PROVEN = 0,  /* forget when the whole upload is proven */
    RH_KEEP_UNTIL_RECEIPT = 1, /* forget each segment when a receipt vouches for it */
    RH_KEEP_FOR_GOOD = 2,      /* never forget */
};

/* Whether parts are compressed on the way. Only with a coding that the shell and the server both
 * know. */
enum rh_coding_use {
    RH_CODING_OFF = 0,
    RH_CODING_AUTO = 1, /* where a sample says that it pays; never what is compressed already */
    RH_CODING_ALWAYS = 2,
};

/* Whose turn it is. Values are part of the record. */
enum rh_priority {
    RH_PRIORITY_NORMAL = 0, /* first while it is being recorded, then in recording order */
    RH_PRIORITY_LIVE = 1,   /* first, also when it is whole */
    RH_PRIORITY_MANUAL = 2, /* behind all others (the cloud button) */
};

/* On a network where bytes cost money. */
enum rh_metered {
    RH_METERED_GO_ON = 0,
    RH_METERED_SHRINK = 1, /* one small part at a time, so that little is sent twice */
    RH_METERED_WAIT = 2,
};

#define RH_RETRIES_UNLIMITED UINT32_MAX
#define RH_DELAYS_MAX        8
#define RH_STEPS_MAX         4

/* What the dialect in use needs; from rh_wire_dialect.traits, put into rh_policy.traits by the
 * shell. */
#define RH_TRAIT_SEALED_ONLY 1u /* nothing is sent before the total is known */
#define RH_TRAIT_FIXED_PARTS                                                                       \
    2u /* parts lie at multiples of part_bytes, whose size never changes                           \
        */
#define RH_TRAIT_FINISH_ALWAYS 4u /* finish is asked for also when the server says done */
#define RH_TRAIT_NO_CANCEL     8u /* the dialect cannot delete an upload */
/*
 * The server has one cursor: bytes come in order, one request at a time. Parts begin where it
 * stands, are larger (RH_CURSOR_PARTS times: nothing that arrived of a broken one is lost), are not
 * set aside, and after each that failed the server is asked where it stands.
 */
#define RH_TRAIT_ONE_CURSOR 16u
#define RH_TRAITS_ALL       31u
#define RH_CURSOR_PARTS     16u

/* Files up to this size have parts of that size. */
struct rh_part_step {
    uint32_t size_max; /* bytes, this very size included */
    uint32_t part_bytes;
};

struct rh_policy {
    char name[RH_POLICY_NAME_MAX + 1];
    uint32_t uploads_parallel;   /* uploads with requests in flight */
    uint32_t parts_parallel;     /* parts in flight per upload */
    uint32_t parts_parallel_all; /* parts in flight of all uploads; 0: no cap of its own */
    uint32_t flight_bytes_max;   /* bytes in flight of all uploads; one part may always fly; 0: none
                                  */
    uint32_t part_bytes;         /* largest part, where no step says otherwise */
    uint32_t steps_count;        /* ascending sizes; the first that fits when the upload begins */
    struct rh_part_step steps[RH_STEPS_MAX];
    uint32_t part_bytes_min; /* shrinks to this on a poor link */
    uint32_t part_wait_ms;   /* how long a growing upload's bytes wait for a full part; 0: none */
    uint32_t gap_ms;         /* between the end of one upload and the start of the next */
    uint32_t retries_max;    /* per upload, or per part with retry_parts; RH_RETRIES_UNLIMITED */
    bool retry_parts;        /* retries are counted per part */
    bool set_aside;          /* a part that used up its retries steps aside, the rest goes on */
    bool attempts_reset;     /* an acknowledged part starts the count anew */
    bool unreachable_is_attempt; /* a request that got no answer counts */
    bool offline_is_attempt;     /* goes on trying while the network is known to be down */
    bool quota_is_attempt;       /* 507 counts like any 5xx; else it is a state */
    enum rh_backoff backoff;
    uint32_t delay_ms;
    uint32_t delay_ms_max;
    uint32_t jitter_ms;
    uint32_t delays_count;
    uint32_t delays_ms[RH_DELAYS_MAX];
    /* A request without progress is broken off after four times the longest silence that this link
     * showed lately, within these; after idle_ms_max while nothing is known. */
    uint32_t idle_ms_min;
    uint32_t idle_ms_max;
    uint32_t quota_ms; /* how long to wait after 507 without Retry-After */
    enum rh_keep keep;
    bool free_under_pressure; /* critical storage pressure turns UNTIL_PROVEN into UNTIL_RECEIPT */
    enum rh_coding_use coding;
    uint32_t share_min_percent; /* of the bytes: uploads behind a live one get at least this */
    enum rh_metered metered;
    bool probe;         /* after an outage one request finds out, and then all go on … */
    uint32_t spread_ms; /* … each at its own moment within this */
    uint32_t traits;    /* RH_TRAIT_*: what the dialect needs */
    /* How this engine sends: the dialect's name, put here by the shell. An upload belongs to the
     * method that began it. "": not told apart. */
    char method[RH_METHOD_MAX + 1];
};

extern const struct rh_policy rh_policies[]; /* never-give-up first */
extern const uint32_t rh_policies_count;
/* The policy of that name, or NULL. */
const struct rh_policy *rh_policy_find(struct rh_bytes name);
/*
 * Sets a field by its C name ("parts_parallel"; booleans and enums as numbers; "delays_ms.0" …).
 * RH_ERR_UNKNOWN no such field; RH_ERR_RANGE a number that field cannot be.
 */
enum rh_error rh_policy_set(struct rh_policy *policy, struct rh_bytes field, uint32_t value);

/* ---- events ---- */

enum rh_event_kind {
    RH_EVENT_WAKE = 1,        /* the time asked for by wake_at has come; harmless at any moment */
    RH_EVENT_NETWORK = 2,     /* up, down, metered */
    RH_EVENT_ADDED = 3,       /* an upload exists (recording order = order of these) */
    RH_EVENT_SPOOLED = 4,     /* one closed immutable segment is durable here */
    RH_EVENT_SEALED = 5,      /* no more segments: size and checksum of the whole */
    RH_EVENT_SOURCE_LOST = 6, /* its bytes are gone */
    RH_EVENT_RESPONSE = 7,
    RH_EVENT_PROGRESS = 8, /* body bytes of a request that have left so far */
    RH_EVENT_BROKEN = 9,   /* a request ended without an answer */
    RH_EVENT_PART_CRC =
        10, /* the shell computed the checksum of a part it sends (send.crc_known was false) */
    RH_EVENT_STORAGE = 11,     /* storage pressure of the spool */
    RH_EVENT_LEADER = 12,      /* this engine may send */
    RH_EVENT_LEADER_LOST = 13, /* it must not any more */
    RH_EVENT_LEFT = 14,        /* so many ms are left to live */
    RH_EVENT_PAUSE = 15,       /* by the user; upload "" means all */
    RH_EVENT_RESUME = 16,      /* upload "" means all */
    RH_EVENT_CANCEL = 17, /* the user gives the upload up: its bytes are forgotten on both ends */
    RH_EVENT_RETRY = 18,  /* a failed upload and parts set aside start again; upload "" means all */
    RH_EVENT_REMOVE = 19, /* take a finished (completed, failed, cancelled) upload off the list */
    RH_EVENT_LIMIT = 20,  /* bytes per second, percent of the measured uplink; 0: none */
    RH_EVENT_HOLD = 21,   /* start nothing new until release */
    RH_EVENT_RELEASE = 22,
    RH_EVENT_RECORD = 23,   /* replay of a persisted record */
    RH_EVENT_TOKEN = 24,    /* a fresh token is here */
    RH_EVENT_SAMPLED = 25,  /* what the source is, and what compressing a sample of it gave */
    RH_EVENT_PRIORITY = 26, /* of an upload, at any moment */
    /* Another method shall send the upload: what flies is stopped and it begins anew, here if it is
     * this engine's method. RH_ERR_STATE: it is over, or bytes are not held any more. */
    RH_EVENT_METHOD = 27,
    /* What the dialect of this upload needs, beside what the policy says: for shells whose uploads
     * go by several dialects. Told in each life, before anything of the upload is sent. */
    RH_EVENT_TRAITS = 28,
};

enum rh_pressure {
    RH_PRESSURE_NONE = 0,
    RH_PRESSURE_LOW = 1,
    RH_PRESSURE_CRITICAL = 2,
};

/* A range that the server vouches for. */
struct rh_ack {
    uint64_t offset;
    uint64_t length;
    uint64_t crc64; /* of these bytes, where crc_known */
    bool crc_known;
    bool kept;    /* kept=until-complete */
    bool durable; /* synced, not only received */
};

struct rh_response {
    uint32_t token;
    enum rh_outcome outcome;
    uint16_t status; /* HTTP status, for people */
    enum rh_remote_state remote_state;
    rh_ms retry_after_ms; /* RH_MS_NEVER: not said */
    bool listed;          /* acks is everything the server has (up to RH_RANGES_MAX ranges) */
    uint8_t codings;      /* content codings that it takes, as bits; 0: not said */
    uint32_t acks_count;
    struct rh_ack acks[RH_RANGES_MAX];
    uint32_t missing_count;
    struct rh_range missing[RH_RANGES_MAX];
    char remote[RH_REMOTE_MAX + 1];         /* "" where not said */
    char generation[RH_GENERATION_MAX + 1]; /* "" where not said */
};

struct rh_event {
    enum rh_event_kind kind;
    rh_ms now_ms;                      /* monotonic */
    int64_t wall_ms;                   /* since 1970, as far as this machine knows */
    char upload[RH_UPLOAD_ID_MAX + 1]; /* the local id, where the event is about one upload */
    union {
        struct {
            bool up;
            bool metered;
        } network;
        struct {
            uint64_t size;             /* RH_SIZE_UNKNOWN while it grows */
            enum rh_priority priority; /* of one that was not known yet */
        } added;
        struct {
            uint64_t offset;
            uint64_t length;
            uint64_t crc64;
        } spooled;
        struct {
            uint64_t size;
            uint64_t crc64;
        } sealed;
        struct rh_response response;
        struct {
            uint32_t token;
            uint64_t bytes;
        } progress;
        struct {
            uint32_t token;
            bool timeout; /* the shell's own time-out, else a network error */
        } broken;
        struct {
            uint32_t token;
            uint64_t crc64;
        } part_crc;
        struct {
            enum rh_pressure level;
        } storage;
        struct {
            rh_ms ms;
        } left;
        struct {
            uint64_t bytes_per_s;
            uint8_t percent; /* of the measured uplink, 1 … 100; the lower of both holds */
        } limit;
        struct {
            enum rh_priority level;
        } priority;
        struct {
            char name[RH_METHOD_MAX + 1];
        } method;
        struct {
            uint32_t traits; /* RH_TRAIT_* */
        } traits;
        struct {
            struct rh_bytes bytes; /* borrowed for the call */
        } record;
        struct {
            char mime[RH_MIME_MAX + 1];
            uint8_t codings;        /* what the shell can make, as bits */
            uint32_t plain_bytes;   /* of the sample; 0: none was taken */
            uint32_t coded_bytes;   /* what became of it */
            uint64_t coder_bytes_s; /* how fast */
        } sampled;
    };
};

/* ---- actions ---- */

enum rh_action_kind {
    RH_ACTION_SEND = 1,
    RH_ACTION_ABORT = 2,   /* break the request off; no event is owed for it */
    RH_ACTION_WAKE_AT = 3, /* tell WAKE then; replaces the last one; RH_MS_NEVER: no more */
    RH_ACTION_PERSIST = 4, /* make the record durable, before obeying later actions */
    RH_ACTION_ERASE_RECORD = 5,
    RH_ACTION_FORGET = 6, /* bytes may be deleted */
    RH_ACTION_NOTIFY = 7,
    RH_ACTION_NEED_TOKEN = 8, /* get a fresh token, then tell TOKEN */
    RH_ACTION_NOTIFY_QUEUE = 9,
};

enum rh_send_kind {
    RH_SEND_CREATE = 1,
    RH_SEND_ASK = 2,
    RH_SEND_PART = 3,
    RH_SEND_FINISH = 4,
    RH_SEND_CANCEL = 5,
};

struct rh_send {
    uint32_t token;
    enum rh_send_kind kind;
    char remote[RH_REMOTE_MAX + 1]; /* "" before the create's answer */
    struct rh_range range;          /* of a part */
    uint64_t crc64; /* of the range (part) or of the whole (finish), where crc_known */
    bool crc_known;
    bool final;            /* this part ends the upload */
    uint64_t total;        /* RH_SIZE_UNKNOWN while it grows */
    uint32_t part_bytes;   /* geometry, for dialects that count chunks */
    uint32_t attempt;      /* 1 for the first try */
    enum rh_coding coding; /* of a part's body; crc64 and range are about the plain bytes */
    /* Checksums of the part's slices, in order and summing up to its length: which prefix of a
     * broken body is sound. None where the part is one slice, or crc64 is not known: then the shell
     * that computes it adds them (rh_wire_slices). */
    uint32_t slices_count;
    struct rh_slice slices[RH_SLICES_MAX];
};

/* What can be shown of one upload. */
struct rh_snapshot {
    enum rh_upload_state state;
    enum rh_reason reason;
    enum rh_outcome error;  /* of the last request that failed */
    uint16_t status;        /* its HTTP status, 0 for none */
    uint64_t acked_bytes;   /* the server vouches for them */
    uint64_t sent_bytes;    /* acked, and what left of the parts in flight */
    uint64_t spooled_bytes; /* recorded so far */
    uint64_t total_bytes;   /* RH_SIZE_UNKNOWN while it grows */
    uint64_t speed_bytes_s; /* 0: not known yet */
    rh_ms remaining_ms;     /* RH_MS_NEVER: not known */
    rh_ms retry_at_ms;      /* monotonic; RH_MS_NEVER: none planned */
    uint32_t parts_done;    /* in units of part_bytes */
    uint32_t parts_total;   /* of what is spooled so far, or of the total */
    uint32_t attempts;      /* failed tries so far */
    uint32_t set_aside;     /* parts */
    uint32_t mismatches;    /* receipts that contradicted our checksum */
    bool proven;            /* completed, and the whole's checksum was confirmed */
    bool resumed;           /* goes on from an earlier life ("Resuming uploads…") */
    enum rh_fault fault;    /* `error` in the words of 4.7; stays until something succeeds */
    bool fault_retryable;
    uint32_t fault_part; /* the part it was about, from 1 in units of part_bytes; 0: none */
};

/* Why something was tried again. */
enum rh_cause {
    RH_CAUSE_NETWORK = 0,  /* no answer */
    RH_CAUSE_TIMEOUT = 1,  /* no progress */
    RH_CAUSE_BUSY = 2,     /* 429, 503 */
    RH_CAUSE_SERVER = 3,   /* other 5xx, 408 … */
    RH_CAUSE_QUOTA = 4,    /* 507 */
    RH_CAUSE_AUTH = 5,     /* 401, 403 */
    RH_CAUSE_DAMAGED = 6,  /* checksums disagree */
    RH_CAUSE_FOREIGN = 7,  /* not our server's answer */
    RH_CAUSE_GONE = 8,     /* begun anew, the server knew it no more */
    RH_CAUSE_CONFLICT = 9, /* ranges missing, other bytes, another writer */
    RH_CAUSES = 10,
};

/* What happened to one upload, in all its lives. */
struct rh_tally {
    uint64_t sent_bytes;  /* body bytes that left, repeated ones included */
    uint64_t acked_bytes; /* of parts that were acknowledged */
    uint64_t spent_ms;    /* from its first request on, while an engine ran */
    uint32_t parts;       /* acknowledged */
    uint32_t retries[RH_CAUSES];
    uint32_t pauses;  /* by the user */
    uint32_t resumes; /* by the user, and going on in another life */
};

/*
 * What happened to all of them, cumulative over the lives of the engine's records (the last half
 * minute before a crash may be missing). Numbers only: no names, ids, addresses, times of day.
 */
struct rh_counters {
    uint64_t begun; /* uploads */
    uint64_t completed;
    uint64_t proven; /* among the completed */
    uint64_t failed; /* each time one fails for good */
    uint64_t cancelled;
    uint64_t troubled; /* completed after RH_TROUBLED_RETRIES or more, or failed at least once */
    uint64_t retried;  /* by hand */
    uint64_t completed_ms; /* sum of the time of the completed: divide by `completed` */
    uint64_t completed_bytes;
    uint64_t failed_for[RH_REASON_MALFORMED + 1]; /* by reason */
    struct rh_tally all;                          /* of all uploads together; counts saturate */
};
#define RH_TROUBLED_RETRIES 3u

struct rh_queue {
    uint32_t total;
    uint32_t pending;
    uint32_t uploading;
    uint32_t paused;
    uint32_t completed;
    uint32_t failed;
    uint32_t cancelled;
};

struct rh_action {
    enum rh_action_kind kind;
    char upload[RH_UPLOAD_ID_MAX + 1];
    union {
        struct rh_send send;
        struct {
            uint32_t token;
        } abort;
        struct {
            rh_ms at_ms;
        } wake_at;
        /* upload "": the engine's own record, its counters; kept and replayed like the others */
        struct {
            struct rh_bytes bytes; /* valid until the next call on this engine */
        } persist;
        struct {
            struct rh_range range;
            bool whole;
        } forget;
        struct rh_snapshot notify;
        struct rh_queue queue;
    };
};

/* ---- the engine ---- */

struct rh_engine;

/* Bytes of memory that rh_engine_init needs for these limits; 0 if a limit is 0 or absurd. */
size_t rh_engine_size(const struct rh_limits *limits);

/*
 * Makes an engine in the caller's memory (rh_engine_size bytes, aligned for max_align_t), which it
 * uses until the caller stops calling it; there is nothing to free. Limits and policy are copied.
 * The seed feeds the jitter.
 */
struct rh_engine *rh_engine_init(void *memory, const struct rh_limits *limits,
                                 const struct rh_policy *policy, uint64_t seed);

/*
 * Something happened. RH_OK, or: RH_ERR_SYNTAX a field breaks its rules; RH_ERR_UNKNOWN no such
 * upload; RH_ERR_LIMIT a cap is reached; RH_ERR_RANGE a segment does not follow the last, or a size
 * disagrees; RH_ERR_STATE not possible now; RH_ERR_VERSION, RH_ERR_CHECKSUM of a record. An event
 * that errs changes nothing but the time.
 */
enum rh_error rh_engine_tell(struct rh_engine *engine, const struct rh_event *event);

/* The next thing to do; false: nothing until the next event. */
bool rh_engine_next(struct rh_engine *engine, struct rh_action *action);

/* The snapshot of one upload, for shells that pull. RH_ERR_UNKNOWN. */
enum rh_error rh_engine_look(const struct rh_engine *engine, struct rh_bytes upload,
                             struct rh_snapshot *out);

/* What happened so far, for reports. */
void rh_engine_counters(const struct rh_engine *engine, struct rh_counters *out);
/* And to one upload. RH_ERR_UNKNOWN. */
enum rh_error rh_engine_tally(const struct rh_engine *engine, struct rh_bytes upload,
                              struct rh_tally *out);

/* ---- codec: one event or action as bytes; the wasm boundary and the format of trace files ---- */

#define RH_CODEC_FORMAT    2
#define RH_EVENT_CODE_MAX  16384 /* an encoded event is never longer */
#define RH_ACTION_CODE_MAX 16384

/*
 * Layout, little-endian: u8 format, u8 kind, u16 0, u32 length of the whole; then the body that
 * src/engine/codec.c lists. Encode: writes to out, sets *used. RH_ERR_LIMIT if cap is too small.
 * Decode: reads one from the start of `in`, sets *used; bytes point into `in`. RH_ERR_AGAIN: cut
 * short. RH_ERR_SYNTAX, RH_ERR_VERSION.
 */
enum rh_error rh_event_encode(const struct rh_event *event, uint8_t *out, size_t cap, size_t *used);
enum rh_error rh_event_decode(struct rh_bytes in, struct rh_event *event, size_t *used);
enum rh_error rh_action_encode(const struct rh_action *action, uint8_t *out, size_t cap,
                               size_t *used);
enum rh_error rh_action_decode(struct rh_bytes in, struct rh_action *action, size_t *used);
/*
 * The counters: u64 begun, completed, proven, failed, cancelled, troubled, retried, completed ms,
 * completed bytes; u32 n and n u64 failed_for; then the tally: u64 sent bytes, acked bytes, spent
 * ms; u32 parts, retries by cause, pauses, resumes. RH_ERR_LIMIT.
 */
enum rh_error rh_counters_encode(const struct rh_counters *counters, uint8_t *out, size_t cap,
                                 size_t *used);

#endif
