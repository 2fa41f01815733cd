/* SPDX-License-Identifier: ISC */
/* egress.h: looking now; and what there is to look at. */
#include <errno.h>

#include "egress_world.h"
#include "suite.h"

#define TWO                                                                                        \
	"egress = { addresses = ( { address = \"192.0.2.10\"; helo = \"mail.example.org\"; },"     \
	" { address = \"2001:db8::25\"; } ); };\n"                                                 \
	"blocklists = ( { name = \"a\"; zone = \"a.test\"; },"                                     \
	" { name = \"v4\"; zone = \"v4.test\"; subjects = [ \"ipv4\" ]; },"                        \
	" { name = \"d\"; zone = \"d.test\"; subjects = [ \"domain\" ]; },"                        \
	" { name = \"off\"; zone = \"off.test\"; subjects = [ \"ipv4\" ]; enabled = false; } );\n"
#define NAME "10.2.0.192.a.test"
#define ME   "192.0.2.10"
#define V6   "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."

static struct world *two(void)
{
	static const char *const zones[] = {"a.test", "v4.test", "d.test", "off.test"};
	struct world *w = world_new(TWO);
	for (size_t i = 0; i < 4; i++)
		(void)zone_of(w, zones[i]);
	return w;
}

static egress_check begin(struct world *w, const char *subject, const char *list, double seconds)
{
	egress_check check = 0;
	struct errbuf err = {""};
	const struct egress_check_query query = {
		.subject = span_of(subject), .list = span_of(list)};
	mono_t deadline = {.us = w->now.mono.us + (int64_t)(seconds * 1e6)};
	int r = egress_check_begin(w->e, &query, deadline, w->now, &check, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	ck_assert_uint_ne(check, 0);
	world_pump(w);
	return check;
}

static struct egress_check_state state_of(struct world *w, egress_check check)
{
	struct egress_check_state state;
	ck_assert(egress_check_state(w->e, check, &state));
	return state;
}

/* "192.0.2.10 a clean; ..." */
static bool shown_each(void *ctx, const struct listing *listing)
{
	char *text = ctx;
	size_t n = strlen(text);
	snprintf(text + n, 4096 - n, "%s %s %s%s%s; ", listing->subject, listing->list->name,
		verdict_state_name(listing->verdict), listing->why[0] ? ": " : "", listing->why);
	ck_assert_int_eq(listing->verdict, listing->seen);
	return true;
}

static const char *shown(struct world *w, egress_check check)
{
	static char text[4096];
	text[0] = '\0';
	egress_check_listings(w->e, check, w->now, shown_each, text);
	return text;
}

static bool tests_each(void *ctx, const struct check_test *test)
{
	char *text = ctx;
	size_t n = strlen(text);
	snprintf(text + n, 4096 - n, "%s %.30s %s %s [%s] %s; ", test->list->name, test->label,
		test->must_be_listed ? "listed" : "clean",
		test->is_done ? test->is_right ? "right" : "wrong" : "open", test->answer,
		list_state_name(test->state));
	return true;
}

static const char *tests(struct world *w, egress_check check)
{
	static char text[4096];
	text[0] = '\0';
	egress_check_tests(w->e, check, tests_each, text);
	return text;
}

START_TEST(all_lists_all_subjects)
{
	struct world *w = two();
	zone_list(w, NAME, "127.0.0.2");
	zone_list(w, "mail.example.org.d.test", "127.0.1.2");
	egress_check check = begin(w, "", "", 10);
	struct egress_check_state state = state_of(w, check);
	/* Test points, two for each family; two addresses, one, and two names. */
	ck_assert_uint_eq(state.total, 4 + 2 + 2 + 2 + 1 + 2);
	ck_assert_uint_eq(state.done, 0);
	ck_assert(!state.is_over);
	world_run(w, 0.5);
	state = state_of(w, check);
	ck_assert(state.is_over);
	ck_assert_uint_eq(state.done, state.total);
	ck_assert_str_eq(shown(w, check), "192.0.2.10 a listed; 192.0.2.10 v4 clean; 2001:db8::25 "
					  "a clean; mail.example.org d "
					  "listed; example.org d clean; ");
	ck_assert_str_eq(tests(w, check),
		"a 2.0.0.127 listed right [listed: 127.0.0.2] OK; "
		"a 2.0.0.0.0.0.f.7.f.f.f.f.0.0.0. listed right [listed: 127.0.0.2] OK; "
		"a 1.0.0.127 clean right [not listed] OK; "
		"a 1.0.0.0.0.0.f.7.f.f.f.f.0.0.0. clean right [not listed] OK; "
		"v4 2.0.0.127 listed right [listed: 127.0.0.2] OK; "
		"v4 1.0.0.127 clean right [not listed] OK; "
		"d test listed right [listed: 127.0.0.2] OK; "
		"d invalid clean right [not listed] OK; ");
	/* Once listed is not listed yet. */
	ck_assert_str_eq(world_verdict(w, ME, "a"), "unknown");
	world_free(w);
}
END_TEST

START_TEST(checks_count_by_the_same_rule)
{
	struct world *w = two();
	w->has_cache = true;
	zone_of(w, "a.test")->ttl_s = 30;
	zone_list(w, NAME, "127.0.0.2");
	for (int i = 0; i < 5; i++) {
		egress_check_drop(w->e, begin(w, ME, "a", 10));
		egress_check check = begin(w, ME, "a", 10);
		world_run(w, 5);
		ck_assert_str_eq(shown(w, check), "192.0.2.10 a listed; ");
		egress_check_drop(w->e, check);
		ck_assert_str_ne(world_verdict(w, ME, "a"), "listed");
	}
	world_run(w, 10);
	egress_check check = begin(w, ME, "", 10);
	world_run(w, 1);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	egress_check_drop(w->e, check);
	world_free(w);
}
END_TEST

START_TEST(deadline_leaves_unknown)
{
	struct world *w = two();
	zone_mode(w, "v4.test", ZONE_SILENT);
	zone_mode(w, "d.test", ZONE_TIMEOUT);
	egress_check check = begin(w, "", "", 3);
	world_run(w, 2.9);
	ck_assert(!state_of(w, check).is_over);
	ck_assert_str_eq(shown(w, check),
		"192.0.2.10 a clean; 192.0.2.10 v4 unknown: no answer yet; 2001:db8::25 a clean; "
		"mail.example.org d unknown: no answer yet; example.org d unknown: no answer "
		"yet; ");
	world_run(w, 0.2);
	struct egress_check_state state = state_of(w, check);
	ck_assert(state.is_over);
	ck_assert_uint_eq(state.done, state.total);
	ck_assert_str_eq(shown(w, check), "192.0.2.10 a clean; 192.0.2.10 v4 unknown: the list's "
					  "test points were not answered in "
					  "time; 2001:db8::25 a clean; mail.example.org d unknown: "
					  "the list's test points were not "
					  "answered in time; example.org d unknown: the list's "
					  "test points were not answered in "
					  "time; ");
	/* Somebody's haste says nothing of the list. */
	ck_assert_str_eq(world_state(w, "v4"), "untested");
	world_run(w, 3000);
	ck_assert(egress_check_state(w->e, check, &state));
	world_run(w, 1000);
	ck_assert(!egress_check_state(w->e, check, &state));
	world_free(w);
}
END_TEST

static const struct {
	enum zone_mode mode;
	const char *shown;
} bad[] = {
	{ZONE_WORLD, "192.0.2.10 v4 unknown: the list is WORLD: test point 1.0.0.127: listed: "
		     "127.0.0.2; "},
	{ZONE_DEAD, "192.0.2.10 v4 unknown: the list is DEAD: test point 2.0.0.127: not listed; "},
	{ZONE_SERVFAIL,
		"192.0.2.10 v4 unknown: the list is UNREACHABLE: test point 2.0.0.127: SERVFAIL; "},
	{ZONE_FULL, "192.0.2.10 v4 unknown: the list is UNREACHABLE: test point 2.0.0.127: it "
		    "could not "
		    "be asked; "},
	{ZONE_PARKED,
		"192.0.2.10 v4 unknown: the list is WORLD: test point 2.0.0.127: 203.0.113.80, "
		"outside of 127.0.0.0/8: hijacked or parked; "},
};

START_TEST(lists_that_cannot_be_believed)
{
	struct world *w = two();
	zone_mode(w, "v4.test", bad[_i].mode);
	egress_check check = begin(w, "", "v4", 30);
	world_run(w, 20);
	ck_assert(state_of(w, check).is_over);
	ck_assert_str_eq(shown(w, check), bad[_i].shown);
	world_free(w);
}
END_TEST

/* One subject without an answer takes nothing from the others. */
START_TEST(one_unanswered)
{
	struct world *w = two();
	world_run(w, 20);
	w->on_ask = NULL;
	egress_check check = begin(w, "", "d", 5);
	/* All but one, which is lost. */
	for (size_t i = 0; i < w->open_n; i++) {
		if (strcmp(w->open[i].name, "example.org.d.test") == 0)
			w->open[i].at_us = INT64_MAX;
	}
	world_run(w, 10);
	ck_assert_str_eq(shown(w, check),
		"mail.example.org d clean; example.org d unknown: no answer in time; ");
	world_free(w);
}
END_TEST

START_TEST(test_points_only)
{
	struct world *w = two();
	egress_check check;
	zone_mode(w, "off.test", ZONE_WORLD);
	const struct egress_check_query query = {.list = SPAN("off.test"), .only_tests = true};
	ck_assert_int_eq(egress_check_begin(w->e, &query, MONO_NEVER, w->now, &check, NULL), 0);
	world_pump(w);
	ck_assert_str_eq(tests(w, check),
		"off 2.0.0.127 listed open [] untested; off 1.0.0.127 clean open [] untested; ");
	world_run(w, 1);
	ck_assert_uint_eq(state_of(w, check).total, 2);
	ck_assert_str_eq(shown(w, check), "");
	ck_assert_str_eq(tests(w, check), "off 2.0.0.127 listed right [listed: 127.0.0.2] WORLD; "
					  "off 1.0.0.127 clean wrong [listed: "
					  "127.0.0.2] WORLD; ");
	ck_assert_str_eq(world_state(w, "off"), "WORLD");
	world_free(w);
}
END_TEST

/* All of them are asked, though the first is wrong. */
START_TEST(every_test_point_is_asked)
{
	struct world *w = two();
	egress_check check;
	zone_mode(w, "off.test", ZONE_DEAD);
	/* As if there were room for one question only. */
	const struct egress_check_query query = {.list = SPAN("off"), .only_tests = true};
	ck_assert_int_eq(egress_check_begin(w->e, &query, MONO_NEVER, w->now, &check, NULL), 0);
	struct egress_effect effect;
	ck_assert(egress_effect(w->e, &effect));
	const struct dns_answer answer = {
		.result = DNS_NXDOMAIN, .fetched = w->now.mono, .server = w->server};
	egress_answered(w->e, effect.ask, &answer, w->now);
	ck_assert(!state_of(w, check).is_over);
	world_run(w, 1);
	ck_assert_str_eq(tests(w, check), "off 2.0.0.127 listed wrong [not listed] DEAD; off "
					  "1.0.0.127 clean right [not listed] "
					  "DEAD; ");
	world_free(w);
}
END_TEST

static const struct {
	const char *subject, *list;
	bool only_tests;
	const char *err;
} wrong[] = {
	{"192.0.2.99", "", false,
		"\"192.0.2.99\" is no address or domain of ours; there are 192.0.2.10, "
		"2001:db8::25, "
		"mail.example.org, example.org"},
	{"bogus", "", false,
		"\"bogus\" is no address or domain of ours; there are 192.0.2.10, 2001:db8::25, "
		"mail.example.org, example.org"},
	{"", "spamcopp", false,
		"no list \"spamcopp\" (did you mean \"spamcop\"?): \"policyctl egress lists\" "
		"shows what "
		"there is"},
	{"", "off", false, "list off is not enabled: name it in blocklists, or test it alone"},
	{"2001:db8::25", "v4", false, "list v4 is not asked about 2001:db8::25"},
	{"example.org", "a", false, "list a is not asked about example.org"},
	{"", "nothing-like-it-at-all", true,
		"no list \"nothing-like-it-at-all\": \"policyctl egress lists\" shows what there "
		"is"},
};

START_TEST(what_there_is_not)
{
	struct world *w = two();
	struct errbuf err = {""};
	egress_check check = 77;
	const struct egress_check_query query = {.subject = span_of(wrong[_i].subject),
		.list = span_of(wrong[_i].list),
		.only_tests = wrong[_i].only_tests};
	int r = egress_check_begin(w->e, &query, MONO_NEVER, w->now, &check, &err);
	ck_assert_int_eq(r, -ENOENT);
	ck_assert_uint_eq(check, 77);
	ck_assert_str_eq(err.text, wrong[_i].err);
	world_free(w);
}
END_TEST

/* As people write them. */
static const char *const spellings[] = {"2001:DB8:0::25", "2001:db8::25"};

START_TEST(subjects_as_people_write_them)
{
	struct world *w = two();
	egress_check check = begin(w, spellings[_i], "", 10);
	world_run(w, 1);
	ck_assert_str_eq(shown(w, check), "2001:db8::25 a clean; ");
	check = begin(w, "Mail.Example.ORG.", "d.test", 10);
	world_run(w, 1);
	ck_assert_str_eq(shown(w, check), "mail.example.org d clean; ");
	check = begin(w, "::ffff:192.0.2.10", "a", 10);
	world_run(w, 1);
	ck_assert_str_eq(shown(w, check), "192.0.2.10 a clean; ");
	world_free(w);
}
END_TEST

START_TEST(sixteen_at_once)
{
	struct world *w = two();
	egress_check check[EGRESS_CHECKS_MAX], more;
	struct errbuf err;
	const struct egress_check_query all = {0};
	for (int i = 0; i < EGRESS_CHECKS_MAX; i++)
		check[i] = begin(w, "", "", 10);
	ck_assert_int_eq(egress_check_begin(w->e, &all, MONO_NEVER, w->now, &more, &err), -EAGAIN);
	ck_assert_str_eq(err.text, "16 checks are under way already");
	ck_assert_uint_eq(w->open_n, EGRESS_IN_FLIGHT_MAX);
	/* One goes with its questions open; those are answered to nobody. */
	egress_check_drop(w->e, check[3]);
	check[3] = begin(w, ME, "a", 10);
	world_run(w, 5);
	for (int i = 0; i < EGRESS_CHECKS_MAX; i++)
		ck_assert(state_of(w, check[i]).is_over);
	ck_assert_str_eq(shown(w, check[3]), "192.0.2.10 a clean; ");
	ck_assert_uint_eq(w->open_most, EGRESS_IN_FLIGHT_MAX);
	struct egress_figures figures;
	egress_figures(w->e, &figures);
	ck_assert_uint_eq(figures.in_flight, 0);
	ck_assert_uint_eq(figures.asked, figures.answered);
	world_free(w);
}
END_TEST

START_TEST(nothing_to_check)
{
	struct world *w = world_new("");
	egress_check check = begin(w, "", "", 10);
	ck_assert(state_of(w, check).is_over);
	ck_assert_uint_eq(state_of(w, check).total, 0);
	ck_assert_str_eq(shown(w, check), "");
	world_free(w);
}
END_TEST

START_TEST(goes_on_over_a_reload)
{
	struct world *w = two();
	zone_list(w, NAME, "127.0.0.2");
	egress_check check = begin(w, "", "", 10);
	world_configure(w, "egress = { addresses = ( { address = \"192.0.2.77\"; } ); };\n"
			   "blocklists = ( { name = \"z\"; zone = \"z.test\"; } );\n");
	(void)zone_of(w, "z.test");
	world_run(w, 1);
	ck_assert(state_of(w, check).is_over);
	ck_assert_str_eq(shown(w, check), "192.0.2.10 a listed; 192.0.2.10 v4 clean; 2001:db8::25 "
					  "a clean; mail.example.org d "
					  "clean; example.org d clean; ");
	ck_assert_str_eq(world_verdict(w, ME, "a"), "nothing");
	world_free(w);
}
END_TEST

/* ---- what there is ---- */

static bool names_each(void *ctx, const struct listing *listing)
{
	char *text = ctx;
	size_t n = strlen(text);
	snprintf(text + n, 32768 - n, "%s(%s) ", listing->subject, listing->subject_why);
	return true;
}

static const char *names(struct world *w)
{
	static char text[32768];
	text[0] = '\0';
	egress_listings(w->e, w->now, names_each, text);
	return text;
}

static struct world *world_all(const char *text)
{
	struct world *w = world_new(text);
	(void)zone_of(w, "all.test");
	return w;
}

#define ALL_KINDS                                                                                  \
	"blocklists = ( { name = \"all\"; zone = \"all.test\";"                                    \
	" subjects = [ \"ipv4\", \"ipv6\", \"domain\" ]; } );\n"

START_TEST(names_of_ours)
{
	struct world *w =
		world_all("egress = { addresses = ("
			  " { address = \"192.0.2.10\"; helo = \"MX1.Mail.Example.ORG\"; },"
			  " { address = \"127.0.0.5\"; helo = \"localhost\"; },"
			  " { address = \"2001:db8::1\"; helo = \"mx1.mail.example.org\"; } );"
			  " domains = [ \"news.example.net\", \"example.org\" ]; };\n"
			  "local_domains = [ \"example.com\", \"b\xc3\xbc"
			  "cher.example\" ];\n" ALL_KINDS);
	name_set(w, "10.2.0.192.in-addr.arpa", DNS_PTR,
		"smtp.example.org mx1.mail.example.org bad..name 192.0.2.10");
	world_run(w, 100);
	ck_assert_str_eq(names(w),
		"192.0.2.10(egress) 127.0.0.5(egress) 2001:db8::1(egress) "
		"mx1.mail.example.org(helo) "
		"mail.example.org(helo) example.org(helo) news.example.net(egress.domains) "
		"example.net(egress.domains) example.com(local_domains) "
		"xn--bcher-kva.example(local_domains) smtp.example.org(ptr) ");
	ck_assert_str_eq(world_verdict(w, "smtp.example.org", "all"), "clean");
	/* The PTR goes, and comes back: what was known of it is known again. */
	zone_list(w, "smtp.example.org.all.test", "127.0.0.2");
	world_run(w, 1300);
	ck_assert_str_eq(world_verdict(w, "smtp.example.org", "all"), "listed");
	name_set(w, "10.2.0.192.in-addr.arpa", DNS_PTR, NULL);
	world_run(w, 4000);
	ck_assert_str_eq(world_verdict(w, "smtp.example.org", "all"), "nothing");
	name_set(w, "10.2.0.192.in-addr.arpa", DNS_PTR, "smtp.example.org");
	world_log_clear(w);
	/* The PTR is asked each hour. */
	world_run(w, 4000);
	ck_assert_str_eq(world_verdict(w, "smtp.example.org", "all"), "listed");
	ck_assert_uint_le(world_events(w, "domain:smtp.example.org", "-> listed"), 1);
	world_free(w);
}
END_TEST

/* No answer, or a failure, takes no name away. */
START_TEST(ptr_that_fails_takes_nothing)
{
	struct world *w = world_all(
		"egress = { addresses = ( { address = \"192.0.2.10\"; } ); };\n" ALL_KINDS);
	name_set(w, "10.2.0.192.in-addr.arpa", DNS_PTR,
		"e.example d.example c.example b.example a.example a.example z.f.example");
	world_run(w, 100);
	ck_assert_str_eq(names(w),
		"192.0.2.10(egress) a.example(ptr) b.example(ptr) c.example(ptr) "
		"d.example(ptr) ");
	w->mode = ZONE_SERVFAIL;
	world_run(w, 10000);
	ck_assert_ptr_nonnull(strstr(names(w), "d.example(ptr)"));
	world_free(w);
}
END_TEST

START_TEST(found_addresses)
{
	struct world *w = world_all("egress = { addresses = ( { address = \"auto\"; }, { address = "
				    "\"192.0.2.10\"; } ); };\n" ALL_KINDS);
	static const char *const found[] = {"192.0.2.10", "198.51.100.3", "10.0.0.5", "100.64.1.1",
		"169.254.3.4", "192.168.1.1", "172.20.0.1", "127.0.0.1", "fe80::1", "fd00::1",
		"::1", "2001:db8::7"};
	struct egress_address address[16] = {0};
	size_t n = sizeof(found) / sizeof(found[0]);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(ip_parse(span_of(found[i]), &address[i].ip), 0);
		snprintf(address[i].origin, sizeof(address[i].origin), "interface eth0");
		snprintf(address[i].helo, sizeof(address[i].helo), "h%zu.example", i);
	}
	egress_addresses_found(w->e, address, n, "some", w->now);
	world_run(w, 100);
	ck_assert_str_eq(egress_addresses_note(w->e), "some");
	ck_assert_str_eq(egress_address_at(w->e, 0)->origin, "egress.addresses");
	ck_assert_str_eq(egress_address_at(w->e, 0)->helo, "h0.example");
	ck_assert_str_eq(egress_address_at(w->e, 1)->origin, "interface eth0");
	ck_assert_ptr_nonnull(egress_address_at(w->e, n - 1));
	ck_assert_ptr_null(egress_address_at(w->e, n));
	ck_assert_int_eq(
		strncmp(names(w), "192.0.2.10(egress) 198.51.100.3(egress) 2001:db8::7(egress) h0",
			62),
		0);
	ck_assert_str_eq(world_verdict(w, "2001:db8::7", "all"), "clean");
	egress_addresses_found(w->e, NULL, 0, "", w->now);
	ck_assert_str_eq(names(w), "192.0.2.10(egress) ");
	world_free(w);
}
END_TEST

