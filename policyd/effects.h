/* SPDX-License-Identifier: ISC */
/* effects.h - carries out what the engine decided, after the reply: log, store, late replies, record. */
#ifndef POLICYD_EFFECTS_H
#define POLICYD_EFFECTS_H

#include "policyd/engine.h"
#include "policyd/policy_server.h"
#include "policyd/replay.h"
#include "policyd/store.h"

/* All borrowed. The recorder may be NULL. */
struct effects {
	struct engine *engine;
	struct store *store;
	struct policy_server *server;
	struct recorder *recorder;
};

/* For policy_server_new(); effects may be filled in until the loop runs. */
struct policy_server_hooks effects_hooks(struct effects *effects, bool is_recording);
/* Until the engine has no more; ctx is the struct effects. */
void effects_carry_out(void *ctx, struct now now);

#endif
