/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as what was learnt, of the site and of an account: taken or refused; either way memory stays
 * within its bounds, what is known can be saved and loaded as the same, and learning goes on. The first
 * byte tells how far the clock has moved, the next two how many bytes are the site's.
 */
#include "../../src/signals/baseline.h"
#include "fuzz.h"

/* A slice of the site's tables fits in. */
#define INPUT_MAX 40000

static const char rules[] = "listen = ( { address = \"unix:/nowhere/policyd.sock\"; } );\n"
			    "limits = ( { name = \"hourly\"; rate = \"200/1h\"; } );\n"
			    "signals = { memory_max = \"1M\"; };\n";

struct place {
	struct accounts *accounts;
	struct signals *signals;
	struct account *account;
};

static struct place place_new(void)
{
	static struct config *config;
	static const struct account_part_row none = {.name = "none", .id = 99};
	const struct siphash_key key = {.k0 = 1, .k1 = 2};
	struct place place;
	if (!config) {
		struct config_report *report = config_report_new();
		fuzz_check(config_parse(SPAN(rules), "fuzz.conf", &config, report) == 0);
		config_report_free(report);
	}
	place.accounts = accounts_new(&(struct accounts_setup){.hash_key = key,
		.max = 1000,
		.part = {&none, &signals_baseline_part, &signals_score_part}});
	place.signals = signals_new(&(struct signals_setup){
		.hash_key = key, .accounts = place.accounts, .config = config});
	place.account = account_made(place.accounts, SPAN("login:alice@example.org"));
	return place;
}

static void place_free(struct place *place)
{
	accounts_free(place->accounts);
	signals_free(place->signals);
}

static struct bytes baseline_saved(const struct place *place, mono_t mono)
{
	struct bytes out = {.n = 0};
	const struct baseline *b = baseline_of(place->account);
	if (b)
		signals_baseline_part.save(b, &out, mono);
	return out;
}

static bool is_same(struct bytes a, struct bytes b)
{
	return span_equal(span_make(a.p, a.n), span_make(b.p, b.n));
}

static void load(struct place *place, struct span site, struct span part, int64_t shift_us)
{
	char *copy = fuzz_copy(site);
	struct reader in = reader_of(span_make(copy, site.n));
	(void)signals_load(place->signals, &in, shift_us);
	free(copy);
	copy = fuzz_copy(part);
	in = reader_of(span_make(copy, part.n));
	signals_baseline_part.load(place->signals, place->account, &in, shift_us);
	free(copy);
}

/* All parts, one after the other, as they come out of a file. */
static void site_copied(const struct place *from, struct place *to, mono_t mono)
{
	unsigned part = 0;
	for (bool is_more = true; is_more;) {
		struct bytes out = {.n = 0};
		is_more = signals_save(from->signals, &part, &out, mono);
		struct reader in = reader_of(span_make(out.p, out.n));
		fuzz_check(signals_load(to->signals, &in, 0));
		bytes_free(&out);
	}
}

static void save_and_load(const struct place *place, mono_t mono)
{
	struct place next = place_new();
	struct bytes first = baseline_saved(place, mono);
	site_copied(place, &next, mono);
	struct reader in = reader_of(span_make(first.p, first.n));
	signals_baseline_part.load(next.signals, next.account, &in, 0);
	struct bytes second = baseline_saved(&next, mono);
	fuzz_check(is_same(first, second));
	bytes_free(&first);
	bytes_free(&second);
	place_free(&next);
}

static void bounds(const struct place *place, struct now now)
{
	const struct baseline *b = baseline_of(place->account);
	struct normal normal;
	struct recent recent;
	fuzz_check(baseline_bytes(b) <= BASELINE_BYTES_MAX);
	baseline_normal(place->signals, b, now, &normal);
	baseline_recent(b, now.mono, &recent);
	fuzz_check(normal.novelty >= .1 && normal.novelty <= .9);
	fuzz_check(normal.hour_share >= 0 && normal.hour_share <= 1);
	fuzz_check(normal.per_message_high >= 1 && recent.news >= 0 && recent.odd >= 0);
	fuzz_check(baseline_strange(b, HABIT_NETWORK, 1) <= 24);
}

/* Some days of mail, calm and not. */
static void go_on(struct place *place, struct now now)
{
	for (unsigned i = 0; i < 60; i++) {
		uint64_t id = (i % 13 + 1) * UINT64_C(0x9e3779b97f4a7c15);
		struct seen seen = {.recipient = id,
			.domain = id * 3,
			.is_first = i % 3 == 0,
			.is_at_none = i % 5 != 0,
			.newness = i % 2,
			.strangeness = (i % 11) / 10.0,
			.oddity = (i % 7) / 6.0,
			.now = now};
		for (unsigned kind = 0; kind < HABIT_KINDS; kind++)
			seen.habit[kind] = id * (kind + 1);
		baseline_learn(place->signals, place->account, &seen);
		baseline_message(baseline_of(place->account), i, i * 1000, i % 4 != 0);
		baseline_pass(place->signals, place->account, i % 4 != 0, now.mono);
		if (i % 20 == 19)
			baseline_taint(baseline_of(place->account));
		bounds(place, now);
		now.mono.us += 3 * HOUR_US;
		now.wall.us += 3 * HOUR_US;
	}
	baseline_settle(place->signals, place->account, now.mono);
	bounds(place, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t shifts_us[] = {0, HOUR_US, -40 * DAY_US, INT64_MIN};
	const struct now now = {.mono = {.us = 100 * DAY_US}, .wall = {.us = 20000 * DAY_US}};
	if (size < 3 || size > INPUT_MAX)
		return 0;
	struct span rest = span_make((const char *)data + 3, size - 3);
	size_t site_n = data[1] * (size_t)256 + data[2];
	site_n = site_n < rest.n ? site_n : rest.n;
	struct place place = place_new();
	load(&place, span_make(rest.p, site_n), span_make(rest.p + site_n, rest.n - site_n),
		shifts_us[data[0] & 3]);
	bounds(&place, now);
	save_and_load(&place, now.mono);
	go_on(&place, now);
	place_free(&place);
	return 0;
}
