/* SPDX-License-Identifier: ISC */
/*
 * What outlived the process, from bytes (state.h). The file may be damaged or of another version: what
 * cannot be is passed over, record by record.
 */
#include <errno.h>
#include <stdlib.h>

#include "policyd/mem.h"
#include "state.h"

/* No time that is saved is further back. */
#define AGO_MAX_US (3650 * DAY_US)

struct loading {
	struct postures *p;
	int64_t passed_us; /* since it was saved */
};

/* What was in the future then cannot be. */
static mono_t load_time(const struct loading *load, struct reader *in)
{
	int64_t ago_us = reader_signed(in);
	if (ago_us < 0)
		ago_us = 0;
	if (ago_us > AGO_MAX_US)
		ago_us = AGO_MAX_US;
	return mono_after(load->p->now.mono, -ago_us - load->passed_us);
}

/* A clock that was set back has no future behind it. */
static wall_t load_wall(const struct loading *load, struct reader *in)
{
	int64_t us = reader_signed(in);
	wall_t now = load->p->now.wall;
	if (us < 0)
		us = 0;
	return (wall_t){.us = us < now.us ? us : now.us};
}

static void spoil(struct reader *in)
{
	in->is_bad = true;
	in->n = 0;
}

/* A number that must be below most; what is not spoils the record. */
static unsigned load_small(struct reader *in, unsigned below)
{
	uint64_t number = reader_number(in);
	if (number < below)
		return (unsigned)number;
	spoil(in);
	return 0;
}

static void load_text(struct reader *in, char *buf, size_t size)
{
	text_clean(reader_span(in), buf, size);
}

static void load_standing(const struct loading *load, struct reader *in, struct standing *ret)
{
	unsigned flags = load_small(in, 2 * STATE_IS_CALM);
	ret->posture = (enum posture)load_small(in, POSTURE_COUNT);
	ret->step = load_small(in, RAMP_MAX);
	ret->share = load_small(in, 100 + 1);
	ret->begun = load_time(load, in);
	ret->since = load_wall(load, in);
	ret->calm = load_time(load, in);
	ret->generation = reader_number(in);
	load_text(in, ret->why, sizeof(ret->why));
	if (!(flags & STATE_IS_CALM))
		ret->calm = MONO_NEVER;
	if (ret->posture != POSTURE_RECOVER)
		ret->share = 100;
	if (ret->generation == 0)
		spoil(in);
}

/* ---- a station ---- */

/* It takes the place of one that is there. NULL: there is none to take. */
static struct station *load_whole(const struct loading *load, struct reader *in)
{
	struct postures *p = load->p;
	struct span bytes = reader_span(in);
	struct ip ip;
	unsigned flags = load_small(in, 2 * STATE_IS_AWAY);
	mono_t away = load_time(load, in);
	struct standing whole = {0};
	load_standing(load, in, &whole);
	if (in->is_bad || bytes.n != sizeof(ip.byte))
		return NULL;
	memcpy(ip.byte, bytes.p, sizeof(ip.byte));
	for (size_t i = 0; i < p->station_n; i++) {
		if (ip_equal(&p->station[i]->ip, &ip))
			station_forget(p, i);
	}
	struct station *station = station_made(p, &ip);
	if (!station)
		return NULL;
	station->whole = whole;
	if (flags & STATE_IS_AWAY) {
		station->away = away;
		station_last(p, station);
	}
	station->walked = mono_after(p->now.mono, -load->passed_us);
	return station;
}

static void load_person(const struct loading *load, struct station *station, struct reader *in)
{
	struct person person = {.is_set = true, .until.us = reader_signed(in)};
	person.end = person_end(person.until, load->p->now);
	text_cut(reader_span(in), person.author, sizeof(person.author));
	text_cut(reader_span(in), person.reason, sizeof(person.reason));
	if (!in->is_bad && person.until.us >= 0)
		station->person = person;
}

