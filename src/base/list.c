/* SPDX-License-Identifier: MIT */
#include "base/list.h"

#include "base/assert.h"

void rh_list_init(struct rh_list *head)
{
    head->next = head;
    head->prev = head;
}

bool rh_list_is_empty(const struct rh_list *head)
{
    return head->next == head;
}

bool rh_list_is_linked(const struct rh_list *node)
{
    return node->next != NULL;
}

void rh_list_insert_after(struct rh_list *place, struct rh_list *node)
{
    RH_ASSERT(!rh_list_is_linked(node));
    node->prev = place;
    node->next = place->next;
    place->next->prev = node;
    place->next = node;
}

void rh_list_append(struct rh_list *head, struct rh_list *node)
{
    rh_list_insert_after(head->prev, node);
}

void rh_list_prepend(struct rh_list *head, struct rh_list *node)
{
    rh_list_insert_after(head, node);
}

void rh_list_remove(struct rh_list *node)
{
    if (!rh_list_is_linked(node))
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = NULL;
    node->prev = NULL;
}

struct rh_list *rh_list_first(const struct rh_list *head)
{
    return head->next == head ? NULL : head->next;
}

struct rh_list *rh_list_last(const struct rh_list *head)
{
    return head->prev == head ? NULL : head->prev;
}

struct rh_list *rh_list_next(const struct rh_list *head, const struct rh_list *node)
{
    return node->next == head ? NULL : node->next;
}

size_t rh_list_count(const struct rh_list *head)
{
    size_t count = 0;

    for (const struct rh_list *it = head->next; it != head; it = it->next)
        count++;
    return count;
}
