/* SPDX-License-Identifier: ISC */
/* egress.h: verdicts. N of M, TTL, aging, codes, events; what there is to ask about. */
#include <unistd.h>

#include "egress_world.h"
#include "suite.h"

#define ONE                                                                                        \
	"egress = { addresses = ( { address = \"192.0.2.10\"; } ); };\n"                           \
	"blocklists = ( { name = \"a\"; zone = \"a.test\"; codes = ("                              \
	"{ code = \"127.0.0.2\"; kind = \"behaviour\"; severity = 5; text = \"Spam\"; },"          \
	"{ code = \"127.0.0.3\"; kind = \"behaviour\"; severity = 4; text = \"Bot\"; },"           \
	"{ code = \"127.0.0.10-11\"; kind = \"policy\"; severity = 4; text = \"Dynamic\"; },"      \
	"{ code = \"127.0.0.20\"; kind = \"neighbour\"; severity = 1; text = \"ASN\"; },"          \
	"{ code = \"127.0.0.30\"; kind = \"welcome\"; severity = 1; text = \"Good\"; }"            \
	" ); } );\n"
#define NAME "10.2.0.192.a.test"
#define ME   "192.0.2.10"

static struct world *one(void)
{
	struct world *w = world_new(ONE);
	(void)zone_of(w, "a.test");
	world_run(w, 10);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "clean");
	ck_assert_str_eq(world_state(w, "a"), "OK");
	world_log_clear(w);
	return w;
}

/* Until the last answer is that; a second later it is as well. */
static void run_until(struct world *w, enum verdict_state seen)
{
	for (int i = 0; i < 1100 && world_listing(w, ME, "a").listing.seen != seen; i++)
		world_run(w, 1);
	ck_assert_int_eq(world_listing(w, ME, "a").listing.seen, seen);
}

/* ---- N of M ---- */

START_TEST(listed_by_the_second_look)
{
	struct world *w = one();
	zone_list(w, NAME, "127.0.0.2");
	world_run(w, 1200);
	/* The look of the cycle, and the recheck at TTL + 1 s. */
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	ck_assert_uint_eq(w->event_n, 1);
	ck_assert_str_eq(w->event[0],
		"!egress:192.0.2.10 a clean -> listed: 127.0.0.2 Spam (behaviour, severity 5)");
	struct world_find find = world_listing(w, ME, "a");
	ck_assert_int_eq(find.listing.severity, 5);
	ck_assert_int_eq(find.listing.kind, LISTING_BEHAVIOUR);
	ck_assert_uint_eq(find.listing.code_n, 1);
	ck_assert_mem_eq(find.listing.code[0], "\x7f\0\0\2", 4);
	ck_assert_str_eq(find.listing.worst->text, "Spam");
	ck_assert_int_eq(find.listing.score, -1);
	ck_assert_uint_gt(find.listing.listed_looks, 1);
	world_free(w);
}
END_TEST

static int64_t asked_at[64];
static size_t asked_n;

static void note_ask(struct world *w, const struct world_open *open)
{
	if (strcmp(open->name, NAME) == 0 && open->type == DNS_A && asked_n < 64)
		asked_at[asked_n++] = w->now.mono.us;
}

/* The TTL of the first listed answer, and how long after it the next question comes. */
static const struct {
	uint32_t ttl_s;
	int64_t wait_s;
} rechecks[] = {{0, 60}, {1, 60}, {30, 60}, {58, 60}, {60, 61}, {120, 121}, {200, 201}};

START_TEST(recheck_at_ttl_and_one_second)
{
	struct world *w = one();
	zone_of(w, "a.test")->ttl_s = rechecks[_i].ttl_s;
	zone_list(w, NAME, "127.0.0.2");
	w->on_ask = note_ask;
	asked_n = 0;
	world_run(w, 1200);
	ck_assert_uint_ge(asked_n, 2);
	int64_t wait_us = asked_at[1] - asked_at[0] - w->latency_us;
	ck_assert_int_ge(wait_us, rechecks[_i].wait_s * SECOND_US);
	ck_assert_int_le(wait_us, rechecks[_i].wait_s * SECOND_US + SECOND_US / 10);
	ck_assert_uint_eq(world_events(w, "egress:", "-> listed"), 1);
	world_free(w);
}
END_TEST

