/* SPDX-License-Identifier: ISC */
/* audit.h: our own house as it stands in DNS; when it is looked at, and when a look is a verdict. */
#include <errno.h>

#include "audit_world.h"
#include "policyd/bytes.h"
#include "random.h"

#define ME     "192.0.2.10"
#define DOMAIN "egress = { domains = [ \"example.org\" ]; };\n"

static struct world *in_order(const char *text)
{
	struct world *w = world_new(text);
	world_order(w);
	world_address(w, ME, MAIL);
	return w;
}

/* ---- one address ---- */

static const char *const checks[] = {
	"ptr", "fcrdns", "helo", "helo-spf", "name", "generic", "authority"};

START_TEST(all_is_well)
{
	struct world *w = in_order(DOMAIN);
	world_run(w, 60);
	for (int i = 0; i < ROWS(checks); i++) {
		struct wanted it = found(w, ME, checks[i]);
		expect(&it, "pass", "");
		ck_assert_int_eq(it.result, AUDIT_PASS);
		ck_assert_str_eq(it.fix, "");
	}
	struct wanted spf = found_for(w, "example.org", "spf", ME);
	expect(&spf, "pass", "192.0.2.10");
	struct wanted dmarc = found(w, "example.org", "dmarc"), mx = found(w, "example.org", "mx");
	expect(&dmarc, "pass", "p=reject");
	expect(&mx, "pass", MAIL);
	ck_assert_uint_eq(w->event_n, 0);
	ck_assert_uint_le(w->open_most, AUDIT_IN_FLIGHT_MAX);
	world_free(w);
}
END_TEST

/* Each breaks one thing of what is well. */
static const struct {
	const char *server, *name;
	enum dns_type type;
	const char *data, *check, *seen, *evidence, *fix;
} broken[] = {
	{"", REVERSE, DNS_PTR, "!NXDOMAIN", "ptr", "fail", "has no name in reverse DNS",
		REVERSE ". PTR mail.example.org."},
	{"", REVERSE, DNS_PTR, "!NODATA", "ptr", "fail", "has no name", "PTR"},
	{"", REVERSE, DNS_PTR, "!NODATA", "helo", "warn", "192.0.2.10, which has no name itself",
		"PTR mail.example.org."},
	{"", REVERSE, DNS_PTR, "!SERVFAIL", "ptr", "unknown", "could not be looked up", ""},
	{"", REVERSE, DNS_PTR, "!TIMEOUT", "ptr", "unknown", "could not be looked up", ""},
	{"", REVERSE, DNS_PTR, "!SERVFAIL", "fcrdns", "unknown", "could not be looked up", ""},
	{"", REVERSE, DNS_PTR, "!SERVFAIL", "helo", "unknown", "could not be looked up", ""},
	{"", REVERSE, DNS_PTR, "!SERVFAIL", "generic", "unknown", "", ""},
	{"", REVERSE, DNS_PTR, "!NXDOMAIN", "generic", "unknown", "", ""},
	{"", REVERSE, DNS_PTR, "mail.example.org|b.example.org", "ptr", "warn", "2 names", "PTR"},
	{"", REVERSE, DNS_PTR, "mail.example.org|mail.example.org", "ptr", "pass", "", ""},
	{"", REVERSE, DNS_PTR, "mail.example.org|b.example.org", "fcrdns", "warn",
		"b.example.org does not exist", ""},
	{"", MAIL, DNS_A, "192.0.2.11", "fcrdns", "fail", "leads to 192.0.2.11",
		"mail.example.org. A 192.0.2.10"},
	{"", MAIL, DNS_A, "192.0.2.11|192.0.2.10", "fcrdns", "pass", "", ""},
	{"", MAIL, DNS_A, "!NODATA", "fcrdns", "fail", "has no address", "A 192.0.2.10"},
	{"", MAIL, DNS_A, "!SERVFAIL", "fcrdns", "unknown", "could not be looked up: SERVFAIL", ""},
	{"", MAIL, DNS_A, "!SERVFAIL", "helo", "unknown", "could not be looked up", ""},
	{"", MAIL, DNS_A, "!NXDOMAIN", "helo", "fail", "HELO mail.example.org does not exist",
		"A 192.0.2.10"},
	{"", MAIL, DNS_A, "192.0.2.11", "helo", "fail", "leads to 192.0.2.11, not to 192.0.2.10",
		"A 192.0.2.10"},
	{"", REVERSE, DNS_PTR, "other.example.org", "helo", "warn",
		"another one: other.example.org", "PTR mail.example.org."},
	{"", REVERSE, DNS_PTR, "a.example.org|mail.example.org", "ptr", "warn", "a.example.org",
		"PTR mail.example.org."},
	{"", MAIL, DNS_TXT, "!NODATA", "helo-spf", "warn", "mail.example.org has no SPF record",
		"mail.example.org. TXT \"v=spf1 a -all\""},
	{"", MAIL, DNS_TXT, "v=spf1 -all", "helo-spf", "fail", "fail for 192.0.2.10 by -all",
		"mail.example.org. TXT \"v=spf1 ip4:192.0.2.10 -all\""},
	{"", MAIL, DNS_TXT, "v=spf1 exists:%{l}.%{h} -all", "helo-spf", "fail", "by -all", ""},
	{"", MAIL, DNS_TXT, "v=spf1 a:%{h} -all", "helo-spf", "pass", "", ""},
	{"", MAIL, DNS_TXT, "v=spf1 a|v=spf1 mx", "helo-spf", "fail", "permerror",
		"mend the SPF record of mail.example.org"},
	{"", MAIL, DNS_TXT, "!SERVFAIL", "helo-spf", "unknown", "temperror", ""},
	{"", REVERSE, DNS_PTR, "!SERVFAIL", "helo-spf", "pass", "", ""},
	{"", REVERSE, DNS_PTR, "mail_1.example.org", "name", "fail", "'_'",
		"PTR mail.example.org."},
	{"", REVERSE, DNS_PTR, "mail.local", "name", "fail", "not in the public DNS", ""},
	{"", REVERSE, DNS_PTR, "host\\032x.example.org", "name", "fail", "neither letter", ""},
	{"", REVERSE, DNS_PTR, "192-0-2-10.dyn.example.org", "generic", "warn",
		"the address is in it", "a name of your own"},
	{NS2, REVERSE, DNS_PTR, "old.example.org", "authority", "fail",
		"ns2.example.org says old.example.org", "load the same zone"},
	{NS2, REVERSE, DNS_PTR, "!NXDOMAIN", "authority", "fail", "says that there is nothing", ""},
	{NS2, MAIL, DNS_A, "192.0.2.99", "authority", "fail", "192.0.2.99", ""},
	{NS2, "2.0.192.in-addr.arpa", DNS_SOA, "!REFUSED", "authority", "warn",
		"ns2.example.org (REFUSED)", "mend these servers"},
	{NS2, "example.org", DNS_SOA, "*7", "authority", "warn",
		"ns2.example.org (does not have the zone)", ""},
	{NS2, "example.org", DNS_SOA, "!TIMEOUT", "authority", "warn", "1 are lame", ""},
	{NS2, "example.org", DNS_SOA, "6", "authority", "warn", "different serials", "transfers"},
	{"", "ns2.example.org", DNS_A, "!NODATA", "authority", "warn", "has no address", ""},
	{"", "2.0.192.in-addr.arpa", DNS_NS, "!SERVFAIL", "authority", "unknown", "SERVFAIL", ""},
};

