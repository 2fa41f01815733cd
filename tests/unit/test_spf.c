/* SPDX-License-Identifier: ISC */
/* SPF: the examples of RFC 7208, its limits, and what is not known before there is a message. */
#include <stdio.h>

#include "policyd/spf.h"
#include "suite.h"
#include "zone_help.h"

#define ASKED_MAX 200 /* no walk may ask so often */

struct walked {
	struct spf_result result;
	struct asked asked;
};

static struct ip ip_of(const char *text)
{
	struct ip ip;
	ck_assert_int_eq(ip_parse(span_of(text), &ip), 0);
	return ip;
}

/* For free(). */
static struct walked *walk_through(
	const char *zone, const char *more, const struct spf_query *query)
{
	struct walked *walked = calloc(1, sizeof(*walked));
	struct dns_question question;
	ck_assert_ptr_nonnull(walked);
	struct spf_walk *walk = spf_new(query);
	while (spf_question(walk, &question)) {
		struct zone_answer *answer = zone_ask(zone, more, &question);
		asked_add(&walked->asked, &question);
		ck_assert_uint_lt(walked->asked.n, ASKED_MAX);
		spf_answered(walk, answer->is_null ? NULL : &answer->answer);
		free(answer);
	}
	spf_answered(walk, NULL); /* too late: nothing */
	ck_assert(!spf_question(walk, &question));
	spf_result(walk, &walked->result);
	spf_free(walk);
	return walked;
}

static struct walked *ask_as(const char *zone, const char *more, const char *ip, const char *domain)
{
	struct spf_query query = {.ip = ip_of(ip), .domain = span_of(domain)};
	return walk_through(zone, more, &query);
}

static void expect(const char *zone, const char *more, const char *ip, const char *domain,
	enum spf_verdict verdict)
{
	struct walked *walked = ask_as(zone, more, ip, domain);
	ck_assert_msg(walked->result.verdict == verdict, "%s for %s: %s, not %s (%s; %s; asked %s)",
		more ? more : domain, ip, spf_verdict_name(walked->result.verdict),
		spf_verdict_name(verdict), walked->result.why, walked->result.term,
		walked->asked.text);
	free(walked);
}

/* ---- RFC 7208 appendix A ---- */

static const char world[] = "example.com MX mail-a.example.com\n"
			    "example.com MX mail-b.example.com\n"
			    "example.com A 192.0.2.10\n"
			    "example.com A 192.0.2.11\n"
			    "amy.example.com A 192.0.2.65\n"
			    "bob.example.com A 192.0.2.66\n"
			    "mail-a.example.com A 192.0.2.129\n"
			    "mail-b.example.com A 192.0.2.130\n"
			    "example.org MX mail-c.example.org\n"
			    "mail-c.example.org A 192.0.2.140\n"
			    "10.2.0.192.in-addr.arpa PTR example.com\n"
			    "11.2.0.192.in-addr.arpa PTR example.com\n"
			    "65.2.0.192.in-addr.arpa PTR amy.example.com\n"
			    "66.2.0.192.in-addr.arpa PTR bob.example.com\n"
			    "129.2.0.192.in-addr.arpa PTR mail-a.example.com\n"
			    "130.2.0.192.in-addr.arpa PTR mail-b.example.com\n"
			    "140.2.0.192.in-addr.arpa PTR mail-c.example.org\n"
			    "4.0.0.10.in-addr.arpa PTR bob.example.com\n";

struct row {
	const char *record; /* lines of a zone; without a name: that of example.com */
	const char *ip;
	enum spf_verdict verdict;
};

static void row_check(const struct row *row)
{
	char more[2 * ZONE_VALUE];
	bool is_record = strncmp(row->record, "v=", 2) == 0 || strncmp(row->record, "V=", 2) == 0;
	int n = snprintf(
		more, sizeof(more), "%s%s", is_record ? "example.com TXT " : "", row->record);
	ck_assert_int_lt(n, (int)sizeof(more));
	expect(world, more, row->ip, "example.com", row->verdict);
}

