/* SPDX-License-Identifier: ISC */
/* account.h: quotas, pins, standing, forgetting. */
#include "policyd/account.h"

#include <stdio.h>

#include "suite.h"

struct part {
	bool is_idle;
};

static int parts_freed;

static void part_free(void *part)
{
	(void)part;
	parts_freed++;
}

static bool part_is_idle(const void *part, mono_t mono)
{
	(void)mono;
	return ((const struct part *)part)->is_idle;
}

static const struct account_part_row part_row = {
	.name = "test", .free = part_free, .is_idle = part_is_idle};

static struct accounts *accounts_of(uint32_t max)
{
	parts_freed = 0;
	return accounts_new(&(struct accounts_setup){
		.hash_key = {1, 2}, .max = max, .part = {[PART_RINGS] = &part_row}});
}

static struct account *touch(struct accounts *a, enum account_kind kind, const char *key)
{
	struct account_name name = {.kind = kind};
	name.n = span_copy(span_of(key), name.key, sizeof(name.key));
	return account_touch(a, &name, (mono_t){.us = 5 * SECOND_US});
}

static struct policy_event suspend_of(const char *key, int64_t until_us)
{
	return (struct policy_event){
		.kind = EVENT_SUSPEND,
		.id = 1,
		.at = {.us = 100},
		.account = span_of(key),
		.until = {.us = until_us},
		.reason = SPAN("spam"),
		.author = SPAN("root (uid 0)"),
	};
}

START_TEST(addresses_do_not_crowd_out_logins)
{
	struct accounts *a = accounts_of(40);
	struct accounts_figures figures;
	char key[64];
	touch(a, ACCOUNT_LOGIN, "login:alice");
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "addr:192.0.2.%d", i);
		touch(a, ACCOUNT_ADDR, key);
	}
	ck_assert_ptr_nonnull(account_find(a, SPAN("login:alice")));
	accounts_figures(a, &figures);
	ck_assert_uint_eq(figures.count[ACCOUNT_LOGIN], 1);
	ck_assert_uint_eq(figures.count[ACCOUNT_ADDR], 10);
	ck_assert_uint_eq(figures.evicted, 990);
	ck_assert_uint_gt(figures.bytes, 0);
	accounts_free(a);
}
END_TEST

START_TEST(what_must_stay_is_not_evicted)
{
	struct accounts *a = accounts_of(4);
	struct accounts_figures figures;
	char key[64];
	struct policy_event suspend = suspend_of("login:bad", 1000);
	struct account *busy = touch(a, ACCOUNT_LOGIN, "login:busy");
	account_pin(a, busy);
	account_pin(a, busy);
	account_apply(a, &suspend);
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "login:u%d", i);
		touch(a, ACCOUNT_LOGIN, key);
	}
	ck_assert_ptr_eq(account_find(a, SPAN("login:busy")), busy);
	ck_assert_ptr_nonnull(account_find(a, SPAN("login:bad")));
	accounts_figures(a, &figures);
	ck_assert_uint_eq(figures.suspended, 1);
	account_unpin(a, busy);
	touch(a, ACCOUNT_LOGIN, "login:x1");
	ck_assert_ptr_nonnull(account_find(a, SPAN("login:busy")));
	account_unpin(a, busy);
	for (int i = 0; i < 4; i++) {
		snprintf(key, sizeof(key), "login:y%d", i);
		touch(a, ACCOUNT_LOGIN, key);
	}
	ck_assert_ptr_null(account_find(a, SPAN("login:busy")));
	accounts_free(a);
}
END_TEST

START_TEST(standing_comes_ends_and_is_released)
{
	struct accounts *a = accounts_of(4);
	struct policy_event suspend = suspend_of("login:bad", 1000);
	account_apply(a, &suspend);
	struct account *bad = account_find(a, SPAN("login:bad"));
	const struct standing *standing = account_standing(bad, (wall_t){.us = 999});
	ck_assert_ptr_nonnull(standing);
	ck_assert_str_eq(standing->reason, "spam");
	ck_assert_str_eq(standing->author, "root (uid 0)");
	ck_assert_ptr_null(account_standing(bad, (wall_t){.us = 1000}));
	/* Longer, by somebody else: the newest holds. */
	suspend.until = WALL_NEVER;
	suspend.reason = SPAN("still spam");
	account_apply(a, &suspend);
	account_apply(a, &suspend);
	ck_assert_str_eq(account_standing(bad, (wall_t){.us = 5000})->reason, "still spam");
	struct policy_event release = {.kind = EVENT_RELEASE, .account = SPAN("login:bad")};
	account_apply(a, &release);
	ck_assert_ptr_null(account_standing(bad, (wall_t){.us = 500}));
	account_apply(a, &release);
	release.account = SPAN("login:never-seen");
	account_apply(a, &release);
	ck_assert_ptr_null(account_find(a, SPAN("login:never-seen")));
	accounts_free(a);
}
END_TEST

