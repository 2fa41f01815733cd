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
static double hour_share(const struct baseline *b, double messages, wall_t wall)
{
	unsigned at = hour_of_week(wall), near = 0;
	if (!b->hours || messages < MESSAGES_ENOUGH || b->hours_sum < HOURS_ENOUGH)
		return 1;
	for (unsigned day = 0; day < 7; day++, at = later(at, 24))
		near += hours_at(b->hours, later(at, HOURS_OF_WEEK - 1)) + hours_at(b->hours, at) +
			hours_at(b->hours, later(at, 1));
	return (double)near / b->hours_sum;
}

static void normal_volume(const struct baseline *b, struct normal *ret)
{
	ret->peak_new = (double)b->peak[FADING_NEW];
	ret->peak_hour = (double)b->peak[FADING_HOUR];
	ret->peak_day = (double)b->peak[FADING_DAY];
	ret->peak_all = (double)b->peak[FADING_ALL];
	ret->per_hour_mean = (double)b->hour_mean;
	ret->per_hour_high = (double)b->hour_high;
	ret->per_day_mean = (double)b->day_mean;
	ret->per_day_high = (double)b->day_high;
	ret->per_message_mean = b->messages > 0 ? ret->recipients / ret->messages : 0;
	ret->per_message_high = (double)b->message_high;
	ret->bytes_log_mean = (double)b->size_mean;
	ret->bytes_log_deviation = b->size_n >= 10 ? sqrt((double)b->size_variance) : 0;
}

void baseline_normal(
	const struct signals *s, const struct baseline *b, struct now now, struct normal *ret)
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
		.novelty = fmin(fmax(novelty, NOVELTY_MIN), NOVELTY_MAX),
		.networks_day_high = (double)own->networks_high,
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
	normal_volume(own, ret);
	ret->hour_share =
		hour_share(own, ret->messages + (bucket ? bucket->messages : 0), now.wall);
}
