/* SPDX-License-Identifier: ISC */
/* dns.h: one question's way past servers that are slow, silent, lame or wrong; queue; cancel; configure. */
#include "dns_help.h"
#include "random.h"
#include "suite.h"

#define FOUND "a.example. 300 IN A 192.0.2.7"
static const struct script found = {.answer = {FOUND}};

static unsigned server_nr(const struct sent *sent)
{
	return sent->server.ip.byte[15];
}

START_TEST(asks_and_answers)
{
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	dns_ticket ticket = desk_ask(desk, "A.example", DNS_A);
	ck_assert_uint_ne(ticket, 0);
	ck_assert_uint_eq(desk->open_n, 1);
	ck_assert(!desk->open[0].is_tcp);
	ck_assert_uint_eq(desk->open[0].server.port, 53);
	ck_assert(sent_has_edns(&desk->open[0]));
	desk_wait(desk, SECOND_US);
	desk_reply(desk, 0, &found);
	ck_assert_uint_eq(desk->open_n, 0);
	ck_assert_uint_eq(desk->heard_n, 1);
	const struct heard *heard = desk_last(desk);
	ck_assert_uint_eq(heard->ticket, ticket);
	ck_assert_int_eq(heard->answer.result, DNS_FOUND);
	ck_assert_uint_eq(heard->answer.n, 1);
	ck_assert_str_eq(heard->line[0], "192.0.2.7");
	ck_assert_str_eq(heard->canonical, "a.example");
	ck_assert_uint_eq(heard->answer.ttl_s, 300);
	ck_assert_int_eq(heard->answer.fetched.us, desk->now.mono.us);
	ck_assert_uint_eq(heard->answer.server.ip.byte[15], 1);
	ck_assert_int_eq(dns_due(desk->dns).us, MONO_NEVER.us);
	desk_free(desk);
}
END_TEST

START_TEST(silence_is_a_timeout)
{
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	ck_assert_int_eq(dns_due(desk->dns).us, desk->now.mono.us + 5 * SECOND_US);
	dns_attempt first = desk->open[0].attempt;
	desk_wait(desk, 5 * SECOND_US - 1);
	ck_assert_uint_eq(desk->open[0].attempt, first);
	desk_wait(desk, 1);
	/* The pause before the second round. */
	ck_assert_uint_eq(desk->open_n, 0);
	ck_assert_uint_eq(desk_figures(desk).in_flight, 1);
	int64_t pause_us = dns_due(desk->dns).us - desk->now.mono.us;
	ck_assert_int_ge(pause_us, 125 * MSEC_US);
	ck_assert_int_le(pause_us, 375 * MSEC_US);
	desk_wait_due(desk);
	ck_assert_uint_eq(desk->open_n, 1);
	ck_assert_uint_ne(desk->open[0].attempt, first);
	desk_wait(desk, 5 * SECOND_US);
	ck_assert_uint_eq(desk->open_n, 0);
	const struct heard *heard = desk_last(desk);
	ck_assert_int_eq(heard->answer.result, DNS_TIMEOUT);
	ck_assert_uint_eq(heard->answer.server.port, 0);
	ck_assert_uint_eq(heard->answer.ttl_s, 5);
	ck_assert_str_eq(heard->canonical, "a.example");
	desk_free(desk);
}
END_TEST

/* What comes for an attempt that is closed is of no use any more. */
START_TEST(late_packets_are_ignored)
{
	struct dns_options options = desk_options(2);
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	struct sent first = desk->open[0];
	size_t n;
	uint8_t *wire = script_wire(&first, &found, &n);
	desk_wait(desk, 5 * SECOND_US);
	ck_assert_uint_eq(server_nr(&desk->open[0]), 2);
	desk_give(desk, first.attempt, wire, n);
	dns_failed(desk->dns, first.attempt, desk->now);
	desk_drain(desk);
	ck_assert_uint_eq(desk->heard_n, 0);
	ck_assert_uint_eq(desk->open_n, 1);
	/* Its id is another one, too. */
	desk_give(desk, desk->open[0].attempt, wire, n);
	ck_assert_uint_eq(desk->heard_n, 0);
	ck_assert_uint_eq(desk_figures(desk).mismatched, 1);
	free(wire);
	desk_free(desk);
}
END_TEST

/* ---- failures ---- */

#define SOA "example. 600 IN SOA ns.example. h.example. 7 3600 600 86400 120"

struct failure_row {
	const char *label;
	struct script script;
	enum dns_result result;
	unsigned packets; /* until the next server is asked: with EDNS and without */
};

static const struct failure_row failures[] = {
	{"SERVFAIL", {.rcode = 2}, DNS_SERVFAIL, 1},
	{"REFUSED", {.rcode = 5}, DNS_REFUSED, 1},
	{"NOTAUTH", {.rcode = 9}, DNS_REFUSED, 1},
	{"YXDOMAIN", {.rcode = 6}, DNS_SERVFAIL, 1},
	{"FORMERR", {.rcode = 1}, DNS_SERVFAIL, 2},
	{"NOTIMP", {.rcode = 4}, DNS_REFUSED, 2},
	{"BADVERS", {.rcode = 16}, DNS_SERVFAIL, 2},
	{"BADCOOKIE", {.rcode = 23}, DNS_SERVFAIL, 1},
	{"lame: nothing, no recursion", {.has_no_ra = true}, DNS_REFUSED, 1},
	{"lame: a referral", {.authority = {"example. 60 IN NS ns.example."}}, DNS_REFUSED, 1},
	{"lame: a referral, no recursion",
		{.has_no_ra = true, .authority = {"example. 60 IN NS ns.example."}}, DNS_REFUSED,
		1},
	{"records of somebody else", {.answer = {"b.example. 60 IN A 192.0.2.8"}}, DNS_MALFORMED,
		1},
	{"records of another type", {.answer = {"a.example. 60 IN TXT x"}}, DNS_MALFORMED, 1},
	{"another zone's SOA, and no word",
		{.has_no_ra = true, .authority = {"org. 60 IN SOA a. b. 1 2 3 4 5"}}, DNS_REFUSED,
		1},
	{"no such name, but records", {.rcode = 3, .answer = {FOUND}}, DNS_MALFORMED, 1},
	{"another class", {.answer = {"a.example. 60 CH A 192.0.2.8"}}, DNS_MALFORMED, 1},
};

