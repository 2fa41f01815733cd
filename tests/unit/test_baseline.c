/* SPDX-License-Identifier: ISC */
/* What is learnt of one account: pending, settled, forgotten; and how much memory it takes. */
#include <math.h>

#include "baseline_help.h"
#include "random.h"

#define ck_near(a, b) ck_assert_double_eq_tol((a), (b), 0.01)

/* ---- known.c ---- */

static unsigned found_of(const struct known_set *set, const char *word, unsigned from, unsigned to)
{
	unsigned found = 0;
	for (unsigned i = from; i < to; i++)
		found += known_find(set, id_of(hash_of(word, i))) != KNOWN_IN_NONE;
	return found;
}

START_TEST(test_known_grows)
{
	struct known_set *set = NULL;
	ck_assert_uint_eq(known_bytes(set), 0);
	ck_assert_int_eq(known_find(set, 7), KNOWN_IN_NONE);
	for (unsigned i = 0; i < 768; i++) {
		known_add(&set, id_of(hash_of("r", i)), 1000, true);
		known_add(&set, id_of(hash_of("r", i)), 1000, true);
	}
	ck_assert_uint_eq(found_of(set, "r", 0, 768), 768);
	ck_assert_uint_eq(set->size[0], KNOWN_SLOTS_MAX);
	ck_assert_uint_eq(set->size[1], 0);
	ck_assert_uint_eq(known_bytes(set), sizeof(*set) + 2 * KNOWN_SLOTS_MAX);
	/* Of strangers one in 85. */
	ck_assert_uint_le(found_of(set, "stranger", 0, 10000), 250);
	free(set);
}
END_TEST

START_TEST(test_known_small)
{
	struct known_set *set = NULL;
	for (unsigned i = 0; i < 14; i++)
		known_add(&set, id_of(hash_of("r", i)), 1000, true);
	ck_assert_uint_eq(set->size[0], KNOWN_SLOTS_MIN);
	known_add(&set, id_of(hash_of("r", 14)), 1000, true);
	ck_assert_uint_eq(set->size[0], 24);
	ck_assert_uint_eq(found_of(set, "r", 0, 15), 15);
	free(set);
}
END_TEST

START_TEST(test_known_rotates_when_full)
{
	struct known_set *set = NULL;
	for (unsigned i = 0; i < 3000; i++)
		known_add(&set, id_of(hash_of("r", i)), 1000, true);
	/* The latest of two generations, and nothing older. */
	ck_assert_uint_eq(found_of(set, "r", 3000 - 768, 3000), 768);
	ck_assert_uint_le(found_of(set, "r", 0, 1000), 60);
	ck_assert_uint_le(known_bytes(set), sizeof(*set) + 4 * KNOWN_SLOTS_MAX);
	free(set);
}
END_TEST

START_TEST(test_known_rotates_when_old)
{
	struct known_set *set = NULL;
	uint32_t kept = id_of(hash_of("kept", 1)), lost = id_of(hash_of("lost", 1));
	known_add(&set, kept, 1000, true);
	known_add(&set, lost, 1000, true);
	known_add(&set, kept, 1000 + KNOWN_LIFE_S, true);
	ck_assert_int_eq(known_find(set, lost), KNOWN_IN_YOUNG);
	known_add(&set, id_of(hash_of("r", 1)), 1001 + KNOWN_LIFE_S, true);
	ck_assert_int_eq(known_find(set, lost), KNOWN_IN_OLD);
	ck_assert_int_eq(known_find(set, kept), KNOWN_IN_OLD);
	known_add(&set, kept, 1002 + KNOWN_LIFE_S, true);
	ck_assert_int_eq(known_find(set, kept), KNOWN_IN_YOUNG);
	known_add(&set, id_of(hash_of("r", 2)), 1003 + 2 * KNOWN_LIFE_S, true);
	ck_assert_int_eq(known_find(set, kept), KNOWN_IN_OLD);
	ck_assert_int_eq(known_find(set, lost), KNOWN_IN_NONE);
	free(set);
}
END_TEST

START_TEST(test_known_without_memory)
{
	struct known_set *set = NULL;
	known_add(&set, 5u << 16, 1000, false);
	ck_assert_ptr_null(set);
	known_add(&set, 5u << 16, 1000, true);
	for (unsigned i = 0; i < 1000; i++)
		known_add(&set, id_of(hash_of("r", i)), 1000, false);
	ck_assert_uint_le(known_bytes(set), sizeof(*set) + 4 * KNOWN_SLOTS_MIN);
	ck_assert_uint_eq(found_of(set, "r", 990, 1000), 10);
	free(set);
}
END_TEST

/* ---- habits ---- */

