/* SPDX-License-Identifier: ISC */
/* judging_help.h - accounts that send, are learnt and judged, in virtual time. */
#ifndef POLICYD_TEST_JUDGING_HELP_H
#define POLICYD_TEST_JUDGING_HELP_H

#include <stdio.h>

#include "../../src/signals/judging.h"
#include "config_help.h"

#define ck_near(a, b) ck_assert_double_eq_tol((a), (b), 0.05)

#define ENFORCE "signals = { mode = \"enforce\"; };\n"

struct world {
	struct signals *s;
	struct accounts *accounts;
	struct config *config;
	struct now now;
	/* Of the message under way. */
	struct ladder_says says;
	char reason[LADDER_REASON_MAX + 1];
	uint32_t nth;
	bool was_held;
};

/* One recipient; what is NULL is as usual for the account. */
struct sent {
	const char *login, *recipient, *sender, *client, *helo, *method;
	struct geo geo;
	bool is_further; /* of the same message */
	bool is_local, is_relayed;
};

static inline struct world *world_new(const char *settings)
{
	struct world *w = calloc(1, sizeof(*w));
	static const struct account_part_row none = {.name = "none", .id = 99};
	ck_assert_ptr_nonnull(w);
	w->config = config_of(settings);
	w->accounts = accounts_new(&(struct accounts_setup){
		.max = 10000,
		.part = {[PART_RINGS] = &none,
			[PART_BASELINE] = &signals_baseline_part,
			[PART_SCORE] = &signals_score_part},
	});
	w->s = signals_new(&(struct signals_setup){
		.hash_key = {1, 2}, .accounts = w->accounts, .config = w->config});
	/* A Wednesday, 10 o'clock. */
	w->now = (struct now){.mono = {.us = 100 * DAY_US}, .wall = {.us = 1800007200 * SECOND_US}};
	return w;
}

static inline void world_free(struct world *w)
{
	struct signals_figures figures;
	accounts_free(w->accounts);
	signals_figures(w->s, &figures);
	ck_assert_uint_eq(figures.scored, 0);
	ck_assert_uint_eq(figures.baselines, 0);
	for (unsigned i = 0; i < STEP_COUNT; i++)
		ck_assert_uint_eq(figures.at_step[i], 0);
	signals_free(w->s);
	config_unref(w->config);
	free(w);
}

static inline void pass(struct world *w, int64_t us)
{
	w->now.mono.us += us;
	w->now.wall.us += us;
}

static inline second_t second_now(const struct world *w)
{
	return second_of(w->now.mono);
}

static inline struct account *account_named(struct world *w, const char *login)
{
	char key[200];
	snprintf(key, sizeof(key), "login:%s", login ? login : "alice@example.org");
	return account_made(w->accounts, span_of(key));
}

static inline struct span or_usual(const char *text, const char *usual)
{
	return span_of(text ? text : usual);
}

/* A recipient is asked about; what becomes of it is in w->says. */
static inline void ask(struct world *w, struct sent sent)
{
	const char *login = sent.login ? sent.login : "alice@example.org";
	struct request request = {
		.stage = STAGE_RCPT,
		.client_address = or_usual(sent.client, "192.0.2.10"),
		.helo_name = or_usual(sent.helo, "[192.168.1.5]"),
		.sender = or_usual(sent.sender, login),
		.recipient = or_usual(sent.recipient, "bob@example.net"),
		.sasl_username = span_of(login),
		.sasl_method = or_usual(sent.method, "PLAIN"),
		.geo = sent.geo,
	};
	struct subject subject = {.class = w->config->class_default, .is_relayed = sent.is_relayed};
	struct recipient recipient = {.is_local = sent.is_local};
	subject.name.kind = ACCOUNT_LOGIN;
	subject.name.n =
		(size_t)snprintf(subject.name.key, sizeof(subject.name.key), "login:%s", login);
	w->was_held = sent.is_further && w->was_held;
	w->nth = sent.is_further ? w->nth + 1 : 1;
	struct sight sight = {
		.request = &request,
		.subject = &subject,
		.recipient = &recipient,
		.is_first = !sent.is_further,
		.is_local = sent.is_local,
		.nth = w->nth,
		.was_held = w->was_held,
	};
	struct account *account = account_named(w, login);
	signals_rcpt(w->s, account, &sight, w->now, &w->says, w->reason);
	if (w->says.action == ACTION_HOLD) {
		signals_held(w->s, account, w->now);
		w->was_held = true;
	}
	if (w->says.action != ACTION_DEFER_IF_PERMIT)
		signals_passed(w->s, account, &sight, w->now);
}

/* The message is over, and was accepted. */
static inline void commit(struct world *w, const char *login)
{
	signals_message(w->s, account_named(w, login), w->nth, w->nth, 0, w->now);
}

static inline void mail(struct world *w, struct sent sent)
{
	ask(w, sent);
	commit(w, sent.login);
}

/* Some weeks of an ordinary life: five messages a day by day, to ten people. */
static inline void live(struct world *w, const char *login, unsigned days)
{
	char recipient[64];
	for (unsigned day = 0; day < days; day++) {
		for (unsigned i = 0; i < 5; i++) {
			snprintf(recipient, sizeof(recipient), "friend%u@example.net",
				(day * 5 + i) % 10);
			mail(w, (struct sent){.login = login, .recipient = recipient});
			pass(w, HOUR_US);
		}
		pass(w, 19 * HOUR_US);
	}
}

static inline double points_of(struct world *w, const char *login, enum signal signal)
{
	const struct points *points = score_points(score_of(account_named(w, login)), signal);
	return points ? points_at(points, second_now(w)) : 0;
}

/* The nth stranger of a spammer's list, from a place that the account never used. */
static inline void spam(struct world *w, unsigned n)
{
	char recipient[64];
	snprintf(recipient, sizeof(recipient), "stranger%u@example.com", n);
	ask(w, (struct sent){.recipient = recipient, .client = "198.51.100.7", .helo = "evil"});
	pass(w, SECOND_US);
}

/* Spams until the ladder is there; returns how many recipients it took. */
static inline unsigned spam_until(struct world *w, enum step step)
{
	unsigned n = 0;
	for (; n < 2000 && w->says.step < step; n++)
		spam(w, n);
	ck_assert_int_eq(w->says.step, step);
	return n;
}

#endif
