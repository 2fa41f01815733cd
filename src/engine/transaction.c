/* SPDX-License-Identifier: ISC */
/*
 * A message: from its first request to its end, whatever connections Postfix uses and however often
 * it asks (semantics 7 to 11). Which answer is right is not decided here.
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
	for (struct kept *kept; (kept = tx->kept);) {
		tx->kept = kept->next;
		free(kept);
	}
	if (tx->answers != tx->few)
		free(tx->answers);
	free(tx->amount);
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
	while (kept && (kept->verdict.action != verdict->action ||
			       strcmp(kept->verdict.rule, verdict->rule) != 0 ||
			       strcmp(kept->verdict.would, verdict->would) != 0))
		kept = kept->next;
	if (!kept) {
		kept = xmalloc(sizeof(*kept));
		*kept = (struct kept){.next = tx->kept, .verdict = *verdict};
		tx->kept = kept;
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

/* ---- charges ---- */

/*
 * The account's rings, and which of them counts what ring of plan (perhaps an older one) counts.
 * False when there is none (any more).
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
		if (!tx->amount)
			tx->amount = xcalloc(tx->plan->rings, sizeof(*tx->amount));
		/* One that lapsed begins to reserve anew, for as long as any. */
		if (tx->node.list == TRANSACTION_LAPSED) {
			tx->opened = now.mono;
			table_move(e->transactions, tx, TRANSACTION_OPEN);
		}
	}
	for (unsigned i = 0; i < charge->n; i++) {
		const struct charge_item *item = &charge->item[i];
		if (!ring_place(e, tx, charge->plan, item->ring, &at))
			continue;
		if (tx->is_booked) {
			ring_book(e->plan, at.rings, at.ring, item->amount, now.mono);
			continue;
		}
		ring_reserve(e->plan, at.rings, at.ring, item->amount);
		tx->amount[at.ring] += item->amount;
	}
	metric_add(METRIC_CHARGES, 1);
}

/* Tells the charge port what of a message was not used after all. */
static void refund_at_port(
	struct engine *e, const struct transaction *tx, struct charge *charge, struct now now)
{
	struct account *account = account_get(e->accounts, tx->account);
	if (charge->n == 0 || !account)
		return;
	charge->id = ++e->next_charge;
	charge->account = table_key(account);
	charge->plan = tx->plan;
	e->charge->refund(e->charge->ctx, charge, now);
	metric_add(METRIC_REFUNDS, 1);
}

static void charge_add(struct charge *charge, uint32_t ring, uint32_t amount)
{
	charge->item[charge->n++] = (struct charge_item){.ring = ring, .amount = amount};
}

void transaction_commit(struct engine *e, struct transaction *tx, uint32_t count, struct now now)
{
	struct ring_place at;
	struct charge unused;
	unused.n = 0;
	if (tx->is_booked)
		return;
	tx->is_booked = tx->is_committed = true;
	tx->committed = now.mono;
	if (count && count < tx->accepted)
		tx->accepted = count;
	for (uint32_t i = 0; tx->amount && i < tx->plan->rings; i++) {
		uint32_t reserved = tx->amount[i];
		bool is_counted = tx->plan->ring[i].unit == UNIT_RECIPIENTS && count;
		if (reserved == 0 || !ring_place(e, tx, tx->plan, i, &at))
			continue;
		if (is_counted && count < reserved) {
			charge_add(&unused, i, reserved - count);
			tx->amount[i] = count;
		}
		ring_unreserve(e->plan, at.rings, at.ring, reserved);
		ring_book(e->plan, at.rings, at.ring, tx->amount[i], now.mono);
	}
	refund_at_port(e, tx, &unused, now);
	pin(e, tx, false);
}

/* Takes everything back that tx->amount speaks of. */
static void give_back(struct engine *e, struct transaction *tx, struct now now)
{
	struct ring_place at;
	struct charge unused;
	unused.n = 0;
	for (uint32_t i = 0; tx->amount && i < tx->plan->rings; i++) {
		uint32_t amount = tx->amount[i];
		tx->amount[i] = 0;
		if (amount == 0)
			continue;
		charge_add(&unused, i, amount);
		if (!ring_place(e, tx, tx->plan, i, &at))
			continue;
		if (tx->is_committed)
			ring_refund(e->plan, at.rings, at.ring, amount, tx->committed);
		else
			ring_unreserve(e->plan, at.rings, at.ring, amount);
	}
	refund_at_port(e, tx, &unused, now);
	tx->accepted = 0;
}

void transaction_release(struct engine *e, struct transaction *tx, struct now now)
{
	if (tx->is_booked)
		return;
	give_back(e, tx, now);
	pin(e, tx, false);
}

void transaction_refund(struct engine *e, struct transaction *tx, struct now now)
{
	if (!tx->is_committed)
		return;
	give_back(e, tx, now);
	tx->is_booked = tx->is_committed = false;
}

void transaction_lapse(struct engine *e, struct transaction *tx, struct now now)
{
	int64_t age_us = now.mono.us - tx->opened.us;
	if (tx->is_booked || !tx->accepted || age_us < e->plan->snapshot->reserve_max_us)
		return;
	metric_add(METRIC_RESERVATIONS_LAPSED, 1);
	transaction_release(e, tx, now);
}

void transaction_replan(struct engine *e, struct transaction *tx)
{
	if (tx->plan == e->plan)
		return;
	uint32_t *amount = tx->amount ? xcalloc(e->plan->rings, sizeof(*amount)) : NULL;
	for (uint32_t i = 0; amount && i < tx->plan->rings; i++) {
		uint32_t ring = limits_find_ring(e->plan, &tx->plan->ring[i]);
		if (ring != RING_NONE)
			amount[ring] = tx->amount[i];
	}
	free(tx->amount);
	tx->amount = amount;
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
