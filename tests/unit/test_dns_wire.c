/* SPDX-License-Identifier: ISC */
/*
 * dns.h: packets. What is sent; what is taken for the answer, and what is not; records of every type;
 * chains of CNAME; packets that are wrong in any way.
 */
#include <stdio.h>

#include "dns_help.h"
#include "suite.h"

#define SOA  "example. 600 IN SOA ns.example. h.example. 7 3600 600 86400 120"
#define A(n) n " 300 IN A 192.0.2.7"

static struct desk *desk_of(unsigned attempts)
{
	struct dns_options options = desk_options(1);
	options.attempts = attempts;
	return desk_new(&options);
}

/* ---- what is sent ---- */

START_TEST(query_is_as_the_standard_says)
{
	/* RD, one question, an OPT of 1232 octets. */
	static const uint8_t expected[] = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 'a', '_', 7, 'e',
		'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 16, 0, 1, 0, 0, 41, 1232 >> 8, 1232 & 0xff, 0,
		0, 0, 0, 0, 0};
	struct desk *desk = desk_of(1);
	desk_ask(desk, "A_.Example.", DNS_TXT);
	ck_assert_uint_eq(desk->open[0].n, sizeof(expected));
	ck_assert_mem_eq(desk->open[0].wire + 2, expected + 2, sizeof(expected) - 2);
	desk_free(desk);
}
END_TEST

/* A new number each time, for a repeated question too. */
START_TEST(ids_come_from_chance)
{
	struct dns_options options = desk_options(8);
	struct desk *desk = desk_new(&options);
	uint8_t id[8][2];
	desk_ask(desk, "a.example", DNS_A);
	for (int i = 0; i < 8; i++) {
		memcpy(id[i], desk->open[0].wire, 2);
		for (int j = 0; j < i; j++)
			ck_assert_mem_ne(id[i], id[j], 2);
		desk_fail(desk, 0);
	}
	desk_free(desk);
}
END_TEST

/* ---- names ---- */

#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"
#define L61 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi"

struct name_row {
	const char *text, *expected; /* NULL: refused */
};
static const struct name_row names[] = {
	{"a.example", "a.example"},
	{"a.example.", "a.example"},
	{"A.EXAMPLE", "a.example"},
	{".", "."},
	{"_dmarc.example", "_dmarc.example"},
	{"xn--bcher-kva.example", "xn--bcher-kva.example"},
	{"2.0.0.127.zen.example", "2.0.0.127.zen.example"},
	{"0/25.2.0.192.in-addr.arpa", "0\\04725.2.0.192.in-addr.arpa"},
	{"a\\046b.example", "a\\046b.example"},
	{"a\\.b.example", "a\\046b.example"},
	{"\\000\\255.example", "\\000\\255.example"},
	{"\\065.example", "a.example"},
	{L63 ".example", L63 ".example"},
	{L63 "." L63 "." L63 "." L61, L63 "." L63 "." L63 "." L61},
	{L63 "." L63 "." L63 "." L61 ".", L63 "." L63 "." L63 "." L61},
	{L63 "." L63 "." L63 "." L61 "z", NULL},
	{L63 "." L63 "." L63 "." L61 "z.", NULL},
	{L63 "z.example", NULL},
	{"", NULL},
	{"..", NULL},
	{".example", NULL},
	{"a..example", NULL},
	{"a.example..", NULL},
	{"a b.example", NULL},
	{"a@b.example", NULL},
	{"b\xc3\xbc.example", NULL},
	{"a\\256.example", NULL},
	{"a\\25.example", NULL},
	{"a\\", NULL},
	{"a\x01.example", NULL},
	{"192.0.2.1\n", NULL},
};

START_TEST(names_are_read)
{
	const struct name_row *row = &names[_i];
	struct desk *desk = desk_of(1);
	dns_ticket ticket = desk_ask(desk, row->text, DNS_A);
	ck_assert_msg((ticket != 0) == (row->expected != NULL), "%s", row->text);
	if (row->expected) {
		desk_reply(desk, 0, &(struct script){.rcode = 3});
		ck_assert_str_eq(desk_last(desk)->canonical, row->expected);
	} else {
		ck_assert_uint_eq(desk->open_n, 0);
		ck_assert_uint_eq(desk_figures(desk).dropped, 0);
	}
	desk_free(desk);
}
END_TEST

