/* SPDX-License-Identifier: ISC */
/*
 * engine.h: semantics 7 to 16, each a test. A bench is an engine, a clock, and requests as Postfix asks
 * them. The charge port that answers late has a suite of its own: test_ticket.c.
 */
#include "policyd/engine.h"

#include "ask_help.h"

#define LIMIT_5 "limits = ( { name = \"hourly\"; rate = \"5/1h\"; } );"
#define LIMIT_5_MESSAGES                                                                           \
	"limits = ( { name = \"hourly\"; unit = \"messages\"; rate = \"5/1h\"; } );"

/* ---- semantics 7: one message, whatever connections ---- */

START_TEST(identical_queries_over_two_connections_cost_once)
{
	struct bench b = bench_new(LIMIT_5);
	engine_conn second = engine_conn_open(b.engine, SPAN("unix:/other"), NULL);
	for (int i = 0; i < 5; i++) {
		char recipient[16];
		snprintf(recipient, sizeof(recipient), "r%d@x", i);
		for (int repeat = 0; repeat < 2; repeat++) {
			b.conn = 1;
			ck_assert_int_eq(rcpt(&b, "m1", recipient), ACTION_DUNNO);
			b.conn = second;
			ck_assert_int_eq(rcpt(&b, "m1", recipient), ACTION_DUNNO);
		}
	}
	ck_assert_uint_eq(used(&b, 0), 5);
	ck_assert_int_eq(rcpt(&b, "m1", "r9@x"), ACTION_DEFER_IF_PERMIT);
	bench_end(&b);
}
END_TEST

START_TEST(loopback_and_unix_are_one_peer_a_stranger_is_not)
{
	struct bench b = bench_new(LIMIT_5);
	struct ip ip;
	ck_assert_int_eq(ip_parse(SPAN("127.0.0.1"), &ip), 0);
	engine_conn local = engine_conn_open(b.engine, SPAN("inet:127.0.0.1:1"), &ip);
	ck_assert_int_eq(ip_parse(SPAN("192.0.2.5"), &ip), 0);
	engine_conn remote = engine_conn_open(b.engine, SPAN("inet:127.0.0.1:1"), &ip);
	rcpt(&b, "m1", "r@x");
	b.conn = local;
	rcpt(&b, "m1", "r@x");
	ck_assert_uint_eq(used(&b, 0), 1);
	b.conn = remote;
	rcpt(&b, "m1", "r@x");
	ck_assert_uint_eq(used(&b, 0), 2);
	bench_end(&b);
}
END_TEST

START_TEST(retry_after_an_unanswered_close_costs_nothing)
{
	struct bench b = bench_new(LIMIT_5);
	learn_data(&b);
	rcpt(&b, "m1", "r@x");
	engine_conn_close(b.engine, b.conn, at_s(b.s));
	b.s += 1;
	b.conn = engine_conn_open(b.engine, SPAN("unix:/p"), NULL);
	ck_assert_int_eq(rcpt(&b, "m1", "r@x"), ACTION_DUNNO);
	ck_assert_uint_eq(used(&b, 0), 2); /* one of them is learn_data's */
	b.s += 60;
	engine_tick(b.engine, at_s(b.s));
	ck_assert_uint_eq(used(&b, 0), 2);
	bench_end(&b);
}
END_TEST

START_TEST(lost_connection_refunds_after_its_grace)
{
	struct bench b = bench_new(LIMIT_5);
	learn_data(&b);
	rcpt(&b, "m1", "r@x");
	rcpt(&b, "m1", "s@x");
	ck_assert_uint_eq(used(&b, 0), 3);
	engine_conn_close(b.engine, b.conn, at_s(b.s));
	b.s += 9.9;
	engine_tick(b.engine, at_s(b.s));
	ck_assert_uint_eq(used(&b, 0), 3);
	b.s += 0.2;
	engine_tick(b.engine, at_s(b.s));
	ck_assert_uint_eq(used(&b, 0), 1);
	bench_end(&b);
}
END_TEST

