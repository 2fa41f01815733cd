/* SPDX-License-Identifier: ISC */
/* limits.h: the ring against an exact log, refunds, reservations, plans that change. */
#include "policyd/limits.h"

#include "engine_help.h"
#include "random.h"

struct bench {
	struct config *config;
	struct limits_plan *plan;
	struct account account;
	struct rings *rings;
};

/* Every ring of the plan. */
static uint64_t all(const struct limits_plan *plan)
{
	return (UINT64_C(1) << plan->rings) - 1;
}

static struct bench bench_of(const char *limits)
{
	char text[1024];
	struct bench b = {0};
	snprintf(text, sizeof(text), "limits = ( %s );", limits);
	b.config = config_of(text);
	b.plan = limits_plan_new(b.config, NULL);
	b.rings = limits_rings(b.plan, &b.account, all(b.plan), false);
	return b;
}

static void bench_end(struct bench *b)
{
	if (b->account.part[PART_RINGS])
		limits_part.free(b->account.part[PART_RINGS]);
	limits_plan_unref(b->plan);
	config_unref(b->config);
}

static mono_t mono_s(double s)
{
	return at_s(s).mono;
}

/* ---- against an exact log ---- */

#define N_LIMIT 50
#define EVENTS  120000

static const struct {
	const char *limit;
	double window_s, step_s;
} windows[] = {
	{"{ name = \"a\"; rate = \"50/1m\"; }", 60, 3},
	{"{ name = \"a\"; rate = \"50/61s\"; }", 61, 2},
	{"{ name = \"a\"; rate = \"50/1h\"; }", 3600, 150},
	{"{ name = \"a\"; rate = \"50/2h\"; }", 7200, 200},
	{"{ name = \"a\"; rate = \"50/1d\"; }", 86400, 3000},
	{"{ name = \"a\"; rate = \"50/31d\"; }", 31 * 86400, 90000},
};

/*
 * Books whenever the ring has room. Never more than N in any window (exactly, by the log), and room is
 * never denied for longer than one bucket after the log would have had it.
 */
START_TEST(never_more_than_n_in_any_window)
{
	struct bench b = bench_of(windows[_i].limit);
	struct chance chance = chance_new(windows[_i].limit);
	static int64_t log_us[EVENTS];
	size_t first = 0, n = 0, denied_late = 0;
	int64_t window_us = (int64_t)(windows[_i].window_s * 1e6), now_us = mono_s(0).us;
	const struct ring_shape *shape = &b.plan->ring[0];
	for (int i = 0; i < EVENTS; i++) {
		/* Bursts and silences. */
		double scale = chance_below(&chance, 20) ? 0.2 : 20;
		now_us += (int64_t)(windows[_i].step_s * 1e6 * scale *
				    (double)chance_below(&chance, 1000) / 1000);
		mono_t now = {.us = now_us};
		while (first < n && log_us[first] <= now_us - window_us)
			first++;
		if (ring_used(b.rings, 0, now) + 1 <= N_LIMIT) {
			ck_assert_msg(n - first < N_LIMIT, "event %d: %zu in the window", i,
				n - first + 1);
			ring_book(b.rings, 0, 1, now);
			log_us[n++] = now_us;
		} else {
			size_t older = first;
			while (older > 0 &&
				log_us[older - 1] > now_us - window_us - shape->bucket_us)
				older--;
			denied_late += n - older < N_LIMIT;
		}
	}
	ck_assert_msg(denied_late == 0, "%zu denied more than one bucket late", denied_late);
	bench_end(&b);
}
END_TEST

START_TEST(room_at_is_when_room_returns)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"50/1h\"; }");
	struct chance chance = chance_new("room_at");
	double now = 0;
	for (int i = 0; i < 20000; i++) {
		now += chance_below(&chance, 400);
		uint32_t cost = 1 + chance_below(&chance, 60);
		struct ring_ask ask = {.cost = cost, .limit = 50, .mono = mono_s(now)};
		mono_t room = ring_room_at(b.rings, 0, &ask);
		uint32_t used = ring_used(b.rings, 0, ask.mono);
		if (cost > 50) {
			ck_assert_int_eq(room.us, MONO_NEVER.us);
		} else if (used + cost <= 50) {
			ck_assert_int_eq(room.us, ask.mono.us);
			ring_book(b.rings, 0, cost, ask.mono);
		} else {
			ck_assert_int_gt(room.us, ask.mono.us);
			mono_t before = {.us = room.us - 1};
			ck_assert_uint_le(ring_used(b.rings, 0, room) + cost, 50);
			ck_assert_uint_gt(ring_used(b.rings, 0, before) + cost, 50);
		}
	}
	bench_end(&b);
}
END_TEST

