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

static void part_reset(void *part)
{
	((struct part *)part)->is_idle = true;
}

static void part_save(const void *part, struct bytes *out, mono_t mono)
{
	(void)mono;
	if (!part_is_idle(part, mono))
		bytes_number(out, 4711);
}

static struct part loaded;
static void part_load(void *ctx, struct account *account, struct reader *in, int64_t shift_us)
{
	(void)ctx;
	(void)shift_us;
	loaded.is_idle = reader_number(in) != 4711;
	account->part[PART_RINGS] = &loaded;
}

static const struct account_part_row part_row = {
	.name = "test",
	.id = 7,
	.free = part_free,
	.is_idle = part_is_idle,
	.reset = part_reset,
	.save = part_save,
	.load = part_load,
};

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

/* Both clocks begin together. */
static struct now at_us(int64_t us)
{
	return (struct now){.mono = {.us = us}, .wall = {.us = us}};
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
	account_apply(a, &suspend, at_us(100));
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
	account_apply(a, &suspend, at_us(100));
	struct account *bad = account_find(a, SPAN("login:bad"));
	const struct standing *standing = account_standing(a, bad, (mono_t){.us = 999});
	ck_assert_ptr_nonnull(standing);
	ck_assert_str_eq(standing->reason, "spam");
	ck_assert_str_eq(standing->author, "root (uid 0)");
	ck_assert_ptr_null(account_standing(a, bad, (mono_t){.us = 1000}));
	/* Longer, by somebody else: the newest holds. */
	suspend.until = WALL_NEVER;
	suspend.reason = SPAN("still spam");
	account_apply(a, &suspend, at_us(100));
	account_apply(a, &suspend, at_us(100));
	ck_assert_str_eq(account_standing(a, bad, (mono_t){.us = 5000})->reason, "still spam");
	struct policy_event release = {.kind = EVENT_RELEASE, .account = SPAN("login:bad")};
	account_apply(a, &release, at_us(100));
	ck_assert_ptr_null(account_standing(a, bad, (mono_t){.us = 500}));
	account_apply(a, &release, at_us(100));
	release.account = SPAN("login:never-seen");
	account_apply(a, &release, at_us(100));
	ck_assert_ptr_null(account_find(a, SPAN("login:never-seen")));
	accounts_free(a);
}
END_TEST

