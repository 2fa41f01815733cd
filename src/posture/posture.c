/* SPDX-License-Identifier: ISC */
/* The life of it: a new snapshot, what speaks of an egress, time passing. */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"
#include "policyd/siphash.h"

static const unsigned ramp_preset[] = {10, 25, 50, 100};

/* As it was checked when it was read; nothing that is not rising gets in. */
static void ramp_read(struct postures *p)
{
	const struct config_strings *ramp = &p->config->posture.ramp;
	p->ramp_n = 0;
	for (size_t i = 0; i < ramp->n && p->ramp_n < RAMP_MAX; i++) {
		struct span text = span_of(ramp->text[i]);
		uint64_t share;
		if (text.n < 2 || span_to_u64(span_make(text.p, text.n - 1), &share) != 0)
			continue;
		if (share > 0 && share <= 100)
			p->ramp[p->ramp_n++] = (unsigned)share;
	}
	if (p->ramp_n > 0)
		return;
	p->ramp_n = sizeof(ramp_preset) / sizeof(ramp_preset[0]);
	for (size_t i = 0; i < p->ramp_n; i++)
		p->ramp[i] = ramp_preset[i];
}

/*
 * Where generations begin: somewhere else in each process, so that one of ours is none that was there
 * before, even if it was not saved.
 */
static uint64_t generation_first(struct now now)
{
	static const struct siphash_key key = {UINT64_C(0x706f737475726573), 0};
	return siphash24(&key, span_make((const char *)&now, sizeof(now)));
}

struct postures *postures_new(struct config *config, struct now now)
{
	struct postures *p = xcalloc(1, sizeof(*p));
	p->config = config_ref(config);
	p->change_end = &p->change;
	p->now = now;
	p->generation = generation_first(now);
	ramp_read(p);
	return p;
}

void postures_free(struct postures *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->station_n; i++)
		station_free(p->station[i]);
	posture_changes_free(p);
	config_unref(p->config);
	free(p);
}

/* Until now points faded by the old half-life. */
static void points_settle(struct postures *p, struct station *station)
{
	for (size_t i = 0; i < station->receiver_n; i++) {
		struct receiver *receiver = station->receiver[i];
		receiver->points = receiver_points(p, receiver, p->now.mono);
		receiver->at = p->now.mono;
	}
}

static void points_cap(const struct postures *p, struct station *station)
{
	for (size_t i = 0; i < station->receiver_n; i++)
		station->receiver[i]->points = receiver_capped(p, station->receiver[i]->points);
}

void postures_configure(struct postures *p, struct config *config, struct now now)
{
	struct config *old = p->config;
	postures_tick(p, now);
	for (size_t i = 0; i < p->station_n; i++) {
		points_settle(p, p->station[i]);
		p->station[i]->due = now.mono;
	}
	p->config = config_ref(config);
	config_unref(old);
	ramp_read(p);
	for (size_t i = 0; i < p->station_n; i++)
		points_cap(p, p->station[i]);
}

void postures_inputs(struct postures *p, const struct ip *egress, const struct posture_input *input,
	size_t n, struct now now)
{
	p->now = now;
	struct station *station = station_made(p, egress);
	if (!station)
		return;
	station_walk(p, station);
	causes_take(p, station, input, n);
	station_judge(p, station);
}

static void receiver_say(struct receiver *receiver, const struct receiver_signal *signal)
{
	char kind[32];
	size_t at;
	text_clean(signal->kind, kind, sizeof(kind));
	at = span_copy(span_of(kind), receiver->why, sizeof(receiver->why));
	if (signal->text.n == 0)
		return;
	at += span_copy(SPAN(": "), receiver->why + at, sizeof(receiver->why) - at);
	text_clean(signal->text, receiver->why + at, sizeof(receiver->why) - at);
}

void postures_signal(struct postures *p, const struct receiver_signal *signal, struct now now)
{
	p->now = now;
	/* Not a number is not more than zero either. */
	if (!(signal->weight > 0) || signal->provider.n == 0)
		return;
	struct station *station = station_made(p, &signal->egress);
	if (!station)
		return;
	station_walk(p, station);
	struct receiver *receiver = receiver_made(p, station, signal->provider);
	receiver_add(p, receiver, signal->weight);
	receiver_say(receiver, signal);
	station_judge(p, station);
}

void postures_tick(struct postures *p, struct now now)
{
	p->now = now;
	for (size_t i = p->station_n; i-- > 0;) {
		struct station *station = p->station[i];
		if (station->due.us > now.mono.us)
			continue;
		station_walk(p, station);
		if (station->away.us != MONO_NEVER.us &&
			now.mono.us - station->away.us >= AWAY_MAX_US)
			station_forget(p, i);
		else
			station_judge(p, station);
	}
}

mono_t postures_due(const struct postures *p)
{
	mono_t due = MONO_NEVER;
	for (size_t i = 0; i < p->station_n; i++)
		due = mono_min(due, p->station[i]->due);
	return due;
}

bool postures_moved(struct postures *p)
{
	bool has_moved = p->has_moved;
	p->has_moved = false;
	return has_moved;
}

bool postures_is_dirty(const struct postures *p)
{
	return p->is_dirty;
}

uint64_t postures_dropped(const struct postures *p)
{
	return p->dropped;
}
