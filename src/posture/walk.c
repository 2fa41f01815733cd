/* SPDX-License-Identifier: ISC */
/* Time passes at a station: from each moment at which something is due to the next. */
#include "internal.h"

/*
 * More moments than this at once are left to the next tick: causes that run out, receivers that come down
 * level by level, and their ramps.
 */
#define MOMENTS_MAX 4096

static mono_t receivers_next(const struct postures *p, const struct station *station)
{
	mono_t next = MONO_NEVER;
	for (size_t i = 0; i < station->receiver_n; i++) {
		const struct receiver *receiver = station->receiver[i];
		next = mono_min(next, receiver_next(p, receiver));
		next = mono_min(next, standing_next(p, &receiver->standing, false));
	}
	return next;
}

static mono_t station_next(const struct postures *p, const struct station *station)
{
	bool is_set = station->person.is_set;
	mono_t next = mono_min(causes_next(p, station), receivers_next(p, station));
	next = mono_min(next, standing_next(p, &station->whole, is_set));
	return is_set ? mono_min(next, station->person.end) : next;
}

static void receivers_judge(struct postures *p, struct station *station, mono_t t)
{
	for (size_t i = station->receiver_n; i-- > 0;) {
		struct receiver *receiver = station->receiver[i];
		receiver_fade(p, receiver, t);
		struct demand demand = {
			.level = receiver->level, .known = receiver->level, .why = receiver->why};
		standing_judge(p, (struct standing_of){station, receiver}, &demand, t);
		if (receiver_is_idle(p, receiver, t))
			receiver_forget(p, station, i);
	}
}

struct demand station_demand(
	const struct postures *p, const struct station *station, char why[POSTURE_TEXT_SIZE])
{
	struct demand demand = causes_demand(p, station);
	struct demand receivers = receivers_demand(station, why);
	demand.known = posture_max(demand.known, receivers.known);
	if (receivers.level > demand.level) {
		demand.level = receivers.level;
		demand.why = receivers.why;
	}
	return demand;
}

static void station_moment(struct postures *p, struct station *station, mono_t t)
{
	char why[POSTURE_TEXT_SIZE];
	const struct cause *over = causes_expire(p, station, t);
	if (person_is_over(&station->person, t))
		person_drop(p, station, t, "the time for which it was set is over");
	receivers_judge(p, station, t);
	struct demand demand = station_demand(p, station, why);
	demand.over = over;
	standing_judge(p, (struct standing_of){.station = station}, &demand, t);
}

/* What comes now comes after all that was due, whatever the configuration says of times before. */
static void walked_until(struct station *station, mono_t t)
{
	if (station->walked.us < t.us)
		station->walked = t;
}

static void due_update(const struct postures *p, struct station *station)
{
	station->due = station_next(p, station);
	if (station->away.us != MONO_NEVER.us)
		station->due = mono_min(station->due, mono_after(station->away, AWAY_MAX_US));
}

void station_walk(struct postures *p, struct station *station)
{
	for (unsigned i = 0; i < MOMENTS_MAX; i++) {
		mono_t t = station_next(p, station);
		if (t.us > p->now.mono.us)
			break;
		walked_until(station, t);
		station_moment(p, station, station->walked);
	}
	walked_until(station, p->now.mono);
	due_update(p, station);
}

void station_judge(struct postures *p, struct station *station)
{
	walked_until(station, p->now.mono);
	station_moment(p, station, station->walked);
	due_update(p, station);
}
