/* SPDX-License-Identifier: ISC */
/* Who sends most, and other walks over all accounts, in slices. One account's view is view.c's. */
#include "internal.h"

#include <stdlib.h>

#define TOP_SLICE 2000 /* places of the table a step: well under a millisecond */

/* The ring of the unit with the widest window says most about who sends much. */
static uint32_t widest_ring(const struct limits_plan *plan, enum unit unit)
{
	uint32_t best = RING_NONE;
	for (uint32_t i = 0; i < plan->rings; i++) {
		if (plan->ring[i].key != KEY_ACCOUNT || plan->ring[i].unit != unit ||
			(int64_t)i == (int64_t)plan->exempt.ring)
			continue;
		if (best == RING_NONE || plan->ring[i].window_us > plan->ring[best].window_us)
			best = i;
	}
	return best;
}

static uint64_t tightest_limit(const struct limits_plan *plan, uint32_t ring)
{
	uint64_t n = 0;
	for (size_t i = 0; i < plan->rules; i++) {
		const struct limit_rule *rule = &plan->rule[i];
		if (rule->ring != ring)
			continue;
		if (n == 0 || rule->config->rate.n < n)
			n = rule->config->rate.n;
	}
	return n;
}

static int row_compare(const void *a, const void *b)
{
	const struct engine_top_row *x = a, *y = b;
	return (x->used < y->used) - (x->used > y->used);
}

/* row is kept sorted; a small array makes insertion cheaper than a heap would be worth. */
static void top_insert(struct engine_top *top, const struct engine_top_row *row)
{
	if (top->n == top->max) {
		if (row->used <= top->row[top->n - 1].used)
			return;
		top->n--;
	}
	top->row[top->n++] = *row;
	qsort(top->row, top->n, sizeof(top->row[0]), row_compare);
}

bool engine_top_step(struct engine *e, struct engine_top *top, struct now now)
{
	uint32_t ring = widest_ring(e->plan, top->unit);
	if (ring == RING_NONE)
		return true;
	size_t places = TOP_SLICE;
	struct account *account;
	while ((account = accounts_next(e->accounts, &top->cursor, &places))) {
		const struct rings *rings = limits_rings_peek(e->plan, account);
		enum account_kind kind = kind_of_key(table_key(account));
		if (kind == ACCOUNT_KINDS || !kind_rows[kind].sends)
			continue;
		struct engine_top_row row = {
			.account = account_ref(account),
			.used = ring_units(&e->plan->ring[ring], ring_used(rings, ring, now.mono)),
			.limit = tightest_limit(e->plan, ring),
			.suspended = account_standing(e->accounts, account, now.mono) != NULL,
		};
		if (row.used || row.suspended)
			top_insert(top, &row);
	}
	return places > 0;
}

struct span engine_account_key(struct engine *e, struct table_ref ref)
{
	const struct account *account = account_get(e->accounts, ref);
	return account ? table_key(account) : span_make(NULL, 0);
}

void engine_overrides(struct engine *e,
	bool (*each)(void *ctx, struct span key, const struct override *override), void *ctx)
{
	const struct account *account = NULL;
	while ((account = accounts_pinned(e->accounts, account))) {
		const struct standing *orders = account_orders(e->accounts, account);
		const struct override *at = orders ? orders->overrides : NULL;
		for (; at; at = at->next) {
			if (!each(ctx, table_key(account), at))
				return;
		}
	}
}

void engine_figures(const struct engine *e, struct engine_figures *ret)
{
	accounts_figures(e->accounts, &ret->accounts);
	ret->messages = 0;
	for (unsigned i = 0; i < TRANSACTION_LISTS; i++)
		ret->messages += table_count(e->transactions, i);
	ret->tickets = table_count(e->tickets, 0);
}
