/* SPDX-License-Identifier: ISC */
/* What was asked of lists, what came of it, and where we are enrolled: policyd/ledger.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policyd/ledger.h"
#include "suite.h"

#define T0 (INT64_C(1790000000) * SECOND_US)

static struct ledger *ledger;

static void make(void)
{
	ledger = ledger_new();
}

static void clean(void)
{
	ledger_free(ledger);
}

/* Times are told as they have passed since T0. */
static struct now at(int64_t us)
{
	return (struct now){.mono = {.us = HOUR_US + us}, .wall = {.us = T0 + us}};
}

static void seen(const char *list, enum verdict_state verdict, int64_t us)
{
	ledger_listing(ledger, SPAN("192.0.2.10"), span_of(list), verdict, at(us).wall);
}

static void told(const char *list, bool is_refused, int64_t us)
{
	const struct delist_order order = {.subject = SPAN("192.0.2.10"),
		.list = span_of(list),
		.is_refused = is_refused,
		.expected_us = 48 * HOUR_US,
		.note = SPAN("the phished account is gone"),
		.author = SPAN("root (uid 0)")};
	ledger_delist(ledger, &order, at(us).wall);
}

static const struct ledger_entry *entry_of(const char *list)
{
	return ledger_find(ledger, SPAN("192.0.2.10"), span_of(list));
}

/* All that is told: "DELIST egress:192.0.2.10 zen ! event: relisted ..." and the like, one a line. */
static const char *effects(void)
{
	static char text[4096];
	struct ledger_effect effect;
	size_t n = 0;
	text[0] = '\0';
	while (ledger_effect(ledger, &effect)) {
		const struct policy_event *event = &effect.event;
		ck_assert(span_equal(event->author, SPAN(AUTHOR_SELF)));
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %.*s %.*s%s%s: %.*s\n",
			event_rows[event->kind].name, (int)event->account.n, event->account.p,
			(int)event->limit.n, event->limit.p, effect.is_grave ? " grave" : "",
			effect.is_event ? " event" : "", (int)event->reason.n, event->reason.p);
		ck_assert_uint_lt(n, sizeof(text));
	}
	return text;
}

#define ck_assert_tells(part)                                                                      \
	do {                                                                                       \
		const char *told_ = effects();                                                     \
		ck_assert_msg(strstr(told_, part) != NULL, "%s", told_);                           \
	} while (0)
#define ck_assert_silent() ck_assert_str_eq(effects(), "")

/* ---- listings ---- */

/* What was never listed leaves no trace, and what is not known changes nothing. */
START_TEST(test_quiet)
{
	seen("zen", SEEN_CLEAN, 0);
	seen("zen", SEEN_UNKNOWN, 0);
	ck_assert_ptr_null(ledger_at(ledger, 0));
	ck_assert(!ledger_is_dirty(ledger));
	seen("zen", SEEN_LISTED, HOUR_US);
	seen("zen", SEEN_UNKNOWN, 2 * HOUR_US);
	seen("zen", SEEN_LISTED, 3 * HOUR_US);
	ck_assert_uint_eq(entry_of("zen")->times, 1);
	ck_assert_int_eq(entry_of("zen")->listed.us, T0 + HOUR_US);
	ck_assert_int_eq(entry_of("zen")->verdict, SEEN_LISTED);
	ck_assert_silent();
	ck_assert_int_eq(ledger_due(ledger, at(0)).us, MONO_NEVER.us);
}
END_TEST

/* A listing that comes back within seven days after it was over escalates; one a week later is another one. */
static const struct {
	int64_t after_us;
	const char *tells; /* "": nothing */
} comebacks[] = {
	{30 * MINUTE_US, "relisted 30 minutes after removal"},
	{5 * HOUR_US, "relisted 5 hours after removal"},
	{3 * DAY_US + HOUR_US, "relisted 3 days after removal"},
	{7 * DAY_US, "relisted 7 days after removal"},
	{7 * DAY_US + SECOND_US, ""},
	{60 * DAY_US, ""},
};

