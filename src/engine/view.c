/* SPDX-License-Identifier: ISC */
/*
 * What the desk sees. Views make nothing and change nothing; how they are printed is not known
 * here.
 */
#include "internal.h"

#include <stdlib.h>

#define TOP_SLICE 2000 /* places of the table a step: well under a millisecond */

/*
 * An account that is known may have rings of an older plan: those are laid out anew, as at a
 * request.
 */
static const struct rings *rings_of(struct engine *e, struct account *account)
{
	if (!account || !account->part[PART_RINGS])
		return NULL;
	return limits_rings(e->plan, account);
}

static void view_limit(struct engine *e, const struct rings *rings, const struct limit_rule *rule,
	mono_t mono, struct engine_limit_view *ret)
{
	*ret = (struct engine_limit_view){
		.config = rule->config, .next_fits = true, .room_at = mono};
	if (rule->is_unlimited)
		return;
	ret->used = ring_used(e->plan, rings, rule->ring, mono);
	ret->reserved = ring_reserved(e->plan, rings, rule->ring);
	ret->next_fits = ret->used < rule->config->rate.n;
	ret->room_at = ring_room_at(e->plan, rings, rule->ring,
		&(struct ring_ask){.cost = 1, .limit = rule->config->rate.n, .mono = mono});
}

/* The verdict in store for one more recipient: the strongest of standing and rules. */
static void view_next(struct engine *e, struct engine_account_view *view, struct now now)
{
	const struct config *config = e->plan->snapshot;
	struct decision d = {.action = ACTION_DUNNO};
	span_copy(span_make(view->name.key, view->name.n), d.account, sizeof(d.account));
	view->next = (struct verdict){.action = ACTION_DUNNO};
	if (view->standing) {
		d.action = config->suspension.action;
		text_standing(&d, config, view->standing);
		span_copy(SPAN(RULE_SUSPENDED), view->next.rule, sizeof(view->next.rule));
	}
	for (size_t i = 0; i < view->limits; i++) {
		const struct engine_limit_view *limit = &view->limit[i];
		if (limit->next_fits || limit->config->mode == MODE_OBSERVE)
			continue;
		if (action_rows[limit->config->action].strength <= action_rows[d.action].strength)
			continue;
		d.action = limit->config->action;
		d.used = limit->used;
		d.limit = limit->config->rate.n;
		d.room_at = (wall_t){0};
		if (limit->room_at.us != MONO_NEVER.us)
			d.room_at = wall_of_mono(limit->room_at, now);
		text_limit(&d, config, &e->plan->rule[i]);
		span_copy(span_of(limit->config->name), view->next.rule, sizeof(view->next.rule));
	}
	view->next.action = d.action;
	memcpy(view->next.text, d.text, sizeof(view->next.text));
}

int engine_account(struct engine *e, struct span typed, struct now now,
	struct engine_account_view *ret, struct errbuf *err)
{
	struct account_name name;
	int r = subject_parse(typed, e->plan->snapshot, &name, err);
	if (r != 0)
		return r;
	struct account *account = account_find(e->accounts, span_make(name.key, name.n));
	const struct rings *rings = rings_of(e, account);
	*ret = (struct engine_account_view){.name = name, .is_known = account != NULL};
	if (account) {
		ret->last_seen.us = (int64_t)account->touched_s * SECOND_US;
		ret->standing = account_standing(account, now.wall);
		ret->open_messages = account->pins;
	}
	for (size_t i = 0; i < e->plan->rules; i++)
		view_limit(e, rings, &e->plan->rule[i], now.mono, &ret->limit[ret->limits++]);
	view_next(e, ret, now);
	return 0;
}

/* ---- top ---- */

/* The ring of the unit with the widest window says most about who sends much. */
static uint32_t widest_ring(const struct limits_plan *plan, enum unit unit)
{
	uint32_t best = RING_NONE;
	for (uint32_t i = 0; i < plan->rings; i++) {
		if (plan->ring[i].unit != unit)
			continue;
		if (best == RING_NONE || plan->ring[i].window_us > plan->ring[best].window_us)
			best = i;
	}
	return best;
}

static uint32_t tightest_limit(const struct limits_plan *plan, uint32_t ring)
{
	uint32_t n = 0;
	for (size_t i = 0; i < plan->rules; i++) {
		const struct limit_rule *rule = &plan->rule[i];
		if (rule->is_unlimited || rule->ring != ring)
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
		struct engine_top_row row = {
			.account = account_ref(account),
			.used = ring_used(e->plan, rings, ring, now.mono),
			.limit = tightest_limit(e->plan, ring),
			.suspended = account_standing(account, now.wall) != NULL,
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

void engine_figures(const struct engine *e, struct engine_figures *ret)
{
	accounts_figures(e->accounts, &ret->accounts);
	ret->messages = 0;
	for (unsigned i = 0; i < TRANSACTION_LISTS; i++)
		ret->messages += table_count(e->transactions, i);
	ret->tickets = table_count(e->tickets, 0);
}