START_TEST(sweep_forgets_what_is_idle)
{
	struct accounts *a = accounts_of(100);
	struct part idle = {.is_idle = true}, busy = {.is_idle = false};
	struct policy_event suspend = suspend_of("login:ended", 1000);
	struct accounts_figures figures;
	touch(a, ACCOUNT_LOGIN, "login:idle")->part[PART_RINGS] = &idle;
	touch(a, ACCOUNT_LOGIN, "login:busy")->part[PART_RINGS] = &busy;
	account_pin(a, touch(a, ACCOUNT_LOGIN, "login:pinned"));
	account_apply(a, &suspend, at_us(100));
	suspend.account = SPAN("login:holds");
	suspend.until = WALL_NEVER;
	account_apply(a, &suspend, at_us(100));
	accounts_figures(a, &figures);
	ck_assert_uint_eq(figures.suspended, 2);
	ck_assert_uint_eq(accounts_sweep(a, at_us(999), 100), 1);
	ck_assert_uint_eq(accounts_sweep(a, at_us(1000), 100), 1);
	accounts_figures(a, &figures);
	ck_assert_uint_eq(figures.suspended, 1);
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

/* The wall clock is set while it holds, and stands elsewhere when it is loaded. */
START_TEST(a_clock_that_is_set_changes_no_end)
{
	static const struct {
		int64_t wall_us, ends_us; /* when it is applied, mono being 500 */
	} rows[] = {{100, 1400}, {600, 900}, {-5000, 1400}, {1000, 500}, {99999, 500}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct accounts *a = accounts_of(4);
		struct policy_event suspend = suspend_of("login:bad", 1000);
		struct now now = {.mono = {.us = 500}, .wall = {.us = rows[i].wall_us}};
		account_apply(a, &suspend, now);
		struct account *bad = account_find(a, SPAN("login:bad"));
		ck_assert_int_eq(account_orders(a, bad)->ends.us, rows[i].ends_us);
		accounts_free(a);
	}
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
	account_apply(a, &suspend, at_us(100));
	ck_assert_uint_eq(account_find(a, SPAN("login:bad"))->touched_s, 0);
	ck_assert_uint_eq(touch(a, ACCOUNT_LOGIN, "login:bad")->touched_s, 5);
	account_apply(a, &suspend, at_us(100));
	ck_assert_uint_eq(account_find(a, SPAN("login:bad"))->touched_s, 5);
	accounts_free(a);
}
END_TEST

static struct policy_event override_of(const char *key, uint64_t n, int64_t until_us)
{
	struct policy_event event = suspend_of(key, until_us);
	event.kind = EVENT_OVERRIDE_SET;
	event.limit = SPAN("hourly");
	event.rate = (struct rate){.n = n, .window_us = HOUR_US};
	return event;
}

START_TEST(overrides_come_change_and_end)
{
	struct accounts *a = accounts_of(4);
	struct accounts_figures figures;
	struct policy_event set = override_of("login:vip", 500, 1000);
	account_apply(a, &set, at_us(100));
	struct account *vip = account_find(a, SPAN("login:vip"));
	ck_assert_uint_eq(
		standing_override(account_orders(a, vip), "hourly", (mono_t){.us = 999})->rate.n,
		500);
	ck_assert_ptr_null(
		standing_override(account_orders(a, vip), "hourly", (mono_t){.us = 1000}));
	ck_assert_ptr_null(standing_override(account_orders(a, vip), "daily", (mono_t){.us = 999}));
	ck_assert_ptr_null(account_standing(a, vip, (mono_t){.us = 500}));
	accounts_figures(a, &figures);
	ck_assert_uint_eq(figures.suspended, 0);
	set.rate.n = 900;
	account_apply(a, &set, at_us(100));
	ck_assert_uint_eq(
		standing_override(account_orders(a, vip), "hourly", (mono_t){.us = 999})->rate.n,
		900);
	/* A suspension beside it, and its release, leave it alone. */
	struct policy_event suspend = suspend_of("login:vip", 2000);
	account_apply(a, &suspend, at_us(100));
	struct policy_event release = {.kind = EVENT_RELEASE, .account = SPAN("login:vip")};
	account_apply(a, &release, at_us(100));
	ck_assert_ptr_null(account_standing(a, vip, (mono_t){.us = 500}));
	ck_assert_ptr_nonnull(
		standing_override(account_orders(a, vip), "hourly", (mono_t){.us = 999}));
	set.kind = EVENT_OVERRIDE_UNSET;
	account_apply(a, &set, at_us(100));
	account_apply(a, &set, at_us(100));
	ck_assert_ptr_null(
		standing_override(account_orders(a, vip), "hourly", (mono_t){.us = 999}));
	ck_assert_ptr_null(accounts_pinned(a, NULL));
	accounts_free(a);
}
END_TEST

START_TEST(overrides_of_a_domain_are_found_by_it)
{
	struct accounts *a = accounts_of(1000);
	struct policy_event set = override_of("domain:example.org", 500, 1000);
	ck_assert_ptr_null(account_of_domain(a, SPAN("example.org")));
	account_apply(a, &set, at_us(100));
	ck_assert_ptr_nonnull(account_of_domain(a, SPAN("example.org")));
	ck_assert_ptr_null(account_of_domain(a, SPAN("example.net")));
	ck_assert_ptr_null(account_of_domain(a, SPAN("")));
	ck_assert_ptr_nonnull(accounts_pinned(a, NULL));
	ck_assert_ptr_null(accounts_pinned(a, accounts_pinned(a, NULL)));
	accounts_free(a);
}
END_TEST

START_TEST(overrides_that_are_over_are_swept)
{
	struct accounts *a = accounts_of(100);
	struct policy_event set = override_of("login:vip", 500, 1000);
	account_apply(a, &set, at_us(100));
	set.limit = SPAN("daily");
	set.until = WALL_NEVER;
	account_apply(a, &set, at_us(100));
	ck_assert_uint_eq(accounts_sweep(a, at_us(1000), 100), 0);
	struct account *vip = account_find(a, SPAN("login:vip"));
	ck_assert_ptr_null(standing_override(account_orders(a, vip), "hourly", (mono_t){.us = 1}));
	ck_assert_ptr_nonnull(
		standing_override(account_orders(a, vip), "daily", at_us(DAY_US).mono));
	accounts_free(a);
}
END_TEST

START_TEST(reset_reaches_the_parts)
{
	struct accounts *a = accounts_of(100);
	struct part busy = {.is_idle = false};
	struct policy_event reset = {.kind = EVENT_RESET, .account = SPAN("login:busy")};
	account_apply(a, &reset, at_us(100));
	ck_assert_ptr_null(account_find(a, SPAN("login:busy")));
	touch(a, ACCOUNT_LOGIN, "login:busy")->part[PART_RINGS] = &busy;
	account_apply(a, &reset, at_us(100));
	ck_assert(busy.is_idle);
	accounts_free(a);
}
END_TEST

START_TEST(saved_account_is_loaded)
{
	struct accounts *a = accounts_of(100), *b = accounts_of(100);
	struct part busy = {.is_idle = false}, idle = {.is_idle = true};
	struct account_load load = {.shift_us = -2 * SECOND_US, .mono = {.us = 50 * SECOND_US}};
	struct bytes out = {0};
	touch(a, ACCOUNT_LOGIN, "login:busy")->part[PART_RINGS] = &busy;
	touch(a, ACCOUNT_LOGIN, "login:idle")->part[PART_RINGS] = &idle;
	ck_assert(!account_save(a, account_find(a, SPAN("login:idle")), 0, &out, (mono_t){0}));
	ck_assert_uint_eq(out.n, 0);
	ck_assert(account_save(a, account_find(a, SPAN("login:busy")), 0, &out, (mono_t){0}));
	for (size_t cut = 1; cut < out.n; cut++) {
		struct reader in = reader_of(span_make(out.p, cut));
		struct accounts *c = accounts_of(100);
		/* A record that ends early may be whole so far: the frame's hash says it is not. */
		(void)account_load(c, &in, &load);
		accounts_free(c);
	}
	struct reader in = reader_of(span_make(out.p, out.n));
	ck_assert(account_load(b, &in, &load));
	ck_assert_uint_eq(account_find(b, SPAN("login:busy"))->touched_s, 3);
	ck_assert(!loaded.is_idle);
	in = reader_of(span_make(out.p, out.n));
	ck_assert(account_load(b, &in, &load));
	bytes_free(&out);
	accounts_free(a);
	accounts_free(b);
}
END_TEST

START_TEST(entry_is_small)
{
	/* A place for each part; what hangs there comes on top. */
	ck_assert_uint_le(sizeof(struct account), 48 + PART_COUNT * sizeof(void *));
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
		{"overrides_come_change_and_end", overrides_come_change_and_end, 0},
		{"overrides_of_a_domain_are_found_by_it", overrides_of_a_domain_are_found_by_it, 0},
		{"overrides_that_are_over_are_swept", overrides_that_are_over_are_swept, 0},
		{"a_clock_that_is_set_changes_no_end", a_clock_that_is_set_changes_no_end, 0},
		{"reset_reaches_the_parts", reset_reaches_the_parts, 0},
		{"saved_account_is_loaded", saved_account_is_loaded, 0},
		{"entry_is_small", entry_is_small, 0},
	};
	return SUITE_RUN("account", rows);
}
