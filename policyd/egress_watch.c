/* SPDX-License-Identifier: ISC */
/*
 * All effects are carried out in one place, on_pump(), which only the loop calls: an answer from DNS, a
 * tick or a command does no more than wake it. What was decided is egress's, how it is asked dns_client's.
 */
#include "egress_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address_watch.h"
#include "audit_watch.h"
#include "egress_metrics.h"
#include "policyd/blocklist.h"
#include "policyd/log.h"
#include "policyd/mem.h"
#include "policyd/metric.h"
#include "policyd/policy_server.h"
#include "policyd/subject.h"
#include "posture_watch.h"
#include "standing_event.h"

#define PUMP_MAX       256 /* effects in a row; then others on the loop have their turn */
#define STORE_WAITING  256 /* events that may wait for the disk before others wait here */
#define STORE_WAIT_US  (20 * MSEC_US)
#define STORE_WAIT_MAX (5 * SECOND_US) /* a disk that hangs must not keep us from asking */
#define TIMER_MAX_US   (3600 * SECOND_US)
#define SAVE_EVERY_US  (60 * SECOND_US)
#define SAMPLE_OF      16 /* recipients of whose sender's domain one is looked at */
#define KEPT_EGRESS    "egress"
#define KEPT_ADDRESSES "egress addresses"

/* A question that is open. */
struct asked {
	struct egress_watch *watch;
	egress_ask ask;
	dns_ticket ticket;
	bool is_open;
};

struct egress_watch {
	struct config *config;
	struct store *store;
	struct egress *egress;
	struct dns_client *dns;
	struct address_watch *addresses;
	struct audit_watch *audit;
	struct posture_watch *posture;
	struct event *pump; /* by time, and by whoever wakes it */
	struct asked asked[EGRESS_IN_FLIGHT_MAX];
	uint64_t charges; /* as of the last tick */
	mono_t saved;
	mono_t store_waited; /* since when; 0: no */
	bool has_changed;    /* an event has come since */
	bool was_failing;    /* the store, when it was looked at */
	uint64_t recipients; /* asked about */
	bool has_clients;
	bool has_begun;
	bool is_posture_due; /* what postures are made of has changed */
};

static void pump_wake(struct egress_watch *watch)
{
	event_active(watch->pump, EV_TIMEOUT, 0);
}

void egress_watch_poke(void *ctx)
{
	struct egress_watch *watch = ctx;
	pump_wake(watch);
	audit_watch_poke(watch->audit);
}

void egress_watch_keep(void *ctx)
{
	struct egress_watch *watch = ctx;
	posture_watch_keep(watch->posture, clock_now());
}

/* ---- questions ---- */

static void on_answer(void *ctx, const struct dns_answer *answer)
{
	struct asked *asked = ctx;
	struct egress_watch *watch = asked->watch;
	asked->is_open = false;
	egress_answered(watch->egress, asked->ask, answer, clock_now());
	pump_wake(watch);
}

static struct asked *asked_free(struct egress_watch *watch)
{
	for (size_t i = 0; i < EGRESS_IN_FLIGHT_MAX; i++) {
		if (!watch->asked[i].is_open)
			return &watch->asked[i];
	}
	return NULL;
}

static void ask(struct egress_watch *watch, const struct egress_effect *effect, struct now now)
{
	struct asked *asked = asked_free(watch);
	egress_ask number = effect->ask;
	if (asked) {
		asked->ask = number;
		asked->is_open = dns_client_ask(watch->dns, &effect->question, on_answer, asked,
					 &asked->ticket) == 0;
	}
	if (!asked || !asked->is_open)
		egress_answered(watch->egress, number, NULL, now);
}

/* ---- what has changed ---- */

static void event_tell(struct egress_watch *watch, const struct egress_effect *effect)
{
	watch->has_changed = true;
	standing_event_log(&effect->event, "list", effect->is_grave);
	standing_event_keep(watch->store, &effect->event);
	watch->is_posture_due = true;
}

static void effect_run(
	struct egress_watch *watch, const struct egress_effect *effect, struct now now)
{
	switch (effect->kind) {
	case EGRESS_ASK:
		ask(watch, effect, now);
		break;
	case EGRESS_EVENT:
		event_tell(watch, effect);
		break;
	case EGRESS_NOTE:
		log_event(LEVEL_WARNING, "egress", F_STR("note", effect->note));
		break;
	}
}

/* ---- memory ---- */

/* False: another time. */
static bool keep(struct egress_watch *watch, const char *name, struct bytes *bytes, wall_t wall)
{
	int r = store_keep(watch->store, name, span_make(bytes->p, bytes->n), wall);
	if (r == -E2BIG)
		log_event(LEVEL_WARNING, "egress state not kept", F_INT("bytes", bytes->n),
			F_INT("most", STORE_KEPT_MAX));
	bytes_free(bytes);
	return r != -EAGAIN;
}

