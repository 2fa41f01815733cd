/* SPDX-License-Identifier: ISC */
/*
 * engine.h - the decision, from request to verdict. Pure: no descriptor, no clock, no randomness of
 * its own, no log. Time comes in with each call, chance as a seed; what should happen elsewhere
 * comes out as effects, to be fetched after the reply.
 *
 *	r = engine_begin(e, conn, &request, now, &verdict, &ticket);
 *	if (r == ENGINE_DONE) send(reply_format(&verdict));
 *	else                  stop reading conn until an EFFECT_REPLY names it, or engine_resume() answers
 *	while (engine_effect(e, &effect)) carry_out(&effect);
 *
 * One request, one direction: subject -> standing -> limits peek -> strongest action -> charge. A
 * message is one transaction, found by (peer, instance), so that retries and identical queries cost
 * nothing.
 */
#ifndef POLICYD_ENGINE_H
#define POLICYD_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/account.h"
#include "policyd/charge.h"
#include "policyd/config.h"
#include "policyd/decision.h"
#include "policyd/event.h"
#include "policyd/limits.h"
#include "policyd/posture.h"
#include "policyd/request.h"
#include "policyd/signals.h"
#include "policyd/verdict.h"

struct engine;

struct engine_setup {
	struct config *config;            /* a reference is taken */
	const struct charge_port *charge; /* outlives the engine */
	uint64_t seed[2];                 /* hash keys and references come from here */
};

struct engine *engine_new(const struct engine_setup *setup);
void engine_free(struct engine *e);

/* A new snapshot for requests that begin from now on; counters stay. */
void engine_configure(struct engine *e, struct config *config);

/*
 * A policy connection. listener: its configured address, which together with server_port tells
 * apart places in Postfix that ask at different stages (semantics 9). peer: the asking host; NULL
 * for a unix socket, which counts as the same peer as loopback. 0 is no connection: requests of a
 * plain replay.
 */
typedef uint32_t engine_conn;
engine_conn engine_conn_open(struct engine *e, struct span listener, const struct ip *peer);
/* Its open message is given up unless it comes back within lost_connection_grace; its ticket is
 * void. */
void engine_conn_close(struct engine *e, engine_conn id, struct now now);

enum engine_result {
	ENGINE_DONE,  /* *ret is the verdict */
	ENGINE_WAIT,  /* *ret_ticket: the charge's id; one at a time for a connection */
	ENGINE_STALE, /* engine_resume only: nobody waits for that ticket; nothing to do */
};

MUST_CHECK enum engine_result engine_begin(struct engine *e, engine_conn id,
	const struct request *request, struct now now, struct verdict *ret, uint64_t *ret_ticket);

/*
 * The charge port's late answer. DONE: send *ret on *ret_conn. STALE: repeated, unknown, or its
 * connection has gone (then a grant has been cancelled at the port).
 */
MUST_CHECK enum engine_result engine_resume(struct engine *e, uint64_t id,
	enum charge_answer answer, struct now now, struct verdict *ret, engine_conn *ret_conn);

/* Deadlines, lapses, grace periods, forgetting. Call when engine_next_due() has come; often is
 * fine. */
void engine_tick(struct engine *e, struct now now);
mono_t engine_next_due(const struct engine *e);
/* An orderly stop: every waiting ticket is decided locally now, as EFFECT_REPLY. */
void engine_drain(struct engine *e, struct now now);

/* Applies a durable change that has been committed (or loaded). */
void engine_apply(struct engine *e, const struct policy_event *event, struct now now);

/*
 * What came from outside and speaks for a compromised account: n of what the signal's row counts. key:
 * canonical; the account is made when it was never seen, others than accounts are passed over.
 */
void engine_feed(struct engine *e, struct span key, enum signal signal, double n, struct now now);
/*
 * Of what an address of ours sent to a recipient domain (canonical) n more came back as undeliverable: while that is
 * more than 3 in 100 its warm-up stands still with that provider. Passed over where nothing is warmed up.
 */
void engine_bounced(
	struct engine *e, const struct ip *egress, struct span domain, uint32_t n, struct now now);

/*
 * How our sending addresses stand at present: takes the place of what was told before. The first is where
 * mail leaves from unless the configuration says otherwise; providers of an address (posture_view.provider)
 * follow it.
 */
struct engine_egress {
	struct posture_view stands;
	char transport[64]; /* of Postfix; "": not known */
};
#define ENGINE_EGRESSES_MAX 4096
void engine_egresses(struct engine *e, const struct engine_egress *egress, size_t n);

/* ---- state that outlives the process ---- */

/*
 * Counters, learnt stages and unfinished messages, block by block, so that no step takes long: call
 * until it gives SAVE_DONE, handing on each block (its bytes are the caller's). The configuration
 * may change meanwhile. save: begin with zero.
 */
struct engine_save {
	bool is_begun, is_at_entries, is_at_messages, is_at_fresh;
	unsigned part; /* of what the signals know */
	uint32_t cursor;
	uint64_t configured; /* it began under */
	uint64_t accounts;
};
enum engine_save_step { SAVE_MORE, SAVE_DONE };
/* boot_id: tells one run of the monotonic clock from another, any text. places: of the table. */
struct engine_save_input {
	struct span boot_id;
	size_t places;
	size_t bytes; /* a block ends about there */
	/* Where there is no room for all: habits, and evidence that led to no step, are left out. */
	bool is_brief;
};
enum engine_save_step engine_save_step(struct engine *e, struct engine_save *save,
	const struct engine_save_input *input, struct now now, struct bytes *out);
