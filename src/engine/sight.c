/* SPDX-License-Identifier: ISC */
/*
 * What speaks for a compromised account, request by request: what the signals are shown, and what
 * becomes of the ladder's word (semantics 20 to 22). How it is judged is the signals module's; which
 * of several actions wins is decide.c's.
 */
#include "internal.h"

#include <stdio.h>

#include "policyd/mem.h"

/* ---- what the signals are shown ---- */

static struct sight sight_of(const struct call *c)
{
	return (struct sight){
		.request = c->request,
		.subject = &c->subject,
		.recipient = &c->recipient,
		.is_first = c->tx->seen == 0,
		.is_local = c->recipient.is_local,
		.nth = c->tx->seen + 1,
		.was_held = c->tx->is_held,
	};
}

/*
 * Bounces of a host of ours and exempt recipients say nothing of an account, and while it is
 * suspended there is nothing left to decide.
 */
static bool is_telling(const struct call *c)
{
	return c->request->stage == STAGE_RCPT && !c->subject.is_null_sender &&
	       !c->pending.asked.is_free && !c->was_accepted && !standing_of(c);
}

/* ---- who is new ---- */

static uint64_t new_id_of(const struct call *c)
{
	char name[ADDRESS_MAX];
	size_t n = config_mailbox(c->e->plan->snapshot, c->request->recipient, NULL, name);
	uint64_t id = siphash13(&c->e->key, span_make(name, n)) * 3 +
		      siphash13(&c->e->key, table_key(c->account));
	return id ? id : 1;
}

bool sight_is_new(const struct call *c, uint64_t *ret_id)
{
	const struct engine *e = c->e;
	uint64_t id = *ret_id = new_id_of(c);
	return !signals_knows(e->signals, c->account, c->request->recipient) ||
	       (e->refused && e->refused[id % REFUSED_SLOTS] == id);
}

void sight_refused(struct call *c)
{
	const struct asked *asked = &c->pending.asked;
	struct engine *e = c->e;
	if (asked->new_id == 0 || asked->cost.look[UNIT_NEW_RECIPIENTS] == 0)
		return;
	if (!e->refused)
		e->refused = xcalloc(REFUSED_SLOTS, sizeof(*e->refused));
	e->refused[asked->new_id % REFUSED_SLOTS] = asked->new_id;
}

/* ---- how it stands ---- */

/* For an account that shows no trace of evidence there is nothing to be looked up. */
static void peek(struct call *c)
{
	c->says = (struct ladder_says){.action = ACTION_DUNNO};
	if (c->account->part[PART_SCORE])
		signals_peek(c->e->signals, c->account, c->subject.class, c->now, &c->says);
}

/* ---- what becomes of it ---- */

static void event_begin(const struct call *c, struct policy_event *ret, struct span reason)
{
	*ret = (struct policy_event){
		.at = c->now.wall,
		.account = table_key(c->account),
		.reason = reason,
		.author = SPAN(AUTHOR_SELF),
	};
}

/* In force at once, for this very request too; the store has it when it has it. */
static void suspend(struct call *c, const char *reason)
{
	struct policy_event event;
	event_begin(c, &event, span_of(reason));
	event.kind = EVENT_SUSPEND;
	event.until.us = c->now.wall.us + c->e->plan->snapshot->ladder.suspend_for_us;
	account_apply(c->e->accounts, &event, c->now);
	effect_event(c->e, &event, c->says.score);
}

/* A step up that changes nothing is told too: that is what observing is for. */
static void tell_step(struct call *c, const char *reason)
{
	const struct ladder_says *says = &c->says;
	bool is_real = says->step > says->was;
	struct policy_event event;
	char step[32];
	if (snprintf(step, sizeof(step), "%s%s", step_name(is_real ? says->step : says->would),
		    is_real ? "" : " (observe)") < 0)
		return;
	event_begin(c, &event, span_of(reason));
	event.kind = EVENT_LADDER;
	event.limit = span_of(step);
	effect_event(c->e, &event, says->score);
}

void sight_take(struct call *c)
{
	struct asked *asked = &c->pending.asked;
	asked->is_looked = is_telling(c);
	if (!asked->is_looked) {
		peek(c);
		return;
	}
	const struct sight sight = sight_of(c);
	char reason[LADDER_REASON_MAX + 1];
	signals_rcpt(c->e->signals, c->account, &sight, c->now, &c->says, reason);
	if (c->tx->seen < UINT32_MAX)
		c->tx->seen++;
	if (c->says.is_suspending)
		suspend(c, reason);
	else if (reason[0])
		tell_step(c, reason);
}

void sight_peek(struct call *c)
{
	c->pending.asked.is_looked = false;
	peek(c);
}

void sight_tell(const struct call *c, struct verdict *ret)
{
	ret->step = (unsigned char)c->says.step;
	ret->would_step = (unsigned char)c->says.would;
	ret->score = c->says.score;
}

/* After a wait nothing is left of the request but where it went. */
void sight_granted(struct call *c)
{
	static const struct request forgotten = {.stage = STAGE_RCPT};
	static const struct recipient nobody = {.is_local = false};
	const struct asked *asked = &c->pending.asked;
	uint64_t id = asked->new_id;
	if (id && c->e->refused && c->e->refused[id % REFUSED_SLOTS] == id)
		c->e->refused[id % REFUSED_SLOTS] = 0;
	if (!asked->is_looked)
		return;
	if (!c->request) {
		class_now(c);
		c->subject.class = asked->class;
	}
	const struct sight sight = {
		.request = c->request ? c->request : &forgotten,
		.subject = &c->subject,
		.recipient = c->request ? &c->recipient : &nobody,
		.is_first = c->tx->seen <= 1,
		.is_local = asked->externals == 0,
		.nth = c->tx->seen,
		.was_held = c->tx->is_held,
	};
	signals_passed(c->e->signals, c->account, &sight, c->now);
}

void sight_held(struct call *c)
{
	c->tx->is_held = true;
	if (c->pending.is_ladder)
		signals_held(c->e->signals, c->account, c->now);
}

void sight_message(struct engine *e, const struct transaction *tx, uint32_t asked, struct now now)
{
	struct account *account = account_get(e->accounts, tx->account);
	if (account && asked && tx->seen)
		signals_message(e->signals, account, asked, tx->accepted, tx->bytes, now);
}

/* ---- from outside ---- */

static void signal_add(struct engine *e, const struct policy_event *event, struct now now)
{
	struct span rest = event->limit;
	enum signal signal = signal_of(span_word(&rest));
	uint64_t n = 1;
	rest = span_trim(rest);
	if (signal == SIGNAL_COUNT || (rest.n && span_to_u64(rest, &n) != 0))
		return;
	engine_feed(e, event->account, signal, (double)n, now);
}

void sight_apply(struct engine *e, const struct policy_event *event, struct now now)
{
	if (event->kind == EVENT_SIGNAL) {
		signal_add(e, event, now);
		return;
	}
	if (event->kind == EVENT_RELEASE || event->kind == EVENT_SUSPEND)
		signals_apply(e->signals, account_find(e->accounts, event->account), event, now);
}

void engine_feed(struct engine *e, struct span key, enum signal signal, double n, struct now now)
{
	enum account_kind kind = kind_of_key(key);
	e->now = now;
	if (key.n > ACCOUNT_KEY_MAX || kind == ACCOUNT_KINDS || !kind_rows[kind].sends)
		return;
	signals_feed(e->signals, account_made(e->accounts, key), signal, n, now);
}
