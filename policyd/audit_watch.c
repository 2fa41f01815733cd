/* SPDX-License-Identifier: ISC */
/* All effects are carried out in on_pump(), which only the loop calls, as egress_watch.c does. */
#include "audit_watch.h"

#include <errno.h>
#include <stdlib.h>

#include "policyd/log.h"
#include "policyd/mem.h"
#include "policyd/metric.h"
#include "policyd/policy_server.h"
#include "smtp_probe.h"
#include "standing_event.h"

#define PUMP_MAX      64
#define TIMER_MAX_US  (60 * SECOND_US)
#define SAVE_EVERY_US (60 * SECOND_US)
#define KEPT_AUDIT    "audit"

/* A question that is open. */
struct asked {
	struct audit_watch *watch;
	audit_ask ask;
	dns_ticket ticket;
	bool is_open;
};

/* A probe that is under way. */
struct probing {
	struct audit_watch *watch;
	audit_ask ask;
	struct smtp_probe *probe; /* NULL: none */
};

struct audit_watch {
	struct audit_watch_setup use;
	struct audit *audit;
	struct event *pump;
	struct asked asked[AUDIT_IN_FLIGHT_MAX];
	struct probing probing[AUDIT_PROBES_MAX];
	mono_t saved;
	bool has_begun;
};

void audit_watch_poke(struct audit_watch *watch)
{
	if (watch->has_begun)
		event_active(watch->pump, EV_TIMEOUT, 0);
}

/* ---- questions ---- */

static void on_answer(void *ctx, const struct dns_answer *answer)
{
	struct asked *asked = ctx;
	struct audit_watch *watch = asked->watch;
	asked->is_open = false;
	audit_answered(watch->audit, asked->ask, answer, clock_now());
	audit_watch_poke(watch);
}

static struct asked *asked_free(struct audit_watch *watch)
{
	for (size_t i = 0; i < AUDIT_IN_FLIGHT_MAX; i++) {
		if (!watch->asked[i].is_open)
			return &watch->asked[i];
	}
	return NULL;
}

static void ask(struct audit_watch *watch, const struct audit_effect *effect, struct now now)
{
	struct asked *asked = asked_free(watch);
	audit_ask number = effect->ask;
	if (asked) {
		asked->ask = number;
		asked->is_open = dns_client_ask(watch->use.dns, &effect->question, on_answer, asked,
					 &asked->ticket) == 0;
	}
	if (!asked || !asked->is_open)
		audit_answered(watch->audit, number, NULL, now);
}

/* ---- probes ---- */

static void on_probed(void *ctx, const struct probe_outcome *outcome)
{
	struct probing *probing = ctx;
	struct audit_watch *watch = probing->watch;
	probing->probe = NULL;
	audit_probed(watch->audit, probing->ask, outcome, clock_now());
	audit_watch_poke(watch);
}

static void probe(struct audit_watch *watch, const struct audit_effect *effect, struct now now)
{
	struct probing *probing = watch->probing;
	while (probing < watch->probing + AUDIT_PROBES_MAX && probing->probe)
		probing++;
	if (probing == watch->probing + AUDIT_PROBES_MAX) {
		audit_probed(watch->audit, effect->ask, NULL, now);
		return;
	}
	probing->ask = effect->ask;
	probing->probe = smtp_probe_start(&(struct smtp_probe_setup){.base = watch->use.base,
						  .port = SMTP_PROBE_PORT,
						  .step_us = SMTP_PROBE_STEP_US,
						  .whole_us = SMTP_PROBE_WHOLE_US,
						  .done = on_probed,
						  .ctx = probing},
		effect->probe);
}

/* ---- what has changed ---- */

static void event_tell(const struct audit_watch *watch, const struct audit_effect *effect)
{
	standing_event_log(&effect->event, "check", effect->is_grave);
	standing_event_keep(watch->use.store, &effect->event);
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct audit_watch *watch = arg;
	struct audit_effect effect;
	struct now now = clock_now();
	int n = 0;
	(void)fd;
	(void)what;
	if (audit_due(watch->audit).us <= now.mono.us)
		audit_tick(watch->audit, now);
	for (; n < PUMP_MAX && audit_effect(watch->audit, &effect); n++) {
		if (effect.kind == AUDIT_ASK)
			ask(watch, &effect, now);
		else if (effect.kind == AUDIT_PROBE)
			probe(watch, &effect, now);
		else
			event_tell(watch, &effect);
	}
	mono_t due = audit_due(watch->audit);
	int64_t wait_us = due.us > now.mono.us ? due.us - now.mono.us : 0;
	wait_us = n == PUMP_MAX ? 0 : wait_us < TIMER_MAX_US ? wait_us : TIMER_MAX_US;
	struct timeval wait = {.tv_sec = wait_us / SECOND_US, .tv_usec = wait_us % SECOND_US};
	event_add(watch->pump, &wait);
}

