/* SPDX-License-Identifier: ISC */
/*
 * audit_watch.h - the audit of our own house, at work: gives struct audit its time, its answers from DNS and
 * its memory, and carries out what it says. Nothing of it lies on the way of a policy request.
 */
#ifndef POLICYD_AUDIT_WATCH_H
#define POLICYD_AUDIT_WATCH_H

#include <event2/event.h>

#include "policyd/audit.h"
#include "policyd/dns_client.h"
#include "policyd/egress.h"
#include "policyd/request.h"
#include "policyd/store.h"

struct audit_watch;

/* All of it outlives the watch. */
struct audit_watch_setup {
	struct event_base *base;
	struct config *config;
	struct store *store;
	struct dns_client *dns;
	const struct egress *egress; /* our addresses */
	uint64_t seed[2];
};
/* Loads what was known, which blocks: only at start. Asks nothing before its first tick. */
struct audit_watch *audit_watch_new(const struct audit_watch_setup *setup);
/* Before the resolver and the store are freed; NULL is fine. */
void audit_watch_free(struct audit_watch *watch);
/* At the stop. */
void audit_watch_finish(struct audit_watch *watch);
void audit_watch_configure(struct audit_watch *watch, struct config *config);
/* Once a second. */
void audit_watch_tick(struct audit_watch *watch, struct now now);
/* Our addresses are others now. */
void audit_watch_addresses(struct audit_watch *watch);
/* A recipient was let through; its sender's domain is in use. */
void audit_watch_request(struct audit_watch *watch, const struct request *request, struct now now);
/* After audit_hurry(). */
void audit_watch_poke(struct audit_watch *watch);
/* For those who show it. */
struct audit *audit_watch_audit(struct audit_watch *watch);

#endif
