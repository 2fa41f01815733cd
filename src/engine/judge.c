/* SPDX-License-Identifier: ISC */
/*
 * What the rules say: all are peeked at, none is charged here (check all, then charge all).
 * Suspensions and words are not known here.
 */
#include "internal.h"

/* A ring's state, looked at once for all of its rules; in cells. */
struct ring_state {
	const struct rings *rings;
	uint32_t used, look, charge;
	uint32_t largest; /* what it may count to: N of its rules */
};

/* One question on its way through the rules. */
struct judging {
	struct engine *e;
	const struct transaction *tx;
	const struct asked *asked;
	const struct stance *stance; /* NULL: no share is to be looked at */
	struct fresh *fresh;         /* with it */
	const struct plan_class *class;
	struct now now;
	bool is_scoped; /* there are overrides to be looked for */
	struct override_scope scope;
	unsigned keys; /* those with sets */
	uint64_t sets[KEY_COUNT];
	struct ring_state state[RINGS_MAX];
};

bool is_emergency(const struct engine *e, mono_t mono)
{
	return mono.us < e->emergency_until.us && e->plan->emergency.ring != RING_NONE;
}

/* A message counts once for each name of a key with recipients, and once for the others. */
static uint64_t cost_at(const struct judging *j, const uint64_t cost[UNIT_COUNT], uint32_t ring)
{
	const struct ring_shape *shape = &j->e->plan->ring[ring];
	struct table_ref place = j->asked->place[shape->key];
	if (shape->unit != UNIT_MESSAGES || !key_has_recipient(shape->key))
		return cost[shape->unit];
	return j->asked->counts && !transaction_holds(j->tx, place, ring);
}

static void state_fill(struct judging *j, const struct rings *rings, uint32_t ring)
{
	const struct ring_shape *shape = &j->e->plan->ring[ring];
	struct ring_state *state = &j->state[ring];
	state->rings = rings;
	state->look = ring_cells_up(shape, cost_at(j, j->asked->cost.look, ring));
	state->charge = ring_cells_up(shape, cost_at(j, j->asked->cost.charge, ring));
	state->used = state->look ? ring_used(rings, ring, j->now.mono) : 0;
	state->largest = 0;
}

/* Where an override given at run time may ask for more than the plan's cells hold. */
static bool may_override(enum key key)
{
	return key == KEY_ACCOUNT || key == KEY_SENDER_DOMAIN ||
	       key == KEY_ACCOUNT_RECIPIENT_DOMAIN;
}

static void states_fill(struct judging *j)
{
	struct engine *e = j->e;
	bool has_emergency = is_emergency(e, j->now.mono);
	unsigned asked = j->class->keys | (has_emergency ? 1u << KEY_ACCOUNT : 0);
	memset(j->sets, 0, sizeof(j->sets));
	j->keys = 0;
	for (; asked; asked &= asked - 1) {
		unsigned key = (unsigned)__builtin_ctz(asked);
		uint64_t set = j->class->rings[key];
		if (key == KEY_ACCOUNT && has_emergency)
			set |= UINT64_C(1) << e->plan->emergency.ring;
		struct account *entry = account_get(e->accounts, j->asked->place[key]);
		bool is_unknown = j->asked->unknown >> key & 1;
		if (set == 0 || (!entry && !is_unknown))
			continue;
		j->sets[key] = set;
		j->keys |= 1u << key;
		bool is_wide = j->scope.is_wide && may_override((enum key)key);
		const struct rings *rings =
			entry ? limits_rings(e->plan, entry, set, is_wide) : NULL;
		for (uint64_t left = set; left; left &= left - 1)
			state_fill(j, rings, (uint32_t)__builtin_ctzll(left));
	}
}

static int strength_of(const struct finding *finding)
{
	return finding->rule ? action_rows[finding->action.action].strength : -1;
}

