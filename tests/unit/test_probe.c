/* SPDX-License-Identifier: ISC */
/* The SMTP dialogue of a probe, step by step, and what the audit makes of what was said. */
#include "audit_world.h"
#include "policyd/probe.h"
#include "suite.h"

/* ---- the dialogue ---- */

static const struct probe_order order = {.domain = "example.org",
	.helo = "mail.example.org",
	.n = 1,
	.target = {{.host = "mx.example.org",
		.ip = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}}}}};

#define HELLO "220 mx ESMTP\r\n|250 mx\r\n|250 2.1.0 Ok\r\n|"
#define LONG                                                                                       \
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567" \
	"8901234567890123456789"

/* said: what the server sends, '|' where it waits for a command; told: "code text/code text"; heard: our commands. */
static const struct {
	const char *said, *told, *heard;
} talks[] = {
	{HELLO "250 2.1.5 Ok\r\n|250 2.1.5 Yes\r\n|250 Ok\r\n|221 Bye\r\n",
		"250 2.1.5 Ok/250 2.1.5 Yes",
		"EHLO mail.example.org|MAIL FROM:<>|RCPT TO:<abuse@example.org>|RCPT "
		"TO:<postmaster@example.org>|"
		"RSET|QUIT|"},
	{HELLO "550 5.1.1 <abuse@example.org>: who?\r\n|252 perhaps\r\n|250 Ok\r\n|",
		"550 5.1.1 <abuse@example.org>: who?/252 perhaps", NULL},
	/* several lines, LF alone, no text, in pieces of any size */
	{"220-mx\r\n220-does\r\n220 things\r\n|250-mx\r\n250-SIZE 1\r\n250 "
	 "HELP\r\n|250\n|251-goes\n251  on  \n|250\n|",
		"251 goes on/250 ", NULL},
	/* who does not know EHLO */
	{"220 mx\r\n|502 what?\r\n|250 mx\r\n|250 Ok\r\n|250 a\r\n|250 b\r\n|", "250 a/250 b",
		"EHLO mail.example.org|HELO mail.example.org|MAIL FROM:<>|RCPT "
		"TO:<abuse@example.org>|"
		"RCPT TO:<postmaster@example.org>|RSET|"},
	{HELLO "450 4.2.0 later\r\n|421 4.3.2 no more\r\n", "450 4.2.0 later/421 4.3.2 no more",
		NULL},
	{HELLO "421 4.3.2 no more\r\n", "421 4.3.2 no more/0 it closed the connection before that",
		NULL},
	{HELLO "354 go on\r\n|521 5.3.2 never\r\n|250\r\n|", "354 go on/521 5.3.2 never", NULL},
	/* who does not want us says nothing of a recipient */
	{"554 5.7.1 listed\r\n|221 Bye\r\n",
		"0 refused at the greeting: 554 5.7.1 listed/0 refused at the greeting: 554 5.7.1 "
		"listed",
		"QUIT|"},
	{"521 no mail\r\n|",
		"0 refused at the greeting: 521 no mail/0 refused at the greeting: 521 no mail",
		"QUIT|"},
	{"220 mx\r\n|450 later\r\n|", "0 refused at EHLO: 450 later/0 refused at EHLO: 450 later",
		NULL},
	{"220 mx\r\n|521 no\r\n|", "0 refused at EHLO: 521 no/0 refused at EHLO: 521 no", NULL},
	{"220 mx\r\n|500 no\r\n|550 5.7.0 no\r\n|",
		"0 refused at HELO: 550 5.7.0 no/0 refused at HELO: 550 5.7.0 no", NULL},
	{"220 mx\r\n|250 mx\r\n|530 5.7.0 Must issue a STARTTLS command first\r\n|",
		"0 refused at MAIL FROM:<>: 530 5.7.0 Must issue a STARTTLS command first/"
		"0 refused at MAIL FROM:<>: 530 5.7.0 Must issue a STARTTLS command first",
		"EHLO mail.example.org|MAIL FROM:<>|QUIT|"},
	/* what is no SMTP */
	{"HTTP/1.1 400 Bad Request\r\n",
		"0 what it said is no reply of SMTP/0 what it said is no reply of SMTP", ""},
	{"\r\n", "0 what it said is no reply of SMTP/0 what it said is no reply of SMTP", ""},
	{"2200 mx\r\n", "0 what it said is no reply of SMTP/0 what it said is no reply of SMTP",
		""},
	{"120 mx\r\n", "0 what it said is no reply of SMTP/0 what it said is no reply of SMTP", ""},
	{"220-mx\r\n250 mx\r\n", "0 one reply of it has two codes/0 one reply of it has two codes",
		""},
	{"220 mx\r\n250 mx\r\n",
		"0 it said more than it was asked/0 it said more than it was asked",
		"EHLO mail.example.org|"},
	{HELLO "550 no\r\n250 yes\r\n", "550 no/0 it said more than it was asked", NULL},
	/* foreign text is harmless, and cut */
	{HELLO "550 \033[2J\xff\x01" LONG LONG "\r\n|250 x\r\n|",
		"550 ?[2J??" LONG "0123456789012345678901234567890123456789012345678901234567890123"
		"4567890123456789012/250 x",
		NULL},
};