START_TEST(new_instance_ends_the_message_an_empty_one_does_not)
{
	struct bench b = bench_new(LIMIT_5);
	learn_data(&b);
	rcpt(&b, "m1", "r@x");
	ck_assert_uint_eq(used(&b, 0), 2);
	struct request helo = request_of(STAGE_EHLO, "", "");
	ask(&b, &helo);
	ck_assert_uint_eq(used(&b, 0), 2);
	rcpt(&b, "m2", "r@x");
	ck_assert_uint_eq(used(&b, 0), 2);
	bench_end(&b);
}
END_TEST

START_TEST(without_an_instance_each_rcpt_stands_alone)
{
	struct bench b = bench_new(LIMIT_5_MESSAGES);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(rcpt(&b, "", "r@x"), ACTION_DUNNO);
	ck_assert_int_eq(rcpt(&b, "", "r@x"), ACTION_DEFER_IF_PERMIT);
	ck_assert_int_eq(data(&b, "", 9), ACTION_DUNNO);
	bench_end(&b);
}
END_TEST

START_TEST(one_instance_of_two_accounts_charges_each)
{
	struct bench b = bench_new(LIMIT_5);
	rcpt(&b, "m1", "r@x");
	b.login = "bob@example.org";
	rcpt(&b, "m1", "r@x");
	ck_assert_uint_eq(used(&b, 0), 1);
	b.login = "alice@example.org";
	ck_assert_uint_eq(used(&b, 0), 1);
	bench_end(&b);
}
END_TEST

/* ---- semantics 8: first verdict again ---- */

START_TEST(refused_again_alike_without_a_second_record)
{
	struct bench b = bench_new(LIMIT_5);
	struct verdict first;
	fill(&b, "m0", 5);
	ck_assert_int_eq(rcpt(&b, "m1", "r@x"), ACTION_DEFER_IF_PERMIT);
	first = b.verdict;
	ck_assert_uint_eq(decisions(&b), 1);
	b.s += 3;
	ck_assert_int_eq(rcpt(&b, "m1", "r@x"), ACTION_DEFER_IF_PERMIT);
	ck_assert_str_eq(b.verdict.text, first.text);
	ck_assert_str_eq(b.verdict.reference, first.reference);
	ck_assert_str_eq(b.verdict.rule, "hourly");
	ck_assert_uint_eq(decisions(&b), 0);
	/* Another recipient of the message: its own decision, the message's reference. */
	ck_assert_int_eq(rcpt(&b, "m1", "s@x"), ACTION_DEFER_IF_PERMIT);
	ck_assert_str_eq(b.verdict.reference, first.reference);
	ck_assert_uint_eq(decisions(&b), 1);
	rcpt(&b, "m2", "s@x");
	ck_assert_str_ne(b.verdict.reference, first.reference);
	bench_end(&b);
}
END_TEST

START_TEST(suspension_made_meanwhile_overrides_a_release_does_not)
{
	struct bench b = bench_new(LIMIT_5);
	ck_assert_int_eq(rcpt(&b, "m1", "r@x"), ACTION_DUNNO);
	suspend(&b, WALL_NEVER);
	ck_assert_int_eq(rcpt(&b, "m1", "r@x"), ACTION_REJECT);
	ck_assert_str_eq(b.verdict.rule, "suspended");
	struct policy_event release = {
		.kind = EVENT_RELEASE, .account = SPAN("login:alice@example.org")};
	engine_apply(b.engine, &release, at_s(b.s));
	ck_assert_int_eq(rcpt(&b, "m1", "r@x"), ACTION_REJECT);
	ck_assert_int_eq(rcpt(&b, "m1", "s@x"), ACTION_DUNNO);
	bench_end(&b);
}
END_TEST

/* ---- semantics 9: when it counts ---- */

START_TEST(rcpt_alone_books_at_once)
{
	struct bench b = bench_new(LIMIT_5);
	rcpt(&b, "m1", "r@x");
	rcpt(&b, "m2", "r@x"); /* m1 was given up, for all we know; but RCPT is all there is */
	ck_assert_uint_eq(used(&b, 0), 2);
	engine_conn_close(b.engine, b.conn, at_s(b.s));
	engine_tick(b.engine, at_s(b.s + 60));
	b.s += 60;
	ck_assert_uint_eq(used(&b, 0), 2);
	bench_end(&b);
}
END_TEST