START_TEST(one_thing_is_wrong)
{
	struct world *w = in_order(DOMAIN);
	says(w, broken[_i].server, broken[_i].name, broken[_i].type, broken[_i].data);
	world_run(w, 60);
	struct wanted it = found(w, ME, broken[_i].check);
	expect(&it, broken[_i].seen, broken[_i].evidence);
	expect_fix(&it, broken[_i].fix);
	ck_assert_int_ne(it.result, AUDIT_FAIL);
	world_free(w);
}
END_TEST

static const struct {
	const char *helo, *check, *seen, *evidence, *fix;
} helos[] = {
	{"", "helo", "unknown", "not known", "helo = "},
	{"", "name", "pass", "", ""},
	{"localhost", "helo", "fail", "not in the public DNS", "smtp_helo_name = mail.example.org"},
	{"localhost", "name", "fail", "localhost", "smtp_helo_name"},
	{"mail", "name", "fail", "no dot", ""},
	{"ma_il.example.org", "name", "fail", "'_'", ""},
	{"[192.0.2.10]", "helo", "fail", "", ""},
	{"", "helo-spf", "unknown", "no HELO name", ""},
	{"localhost", "helo-spf", "unknown", "no HELO name", ""},
	{"web.example.org", "helo-spf", "warn", "no SPF record",
		"web.example.org. TXT \"v=spf1 ip4:192.0.2.10 ~all\""},
	{"web.example.org", "helo", "fail", "does not exist", "smtp_helo_name = mail.example.org"},
	{"MAIL.Example.org.", "helo", "pass", "", ""},
};

START_TEST(helo_names)
{
	struct world *w = world_new(ONE);
	world_order(w);
	world_address(w, ME, helos[_i].helo);
	world_run(w, 60);
	struct wanted it = found(w, ME, helos[_i].check);
	expect(&it, helos[_i].seen, helos[_i].evidence);
	expect_fix(&it, helos[_i].fix);
	world_free(w);
}
END_TEST

