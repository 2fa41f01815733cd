/* SPDX-License-Identifier: ISC */
/*
 * A baseline out of a snapshot: what baseline_save.c wrote, or any other bytes. What is in order is
 * taken, the rest passed over; nothing comes to be larger than it may.
 */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "baseline.h"
#include "policyd/mem.h"
#include "site.h"

second_t second_load(struct reader *in, int64_t shift_s)
{
	uint64_t s = reader_number(in);
	if (s == 0 || s > UINT32_MAX)
		return 0;
	int64_t moved = (int64_t)s + shift_s;
	if (shift_s < -(int64_t)UINT32_MAX || moved < 1)
		return 1;
	return moved < UINT32_MAX ? (second_t)moved : UINT32_MAX;
}

/* What no baseline can hold is 0. */
static float float_load(struct reader *in)
{
	uint64_t bits = reader_number(in);
	uint32_t low = (uint32_t)bits;
	float value;
	memcpy(&value, &low, sizeof(value));
	return bits > UINT32_MAX || !isfinite(value) || value < 0 || value > 1e9F ? 0 : value;
}

static unsigned number_load(struct reader *in, unsigned most)
{
	uint64_t n = reader_number(in);
	return n < most ? (unsigned)n : most;
}

static uint16_t u16_load(struct reader *in)
{
	return (uint16_t)number_load(in, UINT16_MAX);
}

static int16_t i16_load(struct reader *in)
{
	int64_t n = reader_signed(in);
	return n < INT16_MIN || n > INT16_MAX ? 0 : (int16_t)n;
}

static void settled_load(struct baseline *b, struct reader *in, int64_t shift_s)
{
	b->since = second_load(in, shift_s);
	b->last_sent = second_load(in, shift_s);
	b->settled = second_load(in, shift_s);
	b->due = second_load(in, shift_s);
	b->woke = second_load(in, shift_s);
	b->positioned = second_load(in, shift_s);
	b->faded = second_load(in, shift_s);
	b->latitude = i16_load(in);
	b->longitude = i16_load(in);
	b->silent_days = u16_load(in);
	b->day = u16_load(in);
	b->days = u16_load(in);
	b->is_tainted = reader_number(in) != 0;
	for (size_t i = 0; i < baseline_floats_n; i++) {
		float value = float_load(in);
		memcpy((char *)b + baseline_floats[i], &value, sizeof(value));
	}
	b->message_high = fmaxf(b->message_high, 1);
}

/* An hour that is so many ahead of a time. */
static uint16_t hour_load(struct reader *in, second_t from)
{
	int64_t ahead = reader_signed(in);
	if (ahead > 1 || ahead < -(int64_t)(HOUR_MASK / 2 + 1))
		ahead = 1;
	return (uint16_t)((from / HOUR_S + (uint32_t)ahead) & HOUR_MASK);
}

static void habits_load(struct baseline *b, struct reader *in, int64_t shift_s)
{
	while (in->n && !in->is_bad) {
		struct habit_entry entry = {.id = number_load(in, UINT32_MAX)};
		entry.last = second_load(in, shift_s);
		entry.hour = hour_load(in, entry.last);
		unsigned bits = number_load(in, UINT16_MAX);
		entry.kind = bits & 15u;
		entry.is_pending = bits >> 4 & 1u;
		entry.strange = bits >> 5 & STRANGE_MAX;
		entry.uses = bits >> 9 & HABIT_USES_MAX;
		if (in->is_bad || !habits_put(&b->habits, &entry))
			return;
	}
}

static void known_load(struct baseline *b, struct reader *in, int64_t shift_s)
{
	second_t since = second_load(in, shift_s);
	if (b->known)
		return;
	for (unsigned i = 0; i < 2 && !in->is_bad; i++) {
		unsigned size = number_load(in, UINT16_MAX), n = number_load(in, UINT16_MAX);
		struct known_set *set = known_sized(b->known, i, size, n);
		if (!set)
			return;
		b->known = set;
		set->since = since;
		for (; n > 0 && !in->is_bad; n--)
			known_put(set, i, number_load(in, UINT16_MAX));
	}
}