START_TEST(test_habit)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	uint64_t home = hash_of("network", 1);
	second_t now = second_of(w->now.mono);
	ck_assert_int_eq(baseline_habit(NULL, HABIT_NETWORK, home).known, KNOWN_NOT);
	learn(w, alice, (struct shown){.network = 1, .recipient = 1});
	learn(w, alice, (struct shown){.network = 1, .recipient = 2, .is_later = true});
	learn(w, alice, (struct shown){.network = 1, .recipient = 2});
	const struct baseline *b = baseline_of(alice);
	struct habit_seen seen = baseline_habit(b, HABIT_NETWORK, home);
	ck_assert_int_eq(seen.known, KNOWN_PENDING);
	ck_assert_uint_eq(seen.uses, 2);
	ck_assert_uint_eq(seen.last, now);
	ck_assert_uint_le(now - seen.first, 3600);
	/* The same number as another kind is another thing. */
	ck_assert_int_eq(baseline_habit(b, HABIT_ASN, home).known, KNOWN_NOT);
	ck_assert_uint_eq(baseline_distinct(b, HABIT_NETWORK, now), 1);
	ck_assert_uint_eq(baseline_distinct(b, HABIT_NETWORK, now + 1), 0);
	ck_assert_uint_eq(baseline_settled(b, HABIT_NETWORK), 0);
	pass(w, 25 * HOUR_US);
	baseline_pass(&w->s, alice, CALM, w->now.mono);
	ck_assert_int_eq(baseline_habit(b, HABIT_NETWORK, home).known, KNOWN_SETTLED);
	ck_assert_uint_eq(baseline_settled(b, HABIT_NETWORK), 1);
	ck_assert_uint_eq(site_uses(w->s.site, HABIT_NETWORK, home), 1);
	world_free(w);
}
END_TEST

/* Who comes from everywhere pushes out nothing that is normal, and is counted. */
START_TEST(test_habits_hold_out)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	for (unsigned i = 1; i <= 16; i++)
		learn(w, alice, (struct shown){.network = i, .recipient = 1});
	pass(w, 25 * HOUR_US);
	baseline_pass(&w->s, alice, CALM, w->now.mono);
	const struct baseline *b = baseline_of(alice);
	ck_assert_uint_eq(baseline_settled(b, HABIT_NETWORK), 16);
	second_t since = second_of(w->now.mono);
	for (unsigned i = 100; i < 300; i++)
		learn(w, alice, (struct shown){.network = i, .recipient = 1});
	ck_assert_uint_eq(baseline_settled(b, HABIT_NETWORK), 16);
	ck_assert_uint_eq(baseline_distinct(b, HABIT_NETWORK, since), 8);
	for (unsigned i = 1; i <= 16; i++)
		ck_assert_int_eq(baseline_habit(b, HABIT_NETWORK, hash_of("network", i)).known,
			KNOWN_SETTLED);
	world_free(w);
}
END_TEST

/* When more settle than there are places, those used longest ago go. */
START_TEST(test_habits_least_used_go)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	for (unsigned i = 1; i <= 40; i++) {
		baseline_pass(&w->s, alice, CALM, w->now.mono);
		learn(w, alice, (struct shown){.network = i, .recipient = 1});
		learn(w, alice, (struct shown){.network = 1, .recipient = 1});
		pass(w, 25 * HOUR_US);
	}
	baseline_pass(&w->s, alice, CALM, w->now.mono);
	const struct baseline *b = baseline_of(alice);
	ck_assert_uint_eq(baseline_settled(b, HABIT_NETWORK), 16);
	for (unsigned i = 1; i <= 40; i++)
		ck_assert_int_eq(baseline_habit(b, HABIT_NETWORK, hash_of("network", i)).known,
			i == 1 || i > 25 ? KNOWN_SETTLED : KNOWN_NOT);
	world_free(w);
}
END_TEST

START_TEST(test_strange)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	second_t day_ago = second_of(w->now.mono) - DAY_S;
	ck_near(baseline_strange(NULL, HABIT_NETWORK, 0), 0);
	learn(w, alice, (struct shown){.network = 1, .recipient = 1, .strangeness = 1});
	learn(w, alice, (struct shown){.network = 1, .recipient = 1, .strangeness = .6});
	learn(w, alice, (struct shown){.network = 2, .recipient = 1, .strangeness = .6});
	learn(w, alice, (struct shown){.network = 3, .recipient = 1, .strangeness = .4});
	const struct baseline *b = baseline_of(alice);
	ck_near(baseline_strange(b, HABIT_NETWORK, day_ago), 1.6);
	ck_near(baseline_strange(b, HABIT_NETWORK, day_ago + 2 * DAY_S), 0);
	/* A day later the same network is no more as strange as it was. */
	pass(w, 25 * HOUR_US);
	learn(w, alice, (struct shown){.network = 1, .recipient = 1, .strangeness = .6});
	ck_near(baseline_strange(b, HABIT_NETWORK, second_of(w->now.mono) - DAY_S), .6);
	world_free(w);
}
END_TEST