/* Two names that both lead to the address: the one that is said in HELO is to be the one. */
START_TEST(helo_and_another_name)
{
	struct world *w = in_order(ONE);
	says(w, "", REVERSE, DNS_PTR, "a.example.org");
	says(w, "", "a.example.org", DNS_A, "192.0.2.10");
	world_run(w, 60);
	struct wanted it = found(w, ME, "helo");
	expect(&it, "warn", "whose name is another one: a.example.org");
	expect_fix(&it, REVERSE ". PTR mail.example.org.");
	/* Without an address it is another one that is to be said, unless that is a line's. */
	says(w, "", MAIL, DNS_A, "!NXDOMAIN");
	audit_hurry(w->a, w->now);
	world_run(w, 1);
	it = found(w, ME, "helo");
	expect_fix(&it, "smtp_helo_name = a.example.org");
	says(w, "", REVERSE, DNS_PTR, "192-0-2-10.dyn.example.org");
	says(w, "", "192-0-2-10.dyn.example.org", DNS_A, "192.0.2.10");
	audit_hurry(w->a, w->now);
	world_run(w, 1);
	it = found(w, ME, "helo");
	expect_fix(&it, "mail.example.org. A 192.0.2.10");
	world_free(w);
}
END_TEST

static const struct {
	const char *name, *seen;
} generics[] = {
	{"mail.example.org", "pass"},
	{"192-0-2-10.provider.example", "warn"},
	{"10.2.0.192.provider.example", "warn"},
	{"ip192x0x2x10.provider.example", "warn"},
	{"192000002010.provider.example", "warn"},
	{"c000020a.provider.example", "warn"},
	{"host-2-10.provider.example", "warn"},
	{"dsl.provider.example", "warn"},
	{"pool7.provider.example", "warn"},
	{"static-192-0-2-10.provider.example", "pass"},
	{"mail-192-0-2-10.provider.example", "pass"},
	{"dynamic.example", "pass"},
	{"mx1.dynamic-firm.co.uk", "pass"},
	{"www.dynamic.co.uk", "pass"},
	{"srv01.provider.example", "pass"},
	{"node7.provider.example", "pass"},
};

START_TEST(generic_names)
{
	struct world *w = in_order(ONE);
	says(w, "", REVERSE, DNS_PTR, generics[_i].name);
	world_run(w, 60);
	struct wanted it = found(w, ME, "generic");
	expect(&it, generics[_i].seen, "");
	world_free(w);
}
END_TEST

START_TEST(ipv6)
{
	struct world *w = world_new(ONE);
	const char *reverse =
		"5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
	world_order(w);
	says(w, "", reverse, DNS_PTR, MAIL);
	says(w, "", MAIL, DNS_AAAA, "2001:db8::25");
	world_address(w, "2001:db8::25", MAIL);
	world_run(w, 60);
	struct wanted it = found(w, "2001:db8::25", "fcrdns"),
		      helo = found(w, "2001:db8::25", "helo");
	expect(&it, "pass", "");
	expect(&helo, "pass", "");
	says(w, "", MAIL, DNS_AAAA, "2001:db8::26");
	audit_hurry(w->a, w->now);
	world_run(w, 1);
	it = found(w, "2001:db8::25", "fcrdns");
	expect(&it, "fail", "2001:db8::26");
	expect_fix(&it, "mail.example.org. AAAA 2001:db8::25");
	world_free(w);
}
END_TEST

/* RFC 2317: the zone is another one than the address has it. */
START_TEST(below_a_24)
{
	struct world *w = in_order(ONE);
	says(w, "", REVERSE, DNS_CNAME, "10.8-15.2.0.192.in-addr.arpa");
	says(w, "", "10.8-15.2.0.192.in-addr.arpa", DNS_PTR, MAIL);
	says(w, "", "8-15.2.0.192.in-addr.arpa", DNS_SOA, "3");
	says(w, "", "8-15.2.0.192.in-addr.arpa", DNS_NS, "ns1.example.org|ns2.example.org");
	world_run(w, 60);
	struct wanted it = found(w, ME, "authority");
	expect(&it, "pass", "8-15.2.0.192.in-addr.arpa (2)");
	says(w, NS1, "10.8-15.2.0.192.in-addr.arpa", DNS_PTR, "!NXDOMAIN");
	audit_hurry(w->a, w->now);
	world_run(w, 1);
	it = found(w, ME, "authority");
	expect(&it, "fail", "10.8-15.2.0.192.in-addr.arpa");
	world_free(w);
}
END_TEST

START_TEST(reverse_zone_is_not_there)
{
	struct world *w = in_order(ONE);
	says(w, "", "2.0.192.in-addr.arpa", DNS_SOA, "!NODATA");
	says(w, "", "192.in-addr.arpa", DNS_SOA, "1");
	says(w, "", REVERSE, DNS_PTR, "!NXDOMAIN");
	world_run(w, 60);
	struct wanted it = found(w, ME, "authority");
	expect(&it, "warn", "not delegated: the next is 192.in-addr.arpa");
	/* Delegated, and nobody there. */
	says(w, "", REVERSE, DNS_PTR, "!SERVFAIL");
	says(w, "", REVERSE, DNS_SOA, "!SERVFAIL");
	says(w, "", "2.0.192.in-addr.arpa", DNS_SOA, "!SERVFAIL");
	audit_hurry(w->a, w->now);
	world_run(w, 1);
	it = found(w, ME, "authority");
	expect(&it, "warn",
		"2.0.192.in-addr.arpa cannot be looked up (SERVFAIL), 192.in-addr.arpa above");
	world_free(w);
}
END_TEST

