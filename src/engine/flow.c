/* SPDX-License-Identifier: ISC */
/*
 * One request's way, in one direction: connection -> subject -> message -> standing -> limits ->
 * strongest action -> charge -> verdict.
 */
#include "internal.h"

#include <stddef.h>

#include "policyd/metric.h"

/* One request under way; what a ticket keeps of it when it must wait is in pending. */
struct call {
	struct engine *e;
	const struct request *request;
	struct now now;
	struct account *account;
	struct transaction *tx;
	bool was_accepted; /* this very recipient, by an earlier verdict */
	struct ticket pending;
};

static void verdict_pass(struct verdict *verdict)
{
	verdict->action = ACTION_DUNNO;
	verdict->rule[0] = verdict->would[0] = verdict->reference[0] = verdict->text[0] = '\0';
}

/* Without the unused rest of the text: this is done for every request. */
static void verdict_copy(struct verdict *to, const struct verdict *from)
{
	memcpy(to, from, offsetof(struct verdict, text));
	span_copy(span_of(from->text), to->text, sizeof(to->text));
}

static void verdict_of_decision(struct verdict *verdict, const struct decision *d)
{
	verdict->action = d->action;
	memcpy(verdict->rule, d->rule, sizeof(verdict->rule));
	memcpy(verdict->reference, d->reference, sizeof(verdict->reference));
	span_copy(span_of(d->text), verdict->text, sizeof(verdict->text));
}

/* ---- the message ---- */

static bool is_instance(const struct transaction *tx, struct span instance)
{
	struct span key = table_key(tx);
	const size_t peer_n = sizeof(struct ip);
	size_t room = sizeof(((struct transaction_key *)NULL)->bytes) - peer_n;
	if (instance.n > room)
		instance.n = room;
	return span_equal(span_make(key.p + peer_n, key.n - peer_n), instance);
}

/* A new instance on a connection ends that connection's message; an empty one ends nothing. */
static struct transaction *conn_message(
	struct engine *e, struct conn *conn, struct span instance, struct now now)
{
	struct transaction *tx = table_get(e->transactions, conn->transaction);
	if (!tx || instance.n == 0)
		return tx;
	if (is_instance(tx, instance))
		return tx;
	transaction_end(e, tx, now);
	conn->transaction = (struct table_ref){0};
	return NULL;
}

static void conn_attach(struct engine *e, struct conn *conn, struct transaction *tx)
{
	conn->transaction = table_ref_of(tx);
	if (tx->conns++ == 0 && tx->node.list == TRANSACTION_LOST)
		table_move(e->transactions, tx, TRANSACTION_OPEN);
}

/*
 * A message that is this one request: whoever asks without an instance is not followed (semantics
 * 7).
 */
static struct transaction *message_nameless(struct call *c)
{
	struct engine *e = c->e;
	struct transaction_key key;
	uint64_t number = ++e->next_nameless;
	/* No instance that Postfix sends begins with NUL. */
	char name[1 + sizeof(number)] = {0};
	memcpy(name + 1, &number, sizeof(number));
	transaction_key(&key, &e->conn[0].peer, span_make(name, sizeof(name)));
	struct transaction *tx = transaction_open(e, &key, c->account, HOOK_NONE, c->now);
	tx->is_nameless = true;
	return tx;
}

/*
 * The message of a request: the connection's own, one that another connection began, or a new one.
 */
static struct transaction *message_of(struct call *c, engine_conn id, struct transaction *tx)
{
	struct engine *e = c->e;
	struct transaction_key key;
	if (c->request->instance.n == 0)
		return message_nameless(c);
	if (!tx) {
		transaction_key(&key, &e->conn[id].peer, c->request->instance);
		tx = table_find(e->transactions, span_make(key.bytes, key.n));
		if (tx && id)
			conn_attach(e, &e->conn[id], tx);
	}
	/* One instance, two accounts: not Postfix. The first one must not pay for the second. */
	if (tx && tx->account_hash != c->account->node.hash) {
		transaction_end(e, tx, c->now);
		tx = NULL;
	}
	if (tx) {
		/* An account that owed nothing may have been forgotten and made anew meanwhile. */
		tx->account = account_ref(c->account);
		transaction_replan(e, tx);
		/* One that came back from a lost connection is not where expiry looks first. */
		transaction_lapse(e, tx, c->now);
		return tx;
	}
	transaction_key(&key, &e->conn[id].peer, c->request->instance);
	tx = transaction_open(e, &key, c->account,
		hook_find(e, e->conn[id].listener, c->request->server_port), c->now);
	if (id)
		conn_attach(e, &e->conn[id], tx);
	return tx;
}

