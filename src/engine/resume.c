/* SPDX-License-Identifier: ISC */
/* Late answers of the charge port, and those that never come. */
#include "internal.h"

#include "policyd/metric.h"

/* Past the deadline the rings here decide: they know this server's share. */
static void judge_again(struct call *c)
{
	struct ticket *p = &c->pending;
	struct judgement j;
	class_now(c);
	judge(c->e, c->tx, &p->asked, NULL, c->now, &j);
	if (j.is_favour)
		p->asked.counts = p->asked.externals_counted = 0;
	if (j.acts.rule && !action_rows[j.acts.action.action].accepts) {
		c->e->charge->cancel(c->e->charge->ctx, &p->charge, c->now);
		decide_finding(c, &j.acts);
		return;
	}
	p->charge.plan = c->e->plan;
	p->charge.n = j.items;
	memcpy(p->charge.item, j.item, j.items * sizeof(j.item[0]));
}

/* There was no room, and the message that could be told which rule has ended. */
static void refuse(struct verdict *verdict)
{
	verdict_pass(verdict);
	verdict->action = ACTION_DEFER_IF_PERMIT;
	span_copy(SPAN("4.7.1 Sending limit reached; try again later"), verdict->text,
		sizeof(verdict->text));
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
		else
			refuse(&ticket->verdict);
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
