/* SPDX-License-Identifier: ISC */
/*
 * What outlives the process: saved in steps, loaded whole, never more room than before; and what
 * makes no sense is refused, or leaves a sound engine.
 */
#include <errno.h>

#include "ask_help.h"
#include "policyd/bytes.h"
#include "policyd/mem.h"
#include "random.h"

#define BLOCKS_MAX 2000

struct saved {
	size_t n;
	struct bytes block[BLOCKS_MAX];
};

static const char rules_text[] =
	"local_domains = [ \"example.org\" ]; limits = ("
	"{ name = \"hourly\"; rate = \"100/1h\"; },"
	"{ name = \"daily\"; rate = \"70000/1d\"; },"
	"{ name = \"mails\"; unit = \"messages\"; rate = \"20/2h\"; },"
	"{ name = \"volume\"; unit = \"bytes\"; rate = \"100G/1d\"; },"
	"{ name = \"out\"; unit = \"external-recipients\"; rate = \"90/1h\"; },"
	"{ name = \"to\"; key = \"recipient_domain\"; rate = \"500/1h\"; },"
	"{ name = \"from\"; key = \"sender\"; rate = \"500/1h\"; },"
	"{ name = \"all\"; key = \"server\"; rate = \"5000/1h\"; },"
	"{ name = \"trial\"; rate = \"3/1h\"; mode = \"observe\"; } );";
/* The same in another order. */
static const char other_text[] =
	"local_domains = [ \"example.org\" ]; limits = ("
	"{ name = \"trial\"; rate = \"3/1h\"; mode = \"observe\"; },"
	"{ name = \"all\"; key = \"server\"; rate = \"5000/1h\"; },"
	"{ name = \"from\"; key = \"sender\"; rate = \"500/1h\"; },"
	"{ name = \"to\"; key = \"recipient_domain\"; rate = \"500/1h\"; },"
	"{ name = \"out\"; unit = \"external-recipients\"; rate = \"90/1h\"; },"
	"{ name = \"volume\"; unit = \"bytes\"; rate = \"100G/1d\"; },"
	"{ name = \"mails\"; unit = \"messages\"; rate = \"20/2h\"; },"
	"{ name = \"daily\"; rate = \"70000/1d\"; },"
	"{ name = \"hourly\"; rate = \"100/1h\"; } );";
enum { HOURLY, DAILY, MAILS, VOLUME, OUT, TO, FROM, ALL, TRIAL, RULES };

static void saved_free(struct saved *saved)
{
	for (size_t i = 0; i < saved->n; i++)
		bytes_free(&saved->block[i]);
	free(saved);
}

static struct engine_save_input input_of(size_t places, size_t bytes)
{
	return (struct engine_save_input){
		.boot_id = SPAN("boot-a"), .places = places, .bytes = bytes};
}

static struct saved *save(struct bench *b, size_t places, size_t bytes)
{
	struct saved *saved = xcalloc(1, sizeof(*saved));
	struct engine_save state = {.cursor = 0};
	const struct engine_save_input input = input_of(places, bytes);
	enum engine_save_step step = SAVE_MORE;
	while (step == SAVE_MORE) {
		struct bytes *block = &saved->block[saved->n];
		step = engine_save_step(b->engine, &state, &input, at_s(b->s), block);
		saved->n += block->n > 0;
		ck_assert_uint_lt(saved->n, BLOCKS_MAX);
	}
	ck_assert_int_eq((int)step, SAVE_DONE);
	return saved;
}

static struct span block_at(const struct saved *saved, size_t i)
{
	return span_make(saved->block[i].p, saved->block[i].n);
}

/* Another process, at now, of that boot. */
static struct bench start(const char *text)
{
	struct bench b = bench_new(text);
	return b;
}

static int load_all(struct bench *b, const struct saved *saved, const char *boot, struct now now)
{
	struct engine_load load = {.boot_id = span_of(boot), .now = now};
	int r = 0;
	for (size_t i = 0; r == 0 && i < saved->n; i++)
		r = engine_load_block(b->engine, &load, block_at(saved, i));
	return r;
}

