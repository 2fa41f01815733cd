/* SPDX-License-Identifier: ISC */
/* egress.h: whether a list can be believed, what its answers mean, and when it is asked. */
#include "egress_world.h"
#include "suite.h"

#define ADDRESSES                                                                                  \
	"egress = { addresses = ( { address = \"192.0.2.10\"; }, { address = \"192.0.2.11\"; } "   \
	"); };\n"
#define ONE  ADDRESSES "blocklists = ( { name = \"a\"; zone = \"a.test\"; } );\n"
#define NAME "10.2.0.192.a.test"
#define ME   "192.0.2.10"

static struct world *world_of(const char *text, double seconds)
{
	struct world *w = world_new(text);
	(void)zone_of(w, "a.test");
	(void)zone_of(w, "b.test");
	zone_list(w, "11.2.0.192.a.test", "127.0.0.2");
	world_run(w, seconds);
	return w;
}

/* ---- states ---- */

static const struct {
	enum zone_mode mode;
	const char *state, *why;
} states[] = {
	{ZONE_DEAD, "DEAD", "test point 2.0.0.127: not listed"},
	{ZONE_NODATA, "DEAD", "test point 2.0.0.127: not listed"},
	{ZONE_WORLD, "WORLD", "test point 1.0.0.127: listed: 127.0.0.2"},
	{ZONE_PARKED, "WORLD",
		"test point 2.0.0.127: 203.0.113.80, outside of 127.0.0.0/8: hijacked or parked"},
	{ZONE_REFUSES, "REFUSED",
		"test point 2.0.0.127: 127.255.255.254: asked through a public resolver, or one "
		"without a "
		"name of its own"},
	{ZONE_LOCALHOST, "REFUSED", "test point 2.0.0.127: 127.0.0.1: an error code"},
	{ZONE_SERVFAIL, "UNREACHABLE", "test point 2.0.0.127: SERVFAIL"},
	{ZONE_RCODE, "UNREACHABLE", "test point 2.0.0.127: REFUSED"},
	{ZONE_MALFORMED, "UNREACHABLE", "test point 2.0.0.127: malformed answer"},
	{ZONE_TIMEOUT, "UNREACHABLE", "test point 2.0.0.127: timeout"},
	{ZONE_FULL, "UNREACHABLE", "test point 2.0.0.127: it could not be asked"},
};

/* From the start: known at once, and nothing is said of anybody. */
START_TEST(state_at_first)
{
	struct world *w = world_new(ONE);
	zone_mode(w, "a.test", states[_i].mode);
	world_run(w, 20);
	struct world_state_find list = world_list(w, "a");
	ck_assert_str_eq(list_state_name(list.view.state), states[_i].state);
	ck_assert_str_eq(list.why, states[_i].why);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "unknown");
	ck_assert_ptr_nonnull(strstr(world_listing(w, ME, "a").why, states[_i].why));
	ck_assert_uint_eq(w->event_n, 1);
	char begin[64];
	snprintf(begin, sizeof(begin), "!blocklist:a a untested -> %s: ", states[_i].state);
	ck_assert_int_eq(strncmp(w->event[0], begin, strlen(begin)), 0);
	world_free(w);
}
END_TEST

/* Out of OK: verdicts stay as they were, and then age; back to OK by one right look. */
START_TEST(state_changes)
{
	struct world *w = world_of(ONE, 100);
	ck_assert_str_eq(world_state(w, "a"), "OK");
	ck_assert_str_eq(world_verdict(w, "192.0.2.11", "a"), "listed");
	world_log_clear(w);
	zone_mode(w, "a.test", states[_i].mode);
	world_run(w, 1800);
	ck_assert_str_eq(world_state(w, "a"), states[_i].state);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "clean");
	ck_assert_str_eq(world_verdict(w, "192.0.2.11", "a"), "listed");
	ck_assert_int_eq(world_listing(w, ME, "a").listing.seen, SEEN_UNKNOWN);
	ck_assert_uint_eq(w->event_n, 1);
	world_run(w, 2000);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "unknown");
	ck_assert_str_eq(world_verdict(w, "192.0.2.11", "a"), "unknown");
	world_log_clear(w);
	zone_mode(w, "a.test", ZONE_OK);
	world_run(w, 400);
	ck_assert_str_eq(world_state(w, "a"), "OK");
	ck_assert_uint_eq(world_events(w, "blocklist:a", "-> OK"), 1);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "clean");
	ck_assert_str_eq(world_verdict(w, "192.0.2.11", "a"), "listed");
	ck_assert_uint_eq(w->told_twice, 0);
	world_free(w);
}
END_TEST