/* ---- a domain ---- */

static const struct {
	const char *name;
	enum dns_type type;
	const char *data, *check, *seen, *evidence, *fix;
} domains[] = {
	{"example.org", DNS_TXT, "v=spf1 ip4:198.51.100.0/24 -all", "spf", "fail",
		"fail for 192.0.2.10",
		"example.org. TXT \"v=spf1 ip4:192.0.2.10 ip4:198.51.100.0/24 -all\""},
	{"example.org", DNS_TXT, "v=spf1 ~all", "spf", "warn", "softfail",
		"TXT \"v=spf1 ip4:192.0.2.10 ~all\""},
	{"example.org", DNS_TXT, "v=spf1 ?all", "spf", "warn", "neutral", "ip4:192.0.2.10 ?all"},
	{"example.org", DNS_TXT, "other", "spf", "warn", "has no SPF record",
		"example.org. TXT \"v=spf1 ip4:192.0.2.10 ~all\""},
	{"example.org", DNS_TXT, "v=spf1 -all|v=spf1 +all", "spf", "fail", "permerror", "mend"},
	{"example.org", DNS_TXT, "v=spf1 bogus:x -all", "spf", "fail", "permerror", "mend"},
	{"example.org", DNS_TXT, "!SERVFAIL", "spf", "unknown", "temperror", ""},
	{"example.org", DNS_TXT, "v=spf1 mx -all", "spf", "pass", "mx", ""},
	{"_dmarc.example.org", DNS_TXT, "!NXDOMAIN", "dmarc", "warn", "no DMARC policy",
		"_dmarc.example.org. TXT \"v=DMARC1; p=none; rua="},
	{"_dmarc.example.org", DNS_TXT, "v=DMARC1; p=none|v=DMARC1; p=reject", "dmarc", "fail", "2",
		""},
	{"_dmarc.example.org", DNS_TXT, "!SERVFAIL", "dmarc", "unknown", "could not be looked up",
		""},
	{"example.org", DNS_MX, "!NODATA", "mx", "fail", "neither MX nor address",
		"example.org. MX 10 mail.example.org."},
	{"example.org", DNS_MX, ".", "mx", "fail", "takes no mail", "MX 10"},
	{"example.org", DNS_MX, "!SERVFAIL", "mx", "unknown", "could not be looked up", ""},
	{"example.org", DNS_MX, "gone.example.org", "mx", "fail", "none of its MX has an address",
		""},
	{"example.org", DNS_MX, "gone.example.org|" MAIL, "mx", "pass", MAIL, ""},
	{MAIL, DNS_A, "!NODATA", "mx", "fail", "none of its MX has an address",
		"mail.example.org. A 192.0.2.10"},
	{"example.org", DNS_MX, "!NXDOMAIN", "mx", "fail", "no such domain", ""},
};

START_TEST(domain_is_wrong)
{
	struct world *w = in_order(DOMAIN);
	says(w, "", domains[_i].name, domains[_i].type, domains[_i].data);
	world_run(w, 60);
	struct wanted it = found(w, "example.org", domains[_i].check);
	expect(&it, domains[_i].seen, domains[_i].evidence);
	expect_fix(&it, domains[_i].fix);
	world_free(w);
}
END_TEST

/* The name that is told is the one to mend. */
START_TEST(dmarc_above)
{
	struct world *w = world_new("egress = { domains = [ \"a.b.example.org\" ]; };\n");
	world_order(w);
	says(w, "", "_dmarc.example.org", DNS_TXT, "v=DMARC1; p=none|v=DMARC1; p=reject");
	world_run(w, 60);
	struct wanted it = found(w, "a.b.example.org", "dmarc");
	expect(&it, "fail", "_dmarc.example.org has 2 records");
	expect_fix(&it, "_dmarc.example.org. TXT \"v=DMARC1;");
	says(w, "", "_dmarc.example.org", DNS_TXT, "v=DMARC1; p=reject");
	says(w, "", "_dmarc.a.b.example.org", DNS_TXT, "v=DMARC1; p=none|v=DMARC1; p=reject");
	audit_hurry(w->a, w->now);
	world_run(w, 1);
	it = found(w, "a.b.example.org", "dmarc");
	expect(&it, "warn",
		"_dmarc.a.b.example.org has several records, which is as none: that of "
		"example.org");
	expect_fix(&it, "_dmarc.a.b.example.org.: leave one");
	world_free(w);
}
END_TEST

START_TEST(mx_by_address)
{
	struct world *w = in_order(DOMAIN);
	says(w, "", "example.org", DNS_MX, "!NODATA");
	says(w, "", "example.org", DNS_AAAA, "2001:db8::1");
	world_run(w, 60);
	struct wanted it = found(w, "example.org", "mx");
	expect(&it, "pass", "example.org itself");
	world_free(w);
}
END_TEST