START_TEST(too_many_names)
{
	static char text[32768];
	size_t n = (size_t)snprintf(text, sizeof(text),
		"egress = { addresses = ( { address = \"192.0.2.10\"; helo = \"mx.first.example\"; "
		"} ); "
		"};\n" ALL_KINDS "local_domains = [ ");
	for (int i = 0; i < 300; i++)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "%s\"d%d.example\"", i ? ", " : "", i);
	snprintf(text + n, sizeof(text) - n, " ];\n");
	struct world *w = world_all(text);
	world_run(w, 100);
	struct egress_figures figures;
	egress_figures(w->e, &figures);
	/* The rest of the room is for PTR names. */
	ck_assert_uint_eq(figures.domains, EGRESS_DOMAINS_MAX - 64);
	ck_assert_uint_eq(figures.records, 1 + EGRESS_DOMAINS_MAX - 64);
	ck_assert_uint_eq(w->note_n, 1);
	ck_assert_int_eq(
		strncmp(w->note[0], "110 names of ours are not looked up, 256 are the most", 53),
		0);
	ck_assert_ptr_nonnull(strstr(names(w), "mx.first.example(helo)"));
	/* Said once. */
	world_run(w, 10000);
	ck_assert_uint_eq(w->note_n, 1);
	ck_assert_uint_eq(w->open_most, EGRESS_IN_FLIGHT_MAX);
	world_free(w);
}
END_TEST

