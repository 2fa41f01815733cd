/* SPDX-License-Identifier: ISC */
/* effects.h - carries out what the engine decided, after the reply: log, store, late replies, record. */
#ifndef POLICYD_EFFECTS_H
#define POLICYD_EFFECTS_H

#include "egress_watch.h"
#include "geoip_watch.h"
#include "policyd/engine.h"
#include "policyd/policy_server.h"
#include "policyd/replay.h"
#include "policyd/store.h"
#include "suspensions.h"

/* All borrowed. The recorder, egress and geoip may be NULL. */
struct effects {
	struct engine *engine;
	struct store *store;
	struct policy_server *server;
	struct recorder *recorder;
	struct egress_watch *egress;
	struct geoip_watch *geoip;
	struct suspensions *suspensions;
};

/* What is wanted at present; the server is told again when effects or the configuration change. */
struct policy_server_hooks effects_hooks(struct effects *effects);
/* Until the engine has no more; ctx is the struct effects. */
void effects_carry_out(void *ctx, struct now now);

#endif
