/* SPDX-License-Identifier: ISC */
/*
 * What the rules say: all are peeked at, none is charged here (check all, then charge all).
 * Suspensions and words are not known here.
 */
#include "internal.h"

static uint32_t cost_in(struct cost cost, enum unit unit)
{
	return unit == UNIT_MESSAGES ? cost.messages : cost.recipients;
}

static int strength_of(const struct finding *finding)
{
	return finding->rule ? action_rows[finding->rule->config->action].strength : -1;
}

/* A ring's state, looked at once for all of its rules. */
struct ring_state {
	uint32_t used, amount;
};

static void judge_rule(
	const struct limit_rule *rule, struct ring_state *state, struct judgement *ret)
{
	if ((uint64_t)state->used + state->amount <= rule->config->rate.n)
		return;
	struct finding finding = {.rule = rule, .used = state->used};
	bool is_observed = rule->config->mode == MODE_OBSERVE;
	/* What an observe rule would refuse is not charged in its own ring (semantics 12). */
	if (is_observed)
		state->amount = 0;
	if (is_observed && !ret->would.rule)
		ret->would = finding;
	else if (!is_observed && strength_of(&finding) > strength_of(&ret->acts))
		ret->acts = finding;
}

static void find_room(struct limits_plan *plan, const struct rings *rings, struct cost cost,
	mono_t mono, struct finding *finding)
{
	if (!finding->rule)
		return;
	const struct config_limit *limit = finding->rule->config;
	finding->room_at = ring_room_at(plan, rings, finding->rule->ring,
		&(struct ring_ask){
			.cost = cost_in(cost, limit->unit), .limit = limit->rate.n, .mono = mono});
}

void judge(struct limits_plan *plan, struct account *account, struct cost cost, mono_t mono,
	struct judgement *ret)
{
	struct ring_state state[CONFIG_LIMITS_MAX];
	struct rings *rings = limits_rings(plan, account);
	ret->acts = ret->would = (struct finding){0};
	ret->items = 0;
	for (uint32_t i = 0; i < plan->rings; i++) {
		state[i].amount = cost_in(cost, plan->ring[i].unit);
		state[i].used = state[i].amount ? ring_used(plan, rings, i, mono) : 0;
	}
	for (size_t i = 0; i < plan->rules; i++) {
		const struct limit_rule *rule = &plan->rule[i];
		if (!rule->is_unlimited && state[rule->ring].amount)
			judge_rule(rule, &state[rule->ring], ret);
	}
	find_room(plan, rings, cost, mono, &ret->acts);
	find_room(plan, rings, cost, mono, &ret->would);
	if (ret->acts.rule && !action_rows[ret->acts.rule->config->action].accepts)
		return;
	for (uint32_t i = 0; i < plan->rings; i++) {
		/* Over a rule that holds instead of refusing, the ring is full, never more. */
		uint32_t largest = plan->ring[i].largest;
		uint32_t room = largest > state[i].used ? largest - state[i].used : 0;
		uint32_t amount = state[i].amount < room ? state[i].amount : room;
		if (amount)
			ret->item[ret->items++] = (struct charge_item){.ring = i, .amount = amount};
	}
}
