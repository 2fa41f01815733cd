/* SPDX-License-Identifier: ISC */
/* dns.h: what is remembered, how long, and what is not. */
#include <stdio.h>

#include "dns_help.h"
#include "suite.h"

static struct desk *desk_of(uint32_t cache_max)
{
	struct dns_options options = desk_options(1);
	options.attempts = 1;
	options.cache_max = cache_max;
	return desk_new(&options);
}

struct clamp_row {
	const char *label;
	struct script script;
	uint32_t ttl_s; /* as told */
	int64_t kept_s; /* as remembered */
};
static const struct clamp_row clamps[] = {
	{"found, 1 s", {.answer = {"a.example. 1 IN A 127.0.0.2"}}, 1, 60},
	{"found, 0 s", {.answer = {"a.example. 0 IN A 127.0.0.2"}}, 0, 60},
	{"found, 300 s", {.answer = {"a.example. 300 IN A 127.0.0.2"}}, 300, 300},
	{"found, a day", {.answer = {"a.example. 86400 IN A 127.0.0.2"}}, 86400, 3600},
	{"no such name, MINIMUM",
		{.rcode = 3, .authority = {"example. 600 IN SOA a. b. 1 2 3 4 120"}}, 120, 120},
	{"no such name, TTL of SOA",
		{.rcode = 3, .authority = {"example. 30 IN SOA a. b. 1 2 3 4 120"}}, 30, 30},
	{"no such name, a day",
		{.rcode = 3, .authority = {"example. 86400 IN SOA a. b. 1 2 3 4 86400"}}, 86400,
		900},
	{"no such name, no SOA", {.rcode = 3}, 60, 60},
	{"no such record", {.authority = {"example. 600 IN SOA a. b. 1 2 3 4 200"}}, 200, 200},
	{"SERVFAIL", {.rcode = 2}, 30, 30},
	{"REFUSED", {.rcode = 5}, 30, 30},
	{"malformed", {.answer = {"b.example. 300 IN A 127.0.0.2"}}, 30, 30},
};

START_TEST(keeps_as_long_as_it_may)
{
	const struct clamp_row *row = &clamps[_i];
	struct desk *desk = desk_of(100);
	desk_ask(desk, "a.example", DNS_A);
	desk_reply(desk, 0, &row->script);
	ck_assert_msg(desk_last(desk)->answer.ttl_s == row->ttl_s, "%s", row->label);
	mono_t fetched = desk->now.mono;
	desk_wait(desk, row->kept_s * SECOND_US - 1);
	desk_ask(desk, "a.example", DNS_A);
	ck_assert_msg(desk->sends == 1, "%s", row->label);
	/* Told as it came: whoever asks counts from fetched. */
	const struct heard *heard = desk_last(desk);
	ck_assert(heard->answer.is_cached);
	ck_assert_uint_eq(heard->answer.ttl_s, row->ttl_s);
	ck_assert_int_eq(heard->answer.fetched.us, fetched.us);
	ck_assert_int_eq(heard->answer.result, desk->heard[0].answer.result);
	ck_assert_uint_eq(heard->answer.server.port, desk->heard[0].answer.server.port);
	desk_wait(desk, 1);
	desk_ask(desk, "a.example", DNS_A);
	ck_assert_msg(desk->sends == 2, "%s", row->label);
	desk_free(desk);
}
END_TEST

START_TEST(timeout_is_kept_for_seconds)
{
	struct desk *desk = desk_of(100);
	desk_ask(desk, "a.example", DNS_A);
	desk_wait(desk, 5 * SECOND_US);
	desk_wait(desk, 5 * SECOND_US - 1);
	desk_ask(desk, "a.example", DNS_A);
	ck_assert(desk_last(desk)->answer.is_cached);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_TIMEOUT);
	desk_wait(desk, 1);
	desk_ask(desk, "a.example", DNS_A);
	ck_assert_uint_eq(desk->sends, 2);
	desk_free(desk);
}
END_TEST

START_TEST(minimum_of_nothing_is_not_kept)
{
	struct desk *desk = desk_of(100);
	desk_ask(desk, "a.example", DNS_A);
	desk_reply(desk, 0,
		&(struct script){.rcode = 3, .authority = {"example. 600 IN SOA a. b. 1 2 3 4 0"}});
	ck_assert_uint_eq(desk_last(desk)->answer.ttl_s, 0);
	ck_assert_uint_eq(desk_figures(desk).cache_n, 0);
	desk_free(desk);
}
END_TEST

