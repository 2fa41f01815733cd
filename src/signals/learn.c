/* SPDX-License-Identifier: ISC */
/* What one recipient of a message shows goes into a baseline: to what is pending, all at once. */
#include <math.h>

#include "baseline.h"

/* An account that has sent before and then nothing for so long was silent. */
#define SILENT_S        (21 * DAY_S)
#define SILENT_MESSAGES 5

/* The hour of the week, beginning with Thursday as the clock does. */
unsigned hour_of_week(wall_t wall)
{
	int64_t hour = wall.us / HOUR_US % HOURS_OF_WEEK;
	return (unsigned)(hour < 0 ? hour + HOURS_OF_WEEK : hour);
}

static struct bucket *bucket_at(struct pending *pending, struct now now)
{
	struct bucket *bucket = &pending->bucket;
	if (bucket->start == 0)
		*bucket = (struct bucket){
			.start = second_of(now.mono), .week_hour = (uint8_t)hour_of_week(now.wall)};
	return bucket;
}

static uint32_t at_least(uint32_t high, double n)
{
	return n > high ? (uint32_t)lesser(n, UINT32_MAX) : high;
}

static void learn_hour(struct bucket *bucket, wall_t wall)
{
	unsigned at = (hour_of_week(wall) + HOURS_OF_WEEK - bucket->week_hour) % HOURS_OF_WEEK;
	if (at >= 32 || bucket->hours >> at & 1)
		return;
	bucket->hours |= UINT32_C(1) << at;
	bucket->hours_n++;
}

/* What is told once a message. */
static void learn_message(struct baseline *b, struct bucket *bucket, const struct seen *seen)
{
	second_t now = second_of(seen->now.mono);
	uint16_t day = (uint16_t)(seen->now.wall.us / DAY_US);
	unsigned gone = b->last_sent && now > b->last_sent ? now - b->last_sent : 0;
	double before = (double)b->messages + bucket->messages;
	if (gone > SILENT_S && before >= SILENT_MESSAGES) {
		b->woke = now;
		unsigned days = gone / DAY_S;
		b->silent_days = (uint16_t)(days < UINT16_MAX ? days : UINT16_MAX);
	}
	bucket->messages++;
	if (seen->is_at_none) {
		bucket->days = (uint16_t)(bucket->days + (b->day != day || before < 1));
		b->day = day;
		learn_hour(bucket, seen->now.wall);
	}
	unsigned networks = baseline_distinct(b, HABIT_NETWORK, bucket->start);
	bucket->networks = networks > bucket->networks ? (uint16_t)networks : bucket->networks;
	if (seen->geo && seen->geo->has_position) {
		b->latitude = seen->geo->latitude;
		b->longitude = seen->geo->longitude;
		b->positioned = now;
	}
	b->last_sent = now;
}

static void learn_volume(struct baseline *b, const struct seen *seen)
{
	second_t now = second_of(seen->now.mono);
	struct pending *pending = pending_make(b);
	struct bucket *bucket = bucket_at(pending, seen->now);
	if (seen->is_first)
		learn_message(b, bucket, seen);
	tally_count(&pending->hour, HOUR_S, now);
	tally_count(&pending->day, DAY_S, now);
	fading_add(b, seen);
	bucket->recipients++;
	bucket->news = (float)((double)bucket->news + seen->newness);
	bucket->hour_high = at_least(bucket->hour_high, tally_read(&pending->hour, HOUR_S, now));
	bucket->day_high = at_least(bucket->day_high, tally_read(&pending->day, DAY_S, now));
	for (unsigned i = 0; i < PEAKS; i++)
		bucket->peak[i] = b->recent[i] > bucket->peak[i] ? b->recent[i] : bucket->peak[i];
}

/* A place that is little strange is not counted among strange ones. */
#define STRANGE_MIN .4

