/* SPDX-License-Identifier: ISC */
/* posture.h: bounds, views, generations, what outlives the process, warm-up: what no script can tell. */
#include "posture_world.h"
#include <errno.h>

/* Receivers that do not fade within a test. */
#define STEADY "receiver_half_life = \"7d\";"

/* Setting the wall clock neither ends what a person set nor prolongs it. */
START_TEST(wall_clock_set)
{
	struct world w = world_new("", WAY_PLAIN);
	world_script(&w,
		"set hold 2h | says ok -> hold: set | wall 3h | is hold | wall -6h | is hold |"
		"+ 7199s | is hold | + 1s | says hold: the time | says hold -> recover");
	world_free(&w);
}
END_TEST

/* What comes late is told as of when it was due. */
START_TEST(event_times)
{
	static const int64_t at_us[] = {0, 10 * MINUTE_US, 70 * MINUTE_US, 130 * MINUTE_US,
		190 * MINUTE_US, 250 * MINUTE_US};
	for (int way = WAY_PLAIN; way < WAYS; way++) {
		struct world w = world_new("", (enum way)way);
		struct posture_effect effect;
		int64_t begin_us = w.now.wall.us;
		do_in(&w, SPAN("a:5"));
		ck_assert(postures_effect(w.p, &effect));
		do_in(&w, SPAN(""));
		do_pass(&w, SPAN("30d"));
		for (size_t i = 1; i < sizeof(at_us) / sizeof(at_us[0]); i++) {
			ck_assert(postures_effect(w.p, &effect));
			ck_assert_int_eq(effect.event.at.us - begin_us, at_us[i]);
		}
		ck_assert(!postures_effect(w.p, &effect));
		ck_assert_int_eq(world_view(&w, SPAN("")).since.us - begin_us, 250 * MINUTE_US);
		world_free(&w);
	}
}
END_TEST

static struct ip ip_number(unsigned i)
{
	struct ip ip;
	char text[32];
	int n = snprintf(text, sizeof(text), "198.51.%u.%u", i / 256, i % 256);
	ck_assert_int_eq(ip_parse(span_make(text, (size_t)n), &ip), 0);
	return ip;
}

/* ---- generations, and whether there is news ---- */

static uint64_t generation_of(struct world *w)
{
	return world_view(w, SPAN("")).generation;
}

START_TEST(generations)
{
	static const struct {
		const char *command;
		bool changes;
	} steps[] = {{"in a:3", true}, {"in a:3 b:3", false}, {"in b:5", true}, {"in b:5?", false},
		{"in", false}, {"+ 9m", false}, {"+ 1m", true}, {"+ 1h", true}, {"+ 59m", false},
		{"+ 1m", true}, {"+ 10h", true}, {"+ 10h", false}, {"set ok", false},
		{"set hold", true}, {"unset", false}, {"hear google 20", false}};
	struct world w = world_new("", WAY_PLAIN);
	struct posture_effect effect;
	uint64_t seen[32];
	size_t seen_n = 0;
	seen[seen_n++] = generation_of(&w);
	ck_assert(postures_moved(w.p) && !postures_moved(w.p));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		while (postures_effect(w.p, &effect))
			;
		world_command(&w, span_of(steps[i].command));
		uint64_t generation = generation_of(&w);
		bool is_new = generation != seen[seen_n - 1];
		ck_assert_msg(is_new == steps[i].changes, "\"%s\"", steps[i].command);
		for (size_t j = 0; is_new && j < seen_n; j++)
			ck_assert_uint_ne(generation, seen[j]);
		if (is_new) {
			ck_assert(postures_moved(w.p));
			seen[seen_n++] = generation;
		}
		(void)postures_moved(w.p);
	}
	ck_assert_uint_ne(world_view(&w, SPAN("google")).generation, generation_of(&w));
	/* The same in the next process, and what is new there is new. */
	world_restart(&w, MINUTE_US);
	ck_assert_uint_eq(generation_of(&w), seen[seen_n - 1]);
	do_set(&w, SPAN("ok"));
	for (size_t j = 0; j < seen_n; j++)
		ck_assert_uint_ne(generation_of(&w), seen[j]);
	world_free(&w);
	/* Nor is it one of those when nothing was saved. */
	w = world_new("", WAY_PLAIN);
	w.now.wall.us += 1;
	postures_free(w.p);
	w.p = postures_new(w.config, w.now);
	postures_egresses(w.p, &w.egress, 1, w.now);
	for (size_t j = 0; j < seen_n; j++)
		ck_assert_uint_ne(generation_of(&w), seen[j]);
	world_free(&w);
}
END_TEST