/* All blocks as one run of bytes: records do not know of blocks. */
static struct bytes joined(const struct saved *saved)
{
	struct bytes all = {.n = 0};
	for (size_t i = 0; i < saved->n; i++) {
		all.p = xrealloc(all.p, all.n + saved->block[i].n + 1, 1);
		memcpy(all.p + all.n, saved->block[i].p, saved->block[i].n);
		all.n += saved->block[i].n;
	}
	all.size = all.n;
	return all;
}

/* Some of everything: booked, reserved, at several places and times; s is 1800 afterwards. */
static struct bench bench_used(void)
{
	struct bench b = bench_new(rules_text);
	learn_data(&b);
	fill(&b, "one", 40);
	b.s = 600;
	b.login = "bob@example.org";
	fill(&b, "two", 9);
	b.s = 1800;
	b.login = "alice@example.org";
	struct request end = request_of(STAGE_EOM, "two", "");
	fill_open(&b, "three", 7);
	end.instance = SPAN("four");
	end.recipients = 1;
	end.bytes = UINT64_C(6) << 30;
	struct bench other = b;
	other.conn = engine_conn_open(b.engine, SPAN("unix:/other"), NULL);
	ck_assert_int_eq(rcpt(&other, "four", "v@y"), ACTION_DUNNO);
	ck_assert_int_eq(ask(&other, &end), ACTION_DUNNO);
	return b;
}

static void check_same(struct bench *a, struct bench *b)
{
	for (size_t i = 0; i < RULES; i++) {
		struct engine_limit_view one = limit_view(a, i), two = limit_view(b, i);
		ck_assert_msg(one.used == two.used && one.reserved == two.reserved, "%s: %u, %u",
			one.config->name, (unsigned)one.used, (unsigned)two.used);
		ck_assert_int_eq(one.room_at.us, two.room_at.us);
	}
}

/* ---- save and load ---- */

