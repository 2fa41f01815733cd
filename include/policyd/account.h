/* SPDX-License-Identifier: ISC */
/*
 * account.h - THE bounded table of accounts: who we know, and what hangs on each.
 *
 * An account has a name, parts (memory that another module hangs on it: limits hangs its rings),
 * and, for a few, a standing (suspended until, by whom, why). Each kind of name has its own quota,
 * so that forged addresses cannot crowd out logins. An account with a standing or with an
 * unfinished message is pinned: it is never evicted.
 */
#ifndef POLICYD_ACCOUNT_H
#define POLICYD_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/clock.h"
#include "policyd/event.h"
#include "policyd/subject.h"
#include "policyd/table.h"

/* A part of an account belongs to one module and is reached through its slot. */
enum account_part { PART_RINGS, PART_COUNT };

struct account_part_row {
	const char *name;
	/* Frees what hangs at the slot; never called with NULL. */
	void (*free)(void *part);
	/* True when nothing in it matters any more at mono: the account may be forgotten. */
	bool (*is_idle)(const void *part, mono_t mono);
};

struct standing {
	wall_t since, until; /* suspended while until is later than the wall clock */
	int64_t event;       /* the store's number of the suspension */
	char *reason;
	char *author;
	bool is_over; /* when it was last looked at by the sweep */
};

struct account {
	struct table_node node;
	uint32_t pins;      /* unfinished messages that hold a reservation here */
	uint32_t touched_s; /* monotonic second of the last request; 0: never */
	struct standing *standing;
	void *part[PART_COUNT];
};

struct accounts;

struct accounts_setup {
	struct siphash_key hash_key;
	uint32_t max; /* of logins; certificates and addresses have a quarter each */
	const struct account_part_row *part[PART_COUNT];
};

struct accounts *accounts_new(const struct accounts_setup *setup);
void accounts_free(struct accounts *a);
void accounts_set_max(struct accounts *a, uint32_t max);

/* NULL when we do not know it; makes nothing. key as in struct account_name. */
struct account *account_find(struct accounts *a, struct span key);
/* Finds or makes; marks it as touched now. */
struct account *account_touch(struct accounts *a, const struct account_name *name, mono_t mono);
struct account *account_get(struct accounts *a, struct table_ref ref);
static inline struct table_ref account_ref(const struct account *account)
{
	return table_ref_of(account);
}

/* An unfinished message holds on to it, and lets go. */
void account_pin(struct accounts *a, struct account *account);
void account_unpin(struct accounts *a, struct account *account);

/* The standing that holds at wall, or NULL. */
const struct standing *account_standing(const struct account *account, wall_t wall);

/*
 * The one function that applies a durable change to memory. Makes the account when it was never
 * seen. Applying an event twice changes nothing more.
 */
void account_apply(struct accounts *a, const struct policy_event *event);

/*
 * Looks at up to so many places of the table, free ones too: forgets the accounts whose parts are
 * all idle, and standings that ended 31 days ago. Called often with a small number; returns how
 * many accounts went.
 */
size_t accounts_sweep(struct accounts *a, struct now now, size_t places);

/* All accounts in no order, as table_next(). */
struct account *accounts_next(struct accounts *a, uint32_t *cursor, size_t *places);

struct accounts_figures {
	size_t count[ACCOUNT_KINDS]; /* pinned ones count with their kind */
	size_t suspended;            /* those that hold, as of the last sweep */
	uint64_t evicted;
	size_t bytes; /* the table alone, without parts */
};
void accounts_figures(const struct accounts *a, struct accounts_figures *ret);

#endif