START_TEST(latest_stage_seen_commits)
{
	struct bench b = bench_new(LIMIT_5);
	learn_data(&b);
	eom(&b, "learn", 1);
	rcpt(&b, "m1", "r@x");
	data(&b, "m1", 1);
	ck_assert_uint_eq(reserved(&b, 0), 1);
	eom(&b, "m1", 1);
	ck_assert_uint_eq(reserved(&b, 0), 0);
	/* Over message_size_limit: DATA and no END-OF-MESSAGE. */
	rcpt(&b, "m2", "r@x");
	data(&b, "m2", 1);
	rcpt(&b, "m3", "r@x");
	ck_assert_uint_eq(used(&b, 0), 3);
	bench_end(&b);
}
END_TEST

START_TEST(stages_are_learnt_by_listener_and_port)
{
	struct bench b = bench_new(LIMIT_5);
	learn_data(&b);
	b.port = "25";
	rcpt(&b, "m1", "r@x");
	rcpt(&b, "m2", "r@x");
	ck_assert_uint_eq(used(&b, 0), 3);
	ck_assert_uint_eq(reserved(&b, 0), 0);
	bench_end(&b);
}
END_TEST

static void miss(struct bench *b, int n)
{
	char name[16];
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "miss%d", i);
		rcpt(b, name, "r@x");
	}
}

START_TEST(stage_that_never_comes_is_given_up_with_a_note)
{
	struct bench b = bench_new(
		"commit_at = \"eom\"; limits = ( { name = \"a\"; rate = \"500/1h\"; } );");
	miss(&b, 101); /* the last one opens after the note: it is booked at RCPT */
	ck_assert_uint_eq(used(&b, 0), 1);
	ck_assert_uint_eq(notes(&b), 1);
	rcpt(&b, "next", "r@x");
	rcpt(&b, "next2", "r@x");
	ck_assert_uint_eq(used(&b, 0), 3);
	ck_assert_uint_eq(notes(&b), 0);
	/* It comes after all: believed again. */
	eom(&b, "next2", 1);
	rcpt(&b, "m1", "r@x");
	ck_assert_uint_eq(reserved(&b, 0), 1);
	bench_end(&b);
}
END_TEST

START_TEST(learnt_stage_that_goes_away_is_given_up_too)
{
	struct bench b = bench_new("limits = ( { name = \"a\"; rate = \"500/1h\"; } );");
	learn_data(&b);
	miss(&b, 101);
	ck_assert_uint_eq(notes(&b), 1);
	rcpt(&b, "next", "r@x");
	rcpt(&b, "next2", "r@x");
	ck_assert_uint_eq(used(&b, 0), 4);
	bench_end(&b);
}
END_TEST

/* ---- semantics 10: reserve, commit, refund ---- */

START_TEST(commit_books_the_true_count)
{
	struct bench b = bench_new(LIMIT_5);
	learn_data(&b);
	for (int i = 0; i < 4; i++)
		rcpt(&b, "m1", (const char *[]){"a@x", "b@x", "c@x", "d@x"}[i]);
	ck_assert_uint_eq(used(&b, 0), 5);
	/* A later restriction rejected two of them. */
	ck_assert_int_eq(data(&b, "m1", 2), ACTION_DUNNO);
	ck_assert_uint_eq(used(&b, 0), 3);
	ck_assert_uint_eq(reserved(&b, 0), 0);
	data(&b, "m1", 2);
	rcpt(&b, "m2", "a@x");
	ck_assert_uint_eq(used(&b, 0), 4);
	bench_end(&b);
}
END_TEST

START_TEST(excess_is_checked_at_the_stage_that_tells_of_it)
{
	struct bench b = bench_new(LIMIT_5);
	learn_data(&b);
	rcpt(&b, "m1", "a@x");
	/* RCPT TO:<postmaster> and a duplicate were not asked about. */
	ck_assert_int_eq(data(&b, "m1", 3), ACTION_DUNNO);
	ck_assert_uint_eq(used(&b, 0), 4);
	rcpt(&b, "m2", "a@x");
	ck_assert_int_eq(data(&b, "m2", 2), ACTION_DEFER_IF_PERMIT);
	ck_assert_uint_eq(used(&b, 0), 4); /* the refused message gave back its one */
	ck_assert_int_eq(data(&b, "m2", 2), ACTION_DEFER_IF_PERMIT);
	rcpt(&b, "m3", "a@x");
	ck_assert_int_eq(data(&b, "m3", 1), ACTION_DUNNO);
	ck_assert_uint_eq(used(&b, 0), 5);
	bench_end(&b);
}
END_TEST

