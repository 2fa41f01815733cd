/* SPDX-License-Identifier: ISC */
/*
 * charge.h - the port to whoever has the last word on a charge: this process alone, or a store
 * shared by several servers. The engine asks; the answer comes at once as the return value, or
 * later through engine_resume() with the charge's id. Both ways run through the same code.
 *
 * A back end may answer late, twice, out of order or never: the engine has a deadline, and ids that
 * wait no longer are ignored and counted. cancel() names a charge that nobody will use, whether it
 * was granted, is under way, or was never seen: afterwards it must count for nothing. refund() is
 * an operation of its own, with a new id: a part of what was granted to a message was not used.
 */
#ifndef POLICYD_CHARGE_H
#define POLICYD_CHARGE_H

#include <stdint.h>

#include "policyd/clock.h"
#include "policyd/config.h"
#include "policyd/limits.h"

struct charge_item {
	struct table_ref entry; /* of the account table: engine_account_key() */
	uint32_t ring;          /* of the plan */
	uint32_t amount;        /* in the ring's cells; 0: nothing, it is only looked at later */
};

struct charge {
	uint64_t id; /* unique in this process's life (with a node's id: semantics 29) */
	struct span account;
	const struct limits_plan *plan;
	unsigned n;
	struct charge_item item[RINGS_MAX];
};

enum charge_answer { CHARGE_GRANTED, CHARGE_REFUSED, CHARGE_TIMEOUT, CHARGE_PENDING };

struct charge_port {
	/* All items or none. PENDING: the answer comes through engine_resume(). Never TIMEOUT. */
	enum charge_answer (*ask)(void *ctx, const struct charge *charge, struct now now);
	void (*cancel)(void *ctx, const struct charge *charge, struct now now);
	void (*refund)(void *ctx, const struct charge *charge, struct now now);
	void *ctx;
	int64_t deadline_us; /* for a pending answer */
};

/* The embedded back end: what fits the local rings is granted at once. */
extern const struct charge_port charge_local;

#endif
