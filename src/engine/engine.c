/* SPDX-License-Identifier: ISC */
/*
 * The life of the engine: making it, connections, a new snapshot, time passing. One request's way
 * from question to verdict is in flow.c.
 */
#include "internal.h"

#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/metric.h"

static enum charge_answer grant(void *ctx, const struct charge *charge, struct now now)
{
	(void)ctx;
	(void)charge;
	(void)now;
	return CHARGE_GRANTED;
}

static void forget(void *ctx, const struct charge *charge, struct now now)
{
	(void)ctx;
	(void)charge;
	(void)now;
}

/*
 * The rings in memory are the whole truth: the engine has looked at them, and nobody else charges.
 */
const struct charge_port charge_local = {.ask = grant, .cancel = forget, .refund = forget};

#define SWEEP_EVERY_US SECOND_US

struct engine *engine_new(const struct engine_setup *setup)
{
	struct engine *e = xcalloc(1, sizeof(*e));
	uint32_t messages_max = setup->config->messages_max;
	e->charge = setup->charge;
	e->queue_end = &e->queue;
	e->key = (struct siphash_key){.k0 = setup->seed[0], .k1 = setup->seed[1]};
	e->plan = limits_plan_new(setup->config, NULL);
	/* What is learnt is saved with the key it is hashed by, which others need not know. */
	const struct siphash_key signals_key = {
		.k0 = siphash24(&e->key, SPAN("signals 0")),
		.k1 = siphash24(&e->key, SPAN("signals 1")),
	};
	e->accounts = accounts_new(&(struct accounts_setup){
		.hash_key = e->key,
		.max = setup->config->accounts_max,
		.part = {[PART_RINGS] = &limits_part,
			[PART_BASELINE] = &signals_baseline_part,
			[PART_SCORE] = &signals_score_part},
	});
	e->signals = signals_new(&(struct signals_setup){
		.hash_key = signals_key,
		.accounts = e->accounts,
		.config = setup->config,
	});
	e->transactions = table_new(&(struct table_setup){
		.entry_bytes = sizeof(struct transaction),
		.lists = TRANSACTION_LISTS,
		.max = {messages_max, messages_max, messages_max},
		.hash_key = e->key,
		.drop = transaction_drop,
		.ctx = e,
	});
	/* No maximum: a connection waits for one ticket, and connections have theirs. */
	e->tickets = table_new(&(struct table_setup){
		.entry_bytes = sizeof(struct ticket),
		.lists = 1,
		.hash_key = e->key,
		.drop = ticket_drop,
		.ctx = e,
	});
	e->conn = xcalloc(1, sizeof(*e->conn));
	e->conns = 1;
	return e;
}

void engine_free(struct engine *e)
{
	struct effect ignored;
	if (!e)
		return;
	table_free(e->tickets);
	table_free(e->transactions);
	while (engine_effect(e, &ignored))
		;
	accounts_free(e->accounts);
	signals_free(e->signals);
	table_free(e->fresh);
	table_free(e->warm);
	free(e->egress_since);
	free(e->egress);
	free(e->refused);
	limits_plan_unref(e->plan);
	free(e->decision);
	free(e->conn);
	free(e);
}

void engine_configure(struct engine *e, struct config *config)
{
	struct limits_plan *before = e->plan;
	e->plan = limits_plan_new(config, before);
	signals_configure(e->signals, config);
	limits_plan_unref(before);
	warmup_configure(e);
	e->configured++;
	accounts_set_max(e->accounts, config->accounts_max);
	for (unsigned i = 0; i < TRANSACTION_LISTS; i++)
		table_set_max(e->transactions, i, config->messages_max);
}

const struct config *engine_config(const struct engine *e)
{
	return e->plan->snapshot;
}

/* ---- connections ---- */