static void hours_load(struct baseline *b, struct reader *in)
{
	struct span hours = reader_span(in);
	if (in->is_bad || hours.n != HOURS_BYTES || b->hours)
		return;
	b->hours = xmalloc(hours.n);
	memcpy(b->hours, hours.p, hours.n);
	b->hours_sum = (uint16_t)hours_sum(b->hours);
}

static void bucket_load(struct baseline *b, struct reader *in, int64_t shift_s)
{
	struct bucket bucket = {.start = second_load(in, shift_s)};
	bucket.hours = number_load(in, UINT32_MAX);
	bucket.week_hour = (uint8_t)(number_load(in, UINT16_MAX) % HOURS_OF_WEEK);
	bucket.hours_n = (uint8_t)number_load(in, 32);
	bucket.days = u16_load(in);
	bucket.networks = u16_load(in);
	bucket.sizes = u16_load(in);
	bucket.messages = number_load(in, UINT32_MAX);
	bucket.recipients = number_load(in, UINT32_MAX);
	bucket.hour_high = number_load(in, UINT32_MAX);
	bucket.day_high = number_load(in, UINT32_MAX);
	bucket.news = float_load(in);
	for (unsigned i = 0; i < PEAKS; i++)
		bucket.peak[i] = float_load(in);
	bucket.log_sum = float_load(in);
	bucket.log_squares = float_load(in);
	if (!in->is_bad)
		pending_make(b)->bucket = bucket;
}

static void tally_load(struct tally *tally, struct reader *in, int64_t shift_s)
{
	tally->start = second_load(in, shift_s);
	tally->n[0] = number_load(in, UINT32_MAX);
	tally->n[1] = number_load(in, UINT32_MAX);
}

static void pending_load(struct baseline *b, struct reader *in, int64_t shift_s)
{
	struct pending *pending = pending_make(b);
	tally_load(&pending->hour, in, shift_s);
	tally_load(&pending->day, in, shift_s);
	second_t now = second_load(in, shift_s);
	while (in->n && !in->is_bad) {
		uint32_t id = number_load(in, UINT32_MAX);
		uint16_t hour = hour_load(in, now);
		bool is_domain = reader_number(in) != 0;
		if (!in->is_bad)
			pending_add(
				b, id, is_domain ? (uint16_t)(hour | PENDING_DOMAIN_BIT) : hour);
	}
}

static void record_load(struct baseline *b, unsigned type, struct reader *record, int64_t shift_s)
{
	switch (type) {
	case RECORD_SETTLED:
		settled_load(b, record, shift_s);
		break;
	case RECORD_HABITS:
		habits_load(b, record, shift_s);
		break;
	case RECORD_KNOWN:
		known_load(b, record, shift_s);
		break;
	case RECORD_HOURS:
		hours_load(b, record);
		break;
	case RECORD_BUCKET:
		bucket_load(b, record, shift_s);
		break;
	case RECORD_PENDING:
		pending_load(b, record, shift_s);
		break;
	default:
		break;
	}
}

void baseline_load(void *ctx, struct account *account, struct reader *in, int64_t shift_us)
{
	struct signals *s = ctx;
	struct reader record;
	unsigned type;
	if (reader_number(in) != BASELINE_VERSION || in->is_bad || account->part[PART_BASELINE])
		return;
	struct baseline *b = baseline_new(s, (mono_t){.us = 0});
	if (!b)
		return;
	size_t before = baseline_bytes(b);
	while (reader_record(in, &type, &record))
		record_load(b, type, &record, shift_us / SECOND_US);
	baseline_recount(b, before);
	account->part[PART_BASELINE] = b;
}