/* 250 octets that need four characters each: the longest text there is. */
START_TEST(longest_name)
{
	char text[DNS_NAME_SIZE] = "";
	size_t n = 0;
	for (int i = 0; i < 250; i++) {
		if (i && i % 63 == 0)
			text[n++] = '.';
		memcpy(text + n, "\\255", 4);
		n += 4;
	}
	struct desk *desk = desk_of(1);
	ck_assert_uint_ne(desk_ask(desk, text, DNS_A), 0);
	desk_reply(desk, 0, &(struct script){.rcode = 3});
	ck_assert_str_eq(desk_last(desk)->canonical, text);
	ck_assert_uint_eq(strlen(text), 1003);
	desk_free(desk);
}
END_TEST

START_TEST(unknown_types_and_servers_are_refused)
{
	struct desk *desk = desk_of(1);
	struct dns_server nobody = {.port = 0};
	struct dns_question question = {
		.name = SPAN("a.example"), .type = DNS_A, .server = &nobody};
	ck_assert_uint_eq(dns_ask(desk->dns, &question, desk->now), 0);
	question.server = NULL;
	int any = 255;
	memcpy(&question.type, &any, sizeof(any));
	ck_assert_uint_eq(dns_ask(desk->dns, &question, desk->now), 0);
	desk_free(desk);
}
END_TEST

/* ---- records ---- */

struct record_row {
	const char *label, *name;
	enum dns_type type;
	struct script script;
	enum dns_result result;
	uint32_t ttl_s;
	const char *line[3];
	const char *canonical;
};

#define LONG                                                                                       \
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567" \
	"8901234567890123456789012345678901234567890123456789012345678901234567890123456789012345" \
	"6789012345678901234567890123456789012345678901234567890123456789012345678901234"