START_TEST(test_comeback)
{
	int64_t back_us = 2 * DAY_US + comebacks[_i].after_us;
	seen("zen", SEEN_LISTED, 0);
	seen("zen", SEEN_CLEAN, 2 * DAY_US);
	ck_assert_int_eq(entry_of("zen")->clean.us, T0 + 2 * DAY_US);
	/* That it cannot be looked up in between is no end. */
	seen("zen", SEEN_UNKNOWN, 2 * DAY_US + MINUTE_US);
	ck_assert_silent();
	seen("zen", SEEN_LISTED, back_us);
	seen("zen", SEEN_LISTED, back_us + HOUR_US);
	ck_assert_uint_eq(entry_of("zen")->times, 2);
	if (!comebacks[_i].tells[0]) {
		ck_assert_int_eq(entry_of("zen")->back_us, 0);
		ck_assert_silent();
		return;
	}
	ck_assert_int_eq(entry_of("zen")->back_us, comebacks[_i].after_us);
	const char *text = effects();
	ck_assert_msg(strstr(text, comebacks[_i].tells) != NULL, "%s", text);
	ck_assert_msg(
		strncmp(text, "delist egress:192.0.2.10 zen grave event: ", 42) == 0, "%s", text);
	ck_assert_silent();
}
END_TEST

/* What was told was of the listing before. */
START_TEST(test_comeback_after_request)
{
	seen("zen", SEEN_LISTED, 0);
	told("zen", false, HOUR_US);
	seen("zen", SEEN_CLEAN, 5 * HOUR_US);
	ledger_tick(ledger, at(60 * HOUR_US));
	ck_assert_silent();
	seen("zen", SEEN_LISTED, 61 * HOUR_US);
	ck_assert_tells("after removal, which was asked for: the cause is not gone");
	ck_assert_int_eq(entry_of("zen")->word, DELIST_NONE);
	ck_assert_int_eq(entry_of("zen")->due.us, 0);
	/* Asked for once more: it is waited for once more, and that it came back is not forgotten. */
	told("zen", false, 62 * HOUR_US);
	ck_assert_int_gt(entry_of("zen")->back_us, 0);
	ledger_tick(ledger, at(62 * HOUR_US + 48 * HOUR_US));
	ck_assert_tells("still listed 2 days after its removal was asked for");
}
END_TEST

/* ---- reminders ---- */

START_TEST(test_reminder)
{
	seen("zen", SEEN_LISTED, 0);
	told("zen", false, HOUR_US);
	ck_assert_int_eq(entry_of("zen")->due.us, T0 + 49 * HOUR_US);
	ck_assert_str_eq(entry_of("zen")->note, "the phished account is gone");
	ck_assert_str_eq(entry_of("zen")->author, "root (uid 0)");
	ledger_tick(ledger, at(49 * HOUR_US - 1));
	ck_assert_silent();
	/* Never further away than an hour: the wall clock may be set. */
	ck_assert_int_eq(ledger_due(ledger, at(2 * HOUR_US)).us, at(3 * HOUR_US).mono.us);
	ck_assert_int_eq(
		ledger_due(ledger, at(49 * HOUR_US - MINUTE_US)).us, at(49 * HOUR_US).mono.us);
	ck_assert_int_eq(ledger_due(ledger, at(50 * HOUR_US)).us, at(50 * HOUR_US).mono.us);
	ledger_tick(ledger, at(49 * HOUR_US));
	const char *text = effects();
	ck_assert_msg(
		strncmp(text, "delist egress:192.0.2.10 zen grave: still listed 2 days ", 56) == 0,
		"%s", text);
	ck_assert_ptr_nonnull(strstr(text, "policyctl egress delist zen 192.0.2.10 --refused"));
	ledger_tick(ledger, at(90 * HOUR_US));
	ck_assert_silent();
	ck_assert_int_eq(ledger_due(ledger, at(90 * HOUR_US)).us, MONO_NEVER.us);
}
END_TEST