/* What has settled is strange for a day after a strange message, whatever comes from it meanwhile. */
START_TEST(test_strange_settled)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	learn(w, alice, (struct shown){.network = 1, .recipient = 1, .strangeness = 1});
	pass(w, 25 * HOUR_US);
	baseline_pass(&w->s, alice, CALM, w->now.mono);
	const struct baseline *b = baseline_of(alice);
	learn(w, alice, (struct shown){.network = 1, .recipient = 1, .strangeness = .8});
	for (unsigned hour = 0; hour < 30; hour++) {
		double strange = baseline_strange(b, HABIT_NETWORK, second_of(w->now.mono) - DAY_S);
		ck_near(strange, hour <= 25 ? .8 : 0);
		pass(w, HOUR_US);
		learn(w, alice, (struct shown){.network = 1, .recipient = 1});
	}
	world_free(w);
}
END_TEST

/* ---- recipients ---- */

START_TEST(test_recipient)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	uint64_t bob = hash_of("recipient", 1);
	ck_assert_int_eq(baseline_knows(NULL, bob), KNOWN_NOT);
	learn(w, alice, (struct shown){.recipient = 1});
	const struct baseline *b = baseline_of(alice);
	ck_assert_int_eq(baseline_knows(b, bob), KNOWN_PENDING);
	ck_assert_int_eq(baseline_knows(b, hash_of("recipient", 2)), KNOWN_NOT);
	pass(w, 24 * HOUR_US - SECOND_US);
	baseline_pass(&w->s, alice, CALM, w->now.mono);
	ck_assert_int_eq(baseline_knows(b, bob), KNOWN_PENDING);
	ck_assert(!site_knows(w->s.site, bob));
	pass(w, HOUR_US + SECOND_US);
	baseline_pass(&w->s, alice, UNCALM, w->now.mono);
	ck_assert_int_eq(baseline_knows(b, bob), KNOWN_PENDING);
	baseline_pass(&w->s, alice, CALM, w->now.mono);
	ck_assert_int_eq(baseline_knows(b, bob), KNOWN_SETTLED);
	ck_assert(site_knows(w->s.site, bob));
	world_free(w);
}
END_TEST

/* Each by its own age, whatever else settles meanwhile. */
START_TEST(test_recipient_by_age)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	learn(w, alice, (struct shown){.recipient = 1});
	pass(w, 5 * HOUR_US);
	learn(w, alice, (struct shown){.network = 1, .recipient = 2});
	const struct baseline *b = baseline_of(alice);
	for (unsigned hour = 6; hour < 29; hour++) {
		pass(w, HOUR_US);
		baseline_pass(&w->s, alice, CALM, w->now.mono);
		ck_assert_int_eq(baseline_knows(b, hash_of("recipient", 2)), KNOWN_PENDING);
		ck_assert_uint_eq(baseline_settled(b, HABIT_NETWORK), 0);
	}
	ck_assert_int_eq(baseline_knows(b, hash_of("recipient", 1)), KNOWN_SETTLED);
	pass(w, 3 * HOUR_US);
	baseline_pass(&w->s, alice, CALM, w->now.mono);
	ck_assert_int_eq(baseline_knows(b, hash_of("recipient", 2)), KNOWN_SETTLED);
	ck_assert_uint_eq(baseline_settled(b, HABIT_NETWORK), 1);
	world_free(w);
}
END_TEST

/* Domains are known to the account, and nothing that the site knows by. */
START_TEST(test_domain)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	struct seen seen = {.recipient = hash_of("recipient", 1),
		.domain = hash_of("domain", 1),
		.is_first = true,
		.now = w->now};
	baseline_learn(&w->s, alice, &seen);
	ck_assert_int_eq(baseline_knows(baseline_of(alice), seen.domain), KNOWN_PENDING);
	pass(w, 25 * HOUR_US);
	baseline_pass(&w->s, alice, CALM, w->now.mono);
	ck_assert_int_eq(baseline_knows(baseline_of(alice), seen.domain), KNOWN_SETTLED);
	ck_assert(!site_knows(w->s.site, seen.domain));
	world_free(w);
}
END_TEST

START_TEST(test_pending_is_bounded)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	for (unsigned i = 0; i < 5000; i++)
		learn(w, alice, (struct shown){.recipient = i, .is_later = i > 0});
	const struct baseline *b = baseline_of(alice);
	unsigned pending = 0;
	for (unsigned i = 0; i < 5000; i++)
		pending += baseline_knows(b, hash_of("recipient", i)) == KNOWN_PENDING;
	ck_assert_uint_le(pending, PENDING_KNOWN_MAX);
	ck_assert_uint_ge(pending, PENDING_KNOWN_MAX / 2);
	for (unsigned i = 5000 - PENDING_KNOWN_MAX / 2; i < 5000; i++)
		ck_assert_int_eq(baseline_knows(b, hash_of("recipient", i)), KNOWN_PENDING);
	world_free(w);
}
END_TEST

/* ---- settling ---- */

static enum known learnt_then(struct world *w, void (*then)(struct world *, struct account *))
{
	struct account *alice = account_named(w, "login:alice");
	for (unsigned i = 0; i < 5; i++)
		ordinary_day(w, alice);
	learn(w, alice, (struct shown){.network = 9, .recipient = 99});
	then(w, alice);
	const struct baseline *b = baseline_of(alice);
	/* What was normal stays so in any case. */
	ck_assert_int_eq(baseline_knows(b, hash_of("recipient", 1)), KNOWN_SETTLED);
	ck_assert_int_eq(
		baseline_habit(b, HABIT_NETWORK, hash_of("network", 1)).known, KNOWN_SETTLED);
	enum known known = baseline_knows(b, hash_of("recipient", 99));
	ck_assert_int_eq(baseline_habit(b, HABIT_NETWORK, hash_of("network", 9)).known, (int)known);
	ck_assert(site_knows(w->s.site, hash_of("recipient", 99)) == (known == KNOWN_SETTLED));
	return known;
}