/* How strange it was is that of the strangest message of the last day. */
static void learn_strange(
	struct habit_entry *entry, double strangeness, bool is_stale, second_t now)
{
	if (!entry->is_pending && hours_since(entry->hour, now) > 24)
		is_stale = true;
	if (is_stale)
		entry->strange = 0;
	if (strangeness <= STRANGE_MIN)
		return;
	unsigned strange = (unsigned)lround(lesser(strangeness, 1) * STRANGE_MAX);
	if (strange < entry->strange)
		return;
	entry->strange = strange & STRANGE_MAX;
	if (!entry->is_pending)
		entry->hour = hour_up(now);
}

static void learn_habits(struct baseline *b, const struct seen *seen)
{
	second_t now = second_of(seen->now.mono);
	struct habit_entry *found[HABIT_KINDS];
	habits_find_all(b->habits, seen->habit, found);
	for (unsigned kind = 0; kind < HABIT_KINDS; kind++) {
		struct habit_entry *entry = found[kind];
		if (seen->habit[kind] == 0)
			continue;
		if (!entry) {
			entry = habits_use(&b->habits, (enum habit)kind, seen->habit[kind], now);
			/* A new one moves others. */
			habits_find_all(b->habits, seen->habit, found);
		}
		bool is_stale = now > entry->last && now - entry->last > DAY_S;
		entry->last = now;
		if (entry->uses < HABIT_USES_MAX)
			entry->uses = (entry->uses + 1u) & HABIT_USES_MAX;
		/* A new network at home makes no new country. */
		bool is_wide = kind == HABIT_ASN || kind == HABIT_COUNTRY;
		bool is_own = is_wide && !entry->is_pending;
		learn_strange(entry, is_own ? 0 : seen->strangeness, is_stale, now);
	}
}

/* One that is known already is kept from going out of date. True: it has settled. */
static bool learn_known(struct baseline *b, uint64_t hash, uint16_t bit, second_t now)
{
	enum known_in in = hash ? known_find(b->known, id_of(hash)) : KNOWN_IN_YOUNG;
	if (in == KNOWN_IN_OLD)
		known_add(&b->known, id_of(hash), now, baseline_may_grow(b));
	else if (in == KNOWN_IN_NONE && !pending_has(b->pending, id_of(hash)))
		pending_add(b, id_of(hash), (uint16_t)(hour_up(now) | bit));
	return hash && in != KNOWN_IN_NONE;
}

void baseline_learn(struct signals *s, struct account *account, const struct seen *seen)
{
	struct baseline *b = baseline_make(s, account, seen->now.mono);
	if (!b)
		return;
	second_t now = second_of(seen->now.mono);
	size_t before = baseline_bytes(b);
	if (seen->is_first)
		learn_habits(b, seen);
	learn_volume(b, seen);
	/* The site forgets in weeks: whom its accounts keep writing to is told again. */
	if (learn_known(b, seen->recipient, 0, now))
		site_met(s->site, seen->recipient, seen->now.mono);
	(void)learn_known(b, seen->domain, PENDING_DOMAIN_BIT, now);
	site_begin(s->site, seen->now.mono);
	if (b->due == 0)
		b->due = now + DAY_S;
	baseline_recount(b, before);
}

/* It comes near to larger messages by so much, and to none by more than so many times. */
#define HIGH_RISES .3
#define HIGH_FALLS .99
static double message_high(double high, double n)
{
	if (n > high)
		return high + HIGH_RISES * (lesser(n, 2 * high + 10) - high);
	return greater(1, high * HIGH_FALLS);
}

void baseline_message(struct baseline *b, uint32_t recipients, uint64_t bytes, bool is_calm)
{
	if (!b)
		return;
	if (is_calm)
		b->message_high = (float)message_high((double)b->message_high, recipients);
	struct bucket *bucket = b->pending ? &b->pending->bucket : NULL;
	if (!bucket || bucket->start == 0 || bytes == 0 || bucket->sizes == UINT16_MAX)
		return;
	double size = log((double)bytes);
	bucket->sizes++;
	bucket->log_sum = (float)((double)bucket->log_sum + size);
	bucket->log_squares = (float)((double)bucket->log_squares + size * size);
}