static void heard_add(char *heard, size_t size, const struct probe_talk *talk)
{
	size_t n = strlen(heard), k = strlen(talk->say);
	ck_assert_uint_gt(k, 2);
	ck_assert_str_eq(talk->say + k - 2, "\r\n");
	n += span_copy(span_make(talk->say, k - 2), heard + n, size - n);
	(void)span_copy(SPAN("|"), heard + n, size - n);
}

/* In pieces of at most so many bytes. */
static void talk_through(const char *said, size_t piece, struct probe_talk *talk, char heard[600])
{
	heard[0] = '\0';
	probe_talk_begin(talk, &order, &order.target[0]);
	while (*said) {
		size_t n = strcspn(said, "|");
		enum probe_talk_news news = PROBE_TALK_MORE;
		for (size_t at = 0; at < n; at += piece) {
			size_t k = n - at < piece ? n - at : piece;
			char *copy = malloc(k);
			ck_assert_ptr_nonnull(copy);
			memcpy(copy, said + at, k);
			news = probe_talk_feed(talk, span_make(copy, k));
			free(copy);
			if (news == PROBE_TALK_SAY)
				heard_add(heard, 600, talk);
		}
		said += n;
		said += *said == '|';
	}
}

static void told_text(const struct probe_talk *talk, char told[700])
{
	(void)snprintf(told, 700, "%u %s/%u %s", talk->outcome.said[PROBE_ABUSE].code,
		talk->outcome.said[PROBE_ABUSE].text, talk->outcome.said[PROBE_POSTMASTER].code,
		talk->outcome.said[PROBE_POSTMASTER].text);
}

START_TEST(each_talk)
{
	struct probe_talk talk;
	char heard[600], told[700];
	bool is_in_pieces = !strstr(talks[_i].told, "more than it was asked");
	/* Whole replies, or byte by byte. */
	for (size_t piece = is_in_pieces ? 1 : 1000; piece <= 1000; piece += 333) {
		talk_through(talks[_i].said, piece, &talk, heard);
		told_text(&talk, told);
		ck_assert_str_eq(told, talks[_i].told);
		if (talks[_i].heard && is_in_pieces)
			ck_assert_str_eq(heard, talks[_i].heard);
		ck_assert(!strstr(heard, "DATA"));
	}
	ck_assert_str_eq(talk.outcome.server, "mx.example.org [192.0.2.1]");
}
END_TEST

/* A reply that does not end, a line that does not: bounded, and told. */
START_TEST(endless_replies)
{
	struct probe_talk talk;
	probe_talk_begin(&talk, &order, &order.target[0]);
	for (int i = 0; i < PROBE_LINES_MAX; i++)
		ck_assert_int_eq(probe_talk_feed(&talk, SPAN("220-more\r\n")), PROBE_TALK_MORE);
	ck_assert_int_eq(probe_talk_feed(&talk, SPAN("220-more\r\n")), PROBE_TALK_OVER);
	ck_assert_str_eq(talk.outcome.said[1].text, "a reply of it has no end");
	/* And nothing that comes behind it counts. */
	ck_assert_int_eq(probe_talk_feed(&talk, SPAN("220 end\r\n")), PROBE_TALK_OVER);
	probe_talk_begin(&talk, &order, &order.target[0]);
	for (int i = 0; i < PROBE_LINE_MAX - 1; i++)
		ck_assert_int_eq(probe_talk_feed(&talk, SPAN("2")), PROBE_TALK_MORE);
	ck_assert_int_eq(probe_talk_feed(&talk, SPAN("2")), PROBE_TALK_OVER);
	ck_assert_str_eq(talk.outcome.said[0].text, "it sent a line that is too long");
}
END_TEST