static void then_days_pass(struct world *w, struct account *account)
{
	pass(w, 25 * HOUR_US);
	baseline_pass(&w->s, account, CALM, w->now.mono);
}

static void then_unrest(struct world *w, struct account *account)
{
	pass(w, 5 * DAY_US);
	baseline_pass(&w->s, account, UNCALM, w->now.mono);
}

static void then_taint(struct world *w, struct account *account)
{
	baseline_taint(baseline_of(account));
	then_unrest(w, account);
}

static void then_taint_and_calm(struct world *w, struct account *account)
{
	then_taint(w, account);
	baseline_pass(&w->s, account, CALM, w->now.mono);
	ck_assert(!baseline_of(account)->is_tainted);
}

static void then_drop(struct world *w, struct account *account)
{
	baseline_drop(baseline_of(account));
	then_days_pass(w, account);
}

static void then_false_positive(struct world *w, struct account *account)
{
	baseline_taint(baseline_of(account));
	baseline_settle(&w->s, account, w->now.mono);
	then_days_pass(w, account);
}

static const struct settle_row {
	const char *label;
	void (*then)(struct world *, struct account *);
	enum known known;
	bool is_counted; /* among what is normal */
} settle_rows[] = {
	{"a calm day later", then_days_pass, KNOWN_SETTLED, true},
	{"not calm", then_unrest, KNOWN_PENDING, false},
	{"tainted", then_taint, KNOWN_PENDING, false},
	{"tainted, then calm", then_taint_and_calm, KNOWN_NOT, false},
	{"dropped", then_drop, KNOWN_NOT, false},
	{"a false positive", then_false_positive, KNOWN_SETTLED, true},
};

START_TEST(test_settle)
{
	const struct settle_row *row = &settle_rows[_i];
	struct world *w = world_new("");
	ck_assert_msg(learnt_then(w, row->then) == row->known, "%s", row->label);
	const struct account *alice = account_named(w, "login:alice");
	/* The last message is in the bucket that began with it, after four days that settled. */
	double recipients = row->is_counted ? 16 : 15;
	ck_assert_msg(fabs(normal_of(w, alice).recipients - recipients) < 1 ||
			      (!row->is_counted && normal_of(w, alice).recipients < 13),
		"%s: %f", row->label, normal_of(w, alice).recipients);
	world_free(w);
}
END_TEST

/* Nothing of NULL, and nothing of an account that has not shown itself. */
START_TEST(test_nothing)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	baseline_taint(NULL);
	baseline_drop(NULL);
	baseline_halve(NULL);
	baseline_message(NULL, 1, 1, CALM);
	baseline_pass(&w->s, alice, CALM, w->now.mono);
	baseline_settle(&w->s, alice, w->now.mono);
	ck_assert_ptr_null(baseline_of(alice));
	ck_assert_uint_eq(baseline_bytes(NULL), 0);
	struct normal normal = normal_of(w, alice);
	ck_assert(normal.is_young && normal.hour_share == 1 && !normal.has_position);
	ck_near(normal.novelty, .35);
	ck_near(normal.per_message_high, 1);
	ck_assert_uint_eq(normal.since, 0);
	ck_near(recent_of(w, alice).hour, 0);
	ck_near(recent_of(w, alice).news, 0);
	world_free(w);
}
END_TEST

/* ---- what is recent ---- */

START_TEST(test_recent)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	for (unsigned i = 0; i < 10; i++)
		learn(w, alice, (struct shown){.recipient = i, .is_later = i > 0});
	for (unsigned i = 0; i < 10; i++)
		learn(w, alice, (struct shown){.recipient = i, .is_later = i > 0});
	struct recent recent = recent_of(w, alice);
	ck_near(recent.hour, 20);
	ck_near(recent.day, 20);
	ck_near(recent.news, 10);
	ck_near(recent.hour_weighed, 11);
	ck_near(recent.day_weighed, 11);
	ck_near(recent.all, 20);
	ck_near(recent.odd, 10);
	pass(w, HOUR_US);
	recent = recent_of(w, alice);
	ck_near(recent.hour, 20);
	ck_near(recent.hour_weighed, 11 / M_E);
	pass(w, HOUR_US / 2);
	ck_near(recent_of(w, alice).hour, 10);
	pass(w, HOUR_US / 2);
	ck_near(recent_of(w, alice).hour, 0);
	pass(w, 4 * HOUR_US);
	recent = recent_of(w, alice);
	ck_near(recent.news, 5);
	ck_near(recent.day, 20);
	ck_near(recent.all, 10);
	ck_near(recent.odd, 5);
	baseline_halve(baseline_of(alice));
	ck_near(recent_of(w, alice).news, 2.5);
	ck_near(recent_of(w, alice).odd, 2.5);
	ck_near(recent_of(w, alice).all, 10);
	pass(w, 3 * DAY_US);
	ck_near(recent_of(w, alice).day, 0);
	world_free(w);
}
END_TEST

