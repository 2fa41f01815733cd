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
 * Rings are shared by all enforced rules of one (key, unit, window); an observe rule has its own, as
 * if it were enforced (semantics 12). A plan is compiled from a snapshot of the configuration. Which
 * rings lie in an entry's memory, and where, is told by a layout: an entry has the rings its class
 * asked for so far, is laid out anew when it needs more or was made under another plan, and loses
 * none on the way. Rings are found again by (key, unit, window), never by index.
 *
 * A reservation is counted beside the ring, in full, until it is booked or given back (semantics
 * 10).
 *
 * Rings count in cells: units, or, for sizes beyond 32 bits, units of 2^shift bytes, rounded up
 * (N is rounded down).
 */
#ifndef POLICYD_LIMITS_H
#define POLICYD_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/account.h"
#include "policyd/bytes.h"
#include "policyd/clock.h"
#include "policyd/config.h"

/* Those of the limits, of the emergency rate and of exempt recipients. */
#define RINGS_MAX 64
#define RING_NONE UINT32_MAX

/* One ring: what it counts, and how fine. */
struct ring_shape {
	enum key key;
	enum unit unit;
	int64_t window_us;
	uint32_t observe; /* 0: enforced rules share it; else a hash of the rule's name */
	uint32_t buckets; /* of a whole window; the ring has one cell more */
	int64_t bucket_us;
	uint64_t largest;   /* N of its rules, in units */
	uint8_t shift;      /* a cell's 1 is 2^shift units */
	uint8_t cell_bytes; /* 1, 2 or 4: what largest needs */
};

/* A rule with what the configuration leaves open filled in. */
struct limit_rule {
	const struct config_limit *config; /* lives as long as the plan */
	uint32_t ring;                     /* RING_NONE: unlimited, or a cap */
	bool is_cap;                       /* of one message */
	struct config_action action;       /* borrowed; a cap's without one is in rule_action() */
};

/* What a class of accounts is held to. */
struct plan_class {
	size_t rules;
	uint8_t rule[CONFIG_LIMITS_MAX]; /* index into plan->rule */
	uint64_t rings[KEY_COUNT];       /* bit i: plan->ring[i] */
	unsigned keys;                   /* bit k: there is a ring of key k */
	bool is_application;
};

struct ring_layout;
struct limits_plan {
	unsigned refs;
	size_t rules, rings, classes;
	struct limit_rule *rule; /* in the order of the configuration */
	struct ring_shape ring[RINGS_MAX];
	struct plan_class *class;            /* as config->classes */
	bool needs_size;                     /* a rule counts bytes in a window */
	bool needs_new;                      /* a rule counts new recipients */
	struct limit_rule emergency, exempt; /* ring RING_NONE: off */
	struct config_limit own[2];          /* what those two are made of */
	struct ring_layout *layouts;         /* made so far */
	struct slab *slab;       /* where rings come from; shared by all plans after it */
	struct config *snapshot; /* referenced */
};

/*
 * before: the plan it follows, or NULL. Cells never become narrower, so that a reload to a smaller
 * rate forgets nothing.
 */
struct limits_plan *limits_plan_new(struct config *config, const struct limits_plan *before);
struct limits_plan *limits_plan_ref(struct limits_plan *plan);
void limits_plan_unref(struct limits_plan *plan);

/* The action of a rule for a class, with the words or the code it has (semantics 13). */
struct config_action rule_action(const struct limit_rule *rule, const struct plan_class *class);

/* The row for accounts_setup: rings hang on an entry at PART_RINGS. */
extern const struct account_part_row limits_part;

/*
 * An entry's rings under a plan, with at least those of the set (bit i: plan->ring[i]); made or laid
 * out anew when needed. wide: cells of 32 bits, for an entry whose rates are not the plan's.
 * Borrowed from the entry.
 */
struct rings;
struct rings *limits_rings(
	struct limits_plan *plan, struct account *entry, uint64_t set, bool wide);
