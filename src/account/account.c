/* SPDX-License-Identifier: ISC */
/*
 * The table of accounts: names, quotas, pins, standing. What the parts mean (rings, signals) is
 * their modules' business; what a suspension does to a request is the engine's.
 */
#include "policyd/account.h"

#include <assert.h>
#include <stdlib.h>

#include "policyd/mem.h"
#include "standing.h"

/* The lists of the table: one a kind, each with its quota, and one for what must stay. */
enum { LIST_PINNED = ACCOUNT_KINDS, LISTS };

struct accounts {
	struct table *table;
	const struct account_part_row *part[PART_COUNT];
	size_t pinned[ACCOUNT_KINDS]; /* of LIST_PINNED, by kind */
	size_t suspended;
	struct standing **standing; /* by number; NULL: free */
	uint32_t standings, standings_size;
	uint32_t standings_low; /* all below are taken */
	uint32_t sweep;         /* cursor */
};

/* Keys are made by the subject module; what a file or database holds may be older or worse. */
static enum account_kind kind_of(struct span key)
{
	enum account_kind kind = kind_of_key(key);
	return kind == ACCOUNT_KINDS ? ACCOUNT_LOGIN : kind;
}

/* Places of standings are used again, so that there are as many as there ever were at once. */
static uint32_t place_take(struct accounts *a)
{
	for (uint32_t i = a->standings_low; i < a->standings; i++) {
		if (a->standing[i])
			continue;
		a->standings_low = i + 1;
		return i + 1;
	}
	if (a->standings == a->standings_size) {
		a->standings_size = a->standings_size ? a->standings_size * 2 : 64;
		a->standing = xrealloc(a->standing, a->standings_size, sizeof(struct standing *));
	}
	a->standings_low = a->standings + 1;
	return ++a->standings;
}

static void place_free(struct accounts *a, uint32_t number)
{
	a->standing[number - 1] = NULL;
	if (number - 1 < a->standings_low)
		a->standings_low = number - 1;
}

static struct standing *orders_of(const struct accounts *a, const struct account *account)
{
	return account->standing ? a->standing[account->standing - 1] : NULL;
}

/* What may go, or change, is counted anew afterwards (standing_put). */
static struct standing *standing_uncount(struct accounts *a, const struct account *account)
{
	struct standing *standing = a->standing[account->standing - 1];
	a->suspended -= standing->is_counted;
	standing->is_counted = false;
	return standing;
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
		standing_free(standing_uncount(a, account));
		place_free(a, account->standing);
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
	free(a->standing);
	free(a);
}

void accounts_set_max(struct accounts *a, uint32_t max)
{
	for (unsigned i = 0; i < ACCOUNT_KINDS; i++)
		table_set_max(a->table, i, max / kind_rows[i].share);
}

struct account *account_find(struct accounts *a, struct span key)
{
	return table_find(a->table, key);
}

struct account *account_touch(struct accounts *a, const struct account_name *name, mono_t mono)
{
	struct span key = span_make(name->key, name->n);
	struct account *account = table_find(a->table, key);
	if (!account)
		account = table_add(a->table, key, name->kind);
	account_used(a, account, mono);
	return account;
}

void account_used(struct accounts *a, struct account *account, mono_t mono)
{
	table_touch(a->table, account);
	account->touched_s = (uint32_t)(mono.us / SECOND_US);
}

/* Of a part: what the limits of an account usually take. */
#define PREFETCH_BYTES 256
#define LINE_BYTES     64

struct account *account_meet(
	struct accounts *a, const struct account_name *name, struct table_ref likely, mono_t mono)
{
	struct span key = span_make(name->key, name->n);
	struct account *account = table_get(a->table, likely);
	if (!account || !span_equal(table_key(account), key))
		account = table_find(a->table, key);
	if (!account)
		account = table_add(a->table, key, name->kind);
	for (size_t at = 0; account->part[0] && at < PREFETCH_BYTES; at += LINE_BYTES)
		__builtin_prefetch((const char *)account->part[0] + at);
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
	bool must_stay = account_pins(account) || account->standing;
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
	account->node.owner++;
	account_place(a, account);
}

void account_unpin(struct accounts *a, struct account *account)
{
	assert(account_pins(account) > 0);
	account->node.owner--;
	account_place(a, account);
}

/* ---- standing ---- */

const struct standing *account_orders(const struct accounts *a, const struct account *account)
{
	return orders_of(a, account);
}

const struct standing *account_standing(
	const struct accounts *a, const struct account *account, mono_t mono)
{
	const struct standing *standing = account_orders(a, account);
	return standing && standing->ends.us > mono.us ? standing : NULL;
}

bool accounts_have_domains(const struct accounts *a)
{
	return a->pinned[ACCOUNT_DOMAIN] > 0;
}

struct account *account_of_domain(struct accounts *a, struct span domain)
{
	static const char word[] = "domain:";
	char key[sizeof(word) + ADDRESS_MAX];
	/* Overrides of domains are rare: mostly there is nothing to be looked up. */
	if (!accounts_have_domains(a) || domain.n == 0 || domain.n > ADDRESS_MAX)
		return NULL;
	memcpy(key, word, sizeof(word) - 1);
	memcpy(key + sizeof(word) - 1, domain.p, domain.n);
	return table_find(a->table, span_make(key, sizeof(word) - 1 + domain.n));
}

