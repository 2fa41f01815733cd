/* SPDX-License-Identifier: ISC */
/*
 * What a message has reserved or booked, ring by ring: charge, commit, give back (semantics 10, 11).
 * Whether it may is not decided here.
 */
#include "internal.h"

#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/metric.h"

/* ---- the list ---- */

static struct held *held_find(const struct transaction *tx, struct table_ref entry, uint32_t ring)
{
	/* The newest first: a list of recipients is often sorted by domain. */
	for (uint32_t i = tx->held_n; i > 0; i--) {
		struct held *held = &tx->held[i - 1];
		if (held->ring == ring && held->entry.index == entry.index &&
			held->entry.generation == entry.generation)
			return held;
	}
	return NULL;
}

bool transaction_holds(const struct transaction *tx, struct table_ref entry, uint32_t ring)
{
	return held_find(tx, entry, ring) != NULL;
}

static struct held *held_add(struct transaction *tx, struct table_ref entry, uint32_t ring)
{
	if (tx->held_n == tx->held_size) {
		struct held *few = tx->held == tx->held_few ? tx->held_few : NULL;
		tx->held_size *= 4;
		tx->held = xrealloc(few ? NULL : tx->held, tx->held_size, sizeof(*tx->held));
		if (few)
			memcpy(tx->held, few, sizeof(tx->held_few));
	}
	struct held *held = &tx->held[tx->held_n++];
	*held = (struct held){.entry = entry, .ring = (uint8_t)ring};
	return held;
}

/* ---- entries ---- */

/* The entry whose rings were looked at last: what a message holds comes entry by entry. */
struct last_rings {
	struct table_ref entry;
	struct rings *rings;
	uint64_t set; /* known to be there */
};

static struct rings *rings_of(
	struct engine *e, struct table_ref ref, uint32_t ring, struct last_rings *last)
{
	bool is_same = last->entry.index == ref.index && last->entry.generation == ref.generation;
	if (is_same && last->set >> ring & 1)
		return last->rings;
	struct account *entry = account_get(e->accounts, ref);
	*last = (struct last_rings){.entry = ref};
	if (!entry)
		return NULL;
	last->rings = limits_rings(e->plan, entry, UINT64_C(1) << ring, false);
	last->set = limits_rings_set(last->rings);
	return last->rings;
}

static void pin(struct engine *e, struct table_ref ref, bool on)
{
	struct account *entry = account_get(e->accounts, ref);
	if (entry && on)
		account_pin(e->accounts, entry);
	else if (entry)
		account_unpin(e->accounts, entry);
}

static void unpin_all(struct engine *e, struct transaction *tx)
{
	for (uint32_t i = 0; i < tx->held_n; i++) {
		if (tx->held[i].pins)
			pin(e, tx->held[i].entry, false);
		tx->held[i].pins = false;
	}
}

static bool is_pinned(const struct transaction *tx, struct table_ref entry)
{
	/* The message itself pins its account. */
	if (entry.index == tx->account.index)
		return true;
	for (uint32_t i = tx->held_n; i > 0; i--) {
		const struct held *held = &tx->held[i - 1];
		if (held->entry.index == entry.index && held->pins)
			return true;
	}
	return false;
}

void transaction_held_free(struct engine *e, struct transaction *tx)
{
	unpin_all(e, tx);
	if (tx->held != tx->held_few)
		free(tx->held);
}

/* ---- charge ---- */

/* Reserves; false when the list is full, and it is to be booked for good instead. */
static bool reserve(struct engine *e, struct transaction *tx, const struct charge_item *item,
	struct last_rings *last)
{
	struct held *held = held_find(tx, item->entry, item->ring);
	struct rings *rings = rings_of(e, item->entry, item->ring, last);
	if (!rings)
		return true;
	if (!held && tx->held_n == HELD_MAX)
		return false;
	if (!held) {
		bool pins = !is_pinned(tx, item->entry);
		held = held_add(tx, item->entry, item->ring);
		held->pins = pins;
		if (pins)
			pin(e, item->entry, true);
	}
	ring_reserve(rings, item->ring, item->amount);
	held->amount += item->amount;
	return true;
}

