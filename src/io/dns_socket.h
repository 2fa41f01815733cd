/* SPDX-License-Identifier: ISC */
/*
 * dns_socket.h - the sockets of the DNS client, one for each attempt; private to io. received() and
 * failed() come from the loop, never from within a call, and may be followed by more for the same
 * attempt until it is closed.
 */
#ifndef POLICYD_IO_DNS_SOCKET_H
#define POLICYD_IO_DNS_SOCKET_H

#include <event2/event.h>

#include "policyd/dns.h"
#include "policyd/siphash.h"

struct dns_sockets;

struct dns_sockets_setup {
	struct event_base *base;
	struct siphash_key hash_key; /* random */
	void (*received)(void *ctx, dns_attempt attempt, struct span wire);
	/* The socket is closed already. */
	void (*failed)(void *ctx, dns_attempt attempt);
	void *ctx;
};
struct dns_sockets *dns_sockets_new(const struct dns_sockets_setup *setup);
void dns_sockets_free(struct dns_sockets *all);

/* Opens the socket of a SEND effect. 0 or -errno, and then there is none. */
MUST_CHECK int dns_sockets_send(struct dns_sockets *all, const struct dns_effect *effect);
/* An attempt without a socket is fine. */
void dns_sockets_close(struct dns_sockets *all, dns_attempt attempt);

#endif
