/* SPDX-License-Identifier: ISC */
/*
 * reload.h - a new configuration while mail goes on. It is read and checked on a thread of its own,
 * and taken over on the loop as a whole, or not at all. Files of lines are looked at every few
 * seconds, and read again when they have changed.
 */
#ifndef POLICYD_RELOAD_H
#define POLICYD_RELOAD_H

#include <event2/event.h>

#include "notify.h"
#include "policyd/config.h"
#include "policyd/control.h"
#include "policyd/err.h"

struct reload;

/* All of it outlives the reload. */
struct reload_setup {
	struct event_base *base;
	const char *config_path;
	struct config *started_with; /* what needs a restart is told from it */
	const struct notify *notify;
	/* Takes over a configuration, which is valid during the call: references are its own. */
	void (*apply)(void *ctx, struct config *config);
	void *ctx;
};

/* 0 or negative with err. */
MUST_CHECK int reload_new(
	const struct reload_setup *setup, struct reload **ret, struct errbuf *err);
/* Waits for what is being read, tells who asked that nothing came of it. NULL is fine. */
void reload_free(struct reload *reload);

/*
 * Reads the configuration, or does so once more when that is under way; logs what came of it.
 * done (may be NULL) as control_setup.reload promises.
 */
void reload_request(struct reload *reload, reload_done *done, void *ctx);

#endif