/* Each leads to the next server, whose answer counts. */
START_TEST(failure_leads_to_the_next_server)
{
	const struct failure_row *row = &failures[_i];
	struct dns_options options = desk_options(2);
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	for (unsigned i = 0; i < row->packets; i++) {
		ck_assert_msg(server_nr(&desk->open[0]) == 1, "%s", row->label);
		desk_reply(desk, 0, &row->script);
	}
	ck_assert_uint_eq(desk->heard_n, 0);
	ck_assert_uint_eq(desk->open_n, 1);
	ck_assert_msg(server_nr(&desk->open[0]) == 2, "%s", row->label);
	desk_reply(desk, 0, &found);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_FOUND);
	ck_assert_uint_eq(desk_last(desk)->answer.server.ip.byte[15], 2);
	desk_free(desk);
}
END_TEST

/* Of one server, asked twice: what it says in the end, after a round and a pause and a round. */
START_TEST(failure_is_told)
{
	const struct failure_row *row = &failures[_i];
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < row->packets; i++)
			desk_reply(desk, 0, &row->script);
		ck_assert_uint_eq(desk->open_n, 0);
		desk_wait_due(desk);
	}
	ck_assert_uint_eq(desk->sends, 2 * row->packets);
	ck_assert_msg(desk_last(desk)->answer.result == row->result, "%s: %s", row->label,
		dns_result_name(desk_last(desk)->answer.result));
	ck_assert_uint_eq(desk_last(desk)->answer.ttl_s, 30);
	ck_assert_uint_eq(desk_last(desk)->answer.n, 0);
	ck_assert_uint_eq(desk_last(desk)->answer.server.port, 53);
	desk_free(desk);
}
END_TEST

/* What one server says beats another's silence, whichever comes first. */
START_TEST(best_failure_wins)
{
	const struct script failing[] = {
		{.rcode = 2}, {.rcode = 5}, {.answer = {"a.example. 60 IN TXT x"}}};
	const enum dns_result said[] = {DNS_SERVFAIL, DNS_REFUSED, DNS_MALFORMED, DNS_TIMEOUT};
	int a = _i / 4, b = _i % 4;
	struct dns_options options = desk_options(2);
	options.attempts = 1;
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	for (int i = 0; i < 2; i++) {
		int which = i ? b : a;
		if (which == 3)
			desk_wait(desk, 5 * SECOND_US);
		else
			desk_reply(desk, 0, &failing[which]);
	}
	ck_assert_int_eq(desk_last(desk)->answer.result, said[a < b ? a : b]);
	desk_free(desk);
}
END_TEST

START_TEST(rounds_and_pauses)
{
	struct dns_options options = desk_options(3);
	options.attempts = 5;
	options.timeout_us = SECOND_US;
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	for (int64_t round = 0; round < 5; round++) {
		for (unsigned nr = 1; nr <= 3; nr++) {
			ck_assert_uint_eq(desk->open_n, 1);
			ck_assert_uint_eq(server_nr(&desk->open[0]), nr);
			desk_reply(desk, 0, &(struct script){.rcode = 2});
		}
		if (round == 4)
			break;
		int64_t pause_us = dns_due(desk->dns).us - desk->now.mono.us;
		int64_t base_us = 250 * MSEC_US << round;
		ck_assert_int_ge(pause_us, base_us / 2);
		ck_assert_int_lt(pause_us, base_us / 2 * 3);
		desk_wait_due(desk);
	}
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_SERVFAIL);
	ck_assert_uint_eq(desk->sends, 15);
	desk_free(desk);
}
END_TEST

/* Two questions that fail at one time do not come back at one time. */
START_TEST(pauses_differ)
{
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	desk_ask(desk, "b.example", DNS_A);
	desk_reply(desk, 0, &(struct script){.rcode = 2});
	desk_reply(desk, 0, &(struct script){.rcode = 2});
	desk_wait_due(desk);
	ck_assert_uint_eq(desk->open_n, 1);
	desk_free(desk);
}
END_TEST

START_TEST(rotates)
{
	struct dns_options options = desk_options(2);
	options.rotate = true;
	struct desk *desk = desk_new(&options);
	for (unsigned i = 0; i < 4; i++) {
		char name[] = "a.example";
		name[0] = (char)('a' + i);
		desk_ask(desk, name, DNS_A);
		ck_assert_uint_eq(server_nr(&desk->open[i]), 1 + i % 2);
	}
	/* In a round each is asked all the same. */
	desk_reply(desk, 1, &(struct script){.rcode = 2});
	ck_assert_uint_eq(server_nr(&desk->open[3]), 1);
	desk_free(desk);
}
END_TEST

/* Who compares answers wants them of one server. */
START_TEST(in_order_does_not_rotate)
{
	struct dns_options options = desk_options(2);
	options.rotate = true;
	struct desk *desk = desk_new(&options);
	for (unsigned i = 0; i < 4; i++) {
		char name[] = "a.example";
		name[0] = (char)('a' + i);
		const struct dns_question question = {
			.name = span_of(name), .type = DNS_A, .is_fresh = true, .in_order = true};
		desk_ask_as(desk, &question);
		ck_assert_uint_eq(server_nr(&desk->open[i]), 1);
	}
	/* The second one steps in all the same. */
	desk_reply(desk, 0, &(struct script){.rcode = 2});
	ck_assert_uint_eq(server_nr(&desk->open[3]), 2);
	desk_free(desk);
}
END_TEST

/* That we had no socket says nothing of the server, however often. */
START_TEST(unsent_is_no_silence)
{
	struct dns_options options = desk_options(2);
	options.attempts = 1;
	struct desk *desk = desk_new(&options);
	for (unsigned i = 0; i < 10; i++) {
		char name[] = "a.example";
		name[0] = (char)('a' + i);
		desk_ask(desk, name, DNS_A);
		for (unsigned nr = 1; nr <= 2; nr++) {
			ck_assert_uint_eq(desk->open_n, 1);
			ck_assert_uint_eq(server_nr(&desk->open[0]), nr);
			dns_unsent(desk->dns, desk->open[0].attempt, desk->now);
			desk_drain(desk);
		}
		ck_assert_uint_eq(desk->heard_n, i + 1);
		ck_assert_int_eq(desk_last(desk)->answer.result, DNS_TIMEOUT);
		ck_assert_uint_eq(desk_figures(desk).down_n, 0);
	}
	/* One that is over. */
	dns_unsent(desk->dns, 12345, desk->now);
	ck_assert_uint_eq(desk->open_n, 0);
	desk_free(desk);
}
END_TEST

