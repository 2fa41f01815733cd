/* SPDX-License-Identifier: ISC */
/* Questions that are open: a few, each answered once. */
#include "internal.h"

/* A resolver gives up long before; this is for one that forgot. */
#define FLIGHT_MAX_US (15 * MINUTE_US)

bool flight_has_room(const struct egress *e)
{
	return e->in_flight < EGRESS_IN_FLIGHT_MAX;
}

struct flight *flight_new(struct egress *e, enum flight_kind kind, struct egress_effect *ret)
{
	size_t at = 0;
	while (e->flight[at].kind != FLIGHT_FREE)
		at++;
	struct flight *flight = &e->flight[at];
	*flight = (struct flight){
		.kind = kind,
		.id = ++e->serial * EGRESS_IN_FLIGHT_MAX + at,
		.until = mono_after(e->now.mono, FLIGHT_MAX_US),
	};
	e->in_flight++;
	e->asked++;
	*ret = (struct egress_effect){.kind = EGRESS_ASK, .ask = flight->id};
	return flight;
}

static void answered(struct egress *e, struct flight *place, const struct dns_answer *answer)
{
	/* The place is free first: what follows may need one. */
	struct flight flight = *place;
	*place = (struct flight){.kind = FLIGHT_FREE};
	e->in_flight--;
	switch (flight.kind) {
	case FLIGHT_LOOK:
		look_answered(e, flight.look, flight.item, answer);
		break;
	case FLIGHT_TEXT:
		text_answered(e, &flight, answer);
		subjects_unref(flight.text.subjects);
		config_unref(flight.text.config);
		break;
	case FLIGHT_PTR:
		ptr_answered(e, &flight.ip, answer);
		break;
	case FLIGHT_CLIENT:
		client_answered(e, &flight, answer);
		break;
	case FLIGHT_GONE:
	case FLIGHT_FREE:
		break;
	}
}

static bool is_failure(const struct dns_answer *answer)
{
	return !answer || answer->result > DNS_NXDOMAIN;
}

void egress_answered(
	struct egress *e, egress_ask ask, const struct dns_answer *answer, struct now now)
{
	struct flight *flight = &e->flight[ask % EGRESS_IN_FLIGHT_MAX];
	if (flight->kind == FLIGHT_FREE || flight->id != ask)
		return;
	e->now = now;
	e->answered++;
	e->failed += is_failure(answer);
	if (answer && answer->server.port)
		e->server = answer->server;
	answered(e, flight, answer);
}

void flights_tick(struct egress *e)
{
	const struct dns_answer silence = {.result = DNS_TIMEOUT, .fetched = e->now.mono};
	for (size_t i = 0; i < EGRESS_IN_FLIGHT_MAX; i++) {
		struct flight *flight = &e->flight[i];
		if (flight->kind == FLIGHT_FREE || !is_past(flight->until, e->now.mono))
			continue;
		e->failed++;
		answered(e, flight, &silence);
	}
}

mono_t flights_due(const struct egress *e)
{
	mono_t due = MONO_NEVER;
	for (size_t i = 0; i < EGRESS_IN_FLIGHT_MAX; i++) {
		if (e->flight[i].kind != FLIGHT_FREE)
			due = mono_min(due, e->flight[i].until);
	}
	return due;
}

void flights_drop_look(struct egress *e, const struct look *look)
{
	for (size_t i = 0; i < EGRESS_IN_FLIGHT_MAX; i++) {
		if (e->flight[i].kind == FLIGHT_LOOK && e->flight[i].look == look)
			e->flight[i].kind = FLIGHT_GONE;
	}
}

void flights_drop_clients(struct egress *e)
{
	for (size_t i = 0; i < EGRESS_IN_FLIGHT_MAX; i++) {
		if (e->flight[i].kind == FLIGHT_CLIENT)
			e->flight[i].kind = FLIGHT_GONE;
	}
}

void flights_free(struct egress *e)
{
	for (size_t i = 0; i < EGRESS_IN_FLIGHT_MAX; i++) {
		if (e->flight[i].kind != FLIGHT_TEXT)
			continue;
		subjects_unref(e->flight[i].text.subjects);
		config_unref(e->flight[i].text.config);
	}
}
