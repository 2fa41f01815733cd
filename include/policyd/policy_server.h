/* SPDX-License-Identifier: ISC */
/*
 * policy_server.h - the policy service as Postfix sees it: listeners, connections, requests in,
 * replies out, over libevent. It hands each request to the engine at once and sends the reply
 * before anything else happens; what should happen afterwards is the caller's, who is told by the
 * hooks.
 *
 * One reply a request, never an unasked byte. A connection that sends what is no policy request is
 * closed without a reply (SMTPD_POLICY_README); idle ones stay open, until the cap is reached.
 */
#ifndef POLICYD_POLICY_SERVER_H
#define POLICYD_POLICY_SERVER_H

#include <event2/event.h>
#include <stddef.h>

#include "policyd/clock.h"
#include "policyd/config.h"
#include "policyd/engine.h"
#include "policyd/err.h"

/* CLOCK_BOOTTIME (64 days ahead, so that there is a time before the boot) and CLOCK_REALTIME. */
struct now clock_now(void);

struct policy_server;

struct policy_server_hooks {
	/*
	 * Where the client of a request stands, asked of those that have logged in, before the engine
	 * is; *ret is zero. NULL: nobody knows.
	 */
	void (*locate)(void *ctx, const struct request *request, struct geo *ret);
	/* For a record of what was asked and answered; all three may be NULL. */
	void (*opened)(void *ctx, engine_conn conn, struct span listener, const struct ip *peer,
		struct now now);
	void (*answered)(void *ctx, engine_conn conn, const struct request *request,
		const struct verdict *verdict, struct now now);
	void (*closed)(void *ctx, engine_conn conn, struct now now);
	/* After the replies of one wake-up, and while draining: fetch the engine's effects. */
	void (*after)(void *ctx, struct now now);
	void *ctx;
};

/*
 * Listens on every address of the configuration. 0, or what place_open() says; then nothing
 * listens.
 */
MUST_CHECK int policy_server_new(struct event_base *base, struct engine *engine,
	const struct policy_server_hooks *hooks, struct policy_server **ret, struct errbuf *err);

/* Other hooks from now on; connections that are open were not told to those. */
void policy_server_hook(struct policy_server *s, const struct policy_server_hooks *hooks);

/*
 * The verdict for a connection that waited (EFFECT_REPLY). A connection that has gone is ignored.
 */
void policy_server_reply(
	struct policy_server *s, engine_conn conn, const struct verdict *verdict, struct now now);

/*
 * Closes connections that let a request or the reading of a reply drag on too long. Call once a
 * second.
 */
void policy_server_tick(struct policy_server *s, struct now now);

/*
 * An orderly stop: takes every connection that is waiting to be accepted, answers every complete
 * request that is in a socket's buffer, closes everything. Verdicts of connections that wait must
 * have come before (engine_drain(), then policy_server_reply()).
 */
void policy_server_drain(struct policy_server *s, struct now now);
/* After a drain, or at once; NULL is fine. */
void policy_server_free(struct policy_server *s);

#endif