START_TEST(same_again_is_no_news)
{
	struct world w = world_new("", WAY_PLAIN);
	do_in(&w, SPAN("a:5 b:3?"));
	ck_assert(postures_moved(w.p) && postures_is_dirty(w.p));
	struct bytes saved = world_saved(&w);
	bytes_free(&saved);
	world_pass(&w, MINUTE_US);
	do_in(&w, SPAN("a:5 b:3?"));
	postures_egresses(w.p, &w.egress, 1, w.now);
	ck_assert(!postures_moved(w.p) && !postures_is_dirty(w.p));
	world_free(&w);
}
END_TEST

/* ---- views ---- */

START_TEST(views)
{
	struct world w = world_new(STEADY, WAY_PLAIN);
	struct posture_view view;
	ck_assert(postures_get(w.p, &w.egress, w.now, &view));
	ck_assert_str_eq(view.why, "");
	ck_assert(view.next.us == 0 && !view.is_set && !view.is_unknown && view.share == 100);
	do_in(&w, SPAN("a:5 b:4"));
	int64_t begin_us = w.now.wall.us;
	world_pass(&w, HOUR_US);
	do_in(&w, SPAN("a:5? b:4"));
	view = world_view(&w, SPAN(""));
	ck_assert(view.is_unknown);
	ck_assert_int_eq(view.since.us, begin_us);
	ck_assert_int_eq(view.next.us, begin_us + 25 * HOUR_US);
	do_in(&w, SPAN("b:4"));
	view = world_view(&w, SPAN(""));
	ck_assert(!view.is_unknown);
	ck_assert_int_eq(view.next.us, w.now.wall.us + 10 * MINUTE_US);
	do_set(&w, SPAN("watch 3h"));
	view = world_view(&w, SPAN(""));
	ck_assert(view.is_set && view.posture == POSTURE_WATCH);
	ck_assert_int_eq(view.next.us, w.now.wall.us + 3 * HOUR_US);
	do_hear(&w, SPAN("google 12"));
	do_hear(&w, SPAN("yahoo 1"));
	world_pass(&w, 7 * DAY_US);
	view = world_view(&w, SPAN("google"));
	ck_assert_double_eq_tol(view.points, 6, 1e-6);
	ck_assert(view.posture == POSTURE_THROTTLE && !view.is_set);
	ck_assert_str_eq(view.why, "reputation: 421 4.7.28");
	/* yahoo is ok. */
	ck_assert(postures_at(w.p, 1, w.now, &view) && !postures_at(w.p, 2, w.now, &view));
	world_free(&w);
}
END_TEST

/* What lists and receivers say goes to logs and terminals. */
START_TEST(texts_are_clean)
{
	struct world w = world_new("", WAY_PLAIN);
	struct posture_effect effect;
	char text[1000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "a\r\n\x1b[2J\xff", 8);
	postures_signal(w.p,
		&(struct receiver_signal){.egress = w.egress,
			.provider = span_of(text),
			.kind = span_of(text),
			.weight = 50,
			.text = span_of(text)},
		w.now);
	postures_inputs(w.p, &w.egress,
		&(struct posture_input){.id = text, .why = text, .severity = 200}, 1, w.now);
	struct posture_order order = {.posture = POSTURE_HOLD,
		.until = WALL_NEVER,
		.author = span_of(text),
		.reason = span_of(text)};
	postures_set(w.p, &w.egress, &order, w.now);
	for (int n = 0; n < 2; n++) {
		ck_assert(postures_effect(w.p, &effect));
		ck_assert_uint_le(effect.event.reason.n, EVENT_REASON_MAX);
		for (size_t i = 0; i < effect.event.reason.n; i++)
			ck_assert(
				effect.event.reason.p[i] >= ' ' && effect.event.reason.p[i] <= '~');
		for (size_t i = 0; i < effect.event.limit.n; i++)
			ck_assert(effect.event.limit.p[i] >= ' ' && effect.event.limit.p[i] <= '~');
	}
	world_same(&w);
	world_free(&w);
}
END_TEST

START_TEST(names)
{
	for (unsigned i = 0; i < POSTURE_COUNT; i++)
		ck_assert_uint_eq(posture_of_name(span_of(posture_name((enum posture)i))), i);
	ck_assert_uint_eq(posture_of_name(SPAN("")), POSTURE_COUNT);
}
END_TEST

/* ---- which egresses there are ---- */

