/* SPDX-License-Identifier: ISC */
/*
 * What is normal for an account: what has settled of it, and as long as that is little, what young
 * accounts of this site are like.
 */
#include <math.h>

#include "baseline.h"

/* What the site says weighs as much as so many of the account's own recipients. */
#define NOVELTY_PRIOR_N 8.0
/* Nobody is so steady that one new recipient says all, nor so fickle that none says anything. */
#define NOVELTY_MIN .10
#define NOVELTY_MAX .90
#define YOUNG_DAYS  3
#define YOUNG_N     8.0F
/* Before so many hours are known, nothing is said of others. */
#define HOURS_ENOUGH    20
#define MESSAGES_ENOUGH 50

bool baseline_is_young(const struct baseline *b)
{
	unsigned days = b->days + (b->pending ? b->pending->bucket.days : 0u);
	return days <= YOUNG_DAYS || b->judged < YOUNG_N;
}

static unsigned later(unsigned hour, unsigned by)
{
	return hour + by < HOURS_OF_WEEK ? hour + by : hour + by - HOURS_OF_WEEK;
}

/* By the hour of the day: those of single weekdays are too few to miss one. */
double baseline_hour_share(const struct baseline *b, wall_t wall)
{
	unsigned at = hour_of_week(wall), near = 0;
	double messages = b ? (double)b->messages : 0;
	if (b && b->pending)
		messages += b->pending->bucket.messages;
	if (messages < MESSAGES_ENOUGH || !b->hours || b->hours_sum < HOURS_ENOUGH)
		return 1;
	for (unsigned day = 0; day < 7; day++, at = later(at, 24))
		near += hours_at(b->hours, later(at, HOURS_OF_WEEK - 1)) + hours_at(b->hours, at) +
			hours_at(b->hours, later(at, 1));
	return (double)near / b->hours_sum;
}

void baseline_usual(const struct signals *s, const struct baseline *b, struct normal *ret)
{
	static const struct baseline none = {.message_high = 1};
	const struct baseline *own = b ? b : &none;
	double novelty = ((double)own->novel + NOVELTY_PRIOR_N * site_novelty(s->site)) /
			 ((double)own->judged + NOVELTY_PRIOR_N);
	const struct bucket *bucket = own->pending ? &own->pending->bucket : NULL;
	*ret = (struct normal){
		.is_young = baseline_is_young(own),
		.messages = (double)own->messages,
		.recipients = (double)own->recipients,
		.judged = (double)own->judged,
		.novelty = lesser(greater(novelty, NOVELTY_MIN), NOVELTY_MAX),
		.peak_new = (double)own->peak[FADING_NEW],
		.peak_hour = (double)own->peak[FADING_HOUR],
		.peak_day = (double)own->peak[FADING_DAY],
		.peak_all = (double)own->peak[FADING_ALL],
		.per_hour_mean = (double)own->hour_mean,
		.per_hour_high = (double)own->hour_high,
		.per_day_mean = (double)own->day_mean,
		.per_day_high = (double)own->day_high,
		.per_message_mean =
			own->messages > 0 ? (double)own->recipients / (double)own->messages : 0,
		.per_message_high = (double)own->message_high,
		.networks_day_high = (double)own->networks_high,
		.bytes_log_mean = (double)own->size_mean,
		.bytes_log_deviation = own->size_n >= 10 ? sqrt((double)own->size_variance) : 0,
		.hour_share = 1,
		.days = own->days + (bucket ? bucket->days : 0u),
		.since = own->since,
		.last_sent = own->last_sent,
		.woke = own->woke,
		.silent_days = own->silent_days,
		.has_position = own->positioned != 0,
		.latitude = own->latitude,
		.longitude = own->longitude,
		.position_at = own->positioned,
	};
}

void baseline_normal(
	const struct signals *s, const struct baseline *b, struct now now, struct normal *ret)
{
	baseline_usual(s, b, ret);
	ret->hour_share = baseline_hour_share(b, now.wall);
}