START_TEST(everything_comes_back)
{
	struct bench a = bench_used();
	struct saved *saved = save(&a, 1000, 1 << 20);
	struct bench b = start(rules_text);
	b.s = a.s;
	ck_assert_uint_eq(used(&a, HOURLY), 49);
	ck_assert_uint_eq(reserved(&a, HOURLY), 7);
	ck_assert_uint_eq(used(&a, VOLUME), UINT64_C(6) << 30);
	ck_assert_int_eq(load_all(&b, saved, "boot-a", at_s(b.s)), 0);
	check_same(&a, &b);
	a.login = b.login = "bob@example.org";
	check_same(&a, &b);
	/* What a message holds it can give back, and book; and where DATA is asked is known. */
	b.login = "alice@example.org";
	ck_assert_int_eq(data(&b, "three", 5), ACTION_DUNNO);
	ck_assert_uint_eq(used(&b, HOURLY), 47);
	ck_assert_uint_eq(reserved(&b, HOURLY), 0);
	fill_open(&b, "five", 3);
	ck_assert_uint_eq(reserved(&b, HOURLY), 3);

	saved_free(saved);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

/* However small the steps, the records are the same. */
START_TEST(any_step_gives_the_same)
{
	static const struct {
		size_t places, bytes;
	} sizes[] = {{1, 1}, {1, 1 << 20}, {3, 50}, {1000, 1}, {100000, 1 << 20}};
	struct bench a = bench_used();
	struct saved *saved = save(&a, 64, 4096);
	struct bytes first = joined(saved);
	saved_free(saved);
	ck_assert_uint_gt(first.n, 100);
	saved = save(&a, sizes[_i].places, sizes[_i].bytes);
	struct bytes second = joined(saved);
	ck_assert(span_equal(span_make(first.p, first.n), span_make(second.p, second.n)));
	struct bench b = start(rules_text);
	b.s = a.s;
	ck_assert_int_eq(load_all(&b, saved, "boot-a", at_s(b.s)), 0);
	check_same(&a, &b);
	saved_free(saved);
	bytes_free(&first);
	bytes_free(&second);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

/* A file that is saved again right after it was loaded says the same of everybody. */
START_TEST(saved_again_is_the_same_size)
{
	struct bench a = bench_used();
	struct saved *one = save(&a, 1000, 1 << 20);
	struct bench b = start(rules_text);
	b.s = a.s;
	ck_assert_int_eq(load_all(&b, one, "boot-a", at_s(b.s)), 0);
	struct saved *two = save(&b, 1000, 1 << 20);
	struct bytes first = joined(one), second = joined(two);
	/* In another order, perhaps: the table was filled differently. */
	ck_assert_uint_eq(first.n, second.n);
	bytes_free(&first);
	bytes_free(&second);
	saved_free(one);
	saved_free(two);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

/* Between two steps others come, and go; who was there all the time is in the file, as it was. */
START_TEST(traffic_while_it_is_saved)
{
	struct chance chance = chance_new("traffic_while_it_is_saved");
	struct bench a = bench_new(rules_text), b;
	char login[200][32];
	struct saved *saved = xcalloc(1, sizeof(*saved));
	struct engine_save state = {.cursor = 0};
	const struct engine_save_input input = input_of(1 + chance_below(&chance, 9), 200);
	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(login[i], sizeof(login[i]), "u%u@example.org", i);
		a.login = login[i];
		/* The first half stays; the others are forgotten soon. */
		a.s = i < 100 ? 5000 : 1;
		if (i >= 100)
			continue;
		ck_assert_int_eq(rcpt(&a, login[i], "r@x"), ACTION_DUNNO);
	}
	a.s = 5000;
	unsigned next = 100;
	enum engine_save_step step = SAVE_MORE;
	while (step == SAVE_MORE) {
		struct bytes *block = &saved->block[saved->n];
		step = engine_save_step(a.engine, &state, &input, at_s(a.s), block);
		saved->n += block->n > 0;
		if (next < 200 && chance_below(&chance, 2)) {
			a.login = login[next];
			ck_assert_int_eq(rcpt(&a, login[next++], "r@x"), ACTION_DUNNO);
		}
		/* Known, and idle at once: the sweep takes it away. */
		struct request mail = request_of(STAGE_MAIL, "", "");
		mail.sasl_username = span_of(chance_below(&chance, 2) ? "x@x" : "y@y");
		ck_assert_int_eq(ask(&a, &mail), ACTION_DUNNO);
		engine_tick(a.engine, at_s(a.s += 1.0 / 64));
	}
	ck_assert_int_eq((int)step, SAVE_DONE);
	b = start(rules_text);
	b.s = a.s;
	ck_assert_int_eq(load_all(&b, saved, "boot-a", at_s(b.s)), 0);
	for (unsigned i = 0; i < 200; i++) {
		b.login = login[i];
		uint64_t n = used(&b, HOURLY);
		ck_assert(i < 100 ? n == 1 : n <= 1);
	}
	saved_free(saved);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

START_TEST(reload_in_between_loses_nothing)
{
	struct bench a = bench_used(), b = start(rules_text);
	struct engine_save state = {.cursor = 0};
	const struct engine_save_input input = input_of(2, SIZE_MAX);
	struct engine_load load = {.boot_id = SPAN("boot-a"), .now = at_s(a.s)};
	struct config *config = config_of(other_text);
	struct bytes block = {.n = 0};
	enum engine_save_step step;
	int steps = 0;
	b.s = a.s;
	do {
		step = engine_save_step(a.engine, &state, &input, at_s(a.s), &block);
		/* The same rules in another order, and back. */
		if (steps % 3 == 0) {
			struct config *again =
				steps % 2 ? config_of(rules_text) : config_ref(config);
			engine_configure(a.engine, again);
			config_unref(again);
		}
		steps++;
	} while (step == SAVE_MORE);
	ck_assert_int_gt(steps, 3);
	ck_assert_int_eq(engine_load_block(b.engine, &load, span_make(block.p, block.n)), 0);
	bytes_free(&block);
	struct config *back = config_of(rules_text);
	engine_configure(a.engine, back);
	config_unref(back);
	config_unref(config);
	check_same(&a, &b);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

/* Rings are found by what they count, whatever the file says of other rules, and in any order. */
START_TEST(other_rules_at_the_next_start)
{
	struct bench a = bench_used();
	struct saved *saved = save(&a, 1000, 1 << 20);
	struct bench b =
		start("limits = ( { name = \"new\"; key = \"sender_domain\"; rate = \"5/1h\"; },"
		      "{ name = \"other\"; rate = \"9/3h\"; },"
		      "{ name = \"tight\"; rate = \"10/1h\"; },"
		      "{ name = \"trial\"; rate = \"3/1h\"; mode = \"observe\"; } );");
	b.s = a.s;
	ck_assert_int_eq(load_all(&b, saved, "boot-a", at_s(b.s)), 0);
	ck_assert_uint_eq(used(&b, 0), 0);
	ck_assert_uint_eq(used(&b, 1), 0);
	ck_assert_uint_eq(used(&b, 2), 49);
	ck_assert_uint_eq(used(&b, 3), 3);
	ck_assert_int_eq(rcpt(&b, "new", "r@x"), ACTION_DEFER_IF_PERMIT);
	/* Messages end, and take with them only what they still hold. */
	ck_assert_int_eq(data(&b, "three", 7), ACTION_DUNNO);
	ck_assert_uint_eq(reserved(&b, 2), 0);
	ck_assert_uint_eq(used(&b, 2), 49);
	saved_free(saved);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

/* Cells of 8 bits are too narrow for what was counted: then at least nobody gets room by it. */
START_TEST(narrow_rules_at_the_next_start)
{
	struct bench a = bench_new("limits = ( { name = \"l\"; rate = \"70000/1h\"; } );");
	learn_data(&a);
	fill(&a, "m", 900);
	struct saved *saved = save(&a, 1000, 1 << 20);
	struct bench b = start("limits = ( { name = \"l\"; rate = \"200/1h\"; } );");
	ck_assert_int_eq(load_all(&b, saved, "boot-a", at_s(b.s)), 0);
	ck_assert_uint_ge(used(&b, 0), 200);
	ck_assert_int_eq(rcpt(&b, "n", "r@x"), ACTION_DEFER_IF_PERMIT);
	saved_free(saved);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

/* ---- clocks ---- */

static wall_t room_at(struct bench *b, size_t rule, struct now now)
{
	struct engine_account_view view;
	struct errbuf err;
	ck_assert_int_eq(engine_account(b->engine, span_of(b->login), now, &view, &err), 0);
	return wall_of_mono(view.limit[rule].room_at, now);
}

static uint64_t used_at(struct bench *b, size_t rule, struct now now)
{
	struct engine_account_view view;
	struct errbuf err;
	ck_assert_int_eq(engine_account(b->engine, span_of(b->login), now, &view, &err), 0);
	return view.limit[rule].used;
}

#define FULL_TEXT "limits = ( { name = \"hourly\"; rate = \"10/1h\"; } );"

/* Ten at some moment within an hour, and nothing is left; pause seconds pass, with a reboot. */
static void check_reboot(double booked_s, double pause_s, int64_t mono_us)
{
	struct bench a = bench_new(FULL_TEXT), b = start(FULL_TEXT);
	learn_data(&a);
	a.s = 7200 + booked_s;
	fill(&a, "m", 10);
	a.s = 7200 + 3000;
	struct saved *saved = save(&a, 1000, 1 << 20);
	wall_t before = room_at(&a, 0, at_s(a.s));
	struct now now = {.mono = {.us = mono_us}, .wall = at_s(a.s + pause_s).wall};
	ck_assert_int_eq(load_all(&b, saved, "boot-b", now), 0);
	/* Not earlier, and at most a window and a bucket later. */
	for (int64_t late_us = 0; late_us <= 2 * HOUR_US + 10 * MINUTE_US; late_us += MINUTE_US) {
		struct now then = {.mono = {.us = now.mono.us + late_us},
			.wall = {.us = now.wall.us + late_us}};
		uint64_t n = used_at(&b, 0, then);
		if (then.wall.us < before.us)
			ck_assert_msg(n == 10, "booked at %.0f, pause %.0f, clock at %lld s: %u",
				booked_s, pause_s, (long long)(mono_us / SECOND_US), (unsigned)n);
		if (then.wall.us >= before.us + HOUR_US + 5 * MINUTE_US)
			ck_assert_uint_eq(n, 0);
	}
	saved_free(saved);
	bench_end(&a);
	bench_end(&b);
}

START_TEST(reboot_gives_no_room_early)
{
	static const int64_t clocks[] = {1, 20 * SECOND_US, 7 * MINUTE_US, 50 * MINUTE_US,
		90 * MINUTE_US, 2000 * HOUR_US + 17 * SECOND_US};
	static const double pauses[] = {0, 30, 299, 1200, 3599, 4000, 90000};
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		for (double booked_s = 0; booked_s < 3000; booked_s += 577)
			check_reboot(booked_s, pauses[i], clocks[_i]);
	}
}
END_TEST

/* A wall clock that went back: as if no time had passed. One far ahead: as if much had. */
START_TEST(wall_clock_that_lies)
{
	static const struct {
		int64_t step_us;
		bool has_room;
	} rows[] = {
		{-HOUR_US, false},
		{-DAY_US, false},
		{-400 * DAY_US, false},
		{-INT64_C(1800000000) * SECOND_US, false},
		{DAY_US, true},
		{400 * DAY_US, true},
		{INT64_C(400) * 365 * DAY_US, true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench a = bench_new(FULL_TEXT), b = start(FULL_TEXT);
		fill(&a, "m", 10);
		struct saved *saved = save(&a, 1000, 1 << 20);
		struct now now = at_s(a.s);
		now.mono.us = 3 * HOUR_US;
		now.wall.us += rows[i].step_us;
		ck_assert_int_eq(load_all(&b, saved, "boot-b", now), 0);
		ck_assert_uint_eq(used_at(&b, 0, now), rows[i].has_room ? 0 : 10);
		/* It does come back, whatever the wall says. */
		now.mono.us += 70 * MINUTE_US;
		ck_assert_uint_eq(used_at(&b, 0, now), 0);
		saved_free(saved);
		bench_end(&a);
		bench_end(&b);
	}
}
END_TEST

/* In one boot the wall clock plays no part. */
START_TEST(same_boot_is_exact)
{
	struct bench a = bench_used(), b = start(rules_text);
	struct saved *saved = save(&a, 1000, 1 << 20);
	struct now now = at_s(a.s + 60);
	now.wall.us -= 300 * DAY_US;
	ck_assert_int_eq(load_all(&b, saved, "boot-a", now), 0);
	a.s += 60;
	b.s = a.s;
	check_same(&a, &b);
	saved_free(saved);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

START_TEST(emergency_goes_on)
{
	struct bench a = bench_used(), b = start(rules_text), c = start(rules_text);
	ck_assert_int_eq(engine_emergency_until(a.engine).us, 0);
	engine_state_lost(a.engine, at_s(a.s));
	ck_assert_int_eq(engine_emergency_until(a.engine).us, at_s(a.s + 3600).mono.us);
	struct saved *saved = save(&a, 1000, 1 << 20);
	ck_assert_int_eq(load_all(&b, saved, "boot-a", at_s(a.s + 5)), 0);
	ck_assert_int_eq(engine_emergency_until(b.engine).us, at_s(a.s + 3600).mono.us);
	struct now now = {.mono = {.us = MINUTE_US}, .wall = at_s(a.s + 600).wall};
	ck_assert_int_eq(load_all(&c, saved, "boot-b", now), 0);
	ck_assert_int_eq(engine_emergency_until(c.engine).us, now.mono.us + 50 * MINUTE_US);
	saved_free(saved);
	bench_end(&a);
	bench_end(&b);
	bench_end(&c);
}
END_TEST

/* ---- what makes no sense ---- */

/* Whatever was loaded: requests are answered, messages end, and nothing stays reserved for ever. */
static void check_sound(struct bench *b)
{
	struct engine_figures figures;
	b->s = 1801;
	for (int i = 0; i < 3; i++) {
		char recipient[16];
		(void)snprintf(recipient, sizeof(recipient), "s%d@x", i);
		(void)rcpt(b, "sound", recipient);
	}
	(void)data(b, "sound", 2);
	engine_conn_close(b->engine, b->conn, at_s(b->s));
	for (int i = 0; i < 3; i++)
		engine_tick(b->engine, at_s(b->s += 20));
	(void)effects(b, EFFECT_NOTE);
	engine_figures(b->engine, &figures);
	ck_assert_uint_eq(figures.messages, 0);
	ck_assert_uint_eq(reserved(b, 0), 0);
}

static int load_bytes(struct bench *b, struct span bytes)
{
	struct engine_load load = {.boot_id = SPAN("boot-c"), .now = at_s(1800)};
	/* Of its own, so that a sanitizer sees what is read beyond it. */
	char *copy = xmalloc(bytes.n + 1);
	memcpy(copy, bytes.p, bytes.n);
	int r = engine_load_block(b->engine, &load, span_make(copy, bytes.n));
	free(copy);
	ck_assert(r == 0 || r == -EINVAL);
	return r;
}

static struct bytes bytes_used(void)
{
	struct bench a = bench_used();
	struct saved *saved = save(&a, 1000, 1 << 20);
	struct bytes all = joined(saved);
	saved_free(saved);
	bench_end(&a);
	return all;
}

START_TEST(truncated_anywhere)
{
	struct bytes all = bytes_used();
	unsigned refused = 0;
	for (size_t n = 0; n < all.n; n++) {
		struct bench b = start(rules_text);
		refused += load_bytes(&b, span_make(all.p, n)) != 0;
		check_sound(&b);
		bench_end(&b);
	}
	/* Only between two records is a part a whole. */
	ck_assert_uint_gt(refused, all.n * 9 / 10);
	bytes_free(&all);
}
END_TEST

START_TEST(garbled_anywhere)
{
	static const unsigned char masks[] = {0x01, 0xff};
	struct bytes all = bytes_used();
	for (size_t i = 0; i < all.n; i++) {
		struct bench b = start(rules_text);
		all.p[i] = (char)(all.p[i] ^ masks[_i]);
		(void)load_bytes(&b, span_make(all.p, all.n));
		check_sound(&b);
		all.p[i] = (char)(all.p[i] ^ masks[_i]);
		bench_end(&b);
	}
	bytes_free(&all);
}
END_TEST

START_TEST(blocks_in_another_order)
{
	struct bench a = bench_used(), b = start(rules_text), c = start(rules_text);
	struct saved *saved = save(&a, 2, 60);
	ck_assert_uint_gt(saved->n, 3);
	struct engine_load load = {.boot_id = SPAN("boot-a"), .now = at_s(a.s)};
	/* Without its beginning nothing has a meaning. */
	for (size_t i = 1; i < saved->n; i++) {
		struct engine_load none = load;
		ck_assert_int_eq(engine_load_block(b.engine, &none, block_at(saved, i)), -EINVAL);
	}
	b.s = a.s;
	ck_assert_uint_eq(used(&b, HOURLY), 0);
	/* The others in reverse, and each twice: nothing counts double. */
	ck_assert_int_eq(engine_load_block(c.engine, &load, block_at(saved, 0)), 0);
	for (size_t i = saved->n - 1; i > 0; i--) {
		ck_assert_int_eq(engine_load_block(c.engine, &load, block_at(saved, i)), 0);
		ck_assert_int_eq(engine_load_block(c.engine, &load, block_at(saved, i)), 0);
	}
	c.s = a.s;
	ck_assert_uint_le(used(&c, HOURLY), used(&a, HOURLY));
	check_sound(&c);
	saved_free(saved);
	bench_end(&a);
	bench_end(&b);
	bench_end(&c);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"everything comes back", everything_comes_back, 0},
		{"any step gives the same", any_step_gives_the_same, 5},
		{"saved again is the same size", saved_again_is_the_same_size, 0},
		{"traffic while it is saved", traffic_while_it_is_saved, 0},
		{"reload begins anew", reload_in_between_loses_nothing, 0},
		{"other rules at the next start", other_rules_at_the_next_start, 0},
		{"narrow rules at the next start", narrow_rules_at_the_next_start, 0},
		{"reboot gives no room early", reboot_gives_no_room_early, 6},
		{"wall clock that lies", wall_clock_that_lies, 0},
		{"same boot is exact", same_boot_is_exact, 0},
		{"emergency goes on", emergency_goes_on, 0},
		{"truncated anywhere", truncated_anywhere, 0},
		{"garbled anywhere", garbled_anywhere, 2},
		{"blocks in another order", blocks_in_another_order, 0},
	};
	return SUITE_RUN("state", rows);
}
