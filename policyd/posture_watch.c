/* SPDX-License-Identifier: ISC */
/*
 * Postures at work: has them look at what is known, and hands on what comes of it, to the engine, the log, the store,
 * the ledger and those who look for culprits. What speaks of an address, and how loud, is theirs (speaks.h).
 */
#include "posture_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/log.h"
#include "policyd/mem.h"
#include "policyd/metric.h"
#include "policyd/policy_server.h"
#include "policyd/speaks.h"
#include "standing_event.h"

#define SAVE_EVERY_US (60 * SECOND_US)
#define KEPT_POSTURES "posture"
#define KEPT_CULPRITS "culprits"
#define KEPT_LEDGER   "ledger"
#define EGRESS_WORD   "egress:" /* in the accounts of events */

struct posture_watch {
	struct posture_watch_setup use;
	struct postures *postures;
	struct culprits *culprits;
	struct ledger *ledger;
	mono_t looked, saved;
	bool has_changed, culprits_changed;
};

/* ---- what may be asked to be removed ---- */

/* Of what hurts only: a good word that was lost needs no removal. */
static bool on_ledger(void *ctx, const struct listing *listing)
{
	struct posture_watch *watch = ctx;
	bool hurts = listing->kind == LISTING_BEHAVIOUR || listing->kind == LISTING_POLICY;
	if (listing->verdict != SEEN_LISTED || hurts)
		ledger_listing(watch->ledger, span_of(listing->subject),
			span_of(listing->list->name), listing->verdict, listing->since);
	return true;
}

/* ---- the engine is told ---- */

void posture_watch_tell(struct posture_watch *watch, struct now now)
{
	struct engine_egress *all = NULL;
	struct posture_view view;
	const struct egress_address *address;
	size_t n = 0;
	for (; n < ENGINE_EGRESSES_MAX && postures_at(watch->postures, n, now, &view); n++) {
		all = xrealloc(all, n + 1, sizeof(*all));
		all[n] = (struct engine_egress){.stands = view};
		for (size_t i = 0; (address = egress_address_at(watch->use.egress, i)); i++) {
			if (ip_equal(&address->ip, &view.egress))
				span_copy(span_of(address->transport), all[n].transport,
					sizeof(all[n].transport));
		}
	}
	engine_egresses(watch->use.engine, all, n);
	if (watch->use.told)
		watch->use.told(watch->use.told_ctx, all, n, now);
	free(all);
}

/* ---- what has changed ---- */

static void ledger_take(struct posture_watch *watch)
{
	struct ledger_effect effect;
	while (ledger_effect(watch->ledger, &effect)) {
		bool is_list = effect.event.kind == EVENT_DELIST;
		standing_event_log(&effect.event, is_list ? "list" : "programme", effect.is_grave);
		if (effect.is_event)
			standing_event_keep(watch->use.store, &effect.event);
	}
}

/* "ok -> hold: why": whom to look for is a question of what was sent before it fell, so at once. */
static void culprits_look(
	struct posture_watch *watch, const struct policy_event *event, struct now now)
{
	struct posture_view view;
	struct span rest = event->account;
	struct ip ip;
	size_t word_n = strlen(EGRESS_WORD);
	if (!span_starts(rest, SPAN(EGRESS_WORD)) || event->limit.n ||
		ip_parse(span_make(rest.p + word_n, rest.n - word_n), &ip) != 0 ||
		!postures_get(watch->postures, &ip, now, &view))
		return;
	rest = event->reason;
	enum posture from = posture_of_name(span_word(&rest));
	bool is_change = span_equal(span_word(&rest), SPAN("->"));
	if (is_change && from < view.posture && view.posture >= POSTURE_THROTTLE)
		culprits_begin(watch->culprits, &ip, view.posture, view.why, now);
}

static void metrics_set(const struct posture_watch *watch, struct now now)
{
	struct posture_view view;
	uint64_t n[POSTURE_COUNT] = {0};
	for (size_t i = 0; postures_at(watch->postures, i, now, &view); i++)
		n[view.posture] += view.provider[0] == '\0';
	for (unsigned i = 0; i < POSTURE_COUNT; i++)
		metric_set((enum metric)(METRIC_POSTURE_OK + i), n[i]);
}

static void effects_take(struct posture_watch *watch, struct now now)
{
	struct posture_effect effect;
	while (postures_effect(watch->postures, &effect)) {
		watch->has_changed = true;
		standing_event_log(&effect.event, "provider", effect.is_grave);
		standing_event_keep(watch->use.store, &effect.event);
		culprits_look(watch, &effect.event, now);
	}
	if (postures_moved(watch->postures))
		posture_watch_tell(watch, now);
}

void posture_watch_pump(struct posture_watch *watch, struct now now)
{
	effects_take(watch, now);
	ledger_take(watch);
}

void posture_watch_look(struct posture_watch *watch, struct now now)
{
	watch->looked = now.mono;
	postures_look(watch->postures, watch->use.egress, watch->use.audit, now);
	egress_listings(watch->use.egress, now, on_ledger, watch);
	posture_watch_pump(watch, now);
}

