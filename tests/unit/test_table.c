/* SPDX-License-Identifier: ISC */
/* table.h: against a naive map, its bounds, refs that outlive entries. */
#include <stdio.h>
#include <string.h>

#include "policyd/table.h"
#include "random.h"
#include "suite.h"

struct thing {
	struct table_node node;
	uint32_t value;
};

static unsigned dropped, evicted;

static void on_drop(void *ctx, void *entry, bool is_evicted)
{
	(void)ctx;
	(void)entry;
	dropped++;
	evicted += is_evicted;
}

static struct table *table_of(uint32_t max0, uint32_t max1)
{
	dropped = evicted = 0;
	return table_new(&(struct table_setup){
		.entry_bytes = sizeof(struct thing),
		.lists = 2,
		.max = {max0, max1},
		.hash_key = {.k0 = 1, .k1 = 2},
		.drop = on_drop,
	});
}

static struct span key_of(uint32_t number, char buf[16])
{
	int n = snprintf(buf, 16, "key%u", number);
	return span_make(buf, (size_t)n);
}

START_TEST(finds_what_was_added)
{
	char buf[16];
	struct table *t = table_of(0, 0);
	struct thing *a = table_add(t, SPAN("a"), 0);
	a->value = 7;
	ck_assert_ptr_eq(table_find(t, SPAN("a")), a);
	ck_assert_ptr_null(table_find(t, SPAN("b")));
	ck_assert_ptr_null(table_find(t, span_make(NULL, 0)));
	struct thing *empty = table_add(t, span_make(NULL, 0), 0);
	ck_assert_ptr_eq(table_find(t, span_make(buf, 0)), empty);
	ck_assert_ptr_ne(empty, a);
	table_free(t);
	ck_assert_uint_eq(dropped, 2);
}
END_TEST

START_TEST(keys_may_hold_any_byte)
{
	struct table *t = table_of(0, 0);
	void *a = table_add(t, SPAN("x\0y"), 0);
	void *b = table_add(t, SPAN("x\0z"), 0);
	ck_assert_ptr_eq(table_find(t, SPAN("x\0y")), a);
	ck_assert_ptr_eq(table_find(t, SPAN("x\0z")), b);
	ck_assert_ptr_null(table_find(t, SPAN("x")));
	table_free(t);
}
END_TEST

START_TEST(evicts_the_longest_untouched)
{
	struct table *t = table_of(2, 0);
	void *a = table_add(t, SPAN("a"), 0);
	table_add(t, SPAN("b"), 0);
	table_touch(t, a);
	table_add(t, SPAN("c"), 0);
	ck_assert_ptr_nonnull(table_find(t, SPAN("a")));
	ck_assert_ptr_null(table_find(t, SPAN("b")));
	ck_assert_uint_eq(table_evictions(t, 0), 1);
	ck_assert_uint_eq(evicted, 1);
	table_free(t);
}
END_TEST

START_TEST(lists_do_not_crowd_each_other_out)
{
	char buf[16];
	struct table *t = table_of(3, 10);
	table_add(t, SPAN("mine"), 1);
	for (uint32_t i = 0; i < 1000; i++)
		table_add(t, key_of(i, buf), 0);
	ck_assert_ptr_nonnull(table_find(t, SPAN("mine")));
	ck_assert_uint_eq(table_count(t, 0), 3);
	ck_assert_uint_eq(table_count(t, 1), 1);
	ck_assert_uint_eq(table_evictions(t, 0), 997);
	table_free(t);
}
END_TEST

START_TEST(moving_obeys_the_other_lists_maximum)
{
	struct table *t = table_of(1, 0);
	void *a = table_add(t, SPAN("a"), 1);
	table_add(t, SPAN("b"), 0);
	table_move(t, a, 0);
	ck_assert_ptr_eq(table_find(t, SPAN("a")), a);
	ck_assert_ptr_null(table_find(t, SPAN("b")));
	table_free(t);
}
END_TEST

START_TEST(ref_dies_with_its_entry)
{
	struct table *t = table_of(0, 0);
	void *a = table_add(t, SPAN("a"), 0);
	struct table_ref ref = table_ref_of(a);
	ck_assert_ptr_eq(table_get(t, ref), a);
	table_remove(t, a);
	ck_assert_ptr_null(table_get(t, ref));
	void *b = table_add(t, SPAN("a"), 0);
	ck_assert_ptr_eq(b, a); /* the same place, another life */
	ck_assert_ptr_null(table_get(t, ref));
	ck_assert_ptr_null(table_get(t, (struct table_ref){0}));
	ck_assert_ptr_null(table_get(t, (struct table_ref){.index = 9999999, .generation = 1}));
	table_free(t);
}
END_TEST

/* ---- against a naive map ---- */

#define KEYS  5000
#define STEPS 300000

struct model {
	bool is_there[KEYS];
	uint32_t value[KEYS];
	size_t n;
};

static void step_find(struct table *t, struct model *m, uint32_t key)
{
	char buf[16];
	struct thing *found = table_find(t, key_of(key, buf));
	ck_assert_int_eq(found != NULL, m->is_there[key]);
	if (found)
		ck_assert_uint_eq(found->value, m->value[key]);
}

