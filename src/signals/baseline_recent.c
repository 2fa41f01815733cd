/* SPDX-License-Identifier: ISC */
/*
 * What an account does at present: plain counts of the last hour and day, and sums that fade. Those
 * have ceilings, for without them one blast would count for days.
 */
#include <math.h>

#include "baseline.h"

/* ---- plain counts ---- */

/* Brings the two spans to now. */
static void tally_roll(struct tally *tally, unsigned span_s, second_t now)
{
	unsigned gone = tally->start && now > tally->start ? now - tally->start : 0;
	if (tally->start && gone < span_s)
		return;
	bool is_next = tally->start && gone < 2 * span_s;
	tally->n[1] = is_next ? tally->n[0] : 0;
	tally->n[0] = 0;
	tally->start = is_next ? tally->start + span_s : now;
}

void tally_count(struct tally *tally, unsigned span_s, second_t now)
{
	tally_roll(tally, span_s, now);
	tally->n[0] += tally->n[0] < UINT32_MAX;
}

/* Of the span before, as much as still reaches into the one that ends now. */
double tally_read(const struct tally *tally, unsigned span_s, second_t now)
{
	struct tally then = *tally;
	if (tally->start == 0)
		return 0;
	tally_roll(&then, span_s, now);
	if (then.n[1] == 0)
		return then.n[0];
	unsigned gone = now > then.start ? now - then.start : 0;
	double rest = gone < span_s ? 1 - (double)gone / span_s : 0;
	return then.n[0] + rest * then.n[1];
}

/* ---- what fades ---- */

/* Below these nothing is much, for anybody: new ones, weighed ones in an hour and a day, odd ones. */
#define NEWS_FLOOR 24.0
#define HOUR_FLOOR 40.0
#define DAY_FLOOR  120.0
#define ODD_FLOOR  20.0

/* Half of it is gone in six hours. */
#define SIX_HOURS_S (6 * HOUR_S / M_LN2)

/* What more than that says nothing more: some times of what would be much. */
static void ceilings(const struct baseline *b, double ret[FADINGS])
{
	double young = baseline_is_young(b) ? 2 : 1;
	ret[FADING_NEW] = 1.4 * greater(NEWS_FLOOR * young, 2 * (double)b->peak[FADING_NEW]);
	ret[FADING_HOUR] = 4 * greater(HOUR_FLOOR, 2 * (double)b->peak[FADING_HOUR]);
	ret[FADING_DAY] = 4 * greater(DAY_FLOOR, 2 * (double)b->peak[FADING_DAY]);
	ret[FADING_ALL] = 1e6;
	ret[FADING_ODD] = 2.5 * greater(ODD_FLOOR, .5 * (double)b->peak[FADING_ALL]);
}

void fading_at(const struct baseline *b, second_t now, double ret[FADINGS])
{
	for (unsigned i = 0; i < FADINGS; i++)
		ret[i] = (double)b->recent[i];
	/* It is asked several times in a second. */
	if (now <= b->faded)
		return;
	double gone = now - b->faded, six_hours = exp(-gone / SIX_HOURS_S);
	ret[FADING_NEW] *= six_hours;
	ret[FADING_HOUR] *= exp(-gone / HOUR_S);
	ret[FADING_DAY] *= exp(-gone / DAY_S);
	ret[FADING_ALL] *= six_hours;
	ret[FADING_ODD] *= six_hours;
}

/* Known recipients weigh little: flushes and discussions go to them. */
static double weighed(double newness)
{
	return newness > 0 ? greater(newness, .3) : .1;
}

void fading_add(struct baseline *b, const struct seen *seen)
{
	const double more[FADINGS] = {
		[FADING_NEW] = seen->newness,
		[FADING_HOUR] = weighed(seen->newness),
		[FADING_DAY] = weighed(seen->newness),
		[FADING_ALL] = 1,
		[FADING_ODD] = seen->oddity,
	};
	double value[FADINGS], most[FADINGS];
	second_t now = second_of(seen->now.mono);
	fading_at(b, now, value);
	ceilings(b, most);
	for (unsigned i = 0; i < FADINGS; i++)
		b->recent[i] = (float)lesser(value[i] + more[i], most[i]);
	b->faded = now > b->faded ? now : b->faded;
}

void baseline_recent(const struct baseline *b, mono_t mono, struct recent *ret)
{
	double value[FADINGS];
	second_t now = second_of(mono);
	*ret = (struct recent){.hour = 0};
	if (!b)
		return;
	if (b->pending) {
		ret->hour = tally_read(&b->pending->hour, HOUR_S, now);
		ret->day = tally_read(&b->pending->day, DAY_S, now);
	}
	fading_at(b, now, value);
	ret->news = value[FADING_NEW];
	ret->odd = value[FADING_ODD];
	ret->hour_weighed = value[FADING_HOUR];
	ret->day_weighed = value[FADING_DAY];
	ret->all = value[FADING_ALL];
}

void baseline_halve(struct baseline *b)
{
	for (unsigned i = 0; b && i < FADINGS; i++) {
		if (i != FADING_ALL)
			b->recent[i] /= 2;
	}
}