/* local_domains may be anybody's, until we say what is ours. */
static const struct {
	const char *text, *names;
} given[] = {
	{"local_domains = [ \"example.com\" ];\n", ""},
	{"egress = { domains = [ \"example.org\" ]; };\nlocal_domains = [ \"example.com\" ];\n",
		"example.org(egress.domains) example.com(local_domains) "},
	{"egress = { domains = [ \"a.b.c.d.example.org\" ]; };\n",
		"a.b.c.d.example.org(egress.domains) d.example.org(egress.domains) "
		"example.org(egress.domains) "},
	{"egress = { domains = [ \"b.c.example.org\", \"x.c.example.org\" ]; };\n",
		"b.c.example.org(egress.domains) c.example.org(egress.domains) "
		"example.org(egress.domains) x.c.example.org(egress.domains) "},
	/* A test point of the list; and one below it, which is a name like others. */
	{"egress = { domains = [ \"dbltest.com\", \"a.dbltest.com\", \"b.example\" ]; };\n",
		"a.dbltest.com(egress.domains) b.example(egress.domains) "},
	{"egress = { addresses = ( { address = \"192.0.2.10\"; helo = \"a.192.0.2.1\"; } ); };\n",
		"192.0.2.10(egress) "},
	{"egress = { addresses = ( { address = \"192.0.2.10\"; helo = \"mx.example.1a\"; } ); };\n",
		"192.0.2.10(egress) mx.example.1a(helo) example.1a(helo) "},
};

