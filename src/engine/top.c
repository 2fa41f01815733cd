/* SPDX-License-Identifier: ISC */
/* Who sends most, and other walks over all accounts, in slices. One account's view is view.c's. */
#include "internal.h"

#define TOP_SLICE 2000 /* places of the table a step: about a millisecond */

/* Rings that tell who sends much, the widest window first: enforced limits of that unit by account. */
struct top_rings {
	size_t n;
	uint32_t ring[RINGS_MAX];
	uint64_t limit[RINGS_MAX]; /* the tightest of the rules on it */
};

static void ring_offer(struct top_rings *rings, const struct limits_plan *plan, uint32_t ring)
{
	size_t at = 0;
	for (size_t i = 0; i < rings->n; i++) {
		if (rings->ring[i] == ring)
			return;
		at += plan->ring[rings->ring[i]].window_us >= plan->ring[ring].window_us;
	}
	for (size_t i = rings->n++; i > at; i--)
		rings->ring[i] = rings->ring[i - 1];
	rings->ring[at] = ring;
}

static uint64_t tightest_limit(const struct limits_plan *plan, uint32_t ring)
{
	uint64_t n = 0;
	for (size_t i = 0; i < plan->rules; i++) {
		const struct limit_rule *rule = &plan->rule[i];
		if (rule->ring == ring && (n == 0 || rule->config->rate.n < n))
			n = rule->config->rate.n;
	}
	return n;
}

static void rings_find(const struct limits_plan *plan, enum unit unit, struct top_rings *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < plan->rules; i++) {
		const struct config_limit *limit = plan->rule[i].config;
		if (plan->rule[i].ring != RING_NONE && limit->key == KEY_ACCOUNT &&
			limit->unit == unit && limit->mode == MODE_ENFORCE)
			ring_offer(ret, plan, plan->rule[i].ring);
	}
	for (size_t i = 0; i < ret->n; i++)
		ret->limit[i] = tightest_limit(plan, ret->ring[i]);
}

/* Whether a comes before b. */
static bool is_above(const struct engine_top *top, const struct engine_top_row *a,
	const struct engine_top_row *b)
{
	return top->by_score ? a->score > b->score : a->used > b->used;
}

/* row is kept sorted; a small array makes insertion cheaper than a heap would be worth. */
static void top_insert(struct engine_top *top, const struct engine_top_row *row)
{
	if (top->n == top->max && !is_above(top, row, &top->row[top->n - 1]))
		return;
	size_t at = top->n < top->max ? top->n++ : top->n - 1;
	for (; at > 0 && is_above(top, row, &top->row[at - 1]); at--)
		top->row[at] = top->row[at - 1];
	top->row[at] = *row;
}

/* What the account used of its own widest ring: its class may not have the widest of all. */
static void row_fill(struct engine *e, struct account *account, const struct top_rings *candidates,
	struct now now, struct engine_top_row *ret)
{
	const struct rings *rings =
		account->part[PART_RINGS] ? limits_rings(e->plan, account, 0, false) : NULL;
	uint64_t set = rings ? limits_rings_set(rings) : 0;
	*ret = (struct engine_top_row){
		.account = account_ref(account),
		.suspended = account_standing(e->accounts, account, now.mono) != NULL,
	};
	ret->usual = signals_usual(account);
	if (account->part[PART_SCORE]) {
		struct ladder_says says;
		signals_peek(e->signals, account, class_of_key(e, table_key(account)), now, &says);
		ret->score = says.score;
		ret->step = says.step;
		ret->would = says.would;
	}
	for (size_t i = 0; i < candidates->n; i++) {
		uint32_t ring = candidates->ring[i];
		if (!(set >> ring & 1))
			continue;
		ret->used = ring_units(&e->plan->ring[ring], ring_used(rings, ring, now.mono));
		ret->limit = candidates->limit[i];
		return;
	}
}

bool engine_top_step(struct engine *e, struct engine_top *top, struct now now)
{
	struct top_rings candidates;
	struct engine_top_row row;
	size_t places = TOP_SLICE;
	struct account *account;
	rings_find(e->plan, top->unit, &candidates);
	while ((account = accounts_next(e->accounts, &top->cursor, &places))) {
		enum account_kind kind = kind_of_key(table_key(account));
		if (kind == ACCOUNT_KINDS || !kind_rows[kind].sends)
			continue;
		row_fill(e, account, &candidates, now, &row);
		top->total += row.used;
		bool is_wanted =
			top->by_score ? row.score > 0 || row.step : row.used || row.suspended;
		if (is_wanted)
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

size_t engine_learnt(struct engine *e, uint32_t *cursor)
{
	struct account *account;
	while ((account = accounts_next(e->accounts, cursor, NULL))) {
		size_t bytes = signals_bytes(account);
		if (bytes)
			return bytes;
	}
	return 0;
}

void engine_figures(const struct engine *e, struct engine_figures *ret)
{
	accounts_figures(e->accounts, &ret->accounts);
	ret->messages = 0;
	for (unsigned i = 0; i < TRANSACTION_LISTS; i++)
		ret->messages += table_count(e->transactions, i);
	ret->tickets = table_count(e->tickets, 0);
	signals_figures(e->signals, &ret->signals);
}