START_TEST(egresses_in_order)
{
	struct world w = world_new(STEADY, WAY_PLAIN);
	struct ip ip[4] = {ip_number(1), ip_number(2), ip_number(3), ip_number(4)};
	struct posture_view view;
	postures_egresses(w.p, ip, 3, w.now);
	ck_assert(!postures_get(w.p, &w.egress, w.now, &view));
	w.egress = ip[1];
	do_in(&w, SPAN("a:5"));
	do_hear(&w, SPAN("yahoo 20"));
	do_hear(&w, SPAN("google 5"));
	static const char *const providers[] = {"", "", "google", "yahoo", ""};
	for (size_t i = 0; i < 5; i++) {
		ck_assert(postures_at(w.p, i, w.now, &view));
		ck_assert_str_eq(view.provider, providers[i]);
		ck_assert(ip_equal(&view.egress, &ip[i < 1 ? 0 : i < 4 ? 1 : 2]));
	}
	ck_assert(!postures_at(w.p, 5, w.now, &view));
	/* Another order, one more, one less, one twice. */
	const struct ip late[] = {ip_number(9), ip[3], ip_number(8), ip[1], ip[0]};
	postures_egresses(w.p, late, 5, w.now);
	ck_assert(postures_at(w.p, 6, w.now, &view) && ip_equal(&view.egress, &ip[0]));
	world_same(&w);
	const struct ip next[] = {ip[3], ip[1], ip[3], ip[0]};
	postures_egresses(w.p, next, 4, w.now);
	ck_assert(postures_at(w.p, 0, w.now, &view) && ip_equal(&view.egress, &ip[3]));
	ck_assert(postures_at(w.p, 1, w.now, &view) && ip_equal(&view.egress, &ip[1]));
	ck_assert(postures_at(w.p, 4, w.now, &view) && ip_equal(&view.egress, &ip[0]));
	ck_assert(!postures_at(w.p, 5, w.now, &view));
	world_free(&w);
}
END_TEST

/* An interface that flaps loses no posture; what is away for a day is forgotten. */
START_TEST(egress_away)
{
	struct world w = world_new("", WAY_PLAIN);
	struct posture_view view;
	do_in(&w, SPAN("a:5"));
	postures_egresses(w.p, NULL, 0, w.now);
	ck_assert(!postures_get(w.p, &w.egress, w.now, &view));
	ck_assert(!postures_at(w.p, 0, w.now, &view));
	world_pass(&w, DAY_US - SECOND_US);
	world_same(&w);
	postures_egresses(w.p, &w.egress, 1, w.now);
	ck_assert(postures_get(w.p, &w.egress, w.now, &view) && view.posture == POSTURE_HOLD);
	postures_egresses(w.p, NULL, 0, w.now);
	world_pass(&w, DAY_US);
	postures_egresses(w.p, &w.egress, 1, w.now);
	ck_assert(postures_get(w.p, &w.egress, w.now, &view) && view.posture == POSTURE_OK);
	world_free(&w);
}
END_TEST

START_TEST(egresses_bounded)
{
	struct world w = world_new("", WAY_PLAIN);
	struct ip ip[100];
	struct posture_view view;
	for (unsigned i = 0; i < 100; i++)
		ip[i] = ip_number(i);
	postures_egresses(w.p, ip, 100, w.now);
	ck_assert(postures_at(w.p, 63, w.now, &view) && ip_equal(&view.egress, &ip[63]));
	ck_assert(!postures_at(w.p, 64, w.now, &view));
	w.egress = ip[70];
	do_in(&w, SPAN("a:5"));
	do_set(&w, SPAN("hold"));
	do_hear(&w, SPAN("google 20"));
	ck_assert(!postures_get(w.p, &w.egress, w.now, &view));
	/* Those that are away make room. */
	postures_egresses(w.p, ip + 50, 50, w.now);
	do_in(&w, SPAN("a:5"));
	ck_assert(postures_get(w.p, &w.egress, w.now, &view) && view.posture == POSTURE_HOLD);
	ck_assert(postures_at(w.p, 49, w.now, &view) && ip_equal(&view.egress, &ip[99]));
	world_same(&w);
	world_free(&w);
}
END_TEST

/* ---- bounds ---- */

