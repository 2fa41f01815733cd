/* SPDX-License-Identifier: ISC */
/*
 * limits.h - how much of what may pass in which time.
 *
 * A limit of N in a window is counted in a ring of sub-buckets (12 for windows up to 2 hours, 24
 * above) and judged conservatively: the current bucket and all buckets of a whole window before it
 * count in full. So no window of that length ever holds more than N; room returns in steps, at most
 * one bucket late; a refund takes from the very bucket that was charged; and rings of several
 * servers add up. (Token buckets let 199 through for "100 per hour".)
 *
 * Rings are shared by all enforced rules of one (unit, window); an observe rule has its own, as if
 * it were enforced (semantics 12). Where a ring lies in an account's memory is the plan's business:
 * a plan is compiled from a snapshot, and an account made under another plan is laid out anew at
 * its next touch, by (unit, window), never by index.
 *
 * A reservation is counted beside the ring, in full, until it is booked or given back (semantics
 * 10).
 */
#ifndef POLICYD_LIMITS_H
#define POLICYD_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/account.h"
#include "policyd/clock.h"
#include "policyd/config.h"

/* One ring: what it counts, how its cells lie in memory. */
struct ring_shape {
	enum unit unit;
	int64_t window_us;
	uint32_t observe; /* 0: enforced rules share it; else a hash of the observe rule's name */
	uint32_t buckets; /* of a whole window; the ring has one cell more */
	int64_t bucket_us;
	uint32_t largest;   /* N of its rules; the ring never counts more */
	uint8_t cell_bytes; /* 1, 2 or 4: what largest needs */
	uint32_t offset;    /* of struct ring_head in the account's block */
};

struct limit_rule {
	const struct config_limit *config; /* lives as long as the plan */
	uint32_t ring;                     /* index into plan->ring; meaningless when unlimited */
	bool is_unlimited;
};

struct limits_plan {
	unsigned refs;
	size_t rules, rings;
	struct limit_rule *rule; /* in the order of the configuration */
	struct ring_shape *ring;
	uint32_t block_bytes;
	struct config *snapshot; /* referenced */
};

/*
 * before: the plan it follows, or NULL. Cells never become narrower, so that a reload to a smaller
 * rate forgets nothing.
 */
struct limits_plan *limits_plan_new(struct config *config, const struct limits_plan *before);
struct limits_plan *limits_plan_ref(struct limits_plan *plan);
void limits_plan_unref(struct limits_plan *plan);

/* The row for accounts_setup: rings hang on an account at PART_RINGS. */
extern const struct account_part_row limits_part;

/* An account's rings under a plan, made or laid out anew when needed. Borrowed from the account. */
struct rings;
struct rings *limits_rings(struct limits_plan *plan, struct account *account);
/*
 * The same without making anything: NULL when the account has none, or has those of another plan.
 */
const struct rings *limits_rings_peek(
	const struct limits_plan *plan, const struct account *account);

/*
 * The ring of a plan that counts what that shape (perhaps of an older plan) counts, or RING_NONE.
 */
#define RING_NONE UINT32_MAX
uint32_t limits_find_ring(const struct limits_plan *plan, const struct ring_shape *shape);

/* All that counts against N now: booked in the last window, and reserved. rings may be NULL (0). */
uint32_t ring_used(
	const struct limits_plan *plan, const struct rings *rings, uint32_t ring, mono_t mono);
/* Of that, what is reserved. */
uint32_t ring_reserved(const struct limits_plan *plan, const struct rings *rings, uint32_t ring);

/* Books into the current bucket; saturates at the cell's largest value. */
void ring_book(const struct limits_plan *plan, struct rings *rings, uint32_t ring, uint32_t n,
	mono_t mono);
/*
 * Takes back from the bucket that was current at booked_at, if it is still in the ring; never below
 * zero.
 */
void ring_refund(const struct limits_plan *plan, struct rings *rings, uint32_t ring, uint32_t n,
	mono_t booked_at);
void ring_reserve(const struct limits_plan *plan, struct rings *rings, uint32_t ring, uint32_t n);
/* Gives back or (before booking) dissolves a reservation; never below zero. */
void ring_unreserve(const struct limits_plan *plan, struct rings *rings, uint32_t ring, uint32_t n);

struct ring_ask {
	uint32_t cost, limit;
	mono_t mono;
};
/*
 * The first time at which cost more would fit under limit if nothing else happened: ask->mono
 * itself when it fits now; MONO_NEVER when waiting alone does not help (cost above limit, or
 * reservations fill it).
 */
mono_t ring_room_at(const struct limits_plan *plan, const struct rings *rings, uint32_t ring,
	const struct ring_ask *ask);

#endif
