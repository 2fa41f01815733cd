/* SPDX-License-Identifier: ISC */
/*
 * geoip_watch.h - the databases of a running daemon: looked at every few seconds, and after a reload;
 * one that has changed is read on a thread of its own and then takes the place of the old one. What
 * cannot be read is told once, and what was read before stays: without any, the signals that rest on
 * places are silent.
 */
#ifndef POLICYD_GEOIP_WATCH_H
#define POLICYD_GEOIP_WATCH_H

#include <event2/event.h>

#include "geoip.h"
#include "policyd/request.h"

struct geoip_watch;

/* Reads them all before it returns, but for those that cannot be read. 0 or negative. */
MUST_CHECK int geoip_watch_new(struct event_base *base, const struct config *config,
	struct geoip_watch **ret, struct errbuf *err);
/* Waits for what is being read; NULL is fine. */
void geoip_watch_free(struct geoip_watch *watch);
/* After a reload: those that are still named stay as they are. */
void geoip_watch_configure(struct geoip_watch *watch, const struct config *config);
/* Once a second. */
void geoip_watch_tick(struct geoip_watch *watch);

/*
 * Where the client of a request stands, if anybody may want to know: it has logged in. For
 * policy_server_hooks.
 */
void geoip_watch_locate(void *ctx, const struct request *request, struct geo *ret);

#endif