static double seconds_to_state(struct world *w, const char *state)
{
	for (int i = 0; i < 3000; i++) {
		if (strcmp(world_state(w, "a"), state) == 0)
			return i;
		world_run(w, 1);
	}
	return -1;
}

/* One look without an answer is no state; a wrong answer is, at once. */
START_TEST(one_lost_look_is_no_state)
{
	struct world *w = world_of(ONE, 100);
	world_log_clear(w);
	zone_mode(w, "a.test", ZONE_SERVFAIL);
	uint64_t failed = 0;
	while ((failed = world_list(w, "a").view.failed) == 0)
		world_run(w, 1);
	ck_assert_str_eq(world_state(w, "a"), "OK");
	ck_assert_uint_eq(w->event_n, 0);
	zone_mode(w, "a.test", ZONE_OK);
	world_run(w, 3600);
	ck_assert_uint_eq(world_events(w, "blocklist", ""), 0);
	/* A retry came sooner than the interval, and was right: the next one counts from one again. */
	zone_mode(w, "a.test", ZONE_TIMEOUT);
	double to_unreachable = seconds_to_state(w, "UNREACHABLE");
	ck_assert(to_unreachable > 290 && to_unreachable < 1400);
	world_free(w);
}
END_TEST

/* Tests that are right do not help when a subject gets an error. */
static const struct {
	const char *codes, *state, *why;
} subjects[] = {
	{"127.255.255.255", "REFUSED", "192.0.2.10: 127.255.255.255: too many questions"},
	{"127.255.255.252", "REFUSED",
		"192.0.2.10: 127.255.255.252: the name of the zone is wrong"},
	{"127.255.255.7", "REFUSED", "192.0.2.10: 127.255.255.7: an error code"},
	{"127.0.0.1", "REFUSED", "192.0.2.10: 127.0.0.1: an error code"},
	{"127.0.0.2 127.255.255.254 127.0.0.3", "REFUSED",
		"192.0.2.10: 127.255.255.254: asked through a public resolver, or one without a "
		"name of "
		"its own"},
	{"198.51.100.7", "WORLD",
		"192.0.2.10: 198.51.100.7, outside of 127.0.0.0/8: hijacked or parked"},
	{"127.0.0.2 10.0.0.1", "WORLD",
		"192.0.2.10: 10.0.0.1, outside of 127.0.0.0/8: hijacked or parked"},
	{"0.0.0.0", "WORLD", "192.0.2.10: 0.0.0.0, outside of 127.0.0.0/8: hijacked or parked"},
};

START_TEST(error_on_a_subject)
{
	struct world *w = world_of(ONE, 100);
	world_log_clear(w);
	zone_list(w, NAME, subjects[_i].codes);
	world_run(w, 1000);
	ck_assert_str_eq(world_state(w, "a"), subjects[_i].state);
	ck_assert_str_eq(world_list(w, "a").why, subjects[_i].why);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "clean");
	ck_assert_uint_eq(world_events(w, "egress:", ""), 0);
	world_free(w);
}
END_TEST

/* ---- what answers mean ---- */

#define OWN                                                                                        \
	"{ name = \"a\"; zone = \"a.test\"; codes = ("                                             \
	"{ code = \"127.0.0.2-3\"; severity = 5; }, { code = \"127.0.0.4\"; severity = 4; } );"    \
	" errors = ( { code = \"127.0.0.255\"; text = \"over limit\"; }, "                         \
	"{ code = \"127.0.10.*\"; } ); }"
