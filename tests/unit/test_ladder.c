/* SPDX-License-Identifier: ISC */
/* The ladder: up a step a decision, down by time, held by the brake, and what the desk says. */
#include "judging_help.h"

static struct world *world_lived(const char *settings)
{
	struct world *w = world_new(settings);
	live(w, NULL, 20);
	return w;
}

static enum step step_now(struct world *w)
{
	struct ladder_says says;
	signals_peek(w->s, account_named(w, NULL), w->config->class_default, w->now, &says);
	return says.step;
}

START_TEST(test_up)
{
	struct world *w = world_lived(ENFORCE);
	ck_assert_int_eq(step_now(w), STEP_NONE);
	enum step is = STEP_NONE;
	unsigned passed = 0, held = 0;
	for (unsigned n = 0; is != STEP_SUSPEND && n < 100; n++) {
		spam(w, n);
		ck_assert_int_le(w->says.step, is + 1);
		ck_assert_int_eq(w->says.was, is);
		ck_assert(w->says.step == is || strlen(w->reason) > 10);
		ck_assert(w->says.step > is || w->reason[0] == '\0');
		ck_assert(w->says.is_suspending == (w->says.step == STEP_SUSPEND));
		is = w->says.step;
		passed += w->says.action == ACTION_DUNNO && is != STEP_SUSPEND;
		held += w->says.action == ACTION_HOLD;
	}
	ck_assert_int_eq(is, STEP_SUSPEND);
	ck_assert_uint_le(passed, 10);
	ck_assert_uint_gt(held, 0);
	world_free(w);
}
END_TEST

/* The first messages are evidence; later ones wait. */
START_TEST(test_hold)
{
	struct world *w = world_lived("ladder = { suspend = 1000; hold_messages = 3; };\n" ENFORCE);
	(void)spam_until(w, STEP_HOLD);
	ck_assert_int_eq(w->says.action, ACTION_HOLD);
	ask(w, (struct sent){.recipient = "more@example.com", .is_further = true});
	ck_assert_int_eq(w->says.action, ACTION_DUNNO);
	mail(w, (struct sent){.recipient = "one@example.com"});
	ck_assert_int_eq(w->says.action, ACTION_HOLD);
	mail(w, (struct sent){.recipient = "local@example.org", .is_local = true});
	ck_assert_int_eq(w->says.action, ACTION_HOLD);
	mail(w, (struct sent){.recipient = "two@example.com"});
	ck_assert_int_eq(w->says.action, ACTION_DEFER_IF_PERMIT);
	world_free(w);
}
END_TEST

/* Never more than so many in any window. */
START_TEST(test_slow)
{
	struct world *w = world_lived("ladder = { hold = 1000; suspend = 1100; };\n" ENFORCE);
	mono_t passed[1000];
	unsigned n = 0, deferred = 0;
	(void)spam_until(w, STEP_SLOW);
	for (unsigned i = 0; i < 600; i++) {
		spam(w, 100 + i);
		pass(w, 59 * SECOND_US);
		if (w->says.step != STEP_SLOW)
			break;
		if (w->says.action == ACTION_DUNNO)
			passed[n++] = w->now.mono;
		else
			ck_assert_int_gt(w->says.room_at.us, w->now.mono.us - MINUTE_US);
		deferred += w->says.action == ACTION_DEFER_IF_PERMIT;
	}
	ck_assert_uint_gt(n, 60);
	ck_assert_uint_gt(deferred, 300);
	for (unsigned i = 10; i < n; i++)
		ck_assert_int_ge(passed[i].us - passed[i - 10].us, HOUR_US);
	ask(w, (struct sent){.recipient = "c@example.org", .is_local = true});
	ck_assert_int_eq(w->says.action, ACTION_DUNNO);
	world_free(w);
}
END_TEST