/* Which rings they are, as set. */
uint64_t limits_rings_set(const struct rings *rings);
/* The same without making anything: NULL when it has none, or has those of another plan. */
const struct rings *limits_rings_peek(const struct limits_plan *plan, const struct account *entry);

/* The ring of a plan that counts what that shape (of an older plan) counts, or RING_NONE. */
uint32_t limits_find_ring(const struct limits_plan *plan, const struct ring_shape *shape);

/* Units in cells: a cost rounded up, an N rounded down. Saturates. */
static inline uint32_t ring_cells_down(const struct ring_shape *shape, uint64_t units)
{
	uint64_t cells = units >> shape->shift;
	return cells > UINT32_MAX ? UINT32_MAX : (uint32_t)cells;
}
static inline uint32_t ring_cells_up(const struct ring_shape *shape, uint64_t units)
{
	uint64_t cells = units >> shape->shift;
	cells += (cells << shape->shift) != units;
	return cells > UINT32_MAX ? UINT32_MAX : (uint32_t)cells;
}
static inline uint64_t ring_units(const struct ring_shape *shape, uint32_t cells)
{
	return (uint64_t)cells << shape->shift;
}

/* In cells, from here on. rings may be NULL where they are const, or lack the ring: that is 0. */

/* All that counts against N now: booked in the last window, and reserved. */
uint32_t ring_used(const struct rings *rings, uint32_t ring, mono_t mono);
/*
 * A mark in time, from which on a ring is counted afresh: what was booked before it is passed over, to the
 * unit. bucket: the ring's newest then; units: what was in it.
 */
struct ring_mark {
	uint32_t bucket;
	uint64_t units;
};
struct ring_mark ring_mark(const struct rings *rings, uint32_t ring, mono_t mono);
uint32_t ring_used_since(
	const struct rings *rings, uint32_t ring, const struct ring_mark *mark, mono_t mono);
/* Of that, what is reserved. */
uint32_t ring_reserved(const struct rings *rings, uint32_t ring);

/* Books into the current bucket; saturates at the cell's largest value. */
void ring_book(struct rings *rings, uint32_t ring, uint32_t n, mono_t mono);
/*
 * Takes back from the bucket that was current at booked_at, if it is still in the ring; never below
 * zero.
 */
void ring_refund(struct rings *rings, uint32_t ring, uint32_t n, mono_t booked_at);
void ring_reserve(struct rings *rings, uint32_t ring, uint32_t n);
/* Gives back or (before booking) dissolves a reservation; never below zero. */
void ring_unreserve(struct rings *rings, uint32_t ring, uint32_t n);

struct ring_ask {
	uint32_t cost, limit;
	mono_t mono;
	const struct ring_mark *since; /* NULL: all counts */
};
/*
 * The first time at which cost more would fit under limit if nothing else happened: ask->mono
 * itself when it fits now; MONO_NEVER when waiting alone does not help (cost above limit, or
 * reservations fill it).
 */
mono_t ring_room_at(const struct rings *rings, uint32_t ring, const struct ring_ask *ask);

/* ---- in a snapshot ---- */

/*
 * The shapes of a plan, which saved rings name by number: a plan's own when it saves, those of the
 * file when it is loaded.
 */
void limits_save_shapes(const struct limits_plan *plan, struct bytes *out);
struct limits_load {
	struct limits_plan *plan;
	/* By the file's number: the plan's ring (RING_NONE: counted no more), and its shift there. */
	uint32_t ring[RINGS_MAX];
	uint8_t shift[RINGS_MAX];
	size_t n;
};
/* What that many cells of the file are in the plan's ring; rounded up. */
uint32_t limits_load_cells(const struct limits_load *load, uint64_t number, uint64_t cells);
/* False: makes no sense. */
bool limits_load_shapes(struct limits_load *load, struct reader *in);

#endif