#define NO_CODES "{ name = \"a\"; zone = \"a.test\"; }"
#define BITS                                                                                       \
	"{ name = \"a\"; zone = \"a.test\"; codes = ( { code = \"127.0.0.&2\"; severity = 4; },"   \
	" { code = \"127.0.0.&4\"; severity = 2; }, { code = \"127.0.0.&8\"; severity = 1; } );"   \
	" errors = ( { code = \"127.0.0.1\"; text = \"refused\"; } ); }"
#define WHITE                                                                                      \
	"{ name = \"a\"; zone = \"a.test\"; codes = ( { code = \"127.0.0.1\"; kind = "             \
	"\"welcome\"; "                                                                            \
	"severity = 1; }, { code = \"127.0.0.2\"; severity = 3; } ); }"
#define ANY                                                                                        \
	"{ name = \"a\"; zone = \"a.test\"; codes = ( { code = \"127.0.0.2-255\"; severity = 1; "  \
	"} ); "                                                                                    \
	"}"

static const struct {
	const char *list, *codes;
	enum verdict_state seen;
	const char *state, *shown; /* codes, or why it is unknown */
	int severity;
} answers[] = {
	{OWN, "127.0.0.2", SEEN_LISTED, "OK", "127.0.0.2", 5},
	{OWN, "127.0.0.3", SEEN_LISTED, "OK", "127.0.0.3", 5},
	{OWN, "127.0.0.4 127.0.0.2", SEEN_LISTED, "OK", "127.0.0.2, 127.0.0.4", 5},
	{OWN, "127.0.0.4", SEEN_LISTED, "OK", "127.0.0.4", 4},
	{OWN, "127.0.0.4 127.0.0.4", SEEN_LISTED, "OK", "127.0.0.4", 4},
	{OWN, "127.0.0.4 127.0.0.5", SEEN_LISTED, "OK", "127.0.0.4", 4},
	{OWN, "127.0.0.5", SEEN_UNKNOWN, "OK", "code 127.0.0.5 is not known of this list", 0},
	{OWN, "127.0.0.5 127.1.2.3", SEEN_UNKNOWN, "OK",
		"code 127.0.0.5, 127.1.2.3 is not known of this list", 0},
	{OWN, "127.0.0.255", SEEN_UNKNOWN, "OK", "127.0.0.255: over limit", 0},
	{OWN, "127.0.10.3", SEEN_UNKNOWN, "OK", "127.0.10.3: an error code", 0},
	{OWN, "127.0.0.2 127.0.10.3", SEEN_UNKNOWN, "OK", "127.0.10.3: an error code", 0},
	{NO_CODES, "127.0.0.2", SEEN_LISTED, "OK", "127.0.0.2", 3},
	{NO_CODES, "127.9.9.9", SEEN_LISTED, "OK", "127.9.9.9", 3},
	{NO_CODES, "127.0.0.1", SEEN_UNKNOWN, "REFUSED",
		"the list is REFUSED: 192.0.2.10: 127.0.0.1: an error code", 0},
	{NO_CODES, "127.0.0.1 127.0.0.2", SEEN_LISTED, "OK", "127.0.0.2", 3},
	{BITS, "127.0.0.2", SEEN_LISTED, "OK", "127.0.0.2", 4},
	{BITS, "127.0.0.4", SEEN_LISTED, "OK", "127.0.0.4", 2},
	{BITS, "127.0.0.14", SEEN_LISTED, "OK", "127.0.0.14", 4},
	{BITS, "127.0.0.12", SEEN_LISTED, "OK", "127.0.0.12", 2},
	{BITS, "127.0.0.16", SEEN_UNKNOWN, "OK", "code 127.0.0.16 is not known of this list", 0},
	{BITS, "127.0.0.1", SEEN_UNKNOWN, "REFUSED",
		"the list is REFUSED: 192.0.2.10: 127.0.0.1: refused", 0},
	{WHITE, "127.0.0.1", SEEN_LISTED, "OK", "127.0.0.1", 1},
	{WHITE, "127.0.0.1 127.0.0.2", SEEN_LISTED, "OK", "127.0.0.1, 127.0.0.2", 3},
	{ANY, "127.0.0.77", SEEN_LISTED, "OK", "127.0.0.77", 1},
	{ANY, "127.0.0.1", SEEN_UNKNOWN, "REFUSED",
		"the list is REFUSED: 192.0.2.10: 127.0.0.1: an error code", 0},
	{ANY, "127.0.1.77", SEEN_UNKNOWN, "OK", "code 127.0.1.77 is not known of this list", 0},
	/* More than there is room for: the lowest stay, whatever comes first. */
	{NO_CODES,
		"127.0.0.37 127.0.0.36 127.0.0.35 127.0.0.34 127.0.0.33 127.0.0.32 127.0.0.31 "
		"127.0.0.30 127.0.0.29 127.0.0.28 127.0.0.27 127.0.0.26 127.0.0.25 127.0.0.24 "
		"127.0.0.23 127.0.0.22 127.0.0.21 127.0.0.20",
		SEEN_LISTED, "OK",
		"127.0.0.20, 127.0.0.21, 127.0.0.22, 127.0.0.23, 127.0.0.24, 127.0.0.25, "
		"127.0.0.26, 127.0.0.27, 127.0.0.28, 127.0.0.29, 127.0.0.30, 127.0.0.31, "
		"127.0.0.32, 127.0.0.33, 127.0.0.34, 127.0.0.35",
		3},
	{ANY,
		"127.0.0.20 127.0.0.21 127.0.0.22 127.0.0.23 127.0.0.24 127.0.0.25 127.0.0.26 "
		"127.0.0.27 "
		"127.0.0.28 127.0.0.29 127.0.0.30 127.0.0.31 127.0.0.32 127.0.0.33 127.0.0.34 "
		"127.0.0.35 "
		"127.0.0.36 127.0.0.37",
		SEEN_LISTED, "OK",
		"127.0.0.20, 127.0.0.21, 127.0.0.22, 127.0.0.23, 127.0.0.24, 127.0.0.25, "
		"127.0.0.26, "
		"127.0.0.27, 127.0.0.28, 127.0.0.29, 127.0.0.30, 127.0.0.31, 127.0.0.32, "
		"127.0.0.33, "
		"127.0.0.34, 127.0.0.35",
		1},
};

