/* SPDX-License-Identifier: ISC */
/*
 * Scaled limits begin afresh (semantics 27): who had used 150 of 200 is not to be blocked at once by 100. What
 * was in each ring at an account's first look is passed over; an account that did not ask since the change
 * has not sent since either. Nothing of it is kept while all is well.
 */
#include "internal.h"

static struct fresh *fresh_called(struct engine *e, struct span key)
{
	if (!e->fresh)
		e->fresh = table_new(&(struct table_setup){
			.entry_bytes = sizeof(struct fresh),
			.lists = 1,
			.max = {e->plan->snapshot->accounts_max},
			.hash_key = e->key,
		});
	struct fresh *fresh = table_find(e->fresh, key);
	if (!fresh)
		fresh = table_add(e->fresh, key, 0);
	table_touch(e->fresh, fresh);
	return fresh;
}

struct fresh *fresh_of(struct engine *e, const struct account *account, uint64_t generation)
{
	struct fresh *fresh = fresh_called(e, table_key(account));
	if (fresh->generation != generation) {
		fresh->generation = generation;
		fresh->n = 0;
		fresh->slow = (struct window){0};
	}
	return fresh;
}

const struct ring_mark *fresh_mark(struct fresh *fresh, const struct rings *rings,
	const struct ring_shape *shape, uint32_t ring, mono_t mono)
{
	for (unsigned i = 0; i < fresh->n; i++) {
		const struct fresh_mark *mark = &fresh->mark[i];
		if (mark->unit == shape->unit && mark->window_us == shape->window_us)
			return &mark->mark;
	}
	if (fresh->n == FRESH_RINGS)
		return NULL;
	struct fresh_mark *mark = &fresh->mark[fresh->n++];
	*mark = (struct fresh_mark){.unit = shape->unit,
		.window_us = shape->window_us,
		.mark = ring_mark(rings, ring, mono)};
	return &mark->mark;
}

/* ---- in a snapshot ---- */

const struct fresh *fresh_next(const struct engine *e, uint32_t *cursor, size_t *places)
{
	return e->fresh ? table_next(e->fresh, cursor, places) : NULL;
}

void fresh_save(const struct fresh *fresh, struct bytes *out)
{
	bytes_span(out, table_key(fresh));
	bytes_number(out, fresh->generation);
	bytes_number(out, fresh->n);
	for (unsigned i = 0; i < fresh->n; i++) {
		const struct fresh_mark *mark = &fresh->mark[i];
		bytes_span(out, span_of(unit_name(mark->unit)));
		bytes_signed(out, mark->window_us);
		bytes_number(out, mark->mark.bucket);
		bytes_number(out, mark->mark.units);
	}
	if (fresh->slow.cell_s)
		window_save(&fresh->slow, out);
}

static bool mark_load(struct fresh_mark *mark, struct reader *in)
{
	struct span unit = reader_span(in);
	unsigned number = 0;
	while (number < UNIT_COUNT && !span_equal(unit, span_of(unit_name((enum unit)number))))
		number++;
	mark->unit = (enum unit)number;
	mark->window_us = reader_signed(in);
	uint64_t bucket = reader_number(in);
	mark->mark.units = reader_number(in);
	mark->mark.bucket = (uint32_t)bucket;
	return !in->is_bad && bucket <= UINT32_MAX && number < UNIT_COUNT;
}

/* Marks are numbers of buckets: after a reboot there is another count, and limits begin afresh once more. */
bool fresh_load(struct engine *e, struct reader *in, int64_t shift_us)
{
	struct fresh loaded = {.n = 0};
	struct span key = reader_span(in);
	loaded.generation = reader_number(in);
	uint64_t n = reader_number(in);
	if (in->is_bad || key.n > ACCOUNT_KEY_MAX || n > FRESH_RINGS)
		return false;
	for (; loaded.n < n; loaded.n++) {
		if (!mark_load(&loaded.mark[loaded.n], in))
			return false;
	}
	if (in->n && !window_load(&loaded.slow, in, shift_us))
		return false;
	if (in->is_bad || in->n)
		return false;
	if (shift_us != 0)
		return true;
	struct fresh *fresh = fresh_called(e, key);
	fresh->generation = loaded.generation;
	fresh->n = loaded.n;
	fresh->slow = loaded.slow;
	memcpy(fresh->mark, loaded.mark, sizeof(fresh->mark));
	return true;
}