START_TEST(worst_inputs_kept)
{
	struct world w = world_new("", WAY_PLAIN);
	struct posture_input input[300];
	char id[300][16];
	for (unsigned i = 0; i < 300; i++) {
		snprintf(id[i], sizeof(id[i]), "i%u", i);
		input[i] = (struct posture_input){
			.id = id[i], .why = id[i], .severity = 2, .is_unknown = i % 3 == 0};
	}
	input[299].severity = 5;
	input[298].severity = 4;
	postures_inputs(w.p, &w.egress, input, 300, w.now);
	ck_assert_uint_eq(world_view(&w, SPAN("")).posture, POSTURE_HOLD);
	input[299].is_unknown = true;
	postures_inputs(w.p, &w.egress, input, 300, w.now);
	world_pass(&w, HOUR_US);
	ck_assert_uint_eq(world_view(&w, SPAN("")).posture, POSTURE_HOLD);
	ck_assert(world_view(&w, SPAN("")).is_unknown);
	world_pass(&w, DAY_US);
	ck_assert_uint_eq(world_view(&w, SPAN("")).posture, POSTURE_THROTTLE);
	world_same(&w);
	world_free(&w);
}
END_TEST

static void hear_number(struct world *w, unsigned i, double weight)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "mx%03u %.1f", i, weight);
	do_hear(w, span_make(text, (size_t)n));
}

/* With a domain of one's own for each nobody makes us forget what a large receiver said. */
START_TEST(receivers_bounded)
{
	struct world w = world_new(STEADY, WAY_PLAIN);
	struct posture_effect effect;
	do_hear(&w, SPAN("google 20"));
	ck_assert(postures_effect(w.p, &effect));
	for (unsigned i = 0; i < 1000; i++) {
		world_pass(&w, SECOND_US);
		hear_number(&w, i, 1);
	}
	ck_assert(!postures_effect(w.p, &effect));
	is_so(&w, SPAN("google"), SPAN("hold"));
	world_same(&w);
	/* Where all have a posture the one heard of least recently goes, and that is told. */
	for (unsigned i = 1000 - 63; i < 1000; i++) {
		world_pass(&w, SECOND_US);
		hear_number(&w, i, 5);
		ck_assert(postures_effect(w.p, &effect));
	}
	while (postures_effect(w.p, &effect))
		;
	world_pass(&w, SECOND_US);
	do_hear(&w, SPAN("yahoo 5"));
	ck_assert(postures_effect(w.p, &effect));
	ck_assert(span_equal(effect.event.limit, SPAN("google")));
	ck_assert(span_equal(
		effect.event.reason, SPAN("hold -> ok: forgotten, others are heard of")));
	is_so(&w, SPAN("google"), SPAN("ok"));
	is_so(&w, SPAN("yahoo"), SPAN("watch"));
	world_free(&w);
}
END_TEST

START_TEST(events_bounded)
{
	struct world w = world_new("", WAY_PLAIN);
	struct posture_effect effect;
	size_t n = 0;
	for (int i = 0; i < 1500; i++)
		do_set(&w, i % 2 ? SPAN("hold") : SPAN("ok"));
	while (postures_effect(w.p, &effect))
		n++;
	ck_assert_uint_eq(n, 1000);
	ck_assert_uint_eq(postures_dropped(w.p), 500);
	do_set(&w, SPAN("ok"));
	ck_assert(postures_effect(w.p, &effect));
	world_free(&w);
}
END_TEST

/* ---- what outlives the process ---- */

static struct world full_world(void)
{
	struct world w = world_new("", WAY_PLAIN);
	struct ip ip[2] = {w.egress, ip_number(1)};
	postures_egresses(w.p, ip, 2, w.now);
	do_in(&w, SPAN("a:5 b:4? c:3"));
	do_in(&w, SPAN("a:5? b:4 c:3"));
	do_hear(&w, SPAN("google 20"));
	do_hear(&w, SPAN("yahoo 7"));
	w.egress = ip[1];
	do_set(&w, SPAN("throttle 2h"));
	w.egress = ip[0];
	world_pass(&w, 30 * MINUTE_US);
	return w;
}