static void codes_shown(const struct listing *listing, char *buf, size_t size)
{
	size_t n = 0;
	buf[0] = '\0';
	for (size_t i = 0; i < listing->code_n; i++) {
		const uint8_t *c = listing->code[i];
		n += (size_t)snprintf(
			buf + n, size - n, "%s%u.%u.%u.%u", i ? ", " : "", c[0], c[1], c[2], c[3]);
	}
}

START_TEST(meaning_of_answers)
{
	char text[4096], shown[400];
	snprintf(text, sizeof(text), ADDRESSES "blocklists = ( %s );\n", answers[_i].list);
	struct world *w = world_new(text);
	(void)zone_of(w, "a.test");
	zone_list(w, NAME, answers[_i].codes);
	world_run(w, 20);
	struct world_find find = world_listing(w, ME, "a");
	ck_assert_int_eq(find.listing.seen, answers[_i].seen);
	ck_assert_str_eq(world_state(w, "a"), answers[_i].state);
	if (answers[_i].seen == SEEN_UNKNOWN) {
		ck_assert_str_eq(find.why, answers[_i].shown);
	} else {
		codes_shown(&find.listing, shown, sizeof(shown));
		ck_assert_str_eq(shown, answers[_i].shown);
		ck_assert_int_eq(find.listing.severity, answers[_i].severity);
	}
	world_free(w);
}
END_TEST

/* ---- points of one kind of subjects ---- */

#define KINDS                                                                                      \
	"egress = { addresses = ( { address = \"192.0.2.10\"; }, { address = \"2001:db8::1\"; } "  \
	"); domains = [ \"example.org\" ]; };\n"