static const struct record_row records[] = {
	{"A, several", "a.example", DNS_A,
		{.answer = {"a.example. 300 IN A 127.0.0.2", "a.example. 200 IN A 127.0.0.4",
			 "a.example. 400 IN A 127.0.0.11"}},
		DNS_FOUND, 200, {"127.0.0.2", "127.0.0.4", "127.0.0.11"}, "a.example"},
	{"AAAA", "a.example", DNS_AAAA, {.answer = {"a.example. 60 IN AAAA 2001:db8::1"}},
		DNS_FOUND, 60, {"2001:db8::1"}, "a.example"},
	{"PTR", "1.2.0.192.in-addr.arpa", DNS_PTR,
		{.answer = {"1.2.0.192.in-addr.arpa. 60 IN PTR Mail.Example."}}, DNS_FOUND, 60,
		{"mail.example"}, "1.2.0.192.in-addr.arpa"},
	{"PTR with odd bytes", "1.2.0.192.in-addr.arpa", DNS_PTR,
		{.answer = {"1.2.0.192.in-addr.arpa. 60 IN PTR a\\.b\\255c\\032.example."}},
		DNS_FOUND, 60, {"a\\046b\\255c\\032.example"}, "1.2.0.192.in-addr.arpa"},
	{"TXT", "a.example", DNS_TXT, {.answer = {"a.example. 60 IN TXT \"v=spf1 \" \"-all\""}},
		DNS_FOUND, 60, {"v=spf1 -all"}, "a.example"},
	{"TXT, empty", "a.example", DNS_TXT, {.answer = {"a.example. 60 IN TXT \"\""}}, DNS_FOUND,
		60, {""}, "a.example"},
	{"TXT, long", "a.example", DNS_TXT,
		{.answer = {"a.example. 60 IN TXT \"" LONG "\" \"" LONG "\""}}, DNS_FOUND, 60,
		{LONG LONG}, "a.example"},
	{"NS", "example", DNS_NS, {.answer = {"example. 60 IN NS NS.example."}}, DNS_FOUND, 60,
		{"ns.example"}, "example"},
	{"SOA", "example", DNS_SOA, {.answer = {SOA}}, DNS_FOUND, 600, {"ns.example 7"}, "example"},
	{"MX", "example", DNS_MX,
		{.answer = {"example. 60 IN MX 10 mx.example.", "example. 60 IN MX 0 ."}},
		DNS_FOUND, 60, {"10 mx.example", "0 ."}, "example"},
	{"CNAME itself", "a.example", DNS_CNAME, {.answer = {"a.example. 60 IN CNAME b.example."}},
		DNS_FOUND, 60, {"b.example"}, "a.example"},
	{"case of owners", "a.example", DNS_A, {.answer = {A("A.eXample.")}}, DNS_FOUND, 300,
		{"192.0.2.7"}, "a.example"},
	{"others between", "a.example", DNS_A,
		{.answer = {A("b.example."), "a.example. 60 IN TXT x",
			 "a.example. 90 CH A 192.0.2.9", "a.example. 80 IN A 192.0.2.8"},
			.additional = {A("a.example.")}},
		DNS_FOUND, 80, {"192.0.2.8"}, "a.example"},
	{"TTL of 0", "a.example", DNS_A, {.answer = {"a.example. 0 IN A 192.0.2.8"}}, DNS_FOUND, 0,
		{"192.0.2.8"}, "a.example"},
	{"TTL of years", "a.example", DNS_A, {.answer = {"a.example. 99999999 IN A 192.0.2.8"}},
		DNS_FOUND, 604800, {"192.0.2.8"}, "a.example"},
	{"TTL with its upper bit", "a.example", DNS_A,
		{.answer = {"a.example. 4294967295 IN A 192.0.2.8"}}, DNS_FOUND, 0, {"192.0.2.8"},
		"a.example"},
	{"chain", "a.example", DNS_A,
		{.answer = {"a.example. 90 IN CNAME b.example.",
			 "b.example. 50 IN CNAME C.example.", A("c.example.")}},
		DNS_FOUND, 50, {"192.0.2.7"}, "c.example"},
	{"chain, out of order", "a.example", DNS_A,
		{.answer = {A("c.example."), "b.example. 80 IN CNAME c.example.",
			 "a.example. 90 IN CNAME b.example."}},
		DNS_FOUND, 80, {"192.0.2.7"}, "c.example"},
	{"chain of 11", "n0.example", DNS_A,
		{.answer = {"n0.example. 60 IN CNAME n1.example.",
			 "n1.example. 60 IN CNAME n2.example.",
			 "n2.example. 60 IN CNAME n3.example.",
			 "n3.example. 60 IN CNAME n4.example.",
			 "n4.example. 60 IN CNAME n5.example.",
			 "n5.example. 60 IN CNAME n6.example.",
			 "n6.example. 60 IN CNAME n7.example.",
			 "n7.example. 60 IN CNAME n8.example.",
			 "n8.example. 60 IN CNAME n9.example.",
			 "n9.example. 60 IN CNAME n10.example.",
			 "n10.example. 60 IN CNAME n11.example.", A("n11.example.")}},
		DNS_FOUND, 60, {"192.0.2.7"}, "n11.example"},
	{"chain of 12", "n0.example", DNS_A,
		{.answer = {"n0.example. 60 IN CNAME n1.example.",
			 "n1.example. 60 IN CNAME n2.example.",
			 "n2.example. 60 IN CNAME n3.example.",
			 "n3.example. 60 IN CNAME n4.example.",
			 "n4.example. 60 IN CNAME n5.example.",
			 "n5.example. 60 IN CNAME n6.example.",
			 "n6.example. 60 IN CNAME n7.example.",
			 "n7.example. 60 IN CNAME n8.example.",
			 "n8.example. 60 IN CNAME n9.example.",
			 "n9.example. 60 IN CNAME n10.example.",
			 "n10.example. 60 IN CNAME n11.example.",
			 "n11.example. 60 IN CNAME n12.example.", A("n12.example.")}},
		DNS_MALFORMED, 30, {NULL}, "n0.example"},
	{"loop", "a.example", DNS_A,
		{.answer = {"a.example. 90 IN CNAME b.example.",
			 "b.example. 50 IN CNAME a.example."}},
		DNS_MALFORMED, 30, {NULL}, "a.example"},
	{"loop of one", "a.example", DNS_A, {.answer = {"a.example. 90 IN CNAME a.example."}},
		DNS_MALFORMED, 30, {NULL}, "a.example"},
	{"no such name", "a.example", DNS_A, {.rcode = 3, .authority = {SOA}}, DNS_NXDOMAIN, 120,
		{NULL}, "a.example"},
	{"no such name, without SOA", "a.example", DNS_A, {.rcode = 3}, DNS_NXDOMAIN, 60, {NULL},
		"a.example"},
	{"no such name, by TTL of SOA", "a.example", DNS_A,
		{.rcode = 3, .authority = {"example. 30 IN SOA ns. h. 7 1 1 1 120"}}, DNS_NXDOMAIN,
		30, {NULL}, "a.example"},
	{"no such name, another zone's SOA", "a.example", DNS_A,
		{.rcode = 3, .authority = {"org. 30 IN SOA ns. h. 7 1 1 1 120"}}, DNS_NXDOMAIN, 60,
		{NULL}, "a.example"},
	{"no such name, SOA of the root", "a.example", DNS_A,
		{.rcode = 3, .authority = {". 86400 IN SOA ns. h. 7 1 1 1 86400"}}, DNS_NXDOMAIN,
		86400, {NULL}, "a.example"},
	{"no such record", "a.example", DNS_A, {.authority = {SOA}}, DNS_NODATA, 120, {NULL},
		"a.example"},
	{"no such record, NS beside SOA", "a.example", DNS_A,
		{.authority = {"example. 9 IN NS ns.example.", SOA}}, DNS_NODATA, 120, {NULL},
		"a.example"},
	{"no such record, nothing said", "a.example", DNS_A, {.rcode = 0}, DNS_NODATA, 60, {NULL},
		"a.example"},
	{"no such record, authority without SOA", "a.example", DNS_A,
		{.is_aa = true, .has_no_ra = true}, DNS_NODATA, 60, {NULL}, "a.example"},
	{"chain to no such name", "a.example", DNS_A,
		{.rcode = 3, .answer = {"a.example. 50 IN CNAME b.example."}, .authority = {SOA}},
		DNS_NXDOMAIN, 50, {NULL}, "b.example"},
	{"chain to no such record", "a.example", DNS_A,
		{.answer = {"a.example. 500 IN CNAME b.example."}, .authority = {SOA}}, DNS_NODATA,
		120, {NULL}, "b.example"},
	{"chain to another zone's", "a.example", DNS_A,
		{.answer = {"a.example. 500 IN CNAME b.org."},
			.authority = {"org. 30 IN SOA ns. h. 7 1 1 1 120"}},
		DNS_NODATA, 30, {NULL}, "b.org"},
};

