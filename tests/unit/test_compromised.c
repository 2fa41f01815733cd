/* SPDX-License-Identifier: ISC */
/*
 * The ladder through the engine: what it says becomes verdicts, events and records; what is asked
 * again, exempt or observed changes nothing; it outlives the process, and memory has a bound.
 */
#include "ask_help.h"
#include "policyd/bytes.h"
#include "policyd/mem.h"

#define ALICE "login:alice@example.org"
/* Wide apart, so that steps can be aimed at. */
#define LADDER "ladder = { note = 10; slow = 30; hold = 60; suspend = 1000; hold_messages = 2; };"
#define ENFORCE                                                                                    \
	"local_domains = [ \"example.org\" ]; limits = ( { name = \"hourly\"; rate = "             \
	"\"5000/1h\"; } ); signals = { mode = \"enforce\"; trap_recipients = [ "                   \
	"\"trap@t.example\" ]; };" LADDER

static struct signals_view view_of(struct bench *b, const char *typed)
{
	static struct signals_view view;
	struct errbuf err;
	ck_assert_int_eq(engine_signals(b->engine, span_of(typed), at_s(b->s), &view, &err), 0);
	return view;
}

/* Tells until the score is at least so much. */
static void score_to(struct bench *b, double score)
{
	for (int i = 0; i < 1000 && view_of(b, b->login).score < score; i++)
		engine_feed(b->engine, SPAN(ALICE), SIGNAL_REPORTED, 1, at_s(b->s));
	ck_assert_double_ge(view_of(b, b->login).score, score);
}

/* A site that has learnt for long enough judges by the thresholds themselves. */
static struct bench bench_old(const char *text)
{
	struct bench b = bench_new(text);
	learn_data(&b);
	b.s += 15 * 86400;
	return b;
}

struct told {
	size_t ladder, suspend, decisions;
	char step[8][24], reason[EVENT_REASON_MAX + 1], author[32];
	struct decision last;
	double score;
	wall_t until;
};

static struct told told(struct bench *b)
{
	struct told told = {.ladder = 0};
	struct effect effect;
	while (engine_effect(b->engine, &effect)) {
		if (effect.kind == EFFECT_DECISION) {
			told.last = *effect.decision;
			told.decisions++;
		}
		if (effect.kind != EFFECT_EVENT)
			continue;
		const struct policy_event *event = effect.event;
		ck_assert(span_equal(event->account, SPAN(ALICE)));
		span_copy(event->reason, told.reason, sizeof(told.reason));
		span_copy(event->author, told.author, sizeof(told.author));
		told.score = effect.score;
		told.until = event->until;
		told.suspend += event->kind == EVENT_SUSPEND;
		if (event->kind == EVENT_LADDER && told.ladder < 8)
			span_copy(event->limit, told.step[told.ladder++], sizeof(told.step[0]));
	}
	return told;
}

/* ---- steps ---- */

START_TEST(steps_become_verdicts)
{
	struct bench b = bench_old(ENFORCE);
	score_to(&b, 100);
	ck_assert_int_eq(rcpt(&b, "m1", "a@x"), ACTION_DUNNO);
	ck_assert_int_eq(b.verdict.step, STEP_NOTE);
	ck_assert_double_ge(b.verdict.score, 99);
	ck_assert_int_eq(rcpt(&b, "m2", "a@x"), ACTION_DUNNO);
	ck_assert_int_eq(b.verdict.step, STEP_SLOW);
	ck_assert_int_eq(rcpt(&b, "m3", "a@x"), ACTION_HOLD);
	ck_assert_str_eq(b.verdict.rule, "hold");
	ck_assert_int_eq(b.verdict.step, STEP_HOLD);
	struct told said = told(&b);
	ck_assert_uint_eq(said.ladder, 3);
	ck_assert_str_eq(said.step[0], "note");
	ck_assert_str_eq(said.step[1], "slow");
	ck_assert_str_eq(said.step[2], "hold");
	ck_assert_str_eq(said.author, AUTHOR_SELF);
	ck_assert_uint_gt(strlen(said.reason), 0);
	ck_assert_double_ge(said.score, 99);
	ck_assert_uint_eq(said.suspend, 0);
	ck_assert_uint_eq(said.decisions, 1);
	ck_assert_int_eq(said.last.step, STEP_HOLD);
	ck_assert_double_ge(said.last.score, 99);
	/* What was found stays with us. */
	ck_assert_ptr_null(strstr(b.verdict.text, "reported"));
	bench_end(&b);
}
END_TEST

