/* SPDX-License-Identifier: ISC */
/*
 * Scaled limits begin afresh (semantics 27): who had used 150 of 200 is not to be blocked at once by 100. What
 * was in each ring at an account's first look is passed over; an account that did not ask since the change
 * has not sent since either. Nothing of it is kept while all is well.
 */
#include "internal.h"

struct fresh *fresh_of(struct engine *e, const struct account *account, uint64_t generation)
{
	if (!e->fresh)
		e->fresh = table_new(&(struct table_setup){
			.entry_bytes = sizeof(struct fresh),
			.lists = 1,
			.max = {e->plan->snapshot->accounts_max},
			.hash_key = e->key,
		});
	struct fresh *fresh = table_find(e->fresh, table_key(account));
	if (!fresh)
		fresh = table_add(e->fresh, table_key(account), 0);
	table_touch(e->fresh, fresh);
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
