/* SPDX-License-Identifier: ISC */
/* What all accounts have in common, and what they do together. */
#include "../../src/signals/site.h"

#include "baseline_help.h"
#include "random.h"

#define ck_near(a, b) ck_assert_double_eq_tol((a), (b), 0.001)
#define DAY(n)        ((second_t)(SECOND_ORIGIN + (n)*INT64_C(86400)))

static mono_t day_us(int64_t days)
{
	return (mono_t){.us = days * DAY_US};
}

/* ---- uses ---- */

START_TEST(test_uses)
{
	struct site *site = site_new();
	uint64_t office = hash_of("network", 1);
	ck_assert_uint_eq(site_uses(site, HABIT_NETWORK, office), 0);
	for (unsigned i = 1; i <= 5; i++) {
		site_settled(site, HABIT_NETWORK, office, DAY(1));
		ck_assert_uint_eq(site_uses(site, HABIT_NETWORK, office), i);
	}
	/* Another kind of the same number is another thing, and another number too. */
	ck_assert_uint_eq(site_uses(site, HABIT_HELO, office), 0);
	ck_assert_uint_eq(site_uses(site, HABIT_NETWORK, hash_of("network", 2)), 0);
	for (unsigned i = 0; i < 70000; i++)
		site_settled(site, HABIT_NETWORK, office, DAY(1));
	ck_assert_uint_eq(site_uses(site, HABIT_NETWORK, office), UINT16_MAX);
	site_free(site);
}
END_TEST

/* What many use stays when a flood of others comes. */
START_TEST(test_uses_of_many_stay)
{
	struct site *site = site_new();
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned k = 0; k < 3; k++)
			site_settled(site, HABIT_HELO, hash_of("helo", i), DAY(1));
	}
	for (unsigned i = 0; i < 10 * USES_MAX; i++)
		site_settled(site, HABIT_NETWORK, hash_of("network", i), DAY(2));
	for (unsigned i = 0; i < 100; i++)
		ck_assert_uint_eq(site_uses(site, HABIT_HELO, hash_of("helo", i)), 3);
	/* Until nobody has come to use them in more than a year. */
	for (unsigned i = 0; i < 10 * USES_MAX; i++)
		site_settled(site, HABIT_NETWORK, hash_of("network", i), DAY(500));
	unsigned left = 0;
	for (unsigned i = 0; i < 100; i++)
		left += site_uses(site, HABIT_HELO, hash_of("helo", i)) > 0;
	ck_assert_uint_eq(left, 0);
	site_free(site);
}
END_TEST

/* ---- recipients ---- */

static unsigned known_of(const struct site *site, const char *word, unsigned n)
{
	unsigned known = 0;
	for (unsigned i = 0; i < n; i++)
		known += site_knows(site, hash_of(word, i));
	return known;
}

START_TEST(test_recipients)
{
	struct site *site = site_new();
	ck_assert_uint_eq(known_of(site, "r", 1000), 0);
	for (unsigned i = 0; i < 100000; i++)
		site_met(site, hash_of("r", i), day_us(1));
	ck_assert_uint_eq(known_of(site, "r", 100000), 100000);
	/* As good as nobody else. */
	ck_assert_uint_le(known_of(site, "stranger", 100000), 500);
	site_free(site);
}
END_TEST

START_TEST(test_recipients_rotate_when_old)
{
	struct site *site = site_new();
	site_met(site, hash_of("old", 0), day_us(1));
	site_met(site, hash_of("kept", 0), day_us(1));
	site_met(site, hash_of("r", 0), day_us(61));
	ck_assert(site_knows(site, hash_of("old", 0)));
	site_met(site, hash_of("kept", 0), day_us(62));
	ck_assert(site_knows(site, hash_of("old", 0)));
	site_met(site, hash_of("r", 1), day_us(123));
	ck_assert(site_knows(site, hash_of("kept", 0)));
	ck_assert(!site_knows(site, hash_of("old", 0)));
	site_free(site);
}
END_TEST

