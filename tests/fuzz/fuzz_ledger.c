/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a saved ledger: taken or refused; either way it can be looked at, saved again and loaded as the
 * same, time can go on, and listings come and go. The first byte tells where the clock stands.
 */
#include <errno.h>

#include "fuzz.h"
#include "policyd/ledger.h"

/* Larger ones only take longer. */
#define STATE_MAX 16384

static struct now now_of(uint8_t byte)
{
	static const int64_t walls_s[] = {0, 1799000000, 1800001800, INT64_C(253402300799)};
	return (struct now){
		.mono = {.us = 5000 * SECOND_US}, .wall = {.us = walls_s[byte & 3] * SECOND_US}};
}

static size_t look(const struct ledger *l)
{
	size_t n = 0, programmes = 0;
	const struct ledger_entry *entry;
	const struct programme_entry *programme;
	for (; (entry = ledger_at(l, n)); n++) {
		fuzz_check(entry->subject[0] && entry->list[0] && entry->word < DELIST_WORDS);
		fuzz_check(ledger_find(l, span_of(entry->subject), span_of(entry->list)) == entry);
		fuzz_check(strlen(entry->note) <= EVENT_REASON_MAX);
	}
	for (; (programme = programmes_at(l, programmes)); programmes++)
		fuzz_check(programme_find(l, span_of(programme->name)) == programme);
	fuzz_check(n <= LEDGER_MAX && programmes <= LEDGER_PROGRAMMES_MAX);
	return n * 1000 + programmes;
}

static void save_and_load(struct ledger *l)
{
	struct bytes saved = {0}, again = {0};
	ledger_save(l, &saved);
	struct ledger *next = ledger_new();
	fuzz_check(ledger_load(next, span_make(saved.p, saved.n)) == 0);
	fuzz_check(look(l) == look(next));
	ledger_save(next, &again);
	fuzz_check(span_equal(span_make(saved.p, saved.n), span_make(again.p, again.n)));
	ledger_free(next);
	bytes_free(&saved);
	bytes_free(&again);
}

static void effects_take(struct ledger *l)
{
	struct ledger_effect effect;
	while (ledger_effect(l, &effect)) {
		fuzz_check(effect.event.account.n > 0 && effect.event.reason.n > 0);
		fuzz_check(effect.event.account.n <= EVENT_ACCOUNT_MAX);
		fuzz_check(effect.event.reason.n <= EVENT_REASON_MAX);
	}
}

/* Two months, in which every listing ends, and comes back. */
static void go_on(struct ledger *l, struct now now)
{
	for (unsigned day = 0; day < 60; day++) {
		now.mono.us += DAY_US;
		now.wall.us += DAY_US;
		fuzz_check(ledger_due(l, now).us >= now.mono.us);
		ledger_tick(l, now);
		effects_take(l);
		/* What was told is not told again. */
		ledger_tick(l, now);
		struct ledger_effect effect;
		fuzz_check(!ledger_effect(l, &effect));
		for (size_t i = 0; i < LEDGER_MAX && ledger_at(l, i); i++) {
			char subject[256], list[64];
			span_copy(span_of(ledger_at(l, i)->subject), subject, sizeof(subject));
			span_copy(span_of(ledger_at(l, i)->list), list, sizeof(list));
			ledger_listing(l, span_of(subject), span_of(list),
				day % 2 ? SEEN_LISTED : SEEN_CLEAN, now.wall);
		}
		effects_take(l);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > STATE_MAX)
		return 0;
	struct ledger *l = ledger_new();
	char *copy = fuzz_copy(span_make((const char *)data + 1, size - 1));
	int r = ledger_load(l, span_make(copy, size - 1));
	fuzz_check(r == 0 || r == -EBADMSG);
	free(copy);
	save_and_load(l);
	go_on(l, now_of(data[0]));
	ledger_free(l);
	return 0;
}
