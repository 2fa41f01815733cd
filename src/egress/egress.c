/* SPDX-License-Identifier: ISC */
/* The life of it: a new snapshot, addresses that were found, time passing, effects out. */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

/* splitmix64 (S. Vigna, 2015): for times only, which nobody gains by guessing. */
int64_t egress_chance(struct egress *e, int64_t below_us)
{
	uint64_t z = e->chance += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return below_us > 0 ? (int64_t)(z % (uint64_t)below_us) : 0;
}

struct egress *egress_new(const struct egress_setup *setup, struct now now)
{
	struct egress *e = xcalloc(1, sizeof(*e));
	const struct siphash_key hash_key = {setup->seed[0], setup->seed[1]};
	e->now = now;
	e->chance = setup->seed[0];
	e->found = xcalloc(EGRESS_ADDRESSES_MAX, sizeof(*e->found));
	e->clients = clients_new(&hash_key);
	e->client_at = now.mono;
	e->changes_end = &e->changes;
	for (size_t q = 0; q < 2; q++)
		e->queue_end[q] = &e->queue[q];
	egress_configure(e, setup->config, now);
	return e;
}

void egress_free(struct egress *e)
{
	if (!e)
		return;
	checks_free(e);
	egress_lists_free(e);
	flights_free(e);
	own_addresses_free(e);
	subjects_unref(e->subjects);
	table_free(e->clients);
	changes_free(e);
	free(e->found);
	config_unref(e->config);
	free(e);
}

void egress_configure(struct egress *e, struct config *config, struct now now)
{
	struct config *old = e->config;
	e->now = now;
	e->config = config_ref(config);
	egress_lists_update(e, config);
	own_addresses_update(e);
	subjects_update(e, true);
	config_unref(old);
}

void egress_addresses_found(struct egress *e, const struct egress_address *found, size_t n,
	const char *note, struct now now)
{
	e->now = now;
	e->found_n = n < EGRESS_ADDRESSES_MAX ? n : EGRESS_ADDRESSES_MAX;
	for (size_t i = 0; i < e->found_n; i++)
		e->found[i] = found[i];
	(void)span_copy(span_of(note), e->note, sizeof(e->note));
	e->is_dirty = true;
	own_addresses_update(e);
	subjects_update(e, false);
}

const struct egress_address *egress_address_at(const struct egress *e, size_t i)
{
	return i < e->own_n ? &e->own[i].address : NULL;
}

const char *egress_addresses_note(const struct egress *e)
{
	return e->note;
}

void egress_tick(struct egress *e, struct now now)
{
	e->now = now;
	flights_tick(e);
	checks_tick(e);
	for (size_t i = 0; i < e->list_n; i++)
		list_tick(e, &e->list[i]);
}

mono_t egress_due(const struct egress *e)
{
	mono_t due = mono_min(flights_due(e), checks_due(e));
	for (size_t i = 0; i < e->list_n; i++)
		due = mono_min(due, list_due(&e->list[i]));
	/* Without room they wait for an answer, not for a time. */
	if (flight_has_room(e))
		due = mono_min(due, mono_min(ptr_due(e), clients_due(e)));
	return due;
}

static bool ask(struct egress *e, struct egress_effect *ret)
{
	return flight_has_room(e) &&
	       (look_ask(e, ret) || text_ask(e, ret) || ptr_ask(e, ret) || client_ask(e, ret));
}

bool egress_effect(struct egress *e, struct egress_effect *ret)
{
	/* A question that cannot be put is answered at once, and may change something. */
	return change_take(e, ret) || ask(e, ret) || change_take(e, ret);
}