/* ---- verdicts ---- */

static const struct standing *standing_of(const struct call *c)
{
	return account_standing(c->account, c->now.wall);
}

/* True when it is the first of its rule in this message. */
static bool decide_standing(struct engine *e, struct transaction *tx,
	const struct standing *standing, struct decision *d)
{
	const struct config *config = e->plan->snapshot;
	bool is_first = decision_refer(e, tx, RULE_SUSPENDED, d);
	d->action = config->suspension.action;
	d->room_at = standing->until;
	text_standing(d, config, standing);
	return is_first;
}

static bool decide_limit(struct call *c, const struct finding *finding, struct decision *d)
{
	const struct config_limit *limit = finding->rule->config;
	d->observed = limit->mode == MODE_OBSERVE;
	bool is_first = decision_refer(c->e, c->tx, limit->name, d);
	d->action = limit->action;
	d->used = finding->used;
	d->limit = limit->rate.n;
	d->room_at = (wall_t){0};
	if (finding->room_at.us != MONO_NEVER.us)
		d->room_at = wall_of_mono(finding->room_at, c->now);
	text_limit(d, c->e->plan->snapshot, finding->rule);
	return is_first;
}

/* The message cannot go on at the stage that books it, or after: it gets back what it paid. */
static void refused(struct call *c)
{
	enum stage stage = c->pending.asked.stage;
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
	c->tx->accepted += asked->cost.recipients;
	if (asked->stage != STAGE_RCPT && asked->stage >= c->tx->commit_at)
		transaction_commit(c->e, c->tx, asked->recipients, c->now);
}

/*
 * The charge port has no room although the rings here have: other servers used it up. Of the rules,
 * the one with the least room here is the likeliest to be the one.
 */
static void refused_elsewhere(struct call *c)
{
	struct ticket *p = &c->pending;
	const struct limits_plan *plan = c->e->plan;
	const struct rings *rings = limits_rings(c->e->plan, c->account);
	struct finding finding = {.room_at = MONO_NEVER};
	uint32_t least = UINT32_MAX;
	for (size_t i = 0; i < plan->rules; i++) {
		const struct config_limit *limit = plan->rule[i].config;
		if (limit->mode != MODE_ENFORCE || plan->rule[i].is_unlimited)
			continue;
		uint32_t used = ring_used(plan, rings, plan->rule[i].ring, c->now.mono);
		uint32_t room = limit->rate.n > used ? limit->rate.n - used : 0;
		if (room < least)
			finding = (struct finding){.rule = &plan->rule[i],
				.used = limit->rate.n,
				.room_at = MONO_NEVER};
		least = room < least ? room : least;
	}
	if (!finding.rule)
		return;
	if (c->request)
		decision_fill(&p->decision, c->request, c->account, c->now);
	p->is_first = decide_limit(c, &finding, &p->decision);
	verdict_of_decision(&p->verdict, &p->decision);
}

/* The last step, whoever answered and whenever. The verdict is pending.verdict. */
static void conclude(struct call *c, enum charge_answer answer)
{
	struct verdict *verdict = &c->pending.verdict;
	if (answer == CHARGE_REFUSED)
		refused_elsewhere(c);
	if (action_rows[verdict->action].accepts)
		granted(c);
	else
		refused(c);
	if (verdict->action != ACTION_DUNNO)
		decision_publish(c->e, &c->pending.decision, c->pending.is_first);
	if (verdict->action != ACTION_DUNNO && action_rows[verdict->action].accepts)
		c->tx->is_diverted = true;
	transaction_remember(c->tx, c->pending.asked.answer_id, verdict);
}

