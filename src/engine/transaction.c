/* SPDX-License-Identifier: ISC */
/*
 * A message: from its first request to its end, whatever connections Postfix uses and however often
 * it asks (semantics 7 to 11). What it was charged is in held.c; which answer is right is not
 * decided here.
 */
#include "internal.h"

#include <stdlib.h>

#include "policyd/mem.h"

void transaction_key(struct transaction_key *ret, const struct ip *peer, struct span instance)
{
	const size_t room = sizeof(ret->bytes) - sizeof(peer->byte);
	size_t n = instance.n < room ? instance.n : room;
	memcpy(ret->bytes, peer->byte, sizeof(peer->byte));
	if (n)
		memcpy(ret->bytes + sizeof(peer->byte), instance.p, n);
	ret->n = sizeof(peer->byte) + n;
}

struct transaction *transaction_open(struct engine *e, const struct transaction_key *key,
	struct account *account, uint32_t hook, struct now now)
{
	struct transaction *tx =
		table_add(e->transactions, span_make(key->bytes, key->n), TRANSACTION_OPEN);
	tx->plan = limits_plan_ref(e->plan);
	tx->account = account_ref(account);
	account_pin(e->accounts, account);
	tx->opened = now.mono;
	tx->hook = hook;
	tx->commit_at = hook_commit_at(e, hook);
	tx->is_booked = tx->commit_at == STAGE_RCPT;
	tx->answers = tx->few;
	tx->answers_size = ANSWERS_FEW;
	tx->held = tx->held_few;
	tx->held_size = HELD_FEW;
	return tx;
}

void transaction_drop(void *ctx, void *entry, bool evicted)
{
	struct engine *e = ctx;
	struct transaction *tx = entry;
	(void)evicted;
	transaction_release(e, tx, e->now);
	struct account *account = account_get(e->accounts, tx->account);
	if (account)
		account_unpin(e->accounts, account);
	for (struct kept *kept; (kept = tx->kept);) {
		tx->kept = kept->next;
		free(kept);
	}
	if (tx->answers != tx->few)
		free(tx->answers);
	transaction_held_free(e, tx);
	free(tx->at_data);
	limits_plan_unref(tx->plan);
}

/* ---- answers ---- */

const struct answer *transaction_answer(const struct transaction *tx, uint64_t id)
{
	/* The newest first: what Postfix repeats, it repeats at once. */
	for (uint32_t i = tx->answers_n; i > 0; i--) {
		if (tx->answers[i - 1].id == id)
			return &tx->answers[i - 1];
	}
	return NULL;
}

/* The message's own copy; one for all recipients that one rule refused. */
static const struct verdict *verdict_keep(struct transaction *tx, const struct verdict *verdict)
{
	if (verdict->action == ACTION_DUNNO && !verdict->would[0])
		return NULL;
	struct kept *kept = tx->kept;
	/* One for each domain of a long list is more than anybody reads. */
	bool is_many = tx->kept_n >= KEPT_MAX;
	while (is_many && kept && kept->verdict.action != verdict->action)
		kept = kept->next;
	while (!is_many && kept &&
		(kept->verdict.action != verdict->action ||
			strcmp(kept->verdict.text, verdict->text) != 0 ||
			strcmp(kept->verdict.rule, verdict->rule) != 0 ||
			strcmp(kept->verdict.would, verdict->would) != 0))
		kept = kept->next;
	if (!kept) {
		kept = xmalloc(sizeof(*kept));
		*kept = (struct kept){.next = tx->kept, .verdict = *verdict};
		tx->kept = kept;
		tx->kept_n++;
	}
	return &kept->verdict;
}

void transaction_remember(struct transaction *tx, uint64_t id, const struct verdict *verdict)
{
	if (tx->answers_n == ANSWERS_MAX)
		return;
	if (tx->answers_n == tx->answers_size) {
		struct answer *few = tx->answers == tx->few ? tx->few : NULL;
		tx->answers_size *= 4;
		tx->answers =
			xrealloc(few ? NULL : tx->answers, tx->answers_size, sizeof(*tx->answers));
		if (few)
			memcpy(tx->answers, few, sizeof(tx->few));
	}
	tx->answers[tx->answers_n++] =
		(struct answer){.id = id, .verdict = verdict_keep(tx, verdict)};
}

void transaction_replan(struct engine *e, struct transaction *tx)
{
	if (tx->plan == e->plan)
		return;
	transaction_held_replan(e, tx, e->plan);
	limits_plan_unref(tx->plan);
	tx->plan = limits_plan_ref(e->plan);
}

void transaction_end(struct engine *e, struct transaction *tx, struct now now)
{
	bool was_for_later = tx->commit_at > STAGE_RCPT;
	if (was_for_later && tx->accepted && !tx->is_refused)
		hook_ended(e, tx->hook, tx->is_booked);
	e->now = now;
	/* Booked recipient by recipient: nothing tells which of them Postfix refused. */
	if (tx->commit_at == STAGE_RCPT)
		sight_message(e, tx, tx->accepted, now);
	table_remove(e->transactions, tx);
}
