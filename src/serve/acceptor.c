/* SPDX-License-Identifier: MIT */
#include "serve/acceptor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve/log.h"

#define ACCEPTS_A_TURN 64
#define PAUSE_MS       100 /* when descriptors ran out; accepting again at once would spin */

enum rh_error rh_acceptor_signals(struct rh_acceptor *acceptor)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    /* Without TLS there is nothing to read anew, and a terminal that closes ends its server. */
    if (acceptor->door != NULL)
        sigaddset(&set, SIGHUP);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return RH_ERR_IO;
    acceptor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return acceptor->signals < 0 ? RH_ERR_IO : RH_OK;
}

size_t rh_acceptor_connections(const struct rh_acceptor *acceptor)
{
    size_t count = 0;

    for (unsigned i = 0; i < acceptor->loop_count; i++)
        count += atomic_load(&acceptor->loops[i].connection_count);
    return count;
}

static struct rh_loop *least_busy(const struct rh_acceptor *acceptor)
{
    struct rh_loop *best = &acceptor->loops[0];

    for (unsigned i = 1; i < acceptor->loop_count; i++)
        if (atomic_load(&acceptor->loops[i].connection_count) <
            atomic_load(&best->connection_count))
            best = &acceptor->loops[i];
    return best;
}

static void hand_over(struct rh_acceptor *acceptor, int fd)
{
    struct rh_loop *loop = least_busy(acceptor);
    struct rh_message *message = rh_message_new(RH_MESSAGE_ACCEPTED);
    bool refuse = rh_acceptor_connections(acceptor) >= acceptor->connections_max;

    if (!refuse)
        atomic_fetch_add(&loop->connection_count, 1);
    message->u.accepted.fd = fd;
    message->u.accepted.refuse = refuse;
    rh_queue_post(&loop->inbox, message);
}

static void accept_some(struct rh_acceptor *acceptor, int socket)
{
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            hand_over(acceptor, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            rh_serve_say(RH_LOG_WARN, "no descriptors or memory left for another connection");
            (void)poll(NULL, 0, PAUSE_MS);
        }
        return;
    }
}

static void renew_door(struct rh_tls_door *door)
{
    char complaint[RH_TLS_COMPLAINT_BYTES];
    enum rh_error error = rh_tls_door_renew(door, complaint);

    if (error != RH_OK)
        rh_serve_log(RH_LOG_ERROR, "the new certificate cannot be used; the old one stays in place",
                     &RH_LOG_TEXT("why", complaint), 1);
    else if (complaint[0] != '\0')
        rh_serve_say(RH_LOG_WARN, complaint);
    if (error == RH_OK)
        rh_serve_say(RH_LOG_INFO, "the certificate was read anew");
}

/* True: one that asks to stop. */
static bool take_signal(struct rh_acceptor *acceptor)
{
    struct signalfd_siginfo info;

    if (read(acceptor->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return false;
    if (info.ssi_signo != SIGHUP)
        return true;
    renew_door(acceptor->door);
    return false;
}

void rh_acceptor_run(struct rh_acceptor *acceptor)
{
    struct pollfd polls[RH_LISTENS_MAX + 1];
    size_t count = acceptor->socket_count;

    for (size_t i = 0; i < count; i++)
        polls[i] = (struct pollfd){.fd = acceptor->sockets[i], .events = POLLIN};
    polls[count] = (struct pollfd){.fd = acceptor->signals, .events = POLLIN};
    for (;;) {
        if (poll(polls, count + 1, -1) < 0)
            continue;
        if (polls[count].revents != 0 && take_signal(acceptor))
            return;
        for (size_t i = 0; i < count; i++)
            if (polls[i].revents != 0)
                accept_some(acceptor, acceptor->sockets[i]);
    }
}

bool rh_acceptor_signalled(struct rh_acceptor *acceptor, int wait_ms)
{
    struct pollfd one = {.fd = acceptor->signals, .events = POLLIN};

    return poll(&one, 1, wait_ms) > 0 && take_signal(acceptor);
}

void rh_acceptor_close(struct rh_acceptor *acceptor)
{
    for (size_t i = 0; i < acceptor->socket_count; i++) {
        if (acceptor->sockets[i] >= 0)
            close(acceptor->sockets[i]);
        acceptor->sockets[i] = -1;
    }
}