/* Charges and their refunds in any order leave what was not refunded, at any later time. */
START_TEST(refund_is_the_inverse_of_booking)
{
	enum { OPEN = 64 };
	struct bench b = bench_of("{ name = \"a\"; rate = \"60000/1h\"; }");
	struct bench twin = bench_of("{ name = \"a\"; rate = \"60000/1h\"; }");
	struct chance chance = chance_new("refund");
	struct {
		uint32_t n;
		mono_t booked_at;
	} open[OPEN] = {0};
	double now = 0;
	for (int i = 0; i < 100000; i++) {
		now += chance_below(&chance, 3);
		uint32_t slot = chance_below(&chance, OPEN);
		if (open[slot].n) {
			ring_refund(b.rings, 0, open[slot].n, open[slot].booked_at);
			open[slot].n = 0;
		} else if (chance_below(&chance, 2)) {
			open[slot].n = 1 + chance_below(&chance, 5);
			open[slot].booked_at = mono_s(now);
			ring_book(b.rings, 0, open[slot].n, mono_s(now));
		} else {
			uint32_t kept = 1 + chance_below(&chance, 5);
			ring_book(b.rings, 0, kept, mono_s(now));
			ring_book(twin.rings, 0, kept, mono_s(now));
		}
	}
	for (uint32_t i = 0; i < OPEN; i++) {
		if (open[i].n)
			ring_refund(b.rings, 0, open[i].n, open[i].booked_at);
	}
	for (double t = now; t < now + 4000; t += 100)
		ck_assert_uint_eq(
			ring_used(b.rings, 0, mono_s(t)), ring_used(twin.rings, 0, mono_s(t)));
	bench_end(&b);
	bench_end(&twin);
}
END_TEST

START_TEST(late_refund_takes_nothing_from_others)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"50/1h\"; }");
	ring_book(b.rings, 0, 5, mono_s(0));
	ring_book(b.rings, 0, 7, mono_s(3 * 3600));
	ring_refund(b.rings, 0, 5, mono_s(0));
	ck_assert_uint_eq(ring_used(b.rings, 0, mono_s(3 * 3600)), 7);
	bench_end(&b);
}
END_TEST

START_TEST(reservations_count_in_full_at_any_time)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"50/1h\"; }");
	ring_reserve(b.rings, 0, 30);
	ring_book(b.rings, 0, 10, mono_s(0));
	ck_assert_uint_eq(ring_used(b.rings, 0, mono_s(0)), 40);
	ck_assert_uint_eq(ring_used(b.rings, 0, mono_s(7200)), 30);
	ck_assert_uint_eq(ring_reserved(b.rings, 0), 30);
	struct ring_ask ask = {.cost = 30, .limit = 50, .mono = mono_s(0)};
	ck_assert_int_eq(ring_room_at(b.rings, 0, &ask).us, MONO_NEVER.us);
	ring_unreserve(b.rings, 0, 40);
	ck_assert_uint_eq(ring_used(b.rings, 0, mono_s(7200)), 0);
	bench_end(&b);
}
END_TEST

START_TEST(clock_that_goes_back_stands_still)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"50/1h\"; }");
	ring_book(b.rings, 0, 5, mono_s(5000));
	ring_book(b.rings, 0, 5, mono_s(100));
	ck_assert_uint_eq(ring_used(b.rings, 0, mono_s(100)), 10);
	ck_assert_uint_eq(ring_used(b.rings, 0, mono_s(5000)), 10);
	bench_end(&b);
}
END_TEST

/* ---- plans ---- */

START_TEST(cells_are_as_wide_as_the_rate_needs)
{
	static const struct {
		const char *limit;
		uint8_t bytes;
	} rows[] = {
		{"{ name = \"a\"; rate = \"255/1h\"; }", 1},
		{"{ name = \"a\"; rate = \"256/1h\"; }", 2},
		{"{ name = \"a\"; rate = \"65535/1h\"; }", 2},
		{"{ name = \"a\"; rate = \"65536/1h\"; }", 4},
		{"{ name = \"a\"; rate = \"10/1h\"; }, { name = \"b\"; rate = \"300/1h\"; }", 2},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench b = bench_of(rows[i].limit);
		uint32_t largest = (uint32_t)b.plan->ring[0].largest;
		ck_assert_uint_eq(b.plan->ring[0].cell_bytes, rows[i].bytes);
		ring_book(b.rings, 0, largest, mono_s(0));
		ck_assert_uint_eq(ring_used(b.rings, 0, mono_s(0)), largest);
		bench_end(&b);
	}
}
END_TEST