static void step_change(struct table *t, struct model *m, uint32_t key, uint32_t value)
{
	char buf[16];
	struct thing *found = table_find(t, key_of(key, buf));
	if (found) {
		table_remove(t, found);
		m->n--;
	} else {
		found = table_add(t, key_of(key, buf), value % 2);
		found->value = m->value[key] = value;
		m->n++;
	}
	m->is_there[key] = !m->is_there[key];
}

static void step_walk(struct table *t, const struct model *m)
{
	uint32_t cursor = 0;
	size_t seen = 0;
	const struct thing *it;
	while ((it = table_next(t, &cursor, NULL))) {
		uint32_t key;
		ck_assert_int_eq(sscanf(it->node.key, "key%u", &key), 1);
		ck_assert(m->is_there[key]);
		seen++;
	}
	ck_assert_uint_eq(seen, m->n);
	ck_assert_uint_eq(table_count(t, 0) + table_count(t, 1), m->n);
}

START_TEST(is_a_map)
{
	struct chance chance = chance_new("table is_a_map");
	struct model *m = calloc(1, sizeof(*m));
	struct table *t = table_of(0, 0);
	for (int i = 0; i < STEPS; i++) {
		/* Phases that mostly grow and mostly shrink: growth and graves are met. */
		uint32_t range = (i / 50000) % 2 ? KEYS : KEYS / 20;
		uint32_t key = chance_below(&chance, range);
		if (chance_below(&chance, 3))
			step_change(t, m, key, (uint32_t)chance_next(&chance));
		else
			step_find(t, m, key);
		if (i % 30000 == 0)
			step_walk(t, m);
	}
	step_walk(t, m);
	table_free(t);
	free(m);
}
END_TEST

START_TEST(walk_survives_removal)
{
	char buf[16];
	struct table *t = table_of(0, 0);
	for (uint32_t i = 0; i < 3000; i++)
		table_add(t, key_of(i, buf), 0);
	uint32_t cursor = 0;
	size_t seen = 0;
	void *it;
	while ((it = table_next(t, &cursor, NULL))) {
		seen++;
		table_remove(t, it);
	}
	ck_assert_uint_eq(seen, 3000);
	ck_assert_uint_eq(table_count(t, 0), 0);
	table_free(t);
}
END_TEST

/* However many entries went, a call looks at no more places than it may, and the walk ends. */
START_TEST(walk_is_bounded)
{
	char buf[16];
	struct table *t = table_of(0, 0);
	for (uint32_t i = 0; i < 3000; i++)
		table_add(t, key_of(i, buf), 0);
	for (uint32_t i = 0; i < 2999; i++)
		table_remove(t, table_find(t, key_of(i, buf)));
	uint32_t cursor = 0;
	for (int i = 0; i < 2; i++) {
		size_t places = 1000;
		ck_assert_ptr_null(table_next(t, &cursor, &places));
		ck_assert_uint_eq(places, 0);
	}
	size_t places = 1500;
	ck_assert_ptr_eq(table_next(t, &cursor, &places), table_find(t, SPAN("key2999")));
	ck_assert_uint_eq(places, 500);
	ck_assert_ptr_null(table_next(t, &cursor, &places));
	ck_assert_uint_eq(places, 500);
	table_free(t);
}
END_TEST

/* A smaller maximum is reached by what is added later, a few evictions at a time. */
START_TEST(smaller_maximum_is_reached_in_steps)
{
	char buf[16];
	struct table *t = table_of(0, 0);
	for (uint32_t i = 0; i < 1000; i++)
		table_add(t, key_of(i, buf), 0);
	table_set_max(t, 0, 10);
	ck_assert_uint_eq(table_count(t, 0), 1000);
	unsigned before = 0;
	for (uint32_t i = 1000; table_count(t, 0) > 10; i++) {
		ck_assert_uint_lt(i, 1040);
		table_add(t, key_of(i, buf), 0);
		ck_assert_uint_le(evicted - before, 32);
		before = evicted;
	}
	table_add(t, SPAN("last"), 0);
	ck_assert_uint_eq(table_count(t, 0), 10);
	ck_assert_ptr_nonnull(table_find(t, SPAN("last")));
	table_free(t);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"finds_what_was_added", finds_what_was_added, 0},
		{"keys_may_hold_any_byte", keys_may_hold_any_byte, 0},
		{"evicts_the_longest_untouched", evicts_the_longest_untouched, 0},
		{"lists_do_not_crowd_each_other_out", lists_do_not_crowd_each_other_out, 0},
		{"moving_obeys_the_other_lists_maximum", moving_obeys_the_other_lists_maximum, 0},
		{"ref_dies_with_its_entry", ref_dies_with_its_entry, 0},
		{"is_a_map", is_a_map, 0},
		{"walk_survives_removal", walk_survives_removal, 0},
		{"walk_is_bounded", walk_is_bounded, 0},
		{"smaller_maximum_is_reached_in_steps", smaller_maximum_is_reached_in_steps, 0},
	};
	return SUITE_RUN("table", rows);
}