#define TWO_KINDS KINDS "blocklists = ( { name = \"a\"; zone = \"a.test\"; } );\n"
#define ALL_KINDS                                                                                  \
	KINDS "blocklists = ( { name = \"a\"; zone = \"a.test\"; subjects = [ \"ipv4\", "          \
	      "\"ipv6\", \"domain\" ]; } );\n"
#define V6       "2001:db8::1"
#define V6_NAME  "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.a.test"
#define V6_CLEAN "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.test"
#define UNPROVEN                                                                                   \
	"not listed, but nor is the list's test point of that kind: the list may know none of "    \
	"them (where it does, set its test_listed)"

static const struct {
	const char *text;
	int missing[2];      /* of what the zone lists always; -1: none */
	const char *listed;  /* or NULL */
	const char *subject; /* NULL: none is judged */
	const char *state;
	enum verdict_state seen, seen_v4;
	const char *why;
} kinds[] = {
	{TWO_KINDS, {2, -1}, NULL, V6, "OK", SEEN_UNKNOWN, SEEN_CLEAN, UNPROVEN},
	{TWO_KINDS, {2, -1}, V6_NAME, V6, "OK", SEEN_LISTED, SEEN_CLEAN, ""},
	{TWO_KINDS, {2, -1}, NAME, V6, "OK", SEEN_UNKNOWN, SEEN_LISTED, UNPROVEN},
	{TWO_KINDS, {-1, -1}, NULL, V6, "OK", SEEN_CLEAN, SEEN_CLEAN, ""},
	{TWO_KINDS, {2, -1}, V6_CLEAN, V6, "WORLD", SEEN_UNKNOWN, SEEN_UNKNOWN,
		"the list is WORLD: test point "},
	{TWO_KINDS, {0, -1}, NULL, V6, "DEAD", SEEN_UNKNOWN, SEEN_UNKNOWN,
		"the list is DEAD: test point 2.0.0.127: not listed"},
	{ALL_KINDS, {1, -1}, NULL, "example.org", "OK", SEEN_UNKNOWN, SEEN_CLEAN, UNPROVEN},
	{ALL_KINDS, {1, -1}, NULL, V6, "OK", SEEN_CLEAN, SEEN_CLEAN, ""},
	{ALL_KINDS, {1, -1}, "example.org.a.test", "example.org", "OK", SEEN_LISTED, SEEN_CLEAN,
		""},
	{ALL_KINDS, {1, 2}, NULL, "example.org", "OK", SEEN_UNKNOWN, SEEN_CLEAN, UNPROVEN},
	{ALL_KINDS, {1, 2}, NULL, V6, "OK", SEEN_UNKNOWN, SEEN_CLEAN, UNPROVEN},
	{ALL_KINDS, {2, -1}, NULL, "example.org", "OK", SEEN_CLEAN, SEEN_CLEAN, ""},
};

START_TEST(points_of_each_kind)
{
	struct world *w = world_new(kinds[_i].text);
	for (size_t i = 0; i < 2 && kinds[_i].missing[i] >= 0; i++)
		zone_of(w, "a.test")->test[kinds[_i].missing[i]][0] = '\0';
	(void)zone_of(w, "a.test");
	if (kinds[_i].listed)
		zone_list(w, kinds[_i].listed, "127.0.0.2");
	world_run(w, 20);
	ck_assert_str_eq(world_state(w, "a"), kinds[_i].state);
	struct world_find find = world_listing(w, kinds[_i].subject, "a");
	ck_assert(find.is_found);
	ck_assert_int_eq(find.listing.seen, kinds[_i].seen);
	ck_assert_int_eq(world_listing(w, ME, "a").listing.seen, kinds[_i].seen_v4);
	if (find.listing.verdict == SEEN_UNKNOWN && kinds[_i].seen == SEEN_UNKNOWN)
		ck_assert_int_eq(strncmp(find.why, kinds[_i].why, strlen(kinds[_i].why)), 0);
	world_free(w);
}
END_TEST