START_TEST(refused_connection_is_no_wait)
{
	struct dns_options options = desk_options(2);
	options.attempts = 1;
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	desk_fail(desk, 0);
	ck_assert_uint_eq(server_nr(&desk->open[0]), 2);
	desk_fail(desk, 0);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_TIMEOUT);
	desk_free(desk);
}
END_TEST

/* ---- EDNS, TCP ---- */

START_TEST(edns_once_without)
{
	const unsigned rcode[] = {1, 4, 16};
	struct dns_options options = desk_options(2);
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	dns_attempt first = desk->open[0].attempt;
	desk_reply(desk, 0, &(struct script){.rcode = rcode[_i]});
	ck_assert_uint_eq(desk->open_n, 1);
	ck_assert_uint_eq(server_nr(&desk->open[0]), 1);
	ck_assert_uint_ne(desk->open[0].attempt, first);
	ck_assert(!sent_has_edns(&desk->open[0]));
	desk_reply(desk, 0, &(struct script){.rcode = 5});
	ck_assert_uint_eq(server_nr(&desk->open[0]), 2);
	ck_assert(sent_has_edns(&desk->open[0]));
	desk_free(desk);
}
END_TEST

/* Nothing but a header: believed as far as EDNS goes, and no further. */
START_TEST(bare_error_ends_edns_only)
{
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	uint8_t bare[12] = {[2] = 0x81, [3] = 0x81};
	memcpy(bare, desk->open[0].wire, 2);
	bare[3] = 0x82; /* SERVFAIL: anybody's */
	desk_give(desk, desk->open[0].attempt, bare, sizeof(bare));
	ck_assert_uint_eq(desk->sends, 1);
	bare[3] = 0x81;
	desk_give(desk, desk->open[0].attempt, bare, sizeof(bare));
	ck_assert_uint_eq(desk->sends, 2);
	ck_assert(!sent_has_edns(&desk->open[0]));
	memcpy(bare, desk->open[0].wire, 2);
	desk_give(desk, desk->open[0].attempt, bare, sizeof(bare));
	ck_assert_uint_eq(desk->sends, 2);
	ck_assert_uint_eq(desk->open_n, 1);
	ck_assert_uint_eq(desk_figures(desk).mismatched, 2);
	desk_free(desk);
}
END_TEST

START_TEST(no_edns_if_so_said)
{
	struct dns_options options = desk_options(1);
	options.no_edns = true;
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	ck_assert(!sent_has_edns(&desk->open[0]));
	desk_reply(desk, 0, &(struct script){.rcode = 1});
	ck_assert_uint_eq(desk->sends, 1);
	desk_free(desk);
}
END_TEST

/* Cut off: by TCP from the same server, whatever of the rest can be read. */
START_TEST(truncated_goes_to_tcp)
{
	const struct script cut = {
		.is_tc = true, .answer = {FOUND, "a.example. 60 IN A 192.0.2.9"}};
	struct dns_options options = desk_options(2);
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	size_t n;
	uint8_t *wire = script_wire(&desk->open[0], &cut, &n);
	/* Whole; in the middle of a record; right behind the question. */
	const size_t cuts[] = {n, n - 3, 12 + 11 + 4};
	desk_give(desk, desk->open[0].attempt, wire, cuts[_i]);
	free(wire);
	ck_assert_uint_eq(desk->open_n, 1);
	ck_assert(desk->open[0].is_tcp);
	ck_assert(sent_has_edns(&desk->open[0]));
	ck_assert_uint_eq(server_nr(&desk->open[0]), 1);
	ck_assert_int_eq(dns_due(desk->dns).us, desk->now.mono.us + 5 * SECOND_US);
	desk_reply(desk, 0, &found);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_FOUND);
	ck_assert_uint_eq(desk_figures(desk).sent_tcp, 1);
	desk_free(desk);
}
END_TEST

START_TEST(truncated_tcp_is_malformed)
{
	struct dns_options options = desk_options(1);
	options.attempts = 1;
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	desk_reply(desk, 0, &(struct script){.is_tc = true});
	desk_reply(desk, 0, &(struct script){.is_tc = true, .answer = {FOUND}});
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_MALFORMED);
	desk_free(desk);
}
END_TEST

/* That TCP is shut does not make a server dead that speaks UDP. */
START_TEST(shut_tcp_marks_nothing_down)
{
	struct dns_options options = desk_options(1);
	options.attempts = 1;
	struct desk *desk = desk_new(&options);
	char name[] = "a.example";
	for (; name[0] < 'f'; name[0]++)
		desk_ask(desk, name, DNS_A);
	for (int i = 0; i < 5; i++)
		desk_reply(desk, 0, &(struct script){.is_tc = true});
	while (desk->open_n)
		desk_fail(desk, 0);
	ck_assert_uint_eq(desk->heard_n, 5);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_TIMEOUT);
	ck_assert_uint_eq(desk_figures(desk).down_n, 0);
	desk_free(desk);
}
END_TEST

/* Three in a row: what was heard between counts. */
START_TEST(now_and_then_silent_is_not_down)
{
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	char name[] = "a.example";
	for (; name[0] < 'f'; name[0]++) {
		desk_ask(desk, name, DNS_A);
		desk_fail(desk, 0);
		ck_assert_uint_eq(desk_figures(desk).down_n, 0);
		desk_wait_due(desk);
		desk_reply(desk, 0, &(struct script){.rcode = 3});
	}
	ck_assert_uint_eq(desk->heard_n, 5);
	desk_free(desk);
}
END_TEST

START_TEST(tcp_if_so_said)
{
	struct dns_options options = desk_options(1);
	options.use_tcp = true;
	options.attempts = 1;
	struct desk *desk = desk_new(&options);
	for (int i = 0; i < 3; i++) {
		char name[] = "a.example";
		name[0] = (char)('a' + i);
		desk_ask(desk, name, DNS_A);
		ck_assert(desk->open[0].is_tcp);
		desk_fail(desk, 0);
	}
	ck_assert_uint_eq(desk_figures(desk).down_n, 1);
	desk_free(desk);
}
END_TEST

/* ---- servers that are down ---- */

/* Three questions, one server silent: then it is asked last. */
static void mark_down(struct desk *desk, size_t servers)
{
	for (int i = 0; i < 3; i++) {
		char name[] = "d0.example";
		name[1] = (char)('0' + i);
		desk_ask(desk, name, DNS_A);
		ck_assert_uint_eq(server_nr(&desk->open[desk->open_n - 1]), 1);
		desk_wait(desk, desk->now.mono.us ? 5 * SECOND_US : 0);
		while (desk->open_n && servers > 1)
			desk_reply(desk, 0, &(struct script){.rcode = 3});
	}
}

