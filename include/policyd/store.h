/* SPDX-License-Identifier: ISC */
/*
 * store.h - durable facts in SQLite (WAL, synchronous=FULL, STRICT tables, numbered migrations),
 * written by the writer thread only. Every call but open and load is asynchronous: its callback
 * comes on the loop thread, from store_collect(), after the commit (or its failure), never before
 * the call returned. Times come with what is stored: nothing here reads a clock, and what is old is
 * told by the newest decision or event.
 *
 *	store_open(&setup, &store, &err);            takes the lock: a second start is refused
 *	store_load(store, &query, each, ctx, &err);  what still holds, at start
 *	store_event(store, &event, acked, ctx);      commit, then acked(ctx, 0, id, NULL)
 *
 * A full, read-only or dead disk fails the calls, with a sentence, and is forgotten with the first
 * write that works. What was acknowledged is never taken back; what is in memory stays in force.
 */
#ifndef POLICYD_STORE_H
#define POLICYD_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "policyd/bytes.h"
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
 * Opens (or makes) DIRECTORY/policyd.db and locks it. A file that is damaged, or no database at
 * all, is moved to policyd.db.bad-N (the newest five are kept), and a new one is made: see
 * store_was_lost(). Up to 16 MiB the whole file is looked at, of a larger one what holds (suspensions,
 * overrides). 0; -EBUSY: another policyd holds this state; -EPROTO: the file is of a newer version or
 * of another program; other negatives as open(2) gives them. err names the file and the remedy.
 */
MUST_CHECK int store_open(const struct store_setup *setup, struct store **ret, struct errbuf *err);
/* Writes what is queued, tells who waits, closes; NULL is fine. */
void store_free(struct store *s);
/* Takes over how much is kept, from the next look for old rows on; the directory stays. */
void store_configure(struct store *s, const struct store_setup *setup);

/* The writer's descriptor and collector, for the loop. */
int store_fd(const struct store *s);
void store_collect(struct store *s);
/* Jobs that were handed over and have not come back. */
size_t store_pending(const struct store *s);

/*
 * True when open found that facts are gone (the file was moved aside, or is missing although the
 * directory was in use): suspensions and overrides start empty. *ret_why (may be NULL) borrows a
 * sentence.
 */
bool store_was_lost(const struct store *s, const char **ret_why);

struct store_load_query {
	wall_t wall; /* now: what ended before is left out */
	/* What changed counters and scores from then on; WALL_NEVER: nothing. */
	wall_t acts_since;
};
typedef void store_load_each(void *ctx, const struct policy_event *event);
/*
 * Calls each(ctx, event) for the acts that a snapshot may not know of (resets, releases, signals),
 * oldest first, then for every suspension and every override that has not ended (as EVENT_SUSPEND and
 * EVENT_OVERRIDE_SET with their original author, reason and time). Spans are valid during the call. Blocks: only at start, before any other
 * call. 0 or negative.
 */
MUST_CHECK int store_load(struct store *s, const struct store_load_query *query,
	store_load_each *each, void *ctx, struct errbuf *err);

/*
 * Remembers for good that a counter snapshot was written once, so that a later start can tell a
 * snapshot that is missing from one that never was. To be called after each snapshot: it does
 * nothing when it is known. Asynchronous; what fails is tried by the next call.
 */
void store_note_snapshot(struct store *s);
/* Whether one was written, as of the last start and since. */
bool store_had_snapshot(const struct store *s);

#define STORE_KEPT_MAX (4 * 1024 * 1024)
/*
 * Keeps a value under a name (a word of ours), in the place of what was kept before; copies it.
 * Nobody waits for it: it is written behind, and not at all when a newer one comes meanwhile. What
 * fails shows in store_is_failing(), and is over with the next call. 0; -E2BIG; -EAGAIN: the queue
 * is full.
 */
MUST_CHECK int store_keep(struct store *s, const char *name, struct span value, wall_t at);
/*
 * done(ctx, error) when all that was just given to store_keep() is committed, or something of it is not: then
 * error is a sentence. 0; -EAGAIN: the queue is full (done is not called then).
 */
typedef void store_keep_done(void *ctx, const char *error);
MUST_CHECK int store_kept_all(struct store *s, store_keep_done *done, void *ctx);
/*
 * What is kept under that name, for bytes_free(). Blocks: only at start, before any asynchronous call.
 * 0; -ENOENT: nothing is; other negatives with err.
 */
MUST_CHECK int store_kept(struct store *s, const char *name, struct bytes *ret, struct errbuf *err);

/*
 * result: 0 committed; negative: nothing was changed, error says why. (Only a crash right after a
 * failed fsync may still find it written: then the disk itself cannot tell.) id: the event's number.
 */
typedef void store_event_done(void *ctx, int result, int64_t id, const char *error);
/*
 * Copies the event. 0; -EAGAIN: the queue is full; -EINVAL: a text is longer than event.h allows,
 * or the limit's name than a rule's (done is not called then).
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
/*
 * Events, oldest first: {"id","at","event","account","limit","rate","until","reason","author"}, null
 * where an event has none. 0, or -EAGAIN.
 */
MUST_CHECK int store_audit(
	struct store *s, const struct store_audit_query *query, store_rows_done *done, void *ctx);

/*
 * Something that the operator should know and that no call has failed with (the database was removed
 * and written anew): once each. False: nothing.
 */
bool store_take_note(struct store *s, struct errbuf *ret);

/* True from a failed job until a write succeeds; *ret_error (may be NULL) borrows the last text. */
bool store_is_failing(const struct store *s, const char **ret_error);

#endif