/* What was told before it ended stays. */
START_TEST(broken_off)
{
	struct probe_talk talk;
	char heard[600], told[700];
	talk_through(HELLO "550 no\r\n", 1000, &talk, heard);
	probe_talk_break(&talk, "no answer within 30 s");
	told_text(&talk, told);
	ck_assert_str_eq(told, "550 no/0 no answer within 30 s");
	ck_assert(probe_outcome_tells(&talk.outcome));
	talk_through(HELLO "450 no\r\n", 1000, &talk, heard);
	probe_talk_break(&talk, "x");
	ck_assert(!probe_outcome_tells(&talk.outcome));
}
END_TEST

/* ---- what the audit makes of it ---- */

#define PROBING                                                                                    \
	"local_domains = [ \"example.org\", \"local.example.net\" ];\n"                            \
	"egress = { addresses = ( { address = \"192.0.2.10\"; helo = "                             \
	"\"mail.example.org\"; } ); "

static struct world *probing_world(const char *more)
{
	char text[600];
	(void)snprintf(text, sizeof(text), PROBING "%s };\n", more);
	struct world *w = world_new(text);
	world_order(w);
	world_address(w, "192.0.2.10", MAIL);
	return w;
}

static const struct {
	unsigned code;
	const char *text, *seen, *evidence;
} judged[] = {
	{250, "2.1.5 Ok", "pass", "mx.example.org [192.0.2.1] accepts postmaster@: 250 2.1.5 Ok"},
	{251, "forwards", "pass", "goes on to another address"},
	{252, "cannot verify", "pass", "without knowing"},
	{550, "5.1.1 who?", "fail",
		"mx.example.org [192.0.2.1] refuses postmaster@: 550 5.1.1 who?"},
	{553, "no", "fail", "553 no"},
	{521, "no mail here", "unknown",
		"does not say whether it accepts postmaster@: 521 no mail here"},
	{450, "greylisted", "unknown", "450 greylisted"},
	{421, "busy", "unknown", "421 busy"},
	{354, "what", "unknown", "354 what"},
	{0, "no connection: Connection refused", "unknown",
		"mx.example.org [192.0.2.1]: no connection"},
};

START_TEST(each_judgement)
{
	struct probe_outcome outcome = {.server = "mx.example.org [192.0.2.1]",
		.said = {{250, "fine"}, {.code = judged[_i].code}}};
	struct world *w = probing_world("probe = true;");
	(void)span_copy(span_of(judged[_i].text), outcome.said[1].text, PROBE_TEXT_SIZE);
	w->outcome = &outcome;
	world_run(w, 600);
	struct wanted abuse = found(w, "example.org", "abuse");
	struct wanted postmaster = found(w, "example.org", "postmaster");
	expect(&abuse, "pass", "accepts abuse@: 250 fine");
	expect(&postmaster, judged[_i].seen, judged[_i].evidence);
	if (postmaster.seen == AUDIT_FAIL)
		expect_fix(&postmaster, "accept postmaster@example.org");
	else
		ck_assert_str_eq(postmaster.fix, "");
	world_free(w);
}
END_TEST

/* A refusal of the client that is told at RCPT, as Postfix does: of the mailboxes it says nothing. */
START_TEST(refuses_us_both)
{
	static const char blocked[] = "5.7.1 Service unavailable; client [192.0.2.10] blocked";
	struct probe_outcome outcome = {
		.server = "mx.example.org [192.0.2.1]", .said = {{.code = 554}, {.code = 554}}};
	for (size_t i = 0; i < 2; i++)
		(void)span_copy(SPAN(blocked), outcome.said[i].text, PROBE_TEXT_SIZE);
	struct world *w = probing_world("probe = true;");
	w->outcome = &outcome;
	world_run(w, 600);
	struct wanted abuse = found(w, "example.org", "abuse");
	expect(&abuse, "unknown", "refuses us, whoever it is for: 554 5.7.1 Service");
	world_free(w);
	/* The other one is accepted: then it is about the mailbox. */
	outcome.said[1].code = 250;
	w = probing_world("probe = true;");
	w->outcome = &outcome;
	world_run(w, 600);
	abuse = found(w, "example.org", "abuse");
	expect(&abuse, "fail", "refuses abuse@: 554 5.7.1");
	world_free(w);
}
END_TEST