START_TEST(records_are_read)
{
	const struct record_row *row = &records[_i];
	struct desk *desk = desk_of(1);
	desk_ask(desk, row->name, row->type);
	desk_reply(desk, 0, &row->script);
	ck_assert_uint_eq(desk->open_n, 0);
	const struct heard *heard = desk_last(desk);
	ck_assert_msg(heard->answer.result == row->result, "%s: %s", row->label,
		dns_result_name(heard->answer.result));
	ck_assert_msg(heard->answer.ttl_s == row->ttl_s, "%s: %u", row->label, heard->answer.ttl_s);
	ck_assert_str_eq(heard->canonical, row->canonical);
	ck_assert_uint_eq(heard->answer.is_authoritative, row->script.is_aa);
	size_t n = 0;
	for (; n < 3 && row->line[n]; n++)
		ck_assert_str_eq(heard->line[n], row->line[n]);
	ck_assert_uint_eq(heard->answer.n, n);
	desk_free(desk);
}
END_TEST

/* Out of the packet, without a word on its end: asked on, and the whole of it is one answer. */
START_TEST(chain_goes_on)
{
	struct desk *desk = desk_of(2);
	dns_ticket ticket = desk_ask(desk, "a.example", DNS_A);
	desk_reply(desk, 0, &(struct script){.answer = {"a.example. 70 IN CNAME B.Org."}});
	ck_assert_uint_eq(desk->heard_n, 0);
	ck_assert_uint_eq(desk->open_n, 1);
	ck_assert_mem_eq(desk->open[0].wire + 12, "\1b\3org", 7);
	/* The second part may be slow, too. */
	desk_wait(desk, 5 * SECOND_US);
	desk_wait_due(desk);
	ck_assert_mem_eq(desk->open[0].wire + 12, "\1b\3org", 7);
	desk_reply(desk, 0, &(struct script){.answer = {"b.org. 90 IN CNAME c.net."}});
	desk_reply(desk, 0, &(struct script){.answer = {A("c.net.")}});
	const struct heard *heard = desk_last(desk);
	ck_assert_uint_eq(heard->ticket, ticket);
	ck_assert_int_eq(heard->answer.result, DNS_FOUND);
	ck_assert_uint_eq(heard->answer.ttl_s, 70);
	ck_assert_str_eq(heard->canonical, "c.net");
	/* Remembered under the name that was asked. */
	desk_ask(desk, "a.example", DNS_A);
	ck_assert(desk_last(desk)->answer.is_cached);
	ck_assert_uint_eq(desk->open_n, 0);
	desk_free(desk);
}
END_TEST

