/* SPDX-License-Identifier: ISC */
/*
 * What the standing of an egress means to whom (semantics 16, 17, 26, 27): the defaults by class, scaled limits
 * that begin afresh, who always flows, where mail is shifted to, what observing tells.
 */
#include "ask_help.h"
#include "policyd/bytes.h"

#define CLASSES                                                                                    \
	"local_domains = [ \"example.org\" ]; trusted_networks = [ \"198.51.100.0/24\" ]; "        \
	"limits = ( { name = \"hourly\"; rate = \"10/1h\"; } ); "                                  \
	"classes = ( { name = \"newsletter\"; match = ( { login = \"news@example.org\"; } ); }, "  \
	"{ name = \"application\"; match = ( { login = \"shop@example.org\"; } ); }, "             \
	"{ name = \"desk\"; match = ( { login = \"desk@example.org\"; } ); "                       \
	"posture = { essential = true; }; } ); "
#define ENFORCE "posture = { mode = \"enforce\"; }; "

static struct engine_egress egress_of(const char *ip, enum posture posture, uint64_t generation)
{
	struct engine_egress egress = {.stands = {.posture = posture,
					       .share = 100,
					       .generation = generation,
					       .why = "Spamhaus CSS"}};
	ck_assert_int_eq(ip_parse(span_of(ip), &egress.stands.egress), 0);
	return egress;
}

static void stand(struct bench *b, enum posture posture, uint64_t generation)
{
	struct engine_egress egress = egress_of("192.0.2.10", posture, generation);
	engine_egresses(b->engine, &egress, 1);
}

static struct bench bench_at(const char *text, enum posture posture)
{
	struct bench b = bench_new(text);
	b.s = 1000;
	stand(&b, posture, 1);
	return b;
}

/* The n-th message of a login, of one recipient. */
static enum action send_to(struct bench *b, const char *login, int n, const char *recipient)
{
	char instance[32];
	b->login = login;
	snprintf(instance, sizeof(instance), "%s%d", login, n);
	return rcpt(b, instance, recipient);
}

static int passed_of(struct bench *b, const char *login, int first, int n)
{
	int passed = 0;
	for (int i = 0; i < n; i++)
		passed += send_to(b, login, first + i, "a@example.net") == ACTION_DUNNO;
	return passed;
}

/* Semantics 27, line by line: how many of ten an hour go through. */
static const struct default_row {
	enum posture posture;
	const char *login;
	int passed;
	const char *rule;
} defaults[] = {
	{POSTURE_OK, "alice@example.org", 10, "hourly"},
	{POSTURE_WATCH, "alice@example.org", 10, "hourly"},
	{POSTURE_WATCH, "news@example.org", 10, "hourly"},
	{POSTURE_THROTTLE, "alice@example.org", 10, "hourly"},
	{POSTURE_THROTTLE, "shop@example.org", 5, "posture"},
	{POSTURE_THROTTLE, "news@example.org", 1, "posture"},
	{POSTURE_HOLD, "alice@example.org", 5, "posture"},
	{POSTURE_HOLD, "shop@example.org", 0, "posture"},
	{POSTURE_HOLD, "news@example.org", 0, "posture"},
	{POSTURE_HOLD, "desk@example.org", 10, "hourly"},
};

START_TEST(by_class)
{
	const struct default_row *row = &defaults[_i];
	struct bench b = bench_at(CLASSES ENFORCE, row->posture);
	ck_assert_int_eq(passed_of(&b, row->login, 0, 12), row->passed);
	ck_assert_int_eq((int)b.verdict.action, ACTION_DEFER_IF_PERMIT);
	ck_assert_str_eq(b.verdict.rule, row->rule);
	bench_end(&b);
}
END_TEST

START_TEST(words_of_the_reply)
{
	struct bench b = bench_at(CLASSES ENFORCE, POSTURE_HOLD);
	(void)send_to(&b, "news@example.org", 0, "a@example.net");
	ck_assert_ptr_nonnull(
		strstr(b.verdict.text, "4.7.1 Put off: our sending address 192.0.2.10"));
	/* Who is on which list is nobody's business who was refused. */
	ck_assert_ptr_null(strstr(b.verdict.text, "Spamhaus"));
	ck_assert_int_eq(passed_of(&b, "alice@example.org", 0, 6), 5);
	ck_assert_ptr_nonnull(strstr(b.verdict.text, "5 of 5 recipients in 1h"));
	ck_assert_ptr_nonnull(strstr(b.verdict.text, "less than usual"));
	bench_end(&b);
}
END_TEST

