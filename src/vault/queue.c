/* SPDX-License-Identifier: MIT */
/* The actions that wait to be taken, in order; and the jobs and reads that are under way. */
#include <stdlib.h>
#include <string.h>

#include "vault/inside.h"

static void grow(struct rh_vault *v)
{
    size_t cap = v->action_cap == 0 ? 64 : v->action_cap * 2;
    struct rh_vault_action *actions = rh_vault_alloc(cap * sizeof *actions);
    for (size_t i = 0; i < v->action_count; i++)
        actions[i] = v->actions[(v->action_first + i) % v->action_cap];
    free(v->actions);
    v->actions = actions;
    v->action_cap = cap;
    v->action_first = 0;
}

struct rh_vault_action *rh_queue_push(struct rh_vault *v, enum rh_vault_action_kind kind)
{
    if (v->action_count == v->action_cap)
        grow(v);
    struct rh_vault_action *action =
        &v->actions[(v->action_first + v->action_count++) % v->action_cap];
    memset(action, 0, sizeof *action);
    action->kind = kind;
    return action;
}

bool rh_queue_pop(struct rh_vault *v, struct rh_vault_action *out)
{
    if (v->action_count == 0)
        return false;
    *out = v->actions[v->action_first];
    v->action_first = (v->action_first + 1) % v->action_cap;
    v->action_count--;
    return true;
}

void rh_queue_clear(struct rh_vault *v)
{
    struct rh_vault_action action;
    while (rh_queue_pop(v, &action)) {
        if (action.kind == RH_DO_REPLY) {
            rh_vault_reply_finish(action.u.reply);
            free(action.u.reply);
        } else if (action.kind == RH_DO_STORE) {
            rh_store_job_finish(&action.u.store);
        } else {
            RH_ASSERT(action.kind != RH_DO_COMMIT); /* taken as soon as it is there */
        }
    }
}

void rh_log_action(struct rh_vault *v, const char *text, const char *upload, enum rh_error error)
{
    struct rh_vault_action *action = rh_queue_push(v, RH_DO_LOG);
    action->u.log.text = text;
    action->u.log.error = error;
    if (upload != NULL)
        strcpy(action->u.log.upload, upload);
}

void rh_target_of(const struct rh_upload *upload, struct rh_store_target *target)
{
    strcpy(target->upload, upload->row.id);
    strcpy(target->session, upload->row.session);
    strcpy(target->name, upload->row.name);
    strcpy(target->mime, upload->row.mime);
}

struct rh_store_job *
rh_job_start(struct rh_vault *v, enum rh_store_verb verb, struct rh_upload *upload,
             void (*done)(struct rh_vault *, struct rh_job *, const struct rh_store_result *),
             void *context)
{
    struct rh_job *job = rh_vault_alloc(sizeof *job);
    uint64_t id = ++v->last_id;
    job->done = done;
    job->context = context;
    job->upload = upload;
    rh_map_add(&v->jobs, &job->by_id, id);
    struct rh_store_job *store = &rh_queue_push(v, RH_DO_STORE)->u.store;
    store->id = id;
    store->verb = verb;
    store->index = RH_EXTENT_IN_PLACE;
    if (upload != NULL) {
        upload->pins++;
        rh_target_of(upload, &store->target);
    }
    return store;
}

/* Ids are their own hashes: they are unique, so the first of a hash is the one. */
void rh_job_done(struct rh_vault *v, const struct rh_store_result *result)
{
    struct rh_map_node *node = rh_map_first(&v->jobs, result->id);
    RH_ASSERT(node != NULL); /* a result for each job, once */
    struct rh_job *job = RH_LIST_ENTRY(node, struct rh_job, by_id);
    rh_map_remove(&v->jobs, node);
    if (job->upload != NULL)
        job->upload->pins--;
    job->done(v, job, result);
    free(job);
}

struct rh_catalog_read *rh_read_start(struct rh_vault *v, enum rh_read_kind kind,
                                      struct rh_read **out)
{
    struct rh_catalog_read *read = rh_vault_alloc(sizeof *read);
    uint64_t id = ++v->last_id;
    read->kind = kind;
    rh_list_init(&read->waiters);
    rh_map_add(&v->reads, &read->by_id, id);
    struct rh_vault_action *action = rh_queue_push(v, RH_DO_READ);
    action->u.read.id = id;
    action->u.read.read.kind = kind;
    if (out != NULL)
        *out = &action->u.read.read;
    return read;
}