/* Only that the message was counted there; the entry stays while that matters. */
static void held_note(
	struct engine *e, struct transaction *tx, struct table_ref entry, uint32_t ring)
{
	if (tx->held_n == HELD_MAX || transaction_holds(tx, entry, ring))
		return;
	bool pins = !is_pinned(tx, entry);
	held_add(tx, entry, ring)->pins = pins;
	if (pins)
		pin(e, entry, true);
}

static void book(struct engine *e, struct transaction *tx, const struct charge_item *item,
	struct last_rings *last, struct now now)
{
	const struct ring_shape *shape = &e->plan->ring[item->ring];
	struct rings *rings = rings_of(e, item->entry, item->ring, last);
	if (rings)
		ring_book(rings, item->ring, item->amount, now.mono);
	/* That this name has its message is remembered, though nothing is to be given back. */
	if (shape->unit == UNIT_MESSAGES && key_has_recipient(shape->key))
		held_note(e, tx, item->entry, item->ring);
}

/* What a charge that was made under an older plan names, in the present one. */
static bool item_now(
	const struct engine *e, const struct charge *charge, unsigned i, struct charge_item *ret)
{
	*ret = charge->item[i];
	if (charge->plan == e->plan)
		return true;
	const struct ring_shape *from = &charge->plan->ring[ret->ring];
	ret->ring = limits_find_ring(e->plan, from);
	if (ret->ring == RING_NONE)
		return false;
	ret->amount = ring_cells_up(&e->plan->ring[ret->ring], ring_units(from, ret->amount));
	return true;
}

void transaction_charge(
	struct engine *e, struct transaction *tx, const struct charge *charge, struct now now)
{
	struct charge_item item;
	struct last_rings last = {0};
	transaction_replan(e, tx);
	/* One that holds nothing (any more) begins to reserve now, for as long as any. */
	bool begins = !tx->is_booked && charge->n && tx->accepted == 0;
	if (begins && tx->opened.us != now.mono.us && tx->node.list != TRANSACTION_LOST) {
		tx->opened = now.mono;
		table_move(e->transactions, tx, TRANSACTION_OPEN);
	}
	for (unsigned i = 0; i < charge->n; i++) {
		if (!item_now(e, charge, i, &item))
			continue;
		if (tx->is_booked || !reserve(e, tx, &item, &last))
			book(e, tx, &item, &last, now);
	}
	metric_add(METRIC_CHARGES, 1);
}

void transaction_hold(
	struct engine *e, struct transaction *tx, struct table_ref entry, uint32_t ring, uint32_t n)
{
	const struct charge_item item = {.entry = entry, .ring = ring, .amount = n};
	struct last_rings last = {0};
	if (!tx->is_booked)
		(void)reserve(e, tx, &item, &last);
	else
		held_note(e, tx, entry, ring);
}

/* The pin of one that goes is the next one's of its entry, or nobody's. */
static void pin_pass(struct engine *e, struct transaction *tx, uint32_t i)
{
	const struct held *gone = &tx->held[i];
	for (uint32_t j = i + 1; gone->pins && j < tx->held_n; j++) {
		if (tx->held[j].entry.index == gone->entry.index) {
			tx->held[j].pins = true;
			return;
		}
	}
	if (gone->pins)
		pin(e, gone->entry, false);
}

void transaction_forget(struct transaction *tx, struct table_ref entry)
{
	for (uint32_t i = 0; i < tx->held_n; i++) {
		if (tx->is_committed && tx->held[i].entry.index == entry.index)
			tx->held[i].amount = 0;
	}
}

