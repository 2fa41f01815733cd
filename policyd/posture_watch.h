/* SPDX-License-Identifier: ISC */
/*
 * posture_watch.h - how we send, at work: tells struct postures what lists and the audit say, and the engine what
 * comes of it; looks for culprits when it got worse; keeps all that, and the ledger of removals.
 */
#ifndef POLICYD_POSTURE_WATCH_H
#define POLICYD_POSTURE_WATCH_H

#include "policyd/audit.h"
#include "policyd/culprit.h"
#include "policyd/egress.h"
#include "policyd/engine.h"
#include "policyd/ledger.h"
#include "policyd/posture.h"
#include "policyd/store.h"

struct posture_watch;

/* All of it outlives the watch. */
struct posture_watch_setup {
	struct config *config;
	struct store *store;
	struct engine *engine;
	const struct egress *egress;
	const struct audit *audit;
	/* The engine was told that it is another thing now: for a recording. */
	void (*told)(void *ctx, const struct engine_egress *egress, size_t n, struct now now);
	void *told_ctx;
};
/* Loads what was known, which blocks: only at start; the engine is told. */
struct posture_watch *posture_watch_new(const struct posture_watch_setup *setup);
void posture_watch_free(struct posture_watch *watch);
/* At the stop. */
void posture_watch_finish(struct posture_watch *watch);
void posture_watch_configure(struct posture_watch *watch, struct config *config);
/* Once a second. */
void posture_watch_tick(struct posture_watch *watch, struct now now);
/* Tells the engine, and whoever records it, how our addresses stand. */
void posture_watch_tell(struct posture_watch *watch, struct now now);
/* What a command has changed acts at once. */
void posture_watch_pump(struct posture_watch *watch, struct now now);
/* A listing, an address or a finding has changed: look before the next second. */
void posture_watch_look(struct posture_watch *watch, struct now now);

/* A person has changed something: it comes into force, and is given to the store. */
void posture_watch_keep(struct posture_watch *watch, struct now now);
struct postures *posture_watch_postures(struct posture_watch *watch);
struct culprits *posture_watch_culprits(struct posture_watch *watch);
struct ledger *posture_watch_ledger(struct posture_watch *watch);

#endif