/* One blast does not count for days. */
START_TEST(test_recent_has_ceilings)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	for (unsigned i = 0; i < 2000; i++)
		learn(w, alice, (struct shown){.recipient = i, .is_later = i > 0});
	struct recent recent = recent_of(w, alice);
	ck_near(recent.news, 1.4 * 48);
	ck_near(recent.odd, 50);
	ck_near(recent.all, 2000);
	ck_near(recent.hour_weighed, 160);
	ck_near(recent.day_weighed, 480);
	ck_near(recent.hour, 2000);
	world_free(w);
}
END_TEST

/* The clock stands still for a while, or a step back: nothing counts for more. */
START_TEST(test_recent_backwards)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	learn(w, alice, (struct shown){.recipient = 1});
	pass(w, -2 * DAY_US);
	learn(w, alice, (struct shown){.recipient = 2});
	ck_near(recent_of(w, alice).hour, 2);
	ck_near(recent_of(w, alice).news, 2);
	baseline_pass(&w->s, alice, CALM, w->now.mono);
	ck_assert_int_eq(
		baseline_knows(baseline_of(alice), hash_of("recipient", 1)), KNOWN_PENDING);
	world_free(w);
}
END_TEST

/* ---- what is normal ---- */

START_TEST(test_normal_ordinary)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(normal_of(w, alice).is_young);
		ordinary_day(w, alice);
	}
	for (unsigned i = 0; i < 40; i++)
		ordinary_day(w, alice);
	struct normal normal = normal_of(w, alice);
	ck_assert(!normal.is_young);
	ck_assert_uint_eq(normal.days, 43);
	ck_near(normal.novelty, .10);
	ck_assert_double_ge(normal.judged, 80);
	ck_near(normal.per_message_high, 1);
	ck_near(normal.per_day_mean, 3);
	ck_near(normal.per_hour_mean, 1);
	ck_near(normal.per_message_mean, 1);
	ck_assert_double_ge(normal.per_hour_high, 1);
	ck_assert_double_le(normal.per_hour_high, 2);
	ck_near(normal.networks_day_high, 1);
	ck_near(normal.bytes_log_mean, log(10000));
	ck_assert_double_le(normal.bytes_log_deviation, .05);
	ck_assert_uint_eq(normal.last_sent, second_of(w->now.mono) - 22 * HOUR_S);
	ck_assert_double_le(normal.peak_new, 3);
	ck_assert_double_le(normal.peak_hour, 1);
	world_free(w);
}
END_TEST

/* Who writes to somebody new each time is known for it. */
START_TEST(test_normal_novelty)
{
	struct world *w = world_new("");
	struct account *shop = account_named(w, "login:shop");
	for (unsigned i = 0; i < 200; i++) {
		baseline_pass(&w->s, shop, CALM, w->now.mono);
		learn(w, shop, (struct shown){.network = 1, .recipient = i});
		pass(w, 6 * HOUR_US);
	}
	ck_near(normal_of(w, shop).novelty, .90);
	ck_assert_double_ge(normal_of(w, shop).peak_new, 1.9);
	/* Others of the site that are young are thought to be a bit like it. */
	ck_assert_double_ge(normal_of(w, account_named(w, "login:new")).novelty, .36);
	world_free(w);
}
END_TEST

START_TEST(test_normal_peaks_fall)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	for (unsigned i = 0; i < 30; i++)
		learn(w, alice, (struct shown){.recipient = 100 + i, .is_later = i > 0});
	pass(w, 30 * HOUR_US);
	baseline_pass(&w->s, alice, CALM, w->now.mono);
	ck_near(normal_of(w, alice).peak_new, 30);
	ck_near(normal_of(w, alice).peak_hour, 30);
	for (unsigned i = 0; i < 10; i++)
		ordinary_day(w, alice);
	ck_assert_double_le(normal_of(w, alice).peak_new, 30 * pow(.99, 8));
	ck_assert_double_ge(normal_of(w, alice).peak_new, 30 * pow(.99, 11));
	world_free(w);
}
END_TEST

/* Comes near to what most messages have, in steps, and only while it is calm. */
START_TEST(test_normal_message_high)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	learn(w, alice, (struct shown){.recipient = 1});
	struct baseline *b = baseline_of(alice);
	baseline_message(b, 100, 0, UNCALM);
	ck_near(normal_of(w, alice).per_message_high, 1);
	baseline_message(b, 100, 0, CALM);
	ck_near(normal_of(w, alice).per_message_high, 1 + .3 * 11);
	baseline_message(b, 5, 0, CALM);
	ck_near(normal_of(w, alice).per_message_high, 4.3 + .3 * .7);
	baseline_message(b, 1, 0, CALM);
	ck_near(normal_of(w, alice).per_message_high, 4.51 * .99);
	for (unsigned i = 0; i < 100; i++)
		baseline_message(b, 40, 0, CALM);
	ck_near(normal_of(w, alice).per_message_high, 40);
	for (unsigned i = 0; i < 2000; i++)
		baseline_message(b, 1, 0, CALM);
	ck_near(normal_of(w, alice).per_message_high, 1);
	world_free(w);
}
END_TEST

