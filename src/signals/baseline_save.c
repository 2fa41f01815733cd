/* SPDX-License-Identifier: ISC */
/*
 * A baseline in a snapshot. Numbers that settled are written as their bits: what is decided after a
 * restart is what would have been decided without it.
 */
#include <stddef.h>
#include <string.h>

#include "baseline.h"

/* A baseline that did nothing for so long says nothing of today. */
#define LIFE_S (400 * DAY_S)

static bool baseline_is_idle(const void *part, mono_t mono)
{
	const struct baseline *b = part;
	second_t now = second_of(mono), last = b->last_sent ? b->last_sent : b->since;
	return now > last && now - last > LIFE_S;
}

/* Counts of limits are forgotten; what is normal stays so. */
static void baseline_reset(void *part)
{
	(void)part;
}

/* The numbers that are kept as they are, in the order of the file: new ones go to the end. */
#define FLOAT(field) offsetof(struct baseline, field)
const size_t baseline_floats[] = {FLOAT(messages), FLOAT(recipients), FLOAT(novel), FLOAT(judged),
	FLOAT(hour_mean), FLOAT(hour_high), FLOAT(day_mean), FLOAT(day_high), FLOAT(message_high),
	FLOAT(networks_high), FLOAT(size_n), FLOAT(size_mean), FLOAT(size_variance),
	FLOAT(peak[FADING_NEW]), FLOAT(peak[FADING_HOUR]), FLOAT(peak[FADING_DAY]),
	FLOAT(peak[FADING_ALL]), FLOAT(recent[FADING_NEW]), FLOAT(recent[FADING_HOUR]),
	FLOAT(recent[FADING_DAY]), FLOAT(recent[FADING_ALL]), FLOAT(recent[FADING_ODD])};
const size_t baseline_floats_n = sizeof(baseline_floats) / sizeof(baseline_floats[0]);

static void float_save(struct bytes *out, float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	bytes_number(out, bits);
}

/* ---- save ---- */

static void settled_save(const struct baseline *b, struct bytes *out)
{
	size_t mark = bytes_begin(out, RECORD_SETTLED);
	bytes_number(out, b->since);
	bytes_number(out, b->last_sent);
	bytes_number(out, b->settled);
	bytes_number(out, b->due);
	bytes_number(out, b->woke);
	bytes_number(out, b->positioned);
	bytes_number(out, b->faded);
	bytes_signed(out, b->latitude);
	bytes_signed(out, b->longitude);
	bytes_number(out, b->silent_days);
	bytes_number(out, b->day);
	bytes_number(out, b->days);
	bytes_number(out, b->is_tainted);
	for (size_t i = 0; i < baseline_floats_n; i++) {
		float value;
		memcpy(&value, (const char *)b + baseline_floats[i], sizeof(value));
		float_save(out, value);
	}
	bytes_end(out, mark);
}

static void habits_save(const struct habits *habits, struct bytes *out)
{
	if (!habits || habits->n == 0)
		return;
	size_t mark = bytes_begin(out, RECORD_HABITS);
	for (unsigned i = 0; i < habits->n; i++) {
		const struct habit_entry *entry = &habits->entry[i];
		bytes_number(out, entry->id);
		bytes_number(out, entry->last);
		/* As hours from its last use: these move with the clock. */
		bytes_signed(out, hours_ahead(entry->hour, entry->last));
		bytes_number(out, entry->kind | entry->is_pending << 4 | entry->strange << 5 |
					  (unsigned)entry->uses << 9);
	}
	bytes_end(out, mark);
}

/* From a free slot on, so that put one after the other they come to lie as they did. */
static void prints_save(const uint16_t *slot, unsigned size, struct bytes *out)
{
	unsigned start = 0;
	while (start < size && slot[start])
		start++;
	for (unsigned i = 0; i < size; i++) {
		uint16_t print = slot[(start + i) % size];
		if (print)
			bytes_number(out, print);
	}
}

static void known_save(const struct known_set *set, struct bytes *out)
{
	if (!set)
		return;
	size_t mark = bytes_begin(out, RECORD_KNOWN);
	bytes_number(out, set->since);
	for (unsigned i = 0; i < 2; i++) {
		bytes_number(out, set->size[i]);
		bytes_number(out, set->n[i]);
		prints_save(set->slot + (i ? set->size[0] : 0), set->size[i], out);
	}
	bytes_end(out, mark);
}

static void hours_save(const uint8_t *hours, struct bytes *out)
{
	if (!hours)
		return;
	size_t mark = bytes_begin(out, RECORD_HOURS);
	bytes_span(out, span_make((const char *)hours, HOURS_BYTES));
	bytes_end(out, mark);
}

static void bucket_save(const struct bucket *bucket, struct bytes *out)
{
	if (bucket->start == 0)
		return;
	size_t mark = bytes_begin(out, RECORD_BUCKET);
	bytes_number(out, bucket->start);
	bytes_number(out, bucket->hours);
	bytes_number(out, bucket->week_hour);
	bytes_number(out, bucket->hours_n);
	bytes_number(out, bucket->days);
	bytes_number(out, bucket->networks);
	bytes_number(out, bucket->sizes);
	bytes_number(out, bucket->messages);
	bytes_number(out, bucket->recipients);
	bytes_number(out, bucket->hour_high);
	bytes_number(out, bucket->day_high);
	float_save(out, bucket->news);
	for (unsigned i = 0; i < PEAKS; i++)
		float_save(out, bucket->peak[i]);
	float_save(out, bucket->log_sum);
	float_save(out, bucket->log_squares);
	bytes_end(out, mark);
}

static void tally_save(const struct tally *tally, struct bytes *out)
{
	bytes_number(out, tally->start);
	bytes_number(out, tally->n[0]);
	bytes_number(out, tally->n[1]);
}

static void pending_save(const struct pending *pending, second_t now, struct bytes *out)
{
	if (!pending)
		return;
	bucket_save(&pending->bucket, out);
	size_t mark = bytes_begin(out, RECORD_PENDING);
	tally_save(&pending->hour, out);
	tally_save(&pending->day, out);
	bytes_number(out, now);
	for (unsigned i = 0; i < pending->known_n; i++) {
		uint16_t hour = pending_hour(pending, i);
		bytes_number(out, pending_id(pending, i));
		bytes_signed(out, hours_ahead(hour & HOUR_MASK, now));
		bytes_number(out, hour >> 15);
	}
	bytes_end(out, mark);
}

static void baseline_save(const void *part, struct bytes *out, mono_t mono)
{
	const struct baseline *b = part;
	if (baseline_is_idle(part, mono))
		return;
	bytes_number(out, BASELINE_VERSION);
	settled_save(b, out);
	habits_save(b->habits, out);
	known_save(b->known, out);
	hours_save(b->hours, out);
	pending_save(b->pending, second_of(mono), out);
}

const struct account_part_row signals_baseline_part = {
	.name = "baseline",
	.id = 2,
	.free = baseline_free,
	.is_idle = baseline_is_idle,
	.reset = baseline_reset,
	.save = baseline_save,
	.load = baseline_load,
};