START_TEST(one_cached_answer_confirms_nothing)
{
	struct world *w = one();
	w->has_cache = true;
	zone_of(w, "a.test")->ttl_s = 3600;
	zone_list(w, NAME, "127.0.0.2");
	/* Looked at every five minutes or so, the answer is one and the same for an hour. */
	run_until(w, SEEN_LISTED);
	for (int i = 0; i < 10; i++) {
		world_run(w, 300);
		ck_assert_str_ne(world_verdict(w, ME, "a"), "listed");
		ck_assert_uint_eq(world_listing(w, ME, "a").listing.listed_looks, 1);
	}
	world_run(w, 900);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	world_free(w);
}
END_TEST

/* No TTL, however long, freezes a verdict for more than a day. */
START_TEST(week_long_ttl)
{
	struct world *w = one();
	zone_of(w, "a.test")->ttl_s = 7 * 86400;
	zone_list(w, NAME, "127.0.0.2");
	run_until(w, SEEN_LISTED);
	world_run(w, 86300);
	ck_assert_str_ne(world_verdict(w, ME, "a"), "listed");
	world_run(w, 200);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	world_free(w);
}
END_TEST

START_TEST(lowered_by_three_clean_looks)
{
	struct world *w = one();
	zone_list(w, NAME, "127.0.0.2");
	world_run(w, 1200);
	world_log_clear(w);
	zone_list(w, NAME, NULL);
	unsigned seen_one = 0, seen_two = 0;
	run_until(w, SEEN_CLEAN);
	for (int i = 0; i < 60 && strcmp(world_verdict(w, ME, "a"), "listed") == 0; i++) {
		world_run(w, 5);
		struct world_find find = world_listing(w, ME, "a");
		seen_one += find.listing.clean_looks == 1 && find.listing.seen == SEEN_CLEAN;
		seen_two += find.listing.clean_looks == 2 && find.listing.seen == SEEN_CLEAN;
	}
	ck_assert_uint_gt(seen_one, 0);
	ck_assert_uint_gt(seen_two, 0);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "clean");
	ck_assert_uint_eq(w->event_n, 1);
	ck_assert_str_eq(w->event[0], "egress:192.0.2.10 a listed -> clean");
	/* What led to the old listing does not help to raise a new one. */
	struct world_find find = world_listing(w, ME, "a");
	ck_assert_uint_eq(find.listing.listed_looks, 0);
	ck_assert_uint_eq(find.listing.code_n, 0);
	world_free(w);
}
END_TEST

/* What the looks at one subject say, with "L" and "C", each one fresh; and the verdicts after each. */
static const struct {
	const char *settings, *looks, *verdicts;
} sequences[] = {
	{"", "C", "C"},
	{"", "L", "?"},
	{"", "LL", "?L"},
	{"", "LC", "?C"},
	{"", "LCL", "?CL"},
	{"", "CLCCL", "CCCCC"},
	{"", "CLCL", "CCCL"},
	{"", "CLL", "CCL"},
	{"", "CLLCLCC", "CCLLLLL"},
	{"", "CLLCCLCCC", "CCLLLLLLC"},
	{"", "CLLCCCL", "CCLLLCC"},
	{"", "CLLCCCLL", "CCLLLCCL"},
	{"", "LLCCCLCL", "?LLLCCCL"},
	{"listed_looks = 1; listed_of = 1; clean_looks = 1;", "CLCL", "CLCL"},
	{"listed_looks = 3; listed_of = 3; clean_looks = 2;", "CLLCLLLCC", "CCCCCCLLC"},
	{"listed_looks = 2; listed_of = 5; clean_looks = 3;", "CLCCCL", "CCCCCL"},
	{"listed_looks = 2; listed_of = 5; clean_looks = 3;", "CLCCCCL", "CCCCCCC"},
	{"listed_looks = 2; listed_of = 10; clean_looks = 2;", "LLCCLCL", "?LLCCCL"},
	{"listed_looks = 10; listed_of = 10; clean_looks = 10;", "LLLLLLLLLL", "?????????L"},
	{"listed_looks = 5; listed_of = 10; clean_looks = 1;", "LCLCLCLCL", "?CCCCCCCL"},
};

static char verdict_letter(struct world *w)
{
	return "?CL"[world_listing(w, ME, "a").listing.verdict];
}