/*
 * One block of such a file, in order, into an engine that was asked nothing yet. 0, or -EINVAL: it
 * makes no sense (the engine is then to be thrown away).
 */
struct engine_load {
	struct span boot_id;
	struct now now;
	wall_t saved_at; /* 0 until the first block was read */
	struct limits_load limits;
	struct account_load account;
	uint64_t accounts, messages;
};
MUST_CHECK int engine_load_block(struct engine *e, struct engine_load *load, struct span block);
/*
 * State that should have been there was not: for the next window of emergency_rate every account is
 * also held to it (semantics 14b).
 */
void engine_state_lost(struct engine *e, struct now now);
/* When that ends; 0 when it is not on. */
mono_t engine_emergency_until(const struct engine *e);

struct effect {
	enum {
		EFFECT_DECISION, /* not a plain pass: log it, store it */
		EFFECT_REPLY,    /* a verdict for a connection that waited */
		EFFECT_NOTE,     /* something the operator should know */
		EFFECT_EVENT, /* what the ladder did, in force already: log it, store it behind */
	} kind;
	const struct decision *decision;  /* DECISION */
	bool keep;                        /* DECISION; false: one of many, log it only */
	engine_conn conn;                 /* REPLY */
	const struct verdict *verdict;    /* REPLY */
	const char *note;                 /* NOTE: one sentence */
	const struct policy_event *event; /* EVENT: a SUSPEND or a LADDER */
	double score;                     /* EVENT */
};
/*
 * Takes the next effect; false when there is none. Its pointers are valid until the next call into
 * the engine.
 */
bool engine_effect(struct engine *e, struct effect *ret);

/* ---- views, for the desk: they make nothing and change nothing ---- */

/* Pointers are valid until the next call into the engine. */
struct engine_limit_view {
	const struct config_limit *config;
	struct config_action action;
	struct rate rate; /* in force: the limit's, or an override's */
	/* Where that rate comes from: both NULL is the limit itself. */
	const struct override *override;
	const struct config_override *config_override;
	bool is_counted; /* false: a cap, unlimited, or counted per something a request tells */
	uint64_t used, reserved; /* in its unit; used includes what is reserved */
	bool next_fits;          /* one more would pass this rule */
	mono_t room_at;          /* MONO_NEVER: not by waiting alone */
};

struct engine_account_view {
	struct account_name name;
	bool is_known;
	mono_t last_seen;                /* when known */
	const struct standing *standing; /* NULL: not suspended; valid until the next call */
	const struct config_class *class;
	unsigned open_messages;
	size_t limits;
	struct engine_limit_view
		limit[CONFIG_LIMITS_MAX + 1]; /* and the emergency's, while it is on */
	/* What the next RCPT would get, by standing, ladder and limits, if it showed nothing new. */
	struct verdict next;
};
/* 0, or -EINVAL (no name of an account; err). Unknown accounts are shown as such. */
MUST_CHECK int engine_account(struct engine *e, struct span typed, struct now now,
	struct engine_account_view *ret, struct errbuf *err);

/* What speaks against an account, and what is normal for it; as engine_account(). */
MUST_CHECK int engine_signals(struct engine *e, struct span typed, struct now now,
	struct signals_view *ret, struct errbuf *err);

/* The last decisions in memory, newest first: each(ctx, decision) until it returns false. */
void engine_decisions(
	struct engine *e, bool (*each)(void *ctx, const struct decision *d), void *ctx);

/* Accounts by what they used most of, in slices so that no call takes long. */
struct engine_top_row {
	struct table_ref account;
	uint64_t used;  /* in the widest window that its class counts the unit in */
	uint64_t limit; /* of the tightest enforced rule on it, 0 when there is none */
	bool suspended;
	double score;
	enum step step;  /* as it stands */
	enum step would; /* as it would stand, were all that is only observed enforced */
	double usual;    /* recipients on a day on which it sends much; 0: not known */
};
struct engine_top {
	enum unit unit;
	bool by_score;   /* instead of by what was used; those without a score are left out */
	uint32_t cursor; /* begin with 0 */
	size_t n, max;   /* max: at most 100 */
	uint64_t total;  /* used by all accounts seen so far */
	struct engine_top_row row[100];
};
/* Looks at the next slice; true when all have been seen. row is sorted, highest first. */
bool engine_top_step(struct engine *e, struct engine_top *top, struct now now);
/* The account's key, or an empty span when it has gone. */
struct span engine_account_key(struct engine *e, struct table_ref ref);

/*
 * Every override given at run time, in no order: each(ctx, key of the account or domain, override)
 * until it returns false.
 */
void engine_overrides(struct engine *e,
	bool (*each)(void *ctx, struct span key, const struct override *override), void *ctx);

/* Bytes that are kept of each account of which anything is learnt, in no order; cursor: from 0 on. 0: none is left. */
size_t engine_learnt(struct engine *e, uint32_t *cursor);

struct engine_figures {
	struct accounts_figures accounts;
	size_t messages, tickets;
	struct signals_figures signals;
};
void engine_figures(const struct engine *e, struct engine_figures *ret);
const struct config *engine_config(const struct engine *e);
/*
 * True when it matters where the request's client stands: the daemon and a replay ask for it alike.
 */
bool engine_wants_place(const struct engine *e, const struct request *request);

#endif
