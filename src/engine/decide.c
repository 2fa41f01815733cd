/* SPDX-License-Identifier: ISC */
/*
 * From a standing and findings to a decision and a verdict: the strongest wins (semantics 15 to 17).
 * What is charged for it, and when, is flow.c's.
 */
#include "internal.h"

#include <stddef.h>

#include "policyd/mem.h"

void verdict_pass(struct verdict *verdict)
{
	verdict->action = ACTION_DUNNO;
	verdict->code = 0;
	verdict->step = verdict->would_step = 0;
	verdict->score = 0;
	verdict->rule[0] = verdict->would[0] = verdict->reference[0] = verdict->text[0] = '\0';
}

void verdict_copy(struct verdict *to, const struct verdict *from)
{
	memcpy(to, from, offsetof(struct verdict, text));
	span_copy(span_of(from->text), to->text, sizeof(to->text));
}

static void verdict_of_decision(struct verdict *verdict, const struct decision *d)
{
	verdict->action = d->action;
	verdict->code = d->code;
	memcpy(verdict->rule, d->rule, sizeof(verdict->rule));
	memcpy(verdict->reference, d->reference, sizeof(verdict->reference));
	span_copy(span_of(d->text), verdict->text, sizeof(verdict->text));
}

const struct standing *standing_of(const struct call *c)
{
	if (c->pending.asked.is_free)
		return NULL;
	return account_standing(c->e->accounts, c->account, c->now.mono);
}

/* True when it is the first of its rule in this message. */
static bool decide_standing(struct engine *e, struct transaction *tx,
	const struct standing *standing, struct decision *d)
{
	const struct config *config = e->plan->snapshot;
	bool is_first = decision_refer(e, tx, RULE_SUSPENDED, d);
	d->action = config->suspension.action.action;
	d->code = config->suspension.action.code;
	d->room_at = standing->until;
	text_standing(d, config, standing);
	return is_first;
}

static bool decide_ladder(struct call *c, struct decision *d)
{
	const struct ladder_says *says = &c->says;
	const char *rule = says->step >= STEP_HOLD ? RULE_HOLD : RULE_SLOW;
	bool is_first = decision_refer(c->e, c->tx, rule, d);
	d->action = says->action;
	if (says->room_at.us && says->room_at.us != MONO_NEVER.us)
		d->room_at = wall_of_mono(says->room_at, c->now);
	text_ladder(d, c->e->plan->snapshot);
	return is_first;
}

/* What the stance asks for at present, as an action; DUNNO: nothing. */
static enum action stance_action(const struct call *c, mono_t *ret_room_at)
{
	const struct stance *stance = &c->stance;
	ret_room_at->us = 0;
	if (stance->treat == TREAT_ACTION)
		return stance->action->action;
	if (stance->treat == TREAT_SHIFT)
		return ACTION_FILTER;
	bool is_slow = stance->treat == TREAT_SLOW && stance_is_slow(c, ret_room_at);
	return is_slow ? ACTION_DEFER_IF_PERMIT : ACTION_DUNNO;
}

static bool decide_stance(struct call *c, mono_t room_at, struct decision *d)
{
	const struct stance *stance = &c->stance;
	d->observed = stance->is_observed;
	bool is_first =
		decision_refer(c->e, c->tx, stance->warm_cap ? RULE_WARM_UP : RULE_POSTURE, d);
	d->action = ACTION_DEFER_IF_PERMIT;
	d->used = d->limit = stance->warm_cap;
	if (stance->treat == TREAT_ACTION) {
		d->action = stance->action->action;
		d->code = stance->action->code;
	} else if (stance->treat == TREAT_SHIFT) {
		d->action = ACTION_FILTER;
	}
	if (room_at.us && room_at.us != MONO_NEVER.us)
		d->room_at = wall_of_mono(room_at, c->now);
	text_stance(d, c->e->plan->snapshot, stance);
	return is_first;
}

/* A decision about a request, of which nothing is known yet but what it is about. */
static void decision_begin(const struct call *c, struct decision *d)
{
	decision_fill(d, c->request, c->account, c->now);
	d->score = c->says.score;
	d->step = (unsigned char)c->says.step;
}