/* Those of the first kind are asked also where nothing of ours is of it. */
START_TEST(first_points_are_always_asked)
{
	struct world *w =
		world_new("egress = { addresses = ( { address = \"2001:db8::1\"; } ); };\n"
			  "blocklists = ( { name = \"a\"; zone = \"a.test\"; } );\n");
	zone_of(w, "a.test")->test[0][0] = '\0';
	world_run(w, 20);
	ck_assert_str_eq(world_state(w, "a"), "DEAD");
	world_free(w);
}
END_TEST

/* ---- another resolver, more records than there is room for ---- */

#define ELSEWHERE "answered by another resolver than the test points"

static const struct {
	const char *elsewhere, *cut, *state, *why; /* why of ME */
	enum verdict_state other;                  /* 192.0.2.11, which is listed */
} halves[] = {
	{NAME, "", "OK", ELSEWHERE, SEEN_LISTED},
	{"11.2.0.192.a.test", "", "OK", "", SEEN_UNKNOWN},
	{"1.0.0.127.a.test", "", "UNREACHABLE",
		"the list is UNREACHABLE: test point 1.0.0.127: " ELSEWHERE, SEEN_UNKNOWN},
	{"2.0.0.127.a.test", "", "UNREACHABLE",
		"the list is UNREACHABLE: test point 1.0.0.127: " ELSEWHERE, SEEN_UNKNOWN},
	{"", "11.2.0.192.a.test", "OK", "", SEEN_UNKNOWN},
	{"", "2.0.0.127.a.test", "UNREACHABLE",
		"the list is UNREACHABLE: test point 2.0.0.127: malformed answer", SEEN_UNKNOWN},
};

START_TEST(answers_that_cannot_be_used)
{
	struct world *w = world_new(ONE);
	(void)zone_of(w, "a.test");
	zone_list(w, "11.2.0.192.a.test", "127.0.0.2");
	(void)span_copy(span_of(halves[_i].elsewhere), w->elsewhere, sizeof(w->elsewhere));
	(void)span_copy(span_of(halves[_i].cut), w->cut, sizeof(w->cut));
	world_run(w, 20);
	ck_assert_str_eq(world_state(w, "a"), halves[_i].state);
	ck_assert_str_eq(world_listing(w, ME, "a").why, halves[_i].why);
	ck_assert_int_eq(world_listing(w, "192.0.2.11", "a").listing.seen, halves[_i].other);
	world_free(w);
}
END_TEST

/* An error of the list's own may be about one of ours: the test points decide about the list. */
START_TEST(own_error_at_a_point)
{
	struct world *w = world_new(ADDRESSES "blocklists = ( " OWN " );\n");
	snprintf(zone_of(w, "a.test")->test_codes, 64, "127.0.0.255");
	world_run(w, 20);
	ck_assert_str_eq(world_state(w, "a"), "REFUSED");
	ck_assert_str_eq(world_list(w, "a").why, "test point 2.0.0.127: 127.0.0.255: over limit");
	world_free(w);
}
END_TEST

/* ---- notes ---- */

START_TEST(notes_name_the_resolver)
{
	struct world *w = world_of(ADDRESSES "blocklists = ( { name = \"a\"; zone = \"a.test\"; },"
					     " { name = \"b\"; zone = \"b.test\"; } );\n",
		100);
	ck_assert_uint_eq(w->note_n, 0);
	zone_mode(w, "b.test", ZONE_REFUSES);
	world_run(w, 1000);
	ck_assert_uint_eq(w->note_n, 1);
	ck_assert_str_eq(w->note[0],
		"your resolver 127.0.0.1:53 is refused by list b: test point 2.0.0.127: "
		"127.255.255.254: "
		"asked through a public resolver, or one without a name of its own");
	world_log_clear(w);
	w->mode = ZONE_TIMEOUT;
	world_run(w, 4000);
	ck_assert_uint_eq(w->note_n, 1);
	ck_assert_str_eq(w->note[0], "no list can be reached: is the resolver 127.0.0.1:53 up?");
	w->mode = ZONE_OK;
	zone_mode(w, "b.test", ZONE_OK);
	world_run(w, 1000);
	w->mode = ZONE_SERVFAIL;
	world_run(w, 4000);
	ck_assert_uint_eq(w->note_n, 2);
	world_free(w);
}
END_TEST