START_TEST(test_normal_hours)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	for (unsigned i = 0; i < 15; i++)
		ordinary_day(w, alice);
	/* Too few messages to say anything of any hour. */
	pass(w, -7 * HOUR_US);
	ck_near(normal_of(w, alice).hour_share, 1);
	pass(w, 7 * HOUR_US);
	for (unsigned i = 0; i < 30; i++)
		ordinary_day(w, alice);
	/* It is ten again; it sends at ten, eleven and twelve. */
	static const double share[] = {.67, 1, .67, .33, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	for (unsigned i = 0; i < sizeof(share) / sizeof(share[0]); i++) {
		ck_assert_double_eq_tol(normal_of(w, alice).hour_share, share[i], .02);
		pass(w, HOUR_US);
	}
	world_free(w);
}
END_TEST

START_TEST(test_normal_silence)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	struct account *bob = account_named(w, "login:bob");
	learn(w, bob, (struct shown){.recipient = 1});
	ordinary_day(w, alice);
	ordinary_day(w, alice);
	pass(w, 20 * DAY_US);
	learn(w, alice, (struct shown){.recipient = 1});
	ck_assert_uint_eq(normal_of(w, alice).woke, 0);
	pass(w, 30 * DAY_US);
	learn(w, alice, (struct shown){.recipient = 1});
	learn(w, bob, (struct shown){.recipient = 1});
	ck_assert_uint_eq(normal_of(w, alice).woke, second_of(w->now.mono));
	ck_assert_uint_eq(normal_of(w, alice).silent_days, 30);
	/* One message long ago says nothing. */
	ck_assert_uint_eq(normal_of(w, bob).woke, 0);
	pass(w, HOUR_US);
	learn(w, alice, (struct shown){.recipient = 1});
	ck_assert_uint_eq(normal_of(w, alice).woke, second_of(w->now.mono) - HOUR_S);
	world_free(w);
}
END_TEST

START_TEST(test_normal_position)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	struct geo geo = {.latitude = 4812, .longitude = -1157};
	struct seen seen = {.is_first = true, .geo = &geo, .now = w->now};
	baseline_learn(&w->s, alice, &seen);
	ck_assert(!normal_of(w, alice).has_position);
	geo.has_position = true;
	baseline_learn(&w->s, alice, &seen);
	seen.geo = NULL;
	baseline_learn(&w->s, alice, &seen);
	struct normal normal = normal_of(w, alice);
	ck_assert(normal.has_position && normal.position_at == second_of(w->now.mono));
	ck_assert_int_eq(normal.latitude, 4812);
	ck_assert_int_eq(normal.longitude, -1157);
	world_free(w);
}
END_TEST

/* ---- memory ---- */

START_TEST(test_memory_ordinary)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	learn(w, alice, (struct shown){.network = 1, .recipient = 1});
	ck_assert_uint_le(baseline_bytes(baseline_of(alice)), BASELINE_BYTES_USUAL);
	for (unsigned i = 0; i < 100; i++)
		ordinary_day(w, alice);
	ck_assert_uint_le(baseline_bytes(baseline_of(alice)), 700);
	/* Idle, it has less: what was pending has gone. */
	pass(w, 5 * DAY_US);
	baseline_pass(&w->s, alice, CALM, w->now.mono);
	ck_assert_uint_le(baseline_bytes(baseline_of(alice)), 450);
	ck_assert_ptr_null(baseline_of(alice)->pending);
	world_free(w);
}
END_TEST

static void learn_all_kinds(struct world *w, struct account *account, unsigned n)
{
	struct seen seen = {.recipient = hash_of("recipient", n),
		.domain = hash_of("domain", n),
		.is_first = true,
		.is_at_none = true,
		.newness = 1,
		.strangeness = 1,
		.now = w->now};
	for (unsigned kind = 0; kind < HABIT_KINDS; kind++)
		seen.habit[kind] = hash_of("habit", n);
	baseline_learn(&w->s, account, &seen);
	baseline_message(baseline_of(account), n, n + 1, CALM);
}

START_TEST(test_memory_is_bounded)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	size_t most = 0;
	for (unsigned i = 0; i < 20000; i++) {
		baseline_pass(&w->s, alice, i % 7 != 0, w->now.mono);
		learn_all_kinds(w, alice, i);
		pass(w, (i < 10000 ? 600 : 97) * SECOND_US);
		size_t bytes = baseline_bytes(baseline_of(alice));
		most = bytes > most ? bytes : most;
		ck_assert_uint_eq(w->s.baseline_bytes, bytes);
		ck_assert_uint_eq(w->s.bytes, bytes);
	}
	ck_assert_uint_le(most, BASELINE_BYTES_MAX);
	ck_assert_uint_ge(most, BASELINE_BYTES_MAX * 3 / 4);
	world_free(w);
}
END_TEST