/* DATA told of fewer than were accepted, END-OF-MESSAGE of all of them again. */
START_TEST(later_stage_that_tells_of_more_is_charged)
{
	struct bench b = bench_new("limits = ( { name = \"a\"; rate = \"50/1h\"; } );");
	learn_data(&b);
	fill_open(&b, "m", 10);
	data(&b, "m", 1);
	ck_assert_uint_eq(used(&b, 0), 2);
	eom(&b, "m", 10);
	ck_assert_uint_eq(used(&b, 0), 11);
	bench_end(&b);
}
END_TEST

START_TEST(data_alone_is_enough)
{
	struct bench b = bench_new("limits = ( { name = \"r\"; rate = \"9/1h\"; },"
				   " { name = \"m\"; unit = \"messages\"; rate = \"2/1h\"; } );");
	ck_assert_int_eq(data(&b, "m1", 4), ACTION_DUNNO);
	ck_assert_int_eq(data(&b, "m2", 6), ACTION_DEFER_IF_PERMIT);
	ck_assert_str_eq(b.verdict.rule, "r");
	ck_assert_int_eq(data(&b, "m3", 5), ACTION_DUNNO);
	ck_assert_uint_eq(used(&b, 0), 9);
	ck_assert_uint_eq(used(&b, 1), 2);
	ck_assert_int_eq(data(&b, "m4", 0), ACTION_DUNNO);
	bench_end(&b);
}
END_TEST

START_TEST(reservation_counts_until_it_lapses)
{
	struct bench b =
		bench_new("reserve_max = \"3h\"; limits = ( { name = \"a\"; rate = \"5/1h\"; } );");
	learn_data(&b);
	b.s += 7200;
	rcpt(&b, "slow", "a@x");
	for (int i = 0; i < 10; i++) {
		b.s += 1000;
		engine_tick(b.engine, at_s(b.s));
		ck_assert_uint_eq(used(&b, 0), 1);
	}
	b.s += 801;
	engine_tick(b.engine, at_s(b.s));
	ck_assert_uint_eq(used(&b, 0), 0);
	/* Its late DATA is checked anew. */
	engine_conn mine = b.conn;
	b.conn = engine_conn_open(b.engine, SPAN("unix:/p"), NULL);
	fill(&b, "fill", 5);
	b.conn = mine;
	ck_assert_int_eq(data(&b, "slow", 1), ACTION_DEFER_IF_PERMIT);
	bench_end(&b);
}
END_TEST

START_TEST(reservation_after_a_lapse_lapses_too)
{
	struct bench b = bench_new(LIMIT_5);
	learn_data(&b);
	rcpt(&b, "slow", "a@x");
	b.s += 3601;
	engine_tick(b.engine, at_s(b.s));
	rcpt(&b, "slow", "b@x");
	ck_assert_uint_eq(reserved(&b, 0), 1);
	b.s += 3601;
	engine_tick(b.engine, at_s(b.s));
	ck_assert_uint_eq(reserved(&b, 0), 0);
	bench_end(&b);
}
END_TEST

/* Suspended between DATA and its repetition: the message never leaves, so it costs nothing. */
START_TEST(refused_after_the_commit_is_refunded)
{
	struct bench b = bench_new(LIMIT_5);
	learn_data(&b);
	fill(&b, "m", 3);
	ck_assert_uint_eq(used(&b, 0), 4);
	suspend(&b, WALL_NEVER);
	ck_assert_int_eq(data(&b, "m", 3), ACTION_REJECT);
	ck_assert_uint_eq(used(&b, 0), 1);
	bench_end(&b);
}
END_TEST