START_TEST(n_of_m)
{
	char text[4096], got[32] = "", want[32] = "";
	snprintf(text, sizeof(text),
		"egress = { %s addresses = ( { address = \"192.0.2.10\"; } ); };\n"
		"blocklists = ( { name = \"a\"; zone = \"a.test\"; interval = \"1d\"; } );\n",
		sequences[_i].settings);
	struct world *w = world_new(text);
	(void)zone_of(w, "a.test");
	for (size_t i = 0; sequences[_i].looks[i]; i++) {
		egress_check check;
		zone_list(w, NAME, sequences[_i].looks[i] == 'L' ? "127.0.0.2" : NULL);
		/* By checks, and faster than a recheck could come between. */
		if (i > 0)
			zone_of(w, "a.test")->ttl_s = zone_of(w, "a.test")->negative_ttl_s = 20;
		const struct egress_check_query all = {0};
		zone_of(w, "a.test")->ttl_s = zone_of(w, "a.test")->negative_ttl_s = 2;
		ck_assert_int_eq(
			egress_check_begin(w->e, &all, MONO_NEVER, w->now, &check, NULL), 0);
		world_pump(w);
		/* Only the check is answered: its looks are all there is. */
		world_set(w, w->now.mono.us + w->latency_us);
		while (world_answer_due(w))
			world_pump(w);
		egress_check_drop(w->e, check);
		world_set(w, w->now.mono.us + 3 * SECOND_US);
		got[i] = verdict_letter(w);
		want[i] = sequences[_i].verdicts[i];
		/* A clean verdict that one listed look speaks against stays. */
	}
	ck_assert_msg(strcmp(got, want) == 0, "row %d: %s: %s, should be %s", _i,
		sequences[_i].looks, got, want);
	world_free(w);
}
END_TEST

/* ---- aging ---- */

static const struct {
	const char *interval;
	enum zone_mode mode;
	int64_t age_s;
} agings[] = {
	{"15m", ZONE_SERVFAIL, 2700},
	{"15m", ZONE_TIMEOUT, 2700},
	{"15m", ZONE_SILENT, 2700},
	{"15m", ZONE_FULL, 2700},
	{"10m", ZONE_SERVFAIL, 1800},
	{"1m", ZONE_SERVFAIL, 900},
	{"10s", ZONE_SILENT, 900},
	{"1h", ZONE_RCODE, 10800},
	{"5m", ZONE_MALFORMED, 900},
};

START_TEST(not_renewed_is_unknown)
{
	char text[1024];
	snprintf(text, sizeof(text),
		"egress = { addresses = ( { address = \"192.0.2.10\"; },"
		"{ address = \"192.0.2.11\"; } ); };\n"
		"blocklists = ( { name = \"a\"; zone = \"a.test\"; interval = \"%s\"; } );\n",
		agings[_i].interval);
	struct world *w = world_new(text);
	(void)zone_of(w, "a.test");
	zone_list(w, NAME, "127.0.0.2");
	world_run(w, 70);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	world_log_clear(w);
	struct world_find last = world_listing(w, ME, "a");
	int64_t looked_us = last.listing.looked.us;
	/* What came last before the trouble begins. */
	w->mode = agings[_i].mode;
	int64_t left_s = agings[_i].age_s - (w->now.wall.us - looked_us) / SECOND_US;
	world_run(w, (double)left_s - 25);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	world_run(w, 100);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "unknown");
	ck_assert_str_eq(world_verdict(w, "192.0.2.11", "a"), "unknown");
	ck_assert_uint_eq(world_events(w, "egress:192.0.2.10 a", "listed -> unknown"), 1);
	ck_assert_uint_eq(world_events(w, "egress:192.0.2.11 a", "clean -> unknown"), 1);
	const char *why =
		agings[_i].mode == ZONE_SILENT ? "" : "UNREACHABLE: test point 2.0.0.127: ";
	ck_assert_ptr_nonnull(strstr(world_listing(w, ME, "a").why, why));
	world_free(w);
}
END_TEST