START_TEST(silent_server_is_asked_last)
{
	struct dns_options options = desk_options(2);
	struct desk *desk = desk_new(&options);
	struct dns_server server;
	mark_down(desk, 2);
	ck_assert_uint_eq(desk_figures(desk).down_n, 1);
	ck_assert(!dns_server_is_up(desk->dns, 0, &server));
	ck_assert_uint_eq(server.ip.byte[15], 1);
	ck_assert(dns_server_is_up(desk->dns, 1, &server));
	desk_ask(desk, "a.example", DNS_A);
	ck_assert_uint_eq(server_nr(&desk->open[0]), 2);
	desk_reply(desk, 0, &(struct script){.rcode = 2});
	ck_assert_uint_eq(server_nr(&desk->open[0]), 1);
	/* Anything it says makes it one that answers. */
	desk_reply(desk, 0, &(struct script){.rcode = 2});
	ck_assert_uint_eq(desk_figures(desk).down_n, 0);
	desk_free(desk);
}
END_TEST

START_TEST(down_server_is_probed)
{
	struct dns_options options = desk_options(2);
	struct desk *desk = desk_new(&options);
	mark_down(desk, 2);
	int64_t down_at = desk->now.mono.us;
	ck_assert_int_eq(dns_due(desk->dns).us, down_at + 10 * SECOND_US);
	desk_wait_due(desk);
	ck_assert_uint_eq(desk->open_n, 1);
	ck_assert_uint_eq(server_nr(&desk->open[0]), 1);
	/* Silent; refused; then it answers, whatever it says. */
	desk_wait(desk, 10 * SECOND_US);
	ck_assert_uint_eq(desk->open_n, 1);
	desk_fail(desk, 0);
	ck_assert_uint_eq(desk->open_n, 0);
	ck_assert_uint_eq(desk_figures(desk).down_n, 1);
	desk_wait_due(desk);
	ck_assert_int_eq(desk->now.mono.us, down_at + 30 * SECOND_US);
	ck_assert_uint_eq(desk->open_n, 1);
	desk_reply(desk, 0, &(struct script){.rcode = 5});
	ck_assert_uint_eq(desk->open_n, 0);
	ck_assert_uint_eq(desk_figures(desk).down_n, 0);
	ck_assert_int_eq(dns_due(desk->dns).us, MONO_NEVER.us);
	desk_free(desk);
}
END_TEST

/* A stranger's packet is no sign of life. */
START_TEST(probe_matches_too)
{
	struct dns_options options = desk_options(1);
	options.attempts = 1;
	struct desk *desk = desk_new(&options);
	mark_down(desk, 1);
	desk_wait_due(desk);
	struct sent twisted = desk->open[0];
	twisted.wire[0] ^= 1;
	size_t n;
	uint8_t *wire = script_wire(&twisted, &(struct script){.rcode = 5}, &n);
	desk_give(desk, desk->open[0].attempt, wire, n);
	free(wire);
	ck_assert_uint_eq(desk->open_n, 1);
	ck_assert_uint_eq(desk_figures(desk).down_n, 1);
	desk_free(desk);
}
END_TEST

/* Nobody there: one try with a short wait, so that work does not pile up; the first answer ends that. */
START_TEST(all_down_is_quick)
{
	struct dns_options options = desk_options(1);
	options.attempts = 5;
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	while (desk->heard_n == 0)
		desk_wait_due(desk);
	/* It gave up when the server went down, not after five rounds. */
	ck_assert_uint_eq(desk->sends, 3);
	desk_ask(desk, "b.example", DNS_A);
	ck_assert_int_eq(dns_due(desk->dns).us, desk->now.mono.us + SECOND_US);
	desk_wait_due(desk);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_TIMEOUT);
	ck_assert_uint_eq(desk->heard_n, 2);
	desk_ask(desk, "c.example", DNS_A);
	desk_reply(desk, 0, &(struct script){.answer = {"c.example. 60 IN A 192.0.2.1"}});
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_FOUND);
	ck_assert_uint_eq(desk_figures(desk).down_n, 0);
	desk_ask(desk, "d.example", DNS_A);
	ck_assert_int_eq(dns_due(desk->dns).us, desk->now.mono.us + 5 * SECOND_US);
	desk_free(desk);
}
END_TEST

/* When all are down, each question tries another one: whichever is mended is found. */
START_TEST(all_down_are_tried_in_turn)
{
	struct dns_options options = desk_options(2);
	struct desk *desk = desk_new(&options);
	for (int i = 0; i < 3; i++) {
		char name[] = "d0.example";
		name[1] = (char)('0' + i);
		desk_ask(desk, name, DNS_A);
	}
	while (desk_figures(desk).down_n < 2)
		desk_wait_due(desk);
	while (desk_figures(desk).in_flight)
		desk_wait_due(desk);
	unsigned asked = 0;
	for (int i = 0; i < 4; i++) {
		char name[] = "e0.example";
		name[1] = (char)('0' + i);
		size_t before = desk->open_n;
		desk_ask(desk, name, DNS_A);
		asked |= server_nr(&desk->open[before]);
		desk_wait(desk, SECOND_US);
	}
	ck_assert_uint_eq(asked, 3);
	desk_free(desk);
}
END_TEST

/* ---- who waits ---- */

START_TEST(equal_questions_are_asked_once)
{
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	dns_ticket ticket[4];
	ticket[0] = desk_ask(desk, "a.example", DNS_A);
	ticket[1] = desk_ask(desk, "A.Example.", DNS_A);
	ticket[2] = desk_ask_as(
		desk, &(struct dns_question){SPAN("a.example"), DNS_A, .is_fresh = true});
	ck_assert_uint_eq(desk->sends, 1);
	ticket[3] = desk_ask(desk, "a.example", DNS_AAAA);
	ck_assert_uint_eq(desk->sends, 2);
	desk_reply(desk, 0, &found);
	ck_assert_uint_eq(desk->heard_n, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(desk->heard[i].ticket, ticket[i]);
		ck_assert_int_eq(desk->heard[i].answer.result, DNS_FOUND);
		ck_assert(!desk->heard[i].answer.is_cached);
	}
	ck_assert_uint_ne(ticket[3], 0);
	ck_assert_uint_eq(desk_figures(desk).coalesced, 2);
	desk_free(desk);
}
END_TEST

