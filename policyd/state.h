/* SPDX-License-Identifier: ISC */
/*
 * state.h - the counters' way to the disk and back: what an earlier run left is loaded into a new
 * engine, then the engine is written in slices, so that what is on disk is at most state.snapshot
 * old.
 *
 *	state_load(&setup, &loaded);                  store_open() came before
 *	state_new(base, &use, &loaded, &state, &err);
 *	state_tick(state, now);                       once a second
 *	state_finish(state);                          the last one, when nothing changes any more
 */
#ifndef POLICYD_STATE_H
#define POLICYD_STATE_H

#include <event2/event.h>

#include "policyd/control.h"
#include "policyd/engine.h"
#include "policyd/err.h"
#include "policyd/store.h"

struct state_load_setup {
	struct config *config;
	struct store *store;
	uint64_t seed[2];
};

struct state_loaded {
	struct engine *engine; /* the caller's */
	wall_t saved_at;       /* of what was loaded; 0: nothing was */
	uint64_t saved_bytes;  /* its size, when something was */
	struct errbuf lost;    /* why state is lost; empty when it is not */
	char boot_id[64];      /* tells this run of the monotonic clock from others */
};

/*
 * Makes the engine, with the counters of the last snapshot where there is one. What should be there
 * and cannot be used is told in the log, and turns the emergency limit on. Blocks: only at start.
 */
void state_load(const struct state_load_setup *setup, struct state_loaded *ret);

struct state;

/* All of it outlives the state. */
struct state_use {
	struct engine *engine;
	struct store *store;
	const char *directory;
};

/* 0 or negative with err. */
MUST_CHECK int state_new(struct event_base *base, const struct state_use *use,
	const struct state_loaded *loaded, struct state **ret, struct errbuf *err);
/* After state_finish(), or at once; NULL is fine. */
void state_free(struct state *state);

/* After a reload: how often. */
void state_configure(struct state *state, const struct config *config);
/* What was counted has changed otherwise than by a request. */
void state_changed(struct state *state);
void state_tick(struct state *state, struct now now);
/* What policyctl status tells. */
void state_describe(const struct state *state, struct control_state *ret);

/*
 * At the stop: writes what is not on disk yet, and waits for it, but for no longer than 5 s. A disk
 * that takes longer is told of in the log.
 */
void state_finish(struct state *state);

#endif
