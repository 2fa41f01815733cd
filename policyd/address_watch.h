/* SPDX-License-Identifier: ISC */
/*
 * address_watch.h - keeps what "auto" in egress.addresses stands for: found on a thread of its own at
 * the start, at a reload and once an hour; behind NAT, asked of egress.who_am_i.
 */
#ifndef POLICYD_ADDRESS_WATCH_H
#define POLICYD_ADDRESS_WATCH_H

#include <event2/event.h>

#include "policyd/bytes.h"
#include "policyd/dns_client.h"
#include "policyd/egress.h"

struct address_watch;

struct address_watch_setup {
	struct event_base *base;
	struct dns_client *dns;
	/* From the loop, when it is another thing than before; valid during the call. */
	void (*found)(void *ctx, const struct egress_address *found, size_t n, const char *note);
	void *ctx;
};

struct address_watch *address_watch_new(const struct address_watch_setup *setup);
/* Waits for what is being asked of Postfix. NULL is fine. */
void address_watch_free(struct address_watch *watch);
/* Finds anew; to be called at the start too. Nothing is done while nothing says auto. */
void address_watch_configure(struct address_watch *watch, struct config *config);
void address_watch_tick(struct address_watch *watch, mono_t mono);

/* What was found last: as bytes, and taken over before the first configure. */
void address_watch_save(const struct address_watch *watch, struct bytes *out);
void address_watch_load(struct address_watch *watch, struct span saved);

#endif