/* What the desk is told that the next recipient will get, is what it gets. */
static void next_is(struct bench *b, const char *instance, enum action action, const char *rule)
{
	struct engine_account_view view;
	struct errbuf err;
	ck_assert_int_eq(engine_account(b->engine, SPAN(ALICE), at_s(b->s), &view, &err), 0);
	ck_assert_int_eq((int)view.next.action, action);
	ck_assert_str_eq(view.next.rule, rule);
	ck_assert_int_eq(rcpt(b, instance, "a@x"), action);
	ck_assert_str_eq(b->verdict.rule, rule);
	size_t n = strcspn(b->verdict.text, ";");
	ck_assert(span_equal(span_make(b->verdict.text, n),
		span_make(view.next.text, strcspn(view.next.text, ";"))));
	ck_assert_uint_eq(n == 0, action == ACTION_DUNNO);
}

START_TEST(next_knows_the_ladder)
{
	struct bench b = bench_old("local_domains = [ \"example.org\" ]; limits = ( { name = "
				   "\"hourly\"; rate = \"5000/1h\"; } ); signals = { mode = "
				   "\"enforce\"; };" LADDER);
	score_to(&b, 100);
	next_is(&b, "m1", ACTION_DUNNO, "");
	next_is(&b, "m2", ACTION_DUNNO, "");
	(void)rcpt(&b, "m3", "a@x");
	next_is(&b, "m4", ACTION_HOLD, "hold");
	next_is(&b, "m5", ACTION_DEFER_IF_PERMIT, "hold");
	bench_end(&b);
	b = bench_new("local_domains = [ \"example.org\" ]; limits = ( { name = \"hourly\"; rate = "
		      "\"4/1h\"; } ); signals = { mode = \"enforce\"; }; ladder = { note = 10; "
		      "slow = 30; hold = 900; suspend = 1000; slow_rate = \"3/1h\"; };");
	score_to(&b, 100);
	(void)rcpt(&b, "m0", "a@x");
	next_is(&b, "m1", ACTION_DUNNO, "");
	next_is(&b, "m2", ACTION_DUNNO, "");
	next_is(&b, "m3", ACTION_DUNNO, "");
	next_is(&b, "m4", ACTION_DEFER_IF_PERMIT, "slow");
	bench_end(&b);
}
END_TEST

START_TEST(hold_takes_few_messages)
{
	struct bench b = bench_old(ENFORCE);
	score_to(&b, 100);
	(void)rcpt(&b, "m1", "a@x");
	(void)rcpt(&b, "m2", "a@x");
	/* It takes what was accepted before, and is said once. */
	ck_assert_int_eq(rcpt(&b, "m2", "b@x"), ACTION_HOLD);
	ck_assert_int_eq(rcpt(&b, "m2", "c@x"), ACTION_DUNNO);
	ck_assert_int_eq(rcpt(&b, "m2", "b@x"), ACTION_HOLD);
	ck_assert_int_eq(data(&b, "m2", 3), ACTION_DUNNO);
	ck_assert_int_eq(rcpt(&b, "m3", "a@x"), ACTION_HOLD);
	ck_assert_int_eq(rcpt(&b, "m4", "a@x"), ACTION_DEFER_IF_PERMIT);
	ck_assert_str_eq(b.verdict.rule, "hold");
	/* What was held is charged, what was deferred or never came to DATA is not. */
	ck_assert_uint_eq(used(&b, 0), 3);
	bench_end(&b);
}
END_TEST

