/* SPDX-License-Identifier: ISC */
/*
 * The ladder over a restart: suspensions that only the store knows of, a snapshot of which a part cannot
 * be read, and limits that are called as the ladder's steps are.
 */
#include "ask_help.h"
#include "policyd/bytes.h"
#include "policyd/mem.h"

static const char ladder_text[] =
	"local_domains = [ \"example.org\" ]; limits = ( { name = \"hold\"; rate = \"1/1h\"; "
	"action = \"HOLD\"; } ); signals = { mode = \"enforce\"; }; ladder = { note = 10; slow = "
	"30; "
	"hold = 60; suspend = 1000; hold_messages = 2; };";

static struct bytes saved(struct bench *b, bool is_brief)
{
	struct engine_save save = {.cursor = 0};
	const struct engine_save_input input = {
		.boot_id = SPAN("a"), .places = 1000, .bytes = 1 << 20, .is_brief = is_brief};
	struct bytes all = {.n = 0};
	while (engine_save_step(b->engine, &save, &input, at_s(b->s), &all) == SAVE_MORE)
		;
	return all;
}

static struct bytes saved_of(struct bench *b)
{
	return saved(b, false);
}

static void load(struct bench *b, const struct bytes *saved)
{
	struct engine_load load = {.boot_id = SPAN("a"), .now = at_s(b->s)};
	ck_assert_int_eq(engine_load_block(b->engine, &load, span_make(saved->p, saved->n)), 0);
}

static struct signals_view signals_of(struct bench *b)
{
	static struct signals_view view;
	struct errbuf err;
	ck_assert_int_eq(
		engine_signals(b->engine, SPAN("alice@example.org"), at_s(b->s), &view, &err), 0);
	return view;
}

/* Alice at hold. */
static struct bench bench_held(const char *text)
{
	struct bench b = bench_new(text);
	char name[16];
	learn_data(&b);
	b.s = 15 * 86400;
	engine_feed(b.engine, SPAN("login:alice@example.org"), SIGNAL_REPORTED, 100, at_s(b.s));
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		(void)rcpt(&b, name, "a@x");
	}
	ck_assert_int_eq((int)signals_of(&b).step, STEP_HOLD);
	return b;
}

static void suspend_at(struct bench *b, double since_s)
{
	struct now since = at_s(since_s);
	struct policy_event event = {.kind = EVENT_SUSPEND,
		.at = since.wall,
		.until.us = since.wall.us + DAY_US,
		.account = SPAN("login:alice@example.org"),
		.reason = SPAN("113 points"),
		.author = SPAN(AUTHOR_SELF)};
	engine_apply(b->engine, &event, at_s(b->s));
}

/* The store knows of the suspension, the snapshot does not: probation follows all the same. */
START_TEST(suspended_after_the_snapshot)
{
	struct bench a = bench_held(ladder_text), b = bench_new(ladder_text);
	struct bytes saved = saved_of(&a);
	b.s = a.s + 600;
	load(&b, &saved);
	suspend_at(&b, a.s + 30);
	ck_assert_int_eq((int)signals_of(&b).step, STEP_SUSPEND);
	b.s = a.s + 30 + 86401;
	ck_assert_int_eq((int)signals_of(&b).step, STEP_NONE);
	ck_assert_int_eq(signals_of(&b).probation_until.us, at_s(a.s + 30 + 15 * 86400).mono.us);
	bytes_free(&saved);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

/* The ladder's evidence is what the ladder held, whatever a limit is called. */
START_TEST(limit_called_hold)
{
	struct bench b = bench_new(ladder_text);
	char name[16];
	learn_data(&b);
	b.s = 15 * 86400;
	/* Held by the limit. */
	(void)rcpt(&b, "l0", "a@x");
	ck_assert_int_eq(data(&b, "l0", 1), ACTION_DUNNO);
	engine_feed(b.engine, SPAN("login:alice@example.org"), SIGNAL_REPORTED, 100, at_s(b.s));
	enum action action = ACTION_DUNNO;
	unsigned by_limit = 0, held = 0;
	for (int i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "l%d", i + 1);
		action = rcpt(&b, name, "a@x");
		bool at_hold = b.verdict.step == STEP_HOLD;
		by_limit += !at_hold && action == ACTION_HOLD;
		held += at_hold && action == ACTION_HOLD;
	}
	ck_assert_uint_gt(by_limit, 0);
	ck_assert_uint_eq(held, 2);
	ck_assert_int_eq((int)action, ACTION_DEFER_IF_PERMIT);
	bench_end(&b);
}
END_TEST

/* The version of what all accounts share is none that there is. */
static void spoil(struct bytes *saved)
{
	enum { RECORD_SIGNALS = 6, VERSION_AT = 2 };
	struct reader in = reader_of(span_make(saved->p, saved->n)), record;
	unsigned type;
	while (reader_record(&in, &type, &record)) {
		if (type != RECORD_SIGNALS)
			continue;
		saved->p[record.p - saved->p + VERSION_AT] = 99;
		return;
	}
	ck_abort_msg("no such record");
}

static unsigned notes_about(struct bench *b, const char *word)
{
	struct effect effect;
	unsigned n = 0;
	while (engine_effect(b->engine, &effect))
		n += effect.kind == EFFECT_NOTE && strstr(effect.note, word);
	return n;
}

/* What was learnt cannot be read: that is said once, and whoever is held stays so. */
START_TEST(bad_signals_are_told)
{
	struct bench a = bench_held(ladder_text), b = bench_new(ladder_text);
	struct bytes saved = saved_of(&a);
	double score = signals_of(&a).score;
	spoil(&saved);
	b.s = a.s;
	load(&b, &saved);
	ck_assert_uint_eq(notes_about(&b, "learnt anew"), 1);
	ck_assert_int_eq((int)signals_of(&b).step, STEP_HOLD);
	ck_assert_double_eq_tol(signals_of(&b).score, score, 0.01);
	bytes_free(&saved);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

/* Where there is little room on the disk: no habits, but whoever is held stays so, and his counters. */
START_TEST(brief_keeps_steps)
{
	struct bench a = bench_held(ladder_text), b = bench_new(ladder_text);
	struct bytes all = saved(&a, false), brief = saved(&a, true);
	ck_assert_uint_lt(brief.n, all.n);
	b.s = a.s;
	load(&b, &brief);
	ck_assert_uint_eq(notes_about(&b, "learnt anew"), 0);
	ck_assert_uint_gt(used(&a, 0), 0);
	ck_assert_uint_eq(used(&b, 0), used(&a, 0));
	ck_assert_int_eq((int)signals_of(&b).step, STEP_HOLD);
	ck_assert_double_eq_tol(signals_of(&b).score, signals_of(&a).score, 0.01);
	ck_assert_uint_gt(signals_of(&a).bytes, signals_of(&b).bytes);
	bytes_free(&all);
	bytes_free(&brief);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"suspended after the snapshot", suspended_after_the_snapshot, 0},
		{"limit called hold", limit_called_hold, 0},
		{"bad signals are told", bad_signals_are_told, 0},
		{"brief keeps steps", brief_keeps_steps, 0},
	};
	return SUITE_RUN("compromised_state", rows);
}
