/* SPDX-License-Identifier: ISC */
/*
 * From looks to a verdict (semantics 25 and 26): what one answer says counts only when it was fetched after
 * the one before had run out everywhere, N of the last M raise, so many clean ones in a row lower, and
 * what is not renewed becomes unknown. That the list can be believed was seen to before.
 */
#include <stdlib.h>

#include "internal.h"

/* A verdict stays for so many intervals of its list, and at least for so long. */
#define AGE_INTERVALS 3
#define AGE_MIN_US    (15 * MINUTE_US)
/* No subject is asked about again sooner, whatever the TTL. */
#define RECHECK_MIN_US MINUTE_US
/* So often it is asked again at once where an answer was open and nothing came: one lost packet is no interval. */
#define SILENT_MAX 3
/* As unbound and others have it (cache-max-ttl). */
#define TTL_MAX_S 86400

int64_t list_age_us(const struct list *list)
{
	int64_t age_us = AGE_INTERVALS * list->def->interval_us;
	return age_us > AGE_MIN_US ? age_us : AGE_MIN_US;
}

unsigned record_listed_looks(const struct egress *e, const struct record *record)
{
	uint32_t listed_of = e->config->egress.listed_of;
	unsigned n = 0;
	for (uint32_t i = 0; i < listed_of && i < HISTORY_MAX; i++)
		n += record->history >> i & 1;
	return n;
}

/* ---- one look ---- */

static bool counts(const struct record *record, const struct sight *sight)
{
	return !record->has_counted || sight->fetched.us > record->counted_until.us;
}

static void history_add(struct record *record, const struct sight *sight)
{
	bool is_listed = sight->kind == SIGHT_LISTED;
	/* An answer without a TTL is one that all who ask in the same second share; none is kept for longer than
	 * resolvers do, or one answer would freeze a verdict. */
	int64_t ttl_s = sight->ttl_s ? sight->ttl_s : 1;
	if (ttl_s > TTL_MAX_S)
		ttl_s = TTL_MAX_S;
	record->counted_until = mono_after(sight->fetched, ttl_s * SECOND_US);
	record->has_counted = true;
	record->history = (uint16_t)(record->history << 1 | is_listed);
	if (record->history_n < HISTORY_MAX)
		record->history_n++;
	if (is_listed)
		record->clean_run = 0;
	else if (record->clean_run < UINT8_MAX)
		record->clean_run++;
}

/* ---- codes of what is listed already ---- */

static void want_text(struct list *list, struct record *record)
{
	list->text_n += !record->wants_text;
	record->wants_text = true;
	record->detail->text_missed = false;
}

/* A score moves all the time: it is news only when it means another thing. */
static bool is_silent(const struct list *list, const struct codes *a, const struct codes *b)
{
	const struct blocklist_code *row = codes_worst(list->def, a);
	return row && list_has_scores(list->def) && row == codes_worst(list->def, b);
}

static void codes_change(struct egress *e, struct list *list, struct record *record)
{
	struct detail *detail = record->detail;
	detail->verdict = detail->seen;
	detail->next_looks = 0;
	want_text(list, record);
	change_listing(e, list, record,
		&(struct verdict_change){
			.from = SEEN_LISTED, .to = SEEN_LISTED, .codes = &detail->verdict});
}

/* As many looks in a row as it took to raise the listing make its codes other ones. */
static void codes_follow(struct egress *e, struct list *list, struct record *record, bool counted)
{
	struct detail *detail = record->detail;
	if (codes_equal(&detail->seen, &detail->verdict)) {
		detail->next_looks = 0;
		return;
	}
	if (is_silent(list, &detail->seen, &detail->verdict)) {
		detail->verdict = detail->seen;
		return;
	}
	if (!counted)
		return;
	if (detail->next_looks == 0 || !codes_equal(&detail->next, &detail->seen)) {
		detail->next = detail->seen;
		detail->next_looks = 0;
	}
	if (++detail->next_looks >= e->config->egress.listed_looks)
		codes_change(e, list, record);
}

/* ---- the verdict ---- */

static void verdict_set(struct egress *e, struct list *list, struct record *record,
	const struct verdict_change *change)
{
	record->verdict = (uint8_t)change->to;
	record->since = e->now.wall;
	change_listing(e, list, record, change);
}

static void raise_listing(struct egress *e, struct list *list, struct record *record)
{
	struct detail *detail = record_detail(record);
	enum verdict_state from = record->verdict;
	detail->verdict = detail->seen;
	detail->next_looks = 0;
	free(detail->text);
	detail->text = NULL;
	record->was_listed = false;
	want_text(list, record);
	verdict_set(e, list, record,
		&(struct verdict_change){
			.from = from, .to = SEEN_LISTED, .codes = &detail->verdict});
}

static void lower_listing(struct egress *e, struct list *list, struct record *record)
{
	struct codes were = {0};
	enum verdict_state from = record->verdict;
	if (from == SEEN_LISTED && record->detail)
		were = record->detail->verdict;
	record_release(record);
	list->text_n -= record->wants_text;
	if (from == SEEN_LISTED || record->was_listed) {
		/* What led to the listing must not help to raise the next one. */
		record->history = 0;
		record->history_n = record->clean_run;
	}
	record->wants_text = record->was_listed = false;
	verdict_set(e, list, record,
		&(struct verdict_change){.from = from, .to = SEEN_CLEAN, .codes = &were});
}

static void judge_listed(struct egress *e, struct list *list, struct record *record, bool counted)
{
	if (record->verdict == SEEN_LISTED && record->detail->text_missed)
		want_text(list, record);
	if (record->verdict == SEEN_LISTED)
		codes_follow(e, list, record, counted);
	else if (record_listed_looks(e, record) >= e->config->egress.listed_looks)
		raise_listing(e, list, record);
}