START_TEST(slow_has_a_rate)
{
	struct bench b = bench_new(
		"local_domains = [ \"example.org\" ]; limits = ( { name = \"hourly\"; rate = "
		"\"5000/1h\"; } ); signals = { mode = \"enforce\"; }; ladder = { note = 10; slow = "
		"30; hold = 900; suspend = 1000; slow_rate = \"3/1h\"; };");
	char name[16];
	score_to(&b, 100);
	(void)rcpt(&b, "m0", "a@x");
	for (int i = 1; i <= 3; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		ck_assert_int_eq(rcpt(&b, name, "a@x"), ACTION_DUNNO);
		ck_assert_int_eq(b.verdict.step, STEP_SLOW);
	}
	ck_assert_int_eq(rcpt(&b, "m4", "a@x"), ACTION_DEFER_IF_PERMIT);
	ck_assert_str_eq(b.verdict.rule, "slow");
	ck_assert_ptr_nonnull(
		strstr(b.verdict.text, "4.7.1 Sending is slowed for alice@example.org"));
	ck_assert_ptr_nonnull(strstr(b.verdict.text, "; room returns at 20"));
	/* Those at home are not slowed. */
	ck_assert_int_eq(rcpt(&b, "m5", "a@example.org"), ACTION_DUNNO);
	b.s += 4000;
	ck_assert_int_eq(rcpt(&b, "m6", "a@x"), ACTION_DUNNO);
	bench_end(&b);
}
END_TEST

/* In somebody else's name, from many places, to strangers. */
static void attack(struct bench *b, int n)
{
	char name[16], to[32], client[24];
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "x%d", i);
		snprintf(to, sizeof(to), "v%d@w%d.example", i, i % 7);
		snprintf(client, sizeof(client), "203.0.%d.9", 100 + i % 20);
		struct request request = request_of(STAGE_RCPT, name, to);
		request.sender = SPAN("ceo@bank.example");
		request.helo_name = SPAN("mail-gw");
		request.client_address = span_of(client);
		(void)ask(b, &request);
		b->s += 5;
	}
}

static void normal_days(struct bench *b, int days)
{
	char name[24], to[32];
	for (int i = 0; i < days * 4; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		snprintf(to, sizeof(to), "friend%d@x.example", i % 9);
		ck_assert_int_eq(rcpt(b, name, to), ACTION_DUNNO);
		ck_assert_int_eq(data(b, name, 1), ACTION_DUNNO);
		b->s += 6 * 3600;
	}
}

#define SHIPPED                                                                                    \
	"local_domains = [ \"example.org\" ]; limits = ( { name = \"hourly\"; rate = "             \
	"\"5000/1h\"; } ); signals = { mode = \"%s\"; };"

static struct bench bench_mode(const char *mode)
{
	char text[512];
	snprintf(text, sizeof(text), SHIPPED, mode);
	struct bench b = bench_new(text);
	b.s = 1000;
	return b;
}

START_TEST(attack_is_suspended)
{
	struct bench b = bench_mode("enforce");
	struct engine_account_view account;
	struct errbuf err;
	normal_days(&b, 20);
	ck_assert_uint_eq(told(&b).ladder, 0);
	attack(&b, 300);
	struct told said = told(&b);
	ck_assert_uint_eq(said.suspend, 1);
	ck_assert_uint_eq(said.ladder, 3);
	ck_assert_uint_gt(strlen(said.reason), 10);
	ck_assert_str_eq(said.author, AUTHOR_SELF);
	ck_assert_int_eq(b.verdict.action, ACTION_REJECT);
	ck_assert_str_eq(b.verdict.rule, "suspended");
	ck_assert_int_eq(engine_account(b.engine, SPAN(ALICE), at_s(b.s), &account, &err), 0);
	ck_assert_ptr_nonnull(account.standing);
	ck_assert_str_eq(account.standing->author, AUTHOR_SELF);
	ck_assert_int_eq(account.standing->until.us, said.until.us);
	ck_assert_int_eq(rcpt(&b, "free", "postmaster@example.org"), ACTION_DUNNO);
	/* A day later it is on probation, and what it did then is not normal now. */
	b.s += 25 * 3600;
	ck_assert_int_eq(rcpt(&b, "later", "friend1@x.example"), ACTION_DUNNO);
	struct signals_view view = view_of(&b, "alice@example.org");
	ck_assert_int_eq((int)view.step, STEP_NONE);
	ck_assert_int_gt(view.probation_until.us, at_s(b.s).mono.us);
	bench_end(&b);
}
END_TEST