START_TEST(one_servers_questions_are_its_own)
{
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	struct dns_server a = server_of("192.0.2.50"), b = server_of("192.0.2.50:5353");
	const struct dns_question question[] = {
		{.name = SPAN("a.example"), .type = DNS_A},
		{SPAN("a.example"), DNS_A, .server = &a},
		{SPAN("a.example"), DNS_A, .server = &b},
		{SPAN("a.example"), DNS_A, .server = &a, .wants_recursion = true},
		{SPAN("a.example"), DNS_A, .server = &a},
	};
	for (size_t i = 0; i < 5; i++)
		desk_ask_as(desk, &question[i]);
	ck_assert_uint_eq(desk->sends, 4);
	ck_assert_uint_eq(desk->open[0].wire[2] & 1, 1);
	ck_assert_uint_eq(desk->open[1].wire[2] & 1, 0);
	ck_assert_uint_eq(desk->open[1].server.ip.byte[15], 50);
	ck_assert_uint_eq(desk->open[2].server.port, 5353);
	ck_assert_uint_eq(desk->open[3].wire[2] & 1, 1);
	/* Its word is not ours: nothing is remembered. */
	desk_reply(desk, 1, &(struct script){.is_aa = true, .answer = {FOUND}});
	ck_assert_uint_eq(desk->heard_n, 2);
	ck_assert(desk_last(desk)->answer.is_authoritative);
	ck_assert_uint_eq(desk_figures(desk).cache_n, 0);
	desk_ask_as(desk, &question[1]);
	ck_assert_uint_eq(desk->sends, 5);
	desk_free(desk);
}
END_TEST

START_TEST(one_server_that_does_not_know)
{
	const struct script lame = {
		.has_no_ra = true, .authority = {"example. 60 IN NS ns.example."}};
	struct dns_options options = desk_options(2);
	struct desk *desk = desk_new(&options);
	struct dns_server server = server_of("[2001:db8::1]:53");
	desk_ask_as(desk, &(struct dns_question){SPAN("a.example"), DNS_A, .server = &server});
	for (int i = 0; i < 2; i++) {
		desk_reply(desk, 0, &lame);
		ck_assert_uint_eq(desk->open_n, 0);
		desk_wait_due(desk);
	}
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_REFUSED);
	/* Of no records it may speak without SOA: it is the authority. */
	desk_ask_as(desk, &(struct dns_question){SPAN("a.example"), DNS_A, .server = &server});
	desk_reply(desk, 0, &(struct script){.has_no_ra = true, .is_aa = true});
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_NODATA);
	/* Silence of others marks none of ours down. */
	for (int i = 0; i < 3; i++) {
		desk_ask_as(
			desk, &(struct dns_question){SPAN("a.example"), DNS_A, .server = &server});
		while (desk_wait_due(desk))
			continue;
	}
	ck_assert_uint_eq(desk_figures(desk).down_n, 0);
	desk_free(desk);
}
END_TEST

START_TEST(queue_is_fair_and_bounded)
{
	struct dns_options options = desk_options(1);
	options.in_flight_max = 2;
	options.queue_max = 3;
	struct desk *desk = desk_new(&options);
	dns_ticket ticket[6];
	char name[] = "a.example";
	for (int i = 0; i < 6; i++) {
		name[0] = (char)('a' + i);
		ticket[i] = desk_ask(desk, name, DNS_A);
	}
	ck_assert_uint_ne(ticket[4], 0);
	ck_assert_uint_eq(ticket[5], 0);
	struct dns_figures figures = desk_figures(desk);
	ck_assert_uint_eq(figures.dropped, 1);
	ck_assert_uint_eq(figures.asked, 5);
	ck_assert_uint_eq(figures.in_flight, 2);
	ck_assert_uint_eq(figures.queued, 3);
	ck_assert_uint_eq(desk->open_n, 2);
	for (size_t i = 0; i < 5; i++) {
		ck_assert_uint_le(desk->open_n, 2);
		desk_reply(desk, 0, &(struct script){.rcode = 3});
		ck_assert_uint_eq(desk_last(desk)->ticket, ticket[i]);
	}
	ck_assert_uint_eq(desk->open_n, 0);
	ck_assert_uint_ne(desk_ask(desk, "z.example", DNS_A), 0);
	desk_free(desk);
}
END_TEST

/* Those that wait for one question fill the queue as well. */
START_TEST(waiters_are_bounded)
{
	struct dns_options options = desk_options(1);
	options.in_flight_max = 2;
	options.queue_max = 3;
	struct desk *desk = desk_new(&options);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_ne(desk_ask(desk, "a.example", DNS_A), 0);
	ck_assert_uint_eq(desk_ask(desk, "a.example", DNS_A), 0);
	ck_assert_uint_eq(desk_figures(desk).dropped, 1);
	desk_free(desk);
}
END_TEST

/* An answer never comes before the call that asked has returned. */
START_TEST(answers_are_effects)
{
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	struct dns_effect effect;
	struct dns_question question = {.name = SPAN("a.example"), .type = DNS_A};
	desk_ask_as(desk, &question);
	desk_reply(desk, 0, &found);
	dns_ticket ticket = dns_ask(desk->dns, &question, desk->now);
	ck_assert(dns_effect(desk->dns, &effect));
	ck_assert_int_eq(effect.kind, DNS_ANSWER);
	ck_assert_uint_eq(effect.ticket, ticket);
	ck_assert(effect.answer->is_cached);
	ck_assert(!dns_effect(desk->dns, &effect));
	desk_free(desk);
}
END_TEST

/* ---- cancel, in every state ---- */

START_TEST(cancel_of_one_that_flies)
{
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	dns_cancel(desk->dns, desk_ask(desk, "a.example", DNS_A));
	desk_drain(desk);
	ck_assert_uint_eq(desk->open_n, 0);
	ck_assert_uint_eq(desk->closes, 1);
	ck_assert_uint_eq(desk_figures(desk).in_flight, 0);
	ck_assert_int_eq(dns_due(desk->dns).us, MONO_NEVER.us);
	desk_free(desk);
}
END_TEST