static void save(struct egress_watch *watch, struct now now)
{
	struct bytes bytes = {0};
	watch->saved = now.mono;
	egress_save(watch->egress, &bytes, now);
	watch->has_changed = !keep(watch, KEPT_EGRESS, &bytes, now.wall);
}

/* What could not be written is written when the disk works again, changed or not. */
static void save_look(struct egress_watch *watch, struct now now)
{
	bool is_failing = store_is_failing(watch->store, NULL);
	bool is_mended = watch->was_failing && !is_failing;
	bool is_due = now.mono.us >= watch->saved.us + SAVE_EVERY_US;
	watch->was_failing = is_failing;
	if (watch->has_changed || is_mended || (is_due && egress_is_dirty(watch->egress)))
		save(watch, now);
}

/* Beside the events themselves, so that a restart tells none of them twice; of a flood, once a second. */
static void save_events(struct egress_watch *watch, struct now now)
{
	if (watch->has_changed && now.mono.us >= watch->saved.us + SECOND_US)
		save(watch, now);
}

static void load_one(struct egress_watch *watch, const char *name, struct bytes *ret)
{
	struct errbuf err = {{0}};
	int r = store_kept(watch->store, name, ret, &err);
	if (r != 0 && r != -ENOENT)
		log_event(LEVEL_WARNING, "egress state lost", F_STR("error", err.text),
			F_STR("effect", "every verdict is unknown until lists are asked again"));
}

static void load(struct egress_watch *watch, struct now now)
{
	struct bytes addresses = {0}, state = {0};
	load_one(watch, KEPT_ADDRESSES, &addresses);
	load_one(watch, KEPT_EGRESS, &state);
	if (addresses.n)
		address_watch_load(watch->addresses, span_make(addresses.p, addresses.n));
	if (state.n && egress_load(watch->egress, span_make(state.p, state.n), now) != 0)
		log_event(LEVEL_WARNING, "egress state damaged",
			F_STR("effect", "every verdict is unknown until lists are asked again"));
	bytes_free(&addresses);
	bytes_free(&state);
}

static void on_addresses(void *ctx, const struct egress_address *found, size_t n, const char *note)
{
	struct egress_watch *watch = ctx;
	struct bytes bytes = {0};
	struct now now = clock_now();
	egress_addresses_found(watch->egress, found, n, note, now);
	audit_watch_addresses(watch->audit);
	watch->is_posture_due = true;
	pump_wake(watch);
	/* While it is loaded nothing else may be asked of the store, nor is there anything new. */
	if (!watch->has_begun)
		return;
	address_watch_save(watch->addresses, &bytes);
	(void)keep(watch, KEPT_ADDRESSES, &bytes, now.wall);
}

/* ---- time ---- */

static void timer_set(struct egress_watch *watch, int64_t wait_us)
{
	struct timeval wait = {.tv_sec = wait_us / SECOND_US, .tv_usec = wait_us % SECOND_US};
	event_add(watch->pump, &wait);
}

static int64_t until_due(const struct egress_watch *watch, struct now now)
{
	mono_t due = egress_due(watch->egress);
	int64_t wait_us = due.us > now.mono.us ? due.us - now.mono.us : 0;
	return wait_us < TIMER_MAX_US ? wait_us : TIMER_MAX_US;
}

/* When thousands of verdicts change at once, none of them is to be missing in the audit. */
static bool store_is_full(struct egress_watch *watch, mono_t mono)
{
	if (store_pending(watch->store) < STORE_WAITING) {
		watch->store_waited.us = 0;
		return false;
	}
	if (watch->store_waited.us == 0)
		watch->store_waited = mono;
	return mono.us < watch->store_waited.us + STORE_WAIT_MAX;
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct egress_watch *watch = arg;
	struct egress_effect effect;
	struct now now = clock_now();
	bool is_full = false;
	int n = 0;
	(void)fd;
	(void)what;
	if (egress_due(watch->egress).us <= now.mono.us)
		egress_tick(watch->egress, now);
	while (n < PUMP_MAX && !(is_full = store_is_full(watch, now.mono)) &&
		egress_effect(watch->egress, &effect)) {
		effect_run(watch, &effect, now);
		n++;
	}
	save_events(watch, now);
	if (watch->is_posture_due)
		posture_watch_look(watch->posture, now);
	else
		posture_watch_pump(watch->posture, now);
	watch->is_posture_due = false;
	/* A timer, even of no time at all, lets others on the loop have their turn first. */
	if (is_full)
		timer_set(watch, STORE_WAIT_US);
	else
		timer_set(watch, n == PUMP_MAX ? 0 : until_due(watch, now));
}

/* The timer is of a clock that stands still while the machine sleeps; this is not. */
void egress_watch_tick(struct egress_watch *watch, struct now now)
{
	uint64_t charges = metric_get(METRIC_CHARGES);
	if (charges != watch->charges)
		egress_traffic(watch->egress, charges - watch->charges, now);
	watch->charges = charges;
	address_watch_tick(watch->addresses, now.mono);
	audit_watch_tick(watch->audit, now);
	posture_watch_tick(watch->posture, now);
	save_look(watch, now);
	egress_metrics_set(watch->egress, watch->dns);
	pump_wake(watch);
}

