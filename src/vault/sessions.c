/* SPDX-License-Identifier: MIT */
/* Sessions: made, loaded, shown. */
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/siphash.h"
#include "vault/inside.h"

static uint64_t hash_session(const struct rh_vault *v, const char *id)
{
    return rh_siphash(v->entropy, id, strlen(id));
}

struct rh_session *rh_session_peek(struct rh_vault *v, const char *id)
{
    struct rh_map_node *node = rh_map_first(&v->sessions, hash_session(v, id));
    for (; node != NULL; node = rh_map_same(node)) {
        struct rh_session *s = RH_LIST_ENTRY(node, struct rh_session, by_id);
        if (strcmp(s->row.id, id) == 0) /* no test: else two of one 64-bit hash */
            return s;
    }
    return NULL;
}

struct rh_session *rh_session_get(struct rh_vault *v, const char *id)
{
    struct rh_session *s = rh_session_peek(v, id);
    if (s != NULL) {
        rh_list_remove(&s->in_all);
        rh_list_append(&v->all_sessions, &s->in_all);
        return s;
    }
    s = rh_vault_alloc(sizeof *s);
    strcpy(s->row.id, id);
    rh_list_init(&s->uploads);
    rh_list_init(&s->waiters);
    rh_text_slot_init(&s->text);
    rh_map_add(&v->sessions, &s->by_id, hash_session(v, id));
    rh_list_append(&v->all_sessions, &s->in_all);
    return s;
}

void rh_session_remove(struct rh_vault *v, struct rh_session *s)
{
    rh_map_remove(&v->sessions, &s->by_id);
    rh_list_remove(&s->in_all);
    free(s);
}

/* ---- Loading ---- */

void rh_session_load(struct rh_vault *v, struct rh_session *s, struct rh_waiter *waiter,
                     void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error))
{
    waiter->wake = wake;
    if (s->loaded) {
        rh_wake(v, waiter, RH_OK);
        return;
    }
    rh_wait(&s->waiters, waiter, wake);
    if (s->loading)
        return;
    struct rh_read *out;
    struct rh_catalog_read *read = rh_read_start(v, RH_READ_SESSION, &out);
    strcpy(out->session, s->row.id);
    read->session = s;
    s->loading = true;
    s->pins++;
}

/* Those that are in memory are newer than what was read; the order becomes that of the rows. */
void rh_session_was_read(struct rh_vault *v, struct rh_catalog_read *read, struct rh_rows *rows)
{
    struct rh_session *s = read->session;
    enum rh_error error = rows->error;
    s->loading = false;
    s->pins--;
    if (error == RH_OK && !rows->found)
        error = RH_ERR_UNKNOWN;
    if (error == RH_OK) {
        s->row = rows->session;
        s->loaded = true;
        for (size_t i = 0; i < rows->upload_count; i++) {
            struct rh_upload *u = rh_upload_adopt(v, &rows->uploads[i]);
            rh_list_remove(&u->in_session);
            rh_list_append(&s->uploads, &u->in_session);
        }
    }
    rh_wake_all(v, &s->waiters, error);
}

/* ---- Requests ---- */

static void session_written(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    if (error == RH_OK)
        rh_reply(v, op, op->made ? RH_REPLY_CREATED : RH_REPLY_OK, NULL);
    else
        rh_reply(v, op, rh_reply_code_of(error), "session.json could not be written");
}

static void session_make(struct rh_vault *v, struct rh_session *s, struct rh_op *op)
{
    s->loaded = true;
    s->row.created_wall_s = rh_wall_s(v);
    strcpy(s->row.participant, op->request->participant);
    rh_commit_add(v, RH_CHANGE_SESSION, NULL)->u.session = s->row;
    s->commit_seq = v->gathering_seq;
    op->made = true;
}

/* Asked again by one who did not hear the answer. NULL, or why it is somebody else's session. */
static const char *session_differs(const struct rh_session *s, const struct rh_vault_request *r)
{
    if (r->participant[0] != '\0' && strcmp(r->participant, s->row.participant) != 0)
        return "this session is another participant's";
    if (r->unused_only && !rh_list_is_empty(&s->uploads))
        return "this session is in use";
    return NULL;
}

static void session_looked(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    op->looked = true;
    op->looked_error = error;
    rh_op_run(v, op);
}

void rh_session_create_run(struct rh_vault *v, struct rh_op *op)
{
    struct rh_vault_request *request = op->request;
    bool named = request->session[0] != '\0';
    if (!named)
        rh_uuid_format(request->session, request->entropy);
    RH_ASSERT(named || rh_session_peek(v, request->session) == NULL); /* 122 random bits twice */
    struct rh_session *s = rh_session_get(v, request->session);
    if (op->session == NULL) {
        op->session = s;
        s->pins++;
    }
    if (named && !s->loaded && !op->looked) {
        rh_session_load(v, s, &op->waiter, session_looked);
        return;
    }
    if (s->loaded) {
        const char *why = session_differs(s, request);
        if (why != NULL) {
            rh_reply(v, op, RH_REPLY_CONFLICT, why);
            return;
        }
    } else if (named && op->looked_error != RH_ERR_UNKNOWN) {
        rh_reply(v, op, RH_REPLY_INTERNAL, "the catalog could not be read");
        return;
    } else {
        session_make(v, s, op);
    }
    /* Also of one that is there: writing it may be what failed the first time. */
    rh_text_session(v, s, &op->waiter, session_written);
}

void rh_session_get_run(struct rh_vault *v, struct rh_op *op)
{
    op->request->upload[0] = '\0';
    op->request->name[0] = '\0';
    if (rh_upload_find(v, op) == RH_ABSENT) /* no upload is called "" */
        rh_reply(v, op, op->session != NULL ? RH_REPLY_OK : RH_REPLY_UNKNOWN_SESSION, NULL);
}