/* What an observe rule would have done is told, and changes nothing. */
static void observe(struct call *c, const struct finding *finding)
{
	struct decision d;
	decision_fill(&d, c->request, c->account, c->now);
	bool is_first = decide_limit(c, finding, &d);
	decision_publish(c->e, &d, is_first);
	memcpy(c->pending.verdict.would, d.rule, sizeof(d.rule));
}

/* The strongest of a standing and the rules becomes pending.verdict; NULL: there is none. */
static void choose(struct call *c, const struct standing *standing, const struct finding *acts)
{
	struct ticket *p = &c->pending;
	enum action by_standing = standing ? c->e->plan->snapshot->suspension.action : ACTION_DUNNO;
	bool is_limit = acts && action_rows[acts->rule->config->action].strength >
					action_rows[by_standing].strength;
	if (!is_limit && !standing)
		return;
	decision_fill(&p->decision, c->request, c->account, c->now);
	if (is_limit)
		p->is_first = decide_limit(c, acts, &p->decision);
	else
		p->is_first = decide_standing(c->e, c->tx, standing, &p->decision);
	/* Postfix has the diversion already; a second one would say nothing new (semantics 16). */
	if (!c->tx->is_diverted || !action_rows[p->decision.action].accepts)
		verdict_of_decision(&p->verdict, &p->decision);
}

/* Everything but the charge: pending.verdict, and what is to be charged if it accepts. */
static void judge_request(struct call *c)
{
	struct ticket *p = &c->pending;
	const struct standing *standing = standing_of(c);
	bool is_stopped = standing && !action_rows[c->e->plan->snapshot->suspension.action].accepts;
	struct judgement j;
	verdict_pass(&p->verdict);
	p->charge.n = 0;
	if (is_stopped) {
		choose(c, standing, NULL);
		return;
	}
	judge(c->e->plan, c->account, p->asked.cost, c->now.mono, &j);
	if (j.would.rule)
		observe(c, &j.would);
	choose(c, standing, j.acts.rule ? &j.acts : NULL);
	if (!action_rows[p->verdict.action].accepts)
		return;
	p->charge.n = j.items;
	memcpy(p->charge.item, j.item, j.items * sizeof(j.item[0]));
}

/* What a request costs, given what its message has been granted already (semantics 10). */
static struct cost cost_of(const struct call *c)
{
	const struct transaction *tx = c->tx;
	/* Accepted before, and asked again because of a suspension: it is paid for. */
	if (c->was_accepted)
		return (struct cost){0};
	if (c->request->stage == STAGE_RCPT)
		return (struct cost){.messages = tx->accepted == 0, .recipients = 1};
	uint32_t count = c->request->recipients;
	uint32_t excess = count > tx->accepted ? count - tx->accepted : 0;
	return (struct cost){.messages = excess && tx->accepted == 0, .recipients = excess};
}

/*
 * Repetitions are alike in (stage, recipient); at DATA and later only with the same count of
 * recipients.
 */
static uint64_t answer_id(const struct call *c)
{
	uint64_t id = siphash24(&c->e->key, c->request->recipient);
	id += (uint64_t)c->request->stage * UINT64_C(0x9e3779b97f4a7c15);
	if (c->request->stage != STAGE_RCPT)
		id += (uint64_t)c->request->recipients * UINT64_C(0xc2b2ae3d27d4eb4f);
	return id;
}