/* 4 used of 10; the new 5 are not used up by them, and the ten still hold. */
START_TEST(scaled_begins_afresh)
{
	struct bench b = bench_at(CLASSES ENFORCE, POSTURE_OK);
	ck_assert_int_eq(passed_of(&b, "alice@example.org", 0, 4), 4);
	stand(&b, POSTURE_HOLD, 2);
	ck_assert_int_eq(passed_of(&b, "alice@example.org", 10, 9), 5);
	/* The next change begins anew too; what remains of ten is one. */
	stand(&b, POSTURE_HOLD, 3);
	ck_assert_int_eq(passed_of(&b, "alice@example.org", 20, 9), 1);
	ck_assert_str_eq(b.verdict.rule, "hourly");
	bench_end(&b);
}
END_TEST

/* Room returns when what was used since the change is an hour old. */
START_TEST(scaled_room_returns)
{
	struct bench b = bench_at(CLASSES ENFORCE, POSTURE_HOLD);
	ck_assert_int_eq(passed_of(&b, "alice@example.org", 0, 6), 5);
	b.s += 3600 + 301;
	ck_assert_int_eq(passed_of(&b, "alice@example.org", 10, 6), 5);
	bench_end(&b);
}
END_TEST

START_TEST(ramp)
{
	static const unsigned share[] = {10, 25, 50, 100};
	static const int passed[] = {1, 2, 5, 10};
	struct bench b = bench_at(CLASSES ENFORCE, POSTURE_OK);
	for (unsigned i = 0; i < 4; i++) {
		struct engine_egress egress = egress_of("192.0.2.10", POSTURE_RECOVER, 10 + i);
		egress.stands.share = share[i];
		b.s += 7200;
		engine_egresses(b.engine, &egress, 1);
		ck_assert_int_eq(passed_of(&b, "alice@example.org", 20 * (int)i, 12), passed[i]);
	}
	bench_end(&b);
}
END_TEST

/* ---- who always flows ---- */

START_TEST(always_flows)
{
	struct bench b = bench_at(CLASSES ENFORCE, POSTURE_HOLD);
	struct request bounce = request_of(STAGE_RCPT, "b", "a@example.net");
	/* A bounce of a host of ours, our postmaster, and who is here. */
	bounce.sasl_username = SPAN("");
	bounce.sender = SPAN("");
	bounce.client_address = SPAN("198.51.100.7");
	ck_assert_int_eq(ask(&b, &bounce), ACTION_DUNNO);
	ck_assert_int_eq(send_to(&b, "news@example.org", 0, "abuse@example.org"), ACTION_DUNNO);
	ck_assert_int_eq(
		send_to(&b, "news@example.org", 1, "postmaster@example.net"), ACTION_DUNNO);
	ck_assert_int_eq(send_to(&b, "news@example.org", 2, "bob@example.org"), ACTION_DUNNO);
	ck_assert_int_eq(
		send_to(&b, "news@example.org", 3, "bob@example.net"), ACTION_DEFER_IF_PERMIT);
	bench_end(&b);
}
END_TEST

START_TEST(observe_changes_nothing)
{
	struct bench b = bench_at(CLASSES, POSTURE_HOLD);
	ck_assert_int_eq(send_to(&b, "news@example.org", 0, "a@example.net"), ACTION_DUNNO);
	ck_assert_str_eq(b.verdict.would, "posture");
	ck_assert_int_eq(passed_of(&b, "alice@example.org", 0, 12), 10);
	ck_assert_str_eq(b.verdict.rule, "hourly");
	bench_end(&b);
}
END_TEST

START_TEST(observe_tells_of_shares)
{
	struct bench b = bench_at(CLASSES, POSTURE_HOLD);
	ck_assert_int_eq(passed_of(&b, "alice@example.org", 0, 5), 5);
	ck_assert_str_eq(b.verdict.would, "");
	ck_assert_int_eq(passed_of(&b, "alice@example.org", 5, 1), 1);
	ck_assert_str_eq(b.verdict.would, "posture");
	bench_end(&b);
}
END_TEST

/* ---- who is flagged ---- */

