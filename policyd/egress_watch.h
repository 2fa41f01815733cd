/* SPDX-License-Identifier: ISC */
/*
 * egress_watch.h - how the world sees our addresses, at work: gives struct egress its time, its answers
 * from DNS, its addresses and its memory, and carries out what it says. Nothing of it lies on the way
 * of a policy request.
 */
#ifndef POLICYD_EGRESS_WATCH_H
#define POLICYD_EGRESS_WATCH_H

#include <event2/event.h>

#include "policyd/dns_client.h"
#include "policyd/egress.h"
#include "policyd/engine.h"
#include "policyd/request.h"
#include "policyd/store.h"

struct egress_watch;

/* All of it outlives the watch. */
struct egress_watch_setup {
	struct event_base *base;
	struct config *config; /* a reference is taken */
	struct store *store;
	struct engine *engine;
	uint64_t seed[2];
	/* The engine was told how our addresses stand: for a recording. */
	void (*told)(void *ctx, const struct engine_egress *egress, size_t n, struct now now);
	void *told_ctx;
};

/*
 * Loads what was known, which blocks: only at start, before anything else is asked of the store. Does
 * nothing more until it is told to begin. 0 or negative with err.
 */
MUST_CHECK int egress_watch_new(
	const struct egress_watch_setup *setup, struct egress_watch **ret, struct errbuf *err);
void egress_watch_begin(struct egress_watch *watch);
/* Before the store is freed; NULL is fine. */
void egress_watch_free(struct egress_watch *watch);
/* At the stop: hands over to the store what is not there yet. NULL is fine. */
void egress_watch_finish(struct egress_watch *watch);

void egress_watch_configure(struct egress_watch *watch, struct config *config);
/* Once a second. */
void egress_watch_tick(struct egress_watch *watch, struct now now);
/* As control_setup.egress_poke; ctx is the watch. */
void egress_watch_poke(void *ctx);
/* As control_setup.standing_keep. */
void egress_watch_keep(void *ctx);

/* For those who show it. */
struct egress *egress_watch_egress(struct egress_watch *watch);
struct dns_client *egress_watch_dns(struct egress_watch *watch);

struct audit_watch *egress_watch_audit(struct egress_watch *watch);
struct posture_watch *egress_watch_posture(struct egress_watch *watch);

/* True when egress_watch_request() does anything. */
bool egress_watch_wants_requests(const struct egress_watch *watch);
/* A request was answered: its client and its sender's domain are remembered, to be asked about later. */
void egress_watch_request(
	struct egress_watch *watch, const struct request *request, struct now now);

#endif