/* However many come, a stranger is a stranger mostly. */
START_TEST(test_recipients_rotate_when_full)
{
	struct site *site = site_new();
	for (unsigned i = 0; i < 700000; i++)
		site_met(site, hash_of("r", i), day_us(1));
	ck_assert_uint_le(known_of(site, "stranger", 100000), 6000);
	for (unsigned i = 600000; i < 700000; i++)
		ck_assert(site_knows(site, hash_of("r", i)));
	ck_assert(!site_knows(site, hash_of("r", 0)) || known_of(site, "r", 100000) < 10000);
	site_free(site);
}
END_TEST

/* ---- the young ---- */

START_TEST(test_novelty)
{
	struct site *site = site_new();
	ck_near(site_novelty(site), .35);
	site_learn_novelty(site, 80, 100);
	ck_near(site_novelty(site), .5);
	site_learn_novelty(site, 0, 0);
	ck_near(site_novelty(site), .5);
	for (unsigned i = 0; i < 1000; i++)
		site_learn_novelty(site, 1, 10);
	ck_assert_double_eq_tol(site_novelty(site), .1, .01);
	site_learn_novelty(site, 1e9, 1e9);
	ck_assert_double_le(site_novelty(site), 1);
	ck_assert_double_ge(site_novelty(site), .99);
	site_free(site);
}
END_TEST

START_TEST(test_since)
{
	struct site *site = site_new();
	ck_assert_uint_eq(site_since(site), 0);
	site_begin(site, day_us(3));
	site_begin(site, day_us(9));
	ck_assert_uint_eq(site_since(site), DAY(3));
	site_free(site);
}
END_TEST

/* ---- campaigns ---- */

static struct table_ref ref_of(uint32_t n)
{
	return (struct table_ref){.index = n, .generation = 1};
}

START_TEST(test_campaign)
{
	struct campaign *c = campaign_new();
	struct campaign_seen seen;
	uint64_t bob = hash_of("recipient", 1);
	for (uint32_t i = 1; i <= 3; i++) {
		campaign_recipient(c, bob, ref_of(i), day_us(1), &seen);
		campaign_recipient(c, bob, ref_of(i), day_us(1), &seen);
		ck_assert_uint_eq(seen.accounts, i);
		ck_assert_uint_eq(seen.n, i);
	}
	ck_assert_uint_eq(seen.account[0].index, 1);
	ck_assert_uint_eq(seen.account[2].index, 3);
	campaign_recipient(c, hash_of("recipient", 2), ref_of(1), day_us(1), &seen);
	ck_assert_uint_eq(seen.accounts, 1);
	/* Networks are counted apart. */
	campaign_network(c, bob, ref_of(1), day_us(1), &seen);
	ck_assert_uint_eq(seen.accounts, 1);
	/* The same place for another account later is another account. */
	struct table_ref next = {.index = 1, .generation = 2};
	campaign_recipient(c, bob, next, day_us(1), &seen);
	ck_assert_uint_eq(seen.accounts, 4);
	campaign_free(c);
}
END_TEST

static const struct window_row {
	const char *label;
	void (*tell)(struct campaign *c, uint64_t id, struct table_ref account, mono_t mono,
		struct campaign_seen *ret);
	int64_t window_us;
} window_rows[] = {
	{"recipient", campaign_recipient, 2 * DAY_US},
	{"network", campaign_network, DAY_US},
};

START_TEST(test_campaign_window)
{
	const struct window_row *row = &window_rows[_i];
	struct campaign *c = campaign_new();
	struct campaign_seen seen;
	mono_t start = day_us(5);
	row->tell(c, 7, ref_of(1), start, &seen);
	row->tell(c, 7, ref_of(2), mono_after(start, row->window_us), &seen);
	ck_assert_msg(seen.accounts == 2, "%s", row->label);
	row->tell(c, 7, ref_of(3), mono_after(start, row->window_us + SECOND_US), &seen);
	ck_assert_msg(seen.accounts == 2, "%s", row->label);
	ck_assert_uint_eq(seen.account[0].index + seen.account[1].index, 5);
	campaign_free(c);
}
END_TEST