START_TEST(sweep_forgets_what_is_idle)
{
	struct accounts *a = accounts_of(100);
	struct part idle = {.is_idle = true}, busy = {.is_idle = false};
	struct policy_event suspend = suspend_of("login:ended", 1000);
	struct now now = {.mono = {.us = 10}, .wall = {.us = 2000}};
	touch(a, ACCOUNT_LOGIN, "login:idle")->part[PART_RINGS] = &idle;
	touch(a, ACCOUNT_LOGIN, "login:busy")->part[PART_RINGS] = &busy;
	account_pin(a, touch(a, ACCOUNT_LOGIN, "login:pinned"));
	account_apply(a, &suspend);
	suspend.account = SPAN("login:holds");
	suspend.until = WALL_NEVER;
	account_apply(a, &suspend);
	ck_assert_uint_eq(accounts_sweep(a, now, 100), 1);
	/* It is over, and would hold again if the clock were set back. */
	struct account *ended = account_find(a, SPAN("login:ended"));
	ck_assert_ptr_null(account_standing(ended, now.wall));
	ck_assert_ptr_nonnull(account_standing(ended, (wall_t){.us = 999}));
	struct accounts_figures figures;
	accounts_figures(a, &figures);
	ck_assert_uint_eq(figures.suspended, 1);
	now.wall.us += 32 * DAY_US;
	ck_assert_uint_eq(accounts_sweep(a, now, 100), 1);
	ck_assert_ptr_null(account_find(a, SPAN("login:idle")));
	ck_assert_ptr_null(account_find(a, SPAN("login:ended")));
	ck_assert_ptr_nonnull(account_find(a, SPAN("login:busy")));
	ck_assert_ptr_nonnull(account_find(a, SPAN("login:pinned")));
	ck_assert_ptr_nonnull(account_find(a, SPAN("login:holds")));
	ck_assert_int_eq(parts_freed, 1);
	accounts_free(a);
	ck_assert_int_eq(parts_freed, 2);
}
END_TEST

START_TEST(sweep_counts_free_places)
{
	struct accounts *a = accounts_of(0);
	struct now now = {.mono = {.us = 10}};
	char key[64];
	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "login:u%d", i);
		touch(a, ACCOUNT_LOGIN, key);
	}
	ck_assert_uint_eq(accounts_sweep(a, now, 100), 100);
	ck_assert_uint_eq(accounts_sweep(a, now, 300), 200);
	/* The place that was freed last is taken first: behind 299 free ones. */
	touch(a, ACCOUNT_LOGIN, "login:new");
	ck_assert_uint_eq(accounts_sweep(a, now, 100), 0);
	ck_assert_uint_eq(accounts_sweep(a, now, 100), 0);
	ck_assert_uint_eq(accounts_sweep(a, now, 100), 1);
	accounts_free(a);
}
END_TEST

START_TEST(suspended_is_not_seen)
{
	struct accounts *a = accounts_of(4);
	struct policy_event suspend = suspend_of("login:bad", 1000);
	account_apply(a, &suspend);
	ck_assert_uint_eq(account_find(a, SPAN("login:bad"))->touched_s, 0);
	ck_assert_uint_eq(touch(a, ACCOUNT_LOGIN, "login:bad")->touched_s, 5);
	account_apply(a, &suspend);
	ck_assert_uint_eq(account_find(a, SPAN("login:bad"))->touched_s, 5);
	accounts_free(a);
}
END_TEST

START_TEST(entry_is_small)
{
	/* design 4: entry 64 + key + rings. */
	ck_assert_uint_le(sizeof(struct account), 64);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"addresses_do_not_crowd_out_logins", addresses_do_not_crowd_out_logins, 0},
		{"what_must_stay_is_not_evicted", what_must_stay_is_not_evicted, 0},
		{"standing_comes_ends_and_is_released", standing_comes_ends_and_is_released, 0},
		{"sweep_forgets_what_is_idle", sweep_forgets_what_is_idle, 0},
		{"sweep_counts_free_places", sweep_counts_free_places, 0},
		{"suspended_is_not_seen", suspended_is_not_seen, 0},
		{"entry_is_small", entry_is_small, 0},
	};
	return SUITE_RUN("account", rows);
}