/* Each address has its finding; the record has all that are missing, and only those. */
START_TEST(spf_of_each_address)
{
	struct world *w = in_order(DOMAIN);
	world_address(w, "203.0.113.9", "");
	world_address(w, "2001:db8::25", "");
	world_run(w, 60);
	struct wanted good = found_for(w, "example.org", "spf", ME);
	struct wanted bad = found_for(w, "example.org", "spf", "2001:db8::25");
	expect(&good, "pass", "");
	expect(&bad, "fail", "2001:db8::25");
	expect_fix(&bad, "\"v=spf1 ip4:203.0.113.9 ip6:2001:db8::25 ip4:192.0.2.0/28 -all\"");
	/* What does not fit is told in words. */
	char record[600] = "v=spf1";
	for (int i = 0; i < 20; i++)
		(void)snprintf(record + strlen(record), 30, " ip4:198.51.100.%d", i);
	says(w, "", "example.org", DNS_TXT, strcat(record, " -all"));
	audit_hurry(w->a, w->now);
	world_run(w, 1);
	bad = found_for(w, "example.org", "spf", ME);
	expect_fix(&bad, "put ip4:192.0.2.10 ip4:203.0.113.9 ip6:2001:db8::25 behind v=spf1");
	world_free(w);
}
END_TEST

static const char key[] = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
#define SELECTOR "s1._domainkey.example.org"
static const struct {
	const char *data, *seen, *evidence;
} keys[] = {
	{key, "pass", "ed25519"},
	{"!NXDOMAIN", "fail", "there is no key"},
	{"!SERVFAIL", "unknown", "could not be looked up"},
	{"v=DKIM1; p=", "fail", "revoked"},
	{"v=DKIM1; p=x|v=DKIM1; p=y", "fail", "2 records"},
};

START_TEST(selectors)
{
	struct world *w = world_new("egress = { dkim_selectors = [ \"" SELECTOR "\" ]; };\n");
	says(w, "", SELECTOR, DNS_TXT, keys[_i].data);
	world_run(w, 60);
	struct wanted it = found(w, SELECTOR, "dkim");
	expect(&it, keys[_i].seen, keys[_i].evidence);
	world_free(w);
}
END_TEST

START_TEST(selector_seen)
{
	struct world *w = in_order(ONE);
	says(w, "", SELECTOR, DNS_TXT, key);
	audit_selector_seen(w->a, SPAN("Example.ORG"), SPAN("s1"), w->now);
	audit_selector_seen(w->a, SPAN("exa mple"), SPAN("s1"), w->now);
	audit_selector_seen(w->a, SPAN("example.org"), SPAN(""), w->now);
	world_run(w, 60);
	struct wanted it = found(w, SELECTOR, "dkim");
	struct audit_figures figures;
	expect(&it, "pass", "");
	audit_figures(w->a, &figures);
	ck_assert_uint_eq(figures.selectors, 1);
	/* Nobody signs with it any more. */
	world_run(w, 3 * 86400);
	ck_assert(!found(w, SELECTOR, "dkim").is_there);
	for (int i = 0; i < 2 * AUDIT_SELECTORS_MAX; i++) {
		char selector[16];
		(void)snprintf(selector, sizeof(selector), "s%d", i);
		audit_selector_seen(w->a, SPAN("example.org"), span_of(selector), w->now);
	}
	world_run(w, 100);
	audit_figures(w->a, &figures);
	ck_assert_uint_eq(figures.selectors, AUDIT_SELECTORS_MAX);
	world_free(w);
}
END_TEST

/* ---- when a look is a verdict ---- */

START_TEST(three_times_over_half_an_hour)
{
	struct world *w = in_order(ONE);
	world_run(w, 60);
	says(w, "", REVERSE, DNS_PTR, "!NXDOMAIN");
	world_run(w, 3600);
	/* Found within an interval of an hour, and not yet a failure. */
	struct wanted it = found(w, ME, "ptr");
	int64_t begun = 0;
	while (it.seen != AUDIT_FAIL && begun++ < 3600) {
		world_run(w, 1);
		it = found(w, ME, "ptr");
	}
	while (it.result != AUDIT_FAIL) {
		world_run(w, 1);
		it = found(w, ME, "ptr");
		ck_assert_int_eq(it.seen, AUDIT_FAIL);
	}
	ck_assert_uint_ge(it.finding.failed_looks, 3);
	ck_assert(has_event(w, "!egress:192.0.2.10 ptr pass -> fail: 192.0.2.10 has no name"));
	says(w, "", REVERSE, DNS_PTR, MAIL);
	world_run(w, 12 * 60);
	it = found(w, ME, "ptr");
	ck_assert_int_eq(it.seen, AUDIT_PASS);
	ck_assert_int_eq(it.result, AUDIT_FAIL);
	world_run(w, 12 * 60);
	it = found(w, ME, "ptr");
	ck_assert_int_eq(it.result, AUDIT_PASS);
	ck_assert(has_event(w, "egress:192.0.2.10 ptr fail -> pass: mail.example.org"));
	world_free(w);
}
END_TEST