/* Nothing is let go of meanwhile: what is not pinned may be evicted by whatever is let go next. */
void transaction_held_replan(
	struct engine *e, struct transaction *tx, const struct limits_plan *plan)
{
	uint32_t ring[RINGS_MAX] = {0}, kept = 0;
	for (uint32_t i = 0; i < tx->plan->rings; i++)
		ring[i] = limits_find_ring(plan, &tx->plan->ring[i]);
	for (uint32_t i = 0; i < tx->held_n; i++) {
		struct held held = tx->held[i];
		/* Nothing counts by it any more. */
		if (ring[held.ring] == RING_NONE) {
			pin_pass(e, tx, i);
			continue;
		}
		const struct ring_shape *from = &tx->plan->ring[held.ring];
		held.ring = (uint8_t)ring[held.ring];
		held.amount = ring_cells_up(&plan->ring[held.ring], ring_units(from, held.amount));
		tx->held[kept++] = held;
	}
	tx->held_n = kept;
}

/* ---- commit, give back ---- */

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
	charge->n = 0;
	metric_add(METRIC_REFUNDS, 1);
}

/* A long message gives back in several refunds. */
static void unused_add(struct engine *e, const struct transaction *tx, struct charge *charge,
	const struct held *held, uint32_t amount, struct now now)
{
	if (charge->n == RINGS_MAX)
		refund_at_port(e, tx, charge, now);
	charge->item[charge->n++] =
		(struct charge_item){.entry = held->entry, .ring = held->ring, .amount = amount};
}

/*
 * What of a held amount count recipients use up. Where recipients went is not told at DATA, so what
 * is counted by recipient stays as it was reserved (semantics 10).
 */
static uint32_t used_up(const struct ring_shape *shape, uint32_t amount, uint32_t count)
{
	bool is_refundable = shape->unit == UNIT_RECIPIENTS && !key_has_recipient(shape->key);
	return is_refundable && count && count < amount ? count : amount;
}

void transaction_commit(struct engine *e, struct transaction *tx, uint32_t count, struct now now)
{
	struct charge unused;
	struct last_rings last = {0};
	unused.n = 0;
	if (tx->is_booked)
		return;
	transaction_replan(e, tx);
	uint32_t rejected = count && count < tx->accepted ? tx->accepted - count : 0;
	tx->is_booked = tx->is_committed = true;
	tx->committed = now.mono;
	uint32_t asked = tx->accepted;
	tx->accepted -= rejected;
	sight_message(e, tx, asked, now);
	for (uint32_t i = 0; i < tx->held_n; i++) {
		struct held *held = &tx->held[i];
		const struct ring_shape *shape = &tx->plan->ring[held->ring];
		struct rings *rings = rings_of(e, held->entry, held->ring, &last);
		uint32_t reserved = held->amount;
		held->amount = used_up(shape, reserved, count);
		if (held->amount < reserved)
			unused_add(e, tx, &unused, held, reserved - held->amount, now);
		if (!rings)
			continue;
		ring_unreserve(rings, held->ring, reserved);
		/* Cells saturate; N may be an override's. */
		if (shape->unit == UNIT_REJECTED_RECIPIENTS && rejected)
			ring_book(rings, held->ring, rejected, now.mono);
		ring_book(rings, held->ring, held->amount, now.mono);
	}
	refund_at_port(e, tx, &unused, now);
	unpin_all(e, tx);
}

/* Takes everything back that is held. */
static void give_back(struct engine *e, struct transaction *tx, struct now now)
{
	struct charge unused;
	struct last_rings last = {0};
	unused.n = 0;
	transaction_replan(e, tx);
	for (uint32_t i = 0; i < tx->held_n; i++) {
		const struct held *held = &tx->held[i];
		struct rings *rings = rings_of(e, held->entry, held->ring, &last);
		if (held->amount == 0)
			continue;
		unused_add(e, tx, &unused, held, held->amount, now);
		if (rings && tx->is_committed)
			ring_refund(rings, held->ring, held->amount, tx->committed);
		else if (rings)
			ring_unreserve(rings, held->ring, held->amount);
	}
	refund_at_port(e, tx, &unused, now);
	unpin_all(e, tx);
	tx->held_n = 0;
	tx->accepted = tx->counted = tx->external = tx->external_counted = tx->exempt = 0;
}

void transaction_release(struct engine *e, struct transaction *tx, struct now now)
{
	if (!tx->is_booked)
		give_back(e, tx, now);
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