/* Few requests get so far. */
__attribute__((cold)) static void found(
	struct judging *j, const struct finding *finding, struct judgement *ret)
{
	const struct limit_rule *rule = finding->rule;
	bool is_observed = rule->config->mode == MODE_OBSERVE;
	/* What an observe rule would refuse is not charged in its own ring (semantics 12). */
	if (is_observed && rule->ring != RING_NONE)
		j->state[rule->ring].charge = 0;
	if (is_observed && !ret->would.rule)
		ret->would = *finding;
	else if (!is_observed && strength_of(finding) > strength_of(&ret->acts))
		ret->acts = *finding;
}

static uint64_t rate_of(const struct judging *j, const struct config_limit *limit)
{
	struct override_found other;
	if (!j->is_scoped)
		return limit->rate.n;
	override_find(&j->scope, limit, &other);
	return other.rate.n;
}

/*
 * The same rule with a share of its rate, counted from the change on. It finds only what the rule itself lets
 * through.
 */
__attribute__((noinline)) static void judge_share(
	struct judging *j, const struct limit_rule *rule, uint64_t n, struct judgement *ret)
{
	const struct ring_shape *shape = &j->e->plan->ring[rule->ring];
	const struct ring_state *state = &j->state[rule->ring];
	if (shape->key != KEY_ACCOUNT || shape->observe || n == RATE_UNLIMITED)
		return;
	/* A share of something is something. */
	uint64_t scaled = n / 100 * j->stance->share + n % 100 * j->stance->share / 100;
	scaled = scaled || j->stance->share == 0 ? scaled : 1;
	uint32_t cells = ring_cells_down(shape, scaled);
	const struct ring_mark *mark =
		fresh_mark(j->fresh, state->rings, shape, rule->ring, j->now.mono);
	uint32_t used =
		mark ? ring_used_since(state->rings, rule->ring, mark, j->now.mono) : state->used;
	if ((uint64_t)used + state->look <= cells)
		return;
	struct finding finding = {
		.rule = rule,
		.action = rule_action(rule, j->class),
		.used = ring_units(shape, used),
		.limit = scaled,
		.room_at = ring_room_at(state->rings, rule->ring,
			&(struct ring_ask){.cost = state->look,
				.limit = cells,
				.mono = j->now.mono,
				.since = mark}),
		.is_too_large = state->look > cells,
		.is_scaled = true,
		.entry = j->asked->place[KEY_ACCOUNT],
	};
	if (!j->stance->is_observed)
		found(j, &finding, ret);
	else if (!ret->would.rule)
		ret->would = finding;
}

static void judge_ring(struct judging *j, const struct limit_rule *rule, struct judgement *ret)
{
	const struct ring_shape *shape = &j->e->plan->ring[rule->ring];
	struct ring_state *state = &j->state[rule->ring];
	if (!(j->sets[shape->key] >> rule->ring & 1) || state->look == 0)
		return;
	uint64_t n = rate_of(j, rule->config);
	uint32_t cells = ring_cells_down(shape, n);
	/* By an override: it goes on being counted, as far as cells reach. */
	if (n == RATE_UNLIMITED) {
		state->largest = UINT32_MAX;
		return;
	}
	if (state->largest < cells)
		state->largest = cells;
	if ((uint64_t)state->used + state->look <= cells) {
		if (j->fresh)
			judge_share(j, rule, n, ret);
		return;
	}
	struct finding finding = {
		.rule = rule,
		.action = rule_action(rule, j->class),
		.used = ring_units(shape, state->used),
		.limit = n,
		.room_at = ring_room_at(state->rings, rule->ring,
			&(struct ring_ask){
				.cost = state->look, .limit = cells, .mono = j->now.mono}),
		.is_too_large = state->look > cells,
		.entry = j->asked->place[shape->key],
	};
	found(j, &finding, ret);
}

/* What the message has so far, in the unit of a cap. */
static uint64_t message_has(const struct judging *j, enum unit unit)
{
	if (unit == UNIT_RECIPIENTS)
		return j->tx->counted;
	return unit == UNIT_EXTERNAL_RECIPIENTS ? j->tx->external_counted : 0;
}

