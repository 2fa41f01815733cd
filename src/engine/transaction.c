/* SPDX-License-Identifier: ISC */
/*
 * A message: from its first request to its end, whatever connections Postfix uses and however often it
 * asks (semantics 7 to 11). Which answer is right is not decided here.
 */
#include "internal.h"

#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/metric.h"

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
	tx->account_hash = account->node.hash;
	tx->opened = now.mono;
	tx->hook = hook;
	tx->commit_at = hook_commit_at(e, hook);
	tx->is_booked = tx->commit_at == STAGE_RCPT;
	tx->answers = tx->few;
	tx->answers_size = ANSWERS_FEW;
	return tx;
}

void transaction_drop(void *ctx, void *entry, bool evicted)
{
	struct engine *e = ctx;
	struct transaction *tx = entry;
	(void)evicted;
	transaction_release(e, tx, e->now);
	for (uint32_t i = 0; i < tx->answers_n; i++)
		free(tx->answers[i].verdict);
	if (tx->answers != tx->few)
		free(tx->answers);
	free(tx->reserved);
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

/* A copy that outlives the plan: the rule's name stands in the same block, behind the verdict. */
static struct verdict *verdict_keep(const struct verdict *verdict)
{
	if (verdict->action == ACTION_DUNNO && !verdict->rule[0] && !verdict->would[0])
		return NULL;
	size_t rule_n = strlen(verdict->rule) + 1, would_n = strlen(verdict->would) + 1;
	struct verdict *kept = xmalloc(sizeof(*kept) + rule_n + would_n);
	char *names = (char *)(kept + 1);
	*kept = *verdict;
	memcpy(names, verdict->rule, rule_n);
	memcpy(names + rule_n, verdict->would, would_n);
	kept->rule = names;
	kept->would = names + rule_n;
	return kept;
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
	tx->answers[tx->answers_n++] = (struct answer){.id = id, .verdict = verdict_keep(verdict)};
}

/* ---- charges ---- */

/*
 * The account's rings, and which of them counts what ring of plan (perhaps an older one) counts. False when
 * there is none (any more).
 */
struct ring_place {
	struct rings *rings;
	uint32_t ring; /* of the engine's plan */
};
static bool ring_place(struct engine *e, const struct transaction *tx,
	const struct limits_plan *plan, uint32_t ring, struct ring_place *ret)
{
	struct account *account = account_get(e->accounts, tx->account);
	if (!account)
		return false;
	ret->rings = limits_rings(e->plan, account);
	ret->ring = plan == e->plan ? ring : limits_find_ring(e->plan, &plan->ring[ring]);
	return ret->ring != RING_NONE;
}

static void pin(struct engine *e, struct transaction *tx, bool on)
{
	struct account *account = account_get(e->accounts, tx->account);
	if (tx->is_pinning == on || !account)
		return;
	tx->is_pinning = on;
	if (on)
		account_pin(e->accounts, account);
	else
		account_unpin(e->accounts, account);
}

void transaction_charge(
	struct engine *e, struct transaction *tx, const struct charge *charge, struct now now)
{
	struct ring_place at;
	transaction_replan(e, tx);
	if (!tx->is_booked && charge->n) {
		pin(e, tx, true);
		if (!tx->reserved)
			tx->reserved = xcalloc(tx->plan->rings, sizeof(*tx->reserved));
	}
	for (unsigned i = 0; i < charge->n; i++) {
		const struct charge_item *item = &charge->item[i];
		if (!ring_place(e, tx, charge->plan, item->ring, &at))
			continue;
		if (tx->is_booked) {
			(void)ring_book(e->plan, at.rings, at.ring, item->amount, now.mono);
			continue;
		}
		ring_reserve(e->plan, at.rings, at.ring, item->amount);
		tx->reserved[at.ring] += item->amount;
	}
	metric_add(METRIC_CHARGES, 1);
}

/* Tells the charge port what of a message was not used after all. */
static void give_back(
	struct engine *e, const struct transaction *tx, struct charge *charge, struct now now)
{
	struct account *account = account_get(e->accounts, tx->account);
	if (charge->n == 0 || !account)
		return;
	charge->id = ++e->next_charge;
	charge->account = table_key(account);
	charge->plan = tx->plan;
	e->charge->give_back(e->charge->ctx, charge, now);
	metric_add(METRIC_REFUNDS, 1);
}

void transaction_commit(struct engine *e, struct transaction *tx, uint32_t count, struct now now)
{
	struct ring_place at;
	struct charge unused;
	unused.n = 0;
	if (tx->is_booked)
		return;
	tx->is_booked = true;
	for (uint32_t i = 0; tx->reserved && i < tx->plan->rings; i++) {
		uint32_t amount = tx->reserved[i];
		tx->reserved[i] = 0;
		if (amount == 0 || !ring_place(e, tx, tx->plan, i, &at))
			continue;
		ring_unreserve(e->plan, at.rings, at.ring, amount);
		if (tx->plan->ring[i].unit == UNIT_RECIPIENTS && count && count < amount) {
			unused.item[unused.n++] =
				(struct charge_item){.ring = i, .amount = amount - count};
			amount = count;
		}
		(void)ring_book(e->plan, at.rings, at.ring, amount, now.mono);
	}
	give_back(e, tx, &unused, now);
	pin(e, tx, false);
}

void transaction_release(struct engine *e, struct transaction *tx, struct now now)
{
	struct ring_place at;
	struct charge unused;
	unused.n = 0;
	if (tx->is_booked)
		return;
	for (uint32_t i = 0; tx->reserved && i < tx->plan->rings; i++) {
		if (tx->reserved[i] == 0)
			continue;
		unused.item[unused.n++] =
			(struct charge_item){.ring = i, .amount = tx->reserved[i]};
		if (ring_place(e, tx, tx->plan, i, &at))
			ring_unreserve(e->plan, at.rings, at.ring, tx->reserved[i]);
		tx->reserved[i] = 0;
	}
	give_back(e, tx, &unused, now);
	pin(e, tx, false);
	tx->accepted = 0;
}

void transaction_replan(struct engine *e, struct transaction *tx)
{
	if (tx->plan == e->plan)
		return;
	uint32_t *reserved = tx->reserved ? xcalloc(e->plan->rings, sizeof(*reserved)) : NULL;
	for (uint32_t i = 0; reserved && i < tx->plan->rings; i++) {
		uint32_t ring = limits_find_ring(e->plan, &tx->plan->ring[i]);
		if (ring != RING_NONE)
			reserved[ring] = tx->reserved[i];
	}
	free(tx->reserved);
	tx->reserved = reserved;
	limits_plan_unref(tx->plan);
	tx->plan = limits_plan_ref(e->plan);
}

void transaction_end(struct engine *e, struct transaction *tx, struct now now)
{
	bool was_for_later = tx->commit_at > STAGE_RCPT;
	if (was_for_later && tx->accepted && !tx->is_refused)
		hook_ended(e, tx->hook, tx->is_booked);
	e->now = now;
	table_remove(e->transactions, tx);
}
