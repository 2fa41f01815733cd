/* SPDX-License-Identifier: ISC */
/* The life of it: a new snapshot, what is ours and in use, time passing, effects out. */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

/* A domain or key that is new is looked at after this; what is not used any more goes once an hour. */
#define UPDATE_SOON_US (10 * SECOND_US)
#define UPDATE_US      HOUR_US
#define DECAY_US       DAY_US

/* splitmix64 (S. Vigna, 2015): for times only, which nobody gains by guessing. */
int64_t audit_chance(struct audit *a, int64_t below_us)
{
	uint64_t z = a->chance += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return below_us > 0 ? (int64_t)(z % (uint64_t)below_us) : 0;
}

bool audit_is_on(const struct audit *a)
{
	const struct config_egress *egress = &a->config->egress;
	return egress->audit && (a->address_n > 0 || a->selector_n > 0 || egress->domains.n > 0 ||
					egress->dkim_selectors.n > 0);
}

int64_t audit_interval_us(const struct audit *a)
{
	return a->config->egress.audit_interval_us;
}

struct audit *audit_new(const struct audit_setup *setup, struct now now)
{
	struct audit *a = xcalloc(1, sizeof(*a));
	const struct siphash_key hash_key = {setup->seed[0], setup->seed[1]};
	a->now = now;
	a->chance = setup->seed[0];
	a->address = xcalloc(EGRESS_ADDRESSES_MAX, sizeof(*a->address));
	a->selector = xcalloc(AUDIT_SELECTORS_MAX, sizeof(*a->selector));
	a->parked = xcalloc(UNITS_MAX, sizeof(struct audit_unit *));
	a->volume = audit_volume_new(&hash_key);
	a->decay = mono_after(now.mono, DECAY_US);
	a->changes_end = &a->changes;
	audit_configure(a, setup->config, now);
	return a;
}

void audit_free(struct audit *a)
{
	if (!a)
		return;
	runs_free(a);
	units_free(a);
	audit_changes_free(a);
	audit_volume_free(a->volume);
	free(a->selector);
	free(a->address);
	config_unref(a->config);
	free(a);
}

static void update(struct audit *a)
{
	units_update(a);
	a->wants_update = false;
	a->update = mono_after(a->now.mono, UPDATE_US);
}

void audit_configure(struct audit *a, struct config *config, struct now now)
{
	struct config *old = a->config;
	a->now = now;
	a->config = config_ref(config);
	update(a);
	config_unref(old);
}

static bool address_equal(const struct egress_address *a, const struct egress_address *b)
{
	return ip_equal(&a->ip, &b->ip) && strcmp(a->helo, b->helo) == 0 &&
	       strcmp(a->origin, b->origin) == 0;
}

/* What was found with another HELO name is no longer what is. */
static void address_look_again(struct audit *a, const struct ip *ip)
{
	for (size_t i = 0; i < a->unit_n; i++) {
		struct audit_unit *unit = a->unit[i];
		if (unit->kind <= UNIT_AUTHORITY && ip_equal(&unit->ip, ip)) {
			runs_drop(a, unit);
			unit->is_running = false;
			unit->due = a->now.mono;
		}
	}
}

void audit_addresses(
	struct audit *a, const struct egress_address *address, size_t n, struct now now)
{
	bool is_same;
	a->now = now;
	n = n < EGRESS_ADDRESSES_MAX ? n : EGRESS_ADDRESSES_MAX;
	is_same = n == a->address_n;
	for (size_t i = 0; i < n && is_same; i++)
		is_same = address_equal(&address[i], &a->address[i]);
	if (is_same)
		return;
	for (size_t i = 0; i < n; i++) {
		bool is_other = i >= a->address_n || !address_equal(&address[i], &a->address[i]);
		a->address[i] = address[i];
		if (is_other)
			address_look_again(a, &address[i].ip);
	}
	a->address_n = n;
	a->is_dirty = true;
	update(a);
}

/* ---- what is in use ---- */