START_TEST(test_down)
{
	struct world *w = world_lived("ladder = { suspend = 1000; };\n" ENFORCE);
	struct signals_view view;
	(void)spam_until(w, STEP_HOLD);
	pass(w, 5 * HOUR_US + 59 * MINUTE_US);
	ck_assert_int_eq(step_now(w), STEP_HOLD);
	signals_view(w->s, account_named(w, NULL), w->config->class_default, w->now, &view);
	ck_assert_int_ge(view.down_at.us, w->now.mono.us);
	pass(w, view.down_at.us - w->now.mono.us - 2 * SECOND_US);
	ck_assert_int_eq(step_now(w), STEP_HOLD);
	pass(w, 4 * SECOND_US);
	ck_assert_int_eq(step_now(w), STEP_SLOW);
	/* The same whether somebody looked meanwhile or not. */
	pass(w, 30 * DAY_US);
	ck_assert_int_eq(step_now(w), STEP_NONE);
	mail(w, (struct sent){0});
	ck_assert_int_eq(w->says.step, STEP_NONE);
	ck_assert_int_eq(w->says.action, ACTION_DUNNO);
	world_free(w);
}
END_TEST

/* Around a threshold it does not flap. */
START_TEST(test_hysteresis)
{
	struct world *w = world_lived("ladder = { suspend = 1000; };\n" ENFORCE);
	struct score *score;
	(void)spam_until(w, STEP_SLOW);
	score = score_of(account_named(w, NULL));
	for (unsigned i = 0; i < 200; i++) {
		struct finding_of keep = {.units = 30};
		pass(w, HOUR_US);
		/* 30 is below the threshold of slow, and above what keeps it. */
		score_clear(score);
		score_join(w->s, account_named(w, NULL), SIGNAL_REPORTED, JOIN_LEVEL, &keep,
			second_now(w));
		mail(w, (struct sent){0});
		ck_assert_int_eq(w->says.step, STEP_SLOW);
	}
	world_free(w);
}
END_TEST

START_TEST(test_suspension_ends)
{
	struct world *w = world_lived(ENFORCE);
	struct signals_view view;
	(void)spam_until(w, STEP_SUSPEND);
	pass(w, DAY_US + SECOND_US);
	ck_assert_int_eq(step_now(w), STEP_NONE);
	signals_view(w->s, account_named(w, NULL), w->config->class_default, w->now, &view);
	ck_near(view.threshold[STEP_SLOW], 20);
	mail(w, (struct sent){0});
	ck_assert_int_lt(w->says.step, STEP_SLOW);
	pass(w, 14 * DAY_US);
	signals_view(w->s, account_named(w, NULL), w->config->class_default, w->now, &view);
	ck_near(view.threshold[STEP_SLOW], 40);
	world_free(w);
}
END_TEST

static void release(struct world *w, const char *verdict)
{
	const struct policy_event event = {
		.kind = EVENT_RELEASE, .at = w->now.wall, .limit = span_of(verdict)};
	signals_apply(w->s, account_named(w, NULL), &event, w->now);
}

START_TEST(test_release)
{
	struct world *w = world_lived(ENFORCE);
	struct signals_view view;
	(void)spam_until(w, STEP_HOLD);
	double before = signals_score(w->s, account_named(w, NULL), w->now.mono);
	release(w, "");
	signals_view(w->s, account_named(w, NULL), w->config->class_default, w->now, &view);
	ck_assert_int_eq(view.step, STEP_NONE);
	ck_near(view.score, before / 2);
	ck_near(view.threshold[STEP_SUSPEND], 55);
	ck_assert_int_eq(view.probation_until.us, w->now.mono.us + 14 * DAY_US);
	ck_assert_msg(strstr(view.thresholds_say, "x 0.5 until "), "%s", view.thresholds_say);
	/* What the attacker did was not learnt. */
	ck_assert(!signals_knows(w->s, account_named(w, NULL), SPAN("stranger0@example.com")));
	ck_assert(signals_knows(w->s, account_named(w, NULL), SPAN("friend1@example.net")));
	world_free(w);
}
END_TEST

START_TEST(test_false_positive)
{
	struct world *w = world_lived(ENFORCE);
	struct signals_view view;
	(void)spam_until(w, STEP_HOLD);
	release(w, VERDICT_FALSE_POSITIVE);
	signals_view(w->s, account_named(w, NULL), w->config->class_default, w->now, &view);
	ck_assert_int_eq(view.step, STEP_NONE);
	ck_near(view.score, 0);
	ck_near(view.threshold[STEP_HOLD], 105);
	ck_assert_int_eq(view.probation_until.us, 0);
	ck_assert(signals_knows(w->s, account_named(w, NULL), SPAN("stranger0@example.com")));
	/* The same again is normal now. */
	for (unsigned i = 0; i < 5; i++)
		spam(w, i);
	ck_assert_int_eq(w->says.step, STEP_NONE);
	pass(w, 31 * DAY_US);
	signals_view(w->s, account_named(w, NULL), w->config->class_default, w->now, &view);
	ck_near(view.threshold[STEP_HOLD], 70);
	world_free(w);
}
END_TEST