/* Aged from listed: three clean looks; from clean: one. */
START_TEST(after_unknown)
{
	struct world *w = one();
	zone_list(w, NAME, "127.0.0.2");
	world_run(w, 1200);
	w->mode = ZONE_SERVFAIL;
	world_run(w, 4000);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "unknown");
	world_log_clear(w);
	zone_list(w, NAME, NULL);
	w->mode = ZONE_OK;
	unsigned clean_seen = 0;
	run_until(w, SEEN_CLEAN);
	for (int i = 0; i < 100 && strcmp(world_verdict(w, ME, "a"), "clean") != 0; i++) {
		world_run(w, 10);
		struct world_find find = world_listing(w, ME, "a");
		if (find.listing.seen == SEEN_CLEAN && find.listing.verdict == SEEN_UNKNOWN) {
			clean_seen |= 1u << find.listing.clean_looks;
			ck_assert_ptr_nonnull(strstr(find.why, "of 3 looks"));
		}
	}
	ck_assert_uint_eq(clean_seen, 1u << 1 | 1u << 2);
	ck_assert_uint_eq(world_events(w, "egress:", "unknown -> clean"), 1);
	w->mode = ZONE_SERVFAIL;
	world_run(w, 4000);
	w->mode = ZONE_OK;
	world_log_clear(w);
	world_run(w, 400);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "clean");
	world_free(w);
}
END_TEST

/* A listing stays one while the list says clean, until it has said so three times. */
START_TEST(long_ttl_does_not_age_a_listing)
{
	struct world *w = one();
	w->has_cache = true;
	zone_list(w, NAME, "127.0.0.2");
	world_run(w, 1200);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	zone_list(w, NAME, NULL);
	zone_of(w, "a.test")->negative_ttl_s = 4000;
	run_until(w, SEEN_CLEAN);
	world_run(w, 7900);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	world_run(w, 600);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "clean");
	ck_assert_uint_eq(world_events(w, "egress:", "unknown"), 0);
	world_free(w);
}
END_TEST

/* But what a list calls listed all the time is not called clean by us for hours. */
START_TEST(contested_clean_becomes_unknown)
{
	struct world *w = one();
	w->has_cache = true;
	zone_of(w, "a.test")->ttl_s = 20000;
	zone_list(w, NAME, "127.0.0.2");
	world_run(w, 4000);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "unknown");
	ck_assert_str_eq(world_listing(w, ME, "a").why, "listed in 1 of 2 looks that it takes");
	world_run(w, 20000);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	world_free(w);
}
END_TEST

/* ---- codes ---- */

START_TEST(codes_change_after_as_many_looks)
{
	struct world *w = one();
	zone_list(w, NAME, "127.0.0.3");
	world_run(w, 1200);
	world_log_clear(w);
	zone_list(w, NAME, "127.0.0.2 127.0.0.10");
	unsigned seen_first = 0;
	for (int i = 0; i < 100 && w->event_n == 0; i++) {
		world_run(w, 10);
		struct world_find find = world_listing(w, ME, "a");
		seen_first += find.listing.code_n == 1 && find.listing.code[0][3] == 3 &&
			      find.listing.seen == SEEN_LISTED;
	}
	ck_assert_uint_gt(seen_first, 0);
	ck_assert_str_eq(w->event[0],
		"!egress:192.0.2.10 a listed -> listed: 127.0.0.2, 127.0.0.10 Spam (behaviour, "
		"severity 5)");
	world_run(w, 5000);
	ck_assert_uint_eq(w->event_n, 1);
	ck_assert_uint_eq(world_listing(w, ME, "a").listing.code_n, 2);
	world_free(w);
}
END_TEST

START_TEST(codes_that_alternate_are_no_news)
{
	struct world *w = one();
	zone_list(w, NAME, "127.0.0.3");
	world_run(w, 1200);
	world_log_clear(w);
	for (int i = 0; i < 40; i++) {
		zone_list(w, NAME, i & 1 ? "127.0.0.3" : "127.0.0.2");
		egress_check check;
		const struct egress_check_query all = {0};
		ck_assert_int_eq(
			egress_check_begin(w->e, &all, MONO_NEVER, w->now, &check, NULL), 0);
		world_run(w, 1);
		egress_check_drop(w->e, check);
		/* Beside each other: no cycle sees another one than the check. */
		world_sleep(w, 61);
	}
	ck_assert_uint_eq(world_events(w, "egress:", "listed -> listed"), 0);
	world_free(w);
}
END_TEST