START_TEST(chain_that_goes_on_for_ever)
{
	struct desk *desk = desk_of(1);
	desk_ask(desk, "n.example", DNS_A);
	for (int i = 0; desk->open_n && i < 100; i++) {
		char line[64];
		(void)snprintf(line, sizeof(line), "%s 60 IN CNAME %s",
			i % 2 ? "m.example." : "n.example.", i % 2 ? "n.example." : "m.example.");
		desk_reply(desk, 0, &(struct script){.answer = {line}});
	}
	ck_assert_uint_eq(desk->sends, 12);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_MALFORMED);
	desk_free(desk);
}
END_TEST

/* More than there is room for: left out, and told. */
START_TEST(many_records_are_cut)
{
	/* Up to DNS_RR_MAX; one more; more than are looked at; the same, most of somebody else. */
	const unsigned counts[] = {DNS_RR_MAX, DNS_RR_MAX + 1, 300, 300};
	struct desk *desk = desk_of(1);
	uint8_t wire[12 + 15 + 300 * 16];
	size_t n = 12 + 15;
	desk_ask(desk, "a.example", DNS_A);
	memcpy(wire, desk->open[0].wire, n);
	wire[2] |= 0x80;
	wire[6] = (uint8_t)(counts[_i] >> 8);
	wire[7] = (uint8_t)counts[_i];
	wire[11] = 0;
	for (unsigned i = 0; i < counts[_i]; i++) {
		const uint8_t record[] = {0xc0, _i == 3 && i ? 14 : 12, 0, 1, 0, 1, 0, 0, 0, 60, 0,
			4, 10, 0, (uint8_t)(i >> 8), (uint8_t)i};
		memcpy(wire + n, record, sizeof(record));
		n += sizeof(record);
	}
	desk_give(desk, desk->open[0].attempt, wire, n);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_FOUND);
	ck_assert_uint_eq(desk_last(desk)->answer.n, _i == 3 ? 1 : DNS_RR_MAX);
	ck_assert(desk_last(desk)->answer.is_cut == (_i > 0));
	desk_free(desk);
}
END_TEST

START_TEST(text_may_hold_any_byte)
{
	static const uint8_t tail[] = {
		0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 6, 2, 0, 255, 2, '\n', '"'};
	struct desk *desk = desk_of(1);
	uint8_t wire[12 + 15 + sizeof(tail)];
	desk_ask(desk, "a.example", DNS_TXT);
	memcpy(wire, desk->open[0].wire, 12 + 15);
	memcpy(wire + 12 + 15, tail, sizeof(tail));
	wire[2] |= 0x80;
	wire[7] = 1;
	wire[11] = 0;
	desk_give(desk, desk->open[0].attempt, wire, sizeof(wire));
	ck_assert_uint_eq(desk_last(desk)->line_n[0], 4);
	ck_assert_mem_eq(desk_last(desk)->line[0], "\0\377\n\"", 4);
	desk_free(desk);
}
END_TEST

/* ---- what is not the answer ---- */