/* True when the request was answered before and that answer still holds. */
static bool answered_before(struct call *c, struct verdict *ret)
{
	const struct answer *answer = transaction_answer(c->tx, c->pending.asked.answer_id);
	if (!answer)
		return false;
	c->was_accepted = !answer->verdict || action_rows[answer->verdict->action].accepts;
	bool by_standing = answer->verdict && strcmp(answer->verdict->rule, RULE_SUSPENDED) == 0;
	/* Only a suspension made meanwhile overrides it (semantics 8). */
	if (!by_standing && standing_of(c))
		return false;
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

/* MAIL has no instance: only a suspended login is told at once (semantics 14c). */
static void answer_mail(struct call *c, struct verdict *ret)
{
	const struct standing *standing = standing_of(c);
	struct transaction nobody = {0};
	struct decision d;
	if (!standing || action_rows[c->e->plan->snapshot->suspension.action].accepts)
		return;
	decision_fill(&d, c->request, c->account, c->now);
	(void)decide_standing(c->e, &nobody, standing, &d);
	verdict_of_decision(ret, &d);
	decision_publish(c->e, &d, true);
}

enum engine_result engine_begin(struct engine *e, engine_conn id, const struct request *request,
	struct now now, struct verdict *ret, uint64_t *ret_ticket)
{
	struct account_name name;
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
	if ((!is_mail && !is_message) || !subject_of(request, e->plan->snapshot, &name))
		return ENGINE_DONE;
	metric_add(METRIC_REQUESTS_OUTBOUND, 1);
	c.account = account_touch(e->accounts, &name, now.mono);
	if (is_mail) {
		answer_mail(&c, ret);
		return ENGINE_DONE;
	}
	c.tx = message_of(&c, id, c.tx);
	hook_saw(e, c.tx->hook, request->stage);
	c.pending.asked = (struct asked){
		.stage = request->stage,
		.answer_id = answer_id(&c),
		.recipients = request->recipients,
	};
	if (answered_before(&c, ret))
		return ENGINE_DONE;
	c.pending.asked.cost = cost_of(&c);
	c.pending.is_first = false;
	judge_request(&c);
	enum engine_result result = ask_port(&c, id, ret, ret_ticket);
	if (result == ENGINE_DONE && !is_named)
		transaction_end(e, c.tx, now);
	return result;
}

/* ---- late answers ---- */

/* Past the deadline the rings here decide: they know this server's share. */
static void judge_again(struct call *c)
{
	struct ticket *p = &c->pending;
	struct judgement j;
	judge(c->e->plan, c->account, p->asked.cost, c->now.mono, &j);
	const struct limit_rule *rule = j.acts.rule;
	if (rule && !action_rows[rule->config->action].accepts) {
		c->e->charge->cancel(c->e->charge->ctx, &p->charge, c->now);
		p->is_first = decide_limit(c, &j.acts, &p->decision);
		verdict_of_decision(&p->verdict, &p->decision);
		return;
	}
	p->charge.plan = c->e->plan;
	p->charge.n = j.items;
	memcpy(p->charge.item, j.item, j.items * sizeof(j.item[0]));
}

/* Ends a ticket's wait. False when its connection has gone. */
static bool ticket_conclude(
	struct engine *e, struct ticket *ticket, enum charge_answer answer, struct now now)
{
	struct call c = {.e = e, .now = now, .pending = *ticket};
	bool is_lost = ticket->conn == 0;
	c.account = account_get(e->accounts, ticket->account);
	c.tx = table_get(e->transactions, ticket->transaction);
	if (is_lost || !c.tx) {
		/* Nobody will act on it. A timed-out one may have been charged all the same. */
		if (answer != CHARGE_REFUSED)
			e->charge->cancel(e->charge->ctx, &ticket->charge, now);
		return !is_lost;
	}
	if (answer == CHARGE_TIMEOUT)
		judge_again(&c);
	conclude(&c, answer);
	ticket->verdict = c.pending.verdict;
	if (c.tx->is_nameless)
		transaction_end(e, c.tx, now);
	return true;
}

enum engine_result engine_resume(struct engine *e, uint64_t id, enum charge_answer answer,
	struct now now, struct verdict *ret, engine_conn *ret_conn)
{
	struct ticket *ticket = ticket_find(e, id);
	e->now = now;
	if (!ticket) {
		metric_add(METRIC_TICKETS_STALE, 1);
		return ENGINE_STALE;
	}
	bool is_wanted = ticket_conclude(e, ticket, answer, now);
	if (is_wanted) {
		*ret = ticket->verdict;
		*ret_conn = ticket->conn;
	}
	table_remove(e->tickets, ticket);
	return is_wanted ? ENGINE_DONE : ENGINE_STALE;
}

void tickets_expire(struct engine *e, struct now now, bool all)
{
	struct ticket *ticket;
	while ((ticket = table_oldest(e->tickets, 0)) && (all || ticket->due.us <= now.mono.us)) {
		metric_add(METRIC_TICKETS_TIMED_OUT, 1);
		if (ticket_conclude(e, ticket, CHARGE_TIMEOUT, now))
			effect_reply(e, ticket->conn, &ticket->verdict);
		table_remove(e->tickets, ticket);
	}
}