START_TEST(cancel_of_one_of_many)
{
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	dns_ticket ticket[3];
	for (size_t i = 0; i < 3; i++)
		ticket[i] = desk_ask(desk, "a.example", DNS_A);
	dns_cancel(desk->dns, ticket[_i]);
	desk_drain(desk);
	ck_assert_uint_eq(desk->open_n, 1);
	desk_reply(desk, 0, &found);
	ck_assert_uint_eq(desk->heard_n, 2);
	for (size_t i = 0; i < 2; i++)
		ck_assert_uint_eq(desk->heard[i].ticket, ticket[i + (i >= (size_t)_i)]);
	desk_free(desk);
}
END_TEST

/* What it made room for starts at the next tick, which is due at once. */
START_TEST(cancel_makes_room)
{
	struct dns_options options = desk_options(1);
	options.in_flight_max = 1;
	struct desk *desk = desk_new(&options);
	dns_ticket first = desk_ask(desk, "a.example", DNS_A);
	dns_ticket queued = desk_ask(desk, "b.example", DNS_A);
	desk_ask(desk, "c.example", DNS_A);
	dns_cancel(desk->dns, queued);
	ck_assert_uint_eq(desk_figures(desk).queued, 1);
	dns_cancel(desk->dns, first);
	ck_assert_int_eq(dns_due(desk->dns).us, desk->now.mono.us);
	desk_drain(desk);
	desk_wait_due(desk);
	ck_assert_uint_eq(desk->open_n, 1);
	desk_reply(desk, 0, &(struct script){.answer = {"c.example. 60 IN A 192.0.2.1"}});
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_FOUND);
	desk_free(desk);
}
END_TEST

START_TEST(cancel_in_the_pause)
{
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	dns_ticket ticket = desk_ask(desk, "a.example", DNS_A);
	desk_reply(desk, 0, &(struct script){.rcode = 2});
	dns_cancel(desk->dns, ticket);
	ck_assert_int_eq(dns_due(desk->dns).us, MONO_NEVER.us);
	desk_wait(desk, MINUTE_US);
	ck_assert_uint_eq(desk->heard_n, 0);
	ck_assert_uint_eq(desk->sends, 1);
	desk_free(desk);
}
END_TEST

/* Answered, but nobody has taken the effect yet; and a cached one. */
START_TEST(cancel_of_an_answer)
{
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	struct dns_question question = {.name = SPAN("a.example"), .type = DNS_A};
	dns_ticket first = desk_ask_as(desk, &question);
	size_t n;
	uint8_t *wire = script_wire(&desk->open[0], &found, &n);
	dns_received(desk->dns, desk->open[0].attempt, span_make((char *)wire, n), desk->now);
	free(wire);
	dns_cancel(desk->dns, first);
	dns_cancel(desk->dns, first);
	dns_cancel(desk->dns, dns_ask(desk->dns, &question, desk->now));
	dns_cancel(desk->dns, 0);
	dns_cancel(desk->dns, 4711);
	desk_drain(desk);
	ck_assert_uint_eq(desk->heard_n, 0);
	ck_assert_uint_eq(desk->open_n, 0);
	desk_free(desk);
}
END_TEST

/* ---- configure, in every state ---- */

START_TEST(configure_restarts_what_waits)
{
	struct dns_options options = desk_options(2), others = desk_options(3);
	options.in_flight_max = 3;
	struct desk *desk = desk_new(&options);
	struct dns_server own = server_of("192.0.2.99");
	desk_ask(desk, "fly.example", DNS_A);
	desk_ask(desk, "rest.example", DNS_A);
	desk_ask_as(desk, &(struct dns_question){SPAN("own.example"), DNS_A, .server = &own});
	desk_ask(desk, "queued.example", DNS_A);
	desk_reply(desk, 1, &(struct script){.rcode = 2});
	desk_reply(desk, 2, &(struct script){.rcode = 2});
	ck_assert_uint_eq(desk->open_n, 2); /* fly and own */
	others.server[0] = server_of("192.0.2.70");
	others.in_flight_max = 3;
	dns_configure(desk->dns, &others);
	ck_assert_int_eq(dns_due(desk->dns).us, desk->now.mono.us);
	desk_drain(desk);
	ck_assert_uint_eq(desk->open_n, 1);
	ck_assert_uint_eq(server_nr(&desk->open[0]), 99);
	desk_wait_due(desk);
	ck_assert_uint_eq(desk->open_n, 3);
	ck_assert_uint_eq(server_nr(&desk->open[1]), 70);
	ck_assert_uint_eq(server_nr(&desk->open[2]), 70);
	for (size_t i = 0; i < 4; i++)
		desk_reply(desk, 0, &(struct script){.rcode = 3});
	ck_assert_uint_eq(desk->heard_n, 4);
	ck_assert_uint_eq(desk_figures(desk).server_n, 3);
	desk_free(desk);
}
END_TEST

START_TEST(configure_to_fewer_servers)
{
	struct dns_options options = desk_options(8), fewer = desk_options(1);
	fewer.server[0] = server_of("192.0.2.70");
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	for (int i = 0; i < 7; i++)
		desk_wait_due(desk);
	ck_assert_uint_eq(server_nr(&desk->open[0]), 8);
	dns_configure(desk->dns, &fewer);
	desk_wait_due(desk);
	ck_assert_uint_eq(server_nr(&desk->open[0]), 70);
	desk_reply(desk, 0, &found);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_FOUND);
	desk_free(desk);
}
END_TEST

/* Probes of servers that are gone go too, and what was believed of them. */
START_TEST(configure_ends_probes)
{
	struct dns_options options = desk_options(1), others = desk_options(1);
	struct desk *desk = desk_new(&options);
	others.server[0] = server_of("192.0.2.70");
	desk_ask(desk, "a.example", DNS_A);
	desk_ask(desk, "b.example", DNS_A);
	while (desk->heard_n < 2 || desk->open_n == 0)
		desk_wait_due(desk);
	dns_attempt probe = desk->open[0].attempt;
	dns_configure(desk->dns, &others);
	desk_drain(desk);
	ck_assert_uint_eq(desk->open_n, 0);
	ck_assert_uint_eq(desk_figures(desk).down_n, 0);
	dns_failed(desk->dns, probe, desk->now);
	ck_assert_int_eq(dns_due(desk->dns).us, MONO_NEVER.us);
	desk_free(desk);
}
END_TEST