static bool decide_limit(struct call *c, const struct finding *finding, struct decision *d)
{
	const struct config_limit *limit = finding->rule->config;
	const struct account *entry = account_get(c->e->accounts, finding->entry);
	d->observed = limit->mode == MODE_OBSERVE || (finding->is_scaled && c->stance.is_observed);
	bool is_first =
		decision_refer(c->e, c->tx, finding->is_scaled ? RULE_POSTURE : limit->name, d);
	d->action = finding->action.action;
	d->code = finding->action.code;
	d->used = finding->used;
	d->limit = finding->limit;
	d->room_at = (wall_t){0};
	if (finding->room_at.us != MONO_NEVER.us)
		d->room_at = wall_of_mono(finding->room_at, c->now);
	text_limit(
		d, c->e->plan->snapshot, finding, entry ? table_key(entry) : span_of(d->account));
	return is_first;
}

void decide_finding(struct call *c, const struct finding *finding)
{
	struct ticket *p = &c->pending;
	p->has_decision = true;
	p->is_first = decide_limit(c, finding, &p->decision);
	p->is_ladder = false;
	verdict_of_decision(&p->verdict, &p->decision);
}

/* What an observe rule would have done is told, and changes nothing. */
static void observe(struct call *c, const struct finding *finding)
{
	struct decision d;
	decision_begin(c, &d);
	bool is_first = decide_limit(c, finding, &d);
	decision_publish(c->e, &d, is_first);
	memcpy(c->pending.verdict.would, d.rule, sizeof(d.rule));
}

static void observe_stance(struct call *c, mono_t room_at)
{
	struct decision d;
	decision_begin(c, &d);
	bool is_first = decide_stance(c, room_at, &d);
	decision_publish(c->e, &d, is_first);
	memcpy(c->pending.verdict.would, d.rule, sizeof(d.rule));
}

/* ---- what can be said at DATA only ---- */

/* Postfix takes PREPEND and BCC once for each recipient at RCPT, and FILTER for all of them. */
static bool is_for_data(enum action action)
{
	return action == ACTION_PREPEND || action == ACTION_FILTER || action == ACTION_BCC;
}

static void keep_for_data(struct transaction *tx, const struct decision *d)
{
	if (tx->at_data &&
		action_rows[tx->at_data->action].strength >= action_rows[d->action].strength)
		return;
	if (!tx->at_data)
		tx->at_data = xmalloc(sizeof(*tx->at_data));
	*tx->at_data = *d;
}

/* FILTER takes everybody's mail elsewhere: only where everybody is elsewhere (semantics 17). */
static bool is_fit_for_data(const struct transaction *tx)
{
	const struct decision *d = tx->at_data;
	if (!d || (tx->is_diverted && d->action == ACTION_FILTER))
		return false;
	return d->action != ACTION_FILTER || tx->external == tx->accepted;
}

/* What was decided at RCPT, now that it is said. */
static void decision_take(struct decision *d, const struct decision *from)
{
	d->action = from->action;
	d->used = from->used;
	d->limit = from->limit;
	d->room_at = from->room_at;
	memcpy(d->reference, from->reference, sizeof(d->reference));
	memcpy(d->rule, from->rule, sizeof(d->rule));
	span_copy(span_of(from->text), d->text, sizeof(d->text));
}

/*
 * What shows at END-OF-MESSAGE only (the size) is said there, unless DATA had its say: a second BCC
 * would be a second copy. PREPEND does nothing there.
 */
static bool is_for_now(const struct call *c)
{
	const struct ticket *p = &c->pending;
	if (p->asked.stage != STAGE_EOM || c->tx->at_data || c->tx->is_diverted)
		return false;
	return p->decision.action == ACTION_BCC ||
	       (p->decision.action == ACTION_FILTER && c->tx->external == c->tx->accepted);
}

/* A request that passes at DATA gets what the message was to get there. */
static void say_at_data(struct call *c)
{
	struct ticket *p = &c->pending;
	if (p->asked.stage != STAGE_DATA || p->verdict.action != ACTION_DUNNO)
		return;
	if (is_fit_for_data(c->tx)) {
		decision_begin(c, &p->decision);
		decision_take(&p->decision, c->tx->at_data);
		p->is_first = p->has_decision = true;
		verdict_of_decision(&p->verdict, &p->decision);
	} else if (token_format(c->e->plan->snapshot, table_key(c->account), c->request->instance,
			   p->verdict.text)) {
		p->verdict.action = ACTION_PREPEND;
		span_copy(SPAN(RULE_TOKEN), p->verdict.rule, sizeof(p->verdict.rule));
	}
}