/* Who was refused waits for nothing; what is off the list neither. */
START_TEST(test_no_reminder)
{
	seen("a", SEEN_LISTED, 0);
	seen("b", SEEN_LISTED, 0);
	told("a", true, HOUR_US);
	told("b", false, HOUR_US);
	seen("b", SEEN_CLEAN, 2 * HOUR_US);
	ck_assert_int_eq(entry_of("a")->word, DELIST_REFUSED);
	ck_assert_int_eq(entry_of("a")->due.us, 0);
	ledger_tick(ledger, at(1000 * HOUR_US));
	ck_assert_silent();
}
END_TEST

/* Of a list that policyd does not ask, or has not asked yet. */
START_TEST(test_unseen)
{
	told("barracuda", false, 0);
	ck_assert_int_eq(entry_of("barracuda")->verdict, SEEN_UNKNOWN);
	ledger_tick(ledger, at(48 * HOUR_US));
	ck_assert_tells("not known to be off the list 2 days after its removal was asked for");
	seen("barracuda", SEEN_CLEAN, 50 * HOUR_US);
	ck_assert_int_eq(entry_of("barracuda")->verdict, SEEN_CLEAN);
}
END_TEST

START_TEST(test_domain)
{
	ledger_listing(ledger, SPAN("example.org"), SPAN("dbl"), SEEN_LISTED, at(0).wall);
	ledger_listing(ledger, SPAN("example.org"), SPAN("dbl"), SEEN_CLEAN, at(DAY_US).wall);
	ledger_listing(ledger, SPAN("example.org"), SPAN("dbl"), SEEN_LISTED, at(2 * DAY_US).wall);
	ck_assert_tells("delist domain:example.org dbl grave event: relisted 24 hours");
}
END_TEST

/* ---- bounds ---- */

static void list_name(unsigned i, char buf[16])
{
	ck_assert_int_gt(snprintf(buf, 16, "l%u", i), 0);
}

/* Those that are over and that nobody asked about go first, then the oldest. */
START_TEST(test_bound)
{
	char name[16];
	told("asked", false, 0);
	seen("over", SEEN_LISTED, 0);
	seen("over", SEEN_CLEAN, HOUR_US);
	for (unsigned i = 0; i < LEDGER_MAX - 2; i++) {
		list_name(i, name);
		seen(name, SEEN_LISTED, HOUR_US);
	}
	ck_assert_ptr_nonnull(ledger_at(ledger, LEDGER_MAX - 1));
	ck_assert_ptr_null(ledger_at(ledger, LEDGER_MAX));
	seen("one", SEEN_LISTED, HOUR_US);
	ck_assert_ptr_null(ledger_at(ledger, LEDGER_MAX));
	ck_assert_ptr_null(entry_of("over"));
	ck_assert_ptr_nonnull(entry_of("asked"));
	ck_assert_str_eq(ledger_at(ledger, 0)->list, "one");
	seen("two", SEEN_LISTED, HOUR_US);
	ck_assert_ptr_null(entry_of("asked"));
	ck_assert_ptr_nonnull(entry_of("l0"));
}
END_TEST

/* Nobody takes what is told: it is counted, and the rest is not lost. */
START_TEST(test_dropped)
{
	for (unsigned i = 0; i < 300; i++) {
		seen("zen", SEEN_LISTED, 2 * i * HOUR_US);
		seen("zen", SEEN_CLEAN, (2 * i + 1) * HOUR_US);
	}
	ck_assert_uint_eq(ledger_dropped(ledger), 299 - 256);
	ck_assert_uint_eq(entry_of("zen")->times, 300);
}
END_TEST

static const struct {
	struct span subject, list;
} unsound[] = {
	{{"", 0}, {"zen", 3}},
	{{"192.0.2.10", 10}, {"", 0}},
	{{"192.0\0.2.10", 10}, {"zen", 3}},
	{{"192.0.2.10", 10},
		{"a-name-of-more-bytes-than-any-list-may-have-0123456789-0123456789", 65}},
};