/* The message counts from its commit, not from its first RCPT: no window holds more than N. */
START_TEST(data_dragged_past_the_window_lets_no_more_than_n_through)
{
	struct bench b =
		bench_new("reserve_max = \"1d\"; limits = ( { name = \"a\"; rate = \"5/1h\"; } );");
	learn_data(&b);
	b.s += 7200;
	fill_open(&b, "slow", 5);
	b.s += 7200;
	engine_conn slow = b.conn;
	b.conn = engine_conn_open(b.engine, SPAN("unix:/p"), NULL);
	ck_assert_int_eq(rcpt(&b, "quick", "z@x"), ACTION_DEFER_IF_PERMIT);
	b.conn = slow;
	ck_assert_int_eq(data(&b, "slow", 5), ACTION_DUNNO);
	b.s += 3500;
	ck_assert_int_eq(rcpt(&b, "next", "z@x"), ACTION_DEFER_IF_PERMIT);
	b.s += 500;
	ck_assert_int_eq(rcpt(&b, "next2", "z@x"), ACTION_DUNNO);
	bench_end(&b);
}
END_TEST

/* ---- semantics 11: refused costs nothing ---- */

START_TEST(refused_recipients_cost_nothing_accepted_ones_stay)
{
	struct bench b = bench_new(LIMIT_5);
	learn_data(&b);
	char recipient[16];
	for (int i = 0; i < 200; i++) {
		snprintf(recipient, sizeof(recipient), "r%d@x", i);
		ck_assert_int_eq(
			rcpt(&b, "big", recipient), i < 4 ? ACTION_DUNNO : ACTION_DEFER_IF_PERMIT);
	}
	ck_assert_uint_eq(used(&b, 0), 5);
	/* The client gives up. */
	rcpt(&b, "next", "r@x");
	ck_assert_uint_eq(used(&b, 0), 2);
	bench_end(&b);
}
END_TEST

START_TEST(all_or_nothing_over_rules)
{
	struct bench b = bench_new("limits = ( { name = \"day\"; rate = \"100/1d\"; },"
				   " { name = \"hour\"; rate = \"2/1h\"; } );");
	fill(&b, "m", 2);
	for (int i = 0; i < 50; i++)
		rcpt(&b, "more", (const char[]){(char)('a' + i % 26), '@', 'x', '\0'});
	ck_assert_uint_eq(used(&b, 0), 2);
	ck_assert_uint_eq(used(&b, 1), 2);
	bench_end(&b);
}
END_TEST

START_TEST(strongest_rule_wins)
{
	struct bench b =
		bench_new("limits = ( { name = \"h\"; rate = \"1/1h\"; action = \"HOLD\"; },"
			  " { name = \"d\"; rate = \"2/1d\"; action = \"DEFER\"; },"
			  " { name = \"r\"; rate = \"3/2d\"; action = \"REJECT\"; } );");
	ck_assert_int_eq(rcpt(&b, "m1", "a@x"), ACTION_DUNNO);
	ck_assert_int_eq(rcpt(&b, "m2", "a@x"), ACTION_HOLD);
	ck_assert_str_eq(b.verdict.rule, "h");
	ck_assert_int_eq(rcpt(&b, "m3", "a@x"), ACTION_DEFER);
	ck_assert_str_eq(b.verdict.rule, "d");
	bench_end(&b);
}
END_TEST

START_TEST(hold_is_charged_and_said_once_a_message)
{
	struct bench b =
		bench_new("limits = ( { name = \"h\"; rate = \"1/1h\"; action = \"HOLD\"; },"
			  " { name = \"d\"; rate = \"100/1d\"; } );");
	rcpt(&b, "m1", "a@x");
	ck_assert_int_eq(rcpt(&b, "m2", "a@x"), ACTION_HOLD);
	ck_assert_int_eq(rcpt(&b, "m2", "b@x"), ACTION_DUNNO);
	ck_assert_int_eq(data(&b, "m2", 2), ACTION_DUNNO);
	ck_assert_uint_eq(used(&b, 1), 3);
	/* Full, not over: it does not have to wait for mail that nobody has released. */
	ck_assert_uint_eq(used(&b, 0), 1);
	bench_end(&b);
}
END_TEST

/* ---- semantics 12: observe ---- */

START_TEST(observe_counts_as_if_enforced_and_changes_nothing)
{
	struct bench b =
		bench_new("limits = ( { name = \"o\"; rate = \"2/1h\"; mode = \"observe\"; },"
			  " { name = \"e\"; rate = \"4/1h\"; } );");
	char recipient[16];
	for (int i = 0; i < 6; i++) {
		snprintf(recipient, sizeof(recipient), "r%d@x", i);
		enum action action = rcpt(&b, "m", recipient);
		ck_assert_int_eq(action, i < 4 ? ACTION_DUNNO : ACTION_DEFER_IF_PERMIT);
		ck_assert_str_eq(b.verdict.would, i < 2 ? "" : "o");
	}
	ck_assert_uint_eq(used(&b, 0), 2);
	ck_assert_uint_eq(used(&b, 1), 4);
	bench_end(&b);
}
END_TEST