/* Hangs it on the account (NULL: nothing is left) and counts anew. */
static void standing_put(
	struct accounts *a, struct account *account, struct standing *standing, mono_t mono)
{
	uint32_t number = account->standing;
	if (!standing && number)
		place_free(a, number);
	else if (standing && !number)
		number = place_take(a);
	account->standing = standing ? number : 0;
	if (standing)
		a->standing[number - 1] = standing;
	account_place(a, account);
	if (!standing)
		return;
	bool is_suspended = standing->ends.us > mono.us;
	a->suspended = a->suspended + is_suspended - standing->is_counted;
	standing->is_counted = is_suspended;
}

struct account *account_made(struct accounts *a, struct span key)
{
	struct account *account = table_find(a->table, key);
	return account ? account : table_add(a->table, key, kind_of(key));
}

static void account_reset(struct accounts *a, struct account *account)
{
	for (int i = 0; i < PART_COUNT; i++) {
		if (account->part[i])
			a->part[i]->reset(account->part[i]);
	}
}

void account_apply(struct accounts *a, const struct policy_event *event, struct now now)
{
	struct account *account = table_find(a->table, event->account);
	bool has_standing = account && account->standing;
	switch (event->kind) {
	case EVENT_SUSPEND:
		account = account_made(a, event->account);
		standing_put(
			a, account, standing_suspend(orders_of(a, account), event, now), now.mono);
		break;
	case EVENT_OVERRIDE_SET:
		account = account_made(a, event->account);
		standing_put(a, account, standing_set(orders_of(a, account), event, now), now.mono);
		break;
	case EVENT_RELEASE:
		if (has_standing)
			standing_put(a, account, standing_release(standing_uncount(a, account)),
				now.mono);
		break;
	case EVENT_OVERRIDE_UNSET:
		if (has_standing)
			standing_put(a, account,
				standing_unset(standing_uncount(a, account), event->limit),
				now.mono);
		break;
	case EVENT_RESET:
		if (account)
			account_reset(a, account);
		break;
	case EVENT_LISTING:
	case EVENT_LIST_STATE:
	case EVENT_POSTURE:
	case EVENT_AUDIT:
	case EVENT_DELIST:
	case EVENT_PROGRAMME:
	case EVENT_SIGNAL:
	case EVENT_LADDER:
	case EVENT_COUNT:
		break;
	}
}

static bool is_idle(const struct accounts *a, const struct account *account, mono_t mono)
{
	if (account_pins(account) || account->standing)
		return false;
	for (int i = 0; i < PART_COUNT; i++) {
		if (account->part[i] && !a->part[i]->is_idle(account->part[i], mono))
			return false;
	}
	return true;
}

size_t accounts_sweep(struct accounts *a, struct now now, size_t places)
{
	size_t gone = 0;
	struct account *account;
	while ((account = table_next(a->table, &a->sweep, &places))) {
		if (account->standing)
			standing_put(a, account,
				standing_expire(standing_uncount(a, account), now.mono), now.mono);
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

struct account *accounts_pinned(struct accounts *a, const struct account *after)
{
	return after ? table_younger(a->table, after) : table_oldest(a->table, LIST_PINNED);
}

/* ---- in a snapshot ---- */

enum { RECORD_PART = 0x10 }; /* and the part's id */

bool account_save(const struct accounts *a, const struct account *account, unsigned without,
	struct bytes *out, mono_t mono)
{
	size_t before = out->n;
	bytes_span(out, table_key(account));
	bytes_number(out, account->touched_s);
	size_t empty = out->n;
	for (int i = 0; i < PART_COUNT; i++) {
		if (!account->part[i] || without >> i & 1)
			continue;
		size_t outside = out->n;
		size_t mark = bytes_begin(out, RECORD_PART + a->part[i]->id);
		size_t begun = out->n;
		a->part[i]->save(account->part[i], out, mono);
		bool is_empty = out->n == begun;
		bytes_end(out, mark);
		if (is_empty)
			out->n = outside;
	}
	if (out->n == empty)
		out->n = before;
	return out->n != before;
}

static const struct account_part_row *part_of(
	const struct accounts *a, unsigned type, enum account_part *ret)
{
	for (int i = 0; i < PART_COUNT; i++) {
		*ret = (enum account_part)i;
		if (a->part[i] && type == RECORD_PART + a->part[i]->id)
			return a->part[i];
	}
	return NULL;
}

static uint32_t shifted_s(uint64_t s, const struct account_load *load)
{
	int64_t moved = (int64_t)s + load->shift_us / SECOND_US;
	int64_t now = load->mono.us / SECOND_US;
	if (moved < 0)
		return 0;
	return (uint32_t)(moved < now ? moved : now);
}

bool account_load(struct accounts *a, struct reader *in, const struct account_load *load)
{
	struct span key = reader_span(in);
	uint64_t touched_s = reader_number(in);
	struct reader part;
	unsigned type;
	if (in->is_bad || key.n > ACCOUNT_KEY_MAX || kind_of_key(key) == ACCOUNT_KINDS ||
		touched_s > UINT32_MAX)
		return false;
	if (table_find(a->table, key))
		return true;
	struct account *account = table_add(a->table, key, kind_of(key));
	account->touched_s = shifted_s(touched_s, load);
	while (reader_record(in, &type, &part)) {
		enum account_part at;
		const struct account_part_row *row = part_of(a, type, &at);
		if (row && load->ctx[at])
			row->load(load->ctx[at], account, &part, load->shift_us);
		if (part.is_bad)
			return false;
	}
	return !in->is_bad;
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
