/* SPDX-License-Identifier: ISC */
/*
 * suspensions.h - the ladder's suspensions on their way into the store. They are in force before they
 * are there; what the store does not take is tried again for as long as it holds.
 */
#ifndef POLICYD_SUSPENSIONS_H
#define POLICYD_SUSPENSIONS_H

#include "policyd/engine.h"
#include "policyd/store.h"

/* That wait to be tried again; with more, the newest are given up, which the log says. */
#define SUSPENSIONS_WAITING_MAX 1000

struct suspensions;

/* Both borrowed. */
struct suspensions *suspensions_new(struct engine *engine, struct store *store);
/* After the store, which may still tell of some. NULL is fine. */
void suspensions_free(struct suspensions *s);
void suspensions_keep(struct suspensions *s, const struct policy_event *event);
/* Once a second: tries again. */
void suspensions_tick(struct suspensions *s, struct now now);

#endif
