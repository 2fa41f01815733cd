/* SPDX-License-Identifier: ISC */
/*
 * Points against an account: of each row that found something, as of a second, decaying from then on.
 * What the configuration says of rows is applied when they are summed, so that a reload counts at once.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "judging.h"
#include "policyd/mem.h"

#define HOUR_S 3600.0
/* Half of it is gone after so long. */
#define SURPRISE_HALF_LIFE_S (6 * HOUR_S)
#define STRANGE_HALF_LIFE_S  (3 * HOUR_S)
/* Less is nothing. */
#define POINTS_MIN 0.05

/* What one cause can bring, and which side of a suspension it speaks for. */
static const struct family {
	double cap, what, who;
} families[FAMILY_COUNT] = {
	[FAMILY_RECIPIENT] = {85, 1, 0},
	[FAMILY_VOLUME] = {16, 0, 0},
	/* Alone it never slows anybody. */
	[FAMILY_PLACE] = {36, 0, 1},
	[FAMILY_IDENTITY] = {40, 0, 1},
	[FAMILY_STRANGER] = {75, .5, .5},
	[FAMILY_CAMPAIGN] = {70, 0, 1},
	/* One witness is not enough, two are. */
	[FAMILY_FEEDBACK] = {160, .4, .4},
};

/* ---- the part ---- */

size_t score_bytes(const struct score *score)
{
	return score ? sizeof(*score) + score->size * sizeof(struct points) : 0;
}

static struct score *score_new(struct signals *s)
{
	struct score *score = xcalloc(1, sizeof(*score));
	score->signals = s;
	s->scored++;
	s->at_step[STEP_NONE]++;
	s->bytes += score_bytes(score);
	return score;
}

struct score *score_make(struct signals *s, struct account *account)
{
	if (!account->part[PART_SCORE])
		account->part[PART_SCORE] = score_new(s);
	return score_of(account);
}

void score_free(void *part)
{
	struct score *score = part;
	struct signals *s = score->signals;
	s->scored--;
	s->at_step[score->track[WALK_REAL].step]--;
	s->bytes -= score_bytes(score);
	free(score->points);
	free(score);
}

/* A reload may have taken it away. */
unsigned class_of_score(const struct signals *s, const struct score *score)
{
	for (unsigned i = 0; score && i < s->config->classes_n; i++) {
		if (s->class_id[i] == score->class)
			return i;
	}
	return s->config->class_default;
}

/* ---- points ---- */

double points_at(const struct points *points, second_t at)
{
	const struct signal_row *row = &signal_rows[points->signal];
	if (at <= points->at)
		return (double)points->points;
	double gone_s = at - points->at;
	return (double)points->points * exp2(-gone_s * SECOND_US / (double)row->half_life_us);
}

const struct points *score_points(const struct score *score, enum signal signal)
{
	for (unsigned i = 0; score && i < score->n; i++) {
		if (score->points[i].signal == signal)
			return &score->points[i];
	}
	return NULL;
}

/* These count until there is enough to speak of. */
bool signal_counts(enum signal signal)
{
	return signal == SIGNAL_BOUNCES || signal == SIGNAL_REJECTED;
}

double points_count(const struct points *points, second_t at)
{
	const struct signal_row *row = &signal_rows[points->signal];
	double gone_s = at > points->at ? at - points->at : 0;
	return (double)points->n * exp2(-gone_s * SECOND_US / (double)row->half_life_us);
}

/* It says something, or may yet. */
static bool points_matter(const struct points *points, second_t at)
{
	const double count_min = 0.5;
	return points_at(points, at) >= POINTS_MIN ||
	       (signal_counts((enum signal)points->signal) &&
		       points_count(points, at) >= count_min);
}

static float faded(float value, double gone_s, double half_life_s)
{
	return (float)((double)value * exp2(-gone_s / half_life_s));
}

void score_fade(struct score *score, second_t now)
{
	unsigned n = 0;
	if (now > score->at) {
		double gone_s = now - score->at;
		score->surprise = faded(score->surprise, gone_s, SURPRISE_HALF_LIFE_S);
		score->strange = faded(score->strange, gone_s, STRANGE_HALF_LIFE_S);
		score->at = now;
	}
	for (unsigned i = 0; i < score->n; i++) {
		struct points *points = &score->points[i];
		if (now > points->at) {
			if (signal_counts((enum signal)points->signal))
				points->n = (float)points_count(points, now);
			points->points = (float)points_at(points, now);
			points->at = now;
		}
		if (points_matter(points, now))
			score->points[n++] = *points;
	}
	score->n = (uint8_t)n;
}