/* ---- clients of accounts ---- */

bool egress_watch_wants_requests(const struct egress_watch *watch)
{
	return watch->has_clients || watch->config->egress.audit;
}

void egress_watch_request(struct egress_watch *watch, const struct request *request, struct now now)
{
	struct subject subject;
	struct ip ip;
	bool is_sampled = watch->config->egress.audit && request->stage == STAGE_RCPT &&
			  ++watch->recipients % SAMPLE_OF == 0;
	if ((!watch->has_clients && !is_sampled) || !subject_of(request, watch->config, &subject))
		return;
	if (is_sampled)
		audit_watch_request(watch->audit, request, now);
	if (watch->has_clients && ip_parse(request->client_address, &ip) == 0)
		egress_client_seen(watch->egress, &ip, account_name_key(&subject.name), now);
}

static bool clients_wanted(const struct config *config)
{
	size_t n;
	const struct blocklist *list = config_blocklists(config, &n);
	for (size_t i = 0; i < n; i++) {
		if (list[i].is_enabled && list[i].clients)
			return true;
	}
	return false;
}

/* ---- life ---- */

static void config_take(struct egress_watch *watch, struct config *config)
{
	config_unref(watch->config);
	watch->config = config_ref(config);
	watch->has_clients = clients_wanted(config);
}

void egress_watch_begin(struct egress_watch *watch)
{
	watch->has_begun = true;
	/* Those that are configured: only what has to be found is told later. */
	audit_watch_addresses(watch->audit);
	address_watch_configure(watch->addresses, watch->config);
	pump_wake(watch);
}

void egress_watch_configure(struct egress_watch *watch, struct config *config)
{
	dns_client_configure(watch->dns, config);
	egress_configure(watch->egress, config, clock_now());
	config_take(watch, config);
	address_watch_configure(watch->addresses, config);
	audit_watch_configure(watch->audit, config);
	audit_watch_addresses(watch->audit);
	posture_watch_configure(watch->posture, config);
	pump_wake(watch);
}

struct audit_watch *egress_watch_audit(struct egress_watch *watch)
{
	return watch->audit;
}

struct posture_watch *egress_watch_posture(struct egress_watch *watch)
{
	return watch->posture;
}

struct egress *egress_watch_egress(struct egress_watch *watch)
{
	return watch->egress;
}

struct dns_client *egress_watch_dns(struct egress_watch *watch)
{
	return watch->dns;
}

int egress_watch_new(
	const struct egress_watch_setup *setup, struct egress_watch **ret, struct errbuf *err)
{
	struct egress_watch *watch = xcalloc(1, sizeof(*watch));
	struct now now = clock_now();
	int r = dns_client_new(setup->base, setup->config, &watch->dns, err);
	if (r != 0) {
		free(watch);
		return r;
	}
	struct egress_setup egress = {
		.config = setup->config, .seed = {setup->seed[0], setup->seed[1]}};
	struct address_watch_setup addresses = {
		.base = setup->base, .dns = watch->dns, .found = on_addresses, .ctx = watch};
	watch->store = setup->store;
	watch->charges = metric_get(METRIC_CHARGES);
	for (size_t i = 0; i < EGRESS_IN_FLIGHT_MAX; i++)
		watch->asked[i].watch = watch;
	watch->pump = evtimer_new(setup->base, on_pump, watch);
	watch->egress = egress_new(&egress, now);
	watch->audit = audit_watch_new(&(struct audit_watch_setup){.base = setup->base,
		.config = setup->config,
		.store = setup->store,
		.dns = watch->dns,
		.egress = watch->egress,
		.seed = {setup->seed[0], setup->seed[1]}});
	watch->posture = posture_watch_new(&(struct posture_watch_setup){.config = setup->config,
		.store = setup->store,
		.engine = setup->engine,
		.egress = watch->egress,
		.audit = audit_watch_audit(watch->audit),
		.told = setup->told,
		.told_ctx = setup->told_ctx});
	watch->addresses = address_watch_new(&addresses);
	load(watch, now);
	config_take(watch, setup->config);
	*ret = watch;
	return 0;
}

void egress_watch_finish(struct egress_watch *watch)
{
	if (watch && (watch->has_changed || watch->was_failing || egress_is_dirty(watch->egress)))
		save(watch, clock_now());
	if (watch) {
		audit_watch_finish(watch->audit);
		posture_watch_finish(watch->posture);
	}
}

void egress_watch_free(struct egress_watch *watch)
{
	if (!watch)
		return;
	address_watch_free(watch->addresses);
	posture_watch_free(watch->posture);
	audit_watch_free(watch->audit);
	/* No answer comes any more. */
	dns_client_free(watch->dns);
	egress_free(watch->egress);
	event_free(watch->pump);
	config_unref(watch->config);
	free(watch);
}