START_TEST(configure_with_the_same_servers_disturbs_nothing)
{
	struct dns_options options = desk_options(2);
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	desk_reply(desk, 0, &found);
	desk_ask(desk, "b.example", DNS_A);
	options.timeout_us = SECOND_US;
	options.in_flight_max = 1;
	dns_configure(desk->dns, &options);
	desk_drain(desk);
	ck_assert_uint_eq(desk->open_n, 1);
	ck_assert_uint_eq(desk_figures(desk).cache_n, 1);
	/* From the next attempt on. */
	desk_reply(desk, 0, &(struct script){.rcode = 2});
	ck_assert_int_eq(dns_due(desk->dns).us, desk->now.mono.us + SECOND_US);
	desk_free(desk);
}
END_TEST

START_TEST(configure_empties_the_cache)
{
	struct dns_options options = desk_options(1), others = desk_options(2);
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	desk_reply(desk, 0, &found);
	if (_i)
		options.cache_max = 0;
	dns_configure(desk->dns, _i ? &options : &others);
	ck_assert_uint_eq(desk_figures(desk).cache_n, 0);
	desk_ask(desk, "a.example", DNS_A);
	desk_reply(desk, 0, &found);
	ck_assert_uint_eq(desk->sends, 2);
	ck_assert_uint_eq(desk_figures(desk).cache_n, !_i);
	desk_free(desk);
}
END_TEST

START_TEST(options_are_made_sound)
{
	struct dns_options options = {.server_n = 0};
	struct desk *desk = desk_new(&options);
	char text[DNS_SERVER_TEXT_SIZE];
	desk_ask(desk, "a.example", DNS_A);
	ck_assert_str_eq(dns_server_format(&desk->open[0].server, text), "127.0.0.1:53");
	ck_assert_int_eq(dns_due(desk->dns).us, desk->now.mono.us + 5 * SECOND_US);
	ck_assert_uint_eq(desk_ask(desk, "b.example", DNS_A), 0);
	options.server_n = 1000;
	dns_configure(desk->dns, &options);
	ck_assert_uint_eq(desk_figures(desk).server_n, DNS_SERVERS_MAX);
	desk_free(desk);
}
END_TEST

/* ---- time ---- */

START_TEST(clock_that_jumps)
{
	struct dns_options options = desk_options(1);
	struct desk *desk = desk_new(&options);
	desk_ask(desk, "a.example", DNS_A);
	desk_wait(desk, -500 * SECOND_US);
	ck_assert_uint_eq(desk->open_n, 1);
	desk_reply(desk, 0, &found);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_FOUND);
	/* What was remembered in a future that did not come is asked anew. */
	desk_wait(desk, -100 * SECOND_US);
	desk_ask(desk, "a.example", DNS_A);
	ck_assert_uint_eq(desk->sends, 2);
	desk_wait(desk, 365 * DAY_US);
	while (desk_wait_due(desk) && desk->heard_n < 2)
		continue;
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_TIMEOUT);
	desk_free(desk);
}
END_TEST

/* ---- any order of anything ---- */

#define STEPS      20000
#define WALK_NAMES 40
#define WALK_MAX   6000

struct walk {
	struct desk *desk;
	struct chance chance;
	uint8_t state[STEPS * 2]; /* of each ticket: 0, WAITS, DONE, CANCELLED */
	dns_ticket newest;
	uint64_t asked, answered, cancelled;
};
enum { WAITS = 1, DONE, CANCELLED };

static void walk_answer(void *ctx, const struct dns_effect *effect)
{
	struct walk *walk = ctx;
	ck_assert_uint_le(effect->ticket, walk->newest + 1);
	ck_assert_msg(walk->state[effect->ticket] != DONE, "answered twice");
	ck_assert_msg(walk->state[effect->ticket] != CANCELLED, "answered though cancelled");
	walk->state[effect->ticket] = DONE;
	ck_assert_int_le(effect->answer->result, DNS_MALFORMED);
	ck_assert((effect->answer->n > 0) == (effect->answer->result == DNS_FOUND));
	walk->answered++;
}

static void walk_ask(struct walk *walk)
{
	static const enum dns_type types[] = {DNS_A, DNS_TXT, DNS_PTR};
	struct dns_server server = server_of("192.0.2.200");
	char name[] = "aa.example";
	name[0] = (char)('a' + chance_below(&walk->chance, 6));
	name[1] = (char)('a' + chance_below(&walk->chance, 6));
	struct dns_question question = {
		.name = span_of(name),
		.type = types[chance_below(&walk->chance, 3)],
		.server = chance_below(&walk->chance, 8) ? NULL : &server,
		.is_fresh = chance_below(&walk->chance, 2) == 0,
	};
	dns_ticket ticket = dns_ask(walk->desk->dns, &question, walk->desk->now);
	if (ticket) {
		ck_assert_uint_gt(ticket, walk->newest);
		ck_assert_uint_eq(walk->state[ticket], 0);
		walk->newest = ticket;
		walk->state[ticket] = WAITS;
		walk->asked++;
	}
}

static void walk_reply(struct walk *walk)
{
	static const struct script scripts[] = {
		{.rcode = 3},
		{.rcode = 2},
		{.rcode = 1},
		{.rcode = 5},
		{.rcode = 16},
		{.is_tc = true},
		{.authority = {SOA}},
		{.has_no_ra = true},
		{.is_aa = true},
		{.answer = {"aa.example. 1 IN A 192.0.2.1", "ab.example. 90 IN TXT x"}},
		{.answer = {"aa.example. 90 IN CNAME bb.example.",
			 "ac.example. 9 IN CNAME ac.example.", "ad.example. 9 IN CNAME ae.example.",
			 "ba.example. 9 IN PTR x.example."}},
	};
	struct desk *desk = walk->desk;
	if (desk->open_n == 0)
		return;
	size_t i = chance_below(&walk->chance, (uint32_t)desk->open_n), n;
	uint32_t which = chance_below(&walk->chance, ROWS(scripts));
	uint8_t *wire = script_wire(&desk->open[i], &scripts[which], &n);
	/* Now and then with a byte turned, or cut. */
	if (chance_below(&walk->chance, 4) == 0)
		wire[chance_below(&walk->chance, (uint32_t)n)] ^=
			(uint8_t)chance_next(&walk->chance);
	if (chance_below(&walk->chance, 8) == 0)
		n = chance_below(&walk->chance, (uint32_t)n);
	desk_give(desk, desk->open[i].attempt, wire, n);
	free(wire);
}