/* Whom to ask: the most preferred first, each family from our address of it. */
START_TEST(whom_to_ask)
{
	struct world *w = probing_world("probe = true;");
	struct probe_outcome outcome = {.said = {{250, ""}, {250, ""}}};
	char ip[IP_TEXT_SIZE];
	static const char *const wanted[] = {
		"192.0.2.31", "2001:db8::31", "192.0.2.32", "192.0.2.33"};
	w->outcome = &outcome;
	says(w, "", "example.org", DNS_MX, "20 b.example.org|10 a.example.org|30 c.example.org");
	says(w, "", "a.example.org", DNS_A, "192.0.2.31");
	says(w, "", "a.example.org", DNS_AAAA, "2001:db8::31");
	says(w, "", "b.example.org", DNS_A, "192.0.2.32|192.0.2.33|192.0.2.34");
	world_run(w, 600);
	ck_assert_uint_eq(w->probes, 1);
	ck_assert_str_eq(w->order.domain, "example.org");
	ck_assert_str_eq(w->order.helo, MAIL);
	ck_assert_uint_eq(w->order.n, PROBE_TARGETS_MAX);
	for (size_t i = 0; i < w->order.n; i++)
		ck_assert_str_eq(ip_format(&w->order.target[i].ip, ip), wanted[i]);
	ck_assert_str_eq(w->order.target[0].host, "a.example.org");
	ck_assert_str_eq(ip_format(&w->order.target[0].from, ip), "192.0.2.10");
	ck_assert_str_eq(ip_format(&w->order.target[1].from, ip), "::");
	/* local.example.net has no MX and no address: nobody to ask, and no failure. */
	struct wanted nobody = found(w, "local.example.net", "abuse");
	expect(&nobody, "unknown", "there is no such domain");
	world_free(w);
}
END_TEST

static const struct {
	const char *mx, *address, *evidence;
} nobody[] = {
	{".", "192.0.2.31", "takes no mail"},
	{"!SERVFAIL", "192.0.2.31", "the MX could not be looked up"},
	{"mx.example.org", "!SERVFAIL", "the addresses of its MX could not be looked up"},
	{"mx.example.org", "!NXDOMAIN", "none of its MX has an address"},
};

START_TEST(nobody_to_ask)
{
	struct world *w = probing_world("probe = true;");
	says(w, "", "example.org", DNS_MX, nobody[_i].mx);
	says(w, "", "mx.example.org", DNS_A, nobody[_i].address);
	says(w, "", "mx.example.org", DNS_AAAA, nobody[_i].address);
	world_run(w, 5 * 3600);
	ck_assert_uint_eq(w->probes, 0);
	struct wanted abuse = found(w, "example.org", "abuse");
	expect(&abuse, "unknown", nobody[_i].evidence);
	ck_assert_int_eq(abuse.result, AUDIT_UNKNOWN);
	world_free(w);
}
END_TEST

/* Opt-in: nothing is asked, and there is no finding. */
START_TEST(not_wanted)
{
	struct world *w = probing_world("");
	world_run(w, 3 * 3600);
	ck_assert_uint_eq(w->probes, 0);
	ck_assert(!found(w, "example.org", "abuse").is_there);
	ck_assert(found(w, "example.org", "mx").is_there);
	world_free(w);
}
END_TEST

/* Once an interval, whoever is in a hurry and however it ends; and a failure only after three. */
START_TEST(once_an_interval)
{
	struct world *w = probing_world("probe = true;");
	struct probe_outcome outcome = {.said = {{450, "later"}, {550, "no"}}};
	w->outcome = &outcome;
	for (int minute = 0; minute < 55; minute++) {
		audit_hurry(w->a, w->now);
		world_run(w, 60);
	}
	ck_assert_uint_eq(w->probes, 1);
	ck_assert_int_eq(found(w, "example.org", "postmaster").result, AUDIT_UNKNOWN);
	world_run(w, 3600);
	ck_assert_uint_eq(w->probes, 2);
	world_run(w, 7200);
	ck_assert_uint_ge(w->probes, 3);
	ck_assert_uint_le(w->probes, 4);
	ck_assert_int_eq(found(w, "example.org", "postmaster").result, AUDIT_FAIL);
	ck_assert_int_eq(found(w, "example.org", "abuse").result, AUDIT_UNKNOWN);
	ck_assert(has_event(w, "!domain:example.org postmaster unknown -> fail"));
	world_free(w);
}
END_TEST