static const struct audit_unit *unit_at(const struct audit *a, enum unit_kind kind, char *name)
{
	const struct audit_unit like = {.kind = kind, .name = name};
	size_t low = 0, high = a->unit_n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = unit_compare(&like, a->unit[middle]);
		if (order == 0)
			return a->unit[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static void want_update(struct audit *a)
{
	if (a->wants_update)
		return;
	a->wants_update = true;
	a->update = mono_min(a->update, mono_after(a->now.mono, UPDATE_SOON_US));
}

void audit_domain_seen(struct audit *a, struct span domain, uint32_t recipients, struct now now)
{
	char name[NAME_SIZE];
	a->now = now;
	if (!a->config->egress.audit || recipients == 0 || !name_canonical(domain, name) ||
		!name_is_public(name))
		return;
	audit_volume_add(a->volume, span_of(name), recipients);
	a->is_dirty = true;
	if (!unit_at(a, UNIT_DOMAIN, name))
		want_update(a);
}

static struct seen_selector *selector_place(struct audit *a, const char *name)
{
	struct seen_selector *oldest = a->selector;
	for (size_t i = 0; i < a->selector_n; i++) {
		if (strcmp(a->selector[i].name, name) == 0)
			return &a->selector[i];
		if (a->selector[i].at.us < oldest->at.us)
			oldest = &a->selector[i];
	}
	return a->selector_n < AUDIT_SELECTORS_MAX ? &a->selector[a->selector_n++] : oldest;
}

void audit_selector_seen(struct audit *a, struct span domain, struct span selector, struct now now)
{
	char text[3 * NAME_SIZE], name[NAME_SIZE];
	a->now = now;
	if (!a->config->egress.audit || domain.n == 0 || domain.n >= NAME_SIZE || selector.n == 0 ||
		selector.n >= NAME_SIZE)
		return;
	int n = snprintf(text, sizeof(text), "%.*s._domainkey.%.*s", (int)selector.n, selector.p,
		(int)domain.n, domain.p);
	if (n < 0 || !name_canonical(span_make(text, (size_t)n), name) || !name_is_public(name))
		return;
	struct seen_selector *place = selector_place(a, name);
	place->at = now.mono;
	memcpy(place->name, name, sizeof(name));
	a->is_dirty = true;
	if (!unit_at(a, UNIT_SELECTOR, name))
		want_update(a);
}

const char *audit_organisation(const struct audit *a, struct span domain)
{
	char name[NAME_SIZE];
	const struct audit_unit *unit =
		name_canonical(domain, name) ? unit_at(a, UNIT_DOMAIN, name) : NULL;
	return unit && unit->organisation ? unit->organisation : "";
}

/* ---- the flow ---- */

void audit_tick(struct audit *a, struct now now)
{
	a->now = now;
	runs_tick(a);
	if (is_past(a->decay, now.mono)) {
		a->decay = mono_after(now.mono, DECAY_US);
		volume_decay(a->volume);
		a->is_dirty = true;
	}
	if (is_past(a->update, now.mono))
		update(a);
	findings_age(a);
}

mono_t audit_due(const struct audit *a)
{
	mono_t due = mono_min(runs_due(a), findings_due(a));
	return mono_min(due, mono_min(a->decay, a->update));
}

bool audit_effect(struct audit *a, struct audit_effect *ret)
{
	/* A walk that is over may change something. */
	return audit_change_take(a, ret) || run_ask(a, ret) || audit_change_take(a, ret);
}

void audit_hurry(struct audit *a, struct now now)
{
	a->now = now;
	if (a->wants_update)
		update(a);
	for (size_t i = 0; i < a->unit_n; i++) {
		struct audit_unit *unit = a->unit[i];
		/* A probe is somebody else's work too. */
		if (!is_past(unit->not_before, now.mono))
			continue;
		unit->hurry = HURRY_WANTED;
		if (!unit->is_running)
			unit->due = now.mono;
	}
}

size_t audit_open(const struct audit *a)
{
	size_t n = 0;
	for (size_t i = 0; i < a->unit_n; i++)
		n += a->unit[i]->hurry != HURRY_NO;
	return n;
}