static const char *const observes[] = {
	"signals = { mode = \"observe\"; };\n",
	"ladder = { mode = \"observe\"; };\n" ENFORCE,
	"classes = ( { name = \"default\"; ladder = { mode = \"observe\"; }; } );\n" ENFORCE,
};

START_TEST(test_observe)
{
	struct world *w = world_lived(observes[_i]);
	for (unsigned n = 0; n < 60; n++) {
		spam(w, n);
		ck_assert_int_eq(w->says.step, STEP_NONE);
		ck_assert_int_eq(w->says.action, ACTION_DUNNO);
		ck_assert(!w->says.is_suspending);
	}
	ck_assert_int_eq(w->says.would, STEP_SUSPEND);
	ck_assert_double_gt(w->says.score, 110);
	pass(w, DAY_US);
	mail(w, (struct sent){0});
	ck_assert_int_lt(w->says.would, STEP_SUSPEND);
	world_free(w);
}
END_TEST

/* Thirty accounts at once: ten are held, the others slowed. */
START_TEST(test_brake)
{
	struct world *w = world_new("ladder = { suspend = 1000; };\n" ENFORCE);
	char login[40], recipient[64];
	unsigned held = 0, braked = 0;
	struct signals_figures figures;
	for (unsigned i = 0; i < 30; i++) {
		snprintf(login, sizeof(login), "user%u@example.org", i);
		live(w, login, 1);
		pass(w, -DAY_US);
	}
	pass(w, 20 * DAY_US);
	for (unsigned i = 0; i < 30; i++) {
		bool was_braked = false;
		snprintf(login, sizeof(login), "user%u@example.org", i);
		for (unsigned n = 0; n < 80; n++) {
			snprintf(recipient, sizeof(recipient), "s%u.%u@example.com", i, n);
			ask(w, (struct sent){.login = login,
				       .recipient = recipient,
				       .client = "198.51.100.7",
				       .helo = "evil"});
			was_braked = was_braked || w->says.is_braked;
		}
		held += w->says.step == STEP_HOLD;
		braked += was_braked;
	}
	ck_assert_uint_eq(held, 10);
	ck_assert_uint_eq(braked, 20);
	signals_figures(w->s, &figures);
	ck_assert(figures.is_braking);
	struct signals_view view;
	signals_view(w->s, account_named(w, login), w->config->class_default, w->now, &view);
	ck_assert_msg(strstr(view.next, "(the brake is on)"), "%s", view.next);
	pass(w, 2 * HOUR_US);
	ask(w, (struct sent){
		       .login = login, .recipient = "x@example.com", .client = "198.51.100.7"});
	ck_assert_int_eq(w->says.step, STEP_HOLD);
	world_free(w);
}
END_TEST

/* Accounts that all have sent today, and nothing beyond. */
static void live_all(struct world *w, unsigned n)
{
	char login[40];
	for (unsigned i = 0; i < n; i++) {
		snprintf(login, sizeof(login), "user%u@example.org", i);
		live(w, login, 1);
		pass(w, -DAY_US);
	}
	pass(w, 20 * DAY_US);
}

/* What suspends anybody, in a message or some. */
static void accuse(struct world *w, const char *login)
{
	const struct finding_of much = {.units = 200};
	struct account *account = account_named(w, login);
	score_join(w->s, account, SIGNAL_REPORTED, JOIN_LEVEL, &much, second_now(w));
	score_join(w->s, account, SIGNAL_TRAP, JOIN_LEVEL, &much, second_now(w));
}

/* The brake counts so many. */
static void act(struct world *w, unsigned n)
{
	struct score *score = score_make(w->s, account_named(w, NULL));
	for (unsigned i = 0; i < n; i++) {
		score->counted = 0;
		ck_assert(brake_allows(w->s, score, second_now(w)));
	}
}