/* ---- memory ---- */

static void keep(struct posture_watch *watch, const char *name, struct bytes *bytes, wall_t wall)
{
	if (store_keep(watch->use.store, name, span_make(bytes->p, bytes->n), wall) == -E2BIG)
		log_event(LEVEL_WARNING, "posture state not kept", F_STR("name", name),
			F_INT("bytes", bytes->n), F_INT("most", STORE_KEPT_MAX));
	bytes_free(bytes);
	*bytes = (struct bytes){0};
}

static void save(struct posture_watch *watch, struct now now)
{
	struct bytes bytes = {0};
	watch->saved = now.mono;
	watch->has_changed = false;
	postures_save(watch->postures, &bytes, now);
	keep(watch, KEPT_POSTURES, &bytes, now.wall);
	if (watch->culprits_changed) {
		culprits_save(watch->culprits, &bytes);
		keep(watch, KEPT_CULPRITS, &bytes, now.wall);
	}
	watch->culprits_changed = false;
	if (ledger_is_dirty(watch->ledger)) {
		ledger_save(watch->ledger, &bytes);
		keep(watch, KEPT_LEDGER, &bytes, now.wall);
	}
}

void posture_watch_keep(struct posture_watch *watch, struct now now)
{
	posture_watch_pump(watch, now);
	save(watch, now);
}

/* False: there is none, or it was told that it could not be read. */
static bool kept(const struct posture_watch *watch, const char *name, struct bytes *ret)
{
	struct errbuf err = {{0}};
	int r = store_kept(watch->use.store, name, ret, &err);
	if (r != 0 && r != -ENOENT)
		log_event(LEVEL_WARNING, "posture state lost", F_STR("name", name),
			F_STR("error", err.text));
	return r == 0;
}

static void damaged(const char *name, int r)
{
	if (r != 0)
		log_event(LEVEL_WARNING, "posture state damaged", F_STR("name", name),
			F_STR("effect", "it is passed over"));
}

static void load(struct posture_watch *watch, struct now now)
{
	struct bytes bytes = {0};
	if (kept(watch, KEPT_POSTURES, &bytes))
		damaged(KEPT_POSTURES,
			postures_load(watch->postures, span_make(bytes.p, bytes.n), now));
	bytes_free(&bytes);
	bytes = (struct bytes){0};
	if (kept(watch, KEPT_CULPRITS, &bytes))
		damaged(KEPT_CULPRITS, culprits_load(watch->culprits, span_make(bytes.p, bytes.n)));
	bytes_free(&bytes);
	bytes = (struct bytes){0};
	if (kept(watch, KEPT_LEDGER, &bytes))
		damaged(KEPT_LEDGER, ledger_load(watch->ledger, span_make(bytes.p, bytes.n)));
	bytes_free(&bytes);
}

/* ---- time ---- */

void posture_watch_tick(struct posture_watch *watch, struct now now)
{
	if (now.mono.us >= watch->looked.us + POSTURES_LOOK_US)
		posture_watch_look(watch, now);
	if (postures_due(watch->postures).us <= now.mono.us)
		postures_tick(watch->postures, now);
	effects_take(watch, now);
	if (ledger_due(watch->ledger, now).us <= now.mono.us) {
		ledger_tick(watch->ledger, now);
		ledger_take(watch);
	}
	if (culprits_step(watch->culprits, watch->use.engine, now))
		watch->culprits_changed = true;
	bool is_due = now.mono.us >= watch->saved.us + SAVE_EVERY_US;
	if (watch->has_changed ||
		(is_due && (postures_is_dirty(watch->postures) || watch->culprits_changed ||
				   ledger_is_dirty(watch->ledger))))
		save(watch, now);
	metrics_set(watch, now);
}

/* ---- life ---- */

struct postures *posture_watch_postures(struct posture_watch *watch)
{
	return watch->postures;
}

struct culprits *posture_watch_culprits(struct posture_watch *watch)
{
	return watch->culprits;
}

struct ledger *posture_watch_ledger(struct posture_watch *watch)
{
	return watch->ledger;
}

void posture_watch_configure(struct posture_watch *watch, struct config *config)
{
	struct now now = clock_now();
	postures_configure(watch->postures, config, now);
	posture_watch_look(watch, now);
}

struct posture_watch *posture_watch_new(const struct posture_watch_setup *setup)
{
	struct posture_watch *watch = xcalloc(1, sizeof(*watch));
	struct now now = clock_now();
	watch->use = *setup;
	watch->postures = postures_new(setup->config, now);
	watch->culprits = culprits_new();
	watch->ledger = ledger_new();
	load(watch, now);
	posture_watch_tell(watch, now);
	return watch;
}

void posture_watch_finish(struct posture_watch *watch)
{
	if (watch)
		save(watch, clock_now());
}

void posture_watch_free(struct posture_watch *watch)
{
	if (!watch)
		return;
	postures_free(watch->postures);
	culprits_free(watch->culprits);
	ledger_free(watch->ledger);
	free(watch);
}