START_TEST(observe_changes_nothing)
{
	struct bench b = bench_mode("observe");
	normal_days(&b, 20);
	attack(&b, 300);
	struct told said = told(&b);
	ck_assert_uint_eq(said.suspend, 0);
	ck_assert_uint_eq(said.decisions, 0);
	ck_assert_uint_ge(said.ladder, 4);
	ck_assert_str_eq(said.step[0], "note (observe)");
	ck_assert_str_eq(said.step[3], "suspend (observe)");
	ck_assert_int_eq(b.verdict.action, ACTION_DUNNO);
	ck_assert_int_eq(b.verdict.step, STEP_NONE);
	ck_assert_int_eq(b.verdict.would_step, STEP_SUSPEND);
	bench_end(&b);
}
END_TEST

/* ---- what is no evidence ---- */

START_TEST(repeats_say_nothing)
{
	struct bench b = bench_mode("enforce");
	normal_days(&b, 3);
	(void)rcpt(&b, "m", "new@x.example");
	double score = view_of(&b, b.login).score;
	for (int i = 0; i < 500; i++)
		(void)rcpt(&b, "m", "new@x.example");
	ck_assert_double_eq_tol(view_of(&b, b.login).score, score, 1e-9);
	bench_end(&b);
}
END_TEST

START_TEST(exempt_say_nothing)
{
	struct bench b = bench_mode("enforce");
	char name[16];
	normal_days(&b, 3);
	double score = view_of(&b, b.login).score;
	size_t bytes = view_of(&b, b.login).bytes;
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		(void)rcpt(&b, name, "abuse@example.org");
	}
	ck_assert_double_le(view_of(&b, b.login).score, score);
	ck_assert_uint_eq(view_of(&b, b.login).bytes, bytes);
	bench_end(&b);
}
END_TEST

/* ---- the desk ---- */

static void apply(struct bench *b, enum event_kind kind, const char *limit)
{
	struct policy_event event = {.kind = kind,
		.at = at_s(b->s).wall,
		.account = SPAN(ALICE),
		.limit = span_of(limit),
		.reason = SPAN("test"),
		.author = SPAN("test")};
	engine_apply(b->engine, &event, at_s(b->s));
}

START_TEST(release_and_verdict)
{
	struct bench b = bench_old(ENFORCE);
	score_to(&b, 100);
	for (int i = 0; i < 4; i++) {
		char name[16];
		snprintf(name, sizeof(name), "m%d", i);
		(void)rcpt(&b, name, "a@x");
	}
	ck_assert_int_eq((int)view_of(&b, b.login).step, STEP_HOLD);
	double score = view_of(&b, b.login).score;
	apply(&b, EVENT_RELEASE, "");
	ck_assert_double_eq_tol(view_of(&b, b.login).score, score / 2, 1);
	ck_assert_int_eq((int)view_of(&b, b.login).step, STEP_NONE);
	ck_assert_int_gt(view_of(&b, b.login).probation_until.us, 0);
	apply(&b, EVENT_RELEASE, VERDICT_FALSE_POSITIVE);
	ck_assert_double_eq_tol(view_of(&b, b.login).score, 0, 1e-6);
	ck_assert_int_eq(view_of(&b, b.login).probation_until.us, 0);
	ck_assert_int_gt(view_of(&b, b.login).forgiven_until.us, 0);
	bench_end(&b);
}
END_TEST