/* Held, then suspended: that is one account. */
START_TEST(test_brake_counts_accounts)
{
	struct world *w = world_new(ENFORCE);
	char login[40];
	unsigned suspended = 0, braked = 0, held = 0;
	live_all(w, 15);
	for (unsigned i = 0; i < 15; i++) {
		bool was_held = false;
		snprintf(login, sizeof(login), "user%u@example.org", i);
		accuse(w, login);
		for (unsigned n = 0; n < 5; n++) {
			ask(w, (struct sent){.login = login});
			was_held = was_held || w->says.step == STEP_HOLD;
			if (w->says.step == STEP_SUSPEND)
				break;
		}
		held += was_held;
		suspended += w->says.step == STEP_SUSPEND;
		braked += w->says.is_braked;
	}
	ck_assert_uint_eq(held, 10);
	ck_assert_uint_eq(suspended, 10);
	ck_assert_uint_eq(braked, 5);
	world_free(w);
}
END_TEST

/* The brake is on, but who is held already touches no further account. */
START_TEST(test_brake_lets_the_held_be_suspended)
{
	struct world *w = world_new(ENFORCE);
	live_all(w, 12);
	ask(w, (struct sent){.login = "user0@example.org"});
	struct account *account = account_named(w, "user0@example.org");
	score_make(w->s, account)->track[WALK_REAL].step = STEP_HOLD;
	ladder_move(w->s, STEP_NONE, STEP_HOLD);
	act(w, 10);
	ck_assert(brake_is_on(w->s, second_now(w)));
	accuse(w, "user0@example.org");
	ask(w, (struct sent){.login = "user0@example.org"});
	ck_assert_int_eq(w->says.step, STEP_SUSPEND);
	ck_assert(!w->says.is_braked);
	world_free(w);
}
END_TEST

/* A restart allows no ten more, and knows how many are active. */
START_TEST(test_brake_restart)
{
	struct world *w = world_new(ENFORCE), *next = world_new(ENFORCE);
	struct bytes out = {.n = 0};
	unsigned part = 0;
	live_all(w, 300);
	pass(w, -20 * DAY_US);
	act(w, 14);
	ck_assert(!brake_is_on(w->s, second_now(w)));
	while (signals_save(w->s, &part, &out, w->now.mono))
		;
	struct reader in = reader_of(span_make(out.p, out.n));
	next->now = w->now;
	ck_assert(signals_load(next->s, &in, 0));
	/* 15 of 300 is as much as it may be. */
	act(next, 1);
	ck_assert(brake_is_on(next->s, second_now(next)));
	bytes_free(&out);
	world_free(w);
	world_free(next);
}
END_TEST

/* Without room for baselines nobody knows who has been counted as active today. */
START_TEST(test_brake_without_baselines)
{
	struct world *w = world_new(ENFORCE);
	for (unsigned i = 0; i < 100000; i++)
		brake_saw(w->s->brake, account_named(w, NULL), 0, second_now(w));
	act(w, 10);
	ck_assert(brake_is_on(w->s, second_now(w)));
	world_free(w);
}
END_TEST

/* ---- suspended by the desk, or by an event that only the store still has ---- */

static void suspend(struct world *w, int64_t since_us, int64_t for_us)
{
	const struct policy_event event = {.kind = EVENT_SUSPEND,
		.at.us = w->now.wall.us + since_us,
		.until.us = for_us < 0 ? WALL_NEVER.us : w->now.wall.us + since_us + for_us};
	signals_apply(w->s, account_named(w, NULL), &event, w->now);
}

static struct signals_view viewed(struct world *w)
{
	struct signals_view view;
	signals_view(w->s, account_named(w, NULL), w->config->class_default, w->now, &view);
	return view;
}

START_TEST(test_suspended_by_the_desk)
{
	struct world *w = world_lived(ENFORCE);
	for (unsigned n = 0; n < 3; n++)
		spam(w, n);
	ck_assert(signals_knows(w->s, account_named(w, NULL), SPAN("stranger0@example.com")));
	suspend(w, 0, 2 * DAY_US);
	mono_t end = {.us = w->now.mono.us + 2 * DAY_US};
	ck_assert_int_eq(viewed(w).step, STEP_SUSPEND);
	ck_assert_int_eq(viewed(w).down_at.us, end.us / SECOND_US * SECOND_US);
	/* Not as long as the ladder's own. */
	pass(w, 2 * DAY_US - 2 * SECOND_US);
	ck_assert_int_eq(viewed(w).step, STEP_SUSPEND);
	pass(w, 4 * SECOND_US);
	mail(w, (struct sent){0});
	ck_assert_int_eq(w->says.step, STEP_NONE);
	ck_assert_int_eq(
		viewed(w).probation_until.us, end.us / SECOND_US * SECOND_US + 14 * DAY_US);
	ck_assert(!signals_knows(w->s, account_named(w, NULL), SPAN("stranger0@example.com")));
	/* Where it came from is as strange as it was. */
	pass(w, DAY_US);
	mail(w, (struct sent){.client = "198.51.100.7", .helo = "evil"});
	ck_assert_double_gt(points_of(w, NULL, SIGNAL_NEW_PLACE), 1);
	world_free(w);
}
END_TEST