static void flag(struct bench *b)
{
	b->login = "alice@example.org";
	learn_data(b);
	b->s += 15 * 86400;
	engine_feed(b->engine, SPAN("login:alice@example.org"), SIGNAL_REPORTED, 30, at_s(b->s));
	(void)send_to(b, "alice@example.org", 900, "l@x");
	ck_assert_int_ge(b->verdict.step, STEP_NOTE);
	ck_assert_int_lt(b->verdict.step, STEP_HOLD);
}

#define LADDER                                                                                     \
	"signals = { mode = \"enforce\"; }; ladder = { note = 24; slow = 900; hold = 1000; "       \
	"suspend = 2000; slow_rate = \"3/1h\"; }; "
#define WIDE                                                                                       \
	"limits = ( { name = \"wide\"; rate = \"1000/1h\"; } ); local_domains = [ \"x.org\" ]; "

START_TEST(flagged_is_held)
{
	struct bench b = bench_at(WIDE LADDER ENFORCE, POSTURE_OK);
	flag(&b);
	stand(&b, POSTURE_THROTTLE, 2);
	ck_assert_int_eq(send_to(&b, "alice@example.org", 0, "a@example.net"), ACTION_HOLD);
	ck_assert_str_eq(b.verdict.rule, "posture");
	ck_assert_int_eq(send_to(&b, "bob@example.org", 0, "a@example.net"), ACTION_DUNNO);
	bench_end(&b);
}
END_TEST

START_TEST(flagged_is_slowed)
{
	struct bench b = bench_at(WIDE LADDER ENFORCE, POSTURE_OK);
	flag(&b);
	stand(&b, POSTURE_WATCH, 2);
	ck_assert_int_eq(passed_of(&b, "alice@example.org", 0, 6), 3);
	ck_assert_str_eq(b.verdict.rule, "posture");
	ck_assert_ptr_nonnull(strstr(b.verdict.text, "room returns at"));
	ck_assert_int_eq(passed_of(&b, "bob@example.org", 0, 6), 6);
	b.s += 3600 + 600;
	ck_assert_int_eq(passed_of(&b, "alice@example.org", 10, 6), 3);
	bench_end(&b);
}
END_TEST

/* ---- which egress ---- */

#define TWO                                                                                        \
	"limits = ( { name = \"hourly\"; rate = \"1000/1h\"; } ); local_domains = [ \"x.org\" ]; " \
	"egress = { addresses = ( { address = \"192.0.2.10\"; transport = \"out1\"; }, "           \
	"{ address = \"192.0.2.11\"; transport = \"out2\"; } ); map = ( "                          \
	"{ egress = \"192.0.2.11\"; domain = \"example.com\"; }, "                                 \
	"{ egress = \"192.0.2.11\"; context = \"bulk\"; }, "                                       \
	"{ egress = \"192.0.2.11\"; server_address = \"198.51.100.25\"; } ); }; "                  \
	"classes = ( { name = \"second\"; match = ( { login = \"b@x.org\"; } ); "                  \
	"egress = \"192.0.2.11\"; }, { name = \"newsletter\"; match = ( { domain = "               \
	"\"example.org\"; } ); } ); "

static struct bench bench_two(const char *text, enum posture first, enum posture second)
{
	struct bench b = bench_at(text, POSTURE_OK);
	struct engine_egress egress[2] = {
		egress_of("192.0.2.10", first, 1), egress_of("192.0.2.11", second, 2)};
	span_copy(SPAN("out1"), egress[0].transport, sizeof(egress[0].transport));
	span_copy(SPAN("out2"), egress[1].transport, sizeof(egress[1].transport));
	engine_egresses(b.engine, egress, 2);
	return b;
}

static const struct map_row {
	const char *sender, *context, *server;
	bool is_second;
} map_rows[] = {
	{"news@example.org", "", "", false},
	{"news@example.com", "", "", true},
	{"news@sub.example.com", "", "", true},
	{"news@notexample.com", "", "", false},
	{"news@example.org", "bulk", "", true},
	{"news@example.org", "", "198.51.100.25", true},
	{"news@example.org", "", "198.51.100.26", false},
};