START_TEST(rules_share_a_ring_by_unit_and_window)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"10/1h\"; }, "
				  "{ name = \"b\"; rate = \"20/60m\"; action = \"HOLD\"; }, "
				  "{ name = \"c\"; rate = \"10/1h\"; mode = \"observe\"; }, "
				  "{ name = \"d\"; rate = \"10/1h\"; mode = \"observe\"; }, "
				  "{ name = \"e\"; unit = \"messages\"; rate = \"10/1h\"; }, "
				  "{ name = \"f\"; rate = \"unlimited\"; }");
	/* And one for exempt recipients; the emergency's is that of a and b. */
	ck_assert_uint_eq(b.plan->rings, 5);
	ck_assert_uint_eq(b.plan->emergency.ring, b.plan->rule[0].ring);
	ck_assert_uint_eq(b.plan->rule[0].ring, b.plan->rule[1].ring);
	ck_assert_uint_ne(b.plan->rule[2].ring, b.plan->rule[3].ring);
	ck_assert_uint_eq(b.plan->rule[5].ring, RING_NONE);
	bench_end(&b);
}
END_TEST

START_TEST(new_plan_keeps_what_it_still_counts)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"100/1h\"; }, "
				  "{ name = \"m\"; unit = \"messages\"; rate = \"100/1d\"; }");
	struct bench next = bench_of("{ name = \"z\"; rate = \"9/1m\"; }, "
				     "{ name = \"m\"; unit = \"messages\"; rate = \"1000/1d\"; }, "
				     "{ name = \"a\"; rate = \"70000/1h\"; }");
	ring_book(b.rings, 0, 42, mono_s(0));
	ring_book(b.rings, 1, 7, mono_s(0));
	ring_reserve(b.rings, 0, 3);
	struct rings *rings = limits_rings(next.plan, &b.account, all(next.plan), false);
	ck_assert_uint_eq(ring_used(rings, 0, mono_s(1)), 0);
	ck_assert_uint_eq(ring_used(rings, 1, mono_s(1)), 7);
	ck_assert_uint_eq(ring_used(rings, 2, mono_s(1)), 45);
	ck_assert_uint_eq(ring_used(rings, 2, mono_s(3000)), 45);
	ck_assert_uint_eq(ring_used(rings, 2, mono_s(4000)), 3);
	ck_assert_ptr_null(limits_rings_peek(b.plan, &b.account));
	bench_end(&b);
	bench_end(&next);
}
END_TEST

/* 900 of 1000, reloaded to 100 and back: the 900 are still there. */
START_TEST(narrower_rates_forget_nothing)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"1000/1h\"; }");
	struct bench small = bench_of("{ name = \"a\"; rate = \"100/1h\"; }");
	ring_book(b.rings, 0, 900, mono_s(0));
	struct limits_plan *narrow = limits_plan_new(small.config, b.plan);
	struct rings *rings = limits_rings(narrow, &b.account, 0, false);
	ck_assert_uint_eq(ring_used(rings, 0, mono_s(1)), 900);
	rings = limits_rings(b.plan, &b.account, 0, false);
	ck_assert_uint_eq(ring_used(rings, 0, mono_s(1)), 900);
	limits_plan_unref(narrow);
	bench_end(&b);
	bench_end(&small);
}
END_TEST

START_TEST(idle_when_nothing_counts)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"100/1h\"; }");
	ck_assert(limits_part.is_idle(b.rings, mono_s(0)));
	ring_book(b.rings, 0, 1, mono_s(0));
	ck_assert(!limits_part.is_idle(b.rings, mono_s(3599)));
	ck_assert(limits_part.is_idle(b.rings, mono_s(3600 + 301)));
	ring_reserve(b.rings, 0, 1);
	ck_assert(!limits_part.is_idle(b.rings, mono_s(9999)));
	bench_end(&b);
}
END_TEST

/* ---- layouts ---- */