/* Seconds from the first failed look to the verdict: never less than 30 minutes, however often it is looked. */
START_TEST(hurry_does_not_make_it_worse)
{
	struct world *w = in_order(ONE);
	says(w, "", REVERSE, DNS_PTR, "!NXDOMAIN");
	int64_t begun_us = w->now.mono.us;
	while (found(w, ME, "ptr").result != AUDIT_FAIL) {
		audit_hurry(w->a, w->now);
		world_run(w, 20);
		ck_assert_int_lt(w->now.mono.us - begun_us, HOUR_US);
	}
	ck_assert_int_ge(w->now.mono.us - begun_us, 30 * MINUTE_US);
	world_free(w);
}
END_TEST

START_TEST(what_is_not_known_is_no_failure)
{
	struct world *w = in_order(DOMAIN);
	w->is_down = true;
	world_run(w, 6 * 3600);
	struct audit_figures figures;
	audit_figures(w->a, &figures);
	ck_assert_uint_eq(figures.findings[AUDIT_FAIL] + figures.findings[AUDIT_WARN] +
				  figures.findings[AUDIT_PASS],
		0);
	ck_assert_uint_eq(w->event_n, 0);
	w->is_down = false;
	world_run(w, 900);
	audit_figures(w->a, &figures);
	ck_assert_uint_eq(figures.findings[AUDIT_UNKNOWN], 0);
	ck_assert_uint_eq(figures.findings[AUDIT_PASS], 10);
	/* It stays for a while, then nobody knows. */
	w->is_down = true;
	world_run(w, 2 * 3600);
	audit_figures(w->a, &figures);
	ck_assert_uint_eq(figures.findings[AUDIT_PASS], 10);
	world_run(w, 2 * 3600);
	audit_figures(w->a, &figures);
	ck_assert_uint_eq(figures.findings[AUDIT_UNKNOWN], 10);
	ck_assert(has_event(w, "egress:192.0.2.10 ptr pass -> unknown"));
	world_free(w);
}
END_TEST

/* A question between two failures that nobody answered changes nothing. */
START_TEST(unknown_between_failures)
{
	struct world *w = in_order(ONE);
	says(w, "", REVERSE, DNS_PTR, "!NXDOMAIN");
	world_run(w, 60);
	says(w, "", REVERSE, DNS_PTR, "!SERVFAIL");
	world_run(w, 40 * 60);
	struct wanted it = found(w, ME, "ptr");
	ck_assert_int_eq(it.result, AUDIT_UNKNOWN);
	ck_assert_uint_eq(it.finding.failed_looks, 1);
	says(w, "", REVERSE, DNS_PTR, "!NXDOMAIN");
	world_run(w, 25 * 60);
	ck_assert_int_eq(found(w, ME, "ptr").result, AUDIT_FAIL);
	world_free(w);
}
END_TEST

/* ---- when, and how much ---- */

START_TEST(hurry_looks_at_all)
{
	struct world *w = in_order(DOMAIN);
	world_run(w, 60);
	size_t asked = w->asked;
	audit_hurry(w->a, w->now);
	ck_assert_uint_eq(audit_open(w->a), 3);
	world_step(w);
	ck_assert_uint_eq(audit_open(w->a), 0);
	ck_assert_uint_gt(w->asked, asked + 10);
	world_run(w, 30);
	asked = w->asked;
	world_run(w, 600);
	ck_assert_uint_eq(w->asked, asked);
	world_run(w, 3600);
	ck_assert_uint_gt(w->asked, asked);
	world_free(w);
}
END_TEST

START_TEST(nobody_answers)
{
	struct world *w = in_order(DOMAIN);
	w->is_silent = true;
	world_run(w, 60);
	audit_hurry(w->a, w->now);
	world_run(w, 600);
	ck_assert_uint_eq(audit_open(w->a), 3);
	w->is_silent = false;
	world_run(w, 1000);
	ck_assert_uint_eq(audit_open(w->a), 0);
	struct wanted it = found(w, ME, "fcrdns");
	ck_assert(it.is_there);
	world_free(w);
}
END_TEST

START_TEST(switched_off)
{
	struct world *w = in_order(DOMAIN);
	struct config *without =
		config_of("egress = { domains = [ \"example.org\" ]; audit = false; };\n");
	struct audit_figures figures;
	world_run(w, 60);
	size_t asked = w->asked;
	audit_configure(w->a, without, w->now);
	audit_domain_seen(w->a, SPAN("example.net"), 1, w->now);
	world_run(w, 7200);
	audit_figures(w->a, &figures);
	ck_assert_uint_eq(w->asked, asked);
	ck_assert_uint_eq(figures.domains, 0);
	ck_assert(!found(w, ME, "ptr").is_there);
	audit_configure(w->a, w->config, w->now);
	world_run(w, 60);
	ck_assert_int_eq(found(w, ME, "ptr").result, AUDIT_PASS);
	config_unref(without);
	world_free(w);
}
END_TEST

