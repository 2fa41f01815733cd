/* SPDX-License-Identifier: ISC */
/* replay.h: a Postfix log, line by line, and joined into requests. */
#include <stdio.h>
#include <stdlib.h>

#include "policyd/replay.h"
#include "suite.h"

#define M "Nov 22 06:13:58 mx postfix/submission/smtpd[12]: "
#define Q "Nov 22 06:13:58 mx postfix/qmgr[9]: "
#define S "Nov 22 06:13:58 mx postfix/smtp[7]: "

/* ---- one line ---- */

static const struct {
	const char *text;
	enum log_kind kind;
	const char *queue_id, *a, *b;
} lines[] = {
	{M "4ABCDEF: client=pc.example[192.0.2.1], sasl_method=PLAIN, sasl_username=alice",
		LOG_CLIENT, "4ABCDEF", "192.0.2.1", "alice"},
	{M "4ABCDEF: client=unknown[2001:db8::1]:4711", LOG_CLIENT, "4ABCDEF", "2001:db8::1", ""},
	{M "4ABCDEF: client=a[192.0.2.1], sasl_method=LOGIN, sasl_username=a, b, sasl_sender=x",
		LOG_CLIENT, "4ABCDEF", "192.0.2.1", "a, b"},
	{M "4ABCDEF: client=a[192.0.2.1], sasl_username=z, orig_queue_id=77777, orig_client=q[1]",
		LOG_CLIENT, "4ABCDEF", "192.0.2.1", "z"},
	{M "4ABCDEF: client=nothing", LOG_UNREAD, "4ABCDEF", "", ""},
	{M "NOQUEUE: reject: RCPT from a[192.0.2.1]: 554 5.7.1 <x@y>: no; from=<> to=<x@y>",
		LOG_REJECT, "NOQUEUE", "", ""},
	{M "connect from a[192.0.2.1]", LOG_FOREIGN, "", "", ""},
	{"<22>2026-11-22T07:13:58.25+01:00 mx out-a/cleanup[1]: 4gXyZq1Lwvz3kKm: message-id=<1@x>",
		LOG_MESSAGE_ID, "4gXyZq1Lwvz3kKm", "<1@x>", ""},
	{Q "4ABCDEF: from=<alice@e.test>, size=512, nrcpt=3 (queue active)", LOG_QUEUED, "4ABCDEF",
		"alice@e.test", "512/3"},
	{Q "4ABCDEF: from=<>, size=1, nrcpt=1 (queue active)", LOG_QUEUED, "4ABCDEF", "", "1/1"},
	{Q "4ABCDEF: from=<\"a>, b\"@e.test>, size=5, nrcpt=1 (queue active)", LOG_QUEUED,
		"4ABCDEF", "\"a>, b\"@e.test", "5/1"},
	{Q "4ABCDEF: from=<a@x>, status=expired, returned to sender", LOG_FOREIGN, "4ABCDEF", "",
		""},
	{Q "4ABCDEF: removed", LOG_REMOVED, "4ABCDEF", "", ""},
	{S "4ABCDEF: to=<b@x.test>, relay=mx.x.test[192.0.2.9]:25, delay=1, delays=0/0/1/0, "
	   "tls=TLSv1.3, "
	   "dsn=2.0.0, status=sent (250 ok)",
		LOG_RECIPIENT, "4ABCDEF", "b@x.test", "sent 2.0.0"},
	{S "4ABCDEF: to=<b@x.test>, orig_to=<list@e.test>, relay=none, delay=1, dsn=5.1.1, "
	   "status=bounced "
	   "(said: >, dsn=2.0.0, status=sent)",
		LOG_RECIPIENT, "4ABCDEF", "b@x.test", "bounced 5.1.1"},
	{S "4ABCDEF: to=<b@x.test", LOG_UNREAD, "4ABCDEF", "", ""},
	{S "4ABCDEF: to=<b@x.test>, relay=none", LOG_UNREAD, "4ABCDEF", "b@x.test", ""},
	{S "4ABCDEF: host mx[192.0.2.9] said: 450 later", LOG_FOREIGN, "4ABCDEF", "", ""},
	{"Nov 22 06:13:58 mx postfix/pickup[3]: 4ABCDEF: uid=0 from=<root>", LOG_PICKUP, "4ABCDEF",
		"", ""},
	{"Nov  2 06:13:58 mx postfix/qmgr[3]: [ID 197553 mail.info] 4ABCDEF: removed", LOG_REMOVED,
		"4ABCDEF", "", ""},
	{"Nov 22 06:13:58 mx dovecot: imap(alice): to=<x>", LOG_FOREIGN, "", "", ""},
	{"Nov 32 06:13:58 mx postfix/qmgr[3]: 4ABCDEF: removed", LOG_FOREIGN, "", "", ""},
	{"Nov 22 24:00:00 mx postfix/qmgr[3]: 4ABCDEF: removed", LOG_FOREIGN, "", "", ""},
	{"2026-13-22T06:13:58Z mx postfix/qmgr[3]: 4ABCDEF: removed", LOG_FOREIGN, "", "", ""},
	{"", LOG_FOREIGN, "", "", ""},
	{"Nov", LOG_FOREIGN, "", "", ""},
};

