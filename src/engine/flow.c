/* SPDX-License-Identifier: ISC */
/*
 * One request's way, in one direction: connection -> subject -> message -> standing -> limits ->
 * strongest action -> charge -> verdict.
 */
#include "internal.h"

#include "policyd/metric.h"

/* The message cannot go on at the stage that books it, or after: it gets back what it paid. */
static void refused(struct call *c)
{
	enum stage stage = c->pending.asked.stage;
	sight_refused(c);
	if (stage == STAGE_RCPT || stage < c->tx->commit_at)
		return;
	c->tx->is_refused = true;
	transaction_release(c->e, c->tx, c->now);
	transaction_refund(c->e, c->tx, c->now);
}

static void granted(struct call *c)
{
	const struct asked *asked = &c->pending.asked;
	if (c->pending.charge.n)
		transaction_charge(c->e, c->tx, &c->pending.charge, c->now);
	c->tx->accepted += asked->accepts;
	c->tx->counted += asked->counts;
	c->tx->external += asked->externals;
	c->tx->external_counted += asked->externals_counted;
	c->tx->exempt += asked->exempts;
	if (asked->bytes)
		c->tx->bytes = asked->bytes;
	sight_granted(c);
	stance_granted(c);
	if (asked->stage != STAGE_RCPT && asked->stage >= c->tx->commit_at)
		transaction_commit(c->e, c->tx, asked->recipients, c->now);
}

void class_now(struct call *c)
{
	struct ticket *p = &c->pending;
	const struct limits_plan *plan = c->e->plan;
	if (!p->plan || p->plan == plan)
		return;
	const char *name = p->plan->snapshot->classes[p->asked.class].name;
	p->asked.class = plan->snapshot->class_default;
	for (size_t i = 0; i < plan->classes; i++) {
		if (strcmp(plan->snapshot->classes[i].name, name) == 0)
			p->asked.class = (unsigned)i;
	}
}

/* How much room the charge leaves below a rule, for one of the rings it charges. */
static bool room_below(const struct call *c, const struct limit_rule *rule, uint64_t *ret_room,
	struct finding *ret)
{
	const struct limits_plan *plan = c->e->plan;
	const struct charge *charge = &c->pending.charge;
	for (unsigned i = 0; i < charge->n; i++) {
		if (charge->plan != plan || charge->item[i].ring != rule->ring)
			continue;
		const struct account *entry = account_get(c->e->accounts, charge->item[i].entry);
		const struct rings *rings = entry ? limits_rings_peek(plan, entry) : NULL;
		uint64_t n = rule->config->rate.n;
		uint64_t used = ring_units(
			&plan->ring[rule->ring], ring_used(rings, rule->ring, c->now.mono));
		*ret_room = n > used ? n - used : 0;
		*ret = (struct finding){.rule = rule,
			.action = rule_action(rule, &plan->class[c->pending.asked.class]),
			.used = n,
			.limit = n,
			.room_at = MONO_NEVER,
			.entry = charge->item[i].entry};
		return true;
	}
	return false;
}

/*
 * The charge port has no room although the rings here have: other servers used it up. Of the rules,
 * the one with the least room here is the likeliest to be the one.
 */
static void refused_elsewhere(struct call *c)
{
	struct ticket *p = &c->pending;
	const struct limits_plan *plan = c->e->plan;
	struct finding finding = {0}, found;
	uint64_t least = UINT64_MAX, room;
	class_now(c);
	for (size_t i = 0; i < plan->rules; i++) {
		const struct limit_rule *rule = &plan->rule[i];
		if (rule->config->mode != MODE_ENFORCE || rule->ring == RING_NONE ||
			!room_below(c, rule, &room, &found) || room >= least)
			continue;
		least = room;
		finding = found;
	}
	if (!finding.rule)
		return;
	if (c->request)
		decision_fill(&p->decision, c->request, c->account, c->now);
	decide_finding(c, &finding);
}

/* These decide where the message goes; Postfix remembers them. */
static bool is_diversion(enum action action)
{
	return action_rows[action].accepts &&
	       action_rows[action].strength >= action_rows[ACTION_FILTER].strength;
}

void conclude(struct call *c, enum charge_answer answer)
{
	struct verdict *verdict = &c->pending.verdict;
	if (answer == CHARGE_REFUSED)
		refused_elsewhere(c);
	if (action_rows[verdict->action].accepts)
		granted(c);
	else
		refused(c);
	if (verdict->action != ACTION_DUNNO && c->pending.has_decision)
		decision_publish(c->e, &c->pending.decision, c->pending.is_first);
	c->tx->is_diverted = c->tx->is_diverted || is_diversion(verdict->action);
	if (verdict->action == ACTION_HOLD)
		sight_held(c);
	transaction_remember(c->tx, c->pending.asked.answer_id, verdict);
}

