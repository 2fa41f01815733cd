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

static struct bench bench_of(const char *limits)
{
	char text[1024];
	struct bench b = {0};
	snprintf(text, sizeof(text), "limits = ( %s );", limits);
	b.config = config_of(text);
	b.plan = limits_plan_new(b.config, NULL);
	b.rings = limits_rings(b.plan, &b.account);
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
		if (ring_used(b.plan, b.rings, 0, now) + 1 <= N_LIMIT) {
			ck_assert_msg(n - first < N_LIMIT, "event %d: %zu in the window", i,
				n - first + 1);
			ring_book(b.plan, b.rings, 0, 1, now);
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
		mono_t room = ring_room_at(b.plan, b.rings, 0, &ask);
		uint32_t used = ring_used(b.plan, b.rings, 0, ask.mono);
		if (cost > 50) {
			ck_assert_int_eq(room.us, MONO_NEVER.us);
		} else if (used + cost <= 50) {
			ck_assert_int_eq(room.us, ask.mono.us);
			ring_book(b.plan, b.rings, 0, cost, ask.mono);
		} else {
			ck_assert_int_gt(room.us, ask.mono.us);
			mono_t before = {.us = room.us - 1};
			ck_assert_uint_le(ring_used(b.plan, b.rings, 0, room) + cost, 50);
			ck_assert_uint_gt(ring_used(b.plan, b.rings, 0, before) + cost, 50);
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
			ring_refund(b.plan, b.rings, 0, open[slot].n, open[slot].booked_at);
			open[slot].n = 0;
		} else if (chance_below(&chance, 2)) {
			open[slot].n = 1 + chance_below(&chance, 5);
			open[slot].booked_at = mono_s(now);
			ring_book(b.plan, b.rings, 0, open[slot].n, mono_s(now));
		} else {
			uint32_t kept = 1 + chance_below(&chance, 5);
			ring_book(b.plan, b.rings, 0, kept, mono_s(now));
			ring_book(twin.plan, twin.rings, 0, kept, mono_s(now));
		}
	}
	for (uint32_t i = 0; i < OPEN; i++) {
		if (open[i].n)
			ring_refund(b.plan, b.rings, 0, open[i].n, open[i].booked_at);
	}
	for (double t = now; t < now + 4000; t += 100)
		ck_assert_uint_eq(ring_used(b.plan, b.rings, 0, mono_s(t)),
			ring_used(twin.plan, twin.rings, 0, mono_s(t)));
	bench_end(&b);
	bench_end(&twin);
}
END_TEST

START_TEST(late_refund_takes_nothing_from_others)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"50/1h\"; }");
	ring_book(b.plan, b.rings, 0, 5, mono_s(0));
	ring_book(b.plan, b.rings, 0, 7, mono_s(3 * 3600));
	ring_refund(b.plan, b.rings, 0, 5, mono_s(0));
	ck_assert_uint_eq(ring_used(b.plan, b.rings, 0, mono_s(3 * 3600)), 7);
	bench_end(&b);
}
END_TEST

START_TEST(reservations_count_in_full_at_any_time)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"50/1h\"; }");
	ring_reserve(b.plan, b.rings, 0, 30);
	ring_book(b.plan, b.rings, 0, 10, mono_s(0));
	ck_assert_uint_eq(ring_used(b.plan, b.rings, 0, mono_s(0)), 40);
	ck_assert_uint_eq(ring_used(b.plan, b.rings, 0, mono_s(7200)), 30);
	ck_assert_uint_eq(ring_reserved(b.plan, b.rings, 0), 30);
	struct ring_ask ask = {.cost = 30, .limit = 50, .mono = mono_s(0)};
	ck_assert_int_eq(ring_room_at(b.plan, b.rings, 0, &ask).us, MONO_NEVER.us);
	ring_unreserve(b.plan, b.rings, 0, 40);
	ck_assert_uint_eq(ring_used(b.plan, b.rings, 0, mono_s(7200)), 0);
	bench_end(&b);
}
END_TEST

START_TEST(clock_that_goes_back_stands_still)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"50/1h\"; }");
	ring_book(b.plan, b.rings, 0, 5, mono_s(5000));
	ring_book(b.plan, b.rings, 0, 5, mono_s(100));
	ck_assert_uint_eq(ring_used(b.plan, b.rings, 0, mono_s(100)), 10);
	ck_assert_uint_eq(ring_used(b.plan, b.rings, 0, mono_s(5000)), 10);
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
		uint32_t largest = b.plan->ring[0].largest;
		ck_assert_uint_eq(b.plan->ring[0].cell_bytes, rows[i].bytes);
		ring_book(b.plan, b.rings, 0, largest, mono_s(0));
		ck_assert_uint_eq(ring_used(b.plan, b.rings, 0, mono_s(0)), largest);
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
	ck_assert_uint_eq(b.plan->rings, 4);
	ck_assert_uint_eq(b.plan->rule[0].ring, b.plan->rule[1].ring);
	ck_assert_uint_ne(b.plan->rule[2].ring, b.plan->rule[3].ring);
	ck_assert(b.plan->rule[5].is_unlimited);
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
	ring_book(b.plan, b.rings, 0, 42, mono_s(0));
	ring_book(b.plan, b.rings, 1, 7, mono_s(0));
	ring_reserve(b.plan, b.rings, 0, 3);
	struct rings *rings = limits_rings(next.plan, &b.account);
	ck_assert_uint_eq(ring_used(next.plan, rings, 0, mono_s(1)), 0);
	ck_assert_uint_eq(ring_used(next.plan, rings, 1, mono_s(1)), 7);
	ck_assert_uint_eq(ring_used(next.plan, rings, 2, mono_s(1)), 45);
	ck_assert_uint_eq(ring_used(next.plan, rings, 2, mono_s(3000)), 45);
	ck_assert_uint_eq(ring_used(next.plan, rings, 2, mono_s(4000)), 3);
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
	ring_book(b.plan, b.rings, 0, 900, mono_s(0));
	struct limits_plan *narrow = limits_plan_new(small.config, b.plan);
	struct rings *rings = limits_rings(narrow, &b.account);
	ck_assert_uint_eq(ring_used(narrow, rings, 0, mono_s(1)), 900);
	rings = limits_rings(b.plan, &b.account);
	ck_assert_uint_eq(ring_used(b.plan, rings, 0, mono_s(1)), 900);
	limits_plan_unref(narrow);
	bench_end(&b);
	bench_end(&small);
}
END_TEST

START_TEST(idle_when_nothing_counts)
{
	struct bench b = bench_of("{ name = \"a\"; rate = \"100/1h\"; }");
	ck_assert(limits_part.is_idle(b.rings, mono_s(0)));
	ring_book(b.plan, b.rings, 0, 1, mono_s(0));
	ck_assert(!limits_part.is_idle(b.rings, mono_s(3599)));
	ck_assert(limits_part.is_idle(b.rings, mono_s(3600 + 301)));
	ring_reserve(b.plan, b.rings, 0, 1);
	ck_assert(!limits_part.is_idle(b.rings, mono_s(9999)));
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
	};
	return SUITE_RUN("limits", rows);
}