START_TEST(which_egress)
{
	const struct map_row *row = &map_rows[_i];
	struct bench b = bench_two(TWO ENFORCE, POSTURE_OK, POSTURE_HOLD);
	struct request request = request_of(STAGE_RCPT, "m", "a@example.net");
	request.sender = span_of(row->sender);
	request.policy_context = span_of(row->context);
	request.server_address = span_of(row->server);
	ck_assert_int_eq(
		(int)ask(&b, &request), row->is_second ? ACTION_DEFER_IF_PERMIT : ACTION_DUNNO);
	bench_end(&b);
}
END_TEST

/* ---- somewhere else ---- */

#define SHIFT                                                                                      \
	"limits = ( { name = \"hourly\"; rate = \"1000/1h\"; } ); local_domains = [ \"x.org\" ]; " \
	"egress = { addresses = ( { address = \"192.0.2.10\"; transport = \"out1\"; }, "           \
	"{ address = \"192.0.2.11\"; transport = \"out2\"; } ); }; "                               \
	"classes = ( { name = \"good\"; match = ( { domain = \"example.org\"; } ); "               \
	"posture = { hold = \"shift\"; throttle = \"FILTER slow:\"; }; } ); "

START_TEST(shifted_to_a_clean_one)
{
	struct bench b = bench_two(SHIFT ENFORCE, POSTURE_HOLD, POSTURE_OK);
	ck_assert_int_eq(rcpt(&b, "m", "a@example.net"), ACTION_DUNNO);
	ck_assert_int_eq(data(&b, "m", 1), ACTION_FILTER);
	ck_assert_str_eq(b.verdict.text, "out2:");
	/* With one of our own beside it nothing is shifted (semantics 17). */
	ck_assert_int_eq(rcpt(&b, "n", "a@example.net"), ACTION_DUNNO);
	ck_assert_int_eq(rcpt(&b, "n", "a@x.org"), ACTION_DUNNO);
	ck_assert_int_eq(data(&b, "n", 2), ACTION_DUNNO);
	bench_end(&b);
}
END_TEST

/* None stands well: what its kind gets, half of the limits. */
START_TEST(nowhere_to_shift)
{
	struct bench b = bench_two(SHIFT ENFORCE "overrides = ( { account = \"alice@example.org\"; "
						 "limit = \"hourly\"; rate = \"4/1h\"; } );",
		POSTURE_HOLD, POSTURE_WATCH);
	ck_assert_int_eq(passed_of(&b, "alice@example.org", 0, 6), 2);
	bench_end(&b);
}
END_TEST

START_TEST(slow_lane)
{
	struct bench b = bench_two(SHIFT ENFORCE, POSTURE_THROTTLE, POSTURE_OK);
	ck_assert_int_eq(rcpt(&b, "m", "a@example.net"), ACTION_DUNNO);
	ck_assert_int_eq(data(&b, "m", 1), ACTION_FILTER);
	ck_assert_str_eq(b.verdict.text, "slow:");
	bench_end(&b);
}
END_TEST

/* ---- with one provider ---- */

START_TEST(provider_defers_never_holds)
{
	struct bench b = bench_at(WIDE LADDER ENFORCE
		"providers = ( { name = \"big\"; domains = [ \"big.example\" ]; } ); ",
		POSTURE_OK);
	flag(&b);
	struct engine_egress egress[2] = {egress_of("192.0.2.10", POSTURE_OK, 1),
		egress_of("192.0.2.10", POSTURE_THROTTLE, 2)};
	span_copy(SPAN("big"), egress[1].stands.provider, sizeof(egress[1].stands.provider));
	engine_egresses(b.engine, egress, 2);
	ck_assert_int_eq(
		send_to(&b, "alice@example.org", 0, "a@big.example"), ACTION_DEFER_IF_PERMIT);
	ck_assert_int_eq(send_to(&b, "alice@example.org", 1, "a@example.net"), ACTION_DUNNO);
	bench_end(&b);
}
END_TEST

/* ---- a new address ---- */

#define NEW                                                                                        \
	"local_domains = [ \"x.org\" ]; limits = ( { name = \"wide\"; rate = \"100000/1h\"; } ); " \
	"egress = { addresses = ( { address = \"192.0.2.10\"; warm_up = \"2027-01-15\"; } ); }; "  \
	"posture = { mode = \"enforce\"; }; "

static struct bytes saved_of(struct bench *b)
{
	struct engine_save save = {.cursor = 0};
	const struct engine_save_input input = {
		.boot_id = SPAN("a"), .places = 1000, .bytes = 1 << 20};
	struct bytes all = {.n = 0};
	while (engine_save_step(b->engine, &save, &input, at_s(b->s), &all) == SAVE_MORE)
		;
	return all;
}