/* The worst by kind, then by severity; what the event is worth. */
static const struct {
	const char *codes, *event;
} worsts[] = {
	{"127.0.0.3 127.0.0.2", "!egress:192.0.2.10 a clean -> listed: 127.0.0.2, 127.0.0.3 Spam "
				"(behaviour, severity 5)"},
	{"127.0.0.11",
		"!egress:192.0.2.10 a clean -> listed: 127.0.0.11 Dynamic (policy, severity 4)"},
	{"127.0.0.10 127.0.0.3",
		"!egress:192.0.2.10 a clean -> listed: 127.0.0.3, 127.0.0.10 Bot (behaviour, "
		"severity 4)"},
	{"127.0.0.20",
		"egress:192.0.2.10 a clean -> listed: 127.0.0.20 ASN (neighbour, severity 1)"},
	{"127.0.0.30",
		"egress:192.0.2.10 a clean -> listed: 127.0.0.30 Good (welcome, severity 1)"},
	{"127.0.0.2 127.0.0.99", "!egress:192.0.2.10 a clean -> listed: 127.0.0.2 Spam (behaviour, "
				 "severity 5)"},
	{"127.0.0.1 127.0.0.2", "!egress:192.0.2.10 a clean -> listed: 127.0.0.2 Spam (behaviour, "
				"severity 5)"},
};

START_TEST(worst_code)
{
	struct world *w = one();
	zone_list(w, NAME, worsts[_i].codes);
	world_run(w, 1200);
	ck_assert_uint_eq(w->event_n, 1);
	ck_assert_str_eq(w->event[0], worsts[_i].event);
	world_free(w);
}
END_TEST

START_TEST(losing_a_good_word_is_grave)
{
	struct world *w = one();
	zone_list(w, NAME, "127.0.0.30");
	world_run(w, 1200);
	world_log_clear(w);
	zone_list(w, NAME, NULL);
	world_run(w, 1500);
	ck_assert_uint_eq(w->event_n, 1);
	ck_assert_str_eq(w->event[0], "!egress:192.0.2.10 a listed -> clean");
	world_free(w);
}
END_TEST

START_TEST(unmatched_code_is_unknown)
{
	struct world *w = one();
	zone_list(w, NAME, "127.0.0.99");
	world_run(w, 4000);
	struct world_find find = world_listing(w, ME, "a");
	ck_assert_int_eq(find.listing.verdict, SEEN_UNKNOWN);
	ck_assert_str_eq(find.why, "code 127.0.0.99 is not known of this list");
	ck_assert_str_eq(world_state(w, "a"), "OK");
	ck_assert_uint_eq(world_events(w, "egress:", "clean -> unknown: code 127.0.0.99"), 1);
	ck_assert_uint_eq(w->event_n, 1);
	world_free(w);
}
END_TEST

#define SCORE                                                                                      \
	"egress = { addresses = ( { address = \"192.0.2.10\"; } ); };\n"                           \
	"blocklists = ( { name = \"a\"; zone = \"a.test\"; codes = ("                              \
	"{ code = \"127.0.4.0-69\"; kind = \"behaviour\"; severity = 2; text = \"low\"; },"        \
	"{ code = \"127.0.4.70-100\"; kind = \"score\"; severity = 1; text = \"good\"; } ); } "    \
	");\n"

START_TEST(scores_move_silently)
{
	struct world *w = world_new(SCORE);
	(void)zone_of(w, "a.test");
	zone_list(w, NAME, "127.0.4.95");
	world_run(w, 200);
	ck_assert_uint_eq(world_events(w, "egress:", "unknown -> listed"), 1);
	ck_assert_int_eq(world_listing(w, ME, "a").listing.score, 95);
	world_log_clear(w);
	for (int i = 0; i < 20; i++) {
		char code[16];
		snprintf(code, sizeof(code), "127.0.4.%d", 90 - i);
		zone_list(w, NAME, code);
		world_run(w, 1200);
		ck_assert_int_eq(world_listing(w, ME, "a").listing.score, 90 - i);
	}
	ck_assert_uint_eq(w->event_n, 0);
	zone_list(w, NAME, "127.0.4.60");
	world_run(w, 3000);
	ck_assert_uint_eq(w->event_n, 1);
	ck_assert_str_eq(w->event[0],
		"!egress:192.0.2.10 a listed -> listed: 127.0.4.60 low (behaviour, severity 2)");
	ck_assert_int_eq(world_listing(w, ME, "a").listing.score, 60);
	world_free(w);
}
END_TEST

/* ---- TXT ---- */