engine_conn engine_conn_open(struct engine *e, struct span listener, const struct ip *peer)
{
	engine_conn id = e->conn_free;
	if (id) {
		e->conn_free = e->conn[id].next_free;
	} else {
		id = e->conns++;
		e->conn = xrealloc(e->conn, e->conns, sizeof(*e->conn));
	}
	e->conn[id] = (struct conn){
		.is_used = true,
		.hook = HOOK_NONE,
		.listener = hook_name(listener),
	};
	/* One Postfix may ask over a unix socket here and over loopback there about one message. */
	if (peer && !ip_is_loopback(peer))
		e->conn[id].peer = *peer;
	return id;
}

void engine_conn_close(struct engine *e, engine_conn id, struct now now)
{
	struct conn *conn = &e->conn[id];
	struct ticket *ticket = table_get(e->tickets, conn->ticket);
	messages_expire(e, now);
	struct transaction *tx = table_get(e->transactions, conn->transaction);
	if (ticket)
		ticket->conn = 0;
	if (tx && --tx->conns == 0) {
		tx->lost = now.mono;
		table_move(e->transactions, tx, TRANSACTION_LOST);
	}
	*conn = (struct conn){.next_free = e->conn_free};
	e->conn_free = id;
}

/* ---- time ---- */

static mono_t later(mono_t t, int64_t us)
{
	return (mono_t){.us = t.us + us};
}

static mono_t sooner(mono_t a, mono_t b)
{
	return a.us < b.us ? a : b;
}

mono_t engine_next_due(const struct engine *e)
{
	const struct config *config = e->plan->snapshot;
	const struct transaction *open = table_oldest(e->transactions, TRANSACTION_OPEN);
	const struct transaction *lost = table_oldest(e->transactions, TRANSACTION_LOST);
	const struct ticket *ticket = table_oldest(e->tickets, 0);
	mono_t due = e->sweep_due;
	if (open)
		due = sooner(due, later(open->opened, config->reserve_max_us));
	if (lost)
		due = sooner(due, later(lost->lost, config->lost_connection_grace_us));
	if (ticket)
		due = sooner(due, ticket->due);
	return due;
}

/* Enough to be through the places of all accounts of now within the hour, and not to be felt. */
static size_t sweep_budget(const struct engine *e)
{
	struct accounts_figures figures;
	accounts_figures(e->accounts, &figures);
	size_t all = 0;
	for (unsigned i = 0; i < ACCOUNT_KINDS; i++)
		all += figures.count[i];
	return all / 3600 + 256;
}

void messages_expire(struct engine *e, struct now now)
{
	const struct config *config = e->plan->snapshot;
	struct transaction *tx;
	e->now = now;
	while ((tx = table_oldest(e->transactions, TRANSACTION_LOST)) &&
		later(tx->lost, config->lost_connection_grace_us).us <= now.mono.us)
		transaction_end(e, tx, now);
	while ((tx = table_oldest(e->transactions, TRANSACTION_OPEN)) &&
		later(tx->opened, config->reserve_max_us).us <= now.mono.us) {
		transaction_lapse(e, tx, now);
		table_move(e->transactions, tx, TRANSACTION_LAPSED);
	}
}

void engine_tick(struct engine *e, struct now now)
{
	e->now = now;
	tickets_expire(e, now, false);
	messages_expire(e, now);
	if (now.mono.us < e->sweep_due.us)
		return;
	e->sweep_due = later(now.mono, SWEEP_EVERY_US);
	(void)accounts_sweep(e->accounts, now, sweep_budget(e));
}

void engine_drain(struct engine *e, struct now now)
{
	e->now = now;
	tickets_expire(e, now, true);
}

/* What a reset has forgotten is not to be given back: it would be taken from others. */
static void messages_forget(struct engine *e, struct span key)
{
	const struct account *account = account_find(e->accounts, key);
	struct transaction *tx;
	uint32_t cursor = 0;
	while (account && (tx = table_next(e->transactions, &cursor, NULL)))
		transaction_forget(tx, account_ref(account));
}

void engine_apply(struct engine *e, const struct policy_event *event, struct now now)
{
	e->now = now;
	account_apply(e->accounts, event, now);
	sight_apply(e, event, now);
	if (event->kind == EVENT_RESET)
		messages_forget(e, event->account);
}
