/* SPDX-License-Identifier: ISC */
/*
 * dns_client.h - the resolver of dns.h with its sockets, over libevent: a connected UDP socket (or a TCP
 * connection) of its own for every attempt. Re-reads dns.resolv_conf when it changes.
 */
#ifndef POLICYD_DNS_CLIENT_H
#define POLICYD_DNS_CLIENT_H

#include <event2/event.h>

#include "policyd/config.h"
#include "policyd/dns.h"
#include "policyd/err.h"

struct dns_client;

/* 0 or negative; err says why. A resolv.conf that cannot be read is told in the log, 127.0.0.1 asked. */
MUST_CHECK int dns_client_new(struct event_base *base, const struct config *config,
	struct dns_client **ret, struct errbuf *err);
/* Questions under way get no answer any more; NULL is fine. */
void dns_client_free(struct dns_client *client);
void dns_client_configure(struct dns_client *client, const struct config *config);

/* answer: until it returns. Called from the loop, never before dns_client_ask() has returned. */
typedef void dns_client_done(void *ctx, const struct dns_answer *answer);
/* 0; -EAGAIN: too many questions wait; -EINVAL: that is no name. done is called once, or not after a cancel. */
MUST_CHECK int dns_client_ask(struct dns_client *client, const struct dns_question *question,
	dns_client_done *done, void *ctx, dns_ticket *ret_ticket);
void dns_client_cancel(struct dns_client *client, dns_ticket ticket);

void dns_client_figures(const struct dns_client *client, struct dns_figures *ret);
/* Attempts that were given up for want of descriptors or memory; they count as unanswered. */
uint64_t dns_client_unsent(const struct dns_client *client);
bool dns_client_server_is_up(const struct dns_client *client, size_t i, struct dns_server *ret);

#endif