static int passed_to(struct bench *b, const char *domain, int n)
{
	static int number;
	char name[32], recipient[64];
	int passed = 0;
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "w%d", ++number);
		snprintf(recipient, sizeof(recipient), "a%d@%s", number, domain);
		passed += rcpt(b, name, recipient) == ACTION_DUNNO;
	}
	return passed;
}

/* 50 the first day to each provider, then at most twice what went, whatever the table says. */
START_TEST(warm_up)
{
	struct bench b = bench_at(NEW, POSTURE_OK);
	ck_assert_int_eq(passed_to(&b, "one.example", 60), 50);
	ck_assert_str_eq(b.verdict.rule, "warm-up");
	ck_assert_ptr_nonnull(strstr(b.verdict.text, "is new"));
	ck_assert_int_eq(passed_to(&b, "two.example", 30), 30);
	ck_assert_int_eq(passed_to(&b, "x.org", 60), 60);
	b.s += 86400;
	ck_assert_int_eq(passed_to(&b, "one.example", 120), 100);
	ck_assert_int_eq(passed_to(&b, "two.example", 120), 60);
	/* A day without mail: from the beginning again. */
	b.s += 2 * 86400;
	ck_assert_int_eq(passed_to(&b, "one.example", 120), 50);
	b.s += 16 * 86400;
	ck_assert_int_eq(passed_to(&b, "one.example", 500), 500);
	bench_end(&b);
}
END_TEST

/* After a restart what was used of a share counts, and what was used before it does not. */
START_TEST(share_over_a_restart)
{
	struct bench a = bench_at(CLASSES ENFORCE, POSTURE_OK),
		     b = bench_at(CLASSES ENFORCE, POSTURE_OK);
	ck_assert_int_eq(passed_of(&a, "alice@example.org", 0, 4), 4);
	stand(&a, POSTURE_HOLD, 2);
	ck_assert_int_eq(passed_of(&a, "alice@example.org", 10, 3), 3);
	struct bytes saved = saved_of(&a);
	struct engine_load load = {.boot_id = SPAN("a"), .now = at_s(b.s)};
	ck_assert_int_eq(engine_load_block(b.engine, &load, span_make(saved.p, saved.n)), 0);
	stand(&b, POSTURE_HOLD, 2);
	ck_assert_int_eq(passed_of(&b, "alice@example.org", 20, 9), 2);
	bytes_free(&saved);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

START_TEST(warm_up_over_a_restart)
{
	struct bench a = bench_at(NEW, POSTURE_OK), b = bench_at(NEW, POSTURE_OK);
	ck_assert_int_eq(passed_to(&a, "one.example", 40), 40);
	struct bytes saved = saved_of(&a);
	struct engine_load load = {.boot_id = SPAN("a"), .now = at_s(b.s)};
	ck_assert_int_eq(engine_load_block(b.engine, &load, span_make(saved.p, saved.n)), 0);
	ck_assert_int_eq(passed_to(&b, "one.example", 40), 10);
	bytes_free(&saved);
	bench_end(&a);
	bench_end(&b);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"by class", by_class, sizeof(defaults) / sizeof(defaults[0])},
		{"words of the reply", words_of_the_reply, 0},
		{"scaled begins afresh", scaled_begins_afresh, 0},
		{"scaled room returns", scaled_room_returns, 0},
		{"ramp", ramp, 0},
		{"always flows", always_flows, 0},
		{"observe changes nothing", observe_changes_nothing, 0},
		{"observe tells of shares", observe_tells_of_shares, 0},
		{"flagged is held", flagged_is_held, 0},
		{"flagged is slowed", flagged_is_slowed, 0},
		{"which egress", which_egress, sizeof(map_rows) / sizeof(map_rows[0])},
		{"shifted to a clean one", shifted_to_a_clean_one, 0},
		{"nowhere to shift", nowhere_to_shift, 0},
		{"slow lane", slow_lane, 0},
		{"provider defers, never holds", provider_defers_never_holds, 0},
		{"warm-up", warm_up, 0},
		{"warm-up over a restart", warm_up_over_a_restart, 0},
		{"share over a restart", share_over_a_restart, 0},
	};
	return SUITE_RUN("stance", rows);
}