/* The latest eight of any number. */
START_TEST(test_campaign_of_many)
{
	struct campaign *c = campaign_new();
	struct campaign_seen seen;
	unsigned sum = 0;
	for (uint32_t i = 1; i <= 100; i++)
		campaign_recipient(c, 7, ref_of(i), mono_after(day_us(1), i * SECOND_US), &seen);
	ck_assert_uint_eq(seen.accounts, CAMPAIGN_ACCOUNTS);
	for (size_t i = 0; i < seen.n; i++)
		sum += seen.account[i].index;
	ck_assert_uint_eq(sum, 93 + 94 + 95 + 96 + 97 + 98 + 99 + 100);
	campaign_free(c);
}
END_TEST

/* A flood of others displaces what was quiet for longest, and nothing that goes on. */
START_TEST(test_campaign_flood)
{
	struct campaign *c = campaign_new();
	struct campaign_seen seen;
	mono_t now = day_us(1);
	for (uint32_t i = 0; i < 100000; i++) {
		now = mono_after(now, SECOND_US / 10);
		campaign_recipient(c, hash_of("other", i), ref_of(i), now, &seen);
		ck_assert_uint_eq(seen.accounts, 1);
		if (i % 100 == 0)
			campaign_recipient(c, hash_of("same", 0), ref_of(i / 10000), now, &seen);
	}
	campaign_recipient(c, hash_of("same", 0), ref_of(0), now, &seen);
	ck_assert_uint_eq(seen.accounts, CAMPAIGN_ACCOUNTS);
	campaign_free(c);
}
END_TEST

/* ---- in a snapshot ---- */

#define PARTS_MAX  100
#define PART_BYTES 66000

static size_t save_all(struct world *w, struct bytes *out, unsigned *ret_parts)
{
	unsigned part = 0;
	*ret_parts = 0;
	for (size_t before = 0; signals_save(&w->s, &part, out, w->now.mono); before = out->n) {
		ck_assert_uint_le(out->n - before, PART_BYTES);
		ck_assert_uint_gt(out->n, before);
		ck_assert_uint_le(++*ret_parts, PARTS_MAX);
	}
	return out->n;
}

static void site_fill(struct world *w, unsigned recipients, unsigned uses)
{
	for (unsigned i = 0; i < recipients; i++)
		site_met(w->s.site, hash_of("r", i), w->now.mono);
	for (unsigned i = 0; i < uses; i++)
		site_settled(w->s.site, HABIT_ASN, hash_of("asn", i), second_of(w->now.mono));
	site_learn_novelty(w->s.site, 50, 70);
	site_begin(w->s.site, w->now.mono);
}

static const struct save_row {
	const char *label;
	unsigned recipients, uses;
} save_rows[] = {
	{"nothing", 0, 0},
	{"a small site", 500, 50},
	{"a large one", 400000, 100000},
};

START_TEST(test_save)
{
	const struct save_row *row = &save_rows[_i];
	struct world *w = world_new(""), *next = world_new("");
	struct bytes first = {.n = 0}, second = {.n = 0};
	unsigned parts, parts_again;
	site_fill(w, row->recipients, row->uses);
	next->s.key = (struct siphash_key){9, 9};
	save_all(w, &first, &parts);
	struct reader in = reader_of(span_make(first.p, first.n));
	ck_assert_msg(signals_load(&next->s, &in, 0), "%s", row->label);
	ck_assert_uint_eq(next->s.key.k0, 1);
	ck_assert_uint_eq(next->s.key.k1, 2);
	ck_assert_mem_eq(next->s.site, w->s.site, sizeof(*w->s.site));
	save_all(next, &second, &parts_again);
	ck_assert_uint_eq(parts, parts_again);
	ck_assert(span_equal(span_make(first.p, first.n), span_make(second.p, second.n)));
	if (row->recipients <= 500)
		ck_assert_uint_le(first.n, 200 + row->recipients * 12 + row->uses * 12);
	bytes_free(&first);
	bytes_free(&second);
	world_free(w);
	world_free(next);
}
END_TEST