static const struct row appendix[] = {
	{"v=spf1 +all", "203.0.113.1", SPF_PASS},
	{"v=spf1 a -all", "192.0.2.10", SPF_PASS},
	{"v=spf1 a -all", "192.0.2.11", SPF_PASS},
	{"v=spf1 a -all", "192.0.2.65", SPF_FAIL},
	{"v=spf1 a:example.org -all", "192.0.2.10", SPF_FAIL},
	{"v=spf1 mx -all", "192.0.2.129", SPF_PASS},
	{"v=spf1 mx -all", "192.0.2.130", SPF_PASS},
	{"v=spf1 mx -all", "192.0.2.140", SPF_FAIL},
	{"v=spf1 mx:example.org -all", "192.0.2.140", SPF_PASS},
	{"v=spf1 mx mx:example.org -all", "192.0.2.140", SPF_PASS},
	{"v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.131", SPF_PASS},
	{"v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.143", SPF_PASS},
	{"v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.132", SPF_FAIL},
	{"v=spf1 ptr -all", "192.0.2.10", SPF_PASS},
	{"v=spf1 ptr -all", "192.0.2.65", SPF_PASS},
	{"v=spf1 ptr -all", "192.0.2.140", SPF_FAIL},
	{"v=spf1 ptr -all", "10.0.0.4", SPF_FAIL},
	{"v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.65", SPF_FAIL},
	{"v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.129", SPF_PASS},
	/* A.2 */
	{"example.org TXT v=spf1 a:amy.example.com ~all\nexample.com TXT v=spf1 "
	 "redirect=example.org",
		"192.0.2.65", SPF_PASS},
	{"example.org TXT v=spf1 a:amy.example.com ~all\nexample.com TXT v=spf1 "
	 "redirect=example.org",
		"192.0.2.66", SPF_SOFTFAIL},
	{"x.example.net TXT v=spf1 mx:example.org -all\nexample.com TXT v=spf1 "
	 "include:x.example.net ?all",
		"192.0.2.140", SPF_PASS},
	{"x.example.net TXT v=spf1 mx:example.org -all\nexample.com TXT v=spf1 "
	 "include:x.example.net ?all",
		"192.0.2.141", SPF_NEUTRAL},
	/* A.4: both must hold */
	{"example.com TXT v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all\n"
	 "ip4._spf.example.com TXT v=spf1 -ip4:192.0.2.0/24 +all\n"
	 "ptr._spf.example.com TXT v=spf1 -ptr:example.com +all",
		"192.0.2.66", SPF_PASS},
	{"example.com TXT v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all\n"
	 "ip4._spf.example.com TXT v=spf1 -ip4:192.0.2.0/24 +all\n"
	 "ptr._spf.example.com TXT v=spf1 -ptr:example.com +all",
		"192.0.2.140", SPF_FAIL},
	{"example.com TXT v=spf1 -include:ip4._spf.%{d} -include:ptr._spf.%{d} +all\n"
	 "ip4._spf.example.com TXT v=spf1 -ip4:192.0.2.0/24 +all\n"
	 "ptr._spf.example.com TXT v=spf1 -ptr:example.com +all",
		"10.0.0.4", SPF_FAIL},
};

START_TEST(rfc_appendix)
{
	row_check(&appendix[_i]);
}
END_TEST

/* ---- records, terms ---- */

