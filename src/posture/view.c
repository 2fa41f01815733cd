/* SPDX-License-Identifier: ISC */
/* How it stands, for the engine and for people. */
#include <stdio.h>

#include "internal.h"

static wall_t wall_or_none(const struct postures *p, mono_t t)
{
	wall_t none = {0};
	return t.us == MONO_NEVER.us ? none : wall_at(p, t);
}

static void why_text(const struct station *station, const struct standing *standing,
	const struct demand *demand, char buf[POSTURE_TEXT_SIZE])
{
	bool is_whole = standing == &station->whole;
	bool is_asked = demand->level >= floor_of(standing->posture);
	int n = 0;
	buf[0] = '\0';
	if (is_whole && station->person.is_set)
		n = snprintf(buf, POSTURE_TEXT_SIZE, "set by %s: %.*s", station->person.author,
			POSTURE_TEXT_SIZE / 2, station->person.reason);
	else if (standing->posture == POSTURE_RECOVER && is_asked)
		n = snprintf(
			buf, POSTURE_TEXT_SIZE, "%.80s; still: %.160s", standing->why, demand->why);
	else if (standing->posture != POSTURE_OK)
		n = snprintf(buf, POSTURE_TEXT_SIZE, "%s", is_asked ? demand->why : standing->why);
	if (n < 0)
		buf[0] = '\0';
}

static struct posture_view view_of(const struct station *station, const struct standing *standing)
{
	return (struct posture_view){
		.egress = station->ip,
		.posture = standing->posture,
		.share = standing->share,
		.since = standing->since,
		.generation = standing->generation,
	};
}

static void view_whole(
	const struct postures *p, const struct station *station, struct posture_view *ret)
{
	const struct standing *whole = &station->whole;
	char why[POSTURE_TEXT_SIZE];
	struct demand demand = station_demand(p, station, why);
	enum posture floor = floor_of(whole->posture);
	bool is_set = station->person.is_set;
	mono_t next = standing_next(p, whole, is_set);
	*ret = view_of(station, whole);
	ret->is_set = is_set;
	ret->is_unknown = !is_set && whole->posture != POSTURE_OK && demand.known < floor &&
			  demand.level >= floor;
	if (is_set)
		next = mono_min(next, station->person.end);
	if (ret->is_unknown)
		next = mono_min(next, causes_next(p, station));
	ret->next = wall_or_none(p, next);
	why_text(station, whole, &demand, ret->why);
}

static void view_receiver(const struct postures *p, const struct station *station,
	const struct receiver *receiver, mono_t now, struct posture_view *ret)
{
	const struct demand demand = {.level = receiver->level, .why = receiver->why};
	*ret = view_of(station, &receiver->standing);
	(void)span_copy(span_of(receiver->name), ret->provider, sizeof(ret->provider));
	ret->points = receiver_points(p, receiver, now);
	ret->next = wall_or_none(p, standing_next(p, &receiver->standing, false));
	why_text(station, &receiver->standing, &demand, ret->why);
}

bool postures_at(const struct postures *p, size_t i, struct now now, struct posture_view *ret)
{
	for (size_t s = 0; s < p->station_n; s++) {
		const struct station *station = p->station[s];
		if (station->away.us != MONO_NEVER.us)
			continue;
		if (i-- == 0) {
			view_whole(p, station, ret);
			return true;
		}
		for (size_t r = 0; r < station->receiver_n; r++) {
			const struct receiver *receiver = station->receiver[r];
			if (receiver->standing.posture == POSTURE_OK || i-- > 0)
				continue;
			view_receiver(p, station, receiver, now.mono, ret);
			return true;
		}
	}
	return false;
}

bool postures_get(
	const struct postures *p, const struct ip *egress, struct now now, struct posture_view *ret)
{
	const struct station *station = station_find(p, egress);
	(void)now;
	if (!station || station->away.us != MONO_NEVER.us)
		return false;
	view_whole(p, station, ret);
	return true;
}