/* Part by part, as it comes out of the blocks of a file. */
START_TEST(test_load_in_parts)
{
	struct world *w = world_new(""), *next = world_new("");
	unsigned part = 0;
	site_fill(w, 30000, 3000);
	for (;;) {
		struct bytes out = {.n = 0};
		bool is_more = signals_save(&w->s, &part, &out, w->now.mono);
		struct reader in = reader_of(span_make(out.p, out.n));
		ck_assert(signals_load(&next->s, &in, 0));
		bytes_free(&out);
		if (!is_more)
			break;
	}
	ck_assert_mem_eq(next->s.site, w->s.site, sizeof(*w->s.site));
	world_free(w);
	world_free(next);
}
END_TEST

START_TEST(test_load_shifted)
{
	struct world *w = world_new(""), *next = world_new("");
	struct bytes out = {.n = 0};
	unsigned parts;
	site_fill(w, 10, 10);
	save_all(w, &out, &parts);
	struct reader in = reader_of(span_make(out.p, out.n));
	ck_assert(signals_load(&next->s, &in, -99 * DAY_US));
	ck_assert_uint_eq(site_since(next->s.site), DAY(1));
	ck_assert_uint_eq(known_of(next->s.site, "r", 10), 10);
	site_met(next->s.site, hash_of("r", 1000), day_us(62));
	site_met(next->s.site, hash_of("r", 1000), day_us(123));
	ck_assert_uint_eq(known_of(next->s.site, "r", 10), 0);
	bytes_free(&out);
	world_free(w);
	world_free(next);
}
END_TEST

/* What makes no sense leaves nothing behind but what a new site has. */
START_TEST(test_load_anything)
{
	struct world *w = world_new(""), *next = world_new("");
	struct site *fresh = site_new();
	struct chance chance = chance_new("site");
	struct bytes out = {.n = 0};
	unsigned parts, bad = 0;
	site_fill(w, 300, 300);
	save_all(w, &out, &parts);
	for (unsigned round = 0; round < 1500; round++) {
		char *copy = malloc(out.n);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, out.p, out.n);
		size_t n = round % 2 ? out.n : chance_below(&chance, (uint32_t)out.n);
		for (unsigned i = 0; i < round % 3; i++)
			copy[chance_below(&chance, (uint32_t)out.n)] =
				(char)chance_below(&chance, 256);
		struct reader in = reader_of(span_make(copy, n));
		if (!signals_load(&next->s, &in, 0)) {
			ck_assert_mem_eq(next->s.site, fresh, sizeof(*fresh));
			bad++;
		}
		ck_assert_double_le(site_novelty(next->s.site), 1);
		site_met(next->s.site, hash_of("r", round), day_us(round));
		site_clear(next->s.site);
		free(copy);
	}
	ck_assert_uint_ge(bad, 500);
	bytes_free(&out);
	site_free(fresh);
	world_free(w);
	world_free(next);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"uses", test_uses, 0},
		{"uses of many stay", test_uses_of_many_stay, 0},
		{"recipients", test_recipients, 0},
		{"recipients rotate when old", test_recipients_rotate_when_old, 0},
		{"recipients rotate when full", test_recipients_rotate_when_full, 0},
		{"novelty", test_novelty, 0},
		{"since", test_since, 0},
		{"campaign", test_campaign, 0},
		{"campaign window", test_campaign_window, ROWS(window_rows)},
		{"campaign of many", test_campaign_of_many, 0},
		{"campaign flood", test_campaign_flood, 0},
		{"save", test_save, ROWS(save_rows)},
		{"load in parts", test_load_in_parts, 0},
		{"load shifted", test_load_shifted, 0},
		{"load anything", test_load_anything, 0},
	};

	return SUITE_RUN("site", rows);
}