START_TEST(names_that_are_asked)
{
	char text[2048];
	snprintf(text, sizeof(text),
		"%sblocklists = ( { name = \"all\"; zone = \"all.test\"; test_listed = [ "
		"\"127.0.0.2\", \"dbltest.com\" ]; subjects = [ \"ipv4\", \"domain\" ]; } );\n",
		given[_i].text);
	struct world *w = world_all(text);
	world_run(w, 10);
	ck_assert_str_eq(names(w), given[_i].names);
	world_free(w);
}
END_TEST

/* Of a DNS that others write: no room is taken from what is ours, and some is kept for it. */
START_TEST(ptr_names_have_their_room)
{
	static char text[32768];
	size_t n = (size_t)snprintf(text, sizeof(text),
		ALL_KINDS "egress = { domains = [ \"e.example\" ]; addresses = ( ");
	for (int i = 0; i < 30; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s{ address = \"192.0.2.%d\"; }",
			i ? ", " : "", i + 1);
	n += (size_t)snprintf(text + n, sizeof(text) - n, " ); };\nlocal_domains = [ ");
	for (int i = 0; i < 200; i++)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "%s\"d%d.example\"", i ? ", " : "", i);
	snprintf(text + n, sizeof(text) - n, " ];\n");
	struct world *w = world_all(text);
	for (int i = 0; i < 30; i++) {
		char name[64], data[200];
		snprintf(name, sizeof(name), "%d.2.0.192.in-addr.arpa", i + 1);
		snprintf(data, sizeof(data), "p%d.example q%d.example r%d.example", i, i, i);
		name_set(w, name, DNS_PTR, data);
	}
	world_run(w, 100);
	struct egress_figures figures;
	egress_figures(w->e, &figures);
	ck_assert_uint_eq(figures.domains, EGRESS_DOMAINS_MAX);
	/* 9 of ours, 26 of the 90. */
	ck_assert_uint_eq(figures.cut, 201 - 192 + 90 - 64);
	ck_assert_ptr_nonnull(strstr(names(w), "d190.example(local_domains)"));
	ck_assert_ptr_null(strstr(names(w), "d191.example("));
	ck_assert_ptr_nonnull(strstr(names(w), "p0.example(ptr)"));
	world_free(w);
}
END_TEST