static void ask_fresh(struct desk *desk)
{
	desk_ask_as(desk,
		&(struct dns_question){.name = SPAN("a.example"), .type = DNS_A, .is_fresh = true});
}

/* It reads nothing, neither what was found nor what failed, and what comes is remembered. */
START_TEST(fresh_passes_it_by)
{
	const struct script before[] = {
		{.answer = {"a.example. 300 IN A 127.0.0.2"}}, {.rcode = 2}};
	struct desk *desk = desk_of(100);
	desk_ask(desk, "a.example", DNS_A);
	desk_reply(desk, 0, &before[_i]);
	ask_fresh(desk);
	ck_assert_uint_eq(desk->open_n, 1);
	ck_assert_uint_eq(desk->heard_n, 1);
	desk_reply(desk, 0, &(struct script){.answer = {"a.example. 300 IN A 127.0.0.9"}});
	ck_assert(!desk_last(desk)->answer.is_cached);
	desk_ask(desk, "a.example", DNS_A);
	ck_assert(desk_last(desk)->answer.is_cached);
	ck_assert_str_eq(desk_last(desk)->line[0], "127.0.0.9");
	desk_free(desk);
}
END_TEST

/* That nothing could be learnt now does not make untrue what was learnt; when that is over, it does. */
START_TEST(failure_displaces_nothing_that_holds)
{
	struct desk *desk = desk_of(100);
	desk_ask(desk, "a.example", DNS_A);
	desk_reply(desk, 0, &(struct script){.answer = {"a.example. 100 IN A 127.0.0.2"}});
	desk_wait(desk, 90 * SECOND_US);
	ask_fresh(desk);
	desk_reply(desk, 0, &(struct script){.rcode = 2});
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_SERVFAIL);
	desk_ask(desk, "a.example", DNS_A);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_FOUND);
	desk_wait(desk, 10 * SECOND_US);
	ask_fresh(desk);
	desk_reply(desk, 0, &(struct script){.rcode = 2});
	desk_ask(desk, "a.example", DNS_A);
	ck_assert(desk_last(desk)->answer.is_cached);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_SERVFAIL);
	desk_free(desk);
}
END_TEST

START_TEST(newer_failure_displaces_an_older)
{
	struct desk *desk = desk_of(100);
	desk_ask(desk, "a.example", DNS_A);
	desk_reply(desk, 0, &(struct script){.rcode = 2});
	desk_wait(desk, 20 * SECOND_US);
	ask_fresh(desk);
	desk_reply(desk, 0, &(struct script){.rcode = 5});
	desk_wait(desk, 29 * SECOND_US);
	desk_ask(desk, "a.example", DNS_A);
	ck_assert(desk_last(desk)->answer.is_cached);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_REFUSED);
	desk_free(desk);
}
END_TEST

/* Full: what was longest unused goes. */
START_TEST(is_bounded)
{
	struct desk *desk = desk_of(3);
	char name[] = "a.example", line[] = "a.example. 300 IN A 127.0.0.2";
	for (char c = 'a'; c <= 'd'; c++) {
		name[0] = line[0] = c;
		if (c == 'd')
			desk_ask(desk, "a.example", DNS_A); /* used again */
		desk_ask(desk, name, DNS_A);
		desk_reply(desk, 0, &(struct script){.answer = {line}});
	}
	ck_assert_uint_eq(desk_figures(desk).cache_n, 3);
	desk_ask(desk, "a.example", DNS_A);
	ck_assert_str_eq(desk_last(desk)->canonical, "a.example");
	ck_assert_uint_eq(desk->sends, 4);
	desk_ask(desk, "b.example", DNS_A);
	ck_assert_uint_eq(desk->sends, 5);
	desk_free(desk);
}
END_TEST

START_TEST(may_be_none_at_all)
{
	struct desk *desk = desk_of(0);
	for (int i = 0; i < 100; i++) {
		desk_ask(desk, "a.example", DNS_A);
		desk_reply(desk, 0, &(struct script){.answer = {"a.example. 300 IN A 127.0.0.2"}});
	}
	ck_assert_uint_eq(desk->sends, 100);
	ck_assert_uint_eq(desk_figures(desk).cache_n, 0);
	desk_free(desk);
}
END_TEST