/* An entry has the rings that were asked for, and keeps what they count when it gets more. */
START_TEST(layout_grows_and_forgets_nothing)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"100/1h\"; }, "
				  "{ name = \"m\"; unit = \"messages\"; rate = \"100/1d\"; }");
	struct account small = {0};
	struct rings *rings = limits_rings(b.plan, &small, 1, false);
	ring_book(rings, 0, 42, mono_s(0));
	ring_reserve(rings, 0, 3);
	ring_book(rings, 1, 7, mono_s(0));
	ck_assert_uint_eq(ring_used(rings, 1, mono_s(0)), 0);
	ck_assert_ptr_eq(limits_rings(b.plan, &small, 1, false), rings);
	rings = limits_rings(b.plan, &small, 2, false);
	ring_book(rings, 1, 7, mono_s(0));
	ck_assert_uint_eq(ring_used(rings, 0, mono_s(0)), 45);
	ck_assert_uint_eq(ring_used(rings, 1, mono_s(0)), 7);
	/* Wide: more than the rate's cells would hold. */
	rings = limits_rings(b.plan, &small, 1, true);
	ring_book(rings, 0, 100000, mono_s(0));
	ck_assert_uint_eq(ring_used(rings, 0, mono_s(0)), 100045);
	ck_assert_uint_eq(ring_used(rings, 1, mono_s(0)), 7);
	ck_assert_ptr_eq(limits_rings(b.plan, &small, 3, false), rings);
	limits_part.free(rings);
	bench_end(&b);
}
END_TEST

/* 10 TiB in 32-bit cells: a cost is rounded up, N down, so never more than N. */
START_TEST(large_sizes_are_counted_coarsely)
{
	struct bench b = bench_of("{ name = \"b\"; unit = \"bytes\"; rate = \"10240G/1d\"; }");
	const struct ring_shape *shape = &b.plan->ring[0];
	uint64_t n = UINT64_C(10240) << 30;
	ck_assert_uint_gt(shape->shift, 0);
	ck_assert_uint_eq(ring_cells_up(shape, 1), 1);
	ck_assert_uint_eq(ring_cells_down(shape, 1), 0);
	ck_assert_uint_le(ring_units(shape, ring_cells_down(shape, n)), n);
	ck_assert_uint_ge(ring_units(shape, ring_cells_up(shape, 12345678901)), 12345678901);
	ck_assert_uint_eq(ring_cells_up(shape, UINT64_MAX), UINT32_MAX);
	bench_end(&b);
}
END_TEST

START_TEST(reset_keeps_reservations)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"100/1h\"; }");
	ring_book(b.rings, 0, 42, mono_s(0));
	ring_reserve(b.rings, 0, 3);
	limits_part.reset(b.rings);
	ck_assert_uint_eq(ring_used(b.rings, 0, mono_s(0)), 3);
	bench_end(&b);
}
END_TEST

/* ---- in a snapshot ---- */

static struct limits_load load_of(struct limits_plan *plan, const struct bytes *shapes)
{
	struct limits_load load = {.plan = plan};
	struct reader in = reader_of(span_make(shapes->p, shapes->n));
	ck_assert(limits_load_shapes(&load, &in));
	return load;
}

/* Saved under one configuration, loaded under another, on a clock that stands elsewhere. */
static void move(const struct bench *from, mono_t saved, struct bench *to, int64_t shift_us)
{
	struct bytes shapes = {0}, part = {0};
	limits_save_shapes(from->plan, &shapes);
	limits_part.save(from->rings, &part, saved);
	struct limits_load load = load_of(to->plan, &shapes);
	struct reader in = reader_of(span_make(part.p, part.n));
	limits_part.load(&load, &to->account, &in, shift_us);
	ck_assert(!in.is_bad);
	to->rings = to->account.part[PART_RINGS];
	bytes_free(&shapes);
	bytes_free(&part);
}

START_TEST(saved_rings_count_as_before)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"100/1h\"; }, "
				  "{ name = \"m\"; unit = \"messages\"; rate = \"100/1d\"; }");
	struct bench other = bench_of("{ name = \"m\"; unit = \"messages\"; rate = \"50/1d\"; }, "
				      "{ name = \"z\"; rate = \"5/1m\"; }, "
				      "{ name = \"a\"; rate = \"300/1h\"; }");
	ring_book(b.rings, 0, 10, mono_s(0));
	ring_book(b.rings, 0, 20, mono_s(1800));
	ring_book(b.rings, 1, 7, mono_s(1800));
	ring_reserve(b.rings, 0, 5);
	move(&b, mono_s(2000), &other, 0);
	for (double s = 2000; s < 100000; s += 50) {
		ck_assert_uint_eq(
			ring_used(other.rings, 2, mono_s(s)), ring_used(b.rings, 0, mono_s(s)) - 5);
		ck_assert_uint_eq(
			ring_used(other.rings, 0, mono_s(s)), ring_used(b.rings, 1, mono_s(s)));
	}
	bench_end(&b);
	bench_end(&other);
}
END_TEST

