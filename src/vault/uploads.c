/* SPDX-License-Identifier: MIT */
/*
 * Uploads in memory: open and finishing ones always, others as long as they are used or the cache
 * has room. What memory has is the truth; the catalog is asked for what it has not. Reads and
 * commits end in the order they were started, so an answer is never older than what was committed
 * and evicted before the question.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/id.h"
#include "base/plant.h"
#include "base/siphash.h"
#include "vault/inside.h"

static uint64_t hash_id(const struct rh_vault *v, const char *id)
{
    return rh_siphash(v->entropy, id, strlen(id));
}

static uint64_t hash_name(const struct rh_vault *v, const char *session, const char *name)
{
    return rh_siphash(v->entropy, session, strlen(session)) * 31 +
           rh_siphash(v->entropy, name, strlen(name));
}

static bool is_open(const struct rh_upload *u)
{
    return u->row.state == RH_UPLOAD_OPEN || u->row.state == RH_UPLOAD_FINISHING;
}

/* ---- In memory ---- */

struct rh_upload *rh_upload_by_id(struct rh_vault *v, const char *id)
{
    struct rh_map_node *node = rh_map_first(&v->uploads, hash_id(v, id));
    for (; node != NULL; node = rh_map_same(node)) {
        struct rh_upload *u = RH_LIST_ENTRY(node, struct rh_upload, by_id);
        if (strcmp(u->row.id, id) == 0) /* no test: else two of one 64-bit hash */
            return u;
    }
    return NULL;
}

struct rh_upload *rh_upload_by_name(struct rh_vault *v, const char *session, const char *name)
{
    struct rh_map_node *node = rh_map_first(&v->names, hash_name(v, session, name));
    for (; node != NULL; node = rh_map_same(node)) {
        struct rh_upload *u = RH_LIST_ENTRY(node, struct rh_upload, by_name);
        bool same = strcmp(u->row.name, name) == 0;
        if (same && strcmp(u->row.session, session) == 0) /* no test: else two of one hash */
            return u;
    }
    return NULL;
}

/* Live ones of a session own their name; expired and lost ones give it back, but not before their
 * bytes are removed: waiting chunks are found by name. */
static void settle_name(struct rh_vault *v, struct rh_upload *u)
{
    bool named = u->session != NULL && (u->row.state <= RH_UPLOAD_DONE || u->dropping);
    named = named && !(RH_PLANTED("complete-twice") && u->row.state == RH_UPLOAD_DONE);
    if (named == u->named)
        return;
    u->named = named;
    if (named)
        rh_map_add(&v->names, &u->by_name, hash_name(v, u->row.session, u->row.name));
    else
        rh_map_remove(&v->names, &u->by_name);
}

static void settle_order(struct rh_vault *v, struct rh_upload *u)
{
    rh_list_remove(&u->in_order);
    if (!is_open(u))
        rh_list_append(&v->idle_order, &u->in_order);
    else if (!u->row.overdue)
        rh_list_append(&v->open_order, &u->in_order);
}

static void insert(struct rh_vault *v, struct rh_upload *u)
{
    struct rh_list *lists[] = {&u->writers,        &u->turn_waiters,       &u->extents,
                               &u->finish_waiters, &u->idle_waiters,       &u->closed_waiters,
                               &u->gone_waiters,   &u->checkpoint_waiters, &u->piece_waiters};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        rh_list_init(lists[i]);
    rh_text_slot_init(&u->text);
    rh_map_add(&v->uploads, &u->by_id, hash_id(v, u->row.id));
    if (u->row.session[0] != '\0') {
        u->session = rh_session_get(v, u->row.session);
        rh_list_append(&u->session->uploads, &u->in_session);
    }
    if (is_open(u))
        v->open_count++;
    else
        v->idle_count++;
    settle_name(v, u);
    settle_order(v, u);
}

struct rh_upload *rh_upload_new(struct rh_vault *v, struct rh_session *s, const char *name,
                                const uint8_t entropy[32])
{
    struct rh_upload *u = rh_vault_alloc(sizeof *u);
    rh_id_make(u->row.id, RH_PLANTED("reuse-id") ? v->meta.id_key : entropy, v->meta.id_key);
    if (s != NULL)
        strcpy(u->row.session, s->row.id);
    if (name[0] != '\0')
        strcpy(u->row.name, name);
    else
        rh_uuid_format(u->row.name, entropy + 16);
    u->row.state = RH_UPLOAD_OPEN;
    u->row.geometry = RH_GEOMETRY_RANGES;
    u->row.total = RH_SIZE_UNKNOWN;
    u->row.chunk_count = RH_SIZE_UNKNOWN;
    u->row.created_wall_s = rh_wall_s(v);
    u->row.touched_tick = v->ticks;
    insert(v, u);
    rh_commit_row(v, u);
    return u;
}