/* ---- rows of a check ---- */

static bool since_each(void *ctx, const struct listing *listing)
{
	*(struct listing *)ctx = *listing;
	return true;
}

/* How long it has been so is not known of what differs from the verdict. */
START_TEST(since_is_the_verdicts)
{
	struct world *w = two();
	struct listing row = {0};
	world_run(w, 100);
	wall_t since = world_listing(w, ME, "v4").listing.since;
	ck_assert_int_ne(since.us, 0);
	egress_check check = begin(w, ME, "v4", 10);
	world_run(w, 1);
	egress_check_listings(w->e, check, w->now, since_each, &row);
	ck_assert_int_eq(row.seen, SEEN_CLEAN);
	ck_assert_int_eq(row.since.us, since.us);
	zone_list(w, "10.2.0.192.v4.test", "127.0.0.2");
	check = begin(w, ME, "v4", 10);
	world_run(w, 1);
	egress_check_listings(w->e, check, w->now, since_each, &row);
	ck_assert_int_eq(row.seen, SEEN_LISTED);
	ck_assert_int_eq(row.since.us, 0);
	ck_assert_str_eq(world_verdict(w, ME, "v4"), "clean");
	world_free(w);
}
END_TEST

START_TEST(name_that_is_too_long)
{
	char label[64], text[1024];
	memset(label, 'a', 63);
	label[63] = '\0';
	snprintf(text, sizeof(text),
		"egress = { domains = [ \"%s.%s.%s.example\" ]; };\n"
		"blocklists = ( { name = \"d\"; zone = \"%s.test\"; subjects = [ \"domain\" ]; } "
		");\n",
		label, label, label, label);
	struct world *w = world_new(text);
	snprintf(text, sizeof(text), "%s.test", label);
	(void)zone_of(w, text);
	world_run(w, 30);
	ck_assert_str_eq(world_state(w, "d"), "OK");
	snprintf(text, sizeof(text), "%s.%s.%s.example", label, label, label);
	ck_assert_str_eq(world_listing(w, text, "d").why, "it could not be asked");
	snprintf(text, sizeof(text), "%s.example", label);
	ck_assert_str_eq(world_verdict(w, text, "d"), "clean");
	world_free(w);
}
END_TEST

