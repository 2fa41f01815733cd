/* SPDX-License-Identifier: ISC */
/*
 * store.h - durable facts in SQLite (WAL, synchronous=FULL, STRICT tables, numbered migrations),
 * written by the writer thread only. Every call but open and load is asynchronous: its callback
 * comes on the loop thread, from store_collect(), after the commit (or its failure), never before
 * the call returned. Times come with what is stored: nothing here reads a clock, and what is old is
 * told by the newest decision or event.
 *
 *	store_open(&setup, &store, &err);          takes the lock: a second start is refused
 *	store_load(store, wall, each, ctx, &err);  suspensions that still hold, at start
 *	store_event(store, &event, acked, ctx);    commit, then acked(ctx, 0, id, NULL)
 */
#ifndef POLICYD_STORE_H
#define POLICYD_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "policyd/decision.h"
#include "policyd/err.h"
#include "policyd/event.h"
#include "policyd/span.h"

struct store;

struct store_setup {
	const char *directory; /* made (0700) when it is missing; its parent must exist */
	int64_t keep_decisions_us, keep_audit_us;
	uint32_t max_decisions;
};

/*
 * Opens (or makes) DIRECTORY/policyd.db and locks it. 0; -EBUSY: another policyd holds this state;
 * -EPROTO: the file is of a newer version or no database of ours; other negatives as open(2) gives
 * them. err names the file and the remedy.
 */
MUST_CHECK int store_open(const struct store_setup *setup, struct store **ret, struct errbuf *err);
/* Writes what is queued, tells who waits, closes; NULL is fine. */
void store_free(struct store *s);
/* Takes over how much is kept, from the next look for old rows on; the directory stays. */
void store_configure(struct store *s, const struct store_setup *setup);

/* The writer's descriptor and collector, for the loop. */
int store_fd(const struct store *s);
void store_collect(struct store *s);

/*
 * Calls each(ctx, event) for every suspension that has not ended at wall (as EVENT_SUSPEND with its
 * original author, reason and time). Spans are valid during the call. Blocks: only at start, before
 * any other call. 0 or negative.
 */
MUST_CHECK int store_load(struct store *s, wall_t wall,
	void (*each)(void *ctx, const struct policy_event *event), void *ctx, struct errbuf *err);

/* result: 0 committed; negative: nothing was changed, error says why. id: the event's number. */
typedef void store_event_done(void *ctx, int result, int64_t id, const char *error);
/*
 * Copies the event. 0; -EAGAIN: the queue is full; -EINVAL: a text is longer than event.h allows
 * (done is not called then).
 */
MUST_CHECK int store_event(
	struct store *s, const struct policy_event *event, store_event_done *done, void *ctx);

/* Copies the decision; it is written behind, and dropped with a count when the queue is full. */
void store_decision(struct store *s, const struct decision *decision);

/* rows: a JSON array that the callee of done owns, or NULL with error set. */
typedef void store_rows_done(void *ctx, json_t *rows, const char *error);
/* The decisions with that reference (at most 100), newest last. 0, or -EAGAIN. */
MUST_CHECK int store_why(struct store *s, struct span reference, store_rows_done *done, void *ctx);

struct store_audit_query {
	struct span account; /* canonical; empty: all */
	wall_t since;        /* 0: from the beginning */
	uint32_t limit;      /* newest rows, at most 10,000; 0: as many */
};
/* Events, oldest first: {"id","at","event","account","until","reason","author"}. 0, or -EAGAIN. */
MUST_CHECK int store_audit(
	struct store *s, const struct store_audit_query *query, store_rows_done *done, void *ctx);

/* True from a failed job until a write succeeds; *ret_error (may be NULL) borrows the last text. */
bool store_is_failing(const struct store *s, const char **ret_error);

#endif
