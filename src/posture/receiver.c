/* SPDX-License-Identifier: ISC */
/*
 * What receivers say of mail from an egress, in points that fade. A receiver's level rises at the thresholds
 * and falls at half of them, so that it does not flap around one.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

static const enum posture levels[] = {POSTURE_WATCH, POSTURE_THROTTLE, POSTURE_HOLD};
#define LEVELS (sizeof(levels) / sizeof(levels[0]))

static double threshold_of(const struct postures *p, enum posture level)
{
	const struct config_posture *config = &p->config->posture;
	if (level == POSTURE_HOLD)
		return config->receiver_hold;
	return level == POSTURE_THROTTLE ? config->receiver_throttle : config->receiver_watch;
}

double receiver_points(const struct postures *p, const struct receiver *receiver, mono_t t)
{
	double half_life_us = (double)p->config->posture.receiver_half_life_us;
	int64_t passed_us = t.us - receiver->at.us;
	if (passed_us <= 0)
		return receiver->points;
	return receiver->points * exp2(-(double)passed_us / half_life_us);
}

/* At half a threshold, and a little more: what receiver_down() works out is past, whatever was rounded. */
#define LEAVES (0.5 * (1 + 1e-9))

/* The highest level of which that share of the threshold is reached. */
static enum posture level_of(const struct postures *p, double points, double share)
{
	enum posture found = POSTURE_OK;
	for (size_t i = 0; i < LEVELS; i++) {
		if (points >= threshold_of(p, levels[i]) * share)
			found = levels[i];
	}
	return found;
}

void receiver_fade(const struct postures *p, struct receiver *receiver, mono_t t)
{
	double points = receiver_points(p, receiver, t);
	enum posture most = level_of(p, points, LEAVES);
	if (most < receiver->level)
		receiver->level = most;
	/* Thresholds may be other ones than when the points came. */
	receiver->level = posture_max(receiver->level, level_of(p, points, 1));
}

/* When the points will be down at so many. */
static mono_t receiver_down(const struct postures *p, const struct receiver *receiver, double to)
{
	double half_life_us = (double)p->config->posture.receiver_half_life_us;
	if (receiver->points <= to)
		return receiver->at;
	double us = half_life_us * log2(receiver->points / to);
	return mono_after(receiver->at, (int64_t)ceil(us));
}

mono_t receiver_next(const struct postures *p, const struct receiver *receiver)
{
	if (receiver->level == POSTURE_OK) {
		return receiver->standing.posture == POSTURE_OK
			       ? receiver_down(p, receiver, POINTS_NONE)
			       : MONO_NEVER;
	}
	return receiver_down(p, receiver, threshold_of(p, receiver->level) / 2);
}

bool receiver_is_idle(const struct postures *p, const struct receiver *receiver, mono_t t)
{
	return receiver->standing.posture == POSTURE_OK && receiver->level == POSTURE_OK &&
	       receiver_points(p, receiver, t) <= 2 * LEAVES * POINTS_NONE;
}

double receiver_capped(const struct postures *p, double points)
{
	double most = POINTS_CEILING * threshold_of(p, POSTURE_HOLD);
	return points < most ? points : most;
}

void receiver_add(struct postures *p, struct receiver *receiver, double weight)
{
	mono_t now = p->now.mono;
	receiver->points = receiver_capped(p, receiver_points(p, receiver, now) + weight);
	receiver->at = receiver->heard = now;
	receiver->level = posture_max(receiver->level, level_of(p, receiver->points, 1));
	p->is_dirty = true;
}

/* ---- which there are ---- */

void receiver_forget(struct postures *p, struct station *station, size_t i)
{
	free(station->receiver[i]);
	station->receiver_n--;
	for (; i < station->receiver_n; i++)
		station->receiver[i] = station->receiver[i + 1];
	p->is_dirty = true;
}

/*
 * The one heard of least recently goes; but not one that has a posture for one that has none: anybody can
 * have a domain, and with 64 of them nobody shall make us forget what a large receiver said.
 */
static size_t receiver_least(const struct station *station)
{
	size_t least = 0;
	for (size_t i = 1; i < station->receiver_n; i++) {
		const struct receiver *a = station->receiver[i], *b = station->receiver[least];
		bool a_calm = a->standing.posture == POSTURE_OK;
		bool b_calm = b->standing.posture == POSTURE_OK;
		if (a_calm != b_calm ? a_calm : a->heard.us < b->heard.us)
			least = i;
	}
	return least;
}

static void receiver_evict(struct postures *p, struct station *station)
{
	size_t i = receiver_least(station);
	struct receiver *receiver = station->receiver[i];
	if (receiver->standing.posture != POSTURE_OK) {
		char text[100];
		int n = snprintf(text, sizeof(text), "%s -> ok: forgotten, others are heard of",
			posture_name(receiver->standing.posture));
		change_add(p, &(struct change_new){.of = {station, receiver},
				      .t = p->now.mono,
				      .text = n > 0 ? text : ""});
		p->has_moved = true;
	}
	receiver_forget(p, station, i);
}

struct receiver *receiver_made(struct postures *p, struct station *station, struct span name)
{
	char clean[PROVIDER_SIZE];
	text_clean(name, clean, sizeof(clean));
	for (size_t i = 0; i < station->receiver_n; i++) {
		if (strcmp(station->receiver[i]->name, clean) == 0)
			return station->receiver[i];
	}
	if (station->receiver_n == POSTURE_PROVIDERS_MAX)
		receiver_evict(p, station);
	struct receiver *receiver = xcalloc(1, sizeof(*receiver));
	(void)span_copy(span_of(clean), receiver->name, sizeof(receiver->name));
	receiver->at = receiver->heard = p->now.mono;
	standing_init(p, &receiver->standing, p->now);
	size_t i = station->receiver_n++;
	for (; i > 0 && strcmp(station->receiver[i - 1]->name, clean) > 0; i--)
		station->receiver[i] = station->receiver[i - 1];
	station->receiver[i] = receiver;
	return receiver;
}

/* ---- all of them ---- */

static size_t receivers_at(const struct station *station, enum posture level)
{
	size_t n = 0;
	for (size_t i = 0; i < station->receiver_n; i++)
		n += station->receiver[i]->level >= level;
	return n;
}

static void receivers_names(
	const struct station *station, enum posture level, char *buf, size_t size)
{
	size_t at = 0;
	for (size_t i = 0; i < station->receiver_n && at < size; i++) {
		if (station->receiver[i]->level < level)
			continue;
		int n = snprintf(
			buf + at, size - at, "%s%s", at ? ", " : "", station->receiver[i]->name);
		at += n > 0 ? (size_t)n : 0;
	}
}

struct demand receivers_demand(const struct station *station, char why[POSTURE_TEXT_SIZE])
{
	struct demand demand = {.why = ""};
	char names[POSTURE_TEXT_SIZE - 40] = "";
	for (size_t i = 0; i < LEVELS; i++) {
		if (receivers_at(station, levels[i]) >= RECEIVERS_ALL)
			demand.level = levels[i];
	}
	demand.known = demand.level;
	if (demand.level == POSTURE_OK)
		return demand;
	receivers_names(station, demand.level, names, sizeof(names));
	int n = snprintf(why, POSTURE_TEXT_SIZE, "%zu receivers complain: %s",
		receivers_at(station, demand.level), names);
	demand.why = n > 0 ? why : "";
	return demand;
}