struct twist_row {
	const char *label;
	size_t at;
	uint8_t flip;
};
/* A packet for "a.example" A: id 0-1, flags 2-3, counts 4-11, name 12-22, type 23-24, class 25-26. */
static const struct twist_row twists[] = {
	{"id, upper octet", 0, 0x80},
	{"id, lower octet", 1, 1},
	{"no answer but a query", 2, 0x80},
	{"opcode", 2, 0x08},
	{"opcode", 2, 0x40},
	{"no question", 5, 1},
	{"two questions", 5, 3},
	{"257 questions", 4, 1},
	{"name", 13, 1},
	{"name, further on", 20, 1},
	{"length of a label", 12, 3},
	{"a pointer for a name", 12, 0xc0},
	{"type", 24, 2},
	{"type, upper octet", 23, 1},
	{"class", 26, 2},
	{"class, upper octet", 25, 0x80},
};

/* Ignored and counted; the true answer is still waited for. */
START_TEST(wrong_packets_are_ignored)
{
	const struct twist_row *row = &twists[_i];
	const struct script found = {.answer = {A("a.example.")}};
	struct desk *desk = desk_of(1);
	size_t n;
	desk_ask(desk, "a.example", DNS_A);
	uint8_t *wire = script_wire(&desk->open[0], &found, &n);
	wire[row->at] ^= row->flip;
	mono_t due = dns_due(desk->dns);
	desk_give(desk, desk->open[0].attempt, wire, n);
	ck_assert_msg(desk->heard_n == 0, "%s", row->label);
	ck_assert_uint_eq(desk->open_n, 1);
	ck_assert_uint_eq(desk_figures(desk).mismatched, 1);
	ck_assert_int_eq(dns_due(desk->dns).us, due.us);
	wire[row->at] ^= row->flip;
	desk_give(desk, desk->open[0].attempt, wire, n);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_FOUND);
	free(wire);
	desk_free(desk);
}
END_TEST

/* The question's letters may come back in another case. */
START_TEST(case_of_the_question)
{
	const struct script found = {.answer = {A("a.example.")}};
	struct desk *desk = desk_of(1);
	size_t n;
	desk_ask(desk, "a.example", DNS_A);
	uint8_t *wire = script_wire(&desk->open[0], &found, &n);
	wire[13] = 'A';
	desk_give(desk, desk->open[0].attempt, wire, n);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_FOUND);
	free(wire);
	desk_free(desk);
}
END_TEST

/* Up to the end of the question it is no answer, behind it one that is broken. */
START_TEST(every_truncation)
{
	const struct script found = {
		.answer = {"a.example. 60 IN CNAME b.example.", A("b.example.")},
		.authority = {SOA},
		.additional = {A("ns.example.")}};
	size_t n = 1;
	for (size_t cut = 0; cut <= n; cut++) {
		struct desk *desk = desk_of(1);
		desk_ask(desk, "a.example", DNS_A);
		uint8_t *wire = script_wire(&desk->open[0], &found, &n);
		desk_give(desk, desk->open[0].attempt, wire, cut);
		ck_assert_uint_eq(desk_figures(desk).mismatched, cut < 27);
		ck_assert_uint_eq(desk->heard_n, cut >= 27);
		if (cut >= 27)
			ck_assert_int_eq(desk_last(desk)->answer.result,
				cut < n ? DNS_MALFORMED : DNS_FOUND);
		free(wire);
		desk_free(desk);
	}
}
END_TEST

/* ---- packets that are wrong ---- */

struct broken_row {
	const char *label;
	enum dns_type type;
	uint8_t answers, authority;
	const char *tail; /* behind the question */
	size_t n;
	enum dns_result result;
};
#define TAIL(text)       text, sizeof(text) - 1
#define HEAD(type)       "\300\014\0" type "\0\1\0\0\0\74\0"
#define BROKEN(t, bytes) t, 1, 0, TAIL(bytes), DNS_MALFORMED