struct rh_upload *rh_upload_adopt(struct rh_vault *v, struct rh_upload_rows *rows)
{
    struct rh_upload *known = rh_upload_by_id(v, rows->row.id);
    if (known != NULL)
        return known;
    struct rh_upload *u = rh_vault_alloc(sizeof *u);
    u->row = rows->row;
    u->row_tick = u->row.touched_tick;
    u->acked.items = rows->intervals;
    u->acked.count = rows->interval_count;
    u->acked.cap = rows->interval_count;
    u->chunks = rows->chunks;
    u->chunk_count = rows->chunk_count;
    u->chunk_cap = rows->chunk_count;
    for (size_t i = 0; i < u->acked.count; i++)
        u->acked.bytes += u->acked.items[i].length;
    for (size_t i = 0; i < u->chunk_count; i++)
        u->waiting_bytes += u->chunks[i].waiting ? u->chunks[i].length : 0;
    u->sealed = u->row.state == RH_UPLOAD_DONE;
    rh_cursor_recall(u);
    memset(rows, 0, sizeof *rows);
    insert(v, u);
    return u;
}

static void free_extents(struct rh_upload *u)
{
    struct rh_list *node;
    while ((node = rh_list_first(&u->extents)) != NULL) {
        struct rh_extent *extent = RH_LIST_ENTRY(node, struct rh_extent, in_upload);
        rh_list_remove(node);
        rh_list_remove(&extent->in_open);
        free(extent);
    }
}

void rh_upload_remove(struct rh_vault *v, struct rh_upload *u)
{
    rh_wake_all(v, &u->gone_waiters, RH_OK);
    rh_wake_all(v, &u->piece_waiters, RH_OK);
    rh_concat_free(u);
    free_extents(u);
    rh_map_remove(&v->uploads, &u->by_id);
    if (u->named)
        rh_map_remove(&v->names, &u->by_name);
    if (is_open(u))
        v->open_count--;
    else
        v->idle_count--;
    rh_list_remove(&u->in_session);
    rh_list_remove(&u->in_order);
    rh_list_remove(&u->in_dirty);
    if (u->retry_tick != 0)
        v->retry_count--;
    rh_intervals_finish(&u->acked);
    free(u->chunks);
    free(u->row.metadata);
    free(u->sources);
    free(u);
}

void rh_upload_state(struct rh_vault *v, struct rh_upload *u, enum rh_upload_state state)
{
    bool was_open = is_open(u);
    u->row.state = state;
    if (was_open && !is_open(u)) {
        v->open_count--;
        v->idle_count++;
    }
    settle_name(v, u);
    settle_order(v, u);
    rh_commit_row(v, u);
}

void rh_upload_dropped(struct rh_vault *v, struct rh_upload *u)
{
    u->dropping = false;
    u->closing = false;
    settle_name(v, u);
    rh_wake_all(v, &u->idle_waiters, RH_OK);
}

void rh_upload_touch(struct rh_vault *v, struct rh_upload *u)
{
    u->row.touched_tick = v->ticks;
    if (u->row.overdue) {
        u->row.overdue = false;
        rh_commit_row(v, u);
    }
    settle_order(v, u);
    /* An age that is a minute off harms nobody; a row for each part would. */
    if (u->row.touched_tick >= u->row_tick + RH_META_TICKS)
        rh_commit_row(v, u);
}

bool rh_upload_is_vouched(const struct rh_upload *u)
{
    /* Its sender was told when it expires, and was promised no more than that. */
    if (u->row.geometry == RH_GEOMETRY_CURSOR)
        return false;
    return u->acked.count > 0 || u->chunk_count > 0 || u->row.metadata != NULL;
}

static bool may_go(const struct rh_vault *v, const struct rh_upload *u)
{
    return u->pins == 0 && u->commit_seq <= v->committed_seq && !u->deleting && !u->text.busy &&
           u->finish == RH_FINISH_NO && rh_list_is_empty(&u->extents) &&
           rh_list_is_empty(&u->finish_waiters) && rh_list_is_empty(&u->piece_waiters);
}

void rh_uploads_evict(struct rh_vault *v)
{
    /* Bounded work: what is in use is looked at again next time. */
    for (size_t tries = 0; tries < 64 && v->idle_count > v->limits.cached_max; tries++) {
        struct rh_upload *u =
            RH_LIST_ENTRY(rh_list_first(&v->idle_order), struct rh_upload, in_order);
        if (may_go(v, u)) {
            if (u->session != NULL)
                u->session->loaded = false;
            rh_upload_remove(v, u);
        } else {
            rh_list_remove(&u->in_order);
            rh_list_append(&v->idle_order, &u->in_order);
        }
    }
    for (size_t tries = 0; tries < 64 && v->sessions.count > v->limits.cached_max; tries++) {
        struct rh_session *s =
            RH_LIST_ENTRY(rh_list_first(&v->all_sessions), struct rh_session, in_all);
        rh_list_remove(&s->in_all);
        rh_list_append(&v->all_sessions, &s->in_all);
        if (s->pins == 0 && rh_list_is_empty(&s->uploads) && s->commit_seq <= v->committed_seq)
            rh_session_remove(v, s);
    }
}