static void load_cause(const struct loading *load, struct station *station, struct reader *in)
{
	struct cause cause = {0};
	unsigned flags = load_small(in, 2 * STATE_IS_OVER);
	cause.severity = (uint8_t)load_small(in, SEVERITY_MAX + 1);
	cause.unknown_since = load_time(load, in);
	(void)span_copy(reader_span(in), cause.id, sizeof(cause.id));
	load_text(in, cause.why, sizeof(cause.why));
	cause.is_unknown = flags & STATE_IS_UNKNOWN;
	cause.is_over = cause.is_unknown && flags & STATE_IS_OVER;
	if (in->is_bad || station->cause_n == POSTURE_INPUTS_MAX)
		return;
	station->cause = xrealloc(station->cause, station->cause_n + 1, sizeof(cause));
	station->cause[station->cause_n++] = cause;
}

static void load_receiver(const struct loading *load, struct station *station, struct reader *in)
{
	static const enum posture asked[POSTURE_COUNT] = {
		POSTURE_OK, POSTURE_WATCH, POSTURE_WATCH, POSTURE_THROTTLE, POSTURE_HOLD};
	struct postures *p = load->p;
	struct receiver loaded = {0};
	struct span name = reader_span(in);
	uint64_t points = reader_number(in);
	loaded.at = load_time(load, in);
	loaded.heard = load_time(load, in);
	loaded.level = asked[load_small(in, POSTURE_COUNT)];
	load_text(in, loaded.why, sizeof(loaded.why));
	load_standing(load, in, &loaded.standing);
	if (in->is_bad || name.n == 0 || station->receiver_n == POSTURE_PROVIDERS_MAX)
		return;
	memcpy(&loaded.points, &points, sizeof(points));
	/* Not a number is not more than zero either. */
	loaded.points = loaded.points > 0 ? receiver_capped(p, loaded.points) : 0;
	struct receiver *receiver = receiver_made(p, station, name);
	memcpy(loaded.name, receiver->name, sizeof(loaded.name));
	*receiver = loaded;
}

static void load_station(const struct loading *load, struct reader in)
{
	struct station *station = NULL;
	struct reader record;
	unsigned type;
	while (reader_record(&in, &type, &record)) {
		if (type == STATE_WHOLE && !station)
			station = load_whole(load, &record);
		else if (station && type == STATE_PERSON)
			load_person(load, station, &record);
		else if (station && type == STATE_CAUSE)
			load_cause(load, station, &record);
		else if (station && type == STATE_RECEIVER)
			load_receiver(load, station, &record);
	}
	if (!station)
		return;
	/* What cannot be together, and what thresholds of today make of it, is set right at once. */
	station_walk(load->p, station);
	station_judge(load->p, station);
	station_walk(load->p, station);
}

/* ---- all ---- */

static bool load_header(struct loading *load, struct reader *in)
{
	uint64_t format = reader_number(in);
	int64_t then_us = reader_signed(in);
	if (in->is_bad || format != STATE_FORMAT || then_us < 0)
		return false;
	load->passed_us = load->p->now.wall.us - then_us;
	if (load->passed_us < 0)
		load->passed_us = 0;
	if (load->passed_us > AGO_MAX_US)
		load->passed_us = AGO_MAX_US;
	return true;
}

int postures_load(struct postures *p, struct span saved, struct now now)
{
	struct loading load = {.p = p};
	struct reader in = reader_of(saved), all, record;
	unsigned type;
	p->now = now;
	if (!reader_record(&in, &type, &all) || type != STATE_ALL || !reader_is_whole(all))
		return -EBADMSG;
	/* The header is the first record. */
	if (!reader_record(&all, &type, &record) || type != STATE_HEADER ||
		!load_header(&load, &record))
		return -EBADMSG;
	while (reader_record(&all, &type, &record)) {
		if (type == STATE_STATION)
			load_station(&load, record);
	}
	p->has_moved = true;
	return 0;
}