/* The snapshot is of before: the event comes hours later, at the next start. */
START_TEST(test_suspended_before_the_restart)
{
	struct world *w = world_lived(ENFORCE);
	(void)spam_until(w, STEP_HOLD);
	pass(w, 5 * HOUR_US);
	suspend(w, -5 * HOUR_US, DAY_US);
	ck_assert_int_eq(viewed(w).step, STEP_SUSPEND);
	ck_assert_int_eq(viewed(w).down_at.us, (w->now.mono.us + 19 * HOUR_US));
	ck_assert(!signals_knows(w->s, account_named(w, NULL), SPAN("stranger0@example.com")));
	/* Told once more it is the same. */
	suspend(w, -5 * HOUR_US, DAY_US);
	pass(w, 20 * HOUR_US);
	ck_assert_int_eq(viewed(w).step, STEP_NONE);
	ck_near(viewed(w).threshold[STEP_SLOW], 20);
	world_free(w);
}
END_TEST

START_TEST(test_suspended_for_ever)
{
	struct world *w = world_lived(ENFORCE);
	suspend(w, 0, -1);
	pass(w, 400 * DAY_US);
	ck_assert_int_eq(viewed(w).step, STEP_SUSPEND);
	ck_assert_int_eq(viewed(w).down_at.us, MONO_NEVER.us);
	world_free(w);
}
END_TEST

/* ---- released ---- */

/* What was found before does not take it up again; what is new does. */
START_TEST(test_pardon)
{
	struct world *w = world_lived(ENFORCE);
	(void)spam_until(w, STEP_SUSPEND);
	pass(w, 12 * MINUTE_US);
	release(w, "");
	ck_assert_double_gt(viewed(w).score, viewed(w).threshold[STEP_HOLD]);
	for (unsigned i = 0; i < 60; i++) {
		mail(w, (struct sent){.recipient = i % 2 ? "friend1@example.net"
							 : "friend2@example.net"});
		ck_assert_int_eq(w->says.step, STEP_NONE);
		ck_assert_int_eq(w->says.would, STEP_NONE);
		pass(w, 2 * MINUTE_US);
	}
	/* Hours later somebody tells more than has gone meanwhile, though less than there was. */
	pass(w, 2 * HOUR_US);
	double before = viewed(w).score;
	signals_feed(w->s, account_named(w, NULL), SIGNAL_REPORTED, 12, w->now);
	ck_assert_double_gt(viewed(w).score, before + 3);
	mail(w, (struct sent){0});
	ck_assert_int_eq(w->says.step, STEP_NOTE);
	world_free(w);
}
END_TEST

START_TEST(test_pardon_is_no_licence)
{
	struct world *w = world_lived(ENFORCE);
	(void)spam_until(w, STEP_SUSPEND);
	release(w, "");
	w->says.step = STEP_NONE;
	unsigned n = 0;
	for (; n < 100 && w->says.step != STEP_SUSPEND; n++) {
		char recipient[64];
		snprintf(recipient, sizeof(recipient), "other%u@example.com", n);
		mail(w, (struct sent){
				.recipient = recipient, .client = "198.51.100.7", .helo = "evil"});
	}
	ck_assert_uint_lt(n, 25);
	world_free(w);
}
END_TEST

/* ---- classes ---- */

#define CLASS(name, slow) "{ name = \"" name "\"; ladder = { slow = " slow "; }; }"