static void check_span(struct span got, const char *wanted, const char *line)
{
	ck_assert_msg(span_equal(got, span_of(wanted)), "\"%.*s\" instead of \"%s\" in %s",
		(int)got.n, got.n ? got.p : "", wanted, line);
}

START_TEST(one_line)
{
	struct log_line line;
	char b[600] = "";
	log_line_parse(span_of(lines[_i].text), &line);
	ck_assert_msg(line.kind == lines[_i].kind, "%d: %s", (int)line.kind, lines[_i].text);
	check_span(line.queue_id, lines[_i].queue_id, lines[_i].text);
	if (line.kind == LOG_CLIENT) {
		check_span(line.client_address, lines[_i].a, lines[_i].text);
		check_span(line.sasl_username, lines[_i].b, lines[_i].text);
	} else if (line.kind == LOG_QUEUED) {
		check_span(line.from, lines[_i].a, lines[_i].text);
		snprintf(b, sizeof(b), "%d/%d", (int)line.size, (int)line.recipients);
		ck_assert_str_eq(b, lines[_i].b);
	} else if (line.kind == LOG_RECIPIENT) {
		check_span(line.to, lines[_i].a, lines[_i].text);
		snprintf(b, sizeof(b), "%.*s %.*s", (int)line.status.n, line.status.p,
			(int)line.dsn.n, line.dsn.p);
		ck_assert_str_eq(b, lines[_i].b);
	} else if (line.kind == LOG_MESSAGE_ID) {
		check_span(line.message_id, lines[_i].a, lines[_i].text);
	}
}
END_TEST

/* ---- time ---- */

#define WALL(s) ((wall_t){.us = (s)*SECOND_US})
/* 2026-11-22T06:13:58Z */
#define NOV_22 INT64_C(1795328038)

static const struct {
	const char *line;
	int64_t ended_s, wanted_s;
} stamps[] = {
	{"Nov 22 06:13:58", NOV_22, NOV_22},
	{"Nov 22 06:13:58", NOV_22 + 300 * 86400, NOV_22},
	{"Nov 23 05:00:00", NOV_22, NOV_22 + 86400 - 4438},
	{"Dec 24 06:13:58", NOV_22, NOV_22 - 333 * 86400},
	{"2026-11-22T06:13:58Z", 0, NOV_22},
	{"2026-11-22T06:13:58+01:00", 0, NOV_22 - 3600},
	{"2026-11-22T00:13:58-0600", 0, NOV_22},
	{"2024-02-29T00:00:00Z", 0, INT64_C(1709164800)},
};

static bool read_line(struct postfix_log *log, const char *text, struct log_said *ret)
{
	return postfix_log_read(log, span_of(text), ret);
}

#define BEGIN(at, id)                                                                              \
	read_line(log, at " mx p/smtpd[1]: " id ": client=a[192.0.2.1], sasl_username=alice", &said)
#define QUEUED(at, id, n)                                                                          \
	read_line(log,                                                                             \
		at " mx p/qmgr[1]: " id ": from=<alice@e.test>, size=77, nrcpt=" n                 \
		   " (queue active)",                                                              \
		&said)
#define TO(at, id, to, dsn, status)                                                                \
	read_line(log,                                                                             \
		at " mx p/smtp[1]: " id ": to=<" to ">, relay=none, dsn=" dsn ", status=" status   \
		   " (x)",                                                                         \
		&said)

START_TEST(time_of_a_line)
{
	char text[200];
	struct log_said said;
	struct postfix_log *log = postfix_log_new(WALL(stamps[_i].ended_s));
	static const char *const rest[] = {" mx p/smtpd[1]: 4ABCDEF: client=a[192.0.2.1]",
		" mx p/qmgr[1]: 4ABCDEF: from=<a@x>, size=7, nrcpt=1 (q)",
		" mx p/smtp[1]: 4ABCDEF: to=<b@y>, relay=none, dsn=2.0.0, status=sent (x)"};
	bool has = false;
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "%s%s", stamps[_i].line, rest[i]);
		has = read_line(log, text, &said);
	}
	ck_assert(has);
	ck_assert_int_eq(said.now.wall.us, stamps[_i].wanted_s * SECOND_US);
	ck_assert_int_eq(said.now.mono.us, said.now.wall.us);
	postfix_log_free(log);
}
END_TEST

