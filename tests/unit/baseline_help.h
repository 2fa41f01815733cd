/* SPDX-License-Identifier: ISC */
/* baseline_help.h - accounts that learn, without anything that judges them. */
#ifndef POLICYD_TEST_BASELINE_HELP_H
#define POLICYD_TEST_BASELINE_HELP_H

#include <stdio.h>

#include "../../src/signals/baseline.h"
#include "../../src/signals/judging.h"
#include "config_help.h"

#define CALM   true
#define UNCALM false

struct world {
	struct signals s;
	struct config *config;
	struct now now;
};

static inline struct accounts *world_accounts(void)
{
	static const struct account_part_row none = {.name = "none", .id = 99};
	return accounts_new(&(struct accounts_setup){
		.max = 100000,
		.part = {[PART_RINGS] = &none,
			[PART_BASELINE] = &signals_baseline_part,
			[PART_SCORE] = &none},
	});
}

static inline struct world *world_new(const char *settings)
{
	struct world *w = calloc(1, sizeof(*w));
	ck_assert_ptr_nonnull(w);
	w->config = config_of(settings);
	w->s = (struct signals){.key = {1, 2},
		.accounts = world_accounts(),
		.config = w->config,
		.site = site_new(),
		.campaign = campaign_new(),
		.brake = brake_new(),
		.kept = marks_kept_new()};
	/* A Wednesday, 10 o'clock. */
	w->now = (struct now){.mono = {.us = 100 * DAY_US}, .wall = {.us = 1800007200 * SECOND_US}};
	return w;
}

static inline void world_free(struct world *w)
{
	accounts_free(w->s.accounts);
	ck_assert_uint_eq(w->s.baselines, 0);
	ck_assert_uint_eq(w->s.bytes, 0);
	ck_assert_uint_eq(w->s.baseline_bytes, 0);
	site_free(w->s.site);
	campaign_free(w->s.campaign);
	brake_free(w->s.brake);
	marks_kept_free(w->s.kept);
	config_unref(w->config);
	free(w);
}

static inline void pass(struct world *w, int64_t us)
{
	w->now.mono.us += us;
	w->now.wall.us += us;
}

static inline struct account *account_named(struct world *w, const char *name)
{
	return account_made(w->s.accounts, span_of(name));
}

/* What tests call things by; as hashes are: spread over all bits. */
static inline uint64_t hash_of(const char *word, unsigned n)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "%s%u", word, n);
	return siphash13(&(struct siphash_key){3, 4}, span_make(text, (size_t)length));
}

/* One recipient of a message; what it comes from and goes to by number, 0: not told. */
struct shown {
	unsigned network, recipient;
	bool is_later; /* not the first of its message */
	double strangeness;
};
static inline void learn(struct world *w, struct account *account, struct shown shown)
{
	uint64_t recipient = hash_of("recipient", shown.recipient);
	struct seen seen = {
		.recipient = recipient,
		.is_first = !shown.is_later,
		.is_at_none = true,
		.newness = baseline_knows(baseline_of(account), recipient) == KNOWN_NOT,
		.strangeness = shown.strangeness,
		.oddity = .5,
		.now = w->now,
	};
	if (shown.network)
		seen.habit[HABIT_NETWORK] = hash_of("network", shown.network);
	baseline_learn(&w->s, account, &seen);
}

static inline struct normal normal_of(struct world *w, const struct account *account)
{
	struct normal normal;
	baseline_normal(&w->s, baseline_of(account), w->now, &normal);
	return normal;
}

static inline struct recent recent_of(struct world *w, const struct account *account)
{
	struct recent recent;
	baseline_recent(baseline_of(account), w->now.mono, &recent);
	return recent;
}

/* A day of an ordinary account: three messages from network 1 to recipients 1, 2 and 3. */
static inline void ordinary_day(struct world *w, struct account *account)
{
	for (unsigned i = 1; i <= 3; i++) {
		baseline_pass(&w->s, account, CALM, w->now.mono);
		learn(w, account, (struct shown){.network = 1, .recipient = i});
		baseline_message(baseline_of(account), 1, 10000, CALM);
		pass(w, HOUR_US);
	}
	pass(w, 21 * HOUR_US);
}

#endif