/* ---- memory ---- */

static void save(struct audit_watch *watch, struct now now)
{
	struct bytes bytes = {0};
	watch->saved = now.mono;
	audit_save(watch->audit, &bytes, now);
	if (store_keep(watch->use.store, KEPT_AUDIT, span_make(bytes.p, bytes.n), now.wall) ==
		-E2BIG)
		log_event(LEVEL_WARNING, "audit state not kept", F_INT("bytes", bytes.n),
			F_INT("most", STORE_KEPT_MAX));
	bytes_free(&bytes);
}

static void load(struct audit_watch *watch, struct now now)
{
	struct bytes bytes = {0};
	struct errbuf err = {{0}};
	int r = store_kept(watch->use.store, KEPT_AUDIT, &bytes, &err);
	if (r == 0)
		r = audit_load(watch->audit, span_make(bytes.p, bytes.n), now);
	if (r != 0 && r != -ENOENT)
		log_event(LEVEL_WARNING, "audit state lost", F_STR("error", err.text),
			F_STR("effect", "what was found is unknown until it is looked at again"));
	bytes_free(&bytes);
}

/* ---- time, and what there is to look at ---- */

void audit_watch_addresses(struct audit_watch *watch)
{
	struct egress_address found[EGRESS_ADDRESSES_MAX];
	const struct egress_address *address;
	size_t n = 0;
	while (n < EGRESS_ADDRESSES_MAX && (address = egress_address_at(watch->use.egress, n)))
		found[n++] = *address;
	audit_addresses(watch->audit, found, n, clock_now());
	audit_watch_poke(watch);
}

void audit_watch_request(struct audit_watch *watch, const struct request *request, struct now now)
{
	ptrdiff_t at = span_rfind(request->sender, '@');
	if (request->stage != STAGE_RCPT || at < 0)
		return;
	size_t before = (size_t)at + 1;
	audit_domain_seen(watch->audit,
		span_make(request->sender.p + before, request->sender.n - before), 1, now);
}

void audit_watch_tick(struct audit_watch *watch, struct now now)
{
	struct audit_figures figures;
	watch->has_begun = true;
	if (audit_is_dirty(watch->audit) && now.mono.us >= watch->saved.us + SAVE_EVERY_US)
		save(watch, now);
	audit_figures(watch->audit, &figures);
	metric_set(METRIC_AUDIT_FAIL, figures.findings[AUDIT_FAIL]);
	metric_set(METRIC_AUDIT_WARN, figures.findings[AUDIT_WARN]);
	metric_set(METRIC_AUDIT_UNKNOWN, figures.findings[AUDIT_UNKNOWN]);
	if (audit_due(watch->audit).us <= now.mono.us)
		audit_watch_poke(watch);
}

/* ---- life ---- */

void audit_watch_configure(struct audit_watch *watch, struct config *config)
{
	audit_configure(watch->audit, config, clock_now());
	audit_watch_poke(watch);
}

struct audit *audit_watch_audit(struct audit_watch *watch)
{
	return watch->audit;
}

struct audit_watch *audit_watch_new(const struct audit_watch_setup *setup)
{
	struct audit_watch *watch = xcalloc(1, sizeof(*watch));
	struct now now = clock_now();
	struct audit_setup audit = {
		.config = setup->config, .seed = {setup->seed[0], setup->seed[1]}};
	watch->use = *setup;
	for (size_t i = 0; i < AUDIT_IN_FLIGHT_MAX; i++)
		watch->asked[i].watch = watch;
	for (size_t i = 0; i < AUDIT_PROBES_MAX; i++)
		watch->probing[i].watch = watch;
	watch->audit = audit_new(&audit, now);
	watch->pump = evtimer_new(setup->base, on_pump, watch);
	load(watch, now);
	return watch;
}

void audit_watch_finish(struct audit_watch *watch)
{
	if (watch && audit_is_dirty(watch->audit))
		save(watch, clock_now());
}

void audit_watch_free(struct audit_watch *watch)
{
	if (!watch)
		return;
	for (size_t i = 0; i < AUDIT_IN_FLIGHT_MAX; i++) {
		if (watch->asked[i].is_open)
			dns_client_cancel(watch->use.dns, watch->asked[i].ticket);
	}
	for (size_t i = 0; i < AUDIT_PROBES_MAX; i++)
		smtp_probe_cancel(watch->probing[i].probe);
	event_free(watch->pump);
	audit_free(watch->audit);
	free(watch);
}