START_TEST(test_unsound)
{
	const struct delist_order order = {
		.subject = unsound[_i].subject, .list = unsound[_i].list, .expected_us = HOUR_US};
	ledger_listing(ledger, unsound[_i].subject, unsound[_i].list, SEEN_LISTED, at(0).wall);
	ledger_delist(ledger, &order, at(0).wall);
	ck_assert_ptr_null(ledger_at(ledger, 0));
}
END_TEST

/* ---- programmes ---- */

static void enrol(const char *name, bool is_left, int64_t us, int64_t until_us)
{
	const struct programme_order order = {.name = span_of(name),
		.is_left = is_left,
		.until = until_us ? (wall_t){.us = T0 + until_us} : WALL_NEVER,
		.note = SPAN("with the account of the desk"),
		.author = SPAN("root (uid 0)")};
	ledger_programme(ledger, &order, at(us).wall);
}

START_TEST(test_programme)
{
	enrol("snds", false, 0, 300 * DAY_US);
	enrol("dnswl", false, 0, 0);
	const struct programme_entry *snds = programme_find(ledger, SPAN("snds"));
	ck_assert_int_eq(snds->since.us, T0);
	ck_assert_int_eq(snds->left.us, 0);
	ck_assert_str_eq(programmes_at(ledger, 0)->name, "dnswl");
	ck_assert_ptr_null(programmes_at(ledger, 2));
	ck_assert_ptr_null(programme_find(ledger, SPAN("jmrp")));
	ledger_tick(ledger, at(270 * DAY_US - 1));
	ck_assert_silent();
	ledger_tick(ledger, at(270 * DAY_US));
	ck_assert_tells(
		"programme programme:snds  grave: the enrolment in snds runs out in 30 days");
	ledger_tick(ledger, at(299 * DAY_US));
	ck_assert_silent();
	ledger_tick(ledger, at(300 * DAY_US));
	ck_assert_tells("the enrolment in snds has run out");
	ledger_tick(ledger, at(400 * DAY_US));
	ck_assert_silent();
	/* Renewed: enrolled since then all the same, and told of once more. */
	enrol("snds", false, 401 * DAY_US, 701 * DAY_US);
	ck_assert_int_eq(programme_find(ledger, SPAN("snds"))->since.us, T0);
	ledger_tick(ledger, at(690 * DAY_US));
	ck_assert_tells("runs out in 11 days");
	enrol("snds", true, 691 * DAY_US, 0);
	ck_assert_int_eq(programme_find(ledger, SPAN("snds"))->left.us, T0 + 691 * DAY_US);
	ledger_tick(ledger, at(800 * DAY_US));
	ck_assert_silent();
	enrol("snds", false, 801 * DAY_US, 0);
	ck_assert_int_eq(programme_find(ledger, SPAN("snds"))->since.us, T0 + 801 * DAY_US);
	ck_assert_int_eq(programme_find(ledger, SPAN("snds"))->left.us, 0);
}
END_TEST

START_TEST(test_programme_bound)
{
	char name[16];
	enrol("first", false, 0, 0);
	enrol("left", false, 0, 0);
	enrol("left", true, 0, 0);
	for (unsigned i = 0; i < LEDGER_PROGRAMMES_MAX; i++) {
		list_name(i, name);
		enrol(name, false, 0, 0);
	}
	ck_assert_ptr_null(programmes_at(ledger, LEDGER_PROGRAMMES_MAX));
	ck_assert_ptr_null(programme_find(ledger, SPAN("left")));
	ck_assert_ptr_null(programme_find(ledger, SPAN("first")));
	ck_assert_ptr_nonnull(programme_find(ledger, SPAN("l0")));
}
END_TEST

/* ---- what outlives the process ---- */