/* A reload puts one in before it: the account's is the same as before. */
START_TEST(test_class_by_name)
{
	struct world *w = world_lived("classes = ( " CLASS("default", "41") " );\n" ENFORCE);
	struct config *more = config_of(
		"classes = ( " CLASS("bulk", "60") ", " CLASS("default", "41") " );\n" ENFORCE);
	spam(w, 1);
	struct score *score = score_of(account_named(w, NULL));
	ck_assert_ptr_nonnull(score);
	ck_assert_uint_eq(class_of_score(w->s, score), w->config->class_default);
	signals_configure(w->s, more);
	unsigned class = class_of_score(w->s, score);
	ck_assert_str_eq(more->classes[class].name, "default");
	score->class = w->s->class_id[1 - class];
	ck_assert_str_eq(more->classes[class_of_score(w->s, score)].name, "bulk");
	/* One that was taken away. */
	signals_configure(w->s, w->config);
	ck_assert_uint_eq(class_of_score(w->s, score), w->config->class_default);
	config_unref(more);
	world_free(w);
}
END_TEST

START_TEST(test_trap)
{
	struct world *w = world_lived(
		"signals = { mode = \"enforce\"; trap_recipients = [ \"@trap.example\" ]; };\n");
	mail(w, (struct sent){.recipient = "a@trap.example"});
	ck_assert_int_ge(w->says.step, STEP_SLOW);
	mail(w, (struct sent){.recipient = "b@trap.example"});
	ck_assert_int_eq(w->says.step, STEP_SUSPEND);
	ck_assert(w->says.is_suspending);
	world_free(w);
}
END_TEST

/* A burst of new recipients from the usual place and program: held, never suspended by itself. */
START_TEST(test_one_side)
{
	struct world *w = world_lived(ENFORCE);
	char recipient[64];
	for (unsigned n = 0; n < 3000; n++) {
		snprintf(recipient, sizeof(recipient), "stranger%u@example.com", n);
		ask(w, (struct sent){.recipient = recipient});
		ck_assert_int_lt(w->says.step, STEP_SUSPEND);
		pass(w, SECOND_US);
	}
	ck_assert_int_eq(w->says.step, STEP_HOLD);
	/* What is promised is what comes. */
	struct signals_view view;
	signals_view(w->s, account_named(w, NULL), w->config->class_default, w->now, &view);
	ck_assert_msg(strstr(view.next, "at 110 points, and when its place or identity speaks") &&
			      strstr(view.next, "it is suspended for 1d"),
		"%s", view.next);
	/* And where points go that do not count. */
	ck_assert_msg(strstr(view.capped, "recipient: "), "%s", view.capped);
	world_free(w);
}
END_TEST

START_TEST(test_class_thresholds)
{
	struct world *w = world_lived(
		"classes = ( { name = \"default\"; ladder = { slow = 60; }; } );\n" ENFORCE);
	double threshold[STEP_COUNT];
	struct rung rung = {w->s, w->config->class_default, second_now(w)};
	ladder_thresholds(&rung, NULL, NULL, threshold);
	ck_near(threshold[STEP_NOTE], 20);
	ck_near(threshold[STEP_SLOW], 60);
	ck_near(threshold[STEP_HOLD], 70);
	world_free(w);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"up", test_up, 0},
		{"hold", test_hold, 0},
		{"slow", test_slow, 0},
		{"down", test_down, 0},
		{"hysteresis", test_hysteresis, 0},
		{"suspension ends", test_suspension_ends, 0},
		{"release", test_release, 0},
		{"false positive", test_false_positive, 0},
		{"observe", test_observe, ROWS(observes)},
		{"brake", test_brake, 0},
		{"brake counts accounts", test_brake_counts_accounts, 0},
		{"brake lets the held be suspended", test_brake_lets_the_held_be_suspended, 0},
		{"brake restart", test_brake_restart, 0},
		{"brake without baselines", test_brake_without_baselines, 0},
		{"suspended by the desk", test_suspended_by_the_desk, 0},
		{"suspended before the restart", test_suspended_before_the_restart, 0},
		{"suspended for ever", test_suspended_for_ever, 0},
		{"pardon", test_pardon, 0},
		{"pardon is no licence", test_pardon_is_no_licence, 0},
		{"class by name", test_class_by_name, 0},
		{"trap", test_trap, 0},
		{"one side", test_one_side, 0},
		{"class thresholds", test_class_thresholds, 0},
	};

	return SUITE_RUN("ladder", rows);
}
