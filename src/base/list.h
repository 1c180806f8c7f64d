/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_LIST_H
#define REELHAUL_BASE_LIST_H
/*
 * An intrusive, circular, doubly linked list. The head is a struct rh_list of its own; members
 * embed one as a node. Nobody allocates. A node is in at most one list; removing leaves it unlinked
 * (next and prev NULL).
 */
#include <reelhaul/types.h>

struct rh_list {
    struct rh_list *next;
    struct rh_list *prev;
};

/* Makes an empty head. */
void rh_list_init(struct rh_list *head);
bool rh_list_is_empty(const struct rh_list *head);
/* Whether a node is in some list. A zeroed node is in none. */
bool rh_list_is_linked(const struct rh_list *node);
void rh_list_append(struct rh_list *head, struct rh_list *node);  /* as the last */
void rh_list_prepend(struct rh_list *head, struct rh_list *node); /* as the first */
/* Puts `node` right after `place`, which is a member or the head. */
void rh_list_insert_after(struct rh_list *place, struct rh_list *node);
/* Unlinks; does nothing to a node that is in no list. */
void rh_list_remove(struct rh_list *node);
/* The first or last member, or NULL when empty. */
struct rh_list *rh_list_first(const struct rh_list *head);
struct rh_list *rh_list_last(const struct rh_list *head);
/* The member after `node`, or NULL when it was the last. */
struct rh_list *rh_list_next(const struct rh_list *head, const struct rh_list *node);
/* Members, counted by walking. */
size_t rh_list_count(const struct rh_list *head);

/* The structure that embeds `node` as its `member`. */
#define RH_LIST_ENTRY(node, type, member)                                                          \
    ((type *)(void *)((unsigned char *)(node)-offsetof(type, member)))

/* for-loop over the nodes; the body must not unlink `it`. */
#define RH_LIST_EACH(it, head) for (struct rh_list *it = (head)->next; it != (head); it = it->next)

/* The same where the body may unlink `it` (but no other node). */
#define RH_LIST_EACH_SAFE(it, head)                                                                \
    for (struct rh_list *it = (head)->next, *it##_next = it->next; it != (head);                   \
         it = it##_next, it##_next = it->next)

#endif
