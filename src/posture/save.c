/* SPDX-License-Identifier: ISC */
/* What outlives the process, as bytes (state.h). */
#include "state.h"

static void save_ago(struct bytes *out, mono_t t, mono_t now)
{
	bytes_signed(out, now.us - t.us);
}

static void save_standing(struct bytes *out, const struct standing *standing, mono_t now)
{
	bool is_calm = standing->calm.us != MONO_NEVER.us;
	bytes_number(out, is_calm ? STATE_IS_CALM : 0);
	bytes_number(out, standing->posture);
	bytes_number(out, standing->step);
	bytes_number(out, standing->share);
	save_ago(out, standing->begun, now);
	bytes_signed(out, standing->since.us);
	save_ago(out, is_calm ? standing->calm : now, now);
	bytes_number(out, standing->generation);
	bytes_span(out, span_of(standing->why));
}

static void save_whole(struct bytes *out, const struct station *station, mono_t now)
{
	bool is_away = station->away.us != MONO_NEVER.us;
	size_t mark = bytes_begin(out, STATE_WHOLE);
	bytes_span(out, span_make((const char *)station->ip.byte, sizeof(station->ip.byte)));
	bytes_number(out, is_away ? STATE_IS_AWAY : 0);
	save_ago(out, is_away ? station->away : now, now);
	save_standing(out, &station->whole, now);
	bytes_end(out, mark);
}

static void save_person(struct bytes *out, const struct person *person)
{
	size_t mark = bytes_begin(out, STATE_PERSON);
	bytes_signed(out, person->until.us);
	bytes_span(out, span_of(person->author));
	bytes_span(out, span_of(person->reason));
	bytes_end(out, mark);
}

static void save_cause(struct bytes *out, const struct cause *cause, mono_t now)
{
	size_t mark = bytes_begin(out, STATE_CAUSE);
	unsigned flags = cause->is_unknown ? STATE_IS_UNKNOWN : 0;
	flags |= cause->is_over ? STATE_IS_OVER : 0;
	bytes_number(out, flags);
	bytes_number(out, cause->severity);
	save_ago(out, cause->is_unknown ? cause->unknown_since : now, now);
	bytes_span(out, span_of(cause->id));
	bytes_span(out, span_of(cause->why));
	bytes_end(out, mark);
}

static void save_receiver(struct bytes *out, const struct receiver *receiver, mono_t now)
{
	size_t mark = bytes_begin(out, STATE_RECEIVER);
	uint64_t points;
	bytes_span(out, span_of(receiver->name));
	memcpy(&points, &receiver->points, sizeof(points));
	bytes_number(out, points);
	save_ago(out, receiver->at, now);
	save_ago(out, receiver->heard, now);
	bytes_number(out, receiver->level);
	bytes_span(out, span_of(receiver->why));
	save_standing(out, &receiver->standing, now);
	bytes_end(out, mark);
}

static void save_station(struct bytes *out, const struct station *station, mono_t now)
{
	size_t outer = bytes_begin(out, STATE_STATION);
	save_whole(out, station, now);
	if (station->person.is_set)
		save_person(out, &station->person);
	for (size_t i = 0; i < station->cause_n; i++)
		save_cause(out, &station->cause[i], now);
	for (size_t i = 0; i < station->receiver_n; i++)
		save_receiver(out, station->receiver[i], now);
	bytes_end(out, outer);
}

void postures_save(struct postures *p, struct bytes *out, struct now now)
{
	postures_tick(p, now);
	size_t all = bytes_begin(out, STATE_ALL);
	size_t mark = bytes_begin(out, STATE_HEADER);
	bytes_number(out, STATE_FORMAT);
	bytes_signed(out, now.wall.us);
	bytes_end(out, mark);
	for (size_t i = 0; i < p->station_n; i++)
		save_station(out, p->station[i], now.mono);
	bytes_end(out, all);
	p->is_dirty = false;
}
