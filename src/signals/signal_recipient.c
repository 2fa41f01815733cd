/* SPDX-License-Identifier: ISC */
/* Whom it writes to, how many, and how that lies in time. */
#include <math.h>

#include "judging.h"
#include "rows.h"

/* Of a hold, what numbers alone can bring. */
#define MIXED_MAX   0.65
#define MIXED_FROM  1.25
#define MIXED_RISES 4.0

/*
 * Two things must be much: the likelihood ratio of its recipients (a list of strangers against this
 * account's usual share of new ones), and their number against what is usual at a time.
 */
bool signal_new_recipients(const struct look *l, struct finding_of *ret)
{
	const double least = signal_rows[SIGNAL_NEW_RECIPIENTS].minimum;
	const double surprise_much = 26, much = 24, young_much = 48;
	const struct score *score = score_of(l->account);
	double usual = greater(l->normal.is_young ? young_much : much, 2 * l->normal.peak_new);
	double surprise = score ? (double)score->surprise : 0;
	double likely = greater(0, surprise - least) / (surprise_much - least);
	double many = greater(0, l->recent.news - least) / (usual - least);
	/* Far more new ones than ever slow an account down, however many old ones stand between. */
	double mixed = lesser(MIXED_MAX, MIXED_RISES * (many - MIXED_FROM));
	ret->units = greater(lesser(likely, many), mixed);
	ret->n = l->recent.news;
	ret->m = 100 * l->normal.novelty;
	ret->b = usual;
	return true;
}

bool signal_stranger(const struct look *l, struct finding_of *ret)
{
	const struct score *score = score_of(l->account);
	ret->units = greater(
		0, (score ? (double)score->strange : 0) - signal_rows[SIGNAL_STRANGER].minimum);
	ret->n = 100 * l->strangeness;
	return true;
}

/* Known recipients too: who answers in somebody's name writes to whom he knows. */
bool signal_strange_volume(const struct look *l, struct finding_of *ret)
{
	double usual = greater(signal_rows[SIGNAL_STRANGE_VOLUME].minimum, l->normal.peak_all / 2);
	ret->units = greater(0, l->recent.odd / usual - 1);
	ret->n = l->recent.odd;
	ret->b = usual;
	return true;
}

bool signal_volume(const struct look *l, struct finding_of *ret)
{
	const double least = signal_rows[SIGNAL_VOLUME].minimum;
	double hour = greater(least, 2 * l->normal.peak_hour);
	double day = greater(3 * least, 2 * l->normal.peak_day);
	double times = greater(l->recent.hour_weighed / hour, l->recent.day_weighed / day);
	ret->units = times > 1 ? 0.5 + log2(times) : 0;
	ret->n = l->recent.hour;
	ret->m = l->recent.day;
	ret->b = hour;
	return true;
}

/* Counts as far as they are new, or the circumstances are strange; half of what was there stays. */
bool signal_fan_out(const struct look *l, struct finding_of *ret)
{
	const struct signal_row *row = &signal_rows[SIGNAL_FAN_OUT];
	const struct score *score = score_of(l->account);
	double least = (l->normal.is_young ? 2 : 1) * row->minimum;
	double usual = greater(least, l->normal.per_message_high);
	uint32_t n = l->sight->nth;
	ret->n = n;
	ret->b = usual;
	if (n <= usual)
		return true;
	double news = score ? (double)score->fan_news / n : 0;
	double before = score ? (double)score->fan_before / row->weight / 2 : 0;
	ret->units = log2(n / usual) * (news + l->strangeness) + before;
	return true;
}

/* Only with recipients that speak for themselves: to come back is normal. */
bool signal_after_silence(const struct look *l, struct finding_of *ret)
{
	const second_t fresh_s = 2 * 86400;
	const struct normal *normal = &l->normal;
	struct sums sums;
	if (normal->woke == 0 || normal->messages < 5)
		return false;
	score_sums(l->s, score_of(l->account), true, l->at, &sums);
	double what = sums.family[FAMILY_RECIPIENT] + sums.family[FAMILY_STRANGER];
	ret->units =
		l->at - normal->woke < fresh_s && what > signal_rows[SIGNAL_AFTER_SILENCE].minimum;
	ret->n = normal->silent_days;
	return true;
}

/* Of a message that was committed: its size is known then. */
double size_units(const struct normal *normal, uint64_t bytes)
{
	if (bytes == 0 || normal->bytes_log_deviation <= 0 ||
		normal->messages < signal_rows[SIGNAL_SIZE].minimum)
		return 0;
	/* A deviation of less than a factor of two is no habit. */
	double deviation = greater(normal->bytes_log_deviation, M_LN2);
	return fabs(log((double)bytes) - normal->bytes_log_mean) > 3 * deviation;
}