/* ---- Looking up ---- */

static void looked(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    op->looked = true;
    op->looked_error = error;
    rh_op_run(v, op);
}

static void was_gone(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    (void)error;
    op->looked = false;
    rh_op_run(v, op);
}

void rh_upload_read(struct rh_vault *v, const char *id, struct rh_waiter *waiter,
                    void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error))
{
    struct rh_read *out;
    struct rh_map_node *node;
    /* One question for all that ask the same. */
    for (size_t i = 0; i < v->reads.bucket_count; i++) {
        for (node = v->reads.buckets[i]; node != NULL; node = node->next) {
            struct rh_catalog_read *read = RH_LIST_ENTRY(node, struct rh_catalog_read, by_id);
            if (read->kind == RH_READ_UPLOAD && strcmp(read->upload, id) == 0) {
                rh_wait(&read->waiters, waiter, wake);
                return;
            }
        }
    }
    struct rh_catalog_read *read = rh_read_start(v, RH_READ_UPLOAD, &out);
    strcpy(out->upload, id);
    strcpy(read->upload, id);
    rh_wait(&read->waiters, waiter, wake);
}

void rh_upload_was_read(struct rh_vault *v, struct rh_catalog_read *read, struct rh_rows *rows)
{
    for (size_t i = 0; rows->error == RH_OK && i < rows->upload_count; i++)
        (void)rh_upload_adopt(v, &rows->uploads[i]);
    rh_wake_all(v, &read->waiters, rows->error);
}

/* An upload that is being erased is waited for: afterwards it is not there. */
static enum rh_found found(struct rh_vault *v, struct rh_op *op, struct rh_upload *u)
{
    if (u->deleting) {
        rh_op_detach(op);
        rh_wait(&u->gone_waiters, &op->waiter, was_gone);
        return RH_WAITS;
    }
    if (op->request->session[0] != '\0' && strcmp(u->row.session, op->request->session) != 0) {
        rh_reply(v, op, RH_REPLY_UNKNOWN, "no such upload in this session");
        return RH_ANSWERED;
    }
    if (op->upload != u) {
        rh_op_detach(op);
        rh_op_attach(op, u);
    }
    if (!is_open(u)) {
        rh_list_remove(&u->in_order);
        rh_list_append(&v->idle_order, &u->in_order);
    }
    return RH_FOUND;
}

static enum rh_found find_by_id(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = rh_upload_by_id(v, op->request->upload);
    if (u != NULL)
        return found(v, op, u);
    if (op->looked) {
        rh_reply(v, op, op->looked_error == RH_OK ? RH_REPLY_GONE : RH_REPLY_INTERNAL,
                 op->looked_error == RH_OK ? "this upload is no longer here"
                                           : "the catalog could not be read");
        return RH_ANSWERED;
    }
    if (rh_id_check(rh_bytes_of(op->request->upload), v->meta.id_key) != RH_OK) {
        rh_reply(v, op, RH_REPLY_UNKNOWN, "no such upload");
        return RH_ANSWERED;
    }
    rh_upload_read(v, op->request->upload, &op->waiter, looked);
    return RH_WAITS;
}

enum rh_found rh_upload_find(struct rh_vault *v, struct rh_op *op)
{
    if (op->upload != NULL)
        return found(v, op, op->upload);
    if (op->request->upload[0] != '\0')
        return find_by_id(v, op);
    if (op->request->session[0] == '\0')
        return RH_ABSENT;
    struct rh_session *s = rh_session_get(v, op->request->session);
    if (op->session == NULL) {
        op->session = s;
        s->pins++;
    }
    if (!s->loaded && !op->looked) {
        rh_session_load(v, s, &op->waiter, looked);
        return RH_WAITS;
    }
    if (!s->loaded) {
        RH_ASSERT(op->looked_error != RH_OK); /* nobody waits between the look and here */
        bool unknown = op->looked_error == RH_ERR_UNKNOWN;
        rh_reply(v, op, unknown ? RH_REPLY_UNKNOWN_SESSION : RH_REPLY_INTERNAL,
                 unknown ? "no such session" : "the catalog could not be read");
        return RH_ANSWERED;
    }
    struct rh_upload *u = rh_upload_by_name(v, s->row.id, op->request->name);
    if (u != NULL && u->dropping) {
        rh_wait(&u->idle_waiters, &op->waiter, was_gone);
        return RH_WAITS;
    }
    return u != NULL ? found(v, op, u) : RH_ABSENT;
}