/* ---- when ---- */

static int64_t last_us, shortest_us, longest_us;
static size_t begun;

static void note_cycle(struct world *w, const struct world_open *open)
{
	if (strcmp(open->name, NAME) != 0)
		return;
	int64_t gap_us = w->now.mono.us - last_us;
	last_us = w->now.mono.us;
	if (begun++ == 0)
		return;
	shortest_us = gap_us < shortest_us ? gap_us : shortest_us;
	longest_us = gap_us > longest_us ? gap_us : longest_us;
}

static void cycles_count(struct world *w)
{
	begun = 0;
	shortest_us = INT64_MAX;
	longest_us = 0;
	w->on_ask = note_cycle;
}

static const struct {
	const char *settings;
	enum zone_mode mode;
	unsigned traffic; /* messages a minute */
	int64_t least_s, most_s;
} intervals[] = {
	{"", ZONE_OK, 0, 810, 990},
	{"interval = \"1h\";", ZONE_OK, 0, 3240, 3960},
	{"interval = \"5m\";", ZONE_OK, 0, 300, 330},
	{"interval = \"30s\"; interval_min = \"30s\";", ZONE_OK, 0, 30, 33},
	{"", ZONE_DEAD, 0, 300, 330},
	{"", ZONE_SERVFAIL, 0, 300, 330},
	{"interval = \"1d\";", ZONE_WORLD, 0, 25900, 31680},
	{"interval = \"1h\";", ZONE_OK, 100, 570, 640},
	{"interval = \"1h\"; interval_min = \"20m\";", ZONE_OK, 1000, 1200, 1325},
	{"interval = \"1h\"; interval_min = \"20m\";", ZONE_DEAD, 1000, 1200, 1325},
};

/* Over a simulated week. */
START_TEST(cycles_keep_their_distance)
{
	char text[1024];
	snprintf(text, sizeof(text),
		ADDRESSES "blocklists = ( { name = \"a\"; zone = \"a.test\"; %s } );\n",
		intervals[_i].settings);
	struct world *w = world_new(text);
	(void)zone_of(w, "a.test");
	world_run(w, 20);
	zone_mode(w, "a.test", intervals[_i].mode);
	world_run(w, 2 * 86400);
	cycles_count(w);
	for (int minute = 0; minute < 7 * 1440; minute++) {
		if (intervals[_i].traffic) {
			egress_traffic(w->e, intervals[_i].traffic, w->now);
			world_pump(w);
		}
		world_run(w, 60);
	}
	ck_assert_uint_gt(begun, 15);
	ck_assert_msg(shortest_us >= intervals[_i].least_s * SECOND_US, "%lld us, should be %lld s",
		(long long)shortest_us, (long long)intervals[_i].least_s);
	ck_assert_msg(longest_us <= intervals[_i].most_s * SECOND_US, "%lld us, should be %lld s",
		(long long)longest_us, (long long)intervals[_i].most_s);
	/* Jittered. */
	ck_assert_int_gt(longest_us - shortest_us, shortest_us / 100);
	world_free(w);
}
END_TEST

START_TEST(trouble_is_looked_at_sooner)
{
	struct world *w = world_of(ONE, 1500);
	zone_list(w, "11.2.0.192.a.test", NULL);
	world_run(w, 4000);
	cycles_count(w);
	world_run(w, 20000);
	size_t quiet = begun;
	zone_list(w, "11.2.0.192.a.test", "127.0.0.2");
	world_run(w, 1500);
	cycles_count(w);
	world_run(w, 20000);
	ck_assert_uint_gt(begun, 2 * quiet);
	ck_assert_int_ge(shortest_us, 300 * SECOND_US);
	world_free(w);
}
END_TEST

