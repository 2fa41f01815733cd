/* SPDX-License-Identifier: ISC */
/*
 * How what was pending becomes normal, or is thrown away: all that is a day old, when the account is
 * calm; all at once, when the desk says that it was; never, when it was an attacker's.
 */
#include <math.h>
#include <stdlib.h>

#include "baseline.h"
#include "policyd/mem.h"

#define DAYS(n) ((n) * (double)DAY_S)

/* Counts of all mail: half of what was before counts after so long. */
#define COUNT_HALF_LIFE_S DAYS(90)
/* What was much once is forgotten by half in so long. */
#define HIGH_HALF_LIFE_S DAYS(60)
/* Novelty is that of the last days: each takes so much from what was before, once there is enough. */
#define NOVEL_FADES  .98
#define NOVEL_ENOUGH 50.0F
#define PEAK_FADES   .99
/* Means move by at least this share a day, so that they follow. */
#define MEAN_SHARE_MIN 0.04
#define SIZES_MAX      500.0
/* Hours of the week are worth their memory from so many messages on. */
#define HOURS_MESSAGES 10

static void mean_follow(float *mean, double value, double share)
{
	*mean = (float)((double)*mean + (value - (double)*mean) * share);
}

static void high_follow(float *high, double value, double faded)
{
	*high = (float)greater(value, (double)*high * faded);
}

/* ---- hours of the week ---- */

unsigned hours_sum(const uint8_t *hours)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < HOURS_OF_WEEK; i++)
		sum += hours_at(hours, i);
	return sum;
}

/* When one is full all are halved: relations stay, and old habits fade. */
static void hours_count(uint8_t *hours, unsigned at)
{
	bool is_full = hours_at(hours, at) == 15;
	for (unsigned i = 0; is_full && i < HOURS_BYTES; i++)
		hours[i] = (uint8_t)(hours[i] >> 1 & 0x77);
	hours[at / 2] = (uint8_t)(hours[at / 2] + (1u << (at % 2 * 4)));
}

static void settle_hours(struct baseline *b, const struct bucket *bucket)
{
	if (!b->hours && b->messages < HOURS_MESSAGES)
		return;
	if (!b->hours)
		b->hours = xcalloc(HOURS_BYTES, 1);
	for (unsigned i = 0; i < 32; i++) {
		if (bucket->hours >> i & 1)
			hours_count(b->hours, (bucket->week_hour + i) % HOURS_OF_WEEK);
	}
	b->hours_sum = (uint16_t)hours_sum(b->hours);
}

/* ---- a bucket ---- */

static void settle_sizes(struct baseline *b, const struct bucket *bucket)
{
	if (bucket->sizes == 0)
		return;
	double n = bucket->sizes, mean = (double)bucket->log_sum / n;
	double variance = greater(0, (double)bucket->log_squares / n - mean * mean);
	double share = n / ((double)b->size_n + n), step = mean - (double)b->size_mean;
	mean_follow(&b->size_variance, variance + step * step * (1 - share), share);
	mean_follow(&b->size_mean, mean, share);
	b->size_n = (float)lesser((double)b->size_n + n, SIZES_MAX);
}

static void settle_counts(struct baseline *b, const struct bucket *bucket, double gone_s)
{
	double kept = exp2(-gone_s / COUNT_HALF_LIFE_S);
	double scale = b->judged > NOVEL_ENOUGH ? NOVEL_FADES : 1;
	b->messages = (float)((double)b->messages * kept + bucket->messages);
	b->recipients = (float)((double)b->recipients * kept + bucket->recipients);
	b->novel = (float)((double)b->novel * scale + (double)bucket->news);
	b->judged = (float)((double)b->judged * scale + bucket->recipients);
	for (unsigned i = 0; i < PEAKS; i++)
		b->peak[i] =
			(float)greater((double)b->peak[i] * PEAK_FADES, (double)bucket->peak[i]);
}

static unsigned at_least_one(unsigned n)
{
	return n ? n : 1;
}

static void settle_bucket(struct signals *s, struct baseline *b, struct bucket *bucket)
{
	double gone_s = b->settled && bucket->start > b->settled ? bucket->start - b->settled : 0;
	double share = greater(1 / (b->days + 1.0), MEAN_SHARE_MIN), n = bucket->recipients;
	double faded = exp2(-gone_s / HIGH_HALF_LIFE_S);
	if (baseline_is_young(b))
		site_learn_novelty(s->site, (double)bucket->news, n);
	settle_counts(b, bucket, gone_s);
	mean_follow(&b->hour_mean, n / at_least_one(bucket->hours_n), share);
	mean_follow(&b->day_mean, n / at_least_one(bucket->days), share);
	high_follow(&b->hour_high, bucket->hour_high, faded);
	high_follow(&b->day_high, bucket->day_high, faded);
	high_follow(&b->networks_high, bucket->networks, faded);
	settle_hours(b, bucket);
	settle_sizes(b, bucket);
	b->days = (uint16_t)lesser(b->days + bucket->days, UINT16_MAX);
	b->settled = bucket->start;
	*bucket = (struct bucket){.start = 0};
}