/* ---- who is judged at all, and when ---- */

START_TEST(only_outbound_mail_at_the_stages_of_a_message)
{
	struct bench b = bench_new("limits = ( { name = \"none\"; rate = \"1/1h\"; } );");
	for (int stage = 0; stage < STAGE_COUNT; stage++) {
		struct request request = request_of((enum stage)stage, "i", "r@x");
		request.sasl_username = span_make(NULL, 0);
		for (int i = 0; i < 3; i++)
			ck_assert_int_eq(ask(&b, &request), ACTION_DUNNO);
	}
	struct engine_figures figures;
	engine_figures(b.engine, &figures);
	ck_assert_uint_eq(figures.accounts.count[ACCOUNT_LOGIN], 0);
	ck_assert_uint_eq(figures.messages, 0);
	bench_end(&b);
}
END_TEST

static const struct {
	const char *action;
	enum action at_mail, at_rcpt;
} suspensions[] = {
	{"REJECT", ACTION_REJECT, ACTION_REJECT},
	{"DEFER_IF_PERMIT", ACTION_DEFER_IF_PERMIT, ACTION_DEFER_IF_PERMIT},
	{"HOLD", ACTION_DUNNO, ACTION_HOLD},
};

START_TEST(suspended_account)
{
	char text[256];
	snprintf(text, sizeof(text),
		"suspension = { action = \"%s\"; }; contact = \"abuse@example.org\"; " LIMIT_5,
		suspensions[_i].action);
	struct bench b = bench_new(text);
	struct request mail = request_of(STAGE_MAIL, "", "");
	ck_assert_int_eq(ask(&b, &mail), ACTION_DUNNO);
	suspend(&b, (wall_t){.us = at_s(100).wall.us});
	ck_assert_int_eq(ask(&b, &mail), suspensions[_i].at_mail);
	ck_assert_int_eq(rcpt(&b, "m1", "r@x"), suspensions[_i].at_rcpt);
	ck_assert_ptr_nonnull(strstr(b.verdict.text, b.verdict.reference));
	ck_assert_ptr_nonnull(strstr(b.verdict.text, "contact abuse@example.org"));
	b.login = "bob@example.org";
	ck_assert_int_eq(rcpt(&b, "m2", "r@x"), ACTION_DUNNO);
	b.login = "alice@example.org";
	b.s = 101;
	ck_assert_int_eq(rcpt(&b, "m3", "r@x"), ACTION_DUNNO);
	bench_end(&b);
}
END_TEST

START_TEST(texts_say_limit_use_room_and_reference)
{
	struct bench b = bench_new(LIMIT_5);
	fill(&b, "m", 5);
	rcpt(&b, "n", "r@x");
	ck_assert_ptr_nonnull(strstr(b.verdict.text, "4.7.1 "));
	ck_assert_ptr_nonnull(strstr(b.verdict.text, "hourly"));
	ck_assert_ptr_nonnull(strstr(b.verdict.text, "5 of 5 recipients in 1h"));
	ck_assert_ptr_nonnull(strstr(b.verdict.text, "alice@example.org"));
	ck_assert_ptr_nonnull(strstr(b.verdict.text, b.verdict.reference));
	ck_assert_ptr_nonnull(strstr(b.verdict.text, "2027-01-15T09:")); /* 1800000000 is 08:00 */
	bench_end(&b);
}
END_TEST

START_TEST(long_names_do_not_push_the_reference_out)
{
	struct bench b = bench_new(LIMIT_5);
	char login[400];
	memset(login, 'x', sizeof(login) - 1);
	login[sizeof(login) - 1] = '\0';
	b.login = login;
	fill(&b, "m", 5);
	ck_assert_int_eq(rcpt(&b, "n", "r@x"), ACTION_DEFER_IF_PERMIT);
	ck_assert_ptr_nonnull(strstr(b.verdict.text, b.verdict.reference));
	bench_end(&b);
}
END_TEST

