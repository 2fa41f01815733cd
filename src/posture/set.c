/* SPDX-License-Identifier: ISC */
/* What a person sets wins over all else, until it is given up or its time is over. */
#include <stdio.h>

#include "internal.h"

bool person_is_over(const struct person *person, mono_t t)
{
	return person->is_set && person->end.us <= t.us;
}

/* Setting the wall clock later neither ends nor prolongs it. */
mono_t person_end(wall_t until, struct now now)
{
	if (until.us == WALL_NEVER.us)
		return MONO_NEVER;
	/* It may have been over while nobody ran. */
	int64_t left_us = until.us - now.wall.us;
	if (left_us > 0 && now.mono.us > INT64_MAX - left_us)
		return MONO_NEVER;
	return mono_after(now.mono, left_us);
}

/* Where it stands now was asked for until now. */
void person_drop(struct postures *p, struct station *station, mono_t t, const char *how)
{
	char text[100];
	int n = snprintf(text, sizeof(text), "%s: %s", posture_name(station->whole.posture), how);
	station->person = (struct person){0};
	p->is_dirty = p->has_moved = true;
	change_add(p, &(struct change_new){
			      .of = {.station = station}, .t = t, .text = n > 0 ? text : ""});
}

static void set_told(struct postures *p, struct station *station, enum posture before)
{
	const struct person *person = &station->person;
	enum posture posture = station->whole.posture;
	char text[EVENT_REASON_MAX + 60];
	int n = snprintf(text, sizeof(text), "%s%s%s: set: %s",
		before != posture ? posture_name(before) : "", before != posture ? " -> " : "",
		posture_name(posture), person->reason);
	change_add(p, &(struct change_new){.of = {.station = station},
			      .t = p->now.mono,
			      .author = person->author,
			      .until = person->until,
			      .text = n > 0 ? text : ""});
}

void postures_set(struct postures *p, const struct ip *egress, const struct posture_order *order,
	struct now now)
{
	p->now = now;
	struct station *station = station_made(p, egress);
	if (!station || order->posture >= POSTURE_COUNT)
		return;
	station_walk(p, station);
	struct person *person = &station->person;
	enum posture before = station->whole.posture;
	*person = (struct person){
		.is_set = true, .until = order->until, .end = person_end(order->until, now)};
	text_cut(order->author, person->author, sizeof(person->author));
	text_cut(order->reason, person->reason, sizeof(person->reason));
	if (before != order->posture)
		standing_move(p, &station->whole, order->posture, now.mono);
	p->is_dirty = p->has_moved = true;
	set_told(p, station, before);
	station_judge(p, station);
}

void postures_unset(struct postures *p, const struct ip *egress, struct now now)
{
	p->now = now;
	struct station *station = station_find(p, egress);
	if (!station)
		return;
	station_walk(p, station);
	if (station->person.is_set)
		person_drop(p, station, now.mono, "not set any more");
	station_judge(p, station);
}