START_TEST(test_memory_max)
{
	struct world *w = world_new("signals = { memory_max = \"1M\"; };");
	for (unsigned i = 0; i < 20000; i++) {
		char name[32];
		snprintf(name, sizeof(name), "login:%u", i);
		struct account *account = account_named(w, name);
		for (unsigned k = 0; k < 30; k++)
			learn_all_kinds(w, account, k);
	}
	ck_assert_uint_ge(w->s.baselines, 200);
	ck_assert_uint_le(w->s.bytes, (1 << 20) + BASELINE_BYTES_MAX);
	struct account *late = account_named(w, "login:late");
	ck_assert_ptr_null(baseline_make(&w->s, late, w->now.mono));
	learn(w, late, (struct shown){.recipient = 1});
	ck_assert_ptr_null(baseline_of(late));
	ck_assert(normal_of(w, late).is_young);
	world_free(w);
}
END_TEST

/* ---- in a snapshot ---- */

static struct bytes saved_of(struct world *w, const struct account *account)
{
	struct bytes out = {.n = 0};
	signals_baseline_part.save(baseline_of(account), &out, w->now.mono);
	return out;
}

static struct account *loaded_as(
	struct world *w, const char *name, struct span bytes, int64_t shift_us)
{
	struct account *account = account_named(w, name);
	struct reader in = reader_of(bytes);
	signals_baseline_part.load(&w->s, account, &in, shift_us);
	return account;
}

/* Of everything something, settled and pending. */
static struct account *rich_account(struct world *w)
{
	struct account *alice = account_named(w, "login:alice");
	for (unsigned i = 0; i < 120; i++) {
		if (i == 60)
			pass(w, 25 * DAY_US);
		baseline_pass(&w->s, alice, CALM, w->now.mono);
		learn_all_kinds(w, alice, i * 3 % 41);
		learn(w, alice, (struct shown){.recipient = i, .is_later = true});
		pass(w, 7 * HOUR_US + i * MINUTE_US);
	}
	learn_all_kinds(w, alice, 900);
	return alice;
}

START_TEST(test_round_trip)
{
	struct world *w = world_new("");
	struct account *alice = rich_account(w);
	struct bytes first = saved_of(w, alice);
	struct account *bob = loaded_as(w, "login:bob", span_make(first.p, first.n), 0);
	struct bytes second = saved_of(w, bob);
	ck_assert(span_equal(span_make(first.p, first.n), span_make(second.p, second.n)));
	/* What comes next finds the same, and leaves the same. */
	for (unsigned i = 0; i < 50; i++) {
		baseline_pass(&w->s, alice, CALM, w->now.mono);
		baseline_pass(&w->s, bob, CALM, w->now.mono);
		struct normal a = normal_of(w, alice), b = normal_of(w, bob);
		ck_assert_double_eq(a.novelty, b.novelty);
		ck_assert_double_eq(a.peak_new, b.peak_new);
		ck_assert(a.woke != 0 && a.woke == b.woke && a.silent_days == b.silent_days);
		ck_assert_double_eq(recent_of(w, alice).news, recent_of(w, bob).news);
		learn_all_kinds(w, alice, i * 7);
		learn_all_kinds(w, bob, i * 7);
		pass(w, 5 * HOUR_US);
	}
	bytes_free(&first);
	bytes_free(&second);
	first = saved_of(w, alice);
	second = saved_of(w, bob);
	ck_assert(span_equal(span_make(first.p, first.n), span_make(second.p, second.n)));
	bytes_free(&first);
	bytes_free(&second);
	world_free(w);
}
END_TEST

/* After a reboot the clock begins anew: what was a day ago still is. */
START_TEST(test_round_trip_shifted)
{
	struct world *w = world_new("");
	struct account *alice = rich_account(w);
	struct bytes bytes = saved_of(w, alice);
	struct normal before = normal_of(w, alice);
	second_t last = before.last_sent, since = before.since;
	int64_t shift_us = MINUTE_US - w->now.mono.us;
	struct account *bob = loaded_as(w, "login:bob", span_make(bytes.p, bytes.n), shift_us);
	second_t then = second_of(w->now.mono);
	w->now.mono.us = MINUTE_US;
	second_t now = second_of(w->now.mono);
	struct normal after = normal_of(w, bob);
	ck_assert_uint_eq(then - last, now - after.last_sent);
	ck_assert_uint_eq(then - since, now - after.since);
	ck_assert_uint_eq(then - before.position_at, now - after.position_at + then - now);
	ck_assert_int_eq(
		baseline_knows(baseline_of(bob), hash_of("recipient", 900)), KNOWN_PENDING);
	pass(w, 26 * HOUR_US);
	baseline_pass(&w->s, bob, CALM, w->now.mono);
	ck_assert_int_eq(
		baseline_knows(baseline_of(bob), hash_of("recipient", 900)), KNOWN_SETTLED);
	bytes_free(&bytes);
	world_free(w);
}
END_TEST