/* ---- the strongest ---- */

static int strength(enum action action)
{
	return action_rows[action].strength;
}

/*
 * The strongest of a standing, the ladder, the rules and the stance becomes pending.verdict; NULL: there is
 * none. Of equals the one that says most about the account.
 */
static void choose(struct call *c, const struct standing *standing, const struct finding *acts)
{
	struct ticket *p = &c->pending;
	const int pass = strength(ACTION_DUNNO);
	int by_standing =
		standing ? strength(c->e->plan->snapshot->suspension.action.action) : pass;
	int by_ladder = strength(c->says.action);
	int by_limit = acts ? strength(acts->action.action) : pass;
	mono_t room_at;
	enum action stance = stance_action(c, &room_at);
	if (stance != ACTION_DUNNO && c->stance.is_observed) {
		observe_stance(c, room_at);
		stance = ACTION_DUNNO;
	}
	bool is_stance = strength(stance) > by_limit && strength(stance) > by_standing &&
			 strength(stance) > by_ladder;
	bool is_limit = !is_stance && acts && by_limit > by_standing && by_limit > by_ladder;
	bool is_ladder = p->is_ladder = !is_stance && !is_limit && by_ladder > by_standing;
	if (!is_stance && !is_limit && !is_ladder && !standing)
		return;
	p->has_decision = true;
	decision_begin(c, &p->decision);
	if (is_stance)
		p->is_first = decide_stance(c, room_at, &p->decision);
	else if (is_limit)
		p->is_first = decide_limit(c, acts, &p->decision);
	else if (is_ladder)
		p->is_first = decide_ladder(c, &p->decision);
	else
		p->is_first = decide_standing(c->e, c->tx, standing, &p->decision);
	if (is_for_data(p->decision.action) && !is_for_now(c))
		keep_for_data(c->tx, &p->decision);
	/* Postfix has the diversion already; a second one would say nothing new (semantics 16). */
	else if (!c->tx->is_diverted || !action_rows[p->decision.action].accepts)
		verdict_of_decision(&p->verdict, &p->decision);
}

void judge_request(struct call *c)
{
	struct ticket *p = &c->pending;
	const struct standing *standing = standing_of(c);
	enum action suspended = c->e->plan->snapshot->suspension.action.action;
	struct judgement j;
	verdict_pass(&p->verdict);
	p->is_ladder = false;
	p->charge.n = 0;
	if (standing && !action_rows[suspended].accepts) {
		choose(c, standing, NULL);
		return;
	}
	asked_places_find(c);
	judge(c->e, c->tx, &p->asked, &c->stance, c->now, &j);
	if (j.is_favour)
		p->asked.counts = p->asked.externals_counted = 0;
	if (j.would.rule)
		observe(c, &j.would);
	choose(c, standing, j.acts.rule ? &j.acts : NULL);
	say_at_data(c);
	if (!action_rows[p->verdict.action].accepts)
		return;
	/* Nothing is counted under that name yet, so nothing but what is charged changes. */
	if (p->asked.unknown && !p->asked.is_free && !j.is_favour) {
		asked_places_make(c);
		judge(c->e, c->tx, &p->asked, &c->stance, c->now, &j);
	}
	p->charge.n = j.items;
	memcpy(p->charge.item, j.item, j.items * sizeof(j.item[0]));
}

void decide_mail(struct call *c, struct verdict *ret)
{
	struct transaction nobody = {0};
	struct decision d;
	c->pending.asked.is_free = false;
	const struct standing *standing = standing_of(c);
	if (!standing || action_rows[c->e->plan->snapshot->suspension.action.action].accepts)
		return;
	decision_fill(&d, c->request, c->account, c->now);
	(void)decide_standing(c->e, &nobody, standing, &d);
	verdict_of_decision(ret, &d);
	decision_publish(c->e, &d, true);
}