START_TEST(a_new_year_begins)
{
	struct log_said said;
	struct postfix_log *log = postfix_log_new(WALL(NOV_22));
	BEGIN("Dec 31 23:59:58", "4ABCDEF");
	QUEUED("Dec 31 23:59:59", "4ABCDEF", "2");
	ck_assert(TO("Dec 31 23:59:59", "4ABCDEF", "b@x", "2.0.0", "sent"));
	int64_t before = said.now.wall.us;
	ck_assert(TO("Jan  1 00:00:01", "4ABCDEF", "c@x", "2.0.0", "sent"));
	ck_assert_int_eq(said.now.wall.us - before, 2 * SECOND_US);
	/* A process that wrote late: no step back, and no year. */
	QUEUED("Dec 31 23:59:59", "4ABCDEF", "2");
	BEGIN("Jan  1 00:00:00", "4ABCDE0");
	QUEUED("Jan  1 00:00:00", "4ABCDE0", "1");
	ck_assert(TO("Jan  1 00:00:01", "4ABCDE0", "c@x", "2.0.0", "sent"));
	ck_assert_int_eq(said.now.wall.us - before, 2 * SECOND_US);
	postfix_log_free(log);
}
END_TEST

/* ---- messages ---- */

#define T "2026-11-22T06:13:58Z"

START_TEST(a_message_becomes_requests)
{
	struct log_said said;
	struct log_figures figures;
	struct postfix_log *log = postfix_log_new(WALL(0));
	ck_assert(!BEGIN(T, "4ABCDEF"));
	ck_assert(!QUEUED(T, "4ABCDEF", "2"));
	ck_assert(TO(T, "4ABCDEF", "b@x", "4.4.1", "deferred"));
	ck_assert(said.has_rcpt && !said.has_end && !said.has_bounce);
	ck_assert_int_eq((int)said.rcpt.stage, STAGE_RCPT);
	check_span(said.rcpt.sasl_username, "alice", "");
	check_span(said.rcpt.client_address, "192.0.2.1", "");
	check_span(said.rcpt.sender, "alice@e.test", "");
	check_span(said.rcpt.recipient, "b@x", "");
	ck_assert_uint_eq(said.rcpt.bytes, 77);
	char instance[64];
	snprintf(instance, sizeof(instance), "%.*s", (int)said.rcpt.instance.n,
		said.rcpt.instance.p);
	/* The same again, and then the other, which nobody has. */
	ck_assert(!TO(T, "4ABCDEF", "b@x", "4.4.1", "deferred"));
	ck_assert(TO(T, "4ABCDEF", "c@x", "5.1.1", "bounced"));
	ck_assert(said.has_rcpt && said.has_bounce && said.has_end);
	check_span(said.login, "alice", "");
	check_span(said.recipient, "c@x", "");
	check_span(said.instance, instance, "");
	ck_assert_int_eq((int)said.end.stage, STAGE_EOM);
	ck_assert_uint_eq(said.end.recipients, 2);
	/* It is over; a bounce of the one that was deferred may still come. */
	ck_assert(TO(T, "4ABCDEF", "b@x", "5.7.1", "bounced"));
	ck_assert(!said.has_rcpt && said.has_bounce && !said.has_end);
	ck_assert(!read_line(log, T " mx p/qmgr[1]: 4ABCDEF: removed", &said));
	/* Nobody knows it any more, and it is said that it is so. */
	ck_assert(!TO(T, "4ABCDEF", "d@x", "2.0.0", "sent"));
	postfix_log_figures(log, &figures);
	ck_assert_uint_eq(figures.messages, 1);
	ck_assert_uint_eq(figures.beginnings, 1);
	ck_assert_uint_eq(figures.kind[LOG_RECIPIENT], 5);
	postfix_log_free(log);
}
END_TEST