/* Cut anywhere, or with a wrong byte anywhere: taken or not, it stays within its bounds. */
START_TEST(test_load_anything)
{
	struct world *w = world_new("");
	struct chance chance = chance_new("baseline");
	struct account *alice = rich_account(w);
	struct bytes bytes = saved_of(w, alice);
	for (unsigned round = 0; round < 3000; round++) {
		char name[32];
		char *copy = malloc(bytes.n);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, bytes.p, bytes.n);
		size_t n = round % 2 ? bytes.n : chance_below(&chance, (uint32_t)bytes.n);
		for (unsigned i = 0; i < round % 4; i++)
			copy[chance_below(&chance, (uint32_t)bytes.n)] =
				(char)chance_below(&chance, 256);
		snprintf(name, sizeof(name), "login:%u", round % 50);
		struct account *account = loaded_as(w, name, span_make(copy, n), 0);
		free(copy);
		if (!baseline_of(account))
			continue;
		ck_assert_uint_le(baseline_bytes(baseline_of(account)), BASELINE_BYTES_MAX);
		baseline_pass(&w->s, account, CALM, w->now.mono);
		learn_all_kinds(w, account, round);
		baseline_settle(&w->s, account, w->now.mono);
		struct normal normal = normal_of(w, account);
		ck_assert(isfinite(normal.novelty) && isfinite(normal.bytes_log_deviation));
		signals_baseline_part.free(account->part[PART_BASELINE]);
		account->part[PART_BASELINE] = NULL;
	}
	bytes_free(&bytes);
	world_free(w);
}
END_TEST

START_TEST(test_load_other_version)
{
	struct world *w = world_new("");
	struct account *alice = rich_account(w);
	struct bytes bytes = saved_of(w, alice);
	bytes.p[0]++;
	ck_assert_ptr_null(baseline_of(loaded_as(w, "login:bob", span_make(bytes.p, bytes.n), 0)));
	ck_assert_ptr_null(baseline_of(loaded_as(w, "login:bob", SPAN(""), 0)));
	bytes.p[0]--;
	/* What is there stays. */
	const struct baseline *b = baseline_of(alice);
	loaded_as(w, "login:alice", span_make(bytes.p, bytes.n), 0);
	ck_assert_ptr_eq(baseline_of(alice), b);
	bytes_free(&bytes);
	world_free(w);
}
END_TEST

START_TEST(test_idle)
{
	struct world *w = world_new("");
	struct account *alice = account_named(w, "login:alice");
	ordinary_day(w, alice);
	const struct baseline *b = baseline_of(alice);
	pass(w, 399 * DAY_US);
	ck_assert(!signals_baseline_part.is_idle(b, w->now.mono));
	signals_baseline_part.reset(alice->part[PART_BASELINE]);
	ck_assert_int_eq(baseline_knows(b, hash_of("recipient", 1)), KNOWN_PENDING);
	pass(w, 2 * DAY_US);
	ck_assert(signals_baseline_part.is_idle(b, w->now.mono));
	struct bytes bytes = saved_of(w, alice);
	ck_assert_uint_eq(bytes.n, 0);
	bytes_free(&bytes);
	world_free(w);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"known grows", test_known_grows, 0},
		{"known small", test_known_small, 0},
		{"known rotates when full", test_known_rotates_when_full, 0},
		{"known rotates when old", test_known_rotates_when_old, 0},
		{"known without memory", test_known_without_memory, 0},
		{"habit", test_habit, 0},
		{"habits hold out", test_habits_hold_out, 0},
		{"habits least used go", test_habits_least_used_go, 0},
		{"strange", test_strange, 0},
		{"strange settled", test_strange_settled, 0},
		{"recipient", test_recipient, 0},
		{"recipient by age", test_recipient_by_age, 0},
		{"domain", test_domain, 0},
		{"pending is bounded", test_pending_is_bounded, 0},
		{"settle", test_settle, ROWS(settle_rows)},
		{"nothing", test_nothing, 0},
		{"recent", test_recent, 0},
		{"recent has ceilings", test_recent_has_ceilings, 0},
		{"recent backwards", test_recent_backwards, 0},
		{"normal ordinary", test_normal_ordinary, 0},
		{"normal novelty", test_normal_novelty, 0},
		{"normal peaks fall", test_normal_peaks_fall, 0},
		{"normal message high", test_normal_message_high, 0},
		{"normal hours", test_normal_hours, 0},
		{"normal silence", test_normal_silence, 0},
		{"normal position", test_normal_position, 0},
		{"memory ordinary", test_memory_ordinary, 0},
		{"memory is bounded", test_memory_is_bounded, 0},
		{"memory max", test_memory_max, 0},
		{"round trip", test_round_trip, 0},
		{"round trip shifted", test_round_trip_shifted, 0},
		{"load anything", test_load_anything, 0},
		{"load other version", test_load_other_version, 0},
		{"idle", test_idle, 0},
	};

	return SUITE_RUN("baseline", rows);
}
