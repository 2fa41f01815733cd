/* SPDX-License-Identifier: ISC */
/* The ladder's suspensions on their way into a store that fails, over a real engine. */
#include "suspensions.h"

#include <errno.h>
#include <stdlib.h>

#include "engine_help.h"

#define ALICE "login:alice@example.org"

/* ---- a store that does as it is told ---- */

enum answer { ANSWER_YES, ANSWER_NO, ANSWER_BUSY, ANSWER_LATER };

static struct {
	enum answer answer;
	bool is_failing;
	size_t asked;
	char account[EVENT_ACCOUNT_MAX + 1], reason[EVENT_REASON_MAX + 1];
	wall_t until;
	store_event_done *done; /* of ANSWER_LATER */
	void *ctx;
} store;

int store_event(
	struct store *s, const struct policy_event *event, store_event_done *done, void *ctx)
{
	(void)s;
	store.asked++;
	span_copy(event->account, store.account, sizeof(store.account));
	span_copy(event->reason, store.reason, sizeof(store.reason));
	store.until = event->until;
	store.is_failing = store.answer == ANSWER_NO;
	switch (store.answer) {
	case ANSWER_BUSY:
		return -EAGAIN;
	case ANSWER_LATER:
		store.done = done;
		store.ctx = ctx;
		break;
	case ANSWER_YES:
		done(ctx, 0, 17, NULL);
		break;
	case ANSWER_NO:
		done(ctx, -EIO, 0, "the disk is full");
		break;
	}
	return 0;
}

bool store_is_failing(const struct store *s, const char **ret_error)
{
	(void)s;
	(void)ret_error;
	return store.is_failing;
}

/* ---- the engine that they are of ---- */

struct bench {
	struct config *config;
	struct engine *engine;
	struct suspensions *suspensions;
	double s;
};

static struct bench bench_new(enum answer answer)
{
	struct bench b = {.config = config_of("limits = ( { name = \"a\"; rate = \"9/1h\"; } );")};
	b.engine = engine_new(&(struct engine_setup){
		.config = b.config, .charge = &charge_local, .seed = {1, 2}});
	b.suspensions = suspensions_new(b.engine, NULL);
	memset(&store, 0, sizeof(store));
	store.answer = answer;
	return b;
}

static void bench_end(struct bench *b)
{
	suspensions_free(b->suspensions);
	engine_free(b->engine);
	config_unref(b->config);
}

static void apply(struct bench *b, enum event_kind kind, const char *key, const char *author)
{
	struct now now = at_s(b->s);
	struct policy_event event = {.kind = kind,
		.at = now.wall,
		.account = span_of(key),
		.until = {.us = now.wall.us + HOUR_US},
		.reason = SPAN("60 points"),
		.author = span_of(author)};
	engine_apply(b->engine, &event, now);
	if (kind == EVENT_SUSPEND && strcmp(author, AUTHOR_SELF) == 0)
		suspensions_keep(b->suspensions, &event);
}

/* How often the store was asked in so many seconds. */
static size_t ticks(struct bench *b, int seconds)
{
	size_t before = store.asked;
	for (int i = 0; i < seconds; i++)
		suspensions_tick(b->suspensions, at_s(b->s += 1));
	return store.asked - before;
}

/* ---- cases ---- */

START_TEST(stored_at_once)
{
	struct bench b = bench_new(ANSWER_YES);
	apply(&b, EVENT_SUSPEND, ALICE, AUTHOR_SELF);
	ck_assert_uint_eq(store.asked, 1);
	ck_assert_uint_eq(ticks(&b, 10), 0);
	bench_end(&b);
}
END_TEST

/* By whatever way it fails: it is tried until it is there, with the words and the end it had. */
START_TEST(tried_until_stored)
{
	static const enum answer answers[] = {ANSWER_NO, ANSWER_BUSY};
	for (size_t i = 0; i < 2; i++) {
		struct bench b = bench_new(answers[i]);
		wall_t until = {.us = at_s(0).wall.us + HOUR_US};
		apply(&b, EVENT_SUSPEND, ALICE, AUTHOR_SELF);
		ck_assert_uint_eq(ticks(&b, 10), 10);
		store.answer = ANSWER_YES;
		ck_assert_uint_eq(ticks(&b, 10), 1);
		ck_assert_str_eq(store.account, ALICE);
		ck_assert_str_eq(store.reason, "60 points");
		ck_assert_int_eq(store.until.us, until.us);
		bench_end(&b);
	}
}
END_TEST

START_TEST(not_while_under_way)
{
	struct bench b = bench_new(ANSWER_LATER);
	apply(&b, EVENT_SUSPEND, ALICE, AUTHOR_SELF);
	ck_assert_uint_eq(ticks(&b, 10), 0);
	store.done(store.ctx, -EIO, 0, "the disk is full");
	ck_assert_uint_eq(ticks(&b, 1), 1);
	store.done(store.ctx, 0, 17, NULL);
	ck_assert_uint_eq(ticks(&b, 10), 0);
	bench_end(&b);
}
END_TEST

/* What the desk has done since is in the store, and must not be undone there. */
START_TEST(only_while_it_holds)
{
	struct bench b = bench_new(ANSWER_NO);
	apply(&b, EVENT_SUSPEND, ALICE, AUTHOR_SELF);
	apply(&b, EVENT_RELEASE, ALICE, "root (uid 0)");
	ck_assert_uint_eq(ticks(&b, 10), 0);
	apply(&b, EVENT_SUSPEND, ALICE, AUTHOR_SELF);
	b.s += 1;
	apply(&b, EVENT_SUSPEND, ALICE, "root (uid 0)");
	ck_assert_uint_eq(ticks(&b, 10), 0);
	b.s += 1;
	apply(&b, EVENT_SUSPEND, ALICE, AUTHOR_SELF);
	ck_assert_uint_eq(ticks(&b, 10), 10);
	b.s += 3600;
	ck_assert_uint_eq(ticks(&b, 10), 0);
	bench_end(&b);
}
END_TEST

/* A dead disk is asked once a second, however many wait; when it is back they go in a few at a time. */
START_TEST(bounded)
{
	char key[64];
	struct bench b = bench_new(ANSWER_NO);
	for (int i = 0; i < SUSPENSIONS_WAITING_MAX + 50; i++) {
		snprintf(key, sizeof(key), "login:u%d@example.org", i);
		apply(&b, EVENT_SUSPEND, key, AUTHOR_SELF);
	}
	ck_assert_uint_eq(ticks(&b, 5), 5);
	store.answer = ANSWER_YES;
	ck_assert_uint_eq(ticks(&b, 2), 1 + 16);
	ck_assert_uint_eq(ticks(&b, 200), SUSPENSIONS_WAITING_MAX - 17);
	bench_end(&b);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"stored_at_once", stored_at_once, 0},
		{"tried_until_stored", tried_until_stored, 0},
		{"not_while_under_way", not_while_under_way, 0},
		{"only_while_it_holds", only_while_it_holds, 0},
		{"bounded", bounded, 0},
	};
	return SUITE_RUN("suspensions", rows);
}