/* By name and type; letters of either case are one. */
START_TEST(keys_are_name_and_type)
{
	struct desk *desk = desk_of(100);
	desk_ask(desk, "a.example", DNS_A);
	desk_reply(desk, 0, &(struct script){.answer = {"a.example. 300 IN A 127.0.0.2"}});
	desk_ask(desk, "A.EXAMPLE.", DNS_A);
	ck_assert(desk_last(desk)->answer.is_cached);
	desk_ask(desk, "a.example", DNS_TXT);
	desk_ask(desk, "b.example", DNS_A);
	desk_ask(desk, "example", DNS_A);
	ck_assert_uint_eq(desk->open_n, 3);
	ck_assert_uint_eq(desk_figures(desk).cached, 1);
	desk_free(desk);
}
END_TEST

/* A large answer is given, not kept; memory is told and comes back. */
START_TEST(memory_is_bounded_and_told)
{
	struct desk *desk = desk_of(1000);
	static uint8_t wire[UINT16_MAX];
	uint64_t before = 0;
	for (int i = 0; i < 200; i++) {
		char name[] = "a000.example";
		(void)snprintf(name, sizeof(name), "a%03d.example", i);
		desk_ask(desk, name, DNS_TXT);
		size_t n = 12 + 14 + 4;
		memcpy(wire, desk->open[0].wire, n);
		wire[2] |= 0x80;
		wire[7] = 32;
		wire[11] = 0;
		for (int rr = 0; rr < 32; rr++, n += 12 + 256) {
			const uint8_t head[] = {0xc0, 12, 0, 16, 0, 1, 0, 0, 9, 60, 1, 0, 255};
			memcpy(wire + n, head, sizeof(head));
		}
		desk_give(desk, desk->open[0].attempt, wire, n);
		ck_assert_int_eq(desk_last(desk)->answer.result, DNS_FOUND);
		ck_assert_uint_eq(desk_last(desk)->answer.n, 32);
		if (i == 0)
			before = desk_figures(desk).bytes;
	}
	ck_assert_uint_eq(desk_figures(desk).cache_n, 0);
	ck_assert_uint_lt(desk_figures(desk).bytes, before + 100000);
	desk_free(desk);
}
END_TEST

START_TEST(memory_grows_with_what_is_kept)
{
	struct desk *desk = desk_of(10);
	uint64_t before = desk_figures(desk).bytes;
	ck_assert_uint_gt(before, 0);
	desk_ask(desk, "a.example", DNS_A);
	desk_reply(desk, 0, &(struct script){.answer = {"a.example. 300 IN A 127.0.0.2"}});
	uint64_t one = desk_figures(desk).bytes;
	ck_assert_uint_gt(one, before);
	desk_ask(desk, "large.example", DNS_TXT);
	char text[250], large[300];
	memset(text, 'x', sizeof(text));
	(void)snprintf(large, sizeof(large), "large.example. 300 IN TXT \"%.*s\"", 250, text);
	desk_reply(desk, 0, &(struct script){.answer = {large, large, large, large}});
	ck_assert_uint_gt(desk_figures(desk).bytes, one + 1000);
	for (int i = 0; i < 50; i++) {
		char name[] = "a00.example", line[64];
		(void)snprintf(name, sizeof(name), "a%02d.example", i);
		(void)snprintf(line, sizeof(line), "%s. 300 IN A 127.0.0.2", name);
		desk_ask(desk, name, DNS_A);
		desk_reply(desk, 0, &(struct script){.answer = {line}});
	}
	ck_assert_uint_eq(desk_figures(desk).cache_n, 10);
	ck_assert_uint_lt(desk_figures(desk).bytes, one + 20000);
	desk_free(desk);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"keeps_as_long_as_it_may", keeps_as_long_as_it_may, ROWS(clamps)},
		{"timeout_is_kept_for_seconds", timeout_is_kept_for_seconds, 0},
		{"minimum_of_nothing_is_not_kept", minimum_of_nothing_is_not_kept, 0},
		{"fresh_passes_it_by", fresh_passes_it_by, 2},
		{"failure_displaces_nothing_that_holds", failure_displaces_nothing_that_holds, 0},
		{"newer_failure_displaces_an_older", newer_failure_displaces_an_older, 0},
		{"is_bounded", is_bounded, 0},
		{"may_be_none_at_all", may_be_none_at_all, 0},
		{"keys_are_name_and_type", keys_are_name_and_type, 0},
		{"memory_is_bounded_and_told", memory_is_bounded_and_told, 0},
		{"memory_grows_with_what_is_kept", memory_grows_with_what_is_kept, 0},
	};
	return SUITE_RUN("dns_cache", rows);
}