START_TEST(nothing_of_ours)
{
	struct world *w = world_new("local_domains = [ \"example.org\" ];\n");
	audit_domain_seen(w->a, SPAN("example.org"), 1, w->now);
	world_run(w, 7200);
	ck_assert_uint_eq(w->asked, 0);
	/* What the world never sees is nobody's business. */
	struct egress_address found_one = {.origin = "interface eth0"};
	ck_assert_int_eq(ip_parse(SPAN("10.0.0.1"), &found_one.ip), 0);
	audit_addresses(w->a, &found_one, 1, w->now);
	ck_assert(!found(w, "10.0.0.1", "ptr").is_there);
	world_free(w);
}
END_TEST

static void see_many(struct world *w, int from, int n, uint32_t recipients)
{
	for (int i = from; i < from + n; i++) {
		char domain[64];
		(void)snprintf(domain, sizeof(domain), "d%d.example.net", i);
		audit_domain_seen(w->a, span_of(domain), recipients, w->now);
	}
}

START_TEST(by_volume)
{
	struct world *w = in_order("local_domains = [ \"example.org\", \"localdomain\" ];\n" ONE);
	struct audit_figures figures;
	audit_domain_seen(w->a, SPAN("Sender.example.com."), 3, w->now);
	audit_domain_seen(w->a, SPAN("no-dot"), 3, w->now);
	audit_domain_seen(w->a, SPAN("[192.0.2.1]"), 3, w->now);
	world_run(w, 60);
	audit_figures(w->a, &figures);
	ck_assert_uint_eq(figures.domains, 2);
	ck_assert(found(w, "sender.example.com", "mx").is_there);
	see_many(w, 0, AUDIT_DOMAINS_MAX - 10, 100);
	w->burst_most = 0;
	world_run(w, 600);
	/* Not all at once. */
	ck_assert_uint_lt(w->burst_most, 400);
	ck_assert(found(w, "d7.example.net", "mx").is_there);
	/* A flood of strangers, each once. */
	see_many(w, 100000, 10000, 1);
	world_run(w, 600);
	audit_figures(w->a, &figures);
	ck_assert_uint_eq(figures.domains, AUDIT_DOMAINS_MAX);
	ck_assert(found(w, "example.org", "mx").is_there);
	for (int i = 0; i < AUDIT_DOMAINS_MAX - 10; i++) {
		char domain[64];
		(void)snprintf(domain, sizeof(domain), "d%d.example.net", i);
		ck_assert_msg(found(w, domain, "mx").is_there, "%s", domain);
	}
	/* What nobody uses is forgotten. */
	for (int day = 0; day < 9; day++) {
		w->now.mono.us += DAY_US;
		w->now.wall.us += DAY_US;
		world_step(w);
	}
	audit_figures(w->a, &figures);
	ck_assert_uint_eq(figures.domains, 1);
	world_free(w);
}
END_TEST

/* ---- what outlives the process ---- */

struct dump {
	char text[65536];
	size_t n;
};

static bool dump_each(void *ctx, const struct audit_finding *finding)
{
	struct dump *dump = ctx;
	char ip[IP_TEXT_SIZE];
	int n = snprintf(dump->text + dump->n, sizeof(dump->text) - dump->n,
		"%s %s %s %d %d %u %lld %lld %s %s\n", finding->subject,
		audit_rows[finding->check].name, ip_format(&finding->ip, ip), (int)finding->result,
		(int)finding->seen, finding->failed_looks, (long long)finding->since.us,
		(long long)finding->looked.us, finding->evidence, finding->fix);
	ck_assert(n > 0 && dump->n + (size_t)n < sizeof(dump->text));
	dump->n += (size_t)n;
	return true;
}

static void restart(struct world *w, int64_t gone_s, bool is_late)
{
	struct bytes saved = {0};
	audit_save(w->a, &saved, w->now);
	ck_assert(!audit_is_dirty(w->a));
	audit_free(w->a);
	w->now.mono.us = w->now.mono.us / 3 + gone_s * SECOND_US;
	w->now.wall.us += gone_s * SECOND_US;
	w->a = world_audit(w);
	if (!is_late)
		world_addresses(w);
	ck_assert_int_eq(audit_load(w->a, span_make(saved.p, saved.n), w->now), 0);
	if (is_late)
		world_addresses(w);
	bytes_free(&saved);
}

static struct world *lived(void)
{
	struct world *w = in_order(DOMAIN);
	says(w, "", SELECTOR, DNS_TXT, key);
	audit_selector_seen(w->a, SPAN("example.org"), SPAN("s1"), w->now);
	audit_domain_seen(w->a, SPAN("example.net"), 10, w->now);
	says(w, NS2, REVERSE, DNS_PTR, "!NXDOMAIN");
	says(w, "", "example.org", DNS_TXT, "v=spf1 -all");
	world_run(w, 7200);
	return w;
}

START_TEST(saved_and_loaded_is_the_same)
{
	struct world *w = lived();
	struct dump *before = calloc(1, sizeof(*before)), *after = calloc(1, sizeof(*after));
	audit_findings(w->a, w->now, dump_each, before);
	ck_assert(strstr(before->text, "example.org spf 192.0.2.10 3 3") != NULL);
	size_t events = w->event_n;
	restart(w, 30, _i == 1);
	audit_findings(w->a, w->now, dump_each, after);
	ck_assert_str_eq(before->text, after->text);
	/* And it goes on as if nothing had been: no news, no rush. */
	size_t asked = w->asked;
	world_run(w, 5);
	ck_assert_uint_lt(w->asked - asked, 40);
	world_run(w, 7200);
	ck_assert_uint_eq(w->event_n, events);
	free(before);
	free(after);
	world_free(w);
}
END_TEST