static const struct row terms[] = {
	/* which record */
	{"example.com TXT something=else", "192.0.2.1", SPF_NONE},
	{"example.com TXT v=spf10 -all", "192.0.2.1", SPF_NONE},
	{"example.com TXT v=spf1-all", "192.0.2.1", SPF_NONE},
	{"v=spf1", "192.0.2.1", SPF_NEUTRAL},
	{"V=SPF1 -ALL", "192.0.2.1", SPF_FAIL},
	{"v=spf1    -all   ", "192.0.2.1", SPF_FAIL},
	{"example.com TXT v=spf1 +all\nexample.com TXT v=spf1 +all", "192.0.2.1", SPF_PERMERROR},
	{"example.com TXT v=spf10 x\nexample.com TXT v=spf1 ~all", "192.0.2.1", SPF_SOFTFAIL},
	{"example.com TXT !SERVFAIL", "192.0.2.1", SPF_TEMPERROR},
	{"example.com TXT !NULL", "192.0.2.1", SPF_TEMPERROR},
	/* qualifiers; nothing matches */
	{"v=spf1 ?all", "192.0.2.1", SPF_NEUTRAL},
	{"v=spf1 ~all", "192.0.2.1", SPF_SOFTFAIL},
	{"v=spf1 all", "192.0.2.1", SPF_PASS},
	{"v=spf1 -ip4:192.0.2.1 +all", "192.0.2.1", SPF_FAIL},
	{"v=spf1 ip4:192.0.2.2", "192.0.2.1", SPF_NEUTRAL},
	{"v=spf1 -all +all", "192.0.2.1", SPF_FAIL},
	{"v=spf1 -all redirect=example.org", "192.0.2.1", SPF_FAIL},
	/* syntax, also of what is never reached */
	{"v=spf1 +all nonsense", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all nonsense:example.org", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all ++a", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all -", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 all:example.org", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 all.", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 all/8", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all include", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all include:", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all include:example.org/24", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all exists", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all exists:example.org/24", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all a:", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all a:museum", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all a:museum.", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all a:example.123", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all a:example.-c", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all a:example.com:8080", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all ptr/24", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all mx:example.org,example.com", "192.0.2.1", SPF_PASS},
	{"v=spf1 +all a\tb", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all a:ex\x80mple.com", "192.0.2.1", SPF_PERMERROR},
	/* modifiers */
	{"v=spf1 +all redirect=", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all -redirect=example.org", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all redirect:example.org", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all redirect=a.example redirect=a.example", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all exp=a.example exp=a.example", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 +all exp=", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 exp=why.example.com -all", "192.0.2.1", SPF_FAIL},
	{"v=spf1 moo=%{c}%{t}%{r} moo= -all", "192.0.2.1", SPF_FAIL},
	{"v=spf1 moo=%x -all", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 =moo -all", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 1a=moo -all", "192.0.2.1", SPF_PERMERROR},
	/* networks */
	{"v=spf1 ip4:192.0.2.77/24 -all", "192.0.2.1", SPF_PASS},
	{"v=spf1 ip4:0.0.0.0/0 -all", "203.0.113.1", SPF_PASS},
	{"v=spf1 ip4:0.0.0.0/0 -all", "2001:db8::1", SPF_FAIL},
	{"v=spf1 ip4:192.0.2.1/32 -all", "192.0.2.1", SPF_PASS},
	{"v=spf1 ip4:192.0.2.1/33 -all", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 ip4:192.0.2.1/024 -all", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 ip4:192.0.2.1/ -all", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 ip4:192.0.2.1//32 -all", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 ip4:192.0.2 -all", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 ip4 -all", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 ip4: -all", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 ip4:2001:db8::1 -all", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 ip6:192.0.2.1 -all", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 ip6:2001:db8::/129 -all", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 ip6:2001:DB8::/32 -all", "2001:db8:1::1", SPF_PASS},
	{"v=spf1 ip6:2001:db8::/33 -all", "2001:db8:8000::1", SPF_FAIL},
	{"v=spf1 ip6:::/0 -all", "2001:db8::1", SPF_PASS},
	{"v=spf1 ip6:::/0 -all", "192.0.2.1", SPF_FAIL},
	{"v=spf1 ip6:::ffff:192.0.2.1 -all", "192.0.2.1", SPF_FAIL},
	/* addresses and both lengths */
	{"v=spf1 a:amy.example.com/26 -all", "192.0.2.127", SPF_PASS},
	{"v=spf1 a:amy.example.com/26 -all", "192.0.2.128", SPF_FAIL},
	{"v=spf1 a/0 -all", "203.0.113.1", SPF_PASS},
	{"v=spf1 a//0 -all", "203.0.113.1", SPF_FAIL},
	{"v=spf1 a/33 -all", "192.0.2.10", SPF_PERMERROR},
	{"v=spf1 a/ -all", "192.0.2.10", SPF_PERMERROR},
	{"v=spf1 a//129 -all", "192.0.2.10", SPF_PERMERROR},
	{"v=spf1 a//64/24 -all", "192.0.2.10", SPF_PERMERROR},
	{"v=spf1 a///64 -all", "192.0.2.10", SPF_PERMERROR},
	{"v=spf1 A:AMY.Example.COM/24//64 -all", "192.0.2.1", SPF_PASS},
	{"example.com AAAA 2001:db8::10\nexample.com TXT v=spf1 a//64 -all", "2001:db8::99",
		SPF_PASS},
	{"example.com AAAA 2001:db8::10\nexample.com TXT v=spf1 a/24 -all", "2001:db8::99",
		SPF_FAIL},
	{"example.com AAAA 2001:db8::10\nexample.com TXT v=spf1 a/24//64 -all", "2001:db8:0:1::1",
		SPF_FAIL},
	{"mail-b.example.com AAAA 2001:db8::25\nexample.com TXT v=spf1 mx//120 -all", "2001:db8::1",
		SPF_PASS},
	{"null.example.com MX .\nexample.com TXT v=spf1 mx:null.example.com -all", "192.0.2.1",
		SPF_FAIL},
	/* exists asks for A, whatever the client is */
	{"yes.example.com A 127.0.0.2\nexample.com TXT v=spf1 exists:yes.example.com -all",
		"2001:db8::1", SPF_PASS},
	{"yes.example.com AAAA ::2\nexample.com TXT v=spf1 exists:yes.example.com -all",
		"2001:db8::1", SPF_FAIL},
	/* reverse names */
	{"1.2.0.192.in-addr.arpa PTR notexample.com\nnotexample.com A 192.0.2.1\n"
	 "example.com TXT v=spf1 ptr -all",
		"192.0.2.1", SPF_FAIL},
	{"1.2.0.192.in-addr.arpa PTR h.example.com\nh.example.com A 192.0.2.1\n"
	 "example.com TXT v=spf1 ptr:Example.Com -all",
		"192.0.2.1", SPF_PASS},
};

START_TEST(each_term)
{
	row_check(&terms[_i]);
}
END_TEST

/* ---- include and redirect ---- */

#define BOTH(what)  "i.example.net TXT " what "\nexample.com TXT v=spf1 include:i.example.net ~all"
#define AGAIN(what) "i.example.net TXT " what "\nexample.com TXT v=spf1 redirect=i.example.net"
static const struct row nested[] = {
	{BOTH("v=spf1 +all"), "192.0.2.1", SPF_PASS},
	{BOTH("v=spf1 -all"), "192.0.2.1", SPF_SOFTFAIL},
	{BOTH("v=spf1 ~all"), "192.0.2.1", SPF_SOFTFAIL},
	{BOTH("v=spf1 ?all"), "192.0.2.1", SPF_SOFTFAIL},
	{BOTH("v=spf1"), "192.0.2.1", SPF_SOFTFAIL},
	{BOTH("none"), "192.0.2.1", SPF_PERMERROR},
	{BOTH("v=spf1 bad"), "192.0.2.1", SPF_PERMERROR},
	{BOTH("!TIMEOUT"), "192.0.2.1", SPF_TEMPERROR},
	{BOTH("!NULL"), "192.0.2.1", SPF_TEMPERROR},
	{BOTH("v=spf1 +all\ni.example.net TXT v=spf1"), "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 ip4:192.0.2.1 include:nowhere.example", "192.0.2.1", SPF_PASS},
	{"v=spf1 ?include:nowhere.example +all", "192.0.2.1", SPF_PERMERROR},
	{BOTH("v=spf1 redirect=nowhere.example"), "192.0.2.1", SPF_PERMERROR},
	{AGAIN("v=spf1 -all"), "192.0.2.1", SPF_FAIL},
	{AGAIN("v=spf1"), "192.0.2.1", SPF_NEUTRAL},
	{AGAIN("none"), "192.0.2.1", SPF_PERMERROR},
	{AGAIN("v=spf1 bad"), "192.0.2.1", SPF_PERMERROR},
	{AGAIN("!SERVFAIL"), "192.0.2.1", SPF_TEMPERROR},
	{"v=spf1 redirect=%{h1}._spf.example.net", "192.0.2.1", SPF_UNKNOWN},
	/* %{d} is the domain of the record, %{o} that of the sender */
	{"i.example.net TXT v=spf1 exists:%{d}.t.test -all\ni.example.net.t.test A 127.0.0.1\n"
	 "example.com TXT v=spf1 include:i.example.net -all",
		"192.0.2.1", SPF_PASS},
	{"i.example.net TXT v=spf1 exists:%{o}.t.test -all\nexample.com.t.test A 127.0.0.1\n"
	 "example.com TXT v=spf1 include:i.example.net -all",
		"192.0.2.1", SPF_PASS},
	/* after a redirect */
	{"i.example.net TXT v=spf1 a -all\ni.example.net A 192.0.2.1\n"
	 "example.com TXT v=spf1 redirect=i.example.net",
		"192.0.2.1", SPF_PASS},
	/* a loop ends at the tenth term */
	{"v=spf1 include:example.com -all", "192.0.2.1", SPF_PERMERROR},
	{"v=spf1 redirect=example.com", "192.0.2.1", SPF_PERMERROR},
	{BOTH("v=spf1 include:example.com"), "192.0.2.1", SPF_PERMERROR},
};

START_TEST(include_and_redirect)
{
	row_check(&nested[_i]);
}
END_TEST

/* ---- failed look-ups ---- */

static const struct row failures[] = {
	{"x.test A !SERVFAIL\nexample.com TXT v=spf1 a:x.test +all", "192.0.2.1", SPF_TEMPERROR},
	{"x.test A !NULL\nexample.com TXT v=spf1 a:x.test +all", "192.0.2.1", SPF_TEMPERROR},
	{"x.test A !SERVFAIL\nexample.com TXT v=spf1 ip4:192.0.2.1 a:x.test", "192.0.2.1",
		SPF_PASS},
	{"x.test MX !SERVFAIL\nexample.com TXT v=spf1 mx:x.test +all", "192.0.2.1", SPF_TEMPERROR},
	{"x.test MX y.test\ny.test A !SERVFAIL\nexample.com TXT v=spf1 mx:x.test +all", "192.0.2.1",
		SPF_TEMPERROR},
	{"x.test A !SERVFAIL\nexample.com TXT v=spf1 exists:x.test +all", "192.0.2.1",
		SPF_TEMPERROR},
	/* a receiver would go on; what others see is not known, unless it comes to the same */
	{"1.2.0.192.in-addr.arpa PTR !SERVFAIL\nexample.com TXT v=spf1 ptr -all", "192.0.2.1",
		SPF_TEMPERROR},
	{"1.2.0.192.in-addr.arpa PTR !SERVFAIL\nexample.com TXT v=spf1 ptr ip4:192.0.2.1 -all",
		"192.0.2.1", SPF_PASS},
	{"1.2.0.192.in-addr.arpa PTR h.example.com\nh.example.com A !SERVFAIL\n"
	 "example.com TXT v=spf1 ptr -all",
		"192.0.2.1", SPF_TEMPERROR},
	{"1.2.0.192.in-addr.arpa PTR h.example.com\n1.2.0.192.in-addr.arpa PTR g.example.com\n"
	 "h.example.com A !SERVFAIL\ng.example.com A 192.0.2.1\nexample.com TXT v=spf1 ptr -all",
		"192.0.2.1", SPF_PASS},
	/* answers that do not fit */
	{"x.test A 192.0.2.7\nx.test A !CUT\nexample.com TXT v=spf1 a:x.test -all", "192.0.2.1",
		SPF_TEMPERROR},
	{"x.test A 192.0.2.7\nx.test A !CUT\nexample.com TXT v=spf1 a:x.test -all", "192.0.2.7",
		SPF_PASS},
	{"example.com TXT other\nexample.com TXT !CUT", "192.0.2.1", SPF_TEMPERROR},
	{"x.test MX y.test\nx.test MX !CUT\nexample.com TXT v=spf1 mx:x.test -all", "192.0.2.1",
		SPF_PERMERROR},
};

START_TEST(failed_look_ups)
{
	row_check(&failures[_i]);
}
END_TEST

/* ---- limits ---- */

/* Between head and tail so many times before, number, behind. For free(). */
static char *repeated(
	const char *head, const char *before, const char *behind, unsigned n, const char *tail)
{
	char *text = malloc(ZONE_VALUE * 4);
	ck_assert_ptr_nonnull(text);
	size_t at = span_copy(span_of(head), text, ZONE_VALUE);
	for (unsigned i = 0; i < n; i++) {
		int m = snprintf(text + at, 200, "%s%u%s", before, i, behind);
		ck_assert_int_gt(m, 0);
		at += (size_t)m;
		ck_assert_uint_lt(at, ZONE_VALUE * 4 - 400);
	}
	span_copy(span_of(tail), text + at, 400);
	return text;
}

/* The eleventh is one too many, but only if it is reached; that a name was asked for before does not help. */
START_TEST(ten_terms_ask)
{
	static const char *const records[] = {
		"example.com TXT v=spf1 a a a a a a a a a a -all",
		"example.com TXT v=spf1 a a a a a a a a a a ip4:203.0.113.1 a -all",
		"example.com TXT v=spf1 a a a a a a a a a a a ip4:203.0.113.1 -all",
	};
	static const enum spf_verdict verdicts[] = {SPF_FAIL, SPF_PASS, SPF_PERMERROR};
	for (size_t i = 0; i < 3; i++) {
		struct walked *walked = ask_as(world, records[i], "203.0.113.1", "example.com");
		ck_assert_int_eq(walked->result.verdict, verdicts[i]);
		ck_assert_str_eq(walked->result.why,
			i == 2 ? "more than 10 terms ask: a of example.com" : "");
		ck_assert_uint_eq(walked->result.terms, 10);
		ck_assert_uint_eq(walked->asked.n, 11);
		free(walked);
	}
}
END_TEST

/* Each kind that asks counts, in all records together; ip4, ip6, all and exp do not. */
START_TEST(terms_of_all_records)
{
	static const char zone[] =
		"i.test TXT v=spf1 a mx ip4:192.0.2.1 exp=%{d} ptr -exists:n.test redirect=j.test\n"
		"i.test A 192.0.2.200\ni.test MX i.test\n"
		"1.113.0.203.in-addr.arpa PTR i.example\n"
		"j.test TXT v=spf1 a:i.test a:i.test ip6:2001:db8::1 a:i.test ~all\n"
		"ten.test TXT v=spf1 a:i.test include:i.test -all\n"
		"eleven.test TXT v=spf1 a:i.test include:i.test a:i.test -all\n";
	struct walked *walked = ask_as(zone, NULL, "203.0.113.1", "ten.test");
	ck_assert_int_eq(walked->result.verdict, SPF_FAIL);
	ck_assert_uint_eq(walked->result.terms, 10);
	ck_assert_uint_eq(walked->result.voids, 1);
	free(walked);
	expect(zone, NULL, "203.0.113.1", "eleven.test", SPF_PERMERROR);
}
END_TEST

START_TEST(ten_includes_deep)
{
	for (unsigned n = 9; n <= 11; n++) {
		char zone[4000];
		size_t at = 0;
		for (unsigned i = 0; i < n; i++)
			at += (size_t)snprintf(zone + at, sizeof(zone) - at,
				"d%u.test TXT v=spf1 include:d%u.test -all\n", i, i + 1);
		at += (size_t)snprintf(
			zone + at, sizeof(zone) - at, "d%u.test TXT v=spf1 ip4:192.0.2.1\n", n);
		expect(zone, NULL, "192.0.2.1", "d0.test", n > 10 ? SPF_PERMERROR : SPF_PASS);
	}
}
END_TEST

START_TEST(two_voids)
{
	static const struct row voids[] = {
		{"v=spf1 a:n1.test a:n2.test ip4:192.0.2.1 -all", "192.0.2.1", SPF_PASS},
		{"v=spf1 a:n1.test a:n2.test a:n3.test ip4:192.0.2.1 -all", "192.0.2.1",
			SPF_PERMERROR},
		{"v=spf1 mx:n1.test exists:n2.test ptr ip4:192.0.2.1 -all", "192.0.2.1",
			SPF_PERMERROR},
		/* empty answers are as void as names that are not there */
		{"v=spf1 a:example.org mx:amy.example.com exists:example.org -all", "192.0.2.1",
			SPF_PERMERROR},
		/* one term is one, however many servers have no address */
		{"b.test MX n1.test\nb.test MX n2.test\nb.test MX n3.test\nb.test MX n4.test\n"
		 "example.com TXT v=spf1 mx:b.test -all",
			"192.0.2.1", SPF_FAIL},
	};
	for (size_t i = 0; i < sizeof(voids) / sizeof(voids[0]); i++)
		row_check(&voids[i]);
}
END_TEST

START_TEST(ten_mx)
{
	for (unsigned n = 10; n <= 11; n++) {
		char *more = repeated("b.test TXT v=spf1 mx -all\nm9.test A 192.0.2.1\n",
			"b.test MX m", ".test\n", n, "");
		struct walked *walked = ask_as(world, more, "192.0.2.1", "b.test");
		ck_assert_int_eq(walked->result.verdict, n > 10 ? SPF_PERMERROR : SPF_PASS);
		ck_assert_uint_eq(walked->asked.n, n > 10 ? 2 : 12);
		free(walked);
		free(more);
	}
}
END_TEST

/* The names behind the tenth are not looked at. */
START_TEST(ten_reverse_names)
{
	for (unsigned n = 9; n <= 10; n++) {
		char *more = repeated("b.test TXT v=spf1 ptr -all\nmail.b.test A 192.0.2.1\n",
			"1.2.0.192.in-addr.arpa PTR m", ".b.test\n", n,
			"1.2.0.192.in-addr.arpa PTR mail.b.test");
		struct walked *walked = ask_as(world, more, "192.0.2.1", "b.test");
		ck_assert_int_eq(walked->result.verdict, n > 9 ? SPF_FAIL : SPF_PASS);
		ck_assert_uint_eq(walked->asked.n, 12);
		free(walked);
		free(more);
	}
}
END_TEST

START_TEST(long_records)
{
	char record[SPF_RECORD_MAX + 100];
	for (size_t n = SPF_RECORD_MAX; n <= SPF_RECORD_MAX + 1; n++) {
		char more[sizeof(record) + 100];
		memset(record, ' ', n);
		memcpy(record, "v=spf1", 6);
		memcpy(record + n - 4, "-all", 4);
		record[n] = '\0';
		ck_assert_int_gt(snprintf(more, sizeof(more), "example.com TXT %s", record), 0);
		expect(world, more, "192.0.2.1", "example.com",
			n > SPF_RECORD_MAX ? SPF_UNKNOWN : SPF_FAIL);
	}
}
END_TEST

/* ---- macros ---- */

struct macro_row {
	const char *spec, *name;
	const char *ip; /* NULL: that of RFC 7208 7.4 */
};
static const struct macro_row macros[] = {
	{"%{s}.t.test", "strong-bad\\064email.example.com.t.test", NULL},
	{"%{o}", "email.example.com", NULL},
	{"%{d}", "email.example.com", NULL},
	{"%{d4}", "email.example.com", NULL},
	{"%{d3}", "email.example.com", NULL},
	{"%{d2}", "example.com", NULL},
	{"%{d1}", "com", NULL},
	{"%{dr}", "com.example.email", NULL},
	{"%{d2r}", "example.email", NULL},
	{"%{D2R}.t.test", "example.email.t.test", NULL},
	{"%{d99999999999999999999}", "email.example.com", NULL},
	{"%{l}.t.test", "strong-bad.t.test", NULL},
	{"%{l-}.t.test", "strong.bad.t.test", NULL},
	{"%{lr}.t.test", "strong-bad.t.test", NULL},
	{"%{lr-}.t.test", "bad.strong.t.test", NULL},
	{"%{l1r-}.t.test", "strong.t.test", NULL},
	{"%{s+-/@}", NULL, NULL},
	{"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com", NULL},
	{"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com", NULL},
	{"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com",
		NULL},
	{"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com", NULL},
	{"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net", NULL},
	{"%{ir}.%{v}._spf.%{d2}",
		("1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
		 "ip6._spf.example.com"),
		"2001:db8::cb01"},
	{"%{i2}.t.test", "0.1.t.test", "2001:db8::cb01"},
	{"%{h}", "mail.example.net", NULL},
	{"%{h1}.%{h2r}.t.test", "net.example.mail.t.test", NULL},
	{"a%%b%_c%-d.t.test", "a\\037b\\032c\\03720d.t.test", NULL},
	{"%{S}.t.test", "strong-bad\\03740email.example.com.t.test", NULL},
	{"%{d}.", NULL, NULL},
	/* wrong ones */
	{"%", NULL, NULL},
	{"%d", NULL, NULL},
	{"%{", NULL, NULL},
	{"%{d", NULL, NULL},
	{"%{d0}", NULL, NULL},
	{"%{d00}", NULL, NULL},
	{"%{d-1}", NULL, NULL},
	{"%{dr2}", NULL, NULL},
	{"%{d2rr}", NULL, NULL},
	{"%{q}", NULL, NULL},
	{"%{}", NULL, NULL},
	{"%(d)", NULL, NULL},
	{"%{c}", NULL, NULL},
	{"%{t}.t.test", NULL, NULL},
	{"%{r}", NULL, NULL},
	{"t%{d}t", NULL, NULL},
};

/* What an exists asks for; no name: it is an error. */
START_TEST(each_macro)
{
	const struct macro_row *row = &macros[_i];
	char more[400], asked[600];
	struct spf_query query = {.ip = ip_of(row->ip ? row->ip : "192.0.2.3"),
		.domain = SPAN("email.example.com"),
		.local = SPAN("strong-bad"),
		.helo = SPAN("Mail.Example.NET.")};
	snprintf(more, sizeof(more), "email.example.com TXT v=spf1 exists:%s -all", row->spec);
	snprintf(asked, sizeof(asked), "TXT email.example.com%s%s", row->name ? ", A " : "",
		row->name ? row->name : "");
	struct walked *walked = walk_through(more, NULL, &query);
	ck_assert_str_eq(walked->asked.text, asked);
	ck_assert_int_eq(walked->result.verdict, row->name ? SPF_FAIL : SPF_PERMERROR);
	free(walked);
}
END_TEST

/* Labels go at the front until 253 octets are left; what is no name then is not asked for. */
START_TEST(long_names)
{
	static const char zone[] =
		"a.test TXT v=spf1 exists:%{l}.%{l}.%{l}.%{l}.%{l}.%{l}.%{l}.%{l}.b.test -all\n";
	char label[61], local[200];
	memset(label, 'x', 60);
	label[60] = '\0';
	struct spf_query query = {.ip = ip_of("192.0.2.1"), .domain = SPAN("a.test")};
	query.local = span_of(label);
	struct walked *walked = walk_through(zone, NULL, &query);
	ck_assert_uint_eq(walked->asked.n, 2);
	/* Four labels of 60 and "b.test" with their dots are 250. */
	ck_assert_uint_eq(walked->asked.text_n, strlen("TXT a.test, A ") + 250);
	ck_assert_int_eq(walked->result.verdict, SPF_FAIL);
	free(walked);
	memset(local, 'x', sizeof(local));
	query.local = span_make(local, 64); /* no label is that long */
	walked = walk_through(zone, NULL, &query);
	ck_assert_uint_eq(walked->asked.n, 1);
	ck_assert_int_eq(walked->result.verdict, SPF_FAIL);
	free(walked);
	query.local = SPAN("a..b");
	walked = walk_through(zone, NULL, &query);
	ck_assert_uint_eq(walked->asked.n, 1);
	free(walked);
}
END_TEST

/* ---- what only a message tells ---- */

static const struct row unknowns[] = {
	{"v=spf1 exists:%{l}.x.test -all", "192.0.2.1", SPF_UNKNOWN},
	{"v=spf1 exists:%{s}.x.test ~all", "192.0.2.1", SPF_UNKNOWN},
	{"v=spf1 a:%{h} -all", "192.0.2.1", SPF_UNKNOWN},
	{"v=spf1 a:%{p}.x.test -all", "192.0.2.1", SPF_UNKNOWN},
	{"v=spf1 include:%{l}.x.test -all", "192.0.2.1", SPF_UNKNOWN},
	{"v=spf1 redirect=%{l}.x.test", "192.0.2.1", SPF_UNKNOWN},
	/* whatever it is, it comes to the same */
	{"v=spf1 exists:%{l}.x.test ip4:192.0.2.1 -all", "192.0.2.1", SPF_PASS},
	{"v=spf1 exists:%{l}.x.test ip4:192.0.2.1 -all", "192.0.2.2", SPF_UNKNOWN},
	{"v=spf1 -exists:%{l}.x.test -all", "192.0.2.1", SPF_FAIL},
	{"v=spf1 -exists:%{l}.x.test +all", "192.0.2.1", SPF_UNKNOWN},
	{"v=spf1 ip4:192.0.2.1 exists:%{l}.x.test -all", "192.0.2.1", SPF_PASS},
	/* through an include */
	{BOTH("v=spf1 exists:%{l}.x.test -all"), "192.0.2.1", SPF_UNKNOWN},
	{BOTH("v=spf1 ?exists:%{l}.x.test -all"), "192.0.2.1", SPF_SOFTFAIL},
	{BOTH("v=spf1 exists:%{l}.x.test +all"), "192.0.2.1", SPF_PASS},
	{BOTH("v=spf1 redirect=%{l}.x.test"), "192.0.2.1", SPF_UNKNOWN},
	{BOTH("v=spf1 exists:%{l}.x.test include:none.test"), "192.0.2.1", SPF_UNKNOWN},
	{"i.test TXT v=spf1 exists:%{l}.x.test -all\nexample.com TXT v=spf1 ~include:i.test ~all",
		"192.0.2.1", SPF_SOFTFAIL},
};

START_TEST(depends_on_the_message)
{
	row_check(&unknowns[_i]);
}
END_TEST

START_TEST(local_part_is_known)
{
	static const char zone[] = "a.test TXT v=spf1 exists:%{l}.x.test a:%{h} -all\n"
				   "alice.x.test A 127.0.0.2\nmail.test A 192.0.2.1\n";
	struct spf_query query = {
		.ip = ip_of("192.0.2.1"), .domain = SPAN("a.test"), .helo = SPAN("mail.test")};
	/* The client's name is enough here. */
	struct walked *walked = walk_through(zone, NULL, &query);
	ck_assert_int_eq(walked->result.verdict, SPF_PASS);
	ck_assert_str_eq(walked->asked.text, "TXT a.test, A mail.test");
	free(walked);
	query.ip = ip_of("192.0.2.2");
	walked = walk_through(zone, NULL, &query);
	ck_assert_int_eq(walked->result.verdict, SPF_UNKNOWN);
	ck_assert_str_eq(walked->result.term, "exists:%{l}.x.test of a.test");
	ck_assert_str_eq(walked->result.why, "it depends on %{l}, which only a message tells");
	free(walked);
	query.local = SPAN("Alice");
	walked = walk_through(zone, NULL, &query);
	ck_assert_int_eq(walked->result.verdict, SPF_PASS);
	ck_assert_str_eq(walked->asked.text, "TXT a.test, A alice.x.test");
	free(walked);
	query.local = SPAN("bob");
	walked = walk_through(zone, NULL, &query);
	ck_assert_int_eq(walked->result.verdict, SPF_FAIL);
	free(walked);
}
END_TEST

/* ---- what is told ---- */

START_TEST(tells)
{
	static const char zone[] = "a.test TXT v=spf1 include:b.test -all\n"
				   "b.test TXT v=spf1 ip4:192.0.2.0/24 ~all\n"
				   "c.test TXT v=spf1 a:x.test all:y\n"
				   "d.test TXT v=spf1 a -all\nd.test A !SERVFAIL\n"
				   "e.test TXT v=spf1\ne.test TXT v=spf1\n"
				   "f.test TXT v=spf1 redirect=b.test\n"
				   "g.test TXT v=spf1 mx:y.test redirect=h.test\n";
	static const struct {
		const char *ip, *domain, *record, *term, *why;
	} rows[] = {
		{"192.0.2.9", "A.Test.", "v=spf1 include:b.test -all", "ip4:192.0.2.0/24 of b.test",
			""},
		{"203.0.113.9", "a.test", "v=spf1 include:b.test -all", "-all of a.test", ""},
		{"203.0.113.9", "f.test", "v=spf1 redirect=b.test", "~all of b.test", ""},
		{"192.0.2.9", "c.test", "v=spf1 a:x.test all:y", "",
			"syntax error in the record of c.test: all:y"},
		{"192.0.2.9", "d.test", "v=spf1 a -all", "", "A of d.test: SERVFAIL"},
		{"192.0.2.9", "e.test", "", "", "e.test has 2 SPF records"},
		{"192.0.2.9", "g.test", "v=spf1 mx:y.test redirect=h.test", "",
			"redirect leads to h.test, which has no SPF record"},
		{"192.0.2.9", "nowhere.test", "", "", ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct walked *walked = ask_as(zone, NULL, rows[i].ip, rows[i].domain);
		ck_assert_str_eq(walked->result.record, rows[i].record);
		ck_assert_str_eq(walked->result.term, rows[i].term);
		ck_assert_str_eq(walked->result.why, rows[i].why);
		free(walked);
	}
}
END_TEST

START_TEST(domains_that_are_none)
{
	char label[80], many[300];
	memset(label, 'x', sizeof(label));
	memcpy(label + sizeof(label) - 6, ".test", 6);
	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = i % 2 ? '.' : 'x';
	many[sizeof(many) - 1] = '\0';
	const char *const names[] = {"", ".", "localhost", "a..test", ".a.test", label, many};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct walked *walked = ask_as(world, NULL, "192.0.2.1", names[i]);
		ck_assert_int_eq(walked->result.verdict, SPF_NONE);
		ck_assert_uint_eq(walked->asked.n, 0);
		free(walked);
	}
}
END_TEST

/* One that is left alone in the middle leaks nothing. */
START_TEST(given_up)
{
	struct spf_query query = {.ip = ip_of("192.0.2.1"), .domain = SPAN("a.test")};
	struct dns_rr rr = {.text = SPAN("v=spf1 include:b.test mx -all")};
	struct dns_answer answer = {.result = DNS_FOUND, .n = 1, .rr = &rr};
	struct dns_question question;
	struct spf_walk *walk = spf_new(&query);
	spf_answered(walk, &answer);
	spf_answered(walk, &answer);
	ck_assert(spf_question(walk, &question));
	ck_assert_int_eq(question.type, DNS_TXT);
	ck_assert(spf_question(walk, &question));
	ck_assert(span_equal(question.name, SPAN("b.test")));
	spf_free(walk);
	spf_free(NULL);
}
END_TEST

START_TEST(names_of_verdicts)
{
	for (enum spf_verdict verdict = SPF_NONE; verdict < SPF_VERDICTS; verdict++)
		ck_assert_uint_gt(strlen(spf_verdict_name(verdict)), 3);
	ck_assert(spf_is_record(SPAN("v=spf1")));
	ck_assert(spf_is_record(SPAN("V=SPF1 x")));
	ck_assert(!spf_is_record(SPAN("v=spf1x")));
	ck_assert(!spf_is_record(SPAN("v=spf")));
	ck_assert(!spf_is_record(SPAN("")));
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"rfc_appendix", rfc_appendix, ROWS(appendix)},
		{"each_term", each_term, ROWS(terms)},
		{"include_and_redirect", include_and_redirect, ROWS(nested)},
		{"failed_look_ups", failed_look_ups, ROWS(failures)},
		{"ten_terms_ask", ten_terms_ask, 0},
		{"terms_of_all_records", terms_of_all_records, 0},
		{"ten_includes_deep", ten_includes_deep, 0},
		{"two_voids", two_voids, 0},
		{"ten_mx", ten_mx, 0},
		{"ten_reverse_names", ten_reverse_names, 0},
		{"long_records", long_records, 0},
		{"each_macro", each_macro, ROWS(macros)},
		{"long_names", long_names, 0},
		{"depends_on_the_message", depends_on_the_message, ROWS(unknowns)},
		{"local_part_is_known", local_part_is_known, 0},
		{"tells", tells, 0},
		{"domains_that_are_none", domains_that_are_none, 0},
		{"given_up", given_up, 0},
		{"names_of_verdicts", names_of_verdicts, 0},
	};
	return SUITE_RUN("spf", rows);
}