/* After a reboot: what counted goes on counting at least as long, and at most a bucket longer. */
START_TEST(saved_rings_move_with_the_clock)
{
	static const double shifts[] = {0, 1, 149, 150, 151, 301, 100000, -1, -150, -200, -3333};
	for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
		struct bench b = bench_of("{ name = \"a\"; rate = \"100/1h\"; }");
		struct bench moved = bench_of("{ name = \"a\"; rate = \"100/1h\"; }");
		int64_t bucket_us = b.plan->ring[0].bucket_us;
		ring_book(b.rings, 0, 10, mono_s(10));
		ring_book(b.rings, 0, 20, mono_s(1000));
		move(&b, mono_s(1000), &moved, (int64_t)(shifts[i] * 1e6));
		for (double s = 1000; s < 6000; s += 25) {
			uint32_t here = ring_used(b.rings, 0, mono_s(s));
			uint32_t there = ring_used(moved.rings, 0, mono_s(s + shifts[i]));
			mono_t before = {.us = mono_s(s).us - bucket_us};
			ck_assert_uint_ge(there, here);
			ck_assert_uint_le(there, ring_used(b.rings, 0, before) > here
							 ? ring_used(b.rings, 0, before)
							 : here);
		}
		bench_end(&b);
		bench_end(&moved);
	}
}
END_TEST

START_TEST(saved_rings_that_are_idle_take_no_room)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"100/1h\"; }");
	struct bytes part = {0};
	ring_book(b.rings, 0, 10, mono_s(0));
	limits_part.save(b.rings, &part, mono_s(3600 + 301));
	ck_assert_uint_eq(part.n, 0);
	bytes_free(&part);
	bench_end(&b);
}
END_TEST

/* Whatever a file holds: no crash, no endless loop; what is loaded is within the cells. */
START_TEST(hostile_rings_are_passed_over)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"100/1h\"; }");
	struct chance chance = chance_new("hostile rings");
	struct bytes shapes = {0};
	limits_save_shapes(b.plan, &shapes);
	struct limits_load load = load_of(b.plan, &shapes);
	for (int i = 0; i < 20000; i++) {
		char bytes[40];
		size_t n = chance_below(&chance, sizeof(bytes));
		for (size_t k = 0; k < n; k++)
			bytes[k] = (char)chance_below(&chance, i % 2 ? 256 : 3);
		struct account account = {0};
		struct reader in = reader_of(span_make(bytes, n));
		limits_part.load(&load, &account, &in, (int64_t)chance_below(&chance, 1000) - 500);
		ck_assert(in.n == 0 || in.is_bad);
		if (account.part[PART_RINGS])
			limits_part.free(account.part[PART_RINGS]);
	}
	bytes_free(&shapes);
	bench_end(&b);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"never_more_than_n_in_any_window", never_more_than_n_in_any_window, ROWS(windows)},
		{"room_at_is_when_room_returns", room_at_is_when_room_returns, 0},
		{"refund_is_the_inverse_of_booking", refund_is_the_inverse_of_booking, 0},
		{"late_refund_takes_nothing_from_others", late_refund_takes_nothing_from_others, 0},
		{"reservations_count_in_full_at_any_time", reservations_count_in_full_at_any_time,
			0},
		{"clock_that_goes_back_stands_still", clock_that_goes_back_stands_still, 0},
		{"cells_are_as_wide_as_the_rate_needs", cells_are_as_wide_as_the_rate_needs, 0},
		{"rules_share_a_ring_by_unit_and_window", rules_share_a_ring_by_unit_and_window, 0},
		{"new_plan_keeps_what_it_still_counts", new_plan_keeps_what_it_still_counts, 0},
		{"narrower_rates_forget_nothing", narrower_rates_forget_nothing, 0},
		{"idle_when_nothing_counts", idle_when_nothing_counts, 0},
		{"layout_grows_and_forgets_nothing", layout_grows_and_forgets_nothing, 0},
		{"large_sizes_are_counted_coarsely", large_sizes_are_counted_coarsely, 0},
		{"reset_keeps_reservations", reset_keeps_reservations, 0},
		{"saved_rings_count_as_before", saved_rings_count_as_before, 0},
		{"saved_rings_move_with_the_clock", saved_rings_move_with_the_clock, 0},
		{"saved_rings_that_are_idle_take_no_room", saved_rings_that_are_idle_take_no_room,
			0},
		{"hostile_rings_are_passed_over", hostile_rings_are_passed_over, 0},
	};
	return SUITE_RUN("limits", rows);
}