#define MANY 40
static size_t asked_in_second[60];
static int64_t counted_from_us;

static void note_second(struct world *w, const struct world_open *open)
{
	int64_t second = (w->now.mono.us - counted_from_us) / SECOND_US;
	if (second < 60 && strncmp(open->name, "10.2.0.192.", 11) == 0)
		asked_in_second[second]++;
}

/* Nor all at once at the start, nor when the process slept for a night. */
START_TEST(no_herd)
{
	char text[8192];
	size_t n = (size_t)snprintf(text, sizeof(text), ADDRESSES "blocklists = ( ");
	for (int i = 0; i < MANY; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"%s{ name = \"l%d\"; zone = \"l%d.test\"; }", i ? ", " : "", i, i);
	snprintf(text + n, sizeof(text) - n, " );");
	struct world *w = world_new(text);
	for (int i = 0; i < MANY; i++) {
		char zone[32];
		snprintf(zone, sizeof(zone), "l%d.test", i);
		(void)zone_of(w, zone);
	}
	for (int round = 0; round < 2; round++) {
		size_t all = 0;
		memset(asked_in_second, 0, sizeof(asked_in_second));
		counted_from_us = w->now.mono.us;
		w->on_ask = note_second;
		world_run(w, 30);
		for (int i = 0; i < 30; i++) {
			ck_assert_uint_le(asked_in_second[i], MANY / 2);
			all += asked_in_second[i];
		}
		ck_assert_uint_eq(all, MANY);
		w->on_ask = NULL;
		world_run(w, 2000);
		world_sleep(w, 8 * 3600);
	}
	ck_assert_uint_le(w->open_most, EGRESS_IN_FLIGHT_MAX);
	world_free(w);
}
END_TEST

START_TEST(nothing_of_ours_nothing_asked)
{
	struct world *w = world_new("blocklists = ( { name = \"a\"; zone = \"a.test\"; } );");
	world_run(w, 86400);
	ck_assert_uint_eq(w->asked, 0);
	ck_assert_uint_eq(w->event_n + w->note_n, 0);
	ck_assert_int_eq(egress_due(w->e).us, MONO_NEVER.us);
	world_free(w);
}
END_TEST

/* A list of the other family, too, is left alone. */
START_TEST(only_what_applies)
{
	struct world *w = world_new(ADDRESSES
		"blocklists = ( { name = \"a\"; zone = \"a.test\"; subjects = [ \"ipv6\" ]; },"
		" { name = \"b\"; zone = \"b.test\"; subjects = [ \"domain\" ]; } );");
	world_run(w, 4000);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "nothing");
	ck_assert_str_eq(world_state(w, "a"), "untested");
	ck_assert_uint_eq(w->event_n, 0);
	world_free(w);
}
END_TEST

int main(void)
{
	const struct suite_row suite[] = {
		{"state_at_first", state_at_first, ROWS(states)},
		{"state_changes", state_changes, ROWS(states)},
		{"one_lost_look_is_no_state", one_lost_look_is_no_state, 0},
		{"error_on_a_subject", error_on_a_subject, ROWS(subjects)},
		{"meaning_of_answers", meaning_of_answers, ROWS(answers)},
		{"points_of_each_kind", points_of_each_kind, ROWS(kinds)},
		{"first_points_are_always_asked", first_points_are_always_asked, 0},
		{"answers_that_cannot_be_used", answers_that_cannot_be_used, ROWS(halves)},
		{"own_error_at_a_point", own_error_at_a_point, 0},
		{"notes_name_the_resolver", notes_name_the_resolver, 0},
		{"cycles_keep_their_distance", cycles_keep_their_distance, ROWS(intervals)},
		{"trouble_is_looked_at_sooner", trouble_is_looked_at_sooner, 0},
		{"no_herd", no_herd, 0},
		{"nothing_of_ours_nothing_asked", nothing_of_ours_nothing_asked, 0},
		{"only_what_applies", only_what_applies, 0},
	};
	return SUITE_RUN("egress_list", suite);
}