/* ---- a new snapshot ---- */

START_TEST(reload_keeps_counters_and_open_messages)
{
	struct bench b = bench_new(LIMIT_5);
	learn_data(&b);
	rcpt(&b, "m1", "a@x");
	rcpt(&b, "m1", "b@x");
	struct config *config =
		config_of("limits = ( { name = \"new\"; unit = \"messages\"; "
			  "rate = \"9/1d\"; }, { name = \"hourly\"; rate = \"4/1h\"; } );");
	engine_configure(b.engine, config);
	config_unref(config);
	ck_assert_uint_eq(used(&b, 1), 3);
	ck_assert_int_eq(rcpt(&b, "m1", "c@x"), ACTION_DUNNO);
	ck_assert_int_eq(rcpt(&b, "m1", "d@x"), ACTION_DEFER_IF_PERMIT);
	ck_assert_int_eq(data(&b, "m1", 3), ACTION_DUNNO);
	ck_assert_uint_eq(used(&b, 1), 4);
	ck_assert_uint_eq(reserved(&b, 1), 0);
	bench_end(&b);
}
END_TEST

START_TEST(reload_and_then_given_up)
{
	struct bench b = bench_new(LIMIT_5);
	learn_data(&b);
	rcpt(&b, "m1", "a@x");
	struct config *config = config_of("limits = ( { name = \"z\"; rate = \"7/1d\"; },"
					  " { name = \"hourly\"; rate = \"4/1h\"; } );");
	engine_configure(b.engine, config);
	config_unref(config);
	rcpt(&b, "m2", "a@x");
	ck_assert_uint_eq(used(&b, 1), 2);
	ck_assert_uint_eq(reserved(&b, 1), 1);
	bench_end(&b);
}
END_TEST

/* ---- views ---- */

START_TEST(views_make_nothing)
{
	struct bench b = bench_new(LIMIT_5);
	struct engine_account_view view;
	struct errbuf err;
	ck_assert_int_eq(engine_account(b.engine, SPAN("nobody"), at_s(0), &view, &err), 0);
	ck_assert(!view.is_known);
	ck_assert_uint_eq(view.limits, 1);
	ck_assert(view.limit[0].next_fits);
	ck_assert_int_eq((int)view.next.action, ACTION_DUNNO);
	struct engine_figures figures;
	engine_figures(b.engine, &figures);
	ck_assert_uint_eq(figures.accounts.count[ACCOUNT_LOGIN], 0);
	fill(&b, "m", 5);
	ck_assert_int_eq(
		engine_account(b.engine, SPAN("Alice@example.org"), at_s(0), &view, &err), 0);
	ck_assert(view.is_known && !view.limit[0].next_fits);
	ck_assert_int_eq((int)view.next.action, ACTION_DEFER_IF_PERMIT);
	ck_assert_str_eq(view.next.rule, "hourly");
	bench_end(&b);
}
END_TEST

START_TEST(top_finds_the_busiest)
{
	struct bench b = bench_new("limits = ( { name = \"a\"; rate = \"100/1h\"; } );");
	char login[32], instance[32];
	for (int i = 0; i < 5000; i++) {
		snprintf(login, sizeof(login), "u%d", i);
		snprintf(instance, sizeof(instance), "i%d", i);
		b.login = login;
		for (int n = 0; n < 1 + i % 3 + (i == 1234 ? 10 : 0); n++)
			rcpt(&b, instance, (const char[]){(char)('a' + n), '@', 'x', '\0'});
	}
	struct engine_top top = {.unit = UNIT_RECIPIENTS, .max = 3};
	int steps = 1;
	while (!engine_top_step(b.engine, &top, at_s(0)))
		steps++;
	ck_assert_int_gt(steps, 1);
	ck_assert_uint_eq(top.n, 3);
	ck_assert(
		span_equal(engine_account_key(b.engine, top.row[0].account), SPAN("login:u1234")));
	ck_assert_uint_eq(top.row[0].used, 12);
	ck_assert_uint_eq(top.row[0].limit, 100);
	bench_end(&b);
}
END_TEST

/* ---- bounds ---- */