START_TEST(signals_from_outside)
{
	struct bench b = bench_new(ENFORCE);
	struct engine_figures before, after;
	engine_figures(b.engine, &before);
	/* Names that only limits count by, and no names at all. */
	engine_feed(b.engine, SPAN("to_domain:x"), SIGNAL_REPORTED, 9, at_s(b.s));
	engine_feed(b.engine, SPAN("alice"), SIGNAL_REPORTED, 9, at_s(b.s));
	engine_figures(b.engine, &after);
	ck_assert_mem_eq(
		before.accounts.count, after.accounts.count, sizeof(before.accounts.count));
	apply(&b, EVENT_SIGNAL, "no-such-signal 9");
	apply(&b, EVENT_SIGNAL, "reported nine");
	apply(&b, EVENT_SIGNAL, "");
	ck_assert_double_eq_tol(view_of(&b, b.login).score, 0, 1e-9);
	apply(&b, EVENT_SIGNAL, "reported");
	double one = view_of(&b, b.login).score;
	ck_assert_double_gt(one, 0);
	apply(&b, EVENT_SIGNAL, "reported 3");
	ck_assert_double_eq_tol(view_of(&b, b.login).score, 4 * one, 1e-3);
	bench_end(&b);
}
END_TEST

START_TEST(top_by_score)
{
	static struct engine_top top;
	struct bench b = bench_new(ENFORCE);
	static const char *const keys[] = {"login:a@x", "login:b@x", "login:c@x"};
	for (int i = 0; i < 3; i++)
		engine_feed(b.engine, span_of(keys[i]), SIGNAL_REPORTED, 20.0 * (i + 1), at_s(b.s));
	b.login = "quiet@example.org";
	(void)rcpt(&b, "m", "a@x");
	top = (struct engine_top){.by_score = true, .max = 2};
	while (!engine_top_step(b.engine, &top, at_s(b.s)))
		;
	ck_assert_uint_eq(top.n, 2);
	struct span first = engine_account_key(b.engine, top.row[0].account);
	ck_assert_msg(span_equal(first, SPAN("login:c@x")), "%.*s with %f", (int)first.n, first.p,
		top.row[0].score);
	ck_assert(span_equal(engine_account_key(b.engine, top.row[1].account), SPAN("login:b@x")));
	ck_assert_double_gt(top.row[0].score, top.row[1].score);
	bench_end(&b);
}
END_TEST

/* ---- new recipients as a unit ---- */

START_TEST(new_recipients_are_limited)
{
	struct bench b = bench_new("limits = ( { name = \"new\"; unit = \"new-recipients\"; rate = "
				   "\"3/1h\"; } );");
	learn_data(&b);
	ck_assert_uint_eq(used(&b, 0), 1);
	ck_assert_int_eq(rcpt(&b, "m1", "a@x"), ACTION_DUNNO);
	ck_assert_int_eq(rcpt(&b, "m1", "b@x"), ACTION_DUNNO);
	ck_assert_int_eq(data(&b, "m1", 2), ACTION_DUNNO);
	ck_assert_uint_eq(used(&b, 0), 3);
	ck_assert_int_eq(rcpt(&b, "m2", "c@x"), ACTION_DEFER_IF_PERMIT);
	ck_assert_str_eq(b.verdict.rule, "new");
	/* A retry makes it no acquaintance, however it is written. */
	ck_assert_int_eq(rcpt(&b, "m3", "c@x"), ACTION_DEFER_IF_PERMIT);
	ck_assert_int_eq(rcpt(&b, "m3", "C@X"), ACTION_DEFER_IF_PERMIT);
	/* Whom it knows it may write to. */
	ck_assert_int_eq(rcpt(&b, "m3", "a@x"), ACTION_DUNNO);
	ck_assert_uint_eq(used(&b, 0), 3);
	b.s += 4000;
	ck_assert_int_eq(rcpt(&b, "m4", "c@x"), ACTION_DUNNO);
	ck_assert_int_eq(data(&b, "m4", 1), ACTION_DUNNO);
	ck_assert_int_eq(rcpt(&b, "m5", "c@x"), ACTION_DUNNO);
	ck_assert_uint_eq(used(&b, 0), 1);
	bench_end(&b);
}
END_TEST

/* ---- what outlives the process, and what is bounded ---- */