static void walk_configure(struct walk *walk)
{
	struct dns_options options = desk_options(1 + chance_below(&walk->chance, 4));
	options.in_flight_max = 1 + chance_below(&walk->chance, 10);
	options.queue_max = chance_below(&walk->chance, 50);
	options.cache_max = chance_below(&walk->chance, 20);
	options.attempts = 1 + chance_below(&walk->chance, 3);
	options.rotate = chance_below(&walk->chance, 2) == 0;
	options.use_tcp = chance_below(&walk->chance, 4) == 0;
	dns_configure(walk->desk->dns, &options);
}

static void walk_step(struct walk *walk)
{
	struct desk *desk = walk->desk;
	switch (chance_below(&walk->chance, 16)) {
	case 0:
		desk_wait(desk, (int64_t)chance_below(&walk->chance, 3000) * MSEC_US);
		break;
	case 1:
		desk_wait_due(desk);
		break;
	case 2:
		if (desk->open_n)
			desk_fail(desk, chance_below(&walk->chance, (uint32_t)desk->open_n));
		break;
	case 3: {
		dns_ticket ticket = walk->newest - chance_below(&walk->chance, 30);
		if (ticket <= walk->newest && walk->state[ticket] == WAITS) {
			dns_cancel(desk->dns, ticket);
			walk->state[ticket] = CANCELLED;
			walk->cancelled++;
		}
		break;
	}
	case 4:
		if (chance_below(&walk->chance, 20) == 0)
			walk_configure(walk);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
	case 9:
		walk_ask(walk);
		break;
	default:
		walk_reply(walk);
		break;
	}
	if (chance_below(&walk->chance, 4))
		desk_drain(desk);
}

START_TEST(random_walk)
{
	struct dns_options options = desk_options(2);
	options.in_flight_max = 10;
	options.queue_max = 30;
	struct walk *walk = calloc(1, sizeof(*walk));
	walk->chance = chance_new("dns random_walk");
	walk->desk = desk_new(&options);
	walk->desk->on_answer = walk_answer;
	walk->desk->ctx = walk;
	for (int i = 0; i < STEPS; i++) {
		walk_step(walk);
		struct dns_figures figures = desk_figures(walk->desk);
		ck_assert_uint_le(figures.in_flight, 10);
		ck_assert_uint_le(figures.queued, 60);
		ck_assert_uint_le(figures.cache_n, 120);
	}
	/* Left alone, it comes to rest: whatever waits is answered, no socket stays but a probe's. */
	desk_drain(walk->desk);
	for (int i = 0; i < WALK_MAX && walk->answered + walk->cancelled < walk->asked; i++)
		desk_wait_due(walk->desk);
	ck_assert_uint_eq(walk->answered + walk->cancelled, walk->asked);
	struct dns_figures figures = desk_figures(walk->desk);
	ck_assert_uint_eq(figures.in_flight + figures.queued, 0);
	ck_assert_uint_le(walk->desk->open_n, figures.down_n);
	uint64_t answers = 0;
	for (int i = 0; i <= DNS_MALFORMED; i++) {
		answers += figures.answers[i];
		ck_assert_msg(figures.answers[i] > 0, "never: %s", dns_result_name(i));
	}
	ck_assert_uint_eq(answers, walk->answered);
	ck_assert_uint_eq(figures.asked, walk->asked);
	ck_assert_uint_gt(walk->answered, 1000);
	desk_free(walk->desk);
	free(walk);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"asks_and_answers", asks_and_answers, 0},
		{"silence_is_a_timeout", silence_is_a_timeout, 0},
		{"late_packets_are_ignored", late_packets_are_ignored, 0},
		{"failure_leads_to_the_next_server", failure_leads_to_the_next_server,
			ROWS(failures)},
		{"failure_is_told", failure_is_told, ROWS(failures)},
		{"best_failure_wins", best_failure_wins, 16},
		{"rounds_and_pauses", rounds_and_pauses, 0},
		{"pauses_differ", pauses_differ, 0},
		{"rotates", rotates, 0},
		{"in_order_does_not_rotate", in_order_does_not_rotate, 0},
		{"unsent_is_no_silence", unsent_is_no_silence, 0},
		{"refused_connection_is_no_wait", refused_connection_is_no_wait, 0},
		{"edns_once_without", edns_once_without, 3},
		{"bare_error_ends_edns_only", bare_error_ends_edns_only, 0},
		{"no_edns_if_so_said", no_edns_if_so_said, 0},
		{"truncated_goes_to_tcp", truncated_goes_to_tcp, 3},
		{"truncated_tcp_is_malformed", truncated_tcp_is_malformed, 0},
		{"shut_tcp_marks_nothing_down", shut_tcp_marks_nothing_down, 0},
		{"now_and_then_silent_is_not_down", now_and_then_silent_is_not_down, 0},
		{"tcp_if_so_said", tcp_if_so_said, 0},
		{"silent_server_is_asked_last", silent_server_is_asked_last, 0},
		{"down_server_is_probed", down_server_is_probed, 0},
		{"probe_matches_too", probe_matches_too, 0},
		{"all_down_is_quick", all_down_is_quick, 0},
		{"all_down_are_tried_in_turn", all_down_are_tried_in_turn, 0},
		{"equal_questions_are_asked_once", equal_questions_are_asked_once, 0},
		{"one_servers_questions_are_its_own", one_servers_questions_are_its_own, 0},
		{"one_server_that_does_not_know", one_server_that_does_not_know, 0},
		{"queue_is_fair_and_bounded", queue_is_fair_and_bounded, 0},
		{"waiters_are_bounded", waiters_are_bounded, 0},
		{"answers_are_effects", answers_are_effects, 0},
		{"cancel_of_one_that_flies", cancel_of_one_that_flies, 0},
		{"cancel_of_one_of_many", cancel_of_one_of_many, 3},
		{"cancel_makes_room", cancel_makes_room, 0},
		{"cancel_in_the_pause", cancel_in_the_pause, 0},
		{"cancel_of_an_answer", cancel_of_an_answer, 0},
		{"configure_restarts_what_waits", configure_restarts_what_waits, 0},
		{"configure_to_fewer_servers", configure_to_fewer_servers, 0},
		{"configure_ends_probes", configure_ends_probes, 0},
		{"configure_with_the_same_servers_disturbs_nothing",
			configure_with_the_same_servers_disturbs_nothing, 0},
		{"configure_empties_the_cache", configure_empties_the_cache, 2},
		{"options_are_made_sound", options_are_made_sound, 0},
		{"clock_that_jumps", clock_that_jumps, 0},
		{"random_walk", random_walk, 0},
	};
	return SUITE_RUN("dns", rows);
}