/* Nor by a restart, in the middle of one or not. */
START_TEST(once_over_a_restart)
{
	struct world *w = probing_world("probe = true;");
	struct bytes saved = {0};
	struct probe_outcome outcome = {.said = {{450, "later"}, {450, "later"}}};
	w->outcome = &outcome;
	w->is_probe_silent = _i == 1;
	world_run(w, 60);
	ck_assert_uint_eq(w->probes, 1);
	audit_save(w->a, &saved, w->now);
	audit_free(w->a);
	w->a = world_audit(w);
	ck_assert_int_eq(audit_load(w->a, span_make(saved.p, saved.n), w->now), 0);
	world_addresses(w);
	w->is_probe_silent = false;
	audit_hurry(w->a, w->now);
	world_run(w, 3000);
	ck_assert_uint_eq(w->probes, 1);
	world_run(w, 3600);
	ck_assert_uint_eq(w->probes, 2);
	bytes_free(&saved);
	world_free(w);
}
END_TEST

/* Four at once; one that is never told of leaves its place in the end; what comes then is passed over. */
START_TEST(few_at_once)
{
	struct audit_figures figures;
	struct world *w = world_new(
		"local_domains = [ \"a.org\", \"b.org\", \"c.org\", \"d.org\", \"e.org\", "
		"\"f.org\" ]; egress = { probe = true; domains = [ \"a.org\" ]; };\n");
	struct probe_outcome outcome = {.said = {{250, ""}, {250, ""}}};
	static const char *const domains[] = {"a.org", "b.org", "c.org", "d.org", "e.org", "f.org"};
	w->outcome = &outcome;
	w->is_probe_silent = true;
	for (size_t i = 0; i < ROWS(domains); i++) {
		says(w, "", domains[i], DNS_MX, "mx.example.org");
		says(w, "", domains[i], DNS_TXT, "x");
	}
	says(w, "", "mx.example.org", DNS_A, "192.0.2.31");
	world_run(w, 300);
	ck_assert_uint_eq(w->probes, AUDIT_PROBES_MAX);
	audit_ask late = w->probe_ask;
	world_run(w, 1200);
	ck_assert_uint_eq(w->probes, ROWS(domains));
	struct wanted abuse = found(w, "a.org", "abuse");
	expect(&abuse, "unknown", "could not be asked");
	audit_probed(w->a, late, &outcome, w->now);
	audit_answered(w->a, w->probe_ask, NULL, w->now);
	audit_figures(w->a, &figures);
	ck_assert_uint_eq(figures.in_flight, 2);
	audit_probed(w->a, w->probe_ask, &outcome, w->now);
	world_run(w, 1);
	audit_figures(w->a, &figures);
	ck_assert_uint_eq(figures.in_flight, 1);
	world_free(w);
}
END_TEST

/* Switched off while one is under way: what comes of it is passed over. */
START_TEST(switched_off)
{
	struct world *w = probing_world("probe = true;");
	struct probe_outcome outcome = {.said = {{550, ""}, {550, ""}}};
	w->is_probe_silent = true;
	world_run(w, 60);
	ck_assert_uint_eq(w->probes, 1);
	struct config *without =
		config_of("egress = { addresses = ( { address = \"192.0.2.10\"; } ); };\n");
	audit_configure(w->a, without, w->now);
	audit_probed(w->a, w->probe_ask, &outcome, w->now);
	world_run(w, 60);
	ck_assert(!found(w, "example.org", "abuse").is_there);
	config_unref(without);
	world_free(w);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"each_talk", each_talk, ROWS(talks)},
		{"endless_replies", endless_replies, 0},
		{"broken_off", broken_off, 0},
		{"each_judgement", each_judgement, ROWS(judged)},
		{"refuses_us", refuses_us_both, 0},
		{"whom_to_ask", whom_to_ask, 0},
		{"nobody_to_ask", nobody_to_ask, ROWS(nobody)},
		{"not_wanted", not_wanted, 0},
		{"once_an_interval", once_an_interval, 0},
		{"once_over_a_restart", once_over_a_restart, 2},
		{"few_at_once", few_at_once, 0},
		{"switched_off", switched_off, 0},
	};
	return SUITE_RUN("probe", rows);
}
