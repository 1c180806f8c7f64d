/* SPDX-License-Identifier: MIT */
#ifndef SIM_PROXY_H
#define SIM_PROXY_H
/* What stands between sender and receiver: it answers by itself, changes bytes, keeps answers. */
#include "sim.h"

/* Something on the way answers instead of the receiver; NULL: nothing does. malloc'ed. */
char *sim_proxy_answer(struct sim *, struct sim_link *, size_t *size);
/* A request leaves: bits flip, bytes are missing or too many. */
void sim_proxy_request(struct sim *, struct sim_link *);
/* An answer comes back: link->answer changes, or is an older one to the same question. */
void sim_proxy_reply(struct sim *, struct sim_link *);
void sim_proxy_finish(struct sim_net *);

#endif