static void reload(void)
{
	struct bytes saved = {0}, again = {0};
	ledger_save(ledger, &saved);
	ck_assert(!ledger_is_dirty(ledger));
	ledger_free(ledger);
	ledger = ledger_new();
	ck_assert_int_eq(ledger_load(ledger, span_make(saved.p, saved.n)), 0);
	ck_assert(!ledger_is_dirty(ledger));
	ledger_save(ledger, &again);
	ck_assert_uint_eq(saved.n, again.n);
	ck_assert_mem_eq(saved.p, again.p, saved.n);
	bytes_free(&saved);
	bytes_free(&again);
}

START_TEST(test_restart)
{
	seen("zen", SEEN_LISTED, 0);
	seen("zen", SEEN_CLEAN, DAY_US);
	seen("zen", SEEN_LISTED, 2 * DAY_US);
	effects();
	told("zen", false, 2 * DAY_US);
	seen("css", SEEN_LISTED, 0);
	seen("css", SEEN_CLEAN, DAY_US);
	enrol("snds", false, 0, 40 * DAY_US);
	enrol("dnswl", false, 0, 0);
	ck_assert(ledger_is_dirty(ledger));
	reload();
	ck_assert_str_eq(ledger_at(ledger, 0)->list, "css");
	ck_assert_int_eq(entry_of("zen")->back_us, DAY_US);
	ck_assert_uint_eq(entry_of("zen")->times, 2);
	ck_assert_int_eq(entry_of("zen")->word, DELIST_REQUESTED);
	ck_assert_int_eq(entry_of("zen")->told.us, T0 + 2 * DAY_US);
	ck_assert_str_eq(entry_of("zen")->note, "the phished account is gone");
	ck_assert_str_eq(programmes_at(ledger, 0)->name, "dnswl");
	ck_assert_int_eq(programmes_at(ledger, 0)->until.us, WALL_NEVER.us);
	ledger_tick(ledger, at(4 * DAY_US));
	ck_assert_tells("still listed 2 days after");
	/* That it was told is remembered too. */
	reload();
	ledger_tick(ledger, at(5 * DAY_US));
	ck_assert_silent();
	ledger_tick(ledger, at(10 * DAY_US));
	ck_assert_tells("runs out in 30 days");
	reload();
	ledger_tick(ledger, at(11 * DAY_US));
	ck_assert_silent();
	seen("css", SEEN_LISTED, 3 * DAY_US);
	ck_assert_tells("relisted 2 days after removal");
}
END_TEST

/* Cut anywhere: what was whole is there, and nothing else is. */
START_TEST(test_cut)
{
	struct bytes saved = {0};
	told("zen", false, 0);
	told("css", false, 0);
	enrol("snds", false, 0, DAY_US);
	ledger_save(ledger, &saved);
	for (size_t n = 0; n < saved.n; n++) {
		struct ledger *other = ledger_new();
		int r = ledger_load(other, span_make(saved.p, n));
		ck_assert(r == 0 || r == -EBADMSG);
		size_t entries = 0;
		while (ledger_at(other, entries))
			entries++;
		ck_assert_uint_le(entries, 2);
		ck_assert_ptr_null(programmes_at(other, 0));
		ledger_free(other);
	}
	bytes_free(&saved);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ledger");
	TCase *cases = tcase_create("ledger");
	SRunner *runner = srunner_create(suite);
	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, make, clean);
	tcase_add_test(cases, test_quiet);
	tcase_add_loop_test(cases, test_comeback, 0, ROWS(comebacks));
	tcase_add_test(cases, test_comeback_after_request);
	tcase_add_test(cases, test_reminder);
	tcase_add_test(cases, test_no_reminder);
	tcase_add_test(cases, test_unseen);
	tcase_add_test(cases, test_domain);
	tcase_add_test(cases, test_bound);
	tcase_add_test(cases, test_dropped);
	tcase_add_loop_test(cases, test_unsound, 0, ROWS(unsound));
	tcase_add_test(cases, test_programme);
	tcase_add_test(cases, test_programme_bound);
	tcase_add_test(cases, test_restart);
	tcase_add_test(cases, test_cut);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