/* Cut short it is refused; with a wrong byte it may be taken, and then it is sound. */
START_TEST(damaged)
{
	struct world w = full_world();
	struct bytes saved = world_saved(&w);
	for (size_t n = 0; n < saved.n; n++) {
		struct postures *p = postures_new(w.config, w.now);
		ck_assert_int_eq(postures_load(p, span_make(saved.p, n), w.now), -EBADMSG);
		postures_free(p);
	}
	for (size_t i = 0; i < saved.n * 4; i++) {
		struct postures *p = postures_new(w.config, w.now);
		struct posture_view view;
		static const char flips[] = {1, 0x10, 0x7f, (char)0x80};
		saved.p[i / 4] = (char)(saved.p[i / 4] ^ flips[i % 4]);
		if (postures_load(p, span_make(saved.p, saved.n), w.now) == 0) {
			postures_tick(p, (struct now){mono_after(w.now.mono, 400 * DAY_US),
						 {w.now.wall.us + 400 * DAY_US}});
			for (size_t j = 0; postures_at(p, j, w.now, &view); j++)
				ck_assert(view.share <= 100 && view.posture < POSTURE_COUNT &&
					  view.generation != 0);
		}
		postures_free(p);
		saved.p[i / 4] = (char)(saved.p[i / 4] ^ flips[i % 4]);
	}
	bytes_free(&saved);
	world_free(&w);
}
END_TEST

/* A wall clock that was set back makes no time pass. */
START_TEST(wall_set_back)
{
	struct world w = world_new("", WAY_PLAIN);
	do_in(&w, SPAN("a:5"));
	do_in(&w, SPAN(""));
	world_pass(&w, 9 * MINUTE_US);
	world_restart(&w, -DAY_US);
	ck_assert_uint_eq(world_view(&w, SPAN("")).posture, POSTURE_HOLD);
	ck_assert_int_le(world_view(&w, SPAN("")).since.us, w.now.wall.us);
	world_pass(&w, MINUTE_US);
	ck_assert_uint_eq(world_view(&w, SPAN("")).posture, POSTURE_RECOVER);
	world_free(&w);
}
END_TEST

/* ---- warm-up ---- */

static const struct {
	unsigned day;
	uint64_t sent, cap;
} warmups[] = {{0, 0, 50}, {0, 1000, 50}, {1, 50, 100}, {1, 25, 50}, {1, 0, 50}, {1, 49, 98},
	{2, 100, 200}, {2, 125, 250}, {2, 126, 250}, {3, 250, 500}, {4, 500, 1000}, {5, 1000, 2000},
	{5, 1250, 2500}, {6, 10000, 5000}, {7, 7500, 7500}, {8, 10, 50}, {9, 10000, 15000},
	{10, 15000, 20000}, {11, 20000, 30000}, {12, 30000, 40000}, {13, 40000, 55000},
	{14, 55000, 70000}, {15, 70000, 100000}, {15, UINT64_MAX, 100000}, {15, 0, 50}, {16, 0, 0},
	{4000000000u, 5, 0}};

START_TEST(warmup_row)
{
	ck_assert_uint_eq(warmup_cap(warmups[_i].day, warmups[_i].sent), warmups[_i].cap);
}
END_TEST

START_TEST(warmup_rises)
{
	for (unsigned day = 1; day < WARMUP_DAYS; day++)
		ck_assert_uint_gt(warmup_table(day), warmup_table(day - 1));
	ck_assert_uint_eq(warmup_table(WARMUP_DAYS + 5), 100000);
}
END_TEST

START_TEST(warmup_pauses)
{
	ck_assert(!warmup_is_paused(99, 99));
	ck_assert(!warmup_is_paused(100, 3));
	ck_assert(warmup_is_paused(100, 4));
	ck_assert(warmup_is_paused(1000, 31));
	ck_assert(warmup_is_paused(100, UINT64_MAX));
	ck_assert(!warmup_is_paused(UINT64_MAX, UINT64_MAX / 100));
	ck_assert(warmup_is_paused(UINT64_MAX, UINT64_MAX / 10));
}
END_TEST

int main(void)
{
	const struct suite_row suite_rows[] = {
		{"wall_clock_set", wall_clock_set, 0},
		{"event_times", event_times, 0},
		{"generations", generations, 0},
		{"same_again_is_no_news", same_again_is_no_news, 0},
		{"views", views, 0},
		{"texts_are_clean", texts_are_clean, 0},
		{"names", names, 0},
		{"egresses_in_order", egresses_in_order, 0},
		{"egress_away", egress_away, 0},
		{"egresses_bounded", egresses_bounded, 0},
		{"worst_inputs_kept", worst_inputs_kept, 0},
		{"receivers_bounded", receivers_bounded, 0},
		{"events_bounded", events_bounded, 0},
		{"damaged", damaged, 0},
		{"wall_set_back", wall_set_back, 0},
		{"warmup_row", warmup_row, ROWS(warmups)},
		{"warmup_rises", warmup_rises, 0},
		{"warmup_pauses", warmup_pauses, 0},
	};
	return SUITE_RUN("posture_state", suite_rows);
}
