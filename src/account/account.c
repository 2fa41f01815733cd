/* SPDX-License-Identifier: ISC */
/*
 * The table of accounts: names, quotas, pins, standing. What the parts mean (rings, signals) is
 * their modules' business; what a suspension does to a request is the engine's.
 */
#include "policyd/account.h"

#include <assert.h>
#include <stdlib.h>

#include "policyd/mem.h"

/* The lists of the table: one a kind, each with its quota, and one for what must stay. */
enum { LIST_PINNED = ACCOUNT_KINDS, LISTS };

struct accounts {
	struct table *table;
	const struct account_part_row *part[PART_COUNT];
	size_t pinned[ACCOUNT_KINDS]; /* of LIST_PINNED, by kind */
	size_t suspended;
	uint32_t sweep; /* cursor */
};

static enum account_kind kind_of(struct span key)
{
	if (span_starts(key, SPAN("addr:")))
		return ACCOUNT_ADDR;
	return span_starts(key, SPAN("cert:")) ? ACCOUNT_CERT : ACCOUNT_LOGIN;
}

static void standing_free(struct standing *standing)
{
	free(standing->reason);
	free(standing->author);
	free(standing);
}

static void account_drop(void *ctx, void *entry, bool evicted)
{
	struct accounts *a = ctx;
	struct account *account = entry;
	(void)evicted;
	for (int i = 0; i < PART_COUNT; i++) {
		if (account->part[i])
			a->part[i]->free(account->part[i]);
	}
	if (account->standing) {
		a->suspended -= !account->standing->is_over;
		standing_free(account->standing);
	}
}

struct accounts *accounts_new(const struct accounts_setup *setup)
{
	struct accounts *a = xcalloc(1, sizeof(*a));
	for (int i = 0; i < PART_COUNT; i++)
		a->part[i] = setup->part[i];
	a->table = table_new(&(struct table_setup){
		.entry_bytes = sizeof(struct account),
		.lists = LISTS,
		.hash_key = setup->hash_key,
		.drop = account_drop,
		.ctx = a,
	});
	accounts_set_max(a, setup->max);
	return a;
}

void accounts_free(struct accounts *a)
{
	if (!a)
		return;
	table_free(a->table);
	free(a);
}

void accounts_set_max(struct accounts *a, uint32_t max)
{
	/* Logins had to pass authentication; the others are cheaper to make up. */
	table_set_max(a->table, ACCOUNT_LOGIN, max);
	table_set_max(a->table, ACCOUNT_CERT, max / 4);
	table_set_max(a->table, ACCOUNT_ADDR, max / 4);
}

struct account *account_find(struct accounts *a, struct span key)
{
	return table_find(a->table, key);
}

struct account *account_touch(struct accounts *a, const struct account_name *name, mono_t mono)
{
	struct span key = span_make(name->key, name->n);
	struct account *account = table_find(a->table, key);
	if (account)
		table_touch(a->table, account);
	else
		account = table_add(a->table, key, name->kind);
	account->touched_s = (uint32_t)(mono.us / SECOND_US);
	return account;
}

struct account *account_get(struct accounts *a, struct table_ref ref)
{
	return table_get(a->table, ref);
}

/* Puts an account on the list that its pins and standing ask for. */
static void account_place(struct accounts *a, struct account *account)
{
	bool must_stay = account->pins || account->standing;
	bool stays = account->node.list == LIST_PINNED;
	if (must_stay == stays)
		return;
	enum account_kind kind = kind_of(table_key(account));
	table_move(a->table, account, must_stay ? LIST_PINNED : (unsigned)kind);
	if (must_stay)
		a->pinned[kind]++;
	else
		a->pinned[kind]--;
}

void account_pin(struct accounts *a, struct account *account)
{
	account->pins++;
	account_place(a, account);
}

void account_unpin(struct accounts *a, struct account *account)
{
	assert(account->pins > 0);
	account->pins--;
	account_place(a, account);
}

const struct standing *account_standing(const struct account *account, wall_t wall)
{
	const struct standing *standing = account->standing;
	return standing && standing->until.us > wall.us ? standing : NULL;
}

static void standing_clear(struct accounts *a, struct account *account)
{
	if (!account->standing)
		return;
	a->suspended -= !account->standing->is_over;
	standing_free(account->standing);
	account->standing = NULL;
	account_place(a, account);
}

static void standing_set(
	struct accounts *a, struct account *account, const struct policy_event *event)
{
	standing_clear(a, account);
	a->suspended++;
	account->standing = xmalloc(sizeof(*account->standing));
	*account->standing = (struct standing){
		.since = event->at,
		.until = event->until,
		.event = event->id,
		.reason = xstrndup(event->reason.p, event->reason.n),
		.author = xstrndup(event->author.p, event->author.n),
	};
	account_place(a, account);
}

void account_apply(struct accounts *a, const struct policy_event *event)
{
	struct account *account = table_find(a->table, event->account);
	switch (event->kind) {
	case EVENT_SUSPEND:
		if (!account)
			account = table_add(a->table, event->account, kind_of(event->account));
		standing_set(a, account, event);
		break;
	case EVENT_RELEASE:
		if (account)
			standing_clear(a, account);
		break;
	case EVENT_COUNT:
		break;
	}
}

static bool is_idle(const struct accounts *a, const struct account *account, mono_t mono)
{
	if (account->pins || account->standing)
		return false;
	for (int i = 0; i < PART_COUNT; i++) {
		if (account->part[i] && !a->part[i]->is_idle(account->part[i], mono))
			return false;
	}
	return true;
}

/*
 * A suspension that is over is kept for a while: a clock that was set ahead by mistake, and back,
 * must not have ended it.
 */
#define STANDING_KEPT_US (31 * DAY_US)

static void standing_sweep(struct accounts *a, struct account *account, wall_t wall)
{
	struct standing *standing = account->standing;
	bool is_over = standing->until.us <= wall.us;
	if (is_over && wall.us - standing->until.us > STANDING_KEPT_US) {
		standing_clear(a, account);
		return;
	}
	a->suspended = a->suspended + standing->is_over - is_over;
	standing->is_over = is_over;
}

size_t accounts_sweep(struct accounts *a, struct now now, size_t places)
{
	size_t gone = 0;
	struct account *account;
	while ((account = table_next(a->table, &a->sweep, &places))) {
		if (account->standing)
			standing_sweep(a, account, now.wall);
		if (is_idle(a, account, now.mono)) {
			table_remove(a->table, account);
			gone++;
		}
	}
	if (places)
		a->sweep = 0;
	return gone;
}

struct account *accounts_next(struct accounts *a, uint32_t *cursor, size_t *places)
{
	return table_next(a->table, cursor, places);
}

void accounts_figures(const struct accounts *a, struct accounts_figures *ret)
{
	*ret = (struct accounts_figures){
		.suspended = a->suspended,
		.bytes = table_bytes(a->table),
	};
	for (unsigned i = 0; i < ACCOUNT_KINDS; i++) {
		ret->count[i] = table_count(a->table, i) + a->pinned[i];
		ret->evicted += table_evictions(a->table, i);
	}
}