static const struct broken_row broken[] = {
	{"a sound one", DNS_A, 1, 0, TAIL(HEAD("\1") "\4\300\0\2\1"), DNS_FOUND},
	{"bytes behind the last record", DNS_A, 1, 0, TAIL(HEAD("\1") "\4\300\0\2\1xyz"),
		DNS_FOUND},
	{"more announced than there is", DNS_A, 2, 0, TAIL(HEAD("\1") "\4\300\0\2\1"),
		DNS_MALFORMED},
	{"answers announced, none there", DNS_A, 255, 0, TAIL(""), DNS_MALFORMED},
	{"A of 3 octets", BROKEN(DNS_A, HEAD("\1") "\3\300\0\2")},
	{"A of 5 octets", BROKEN(DNS_A, HEAD("\1") "\5\300\0\2\1\1")},
	{"A of none", BROKEN(DNS_A, HEAD("\1") "\0")},
	{"A beyond the end", BROKEN(DNS_A, HEAD("\1") "\4\300\0\2")},
	{"AAAA of 4 octets", BROKEN(DNS_AAAA, HEAD("\34") "\4\300\0\2\1")},
	{"TXT of none", BROKEN(DNS_TXT, HEAD("\20") "\0")},
	{"TXT, a string beyond its end", BROKEN(DNS_TXT, HEAD("\20") "\3\5ab")},
	{"TXT, the second string beyond", BROKEN(DNS_TXT, HEAD("\20") "\4\1a\2b")},
	{"MX without a name", BROKEN(DNS_MX, HEAD("\17") "\2\0\12")},
	{"MX of one octet", BROKEN(DNS_MX, HEAD("\17") "\1\0")},
	{"NS of none", BROKEN(DNS_NS, HEAD("\2") "\0")},
	{"PTR, more behind the name", BROKEN(DNS_PTR, HEAD("\14") "\4\1a\0x")},
	{"PTR, a name beyond its length", BROKEN(DNS_PTR, HEAD("\14") "\2\1a\0")},
	{"PTR, a label beyond the packet", BROKEN(DNS_PTR, HEAD("\14") "\2\77a")},
	{"PTR, a pointer to itself", BROKEN(DNS_PTR, HEAD("\14") "\2\300\47")},
	{"PTR, a pointer forward", BROKEN(DNS_PTR, HEAD("\14") "\5\300\51\1a\0")},
	{"PTR, a pointer forward to a name", BROKEN(DNS_PTR, HEAD("\14") "\2\300\51\1a\0")},
	{"PTR, a pointer out of the packet", BROKEN(DNS_PTR, HEAD("\14") "\2\377\377")},
	{"PTR, half a pointer", BROKEN(DNS_PTR, HEAD("\14") "\1\300")},
	{"PTR, two pointers in a circle", BROKEN(DNS_PTR, HEAD("\14") "\4\300\51\300\47")},
	{"PTR, a label and back to it", BROKEN(DNS_PTR, HEAD("\14") "\4\1a\300\47")},
	{"PTR, a label of another kind", BROKEN(DNS_PTR, HEAD("\14") "\3\101a\0")},
	{"CNAME of none", BROKEN(DNS_A, HEAD("\5") "\0")},
	{"CNAME, a pointer to itself", BROKEN(DNS_A, HEAD("\5") "\2\300\47")},
	{"SOA cut short", BROKEN(DNS_SOA, HEAD("\6") "\6\300\14\300\14\0\0")},
	{"SOA of two names", BROKEN(DNS_SOA, HEAD("\6") "\4\300\14\300\14")},
	{"SOA of the authority, cut short", DNS_A, 0, 1, TAIL(HEAD("\6") "\6\300\14\300\14\0\0"),
		DNS_MALFORMED},
	{"SOA of the authority, of two names", DNS_A, 0, 1, TAIL(HEAD("\6") "\4\300\14\300\14"),
		DNS_MALFORMED},
	{"an owner that points at itself", DNS_A, 1, 0,
		TAIL("\300\33\0\1\0\1\0\0\0\74\0\4\300\0\2\1"), DNS_MALFORMED},
	{"an owner that points forward", DNS_A, 1, 0,
		TAIL("\300\43\0\1\0\1\0\0\0\74\0\4\300\0\2\1"), DNS_MALFORMED},
	{"an owner without end", DNS_A, 1, 0, TAIL("\77aaa"), DNS_MALFORMED},
	{"an owner, and nothing", DNS_A, 1, 0, TAIL("\300\14"), DNS_MALFORMED},
	/* What nobody looks at does no harm: a type of no interest with any data. */
	{"a broken one of another type before", DNS_A, 2, 0,
		TAIL(HEAD("\41") "\1x" HEAD("\1") "\4\300\0\2\1"), DNS_FOUND},
	{"pointers of a chain, each one back", DNS_PTR, 1, 0, TAIL(HEAD("\14") "\5\2mx\300\14"),
		DNS_FOUND},
};

