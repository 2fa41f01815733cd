/* SPDX-License-Identifier: ISC */
/*
 * account.h - THE bounded table: accounts, every other name that limits count by, and what hangs on
 * each.
 *
 * An entry has a name, parts (memory that another module hangs on it: limits hangs its rings), and,
 * for a few, a standing (suspended until, other rates, by whom, why). Each kind of name has its own
 * quota (kind.def), so that forged addresses cannot crowd out logins. An entry with a standing or
 * with an unfinished message is pinned: it is never evicted.
 */
#ifndef POLICYD_ACCOUNT_H
#define POLICYD_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/bytes.h"
#include "policyd/clock.h"
#include "policyd/event.h"
#include "policyd/subject.h"
#include "policyd/table.h"

/* A part of an account belongs to one module and is reached through its slot. */
enum account_part { PART_RINGS, PART_BASELINE, PART_SCORE, PART_COUNT };

struct account;
struct account_part_row {
	const char *name;
	unsigned id; /* in files; never given to another part */
	/* Frees what hangs at the slot; never called with NULL. */
	void (*free)(void *part);
	/* True when nothing in it matters any more at mono: the account may be forgotten. */
	bool (*is_idle)(const void *part, mono_t mono);
	/* Forgets what was counted; what unfinished messages hold stays, for they give it back. */
	void (*reset)(void *part);
	/* Writes what matters at mono; nothing when nothing does. */
	void (*save)(const void *part, struct bytes *out, mono_t mono);
	/*
	 * Hangs what save() wrote on the account. ctx is the module's own; shift_us is to be added
	 * to the monotonic times in it. What it does not understand it passes over.
	 */
	void (*load)(void *ctx, struct account *account, struct reader *in, int64_t shift_us);
};

/* Another rate for one limit. */
struct override {
	struct override *next;
	char *limit; /* its name */
	struct rate rate;
	wall_t since, until;
	mono_t ends;
	int64_t event; /* the store's number */
	char *reason, *author;
};

struct standing {
	/*
	 * Suspended until ends, which is 0 when there is no suspension. The wall clock may be set:
	 * until is for people and the store, and what counts is the time that passes.
	 */
	wall_t since, until;
	mono_t ends;
	int64_t event; /* the store's number of the suspension */
	char *reason;
	char *author;
	bool is_counted; /* among the suspended, when it was last looked at */
	struct override *overrides;
};

struct account {
	struct table_node node; /* its owner: unfinished messages that hold a reservation here */
	uint32_t touched_s;     /* monotonic second of the last request; 0: never */
	uint32_t standing;      /* its number + 1: few have one, and a pointer would cost all */
	void *part[PART_COUNT];
};

struct accounts;

struct accounts_setup {
	struct siphash_key hash_key;
	uint32_t max; /* of logins; the other kinds have their share of it (kind.def) */
	const struct account_part_row *part[PART_COUNT]; /* NULL: nobody hangs anything there */
};

struct accounts *accounts_new(const struct accounts_setup *setup);
void accounts_free(struct accounts *a);
void accounts_set_max(struct accounts *a, uint32_t max);

/* NULL when we do not know it; makes nothing. key as in struct account_name. */
struct account *account_find(struct accounts *a, struct span key);
/* Finds or makes; marks it as touched now. */
struct account *account_touch(struct accounts *a, const struct account_name *name, mono_t mono);
/* Marks one that was found as touched now: it is not the next to go when there are too many. */
void account_used(struct accounts *a, struct account *account, mono_t mono);
/*
 * The same for one that a message is about to pin, and let go of again, which makes it the youngest:
 * its place is left as it is, and what will be read of it soon is fetched into the cache meanwhile.
 * likely: who it may be, by whom it is found sooner; anything else, or none, does no harm.
 */
struct account *account_meet(
	struct accounts *a, const struct account_name *name, struct table_ref likely, mono_t mono);
struct account *account_get(struct accounts *a, struct table_ref ref);
/* Finds or makes by a canonical key alone, untouched. */
struct account *account_made(struct accounts *a, struct span key);
static inline struct table_ref account_ref(const struct account *account)
{
	return table_ref_of(account);
}

static inline uint32_t account_pins(const struct account *account)
{
	return account->node.owner;
}

/* An unfinished message holds on to it, and lets go. */
void account_pin(struct accounts *a, struct account *account);
void account_unpin(struct accounts *a, struct account *account);

/* What the desk has ordered for an account; may be over; NULL: nothing. */
const struct standing *account_orders(const struct accounts *a, const struct account *account);
/* The standing of an account that is suspended at mono, or NULL. */
const struct standing *account_standing(
	const struct accounts *a, const struct account *account, mono_t mono);
/* The override of a limit that holds at mono, or NULL. orders: as account_orders() gives them. */
const struct override *standing_override(
	const struct standing *orders, const char *limit, mono_t mono);
/* The entry that holds a domain's overrides, or NULL. */
struct account *account_of_domain(struct accounts *a, struct span domain);
bool accounts_have_domains(const struct accounts *a);

/*
 * The one function that applies a durable change to memory. Makes the account when it was never
 * seen. Applying an event twice changes nothing more. An end is as far from now as it is from the
 * wall clock, and never further than it was from the event: a clock that was set back makes no
 * suspension longer.
 */
void account_apply(struct accounts *a, const struct policy_event *event, struct now now);

/*
 * Looks at up to so many places of the table, free ones too: forgets the accounts whose parts are
 * all idle, and standings that are over. Called often with a small number; returns how
 * many accounts went.
 */
size_t accounts_sweep(struct accounts *a, struct now now, size_t places);

/* All accounts in no order, as table_next(). */
struct account *accounts_next(struct accounts *a, uint32_t *cursor, size_t *places);
/*
 * Those that must stay (with a standing, or with an unfinished message), one after the other: NULL
 * begins, and ends. Nothing may be changed between two calls.
 */
struct account *accounts_pinned(struct accounts *a, const struct account *after);

/*
 * One entry as a record for the snapshot; nothing when it has nothing worth keeping. Standings are
 * the store's. Returns false then. without: parts that are left out, a bit each (1 << PART_...).
 */
bool account_save(const struct accounts *a, const struct account *account, unsigned without,
	struct bytes *out, mono_t mono);
/* Makes the entry again, unless it is there already. False: the record makes no sense. */
struct account_load {
	void *ctx[PART_COUNT]; /* for the parts' load(); NULL: that part is passed over */
	int64_t shift_us;
	mono_t mono;
};
bool account_load(struct accounts *a, struct reader *in, const struct account_load *load);

struct accounts_figures {
	size_t count[ACCOUNT_KINDS]; /* pinned ones count with their kind */
	size_t suspended;            /* those that hold, as of the last sweep */
	uint64_t evicted;
	size_t bytes; /* the table alone, without parts */
};
void accounts_figures(const struct accounts *a, struct accounts_figures *ret);

#endif
