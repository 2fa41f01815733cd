/* SPDX-License-Identifier: ISC */
/* health.h - how the daemon is: as metrics, and in the log when something begins or ceases to fail. */
#ifndef POLICYD_HEALTH_H
#define POLICYD_HEALTH_H

#include <stdbool.h>

#include "policyd/engine.h"
#include "policyd/store.h"

/* What was told; zero is the first state. */
struct health {
	bool store_was_failing, record_was_told;
	bool is_braking, brake_was_told; /* ladder.max_auto */
	uint64_t store_progress;         /* jobs that came back, as of store_since */
	mono_t store_since;              /* when the disk last answered, or had nothing to do */
	mono_t overrides_due;            /* when they are counted again */
	mono_t ticked, lag_since;
	uint64_t lag, lag_before; /* us, of the minute from lag_since on and of the one before */
};

/* To be called when something has come back from the disk: what fails is told, and when it works again. */
void health_store(struct health *health, struct store *store, mono_t mono);
/* To be called once a second. */
void health_tick(struct health *health, struct engine *engine, struct store *store, struct now now);

#endif