START_TEST(messages_are_bounded)
{
	struct bench b = bench_new("messages_max = 1024; commit_at = \"eom\";"
				   "limits = ( { name = \"a\"; rate = \"100000/1h\"; } );");
	char instance[32];
	b.conn = 0; /* no connection ends them */
	for (int i = 0; i < 5000; i++) {
		snprintf(instance, sizeof(instance), "i%d", i);
		rcpt(&b, instance, "r@x");
	}
	struct engine_figures figures;
	engine_figures(b.engine, &figures);
	ck_assert_uint_le(figures.messages, 3 * 1024);
	/* Those that were pushed out gave back what they had reserved. */
	ck_assert_uint_le(used(&b, 0), 1024);
	bench_end(&b);
}
END_TEST

START_TEST(recipients_of_a_message_are_bounded)
{
	struct bench b = bench_new("limits = ( { name = \"a\"; rate = \"100000/1h\"; } );");
	char recipient[32];
	for (int i = 0; i < 6000; i++) {
		snprintf(recipient, sizeof(recipient), "r%d@x", i);
		ck_assert_int_eq(rcpt(&b, "huge", recipient), ACTION_DUNNO);
	}
	ck_assert_uint_eq(used(&b, 0), 6000);
	bench_end(&b);
}
END_TEST

START_TEST(flood_of_one_account_is_kept_in_bounds)
{
	struct bench b = bench_new(LIMIT_5);
	char instance[32];
	size_t kept = 0;
	fill(&b, "m", 5);
	for (int i = 0; i < 10000; i++) {
		struct effect effect;
		snprintf(instance, sizeof(instance), "i%d", i);
		rcpt(&b, instance, "r@x");
		while (engine_effect(b.engine, &effect))
			kept += effect.kind == EFFECT_DECISION && effect.keep;
	}
	ck_assert_uint_eq(kept, 60);
	bench_end(&b);
}
END_TEST

int main(void)
{
#define ROW(test)                                                                                  \
	{                                                                                          \
#test, test, 0                                                                     \
	}
	const struct suite_row rows[] = {
		ROW(identical_queries_over_two_connections_cost_once),
		ROW(loopback_and_unix_are_one_peer_a_stranger_is_not),
		ROW(retry_after_an_unanswered_close_costs_nothing),
		ROW(lost_connection_refunds_after_its_grace),
		ROW(new_instance_ends_the_message_an_empty_one_does_not),
		ROW(without_an_instance_each_rcpt_stands_alone),
		ROW(one_instance_of_two_accounts_charges_each),
		ROW(refused_again_alike_without_a_second_record),
		ROW(suspension_made_meanwhile_overrides_a_release_does_not),
		ROW(rcpt_alone_books_at_once),
		ROW(latest_stage_seen_commits),
		ROW(stages_are_learnt_by_listener_and_port),
		ROW(stage_that_never_comes_is_given_up_with_a_note),
		ROW(learnt_stage_that_goes_away_is_given_up_too),
		ROW(commit_books_the_true_count),
		ROW(excess_is_checked_at_the_stage_that_tells_of_it),
		ROW(later_stage_that_tells_of_more_is_charged),
		ROW(data_alone_is_enough),
		ROW(reservation_counts_until_it_lapses),
		ROW(reservation_after_a_lapse_lapses_too),
		ROW(refused_after_the_commit_is_refunded),
		ROW(data_dragged_past_the_window_lets_no_more_than_n_through),
		ROW(refused_recipients_cost_nothing_accepted_ones_stay),
		ROW(all_or_nothing_over_rules),
		ROW(strongest_rule_wins),
		ROW(hold_is_charged_and_said_once_a_message),
		ROW(observe_counts_as_if_enforced_and_changes_nothing),
		ROW(only_outbound_mail_at_the_stages_of_a_message),
		{"suspended_account", suspended_account, ROWS(suspensions)},
		ROW(texts_say_limit_use_room_and_reference),
		ROW(long_names_do_not_push_the_reference_out),
		ROW(reload_keeps_counters_and_open_messages),
		ROW(reload_and_then_given_up),
		ROW(views_make_nothing),
		ROW(top_finds_the_busiest),
		ROW(messages_are_bounded),
		ROW(recipients_of_a_message_are_bounded),
		ROW(flood_of_one_account_is_kept_in_bounds),
	};
	return SUITE_RUN("engine", rows);
}