/* True when the request was answered before and that answer still holds. */
static bool answered_before(struct call *c, struct verdict *ret)
{
	const struct answer *answer = transaction_answer(c->tx, c->pending.asked.answer_id);
	if (!answer)
		return false;
	c->was_accepted = !answer->verdict || action_rows[answer->verdict->action].accepts;
	bool by_standing = answer->verdict && strcmp(answer->verdict->rule, RULE_SUSPENDED) == 0;
	/* Only a suspension made meanwhile overrides it (semantics 8), and never for free ones. */
	if (!by_standing && account_standing(c->e->accounts, c->account, c->now.mono)) {
		asked_fill(c);
		if (standing_of(c))
			return false;
	}
	metric_add(METRIC_REPEATED, 1);
	if (answer->verdict)
		verdict_copy(ret, answer->verdict);
	return true;
}

static enum engine_result ask_port(
	struct call *c, engine_conn id, struct verdict *ret, uint64_t *ret_ticket)
{
	struct engine *e = c->e;
	struct ticket *p = &c->pending;
	enum charge_answer answer = CHARGE_GRANTED;
	if (p->charge.n) {
		p->charge.id = ++e->next_charge;
		p->charge.account = table_key(c->account);
		p->charge.plan = e->plan;
		answer = e->charge->ask(e->charge->ctx, &p->charge, c->now);
	}
	if (answer == CHARGE_PENDING) {
		if (p->verdict.action == ACTION_DUNNO)
			decision_fill(&p->decision, c->request, c->account, c->now);
		p->transaction = table_ref_of(c->tx);
		p->account = account_ref(c->account);
		p->conn = id;
		e->conn[id].ticket = table_ref_of(ticket_new(e, p, c->now));
		*ret_ticket = p->charge.id;
		return ENGINE_WAIT;
	}
	conclude(c, answer);
	verdict_copy(ret, &p->verdict);
	return ENGINE_DONE;
}

/* A request about a message, of an account of ours. */
static enum engine_result begin_message(
	struct call *c, engine_conn id, struct verdict *ret, uint64_t *ret_ticket)
{
	bool is_named = c->request->instance.n > 0;
	c->tx = message_of(c, id, c->tx);
	hook_saw(c->e, c->tx->hook, c->request->stage);
	c->pending.asked.answer_id = answer_id(c);
	if (answered_before(c, ret)) {
		sight_peek(c);
		sight_tell(c, ret);
		return ENGINE_DONE;
	}
	c->pending.is_first = c->pending.has_decision = false;
	c->pending.plan = NULL;
	asked_fill(c);
	sight_take(c);
	stance_of(c, &c->stance);
	judge_request(c);
	sight_tell(c, &c->pending.verdict);
	enum engine_result result = ask_port(c, id, ret, ret_ticket);
	if (result == ENGINE_DONE && !is_named)
		transaction_end(c->e, c->tx, c->now);
	return result;
}

enum engine_result engine_begin(struct engine *e, engine_conn id, const struct request *request,
	struct now now, struct verdict *ret, uint64_t *ret_ticket)
{
	struct call c;
	c.e = e;
	c.request = request;
	c.now = now;
	c.was_accepted = false;
	metric_add(METRIC_REQUESTS, 1);
	/*
	 * Not only at ticks: what is decided must depend on times alone, so that it can be
	 * replayed.
	 */
	messages_expire(e, now);
	verdict_pass(ret);
	c.tx = conn_message(e, &e->conn[id], request->instance, now);
	bool is_mail = request->stage == STAGE_MAIL;
	bool is_named = request->instance.n > 0;
	bool is_message =
		request->stage == STAGE_RCPT ||
		(is_named && (request->stage == STAGE_DATA || request->stage == STAGE_EOM));
	if ((!is_mail && !is_message) || !subject_of(request, e->plan->snapshot, &c.subject))
		return ENGINE_DONE;
	metric_add(METRIC_REQUESTS_OUTBOUND, 1);
	struct table_ref likely = c.tx ? c.tx->account : (struct table_ref){0};
	c.account = account_meet(e->accounts, &c.subject.name, likely, now.mono);
	if (request->stage == STAGE_RCPT)
		signals_meet(c.account);
	if (!is_mail)
		return begin_message(&c, id, ret, ret_ticket);
	decide_mail(&c, ret);
	return ENGINE_DONE;
}