/* ---- everything that has come of age ---- */

/* Zero: everything. */
struct age {
	unsigned hours;
	second_t now;
};

static bool bucket_is_due(const struct bucket *bucket, struct age age)
{
	if (bucket->start == 0 || age.hours == 0)
		return bucket->start != 0;
	return age.now > bucket->start && age.now - bucket->start >= age.hours * HOUR_S;
}

static void settle_known(struct signals *s, struct baseline *b, struct age age, mono_t mono)
{
	struct pending *pending = b->pending;
	unsigned n = 0;
	/* They stand in the order in which they came. */
	for (; n < pending->known_n; n++) {
		uint16_t hour = pending_hour(pending, n);
		uint32_t id = pending_id(pending, n);
		if (age.hours && hours_since(hour & HOUR_MASK, age.now) < age.hours)
			break;
		known_add(&b->known, id, age.now, baseline_may_grow(b));
		if (!(hour & PENDING_DOMAIN_BIT))
			site_met(s->site, (uint64_t)id << 32, mono);
	}
	pending_drop_known(pending, n);
}

/* What it tells about others that they use it too. */
static const bool is_shared[HABIT_KINDS] = {
	[HABIT_NETWORK] = true,
	[HABIT_ASN] = true,
	[HABIT_COUNTRY] = true,
	[HABIT_HELO] = true,
};

static void settle_habits(struct signals *s, struct baseline *b, struct age age)
{
	struct habits *habits = b->habits;
	/* From the end, for settling one may remove another: those before keep their places. */
	for (unsigned i = habits ? habits->n : 0; i-- > 0;) {
		struct habit_entry *entry = i < habits->n ? &habits->entry[i] : NULL;
		if (!entry || !entry->is_pending ||
			(age.hours && hours_since(entry->hour, age.now) < age.hours))
			continue;
		if (is_shared[entry->kind])
			site_settled(s->site, (enum habit)entry->kind, (uint64_t)entry->id << 32,
				age.now);
		habits_settle(habits, entry);
	}
}

/* What is recent is told for as long as it is; then the memory goes. */
static void pending_shed(struct baseline *b, second_t now)
{
	const struct pending *pending = b->pending;
	if (!pending || pending->bucket.start || pending->known_n)
		return;
	if (now > b->last_sent && now - b->last_sent > 2 * DAY_S) {
		free(b->pending);
		b->pending = NULL;
	}
}

/* The next time at which something may settle: an hour's grain is fine enough. */
static void due_again(struct baseline *b, second_t now)
{
	b->due = b->pending ? now + HOUR_S : 0;
}

static void settle(struct signals *s, struct baseline *b, struct age age, mono_t mono)
{
	size_t before = baseline_bytes(b);
	settle_habits(s, b, age);
	if (b->pending) {
		if (bucket_is_due(&b->pending->bucket, age))
			settle_bucket(s, b, &b->pending->bucket);
		settle_known(s, b, age, mono);
		pending_shrink(b);
	}
	pending_shed(b, age.now);
	due_again(b, age.now);
	baseline_recount(b, before);
}

void baseline_pass(struct signals *s, struct account *account, bool is_calm, mono_t mono)
{
	struct baseline *b = baseline_of(account);
	if (!b || !is_calm)
		return;
	if (b->is_tainted)
		baseline_drop(b);
	if (b->due && second_of(mono) >= b->due)
		settle(s, b, (struct age){.hours = 24, .now = second_of(mono)}, mono);
}

void baseline_settle(struct signals *s, struct account *account, mono_t mono)
{
	struct baseline *b = baseline_of(account);
	if (!b)
		return;
	b->is_tainted = false;
	settle(s, b, (struct age){.now = second_of(mono)}, mono);
}

void baseline_taint(struct baseline *b)
{
	if (b)
		b->is_tainted = true;
}

void baseline_drop(struct baseline *b)
{
	if (!b)
		return;
	size_t before = baseline_bytes(b);
	b->is_tainted = false;
	for (unsigned i = b->habits ? b->habits->n : 0; i-- > 0;) {
		if (b->habits->entry[i].is_pending)
			habits_remove(b->habits, &b->habits->entry[i]);
	}
	if (b->pending) {
		b->pending->bucket = (struct bucket){.start = 0};
		b->pending->known_n = 0;
		pending_shrink(b);
	}
	baseline_recount(b, before);
}