/* An alias makes three of one: it was asked about once. The end comes with the last. */
START_TEST(an_alias_is_one_recipient)
{
	struct log_said said;
	struct postfix_log *log = postfix_log_new(WALL(0));
	BEGIN(T, "4ABCDEF");
	QUEUED(T, "4ABCDEF", "3");
	ck_assert(TO(T, "4ABCDEF", "b@x>, orig_to=<team@e.test", "2.0.0", "sent"));
	check_span(said.rcpt.recipient, "team@e.test", "");
	ck_assert(!TO(T, "4ABCDEF", "c@x>, orig_to=<team@e.test", "2.0.0", "sent"));
	ck_assert(!TO(T, "4ABCDEF", "d@x>, orig_to=<team@e.test", "2.0.0", "sent"));
	ck_assert(read_line(log, T " mx p/qmgr[1]: 4ABCDEF: removed", &said));
	ck_assert(said.has_end && !said.has_rcpt);
	ck_assert_uint_eq(said.end.recipients, 1);
	postfix_log_free(log);
}
END_TEST

/* Through a content filter: the second life is not judged, but its bounces are the first one's. */
START_TEST(a_filter_sends_it_back)
{
	struct log_said said;
	struct log_figures figures;
	struct postfix_log *log = postfix_log_new(WALL(0));
	BEGIN(T, "4AAAAAA");
	read_line(log, T " mx p/cleanup[1]: 4AAAAAA: message-id=<1@x>", &said);
	QUEUED(T, "4AAAAAA", "1");
	read_line(log, T " mx p/smtpd[1]: 4BBBBBB: client=localhost[127.0.0.1]", &said);
	read_line(log, T " mx p/cleanup[1]: 4BBBBBB: message-id=<1@x>", &said);
	QUEUED(T, "4BBBBBB", "1");
	ck_assert(TO(T, "4AAAAAA", "b@x", "2.0.0", "sent"));
	ck_assert(said.has_rcpt);
	char instance[64];
	snprintf(instance, sizeof(instance), "%.*s", (int)said.rcpt.instance.n,
		said.rcpt.instance.p);
	read_line(log, T " mx p/qmgr[1]: 4AAAAAA: removed", &said);
	ck_assert(TO(T, "4BBBBBB", "b@x", "5.1.1", "bounced"));
	ck_assert(!said.has_rcpt && said.has_bounce && !said.has_end);
	check_span(said.instance, instance, "");
	check_span(said.login, "alice", "");
	postfix_log_figures(log, &figures);
	ck_assert_uint_eq(figures.again, 1);
	/* Who logs in begins something of his own, whatever Message-ID he writes. */
	BEGIN(T, "4CCCCCC");
	read_line(log, T " mx p/cleanup[1]: 4CCCCCC: message-id=<1@x>", &said);
	QUEUED(T, "4CCCCCC", "1");
	ck_assert(TO(T, "4CCCCCC", "b@x", "2.0.0", "sent"));
	ck_assert(said.has_rcpt);
	postfix_log_free(log);
}
END_TEST

/* However many there are: the youngest are known, and what was forgotten is counted. */
START_TEST(joins_are_bounded)
{
	char text[200];
	struct log_said said;
	struct log_figures figures;
	struct postfix_log *log = postfix_log_new(WALL(0));
	for (unsigned i = 0; i < 120000; i++) {
		snprintf(text, sizeof(text), T " mx p/smtpd[1]: 4%06X: client=a[192.0.2.1]", i);
		read_line(log, text, &said);
		snprintf(text, sizeof(text),
			T " mx p/qmgr[1]: 4%06X: from=<a@x>, size=1, nrcpt=1 (q)", i);
		read_line(log, text, &said);
	}
	snprintf(text, sizeof(text),
		T " mx p/smtp[1]: 4%06X: to=<b@x>, relay=none, dsn=2.0.0, status=sent (x)", 7u);
	ck_assert(!read_line(log, text, &said));
	snprintf(text, sizeof(text),
		T " mx p/smtp[1]: 4%06X: to=<b@x>, relay=none, dsn=2.0.0, status=sent (x)",
		119999u);
	ck_assert(read_line(log, text, &said));
	postfix_log_figures(log, &figures);
	ck_assert_uint_eq(figures.beginnings, 1);
	postfix_log_free(log);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"one_line", one_line, ROWS(lines)},
		{"time_of_a_line", time_of_a_line, ROWS(stamps)},
		{"a_new_year_begins", a_new_year_begins, 0},
		{"a_message_becomes_requests", a_message_becomes_requests, 0},
		{"an_alias_is_one_recipient", an_alias_is_one_recipient, 0},
		{"a_filter_sends_it_back", a_filter_sends_it_back, 0},
		{"joins_are_bounded", joins_are_bounded, 0},
	};
	return SUITE_RUN("postfix_log", rows);
}
