/* SPDX-License-Identifier: ISC */
/*
 * ledger.h - what was done about how the world sees us: removals from blocklists that were asked for, what came
 * of them, and receivers' programmes that we are enrolled in. Pure. Its times are those of people (wall): all
 * of it takes days. Kept with the postures.
 *
 *	ledger_listing(l, subject, list, verdict, since)   what a list says; again and again does no harm
 *	ledger_delist(l, &order, at)                       when its event is stored
 *	ledger_programme(l, &order, at)                    likewise
 *	ledger_tick(l, now) at ledger_due(l, now)
 *	while (ledger_effect(l, &effect)) ...              is_event: store and log; else a line for the log
 *
 * A listing that comes back within LEDGER_BACK_US of its end escalates: the removal was asked for before the
 * cause was gone, and lists that are asked too often stop to listen.
 */
#ifndef POLICYD_LEDGER_H
#define POLICYD_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/bytes.h"
#include "policyd/clock.h"
#include "policyd/egress.h"
#include "policyd/err.h"
#include "policyd/event.h"

#define LEDGER_MAX            256 /* one that nobody asked about goes first, then the oldest */
#define LEDGER_PROGRAMMES_MAX 64
#define LEDGER_BACK_US        (7 * DAY_US)
#define LEDGER_SOON_US        (30 * DAY_US) /* before an enrolment ends it is told */
#define LEDGER_NAME_MAX       63            /* bytes of a list or programme */

struct ledger;
struct ledger *ledger_new(void);
void ledger_free(struct ledger *l);

/* ---- listings, and their removal ---- */

/*
 * Of an address or domain of ours; listings that hurt only (behaviour, policy). since: of the verdict. Unknown
 * changes nothing; what was never listed leaves no trace.
 */
void ledger_listing(struct ledger *l, struct span subject, struct span list,
	enum verdict_state verdict, wall_t since);

struct delist_order {
	struct span subject, list;
	bool is_refused;     /* else it was asked for */
	int64_t expected_us; /* how long the list takes; the reminder comes then */
	struct span note, author;
};
void ledger_delist(struct ledger *l, const struct delist_order *order, wall_t at);

enum delist_word { DELIST_NONE, DELIST_REQUESTED, DELIST_REFUSED, DELIST_WORDS };
const char *delist_word_name(enum delist_word word); /* "", "requested", "refused" */

struct ledger_entry {
	char *subject, *list;
	enum verdict_state verdict; /* SEEN_UNKNOWN: it was never seen listed by us */
	wall_t listed;         /* when the present listing began, or the last one; 0: not seen */
	wall_t clean;          /* when the last one ended; 0: none has */
	unsigned times;        /* how often it was listed */
	int64_t back_us;       /* it came back so long after its removal; 0: it did not */
	enum delist_word word; /* what was told of this listing last */
	wall_t told;
	wall_t due; /* the removal is expected by then; 0: it is not */
	bool is_reminded;
	char *note, *author; /* "" where nothing was told */
};
/* The i-th, last changed first; NULL behind the last. Valid until the next call that changes something. */
const struct ledger_entry *ledger_at(const struct ledger *l, size_t i);
/* NULL: there is none. */
const struct ledger_entry *ledger_find(
	const struct ledger *l, struct span subject, struct span list);

/* ---- programmes ---- */

struct programme_order {
	struct span name;
	bool is_left;
	wall_t until; /* of the enrolment; WALL_NEVER: it does not end */
	struct span note, author;
};
void ledger_programme(struct ledger *l, const struct programme_order *order, wall_t at);

struct programme_entry {
	char *name;
	wall_t since; /* enrolled */
	wall_t until;
	wall_t left; /* 0: still enrolled */
	bool is_soon_told, is_end_told;
	char *note, *author;
};
/* The i-th, last changed first; NULL behind the last. */
const struct programme_entry *programmes_at(const struct ledger *l, size_t i);
const struct programme_entry *programme_find(const struct ledger *l, struct span name);

/* ---- the flow ---- */

/* Reminders: a removal that did not come, an enrolment that ends. Each once. */
void ledger_tick(struct ledger *l, struct now now);
/* An hour away at most while something is open: the wall clock may be set. */
mono_t ledger_due(const struct ledger *l, struct now now);

struct ledger_effect {
	struct policy_event
		event; /* DELIST or PROGRAMME; account "egress:192.0.2.10", "domain:example.org", "programme:snds" */
	bool is_event; /* store it; else it is a reminder, for the log */
	bool is_grave;
};
/* Spans until the next call. */
bool ledger_effect(struct ledger *l, struct ledger_effect *ret);
/* Effects that nobody took in time. */
uint64_t ledger_dropped(const struct ledger *l);

/* ---- what outlives the process ---- */

/* True since something that ledger_save() writes has changed, until it is called. */
bool ledger_is_dirty(const struct ledger *l);
void ledger_save(struct ledger *l, struct bytes *out);
/* Takes over what it knows of; what is damaged is passed over. 0 or -EBADMSG. */
MUST_CHECK int ledger_load(struct ledger *l, struct span saved);

#endif