static struct points *points_make(struct score *score, enum signal signal)
{
	size_t before = score_bytes(score);
	if (score->n == score->size) {
		score->size = (uint8_t)(score->size ? score->size * 2 : 4);
		score->points = xrealloc(score->points, score->size, sizeof(score->points[0]));
		score->signals->bytes += score_bytes(score) - before;
	}
	struct points *points = &score->points[score->n++];
	*points = (struct points){.signal = (uint8_t)signal};
	return points;
}

static void join_points(struct points *points, enum join join, double found, second_t at)
{
	double cap = signal_rows[points->signal].cap, is = points_at(points, at);
	switch (join) {
	case JOIN_ADD:
		found += is;
		break;
	case JOIN_HIGH:
		found = greater(found, is);
		break;
	case JOIN_LEVEL:
		break;
	}
	points->points = (float)lesser(found, cap);
	points->at = at > points->at ? at : points->at;
}

void score_join(struct signals *s, struct account *account, enum signal signal, enum join join,
	const struct finding_of *found, second_t at)
{
	double points = found->units * signal_rows[signal].weight;
	struct points *place = (struct points *)(uintptr_t)score_points(score_of(account), signal);
	bool is_counted = signal_counts(signal) && found->n > 0;
	if (!place && points <= 0 && !is_counted)
		return;
	if (!place)
		place = points_make(score_make(s, account), signal);
	bool is_told =
		is_counted || (points > 0 && (join != JOIN_HIGH || points >= points_at(place, at)));
	join_points(place, join, points, at);
	if (!is_told)
		return;
	place->n = (float)found->n;
	place->m = (float)found->m;
	place->b = (float)found->b;
}

void score_add(struct signals *s, struct account *account, enum signal signal,
	const struct finding_of *found, mono_t mono)
{
	score_join(s, account, signal, JOIN_ADD, found, second_of(mono));
}

void score_clear(struct score *score)
{
	score->n = 0;
	score->surprise = score->strange = 0;
	score->fan_before = score->fan_news = 0;
}

void score_halve(struct score *score)
{
	for (unsigned i = 0; i < score->n; i++)
		score->points[i].points /= 2;
	score->surprise /= 2;
	score->strange /= 2;
}

/* ---- sums ---- */

void score_sums(const struct signals *s, const struct score *score, bool observed, second_t at,
	struct sums *ret)
{
	*ret = (struct sums){.score = 0};
	for (unsigned i = 0; score && i < score->n; i++) {
		const struct points *points = &score->points[i];
		enum signal signal = (enum signal)points->signal;
		if (!observed && signal_is_observed(s, signal))
			continue;
		ret->family[signal_rows[signal].family] +=
			points_at(points, at) * signal_share(s, signal);
	}
	for (unsigned i = 0; i < FAMILY_COUNT; i++) {
		ret->family[i] = lesser(ret->family[i], families[i].cap);
		ret->score += ret->family[i];
		ret->what += ret->family[i] * families[i].what;
		ret->who += ret->family[i] * families[i].who;
	}
}

double score_sum(const struct signals *s, const struct score *score, bool observed, mono_t mono)
{
	struct sums sums;
	score_sums(s, score, observed, second_of(mono), &sums);
	return sums.score;
}

static bool track_is_idle(const struct track *track, second_t at)
{
	return track->step == STEP_NONE && track->probation <= at;
}

bool score_is_idle(const struct score *score, second_t at)
{
	double gone_s = at > score->at ? at - score->at : 0;
	if (!track_is_idle(&score->track[WALK_REAL], at) ||
		!track_is_idle(&score->track[WALK_WOULD], at) || score->forgiven > at)
		return false;
	for (unsigned i = 0; i < score->n; i++) {
		if (points_matter(&score->points[i], at))
			return false;
	}
	return (double)faded(score->surprise, gone_s, SURPRISE_HALF_LIFE_S) < POINTS_MIN;
}