START_TEST(broken_packets)
{
	const struct broken_row *row = &broken[_i];
	struct desk *desk = desk_of(1);
	uint8_t wire[512];
	desk_ask(desk, "a.example", row->type);
	memcpy(wire, desk->open[0].wire, 27);
	memcpy(wire + 27, row->tail, row->n);
	wire[2] |= 0x80;
	wire[3] |= 0x80;
	wire[7] = row->answers;
	wire[9] = row->authority;
	wire[11] = 0;
	desk_give(desk, desk->open[0].attempt, wire, 27 + row->n);
	ck_assert_msg(desk->heard_n == 1, "%s", row->label);
	ck_assert_msg(desk_last(desk)->answer.result == row->result, "%s: %s", row->label,
		dns_result_name(desk_last(desk)->answer.result));
	desk_free(desk);
}
END_TEST

/* As large as TCP can bring it, and made for work: a chain of pointers below every name. */
START_TEST(large_and_hostile)
{
	static uint8_t wire[UINT16_MAX + 10];
	static const uint8_t record[] = {0xff, 0xfe, 0, 12, 0, 1, 0, 0, 0, 60, 0, 2, 0xff, 0xfe};
	struct desk *desk = desk_of(1);
	desk_ask(desk, "a.example", DNS_PTR);
	memcpy(wire, desk->open[0].wire, 27);
	wire[2] |= 0x80;
	wire[6] = 8;
	wire[7] = wire[9] = wire[11] = 0;
	/* A record nobody looks at carries 8,000 pointers, each to the one before. */
	static const uint8_t head[] = {0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0x3e, 0x80};
	memcpy(wire + 27, head, sizeof(head));
	size_t n = 27 + sizeof(head);
	for (size_t before = 12; n < 27 + sizeof(head) + 16000; before = n, n += 2) {
		wire[n] = (uint8_t)(0xc0 | before >> 8);
		wire[n + 1] = (uint8_t)before;
	}
	for (int i = 1; i < 2048; i++, n += sizeof(record)) {
		memcpy(wire + n, record, sizeof(record));
		wire[n] = wire[n + 12] = (uint8_t)(0xc0 | (27 + 12 + 15998) >> 8);
		wire[n + 1] = wire[n + 13] = (uint8_t)(27 + 12 + 15998);
	}
	desk_give(desk, desk->open[0].attempt, wire, n);
	ck_assert_int_eq(desk_last(desk)->answer.result, DNS_MALFORMED);
	/* Larger than a message can be. */
	desk_ask(desk, "b.example", DNS_A);
	memcpy(wire, desk->open[0].wire, 27);
	wire[2] |= 0x80;
	desk_give(desk, desk->open[0].attempt, wire, UINT16_MAX + 1);
	ck_assert_uint_eq(desk_figures(desk).mismatched, 1);
	desk_free(desk);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"query_is_as_the_standard_says", query_is_as_the_standard_says, 0},
		{"ids_come_from_chance", ids_come_from_chance, 0},
		{"names_are_read", names_are_read, ROWS(names)},
		{"longest_name", longest_name, 0},
		{"unknown_types_and_servers_are_refused", unknown_types_and_servers_are_refused, 0},
		{"records_are_read", records_are_read, ROWS(records)},
		{"chain_goes_on", chain_goes_on, 0},
		{"chain_that_goes_on_for_ever", chain_that_goes_on_for_ever, 0},
		{"many_records_are_cut", many_records_are_cut, 4},
		{"text_may_hold_any_byte", text_may_hold_any_byte, 0},
		{"wrong_packets_are_ignored", wrong_packets_are_ignored, ROWS(twists)},
		{"case_of_the_question", case_of_the_question, 0},
		{"every_truncation", every_truncation, 0},
		{"broken_packets", broken_packets, ROWS(broken)},
		{"large_and_hostile", large_and_hostile, 0},
	};
	return SUITE_RUN("dns_wire", rows);
}