static void no_question(struct world *w, const struct world_open *open)
{
	size_t *n = w->ctx;
	*n += strcmp(open->name, V6 "a.test") == 0;
}

START_TEST(nibbles)
{
	struct world *w = two();
	size_t n = 0;
	w->ctx = &n;
	w->on_ask = no_question;
	zone_list(w, V6 "a.test", "127.0.0.2");
	egress_check check = begin(w, "2001:db8::25", "a", 10);
	world_run(w, 1);
	ck_assert_uint_ge(n, 1);
	ck_assert_str_eq(shown(w, check), "2001:db8::25 a listed; ");
	world_free(w);
}
END_TEST

/* Points that speak for what is none of ours are asked only by who asks for the points. */
START_TEST(points_of_the_other_family)
{
	struct world *w = world_new("egress = { addresses = ( { address = \"192.0.2.10\"; } ); };\n"
				    "blocklists = ( { name = \"a\"; zone = \"a.test\"; } );\n");
	egress_check check;
	zone_of(w, "a.test")->test[2][0] = '\0';
	world_run(w, 20);
	ck_assert_str_eq(world_state(w, "a"), "OK");
	ck_assert_str_eq(world_verdict(w, ME, "a"), "clean");
	const struct egress_check_query query = {.list = SPAN("a"), .only_tests = true};
	ck_assert_int_eq(egress_check_begin(w->e, &query, MONO_NEVER, w->now, &check, NULL), 0);
	world_run(w, 1);
	ck_assert_uint_eq(state_of(w, check).total, 4);
	ck_assert_ptr_nonnull(strstr(tests(w, check),
		"a 2.0.0.0.0.0.f.7.f.f.f.f.0.0.0. listed wrong [not listed] OK; "));
	/* Which takes nothing from what we know of ours. */
	ck_assert_int_eq(world_listing(w, ME, "a").listing.seen, SEEN_CLEAN);
	ck_assert_str_eq(world_state(w, "a"), "OK");
	world_configure(w, "egress = { addresses = ( { address = \"2001:db8::1\"; } ); };\n"
			   "blocklists = ( { name = \"a\"; zone = \"a.test\"; } );\n");
	world_run(w, 1000);
	ck_assert_str_eq(world_state(w, "a"), "OK");
	ck_assert_str_eq(world_verdict(w, "2001:db8::1", "a"), "unknown");
	world_free(w);
}
END_TEST