static void copy(struct bench *from, struct bench *to)
{
	struct engine_save save = {.cursor = 0};
	const struct engine_save_input input = {.boot_id = SPAN("b"), .places = 50, .bytes = 2000};
	struct engine_load load = {.boot_id = SPAN("b"), .now = at_s(from->s)};
	enum engine_save_step step = SAVE_MORE;
	while (step == SAVE_MORE) {
		struct bytes block = {.n = 0};
		step = engine_save_step(from->engine, &save, &input, at_s(from->s), &block);
		ck_assert_int_eq(
			engine_load_block(to->engine, &load, span_make(block.p, block.n)), 0);
		bytes_free(&block);
	}
	to->s = from->s;
}

START_TEST(restart_decides_alike)
{
	struct bench a = bench_mode("enforce"), b = bench_mode("enforce");
	char name[16], to[32];
	unsigned refused = 0;
	normal_days(&a, 20);
	attack(&a, 4);
	copy(&a, &b);
	for (int i = 0; i < 120; i++) {
		snprintf(name, sizeof(name), "y%d", i);
		snprintf(to, sizeof(to), "v%d@w.example", i);
		a.s = b.s = a.s + 5;
		ck_assert_int_eq((int)rcpt(&a, name, to), (int)rcpt(&b, name, to));
		ck_assert_str_eq(a.verdict.rule, b.verdict.rule);
		ck_assert_int_eq(a.verdict.step, b.verdict.step);
		ck_assert_double_eq_tol(a.verdict.score, b.verdict.score, 1e-3);
		refused += !action_rows[a.verdict.action].accepts;
	}
	ck_assert_uint_gt(refused, 0);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

START_TEST(memory_is_bounded)
{
	struct bench b = bench_new("accounts_max = 1000; limits = ( { name = \"hourly\"; rate = "
				   "\"unlimited\"; } ); signals = { mode = \"observe\"; memory_max "
				   "= \"1M\"; };");
	struct engine_figures figures;
	char name[24], to[48], login[48];
	/* One login with forged recipients and senders, then many logins. */
	for (int i = 0; i < 60000; i++) {
		bool is_one = i < 30000;
		snprintf(name, sizeof(name), "i%d", i);
		snprintf(to, sizeof(to), "r%d@d%d.example", i, i);
		snprintf(login, sizeof(login), is_one ? "one@x" : "l%d@x", i);
		struct request request = request_of(STAGE_RCPT, name, to);
		request.sasl_username = span_of(login);
		request.sender = span_of(to);
		request.helo_name = span_of(to);
		(void)ask(&b, &request);
		b.s += 1;
		if (i % 500 == 0)
			engine_tick(b.engine, at_s(b.s));
		if (i == 29999)
			ck_assert_uint_le(view_of(&b, "one@x").bytes, 16 * 1024);
	}
	(void)decisions(&b);
	engine_figures(b.engine, &figures);
	ck_assert_uint_le(figures.signals.baselines, 1100);
	ck_assert_uint_le(figures.signals.scored, 1100);
	ck_assert_uint_le(figures.signals.baseline_bytes, 1024 * 1024 + 64 * 1024);
	bench_end(&b);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"steps become verdicts", steps_become_verdicts, 0},
		{"next knows the ladder", next_knows_the_ladder, 0},
		{"hold takes few messages", hold_takes_few_messages, 0},
		{"slow has a rate", slow_has_a_rate, 0},
		{"attack is suspended", attack_is_suspended, 0},
		{"observe changes nothing", observe_changes_nothing, 0},
		{"repeats say nothing", repeats_say_nothing, 0},
		{"exempt say nothing", exempt_say_nothing, 0},
		{"release and verdict", release_and_verdict, 0},
		{"signals from outside", signals_from_outside, 0},
		{"top by score", top_by_score, 0},
		{"new recipients are limited", new_recipients_are_limited, 0},
		{"restart decides alike", restart_decides_alike, 0},
		{"memory is bounded", memory_is_bounded, 0},
	};
	return SUITE_RUN("compromised", rows);
}