START_TEST(half_an_hour_goes_on_while_nobody_runs)
{
	struct world *w = in_order(ONE);
	says(w, "", REVERSE, DNS_PTR, "!NXDOMAIN");
	world_run(w, 15 * 60);
	ck_assert_int_eq(found(w, ME, "ptr").result, AUDIT_UNKNOWN);
	ck_assert_uint_eq(found(w, ME, "ptr").finding.failed_looks, 2);
	restart(w, 20 * 60, true);
	audit_hurry(w->a, w->now);
	world_run(w, 1);
	ck_assert_int_eq(found(w, ME, "ptr").result, AUDIT_FAIL);
	world_free(w);
}
END_TEST

START_TEST(address_that_comes_back)
{
	struct world *w = in_order(ONE);
	says(w, "", REVERSE, DNS_PTR, "!NXDOMAIN");
	world_run(w, 3600);
	ck_assert_int_eq(found(w, ME, "ptr").result, AUDIT_FAIL);
	audit_addresses(w->a, NULL, 0, w->now);
	ck_assert(!found(w, ME, "ptr").is_there);
	world_run(w, 3600);
	world_addresses(w);
	ck_assert_int_eq(found(w, ME, "ptr").result, AUDIT_FAIL);
	world_free(w);
}
END_TEST

START_TEST(damaged)
{
	struct world *w = lived();
	struct bytes saved = {0};
	struct chance chance = chance_new("damaged");
	audit_save(w->a, &saved, w->now);
	ck_assert_int_eq(audit_load(w->a, SPAN(""), w->now), -EBADMSG);
	ck_assert_int_eq(audit_load(w->a, span_make(saved.p, saved.n / 2), w->now), -EBADMSG);
	for (int i = 0; i < 500; i++) {
		chance.state = chance.state * UINT64_C(6364136223846793005) + 1442695040888963407u;
		size_t at = (size_t)(chance.state >> 33) % saved.n;
		char was = saved.p[at];
		saved.p[at] = (char)(chance.state >> 25);
		int r = audit_load(w->a, span_make(saved.p, saved.n), w->now);
		ck_assert(r == 0 || r == -EBADMSG);
		saved.p[at] = was;
	}
	world_run(w, 3600);
	bytes_free(&saved);
	world_free(w);
}
END_TEST

START_TEST(rows_and_words)
{
	ck_assert_str_eq(audit_rows[CHECK_PTR].name, "ptr");
	ck_assert_int_eq(audit_rows[CHECK_DKIM].subject, AUDIT_SELECTOR);
	ck_assert_str_eq(audit_result_name(AUDIT_FAIL), "fail");
	ck_assert_str_eq(audit_result_name(AUDIT_UNKNOWN), "unknown");
}
END_TEST

int main(void)
{
	const struct suite_row suite[] = {
		{"all_is_well", all_is_well, 0},
		{"one_thing_is_wrong", one_thing_is_wrong, ROWS(broken)},
		{"helo_names", helo_names, ROWS(helos)},
		{"helo_and_another_name", helo_and_another_name, 0},
		{"generic_names", generic_names, ROWS(generics)},
		{"ipv6", ipv6, 0},
		{"below_a_24", below_a_24, 0},
		{"reverse_zone_is_not_there", reverse_zone_is_not_there, 0},
		{"domain_is_wrong", domain_is_wrong, ROWS(domains)},
		{"dmarc_above", dmarc_above, 0},
		{"mx_by_address", mx_by_address, 0},
		{"spf_of_each_address", spf_of_each_address, 0},
		{"selectors", selectors, ROWS(keys)},
		{"selector_seen", selector_seen, 0},
		{"three_times_over_half_an_hour", three_times_over_half_an_hour, 0},
		{"hurry_does_not_make_it_worse", hurry_does_not_make_it_worse, 0},
		{"what_is_not_known_is_no_failure", what_is_not_known_is_no_failure, 0},
		{"unknown_between_failures", unknown_between_failures, 0},
		{"hurry_looks_at_all", hurry_looks_at_all, 0},
		{"nobody_answers", nobody_answers, 0},
		{"switched_off", switched_off, 0},
		{"nothing_of_ours", nothing_of_ours, 0},
		{"by_volume", by_volume, 0},
		{"saved_and_loaded_is_the_same", saved_and_loaded_is_the_same, 2},
		{"half_an_hour_goes_on_while_nobody_runs", half_an_hour_goes_on_while_nobody_runs,
			0},
		{"address_that_comes_back", address_that_comes_back, 0},
		{"damaged", damaged, 0},
		{"rows_and_words", rows_and_words, 0},
	};
	return SUITE_RUN("audit", suite);
}