static void judge_cap(struct judging *j, const struct limit_rule *rule, struct judgement *ret)
{
	enum unit unit = rule->config->unit;
	uint64_t look = j->asked->cost.look[unit], has = message_has(j, unit);
	uint64_t n = rate_of(j, rule->config);
	if (look == 0 || has + look <= n)
		return;
	struct finding finding = {
		.rule = rule,
		.action = rule_action(rule, j->class),
		.used = unit == UNIT_BYTES ? look : has,
		.limit = n,
		.room_at = MONO_NEVER,
	};
	found(j, &finding, ret);
}

static void judge_rules(struct judging *j, struct judgement *ret)
{
	const struct limits_plan *plan = j->e->plan;
	for (size_t i = 0; i < j->class->rules; i++) {
		const struct limit_rule *rule = &plan->rule[j->class->rule[i]];
		if (rule->is_cap)
			judge_cap(j, rule, ret);
		else
			judge_ring(j, rule, ret);
	}
	if (is_emergency(j->e, j->now.mono))
		judge_ring(j, &plan->emergency, ret);
}

static void items_add(struct judging *j, enum key key, struct judgement *ret)
{
	struct table_ref place = j->asked->place[key];
	for (uint64_t left = j->sets[key]; left; left &= left - 1) {
		uint32_t ring = (uint32_t)__builtin_ctzll(left);
		const struct ring_state *state = &j->state[ring];
		/* Over a rule that holds instead of refusing, the ring is full, never more. */
		uint32_t room = state->largest > state->used ? state->largest - state->used : 0;
		uint32_t amount = state->charge < room ? state->charge : room;
		bool is_later = j->e->plan->ring[ring].unit == UNIT_REJECTED_RECIPIENTS &&
				j->asked->accepts && !transaction_holds(j->tx, place, ring);
		if (amount || is_later)
			ret->item[ret->items++] = (struct charge_item){
				.entry = place, .ring = ring, .amount = amount};
	}
}

/* An exempt recipient elsewhere goes through at no cost, as often as its ring has room. */
static bool judge_favour(struct judging *j, struct judgement *ret)
{
	const struct limit_rule *rule = &j->e->plan->exempt;
	if (!j->asked->is_favour || rule->ring == RING_NONE)
		return false;
	struct account *account = account_get(j->e->accounts, j->asked->place[KEY_ACCOUNT]);
	if (!account)
		return false;
	const struct rings *rings =
		limits_rings(j->e->plan, account, UINT64_C(1) << rule->ring, false);
	if (ring_used(rings, rule->ring, j->now.mono) >= rule->config->rate.n)
		return false;
	ret->item[ret->items++] = (struct charge_item){
		.entry = j->asked->place[KEY_ACCOUNT], .ring = rule->ring, .amount = 1};
	return true;
}

/* A share is of what an account may; NULL: there is none. */
static struct fresh *fresh_for(struct judging *j, const struct stance *stance)
{
	if (!stance || stance->treat != TREAT_SHARE)
		return NULL;
	const struct account *account = account_get(j->e->accounts, j->asked->place[KEY_ACCOUNT]);
	return account ? fresh_of(j->e, account, stance->view->generation) : NULL;
}

void judge(struct engine *e, const struct transaction *tx, const struct asked *asked,
	const struct stance *stance, struct now now, struct judgement *ret)
{
	struct judging j;
	ret->acts = ret->would = (struct finding){0};
	ret->items = 0;
	ret->is_favour = false;
	if (asked->is_free)
		return;
	j.e = e;
	j.tx = tx;
	j.asked = asked;
	j.now = now;
	j.stance = stance;
	j.fresh = fresh_for(&j, stance);
	j.class = &e->plan->class[asked->class];
	ret->is_favour = judge_favour(&j, ret);
	if (ret->is_favour)
		return;
	override_scope(e, account_get(e->accounts, asked->place[KEY_ACCOUNT]),
		account_get(e->accounts, asked->place[KEY_SENDER_DOMAIN]), now, &j.scope);
	j.is_scoped = j.scope.is_any;
	states_fill(&j);
	judge_rules(&j, ret);
	if (ret->acts.rule && !action_rows[ret->acts.action.action].accepts)
		return;
	for (unsigned keys = j.keys; keys; keys &= keys - 1)
		items_add(&j, (enum key)__builtin_ctz(keys), ret);
}