static void judge_clean(struct egress *e, struct list *list, struct record *record)
{
	bool is_slow = record->verdict == SEEN_LISTED || record->was_listed;
	uint32_t needed = is_slow ? e->config->egress.clean_looks : 1;
	if (record->verdict != SEEN_CLEAN && record->clean_run >= needed)
		lower_listing(e, list, record);
}

/* ---- what comes next ---- */

static bool is_settled(const struct record *record)
{
	const struct detail *detail = record->detail;
	if (record->verdict != record->seen)
		return false;
	return record->verdict != SEEN_LISTED || codes_equal(&detail->seen, &detail->verdict);
}

/* What is still to come; MONO_NEVER: nothing is. */
static mono_t recheck_planned(const struct egress *e, const struct record *record)
{
	return is_past(record->recheck, e->now.mono) ? MONO_NEVER : record->recheck;
}

/*
 * At TTL + 1 s, when a new answer can say something new (semantics 25). One that did not count says nothing new, and
 * puts nothing off: people may look as often as they like.
 */
static mono_t recheck_at(const struct egress *e, const struct record *record, bool counted)
{
	mono_t soonest = mono_after(e->now.mono, RECHECK_MIN_US);
	mono_t fresh = mono_after(record->counted_until, SECOND_US);
	mono_t planned = recheck_planned(e, record);
	if (!counted && planned.us != MONO_NEVER.us)
		return planned;
	if (is_settled(record))
		return MONO_NEVER;
	return fresh.us > soonest.us ? fresh : soonest;
}

/*
 * A look that agrees renews the verdict. One that says clean also keeps a listing, which takes its looks to
 * lower; but what is called listed is not kept clean by it.
 */
static bool renews(const struct record *record)
{
	return record->verdict == SEEN_LISTED || record->verdict == record->seen;
}

/* The last answer said another thing than the verdict, whether it counted or came too soon, and it takes more of them. */
static bool has_doubt(const struct record *record)
{
	if (record->silent > 0)
		return true;
	if (record->verdict == SEEN_LISTED)
		return record->clean_run > 0 || record->seen == SEEN_CLEAN;
	return record->history & 1 || record->seen == SEEN_LISTED;
}

/* An answer that tells nothing of the subject. */
static void observe_nothing(struct egress *e, struct record *record, const struct sight *sight)
{
	bool is_open = has_doubt(record);
	record->seen = SEEN_UNKNOWN;
	record->recheck = recheck_planned(e, record);
	if (is_open && record->silent < SILENT_MAX) {
		record->silent++;
		record->recheck =
			mono_min(record->recheck, mono_after(e->now.mono, RECHECK_MIN_US));
	}
	record->why = UNKNOWN_SIGHT;
	if (sight->codes.n)
		record_detail(record)->seen = sight->codes;
	else if (record->detail)
		record->detail->seen.n = 0;
}

void listing_observe(
	struct egress *e, struct list *list, struct record *record, const struct sight *sight)
{
	record->sight_kind = (uint8_t)sight->kind;
	record->result = (uint8_t)sight->result;
	e->is_dirty = true;
	if (sight->kind != SIGHT_CLEAN && sight->kind != SIGHT_LISTED) {
		observe_nothing(e, record, sight);
		return;
	}
	record->silent = 0;
	bool counted = counts(record, sight);
	if (counted)
		history_add(record, sight);
	record->looked = e->now.wall;
	record->why = UNKNOWN_FEW;
	if (sight->kind == SIGHT_LISTED) {
		record->seen = SEEN_LISTED;
		/* It ends a row of clean ones also where it comes too soon to count itself. */
		record->clean_run = 0;
		record_detail(record)->seen = sight->codes;
		judge_listed(e, list, record, counted);
	} else {
		record->seen = SEEN_CLEAN;
		if (record->detail)
			record->detail->seen.n = 0;
		judge_clean(e, list, record);
	}
	if (renews(record))
		record->renewed = e->now.mono;
	record->recheck = recheck_at(e, record, counted);
	list->aging = mono_min(list->aging, mono_after(e->now.mono, list_age_us(list)));
}

void listing_suspect(const struct egress *e, struct record *record)
{
	mono_t soon = mono_after(e->now.mono, RECHECK_MIN_US);
	if (record->verdict != SEEN_LISTED)
		record->recheck = mono_min(record->recheck, soon);
}

/* ---- aging ---- */

static void record_age(struct egress *e, struct list *list, struct record *record)
{
	char why[UNKNOWN_TEXT_SIZE];
	enum verdict_state from = record->verdict;
	record->was_listed = record->was_listed || from == SEEN_LISTED;
	if (from == SEEN_LISTED)
		record->clean_run = 0;
	record->verdict = SEEN_UNKNOWN;
	record->since = e->now.wall;
	if (record->why != UNKNOWN_SIGHT && (record->seen == from || record->seen == SEEN_UNKNOWN))
		record->why = UNKNOWN_OLD;
	e->is_dirty = true;
	change_listing(e, list, record,
		&(struct verdict_change){.from = from,
			.to = SEEN_UNKNOWN,
			.why = unknown_text(e, list, record, why)});
}

void list_age(struct egress *e, struct list *list)
{
	int64_t age_us = list_age_us(list);
	list->aging = MONO_NEVER;
	for (size_t i = 0; i < list->record_n; i++) {
		struct record *record = &list->record[i];
		if (record->verdict == SEEN_UNKNOWN)
			continue;
		mono_t end = mono_after(record->renewed, age_us);
		if (is_past(end, e->now.mono))
			record_age(e, list, record);
		else
			list->aging = mono_min(list->aging, end);
	}
}