int main(void)
{
	const struct suite_row suite[] = {
		{"all_lists_all_subjects", all_lists_all_subjects, 0},
		{"checks_count_by_the_same_rule", checks_count_by_the_same_rule, 0},
		{"deadline_leaves_unknown", deadline_leaves_unknown, 0},
		{"lists_that_cannot_be_believed", lists_that_cannot_be_believed, ROWS(bad)},
		{"one_unanswered", one_unanswered, 0},
		{"test_points_only", test_points_only, 0},
		{"every_test_point_is_asked", every_test_point_is_asked, 0},
		{"what_there_is_not", what_there_is_not, ROWS(wrong)},
		{"subjects_as_people_write_them", subjects_as_people_write_them, ROWS(spellings)},
		{"sixteen_at_once", sixteen_at_once, 0},
		{"nothing_to_check", nothing_to_check, 0},
		{"goes_on_over_a_reload", goes_on_over_a_reload, 0},
		{"names_of_ours", names_of_ours, 0},
		{"ptr_that_fails_takes_nothing", ptr_that_fails_takes_nothing, 0},
		{"found_addresses", found_addresses, 0},
		{"too_many_names", too_many_names, 0},
		{"names_that_are_asked", names_that_are_asked, ROWS(given)},
		{"ptr_names_have_their_room", ptr_names_have_their_room, 0},
		{"since_is_the_verdicts", since_is_the_verdicts, 0},
		{"name_that_is_too_long", name_that_is_too_long, 0},
		{"nibbles", nibbles, 0},
		{"points_of_the_other_family", points_of_the_other_family, 0},
	};
	return SUITE_RUN("egress_check", suite);
}
