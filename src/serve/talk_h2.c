/* SPDX-License-Identifier: MIT */
#include "serve/talk_h2.h"
void rh_talk_h2_begin(struct rh_connection *c)
{
    rh_connection_end(c);
}
void rh_talk_h2_run(struct rh_connection *c)
{
    (void)c;
}
bool rh_talk_h2_write(struct rh_connection *c)
{
    (void)c;
    return true;
}
uint32_t rh_talk_h2_events(const struct rh_connection *c)
{
    (void)c;
    return 0;
}
size_t rh_talk_h2_read_size(const struct rh_connection *c)
{
    (void)c;
    return 1;
}
void rh_talk_h2_input_ended(struct rh_connection *c)
{
    (void)c;
}
void rh_talk_h2_lost(struct rh_connection *c)
{
    (void)c;
}
bool rh_talk_h2_message(struct rh_connection *c, uint64_t op, struct rh_message *m)
{
    (void)c;
    (void)op;
    (void)m;
    return false;
}
bool rh_talk_h2_inform(struct rh_connection *c, uint64_t op, unsigned status,
                       const struct rh_header *h, size_t n)
{
    (void)c;
    (void)op;
    (void)status;
    (void)h;
    (void)n;
    return false;
}
void rh_talk_h2_tick(struct rh_connection *c)
{
    (void)c;
}
void rh_talk_h2_drain(struct rh_connection *c)
{
    (void)c;
}
void rh_talk_h2_cut(struct rh_connection *c)
{
    (void)c;
}
void rh_talk_h2_end(struct rh_connection *c)
{
    (void)c;
}