START_TEST(text_is_asked_once)
{
	struct world *w = one();
	char long_text[290];
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	memcpy(long_text, "see\033[2J \xc3\xa9", 10);
	name_set(w, NAME, DNS_TXT, long_text);
	zone_list(w, NAME, "127.0.0.2");
	w->on_ask = NULL;
	size_t before = w->asked;
	world_run(w, 1200);
	ck_assert_uint_gt(w->asked, before);
	struct world_find find = world_listing(w, ME, "a");
	ck_assert_int_eq(strncmp(find.text, "see?[2J ??", 10), 0);
	ck_assert_uint_eq(strlen(find.text), LISTING_TEXT_SIZE - 1);
	/* Not again while nothing changes; again with other codes. */
	name_set(w, NAME, DNS_TXT, "other");
	world_run(w, 5000);
	ck_assert_int_eq(strncmp(world_listing(w, ME, "a").text, "see", 3), 0);
	zone_list(w, NAME, "127.0.0.3");
	world_run(w, 1200);
	ck_assert_str_eq(world_listing(w, ME, "a").text, "other");
	zone_list(w, NAME, NULL);
	world_run(w, 2000);
	ck_assert_str_eq(world_listing(w, ME, "a").text, "");
	world_free(w);
}
END_TEST

/* Its answer was lost: again with the next look. */
START_TEST(text_that_is_missed)
{
	struct world *w = one();
	name_set(w, NAME, DNS_TXT, "see");
	zone_list(w, NAME, "127.0.0.2");
	w->loses_text = true;
	world_run(w, 1200);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	ck_assert_str_eq(world_listing(w, ME, "a").text, "");
	w->loses_text = false;
	world_run(w, 1200);
	ck_assert_str_eq(world_listing(w, ME, "a").text, "see");
	world_free(w);
}
END_TEST

/* Lists repeat the name that was asked, and the key in it, as they like to write it. */
START_TEST(text_without_the_key)
{
	char path[] = "/tmp/policyd-key-XXXXXX", text[1024];
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "secretkey99\n", 12), 12);
	ck_assert_int_eq(close(fd), 0);
	snprintf(text, sizeof(text),
		"egress = { addresses = ( { address = \"192.0.2.10\"; } ); };\nblocklists = ( { "
		"name = \"a\"; zone = \"<key>.a.test\"; key_file = \"%s\"; } );\n",
		path);
	struct world *w = world_new(text);
	ck_assert_int_eq(unlink(path), 0);
	(void)zone_of(w, "secretkey99.a.test");
	zone_list(w, "10.2.0.192.secretkey99.a.test", "127.0.0.2");
	name_set(w, "10.2.0.192.secretkey99.a.test", DNS_TXT,
		"see http://a.test/SecretKEY99?secretkey99 secretkey9");
	world_run(w, 1200);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	ck_assert_str_eq(
		world_listing(w, ME, "a").text, "see http://a.test/<key>?<key> secretkey9");
	world_free(w);
}
END_TEST

int main(void)
{
	const struct suite_row suite[] = {
		{"listed_by_the_second_look", listed_by_the_second_look, 0},
		{"recheck_at_ttl_and_one_second", recheck_at_ttl_and_one_second, ROWS(rechecks)},
		{"one_cached_answer_confirms_nothing", one_cached_answer_confirms_nothing, 0},
		{"week_long_ttl", week_long_ttl, 0},
		{"lowered_by_three_clean_looks", lowered_by_three_clean_looks, 0},
		{"n_of_m", n_of_m, ROWS(sequences)},
		{"not_renewed_is_unknown", not_renewed_is_unknown, ROWS(agings)},
		{"after_unknown", after_unknown, 0},
		{"long_ttl_does_not_age_a_listing", long_ttl_does_not_age_a_listing, 0},
		{"contested_clean_becomes_unknown", contested_clean_becomes_unknown, 0},
		{"codes_change_after_as_many_looks", codes_change_after_as_many_looks, 0},
		{"codes_that_alternate_are_no_news", codes_that_alternate_are_no_news, 0},
		{"worst_code", worst_code, ROWS(worsts)},
		{"losing_a_good_word_is_grave", losing_a_good_word_is_grave, 0},
		{"unmatched_code_is_unknown", unmatched_code_is_unknown, 0},
		{"scores_move_silently", scores_move_silently, 0},
		{"text_is_asked_once", text_is_asked_once, 0},
		{"text_that_is_missed", text_that_is_missed, 0},
		{"text_without_the_key", text_without_the_key, 0},
	};
	return SUITE_RUN("egress", suite);
}
